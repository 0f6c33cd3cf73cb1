"""Simulated learning: what is descended, and the one loop that descends it.

A `Problem` is built once, by `linear` or `tanh`, which check and reduce it; `descend` steps any
of them. Linear learning runs on correlations alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from enum import StrEnum
from functools import cache
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from dlnlib import _arithmetic, _checks, _flow, _second_moments, _subspaces, networks
from dlnlib._docs import fill
from dlnlib._typing import Array, Weights
from dlnlib.correlations import Correlations, Modes

__all__ = [
    "Evaluation",
    "Flow",
    "Outcome",
    "Problem",
    "Run",
    "crossing_time",
    "descend",
    "gradient_descent",
    "gradient_flow",
    "linear",
    "tanh",
    "tanh_gradient_descent",
]

# A run whose error has grown this much will not come back.
_DIVERGED = 1e6
_LARGEST = np.finfo(np.float64).max
# Narrower hidden layers cost less than the calls that step them.
_NARROW = 64
# The integrator takes nothing smaller.
_LEAST_RTOL = 100 * float(np.finfo(float).eps)
# Runs shorter than this end before a reduction of width has paid for itself.
_SHORT = 100


_described = fill(
    weights="""
    weights : sequence of array_like, each of shape (..., n_out, n_in)
        Where to start, first layer first. Leading axes are a batch of starts.
    """,
    correlations="""
    correlations : Correlations
        The data.
    """,
    modes="""
    modes : Modes, optional
        Modes whose strengths to record.
    """,
    reduce="""
    reduce : bool, optional
        Whether to look for coordinates in which the network is smaller. If not, it is stepped
        at the widths that it has.
    """,
    tanh_weights="""
    weights : sequence of two or more array_like, each of shape (..., n_out, n_in)
        Where to start, first layer first. Leading axes are a batch of starts.
    """,
    x="""
    x : array_like, shape (n_examples, n_inputs)
        Inputs, one example a row.
    """,
    y="""
    y : array_like, shape (n_examples, n_outputs)
        Targets, one example a row.
    """,
    tanh_modes="""
    modes : Modes, optional
        Modes in which to record the strengths of the network's own correlation.
    """,
    learning_rate="""
    learning_rate : array_like
        Learning rate per iteration, positive; broadcast over the batch of starts.
    """,
    n_steps="""
    n_steps : int
        Most iterations to take.
    """,
    record_every="""
    record_every : int, optional
        Iterations between records. The start and the last iteration are always recorded.
    """,
    momentum=r"""
    momentum : array_like, optional
        Fraction :math:`\beta` of every step that the next one repeats, from 0 to 1;
        broadcast over the batch of starts.
    """,
)


class Outcome(StrEnum):
    """Name what can become of a start, each with a sentence that says so.

    Attributes
    ----------
    sentence : str
        What happened.
    """

    sentence: str

    def __new__(cls, word: str, sentence: str) -> Outcome:
        """Make a word that carries its sentence."""
        member = str.__new__(cls, word)
        member._value_, member.sentence = word, sentence
        return member

    COMPLETED = "completed", "It took all the steps that it was given."
    THRESHOLD = "threshold", "Its error fell below the threshold."
    DIVERGED = "diverged", "Its error grew beyond return, or beyond all numbers."
    GIVEN_UP = "given up", "It could no longer win its race."
    NOT_STARTED = "not started", "What it would have started from did not come about."

    def for_all(self, n_starts: int) -> NDArray[np.str_]:
        """Return an array of this outcome, with room for any other."""
        return np.full(n_starts, self, dtype=np.array(list(Outcome)).dtype)


class Evaluation(NamedTuple):
    """Hold what a step needs to know of some weights.

    Attributes
    ----------
    errors : ndarray, shape (...)
        Error of every start.
    composite : ndarray, shape (..., n_outputs, n_inputs)
        The map from inputs to outputs, or what stands for it, in which mode strengths are read.
    pairs : callable
        Returns the gradients, one (layer, p, d) after the other, for ``-p.T @ d``, with p of
        shape (..., rank, n_out), or None for the identity, and d of shape (..., rank, n_in).
        A layer may be changed once its pair is out.
    """

    errors: Array
    composite: Array
    pairs: Callable[[], Iterable[_arithmetic.Pair]]


class Problem(NamedTuple):
    """Hold what is descended.

    Attributes
    ----------
    start : tuple of ndarray, shapes (..., n_out, n_in)
        Where to start, in the coordinates in which it is stepped.
    evaluate : callable
        Takes weights to their `Evaluation`. The axes of a batch come as one, which shrinks as
        starts stop; `racing.fastest` adds one to a start without.
    zero_error : float
        Error of putting out zeros.
    least_error : callable
        Returns the least error that any weights of these sizes can have.
    modes : Modes or None
        Modes whose strengths to record, in these coordinates.
    restore : callable
        Takes weights back to the caller's coordinates.
    """

    start: Weights
    evaluate: Callable[[Weights], Evaluation]
    zero_error: float
    least_error: Callable[[], float]
    modes: Modes | None = None
    restore: Callable[[Weights], Weights] = tuple


class Run(NamedTuple):
    """Hold what a run of gradient descent returns.

    Attributes
    ----------
    weights : tuple of ndarray, shapes (..., n_out, n_in)
        Weights where each start stopped.
    status : ndarray of str, shape (...)
        What became of each start, an `Outcome`: ``"completed"``, ``"threshold"`` or
        ``"diverged"``.
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


