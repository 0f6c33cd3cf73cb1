"""Simulated learning: gradient descent and gradient flow, on correlations alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import accumulate
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray
from scipy.integrate import solve_ivp

from dlnlib import networks
from dlnlib.correlations import Correlations, Modes
from dlnlib.initial_conditions import Reduction, halved_width, restore_width

__all__ = [
    "Flow",
    "LearningTime",
    "Run",
    "crossing_time",
    "gradient_descent",
    "gradient_flow",
    "learning_time",
    "tanh_gradient_descent",
]

Array = NDArray[np.float64]
Weights = tuple[Array, ...]

# A run whose error has grown this much will not come back.
DIVERGED = 1e6
_LARGEST = np.finfo(np.float64).max
# Narrower hidden layers cost less than the calls that step them.
_NARROW = 64
# Runs shorter than this end before a reduction of width has paid for itself.
_SHORT = 100
# Rows of factors that a wide layer holds: more cost more in every product, fewer in merging.
_HELD = 80
# Rows of a block that BLAS, where it has a kernel for small matrices, multiplies without packing.
_ROWS = 40


class Run(NamedTuple):
    """Hold what a run of gradient descent returns.

    Attributes
    ----------
    weights : tuple of ndarray, shapes (..., n_out, n_in)
        Weights where each start stopped.
    status : ndarray of str, shape (...)
        Why each start stopped: ``"completed"`` all steps, error below the
        ``"threshold"``, ``"diverged"``, or ``"interrupted"`` from the keyboard.
    n_steps : ndarray of int, shape (...)
        Steps that each start took. With status ``"threshold"`` it is the learning time.
    times : ndarray, shape (n_records,)
        Recorded iterations.
    errors : ndarray, shape (n_records, ...)
        Error at these times; a start that has stopped keeps its last value.
    mode_strengths : ndarray, shape (n_records, ..., n_modes), or None
        Mode strengths at these times, where modes were given.
    """

    weights: Weights
    status: NDArray[np.str_]
    n_steps: NDArray[np.int64]
    times: Array
    errors: Array
    mode_strengths: Array | None


class LearningTime(NamedTuple):
    """Hold when one start had learned.

    Attributes
    ----------
    time : float
        First iteration whose error is below the threshold; infinite if there was none.
    status : str
        ``"threshold"``, or why it was not reached: ``"completed"`` all steps,
        ``"diverged"``, or ``"interrupted"`` from the keyboard.
    n_steps : int
        Iterations that were run.
    error : float
        Error at the last of them.
    """

    time: float
    status: str
    n_steps: int
    error: float


class Flow(NamedTuple):
    """Hold what gradient flow returns.

    Attributes
    ----------
    weights : tuple of ndarray, shapes (n_times, ..., n_out, n_in)
        Weights at the requested times.
    times : ndarray, shape (n_times,)
        The requested times, in iterations.
    errors : ndarray, shape (n_times, ...)
        Error at these times.
    mode_strengths : ndarray, shape (n_times, ..., n_modes), or None
        Mode strengths at these times, where modes were given.
    """

    weights: Weights
    times: Array
    errors: Array
    mode_strengths: Array | None


class _State(NamedTuple):
    """Hold one evaluation of a batch: errors, the composite map, and a way to its gradients."""

    errors: Array
    composite: Array
    gradients: Callable[[], Any]


def gradient_descent(
    weights: Sequence[ArrayLike],
    correlations: Correlations,
    *,
    learning_rate: ArrayLike,
    n_steps: int,
    threshold: float | None = None,
    modes: Modes | None = None,
    record_every: int = 1,
    momentum: ArrayLike = 0.0,
    dtype: DTypeLike = np.float64,
    reduce: bool = True,
) -> Run:
    r"""Train a linear network of any number of layers by full-batch gradient descent.

    .. math:: \Delta W^l = \lambda \Big(\prod_{i>l} W^i\Big)^T
              \Big[\Sigma^{31} - \Big(\prod_i W^i\Big)\Sigma^{11}\Big]
              \Big(\prod_{i<l} W^i\Big)^T.

    Parameters
    ----------
    weights : sequence of array_like, each of shape (..., n_out, n_in)
        Where to start, first layer first. Leading axes are a batch of starts.
    correlations : Correlations
        The data.
    learning_rate : array_like
        Learning rate per iteration, positive; broadcast over the batch of starts.
    n_steps : int
        Most iterations to take.
    threshold : float, optional
        Error below which a start stops; not below the least that a network of these
        sizes can reach, see `networks.least_error`.
    modes : Modes, optional
        Modes whose strengths to record.
    record_every : int, optional
        Iterations between records. The start and the last iteration are always recorded.
    momentum : array_like, optional
        Fraction :math:`\beta` of every step that the next one repeats, from 0 to 1;
        broadcast over the batch of starts.
    dtype : data-type, optional
        Precision of the descent, ``numpy.float64`` or ``numpy.float32``. Where learning
        amplifies rounding errors, the two show by how much.
    reduce : bool, optional
        Whether to look for coordinates in which the network is smaller. If not, it is stepped
        at the widths that it has.

    Returns
    -------
    Run
        Final weights, why and when each start stopped, and the recorded course.

    Raises
    ------
    ValueError
        If shapes do not match, or a number is not finite or out of range.

    Notes
    -----
    Eqs. 1 and 13. With `reduce`, the network is run in the coordinates that its learning can
    reach, which is exact, where that saves more than it costs: outputs that outnumber the inputs
    and hidden units together are rotated, and a single start is run at the width that
    `initial_conditions.reduce_width` finds. Wide layers hold their updates, of rank
    ``n_outputs``, as factors for some steps before these are multiplied out.
    Divergence (an error 10**6 times that of the start or of the zero network) and an
    interruption are reported in the result, with what was reached until then. Momentum
    (Section 5) is Polyak's: a step is :math:`\beta` times the one before plus
    :math:`\Delta W`; the first starts from rest.

    Examples
    --------
    >>> import numpy as np
    >>> from dlnlib.correlations import Correlations
    >>> from dlnlib.training import gradient_descent
    >>> data = Correlations(np.eye(1), [[2.0]], 4.0, 1)
    >>> start = (np.array([[0.1]]), np.array([[0.1]]))
    >>> run = gradient_descent(start, data, learning_rate=0.1, n_steps=500, threshold=1e-3)
    >>> print(run.status, run.n_steps)
    threshold 23
    """
    weights = networks.as_weights(weights)
    networks.require_fit(weights, correlations)
    networks.require_modes_fit(weights, modes)
    if threshold is not None:
        require_attainable(threshold, weights, correlations)
    reduction, data = narrow(weights, correlations, n_steps=n_steps, modes=modes, reduce=reduce)
    return descend(
        reduction,
        data,
        learning_rate=learning_rate,
        n_steps=n_steps,
        threshold=threshold,
        record_every=record_every,
        momentum=momentum,
        dtype=dtype,
    )


def learning_time(
    weights: Sequence[ArrayLike],
    correlations: Correlations,
    *,
    learning_rate: float,
    threshold: float,
    max_steps: int,
) -> LearningTime:
    r"""Return how long a network learns until its error is below a threshold.

    .. math:: \min \{ t : E(t) < E^* \}.

    Parameters
    ----------
    weights : sequence of array_like, each of shape (n_out, n_in)
        Where to start, first layer first.
    correlations : Correlations
        The data.
    learning_rate : float
        Learning rate per iteration, positive.
    threshold : float
        Error at which learning counts as done; not below `networks.least_error`.
    max_steps : int
        Most iterations to take.

    Returns
    -------
    LearningTime
        The time, in iterations; infinite with the reason in ``status`` if it was not reached.

    Raises
    ------
    ValueError
        If the weights have batch axes, shapes do not match, a number is out of range, or no
        network of these sizes has an error below the threshold.

    Notes
    -----
    Figs. 4 and 6A. Steps as `gradient_descent` does, without its records.

    Examples
    --------
    >>> import numpy as np
    >>> from dlnlib.correlations import Correlations
    >>> from dlnlib.training import learning_time
    >>> data = Correlations(np.eye(1), [[2.0]], 4.0, 1)
    >>> start = (np.array([[0.1]]), np.array([[0.1]]))
    >>> found = learning_time(start, data, learning_rate=0.1, threshold=1e-3, max_steps=500)
    >>> print(found.time, found.status)
    23.0 threshold
    """
    weights = networks.as_one_start(weights)
    networks.require_fit(weights, correlations)
    if np.ndim(learning_rate) != 0:
        raise ValueError(f"learning_rate must be one number, got {learning_rate!r}")
    _require_count("max_steps", max_steps, least=0)
    require_attainable(threshold, weights, correlations)
    reduction, data = narrow(weights, correlations, n_steps=max_steps)
    run = descend(
        reduction._replace(lift=None),
        data,
        learning_rate=learning_rate,
        n_steps=max_steps,
        threshold=threshold,
        record_every=max(max_steps, 1),
    )
    status, taken = str(run.status), int(run.n_steps)
    time = float(taken) if status == "threshold" else np.inf
    return LearningTime(time, status, taken, float(run.errors[-1]))


def tanh_gradient_descent(
    weights: Sequence[ArrayLike],
    x: ArrayLike,
    y: ArrayLike,
    *,
    learning_rate: ArrayLike,
    n_steps: int,
    threshold: float | None = None,
    modes: Modes | None = None,
    record_every: int = 1,
    momentum: ArrayLike = 0.0,
) -> Run:
    r"""Train a network with tanh hidden units by full-batch gradient descent.

    .. math:: \Delta W^l = -\lambda\, \frac{\partial E}{\partial W^l}, \qquad
              E = \tfrac12 \sum_\mu \| y^\mu - W^{L} h^{L-1,\mu} \|^2, \quad
              h^{l} = \tanh(W^l h^{l-1}), \quad h^0 = x.

    Parameters
    ----------
    weights : sequence of two or more array_like, each of shape (..., n_out, n_in)
        Where to start, first layer first. Leading axes are a batch of starts.
    x : array_like, shape (n_examples, n_inputs)
        Inputs, one example a row.
    y : array_like, shape (n_examples, n_outputs)
        Targets, one example a row.
    learning_rate : array_like
        Learning rate per iteration, positive; broadcast over the batch of starts.
    n_steps : int
        Most iterations to take.
    threshold : float, optional
        Error below which a start stops.
    modes : Modes, optional
        Modes in which to record the strengths of the network's own correlation.
    record_every : int, optional
        Iterations between records. The start and the last iteration are always recorded.
    momentum : array_like, optional
        Fraction :math:`\beta` of every step that the next one repeats, from 0 to 1;
        broadcast over the batch of starts.

    Returns
    -------
    Run
        Final weights, why and when each start stopped, and the recorded course.

    Raises
    ------
    ValueError
        If shapes do not match, or a number is not finite or out of range.

    Notes
    -----
    With three layers the nonlinear network of Fig. 3. Its outputs are linear, so that the
    reduction of `gradient_descent` is exact here too. Momentum is as there.

    Examples
    --------
    >>> import numpy as np
    >>> from dlnlib.training import tanh_gradient_descent
    >>> start = (np.full((1, 1), 0.1), np.full((1, 1), 0.1))
    >>> run = tanh_gradient_descent(start, [[1.0]], [[2.0]], learning_rate=0.1, n_steps=500)
    >>> print(run.status, run.errors[-1] < 1e-6)
    completed True
    """
    weights = networks.as_weights(weights)
    x, y = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    networks.require_tanh_fit(weights, x, y)
    networks.require_modes_fit(weights, modes)
    reduction = _reduce_outputs(weights, y.T, modes)
    one_hot = np.array_equal(x, np.eye(len(x)))

    def evaluate(current: Weights) -> _State:
        layers = networks.activities(current, x)
        outputs = current[-1] @ layers[-1]
        misses = reduction.targets - outputs
        return _State(
            networks.half_square(misses),
            outputs if one_hot else outputs @ x,
            lambda: networks.tanh_backpropagate(current, layers, misses),
        )

    return _descend(
        reduction,
        evaluate,
        0.5 * float(np.sum(y**2)),
        learning_rate=learning_rate,
        n_steps=n_steps,
        threshold=threshold,
        record_every=record_every,
        momentum=momentum,
    )


def gradient_flow(
    weights: Sequence[ArrayLike],
    correlations: Correlations,
    *,
    times: ArrayLike,
    tau: float = 1.0,
    modes: Modes | None = None,
    rtol: float = 1e-10,
    atol: float = 1e-12,
) -> Flow:
    r"""Integrate the continuous limit of gradient descent.

    .. math:: \tau \dot W^l = \Big(\prod_{i>l} W^i\Big)^T
              \Big[\Sigma^{31} - \Big(\prod_i W^i\Big)\Sigma^{11}\Big]
              \Big(\prod_{i<l} W^i\Big)^T.

    Parameters
    ----------
    weights : sequence of array_like, each of shape (..., n_out, n_in)
        Where to start, first layer first. Leading axes are a batch of starts.
    correlations : Correlations
        The data.
    times : array_like, shape (n_times,)
        Times at which to return the network, in iterations, ascending from 0 or later.
    tau : float, optional
        Time constant in iterations, the inverse of the learning rate.
    modes : Modes, optional
        Modes whose strengths to return.
    rtol, atol : float, optional
        Tolerances of the integrator, an explicit Runge-Kutta method of order 8.

    Returns
    -------
    Flow
        Weights, errors and mode strengths at the requested times.

    Raises
    ------
    ValueError
        If shapes do not match, or a number is not finite or out of range.
    RuntimeError
        If the integrator gives up; the message says at what time.

    Notes
    -----
    Eq. 2 for three layers, Eq. 13 for more.

    Examples
    --------
    >>> import numpy as np
    >>> from dlnlib.correlations import Correlations, modes
    >>> from dlnlib.training import gradient_flow
    >>> data = Correlations(np.eye(1), [[2.0]], 4.0, 1)
    >>> start = (np.array([[0.1]]), np.array([[0.1]]))
    >>> print(gradient_flow(start, data, times=[0, 2, 4], modes=modes(data)).mode_strengths[:, 0])
    [0.01       1.87484111 1.99995521]
    """
    weights = networks.as_weights(weights)
    networks.require_fit(weights, correlations)
    networks.require_modes_fit(weights, modes)
    times = np.asarray(times, dtype=np.float64)
    _require_times(times)
    _require_positive("tau", tau)
    batch, shapes = weights[0].shape[:-2], [w.shape[-2:] for w in weights]
    flat = [w.reshape(-1, *shape) for w, shape in zip(weights, shapes, strict=True)]
    paths = [
        _integrate(start, correlations, times, tau, rtol, atol) for start in zip(*flat, strict=True)
    ]
    layers = tuple(
        np.stack(layer, axis=1).reshape(len(times), *batch, *shape)
        for layer, shape in zip(zip(*paths, strict=True), shapes, strict=True)
    )
    strengths = None if modes is None else networks.strengths(networks.product_of(layers), modes)
    return Flow(layers, times, networks.error(layers, correlations), strengths)


def crossing_time(times: ArrayLike, values: ArrayLike, level: ArrayLike) -> Array:
    r"""Return when recorded values first rise to a level, linearly interpolated.

    .. math:: t = \min \{ t' : f(t') \ge \ell \}.

    Parameters
    ----------
    times : array_like, shape (n_times,)
        Recorded times, ascending.
    values : array_like, shape (n_times, ...)
        Recorded values.
    level : array_like
        Level to reach, broadcast to ``values[0]``.

    Returns
    -------
    ndarray, shape (...)
        Crossing time; the first time where the values begin there, infinite where they
        never arrive.

    Raises
    ------
    ValueError
        If `times` and `values` differ in length or times do not ascend.

    Notes
    -----
    With ``level = s / 2`` the simulated half-learning time of Fig. 3, right.

    Examples
    --------
    >>> from dlnlib.training import crossing_time
    >>> print(crossing_time([0, 1, 2], [[0.0, 0.0], [0.2, 0.0], [0.8, 0.1]], 0.5))
    [1.5 inf]
    """
    times, values = np.asarray(times, dtype=np.float64), np.asarray(values, dtype=np.float64)
    _require_times(times)
    if values.shape[:1] != times.shape:
        raise ValueError(
            f"values must have one entry for each of the {len(times)} times along its first "
            f"axis, got shape {values.shape}"
        )
    level = np.broadcast_to(np.asarray(level, dtype=np.float64), values.shape[1:])
    reached = values >= level
    after = reached.argmax(axis=0)
    before = np.maximum(after - 1, 0)
    high, low = (np.take_along_axis(values, i[None], axis=0)[0] for i in (after, before))
    rise = np.where(high > low, high - low, 1.0)
    fraction = np.where(after > 0, (level - low) / rise, 0.0)
    crossing = times[before] + fraction * (times[after] - times[before])
    return np.where(reached.any(axis=0), crossing, np.inf)[()]


class _Reduction(NamedTuple):
    """Hold a network in coordinates that learning reaches, and the way back if it is wanted."""

    weights: Any
    targets: Array
    modes: Modes | None
    lift: Callable[[Any], Weights] | None


def narrow(
    weights: Weights,
    correlations: Correlations,
    *,
    n_steps: float = np.inf,
    modes: Modes | None = None,
    reduce: bool = True,
) -> tuple[_Reduction, Correlations]:
    """Return the smallest network that is worth its finding for some steps, and its data."""
    if not reduce:
        return _Reduction(weights, correlations.sigma_yx, modes, lambda final: final), correlations
    widest = max((len(w) for w in weights[:-1]), default=0)
    if weights[0].ndim == 2 and n_steps >= _SHORT and widest > _NARROW:
        small = halved_width(weights, correlations)
        if small is not None and _sees(small, modes):
            reduction = _Reduction(
                small.weights,
                small.correlations.sigma_yx,
                modes and Modes(small.bases[-1].T @ modes.U, modes.s, modes.Vt @ small.bases[0]),
                lambda final: restore_width(final, weights, small),
            )
            return reduction, small.correlations
    reduction = _reduce_outputs(weights, correlations.sigma_yx, modes)
    return reduction, replace(correlations, sigma_yx=reduction.targets, sum_y=None)


def _sees(small: Reduction, modes: Modes | None) -> bool:
    """Say whether a reduced network has all the inputs that some modes are made of."""
    inputs = small.bases[0]
    return modes is None or np.allclose(modes.Vt @ inputs @ inputs.T, modes.Vt, atol=1e-12)


def require_attainable(threshold: float, weights: Weights, correlations: Correlations) -> None:
    """Require a threshold that some network of these sizes can reach."""
    _require_positive("threshold", threshold)
    rank = min(min(w.shape[-2:]) for w in weights)
    floor = networks.least_error(correlations, rank=rank)
    if threshold < floor - 1e-12 * correlations.trace_yy:
        raise ValueError(
            f"threshold must not be below {floor:.10g}, the least error of a linear network of "
            f"rank {rank} on these data, got {threshold}"
        )


def is_wide(weights: Weights) -> bool:
    """Say whether layers are so much wider than the outputs that held factors save time."""
    widths = [len(w) for w in weights[:-1]]
    return weights[0].ndim == 2 and min(widths, default=0) >= max(200, 10 * len(weights[-1]))


def descend(
    reduction: _Reduction,
    data: Correlations,
    *,
    momentum: ArrayLike = 0.0,
    dtype: DTypeLike = np.float64,
    **options: Any,
) -> Run:
    """Descend the error of a linear network, or of a batch of them, that was checked before."""
    precision = _checked_precision(dtype)
    whitened = np.array_equal(data.sigma_xx, np.eye(len(data.sigma_xx)))
    sigma_xx, sigma_yx = (m.astype(precision) for m in (data.sigma_xx, data.sigma_yx))
    start = tuple(w.astype(precision, copy=False) for w in reduction.weights)
    reduction = reduction._replace(weights=start)

    def measure(composite: Array) -> tuple[Array, Array]:
        drive = sigma_yx - (composite if whitened else composite @ sigma_xx)
        return drive, networks.error_from_residual(composite, drive, sigma_yx, data.trace_yy)

    def evaluate(current: Weights) -> _State:
        composite = networks.product_of(current)
        drive, errors = measure(composite)
        return _State(errors, composite, lambda: networks.backpropagate(current, drive))

    def evaluate_wide(current: _Wide) -> _State:
        above = _products_above(current)
        drive, errors = measure(above[0].T)
        return _State(
            errors,
            above[0].T,
            lambda: tuple(zip(above[1:], _products_below(current, drive), strict=True)),
        )

    zero_error = 0.5 * data.trace_yy
    if np.any(momentum) or not is_wide(reduction.weights):
        return _descend(reduction, evaluate, zero_error, momentum=momentum, **options)
    lift = reduction.lift
    wide = reduction._replace(
        weights=_hold(reduction.weights), lift=lift and (lambda net: lift(_merge(net)))
    )
    return _descend(wide, evaluate_wide, zero_error, advance=_step_wide, **options)


class _Wide(NamedTuple):
    """Hold layers as W + A^T B, with as many rows of A and B in use as were not yet merged."""

    weights: list[Array]
    A: Weights
    B: Weights
    used: list[int]


def _hold(weights: Weights) -> _Wide:
    n_outputs = len(weights[-1])
    n_rows = max(1, _HELD // n_outputs) * n_outputs
    A = tuple(np.empty((n_rows, len(w)), dtype=w.dtype) for w in weights)
    B = tuple(np.empty((n_rows, w.shape[1]), dtype=w.dtype) for w in weights)
    layers = [np.ascontiguousarray(w) for w in weights]
    return _Wide(layers, A, B, [0] * len(weights))


def _products_above(net: _Wide) -> list[Array]:
    """Return the transposed products of all layers, of all but the first, ..., of none."""

    def down(p: Array, i: int) -> Array:
        A, B = net.A[i][: net.used[i]], net.B[i][: net.used[i]]
        return _transposed_times(net.weights[i], p) + B.T @ (A @ p)

    layers = reversed(range(len(net.weights)))
    outputs = np.eye(len(net.weights[-1]), dtype=net.weights[-1].dtype)
    return list(accumulate(layers, down, initial=outputs))[::-1]


def _products_below(net: _Wide, drive: Array) -> list[Array]:
    """Return the transposed drive as it arrives at every layer from below."""

    def up(d: Array, i: int) -> Array:
        A, B = net.A[i][: net.used[i]], net.B[i][: net.used[i]]
        return _times(net.weights[i], d) + A.T @ (B @ d)

    return list(accumulate(range(len(net.weights) - 1), up, initial=drive.T))


def _step_wide(
    net: _Wide, factors: tuple[tuple[Array, Array], ...], rate: Array, _: NDArray[np.bool_]
) -> _Wide:
    """Append rate p d^T to every layer, and merge if that fills the factors."""
    start = net.used[0]
    end = start + factors[0][0].shape[1]
    for A, B, (p, d) in zip(net.A, net.B, factors, strict=True):
        A[start:end], B[start:end] = rate * p.T, d.T
    # All at once: an interruption before leaves the network as it was.
    net.used[:] = [end] * len(net.used)
    if end == len(net.A[0]):
        _merge(net)
    return net


def _merge(net: _Wide) -> Weights:
    """Multiply all factors out, into matrices of our own."""
    for i, (w, A, B) in enumerate(zip(net.weights, net.A, net.B, strict=True)):
        if rows := net.used[i]:
            total = A[:rows].T @ B[:rows]
            total += w
            net.weights[i], net.used[i] = total, 0
    return tuple(net.weights)


def _times(w: Array, x: Array) -> Array:
    """Return w x for few columns x."""
    whole = len(w) // _ROWS * _ROWS
    top = w[:whole].reshape(-1, _ROWS, w.shape[1]) @ x
    return np.concatenate([top.reshape(whole, -1), w[whole:] @ x])


def _transposed_times(w: Array, x: Array) -> Array:
    """Return w^T x for few columns x."""
    whole = len(w) // _ROWS * _ROWS
    pieces = np.ascontiguousarray(x[:whole].reshape(-1, _ROWS, x.shape[1]).swapaxes(1, 2))
    top = (pieces @ w[:whole].reshape(-1, _ROWS, w.shape[1])).sum(axis=0)
    return top.T + w[whole:].T @ x[whole:]


def _reduce_outputs(weights: Weights, targets: Array, modes: Modes | None) -> _Reduction:
    """Rotate outputs into the span of the targets and of the last layer's columns.

    The last layer only ever moves by targets times something and itself times something,
    so that its columns stay in this span, whatever their number.
    """
    n_outputs, n_hidden = weights[-1].shape[-2:]
    n_targets = targets.shape[1]
    unreduced = _Reduction(weights, targets, modes, lambda final: final)
    if n_outputs <= n_targets + n_hidden:
        return unreduced
    basis, coordinates = np.linalg.qr(targets)
    if modes is not None:
        U = basis.T @ modes.U
        if not np.allclose(basis @ U, modes.U, atol=1e-12):
            return unreduced
        modes = Modes(_pad_rows(U, n_hidden), modes.s, modes.Vt)
    inside = basis.T @ weights[-1]
    rest, triangle = np.linalg.qr(weights[-1] - basis @ inside)
    last = np.concatenate([inside, triangle], axis=-2)

    def lift(final: Weights) -> Weights:
        within, beyond = final[-1][..., :n_targets, :], final[-1][..., n_targets:, :]
        return *final[:-1], basis @ within + rest @ beyond

    return _Reduction((*weights[:-1], last), _pad_rows(coordinates, n_hidden), modes, lift)


def _pad_rows(matrix: Array, n_rows: int) -> Array:
    return np.concatenate([matrix, np.zeros((n_rows, matrix.shape[1]))])


def _step(current: Weights, gradients: Weights, rates: Array, moving: NDArray[np.bool_]) -> Weights:
    stepped = tuple(w - rates * g for w, g in zip(current, gradients, strict=True))
    if moving.all():
        return stepped
    here = moving[..., None, None]
    return tuple(np.where(here, new, w) for new, w in zip(stepped, current, strict=True))


def _descend(
    reduction: _Reduction,
    evaluate: Callable[[Any], _State],
    zero_error: float,
    *,
    learning_rate: ArrayLike,
    n_steps: int,
    threshold: float | None = None,
    record_every: int = 1,
    momentum: ArrayLike = 0.0,
    advance: Callable[..., Any] = _step,
) -> Run:
    """Step a batch of starts together until each has stopped."""
    current: Any = reduction.weights
    first = current.weights[0] if isinstance(current, _Wide) else current[0]
    batch = first.shape[:-2]
    rates = _checked_rates(learning_rate, batch).astype(first.dtype)
    kept = _checked_momentum(momentum, batch).astype(first.dtype)
    _require_count("n_steps", n_steps, least=0)
    _require_count("record_every", record_every, least=1)
    if threshold is not None:
        _require_positive("threshold", threshold)
    # Rounding can take an error below zero, so that no finite number means "no threshold".
    goal = -np.inf if threshold is None else threshold
    status = np.full(batch, "completed", dtype="<U11")
    taken = np.full(batch, n_steps)
    moving = np.ones(batch, dtype=bool)
    limit: Array | float = 0.0
    step = 0
    velocity: Weights = ()
    records: list[tuple[int, Array, Array | None]] = []

    def record(state: _State) -> None:
        errors = np.where(np.isnan(state.errors), np.inf, state.errors)
        strengths = None
        if reduction.modes is not None:
            strengths = networks.strengths(state.composite, reduction.modes)
            previous = records[-1][2] if records else None
            if previous is not None:
                strengths = np.where(np.isfinite(strengths), strengths, previous)
        records.append((step, errors, strengths))

    with np.errstate(over="ignore", invalid="ignore"):
        try:
            for step in range(n_steps + 1):
                state = evaluate(current)
                if step == 0:
                    # An error that overflows at the start has diverged already.
                    limit = np.minimum(DIVERGED * np.maximum(zero_error, state.errors), _LARGEST)
                diverged = moving & ~(state.errors <= limit)
                finished = moving & (state.errors < goal)
                status[diverged], status[finished] = "diverged", "threshold"
                taken[diverged | finished] = step
                moving &= ~(diverged | finished)
                over = step == n_steps or not moving.any()
                if over or step % record_every == 0:
                    record(state)
                if over:
                    break
                gradients = state.gradients()
                if kept.any():
                    velocity = velocity or tuple(np.zeros_like(w) for w in current)
                    pairs = zip(velocity, gradients, strict=True)
                    gradients = velocity = tuple(kept * v + g for v, g in pairs)
                current = advance(current, gradients, rates, moving)
        except KeyboardInterrupt:
            status[moving], taken[moving] = "interrupted", step
            if not records or records[-1][0] < step:
                record(evaluate(current))
    taken[moving] = step
    times, errors, strengths = zip(*records, strict=True)
    return Run(
        reduction.lift(current) if reduction.lift else (),
        status,
        taken,
        np.array(times, dtype=np.float64),
        np.stack(errors).astype(np.float64),
        None if reduction.modes is None else np.stack(strengths),
    )


def _integrate(
    start: Weights, correlations: Correlations, times: Array, tau: float, rtol: float, atol: float
) -> Weights:
    """Return each layer of one start at all times."""
    splits = np.cumsum([w.size for w in start])[:-1]

    def unpack(flat: Array) -> Weights:
        # solve_ivp returns (n_weights, n_times); the derivative gets (n_weights,).
        pieces = np.split(flat.T, splits, axis=-1)
        return tuple(
            p.reshape(*flat.T.shape[:-1], *w.shape) for p, w in zip(pieces, start, strict=True)
        )

    def velocity(_: float, flat: Array) -> Array:
        weights = unpack(flat)
        drive = networks.residual(weights, correlations)
        return np.concatenate([-g.ravel() for g in networks.backpropagate(weights, drive)]) / tau

    initial = np.concatenate([w.ravel() for w in start])
    # solve_ivp needs a span of time, even where only t = 0 is asked for.
    span = (0.0, times[-1] or tau)
    solution = solve_ivp(velocity, span, initial, "DOP853", t_eval=times, rtol=rtol, atol=atol)
    if not solution.success:
        raise RuntimeError(f"integration stopped before t = {times[-1]}: {solution.message}")
    return unpack(solution.y)


def _checked_rates(learning_rate: ArrayLike, batch: tuple[int, ...]) -> Array:
    rates = np.asarray(learning_rate, dtype=np.float64)
    if not np.all(np.isfinite(rates) & (rates > 0)):
        raise ValueError(f"learning_rate must be finite and positive, got {learning_rate!r}")
    return _for_starts("learning_rate", rates, batch)


def _checked_precision(dtype: DTypeLike) -> np.dtype[Any]:
    precision = np.dtype(dtype)
    if precision not in (np.float64, np.float32):
        raise ValueError(f"dtype must be numpy.float64 or numpy.float32, got {dtype!r}")
    return precision


def _checked_momentum(momentum: ArrayLike, batch: tuple[int, ...]) -> Array:
    kept = np.asarray(momentum, dtype=np.float64)
    if not np.all((kept >= 0) & (kept <= 1)):
        raise ValueError(f"momentum must be from 0 to 1, got {momentum!r}")
    return _for_starts("momentum", kept, batch)


def _for_starts(name: str, values: Array, batch: tuple[int, ...]) -> Array:
    try:
        return np.broadcast_to(values, batch)[..., None, None]
    except ValueError:
        raise ValueError(
            f"{name} of shape {values.shape} must broadcast to the batch of starts {batch}"
        ) from None


def _require_count(name: str, value: int, *, least: int) -> None:
    if int(value) != value or value < least:
        raise ValueError(f"{name} must be an integer of at least {least}, got {value}")


def _require_positive(name: str, value: float) -> None:
    if not (np.isfinite(value) and value > 0):
        raise ValueError(f"{name} must be finite and positive, got {value}")


def _require_times(times: Array) -> None:
    if times.ndim != 1 or len(times) == 0 or not np.isfinite(times).all():
        raise ValueError(f"times must be a finite, non-empty vector, got shape {times.shape}")
    if times[0] < 0 or np.any(np.diff(times) <= 0):
        raise ValueError("times must ascend from 0 or later, got times that do not")
