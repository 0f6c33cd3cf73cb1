"""What a claim is, how it is measured, and how its verdict follows."""

from __future__ import annotations

import hashlib
import json
import platform
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from importlib.resources import files
from os import PathLike
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import scipy
from numpy.typing import ArrayLike

__all__ = [
    "CLAIMS",
    "FIGURE",
    "IDENTITY",
    "NUMBER",
    "QUALITATIVE",
    "SCALING",
    "SLIP",
    "VERDICTS",
    "Amendment",
    "Check",
    "Claim",
    "Finding",
    "Result",
    "Tolerance",
    "at_least",
    "at_most",
    "claim",
    "equal",
    "evaluate",
    "passes",
    "recorded_verdicts",
    "summary",
    "verdict",
]

IDENTITY, NUMBER, SCALING = "exact identity", "numerical value", "scaling law"
QUALITATIVE, SLIP, FIGURE = "qualitative", "slip", "figure"
KINDS = (IDENTITY, NUMBER, SCALING, QUALITATIVE, SLIP, FIGURE)

CONFIRMED, CONDITIONAL = "confirmed", "confirmed with a condition"
CORRECTED, NOT_CONFIRMED = "corrected", "not confirmed"
VERDICTS = (CONFIRMED, CONDITIONAL, CORRECTED, NOT_CONFIRMED)

RECORD = "claims.json"
TABLES = Path(__file__).parents[2] / "chapters" / "data"
PRINTED = TABLES / "printed"


class Tolerance(NamedTuple):
    """Hold how far a measurement may be off, and why.

    Attributes
    ----------
    size : float
        Largest difference that is allowed.
    reason : str
        Where that size comes from.
    """

    size: float
    reason: str


class Check(NamedTuple):
    """Hold one measured number and what it is held against.

    Attributes
    ----------
    measured : float
        What was found.
    relation : str
        How it should relate to `expected`: one of =, ≤, ≥.
    expected : float
        What it should be, or its bound.
    tolerance : float
        How far off it may be.
    reason : str
        Where the tolerance, or the bound, comes from.
    """

    measured: float
    relation: Literal["=", "≤", "≥"]
    expected: float
    tolerance: float
    reason: str


class Amendment(NamedTuple):
    """Hold what a statement needs to become true, measured.

    Attributes
    ----------
    text : str
        The condition, or the right form.
    check : Check
        Its measurement.
    """

    text: str
    check: Check


class Finding(NamedTuple):
    """Hold everything that measuring a claim found.

    Attributes
    ----------
    stated : Check
        The statement as it stands.
    condition : Amendment or None
        The statement where a condition holds.
    correction : Amendment or None
        The statement put right.
    """

    stated: Check
    condition: Amendment | None = None
    correction: Amendment | None = None


class Claim(NamedTuple):
    """Hold a checkable statement of the paper.

    Attributes
    ----------
    name : str
        Its id.
    where : str
        Its place in the paper.
    section : str
        Section or appendix of the paper.
    statement : str
        What is claimed, in the reading that is tested.
    kind : str
        Exact identity, numerical value, scaling law, qualitative, slip, or figure: what the
        authors drew, read from their drawing.
    label : str
        Label of its place in the book.
    equations : tuple of int
        Numbered equations of the paper that it covers.
    measure : callable
        Measures it; takes nothing and returns a `Finding` or a `Check`.
    """

    name: str
    where: str
    section: str
    statement: str
    kind: str
    label: str
    equations: tuple[int, ...]
    measure: Callable[[], Finding | Check]


class Result(NamedTuple):
    """Hold a claim's finding with what follows from it.

    Attributes
    ----------
    name : str
        The claim's id.
    finding : Finding
        What was measured.
    verdict : str
        One of `VERDICTS`.
    seconds : float
        How long measuring took.
    """

    name: str
    finding: Finding
    verdict: str
    seconds: float


CLAIMS: dict[str, Claim] = {}


