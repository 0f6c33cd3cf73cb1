"""Tests of the ledger: it holds, is complete, and tells what it found."""

from __future__ import annotations

import importlib.util
import inspect
import io
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import CodeType, SimpleNamespace

import numpy as np
import pytest
from docutils import nodes
from hypothesis import given, settings
from hypothesis import strategies as st

import ledger
from ledger import (
    CLAIMS,
    VERDICTS,
    Amendment,
    Check,
    Finding,
    Tolerance,
    page,
    record,
    spelling,
)
from ledger import __main__ as command
from ledger.__main__ import main

ROOT = Path(__file__).resolve().parents[1]
CACHE = ROOT / "_build" / "claims"
CHAPTERS = ROOT / "chapters"
SECTIONS = list(dict.fromkeys(c.section for c in CLAIMS.values() if c.paper == record.THIS_BOOKS))


def evaluate(name):
    """Measure a claim, or recall its measurement by the same code."""
    return ledger.evaluate(CLAIMS[name], cache=CACHE)


# ---- the ledger holds


@pytest.mark.parametrize("name", CLAIMS)
def test_the_verdict_is_the_one_on_record_and_its_row_shows_why(name):
    claim, result = CLAIMS[name], evaluate(name)
    assert result.verdict == ledger.recorded_verdicts()[name]
    # Amendments are needed, slips corrected, and failures explained.
    amendments = [amendment for amendment in result.finding[1:] if amendment is not None]
    assert not (amendments and result.verdict == "confirmed")
    assert (claim.kind == record.SLIP) == (result.verdict == "corrected")
    assert ("Not confirmed, as" in claim.statement) == (result.verdict == "not confirmed")
    # A run that failed has found nothing, which is no failure of a statement.
    assert result.verdict != "not confirmed" or np.isfinite(result.finding.stated.measured)
    # Statements are sentences, and tolerances have reasons.
    assert claim.statement.endswith(".") and "  " not in claim.statement
    assert all(c.reason for c in (result.finding.stated, *(a.check for a in amendments)))
    # All of it is in the row of a terminal.
    row = command._line(claim, result)
    assert max(map(len, row.splitlines())) < 80, row
    assert result.verdict in row.splitlines()[0]
    flat = " ".join(row.split())
    for amendment in amendments:
        assert " ".join(spelling.plain(amendment.text).split()) in flat
        assert spelling.outcome(amendment.check) in flat


def test_the_record_has_every_claim_and_no_other():
    assert list(ledger.recorded_verdicts()) == list(CLAIMS)


def test_claims_are_in_the_order_of_their_papers_and_sections():
    known = ("1.1", "1.2", "1.3", *"2345", *"ABCDEFG")
    assert [section for section in known if section in SECTIONS] == SECTIONS
    eq_46 = ledger.find("eq-46")
    here = [eq_46._replace(name=section, section=section) for section in ("10", "9", "2")]
    there = [eq_46._replace(paper=key, section=s) for key, s in [("b", "§2.10"), ("a", "Methods")]]
    there.append(there[0]._replace(name="x", section="§2.9"))
    ordered = record.in_order(*there, eq_46, *here)
    names = [f"saxe2014/{section}" for section in ("2", "9", "10")]
    assert list(ordered) == [*names, "saxe2014/eq-46", "a/eq-46", "b/x", "b/eq-46"]


# ---- the ledger is complete


def test_there_are_sixty_claims_from_every_section():
    assert len(CLAIMS) >= 60
    assert {c.section for c in CLAIMS.values()} >= {
        *("1.1", "1.2", "1.3", "2", "3", "4", "5", "A", "B", "E", "G")
    }


def test_every_equation_of_the_paper_is_declared_and_named_by_a_claim():
    for claim in CLAIMS.values():
        assert set(claim.equations) <= equations_in(claim.where), claim.id
    covered = {number for claim in CLAIMS.values() for number in claim.equations}
    assert covered == set(range(1, 50))


def equations_in(text):
    """Return the numbers of the equations that a text names: Eq. 1, Eqs. 2, 3, Eqs. 4-6."""
    found = set()
    for numbers in re.findall(r"Eqs?\. (\d+(?:(?:-|, )\d+)*)", text):
        for part in numbers.split(", "):
            first, _, last = part.partition("-")
            found |= set(range(int(first), int(last or first) + 1))
    return found


