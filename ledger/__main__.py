"""Measure claims and print the ledger: python -m ledger --help."""

from __future__ import annotations

import argparse
import inspect
import json
import math
import os
import sys
import textwrap
from collections.abc import Iterable, Iterator
from pathlib import Path

from ledger import CLAIMS, Check, Claim, Result, evaluate, find, recorded_verdicts, summary
from ledger.record import (
    CHECKOUT,
    NOT_CONFIRMED,
    OURS,
    RECORD,
    THIS_BOOKS,
    changed,
    missing_tables,
)
from ledger.spelling import legible, make_legible, outcome, plain

__all__ = ["main"]

_HELP = """\
Measure statements of the paper and of later ones, and ours about them, and
compare the verdicts with those on record. All of them take about two minutes,
most of it for the paper's Figs. 3 to 7; most take less than a second alone.

sections: {sections}
--section 1 means 1.1, 1.2 and so on; that of a later paper is - where we do
not know it.

examples:
  python -m ledger --list
  python -m ledger --id eq-12
  python -m ledger --section 1.3 --json
"""
_STATUS = """\
exit status:
  0  every verdict that was measured is the one on record. That does not mean
     that all hold: a verdict of "not confirmed" can be on record. The last
     lines count them.
  1  a verdict is not the one on record; with other versions of NumPy or on
     another machine, rounding can do that where a run is chaotic
  2  the command was wrong
  3  nothing was measured, because the tables of the book are missing. They are
     in a checkout of the repository, not in the installed package. Rows that
     need none are measured without them.
"""
_ROW = "{:<24} {:<21} {:<26} {:>5}"
_ITEM = "{:<24} {:<4} {:<14} {:<5} {}"
_WIDTH = 79


def main(arguments: list[str] | None = None) -> int:
    """Measure, print, and compare with the record."""
    for stream in (sys.stdout, sys.stderr):
        make_legible(stream)
    parser = _parser()
    options = parser.parse_args(arguments)
    try:
        claims = _selected(options.paper, options.section, options.id)
    except ValueError as problem:
        parser.error(str(problem))
    if options.record and not CHECKOUT:
        parser.error("argument --record: the record is kept in a checkout of the repository")
    if options.cache and Path(options.cache).exists() and not Path(options.cache).is_dir():
        parser.error(f"argument --cache: {options.cache} is no folder")
    if options.list:
        print(_listed(claims, as_json=options.json))
        return 0
    return _measure(claims, options)


def _measure(claims: list[Claim], options: argparse.Namespace) -> int:
    """Measure claims, print what comes out, and return the exit status."""
    rows, verdicts = [], {}
    if not options.json:
        print(_ROW.format("claim", "where", "verdict", "s"))
    for claim, result in _results(claims, options.cache):
        rows.append(_as_dict(claim, result))
        if result is not None:
            verdicts[claim.id] = result.verdict
        if not options.json:
            print(_detail(claim, result) if options.id else _line(claim, result), flush=True)
    if options.json:
        print(json.dumps(rows, indent=1, allow_nan=False))
    elif not options.id:
        print("", *map(_wrapped, summary(claims, verdicts).split("\n")), sep="\n")
    news = changed(verdicts)
    for line in news:
        print(line, file=sys.stderr)
    if options.record:
        _record(verdicts)
        print(f"{len(news)} of {len(verdicts)} verdicts were not on record", file=sys.stderr)
        return 0
    return 1 if news else 0 if verdicts else 3


def _results(claims: Iterable[Claim], cache: str | None) -> Iterator[tuple[Claim, Result | None]]:
    """Measure claims one by one, those whose tables are there; on a terminal, say which."""
    for claim in claims:
        if missing_tables(claim):
            yield claim, None
            continue
        note = f"measuring {claim.id} ..."
        shown = sys.stderr.isatty()
        if shown:
            print(note, end="", file=sys.stderr, flush=True)
        try:
            result = evaluate(claim, cache=cache)
        finally:
            if shown:
                print("\r" + " " * len(note), end="\r", file=sys.stderr, flush=True)
        yield claim, result


def _selected(paper: str | None, section: str | None, names: list[str]) -> list[Claim]:
    """Return the claims about a paper, of a section, or those of them that are named.

    A section without a paper is one of the paper that this book is about.
    """
    claims = list(CLAIMS.values())
    if paper is not None or section is not None:
        about = paper or THIS_BOOKS
        claims = _kept(claims, "paper", about, [c.paper == about for c in claims])
    if section is not None:
        wanted = section.lower()
        inside = [f"{c.section}.".lower().startswith(f"{wanted}.") for c in claims]
        claims = _kept(claims, "section", section, inside)
    chosen = {}
    for name in names:
        found = [c for c in claims if name in (c.id, c.name)]
        claim = found[0] if len(found) == 1 else find(name)
        if claim not in claims:
            asked = " ".join(filter(None, (paper, section)))
            raise ValueError(f"{claim.id} is in section {claim.section}, not in {asked}")
        chosen[claim.id] = claim
    return [c for c in claims if c.id in chosen or not names]


def _kept(claims: list[Claim], title: str, wanted: str, inside: list[bool]) -> list[Claim]:
    """Return those claims that are inside, or say what there is if none is."""
    if not any(inside):
        there = ", ".join(dict.fromkeys(getattr(claim, title) for claim in claims))
        raise ValueError(f"no {title} {wanted!r} in the ledger, which has {there}")
    return [claim for claim, is_inside in zip(claims, inside, strict=True) if is_inside]


