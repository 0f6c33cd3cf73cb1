"""What a claim is, how it is measured, and how its verdict follows."""

from __future__ import annotations

import json
import re
import time
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache, wraps
from os import PathLike
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeVar, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dlnlib import _fingerprint, book

__all__ = [
    "FIGURE",
    "IDENTITY",
    "KINDS",
    "NUMBER",
    "OURS",
    "PAPER",
    "QUALITATIVE",
    "SCALING",
    "SLIP",
    "THIS_BOOKS",
    "VERDICTS",
    "Amendment",
    "Check",
    "Claim",
    "Finding",
    "Result",
    "Tolerance",
    "afresh",
    "at_least",
    "at_most",
    "changed",
    "claim",
    "claims_of",
    "equal",
    "evaluate",
    "fingerprint",
    "in_order",
    "missing_tables",
    "on_record",
    "passes",
    "read_table",
    "recorded_verdicts",
    "shared",
    "summary",
    "verdict",
]

IDENTITY, NUMBER, SCALING = "exact identity", "numerical value", "scaling law"
QUALITATIVE, SLIP, FIGURE = "qualitative", "slip", "figure"
PAPER, OURS = "paper", "ours"
# Key of the paper that this book is about.
THIS_BOOKS = "saxe2014"
KINDS = (IDENTITY, NUMBER, SCALING, QUALITATIVE, SLIP, FIGURE)

CONFIRMED, CONDITIONAL = "confirmed", "confirmed with a condition"
CORRECTED, NOT_CONFIRMED = "corrected", "not confirmed"
VERDICTS = (CONFIRMED, CONDITIONAL, CORRECTED, NOT_CONFIRMED)

ROOT = Path(__file__).parents[1]
RECORD = Path(__file__).with_name("claims.json")
TABLES = ROOT / "chapters" / "data"
# An installed package has no tables beside it, and a record that is not for writing.
CHECKOUT = TABLES.is_dir() and (ROOT / "pyproject.toml").is_file()


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
    """Hold a checkable statement of a paper, or one of ours about it.

    Attributes
    ----------
    name : str
        Its name, unique in its paper.
    where : str
        Its place in the paper.
    section : str
        Section or appendix of the paper; a dash where it is not known.
    statement : str
        What is claimed, in the reading that is tested.
    kind : str
        Exact identity, numerical value, scaling law, qualitative, slip, or figure: what the
        authors drew, read from their drawing.
    label : str
        Label of its place in the book.
    equations : tuple of int
        Numbered equations of the paper that it covers.
    tables : tuple of str
        Tables of the folder `TABLES` that measuring it reads.
    measure : callable
        Measures it; takes nothing and returns a `Finding` or a `Check`.
    source : str
        Whose statement it is: ``PAPER``, or ``OURS`` about what the paper leaves open.
    paper : str
        Key of the paper in the bibliography.
    """

    name: str
    where: str
    section: str
    statement: str
    kind: str
    label: str
    equations: tuple[int, ...]
    tables: tuple[str, ...]
    measure: Callable[[], Finding | Check]
    source: str = PAPER
    paper: str = THIS_BOOKS

    @property
    def id(self) -> str:
        """Its id in the ledger, the paper's key before its name."""
        return f"{self.paper}/{self.name}"

    @property
    def short(self) -> str:
        """Its name in this book: its id, without the key of the paper that the book is about."""
        return self.name if self.paper == THIS_BOOKS else self.id

    @property
    def anchor(self) -> str:
        """Its id on the page, of letters, digits and hyphens alone."""
        return "claim-" + re.sub(r"[^a-z0-9]", "-", self.id)


class Result(NamedTuple):
    """Hold a claim's finding with what follows from it.

    Attributes
    ----------
    claim : Claim
        What was measured.
    finding : Finding
        What was found.
    verdict : str
        One of `VERDICTS`.
    seconds : float
        How long measuring took.
    """

    claim: Claim
    finding: Finding
    verdict: str
    seconds: float


