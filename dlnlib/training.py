"""Simulated learning: gradient descent and gradient flow, on correlations alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.integrate import solve_ivp

from dlnlib import networks
from dlnlib.correlations import Correlations, Modes

__all__ = [
    "Flow",
    "Run",
    "crossing_time",
    "gradient_descent",
    "gradient_flow",
    "tanh_gradient_descent",
]

Array = NDArray[np.float64]
Weights = tuple[Array, ...]

# A run whose error has grown this much will not come back.
DIVERGED = 1e6
_LARGEST = np.finfo(np.float64).max


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
    gradients: Callable[[], Weights]


def gradient_descent(
    weights: Sequence[ArrayLike],
    correlations: Correlations,
    *,
    learning_rate: ArrayLike,
    n_steps: int,
    threshold: float | None = None,
    modes: Modes | None = None,
    record_every: int = 1,
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
        Error below which a start stops.
    modes : Modes, optional
        Modes whose strengths to record.
    record_every : int, optional
        Iterations between records. The start and the last iteration are always recorded.

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
    Eqs. 1 and 13. Where outputs outnumber the inputs and hidden units together, they are
    first rotated into the space that learning can reach, which is exact.
    Divergence (an error 10**6 times that of the start or of the zero network) and an
    interruption are reported in the result, with what was reached until then.

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
    reduction = _reduce_outputs(weights, correlations.sigma_yx, modes)
    data = replace(correlations, sigma_yx=reduction.targets)
    whitened = np.array_equal(data.sigma_xx, np.eye(len(data.sigma_xx)))

    def evaluate(current: Weights) -> _State:
        composite = networks.product_of(current)
        drive = data.sigma_yx - (composite if whitened else composite @ data.sigma_xx)
        errors = networks.error_from_residual(composite, drive, data)
        return _State(errors, composite, lambda: networks.backpropagate(current, drive))

    return _descend(
        reduction,
        evaluate,
        0.5 * correlations.trace_yy,
        learning_rate=learning_rate,
        n_steps=n_steps,
        threshold=threshold,
        record_every=record_every,
    )


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
) -> Run:
    r"""Train a three-layer network with tanh hidden units by full-batch gradient descent.

    .. math:: \Delta W = -\lambda\, \partial E / \partial W, \qquad
              E = \tfrac12 \sum_\mu \| y^\mu - W^{32} \tanh(W^{21} x^\mu) \|^2.

    Parameters
    ----------
    weights : sequence of two array_like, each of shape (..., n_out, n_in)
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
    The nonlinear network of Fig. 3. Its outputs are linear, so that the reduction of
    `gradient_descent` is exact here too.

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
        hidden = networks.hidden_activity(current, x)
        outputs = current[1] @ hidden
        misses = reduction.targets - outputs
        return _State(
            networks.half_square(misses),
            outputs if one_hot else outputs @ x,
            lambda: networks.tanh_backpropagate(current, hidden, misses, x),
        )

    return _descend(
        reduction,
        evaluate,
        0.5 * float(np.sum(y**2)),
        learning_rate=learning_rate,
        n_steps=n_steps,
        threshold=threshold,
        record_every=record_every,
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
    """Hold a network whose outputs are rotated into the space that learning reaches."""

    weights: Weights
    targets: Array
    modes: Modes | None
    lift: Callable[[Weights], Weights]


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


def _descend(
    reduction: _Reduction,
    evaluate: Callable[[Weights], _State],
    zero_error: float,
    *,
    learning_rate: ArrayLike,
    n_steps: int,
    threshold: float | None,
    record_every: int,
) -> Run:
    """Step a batch of starts together until each has stopped."""
    current = reduction.weights
    batch = current[0].shape[:-2]
    rates = _checked_rates(learning_rate, batch)
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
                current = _step(current, state.gradients(), rates, moving)
        except KeyboardInterrupt:
            status[moving], taken[moving] = "interrupted", step
            if not records or records[-1][0] < step:
                record(evaluate(current))
    times, errors, strengths = zip(*records, strict=True)
    return Run(
        reduction.lift(current),
        status,
        taken,
        np.array(times, dtype=np.float64),
        np.stack(errors),
        None if reduction.modes is None else np.stack(strengths),
    )


def _step(current: Weights, gradients: Weights, rates: Array, moving: NDArray[np.bool_]) -> Weights:
    stepped = tuple(w - rates * g for w, g in zip(current, gradients, strict=True))
    if moving.all():
        return stepped
    here = moving[..., None, None]
    return tuple(np.where(here, new, w) for new, w in zip(stepped, current, strict=True))


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
    try:
        return np.broadcast_to(rates, batch)[..., None, None]
    except ValueError:
        raise ValueError(
            f"learning_rate of shape {rates.shape} must broadcast to the batch of starts {batch}"
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
