"""Batches, against Gymnasium's SyncVectorEnv of Gymnasium's own environments."""

import threading

import gymnasium
import numpy as np
import pytest
from conftest import IDS, assert_same
from gymnasium.vector import AutoresetMode, SyncVectorEnv

MODES = list(AutoresetMode)


def pair(name, num_envs, mode, **kwargs):
    ours = gymnasium.make_vec(f"cartwheel/{name}", num_envs=num_envs, autoreset_mode=mode, **kwargs)
    theirs = SyncVectorEnv([lambda: gymnasium.make(name, **kwargs)] * num_envs, autoreset_mode=mode)
    assert ours.metadata["autoreset_mode"] == theirs.metadata["autoreset_mode"] == mode
    assert ours.single_observation_space == theirs.single_observation_space
    assert ours.observation_space == theirs.observation_space
    assert ours.action_space == theirs.action_space
    return ours, theirs


def play(ours, theirs, steps, tolerance=0.0, seed=9):
    """Resets and steps both alike, and returns how many episodes ended."""
    rng, ends = np.random.default_rng(seed), 0
    assert_same(ours.reset(seed=seed), theirs.reset(seed=seed), tolerance)
    for _ in range(steps):
        actions = rng.integers(0, theirs.single_action_space.n, theirs.num_envs)
        ours_now, theirs_now = ours.step(actions), theirs.step(actions)
        assert_same(ours_now, theirs_now, tolerance)
        ended = theirs_now[2] | theirs_now[3]
        ends += ended.sum()
        if ours.metadata["autoreset_mode"] is AutoresetMode.DISABLED and ended.any():
            assert_same(
                ours.reset(options={"reset_mask": ended}),
                theirs.reset(options={"reset_mask": ended}),
                tolerance,
            )
    return ends


def test_environments_are_asked_one_by_one():
    ours, theirs = pair("CartPole-v1", 2, AutoresetMode.NEXT_STEP, render_mode="rgb_array")
    for name in ("observation_space", "action_space", "render_mode"):
        assert ours.get_attr(name) == ours.call(name) == theirs.get_attr(name), name
    assert [spec.id for spec in ours.get_attr("spec")] == ["cartwheel/CartPole-v1"] * 2
    ours.reset(seed=0)
    assert [frame.shape for frame in ours.call("render")] == [(400, 600, 3)] * 2
    for ask in (lambda: ours.call("gravity"), lambda: ours.get_attr("gravity")):
        with pytest.raises(AttributeError, match="no 'gravity': they have observation_space, "):
            ask()
    with pytest.raises(AttributeError, match="'gravity' of a native environment cannot be set"):
        ours.set_attr("gravity", 1)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("num_envs", [1, 3, 8, 17])
def test_cart_poles_are_gymnasiums(mode, num_envs):
    assert play(*pair("CartPole-v1", num_envs, mode), steps=300, tolerance=1e-6) >= 10


@pytest.mark.parametrize("mode", MODES)
def test_cart_poles_that_reach_the_limit_are_gymnasiums(mode):
    ours, theirs = pair("CartPole-v1", 5, mode, max_episode_steps=12)
    assert play(ours, theirs, steps=100, tolerance=1e-6) >= 10


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", ["FrozenLake-v1", "Taxi-v4", "CliffWalking-v1", "Blackjack-v1", "Acrobot-v1"])
def test_loops_over_single_environments_are_gymnasiums(mode, name):
    limit = {"max_episode_steps": 20} if name in ("Taxi-v4", "CliffWalking-v1", "Acrobot-v1") else {}
    ours, theirs = pair(name, 4, mode, **limit)
    if name in ("FrozenLake-v1", "CliffWalking-v1"):
        # Gymnasium's resets say `prob: 1`, an integer, and an array of integers has no room for 1/3. Ours are floats.
        for env in theirs.envs:
            env.unwrapped.reset = as_float(env.unwrapped.reset)
    assert play(ours, theirs, steps=100, tolerance=1e-6) >= 10


