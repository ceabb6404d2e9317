//! The way of the present episode through the space of observations.

use std::collections::VecDeque;

use cartwheel_envs::Row;

use super::subject::Subject;
use crate::model::RunId;
use crate::observation::row;

/// States kept: the last ones.
const LENGTH: usize = 2000;

/// Observations of a live environment since its episode began, as they were heard of.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Trail {
    /// Run, environment, episode and its last step.
    of: (RunId, u32, u64, u32),
    states: VecDeque<Vec<f32>>,
}

impl Trail {
    /// Takes in a state; one of another episode begins anew.
    pub(super) fn follow(&mut self, subject: &Subject<'_>) {
        let Some(observation) = subject.observation.map(row) else { return };
        let (run, env, episode, step) = self.of;
        let same = (run, env, episode) == (subject.run, subject.env, subject.episode) && step <= subject.step;
        if !same {
            self.states.clear();
        }
        if !same || step != subject.step || self.states.is_empty() {
            if self.states.len() == LENGTH {
                self.states.pop_front();
            }
            self.states.push_back(numbers(observation));
        }
        self.of = (subject.run, subject.env, subject.episode, subject.step);
    }

    /// Two of the numbers of each state.
    pub(super) fn over(&self, axes: [usize; 2]) -> impl Iterator<Item = [f32; 2]> + '_ {
        self.states.iter().filter_map(move |state| Some([*state.get(axes[0])?, *state.get(axes[1])?]))
    }
}

/// The numbers of an observation.
fn numbers(observation: Row<'_>) -> Vec<f32> {
    (0..observation.len()).map(|i| observation.number(i) as f32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::overlays::Verdict;
    use cartwheel_envs::Scene;
    use cartwheel_trainer::watch::{ChosenBy, Judgement, Observation};

    #[test]
    fn a_trail_is_of_one_episode() {
        let (scene, judgement) = (Scene::default(), Judgement::None);
        let verdict = Verdict { judgement: &judgement, action: None, taken: None, chosen_by: ChosenBy::Greedy };
        let mut trail = Trail::default();
        let mut follow = |episode, step, value: f32| {
            let observation = Observation::F32(vec![value, -value]);
            let observation = Some(&observation);
            trail.follow(&Subject {
                run: 0,
                env: 1,
                episode,
                step,
                return_: 0.0,
                value: None,
                scene: &scene,
                observation,
                verdict,
            });
            trail.over([0, 1]).collect::<Vec<_>>()
        };
        follow(4, 0, 1.0);
        follow(4, 0, 1.0);
        assert_eq!(follow(4, 3, 2.0), [[1.0, -1.0], [2.0, -2.0]]);
        assert_eq!(follow(5, 4, 3.0), [[3.0, -3.0]]);
        assert_eq!(follow(5, 2, 4.0), [[4.0, -4.0]], "it began again");
        (10..4000).for_each(|step| drop(follow(5, step, 0.0)));
        assert_eq!(follow(5, 4000, 0.0).len(), LENGTH);
    }
}
