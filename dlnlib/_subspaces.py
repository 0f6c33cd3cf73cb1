"""The subspaces of all layers that learning can reach, and networks inside them."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from dlnlib import _second_moments
from dlnlib._typing import Array, Weights
from dlnlib.correlations import Correlations, Modes

__all__ = ["Outputs", "fewer_outputs", "inside", "modes_inside", "reachable", "restored"]

# Relative size below which a direction counts as rounding error.
_RANK_TOLERANCE = 1e-13


def inside(
    weights: Weights, correlations: Correlations, bases: Weights
) -> tuple[Weights, Correlations]:
    """Return a network and its data in the coordinates of bases of all layers."""
    inputs, outputs = bases[0], bases[-1]
    reduced = tuple(
        above.T @ w @ below for w, (below, above) in zip(weights, pairwise(bases), strict=True)
    )
    data = _second_moments.derived(
        correlations,
        sigma_xx=inputs.T @ correlations.sigma_xx @ inputs,
        sigma_yx=outputs.T @ correlations.sigma_yx @ inputs,
        sum_x=None,
        sum_y=None,
    )
    return reduced, data


def restored(weights: Weights, start: Weights, small: Weights, bases: Weights) -> Weights:
    """Return the full network after a small one, inside bases, has moved to some weights."""
    layers = zip(start, weights, small, pairwise(bases), strict=True)
    return tuple(full + above @ (new - old) @ below.T for full, new, old, (below, above) in layers)


def modes_inside(modes: Modes | None, bases: Weights) -> Modes | None:
    """Return modes in coordinates of bases; none if these lack inputs that they are made of."""
    if modes is None:
        return None
    inputs, outputs = bases[0], bases[-1]
    Vt = modes.Vt @ inputs
    held = np.allclose(Vt @ inputs.T, modes.Vt, atol=1e-12)
    return Modes(outputs.T @ modes.U, modes.s, Vt) if held else None


class Outputs(NamedTuple):
    """Hold last layers and targets in coordinates of fewer outputs, and the way back."""

    last: Array
    targets: Array
    modes: Modes | None
    restore: Callable[[Array], Array]


def fewer_outputs(last: Array, targets: Array, modes: Modes | None) -> Outputs:
    """Rotate outputs, where they are many, into the span of targets and of last columns.

    The last layer only ever moves by targets times something and itself times something,
    so that its columns stay in this span, whatever their number.
    """
    unchanged = Outputs(last, targets, modes, lambda final: final)
    n_targets, n_hidden = targets.shape[1], last.shape[-1]
    if last.shape[-2] <= n_targets + n_hidden:
        return unchanged
    basis, coordinates = np.linalg.qr(targets)
    if modes is not None:
        U = basis.T @ modes.U
        if not np.allclose(basis @ U, modes.U, atol=1e-12):
            return unchanged
        modes = Modes(_pad_rows(U, n_hidden), modes.s, modes.Vt)
    within = basis.T @ last
    # Columns of `rest` that a degenerate last layer leaves open have zeros for coordinates.
    rest, beyond = np.linalg.qr(last - basis @ within)
    return Outputs(
        np.concatenate([within, beyond], axis=-2),
        _pad_rows(coordinates, n_hidden),
        modes,
        lambda final: basis @ final[..., :n_targets, :] + rest @ final[..., n_targets:, :],
    )


def _pad_rows(matrix: Array, n_rows: int) -> Array:
    return np.concatenate([matrix, np.zeros((n_rows, matrix.shape[1]))])


def reachable(weights: Weights, correlations: Correlations, *, most: float = 1.0) -> Weights:
    """Grow each layer's subspace by what its neighbours send there, until nothing is new.

    Return no bases if that is more than a share of some hidden layer.
    """
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
        if 0 < layer < len(weights) and bases[layer].shape[1] > most * sizes[layer]:
            return ()
        if layer < len(weights):
            waiting.append((layer + 1, weights[layer] @ new))
        if layer > 1:
            waiting.append((layer - 1, weights[layer - 1].T @ new))
    return tuple(bases)


def _new_directions(arrivals: Array, basis: Array) -> Array:
    """Return an orthonormal basis of what arrives outside the span of a basis."""
    room = basis.shape[0] - basis.shape[1]
    arrivals = _second_moments.near_one(arrivals)
    scale = np.linalg.norm(arrivals)
    # Removed twice: once leaves the rounding error of the first projection behind.
    outside = arrivals - basis @ (basis.T @ arrivals)
    outside -= basis @ (basis.T @ outside)
    if room == 0 or np.linalg.norm(outside) <= _RANK_TOLERANCE * scale:
        return np.zeros((len(basis), 0))
    if outside.shape[1] <= room:
        q, r = np.linalg.qr(outside)
        if np.abs(np.diagonal(r)).min() > 1e-2 * scale / len(r) ** 0.5:
            return q
    left, sizes, _ = np.linalg.svd(outside, full_matrices=False)
    new = left[:, : min(room, np.count_nonzero(sizes > _RANK_TOLERANCE * scale))]
    # What little the weakest have of the basis is little no more once they have unit length.
    for _ in range(2):
        left, sizes, _ = np.linalg.svd(new - basis @ (basis.T @ new), full_matrices=False)
        new = left[:, sizes > 0.5]
    return new
