"""Put the ledger's verdicts beside the equations, figures and sections that they are about.

A claim names the label of its place; wherever a page has that label, the verdicts on record
stand beside it, linked to their rows. The role {claims}`paper, confirmed` gives the number of
claims that are all of what is named: a verdict, a kind, whose statements they are; or `all`; of
the paper, or with `later` of later papers. The
role {rows}`words <verdict=corrected&source=paper>` links to the rows of the ledger that a query
leaves, and {verdicts}`eq-12,eq-13` has the badges of some claims.
"""

import re
from html import escape
from itertools import product

from docutils import nodes
from sphinx.util.docutils import ReferenceRole, SphinxRole

from ledger import CLAIMS, VERDICTS, find, recorded_verdicts
from ledger.page import erratum
from ledger.record import CONFIRMED, CORRECTED, KINDS, OURS, PAPER, RECORD, THIS_BOOKS
from ledger.spelling import plain

# Of the statements of other papers, which have a ledger of their own.
LATER = "later"


def badges(names, ledgers, errata):
    """Return a badge for each verdict on the claims of one place, as HTML.

    The ledger, that of later papers, and the errata are given by their addresses; empty ones mean
    this very page.
    """
    recorded, shown = recorded_verdicts(), []
    for (later, ledger), (i, verdict) in product(enumerate(ledgers), enumerate(VERDICTS)):
        claims = [CLAIMS[name] for name in names if recorded.get(name) == verdict]
        found = [claim for claim in claims if (claim.paper != THIS_BOOKS) == later]
        if not found:
            continue
        hint = "\n".join(f"{verdict}: {plain(claim.statement)}" for claim in found)
        times = "" if len(found) == 1 else f" × {len(found)}"
        spoken = hint if len(found) == 1 else f"{len(found)} statements {verdict}"
        link = f"{ledger}#{found[0].anchor}"
        if len(found) > 1 and ledger:
            link = f"{ledger}?ids={','.join(claim.short for claim in found)}"
        shown.append(
            f'<a class="claim claim-{i}" href="{escape(link)}" title="{escape(hint)}" '
            f'aria-label="{escape(spoken)}">{"✓" if verdict == CONFIRMED else verdict}{times}</a>'
        )
        if verdict == CORRECTED and not later:
            derived = f"{errata}#{erratum(found[0])}"
            shown.append(f'<a class="claim-erratum" href="{derived}">erratum</a>')
    return " ".join(shown)


def hold_places(app, doctree):
    """Make room for badges after whatever carries the label of a claim."""
    by_label = {}
    for claim in CLAIMS.values():
        by_label.setdefault(claim.label, []).append(claim.id)
    for node in list(doctree.findall(nodes.Element)):
        for label in {node.get("label"), *node.get("ids", ())} & by_label.keys():
            if not isinstance(node, nodes.target):
                room = nodes.paragraph(classes=["claims"])
                room += nodes.raw("", "", format="html", claims=by_label.pop(label))
                if isinstance(node, nodes.section):
                    node.insert(1, room)
                else:
                    node.parent.insert(node.parent.index(node) + 1, room)
                app.env.note_dependency(str(RECORD))


def fill_places(app, doctree, docname):
    """Write the badges, and point links at the ledger, from wherever they stand."""
    alone = app.builder.name == "singlehtml"
    ledger, later, errata = (
        "" if alone else app.builder.get_relative_uri(docname, f"chapters/{page}")
        for page in ("ledger", "later-ledger", "errata")
    )
    for node in doctree.findall(nodes.raw):
        if "claims" in node:
            node += nodes.Text(badges(node["claims"], (ledger, later), errata))
        elif alone and "html" in node["format"]:
            # Of the tables of the ledger, which know pages of their own.
            inside = re.sub(r'href="[\w-]+\.html#', 'href="#', node.astext())
            node.children = [nodes.Text(inside)]
    for link in doctree.findall(nodes.reference):
        if "ledger_query" in link:
            page, query = later if link["later"] else ledger, link["ledger_query"]
            link["refuri"] = "#ledger" if alone else f"{page}?{query}"


def count(text):
    """Return how many claims are all of what a text names."""
    recorded, words = recorded_verdicts(), {word.strip() for word in text.split(",")}
    if unknown := words - {"all", LATER, PAPER, OURS, *KINDS, *VERDICTS}:
        raise ValueError(f"no such verdict, kind or source: {', '.join(sorted(unknown))}")
    facts = [
        {"all", LATER, claim.source, claim.kind, recorded[claim.id]}
        for claim in CLAIMS.values()
        if claim.id in recorded and (claim.paper != THIS_BOOKS) == (LATER in words)
    ]
    return sum(words <= known for known in facts)


class Count(SphinxRole):
    """How many claims are of a certain kind, and came out in a certain way."""

    def run(self):
        """Return the number."""
        self.env.note_dependency(str(RECORD))
        try:
            return [nodes.Text(str(count(self.text)))], []
        except ValueError as problem:
            message = self.inliner.reporter.error(str(problem))
            return [self.inliner.problematic(self.rawtext, self.rawtext, message)], [message]


class Verdicts(SphinxRole):
    """The badges of some claims, given by their names with commas between."""

    def run(self):
        """Return room for the badges."""
        self.env.note_dependency(str(RECORD))
        names = [find(name).id for name in self.text.split(",")]
        return [nodes.raw("", "", format="html", claims=names)], []


class Rows(ReferenceRole):
    """Link to the rows of the ledger that a query leaves."""

    def run(self):
        """Return the link, whose words may hold a number in braces: {paper, corrected}."""
        words = re.sub(r"\{([^}]+)\}", lambda found: str(count(found[1])), self.title)
        self.env.note_dependency(str(RECORD))
        # Numbers of later papers are about the ledger of their own.
        later = f"{{{LATER}," in self.title
        link = nodes.reference("", words, internal=True, ledger_query=self.target, later=later)
        return [link], []


def setup(app):
    """Register the extension."""
    app.add_role("claims", Count())
    app.add_role("rows", Rows())
    app.add_role("verdicts", Verdicts())
    app.connect("doctree-read", hold_places)
    app.connect("doctree-resolved", fill_places)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
