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
(c = 1), and starts as y for all others.

The inverse.  To go from t to u, the scaled time is inverted for y, in which it is smooth and rises
for ever. Its slope there is (w/v0)**(c-1), and the logarithm of the slope has the slope
k = (c-1) (1-w). A step that takes k for constant goes to log1p(k x) / k, with x the step of Newton.
It is exact while w is small and when w is almost one, and of third order between.

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
from numpy.typing import NDArray
from scipy.special import exprel, hyp2f1, psi

from dlnlib._typing import Array

__all__ = ["relative_time_between", "strength_after", "time_between"]

# Gauss-Legendre quadrature over (0, 1), to rounding for the smooth integrands below.
_NODES, _WEIGHTS = (np.polynomial.legendre.leggauss(8) + np.array([[1.0], [0.0]])) / 2
_LARGEST, _EPS = np.finfo(float).max, np.finfo(float).eps
# Of the inversion, which takes three to six, and where steps lead nowhere halves an interval.
_MOST_STEPS = 100


class _Start(NamedTuple):
    """Where the rising variable starts, and how."""

    v0: Array
    delta0: Array
    c: Array
    rate: Array


def strength_after(time: Array, u0: Array, s: Array, p: Array) -> Array:
    """Return u(time) for du/dtime = u**p (s - u), from 0 < u0 != s > 0."""
    start = _start(u0, s, p)
    target = time * start.rate
    # What leaves the range of doubles on the way, and need not at the end, goes by logarithms.
    safe = _is_normal(target) & _is_normal(start.rate)
    by_logarithms = np.exp(np.log(time) + _log_rate(u0, s, p))
    target = np.minimum(np.where(safe, target, by_logarithms), _LARGEST)
    gain = _gain(_log_odds_after(target, start), start.v0)
    v = (start.v0 + gain) / (1 + gain)
    return np.where(u0 < s, s * v, s / v)


def time_between(u0: Array, uf: Array, s: Array, p: Array) -> Array:
    """Return the time from u0 to uf, the integral of du / (u**p (s - u))."""
    return _time(u0, uf, s, p, _start(u0, s, p).rate, _log_rate(u0, s, p))


def relative_time_between(u0: Array, uf: Array, s: Array, p: Array) -> Array:
    """Return the time from u0 to uf in units of s**-p."""
    v0, c = _start(u0, s, p)[0::2]
    return _time(u0, uf, s, p, v0 ** (1 - c), (1 - c) * np.log(v0))


def _time(u0: Array, uf: Array, s: Array, p: Array, rate: Array, log_rate: Array) -> Array:
    """Return the time from u0 to uf in units in which its first rate is given."""
    # The change in log-odds, ln(uf/u0) + ln((s-u0)/(s-uf)), from differences alone.
    log_moved = np.log(np.abs(uf - u0))
    log_approach = np.logaddexp(0, log_moved - np.log(np.abs(s - uf)))
    y = log_approach + np.where(u0 < s, np.logaddexp(0, log_moved - np.log(u0)), 0)
    start = _start(u0, s, p)
    h0 = _lerch_sum(start.c, start.v0, start.delta0)
    scaled = _scaled_time(y, start, h0)
    # What leaves the range of doubles on the way, and need not at the end, goes by logarithms.
    time = np.where(_is_normal(rate), scaled / rate, np.exp(np.log(scaled) - log_rate))
    time = np.where(np.isinf(y), np.inf, np.where(_is_normal(time), time, np.nan))
    return np.where(uf == u0, 0.0, np.where(p == 0, log_approach, time))


def _log_odds_after(target: Array, start: _Start) -> Array:
    """Return the change in log-odds that takes a scaled time."""
    v0, delta0, c, _ = start
    h0 = _lerch_sum(c, v0, delta0)
    # At the upper end the distance to the fixed point is below rounding.
    even = -np.log(v0)
    low, high = np.zeros_like(v0), even + 45.0
    y, missing, settled = low, target, target == 0
    for i in range(_MOST_STEPS):
        gain = _gain(y, v0)
        newton = missing * np.exp((1 - c) * (y - np.log1p(gain)))
        bend = (c - 1) * delta0 / (1 + gain) * newton
        # A power law that ends before the mode does leads nowhere: then to even odds, or as Newton.
        step = np.where(bend > -0.5, newton * _log1p_over_self(bend), newton)
        onward = np.minimum(y + step, even + 1.0 if i == 0 else high)
        onward = np.where((onward >= low) & (onward <= high), onward, (low + high) / 2)
        near = np.abs(onward - y) < 1e-5
        y, settled = np.where(settled, y, onward), settled | near
        if settled.all():
            break
        missing = target - _scaled_time(y, start, h0)
        settled |= np.abs(missing) <= 4 * _EPS * target
        low, high = np.where(missing > 0, y, low), np.where(missing < 0, y, high)
    return y


