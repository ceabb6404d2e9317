"""Policies: a weights file written here, and one that training writes."""

import copy
import json
import os
import pickle
import struct
import subprocess
from collections.abc import Callable
from pathlib import Path

import gymnasium
import numpy as np
import pytest

import cartwheel

BOX = {
    "Box": {"low": [-4.8, None, -0.42, None], "high": [4.8, None, 0.42, None], "shape": [4], "dtype": "F32"}
}
DISCRETE = {"Discrete": {"n": 3, "start": 5}}
PAIR = {"Tuple": [{"Discrete": {"n": 2, "start": 0}}, {"Discrete": {"n": 3, "start": -1}}]}


def write_policy(
    file: Path,
    observation_space: dict,
    inputs: int,
    action_space: dict,
    rename: Callable[[str], str] = str,
    **more: object,
) -> list[np.ndarray]:
    """Writes a policy with random weights, 16 hidden units and ReLU, and returns its tensors."""
    rng = np.random.default_rng(1)
    actions = action_space["Discrete"]["n"]
    shapes = {"0.weight": (16, inputs), "0.bias": (16,), "2.weight": (actions, 16), "2.bias": (actions,)}
    tensors = {rename(f"q_net.{name}"): rng.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}
    policy = {
        "observation_space": observation_space,
        "action_space": action_space,
        "net_arch": [16],
        "activation_fn": "relu",
        **more,
    }
    header, at = {"__metadata__": {"policy": json.dumps(policy)}}, 0
    for name, tensor in tensors.items():
        header[name] = {"dtype": "F32", "shape": tensor.shape, "data_offsets": [at, at + tensor.nbytes]}
        at += tensor.nbytes
    text = json.dumps(header).encode()
    file.write_bytes(struct.pack("<Q", len(text)) + text + b"".join(tensor.tobytes() for tensor in tensors.values()))
    return list(tensors.values())


def q_values(tensors: list[np.ndarray], features: np.ndarray) -> np.ndarray:
    """The same network by NumPy."""
    first, first_bias, second, second_bias = tensors
    return np.maximum(features @ first.T + first_bias, 0) @ second.T + second_bias


@pytest.fixture
def box(tmp_path):
    tensors = write_policy(tmp_path / "p.safetensors", BOX, 4, {"Discrete": {"n": 2, "start": 0}})
    return cartwheel.load_policy(tmp_path / "p.safetensors"), tensors


def test_one_observation_and_many(box):
    policy, tensors = box
    assert repr(policy).startswith("Policy(Box(") and repr(policy).endswith(" -> Discrete(2))"), policy
    observations = np.random.default_rng(2).normal(size=(50, 4)).astype(np.float32)
    expected = q_values(tensors, observations)
    np.testing.assert_allclose(policy.q_values(observations), expected, rtol=1e-4, atol=1e-4)
    actions, state = policy.predict(observations)
    assert state is None and actions.shape == (50,) and actions.dtype == np.int64
    np.testing.assert_array_equal(actions, expected.argmax(axis=1))
    assert len(set(actions)) == 2
    for observation, action, values in zip(observations, actions, expected, strict=True):
        one, state = policy.predict(observation, deterministic=True)
        assert state is None and one.shape == () and one == action
        np.testing.assert_allclose(policy.q_values(observation), values, rtol=1e-4, atol=1e-4)
    np.testing.assert_array_equal(policy.predict(observations.astype(np.float64)[::2].tolist())[0], actions[::2])


def test_discrete_observations(tmp_path):
    tensors = write_policy(tmp_path / "p.safetensors", DISCRETE, 3, {"Discrete": {"n": 4, "start": 2}})
    policy = cartwheel.load_policy(tmp_path / "p.safetensors")
    expected = q_values(tensors, np.eye(3))
    np.testing.assert_allclose(policy.q_values(np.array([5, 6, 7])), expected, rtol=1e-4, atol=1e-4)
    np.testing.assert_array_equal(policy.predict(np.array([5, 6, 7]))[0], 2 + expected.argmax(axis=1))
    assert policy.predict(6)[0] == 2 + expected[1].argmax()


