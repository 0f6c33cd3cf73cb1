r"""Nonlinearities with their slopes: what theory and sampled networks share, and no more.

Both wings of Section 4 take :math:`\varphi` and :math:`\varphi'` from here, so that their
agreement cannot show a wrong slope. A test of this room alone does: every slope is the derivative
of its function.

``NONLINEARITIES`` maps a name to a `Nonlinearity`:

============== ========================================= ==========================================
name           function :math:`\varphi(x)`               slope :math:`\varphi'(x)`
============== ========================================= ==========================================
``tanh``       :math:`\tanh x`                           :math:`1/\cosh^2 x`
``erf``        :math:`\mathrm{erf}(\sqrt\pi\,x/2)`       :math:`e^{-\pi x^2/4}`
``relu``       :math:`\max(x, 0)`                        1 for :math:`x > 0`, 0 elsewhere
``linear``     :math:`x`                                 1
``hard tanh``  :math:`\min(\max(x, -1), 1)`              1 for :math:`|x| < 1`, 0 elsewhere
``leaky relu`` :math:`\max(x, x/100)`                    1 for :math:`x > 0`, 0.01 elsewhere
``elu``        :math:`x` for :math:`x > 0`,              1 for :math:`x > 0`, :math:`e^x` elsewhere
               :math:`e^x - 1` elsewhere
``selu``       :math:`1.0507\dots x` for :math:`x > 0`,  that times 1 and
               :math:`1.7580\dots (e^x - 1)` elsewhere   :math:`1.6732\dots e^x`
``softplus``   :math:`\ln(1 + e^x)`                      :math:`1/(1 + e^{-x})`
``logistic``   :math:`1/(1 + e^{-x})`                    :math:`1/(2\cosh(x/2))^2`
``gelu``       :math:`x\,\Phi(x)`                        :math:`\Phi(x) + x\,e^{-x^2/2}/\sqrt{2\pi}`
============== ========================================= ==========================================

with :math:`\Phi` the distribution function of a standard normal score. At a kink the slope is the
one from the left, and for ``hard tanh`` zero. ``tanh``, ``erf``, ``linear``, ``elu`` and ``selu``
take complex arguments as well. Wherever a nonlinearity is asked for, a pair
:math:`(\varphi, \varphi')` of functions of arrays may be given in place of a name, or a triple with
the places of its kinks. Scaled exponential units are those of Klambauer et al. 2017; ``gelu`` is
exact, without the approximation by tanh.

Examples
--------
>>> import numpy as np
>>> from dlnlib.nonlinearities import NONLINEARITIES
>>> phi, slope, kinks = NONLINEARITIES["tanh"]
>>> print(phi(20.0), round(slope(np.float64(20.0)) * 1e17, 6), kinks)
1.0 1.699342 ()
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, cast

import numpy as np
from scipy.special import erf, expit, ndtr

from dlnlib import _checks
from dlnlib._typing import Array

__all__ = [
    "NONLINEARITIES",
    "Function",
    "Nonlinearity",
    "NonlinearityLike",
    "function_and_slope",
]

Function = Callable[[Array], Array]

# Where the slopes of a pair are looked at for jumps: two per cent apart, on both sides of zero.
_PLACES = 10.0 ** np.linspace(-6, 6, 1381)
_PLACES = np.concatenate([-_PLACES[::-1], [0.0], _PLACES])
# A jump is at least this share of the slope next to it and of the largest: less is the rounding of
# functions in single precision.
_JUMP, _MOST_KINKS = 1e-6, 32


class Nonlinearity(NamedTuple):
    r"""Hold a nonlinearity with its slope, and where either is not smooth.

    Attributes
    ----------
    function : callable
        The function :math:`\varphi` of arrays.
    slope : callable
        Its derivative :math:`\varphi'`.
    kinks : tuple of float
        Where one of its derivatives jumps, ascending. Theory integrates from one to the next.
    """

    function: Function
    slope: Function
    kinks: tuple[float, ...] = ()

    @classmethod
    def of(cls, nonlinearity: NonlinearityLike) -> Nonlinearity:
        """Return what a name, a pair or a triple stands for, checked.

        Parameters
        ----------
        nonlinearity : str, Nonlinearity, pair of callable, or triple
            A name from ``NONLINEARITIES``; or a function and its slope, both of which take and
            return arrays of one shape; or these and the places of kinks.

        Returns
        -------
        Nonlinearity
            The same. Of a pair, kinks are where the slope jumps. To find them takes a millisecond
            at every call: give this in place of a pair that is used often.

        Raises
        ------
        TypeError
            If it is neither a word nor a sequence of functions.
        ValueError
            If the name is not known, a function does not return finite numbers in the shape of its
            argument, a kink is not finite, or the slope jumps at more than 32 places.

        Examples
        --------
        >>> import numpy as np
        >>> from dlnlib.nonlinearities import Nonlinearity
        >>> Nonlinearity.of((np.abs, np.sign)).kinks
        (0.0,)
        """
        if isinstance(nonlinearity, str):
            if nonlinearity not in NONLINEARITIES:
                raise ValueError(f"nonlinearity must be {_wanted()}, got {nonlinearity!r}")
            return NONLINEARITIES[nonlinearity]
        if any(nonlinearity is known for known in NONLINEARITIES.values()):
            return cast(Nonlinearity, nonlinearity)
        try:
            phi, slope, *kinks = nonlinearity
            _try(phi, slope)
            places = _checked_kinks(*kinks) if kinks else None
        except (TypeError, ValueError) as error:
            raise type(error)(
                f"nonlinearity must be {_wanted()}, got {nonlinearity!r}: {error}"
            ) from error
        return cls(phi, slope, _jumps(slope) if places is None else places)


# A name; a function and its slope; or with these, the places of its kinks.
NonlinearityLike = (
    str | Nonlinearity | tuple[Function, Function] | tuple[Function, Function, Sequence[float]]
)


def _sech2(x: Array) -> Array:
    # 1 - tanh^2 would lose its digits where it is small.
    e = np.exp(-2 * x * np.copysign(1.0, x.real))
    return 4 * e / (1 + e) ** 2


def _on_two_sides(right: Function, left: Function) -> Function:
    """Return a function that is `right` for positive arguments and `left` elsewhere."""

    def f(x: Array) -> Array:
        return np.where(x > 0, right(np.maximum(x, 0.0)), left(np.minimum(x, 0.0)))

    return f


def _gelu_slope(x: Array) -> Array:
    return ndtr(x) + x * np.exp(-(x**2) / 2) / np.sqrt(2 * np.pi)


# A standard normal input has mean 0 and variance 1 behind a SELU of these.
_SELU, _ALPHA = 1.0507009873554804934193349852946, 1.6732632423543772848170429916717

NONLINEARITIES: dict[str, Nonlinearity] = {
    "tanh": Nonlinearity(np.tanh, _sech2),
    "erf": Nonlinearity(lambda x: erf(np.sqrt(np.pi) / 2 * x), lambda x: np.exp(-np.pi / 4 * x**2)),
    "relu": Nonlinearity(lambda x: np.maximum(x, 0.0), lambda x: np.where(x > 0, 1.0, 0.0), (0.0,)),
    "linear": Nonlinearity(lambda x: x, np.ones_like),
    "hard tanh": Nonlinearity(
        lambda x: np.clip(x, -1.0, 1.0), lambda x: np.where(np.abs(x) < 1, 1.0, 0.0), (-1.0, 1.0)
    ),
    "leaky relu": Nonlinearity(
        lambda x: np.maximum(x, x / 100), lambda x: np.where(x > 0, 1.0, 0.01), (0.0,)
    ),
    "elu": Nonlinearity(
        _on_two_sides(lambda x: x, np.expm1), _on_two_sides(np.ones_like, np.exp), (0.0,)
    ),
    "selu": Nonlinearity(
        _on_two_sides(lambda x: _SELU * x, lambda x: _SELU * _ALPHA * np.expm1(x)),
        _on_two_sides(lambda x: np.full_like(x, _SELU), lambda x: _SELU * _ALPHA * np.exp(x)),
        (0.0,),
    ),
    "softplus": Nonlinearity(lambda x: np.logaddexp(0.0, x), expit),
    "logistic": Nonlinearity(expit, lambda x: _sech2(x / 2) / 4),
    "gelu": Nonlinearity(lambda x: x * ndtr(x), _gelu_slope),
}


def function_and_slope(nonlinearity: NonlinearityLike) -> tuple[Function, Function]:
    r"""Return a nonlinearity and its derivative, by name or as they were given.

    .. math:: \varphi, \qquad \varphi' = \frac{d\varphi}{dx}.

    Parameters
    ----------
    nonlinearity : str, Nonlinearity, pair of callable, or triple
        A name from ``NONLINEARITIES``, or :math:`(\varphi, \varphi')`, both of which take and
        return arrays of one shape; the places of kinks may follow.

    Returns
    -------
    phi : callable
        The function :math:`\varphi`.
    slope : callable
        Its derivative :math:`\varphi'`.

    Raises
    ------
    TypeError
        If `nonlinearity` is neither a word nor a sequence.
    ValueError
        If it is neither a known name nor functions that return finite arrays of the shape of
        their argument, or a kink is not finite.

    Notes
    -----
    Whether a given slope is the derivative of its function is not checked.

    Examples
    --------
    >>> import numpy as np
    >>> from dlnlib.nonlinearities import function_and_slope
    >>> x = np.array([-1.0, 0.0, 2.0])
    >>> for f in function_and_slope("relu"):
    ...     print(f(x))
    [0. 0. 2.]
    [0. 0. 1.]
    >>> phi, slope = function_and_slope((np.sin, np.cos))
    >>> print(slope(x).round(3))
    [ 0.54   1.    -0.416]
    """
    phi, slope, _ = Nonlinearity.of(nonlinearity)
    return phi, slope


def _wanted() -> str:
    words = ", ".join(repr(name) for name in NONLINEARITIES)
    return f"one of {words}, or a pair (phi, derivative) of functions of arrays, or with its kinks"


def _try(*functions: Function) -> None:
    """Require functions of arrays."""
    for f in functions:
        if not callable(f):
            raise TypeError(f"{f!r} is no function")
        with np.errstate(all="ignore"):
            y = _checks.real("what a function returns", f(np.array([-1.0, 0.5, 1.0])), kinds="biuf")
        if y.shape != (3,) or not np.isfinite(y).all():
            raise ValueError(
                f"a function must return finite arrays of its argument's shape, not {y}"
            )


def _checked_kinks(kinks: Any) -> tuple[float, ...]:
    places = _checks.finite("kinks of nonlinearity", kinks)
    return tuple(float(x) for x in np.unique(places))


def _jumps(slope: Function) -> tuple[float, ...]:
    """Find where a slope jumps: halve what rises or falls, and keep what does so all the same."""
    with np.errstate(all="ignore"):
        values = np.asarray(slope(_PLACES), dtype=np.float64)
        floor = np.abs(values[np.abs(_PLACES) < 10]).max()
        size = np.maximum(np.maximum(np.abs(values[1:]), np.abs(values[:-1])), floor)
        low, high, y_low, y_high = _PLACES[:-1], _PLACES[1:], values[:-1], values[1:]
        for _ in range(64):
            steep = np.abs(y_high - y_low) > _JUMP * size
            low, high, y_low, y_high, size = (a[steep] for a in (low, high, y_low, y_high, size))
            x = low + (high - low) / 2
            y = np.asarray(slope(x), dtype=np.float64)
            up = np.abs(y_high - y) > np.abs(y - y_low)
            low, y_low = np.where(up, x, low), np.where(up, y, y_low)
            high, y_high = np.where(up, high, x), np.where(up, y_high, y)
    rounded = np.round(high, 12)
    places = np.unique(
        np.where(np.abs(rounded - high) <= 1e-15 * np.maximum(1, np.abs(high)), rounded, high)
    )
    if len(places) > _MOST_KINKS:
        raise ValueError(
            f"nonlinearity must be smooth but for at most {_MOST_KINKS} kinks, got a slope that "
            f"jumps at {len(places)} places, first at {places[:3]}"
        )
    return tuple(float(x) for x in places)
