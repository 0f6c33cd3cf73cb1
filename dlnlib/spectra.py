"""Limiting laws of products of large Gaussian matrices: singular values and eigenvalues."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from math import factorial
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq
from scipy.special import digamma, expit, polygamma

from dlnlib import _checks
from dlnlib._docs import fill
from dlnlib._typing import Array, ComplexArray

__all__ = [
    "DeepLaw",
    "deep_log_singular_values",
    "eigenvalue_density",
    "eigenvalue_mass_in_disc",
    "eigenvalue_mass_in_square",
    "fuss_catalan_density",
    "fuss_catalan_edge",
    "log_singular_value_cdf",
    "log_singular_value_density",
    "lyapunov_exponents",
    "raney_density",
    "rectangular_edges",
    "rectangular_log_cdf",
    "rectangular_log_density",
    "singular_value_density",
]

# Of Newton's method for an angle, which takes about five.
_MOST_STEPS = 50
# Gauss-Legendre quadrature over (0, 1), to rounding for the smooth integrand below.
_NODES, _WEIGHTS = (np.polynomial.legendre.leggauss(20) + np.array([[1.0], [0.0]])) / 2
# Points of the curve from which Newton's method for unequal layers starts; it takes two or three.
_TABLE, _END = 160, 40.0
_POLISH = 6
# Beyond this the asymptotic series of the digamma function is exact to rounding.
_LARGE = 20.0
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


def raney_density(x: ArrayLike, *, p: float, r: float) -> Array:
    r"""Return the density of a Raney law, a power of the series of the Fuss-Catalan numbers.

    .. math:: \rho(x) = \frac{\sin(r\varphi)}{\pi\,x}
              \left(\frac{\sin p\varphi}{\sin((p-1)\varphi)}\right)^r, \qquad
              x = \frac{\sin^p(p\varphi)}{\sin\varphi\,\sin^{p-1}((p-1)\varphi)}, \qquad
              0 < \varphi < \frac{\pi}{p}.

    Parameters
    ----------
    x : array_like
        Where, not negative.
    p : float
        First parameter, above 1.
    r : float
        Second parameter, above 0 and at most `p`.

    Returns
    -------
    ndarray
        The density; at zero infinite for :math:`r < p` and zero for :math:`r = p`, zero above
        :math:`p^p/(p-1)^{p-1}`.

    Raises
    ------
    TypeError
        If an argument is no number.
    ValueError
        If `x` is negative or not finite, or `p` or `r` is out of range.

    Notes
    -----
    Its moments are the Raney numbers :math:`\frac{r}{kp+r}\binom{kp+r}{k}`. Their series is
    :math:`B^r` with :math:`B = 1 + z B^p` (Penson & Życzkowski 2011; Forrester & Liu 2015).
    Where :math:`z = 1/x` is cut, :math:`\varphi` is the angle of :math:`B` and the ratio of
    sines its modulus, so that :math:`\pi x \rho` is the imaginary part of :math:`B^r`. For
    :math:`p = m + 1` and :math:`r = 1` it is `fuss_catalan_density`, for :math:`r = p` that
    times :math:`x`: the share of squared length.

    Examples
    --------
    >>> from dlnlib.spectra import raney_density
    >>> print(raney_density([1.0, 3.0, 5.0], p=2, r=1).round(4))
    [0.2757 0.0919 0.    ]
    """
    x = _checks.not_negative("x", x)
    p = _checks.number("p", p, above=1, most=1e15)
    r = _checks.number("r", r, above=0, most=p)
    positive = np.where(x > 0, x, 1.0)
    inside, (phi, rest, as_above, as_m) = _solved(np.log(positive) / 2, p - 1)
    # The angle r phi, or what is left of pi.
    sine = np.sin(np.where(r * phi < np.pi / 2, r * phi, np.pi * (p - r) / p + r * rest))
    with np.errstate(all="ignore"):
        density = sine * (np.sin(as_above) / np.sin(as_m)) ** r / (np.pi * positive)
    return np.where(x == 0, np.inf if r < p else 0.0, np.where(inside, density, 0.0))[()]


_layered = fill(
    layer_sizes="""
    layer_sizes : sequence of int
        Widths :math:`N_0, \\dots, N_m` of the layers, inputs first. Only their ratios matter.
    """,
)


@_layered
def rectangular_edges(layer_sizes: Sequence[int]) -> tuple[float, float]:
    r"""Return the ends of the squared singular values of a product of unequal Gaussian factors.

    .. math:: x_\pm = \frac{b_m}{\eta_\pm} \prod_{l=0}^m \left(1 + \frac{\eta_\pm}{b_l}\right),
              \qquad \sum_{l=0}^m \frac{\eta_\pm}{b_l + \eta_\pm} = 1, \qquad
              b_l = \frac{N_l}{\min_k N_k}.

    Parameters
    ----------
    %(layer_sizes)s

    Returns
    -------
    tuple of float
        The smallest, zero if two or more layers are the narrowest, and the largest.

    Raises
    ------
    TypeError
        If `layer_sizes` is no sequence.
    ValueError
        If it holds no two or more positive integers.

    Notes
    -----
    The law is that of `rectangular_log_density`. The largest belongs to the positive root, the
    smallest to that between :math:`-1` and the next narrowest :math:`-b_l`.

    Examples
    --------
    >>> import numpy as np
    >>> from dlnlib.spectra import rectangular_edges
    >>> print(np.round(rectangular_edges([100, 400]), 6))
    [1. 9.]
    >>> print(np.round(rectangular_edges([100, 100, 100]), 6))
    [0.   6.75]
    """
    curve = _curve(_checks.layer_sizes(layer_sizes))
    return float(np.exp(curve.log_low)), float(np.exp(curve.log_high))


@_layered
def rectangular_log_density(log_s: ArrayLike, *, layer_sizes: Sequence[int]) -> Array:
    r"""Return the density of log singular values of a product of unequal Gaussian factors.

    .. math:: p(\ln s) = \frac{2}{\pi} \operatorname{Im} \eta, \qquad
              s^2 = \frac{b_m}{\eta} \prod_{l=0}^m \left(1 + \frac{\eta}{b_l}\right),
              \qquad b_l = \frac{N_l}{\min_k N_k}.

    Parameters
    ----------
    log_s : array_like
        Natural logarithms of singular values.
    %(layer_sizes)s

    Returns
    -------
    ndarray
        Limit for wide layers of the density of those singular values that are not zero for
        lack of rank; zero outside of `rectangular_edges`.

    Raises
    ------
    TypeError
        If an argument is no number, or `layer_sizes` no sequence.
    ValueError
        If `log_s` is not finite, or `layer_sizes` holds no two or more positive integers.

    Notes
    -----
    Factors :math:`A_l` of :math:`N_l` rows and :math:`N_{l-1}` columns have entries of variance
    :math:`1/N_{l-1}`. Müller 2002; Burda et al. 2010. :math:`S`-transforms multiply, and that of
    one factor has one pole, which gives the polynomial in
    :math:`\eta = \sum_{k\ge1} \mu_k s^{-2k}`, a series in the moments :math:`\mu_k` of
    :math:`s^2`. Of its roots in the upper half plane it is the one for which the angles of all
    :math:`b_l + \eta` add up to that of :math:`\eta`. For each angle of :math:`1 + \eta` there is
    one modulus, by a monotone equation: this curve is tabulated once for given sizes, and
    Newton's method goes from there.

    Examples
    --------
    >>> from dlnlib.spectra import rectangular_log_density
    >>> print(rectangular_log_density([0.0, 1.0, 2.0], layer_sizes=[100, 100, 400]).round(4))
    [0.3239 0.5244 0.    ]
    """
    log_s = _checks.finite("log_s", log_s)
    _, inside, E = _on_curve(log_s, _checks.layer_sizes(layer_sizes))
    return np.where(inside, 2 / np.pi * E.imag, 0.0)[()]


@_layered
def rectangular_log_cdf(log_s: ArrayLike, *, layer_sizes: Sequence[int]) -> Array:
    r"""Return the share of singular values of a product of unequal Gaussian factors below a bound.

    .. math:: P(\ln\sigma \le \ln s) = 1 - \frac{1}{\pi} \left[\sum_{l=0}^m b_l \arg(b_l + \eta)
              - m \operatorname{Im} \eta\right].

    Parameters
    ----------
    log_s : array_like
        Natural logarithms of singular values.
    %(layer_sizes)s

    Returns
    -------
    ndarray
        Limit of the share for wide layers, among those that are not zero for lack of rank,
        with :math:`b_l` and :math:`\eta` of `rectangular_log_density`.

    Raises
    ------
    TypeError
        If an argument is no number, or `layer_sizes` no sequence.
    ValueError
        If `log_s` is not finite, or `layer_sizes` holds no two or more positive integers.

    Notes
    -----
    The integral of the density, in closed form: over :math:`\eta`, the differential
    :math:`\eta\,d\ln s^2` is :math:`m - \sum_l b_l/(b_l + \eta)`. Derived here.

    Examples
    --------
    >>> from dlnlib.spectra import rectangular_log_cdf
    >>> print(rectangular_log_cdf([0.0, 1.0, 2.0], layer_sizes=[100, 100, 400]).round(4))
    [0.3518 0.7961 1.    ]
    """
    log_s = _checks.finite("log_s", log_s)
    curve, inside, E = _on_curve(log_s, _checks.layer_sizes(layer_sizes))
    spread, n = curve.excess, curve.counts
    # What is above, by the angle of eta; in this form without cancellation at small shares.
    angles = (n * spread * np.angle(spread + E[..., None])).sum(axis=-1)
    below = np.arctan2(E.imag, 1 - E.real) + curve.n_factors * E.imag - angles
    outside = (log_s > curve.log_high / 2).astype(float)
    return np.where(inside, np.clip(below / np.pi, 0, 1), outside)[()]


class DeepLaw(NamedTuple):
    """Hold the law of log singular values of a product far deeper than wide.

    Attributes
    ----------
    mean : ndarray, shape (size,)
        Their means, descending.
    variance : ndarray, shape (size,)
        Their variances; zero where the product is so shallow that the law has none.
    """

    mean: Array
    variance: Array


def lyapunov_exponents(size: int) -> Array:
    r"""Return how fast the singular values of a product of real Gaussian matrices grow or fall.

    .. math:: \lambda_i = \lim_{m\to\infty} \frac{\ln\sigma_i}{m}
              = \frac12\left[\psi\!\left(\frac{N-i+1}{2}\right) - \ln\frac N2\right],
              \qquad i = 1, \dots, N.

    Parameters
    ----------
    size : int
        Number of rows :math:`N`; entries have variance :math:`1/N`.

    Returns
    -------
    ndarray, shape (size,)
        Exponents for each factor, descending; all are negative.

    Raises
    ------
    TypeError
        If `size` is no number.
    ValueError
        If `size` is not a positive integer.

    Notes
    -----
    Newman 1986. The volume that the product makes of the first :math:`i` unit vectors is a
    product of independent :math:`\chi`, one for each factor and each of :math:`i` rows, of
    :math:`N, \dots, N-i+1` degrees of freedom; and it grows as :math:`\sigma_1\cdots\sigma_i`.
    The largest is :math:`-\frac{1}{2N}` for large :math:`N`, the smallest
    :math:`-\frac12(\ln 2N + 0.577)`.

    Examples
    --------
    >>> from dlnlib.spectra import lyapunov_exponents
    >>> print(lyapunov_exponents(4).round(4))
    [-0.1352 -0.3283 -0.6352 -1.3283]
    """
    size = _checks.count("size", size)
    i = np.arange(size)
    # Logarithms that would cancel for the first of many rows.
    share = np.where(2 * i < size, np.log1p(-i / size), np.log((size - i) / size))
    return (_digamma_less_log((size - i) / 2) + share) / 2


def deep_log_singular_values(size: int, n_factors: int) -> DeepLaw:
    r"""Return mean and variance of log singular values of a product far deeper than wide.

    .. math:: \langle\ln\sigma_i\rangle &= m\lambda_i + \frac12\left[
              \psi\!\left(\frac{N-i+1}{2}\right) - \psi\!\left(\frac i2\right)\right], \\
              \operatorname{Var} \ln\sigma_i &= \frac{m+1}4\,\psi'\!\left(\frac{N-i+1}{2}\right)
              + \frac14\,\psi'\!\left(\frac i2\right) - \frac{\pi^2}4.

    Parameters
    ----------
    size : int
        Number of rows :math:`N`; entries are real and have variance :math:`1/N`.
    n_factors : int
        Number of factors :math:`m`.

    Returns
    -------
    DeepLaw
        Mean and variance of each; their laws tend to normal ones.

    Raises
    ------
    TypeError
        If an argument is no number.
    ValueError
        If an argument is not a positive integer.

    Notes
    -----
    A limit of many factors, exact but for terms that fall exponentially with the gaps between
    log singular values, about :math:`m/2(N-i+1)`. What grows with :math:`m` is the sum of
    :math:`\ln\chi_{N-i+1}` behind `lyapunov_exponents` (Newman 1986; for complex matrices, also
    with variances, Akemann, Burda & Kieburg 2014). The rest is derived here. The first :math:`i`
    columns of :math:`U\Sigma V^T` span the volume :math:`\sigma_1\cdots\sigma_i\,|\det C_i|`,
    where :math:`C_i` is a corner of :math:`V`, which is uniform and independent of
    :math:`\Sigma`. So mean and variance of :math:`\ln|\det C_i/\det C_{i-1}|` come off. A Gaussian
    matrix is :math:`V` times a triangle with :math:`\chi_{N-i+1}` on its diagonal, and its own
    ratio of minors is the square root of :math:`\chi_1^2`, divided by an independent
    :math:`\mathrm{Beta}(\frac12, \frac{i-1}2)`.

    Examples
    --------
    >>> from dlnlib.spectra import deep_log_singular_values
    >>> print(deep_log_singular_values(3, 100).mean.round(1))
    [ -17.4  -49.1 -119.4]
    """
    size, m = _checks.count("size", size), _checks.count("n_factors", n_factors)
    i = np.arange(1, size + 1)
    half = (size - i + 1) / 2
    mean = m * lyapunov_exponents(size) + (digamma(half) - digamma(i / 2)) / 2
    variance = ((m + 1) * polygamma(1, half) + polygamma(1, i / 2) - np.pi**2) / 4
    return DeepLaw(mean, np.maximum(variance, 0.0))


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
    inside, (phi, rest, as_above, as_m) = _solved(log_s, m)
    strength = np.sin(phi) * np.sin(as_above) / (np.pi * np.sin(as_m))
    return np.where(inside, rest, np.pi / (m + 1)), np.where(inside, strength, 0.0)


@np.errstate(all="ignore")
def _solved(log_s: Array, m: float) -> tuple[NDArray[np.bool_], _Angle]:
    """Return whether x = s**2 is below the edge, and its angle."""
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
    return inside, _split_angle(logit, m)


def _split_angle(logit: Array, m: float) -> _Angle:
    """Return the angle that is a share expit(-logit) of pi/(m+1)."""
    phi, rest = (np.pi / (m + 1) * expit(sign * logit) for sign in (-1, 1))
    as_above = (m + 1) * np.minimum(phi, rest)
    direct = (phi < rest) | (m < 1)
    return _Angle(phi, rest, as_above, np.where(direct, m * phi, phi + as_above))


def _gap(angle: _Angle, m: float) -> Array:
    """Return how far the logarithm of x lies below that of the edge."""
    phi, rest, as_above, as_m = angle
    of_phi, of_m, above = _log_sinc(np.array([phi, as_m, as_above]))
    # The sines are also those of angles close to pi.
    far = phi >= rest
    of_m = np.where(far, of_m + np.log(as_m / (m * phi)), of_m)
    above = np.where(far, above + np.log(as_above / ((m + 1) * phi)), above)
    # Of huge powers nothing but rounding is left.
    return np.maximum(of_phi + m * of_m - (m + 1) * above, np.finfo(float).tiny)


def _bent(gap: Array, m: float) -> Array:
    """Return ln(exp(2 gap / (m+1)) - 1)."""
    y = 2 / (m + 1) * gap
    return y + np.log(-np.expm1(-y))


def _slope(angle: _Angle, gap: Array, m: float) -> Array:
    """Return by how much the bent gap changes with the logit."""
    phi, rest, as_above, as_m = angle
    sign = np.where(phi < rest, 1, -1)
    sign_m = np.where(m < 1, 1, sign)
    tangents = np.tan(phi), np.tan(as_m) * sign_m / m**2, np.tan(as_above) * sign / (m + 1) ** 2
    of_phi = 1 / tangents[0] + 1 / tangents[1] - 1 / tangents[2]
    of_gap = 2 / (m + 1) / -np.expm1(-2 / (m + 1) * gap)
    # At small angles the cotangents cancel, and the slope is its limit.
    small = (m + 1) * phi < 1e-3
    return np.where(small, -2.0, -of_gap * of_phi * phi * rest * (m + 1) / np.pi)


class _Curve(NamedTuple):
    """Hold the curve of E = 1 + eta in the upper half plane, from the upper edge to the lower.

    Distinct widths in units of the narrowest are 1 + excess, and so often as counts says; the
    narrowest occurs `n_narrowest` times.
    """

    excess: Array
    counts: Array
    n_narrowest: int
    n_factors: int
    log_out: float
    log_low: float
    log_high: float
    places: Array
    log_E: ComplexArray


@lru_cache(maxsize=64)
def _curve(sizes: tuple[int, ...]) -> _Curve:
    """Tabulate the curve for given layers."""
    narrowest, m = min(sizes), len(sizes) - 1
    widths, counts = np.unique(sizes, return_counts=True)
    k, n = int(counts[0]), counts[1:].astype(float)
    excess = widths[1:] / narrowest - 1
    curve = _Curve(
        excess,
        n,
        k,
        m,
        np.log(sizes[-1] / narrowest),
        -np.inf,
        np.inf,
        np.empty(0),
        np.empty(0, complex),
    )
    E = 1 + _upper_root(excess, n, k, m)
    curve = curve._replace(log_high=float(_log_x(np.log(E + 0j), curve).real))
    if k == 1:
        # On the negative side, where the sign under the logarithm is that of E - 1.
        v = np.log(_lower_root(excess, n, m)) + np.pi * 1j
        curve = curve._replace(log_low=float(_log_x(v, curve).real))
    log_E = _tabulated(excess, n, k, np.log(E))
    log_x = np.clip(_log_x(log_E, curve).real, curve.log_low, curve.log_high)
    # Next to an edge rounding can bring neighbours out of order.
    places = _place(log_x, curve)
    finite = np.isfinite(places)
    places, first = np.unique(places[finite], return_index=True)
    return curve._replace(places=places, log_E=log_E[finite][first])


def _upper_root(excess: Array, n: Array, k: int, m: int) -> float:
    """Return the positive eta at which x is stationary."""

    def surplus(eta: float) -> float:
        return float(k * eta / (1 + eta) + np.sum(n * eta / (1 + excess + eta)) - 1)

    most = 1 + excess.max(initial=0.0)
    return float(brentq(surplus, 0.5 / m, 2 * most / m, xtol=1e-300, rtol=1e-15))


def _lower_root(excess: Array, n: Array, m: int) -> float:
    """Return -E at the stationary x between the narrowest layer and the next."""
    e = excess[0]

    def surplus(w: float) -> float:
        return float(np.sum(n / (excess - w)) - 1 / (w * (1 + w)))

    low = min(e, np.sqrt(e)) / (8 * m)
    return float(brentq(surplus, low, e * (1 - 1e-3), xtol=1e-300, rtol=1e-15))


def _tabulated(excess: Array, n: Array, k: int, log_most: float) -> ComplexArray:
    """Return ln E along the curve, for the angles of E that an even grid of logits gives."""
    phi = np.pi / k * expit(np.linspace(-_END, _END, _TABLE) / 2)
    low, high = np.full(_TABLE, -_END), np.full(_TABLE, log_most + 1)
    for _ in range(60):
        middle = (low + high) / 2
        E = np.exp(middle + 1j * phi)
        above = (n * np.angle(excess + E[:, None])).sum(axis=-1) + k * phi > np.angle(E - 1)
        low, high = np.where(above, low, middle), np.where(above, middle, high)
    return (low + high) / 2 + 1j * phi


def _log_x(v: Array | ComplexArray, curve: _Curve) -> ComplexArray:
    """Return ln x for ln E, real on the curve."""
    E = np.exp(np.asarray(v))
    ratios = (curve.excess + E[..., None]) / (1 + curve.excess)
    factors = (curve.counts * np.log(ratios)).sum(axis=-1)
    found: ComplexArray = curve.n_narrowest * v + factors - np.log(E - 1) + curve.log_out
    return found


def _place(log_x: Array, curve: _Curve) -> Array:
    """Return what grows about as the logit of the angle does, at both ends."""
    gap = curve.log_high - log_x
    with np.errstate(all="ignore"):
        if curve.n_narrowest == 1:
            return np.log(gap / (log_x - curve.log_low))
        y = 2 / curve.n_narrowest * gap
        return y + np.log(-np.expm1(-y))


@np.errstate(all="ignore")
def _on_curve(
    log_s: Array, sizes: tuple[int, ...]
) -> tuple[_Curve, NDArray[np.bool_], ComplexArray]:
    """Return the curve, whether s**2 lies between its ends, and E there."""
    curve = _curve(sizes)
    log_x = 2 * log_s
    inside = (log_x > curve.log_low) & (log_x < curve.log_high)
    log_x = np.where(inside, log_x, curve.log_high - 1e-3)
    place = _place(log_x, curve)
    v = np.interp(place, curve.places, curve.log_E)
    k = curve.n_narrowest
    # So far down that only the factor of the narrowest layers is left to vary.
    far = (place > curve.places[-1]) & (k > 1)
    v = np.where(far, v + (log_x - _log_x(v, curve).real) / k, v)
    for _ in range(_POLISH):
        E = np.exp(v)
        slope = k + (curve.counts * E[..., None] / (curve.excess + E[..., None])).sum(axis=-1)
        step = (log_x - _log_x(v, curve)) / (slope - E / (E - 1))
        # Next to an edge the logarithm of x has no digits left for it.
        step = np.where(np.abs(step) < 0.1 + far, step, 0)
        v = v + step
        if np.max(np.abs(step), initial=0.0) < 1e-9:
            break
    return curve, inside, np.exp(v.real + 1j * np.clip(v.imag, 0, np.pi / k))


def _digamma_less_log(z: Array) -> Array:
    """Return digamma(z) - ln(z), also where they are close."""
    w = np.maximum(z, _LARGE) ** -2
    series = w * (1 / 12 - w * (1 / 120 - w * (1 / 252 - w * (1 / 240 - w / 132))))
    return np.where(z < _LARGE, digamma(z) - np.log(z), -np.sqrt(w) / 2 - series)


def _log_sinc(x: Array) -> Array:
    """Return ln(sin(x) / x), also where it is small."""
    square = np.minimum(x, 1.0) ** 2
    series = np.zeros_like(x)
    for coefficient in _SINC:
        series = (series + coefficient) * square
    return np.where(x < 1, np.log1p(series), np.log(np.sin(x) / x))
