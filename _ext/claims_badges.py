"""Put the ledger's verdicts beside the equations, figures and sections that they are about.

A claim names the label of its place; wherever a page has that label, the verdicts on record
follow it, linked to their rows. The role {claims}`paper, confirmed` gives the number of claims
that are all of what is named: a verdict, a kind, whose statements they are; or `all`.
"""

from docutils import nodes
from sphinx.util.docutils import SphinxRole

from ledger import CLAIMS, VERDICTS, recorded_verdicts
from ledger.record import KINDS, OURS, PAPER, RECORD


def badges(names, docname):
    """Return a paragraph with one badge for each verdict on some claims, given by their ids."""
    recorded, paragraph = recorded_verdicts(), nodes.paragraph(classes=["claims"])
    ledger = "../" * docname.count("/") + "chapters/ledger.html"
    for i, verdict in enumerate(VERDICTS):
        found = [CLAIMS[name] for name in names if recorded.get(name) == verdict]
        if found:
            text = verdict if len(found) == 1 else f"{verdict} × {len(found)}"
            target = {"internal": True, "refuri": f"{ledger}#{found[0].anchor}"}
            hint = {"reftitle": "In the ledger: " + " ".join(claim.name for claim in found)}
            classes = ["claim", f"claim-{i}"]
            paragraph += nodes.reference("", text, classes=classes, **target, **hint)
    return paragraph


def place_badges(app, doctree):
    """Insert badges after whatever carries the label of a claim."""
    by_label = {}
    for claim in CLAIMS.values():
        by_label.setdefault(claim.label, []).append(claim.id)
    for node in list(doctree.findall(nodes.Element)):
        for label in {node.get("label"), *node.get("ids", ())} & by_label.keys():
            if not isinstance(node, nodes.target):
                shown = badges(by_label.pop(label), app.env.docname)
                if isinstance(node, nodes.section):
                    node.insert(1, shown)
                else:
                    node.parent.insert(node.parent.index(node) + 1, shown)
                app.env.note_dependency(str(RECORD))


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


def setup(app):
    """Register the extension."""
    app.add_role("claims", Count())
    app.connect("doctree-read", place_badges)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
