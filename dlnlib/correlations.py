"""The data as gradient descent sees it: second moments, summed over examples."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["Correlations", "Modes", "from_data", "modes"]

# Integers up to here are exact in float64, so BLAS may sum them.
_EXACT_FLOAT = 2**53


class Modes(NamedTuple):
    """Hold the singular value decomposition of the input-output correlation.

    ``sigma_yx = U @ diag(s) @ Vt`` (Eq. 3), with ``s`` descending.

    Attributes
    ----------
    U : ndarray, shape (n_outputs, n_modes)
        Output modes, one a column.
    s : ndarray, shape (n_modes,)
        Singular values, descending.
    Vt : ndarray, shape (n_modes, n_inputs)
        Input modes, one a row.
    """

    U: NDArray[np.float64]
    s: NDArray[np.float64]
    Vt: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Correlations:
    r"""Hold the second moments that determine linear learning.

    .. math:: \Sigma^{11} = \sum_\mu x^\mu x^{\mu T}, \quad
              \Sigma^{31} = \sum_\mu y^\mu x^{\mu T}, \quad
              \operatorname{tr} \sum_\mu y^\mu y^{\mu T}.

    Parameters
    ----------
    sigma_xx : array_like, shape (n_inputs, n_inputs)
        Input correlation, symmetric.
    sigma_yx : array_like, shape (n_outputs, n_inputs)
        Input-output correlation.
    trace_yy : float
        Trace of the output correlation.
    n_examples : int
        Number of examples that were summed.

    Raises
    ------
    ValueError
        If shapes do not chain, an entry is not finite, ``sigma_xx`` is not symmetric,
        or ``trace_yy`` or ``n_examples`` is out of range.

    Examples
    --------
    >>> import numpy as np
    >>> from dlnlib.correlations import Correlations
    >>> c = Correlations(np.eye(2), [[3.0, 0.0], [0.0, 1.0]], trace_yy=10.0, n_examples=2)
    >>> c.sigma_yx.shape
    (2, 2)
    """

    sigma_xx: NDArray[np.float64]
    sigma_yx: NDArray[np.float64]
    trace_yy: float
    n_examples: int

    def __post_init__(self) -> None:
        for name in ("sigma_xx", "sigma_yx"):
            matrix = np.asarray(getattr(self, name), dtype=np.float64)
            if matrix.ndim != 2 or not np.isfinite(matrix).all():
                raise ValueError(
                    f"{name} must be a finite matrix, got shape {matrix.shape} with "
                    f"{np.count_nonzero(~np.isfinite(matrix))} non-finite entries"
                )
            object.__setattr__(self, name, matrix)
        n_inputs = self.sigma_yx.shape[1]
        if self.sigma_xx.shape != (n_inputs, n_inputs):
            raise ValueError(
                f"sigma_xx must have shape {(n_inputs, n_inputs)} to go with sigma_yx of shape "
                f"{self.sigma_yx.shape}, got {self.sigma_xx.shape}"
            )
        asymmetry = np.abs(self.sigma_xx - self.sigma_xx.T).max(initial=0.0)
        if asymmetry > 1e-9 * np.abs(self.sigma_xx).max(initial=0.0):
            raise ValueError(f"sigma_xx must be symmetric, got entries that differ by {asymmetry}")
        if not (np.isfinite(self.trace_yy) and self.trace_yy >= 0):
            raise ValueError(f"trace_yy must be finite and not negative, got {self.trace_yy}")
        if self.n_examples < 1:
            raise ValueError(f"n_examples must be at least 1, got {self.n_examples}")


def from_data(x: ArrayLike, y: ArrayLike, *, chunk_size: int = 8192) -> Correlations:
    r"""Sum the correlations of a data set.

    .. math:: \Sigma^{11} = \sum_\mu x^\mu x^{\mu T}, \qquad
              \Sigma^{31} = \sum_\mu y^\mu x^{\mu T}.

    Parameters
    ----------
    x : array_like, shape (n_examples, n_inputs)
        Inputs, one example a row. Memory-mapped arrays are read a chunk at a time.
    y : array_like, shape (n_examples, n_outputs)
        Targets, one example a row.
    chunk_size : int, optional
        Number of examples summed at once.

    Returns
    -------
    Correlations
        The moments, in float64. Sums of integers are exact up to 2**53.

    Raises
    ------
    ValueError
        If `x` and `y` are not matrices of equally many, at least one, finite real rows.

    Notes
    -----
    Definitions below Eqs. 1 and 2 of the paper: sums over examples, not means.

    Examples
    --------
    >>> import numpy as np
    >>> from dlnlib.correlations import from_data
    >>> from_data(np.eye(3), np.ones((3, 2))).sigma_yx
    array([[1., 1., 1.],
           [1., 1., 1.]])
    """
    x, y = _examples("x", x), _examples("y", y)
    if len(x) != len(y):
        raise ValueError(f"x and y must have equally many rows, got shapes {x.shape} and {y.shape}")
    if chunk_size < 1:
        raise ValueError(f"chunk_size must be at least 1, got {chunk_size}")
    sigma_xx = _sum_of_products(x, x, chunk_size)
    sigma_yx = _sum_of_products(y, x, chunk_size)
    trace_yy = _sum_of_squares(y, chunk_size)
    for name, total in (("x", sigma_xx), ("y", sigma_yx), ("y", np.array(trace_yy))):
        if not np.isfinite(total).all():
            raise ValueError(f"{name} must be finite with finite products, got sums that are not")
    return Correlations(sigma_xx, sigma_yx, trace_yy, len(x))


def modes(correlations: Correlations) -> Modes:
    r"""Decompose the input-output correlation into its modes.

    .. math:: \Sigma^{31} = U^{33} S^{31} V^{11T}
              = \sum_\alpha s_\alpha u^\alpha v^{\alpha T}.

    The sign of each pair is fixed so that the entry of the input mode that is
    largest in magnitude is positive.

    Parameters
    ----------
    correlations : Correlations
        The data.

    Returns
    -------
    Modes
        ``U`` (n_outputs, n_modes), ``s`` (n_modes,) descending, ``Vt`` (n_modes, n_inputs)
        with ``n_modes = min(n_outputs, n_inputs)``.

    Notes
    -----
    Eq. 3 of the paper.

    Examples
    --------
    >>> import numpy as np
    >>> from dlnlib.correlations import Correlations, modes
    >>> modes(Correlations(np.eye(2), [[0.0, 1.0], [3.0, 0.0]], 10.0, 2)).s
    array([3., 1.])
    """
    U, s, Vt = np.linalg.svd(correlations.sigma_yx, full_matrices=False)
    peaks = Vt[np.arange(len(s)), np.abs(Vt).argmax(axis=1)]
    signs = np.where(peaks < 0, -1.0, 1.0)
    return Modes(U * signs, s, Vt * signs[:, None])


def _examples(name: str, value: ArrayLike) -> NDArray[np.generic]:
    array = value if isinstance(value, np.ndarray) else np.asarray(value)
    if array.ndim != 2 or array.dtype.kind not in "biuf" or 0 in array.shape:
        raise ValueError(
            f"{name} must be a non-empty real matrix with one example a row, "
            f"got shape {array.shape} and dtype {array.dtype}"
        )
    return array


def _magnitude(array: NDArray[np.generic], chunk_size: int) -> int:
    chunks = (array[i : i + chunk_size] for i in range(0, len(array), chunk_size))
    return max(max(int(c.max()), -int(c.min())) for c in chunks)


def _working_dtype(
    a: NDArray[np.generic], b: NDArray[np.generic], n_terms: int, chunk_size: int
) -> type[np.float64] | type[np.int64] | type[object]:
    if "f" in a.dtype.kind + b.dtype.kind:
        return np.float64
    bound = _magnitude(a, chunk_size) * _magnitude(b, chunk_size) * n_terms
    if bound <= _EXACT_FLOAT:
        return np.float64
    return np.int64 if bound < 2**63 else object


def _sum_of_products(
    a: NDArray[np.generic], b: NDArray[np.generic], chunk_size: int
) -> NDArray[np.float64]:
    dtype = _working_dtype(a, b, len(a), chunk_size)
    total = np.zeros((a.shape[1], b.shape[1]), dtype=dtype)
    with np.errstate(over="ignore", invalid="ignore"):
        for i in range(0, len(a), chunk_size):
            total += a[i : i + chunk_size].astype(dtype).T @ b[i : i + chunk_size].astype(dtype)
        return total.astype(np.float64)


def _sum_of_squares(y: NDArray[np.generic], chunk_size: int) -> float:
    dtype = _working_dtype(y, y, y.size, chunk_size)
    with np.errstate(over="ignore", invalid="ignore"):
        squares = (y[i : i + chunk_size].astype(dtype) ** 2 for i in range(0, len(y), chunk_size))
        return float(sum(chunk.sum() for chunk in squares))
