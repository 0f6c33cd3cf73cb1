"""Starting points of learning: tuples of weight matrices, first layer first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dlnlib.correlations import Correlations, Modes
from dlnlib.networks import as_one_start, as_weights, require_fit

__all__ = [
    "Pretraining",
    "Reduction",
    "decoupled",
    "glorot_uniform",
    "greedy_pretraining",
    "orthogonal",
    "orthogonal_pretraining",
    "reduce_width",
    "restore_width",
    "scaled_gaussian",
    "small_random",
]

Array = NDArray[np.float64]
Rng = int | np.random.Generator

# Relative size below which a direction counts as rounding error.
_RANK_TOLERANCE = 1e-13
# An error this many times that of putting out zeros will not come back.
_LOST = 1e6


def decoupled(
    modes: Modes,
    layer_sizes: Sequence[int],
    *,
    u0: ArrayLike,
    rng: Rng,
    untargeted: bool = False,
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
    untargeted : bool, optional
        Whether hidden layers also carry the inputs for which there is no target, orthogonal
        to all input modes of any strength, with the layer strength :math:`u_0^{1/(N_l-1)}`.
        By default these are cut off at the first layer.

    Returns
    -------
    tuple of ndarray
        The weight matrices, of shapes (n_out, n_in).

    Raises
    ------
    ValueError
        If the sizes do not match the modes, `u0` is negative or not finite, or more
        modes are to start above zero than the narrowest layer has units. With `untargeted`,
        if `u0` is no scalar or a hidden layer has fewer units than there are inputs.

    Notes
    -----
    Section 1.3 for three layers, below Eq. 13 for more. On white inputs `untargeted` changes
    nothing: the error never correlates with those inputs. On others :math:`\Sigma^{11}` mixes
    them with the modes, and a network that carries them can use them. It is how the networks
    of Fig. 4 started, by the points that the authors drew.

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
    if untargeted:
        return _fully_decoupled(modes, sizes, u0, np.random.default_rng(rng))
    u0 = _initial_strengths(u0, len(modes.s), min(sizes))
    rng = np.random.default_rng(rng)
    active = np.flatnonzero(u0)
    bases = [modes.Vt[active].T]
    bases += [haar_columns(size, len(active), rng) for size in sizes[1:-1]]
    bases += [modes.U[:, active]]
    layer_strengths = u0[active] ** (1 / (len(sizes) - 1))
    return tuple((up * layer_strengths) @ down.T for down, up in pairwise(bases))


def _fully_decoupled(
    modes: Modes, sizes: tuple[int, ...], u0: ArrayLike, rng: np.random.Generator
) -> tuple[Array, ...]:
    if np.ndim(u0) != 0:
        raise ValueError(f"u0 must be a scalar to go with untargeted, got shape {np.shape(u0)}")
    n_inputs = sizes[0]
    if min(sizes[1:-1], default=n_inputs) < n_inputs:
        raise ValueError(
            f"layer_sizes must have hidden layers of {n_inputs} units or more, as many as inputs, "
            f"to go with untargeted, got {sizes}"
        )
    targeted = modes.s > _RANK_TOLERANCE * modes.s.max(initial=0.0)
    U, V = modes.U[:, targeted], modes.Vt[targeted].T
    strength = _initial_strengths(u0, V.shape[1], n_inputs)[:1] ** (1 / (len(sizes) - 1))
    rest = np.linalg.svd(V)[0][:, V.shape[1] :]
    bases = [np.concatenate([V, rest], axis=1)]
    bases += [haar_columns(size, n_inputs, rng) for size in sizes[1:-1]]
    hidden = [strength * up @ down.T for down, up in pairwise(bases)]
    return *hidden, strength * U @ bases[-1][:, : U.shape[1]].T


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


def scaled_gaussian(
    layer_sizes: Sequence[int], *, rng: Rng, gain: float = 1.0
) -> tuple[Array, ...]:
    r"""Return Gaussian weights that preserve a vector's norm on average.

    .. math:: W^l_{ij} \sim \mathcal N(0, g^2 / N_l), \qquad
              \langle \| W^l v \|^2 \rangle = g^2 \frac{N_{l+1}}{N_l} \| v \|^2.

    Parameters
    ----------
    layer_sizes : sequence of int
        Number of units of every layer, inputs first.
    rng : int or numpy.random.Generator
        Seed or source of randomness.
    gain : float, optional
        Factor of all weights, not negative.

    Returns
    -------
    tuple of ndarray
        The weight matrices, of shapes (n_out, n_in).

    Raises
    ------
    ValueError
        If a size is not a positive integer, or `gain` is negative or not finite.

    Notes
    -----
    Section 3, Fig. 6B: singular values of its products spread with every layer.

    Examples
    --------
    >>> from dlnlib.initial_conditions import scaled_gaussian
    >>> first, second = scaled_gaussian((400, 300, 2), rng=0)
    >>> print((first.std() * 400**0.5).round(2))
    1.0
    """
    sizes = _layer_sizes(layer_sizes)
    gain, rng = _checked_gain(gain), np.random.default_rng(rng)
    pairs = pairwise(sizes)
    return tuple(gain / n_in**0.5 * rng.standard_normal((n_out, n_in)) for n_in, n_out in pairs)


def glorot_uniform(layer_sizes: Sequence[int], *, rng: Rng) -> tuple[Array, ...]:
    r"""Return uniform weights scaled by the mean of inputs and outputs of their layer.

    .. math:: W^l_{ij} \sim \mathcal U(-r, r), \qquad r = \sqrt{6 / (N_l + N_{l+1})}.

    Parameters
    ----------
    layer_sizes : sequence of int
        Number of units of every layer, inputs first.
    rng : int or numpy.random.Generator
        Seed or source of randomness.

    Returns
    -------
    tuple of ndarray
        The weight matrices, of shapes (n_out, n_in).

    Raises
    ------
    ValueError
        If a size is not a positive integer.

    Notes
    -----
    Fig. 6A, blue; the scaled start of Glorot and Bengio (2010).

    Examples
    --------
    >>> from dlnlib.initial_conditions import glorot_uniform
    >>> (w,) = glorot_uniform((4, 2), rng=0)
    >>> print(w.shape, abs(w).max() < 1)
    (2, 4) True
    """
    rng = np.random.default_rng(rng)
    pairs = pairwise(_layer_sizes(layer_sizes))
    spans = ((n_in, n_out, (6 / (n_in + n_out)) ** 0.5) for n_in, n_out in pairs)
    return tuple(rng.uniform(-r, r, (n_out, n_in)) for n_in, n_out, r in spans)


def orthogonal(layer_sizes: Sequence[int], *, rng: Rng, gain: float = 1.0) -> tuple[Array, ...]:
    r"""Return random orthogonal weights, uniform over all orthogonal matrices.

    .. math:: W^{lT} W^l = g^2 \; (N_{l+1} \ge N_l) \quad\text{or}\quad
              W^l W^{lT} = g^2 \; (N_{l+1} \le N_l).

    Parameters
    ----------
    layer_sizes : sequence of int
        Number of units of every layer, inputs first.
    rng : int or numpy.random.Generator
        Seed or source of randomness.
    gain : float, optional
        Every singular value of every weight matrix, not negative.

    Returns
    -------
    tuple of ndarray
        The weight matrices, of shapes (n_out, n_in).

    Raises
    ------
    ValueError
        If a size is not a positive integer, or `gain` is negative or not finite.

    Notes
    -----
    Section 3, Fig. 6A, red. The QR factors of a Gaussian matrix, with the signs of the
    triangle's diagonal moved into the orthogonal factor: without that the matrices are
    orthogonal, but not uniformly distributed.

    Examples
    --------
    >>> import numpy as np
    >>> from dlnlib.initial_conditions import orthogonal
    >>> from dlnlib.networks import product
    >>> sizes = np.linalg.svd(product(orthogonal((3, 5, 5, 5), rng=0)), compute_uv=False)
    >>> print(sizes.round(6))
    [1. 1. 1.]
    """
    sizes = _layer_sizes(layer_sizes)
    gain, rng = _checked_gain(gain), np.random.default_rng(rng)
    return tuple(
        gain
        * (haar_columns(n_out, n_in, rng) if n_out >= n_in else haar_columns(n_in, n_out, rng).T)
        for n_in, n_out in pairwise(sizes)
    )


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
    weights = as_one_start(weights)
    require_fit(weights, correlations)
    return _reduced(weights, correlations, _reachable(weights, correlations))


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


class Pretraining(NamedTuple):
    """Hold greedily pretrained weights and what they cost.

    Attributes
    ----------
    weights : tuple of ndarray, each of shape (n_out, n_in)
        The network, first layer first: encoders, and a random last matrix.
    status : ndarray of str, shape (n_layers - 2,)
        Why each autoencoder stopped: ``"threshold"`` (the share of variance was reached),
        ``"completed"`` all steps, ``"diverged"``, ``"interrupted"`` from the keyboard. After
        the last two, layers above are left at their random start, ``"not started"``.
    n_steps : ndarray of int, shape (n_layers - 2,)
        Iterations that each autoencoder took; the cost is their sum.
    learning_rates : ndarray, shape (n_layers - 2,)
        Learning rate of each autoencoder; NaN where it was not started.
    errors : tuple of ndarray, each of shape (n_steps + 1,)
        Half the squared reconstruction error of each autoencoder, at every iteration.
    """

    weights: tuple[Array, ...]
    status: NDArray[np.str_]
    n_steps: NDArray[np.int64]
    learning_rates: Array
    errors: tuple[Array, ...]


def greedy_pretraining(
    correlations: Correlations,
    layer_sizes: Sequence[int],
    *,
    scale: float,
    explained: float,
    rng: Rng,
    relative_rate: float = 0.5,
    max_steps: int = 20_000,
) -> Pretraining:
    r"""Return weights of which every layer was trained to reconstruct the one below.

    Layer by layer, with :math:`\Sigma_1 = \Sigma^{11}`, gradient descent on

    .. math:: E_l = \tfrac12 \operatorname{tr}\, (1 - C W^l)\, \Sigma_l\, (1 - C W^l)^T,
              \qquad \Sigma_{l+1} = W^l \Sigma_l W^{lT},

    from small random `W` and `C`; the decoder `C` is then dropped.

    Parameters
    ----------
    correlations : Correlations
        The data. Only ``sigma_xx`` is used.
    layer_sizes : sequence of int
        Number of units of every layer, inputs first, at least three layers.
    scale : float
        Standard deviation of the Gaussian start of encoders, decoders and the last
        weight matrix, positive.
    explained : float
        Share of the variance of its own inputs at which an autoencoder stops, between 0
        and 1.
    rng : int or numpy.random.Generator
        Seed or source of randomness.
    relative_rate : float, optional
        Learning rate of an autoencoder times the largest eigenvalue of its input
        correlation. At 1 the solution ceases to be stable.
    max_steps : int, optional
        Most iterations to give to any autoencoder.

    Returns
    -------
    Pretraining
        The network, and the course and cost of every autoencoder.

    Raises
    ------
    ValueError
        If the sizes do not match the data, a number is out of range, ``sigma_xx`` is not
        that of any data or vanishes, or a layer is too narrow to explain so much.

    Notes
    -----
    Section 3 and Fig. 5. From small weights the encoder tends to :math:`R_2 M^{1/2} Q^T` with
    :math:`M \to 1`, where :math:`\Sigma_l = Q \Lambda Q^T`: the mode of eigenvalue
    :math:`\lambda` grows as a three-layer mode with :math:`s = d = \lambda`, which takes
    :math:`O(1/\lambda)`. Directions without variance are never learned, so that on a singular
    correlation ``explained`` is the only honest way to stop. The last weight matrix has nothing
    to reconstruct and stays at its random start. In the eigenvectors of :math:`\Sigma_l`
    an iteration takes products with the square of the hidden width only.

    Examples
    --------
    >>> import numpy as np
    >>> from dlnlib.correlations import Correlations
    >>> from dlnlib.initial_conditions import greedy_pretraining
    >>> data = Correlations(np.diag([3.0, 2.0, 1.0]), np.eye(3), 3.0, 6)
    >>> start = greedy_pretraining(data, (3, 3, 3, 3), scale=1e-3, explained=0.999, rng=0)
    >>> print(start.status, start.n_steps)
    ['threshold' 'threshold'] [66 61]
    >>> print(np.linalg.svd(start.weights[0], compute_uv=False).round(2))
    [1.   1.   0.97]
    """
    sizes = _layer_sizes(layer_sizes)
    positive = {"scale": scale, "relative_rate": relative_rate}
    _require_pretrainable(correlations, sizes, positive, explained, max_steps)
    rng = np.random.default_rng(rng)
    weights = list(small_random(sizes, scale=scale, rng=rng))
    n_encoders = len(weights) - 1
    status = np.full(n_encoders, "not started", dtype="<U11")
    rates = np.full(n_encoders, np.nan)
    errors = [np.zeros(0)] * n_encoders
    sigma = correlations.sigma_xx
    for i in range(n_encoders):
        decoder = scale * rng.standard_normal(weights[i].shape[::-1])
        eigenvalues, Q = np.linalg.eigh(sigma)
        rates[i] = relative_rate / eigenvalues[-1]
        encoder, errors[i], status[i] = _autoencode(
            weights[i] @ Q,
            Q.T @ decoder,
            np.maximum(eigenvalues, 0.0),
            rate=rates[i],
            explained=explained,
            max_steps=max_steps,
        )
        weights[i] = encoder @ Q.T
        if status[i] in ("diverged", "interrupted"):
            break
        sigma = weights[i] @ sigma @ weights[i].T
    n_steps = np.array([max(len(e) - 1, 0) for e in errors])
    return Pretraining(tuple(weights), status, n_steps, rates, tuple(errors))


def orthogonal_pretraining(
    correlations: Correlations,
    layer_sizes: Sequence[int],
    *,
    u0: float,
    explained: float,
    rng: Rng,
    relative_rate: float = 0.5,
    max_steps: int = 1_000_000,
) -> Pretraining:
    r"""Return weights of greedy pretraining that begins with small orthogonal ones.

    Every encoder starts as :math:`\sqrt{u_0}` times a random orthogonal matrix, its decoder as
    the transpose. In the principal components :math:`\Sigma_l = Q \Lambda Q^T` of its inputs

    .. math:: W^l = R \operatorname{diag}(a)\, Q^T, \qquad
              \Delta a_i = \rho\,\frac{\lambda_i}{\lambda_1}\, a_i (1 - a_i^2), \qquad R^T R = 1 .

    Parameters
    ----------
    correlations : Correlations
        The data. Only ``sigma_xx`` is used.
    layer_sizes : sequence of int
        Number of units of every layer, inputs first, at least three layers. No hidden layer
        is narrower than the one below it.
    u0 : float
        Initial mode strength of the autoencoders, above 0 and below 1.
    explained : float
        Share of the variance of its own inputs at which an autoencoder stops, between 0
        and 1.
    rng : int or numpy.random.Generator
        Seed or source of randomness.
    relative_rate : float, optional
        Learning rate of an autoencoder times the largest eigenvalue of its input correlation,
        :math:`\rho`, below 1, where the solution ceases to be stable.
    max_steps : int, optional
        Most iterations to give to any autoencoder.

    Returns
    -------
    Pretraining
        The network, and the course and cost of every autoencoder. Its last matrix, which has
        nothing to reconstruct, is random orthogonal.

    Raises
    ------
    ValueError
        If the sizes do not match the data or narrow, a number is out of range, or
        ``sigma_xx`` is not that of any data or vanishes.

    Notes
    -----
    Section 3. What `greedy_pretraining` does, from a start that is decoupled whatever the data:
    this gradient descent is exactly one number for each component, so that a hundred layers
    of a thousand units take seconds.

    Examples
    --------
    >>> import numpy as np
    >>> from dlnlib.correlations import Correlations
    >>> from dlnlib.initial_conditions import orthogonal_pretraining
    >>> data = Correlations(np.diag([3.0, 2.0, 1.0]), np.eye(3), 3.0, 6)
    >>> start = orthogonal_pretraining(data, (3, 4, 4, 3), u0=1e-3, explained=0.999, rng=0)
    >>> print(start.status, start.n_steps)
    ['threshold' 'threshold'] [29 31]
    """
    sizes = _layer_sizes(layer_sizes)
    positive = {"u0": u0, "relative_rate": relative_rate}
    _require_pretrainable(correlations, sizes, positive, explained, max_steps)
    if list(sizes[:-1]) != sorted(sizes[:-1]):
        raise ValueError(f"layer_sizes must not narrow before the outputs, got {sizes}")
    for name, value in positive.items():
        if value >= 1:
            raise ValueError(f"{name} must be below 1, got {value}")
    rng = np.random.default_rng(rng)
    weights = [np.sqrt(u0) * haar_columns(m, n, rng) for n, m in pairwise(sizes[:-1])]
    weights += orthogonal(sizes[-2:], rng=rng)
    status = np.full(len(sizes) - 2, "not started", dtype="<U11")
    rates = np.full(len(sizes) - 2, np.nan)
    errors = [np.zeros(0)] * len(rates)
    variances, Q = np.linalg.eigh(correlations.sigma_xx)
    variances = np.maximum(variances, 0.0)
    for i, start in enumerate(weights[:-1]):
        rates[i] = relative_rate / variances.max()
        a, errors[i], status[i] = _autoencode_components(
            variances, u0=u0, rate=rates[i], explained=explained, max_steps=max_steps
        )
        R = start @ Q / np.sqrt(u0)
        weights[i] = start + R * (a - np.sqrt(u0)) @ Q.T
        if status[i] == "interrupted":
            break
        variances, Q = variances * a**2, R
    n_steps = np.array([max(len(e) - 1, 0) for e in errors])
    return Pretraining(tuple(weights), status, n_steps, rates, tuple(errors))


def halved_width(weights: tuple[Array, ...], correlations: Correlations) -> Reduction | None:
    """Return the reduced network if no hidden layer keeps more than half of its units.

    Where more is reached this shows at once, and a run would have to be long to gain from it.
    """
    bases = _reachable(weights, correlations, most=0.5)
    return _reduced(weights, correlations, bases) if bases else None


def _reduced(
    weights: tuple[Array, ...], correlations: Correlations, bases: tuple[Array, ...]
) -> Reduction:
    inputs, outputs = bases[0], bases[-1]
    reduced = tuple(
        above.T @ w @ below for w, (below, above) in zip(weights, pairwise(bases), strict=True)
    )
    data = replace(
        correlations,
        sigma_xx=inputs.T @ correlations.sigma_xx @ inputs,
        sigma_yx=outputs.T @ correlations.sigma_yx @ inputs,
        sum_x=None,
        sum_y=None,
    )
    return Reduction(reduced, data, bases)


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


def _checked_gain(gain: float) -> float:
    if not (np.isfinite(gain) and gain >= 0):
        raise ValueError(f"gain must be finite and not negative, got {gain}")
    return gain


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


def _reachable(
    weights: tuple[Array, ...], correlations: Correlations, *, most: float = 1.0
) -> tuple[Array, ...]:
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


def _require_pretrainable(
    correlations: Correlations,
    sizes: tuple[int, ...],
    positive: dict[str, float],
    explained: float,
    max_steps: int,
) -> None:
    """Require data and settings from which every autoencoder can reach its goal."""
    if len(sizes) < 3 or (sizes[-1], sizes[0]) != correlations.sigma_yx.shape:
        raise ValueError(
            f"layer_sizes must have a hidden layer between the {correlations.sigma_yx.shape[1]} "
            f"inputs and {correlations.sigma_yx.shape[0]} outputs of correlations, got {sizes}"
        )
    for name, value in positive.items():
        if not (np.isfinite(value) and value > 0):
            raise ValueError(f"{name} must be finite and positive, got {value}")
    if not 0 < explained < 1:
        raise ValueError(f"explained must lie between 0 and 1, got {explained}")
    if int(max_steps) != max_steps or max_steps < 1:
        raise ValueError(f"max_steps must be an integer of at least 1, got {max_steps}")
    eigenvalues = np.linalg.eigvalsh(correlations.sigma_xx)[::-1]
    if not eigenvalues[0] > 0 or eigenvalues[-1] < -1e-9 * eigenvalues[0]:
        raise ValueError(
            "correlations.sigma_xx must be positive semidefinite and not zero, got eigenvalues "
            f"from {eigenvalues[-1]} to {eigenvalues[0]}"
        )
    passed = np.concatenate([[0.0], np.cumsum(np.maximum(eigenvalues, 0.0))])
    for i, n_units in enumerate(sizes[1:-1]):
        best = passed[min(sizes[: i + 2])] / passed[min(sizes[: i + 1])]
        if best < explained:
            raise ValueError(
                f"layer_sizes must have room for explained = {explained}, but the {n_units} units "
                f"of hidden layer {i + 1} can explain {best:.6f} of their inputs at most"
            )


def _autoencode(
    encoder: Array,
    decoder: Array,
    eigenvalues: Array,
    *,
    rate: float,
    explained: float,
    max_steps: int,
) -> tuple[Array, Array, str]:
    """Train one autoencoder whose input correlation is diagonal."""
    total, root = eigenvalues.sum(), np.sqrt(eigenvalues)
    goal = 0.5 * (1 - explained) * total
    up, errors, status = decoder.T.copy(), [], "completed"
    with np.errstate(over="ignore", invalid="ignore"):
        try:
            for step in range(max_steps + 1):
                scaled, signal = encoder * root, encoder * eigenvalues
                inner, outer = scaled @ scaled.T, up @ up.T
                error = 0.5 * (total - 2 * np.vdot(up, signal) + np.vdot(inner, outer))
                errors.append(float(error))
                if not error <= _LOST * total:
                    status = "diverged"
                elif error < goal:
                    status = "threshold"
                if status != "completed" or step == max_steps:
                    break
                encoder, up = (
                    encoder + rate * (up - outer @ encoder) * eigenvalues,
                    up + rate * (signal - inner @ up),
                )
        except KeyboardInterrupt:
            status = "interrupted"
    return encoder, np.array(errors), status


def _autoencode_components(
    variances: Array, *, u0: float, rate: float, explained: float, max_steps: int
) -> tuple[Array, Array, str]:
    """Train one autoencoder whose components do not interact, both layers alike."""
    total, a = variances.sum(), np.full(len(variances), np.sqrt(u0))
    goal, errors, status = (1 - explained) * total, [], "completed"
    try:
        for step in range(max_steps + 1):
            left = 1 - a * a
            drive = variances * left
            errors.append(float(drive @ left))
            if errors[-1] < goal:
                status = "threshold"
            if status == "threshold" or step == max_steps:
                break
            a = a + rate * a * drive
    except KeyboardInterrupt:
        status = "interrupted"
    return a, np.array(errors) / 2, status
