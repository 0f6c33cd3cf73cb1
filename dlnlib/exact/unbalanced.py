r"""One mode of three layers whose two layer strengths differ.

Sum and difference :math:`P = a + b`, :math:`Q = a - b` of the layer strengths of white inputs obey
:math:`\tau\dot P = P\,(s - ab)`, :math:`\tau\dot Q = -Q\,(s - ab)`: one grows by the factor by
which the other shrinks. The sum's square obeys a Riccati equation, and so do all results here.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import exprel

from dlnlib._checks import finite, not_negative, positive, require
from dlnlib._typing import Array
from dlnlib.exact._arguments import (
    arguments,
    clipped,
    closed_form,
    each,
    ratio,
    require_in_range,
    require_reachable,
)

__all__ = [
    "LayerStrengths",
    "unbalanced_layer_strengths",
    "unbalanced_learning_time",
    "unbalanced_mode_strength",
]


# Rates are quadratic in layer strengths; beyond the square of this they leave the range of doubles.
_LARGEST = 1e150


class LayerStrengths(NamedTuple):
    """Hold the strengths of the two layers of a mode.

    Attributes
    ----------
    a : ndarray
        Strength of the layer of :math:`a_0`.
    b : ndarray
        Strength of the layer of :math:`b_0`.
    """

    a: Array
    b: Array


@closed_form
def unbalanced_mode_strength(
    t: ArrayLike,
    *,
    s: ArrayLike,
    a0: ArrayLike,
    b0: ArrayLike,
    tau: ArrayLike,
    d: ArrayLike = 1.0,
) -> Array:
    r"""Return the strength of a three-layer mode whose two layers start unequal.

    Solves :math:`\tau\dot a = b(s-d\,ab)`, :math:`\tau\dot b = a(s-d\,ab)` for
    :math:`u = ab`.

    Parameters
    ----------
    %(t)s
    %(s)s
    %(a0_b0)s
    %(tau)s
    %(d)s

    Returns
    -------
    ndarray
        Mode strength :math:`u(t)`. It tends to ``s / d``, or to 0 from ``a0 == -b0``.

    Raises
    ------
    %(raises)s

    Notes
    -----
    Appendix A (Eqs. 23-26) solves this in hyperbolic coordinates, which degenerate as
    :math:`c_0 = a^2-b^2 \to 0` and, as printed, lack a factor 2. Here
    :math:`m=(a+b)^2` is used, which for white inputs obeys a Riccati equation,
    :math:`\tau\dot m = 2sm + c_0^2/2 - m^2/2`, solved by one exponential of rate
    :math:`D=\sqrt{c_0^2+4s^2}`; all sign cases are then one formula.

    Examples
    --------
    >>> from dlnlib.exact import unbalanced_mode_strength
    >>> print(unbalanced_mode_strength([0, 1, 9], a0=1.0, b0=-0.5, s=1.0, tau=1.0).round(3))
    [-0.5    0.376  1.   ]
    """
    time, s, a0, b0 = _white_arguments(t, s=s, a0=a0, b0=b0, tau=tau, d=d)
    u = _strength(time, s, a0, b0)
    return clipped(u, a0 * b0, np.where(a0 == -b0, 0.0, s))


@closed_form
def unbalanced_layer_strengths(
    t: ArrayLike,
    *,
    s: ArrayLike,
    a0: ArrayLike,
    b0: ArrayLike,
    tau: ArrayLike,
    d: ArrayLike = 1.0,
) -> LayerStrengths:
    r"""Return the strengths of the two layers of a three-layer mode.

    Solves :math:`\tau\dot a = b(s-d\,ab)`, :math:`\tau\dot b = a(s-d\,ab)`:

    .. math:: \begin{pmatrix} a \\ b \end{pmatrix} =
              \begin{pmatrix} \cosh\theta & \sinh\theta \\ \sinh\theta & \cosh\theta \end{pmatrix}
              \begin{pmatrix} a_0 \\ b_0 \end{pmatrix}, \qquad
              \theta = \frac1\tau \int_0^t (s - d\,ab)\,dt.

    Parameters
    ----------
    %(t)s
    %(s)s
    %(a0_b0)s
    %(tau)s
    %(d)s

    Returns
    -------
    a : ndarray
        Strength of the layer of `a0`.
    b : ndarray
        Strength of the layer of `b0`. The product is `unbalanced_mode_strength`.

    Raises
    ------
    %(raises)s

    Notes
    -----
    A hyperbolic rotation keeps :math:`a^2 - b^2`. For white inputs, :math:`D` as in
    `unbalanced_learning_time`, :math:`P_0 = a_0 + b_0`, :math:`Q_0 = a_0 - b_0` and
    :math:`f = (1 - e^{-Dt/\tau})/D`,

    .. math:: e^{2\theta} = \frac{e^{-Dt/\tau} + \tfrac12 f\,(Q_0^2 + D + 2s)}
                                 {e^{-Dt/\tau} + \tfrac12 f\,(P_0^2 + D - 2s)}.

    Appendix A asks for the strengths of both layers and gives their product.

    Examples
    --------
    >>> from dlnlib.exact import unbalanced_layer_strengths
    >>> a, b = unbalanced_layer_strengths([0, 1, 9], a0=1.0, b0=-0.5, s=1.0, tau=1.0)
    >>> print(a.round(3), b.round(3))
    [1.    0.952 1.201] [-0.5    0.395  0.832]
    """
    time, s, a0, b0 = _white_arguments(t, s=s, a0=a0, b0=b0, tau=tau, d=d)
    P0, Q0 = a0 + b0, a0 - b0
    f, _, p, q = _course(time, s, P0, Q0)
    # A short way is a small rotation, which keeps a layer that is far smaller than the other.
    sinh = (s - a0 * b0) * f / p / q
    cosh = np.hypot(1, sinh)
    short = np.abs(sinh) < 1
    sinh, cosh = np.where(short, sinh, 0.0), np.where(short, cosh, 1.0)
    # Over a long way sum and difference move by factors, which keeps a sum that is all but zero.
    P, Q = P0 / p * q, Q0 / q * p
    a = np.where(short, a0 * cosh + b0 * sinh, (P + Q) / 2)
    b = np.where(short, b0 * cosh + a0 * sinh, (P - Q) / 2)
    # A layer that becomes far smaller than it was, and the other is, is what that leaves of u.
    u = _strength(time, s, a0, b0)

    def kept(x: Array, x0: Array, y: Array) -> Array:
        return np.where((2 * np.abs(x) < np.minimum(np.abs(x0), np.abs(y))), u / y, x)

    return LayerStrengths(kept(a, a0, b)[()], kept(b, b0, a)[()])


@closed_form
def unbalanced_learning_time(
    a0: ArrayLike,
    b0: ArrayLike,
    uf: ArrayLike,
    *,
    s: ArrayLike,
    tau: ArrayLike,
    d: ArrayLike = 1.0,
) -> Array:
    r"""Return the time at which a three-layer mode with unequal layers reaches a strength.

    .. math:: t = \frac{\tau}{D}
              \ln\frac{(m_f - m_-)(m_+ - m_0)}{(m_0 - m_-)(m_+ - m_f)}, \qquad
              m_\pm = 2s \pm D, \quad D = \sqrt{c_0^2 + 4 s^2},

    with :math:`m = (a+b)^2 = 2u + \sqrt{c_0^2 + 4u^2}` and :math:`c_0=a^2-b^2`, for white
    inputs; for others `s` and `tau` are divided by `d`.

    Parameters
    ----------
    %(a0_b0)s
    uf : array_like
        Final mode strength, between ``a0 * b0`` and the strength that is tended to.
    %(s)s
    %(tau)s
    %(d)s

    Returns
    -------
    ndarray
        Learning time in iterations; infinite where the end is reached only in the limit.

    Raises
    ------
    TypeError
        If an argument is not made of real numbers.
    ValueError
        If an argument is not finite or out of range, or `uf` is never reached.

    Notes
    -----
    Eq. 26, corrected: `s` there must read ``2 * s``.

    Examples
    --------
    >>> from dlnlib.exact import unbalanced_learning_time
    >>> print(unbalanced_learning_time(1.0, -0.5, 0.5, s=1.0, tau=1.0).round(3))
    1.191
    """
    a0, b0, uf, s, tau, d = arguments(
        each(finite, a0=a0, b0=b0, uf=uf), each(not_negative, s=s), each(positive, tau=tau, d=d)
    )
    require_in_range(d, s=s, tau=tau)
    s, tau = s / d, tau / d  # a mode of input correlation d is a white mode
    _require_squares(s, a0=a0, b0=b0, uf=uf)
    u0, c = a0 * b0, np.abs(a0 - b0) * np.abs(a0 + b0)
    to_saddle = a0 == -b0
    require_reachable(u0, uf, np.where(to_saddle, 0.0, s))
    D = np.hypot(c, 2 * s)
    r0, rf = np.hypot(c, 2 * u0), np.hypot(c, 2 * uf)
    m0, mf = _squared_sum(u0, r0, c), _squared_sum(uf, rf, c)
    # Both gaps are written so that they do not cancel as u -> s or uf -> u0.
    m_plus = 2 * s + D
    distance = m0 + c * ratio(c, m_plus)
    room = 2 * np.abs(s - uf) * ratio(m_plus + mf, D + rf)
    gap = 2 * np.abs(uf - u0) * ratio(mf + m0, r0 + rf)
    away = _log1p_over(np.log(gap) - np.log(distance) - np.log(room), 2 * D)
    saddle = _log1p_over(np.log(np.abs(uf - u0)) - np.log(-uf) - np.log(s - u0), s)
    t = tau * np.where(to_saddle, saddle / 2, 2 * away)
    return np.where(uf == u0, 0.0, t)[()]


def _white_arguments(
    t: ArrayLike, *, s: ArrayLike, a0: ArrayLike, b0: ArrayLike, tau: ArrayLike, d: ArrayLike
) -> tuple[Array, ...]:
    """Check the arguments of a mode over time, and return those of the white mode that it is."""
    t, s, a0, b0, tau, d = arguments(
        each(not_negative, t=t, s=s), each(finite, a0=a0, b0=b0), each(positive, tau=tau, d=d)
    )
    require_in_range(d, s=s, tau=tau)
    _require_squares(s / d, a0=a0, b0=b0)
    # A time that overflows is as good as for ever.
    return np.minimum(t / (tau / d), np.finfo(float).max), s / d, a0, b0


def _require_squares(s: Array, **values: Array) -> None:
    """Require that the rate of learning stays in range."""
    require("s", s, s <= _LARGEST**2, f"must not take s / d beyond {_LARGEST**2:g}")
    for name, value in values.items():
        largest = _LARGEST**2 if name == "uf" else _LARGEST
        require(name, value, np.abs(value) <= largest, f"must not be beyond {largest:g} in size")


def _strength(time: Array, s: Array, a0: Array, b0: Array) -> Array:
    """Return the mode strength after a time in units of tau."""
    u0, P0, Q0 = a0 * b0, a0 + b0, a0 - b0
    f, h, p, q = _course(time, s, P0, Q0)
    # The weights of u0 and s add up to one, and neither is a difference; from u0 < 0 the sum is.
    start = u0 * (h / p / q) ** 2
    learned = s * (f / 2 * ((P0 / p) ** 2 + (Q0 / q) ** 2))
    # Close to the saddle it cancels more than the squares of sum and difference do.
    P, Q = P0 / p * q, Q0 / q * p
    close = P**2 + Q**2 < 2 * (np.abs(start) + learned)
    return np.where(close, (P - Q) * (P + Q) / 4, start + learned)


def _course(time: Array, s: Array, P0: Array, Q0: Array) -> tuple[Array, ...]:
    """Return what the course of both layers is made of: f, h, p and q.

    Time is in units of tau. With h = exp(-D time / 2) and f = (1 - h**2) / D, which is the time
    where D = 0,

        p**2 = h**2 + f (P0**2 + D - 2 s) / 2,      q**2 = h**2 + f (Q0**2 + D + 2 s) / 2.

    The sum of the layers is then P0 q/p and their difference Q0 p/q. All four are above zero
    (but f at the start), and roots and not squares, for what is as small as 1e-200 to count.
    """
    c = np.abs(P0 * Q0)
    D = np.hypot(c, 2 * s)
    # The roots of D + 2 s and D - 2 s; the latter is c**2 / (D + 2 s), which does not cancel.
    above = np.sqrt(D + 2 * s)
    below = ratio(c, above)
    # The floor only matters on the way to the saddle, where P0 = 0.
    h = np.maximum(np.exp(-D * time / 2), np.finfo(float).smallest_subnormal)
    f = np.where(D * time > 1, (1 - h * h) / D, time * exprel(-D * time))
    root_f = np.sqrt(f / 2)
    p, q = np.hypot(np.hypot(P0, below) * root_f, h), np.hypot(np.hypot(Q0, above) * root_f, h)
    # A sum so small that even its root is out of digits is refused.
    return f, h, np.where((P0 != 0) & (p < np.finfo(float).tiny), np.nan, p), q


def _squared_sum(u: Array, r: Array, c: Array) -> Array:
    """Return (a + b)**2 = 2 u + r for u = ab, r = a**2 + b**2, |a**2 - b**2| = c."""
    return np.where(u >= 0, 2 * u + r, c * ratio(c, r - 2 * np.minimum(u, 0)))


def _log1p_over(log_x: Array, scale: Array) -> Array:
    """Return log1p(scale x) / scale, which is x at scale 0, for an x that may overflow."""
    log_y = log_x + np.log(scale)
    small = (scale == 0) | (log_y < -40)
    return np.where(small, np.exp(log_x), np.logaddexp(0, log_y) / scale)
