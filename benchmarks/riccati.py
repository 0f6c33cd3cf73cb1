"""Three layers from coupled starts at many times, three ways: solved, integrated, stepped.

Networks of 20 inputs, 10 hidden units and 15 outputs start from balanced layers of any map. The
library's closed form gives the map at all times at once, `gradient_flow` integrates each start, and
`gradient_descent` steps all starts as one batch, at a rate that leaves an error which is printed
too. All run to the same time.

    python benchmarks/riccati.py [number of starts, 10 by default]
"""

from __future__ import annotations

import sys
import time

import numpy as np

from dlnlib.correlations import Correlations
from dlnlib.exact import three_layer_map
from dlnlib.initial_conditions import balanced
from dlnlib.networks import product
from dlnlib.training import gradient_descent, gradient_flow

SIZES, N_TIMES, END, STEPS = (20, 10, 15), 200, 10.0, 4000


def seconds(function):
    """Return what a function returns, and how long it took."""
    begin = time.perf_counter()
    found = function()
    return found, time.perf_counter() - begin


def main():
    n_starts = int(sys.argv[1]) if len(sys.argv) > 1 else 10
    rng = np.random.default_rng(1998)
    sigma = rng.standard_normal((SIZES[-1], SIZES[0])) / 4
    data = Correlations(np.eye(SIZES[0]), sigma, np.sum(sigma**2), SIZES[0])
    low_rank = (rng.standard_normal((SIZES[2], 3)), rng.standard_normal((3, SIZES[0])))
    starts = [balanced(0.01 * low_rank[0] @ low_rank[1], SIZES, rng=rng) for _ in range(n_starts)]
    weights = tuple(np.stack(layer) for layer in zip(*starts, strict=True))
    times = np.linspace(0, END, N_TIMES)

    solved, t_solved = seconds(lambda: three_layer_map(times, weights, sigma_yx=sigma, tau=1.0))
    flow, t_flow = seconds(lambda: gradient_flow(weights, data, times=times))
    rate = END / STEPS
    options = {"learning_rate": rate, "n_steps": STEPS, "record_every": STEPS}
    run, t_steps = seconds(lambda: gradient_descent(weights, data, **options))

    print(f"{n_starts} starts at {N_TIMES} times")
    print(f"solved:     {1000 * t_solved:8.1f} ms")
    ratio, off = t_flow / t_solved, np.abs(product(flow.weights) - solved).max()
    print(f"integrated: {1000 * t_flow:8.1f} ms, {ratio:.0f} times as long, off by {off:.0e}")
    ratio, off = t_steps / t_solved, np.abs(product(run.weights) - solved[-1]).max()
    print(f"stepped:    {1000 * t_steps:8.1f} ms, {ratio:.0f} times as long, off by {off:.0e}")
    one = min(
        seconds(lambda: three_layer_map(END, starts[0], sigma_yx=sigma, tau=1.0))[1]
        for _ in range(50)
    )
    print(f"one start at one time: {1000 * one:.2f} ms")


if __name__ == "__main__":
    main()
