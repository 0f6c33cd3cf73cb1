"""Measure claims and print the ledger: python -m ledger --help."""

from __future__ import annotations

import argparse
import inspect
import json
import sys

from ledger import (
    CLAIMS,
    Amendment,
    Check,
    Claim,
    Result,
    evaluate,
    passes,
    recorded_verdicts,
    summary,
)
from ledger.record import RECORD, TABLES, missing_tables

__all__ = ["main"]

_ROW = "{:<30} {:<26} {:<27} {:<34} {:>6}"


def main(arguments: list[str] | None = None) -> int:
    """Measure, print, and compare with the record."""
    options = _parser().parse_args(arguments)
    claims = _selected(options.section, options.id)
    measurable = [claim for claim in claims if not missing_tables(claim)]
    if not options.json:
        print(_ROW.format("claim", "where", "verdict", "measured", "s"))
    results = []
    for claim in measurable:
        results.append(evaluate(claim, cache=options.cache))
        if not options.json:
            print(_detail(results[-1]) if options.id else _line(results[-1]), flush=True)
    verdicts = {result.claim.name: result.verdict for result in results}
    if options.json:
        print(json.dumps([_as_dict(result) for result in results], indent=1, ensure_ascii=False))
    else:
        print(summary(verdicts))
    if options.record:
        _record(verdicts)
    problems = [*_not_measured(claims), *_changed(verdicts)]
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if problems else 0


def _selected(section: str, names: list[str]) -> list[Claim]:
    """Return the claims of a section, or those of them that are named."""
    found = [claim for claim in CLAIMS.values() if claim.section.startswith(section)]
    if unknown := set(names) - {claim.name for claim in found}:
        sys.exit(f"no such claim: {', '.join(sorted(unknown))}")
    return [claim for claim in found if not names or claim.name in names]


def _not_measured(claims: list[Claim]) -> list[str]:
    """Say which claims cannot be measured, as a table that they read is missing."""
    missing = [(claim.name, table) for claim in claims for table in missing_tables(claim)]
    reason = "is missing: run the ledger in a checkout of the repository"
    return [f"{name}: not measured, {TABLES / table} {reason}" for name, table in missing]


def _changed(verdicts: dict[str, str]) -> list[str]:
    """Say which verdicts are not those on record."""
    known = recorded_verdicts()
    return [
        f"{name}: {verdict}, on record {known.get(name)}"
        for name, verdict in verdicts.items()
        if verdict != known.get(name)
    ]


def _parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser("python -m ledger", description=__doc__)
    parser.add_argument("--section", default="", help="only those of a section: 1.3, 2, B, ...")
    parser.add_argument("--id", nargs="+", default=[], help="only these, in full")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--record", action="store_true", help="put the verdicts on record")
    parser.add_argument("--cache", help="folder that keeps measurements by the same code")
    return parser


def _line(result: Result) -> str:
    """Return a row of the table."""
    claim, check = result.claim, result.finding.stated
    shown = f"{check.measured:.4g} {check.relation} {check.expected:.4g}"
    shown += f" ± {check.tolerance:.1g}" if check.relation == "=" else ""
    return _ROW.format(claim.name, claim.where, result.verdict, shown, f"{result.seconds:.1f}")


def _detail(result: Result) -> str:
    """Return all there is to know about a claim."""
    claim, finding = result.claim, result.finding
    lines = [_line(result), "", f"  {claim.statement}", f"  As stated: {_spell(finding.stated)}"]
    for title, amendment in (("Condition", finding.condition), ("Right", finding.correction)):
        if amendment is not None:
            lines += [f"  {title}: {amendment.text}", f"    {_spell(amendment.check)}"]
    return "\n".join([*lines, "", inspect.getsource(claim.measure)])


def _spell(check: Check) -> str:
    """Write a check out."""
    held = "holds" if passes(check) else "fails"
    tolerance = f" ± {check.tolerance:.2g}" if check.relation == "=" else ""
    return (
        f"measured {check.measured:.6g}, expected {check.relation} {check.expected:.6g}"
        f"{tolerance} ({check.reason}): {held}"
    )


def _as_dict(result: Result) -> dict[str, object]:
    """Return a result with its claim as plain values."""
    claim, finding = result.claim, result.finding
    return {
        **claim._asdict(),
        "measure": inspect.getsource(claim.measure),
        "stated": finding.stated._asdict(),
        "condition": _flat(finding.condition),
        "correction": _flat(finding.correction),
        "verdict": result.verdict,
        "seconds": result.seconds,
    }


def _flat(amendment: Amendment | None) -> dict[str, object] | None:
    """Return an amendment with its check as plain values."""
    if amendment is None:
        return None
    return {"text": amendment.text, **amendment.check._asdict()}


def _record(verdicts: dict[str, str]) -> None:
    """Write verdicts into the record, in the ledger's order, and forget claims that are gone."""
    known = (json.loads(RECORD.read_text("utf8")) if RECORD.exists() else {}) | verdicts
    ordered = {name: known[name] for name in CLAIMS if name in known}
    RECORD.write_text(json.dumps(ordered, indent=1) + "\n", "utf8")


if __name__ == "__main__":
    sys.exit(main())
