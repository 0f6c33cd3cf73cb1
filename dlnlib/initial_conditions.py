"""Starting points of learning: tuples of weight matrices, first layer first."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike

from dlnlib import _checks
from dlnlib._docs import fill
from dlnlib._typing import Array, Rng, Weights
from dlnlib.correlations import Modes
from dlnlib.random_matrices import haar

__all__ = [
    "balanced",
    "decoupled",
    "glorot_uniform",
    "orthogonal",
    "scaled_gaussian",
    "small_random",
]


_described = fill(
    layer_sizes="""
    layer_sizes : sequence of int
        Number of units of every layer, inputs first.
    """,
    rng="""
    rng : int, sequence of int or numpy.random.Generator
        Seed or source of randomness. There is no default: None is refused.
    """,
    n_starts="""
    n_starts : int, optional
        Number of independent starts, as a leading axis. By default one, without that axis.
    """,
)


@_described
def decoupled(
    modes: Modes,
    layer_sizes: Sequence[int],
    *,
    u0: ArrayLike | None = None,
    layer_strengths: ArrayLike | None = None,
    rng: Rng,
    untargeted: bool = False,
) -> Weights:
    r"""Return a start in which every mode evolves by itself.

    .. math:: W^l = R_{l+1} D_l R_l^T, \qquad R_1 = V^{11}, \quad R_{N_l} = U^{33},

    with random :math:`R_l`, :math:`R_l^T R_l = 1`, in the hidden layers. Layers are balanced,
    :math:`D_l = \operatorname{diag}(u_0^{1/(N_l-1)})`, unless they are given strengths of their
    own, :math:`D_l = \operatorname{diag}(a_l)`.

    Parameters
    ----------
    modes : Modes
        The modes of the data; any (U, s, Vt).
    %(layer_sizes)s
    u0 : array_like, scalar or shape (n_modes,), optional
        Initial mode strengths, not negative. A scalar is given to as many of the
        strongest modes as the narrowest layer can carry; the rest start at zero.
    layer_strengths : array_like, shape (n_layers - 1, n_modes), optional
        In place of `u0`, the strength of every mode in every layer, of any sign; their product
        is the initial mode strength.
    rng : int, sequence of int or numpy.random.Generator
        Seed or source of the random hidden bases. There is no default: None is refused.
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
    TypeError, ValueError
        If modes are no (U, s, Vt), sizes do not match them, `rng` is no seed, `u0` is negative
        or not finite, or more
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
    sizes, modes = _checks.layer_sizes(layer_sizes), Modes.of(modes)
    ends = (modes.Vt.shape[1], modes.U.shape[0])
    if (sizes[0], sizes[-1]) != ends:
        raise ValueError(
            f"layer_sizes must begin with {ends[0]} inputs and end with {ends[1]} outputs "
            f"to match modes, got {sizes}"
        )
    rng, n_modes = _checks.generator("rng", rng), len(modes.s)
    if (u0 is None) == (layer_strengths is None):
        raise ValueError("u0 or layer_strengths must be given, and not both")
    if _checks.flag("untargeted", untargeted):
        if u0 is None:
            raise ValueError("u0 must be given to go with untargeted, got layer_strengths")
        return _fully_decoupled(modes, sizes, u0, rng)
    n_weights = len(sizes) - 1
    if u0 is not None:
        equal = _initial_strengths(u0, n_modes, min(sizes)) ** (1 / n_weights)
        strengths = np.tile(equal, (n_weights, 1))
    elif layer_strengths is not None:
        strengths = _layer_strengths(layer_strengths, sizes, n_modes)
    active = np.flatnonzero(strengths.any(axis=0))
    bases = [modes.Vt[active].T]
    bases += [haar(size, len(active), rng=rng) for size in sizes[1:-1]]
    bases += [modes.U[:, active]]
    layers = zip(strengths[:, active], pairwise(bases), strict=True)
    return tuple((up * d) @ down.T for d, (down, up) in layers)


