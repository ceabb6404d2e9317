//! Trained policies.

use std::path::{Path, PathBuf};

use cartwheel_envs::{ActionRows, Generator, Space};
use numpy::ndarray::{ArrayD, IxDyn};
use numpy::{IntoPyArray as _, PyArray1, PyArrayDyn, ToPyArray as _};
use pyo3::exceptions::{PyFileNotFoundError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::error::policy_error;
use crate::{memory, observations, spaces};

/// A trained policy, which takes the action that is best by it: of the highest value or chance, or the mean; or draws one.
#[pyclass(module = "cartwheel")]
pub(crate) struct Policy {
    policy: cartwheel_agents::Policy,
    /// What draws actions.
    rng: Generator,
}

/// Loads a trained policy.
///
/// Args:
///     path: A weights file of a run, as ``runs/my-run/checkpoints/best.safetensors``, or the run's folder: then the
///         weights that did best in evaluation, or the latest if there was no evaluation.
///
/// Raises:
///     FileNotFoundError: There is no such file, or no weights in the folder.
///     ValueError: The file holds no policy.
#[pyfunction]
pub(crate) fn load_policy(py: Python<'_>, path: PathBuf) -> PyResult<Policy> {
    let file = if path.is_dir() { weights_of_run(&path)? } else { path };
    let policy = cartwheel_agents::Policy::load(&file).map_err(policy_error)?;
    let seed: [u8; 8] = py.import("os")?.call_method1("urandom", (8,))?.extract()?;
    Ok(Policy { policy, rng: Generator::new(u64::from_le_bytes(seed)) })
}

/// The policy that was pickled as these.
#[pyfunction]
pub(crate) fn restore_policy(weights: &[u8], rng: [u64; 4]) -> PyResult<Policy> {
    let policy = cartwheel_agents::Policy::from_bytes(weights).map_err(policy_error)?;
    Ok(Policy { policy, rng: Generator::from_state(rng) })
}

fn weights_of_run(run: &Path) -> PyResult<PathBuf> {
    let candidates = ["best", "latest"].map(|name| run.join("checkpoints").join(format!("{name}.safetensors")));
    let found = candidates.iter().find(|file| file.is_file()).cloned();
    found.ok_or_else(|| {
        PyFileNotFoundError::new_err(format!(
            "{} has no checkpoints/best.safetensors and no checkpoints/latest.safetensors: give a run's folder or a \
             weights file",
            run.display()
        ))
    })
}

type Array<'py, T> = Bound<'py, PyArrayDyn<T>>;
type Moments<'py> = (Bound<'py, PyArray1<f64>>, Bound<'py, PyArray1<f64>>);

#[pymethods]
impl Policy {
    fn __repr__(&self) -> String {
        format!("Policy({} -> {})", self.policy.observation_space(), self.policy.action_space())
    }

    /// What it takes.
    #[getter]
    fn observation_space<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        spaces::to_python(py, self.policy.observation_space())
    }

    /// What it answers.
    #[getter]
    fn action_space<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        spaces::to_python(py, self.policy.action_space())
    }

    /// What normalizing wrappers had learnt of observations when the policy was trained, the outermost wrapper's first:
    /// a mean and a variance, each an array. The policy takes observations that were normalized with these; an empty list
    /// if it was trained without such wrappers.
    #[getter]
    fn statistics<'py>(&self, py: Python<'py>) -> Vec<Moments<'py>> {
        let moments = self.policy.statistics().iter().map(|statistics| &statistics.moments);
        moments.map(|moments| (moments.mean.to_pyarray(py), moments.var.to_pyarray(py))).collect()
    }

    /// Chooses the action for an observation, or for each of a batch, as Stable-Baselines3's ``predict``.
    ///
    /// Args:
    ///     observation: An observation of ``observation_space``, or a batch of them.
    ///     state: Of a policy that remembers what it has seen (recurrent PPO), what the call before returned: h and c, each of
    ///         shape (layers, batch, units). ``None`` where episodes begin. Others remember nothing, and do not use it.
    ///     episode_start: Whether each observation of the batch is its episode's first: then its state is not used.
    ///     deterministic: Whether the best action is taken, or one is drawn from the policy's distribution: of PPO, A2C, SAC
    ///         and others that have one.
    ///
    /// Returns:
    ///     The action, an array of ``action_space``'s shape, with the batch before it if there is one (int64 where
    ///     actions are counted, else float32), and the state for the next call, ``None`` of a policy that remembers nothing.
    ///
    /// Raises:
    ///     ValueError: The observation does not fit ``observation_space``, the state is not of this policy and batch, or
    ///         ``deterministic`` is false and the policy has no distribution, as DQN's and TD3's.
    #[pyo3(signature = (observation, state=None, episode_start=None, deterministic=true))]
    fn predict<'py>(
        &mut self,
        py: Python<'py>,
        observation: &Bound<'py, PyAny>,
        state: Option<&Bound<'py, PyAny>>,
        episode_start: Option<&Bound<'py, PyAny>>,
        deterministic: bool,
    ) -> PyResult<(Bound<'py, PyAny>, Option<Bound<'py, PyAny>>)> {
        if !deterministic && !self.policy.has_chances() {
            return Err(PyValueError::new_err(
                "this policy has no chances to draw by, it knows which action is best: use deterministic=True, and \
                 explore outside of it",
            ));
        }
        let (rows, batched) = observations::from_python(observation, self.policy.observation_space())?;
        let [units, layers] = self.policy.mlp().lstm_shape();
        let of_memory = [layers, rows.len(), units];
        if units > 0 {
            self.policy.set_memories(&memory::from_python(state, episode_start, of_memory)?);
        }
        let mut actions = self.policy.actions(rows.len());
        let observations = (0..rows.len()).map(|i| rows.row(i));
        if deterministic {
            self.policy.act_batch(observations, &mut actions);
        } else {
            self.policy.sample_batch(observations, std::slice::from_mut(&mut self.rng), &mut actions);
        }
        let mut shape = if batched { vec![rows.len()] } else { vec![] };
        let whole = |numbers: Vec<i32>| numbers.into_iter().map(i64::from).collect::<Vec<_>>();
        let actions = match actions {
            ActionRows::Discrete(numbers) => array(py, &shape, whole(numbers))?.into_any(),
            ActionRows::Multi { width, values } => {
                shape.push(width);
                array(py, &shape, whole(values))?.into_any()
            }
            ActionRows::Continuous { values, .. } => {
                if let Space::Box { shape: own, .. } = self.policy.action_space() {
                    shape.extend_from_slice(own);
                }
                array(py, &shape, values)?.into_any()
            }
        };
        let state = (units > 0).then(|| memory::to_python(py, self.policy.memories(), of_memory)).transpose()?;
        Ok((actions, state))
    }

    /// For pickle and copy: the weights, and where what draws actions is.
    fn __reduce__<'py>(&self, py: Python<'py>) -> PyResult<(Bound<'py, PyAny>, (Bound<'py, PyBytes>, [u64; 4]))> {
        let restore = py.import("cartwheel._native")?.getattr("restore_policy")?;
        Ok((restore, (PyBytes::new(py, &self.policy.to_bytes()), self.rng.state())))
    }

    /// Seeds what ``predict`` draws with ``deterministic=False``. It begins from the system's randomness.
    fn set_random_seed(&mut self, seed: u64) {
        self.rng = Generator::new(seed);
    }

    /// The values of all actions: float32 of shape (actions,), or (batch, actions) for a batch; NaN for those that the
    /// observation's ``action_mask`` says are not valid.
    ///
    /// Raises:
    ///     ValueError: The policy was not learnt by values, or the observation does not fit ``observation_space``.
    fn q_values<'py>(&mut self, py: Python<'py>, observation: &Bound<'py, PyAny>) -> PyResult<Array<'py, f32>> {
        let (rows, batched) = observations::from_python(observation, self.policy.observation_space())?;
        let mut values = Vec::new();
        for i in 0..rows.len() {
            let judgement = self.policy.judge(rows.row(i));
            let of_row = judgement.values();
            let of_row =
                of_row.ok_or_else(|| PyValueError::new_err("this policy was not learnt by values: it has none"))?;
            values.extend_from_slice(of_row);
        }
        let actions = values.len() / rows.len().max(1);
        let shape: &[usize] = if batched { &[rows.len(), actions] } else { &[actions] };
        array(py, shape, values)
    }
}

fn array<'py, T: numpy::Element>(py: Python<'py>, shape: &[usize], numbers: Vec<T>) -> PyResult<Array<'py, T>> {
    let array = ArrayD::from_shape_vec(IxDyn(shape), numbers);
    Ok(array.map_err(|error| PyValueError::new_err(error.to_string()))?.into_pyarray(py))
}