def test_each_slip_has_its_erratum():
    shown = re.findall(r'^check\("(.+)"\)$', (CHAPTERS / "errata.md").read_text("utf8"), re.M)
    printed_here = [c for c in CLAIMS.values() if c.paper == record.THIS_BOOKS]
    slips = {claim.name for claim in printed_here if claim.kind == record.SLIP}
    assert set(shown) == slips and len(shown) == len(slips)


def test_anchors_are_plain_and_unique():
    anchors = [claim.anchor for claim in CLAIMS.values()]
    assert all(re.fullmatch(r"claim-[a-z0-9-]+", anchor) for anchor in anchors)
    assert len(set(anchors)) == len(anchors)
    assert ledger.find("sec-1.2-rest").anchor == "claim-saxe2014-sec-1-2-rest"


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
        (ledger.at_least(np.inf, 1.0, ""), False),
    ],
)
def test_passes(check, held):
    assert ledger.passes(check) == held


def test_bad_claims_are_refused():
    with pytest.raises(ValueError, match="unique, got saxe2014/eq-12 more than once"):
        record.in_order(*(ledger.find(name) for name in ("eq-1", "eq-12", "eq-12")))
    with pytest.raises(ValueError, match="kind must be one of"):
        ledger.claim("new", "", "", section="1", kind="hearsay")
    with pytest.raises(ValueError, match="source must be 'paper' or 'ours', got 'theirs'"):
        ledger.claim("new", "", "", section="1", kind=record.NUMBER, source="theirs")
    for bad in ({"name": "Eq 1"}, {"name": "a/b"}, {"name": "new", "paper": "saxe/2014"}):
        with pytest.raises(ValueError, match="must be small letters"):
            ledger.claim(where="", statement="", section="1", kind=record.NUMBER, **bad)


def test_a_claim_is_found_by_its_id_or_by_a_name_that_one_paper_has(monkeypatch):
    claim = ledger.find("saxe2014/eq-12")
    assert ledger.find("eq-12") == claim == CLAIMS["saxe2014/eq-12"]
    with pytest.raises(ValueError, match=r"no such claim: EQ-33a; perhaps eq-33\?"):
        ledger.find("EQ-33a")
    monkeypatch.setitem(CLAIMS, "later/eq-12", claim._replace(paper="later"))
    with pytest.raises(ValueError, match="eq-12 is in several papers: saxe2014/eq-12, later/eq-12"):
        ledger.find("eq-12")
    assert ledger.find("saxe2014/eq-12") == claim


def test_the_summary_counts_apart_what_is_ours_and_what_is_an_identity():
    claims = [ledger.find(name) for name in ("eq-1", "eq-23", "eq-2", "eq-16", "eq-12")]
    claims[2] = claims[2]._replace(source=record.OURS)
    outcomes = ("confirmed", "corrected", "confirmed", "not confirmed")
    verdicts = {claim.id: verdict for claim, verdict in zip(claims, outcomes, strict=False)}
    assert ledger.summary(claims, verdicts).split("\n") == [
        "Printed statements, 3: 1 confirmed, 1 corrected, 1 not confirmed.",
        "Our own statements, 1: 1 confirmed.",
        "Exact identities, 1: 1 confirmed.",
        "Slips in print, 1: 1 corrected.",
        "Measurements, 2: 1 confirmed, 1 not confirmed.",
        "Not measured, 1.",
    ]


# ---- a row shows what would have reversed its verdict


@pytest.mark.parametrize(
    ("check", "written"),
    [
        (Check(2, "=", 2, 0.015, ""), "2, holds between 1.985 and 2.015"),
        (Check(-0.99998, "=", -1, 0.01, ""), "-0.99998, holds between -1.01 and -0.99"),
        (Check(4, "=", 3, 0, ""), "4, would hold at 3 only"),
        (Check(3.06e-10, "=", 0, 1e-7, ""), "3.1e-10, holds within 1e-07 of 0"),
        (Check(0.5 - 1e-13, "=", 0.5, 1e-7, ""), "0.5 - 1e-13, holds within 1e-07 of 0.5"),
        (Check(2.621, "≤", 1.5, 0, ""), "2.621, would hold up to 1.5"),
        (Check(1.49996, "≤", 1.5, 0, ""), "1.49996, holds up to 1.5"),
        (Check(0.93, "≥", 0.9, 0, ""), "0.93, holds from 0.9 up"),
        (Check(12084.4, "=", 12100, 50, ""), "12084, holds between 12050 and 12150"),
        (Check(np.inf, "≤", 1500, 0, ""), "inf, would hold up to 1500"),
        (Check(np.nan, "=", 1, 0.1, ""), "nan, would hold between 0.9 and 1.1"),
    ],
)
def test_an_outcome_is_written_with_its_boundary(check, written):
    assert spelling.outcome(check) == written


