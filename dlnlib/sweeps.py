"""Learning time over many networks and learning rates: raced, parallel, resumable."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import scipy
from numpy.typing import ArrayLike, DTypeLike, NDArray

import dlnlib
from dlnlib.correlations import Correlations
from dlnlib.networks import Weights, as_one_start, require_fit
from dlnlib.training import (
    DIVERGED,
    Run,
    descend,
    is_wide,
    narrow,
    require_attainable,
    tanh_gradient_descent,
)

__all__ = ["Race", "race", "sweep", "tanh_race"]


class Race(NamedTuple):
    """Hold which learning rate was fastest.

    Attributes
    ----------
    learning_time : float
        Iterations that the fastest rate took; infinite if none arrived.
    learning_rate : float
        The fastest rate, the largest of them if several tie; NaN if none arrived.
    status : ndarray of str, shape (n_rates,)
        What became of every rate: ``"threshold"``, ``"diverged"``, ``"completed"`` all
        steps without arriving, or ``"given up"`` when it could no longer win.
    n_steps : ndarray of int, shape (n_rates,)
        Iterations that every rate was run for.
    """

    learning_time: float
    learning_rate: float
    status: NDArray[np.str_]
    n_steps: NDArray[np.int64]


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
    learning_rates : array_like, shape (n_rates,)
        Rates to try, positive.
    threshold : float
        Error at which learning counts as done.
    max_steps : int
        Most iterations to give to any rate.
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
        `initial_conditions.reduce_width`. If not, it is stepped at the widths that it has.

    Returns
    -------
    Race
        The fastest rate, its learning time, and the fate of all others.

    Raises
    ------
    ValueError
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
    >>> from dlnlib.sweeps import race
    >>> data = Correlations(np.eye(1), [[2.0]], 4.0, 1)
    >>> start = (np.array([[0.1]]), np.array([[0.1]]))
    >>> rates = [0.01, 0.1, 0.3, 10.0]
    >>> result = race(start, data, learning_rates=rates, threshold=1e-3, max_steps=1000)
    >>> print(result.learning_rate, result.status)
    0.3 ['given up' 'threshold' 'threshold' 'diverged']
    """
    weights = as_one_start(weights)
    require_fit(weights, correlations)
    require_attainable(threshold, weights, correlations)
    reduction, data = narrow(weights, correlations, reduce=reduce)

    def run(current: Weights, **options: Any) -> Run:
        # A race by itself is run to its end, and does not need the weights there.
        lift = None if current[0].ndim == 2 else (lambda final: final)
        net = reduction._replace(weights=current, lift=lift)
        return descend(net, data, dtype=dtype, **options)

    if at_once is None and is_wide(reduction.weights):
        at_once = 1
    # In the precision of the descent once and for all rates.
    start = tuple(w.astype(dtype, copy=False) for w in reduction.weights)
    zero_error = data.trace_yy / 2
    return _race(start, run, zero_error, learning_rates, threshold, max_steps, at_once, patience)


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
    learning_rates : array_like, shape (n_rates,)
        Rates to try, positive.
    threshold : float
        Error at which learning counts as done.
    max_steps : int
        Most iterations to give to any rate.
    at_once : int, optional
        Rates to step together, all by default. Fewer need less memory.

    Returns
    -------
    Race
        The fastest rate, its learning time, and the fate of all others.

    Raises
    ------
    ValueError
        If the weights have batch axes, or an argument is out of range.

    Notes
    -----
    What `race` is for linear networks, at the network's own width: no correlation says
    what a nonlinear network can reach.

    Examples
    --------
    >>> import numpy as np
    >>> from dlnlib.sweeps import tanh_race
    >>> start = [np.full((1, 1), 0.5)] * 4
    >>> rates = [0.01, 0.1, 1.0]
    >>> race = tanh_race(
    ...     start, [[1.0]], [[0.5]], learning_rates=rates, threshold=1e-3, max_steps=1000
    ... )
    >>> print(race.learning_rate, race.learning_time)
    1.0 8.0
    """
    weights = as_one_start(weights)
    zero_error = float(np.sum(np.square(y))) / 2
    descend = partial(tanh_gradient_descent, x=x, y=y)
    return _race(weights, descend, zero_error, learning_rates, threshold, max_steps, at_once)


def sweep(
    function: Callable[..., Mapping[str, Any]],
    cases: Iterable[Mapping[str, Any]],
    *,
    folder: str | os.PathLike[str] | None = None,
    n_jobs: int | None = None,
    progress: bool = False,
) -> list[dict[str, Any]]:
    """Evaluate a function over many cases, in parallel and resumably.

    Work is given to joblib, so that ``joblib.parallel_config(backend="dask")`` runs the
    same sweep on a Dask cluster. Each result is written to disk as it arrives, under a name
    made from its case, the function and `dlnlib`'s version; it is then never computed again.

    Parameters
    ----------
    function : callable
        Called with a case as keyword arguments; returns a mapping of plain numbers,
        strings and lists. It must be importable by worker processes.
    cases : iterable of mapping
        Keyword arguments of every call: plain numbers, strings and lists, any seed included.
    folder : path, optional
        Where results are kept. By default nothing is written.
    n_jobs : int, optional
        Number of parallel workers, as joblib understands it.
    progress : bool, optional
        Whether to show a progress bar.

    Returns
    -------
    list of dict
        For every case, in order: ``case``, ``result`` and ``versions``.

    Raises
    ------
    ValueError
        If a case can not be written as JSON.

    Notes
    -----
    Used for Figs. 4 and 6A. Needs the extra ``dlnlib[sweeps]``.

    Examples
    --------
    >>> from dlnlib.sweeps import sweep
    >>> [r["result"] for r in sweep(lambda n: {"square": n * n}, [{"n": 2}, {"n": 3}])]
    [{'square': 4}, {'square': 9}]
    """
    from joblib import Parallel, delayed
    from tqdm import tqdm

    cases = [dict(case) for case in cases]
    names = [_name(function, case) for case in cases]
    store = None if folder is None else Path(folder)
    if store is not None:
        store.mkdir(parents=True, exist_ok=True)
    found = {} if store is None else _load(store, names)
    open_cases = {n: c for n, c in zip(names, cases, strict=True) if n not in found}
    tasks = (delayed(_evaluate)(function, name, case) for name, case in open_cases.items())
    # Unordered: an interruption then keeps every result that had arrived.
    arriving = Parallel(n_jobs=n_jobs, return_as="generator_unordered")(tasks)
    with warnings.catch_warnings():
        # A worker whose memory has grown by more than loky likes is replaced, its jobs redone.
        warnings.filterwarnings("ignore", "A worker stopped while some jobs", UserWarning)
        for name, record in tqdm(arriving, total=len(open_cases), disable=not progress):
            found[name] = record
            if store is not None:
                _save(store / name, record)
    return [found[name] for name in names]


def _race(
    start: Weights,
    descend: Callable[..., Run],
    zero_error: float,
    learning_rates: ArrayLike,
    threshold: float,
    max_steps: int,
    at_once: int | None,
    patience: int | None = None,
) -> Race:
    """Race the rates of any kind of descent, the largest first, some at once."""
    rates = np.asarray(learning_rates, dtype=np.float64)
    if rates.ndim != 1 or len(rates) == 0:
        raise ValueError(f"learning_rates must be a non-empty vector, got shape {rates.shape}")
    counts = {"max_steps": max_steps, "at_once": at_once, "patience": patience}
    for name, count in counts.items():
        if count is not None and (int(count) != count or count < 1):
            raise ValueError(f"{name} must be an integer of at least 1, got {count}")
    order = np.argsort(-rates, kind="stable")
    size = len(rates) if at_once is None else at_once
    status = np.full(len(rates), "given up", dtype="<U11")
    n_steps = np.zeros(len(rates), dtype=np.int64)
    best = max_steps
    for i in range(0, len(rates), size):
        arrived = np.flatnonzero(status[order[:i]] == "threshold")
        if arrived.size:
            best = int(n_steps[order[arrived]].min())
            last_winner = arrived[n_steps[order[arrived]] == best][-1]
            if patience is not None and i - last_winner > patience:
                break
        heat = order[i : i + size]
        status[heat], n_steps[heat] = _heat(
            start, descend, zero_error, rates[heat], threshold, best
        )
    # The winner's time was a cap for others, who may have met it without arriving.
    status[(status == "completed") & (n_steps < max_steps)] = "given up"
    arrived = order[status[order] == "threshold"]
    if arrived.size == 0:
        return Race(np.inf, np.nan, status, n_steps)
    winner = arrived[np.argmin(n_steps[arrived])]
    return Race(float(n_steps[winner]), float(rates[winner]), status, n_steps)


def _heat(
    start: Weights,
    descend: Callable[..., Run],
    zero_error: float,
    rates: NDArray[np.float64],
    threshold: float,
    cap: int,
) -> tuple[NDArray[np.str_], NDArray[np.int64]]:
    """Step some rates together, in legs, until the first has arrived; one alone, to its end."""
    if len(rates) == 1:
        run = descend(start, learning_rate=rates[0], n_steps=cap, threshold=threshold)
        if run.status == "interrupted":
            raise KeyboardInterrupt
        return run.status[None], run.n_steps[None]
    status = np.full(len(rates), "completed", dtype="<U11")
    n_steps = np.zeros(len(rates), dtype=np.int64)
    running = np.arange(len(rates))
    current = tuple(np.broadcast_to(w, (len(rates), *w.shape)) for w in start)
    done, limit = 0, np.inf
    while running.size and done < cap:
        leg = min(32, cap - done)
        run = descend(current, learning_rate=rates[running], n_steps=leg, threshold=threshold)
        if np.any(run.status == "interrupted"):
            raise KeyboardInterrupt
        if done == 0:
            limit = DIVERGED * max(zero_error, run.errors[0, 0])
        # A leg measures divergence by where it began; what counts is where the race did.
        beyond = run.errors > limit
        lost = beyond.any(axis=0)
        run.status[lost], run.n_steps[lost] = "diverged", beyond.argmax(axis=0)[lost]
        n_steps[running], status[running] = done + run.n_steps, run.status
        if np.any(run.status == "threshold"):
            break
        going = run.status == "completed"
        current, running = tuple(w[going] for w in run.weights), running[going]
        done += leg
    return status, n_steps


def _name(function: Callable[..., Any], case: Mapping[str, Any]) -> str:
    function_name = f"{function.__module__}.{function.__qualname__}"
    key = {"case": case, "function": function_name, "dlnlib": dlnlib.__version__}
    try:
        text = json.dumps(key, sort_keys=True)
    except TypeError as error:
        raise ValueError(f"cases must be plain numbers, strings and lists, got {case}") from error
    return hashlib.sha256(text.encode()).hexdigest()[:16] + ".json"


def _evaluate(
    function: Callable[..., Mapping[str, Any]], name: str, case: Mapping[str, Any]
) -> tuple[str, dict[str, Any]]:
    versions = {
        "dlnlib": dlnlib.__version__,
        "numpy": np.__version__,
        "scipy": scipy.__version__,
        "python": platform.python_version(),
    }
    return name, {"case": dict(case), "result": dict(function(**case)), "versions": versions}


def _load(store: Path, names: Iterable[str]) -> dict[str, dict[str, Any]]:
    paths = {name: store / name for name in names}
    return {n: json.loads(path.read_text("utf8")) for n, path in paths.items() if path.exists()}


def _save(path: Path, record: dict[str, Any]) -> None:
    # Written aside and renamed, so that an interruption leaves no half a file.
    scratch = path.with_suffix(".part")
    scratch.write_text(json.dumps(record, indent=1), "utf8")
    scratch.replace(path)
