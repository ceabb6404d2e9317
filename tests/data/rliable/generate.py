"""What rliable says of scores over seeds, for trainer/src/statistics.rs.

    pip install rliable==1.2.0
    python tests/data/rliable/generate.py

Writes statistics.json: two algorithms' scores on one task, the interquartile mean of each with its 95 % stratified
bootstrap interval, and the probability that the first improves on the second with its interval.
"""

import json
import pathlib

import numpy as np
from rliable import library, metrics

REPS = 4_000
rng = np.random.default_rng(5)
CASES = [
    (rng.normal(400, 60, 10), rng.normal(380, 30, 10)),
    (rng.normal(-150, 20, 5), rng.normal(-160, 40, 8)),
    # Many that reach the same best return.
    (np.minimum(500, rng.normal(490, 40, 12)), np.minimum(500, rng.normal(500, 60, 7))),
]

rows = []
for x, y in CASES:
    x, y = np.round(x, 2), np.round(y, 2)
    columns = {"x": x[:, None], "y": y[:, None]}
    iqm = lambda scores: np.array([metrics.aggregate_iqm(scores)])
    points, intervals = library.get_interval_estimates(columns, iqm, reps=REPS, random_state=np.random.RandomState(1))
    better = lambda a, b: np.array([metrics.probability_of_improvement(a, b)])
    pairs = {"x,y": (x[:, None], y[:, None])}
    chance, chances = library.get_interval_estimates(pairs, better, reps=REPS, random_state=np.random.RandomState(1))
    rows.append({
        "x": x.tolist(),
        "y": y.tolist(),
        "iqm": [float(points[name][0]) for name in "xy"],
        "iqm_ci95": [intervals[name][:, 0].tolist() for name in "xy"],
        "improvement": float(chance["x,y"][0]),
        "improvement_ci95": chances["x,y"][:, 0].tolist(),
    })
out = pathlib.Path(__file__).with_name("statistics.json")
out.write_text(json.dumps({"rliable": "1.2.0", "reps": REPS, "cases": rows}, indent=1) + "\n")