def _parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    here = (claim.section for claim in CLAIMS.values() if claim.paper == THIS_BOOKS)
    sections = ", ".join(dict.fromkeys(here))
    parser = argparse.ArgumentParser(
        "python -m ledger",
        description=_HELP.format(sections=sections),
        epilog=_STATUS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--list", action="store_true", help="list claims and recorded verdicts, measure nothing")
    add("--id", nargs="+", default=[], metavar="ID", help="only these, with all there is to know")
    add("--section", help="only those of a section, by default of saxe2014")
    add("--paper", help="only those about a paper, such as saxe2014")
    add("--json", action="store_true", help="print JSON, whose infinite numbers are strings")
    add("--record", action="store_true", help="put the verdicts on record, and say what changed")
    add("--cache", metavar="FOLDER", help="keep measurements for the next run by the same code")
    return parser


def _listed(claims: list[Claim], *, as_json: bool) -> str:
    """Return a list of claims that were not measured."""
    known = recorded_verdicts()
    if as_json:
        rows = [{**_plain(claim), "recorded": known.get(claim.id)} for claim in claims]
        return json.dumps(rows, indent=1)
    lines = [_ITEM.format("claim", "in", "kind", "whose", "verdict on record")]
    for claim in claims:
        recorded = known.get(claim.id, "none yet")
        lines.append(
            _ITEM.format(_name(claim), claim.section, claim.kind, claim.source, recorded).rstrip()
        )
    return "\n".join(lines)


def _line(claim: Claim, result: Result | None) -> str:
    """Return the rows of a claim in the table."""
    whose = "ours, " if claim.source == OURS else ""
    if result is None:
        return f"{_head(claim, None)}\n{_wrapped(f'{whose}{claim.kind}: {_reason(claim)}', 4)}"
    stated, *amendments = _checks(result)
    rows = [f"{whose}{claim.kind}: {outcome(stated[1])}"]
    rows += [f"{title}; {outcome(check)}" for title, check in amendments]
    if result.verdict == NOT_CONFIRMED:
        rows.append(claim.statement)
    return "\n".join([_head(claim, result), *(_wrapped(row, 4) for row in rows)])


def _detail(claim: Claim, result: Result | None) -> str:
    """Return all there is to know about a claim."""
    whose = "our own statement" if claim.source == OURS else f"a statement of {claim.paper}"
    lines = [_head(claim, result), _wrapped(f"{claim.id}, {whose}, {claim.kind}", 2), ""]
    lines += [_wrapped(claim.statement, 2), ""]
    if result is None:
        lines.append(_wrapped(f"not measured: {_reason(claim)}", 2))
    else:
        for title, check in _checks(result):
            lines.append(_wrapped(title, 2))
            lines.append(_wrapped(f"{outcome(check)} ({check.reason})", 4))
    return "\n".join([*lines, "", inspect.getsource(claim.measure)])


def _head(claim: Claim, result: Result | None) -> str:
    """Return the first row of a claim."""
    where = legible(claim.where, sys.stdout.encoding)
    if result is None:
        return _ROW.format(_name(claim), where, "not measured", "").rstrip()
    return _ROW.format(_name(claim), where, result.verdict, f"{result.seconds:.1f}")


def _checks(result: Result) -> list[tuple[str, Check]]:
    """Return the checks of a result with their titles, the one as stated first."""
    stated, condition, correction = result.finding
    checks = [("as stated", stated)]
    for title, amendment in (("condition", condition), ("right form", correction)):
        if amendment is not None:
            checks.append((f"{title}: {amendment.text}", amendment.check))
    return checks


def _wrapped(text: str, indent: int = 0) -> str:
    """Return a paragraph that fits a terminal."""
    margin = " " * indent
    shown = legible(plain(text), sys.stdout.encoding)
    return textwrap.fill(shown, _WIDTH, initial_indent=margin, subsequent_indent=margin)


def _name(claim: Claim) -> str:
    """Return the shortest name that finds a claim."""
    alone = [c.name for c in CLAIMS.values()].count(claim.name) == 1
    return claim.name if alone else claim.id


def _reason(claim: Claim) -> str:
    """Say why a claim can't be measured."""
    tables = " and ".join(f"chapters/data/{table}" for table in missing_tables(claim))
    return f"needs {tables}, which a checkout of the repository has"


def _as_dict(claim: Claim, result: Result | None) -> dict[str, object]:
    """Return a claim with its result as plain values."""
    row = {**_plain(claim), "measure": inspect.getsource(claim.measure)}
    if result is None:
        return {**row, "verdict": "not measured", "reason": _reason(claim)}
    stated, condition, correction = result.finding
    return {
        **row,
        "verdict": result.verdict,
        "stated": _finite(stated),
        "condition": condition and {"text": condition.text, **_finite(condition.check)},
        "correction": correction and {"text": correction.text, **_finite(correction.check)},
        "seconds": result.seconds,
    }


def _plain(claim: Claim) -> dict[str, object]:
    """Return a claim without its measurement as plain values."""
    values = claim._asdict()
    del values["measure"]
    return {"id": claim.id, **values}


def _finite(check: Check) -> dict[str, object]:
    """Return a check as plain values; JSON has no infinite ones."""
    return {
        name: str(value) if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in {**check._asdict(), "outcome": outcome(check)}.items()
    }


def _record(verdicts: dict[str, str]) -> None:
    """Write verdicts into the record, in the ledger's order, and forget claims that are gone."""
    known = recorded_verdicts()
    ordered = {name: (known | verdicts)[name] for name in CLAIMS if name in known | verdicts}
    for name in known.keys() - ordered.keys():
        print(f"{name}: {known[name]}, taken off the record", file=sys.stderr)
    RECORD.write_text(json.dumps(ordered, indent=1) + "\n", "utf8")


def run() -> int:
    """Run the command line, and end quietly where a reader or a user has had enough."""
    try:
        try:
            return main()
        finally:
            sys.stdout.flush()
    except BrokenPipeError:
        # Python flushes standard output once more at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(run())