def claim(
    name: str,
    where: str,
    statement: str,
    *,
    section: str,
    kind: str,
    label: str | None = None,
    equations: Iterable[int] = (),
) -> Callable[[Callable[[], Finding | Check]], Callable[[], Finding | Check]]:
    """Enter a function into the ledger as the measurement of a claim.

    Parameters
    ----------
    name : str
        Id of the claim, unique.
    where : str
        Its place in the paper.
    statement : str
        What is claimed, in our words, in the reading that is tested.
    section : str
        Section or appendix of the paper.
    kind : str
        One of ``IDENTITY``, ``NUMBER``, ``SCALING``, ``QUALITATIVE``, ``SLIP``, ``FIGURE``.
    label : str, optional
        Label of its place in the book; by default `name`.
    equations : iterable of int, optional
        Numbered equations of the paper that it covers.

    Returns
    -------
    callable
        Decorator that returns the function unchanged.

    Raises
    ------
    ValueError
        If the id is taken or the kind unknown.

    Examples
    --------
    >>> from dlnlib.claims import CLAIMS
    >>> CLAIMS["eq-12"].where
    'Eq. 12'
    """
    if name in CLAIMS:
        raise ValueError(f"name must be unique, got {name!r} twice")
    if kind not in KINDS:
        raise ValueError(f"kind must be one of {KINDS}, got {kind!r}")

    def enter(measure: Callable[[], Finding | Check]) -> Callable[[], Finding | Check]:
        place = name if label is None else label
        CLAIMS[name] = Claim(
            name, where, section, statement, kind, place, tuple(equations), measure
        )
        return measure

    return enter


def equal(measured: ArrayLike, expected: float, tolerance: Tolerance) -> Check:
    """Hold a number against the one expected.

    Parameters
    ----------
    measured : array_like, scalar
        What was found.
    expected : float
        What it should be.
    tolerance : Tolerance
        How far off it may be, and why.

    Returns
    -------
    Check
        The comparison.

    Examples
    --------
    >>> from dlnlib.claims import Tolerance, equal, passes
    >>> passes(equal(1.02, 1.0, Tolerance(0.05, "two standard errors")))
    True
    """
    return Check(float(np.asarray(measured)), "=", float(expected), *tolerance)


def at_most(measured: ArrayLike, bound: float, reason: str) -> Check:
    """Hold a number against an upper bound.

    Parameters
    ----------
    measured : array_like, scalar
        What was found.
    bound : float
        What it must not exceed.
    reason : str
        Where the bound comes from.

    Returns
    -------
    Check
        The comparison.

    Examples
    --------
    >>> from dlnlib.claims import at_most, passes
    >>> passes(at_most(3.0, 2.0, "an example"))
    False
    """
    return Check(float(np.asarray(measured)), "≤", float(bound), 0.0, reason)


def at_least(measured: ArrayLike, bound: float, reason: str) -> Check:
    """Hold a number against a lower bound.

    Parameters
    ----------
    measured : array_like, scalar
        What was found.
    bound : float
        What it must reach.
    reason : str
        Where the bound comes from.

    Returns
    -------
    Check
        The comparison.

    Examples
    --------
    >>> from dlnlib.claims import at_least, passes
    >>> passes(at_least(3.0, 2.0, "an example"))
    True
    """
    return Check(float(np.asarray(measured)), "≥", float(bound), 0.0, reason)


def passes(check: Check) -> bool:
    """Tell whether a measurement is what it should be.

    Parameters
    ----------
    check : Check
        The comparison.

    Returns
    -------
    bool
        False also for a measurement that is not a number.

    Examples
    --------
    >>> from dlnlib.claims import at_most, passes
    >>> passes(at_most(float("nan"), 2.0, "an example"))
    False
    """
    if check.relation == "=":
        return abs(check.measured - check.expected) <= check.tolerance
    if check.relation == "≤":
        return check.measured <= check.expected + check.tolerance
    return check.measured >= check.expected - check.tolerance


def verdict(finding: Finding) -> str:
    """Return what follows from the measurements of a claim.

    Parameters
    ----------
    finding : Finding
        The measurements.

    Returns
    -------
    str
        Confirmed if the statement passes as it stands; confirmed with a condition, or
        corrected, if it fails and its amendment passes; otherwise not confirmed.

    Examples
    --------
    >>> from dlnlib.claims import Amendment, Finding, at_most, verdict
    >>> fails, holds = at_most(3.0, 2.0, "as printed"), at_most(3.0, 4.0, "with a factor 2")
    >>> verdict(Finding(fails, correction=Amendment("a factor 2 is missing", holds)))
    'corrected'
    """
    if passes(finding.stated):
        return CONFIRMED
    if finding.condition is not None and passes(finding.condition.check):
        return CONDITIONAL
    if finding.correction is not None and passes(finding.correction.check):
        return CORRECTED
    return NOT_CONFIRMED


