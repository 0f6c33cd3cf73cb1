"""What several claims measure with, and the tolerances that they share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dlnlib import networks, training
from dlnlib.claims.ledger import Tolerance
from dlnlib.correlations import Correlations

Array = NDArray[np.float64]
Weights = tuple[Array, ...]

ROUNDING = Tolerance(1e-10, "rounding in double precision")
FLOW = Tolerance(1e-7, "integrator with a relative tolerance of 1e-10")
DIFFERENCES = Tolerance(1e-6, "central differences in double precision")


def distance(found: Iterable[Any], expected: Iterable[Any]) -> float:
    """Return the largest difference between arrays, relative to the largest entry expected."""
    pairs = [(np.asarray(a), np.asarray(b)) for a, b in zip(found, expected, strict=True)]
    size = max(np.abs(b).max() for _, b in pairs)
    return float(max(np.abs(a - b).max() for a, b in pairs) / size)


def diagonal_data(s: ArrayLike, d: ArrayLike = 1.0) -> Correlations:
    """Return data whose modes are the coordinate axes."""
    s, d = np.broadcast_arrays(np.asarray(s, dtype=np.float64), d)
    return Correlations(np.diag(d).astype(float), np.diag(s), float(np.sum(s**2 / d)), len(s))


def slope(function: Callable[[Array], float], at: Array, h: float = 1e-5) -> Array:
    """Differentiate a function of a vector by central differences."""
    steps = h * np.eye(len(at))
    return np.array([function(at + e) - function(at - e) for e in steps]) / (2 * h)


def hessian(weights: Sequence[Array], data: Correlations, h: float = 1e-5) -> Array:
    """Differentiate the gradient of a network by central differences."""
    sizes = np.cumsum([w.size for w in weights])
    bumps = np.split(h * np.eye(sizes[-1]), sizes[:-1], axis=1)
    sides = [
        [w + sign * e.reshape(-1, *w.shape) for w, e in zip(weights, bumps, strict=True)]
        for sign in (1, -1)
    ]
    up, down = (networks.gradient(side, data) for side in sides)
    rows = [(u - d).reshape(sizes[-1], -1) for u, d in zip(up, down, strict=True)]
    matrix = np.concatenate(rows, axis=1) / (2 * h)
    return (matrix + matrix.T) / 2


def chain(layers: ArrayLike) -> Weights:
    """Return a network of one unit a layer."""
    return tuple(np.array([[a]]) for a in np.asarray(layers, dtype=np.float64))


def exponent(x: ArrayLike, y: ArrayLike) -> float:
    """Fit a power law."""
    return float(np.polyfit(np.log(x), np.log(y), 1)[0])


def pair_flow(
    a0: ArrayLike, b0: ArrayLike, times: ArrayLike, s: float = 1.0
) -> tuple[Array, Array]:
    """Return the layers of networks of one unit each under gradient flow, one start a column."""
    start = [np.reshape(w, (-1, 1, 1)).astype(float) for w in (a0, b0)]
    a, b = training.gradient_flow(start, diagonal_data([s]), times=times).weights
    return a[..., 0, 0], b[..., 0, 0]
