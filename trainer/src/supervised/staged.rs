//! A classifier in stages, each of which another process has; or in one, which is all of it.
//!
//! Only the first stage reads samples and counts what came out; the last one judges. All call the same functions in the same order.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use cartwheel_agents::models::{Classifier, Forward, Pass, Piece};
use cartwheel_agents::nn::Gradients;
use cartwheel_agents::nn::ops::Targets;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::profile::timed;
use crate::TrainError;
use crate::memory::in_mib;
use crate::supervised::parallel::{Flow, Group, Work, bubble, schedule};
use crate::supervised::settings::FitSettings;

/// Samples of a micro-batch to learn from.
pub(crate) struct Lesson {
    pub(crate) x: Vec<f32>,
    pub(crate) answers: Answers,
}

/// What should come out of them.
#[derive(Serialize, Deserialize)]
pub(crate) struct Answers {
    /// The class of each.
    pub(crate) classes: Vec<u32>,
    /// How likely each class of each is, where samples are mixed or classes do not count alike.
    pub(crate) shares: Option<Vec<f32>>,
}

/// How what comes out is judged.
pub(crate) struct Loss<'a> {
    pub(crate) class_weight: Option<&'a [f32]>,
    pub(crate) label_smoothing: f64,
    pub(crate) divisor: f64,
}

impl Loss<'_> {
    fn targets<'t>(&'t self, answers: &'t Answers) -> Targets<'t> {
        match (&answers.shares, self.class_weight) {
            (Some(shares), Some(class_weight)) => Targets::Weighted { shares, class_weight },
            (Some(shares), None) => Targets::Shares(shares),
            (None, _) => Targets::Classes(&answers.classes),
        }
    }
}

/// See the module's documentation.
pub(crate) struct Staged {
    pub(crate) network: Box<dyn Classifier>,
    stages: Option<Arc<Group>>,
}

impl Staged {
    /// A network in one stage.
    pub(crate) fn whole(network: Box<dyn Classifier>) -> Self {
        Self { network, stages: None }
    }

    /// Keeps this process's part of the network, of those in which all have about as much to do.
    pub(crate) fn enter(&mut self, stages: Arc<Group>) {
        if stages.size() > 1 {
            self.network.keep(cut(&self.network.pieces(), stages.size()).swap_remove(stages.rank()));
            self.stages = Some(stages);
        }
    }

    /// Whether samples come into this stage.
    pub(crate) fn is_first(&self) -> bool {
        self.stages.as_ref().is_none_or(|stages| stages.rank() == 0)
    }

    /// Adds the gradient of the losses of `batches` micro-batches to `gradients`: those that the first stage's `next` answers for their
    /// numbers, in order, unless it has none. What came out of each, at the first stage.
    pub(crate) fn learn(
        &mut self,
        batches: usize,
        mut next: impl FnMut(usize) -> Result<Option<Lesson>, TrainError>,
        loss: &Loss<'_>,
        gradients: &mut Gradients,
    ) -> Result<Vec<Option<Pass>>, TrainError> {
        let Some(stages) = self.stages.clone() else {
            let learn = |batch| {
                let Some(Lesson { x, answers }) = next(batch)? else { return Ok(None) };
                let forward = self.forward(x)?;
                let _timed = timed("backward");
                Ok(Some(forward.learn(gradients, loss.targets(&answers), loss.label_smoothing, loss.divisor)?))
            };
            return (0..batches).map(learn).collect();
        };
        let (stage, last) = (stages.rank(), stages.size() - 1);
        let (mut held, mut passes) = (VecDeque::new(), Vec::new());
        Flow::run(&stages, batches, |flow| {
            for work in schedule(stage, stages.size(), batches) {
                match work {
                    Work::Forward(batch) => {
                        let arrived = if stage == 0 {
                            next(batch)?.map(|Lesson { x, answers }| (answers, x))
                        } else {
                            let _timed = timed("wait");
                            let (answers, x) = flow.arrived::<Option<Answers>>()?;
                            answers.map(|answers| (answers, x))
                        };
                        let Some((answers, x)) = arrived else {
                            flow.forward(&None::<Answers>, Vec::new());
                            passes.push(None);
                            held.push_back(None);
                            continue;
                        };
                        let forward = self.forward(x)?;
                        if stage == last {
                            let targets = loss.targets(&answers);
                            let (pass, grad) = forward.judge(targets, loss.label_smoothing, loss.divisor)?;
                            passes.push(Some(pass));
                            held.push_back(Some((forward.way_back, Some(grad))));
                        } else {
                            flow.forward(&Some(answers), forward.outputs);
                            held.push_back(Some((forward.way_back, None)));
                        }
                    }
                    Work::Backward => {
                        let grad = if stage == last {
                            Vec::new()
                        } else {
                            let _timed = timed("wait");
                            flow.grad()?
                        };
                        let going_back = timed("backward");
                        let grad = match held.pop_front().flatten() {
                            Some((way_back, own)) => way_back(own.unwrap_or(grad), gradients)?,
                            None => Vec::new(),
                        };
                        drop(going_back);
                        flow.back(grad);
                    }
                }
            }
            Ok(())
        })?;
        Ok(stages.hand(last, 0, &passes)?.unwrap_or_default())
    }

