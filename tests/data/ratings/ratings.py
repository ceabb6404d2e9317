"""Ratings with a structure that is known: 400 users, 240 items, 8 tastes.

    python ratings.py

Every user and every item has one taste. Of what a user chose four in five are of their taste, each item the likelier the more
popular it is; those they rate higher. A model that finds the tastes does far better than popularity. Writes ratings.csv.
"""

import pathlib

import numpy as np

USERS, ITEMS, TASTES = 400, 240, 8


def main() -> None:
    rng = np.random.default_rng(1)
    taste_of_user, taste_of_item = rng.integers(TASTES, size=USERS), np.arange(ITEMS) % TASTES
    popularity = 1.0 / (1.0 + rng.permutation(ITEMS)) ** 0.5
    quality = rng.normal(0.0, 0.4, ITEMS)
    lines, clock = ["userId,movieId,rating,timestamp"], 1_000_000_000
    for user in range(USERS):
        own = taste_of_item == taste_of_user[user]
        left = popularity.copy()
        for _ in range(rng.integers(12, 25)):
            weights = np.where(own, left, 0.0) if rng.random() < 0.8 else np.where(own, 0.0, left)
            item = rng.choice(ITEMS, p=weights / weights.sum())
            left[item] = 0.0
            stars = (4.0 if own[item] else 2.5) + quality[item] + rng.normal(0.0, 0.5)
            clock += int(rng.integers(1, 1000))
            lines.append(f"{user + 1},{100 + item},{np.clip(np.round(2 * stars) / 2, 0.5, 5.0)},{clock}")
    path = pathlib.Path(__file__).with_suffix(".csv")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
