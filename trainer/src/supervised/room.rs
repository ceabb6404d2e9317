//! A device without room for a batch: what to do about it.

use super::config::FitConfig;
use super::task::{Part, Tally, Task};
use crate::TrainError;

/// How the model does on validation samples.
pub(super) fn look(task: &mut dyn Task, fit: &FitConfig) -> Result<Tally, TrainError> {
    task.evaluate(Part::Validation).map_err(|error| no_room(error, fit.looked_at()))
}

/// If a GPU had no room for a batch of `samples`, says what to do about it.
pub(super) fn no_room(error: TrainError, samples: usize) -> TrainError {
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

    use cartwheel_agents::models::Cost;
    use cartwheel_agents::nn::{DeviceError, Gradients, Parameters};

    use super::super::report::Report;
    use super::*;

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
        fn learn(&mut self, _: u64, _: &[usize], _: f64, _: &mut Gradients) -> Result<Tally, TrainError> {
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