def _fully_decoupled(
    modes: Modes, sizes: tuple[int, ...], u0: ArrayLike, rng: np.random.Generator
) -> Weights:
    u0 = _checks.not_negative("u0", u0)
    if u0.ndim != 0:
        raise ValueError(f"u0 must be a scalar to go with untargeted, got shape {u0.shape}")
    n_inputs = sizes[0]
    if min(sizes[1:-1], default=n_inputs) < n_inputs:
        raise ValueError(
            f"layer_sizes must have hidden layers of {n_inputs} units or more, as many as inputs, "
            f"to go with untargeted, got {sizes}"
        )
    if not modes.present.any():
        raise ValueError(f"modes must have strengths to go with untargeted, got {modes.s}")
    U, V = modes.U[:, modes.present], modes.Vt[modes.present].T
    strength = _initial_strengths(u0, V.shape[1], n_inputs)[:1] ** (1 / (len(sizes) - 1))
    rest = np.linalg.svd(V)[0][:, V.shape[1] :]
    bases = [np.concatenate([V, rest], axis=1)]
    bases += [haar(size, n_inputs, rng=rng) for size in sizes[1:-1]]
    hidden = [strength * up @ down.T for down, up in pairwise(bases)]
    return *hidden, strength * U @ bases[-1][:, : U.shape[1]].T


@_described
def balanced(
    matrix: ArrayLike, layer_sizes: Sequence[int], *, rng: Rng, imbalance: float = 0.0
) -> Weights:
    r"""Return layers whose product is a given matrix and which gradient flow keeps balanced.

    .. math:: W^L \cdots W^1 = M, \qquad W^{l+1\,T} W^{l+1} - W^l W^{l\,T} = \lambda\, 1, \qquad
              W^l = R_{l+1} D_l R_l^T

    for `L` weight matrices, with the singular vectors of :math:`M = U S V^T`, :math:`R_1 = V`,
    :math:`R_{L+1} = U`, and random orthonormal :math:`R_l` in the hidden layers. Without
    imbalance :math:`D_l = S^{1/L}`; with it, squares in neighbouring layers differ by it,
    :math:`D_l^2 = x + (l - 1)\lambda`, where :math:`\prod_l D_l = S`.

    Parameters
    ----------
    matrix : array_like, shape (n_outputs, n_inputs)
        The map :math:`M` to start from.
    %(layer_sizes)s
    %(rng)s
    imbalance : float, optional
        By how much :math:`\lambda` the layer above every hidden layer exceeds the one below, in
        every hidden unit; negative where the layer below is the stronger.

    Returns
    -------
    tuple of ndarray
        The weight matrices, of shapes (n_out, n_in).

    Raises
    ------
    TypeError, ValueError
        If `matrix` is no finite real matrix, the first and last of the sizes are not those of
        its inputs and outputs, its rank exceeds the units of the narrowest layer, `rng` is no
        seed, or `imbalance` is not finite, or not possible with layers of these sizes: a positive
        one needs sizes that do not fall from the first hidden layer to the outputs, a negative
        one sizes that do not rise from the inputs to the last hidden layer.

    See Also
    --------
    decoupled : The same from modes of data, each with a strength of its own.
    dlnlib.networks.imbalance : What is a multiple of the identity here, and stays so.
    dlnlib.exact.three_layer_map : Where gradient flow takes such a start of three layers.

    Notes
    -----
    The balanced start of Arora, Cohen and Hazan (2018), under which the product of the layers
    moves by an equation of its own. They draw `matrix` at random; it may be any. A layer of
    :math:`k` units passes a rank of :math:`k` at most: a singular value beyond the narrowest
    layer must be zero to rounding, the larger side of `matrix` times :math:`2\cdot 10^{-16}` of
    the largest.

    With an imbalance these are the starts of Dominé et al. (2024), at any depth. All hidden units
    have it, and so those too that express nothing of `matrix`: their directions are seen by one
    side only, the outputs for :math:`\lambda > 0`. That is why outputs cannot be fewer.

    Examples
    --------
    >>> import numpy as np
    >>> from dlnlib.initial_conditions import balanced
    >>> from dlnlib.networks import imbalance, product
    >>> M = np.random.default_rng(0).normal(scale=0.1, size=(2, 3))
    >>> start = balanced(M, (3, 5, 4, 2), rng=1)
    >>> print(np.allclose(product(start), M), np.allclose(imbalance(start)[0], 0))
    True True
    >>> start = balanced(M, (3, 2, 2), rng=1, imbalance=0.5)
    >>> print(np.allclose(product(start), M), np.allclose(imbalance(start)[0], 0.5 * np.eye(2)))
    True True
    """
    M, sizes = _checks.finite("matrix", matrix), _checks.layer_sizes(layer_sizes)
    if M.ndim != 2 or M.shape != (sizes[-1], sizes[0]):
        raise ValueError(
            f"matrix must have shape {(sizes[-1], sizes[0])}, outputs by inputs, to go with "
            f"layer_sizes {sizes}, got shape {M.shape}"
        )
    difference = _checks.number("imbalance", imbalance)
    U, s, Vt = np.linalg.svd(M, full_matrices=False)
    narrowest = min(sizes)
    if not np.isfinite(s).all():
        raise ValueError(f"matrix must have finite singular values, got {s}")
    if np.any(s[narrowest:] > max(M.shape) * np.finfo(np.float64).eps * s[0]):
        raise ValueError(
            f"matrix must have a rank of at most {narrowest}, the units of the narrowest layer of "
            f"layer_sizes {sizes}, got singular values {s}"
        )
    if difference != 0 and len(sizes) > 2:
        _require_room(sizes, difference)
        rng = _checks.generator("rng", rng)
        if difference > 0:
            return _imbalanced(M, sizes, difference, rng)
        return tuple(w.T for w in _imbalanced(M.T, sizes[::-1], -difference, rng)[::-1])
    kept = slice(narrowest)
    modes = Modes(U[:, kept], s[kept], Vt[kept])
    return decoupled(modes, sizes, u0=modes.s, rng=rng)


