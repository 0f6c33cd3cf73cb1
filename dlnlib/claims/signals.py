"""Claims on nonlinear networks at the edge of chaos: Section 4 and Appendix G."""

from __future__ import annotations

from functools import cache

import numpy as np
from scipy.integrate import quad
from scipy.optimize import brentq

from dlnlib import random_matrices as rm
from dlnlib import signal_propagation as sp
from dlnlib.claims.ledger import (
    IDENTITY,
    NUMBER,
    QUALITATIVE,
    SCALING,
    Amendment,
    Check,
    Finding,
    Tolerance,
    at_least,
    at_most,
    claim,
    equal,
)
from dlnlib.claims.numerics import DIFFERENCES, ROUNDING, Array, distance, exponent

SEED = 1312
WIDTH, DEEP = 1000, 100

# ---- Section 4


@claim(
    "eq-20",
    "Eq. 20",
    "Activities obey x' = g W tanh(x) from layer to layer. Measured: the library's propagation "
    "against that, nine layers.",
    section="4",
    kind=IDENTITY,
    equations=(20,),
)
def dynamics() -> Check:
    x, weights = _small_network()
    layers = [x]
    for W in weights:
        layers.append(1.1 * W @ np.tanh(layers[-1]))
    return equal(distance([sp.propagate(x, weights, gain=1.1)], [layers]), 0, ROUNDING)


@claim(
    "eq-21",
    "Eq. 21",
    "The variance of a layer, the mean of its squared activities, follows a map of its own. "
    "Measured: 30 layers of 1000 units against Eq. 48, g = 1.5; largest relative difference.",
    section="4",
    kind=QUALITATIVE,
    equations=(21,),
)
def variance_of_layers() -> Check:
    expected = sp.layer_variances(4.0, 30, gain=1.5)
    slope = sp.variance_map_derivative(sp.fixed_point(1.5), gain=1.5)
    spread = float(np.sqrt(2 / WIDTH / (1 - slope**2)))
    off = Tolerance(3 * spread, "three standard deviations of 1000 units, which the map carries on")
    return equal(np.abs(_variances(1.5) / expected - 1).max(), 0, off)


@claim(
    "eq-22",
    "Eq. 22",
    "The Jacobian of the last layer by the first is the product of g W diag(tanh'(x)). Measured: "
    "singular values of the library's, against central differences, nine layers of 20 units.",
    section="4",
    kind=IDENTITY,
    equations=(22,),
)
def jacobian() -> Check:
    x, weights = _small_network()
    steps = 1e-6 * np.eye(len(x))
    up, down = (sp.propagate(x + sign * steps, weights, gain=1.1)[-1] for sign in (1, -1))
    numerical = np.linalg.svd((up - down) / 2e-6, compute_uv=False)
    found = sp.jacobian_singular_values(x, weights, gain=1.1)
    return equal(distance([found], [numerical]), 0, DIFFERENCES)


@claim(
    "sec-4-critical",
    "§4",
    "The critical gain of tanh networks is 1. Measured: the gain at which the variance that layers "
    "settle at becomes positive, by bisection.",
    section="4",
    kind=NUMBER,
    label="fig-8",
)
def critical_gain() -> Check:
    low, high = 0.5, 1.5
    while high - low > 1e-9:
        middle = (low + high) / 2
        low, high = (low, middle) if sp.fixed_point(middle) > 0 else (middle, high)
    return equal(high, 1, Tolerance(1e-8, "bisection"))


@claim(
    "sec-4-below",
    "§4",
    "Below the critical gain activity dies out. Measured: variance of the last of 100 layers of "
    "1000 units, g = 0.9, from 4.",
    section="4",
    kind=QUALITATIVE,
    label="eq-21",
)
def dies_out() -> Check:
    return at_most(_variances(0.9, DEEP)[-1], 1e-8, "0.9 to the 200th is 7e-10")


@claim(
    "sec-4-above",
    "§4",
    "Above it activity settles at one positive level wherever it starts. Measured: variance of the "
    "last ten of 100 layers of 1000 units, g = 1.1, from 4 over that from 0.2.",
    section="4",
    kind=QUALITATIVE,
    label="eq-21",
)
def settles() -> Check:
    ends = [_variances(1.1, DEEP, q)[-10:].mean() for q in (4.0, 0.2)]
    return equal(ends[0] / ends[1], 1, Tolerance(0.05, "fluctuation of 1000 units"))


@claim(
    "fig-7-below",
    "Fig. 7",
    "Below the critical gain all singular values of a deep network are extremely small. Reading: "
    "below 0.01 after 100 layers, at g = 0.9 and 0.95 from variance 0.2, the most favourable.",
    section="4",
    kind=QUALITATIVE,
    label="fig-7",
)
def vanishing_gradients() -> Check:
    return at_most(max(_log_spectrum(g, 0.2)[0] for g in (0.9, 0.95)), np.log(0.01), "ln 0.01")


@claim(
    "fig-7-critical",
    "Fig. 7",
    "At it a share of order one of them stays of order one, even from variance 4. Reading: one in "
    "twenty is above a tenth after 100 layers.",
    section="4",
    kind=QUALITATIVE,
    label="fig-7",
)
def isometry_at_the_edge() -> Check:
    return at_least(np.mean(_log_spectrum(1.0, 4.0) > np.log(0.1)), 0.05, "the reading")