    fn forward(&mut self, x: Vec<f32>) -> Result<Forward, TrainError> {
        let _timed = timed("forward");
        Ok(self.network.forward(x)?)
    }

    /// The logits of the samples `x`, as in use: of the first stage, while the others [`serve`](Self::serve).
    pub(crate) fn logits(&self, x: Vec<f32>) -> Result<Vec<f32>, TrainError> {
        let Some(stages) = &self.stages else { return Ok(self.network.logits(x)?) };
        let y = self.network.logits(x)?;
        stages.hand_floats(1, Some(&y))?;
        Ok(stages.take_floats(stages.size() - 1)?.unwrap_or_default())
    }

    /// At stages behind the first, answers what it asks until it asks no more.
    pub(crate) fn serve(&self) -> Result<(), TrainError> {
        let Some(stages) = &self.stages else { return Ok(()) };
        let stage = stages.rank();
        let next = (stage + 1) % stages.size();
        loop {
            let x = stages.take_floats(stage - 1)?;
            let is_over = x.is_none();
            let y = x.map(|x| self.network.logits(x)).transpose()?;
            if next > 0 || !is_over {
                stages.hand_floats(next, y.as_deref())?;
            }
            if is_over {
                return Ok(());
            }
        }
    }

    /// At the first stage, ends the others' [`serve`](Self::serve).
    pub(crate) fn asked(&self) -> Result<(), TrainError> {
        if let Some(stages) = &self.stages {
            stages.hand_floats(1, None)?;
        }
        Ok(())
    }

    /// What the first stage has, at all of them.
    pub(crate) fn share<T: Serialize + DeserializeOwned>(&self, own: T) -> Result<T, TrainError> {
        let Some(stages) = &self.stages else { return Ok(own) };
        Ok(stages.share(&own)?.unwrap_or(own))
    }

    /// The first layer with an output that is not finite, in training, for the samples that the first stage has.
    pub(crate) fn not_finite(&self, x: Option<Vec<f32>>) -> Result<Option<String>, TrainError> {
        let Some(stages) = &self.stages else {
            return Ok(x.map(|x| self.network.not_finite(x)).transpose()?.and_then(|(_, layer)| layer));
        };
        let stage = stages.rank();
        let x = if stage == 0 { x } else { stages.take_floats(stage - 1)? };
        let (y, layer) = x.map(|x| self.network.not_finite(x)).transpose()?.unzip();
        if stage + 1 < stages.size() {
            stages.hand_floats(stage + 1, y.as_deref())?;
        }
        Ok(stages.gather(&layer.flatten())?.into_iter().flatten().next())
    }
}

/// `pieces` in so many stages, of which the one that has most to do has as little as can be; each has a piece.
///
/// # Panics
/// If there are fewer pieces than stages.
pub(crate) fn cut(pieces: &[Piece], stages: usize) -> Vec<Range<usize>> {
    assert!(stages <= pieces.len(), "a stage has a piece");
    let cost = |range: Range<usize>| pieces[range].iter().map(|piece| piece.flops).sum::<u64>();
    // Of the first so many pieces in so many stages: what the slowest has to do, and where the last one begins.
    let mut best: Vec<(u64, Vec<usize>)> = (0..=pieces.len()).map(|end| (cost(0..end), vec![0])).collect();
    for stage in 1..stages {
        best = (0..=pieces.len())
            .map(|end| {
                let cuts = (stage..end).map(|at| (best[at].0.max(cost(at..end)), at));
                let Some((slowest, at)) = cuts.min() else { return (u64::MAX, Vec::new()) };
                (slowest, [best[at].1.as_slice(), &[at]].concat())
            })
            .collect();
    }
    let (_, mut starts) = best.swap_remove(pieces.len());
    starts.push(pieces.len());
    starts.windows(2).map(|ends| ends[0]..ends[1]).collect()
}

