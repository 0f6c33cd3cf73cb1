"""Claims on what learning keeps: nonlinear layers, symmetric data, modern layers, discriminants."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from scipy.integrate import simpson, solve_ivp
from scipy.spatial.transform import Rotation
from scipy.special import erf

from ledger.numerics import FLOW, ROUNDING, Array, exponent, relative_error
from ledger.record import (
    IDENTITY,
    OURS,
    QUALITATIVE,
    SCALING,
    SLIP,
    Amendment,
    Check,
    Finding,
    Tolerance,
    at_least,
    claim,
    claims_of,
    equal,
)

__all__ = ["CLAIMS"]

SEED = 2026
# Of a complex step: nothing is subtracted, so that it may be as small as one likes.
STEP = 1e-30

# Weights, or a stack of them; errors and quantities of complex weights are complex.
Error = Callable[[Any], Any]
Layer = Callable[[Any, Any], Any]
Shapes = Sequence[tuple[int, int]]


def _downhill(error: Error, theta: Array) -> Array:
    return np.asarray(-error(theta + 1j * STEP * np.eye(theta.size)).imag / STEP)


def _rate(quantity: Callable[[Any], Any], error: Error, theta: Array) -> Array:
    """Return how fast a quantity changes along the flow."""
    return np.asarray(quantity(theta + 1j * STEP * _downhill(error, theta)).imag / STEP)


def _descended(error: Error, theta: Array, rate: float, n_steps: int) -> Array:
    path = [theta]
    for _ in range(n_steps):
        path.append(path[-1] + rate * _downhill(error, path[-1]))
    return np.array(path)


def _flow(error: Error, theta: Array, times: Array) -> Array:
    run = solve_ivp(
        lambda _, z: _downhill(error, z),
        (0, times[-1]),
        theta,
        method="DOP853",
        t_eval=times,
        rtol=1e-10,
        atol=1e-12,
    )
    return np.asarray(run.y.T)


def _matrices(theta: Any, shapes: Shapes) -> list[Any]:
    """Cut a vector of weights, or a stack of them, into matrices."""
    ends = np.cumsum([m * n for m, n in shapes])[:-1]
    pairs = zip(np.split(theta, ends, axis=-1), shapes, strict=True)
    return [w.reshape(*theta.shape[:-1], *shape) for w, shape in pairs]


def _t(matrix: Any) -> Any:
    return np.swapaxes(matrix, -1, -2)


def _squared(layer: Layer, x: Any, y: Any) -> Error:
    return lambda theta: ((layer(theta, x) - y) ** 2).sum(axis=(-2, -1)) / 2


def _sigmoid(z: Any) -> Any:
    return 1 / (1 + np.exp(-z))


def _gelu(z: Any) -> Any:
    return z * (1 + erf(z / np.sqrt(2))) / 2


def _silu(z: Any) -> Any:
    return z * _sigmoid(z)


# ---- Nonlinear layers

DEEP = ((4, 3), (5, 4), (4, 5), (2, 4))


def _deep(theta: Any, x: Any, act: Callable[[Any], Any]) -> list[Any]:
    """Return what goes into the units of all layers."""
    inputs, z = [], x
    for k, w in enumerate(_matrices(theta, DEEP)):
        z = (act(z) if k else z) @ _t(w)
        inputs.append(z)
    return inputs


def _squares(theta: Any) -> Any:
    return np.stack([(w**2).sum(axis=(-2, -1)) for w in _matrices(theta, DEEP)])


def _imbalances(theta: Any) -> Any:
    """Return squares of weights out of each hidden unit less those into it."""
    pairs = pairwise(_matrices(theta, DEEP))
    return np.concatenate([(b**2).sum(axis=-2) - (a**2).sum(axis=-1) for a, b in pairs], axis=-1)


@claim(
    "imbalance-of-units",
    "identity",
    "The identity holds unit by unit: under flow, with any differentiable loss, the squared "
    "weights out of a hidden unit less those into it change at "
    r"$2\sum\delta\,(z\sigma'(z) - \sigma(z))$, with $\delta$ the gradient at its output. "
    "Measured: rates by complex steps in networks of four weight matrices, for tanh, the sigmoid, "
    "GELU and rectifiers, against gradients that are carried back by hand; their relative "
    "difference.",
    section="-",
    kind=IDENTITY,
    label="built-rawal2026-identity",
    source=OURS,
    paper="rawal2026",
)
def imbalance_of_units() -> Check:
    rng = np.random.default_rng(SEED)
    x, y = rng.standard_normal((6, 3)), rng.standard_normal((6, 2))
    slopes: list[tuple[Callable[[Any], Any], Callable[[Array], Array]]] = [
        (np.tanh, lambda z: 1 / np.cosh(z) ** 2),
        (_sigmoid, lambda z: _sigmoid(z) * _sigmoid(-z)),
        (
            _gelu,
            lambda z: (1 + erf(z / np.sqrt(2))) / 2 + z * np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi),
        ),
        (lambda z: z * (z.real > 0), lambda z: np.where(z > 0, 1.0, 0.0)),
    ]
    found, expected = [], []
    for act, slope in slopes:
        theta = 0.6 * rng.standard_normal(sum(m * n for m, n in DEEP))

        def error(z: Any, act: Callable[[Any], Any] = act) -> Any:
            return np.log(np.cosh(_deep(z, x, act)[-1] - y)).sum(axis=(-2, -1))

        found.append(_rate(_imbalances, error, theta))
        *inner, out = _deep(theta, x, act)
        back, rates = np.tanh(out - y), []
        for z, w in zip(inner[::-1], _matrices(theta, DEEP)[:0:-1], strict=True):
            into = back @ w
            rates.append(2 * np.sum(into * (z * slope(z) - act(z)), axis=0))
            back = into * slope(z)
        expected.append(np.concatenate(rates[::-1]))
    return equal(relative_error(found, expected), 0, ROUNDING)


@claim(
    "imbalance-orders",
    "classes",
    r"The imbalance of a first layer of size $\varepsilon$ changes at a rate of order "
    r"$\varepsilon^3$ with tanh, $\varepsilon^2$ with GELU and SiLU, and $\varepsilon^0$ with the "
    "sigmoid. Measured: the largest difference of exponents from these, fitted from $10^{-5}$ to "
    "$10^{-3}$.",
    section="-",
    kind=SCALING,
    label="fig-built-kept-imbalance",
    paper="rawal2026",
)
def imbalance_orders() -> Check:
    rng = np.random.default_rng(SEED)
    x, y = rng.standard_normal((6, 3)), rng.standard_normal((6, 2))
    theta, sizes = (
        0.6 * rng.standard_normal(sum(m * n for m, n in DEEP)),
        np.geomspace(1e-5, 1e-3, 5),
    )
    off = []
    acts: list[tuple[Callable[[Any], Any], int]] = [
        (np.tanh, 3),
        (_gelu, 2),
        (_silu, 2),
        (_sigmoid, 0),
    ]
    for act, order in acts:

        def error(z: Any, act: Callable[[Any], Any] = act) -> Any:
            return np.log(np.cosh(_deep(z, x, act)[-1] - y)).sum(axis=(-2, -1))

        first = np.arange(theta.size) < 12
        rates = [
            np.diff(_rate(_squares, error, np.where(first, size * theta, theta)))[0]
            for size in sizes
        ]
        off.append(abs(exponent(sizes, np.abs(rates)) - order))
    return equal(max(off), 0, Tolerance(0.02, "the next order, a few times $10^{-3}$"))


@claim(
    "imbalance-of-powers",
    "classes",
    r"Units $\max(z, 0)^k$ keep $\|W_l\|_F^2 - k\|W_{l+1}\|_F^2$. Measured: its rate over that of "
    r"$\|W_l\|_F^2$, $k = 1, 2, 3$.",
    section="-",
    kind=IDENTITY,
    label="eq-built-kept-imbalance",
    source=OURS,
    paper="rawal2026",
)
def imbalance_of_powers() -> Check:
    rng = np.random.default_rng(SEED)
    x, y, worst = rng.standard_normal((6, 3)), rng.standard_normal((6, 2)), 0.0
    theta = 0.4 * rng.standard_normal(sum(m * n for m, n in DEEP))
    for k in (1, 2, 3):

        def layer(z: Any, x: Any, k: int = k) -> Any:
            return _deep(z, x, lambda s: s**k * (s.real > 0))[-1]

        error = _squared(layer, x, y)
        rates = _rate(_squares, error, theta)
        worst = max(worst, np.abs(rates[:-1] - k * rates[1:]).max() / np.abs(rates).max())
    return equal(worst, 0, ROUNDING)


# ---- Symmetric data


def _turned(n: int) -> tuple[Array, Array]:
    """Return four examples, each with its turns about (1, 1, 1) by n-th parts; and targets."""
    rng = np.random.default_rng(SEED)
    x, y = rng.standard_normal((4, 3)), rng.standard_normal(4)
    angles = 2 * np.pi * np.arange(n) / n
    turns = Rotation.from_rotvec(angles[:, None] * np.ones(3) / np.sqrt(3)).as_matrix()
    return (x @ turns).reshape(-1, 3), np.tile(y, n)


def _mean_of(loss: Callable[[Any], Any], n: int) -> Error:
    x, y = _turned(n)
    return lambda w: loss(w @ x.T - y).mean(axis=-1)


def _angle(w: Any) -> Any:
    return np.arctan(np.sqrt(3) * (w[..., 0] - w[..., 1]) / (w[..., 0] + w[..., 1] - 2 * w[..., 2]))


def _turning(loss: Callable[[Any], Any], n: int) -> float:
    """Return the largest rate at which the direction turns, of twenty random weights."""
    draws = np.random.default_rng(SEED + 1).standard_normal((20, 3))
    return float(max(abs(_rate(_angle, _mean_of(loss, n), w)) for w in draws))


@claim(
    "ratio",
    "authors' code",
    "With the squared error, and inputs that come with all their cyclic shifts, a linear unit "
    "keeps $(w_1 - w_2)/(w_1 + w_2 - 2w_3)$. Measured: how fast the angle that it is the tangent "
    r"of turns, up to a factor $\sqrt3$, at twenty random weights.",
    section="-",
    kind=IDENTITY,
    label="eq-built-kept-ray",
    paper="galley2026",
)
def ratio_is_kept() -> Check:
    shifts = np.sort(_turned(3)[0].reshape(3, 4, 3), axis=-1)
    assert np.allclose(shifts, shifts[0])
    return equal(_turning(lambda r: r**2 / 2, 3), 0, ROUNDING)


@claim(
    "ratio-under-steps",
    "authors' code",
    "Steps of any size keep that ratio too: a step multiplies the part of the weights across "
    r"$\mathbf{1}$ by $1 - \lambda\alpha$, where $\Sigma^{11} = \alpha I + \beta\mathbf{11}^T$. "
    r"Measured: the largest difference from that, $\lambda\alpha$ from 0.1 to 1.9, 20 steps.",
    section="-",
    kind=IDENTITY,
    label="eq-built-kept-ray",
    source=OURS,
    paper="galley2026",
)
def ratio_under_steps() -> Check:
    x, _ = _turned(3)
    S = x.T @ x / len(x)
    alpha, w, off = S[0, 0] - S[0, 1], np.array([1.0, -0.5, 0.2]), 0.0
    for product in (0.1, 0.5, 1.3, 1.9):
        path = _descended(_mean_of(lambda r: r**2 / 2, 3), w, product / alpha, 20)
        across = path - path.mean(axis=1, keepdims=True)
        off = max(off, np.abs(across - (1 - product) ** np.arange(21)[:, None] * across[0]).max())
    # Along the ones steps may diverge: the mean is subtracted from numbers of its size.
    return equal(off, 0, Tolerance(1e-6, "rounding, where steps diverge along the ones"))


@claim(
    "non-polynomial",
    "abstract",
    "With an analytic loss that is no polynomial, symmetric data generically give no law. Reading: "
    r"for the example and the loss $\ln\cosh$ the direction turns. Measured: its largest rate at "
    "twenty random weights.",
    section="-",
    kind=QUALITATIVE,
    label="built-galley2026",
    paper="galley2026",
)
def no_law_of_other_losses() -> Check:
    return at_least(
        _turning(lambda r: np.log(np.cosh(r)), 3), 1e-3, r"rounding would be $10^{-15}$"
    )


@claim(
    "degree",
    "abstract",
    "With $n$-th parts of a turn the direction is kept if the loss is a polynomial of a degree "
    "below $n$ in the output. Measured: the largest rate of turning for degrees 2 to 6 and $n$ "
    "up to 12, relative to the least one at $n$ equal to the degree.",
    section="-",
    kind=IDENTITY,
    label="fig-built-kept-ray",
    source=OURS,
    paper="galley2026",
)
def degree_and_order() -> Check:
    kept, lost = 0.0, np.inf
    for p in range(2, 7):

        def loss(r: Any, p: int = p) -> Any:
            return r**p / p

        kept = max(kept, *(_turning(loss, n) for n in range(p + 1, 13)))
        lost = min(lost, _turning(loss, p))
    return equal(kept / lost, 0, ROUNDING)


@claim(
    "attention",
    "authors' code",
    "Attention $XQK^TX^TXV$ without a softmax, on data that are turned by all of $O(d)$, keeps "
    "the column space of $[Q\\;K\\;V]$. Measured: the share of the motion that leaves a plane in "
    "three dimensions, averaged over $O(3)$ by a rule that is exact for the squared error.",
    section="-",
    kind=IDENTITY,
    label="built-galley2026",
    paper="galley2026",
)
def column_space_of_attention() -> Check:
    rng = np.random.default_rng(SEED)
    tokens, labels = rng.standard_normal((4, 3)), rng.standard_normal((4, 1))
    cosine, weight = np.polynomial.legendre.leggauss(4)
    a = 2 * np.pi * np.arange(7) / 7
    grid = np.stack(np.meshgrid(a, np.arccos(cosine), a, indexing="ij"), -1).reshape(-1, 3)
    turned = tokens @ Rotation.from_euler("zyz", grid).as_matrix()
    x = np.concatenate([turned, -turned])
    weights = np.tile(np.repeat(np.tile(weight, 7), 7) / 2 / 49 / 2, 2)

    def error(theta: Any) -> Any:
        Q, K, V = (v[..., None, :, :] for v in _matrices(theta, [(3, 1)] * 3))
        out = (x @ Q) * (_t(K) @ (_t(x) @ (x @ V)))
        return ((out - labels) ** 2).sum(axis=(-2, -1)) @ weights / 2

    basis = np.linalg.qr(rng.standard_normal((3, 3)))[0]
    start = (rng.standard_normal((3, 2)) @ basis[:, :2].T).ravel()
    motion = _downhill(error, start).reshape(3, 3)
    return equal(np.abs(motion @ basis[:, 2]).max() / np.abs(motion).max(), 0, ROUNDING)


# ---- Modern layers

FEED = ((2, 3), (3, 2))
GATED = ((2, 3), (3, 2), (3, 2))
HEAD = ((3, 2),) * 4
EXPERT = ((1, 1), (1, 2), (1, 2))
MIXTURE = ((2, 2), *EXPERT, *EXPERT)


def _gated(x: Any, A: Any, B: Any, C: Any) -> Any:
    return (_silu(x @ _t(B)) * (x @ _t(C))) @ _t(A)


def _softmax(z: Any) -> Any:
    e = np.exp(z - z.real.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def _normalised(z: Any) -> Any:
    return _sigmoid(z) / _sigmoid(z).sum(axis=-1, keepdims=True)


def _feed(act: Callable[[Any], Any]) -> Layer:
    def layer(theta: Any, x: Any) -> Any:
        A, B = _matrices(theta, FEED)
        return act(x @ _t(B)) @ _t(A)

    return layer


def _attention(turn: Callable[[Any], Any]) -> Layer:
    def layer(theta: Any, x: Any) -> Any:
        Q, K, V, out = _matrices(theta, HEAD)
        return _softmax(turn(x @ Q) @ _t(turn(x @ K))) @ (x @ V) @ _t(out)

    return layer


def _rotary(q: Any) -> Any:
    turns = np.exp(1j * np.arange(q.shape[-2]))
    c, s, first, second = turns.real, turns.imag, q[..., 0], q[..., 1]
    return np.stack([c * first - s * second, s * first + c * second], axis=-1)


def _mixture(gate: Callable[[Any], Any]) -> Layer:
    def layer(theta: Any, x: Any) -> Any:
        W, *e = _matrices(theta, MIXTURE)
        g = gate(x @ _t(W))
        return g[..., :1] * _gated(x, *e[:3]) + g[..., 1:] * _gated(x, *e[3:])

    return layer


def _gated_laws(theta: Any, shapes: Shapes = GATED) -> Any:
    A, _, C = _matrices(theta, shapes)
    return (A**2).sum(axis=-2) - (C**2).sum(axis=-1)


def _attention_laws(theta: Any) -> Any:
    Q, K, V, out = _matrices(theta, HEAD)
    first, second = _t(Q) @ Q - _t(K) @ K, _t(V) @ V - _t(out) @ out
    return np.stack([D[..., i, j] for D in (first, second) for i, j in ((0, 0), (1, 1), (0, 1))])


def _rotary_laws(theta: Any) -> Any:
    laws = _attention_laws(theta)
    return np.stack([laws[0] + laws[1], *laws[3:]])


def _expert_laws(theta: Any) -> Any:
    return np.concatenate([_gated_laws(theta[..., k : k + 5], EXPERT) for k in (4, 9)], axis=-1)


def _softmax_laws(theta: Any) -> Any:
    W = _matrices(theta, MIXTURE)[0]
    return np.concatenate([W.sum(axis=-2), _expert_laws(theta)], axis=-1)


def _unaccounted(
    layer: Layer, laws: Callable[[Any], Any] | None, n_weights: int, sizes: tuple[int, int, int]
) -> float:
    """Return the room that no law takes up, plus the largest rate of the laws.

    A law for all data has a gradient orthogonal to the gradients of the error on every data set,
    and to the brackets of these.
    """
    rng, e = np.random.default_rng(SEED), 1e-4
    n_examples, n_inputs, n_outputs = sizes
    theta = rng.standard_normal(n_weights)
    flows: list[Callable[[Array], Array]] = []
    rates = 0.0
    for _ in range(3 * n_weights):
        x = rng.standard_normal((n_examples, n_inputs))
        error = _squared(layer, x, rng.standard_normal((n_examples, n_outputs)))
        speed = float(np.linalg.norm(_downhill(error, theta)))

        def flow(z: Array, error: Error = error, speed: float = speed) -> Array:
            return _downhill(error, z) / speed

        flows.append(flow)
        if laws is not None:
            rates = max(rates, np.abs(_rate(laws, error, theta)).max() / speed)
    vectors = []
    for f, g in pairwise([*flows, flows[0]]):
        u, v = f(theta), g(theta)
        along, against = g(theta + e * u) - g(theta - e * u), f(theta + e * v) - f(theta - e * v)
        vectors += [u, (along - against) / (2 * e)]
    s = np.linalg.svd(vectors, compute_uv=False)
    room = int(np.sum(s < 1e-6 * s[0]))
    if laws is None:
        return room
    # Laws that depend on each other take up less room than their number.
    slopes = [laws(theta + 1j * STEP * e).imag / STEP for e in np.eye(n_weights)]
    return room - int(np.linalg.matrix_rank(slopes)) + rates


@claim(
    "feed-forward",
    "Thms 4.1, 4.2",
    "A layer of GELU or SiLU units has no conserved quantity. A SwiGLU layer "
    r"$A(\mathrm{silu}(Bx) \odot Cx)$ has $\|A_{:,i}\|^2 - \|C_{i,:}\|^2$ for each hidden unit, "
    "and no other. Measured: directions at a random point that neither gradients, nor their "
    "brackets, nor gradients of the laws take up, plus the largest relative rate of the laws; "
    "three hidden units.",
    section="4",
    kind=IDENTITY,
    label="built-tran2026",
    paper="tran2026",
)
def laws_of_feed_forward_layers() -> Check:
    off = [
        _unaccounted(_feed(_gelu), None, 12, (3, 2, 2)),
        _unaccounted(_feed(_silu), None, 12, (3, 2, 2)),
        _unaccounted(lambda z, x: _gated(x, *_matrices(z, GATED)), _gated_laws, 18, (3, 2, 2)),
    ]
    return equal(max(map(abs, off)), 0, ROUNDING)


@claim(
    "attention",
    "Thm 4.4, RoPE",
    "A head of attention keeps $Q^TQ - K^TK$ and $V^TV - O^TO$, and nothing else. With rotary "
    r"positions $\|Q\|_F^2 - \|K\|_F^2$ is all that is left of the first, for each plane that is "
    "turned. Measured in the same way as for feed-forward layers, for a head of width two.",
    section="4",
    kind=IDENTITY,
    label="built-tran2026",
    paper="tran2026",
)
def laws_of_attention() -> Check:
    off = [
        _unaccounted(_attention(lambda q: q), _attention_laws, 24, (3, 3, 3)),
        _unaccounted(_attention(_rotary), _rotary_laws, 24, (3, 3, 3)),
    ]
    return equal(max(map(abs, off)), 0, ROUNDING)


@claim(
    "mixture-softmax",
    "Thm 4.7",
    "A mixture of SwiGLU experts with a softmax gate keeps the laws of its experts and the sum of "
    "the rows of the gate, and nothing else. Measured in the same way as for feed-forward layers, "
    "for two experts of one unit.",
    section="4",
    kind=IDENTITY,
    label="built-tran2026",
    paper="tran2026",
)
def laws_of_a_softmax_mixture() -> Check:
    off = _unaccounted(_mixture(_softmax), _softmax_laws, 14, (3, 2, 1))
    return equal(abs(off), 0, ROUNDING)


@claim(
    "mixture-sigmoid",
    "Thm 4.7",
    "A mixture with a normalised sigmoid for its gate keeps the sum of the rows of the gate as "
    "well. We know this clause from notes; an audit of the paper found that it fails. Measured: "
    r"the rate of that sum with two constant experts 5/2 and 0, gate weights $\pm\ln\frac32$, "
    "input 1 and target 1/2.",
    section="4",
    kind=SLIP,
    label="eq-built-kept-gate",
    paper="tran2026",
)
def normalised_sigmoid() -> Finding:
    def by_hand(w: Any) -> Any:
        return (_normalised(w) @ np.array([2.5, 0]) - 0.5) ** 2 / 2

    rate = _rate(lambda w: w.sum(), by_hand, np.log([1.5, 1 / 1.5]))
    layer, rng = _mixture(_normalised), np.random.default_rng(SEED)
    theta, x = rng.standard_normal(14), rng.standard_normal((6, 2))
    y = rng.standard_normal((6, 1))
    found = _rate(_softmax_laws, _squared(layer, x, y), theta)[:2]
    W, *e = _matrices(theta, MIXTURE)
    experts = np.hstack([_gated(x, *e[:3]), _gated(x, *e[3:])])
    s = _sigmoid(x @ W.T)
    p = s / s.sum(axis=1, keepdims=True)
    f = (p * experts).sum(axis=1)
    covariance = (p * (s - (p * s).sum(axis=1, keepdims=True)) * experts).sum(axis=1)
    off = relative_error([found], [((f - y[:, 0]) * covariance) @ x])
    off += abs(_unaccounted(layer, _expert_laws, 14, (3, 2, 1)))
    text = (
        r"The sum changes at $\sum (f - y)\,\mathrm{Cov}_p(\sigma(z), e)\,x^T$, and only the laws "
        "of the experts are left. Measured: the relative difference from that at random weights, "
        "plus directions that nothing takes up, as for the other layers."
    )
    return Finding(equal(rate, 0, ROUNDING), correction=Amendment(text, equal(off, 0, ROUNDING)))


def _problem() -> tuple[Error, Array]:
    rng = np.random.default_rng(SEED)
    x, y = rng.standard_normal((6, 3)), rng.standard_normal((6, 3))
    return _squared(_attention(lambda q: q), x, y), rng.standard_normal(24) / 2


@claim(
    "drift",
    "bound on SGD",
    r"Steps move a law by at most a constant times $\sum_k\lambda_k^2$, so in a fixed time by an "
    "amount of the order of the step. Reading: full batches, and that order is reached. Measured: "
    "the exponent of the drift of a head of attention, steps from 1/640 to 1/80, in the time 1/2.",
    section="4",
    kind=SCALING,
    label="fig-built-kept-layers",
    paper="tran2026",
)
def drift_under_steps() -> Check:
    error, theta = _problem()
    n = np.array([40, 80, 160, 320])
    ends = [_descended(error, theta, 0.5 / k, k)[-1] for k in n]
    drifts = [np.linalg.norm(_attention_laws(z) - _attention_laws(theta)) for z in ends]
    return equal(exponent(1 / n, drifts), 1, Tolerance(0.05, "the next order, steps of 1/80"))


@claim(
    "drift-size",
    "bound on SGD",
    r"A step changes a law that is quadratic in the weights by $\lambda^2Q(\nabla E)$, so the "
    r"drift over the step tends to $\int Q(\nabla E)\,dt$. Measured: the relative difference of "
    "the drift of a head of attention from that integral, extrapolated from steps of 1/640 and "
    "1/320, and the largest difference of one step from the rule.",
    section="4",
    kind=IDENTITY,
    label="eq-built-kept-step",
    source=OURS,
    paper="tran2026",
)
def size_of_the_drift() -> Check:
    error, theta = _problem()
    paths = [_descended(error, theta, 0.5 / n, n) for n in (160, 320)]
    laws = [_attention_laws(path).T for path in paths]
    coarse, fine = (2 * n * (z[-1] - z[0]) for n, z in zip((160, 320), laws, strict=True))
    times = np.linspace(0, 0.5, 201)
    speeds = [_attention_laws(_downhill(error, z)) for z in _flow(error, theta, times)]
    integral = simpson(speeds, x=times, axis=0)
    rule = [_attention_laws(_downhill(error, z)) for z in paths[0][:-1]]
    one_step = np.abs(np.diff(laws[0], axis=0) - np.array(rule) / 320**2).max()
    off = max(relative_error([2 * fine - coarse], [integral]), one_step)
    return equal(off, 0, Tolerance(1e-3, "the square of steps times curvatures"))


# ---- Deep discriminants


def _discriminant(n_factors: int) -> Error:
    rng = np.random.default_rng(SEED)
    d, root = rng.uniform(0.5, 1.5, 4), rng.standard_normal((4, 4)) / 3
    S = np.eye(4) + root @ root.T

    def error(theta: Any) -> Any:
        w = np.prod(theta.reshape(*theta.shape[:-1], n_factors, 4), axis=-2)
        return -((w @ d) ** 2) / ((w @ S) * w).sum(axis=-1)

    return error


def _norms(theta: Any) -> Any:
    return (theta.reshape(-1, 4) ** 2).sum(axis=-1)


@claim(
    "quasi-norm",
    "abstract",
    r"Balanced flow of deep linear discriminants, $w = u_1 \odot \dots \odot u_L$, keeps "
    r"$\sum_i |w_i|^{2/L}$. Measured: its largest relative change in a run, two to five factors "
    "of four weights with signs.",
    section="-",
    kind=IDENTITY,
    label="eq-built-kept-quasi",
    paper="li2026",
)
def quasi_norm() -> Check:
    rng, off = np.random.default_rng(SEED), 0.0
    for L in (2, 3, 4, 5):
        size = rng.uniform(0.5, 1.5, 4)
        theta = np.outer(np.ones(L), size)
        theta[0] *= [1, 1, -1, 1]
        path = _flow(_discriminant(L), theta.ravel(), np.linspace(0, 3, 10))
        w = np.prod(path.reshape(-1, L, 4), axis=1)
        assert np.abs(w[-1] - w[0]).max() > 0.1
        kept = (np.abs(w) ** (2 / L)).sum(axis=1)
        off = max(off, np.abs(kept / kept[0] - 1).max())
    return equal(off, 0, FLOW)


@claim(
    "each-norm",
    "abstract",
    r"The norm of each factor is kept, balanced or not. A step raises its square by exactly "
    r"$\lambda^2\|\nabla_{u_l}J\|^2$. Measured: the largest rate under flow at random weights, and "
    "the largest difference in 50 steps of 0.05.",
    section="-",
    kind=IDENTITY,
    label="built-li2026",
    source=OURS,
    paper="li2026",
)
def norm_of_each_factor() -> Check:
    rng, off = np.random.default_rng(SEED), 0.0
    for L in (2, 3, 4):
        error, theta = _discriminant(L), rng.standard_normal(4 * L)
        path = _descended(error, theta, 0.05, 50)
        grown = np.diff([_norms(z) for z in path], axis=0)
        rule = [0.05**2 * _norms(_downhill(error, z)) for z in path[:-1]]
        rate = np.abs(_rate(_norms, error, theta)).max()
        off = max(off, rate, np.abs(grown - np.array(rule)).max())
    return equal(off, 0, ROUNDING)


CLAIMS = claims_of(vars())
