r"""Spectra of products of random matrices: exact samples and limiting laws.

A product :math:`A_m\cdots A_1` spans so many orders of magnitude that rounding swamps its
small singular values once it is multiplied out. It is kept here as
:math:`Q\,e^{\Lambda}\,T`: :math:`Q` orthogonal, :math:`\Lambda` diagonal and in logarithms,
:math:`T` well conditioned.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import elementwise
from scipy.special import expit

from dlnlib.initial_conditions import haar_columns

__all__ = [
    "GradedProduct",
    "eigenvalue_density",
    "eigenvalue_mass_in_disc",
    "eigenvalue_mass_in_square",
    "fuss_catalan_density",
    "fuss_catalan_edge",
    "gaussian_factors",
    "gaussian_product",
    "graded_product",
    "log_eigenvalues",
    "log_singular_value_cdf",
    "log_singular_value_density",
    "log_singular_values",
    "orthogonal_factors",
    "singular_value_density",
]

Array = NDArray[np.float64]
ComplexArray = NDArray[np.complex128]
Rng = int | np.random.Generator

# The logarithm of a row without entries: a finite stand-in for minus infinity.
TINY = 1e-300
# Rows of a triangular factor drawn and multiplied at once: large enough for BLAS.
BLOCK = 100
# A graded matrix is solved in windows of its scales. A window keeps what lies in its core, a
# factor e^25 wide, which LAPACK resolves; 8 pi, for no value of a round number to fall on an
# edge. Sweeps of QR make what couples the core to scales a factor e^15 away smaller than
# rounding: by e^-15 each, and three of them by e^-45.
CORE, PAD, N_SWEEPS = 8 * np.pi, 15.0, 3
# Sweeps of eigenvalues take scales out of their logarithms, into double precision.
MAX_SPREAD = 650.0
# Determinants of a product computed in two ways agree to this, in ln, per matrix row.
DETERMINANT_TOLERANCE = 1e-6

# Gauss-Legendre quadrature over (0, 1), to rounding for the smooth integrand below.
NODES, WEIGHTS = (np.polynomial.legendre.leggauss(20) + np.array([[1.0], [0.0]])) / 2


class GradedProduct(NamedTuple):
    r"""Hold a product of square matrices without losing its small directions.

    .. math:: A_m \cdots A_1 = Q\,\operatorname{diag}(e^{\Lambda})\,T.

    Attributes
    ----------
    Q : ndarray, shape (size, size)
        Orthogonal matrix.
    log_scales : ndarray, shape (size,)
        The diagonal of :math:`\Lambda`, roughly descending.
    T : ndarray, shape (size, size)
        Rows of largest entry 1, well conditioned together.
    """

    Q: Array
    log_scales: Array
    T: Array


# Samples


def gaussian_factors(size: int, n_factors: int, *, rng: Rng) -> Iterator[Array]:
    r"""Return random square matrices that preserve norms on average.

    .. math:: A_{ij} \sim \mathcal N(0, 1/N).

    Parameters
    ----------
    size : int
        Number of rows :math:`N`.
    n_factors : int
        Number of matrices.
    rng : int or numpy.random.Generator
        Seed or source of randomness.

    Returns
    -------
    iterator of ndarray
        The matrices, each drawn when it is asked for.

    Raises
    ------
    ValueError
        If `size` or `n_factors` is not a positive integer.

    Notes
    -----
    Section 3, Fig. 6B.

    Examples
    --------
    >>> from dlnlib.random_matrices import gaussian_factors
    >>> [a.shape for a in gaussian_factors(4, 2, rng=0)]
    [(4, 4), (4, 4)]
    """
    size, n_factors = checked_count("size", size), checked_count("n_factors", n_factors)
    rng = np.random.default_rng(rng)
    return (rng.standard_normal((size, size)) / np.sqrt(size) for _ in range(n_factors))


def orthogonal_factors(
    size: int, n_factors: int, *, rng: Rng, gain: float = 1.0
) -> Iterator[Array]:
    r"""Return random orthogonal matrices, uniform over the group, times a gain.

    .. math:: A^T A = g^2.

    Parameters
    ----------
    size : int
        Number of rows.
    n_factors : int
        Number of matrices.
    rng : int or numpy.random.Generator
        Seed or source of randomness.
    gain : float, optional
        Gain :math:`g` of every matrix, positive.

    Returns
    -------
    iterator of ndarray
        The matrices, each drawn when it is asked for.

    Raises
    ------
    ValueError
        If `size` or `n_factors` is not a positive integer, or `gain` is not positive.

    Notes
    -----
    Section 3, Fig. 6A right.

    Examples
    --------
    >>> import numpy as np
    >>> from dlnlib.random_matrices import orthogonal_factors
    >>> (a,) = orthogonal_factors(100, 1, rng=0)
    >>> z = np.linalg.eigvals(a)
    >>> print(np.ptp(abs(z)) < 1e-12)
    True
    """
    size, n_factors = checked_count("size", size), checked_count("n_factors", n_factors)
    if not (np.isfinite(gain) and gain > 0):
        raise ValueError(f"gain must be finite and positive, got {gain}")
    rng = np.random.default_rng(rng)
    return (gain * haar_columns(size, size, rng) for _ in range(n_factors))


def graded_product(factors: Iterable[ArrayLike]) -> GradedProduct:
    r"""Multiply square matrices without losing the small directions of the product.

    .. math:: A_k\,(Q\,e^{\Lambda}\,T) = (A_k Q\,e^{\Lambda})\,T
              = Q'\,e^{\Lambda'}\,(T''\,T), \qquad k = 1, \dots, m.

    Parameters
    ----------
    factors : iterable of array_like, shape (size, size)
        The matrices, the one that acts first before the others.

    Returns
    -------
    GradedProduct
        The product :math:`A_m\cdots A_1`.

    Raises
    ------
    ValueError
        If there is no factor, one is not square or not finite, or their sizes differ.

    Notes
    -----
    The stratification of determinant quantum Monte Carlo, with the columns sorted before
    each QR (Tomás, Chang, Scalettar & Bai 2012). Scales never leave their logarithms: what
    multiplies rounding is the condition number of a factor, not that of the product, and
    not even that where a factor is orthogonal or diagonal. Rows are sorted for this (Cox &
    Higham 1998).

    Examples
    --------
    >>> from dlnlib.random_matrices import graded_product, log_singular_values
    >>> factors = [[[1.0, 1.0], [1.0, -1.0]], [[1e100, 0.0], [0.0, 1e-100]]] * 2
    >>> print(log_singular_values(graded_product(factors)).round(3))
    [ 460.864 -459.477]
    """
    product = None
    for factor in factors:
        a = np.asarray(factor, dtype=np.float64)
        if a.ndim != 2 or a.shape[0] != a.shape[1] or a.size == 0:
            raise ValueError(f"factors must be square matrices, got shape {a.shape}")
        if not np.isfinite(a).all():
            raise ValueError("factors must be finite")
        if product is None:
            product = GradedProduct(np.eye(len(a)), np.zeros(len(a)), np.eye(len(a)))
        if a.shape != product.Q.shape:
            raise ValueError(
                f"factors must have one shape, got {product.Q.shape} and then {a.shape}"
            )
        order, left = _graded_qr(a @ product.Q, product.log_scales)
        product = left._replace(T=left.T @ product.T[order])
    if product is None:
        raise ValueError("factors must hold at least one matrix")
    return product


def gaussian_product(size: int, n_factors: int, *, rng: Rng) -> GradedProduct:
    r"""Draw a product of Gaussian matrices, without drawing its factors.

    .. math:: A_m \cdots A_1 = Q\,R_m \cdots R_1, \qquad A_{ij} \sim \mathcal N(0, 1/N),

    where :math:`Q` is uniform over the orthogonal matrices, and each :math:`R` is upper
    triangular with :math:`\sqrt N R_{ij} \sim \mathcal N(0, 1)` above the diagonal and
    :math:`\sqrt N R_{ii} \sim \chi_{N-i+1}` on it, all independent.

    Parameters
    ----------
    size : int
        Number of rows :math:`N`.
    n_factors : int
        Number of factors :math:`m`.
    rng : int or numpy.random.Generator
        Seed or source of randomness.

    Returns
    -------
    GradedProduct
        A product with the law of ``graded_product(gaussian_factors(size, n_factors))``.

    Raises
    ------
    ValueError
        If `size` or `n_factors` is not a positive integer.

    Notes
    -----
    In the QR :math:`A_1 = Q_1 R_1` the two are independent (Bartlett 1933), and
    :math:`A_2 Q_1` is again Gaussian, whatever :math:`Q_1`; so on to the last factor. The
    product of triangles costs a third of a full one here, and no QR.

    Examples
    --------
    >>> from dlnlib.random_matrices import gaussian_product, log_singular_values
    >>> s = log_singular_values(gaussian_product(50, 100, rng=0))
    >>> print(s[[0, -1]].round(1))
    [   0.6 -259.2]
    """
    size, n_factors = checked_count("size", size), checked_count("n_factors", n_factors)
    rng = np.random.default_rng(rng)
    log_scales, T = np.zeros(size), np.eye(size)
    for _ in range(n_factors):
        # In place: a row of the product takes nothing from the rows above it.
        for start in range(0, size, BLOCK):
            rows, rest = slice(start, start + BLOCK), slice(start, size)
            R = _triangular_gaussian_rows(size, rows, rng)
            R *= np.exp(np.triu(log_scales[rest] - log_scales[rows, None]))
            T[rows, rest], log_size = _normalized_rows(R @ T[rest, rest])
            log_scales[rows] += log_size - np.log(size) / 2
    return GradedProduct(haar_columns(size, size, rng), log_scales, T)


def log_singular_values(product: GradedProduct) -> Array:
    r"""Return the natural logarithms of the singular values of a product.

    .. math:: \ln \sigma_i\!\left(Q\,e^{\Lambda}\,T\right) = \ln \sigma_i(e^{\Lambda}\,T).

    Parameters
    ----------
    product : GradedProduct
        A product, as `graded_product` or `gaussian_product` return it.

    Returns
    -------
    ndarray, shape (size,)
        Logarithms, descending; ``-inf`` for a singular value of zero.

    Raises
    ------
    numpy.linalg.LinAlgError
        If rows of `T` are so nearly dependent that the singular values do not follow the
        scales of the product.

    Notes
    -----
    Every singular value, however small, has the relative accuracy of rounding times the
    condition number of `T`: 1e-10 for 100 Gaussian factors of 1000 rows, where the largest
    and the smallest differ by a factor of 1e180.

    Examples
    --------
    >>> from dlnlib.random_matrices import graded_product, log_singular_values
    >>> from dlnlib.random_matrices import orthogonal_factors
    >>> s = log_singular_values(graded_product(orthogonal_factors(20, 100, rng=0)))
    >>> print(abs(s).max() < 1e-12)
    True
    """
    for _ in range(N_SWEEPS):
        _, product = _graded_qr(product.T.T, product.log_scales)
    return _windowed(product.log_scales, product.T, np.linalg.svdvals).real


def log_eigenvalues(product: GradedProduct) -> ComplexArray:
    r"""Return the complex logarithms of the eigenvalues of a product.

    .. math:: \ln z = \ln|z| + i \arg z, \qquad
              \det\left(Q\,e^{\Lambda}\,T - z\right) = 0.

    Parameters
    ----------
    product : GradedProduct
        A product, as `graded_product` or `gaussian_product` return it.

    Returns
    -------
    ndarray, shape (size,)
        Logarithms with imaginary part in (-pi, pi], by descending real part.

    Raises
    ------
    ValueError
        If the scales of the product span more than a factor of e^650, as when it is
        singular.
    numpy.linalg.LinAlgError
        If the moduli of the eigenvalues do not follow the scales of the product: their
        number is wrong, or their sum of logarithms is not that of the determinant. It takes a
        product of a special form, such as diag(1, 1e-30) times a permutation.

    Notes
    -----
    The unshifted QR algorithm on :math:`e^{\Lambda}\,T Q` separates scales far apart, and
    LAPACK, accurate relative to the largest, solves windows of nearby ones. So the
    eigenvalues of a random product, however small, are as accurate as their sensitivity
    to rounding in the factors allows: 1e-10 for 100 Gaussian factors of 1000 rows.

    Examples
    --------
    >>> import numpy as np
    >>> from dlnlib.random_matrices import gaussian_product, log_eigenvalues
    >>> z = np.exp(log_eigenvalues(gaussian_product(200, 5, rng=0)))
    >>> in_bin = (abs(z.real) < 0.05) & (abs(z.imag) < 0.05)
    >>> print(in_bin.mean().round(2))
    0.32
    """
    spread = np.ptp(product.log_scales)
    if spread > MAX_SPREAD:
        raise ValueError(
            f"product must span a factor of at most e^{MAX_SPREAD:.0f} for its eigenvalues to be "
            f"found in double precision, got e^{spread:.0f}"
        )
    log_det = product.log_scales.sum() + np.linalg.slogdet(product.T)[1]
    if spread > CORE:
        for _ in range(N_SWEEPS):
            product = _qr_sweep(product)
    log_z = _windowed(product.log_scales, product.T @ product.Q, np.linalg.eigvals)
    if not abs(log_z.real.sum() - log_det) <= DETERMINANT_TOLERANCE * len(log_z):
        raise np.linalg.LinAlgError(
            "the eigenvalues do not follow the scales of the product: their sum of logarithms "
            f"is {log_z.real.sum():.6g}, but ln |det| is {log_det:.6g}"
        )
    return log_z


# Limiting laws


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
    >>> from dlnlib.random_matrices import fuss_catalan_edge
    >>> [round(fuss_catalan_edge(m), 6) for m in (1, 2, 100)]
    [4.0, 6.75, 273.186197]
    """
    m = checked_count("n_factors", n_factors)
    return float((m + 1) * np.exp(m * np.log1p(1 / m)))


