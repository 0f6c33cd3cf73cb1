"""Tests of dlnlib.claims: the ledger holds, is complete, and can fail."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from dlnlib import (
    claims,
    correlations,
    datasets,
    exact,
    initial_conditions,
    networks,
    random_matrices,
    signal_propagation,
    training,
)
from dlnlib.claims import (
    CLAIMS,
    VERDICTS,
    Amendment,
    Finding,
    Tolerance,
    depth,
    ledger,
    page,
    signals,
    starts,
    three_layers,
)
from dlnlib.claims.__main__ import main

ROOT = Path(__file__).resolve().parents[1]
CACHE = ROOT / "_build" / "claims"
CHAPTERS = ROOT / "chapters"


# ---- the ledger holds


@pytest.mark.parametrize("name", CLAIMS)
def test_the_verdict_is_the_one_on_record(name):
    assert claims.evaluate(name, cache=CACHE).verdict == claims.recorded_verdicts()[name]


def test_the_record_has_every_claim_and_no_other():
    assert list(claims.recorded_verdicts()) == list(CLAIMS)


def test_an_amendment_is_needed_and_slips_are_corrected():
    for name, claim in CLAIMS.items():
        result = claims.evaluate(name, cache=CACHE)
        if result.finding[1:] != (None, None):
            assert result.verdict != "confirmed", name
        assert (claim.kind == ledger.SLIP) == (result.verdict == "corrected"), name


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


def test_every_statement_is_a_sentence_and_every_tolerance_has_a_reason():
    for name, claim in CLAIMS.items():
        assert re.fullmatch(r"[a-z0-9.-]+", name)
        assert claim.statement.endswith(".") and "  " not in claim.statement, name
        finding = claims.evaluate(name, cache=CACHE).finding
        checks = [finding.stated, *(amendment.check for amendment in finding[1:] if amendment)]
        assert all(check.reason for check in checks), name


# ---- verdicts follow from measurements

YES, NO = claims.at_most(1, 2, "an example"), claims.at_most(3, 2, "an example")


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
    assert claims.verdict(finding) == verdict
    assert verdict in VERDICTS


@pytest.mark.parametrize(
    ("check", "held"),
    [
        (claims.equal(1.1, 1.0, Tolerance(0.2, "")), True),
        (claims.equal(1.1, 1.0, Tolerance(0.05, "")), False),
        (claims.equal(np.nan, 1.0, Tolerance(0.05, "")), False),
        (claims.at_least(np.nan, 1.0, ""), False),
        (claims.at_least(2.0, 1.0, ""), True),
        (claims.at_least(0.5, 1.0, ""), False),
        (claims.at_most(np.inf, 1.0, ""), False),
    ],
)
def test_passes(check, held):
    assert claims.passes(check) == held


def test_bad_claims_are_refused():
    with pytest.raises(ValueError, match="unique, got 'eq-12' twice"):
        ledger.claim("eq-12", "", "", section="1", kind=ledger.SLIP)
    with pytest.raises(ValueError, match="kind must be one of"):
        ledger.claim("new", "", "", section="1", kind="hearsay")
    with pytest.raises(ValueError, match="name must be the id of a claim, got 'eq-0'"):
        claims.evaluate("eq-0")


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


def flipping_more_often(function):
    return lambda n_levels, n_features, p, rng: function(n_levels, n_features, 0.12, rng=rng)


def shuffled(function):
    """Pretrain on other inputs."""

    def wrong(data, sizes, **kwargs):
        sigma = data.sigma_xx[::-1, ::-1].copy()
        return function(correlations.Correlations(sigma, sigma, data.trace_yy, 6), sizes, **kwargs)

    return wrong


def wider(function):
    return lambda *args, **kwargs: (1.05 * W for W in function(*args, **kwargs))


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
    "a tree that flips more often": (datasets, "hierarchical", flipping_more_often, "fig-3-flips"),
    "another tree": (datasets, "hierarchical_singular_values", times(1.001), "fig-3-tree"),
    "centred pixels": (
        datasets,
        "mnist",
        lambda load: lambda: correlations.centred(load()),
        "fig-4-floor-raw",
    ),
    "a wrong end": (networks, "product", times(1.001), "sec-3-fixed-point"),
    "a task out of line": (initial_conditions, "greedy_pretraining", shuffled, "eq-18"),
    "larger variances": (random_matrices, "gaussian_factors", wider, "eq-19"),
    "a law of other moduli": (
        random_matrices,
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
    "a map off by a per mille": (signal_propagation, "variance_map", times(1.001), "eq-48"),
    "another critical gain": (
        signal_propagation,
        "fixed_point",
        lambda f: lambda gain: f(gain / 1.001),
        "sec-4-critical",
    ),
    "a Jacobian of other weights": (
        signal_propagation,
        "jacobian_singular_values",
        times(1.001),
        "eq-22",
    ),
}


@pytest.mark.parametrize(
    ("module", "function", "mutate", "name"), MUTATIONS.values(), ids=MUTATIONS
)
def test_a_broken_library_changes_the_verdict(monkeypatch, module, function, mutate, name):
    assert claims.evaluate(name).verdict == claims.recorded_verdicts()[name]
    forget()
    monkeypatch.setattr(module, function, mutate(getattr(module, function)))
    assert claims.evaluate(name).verdict == "not confirmed"
    forget()


def forget():
    """Empty the caches of what claims share."""
    for module in (depth, signals, starts, three_layers):
        for shared in vars(module).values():
            getattr(shared, "cache_clear", int)()


def test_the_right_form_in_place_of_the_printed_one_is_confirmed(monkeypatch):
    eq_26 = three_layers._eq_26
    monkeypatch.setattr(three_layers, "_eq_26", lambda begin, end, s: eq_26(begin, end, 2.0))
    assert claims.evaluate("eq-26").verdict == "confirmed"


# ---- the cache can't be stale


def test_a_measurement_is_recalled_only_for_the_same_code(tmp_path, monkeypatch):
    first = claims.evaluate("eq-23", cache=tmp_path)
    assert claims.evaluate("eq-23", cache=tmp_path) == first
    broken = CLAIMS["eq-23"]._replace(measure=lambda: NO)
    monkeypatch.setitem(CLAIMS, "eq-23", broken)
    assert claims.evaluate("eq-23", cache=tmp_path) == first
    monkeypatch.setattr(ledger, "fingerprint", lambda: "another library")
    assert claims.evaluate("eq-23", cache=tmp_path).finding.stated == NO


INPUTS = (
    "library/exact.py",
    "library/claims/depth.py",
    "library/data/mnist.npz",
    "tables/a.csv",
)


@pytest.mark.parametrize("name", INPUTS)
def test_the_fingerprint_follows_what_measurements_depend_on(tmp_path, monkeypatch, name):
    for file in (*INPUTS, "library/data/claims.json"):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_text("1")
    monkeypatch.setattr(ledger, "__file__", str(tmp_path / "library/claims/ledger.py"))
    monkeypatch.setattr(ledger, "TABLES", tmp_path / "tables")
    before = ledger.fingerprint()
    (tmp_path / "library/data/claims.json").write_text("the record is no input")
    assert ledger.fingerprint() == before
    (tmp_path / name).write_text("2")
    assert ledger.fingerprint() != before


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


def test_the_command_runs_as_a_module():
    command = [sys.executable, "-m", "dlnlib.claims", "--id", "eq-99"]
    result = subprocess.run(command, capture_output=True, text=True)
    assert (result.returncode, result.stderr.strip()) == (1, "no such claim: eq-99")


# ---- the page


def test_the_table_has_a_row_with_a_link_for_every_claim():
    results = [claims.evaluate(name, cache=CACHE) for name in CLAIMS]
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