class _Reduced(NamedTuple):
    """Hold starts, data and modes in smaller coordinates, and the way back."""

    weights: Weights
    correlations: Correlations
    modes: Modes | None
    restore: Callable[[Weights], Weights]


_Reduce = Callable[[Weights, Correlations, Modes | None], _Reduced | None]


@_described
def linear(
    weights: Sequence[ArrayLike],
    correlations: Correlations,
    *,
    modes: Modes | None = None,
    dtype: DTypeLike = np.float64,
    reduce: bool = True,
) -> Problem:
    r"""Return the problem of a linear network that learns from correlations.

    .. math:: E = \tfrac12 \left[ \operatorname{tr} \Sigma^{33}
              - \operatorname{tr} W^T (2\Sigma^{31} - W \Sigma^{11}) \right], \qquad
              W = W^{L} \cdots W^{1}.

    Parameters
    ----------
    %(weights)s
    %(correlations)s
    %(modes)s
    dtype : data-type, optional
        Precision of the descent, ``numpy.float64`` or ``numpy.float32``.
    %(reduce)s

    Returns
    -------
    Problem
        What `descend` and `racing.fastest` step.

    Raises
    ------
    TypeError, ValueError
        If the data are no `Correlations`, modes no orthonormal (U, s, Vt), shapes do not match, or
        a number is not finite.

    Notes
    -----
    Eqs. 1 and 13. Outputs that outnumber the inputs and hidden units together are rotated, and
    a single wide start is run at the width that `reduction.reduce_width` finds, if that is no
    more than half. Both are exact.

    Examples
    --------
    >>> import numpy as np
    >>> from dlnlib.correlations import Correlations, modes
    >>> from dlnlib.initial_conditions import decoupled
    >>> from dlnlib.training import linear
    >>> data = Correlations(np.eye(3), np.diag([3.0, 2.0, 1.0]), 14.0, 3)
    >>> start = decoupled(modes(data), (3, 100, 100, 3), u0=0.1, rng=0)
    >>> [w.shape for w in linear(start, data).start]
    [(3, 3), (3, 3), (3, 3)]
    """
    worthwhile = (_narrowed, _rotated) if _checks.flag("reduce", reduce) else ()
    return _linear(weights, correlations, modes, dtype, worthwhile)


