//! What `cartwheel export --precision int8` and `f16` tell.

use crate::trainer::supervised::{HalfReport, QuantizationReport};

use super::accuracy::falls;
use super::fit_report::skipped;
use super::output::{Failure, table};

/// Refuses a model that got worse than `most`.
pub(super) fn check_drop(report: &QuantizationReport, most: f64) -> std::result::Result<(), Failure> {
    if let (Some(before), Some(after)) = (report.accuracy_f32, report.accuracy_int8)
        && falls(before, after, most)
    {
        let [before, after, drop, most] = [before, after, before - after, most].map(|share| 100.0 * share);
        return Err(Failure::failed(format!(
            "accuracy falls from {before:.2} % in f32 to {after:.2} % in int8, by {drop:.2} points where --max-drop allows \
             {most:.2}: nothing is written; try more --calibration-samples or --precision f16"
        )));
    }
    Ok(())
}

/// The report, for people.
pub(super) fn describe(report: &QuantizationReport) -> String {
    let percent = |share: f64| format!("{:.2} %", 100.0 * share);
    let accuracy = match (report.accuracy_f32, report.accuracy_int8) {
        (Some(before), Some(after)) => format!("accuracy {} in f32, {} in int8", percent(before), percent(after)),
        _ => format!("accuracy is not known: {}", report.without_classes.as_deref().unwrap_or_default()),
    };
    let rows = report.layers.iter().map(|layer| {
        let none = || "-".to_owned();
        let weights = layer.weight_bits.map_or_else(none, |bits| bits.to_string());
        let noise = match (layer.weight_bits, layer.weight_snr_db) {
            (Some(_), Some(decibels)) => format!("{decibels:.1}"),
            (Some(_), None) => "exact".to_owned(),
            (None, _) => none(),
        };
        let activation = layer.activation.map_or_else(
            || ["f32".to_owned(), none(), none(), none()],
            |of| {
                let range = format!("{} to {}", significant(of.lowest), significant(of.highest));
                [of.bits.to_string(), range, significant(of.scale), of.zero_point.to_string()]
            },
        );
        [layer.name.clone(), layer.kind.clone(), weights, noise].into_iter().chain(activation).collect()
    });
    let head = ["LAYER", "KIND", "WEIGHT BITS", "SNR DB", "ACTIVATION BITS", "RANGE", "SCALE", "ZERO POINT"];
    format!(
        "{} bytes in f32: {:.2} times as many\n{} samples of {}: {accuracy}\nthe same class for {}, cosine of the logits \
         {:.6}\ncalibrated on {} samples of {}\n{}\n\n{}{}",
        report.f32_bytes,
        report.f32_bytes as f64 / report.int8_bytes.max(1) as f64,
        report.judged_samples,
        report.judged_on,
        percent(report.agreement),
        report.cosine,
        report.calibration_samples,
        report.calibrated_on,
        report.provenance,
        table(&head, rows),
        skipped(&report.broken)
    )
}

/// Whether f16 has room for what layers make of samples, for people.
pub(super) fn describe_half(report: &HalfReport) -> String {
    let seen = match (&report.looked_at, &report.layer, report.largest) {
        (Some(place), Some(layer), Some(largest)) => format!(
            "of {} samples of {place} the largest number is {} ({layer}); f16 has room up to 65504",
            report.samples,
            significant(largest)
        ),
        _ => {
            let reason = report.not_looked_at.as_deref().unwrap_or_default();
            format!("weights fit f16; whether what layers make of samples does was not looked at: {reason}")
        }
    };
    seen + &skipped(&report.broken)
}

/// A number with four digits that count, however large or small it is.
fn significant(value: f32) -> String {
    let is_plain = value == 0.0 || (0.1..1e6).contains(&value.abs());
    if is_plain { format!("{value:.4}") } else { format!("{value:.3e}") }
}
