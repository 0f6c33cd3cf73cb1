"""Tests of the ledger: it holds, is complete, and can fail."""

from __future__ import annotations

import importlib.util
import inspect
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import CodeType

import numpy as np
import pytest

import ledger
from dlnlib import (
    correlations,
    datasets,
    exact,
    initial_conditions,
    mean_field,
    networks,
    pretraining,
    propagation,
    random_matrices,
    spectra,
    training,
)
from ledger import (
    CLAIMS,
    VERDICTS,
    Amendment,
    Finding,
    Tolerance,
    page,
    record,
    three_layers,
)
from ledger.__main__ import main

ROOT = Path(__file__).resolve().parents[1]
CACHE = ROOT / "_build" / "claims"
CHAPTERS = ROOT / "chapters"


def evaluate(name):
    """Measure a claim, or recall its measurement by the same code."""
    return ledger.evaluate(CLAIMS[name], cache=CACHE)


# ---- the ledger holds


@pytest.mark.parametrize("name", CLAIMS)
def test_the_verdict_is_the_one_on_record(name):
    assert evaluate(name).verdict == ledger.recorded_verdicts()[name]


def test_the_record_has_every_claim_and_no_other():
    assert list(ledger.recorded_verdicts()) == list(CLAIMS)


def test_claims_are_in_the_order_of_the_paper():
    sections = list(dict.fromkeys(claim.section for claim in CLAIMS.values()))
    assert sections == ["1.1", "1.2", "1.3", "2", "3", "4", "A", "B", "E", "G"]
    later = [
        CLAIMS["eq-13"]._replace(name=section, section=section) for section in ("10", "9", "2")
    ]
    assert list(record.in_order(CLAIMS["eq-46"], *later)) == ["2", "9", "10", "eq-46"]


def test_an_amendment_is_needed_and_slips_are_corrected():
    for name, claim in CLAIMS.items():
        result = evaluate(name)
        if result.finding[1:] != (None, None):
            assert result.verdict != "confirmed", name
        assert (claim.kind == record.SLIP) == (result.verdict == "corrected"), name


# ---- the ledger is complete


def test_there_are_sixty_claims_from_every_section():
    assert len(CLAIMS) >= 60
    assert {c.section for c in CLAIMS.values()} >= {
        *("1.1", "1.2", "1.3", "2", "3", "4", "A", "B", "E", "G")
    }


def test_every_equation_of_the_paper_is_covered():
    covered = {number for claim in CLAIMS.values() for number in claim.equations}
    assert covered == set(range(1, 50))


def test_every_claim_has_its_place_in_a_chapter():
    assert {c.label for c in CLAIMS.values()} - set(page.places(CHAPTERS)) == set()


@pytest.mark.parametrize("name", CLAIMS)
def test_a_claim_declares_the_tables_that_it_reads(name):
    assert set(CLAIMS[name].tables) == tables_in_code(CLAIMS[name].measure, set())


def tables_in_code(function, seen):
    """Return the tables that are named in a function, and in all of the ledger that it calls."""
    function = inspect.unwrap(function) if callable(function) else function
    if not inspect.isfunction(function) or not function.__module__.startswith("ledger."):
        return set()
    found, parts = set(), [function.__code__]
    for part in [] if function in seen else parts:
        seen.add(function)
        parts += [constant for constant in part.co_consts if isinstance(constant, CodeType)]
        found |= {c for c in part.co_consts if isinstance(c, str) and c.endswith(".csv")}
        for name in part.co_names:
            found |= tables_in_code(function.__globals__.get(name), seen)
    return found


def test_every_statement_is_a_sentence_and_every_tolerance_has_a_reason():
    for name, claim in CLAIMS.items():
        assert re.fullmatch(r"[a-z0-9.-]+", name)
        assert claim.statement.endswith(".") and "  " not in claim.statement, name
        finding = evaluate(name).finding
        checks = [finding.stated, *(amendment.check for amendment in finding[1:] if amendment)]
        assert all(check.reason for check in checks), name


# ---- verdicts follow from measurements

YES, NO = ledger.at_most(1, 2, "an example"), ledger.at_most(3, 2, "an example")


