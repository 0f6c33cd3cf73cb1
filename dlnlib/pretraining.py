"""Greedy pretraining by autoencoders, one upon the other."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dlnlib import _checks
from dlnlib._arithmetic import Pair
from dlnlib._typing import Array, Rng, Weights
from dlnlib.correlations import Correlations
from dlnlib.initial_conditions import orthogonal, small_random
from dlnlib.random_matrices import haar
from dlnlib.training import Evaluation, Outcome, Problem, Run, descend

__all__ = ["Pretraining", "greedy_pretraining", "orthogonal_pretraining"]

# No modes are recorded here, and no map that would show them is multiplied out.
_NO_MAP = np.zeros((0, 0))


class Pretraining(NamedTuple):
    """Hold greedily pretrained weights and what they cost.

    Attributes
    ----------
    weights : tuple of ndarray, each of shape (n_out, n_in)
        The network, first layer first: encoders, and a random last matrix.
    status : ndarray of str, shape (n_layers - 2,)
        What became of each autoencoder, a `training.Outcome`: ``"threshold"`` (the share of
        variance was reached), ``"completed"`` or ``"diverged"``. After that, layers above are
        left at their random start, ``"not started"``.
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
    rng : seed
        Seed or source of randomness, as `numpy.random.default_rng` takes it.
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
    TypeError, ValueError
        If the sizes do not match the data, these are no `Correlations` or have a ``sigma_xx``
        of zero, a number is out of range, `rng` is no seed, or a layer is too narrow to explain
        so much.

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
    >>> from dlnlib.pretraining import greedy_pretraining
    >>> data = Correlations(np.diag([3.0, 2.0, 1.0]), np.eye(3), 3.0, 6)
    >>> start = greedy_pretraining(data, (3, 3, 3, 3), scale=1e-3, explained=0.999, rng=0)
    >>> print(start.status, start.n_steps)
    ['threshold' 'threshold'] [66 61]
    >>> print(np.linalg.svd(start.weights[0], compute_uv=False).round(2))
    [1.   1.   0.97]
    """
    sizes, rng = _checks.layer_sizes(layer_sizes), _checks.generator("rng", rng)
    scale = _checks.number("scale", scale, above=0)
    rate = _checks.number("relative_rate", relative_rate, above=0)
    explained = _checks.number("explained", explained, above=0, below=1)
    max_steps = _checks.count("max_steps", max_steps)
    _require_pretrainable(_checks.correlations(correlations), sizes, explained)
    weights = list(small_random(sizes, scale=scale, rng=rng))
    runs: list[Run] = []
    rates: list[float] = []
    sigma = correlations.sigma_xx
    for i, encoder in enumerate(weights[:-1]):
        decoder = scale * rng.standard_normal(encoder.shape[::-1])
        eigenvalues, Q = np.linalg.eigh(sigma)
        problem = _autoencoder(encoder @ Q, Q.T @ decoder, np.maximum(eigenvalues, 0.0))
        rates.append(rate / eigenvalues[-1])
        runs.append(_trained(problem, rates[-1], explained, max_steps))
        weights[i] = runs[-1].weights[0] @ Q.T
        if runs[-1].status == Outcome.DIVERGED:
            break
        sigma = weights[i] @ sigma @ weights[i].T
    return _pretraining(weights, runs, rates)


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
    rng : seed
        Seed or source of randomness, as `numpy.random.default_rng` takes it.
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
    TypeError, ValueError
        If the sizes do not match the data or narrow, these are no `Correlations` or have a
        ``sigma_xx`` of zero, a number is out of range, or `rng` is no seed.

    Notes
    -----
    Section 3. What `greedy_pretraining` does, from a start that is decoupled whatever the data:
    this gradient descent is exactly one number for each component, so that a hundred layers
    of a thousand units take seconds.

    Examples
    --------
    >>> import numpy as np
    >>> from dlnlib.correlations import Correlations
    >>> from dlnlib.pretraining import orthogonal_pretraining
    >>> data = Correlations(np.diag([3.0, 2.0, 1.0]), np.eye(3), 3.0, 6)
    >>> start = orthogonal_pretraining(data, (3, 4, 4, 3), u0=1e-3, explained=0.999, rng=0)
    >>> print(start.status, start.n_steps)
    ['threshold' 'threshold'] [29 31]
    """
    sizes, rng = _checks.layer_sizes(layer_sizes), _checks.generator("rng", rng)
    u0 = _checks.number("u0", u0, above=0, below=1)
    rate = _checks.number("relative_rate", relative_rate, above=0, below=1)
    explained = _checks.number("explained", explained, above=0, below=1)
    max_steps = _checks.count("max_steps", max_steps)
    _require_pretrainable(_checks.correlations(correlations), sizes, explained)
    if list(sizes[:-1]) != sorted(sizes[:-1]):
        raise ValueError(f"layer_sizes must not narrow before the outputs, got {sizes}")
    weights = [np.sqrt(u0) * haar(m, n, rng=rng) for n, m in pairwise(sizes[:-1])]
    weights += orthogonal(sizes[-2:], rng=rng)
    runs: list[Run] = []
    rates: list[float] = []
    variances, Q = np.linalg.eigh(correlations.sigma_xx)
    variances = np.maximum(variances, 0.0)
    for i, start in enumerate(weights[:-1]):
        rates.append(rate / variances.max())
        runs.append(_trained(_components(variances, u0), rates[-1], explained, max_steps))
        a, R = runs[-1].weights[0][0], start @ Q / np.sqrt(u0)
        weights[i] = start + R * (a - np.sqrt(u0)) @ Q.T
        variances, Q = variances * a**2, R
    return _pretraining(weights, runs, rates)


