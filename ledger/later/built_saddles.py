"""Claims on leaving a saddle: nonlinear units, equal neurons, normalisation, shortcuts."""

from __future__ import annotations

from itertools import permutations
from math import comb, factorial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import solve_ivp
from scipy.optimize import minimize, root

from dlnlib import tanh_networks
from dlnlib.correlations import diagonal
from ledger.numerics import Array, Weights, as_network, as_vector, exponent, hessian
from ledger.record import (
    IDENTITY,
    NUMBER,
    OURS,
    SCALING,
    Amendment,
    Check,
    Finding,
    Tolerance,
    claim,
    claims_of,
    equal,
)

__all__ = ["CLAIMS"]

SEED = 2605
STEP = 1e-5


@claim(
    "imbalance",
    "identity",
    r"With units $\sigma$ the difference $\|W_{l+1}\|^2-\|W_l\|^2$ changes under flow at the rate "
    r"$2\langle\partial E/\partial h_l,\,z_l\sigma'(z_l)-\sigma(z_l)\rangle$. Measured: the "
    "largest relative difference between what the flow of a tanh network of four matrices has "
    "changed after some time, and the integral of the rate.",
    section="-",
    kind=IDENTITY,
    label="eq-built-imbalance",
    paper="rawal2026",
)
def imbalance() -> Check:
    rng = np.random.default_rng(SEED)
    x, y = rng.standard_normal((2, 20, 3)) / np.sqrt(20)
    start = tuple(rng.standard_normal((3, 3)) for _ in range(4))

    def rates(W: Weights) -> list[float]:
        values = [W[0] @ x.T]
        for w in W[1:]:
            values.append(w @ np.tanh(values[-1]))
        back, found = values[-1] - y.T, []
        for w, z in zip(W[:0:-1], values[-2::-1], strict=True):
            back, slope = w.T @ back, 1 - np.tanh(z) ** 2
            found.append(2 * float((back * (z * slope - np.tanh(z))).sum()))
            back = back * slope
        return found[::-1]

    def flow(_: float, state: Array) -> Array:
        W = as_network(state[:36], start)
        return np.append(-as_vector(tanh_networks.gradient(W, x, y)), rates(W))

    state = np.append(as_vector(start), np.zeros(3))
    run = solve_ivp(flow, (0, 2), state, "DOP853", rtol=1e-10, atol=1e-12)
    end = as_network(run.y[:36, -1], start)
    squares = [(w**2).sum() - (v**2).sum() for w, v in zip(end, start, strict=True)]
    off = np.abs(np.diff(squares) - run.y[36:, -1]).max() / np.abs(run.y[36:, -1]).max()
    return equal(off, 0, Tolerance(1e-7, "the integrator"))


def _half_time(W: Weights, x: Array, y: Array, horizon: float) -> float:
    """Return when the flow of a tanh network has a quarter of the error of no network left."""
    level = (y**2).sum() / 8

    def flow(_: float, z: Array) -> Array:
        return -as_vector(tanh_networks.gradient(as_network(z, W), x, y)) / len(x)

    def half(_: float, z: Array) -> float:
        return float(level - tanh_networks.error(as_network(z, W), x, y))

    half.terminal = True  # type: ignore[attr-defined]
    run = solve_ivp(flow, (0, horizon), as_vector(W), "LSODA", events=half, rtol=1e-10, atol=1e-14)
    return float(run.t[-1]) if run.status == 1 else np.nan


def _equal_units(a0: Array, n: int) -> Weights:
    """Return a network in which all units of a layer are equal, with layers of given norms."""
    sizes = (1, *[n] * (len(a0) - 1), 1)
    shapes = zip(a0, sizes, sizes[1:], strict=False)
    return tuple(np.full((o, i), a / np.sqrt(o * i)) for a, i, o in shapes)


@claim(
    "critical-depth",
    "escape law",
    r"With all units of a layer equal and $r \ge 3$ layers at $\epsilon$, the plateau lasts a time "
    r"proportional to $\epsilon^{-(r-2)}$ at any depth. Measured: the largest distance of an "
    "exponent from that, for tanh networks of 5 and 6 matrices with 3 and 4 small ones.",
    section="-",
    kind=SCALING,
    label="eq-built-escape",
    paper="rawal2026",
)
def critical_depth() -> Check:
    one, eps = np.ones((1, 1)), np.array([0.01, 0.001])
    off = []
    for L, r in ((5, 3), (6, 3), (5, 4), (6, 4)):
        starts = [np.where(np.arange(L) < r, e, 1.0) for e in eps]
        times = [_half_time(_equal_units(a, 3), one, one, 1e7) for a in starts]
        off.append(exponent(eps, times) + r - 2)
    reason = r"what follows the leading term, of order $\epsilon$ at the larger one"
    return equal(np.abs(off).max(), 0, Tolerance(0.01, reason))