def _linear(
    weights: Sequence[ArrayLike],
    correlations: Correlations,
    modes: Modes | None,
    dtype: DTypeLike,
    reductions: Sequence[_Reduce],
) -> Problem:
    """Return the problem of a linear network in the first smaller coordinates that there are."""
    weights, precision = _checks.weights(weights), _checks.precision(dtype)
    _checks.fit(weights, _checks.correlations(correlations))
    modes = _fitting(modes, weights)
    found = (reduced(weights, correlations, modes) for reduced in reductions)
    unreduced = _Reduced(weights, correlations, modes, lambda final: final)
    start, data, modes, restore = next((small for small in found if small), unreduced)
    white = np.array_equal(data.sigma_xx, np.eye(len(data.sigma_xx)))
    sigma_xx, sigma_yx, *held = _held_in(precision, data.sigma_xx, data.sigma_yx, *start)

    def evaluate(current: Weights) -> Evaluation:
        above = _arithmetic.above(current)
        drive = sigma_yx - (above[0] if white else _arithmetic.times(above[0], sigma_xx))
        errors = _arithmetic.error(above[0], drive, sigma_yx, data.trace_yy)
        return Evaluation(errors, above[0], lambda: _arithmetic.pairs(current, above, drive))

    @cache
    def least_error() -> float:
        rank = min(min(w.shape[-2:]) for w in weights)
        return networks.least_error(correlations, rank=rank)

    return Problem(tuple(held), evaluate, data.trace_yy / 2, least_error, modes, restore)


def _held_in(precision: np.dtype[Any], *arrays: Array) -> list[Array]:
    """Return arrays in a precision that must hold them."""
    with np.errstate(over="ignore"):
        found = [a.astype(precision, copy=False) for a in arrays]
    if precision != np.float64 and not all(np.isfinite(a).all() for a in found):
        raise ValueError(
            f"dtype must be one that holds all weights and correlations, got {precision} and "
            f"entries beyond {np.finfo(precision).max:g}"
        )
    return found


@_described
def tanh(
    weights: Sequence[ArrayLike], x: ArrayLike, y: ArrayLike, *, modes: Modes | None = None
) -> Problem:
    r"""Return the problem of a network with tanh hidden units that learns from examples.

    .. math:: E = \tfrac12 \sum_\mu \| y^\mu - W^{L} h^{L-1,\mu} \|^2, \quad
              h^{l} = \tanh(W^l h^{l-1}), \quad h^0 = x.

    Parameters
    ----------
    %(tanh_weights)s
    %(x)s
    %(y)s
    %(tanh_modes)s

    Returns
    -------
    Problem
        What `descend` and `racing.fastest` step.

    Raises
    ------
    TypeError, ValueError
        If there is no hidden layer, shapes do not match, or a number is not finite.

    Notes
    -----
    Outputs are linear, so that their rotation is exact here as it is for `linear`.

    Examples
    --------
    >>> import numpy as np
    >>> from dlnlib.training import tanh
    >>> problem = tanh((np.zeros((3, 2)), np.zeros((1, 3))), np.eye(2), [[1.0], [3.0]])
    >>> print(problem.evaluate(problem.start).errors)
    5.0
    """
    weights = _checks.weights(weights)
    x, y = _checks.examples_fit(weights, x, y)
    modes = _fitting(modes, weights)
    last, targets, modes, restore = _subspaces.fewer_outputs(weights[-1], y.T, modes)
    one_hot = np.array_equal(x, np.eye(len(x)))

    def evaluate(current: Weights) -> Evaluation:
        layers = _arithmetic.activities(current, x)
        outputs = current[-1] @ layers[-1]
        misses = targets - outputs
        return Evaluation(
            _arithmetic.half_square(misses),
            outputs if one_hot else outputs @ x,
            lambda: _arithmetic.tanh_pairs(current, layers, misses),
        )

    return Problem(
        start=(*weights[:-1], last),
        evaluate=evaluate,
        zero_error=0.5 * float(np.sum(y**2)),
        least_error=lambda: 0.0,
        modes=modes,
        restore=lambda final: (*final[:-1], restore(final[-1])),
    )


