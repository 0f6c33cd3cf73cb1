"""Strength of one mode over time, and the time that it takes to learn."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import exprel

from dlnlib._checks import not_negative, positive, require
from dlnlib._typing import Array
from dlnlib.exact._arguments import (
    arguments,
    clipped,
    closed_form,
    each,
    layers,
    ratio,
    require_in_range,
    require_reachable,
)
from dlnlib.exact._log_odds import relative_time_between, strength_after, time_between

__all__ = [
    "half_learning_time",
    "infinite_depth_learning_time",
    "infinite_depth_mode_strength",
    "infinite_depth_optimal_learning_time",
    "learning_time",
    "mode_strength",
    "optimal_learning_time",
]

_FOR_EVER = np.finfo(float).max


@closed_form
def mode_strength(
    t: ArrayLike,
    *,
    s: ArrayLike,
    u0: ArrayLike,
    tau: ArrayLike,
    n_layers: ArrayLike = 3,
    d: ArrayLike = 1.0,
) -> Array:
    r"""Return the strength of a mode after a time of balanced learning.

    Solves :math:`\tau\dot u = L\,u^{2-2/L}(s-d\,u)`, :math:`u(0)=u_0`, :math:`L=N_l-1`;
    for three layers and white inputs

    .. math:: u(t) = \frac{u_0}{e^{-2st/\tau} + (u_0/s)\,(1 - e^{-2st/\tau})}.

    Parameters
    ----------
    %(t)s
    %(s)s
    u0 : array_like
        Initial mode strength, not negative; it may exceed the final one, ``s / d``.
    %(tau)s
    %(n_layers)s
    %(d)s

    Returns
    -------
    %(strength)s

    Raises
    ------
    %(raises)s

    Notes
    -----
    Eq. 12 for three layers, with its growing exponentials divided out since they
    overflow; the inverse of `learning_time` (Eq. 15) for more. Dividing by `d` shows that
    a mode with input correlation `d` (Eq. 46) is one of white inputs, with ``s / d`` for
    `s` and ``tau / d`` for `tau`. Of :math:`d = 0` there is nothing to learn: such inputs
    vanish in all examples, so that `s` is zero too and the mode keeps its strength.

    Examples
    --------
    >>> from dlnlib.exact import mode_strength
    >>> print(mode_strength([0, 5, 10], s=1.0, u0=1e-3, tau=1.0).round(3))
    [0.001 0.957 1.   ]
    """
    t, s, u0, tau, n_layers, d = arguments(
        each(not_negative, t=t, s=s, u0=u0),
        each(positive, tau=tau),
        each(layers, n_layers=n_layers),
        each(positive, d=d),
    )
    require_in_range(d, s=s, tau=tau)
    s, tau = s / d, tau / d  # a mode of input correlation d is a white mode
    # A time that overflows is as good as for ever.
    time = np.minimum(t / tau * (n_layers - 1), _FOR_EVER)
    u = np.empty(t.shape)
    for case, strength in (
        (n_layers == 2, _two_layer_mode_strength),
        (n_layers == 3, _three_layer_mode_strength),
        (n_layers > 3, _deep_mode_strength),
    ):
        if case.any():
            u[case] = strength(time[case], s[case], u0[case], 2 - 2 / (n_layers[case] - 1))
    return clipped(u, u0, s)


@closed_form
def learning_time(
    u0: ArrayLike,
    uf: ArrayLike,
    *,
    s: ArrayLike,
    tau: ArrayLike,
    n_layers: ArrayLike = 3,
    d: ArrayLike = 1.0,
) -> Array:
    r"""Return the time in which a mode goes from one strength to another.

    .. math:: t = \frac{\tau}{L} \int_{u_0}^{u_f} \frac{du}{u^{2-2/L}\,(s-d\,u)}, \qquad L = N_l-1.

    Parameters
    ----------
    %(u0_uf)s
    %(s)s
    %(tau)s
    %(n_layers)s
    %(d)s

    Returns
    -------
    ndarray
        Learning time in iterations; infinite where ``uf == s / d != u0``.

    Raises
    ------
    TypeError
        If an argument is not made of real numbers.
    ValueError
        If an argument is not finite or out of range, if `uf` does not lie between
        `u0` and ``s / d``, or the shapes do not broadcast.

    Notes
    -----
    Eqs. 11 and 15. With :math:`v=d\,u/s` and :math:`b=2/L` the integral is

    .. math:: \frac1d \Big(\frac sd\Big)^{b-2} \left[\frac{v^{b-1}}{b-1}
              + \frac{v^{b}}{b}\, {}_2F_1(1, b; 1+b; v)\right]_{v_0}^{v_f},

    which the paper does not give. It is evaluated in a form whose terms do not cancel.

    Examples
    --------
    >>> from dlnlib.exact import learning_time
    >>> print(learning_time(1e-3, 0.5, s=1.0, tau=1.0, n_layers=[3, 4]).round(3))
    [3.453 9.145]
    """
    u0, uf, s, tau, n_layers, d = arguments(
        each(not_negative, u0=u0, uf=uf, s=s),
        each(positive, tau=tau),
        each(layers, n_layers=n_layers),
        each(positive, d=d),
    )
    require_in_range(d, s=s, tau=tau)
    s, tau = s / d, tau / d  # a mode of input correlation d is a white mode
    require_reachable(u0, uf, s)
    n_weights = n_layers - 1
    return (time_between(u0, uf, s, 2 - 2 / n_weights) * tau / n_weights)[()]


@closed_form
def half_learning_time(
    u0: ArrayLike,
    *,
    s: ArrayLike,
    tau: ArrayLike,
    n_layers: ArrayLike = 3,
    d: ArrayLike = 1.0,
) -> Array:
    r"""Return the time at which a mode reaches half of its final strength.

    .. math:: t = \frac{\tau}{L} \int_{u_0}^{s/2d} \frac{du}{u^{2-2/L}\,(s-d\,u)}.

    Parameters
    ----------
    u0 : array_like
        Initial mode strength, at most ``s / (2 d)``.
    %(s)s
    %(tau)s
    %(n_layers)s
    %(d)s

    Returns
    -------
    ndarray
        Half-learning time in iterations.

    Raises
    ------
    %(raises)s

    Notes
    -----
    The quantity of Fig. 3, right; see `learning_time`.

    Examples
    --------
    >>> from dlnlib.exact import half_learning_time
    >>> print(half_learning_time(1e-6, s=20.0, tau=2000.0).round(1))
    840.6
    """
    u0, s, tau, n_layers, d = arguments(
        each(not_negative, u0=u0, s=s),
        each(positive, tau=tau),
        each(layers, n_layers=n_layers),
        each(positive, d=d),
    )
    require_in_range(d, s=s, tau=tau)
    s, tau = s / d, tau / d  # a mode of input correlation d is a white mode
    require("u0", u0, u0 <= s / 2, "must be at most s / (2 d)")
    n_weights = n_layers - 1
    return (time_between(u0, s / 2, s, 2 - 2 / n_weights) * tau / n_weights)[()]


@closed_form
def optimal_learning_time(
    u0: ArrayLike, uf: ArrayLike, *, s: ArrayLike, n_layers: ArrayLike = 3, d: ArrayLike = 1.0
) -> Array:
    r"""Return the learning time at the optimal learning rate.

    .. math:: t = \int_{v_0}^{v_f} \frac{dv}{v^{2-2/L}\,(1-v)}, \qquad v = \frac{d\,u}{s},
              \quad L = N_l-1.

    Parameters
    ----------
    %(u0_uf)s
    %(positive_s)s
    %(n_layers)s
    %(d)s

    Returns
    -------
    ndarray
        Learning time in iterations.

    Raises
    ------
    TypeError, ValueError
        As for `learning_time`, and if `s` is zero.

    Notes
    -----
    Eq. 43 for three layers, with its factor :math:`c = 1`: the `learning_time` for a time
    constant of one over the `optimal_learning_rate`. At :math:`1/c` of that rate it takes
    `c` times as long. It is a time of gradient flow; steps of this size are not small.

    Examples
    --------
    >>> from dlnlib.exact import optimal_learning_time
    >>> print(optimal_learning_time(1e-2, 0.99, s=1.0, n_layers=[3, 5, 100]).round(2))
    [  9.19  23.78 100.92]
    """
    u0, uf, s, n_layers, d = arguments(
        each(not_negative, u0=u0, uf=uf),
        each(positive, s=s),
        each(layers, n_layers=n_layers),
        each(positive, d=d),
    )
    require_in_range(d, s=s)
    s = s / d  # a mode of input correlation d is a white mode
    require_reachable(u0, uf, s)
    p = 2 - 2 / (n_layers - 1)
    return relative_time_between(u0, uf, s, p)[()]


@closed_form
def infinite_depth_learning_time(
    u0: ArrayLike, uf: ArrayLike, *, s: ArrayLike, tau: ArrayLike, d: ArrayLike = 1.0
) -> Array:
    r"""Return the number of layers times the learning time of infinitely many layers.

    .. math:: N_l\,t = \tau \left[ \frac{d}{s^2} \ln\frac{u_f (d\,u_0 - s)}{u_0 (d\,u_f - s)}
              + \frac{1}{s u_0} - \frac{1}{s u_f} \right].

    Parameters
    ----------
    %(u0_uf)s
    %(s)s
    %(tau)s
    %(d)s

    Returns
    -------
    ndarray
        :math:`N_l t`, in iterations times layers.

    Raises
    ------
    TypeError, ValueError
        As for `learning_time`.

    Notes
    -----
    Eq. 17. The printed difference cancels when `u0` is close to `uf`; the form used does not.

    Examples
    --------
    >>> from dlnlib.exact import infinite_depth_learning_time
    >>> print(infinite_depth_learning_time(1e-3, 0.5, s=1.0, tau=1.0).round(3))
    1004.907
    """
    u0, uf, s, tau, d = arguments(
        each(not_negative, u0=u0, uf=uf, s=s), each(positive, tau=tau, d=d)
    )
    require_in_range(d, s=s, tau=tau)
    s, tau = s / d, tau / d  # a mode of input correlation d is a white mode
    require_reachable(u0, uf, s)
    return (time_between(u0, uf, s, np.full(u0.shape, 2.0)) * tau)[()]


@closed_form
def infinite_depth_mode_strength(
    scaled_t: ArrayLike, *, s: ArrayLike, u0: ArrayLike, tau: ArrayLike, d: ArrayLike = 1.0
) -> Array:
    r"""Return the strength of a mode of an infinitely deep network.

    Solves :math:`\tau\, du/d(N_l t) = u^2 (s - d\,u)`, :math:`u(0) = u_0`.

    Parameters
    ----------
    scaled_t : array_like
        Number of layers times time, :math:`N_l t`, not negative.
    %(s)s
    u0 : array_like
        Initial mode strength, not negative.
    %(tau)s
    %(d)s

    Returns
    -------
    %(strength)s

    Raises
    ------
    %(raises)s

    Notes
    -----
    Eq. 16, by inverting Eq. 17.

    Examples
    --------
    >>> from dlnlib.exact import infinite_depth_mode_strength
    >>> print(infinite_depth_mode_strength([0.0, 1004.907], s=1.0, u0=1e-3, tau=1.0).round(3))
    [0.001 0.5  ]
    """
    t, s, u0, tau, d = arguments(
        each(not_negative, scaled_t=scaled_t, s=s, u0=u0), each(positive, tau=tau, d=d)
    )
    require_in_range(d, s=s, tau=tau)
    s, tau = s / d, tau / d  # a mode of input correlation d is a white mode
    time = np.minimum(t / tau, _FOR_EVER)
    return clipped(_deep_mode_strength(time, s, u0, np.full(t.shape, 2.0)), u0, s)


@closed_form
def infinite_depth_optimal_learning_time(
    u0: ArrayLike, uf: ArrayLike, *, s: ArrayLike, d: ArrayLike = 1.0
) -> Array:
    r"""Return the learning time of infinitely many layers at the optimal learning rate.

    .. math:: t_\infty = \ln\frac{u_f (d\,u_0 - s)}{u_0 (d\,u_f - s)}
              + \frac{s}{d\,u_0} - \frac{s}{d\,u_f}.

    Parameters
    ----------
    %(u0_uf)s
    %(positive_s)s
    %(d)s

    Returns
    -------
    ndarray
        Learning time in iterations, the limit of `optimal_learning_time`.

    Raises
    ------
    TypeError, ValueError
        As for `optimal_learning_time`.

    Notes
    -----
    Eq. 44 with its factor :math:`c = 1`. The logarithm is the time of three layers, so that
    the rest is what infinite depth costs (Eq. 45).

    Examples
    --------
    >>> from dlnlib.exact import infinite_depth_optimal_learning_time
    >>> print(infinite_depth_optimal_learning_time(1e-2, 0.99, s=1.0).round(2))
    108.18
    """
    u0, uf, s, d = arguments(each(not_negative, u0=u0, uf=uf), each(positive, s=s, d=d))
    require_in_range(d, s=s)
    s = s / d  # a mode of input correlation d is a white mode
    require_reachable(u0, uf, s)
    return relative_time_between(u0, uf, s, np.full(u0.shape, 2.0))[()]


def _two_layer_mode_strength(time: Array, s: Array, u0: Array, p: Array) -> Array:
    return u0 * np.exp(-time) - s * np.expm1(-time)


def _three_layer_mode_strength(time: Array, s: Array, u0: Array, p: Array) -> Array:
    x = s * time
    # Each in the form that divides by the larger of u0 and s.
    learned = np.where(x > 1, -np.expm1(-x) / s, time * exprel(-x))
    grown = ratio(u0, np.exp(-x) + u0 * learned)
    return np.where(u0 < s, grown, 1 / (np.exp(-x) / u0 + learned))


def _deep_mode_strength(time: Array, s: Array, u0: Array, p: Array) -> Array:
    """Solve du/dtime = u**p (s - u), 1 < p <= 2, for u(time)."""
    moving = (s > 0) & (u0 > 0) & (u0 != s) & (time > 0)
    if moving.all():
        return strength_after(time, u0, s, p)
    # With s = 0 nothing is left to invert; the general case divides by s.
    log_growth = np.log(p) + np.log(time) + p * np.log(u0)
    u = np.where(s == 0, u0 * np.exp(-np.logaddexp(0, log_growth) / p), u0)
    if moving.any():
        u[moving] = strength_after(time[moving], u0[moving], s[moving], p[moving])
    return u
