r"""Closed forms for the learning dynamics of deep linear networks.

Every mode of a network with ``n_layers`` layers of units that starts decoupled and
balanced obeys :math:`\tau\dot u = L\,u^{2-2/L}(s-d\,u)`, :math:`L` = ``n_layers - 1``.
Inputs that are not white, :math:`d \ne 1`, rescale `s` and `tau` and do no more.
Nothing here is simulated, and no code is shared with the modules that simulate.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import elementwise
from scipy.special import ellipj, ellipkm1, exprel, hyp2f1, psi

__all__ = [
    "curvature_across_path",
    "curvature_along_path",
    "dropout_mode_strengths",
    "frictionless_mode_strength",
    "half_learning_time",
    "infinite_depth_learning_time",
    "infinite_depth_mode_strength",
    "infinite_depth_optimal_learning_time",
    "largest_curvature",
    "learning_time",
    "mode_strength",
    "momentum_growth_rate",
    "momentum_relaxation",
    "newton_step",
    "optimal_learning_rate",
    "optimal_learning_time",
    "stable_learning_rate",
    "unbalanced_learning_time",
    "unbalanced_mode_strength",
]

Array = NDArray[np.float64]

# Gauss-Legendre quadrature over (0, 1), to rounding for the smooth integrands below.
NODES, WEIGHTS = (np.polynomial.legendre.leggauss(8) + np.array([[1.0], [0.0]])) / 2


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
    t : array_like
        Time in iterations, not negative.
    s : array_like
        Singular value of the mode, not negative.
    u0 : array_like
        Initial mode strength, not negative; it may exceed the final one, ``s / d``.
    tau : array_like
        Time constant in iterations, the inverse of the learning rate.
    n_layers : array_like of int, optional
        Number of layers of units, at least 2.
    d : array_like, optional
        Input correlation along the mode, positive; 1 for white inputs.

    Returns
    -------
    ndarray
        Mode strength, of the broadcast shape of all arguments.

    Raises
    ------
    ValueError
        If an argument is not finite or out of range, or the shapes do not broadcast.

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
    t, s, u0, tau, n_layers = _whitened(t=t, s=s, u0=u0, tau=tau, n_layers=n_layers, d=d)
    u = np.empty(t.shape)
    for case, strength in (
        (n_layers == 2, _two_layer_mode_strength),
        (n_layers == 3, _three_layer_mode_strength),
        (n_layers > 3, _deep_mode_strength),
    ):
        n_weights = n_layers[case] - 1
        u[case] = strength(n_weights * (t[case] / tau[case]), s[case], u0[case], 2 - 2 / n_weights)
    return _between(u, u0, s)


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
    u0, uf : array_like
        Initial and final mode strength; `uf` lies between `u0` and ``s / d``.
    s : array_like
        Singular value of the mode, not negative.
    tau : array_like
        Time constant in iterations, the inverse of the learning rate.
    n_layers : array_like of int, optional
        Number of layers of units, at least 2.
    d : array_like, optional
        Input correlation along the mode, positive; 1 for white inputs.

    Returns
    -------
    ndarray
        Learning time in iterations; infinite where ``uf == s / d != u0``.

    Raises
    ------
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
    u0, uf, s, tau, n_layers = _whitened(u0=u0, uf=uf, s=s, tau=tau, n_layers=n_layers, d=d)
    _require_reachable(u0, uf, s)
    n_weights = n_layers - 1
    return (_learning_time(u0, uf, s, 2 - 2 / n_weights) * tau / n_weights)[()]


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
    s : array_like
        Singular value of the mode, not negative.
    tau : array_like
        Time constant in iterations, the inverse of the learning rate.
    n_layers : array_like of int, optional
        Number of layers of units, at least 2.
    d : array_like, optional
        Input correlation along the mode, positive; 1 for white inputs.

    Returns
    -------
    ndarray
        Half-learning time in iterations.

    Raises
    ------
    ValueError
        If an argument is not finite or out of range, or `u0` exceeds ``s / (2 d)``.

    Notes
    -----
    The quantity of Fig. 3, right; see `learning_time`.

    Examples
    --------
    >>> from dlnlib.exact import half_learning_time
    >>> print(half_learning_time(1e-6, s=20.0, tau=2000.0).round(1))
    840.6
    """
    u0, s, tau, n_layers = _whitened(u0=u0, s=s, tau=tau, n_layers=n_layers, d=d)
    _require("u0", u0, u0 <= s / 2, "must be at most s / (2 d)")
    return learning_time(u0, s / 2, s=s, tau=tau, n_layers=n_layers)


