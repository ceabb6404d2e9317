"""Plays CartPole with a trained policy: 500 steps in about a second.

    cartwheel train CartPole-v1 --name cart-pole
    python python/examples/act.py runs/cart-pole
"""

import sys

import gymnasium

import cartwheel

policy = cartwheel.load_policy(sys.argv[1])
env = gymnasium.make("cartwheel/CartPole-v1")
observation, _ = env.reset(seed=0)
steps, ended = 0, False
while not ended:
    action, _ = policy.predict(observation)
    observation, _, terminated, truncated, _ = env.step(action)
    ended = terminated or truncated
    steps += 1
print(f"{steps} steps; values of the last observation: {policy.q_values(observation)}")