@claim(
    "fig-7-critical-depth",
    "Fig. 7",
    "They do so at any depth. Measured: exponent of the root mean square singular value of wide "
    "networks at g = 1 against depth, 100 to 1000 layers, from variance 1.",
    section="4",
    kind=SCALING,
    label="fig-7",
)
def isometry_and_depth() -> Finding:
    n = np.array([100, 300, 1000])
    means = [sp.jacobian_moments(q=1.0, n_layers=int(k), gain=1.0).mean for k in n]
    at_a_hundred = np.mean(_log_spectrum(1.0, 4.0) > np.log(0.1))
    text = "at the figure's 100 layers, as above; with depth they shrink as the root of 1/N_l"
    return Finding(
        equal(exponent(n, np.sqrt(means)), 0, Tolerance(0.1, "the reading")),
        condition=Amendment(text, at_least(at_a_hundred, 0.05, "the reading")),
    )


@claim(
    "fig-7-above",
    "Fig. 7",
    "Above it they spread. Measured: standard deviation of ln σ after 100 layers at g = 1.1 from "
    "variance 1, where an isometry has zero.",
    section="4",
    kind=QUALITATIVE,
    label="fig-7",
)
def anisotropy_above() -> Check:
    return at_least(_log_spectrum(1.1, 1.0).std(), 1, "the reading: by factors of e either way")


@claim(
    "fig-7-mild",
    "Fig. 7",
    "The anisotropy at g = 1.1 is mild compared with that of a Gaussian product. Reading: a tenth "
    "of the standard deviation of ln σ at most, 99 matrices of 1000 rows.",
    section="4",
    kind=QUALITATIVE,
    label="fig-7",
)
def mild_anisotropy() -> Check:
    gaussian = rm.log_singular_values(rm.gaussian_product(WIDTH, DEEP - 1, rng=SEED))
    return at_most(_log_spectrum(1.1, 1.0).std() / gaussian.std(), 0.1, "the reading")


# ---- Appendix G


@claim(
    "eq-48",
    "Eq. 48",
    "In wide networks the variance of the next layer is g² times the Gaussian mean of tanh(√q z)². "
    "Measured: the library's map against adaptive quadrature, q from 0.01 to 100.",
    section="G",
    kind=IDENTITY,
    equations=(48,),
)
def variance_map() -> Check:
    q = np.array([0.01, 0.2, 1.0, 4.0, 100.0])
    expected = [1.1**2 * _gaussian_mean(x) for x in q]
    return equal(distance([sp.variance_map(q, gain=1.1)], [expected]), 0, Tolerance(1e-8, "quad"))


@claim(
    "eq-49",
    "Eq. 49",
    "The level at which it settles is the map's positive fixed point. Measured: the library's "
    "against a root of the quadrature, g from 1.05 to 2.",
    section="G",
    kind=IDENTITY,
    equations=(49,),
)
def fixed_point() -> Check:
    gains = (1.05, 1.1, 1.5, 2.0)
    roots = [
        brentq(lambda q, g=g: g**2 * _gaussian_mean(q) - q, 1e-3, 10, xtol=1e-13) for g in gains
    ]
    return equal(
        distance([[sp.fixed_point(g) for g in gains]], [roots]), 0, Tolerance(1e-7, "quad")
    )


@claim(
    "fig-8-left",
    "Fig. 8 left",
    "At g = 1 the map lies below the diagonal everywhere and touches it at zero. Measured: the "
    "largest q'/q for q from 1e-6 to 100.",
    section="G",
    kind=QUALITATIVE,
    label="fig-8",
)
def map_at_the_critical_gain() -> Check:
    q = np.geomspace(1e-6, 100, 200)
    ratio = sp.variance_map(q, gain=1.0) / q
    touching = Tolerance(1e-5, "1 - 2q at the smallest q")
    return equal(ratio.max() if np.all(ratio < 1) else np.inf, 1, touching)


@claim(
    "fig-8-right",
    "Fig. 8 right",
    "Networks of 30 layers and 1000 units settle at the level of Eq. 49. Measured: mean variance "
    "of the last five layers over it, the worst of five gains from 1.1 to 2.",
    section="G",
    kind=QUALITATIVE,
    label="fig-8",
)
def simulated_levels() -> Check:
    gains = (1.1, 1.25, 1.5, 1.75, 2.0)
    ratios = [_variances(g, 30)[-5:].mean() / sp.fixed_point(g) for g in gains]
    worst = max(ratios, key=lambda r: abs(r - 1))
    return equal(worst, 1, Tolerance(0.05, "fluctuation of 1000 units"))


# ---- What these share


def _small_network() -> tuple[Array, list[Array]]:
    rng = np.random.default_rng(SEED)
    return rng.standard_normal(20), list(rm.orthogonal_factors(20, 9, rng=rng))


@cache
def _weights() -> list[Array]:
    """Return the orthogonal matrices that all wide networks here share."""
    return list(rm.orthogonal_factors(WIDTH, DEEP - 1, rng=SEED))


def _input(q: float) -> Array:
    x = np.random.default_rng(SEED + 1).standard_normal(WIDTH)
    return x * np.sqrt(q / np.mean(x**2))


def _variances(gain: float, n_layers: int = 30, q: float = 4.0) -> Array:
    """Return the variance of every layer of a sampled network."""
    layers = sp.propagate(_input(q), _weights()[: n_layers - 1], gain=gain)
    return np.mean(layers**2, axis=1)


@cache
def _log_spectrum(gain: float, q: float) -> Array:
    """Return the logarithms of the singular values of a sampled network of 100 layers."""
    return rm.log_singular_values(sp.jacobian(_input(q), _weights(), gain=gain))


def _gaussian_mean(q: float) -> float:
    def integrand(z: float) -> float:
        return float(np.tanh(np.sqrt(q) * z) ** 2 * np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi))

    return 2 * quad(integrand, 0, 12, epsabs=1e-13, epsrel=1e-12, limit=200)[0]