def _start(u0: Array, s: Array, p: Array) -> _Start:
    """Turn a mode that grows or shrinks into one variable that rises to 1."""
    grows = u0 < s
    larger = np.maximum(u0, s)
    v0, delta0 = np.minimum(u0, s) / larger, np.abs(s - u0) / larger
    rate = np.where(grows, s * u0 ** (p - 1), u0**p)
    return _Start(v0, delta0, np.where(grows, 2 - p, p + 1), rate)


def _log_rate(u0: Array, s: Array, p: Array) -> Array:
    """Return the logarithm of the first rate of `_start`."""
    return np.where(u0 < s, np.log(s) + (p - 1) * np.log(u0), p * np.log(u0))


def _is_normal(x: Array) -> NDArray[np.bool_]:
    """Tell whether numbers that are not negative have all their digits."""
    return (x >= np.finfo(float).tiny) & (x <= _LARGEST)


def _scaled_time(y: Array, start: _Start, h0: Array) -> Array:
    """Integrate (w/v0)**(c-1) over the log-odds of w, by y from those of v0."""
    v0, delta0, c, _ = start
    far = y >= 1
    if not far.any():
        return _short_time(y, v0, c)
    # Where the rising variable is after y.
    gain = _gain(y, v0)
    log_ratio = y - np.log1p(gain)
    v = (v0 + gain) / (1 + gain)
    h = _lerch_sum(c, v, delta0 / (1 + gain))
    # The second term, v0 (r**c - 1) / c; then all three.
    second = np.where(
        c >= 1,
        (v * np.exp((c - 1) * log_ratio) - v0) / np.maximum(c, 1),
        v0 * log_ratio * exprel(c * log_ratio),
    )
    time = log_ratio * exprel((c - 1) * log_ratio) + second * (1 + c * h) + v0 * (h - h0)
    return time if far.all() else np.where(far, time, _short_time(np.minimum(y, 1.0), v0, c))


def _short_time(y: Array, v0: Array, c: Array) -> Array:
    """Integrate (w/v0)**(c-1) over the log-odds of w by quadrature."""
    x = _along_nodes(y) * y
    return y * _averaged(np.exp((c - 1) * (x - np.log1p(_gain(x, v0)))))


def _along_nodes(like: Array) -> Array:
    """Return the nodes of the quadrature on a first axis of their own."""
    return _NODES.reshape(-1, *(1,) * like.ndim)


def _averaged(values: Array) -> Array:
    """Integrate over (0, 1) what is given at the nodes."""
    return np.tensordot(_WEIGHTS, values, 1)


def _gain(y: Array, v0: Array) -> Array:
    """Return v0 (exp(y) - 1), by which odds grow, without overflow for tiny v0."""
    return v0 * (np.exp(y / 2) + 1) * np.expm1(y / 2)


def _log1p_over_self(x: Array) -> Array:
    return np.where(np.abs(x) < 1e-8, 1.0, np.log1p(x) / x)


def _lerch_sum(c: Array, v: Array, delta: Array) -> Array:
    """Return h, the sum of v**n / (n + c) over n >= 1, with delta = 1 - v given separately.

    It is v times Lerch's transcendent of order one.
    """
    near_one = delta < 0.1
    if not near_one.any():
        return _lerch_series(c, v)
    # Near one the logarithm must be taken of delta itself, where 1 - v has lost it: the sum is
    # v**-c times the integral of w**c / (1-w) = 1/(1-w) - (1 - w**c)/(1-w) from 0 to v. Of the
    # second term the whole integral to 1 is psi(1+c) + gamma, and the rest to 1 is smooth.
    small = np.where(near_one, delta, 0.5)
    x = _along_nodes(small)
    rest = _averaged(-np.expm1(c * np.log1p(-x * small)) / x)
    h = (rest - np.log(small) - psi(1 + c) - np.euler_gamma) / np.exp(c * np.log1p(-small))
    return h if near_one.all() else np.where(near_one, h, _lerch_series(c, v * ~near_one))


def _lerch_series(c: Array, v: Array) -> Array:
    """Return h away from one, by a convergent hypergeometric series."""
    return v * hyp2f1(1.0, 1 + c, 2 + c, v) / (1 + c)
