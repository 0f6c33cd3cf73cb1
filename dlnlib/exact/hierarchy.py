"""The spectrum of hierarchical data, without the data."""

from __future__ import annotations

import numpy as np

from dlnlib import _checks
from dlnlib._typing import Array

__all__ = ["hierarchical_singular_values"]


def hierarchical_singular_values(
    *, n_levels: int = 5, n_features: int = 1000, flip_probability: float = 0.1
) -> Array:
    r"""Return the expected singular values of the input-output correlation of a binary tree.

    With :math:`\rho = (1 - 2p)^2` and :math:`L` levels they are, for one global mode and
    for the :math:`2^{L-k}` branchings that have :math:`2^k` leaves each,

    .. math:: s_\text{global}^2 &= n_\text{features} \Big[
                  4p(1-p) \sum_{j=0}^{L-1} (2\rho)^j + (2\rho)^L \Big], \\
              s_k^2 &= n_\text{features}\, 4p(1-p) \sum_{j=0}^{k-1} (2\rho)^j,
              \quad k = 1, \dots, L.

    Parameters
    ----------
    n_levels : int, optional
        Levels of branching :math:`L` below the root, at least 0.
    n_features : int, optional
        Number of features, at least 1.
    flip_probability : float, optional
        Probability `p` in [0, 1] that a child differs from its parent.

    Returns
    -------
    ndarray, shape (2**n_levels,)
        Singular values, descending, each as often as its multiplicity.

    Raises
    ------
    TypeError, ValueError
        If a parameter is not of the stated kind or range.

    See Also
    --------
    dlnlib.datasets.hierarchical : Draw such data.

    Notes
    -----
    One-hot inputs give :math:`\Sigma^{31T} \Sigma^{31} = y y^T`, whose expectation is
    :math:`n_\text{features} C`. Two leaves whose nearest common ancestor lies :math:`k`
    levels above them are :math:`2k` copies apart, and a copy correlates with its original
    by :math:`1 - 2p`: hence :math:`C_{ij} = \rho^k`.

    By symmetry the eigenvectors of `C` are the constant vector and, for every branching,
    the vector that is +1 on the leaves of one child, -1 on those of the other and 0
    elsewhere. A row of `C` holds :math:`2^{k-1}` entries :math:`\rho^k`, so the constant
    vector has the eigenvalue :math:`1 + \sum_{k=1}^{L} 2^{k-1} \rho^k`, and a branching
    with :math:`2^k` leaves :math:`1 + \sum_{j=1}^{k-1} 2^{j-1} \rho^j - 2^{k-1} \rho^k`.
    The latter is :math:`(1 - \rho) \sum_{j<k} (2\rho)^j`, a sum without cancellation, and
    the former exceeds it at :math:`k = L` by :math:`(2\rho)^L`.

    These are the roots of the eigenvalues of the expectation of
    :math:`\Sigma^{31T} \Sigma^{31}`. The singular values of one sample scatter about them
    and the equal ones split, less so with more features.

    Section 1.3 and Fig. 3 of the paper, which does not derive them.

    Examples
    --------
    >>> from dlnlib.exact import hierarchical_singular_values
    >>> hierarchical_singular_values(n_levels=2, n_features=100, flip_probability=0.5)
    array([10., 10., 10., 10.])
    >>> hierarchical_singular_values(n_levels=2, n_features=100, flip_probability=0.0)
    array([20.,  0.,  0.,  0.])
    """
    n_levels = _checks.count("n_levels", n_levels, least=0)
    n_features = _checks.count("n_features", n_features)
    p = _checks.number("flip_probability", flip_probability, least=0, most=1)
    rho = (1 - 2 * p) ** 2
    branchings = 4 * p * (1 - p) * np.cumsum((2 * rho) ** np.arange(n_levels))
    whole = branchings[-1:].sum() + (2 * rho) ** n_levels
    descending = np.repeat(branchings[::-1], 2 ** np.arange(n_levels))
    squares: Array = n_features * np.concatenate([[whole], descending])
    return np.sqrt(squares)
