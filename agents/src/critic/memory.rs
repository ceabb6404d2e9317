//! What a value function remembers of an episode, for who asks it about one state after the other.

/// The memory of a [`Critic`](super::Critic) in one episode. It follows as long as the critic is asked about each step; after a step
/// that it was not asked about it knows nothing until an episode begins.
#[derive(Clone, Debug, Default)]
pub struct CriticMemory {
    /// The episode, and the step in it that was asked about last.
    at: Option<([u64; 2], u64)>,
    /// Before that step, and after it: empty where an episode begins.
    before: Vec<f32>,
    after: Vec<f32>,
}

impl CriticMemory {
    /// What is remembered before `step` of `episode`, if no step was left out. A step may be asked about again.
    pub(super) fn before(&mut self, episode: [u64; 2], step: u64) -> Option<&[f32]> {
        if step == 0 {
            self.before.clear();
        } else if self.at == Some((episode, step - 1)) {
            std::mem::swap(&mut self.before, &mut self.after);
        } else if self.at != Some((episode, step)) {
            self.at = None;
            return None;
        }
        self.at = Some((episode, step));
        Some(&self.before)
    }

    /// What is remembered after the step that was asked about.
    pub(super) fn keep(&mut self, after: &[f32]) {
        self.after.clear();
        self.after.extend_from_slice(after);
    }
}

#[cfg(test)]
mod tests {
    use super::CriticMemory;

    #[test]
    fn a_step_that_is_left_out_breaks_it() {
        let mut memory = CriticMemory::default();
        let mut ask = |episode: u64, step: u64, after: f32| {
            let before = memory.before([3, episode], step).map(<[f32]>::to_vec);
            memory.keep(&[after]);
            before
        };
        assert_eq!(ask(1, 5, 0.5), None, "the episode had begun");
        assert_eq!(ask(1, 6, 0.5), None);
        assert_eq!(ask(2, 0, 1.0), Some(vec![]));
        assert_eq!(ask(2, 0, 2.0), Some(vec![]), "asked again");
        assert_eq!(ask(2, 1, 3.0), Some(vec![2.0]));
        assert_eq!(ask(2, 1, 4.0), Some(vec![2.0]), "asked again");
        assert_eq!(ask(2, 2, 5.0), Some(vec![4.0]));
        assert_eq!(ask(2, 4, 6.0), None, "step 3 is missing");
        assert_eq!(ask(3, 0, 7.0), Some(vec![]));
        assert_eq!(ask(4, 1, 8.0), None, "another episode");
    }
}
