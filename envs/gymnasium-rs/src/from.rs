//! Theirs, here.

use std::any::Any;
use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind};

use cartwheel_envs::{Action, Env, EnvError, Generator, Info, Result, Rgba, Row, RowMut, Scene, Space, Step};
use gymnasium_rs::core::{Env as TheirEnv, Info as TheirInfo, Options};
use ndarray::Array3;

use crate::Member;
use crate::spaces::from_theirs;

/// An environment of `gymnasium-rs`, whose observations are `O` and whose actions are `A`, as one of Cartwheel's.
///
/// | there | here |
/// |---|---|
/// | `Discrete(n)`, `Box { low, high }` | the same; bounds are taken as they are, `f32::MIN` included |
/// | reward, `f32` | `f64`, the same number |
/// | terminated, truncated | the same. There is no time limit but the one it is registered with |
/// | `reset(seed, options)` | the seed is [`episode_seed`] of the generator, a new one each episode; no options |
/// | `info` | [`Env::info`], sorted by name |
/// | `render()` | [`Env::draw`]: an image. Text, if it is no (height, width, 3) array or panics; then it is not asked again |
/// | `close()` | when dropped |
/// | | an episode is not saved but replayed, as the trait has no state to take |
///
/// The trait has no errors: what goes wrong there is a panic, and goes through here as one, to be caught and named
/// by [`check_env`](cartwheel_envs::check_env), batches and training. Its random numbers are its own, so an
/// episode is repeatable only if it takes all of them from the seed; `check_env` says whether it does. Its
/// `step` and `reset` allocate each observation anew, and so does this.
pub struct FromGymnasiumRs<E: TheirEnv<O, A>, O, A> {
    env: E,
    observation_space: Space,
    action_space: Space,
    info: TheirInfo,
    /// What `render` said as it panicked.
    render_panic: OnceCell<String>,
    members: PhantomData<fn(A) -> O>,
}

/// The seed that an episode begins with there: 31 random bits, so that it is not negative.
///
/// An episode from a generator is the one that `reset_seed(episode_seed(&mut generator))` begins there.
pub fn episode_seed(rng: &mut Generator) -> i32 {
    (rng.next_u64() >> 33) as i32
}

impl<E: TheirEnv<O, A>, O: Member, A: Member> FromGymnasiumRs<E, O, A> {
    /// `env`, whose spaces are asked for once, here.
    ///
    /// # Errors
    /// [`EnvError::Failed`] for a `Box` whose bounds do not pair up, and for a space that `O` or `A` does not fit.
    pub fn new(env: E) -> Result<Self> {
        Ok(Self {
            observation_space: from_theirs::<O>("the observation space", env.observation_space())?,
            action_space: from_theirs::<A>("the action space", env.action_space())?,
            env,
            info: TheirInfo::new(),
            render_panic: OnceCell::new(),
            members: PhantomData,
        })
    }

    fn observe(&self, method: &str, observed: &O, row: RowMut<'_>) -> Result<()> {
        observed.write(row).ok_or_else(|| {
            let space = &self.observation_space;
            EnvError::failed(format!(
                "{method} gave an observation of another type or length than {space}; mend either"
            ))
        })
    }

    /// What there is to see, or why there is nothing.
    fn picture(&self) -> std::result::Result<Option<Array3<u8>>, String> {
        if let Some(message) = self.render_panic.get() {
            return Err(message.clone());
        }
        let outcome = catch_unwind(AssertUnwindSafe(|| self.env.render()));
        match outcome {
            Ok(Some(pixels)) if pixels.dim().2 != 3 || pixels.is_empty() => {
                Err(format!("render() gave {:?}, not (height, width, 3)", pixels.dim()))
            }
            Ok(pixels) => Ok(pixels),
            Err(panic) => Err(self.render_panic.get_or_init(|| panic_message(panic.as_ref())).clone()),
        }
    }
}

impl<E: TheirEnv<O, A> + Send, O: Member, A: Member> Env for FromGymnasiumRs<E, O, A> {
    fn observation_space(&self) -> Space {
        self.observation_space.clone()
    }

    fn action_space(&self) -> Space {
        self.action_space.clone()
    }

    fn reset(&mut self, rng: &mut Generator, observation: RowMut<'_>) -> Result<()> {
        let (observed, info) = self.env.reset(Some(episode_seed(rng)), Options::new());
        self.info = info;
        self.observe("reset", &observed, observation)
    }

    fn step(&mut self, action: Action<'_>, _rng: &mut Generator, observation: RowMut<'_>) -> Result<Step> {
        let accepted = self.action_space.accepts(action).then(|| match &action {
            Action::Discrete(i) => A::read(Row::I32(std::slice::from_ref(i))),
            Action::Multi(row) => A::read(Row::I32(row)),
            Action::Continuous(row) => A::read(Row::F32(row)),
        });
        let action = accepted.flatten().ok_or_else(|| EnvError::InvalidAction {
            found: format!("{action:?}"),
            expected: format!("of {}", self.action_space),
        })?;
        let (observed, reward, terminated, truncated, info) = self.env.step(action);
        self.info = info;
        self.observe("step", &observed, observation)?;
        Ok(Step { reward: reward.into(), terminated, truncated })
    }

    fn draw(&self, scene: &mut Scene) {
        match self.picture() {
            Ok(None) => {}
            Ok(Some(pixels)) => {
                let (height, width, _) = pixels.dim();
                let corner = [width as f32, height as f32];
                scene.bounds([0.0; 2], corner).image([0.0; 2], corner, width as u32, pixels.iter().copied().collect());
            }
            Err(message) => {
                let height = (2.0 / message.len() as f32).min(0.1);
                scene.label([0.0; 2], height, message, Rgba::rgb(90, 90, 90));
            }
        }
    }

    fn info(&self) -> Info {
        let sorted: BTreeMap<_, _> = self.info.iter().collect();
        sorted.into_iter().map(|(name, value)| (name.clone(), value.clone())).collect()
    }
}

impl<E: TheirEnv<O, A>, O, A> Drop for FromGymnasiumRs<E, O, A> {
    fn drop(&mut self) {
        // A panic on top of a panic would end the process.
        if !std::thread::panicking() {
            self.env.close();
        }
    }
}

fn panic_message(panic: &(dyn Any + Send)) -> String {
    let said = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    format!("render() panicked: {}", said.unwrap_or("no message"))
}
