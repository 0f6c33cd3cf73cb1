"""Claims on momentum and dropout, which Section 5 of the paper names and leaves open."""

from __future__ import annotations

from itertools import product

import numpy as np
from scipy.optimize import minimize

from dlnlib import correlations, exact, initial_conditions, networks, training
from dlnlib.correlations import diagonal
from ledger.numerics import Array, as_network, as_vector
from ledger.record import (
    NUMBER,
    OURS,
    SCALING,
    Check,
    Tolerance,
    claim,
    claims_of,
    equal,
)

__all__ = ["CLAIMS"]

SEED = 1312


@claim(
    "sec-5-growth",
    "§5",
    r"With momentum $\beta$ each layer of a small mode of three layers grows in a step of rate "
    r"$\lambda$ by the larger root of $\rho^2 - (1 + \beta + \lambda s)\rho + \beta$, the mode by "
    r"its square. Measured: simulated growth of the mode over the library's, the worst of $\beta "
    r"= 0$, 0.5, 0.9 at $\lambda s = 0.01$.",
    section="5",
    kind=NUMBER,
    source=OURS,
    label="eq-5-growth",
)
def growth_with_momentum() -> Check:
    betas = np.array([0.0, 0.5, 0.9])
    strengths = _strengths(np.full(3, 1e-40), 0.01, betas, 200)
    found = np.log(strengths[200] / strengths[100]) / 100
    library = exact.momentum_growth_rate(1.0, learning_rate=0.01, momentum=betas)
    off = Tolerance(
        1e-7,
        r"a hundred steps after the start from rest, which $\beta = 0.9$ "
        "forgets last",
    )
    return equal(max(found / library, key=lambda r: abs(r - 1)), 1, off)


@claim(
    "sec-5-relaxation",
    "§5",
    r"With momentum $\beta$ the distance of a mode from its optimum shrinks, or grows, by the "
    r"slower root of $\rho^2 - (1 + \beta - \lambda h)\rho + \beta$, $h = 2s$, ringing or not. "
    "Measured: magnitude of the slower root of the recurrence that four simulated values obey, "
    r"over the library's, the worst of $\beta = 0.1$, 0.5, 0.9 and $\lambda h = 0.1$, 1.3, 2.5.",
    section="5",
    kind=NUMBER,
    source=OURS,
    label="fig-5-rates",
)
def relaxation_with_momentum() -> Check:
    betas, steps = np.meshgrid([0.1, 0.5, 0.9], [0.1, 1.3, 2.5])
    x = _strengths(np.full(betas.shape, 1 + 1e-6), steps / 2, betas, 3) - 1
    # Two steps of x'' = p x' - r x give both p and r, for which the library has 1 + β - λh and β.
    size = x[1] ** 2 - x[0] * x[2]
    p, r = (x[1] * x[2] - x[0] * x[3]) / size, (x[2] ** 2 - x[1] * x[3]) / size
    root = np.abs(np.abs(p) + np.sqrt(p**2 - 4 * r + 0j)) / 2
    decay, _ = exact.momentum_relaxation(1.0, learning_rate=steps / 2, momentum=betas)
    off = Tolerance(1e-4, "the distance from the optimum, $10^{-6}$, and its rounding")
    return equal(max(np.ravel(root * np.exp(decay)), key=lambda r: abs(r - 1)), 1, off)


@claim(
    "sec-5-frictionless",
    "§5",
    r"Without friction, $\beta = 1$, a mode swings as Jacobi's elliptic function $\mathrm{nd}^2$. "
    "Measured: by how much the largest difference of descent from it falls when the rate falls to "
    "a quarter, which halves the step in time of the leapfrog that descent then is.",
    section="5",
    kind=SCALING,
    source=OURS,
    label="eq-5-elliptic",
)
def motion_without_friction() -> Check:
    gaps = []
    for rate in (0.01, 0.0025):
        found = _strengths(np.array([0.05]), rate, np.ones(1), int(20 / np.sqrt(rate)))[:, 0]
        t = np.arange(len(found)) + 0.5
        curve = exact.frictionless_mode_strength(t, s=1.0, u0=0.05**2, tau=1 / rate)
        gaps.append(np.abs(found - curve).max())
    return equal(gaps[0] / gaps[1], 4, Tolerance(0.1, "the next order in the step"))


@claim(
    "sec-5-dropout",
    "§5",
    "Dropout of hidden units takes the same amount from every singular value, down to zero, as a "
    "penalty on their sum does. Measured: strengths of four modes at the least mean error over all "
    "64 masks of six hidden units, found from random weights, against the library's.",
    section="5",
    kind=NUMBER,
    source=OURS,
    label="eq-5-threshold",
)
def dropout() -> Check:
    s, keep, rng = np.array([3.0, 2.0, 1.0, 0.4]), 0.6, np.random.default_rng(SEED)
    data, start = diagonal(s), initial_conditions.small_random((4, 6, 4), scale=0.5, rng=rng)
    kept = np.array(list(product([0.0, 1.0], repeat=6)))
    chance = np.prod(np.where(kept == 1, keep, 1 - keep), axis=1)
    masks = kept[..., None] / keep

    def mean_error(z: Array) -> tuple[float, Array]:
        first, second = as_network(z, start)
        thinned = masks * first, np.broadcast_to(second, (64, 4, 6))
        down, up = networks.gradient(thinned, data)
        slopes = [np.tensordot(chance, g, 1) for g in (masks * down, up)]
        return float(chance @ networks.error(thinned, data)), as_vector(slopes)

    least = minimize(mean_error, as_vector(start), jac=True, method="BFGS", options={"gtol": 1e-9})
    found = np.diag(networks.product(as_network(least.x, start)))
    library = exact.dropout_mode_strengths(s, n_hidden=6, keep=keep)
    return equal(np.abs(found - library).max(), 0, Tolerance(1e-4, "the weakest mode dies slowly"))


def _strengths(layers: Array, rate: float | Array, momentum: Array, n_steps: int) -> Array:
    """Return the strength over time of modes of three layers that descend with momentum."""
    data, start = diagonal([1.0]), [layers[..., None, None]] * 2
    run = training.gradient_descent(
        start,
        data,
        learning_rate=rate,
        n_steps=n_steps,
        momentum=momentum,
        modes=correlations.modes(data),
    )
    assert run.mode_strengths is not None
    return run.mode_strengths[..., 0]


CLAIMS = claims_of(vars())
