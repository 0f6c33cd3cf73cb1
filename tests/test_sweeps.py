"""Tests of dlnlib.sweeps."""

from __future__ import annotations

import functools
import importlib
import json
import os
import shutil
import sys
import warnings
from pathlib import Path

import joblib
import numpy as np
import pytest

import dlnlib
from dlnlib import _fingerprint
from dlnlib.correlations import from_data, modes
from dlnlib.initial_conditions import decoupled
from dlnlib.racing import race
from dlnlib.sweeps import sweep


def easy(n_layers=3, width=7, seed=0):
    """Return a small network and data that are neither white nor aligned with the targets."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((30, 5)) * np.linspace(0.5, 2, 5)
    c = from_data(x, x @ rng.standard_normal((5, 3)))
    return decoupled(modes(c), (5, *[width] * (n_layers - 2), 3), u0=0.01, rng=seed), c


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


def test_another_function_or_library_does_not_find_the_results(tmp_path, monkeypatch):
    log, store = str(tmp_path / "log"), tmp_path / "store"
    cases = [{"n": 1, "log": log}]
    sweep(logged, cases, folder=store)
    sweep(logged_by_another_name, cases, folder=store)
    assert calls(log) == [1, 1]
    monkeypatch.setattr(logged, "__module__", "elsewhere")
    sweep(logged, cases, folder=store)
    assert calls(log) == [1, 1, 1]
    monkeypatch.setattr(_fingerprint, "of_library", lambda: "another library")
    sweep(logged, cases, folder=store)
    assert calls(log) == [1, 1, 1, 1]


def test_a_function_whose_file_has_changed_does_not_find_the_results(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    file, store, found = tmp_path / "a_case.py", tmp_path / "store", []
    for body in ("n + BASE", "n + BASE", "n * BASE"):
        file.write_text(f"BASE = 5\ndef case(n):\n    return {{'value': {body}}}\n")
        sys.modules.pop("a_case", None)
        importlib.invalidate_caches()
        shutil.rmtree(tmp_path / "__pycache__", ignore_errors=True)
        module = importlib.import_module("a_case")
        (record,) = sweep(module.case, [{"n": 2}], folder=store)
        found.append(record["result"]["value"])
    assert found == [7, 7, 10]
    assert len(list(store.iterdir())) == 2


def test_functions_without_a_file_are_known_by_their_code(tmp_path):
    for body, value in (("n + 1", 3), ("n + 1", 3), ("n + 2", 4)):
        scope = {}
        exec(f"def case(n):\n    return {{'value': {body}}}", scope)
        (record,) = sweep(scope["case"], [{"n": 2}], folder=tmp_path, n_jobs=1)
        assert record["result"]["value"] == value
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize(
    "pair",
    [
        ("lambda n: {'value': abs(n)}", "lambda n: {'value': int(n)}"),
        ("lambda n, k=1: {'value': k}", "lambda n, k=2: {'value': k}"),
        ("(lambda k: lambda n: {'value': k})(1)", "(lambda k: lambda n: {'value': k})(2)"),
        ("lambda n: {'value': (lambda m: m + 1)(n)}", "lambda n: {'value': (lambda m: m + 2)(n)}"),
    ],
)
def test_what_functions_name_and_hold_counts(pair):
    first, again, other = (
        _fingerprint.of_function(eval(code)) for code in (*pair[:1] * 2, pair[1])
    )
    assert first == again != other


def test_a_function_without_code_of_its_own_is_refused(tmp_path):
    with pytest.raises(TypeError, match="function must be one that is known by its code"):
        sweep(functools.partial(learn, n_layers=3), [{"seed": 0}], folder=tmp_path)


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