def claim(
    name: str,
    where: str,
    statement: str,
    *,
    section: str,
    kind: str,
    label: str | None = None,
    equations: Iterable[int] = (),
    tables: Iterable[str] = (),
    source: str = PAPER,
    paper: str = THIS_BOOKS,
) -> Callable[[Callable[[], Finding | Check]], Claim]:
    """Make a function the measurement of a claim, and return that claim in its place.

    Parameters
    ----------
    name : str
        Name of the claim, unique in its paper, of small letters, digits, dots and hyphens.
    where : str
        Its place in the paper.
    statement : str
        What is claimed, in our words, in the reading that is tested.
    section : str
        Section or appendix of the paper; a dash where it is not known.
    kind : str
        One of ``IDENTITY``, ``NUMBER``, ``SCALING``, ``QUALITATIVE``, ``SLIP``, ``FIGURE``.
    label : str, optional
        Label of its place in the book; by default `name`.
    equations : iterable of int, optional
        Numbered equations of the paper that it covers.
    tables : iterable of str, optional
        Tables of the folder ``chapters/data`` that measuring it reads.
    source : str, optional
        ``PAPER``, or ``OURS`` if the paper does not say this.
    paper : str, optional
        Key of the paper in the bibliography.

    Returns
    -------
    callable
        Decorator that returns a `Claim`.

    Raises
    ------
    ValueError
        If the kind or the source is unknown, or the name has other characters.

    Examples
    --------
    >>> from ledger import Tolerance, claim, equal, passes
    >>> @claim("two", "Eq. 0", "One and one are two.", section="0", kind="exact identity")
    ... def addition():
    ...     return equal(1 + 1, 2, Tolerance(0, "whole numbers"))
    >>> passes(addition.measure())
    True
    """
    if kind not in KINDS:
        raise ValueError(f"kind must be one of {KINDS}, got {kind!r}")
    if source not in (PAPER, OURS):
        raise ValueError(f"source must be {PAPER!r} or {OURS!r}, got {source!r}")
    for word, title in ((name, "name"), (paper, "paper")):
        if not re.fullmatch(r"[a-z0-9]+([.-][a-z0-9]+)*", word):
            raise ValueError(
                f"{title} must be small letters, digits, dots and hyphens, got {word!r}"
            )
    place = name if label is None else label

    def enter(measure: Callable[[], Finding | Check]) -> Claim:
        covered, read = tuple(equations), tuple(tables)
        return Claim(
            name, where, section, statement, kind, place, covered, read, measure, source, paper
        )

    return enter


def claims_of(namespace: Mapping[str, Any]) -> tuple[Claim, ...]:
    """Return the claims that a module defines, in the order in which it defines them.

    Parameters
    ----------
    namespace : mapping of str to object
        Names of the module, ``vars()`` on its last line.

    Returns
    -------
    tuple of Claim
        Its claims.

    Examples
    --------
    >>> from ledger import find
    >>> from ledger.record import claims_of
    >>> [claim.name for claim in claims_of({"one": find("eq-12"), "other": "no claim"})]
    ['eq-12']
    """
    return tuple(value for value in namespace.values() if isinstance(value, Claim))


def in_order(*claims: Claim) -> dict[str, Claim]:
    """Put claims in the order of their papers and sections.

    Parameters
    ----------
    *claims : Claim
        Claims; those of one section in their order.

    Returns
    -------
    dict of str to Claim
        Claims by their id. The paper of this book comes first, others in the order of their
        keys; in each, sections in the order of their numbers, and then those that have none,
        like appendices, in that of the alphabet.

    Raises
    ------
    ValueError
        If two claims have the same id.

    Examples
    --------
    >>> from ledger import find
    >>> from ledger.record import in_order
    >>> list(in_order(find("eq-46"), find("eq-12"), find("eq-1")))
    ['saxe2014/eq-1', 'saxe2014/eq-12', 'saxe2014/eq-46']
    """
    counts = Counter(claim.id for claim in claims)
    if twice := [name for name, count in counts.items() if count > 1]:
        raise ValueError(f"ids of claims must be unique, got {', '.join(twice)} more than once")
    return {claim.id: claim for claim in sorted(claims, key=_place)}


