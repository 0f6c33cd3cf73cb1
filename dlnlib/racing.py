"""Races of learning rates: which of them first reaches an error."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from dlnlib import _checks
from dlnlib._docs import fill
from dlnlib._typing import Array
from dlnlib.correlations import Correlations
from dlnlib.training import Outcome, Problem, descend, linear, tanh

__all__ = ["Race", "fastest", "race", "tanh_race"]

# Layers this wide, in units and in multiples of the outputs, are stepped one start at a time:
# in place, where a batch would save nothing.
_WIDE, _TIMES_WIDER = 200, 10


_described = fill(
    learning_rates="""
    learning_rates : array_like, shape (n_rates,)
        Rates to try, positive.
    """,
    threshold="""
    threshold : float
        Error at which learning counts as done.
    """,
    max_steps="""
    max_steps : int
        Most iterations to give to any rate.
    """,
)


class Race(NamedTuple):
    """Hold which learning rate was fastest.

    Attributes
    ----------
    learning_time : float
        Iterations that the fastest rate took; infinite if none arrived.
    learning_rate : float
        The fastest rate, the largest of them if several tie; NaN if none arrived.
    status : ndarray of str, shape (n_rates,)
        What became of every rate, a `training.Outcome`: ``"threshold"``, ``"diverged"``,
        ``"completed"`` or ``"given up"``.
    n_steps : ndarray of int, shape (n_rates,)
        Iterations that every rate was run for.
    """

    learning_time: float
    learning_rate: float
    status: NDArray[np.str_]
    n_steps: NDArray[np.int64]


@_described
def race(
    weights: Sequence[ArrayLike],
    correlations: Correlations,
    *,
    learning_rates: ArrayLike,
    threshold: float,
    max_steps: int,
    at_once: int | None = None,
    patience: int | None = None,
    dtype: DTypeLike = np.float64,
    reduce: bool = True,
) -> Race:
    r"""Find the learning rate at which a network first reaches an error.

    .. math:: \min_\lambda\, \min \{ t : E_\lambda(t) < E^* \}.

    Rates race: one is given up when it has diverged or has run for as long as the best.
    What is found is what the exhaustive grid would find.

    Parameters
    ----------
    weights : sequence of array_like, each of shape (n_out, n_in)
        Where every rate starts, first layer first.
    correlations : Correlations
        The data.
    %(learning_rates)s
    %(threshold)s
    %(max_steps)s
    at_once : int, optional
        Rates to step together. By default all, or one where layers stay so wide that more
        would save nothing. Fewer need less memory.
    patience : int, optional
        Rates that may lose one after the other, each smaller than the best or one that ties,
        before those smaller still are given up untried. By default all are tried.
    dtype : data-type, optional
        Precision of the descent, ``numpy.float64`` or ``numpy.float32``.
    reduce : bool, optional
        Whether to run the network at the width that its learning can reach, see
        `reduction.reduce_width`. If not, it is stepped at the widths that it has.

    Returns
    -------
    Race
        The fastest rate, its learning time, and the fate of all others.

    Raises
    ------
    TypeError, ValueError
        If the weights have batch axes, an argument is out of range, or no network of these
        sizes has an error below the threshold.

    Notes
    -----
    The optimisation over rates of Figs. 4 and 6A. With `patience` the answer is that of the
    grid only if no rate far below the best is faster still: at rates well within stability
    learning time is inverse to the rate.

    Examples
    --------
    >>> import numpy as np
    >>> from dlnlib.correlations import Correlations
    >>> from dlnlib.racing import race
    >>> data = Correlations(np.eye(1), [[2.0]], 4.0, 1)
    >>> start = (np.array([[0.1]]), np.array([[0.1]]))
    >>> rates = [0.01, 0.1, 0.3, 10.0]
    >>> result = race(start, data, learning_rates=rates, threshold=1e-3, max_steps=1000)
    >>> print(result.learning_rate, result.status)
    0.3 ['given up' 'given up' 'threshold' 'diverged']
    """
    problem = linear(_checks.one_start(weights), correlations, dtype=dtype, reduce=reduce)
    if at_once is None and _is_wide(problem):
        at_once = 1
    return fastest(
        problem,
        learning_rates=learning_rates,
        threshold=threshold,
        max_steps=max_steps,
        at_once=at_once,
        patience=patience,
    )


@_described
def tanh_race(
    weights: Sequence[ArrayLike],
    x: ArrayLike,
    y: ArrayLike,
    *,
    learning_rates: ArrayLike,
    threshold: float,
    max_steps: int,
    at_once: int | None = None,
) -> Race:
    r"""Find the learning rate at which a tanh network first reaches an error.

    .. math:: \min_\lambda\, \min \{ t : E_\lambda(t) < E^* \}.

    Parameters
    ----------
    weights : sequence of two or more array_like, each of shape (n_out, n_in)
        Where every rate starts, first layer first.
    x : array_like, shape (n_examples, n_inputs)
        Inputs, one example a row.
    y : array_like, shape (n_examples, n_outputs)
        Targets, one example a row.
    %(learning_rates)s
    %(threshold)s
    %(max_steps)s
    at_once : int, optional
        Rates to step together, all by default. Fewer need less memory.

    Returns
    -------
    Race
        The fastest rate, its learning time, and the fate of all others.

    Raises
    ------
    TypeError, ValueError
        If the weights have batch axes, or an argument is out of range.

    Notes
    -----
    What `race` is for linear networks, at the network's own width: no correlation says
    what a nonlinear network can reach.

    Examples
    --------
    >>> import numpy as np
    >>> from dlnlib.racing import tanh_race
    >>> start = [np.full((1, 1), 0.5)] * 4
    >>> rates = [0.01, 0.1, 1.0]
    >>> race = tanh_race(
    ...     start, [[1.0]], [[0.5]], learning_rates=rates, threshold=1e-3, max_steps=1000
    ... )
    >>> print(race.learning_rate, race.learning_time)
    1.0 8.0
    """
    return fastest(
        tanh(_checks.one_start(weights), x, y),
        learning_rates=learning_rates,
        threshold=threshold,
        max_steps=max_steps,
        at_once=at_once,
    )


@_described
def fastest(
    problem: Problem,
    *,
    learning_rates: ArrayLike,
    threshold: float,
    max_steps: int,
    at_once: int | None = None,
    patience: int | None = None,
) -> Race:
    r"""Find the learning rate at which a problem first reaches an error.

    .. math:: \min_\lambda\, \min \{ t : E_\lambda(t) < E^* \}.

    Parameters
    ----------
    problem : Problem
        What is descended, without batch axes.
    %(learning_rates)s
    %(threshold)s
    %(max_steps)s
    at_once : int, optional
        Rates to step together, all by default. Fewer need less memory.
    patience : int, optional
        Rates that may lose one after the other, as for `race`.

    Returns
    -------
    Race
        The fastest rate, its learning time, and the fate of all others.

    Raises
    ------
    TypeError, ValueError
        If the problem has batch axes, an argument is out of range, or no weights of these sizes
        have an error below the threshold.

    Notes
    -----
    What `race` and `tanh_race` call.

    Examples
    --------
    >>> import numpy as np
    >>> from dlnlib.correlations import Correlations
    >>> from dlnlib.racing import fastest
    >>> from dlnlib.training import linear
    >>> problem = linear([[[0.1]], [[0.1]]], Correlations(np.eye(1), [[2.0]], 4.0, 1))
    >>> fastest(problem, learning_rates=[0.1, 0.3], threshold=1e-3, max_steps=99).learning_time
    7.0
    """
    _checks.instance("problem", problem, Problem, "training.linear or training.tanh makes")
    if problem.start[0].ndim != 2:
        shape = problem.start[0].shape
        raise ValueError(f"problem must be one start without batch axes, got shape {shape}")
    rates, order = _descending(learning_rates)
    max_steps = _checks.count("max_steps", max_steps)
    size = len(rates) if at_once is None else _checks.count("at_once", at_once)
    most_lost = np.inf if patience is None else _checks.count("patience", patience)
    status, n_steps = _heats(problem, rates, order, threshold, max_steps, size, most_lost)
    first = order[status[order] == Outcome.THRESHOLD]
    if first.size == 0:
        return Race(np.inf, np.nan, status, n_steps)
    won = first[np.argmin(n_steps[first])]
    return Race(float(n_steps[won]), float(rates[won]), status, n_steps)


def _heats(
    problem: Problem,
    rates: Array,
    order: NDArray[np.intp],
    threshold: float,
    max_steps: int,
    size: int,
    most_lost: float,
) -> tuple[NDArray[np.str_], NDArray[np.int64]]:
    """Return what became of every rate, and for how many steps it ran."""
    status = Outcome.GIVEN_UP.for_all(len(rates))
    n_steps = np.zeros(len(rates), dtype=np.int64)
    best, winner = max_steps, -1
    for i in range(0, len(rates), size):
        if winner >= 0 and i - winner > most_lost:
            break
        heat = order[i : i + size]
        run = descend(
            _repeated(problem, len(heat)),
            learning_rate=rates[heat] if len(heat) > 1 else rates[heat[0]],
            n_steps=best,
            threshold=threshold,
            record_every=max_steps,
            until="one arrives",
        )
        status[heat], n_steps[heat] = run.status, run.n_steps
        arrived = np.flatnonzero(np.atleast_1d(run.status) == Outcome.THRESHOLD)
        if arrived.size:
            best, winner = int(n_steps[heat[arrived[0]]]), i + int(arrived[-1])
    # The winner's time was a cap for others, who may have met it without arriving.
    status[(status == Outcome.COMPLETED) & (n_steps < max_steps)] = Outcome.GIVEN_UP
    return status, n_steps


def _descending(learning_rates: ArrayLike) -> tuple[Array, NDArray[np.intp]]:
    rates = _checks.positive("learning_rates", learning_rates)
    if rates.ndim != 1 or len(rates) == 0:
        raise ValueError(f"learning_rates must be a non-empty vector, got shape {rates.shape}")
    return rates, np.argsort(-rates, kind="stable")


def _is_wide(problem: Problem) -> bool:
    n_outputs, widths = len(problem.start[-1]), [len(w) for w in problem.start[:-1]]
    return min(widths, default=0) >= max(_WIDE, _TIMES_WIDER * n_outputs)


def _repeated(problem: Problem, n: int) -> Problem:
    """Return a batch of the same start, which nobody will want to see restored; one has none."""
    start = problem.start
    if n > 1:
        start = tuple(np.broadcast_to(w, (n, *w.shape)) for w in start)
    return problem._replace(start=start, restore=lambda final: ())
