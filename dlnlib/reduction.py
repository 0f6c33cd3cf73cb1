"""The exact reduction of a network to the width that its learning can reach."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from dlnlib import _checks, _subspaces
from dlnlib._typing import Array, Weights
from dlnlib.correlations import Correlations

__all__ = ["Reduction", "reduce_width", "restore_width"]

# How far a start may be from the one that was reduced, relative to its largest weight.
_SAME = 1e-9


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
    TypeError, ValueError
        If the weights have batch axes, do not chain or do not match the data, or the data are
        no `Correlations`.

    Notes
    -----
    From a decoupled start of rank `k` every hidden layer shrinks to `k` units, from an
    orthogonal start with hidden layers of one width to at most the rank of the inputs plus
    the number of outputs, whatever that width. From independent random weights only a single
    hidden layer shrinks. A direction that starts below :math:`10^{-13}` of the others is taken
    for a rounding error. Where gains are of all sizes some direction may lie at that very edge, and
    a reduction of the reduced network can leave out one more.

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
    _checks.fit(weights, _checks.correlations(correlations))
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
    TypeError, ValueError
        If the shapes do not match, or `reduction` is none, or not that of `start`.

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
    _checks.instance("reduction", reduction, Reduction, "reduction.reduce_width makes")
    bases = reduction.bases
    weights = _of_sizes("weights", _checks.one_start(weights), [b.shape[1] for b in bases])
    start = _of_sizes("start", _checks.one_start(start), [b.shape[0] for b in bases])
    layers = zip(start, reduction.weights, pairwise(reduction.bases), strict=True)
    for full, small, (below, above) in layers:
        off = np.abs(above.T @ full @ below - small).max(initial=0.0)
        if off > _SAME * np.abs(full).max(initial=0.0):
            raise ValueError("start must be the network from which reduction was made, got another")
    return _subspaces.restored(weights, start, reduction.weights, reduction.bases)


def _of_sizes(name: str, given: Weights, sizes: Sequence[int]) -> Weights:
    """Return a network that has these sizes of its layers."""
    shapes, expected = [w.shape for w in given], [(m, n) for n, m in pairwise(sizes)]
    if shapes != expected:
        raise ValueError(f"{name} must have the shapes of reduction {expected}, got {shapes}")
    return given
