"""Fig. 4 two ways: in Krylov coordinates, and at the width of the paper.

All 15 depths at the rates that the authors drew, on centred and whitened MNIST, in the coordinates
that learning can reach; and one of them, of 8 layers, with every hidden layer of 1000 units. What
is printed: how long each takes, its learning time, and how far the two errors come apart.

    python benchmarks/figure_4.py [the depth to run at full width, 8 by default]
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np

from dlnlib.book import table
from dlnlib.correlations import centred, krylov, modes, whitened
from dlnlib.datasets import mnist
from dlnlib.initial_conditions import decoupled
from dlnlib.training import gradient_descent

N_BLOCKS, WIDTH, U0, THRESHOLD = 7, 1000, 1e-3, 1.3e4
PRINTED = Path(__file__).parents[1] / "chapters" / "data" / "printed" / "fig4.csv"


def timed(data, n_layers, width, rate):
    """Return a run to the threshold, and the seconds of its start and of its steps."""
    begin = time.perf_counter()
    sizes = (len(data.sigma_xx), *[width] * (n_layers - 2), len(data.sigma_yx))
    start = decoupled(modes(data), sizes, u0=U0, rng=1312, untargeted=True)
    middle = time.perf_counter()
    run = gradient_descent(
        start, data, learning_rate=rate, n_steps=400, threshold=THRESHOLD, reduce=False
    )
    return run, middle - begin, time.perf_counter() - middle


def main():
    wide_depth = int(sys.argv[1]) if len(sys.argv) > 1 else 8
    data = whitened(centred(mnist()), epsilon=0.01)
    small, printed = krylov(data, n_blocks=N_BLOCKS), table(PRINTED)
    width, all_depths, runs = len(small.sigma_xx), 0.0, {}
    for n_layers, epochs, rate, index in printed[
        ["n_layers", "epochs", "rate", "grid_index"]
    ].tolist():
        # What is drawn at 3 layers is the mean of two rates that tie, the first of which is this.
        rate = rate if index >= 0 else 1e-4
        run, *seconds = timed(small, n_layers, width, rate)
        all_depths += sum(seconds)
        runs[n_layers] = run, sum(seconds), rate
        print(f"{n_layers:3} layers: {run.n_steps + 1:4} epochs, {epochs:4} in the paper")
    run, narrow, rate = runs[wide_depth]
    wide, drawing, stepping = timed(data, wide_depth, WIDTH, rate)
    both = slice(min(len(run.errors), len(wide.errors)))
    apart = np.abs(run.errors[both] / wide.errors[both] - 1).max()
    print(f"{width} inputs and units a layer: all depths in {all_depths:.1f} s")
    print(
        f"{WIDTH} units a layer, {wide_depth} layers: {wide.n_steps + 1} epochs, "
        f"{stepping:.2f} s after {drawing:.2f} s for the start"
    )
    full = drawing + stepping
    print(f"ratio, {wide_depth} layers wide to narrow:      {full / narrow:.1f}")
    print(f"ratio, {wide_depth} layers wide to all depths:  {full / all_depths:.2f}")
    print(f"largest relative difference of an error: {apart:.0e}")
    if wide.n_steps != run.n_steps or apart > 1e-6:
        sys.exit("the two do not agree")


if __name__ == "__main__":
    main()
