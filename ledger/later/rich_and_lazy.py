"""Claims on the way from feature learning to a fixed kernel: Dominé, Kunin."""

from __future__ import annotations

import numpy as np

from dlnlib import exact, initial_conditions, networks, training
from dlnlib.correlations import Correlations
from ledger.numerics import FLOW, Array, Weights, exponent, relative_error
from ledger.record import (
    IDENTITY,
    OURS,
    QUALITATIVE,
    SCALING,
    Check,
    Tolerance,
    at_least,
    at_most,
    claim,
    claims_of,
    equal,
)

__all__ = ["CLAIMS"]

SEED = 2024
SIZES = (4, 4, 4)


def _task() -> Correlations:
    rng = np.random.default_rng(SEED)
    U, _, Vt = np.linalg.svd(rng.standard_normal((4, 4)))
    sigma = U * [2.0, 1.0, 0.0, 0.0] @ Vt
    return Correlations(np.eye(4), sigma, float(np.sum(sigma**2)), 4)


def _start(imbalance: float, scale: float = 0.05) -> Weights:
    M = scale * np.random.default_rng(SEED + 1).standard_normal((4, 4))
    return initial_conditions.balanced(M, SIZES, rng=1, imbalance=imbalance)


def _moved(imbalance: float, scale: float = 0.0) -> float:
    """Return by how much the kernel of a simulated network has moved at the end."""
    start = _start(imbalance, scale)
    times = [0.0, 40.0]
    flow = training.gradient_flow(start, _task(), times=times)
    K = networks.tangent_kernel(flow.weights)
    return float(np.linalg.norm(K[1] - K[0]) / np.linalg.norm(K[0]))


@claim(
    "kernel",
    "the abstract",
    "The tangent kernel is known at any time, from the rich to the lazy regime. Measured: that of "
    "simulated networks with $\\lambda$ of 0, 0.5 and 8 against the sum of the two overlaps.",
    section="1",
    kind=IDENTITY,
    label="eq-since-kernel",
    paper="domine2024",
)
def kernel_during_learning() -> Check:
    data, times, eye, off = _task(), np.linspace(0, 6, 9), np.eye(4), []
    for imbalance in (0.0, 0.5, 8.0):
        start = _start(imbalance)
        flow = training.gradient_flow(start, data, times=times)
        grams = exact.three_layer_grams(times, start, sigma_yx=data.sigma_yx, tau=1.0)
        expected = np.einsum("tij,mn->timjn", grams.last, eye)
        expected += np.einsum("ij,tmn->timjn", eye, grams.first)
        off.append(relative_error([networks.tangent_kernel(flow.weights)], [expected]))
    return equal(max(off), 0, FLOW)


@claim(
    "one-family",
    "the abstract",
    "The difference $\\lambda$ of the layers leads from the rich to the lazy regime. Measured: the "
    "largest ratio of the movements of the kernel, each for twice the $\\lambda$ of the one "
    "before, from 0.25 to 16.",
    section="1",
    kind=QUALITATIVE,
    label="fig-since-rich-kernel",
    paper="domine2024",
)
def one_family() -> Check:
    moved = np.array([_moved(imbalance) for imbalance in 2.0 ** np.arange(-2, 5)])
    return at_most((moved[1:] / moved[:-1]).max(), 0.6, "it falls with every step")


@claim(
    "movement",
    "the solution",
    "From a map of zero the kernel moves by "
    "$\\lambda^{-1}\\sqrt{[(N_1+N_3)\\sum\\rho^2+2(\\sum\\rho)^2]/N_1N_3}$ with "
    "$\\rho=\\sqrt{s^2+\\lambda^2/4}-\\lambda/2$. Measured: that of simulated networks.",
    section="2",
    kind=IDENTITY,
    label="eq-since-movement",
    source=OURS,
    paper="domine2024",
)
def movement() -> Check:
    imbalance, s = np.array([0.5, 2.0, 8.0]), np.array([2.0, 1.0])
    rho = np.hypot(s, imbalance[:, None] / 2) - imbalance[:, None] / 2
    squares = 8 * np.sum(rho**2, axis=1) + 2 * np.sum(rho, axis=1) ** 2
    found = [_moved(x) for x in imbalance]
    return equal(relative_error([found], [np.sqrt(squares) / (4 * imbalance)]), 0, FLOW)


