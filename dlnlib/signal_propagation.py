r"""Signals in wide random networks: variance maps, Jacobians and their spectra.

A network :math:`x^{l+1} = g\,W^l \varphi(x^l)` has random square weights of one size, orthogonal
or Gaussian with entries of variance :math:`1/N`. When it is wide, the entries of :math:`x^l` are
Gaussian, and their variance :math:`q^l` follows a map.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq
from scipy.special import erf

from dlnlib.random_matrices import (
    GradedProduct,
    checked_count,
    checked_finite,
    checked_not_negative,
    graded_product,
    log_singular_values,
)

__all__ = [
    "JacobianMoments",
    "LimitingSpectrum",
    "fixed_point",
    "jacobian",
    "jacobian_moments",
    "jacobian_singular_values",
    "jacobian_spectrum",
    "layer_variances",
    "propagate",
    "stretch_factor",
    "variance_map",
    "variance_map_derivative",
]

Array = NDArray[np.float64]
ComplexArray = NDArray[np.complex128]
Function = Callable[[Array], Array]
Nonlinearity = str | tuple[Function, Function]

# Gaussian averages: the trapezoidal rule in ln|z|, on which a function that bends at any
# scale of z is equally smooth. What it leaves out, |z| < e^-20, is given to the innermost node.
_STEP = 0.1
_Z = np.exp(_STEP * np.arange(-200, 24))
_P = _STEP * _Z * np.exp(-(_Z**2) / 2) / np.sqrt(2 * np.pi)
_P[0] += 0.5 - _P.sum()
NODES, WEIGHTS = np.concatenate([-_Z[::-1], _Z]), np.concatenate([_P[::-1], _P])

# A fixed point is sought here, on both sides of which rounding hides whether variance grows.
VARIANCES = 10.0 ** np.arange(-14, 13)
GROWTH_TOLERANCE = 2e-15
# Factors are multiplied out as long as this bounds the condition number of their product: what
# multiplies rounding, in return for one QR less each.
MAX_CONDITION = 1e4
# A slope of zero counts as this: rank would be lost to rounding before its due.
MIN_SLOPE = 1e-100
# Layers of many variances act as a few of suitable ones do.
N_EFFECTIVE = 12
# The limiting law is followed from the negative axis, arg(zeta) = pi, to just above the spectrum.
ANGLES = np.array([*np.linspace(np.pi, 0.05, 12), 0.02, 5e-3, 1e-3, 1e-5, 1e-7])
NEWTON_STEPS, NEWTON_TOLERANCE = 100, 1e-10
# Largest change of a logarithm in one step.
MAX_CHANGE = 2.0
# Nodes of the law of a layer, up to so many standard deviations, and until twice as many would
# change the result by no more than this.
LAST_NODE, N_NODES, LAW_TOLERANCE = 10.0, (192, 768, 3072), 1e-7


class JacobianMoments(NamedTuple):
    """Hold two moments of the squared singular values of a Jacobian.

    Attributes
    ----------
    mean : float
        Mean.
    relative_variance : float
        Variance over the square of the mean.
    """

    mean: float
    relative_variance: float


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


# The variance of activities


def variance_map(q: ArrayLike, *, gain: float, nonlinearity: Nonlinearity = "tanh") -> Array:
    r"""Return the variance of activities one layer further.

    .. math:: q^{l+1} = g^2 \int \varphi\left(\sqrt{q^l}\,z\right)^2 \mathcal Dz, \qquad
              \mathcal Dz = \frac{e^{-z^2/2}}{\sqrt{2\pi}}\,dz.

    Parameters
    ----------
    q : array_like
        Variances :math:`q^l`, not negative.
    gain : float
        Gain :math:`g`, not negative.
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
    >>> from dlnlib.signal_propagation import variance_map
    >>> print(variance_map([0.01, 1.0, 100.0], gain=1.0).round(6))
    [0.009805 0.394294 0.920537]
    """
    q, gain = checked_not_negative("q", q), _gain(gain)
    phi, _ = _pair(nonlinearity)
    return _variance_map(q, gain, phi)


def variance_map_derivative(
    q: ArrayLike, *, gain: float, nonlinearity: Nonlinearity = "tanh"
) -> Array:
    r"""Return the slope of the variance map.

    .. math:: \frac{dq^{l+1}}{dq^l} = \frac{g^2}{\sqrt{q^l}} \int z\,
              \varphi\left(\sqrt{q^l}\,z\right) \varphi'\left(\sqrt{q^l}\,z\right) \mathcal Dz.

    Parameters
    ----------
    q : array_like
        Variances :math:`q^l`, not negative.
    gain : float
        Gain :math:`g`, not negative.
    nonlinearity : str or pair of callable, optional
        As for `variance_map`.

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
    >>> from dlnlib.signal_propagation import variance_map_derivative
    >>> print(variance_map_derivative([0.0, 1.0], gain=1.1).round(6))
    [1.21     0.219975]
    """
    q, gain = checked_not_negative("q", q), _gain(gain)
    phi, slope = _pair(nonlinearity)
    # Close enough to zero for the limit, far enough for a function without phi(0) = 0.
    root = np.sqrt(np.maximum(q, 1e-24))[..., None]
    x = root * NODES
    return (gain**2 * (phi(x) * slope(x) * NODES / root) @ WEIGHTS)[()]


def stretch_factor(q: ArrayLike, *, gain: float, nonlinearity: Nonlinearity = "tanh") -> Array:
    r"""Return the mean squared singular value of the Jacobian of one layer.

    .. math:: \chi = g^2 \int \varphi'\left(\sqrt q\,z\right)^2 \mathcal Dz.

    Parameters
    ----------
    q : array_like
        Variances, not negative.
    gain : float
        Gain :math:`g`, not negative.
    nonlinearity : str or pair of callable, optional
        As for `variance_map`.

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
    >>> from dlnlib.signal_propagation import stretch_factor
    >>> print(stretch_factor([0.0, 1.0], gain=1.0).round(6))
    [1.       0.464403]
    """
    q, gain = checked_not_negative("q", q), _gain(gain)
    _, slope = _pair(nonlinearity)
    return (gain**2 * slope(np.sqrt(q)[..., None] * NODES) ** 2 @ WEIGHTS)[()]


def fixed_point(gain: float, *, nonlinearity: Nonlinearity = "tanh") -> float:
    r"""Return the variance at which activities settle in a deep network.

    .. math:: q^\infty = g^2 \int \varphi\left(\sqrt{q^\infty}\,z\right)^2 \mathcal Dz.

    Parameters
    ----------
    gain : float
        Gain :math:`g`, not negative.
    nonlinearity : str or pair of callable, optional
        As for `variance_map`.

    Returns
    -------
    float
        The largest fixed point below :math:`10^{12}`, which larger variances decay to; zero up
        to the critical gain.

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
    >>> from dlnlib.signal_propagation import fixed_point
    >>> [round(fixed_point(g), 6) for g in (0.9, 1.0, 1.01, 1.1)]
    [0.0, 0.0, 0.010133, 0.11275]
    """
    gain = _gain(gain)
    phi, _ = _pair(nonlinearity)

    def growth(log_q: float) -> float:
        q = np.exp(log_q)
        return float(_variance_map(q, gain, phi) / q - 1)

    rates = np.array([growth(log_q) for log_q in np.log(VARIANCES)])
    if np.all(np.abs(rates) <= GROWTH_TOLERANCE):
        raise ValueError(f"gain must not make every variance a fixed point, got {gain}")
    if not rates[-1] < -GROWTH_TOLERANCE:
        raise RuntimeError(
            f"no fixed point: at q = {VARIANCES[-1]:.0e} a layer still multiplies it by "
            f"{1 + rates[-1]:.6g}"
        )
    growing = np.flatnonzero(rates > GROWTH_TOLERANCE)
    if len(growing) == 0:
        return 0.0
    lower = growing[-1]
    upper = lower + np.argmax(rates[lower:] < -GROWTH_TOLERANCE)
    bracket = np.log(VARIANCES[[lower, upper]])
    log_q = float(brentq(growth, bracket[0], bracket[1], xtol=1e-15, rtol=1e-15, disp=False))
    if not abs(growth(log_q)) <= GROWTH_TOLERANCE:
        raise RuntimeError(
            f"no fixed point: at q = {np.exp(log_q):.6g}, the best found, a layer still multiplies "
            f"it by 1 + {growth(log_q):.3g}"
        )
    return float(np.exp(log_q))


def layer_variances(
    q: ArrayLike, n_layers: int, *, gain: float, nonlinearity: Nonlinearity = "tanh"
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
    gain : float
        Gain :math:`g`, not negative.
    nonlinearity : str or pair of callable, optional
        As for `variance_map`.

    Returns
    -------
    ndarray, shape (n_layers, ...)
        Variances, layers first; infinite where they grow beyond all numbers.

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
    >>> from dlnlib.signal_propagation import layer_variances
    >>> print(layer_variances(4.0, 5, gain=1.0).round(4))
    [4.     0.6353 0.3137 0.2034 0.1491]
    """
    q, gain, n_layers = (
        checked_not_negative("q", q),
        _gain(gain),
        checked_count("n_layers", n_layers),
    )
    phi, _ = _pair(nonlinearity)
    variances = [q]
    with np.errstate(over="ignore"):
        for _ in range(n_layers - 1):
            variances.append(_variance_map(variances[-1], gain, phi))
    return np.array(variances)


