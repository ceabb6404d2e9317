"""Records what Stable-Baselines3 makes of actions with state-dependent exploration (gSDE), for agents/tests/state_dependent.rs.

The policies are Stable-Baselines3's own: PPO's, whose hidden layers learn nothing from the noise, and SAC's, which is squashed
and learns from it. For given observations and actions before tanh: means, standard deviations, log-probabilities, entropies
where there is a formula, and the gradient of a weighted sum of these by each parameter. Some of SAC's means are clipped.

    pip install torch==2.15.0 stable-baselines3==2.9.2
    python generate.py > policies.json
"""

import json

import numpy as np
import torch
from gymnasium.spaces import Box
from stable_baselines3.common.policies import ActorCriticPolicy
from stable_baselines3.common.torch_layers import FlattenExtractor
from stable_baselines3.sac.policies import Actor

OBSERVATIONS, DIMENSIONS, HIDDEN, BATCH = 3, 2, [7, 5], 8
SPACES = (
    Box(-np.inf, np.inf, (OBSERVATIONS,), np.float32),
    Box(-1.0, 1.0, (DIMENSIONS,), np.float32),
)


def ppo():
    """The policy, and its parameters by the names that the network has in Rust."""
    torch.manual_seed(1)
    policy = ActorCriticPolicy(*SPACES, lambda _: 0.0, net_arch=HIDDEN, use_sde=True, log_std_init=-0.7, ortho_init=False)
    hidden = policy.mlp_extractor.policy_net
    return policy.get_distribution, {"0": hidden[0], "2": hidden[2], "4": policy.action_net}, policy.log_std


def sac():
    torch.manual_seed(2)
    extractor = FlattenExtractor(SPACES[0])
    actor = Actor(*SPACES, HIDDEN, extractor, OBSERVATIONS, use_sde=True, log_std_init=-0.7)

    def distribution(observations):
        mean, log_std, rest = actor.get_action_dist_params(observations)
        return actor.action_dist.proba_distribution(mean, log_std, rest["latent_sde"])

    with torch.no_grad():
        actor.mu[0].weight *= 20
    return distribution, {"0": actor.latent_pi[0], "2": actor.latent_pi[2], "4": actor.mu[0]}, actor.log_std


def case(squashed):
    distribution, layers, log_std = sac() if squashed else ppo()
    with torch.no_grad():
        log_std += 0.5 * torch.randn_like(log_std)
    parameters = {f"{name}.{kind}": getattr(layer, kind) for name, layer in layers.items() for kind in ("weight", "bias")}
    parameters["log_std"] = log_std
    observations = 2 * torch.randn(BATCH, OBSERVATIONS)
    actions, by_log_prob, by_entropy = torch.randn(BATCH, DIMENSIONS), torch.randn(BATCH), torch.randn(BATCH)
    policy = distribution(observations)
    log_prob = policy.log_prob(actions.tanh() if squashed else actions)
    loss, entropy = (by_log_prob * log_prob).sum(), policy.entropy()
    if entropy is not None:
        loss = loss + (by_entropy * entropy).sum()
    loss.backward()
    plain = lambda tensors: {name: tensor.tolist() for name, tensor in tensors.items()}
    return {
        "squashed": squashed, "net_arch": HIDDEN, "parameters": plain(parameters),
        "observations": observations.tolist(), "actions": actions.tolist(),
        "by_log_prob": by_log_prob.tolist(), "by_entropy": by_entropy.tolist(),
        "mean": policy.distribution.mean.tolist(), "std": policy.distribution.stddev.tolist(),
        "log_prob": log_prob.tolist(), "entropy": entropy.tolist() if entropy is not None else [],
        "gradient": plain({name: tensor.grad for name, tensor in parameters.items()}),
    }


if __name__ == "__main__":
    print(json.dumps([case(False), case(True)]))