@pytest.mark.parametrize(
    ("finding", "verdict"),
    [
        (Finding(YES), "confirmed"),
        (Finding(NO), "not confirmed"),
        (Finding(NO, condition=Amendment("if", YES)), "confirmed with a condition"),
        (Finding(NO, condition=Amendment("if", NO)), "not confirmed"),
        (Finding(NO, correction=Amendment("rather", YES)), "corrected"),
        (Finding(NO, correction=Amendment("rather", NO)), "not confirmed"),
        (Finding(YES, correction=Amendment("rather", YES)), "confirmed"),
    ],
)
def test_verdict(finding, verdict):
    assert ledger.verdict(finding) == verdict
    assert verdict in VERDICTS


@pytest.mark.parametrize(
    ("check", "held"),
    [
        (ledger.equal(1.1, 1.0, Tolerance(0.2, "")), True),
        (ledger.equal(1.1, 1.0, Tolerance(0.05, "")), False),
        (ledger.equal(np.nan, 1.0, Tolerance(0.05, "")), False),
        (ledger.at_least(np.nan, 1.0, ""), False),
        (ledger.at_least(2.0, 1.0, ""), True),
        (ledger.at_least(0.5, 1.0, ""), False),
        (ledger.at_most(np.inf, 1.0, ""), False),
    ],
)
def test_passes(check, held):
    assert ledger.passes(check) == held


def test_bad_claims_are_refused():
    with pytest.raises(ValueError, match="unique, got eq-12 more than once"):
        record.in_order(CLAIMS["eq-1"], CLAIMS["eq-12"], CLAIMS["eq-12"])
    with pytest.raises(ValueError, match="kind must be one of"):
        ledger.claim("new", "", "", section="1", kind="hearsay")


# ---- the ledger can fail


def times(factor):
    """Return a mutation that scales what a function returns."""

    def mutate(function):
        def wrong(*args, **kwargs):
            result = function(*args, **kwargs)
            return [factor * r for r in result] if isinstance(result, tuple) else factor * result

        return wrong

    return mutate


def given(**changes):
    """Return a mutation that changes keyword arguments of a function."""

    def mutate(function):
        def wrong(*args, **kwargs):
            changed = {name: change(kwargs.get(name)) for name, change in changes.items()}
            return function(*args, **{**kwargs, **changed})

        return wrong

    return mutate


def half(x):
    return x / 2


def one_more(n):
    return n + 1


def without_competition(weights, data):
    """Drop the overlaps between modes from the gradient of a three-layer network."""
    first, second = weights
    residual = np.diag(np.diag(data.sigma_yx - second @ first))
    return -second.T @ residual, -residual @ first.T


def shuffled(function):
    """Pretrain on other inputs."""

    def wrong(data, sizes, **kwargs):
        sigma = data.sigma_xx[::-1, ::-1].copy()
        return function(correlations.Correlations(sigma, sigma, data.trace_yy, 6), sizes, **kwargs)

    return wrong


def wider(function):
    return lambda *args, **kwargs: (1.05 * W for W in function(*args, **kwargs))


def louder(function):
    """Multiply the graded product that a function returns by a factor."""

    def wrong(*args, **kwargs):
        product = function(*args, **kwargs)
        return product._replace(log_scales=product.log_scales + np.log(1.001))

    return wrong


