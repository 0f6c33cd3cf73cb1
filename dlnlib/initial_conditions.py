"""Starting points of learning: tuples of weight matrices, first layer first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dlnlib.correlations import Correlations, Modes
from dlnlib.networks import as_weights, require_fit

__all__ = [
    "Reduction",
    "decoupled",
    "reduce_width",
    "restore_width",
    "small_random",
]

Array = NDArray[np.float64]
Rng = int | np.random.Generator

# Relative size below which a direction counts as rounding error.
_RANK_TOLERANCE = 1e-13


def decoupled(
    modes: Modes, layer_sizes: Sequence[int], *, u0: ArrayLike, rng: Rng
) -> tuple[Array, ...]:
    r"""Return a balanced start in which every mode evolves by itself.

    .. math:: W^l = R_{l+1} D R_l^T, \qquad R_1 = V^{11}, \quad R_{N_l} = U^{33},
              \quad D = \operatorname{diag}(u_0^{1/(N_l-1)}),

    with random :math:`R_l`, :math:`R_l^T R_l = 1`, in the hidden layers.

    Parameters
    ----------
    modes : Modes
        The modes of the data.
    layer_sizes : sequence of int
        Number of units of every layer, inputs first.
    u0 : array_like, scalar or shape (n_modes,)
        Initial mode strengths, not negative. A scalar is given to as many of the
        strongest modes as the narrowest layer can carry; the rest start at zero.
    rng : int or numpy.random.Generator
        Seed or source of the random hidden bases.

    Returns
    -------
    tuple of ndarray
        The weight matrices, of shapes (n_out, n_in).

    Raises
    ------
    ValueError
        If the sizes do not match the modes, `u0` is negative or not finite, or more
        modes are to start above zero than the narrowest layer has units.

    Notes
    -----
    Section 1.3 for three layers, below Eq. 13 for more.

    Examples
    --------
    >>> import numpy as np
    >>> from dlnlib.correlations import Correlations, modes
    >>> from dlnlib.initial_conditions import decoupled
    >>> from dlnlib.networks import mode_strengths
    >>> m = modes(Correlations(np.eye(3), np.diag([3.0, 2.0, 1.0]), 14.0, 3))
    >>> print(mode_strengths(decoupled(m, (3, 5, 4, 3), u0=0.1, rng=0), m).round(6))
    [0.1 0.1 0.1]
    """
    sizes = _layer_sizes(layer_sizes)
    ends = (modes.Vt.shape[1], modes.U.shape[0])
    if (sizes[0], sizes[-1]) != ends:
        raise ValueError(
            f"layer_sizes must begin with {ends[0]} inputs and end with {ends[1]} outputs "
            f"to match modes, got {sizes}"
        )
    u0 = _initial_strengths(u0, len(modes.s), min(sizes))
    rng = np.random.default_rng(rng)
    active = np.flatnonzero(u0)
    bases = [modes.Vt[active].T]
    bases += [haar_columns(size, len(active), rng) for size in sizes[1:-1]]
    bases += [modes.U[:, active]]
    layer_strengths = u0[active] ** (1 / (len(sizes) - 1))
    return tuple((up * layer_strengths) @ down.T for down, up in pairwise(bases))


def small_random(
    layer_sizes: Sequence[int], *, scale: float, rng: Rng, n_starts: int | None = None
) -> tuple[Array, ...]:
    r"""Return weights drawn independently from a Gaussian of one standard deviation.

    .. math:: W^l_{ij} \sim \mathcal N(0, \sigma^2).

    Parameters
    ----------
    layer_sizes : sequence of int
        Number of units of every layer, inputs first.
    scale : float
        Standard deviation, not negative.
    rng : int or numpy.random.Generator
        Seed or source of randomness.
    n_starts : int, optional
        Number of independent starts, as a leading axis. By default one, without that axis.

    Returns
    -------
    tuple of ndarray
        The weight matrices, of shapes (n_out, n_in) or (n_starts, n_out, n_in).

    Raises
    ------
    ValueError
        If a size is not a positive integer, or `scale` or `n_starts` is out of range.

    Notes
    -----
    Section 1.3, Fig. 3. Near the origin the mode `alpha` of a three-layer network so
    drawn moves like a balanced start of strength :math:`N_2\sigma^2/2` on average.

    Examples
    --------
    >>> from dlnlib.initial_conditions import small_random
    >>> [w.shape for w in small_random((4, 3, 2), scale=0.1, rng=0, n_starts=5)]
    [(5, 3, 4), (5, 2, 3)]
    """
    sizes = _layer_sizes(layer_sizes)
    if not (np.isfinite(scale) and scale >= 0):
        raise ValueError(f"scale must be finite and not negative, got {scale}")
    if n_starts is not None and n_starts < 1:
        raise ValueError(f"n_starts must be at least 1, got {n_starts}")
    rng = np.random.default_rng(rng)
    batch = () if n_starts is None else (n_starts,)
    pairs = pairwise(sizes)
    return tuple(scale * rng.standard_normal((*batch, n_out, n_in)) for n_in, n_out in pairs)


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
    >>> from dlnlib.initial_conditions import decoupled, reduce_width
    >>> data = Correlations(np.eye(3), np.diag([3.0, 2.0, 1.0]), 14.0, 3)
    >>> start = decoupled(modes(data), (3, 50, 50, 3), u0=0.1, rng=0)
    >>> [w.shape for w in reduce_width(start, data).weights]
    [(3, 3), (3, 3), (3, 3)]
    """
    weights = as_weights(weights)
    require_fit(weights, correlations)
    if weights[0].ndim != 2:
        raise ValueError(f"weights must be one start without batch axes, got {weights[0].shape}")
    bases = _reachable(weights, correlations)
    inputs, outputs = bases[0], bases[-1]
    reduced = tuple(
        above.T @ w @ below for w, (below, above) in zip(weights, pairwise(bases), strict=True)
    )
    data = replace(
        correlations,
        sigma_xx=inputs.T @ correlations.sigma_xx @ inputs,
        sigma_yx=outputs.T @ correlations.sigma_yx @ inputs,
    )
    return Reduction(reduced, data, bases)


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
    >>> from dlnlib.initial_conditions import decoupled, reduce_width, restore_width
    >>> data = Correlations(np.eye(2), np.eye(2), 2.0, 2)
    >>> start = decoupled(modes(data), (2, 9, 2), u0=0.1, rng=0)
    >>> reduction = reduce_width(start, data)
    >>> np.allclose(restore_width(reduction.weights, start, reduction)[0], start[0])
    True
    """
    weights, start = as_weights(weights), as_weights(start)
    shapes = [w.shape for w in weights], [w.shape for w in reduction.weights]
    if shapes[0] != shapes[1]:
        raise ValueError(f"weights must have the shapes of reduction {shapes[1]}, got {shapes[0]}")
    layers = zip(start, weights, reduction.weights, pairwise(reduction.bases), strict=True)
    return tuple(full + above @ (new - old) @ below.T for full, new, old, (below, above) in layers)


def haar_columns(n_rows: int, n_columns: int, rng: np.random.Generator) -> Array:
    """Return the first columns of a Haar-distributed orthogonal matrix."""
    q, r = np.linalg.qr(rng.standard_normal((n_rows, n_columns)))
    # QR alone is not uniform: its signs follow the algorithm, not chance.
    return q * np.where(np.diagonal(r) < 0, -1.0, 1.0)


def _layer_sizes(layer_sizes: Sequence[int]) -> tuple[int, ...]:
    sizes = tuple(layer_sizes)
    if len(sizes) < 2 or any(int(n) != n or n < 1 for n in sizes):
        raise ValueError(f"layer_sizes must be two or more positive integers, got {sizes}")
    return tuple(int(n) for n in sizes)


def _initial_strengths(u0: ArrayLike, n_modes: int, width: int) -> Array:
    u0 = np.asarray(u0, dtype=np.float64)
    if u0.ndim == 0:
        u0 = np.where(np.arange(n_modes) < width, u0, 0.0)
    if u0.shape != (n_modes,):
        raise ValueError(f"u0 must be a scalar or have shape {(n_modes,)}, got shape {u0.shape}")
    if not np.all(np.isfinite(u0) & (u0 >= 0)):
        raise ValueError(f"u0 must be finite and not negative, got {u0}")
    if np.count_nonzero(u0) > width:
        raise ValueError(
            f"u0 must start at most {width} modes above zero, as many as the narrowest layer "
            f"has units, got {np.count_nonzero(u0)}"
        )
    return u0


def _reachable(weights: tuple[Array, ...], correlations: Correlations) -> tuple[Array, ...]:
    """Grow each layer's subspace by what its neighbours send there, until nothing is new."""
    sizes = [weights[0].shape[1], *(w.shape[0] for w in weights)]
    bases = [np.zeros((n, 0)) for n in sizes]
    joint = np.concatenate([correlations.sigma_xx, correlations.sigma_yx.T], axis=1)
    waiting = [(0, joint), (len(weights), correlations.sigma_yx)]
    while waiting:
        layer, arrivals = waiting.pop()
        new = _new_directions(arrivals, bases[layer])
        if new.shape[1] == 0:
            continue
        bases[layer] = np.concatenate([bases[layer], new], axis=1)
        if layer < len(weights):
            waiting.append((layer + 1, weights[layer] @ new))
        if layer > 1:
            waiting.append((layer - 1, weights[layer - 1].T @ new))
    return tuple(bases)


def _new_directions(arrivals: Array, basis: Array) -> Array:
    """Return an orthonormal basis of what arrives outside the span of a basis."""
    room = basis.shape[0] - basis.shape[1]
    scale = np.linalg.norm(arrivals)
    # Removed twice: once leaves the rounding error of the first projection behind.
    outside = arrivals - basis @ (basis.T @ arrivals)
    outside -= basis @ (basis.T @ outside)
    if room == 0 or np.linalg.norm(outside) <= _RANK_TOLERANCE * scale:
        return np.zeros((len(basis), 0))
    if outside.shape[1] <= room:
        q, r = np.linalg.qr(outside)
        diagonal = np.abs(np.diagonal(r))
        if diagonal.min() > 1e-3 * diagonal.max():
            return q
    left, sizes, _ = np.linalg.svd(outside, full_matrices=False)
    return left[:, : min(room, np.count_nonzero(sizes > _RANK_TOLERANCE * scale))]
