//! Films for tests.

use cartwheel_envs::{Rgba, Scene, Style};
use cartwheel_trainer::run::EpisodeEntry;
use cartwheel_trainer::watch::{ChosenBy, Judgement, Observation};

use super::film::{Film, Moment};

/// A film of so many steps with two actions, each step rewarded by 1, in which every fourth action strays.
pub(crate) fn film(steps: u32) -> Film {
    Film {
        run: 0,
        episode: 0,
        entry: EpisodeEntry { offset: 0, env: 0, length: steps, return_: steps.into(), start_step: 0 },
        judge: "best weights".into(),
        weights: None,
        note: None,
        real_time: 50.0,
        moments: (0..=steps).map(|step| moment(step, step == steps)).collect(),
    }
}

fn moment(step: u32, last: bool) -> Moment {
    let mut scene = Scene::default();
    scene.circle([(step as f32 * 0.1).sin(), 0.0], 0.2, Style::fill(Rgba::rgb(200, 60, 60)));
    let (greedy, strays) = (step % 2, step % 4 == 3);
    let action = if strays { 1 - greedy } else { greedy } as i32;
    let values = [0, 1].map(|action| (step as f32 * 0.3).cos() + if action == greedy { 0.5 } else { 0.0 });
    Moment {
        scene,
        observation: Observation::F32(vec![step as f32, 0.5]),
        judgement: Judgement::QValues(values.to_vec()),
        action: (!last).then_some(action.into()),
        chosen_by: if strays { ChosenBy::Exploration } else { ChosenBy::Greedy },
        reward: if step == 0 { 0.0 } else { 1.0 },
        return_: step.into(),
        td_error: (!last).then_some((step as f32 * 0.7).sin()),
    }
}
