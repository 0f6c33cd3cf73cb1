r"""Wide random networks in theory: variance maps, moments and law of the Jacobian.

A network :math:`x^{l+1} = g\,W^l \varphi(x^l)` has random square weights of one size, orthogonal
or Gaussian with entries of variance :math:`1/N`. When it is wide, the entries of :math:`x^l` are
Gaussian, and their variance :math:`q^l` follows a map. Arrays of variances and of gains broadcast,
but for the law of the Jacobian, which is that of one network.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import elementwise

from dlnlib import _checks, _jacobian_law
from dlnlib._docs import fill
from dlnlib._typing import Array
from dlnlib.nonlinearities import Function, Nonlinearity, function_and_slope

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

# Gaussian averages: the trapezoidal rule in ln|z|, on which a function that bends at any
# scale of z is equally smooth. What it leaves out, |z| < e^-20, is given to the innermost node.
_STEP = 0.1
_Z = np.exp(_STEP * np.arange(-200, 24))
_P = _STEP * _Z * np.exp(-(_Z**2) / 2) / np.sqrt(2 * np.pi)
_P[0] += 0.5 - _P.sum()
_NODES, _WEIGHTS = np.concatenate([-_Z[::-1], _Z]), np.concatenate([_P[::-1], _P])
# A fixed point is sought between two of these.
_VARIANCES = 10.0 ** np.arange(-14, 13)
# Rounding hides whether variance grows or decays by less.
_GROWTH_TOLERANCE = 2e-15


_described = fill(
    gain="""
    gain : array_like
        Gains :math:`g`, not negative.
    """,
    nonlinearity="""
    nonlinearity : str or pair of callable, optional
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
def variance_map(q: ArrayLike, *, gain: ArrayLike, nonlinearity: Nonlinearity = "tanh") -> Array:
    r"""Return the variance of activities one layer further.

    .. math:: q^{l+1} = g^2 \int \varphi\left(\sqrt{q^l}\,z\right)^2 \mathcal Dz, \qquad
              \mathcal Dz = \frac{e^{-z^2/2}}{\sqrt{2\pi}}\,dz.

    Parameters
    ----------
    q : array_like
        Variances :math:`q^l`, not negative.
    %(gain)s
    nonlinearity : str or pair of callable, optional
        ``"tanh"``, ``"erf"`` (of :math:`\sqrt\pi x/2`, whose slope at zero is 1), ``"relu"``,
        ``"linear"``, or :math:`(\varphi, \varphi')`, smooth but for a kink at zero.

    Returns
    -------
    ndarray
        Variances :math:`q^{l+1}`.

    Raises
    ------
    ValueError
        If `q` or `gain` is negative or not finite, or `nonlinearity` is none of these.

    Notes
    -----
    Eq. 48. To rounding, relative, from :math:`10^{-12}` to :math:`10^6` and beyond.

    Examples
    --------
    >>> from dlnlib.mean_field import variance_map
    >>> print(variance_map([0.01, 1.0, 100.0], gain=1.0).round(6))
    [0.009805 0.394294 0.920537]
    """
    q, gain = _variances_and_gains(q, gain)
    phi, _ = function_and_slope(nonlinearity)
    return _variance_map(q, gain, phi)[()]


