"""Limiting laws of products of large Gaussian matrices: singular values and eigenvalues."""

from __future__ import annotations

from math import factorial
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import expit

from dlnlib import _checks
from dlnlib._docs import fill
from dlnlib._typing import Array

__all__ = [
    "eigenvalue_density",
    "eigenvalue_mass_in_disc",
    "eigenvalue_mass_in_square",
    "fuss_catalan_density",
    "fuss_catalan_edge",
    "log_singular_value_cdf",
    "log_singular_value_density",
    "singular_value_density",
]

# Of Newton's method for an angle, which takes about five.
_MOST_STEPS = 50
# Gauss-Legendre quadrature over (0, 1), to rounding for the smooth integrand below.
_NODES, _WEIGHTS = (np.polynomial.legendre.leggauss(20) + np.array([[1.0], [0.0]])) / 2
# Taylor series of sin(x) / x - 1 in x**2, the highest power first, to rounding up to x = 1.
_SINC = [(-1) ** k / factorial(2 * k + 1) for k in range(9, 0, -1)]


_described = fill(
    n_factors="""
    n_factors : int
        Number of factors :math:`m`, square with entries of variance :math:`1/N`.
    """,
)


def fuss_catalan_edge(n_factors: int) -> float:
    r"""Return the largest squared singular value of a product of large Gaussian matrices.

    .. math:: x_+ = \frac{(m+1)^{m+1}}{m^m}.

    Parameters
    ----------
    n_factors : int
        Number of factors :math:`m`.

    Returns
    -------
    float
        Upper end of the support, about :math:`e(m+1/2)`.

    Raises
    ------
    TypeError
        If an argument is no number.
    ValueError
        If `n_factors` is not a positive integer.

    Notes
    -----
    Penson & Życzkowski 2011.

    Examples
    --------
    >>> from dlnlib.spectra import fuss_catalan_edge
    >>> [round(fuss_catalan_edge(m), 6) for m in (1, 2, 100)]
    [4.0, 6.75, 273.186197]
    """
    m = _checks.count("n_factors", n_factors)
    return float((m + 1) * np.exp(m * np.log1p(1 / m)))


@_described
def fuss_catalan_density(x: ArrayLike, *, n_factors: int) -> Array:
    r"""Return the density of squared singular values of a product of Gaussian matrices.

    .. math:: \rho(x) = \frac{\sin\varphi\,\sin((m+1)\varphi)}{\pi\,x\,\sin(m\varphi)}, \qquad
              x = \frac{\sin^{m+1}((m+1)\varphi)}{\sin\varphi\,\sin^m(m\varphi)}, \qquad
              0 < \varphi < \frac{\pi}{m+1}.

    Parameters
    ----------
    x : array_like
        Squared singular values, not negative.
    %(n_factors)s

    Returns
    -------
    ndarray
        Limit of the density for large :math:`N`; infinite at zero, zero above
        `fuss_catalan_edge`.

    Raises
    ------
    TypeError
        If an argument is no number.
    ValueError
        If `x` is negative or not finite, or `n_factors` is not a positive integer.

    Notes
    -----
    Its moments are the Fuss-Catalan numbers (Penson & Życzkowski 2011); the angle is that
    of Haagerup & Möller 2013. One factor gives the Marchenko-Pastur law. The relative error
    grows as :math:`10^{-16} m`, and near the edge, where the density is a root of what is
    left of `x`, as the rounding of that.

    Examples
    --------
    >>> from dlnlib.spectra import fuss_catalan_density
    >>> print(fuss_catalan_density([1.0, 3.0, 5.0], n_factors=1).round(4))
    [0.2757 0.0919 0.    ]
    """
    x = _checks.not_negative("x", x)
    m = _checks.count("n_factors", n_factors)
    # At zero, any.
    positive = np.where(x > 0, x, 1.0)
    _, strength = _angle(np.log(positive) / 2, m)
    with np.errstate(over="ignore"):
        return np.where(x == 0, np.inf, strength / positive)[()]


