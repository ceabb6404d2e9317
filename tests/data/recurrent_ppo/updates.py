"""Records updates of sb3-contrib's RecurrentPPO, for agents/tests/recurrent_ppo.rs.

The networks, the rollout buffer and the update are the library's own. The rollout is made up here, as its
`collect_rollouts` makes it: episodes end by being terminated, truncated, and both, which does not bootstrap. Memories
before it are not zero, as episodes began before. The chances at collection are not quite the policy's, so that clipping
has something to clip. Where each pass begins is given: what agents/tests/recurrent_ppo.rs draws.

    pip install torch==2.15.0 numpy stable-baselines3==2.9.2 sb3-contrib==2.9.2
    python updates.py > updates.json
"""

import json

import gymnasium as gym
import numpy as np
import torch
from gymnasium import spaces
from sb3_contrib import RecurrentPPO
from sb3_contrib.common.recurrent.type_aliases import RNNStates
from stable_baselines3.common.logger import Logger
from stable_baselines3.common.vec_env import DummyVecEnv

GAMMA, GAE_LAMBDA, LEARNING_RATE = 0.97, 0.9, 3e-3
OBSERVATIONS, HIDDEN, STEPS, ENVS = 3, [7, 5], 6, 2
TERMINATED, TRUNCATED = (4, 8), (7, 8)
BATCH_SIZE = 7
BEGINNINGS = (7, 5)


class Nothing(gym.Env):
    """Only its spaces are looked at."""

    observation_space = spaces.Box(-1, 1, (OBSERVATIONS,))

    def __init__(self, action_space):
        self.action_space = action_space

    def reset(self, seed=None, options=None):
        return np.zeros(OBSERVATIONS, dtype=np.float32), {}


class Recorder(Logger):
    def __init__(self):
        super().__init__(None, [])
        self.found = {}

    def record(self, key, value, exclude=None):
        self.found[key] = float(value)


def renamed(state, memory, hidden, outputs, first=0):
    """Tensors by the names that the network has in Rust: those of a sequence of layers, and `lstm`."""
    names = {}
    for name, tensor in state.items():
        parts = name.split(".")
        if parts[0] == memory:
            names[f"lstm.{parts[1]}"] = tensor
        elif name.startswith(f"mlp_extractor.{hidden}."):
            names[f"{int(parts[2]) + first}.{parts[3]}"] = tensor
        elif parts[0] == outputs:
            names[f"{2 * len(HIDDEN) + first}.{parts[1]}"] = tensor
        elif parts[0] == "critic" and first:
            names[f"0.{parts[1]}"] = tensor
        elif name == "log_std" and outputs == "action_net":
            names[name] = tensor
    return {name: tensor.tolist() for name, tensor in names.items()}


def of_actor(policy):
    return renamed(policy.state_dict(), "lstm_actor", "policy_net", "action_net")


def of_critic(policy):
    return renamed(policy.state_dict(), "lstm_critic", "value_net", "value_net", 2 if policy.critic is not None else 0)


def rows_of(states):
    """What is remembered of each environment: h and c of each layer."""
    return torch.stack(states, dim=1).permute(2, 0, 1, 3).flatten(1).tolist()


