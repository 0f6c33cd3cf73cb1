"""One vocabulary of refusals: every argument is checked at a public entry, by these.

Each names the argument, says what was required, and shows what was given.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from dlnlib._typing import Array, Weights

if TYPE_CHECKING:
    from dlnlib.correlations import Correlations, Modes

__all__ = [
    "broadcast",
    "count",
    "counts",
    "examples_fit",
    "finite",
    "fit",
    "fraction",
    "layer_sizes",
    "modes_fit",
    "not_negative",
    "number",
    "one_start",
    "positive",
    "precision",
    "require",
    "times",
    "weights",
]


def require(name: str, array: Array, valid: Any, what: str) -> None:
    """Require that something holds for all entries, and show the first for which it does not."""
    if not np.all(valid):
        culprit = np.broadcast_to(array, np.shape(valid))[~np.asarray(valid)].flat[0]
        raise ValueError(f"{name} {what}, got {culprit}")


def _numbers(name: str, value: ArrayLike) -> Array:
    given = np.asarray(value)
    if given.dtype.kind not in "biuf":
        raise TypeError(f"{name} must be real numbers, got {value!r}")
    return np.asarray(given, dtype=np.float64)


def finite(name: str, value: ArrayLike) -> Array:
    """Return an array of finite numbers."""
    array = _numbers(name, value)
    require(name, array, np.isfinite(array), "must be finite")
    return array


def positive(name: str, value: ArrayLike) -> Array:
    """Return an array of finite, positive numbers."""
    array = finite(name, value)
    require(name, array, array > 0, "must be positive")
    return array


def not_negative(name: str, value: ArrayLike) -> Array:
    """Return an array of finite numbers, none of them negative."""
    array = finite(name, value)
    require(name, array, array >= 0, "must not be negative")
    return array


def number(
    name: str,
    value: Any,
    *,
    above: float = -np.inf,
    least: float = -np.inf,
    below: float = np.inf,
    most: float = np.inf,
) -> float:
    """Return one finite number from a range."""
    array = _numbers(name, value)
    bounds = {"above": above, "of at least": least, "below": below, "of at most": most}
    wanted = " and ".join(f"{word} {x:g}" for word, x in bounds.items() if np.isfinite(x))
    if np.isfinite(least) and np.isfinite(most):
        wanted = f"from {least:g} to {most:g}"
    if array.ndim != 0:
        raise ValueError(f"{name} must be one number, got shape {array.shape}")
    x = float(array)
    if not (np.isfinite(x) and above < x < below and least <= x <= most):
        raise ValueError(f"{name} must be a finite number {wanted}".rstrip() + f", got {value}")
    return x


def count(name: str, value: Any, *, least: int = 1, most: float = np.inf) -> int:
    """Return a whole number from a range; whole floats count."""
    wanted = f"an integer of at least {least}"
    if np.isfinite(most):
        wanted = f"an integer from {least} to {most}"
    array = np.asarray(value)
    if array.ndim != 0 or array.dtype.kind not in "iuf":
        raise TypeError(f"{name} must be {wanted}, got {value!r}")
    if not (np.isfinite(array) and array == np.floor(array) and least <= array <= most):
        raise ValueError(f"{name} must be {wanted}, got {value}")
    return int(array)


def counts(name: str, value: ArrayLike, *, least: int = 1) -> Array:
    """Return an array of whole numbers from a range; whole floats count."""
    array = finite(name, value)
    whole = (array == np.floor(array)) & (array >= least)
    require(name, array, whole, f"must be an integer of at least {least}")
    return array


def fraction(name: str, value: ArrayLike) -> Array:
    """Return an array of numbers from 0 to 1."""
    array = finite(name, value)
    require(name, array, (array >= 0) & (array <= 1), "must be from 0 to 1")
    return array


def broadcast(**arrays: Array) -> tuple[Array, ...]:
    """Return arrays of one shape."""
    try:
        return tuple(np.broadcast_arrays(*arrays.values()))
    except ValueError:
        shapes = ", ".join(f"{name} {array.shape}" for name, array in arrays.items())
        raise ValueError(f"shapes must broadcast together, got {shapes}") from None


def precision(dtype: DTypeLike) -> np.dtype[Any]:
    """Return a precision in which networks can be stepped."""
    found = np.dtype(dtype)
    if found not in (np.float64, np.float32):
        raise ValueError(f"dtype must be numpy.float64 or numpy.float32, got {dtype!r}")
    return found


def times(values: ArrayLike) -> Array:
    """Return times that ascend from 0 or later."""
    array = _numbers("times", values)
    if array.ndim != 1 or len(array) == 0 or not np.isfinite(array).all():
        raise ValueError(f"times must be a finite, non-empty vector, got shape {array.shape}")
    if array[0] < 0 or np.any(np.diff(array) <= 0):
        raise ValueError("times must ascend from 0 or later, got times that do not")
    return array


def layer_sizes(sizes: Sequence[int]) -> tuple[int, ...]:
    """Return the sizes of two or more layers of units."""
    try:
        found = tuple(count("layer_sizes", n) for n in sizes)
    except (TypeError, ValueError):
        found = ()
    if len(found) < 2:
        raise ValueError(f"layer_sizes must be two or more positive integers, got {sizes!r}")
    return found


def weights(weights: Sequence[ArrayLike]) -> Weights:
    """Convert to float matrices and require that their shapes chain."""
    arrays = tuple(_numbers("weights", w) for w in weights)
    shapes = [w.shape for w in arrays]
    if not arrays or any(w.ndim < 2 for w in arrays):
        raise ValueError(f"weights must be one or more matrices, got shapes {shapes}")
    batches = {w.shape[:-2] for w in arrays}
    chained = all(a.shape[-2] == b.shape[-1] for a, b in pairwise(arrays))
    if len(batches) > 1 or not chained:
        raise ValueError(
            "weights must chain, first layer first, each of shape (..., n_out, n_in) with n_in "
            f"the n_out of the one before and the same leading axes, got shapes {shapes}"
        )
    if not all(np.isfinite(w).all() for w in arrays):
        raise ValueError("weights must be finite, got an infinite entry or NaN")
    return arrays


def one_start(given: Sequence[ArrayLike]) -> Weights:
    """Check a network that is not a batch of them."""
    found = weights(given)
    if found[0].ndim != 2:
        raise ValueError(f"weights must be one start without batch axes, got {found[0].shape}")
    return found


def fit(weights: Weights, correlations: Correlations) -> None:
    """Require that the network has the inputs and outputs of the data."""
    ends = (weights[-1].shape[-2], weights[0].shape[-1])
    if ends != correlations.sigma_yx.shape:
        raise ValueError(
            f"weights must map the {correlations.sigma_yx.shape[1]} inputs of correlations to its "
            f"{correlations.sigma_yx.shape[0]} outputs, got a product of shape {ends}"
        )


def modes_fit(weights: Weights, modes: Modes | None) -> None:
    """Require that the network, if modes are given, has their inputs and outputs."""
    if modes is None:
        return
    ends = (weights[-1].shape[-2], weights[0].shape[-1])
    expected = (modes.U.shape[0], modes.Vt.shape[1])
    if ends != expected:
        raise ValueError(
            f"weights must map {expected[1]} inputs to {expected[0]} outputs to go with modes, "
            f"got a product of shape {ends}"
        )


def examples_fit(weights: Weights, x: ArrayLike, y: ArrayLike | None = None) -> tuple[Array, Array]:
    """Return examples that fit a network with a hidden layer; zeros for targets not given."""
    if len(weights) < 2:
        raise ValueError(
            f"weights must be at least two matrices (three layers), got {len(weights)}"
        )
    n_outputs = weights[-1].shape[-2]
    inputs = _numbers("x", x)
    targets = np.zeros((len(inputs), n_outputs)) if y is None else _numbers("y", y)
    for name, rows, size in (("x", inputs, weights[0].shape[-1]), ("y", targets, n_outputs)):
        if rows.ndim != 2 or rows.shape[1] != size or not np.isfinite(rows).all():
            raise ValueError(
                f"{name} must be a finite matrix with {size} columns to go with weights of shapes "
                f"{[w.shape for w in weights]}, got shape {rows.shape}"
            )
    if len(inputs) != len(targets):
        raise ValueError(
            f"x and y must have equally many rows, got shapes {inputs.shape} and {targets.shape}"
        )
    return inputs, targets
