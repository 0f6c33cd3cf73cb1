r"""One mode of a network of any depth whose layers start with strengths of their own.

Gradient flow keeps the differences of the squares of the layers, :math:`a_k^2 - a_l^2`, so that
the strength :math:`a` of the smallest layer tells those of all others. Its time is an integral.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dlnlib._checks import broadcast, finite, not_negative, positive, require
from dlnlib._quadrature import tanh_sinh
from dlnlib._typing import Array
from dlnlib.exact._arguments import closed_form, each, require_in_range, require_reachable

__all__ = ["chain_learning_time"]

# Layer strengths whose squares stay in the range of doubles.
_LARGEST = 1e150
# The integrand has a scale of one in the logarithm of a strength; nodes lie closer than this.
_SPACING = 0.3
# Nodes come within 1e-48 of an end: where a strength ends next to s, all time passes near it.
_REACH = 4.25


@closed_form
def chain_learning_time(
    a0: ArrayLike, uf: ArrayLike, *, s: ArrayLike, tau: ArrayLike, d: ArrayLike = 1.0
) -> Array:
    r"""Return the learning time of a mode whose layers start with any strengths.

    .. math:: t = \tau \int_{a(0)}^{a_f} \frac{da}{P(a)\,(s - d\,a\,P(a))}, \qquad
              P(a) = \prod_{k=2}^{L} \sqrt{c_k + a^2},

    with the smallest layer :math:`a`, signed so that :math:`u = a\,P(a)`, and the constants
    :math:`c_k = a_k(0)^2 - a(0)^2` of the others.

    Parameters
    ----------
    a0 : array_like, shape (..., n_layers - 1)
        Initial strengths of the layers of weights, of any sign, in any order.
    uf : array_like
        Final mode strength, between the initial one, the product of `a0`, and the strength that
        is tended to.
    %(s)s
    %(tau)s
    %(d)s

    Returns
    -------
    ndarray
        Learning time in iterations, of the broadcast shape of ``a0[..., 0]`` and the others;
        infinite where the end is reached only in the limit.

    Raises
    ------
    TypeError
        If an argument is not made of real numbers.
    ValueError
        If an argument is not finite or out of range, `a0` is a number, or `uf` is never reached.

    See Also
    --------
    learning_time : The same for layers of one strength, without an integral.
    unbalanced_learning_time : The same for two layers.

    Notes
    -----
    A layer is moved by the product of the others, :math:`\tau\dot a_l = (s-d\,u)\,u/a_l`
    (Eq. 14), so that all :math:`a_l^2` change at the same speed, :math:`2u(s-d\,u)/\tau`: their
    differences stay. Flipping the signs of two layers changes nothing, so that only the sign of
    the product counts, and it is given to the smallest layer. Where that has to change its sign,
    from :math:`u_0 < 0`, it comes through zero at a finite speed, unless a second layer is as
    small: then the mode ends there, in a saddle.

    The tanh-sinh rule is used in the logarithm of :math:`a`, where the integrand has one scale
    for every layer, and in :math:`a` itself on a way through zero.

    Examples
    --------
    >>> from dlnlib.exact import chain_learning_time, learning_time
    >>> print(chain_learning_time([0.1, 0.1, 0.1], 0.5, s=1.0, tau=1.0).round(6))
    9.144747
    >>> print(learning_time(1e-3, 0.5, s=1.0, tau=1.0, n_layers=4).round(6))
    9.144747
    >>> print(chain_learning_time([[1, 1, 0], [1, 1, -0.5]], 0.5, s=1.0, tau=1.0).round(3))
    [0.536 1.296]
    """
    layers = finite("a0", a0)
    if layers.ndim == 0 or layers.shape[-1] == 0:
        raise ValueError(f"a0 must have an axis of one or more layers, got shape {layers.shape}")
    largest = _LARGEST ** (1 / layers.shape[-1])
    require("a0", layers, np.abs(layers) <= largest, f"must not be beyond {largest:.3g} in size")
    values = {**each(finite, uf=uf), **each(not_negative, s=s), **each(positive, tau=tau, d=d)}
    layers, uf, s, tau, d = _like(layers, values)
    require_in_range(d, s=s, tau=tau)
    s, tau = s / d, tau / d  # a mode of input correlation d is a white mode
    u0, order = layers.prod(axis=-1), np.sort(np.abs(layers), axis=-1)
    a, rest = np.copysign(order[..., 0], u0), np.moveaxis(order[..., 1:], -1, 0)
    stuck = (u0 <= 0) & (rest == np.abs(a)).any(axis=0)
    require_reachable(u0, uf, np.where(stuck, 0.0, s))
    roots = np.sqrt((rest - np.abs(a)) * (rest + np.abs(a)))
    t = tau * _time(a, roots, u0, uf, s)
    never = (uf == s) | (stuck & (uf == 0))
    return np.where(uf == u0, 0.0, np.where(never, np.inf, t))[()]


def _like(layers: Array, values: dict[str, Array]) -> tuple[Array, ...]:
    """Broadcast the layers' leading axes and other arguments; return all, the layers first."""
    found = broadcast(a0=layers[..., 0], **values)
    return np.broadcast_to(layers, (*found[0].shape, layers.shape[-1])), *found[1:]