def evaluate(name: str, *, cache: str | PathLike[str] | None = None) -> Result:
    """Measure a claim, or recall its measurement by the same code.

    Parameters
    ----------
    name : str
        Id of the claim.
    cache : path, optional
        Folder that keeps measurements, below a name made from everything that they depend on:
        the library, the committed tables, and the versions of Python, NumPy and SciPy. By
        default nothing is kept or recalled.

    Returns
    -------
    Result
        Measurements and verdict.

    Raises
    ------
    ValueError
        If there is no such claim.

    Examples
    --------
    >>> from dlnlib.claims import evaluate
    >>> evaluate("eq-23").verdict
    'corrected'
    """
    if name not in CLAIMS:
        raise ValueError(f"name must be the id of a claim, got {name!r}")
    kept = None if cache is None else Path(cache) / fingerprint() / f"{name}.json"
    if kept is not None and kept.exists():
        finding, seconds = json.loads(kept.read_text("utf8"))
        found = _as_finding(finding)
        return Result(name, found, verdict(found), seconds)
    begin = time.perf_counter()
    measured = CLAIMS[name].measure()
    found = Finding(measured) if isinstance(measured, Check) else measured
    result = Result(name, found, verdict(found), time.perf_counter() - begin)
    if kept is not None:
        kept.parent.mkdir(parents=True, exist_ok=True)
        # Written aside and renamed, so that an interruption leaves no half a file.
        scratch = kept.with_suffix(".part")
        scratch.write_text(json.dumps([found, result.seconds]), "utf8")
        scratch.replace(kept)
    return result


def recorded_verdicts() -> dict[str, str]:
    """Return the verdicts on record.

    Returns
    -------
    dict of str to str
        Verdicts by the id of their claim. ``python -m dlnlib.claims --record`` writes them.

    Examples
    --------
    >>> from dlnlib.claims import recorded_verdicts
    >>> recorded_verdicts()["eq-12"]
    'confirmed'
    """
    content = (files("dlnlib") / "data" / RECORD).read_text("utf8")
    return dict(json.loads(content))


def summary(verdicts: Mapping[str, str] | None = None) -> str:
    """Return in one sentence how many claims came out how.

    Parameters
    ----------
    verdicts : mapping of str to str, optional
        Verdicts by the id of their claim; those on record by default.

    Returns
    -------
    str
        The sentence.

    Examples
    --------
    >>> from dlnlib.claims import summary
    >>> summary({"eq-1": "confirmed", "eq-26": "corrected"})
    'Of 2 statements 1 is confirmed, 0 confirmed with a condition, 1 corrected, 0 not confirmed.'
    """
    counts = Counter((recorded_verdicts() if verdicts is None else verdicts).values())
    first = counts[CONFIRMED]
    others = ", ".join(f"{counts[outcome]} {outcome}" for outcome in VERDICTS[1:])
    verb = "is" if first == 1 else "are"
    return f"Of {counts.total()} statements {first} {verb} {CONFIRMED}, {others}."


def fingerprint() -> str:
    """Return a hash of everything that measurements depend on."""
    versions = (platform.python_version(), np.__version__, scipy.__version__)
    digest = hashlib.sha256(repr(versions).encode())
    library = Path(__file__).parents[1]
    sources = [*library.rglob("*.py"), *library.glob("data/*.npz"), *TABLES.rglob("*.csv")]
    for path in sorted(sources):
        content = path.read_bytes()
        digest.update(f"{path.name} {len(content)} ".encode() + content)
    return digest.hexdigest()[:16]


def _as_finding(plain: list[Any]) -> Finding:
    stated, *amendments = plain
    restored = (a and Amendment(a[0], Check(*a[1])) for a in amendments)
    return Finding(Check(*stated), *restored)
