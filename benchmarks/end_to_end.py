"""The course of a deep linear network three ways: its product alone, all layers, and steps.

Twenty inputs that are not white, ten outputs, a hidden width of 40, a balanced start. The flow of
the product is timed against the flow of all layers, at its own tolerance, and against gradient
descent at a rate at which steps are as good as flow to three digits.

    python benchmarks/end_to_end.py [number of layers of units, 10 by default]
"""

from __future__ import annotations

import sys
import time

import numpy as np

from dlnlib import exact, initial_conditions, networks, training
from dlnlib.correlations import from_data

TAU = 100.0


def main():
    n_layers = int(sys.argv[1]) if len(sys.argv) > 1 else 10
    rng = np.random.default_rng(1802)
    x = rng.standard_normal((200, 20)) * np.linspace(0.3, 1, 20)
    data = from_data(x, x @ rng.standard_normal((20, 10)) / 4)
    W = 0.1 * rng.standard_normal((10, 20))
    start = initial_conditions.balanced(W, (20, *[40] * (n_layers - 2), 10), rng=rng)
    times = np.linspace(0, 20, 41)
    known = dict(sigma_yx=data.sigma_yx, sigma_xx=data.sigma_xx, n_layers=n_layers, tau=TAU)
    few = 200

    def product():
        return exact.end_to_end_flow(times, W, **known)

    def layers():
        run = training.gradient_flow(start, data, times=times, tau=TAU)
        return networks.product(run.weights)

    def steps():
        run = training.gradient_descent(
            start, data, learning_rate=1 / TAU / few, n_steps=20 * few, record_every=20 * few
        )
        return networks.product(run.weights)[None]

    seconds, found = {}, {}
    for way in (product, layers, steps):
        begin = time.perf_counter()
        found[way.__name__] = way()
        seconds[way.__name__] = time.perf_counter() - begin
    for name, t in seconds.items():
        off = np.abs(found[name][-1] - found["product"][-1]).max()
        print(
            f"{name:>8}: {t:8.3f} s, {t / seconds['product']:7.1f} of the product, "
            f"{off:.0e} off at the end"
        )
    if np.abs(found["layers"] - found["product"]).max() > 1e-6:
        sys.exit("the product and the layers do not agree to 1e-6")


if __name__ == "__main__":
    main()