def _require_room(sizes: tuple[int, ...], imbalance: float) -> None:
    """Require that the layer on the stronger side of each hidden layer is as wide."""
    upward = sizes if imbalance > 0 else sizes[::-1]
    if any(wide > beyond for wide, beyond in pairwise(upward[1:])):
        order = (
            "not fall from the first hidden layer to the outputs"
            if imbalance > 0
            else "not rise from the inputs to the last hidden layer"
        )
        raise ValueError(
            f"layer_sizes must {order} to go with an imbalance of {imbalance:g}, got {sizes}"
        )


def _imbalanced(
    M: Array, sizes: tuple[int, ...], imbalance: float, rng: np.random.Generator
) -> Weights:
    """Return layers of a positive imbalance; sizes do not fall from the first hidden layer on."""
    U, s, Vt = np.linalg.svd(M)
    n_expressed = min(sizes[:2])
    squares = _lowest_squares(s[:n_expressed], imbalance, len(sizes) - 1)
    # Directions that express nothing are as good as any others.
    if n_free := len(U) - n_expressed:
        U[:, n_expressed:] = U[:, n_expressed:] @ haar(n_free, n_free, rng=rng)
    bases = [Vt.T, *(haar(n, n, rng=rng) for n in sizes[1:-1]), U]
    layers = []
    for (n_in, n_out), (down, up) in zip(pairwise(sizes), pairwise(bases), strict=True):
        n = min(n_in, n_out)
        strengths = np.sqrt(np.concatenate([squares, np.zeros(n - len(squares))]))
        layers.append((up[:, :n] * strengths) @ down[:, :n].T)
        # A unit of this layer of units has the imbalance more above it than below it.
        squares = np.concatenate([strengths**2, np.zeros(n_out - n)]) + imbalance
    return tuple(layers)


def _lowest_squares(s: Array, step: float, n_factors: int) -> Array:
    """Return x > 0 with x (x + step) (x + 2 step) ... = s^2, for a number of factors."""
    known, log_s = s > 0, np.log(np.where(s > 0, s, 1.0))
    others = np.log(step) + np.log(np.arange(1, n_factors))[:, None]
    # In log x the logarithm of the product is convex: Newton's steps come from above, past none.
    y = 2 * log_s / n_factors
    for _ in range(100):
        factors = np.logaddexp(y, others)
        change = (y + factors.sum(axis=0) - 2 * log_s) / (1 + np.exp(y - factors).sum(axis=0))
        y = y - change
        if not np.any(np.abs(change) > 1e-14 * (1 + np.abs(y))):
            break
    return np.where(known, np.exp(y), 0.0)


