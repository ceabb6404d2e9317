"""Single environments: Gymnasium's checks, and its own environments beside ours."""

import copy
import pickle

import gymnasium
import numpy as np
import pytest
from conftest import IDS, SHARED, assert_same
from gymnasium.utils.env_checker import check_env

import cartwheel

#: Sines differ by a unit in the last place between libraries, and an observation is rounded to float32.
TOLERANCE = 1e-6


def test_there_are_environments():
    assert len(IDS) >= 15
    assert {"CartPole-v1", "Pendulum-v1", "Taxi-v4", "Blackjack-v1"} <= set(SHARED)


@pytest.mark.parametrize("name", IDS)
def test_gymnasiums_check(name):
    check_env(gymnasium.make(name).unwrapped)


@pytest.mark.parametrize("name", SHARED)
def test_spaces_and_limits_are_gymnasiums(name):
    ours, theirs = gymnasium.make(f"cartwheel/{name}"), gymnasium.make(name)
    assert ours.observation_space == theirs.observation_space
    assert ours.action_space == theirs.action_space
    assert ours.action_space.dtype == theirs.action_space.dtype
    assert ours.spec.max_episode_steps == theirs.spec.max_episode_steps
    assert ours.spec.reward_threshold == theirs.spec.reward_threshold


@pytest.mark.parametrize("name", SHARED)
def test_episodes_are_gymnasiums(name):
    ours, theirs = gymnasium.make(f"cartwheel/{name}"), gymnasium.make(name)
    theirs.action_space.seed(3)
    ends = 0
    for seed in range(3):
        # The second episode of a seed runs on from the first.
        for options in ({"seed": seed}, {}):
            ours_now, theirs_now = ours.reset(**options), theirs.reset(**options)
            assert type(ours_now[0]) is type(theirs_now[0])
            assert getattr(ours_now[0], "dtype", None) == getattr(theirs_now[0], "dtype", None)
            assert_same(ours_now, theirs_now, TOLERANCE)
            for _ in range(300):
                action = theirs.action_space.sample()
                ours_now, theirs_now = ours.step(action), theirs.step(action)
                assert_same(ours_now, theirs_now, TOLERANCE)
                assert [type(flag) for flag in ours_now[2:4]] == [bool, bool]
                if theirs_now[2] or theirs_now[3]:
                    ends += 1
                    break
    assert ends or name in ("MountainCarContinuous-v0", "CliffWalking-v1", "CliffWalkingSlippery-v1", "Acrobot-v1")


def test_a_reset_is_exact():
    ours, theirs = gymnasium.make("cartwheel/CartPole-v1"), gymnasium.make("CartPole-v1")
    for seed in (0, 42, 2**40 + 7, 2**63):
        np.testing.assert_array_equal(ours.reset(seed=seed)[0], theirs.reset(seed=seed)[0])


def test_without_a_seed_episodes_begin_at_random():
    first = [gymnasium.make("cartwheel/CartPole-v1").reset()[0] for _ in range(2)]
    assert (first[0] != first[1]).any()


def test_infos():
    _, info = gymnasium.make("cartwheel/Taxi-v4").reset(seed=1)
    assert info["prob"] == 1.0
    assert info["action_mask"].dtype == np.int8
    # What a mask is for.
    gymnasium.make("cartwheel/Taxi-v4").action_space.sample(mask=info["action_mask"])


def test_arguments():
    env = gymnasium.make("cartwheel/CartPole-v1", sutton_barto_reward=True)
    env.reset(seed=0)
    assert env.step(1)[1] == 0.0
    eight = gymnasium.make("cartwheel/FrozenLake-v1", map_name="8x8", is_slippery=False)
    assert eight.observation_space.n == 64
    with pytest.raises(TypeError, match="sutton_barto_reward"):
        gymnasium.make("cartwheel/CartPole-v1", suton_barto_reward=True)
    with pytest.raises(ValueError, match="sutton_barto_reward.*must be a boolean"):
        gymnasium.make("cartwheel/CartPole-v1", sutton_barto_reward="yes")


def test_time_limits_are_gymnasiums_to_set():
    env = gymnasium.make("cartwheel/MountainCar-v0", max_episode_steps=3)
    env.reset(seed=0)
    assert [env.step(0)[3] for _ in range(3)] == [False, False, True]
    # Longer than the registered 200.
    env = gymnasium.make("cartwheel/MountainCar-v0", max_episode_steps=201)
    env.reset(seed=0)
    assert [env.step(0)[3] for _ in range(201)] == [False] * 200 + [True]


