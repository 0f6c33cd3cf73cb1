"""The exact reduction of a network to the width that its learning can reach."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from numpy.typing import ArrayLike

from dlnlib import _checks, _subspaces
from dlnlib._typing import Array
from dlnlib.correlations import Correlations

__all__ = ["Reduction", "reduce_width", "restore_width"]


class Reduction(NamedTuple):
    """Hold a network in the coordinates that its learning can reach.

    Attributes
    ----------
    weights : tuple of ndarray
        The smaller network, which learns exactly like the original.
    correlations : Correlations
        The data in the same coordinates.
    bases : tuple of ndarray, each of shape (n_units, n_reachable)
        Orthonormal basis of what learning can reach in every layer of units.
    """

    weights: tuple[Array, ...]
    correlations: Correlations
    bases: tuple[Array, ...]


def reduce_width(weights: Sequence[ArrayLike], correlations: Correlations) -> Reduction:
    r"""Return the smallest network that learns exactly like a given one.

    The subspaces :math:`S_l` that learning can reach are the least ones with
    :math:`S_1 \supseteq \operatorname{ran}\Sigma^{11}`,
    :math:`S_{N_l} \supseteq \operatorname{ran}\Sigma^{31}`,

    .. math:: W^l S_l \subseteq S_{l+1}, \qquad W^{lT} S_{l+1} \subseteq S_l \quad (l > 1).

    Every gradient maps :math:`S_l` into :math:`S_{l+1}` and vanishes outside, so that with
    orthonormal bases :math:`B_l` the weights :math:`B_{l+1}^T W^l B_l` learn by themselves,
    and :math:`W^l - B_{l+1}B_{l+1}^T W^l B_l B_l^T` never changes.

    Parameters
    ----------
    weights : sequence of array_like, each of shape (n_out, n_in)
        The network, first layer first, without batch axes.
    correlations : Correlations
        The data.

    Returns
    -------
    Reduction
        The smaller network, its data, and the bases.

    Raises
    ------
    ValueError
        If the weights have batch axes, do not chain or do not match the data.

    Notes
    -----
    From a decoupled start of rank `k` every hidden layer shrinks to `k` units, from an
    orthogonal start with hidden layers of one width to at most the rank of the inputs plus
    the number of outputs, whatever that width. From independent random weights only a single
    hidden layer shrinks. A direction that starts below :math:`10^{-13}` of the others is taken
    for a rounding error.

    Examples
    --------
    >>> import numpy as np
    >>> from dlnlib.correlations import Correlations, modes
    >>> from dlnlib.initial_conditions import decoupled
    >>> from dlnlib.reduction import reduce_width
    >>> data = Correlations(np.eye(3), np.diag([3.0, 2.0, 1.0]), 14.0, 3)
    >>> start = decoupled(modes(data), (3, 50, 50, 3), u0=0.1, rng=0)
    >>> [w.shape for w in reduce_width(start, data).weights]
    [(3, 3), (3, 3), (3, 3)]
    """
    weights = _checks.one_start(weights)
    _checks.fit(weights, correlations)
    bases = _subspaces.reachable(weights, correlations)
    return Reduction(*_subspaces.inside(weights, correlations, bases), bases)


def restore_width(
    weights: Sequence[ArrayLike], start: Sequence[ArrayLike], reduction: Reduction
) -> tuple[Array, ...]:
    r"""Return the full network that a reduced one stands for.

    .. math:: W^l = W^l_0 + B_{l+1} (\tilde W^l - \tilde W^l_0) B_l^T.

    Parameters
    ----------
    weights : sequence of array_like
        The reduced network after learning.
    start : sequence of array_like
        The full network from which `reduction` was made.
    reduction : Reduction
        What `reduce_width` returned for `start`.

    Returns
    -------
    tuple of ndarray
        The full network after learning.

    Raises
    ------
    ValueError
        If the shapes do not match.

    Notes
    -----
    The inverse of `reduce_width`.

    Examples
    --------
    >>> import numpy as np
    >>> from dlnlib.correlations import Correlations, modes
    >>> from dlnlib.initial_conditions import decoupled
    >>> from dlnlib.reduction import reduce_width, restore_width
    >>> data = Correlations(np.eye(2), np.eye(2), 2.0, 2)
    >>> start = decoupled(modes(data), (2, 9, 2), u0=0.1, rng=0)
    >>> reduction = reduce_width(start, data)
    >>> np.allclose(restore_width(reduction.weights, start, reduction)[0], start[0])
    True
    """
    weights, start = _checks.weights(weights), _checks.weights(start)
    shapes = [w.shape for w in weights], [w.shape for w in reduction.weights]
    if shapes[0] != shapes[1]:
        raise ValueError(f"weights must have the shapes of reduction {shapes[1]}, got {shapes[0]}")
    return _subspaces.restored(weights, start, reduction.weights, reduction.bases)