@_described
def variance_map_derivative(
    q: ArrayLike, *, gain: ArrayLike, nonlinearity: Nonlinearity = "tanh"
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
    ValueError
        If `q` or `gain` is negative or not finite, or `nonlinearity` is not known.

    Notes
    -----
    Of Eq. 48. At a stable fixed point its logarithm is the rate of approach per layer.

    Examples
    --------
    >>> from dlnlib.mean_field import variance_map_derivative
    >>> print(variance_map_derivative([0.0, 1.0], gain=1.1).round(6))
    [1.21     0.219975]
    """
    q, gain = _variances_and_gains(q, gain)
    phi, slope = function_and_slope(nonlinearity)
    # Close enough to zero for the limit, far enough for a function without phi(0) = 0.
    root = np.sqrt(np.maximum(q, 1e-24))[..., None]
    x = root * _NODES
    return (gain**2 * ((phi(x) * slope(x) * _NODES / root) @ _WEIGHTS))[()]


@_described
def stretch_factor(q: ArrayLike, *, gain: ArrayLike, nonlinearity: Nonlinearity = "tanh") -> Array:
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
    ValueError
        If `q` or `gain` is negative or not finite, or `nonlinearity` is not known.

    Notes
    -----
    Poole et al. 2016, where it is :math:`\chi_1`.

    Examples
    --------
    >>> from dlnlib.mean_field import stretch_factor
    >>> print(stretch_factor([0.0, 1.0], gain=1.0).round(6))
    [1.       0.464403]
    """
    q, gain = _variances_and_gains(q, gain)
    _, slope = function_and_slope(nonlinearity)
    return (gain**2 * (slope(_activities(q)) ** 2 @ _WEIGHTS))[()]


@_described
def fixed_point(*, gain: ArrayLike, nonlinearity: Nonlinearity = "tanh") -> Array:
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
        decay to; zero up to the critical gain.

    Raises
    ------
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
    phi, _ = function_and_slope(nonlinearity)
    grows, bracket = _end_of_growth(gain, phi)
    q = np.zeros(gain.shape)
    q[grows] = _root_of_growth(gain[grows], bracket[:, grows], phi)
    return q[()]


@_described
def layer_variances(
    q: ArrayLike, *, n_layers: int, gain: ArrayLike, nonlinearity: Nonlinearity = "tanh"
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
    n_layers, (phi, _) = _checks.count("n_layers", n_layers), function_and_slope(nonlinearity)
    variances = [q]
    with np.errstate(over="ignore"):
        for _ in range(n_layers - 1):
            variances.append(_variance_map(variances[-1], gain, phi))
    return np.array(variances)


@_described
def jacobian_moments(
    q: ArrayLike,
    *,
    n_layers: int,
    gain: ArrayLike,
    nonlinearity: Nonlinearity = "tanh",
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
    _, slope = function_and_slope(nonlinearity)
    q = layer_variances(q, n_layers=n_factors, gain=gain, nonlinearity=nonlinearity)
    squares = slope(_activities(q)) ** 2
    means = squares @ _WEIGHTS
    spreads = squares**2 @ _WEIGHTS / means**2 - 1
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
    nonlinearity: Nonlinearity = "tanh",
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
    network = _jacobian_law.Network(
        variances, nonlinearity, 2 * n_factors * np.log(gain), v * n_factors
    )
    M, psi, error = _jacobian_law.solve(2 * log_s.ravel(), network)
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
    if ensemble not in ("orthogonal", "gaussian"):
        raise ValueError(f"ensemble must be 'orthogonal' or 'gaussian', got {ensemble!r}")
    return 1 if ensemble == "gaussian" else 0


def _activities(q: Array) -> Array:
    """Return the nodes of a Gaussian average over the activities of a layer."""
    return np.sqrt(q)[..., None] * _NODES


def _variance_map(q: Array, gain: Array, phi: Function) -> Array:
    return gain**2 * (phi(_activities(q)) ** 2 @ _WEIGHTS)


def _growth(log_q: Array, gain: Array, phi: Function) -> Array:
    """Return by what share a layer enlarges variance."""
    q = np.exp(log_q)
    return _variance_map(q, gain, phi) / q - 1


def _end_of_growth(gain: Array, phi: Function) -> tuple[Array, Array]:
    """Tell for which gains any variance grows, and between which logarithms growth ends."""
    log_q = np.log(_VARIANCES)
    rates = _growth(log_q, gain[..., None], phi)
    grows, decays = rates > _GROWTH_TOLERANCE, rates < -_GROWTH_TOLERANCE
    neither = np.all(np.abs(rates) <= _GROWTH_TOLERANCE, axis=-1)
    _checks.require("gain", gain, ~neither, "must not make every variance a fixed point")
    if not np.all(decays[..., -1]):
        first = np.flatnonzero(~decays[..., -1])[0]
        raise RuntimeError(
            f"no fixed point for gain {gain.flat[first]:g}: at q = {_VARIANCES[-1]:.0e} a layer "
            f"still multiplies it by {1 + rates[..., -1].flat[first]:.6g}"
        )
    places = np.arange(len(log_q))
    lower = np.max(np.where(grows, places, 0), axis=-1)
    upper = np.argmax(decays & (places > lower[..., None]), axis=-1)
    return np.any(grows, axis=-1), log_q[np.array([lower, upper])]


def _root_of_growth(gain: Array, bracket: Array, phi: Function) -> Array:
    """Solve for the variance that a layer leaves as it is."""

    def growth(log_q: Array, gain: Array) -> Array:
        return _growth(log_q, gain, phi)

    # To the last digit of ln q: the residual decides whether that was enough.
    log_q = elementwise.find_root(
        growth,
        (bracket[0], bracket[1]),
        args=(gain,),
        tolerances={"xatol": 1e-16, "xrtol": 4e-16, "fatol": 0.0},
        maxiter=200,
    ).x
    rest = growth(log_q, gain)
    if not np.all(np.abs(rest) <= _GROWTH_TOLERANCE):
        first = np.argmin(np.abs(rest) <= _GROWTH_TOLERANCE)
        raise RuntimeError(
            f"no fixed point for gain {gain[first]:g}: at q = {np.exp(log_q[first]):.6g}, the best "
            f"found, a layer still multiplies it by 1 + {rest[first]:.3g}"
        )
    return np.exp(log_q)