def as_float(reset):
    def wrapped(**kwargs):
        observation, info = reset(**kwargs)
        return observation, {**info, "prob": float(info["prob"])}

    return wrapped


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", IDS)
def test_every_batch_is_gymnasiums_batch_of_our_single_environments(name, mode):
    ours = gymnasium.make_vec(name, num_envs=3, autoreset_mode=mode)
    theirs = SyncVectorEnv([lambda: gymnasium.make(name)] * 3, autoreset_mode=mode)
    assert ours.observation_space == theirs.observation_space
    theirs.action_space.seed(4)
    assert_same(ours.reset(seed=5), theirs.reset(seed=5))
    for _ in range(60):
        actions = theirs.action_space.sample()
        ours_now, theirs_now = ours.step(actions), theirs.step(actions)
        assert_same(ours_now, theirs_now, 1e-6)
        ended = theirs_now[2] | theirs_now[3]
        if mode is AutoresetMode.DISABLED and ended.any():
            options = [{"reset_mask": ended} for _ in range(2)]
            assert_same(ours.reset(options=options[0]), theirs.reset(options=options[1]))


@pytest.mark.parametrize("mode", MODES)
def test_seeds_are_gymnasiums(mode):
    ours, theirs = pair("CartPole-v1", 4, mode)
    for seed in (5, [7, 3, 3, 2**40], (1, 2, 3, 4)):
        assert_same(ours.reset(seed=seed), theirs.reset(seed=seed))
        # The numbers run on.
        assert_same(ours.reset(), theirs.reset())
        assert_same(ours.reset(seed=[None, 1, None, 2]), theirs.reset(seed=[None, 1, None, 2]))
        mask = np.array([True, False, True, False])
        for again in (None, 11, [4, None, None, None]):
            options = [{"reset_mask": mask.copy()} for _ in range(2)]
            assert_same(
                ours.reset(seed=again, options=options[0]),
                theirs.reset(seed=again, options=options[1]),
            )
        actions = np.array([0, 1, 1, 0])
        assert_same(ours.step(actions), theirs.step(actions), 1e-6)


def test_without_a_seed_episodes_begin_at_random():
    first = [gymnasium.make_vec("cartwheel/CartPole-v1", num_envs=2).reset()[0] for _ in range(2)]
    assert (first[0] != first[1]).any() and (first[0][0] != first[0][1]).any()


@pytest.mark.parametrize("mode", MODES)
def test_every_mode_of_a_native_batch_agrees_with_one_environment(mode):
    """Long enough that the same environment ends many times, alone and with its neighbours."""
    n = 11
    envs = gymnasium.make_vec("cartwheel/CartPole-v1", num_envs=n, autoreset_mode=mode)
    ones = [gymnasium.make_vec("cartwheel/CartPole-v1", num_envs=1, autoreset_mode=mode) for _ in range(n)]
    rng = np.random.default_rng(0)
    envs.reset(seed=100)
    for i, one in enumerate(ones):
        one.reset(seed=100 + i)
    for _ in range(400):
        actions = rng.integers(0, 2, n)
        together = envs.step(actions)
        for i, one in enumerate(ones):
            alone = one.step(actions[i : i + 1])
            for whole, single in zip(together[:4], alone[:4], strict=True):
                np.testing.assert_array_equal(whole[i], single[0])
            if mode is AutoresetMode.DISABLED and (alone[2] | alone[3]).any():
                one.reset(options={"reset_mask": np.array([True])})
        if mode is AutoresetMode.DISABLED and (together[2] | together[3]).any():
            envs.reset(options={"reset_mask": together[2] | together[3]})


def test_without_autoreset_a_batch_waits():
    envs = gymnasium.make_vec("cartwheel/CartPole-v1", num_envs=2, autoreset_mode="Disabled", max_episode_steps=1)
    envs.reset(seed=0)
    envs.step([0, 1])
    with pytest.raises(gymnasium.error.ResetNeeded, match="environment 0"):
        envs.step([0, 1])
    envs.reset(options={"reset_mask": np.array([True, False])})
    with pytest.raises(gymnasium.error.ResetNeeded, match="environment 1"):
        envs.step([0, 1])


