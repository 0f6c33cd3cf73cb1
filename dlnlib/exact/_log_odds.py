r"""Time and strength of one balanced mode, to rounding, whatever its depth, start and end.

The equation.  In units of the time constant over the number L of weight matrices, a mode of
white inputs obeys du/dt = u**p (s - u) with p = 2 - 2/L, which is 0 for two layers of units, 1 for
three, and 2 in the limit of many. It is separable:

    t = integral of du / (u**p (s - u)) from u0 to uf.

What fails.  Solved for u, the case p = 1 is the paper's Eq. 12, whose growing exponentials
overflow. As a difference of antiderivatives (Eqs. 11 and 17; with b = 2/L, in general, the
hypergeometric function 2F1(1, b; 1 + b; u/s)) the integral cancels when u0 is close to uf, has
terms that divide by b - 1 or by b, infinite at three and at infinitely many layers though their
sum is not, and takes logarithms of 1 - u/s where that has lost its digits.

One rising variable.  Let w = u/s for a mode that grows and w = s/u for one that shrinks. Either
way w rises from v0 to v < 1, and

    t = s**-p * integral of w**(c-2) / (1-w) dw,     c = 2 - p if u grows, p + 1 if it shrinks.

1 - w is never formed: delta0 = |s - u0| / max(u0, s) is a difference of given numbers.

Log-odds.  In the log-odds l = ln(w / (1-w)) the pole at w = 1 is gone, as dl = dw / (w (1-w)):

    t = s**-p * integral of w**(c-1) dl.

With y the change in log-odds, all that is needed follows without a difference of close numbers:
with g = v0 (exp(y) - 1),  v = (v0 + g) / (1 + g),  1 - v = delta0 / (1 + g)  and
ln(v/v0) = y - ln(1 + g). The time is scaled by its first rate, s**p v0**(1-c), which is s u0**(p-1)
or u0**p; the scaled time, the integral of (w/v0)**(c-1) over l, is y where three layers grow
(c = 1), and starts as y for all others. To go from t to u, it is inverted for y, in which it is
smooth and rises for ever.

The integral, far.  Split 1/(1-w) = 1 + w + w**2/(1-w). With r = v/v0 the first two terms are
(r**(c-1) - 1) / (c-1) and v0 (r**c - 1) / c, written with exprel(x) = (exp(x) - 1)/x, which has no
pole at 0. The third is v0 (r**c h(v) - h(v0)) with h(v) = sum of v**n / (n + c) over n >= 1: the
hypergeometric function without its two first terms, and so without its poles at c = 1 and c = 0.
Near v = 1 this h is -ln(1-v) and a smooth rest.

The integral, near.  For y < 1 the terms cancel, but the integrand is smooth and hardly varies, and
Gauss-Legendre quadrature with eight nodes has no error but rounding.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.optimize import elementwise
from scipy.special import exprel, hyp2f1, psi

from dlnlib._typing import Array

__all__ = ["strength_after", "time_between"]

# Gauss-Legendre quadrature over (0, 1), to rounding for the smooth integrands below.
_NODES, _WEIGHTS = (np.polynomial.legendre.leggauss(8) + np.array([[1.0], [0.0]])) / 2


class _Start(NamedTuple):
    """Where the rising variable starts, and how."""

    v0: Array
    delta0: Array
    c: Array
    rate: Array


def strength_after(time: Array, u0: Array, s: Array, p: Array) -> Array:
    """Return u(time) for du/dtime = u**p (s - u), from 0 < u0 != s > 0."""
    v0, delta0, c, rate = _start(u0, s, p)
    target = np.minimum(time * rate, np.finfo(float).max)

    def excess(y: Array, target: Array, v0: Array, delta0: Array, c: Array) -> Array:
        return _scaled_time(y, v0, delta0, c) - target

    # At the upper end the distance to the fixed point is below rounding.
    y = 45.0 - np.log(v0)
    rest = excess(y, target, v0, delta0, c) > 0
    if rest.any():
        arguments = tuple(array[rest] for array in (target, v0, delta0, c))
        bracket = (np.zeros(rest.sum()), y[rest])
        y[rest] = elementwise.find_root(excess, bracket, args=arguments, maxiter=500).x
    gain = _gain(y, v0)
    v = (v0 + gain) / (1 + gain)
    return np.where(u0 < s, s * v, s / v)


def time_between(u0: Array, uf: Array, s: Array, p: Array) -> Array:
    """Return the time from u0 to uf, the integral of du / (u**p (s - u))."""
    with np.errstate(all="ignore"):
        v0, delta0, c, rate = _start(u0, s, p)
        # The change in log-odds, ln(uf/u0) + ln((s-u0)/(s-uf)), from differences alone.
        log_moved = np.log(np.abs(uf - u0))
        log_approach = np.logaddexp(0, log_moved - np.log(np.abs(s - uf)))
        y = log_approach + np.where(u0 < s, np.logaddexp(0, log_moved - np.log(u0)), 0)
        time = np.where(np.isinf(y), np.inf, _scaled_time(y, v0, delta0, c) / rate)
    return np.where(uf == u0, 0.0, np.where(p == 0, log_approach, time))


def _start(u0: Array, s: Array, p: Array) -> _Start:
    """Turn a mode that grows or shrinks into one variable that rises to 1."""
    grows = u0 < s
    larger = np.maximum(u0, s)
    v0, delta0 = np.minimum(u0, s) / larger, np.abs(s - u0) / larger
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        rate = np.where(grows, s * u0 ** (p - 1), u0**p)
    return _Start(v0, delta0, np.where(grows, 2 - p, p + 1), rate)


def _scaled_time(y: Array, v0: Array, delta0: Array, c: Array) -> Array:
    """Integrate (w/v0)**(c-1) over the log-odds of w, by y from those of v0."""
    # Where the rising variable is after y.
    gain = _gain(y, v0)
    log_ratio = y - np.log1p(gain)
    v = (v0 + gain) / (1 + gain)
    h, h0 = _lerch_sum(c, v, delta0 / (1 + gain)), _lerch_sum(c, v0, delta0)
    with np.errstate(over="ignore", invalid="ignore"):
        # Far: the second term, v0 (r**c - 1) / c; then all three.
        second = np.where(
            c >= 1,
            (v * np.exp((c - 1) * log_ratio) - v0) / np.maximum(c, 1),
            v0 * log_ratio * exprel(c * log_ratio),
        )
        far = log_ratio * exprel((c - 1) * log_ratio) + second * (1 + c * h) + v0 * (h - h0)
        # Near: quadrature. Where it is not used its step only has to be harmless.
        step = np.minimum(y, 1.0)
        log_ratios = [x * step - np.log1p(_gain(x * step, v0)) for x in _NODES]
        near = step * np.tensordot(_WEIGHTS, np.exp((c - 1) * np.array(log_ratios)), 1)
    return np.where(y < 1, near, far)


def _gain(y: Array, v0: Array) -> Array:
    """Return v0 (exp(y) - 1), by which odds grow, without overflow for tiny v0."""
    with np.errstate(over="ignore", invalid="ignore"):
        return np.where(y < 30, v0 * np.expm1(y), np.exp(y + np.log(v0)))


def _lerch_sum(c: Array, v: Array, delta: Array) -> Array:
    """Return h, the sum of v**n / (n + c) over n >= 1, with delta = 1 - v given separately.

    It is v times Lerch's transcendent of order one.
    """
    near_one = delta < 0.1
    # Away from one: a convergent hypergeometric series.
    series = v * hyp2f1(1.0, 1 + c, 2 + c, np.where(near_one, 0.0, v)) / (1 + c)
    # Near one the logarithm must be taken of delta itself, where 1 - v has lost it: the sum is
    # v**-c times the integral of w**c / (1-w) = 1/(1-w) - (1 - w**c)/(1-w) from 0 to v. Of the
    # second term the whole integral to 1 is psi(1+c) + gamma, and the rest to 1 is smooth.
    small = np.where(near_one, delta, 0.5)
    rest = [-np.expm1(c * np.log1p(-x * small)) / x for x in _NODES]
    logarithmic = -np.log(small) - psi(1 + c) - np.euler_gamma + np.tensordot(_WEIGHTS, rest, 1)
    return np.where(near_one, logarithmic / np.exp(c * np.log1p(-small)), series)
