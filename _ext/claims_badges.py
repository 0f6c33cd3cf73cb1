"""Put the ledger's verdicts beside the equations, figures and sections that they are about.

A claim names the label of its place; wherever a page has that label, the verdicts on record
follow it, linked to their rows. The role {claims}`confirmed`, or `all`, gives a number of claims.
"""

from collections import Counter

from docutils import nodes
from sphinx.util.docutils import SphinxRole

from ledger import CLAIMS, VERDICTS, recorded_verdicts
from ledger.record import RECORD


def badges(names, docname):
    """Return a paragraph with one badge for each verdict on some claims."""
    recorded, paragraph = recorded_verdicts(), nodes.paragraph(classes=["claims"])
    ledger = "../" * docname.count("/") + "chapters/ledger.html"
    for i, verdict in enumerate(VERDICTS):
        found = [name for name in names if recorded.get(name) == verdict]
        if found:
            text = verdict if len(found) == 1 else f"{verdict} × {len(found)}"
            target = {"internal": True, "refuri": f"{ledger}#claim-{found[0]}"}
            hint = {"reftitle": "In the ledger: " + " ".join(found)}
            classes = ["claim", f"claim-{i}"]
            paragraph += nodes.reference("", text, classes=classes, **target, **hint)
    return paragraph


def place_badges(app, doctree):
    """Insert badges after whatever carries the label of a claim."""
    by_label = {}
    for claim in CLAIMS.values():
        by_label.setdefault(claim.label, []).append(claim.name)
    for node in list(doctree.findall(nodes.Element)):
        for label in {node.get("label"), *node.get("ids", ())} & by_label.keys():
            if not isinstance(node, nodes.target):
                shown = badges(by_label.pop(label), app.env.docname)
                if isinstance(node, nodes.section):
                    node.insert(1, shown)
                else:
                    node.parent.insert(node.parent.index(node) + 1, shown)
                app.env.note_dependency(str(RECORD))


class Count(SphinxRole):
    """How many claims came out in a certain way, or how many there are."""

    def run(self):
        """Return the number."""
        self.env.note_dependency(str(RECORD))
        counts = Counter(recorded_verdicts().values())
        if self.text not in (*VERDICTS, "all"):
            message = self.inliner.reporter.error(f"no such verdict: {self.text}")
            return [self.inliner.problematic(self.rawtext, self.rawtext, message)], [message]
        number = counts.total() if self.text == "all" else counts[self.text]
        return [nodes.Text(str(number))], []


def setup(app):
    """Register the extension."""
    app.add_role("claims", Count())
    app.connect("doctree-read", place_badges)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
