r"""Networks as tuples of weight matrices, with their errors and gradients.

A network with ``n_layers`` layers of units is a tuple of ``n_layers - 1`` weight
matrices, first layer first, each of shape (n_out, n_in). Every function here also
takes batches: leading axes that the weights of all layers share.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike

from dlnlib import _arithmetic, _checks, _second_moments
from dlnlib._typing import Array, Weights
from dlnlib.correlations import Correlations, Modes

__all__ = [
    "error",
    "gradient",
    "imbalance",
    "least_error",
    "mode_strengths",
    "product",
    "tangent_kernel",
]


@_arithmetic.in_range
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
    TypeError, ValueError
        If weights are no finite real matrices, their shapes do not chain, or the result leaves the
        range of doubles.

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
    return _arithmetic.product(_checks.weights(weights))


@_arithmetic.in_range
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
    TypeError, ValueError
        If weights are no finite real matrices, the data no `Correlations`, shapes do not chain
        or do not match the data, or the result leaves the range of doubles.

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
    weights = _checks.weights(weights)
    _checks.fit(weights, _checks.correlations(correlations))
    composite = _arithmetic.product(weights)
    drive = correlations.sigma_yx - composite @ correlations.sigma_xx
    return _arithmetic.error(composite, drive, correlations.sigma_yx, correlations.trace_yy)


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
    TypeError, ValueError
        If these are no `Correlations`, or `rank` is not an integer of at least 0.

    Notes
    -----
    Section 1.2, for inputs of any correlation and in any units. On a singular one the inverse
    root is that of its range: of the eigenvalues of :math:`\Sigma^{11}`, scaled to unit
    diagonal, those are kept that exceed their rounding errors, :math:`2\cdot 10^{-15}` for each
    input.

    Examples
    --------
    >>> import numpy as np
    >>> from dlnlib.correlations import Correlations
    >>> from dlnlib.networks import least_error
    >>> data = Correlations(np.eye(2), np.diag([3.0, 1.0]), 12.0, 2)
    >>> print(least_error(data), least_error(data, rank=1))
    1.0 1.5
    """
    if rank is not None:
        rank = _checks.count("rank", rank, least=0)
    sigma_xx = _checks.correlations(correlations).sigma_xx
    # No more is cut than cannot be told from zero: weak inputs may explain much.
    found = _second_moments.axes(sigma_xx, least=10 * len(sigma_xx) * np.finfo(np.float64).eps)
    sizes = _second_moments.explained(found, correlations.sigma_yx)[:rank]
    return max(0.0, 0.5 * (correlations.trace_yy - float(np.sum(sizes**2))))


@_arithmetic.in_range
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
    TypeError, ValueError
        If weights are no finite real matrices, the data no `Correlations`, shapes do not chain
        or do not match the data, or the result leaves the range of doubles.

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
    weights = _checks.weights(weights)
    _checks.fit(weights, _checks.correlations(correlations))
    return _arithmetic.gradient(weights, correlations)


@_arithmetic.in_range
def imbalance(weights: Sequence[ArrayLike]) -> Weights:
    r"""Return the matrices that gradient flow conserves: by how much neighbouring layers differ.

    .. math:: W^{l+1\,T} W^{l+1} - W^l W^{l\,T}, \qquad l = 1, \dots, L - 1.

    Parameters
    ----------
    weights : sequence of array_like, each of shape (..., n_out, n_in)
        The network, first layer first.

    Returns
    -------
    tuple of ndarray, shapes (..., n_hidden, n_hidden)
        One symmetric matrix for each hidden layer; zero where its neighbours are balanced.

    Raises
    ------
    TypeError, ValueError
        If weights are no finite real matrices, their shapes do not chain, or the result leaves the
        range of doubles.

    Notes
    -----
    Its sign is that of the layer above. For a mode of three layers it is :math:`b^2 - a^2`, minus
    the constant of Section 1.3.

    Examples
    --------
    >>> from dlnlib.networks import imbalance
    >>> imbalance(([[1.0]], [[3.0]], [[2.0]]))
    (array([[8.]]), array([[-5.]]))
    """
    weights = _checks.weights(weights)
    return tuple(
        np.swapaxes(above, -1, -2) @ above - below @ np.swapaxes(below, -1, -2)
        for below, above in pairwise(weights)
    )


