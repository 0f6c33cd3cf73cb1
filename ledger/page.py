"""The ledger as a page of the book: a table that works without scripts, and its links."""

from __future__ import annotations

import inspect
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from os import PathLike
from pathlib import Path

from ledger.record import OURS, VERDICTS, Check, Result, passes
from ledger.spelling import boundary, measured, outcome, typeset

__all__ = ["places", "table", "tally"]

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
    heads = ("place", "statement, and how it is measured", "measured", "holds", "verdict")
    head = "".join(f'<th scope="col">{title}</th>' for title in heads)
    body = "\n".join(_row(result, addresses) for result in results)
    return f'<table class="ledger"><thead><tr>{head}</tr></thead>\n<tbody>{body}</tbody></table>'


def tally(groups: Mapping[str, Sequence[Result]]) -> str:
    """Return how many verdicts of each kind there are in groups of results, as an HTML table."""
    head = "".join(f'<th scope="col">{title}</th>' for title in ("", "rows", *VERDICTS))
    rows = []
    for title, results in groups.items():
        counts = Counter(result.verdict for result in results)
        cells = "".join(f"<td>{n}</td>" for n in (len(results), *(counts[v] for v in VERDICTS)))
        rows.append(f'<tr><th scope="row">{escape(title)}</th>{cells}</tr>')
    return f"<table><thead><tr>{head}</tr></thead>\n<tbody>{''.join(rows)}</tbody></table>"


def _row(result: Result, addresses: Mapping[str, str]) -> str:
    """Return one claim as a row, with its source folded into its second cell."""
    claim, stated = result.claim, result.finding.stated
    ours = '<span class="ours">ours</span> ' if claim.source == OURS else ""
    source = escape(inspect.getsource(claim.measure))
    cells = (
        f'<td><a href="{addresses[claim.label]}">{escape(claim.where)}</a></td>',
        f"<td>{ours}{escape(claim.statement)}{_amendments(result)}<details><summary>"
        f"<code>{claim.name}</code>, {claim.kind}</summary>{_reasons(result)}<p>Alone: "
        f"<code>python -m ledger --id {claim.id}</code>, {result.seconds:.1f} s when it was "
        f"measured.</p><pre>{source}</pre></details></td>",
        f'<td data-value="{_script(stated.measured)}">{typeset(measured(stated))}</td>',
        f'<td data-value="{_script(stated.expected)}">{typeset(boundary(stated))}</td>',
        f"<td>{_badge(result.verdict)}</td>",
    )
    data = {"section": claim.section, "kind": claim.kind, "source": claim.source}
    attributes = "".join(f' data-{name}="{escape(value)}"' for name, value in data.items())
    return f'<tr id="{claim.anchor}"{attributes}>{"".join(cells)}</tr>'


def _amendments(result: Result) -> str:
    """Return the condition or the right form of a claim, as paragraphs in plain sight."""
    return "".join(
        f'<p class="amendment"><strong>{title}:</strong> {escape(text)}; '
        f"{typeset(outcome(check))}.</p>"
        for title, text, check in _checks(result)
        if text
    )


def _reasons(result: Result) -> str:
    """Return a list of the checks of a claim, with the reasons for their bounds."""
    items = (
        f"<li>{title}: {typeset(measured(check))} {'holds' if passes(check) else 'fails'}; it "
        f"must lie {typeset(boundary(check))}: {escape(check.reason)}.</li>"
        for title, _, check in _checks(result)
    )
    return f"<ul>{''.join(items)}</ul>"


def _checks(result: Result) -> list[tuple[str, str, Check]]:
    """Return title, text and check of a claim as stated and of its amendments."""
    stated, condition, correction = result.finding
    checks = [("As stated", "", stated)]
    for title, amendment in (("Condition", condition), ("Right form", correction)):
        if amendment is not None:
            checks.append((title, amendment.text, amendment.check))
    return checks


def _script(x: float) -> str:
    """Return a number as scripts read it."""
    return repr(x).replace("inf", "Infinity")


def _badge(verdict: str) -> str:
    """Return a verdict as a badge."""
    return f'<span class="claim claim-{VERDICTS.index(verdict)}">{verdict}</span>'