MUTATIONS = {
    "a gradient of the wrong sign": (networks, "gradient", times(-1), "eq-5"),
    "a gradient half as large": (networks, "gradient", times(0.5), "eq-28"),
    "no competition": (networks, "gradient", lambda _: without_competition, "eq-6"),
    "an error without its half": (networks, "error", times(2), "eq-9"),
    "a sigmoid twice as fast": (exact, "mode_strength", given(tau=half), "eq-12"),
    "a time without its factor 2": (exact, "learning_time", times(2), "eq-11"),
    "a depth off by one": (exact, "learning_time", given(n_layers=one_more), "eq-15-time"),
    "a limit off by a per cent": (exact, "infinite_depth_learning_time", times(0.99), "eq-17"),
    "s for 2s": (exact, "unbalanced_learning_time", given(s=half), "eq-26"),
    "another curvature": (exact, "curvature_along_path", given(n_layers=one_more), "eq-37"),
    "a Newton step backwards": (exact, "newton_step", times(-1), "eq-40"),
    "a rate too high": (exact, "optimal_learning_rate", times(1.5), "eq-41"),
    "white inputs": (exact, "mode_strength", given(d=lambda _: 1.0), "app-e-depth"),
    "a loose integrator": (training, "gradient_flow", given(rtol=lambda _: 1e-3), "eq-8"),
    "flow 1 % too slow": (training, "gradient_flow", given(tau=lambda x: 1.01 * x), "eq-11"),
    "too few steps": (training, "gradient_descent", given(n_steps=lambda n: n // 100), "eq-7"),
    "steps half as large": (training, "gradient_descent", given(learning_rate=half), "eq-42"),
    "wide weights": (
        initial_conditions,
        "small_random",
        given(scale=lambda x: 1.1 * x),
        "fig-3-mean-u0",
    ),
    "a tree that flips more often": (
        datasets,
        "hierarchical",
        given(flip_probability=lambda _: 0.12),
        "fig-3-flips",
    ),
    "another tree": (exact, "hierarchical_singular_values", times(1.001), "fig-3-tree"),
    "centred pixels": (
        datasets,
        "mnist",
        lambda load: lambda: correlations.centred(load()),
        "fig-4-floor-raw",
    ),
    "a wrong end": (networks, "product", times(1.001), "sec-3-fixed-point"),
    "a task out of line": (pretraining, "greedy_pretraining", shuffled, "eq-18"),
    "larger variances": (random_matrices, "gaussian_factors", wider, "eq-19"),
    "a law of other moduli": (
        spectra,
        "eigenvalue_mass_in_square",
        given(n_factors=one_more),
        "fig-6c-depth",
    ),
    "orthogonal but for a gain": (
        random_matrices,
        "orthogonal_factors",
        given(gain=lambda _: 1.001),
        "sec-3-orthogonal",
    ),
    "a map off by a per mille": (mean_field, "variance_map", times(1.001), "eq-48"),
    "another critical gain": (
        mean_field,
        "fixed_point",
        lambda f: lambda *, gain: f(gain=gain / 1.001),
        "sec-4-critical",
    ),
    "a Jacobian of other weights": (
        propagation,
        "jacobian",
        louder,
        "eq-22",
    ),
}


@pytest.mark.parametrize(
    ("module", "function", "mutate", "name"), MUTATIONS.values(), ids=MUTATIONS
)
def test_a_broken_library_changes_the_verdict(monkeypatch, module, function, mutate, name):
    assert ledger.evaluate(CLAIMS[name]).verdict == ledger.recorded_verdicts()[name]
    record.forget()
    monkeypatch.setattr(module, function, mutate(getattr(module, function)))
    assert ledger.evaluate(CLAIMS[name]).verdict == "not confirmed"
    record.forget()


def test_the_right_form_in_place_of_the_printed_one_is_confirmed(monkeypatch):
    eq_26 = three_layers._eq_26
    monkeypatch.setattr(three_layers, "_eq_26", lambda begin, end, s: eq_26(begin, end, 2.0))
    assert ledger.evaluate(CLAIMS["eq-26"]).verdict == "confirmed"


# ---- the cache can't be stale


def test_a_measurement_is_recalled_only_for_the_same_code(tmp_path, monkeypatch):
    claim = CLAIMS["eq-23"]
    first = ledger.evaluate(claim, cache=tmp_path)
    assert ledger.evaluate(claim, cache=tmp_path) == first
    broken = claim._replace(measure=lambda: NO)
    assert ledger.evaluate(broken, cache=tmp_path).finding == first.finding
    monkeypatch.setattr(record, "fingerprint", lambda: "another library")
    assert ledger.evaluate(broken, cache=tmp_path).finding.stated == NO


def test_every_part_of_a_finding_is_recalled(tmp_path):
    amended = Finding(NO, Amendment("if", YES), Amendment("rather", NO))
    claim = CLAIMS["eq-23"]._replace(measure=lambda: amended)
    ledger.evaluate(claim, cache=tmp_path)
    assert ledger.evaluate(claim, cache=tmp_path).finding == amended


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """Copy what measurements depend on, and their record."""
    root = tmp_path_factory.mktemp("checkout")
    unlike_code = shutil.ignore_patterns("__pycache__")
    for folder in ("dlnlib", "ledger", "chapters/data"):
        shutil.copytree(ROOT / folder, root / folder, ignore=unlike_code)
    return root


def fingerprint(root):
    """Return the fingerprint that a checkout finds of itself."""
    command = [sys.executable, "-c", "from ledger.record import fingerprint as f; print(f())"]
    return subprocess.run(command, cwd=root, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize(
    ("file", "is_an_input"),
    [
        ("dlnlib/exact/time_course.py", True),
        ("dlnlib/data/mnist.npz", True),
        ("ledger/depth.py", True),
        ("chapters/data/figure_6a.csv", True),
        ("chapters/data/printed/fig4.csv", True),
        ("ledger/claims.json", False),
    ],
)
def test_the_fingerprint_follows_what_measurements_depend_on(checkout, file, is_an_input):
    before, content = fingerprint(checkout), (checkout / file).read_bytes()
    (checkout / file).write_bytes(content + b"\n")
    after = fingerprint(checkout)
    (checkout / file).write_bytes(content)
    assert (after != before) == is_an_input
    assert fingerprint(checkout) == before


# ---- tables


def test_a_claim_whose_table_is_missing_says_which_and_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setattr(record, "TABLES", tmp_path / "chapters" / "data")
    message = r"data/printed/fig4\.csv is missing;.*run the ledger there"
    with pytest.raises(FileNotFoundError, match=message):
        ledger.evaluate(CLAIMS["fig-4-times"])
    with pytest.raises(FileNotFoundError, match=message):
        record.read_table("printed/fig4.csv")


def test_without_tables_the_command_measures_what_it_can(tmp_path):
    for folder in ("dlnlib", "ledger"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    command = [sys.executable, "-m", "ledger", "--id", "eq-23", "fig-2-first", "--json"]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert [claim["name"] for claim in json.loads(result.stdout)] == ["eq-23"]
    assert re.fullmatch(
        r"fig-2-first: not measured, \S+/chapters/data/printed/fig2\.csv is missing: run the "
        r"ledger in a checkout of the repository\n",
        result.stderr,
    )


# ---- the command line


def test_the_command_prints_a_table(capsys):
    assert main(["--section", "A"]) == 0
    printed = capsys.readouterr().out
    assert re.search(r"^eq-26 +Eq\. 26 +corrected +1\.\d+ = 0\.5", printed, re.M)
    assert "eq-12" not in printed


def test_the_command_shows_one_claim_with_its_source(capsys):
    assert main(["--id", "eq-25"]) == 0
    printed = capsys.readouterr().out
    assert "def hyperbolic_motion" in printed
    assert "Right: τ dθ/dt = 2s - c0 sinh θ" in printed


def test_the_command_prints_json(capsys):
    assert main(["--json", "--id", "eq-23", "eq-24"]) == 0
    first, second = json.loads(capsys.readouterr().out)
    assert first["verdict"] == "corrected"
    assert first["correction"]["text"] == "ab = (c0/2) sinh θ"
    assert second["stated"]["expected"] == 0


def test_the_command_fails_if_a_verdict_changed(capsys, monkeypatch):
    monkeypatch.setitem(CLAIMS, "eq-24", CLAIMS["eq-24"]._replace(measure=lambda: NO))
    assert main(["--section", "A"]) == 1
    assert "eq-24: not confirmed, on record confirmed" in capsys.readouterr().err


@pytest.mark.parametrize("is_at_root", [True, False])
def test_the_command_runs_as_a_module(tmp_path, is_at_root):
    elsewhere = {"cwd": tmp_path, "env": {**os.environ, "PYTHONPATH": str(ROOT)}}
    where = {"cwd": ROOT} if is_at_root else elsewhere
    command = [sys.executable, "-m", "ledger", "--id", "fig-2-first"]
    result = subprocess.run(command, capture_output=True, text=True, check=True, **where)
    assert result.stdout.splitlines()[1].startswith("fig-2-first")
    unknown = subprocess.run(
        [*command, "eq-99"], capture_output=True, text=True, check=False, **where
    )
    assert (unknown.returncode, unknown.stderr.strip()) == (1, "no such claim: eq-99")


# ---- the page


def test_the_table_has_a_row_with_a_link_for_every_claim():
    results = [evaluate(name) for name in CLAIMS]
    html = page.table(results, page.places(CHAPTERS))
    assert re.findall(r'<tr id="claim-([^"]+)"', html) == list(CLAIMS)
    assert 'href="section-1-3.html#equation-eq-12">Eq. 12</a>' in html
    assert html.count("<details>") == html.count("<pre>@claim(") == len(CLAIMS)


def test_badges_show_what_is_on_record_and_link_to_the_ledger():
    spec = importlib.util.spec_from_file_location("badges", ROOT / "_ext" / "claims_badges.py")
    extension = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(extension)
    links = extension.badges(["eq-24", "eq-26", "eq-26-reach"], "chapters/appendix-a").children
    assert [link.astext() for link in links] == ["confirmed", "corrected × 2"]
    assert links[1]["refuri"] == "../chapters/ledger.html#claim-eq-26"
    assert extension.badges(["eq-24"], "intro")[0]["refuri"] == "chapters/ledger.html#claim-eq-24"