@_described
def descend(
    problem: Problem,
    *,
    learning_rate: ArrayLike,
    n_steps: int,
    threshold: float | None = None,
    record_every: int = 1,
    momentum: ArrayLike = 0.0,
    until: Literal["all stop", "one arrives"] = "all stop",
) -> Run:
    r"""Descend the error of a problem: the one loop that steps, stops and records.

    .. math:: V \leftarrow \beta V - \frac{\partial E}{\partial W}, \qquad
              W \leftarrow W + \lambda V.

    Parameters
    ----------
    problem : Problem
        What is descended, as `linear` or `tanh` make it, or one of your own.
    %(learning_rate)s
    %(n_steps)s
    threshold : float, optional
        Error below which a start stops; not below the least error of the problem.
    %(record_every)s
    %(momentum)s
    until : str, optional
        ``"all stop"``, or ``"one arrives"``, to end when a start first reaches the threshold.

    Returns
    -------
    Run
        Final weights, what became of each start and when, and the recorded course.

    Raises
    ------
    TypeError, ValueError
        If `problem` is no `Problem`, a number is not finite or out of range, or shapes do not
        broadcast.

    Notes
    -----
    A start that stops leaves the batch with what it has.

    Examples
    --------
    >>> import numpy as np
    >>> from dlnlib.correlations import Correlations
    >>> from dlnlib.training import descend, linear
    >>> data = Correlations(np.eye(1), [[2.0]], 4.0, 1)
    >>> problem = linear(np.full((2, 3, 1, 1), 0.1), data)
    >>> run = descend(problem, learning_rate=[0.1, 0.2, 9.0], n_steps=500, threshold=1e-3)
    >>> print(run.status, run.n_steps)
    ['threshold' 'threshold' 'diverged'] [23 11  3]
    """
    _checks.instance("problem", problem, Problem, "training.linear or training.tanh makes")
    batch, precision = problem.start[0].shape[:-2], _checks.precision(problem.start[0].dtype)
    rates = _per_start("learning_rate", _checks.positive("learning_rate", learning_rate), batch)
    kept = _per_start("momentum", _checks.fraction("momentum", momentum), batch)
    n_steps = _checks.count("n_steps", n_steps, least=0)
    record_every = _checks.count("record_every", record_every)
    goal = -np.inf if threshold is None else _attainable(threshold, problem)
    _checks.one_of("until", until, ("all stop", "one arrives"))
    with np.errstate(over="ignore", invalid="ignore"):
        rates, kept = rates.astype(precision), kept.astype(precision)
        moments = _moments(problem, rates, kept, goal, n_steps, until)
        return _recorded(problem, moments, record_every)


@_described
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
    %(weights)s
    %(correlations)s
    %(learning_rate)s
    %(n_steps)s
    threshold : float, optional
        Error below which a start stops; not below the least that a network of these
        sizes can reach, see `networks.least_error`.
    %(modes)s
    %(record_every)s
    %(momentum)s
    dtype : data-type, optional
        Precision of the descent, ``numpy.float64`` or ``numpy.float32``. Where learning
        amplifies rounding errors, the two show by how much.
    %(reduce)s

    Returns
    -------
    Run
        Final weights, why and when each start stopped, and the recorded course.

    Raises
    ------
    TypeError, ValueError
        If the data are no `Correlations`, modes no orthonormal (U, s, Vt), shapes do not match, or
        a number is not finite or out of range.

    Notes
    -----
    Eqs. 1 and 13. With `reduce`, the network is run in the coordinates that its learning can
    reach, which is exact, where that saves more than it costs: outputs that outnumber the inputs
    and hidden units together are rotated, and a single start is run at the width that
    `reduction.reduce_width` finds. The gradient of a layer, of rank ``n_outputs``, is never
    multiplied out: a step adds it in place.
    Divergence (an error 10**6 times that of the start or of the zero network) is reported in
    the result, with what was reached until then. An interruption from the keyboard is Python's
    own; a run that must survive one is best taken in legs, each from the weights of the last.
    Momentum (Section 5) is Polyak's: a step is :math:`\beta` times the one before plus
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
    n_steps = _checks.count("n_steps", n_steps, least=0)
    reduce = _checks.flag("reduce", reduce)
    worthwhile = (_narrowed, _rotated) if n_steps >= _SHORT else (_rotated,)
    return descend(
        _linear(weights, correlations, modes, dtype, worthwhile if reduce else ()),
        learning_rate=learning_rate,
        n_steps=n_steps,
        threshold=threshold,
        record_every=record_every,
        momentum=momentum,
    )