def _place(claim: Claim) -> tuple[bool, str, list[tuple[bool, int, str]]]:
    """Return what claims are sorted by."""
    parts = re.findall(r"\d+|[^\W\d]+", claim.section)
    section = [(False, int(p), "") if p.isdecimal() else (True, 0, p) for p in parts]
    return claim.paper != THIS_BOOKS, claim.paper, section


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
    >>> from ledger import Tolerance, equal, passes
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
    >>> from ledger import at_most, passes
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
    >>> from ledger import at_least, passes
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
        False also for a measurement that is infinite or not a number: nothing was found.

    Examples
    --------
    >>> from ledger import at_most, passes
    >>> passes(at_most(float("nan"), 2.0, "an example"))
    False
    """
    if not np.isfinite(check.measured):
        return False
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
    >>> from ledger import Amendment, Finding, at_most, verdict
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


def evaluate(claim: Claim, *, cache: str | PathLike[str] | None = None) -> Result:
    """Measure a claim, or recall its measurement by the same code.

    Parameters
    ----------
    claim : Claim
        The claim.
    cache : path, optional
        Folder that keeps measurements, below a name made from everything that they depend on:
        library, ledger, the committed tables, and the versions of Python, NumPy and SciPy. By
        default nothing is kept or recalled.

    Returns
    -------
    Result
        Measurements and verdict.

    Raises
    ------
    FileNotFoundError
        If the claim reads a table that is not there.

    Examples
    --------
    >>> from ledger import evaluate, find
    >>> evaluate(find("eq-23")).verdict
    'corrected'
    """
    for table in missing_tables(claim):
        raise _missing(table)
    kept = None if cache is None else Path(cache) / fingerprint() / f"{claim.id}.json"
    if kept is not None and kept.exists():
        finding, seconds = json.loads(kept.read_text("utf8"))
        found = _as_finding(*finding)
        return Result(claim, found, verdict(found), seconds)
    begin = time.perf_counter()
    measured = claim.measure()
    found = Finding(measured) if isinstance(measured, Check) else measured
    result = Result(claim, found, verdict(found), time.perf_counter() - begin)
    if kept is not None:
        kept.parent.mkdir(parents=True, exist_ok=True)
        # Written aside and renamed, so that an interruption leaves no half a file.
        scratch = kept.with_suffix(".part")
        scratch.write_text(json.dumps([found, result.seconds]), "utf8")
        scratch.replace(kept)
    return result


def on_record(claims: Iterable[Claim], *, cache: str | PathLike[str] | None = None) -> list[Result]:
    """Measure claims, and require the verdicts on record.

    Parameters
    ----------
    claims : iterable of Claim
        The claims.
    cache : path, optional
        As for `evaluate`.

    Returns
    -------
    list of Result
        Measurements and verdicts.

    Raises
    ------
    ValueError
        If a verdict is not the one on record.

    Examples
    --------
    >>> from ledger import find, on_record
    >>> on_record([find("eq-12")])[0].verdict
    'confirmed'
    """
    results = [evaluate(claim, cache=cache) for claim in claims]
    if news := changed({result.claim.id: result.verdict for result in results}):
        raise ValueError(f"claims must have the verdicts on record: {'; '.join(news)}")
    return results


def changed(verdicts: Mapping[str, str]) -> list[str]:
    """Say which verdicts are not those on record."""
    known = recorded_verdicts()
    return [
        f"{name}: {found}, on record {known.get(name, 'not yet')}"
        for name, found in verdicts.items()
        if found != known.get(name)
    ]


def recorded_verdicts() -> dict[str, str]:
    """Return the verdicts on record.

    Returns
    -------
    dict of str to str
        Verdicts by the id of their claim. ``python -m ledger --record`` writes them.

    Examples
    --------
    >>> from ledger import recorded_verdicts
    >>> recorded_verdicts()["saxe2014/eq-12"]
    'confirmed'
    """
    return dict(json.loads(RECORD.read_text("utf8")))


def summary(claims: Iterable[Claim], verdicts: Mapping[str, str] | None = None) -> str:
    """Return in a few lines how many claims came out how.

    Parameters
    ----------
    claims : iterable of Claim
        The claims.
    verdicts : mapping of str to str, optional
        Verdicts by the id of their claim; those on record by default.

    Returns
    -------
    str
        A line each for printed statements, those of later papers and ours, and then, of all, for
        exact identities, slips in print, and measurements, which are all others. The last line
        counts claims without a verdict.

    Examples
    --------
    >>> from ledger import find, summary
    >>> verdicts = {"saxe2014/eq-12": "confirmed", "saxe2014/eq-23": "corrected"}
    >>> print(summary([find("eq-12"), find("eq-23"), find("fig-4-times")], verdicts))
    Printed statements, 2: 1 confirmed, 1 corrected.
    Exact identities, 1: 1 confirmed.
    Slips in print, 1: 1 corrected.
    Not measured, 1.
    """
    listed = list(claims)
    known = recorded_verdicts() if verdicts is None else verdicts
    found = [claim for claim in listed if claim.id in known]
    groups = {
        "Printed statements": [c for c in found if c.source == PAPER and c.paper == THIS_BOOKS],
        "Statements of later papers": [
            c for c in found if c.source == PAPER and c.paper != THIS_BOOKS
        ],
        "Our own statements": [c for c in found if c.source == OURS],
        "Exact identities": [c for c in found if c.kind == IDENTITY],
        "Slips in print": [c for c in found if c.kind == SLIP],
        "Measurements": [c for c in found if c.kind not in (IDENTITY, SLIP)],
    }
    lines = []
    for title, group in groups.items():
        counts = Counter(known[claim.id] for claim in group)
        outcomes = ", ".join(f"{counts[v]} {v}" for v in VERDICTS if counts[v])
        lines += [f"{title}, {len(group)}: {outcomes}."] if group else []
    left = len(listed) - len(found)
    return "\n".join([*lines, *([f"Not measured, {left}."] if left else [])])


@cache
def fingerprint() -> str:
    """Return a hash of everything that measurements depend on, as it is at the first call.

    Returns
    -------
    str
        Hash of the library and its data, the ledger's code, the committed tables, and the
        versions of Python, NumPy and SciPy. The verdicts on record are no part of it.

    Examples
    --------
    >>> from ledger.record import fingerprint
    >>> len(fingerprint())
    16
    """
    paths = [*Path(__file__).parent.rglob("*.py"), *TABLES.rglob("*.csv")]
    return _fingerprint.of_files(paths, ROOT, _fingerprint.of_library())


def missing_tables(claim: Claim) -> list[str]:
    """Return the tables that measuring a claim would read in vain.

    Parameters
    ----------
    claim : Claim
        The claim.

    Returns
    -------
    list of str
        Names of those of its tables that are not there; none in a checkout of the repository.

    Examples
    --------
    >>> from ledger import find
    >>> from ledger.record import missing_tables
    >>> missing_tables(find("fig-4-times"))
    []
    """
    return [table for table in claim.tables if not (TABLES / table).is_file()]


def read_table(name: str) -> NDArray[Any]:
    """Read a table of the folder ``chapters/data``.

    Parameters
    ----------
    name : str
        The table's path in that folder.

    Returns
    -------
    ndarray, shape (n_rows,)
        The rows, with the columns by name.

    Raises
    ------
    FileNotFoundError
        If there is no such table.

    Examples
    --------
    >>> from ledger.record import read_table
    >>> print(read_table("printed/fig4.csv")["epochs"][0])
    7
    """
    path = TABLES / name
    if not path.is_file():
        raise _missing(name)
    return book.table(path)


T = TypeVar("T")
_SHARED: dict[Hashable, Any] = {}


def shared(function: Callable[..., T]) -> Callable[..., T]:
    """Make a function compute once what several claims are measured on.

    Parameters
    ----------
    function : callable
        Function of hashable arguments.

    Returns
    -------
    callable
        The function, which remembers what it returned.

    Examples
    --------
    >>> from ledger.record import afresh, shared
    >>> with afresh():
    ...     train = shared(lambda seed: print("training") or seed)
    ...     train(1), train(1)
    training
    (1, 1)
    """

    @wraps(function)
    def remembering(*args: Hashable, **kwargs: Hashable) -> T:
        case = (function, args, *sorted(kwargs.items()))
        if case not in _SHARED:
            _SHARED[case] = function(*args, **kwargs)
        return cast(T, _SHARED[case])

    return remembering


@contextmanager
def afresh() -> Iterator[None]:
    """Set aside what is `shared`, so that inside it is computed anew, and forgotten at the end.

    Yields
    ------
    None
        Nothing.

    Examples
    --------
    >>> from ledger import evaluate, find
    >>> from ledger.record import afresh
    >>> with afresh():
    ...     print(evaluate(find("eq-23")).verdict)
    corrected
    """
    kept = _SHARED.copy()
    _SHARED.clear()
    try:
        yield
    finally:
        _SHARED.clear()
        _SHARED.update(kept)


def _missing(table: str) -> FileNotFoundError:
    return FileNotFoundError(
        f"{TABLES / table} is missing; claims about drawings and long runs read such tables, which "
        "are in a checkout of the repository: run the ledger there"
    )


def _as_finding(
    stated: list[Any], condition: list[Any] | None, correction: list[Any] | None
) -> Finding:
    return Finding(Check(*stated), _as_amendment(condition), _as_amendment(correction))


def _as_amendment(plain: list[Any] | None) -> Amendment | None:
    if plain is None:
        return None
    text, check = plain
    return Amendment(text, Check(*check))
