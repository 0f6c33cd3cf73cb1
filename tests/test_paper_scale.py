"""The tables of chapters/data are what tools/paper_scale.py computes."""

from __future__ import annotations

import os
import sys
from functools import cache
from itertools import product
from pathlib import Path

import joblib
import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tools"))

import paper_scale  # noqa: E402

from dlnlib.book import table  # noqa: E402
from dlnlib.spectra import eigenvalue_mass_in_square, log_singular_value_cdf  # noqa: E402

TABLES = ROOT / "chapters" / "data"
# Other processors round differently: a value on the edge of two bins may change sides.
MOVED = 2
# Rounding, times a condition number of a hundred for factors, relative to ln s.
ROUNDING = 1e-9


def read(name, folder=TABLES):
    """Return the commented parameters of a table and its rows."""
    lines = (folder / f"{name}.csv").read_text("utf8").splitlines()
    head = dict(line[2:].split(": ", 1) for line in lines if line.startswith("#"))
    return head, table(folder / f"{name}.csv")


def column(rows, name, **where):
    """Return one column of the rows where others have the given values."""
    chosen = np.ones(len(rows), dtype=bool)
    for key, value in where.items():
        chosen &= rows[key] == value
    return rows[name][chosen]


@cache
def repeated(n_layers):
    """Return the first realisations of a product, computed again."""
    first = range(paper_scale.N_FIRST)
    return [paper_scale.spectra(n_layers=n_layers, realisation=i) for i in first]


def slow(*values):
    """Return a case that only `make paper` repeats."""
    return pytest.param(*values, marks=pytest.mark.slow)


@pytest.mark.parametrize("name", ["singular_values", "eigenvalues", "realisations"])
def test_tables_say_what_they_are(name):
    head, _ = read(f"figure_6bc_{name}")
    assert (head["size"], head["n_realisations"]) == ("1000", "500")
    assert (paper_scale.SIZE, paper_scale.N_REALISATIONS) == (1000, 500)
    assert head["rng"] == "default_rng([6, n_layers, realisation])"
    assert head["versions"].startswith("dlnlib ")
    assert "numpy " in head["versions"]


@pytest.mark.parametrize("n_layers", [2, slow(6)])
def test_the_first_realisations_repeat(n_layers):
    _, bins = read("figure_6bc_singular_values")
    for variable in ("s", "ln_s"):
        counts = column(bins, "count_2", n_layers=n_layers, variable=variable)
        again = np.sum([result[variable] for result in repeated(n_layers)], axis=0)
        assert abs(counts - again).sum() <= 2 * MOVED
    _, plane = read("figure_6bc_eigenvalues")
    counts = np.zeros((41, 21))
    re, im = (np.round(10 * column(plane, x, n_layers=n_layers)).astype(int) for x in ("re", "im"))
    counts[re + 20, im] = column(plane, "count_2", n_layers=n_layers)
    again = np.sum([result["z"] for result in repeated(n_layers)], axis=0)
    assert abs(counts - again).sum() <= 2 * MOVED
    _, each = read("figure_6bc_realisations")
    for name in paper_scale.NUMBERS:
        kept = column(each, name, n_layers=n_layers)[: paper_scale.N_FIRST]
        again = np.array([result[name] for result in repeated(n_layers)])
        if name in ("in_origin_bin", "n_real"):
            assert abs(kept - again).max() <= MOVED
        else:
            np.testing.assert_allclose(kept, again, atol=ROUNDING)


@pytest.mark.parametrize("n_layers", [2, 6, 101])
def test_no_value_is_missing_from_a_table(n_layers):
    _, bins = read("figure_6bc_singular_values")
    for variable in ("s", "ln_s"):
        where = {"n_layers": n_layers, "variable": variable}
        assert column(bins, "count_500", **where).sum() == 500_000
        assert column(bins, "count_2", **where).sum() == 2000
        edges = paper_scale.bin_edges(n_layers)[variable]
        np.testing.assert_allclose(column(bins, "low", **where), edges[:-1], rtol=1e-5, atol=1e-12)
    _, plane = read("figure_6bc_eigenvalues")
    counts, im = (column(plane, name, n_layers=n_layers) for name in ("count_500", "im"))
    assert counts[im == 0].sum() + 2 * counts[im > 0].sum() == 500_000
    _, each = read("figure_6bc_realisations")
    np.testing.assert_array_equal(column(each, "realisation", n_layers=n_layers), np.arange(500))
    in_origin_bin = column(plane, "count_500", n_layers=n_layers, re=0.0, im=0.0)
    assert in_origin_bin == column(each, "in_origin_bin", n_layers=n_layers).sum()


@pytest.mark.parametrize(("n_layers", "percent"), [(2, 0), (6, 32), (101, 94)])
def test_tables_follow_the_limiting_laws(n_layers, percent):
    _, each = read("figure_6bc_realisations")
    share = column(each, "in_origin_bin", n_layers=n_layers) / 1000
    assert round(100 * share.mean()) == percent
    # The laws are limits: at 1000 rows they are off by up to a standard deviation of one sample.
    law = eigenvalue_mass_in_square(0.1, n_factors=n_layers - 1)
    assert abs(share.mean() - law) < share.std()
    _, bins = read("figure_6bc_singular_values")
    counts, high = (
        column(bins, name, n_layers=n_layers, variable="ln_s") for name in ("count_500", "high")
    )
    law = log_singular_value_cdf(high, n_factors=n_layers - 1)
    np.testing.assert_allclose(np.cumsum(counts) / 500_000, law, atol=1 / 1000)