@_described
def small_random(
    layer_sizes: Sequence[int], *, scale: ArrayLike, rng: Rng, n_starts: int | None = None
) -> Weights:
    r"""Return weights drawn independently from a Gaussian of one standard deviation per layer.

    .. math:: W^l_{ij} \sim \mathcal N(0, \sigma_l^2).

    Parameters
    ----------
    %(layer_sizes)s
    scale : array_like, scalar or shape (n_layers - 1,)
        Standard deviation :math:`\sigma_l` of all weights, or of those of each layer, first
        layer first; not negative.
    %(rng)s
    %(n_starts)s

    Returns
    -------
    tuple of ndarray
        The weight matrices, of shapes (n_out, n_in) or (n_starts, n_out, n_in).

    Raises
    ------
    TypeError, ValueError
        If a size or `n_starts` is not a positive integer, `scale` is negative, not finite or
        not one number for each layer of weights, or `rng` is no seed.

    Notes
    -----
    Section 1.3, Fig. 3. Near the origin the mode `alpha` of a three-layer network so
    drawn, with one scale, moves like a balanced start of strength :math:`N_2\sigma^2/2` on
    average.

    Examples
    --------
    >>> from dlnlib.initial_conditions import small_random
    >>> [w.shape for w in small_random((4, 3, 2), scale=0.1, rng=0, n_starts=5)]
    [(5, 3, 4), (5, 2, 3)]
    >>> first, second = small_random((100, 100, 100), scale=[0.1, 2.0], rng=0)
    >>> print(first.std().round(1), second.std().round(1))
    0.1 2.0
    """
    scale, rng = _checks.not_negative("scale", scale), _checks.generator("rng", rng)
    shapes = _shapes(layer_sizes, n_starts)
    if scale.shape not in ((), (len(shapes),)):
        raise ValueError(
            f"scale must be one number or one for each of {len(shapes)} layers of weights, "
            f"got shape {scale.shape}"
        )
    each = zip(np.broadcast_to(scale, len(shapes)), shapes, strict=True)
    with np.errstate(over="ignore"):
        return _in_range("scale", tuple(float(x) * rng.standard_normal(n) for x, n in each))


@_described
def scaled_gaussian(
    layer_sizes: Sequence[int], *, rng: Rng, gain: float = 1.0, n_starts: int | None = None
) -> Weights:
    r"""Return Gaussian weights that preserve a vector's norm on average.

    .. math:: W^l_{ij} \sim \mathcal N(0, g^2 / N_l), \qquad
              \langle \| W^l v \|^2 \rangle = g^2 \frac{N_{l+1}}{N_l} \| v \|^2.

    Parameters
    ----------
    %(layer_sizes)s
    %(rng)s
    gain : float, optional
        Factor of all weights, not negative.
    %(n_starts)s

    Returns
    -------
    tuple of ndarray
        The weight matrices, of shapes (n_out, n_in) or (n_starts, n_out, n_in).

    Raises
    ------
    TypeError, ValueError
        If a size or `n_starts` is not a positive integer, `gain` is negative or not finite, or
        `rng` is no seed.

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
    gain, rng = _checks.number("gain", gain, least=0), _checks.generator("rng", rng)
    shapes = _shapes(layer_sizes, n_starts)
    with np.errstate(over="ignore"):
        weights = tuple(gain / n[-1] ** 0.5 * rng.standard_normal(n) for n in shapes)
    return _in_range("gain", weights)


@_described
def glorot_uniform(layer_sizes: Sequence[int], *, rng: Rng, n_starts: int | None = None) -> Weights:
    r"""Return uniform weights scaled by the mean of inputs and outputs of their layer.

    .. math:: W^l_{ij} \sim \mathcal U(-r, r), \qquad r = \sqrt{6 / (N_l + N_{l+1})}.

    Parameters
    ----------
    %(layer_sizes)s
    %(rng)s
    %(n_starts)s

    Returns
    -------
    tuple of ndarray
        The weight matrices, of shapes (n_out, n_in) or (n_starts, n_out, n_in).

    Raises
    ------
    TypeError, ValueError
        If a size or `n_starts` is not a positive integer, or `rng` is no seed.

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
    rng, shapes = _checks.generator("rng", rng), _shapes(layer_sizes, n_starts)
    spans = ((shape, (6 / sum(shape[-2:])) ** 0.5) for shape in shapes)
    return tuple(rng.uniform(-r, r, shape) for shape, r in spans)