def test_what_was_returned_stays():
    envs = gymnasium.make_vec("cartwheel/CartPole-v1", num_envs=4, autoreset_mode="SameStep")
    kept = [envs.reset(seed=0)[0]]
    finals = []
    for t in range(200):
        step = envs.step(np.full(4, t % 3 == 0, dtype=np.int64))
        kept.append(step[0])
        if "final_obs" in step[4]:
            finals.append(step[4]["final_obs"])
    again = gymnasium.make_vec("cartwheel/CartPole-v1", num_envs=4, autoreset_mode="SameStep")
    again_finals = []
    np.testing.assert_array_equal(kept[0], again.reset(seed=0)[0])
    for t in range(200):
        step = again.step(np.full(4, t % 3 == 0, dtype=np.int64))
        np.testing.assert_array_equal(kept[t + 1], step[0])
        if "final_obs" in step[4]:
            # Nobody keeps the array here, so that it is used again.
            again_finals.append([None if row is None else row.copy() for row in step[4]["final_obs"]])
        del step
    assert len(finals) == len(again_finals) > 10
    for one, other in zip(finals, again_finals, strict=True):
        assert_same(tuple(one), tuple(other))


def test_without_copy_the_same_array_is_filled():
    for name in ("CartPole-v1", "Taxi-v4", "Blackjack-v1"):
        shared = gymnasium.make_vec(f"cartwheel/{name}", num_envs=3, copy=False)
        fresh = gymnasium.make_vec(f"cartwheel/{name}", num_envs=3)
        first, _ = shared.reset(seed=0)
        fresh.reset(seed=0)
        for t in range(30):
            actions = np.full(3, t % 2)
            now = shared.step(actions)
            assert now[0] is first
            assert_same(now, fresh.step(actions))


@pytest.mark.parametrize(
    ("actions", "named"),
    [
        (np.array([0, 1, 2]), "environment 2: the action is 2"),
        (np.array([0, -1, 2]), "environment 1: the action is -1"),
        (np.array([0, 1]), r"3 of Discrete\(2\)"),
        (np.zeros((3, 1), np.int64), r"3 of Discrete\(2\)"),
        (np.zeros(3), r"3 of Discrete\(2\)"),
        (np.array([0, 1, 2**40]), "1099511627776"),
        (1, r"3 of Discrete\(2\)"),
        (None, r"3 of Discrete\(2\)"),
    ],
)
def test_bad_actions_name_themselves(actions, named):
    envs = gymnasium.make_vec("cartwheel/CartPole-v1", num_envs=3)
    before, _ = envs.reset(seed=0)
    with pytest.raises(gymnasium.error.InvalidAction, match=named):
        envs.step(actions)
    after = envs.step(np.array([0, 1, 1]))[0]
    envs.reset(seed=0)
    np.testing.assert_array_equal(envs.step(np.array([0, 1, 1]))[0], after)


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int32, np.int64, np.uint64, bool])
def test_actions_of_every_integer_type(dtype):
    envs = gymnasium.make_vec("cartwheel/CartPole-v1", num_envs=3)
    envs.reset(seed=0)
    expected = envs.step([1, 0, 1])[0]
    envs.reset(seed=0)
    np.testing.assert_array_equal(envs.step(np.array([1, 0, 1]).astype(dtype))[0], expected)
    envs.reset(seed=0)
    # A column of a table is not contiguous.
    np.testing.assert_array_equal(envs.step(np.array([[1, 9], [0, 9], [1, 9]]).astype(dtype)[:, 0])[0], expected)


