"""Put the ledger's verdicts beside the equations, figures and sections that they are about.

A claim names the label of its place; wherever a page has that label, the verdicts on record
stand beside it, linked to their rows. The role {claims}`paper, confirmed` gives the number of
claims that are all of what is named: a verdict, a kind, whose statements they are; or `all`. The
role {rows}`words <verdict=corrected&source=paper>` links to the rows of the ledger that a query
leaves, and {verdicts}`eq-12,eq-13` has the badges of some claims.
"""

import re
from html import escape

from docutils import nodes
from sphinx.util.docutils import ReferenceRole, SphinxRole

from ledger import CLAIMS, VERDICTS, find, recorded_verdicts
from ledger.page import erratum
from ledger.record import CONFIRMED, CORRECTED, KINDS, OURS, PAPER, RECORD
from ledger.spelling import plain


def badges(names, ledger, errata):
    """Return a badge for each verdict on the claims of one place, as HTML.

    The ledger and the errata are given by their addresses; empty ones mean this very page.
    """
    recorded, shown = recorded_verdicts(), []
    for i, verdict in enumerate(VERDICTS):
        found = [CLAIMS[name] for name in names if recorded.get(name) == verdict]
        if not found:
            continue
        hint = "\n".join(f"{verdict}: {plain(claim.statement)}" for claim in found)
        times = "" if len(found) == 1 else f" × {len(found)}"
        spoken = hint if len(found) == 1 else f"{len(found)} statements {verdict}"
        link = f"{ledger}#{found[0].anchor}"
        if len(found) > 1 and ledger:
            link = f"{ledger}?ids={','.join(claim.name for claim in found)}"
        shown.append(
            f'<a class="claim claim-{i}" href="{escape(link)}" title="{escape(hint)}" '
            f'aria-label="{escape(spoken)}">{"✓" if verdict == CONFIRMED else verdict}{times}</a>'
        )
        if verdict == CORRECTED:
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
    ledger, errata = (
        "" if alone else app.builder.get_relative_uri(docname, f"chapters/{page}")
        for page in ("ledger", "errata")
    )
    for node in doctree.findall(nodes.raw):
        if "claims" in node:
            node += nodes.Text(badges(node["claims"], ledger, errata))
        elif alone and "html" in node["format"]:
            # Of the tables of the ledger, which know pages of their own.
            inside = re.sub(r'href="[\w-]+\.html#', 'href="#', node.astext())
            node.children = [nodes.Text(inside)]
    for link in doctree.findall(nodes.reference):
        if "ledger_query" in link:
            link["refuri"] = "#ledger" if alone else f"{ledger}?{link['ledger_query']}"


def count(text):
    """Return how many claims are all of what a text names."""
    recorded, words = recorded_verdicts(), {word.strip() for word in text.split(",")}
    if unknown := words - {"all", PAPER, OURS, *KINDS, *VERDICTS}:
        raise ValueError(f"no such verdict, kind or source: {', '.join(sorted(unknown))}")
    facts = [
        {"all", claim.source, claim.kind, recorded[claim.id]}
        for claim in CLAIMS.values()
        if claim.id in recorded
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
        return [nodes.reference("", words, internal=True, ledger_query=self.target)], []


def setup(app):
    """Register the extension."""
    app.add_role("claims", Count())
    app.add_role("rows", Rows())
    app.add_role("verdicts", Verdicts())
    app.connect("doctree-read", hold_places)
    app.connect("doctree-resolved", fill_places)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
