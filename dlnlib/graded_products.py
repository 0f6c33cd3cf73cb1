r"""Products of square matrices that keep their small directions.

A product :math:`A_m\cdots A_1` spans so many orders of magnitude that rounding swamps its
small singular values once it is multiplied out. It is kept here as
:math:`Q\,e^{\Lambda}\,T`: :math:`Q` orthogonal, :math:`\Lambda` diagonal and in logarithms,
:math:`T` well conditioned.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dlnlib import _checks
from dlnlib._typing import Array, ComplexArray, Rng
from dlnlib.random_matrices import haar

__all__ = [
    "GradedProduct",
    "gaussian_product",
    "graded_product",
    "log_eigenvalues",
    "log_singular_values",
]

# Stands in for the logarithm of the size of a row of zeros: below all others, and finite.
_LOG_OF_ZERO = -1e6
# Rows of a triangular factor drawn and multiplied at once: large enough for BLAS.
_BLOCK = 100
# A graded matrix is solved in windows of its scales. A window keeps what lies in its core, a
# factor e^25 wide, which LAPACK resolves; it is 8 pi, so that no edge meets the logarithm of a
# round number. Sweeps of QR make what couples the core to scales a factor e^15 away smaller than
# rounding: by e^-15 each, and three of them by e^-45.
_CORE, _PAD, _N_SWEEPS = 8 * np.pi, 15.0, 3
# Without sweeps, for scales within a factor of e^5.
_CLOSE = 5.0
# Entries beyond two to this power could overflow in a sum, or underflow in a product.
_MAX_EXPONENT = 1000
# Sweeps of eigenvalues take scales out of their logarithms, into double precision.
_MAX_SPREAD = 650.0
# Determinants of a product computed in two ways agree to this, in ln, per matrix row.
_DETERMINANT_TOLERANCE = 1e-6


class GradedProduct(NamedTuple):
    r"""Hold a product of square matrices without losing its small directions.

    .. math:: A_m \cdots A_1 = Q\,\operatorname{diag}(e^{\Lambda})\,T.

    Attributes
    ----------
    Q : ndarray, shape (size, size)
        Orthogonal matrix.
    log_scales : ndarray, shape (size,)
        The diagonal of :math:`\Lambda`, roughly descending.
    rows : ndarray, shape (size, size)
        The matrix :math:`T`: rows of largest entry 1, well conditioned together.
    """

    Q: Array
    log_scales: Array
    rows: Array


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
    TypeError
        If `factors` is no sequence of matrices of real numbers.
    ValueError
        If there is no factor, one is not square or not finite, or their sizes differ.

    Notes
    -----
    The stratification of determinant quantum Monte Carlo, with the columns sorted before
    each QR (Tomás, Chang, Scalettar & Bai 2012). Scales never leave their logarithms: what
    multiplies rounding is the condition number of a factor, not that of the product, and
    not even that where a factor is orthogonal or diagonal. Rows are sorted for this (Cox &
    Higham 1998). A direction that zeros of a factor remove stays removed.

    Examples
    --------
    >>> from dlnlib.graded_products import graded_product, log_singular_values
    >>> factors = [[[1.0, 1.0], [1.0, -1.0]], [[1e100, 0.0], [0.0, 1e-100]]] * 2
    >>> print(log_singular_values(graded_product(factors)).round(3))
    [ 460.864 -459.477]
    """
    product = None
    for factor in _checks.iterated("factors", factors, "square matrices"):
        a, log_size = _in_range(_square("factors", factor))
        if product is None:
            order, left = _graded_qr(a, np.full(len(a), log_size))
            product = left._replace(rows=left.rows[:, np.argsort(order)])
            continue
        if a.shape != product.Q.shape:
            raise ValueError(
                f"factors must have one shape, got {product.Q.shape} and then {a.shape}"
            )
        order, left = _graded_qr(a @ product.Q, product.log_scales + log_size)
        product = left._replace(rows=left.rows @ product.rows[order])
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
    rng : int, sequence of int or numpy.random.Generator
        Seed or source of randomness.

    Returns
    -------
    GradedProduct
        A product with the law of ``graded_product(gaussian_factors(size, n_factors))``.

    Raises
    ------
    TypeError
        If `size` or `n_factors` is no number, or `rng` no source of randomness.
    ValueError
        If `size` or `n_factors` is not a positive integer.

    Notes
    -----
    In the QR :math:`A_1 = Q_1 R_1` the two are independent (Bartlett 1933), and
    :math:`A_2 Q_1` is again Gaussian, whatever :math:`Q_1`; so on to the last factor. The
    product of triangles costs a third of a full one here, and no QR.

    Examples
    --------
    >>> from dlnlib.graded_products import gaussian_product, log_singular_values
    >>> s = log_singular_values(gaussian_product(50, 100, rng=0))
    >>> print(s[[0, -1]].round(1))
    [   0.6 -259.2]
    """
    size, n_factors = _checks.count("size", size), _checks.count("n_factors", n_factors)
    rng = _checks.generator("rng", rng)
    log_scales, T = np.zeros(size), np.eye(size)
    for _ in range(n_factors):
        # In place: a row of the product takes nothing from the rows above it.
        for start in range(0, size, _BLOCK):
            rows, rest = slice(start, start + _BLOCK), slice(start, size)
            R = _triangular_gaussian_rows(size, rows, rng)
            R *= np.exp(np.triu(log_scales[rest] - log_scales[rows, None]))
            T[rows, rest], log_size = _normalized_rows(R @ T[rest, rest])
            log_scales[rows] += log_size - np.log(size) / 2
    return GradedProduct(haar(size, size, rng=rng), log_scales, T)


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
    TypeError
        If `product` is no GradedProduct.
    ValueError
        If its matrices are not finite, or their shapes differ.
    numpy.linalg.LinAlgError
        If the rows of :math:`T` are so nearly dependent that the singular values do not follow the
        scales of the product.

    Notes
    -----
    Every singular value, however small, has the relative accuracy of rounding times the
    condition number of :math:`T`: 1e-10 for 100 Gaussian factors of 1000 rows, where the
    largest and the smallest differ by a factor of 1e180.

    A sweep is a graded QR of the transpose. For a graded matrix :math:`R_0 = e^\Lambda T` let
    :math:`R_{k-1}^T = Q_k R_k`: all :math:`R_k` have the singular values of :math:`R_0`. As
    :math:`R_{k-1} R_{k-1}^T = R_k^T R_k = Q_{k+1}\,(R_{k+1} R_k)` is the QR of its left side, and
    :math:`R_{k+1} R_{k+1}^T = Q_{k+1}^T\,(R_{k-1} R_{k-1}^T)\,Q_{k+1}`, two sweeps are one step
    of the unshifted QR algorithm on :math:`R R^T`, without squaring anything. It converges to
    the diagonal of squared singular values: each sweep shrinks what couples two scales by their
    ratio, and leaves every row as accurate as it was, since rows and columns are sorted (Cox &
    Higham 1998). A few sweeps therefore separate scales far apart, and LAPACK solves windows of
    nearby ones.

    Examples
    --------
    >>> from dlnlib.graded_products import graded_product, log_singular_values
    >>> from dlnlib.random_matrices import orthogonal_factors
    >>> s = log_singular_values(graded_product(orthogonal_factors(20, 100, rng=0)))
    >>> print(abs(s).max() < 1e-12)
    True
    """
    _, log_scales, rows = _checked(product)
    # Scales this close are one window, in which LAPACK loses no digits that matter.
    if np.ptp(log_scales) > _CLOSE:
        for _ in range(_N_SWEEPS):
            log_scales, rows = _singular_sweep(log_scales, rows)
    return _windowed(log_scales, rows, np.linalg.svdvals).real


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
    TypeError
        If `product` is no GradedProduct.
    ValueError
        If its matrices are not finite, their shapes differ, or the scales of the product span
        more than a factor of e^650, as when it is singular.
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
    >>> from dlnlib.graded_products import gaussian_product, log_eigenvalues
    >>> z = np.exp(log_eigenvalues(gaussian_product(200, 5, rng=0)))
    >>> in_bin = (abs(z.real) < 0.05) & (abs(z.imag) < 0.05)
    >>> print(in_bin.mean().round(2))
    0.32
    """
    product = _checked(product)
    spread = np.ptp(product.log_scales)
    if spread > _MAX_SPREAD:
        raise ValueError(
            f"product must span a factor of at most e^{_MAX_SPREAD:.0f} for its eigenvalues to be "
            f"found in double precision, got e^{spread:.0f}"
        )
    log_det = product.log_scales.sum() + np.linalg.slogdet(product.rows)[1]
    if spread > _CORE:
        for _ in range(_N_SWEEPS):
            product = _qr_sweep(product)
    log_z = _windowed(product.log_scales, product.rows @ product.Q, np.linalg.eigvals)
    if not abs(log_z.real.sum() - log_det) <= _DETERMINANT_TOLERANCE * len(log_z):
        raise np.linalg.LinAlgError(
            "the eigenvalues do not follow the scales of the product: their sum of logarithms "
            f"is {log_z.real.sum():.6g}, but ln |det| is {log_det:.6g}"
        )
    return log_z


def _graded_qr(x: Array, log_scales: Array) -> tuple[NDArray[np.intp], GradedProduct]:
    """Factor x @ diag(exp(log_scales)), columns sorted; scales meet only as ratios."""
    x, rows, order, descending = _sorted(x, log_scales)
    q = np.empty_like(x)
    q[rows], r = np.linalg.qr(x)
    return order, GradedProduct(q, *_rescaled(r, descending))


def _singular_sweep(log_scales: Array, rows: Array) -> tuple[Array, Array]:
    """Take half a step of the QR algorithm on the squared singular values."""
    x, _, _, descending = _sorted(rows.T, log_scales)
    return _rescaled(np.asarray(np.linalg.qr(x, mode="r")), descending)


def _sorted(x: Array, log_scales: Array) -> tuple[Array, NDArray[np.intp], NDArray[np.intp], Array]:
    """Sort the columns of x @ diag(exp(log_scales)) by size and take that out; sort rows."""
    norms, logs = _sizes(x, axis=0)
    log_scales = log_scales + logs
    order = np.argsort(-log_scales, kind="stable")
    # Rows from the largest down as well, each of which the reflections keep to rounding.
    rows = np.argsort(-_sizes(x, axis=1)[1], kind="stable")
    return (x / norms)[np.ix_(rows, order)], rows, order, log_scales[order]


def _rescaled(r: Array, descending: Array) -> tuple[Array, Array]:
    r *= np.exp(np.triu(descending - descending[:, None]))
    T, log_size = _normalized_rows(r)
    return descending + log_size, T


def _qr_sweep(product: GradedProduct) -> GradedProduct:
    """Take one step of the QR algorithm, RQ from QR, on a product in a similar basis."""
    order = np.argsort(-product.log_scales, kind="stable")
    descending = product.log_scales[order]
    x = (product.rows @ product.Q)[np.ix_(order, order)]
    # Rows descend here too.
    q, r = np.linalg.qr(np.exp(descending - descending[0])[:, None] * x)
    T, log_size = _normalized_rows(r)
    return GradedProduct(q, descending[0] + log_size, T)


def _normalized_rows(x: Array) -> tuple[Array, Array]:
    size, log_size = _sizes(x, axis=1)
    return x / size[:, None], log_size


def _sizes(x: Array, axis: int) -> tuple[Array, Array]:
    """Return largest entries, 1 where all are zero, and their logarithms."""
    size = np.maximum(x.max(axis=axis), -x.min(axis=axis))
    some = size > 0
    size = np.where(some, size, 1.0)
    return size, np.where(some, np.log(size), _LOG_OF_ZERO)


def _in_range(a: Array) -> tuple[Array, float]:
    """Divide by a power of two what could leave the range of doubles; return its logarithm."""
    exponent = int(np.frexp(max(a.max(), -a.min()))[1])
    shift = max(exponent - _MAX_EXPONENT, 0) + min(exponent + _MAX_EXPONENT, 0)
    return (np.ldexp(a, -shift), shift * np.log(2)) if shift else (a, 0.0)


def _square(name: str, value: ArrayLike) -> Array:
    a = np.asarray(_checks.real(name, value), dtype=np.float64)
    if a.ndim != 2 or a.shape[0] != a.shape[1] or a.size == 0:
        raise ValueError(f"{name} must be square matrices, got shape {a.shape}")
    return _checks.finite(name, a)


def _checked(product: GradedProduct) -> GradedProduct:
    """Require a product as this room returns it."""
    try:
        Q, log_scales, rows = product
    except (TypeError, ValueError):
        raise TypeError(
            "product must be a GradedProduct, as graded_product makes of matrices, "
            f"got {type(product).__name__}"
        ) from None
    Q, rows = _square("product.Q", Q), _square("product.rows", rows)
    log_scales = _checks.finite("product.log_scales", log_scales)
    if not Q.shape == rows.shape == 2 * log_scales.shape:
        raise ValueError(
            "product must have Q, log_scales and rows of one size, got shapes "
            f"{Q.shape}, {log_scales.shape} and {rows.shape}"
        )
    return GradedProduct(Q, log_scales, rows)


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
    alive = x.any(axis=1)
    scales, x = log_scales[alive], x[np.ix_(alive, alive)]
    spectrum = [np.full(int(np.sum(~alive)), complex(-np.inf))]
    top, bottom = scales.max(initial=-np.inf), scales.min(initial=np.inf)
    lower_edges = np.arange(top - _CORE, bottom, -_CORE) if alive.any() else np.empty(0)
    for high, low in pairwise([np.inf, *lower_edges, -np.inf]):
        near = (scales <= high + _PAD) & (scales >= low - _PAD)
        if near.any():
            top = scales[near].max()
            window = np.exp(scales[near] - top)[:, None] * x[np.ix_(near, near)]
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
