//! One environment.

use std::sync::{Mutex, PoisonError};

use cartwheel_envs::{EnvBuilder, Environment, Kwargs, Rasterizer, Space, list};
use numpy::IntoPyArray as _;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};

use crate::actions::ActionBuffer;
use crate::error::env_error;
use crate::observations::{self, Observations};
use crate::{spaces, values};

/// Every registered environment: its id, time limit and reward threshold.
#[pyfunction]
pub(crate) fn specs() -> Vec<(String, Option<u32>, Option<f64>)> {
    list().into_iter().map(|spec| (spec.id, spec.max_episode_steps, spec.reward_threshold)).collect()
}

/// An environment without a time limit: that one is Gymnasium's to apply.
#[pyclass(module = "cartwheel._native")]
pub(crate) struct NativeEnv {
    /// Never locked: Python's borrow of the object is exclusive already. It makes a type that can be shared of one that
    /// can only be sent.
    env: Mutex<Environment>,
    actions: ActionBuffer,
    kwargs: Kwargs,
}

/// The environment that was pickled as these.
#[pyfunction]
pub(crate) fn restore_env(env_id: &str, kwargs: &str, saved: &[u8]) -> PyResult<NativeEnv> {
    let kwargs = serde_json::from_str(kwargs).map_err(|error| PyValueError::new_err(error.to_string()))?;
    let mut restored = NativeEnv::made(env_id, kwargs)?;
    restored.env().restore(saved).map_err(env_error)?;
    Ok(restored)
}

impl NativeEnv {
    fn made(env_id: &str, kwargs: Kwargs) -> PyResult<Self> {
        let builder = EnvBuilder::new(env_id).kwargs(kwargs.clone()).max_episode_steps(None);
        Ok(Self { env: Mutex::new(builder.make().map_err(env_error)?), actions: ActionBuffer::default(), kwargs })
    }

    fn env(&mut self) -> &mut Environment {
        self.env.get_mut().unwrap_or_else(PoisonError::into_inner)
    }
}

type Reset<'py> = (Bound<'py, PyAny>, Bound<'py, PyDict>);
type Step<'py> = (Bound<'py, PyAny>, f64, bool, bool, Bound<'py, PyDict>);

#[pymethods]
impl NativeEnv {
    #[new]
    #[pyo3(signature = (env_id, kwargs=None))]
    fn new(env_id: &str, kwargs: Option<&Bound<'_, PyDict>>) -> PyResult<Self> {
        Self::made(env_id, values::kwargs(kwargs)?)
    }

    /// For pickle and copy: what it was made with, and where it is.
    fn __reduce__<'py>(
        &mut self,
        py: Python<'py>,
    ) -> PyResult<(Bound<'py, PyAny>, (String, String, Bound<'py, PyBytes>))> {
        let kwargs = serde_json::to_string(&self.kwargs).map_err(|error| PyValueError::new_err(error.to_string()))?;
        let env = self.env();
        let id = env.spec().id.clone();
        let saved = env.save().ok_or_else(|| PyTypeError::new_err(format!("{id} cannot be saved")))?;
        let restore = py.import("cartwheel._native")?.getattr("restore_env")?;
        Ok((restore, (id, kwargs, PyBytes::new(py, &saved))))
    }

    #[getter]
    fn observation_space<'py>(&mut self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        spaces::to_python(py, self.env().observation_space())
    }

    #[getter]
    fn action_space<'py>(&mut self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        spaces::to_python(py, self.env().action_space())
    }

    fn reset<'py>(&mut self, py: Python<'py>, seed: Option<u64>) -> PyResult<Reset<'py>> {
        let env = self.env();
        env.reset(seed).map_err(env_error)?;
        let observation = Observations::one(env.observation()).to_python(py, env.observation_space())?;
        Ok((observation, values::info(py, &env.info())?))
    }

    fn step<'py>(&mut self, py: Python<'py>, action: &Bound<'py, PyAny>) -> PyResult<Step<'py>> {
        let env = self.env.get_mut().unwrap_or_else(PoisonError::into_inner);
        let action = self.actions.read_one(action, env.action_space())?;
        let step = env.step(action).map_err(env_error)?;
        let observation = Observations::one(env.observation()).to_python(py, env.observation_space())?;
        Ok((observation, step.reward, step.terminated, step.truncated, values::info(py, &env.info())?))
    }

    /// Of an environment with goals, whose observation is a Dict with parts of these names: the reward of each pair.
    fn compute_reward<'py>(
        &mut self,
        py: Python<'py>,
        achieved_goal: &Bound<'py, PyAny>,
        desired_goal: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let env = self.env();
        let id = &env.spec().id;
        let no_goals = || PyTypeError::new_err(format!("{id} has no goals"));
        let Space::Dict(parts) = env.observation_space() else { return Err(no_goals()) };
        let read = |name: &str, goals| {
            let (_, space) = parts.iter().find(|(part, _)| part == name).ok_or_else(no_goals)?;
            observations::from_python(goals, space)
        };
        let (achieved, batched) = read("achieved_goal", achieved_goal)?;
        let (desired, _) = read("desired_goal", desired_goal)?;
        if achieved.len() != desired.len() {
            let (reached, asked) = (achieved.len(), desired.len());
            return Err(PyValueError::new_err(format!(
                "{reached} goals were reached and {asked} asked for: give as many"
            )));
        }
        let pairs = (0..achieved.len()).map(|i| env.compute_reward(achieved.row(i), desired.row(i)));
        let rewards: Vec<f64> = pairs.collect::<Option<_>>().ok_or_else(no_goals)?;
        match rewards[..] {
            [reward] if !batched => Ok(reward.into_pyobject(py)?.into_any()),
            _ => Ok(rewards.into_pyarray(py).into_any()),
        }
    }

    fn render<'py>(&mut self, py: Python<'py>, width: u32, height: u32) -> PyResult<Bound<'py, PyAny>> {
        let mut rasterizer = Rasterizer::new(width, height).map_err(env_error)?;
        values::frame(py, rasterizer.draw(&self.env().draw()))
    }
}