# Sampled networks


def propagate(
    x: ArrayLike,
    weights: Iterable[ArrayLike],
    *,
    gain: float,
    nonlinearity: Nonlinearity = "tanh",
) -> Array:
    r"""Send inputs through a network, and return the activities of all layers.

    .. math:: x^{l+1} = g\,W^l \varphi(x^l).

    Parameters
    ----------
    x : array_like, shape (..., size)
        Activities :math:`x^1` of the first layer, for one input or many.
    weights : iterable of array_like, shape (size, size)
        Weight matrices :math:`W^1, W^2, \dots`, each used as it comes.
    gain : float
        Gain :math:`g`, not negative.
    nonlinearity : str or pair of callable, optional
        As for `variance_map`.

    Returns
    -------
    ndarray, shape (n_layers, ..., size)
        Activities, layers first.

    Raises
    ------
    ValueError
        If `x`, a matrix or `gain` is not finite, `gain` is negative, shapes do not match, or
        `nonlinearity` is not known.

    Notes
    -----
    Eq. 20. The variances of Eq. 21 are the means of squares over the last axis.

    Examples
    --------
    >>> import numpy as np
    >>> from dlnlib.random_matrices import orthogonal_factors
    >>> from dlnlib.signal_propagation import propagate
    >>> x = 2 * np.random.default_rng(0).standard_normal((3, 100))
    >>> activities = propagate(x, orthogonal_factors(100, 5, rng=1), gain=1.0)
    >>> activities.shape
    (6, 3, 100)
    """
    gain, (phi, _) = _gain(gain), _pair(nonlinearity)
    layers = [_activities(x)]
    for w in weights:
        layers.append(gain * phi(layers[-1]) @ _weight_matrix(w, layers[0].shape[-1]).T)
    return np.array(layers)