def test_tuples_of_observations(tmp_path):
    tensors = write_policy(tmp_path / "p.safetensors", PAIR, 5, {"Discrete": {"n": 2, "start": 0}})
    policy = cartwheel.load_policy(tmp_path / "p.safetensors")
    expected = q_values(tensors, np.array([[0, 1, 1, 0, 0], [1, 0, 0, 0, 1]]))
    np.testing.assert_allclose(policy.q_values((1, -1)), expected[0], rtol=1e-4, atol=1e-4)
    batch = (np.array([1, 0]), np.array([-1, 1]))
    np.testing.assert_allclose(policy.q_values(batch), expected, rtol=1e-4, atol=1e-4)
    with pytest.raises(ValueError, match="different lengths"):
        policy.predict((np.array([1, 0]), np.array([1])))


def test_spaces(box):
    policy, _ = box
    assert policy.action_space == gymnasium.spaces.Discrete(2)
    assert policy.observation_space.shape == (4,) and policy.observation_space.dtype == np.float32
    assert policy.observation_space.high[1] == np.inf


def test_what_normalized_observations_are_normalized_with(box, tmp_path):
    assert box[0].statistics == []
    moments = {"mean": [1.0, 2.0, 3.0, 4.0], "var": [0.5, 1.0, 1.5, 2.0], "count": 9.0}
    statistics = [{"moments": moments, "discounted_return": 0.0, "update_running_mean": False}]
    write_policy(tmp_path / "n.safetensors", BOX, 4, {"Discrete": {"n": 2, "start": 0}}, statistics=statistics)
    [(mean, var)] = cartwheel.load_policy(tmp_path / "n.safetensors").statistics
    np.testing.assert_array_equal(mean, moments["mean"])
    np.testing.assert_array_equal(var, moments["var"])


@pytest.mark.parametrize(
    "observation", [np.zeros(3), np.zeros((2, 3)), np.zeros((2, 2, 4)), 0.0, "text", [[1.0], [2.0, 3.0]]]
)
def test_observations_of_another_kind_are_refused(box, observation):
    with pytest.raises(ValueError):
        box[0].predict(observation)


def test_there_is_nothing_to_draw_from(box):
    with pytest.raises(ValueError, match="no chances"):
        box[0].predict(np.zeros(4), deterministic=False)


def test_actions_are_drawn_by_their_chances(tmp_path):
    def rename(name: str) -> str:
        return name.replace("q_net", "policy_net")

    file = tmp_path / "p.safetensors"
    tensors = write_policy(file, BOX, 4, {"Discrete": {"n": 3, "start": 0}}, rename=rename, head="categorical")
    policy = cartwheel.load_policy(file)
    observation = np.array([0.1, -0.2, 0.05, 0.3], np.float32)
    logits = q_values(tensors, observation)
    chances = np.exp(logits - logits.max()) / np.exp(logits - logits.max()).sum()
    batch = np.tile(observation, (20_000, 1))
    policy.set_random_seed(3)
    drawn, _ = policy.predict(batch, deterministic=False)
    np.testing.assert_allclose(np.bincount(drawn, minlength=3) / len(drawn), chances, atol=0.02)
    policy.set_random_seed(3)
    np.testing.assert_array_equal(policy.predict(batch, deterministic=False)[0], drawn)
    assert (policy.predict(batch, deterministic=False)[0] != drawn).any()
    assert (policy.predict(batch)[0] == logits.argmax()).all()


def test_files_that_hold_no_policy(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"none\.safetensors"):
        cartwheel.load_policy(tmp_path / "none.safetensors")
    with pytest.raises(FileNotFoundError, match="checkpoints/best.safetensors"):
        cartwheel.load_policy(tmp_path)
    (tmp_path / "torn.safetensors").write_bytes(b"\x10\x00")
    with pytest.raises(ValueError, match="cut off"):
        cartwheel.load_policy(str(tmp_path / "torn.safetensors"))


