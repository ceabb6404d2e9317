//! Loss scaling (Micikevicius et al. 2018, *Mixed precision training*).

use serde::{Deserialize, Serialize};

/// Steps in a row without an overflow after which the scale is doubled.
const GROWTH_INTERVAL: u32 = 2000;

/// What the loss is multiplied by so that small gradients are not lost in f16: PyTorch's `GradScaler` with its defaults. The scale
/// begins at 2¹⁶, is halved when a gradient overflows (and that step is skipped), and doubled after 2000 steps without.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LossScaler {
    scale: f32,
    /// Steps without an overflow since the scale was changed.
    clean: u32,
    skipped: u64,
}

impl Default for LossScaler {
    fn default() -> Self {
        Self { scale: 65_536.0, clean: 0, skipped: 0 }
    }
}

impl LossScaler {
    /// What the loss of the next step is multiplied by: a power of two, so that nothing is rounded.
    pub fn scale(&self) -> f64 {
        self.scale.into()
    }

    /// Steps that were skipped so far.
    pub fn skipped(&self) -> u64 {
        self.skipped
    }

    /// Counts a step, of whose gradients some were not finite, or none.
    pub fn update(&mut self, overflowed: bool) {
        if overflowed {
            self.scale /= 2.0;
            (self.clean, self.skipped) = (0, self.skipped + 1);
            return;
        }
        self.clean += 1;
        if self.clean == GROWTH_INTERVAL {
            self.clean = 0;
            // PyTorch's does not grow to infinity either.
            if (2.0 * self.scale).is_finite() {
                self.scale *= 2.0;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs of steps, and the scale after each: tests/data/amp/amp.py.
    #[test]
    fn the_schedule_is_grad_scalers() {
        let recorded: serde_json::Value =
            serde_json::from_str(include_str!("../../../../tests/data/amp/amp.json")).expect("JSON");
        let runs = recorded["schedule"].as_array().expect("a list");
        let (mut scaler, mut skipped) = (LossScaler::default(), 0);
        assert!(runs.len() > 300, "{} runs", runs.len());
        for (at, run) in runs.iter().enumerate() {
            let steps = run["steps"].as_u64().expect("a number");
            let overflowed = run["overflow"] == true;
            skipped += if overflowed { steps } else { 0 };
            (0..steps).for_each(|_| scaler.update(overflowed));
            assert_eq!(Some(scaler.scale()), run["scale"].as_f64(), "run {at}");
            assert_eq!(Some(u64::from(scaler.clean)), run["growth_tracker"].as_u64(), "run {at}");
        }
        assert_eq!(scaler.skipped(), skipped);
    }
}