@claim(
    "lazy-power",
    "the solution",
    "Movement of the kernel falls as $\\lambda^{-2}$. Measured: the power between $\\lambda$ of 16 "
    "and 64, simulated.",
    section="2",
    kind=SCALING,
    label="eq-since-movement",
    source=OURS,
    paper="domine2024",
)
def lazy_power() -> Check:
    imbalance = [16.0, 64.0]
    power = exponent(imbalance, [_moved(x) for x in imbalance])
    return equal(power, -2, Tolerance(0.05, "the next order in $(s/\\lambda)^2$"))


def _one_unit(imbalance: float) -> tuple[Weights, Correlations]:
    """Return one hidden unit whose small map is 75 degrees from a target of length one."""
    a = np.sqrt(imbalance / 2 + np.hypot(imbalance / 2, 0.05))
    angle = np.radians(75)
    w = 0.05 / a * np.array([[np.cos(angle), np.sin(angle)]])
    return (w, np.array([[a]])), Correlations(np.eye(2), np.array([[1.0, 0.0]]), 1.0, 2)


def _course(imbalance: float, times: Array) -> tuple[Array, Array]:
    """Return angle and size of the simulated map of one hidden unit."""
    start, data = _one_unit(imbalance)
    beta = networks.product(training.gradient_flow(start, data, times=times).weights)[:, 0]
    return np.arctan2(beta[:, 1], beta[:, 0]), np.linalg.norm(beta, axis=1)


@claim(
    "one-unit-angle",
    "the minimal model",
    "With one hidden unit the angle to the target obeys a closed formula, of rate "
    "$\\sqrt{s^2+\\lambda^2/4}+\\lambda/2$ at the end. Measured: its tangent against "
    "gradient flow, for five $\\lambda$ from $-8$ to 8.",
    section="2",
    kind=IDENTITY,
    label="eq-since-angle",
    source=OURS,
    paper="kunin2024",
)
def angle_of_one_unit() -> Check:
    off, times = [], np.linspace(0, 3, 11)
    for imbalance in (-8.0, -2.0, 0.0, 2.0, 8.0):
        (w, a), _ = _one_unit(imbalance)
        r = np.hypot(1, imbalance / 2)
        ahead = w[0, 0] * np.cosh(r * times)
        ahead += (a[0, 0] - imbalance / 2 * w[0, 0]) / r * np.sinh(r * times)
        expected = w[0, 1] * np.exp(-imbalance / 2 * times) / ahead
        off.append(np.abs(np.tan(_course(imbalance, times)[0]) - expected).max())
    return equal(max(off), 0, FLOW)


@claim(
    "balanced-is-fast",
    "the abstract",
    "In linear networks only balanced starts learn features fast (our reading: of five starts of "
    "one hidden unit, $\\lambda$ of $-8$, $-2$, 0, 2 and 8, the balanced one has turned its kernel "
    "the furthest when nine tenths of the target are learned). Measured: its movement relative to "
    "the largest of the others.",
    section="1",
    kind=QUALITATIVE,
    label="fig-since-rich-path",
    paper="kunin2024",
)
def balanced_is_fast() -> Check:
    moved = []
    for imbalance in (0.0, -8.0, -2.0, 2.0, 8.0):
        start, data = _one_unit(imbalance)
        times = np.linspace(0, 30, 601)
        flow = training.gradient_flow(start, data, times=times)
        learned = networks.product(flow.weights)[:, 0, 0] > 0.9
        K = networks.tangent_kernel([w[[0, int(np.argmax(learned))]] for w in flow.weights])
        moved.append(np.linalg.norm(K[1] - K[0]) / np.linalg.norm(K[0]))
    return at_least(moved[0] / max(moved[1:]), 2.0, "further by a factor, not by a little")


@claim(
    "size-first",
    "the minimal model",
    "With strong weights into the hidden unit size is learned before direction, and with equal "
    "layers after it. Measured: the smaller of two ratios, of the time of half the angle to that "
    "of nine tenths of the size for $\\lambda=-8$, and its inverse for $\\lambda=0$.",
    section="2",
    kind=QUALITATIVE,
    label="eq-since-direction",
    source=OURS,
    paper="kunin2024",
)
def size_or_direction() -> Check:
    ratios, times = [], np.linspace(0, 40, 4001)
    for imbalance in (-8.0, 0.0):
        angle, size = _course(imbalance, times)
        turned = times[np.argmax(angle < np.radians(37.5))]
        ratios.append(turned / times[np.argmax(size > 0.9 * np.cos(angle))])
    return at_least(min(ratios[0], 1 / ratios[1]), 2.0, "one clearly before the other")


CLAIMS = claims_of(vars())