numbers = st.integers(-1000, 1000) | st.floats(1e-12, 1e9) | st.floats(-1e9, -1e-12)


@given(
    numbers, st.sampled_from("=≤≥"), st.just(0.0) | st.floats(1e-14, 1e6), st.floats(-3, 3), numbers
)
@settings(max_examples=300, deadline=None)
def test_whoever_reads_a_check_sees_whether_it_holds(expected, relation, tolerance, near, far):
    tolerance = tolerance if relation == "=" else 0.0
    for x in (far, expected + near * tolerance, expected * (1 + 1e-3 * near)):
        check = Check(x, relation, expected, tolerance, "")
        sizes = abs(x) + abs(expected) + tolerance
        if tolerance and abs(abs(x - expected) - tolerance) < 1e-12 * sizes:
            continue  # rounding decides there, not what is written
        assert reads(spelling.measured(check), spelling.boundary(check)) == ledger.passes(check)


def reads(measured, boundary):
    """Tell whether a measurement lies within a boundary, from the words alone."""
    x = sum(float(part) for part in re.sub(r" ([+-]) ", r"|\1", measured).split("|"))
    match boundary.split():
        case ["up", "to", high]:
            return x <= float(high)
        case ["from", low, "up"]:
            return x >= float(low)
        case ["between", low, "and", high]:
            return float(low) <= x <= float(high)
        case ["within", off, "of", middle]:
            return abs(x - float(middle)) <= float(off)
        case ["at", only, "only"]:
            return x == float(only)


def test_numbers_are_typeset():
    typeset = spelling.typeset
    assert typeset("3.8e-06, holds between -1.01 and -0.99") == (
        "3.8·10⁻⁶, holds between −1.01 and −0.99"
    )
    assert typeset("12084, holds within 1e-10 of 0.5") == "12,084, holds within 10⁻¹⁰ of 0.5"
    assert typeset("1.5e+12") == "1.5·10¹²" and typeset("2 + 8e-11") == "2 + 8·10⁻¹¹"


def test_every_statement_can_be_written_in_ascii():
    for claim in CLAIMS.values():
        text = spelling.legible(claim.where + spelling.plain(claim.statement), "ascii")
        assert text.isascii() and not set(text) & set("\\${}"), claim.id
    assert spelling.legible("Σ31 τ² √2 ≤ ±½ 漢", "ascii") == "Sigma31 tau^2 sqrt 2 <= +-1/2 \\u6f22"
    assert spelling.legible("τ², §3", "cp1252") == "tau², §3"


@pytest.mark.parametrize(
    ("tex", "line", "ascii_line"),
    [
        (r"\tau\dot{u} = 2u(s - u)", "τ du/dt = 2u(s - u)", "tau du/dt = 2u(s - u)"),
        (r"\Sigma^{31}(\Sigma^{11})^{-1}", "Σ³¹(Σ¹¹)⁻¹", "Sigma^31(Sigma^11)^-1"),
        (r"V^{11T}\Sigma^{11}V", "V¹¹ᵀΣ¹¹V", "V^11T Sigma^11V"),
        (r"\sqrt{c_0}\sinh\theta", "√c₀ sinh θ", "sqrt c0 sinh theta"),
        (r"\frac{\tau}{2s}\ln(s/u_0)", "(τ/2s) ln(s/u₀)", "(tau/2s) ln(s/u0)"),
        (r"a^{2N_l-4}/\tau", "a^(2N_l-4)/τ", "a^(2N_l-4)/tau"),
        (r"\sum_{k=0}^{N_2}\binom{r}{k}", "∑_(k=0)^N₂ (r choose k)", None),
        (r"\langle v^TWv\rangle \ne 4\cdot10^{-5}", "⟨vᵀWv⟩ ≠ 4·10⁻⁵", "<v^TWv> != 4*10^-5"),
    ],
)
def test_mathematics_is_spelled_in_a_line(tex, line, ascii_line):
    assert spelling.plain(f"So ${tex}$.") == f"So {line}."
    assert ascii_line is None or spelling.legible(line, "ascii") == ascii_line


