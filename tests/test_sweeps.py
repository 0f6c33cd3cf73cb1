"""Tests of dlnlib.sweeps."""

from __future__ import annotations

import functools
import importlib
import json
import os
import shutil
import subprocess
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


def closure(k, table):
    def held(*, n, more=0.0):
        return {"value": n * k + float(table.sum()) + more}

    return held


def test_what_a_function_of_a_file_holds_counts(tmp_path):
    # All have one file, one name and one code.
    long, longer = np.zeros(2000), np.zeros(2000)
    longer[1000] = 1.0
    found = []
    for k, table, more in ((2, long, 0.0), (3, long, 0.0), (2, longer, 0.0), (2, long, 7.0)):
        function = closure(k, table)
        function.__kwdefaults__ = {"more": more}
        (record,) = sweep(function, [{"n": 1}], folder=tmp_path)
        found.append(record["result"]["value"])
    assert found == [2.0, 3.0, 3.0, 9.0]
    sweep(closure(2, long), [{"n": 1}], folder=tmp_path)
    assert len(list(tmp_path.iterdir())) == 4


def test_a_file_that_changes_below_a_function_does_not_give_it_a_new_name(tmp_path, monkeypatch):
    # What was imported before an edit must not be kept as what the edited file computes.
    monkeypatch.syspath_prepend(tmp_path)
    file, store = tmp_path / "late_case.py", tmp_path / "store"
    file.write_text("def case(n):\n    return {'value': n + 5}\n")
    before = importlib.import_module("late_case")
    file.write_text("def case(n):\n    return {'value': n * 50}\n")
    assert sweep(before.case, [{"n": 2}], folder=store)[0]["result"] == {"value": 7}
    sys.modules.pop("late_case")
    importlib.invalidate_caches()
    shutil.rmtree(tmp_path / "__pycache__", ignore_errors=True)
    after = importlib.import_module("late_case")
    assert sweep(after.case, [{"n": 2}], folder=store)[0]["result"] == {"value": 100}


@pytest.mark.parametrize(
    ("text", "factor"),
    [
        ("K = {}", "K"),
        ("def factor():\n    return {}", "factor()"),
        ("import a_factor", "a_factor.factor()"),
        ("from a_factor import factor", "factor()"),
    ],
)
def test_what_a_function_without_a_file_uses_counts(tmp_path, monkeypatch, text, factor):
    monkeypatch.syspath_prepend(tmp_path)
    found = []
    for value in (3, 3, 5):
        (tmp_path / "a_factor.py").write_text(f"def factor():\n    return {value}\n")
        sys.modules.pop("a_factor", None)
        importlib.invalidate_caches()
        shutil.rmtree(tmp_path / "__pycache__", ignore_errors=True)
        scope = {}
        exec(text.format(value) + f"\ndef case(n):\n    return {{'value': n * {factor}}}", scope)
        (record,) = sweep(scope["case"], [{"n": 2}], folder=tmp_path / "store")
        found.append(record["result"]["value"])
    assert found == [6, 6, 10]
    assert len(list((tmp_path / "store").iterdir())) == 2


def test_a_function_has_the_same_name_in_every_session():
    code = (
        "from dlnlib import _fingerprint; import numpy as np; TABLE = np.arange(9.0)\n"
        "def case(n): return {'value': n in {'one', 'two', 'three'}, 'sum': np.sum(TABLE)}\n"
        "print(_fingerprint.of_function(case))"
    )
    names = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in "123"
    }
    assert len(names) == 1


def nothing(*, n):
    """Return what is no result."""


def bare(*, n):
    return {"value": {n}}


def test_a_sweep_refuses_by_name(tmp_path):
    case = {"n": 1}
    for function, cases, folder, error, message in (
        (None, [case], None, TypeError, "function must be one that is known by its code"),
        (process, None, None, TypeError, "cases must be a sequence of mappings, got None"),
        (process, case, None, TypeError, "cases must be a sequence of mappings"),
        (process, [1.0], None, TypeError, "cases must be mappings of names to values, got 1.0"),
        (process, [case, {"m": 1}], None, TypeError, "function must take the names of cases"),
        (nothing, [case], None, TypeError, "function must return a mapping, got None"),
        (bare, [case], tmp_path, ValueError, "function must return plain numbers"),
        (process, [case], 3.0, TypeError, "folder must be a path, got 3.0"),
    ):
        with pytest.raises(error, match=message):
            sweep(function, cases, folder=folder)
    with pytest.raises(ValueError, match="n_jobs"):
        sweep(process, [case], n_jobs=0)
    with pytest.raises(TypeError, match=r"n_jobs must be an integer from -1024 to 1024, got '2'"):
        sweep(process, [case], n_jobs="2")
    with pytest.raises(TypeError, match="progress must be True or False, got 1"):
        sweep(process, [case], progress=1)


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


def test_a_sweep_that_keeps_nothing_reads_nothing_that_its_function_uses():
    class Unread:
        def __reduce__(self):
            raise AssertionError("what is large was read")

        __repr__ = __reduce__

    large = Unread()

    def used(*, x):
        return {"is": large is not None, "x": x}

    (record,) = sweep(used, [{"x": 1}], n_jobs=1)
    assert record["result"] == {"is": True, "x": 1}
