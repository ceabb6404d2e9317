//! Observations that tell which actions are valid.

use crate::{Action, Env, EnvError, Generator, Result, Row, RowMut, Rows, Space, StateVariable, Step, forward_env};

/// The name of the part of a `Dict` observation that tells which actions are valid, as PettingZoo and Gymnasium call it.
pub const ACTION_MASK: &str = "action_mask";

/// Shows beside each observation which actions are valid in it: 1 for those that are.
///
/// The mask becomes a part `action_mask` of a Dict, or, beside any other observation, that part of a Dict in which the
/// observation is `observation`, as in PettingZoo. It is the environment's own, [`Env::action_mask`]. What learns then
/// chooses among valid actions only, and does not see the mask otherwise.
#[derive(Clone, Debug)]
pub struct ActionMaskObservation<E> {
    env: E,
    space: Space,
    /// Where in the row the mask goes.
    at: usize,
    valid: Vec<bool>,
    /// The inner environment's last observation.
    inner: Rows,
}

impl<E: Env> ActionMaskObservation<E> {
    /// `env` with its mask shown.
    ///
    /// # Errors
    /// [`EnvError::UnfitWrapper`] if its actions are not counted; [`EnvError::Failed`] if it does not say which are valid, or
    /// shows it already.
    pub fn new(env: E) -> Result<Self> {
        let Space::Discrete { n, .. } = env.action_space() else {
            return Err(EnvError::UnfitWrapper {
                wrapper: "ActionMaskObservation",
                needs: "actions that are counted, a Discrete",
                which: "action",
                space: env.action_space().to_string(),
                advice: "leave it out",
            });
        };
        let mut valid = vec![true; n as usize];
        if !env.action_mask(&mut valid) {
            return Err(EnvError::failed(
                "ActionMaskObservation needs an environment that says which actions are valid (Env::action_mask), and this one does not: leave it out",
            ));
        }
        let inner = env.observation_space();
        let rows = Rows::for_space(&inner, 1);
        let mask = (ACTION_MASK.to_owned(), Space::multi_binary(valid.len()));
        let mut parts = match inner {
            Space::Dict(parts) => parts,
            inner => vec![("observation".to_owned(), inner)],
        };
        if parts.iter().any(|(name, _)| name == ACTION_MASK) {
            return Err(EnvError::failed(
                "the observation has an action_mask already: leave ActionMaskObservation out",
            ));
        }
        parts.push(mask);
        parts.sort_by(|(a, _), (b, _)| a.cmp(b));
        let space = Space::Dict(parts);
        let at = space.part(ACTION_MASK).map_or(0, |(range, _)| range.start);
        Ok(Self { env, space, at, valid, inner: rows })
    }

    fn show(&mut self, mut observation: RowMut<'_>) {
        self.env.action_mask(&mut self.valid);
        let (inner, n) = (self.inner.row(0), self.valid.len());
        let end = inner.len();
        observation.part(0..self.at).convert_from(inner.part(0..self.at));
        for (i, valid) in self.valid.iter().enumerate() {
            observation.set_number(self.at + i, f64::from(u8::from(*valid)));
        }
        observation.part(self.at + n..end + n).convert_from(inner.part(self.at..end));
    }
}

impl<E: Env> Env for ActionMaskObservation<E> {
    forward_env!(env: action_space);

    fn observation_space(&self) -> Space {
        self.space.clone()
    }

    fn reset(&mut self, rng: &mut Generator, observation: RowMut<'_>) -> Result<()> {
        self.env.reset(rng, self.inner.row_mut(0))?;
        self.show(observation);
        Ok(())
    }

    fn step(&mut self, action: Action<'_>, rng: &mut Generator, observation: RowMut<'_>) -> Result<Step> {
        let step = self.env.step(action, rng, self.inner.row_mut(0))?;
        self.show(observation);
        Ok(step)
    }

    fn state_variables(&self) -> Vec<StateVariable> {
        self.env.state_variables()
    }

    fn set_state_variables(&mut self, values: &[f64], observation: RowMut<'_>) -> Result<()> {
        self.env.set_state_variables(values, self.inner.row_mut(0))?;
        self.show(observation);
        Ok(())
    }
}

/// Reads which actions are valid from an `action_mask`; all of them where it says that none is, as in the last state of an
/// episode.
#[inline]
pub fn read_action_mask(mask: Row<'_>, valid: &mut [bool]) {
    for (i, valid) in valid.iter_mut().enumerate() {
        *valid = mask.number(i) != 0.0;
    }
    if !valid.contains(&true) {
        valid.fill(true);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{EnvBuilder, check_env};

    /// Taxi's masks as Gymnasium recorded them are compared in `tests/toy_text.rs`; here they are shown.
    #[test]
    fn the_mask_is_the_environments_own_beside_what_it_shows() {
        let builder = || EnvBuilder::new("Taxi-v4");
        let mut bare = builder().make().unwrap();
        let mut env = builder().wrapper("ActionMaskObservation").unwrap().make().unwrap();
        assert_eq!(
            env.observation_space(),
            &Space::dict([("action_mask", Space::multi_binary(6)), ("observation", Space::discrete(500))])
        );
        let mut rng = Generator::new(3);
        let mut valid = [false; 6];
        for seed in 0..20 {
            bare.reset(Some(seed)).unwrap();
            env.reset(Some(seed)).unwrap();
            loop {
                let Row::I32(row) = env.observation() else { panic!() };
                assert_eq!(Row::I32(&row[6..]), bare.observation());
                assert_eq!(serde_json::json!(row[..6]), bare.info()["action_mask"]);
                read_action_mask(Row::I32(&row[..6]), &mut valid);
                let choices: Vec<_> = (0..6).filter(|i| valid[*i]).collect();
                let action = choices[rng.below(choices.len() as u64) as usize] as i32;
                let (step, other) = (env.step(action).unwrap(), bare.step(action).unwrap());
                assert_eq!(step, other);
                assert!(step.reward > -10.0, "a valid action is no illegal one");
                if step.terminated || step.truncated {
                    break;
                }
            }
        }
        assert!(check_env(&mut *builder().wrapper("ActionMaskObservation").unwrap().build().unwrap()).is_empty());
    }

    #[test]
    fn it_is_refused_where_there_is_no_mask() {
        let refusal = |id: &str, wrappers: &[&str]| {
            let builder =
                wrappers.iter().fold(EnvBuilder::new(id), |builder, wrapper| builder.wrapper(wrapper).unwrap());
            builder.make().err().unwrap().to_string()
        };
        assert!(refusal("CartPole-v1", &["ActionMaskObservation"]).contains("says which actions are valid"));
        assert!(refusal("Pendulum-v1", &["ActionMaskObservation"]).contains("actions that are counted"));
        assert!(refusal("Taxi-v4", &["ActionMaskObservation"; 2]).contains("has an action_mask already"));
    }

    #[test]
    fn where_nothing_is_valid_everything_is() {
        let mut valid = [false; 3];
        read_action_mask(Row::F32(&[0.0; 3]), &mut valid);
        assert_eq!(valid, [true; 3]);
        read_action_mask(Row::U8(&[0, 1, 0]), &mut valid);
        assert_eq!(valid, [false, true, false]);
    }
}