def test_tex_that_no_statement_uses_is_refused():
    with pytest.raises(ValueError, match=r"got \\oint"):
        spelling.plain(r"$\oint$")


# ---- the cache can't be stale


def test_a_measurement_is_recalled_only_for_the_same_code(tmp_path, monkeypatch):
    claim = ledger.find("eq-23")
    first = ledger.evaluate(claim, cache=tmp_path)
    assert ledger.evaluate(claim, cache=tmp_path) == first
    broken = claim._replace(measure=lambda: NO)
    assert ledger.evaluate(broken, cache=tmp_path).finding == first.finding
    monkeypatch.setattr(record, "fingerprint", lambda: "another library")
    assert ledger.evaluate(broken, cache=tmp_path).finding.stated == NO


def test_every_part_of_a_finding_is_recalled(tmp_path):
    amended = Finding(NO, Amendment("if", YES), Amendment("rather", NO))
    claim = ledger.find("eq-23")._replace(measure=lambda: amended)
    ledger.evaluate(claim, cache=tmp_path)
    assert ledger.evaluate(claim, cache=tmp_path).finding == amended


FILES = {
    "dlnlib/exact/time_course.py": True,
    "dlnlib/data/mnist.npz": True,
    "ledger/depth.py": True,
    "chapters/data/figure_6a.csv": True,
    "chapters/data/printed/fig4.csv": True,
    "ledger/claims.json": False,
}
COMPARE = """
import pathlib, sys
from dlnlib import _fingerprint
from ledger.record import fingerprint

def now():
    _fingerprint.of_library.cache_clear()
    fingerprint.cache_clear()
    return fingerprint()

before = now()
for name in sys.argv[1:]:
    path = pathlib.Path(name)
    content = path.read_bytes()
    path.write_bytes(content + b"\\n")
    print(name, now() != before)
    path.write_bytes(content)
    assert now() == before
"""


