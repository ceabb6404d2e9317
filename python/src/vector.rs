//! A batch of environments.

use std::sync::{Mutex, PoisonError};

use cartwheel_envs::{AutoresetMode, EnvBuilder, Rasterizer, Scene, Space, VectorEnv, VectorStep};
use numpy::{PyArray1, PyReadonlyArray1};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::actions::ActionBuffer;
use crate::error::env_error;
use crate::infos::FinalObservations;
use crate::observations::Observations;
use crate::{infos, spaces, values};

/// From this many environments on, other Python threads may run during a step. Handing over costs about as much as
/// stepping a hundred CartPoles.
const SHARE_FROM: usize = 256;

/// A batch whose steps are one call.
#[pyclass(module = "cartwheel._native")]
pub(crate) struct NativeVectorEnv {
    /// Never locked: see `NativeEnv`.
    env: Mutex<Box<dyn VectorEnv>>,
    space: Space,
    mode: AutoresetMode,
    step: VectorStep,
    actions: ActionBuffer,
    /// The observations that are handed out again and again, if they are not copied.
    shared: Option<Py<PyAny>>,
    copy: bool,
    last: FinalObservations,
}

/// Seeds of a reset.
#[derive(FromPyObject)]
enum Seeds {
    /// Of environment 0; that of environment `i` is so much greater.
    First(u64),
    /// Of each environment; `None` lets its generator run on.
    Each(Vec<Option<u64>>),
}

impl NativeVectorEnv {
    fn env(&mut self) -> &mut dyn VectorEnv {
        self.env.get_mut().unwrap_or_else(PoisonError::into_inner).as_mut()
    }

    fn observations<'py>(&mut self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let observations = Observations::batch(&self.step.observations);
        if let Some(shared) = &self.shared {
            let shared = shared.bind(py);
            observations.overwrite(shared, &self.space)?;
            return Ok(shared.clone());
        }
        let fresh = observations.to_python(py, &self.space)?;
        if !self.copy {
            self.shared = Some(fresh.clone().unbind());
        }
        Ok(fresh)
    }
}

type Array<'py, T> = Bound<'py, PyArray1<T>>;
type Reset<'py> = (Bound<'py, PyAny>, Bound<'py, PyDict>);
type Step<'py> = (Bound<'py, PyAny>, Array<'py, f32>, Array<'py, bool>, Array<'py, bool>, Bound<'py, PyDict>);

#[pymethods]
impl NativeVectorEnv {
    /// `max_episode_steps`: `None` for the registered limit, a negative number for none.
    #[new]
    fn new(
        env_id: &str,
        num_envs: usize,
        max_episode_steps: Option<i64>,
        autoreset_mode: &str,
        copy: bool,
        kwargs: &Bound<'_, PyDict>,
    ) -> PyResult<Self> {
        let mode = match autoreset_mode {
            "SameStep" => AutoresetMode::SameStep,
            "NextStep" => AutoresetMode::NextStep,
            "Disabled" => AutoresetMode::Disabled,
            other => return Err(PyValueError::new_err(format!("there is no autoreset mode {other}"))),
        };
        let mut builder = EnvBuilder::new(env_id).kwargs(values::kwargs(Some(kwargs))?).autoreset_mode(mode);
        if let Some(steps) = max_episode_steps {
            // A limit that no episode reaches is none.
            builder = builder.max_episode_steps(u32::try_from(steps).ok());
        }
        let env = builder.make_vec(num_envs).map_err(env_error)?;
        let space = env.single_observation_space().clone();
        let mut step = VectorStep::new(&space, num_envs);
        if mode == AutoresetMode::SameStep && env.has_info() {
            step = step.with_final_infos();
        }
        Ok(Self {
            step,
            env: Mutex::new(env),
            space,
            mode,
            actions: ActionBuffer::default(),
            shared: None,
            copy,
            last: FinalObservations::default(),
        })
    }

    #[getter]
    fn single_observation_space<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        spaces::to_python(py, &self.space)
    }

    #[getter]
    fn single_action_space<'py>(&mut self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        spaces::to_python(py, self.env().single_action_space())
    }

    /// Resets all environments.
    fn reset<'py>(&mut self, py: Python<'py>, seeds: Option<Seeds>) -> PyResult<Reset<'py>> {
        let env = self.env.get_mut().unwrap_or_else(PoisonError::into_inner);
        let observations = &mut self.step.observations;
        let first = if let Some(Seeds::First(seed)) = seeds { Some(seed) } else { None };
        env.reset(first, observations).map_err(env_error)?;
        if let Some(Seeds::Each(seeds)) = &seeds {
            for (i, seed) in seeds.iter().enumerate().filter(|(_, seed)| seed.is_some()) {
                env.reset_at(i, *seed, observations.row_mut(i)).map_err(env_error)?;
            }
        }
        let infos = infos::of_states(py, env.as_ref(), |_| true)?;
        Ok((self.observations(py)?, infos))
    }

    /// Resets the environments for which `mask` is true, and returns everyone's observations.
    fn reset_masked<'py>(
        &mut self,
        py: Python<'py>,
        seeds: Option<Seeds>,
        mask: PyReadonlyArray1<'py, bool>,
    ) -> PyResult<Reset<'py>> {
        let mask = mask.as_array().to_vec();
        let env = self.env.get_mut().unwrap_or_else(PoisonError::into_inner);
        for i in (0..mask.len()).filter(|i| mask[*i]) {
            let seed = match &seeds {
                None => None,
                Some(Seeds::First(seed)) => Some(seed.wrapping_add(i as u64)),
                Some(Seeds::Each(seeds)) => seeds[i],
            };
            env.reset_at(i, seed, self.step.observations.row_mut(i)).map_err(env_error)?;
        }
        let infos = infos::of_states(py, env.as_ref(), |i| mask[i])?;
        Ok((self.observations(py)?, infos))
    }

    /// Steps all environments.
    fn step<'py>(&mut self, py: Python<'py>, actions: &Bound<'py, PyAny>) -> PyResult<Step<'py>> {
        let env = self.env.get_mut().unwrap_or_else(PoisonError::into_inner).as_mut();
        let (count, step) = (self.step.rewards.len(), &mut self.step);
        let actions = self.actions.read_batch(actions, env.single_action_space(), count)?;
        let outcome = if count < SHARE_FROM { env.step(actions, step) } else { py.detach(|| env.step(actions, step)) };
        outcome.map_err(env_error)?;
        let infos = infos::of_states(py, env, |_| true)?;
        if self.mode == AutoresetMode::SameStep {
            infos::add_final(&infos, &mut self.last, &self.space, step)?;
        }
        let rewards = PyArray1::from_slice(py, &step.rewards);
        let terminated = PyArray1::from_slice(py, &step.terminated);
        let truncated = PyArray1::from_slice(py, &step.truncated);
        Ok((self.observations(py)?, rewards, terminated, truncated, infos))
    }

    /// A picture of each environment.
    fn render<'py>(&mut self, py: Python<'py>, width: u32, height: u32) -> PyResult<Vec<Bound<'py, PyAny>>> {
        let mut rasterizer = Rasterizer::new(width, height).map_err(env_error)?;
        let env = self.env();
        let mut draw = |i| {
            let mut scene = Scene::default();
            env.draw(i, &mut scene);
            values::frame(py, rasterizer.draw(&scene))
        };
        (0..env.num_envs()).map(&mut draw).collect()
    }
}
