"""Learning with momentum: growth, relaxation, and the limit without friction."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ellipj, ellipkm1

from dlnlib._checks import fraction, not_negative, positive, require
from dlnlib._typing import Array
from dlnlib.exact._arguments import arguments, described, each, layers, ratio

__all__ = ["frictionless_mode_strength", "momentum_growth_rate", "momentum_relaxation"]


@described
def momentum_growth_rate(s: ArrayLike, *, learning_rate: ArrayLike, momentum: ArrayLike) -> Array:
    r"""Return how fast a small mode of three layers grows under descent with momentum.

    .. math:: \frac{d\ln u}{dt} = 2\ln\rho, \qquad
              \rho^2 - (1 + \beta + \lambda s)\,\rho + \beta = 0, \quad \rho \ge 1.

    Parameters
    ----------
    %(s)s
    %(learning_rate)s
    %(momentum)s

    Returns
    -------
    ndarray
        Growth rate of the mode strength per iteration, exact for steps of any size.

    Raises
    ------
    %(raises)s

    Notes
    -----
    Section 5 names momentum. To second order in :math:`\kappa = \lambda s/(1-\beta)` the
    rate is :math:`2\kappa\,[1 - \kappa\,(1+\beta)/(2(1-\beta))]`: that of a learning rate
    divided by :math:`1-\beta`, less a lag. Without momentum it is `growth_per_step`.

    Examples
    --------
    >>> from dlnlib.exact import momentum_growth_rate
    >>> print(momentum_growth_rate(1.0, learning_rate=0.01, momentum=[0.0, 0.9, 1.0]).round(4))
    [0.0199 0.1253 0.1999]
    """
    s, learning_rate, momentum = arguments(
        each(not_negative, s=s),
        each(positive, learning_rate=learning_rate),
        each(fraction, momentum=momentum),
    )
    # With rho = 1 + x: x**2 + p x = step; neither root formula alone is stable.
    step = learning_rate * s
    p = 1 - momentum - step
    root = np.sqrt(p**2 + 4 * step)
    x = np.where(p > 0, ratio(2 * step, p + root), (root - p) / 2)
    return 2 * np.log1p(x)[()]


@described
def momentum_relaxation(
    s: ArrayLike, *, learning_rate: ArrayLike, momentum: ArrayLike, n_layers: ArrayLike = 3
) -> tuple[Array, Array]:
    r"""Return how fast a mode under descent with momentum settles, and whether it rings.

    .. math:: e^{-r \pm i\omega} = \rho, \qquad
              \rho^2 - (1 + \beta - \lambda h)\,\rho + \beta = 0, \quad h = L\,s^{2-2/L}.

    Parameters
    ----------
    %(s)s
    %(learning_rate)s
    %(momentum)s
    %(n_layers)s

    Returns
    -------
    decay_rate : ndarray
        Decay rate of the distance to the optimum per iteration, of the slower root; negative
        where that is unstable.
    frequency : ndarray
        Its angular frequency.

    Raises
    ------
    %(raises)s

    Notes
    -----
    Small deviations only. Stable below :math:`\lambda = 2(1+\beta)/h`; a frequency between 0
    and pi means that it rings, and then the decay rate is :math:`-\tfrac12\ln\beta` whatever
    the learning rate.

    Examples
    --------
    >>> from dlnlib.exact import momentum_relaxation
    >>> rate, frequency = momentum_relaxation(1.0, learning_rate=0.01, momentum=[0.0, 0.9])
    >>> print(rate.round(4), frequency.round(4))
    [0.0202 0.0527] [0.     0.1354]
    """
    s, learning_rate, momentum, n_layers = arguments(
        each(not_negative, s=s),
        each(positive, learning_rate=learning_rate),
        each(fraction, momentum=momentum),
        each(layers, n_layers=n_layers),
    )
    n_weights = n_layers - 1
    half = (1 + momentum - learning_rate * n_weights * s ** (2 - 2 / n_weights)) / 2
    root = half + np.where(half < 0, -1, 1) * np.sqrt(half**2 - momentum + 0j)
    with np.errstate(divide="ignore"):
        return -np.log(np.abs(root))[()], np.abs(np.angle(root))[()]


@described
def frictionless_mode_strength(
    t: ArrayLike, *, s: ArrayLike, u0: ArrayLike, tau: ArrayLike
) -> Array:
    r"""Return the strength of a mode of three layers with inertia and without friction.

    Solves :math:`\tau\ddot a = a\,(s - a^2)`, :math:`\dot a(0) = 0`, for :math:`u = a^2`:

    .. math:: u(t) = u_0\,\operatorname{nd}^2\!\left(\sqrt{\frac{2s-u_0}{2\tau}}\;t,\ k\right),
              \qquad k'^2 = 1 - k^2 = \frac{u_0}{2s - u_0}.

    Parameters
    ----------
    %(t)s
    %(s)s
    u0 : array_like
        Initial mode strength, at most `s`.
    %(tau)s

    Returns
    -------
    ndarray
        Mode strength, which swings between `u0` and ``2 * s - u0`` for ever.

    Raises
    ------
    %(raises)s

    Notes
    -----
    The limit of momentum 1: Jacobi's elliptic function nd = 1/dn.

    Examples
    --------
    >>> from dlnlib.exact import frictionless_mode_strength
    >>> print(frictionless_mode_strength([0, 2, 4], s=1.0, u0=0.1, tau=1.0).round(3))
    [0.1   0.924 0.826]
    """
    t, s, u0, tau = arguments(each(not_negative, t=t, s=s, u0=u0), each(positive, tau=tau))
    require("u0", u0, u0 <= s, "must not exceed s")
    top = 2 * s - u0
    complement = ratio(u0, top)
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
