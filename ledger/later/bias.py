"""Claims on signals in wide networks with biases."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np
from scipy.integrate import quad

from dlnlib import mean_field, propagation, random_matrices
from dlnlib.graded_products import log_singular_values
from dlnlib.nonlinearities import NONLINEARITIES
from ledger.numerics import ROUNDING, Array
from ledger.record import (
    IDENTITY,
    NUMBER,
    OURS,
    QUALITATIVE,
    SCALING,
    Check,
    Tolerance,
    at_most,
    claim,
    claims_of,
    equal,
    shared,
)

__all__ = ["CLAIMS"]

SEED, SIZE, BIAS = 2016, 1000, 0.3


@shared
def _two_inputs() -> dict[float, Array]:
    """Return variances and correlations of two inputs in nine layers, of four networks, by gain."""
    rng, found = np.random.default_rng(SEED), {gain: np.zeros((2, 9)) for gain in (1.0, 1.5, 2.5)}
    for _ in range(4):
        x = rng.standard_normal((2, SIZE))
        x[1] = 0.6 * x[0] + 0.8 * x[1]
        biases = BIAS * rng.standard_normal((8, SIZE))
        weights = list(random_matrices.gaussian_factors(SIZE, 8, rng=rng))
        for gain, means in found.items():
            h = propagation.propagate(weights, x, gain=gain, biases=biases)
            squares = (h**2).mean(axis=2)
            c = (h[:, 0] * h[:, 1]).mean(axis=1) / np.sqrt(squares.prod(axis=1))
            means += np.stack([squares.mean(axis=1), c]) / 4
    return found


SCATTER = Tolerance(
    0.06,
    "errors of layers of 4000 units add up where the map hardly forgets; set after seeing 0.04",
)


@claim(
    "variance-with-bias",
    "Eq. 3",
    "With biases the variance of activities follows the map with $\\sigma_b^2$ added. Measured: "
    "the largest relative difference in nine layers of four networks of 1000 units, gain 1.5.",
    section="2",
    kind=NUMBER,
    label="eq-since-variance",
    paper="poole2016",
)
def variance() -> Check:
    seen, _ = _two_inputs()[1.5]
    expected = mean_field.layer_variances(1.0, n_layers=9, gain=1.5, bias=BIAS)
    reason = "five standard errors of squares of 4000 units, three layers adding up"
    return equal(np.abs(seen / expected - 1).max(), 0, Tolerance(0.12, reason))


@claim(
    "correlation-map",
    "Eq. 5",
    "The correlation of two inputs follows a map of its own. Measured: the largest difference in "
    "nine layers of four networks, at gains of 1 and 2.5.",
    section="3",
    kind=NUMBER,
    label="eq-since-correlation",
    paper="poole2016",
)
def correlation() -> Check:
    off = 0.0
    for gain in (1.0, 2.5):
        q = mean_field.layer_variances(1.0, n_layers=9, gain=gain, bias=BIAS)
        c = [0.6]
        for layer in range(8):
            known = {"q": q[layer], "gain": gain, "bias": BIAS}
            c.append(float(mean_field.correlation_map(c[-1], **known)))
        off = max(off, float(np.abs(_two_inputs()[gain][1] - c).max()))
    return equal(off, 0, SCATTER)


@claim(
    "slope-at-one",
    "Eq. 6",
    r"At the fixed point of the variance the slope of the map of correlations at 1 is $\chi = g^2 "
    r"\langle \varphi'^2 \rangle$. Measured: the relative difference of a one-sided difference of "
    "the map of erf in closed form, at a gain of 1.3.",
    section="3",
    kind=IDENTITY,
    label="eq-since-correlation",
    paper="poole2016",
)
def slope_at_one() -> Check:
    q = float(mean_field.fixed_point(gain=1.3, bias=BIAS, nonlinearity="erf"))
    d, a = 1e-6, np.pi / 2 * q
    arcs = np.arcsin(a / (1 + a)) - np.arcsin(a * (1 - d) / (1 + a))
    slope = 1.69 * 2 / np.pi * arcs / q / d
    chi = float(mean_field.stretch_factor(q, gain=1.3, nonlinearity="erf"))
    return equal(slope / chi - 1, 0, Tolerance(1e-5, "a step of $10^{-6}$"))


@claim(
    "two-phases",
    "Section 3",
    "Below the boundary two inputs become alike, and above it they stay apart. Measured: the "
    "largest ratio of what their correlations lack to 1 after 50 layers, 10 % below and above the "
    "critical gain, for tanh, erf and SELU with biases of 0.3; by iterating the map.",
    section="3",
    kind=QUALITATIVE,
    label="since-bias",
    paper="poole2016",
)
def two_phases() -> Check:
    ratios = []
    for name in ("tanh", "erf", "selu"):
        gains = mean_field.critical_gain(BIAS, nonlinearity=name) * np.array([0.9, 1.1])
        known = {"gain": gains, "bias": BIAS, "nonlinearity": name}
        q, c = mean_field.fixed_point(**known), np.array([0.5, 0.5])
        for _ in range(50):
            c = mean_field.correlation_map(c, q=q, **known)
        ratios.append((1 - c[0]) / (1 - c[1]))
    return at_most(max(ratios), 0.1, "in one phase it is near 1; 50 layers are some five scales")


def _average(function: Callable[[Array], Array], q: float) -> float:
    """Average over a normal number of variance q, zero and one standard deviation apart."""

    def weighted(z: float) -> float:
        return float(np.exp(-z * z / 2) * function(np.asarray(np.sqrt(q) * z)))

    places = pairwise((-12, -3, -1, 0, 1, 3, 12))
    pieces = (quad(weighted, low, high, epsabs=1e-14)[0] for low, high in places)
    return sum(pieces) / np.sqrt(2 * np.pi)


@claim(
    "variance-scale",
    "Sec. 3, our reading",
    r"Variance approaches its fixed point like $e^{-l/\xi_q}$ with $\xi_q^{-1} = -\ln(\chi + "
    r"g^2\langle\varphi\,\varphi''\rangle)$. Measured: the relative difference of $\xi_q^{-1}$ "
    "for tanh, at gains of 0.8, 1.4 and 3, from the last layers of the iterated map.",
    section="3",
    kind=IDENTITY,
    label="eq-since-depth",
    paper="schoenholz2017",
)
def variance_scale() -> Check:
    off = []
    for gain in (0.8, 1.4, 3.0):
        q = float(mean_field.fixed_point(gain=gain, bias=BIAS))
        starts = [0.999 * q, 1.001 * q]
        layers = mean_field.layer_variances(starts, n_layers=4, gain=gain, bias=BIAS)
        # From one start above and one below: terms of second order cancel.
        rate = -np.log(np.diff(layers[3]) / np.diff(layers[2]))[0]
        slopes = _average(lambda x: np.cosh(x) ** -4 - 2 * (np.tanh(x) / np.cosh(x)) ** 2, q)
        off.append(rate / -np.log(gain**2 * slopes) - 1)
    return equal(np.abs(off).max(), 0, Tolerance(1e-6, "distances of $10^{-3}$, squared"))


@claim(
    "correlation-scale",
    "Sec. 3, our reading",
    r"In the ordered phase two inputs become alike like $e^{-l/\xi_c}$ with $\xi_c = -1/\ln\chi$, "
    r"and in the chaotic phase close inputs part at the rate $\ln\chi$. Measured: the largest "
    r"difference between $\ln\chi$ and the growth per layer of squared distances, in 20 layers of "
    "four tanh networks of 500 units, at gains of 1, 1.4 and 2.5.",
    section="3",
    kind=SCALING,
    label="eq-since-depth",
    paper="schoenholz2017",
)
def correlation_scale() -> Check:
    rng, gains, growth = np.random.default_rng(SEED + 1), (1.0, 1.4, 2.5), []
    for _ in range(4):
        weights = list(random_matrices.gaussian_factors(500, 20, rng=rng))
        biases = BIAS * rng.standard_normal((20, 500))
        x, apart = rng.standard_normal((2, 500))
        for gain in gains:
            q = float(mean_field.fixed_point(gain=gain, bias=BIAS))
            pair = np.sqrt(q) * np.stack([x, x + 1e-8 * apart])
            h = propagation.propagate(weights, pair, gain=gain, biases=biases)
            squares = ((h[:, 1] - h[:, 0]) ** 2).mean(axis=1)
            chi = float(mean_field.stretch_factor(q, gain=gain))
            growth.append(np.log(squares[-1] / squares[0]) / 20 - np.log(chi))
    off = np.reshape(growth, (4, 3)).mean(axis=0)
    reason = "squares of 500 units scatter by a tenth per layer: four standard errors of 80 layers"
    return equal(np.abs(off).max(), 0, Tolerance(0.05, reason))


@claim(
    "jacobian-with-bias",
    "Sec. 2, our reading",
    "With biases the law of the Jacobian is that of free probability at the fixed point of the "
    "variance. Measured: for tanh on the boundary between the phases, with biases of 0.3, the "
    "largest distance between the shares of singular values of a network of 200 units and 30 "
    "layers and those of the law.",
    section="2",
    kind=NUMBER,
    label="eq-since-bias-spread",
    paper="pennington2017",
)
def jacobian_with_bias() -> Check:
    rng = np.random.default_rng(SEED + 2)
    gain = float(mean_field.critical_gain(BIAS))
    q = float(mean_field.fixed_point(gain=gain, bias=BIAS))
    x, biases = np.sqrt(q) * rng.standard_normal(200), BIAS * rng.standard_normal((30, 200))
    weights = random_matrices.orthogonal_factors(200, 30, rng=rng)
    log_s = log_singular_values(propagation.jacobian(weights, x, gain=gain, biases=biases))
    law = mean_field.jacobian_spectrum(log_s, q=q, gain=gain, bias=BIAS, n_layers=31)
    share = 1 - (np.arange(200) + 0.5) / 200
    reason = "one network of 200 units, whose variance scatters by a tenth; set after seeing 0.02"
    return at_most(float(np.abs(law.cdf - share).max()), 0.05, reason)


@claim(
    "selu-normalises",
    "Sec. 2, our reading",
    "The constants of SELU make mean 0 and variance 1 a fixed point at gain 1 without bias. "
    "Measured: the larger of the mean and of the distance of the mean square from 1, by adaptive "
    "quadrature.",
    section="2",
    kind=IDENTITY,
    label="fig-since-phases",
    paper="klambauer2017",
)
def selu_normalises() -> Check:
    selu = NONLINEARITIES["selu"].function
    mean, square = _average(selu, 1.0), _average(lambda x: selu(x) ** 2, 1.0)
    return equal(max(abs(mean), abs(square - 1)), 0, ROUNDING)


@claim(
    "selu-parts-inputs",
    "our own",
    "At the start recommended for SELU two inputs part: the fixed point is slightly chaotic, with "
    r"$\chi = 1.0716$ and $c^\infty = 0$, but slowly. Measured: the correlation of two inputs that "
    "begin with 0.5, after 150 layers, by iterating the map.",
    section="2",
    kind=QUALITATIVE,
    label="fig-since-phases",
    source=OURS,
    paper="klambauer2017",
)
def selu_parts_inputs() -> Check:
    c = 0.5
    for _ in range(150):
        c = float(mean_field.correlation_map(c, q=1.0, gain=1.0, nonlinearity="selu"))
    return at_most(c, 0.02, "150 layers are four and a half depth scales of 34 layers")


CLAIMS = claims_of(vars())
