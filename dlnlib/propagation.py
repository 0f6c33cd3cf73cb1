r"""Sampled random networks: the activities of all layers, and their Jacobian."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import ArrayLike

from dlnlib import _checks
from dlnlib._typing import Array
from dlnlib.graded_products import GradedProduct, graded_product
from dlnlib.nonlinearities import Function, NonlinearityLike, function_and_slope

__all__ = ["jacobian", "propagate"]

# Factors are multiplied out as long as the condition number of their product, which so many probes
# estimate, is below this: what multiplies rounding, in return for one QR less each.
_MAX_CONDITION, _N_PROBES = 1e5, 8
# Larger and smaller activities are rescaled where nothing depends on their size.
_TINY = 1e-100
# Powers of two beyond this are taken out of products, into logarithms.
_MAX_EXPONENT = 100


def propagate(
    weights: Iterable[ArrayLike],
    x: ArrayLike,
    *,
    gain: float,
    biases: Iterable[ArrayLike] | None = None,
    nonlinearity: NonlinearityLike = "tanh",
) -> Array:
    r"""Send inputs through a network, and return the activities of all layers.

    .. math:: x^{l+1} = g\,W^l \varphi(x^l) + b^l.

    Parameters
    ----------
    weights : iterable of array_like, shape (size, size)
        Weight matrices :math:`W^1, W^2, \dots`, each used as it comes.
    x : array_like, shape (..., size)
        Activities :math:`x^1` of the first layer, for one input or many.
    gain : float
        Gain :math:`g`, not negative.
    biases : iterable of array_like, shape (size,), optional
        Biases :math:`b^1, b^2, \dots`, one for each matrix. By default there are none.
    nonlinearity : str, Nonlinearity, pair of callable, or triple, optional
        A name from `nonlinearities`, or :math:`(\varphi, \varphi')`.

    Returns
    -------
    ndarray, shape (n_layers, ..., size)
        Activities, layers first.

    Raises
    ------
    TypeError
        If an argument is not made of real numbers, `weights` is no sequence, or `nonlinearity`
        not made of functions.
    ValueError
        If `x`, a matrix, a bias or `gain` is not finite, `gain` is negative, shapes or the number
        of biases do not match, `nonlinearity` is not known, or activities grow beyond all numbers.

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
    for w, b in _with_biases(weights, biases, layers[0].shape[-1]):
        layers.append(_next(w, b, layers[-1], gain, phi, len(layers) + 1))
    return np.array(layers)


