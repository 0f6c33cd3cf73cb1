"""Claims on steps that are not small: growth, the two-cycle, and where the paper's rates lie."""

from __future__ import annotations

import numpy as np

from dlnlib import correlations, exact, initial_conditions, training
from ledger.numerics import ROUNDING, Array, least_rate_of_loss, whitened_mnist
from ledger.record import (
    FIGURE,
    IDENTITY,
    NUMBER,
    OURS,
    QUALITATIVE,
    Check,
    Tolerance,
    at_most,
    claim,
    claims_of,
    equal,
    read_table,
)

__all__ = ["CLAIMS"]

SEED = 2021


@claim(
    "growth-per-step",
    "Eq. 13",
    "In one step of any size the strength of a balanced mode grows by "
    r"$L\ln[1 + \lambda u^{1-2/L}(s - u)]$. Measured: the largest difference from the logarithms "
    "of a network of five layers, over 60 steps at twice its stable rate.",
    section="2",
    kind=IDENTITY,
    label="eq-since-growth",
    source=OURS,
)
def growth_per_step() -> Check:
    data = correlations.diagonal([2.0])
    mode = correlations.modes(data)
    start = initial_conditions.decoupled(mode, (1, 4, 6, 5, 1), u0=0.05, rng=SEED)
    rate = 4 / (4 * 2.0**1.5)
    run = training.gradient_descent(start, data, learning_rate=rate, n_steps=60, modes=mode)
    assert run.mode_strengths is not None
    u = run.mode_strengths[:, 0]
    grown = exact.growth_per_step(u[:-1], s=2.0, learning_rate=rate, n_layers=5)
    return equal(np.abs(np.diff(np.log(u)) - grown).max(), 0, ROUNDING)


def _three_layers(g: Array, n_steps: int) -> Array:
    """Return the strengths of one mode of three layers at rates g / s, s = 1, steps first."""
    data = correlations.diagonal([1.0])
    mode = correlations.modes(data)
    start = initial_conditions.decoupled(mode, (1, 5, 1), u0=0.8, rng=SEED)
    stack = [np.broadcast_to(w, (len(g), *w.shape)) for w in start]
    run = training.gradient_descent(
        stack, data, learning_rate=g, n_steps=n_steps, modes=mode, record_every=1
    )
    assert run.mode_strengths is not None
    return run.mode_strengths[..., 0]


@claim(
    "two-cycle",
    "abstract",
    "Just beyond the edge of stability, descent on a product of two factors settles on two "
    r"alternating points. Measured: the largest distance of the strengths of a network from "
    r"$\frac s2[1 + 1/g \pm \sqrt{(1 - 1/g)(1 + 3/g)}]$, $g = \lambda s$, at $g = 1.05$, 1.1 and "
    "1.2. The formula is our derivation.",
    section="1",
    kind=NUMBER,
    label="eq-since-two-cycle",
    paper="chen2023",
)
def two_cycle() -> Check:
    g = np.array([1.05, 1.1, 1.2])
    root = np.sqrt((1 - 1 / g) * (1 + 3 / g))
    expected = (1 + 1 / g + np.array([[-1], [1]]) * root) / 2
    found = np.sort(_three_layers(g, 2000)[-2:], axis=0)
    return equal(np.abs(found - expected).max(), 0, ROUNDING)


@claim(
    "two-cycle-end",
    "abstract",
    r"The two-cycle of two equal factors is stable up to $g = \lambda s = \sqrt5 - 1$. Measured: "
    "the least of 201 rates at which a run of 2000 steps does not end on two strengths.",
    section="1",
    kind=NUMBER,
    label="eq-since-two-cycle",
    source=OURS,
    paper="chen2023",
)
def end_of_the_two_cycle() -> Check:
    rates = np.linspace(1.2, 1.3, 201)
    u = _three_layers(rates, 2000)
    first = np.argmax(np.abs(u[-1] - u[-3]) > 1e-6)
    reason = "steps of 0.0005, and runs take long to settle close to the end"
    return equal(rates[first], np.sqrt(5) - 1, Tolerance(2e-3, reason))


@claim(
    "fig-4-edge",
    "Fig. 4, right",
    "No rate that the authors drew is one at which the strongest mode could be thrown back past "
    "the saddle. Measured: the largest ratio of a drawn rate to the least such rate, by iterating "
    "one mode of the digits from just below its end.",
    section="2",
    kind=FIGURE,
    label="fig-since-edge",
    source=OURS,
    tables=("printed/fig4.csv",),
)
def drawn_rates_lose_no_mode() -> Check:
    digits = whitened_mnist()
    m = correlations.modes(digits)
    s, d = m.s[0], correlations.input_strengths(digits, m)[0]
    printed = read_table("printed/fig4.csv")
    return at_most(
        max(
            rate * (n - 1) * d * (s / d) ** (2 - 2 / (n - 1)) / least_rate_of_loss(int(n) - 1)
            for n, rate in zip(printed["n_layers"], printed["rate"], strict=True)
        ),
        1,
        "beyond it a step can go past zero",
    )


@claim(
    "flatter-minimum",
    "abstract",
    r"Where the curvature at the minimum ahead is above $2/\lambda$, descent ends at a flatter "
    r"one, below $2/\lambda$. Measured: the largest final curvature times $\lambda$ of three "
    "layers that start unequal, for which flow would end between 2.05 and 3.2.",
    section="1",
    kind=QUALITATIVE,
    label="since-large-steps",
    paper="cohen2021",
)
def flatter_minimum() -> Check:
    ahead, rate = np.linspace(2.05, 3.2, 20), 0.05
    b = np.sqrt(np.sqrt((ahead / rate) ** 2 - 4) + 0.01)
    start = [np.full((20, 1, 1), 0.1), b[:, None, None]]
    data = correlations.diagonal([1.0])
    run = training.gradient_descent(start, data, learning_rate=rate, n_steps=5000)
    first, last = (w[:, 0, 0] for w in run.weights)
    learned = np.abs(first * last - 1).max() < 1e-6
    return at_most(
        rate * (first**2 + last**2).max() if learned else np.nan, 2, "a minimum must be stable"
    )


CLAIMS = claims_of(vars())