@_described
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
    %(tanh_weights)s
    %(x)s
    %(y)s
    %(learning_rate)s
    %(n_steps)s
    threshold : float, optional
        Error below which a start stops.
    %(tanh_modes)s
    %(record_every)s
    %(momentum)s

    Returns
    -------
    Run
        Final weights, why and when each start stopped, and the recorded course.

    Raises
    ------
    TypeError, ValueError
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
    return descend(
        tanh(weights, x, y, modes=modes),
        learning_rate=learning_rate,
        n_steps=n_steps,
        threshold=threshold,
        record_every=record_every,
        momentum=momentum,
    )


@_described
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
    %(weights)s
    %(correlations)s
    times : array_like, shape (n_times,)
        Times at which to return the network, in iterations, ascending from 0 or later.
    tau : float, optional
        Time constant in iterations, the inverse of the learning rate.
    modes : Modes, optional
        Modes whose strengths to return.
    rtol, atol : float, optional
        Tolerances of the integrator, an explicit Runge-Kutta method of order 8, relative (from
        2.2e-14) and absolute (above 0).

    Returns
    -------
    Flow
        Weights, errors and mode strengths at the requested times.

    Raises
    ------
    TypeError, ValueError
        If the data are no `Correlations`, modes no orthonormal (U, s, Vt), shapes do not match, a
        number is not finite or out of range, or the start is so large that velocities overflow.
    RuntimeError
        If the integrator gives up; the message says at what time.

    Notes
    -----
    Eq. 2 for three layers, Eq. 13 for more. Once a network of up to a thousand weights is so near
    a point of rest that its flow is linear, to ten tolerances, no more steps are taken: later times
    cost nothing. Near a saddle, and where weights decay like a power of time, steps go on.

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
    weights = _checks.weights(weights)
    _checks.fit(weights, _checks.correlations(correlations))
    modes = _fitting(modes, weights)
    times = _checks.times(times)
    tau = _checks.number("tau", tau, above=0)
    rtol = _checks.number("rtol", rtol, least=_LEAST_RTOL, below=1)
    atol = _checks.number("atol", atol, above=0)
    batch, shapes = weights[0].shape[:-2], [w.shape[-2:] for w in weights]
    flat = [w.reshape(-1, *shape) for w, shape in zip(weights, shapes, strict=True)]
    starts = zip(*flat, strict=True)
    paths = [_flow.integrate(w, correlations, times, tau, rtol, atol) for w in starts]
    layers = tuple(
        np.stack(layer, axis=1).reshape(len(times), *batch, *shape)
        for layer, shape in zip(zip(*paths, strict=True), shapes, strict=True)
    )
    strengths = None if modes is None else _arithmetic.strengths(_arithmetic.product(layers), modes)
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
    TypeError, ValueError
        If `times` and `values` differ in length, times do not ascend, a value is NaN or minus
        infinity, or a level is not finite or has another shape.

    Notes
    -----
    With ``level = s / 2`` the simulated half-learning time of Fig. 3, right.

    Examples
    --------
    >>> from dlnlib.training import crossing_time
    >>> print(crossing_time([0, 1, 2], [[0.0, 0.0], [0.2, 0.0], [0.8, 0.1]], 0.5))
    [1.5 inf]
    """
    times, values = _checks.times(times), np.asarray(_checks.real("values", values), np.float64)
    if values.shape[:1] != times.shape:
        raise ValueError(
            f"values must have one entry for each of the {len(times)} times along its first "
            f"axis, got shape {values.shape}"
        )
    _checks.require("values", values, values > -np.inf, "must be numbers, or infinite")
    level = _level(level, values.shape[1:])
    reached = values >= level
    after = reached.argmax(axis=0)
    before = np.maximum(after - 1, 0)
    # Halves, whose differences do not overflow.
    high, low = (np.take_along_axis(values / 2, i[None], axis=0)[0] for i in (after, before))
    rise = np.where(high > low, high - low, 1.0)
    fraction = np.where(after > 0, (level / 2 - low) / rise, 0.0)
    crossing = times[before] + fraction * (times[after] - times[before])
    return np.where(reached.any(axis=0), crossing, np.inf)[()]


def _level(level: ArrayLike, shape: tuple[int, ...]) -> Array:
    """Return one level for each recorded value."""
    found = _checks.finite("level", level)
    try:
        return np.broadcast_to(found, shape)
    except ValueError:
        raise ValueError(
            f"level must broadcast to the shape {shape} of values at one time, got shape "
            f"{found.shape}"
        ) from None


class _Moment(NamedTuple):
    """Hold one step of a batch: who still moves, their weights, and who stops here."""

    step: int
    going: NDArray[np.int64]
    weights: Weights
    found: Evaluation
    diverged: NDArray[np.bool_]
    arrived: NDArray[np.bool_]
    stopping: bool
    over: bool


def _moments(
    problem: Problem, rates: Array, kept: Array, goal: float, n_steps: int, until: str
) -> Iterator[_Moment]:
    """Step a batch of starts, and yield every moment until it is over."""
    weights = _flat(problem.start, problem.start[0].shape[:-2])
    going = np.arange(rates.size)
    velocity = tuple(np.zeros_like(w) for w in weights) if kept.any() else ()
    limit: Array = np.zeros(())
    for step in range(n_steps + 1):
        found = problem.evaluate(weights)
        errors = np.reshape(found.errors, -1)
        if step == 0:
            # An error that overflows at the start has diverged already.
            limit = np.minimum(_DIVERGED * np.maximum(problem.zero_error, errors), _LARGEST)
        arrived, diverged = errors < goal, ~(errors <= limit)
        stops = arrived | diverged
        stopping = bool(stops.any())
        won = stopping and until == "one arrives" and bool(arrived.any())
        over = step == n_steps or won or bool(stops.all())
        yield _Moment(step, going, weights, found, diverged, arrived, stopping, over)
        if over:
            return
        if stopping:
            stay = ~stops
            going = going[stay]
            limit, rates, kept = (a[stay] for a in (limit, rates, kept))
            weights, velocity = (tuple(w[stay] for w in part) for part in (weights, velocity))
            found = problem.evaluate(weights)
        _step(weights, found.pairs(), rates, velocity, kept)


def _step(
    weights: Weights,
    pairs: Iterable[_arithmetic.Pair],
    rates: Array,
    velocity: Weights,
    kept: Array,
) -> None:
    """Move weights in place, each layer as soon as its gradient is known."""
    if weights[0].ndim == 2:
        rates, kept = rates[0, 0, 0], kept[0, 0, 0]
    for layer, p, d in pairs:
        if velocity:
            _arithmetic.add_product(velocity[layer], p, d, keep=kept)
            weights[layer][...] += rates * velocity[layer]
        else:
            _arithmetic.add_product(weights[layer], p, d, scale=rates)


def _flat(weights: Weights, batch: tuple[int, ...]) -> Weights:
    """Return our own copy, with the axes of a batch made one; a start by itself has none."""
    axes, dtype = (int(np.prod(batch)),) if batch else (), weights[0].dtype
    return tuple(np.array(w.reshape(*axes, *w.shape[-2:]), dtype=dtype, order="C") for w in weights)


def _recorded(problem: Problem, moments: Iterable[_Moment], record_every: int) -> Run:
    """Follow a batch to its end, and keep what was found on the way."""
    batch = problem.start[0].shape[:-2]
    size = int(np.prod(batch))
    status, taken = Outcome.COMPLETED.for_all(size), np.zeros(size, dtype=np.int64)
    errors, strengths = np.zeros(size), np.zeros((size, 0))
    final = tuple(np.empty((size, *w.shape[-2:]), dtype=w.dtype) for w in problem.start)
    records: list[tuple[int, Array, Array]] = []
    for moment in moments:
        recorded = moment.over or moment.step % record_every == 0
        if recorded or moment.stopping:
            errors[moment.going], strengths = _measured(moment, problem.modes, strengths, size)
        if recorded:
            records.append((moment.step, errors.copy(), strengths))
        if moment.over or moment.stopping:
            status[moment.going[moment.diverged]] = Outcome.DIVERGED
            status[moment.going[moment.arrived]] = Outcome.THRESHOLD
            leaving = moment.over | moment.diverged | moment.arrived
            taken[moment.going[leaving]] = moment.step
            final = _kept_from(final, moment, leaving) if batch else moment.weights
    times, courses, grown = zip(*records, strict=True)
    return Run(
        problem.restore(tuple(w.reshape(*batch, *w.shape[-2:]) for w in final)),
        status.reshape(batch),
        taken.reshape(batch),
        np.array(times, dtype=np.float64),
        np.stack(courses).reshape(len(times), *batch),
        None
        if problem.modes is None
        else np.stack(grown).reshape(len(times), *batch, grown[0].shape[-1]),
    )


def _measured(
    moment: _Moment, modes: Modes | None, strengths: Array, size: int
) -> tuple[Array, Array]:
    """Return errors of those that move, and the strengths of all; lost ones keep their last."""
    errors = np.reshape(moment.found.errors, -1)
    errors = np.where(np.isnan(errors), np.inf, errors)
    if modes is None:
        return errors, strengths
    new = _arithmetic.strengths(moment.found.composite, modes)
    new = new.reshape(len(moment.going), new.shape[-1])
    grown = np.zeros((size, new.shape[1])) if moment.step == 0 else strengths.copy()
    grown[moment.going] = np.where(np.isfinite(new), new, grown[moment.going])
    return errors, grown


def _kept_from(final: Weights, moment: _Moment, leaving: NDArray[np.bool_]) -> Weights:
    """Put the weights of those that leave the batch among the final ones."""
    for last, w in zip(final, moment.weights, strict=True):
        last[moment.going[leaving]] = w[leaving]
    return final


def _narrowed(weights: Weights, correlations: Correlations, modes: Modes | None) -> _Reduced | None:
    """Return a wide start in the subspaces that its learning reaches, if they are much smaller."""
    if weights[0].ndim > 2 or max((len(w) for w in weights[:-1]), default=0) <= _NARROW:
        return None
    bases = _subspaces.reachable(weights, correlations, most=0.5)
    seen = _subspaces.modes_inside(modes, bases) if bases else None
    if not bases or (modes is not None and seen is None):
        return None
    small, data = _subspaces.inside(weights, correlations, bases)
    return _Reduced(small, data, seen, lambda w: _subspaces.restored(w, weights, small, bases))


def _rotated(weights: Weights, correlations: Correlations, modes: Modes | None) -> _Reduced:
    """Return starts whose outputs, where they are many, are rotated into fewer."""
    found = _subspaces.fewer_outputs(weights[-1], correlations.sigma_yx, modes)
    return _Reduced(
        (*weights[:-1], found.last),
        _second_moments.derived(correlations, sigma_yx=found.targets, sum_y=None),
        found.modes,
        lambda final: (*final[:-1], found.restore(final[-1])),
    )


def _fitting(modes: Modes | None, weights: Weights) -> Modes | None:
    """Return modes that have the inputs and outputs of a network, or none."""
    found = None if modes is None else Modes.of(modes)
    _checks.modes_fit(weights, found)
    return found


def _attainable(threshold: float, problem: Problem) -> float:
    """Return a threshold that some weights can reach."""
    goal = _checks.number("threshold", threshold, above=0)
    floor = problem.least_error()
    if goal < floor - 2e-12 * problem.zero_error:
        raise ValueError(
            f"threshold must not be below {floor:.10g}, the least error of a network of these "
            f"sizes on these data, got {threshold}"
        )
    return goal


def _per_start(name: str, values: Array, batch: tuple[int, ...]) -> Array:
    """Return one number for each start, in the shape of its weights."""
    try:
        return np.broadcast_to(values, batch).reshape(-1, 1, 1)
    except ValueError:
        raise ValueError(
            f"{name} of shape {values.shape} must broadcast to the batch of starts {batch}"
        ) from None
