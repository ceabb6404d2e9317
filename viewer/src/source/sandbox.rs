//! An environment to try things in: episodes are played on it again, or otherwise than they went.

use cartwheel_agents::{Appraisal, Policy};
use cartwheel_envs::{
    Action, Env, EnvError, Generator, OwnedAction, Pace, Row, Rows, Scene, Space, StateVariable, Statistics,
};
use cartwheel_trainer::Settings;
use cartwheel_trainer::watch::{ChosenBy, Judgement, Observation};

use super::film::Moment;
use crate::text;

/// Steps a second of an environment that knows no time: as fast as one reads.
const TURN_BASED: f32 = 4.0;
/// The wrapper that writes files, which playing an episode again must not do.
const WRITES_FILES: &str = "RecordVideo";

/// See the module's documentation.
pub(crate) struct Sandbox {
    env: Box<dyn Env>,
    action_space: Space,
    generator: Generator,
    observation: Rows,
    judge: Option<Policy>,
    /// What the judge would do in the present state.
    choice: Option<OwnedAction>,
    /// Of the TD error.
    gamma: f32,
    reward_scale: f64,
}

/// What a step led to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Stepped {
    /// The environment's own reward.
    pub(crate) reward: f32,
    /// The reward that was learnt from.
    learnt: f32,
    /// Whether the episode ended by the environment's rules.
    pub(crate) terminated: bool,
    /// Whether it was cut off.
    pub(crate) truncated: bool,
}

impl Stepped {
    /// Whether the episode is over.
    pub(crate) fn ended(self) -> bool {
        self.terminated || self.truncated
    }
}

impl Sandbox {
    /// The environment of a run, judged by a policy that is for it. Statistics of wrappers are the policy's, and are
    /// not updated.
    ///
    /// # Errors
    /// If the environment cannot be made or the policy is for another one, in words for people.
    pub(crate) fn new(settings: &Settings, judge: Option<Policy>) -> Result<Self, String> {
        let mut config = settings.env.clone();
        config.wrappers.retain(|wrapper| wrapper.info().name != WRITES_FILES);
        let mut env = config.builder().drawable().build().map_err(|error| error.to_string())?;
        let (observation_space, action_space) = (env.observation_space(), env.action_space());
        env.statistics_mut(&mut |own| own.update_running_mean = false);
        if let Some(judge) = &judge {
            if (judge.observation_space(), judge.action_space()) != (&observation_space, &action_space) {
                return Err(text::other_spaces(&settings.env.id));
            }
            env.statistics_mut(&mut Statistics::put(judge.statistics()));
        }
        let returns = settings.algorithm().data().returns();
        Ok(Self {
            generator: env.seeded(0),
            observation: Rows::for_space(&observation_space, 1),
            action_space,
            env,
            judge,
            choice: None,
            gamma: returns.gamma,
            reward_scale: returns.reward_scale.into(),
        })
    }

    /// Begins the episode that this generator leads to.
    pub(crate) fn reset(&mut self, generator: Generator) -> Result<Moment, EnvError> {
        self.generator = generator;
        self.env.reset(&mut self.generator, self.observation.row_mut(0))?;
        // What wrappers have counted before does not belong to this episode.
        let _ = self.env.raw_reward();
        if let Some(judge) = &mut self.judge {
            judge.reset();
        }
        Ok(self.moment(0.0, 0.0))
    }

    /// The generator of the episode that `reset(seed)` begins.
    pub(crate) fn seeded(&self, seed: u64) -> Generator {
        self.env.seeded(seed)
    }

    /// Takes a step without a look.
    pub(crate) fn step(&mut self, action: Action<'_>) -> Result<Stepped, EnvError> {
        if !self.action_space.accepts(action) {
            return Err(EnvError::invalid_action(action, format_args!("of {}", self.action_space)));
        }
        let step = self.env.step(action, &mut self.generator, self.observation.row_mut(0))?;
        if let Some(judge) = &mut self.judge {
            judge.remember();
        }
        let reward = self.env.raw_reward().unwrap_or(step.reward) as f32;
        let learnt = (f64::from(step.reward as f32) * self.reward_scale) as f32;
        Ok(Stepped { reward, learnt, terminated: step.terminated, truncated: step.truncated })
    }

