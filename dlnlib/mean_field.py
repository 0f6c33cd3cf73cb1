r"""Wide random networks in theory: variance maps, moments and law of the Jacobian.

A network :math:`x^{l+1} = g\,W^l \varphi(x^l)` has random square weights of one size, orthogonal
or Gaussian with entries of variance :math:`1/N`. When it is wide, the entries of :math:`x^l` are
Gaussian, and their variance :math:`q^l` follows a map. Arrays of variances and of gains broadcast,
but for the law of the Jacobian, which is that of one network.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import elementwise
from scipy.special import expit

from dlnlib import _checks, _jacobian_law
from dlnlib._docs import fill
from dlnlib._typing import Array
from dlnlib.nonlinearities import NONLINEARITIES, Function, Nonlinearity, NonlinearityLike

__all__ = [
    "JacobianMoments",
    "LimitingSpectrum",
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
    q: ArrayLike, *, gain: ArrayLike, nonlinearity: NonlinearityLike = "tanh"
) -> Array:
    r"""Return the variance of activities one layer further.

    .. math:: q^{l+1} = g^2 \int \varphi\left(\sqrt{q^l}\,z\right)^2 \mathcal Dz, \qquad
              \mathcal Dz = \frac{e^{-z^2/2}}{\sqrt{2\pi}}\,dz.

    Parameters
    ----------
    q : array_like
        Variances :math:`q^l`, not negative.
    %(gain)s
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
        If `q` or `gain` is negative or not finite, or `nonlinearity` is none of these.

    Notes
    -----
    Eq. 48. To :math:`10^{-12}`, relative, at all variances of tanh, however small or large:
    nodes are evenly spaced in :math:`\ln|z|`, on both sides of every kink. Results too large for
    a number are infinite.

    Examples
    --------
    >>> from dlnlib.mean_field import variance_map
    >>> print(variance_map([0.01, 1.0, 100.0], gain=1.0).round(6))
    [0.009805 0.394294 0.920537]
    """
    q, gain = _variances_and_gains(q, gain)
    f = _checked(q, nonlinearity)
    return _gained(gain, *_mean_square(f.function, q, f.kinks))[()]


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
    q, gain = _variances_and_gains(q, gain)
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
    q, gain = _variances_and_gains(q, gain)
    f = _checked(q, nonlinearity)
    return _gained(gain, *_mean_square(f.slope, q, f.kinks))[()]


@_described
def fixed_point(*, gain: ArrayLike, nonlinearity: NonlinearityLike = "tanh") -> Array:
    r"""Return the variance at which activities settle in a deep network.

    .. math:: q^\infty = g^2 \int \varphi\left(\sqrt{q^\infty}\,z\right)^2 \mathcal Dz.

    Parameters
    ----------
    %(gain)s
    %(nonlinearity)s

    Returns
    -------
    ndarray
        For every gain the largest fixed point below :math:`10^{12}`, which larger variances
        decay to, or if they grow there, below :math:`10^{300}`; zero up to the critical gain.

    Raises
    ------
    TypeError
        If an argument is not made of real numbers, or `nonlinearity` not of functions.
    ValueError
        If `gain` is negative or not finite, `nonlinearity` is not known, or the two make every
        variance a fixed point.
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
    gain = _checks.not_negative("gain", gain)
    f = _checked(_VARIANCES, nonlinearity)
    with np.errstate(over="ignore"):
        grows, bracket = _end_of_growth(gain, f)
        q = np.zeros(gain.shape)
        q[grows] = _root_of_growth(gain[grows], bracket[:, grows], f)
    return q[()]


@_described
def layer_variances(
    q: ArrayLike, *, n_layers: int, gain: ArrayLike, nonlinearity: NonlinearityLike = "tanh"
) -> Array:
    r"""Return the variance of activities in every layer.

    .. math:: q^1, \dots, q^{N_l}, \qquad
              q^{l+1} = g^2 \int \varphi\left(\sqrt{q^l}\,z\right)^2 \mathcal Dz.

    Parameters
    ----------
    q : array_like
        Variances :math:`q^1` of the first layer, not negative.
    n_layers : int
        Number of layers of units :math:`N_l`.
    %(gain)s
    %(nonlinearity)s

    Returns
    -------
    ndarray, shape (n_layers, ...)
        Variances, layers first, then the shape that `q` and `gain` broadcast to; infinite where
        they grow beyond all numbers.

    Raises
    ------
    TypeError
        If an argument is not made of real numbers, or `nonlinearity` not of functions.
    ValueError
        If `q` or `gain` is negative or not finite, `n_layers` is not a positive integer, or
        `nonlinearity` is not known.

    Notes
    -----
    Eq. 48, iterated.

    Examples
    --------
    >>> from dlnlib.mean_field import layer_variances
    >>> print(layer_variances(4.0, n_layers=5, gain=1.0).round(4))
    [4.     0.6353 0.3137 0.2034 0.1491]
    """
    q, gain = _variances_and_gains(q, gain)
    n_layers, f = _checks.count("n_layers", n_layers), Nonlinearity.of(nonlinearity)
    variances = np.empty((n_layers, *q.shape))
    variances[0] = q
    for layer in range(1, n_layers):
        # What has left the range of numbers stays out.
        before = variances[layer - 1]
        after = _gained(gain, *_mean_square(f.function, before, f.kinks))
        variances[layer] = np.where(np.isinf(before), before, after)
    _checked(variances, f)
    return variances