def _require_pretrainable(
    correlations: Correlations, sizes: tuple[int, ...], explained: float
) -> None:
    """Require data and sizes from which every autoencoder can reach its goal."""
    if len(sizes) < 3 or (sizes[-1], sizes[0]) != correlations.sigma_yx.shape:
        raise ValueError(
            f"layer_sizes must have a hidden layer between the {correlations.sigma_yx.shape[1]} "
            f"inputs and {correlations.sigma_yx.shape[0]} outputs of correlations, got {sizes}"
        )
    eigenvalues = np.linalg.eigvalsh(correlations.sigma_xx)[::-1]
    # Learning rates are relative to its inverse.
    if eigenvalues[0] < np.finfo(np.float64).tiny:
        raise ValueError("correlations.sigma_xx must not be zero: nothing is to be reconstructed")
    passed = np.concatenate([[0.0], np.cumsum(np.maximum(eigenvalues, 0.0))])
    for i, n_units in enumerate(sizes[1:-1]):
        best = passed[min(sizes[: i + 2])] / passed[min(sizes[: i + 1])]
        if best < explained:
            raise ValueError(
                f"layer_sizes must have room for explained = {explained}, but the {n_units} units "
                f"of hidden layer {i + 1} can explain {best:.6f} of their inputs at most"
            )


def _autoencoder(encoder: Array, decoder: Array, eigenvalues: Array) -> Problem:
    """Return the problem of an autoencoder of inputs whose correlation is diagonal."""
    total, root = eigenvalues.sum(), np.sqrt(eigenvalues)

    def evaluate(current: Weights) -> Evaluation:
        encoder, up = current[0], current[1].T
        scaled, signal = encoder * root, encoder * eigenvalues
        inner, outer = scaled @ scaled.T, up @ up.T
        error = 0.5 * (total - 2 * np.vdot(up, signal) + np.vdot(inner, outer))
        down = (up - outer @ encoder) * eigenvalues, (signal - inner @ up).T
        return Evaluation(error, _NO_MAP, lambda: (Pair(i, None, d) for i, d in enumerate(down)))

    return Problem((encoder, decoder), evaluate, total / 2, lambda: 0.0)


def _components(variances: Array, u0: float) -> Problem:
    """Return the problem of an autoencoder whose components do not interact, both layers alike."""

    def evaluate(current: Weights) -> Evaluation:
        (a,) = current
        left = 1 - a * a
        drive = variances * left
        error = np.asarray(0.5 * np.vdot(drive, left))
        return Evaluation(error, _NO_MAP, lambda: [Pair(0, None, a * drive)])

    start = np.full((1, len(variances)), np.sqrt(u0))
    return Problem((start,), evaluate, variances.sum() / 2, lambda: 0.0)


def _trained(problem: Problem, rate: float, explained: float, max_steps: int) -> Run:
    goal = (1 - explained) * problem.zero_error
    return descend(problem, learning_rate=rate, n_steps=max_steps, threshold=goal)


def _pretraining(weights: Sequence[Array], runs: list[Run], rates: list[float]) -> Pretraining:
    """Gather what became of every autoencoder, those that were not started included."""
    rest = len(weights) - 1 - len(runs)
    return Pretraining(
        weights=tuple(weights),
        status=np.concatenate([[r.status for r in runs], Outcome.NOT_STARTED.for_all(rest)]),
        n_steps=np.array([*(int(r.n_steps) for r in runs), *[0] * rest]),
        learning_rates=np.array([*rates, *[np.nan] * rest]),
        errors=(*(r.errors for r in runs), *[np.zeros(0)] * rest),
    )