@claim(
    "prefactor",
    "escape law",
    r"The plateau of $r \ge 3$ small layers lasts $\epsilon^{-(r-2)}/((r-2)K)$, where $K$ is the "
    "correlation of the target with what the first small layer receives, times the later layers "
    "that are not small. Measured: the largest relative difference, for tanh networks of 3 units "
    "a layer with 3 small ones, in the middle or apart.",
    section="-",
    kind=SCALING,
    label="eq-built-escape",
    source=OURS,
    paper="rawal2026",
)
def prefactor() -> Check:
    x, y, eps, root_n = 0.8, 1.3, 1e-3, np.sqrt(3)
    received = root_n * np.tanh(1.5 * x / root_n)
    cases = {(1.5, eps, eps, eps, 0.7): 0.7 * received * y, (eps, 1.5, eps, 0.7, eps): 1.05 * x * y}
    off = []
    for layers, K in cases.items():
        start = _equal_units(np.array(layers), 3)
        time = _half_time(start, np.array([[x]]), np.array([[y]]), 1e5)
        off.append(time * eps * K - 1)
    reason = r"what follows the leading term, of order $\epsilon$"
    return equal(np.abs(off).max(), 0, Tolerance(0.01, reason))


@claim(
    "resonance",
    "resonance",
    r"At depth $q+1$, which is 4 for tanh units, the time has a logarithm of $1/\epsilon$ besides "
    r"the power. Measured: the growth of $t - 1/2\epsilon^2$ for a factor of ten in $\epsilon$, "
    r"over $\ln(10)/2n$ with $n=2$ units a layer; this coefficient is our derivation.",
    section="-",
    kind=NUMBER,
    label="eq-built-resonance",
    paper="rawal2026",
)
def resonance() -> Check:
    one, eps = np.ones((1, 1)), np.array([0.02, 0.002])
    times = [_half_time(_equal_units(np.full(4, e), 2), one, one, 1e7) for e in eps]
    growth = np.diff(times - 1 / (2 * eps**2))[0]
    reason = r"the next terms, of order $\epsilon^2$, and the integrator over a long time"
    return equal(growth / (np.log(10) / 4), 1, Tolerance(0.01, reason))


@claim(
    "random-starts",
    "abstract",
    r"The exponent $r-2$ holds for random starts with $r$ layers at the scale $\epsilon$. "
    "Measured: the largest distance of an exponent from $-1$, over three tanh networks of four "
    "matrices with three small ones.",
    section="-",
    kind=SCALING,
    label="eq-built-homogeneous",
    paper="rawal2026",
)
def random_starts() -> Check:
    rng, eps = np.random.default_rng(SEED), np.array([0.01, 0.001])
    x = rng.standard_normal((20, 3))
    y = x @ rng.standard_normal((3, 1))
    off = []
    for _ in range(3):
        W = [rng.standard_normal(s) * np.sqrt(2 / s[1]) for s in ((6, 3), (6, 6), (6, 6), (1, 6))]
        times = [_half_time((*(e * w for w in W[:3]), W[3]), x, y, 1e5) for e in eps]
        off.append(exponent(eps, times) + 1)
    reason = r"what follows the leading term, of order $\epsilon\ln(1/\epsilon)$"
    return equal(np.abs(off).max(), 0, Tolerance(0.02, reason))


def _twins(n_out: int) -> tuple[Weights, Weights, Array, Array]:
    """Return a critical point of a tanh network, the same with a split neuron, and examples."""
    rng = np.random.default_rng(SEED)
    x = rng.standard_normal((40, 4))
    y = np.tanh(x @ rng.standard_normal((4, 6)) / 2) @ rng.standard_normal((6, n_out))
    start = (rng.standard_normal((2, 4)) / 2, rng.standard_normal((n_out, 2)))

    def slope(z: Array) -> Array:
        return as_vector(tanh_networks.gradient(as_network(z, start), x, y))

    def error(z: Array) -> float:
        return float(tanh_networks.error(as_network(z, start), x, y))

    near = minimize(error, as_vector(start), jac=slope, tol=1e-8).x
    W = as_network(root(slope, near, tol=1e-14).x, start)
    a, rest = W[1][:, :1], W[1][:, 1:]
    return W, (np.vstack([W[0][:1], W[0]]), np.hstack([a / 2, a / 2, rest])), x, y


