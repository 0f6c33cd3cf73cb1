"""Limiting laws of products of large Gaussian matrices: singular values and eigenvalues."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import elementwise
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

# Stands in for zero, whose logarithm would be infinite.
_TINY = 1e-300
# Gauss-Legendre quadrature over (0, 1), to rounding for the smooth integrand below.
_NODES, _WEIGHTS = (np.polynomial.legendre.leggauss(20) + np.array([[1.0], [0.0]])) / 2


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
    ValueError
        If `x` is negative or not finite, or `n_factors` is not a positive integer.

    Notes
    -----
    Its moments are the Fuss-Catalan numbers (Penson & Życzkowski 2011); the angle is that
    of Haagerup & Möller 2013. One factor gives the Marchenko-Pastur law.

    Examples
    --------
    >>> from dlnlib.spectra import fuss_catalan_density
    >>> print(fuss_catalan_density([1.0, 3.0, 5.0], n_factors=1).round(4))
    [0.2757 0.0919 0.    ]
    """
    x = _checks.not_negative("x", x)
    m = _checks.count("n_factors", n_factors)
    positive = np.maximum(x, _TINY)
    _, strength = _angle(np.log(positive), m)
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
    positive = np.maximum(s, _TINY)
    _, strength = _angle(2 * np.log(positive), m)
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
    _, strength = _angle(2 * _checks.finite("log_s", log_s), _checks.count("n_factors", n_factors))
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
    complement, strength = _angle(2 * log_s, m)
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
    radius, m = np.abs(np.asarray(z)), _checks.count("n_factors", n_factors)
    radius = _checks.finite("z", radius)
    with np.errstate(divide="ignore"):
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
    return (1 + (reach @ _WEIGHTS - 1) * crossing * 4 / np.pi)[()]


def _angle(log_x: Array, m: int) -> tuple[Array, Array]:
    """Return pi/(m+1) - phi and x * density(x) for the angle phi of a squared singular value."""

    def log_x_excess(logit: Array, log_x: Array) -> Array:
        phi, _, sine = _split_angle(logit, m)
        return (m + 1) * np.log(sine) - np.log(np.sin(phi)) - m * np.log(np.sin(m * phi)) - log_x

    # Beyond these ends the angle is a limit to rounding.
    ends = np.array([-700.0, 30.0])
    lowest, highest = log_x_excess(ends, np.zeros(2))
    target = np.clip(log_x, lowest, highest)
    logit = elementwise.find_root(log_x_excess, tuple(ends), args=(target,), maxiter=500).x
    phi, complement, sine = _split_angle(logit, m)
    strength = np.sin(phi) * sine / (np.pi * np.sin(m * phi))
    inside = log_x < highest
    return np.where(inside, complement, np.pi / (m + 1)), np.where(inside, strength, 0.0)


def _split_angle(logit: Array, m: int) -> tuple[Array, Array, Array]:
    """Split pi/(m+1) into phi and the rest, both without cancellation, and give sin((m+1)phi)."""
    phi, complement = (np.pi / (m + 1) * expit(sign * logit) for sign in (-1, 1))
    return phi, complement, np.sin((m + 1) * np.minimum(phi, complement))
