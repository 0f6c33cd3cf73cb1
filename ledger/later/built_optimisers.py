"""Claims on optimisers and kernels: Pethick et al., Ruan et al., Hazelden et al."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.linalg import polar

from dlnlib import networks, random_matrices
from dlnlib.correlations import from_data
from ledger.numerics import ROUNDING, Array, exponent, relative_error
from ledger.record import (
    IDENTITY,
    NUMBER,
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
    shared,
)

__all__ = ["CLAIMS"]

SEED = 2502
S = np.array([4, 2, 1, 0.5, 0.25])
STEPS = Tolerance(0.03, "a few steps of 0.004, and a start of 0.01")

# ---- steps of bounded norm


def _spectral(G: Array) -> Array:
    """Return the step, through the polar decomposition and not the singular vectors."""
    return -np.asarray(polar(G)[0])


@shared
def _course(
    rule: str, *, n_layers: int, size: float, rate: float, n_steps: int, decay: float
) -> tuple[Array, Array]:
    """Return the strengths of all modes, and the squared singular values of the first layer."""
    moves: dict[str, Callable[[Array], Array]] = {
        "spectral": _spectral,
        "plain": lambda G: -G,
    }
    rng, n = np.random.default_rng(SEED), S.size
    U, V = (random_matrices.haar(n, n, rng=rng) for _ in range(2))
    data = from_data(np.eye(n), V * S @ U.T)
    net = [size * rng.standard_normal((n, n)) / np.sqrt(n) for _ in range(n_layers)]
    strengths, squares = [], []
    for _ in range(n_steps):
        strengths.append(np.diag(U.T @ networks.product(net) @ V))
        squares.append(np.linalg.svd(net[0], compute_uv=False) ** 2)
        slopes = networks.gradient(net, data)
        net = [(1 - decay) * w + rate * moves[rule](g) for w, g in zip(net, slopes, strict=True)]
    return np.array(strengths), np.array(squares)


def _half_times(n_layers: int) -> Array:
    u, _ = _course("spectral", n_layers=n_layers, size=0.01, rate=0.004, n_steps=540, decay=0)
    return 0.004 * np.argmax(u > S / 2, axis=0)


@claim(
    "lmo",
    "Tables 2-4",
    r"Over matrices with $\sqrt{m/n}$ times the spectral norm up to 1, for $n$ rows and $m$ "
    r"columns, $\langle G, X\rangle$ is least at $-\sqrt{n/m}\,UV^T$. Measured: its value there, "
    "over minus the sum of the singular values of $G$ that no such matrix gets below.",
    section="3",
    kind=IDENTITY,
    label="eq-built-lmo",
    paper="pethick2025",
)
def least_in_the_ball() -> Check:
    rng, ratios = np.random.default_rng(SEED), []
    for n, m in ((4, 4), (3, 7), (8, 2)):
        G = rng.standard_normal((n, m))
        size, step = np.sqrt(n / m), np.sqrt(n / m) * _spectral(G)
        small = G @ G.T if n < m else G.T @ G
        nuclear = np.sqrt(np.linalg.eigvalsh(small)).sum()
        assert abs(np.linalg.norm(step, 2) / size - 1) < 1e-12
        ratios.append((G * step).sum() / (-size * nuclear))
    return equal(np.abs(np.array(ratios) - 1).max(), 0, ROUNDING)


@claim(
    "in-the-ball",
    "Alg. 2",
    r"Steps $(1-\gamma)W + \gamma\,\mathrm{lmo}$ never leave the ball, and steps without the "
    r"factor $1-\gamma$ get no further than $\rho$ times the sum of all $\gamma$. Measured: the "
    "largest norm over the bound, both kinds, averaged gradients of a network.",
    section="3",
    kind=IDENTITY,
    label="built-pethick2025",
    paper="pethick2025",
)
def in_the_ball() -> Check:
    rng, worst, rho, gamma = np.random.default_rng(SEED), 0.0, 1.2, 0.05
    data = from_data(np.eye(5), np.diag(S))
    for kept in (1 - gamma, 1.0):
        net, mean = [np.zeros((5, 5))] * 2, [rng.standard_normal((5, 5)) for _ in range(2)]
        for k in range(1, 301):
            slopes = networks.gradient(net, data)
            mean = [0.9 * d + 0.1 * g for d, g in zip(mean, slopes, strict=True)]
            net = [kept * w + gamma * rho * _spectral(d) for w, d in zip(net, mean, strict=True)]
            bound = rho if kept < 1 else rho * gamma * k
            worst = max(worst, *(float(np.linalg.norm(w, 2)) / bound for w in net))
    return at_most(worst, 1 + 1e-12, "rounding")


@claim(
    "weight-decay",
    "Insight 3.1",
    r"With weight decay $\mu$ the steps stay in a ball of radius $\rho/\mu$. Measured: the norm "
    r"after 4000 steps along one gradient, over $\rho/\mu$.",
    section="3",
    kind=NUMBER,
    label="built-pethick2025",
    paper="pethick2025",
)
def radius_with_decay() -> Check:
    G = np.random.default_rng(SEED).standard_normal((4, 4))
    W, rho, mu, gamma = np.zeros((4, 4)), 0.7, 0.2, 0.05
    for _ in range(4000):
        W = W - gamma * mu * W + gamma * rho * _spectral(G)
    return equal(np.linalg.norm(W, 2) * mu / rho, 1, ROUNDING)


@claim(
    "unit-speed",
    "Alg. 1",
    "With spectral steps and white inputs, from a start of a few steps that is not trapped, all "
    r"modes of a deep linear network have the strength $t^L$ until they are learned. Measured: the "
    r"largest difference of $u^{1/L}$ from $\min(s^{1/L}, t)$, two and three layers of weights "
    "from Gaussian starts.",
    section="3",
    kind=IDENTITY,
    label="eq-built-unit-speed",
    source=OURS,
    paper="pethick2025",
)
def unit_speed() -> Check:
    t, worst = 0.004 * np.arange(540), 0.0
    for L in (2, 3):
        u, _ = _course("spectral", n_layers=L, size=0.01, rate=0.004, n_steps=540, decay=0)
        root = np.maximum(u, 0) ** (1 / L)
        worst = max(worst, np.abs(root - np.minimum(S ** (1 / L), t[:, None])).max())
    return equal(worst, 0, STEPS)


@claim(
    "order-of-modes",
    "Alg. 1",
    "The time to learn a mode grows with its strength, as $s^{1/L}$; weak modes come first. "
    "Measured: the exponent, three layers of weights.",
    section="3",
    kind=SCALING,
    label="fig-built-unit-speed",
    source=OURS,
    paper="pethick2025",
)
def order_of_modes() -> Check:
    return equal(exponent(S, _half_times(3)), 1 / 3, Tolerance(0.01, "steps and start"))


@claim(
    "clipped",
    "Alg. 2",
    r"Steps that stay in the ball learn the target with its singular values clipped at $\rho^L$. "
    r"Measured: the largest difference of a mode from $\min(s, \rho^2)$, two layers.",
    section="3",
    kind=IDENTITY,
    label="built-pethick2025",
    source=OURS,
    paper="pethick2025",
)
def clipped() -> Check:
    u, _ = _course("spectral", n_layers=2, size=0.05, rate=0.004 * 1.2, n_steps=1500, decay=0.004)
    reason = "steps of 0.005 that do not shrink, and a rest of $e^{-6}$"
    return equal(np.abs(u[-1] - np.minimum(S, 1.44)).max(), 0, Tolerance(0.02, reason))


@claim(
    "effective-rank",
    "abstract",
    "Muon reaches a higher effective rank of hidden states. Measured, for two linear layers with "
    "spectral steps in place of Muon: the rank when half of the error is left, over that of "
    "the plain gradient (our reading).",
    section="-",
    kind=QUALITATIVE,
    label="fig-built-effective-rank",
    paper="ruan2026",
)
def effective_rank_at_equal_error() -> Check:
    ranks = []
    for rule, rate, n_steps in (("spectral", 0.004, 540), ("plain", 0.01, 900)):
        u, a = _course(rule, n_layers=2, size=0.01, rate=rate, n_steps=n_steps, decay=0)
        now = np.argmax(((u - S) ** 2).sum(axis=1) < (S**2).sum() / 2)
        ranks.append(a[now].sum() ** 2 / (a[now] ** 2).sum())
    return at_least(ranks[0] / ranks[1], 2, "half of the modes against one")


# ---- the kernel of all states

N, M, T = 5, 2, 10


@shared
def _recurrent(gain: float) -> tuple[Array, Array, Array]:
    """Return weights of a recurrent network, its inputs, and the derivatives of all its states."""
    rng = np.random.default_rng(SEED)
    theta = np.hstack([gain * rng.standard_normal((N, N)) / np.sqrt(N), rng.normal(size=(N, M))])
    x = rng.standard_normal((T, M))
    return theta, x, _derivatives(theta, x)


def _derivatives(theta: Array, x: Array) -> Array:
    """Return the derivatives of all states (rows) by all weights."""
    units = 1e-20j * np.eye(theta.size).reshape(-1, N, N + M)
    return np.array([_states(theta + e, x)[0].imag.ravel() for e in units]).T / 1e-20


def _states(theta: Array, x: Array) -> tuple[Array, Array]:
    h, z = [np.zeros(N)], []
    for now in x:
        z.append(np.concatenate([h[-1], now]))
        h.append(np.tanh(theta @ z[-1]))
    return np.array(h[1:]), np.array(z)


def _paths(theta: Array, x: Array) -> tuple[Array, Array]:
    """Return how what enters the units moves all states, as a sum of paths, and the Gram matrix."""
    h, z = _states(theta, x)
    D = np.diag(1 - h.ravel() ** 2)
    hop = D @ np.kron(np.eye(T, k=-1), theta[:, :N])
    total, term = np.zeros_like(hop), np.eye(T * N)
    for _ in range(T):
        total, term = total + term, hop @ term
    return total @ D, z @ z.T


@claim(
    "product",
    "abstract",
    "The tangent kernel of all inner states is a product of how states depend on states, and the "
    "Gram matrix of what the weights see. Measured: the largest relative difference from "
    "derivatives by all weights, recurrent tanh networks of two gains (our reading).",
    section="-",
    kind=IDENTITY,
    label="eq-built-global-kernel",
    paper="hazelden2026",
)
def kernel_is_a_product() -> Check:
    worst = 0.0
    for gain in (0.5, 1.5):
        theta, x, J = _recurrent(gain)
        PD, G = _paths(theta, x)
        worst = max(worst, relative_error([PD @ np.kron(G, np.eye(N)) @ PD.T], [J @ J.T]))
    return equal(worst, 0, ROUNDING)


@claim(
    "bottleneck",
    "abstract",
    "This structure bounds the rank: it is at most the number of units times the rank of what they "
    "see. Measured: the largest ratio of the two for 50 states of 5 units with 2 inputs and 35 "
    "weights, where 1, 2 or 3 units are different and the others are copies (our reading).",
    section="-",
    kind=NUMBER,
    label="eq-built-global-kernel",
    paper="hazelden2026",
)
def rank_of_the_kernel() -> Check:
    ratios = []
    for n_kinds in (1, 2, 3):
        theta, x, _ = _recurrent(0.5)
        theta = theta[np.arange(N) % n_kinds]
        seen = np.linalg.matrix_rank(_states(theta, x)[1])
        assert seen < N + M, "the number of weights would bound the rank as well"
        ratios.append(np.linalg.matrix_rank(_derivatives(theta, x)) / (N * seen))
    return at_most(max(ratios), 1, "ranks are whole numbers")


@claim(
    "self-referential",
    "abstract",
    "Gradient descent learns first within the strongest modes of joint activity. Measured: the "
    "share of the strongest one in the speed of random errors, over its share in the errors "
    "propagated back (our reading).",
    section="-",
    kind=QUALITATIVE,
    label="built-hazelden2026",
    paper="hazelden2026",
)
def self_referential_bias() -> Check:
    theta, x, J = _recurrent(1.0)
    PD, _ = _paths(theta, x)
    _, mode = np.linalg.eigh(_states(theta, x)[1].T @ _states(theta, x)[1])
    z = _states(theta, x)[1] @ mode[:, -1]
    z /= np.linalg.norm(z)
    # Derivatives by weights along the strongest input of the units.
    along = J.reshape(T * N, N, N + M) @ mode[:, -1]
    back = np.einsum("t,tne->ne", z, PD.T.reshape(T, N, T * N))
    ratio = ((along**2).sum() / (J**2).sum()) / ((back**2).sum() / (PD**2).sum())
    return at_least(ratio, 2, "clearly more than its share")


@claim(
    "chain",
    "abstract",
    r"In an aligned chain of equal layers the kernel of the output is $Lu^{2-2/L}$, the factor of "
    "the 2013 paper's Eq. 15. Measured: the largest relative difference of the squared "
    "derivatives of the output by all layers, one to seven layers.",
    section="-",
    kind=IDENTITY,
    label="eq-built-chain-kernel",
    source=OURS,
    paper="hazelden2026",
)
def kernel_of_a_chain() -> Check:
    found, expected = [], []
    for L in range(1, 8):
        for a in (0.3, 1.1):
            moved = np.prod(a + 1e-20j * np.eye(L), axis=1).imag / 1e-20
            found.append((moved**2).sum())
            expected.append(L * (a**L) ** (2 - 2 / L))
    return equal(np.abs(np.array(found) / expected - 1).max(), 0, ROUNDING)


CLAIMS = claims_of(vars())