def test_the_fingerprint_follows_what_measurements_depend_on(tmp_path):
    unlike_code = shutil.ignore_patterns("__pycache__")
    for folder in ("dlnlib", "ledger", "chapters/data"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=unlike_code)
    line = [sys.executable, "-c", COMPARE, *FILES]
    found = subprocess.run(line, cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    assert found.splitlines() == [f"{name} {is_input}" for name, is_input in FILES.items()]


# ---- tables


def test_a_claim_whose_table_is_missing_says_which_and_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setattr(record, "TABLES", tmp_path / "chapters" / "data")
    message = r"data/printed/fig4\.csv is missing;.*run the ledger there"
    with pytest.raises(FileNotFoundError, match=message):
        ledger.evaluate(ledger.find("fig-4-times"))
    with pytest.raises(FileNotFoundError, match=message):
        record.read_table("printed/fig4.csv")


# ---- the command line


def run(capsys, *arguments):
    """Run the command; return its exit status, and what it printed to either stream."""
    try:
        status = main(list(arguments))
    except SystemExit as stopped:
        status = stopped.code
    return status, *capsys.readouterr()


def test_the_command_prints_a_table_that_fits_a_terminal(capsys):
    status, printed, _ = run(capsys, "--section", "a")
    assert status == 0
    assert max(map(len, printed.splitlines())) < 80
    assert re.search(r"^eq-26 +Eq\. 26 +corrected +\d+\.\d$", printed, re.M)
    assert "    slip: 1.151, would hold within 1e-07 of 0.5\n    right form: with 2s" in printed
    assert re.search(r"^eq-24 .*\n    exact identity: \S+, holds within 1e-07 of 0$", printed, re.M)
    assert printed.endswith("Slips in print, 5: 5 corrected.\n")
    assert "eq-12" not in printed


def test_a_row_says_whose_statement_it_is_and_why_it_is_not_confirmed():
    claim = ledger.find("eq-24")._replace(source=record.OURS, statement="Not confirmed, as 3 > 2.")
    row = command._line(claim, ledger.Result(claim, Finding(NO), "not confirmed", 0.1))
    assert "ours, exact identity: 3, would hold up to 2\n    Not confirmed, as 3 > 2." in row


def test_the_command_shows_one_claim_with_its_source(capsys):
    status, printed, _ = run(capsys, "--id", "saxe2014/eq-25")
    assert status == 0
    assert "def hyperbolic_motion" in printed
    assert "right form: τ dθ/dt = 2s - c₀ sinh θ" in printed
    assert "(rounding in double precision)" in " ".join(printed.split())


def test_the_command_prints_json(capsys):
    status, printed, _ = run(capsys, "--json", "--id", "eq-23", "eq-24")
    first, second = json.loads(printed)
    assert status == 0 and printed.isascii()
    assert first["id"] == "saxe2014/eq-23" and first["verdict"] == "corrected"
    assert first["correction"]["text"] == r"$ab = (c_0/2)\sinh\theta$"
    assert second["stated"]["expected"] == 0 and second["source"] == "paper"


def test_json_has_no_infinite_numbers(capsys, monkeypatch):
    claim = ledger.find("eq-24")
    endless = claim._replace(measure=lambda: ledger.at_most(np.inf, 2, "an example"))
    monkeypatch.setitem(CLAIMS, claim.id, endless)
    status, printed, _ = run(capsys, "--json", "--id", "eq-24")
    assert status == 1
    assert json.loads(printed, parse_constant=pytest.fail)[0]["stated"]["measured"] == "inf"


def test_the_command_lists_claims_without_measuring(capsys, monkeypatch):
    monkeypatch.setattr(command, "evaluate", pytest.fail)
    status, printed, _ = run(capsys, "--list")
    rows = printed.splitlines()
    assert status == 0 and len(rows) == len(CLAIMS) + 1 and max(map(len, rows)) < 80
    assert "eq-12                    1.3  exact identity paper confirmed" in rows
    _, printed, _ = run(capsys, "--list", "--json", "--paper", "saxe2014", "--section", "1")
    listed = json.loads(printed)
    assert {claim["section"] for claim in listed} == {"1.1", "1.2", "1.3"}
    assert run(capsys, "--list", "--json", "--section", "1")[1] == printed
    assert {claim["recorded"] for claim in listed} <= {*VERDICTS, None}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--section", "9"], f"no section '9' in the ledger, which has {', '.join(SECTIONS)}"),
        (["--section", "2.1"], "no section '2.1' in the ledger"),
        (["--section", "1."], "no section '1.' in the ledger"),
        (["--section", ""], "no section '' in the ledger"),
        (["--paper", "later"], "no paper 'later' in the ledger, which has saxe2014"),
        (["--id", "eq-13", "--section", "1"], "saxe2014/eq-13 is in section 2, not in 1"),
        (["--id", "eq-99", "eq-12"], "no such claim: eq-99"),
        (["--id"], "expected at least one argument"),
        (["--cache", __file__, "--id", "eq-12"], "is no folder"),
    ],
)
def test_a_wrong_command_is_told_so(capsys, arguments, message):
    status, printed, told = run(capsys, *arguments)
    assert (status, printed) == (2, "")
    assert message in told


def test_the_help_says_what_there_is(capsys):
    status, printed, _ = run(capsys, "--help")
    assert status == 0 and max(map(len, printed.splitlines())) < 80
    for word in (", ".join(SECTIONS), "--id eq-12", "minutes", "exit status"):
        assert word in printed


def test_verdicts_that_are_not_those_on_record_stop_a_page():
    assert ledger.on_record([ledger.find("eq-24")])[0].verdict == "confirmed"
    broken = ledger.find("eq-24")._replace(measure=lambda: NO)
    with pytest.raises(ValueError, match="eq-24: not confirmed, on record confirmed"):
        ledger.on_record([broken])


def test_the_command_fails_if_a_verdict_changed(capsys, monkeypatch):
    broken = ledger.find("eq-24")._replace(measure=lambda: NO)
    monkeypatch.setitem(CLAIMS, broken.id, broken)
    status, _, told = run(capsys, "--section", "A")
    assert status == 1
    assert told == "saxe2014/eq-24: not confirmed, on record confirmed\n"


