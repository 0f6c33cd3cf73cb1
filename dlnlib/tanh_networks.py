"""Networks with tanh hidden units and linear outputs: correlation, error and gradient."""

from __future__ import annotations

from collections.abc import Sequence

from numpy.typing import ArrayLike

from dlnlib import _arithmetic, _checks
from dlnlib._docs import fill
from dlnlib._typing import Array, Weights

__all__ = ["correlation", "error", "gradient"]


_described = fill(
    notes="""
    Section 1.3 of the paper, Fig. 3, with one hidden layer. With more, what arrives at the
    hidden units obeys Eq. 20 from the first of them on, its gain being part of the weights.
    """,
    weights="""
    weights : sequence of two or more array_like, each of shape (..., n_out, n_in)
        The network, first layer first. Only its hidden units are nonlinear.
    """,
    x="""
    x : array_like, shape (n_examples, n_inputs)
        Inputs, one example a row.
    """,
    y="""
    y : array_like, shape (n_examples, n_outputs)
        Targets, one example a row.
    """,
)


@_described
@_arithmetic.in_range
def correlation(weights: Sequence[ArrayLike], x: ArrayLike) -> Array:
    r"""Return the input-output correlation that a tanh network itself produces.

    .. math:: \Sigma_{\tanh} = \sum_\mu W^{L} h^{L-1,\mu}\, x^{\mu T}, \qquad
              h^{l} = \tanh(W^l h^{l-1}), \quad h^0 = x.

    Parameters
    ----------
    %(weights)s
    %(x)s

    Returns
    -------
    ndarray, shape (..., n_outputs, n_inputs)
        The correlation; its diagonal in the modes of the data is the green curve of Fig. 3.

    Raises
    ------
    TypeError, ValueError
        If there is no hidden layer, shapes do not chain or match the inputs, or the result leaves
        the range of doubles.

    Notes
    -----
    %(notes)s

    Examples
    --------
    >>> import numpy as np
    >>> from dlnlib.tanh_networks import correlation
    >>> correlation((np.eye(2), np.eye(2)), np.eye(2)).round(4)
    array([[0.7616, 0.    ],
           [0.    , 0.7616]])
    """
    weights = _checks.weights(weights)
    x, _ = _checks.examples_fit(weights, x)
    return weights[-1] @ (_arithmetic.activities(weights, x)[-1] @ x)


@_described
@_arithmetic.in_range
def error(weights: Sequence[ArrayLike], x: ArrayLike, y: ArrayLike) -> Array:
    r"""Return half the squared error of a tanh network of any number of layers.

    .. math:: E = \tfrac12 \sum_\mu \| y^\mu - W^{L} h^{L-1,\mu} \|^2, \qquad
              h^{l} = \tanh(W^l h^{l-1}), \quad h^0 = x.

    Parameters
    ----------
    %(weights)s
    %(x)s
    %(y)s

    Returns
    -------
    ndarray, shape (...)
        Error summed over examples.

    Raises
    ------
    TypeError, ValueError
        If there is no hidden layer, shapes do not chain or match the data, or the result leaves
        the range of doubles.

    Notes
    -----
    %(notes)s

    Examples
    --------
    >>> import numpy as np
    >>> from dlnlib.tanh_networks import error
    >>> print(error((np.zeros((3, 2)), np.zeros((1, 3))), np.eye(2), [[1.0], [3.0]]))
    5.0
    """
    weights = _checks.weights(weights)
    x, y = _checks.examples_fit(weights, x, y)
    return _arithmetic.half_square(y.T - weights[-1] @ _arithmetic.activities(weights, x)[-1])


@_described
@_arithmetic.in_range
def gradient(weights: Sequence[ArrayLike], x: ArrayLike, y: ArrayLike) -> Weights:
    r"""Return the gradient of `error` with respect to every weight matrix.

    With :math:`h^l` as there and :math:`e^{L} = y - W^L h^{L-1}`,

    .. math:: \frac{\partial E}{\partial W^{l}} = -\sum_\mu e^{l,\mu}\, h^{l-1,\mu\,T}, \qquad
              e^{l} = (1-h^l\odot h^l) \odot W^{l+1\,T} e^{l+1}.

    Parameters
    ----------
    %(weights)s
    %(x)s
    %(y)s

    Returns
    -------
    tuple of ndarray
        One gradient for each weight matrix, of its shape.

    Raises
    ------
    TypeError, ValueError
        If there is no hidden layer, shapes do not chain or match the data, or the result leaves
        the range of doubles.

    Notes
    -----
    %(notes)s

    Examples
    --------
    >>> import numpy as np
    >>> from dlnlib.tanh_networks import gradient
    >>> weights = (np.zeros((3, 2)), np.ones((1, 3)))
    >>> gradient(weights, np.eye(2), [[1.0], [3.0]])[0]
    array([[-1., -3.],
           [-1., -3.],
           [-1., -3.]])
    """
    weights = _checks.weights(weights)
    x, y = _checks.examples_fit(weights, x, y)
    layers = _arithmetic.activities(weights, x)
    errors = y.T - weights[-1] @ layers[-1]
    return _arithmetic.multiplied_out(_arithmetic.tanh_pairs(weights, layers, errors))