def singular_value_density(s: ArrayLike, *, n_factors: int) -> Array:
    r"""Return the density of singular values of a product of Gaussian matrices.

    .. math:: p(s) = 2 s\,\rho(s^2), \qquad
              p(s) = \frac{\sqrt{4 - s^2}}{\pi} \ \text{for one factor.}

    Parameters
    ----------
    s : array_like
        Singular values, not negative.
    n_factors : int
        Number of factors, square with entries of variance :math:`1/N`.

    Returns
    -------
    ndarray
        Limit of the density for large :math:`N`, with :math:`\rho` of
        `fuss_catalan_density`; infinite at zero for two factors or more.

    Raises
    ------
    TypeError
        If an argument is no number.
    ValueError
        If `s` is negative or not finite, or `n_factors` is not a positive integer.

    Notes
    -----
    The law behind Fig. 6B. The quarter circle for one factor.

    Examples
    --------
    >>> from dlnlib.spectra import singular_value_density
    >>> print(singular_value_density([0.0, 1.0, 2.0], n_factors=1).round(4))
    [0.6366 0.5513 0.    ]
    """
    s = _checks.not_negative("s", s)
    m = _checks.count("n_factors", n_factors)
    # The quarter circle is flat at zero; all others are left to grow.
    positive = np.maximum(s, 1e-300 if m == 1 else np.finfo(float).smallest_subnormal)
    _, strength = _angle(np.log(positive), m)
    with np.errstate(over="ignore"):
        return np.where((s == 0) & (m > 1), np.inf, 2 * strength / positive)[()]


@_described
def log_singular_value_density(log_s: ArrayLike, *, n_factors: int) -> Array:
    r"""Return the density of the logarithms of singular values of a Gaussian product.

    .. math:: p(\ln s) = 2 s^2 \rho(s^2)
              = \frac{2 \sin\varphi\,\sin((m+1)\varphi)}{\pi\,\sin(m\varphi)}.

    Parameters
    ----------
    log_s : array_like
        Natural logarithms of singular values.
    %(n_factors)s

    Returns
    -------
    ndarray
        Limit of the density for large :math:`N`, with :math:`\rho` and :math:`\varphi` of
        `fuss_catalan_density`.

    Raises
    ------
    TypeError
        If an argument is no number.
    ValueError
        If `log_s` is not finite or `n_factors` is not a positive integer.

    Notes
    -----
    For many factors the scale on which singular values can be seen at all.

    Examples
    --------
    >>> from dlnlib.spectra import log_singular_value_density
    >>> print(log_singular_value_density([-100.0, 0.0], n_factors=100).round(5))
    [0.00272 0.01523]
    """
    _, strength = _angle(_checks.finite("log_s", log_s), _checks.count("n_factors", n_factors))
    return (2 * strength)[()]


@_described
def log_singular_value_cdf(log_s: ArrayLike, *, n_factors: int) -> Array:
    r"""Return the share of singular values of a Gaussian product below a bound.

    .. math:: P(\ln \sigma \le \ln s) = 1 - \frac{1}{\pi} \left[(m+1)\varphi
              - m\,\frac{\sin\varphi\,\sin((m+1)\varphi)}{\sin(m\varphi)}\right].

    Parameters
    ----------
    log_s : array_like
        Natural logarithms of singular values.
    %(n_factors)s

    Returns
    -------
    ndarray
        Limit of the share for large :math:`N`, with :math:`\varphi` of
        `fuss_catalan_density`.

    Raises
    ------
    TypeError
        If an argument is no number.
    ValueError
        If `log_s` is not finite or `n_factors` is not a positive integer.

    Notes
    -----
    The integral of `log_singular_value_density`: over the angle, its integrand is
    :math:`1 + 2m\sin^2\varphi - m\,\frac{d}{d\varphi}(\sin^2\varphi\,\cot m\varphi)`,
    divided by :math:`\pi`.

    Examples
    --------
    >>> from dlnlib.spectra import log_singular_value_cdf
    >>> print(log_singular_value_cdf([-100.0, 0.0, 3.0], n_factors=100).round(3))
    [0.138 0.967 1.   ]
    """
    log_s, m = _checks.finite("log_s", log_s), _checks.count("n_factors", n_factors)
    complement, strength = _angle(log_s, m)
    return ((m + 1) * complement / np.pi + m * strength)[()]


