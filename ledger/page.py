"""The ledger as a page of the book: a table that works without scripts, and its links."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Mapping
from html import escape
from os import PathLike
from pathlib import Path

from ledger.record import VERDICTS, Check, Result, passes

__all__ = ["places", "table"]

# Patterns of what can be linked to in a chapter, with the anchor that Sphinx makes of it.
TARGETS = {
    r"^\(([\w.-]+)\)=": "{}",
    r"^ *name: (fig-[\w-]+)$": "{}",
    r"^:label: (eq-[\w-]+)$": "equation-{}",
    r"^:label: (thm-[\w-]+)$": "{}",
}


def places(folder: str | PathLike[str]) -> dict[str, str]:
    """Return the address of every label in the chapters of a folder."""
    found = {}
    for chapter in sorted(Path(folder).glob("*.md")):
        text = chapter.read_text("utf8")
        for pattern, anchor in TARGETS.items():
            for label in re.findall(pattern, text, re.MULTILINE):
                found[label] = f"{chapter.stem}.html#{anchor.format(label)}"
    return found


def table(results: Iterable[Result], addresses: Mapping[str, str]) -> str:
    """Return the ledger as an HTML table."""
    heads = ("place", "statement, and how it is measured", "measured", "expected", "verdict")
    head = "".join(f'<th scope="col">{title}</th>' for title in heads)
    body = "\n".join(_row(result, addresses) for result in results)
    return f'<table class="ledger"><thead><tr>{head}</tr></thead>\n<tbody>{body}</tbody></table>'


def _row(result: Result, addresses: Mapping[str, str]) -> str:
    """Return one claim as a row, with all the rest folded into its second cell."""
    claim, stated = result.claim, result.finding.stated
    source = escape(inspect.getsource(claim.measure))
    cells = (
        f'<a href="{addresses[claim.label]}">{escape(claim.where)}</a>',
        f"{escape(claim.statement)}<details><summary><code>{claim.name}</code>, {claim.kind}"
        f"</summary>{_checks(result)}<p>Alone: <code>python -m ledger --id {claim.name}"
        f"</code>, {result.seconds:.1f} s when it was measured.</p><pre>{source}</pre></details>",
        _number(stated.measured),
        _expected(stated),
        _badge(result.verdict),
    )
    attributes = f'id="claim-{claim.name}" data-section="{claim.section}"'
    return f"<tr {attributes}>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"


def _checks(result: Result) -> str:
    """Return the checks of a claim as a list, those of its amendments included."""
    stated, condition, correction = result.finding
    items = [("As stated", stated)]
    for title, amendment in (("Condition", condition), ("Right form", correction)):
        if amendment is not None:
            items.append((f"{title}: {amendment.text}", amendment.check))
    spelled = (
        f"<li>{escape(title)}: {_number(check.measured)}, expected {_expected(check)} "
        f"({escape(check.reason)}). It {'holds' if passes(check) else 'fails'}.</li>"
        for title, check in items
    )
    return f"<ul>{''.join(spelled)}</ul>"


def _badge(verdict: str) -> str:
    """Return a verdict as a badge."""
    return f'<span class="claim claim-{VERDICTS.index(verdict)}">{verdict}</span>'


def _expected(check: Check) -> str:
    """Return what a measurement is held against."""
    if check.relation != "=":
        return f"{check.relation} {_number(check.expected)}"
    tolerance = f" ± {_number(check.tolerance)}" if check.tolerance else ""
    return _number(check.expected) + tolerance


def _number(x: float) -> str:
    """Return a number with four digits, and errors of MNIST, which have five, with all."""
    return f"{x:,.0f}" if 1e4 <= abs(x) < 1e6 else f"{x:.4g}"
