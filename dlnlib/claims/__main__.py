"""Measure claims and print the ledger: python -m dlnlib.claims --help."""

from __future__ import annotations

import argparse
import inspect
import json
import sys
from pathlib import Path

import dlnlib
from dlnlib.claims import CLAIMS, Check, Result, evaluate, passes, recorded_verdicts, summary
from dlnlib.claims.ledger import RECORD

ROW = "{:<30} {:<26} {:<27} {:<34} {:>6}"


def main(arguments: list[str] | None = None) -> int:
    """Measure, print, and compare with the record."""
    options = parser().parse_args(arguments)
    names = [
        name
        for name, claim in CLAIMS.items()
        if claim.section.startswith(options.section) and (not options.id or name in options.id)
    ]
    if unknown := set(options.id) - set(names):
        sys.exit(f"no such claim: {', '.join(sorted(unknown))}")
    results = []
    if not options.json:
        print(ROW.format("claim", "where", "verdict", "measured", "s"))
    for name in names:
        results.append(evaluate(name, cache=options.cache))
        if not options.json:
            print(detail(results[-1]) if options.id else line(results[-1]), flush=True)
    if options.json:
        print(json.dumps([as_dict(result) for result in results], indent=1, ensure_ascii=False))
    verdicts = {result.name: result.verdict for result in results}
    if options.record:
        record(verdicts)
    on_record = recorded_verdicts()
    changed = {n: v for n, v in verdicts.items() if on_record.get(n) != v}
    for name, verdict in changed.items():
        print(f"{name}: {verdict}, on record {on_record.get(name)}", file=sys.stderr)
    if not options.json:
        print(summary(verdicts))
    return 1 if changed else 0


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser("python -m dlnlib.claims", description=__doc__)
    parser.add_argument("--section", default="", help="only those of a section: 1.3, 2, B, ...")
    parser.add_argument("--id", nargs="+", default=[], help="only these, in full")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--record", action="store_true", help="put the verdicts on record")
    parser.add_argument("--cache", help="folder that keeps measurements by the same code")
    return parser


def line(result: Result) -> str:
    """Return a row of the table."""
    claim, check = CLAIMS[result.name], result.finding.stated
    shown = f"{check.measured:.4g} {check.relation} {check.expected:.4g}"
    shown += f" ± {check.tolerance:.1g}" if check.relation == "=" else ""
    return ROW.format(claim.name, claim.where, result.verdict, shown, f"{result.seconds:.1f}")


def detail(result: Result) -> str:
    """Return all there is to know about a claim."""
    claim, finding = CLAIMS[result.name], result.finding
    lines = [line(result), "", f"  {claim.statement}", f"  As stated: {spell(finding.stated)}"]
    for title, amendment in (("Condition", finding.condition), ("Right", finding.correction)):
        if amendment is not None:
            lines += [f"  {title}: {amendment.text}", f"    {spell(amendment.check)}"]
    return "\n".join([*lines, "", inspect.getsource(claim.measure)])


def spell(check: Check) -> str:
    """Write a check out."""
    held = "holds" if passes(check) else "fails"
    tolerance = f" ± {check.tolerance:.2g}" if check.relation == "=" else ""
    return (
        f"measured {check.measured:.6g}, expected {check.relation} {check.expected:.6g}"
        f"{tolerance} ({check.reason}): {held}"
    )


def as_dict(result: Result) -> dict[str, object]:
    """Return a result with its claim as plain values."""
    claim = CLAIMS[result.name]._asdict() | {
        "measure": inspect.getsource(CLAIMS[result.name].measure)
    }
    amendments = {
        key: amendment and {"text": amendment.text, **amendment.check._asdict()}
        for key, amendment in list(result.finding._asdict().items())[1:]
    }
    found = {"stated": result.finding.stated._asdict(), **amendments}
    return claim | found | {"verdict": result.verdict, "seconds": result.seconds}


def record(verdicts: dict[str, str]) -> None:
    """Write verdicts into the record, in the ledger's order, and forget claims that are gone."""
    path = Path(dlnlib.__file__).parent / "data" / RECORD
    known = (json.loads(path.read_text("utf8")) if path.exists() else {}) | verdicts
    ordered = {name: known[name] for name in CLAIMS if name in known}
    path.write_text(json.dumps(ordered, indent=1) + "\n", "utf8")


if __name__ == "__main__":
    sys.exit(main())