def test_a_policy_is_pickled_and_copied(box):
    policy, observations = box[0], np.random.default_rng(2).uniform(-1, 1, size=(5, 4)).astype(np.float32)
    for again in (pickle.loads(pickle.dumps(policy)), copy.deepcopy(policy), copy.copy(policy)):
        np.testing.assert_array_equal(again.q_values(observations), policy.q_values(observations))
        assert again.observation_space == policy.observation_space and repr(again) == repr(policy)


def check_memory(policy):
    """What it remembers is told, taken back, and forgotten where episodes begin."""
    observations = np.random.default_rng(3).uniform(-1, 1, size=(2, 3, 2)).astype(np.float32)
    _, state = policy.predict(observations[0])
    assert [part.shape for part in state] == 2 * [(1, 3, 32)] and state[0].dtype == np.float32
    _, after = policy.predict(observations[1], state, episode_start=[False, True, False])
    for row, before in enumerate([[part[:, :1] for part in state], None, [part[:, 2:] for part in state]]):
        _, alone = policy.predict(observations[1][row : row + 1], before)
        for part, whole in zip(alone, after, strict=True):
            np.testing.assert_array_equal(part[:, 0], whole[:, row])
    with pytest.raises(ValueError, match=r"of shape \(1, 2, 32\)"):
        policy.predict(observations[0][:2], state)
    with pytest.raises(ValueError, match="give None where episodes begin"):
        policy.predict(observations[0], "a memory")
    with pytest.raises(ValueError, match="2 flags for 3 observations"):
        policy.predict(observations[0], state, episode_start=[True, False])


TRAINED = [("CartPole-v1", "dqn"), ("CartPole-v1", "ppo"), ("Pendulum-v1", "sac"), ("MaskedCartPole-v1", "recurrent-ppo")]


@pytest.mark.parametrize("env_id, algo", TRAINED)
def test_a_trained_policy_acts_as_in_rust(tmp_path, env_id, algo):
    """`cartwheel eval` and a loop in Python give the same returns, with counted actions and with numbers."""
    cartwheel_command = os.environ.get("CARTWHEEL")
    if not cartwheel_command:
        pytest.skip("CARTWHEEL does not name the cartwheel command; test.sh does, where it has been built")
    run = tmp_path / "tiny"
    train = ["train", env_id, "--algo", algo, "--steps", "2000", "--runs-dir", tmp_path, "--name", "tiny"]
    subprocess.run([cartwheel_command, *train], check=True, capture_output=True)
    evaluate = ["eval", run, "--episodes", "5", "--seed", "70", "--json"]
    done = subprocess.run([cartwheel_command, *evaluate], check=True, capture_output=True, text=True)
    policy, env = cartwheel.load_policy(run), gymnasium.make(f"cartwheel/{env_id}")
    returns = []
    for seed in range(70, 75):
        (observation, _), ended, total, state = env.reset(seed=seed), False, 0.0, None
        while not ended:
            action, state = policy.predict(observation, state)
            observation, reward, terminated, truncated, _ = env.step(action)
            ended, total = terminated or truncated, total + reward
        returns.append(total)
    # A batch gives rewards as 32-bit floats.
    np.testing.assert_allclose(returns, json.loads(done.stdout)["returns"], rtol=1e-6)
    assert policy.predict(np.zeros((7, *policy.observation_space.shape)))[0].shape == (7, *policy.action_space.shape)
    assert (state is not None) == (algo == "recurrent-ppo")
    if algo == "recurrent-ppo":
        check_memory(policy)
    if algo != "dqn":
        # A copy goes on to draw what it would have drawn.
        drawn = [draws.predict(observation, state, deterministic=False)[0] for draws in (copy.deepcopy(policy), policy)]
        np.testing.assert_array_equal(*drawn)
        with pytest.raises(ValueError, match="not learnt by values"):
            policy.q_values(observation)
    # The latest weights are taken where there are no best ones.
    (run / "checkpoints/best.safetensors").rename(tmp_path / "best.safetensors")
    latest = cartwheel.load_policy(run / "checkpoints/latest.safetensors")
    np.testing.assert_array_equal(cartwheel.load_policy(run).predict(observation)[0], latest.predict(observation)[0])