@_described
def jacobian_moments(
    q: ArrayLike,
    *,
    n_layers: int,
    gain: ArrayLike,
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
    %(nonlinearity)s
    ensemble : str, optional
        ``"orthogonal"`` or ``"gaussian"`` weights.

    Returns
    -------
    JacobianMoments
        The two, in the limit of infinite width, of the shape that `q` and `gain` broadcast to.

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
    q, gain = _checks.broadcast(q=_checks.not_negative("q", q), gain=_checks.positive("gain", gain))
    q = layer_variances(q, n_layers=n_factors, gain=gain, nonlinearity=nonlinearity)
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
    variances = layer_variances(q, n_layers=n_factors, gain=gain, nonlinearity=nonlinearity)
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


def _variances_and_gains(q: ArrayLike, gain: ArrayLike) -> tuple[Array, Array]:
    q, gain = _checks.broadcast(
        q=_checks.not_negative("q", q), gain=_checks.not_negative("gain", gain)
    )
    return q, gain


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


def _growth(q: Array, gain: Array, f: Nonlinearity) -> Array:
    """Return by what share a layer enlarges variance."""
    with np.errstate(over="ignore"):
        return _gained(gain, *_mean_square(f.function, q, f.kinks)) / q - 1


def _end_of_growth(gain: Array, f: Nonlinearity) -> tuple[Array, Array]:
    """Tell for which gains any variance grows, and between which logarithms growth ends."""
    q = _VARIANCES
    rates = _growth(q, gain[..., None], f)
    neither = np.all(np.abs(rates) <= _GROWTH_TOLERANCE, axis=-1)
    _checks.require("gain", gain, ~neither, "must not make every variance a fixed point")
    if not np.all(rates[..., -1] < -_GROWTH_TOLERANCE):
        q = np.concatenate([q, _LARGE_VARIANCES])
        rates = _growth(q, gain[..., None], f)
    grows, decays = rates > _GROWTH_TOLERANCE, rates < -_GROWTH_TOLERANCE
    if not np.all(decays[..., -1]):
        first = np.flatnonzero(~decays[..., -1])[0]
        raise RuntimeError(
            f"no fixed point for gain {gain.flat[first]:g}: at q = {q[-1]:.0e} a layer "
            f"still multiplies it by {1 + rates[..., -1].flat[first]:.6g}"
        )
    places = np.arange(len(q))
    lower = np.max(np.where(grows, places, 0), axis=-1)
    upper = np.argmax(decays & (places > lower[..., None]), axis=-1)
    return np.any(grows, axis=-1), np.log(q)[np.array([lower, upper])]


def _root_of_growth(gain: Array, bracket: Array, f: Nonlinearity) -> Array:
    """Solve for the variance that a layer leaves as it is."""

    def growth(log_q: Array, gain: Array) -> Array:
        return _growth(np.exp(log_q), gain, f)

    # To the last digit of ln q: the residual decides whether that was enough.
    log_q = elementwise.find_root(
        growth,
        (bracket[0], bracket[1]),
        args=(gain,),
        tolerances={"xatol": 1e-16, "xrtol": 4e-16, "fatol": 0.0},
        maxiter=200,
    ).x
    q = np.exp(log_q)
    rest = _growth(q, gain, f)
    # Of a large q its logarithm lacks the last digits, which the map has.
    mapped = q * (1 + rest)
    rest_of_mapped = _growth(mapped, gain, f)
    better = np.abs(rest_of_mapped) < np.abs(rest)
    q, rest = np.where(better, mapped, q), np.where(better, rest_of_mapped, rest)
    if not np.all(np.abs(rest) <= _GROWTH_TOLERANCE):
        first = np.argmin(np.abs(rest) <= _GROWTH_TOLERANCE)
        raise RuntimeError(
            f"no fixed point for gain {gain[first]:g}: at q = {q[first]:.6g}, the best "
            f"found, a layer still multiplies it by 1 + {rest[first]:.3g}"
        )
    return q
