"""Arguments of closed forms: what they are called and mean, and how they are checked."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import partial, wraps
from typing import Any, TypeVar, cast

import numpy as np
from numpy.typing import ArrayLike

from dlnlib import _checks
from dlnlib._docs import fill
from dlnlib._typing import Array

__all__ = [
    "arguments",
    "clipped",
    "closed_form",
    "each",
    "layers",
    "ratio",
    "require_in_range",
    "require_reachable",
]

_Function = TypeVar("_Function", bound=Callable[..., Any])

_described = fill(
    t="""
        t : array_like
            Time in iterations, not negative.""",
    s="""
        s : array_like
            Singular value of the mode, not negative.""",
    positive_s="""
        s : array_like
            Singular value of the mode, positive.""",
    tau="""
        tau : array_like
            Time constant in iterations, the inverse of the learning rate.""",
    learning_rate=r"""
        learning_rate : array_like
            Learning rate :math:`\lambda`, positive; steps may be of any size.""",
    momentum=r"""
        momentum : array_like
            Fraction :math:`\beta` of a step that the next one repeats, from 0 to 1.""",
    n_layers="""
        n_layers : array_like of int, optional
            Number of layers of units, at least 2.""",
    d="""
        d : array_like, optional
            Input correlation along the mode, positive; 1 for white inputs.""",
    a="""
        a : array_like
            Strength of every layer, not negative.""",
    a0_b0="""
        a0, b0 : array_like
            Initial strengths of the two layers, of any sign.""",
    u0_uf="""
        u0, uf : array_like
            Initial and final mode strength; `uf` lies between `u0` and ``s / d``.""",
    strength="""
        ndarray
            Mode strength, of the broadcast shape of all arguments.""",
    raises="""
        TypeError
            If an argument is not made of real numbers.
        ValueError
            If an argument is not finite or out of range, if the result is no number that a
            double can hold, or the shapes do not broadcast.""",
)


def closed_form(function: _Function) -> _Function:
    """Fill the docstring, evaluate beyond the range of doubles, and refuse what has no value.

    What overflows is infinite and what underflows zero, as limits are; where that leaves 0/0, the
    arguments are refused.
    """

    @wraps(function)
    def evaluated(*given: Any, **named: Any) -> Any:
        with np.errstate(all="ignore"):
            found = function(*given, **named)
        for array in found if isinstance(found, tuple) else (found,):
            if np.isnan(array).any():
                raise _no_value(array, inspect.signature(function).bind(*given, **named).arguments)
        return found

    return _described(cast(_Function, evaluated))


def _no_value(found: Array, arguments: dict[str, Any]) -> ValueError:
    """Return the refusal of arguments, those of the first result that is not a number."""
    i = tuple(np.argwhere(np.isnan(found))[0])
    got = {name: np.broadcast_to(value, found.shape)[i] for name, value in arguments.items()}
    names = ", ".join([*got][:-1]) + f" and {[*got][-1]}"
    shown = ", ".join(f"{name} {value}" for name, value in got.items())
    return ValueError(f"{names} must not take the result out of range, got {shown}")


def each(check: Callable[[str, ArrayLike], Array], **values: ArrayLike) -> dict[str, Array]:
    """Check values by one rule; their names are for the message."""
    return {name: check(name, value) for name, value in values.items()}


# The rule of `n_layers`.
layers = partial(_checks.counts, least=2)


def arguments(*checked: dict[str, Array]) -> tuple[Array, ...]:
    """Broadcast what was checked, in the order given."""
    return _checks.broadcast(**{name: array for group in checked for name, array in group.items()})


def require_in_range(d: Array, **values: Array) -> None:
    """Require that a mode of input correlation d can be written as a white one."""
    if (d == 1).all():
        return
    what = " or ".join(f"{name} / d" for name in values)
    for value in (np.ones_like(d), *values.values()):
        fits = np.isfinite(value / d) & ((value / d > 0) | (value == 0))
        _checks.require("d", d, fits, f"must not take {what} out of range")


def require_reachable(u0: Array, uf: Array, end: Array) -> None:
    """Require that a mode that moves from u0 towards its end comes past uf."""
    between = (np.minimum(u0, end) <= uf) & (uf <= np.maximum(u0, end))
    if not np.all(between):
        i = tuple(np.argwhere(~between)[0])
        raise ValueError(
            f"uf must lie between the initial strength {u0[i]} and the final strength {end[i]} "
            f"that learning tends to, got {uf[i]}"
        )


def clipped(u: Array, u0: Array, end: Array) -> Array:
    """Clip the last rounding: a mode that moves from u0 towards its end never passes it."""
    return np.clip(u, np.minimum(u0, end), np.maximum(u0, end))[()]


def ratio(numerator: Array, denominator: Array) -> Array:
    """Divide, with 0/0 = 0."""
    return np.where(numerator == 0, 0.0, numerator / denominator)