    /// Takes a step from the last of `moments`, completes that one, and adds the one it leads to.
    pub(crate) fn play(&mut self, action: &OwnedAction, moments: &mut Vec<Moment>) -> Result<Stepped, EnvError> {
        let chosen_by = self.chosen_by(action);
        let stepped = self.step(action.as_action())?;
        let return_ = moments.last().map_or(0.0, |here| here.return_);
        let next = self.moment(stepped.reward, return_ + f64::from(stepped.reward));
        if let Some(here) = moments.last_mut() {
            here.action = Some(action.clone());
            here.chosen_by = chosen_by;
            let value =
                if here.judgement.values().is_some() { self.value_of(&here.judgement, action) } else { here.value };
            here.td_error = value.zip(next.value).map(|(value, after)| {
                let future = if stepped.terminated { 0.0 } else { after };
                stepped.learnt + self.gamma * future - value
            });
        }
        moments.push(next);
        Ok(stepped)
    }

    /// Puts the environment into another state, which takes the place of the last of `moments`.
    pub(crate) fn set(&mut self, values: &[f64], moments: &mut [Moment]) -> Result<(), EnvError> {
        self.env.set_state_variables(values, self.observation.row_mut(0))?;
        if let Some(here) = moments.last_mut() {
            *here = self.moment(here.reward, here.return_);
        }
        Ok(())
    }

    /// The numbers that the present state consists of.
    pub(crate) fn state_variables(&self) -> Vec<StateVariable> {
        self.env.state_variables()
    }

    /// What the judge would do in the present state; nothing if there is no judge.
    pub(crate) fn greedy(&self) -> Option<OwnedAction> {
        self.choice.clone()
    }

    /// Steps a second at which a person would play it.
    pub(crate) fn real_time(&self) -> f32 {
        match self.env.key_bindings().pace {
            Pace::RealTime { fps, .. } => fps as f32,
            Pace::TurnBased => TURN_BASED,
        }
    }

    /// What can be done, and how it is called: each action that is counted, or else those that keys are bound to.
    pub(crate) fn choices(&self) -> Vec<(OwnedAction, String)> {
        let keys = self.env.key_bindings();
        let Space::Discrete { n, start } = self.action_space else {
            return keys.keys.into_iter().map(|(_, action, meaning)| (action, meaning)).collect();
        };
        let named = |number: i32| {
            let action = OwnedAction::Discrete(number);
            let name = keys.meaning(&action).map_or_else(|| number.to_string(), str::to_owned);
            (action, name)
        };
        (start..start.saturating_add(n)).map(named).collect()
    }

    fn first_action(&self) -> i32 {
        if let Space::Discrete { start, .. } = self.action_space { start } else { 0 }
    }

    fn chosen_by(&self, action: &OwnedAction) -> ChosenBy {
        match (&self.choice, action) {
            // Numbers are drawn around the policy's own: none is another's choice.
            (_, OwnedAction::Continuous(_)) | (None, _) => ChosenBy::Greedy,
            (Some(own), action) if own == action => ChosenBy::Greedy,
            (Some(_), _) => ChosenBy::Exploration,
        }
    }

    fn value_of(&self, judgement: &Judgement, action: &OwnedAction) -> Option<f32> {
        let (Some(values), OwnedAction::Discrete(action)) = (judgement.values(), action) else { return None };
        let index = usize::try_from(action.checked_sub(self.first_action())?).ok()?;
        values.get(index).copied()
    }

    fn moment(&mut self, reward: f32, return_: f64) -> Moment {
        let mut scene = Scene::default();
        self.env.draw(&mut scene);
        let row = self.observation.row(0);
        let appraisal = self.judge.as_mut().map(|judge| judge.appraise(row));
        let (judgement, value);
        (judgement, value, self.choice) = match appraisal {
            Some(Appraisal { judgement, value, action }) => (judgement, value, Some(action)),
            None => (Judgement::None, None, None),
        };
        Moment {
            scene,
            observation: owned(row),
            judgement,
            value,
            action: None,
            chosen_by: ChosenBy::Greedy,
            reward,
            return_,
            td_error: None,
        }
    }
}

fn owned(row: Row<'_>) -> Observation {
    match row {
        Row::F32(numbers) => Observation::F32(numbers.to_vec()),
        Row::U8(bytes) => Observation::U8(bytes.to_vec()),
        Row::I32(numbers) => Observation::I32(numbers.to_vec()),
    }
}