def test_the_record_says_what_it_overwrites(capsys, monkeypatch, tmp_path):
    old = {"saxe2014/eq-23": "confirmed", "saxe2014/gone": "corrected", "saxe2014/eq-12": "x"}
    kept = tmp_path / "claims.json"
    kept.write_text(json.dumps(old), "utf8")
    monkeypatch.setattr(record, "RECORD", kept)
    monkeypatch.setattr(command, "RECORD", kept)
    status, _, told = run(capsys, "--record", "--id", "eq-23", "eq-24")
    assert status == 0
    assert told.splitlines() == [
        "saxe2014/eq-23: corrected, on record confirmed",
        "saxe2014/eq-24: confirmed, on record not yet",
        "saxe2014/gone: corrected, taken off the record",
        "2 of 2 verdicts were not on record",
    ]
    recorded = {"eq-12": "x", "eq-23": "corrected", "eq-24": "confirmed"}
    assert json.loads(kept.read_text("utf8")) == {f"saxe2014/{k}": v for k, v in recorded.items()}


def test_progress_is_told_to_terminals_alone(capsys, monkeypatch):
    assert run(capsys, "--id", "eq-23")[2] == ""

    class Terminal(io.StringIO):
        def isatty(self):
            return True

    monkeypatch.setattr(sys, "stderr", Terminal())
    assert main(["--id", "eq-23"]) == 0
    note = "measuring saxe2014/eq-23 ..."
    assert sys.stderr.getvalue() == f"{note}\r{' ' * len(note)}\r"


# ---- the page


def test_the_table_has_a_row_with_a_link_for_every_claim():
    # What they found is for other tests; all of them would take minutes here.
    results = [ledger.Result(claim, Finding(YES), "confirmed", 0.1) for claim in CLAIMS.values()]
    html = page.table(results, page.places(CHAPTERS))
    anchors = [claim.anchor for claim in CLAIMS.values()]
    assert re.findall(r'<tbody id="([^"]+)"', html) == anchors
    assert 'href="section-1-3.html#equation-eq-12">Eq. 12</a>' in html
    assert html.count("<details>") == html.count('<pre tabindex="0">@claim(') == len(CLAIMS)


def test_a_row_of_the_page_shows_its_condition_unfolded_and_whose_it_is():
    claim = ledger.find("eq-24")._replace(source=record.OURS)
    finding = Finding(NO, condition=Amendment("if a < b", YES))
    result = ledger.Result(claim, finding, ledger.verdict(finding), 0.1)
    html = page.table([result], {claim.label: "place.html"})
    unfolded = re.sub(r"<details>.*?</details>", "", html, flags=re.DOTALL)
    assert "<span>Condition:</span> if a &lt; b; 1, holds up to 2." in unfolded
    assert '<td data-value="3.0">3</td><td data-value="2.0">up to 2</td>' in unfolded
    assert 'data-section="A" data-kind="exact identity" data-source="ours"' in unfolded
    assert '<span class="ours">ours</span>' in unfolded and "ours" not in page.table(
        [result._replace(claim=ledger.find("eq-24"))], {claim.label: "place.html"}
    )


def test_statements_are_typeset_and_their_names_are_links():
    html = page.prose(
        "See fig-4-spread and $a < b^2$ by `make paper`, 5 % of -3; not fig-4-spreads."
    )
    assert html == (
        'See <a href="ledger.html#claim-saxe2014-fig-4-spread">fig-4-spread</a> and '
        r'<span class="math notranslate nohighlight">\(a &lt; b^2\)</span> by '
        "<code>make paper</code>, 5\N{NO-BREAK SPACE}% of −3; not fig-4-spreads."
    )
    # There is a claim of this name, which is a word.
    assert ledger.find("distances") and page.prose("distances") == "distances"


def test_an_identity_tells_to_what_it_holds():
    check = ledger.equal(1.236e-15, 0, Tolerance(1e-10, "rounding"))
    result = ledger.Result(ledger.find("eq-24"), Finding(check), "confirmed", 0.1)
    html = page.table([result], {"eq-24": "place.html"})
    assert ">holds to 2·10⁻¹⁵</td>" in html and ">within 10⁻¹⁰</td>" in html
    other = result._replace(claim=ledger.find("eq-12")._replace(kind=record.NUMBER))
    assert ">1.2·10⁻¹⁵</td>" in page.table([other], {"eq-12": "place.html"})


