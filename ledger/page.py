"""The ledger as a page of the book: tables that work without scripts, and their links."""

from __future__ import annotations

import inspect
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from os import PathLike
from pathlib import Path
from urllib.parse import quote

from ledger import CLAIMS
from ledger.record import (
    CORRECTED,
    IDENTITY,
    OURS,
    THIS_BOOKS,
    VERDICTS,
    Check,
    Claim,
    Result,
    passes,
)
from ledger.spelling import agreement, boundary, measured, outcome, typeset

__all__ = [
    "cited",
    "comparison",
    "corrections",
    "erratum",
    "parts_of",
    "places",
    "prose",
    "table",
    "tally",
]

# Where a reader disputes a verdict; the book's configuration names the same repository.
REPOSITORY = "https://github.com/dln-book/dlnbook"
# Patterns of what can be linked to in a chapter, with the anchor that Sphinx makes of it.
TARGETS = {
    r"^\(([\w.-]+)\)=": "{}",
    r"^ *name: (fig-[\w-]+)$": "{}",
    r"^:label: (eq-[\w-]+)$": "equation-{}",
    r"^:label: (thm-[\w-]+)$": "{}",
}
# A name without a hyphen may be a plain word.
_NAMES = {
    claim.short: claim.anchor
    for claim in CLAIMS.values()
    if claim.paper == THIS_BOOKS and "-" in claim.short
}
# Mathematics, code, and names of claims, in a statement.
_MARKED = re.compile(
    r"\$(?P<tex>[^$]+)\$|`(?P<code>[^`]+)`|(?<![\w.-])(?P<name>"
    + "|".join(sorted(map(re.escape, _NAMES), key=len, reverse=True))
    + r")(?![\w-])"
)


def places(folder: str | PathLike[str]) -> dict[str, str]:
    """Return the address of every label in the chapters of a folder."""
    found = {}
    for chapter in sorted(Path(folder).glob("*.md")):
        text = chapter.read_text("utf8")
        for pattern, anchor in TARGETS.items():
            for label in re.findall(pattern, text, re.MULTILINE):
                found[label] = f"{chapter.stem}.html#{anchor.format(label)}"
    return found


def erratum(claim: Claim) -> str:
    """Return the label of the heading in the errata that derives the right form."""
    return claim.anchor.replace(f"claim-{THIS_BOOKS}-", "erratum-")


def prose(text: str) -> str:
    """Return a statement as HTML, with its mathematics for MathJax and names as links."""
    shown, end = "", 0
    for part in _MARKED.finditer(text):
        shown += _words(text[end : part.start()])
        end = part.end()
        if part["tex"]:
            shown += rf'<span class="math notranslate nohighlight">\({escape(part["tex"])}\)</span>'
        elif part["code"]:
            shown += f"<code>{escape(part['code'])}</code>"
        else:
            shown += f'<a href="ledger.html#{_NAMES[part["name"]]}">{part["name"]}</a>'
    return shown + _words(text[end:])


def table(results: Iterable[Result], addresses: Mapping[str, str]) -> str:
    """Return the ledger as an HTML table, with a body of two rows for every claim."""
    heads = ("place", "statement, and how it is measured", "measured", "holds", "verdict")
    bodies = "\n".join(_body(result, addresses) for result in results)
    return f'<table class="ledger"><thead>{_heads(*heads)}</thead>\n{bodies}</table>'


def tally(groups: Mapping[str, Sequence[Result]]) -> str:
    """Return how many verdicts of each kind there are in groups of results, as an HTML table."""
    rows = []
    for title, results in groups.items():
        counts = Counter(result.verdict for result in results)
        cells = "".join(f"<td>{n}</td>" for n in (len(results), *(counts[v] for v in VERDICTS)))
        rows.append(f'<tr><th scope="row">{escape(title)}</th>{cells}</tr>')
    head = _heads("", "rows", *VERDICTS)
    return f'<table class="tally"><thead>{head}</thead>\n<tbody>{"".join(rows)}</tbody></table>'


def comparison(result: Result) -> str:
    """Return what was measured of the printed and of the right form, as an HTML table."""
    _, how = parts_of(result.claim.statement)
    rows = "".join(
        f'<tr><th scope="row">{"right form" if text else "as printed"}</th>'
        f"<td>{typeset(measured(check))}</td><td>{typeset(boundary(check))}</td>"
        f"<td>{'holds' if passes(check) else 'fails'}</td></tr>"
        for _, text, check in _checks(result)
    )
    link = f'<a href="ledger.html#{result.claim.anchor}">{result.claim.name}</a>'
    title = f"<caption>{link}. {prose(how)}</caption>"
    heads = _heads("", "measured", "should be", "outcome")
    return f'<table class="erratum">{title}<thead>{heads}</thead>\n<tbody>{rows}</tbody></table>'


def corrections(results: Iterable[Result], matters: Mapping[str, str]) -> str:
    """Return a line for every statement that was corrected, as an HTML table."""
    rows = []
    for result in results:
        claim, right = result.claim, result.finding.correction
        said, _ = parts_of(claim.statement)
        cells = (said, right.text if right else "", matters[claim.name])
        where = f'<th scope="row"><a href="#{erratum(claim)}">{escape(claim.where)}</a></th>'
        rows.append(f"<tr>{where}{''.join(f'<td>{prose(cell)}</td>' for cell in cells)}</tr>")
    head = _heads("where", "printed", "right", "does it matter?")
    body = "\n".join(rows)
    return f'<table class="corrections"><thead>{head}</thead>\n<tbody>{body}</tbody></table>'


