"""Fig. 3, right, two ways: the library, and the plain loop one would write for it.

Two hundred networks, 100 linear and 100 tanh, with 32 one-hot inputs, 32 hidden units and 1000
outputs, learn from small random weights for 2.5 times the half-learning time of their weakest
mode. The library steps each hundred as one batch, with outputs rotated into the 64 dimensions
that learning can reach. The plain loop trains one network after another on the examples; a few of
its starts are timed and the time is scaled up to all. Both record every mode at every step.

    python benchmarks/figure_3.py [number of starts to give the plain loop, 5 by default]
"""

from __future__ import annotations

import sys
import time

import numpy as np

from dlnlib.correlations import from_data, modes
from dlnlib.datasets import hierarchical
from dlnlib.exact import half_learning_time
from dlnlib.initial_conditions import small_random
from dlnlib.training import gradient_descent, tanh_gradient_descent

LEARNING_RATE, U0, N_HIDDEN, N_STARTS = 0.5e-3, 1e-6, 32, 100


def plain_loop(first, second, x, y, m, n_steps, activation, slope):
    """Train one network on examples, in columns; return its weights and mode strengths."""
    x, y = x.T, y.T
    first, second = first.copy(), second.copy()
    strengths = np.empty((n_steps + 1, len(m.s)))
    for step in range(n_steps + 1):
        hidden = activation(first @ x)
        outputs = second @ hidden
        strengths[step] = np.sum((m.U.T @ (outputs @ x.T)) * m.Vt, axis=1)
        if step < n_steps:
            miss = y - outputs
            back = (second.T @ miss) * slope(hidden)
            second += LEARNING_RATE * miss @ hidden.T
            first += LEARNING_RATE * back @ x.T
    return (first, second), strengths


def main():
    n_timed = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    rng = np.random.default_rng(1312)
    x, y = hierarchical(rng=rng)
    data = from_data(x, y)
    m = modes(data)
    n_steps = int(2.5 * half_learning_time(U0, s=m.s[-1], tau=1 / LEARNING_RATE))
    scale = np.sqrt(2 * U0 / N_HIDDEN)
    starts = small_random((32, N_HIDDEN, 1000), scale=scale, rng=rng, n_starts=N_STARTS)
    options = {"learning_rate": LEARNING_RATE, "n_steps": n_steps, "modes": m}

    begin = time.perf_counter()
    runs = {
        "linear": gradient_descent(starts, data, **options),
        "tanh": tanh_gradient_descent(starts, x, y, **options),
    }
    library = time.perf_counter() - begin
    print(f"library:    {2 * N_STARTS} runs of {n_steps} steps in {library:.1f} s")

    functions = {"linear": (lambda h: h, lambda h: 1.0), "tanh": (np.tanh, lambda h: 1 - h**2)}
    plain, apart, weights_apart = 0.0, 0.0, 0.0
    for name, run in runs.items():
        for i in range(n_timed):
            begin = time.perf_counter()
            weights, strengths = plain_loop(
                starts[0][i], starts[1][i], x, y, m, n_steps, *functions[name]
            )
            plain += time.perf_counter() - begin
            apart = max(apart, np.abs(strengths - run.mode_strengths[:, i]).max())
            for w, v in zip(weights, run.weights, strict=True):
                weights_apart = max(weights_apart, np.abs(w - v[i]).max())
    scaled = plain * N_STARTS / n_timed
    print(f"plain loop: {2 * n_timed} of these runs in {plain:.1f} s, so all in {scaled:.0f} s")
    print(f"ratio:      {scaled / library:.1f}")
    print(f"largest difference ever of a mode strength: {apart:.1e}, of up to {m.s[0]:.0f}")
    print(f"largest difference at the end of a weight:  {weights_apart:.1e}")
    if max(apart, weights_apart) > 1e-9:
        sys.exit("the two do not agree to 1e-9")


if __name__ == "__main__":
    main()