def infinite_depth_learning_time(
    u0: ArrayLike, uf: ArrayLike, *, s: ArrayLike, tau: ArrayLike, d: ArrayLike = 1.0
) -> Array:
    r"""Return the number of layers times the learning time of infinitely many layers.

    .. math:: N_l\,t = \tau \left[ \frac{d}{s^2} \ln\frac{u_f (d\,u_0 - s)}{u_0 (d\,u_f - s)}
              + \frac{1}{s u_0} - \frac{1}{s u_f} \right].

    Parameters
    ----------
    u0, uf : array_like
        Initial and final mode strength; `uf` lies between `u0` and ``s / d``.
    s : array_like
        Singular value of the mode, not negative.
    tau : array_like
        Time constant in iterations, the inverse of the learning rate.
    d : array_like, optional
        Input correlation along the mode, positive; 1 for white inputs.

    Returns
    -------
    ndarray
        :math:`N_l t`, in iterations times layers.

    Raises
    ------
    ValueError
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
    u0, uf, s, tau = _whitened(u0=u0, uf=uf, s=s, tau=tau, d=d)
    _require_reachable(u0, uf, s)
    return (_learning_time(u0, uf, s, np.full(u0.shape, 2.0)) * tau)[()]


def infinite_depth_mode_strength(
    scaled_t: ArrayLike, *, s: ArrayLike, u0: ArrayLike, tau: ArrayLike, d: ArrayLike = 1.0
) -> Array:
    r"""Return the strength of a mode of an infinitely deep network.

    Solves :math:`\tau\, du/d(N_l t) = u^2 (s - d\,u)`, :math:`u(0) = u_0`.

    Parameters
    ----------
    scaled_t : array_like
        Number of layers times time, :math:`N_l t`, not negative.
    s : array_like
        Singular value of the mode, not negative.
    u0 : array_like
        Initial mode strength, not negative.
    tau : array_like
        Time constant in iterations, the inverse of the learning rate.
    d : array_like, optional
        Input correlation along the mode, positive; 1 for white inputs.

    Returns
    -------
    ndarray
        Mode strength, of the broadcast shape of all arguments.

    Raises
    ------
    ValueError
        If an argument is not finite or out of range, or the shapes do not broadcast.

    Notes
    -----
    Eq. 16, by inverting Eq. 17.

    Examples
    --------
    >>> from dlnlib.exact import infinite_depth_mode_strength
    >>> print(infinite_depth_mode_strength([0.0, 1004.907], s=1.0, u0=1e-3, tau=1.0).round(3))
    [0.001 0.5  ]
    """
    t, s, u0, tau = _whitened(scaled_t=scaled_t, s=s, u0=u0, tau=tau, d=d)
    return _between(_deep_mode_strength(t / tau, s, u0, np.full(t.shape, 2.0)), u0, s)


def unbalanced_mode_strength(
    t: ArrayLike,
    *,
    a0: ArrayLike,
    b0: ArrayLike,
    s: ArrayLike,
    tau: ArrayLike,
    d: ArrayLike = 1.0,
) -> Array:
    r"""Return the strength of a three-layer mode whose two layers start unequal.

    Solves :math:`\tau\dot a = b(s-d\,ab)`, :math:`\tau\dot b = a(s-d\,ab)` for
    :math:`u = ab`.

    Parameters
    ----------
    t : array_like
        Time in iterations, not negative.
    a0, b0 : array_like
        Initial strengths of the two layers, of any sign.
    s : array_like
        Singular value of the mode, not negative.
    tau : array_like
        Time constant in iterations, the inverse of the learning rate.
    d : array_like, optional
        Input correlation along the mode, positive; 1 for white inputs.

    Returns
    -------
    ndarray
        Mode strength :math:`u(t)`. It tends to ``s / d``, or to 0 from ``a0 == -b0``.

    Raises
    ------
    ValueError
        If an argument is not finite or out of range, or the shapes do not broadcast.

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
    t, a0, b0, s, tau = _whitened(t=t, a0=a0, b0=b0, s=s, tau=tau, d=d)
    u0, m0, d0 = a0 * b0, (a0 + b0) ** 2, (a0 - b0) ** 2
    c = np.abs(a0 - b0) * np.abs(a0 + b0)
    D = np.hypot(c, 2 * s)
    # The floor only matters on the way to the saddle, where m0 = 0.
    decay = np.maximum(np.exp(-D * t / tau), np.finfo(float).smallest_subnormal)
    f = t / tau * exprel(-D * t / tau)
    grown = (m0 + c * _ratio(c, D + 2 * s)) * f + 2 * decay
    shrunk = (d0 + D + 2 * s) * f + 2 * decay
    # The weights of u0 and s add up to one, and neither is a difference.
    u = u0 * (4 * decay / grown / shrunk) + s * (f * m0 / grown + f * d0 / shrunk)
    return _between(u, u0, np.where(a0 == -b0, 0.0, s))