def jacobian(
    x: ArrayLike,
    weights: Iterable[ArrayLike],
    *,
    gain: float,
    nonlinearity: Nonlinearity = "tanh",
) -> GradedProduct:
    r"""Return the Jacobian of a network, without losing its small directions.

    .. math:: J = \frac{\partial x^{N_l}}{\partial x^1}
              = \prod_l g\,W^l \operatorname{diag} \varphi'(x^l).

    Parameters
    ----------
    x : array_like, shape (size,)
        Activities :math:`x^1` of the first layer.
    weights : iterable of array_like, shape (size, size)
        Weight matrices :math:`W^1, W^2, \dots`, each used as it comes.
    gain : float
        Gain :math:`g`, not negative.
    nonlinearity : str or pair of callable, optional
        As for `variance_map`.

    Returns
    -------
    GradedProduct
        The Jacobian, for `random_matrices.log_singular_values`.

    Raises
    ------
    ValueError
        If `x`, a matrix or `gain` is not finite, `gain` is negative, shapes do not match, there
        is no matrix, or `nonlinearity` is not known.

    Notes
    -----
    Eq. 22. Layers are multiplied out while the product is well conditioned: where weights are
    orthogonal, the slopes bound its condition number.

    Examples
    --------
    >>> import numpy as np
    >>> from dlnlib.random_matrices import log_singular_values, orthogonal_factors
    >>> from dlnlib.signal_propagation import jacobian
    >>> x = np.random.default_rng(0).standard_normal(50)
    >>> j = jacobian(x, orthogonal_factors(50, 9, rng=1), gain=0.1, nonlinearity="linear")
    >>> print(log_singular_values(j)[[0, -1]] / np.log(10))
    [-9. -9.]
    """
    gain, (phi, slope) = _gain(gain), _pair(nonlinearity)
    x = _activities(x)
    if x.ndim != 1:
        raise ValueError(f"x must be one input, of shape (size,), got shape {x.shape}")
    return graded_product(_multiplied(_layer_jacobians(x, weights, gain, phi, slope)))