@_described
def eigenvalue_density(z: ArrayLike, *, n_factors: int) -> Array:
    r"""Return the density of eigenvalues of a Gaussian product in the complex plane.

    .. math:: \rho(z) = \frac{|z|^{2/m - 2}}{\pi m}, \qquad |z| \le 1.

    Parameters
    ----------
    z : array_like
        Points of the complex plane.
    %(n_factors)s

    Returns
    -------
    ndarray
        Limit of the density per unit area for large :math:`N`; infinite at zero for two
        factors or more.

    Raises
    ------
    TypeError
        If an argument is no number.
    ValueError
        If `z` is not finite or `n_factors` is not a positive integer.

    Notes
    -----
    Burda, Janik & Waclaw 2010; the law behind Fig. 6C. Girko's circular law for one factor.

    Examples
    --------
    >>> import numpy as np
    >>> from dlnlib.spectra import eigenvalue_density
    >>> print((np.pi * eigenvalue_density([0.5, 0.5j, 2.0], n_factors=2)).round(12))
    [1. 1. 0.]
    """
    points, m = _checks.real("z", z, kinds="iufc"), _checks.count("n_factors", n_factors)
    _checks.require("z", points, np.isfinite(points), "must be finite")
    with np.errstate(divide="ignore", over="ignore"):
        radius = np.abs(points.astype(np.complex128))
        density = radius ** (2 / m - 2) / (np.pi * m)
    return np.where(radius <= 1, density, 0.0)[()]


@_described
def eigenvalue_mass_in_disc(radius: ArrayLike, *, n_factors: int) -> Array:
    r"""Return the share of eigenvalues of a Gaussian product up to a modulus.

    .. math:: P(|z| \le r) = r^{2/m}, \qquad r \le 1.

    Parameters
    ----------
    radius : array_like
        Radius :math:`r` of a disc about the origin, not negative.
    %(n_factors)s

    Returns
    -------
    ndarray
        Limit of the share for large :math:`N`.

    Raises
    ------
    TypeError
        If an argument is no number.
    ValueError
        If `radius` is negative or not finite, or `n_factors` is not a positive integer.

    Notes
    -----
    The integral of `eigenvalue_density`.

    Examples
    --------
    >>> from dlnlib.spectra import eigenvalue_mass_in_disc
    >>> print(eigenvalue_mass_in_disc([0.01, 1.0], n_factors=2).round(12))
    [0.01 1.  ]
    """
    radius, m = _checks.not_negative("radius", radius), _checks.count("n_factors", n_factors)
    return (np.minimum(radius, 1.0) ** (2 / m))[()]


@_described
def eigenvalue_mass_in_square(side: ArrayLike, *, n_factors: int) -> Array:
    r"""Return the share of eigenvalues of a Gaussian product in a square about the origin.

    .. math:: P\left(|\operatorname{Re} z|, |\operatorname{Im} z| \le \tfrac h2\right)
              = \frac{4}{\pi} \int_0^{\pi/4}
              \min\!\left(1, \frac{h}{2\cos\theta}\right)^{2/m} d\theta.

    Parameters
    ----------
    side : array_like
        Side :math:`h` of the square, not negative.
    %(n_factors)s

    Returns
    -------
    ndarray
        Limit of the share for large :math:`N`.

    Raises
    ------
    TypeError
        If an argument is no number.
    ValueError
        If `side` is negative or not finite, or `n_factors` is not a positive integer.

    Notes
    -----
    The integral of `eigenvalue_density`. Fig. 6C leaves out the square of side 0.1.

    Examples
    --------
    >>> from dlnlib.spectra import eigenvalue_mass_in_square
    >>> print([eigenvalue_mass_in_square(0.1, n_factors=m).round(3) for m in (1, 5, 100)])
    [np.float64(0.003), np.float64(0.316), np.float64(0.944)]
    """
    side, m = _checks.not_negative("side", side), _checks.count("n_factors", n_factors)
    half = np.minimum(side / 2, 1.0)
    # Beyond this angle the square reaches out of the unit disc.
    crossing = np.minimum(np.arccos(half), np.pi / 4)
    reach = (half[..., None] / np.cos(crossing[..., None] * _NODES)) ** (2 / m)
    inside = crossing * 4 / np.pi
    return ((reach @ _WEIGHTS) * inside + (1 - inside))[()]