def fuss_catalan_density(x: ArrayLike, *, n_factors: int) -> Array:
    r"""Return the density of squared singular values of a product of Gaussian matrices.

    .. math:: \rho(x) = \frac{\sin\varphi\,\sin((m+1)\varphi)}{\pi\,x\,\sin(m\varphi)}, \qquad
              x = \frac{\sin^{m+1}((m+1)\varphi)}{\sin\varphi\,\sin^m(m\varphi)}, \qquad
              0 < \varphi < \frac{\pi}{m+1}.

    Parameters
    ----------
    x : array_like
        Squared singular values, not negative.
    n_factors : int
        Number of factors :math:`m`, square with entries of variance :math:`1/N`.

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
    >>> from dlnlib.random_matrices import fuss_catalan_density
    >>> print(fuss_catalan_density([1.0, 3.0, 5.0], n_factors=1).round(4))
    [0.2757 0.0919 0.    ]
    """
    x = checked_not_negative("x", x)
    m = checked_count("n_factors", n_factors)
    positive = np.maximum(x, TINY)
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
    >>> from dlnlib.random_matrices import singular_value_density
    >>> print(singular_value_density([0.0, 1.0, 2.0], n_factors=1).round(4))
    [0.6366 0.5513 0.    ]
    """
    s = checked_not_negative("s", s)
    m = checked_count("n_factors", n_factors)
    positive = np.maximum(s, TINY)
    _, strength = _angle(2 * np.log(positive), m)
    return np.where((s == 0) & (m > 1), np.inf, 2 * strength / positive)[()]


def log_singular_value_density(log_s: ArrayLike, *, n_factors: int) -> Array:
    r"""Return the density of the logarithms of singular values of a Gaussian product.

    .. math:: p(\ln s) = 2 s^2 \rho(s^2)
              = \frac{2 \sin\varphi\,\sin((m+1)\varphi)}{\pi\,\sin(m\varphi)}.

    Parameters
    ----------
    log_s : array_like
        Natural logarithms of singular values.
    n_factors : int
        Number of factors :math:`m`, square with entries of variance :math:`1/N`.

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
    >>> from dlnlib.random_matrices import log_singular_value_density
    >>> print(log_singular_value_density([-100.0, 0.0], n_factors=100).round(5))
    [0.00272 0.01523]
    """
    _, strength = _angle(2 * checked_finite("log_s", log_s), checked_count("n_factors", n_factors))
    return (2 * strength)[()]


def log_singular_value_cdf(log_s: ArrayLike, *, n_factors: int) -> Array:
    r"""Return the share of singular values of a Gaussian product below a bound.

    .. math:: P(\ln \sigma \le \ln s) = 1 - \frac{1}{\pi} \left[(m+1)\varphi
              - m\,\frac{\sin\varphi\,\sin((m+1)\varphi)}{\sin(m\varphi)}\right].

    Parameters
    ----------
    log_s : array_like
        Natural logarithms of singular values.
    n_factors : int
        Number of factors :math:`m`, square with entries of variance :math:`1/N`.

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
    >>> from dlnlib.random_matrices import log_singular_value_cdf
    >>> print(log_singular_value_cdf([-100.0, 0.0, 3.0], n_factors=100).round(3))
    [0.138 0.967 1.   ]
    """
    log_s, m = checked_finite("log_s", log_s), checked_count("n_factors", n_factors)
    complement, strength = _angle(2 * log_s, m)
    return ((m + 1) * complement / np.pi + m * strength)[()]


def eigenvalue_density(z: ArrayLike, *, n_factors: int) -> Array:
    r"""Return the density of eigenvalues of a Gaussian product in the complex plane.

    .. math:: \rho(z) = \frac{|z|^{2/m - 2}}{\pi m}, \qquad |z| \le 1.

    Parameters
    ----------
    z : array_like
        Points of the complex plane.
    n_factors : int
        Number of factors :math:`m`, square with entries of variance :math:`1/N`.

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
    >>> from dlnlib.random_matrices import eigenvalue_density
    >>> print((np.pi * eigenvalue_density([0.5, 0.5j, 2.0], n_factors=2)).round(12))
    [1. 1. 0.]
    """
    radius, m = np.abs(np.asarray(z)), checked_count("n_factors", n_factors)
    radius = checked_finite("z", radius)
    with np.errstate(divide="ignore"):
        density = radius ** (2 / m - 2) / (np.pi * m)
    return np.where(radius <= 1, density, 0.0)[()]


def eigenvalue_mass_in_disc(radius: ArrayLike, *, n_factors: int) -> Array:
    r"""Return the share of eigenvalues of a Gaussian product up to a modulus.

    .. math:: P(|z| \le r) = r^{2/m}, \qquad r \le 1.

    Parameters
    ----------
    radius : array_like
        Radius :math:`r` of a disc about the origin, not negative.
    n_factors : int
        Number of factors :math:`m`, square with entries of variance :math:`1/N`.

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
    >>> from dlnlib.random_matrices import eigenvalue_mass_in_disc
    >>> print(eigenvalue_mass_in_disc([0.01, 1.0], n_factors=2).round(12))
    [0.01 1.  ]
    """
    radius, m = checked_not_negative("radius", radius), checked_count("n_factors", n_factors)
    return (np.minimum(radius, 1.0) ** (2 / m))[()]


def eigenvalue_mass_in_square(side: ArrayLike, *, n_factors: int) -> Array:
    r"""Return the share of eigenvalues of a Gaussian product in a square about the origin.

    .. math:: P\left(|\operatorname{Re} z|, |\operatorname{Im} z| \le \tfrac h2\right)
              = \frac{4}{\pi} \int_0^{\pi/4}
              \min\!\left(1, \frac{h}{2\cos\theta}\right)^{2/m} d\theta.

    Parameters
    ----------
    side : array_like
        Side :math:`h` of the square, not negative.
    n_factors : int
        Number of factors :math:`m`, square with entries of variance :math:`1/N`.

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
    >>> from dlnlib.random_matrices import eigenvalue_mass_in_square
    >>> print([eigenvalue_mass_in_square(0.1, n_factors=m).round(3) for m in (1, 5, 100)])
    [np.float64(0.003), np.float64(0.316), np.float64(0.944)]
    """
    side, m = checked_not_negative("side", side), checked_count("n_factors", n_factors)
    half = np.minimum(side / 2, 1.0)
    # Beyond this angle the square reaches out of the unit disc.
    crossing = np.minimum(np.arccos(half), np.pi / 4)
    reach = (half[..., None] / np.cos(crossing[..., None] * NODES)) ** (2 / m)
    return (1 + (reach @ WEIGHTS - 1) * crossing * 4 / np.pi)[()]


# Graded matrices


def _graded_qr(x: Array, log_scales: Array) -> tuple[NDArray[np.intp], GradedProduct]:
    """Factor x @ diag(exp(log_scales)), columns sorted; scales meet only as ratios."""
    norms = np.maximum(np.abs(x).max(axis=0), TINY)
    log_scales = log_scales + np.log(norms)
    order = np.argsort(-log_scales, kind="stable")
    # Rows from the largest down as well, each of which the reflections keep to rounding.
    rows = np.argsort(-np.abs(x).max(axis=1), kind="stable")
    q = np.empty_like(x)
    q[rows], r = np.linalg.qr((x / norms)[np.ix_(rows, order)])
    descending = log_scales[order]
    r *= np.exp(np.triu(descending - descending[:, None]))
    T, log_size = _normalized_rows(r)
    return order, GradedProduct(q, descending + log_size, T)


def _qr_sweep(product: GradedProduct) -> GradedProduct:
    """Take one step of the QR algorithm, RQ from QR, on a product in a similar basis."""
    order = np.argsort(-product.log_scales, kind="stable")
    descending = product.log_scales[order]
    x = (product.T @ product.Q)[np.ix_(order, order)]
    # Rows descend here too.
    q, r = np.linalg.qr(np.exp(descending - descending[0])[:, None] * x)
    T, log_size = _normalized_rows(r)
    return GradedProduct(q, descending[0] + log_size, T)


def _normalized_rows(x: Array) -> tuple[Array, Array]:
    size = np.maximum(np.abs(x).max(axis=1), TINY)
    return x / size[:, None], np.log(size)


def _triangular_gaussian_rows(size: int, rows: slice, rng: np.random.Generator) -> Array:
    """Draw rows of the triangle in the QR of a standard Gaussian matrix, from the diagonal on."""
    degrees = np.arange(size, 0, -1)[rows]
    R = np.triu(rng.standard_normal((len(degrees), degrees[0])), 1)
    np.fill_diagonal(R, np.sqrt(rng.chisquare(degrees)))
    return R


def _windowed(
    log_scales: Array, x: Array, spectrum_of: Callable[[Array], NDArray[np.inexact]]
) -> ComplexArray:
    """Gather ln of the spectrum of diag(exp(log_scales)) @ x, once swept, from windows."""
    lower_edges = np.arange(log_scales.max() - CORE, log_scales.min(), -CORE)
    spectrum = []
    for high, low in pairwise([np.inf, *lower_edges, -np.inf]):
        near = (log_scales <= high + PAD) & (log_scales >= low - PAD)
        if near.any():
            top = log_scales[near].max()
            window = np.exp(log_scales[near] - top)[:, None] * x[np.ix_(near, near)]
            with np.errstate(divide="ignore"):
                values = np.log(spectrum_of(window).astype(np.complex128)) + top
            spectrum.append(values[(values.real < high) & (values.real >= low)])
    gathered = np.concatenate(spectrum)
    if len(gathered) != len(log_scales):
        raise np.linalg.LinAlgError(
            f"the spectrum does not follow the scales of the product: found {len(gathered)} of "
            f"{len(log_scales)} values"
        )
    return gathered[np.argsort(-gathered.real, kind="stable")]


# The angle of the Fuss-Catalan law


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


# Arguments


def checked_count(name: str, value: int) -> int:
    if int(value) != value or value < 1:
        raise ValueError(f"{name} must be a positive integer, got {value}")
    return int(value)


def checked_finite(name: str, value: ArrayLike) -> Array:
    array = np.asarray(value, dtype=np.float64)
    if not np.isfinite(array).all():
        raise ValueError(f"{name} must be finite, got {array}")
    return array


def checked_not_negative(name: str, value: ArrayLike) -> Array:
    array = checked_finite(name, value)
    if np.any(array < 0):
        raise ValueError(f"{name} must not be negative, got {array}")
    return array