def jacobian(
    weights: Iterable[ArrayLike],
    x: ArrayLike,
    *,
    gain: float,
    biases: Iterable[ArrayLike] | None = None,
    nonlinearity: NonlinearityLike = "tanh",
) -> GradedProduct:
    r"""Return the Jacobian of a network, without losing its small directions.

    .. math:: J = \frac{\partial x^{N_l}}{\partial x^1}
              = \prod_l g\,W^l \operatorname{diag} \varphi'(x^l), \qquad
              x^{l+1} = g\,W^l \varphi(x^l) + b^l.

    Parameters
    ----------
    weights : iterable of array_like, shape (size, size)
        Weight matrices :math:`W^1, W^2, \dots`, each used as it comes.
    x : array_like, shape (size,)
        Activities :math:`x^1` of the first layer.
    gain : float
        Gain :math:`g`, not negative.
    biases : iterable of array_like, shape (size,), optional
        Biases :math:`b^1, b^2, \dots`, one for each matrix. By default there are none.
    nonlinearity : str, Nonlinearity, pair of callable, or triple, optional
        A name from `nonlinearities`, or :math:`(\varphi, \varphi')`.

    Returns
    -------
    GradedProduct
        The Jacobian, for `graded_products.log_singular_values`.

    Raises
    ------
    TypeError
        If an argument is not made of real numbers, `weights` is no sequence, or `nonlinearity`
        not made of functions.
    ValueError
        If `x`, a matrix, a bias or `gain` is not finite, `gain` is negative, shapes or the number
        of biases do not match, there is no matrix, `nonlinearity` is not known, or activities grow
        beyond all numbers where their size matters.

    Notes
    -----
    Eq. 22. No number of layers and no gain takes the product out of range: its size is kept in
    logarithms. Layers are multiplied out while that is harmless. Where weights are orthogonal, what
    a product and its inverse do to a few vectors, which costs little, estimates its condition
    number. Slopes of zero, or too small for a number, give singular values of zero.

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
    logs: list[float] = []
    layers = _layers(_with_biases(weights, biases, len(x)), x, gain, phi, slope)
    product = graded_product(_merged(layers, logs))
    log_gain = len(logs) * np.log(gain) if gain > 0 else 0.0
    return product._replace(log_scales=product.log_scales + log_gain + sum(logs))


def _with_biases(
    weights: Iterable[ArrayLike], biases: Iterable[ArrayLike] | None, size: int
) -> Iterator[tuple[Array, Array | None]]:
    """Yield every matrix and what is added behind it, None if there are no biases."""
    given = None if biases is None else _checks.iterated("biases", biases, "vectors")
    for w in _checks.iterated("weights", weights, "matrices"):
        b = None if given is None else next(given, None)
        if given is not None and b is None:
            raise ValueError("biases must be as many as weights, got fewer")
        yield _weight_matrix(w, size), None if b is None else _bias_vector(b, size)
    if given is not None and next(given, None) is not None:
        raise ValueError("biases must be as many as weights, got more")


def _layers(
    weights: Iterable[tuple[Array, Array | None]],
    x: Array,
    gain: float,
    phi: Function,
    slope: Function,
) -> Iterator[tuple[Array, Array]]:
    """Yield the matrix of every layer, and the slopes before it."""
    before = None
    for layer, (w, b) in enumerate(weights, start=1):
        if before is not None:
            x = _next(*before, x, gain, phi, layer)
            x = _near_one_if_scale_free(x, phi, slope) if before[1] is None else x
        with np.errstate(all="ignore"):
            slopes = np.asarray(slope(x), dtype=np.float64)
        if not np.isfinite(slopes).all():
            raise ValueError(f"nonlinearity must have finite slopes, got {slopes}")
        # A gain of zero lets nothing through, and has no logarithm.
        yield w, slopes if gain > 0 else 0 * slopes
        before = w, b
    if before is None:
        raise ValueError("weights must hold at least one matrix")


def _next(w: Array, b: Array | None, x: Array, gain: float, phi: Function, layer: int) -> Array:
    """Return the activities of the next layer."""
    with np.errstate(all="ignore"):
        x = gain * (np.asarray(phi(x), dtype=np.float64) @ w.T)
        x = x if b is None else x + b
    if not np.isfinite(x).all():
        raise ValueError(
            f"gain and weights must keep activities finite, got infinite ones in layer {layer} "
            f"with gain {gain:g}"
        )
    return x


def _near_one_if_scale_free(x: Array, phi: Function, slope: Function) -> Array:
    """Keep activities in range where their size makes no difference, as for rectifiers."""
    size = np.abs(x).max()
    if size == 0 or _TINY < size < 1 / _TINY:
        return x
    exponent = int(np.frexp(size)[1])
    near = np.ldexp(x, -exponent)
    with np.errstate(all="ignore"):
        same = np.allclose(phi(x), np.ldexp(phi(near), exponent), rtol=1e-9, atol=1e-9 * size)
        return near if same and np.array_equal(slope(x), slope(near)) else x


def _merged(layers: Iterable[tuple[Array, Array]], logs: list[float]) -> Iterator[Array]:
    """Multiply neighbours while that is harmless; append to logs what a layer was divided by."""
    chain: Array | None = None
    for w, slopes in layers:
        w, is_orthogonal, log_w = _over_its_size(w)
        slopes, log_slopes = _near_one(slopes)
        logs.append(log_w + log_slopes)
        if chain is None:
            chain = _begun(w, slopes, is_orthogonal)
            continue
        condition, log_chain = _scale_rows(chain, slopes)
        logs[-1] += log_chain
        if is_orthogonal and condition <= _MAX_CONDITION:
            chain = w @ chain
        else:
            # Slopes may differ by any factor here: a graded QR keeps the digits of every row.
            yield chain[:, : len(w)]
            chain = _begun(w, np.ones(len(w)), is_orthogonal)
    if chain is not None:
        yield chain[:, : len(chain)]


def _begun(w: Array, slopes: Array, is_orthogonal: bool) -> Array:  # noqa: FBT001
    """Return P = w diag(slopes), beside it what P and the inverse of its transpose do to probes."""
    probes = np.cos(np.arange(len(w) * _N_PROBES) ** 2).reshape(len(w), _N_PROBES)
    column = slopes[:, None]
    with np.errstate(all="ignore"):
        back = w @ (probes / column) if is_orthogonal else np.full(probes.shape, np.inf)
    return np.concatenate([w * slopes, w @ (probes * column), back], axis=1)


def _scale_rows(chain: Array, slopes: Array) -> tuple[float, float]:
    """Multiply by diag(slopes) from the left, in place; estimate the condition number.

    That is the mean size of what comes out over the smallest: what multiplies rounding.
    """
    size, inverse = len(chain), chain[:, -_N_PROBES:]
    with np.errstate(all="ignore"):
        inverse /= slopes[:, None]
        chain[:, :-_N_PROBES] *= slopes[:, None]
        out, back = np.linalg.norm(chain[:, size:-_N_PROBES]), np.linalg.norm(inverse)
        condition = 2 * np.sqrt(size) * out / size * (back / _N_PROBES)
    exponent = int(np.frexp(out)[1]) if np.isfinite(condition) else 0
    if abs(exponent) > _MAX_EXPONENT:
        chain[:, :-_N_PROBES] = np.ldexp(chain[:, :-_N_PROBES], -exponent)
        chain[:, -_N_PROBES:] = np.ldexp(inverse, exponent)
        return float(condition), exponent * np.log(2)
    return float(condition), 0.0


def _over_its_size(w: Array) -> tuple[Array, bool, float]:
    """Return a matrix over a factor, whether that is orthogonal, and the logarithm of the factor.

    Whether it is shows in what it does to one vector.
    """
    w, log = _near_one(w)
    probe = np.cos(np.arange(len(w)) ** 2)
    back = w.T @ (w @ probe)
    square = (back @ probe) / (probe @ probe)
    if square == 0 or np.linalg.norm(back - square * probe) > 1e-9 * np.linalg.norm(back):
        return w, False, log
    if abs(square - 1) < 1e-9:
        return w, True, log
    return w / np.sqrt(square), True, log + np.log(square) / 2


def _near_one(a: Array) -> tuple[Array, float]:
    """Divide by a power of two what is far from one, and return the logarithm of that."""
    exponent = int(np.frexp(max(a.max(), -a.min()))[1])
    if abs(exponent) <= _MAX_EXPONENT:
        return a, 0.0
    return np.ldexp(a, -exponent), exponent * np.log(2)


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


def _bias_vector(b: ArrayLike, size: int) -> Array:
    b = _checks.finite("biases", b)
    if b.shape != (size,):
        raise ValueError(f"biases must have shape {(size,)}, as x has, got {b.shape}")
    return b
