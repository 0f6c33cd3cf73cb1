"""Matrices of second moments: whether any data have them, and their roots in any units.

Inputs come in units of their own, so that a small eigenvalue need not be a rounding error. Scaled
to unit diagonal, a matrix of moments tells the two apart.
"""

from __future__ import annotations

import copy
from typing import NamedTuple, TypeVar

import numpy as np
from scipy.linalg import lapack, solve_triangular

from dlnlib._typing import Array

__all__ = [
    "Axes",
    "axes",
    "derived",
    "explained",
    "known",
    "least_trace",
    "near_one",
    "principal_components",
]

_Record = TypeVar("_Record")

# What rounding may take from a moment, relative to the input's own and to the sum over all inputs:
# the first leaves users a margin, the second is that of rotated inputs, which share their errors.
_OWN = 1e-9
_SHARED = 1e-12
# Units that differ by less leave a singular value decomposition nine digits or more.
_UNITS = 1e5


class Axes(NamedTuple):
    """Hold what a matrix is, up to weak directions: ``diag(size) Q diag(w) Q^T diag(size)``."""

    size: Array
    w: Array
    Q: Array


def near_one(a: Array) -> Array:
    """Divide by the power of two next to the largest entry, so that squares stay in range."""
    exponent = int(np.frexp(np.abs(a).max(initial=0.0))[1])
    return np.ldexp(a, -exponent)


def derived(record: _Record, **changes: object) -> _Record:
    """Return a record with other entries, which follow from checked ones: rounding may show."""
    found = copy.copy(record)
    for name, value in changes.items():
        object.__setattr__(found, name, value)
    return found


def known(kind: type[_Record], **entries: object) -> _Record:
    """Return a record of entries that are right by what they were made from."""
    return derived(object.__new__(kind), **entries)


def axes(sigma: Array, *, least: float) -> Axes:
    """Return the principal axes of a matrix scaled to unit diagonal, of variances above `least`."""
    size: Array = np.sqrt(np.maximum(np.diagonal(sigma), 0.0))
    # An input that does not vary has no correlations; no others are beyond one.
    divisor = np.where(size > 0, size, np.inf)
    scaled = np.clip(sigma / divisor[:, None] / divisor, -1.0, 1.0)
    w, Q = np.linalg.eigh(scaled)
    kept = w > least
    return Axes(size, w[kept], Q[:, kept])


def explained(found: Axes, sigma_yx: Array) -> Array:
    r"""Return the singular values of :math:`\Sigma^{31} (\Sigma^{11})^{-1/2}`, descending."""
    divisor = np.where(found.size > 0, found.size, np.inf)
    white: Array = (sigma_yx / divisor) @ (found.Q / np.sqrt(found.w))
    return np.asarray(np.linalg.svd(white, compute_uv=False), dtype=np.float64)


def principal_components(found: Axes) -> tuple[Array, Array]:
    """Return the directions of unscaled moments, one a column, and standard deviations, falling.

    By one-sided Jacobi rotations of a root where units differ much: they alone keep the small ones
    accurate, at several times the cost.
    """
    root = found.size[:, None] * found.Q * np.sqrt(found.w)
    if root.size == 0:
        return root, np.zeros(0)
    if found.size.max() < _UNITS * found.size[found.size > 0].min():
        U, sizes, _ = np.linalg.svd(root, full_matrices=False)
        return U, sizes
    largest = np.abs(root).max()
    # Rows in units of their own, columns that are well conditioned: the case F of LAPACK.
    sizes, U, _, scale, _, info = lapack.dgejsv(root / largest, joba=2, jobu=0, jobv=3)
    if info != 0:
        raise np.linalg.LinAlgError(f"Jacobi rotations did not converge, info {info}")
    return U[:, : len(sizes)], sizes * (largest * scale[0] / scale[1])


def least_trace(sigma_xx: Array, sigma_yx: Array) -> float | None:
    r"""Return a lower bound of the targets' trace; None if no inputs have these moments.

    .. math:: \operatorname{tr} \Sigma^{31} (\Sigma^{11} + \text{what rounding may have
              taken})^{-1} \Sigma^{13},

    which is huge where an output varies with inputs that do not. Cheaper than eigenvalues.
    """
    largest = np.abs(sigma_xx).max(initial=0.0)
    if largest == 0:
        return np.inf if sigma_yx.any() else 0.0
    scaled = sigma_xx / largest
    variances = np.maximum(np.diagonal(scaled), 0.0)
    shared = _SHARED * variances.sum()
    size = np.sqrt(variances + shared)
    if not size.all():
        return None
    matrix = scaled / size[:, None] / size
    matrix[np.diag_indices_from(matrix)] += (_OWN * variances + shared) / size**2
    try:
        root = np.linalg.cholesky(matrix)
    except np.linalg.LinAlgError:
        return None
    with np.errstate(over="ignore", invalid="ignore"):
        drive = sigma_yx / np.sqrt(largest) / size
        white = solve_triangular(root, drive.T, lower=True, check_finite=False)
        return float(np.sum(white**2))
