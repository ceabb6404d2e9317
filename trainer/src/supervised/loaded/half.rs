//! Whether f16 has room for what a classifier's layers make of samples.

use std::path::Path;

use cartwheel_agents::models::HalfRange;
use serde::Serialize;

use super::calibration::{OnSamples, SamplesPhase, SamplesSeen};
use super::labelled::Parts;
use super::saved::SavedModel;
use crate::TrainError;
use crate::run::RunDir;

/// Samples that are looked at, at most: a layer that outgrows f16 does so for most of them.
const SAMPLES: usize = 128;

/// What was seen of activations in f16.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct HalfReport {
    /// Samples that were looked at,
    pub samples: usize,
    /// and where they are.
    pub looked_at: Option<String>,
    /// The largest number that a layer made of them,
    pub largest: Option<f32>,
    /// and which layer that is.
    pub layer: Option<String>,
    /// Why there were none to look at.
    pub not_looked_at: Option<String>,
    /// Files that gave no image, and why.
    pub broken: Vec<String>,
}

impl SavedModel {
    /// Looks for activations that f16 has no room for: of the samples in `data`, or else those that its `run` was trained on. Where
    /// `data` is not given and there are none, the report says why.
    ///
    /// # Errors
    /// If a weight or an activation is too large: which layer's. If `data` cannot be read.
    pub fn check_half(
        &self,
        run: Option<&RunDir>,
        data: Option<&Path>,
        on_samples: OnSamples<'_>,
    ) -> Result<HalfReport, TrainError> {
        let mut report = HalfReport {
            samples: 0,
            looked_at: None,
            largest: None,
            layer: None,
            not_looked_at: None,
            broken: Vec::new(),
        };
        let unfit = |error| TrainError::Unfit(format!("{}: {error}", self.file().display()));
        let (mut range, mut outgrown) = (HalfRange::new(self.plan()).map_err(unfit)?, None);
        let mut look = |Parts { train, .. }: Parts| {
            let mut order = train.in_order();
            order.truncate(SAMPLES);
            let total = order.len();
            report.looked_at = Some(train.place());
            train.each(order, &mut |batch| {
                report.broken.extend(batch.skipped);
                report.samples += batch.classes.len();
                on_samples(SamplesSeen {
                    phase: SamplesPhase::Looking,
                    done: report.samples + report.broken.len(),
                    total,
                });
                outgrown = outgrown.take().or_else(|| range.see(batch.x).err());
                Ok(())
            })
        };
        match self.calibration(run, data).and_then(&mut look) {
            Err(error) if data.is_some() => return Err(error),
            Err(error) => (report.looked_at, report.not_looked_at) = (None, Some(error.to_string())),
            Ok(()) => {}
        }
        if let Some(outgrown) = outgrown {
            return Err(unfit(outgrown));
        }
        if report.samples > 0 {
            let (layer, largest) = range.largest();
            (report.layer, report.largest) = (Some(layer.to_owned()), Some(largest));
        }
        Ok(report)
    }
}
