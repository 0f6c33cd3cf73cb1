"""The spectrum of hierarchical data, without the data."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from dlnlib import _checks
from dlnlib._typing import Array

__all__ = ["hierarchical_singular_values"]

# Values of one spectrum, of 128 megabytes.
_MOST_ITEMS = 2**24


def hierarchical_singular_values(
    *,
    n_levels: int | None = None,
    n_features: int = 1000,
    flip_probability: float = 0.1,
    branching: int | Sequence[int] = 2,
) -> Array:
    r"""Return the expected singular values of the input-output correlation of a tree of items.

    With :math:`\rho = (1 - 2p)^2`, :math:`L` levels, :math:`B_l` children of every node above
    level `l`, and :math:`m_k = B_L B_{L-1} \cdots B_{L-k+1}` leaves below a node that lies `k`
    levels above them, :math:`m_0 = 1`, the singular values are, for one global mode and for the
    :math:`B_{L-k+1} - 1` contrasts between the children of every such node,

    .. math:: s_\text{global}^2 &= n_\text{features} \Big[
                  4p(1-p) \sum_{j=0}^{L-1} m_j \rho^j + m_L \rho^L \Big], \\
              s_k^2 &= n_\text{features}\, 4p(1-p) \sum_{j=0}^{k-1} m_j \rho^j,
              \quad k = 1, \dots, L.

    In the paper's binary tree :math:`m_j = 2^j`.

    Parameters
    ----------
    n_levels : int, optional
        Levels of branching :math:`L` below the root, at least 0. By default as many as
        `branching` gives, or 5.
    n_features : int, optional
        Number of features, at least 1.
    flip_probability : float, optional
        Probability `p` in [0, 1] that a child differs from its parent.
    branching : int or sequence of int, optional
        Children of every node, at least 1: one number, or one for each level, the root's
        first. By default the tree is binary. Its items are the product over all levels, at
        most :math:`2^{24}`.

    Returns
    -------
    ndarray, shape (n_items,)
        Singular values, descending, each as often as its multiplicity.

    Raises
    ------
    TypeError, ValueError
        If a parameter is not of the stated kind or range, or `n_levels` and `branching` do not
        go together.

    See Also
    --------
    dlnlib.datasets.hierarchical : Draw such data.

    Notes
    -----
    One-hot inputs give :math:`\Sigma^{31T} \Sigma^{31} = y y^T`, whose expectation is
    :math:`n_\text{features} C`. Two leaves whose nearest common ancestor lies :math:`k`
    levels above them are :math:`2k` copies apart, and a copy correlates with its original
    by :math:`1 - 2p`: hence :math:`C_{ij} = \rho^k`.

    Let :math:`J_k` have ones where two leaves have a common ancestor `k` levels above, so that
    :math:`J_0 = 1` and :math:`J_L` is all ones. Then

    .. math:: C = \sum_{k=0}^{L-1} (\rho^k - \rho^{k+1}) J_k + \rho^L J_L.

    Take a vector that is constant below every child of one node `k` levels up, zero elsewhere,
    and sums to zero. :math:`J_j` multiplies it by :math:`m_j` for :math:`j < k`, where blocks lie
    within a child, and by zero for :math:`j \ge k`, where they hold the whole node. Such vectors
    and the constant one, which every :math:`J_j` multiplies by :math:`m_j`, are an orthogonal
    basis. As :math:`1 - \rho = 4p(1-p)`, these are the sums above, without cancellation.

    These are the roots of the eigenvalues of the expectation of
    :math:`\Sigma^{31T} \Sigma^{31}`. The singular values of one sample scatter about them
    and the equal ones split, less so with more features.

    Section 1.3 and Fig. 3 of the paper, which does not derive them. Saxe, McClelland and
    Ganguli (2019) do, for equal branching and means over items instead of sums.

    Examples
    --------
    >>> from dlnlib.exact import hierarchical_singular_values
    >>> hierarchical_singular_values(n_levels=2, n_features=100, flip_probability=0.5)
    array([10., 10., 10., 10.])
    >>> hierarchical_singular_values(n_levels=2, n_features=100, flip_probability=0.0)
    array([20.,  0.,  0.,  0.])
    >>> hierarchical_singular_values(branching=[2, 3], n_features=1, flip_probability=0.1).round(3)
    array([1.873, 1.025, 0.6  , 0.6  , 0.6  , 0.6  ])
    """
    per_level = _checks.branching(branching, n_levels, most=_MOST_ITEMS)
    n_features = _checks.count("n_features", n_features)
    p = _checks.number("flip_probability", flip_probability, least=0, most=1)
    above = np.array(per_level, dtype=np.float64)
    blocks = np.cumprod([1.0, *((1 - 2 * p) ** 2 * above[::-1])])
    contrasts = 4 * p * (1 - p) * np.cumsum(blocks[:-1])
    whole = contrasts[-1:].sum() + blocks[-1]
    nodes = np.cumprod([1, *per_level])[:-1]
    copies = nodes * (np.array(per_level, dtype=np.int64) - 1)
    squares: Array = n_features * np.concatenate([[whole], np.repeat(contrasts[::-1], copies)])
    return np.sqrt(squares)
