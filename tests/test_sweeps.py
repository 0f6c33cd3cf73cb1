"""Tests of dlnlib.sweeps."""

from __future__ import annotations

import json
import os
import warnings
from dataclasses import replace
from pathlib import Path

import joblib
import numpy as np
import pytest

import dlnlib
from dlnlib import sweeps
from dlnlib.correlations import Correlations, from_data, modes
from dlnlib.initial_conditions import decoupled, small_random
from dlnlib.sweeps import race, sweep, tanh_race
from dlnlib.training import gradient_descent, is_wide, narrow, tanh_gradient_descent


def data(n_inputs=5, n_outputs=3, seed=0):
    """Return correlations of inputs that are neither white nor aligned with the targets."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((30, n_inputs)) * np.linspace(0.5, 2, n_inputs)
    return from_data(x, x @ rng.standard_normal((n_inputs, n_outputs)))


def exhaustive(start, c, *, learning_rates, threshold, max_steps):
    """Run every rate by itself to its end, at full width."""
    return [
        gradient_descent(start, c, learning_rate=rate, n_steps=max_steps, threshold=threshold)
        for rate in learning_rates
    ]


def check_against_grid(start, c, at_once=None, **grid):
    """Require that a race finds what the grid contains, and return it."""
    result = race(start, c, at_once=at_once, **grid)
    runs = exhaustive(start, c, **grid)
    times = [float(r.n_steps) if r.status == "threshold" else np.inf for r in runs]
    best = min(times)
    assert result.learning_time == best
    if best < np.inf:
        winners = [r for r, t in zip(grid["learning_rates"], times, strict=True) if t == best]
        assert result.learning_rate == max(winners)
    else:
        assert np.isnan(result.learning_rate)
    for run, status, n_steps in zip(runs, result.status, result.n_steps, strict=True):
        # A rate may be given up whatever would have become of it; all else is as in the grid.
        if status == "given up":
            assert run.status != "threshold" or run.n_steps >= best
            assert n_steps <= run.n_steps
        else:
            assert (status, n_steps) == (run.status, run.n_steps)
    return result


def easy(n_layers=3, width=7, seed=0):
    c = data(seed=seed)
    return decoupled(modes(c), (5, *[width] * (n_layers - 2), 3), u0=0.01, rng=seed), c


# Racing


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("n_layers", [2, 3, 5])
@pytest.mark.parametrize("at_once", [None, 1, 4])
def test_a_race_finds_what_the_whole_grid_finds(n_layers, seed, at_once):
    start, c = easy(n_layers, seed=seed)
    rates = np.logspace(-1, -5, 12)
    grid = dict(learning_rates=rates, threshold=0.05 * c.trace_yy, max_steps=300)
    result = check_against_grid(start, c, at_once, **grid)
    assert result.learning_time < np.inf
    assert set(result.status) >= {"threshold", "diverged", "given up"}


@pytest.mark.parametrize("at_once", [None, 3])
def test_random_starts_race_too(at_once):
    c = data()
    start = small_random((5, 6, 4, 3), scale=0.3, rng=7)
    rates = np.logspace(-1.5, -4, 9)
    check_against_grid(
        start, c, at_once, learning_rates=rates, threshold=0.1 * c.trace_yy, max_steps=200
    )


@pytest.mark.parametrize("order", [[0, 1, 2, 3, 4], [4, 2, 0, 3, 1], [4, 3, 2, 1, 0]])
@pytest.mark.parametrize("at_once", [None, 1, 2])
def test_of_rates_that_tie_the_largest_wins(order, at_once):
    # A step of a single weight shrinks what is missing by one minus the rate: 0.5 to 0.6 all
    # need three.
    c = Correlations(np.eye(1), [[1.0]], 1.0, 1)
    rates = np.array([0.45, 0.5, 0.55, 0.6, 0.3])[order]
    grid = dict(learning_rates=rates, threshold=0.01, max_steps=20)
    result = check_against_grid((np.zeros((1, 1)),), c, at_once, **grid)
    assert (result.learning_time, result.learning_rate) == (3, 0.6)


def test_a_start_that_is_already_there_needs_no_steps():
    start, c = easy()
    grid = dict(learning_rates=[1e-4, 1e-3], threshold=c.trace_yy, max_steps=5)
    assert check_against_grid(start, c, **grid).learning_time == 0


@pytest.mark.parametrize("max_steps", [1, 31, 32, 33, 64, 65])
@pytest.mark.parametrize("at_once", [None, 2])
def test_when_none_arrives_all_are_run_to_the_end(max_steps, at_once):
    start, c = easy()
    grid = dict(learning_rates=[1e-6, 1e-5, 3e-6], threshold=1e-3, max_steps=max_steps)
    result = check_against_grid(start, c, at_once, **grid)
    assert result.learning_time == np.inf
    assert list(result.status) == ["completed"] * 3
    assert list(result.n_steps) == [max_steps] * 3


def test_when_all_diverge_none_wins():
    start, c = easy()
    result = check_against_grid(
        start, c, learning_rates=[10.0, 1.0, 3.0], threshold=1e-3, max_steps=100
    )
    assert list(result.status) == ["diverged"] * 3


@pytest.mark.parametrize("steps_short", [0, 1])
@pytest.mark.parametrize("at_once", [None, 1])
def test_the_last_step_counts(steps_short, at_once):
    start, c = easy()
    rates = [2e-3, 1e-3]
    grid = dict(learning_rates=rates, threshold=0.05 * c.trace_yy)
    needed = int(race(start, c, max_steps=1000, **grid).learning_time)
    result = check_against_grid(start, c, at_once, max_steps=needed - steps_short, **grid)
    assert result.learning_time == (np.inf if steps_short else needed)


def test_divergence_is_measured_from_the_start_however_slow_it_is():
    # The residual of a single weight grows by 5 % a step: a factor of 10**6 takes 142 steps, in
    # none of which a short stretch looks alarming.
    c = Correlations(np.eye(1), [[1.0]], 1.0, 1)
    for rates in ([2.05], [2.05, 2.051]):
        grid = dict(learning_rates=rates, threshold=1e-9, max_steps=1000)
        result = check_against_grid((np.zeros((1, 1)),), c, **grid)
        assert set(result.status) == {"diverged"}
        assert 100 < result.n_steps[0] < 200


def test_slower_rates_are_given_up():
    start, c = easy()
    rates = [2e-3, 1e-5, 1e-6]
    result = race(start, c, learning_rates=rates, threshold=0.05 * c.trace_yy, max_steps=10**9)
    assert list(result.status) == ["threshold", "given up", "given up"]
    assert result.n_steps.max() < result.learning_time + 32


@pytest.mark.parametrize(("width", "reduce"), [(3, True), (200, True), (200, False)])
def test_width_does_not_matter(width, reduce):
    start, c = easy(4, width)
    grid = dict(learning_rates=np.logspace(-2, -4, 6), threshold=0.05 * c.trace_yy, max_steps=500)
    narrow = race(easy(4, 5)[0], c, **grid)
    wide = race(start, c, reduce=reduce, **grid)
    assert wide.learning_time == narrow.learning_time
    assert wide.learning_rate == narrow.learning_rate


def test_a_worker_that_is_replaced_is_no_warning(monkeypatch):
    # loky does so where the memory of a worker has grown, as that of a large network's will.
    def parallel(**_):
        def run(tasks):
            for function, arguments, keywords in tasks:
                message = "A worker stopped while some jobs were given to the executor."
                warnings.warn(message, UserWarning, stacklevel=1)
                yield function(*arguments, **keywords)

        return run

    monkeypatch.setattr(joblib, "Parallel", parallel)
    found = sweep(learn, [{"n_layers": 3, "seed": seed} for seed in (0, 1)])
    assert [record["case"]["seed"] for record in found] == [0, 1]


@pytest.mark.parametrize("at_once", [None, 1])
def test_an_interruption_is_not_a_result(monkeypatch, at_once):
    start, c = easy()
    descend = sweeps.descend

    def interrupted(*args, **kwargs):
        run = descend(*args, **kwargs)
        run.status[...] = "interrupted"
        return run

    monkeypatch.setattr(sweeps, "descend", interrupted)
    with pytest.raises(KeyboardInterrupt):
        race(
            start,
            c,
            learning_rates=[1e-3, 1e-4],
            threshold=0.5 * c.trace_yy,
            max_steps=100,
            at_once=at_once,
        )


def random_wide(width=210, seed=3):
    """Return a network so wide, and so random, that it is run at its own width."""
    c = data()
    return small_random((5, width, width, 3), scale=width**-0.5, rng=seed), c


def test_wide_networks_race_one_rate_at_a_time():
    start, c = random_wide()
    assert is_wide(narrow(start, c)[0].weights)
    grid = dict(learning_rates=np.logspace(-1, -4, 10), threshold=0.1 * c.trace_yy, max_steps=200)
    result = check_against_grid(start, c, **grid)
    assert set(result.status) == {"diverged", "threshold", "given up"}


@pytest.mark.parametrize("at_once", [1, 2, None])
@pytest.mark.parametrize("patience", [1, 2, 5])
def test_an_impatient_race_gives_up_smaller_rates_untried(patience, at_once):
    start, c = easy()
    grid = dict(learning_rates=np.logspace(-1, -6, 20), threshold=0.05 * c.trace_yy, max_steps=999)
    whole = check_against_grid(start, c, **grid)
    result = race(start, c, patience=patience, at_once=at_once, **grid)
    assert result[:2] == whole[:2]
    tried = np.flatnonzero(result.n_steps)
    winner = np.argmax(np.asarray(grid["learning_rates"]) == whole.learning_rate)
    step = 20 if at_once is None else at_once
    assert winner + patience <= tried.max() < winner + patience + step
    assert np.all(result.status[tried.max() + 1 :] == "given up")


def test_rates_that_tie_do_not_lose():
    # Rates of 0.6 to 0.5 all need three steps, 0.45 needs more.
    c = Correlations(np.eye(1), [[1.0]], 1.0, 1)
    grid = dict(learning_rates=[0.6, 0.55, 0.5, 0.45, 0.4], threshold=0.01, max_steps=20)
    result = race((np.zeros((1, 1)),), c, patience=1, at_once=1, **grid)
    assert list(result.status) == ["threshold"] * 3 + ["given up"] * 2
    assert list(result.n_steps) == [3, 3, 3, 3, 0] and result.learning_rate == 0.6


def test_patience_waits_for_a_winner():
    # What has only been lost to divergence, or to slowness, is no reason to stop.
    start, c = easy()
    rates = [10.0, 5.0, 3.0, 2e-3, 1e-3]
    grid = dict(learning_rates=rates, threshold=0.05 * c.trace_yy, max_steps=999)
    assert race(start, c, patience=1, at_once=1, **grid)[:2] == race(start, c, **grid)[:2]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"learning_rates": []}, "non-empty vector"),
        ({"learning_rates": 1e-3}, "non-empty vector"),
        ({"learning_rates": [1e-3, 0.0]}, "learning_rate must be finite and positive"),
        ({"learning_rates": [1e-3, np.nan]}, "learning_rate must be finite and positive"),
        ({"threshold": -1.0}, "threshold must be finite and positive"),
        ({"max_steps": 0}, "max_steps must be an integer of at least 1"),
        ({"max_steps": 1.5}, "max_steps must be an integer of at least 1"),
        ({"at_once": 0}, "at_once must be an integer of at least 1"),
        ({"patience": 0}, "patience must be an integer of at least 1"),
    ],
)
def test_a_race_refuses_what_makes_no_sense(change, message):
    start, c = easy()
    arguments = dict(learning_rates=[1e-3], threshold=1.0, max_steps=10) | change
    with pytest.raises(ValueError, match=message):
        race(start, c, **arguments)


def test_a_race_names_the_least_error_that_there_is():
    start, c = easy()
    noisy = replace(c, trace_yy=c.trace_yy + 2)  # targets that no input knows of: a floor of 1
    with pytest.raises(ValueError, match=r"threshold must not be below 1\.?.*, got 0\.9"):
        race(start, noisy, learning_rates=[1e-3], threshold=0.9, max_steps=10)


def test_a_race_has_one_start():
    c = data()
    starts = small_random((5, 4, 3), scale=0.1, rng=0, n_starts=2)
    with pytest.raises(ValueError, match="without batch axes"):
        race(starts, c, learning_rates=[1e-3], threshold=1.0, max_steps=10)


@pytest.mark.parametrize("at_once", [None, 1, 2])
def test_a_race_of_tanh_networks_finds_what_the_whole_grid_finds(at_once):
    rng = np.random.default_rng(8)
    x, y = rng.standard_normal((12, 4)), rng.standard_normal((12, 2))
    start = small_random((4, 9, 9, 2), scale=0.4, rng=rng)
    grid = dict(learning_rates=np.logspace(0, -3, 9), threshold=8.0, max_steps=300)
    result = tanh_race(start, x, y, at_once=at_once, **grid)
    times = []
    for rate in grid["learning_rates"]:
        run = tanh_gradient_descent(start, x, y, learning_rate=rate, threshold=8.0, n_steps=300)
        times.append(run.n_steps if run.status == "threshold" else np.inf)
    assert np.isfinite(times).sum() > 1 and np.isinf(times).any()
    assert result.learning_time == min(times)
    assert result.learning_rate == grid["learning_rates"][np.argmin(times)]


# Sweeping


def learn(*, n_layers, seed):
    """Race a small network: what a sweep is made for."""
    start, c = easy(n_layers, seed=seed)
    rates = np.logspace(-2, -4, 8)
    result = race(start, c, learning_rates=rates, threshold=0.05 * c.trace_yy, max_steps=300)
    return {"learning_time": result.learning_time, "learning_rate": result.learning_rate}


def logged(*, n, log, stop_at=None, error=RuntimeError):
    """Square a number, and note in a file that it was done; or stop."""
    if n == stop_at and not os.path.exists(f"{log}.resumed"):
        raise error(f"stopped at {n}")
    with open(log, "a") as file:
        file.write(f"{n}\n")
    return {"square": n * n}


def logged_by_another_name(*, n, log):
    return logged(n=n, log=log)


def interrupted(*, n, log, stop_at):
    return logged(n=n, log=log, stop_at=stop_at, error=KeyboardInterrupt)


def process(*, n):
    return {"process": os.getpid()}


def calls(log):
    return sorted(int(line) for line in Path(log).read_text().split()) if Path(log).exists() else []


LEARN = [{"n_layers": n_layers, "seed": seed} for n_layers in (2, 3, 4) for seed in (0, 1)]


def test_results_come_in_the_order_of_cases():
    found = sweep(logged, [{"n": n, "log": os.devnull} for n in (3, 1, 2)])
    assert [record["result"]["square"] for record in found] == [9, 1, 4]


def test_a_case_that_comes_twice_is_computed_once(tmp_path):
    log = str(tmp_path / "log")
    found = sweep(logged, [{"n": n, "log": log} for n in (2, 5, 2)])
    assert [record["result"]["square"] for record in found] == [4, 25, 4]
    assert calls(log) == [2, 5]


def test_no_cases_give_no_results():
    assert sweep(logged, []) == []


def test_parallel_is_the_same_as_serial(tmp_path):
    serial = sweep(learn, LEARN)
    assert sweep(learn, LEARN, n_jobs=2, folder=tmp_path) == serial
    assert sweep(learn, LEARN, folder=tmp_path) == serial


def test_records_carry_case_and_versions(tmp_path):
    (record,) = sweep(learn, LEARN[:1], folder=tmp_path)
    assert record["case"] == LEARN[0]
    assert set(record["versions"]) == {"dlnlib", "numpy", "scipy", "python"}
    assert record["versions"]["dlnlib"] == dlnlib.__version__
    assert record["versions"]["numpy"] == np.__version__
    (path,) = tmp_path.iterdir()
    assert json.loads(path.read_text("utf8")) == record


@pytest.mark.parametrize(
    ("function", "error"), [(logged, RuntimeError), (interrupted, KeyboardInterrupt)]
)
def test_a_sweep_resumes_where_it_was_stopped(tmp_path, function, error):
    log, store = str(tmp_path / "log"), tmp_path / "store"
    cases = [{"n": n, "log": log, "stop_at": 3} for n in range(6)]
    with pytest.raises(error):
        sweep(function, cases, folder=store)
    assert calls(log) == [0, 1, 2]
    assert len(list(store.iterdir())) == 3
    Path(f"{log}.resumed").touch()
    found = sweep(function, cases, folder=store)
    assert [record["result"]["square"] for record in found] == [n * n for n in range(6)]
    assert calls(log) == list(range(6))


def test_a_parallel_sweep_resumes_too(tmp_path):
    log, store = str(tmp_path / "log"), tmp_path / "store"
    cases = [{"n": n, "log": log, "stop_at": 3} for n in range(6)]
    with pytest.raises(RuntimeError, match="stopped at 3"):
        sweep(logged, cases, folder=store, n_jobs=2)
    kept = [json.loads(path.read_text())["case"]["n"] for path in store.glob("*.json")]
    before = calls(log)
    Path(f"{log}.resumed").touch()
    found = sweep(logged, cases, folder=store, n_jobs=2)
    assert [record["result"]["square"] for record in found] == [n * n for n in range(6)]
    # What had been computed but had not arrived is computed again, and nothing else.
    assert calls(log) == sorted(before + [n for n in range(6) if n not in kept])


def test_a_finished_sweep_is_not_recomputed(tmp_path):
    log, store = str(tmp_path / "log"), tmp_path / "store"
    cases = [{"n": n, "log": log} for n in range(4)]
    first = sweep(logged, cases, folder=store)
    assert sweep(logged, cases[::-1], folder=store) == first[::-1]
    assert calls(log) == [0, 1, 2, 3]


def test_only_what_is_new_is_computed(tmp_path):
    log, store = str(tmp_path / "log"), tmp_path / "store"
    sweep(logged, [{"n": n, "log": log} for n in (1, 2)], folder=store)
    sweep(logged, [{"n": n, "log": log} for n in (1, 2, 3)], folder=store)
    assert calls(log) == [1, 2, 3]


def test_another_function_or_version_does_not_find_the_results(tmp_path, monkeypatch):
    log, store = str(tmp_path / "log"), tmp_path / "store"
    cases = [{"n": 1, "log": log}]
    sweep(logged, cases, folder=store)
    sweep(logged_by_another_name, cases, folder=store)
    assert calls(log) == [1, 1]
    monkeypatch.setattr(logged, "__module__", "elsewhere")
    sweep(logged, cases, folder=store)
    assert calls(log) == [1, 1, 1]
    monkeypatch.setattr(dlnlib, "__version__", "0.0.0")
    sweep(logged, cases, folder=store)
    assert calls(log) == [1, 1, 1, 1]


def test_half_a_file_is_not_a_result(tmp_path):
    log, store = str(tmp_path / "log"), tmp_path / "store"
    cases = [{"n": 4, "log": log}]
    sweep(logged, cases, folder=store)
    (path,) = store.iterdir()
    half = path.read_text()[:20]
    path.unlink()
    path.with_suffix(".part").write_text(half)
    (record,) = sweep(logged, cases, folder=store)
    assert record["result"] == {"square": 16}
    assert calls(log) == [4, 4]
    assert [p.suffix for p in store.iterdir()] == [".json"]


@pytest.mark.parametrize("value", [np.arange(3), {1, 2}, object(), 1j])
def test_cases_must_be_plain(value):
    with pytest.raises(ValueError, match="plain numbers, strings and lists"):
        sweep(logged, [{"n": 1, "log": value}])


def test_nothing_is_computed_before_all_cases_are_checked(tmp_path):
    log = str(tmp_path / "log")
    with pytest.raises(ValueError, match="plain numbers"):
        sweep(logged, [{"n": 1, "log": log}, {"n": {2}, "log": log}])
    assert calls(log) == []


def test_progress_is_shown_only_when_asked_for(capsys):
    cases = [{"n": n, "log": os.devnull} for n in range(3)]
    sweep(logged, cases)
    assert capsys.readouterr() == ("", "")
    sweep(logged, cases, progress=True)
    assert "3/3" in capsys.readouterr().err


@pytest.mark.dask
def test_a_dask_cluster_runs_the_same_sweep(tmp_path):
    distributed = pytest.importorskip("distributed", reason="needs dask[distributed]")
    joblib = pytest.importorskip("joblib")
    cluster = distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=None, host="127.0.0.1"
    )
    with cluster, distributed.Client(cluster) as client:
        workers = set(client.run(os.getpid).values())
        with joblib.parallel_config(backend="dask"):
            where = sweep(process, [{"n": n} for n in range(4)])
            found = sweep(learn, LEARN, folder=tmp_path)
    assert {record["result"]["process"] for record in where} <= workers - {os.getpid()}
    assert found == sweep(learn, LEARN)
    assert len(list(tmp_path.iterdir())) == len(LEARN)