def test_pictures():
    env = gymnasium.make("cartwheel/CartPole-v1", render_mode="rgb_array")
    env.reset(seed=0)
    first = env.render()
    assert first.shape == (400, 600, 3) and first.dtype == np.uint8
    for _ in range(5):
        env.step(1)
    assert (env.render() != first).any()
    with pytest.raises(gymnasium.error.UnsupportedMode, match="ansi"):
        cartwheel.CartwheelEnv("CartPole-v1", render_mode="ansi")


@pytest.mark.parametrize("action", [2, -1, 2**40, 0.5, "left", None, [0, 1]])
def test_bad_actions_name_themselves(action):
    env = gymnasium.make("cartwheel/CartPole-v1").unwrapped
    env.reset(seed=0)
    with pytest.raises(gymnasium.error.InvalidAction, match=r"Discrete\(2\)") as caught:
        env.step(action)
    assert str(action) in str(caught.value)
    # Nothing has changed.
    env.step(np.int64(1))


@pytest.mark.parametrize("action", [[0.1, 0.2], [[0.1]], float("nan"), [float("nan")], ["a"]])
def test_bad_continuous_actions_name_themselves(action):
    env = gymnasium.make("cartwheel/Pendulum-v1").unwrapped
    env.reset(seed=0)
    with pytest.raises(gymnasium.error.InvalidAction, match=r"Box\(-2.0, 2.0, \(1,\), float32\)"):
        env.step(action)
    env.step(np.array([0.5]))


def test_steps_outside_of_an_episode_are_refused():
    env = gymnasium.make("cartwheel/CartPole-v1").unwrapped
    with pytest.raises(gymnasium.error.ResetNeeded):
        env.step(0)
    env.reset(seed=0)
    while not env.step(0)[2]:
        pass
    with pytest.raises(gymnasium.error.ResetNeeded, match="call reset first"):
        env.step(0)


def test_options_are_refused_by_name():
    with pytest.raises(ValueError, match="low"):
        gymnasium.make("cartwheel/CartPole-v1").reset(options={"low": -0.1})


@pytest.mark.parametrize("name", ["CartPole-v1", "Taxi-v4", "MinAtar-Breakout-v1", "BitFlip-v0"])
@pytest.mark.parametrize("again", [copy.deepcopy, lambda env: pickle.loads(pickle.dumps(env))])
def test_a_copy_goes_on_alike_and_apart(name, again):
    env = gymnasium.make(f"cartwheel/{name}")
    env.reset(seed=1)
    env.action_space.seed(1)
    for _ in range(40):
        other, action = again(env), env.action_space.sample()
        ended = env.step(action)
        assert_same(other.step(action), ended, 0.0)
        # Where one goes is nothing to the other.
        if ended[2] or ended[3]:
            assert_same(env.reset(), again(other).reset(), 0.0)


def test_a_copy_has_the_arguments():
    env = gymnasium.make("cartwheel/FrozenLake-v1", desc=["SF", "FG"], is_slippery=False)
    assert copy.deepcopy(env).observation_space == env.observation_space == gymnasium.spaces.Discrete(4)
    assert copy.deepcopy(env).reset(seed=0)[0] == 0


@pytest.mark.parametrize("name", ["BitFlip-v0", "Reacher2D-v0"])
def test_rewards_of_other_goals_are_those_of_steps(name):
    env = gymnasium.make(f"cartwheel/{name}")
    env.reset(seed=1)
    env.action_space.seed(1)
    seen, rewards, ended = [], [], False
    while not ended:
        observation, reward, terminated, truncated, info = env.step(env.action_space.sample())
        goals = observation["achieved_goal"], observation["desired_goal"]
        assert env.unwrapped.compute_reward(*goals, info) == reward
        seen.append(goals)
        rewards.append(reward)
        ended = terminated or truncated
    achieved, desired = (np.array(goals) for goals in zip(*seen))
    found = env.unwrapped.compute_reward(achieved, desired, [{}] * len(seen))
    assert found.dtype == np.float64 and found.tolist() == rewards
    assert env.unwrapped.compute_reward(achieved, achieved, {}).min() > min(rewards)
    with pytest.raises(ValueError, match="goals were reached and 1 asked for"):
        env.unwrapped.compute_reward(np.repeat(achieved[:1], 3, axis=0), desired[:1], {})


def test_only_environments_with_goals_have_rewards_of_goals():
    assert not hasattr(gymnasium.make("cartwheel/CartPole-v1").unwrapped, "compute_reward")