def test_continuous_actions():
    envs = gymnasium.make_vec("cartwheel/Pendulum-v1", num_envs=3)
    theirs = SyncVectorEnv([lambda: gymnasium.make("Pendulum-v1")] * 3)
    assert envs.metadata["autoreset_mode"] == theirs.metadata["autoreset_mode"], "the same default"
    rng = np.random.default_rng(0)
    assert_same(envs.reset(seed=1), theirs.reset(seed=1), 1e-6)
    for _ in range(250):
        actions = rng.uniform(-2, 2, (3, 1)).astype(np.float32)
        ours_now, theirs_now = envs.step(actions), theirs.step(actions)
        assert_same(ours_now, theirs_now, 1e-5)
    with pytest.raises(gymnasium.error.InvalidAction, match="3 of Box"):
        envs.step(np.zeros(3, np.float32))


def test_steps_before_a_reset_are_refused():
    envs = gymnasium.make_vec("cartwheel/CartPole-v1", num_envs=2)
    with pytest.raises(gymnasium.error.ResetNeeded):
        envs.step([0, 1])
    with pytest.raises(gymnasium.error.ResetNeeded):
        envs.reset(options={"reset_mask": np.array([True, False])})


@pytest.mark.parametrize(
    ("kwargs", "error"),
    [
        ({"seed": [1, 2, 3]}, ValueError),
        ({"seed": -1}, gymnasium.error.Error),
        ({"options": {"reset_mask": [True, False]}}, TypeError),
        ({"options": {"reset_mask": np.array([False, False])}}, ValueError),
        ({"options": {"reset_mask": np.array([True])}}, ValueError),
        ({"options": {"low": 0.1}}, ValueError),
    ],
)
def test_bad_resets_are_refused(kwargs, error):
    envs = gymnasium.make_vec("cartwheel/CartPole-v1", num_envs=2)
    envs.reset(seed=0)
    with pytest.raises(error):
        envs.reset(**kwargs)


def test_bad_arguments_are_refused():
    with pytest.raises(TypeError, match="sutton_barto_reward"):
        gymnasium.make_vec("cartwheel/CartPole-v1", num_envs=2, suton_barto_reward=True)
    with pytest.raises(ValueError):
        gymnasium.make_vec("cartwheel/CartPole-v1", num_envs=2, autoreset_mode="Never")
    with pytest.raises(gymnasium.error.Error, match="at least one environment"):
        gymnasium.make_vec("cartwheel/CartPole-v1", num_envs=0)


def test_time_limits():
    envs = gymnasium.make_vec("cartwheel/MountainCar-v0", num_envs=2, max_episode_steps=-1)
    envs.reset(seed=0)
    assert not any(envs.step([0, 1])[3].any() for _ in range(500))
    assert gymnasium.make_vec("cartwheel/MountainCar-v0", num_envs=2).spec.max_episode_steps == 200


def test_pictures():
    envs = gymnasium.make_vec("cartwheel/CartPole-v1", num_envs=2, render_mode="rgb_array")
    envs.reset(seed=0)
    first, second = envs.render()
    assert first.shape == (400, 600, 3) and (first != second).any()


def test_gymnasiums_wrappers_work():
    envs = gymnasium.make_vec("cartwheel/CartPole-v1", num_envs=3, autoreset_mode="NextStep")
    envs = gymnasium.wrappers.vector.RecordEpisodeStatistics(envs)
    envs.reset(seed=0)
    lengths = [int(envs.step([0, 0, 0])[4].get("episode", {"l": [0]})["l"][0]) for _ in range(12)]
    assert max(lengths) in range(8, 12)


def test_other_threads_run_during_a_large_step():
    envs = gymnasium.make_vec("cartwheel/Scripted-v0", num_envs=256, step_us=2000)
    envs.reset(seed=0)
    counted, stop = [0], threading.Event()

    def count():
        while not stop.wait(0.001):
            counted[0] += 1

    thread = threading.Thread(target=count)
    thread.start()
    before = counted[0]
    envs.step(np.zeros(256, np.int64))  # Half a second of work.
    during = counted[0] - before
    stop.set()
    thread.join()
    assert during >= 10
