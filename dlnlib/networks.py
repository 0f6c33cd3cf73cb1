r"""Networks as tuples of weight matrices, with their errors and gradients.

A network with ``n_layers`` layers of units is a tuple of ``n_layers - 1`` weight
matrices, first layer first, each of shape (n_out, n_in). Every function here also
takes batches: leading axes that the weights of all layers share.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dlnlib.correlations import Correlations, Modes

__all__ = [
    "error",
    "gradient",
    "least_error",
    "mode_strengths",
    "product",
    "tanh_correlation",
    "tanh_error",
    "tanh_gradient",
]

Array = NDArray[np.float64]
Weights = tuple[Array, ...]


def product(weights: Sequence[ArrayLike]) -> Array:
    r"""Multiply the weight matrices into the map from inputs to outputs.

    .. math:: W = W^{L} \cdots W^{2} W^{1}.

    Parameters
    ----------
    weights : sequence of array_like, each of shape (..., n_out, n_in)
        The network, first layer first.

    Returns
    -------
    ndarray, shape (..., n_outputs, n_inputs)
        The composite map.

    Raises
    ------
    ValueError
        If the shapes do not chain.

    Notes
    -----
    The product in Eq. 13.

    Examples
    --------
    >>> import numpy as np
    >>> from dlnlib.networks import product
    >>> product((np.ones((4, 2)), np.ones((3, 4)))).shape
    (3, 2)
    """
    return product_of(as_weights(weights))


def error(weights: Sequence[ArrayLike], correlations: Correlations) -> Array:
    r"""Return half the squared error of a linear network, from correlations alone.

    .. math:: E = \tfrac12 \sum_\mu \| y^\mu - W x^\mu \|^2
              = \tfrac12 \left[ \operatorname{tr} \Sigma^{33}
              - \operatorname{tr} W^T (2\Sigma^{31} - W \Sigma^{11}) \right].

    Parameters
    ----------
    weights : sequence of array_like, each of shape (..., n_out, n_in)
        The network, first layer first.
    correlations : Correlations
        The data.

    Returns
    -------
    ndarray, shape (...)
        Error summed over examples.

    Raises
    ------
    ValueError
        If shapes do not chain or do not match the data.

    Notes
    -----
    The error that Eq. 1 descends. Its rounding error is that of ``trace_yy``.

    Examples
    --------
    >>> import numpy as np
    >>> from dlnlib.correlations import Correlations
    >>> from dlnlib.networks import error
    >>> data = Correlations(np.eye(2), np.diag([3.0, 1.0]), 10.0, 2)
    >>> print(error((np.zeros((4, 2)), np.zeros((2, 4))), data))
    5.0
    """
    weights = as_weights(weights)
    require_fit(weights, correlations)
    drive = residual(weights, correlations)
    return error_from_residual(
        product_of(weights), drive, correlations.sigma_yx, correlations.trace_yy
    )


def least_error(correlations: Correlations, *, rank: int | None = None) -> float:
    r"""Return the least error that any linear network can reach.

    .. math:: \min_{\operatorname{rank} W \le k} E
              = \tfrac12 \Big[ \operatorname{tr}\Sigma^{33} - \sum_{i\le k} \sigma_i^2 \Big],

    with the singular values :math:`\sigma_i` of :math:`\Sigma^{31} (\Sigma^{11})^{-1/2}`.

    Parameters
    ----------
    correlations : Correlations
        The data.
    rank : int, optional
        Units of the narrowest layer. By default the rank is not limited.

    Returns
    -------
    float
        The least squares error, of the best map of that rank.

    Raises
    ------
    ValueError
        If `rank` is not an integer of at least 0.

    Notes
    -----
    Section 1.2, for inputs of any correlation. On a singular one the inverse root is that of
    its range, down to the rounding errors of its eigenvalues.

    Examples
    --------
    >>> import numpy as np
    >>> from dlnlib.correlations import Correlations
    >>> from dlnlib.networks import least_error
    >>> data = Correlations(np.eye(2), np.diag([3.0, 1.0]), 12.0, 2)
    >>> print(least_error(data), least_error(data, rank=1))
    1.0 1.5
    """
    if rank is not None and (int(rank) != rank or rank < 0):
        raise ValueError(f"rank must be an integer of at least 0, got {rank}")
    eigenvalues, Q = np.linalg.eigh(correlations.sigma_xx)
    kept = eigenvalues > len(eigenvalues) * np.finfo(float).eps * np.abs(eigenvalues).max(initial=0)
    whitened = correlations.sigma_yx @ (Q[:, kept] / np.sqrt(eigenvalues[kept]))
    sizes = np.linalg.svd(whitened, compute_uv=False)[:rank]
    return max(0.0, 0.5 * (correlations.trace_yy - float(np.sum(sizes**2))))


def gradient(weights: Sequence[ArrayLike], correlations: Correlations) -> Weights:
    r"""Return the gradient of `error` with respect to every weight matrix.

    .. math:: \frac{\partial E}{\partial W^l} = -\Big(\prod_{i>l} W^i\Big)^T
              \Big[\Sigma^{31} - \Big(\prod_i W^i\Big)\Sigma^{11}\Big]
              \Big(\prod_{i<l} W^i\Big)^T.

    Parameters
    ----------
    weights : sequence of array_like, each of shape (..., n_out, n_in)
        The network, first layer first.
    correlations : Correlations
        The data.

    Returns
    -------
    tuple of ndarray
        One gradient for each weight matrix, of its shape.

    Raises
    ------
    ValueError
        If shapes do not chain or do not match the data.

    Notes
    -----
    Eq. 13, the right-hand side with its sign reversed.

    Examples
    --------
    >>> import numpy as np
    >>> from dlnlib.correlations import Correlations
    >>> from dlnlib.networks import gradient
    >>> data = Correlations(np.eye(1), [[2.0]], 4.0, 1)
    >>> [g.item() for g in gradient((np.array([[1.0]]), np.array([[0.5]])), data)]
    [-0.75, -1.5]
    """
    weights = as_weights(weights)
    require_fit(weights, correlations)
    return backpropagate(weights, residual(weights, correlations))


def mode_strengths(weights: Sequence[ArrayLike], modes: Modes) -> Array:
    r"""Return how strongly the network expresses each mode of the data.

    .. math:: u_\alpha = u^{\alpha T} \, W^{L} \cdots W^{1} \, v^\alpha.

    Parameters
    ----------
    weights : sequence of array_like, each of shape (..., n_out, n_in)
        The network, first layer first.
    modes : Modes
        The modes of the data.

    Returns
    -------
    ndarray, shape (..., n_modes)
        Mode strengths, in the order of the modes.

    Raises
    ------
    ValueError
        If shapes do not chain or do not match the modes.

    Notes
    -----
    The blue curves of Fig. 3; equal to the product of layer strengths for a decoupled network.

    Examples
    --------
    >>> import numpy as np
    >>> from dlnlib.correlations import Correlations, modes
    >>> from dlnlib.networks import mode_strengths
    >>> data = Correlations(np.eye(2), np.diag([3.0, 1.0]), 10.0, 2)
    >>> print(mode_strengths((np.eye(2), np.diag([2.0, 0.5])), modes(data)))
    [2.  0.5]
    """
    weights = as_weights(weights)
    require_modes_fit(weights, modes)
    return strengths(product_of(weights), modes)


def tanh_correlation(weights: Sequence[ArrayLike], x: ArrayLike) -> Array:
    r"""Return the input-output correlation that a tanh network itself produces.

    .. math:: \Sigma_{\tanh} = \sum_\mu W^{L} h^{L-1,\mu}\, x^{\mu T}, \qquad
              h^{l} = \tanh(W^l h^{l-1}), \quad h^0 = x.

    Parameters
    ----------
    weights : sequence of two or more array_like, each of shape (..., n_out, n_in)
        The network, first layer first. Only its hidden units are nonlinear.
    x : array_like, shape (n_examples, n_inputs)
        Inputs, one example a row.

    Returns
    -------
    ndarray, shape (..., n_outputs, n_inputs)
        The correlation; its diagonal in the modes of the data is the green curve of Fig. 3.

    Raises
    ------
    ValueError
        If there is no hidden layer, or shapes do not chain or match the inputs.

    Notes
    -----
    Section 1.3 of the paper, Fig. 3, with one hidden layer. With more, what arrives at the
    hidden units obeys Eq. 20 from the first of them on, its gain being part of the weights.

    Examples
    --------
    >>> import numpy as np
    >>> from dlnlib.networks import tanh_correlation
    >>> tanh_correlation((np.eye(2), np.eye(2)), np.eye(2)).round(4)
    array([[0.7616, 0.    ],
           [0.    , 0.7616]])
    """
    weights, x = as_weights(weights), np.asarray(x, dtype=np.float64)
    require_tanh_fit(weights, x)
    return weights[-1] @ (activities(weights, x)[-1] @ x)


def tanh_error(weights: Sequence[ArrayLike], x: ArrayLike, y: ArrayLike) -> Array:
    r"""Return half the squared error of a tanh network of any number of layers.

    .. math:: E = \tfrac12 \sum_\mu \| y^\mu - W^{L} h^{L-1,\mu} \|^2, \qquad
              h^{l} = \tanh(W^l h^{l-1}), \quad h^0 = x.

    Parameters
    ----------
    weights : sequence of two or more array_like, each of shape (..., n_out, n_in)
        The network, first layer first. Only its hidden units are nonlinear.
    x : array_like, shape (n_examples, n_inputs)
        Inputs, one example a row.
    y : array_like, shape (n_examples, n_outputs)
        Targets, one example a row.

    Returns
    -------
    ndarray, shape (...)
        Error summed over examples.

    Raises
    ------
    ValueError
        If there is no hidden layer, or shapes do not chain or match the data.

    Notes
    -----
    Section 1.3 of the paper, Fig. 3, with one hidden layer. With more, what arrives at the
    hidden units obeys Eq. 20 from the first of them on, its gain being part of the weights.

    Examples
    --------
    >>> import numpy as np
    >>> from dlnlib.networks import tanh_error
    >>> print(tanh_error((np.zeros((3, 2)), np.zeros((1, 3))), np.eye(2), [[1.0], [3.0]]))
    5.0
    """
    weights, x, y = as_weights(weights), np.asarray(x, float), np.asarray(y, float)
    require_tanh_fit(weights, x, y)
    return half_square(y.T - weights[-1] @ activities(weights, x)[-1])


def tanh_gradient(weights: Sequence[ArrayLike], x: ArrayLike, y: ArrayLike) -> Weights:
    r"""Return the gradient of `tanh_error` with respect to every weight matrix.

    With :math:`h^l` as there and :math:`e^{L} = y - W^L h^{L-1}`,

    .. math:: \frac{\partial E}{\partial W^{l}} = -\sum_\mu e^{l,\mu}\, h^{l-1,\mu\,T}, \qquad
              e^{l} = (1-h^l\odot h^l) \odot W^{l+1\,T} e^{l+1}.

    Parameters
    ----------
    weights : sequence of two or more array_like, each of shape (..., n_out, n_in)
        The network, first layer first. Only its hidden units are nonlinear.
    x : array_like, shape (n_examples, n_inputs)
        Inputs, one example a row.
    y : array_like, shape (n_examples, n_outputs)
        Targets, one example a row.

    Returns
    -------
    tuple of ndarray
        One gradient for each weight matrix, of its shape.

    Raises
    ------
    ValueError
        If there is no hidden layer, or shapes do not chain or match the data.

    Notes
    -----
    Section 1.3 of the paper, Fig. 3, with one hidden layer. With more, what arrives at the
    hidden units obeys Eq. 20 from the first of them on, its gain being part of the weights.

    Examples
    --------
    >>> import numpy as np
    >>> from dlnlib.networks import tanh_gradient
    >>> weights = (np.zeros((3, 2)), np.ones((1, 3)))
    >>> tanh_gradient(weights, np.eye(2), [[1.0], [3.0]])[0]
    array([[-1., -3.],
           [-1., -3.],
           [-1., -3.]])
    """
    weights, x, y = as_weights(weights), np.asarray(x, float), np.asarray(y, float)
    require_tanh_fit(weights, x, y)
    layers = activities(weights, x)
    return tanh_backpropagate(weights, layers, y.T - weights[-1] @ layers[-1])


def as_weights(weights: Sequence[ArrayLike]) -> Weights:
    """Convert to float matrices and require that their shapes chain."""
    arrays = tuple(np.asarray(w, dtype=np.float64) for w in weights)
    shapes = [w.shape for w in arrays]
    if not arrays or any(w.ndim < 2 for w in arrays):
        raise ValueError(f"weights must be one or more matrices, got shapes {shapes}")
    batches = {w.shape[:-2] for w in arrays}
    chained = all(a.shape[-2] == b.shape[-1] for a, b in pairwise(arrays))
    if len(batches) > 1 or not chained:
        raise ValueError(
            "weights must chain, first layer first, each of shape (..., n_out, n_in) with n_in "
            f"the n_out of the one before and the same leading axes, got shapes {shapes}"
        )
    if not all(np.isfinite(w).all() for w in arrays):
        raise ValueError("weights must be finite, got an infinite entry or NaN")
    return arrays


def as_one_start(weights: Sequence[ArrayLike]) -> Weights:
    """Check a network that is not a batch of them."""
    weights = as_weights(weights)
    if weights[0].ndim != 2:
        raise ValueError(f"weights must be one start without batch axes, got {weights[0].shape}")
    return weights


def require_fit(weights: Weights, correlations: Correlations) -> None:
    """Require that the network has the inputs and outputs of the data."""
    ends = (weights[-1].shape[-2], weights[0].shape[-1])
    if ends != correlations.sigma_yx.shape:
        raise ValueError(
            f"weights must map the {correlations.sigma_yx.shape[1]} inputs of correlations to its "
            f"{correlations.sigma_yx.shape[0]} outputs, got a product of shape {ends}"
        )


def require_modes_fit(weights: Weights, modes: Modes | None) -> None:
    """Require that the network, if modes are given, has their inputs and outputs."""
    if modes is None:
        return
    ends = (weights[-1].shape[-2], weights[0].shape[-1])
    expected = (modes.U.shape[0], modes.Vt.shape[1])
    if ends != expected:
        raise ValueError(
            f"weights must map {expected[1]} inputs to {expected[0]} outputs to go with modes, "
            f"got a product of shape {ends}"
        )


def require_tanh_fit(weights: Weights, x: Array, y: Array | None = None) -> None:
    """Require a hidden layer and examples that fit the network."""
    if len(weights) < 2:
        raise ValueError(
            f"weights must be at least two matrices (three layers), got {len(weights)}"
        )
    for name, rows, size in (("x", x, weights[0].shape[-1]), ("y", y, weights[-1].shape[-2])):
        if rows is None:
            continue
        if rows.ndim != 2 or rows.shape[1] != size or not np.isfinite(rows).all():
            raise ValueError(
                f"{name} must be a finite matrix with {size} columns to go with weights of shapes "
                f"{[w.shape for w in weights]}, got shape {rows.shape}"
            )
    if y is not None and len(x) != len(y):
        raise ValueError(f"x and y must have equally many rows, got shapes {x.shape} and {y.shape}")


def product_of(weights: Weights) -> Array:
    """Multiply weights that were checked before."""
    # Rows times matrices: cheapest when outputs are few, as they are for classifiers.
    composite = weights[-1]
    for w in weights[-2::-1]:
        composite = composite @ w
    return composite


def residual(weights: Weights, correlations: Correlations) -> Array:
    """Return Sigma_yx - W Sigma_xx, the drive of every layer."""
    return correlations.sigma_yx - product_of(weights) @ correlations.sigma_xx


def error_from_residual(composite: Array, drive: Array, sigma_yx: Array, trace_yy: float) -> Array:
    """Return the half squared error, given the product of the weights and the residual."""
    return 0.5 * (trace_yy - np.einsum("...ij,...ij->...", composite, drive + sigma_yx))


def backpropagate(weights: Weights, drive: Array) -> Weights:
    """Return the gradients of all layers that a residual causes."""
    # Products from the last layer down: cheapest when outputs are few.
    above = list(accumulate(weights[:0:-1], np.matmul))
    gradients = []
    for w, back in zip(weights[:-1], reversed(above), strict=True):
        gradients.append(-(np.swapaxes(back, -1, -2) @ drive))
        drive = drive @ np.swapaxes(w, -1, -2)
    return *gradients, -drive


def strengths(composite: Array, modes: Modes) -> Array:
    """Return the diagonal of a composite map in the modes of the data."""
    return np.einsum("oa,...oi,ai->...a", modes.U, composite, modes.Vt, optimize=True)


def activities(weights: Weights, x: Array) -> list[Array]:
    """Return the inputs and the activity of every hidden layer, one example a column."""
    return list(accumulate(weights[:-1], lambda h, w: np.tanh(w @ h), initial=x.T))


def half_square(errors: Array) -> Array:
    """Return half the sum of squares of the last two axes."""
    return 0.5 * np.einsum("...ij,...ij->...", errors, errors)


def tanh_backpropagate(weights: Weights, layers: list[Array], errors: Array) -> Weights:
    """Return the gradients of a tanh network from its activities and output errors."""
    gradients = [-(errors @ np.swapaxes(layers[-1], -1, -2))]
    for i in range(len(weights) - 1, 0, -1):
        errors = (1 - layers[i] ** 2) * (np.swapaxes(weights[i], -1, -2) @ errors)
        gradients.append(-(errors @ np.swapaxes(layers[i - 1], -1, -2)))
    return tuple(reversed(gradients))