@_described
def orthogonal(
    layer_sizes: Sequence[int], *, rng: Rng, gain: float = 1.0, n_starts: int | None = None
) -> Weights:
    r"""Return random orthogonal weights, uniform over all orthogonal matrices.

    .. math:: W^{lT} W^l = g^2 \; (N_{l+1} \ge N_l) \quad\text{or}\quad
              W^l W^{lT} = g^2 \; (N_{l+1} \le N_l).

    Parameters
    ----------
    %(layer_sizes)s
    %(rng)s
    gain : float, optional
        Every singular value of every weight matrix, not negative.
    %(n_starts)s

    Returns
    -------
    tuple of ndarray
        The weight matrices, of shapes (n_out, n_in) or (n_starts, n_out, n_in).

    Raises
    ------
    TypeError, ValueError
        If a size or `n_starts` is not a positive integer, `gain` is negative or not finite, or
        `rng` is no seed.

    Notes
    -----
    Section 3, Fig. 6A, red. The QR factors of a Gaussian matrix, with the signs of the
    triangle's diagonal moved into the orthogonal factor: without that the matrices are
    orthogonal, but not uniformly distributed.

    Sizes are those of layers of units: (64, 3, 3, 3) is a network of three weight matrices, and
    not the shape of one convolution, which would be a single matrix of 64 rows and 27 columns,
    ``orthogonal((27, 64), ...)``.

    Examples
    --------
    >>> import numpy as np
    >>> from dlnlib.initial_conditions import orthogonal
    >>> from dlnlib.networks import product
    >>> sizes = np.linalg.svd(product(orthogonal((3, 5, 5, 5), rng=0)), compute_uv=False)
    >>> print(sizes.round(6))
    [1. 1. 1.]
    """
    gain, rng = _checks.number("gain", gain, least=0), _checks.generator("rng", rng)

    def draw(n_out: int, n_in: int) -> Array:
        tall = haar(max(n_out, n_in), min(n_out, n_in), rng=rng)
        return gain * (tall if n_out >= n_in else tall.T)

    shapes = _shapes(layer_sizes, n_starts)
    if n_starts is None:
        return tuple(draw(*shape) for shape in shapes)
    return tuple(np.stack([draw(*shape[1:]) for _ in range(shape[0])]) for shape in shapes)


def _in_range(name: str, weights: Weights) -> Weights:
    """Require that a factor leaves weights that are numbers."""
    if not all(np.isfinite(w).all() for w in weights):
        raise ValueError(f"{name} must leave all weights finite, got some beyond 1.8e308")
    return weights


def _shapes(layer_sizes: Sequence[int], n_starts: int | None) -> list[tuple[int, ...]]:
    """Return the shapes of weight matrices, with an axis of starts if there are several."""
    sizes = _checks.layer_sizes(layer_sizes)
    batch = () if n_starts is None else (_checks.count("n_starts", n_starts),)
    return [(*batch, n_out, n_in) for n_in, n_out in pairwise(sizes)]


def _layer_strengths(value: ArrayLike, sizes: tuple[int, ...], n_modes: int) -> Array:
    strengths = _checks.finite("layer_strengths", value)
    if strengths.shape != (len(sizes) - 1, n_modes):
        raise ValueError(
            f"layer_strengths must have shape {(len(sizes) - 1, n_modes)}, one row for each weight "
            f"matrix and one column for each mode, got shape {strengths.shape}"
        )
    n_active = np.count_nonzero(strengths.any(axis=0))
    if n_active > min(sizes):
        raise ValueError(
            f"layer_strengths must start at most {min(sizes)} modes, as many as the narrowest "
            f"layer has units, got {n_active}"
        )
    return strengths


def _initial_strengths(u0: ArrayLike, n_modes: int, width: int) -> Array:
    u0 = _checks.not_negative("u0", u0)
    if u0.ndim == 0:
        u0 = np.where(np.arange(n_modes) < width, u0, 0.0)
    if u0.shape != (n_modes,):
        raise ValueError(f"u0 must be a scalar or have shape {(n_modes,)}, got shape {u0.shape}")
    if np.count_nonzero(u0) > width:
        raise ValueError(
            f"u0 must start at most {width} modes above zero, as many as the narrowest layer "
            f"has units, got {np.count_nonzero(u0)}"
        )
    return u0
