r"""Sampled random networks: the activities of all layers, and their Jacobian."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import ArrayLike

from dlnlib import _checks
from dlnlib._typing import Array
from dlnlib.graded_products import GradedProduct, graded_product
from dlnlib.nonlinearities import Function, Nonlinearity, function_and_slope

__all__ = ["jacobian", "propagate"]

# Factors are multiplied out as long as this bounds the condition number of their product: what
# multiplies rounding, in return for one QR less each.
_MAX_CONDITION = 1e4
# A slope of zero counts as this: rank would be lost to rounding before its due.
_MIN_SLOPE = 1e-100


def propagate(
    weights: Iterable[ArrayLike],
    x: ArrayLike,
    *,
    gain: float,
    nonlinearity: Nonlinearity = "tanh",
) -> Array:
    r"""Send inputs through a network, and return the activities of all layers.

    .. math:: x^{l+1} = g\,W^l \varphi(x^l).

    Parameters
    ----------
    weights : iterable of array_like, shape (size, size)
        Weight matrices :math:`W^1, W^2, \dots`, each used as it comes.
    x : array_like, shape (..., size)
        Activities :math:`x^1` of the first layer, for one input or many.
    gain : float
        Gain :math:`g`, not negative.
    nonlinearity : str or pair of callable, optional
        A name from `nonlinearities`, or :math:`(\varphi, \varphi')`.

    Returns
    -------
    ndarray, shape (n_layers, ..., size)
        Activities, layers first.

    Raises
    ------
    ValueError
        If `x`, a matrix or `gain` is not finite, `gain` is negative, shapes do not match, or
        `nonlinearity` is not known.

    Notes
    -----
    Eq. 20. The variances of Eq. 21 are the means of squares over the last axis.

    Examples
    --------
    >>> import numpy as np
    >>> from dlnlib.random_matrices import orthogonal_factors
    >>> from dlnlib.propagation import propagate
    >>> x = 2 * np.random.default_rng(0).standard_normal((3, 100))
    >>> activities = propagate(orthogonal_factors(100, 5, rng=1), x, gain=1.0)
    >>> activities.shape
    (6, 3, 100)
    """
    gain, (phi, _) = _checks.number("gain", gain, least=0.0), function_and_slope(nonlinearity)
    layers = [_activities(x)]
    for w in weights:
        layers.append(gain * phi(layers[-1]) @ _weight_matrix(w, layers[0].shape[-1]).T)
    return np.array(layers)


def jacobian(
    weights: Iterable[ArrayLike],
    x: ArrayLike,
    *,
    gain: float,
    nonlinearity: Nonlinearity = "tanh",
) -> GradedProduct:
    r"""Return the Jacobian of a network, without losing its small directions.

    .. math:: J = \frac{\partial x^{N_l}}{\partial x^1}
              = \prod_l g\,W^l \operatorname{diag} \varphi'(x^l).

    Parameters
    ----------
    weights : iterable of array_like, shape (size, size)
        Weight matrices :math:`W^1, W^2, \dots`, each used as it comes.
    x : array_like, shape (size,)
        Activities :math:`x^1` of the first layer.
    gain : float
        Gain :math:`g`, not negative.
    nonlinearity : str or pair of callable, optional
        A name from `nonlinearities`, or :math:`(\varphi, \varphi')`.

    Returns
    -------
    GradedProduct
        The Jacobian, for `graded_products.log_singular_values`.

    Raises
    ------
    ValueError
        If `x`, a matrix or `gain` is not finite, `gain` is negative, shapes do not match, there
        is no matrix, or `nonlinearity` is not known.

    Notes
    -----
    Eq. 22. Layers are multiplied out while the product is well conditioned: where weights are
    orthogonal, the slopes bound its condition number.

    Examples
    --------
    >>> import numpy as np
    >>> from dlnlib.graded_products import log_singular_values
    >>> from dlnlib.random_matrices import orthogonal_factors
    >>> from dlnlib.propagation import jacobian
    >>> x = np.random.default_rng(0).standard_normal(50)
    >>> J = jacobian(orthogonal_factors(50, 9, rng=1), x, gain=0.1, nonlinearity="linear")
    >>> print(log_singular_values(J)[[0, -1]] / np.log(10))
    [-9. -9.]
    """
    gain, (phi, slope) = _checks.number("gain", gain, least=0.0), function_and_slope(nonlinearity)
    x = _activities(x)
    if x.ndim != 1:
        raise ValueError(f"x must be one input, of shape (size,), got shape {x.shape}")
    return graded_product(_multiplied(_layer_jacobians(weights, x, gain, phi, slope)))


def _layer_jacobians(
    weights: Iterable[ArrayLike], x: Array, gain: float, phi: Function, slope: Function
) -> Iterator[tuple[Array, float]]:
    """Yield the Jacobian of every layer, with a bound on its condition number."""
    for w in weights:
        w = _weight_matrix(w, len(x))
        slopes = slope(x)
        slopes = np.where(np.abs(slopes) < _MIN_SLOPE, _MIN_SLOPE, slopes)
        sizes = np.abs(slopes)
        yield gain * w * slopes, sizes.max() / sizes.min() if _is_orthogonal(w) else np.inf
        x = gain * (w @ phi(x))


def _multiplied(factors: Iterable[tuple[Array, float]]) -> Iterator[Array]:
    """Multiply neighbours while the bound of their condition number stays small."""
    product, condition = None, 1.0
    for factor, bound in factors:
        if product is not None and condition * bound <= _MAX_CONDITION:
            product, condition = factor @ product, condition * bound
            continue
        if product is not None:
            yield product
        product, condition = factor, bound
    if product is not None:
        yield product


def _is_orthogonal(w: Array) -> bool:
    """Tell whether a matrix is orthogonal times a factor, from what it does to one vector."""
    probe = np.cos(np.arange(len(w)) ** 2)
    back = w.T @ (w @ probe)
    turned = back - back @ probe / (probe @ probe) * probe
    return bool(np.linalg.norm(turned) <= 1e-9 * np.linalg.norm(back))


def _activities(x: ArrayLike) -> Array:
    x = _checks.finite("x", x)
    if x.ndim < 1 or x.size == 0:
        raise ValueError(f"x must have shape (..., size), got shape {x.shape}")
    return x


def _weight_matrix(w: ArrayLike, size: int) -> Array:
    w = _checks.finite("weights", w)
    if w.shape != (size, size):
        raise ValueError(f"weights must have shape {(size, size)}, as x has, got {w.shape}")
    return w