def jacobian_singular_values(
    x: ArrayLike,
    weights: Iterable[ArrayLike],
    *,
    gain: float,
    nonlinearity: Nonlinearity = "tanh",
) -> Array:
    r"""Return the singular values of the Jacobian of a network.

    .. math:: \sigma_i(J), \qquad J = \prod_l g\,W^l \operatorname{diag} \varphi'(x^l).

    Parameters
    ----------
    x : array_like, shape (size,)
        Activities :math:`x^1` of the first layer.
    weights : iterable of array_like, shape (size, size)
        Weight matrices :math:`W^1, W^2, \dots`, each used as it comes.
    gain : float
        Gain :math:`g`, not negative.
    nonlinearity : str or pair of callable, optional
        As for `variance_map`.

    Returns
    -------
    ndarray, shape (size,)
        Singular values, descending, each with its own relative accuracy. Where they may leave
        the range of numbers, take ``log_singular_values(jacobian(...))`` instead.

    Raises
    ------
    ValueError
        If `x`, a matrix or `gain` is not finite, `gain` is negative, shapes do not match, there
        is no matrix, or `nonlinearity` is not known.

    Notes
    -----
    Fig. 7.

    Examples
    --------
    >>> import numpy as np
    >>> from dlnlib.random_matrices import orthogonal_factors
    >>> from dlnlib.signal_propagation import jacobian_singular_values
    >>> x = np.random.default_rng(0).standard_normal(50)
    >>> s = jacobian_singular_values(x, orthogonal_factors(50, 99, rng=1), gain=1.0)
    >>> print(s[0] < 1, s[0] / s[-1] < 1e6)
    True True
    """
    return np.exp(log_singular_values(jacobian(x, weights, gain=gain, nonlinearity=nonlinearity)))


# Wide networks


