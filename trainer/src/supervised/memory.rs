//! A machine without room for a model or a batch: what to do about it.

use cartwheel_agents::models::Cost;
use cartwheel_agents::nn::Device;

use crate::TrainError;
use crate::memory::{in_mib, memory_bytes};
use crate::supervised::config::FitConfig;
use crate::supervised::settings::FitSettings;
use crate::supervised::task::{Parallelism, Part, Purpose, Tally, Task};

/// Refuses what a model of this `cost` takes to learn from `samples`, if this machine has not as much memory: before the model is
/// made, so that it is told and not tried. What a GPU has room for is seen at the first step.
pub(crate) fn check_memory(
    settings: &FitSettings,
    purpose: Purpose,
    cost: &Cost,
    samples: usize,
) -> Result<(), TrainError> {
    let Purpose::Learning(Parallelism { processes, stages }) = purpose else { return Ok(()) };
    if matches!(settings.fit.device, Device::Cuda(_)) {
        return Ok(());
    }
    let (has, moments) = (memory_bytes(), settings.moments());
    // Of a model in stages each process has a part, and holds activations of as many micro-batches as are under way from there on: the
    // first stage those of all, the last of one.
    let under_way = (1..=stages).map(|behind| behind.min(settings.fit.gradient_accumulation) as u64).sum::<u64>();
    let parts = stages as u64;
    let held = cost.held.saturating_mul(under_way) / (parts * parts);
    let cost = Cost { bytes: cost.bytes / parts, held, ..cost.clone() };
    let needs = |batch| cost.training_bytes(batch, moments).saturating_mul(processes as u64);
    // No batch has more samples than there are.
    let largest = settings.fit.batch_size.min(samples);
    if needs(largest) <= has {
        return Ok(());
    }
    let (alone, a_sample) = (needs(0), needs(1).saturating_sub(needs(0)));
    let (need, has_in_mib) = (in_mib(needs(largest)), in_mib(has));
    let who = if processes == 1 { String::new() } else { format!(" in each of {processes} processes") };
    Err(TrainError::Unfit(match has.saturating_sub(alone) / a_sample.max(1) {
        0 => format!(
            "training {}{who} takes {need}, and this machine has {has_in_mib}: {} too large for it",
            cost.model,
            if processes == 1 { "the model is" } else { "so many are" },
        ),
        fits => format!(
            "a batch of {largest} samples{who} takes {need}, and this machine has {has_in_mib}: lower fit.batch_size to {fits} or less, and raise fit.gradient_accumulation to make up for it",
        ),
    }))
}

/// How the model does on validation samples.
pub(crate) fn look(task: &mut dyn Task, fit: &FitConfig) -> Result<Tally, TrainError> {
    task.evaluate(Part::Validation).map_err(|error| no_room(error, fit.looked_at()))
}

/// If a GPU had no room for a batch of `samples`, says what to do about it.
pub(crate) fn no_room(error: TrainError, samples: usize) -> TrainError {
    match error {
        TrainError::Device(error) if error.is_out_of_memory() => TrainError::Unfit(format!(
            "the GPU has no room for a batch of {samples} samples ({error}): lower fit.batch_size to {}, and raise fit.gradient_accumulation to make up for it",
            (samples / 2).max(1)
        )),
        error => error,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use cartwheel_agents::nn::{DeviceError, Gradients, Parameters};

    use super::*;
    use crate::supervised::report::Report;

    /// As dfdx says it of CUDA.
    const OUT_OF_MEMORY: &str = "CudaError(DriverError(CUDA_ERROR_OUT_OF_MEMORY, \"out of memory\"))";

    fn failed(what: &str) -> TrainError {
        TrainError::Device(DeviceError::of(&std::io::Error::other(what)))
    }

    /// A task for which there is no room.
    struct Huge(Parameters);

    impl Task for Huge {
        fn parameters(&self) -> &Parameters {
            &self.0
        }
        fn parameters_mut(&mut self) -> &mut Parameters {
            &mut self.0
        }
        fn samples(&self, _: Part) -> usize {
            1
        }
        fn identify(&self, _: &mut dyn FnMut(&[u8])) {}
        fn learn(&mut self, _: u64, _: &[Vec<usize>], _: f64, _: &mut Gradients) -> Result<Tally, TrainError> {
            Err(failed(OUT_OF_MEMORY))
        }
        fn evaluate(&mut self, _: Part) -> Result<Tally, TrainError> {
            Err(failed(OUT_OF_MEMORY))
        }
        fn report(&mut self, _: Part) -> Result<Report, TrainError> {
            Err(failed(OUT_OF_MEMORY))
        }
        fn not_finite(&self, _: u64, _: &[usize]) -> Result<Option<String>, TrainError> {
            Ok(None)
        }
        fn metadata(&self) -> HashMap<String, String> {
            HashMap::new()
        }
        fn cost(&self) -> Cost {
            Cost::new("huge", Vec::new(), Vec::new())
        }
    }

    #[test]
    fn a_machine_has_room_for_all_its_processes() {
        let settings = FitSettings::default();
        let cost = |bytes: u64| Cost { bytes, held: 0, ..Cost::new("huge", Vec::new(), Vec::new()) };
        let fits = |bytes, processes, stages| {
            check_memory(&settings, Purpose::Learning(Parallelism { processes, stages }), &cost(bytes), 8)
        };
        // Each number that is learnt has a gradient and moments.
        let most = memory_bytes() / (2 + settings.moments());
        assert!(fits(most, 1, 1).is_ok() && fits(most, 1, 4).is_ok() && fits(most / 2, 2, 1).is_ok());
        assert!(fits(2 * most, 1, 2).is_ok(), "a stage has half of it");
        let told = fits(most, 2, 1).expect_err("refused").to_string();
        assert!(told.contains("huge in each of 2 processes") && told.contains("so many are too large"), "{told}");
        assert!(fits(2 * most, 2, 2).expect_err("refused").to_string().contains("2 processes"));
        assert!(fits(2 * most, 1, 1).expect_err("refused").to_string().contains("the model is too large"));
        assert!(check_memory(&settings, Purpose::Judging, &cost(u64::MAX / 9), 8).is_ok());
    }

    #[test]
    fn validation_without_room_is_told_with_a_smaller_batch() {
        let fit = FitConfig { batch_size: 32, ..FitConfig::default() };
        let told = look(&mut Huge(Parameters::default()), &fit).expect_err("there is no room").to_string();
        assert!(told.contains("32 samples") && told.contains("fit.batch_size to 16"), "{told}");
    }

    #[test]
    fn a_gpu_without_room_is_told_with_a_smaller_batch() {
        let told = no_room(failed(OUT_OF_MEMORY), 64);
        let (words, usage) = (told.to_string(), told.is_usage());
        assert!(words.contains("64 samples") && words.contains("fit.batch_size to 32") && usage, "{words}");
        let other = no_room(failed("CudaError(DriverError(CUDA_ERROR_ILLEGAL_ADDRESS))"), 64);
        assert!(matches!(other, TrainError::Device(_)), "{other}");
    }
}
