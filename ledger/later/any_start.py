"""Claims on three layers from any balanced start: Fukumizu, Braun, Dominé, Atanasov."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.integrate import quad_vec
from scipy.linalg import expm

from dlnlib import exact, initial_conditions, networks, training
from dlnlib.correlations import Correlations
from ledger.numerics import FLOW, ROUNDING, Array, Weights, exponent, relative_error
from ledger.record import (
    IDENTITY,
    OURS,
    SCALING,
    Check,
    Tolerance,
    at_least,
    claim,
    claims_of,
    equal,
    shared,
)

__all__ = ["CLAIMS"]

SEED = 1998
TIMES = np.linspace(0, 6, 13)


def _task(n_out: int, n_in: int) -> Correlations:
    sigma = np.random.default_rng(SEED).standard_normal((n_out, n_in))
    return Correlations(np.eye(n_in), sigma, float(np.sum(sigma**2)), n_in)


def _start(sizes: tuple[int, int, int], imbalance: float, scale: float = 0.3) -> Weights:
    rng = np.random.default_rng(SEED + 1)
    rank = min(sizes)
    left, right = rng.standard_normal((sizes[-1], rank)), rng.standard_normal((rank, sizes[0]))
    return initial_conditions.balanced(scale * left @ right, sizes, rng=rng, imbalance=imbalance)


def _stacked(weights: Weights) -> Array:
    """Return the first layer, transposed, above the last."""
    return np.concatenate([np.swapaxes(weights[0], -1, -2), weights[1]], axis=-2)


def _generator(sigma: Array, imbalance: float) -> Array:
    n_out, n_in = sigma.shape
    half = imbalance / 2
    return np.block([[-half * np.eye(n_in), sigma.T], [sigma, half * np.eye(n_out)]])


@claim(
    "riccati",
    "the Riccati equation",
    "From a balanced start the map and the overlaps of a three-layer linear network obey a matrix "
    "Riccati equation with a closed solution, whatever modes overlap (our reading). Measured: the "
    "map of a network of widths 5, 3, 4 against gradient flow.",
    section="1",
    kind=IDENTITY,
    label="eq-since-riccati",
    paper="fukumizu1998",
)
def riccati_solution() -> Check:
    data, start = _task(4, 5), _start((5, 3, 4), 0.0)
    found = networks.product(training.gradient_flow(start, data, times=TIMES).weights)
    solved = exact.three_layer_map(TIMES, start, sigma_yx=data.sigma_yx, tau=1.0)
    return equal(relative_error([found], [solved]), 0, FLOW)


def _with_inverse(t: float, Q: Array, F: Array) -> Array:
    """Return QQ^T as printed, with the inverse of F."""
    grown, inverse = expm(F * t), np.linalg.inv(F)
    inner = np.eye(Q.shape[1]) + Q.T @ (grown @ inverse @ grown - inverse) @ Q / 2
    return grown @ Q @ np.linalg.inv(inner) @ Q.T @ grown


@claim(
    "inverse-of-f",
    "the solution",
    "For as many inputs as outputs and a target of full rank the bracket can be written with the "
    "inverse of $F$, as $1+\\frac12Q_0^T(e^{Ft}F^{-1}e^{Ft}-F^{-1})Q_0$ (our reading). "
    "Measured: all blocks of $QQ^T$ against gradient flow, four inputs and four outputs.",
    section="2",
    kind=IDENTITY,
    label="eq-since-riccati-solution",
    paper="braun2022",
)
def printed_with_an_inverse() -> Check:
    data, start = _task(4, 4), _start((4, 3, 4), 0.0)
    Q = _stacked(training.gradient_flow(start, data, times=[2.0]).weights)[0]
    found = _with_inverse(2.0, _stacked(start), _generator(data.sigma_yx, 0.0))
    return equal(relative_error([found], [Q @ Q.T]), 0, FLOW)


@claim(
    "integral",
    "the solution",
    "Written with the integral of $e^{2Fs}$, the solution holds without an inverse of $F$. "
    "Measured: all blocks of $QQ^T$ by quadrature of the integral, five inputs and four outputs, "
    "against the library.",
    section="2",
    kind=IDENTITY,
    label="eq-since-riccati-solution",
    source=OURS,
    paper="braun2022",
)
def written_with_an_integral() -> Check:
    data, start = _task(4, 5), _start((5, 3, 4), 0.0)
    F, Q, t = _generator(data.sigma_yx, 0.0), _stacked(start), 2.0

    def power(x: Any) -> Any:
        return expm(2 * F * x)

    area, _ = quad_vec(power, 0, t, epsabs=1e-12, epsrel=1e-12)
    grown = expm(F * t) @ Q
    expected = grown @ np.linalg.inv(np.eye(3) + Q.T @ area @ Q) @ grown.T
    first, product, last = exact.three_layer_grams(t, start, sigma_yx=data.sigma_yx, tau=1.0)
    found = np.block([[first, product.T], [product, last]])
    return equal(relative_error([found], [expected]), 0, ROUNDING)


@claim(
    "lambda-balanced",
    "the abstract",
    "The solution extends to layers that differ by $\\lambda$ times the identity. Measured: the "
    "map against gradient flow for $\\lambda$ of 1 and $-1$, widths 5, 3, 4.",
    section="1",
    kind=IDENTITY,
    label="eq-since-balanced",
    paper="domine2024",
)
def layers_apart() -> Check:
    data, off = _task(4, 5), []
    for imbalance in (-1.0, 1.0):
        start = _start((5, 3, 4), imbalance)
        found = networks.product(training.gradient_flow(start, data, times=TIMES).weights)
        solved = exact.three_layer_map(TIMES, start, sigma_yx=data.sigma_yx, tau=1.0)
        off.append(relative_error([found], [solved]))
    return equal(max(off), 0, FLOW)


def _angle_at_one_per_cent(scale: float) -> float:
    """Return the angle between a simulated map and its target when it has grown to 0.01."""
    M = np.random.default_rng(SEED).standard_normal((3, 4))
    target = np.zeros((3, 4))
    target[0, 0] = 1.0
    M *= scale**2 / np.linalg.norm(M)
    start = initial_conditions.balanced(M, (4, 3, 3), rng=SEED)
    data = Correlations(np.eye(4), target, 1.0, 4)
    times = np.linspace(0, np.log(1 / scale) + 1, 200)
    maps = networks.product(training.gradient_flow(start, data, times=times).weights)
    size = np.linalg.norm(maps, axis=(1, 2))
    across = np.linalg.norm(maps - maps[:, :1, :1] * target, axis=(1, 2))
    log_angle = np.log(np.arctan2(across, maps[:, 0, 0]))
    return float(np.exp(np.interp(np.log(0.01), np.log(size), log_angle)))


@claim(
    "silent-alignment",
    "the abstract",
    "From a small start the map turns into the direction of its target before it grows (our "
    "reading). Measured: the power of the initial scale in the angle to a target of one mode, when "
    "a simulated network has reached one per cent of its size; derived here, 1.",
    section="1",
    kind=SCALING,
    label="eq-since-silent",
    paper="atanasov2022",
)
def silent_alignment() -> Check:
    scales = [1e-2, 1e-3, 1e-4]
    power = exponent(scales, [_angle_at_one_per_cent(scale) for scale in scales])
    return equal(power, 1, Tolerance(0.01, "the angle at a scale of 0.01 is not small"))


@shared
def _errors_of_eq_12() -> tuple[Array, Array, Array]:
    """Return scales, and the largest errors of Eq. 12 with and without what modes take."""
    s = np.array([3.0, 2.0, 1.0])
    X = np.array([[1.0, 0.6, 0.5], [0.0, 0.8, 0.5], [0.0, 0.0, 0.7]]) / 2
    starts = np.sum(X**2, axis=0), np.diag(np.linalg.qr(X).R) ** 2
    scales = np.geomspace(1e-3, 1e-8, 6)
    found = np.empty((2, len(scales), 3))
    for i, scale in enumerate(scales):
        times = np.linspace(0, 2 * np.log(1 / scale) + 9, 1200)
        layers = scale * X, scale * X.T
        M = exact.three_layer_map(times, layers, sigma_yx=np.diag(s), tau=1.0)
        u = np.diagonal(M, axis1=1, axis2=2)
        for found_of, u0 in zip(found, starts, strict=True):
            alone = exact.mode_strength(times[:, None], s=s, u0=scale**2 * u0, tau=1.0)
            found_of[i] = np.abs(u - alone).max(axis=0)
    return scales, *found


@claim(
    "eq-12-stays-off",
    "the solution",
    "From coupled starts Eq. 12 of Saxe et al. keeps an error for all modes but the strongest, "
    "however small the start. Measured: the smaller of the errors of two weaker modes at a scale "
    "of $10^{-8}$, relative to those at $10^{-3}$.",
    section="3",
    kind=SCALING,
    label="eq-since-power",
    source=OURS,
    paper="braun2022",
)
def eq_12_stays_off() -> Check:
    _, plain, _ = _errors_of_eq_12()
    return at_least((plain[-1, 1:] / plain[0, 1:]).min(), 0.9, "a constant, to a tenth")


@claim(
    "eq-12-power",
    "the solution",
    "With what stronger modes leave of its hidden vector as the start of each mode, the error of "
    "Eq. 12 falls as $\\varepsilon^{2(s_\\beta-s_{\\beta+1})/s_\\beta}$ of the closest pair. "
    "Measured: the largest difference of three powers from 2/3, 2/3 and 1.",
    section="3",
    kind=SCALING,
    label="eq-since-power",
    source=OURS,
    paper="braun2022",
)
def eq_12_power() -> Check:
    scales, _, reduced = _errors_of_eq_12()
    powers = np.array([exponent(scales, error) for error in reduced.T])
    off = np.abs(powers - [2 / 3, 2 / 3, 1]).max()
    return equal(off, 0, Tolerance(0.01, "corrections at the larger scales"))


CLAIMS = claims_of(vars())