/// What each of so many stages has, in words, and how much they wait for each other.
pub(crate) fn described(pieces: &[Piece], stages: usize, settings: &FitSettings) -> Vec<String> {
    let sum = |of: fn(&Piece) -> u64, pieces: &[Piece]| pieces.iter().map(of).sum::<u64>();
    let (fit, all) = (&settings.fit, sum(|piece| piece.flops, pieces).max(1));
    let batches = fit.gradient_accumulation;
    let each = cut(pieces, stages).into_iter().enumerate().map(|(stage, range)| {
        let own = &pieces[range];
        let names = match own {
            [first, .., last] => format!("{} to {}", first.name, last.name),
            _ => own[0].name.clone(),
        };
        let parameters = sum(|piece| piece.parameters, own);
        let share = 100.0 * sum(|piece| piece.flops, own) as f64 / all as f64;
        // Weights, gradients and moments; activations of the micro-batches that are under way.
        let held = sum(|piece| piece.activations, own) * (fit.batch_size * batches.min(stages - stage)) as u64;
        let bytes = in_mib(4 * (parameters * (2 + settings.moments()) + held));
        format!(
            "stage {stage}: {names}, {parameters} parameters, {share:.0} % of the operations, about {bytes} to learn in"
        )
    });
    let wait = 100.0 * bubble(stages, batches);
    let waiting = (wait >= 20.0).then(|| {
        format!(
            "stages wait for each other {wait:.0} % of the time with fit.gradient_accumulation = {batches}, the micro-batches of a step: \
            with more of them, of fewer samples each (fit.batch_size), they wait less"
        )
    });
    each.chain(waiting).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(flops: &[u64]) -> Vec<Piece> {
        let piece = |(at, flops): (usize, &u64)| Piece {
            name: format!("layer{at}"),
            parameters: 1 << 20,
            flops: *flops,
            activations: 1 << 18,
        };
        flops.iter().enumerate().map(piece).collect()
    }

    #[test]
    fn the_slowest_stage_has_as_little_to_do_as_can_be() {
        assert_eq!(cut(&pieces(&[9, 1, 1, 1]), 2), [0..1, 1..4]);
        assert_eq!(cut(&pieces(&[1, 1, 1, 9]), 2), [0..3, 3..4]);
        assert_eq!(cut(&pieces(&[1, 2, 3, 4, 5]), 5), [0..1, 1..2, 2..3, 3..4, 4..5]);
        assert_eq!(cut(&pieces(&[4, 4, 4, 4, 4, 4]), 3), [0..2, 2..4, 4..6]);
        // Every way to cut is tried by hand.
        let flops = [7, 3, 9, 1, 4, 8, 2, 6];
        let cost = |range: Range<usize>| flops[range].iter().sum::<u64>();
        let best = (1..7).flat_map(|a| (a + 1..8).map(move |b| [0..a, a..b, b..8])).map(|cuts| cuts.map(cost));
        let best = best.filter_map(|costs| costs.into_iter().max()).min();
        assert_eq!(cut(&pieces(&flops), 3).into_iter().map(cost).max(), best);
    }

    #[test]
    fn stages_are_described() {
        let mut settings = FitSettings::default();
        (settings.fit.batch_size, settings.fit.gradient_accumulation) = (3, 2);
        assert_eq!(settings.moments(), 2, "Adam's");
        let told = described(&pieces(&[1, 1, 2]), 2, &settings);
        let stage = "stage 0: layer0 to layer1, 2097152 parameters, 50 % of the operations, about 44.0 MiB to learn in";
        assert_eq!(told[0], stage);
        let stage = "stage 1: layer2, 1048576 parameters, 50 % of the operations, about 19.0 MiB to learn in";
        assert_eq!(told[1], stage);
        assert!(told[2].contains("33 % of the time with fit.gradient_accumulation = 2"), "{}", told[2]);
        settings.fit.gradient_accumulation = 8;
        assert_eq!(described(&pieces(&[1, 1, 2]), 2, &settings).len(), 2);
    }
}
