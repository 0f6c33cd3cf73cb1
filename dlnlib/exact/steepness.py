"""How steep the error is along the path of learning, and the learning rates that follow."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from dlnlib._checks import not_negative, positive, require
from dlnlib._typing import Array
from dlnlib.exact._arguments import (
    arguments,
    closed_form,
    each,
    layers,
    ratio,
    require_in_range,
)

__all__ = [
    "curvature_across_path",
    "curvature_along_path",
    "largest_curvature",
    "newton_step",
    "optimal_learning_rate",
    "stable_learning_rate",
]


@closed_form
def curvature_along_path(
    a: ArrayLike, *, s: ArrayLike, tau: ArrayLike, n_layers: ArrayLike = 3, d: ArrayLike = 1.0
) -> Array:
    r"""Return the curvature of the error along the path that equal layers take.

    It is the eigenvalue, with eigenvector :math:`(1, \dots, 1)`, of the Hessian of

    .. math:: E = \frac{1}{2\tau d} \Big(s - d \prod_{i=1}^L a_i\Big)^2, \qquad L = N_l-1,

    at :math:`a_1 = \dots = a_L = a`,

    .. math:: \lambda_1 = \frac1\tau \left[(2L-1)\,d\,a^{2L-2} - (L-1)\,s\,a^{L-2}\right].

    Parameters
    ----------
    %(a)s
    %(s)s
    %(tau)s
    %(n_layers)s
    %(d)s

    Returns
    -------
    ndarray
        Curvature, negative for small `a` if there are more than two layers.

    Raises
    ------
    %(raises)s

    Notes
    -----
    Eq. 37; Eq. 41 at the optimum, :math:`a^L = s/d`. It is the largest eigenvalue only where
    :math:`a^L \ge s/2d`: see `largest_curvature`.

    Examples
    --------
    >>> from dlnlib.exact import curvature_along_path
    >>> print(curvature_along_path([0.2, 0.5, 1.0], s=1.0, tau=1.0, n_layers=5).round(3))
    [-0.12  -0.641  4.   ]
    """
    return _curvatures(a, s, tau, n_layers, d)[0][()]


@closed_form
def curvature_across_path(
    a: ArrayLike, *, s: ArrayLike, tau: ArrayLike, n_layers: ArrayLike = 3, d: ArrayLike = 1.0
) -> Array:
    r"""Return the curvature of the error in directions that make equal layers unequal.

    It is the eigenvalue, :math:`L-1` times over, of the Hessian in `curvature_along_path`
    whose eigenvectors have components that add up to zero,

    .. math:: \lambda_2 = \frac1\tau\, a^{L-2} (s - d\,a^L).

    Parameters
    ----------
    %(a)s
    %(s)s
    %(tau)s
    n_layers : array_like of int, optional
        Number of layers of units, at least 3.
    %(d)s

    Returns
    -------
    ndarray
        Curvature, zero at the optimum.

    Raises
    ------
    %(raises)s

    Notes
    -----
    From Eqs. 34-36; the paper does not give it.

    Examples
    --------
    >>> from dlnlib.exact import curvature_across_path
    >>> print(curvature_across_path([0.0, 0.5, 1.0], s=1.0, tau=1.0, n_layers=3))
    [1.   0.75 0.  ]
    """
    n_layers = layers("n_layers", n_layers)
    require("n_layers", n_layers, n_layers > 2, "must be at least 3, or there are no others")
    return _curvatures(a, s, tau, n_layers, d)[1][()]


@closed_form
def largest_curvature(
    a: ArrayLike, *, s: ArrayLike, tau: ArrayLike, n_layers: ArrayLike = 3, d: ArrayLike = 1.0
) -> Array:
    r"""Return the largest eigenvalue of the Hessian where all layers are equal.

    .. math:: \max(\lambda_1, \lambda_2) = \begin{cases}
              \lambda_2, & a^L \le s/2d, \\ \lambda_1, & a^L \ge s/2d. \end{cases}

    Parameters
    ----------
    %(a)s
    %(s)s
    %(tau)s
    %(n_layers)s
    %(d)s

    Returns
    -------
    ndarray
        Largest eigenvalue.

    Raises
    ------
    %(raises)s

    Notes
    -----
    The eigenvalues are those of `curvature_along_path` and `curvature_across_path`. On the
    way from zero to the optimum the largest in magnitude is found at the optimum, Eq. 41.

    Examples
    --------
    >>> from dlnlib.exact import largest_curvature
    >>> print(largest_curvature([0.0, 0.5, 1.0], s=1.0, tau=1.0, n_layers=3))
    [1.   0.75 2.  ]
    """
    along, across = _curvatures(a, s, tau, n_layers, d)
    # A single weight has no others to be unequal to.
    return np.where(np.asarray(n_layers) == 2, along, np.maximum(along, across))[()]


@closed_form
def newton_step(
    a: ArrayLike, *, s: ArrayLike, n_layers: ArrayLike = 3, d: ArrayLike = 1.0
) -> Array:
    r"""Return the Newton step that equal layers all take.

    .. math:: \Delta a = \frac{a\,(s - d\,a^L)}{(2L-1)\,d\,a^L - (L-1)\,s}, \qquad L = N_l-1.

    Parameters
    ----------
    %(a)s
    %(s)s
    %(n_layers)s
    %(d)s

    Returns
    -------
    ndarray
        Change of every layer's strength; infinite where the curvature vanishes, and towards
        zero, away from the optimum, where :math:`d\,a^L < s\,(L-1)/(2L-1)`.

    Raises
    ------
    %(raises)s

    Notes
    -----
    Eq. 40, with Eqs. 33 and 37 inserted. Newton's method finds zeros of the gradient, and
    from small `a` the one that it finds is the saddle.

    Examples
    --------
    >>> from dlnlib.exact import newton_step
    >>> print(newton_step([0.1, 0.9, 1.0, 1.5], s=1.0).round(3))
    [-0.102  0.12   0.    -0.326]
    """
    a, s, n_layers, d = arguments(
        each(not_negative, a=a, s=s), each(layers, n_layers=n_layers), each(positive, d=d)
    )
    require_in_range(d, s=s)
    s = s / d  # a mode of input correlation d is a white mode
    n_weights = n_layers - 1
    u = a**n_weights
    # In units of the larger of s and u; a u beyond all doubles is so by its logarithm.
    less, more = np.minimum(s, u), np.maximum(s, u)
    beyond = np.isinf(u)
    share = np.where(beyond, np.exp(np.log(s) - n_weights * np.log(a)), ratio(less, more))
    way = np.where(beyond, share - 1, ratio(s - u, more))
    s_share, u_share = np.where(u > s, share, 1.0), np.where(u > s, 1.0, share)
    step = a * ratio(way, (2 * n_weights - 1) * u_share - (n_weights - 1) * s_share)
    step = np.where(s == 0, -a / (2 * n_weights - 1), step)
    return np.where(n_layers == 2, s - a, step)[()]


@closed_form
def stable_learning_rate(s: ArrayLike, *, n_layers: ArrayLike = 3, d: ArrayLike = 1.0) -> Array:
    r"""Return the learning rate up to which gradient descent can settle at the optimum.

    .. math:: \frac{2}{\tau\lambda_1} = \frac{2}{L\,d\,(s/d)^{2-2/L}}, \qquad L = N_l-1.

    Parameters
    ----------
    %(s)s
    %(n_layers)s
    %(d)s

    Returns
    -------
    ndarray
        Learning rate for the error :math:`\frac12\sum\|y - Wx\|^2`; infinite for a mode of
        more than two layers without a singular value.

    Raises
    ------
    %(raises)s

    Notes
    -----
    From Eq. 41. A network with white inputs that learns several modes is bound by the
    strongest. Equal layers are the flattest way to make up a product, so that at higher
    rates descent settles at no other minimum either.

    Examples
    --------
    >>> from dlnlib.exact import stable_learning_rate
    >>> print(stable_learning_rate(2.0, n_layers=[2, 3, 101]).round(5))
    [2.      0.5     0.00507]
    """
    return 2 * optimal_learning_rate(s, n_layers=n_layers, d=d)


@closed_form
def optimal_learning_rate(s: ArrayLike, *, n_layers: ArrayLike = 3, d: ArrayLike = 1.0) -> Array:
    r"""Return the learning rate at which gradient descent closes in fastest on the optimum.

    .. math:: \frac{1}{\tau\lambda_1} = \frac{1}{L\,d\,(s/d)^{2-2/L}}, \qquad L = N_l-1.

    Parameters
    ----------
    %(s)s
    %(n_layers)s
    %(d)s

    Returns
    -------
    ndarray
        Learning rate, half of `stable_learning_rate`.

    Raises
    ------
    %(raises)s

    Notes
    -----
    Eqs. 41 and 42. It is optimal for the last part of the way, where a step of gradient
    descent is then a Newton step. The whole way from a small start may be shorter at a
    somewhat higher rate.

    Examples
    --------
    >>> from dlnlib.exact import optimal_learning_rate
    >>> print(optimal_learning_rate(2.0, n_layers=[2, 3, 101]).round(5))
    [1.      0.25    0.00253]
    """
    s, n_layers, d = arguments(
        each(not_negative, s=s), each(layers, n_layers=n_layers), each(positive, d=d)
    )
    require_in_range(d, s=s)
    n_weights = n_layers - 1
    # Twice a root, as the power itself may leave the range of doubles that the rate keeps.
    root = (s / d) ** (1 / n_weights - 1)
    return (root / d / n_weights * root)[()]


def _curvatures(
    a: ArrayLike, s: ArrayLike, tau: ArrayLike, n_layers: ArrayLike, d: ArrayLike
) -> tuple[Array, Array]:
    """Return the eigenvalues of the Hessian along and, for three layers or more, across."""
    a, s, tau, n_layers, d = arguments(
        each(not_negative, a=a, s=s),
        each(positive, tau=tau),
        each(layers, n_layers=n_layers),
        each(positive, d=d),
    )
    require_in_range(d, s=s, tau=tau)
    s, tau = s / d, tau / d  # a mode of input correlation d is a white mode
    n_weights = n_layers - 1
    u = a**n_weights
    require("a", a, np.isfinite(u), "must not take the mode strength out of range")
    # Twice a root of a**(L-2), which alone may leave the range that the curvature keeps.
    root = a ** (np.maximum(n_weights - 2, 0) / 2)

    def curvature(x: Array) -> Array:
        return np.where(tau > 1, x / tau * root, x * root / tau) * root

    along = curvature((2 * n_weights - 1) * u - (n_weights - 1) * s)
    # A single weight has no mixed derivatives.
    return np.where(n_layers == 2, 1 / tau, along), curvature(s - u)