@_arithmetic.in_range
def mode_strengths(weights: Sequence[ArrayLike], modes: Modes) -> Array:
    r"""Return how strongly the network expresses each mode of the data.

    .. math:: u_\alpha = u^{\alpha T} \, W^{L} \cdots W^{1} \, v^\alpha.

    Parameters
    ----------
    weights : sequence of array_like, each of shape (..., n_out, n_in)
        The network, first layer first.
    modes : Modes
        The modes of the data; any (U, s, Vt).

    Returns
    -------
    ndarray, shape (..., n_modes)
        Mode strengths, in the order of the modes.

    Raises
    ------
    TypeError, ValueError
        If weights are no finite real matrices, modes no (U, s, Vt), shapes do not chain or do
        not match the modes, or the result leaves the range of doubles.

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
    weights, modes = _checks.weights(weights), Modes.of(modes)
    _checks.modes_fit(weights, modes)
    return _arithmetic.strengths(_arithmetic.product(weights), modes)


@_arithmetic.in_range
def tangent_kernel(weights: Sequence[ArrayLike], x: ArrayLike | None = None) -> Array:
    r"""Return by how much learning an output for one input moves an output for another.

    .. math:: K_{i\mu,\,j\nu} = \sum_l \left\langle
              \frac{\partial y_i^\mu}{\partial W^l}, \frac{\partial y_j^\nu}{\partial W^l}
              \right\rangle = \sum_l \big( A_l A_l^T \big)_{ij} \;
              x^{\mu\,T} B_l^T B_l\, x^\nu,

    with :math:`y^\mu = W^L\cdots W^1 x^\mu` and the products of the layers above and below,
    :math:`A_l = W^L\cdots W^{l+1}` and :math:`B_l = W^{l-1}\cdots W^1`.

    Parameters
    ----------
    weights : sequence of array_like, each of shape (..., n_out, n_in)
        The network, first layer first.
    x : array_like, shape (n_examples, n_inputs), optional
        Inputs :math:`x^\mu` in rows. By default one input at a time, :math:`x = 1`, whose kernel is
        that of all white inputs.

    Returns
    -------
    ndarray, shape (..., n_outputs, n_examples, n_outputs, n_examples)
        The kernel. As a matrix of outputs and examples it is symmetric and has no negative
        eigenvalues.

    Raises
    ------
    TypeError, ValueError
        If weights are no finite real matrices, shapes do not match, `x` is no finite real matrix,
        or the result leaves the range of doubles.

    Notes
    -----
    The neural tangent kernel of Jacot, Gabriel and Hongler (2018), here of finite width. Gradient
    flow towards targets :math:`z` moves outputs by
    :math:`\tau\dot y_i^\mu = \sum_{j\nu} K_{i\mu,\,j\nu}\,(z_j^\nu - y_j^\nu)`. Where the kernel
    stays, a network learns as a linear model does.

    Examples
    --------
    >>> import numpy as np
    >>> from dlnlib.networks import tangent_kernel
    >>> kernel = tangent_kernel(([[0.5, 0.0]], [[2.0]]))
    >>> print(kernel.reshape(2, 2))
    [[4.25 0.  ]
     [0.   4.  ]]
    """
    layers = _checks.weights(weights)
    n_outputs, n_inputs = layers[-1].shape[-2], layers[0].shape[-1]
    inputs = np.eye(n_inputs) if x is None else _checks.finite("x", x)
    if inputs.ndim != 2 or inputs.shape[1] != n_inputs:
        raise ValueError(
            f"x must be a matrix with {n_inputs} columns, one for each input of weights, got "
            f"shape {inputs.shape}"
        )
    activities = [inputs.T]
    for w in layers[:-1]:
        activities.append(w @ activities[-1])
    above = [*_arithmetic.above(layers)[1:], np.eye(n_outputs)]
    grams = zip(above, activities, strict=True)
    return sum(
        np.einsum("...ij,...mn->...imjn", a @ np.swapaxes(a, -1, -2), np.swapaxes(h, -1, -2) @ h)
        for a, h in grams
    )