def case(action_space, units, layers, shared=False, own=True, **settings):
    torch.manual_seed(4)
    model = RecurrentPPO(
        "MlpLstmPolicy", DummyVecEnv([lambda: Nothing(action_space)] * ENVS), n_steps=STEPS, batch_size=BATCH_SIZE, n_epochs=2,
        learning_rate=LEARNING_RATE, gamma=GAMMA, gae_lambda=GAE_LAMBDA, **settings,
        policy_kwargs={
            "net_arch": HIDDEN, "lstm_hidden_size": units, "n_lstm_layers": layers, "shared_lstm": shared,
            "enable_critic_lstm": own, "log_std_init": -0.3, "ortho_init": False,
        },
    )
    policy, buffer = model.policy, model.rollout_buffer
    actor, critic = of_actor(policy), of_critic(policy)
    n = STEPS * ENVS
    observations, rewards = torch.randn(STEPS, ENVS, OBSERVATIONS), torch.randn(STEPS, ENVS)
    ends = sorted({*TERMINATED, *TRUNCATED})
    finals, last_observations = torch.randn(len(ends), OBSERVATIONS), torch.randn(ENVS, OBSERVATIONS)
    draw = lambda: 0.5 * torch.randn(layers, ENVS, units)
    states = RNNStates((draw(), draw()), (draw(), draw()))
    if not own:
        states = RNNStates(states.pi, states.pi)
    kept = [number for row in rows_of(states.vf) for number in row] if own else []
    starts = torch.zeros(ENVS)
    memories, actions, log_probs, learnt = [], [], [], rewards.clone()
    buffer.reset()
    with torch.no_grad():
        for t in range(STEPS):
            before = states
            memories += rows_of([part * (1 - starts).view(1, ENVS, 1) for part in before.pi])
            chosen, values, log_prob, states = policy(observations[t], before, starts)
            log_prob = log_prob + 0.3 * torch.randn(ENVS)
            actions += chosen.reshape(ENVS, -1).tolist()
            log_probs += log_prob.tolist()
            dones = torch.zeros(ENVS)
            for e in range(ENVS):
                row = t * ENVS + e
                dones[e] = row in ends
                if row in ends and row not in TERMINATED:
                    of_env = tuple(part[:, e : e + 1].contiguous() for part in states.vf)
                    final = finals[ends.index(row)].view(1, -1)
                    learnt[t, e] += GAMMA * policy.predict_values(final, of_env, torch.zeros(1)).item()
            buffer.add(
                observations[t].numpy(), chosen.reshape(ENVS, -1).numpy(), learnt[t].numpy(), starts.numpy(), values, log_prob,
                lstm_states=before,
            )
            starts = dones
        last_values = policy.predict_values(last_observations, states.vf, starts)
    buffer.compute_returns_and_advantage(last_values=last_values, dones=starts.numpy())
    logger, beginnings = Recorder(), iter(BEGINNINGS)
    model.set_logger(logger)
    np.random.randint = lambda _: next(beginnings)
    model.train()
    after = [number for row in rows_of([part * (1 - starts).view(1, ENVS, 1) for part in states.vf]) for number in row]
    counts = [int(action_space.n)] if isinstance(action_space, spaces.Discrete) else [
        int(count) for count in getattr(action_space, "nvec", [])
    ]
    return {
        "counts": counts, "units": units, "layers": layers, "shared_lstm": shared, "enable_critic_lstm": own, "n_epochs": 2,
        "batch_size": BATCH_SIZE, "gamma": GAMMA, "gae_lambda": GAE_LAMBDA, "learning_rate": LEARNING_RATE, "net_arch": HIDDEN,
        "clip_range": 0.2, "clip_range_vf": settings.get("clip_range_vf"), "ent_coef": settings.get("ent_coef", 0.0),
        "normalize_advantage": settings.get("normalize_advantage", True), "max_grad_norm": settings.get("max_grad_norm", 0.5),
        "steps": STEPS, "envs": ENVS, "terminated": TERMINATED, "truncated": TRUNCATED, "beginnings": BEGINNINGS,
        "observations": observations.tolist(), "actions": actions, "rewards": rewards.tolist(), "log_probs": log_probs,
        "final_observations": finals.tolist(), "last_observations": last_observations.tolist(), "memories": memories,
        "kept": kept, "kept_after": after if own else [], "actor": actor, "critic": critic,
        "actor_after": of_actor(policy), "critic_after": of_critic(policy),
        "metrics": {
            name: logger.found[name]
            for name in ["train/policy_gradient_loss", "train/value_loss", "train/entropy_loss", "train/clip_fraction"]
        },
    }


if __name__ == "__main__":
    box, numbers, parts = spaces.Box(-1, 1, (2,)), spaces.Discrete(4), spaces.MultiDiscrete([3, 2])
    print(json.dumps([
        case(numbers, 4, 1),
        case(numbers, 5, 2, ent_coef=0.05, max_grad_norm=0.05),
        case(box, 4, 1, clip_range_vf=0.02),
        case(box, 5, 2, shared=True, own=False, normalize_advantage=False),
        case(parts, 4, 1, own=False),
        case(parts, 6, 1, shared=True, own=False, ent_coef=0.01),
    ]))