def jacobian_moments(
    *,
    q: float,
    n_layers: int,
    gain: float,
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
    q : float
        Variance :math:`q^1` of the first layer, not negative.
    n_layers : int
        Number of layers of units, at least 2.
    gain : float
        Gain :math:`g`, positive.
    nonlinearity : str or pair of callable, optional
        As for `variance_map`.
    ensemble : str, optional
        ``"orthogonal"`` or ``"gaussian"`` weights.

    Returns
    -------
    JacobianMoments
        The two, in the limit of infinite width.

    Raises
    ------
    ValueError
        If an argument is out of its range or not known.

    Notes
    -----
    Pennington, Schoenholz & Ganguli 2017: relative variances add up under free multiplication.

    Examples
    --------
    >>> from dlnlib.signal_propagation import jacobian_moments
    >>> m = jacobian_moments(q=1.0, n_layers=100, gain=1.0)
    >>> print(round(m.mean, 5), round(m.relative_variance, 3))
    0.00721 1.377
    """
    n_gaussian = _check_network(q, n_layers, gain, ensemble)
    variances = layer_variances(q, n_layers - 1, gain=gain, nonlinearity=nonlinearity)
    _, slope = _pair(nonlinearity)
    squares = slope(np.sqrt(variances)[:, None] * NODES) ** 2
    means = squares @ WEIGHTS
    spreads = squares**2 @ WEIGHTS / means**2 - 1
    log_mean = np.sum(np.log(means)) + 2 * (n_layers - 1) * np.log(gain)
    return JacobianMoments(float(np.exp(log_mean)), float(np.sum(spreads) + n_gaussian))


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
    nonlinearity : str or pair of callable, optional
        As for `variance_map`.
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
    >>> from dlnlib.signal_propagation import jacobian_spectrum
    >>> law = jacobian_spectrum([-4.0, -3.0, -2.0], q=1.0, n_layers=100, gain=1.0)
    >>> print(law.density.round(3), law.cdf.round(3))
    [0.166 0.319 0.503] [0.206 0.44  0.867]
    """
    log_s = checked_finite("log_s", log_s)
    n_gaussian = _check_network(q, n_layers, gain, ensemble)
    variances = layer_variances(q, n_layers - 1, gain=gain, nonlinearity=nonlinearity)
    case = variances, nonlinearity, 2 * (n_layers - 1) * np.log(gain), n_gaussian
    log_x = 2 * log_s.ravel()
    M, psi, error = np.empty(log_x.shape, complex), np.empty(log_x.shape, complex), log_x + np.inf
    for n_nodes in N_NODES:
        left = ~(error <= LAW_TOLERANCE)
        layers, finer = (_layers(n, *case) for n in (n_nodes, 2 * n_nodes))
        M[left], psi[left], error[left] = _solve(log_x[left], layers, finer)
    if not np.all(error <= LAW_TOLERANCE):
        worst = np.argmin(error <= LAW_TOLERANCE)
        raise RuntimeError(
            f"the law did not converge at {np.sum(~(error <= LAW_TOLERANCE))} of {len(error)} "
            f"points, first at log_s = {log_x[worst] / 2:.6g}, with an error of {error[worst]:.3g}"
        )
    # Far out, where the density is below rounding, the solution may be the conjugate one.
    density, cdf = 2 / np.pi * np.abs(M.imag), 1 - np.abs(psi.imag) / np.pi
    return LimitingSpectrum(*(a.reshape(log_s.shape)[()] for a in (density, cdf, error)))


# Layers of a sampled network


def _layer_jacobians(
    x: Array, weights: Iterable[ArrayLike], gain: float, phi: Function, slope: Function
) -> Iterator[tuple[Array, float]]:
    """Yield the Jacobian of every layer, with a bound on its condition number."""
    for w in weights:
        w = _weight_matrix(w, len(x))
        slopes = slope(x)
        slopes = np.where(np.abs(slopes) < MIN_SLOPE, MIN_SLOPE, slopes)
        sizes = np.abs(slopes)
        yield gain * w * slopes, sizes.max() / sizes.min() if _is_orthogonal(w) else np.inf
        x = gain * (w @ phi(x))


def _multiplied(factors: Iterable[tuple[Array, float]]) -> Iterator[Array]:
    """Multiply neighbours while the bound of their condition number stays small."""
    product, condition = None, 1.0
    for factor, bound in factors:
        if product is not None and condition * bound <= MAX_CONDITION:
            product, condition = factor @ product, condition * bound
            continue
        if product is not None:
            yield product
        product, condition = factor, bound
    if product is not None:
        yield product


def _is_orthogonal(w: Array) -> bool:
    """Tell whether a matrix is orthogonal times a factor, from what it does to one vector."""
    probe = np.cos(np.arange(len(w)) ** 2)
    back = w.T @ (w @ probe)
    turned = back - back @ probe / (probe @ probe) * probe
    return bool(np.linalg.norm(turned) <= 1e-9 * np.linalg.norm(back))


# The limiting law


class _Layers(NamedTuple):
    """Layers of a wide network: squared slopes, their weights, and how many layers have them."""

    squares: ComplexArray
    p: ComplexArray
    counts: Array
    log_gain: float
    n_gaussian: int


def _layers(
    n_nodes: int, variances: Array, nonlinearity: Nonlinearity, log_gain: float, n_gaussian: int
) -> _Layers:
    """Put nodes on a path that keeps away from where a squared slope is zeta.

    That is close to real arguments, below the positive and above the negative ones, wherever the
    density of the spectrum is low.
    """
    effective, counts = _effective_variances(variances)
    _, slope = _pair(nonlinearity)
    root = np.sqrt(np.maximum(effective, 1e-20))[:, None]
    real = (np.arange(n_nodes) + 0.5) / n_nodes * 2 * LAST_NODE - LAST_NODE
    x: Any = root * real
    speed: Any = np.ones(n_nodes)
    if isinstance(nonlinearity, str) and nonlinearity in PATHS:
        height, climb = PATHS[nonlinearity]
        x, speed = x + 1j * height(x), 1 + 1j * climb(x)
    squares: Any = slope(x) ** 2
    p = speed * np.exp(-((x / root) ** 2) / 2) / np.sqrt(2 * np.pi) * 2 * LAST_NODE / n_nodes
    if np.array_equal(squares, squares[:, ::-1]):
        squares, p = squares[:, n_nodes // 2 :], 2 * p[:, n_nodes // 2 :]
    if np.all(squares == squares[0]):
        # Slopes that know no scale make all layers one, with no phase between them to lose.
        squares, p, counts = squares[:1], p[:1], counts.sum(keepdims=True)
    return _Layers(squares, p, counts, log_gain, n_gaussian)


def _average(f: ComplexArray, layers: _Layers) -> ComplexArray:
    return (f @ layers.p[..., None])[..., 0]


def _effective_variances(variances: Array) -> tuple[Array, Array]:
    """Return variances and counts that give smooth functions the same sum over layers.

    They are the nodes and weights of the Gauss rule of the layers, by Lanczos' method.
    """
    x = 1 - 1 / (1 + variances)
    basis, diagonal, beside = [np.full(len(x), len(x) ** -0.5)], [], []
    while True:
        v = x * basis[-1]
        diagonal.append(v @ basis[-1])
        for _ in range(2):
            v = v - sum((u @ v) * u for u in basis)
        size = np.linalg.norm(v)
        if len(diagonal) == N_EFFECTIVE or size < 1e-12:
            break
        beside.append(size)
        basis.append(v / size)
    nodes, vectors = np.linalg.eigh(np.diag(diagonal) + np.diag(beside, 1) + np.diag(beside, -1))
    nodes = np.clip(nodes, 0, 1 - 1e-15)
    return nodes / (1 - nodes), len(x) * vectors[0] ** 2


def _solve(
    log_x: Array, layers: _Layers, finer: _Layers
) -> tuple[ComplexArray, ComplexArray, Array]:
    """Return M, its antiderivative and the error of M just above squared singular values."""
    # What fails shows in its error, which is infinite or not a number.
    with np.errstate(all="ignore"):
        y, w, residual = _follow(log_x, layers)
        M: Any = 1 / np.expm1(y)
        log_U = -np.log1p(-np.exp(-y))
        psi = layers.counts @ _average(_above(np.log1p(-_ratios(w, layers))), layers)
        psi += (layers.counts.sum() - 1) * log_U + layers.n_gaussian * (M - log_U)
        better, _, _ = _newton_step(y, w, log_x + 1j * ANGLES[-1], finer)
        error = np.abs(1 / np.expm1(better) - M) / np.maximum(1, np.abs(M))
    return M, psi, np.where(residual <= NEWTON_TOLERANCE, error, np.inf)


def _follow(log_x: Array, layers: _Layers) -> tuple[ComplexArray, ComplexArray, Array]:
    """Solve on circles of radius exp(log_x), from the negative axis to the positive one."""
    log_means = np.log(_average(layers.squares[:, None], layers).real)
    z = log_x - layers.log_gain - layers.counts @ log_means
    # Exact for linear networks in both limits; ln(1 + M) is 0 in one and y in the other.
    y: ComplexArray = np.maximum(z, z / (1 + layers.n_gaussian)) + 1j * np.pi
    w = y + log_means
    for angle in ANGLES:
        residual = np.full(log_x.shape, np.inf)
        for _ in range(NEWTON_STEPS):
            left = np.flatnonzero(~(residual <= NEWTON_TOLERANCE))
            if len(left) == 0:
                break
            target = log_x[left] + 1j * angle
            y[left], w[:, left], residual[left] = _newton_step(y[left], w[:, left], target, layers)
    return y, w, residual


def _newton_step(
    y: ComplexArray, w: ComplexArray, target: ComplexArray, layers: _Layers
) -> tuple[ComplexArray, ComplexArray, Array]:
    """Take a step to where y of all layers agree, and return the residual before it."""
    t = _ratios(w, layers)
    u = 1 / (1 - t)
    U, M, slope = (_average(f, layers) for f in (u, t * u, t * u * u))
    y_of_w = _above(np.log(U / M))
    stiffness = U * M / slope
    errors = y_of_w - y
    log_U = -np.log1p(-np.exp(-y))
    total = y + layers.log_gain + layers.counts @ (w - y) + layers.n_gaussian * log_U
    change = target - total + layers.counts @ (errors * stiffness)
    change /= 1 + layers.counts @ (stiffness - 1) - layers.n_gaussian / np.expm1(y)
    changes = (change - errors) * stiffness
    residual = np.maximum(np.abs(errors).max(axis=0), np.abs(total - target))
    damping = np.minimum(1.0, MAX_CHANGE / np.abs(changes).max(axis=0))
    return y + damping * change, w + damping * changes, residual


def _above(log: ComplexArray) -> ComplexArray:
    """Return the branch with arguments from -pi/2 to 3 pi/2; rounding takes pi to -pi."""
    return np.where(log.imag < -np.pi / 2, log + 2j * np.pi, log)


def _ratios(w: ComplexArray, layers: _Layers) -> ComplexArray:
    return layers.squares[:, None] * np.exp(-w)[..., None]


# Nonlinearities and other arguments


def _sech2(x: Array) -> Array:
    # 1 - tanh^2 would lose its digits where it is small.
    e = np.exp(-2 * x * np.sign(x.real))
    return 4 * e / (1 + e) ** 2


NONLINEARITIES: dict[str, tuple[Function, Function]] = {
    "tanh": (np.tanh, _sech2),
    "erf": (lambda x: erf(np.sqrt(np.pi) / 2 * x), lambda x: np.exp(-np.pi / 4 * x**2)),
    "relu": (lambda x: np.maximum(x, 0.0), lambda x: np.where(x > 0, 1.0, 0.0)),
    "linear": (lambda x: x, np.ones_like),
}

# Imaginary parts of paths along which the slopes above are smooth, and their derivatives.
PATHS: dict[str, tuple[Function, Function]] = {
    "tanh": (lambda x: 0.45 * np.tanh(x), lambda x: 0.45 * _sech2(x)),
    "erf": (lambda x: 0.5 * x / (1 + x**2), lambda x: 0.5 * (1 - x**2) / (1 + x**2) ** 2),
}


def _check_network(q: float, n_layers: int, gain: float, ensemble: str) -> int:
    """Return the number of layers of Gaussian weights."""
    if np.ndim(q) != 0:
        raise ValueError(f"q must be one number, got shape {np.shape(q)}")
    if checked_count("n_layers", n_layers) < 2:
        raise ValueError(f"n_layers must be at least 2, got {n_layers}")
    if not _gain(gain) > 0:
        raise ValueError(f"gain must be positive, got {gain}")
    if ensemble not in ("orthogonal", "gaussian"):
        raise ValueError(f"ensemble must be 'orthogonal' or 'gaussian', got {ensemble!r}")
    return n_layers - 1 if ensemble == "gaussian" else 0


def _variance_map(q: Array, gain: float, phi: Function) -> Array:
    return (gain**2 * (phi(np.sqrt(q)[..., None] * NODES) ** 2 @ WEIGHTS))[()]


def _pair(nonlinearity: Nonlinearity) -> tuple[Function, Function]:
    if isinstance(nonlinearity, str):
        if nonlinearity not in NONLINEARITIES:
            raise ValueError(
                f"nonlinearity must be one of {', '.join(NONLINEARITIES)} or a pair of functions, "
                f"got {nonlinearity!r}"
            )
        return NONLINEARITIES[nonlinearity]
    try:
        phi, slope = nonlinearity
        trials = [np.asarray(f(np.array([-1.0, 0.0, 1.0])), dtype=np.float64) for f in (phi, slope)]
    except (TypeError, ValueError) as error:
        raise ValueError(
            "nonlinearity must be a name or a pair (phi, derivative) of functions of arrays, "
            f"got {nonlinearity!r}"
        ) from error
    if any(y.shape != (3,) or not np.isfinite(y).all() for y in trials):
        raise ValueError(
            f"nonlinearity must return finite arrays of its argument's shape, got {trials}"
        )
    return phi, slope


def _gain(gain: float) -> float:
    if np.ndim(gain) != 0 or not (np.isfinite(gain) and gain >= 0):
        raise ValueError(f"gain must be one finite number, not negative, got {gain}")
    return float(gain)


def _activities(x: ArrayLike) -> Array:
    x = checked_finite("x", x)
    if x.ndim < 1 or x.size == 0:
        raise ValueError(f"x must have shape (..., size), got shape {x.shape}")
    return x


def _weight_matrix(w: ArrayLike, size: int) -> Array:
    w = np.asarray(w, dtype=np.float64)
    if w.shape != (size, size):
        raise ValueError(f"weights must have shape {(size, size)}, as x has, got {w.shape}")
    if not np.isfinite(w).all():
        raise ValueError("weights must be finite")
    return w
