"""Learning with momentum: growth, relaxation, and the limit without friction."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ellipj, ellipkm1

from dlnlib._checks import fraction, not_negative, positive, require
from dlnlib._typing import Array
from dlnlib.exact._arguments import arguments, closed_form, each, layers, ratio

__all__ = ["frictionless_mode_strength", "momentum_growth_rate", "momentum_relaxation"]


@closed_form
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
    step = learning_rate * s
    root_step = np.sqrt(learning_rate) * np.sqrt(s)
    p = 1 - momentum - step
    root = np.hypot(p, 2 * root_step)
    # With rho = 1 + x: x**2 + p x = step; neither root formula alone is stable.
    x = np.where(p > 0, 2 * root_step * ratio(root_step, p + root), root / 2 - p / 2)
    # Where the step overflows the root is the step, whose logarithm does not overflow.
    logarithm = np.where(np.isinf(step), np.log(learning_rate) + np.log(s), np.log1p(x))
    return (2 * logarithm)[()]


@closed_form
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
    # The root, as a small h may leave the range of doubles that the product with it keeps.
    root_h = s ** (1 - 1 / n_weights)
    step = learning_rate * root_h * n_weights * root_h
    root, rings = _discriminant(
        step, np.sqrt(learning_rate) * np.sqrt(n_weights) * root_h, momentum
    )
    total = (1 - step) + momentum
    # With |rho| = 1 + x for the slower root, of either sign: x**2 + p x = excess.
    excess = np.where(total < 0, (step - 2) - 2 * momentum, -step)
    p = 1 - momentum - excess
    x = np.where(p > 0, ratio(2 * excess, p + root), root / 2 - p / 2)
    growth = np.where(x > -0.5, np.log1p(x), np.log(np.abs(total) / 2 + root / 2))
    # Where the step overflows the root is the step, whose logarithm does not overflow.
    log_step = np.log(learning_rate) + 2 * np.log(root_h) + np.log(n_weights)
    growth = np.where(np.isinf(step), log_step, np.where(rings, np.log(momentum) / 2, growth))
    frequency = np.where(rings, np.arctan2(root, total), np.where(total < 0, np.pi, 0.0))
    return (0.0 - growth)[()], frequency[()]


@closed_form
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
    half_top = s - u0 / 2
    log_complement = np.log(u0) - np.log(half_top) - np.log(2)
    complement = np.minimum(np.exp(log_complement), 1.0)
    quarter = np.where(complement > 1e-20, ellipkm1(complement), np.log(4) - log_complement / 2)
    # Of a time that overflows no digit of the phase is left: any will do.
    phase = np.sqrt(half_top) / np.sqrt(tau) * t
    phase = np.mod(np.minimum(phase, np.finfo(float).max), 2 * quarter)
    # Counted from the nearer turning point: there dn is far from its least, and its digits hold.
    from_start = np.minimum(phase, 2 * quarter - phase)
    early = from_start < quarter / 2
    dn = _delta_amplitude(np.where(early, from_start, quarter - from_start), complement, quarter)
    u = np.where(early, u0 / dn / dn, 2 * half_top * dn * dn)
    # A mode that starts at zero stays there: its period is infinite.
    return np.where(u0 == 0, 0.0, u)[()]


def _discriminant(step: Array, root_step: Array, momentum: Array) -> tuple[Array, Array]:
    """Return the root of the magnitude of (1 - step + momentum)**2 - 4 momentum, and where < 0.

    By Heron's formula, so that it cancels only where the two roots meet.
    """
    root_momentum = np.sqrt(momentum)
    to_step, to_momentum = (1 - step) / (1 + root_step), (1 - momentum) / (1 + root_momentum)
    both = np.where(momentum > step, to_momentum - root_step, to_step - root_momentum)
    one, other = to_step + root_momentum, to_momentum + root_step
    root = np.sqrt(np.abs(both) * (1 + root_step + root_momentum)) * np.sqrt(np.abs(one) * other)
    return root, np.sign(both) * np.sign(one) * other < 0


def _delta_amplitude(x: Array, complement: Array, quarter: Array) -> Array:
    """Return Jacobi's dn(x) for 1 - k**2 = complement, up to x = K/2.

    It is a row of pulses, (pi/2K') sum over n of sech(pi (x - 2 n K) / 2K'), all of one sign. With
    a small complement they are far apart; else k**2 has the digits that ellipj needs.
    """
    scale = np.pi / 2 / ellipkm1(1 - complement)
    n = np.arange(-6, 7).reshape(-1, *np.ones(np.ndim(x), int))
    z = np.exp(-np.abs(x - 2 * n * quarter) * scale)
    pulses = scale * np.sum(2 * z / (1 + z * z), axis=0)
    return np.where(complement < 0.01, pulses, ellipj(x, 1 - complement)[2])