def _time(a: Array, roots: Array, u0: Array, uf: Array, s: Array) -> Array:
    """Integrate over the smallest layer, through zero where the strength changes sign."""
    same = u0 * uf > 0
    base = np.where(same, np.abs(a), 1.0)
    r = _log_step(base, roots, np.log(np.abs(uf / np.where(same, u0, np.hypot(roots, 1).prod(0)))))
    af = np.copysign(base * np.exp(r), uf)
    n = max(48, int(np.pi / 4 / _SPACING * np.abs(r[same]).max(initial=0)), 128 * (not same.all()))
    near, near_end, weights = (_column(x, a.ndim) for x in tanh_sinh(n, _REACH))
    # How far, in its logarithm, a node is from the end; and how far it is from zero.
    along = np.where(near_end, -near, near - 1) * r
    x = np.where(near_end, 1 - near, near)
    up = np.where(near_end, np.log1p(-near), np.log(x))
    steady = r * _rate(along, af, roots, uf, s)
    rising = np.where(uf == 0, 0.0, _rate(up, af, roots, uf, s) / x)
    falling = -a / (_others(a * x, roots) * (s - a * x * _others(a * x, roots)))
    found: Array = (weights * np.where(same, steady, rising + falling)).sum(0)
    return found


def _rate(r: Array, af: Array, roots: Array, uf: Array, s: Array) -> Array:
    """Return d time / d log a where log(a / af) = r; no difference in it cancels."""
    rho = r + _log_others(r, np.abs(af), roots)
    return af / _others(af, roots) * np.exp(2 * r - rho) / (s - uf - uf * np.expm1(rho))


def _others(a: Array, roots: Array) -> Array:
    """Return the product of all layers but the smallest."""
    layers = roots.reshape(len(roots), *(1,) * (a.ndim - roots.ndim + 1), *roots.shape[1:])
    return np.hypot(layers, a).prod(axis=0)


def _log_others(r: Array, a: Array, roots: Array) -> Array:
    """Return by how much the logarithm of that product changes from a to a exp(r)."""
    layers = roots.reshape(len(roots), *(1,) * (r.ndim - roots.ndim + 1), *roots.shape[1:])
    before = np.hypot(layers, a)
    near = np.log1p((a / before) ** 2 * np.expm1(2 * np.clip(r, -0.5, 0.5))) / 2
    far = np.log(np.hypot(layers, a * np.exp(r)) / before)
    return np.where(np.abs(r) < 0.5, near, far).sum(axis=0)


def _log_step(a: Array, roots: Array, rho: Array) -> Array:
    """Return log(af / a) for the ratio exp(rho) of the strengths at both."""
    r = np.zeros_like(rho)
    # Convex, so that Newton's method comes from one side, past one layer after the other.
    for _ in range(20 + 2 * len(roots)):
        slope = 1 + ((a * np.exp(r) / np.hypot(roots, a * np.exp(r))) ** 2).sum(axis=0)
        step = (rho - r - _log_others(r, a, roots)) / slope
        r = r + step
        if not (np.abs(step) > 1e-8 * np.abs(r)).any():  # the next would be a square of it
            break
    return r


def _column(x: NDArray[Any], n_axes: int) -> NDArray[Any]:
    return x.reshape(-1, *(1,) * n_axes)
