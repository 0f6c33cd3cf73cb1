r"""Wide random networks in theory: variance maps, moments and law of the Jacobian.

A network :math:`x^{l+1} = g\,W^l \varphi(x^l) + b^l` has random square weights of one size,
orthogonal or Gaussian with entries of variance :math:`1/N`, and biases of standard deviation
:math:`\sigma_b`, zero unless they are given. When it is wide, the entries of :math:`x^l` are
Gaussian, and their variance :math:`q^l` follows a map; so does the correlation of two inputs.
Arrays of variances, of gains and of biases broadcast, but for the law of the Jacobian, which is
that of one network. In other papers :math:`x` is the pre-activation, and :math:`g` is
:math:`\sigma_w`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import brentq, elementwise
from scipy.special import expit

from dlnlib import _checks, _jacobian_law
from dlnlib._docs import fill
from dlnlib._quadrature import tanh_sinh
from dlnlib._typing import Array
from dlnlib.nonlinearities import NONLINEARITIES, Function, Nonlinearity, NonlinearityLike

__all__ = [
    "JacobianMoments",
    "LimitingSpectrum",
    "correlation_fixed_point",
    "correlation_map",
    "critical_gain",
    "fixed_point",
    "jacobian_moments",
    "jacobian_spectrum",
    "layer_variances",
    "stretch_factor",
    "variance_map",
    "variance_map_derivative",
]

# Gaussian averages: the trapezoidal rule in the logarithm of the distance from zero and from kinks,
# on which a function that bends at any scale is equally smooth. In steps of this; so many below and
# above a distance of one standard deviation, and more where the function has a scale far from it.
_STEP, _BELOW, _ABOVE = 0.1, 200, 24
# Averages of squares smaller than this, or larger than its inverse, may have lost something.
_TINY = 1e-200
# Variances at once.
_BLOCK = 512
# Variances outside of this are taken for these.
_SMALLEST, _LARGEST = 1e-320, np.finfo(np.float64).max
# Nodes between those may change averages over functions of a user's own by this, relative.
_ROUGHNESS = 1e-7
# A fixed point is sought between two of these; or of the others, if variance grows from here on.
_VARIANCES, _LARGE_VARIANCES = np.logspace(-14, 12, 27), np.logspace(13, 300, 288)
# Rounding hides whether variance grows or decays by less.
_GROWTH_TOLERANCE = 2e-15


_described = fill(
    gain="""
    gain : array_like
        Gains :math:`g`, not negative.
    """,
    nonlinearity="""
    nonlinearity : str, Nonlinearity, pair of callable, or triple, optional
        As for `variance_map`.
    """,
    bias="""
    bias : array_like, optional
        Standard deviation :math:`\\sigma_b` of the biases, not negative.
    """,
)


class JacobianMoments(NamedTuple):
    """Hold two moments of the squared singular values of a Jacobian.

    Attributes
    ----------
    mean : ndarray
        Mean.
    relative_variance : ndarray
        Variance over the square of the mean.
    """

    mean: Array
    relative_variance: Array


class LimitingSpectrum(NamedTuple):
    """Hold the limiting law of the singular values of a Jacobian.

    Attributes
    ----------
    density : ndarray
        Density of their natural logarithms.
    cdf : ndarray
        Share of singular values up to here.
    error : ndarray
        What a Newton step with quadrature twice as fine would change, of 1 or of the density.
    """

    density: Array
    cdf: Array
    error: Array


@_described
def variance_map(
    q: ArrayLike,
    *,
    gain: ArrayLike,
    bias: ArrayLike = 0.0,
    nonlinearity: NonlinearityLike = "tanh",
) -> Array:
    r"""Return the variance of activities one layer further.

    .. math:: q^{l+1} = g^2 \int \varphi\left(\sqrt{q^l}\,z\right)^2 \mathcal Dz + \sigma_b^2,
              \qquad \mathcal Dz = \frac{e^{-z^2/2}}{\sqrt{2\pi}}\,dz.

    Parameters
    ----------
    q : array_like
        Variances :math:`q^l`, not negative.
    %(gain)s
    %(bias)s
    nonlinearity : str, Nonlinearity, pair of callable, or triple, optional
        A name from `nonlinearities`, such as ``"tanh"``, ``"erf"`` (of :math:`\sqrt\pi x/2`,
        whose slope at zero is 1), ``"relu"``, ``"hard tanh"`` or ``"selu"``; or
        :math:`(\varphi, \varphi')`, smooth but for jumps of the slope, which are found; or
        :math:`(\varphi, \varphi', \text{kinks})`, smooth between these places and zero.

    Returns
    -------
    ndarray
        Variances :math:`q^{l+1}`.

    Raises
    ------
    TypeError
        If an argument is not made of real numbers, or `nonlinearity` not of functions.
    ValueError
        If `q`, `gain` or `bias` is negative or not finite, or `nonlinearity` is none of these.

    Notes
    -----
    Eq. 48, and with biases Poole et al. (2016). To :math:`10^{-12}`, relative, at all variances of
    tanh, however small or large:
    nodes are evenly spaced in :math:`\ln|z|`, on both sides of every kink. Results too large for
    a number are infinite.

    Examples
    --------
    >>> from dlnlib.mean_field import variance_map
    >>> print(variance_map([0.01, 1.0, 100.0], gain=1.0).round(6))
    [0.009805 0.394294 0.920537]
    """
    q, gain, bias = _not_negative(q=q, gain=gain, bias=bias)
    return _mapped(q, gain, bias, _checked(q, nonlinearity))[()]


@_described
def variance_map_derivative(
    q: ArrayLike, *, gain: ArrayLike, nonlinearity: NonlinearityLike = "tanh"
) -> Array:
    r"""Return the slope of the variance map.

    .. math:: \frac{dq^{l+1}}{dq^l} = \frac{g^2}{\sqrt{q^l}} \int z\,
              \varphi\left(\sqrt{q^l}\,z\right) \varphi'\left(\sqrt{q^l}\,z\right) \mathcal Dz.

    Parameters
    ----------
    q : array_like
        Variances :math:`q^l`, not negative.
    %(gain)s
    %(nonlinearity)s

    Returns
    -------
    ndarray
        Slopes.

    Raises
    ------
    TypeError
        If an argument is not made of real numbers, or `nonlinearity` not of functions.
    ValueError
        If `q` or `gain` is negative or not finite, or `nonlinearity` is not known.

    Notes
    -----
    Of Eq. 48. At a stable fixed point its logarithm is the rate of approach per layer. To
    :math:`10^{-12}`, relative, at all variances of tanh; where :math:`\varphi(0) \ne 0`, to
    :math:`10^{-16}/\sqrt{q^l}`, and :math:`10^{-10}` at zero.

    Examples
    --------
    >>> from dlnlib.mean_field import variance_map_derivative
    >>> print(variance_map_derivative([0.0, 1.0], gain=1.1).round(6))
    [1.21     0.219975]
    """
    q, gain = _not_negative(q=q, gain=gain)
    f = _checked(q, nonlinearity)
    # Close enough to zero for the limit, far enough for a function without phi(0) = 0, of which
    # large numbers cancel.
    q = np.maximum(q, 1e-24 if np.all(f.function(np.zeros(1)) == 0) else 1e-11)

    def mean(x: Array, z: Array, p: Array) -> tuple[Array]:
        return (np.vecdot(_of(f.function, x) * _of(f.slope, x) * z, p),)

    (slope,) = _averages(mean, q, f.kinks)
    return _gained(gain, slope / np.sqrt(q))[()]


@_described
def stretch_factor(
    q: ArrayLike, *, gain: ArrayLike, nonlinearity: NonlinearityLike = "tanh"
) -> Array:
    r"""Return the mean squared singular value of the Jacobian of one layer.

    .. math:: \chi = g^2 \int \varphi'\left(\sqrt q\,z\right)^2 \mathcal Dz.

    Parameters
    ----------
    q : array_like
        Variances, not negative.
    %(gain)s
    %(nonlinearity)s

    Returns
    -------
    ndarray
        Factors by which the layer stretches squared lengths of perturbations, on average.

    Raises
    ------
    TypeError
        If an argument is not made of real numbers, or `nonlinearity` not of functions.
    ValueError
        If `q` or `gain` is negative or not finite, or `nonlinearity` is not known.

    Notes
    -----
    Poole et al. 2016, where it is :math:`\chi_1`. To :math:`10^{-12}`, relative, at all variances
    of tanh; at large ones it falls as :math:`q^{-1/2}` where slopes vanish far from zero.

    Examples
    --------
    >>> from dlnlib.mean_field import stretch_factor
    >>> print(stretch_factor([0.0, 1.0], gain=1.0).round(6))
    [1.       0.464403]
    """
    q, gain = _not_negative(q=q, gain=gain)
    f = _checked(q, nonlinearity)
    return _gained(gain, *_mean_square(f.slope, q, f.kinks))[()]


@_described
def fixed_point(
    *, gain: ArrayLike, bias: ArrayLike = 0.0, nonlinearity: NonlinearityLike = "tanh"
) -> Array:
    r"""Return the variance at which activities settle in a deep network.

    .. math:: q^\infty = g^2 \int \varphi\left(\sqrt{q^\infty}\,z\right)^2 \mathcal Dz + \sigma_b^2.

    Parameters
    ----------
    %(gain)s
    %(bias)s
    %(nonlinearity)s

    Returns
    -------
    ndarray
        For every gain the largest fixed point below :math:`10^{12}`, which larger variances
        decay to, or if they grow there, below :math:`10^{300}`; without biases, zero up to the
        critical gain.

    Raises
    ------
    TypeError
        If an argument is not made of real numbers, or `nonlinearity` not of functions.
    ValueError
        If `gain` or `bias` is negative or not finite, `nonlinearity` is not known, or these make
        every variance a fixed point.
    RuntimeError
        If variance grows without bound, or the solution misses the equation.

    Notes
    -----
    Eq. 49. For tanh :math:`q^\infty \approx (g^2 - 1)/2` just above the critical gain of 1, and
    at it :math:`q^l \approx 1/(2l)`. The condition of the equation is :math:`1/(g^2 - 1)`:
    closer to the critical gain than :math:`10^{-14}` the result is zero.

    Examples
    --------
    >>> from dlnlib.mean_field import fixed_point
    >>> print(fixed_point(gain=[0.9, 1.0, 1.01, 1.1]).round(6))
    [0.       0.       0.010133 0.11275 ]
    """
    gain, bias = _not_negative(gain=gain, bias=bias)
    f = _checked(_VARIANCES, nonlinearity)
    with np.errstate(over="ignore"):
        grows, bracket = _end_of_growth(gain, bias, f)
        q = np.zeros(gain.shape)
        q[grows] = _root_of_growth(gain[grows], bias[grows], bracket[:, grows], f)
    return q[()]


@_described
def correlation_map(
    c: ArrayLike,
    *,
    q: ArrayLike,
    gain: ArrayLike,
    bias: ArrayLike = 0.0,
    nonlinearity: NonlinearityLike = "tanh",
) -> Array:
    r"""Return the correlation of the activities of two inputs one layer further.

    .. math:: c^{l+1} = \frac{g^2 \langle\varphi(u)\varphi(v)\rangle + \sigma_b^2}
                            {g^2 \langle\varphi(u)^2\rangle + \sigma_b^2},

    where :math:`u` and :math:`v` are normal, of variance :math:`q` and correlation :math:`c^l`.

    Parameters
    ----------
    c : array_like
        Correlations :math:`c^l`, from -1 to 1.
    q : array_like
        Variance of the activities for either input, positive.
    %(gain)s
    %(bias)s
    %(nonlinearity)s

    Returns
    -------
    ndarray
        Correlations :math:`c^{l+1}`.

    Raises
    ------
    TypeError
        If an argument is not made of real numbers, or `nonlinearity` not of functions.
    ValueError
        If an argument is out of its range, `nonlinearity` is not known, or the variance one layer
        further is zero or not finite.

    Notes
    -----
    Poole et al. (2016). At the fixed point of the variance its slope at 1 is the `stretch_factor`.
    It is computed from the mean square of :math:`\varphi(u) - \varphi(v)`, so that nothing cancels
    close to 1, in polar coordinates of the plane of :math:`u` and :math:`v`, with functions that
    bend only at the ends of sectors, and sectors that come or go only at the ends of rings. To
    :math:`10^{-11}` for variances up to 100, and :math:`10^{-9}` up to 10,000; a call takes a few
    milliseconds for each number.

    Examples
    --------
    >>> from dlnlib.mean_field import correlation_map
    >>> print(correlation_map([0.0, 0.5, 1.0], q=1.0, gain=1.5, bias=0.3).round(6))
    [0.092103 0.521131 1.      ]
    """
    c = _checks.finite("c", c)
    _checks.require("c", c, np.abs(c) <= 1, "must be from -1 to 1")
    q, gain, bias = _not_negative(q=_checks.positive("q", q), gain=gain, bias=bias)
    c, q, gain, bias = _checks.broadcast(c=c, q=q, gain=gain, bias=bias)
    f = _checked(q, nonlinearity)
    after = _mapped(q, gain, bias, f)
    _checks.require("q", q, np.isfinite(after) & (after > 0), "must be mapped to a positive number")
    pairs = zip(c.ravel(), q.ravel(), strict=True)
    apart = np.array([_mean_square_difference(*pair, f) for pair in pairs]).reshape(c.shape)
    return (1 - gain**2 * apart / (2 * after))[()]


@_described
def correlation_fixed_point(
    *, gain: ArrayLike, bias: ArrayLike = 0.0, nonlinearity: NonlinearityLike = "tanh"
) -> Array:
    r"""Return the correlation at which the activities of any two inputs settle.

    .. math:: c^\infty = \frac{g^2 \langle\varphi(u)\varphi(v)\rangle + \sigma_b^2}{q^\infty},

    for :math:`u` and :math:`v` of variance :math:`q^\infty` and correlation :math:`c^\infty`.

    Parameters
    ----------
    %(gain)s
    %(bias)s
    %(nonlinearity)s

    Returns
    -------
    ndarray
        The stable fixed point from 0 to 1: 1 in the ordered phase, where the `stretch_factor` at
        the `fixed_point` is at most 1, and less in the chaotic one.

    Raises
    ------
    TypeError, ValueError, RuntimeError
        As for `fixed_point`; also if activities die out, so that they have no correlation.

    Notes
    -----
    Poole et al. (2016) and Schoenholz et al. (2017). There is one: the map is a power series in
    :math:`c` without negative coefficients, and so convex. Closer to the boundary between the
    phases than :math:`10^{-9}` in the stretch factor the result is 1; rounding of that factor
    leaves errors of up to :math:`10^{-8}` next to it.

    Examples
    --------
    >>> from dlnlib.mean_field import correlation_fixed_point
    >>> print(correlation_fixed_point(gain=[1.0, 2.0], bias=0.3).round(6))
    [1.       0.263895]
    """
    gain, bias = _not_negative(gain=gain, bias=bias)
    f = Nonlinearity.of(nonlinearity)
    q = np.asarray(fixed_point(gain=gain, bias=bias, nonlinearity=f))
    _checks.require("gain", gain, q > 0, "must let activities live, or bias be positive")
    chaotic = stretch_factor(q, gain=gain, nonlinearity=f) > 1 + 1e-9
    cases = zip(gain.ravel(), bias.ravel(), q.ravel(), np.ravel(chaotic), strict=True)
    found = [_settled(g, b, at, f) if chaos else 1.0 for g, b, at, chaos in cases]
    return np.array(found).reshape(gain.shape)[()]


def critical_gain(bias: ArrayLike = 0.0, *, nonlinearity: NonlinearityLike = "tanh") -> Array:
    r"""Return the gain at the boundary between order and chaos.

    .. math:: \chi = g^2 \int \varphi'\left(\sqrt{q^\infty}\,z\right)^2 \mathcal Dz = 1.

    Parameters
    ----------
    bias : array_like, optional
        Standard deviation :math:`\sigma_b` of the biases, not negative.
    nonlinearity : str, Nonlinearity, pair of callable, or triple, optional
        As for `variance_map`.

    Returns
    -------
    ndarray
        Critical gains. Where slopes do not depend on the variance, as for rectifiers, they do not
        depend on the bias either, and variance has no fixed point there.

    Raises
    ------
    TypeError
        If an argument is not made of real numbers, or `nonlinearity` not of functions.
    ValueError
        If `bias` is negative or not finite, `nonlinearity` is not known, or there is no boundary
        for it at this bias.

    Notes
    -----
    Poole et al. (2016). On the boundary :math:`g^2 = 1/\langle\varphi'^2\rangle` and
    :math:`\sigma_b^2 = q - g^2\langle\varphi^2\rangle`, which is solved for :math:`q`. For tanh
    :math:`g - 1 \approx q \propto \sigma_b^{2/3}` close to zero; rounding leaves errors of up to
    :math:`10^{-8}` there.

    Examples
    --------
    >>> from dlnlib.mean_field import critical_gain
    >>> print(critical_gain([0.0, 0.1, 1.0]).round(6))
    [1.       1.193401 1.855589]
    """
    bias = _checks.not_negative("bias", bias)
    f = _checked(_VARIANCES, nonlinearity)
    ends = _VARIANCES[[0, -1]]
    # Next to zero, not at it: there a kink has but one of its slopes.
    gains = 1 / np.sqrt(stretch_factor([1e-40, ends[1]], gain=1.0, nonlinearity=f))
    if gains[0] == gains[1]:
        return np.full(bias.shape, gains[0])[()]
    # Without a bias activities die out at the boundary, unless the function revives them.
    inside = (bias > 0) | bool(np.any(f.function(np.zeros(1)) != 0))

    def missing(log_q: Array, bias: Array) -> Array:
        q = np.exp(log_q)
        gain = stretch_factor(q, gain=1.0, nonlinearity=f) ** -0.5
        return q - _mapped(q, gain, bias, f)

    at_ends = [missing(np.log(end), bias) for end in ends]
    known = ~inside | ((at_ends[0] < 0) & (at_ends[1] > 0))
    _checks.require("bias", bias, known, "must have a boundary between order and chaos")
    found = np.full(bias.shape, gains[0])
    low, high = (np.full(inside.sum(), math.log(end)) for end in ends)
    log_q = elementwise.find_root(missing, (low, high), args=(bias[inside],)).x
    found[inside] = stretch_factor(np.exp(log_q), gain=1.0, nonlinearity=f) ** -0.5
    return found[()]


@_described
def layer_variances(
    q: ArrayLike,
    *,
    n_layers: int,
    gain: ArrayLike,
    bias: ArrayLike = 0.0,
    nonlinearity: NonlinearityLike = "tanh",
) -> Array:
    r"""Return the variance of activities in every layer.

    .. math:: q^1, \dots, q^{N_l}, \qquad
              q^{l+1} = g^2 \int \varphi\left(\sqrt{q^l}\,z\right)^2 \mathcal Dz + \sigma_b^2.

    Parameters
    ----------
    q : array_like
        Variances :math:`q^1` of the first layer, not negative.
    n_layers : int
        Number of layers of units :math:`N_l`.
    %(gain)s
    %(bias)s
    %(nonlinearity)s

    Returns
    -------
    ndarray, shape (n_layers, ...)
        Variances, layers first, then the shape that all arguments broadcast to; infinite where
        they grow beyond all numbers.

    Raises
    ------
    TypeError
        If an argument is not made of real numbers, or `nonlinearity` not of functions.
    ValueError
        If `q`, `gain` or `bias` is negative or not finite, `n_layers` is not a positive integer,
        or `nonlinearity` is not known.

    Notes
    -----
    Eq. 48, iterated.

    Examples
    --------
    >>> from dlnlib.mean_field import layer_variances
    >>> print(layer_variances(4.0, n_layers=5, gain=1.0).round(4))
    [4.     0.6353 0.3137 0.2034 0.1491]
    """
    q, gain, bias = _not_negative(q=q, gain=gain, bias=bias)
    n_layers, f = _checks.count("n_layers", n_layers), Nonlinearity.of(nonlinearity)
    variances = np.empty((n_layers, *q.shape))
    variances[0] = q
    for layer in range(1, n_layers):
        # What has left the range of numbers stays out.
        before = variances[layer - 1]
        after = _mapped(before, gain, bias, f)
        variances[layer] = np.where(np.isinf(before), before, after)
    _checked(variances, f)
    return variances


@_described
def jacobian_moments(
    q: ArrayLike,
    *,
    n_layers: int,
    gain: ArrayLike,
    bias: ArrayLike = 0.0,
    nonlinearity: NonlinearityLike = "tanh",
    ensemble: str = "orthogonal",
) -> JacobianMoments:
    r"""Return mean and variance of the squared singular values of a wide network's Jacobian.

    .. math:: \langle\lambda\rangle = \prod_l \chi_l, \qquad
              \frac{\operatorname{var}\lambda}{\langle\lambda\rangle^2}
              = \sum_l \left(\frac{\langle\varphi_l'^4\rangle}{\langle\varphi_l'^2\rangle^2}
              - 1 + v\right),

    where :math:`v` is 0 for orthogonal and 1 for Gaussian weights.

    Parameters
    ----------
    q : array_like
        Variances :math:`q^1` of the first layer, not negative.
    n_layers : int
        Number of layers of units, at least 2.
    gain : array_like
        Gains :math:`g`, positive.
    %(bias)s
    %(nonlinearity)s
    ensemble : str, optional
        ``"orthogonal"`` or ``"gaussian"`` weights.

    Returns
    -------
    JacobianMoments
        The two, in the limit of infinite width, of the shape that `q`, `gain` and `bias` broadcast
        to.

    Raises
    ------
    TypeError
        If an argument is not made of real numbers, or `nonlinearity` not of functions.
    ValueError
        If an argument is out of its range or not known.

    Notes
    -----
    Pennington, Schoenholz & Ganguli 2017: relative variances add up under free multiplication.

    Examples
    --------
    >>> from dlnlib.mean_field import jacobian_moments
    >>> m = jacobian_moments(1.0, n_layers=100, gain=[0.9, 1.0])
    >>> print(m.mean.round(5), m.relative_variance.round(3))
    [0.      0.00721] [0.948 1.377]
    """
    n_factors = _checks.count("n_layers", n_layers, least=2) - 1
    v = _spread_of_weights(ensemble)
    q, gain, bias = _not_negative(q=q, gain=_checks.positive("gain", gain), bias=bias)
    q = layer_variances(q, n_layers=n_factors, gain=gain, bias=bias, nonlinearity=nonlinearity)
    f = _checked(q, nonlinearity)

    def powers(x: Array, z: Array, p: Array) -> tuple[Array, Array]:
        squares = _of(f.slope, x) ** 2
        return np.vecdot(squares, p), np.vecdot(squares**2, p)

    means, fourths = _averages(powers, q, f.kinks)
    _checks.require("q", q, means > 0, "must leave some slopes of nonlinearity, in every layer,")
    spreads = fourths / means**2 - 1
    log_mean = np.sum(np.log(means), axis=0) + 2 * n_factors * np.log(gain)
    with np.errstate(over="ignore"):
        mean = np.exp(log_mean)[()]
    return JacobianMoments(mean, np.sum(spreads, axis=0) + v * n_factors)


@_described
def jacobian_spectrum(
    log_s: ArrayLike,
    *,
    q: float,
    n_layers: int,
    gain: float,
    bias: float = 0.0,
    nonlinearity: NonlinearityLike = "tanh",
    ensemble: str = "orthogonal",
) -> LimitingSpectrum:
    r"""Return the limiting law of the singular values of a wide network's Jacobian.

    With :math:`M(\zeta) = \langle\lambda/(\zeta - \lambda)\rangle` for the squared singular
    values :math:`\lambda` of the Jacobian, and :math:`M_l` for :math:`\varphi'(x^l)^2`,

    .. math:: \ln\zeta = y + 2L\ln g + \sum_{l=1}^{L} (\ln\zeta_l - y), \qquad
              \ln\frac{1+M(\zeta)}{M(\zeta)} = y = \ln\frac{1+M_l(\zeta_l)}{M_l(\zeta_l)},

    and for Gaussian weights :math:`L\ln(1+M)` besides. Density and distribution function are

    .. math:: p(\ln s) = -\frac{2}{\pi} \operatorname{Im} M, \qquad
              P(\sigma > s) = \frac1\pi \operatorname{Im} \Big[(L-1)\ln(1+M)
              + \sum_l \big\langle\ln(1 - \varphi_l'^2/\zeta_l)\big\rangle\Big]

    at :math:`\zeta = s^2 + i0`, with :math:`L(M - \ln(1+M))` besides for Gaussian weights.

    Parameters
    ----------
    log_s : array_like
        Natural logarithms of singular values.
    q : float
        Variance :math:`q^1` of the first layer, not negative.
    n_layers : int
        Number of layers of units, at least 2.
    gain : float
        Gain :math:`g`, positive.
    bias : float, optional
        Standard deviation of the biases, not negative. It enters by the variances alone.
    %(nonlinearity)s
    ensemble : str, optional
        ``"orthogonal"`` or ``"gaussian"`` weights.

    Returns
    -------
    LimitingSpectrum
        Density and distribution function at `log_s`, smoothed over a factor of
        :math:`1 + 10^{-7}`.

    Raises
    ------
    TypeError
        If an argument is not made of real numbers, or `nonlinearity` not of functions.
    ValueError
        If an argument is out of its range or not known.
    RuntimeError
        If the equations could not be solved: the message says where, and how well.

    Notes
    -----
    The master equation of Pennington, Schoenholz & Ganguli 2017 and 2018, in which
    :math:`\zeta_l/\zeta` and :math:`y` are logarithms of S-transforms and their argument; each
    layer has a variance of its own. Solved by Newton's method, followed from negative
    :math:`\zeta`, where all is real, through the upper half plane. The distribution function is
    the antiderivative, which partial integration gives in closed form.

    Examples
    --------
    >>> from dlnlib.mean_field import jacobian_spectrum
    >>> law = jacobian_spectrum([-4.0, -3.0, -2.0], q=1.0, n_layers=100, gain=1.0)
    >>> print(law.density.round(3), law.cdf.round(3))
    [0.166 0.319 0.503] [0.206 0.44  0.867]
    """
    log_s, q = _checks.finite("log_s", log_s), _checks.number("q", q, least=0.0)
    gain = _checks.number("gain", gain, above=0.0)
    n_factors = _checks.count("n_layers", n_layers, least=2) - 1
    v = _spread_of_weights(ensemble)
    bias = _checks.number("bias", bias, least=0.0)
    variances = layer_variances(
        q, n_layers=n_factors, gain=gain, bias=bias, nonlinearity=nonlinearity
    )
    f = _checked(variances, nonlinearity)
    network = _jacobian_law.Network(
        np.minimum(variances, _LARGEST), f, 2 * n_factors * np.log(gain), v * n_factors
    )
    # Beyond all singular values long before, where doubling could overflow.
    log_x = 2 * np.clip(log_s.ravel(), -1e300, 1e300)
    M, psi, error = _jacobian_law.solve(log_x, network)
    # Far out, where the density is below rounding, the solution may be the conjugate one.
    density, cdf = 2 / np.pi * np.abs(M.imag), 1 - np.abs(psi.imag) / np.pi
    return LimitingSpectrum(*(a.reshape(log_s.shape)[()] for a in (density, cdf, error)))


def _not_negative(**values: ArrayLike) -> tuple[Array, ...]:
    return _checks.broadcast(**{name: _checks.not_negative(name, x) for name, x in values.items()})


def _mapped(q: Array, gain: Array, bias: Array, f: Nonlinearity) -> Array:
    """Return the variance one layer further, infinite where it has left the range of numbers."""
    with np.errstate(over="ignore"):
        return _gained(gain, *_mean_square(f.function, q, f.kinks)) + bias**2


def _settled(gain: float, bias: float, q: float, f: Nonlinearity) -> float:
    """Return the correlation below 1 that the map leaves as it is."""
    after = float(_mapped(np.array(q), np.array(gain), np.array(bias), f))

    def growth(d: float) -> float:
        return gain**2 * _mean_square_difference(1 - d, q, f) / (2 * after * d) - 1

    # Uncorrelated activities without a mean stay so.
    if growth(1.0) > -1e-12:
        return 0.0
    low = 1e-3
    while growth(low) < 0:
        low /= 10
    return 1 - float(brentq(growth, low, 1.0, xtol=1e-15, rtol=1e-14))


def _mean_square_difference(c: float, q: float, f: Nonlinearity) -> float:
    """Return the mean square of f(u) - f(v) for u, v of variance q and correlation c."""
    root, half = math.sqrt(q), math.acos(c) / 2
    bends = np.unique([0.0, *f.kinks])
    radii = _radii(bends, root, half)
    share, weight = _nodes_and_weights(16)
    r = (radii[:-1, None] + np.diff(radii)[:, None] * share).ravel()
    p = (np.diff(radii)[:, None] * weight).ravel() * r * np.exp(-(r**2) / 2)
    # Angles from the line between u and v, to one side of it: the other has the same squares.
    # Where u bends, and where v does; sectors lie between.
    with np.errstate(divide="ignore", over="ignore"):
        at = np.arccos(np.clip(bends / (root * r[:, None]), -1, 1))
    ends = np.abs(np.concatenate([at - half, at + half], axis=1))
    ends = np.sort(np.minimum(ends, 2 * np.pi - ends), axis=1)
    ends = np.pad(ends, ((0, 0), (1, 1)), constant_values=(0.0, np.pi))
    widths = np.diff(ends, axis=1)
    share, weight = _nodes_and_weights(14)
    theta = ends[:, :-1, None] + widths[..., None] * share
    u, v = (root * r[:, None, None] * np.cos(theta + turn) for turn in (half, -half))
    squares = (_of(f.function, u) - _of(f.function, v)) ** 2
    return float(p @ ((squares @ weight) * widths).sum(axis=1) / np.pi)


def _radii(bends: Array, root: float, half: float) -> Array:
    """Return the ends of rings between which sectors neither come nor go."""
    # Circles touch the lines on which u or v bends, or meet where these lines cross.
    with np.errstate(divide="ignore", invalid="ignore"):
        along = np.add.outer(bends, bends) / (2 * np.cos(half))
        across = np.subtract.outer(bends, bends) / (2 * np.sin(half))
        crossings = np.hypot(along, across).ravel()
    radii = np.concatenate([np.abs(bends), crossings, [1.0]]) / root
    # Up to a radius at which the density is below 1e-31; what does not cross is left out here.
    return np.unique([0.0, *radii[radii < 12], 12.0])


@lru_cache(maxsize=4)
def _nodes_and_weights(n: int) -> tuple[Array, Array]:
    """Return a rule on [0, 1] for functions that bend at its ends."""
    near, near_end, weights = tanh_sinh(n, 3.2)
    return np.where(near_end, 1 - near, near), weights


def _spread_of_weights(ensemble: str) -> int:
    """Return the relative variance of the squared singular values of a weight matrix."""
    choices = ("orthogonal", "gaussian")
    return choices.index(_checks.one_of("ensemble", ensemble, choices))


def _checked(q: Array, nonlinearity: NonlinearityLike) -> Nonlinearity:
    """Return a nonlinearity whose averages are right: a known one, or one tried on other nodes."""
    f = Nonlinearity.of(nonlinearity)
    if f in NONLINEARITIES.values():
        return f
    for name, function in (("function", f.function), ("slope", f.slope)):
        here, between = (_mean_square(function, q, f.kinks, shift) for shift in (0.0, 0.5))
        with np.errstate(all="ignore"):
            off = np.abs(np.ldexp(between[0], 2 * (between[1] - here[1])) - here[0])
        if np.any(off > _ROUGHNESS * here[0]):
            raise ValueError(
                f"nonlinearity must have a {name} that is smooth but at zero and its kinks "
                f"{f.kinks}, and neither grows nor oscillates fast: Gaussian averages of its "
                f"square do not converge where the variance is "
                f"{q[off > _ROUGHNESS * here[0]].flat[0]:g}. Kinks may be given as a third entry"
            )
    return f


def _mean_square(
    function: Function, q: Array, kinks: tuple[float, ...], shift: float = 0.0
) -> tuple[Array, Array | int]:
    """Return Gaussian averages of squares over 4**e, which keeps them in range, and the e."""

    def plain(x: Array, z: Array, p: Array) -> tuple[Array]:
        return (np.vecdot(_of(function, x) ** 2, p),)

    def in_range(x: Array, z: Array, p: Array) -> tuple[Array, Array]:
        y = _of(function, x)
        e = np.frexp(np.maximum(y.max(axis=-1), -y.min(axis=-1)))[1]
        return np.vecdot(np.ldexp(y, -e[:, None]) ** 2, p), e

    (square,) = _averages(plain, q, kinks, shift)
    if ((square > _TINY) & (square < 1 / _TINY)).all():
        return square, 0
    square, e = _averages(in_range, q, kinks, shift)
    return square, e


def _gained(gain: Array, mean: Array, e: Array | int = 0) -> Array:
    """Return g^2 4^e times a mean, whatever the sizes of these."""
    with np.errstate(over="ignore"):
        return np.ldexp(gain * np.ldexp(gain * mean, e), e)


def _averages(
    reduced: Callable[[Array, Array, Array], tuple[Array, ...]],
    q: Array,
    kinks: tuple[float, ...],
    shift: float = 0.0,
) -> tuple[Array, ...]:
    """Return what is made of nodes x of variance q, nodes z of variance 1, and weights."""
    flat, blocks = q.ravel(), []
    with np.errstate(all="ignore"):
        for start in range(0, max(flat.size, 1), _BLOCK):
            # An infinite variance is taken for the largest; `layer_variances` puts it back.
            root = np.sqrt(np.minimum(flat[start : start + _BLOCK, None], _LARGEST))
            z, p = _rule(root, kinks, shift)
            blocks.append(reduced(root * z, z, p))
    if len(blocks) > 1:
        blocks = [tuple(np.concatenate(parts) for parts in zip(*blocks, strict=True))]
    return tuple(part.reshape(q.shape) for part in blocks[0])


def _of(function: Function, x: Array) -> Array:
    return np.asarray(function(x), dtype=np.float64)


def _rule(root: Array, kinks: tuple[float, ...], shift: float) -> tuple[Array, Array]:
    """Return nodes and weights of averages over a standard normal z, for kinks at root * z."""
    log_largest = math.log(root.max(initial=1.0))
    if kinks in ((), (0.0,)):
        # A multiple of twenty, so that few rules are made and kept.
        return _rule_around_zero(20 * math.ceil(log_largest / _STEP / 20), shift)
    ends = np.unique([0.0, *kinks]) / np.maximum(root, np.sqrt(_SMALLEST))
    n_more = math.ceil(max(log_largest, math.log(np.abs(ends).max(initial=1.0))) / _STEP)
    d, p = _outwards(n_more, shift)
    z = [ends[:, :1] - d[::-1], ends[:, -1:] + d]
    weights = [np.broadcast_to(p[::-1], z[0].shape), np.broadcast_to(p, z[1].shape)]
    u = _STEP * (np.arange(-_BELOW - n_more, _BELOW + n_more) + 0.5 + shift)
    share, steps = expit(-np.abs(u)), _STEP * expit(u) * expit(-u)
    steps[[0, -1]] /= -np.expm1(-_STEP)
    for low, high in pairwise(ends.T[..., None]):
        z.append(np.where(u < 0, low + (high - low) * share, high - (high - low) * share))
        weights.append((high - low) * steps)
    nodes = np.concatenate(z, axis=1)
    density = np.exp(-(nodes**2) / 2) / np.sqrt(2 * np.pi)
    return nodes, density * np.concatenate(weights, axis=1)


@lru_cache(maxsize=32)
def _rule_around_zero(n_more: int, shift: float) -> tuple[Array, Array]:
    d, p = _outwards(n_more, shift)
    p = p * np.exp(-(d**2) / 2)
    z, p = np.concatenate([-d[::-1], d]), np.concatenate([p[::-1], p]) / (2 * p.sum())
    z.flags.writeable = p.flags.writeable = False
    return z, p


def _outwards(n_more: int, shift: float) -> tuple[Array, Array]:
    """Return distances and steps of the trapezoidal rule in their logarithm."""
    d = np.exp(_STEP * (np.arange(-_BELOW - n_more, _ABOVE) + shift))
    p = _STEP * d
    # What is left out, a geometric series, is given to the innermost node.
    p[0] /= -np.expm1(-_STEP)
    return d, p


def _growth(q: Array, gain: Array, bias: Array, f: Nonlinearity) -> Array:
    """Return by what share a layer enlarges variance."""
    with np.errstate(over="ignore"):
        return _mapped(q, gain, bias, f) / q - 1


def _end_of_growth(gain: Array, bias: Array, f: Nonlinearity) -> tuple[Array, Array]:
    """Tell for which gains any variance grows, and between which logarithms growth ends."""
    gain, bias = gain[..., None], bias[..., None]
    # What is smaller than the variance of biases grows to it.
    least = np.where(bias > 0, np.maximum(bias**2 / 2, _SMALLEST), _VARIANCES[0])
    q = np.concatenate(
        [np.minimum(least, _VARIANCES[0]), _all_like(least, _VARIANCES[1:])], axis=-1
    )
    rates = _growth(q, gain, bias, f)
    neither = np.all(np.abs(rates) <= _GROWTH_TOLERANCE, axis=-1)
    _checks.require("gain", gain[..., 0], ~neither, "must not make every variance a fixed point")
    if not np.all(rates[..., -1] < -_GROWTH_TOLERANCE):
        q = np.concatenate([q, _all_like(least, _LARGE_VARIANCES)], axis=-1)
        rates = _growth(q, gain, bias, f)
    grows, decays = rates > _GROWTH_TOLERANCE, rates < -_GROWTH_TOLERANCE
    if not np.all(decays[..., -1]):
        first = np.flatnonzero(~decays[..., -1])[0]
        raise RuntimeError(
            f"no fixed point for gain {gain.flat[first]:g}: at q = {q.flat[-1]:.0e} a layer "
            f"still multiplies it by {1 + rates[..., -1].flat[first]:.6g}"
        )
    places = np.arange(q.shape[-1])
    lower = np.max(np.where(grows, places, 0), axis=-1)
    upper = np.argmax(decays & (places > lower[..., None]), axis=-1)
    ends = np.stack([lower, upper], axis=-1)
    bracket = np.moveaxis(np.take_along_axis(np.log(q), ends, axis=-1), -1, 0)
    return np.any(grows, axis=-1), bracket


def _all_like(first: Array, values: Array) -> Array:
    return np.broadcast_to(values, (*first.shape[:-1], len(values)))


def _root_of_growth(gain: Array, bias: Array, bracket: Array, f: Nonlinearity) -> Array:
    """Solve for the variance that a layer leaves as it is."""

    def growth(log_q: Array, gain: Array, bias: Array) -> Array:
        return _growth(np.exp(log_q), gain, bias, f)

    # To the last digit of ln q: the residual decides whether that was enough.
    log_q = elementwise.find_root(
        growth,
        (bracket[0], bracket[1]),
        args=(gain, bias),
        tolerances={"xatol": 1e-16, "xrtol": 4e-16, "fatol": 0.0},
        maxiter=200,
    ).x
    q = np.exp(log_q)
    rest = _growth(q, gain, bias, f)
    # Of a large q its logarithm lacks the last digits, which the map has.
    mapped = q * (1 + rest)
    rest_of_mapped = _growth(mapped, gain, bias, f)
    better = np.abs(rest_of_mapped) < np.abs(rest)
    q, rest = np.where(better, mapped, q), np.where(better, rest_of_mapped, rest)
    if not np.all(np.abs(rest) <= _GROWTH_TOLERANCE):
        first = np.argmin(np.abs(rest) <= _GROWTH_TOLERANCE)
        raise RuntimeError(
            f"no fixed point for gain {gain[first]:g}: at q = {q[first]:.6g}, the best "
            f"found, a layer still multiplies it by 1 + {rest[first]:.3g}"
        )
    return q