def test_each_slip_leads_to_the_heading_of_its_erratum():
    addresses = page.places(CHAPTERS)
    for claim in CLAIMS.values():
        derived = page.erratum(claim) in addresses
        printed_here = claim.paper == record.THIS_BOOKS
        assert derived == (claim.kind == record.SLIP and printed_here), claim.id
    finding = Finding(NO, correction=Amendment("rather $x$", YES))
    result = ledger.Result(ledger.find("sec-1.2-count"), finding, "corrected", 0.1)
    assert 'href="errata.html#erratum-sec-1-2-count"' in page.table([result], addresses)
    line = page.corrections([result], {"sec-1.2-count": "little"})
    assert '<a href="#erratum-sec-1-2-count">§1.2</a>' in line and r"\(x\)" in line
    both = page.comparison(result)
    assert "<td>3</td><td>up to 2</td><td>fails</td>" in both
    assert "<td>1</td><td>up to 2</td><td>holds</td>" in both


def test_disputes_go_to_the_repository_of_the_book():
    config = (ROOT / "_config.yml").read_text("utf8")
    assert f"\n  url: {page.REPOSITORY}\n" in config
    result = ledger.Result(ledger.find("eq-24"), Finding(YES), "confirmed", 0.1)
    html = page.table([result], {"eq-24": "place.html"})
    assert f"{page.REPOSITORY}/issues/new?title=Ledger%2C%20saxe2014/eq-24" in html


def test_a_tally_counts_verdicts_in_groups():
    found = [ledger.Result(None, Finding(c), ledger.verdict(Finding(c)), 0) for c in (YES, NO, NO)]
    assert '<th scope="row">A</th><td>3</td><td>1</td><td>0</td><td>0</td><td>2</td>' in (
        page.tally({"A": found})
    )


