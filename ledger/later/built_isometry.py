"""Claims on starts near isometry: Guillen and Gerken, Rosseau et al., Richter and Kilbertus."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.integrate import quad, solve_ivp

from dlnlib import exact, random_matrices
from ledger.numerics import FLOW, Array, relative_error
from ledger.record import (
    IDENTITY,
    OURS,
    QUALITATIVE,
    SCALING,
    Amendment,
    Check,
    Finding,
    Tolerance,
    at_most,
    claim,
    claims_of,
    equal,
    shared,
)

__all__ = ["CLAIMS"]

SEED = 2605

# ---- fluctuations at finite width


def _gaussian_mean(K: float, power: int, square: int) -> float:
    """Return the mean of tanh(z)^power z^square for z of the variance K."""

    def density(x: float) -> float:
        z = np.sqrt(K) * x
        return float(np.tanh(z) ** power * z**square * np.exp(-(x**2) / 2) / np.sqrt(2 * np.pi))

    return 2 * quad(density, 0, 12, epsabs=0, epsrel=1e-9)[0]


@shared
def _wide(*, orthogonal: bool, n_layers: int) -> Array:
    """Return K and V of tanh networks of gain 1, layer by layer, from the equation of wide ones."""
    K = 0.5
    V, found = -2 * K**2 * orthogonal, []
    for _ in range(n_layers):
        found.append((K, V))
        two, four = _gaussian_mean(K, 2, 0), _gaussian_mean(K, 4, 0)
        chi = (_gaussian_mean(K, 2, 2) - K * two) / (2 * K**2)
        V = four - two**2 + chi**2 * V - 2 * two**2 * orthogonal
        K = two
    return np.array(found)


@shared
def _drawn(
    *, orthogonal: bool, n: int, n_layers: int, phi: Callable[[Array], Array] = np.tanh
) -> Array:
    """Return V / K^2 of many networks; a uniform direction stands for an orthogonal matrix."""
    rng, nets = np.random.default_rng(SEED), 1500
    length, found = np.full(nets, np.sqrt(n / 2)), []
    for _ in range(n_layers):
        z = rng.standard_normal((nets, n))
        z *= (length / (np.linalg.norm(z, axis=1) if orthogonal else np.sqrt(n)))[:, None]
        q, fourth = (z * z).mean(axis=1), np.mean((z * z) ** 2)
        pairs = (n * np.mean(q**2) - fourth) / (n - 1)
        found.append(n * (pairs / q.mean() ** 2 - 1))
        length = np.linalg.norm(phi(z), axis=1)
    return np.array(found)


@claim(
    "fluctuations",
    "abstract",
    "In wide networks with orthogonal weights, the correlation $V$ of the squares of two units "
    r"follows $V' = g^4(\langle\varphi^4\rangle - 3\langle\varphi^2\rangle^2) + \chi^2 V$. "
    "Measured: the largest difference of $V/K^2$ from that of 1500 tanh networks of 200 units, 12 "
    "layers (our reading, and our derivation).",
    section="-",
    kind=IDENTITY,
    label="eq-built-fluctuations",
    paper="guillen2026",
)
def orthogonal_fluctuations() -> Check:
    wide = _wide(orthogonal=True, n_layers=12)
    drawn = _drawn(orthogonal=True, n=200, n_layers=12)
    reason = "terms of the order of $5/n$, and chance"
    return equal(np.abs(drawn - wide[:, 1] / wide[:, 0] ** 2).max(), 0, Tolerance(0.05, reason))


@claim(
    "exact-linear",
    "abstract",
    "For linear units and orthogonal weights $V = -2nK^2/(n+2)$ at all depths. Measured: the "
    "largest difference in units of $K^2$, four units, 40 000 products of two and of five matrices "
    "from QR decompositions.",
    section="-",
    kind=IDENTITY,
    label="built-guillen2026",
    source=OURS,
    paper="guillen2026",
)
def linear_fluctuations() -> Check:
    n, nets = 4, 40_000
    rng, worst = np.random.default_rng(SEED), 0.0
    z = np.ones((nets, n))
    for layer in range(1, 6):
        Q, R = np.linalg.qr(rng.standard_normal((nets, n, n)))
        # The signs of the diagonal make the draw uniform.
        z = ((Q * np.sign(np.einsum("nii->ni", R))[:, None, :]) @ z[..., None])[..., 0]
        if layer in (2, 5):
            V = n * (np.mean(z[:, 0] ** 2 * z[:, 1] ** 2) - 1)
            worst = max(worst, abs(V + 2 * n / (n + 2)))
    return equal(worst, 0, Tolerance(0.06, "three standard errors of 0.02"))


@claim(
    "saturation",
    "abstract",
    "With orthogonal weights, fluctuations at finite width become stable with depth if the fixed "
    "point of the activation function is zero. Measured: the largest distance of $V/K^2$ from "
    "$-2$, times the layer, in the equation for tanh, layers 20 to 300; it stays bounded (our "
    "reading, and our derivation).",
    section="-",
    kind=SCALING,
    label="eq-built-saturation",
    paper="guillen2026",
)
def saturation() -> Check:
    K, V = _wide(orthogonal=True, n_layers=300).T
    layer = np.arange(1, 301)
    return at_most((np.abs(V / K**2 + 2) * layer)[19:].max(), 2.8, "a rest that tends to $8/3l$")


def _rectified(z: Array) -> Array:
    return np.asarray(np.sqrt(2) * np.maximum(z, 0))


@claim(
    "rectified",
    "abstract",
    "The fixed point must be zero: with rectified linear units at their critical gain "
    "fluctuations grow in orthogonal networks too, $V/K^2 = 3(l-1) - 2$. Measured: the growth per "
    "layer of 1500 networks of 200 units, layers 2 to 6.",
    section="-",
    kind=SCALING,
    label="built-guillen2026",
    source=OURS,
    paper="guillen2026",
)
def rectified_growth() -> Check:
    drawn = _drawn(orthogonal=True, n=200, n_layers=6, phi=_rectified)
    reason = "chance in 1500 networks, and terms of the order of $l/n$"
    return equal((drawn[5] - drawn[1]) / 4, 3, Tolerance(0.4, reason))


@claim(
    "growth",
    "abstract",
    r"With Gaussian weights they grow with depth, as $V/K^2 \approx \frac23 l$ for tanh. Measured: "
    "the growth per layer of 1500 networks of 200 units between layers 4 and 12, and that of the "
    "equation between layers 150 and 300 (our derivation).",
    section="-",
    kind=SCALING,
    label="eq-built-saturation",
    source=OURS,
    paper="guillen2026",
)
def gaussian_growth() -> Check:
    K, V = _wide(orthogonal=False, n_layers=300).T
    far = (V / K**2)[[149, 299]]
    drawn = _drawn(orthogonal=False, n=200, n_layers=12)
    rates = np.array([np.diff(far)[0] / 150, (drawn[11] - drawn[3]) / 8])
    reason = "chance in 1500 networks, and layers that are not many"
    return equal(np.abs(rates - 2 / 3).max(), 0, Tolerance(0.1, reason))


# ---- isometry that is kept up


@claim(
    "sigmoid",
    "abstract",
    r"Under flow of the penalty $\rho\|W^TW - I\|^2$ each squared singular value follows the "
    r"sigmoid $1/[1 + (\sigma_0^{-2} - 1)e^{-8\rho t/\tau}]$. Measured: the largest relative "
    "difference from the flow of a matrix of 5 rows and 4 columns (our derivation).",
    section="-",
    kind=IDENTITY,
    label="eq-built-restoring",
    source=OURS,
    paper="rosseau2026",
)
def sigmoid_of_isometry() -> Check:
    rng, h = np.random.default_rng(SEED), 1e-20
    W0 = random_matrices.haar(5, 4, rng=rng) * [1.7, 0.8, 0.2, 0.05]
    W0 = W0 @ random_matrices.haar(4, 4, rng=rng)
    moved = h * 1j * np.eye(20).reshape(20, 5, 4)

    def penalty(W: Array) -> Array:
        away = np.swapaxes(W, -1, -2) @ W - np.eye(4)
        return np.asarray((away**2).sum(axis=(-1, -2)))

    def velocity(_: float, w: Array) -> Array:
        # By complex steps, so that the gradient is not put in by hand.
        return -0.1 * penalty(w.reshape(5, 4) + moved).imag / h

    times = np.linspace(0, 12, 13)
    run = solve_ivp(velocity, (0, 12), W0.ravel(), "DOP853", times, rtol=1e-10, atol=1e-13)
    found = np.linalg.svd(run.y.T.reshape(-1, 5, 4), compute_uv=False) ** 2
    start = np.array([1.7, 0.8, 0.2, 0.05]) ** -2.0
    expected = 1 / (1 + (start - 1) * np.exp(-0.8 * times[:, None]))
    return equal(relative_error([found], [expected]), 0, FLOW)


def _relearning_time(wait: float, rho: float) -> float:
    """Return the time to 0.9 of a mode after a time without target: four layers, all numbers."""

    def velocity(_: float, a: Array, s: float) -> Array:
        others = np.array([np.prod(np.delete(a, k)) for k in range(4)])
        pull = 4 * rho * a * (a**2 - 1) * [1, 1, 1, 0]
        return np.asarray((s - np.prod(a)) * others - pull)

    def learned(_: float, a: Array, s: float) -> float:
        return float(np.prod(a) - 0.9 * s)

    event: Any = learned
    event.terminal, event.direction = True, 1
    first = solve_ivp(velocity, (0, wait), np.ones(4), "LSODA", args=(0.0,), rtol=1e-8, atol=1e-10)
    z = first.y[:, -1]
    run = solve_ivp(
        velocity, (0, 1e3), z, "LSODA", events=event, args=(1.0,), rtol=1e-8, atol=1e-10
    )
    return float(run.t[-1])


@claim(
    "lost",
    "abstract",
    "A network becomes slow to learn by learning other tasks. Measured: the largest relative "
    "difference of the time that four linear layers need to learn a mode again, after times of 10, "
    r"100 and 1000 $\tau$ without it, from the learning time of layers that start at "
    r"$[1 + (2L-2)T/\tau]^{-1/(2L-2)}$ (our reading, in linear networks).",
    section="-",
    kind=QUALITATIVE,
    label="eq-built-relearn",
    paper="rosseau2026",
)
def lost_plasticity() -> Check:
    waits = np.array([10.0, 100.0, 1000.0])
    found = np.array([_relearning_time(T, 0.0) for T in waits])
    u0 = (1 + 6 * waits) ** (-4 / 6)
    expected = exact.learning_time(u0, 0.9, s=1.0, tau=1.0, n_layers=5)
    tolerance = Tolerance(1e-5, "integrator with a relative tolerance of $10^{-8}$, twice")
    return equal(np.abs(found / expected - 1).max(), 0, tolerance)


@claim(
    "kept",
    "abstract",
    "A penalty that keeps layers near isometry preserves plasticity. Measured: the largest ratio "
    r"of the time to learn a mode again after 1000 $\tau$ without it to that after 10 $\tau$, all "
    "layers but the last of four under the penalty (our reading, in linear networks).",
    section="-",
    kind=QUALITATIVE,
    label="fig-built-plasticity",
    paper="rosseau2026",
)
def kept_plasticity() -> Check:
    ratio = _relearning_time(1000.0, 0.5) / _relearning_time(10.0, 0.5)
    return at_most(ratio, 1.1, "without the penalty it is 4")


# ---- overlap of two parts


@claim(
    "overlap",
    "abstract",
    "A penalty on the overlap of a symbolic and a neural part lets the symbolic one be identified. "
    r"Measured: the error of $\theta$ in $y = \Phi\theta + \Psi w$ where $\Psi$ could fit all "
    r"data, after descent with the penalty $\frac\rho2\|\Phi^T\Psi w\|^2$, $\rho=10^4$ (our "
    "reading, in a stand-in).",
    section="-",
    kind=QUALITATIVE,
    label="eq-built-overlap",
    paper="richter2026",
)
def overlap() -> Finding:
    rng = np.random.default_rng(SEED)
    P = np.linalg.qr(rng.standard_normal((30, 2)))[0]
    Q, true = rng.standard_normal((30, 45)) / np.sqrt(30), np.array([1.0, -0.5])
    both = np.hstack([P, Q])
    across = np.hstack([np.zeros((2, 2)), 100.0 * P.T @ Q])
    # Descent from zero for a time t, exact in the eigenvectors of what it descends on.
    lam, vectors = np.linalg.eigh(both.T @ both + across.T @ across)
    kept = lam > 1e-9

    def error(rest: Array) -> float:
        pushed = (vectors.T @ both.T @ (P @ true + rest))[kept]
        z = vectors[:, kept] @ (-np.expm1(-lam[kept] * 1e5) / lam[kept] * pushed)
        return float(np.linalg.norm(z[:2] - true))

    rest = Q @ rng.standard_normal(45)
    off = float(np.linalg.norm(P.T @ rest))  # P has orthonormal columns
    small = Tolerance(1e-3, r"finite $\rho$")
    return Finding(
        equal(error(rest), 0, small),
        condition=Amendment(
            r"what $\Phi$ lacks is orthogonal to it; else $\theta$ is off by $\Phi^+r$",
            equal(max(error(rest - P @ (P.T @ rest)), abs(error(rest) - off)), 0, small),
        ),
    )


CLAIMS = claims_of(vars())
