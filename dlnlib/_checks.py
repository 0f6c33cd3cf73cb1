"""One vocabulary of refusals: every argument is checked at a public entry, by these.

Each names the argument, says what was required, and shows what was given.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import pairwise
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from dlnlib._typing import Array, Weights

if TYPE_CHECKING:
    from dlnlib.correlations import Correlations, Modes

__all__ = [
    "branching",
    "broadcast",
    "correlations",
    "count",
    "counts",
    "examples_fit",
    "finite",
    "fit",
    "flag",
    "fraction",
    "function",
    "generator",
    "instance",
    "iterated",
    "layer_sizes",
    "modes_fit",
    "not_negative",
    "number",
    "one_of",
    "one_start",
    "positive",
    "precision",
    "real",
    "require",
    "times",
    "weights",
]

# Counts beyond this are no integers in double precision.
_LARGEST_COUNT = 2**53
# Levels of a tree that no memory holds, unless nodes have one child.
_MOST_LEVELS = 1000


def require(name: str, array: Array, valid: Any, what: str) -> None:
    """Require that something holds for all entries, and show the first for which it does not."""
    if not np.asarray(valid).all():
        culprit = np.broadcast_to(array, np.shape(valid))[~np.asarray(valid)].flat[0]
        raise ValueError(f"{name} {what}, got {culprit}")


def real(name: str, value: Any, *, kinds: str = "iuf") -> NDArray[Any]:
    """Return what was given as an array of real numbers, of its own precision."""
    try:
        given = np.asarray(value)
    except ValueError as error:
        # What numpy cannot make one array of: rows of unequal length.
        raise ValueError(f"{name} must be one array of numbers, got {_shown(value)}") from error
    if isinstance(value, np.ma.MaskedArray):
        raise TypeError(f"{name} must be real numbers, got a masked array; fill or drop its mask")
    if given.dtype.kind not in kinds and given.size > 0:
        raise TypeError(f"{name} must be real numbers, got {_shown(value)}")
    return given


def _numbers(name: str, value: Any) -> Array:
    given = real(name, value)
    # In rows, so that the same numbers round alike whatever their layout was.
    if given.dtype == np.float64:
        return np.asarray(given, order="C")
    with np.errstate(over="ignore"):
        return np.asarray(given, dtype=np.float64, order="C")


def _shown(value: Any) -> str:
    """Show a value, or what is left of one that fills a screen."""
    if isinstance(value, np.ndarray) and value.ndim > 0:
        return f"an array of dtype {value.dtype} and shape {value.shape}"
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:60]}... ({type(value).__name__})"


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
    try:
        given = np.asarray(value)
    except ValueError:
        given = np.array(None)
    if given.ndim != 0 or given.dtype.kind not in "iuf" or isinstance(value, np.ma.MaskedArray):
        raise TypeError(f"{name} must be {wanted}, got {_shown(value)}")
    if not (np.isfinite(given) and given == np.floor(given) and least <= given <= most):
        raise ValueError(f"{name} must be {wanted}, got {value}")
    if given > _LARGEST_COUNT:
        raise ValueError(f"{name} must be {wanted}, and at most 2**53, got {value}")
    return int(given)


def counts(name: str, value: ArrayLike, *, least: int = 1) -> Array:
    """Return an array of whole numbers from a range; whole floats count."""
    array = finite(name, value)
    whole = (array == np.floor(array)) & (array >= least) & (array <= _LARGEST_COUNT)
    require(name, array, whole, f"must be an integer of at least {least}")
    return array


def fraction(name: str, value: ArrayLike) -> Array:
    """Return an array of numbers from 0 to 1."""
    array = finite(name, value)
    require(name, array, (array >= 0) & (array <= 1), "must be from 0 to 1")
    return array


def broadcast(**arrays: Array) -> tuple[Array, ...]:
    """Return arrays of one shape."""
    given = tuple(arrays.values())
    if len({array.shape for array in given}) == 1:
        return given
    try:
        return tuple(np.broadcast_arrays(*given))
    except ValueError:
        shapes = ", ".join(f"{name} {array.shape}" for name, array in arrays.items())
        raise ValueError(f"shapes must broadcast together, got {shapes}") from None


def precision(dtype: DTypeLike) -> np.dtype[Any]:
    """Return a precision in which networks can be stepped."""
    try:
        found = np.dtype(dtype)
    except TypeError:
        found = None
    # numpy reads None as float64.
    if dtype is None or found not in (np.float64, np.float32):
        raise ValueError(f"dtype must be numpy.float64 or numpy.float32, got {dtype!r}")
    return found


def generator(name: str, value: Any) -> np.random.Generator:
    """Return a source of randomness; there is no default one."""
    wanted = f"{name} must be a seed, a sequence of seeds or a numpy.random.Generator"
    # numpy counts a duration among the integers.
    if value is None or isinstance(value, bool | np.timedelta64):
        raise TypeError(f"{wanted}, got {value!r}")
    if isinstance(value, np.ndarray) and value.ndim == 0 and value.dtype.kind in "iu":
        value = int(value)
    try:
        return np.random.default_rng(value)
    except (TypeError, ValueError) as error:
        raise type(error)(f"{wanted}, got {_shown(value)}") from error


def flag(name: str, value: Any) -> bool:
    """Return a choice of two."""
    scalar = value[()] if isinstance(value, np.ndarray) and value.ndim == 0 else value
    if not isinstance(scalar, bool | np.bool_):
        raise TypeError(f"{name} must be True or False, got {_shown(value)}")
    return bool(value)


def one_of(name: str, value: str, choices: Iterable[str]) -> str:
    """Return one of a few words."""
    if not isinstance(value, str) or value not in choices:
        words = ", ".join(repr(word) for word in choices)
        raise ValueError(f"{name} must be one of {words}, got {_shown(value)}")
    return value


def function(name: str, value: Any) -> Callable[..., Any]:
    """Return what can be called."""
    if not callable(value):
        raise TypeError(f"{name} must be a function, got {_shown(value)}")
    return value


def instance(name: str, value: Any, kind: type, made: str) -> None:
    """Require a record of a class, and say what makes one."""
    if not isinstance(value, kind):
        raise TypeError(f"{name} must be a {kind.__name__}, as {made}, got {_shown(value)}")


def iterated(name: str, value: Any, of: str) -> Iterator[Any]:
    """Return an iterator over what was given."""
    if not isinstance(value, str | bytes | dict):
        try:
            return iter(value)
        except TypeError:
            pass
    # Only now: to show a value can take longer than to use it.
    raise TypeError(f"{name} must be a sequence of {of}, got {_shown(value)}")


def correlations(value: Correlations, name: str = "correlations") -> Correlations:
    """Return what has the moments of data."""
    # By what it has: this room lies below that of the class.
    if not all(hasattr(value, moment) for moment in ("sigma_xx", "sigma_yx", "trace_yy")):
        raise TypeError(
            f"{name} must be a Correlations, as correlations.from_data makes of examples, "
            f"got {_shown(value)}"
        )
    return value


def times(values: ArrayLike) -> Array:
    """Return times that ascend from 0 or later."""
    array = finite("times", values)
    if array.ndim != 1 or len(array) == 0:
        raise ValueError(f"times must be a finite, non-empty vector, got shape {array.shape}")
    if array[0] < 0:
        raise ValueError(f"times must ascend from 0 or later, got {array[0]} first")
    if np.any(falls := np.diff(array) <= 0):
        i = int(np.argmax(falls))
        raise ValueError(f"times must ascend from 0 or later, got {array[i + 1]} after {array[i]}")
    return array


def layer_sizes(sizes: Sequence[int]) -> tuple[int, ...]:
    """Return the sizes of two or more layers of units."""
    given = iterated("layer_sizes", sizes, "integers")
    try:
        found = tuple(count("layer_sizes", n) for n in given)
    except (TypeError, ValueError):
        found = ()
    if len(found) < 2:
        raise ValueError(f"layer_sizes must be two or more positive integers, got {sizes!r}")
    return found


def branching(value: int | Sequence[int], n_levels: int | None, *, most: int) -> tuple[int, ...]:
    """Return how many children a node of each level of a tree has, the root's first."""
    found = _per_level(value, n_levels)
    if (n_items := prod(found)) > most:
        shown = n_items if n_items < _LARGEST_COUNT else "more than 2**53"
        raise ValueError(f"n_levels and branching must give at most {most} items, got {shown}")
    return found


def _per_level(value: int | Sequence[int], n_levels: int | None) -> tuple[int, ...]:
    levels = None if n_levels is None else count("n_levels", n_levels, least=0)
    if levels is not None and levels > _MOST_LEVELS:
        raise ValueError(f"n_levels must be at most {_MOST_LEVELS}, got {n_levels}")
    if not isinstance(value, Sequence | np.ndarray) or getattr(value, "ndim", 1) == 0:
        return (count("branching", value),) * (5 if levels is None else levels)
    found = tuple(count("branching", n) for n in iterated("branching", value, "integers"))
    if len(found) > _MOST_LEVELS:
        raise ValueError(f"branching must have at most {_MOST_LEVELS} levels, got {len(found)}")
    if levels not in (None, len(found)):
        raise ValueError(f"branching must be of the {levels} levels of n_levels, got {len(found)}")
    return found


def weights(weights: Sequence[ArrayLike]) -> Weights:
    """Convert to float matrices and require that their shapes chain."""
    arrays = tuple(_numbers("weights", w) for w in iterated("weights", weights, "matrices"))
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
    n_examples = inputs.shape[0] if inputs.ndim else 0
    targets = np.zeros((n_examples, n_outputs)) if y is None else _numbers("y", y)
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