def extension_named(name):
    """Import an extension of the book."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "_ext" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def extension():
    """The extension that puts verdicts into pages."""
    return extension_named("claims_badges")


@pytest.fixture(scope="module")
def paper():
    """The extension that knows the places of the paper."""
    return extension_named("paper_places")


def test_the_concordance_has_every_item_of_the_paper(paper):
    panels = {"3": "left,right", "4": "left,right", "5": "left,centre,right", "8": "left,right"}
    panels |= {f"6{letter}": "left,middle,right" for letter in "ABC"}
    items = {f"Eq. {number}" for number in range(1, 50)}
    items |= {f"Fig. {number}" for number in (*"12345", "6A", "6B", "6C", *"78")}
    items |= {f"Fig. {n} {panel}" for n, names in panels.items() for panel in names.split(",")}
    items |= {f"Sec. {number}" for number in ("1", "1.1", "1.2", "1.3", *"2345")}
    items |= {f"App. {letter}" for letter in (*"ABCDEFG", "B.1", "D.1", "D.2")}
    assert set(paper.PLACES) == items | {"Fig. 6"}
    text = (CHAPTERS / "concordance.md").read_text("utf8")
    assert set(re.findall(r"^```{concordance} (\w+)$", text, re.M)) == set(paper.TABLES)
    addresses = page.places(CHAPTERS)
    for place in paper.PLACES:
        _, item, said, links, verdicts, _ = paper.row(place, addresses).split("|")
        assert item.strip() == f"{{paper-item}}`{place}`" and said.strip() and links.strip()
        if place.startswith("Eq."):
            number, said = int(place.split()[1]), said.strip().replace(r"\vert ", "|")
            assert any(said in c.statement for c in CLAIMS.values() if number in c.equations)
            assert verdicts.strip()
    assert "{eq}`eq-12`" in paper.row("Eq. 12", addresses)
    assert "{ref}`section-1-3`" in paper.row("Sec. 1.3", addresses)
    # What later papers say in equations of the same number is not about these.
    assert all(
        c.paper == record.THIS_BOOKS for place in paper.PLACES for c in paper.claims_about(place)
    )
    assert paper.row("Eq. 22", addresses).split("; then ")[1].startswith("{ref}`built-")
    anchors = [paper.anchor(place) for place in paper.PLACES]
    assert len(set(anchors)) == len(anchors)


def test_links_to_the_paper_lead_to_the_concordance_from_any_page(paper):
    link = nodes.reference("", "Fig. 4", paper_place=paper.anchor("Fig. 4"))
    builder = SimpleNamespace(get_relative_uri=lambda here, there: f"from {here} to {there}")
    paper.resolve(SimpleNamespace(builder=builder), nodes.container("", link), "intro")
    assert link["refuri"] == "from intro to chapters/concordance#paper-fig-4"


def test_every_claim_is_about_places_that_the_paper_has(paper):
    for claim in (c for c in CLAIMS.values() if c.paper == record.THIS_BOOKS):
        assert set(paper.places_in(claim.where)) <= set(paper.PLACES), claim.id
        assert {f"Eq. {n}" for n in claim.equations} <= set(paper.places_in(claim.where))


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("Fig. 4", "Fig. 4"),
        ("Figs. 3 to 7", "Fig. 3"),
        ("Fig. 6A left", "Fig. 6A left"),
        ("Fig. 5 middle", "Fig. 5 centre"),
        ("Eqs. 5-7", "Eq. 5"),
        ("Sec. 1.3", "Sec. 1.3"),
        ("Section 2", "Sec. 2"),
        ("§1.2", "Sec. 1.2"),
        ("App. B.1", "App. B.1"),
        ("Appendices A and B", "App. A"),
    ],
)
def test_the_role_links_to_the_first_place_that_is_named(paper, text, place):
    assert paper.named(text) == place


@pytest.mark.parametrize("text", ["Sec. 3.2", "Eq. 50", "Fig. 9", "Fig. 4A", "App. H", "Table 1"])
def test_the_role_refuses_what_the_paper_does_not_have(paper, text):
    with pytest.raises(ValueError, match=f"the paper has no such place: {text}"):
        paper.named(text)


def test_badges_show_what_is_on_record_and_link_to_the_ledger(extension):
    ids = [f"saxe2014/{name}" for name in ("eq-24", "eq-26", "eq-26-reach")]
    pages = ("ledger.html", "later-ledger.html")
    shown = extension.badges(ids, pages, "errata.html")
    assert re.findall(r'href="([^"]+)"[^>]*>([^<]+)<', shown) == [
        ("ledger.html#claim-saxe2014-eq-24", "✓"),
        ("ledger.html?ids=eq-26,eq-26-reach", "corrected × 2"),
        ("errata.html#erratum-eq-26", "erratum"),
    ]
    assert 'aria-label="confirmed: The coordinates of Eq. 23' in shown
    assert 'aria-label="2 statements corrected"' in shown
    # On a single page every link stays on it.
    alone = extension.badges(ids, ("", ""), "")
    assert set(re.findall(r'href="([^"]+)"', alone)) == {
        "#claim-saxe2014-eq-24",
        "#claim-saxe2014-eq-26",
        "#erratum-eq-26",
    }
    # Claims of other papers are in a ledger of their own, and go by their papers.
    both = extension.badges([ids[0], "arora2018/end-to-end"], pages, "errata.html")
    assert re.findall(r'href="([^"]+)"', both) == [
        "ledger.html#claim-saxe2014-eq-24",
        "later-ledger.html#claim-arora2018-end-to-end",
    ]


def test_the_role_counts_by_verdict_kind_and_source(extension, monkeypatch):
    claims = {f"saxe2014/{n}": ledger.find(n) for n in ("eq-1", "eq-23", "eq-24", "eq-2")}
    claims["saxe2014/eq-24"] = claims["saxe2014/eq-24"]._replace(source=record.OURS)
    monkeypatch.setattr(extension, "CLAIMS", claims)
    verdicts = dict.fromkeys(claims, "confirmed") | {"saxe2014/eq-23": "corrected"}
    monkeypatch.setattr(extension, "recorded_verdicts", lambda: verdicts)
    asked = ("all", "paper", "ours", "paper, confirmed", "exact identity", "ours, slip")
    assert [extension.count(text) for text in asked] == [4, 3, 1, 2, 2, 0]
    with pytest.raises(ValueError, match="no such verdict, kind or source: maybe"):
        extension.count("paper, maybe")
    claims["b/eq-24"] = claims["saxe2014/eq-24"]._replace(paper="b")
    verdicts["b/eq-24"] = "corrected"
    asked = ("all", "ours", "later, ours", "later, ours, corrected", "later, paper")
    assert [extension.count(text) for text in asked] == [4, 1, 1, 1, 0]