def _curvatures(W: Weights, x: Array, y: Array) -> NDArray[Any]:
    """Return the eigenvalues of the Hessian of a tanh network, by central differences."""

    def slope(z: Array) -> Array:
        return as_vector(tanh_networks.gradient(as_network(z, W), x, y))

    at = as_vector(W)
    H = np.array([slope(at + d) - slope(at - d) for d in STEP * np.eye(at.size)]) / (2 * STEP)
    return np.linalg.eigvalsh((H + H.T) / 2)


@claim(
    "gradient",
    "abstract",
    "Where two neurons have the same weights, a critical point of the smaller network is one of "
    "the larger. Measured: the largest entry of the gradient at such a point, for a tanh network "
    "with three outputs.",
    section="-",
    kind=IDENTITY,
    label="eq-built-twins",
    paper="brea2019",
)
def critical_points() -> Check:
    _, twins, x, y = _twins(3)
    gradient = as_vector(tanh_networks.gradient(twins, x, y))
    return equal(np.abs(gradient).max(), 0, Tolerance(1e-10, "the search for critical points"))


@claim(
    "zeros",
    "abstract",
    "A permutation point has at least as many zero eigenvalues as the next layer has neurons. "
    "Measured: how many are missing for tanh networks with two or three outputs, at a point "
    "made of a minimum of the smaller network.",
    section="-",
    kind=NUMBER,
    label="eq-built-twins",
    paper="brea2019",
)
def vanishing_eigenvalues() -> Finding:
    def missing(n_out: int) -> int:
        _, twins, x, y = _twins(n_out)
        return max(0, n_out - int(np.sum(np.abs(_curvatures(twins, x, y)) < 1e-5)))

    whole = Tolerance(0, "whole numbers")
    return Finding(
        equal(missing(2) + missing(3), 0, whole),
        condition=Amendment("One neuron in the next layer.", equal(missing(1), 0, whole)),
    )


def _signs(curvatures: NDArray[Any]) -> NDArray[Any]:
    """Count negative and zero eigenvalues."""
    return np.array([np.sum(curvatures < -1e-5), np.sum(np.abs(curvatures) < 1e-5)])


@claim(
    "twin-inertia",
    "abstract",
    r"Signs of curvature at a permutation point are those of the smaller network and those of the "
    r"form $\frac12\gamma(1-\gamma)v^TMv + b^TNv$. Measured: how far off the numbers of negative "
    r"and zero eigenvalues are, summed over networks with one to three outputs, "
    r"$\gamma=\frac12$.",
    section="-",
    kind=NUMBER,
    label="eq-built-twins",
    source=OURS,
    paper="brea2019",
)
def twin_inertia() -> Check:
    off = 0
    for n_out in (1, 2, 3):
        W, twins, x, y = _twins(n_out)
        h = np.tanh(x @ W[0].T)
        e, h = h @ W[1].T - y, h[:, 0]
        M = (x.T * (-2 * h * (1 - h**2) * (e @ W[1][:, 0]))) @ x
        N = (e.T * (1 - h**2)) @ x
        block = np.block([[M / 4, N.T], [N, np.zeros((n_out, n_out))]])
        expected = np.append(_curvatures(W, x, y), np.linalg.eigvalsh(block))
        found = _curvatures(twins, x, y)
        off += int(np.abs(_signs(found) - _signs(expected)).sum())
    return equal(off, 0, Tolerance(0, "whole numbers"))


@claim(
    "linear-twins",
    "abstract",
    "In a linear network the twins' negative eigenvalues are minus the strengths of the missing "
    "modes, as at a rank-deficient saddle. Measured: the largest difference, for modes of "
    "strength 4, 2.5 and 1, the first expressed by twins.",
    section="-",
    kind=IDENTITY,
    label="built-brea2019",
    source=OURS,
    paper="brea2019",
)
def linear_twins() -> Check:
    first, other = np.zeros((2, 3)), np.zeros((3, 2))
    first[:, 0], other[0] = 2, 1
    data = diagonal([4.0, 2.5, 1.0])
    k = np.linalg.eigvalsh(hessian((first, other), data))
    negative = k[k < -1e-6]
    off = np.abs(negative - [-2.5, -1]).max() if len(negative) == 2 else np.nan
    return equal(off, 0, Tolerance(1e-6, "differences in double precision"))