def unbalanced_learning_time(
    uf: ArrayLike,
    *,
    a0: ArrayLike,
    b0: ArrayLike,
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
    uf : array_like
        Final mode strength, between ``a0 * b0`` and the strength that is tended to.
    a0, b0 : array_like
        Initial strengths of the two layers, of any sign.
    s : array_like
        Singular value of the mode, not negative.
    tau : array_like
        Time constant in iterations, the inverse of the learning rate.
    d : array_like, optional
        Input correlation along the mode, positive; 1 for white inputs.

    Returns
    -------
    ndarray
        Learning time in iterations; infinite where the end is reached only in the limit.

    Raises
    ------
    ValueError
        If an argument is not finite or out of range, or `uf` is never reached.

    Notes
    -----
    Eq. 26, corrected: `s` there must read ``2 * s``.

    Examples
    --------
    >>> from dlnlib.exact import unbalanced_learning_time
    >>> print(unbalanced_learning_time(0.5, a0=1.0, b0=-0.5, s=1.0, tau=1.0).round(3))
    1.191
    """
    uf, a0, b0, s, tau = _whitened(uf=uf, a0=a0, b0=b0, s=s, tau=tau, d=d)
    u0, c = a0 * b0, np.abs(a0 - b0) * np.abs(a0 + b0)
    to_saddle = a0 == -b0
    _require_reachable(u0, uf, np.where(to_saddle, 0.0, s))
    D = np.hypot(c, 2 * s)
    r0, rf = np.hypot(c, 2 * u0), np.hypot(c, 2 * uf)
    m0, mf = _squared_sum(u0, r0, c), _squared_sum(uf, rf, c)
    # Both gaps are written so that they do not cancel as u -> s or uf -> u0.
    m_plus = 2 * s + D
    distance = m0 + c * _ratio(c, m_plus)
    room = 2 * np.abs(s - uf) * _ratio(m_plus + mf, D + rf)
    gap = 2 * np.abs(uf - u0) * _ratio(mf + m0, r0 + rf)
    with np.errstate(divide="ignore", invalid="ignore"):
        away = _log1p_over(np.log(gap) - np.log(distance) - np.log(room), 2 * D)
        saddle = _log1p_over(np.log(np.abs(uf - u0)) - np.log(-uf) - np.log(s - u0), s)
    t = tau * np.where(to_saddle, saddle / 2, 2 * away)
    return np.where(uf == u0, 0.0, t)[()]


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
    a : array_like
        Strength of every layer, not negative.
    s : array_like
        Singular value of the mode, not negative.
    tau : array_like
        Time constant in iterations, the inverse of the learning rate.
    n_layers : array_like of int, optional
        Number of layers of units, at least 2.
    d : array_like, optional
        Input correlation along the mode, positive; 1 for white inputs.

    Returns
    -------
    ndarray
        Curvature, negative for small `a` if there are more than two layers.

    Raises
    ------
    ValueError
        If an argument is not finite or out of range, or the shapes do not broadcast.

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
    return _curvatures(*_whitened(a=a, s=s, tau=tau, n_layers=n_layers, d=d))[0]


def curvature_across_path(
    a: ArrayLike, *, s: ArrayLike, tau: ArrayLike, n_layers: ArrayLike = 3, d: ArrayLike = 1.0
) -> Array:
    r"""Return the curvature of the error in directions that make equal layers unequal.

    It is the eigenvalue, :math:`L-1` times over, of the Hessian in `curvature_along_path`
    whose eigenvectors have components that add up to zero,

    .. math:: \lambda_2 = \frac1\tau\, a^{L-2} (s - d\,a^L).

    Parameters
    ----------
    a : array_like
        Strength of every layer, not negative.
    s : array_like
        Singular value of the mode, not negative.
    tau : array_like
        Time constant in iterations, the inverse of the learning rate.
    n_layers : array_like of int, optional
        Number of layers of units, at least 3.
    d : array_like, optional
        Input correlation along the mode, positive; 1 for white inputs.

    Returns
    -------
    ndarray
        Curvature, zero at the optimum.

    Raises
    ------
    ValueError
        If an argument is not finite or out of range, or the shapes do not broadcast.

    Notes
    -----
    From Eqs. 34-36; the paper does not give it.

    Examples
    --------
    >>> from dlnlib.exact import curvature_across_path
    >>> print(curvature_across_path([0.0, 0.5, 1.0], s=1.0, tau=1.0, n_layers=3))
    [1.   0.75 0.  ]
    """
    a, s, tau, n_layers = _whitened(a=a, s=s, tau=tau, n_layers=n_layers, d=d)
    _require("n_layers", n_layers, n_layers > 2, "must be at least 3, or there are no others")
    return _curvatures(a, s, tau, n_layers)[1]


def largest_curvature(
    a: ArrayLike, *, s: ArrayLike, tau: ArrayLike, n_layers: ArrayLike = 3, d: ArrayLike = 1.0
) -> Array:
    r"""Return the largest eigenvalue of the Hessian where all layers are equal.

    .. math:: \max(\lambda_1, \lambda_2) = \begin{cases}
              \lambda_2, & a^L \le s/2d, \\ \lambda_1, & a^L \ge s/2d. \end{cases}

    Parameters
    ----------
    a : array_like
        Strength of every layer, not negative.
    s : array_like
        Singular value of the mode, not negative.
    tau : array_like
        Time constant in iterations, the inverse of the learning rate.
    n_layers : array_like of int, optional
        Number of layers of units, at least 2.
    d : array_like, optional
        Input correlation along the mode, positive; 1 for white inputs.

    Returns
    -------
    ndarray
        Largest eigenvalue.

    Raises
    ------
    ValueError
        If an argument is not finite or out of range, or the shapes do not broadcast.

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
    a, s, tau, n_layers = _whitened(a=a, s=s, tau=tau, n_layers=n_layers, d=d)
    along, across = _curvatures(a, s, tau, n_layers)
    return np.where(n_layers == 2, along, np.maximum(along, across))[()]


def newton_step(
    a: ArrayLike, *, s: ArrayLike, n_layers: ArrayLike = 3, d: ArrayLike = 1.0
) -> Array:
    r"""Return the Newton step that equal layers all take.

    .. math:: \Delta a = \frac{a\,(s - d\,a^L)}{(2L-1)\,d\,a^L - (L-1)\,s}, \qquad L = N_l-1.

    Parameters
    ----------
    a : array_like
        Strength of every layer, not negative.
    s : array_like
        Singular value of the mode, not negative.
    n_layers : array_like of int, optional
        Number of layers of units, at least 2.
    d : array_like, optional
        Input correlation along the mode, positive; 1 for white inputs.

    Returns
    -------
    ndarray
        Change of every layer's strength; infinite where the curvature vanishes, and towards
        zero, away from the optimum, where :math:`d\,a^L < s\,(L-1)/(2L-1)`.

    Raises
    ------
    ValueError
        If an argument is not finite or out of range, or the shapes do not broadcast.

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
    a, s, n_layers = _whitened(a=a, s=s, n_layers=n_layers, d=d)
    n_weights = n_layers - 1
    u = a**n_weights
    step = _ratio(a * (s - u), (2 * n_weights - 1) * u - (n_weights - 1) * s)
    return np.where(n_layers == 2, s - a, step)[()]


def stable_learning_rate(*, s: ArrayLike, n_layers: ArrayLike = 3, d: ArrayLike = 1.0) -> Array:
    r"""Return the learning rate up to which gradient descent can settle at the optimum.

    .. math:: \frac{2}{\tau\lambda_1} = \frac{2}{L\,d\,(s/d)^{2-2/L}}, \qquad L = N_l-1.

    Parameters
    ----------
    s : array_like
        Singular value of the mode, not negative.
    n_layers : array_like of int, optional
        Number of layers of units, at least 2.
    d : array_like, optional
        Input correlation along the mode, positive; 1 for white inputs.

    Returns
    -------
    ndarray
        Learning rate for the error :math:`\frac12\sum\|y - Wx\|^2`; infinite for a mode of
        more than two layers without a singular value.

    Raises
    ------
    ValueError
        If an argument is not finite or out of range, or the shapes do not broadcast.

    Notes
    -----
    From Eq. 41. A network with white inputs that learns several modes is bound by the
    strongest. Equal layers are the flattest way to make up a product, so that at higher
    rates descent settles at no other minimum either.

    Examples
    --------
    >>> from dlnlib.exact import stable_learning_rate
    >>> print(stable_learning_rate(s=2.0, n_layers=[2, 3, 101]).round(5))
    [2.      0.5     0.00507]
    """
    return 2 * optimal_learning_rate(s=s, n_layers=n_layers, d=d)


def optimal_learning_rate(*, s: ArrayLike, n_layers: ArrayLike = 3, d: ArrayLike = 1.0) -> Array:
    r"""Return the learning rate at which gradient descent closes in fastest on the optimum.

    .. math:: \frac{1}{\tau\lambda_1} = \frac{1}{L\,d\,(s/d)^{2-2/L}}, \qquad L = N_l-1.

    Parameters
    ----------
    s : array_like
        Singular value of the mode, not negative.
    n_layers : array_like of int, optional
        Number of layers of units, at least 2.
    d : array_like, optional
        Input correlation along the mode, positive; 1 for white inputs.

    Returns
    -------
    ndarray
        Learning rate, half of `stable_learning_rate`.

    Raises
    ------
    ValueError
        If an argument is not finite or out of range, or the shapes do not broadcast.

    Notes
    -----
    Eqs. 41 and 42. It is optimal for the last part of the way, where a step of gradient
    descent is then a Newton step. The whole way from a small start may be shorter at a
    somewhat higher rate.

    Examples
    --------
    >>> from dlnlib.exact import optimal_learning_rate
    >>> print(optimal_learning_rate(s=2.0, n_layers=[2, 3, 101]).round(5))
    [1.      0.25    0.00253]
    """
    s, tau, n_layers = _whitened(s=s, tau=1.0, n_layers=n_layers, d=d)
    n_weights = n_layers - 1
    with np.errstate(divide="ignore", over="ignore"):
        return tau / n_weights * s ** (2 / n_weights - 2)


def optimal_learning_time(
    u0: ArrayLike, uf: ArrayLike, *, s: ArrayLike, n_layers: ArrayLike = 3, d: ArrayLike = 1.0
) -> Array:
    r"""Return the learning time at the optimal learning rate.

    .. math:: t = \int_{v_0}^{v_f} \frac{dv}{v^{2-2/L}\,(1-v)}, \qquad v = \frac{d\,u}{s},
              \quad L = N_l-1.

    Parameters
    ----------
    u0, uf : array_like
        Initial and final mode strength; `uf` lies between `u0` and ``s / d``.
    s : array_like
        Singular value of the mode, positive.
    n_layers : array_like of int, optional
        Number of layers of units, at least 2.
    d : array_like, optional
        Input correlation along the mode, positive; 1 for white inputs.

    Returns
    -------
    ndarray
        Learning time in iterations.

    Raises
    ------
    ValueError
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
    u0, uf, s, n_layers = _whitened(u0=u0, uf=uf, s=s, n_layers=n_layers, d=d)
    return _optimal_learning_time(u0, uf, s, 2 - 2 / (n_layers - 1))


def infinite_depth_optimal_learning_time(
    u0: ArrayLike, uf: ArrayLike, *, s: ArrayLike, d: ArrayLike = 1.0
) -> Array:
    r"""Return the learning time of infinitely many layers at the optimal learning rate.

    .. math:: t_\infty = \ln\frac{u_f (d\,u_0 - s)}{u_0 (d\,u_f - s)}
              + \frac{s}{d\,u_0} - \frac{s}{d\,u_f}.

    Parameters
    ----------
    u0, uf : array_like
        Initial and final mode strength; `uf` lies between `u0` and ``s / d``.
    s : array_like
        Singular value of the mode, positive.
    d : array_like, optional
        Input correlation along the mode, positive; 1 for white inputs.

    Returns
    -------
    ndarray
        Learning time in iterations, the limit of `optimal_learning_time`.

    Raises
    ------
    ValueError
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
    u0, uf, s = _whitened(u0=u0, uf=uf, s=s, d=d)
    return _optimal_learning_time(u0, uf, s, np.full(u0.shape, 2.0))


def momentum_growth_rate(*, s: ArrayLike, tau: ArrayLike, momentum: ArrayLike) -> Array:
    r"""Return how fast a small mode of three layers grows under descent with momentum.

    .. math:: \frac{d\ln u}{dt} = 2\ln\rho, \qquad
              \rho^2 - (1 + \beta + s/\tau)\,\rho + \beta = 0, \quad \rho \ge 1.

    Parameters
    ----------
    s : array_like
        Singular value of the mode, not negative.
    tau : array_like
        Time constant in iterations, the inverse of the learning rate.
    momentum : array_like
        Fraction :math:`\beta` of a step that the next one repeats, from 0 to 1.

    Returns
    -------
    ndarray
        Growth rate of the mode strength per iteration, exact for steps of any size.

    Raises
    ------
    ValueError
        If an argument is not finite or out of range, or the shapes do not broadcast.

    Notes
    -----
    Section 5 names momentum. To second order in :math:`\kappa = s/[\tau(1-\beta)]` the
    rate is :math:`2\kappa\,[1 - \kappa\,(1+\beta)/(2(1-\beta))]`: that of a learning rate
    divided by :math:`1-\beta`, less a lag.

    Examples
    --------
    >>> from dlnlib.exact import momentum_growth_rate
    >>> print(momentum_growth_rate(s=1.0, tau=100.0, momentum=[0.0, 0.9, 1.0]).round(4))
    [0.0199 0.1253 0.1999]
    """
    s, tau, momentum = _arguments(s=s, tau=tau, momentum=momentum)
    # With rho = 1 + x: x**2 + p x - s/tau = 0; neither root formula alone is stable.
    p, step = 1 - momentum - s / tau, s / tau
    root = np.sqrt(p**2 + 4 * step)
    x = np.where(p > 0, _ratio(2 * step, p + root), (root - p) / 2)
    return 2 * np.log1p(x)[()]


def momentum_relaxation(
    *, s: ArrayLike, tau: ArrayLike, momentum: ArrayLike, n_layers: ArrayLike = 3
) -> tuple[Array, Array]:
    r"""Return how fast a mode under descent with momentum settles, and whether it rings.

    .. math:: e^{-r \pm i\omega} = \rho, \qquad
              \rho^2 - (1 + \beta - h/\tau)\,\rho + \beta = 0, \quad h = L\,s^{2-2/L}.

    Parameters
    ----------
    s : array_like
        Singular value of the mode, not negative.
    tau : array_like
        Time constant in iterations, the inverse of the learning rate.
    momentum : array_like
        Fraction :math:`\beta` of a step that the next one repeats, from 0 to 1.
    n_layers : array_like of int, optional
        Number of layers of units, at least 2.

    Returns
    -------
    decay_rate : ndarray
        Decay rate of the distance to the optimum per iteration, of the slower root; negative
        where that is unstable.
    frequency : ndarray
        Its angular frequency.

    Raises
    ------
    ValueError
        If an argument is not finite or out of range, or the shapes do not broadcast.

    Notes
    -----
    Small deviations only. Stable below :math:`1/\tau = 2(1+\beta)/h`; a frequency between 0
    and pi means that it rings, and then the decay rate is :math:`-\tfrac12\ln\beta` whatever
    the learning rate.

    Examples
    --------
    >>> from dlnlib.exact import momentum_relaxation
    >>> rate, frequency = momentum_relaxation(s=1.0, tau=100.0, momentum=[0.0, 0.9])
    >>> print(rate.round(4), frequency.round(4))
    [0.0202 0.0527] [0.     0.1354]
    """
    s, tau, momentum, n_layers = _arguments(s=s, tau=tau, momentum=momentum, n_layers=n_layers)
    n_weights = n_layers - 1
    half = (1 + momentum - n_weights * s ** (2 - 2 / n_weights) / tau) / 2
    root = half + np.where(half < 0, -1, 1) * np.sqrt(half**2 - momentum + 0j)
    with np.errstate(divide="ignore"):
        return -np.log(np.abs(root))[()], np.abs(np.angle(root))[()]


def frictionless_mode_strength(
    t: ArrayLike, *, s: ArrayLike, u0: ArrayLike, tau: ArrayLike
) -> Array:
    r"""Return the strength of a mode of three layers with inertia and without friction.

    Solves :math:`\tau\ddot a = a\,(s - a^2)`, :math:`\dot a(0) = 0`, for :math:`u = a^2`:

    .. math:: u(t) = u_0\,\operatorname{nd}^2\!\left(\sqrt{\frac{2s-u_0}{2\tau}}\;t,\ k\right),
              \qquad k'^2 = 1 - k^2 = \frac{u_0}{2s - u_0}.

    Parameters
    ----------
    t : array_like
        Time in iterations.
    s : array_like
        Singular value of the mode, not negative.
    u0 : array_like
        Initial mode strength, at most `s`.
    tau : array_like
        Time constant in iterations, the inverse of the learning rate.

    Returns
    -------
    ndarray
        Mode strength, which swings between `u0` and ``2 * s - u0`` for ever.

    Raises
    ------
    ValueError
        If an argument is not finite or out of range, or the shapes do not broadcast.

    Notes
    -----
    The limit of momentum 1: Jacobi's elliptic function nd = 1/dn.

    Examples
    --------
    >>> from dlnlib.exact import frictionless_mode_strength
    >>> print(frictionless_mode_strength([0, 2, 4], s=1.0, u0=0.1, tau=1.0).round(3))
    [0.1   0.924 0.826]
    """
    t, s, u0, tau = _arguments(t=t, s=s, u0=u0, tau=tau)
    _require("u0", u0, u0 <= s, "must not exceed s")
    top = 2 * s - u0
    complement = _ratio(u0, top)
    # A mode that starts at zero stays there: its period is infinite.
    moving = complement > 0
    quarter = ellipkm1(np.where(moving, complement, 1.0))
    phase = np.where(moving, np.mod(np.sqrt(top / (2 * tau)) * t, 2 * quarter), 0.0)
    # Counted from the nearer turning point: ellipj knows k**2 alone, whose distance from one
    # rounds off for a small start, and only the far end of dn notices.
    from_start = np.minimum(phase, 2 * quarter - phase)
    early = from_start < quarter / 2
    dn = ellipj(np.where(early, from_start, quarter - from_start), 1 - complement)[2]
    return np.where(early, u0 / dn**2, top * dn**2)[()]


def dropout_mode_strengths(s: ArrayLike, *, n_hidden: int, keep: float) -> Array:
    r"""Return the mode strengths at which dropout of hidden units stops learning.

    .. math:: u_\alpha = (s_\alpha - \theta)_+, \qquad
              \theta = \frac{q}{N_2}\sum_\alpha u_\alpha, \quad q = \frac{1-p}{p}.

    Parameters
    ----------
    s : array_like, shape (n_modes,)
        Singular values of the modes, not negative.
    n_hidden : int
        Number :math:`N_2` of hidden units, at least the number of modes.
    keep : float
        Probability :math:`p` with which a hidden unit is kept, above 0 and up to 1.

    Returns
    -------
    ndarray, shape (n_modes,)
        Mode strengths at the minimum of the expected error.

    Raises
    ------
    ValueError
        If an argument is not finite or out of range.

    Notes
    -----
    White inputs. The penalty that dropout amounts to is least where all hidden units carry
    the same, and is then a squared nuclear norm.

    Examples
    --------
    >>> from dlnlib.exact import dropout_mode_strengths
    >>> print(dropout_mode_strengths([3.0, 2.0, 0.2], n_hidden=4, keep=0.5).round(4))
    [2.1667 1.1667 0.    ]
    """
    (s,) = _arguments(s=s)
    if s.ndim != 1 or not 0 < keep <= 1 or int(n_hidden) != n_hidden or n_hidden < len(s):
        raise ValueError(
            "s must be a vector, n_hidden an integer of at least its length and keep in (0, 1], "
            f"got shape {s.shape}, {n_hidden} and {keep}"
        )
    q = (1 - keep) / keep
    ordered = np.sort(s)[::-1]
    # The threshold if the n strongest modes survive, for every n; the true one is the largest.
    n = np.arange(1, len(s) + 1)
    theta = np.max(q * np.cumsum(ordered) / (n_hidden + q * n), initial=0.0)
    return np.maximum(s - theta, 0.0)


def _whitened(*, d: ArrayLike, **values: ArrayLike) -> tuple[Array, ...]:
    """Check the arguments, and take `s` and `tau` to those of the same mode of white inputs."""
    *arrays, d = _arguments(**values, d=d)
    with np.errstate(over="ignore"):
        arrays = [
            x / d if name in ("s", "tau") else x for name, x in zip(values, arrays, strict=True)
        ]
    in_range = [np.isfinite(x) for x in arrays]
    _require("d", d, np.all(in_range, axis=0), "must not take s / d or tau / d out of range")
    return tuple(arrays)


def _arguments(**values: ArrayLike) -> tuple[Array, ...]:
    """Broadcast the arguments and check what their names require."""
    arrays = {name: np.asarray(value, dtype=np.float64) for name, value in values.items()}
    for name, array in arrays.items():
        _require(name, array, np.isfinite(array), "must be finite")
        if name in ("d", "tau"):
            _require(name, array, array > 0, "must be positive")
        elif name == "n_layers":
            integer = array == np.floor(array)
            _require(name, array, integer & (array >= 2), "must be an integer of at least 2")
        elif name == "momentum":
            _require(name, array, (array >= 0) & (array <= 1), "must be from 0 to 1")
        elif name not in ("a0", "b0") and not (name == "uf" and "a0" in arrays):
            _require(name, array, array >= 0, "must not be negative")
    try:
        return tuple(np.broadcast_arrays(*arrays.values()))
    except ValueError:
        shapes = ", ".join(f"{name} {array.shape}" for name, array in arrays.items())
        raise ValueError(f"shapes must broadcast together, got {shapes}") from None


def _require(name: str, array: Array, valid: NDArray[np.bool_], what: str) -> None:
    if not np.all(valid):
        culprit = np.broadcast_to(array, np.shape(valid))[~np.asarray(valid)].flat[0]
        raise ValueError(f"{name} {what}, got {culprit}")


def _require_reachable(u0: Array, uf: Array, end: Array) -> None:
    between = (np.minimum(u0, end) <= uf) & (uf <= np.maximum(u0, end))
    if not np.all(between):
        i = tuple(np.argwhere(~between)[0])
        raise ValueError(
            f"uf must lie between the initial strength {u0[i]} and the final strength {end[i]} "
            f"that learning tends to, got {uf[i]}"
        )


def _between(u: Array, u0: Array, end: Array) -> Array:
    """Clip the last rounding: a mode that moves from u0 towards its end never passes it."""
    return np.clip(u, np.minimum(u0, end), np.maximum(u0, end))[()]


def _two_layer_mode_strength(time: Array, s: Array, u0: Array, p: Array) -> Array:
    return u0 * np.exp(-time) - s * np.expm1(-time)


def _three_layer_mode_strength(time: Array, s: Array, u0: Array, p: Array) -> Array:
    return _ratio(u0, np.exp(-s * time) + u0 * time * exprel(-s * time))


def _deep_mode_strength(time: Array, s: Array, u0: Array, p: Array) -> Array:
    """Solve du/dtime = u**p (s - u), 1 < p <= 2, for u(time)."""
    # With s = 0 nothing is left to invert; the general case divides by s.
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        u = np.where(s == 0, u0 * (1 + p * time * u0**p) ** (-1 / p), u0)
    moving = (s > 0) & (u0 > 0) & (u0 != s) & (time > 0)
    if moving.any():
        u[moving] = _invert_time(time[moving], s[moving], u0[moving], p[moving])
    return u


def _invert_time(time: Array, s: Array, u0: Array, p: Array) -> Array:
    """Find u(time) through y, the change in the log-odds of the smaller of u/s and s/u."""
    v0, delta0, c, rate = _relative(u0, s, p)
    scaled_time = np.minimum(time * rate, np.finfo(float).max)

    def excess(y: Array, target: Array, v0: Array, delta0: Array, c: Array) -> Array:
        return _scaled_time(y, v0, delta0, c) - target

    # At the upper end the distance to the fixed point is below rounding.
    y = 45.0 - np.log(v0)
    rest = excess(y, scaled_time, v0, delta0, c) > 0
    if rest.any():
        arguments = tuple(array[rest] for array in (scaled_time, v0, delta0, c))
        bracket = (np.zeros(rest.sum()), y[rest])
        y[rest] = elementwise.find_root(excess, bracket, args=arguments, maxiter=500).x
    growth = _growth(y, v0)
    v = (v0 + growth) / (1 + growth)
    return np.where(u0 < s, s * v, s / v)


def _learning_time(u0: Array, uf: Array, s: Array, p: Array) -> Array:
    """Integrate du / (u**p (s - u)) from u0 to uf."""
    with np.errstate(all="ignore"):
        v0, delta0, c, rate = _relative(u0, s, p)
        # The change in log-odds, ln(uf/u0) + ln((s-u0)/(s-uf)), from differences alone.
        log_moved = np.log(np.abs(uf - u0))
        log_approach = np.logaddexp(0, log_moved - np.log(np.abs(s - uf)))
        y = log_approach + np.where(u0 < s, np.logaddexp(0, log_moved - np.log(u0)), 0)
        time = np.where(np.isinf(y), np.inf, _scaled_time(y, v0, delta0, c) / rate)
    return np.where(uf == u0, 0.0, np.where(p == 0, log_approach, time))


def _optimal_learning_time(u0: Array, uf: Array, s: Array, p: Array) -> Array:
    """Return the time of v = u/s to integrate dv / (v**p (1-v)), from differences of u and s."""
    _require("s", s, s > 0, "must be positive")
    _require_reachable(u0, uf, s)
    return (_learning_time(u0, uf, s, p) * s**p)[()]


def _curvatures(a: Array, s: Array, tau: Array, n_layers: Array) -> tuple[Array, Array]:
    """Return the eigenvalues of the Hessian along and, for three layers or more, across."""
    n_weights = n_layers - 1
    with np.errstate(over="ignore"):
        u, pair = a**n_weights, a ** np.maximum(n_weights - 2, 0)
        # A single weight has no mixed derivatives.
        along = np.where(n_layers == 2, 1, pair * ((2 * n_weights - 1) * u - (n_weights - 1) * s))
        return (along / tau)[()], (pair * (s - u) / tau)[()]


def _relative(u0: Array, s: Array, p: Array) -> tuple[Array, Array, Array, Array]:
    """Return v = min(u0/s, s/u0), 1 - v, the exponent of its growth, and its first rate."""
    grows = u0 < s
    larger = np.maximum(u0, s)
    v0, delta0 = np.minimum(u0, s) / larger, np.abs(s - u0) / larger
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        rate = np.where(grows, s * u0 ** (p - 1), u0**p)
    return v0, delta0, np.where(grows, 2 - p, p + 1), rate


def _scaled_time(y: Array, v0: Array, delta0: Array, c: Array) -> Array:
    r"""Integrate (w/v0)**(c-1) over the log-odds of w, by y from those of v0.

    That is v0**(1-c) times the integral of w**(c-2) / (1-w) from v0 to v. The hypergeometric
    function is split off its first terms, 1/(1-w) = 1 + w/(1-w) and again, so that neither
    c -> 1 nor c -> 0 (infinite depth) divides by zero.
    """
    growth = _growth(y, v0)
    log_ratio = y - np.log1p(growth)
    v = (v0 + growth) / (1 + growth)
    h, h0 = _tail(c, v, delta0 / (1 + growth)), _tail(c, v0, delta0)
    with np.errstate(over="ignore", invalid="ignore"):
        powers = np.where(
            c >= 1,
            (v * np.exp((c - 1) * log_ratio) - v0) / np.maximum(c, 1),
            v0 * log_ratio * exprel(c * log_ratio),
        )
        far = log_ratio * exprel((c - 1) * log_ratio) + powers * (1 + c * h) + v0 * (h - h0)
        # The differences cancel for a short step, over which the integrand is all but constant.
        step = np.minimum(y, 1.0)
        log_ratios = [x * step - np.log1p(_growth(x * step, v0)) for x in NODES]
        near = step * np.tensordot(WEIGHTS, np.exp((c - 1) * np.array(log_ratios)), 1)
    return np.where(y < 1, near, far)


def _growth(y: Array, v0: Array) -> Array:
    """Return v0 (exp(y) - 1) without overflow for tiny v0."""
    with np.errstate(over="ignore", invalid="ignore"):
        return np.where(y < 30, v0 * np.expm1(y), np.exp(y + np.log(v0)))


def _tail(c: Array, v: Array, delta: Array) -> Array:
    """Return the sum of v**n / (n + c) over n >= 1, with delta = 1 - v given separately."""
    near_one = delta < 0.1
    series = v * hyp2f1(1.0, 1 + c, 2 + c, np.where(near_one, 0.0, v)) / (1 + c)
    # Near one the logarithm must be taken of delta itself, where 1 - v has lost it: the sum is
    # v**-c times the integral of w**c / (1-w) = 1/(1-w) - (1 - w**c)/(1-w).
    small = np.where(near_one, delta, 0.5)
    rest = [-np.expm1(c * np.log1p(-x * small)) / x for x in NODES]
    logarithmic = -np.log(small) - psi(1 + c) - np.euler_gamma + np.tensordot(WEIGHTS, rest, 1)
    return np.where(near_one, logarithmic / np.exp(c * np.log1p(-small)), series)


def _squared_sum(u: Array, r: Array, c: Array) -> Array:
    """Return (a + b)**2 = 2 u + r for u = ab, r = a**2 + b**2, |a**2 - b**2| = c."""
    return np.where(u >= 0, 2 * u + r, c * _ratio(c, r - 2 * np.minimum(u, 0)))


def _ratio(numerator: Array, denominator: Array) -> Array:
    """Divide, with 0/0 = 0."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        return np.where(numerator == 0, 0.0, numerator / denominator)


def _log1p_over(log_x: Array, scale: Array) -> Array:
    """Return log1p(scale x) / scale, which is x at scale 0, for an x that may overflow."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        log_y = log_x + np.log(scale)
        small = (scale == 0) | (log_y < -40)
        return np.where(small, np.exp(log_x), np.logaddexp(0, log_y) / scale)
