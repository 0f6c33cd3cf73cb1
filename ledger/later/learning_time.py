"""Claims on learning time at any depth: plateaus, unequal layers, residual networks."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from scipy.integrate import quad, solve_ivp

from dlnlib import exact, networks, training
from dlnlib.correlations import Correlations
from ledger.numerics import Array, exponent
from ledger.record import (
    IDENTITY,
    OURS,
    QUALITATIVE,
    SCALING,
    Check,
    Tolerance,
    at_least,
    claim,
    claims_of,
    equal,
)

__all__ = ["CLAIMS"]

SEED = 1611


@claim(
    "plateau-power",
    "Eq. 15",
    r"From layers of strength $\epsilon$ the plateau of $L \ge 3$ weight matrices lasts a time "
    r"proportional to $\epsilon^{-(L-2)}$. Measured: the largest distance of an exponent from "
    r"that, for $L$ of 3, 4 and 6, by quadrature over the strength of a layer.",
    section="2",
    kind=SCALING,
    label="eq-since-plateau",
    source=OURS,
)
def plateau() -> Check:
    eps = np.array([1e-4, 1e-5])

    def time(L: int, start: float) -> float:
        ends = np.geomspace(start, 0.5 ** (1 / L), 40)
        parts = pairwise(ends)
        return sum(quad(lambda a: a ** (1 - L) / (1 - a**L), *part)[0] for part in parts)

    found = [exponent(eps, [time(L, start) for start in eps]) + L - 2 for L in (3, 4, 6)]
    reason = r"the correction at the larger $\epsilon$, of relative order $\epsilon$"
    return equal(np.abs(found).max(), 0, Tolerance(1e-3, reason))


@claim(
    "chain-time",
    "Eq. 14",
    "The learning time of a mode whose layers start with any strengths is one integral over the "
    "smallest layer. Measured: the largest relative difference from the flow of five layers, over "
    "ten random starts, one layer negative in half of them.",
    section="2",
    kind=IDENTITY,
    label="eq-since-chain",
    source=OURS,
)
def time_of_a_chain() -> Check:
    rng = np.random.default_rng(SEED)
    a0 = rng.uniform(0.3, 1.2, (10, 5))
    a0[::2, 0] *= -0.5
    times = exact.chain_learning_time(a0, 1.8, s=2.0, tau=1.0)
    found = [_strength_after(t, a, 2.0) for t, a in zip(times, a0, strict=True)]
    return equal(np.abs(np.array(found) / 1.8 - 1).max(), 0, Tolerance(1e-8, "the integrator"))


def _strength_after(t: float, a0: Array, s: float) -> float:
    """Integrate the layers of a chain, each moved by the product of the others."""

    def flow(_: float, a: Array) -> Array:
        others = np.array([np.prod(np.delete(a, k)) for k in range(len(a))])
        return others * (s - a.prod())

    run = solve_ivp(flow, (0, t), a0, "DOP853", rtol=1e-11, atol=1e-12)
    return float(run.y[:, -1].prod())


@claim(
    "residual-limit",
    "Eq. 17",
    r"From the identity, $u_0 = 1$, the time of a mode times the number of matrices has a finite "
    r"limit, approached like $1/L$. Measured: the exponent of the distance from the limit "
    r"between 100 and 1000 matrices, by quadrature.",
    section="2",
    kind=SCALING,
    label="eq-since-residual",
    source=OURS,
)
def limit_of_residual_networks() -> Check:
    L, s, uf = np.array([100, 1000]), 3.0, 2.8
    limit = exact.infinite_depth_learning_time(1, uf, s=s, tau=1.0)
    t = [quad(lambda u, n=n: u ** (2 / n - 2) / (s - u), 1, uf)[0] for n in L]
    return equal(exponent(L, np.abs(limit - t)), -1, Tolerance(0.02, "the next order, of $1/L$"))


@claim(
    "no-bad-critical-points",
    "Theorem 2.2",
    r"A linear residual network whose layers are $1 + B_l$, with all $\|B_l\| \le r < 1$, has no "
    r"critical point but global minima. Measured: the squared gradient over its lower bound "
    r"$2L(1-r)^{2L-2}\sigma_{\min}(\Sigma^{11})\,(E - E_{\min})$, the least of 200 random networks "
    r"of five matrices, and of 200 close to where the bound is met, $B_l = -r$. The bound is our "
    "derivation, for half squared error.",
    section="2",
    kind=QUALITATIVE,
    label="since-learning-time",
    paper="hardt2017",
)
def no_bad_critical_points() -> Check:
    rng, r, L = np.random.default_rng(SEED), 0.9, 5
    root = rng.standard_normal((4, 4))
    sigma_xx = root @ root.T
    least, vectors = np.linalg.eigh(sigma_xx)
    B = rng.standard_normal((L, 200, 4, 4))
    B *= r / np.linalg.norm(B, ord=2, axis=(-2, -1), keepdims=True)
    close = -r * np.eye(4) * rng.uniform(0.98, 1, (L, 200, 1, 1))
    weights = tuple(np.eye(4) + np.concatenate([B, close], axis=1))
    # What is still to be learned lies where inputs are weakest, which is the worst case.
    target = rng.standard_normal((4, 1)) * vectors[:, 0]
    data = Correlations(sigma_xx, target @ sigma_xx, np.trace(target @ sigma_xx @ target.T), 4)
    squares = sum((w**2).sum(axis=(-2, -1)) for w in networks.gradient(weights, data))
    bound = 2 * L * (1 - r) ** (2 * L - 2) * least[0] * networks.error(weights, data)
    return at_least((squares / bound).min(), 1, "the bound of the derivation")


@claim(
    "negative-eigenvalues",
    "abstract",
    "From the identity, gradient descent cannot learn a symmetric map with a negative eigenvalue: "
    "that mode stays above zero. Measured: the strength of the mode with $s = -0.5$ after 10,000 "
    "steps of five matrices that have learned the other two.",
    section="3",
    kind=QUALITATIVE,
    label="eq-since-residual",
    paper="bartlett2018",
)
def negative_modes_are_not_learned() -> Check:
    rng = np.random.default_rng(SEED)
    Q = np.linalg.qr(rng.standard_normal((3, 3)))[0]
    target = Q @ np.diag([2.0, 0.5, -0.5]) @ Q.T
    data = Correlations(np.eye(3), target, (target**2).sum(), 3)
    start = (np.eye(3),) * 5
    run = training.gradient_descent(start, data, learning_rate=0.02, n_steps=10_000)
    strengths = np.diag(Q.T @ networks.product(run.weights) @ Q)
    learned = np.abs(strengths[:2] - [2.0, 0.5]).max()
    # Nothing is said by a run that learned nothing.
    return at_least(strengths[2] if learned < 1e-6 else np.nan, 0, "zero divides the signs")


CLAIMS = claims_of(vars())