@claim(
    "number",
    "abstract",
    r"In a layer of $n$ neurons, points with $K$ pairs of equal neurons outnumber the equivalent "
    r"minima by $\binom{n-K}{K}/2^K$. Measured: the largest relative difference from a count of "
    "all orders that one smaller network gives, for $n$ of 4 to 6 and $K$ of 1 and 2.",
    section="-",
    kind=NUMBER,
    label="built-brea2019",
    paper="brea2019",
)
def number_of_points() -> Check:
    off = []
    for n in (4, 5, 6):
        for K in (1, 2):
            kinds = [c for c in range(1 << (n - K)) if c.bit_count() == K]
            found = 0
            for doubled in kinds:
                neurons = [*range(n - K), *(j for j in range(n - K) if doubled >> j & 1)]
                found += len(set(permutations(neurons)))
            off.append(found / factorial(n) / (comb(n - K, K) / 2**K) - 1)
    return equal(np.abs(off).max(), 0, Tolerance(1e-12, "rounding in double precision"))


@claim(
    "length",
    "Sec. 3.3",
    r"The output of a normalised unit does not depend on the length of its weights, so that a "
    r"step of descent with rate $\lambda$ adds $\lambda^2\|\partial E/\partial w\|^2$ to its "
    "square. The law of growth is our reading. Measured: the largest relative difference over 50 "
    "steps, with gradients by complex steps.",
    section="3",
    kind=IDENTITY,
    label="eq-built-angle",
    paper="ioffe2015",
)
def length_under_descent() -> Check:
    rng = np.random.default_rng(SEED)
    x, y = rng.standard_normal((30, 4)), rng.standard_normal(30)
    w, off = rng.standard_normal(4), []

    def gradient(w: Array) -> Array:
        z = x @ (w[:, None] + 1e-30j * np.eye(4))
        z = z - z.mean(axis=0)
        e = z / np.sqrt((z**2).mean(axis=0)) - y[:, None]
        return np.asarray((e**2).mean(axis=0).imag / 2e-30)

    for _ in range(50):
        slope = gradient(w)
        after = w - 0.5 * slope
        off.append((after @ after - w @ w) / (0.25 * slope @ slope) - 1)
        w = after
        if slope @ slope < 1e-8:
            break
    return equal(np.abs(off).max(), 0, Tolerance(1e-6, "rounding of squares that change little"))


@claim(
    "two-layer-blocks",
    "residual blocks",
    r"In a linear residual network whose blocks have two matrices of strength $\epsilon$ each, a "
    r"mode has a plateau of $\tau\ln(1/\epsilon)/(s-1)$ at any depth. Measured: the largest "
    r"relative difference of the growth for a factor of ten in $\epsilon$, for the flow of 1, 5 "
    "and 20 blocks.",
    section="3",
    kind=SCALING,
    label="eq-built-blocks",
    source=OURS,
    paper="he2015",
)
def two_layer_blocks() -> Check:
    s, off = 3.0, []

    def time(L: int, eps: float) -> float:
        def flow(_: float, z: Array) -> Array:
            a, b = z.reshape(2, L)
            block = 1 + a * b
            force = block.prod() / block * (s - block.prod())
            return np.append(b, a) * np.tile(force, 2)

        def half(_: float, z: Array) -> float:
            a, b = z.reshape(2, L)
            return float((1 + a * b).prod() - 2)

        half.terminal = True  # type: ignore[attr-defined]
        start = np.full(2 * L, eps)
        run = solve_ivp(flow, (0, 50), start, events=half, rtol=1e-9, atol=1e-9 * eps)
        return float(run.t[-1])

    for L in (1, 5, 20):
        off.append((time(L, 1e-4) - time(L, 1e-3)) / (np.log(10) / (s - 1)) - 1)
    reason = r"what follows the leading term, of order $L\epsilon^2$"
    return equal(np.abs(off).max(), 0, Tolerance(1e-4, reason))


CLAIMS = claims_of(vars())
