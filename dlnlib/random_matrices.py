"""Draws of random matrices: Haar-distributed ones, Gaussian and orthogonal factors."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from dlnlib import _checks
from dlnlib._typing import Array, Rng

__all__ = ["gaussian_factors", "haar", "orthogonal_factors"]


def gaussian_factors(size: int, n_factors: int, *, rng: Rng) -> Iterator[Array]:
    r"""Return random square matrices that preserve norms on average.

    .. math:: A_{ij} \sim \mathcal N(0, 1/N).

    Parameters
    ----------
    size : int
        Number of rows :math:`N`.
    n_factors : int
        Number of matrices.
    rng : int, sequence of int or numpy.random.Generator
        Seed or source of randomness. There is no default: None is refused.

    Returns
    -------
    iterator of ndarray
        The matrices, each drawn when it is asked for.

    Raises
    ------
    TypeError, ValueError
        If `size` or `n_factors` is not a positive integer, or `rng` is no seed.

    Notes
    -----
    Section 3, Fig. 6B.

    Examples
    --------
    >>> from dlnlib.random_matrices import gaussian_factors
    >>> [a.shape for a in gaussian_factors(4, 2, rng=0)]
    [(4, 4), (4, 4)]
    """
    size, n_factors = _checks.count("size", size), _checks.count("n_factors", n_factors)
    rng = _checks.generator("rng", rng)
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
    rng : int, sequence of int or numpy.random.Generator
        Seed or source of randomness. There is no default: None is refused.
    gain : float, optional
        Gain :math:`g` of every matrix, positive.

    Returns
    -------
    iterator of ndarray
        The matrices, each drawn when it is asked for.

    Raises
    ------
    TypeError, ValueError
        If `size` or `n_factors` is not a positive integer, `gain` is not positive, or `rng` is no
        seed.

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
    size, n_factors = _checks.count("size", size), _checks.count("n_factors", n_factors)
    gain = _checks.number("gain", gain, above=0.0)
    rng = _checks.generator("rng", rng)
    return (gain * haar(size, size, rng=rng) for _ in range(n_factors))


def haar(n_rows: int, n_columns: int, *, rng: Rng) -> Array:
    r"""Return the first columns of a random orthogonal matrix, uniform over the group.

    .. math:: Q^T Q = 1, \qquad Q \sim V Q W \ \text{for all orthogonal } V, W.

    Parameters
    ----------
    n_rows : int
        Number of rows.
    n_columns : int
        Number of columns, at most that of rows.
    rng : int, sequence of int or numpy.random.Generator
        Seed or source of randomness. There is no default: None is refused.

    Returns
    -------
    ndarray, shape (n_rows, n_columns)
        Orthonormal columns.

    Raises
    ------
    TypeError, ValueError
        If `n_rows` is not a positive integer, `n_columns` is not one of 0 to `n_rows`, or `rng`
        is no seed.

    Notes
    -----
    The QR decomposition of a Gaussian matrix, with the signs of Mezzadri 2007. For square ones
    ``scipy.stats.ortho_group`` draws the same law; this draws rectangles too, at the cost of
    their own QR.

    Examples
    --------
    >>> import numpy as np
    >>> from dlnlib.random_matrices import haar
    >>> Q = haar(5, 2, rng=0)
    >>> print(np.allclose(Q.T @ Q, np.eye(2)))
    True
    """
    n_rows = _checks.count("n_rows", n_rows)
    n_columns = _checks.count("n_columns", n_columns, least=0, most=n_rows)
    q, r = np.linalg.qr(_checks.generator("rng", rng).standard_normal((n_rows, n_columns)))
    # QR alone is not uniform: its signs follow the algorithm, not chance.
    return q * np.where(np.diagonal(r) < 0, -1.0, 1.0)