# Fig. 6A


def test_the_table_of_learning_times_is_whole():
    head, rows = read("figure_6a")
    assert (head["threshold"], head["width"], head["reduce"]) == ("13000.0", "1000", "False")
    found = rows[["start", "output", "n_layers", "seed"]].tolist()
    others = "orthogonal", "pretrained"
    start, depths, seeds = paper_scale.SEEDED
    expected = [
        *product(("scaled", *others), ["near zero"], paper_scale.ALL_DEPTHS, [0]),
        *product(others, ["full strength"], paper_scale.FULL_DEPTHS, [0]),
        *product([start], ["near zero"], depths, seeds),
    ]
    assert sorted(found) == sorted(expected)
    # The optimum is inside the grid: rates on both sides of it were tried.
    best = [int(k) for row in rows for k in row["k"].split("-")]
    assert 0 < min(best) <= max(best) < len(paper_scale.RATES) - 1


@pytest.mark.parametrize(
    ("start", "n_layers"),
    [
        ("scaled", 3),
        slow("orthogonal", 3),
        slow("pretrained", 3),
        slow("scaled", 5),
        slow("orthogonal", 5),
        slow("pretrained", 5),
    ],
)
def test_learning_times_of_shallow_networks_repeat(start, n_layers):
    _, rows = read("figure_6a")
    again = paper_scale.learn_mnist(start=start, n_layers=n_layers, seed=0)
    for output, (epochs, k) in again.items():
        where = {"start": start, "output": output, "n_layers": n_layers, "seed": 0}
        assert column(rows, "epochs", **where).tolist() == [epochs]
        assert column(rows, "k", **where).tolist() == ["-".join(map(str, k))]


# Learning of deep tanh networks


def test_the_table_of_tanh_networks_is_whole():
    head, rows = read("deep_tanh_digits")
    assert len(rows) == 2 * 3 * 5 * 3
    rates = np.array(head["learning_rates"].split(), float)
    np.testing.assert_allclose(rates, paper_scale.DIGIT_RATES, rtol=1e-3)
    best = rows["learning_rate"][np.isfinite(rows["learning_time"])]
    assert 1.01 * rates.min() < best.min() <= best.max() < 0.99 * rates.max()


@pytest.mark.parametrize("n_layers", [3, slow(5)])
def test_a_tanh_network_learns_again_as_in_the_table(n_layers):
    _, rows = read("deep_tanh_digits")
    case = {"start": "orthogonal", "gain": 1.0, "n_layers": n_layers, "seed": 0}
    again = paper_scale.learn_digits(**case)
    kept = column(rows, "learning_time", **case).item()
    assert again["learning_time"] == pytest.approx(kept, rel=0.05)


# Running it


def test_a_run_resumes_and_writes_the_same_tables(tmp_path, monkeypatch):
    for name, value in {
        "SIZE": 10,
        "N_REALISATIONS": 3,
        "ROOT": tmp_path,
        "KEPT": tmp_path / "kept",
        "TABLES": tmp_path / "tables",
    }.items():
        monkeypatch.setattr(paper_scale, name, value)
    monkeypatch.setattr(sys, "argv", ["paper_scale.py", "figure_6bc"])
    with joblib.parallel_config(backend="sequential"):
        paper_scale.main()
        written = {path: path.read_bytes() for path in (tmp_path / "tables").iterdir()}
        kept = sorted((tmp_path / "kept" / "figure_6bc").iterdir())
        assert (len(written), len(kept)) == (3, 9)
        kept[0].unlink()
        for path in written:
            path.unlink()
        times = {path: path.stat().st_mtime_ns for path in kept[1:]}
        paper_scale.main()
    assert {path: path.read_bytes() for path in written} == written
    assert {path: path.stat().st_mtime_ns for path in kept[1:]} == times
    _, each = read("figure_6bc_realisations", tmp_path / "tables")
    assert len(each) == 9
    assert (
        column(each, "in_origin_bin", n_layers=2)[0] == paper_scale.spectra(2, 0)["in_origin_bin"]
    )


def process(*, n):
    return {"process": os.getpid()}


@pytest.mark.dask
def test_the_cluster_that_scheduler_names_computes(monkeypatch):
    distributed = pytest.importorskip("distributed", reason="needs dask[distributed]")
    found = []

    def task():
        found.extend(r["result"]["process"] for r in paper_scale.sweep(process, [{"n": 1}]))

    monkeypatch.setattr(paper_scale, "TASKS", {"task": task})
    monkeypatch.setattr(sys, "argv", ["paper_scale.py"])
    cluster = distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=None, host="127.0.0.1"
    )
    with cluster, distributed.Client(cluster) as client:
        there = set(client.run(os.getpid).values())
        monkeypatch.setenv("SCHEDULER", cluster.scheduler_address)
        paper_scale.main()
        monkeypatch.delenv("SCHEDULER")
        paper_scale.main()
    assert found[0] in there
    assert found[1:] == [os.getpid()]


def test_unknown_tasks_are_refused(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["paper_scale.py", "figure_9"])
    with pytest.raises(
        SystemExit, match="unknown task 'figure_9': choose from figure_6a, figure_6bc"
    ):
        paper_scale.main()
