"""Arithmetic of networks whose weights were checked at a public entry.

The gradient of a layer is an outer product of thin matrices, :math:`-p^T d`: what lies above
the layer, with one row for each output, and the drive as it arrives there from below. Layers
yield these pairs, and a step adds them in place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import reduce, wraps
from itertools import accumulate
from typing import Any, NamedTuple, TypeVar, cast

import numpy as np
from scipy.linalg import blas

from dlnlib._typing import Array, Weights
from dlnlib.correlations import Correlations, Modes

__all__ = [
    "Pair",
    "above",
    "activities",
    "add_product",
    "error",
    "gradient",
    "half_square",
    "in_range",
    "multiplied_out",
    "pairs",
    "product",
    "strengths",
    "tanh_pairs",
    "times",
]

# Rows of a block that BLAS, where it has a kernel for small matrices, multiplies without packing.
_ROWS = 40
# Multiplications below which BLAS uses one thread. Above, NumPy's copy of BLAS would leave threads
# behind that compete with those of SciPy's, which adds products in place.
_THREADED = 2**18


_Function = TypeVar("_Function", bound=Callable[..., Any])


class Pair(NamedTuple):
    """Hold the gradient of one layer, -p^T d, by its factors; no p stands for the identity."""

    layer: int
    p: Array | None
    d: Array


def in_range(function: _Function) -> _Function:
    """Refuse, in place of warnings, weights of which something overflows."""

    @wraps(function)
    def evaluated(*given: Any, **named: Any) -> Any:
        with np.errstate(over="ignore", invalid="ignore"):
            found = function(*given, **named)
        for array in found if isinstance(found, tuple) else (found,):
            if not np.isfinite(array).all():
                raise ValueError(
                    "weights must be so small that nothing leaves the range of doubles, got a "
                    f"result of {array[~np.isfinite(array)].flat[0]}"
                )
        return found

    return cast(_Function, evaluated)


def product(weights: Weights) -> Array:
    """Multiply the weight matrices, the last one first: cheapest when outputs are few."""
    return reduce(times, weights[-2::-1], weights[-1])


def error(composite: Array, drive: Array, sigma_yx: Array, trace_yy: float) -> Array:
    """Return the half squared error, given the product of the weights and the residual."""
    return 0.5 * (trace_yy - np.einsum("...ij,...ij->...", composite, drive + sigma_yx))


def above(weights: Weights) -> list[Array]:
    """Return the products of all layers, of all but the first, ..., of the last alone."""
    return list(accumulate(weights[-2::-1], times, initial=weights[-1]))[::-1]


def pairs(weights: Weights, products: list[Array], drive: Array) -> Iterator[Pair]:
    """Yield the pair of every layer, upwards; no layer is read again once its pair is out."""
    for layer, w in enumerate(weights[:-1]):
        onward = _times_transposed(drive, w)
        yield Pair(layer, products[layer + 1], drive)
        drive = onward
    yield Pair(len(weights) - 1, None, drive)


def gradient(weights: Weights, correlations: Correlations) -> Weights:
    """Return the gradient of a linear network with respect to every layer."""
    products = above(weights)
    drive = correlations.sigma_yx - products[0] @ correlations.sigma_xx
    return multiplied_out(pairs(weights, products, drive))


def multiplied_out(found: Iterable[Pair]) -> Weights:
    """Return the gradients that pairs stand for, first layer first."""
    ordered = sorted(found, key=lambda pair: pair.layer)
    return tuple(-(d if p is None else np.swapaxes(p, -1, -2) @ d) for _, p, d in ordered)


def add_product(
    w: Array,
    p: Array | None,
    d: Array,
    *,
    scale: Array | float = 1.0,
    keep: Array | float | None = None,
) -> None:
    """Replace w by keep * w + scale * p^T d, in place: one read and one write of w."""
    if p is not None and w.ndim == 2 and 0 < len(p) <= _ROWS and _in_place(w):
        gemm = blas.dgemm if w.dtype == np.float64 else blas.sgemm
        # BLAS counts columns first, so that all three are passed transposed, w without a copy.
        gemm(
            scale,
            d.T,
            p.T,
            beta=1.0 if keep is None else keep,
            c=w.T,
            trans_b=True,
            overwrite_c=True,
        )
        return
    if keep is not None:
        w *= keep
    w += scale * d if p is None else np.swapaxes(scale * p, -1, -2) @ d


def _in_place(w: Array) -> bool:
    """Tell whether BLAS would change this matrix, and not a copy of it."""
    return w.size > 0 and w.flags.c_contiguous and w.flags.writeable and w.dtype.char in "fd"


def strengths(composite: Array, modes: Modes) -> Array:
    """Return the diagonal of a composite map in the modes of the data."""
    return np.einsum("oa,...oi,ai->...a", modes.U, composite, modes.Vt, optimize=True)


def activities(weights: Weights, x: Array) -> list[Array]:
    """Return the inputs and the activity of every hidden layer, one example a column."""
    return list(accumulate(weights[:-1], lambda h, w: np.tanh(w @ h), initial=x.T))


def half_square(errors: Array) -> Array:
    """Return half the sum of squares of the last two axes."""
    return 0.5 * np.einsum("...ij,...ij->...", errors, errors)


def tanh_pairs(weights: Weights, layers: list[Array], errors: Array) -> Iterator[Pair]:
    """Yield the pair of every layer of a tanh network, downwards, from its output errors."""
    for layer in range(len(weights) - 1, -1, -1):
        onward = errors
        if layer > 0:
            back = np.swapaxes(weights[layer], -1, -2) @ errors
            onward = (1 - layers[layer] ** 2) * back
        yield Pair(layer, np.swapaxes(errors, -1, -2), np.swapaxes(layers[layer], -1, -2))
        errors = onward


def _is_thin(x: Array, w: Array) -> bool:
    return x.ndim == w.ndim == 2 and len(x) <= _ROWS and len(x) * w.size >= _THREADED


def times(x: Array, w: Array) -> Array:
    """Return x w, in blocks where rows x are few."""
    if not _is_thin(x, w):
        return x @ w
    whole = len(w) // _ROWS * _ROWS
    pieces = np.ascontiguousarray(x[:, :whole].reshape(len(x), -1, _ROWS).swapaxes(0, 1))
    top = (pieces @ w[:whole].reshape(-1, _ROWS, w.shape[1])).sum(axis=0)
    return top + x[:, whole:] @ w[whole:] if whole < len(w) else top


def _times_transposed(x: Array, w: Array) -> Array:
    """Return x w^T, in blocks where rows x are few."""
    if not _is_thin(x, w):
        return x @ np.swapaxes(w, -1, -2)
    whole, columns = len(w) // _ROWS * _ROWS, np.ascontiguousarray(x.T)
    top = (w[:whole].reshape(-1, _ROWS, w.shape[1]) @ columns).reshape(whole, -1)
    rest = w[whole:] @ columns
    return np.ascontiguousarray(np.concatenate([top, rest]).T)
