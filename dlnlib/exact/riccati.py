r"""Three layers from any start whose layers are balanced up to a multiple of the identity.

Inputs are white. If :math:`W^{32\,T}W^{32} - W^{21}W^{21\,T} = \lambda 1`, then
:math:`Q = (W^{21\,T}; W^{32})`, one layer above the other, moves by
:math:`\tau\dot Q = FQ - \tfrac12 QQ^TQ`, and :math:`QQ^T` by a Riccati equation, with

.. math:: F = \begin{pmatrix} -\lambda/2 & \Sigma^{31\,T} \\ \Sigma^{31} & \lambda/2 \end{pmatrix},
          \qquad
          QQ^T = e^{Ft/\tau} Q_0 \Big[1 + \frac1\tau Q_0^T \int_0^t e^{2Fs/\tau} ds\; Q_0\Big]^{-1}
          Q_0^T e^{Ft/\tau}.

How this is computed. In the eigenbasis of :math:`F`, that is in the modes of the data, the
integral is :math:`h_i e^{2\max(f_i, 0)t}` with :math:`h = (1 - e^{-2|f|t})/2|f|`, and row
:math:`i` of :math:`Q_0` is what mode :math:`i` has in the hidden layer. A QR decomposition of these
rows turns the hidden layer until row :math:`i` has nothing in the columns beyond :math:`i`. When
rows come in the order of their size, every column of

.. math:: \begin{pmatrix} \sqrt{h_i}\, e^{f_i t}\, T_{ik} \\ \delta_{jk} \end{pmatrix} = G\,C,
          \qquad [\dots] = C\,G^TG\,C,

can be scaled to one by a number :math:`C_{kk}` of its own, so that no exponential is ever large
and the columns of :math:`G` are far from parallel. With :math:`G = OR` the result is
:math:`ZZ^T`, :math:`Z = e^{Ft} T C^{-1} R^{-1}`, and each row of :math:`Z`, however small, is as
accurate as that row of the start. Rates :math:`f_i` grow with the time that integrals have and need
no order of their own: that of :math:`f` serves all times, unless the start itself is graded, and
then rows are sorted anew for each time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import exprel

from dlnlib import _checks
from dlnlib._docs import fill
from dlnlib._typing import Array, Weights

__all__ = ["ThreeLayerGrams", "three_layer_grams", "three_layer_map"]

_Indices = NDArray[np.intp]

# How far from a multiple of the identity the imbalance of a start may be, relative to its squares.
_BALANCE = 1e-10
# Weights and rates beyond this have squares beyond the range of doubles.
_LARGEST = 1e150
# A time after which nothing moves: exponents stay in the range of doubles.
_FOREVER = 1e300
# Columns whose largest entry exceeds the diagonal one by more are not left in the order of rates.
_GRADED = 100.0
# A departure from orthogonality whose square is below rounding.
_DEFECT = 1e-8
# Matrices up to this size are inverted as they are.
_SMALL = 8
# Numbers to work on at once: larger arrays are given back to the system after every product.
_BLOCK = 2**15

_described = fill(
    arguments="""
    t : array_like
        Time in iterations, not negative; infinity gives the end of learning.
    weights : sequence of two array_like, of shapes (..., n_hidden, n_in) and (..., n_out, n_hidden)
        The start, first layer first; leading axes are different starts.
    sigma_yx : array_like, shape (n_out, n_in)
        Input-output correlation :math:`\\Sigma^{31}` of white inputs, of any rank.
    tau : float
        Time constant in iterations, the inverse of the learning rate.
    """,
    raises="""
    TypeError
        If an argument is not made of real numbers.
    ValueError
        If an argument is out of range, weights are not two layers, shapes do not match, or the
        imbalance of a start is no multiple of the identity, to 1e-10 of the sum of the squares of
        its weights.
    """,
)


class ThreeLayerGrams(NamedTuple):
    r"""Hold the blocks of :math:`QQ^T`, which is all that a rotation of hidden units leaves.

    Attributes
    ----------
    first : ndarray, shape (\*t, ..., n_in, n_in)
        :math:`W^{21\,T} W^{21}`.
    product : ndarray, shape (\*t, ..., n_out, n_in)
        :math:`W^{32} W^{21}`, the map of the network.
    last : ndarray, shape (\*t, ..., n_out, n_out)
        :math:`W^{32} W^{32\,T}`.
    """

    first: Array
    product: Array
    last: Array


@_described
def three_layer_map(
    t: ArrayLike, weights: Sequence[ArrayLike], *, sigma_yx: ArrayLike, tau: float
) -> Array:
    r"""Return the map of a three-layer network at any time, from any start with balanced layers.

    Solves :math:`\tau\dot W^{21} = W^{32\,T}(\Sigma^{31} - W^{32}W^{21})`,
    :math:`\tau\dot W^{32} = (\Sigma^{31} - W^{32}W^{21})W^{21\,T}` for :math:`W^{32}W^{21}`,
    where at the start

    .. math:: W^{32\,T} W^{32} - W^{21} W^{21\,T} = \lambda\, 1 .

    Parameters
    ----------
    %(arguments)s

    Returns
    -------
    ndarray, shape (\*t, ..., n_out, n_in)
        :math:`W^{32}W^{21}`, axes of `t` first, then those of starts.

    Raises
    ------
    %(raises)s

    See Also
    --------
    three_layer_grams : Also the overlaps within either layer.
    mode_strength : The same for modes that do not meet.
    dlnlib.initial_conditions.balanced : A start of this kind for any map and any imbalance.

    Notes
    -----
    The matrix Riccati solution of Fukumizu (1998) and Braun et al. (2022); with :math:`\lambda`,
    Dominé et al. (2024). They write it with the inverse of :math:`F`, here there is none: rates
    may be zero, layers may have any widths. The imbalance :math:`\lambda` is measured on the start.

    A result is that of a start in which every mode is off by rounding. From a saddle that grows,
    as it does for a network: among modes that compete for too few hidden units, and whose rates
    :math:`f` differ by less than :math:`10^{-13}` of the largest, digits are lost in proportion to
    :math:`ft/\tau`. Singular values that differ by no more than rounding count as equal.
    Otherwise each mode keeps its digits at any time, down to strengths that no double holds.

    Examples
    --------
    >>> import numpy as np
    >>> from dlnlib.exact import mode_strength, three_layer_map
    >>> start = (0.1 * np.eye(2), 0.1 * np.eye(2))
    >>> learned = three_layer_map(2.0, start, sigma_yx=np.diag([3.0, 1.0]), tau=1.0)
    >>> print(learned.round(6))
    [[2.994499 0.      ]
     [0.       0.355461]]
    >>> print(mode_strength(2.0, s=[3.0, 1.0], u0=0.01, tau=1.0).round(6))
    [2.994499 0.355461]
    """
    (found,) = _blocks_of_grams(t, weights, sigma_yx, tau, [(1, 0)])
    return found


@_described
def three_layer_grams(
    t: ArrayLike, weights: Sequence[ArrayLike], *, sigma_yx: ArrayLike, tau: float
) -> ThreeLayerGrams:
    r"""Return a three-layer network at any time, up to a rotation of its hidden units.

    .. math:: QQ^T = \begin{pmatrix} W^{21\,T}W^{21} & (W^{32}W^{21})^T \\
                                     W^{32}W^{21} & W^{32}W^{32\,T} \end{pmatrix}, \qquad
              \tau \frac{d}{dt} QQ^T = F QQ^T + QQ^T F - (QQ^T)^2 .

    Parameters
    ----------
    %(arguments)s

    Returns
    -------
    first : ndarray, shape (\*t, ..., n_in, n_in)
        Overlaps :math:`W^{21\,T}W^{21}` of inputs in the hidden layer.
    product : ndarray, shape (\*t, ..., n_out, n_in)
        The map :math:`W^{32}W^{21}`, as `three_layer_map` returns it.
    last : ndarray, shape (\*t, ..., n_out, n_out)
        Overlaps :math:`W^{32}W^{32\,T}` of outputs in the hidden layer.

    Raises
    ------
    %(raises)s

    See Also
    --------
    three_layer_map : The map alone; its notes say what is solved and how exactly.

    Notes
    -----
    The overlaps within a hidden layer are what its representation is made of, and their sum,
    on either side, is the tangent kernel.

    Examples
    --------
    >>> import numpy as np
    >>> from dlnlib.exact import three_layer_grams
    >>> first, product, last = three_layer_grams(
    ...     np.inf, ([[0.1]], [[1.0]]), sigma_yx=[[2.0]], tau=1.0
    ... )
    >>> print(first.round(4), product.round(4), last.round(4))
    [[1.5653]] [[2.]] [[2.5553]]
    """
    found = _blocks_of_grams(t, weights, sigma_yx, tau, [(0, 0), (1, 0), (1, 1)])
    return ThreeLayerGrams(*found)


class _Modes(NamedTuple):
    """Hold the eigenbasis of F: the modes of the data, turned by an angle for each start."""

    U: Array
    Vt: Array
    cos: Array
    sin: Array


class _Rates(NamedTuple):
    """Hold the eigenvalues of F of each start, those that are positive as their excess over c."""

    f: Array
    excess: Array
    c: Array


def _blocks_of_grams(
    t: ArrayLike,
    weights: Sequence[ArrayLike],
    sigma_yx: ArrayLike,
    tau: float,
    which: list[tuple[int, int]],
) -> list[Array]:
    """Return some blocks of QQ^T, by their row and column: 0 for inputs and 1 for outputs."""
    time, (first, last), sigma, tau = _arguments(t, weights, sigma_yx, tau)
    batch, sizes = first.shape[:-2], (first.shape[-1], last.shape[-2])
    first, last = (w.reshape(-1, *w.shape[-2:]) for w in (first, last))
    modes, rates = _diagonalised(sigma, _imbalance(first, last))
    with np.errstate(over="ignore"):
        moments = np.minimum(time.ravel() / tau, _FOREVER / np.max(rates.f, initial=1.0))
    found = [np.empty((len(moments), len(first), sizes[i], sizes[j])) for i, j in which]
    for when, starts, rows in _solve(moments, rates, _to_modes(modes, first, last)):
        sides = _from_modes(modes, rows, starts)
        for block, (i, j) in zip(found, which, strict=True):
            block[when[:, None], starts] = sides[i] @ np.swapaxes(sides[j], -1, -2)
    return [block.reshape(*time.shape, *batch, *block.shape[-2:]) for block in found]


def _arguments(
    t: ArrayLike, weights: Sequence[ArrayLike], sigma_yx: ArrayLike, tau: float
) -> tuple[Array, Weights, Array, float]:
    """Check all arguments but the balance."""
    time = np.asarray(_checks.real("t", t), dtype=np.float64)
    _checks.require("t", time, time >= 0, "must not be negative")
    found, sigma = _checks.weights(weights), _checks.finite("sigma_yx", sigma_yx)
    if len(found) != 2:
        raise ValueError(f"weights must be two matrices (three layers), got {len(found)}")
    for w in found:
        _checks.require("weights", w, np.abs(w) <= _LARGEST, f"must not be beyond {_LARGEST:g}")
    ends = (found[1].shape[-2], found[0].shape[-1])
    if sigma.shape != ends:
        raise ValueError(
            f"sigma_yx must have shape {ends}, outputs by inputs of weights, got {sigma.shape}"
        )
    _checks.require(
        "sigma_yx", sigma, np.abs(sigma) <= _LARGEST, f"must not be beyond {_LARGEST:g}"
    )
    return time, found, sigma, _checks.number("tau", tau, above=0)


def _imbalance(first: Array, last: Array) -> Array:
    """Return the multiple of the identity that the imbalance of each start is."""
    difference = np.swapaxes(last, -1, -2) @ last - first @ np.swapaxes(first, -1, -2)
    n_hidden = difference.shape[-1]
    value = np.trace(difference, axis1=-2, axis2=-1) / n_hidden
    off = np.abs(difference - value[:, None, None] * np.eye(n_hidden)).max(axis=(-2, -1), initial=0)
    squares = np.sum(first**2, axis=(-2, -1)) + np.sum(last**2, axis=(-2, -1))
    if np.any(bad := off > _BALANCE * squares):
        i = int(np.argmax(bad))
        raise ValueError(
            "weights must be balanced, W32^T W32 - W21 W21^T a multiple of the identity to "
            f"{_BALANCE:g} of the sum of their squares, got {value[i]:.6g} times the identity and "
            f"{off[i]:.2g} beside it"
        )
    return value


def _diagonalised(sigma: Array, imbalance: Array) -> tuple[_Modes, _Rates]:
    """Return the eigenvectors and eigenvalues of F for each start.

    Rows are, in this order: growing modes, decaying modes, inputs and outputs without a mode.
    """
    U, s, Vt = np.linalg.svd(sigma)
    s = _merged(s, max(sigma.shape) * np.finfo(np.float64).eps * s[:1])
    half = imbalance[:, None] / 2
    c, r = np.abs(half), np.hypot(s, half)
    slope = np.where(r > 0, s / np.where(r > 0, r + c, 1), 1.0)
    larger = 1 / np.hypot(1, slope)
    cos, sin = np.where(half > 0, (slope * larger, larger), (larger, slope * larger))
    n_out, n_in = sigma.shape
    ones_in, ones_out = np.ones(n_in - len(s)), np.ones(n_out - len(s))
    f = np.concatenate([r, -r, -half * ones_in, half * ones_out], axis=1)
    # The difference of r and c, which would cancel where layers are far apart.
    excess = s * slope
    excess = np.concatenate([excess, np.zeros((len(c), n_in + n_out - len(s)))], axis=1)
    return _Modes(U, Vt, cos, sin), _Rates(f, excess, c)


def _merged(s: Array, rounding: Array) -> Array:
    """Return singular values, those that differ by rounding replaced by their mean."""
    group = np.cumsum([0, *(s[:-1] - s[1:] > rounding)])[: len(s)]
    return (np.bincount(group, s) / np.bincount(group))[group]


def _to_modes(modes: _Modes, first: Array, last: Array) -> Array:
    """Return the rows of Q in the eigenbasis of F."""
    a, b = np.swapaxes(first @ modes.Vt.T, -1, -2), modes.U.T @ last
    m = modes.cos.shape[1]
    cos, sin = modes.cos[..., None], modes.sin[..., None]
    plus, minus = cos * a[:, :m] + sin * b[:, :m], cos * b[:, :m] - sin * a[:, :m]
    return np.concatenate([plus, minus, a[:, m:], b[:, m:]], axis=1)


def _from_modes(modes: _Modes, rows: Array, starts: _Indices) -> tuple[Array, Array]:
    """Return what `_to_modes` was given, for some starts, the first layer transposed."""
    m, n_in = modes.cos.shape[1], len(modes.Vt)
    cos, sin = modes.cos[starts, :, None], modes.sin[starts, :, None]
    plus, minus, free = rows[..., :m, :], rows[..., m : 2 * m, :], rows[..., 2 * m :, :]
    a = np.concatenate([cos * plus - sin * minus, free[..., : n_in - m, :]], axis=-2)
    b = np.concatenate([sin * plus + cos * minus, free[..., n_in - m :, :]], axis=-2)
    return modes.Vt.T @ a, modes.U @ b


def _solve(time: Array, rates: _Rates, Q: Array) -> Iterator[tuple[_Indices, _Indices, Array]]:
    """Yield some times, some starts, and there Q in the eigenbasis of F, hidden units turned."""
    alive = np.flatnonzero(Q.any(axis=(0, 2)))
    order = alive[np.argsort(-rates.f[:, alive], axis=1)]
    every = np.arange(len(Q))[:, None]
    sorted_rates = _Rates(rates.f[every, order], rates.excess[every, order], rates.c)
    tall = Q[every, order]
    lower = _turned(tall)
    graded = _is_graded(lower)
    for sort, Q0 in ((False, lower), (True, tall)):
        for when, starts in _pieces(len(time), np.flatnonzero(graded == sort), tall.shape[1:]):
            some = _Rates(*(x[starts] for x in sorted_rates))
            rows = _rows(time[when, None], some, Q0[starts], sort=sort)
            found = np.zeros((*rows.shape[:2], Q.shape[1], rows.shape[-1]))
            found[:, np.arange(len(starts))[:, None], order[starts]] = rows
            yield when, starts, found


def _pieces(
    n_times: int, starts: _Indices, shape: tuple[int, ...]
) -> Iterator[tuple[_Indices, _Indices]]:
    """Yield pieces of all times and starts that are worked on at once."""
    n = max(1, _BLOCK // max(1, sum(shape) * min(shape)))
    for i in range(0, len(starts), n):
        some = starts[i : i + n]
        for j in range(0, n_times, m := max(1, n // len(some))):
            yield np.arange(j, min(j + m, n_times)), some


def _turned(tall: Array) -> Array:
    """Turn the hidden layer so that row i has no columns beyond i."""
    return np.swapaxes(np.linalg.qr(np.swapaxes(tall, -1, -2), mode="r"), -1, -2)


def _is_graded(lower: Array) -> Array:
    """Tell the starts in which a row is large where one of a larger rate is small."""
    size = np.abs(lower)
    diagonal = np.diagonal(size, axis1=-2, axis2=-1)
    return np.any(size.max(axis=-2, initial=0) > _GRADED * diagonal, axis=-1)


def _rows(time: Array, rates: _Rates, Q: Array, *, sort: bool) -> Array:
    """Return the rows at some times, for starts whose rows are in the order of their rates."""
    with np.errstate(divide="ignore", over="ignore", under="ignore"):
        t, grows = time[..., None], rates.f > 0
        exponent = np.where(grows, rates.excess, -rates.c) * t
        fall = np.exp(np.where(grows, 0.0, rates.f) * t)
        root = np.sqrt(t * exprel(-2 * np.abs(rates.f) * t))
        if not sort:
            return _scaled(Q, exponent, root, fall, -rates.c * t)
        size = exponent + np.log(root * np.linalg.norm(Q, axis=-1))
        order = np.argsort(-size, axis=-1)
        exponent, root, fall = (np.take_along_axis(x, order, -1) for x in (exponent, root, fall))
        lower = _turned(Q[np.arange(len(Q))[:, None], order])
        found = np.empty_like(lower)
        rows = _scaled(lower, exponent, root, fall, -rates.c * t)
        np.put_along_axis(found, order[..., None], rows, -2)
        return found


def _scaled(lower: Array, exponent: Array, root: Array, fall: Array, unit: Array) -> Array:
    """Return the rows, given their exponents, roots of h, and decay, and the exponent of 1."""
    peak = (exponent + np.log(root))[..., None] + np.log(np.abs(lower))
    scale = np.maximum(peak.max(axis=-2, initial=-np.inf), unit)
    # Where the exponent is beyond that of doubles the entry of `lower` is zero.
    entries = np.exp(np.minimum(exponent[..., None] - scale[..., None, :], 700)) * lower
    return fall[..., None] * _over_root(entries, root[..., None], np.exp(unit - scale))


def _over_root(rows: Array, root: Array, ones: Array) -> Array:
    """Return rows R^-1 for some R with R^T R = G^T G, where G is root rows above diag(ones)."""
    diagonal, top = ones[..., None] * np.eye(ones.shape[-1]), root * rows
    try:
        gram = np.swapaxes(top, -1, -2) @ top + diagonal**2
        across = np.swapaxes(_inverse(np.linalg.cholesky(gram)), -1, -2)
    except np.linalg.LinAlgError:
        across = np.zeros_like(diagonal)
    found: Array = rows @ across
    # The square of the condition enters once; what it leaves is corrected where it is small.
    turned, below = root * found, ones[..., None] * across
    defect = np.swapaxes(turned, -1, -2) @ turned + np.swapaxes(below, -1, -2) @ below
    defect -= np.eye(ones.shape[-1])
    if np.abs(defect).max(initial=0) < _DEFECT:
        return found - found @ (defect / 2)
    R = np.linalg.qr(np.concatenate([top, diagonal], axis=-2), mode="r")
    found = np.linalg.solve(np.swapaxes(R, -1, -2), np.swapaxes(rows, -1, -2))
    return np.swapaxes(found, -1, -2)


def _inverse(lower: NDArray[Any]) -> Array:
    """Invert triangular matrices by halves: products of many are faster than solutions."""
    n = lower.shape[-1]
    if n <= _SMALL:
        return np.linalg.inv(lower)
    found, m = np.zeros_like(lower), n // 2
    found[..., :m, :m], found[..., m:, m:] = (
        _inverse(lower[..., i, i]) for i in (slice(m), slice(m, n))
    )
    found[..., m:, :m] = -found[..., m:, m:] @ lower[..., m:, :m] @ found[..., :m, :m]
    return found