class _Angle(NamedTuple):
    """Hold an angle phi and the rest of pi/(m+1), both without cancellation.

    The sines of (m+1) phi and m phi are those of two angles that are not close to pi.
    """

    phi: Array
    rest: Array
    as_above: Array
    as_m: Array


@np.errstate(all="ignore")
def _angle(log_s: Array, m: int) -> tuple[Array, Array]:
    """Return pi/(m+1) - phi and x * density(x) for the angle phi of x = s**2."""
    gap = np.log(m + 1) + m * np.log1p(1 / m) - 2 * log_s
    inside = gap > 0
    # Beyond this logit of the angle, the angle is a limit to rounding.
    lowest = np.array(-700.0)
    furthest = _gap(_split_angle(lowest, m), m)
    target = _bent(np.where(inside, np.minimum(gap, furthest), furthest), m)
    # So bent, the logarithm of x falls with the logit, twice as fast at both ends and between
    # not much less than once, so that Newton's method arrives from anywhere.
    logit = (np.log(m) + 2 * np.log(np.pi / (m + 1)) - target) / 2
    for _ in range(_MOST_STEPS):
        angle = _split_angle(logit, m)
        gap = _gap(angle, m)
        step = (target - _bent(gap, m)) / _slope(angle, gap, m)
        logit = np.maximum(logit + step, lowest)
        if np.max(np.abs(step), initial=0.0) < 1e-8:
            break
    phi, rest, as_above, as_m = _split_angle(logit, m)
    strength = np.sin(phi) * np.sin(as_above) / (np.pi * np.sin(as_m))
    return np.where(inside, rest, np.pi / (m + 1)), np.where(inside, strength, 0.0)


def _split_angle(logit: Array, m: int) -> _Angle:
    """Return the angle that is a share expit(-logit) of pi/(m+1)."""
    phi, rest = (np.pi / (m + 1) * expit(sign * logit) for sign in (-1, 1))
    as_above = (m + 1) * np.minimum(phi, rest)
    return _Angle(phi, rest, as_above, np.where(phi < rest, m * phi, phi + as_above))


def _gap(angle: _Angle, m: int) -> Array:
    """Return how far the logarithm of x lies below that of the edge."""
    phi, rest, as_above, as_m = angle
    of_phi, of_m, above = _log_sinc(np.array([phi, as_m, as_above]))
    # The sines are also those of angles close to pi.
    far = phi >= rest
    of_m = np.where(far, of_m + np.log(as_m / (m * phi)), of_m)
    above = np.where(far, above + np.log(as_above / ((m + 1) * phi)), above)
    # Of huge powers nothing but rounding is left.
    return np.maximum(of_phi + m * of_m - (m + 1) * above, np.finfo(float).tiny)


def _bent(gap: Array, m: int) -> Array:
    """Return ln(exp(2 gap / (m+1)) - 1)."""
    y = 2 / (m + 1) * gap
    return y + np.log(-np.expm1(-y))


def _slope(angle: _Angle, gap: Array, m: int) -> Array:
    """Return by how much the bent gap changes with the logit."""
    phi, rest, as_above, as_m = angle
    sign = np.where(phi < rest, 1, -1)
    tangents = np.tan(phi), np.tan(as_m) * sign / m**2, np.tan(as_above) * sign / (m + 1) ** 2
    of_phi = 1 / tangents[0] + 1 / tangents[1] - 1 / tangents[2]
    of_gap = 2 / (m + 1) / -np.expm1(-2 / (m + 1) * gap)
    # At small angles the cotangents cancel, and the slope is its limit.
    small = (m + 1) * phi < 1e-3
    return np.where(small, -2.0, -of_gap * of_phi * phi * rest * (m + 1) / np.pi)


def _log_sinc(x: Array) -> Array:
    """Return ln(sin(x) / x), also where it is small."""
    square = np.minimum(x, 1.0) ** 2
    series = np.zeros_like(x)
    for coefficient in _SINC:
        series = (series + coefficient) * square
    return np.where(x < 1, np.log1p(series), np.log(np.sin(x) / x))