def _heads(*titles: str) -> str:
    """Return a row of headings."""
    # A heading without a word is an empty cell.
    cells = "".join(f'<th scope="col">{title}</th>' if title else "<td></td>" for title in titles)
    return f"<tr>{cells}</tr>"


def _body(result: Result, addresses: Mapping[str, str]) -> str:
    """Return one claim as a body of the table: what is said, and folded away, how we know."""
    claim, stated = result.claim, result.finding.stated
    found, limit = _numbers(claim, stated)
    cells = (
        f'<td><a href="{addresses[claim.label]}">{escape(_where(claim))}</a></td>',
        f"<td>{_statement(claim)}{_amendments(result)}</td>",
        f'<td data-value="{_script(stated.measured)}">{typeset(found)}</td>',
        f'<td data-value="{_script(stated.expected)}">{typeset(limit)}</td>',
        f"<td>{_badge(result, addresses)}</td>",
    )
    facts = {
        "paper": cited(claim.paper),
        "section": claim.section,
        "kind": claim.kind,
        "source": claim.source,
        "verdict": result.verdict,
        "name": claim.short,
    }
    attributes = "".join(f' data-{name}="{escape(value)}"' for name, value in facts.items())
    return (
        f'<tbody id="{claim.anchor}"{attributes}><tr>{"".join(cells)}</tr>\n'
        f'<tr class="more"><td colspan="5">{_details(result)}</td></tr></tbody>'
    )


def cited(paper: str) -> str:
    """Return the key of a paper in the words of a citation: hu2020b is Hu 2020."""
    found = re.fullmatch(r"([a-z-]+?)-?(\d{4})[a-z]?", paper)
    return f"{found[1].replace('-', ' ').title()} {found[2]}" if found else paper


def _where(claim: Claim) -> str:
    """Return the place of a statement, and its paper if that is another than this book's."""
    return claim.where if claim.paper == THIS_BOOKS else f"{cited(claim.paper)}, {claim.where}"


def _statement(claim: Claim) -> str:
    """Return what is said, and below it how it is read and measured."""
    ours = '<span class="ours">ours</span> ' if claim.source == OURS else ""
    said, how = parts_of(claim.statement)
    return f"<p>{ours}{prose(said)}</p>" + (f'<p class="how">{prose(how)}</p>' if how else "")


def parts_of(statement: str) -> tuple[str, str]:
    """Return what is said, and how it is read and measured."""
    said, *how = re.split(r" (?=Measured\b|Reading:)", statement, maxsplit=1)
    return said, "".join(how)


def _numbers(claim: Claim, check: Check) -> tuple[str, str]:
    """Return what was measured and where it holds; of an identity, to what it holds."""
    if claim.kind != IDENTITY or not passes(check) or check.relation != "=" or not check.tolerance:
        return measured(check), boundary(check)
    return agreement(check), boundary(check).removesuffix(" of 0")


def _details(result: Result) -> str:
    """Return the checks with their reasons, the command, and the code, folded away."""
    claim = result.claim
    title = quote(f"Ledger, {claim.id}: another reading")
    return (
        f"<details><summary><code>{claim.short}</code>, {claim.kind}</summary>{_reasons(result)}"
        f"<p>Alone: <code>python -m ledger --id {claim.id}</code>, {result.seconds:.1f} s when it "
        f'was measured. <a href="{REPOSITORY}/issues/new?title={title}">Dispute this reading</a>'
        f'</p><pre tabindex="0">{escape(inspect.getsource(claim.measure))}</pre></details>'
    )


def _amendments(result: Result) -> str:
    """Return the condition or the right form of a claim, as paragraphs in plain sight."""
    return "".join(
        f'<p class="amendment"><span>{title}:</span> {prose(text)}; {typeset(outcome(check))}.</p>'
        for title, text, check in _checks(result)
        if text
    )


def _reasons(result: Result) -> str:
    """Return a list of the checks of a claim, with the reasons for their bounds."""
    items = (
        f"<li>{title}: {typeset(measured(check))} {'holds' if passes(check) else 'fails'}; it "
        f"must lie {typeset(boundary(check))}: {prose(check.reason)}.</li>"
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


def _words(text: str) -> str:
    """Return words as HTML, numbers as people write them."""
    return typeset(escape(text, quote=False)).replace(" %", "\N{NO-BREAK SPACE}%")


def _script(x: float) -> str:
    """Return a number as scripts read it."""
    return repr(x).replace("inf", "Infinity")


def _badge(result: Result, addresses: Mapping[str, str]) -> str:
    """Return a verdict as a badge; that of a slip leads to its erratum."""
    verdict, classes = result.verdict, f"claim claim-{VERDICTS.index(result.verdict)}"
    derived = addresses.get(erratum(result.claim))
    if verdict == CORRECTED and derived:
        hint = "The right form is derived in the errata"
        return f'<a class="{classes}" href="{derived}" title="{hint}">{verdict}</a>'
    return f'<span class="{classes}">{verdict}</span>'
