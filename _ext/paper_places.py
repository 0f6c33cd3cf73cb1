"""Link places of the paper to the page that goes through it item by item.

The role {paper}`Fig. 6A` links to the row of that place on the concordance page, and fails where
the paper has no such place. The directive {concordance} writes a table of that page, from the
ledger's claims and from the few lines below that they do not tell.
"""

import re
from pathlib import Path

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.util.docutils import SphinxDirective, SphinxRole

from dlnlib.book import table
from ledger import CLAIMS
from ledger.page import parts_of, places
from ledger.record import THIS_BOOKS

# The works that cite the paper, with the place of it that they go on from.
WORKS = table(Path(__file__).parents[1] / "chapters" / "data" / "works.csv")

# Every place of the paper that has a name, with what it holds.
SECTIONS = {
    "Sec. 1": "General learning dynamics: three layers",
    "Sec. 1.1": "Learning with orthogonal inputs",
    "Sec. 1.2": "The outcome of learning",
    "Sec. 1.3": "The time course of learning",
    "Sec. 2": "Deeper networks",
    "Sec. 3": "Good starts: greediness and randomness",
    "Sec. 4": "Dynamical isometry in nonlinear networks",
    "Sec. 5": "Discussion",
}
APPENDICES = {
    "App. A": "Hyperbolic coordinates for unequal layers",
    "App. B": "Optimal learning rates",
    "App. B.1": "Learning times at the optimal rate",
    "App. C": "Set-up of the depth experiment on MNIST; no chapter, as it is all about Fig. 4, "
    "with which the book runs it",
    "App. D": "Literature on what unsupervised pretraining is good for; no chapter, as nothing in "
    "it can be computed",
    "App. D.1": "Faster optimisation",
    "App. D.2": "Better generalisation",
    "App. E": "Inputs that are correlated along the task's modes",
    "App. F": "Set-up of the pretraining experiment on MNIST; no chapter, as it is all about Fig. "
    "5, with which the book runs it",
    "App. G": "How the variance of activities moves through layers",
}
FIGURES = {
    "Fig. 1": "The three-layer network",
    "Fig. 2": "Motion of one mode's two layers",
    "Fig. 3": "Learning the tree",
    "Fig. 3 left": "Strengths of seven modes over time",
    "Fig. 3 right": "Delays of simulated modes",
    "Fig. 4": "Depth on MNIST",
    "Fig. 4 left": "Learning time against depth",
    "Fig. 4 right": "Best learning rate against depth",
    "Fig. 5": "Is MNIST consistent with greedy pretraining?",
    "Fig. 5 left": "Input correlations",
    "Fig. 5 centre": "The same between input modes",
    "Fig. 5 right": "Learning curves with and without pretraining",
    "Fig. 6": "Random starts",
    "Fig. 6A": "Depth and starts on MNIST",
    "Fig. 6A left": "Learning time against depth for three starts",
    "Fig. 6A middle": "Best learning rate against depth",
    "Fig. 6A right": "Eigenvalues of an orthogonal matrix",
    "Fig. 6B": "Singular values of Gaussian products",
    "Fig. 6B left": "One factor",
    "Fig. 6B middle": "Five factors",
    "Fig. 6B right": "A hundred factors",
    "Fig. 6C": "Their eigenvalues",
    "Fig. 6C left": "One factor",
    "Fig. 6C middle": "Five factors",
    "Fig. 6C right": "A hundred factors",
    "Fig. 7": "Singular values of the Jacobian of a hundred tanh layers",
    "Fig. 8": "Variance of activities",
    "Fig. 8 left": "Its map from layer to layer",
    "Fig. 8 right": "Its fixed point against the gain",
}
EQUATIONS = {f"Eq. {n}": "" for n in range(1, 50)}
TABLES = {
    "sections": SECTIONS,
    "equations": EQUATIONS,
    "figures": FIGURES,
    "appendices": APPENDICES,
}
PLACES = {place: said for table in TABLES.values() for place, said in table.items()}
# Labels in the book that no claim leads to.
HOMES = {
    "Sec. 1": ("section-1-1", "section-1-2", "section-1-3"),
    "Sec. 1.1": ("section-1-1",),
    "Sec. 3": ("section-3-1", "section-3-2", "section-3-3"),
    "Sec. 4": ("section-4", "section-4-learning"),
    "Sec. 5": ("section-5",),
    "App. A": ("appendix-a",),
    "App. B": ("appendix-b",),
    "App. B.1": ("appendix-b",),
    "App. C": ("appendix-c",),
    "App. D": ("appendix-d",),
    "App. D.1": ("appendix-d",),
    "App. D.2": ("appendix-d",),
    "App. E": ("appendix-e",),
    "App. F": ("appendix-f",),
    "App. G": ("appendix-g",),
    "Fig. 1": ("section-1-1",),
    "Fig. 4": ("printed-mnist",),
}
PANELS = ("left", "centre", "middle", "right")


def label_of(place):
    """Return the label of the book that a place of the paper has if it has one of its own."""
    kind, rest = place.split(maxsplit=1)
    stem = {"Sec.": "section", "Eq.": "eq", "App.": "appendix", "Fig.": "printed-fig"}[kind]
    return f"{stem}-{rest.lower().replace('.', '-')}"


def places_in(text):
    """Return all places that a text names, such as Eqs. 34-36, or Fig. 3 left and right."""
    found, kind, last = [], "", ""
    for part in re.split(r", | and ", text):
        part = re.sub(r"^§", "Sec. ", re.sub(r"^Appendix ", "App. ", part))
        if part in PANELS:
            found.append(f"{last} {part}")
            continue
        if head := re.match(r"(Eq|Fig|Sec|App)s?\. ", part):
            kind, part = f"{head[1]}. ", part[head.end() :]
        first, _, to = part.partition("-")
        parts = range(int(first), int(to) + 1) if to else [part]
        found += [f"{kind}{each}" for each in parts]
        last = re.sub(f" ({'|'.join(PANELS)})$", "", found[-1])
    return found


def claims_about(place):
    """Return the claims about a place; of a panel that has none, those about its figure."""
    claims = [claim for claim in CLAIMS.values() if claim.paper == THIS_BOOKS]
    if found := [claim for claim in claims if place in places_in(claim.where)]:
        return found
    parent = re.sub(f"(?<=\\d|[A-C]) ({'|'.join(PANELS)})$", "", place)
    return [] if parent == place else claims_about(parent)


def row(place, addresses):
    """Return the row of a place in the concordance, as Markdown."""
    claims = claims_about(place)
    labels = (label_of(place), *HOMES.get(place, ()), *(claim.label for claim in claims))
    links = ", ".join(link(label) for label in dict.fromkeys(labels) if label in addresses)
    if then := [link(work["place"]) for work in WORKS if work["extends"] == place]:
        links += f"; then {', '.join(then)}"
    said = PLACES[place]
    if place in EQUATIONS:
        stated = [c for c in claims if int(place.split()[1]) in c.equations]
        said = parts_of(stated[0].statement)[0].rstrip(".").replace("|", r"\vert ")
    names = ",".join(claim.name for claim in claims)
    verdicts = f"{{verdicts}}`{names}`" if names else ""
    return f"| {{paper-item}}`{place}` | {said} | {links} | {verdicts} |"


def link(label):
    """Return a reference to a label of the book, in Markdown."""
    role = {"eq": "eq", "fig": "numref", "thm": "prf:ref"}.get(label.partition("-")[0], "ref")
    return f"{{{role}}}`{label}`"


def named(text):
    """Return the first place that a text names, so that a range or a list links to its first."""
    plain = re.sub(r"^§\s*|^Sections?\s", "Sec. ", " ".join(text.split()))
    plain = re.sub(r"^Appendi(x|ces)\s", "App. ", plain)
    plain = re.sub(r"^(Eq|Fig|Sec|App)s\. ", r"\1. ", plain)
    shape = rf"(Eq|Fig|Sec|App)\. ([A-G]|\d+)(\.\d|[A-C])?( ({'|'.join(PANELS)}))?(?![\w.])"
    found = re.match(shape, plain)
    for place in (found[0], re.sub(" middle$", " centre", found[0])) if found else ():
        if place in PLACES:
            return place
    raise ValueError(f"the paper has no such place: {text}")


def anchor(place):
    """Return the id of a place on the concordance page."""
    return "paper-" + re.sub(r"[^a-z0-9]+", "-", place.lower())


class PaperPlace(SphinxRole):
    """Link to a place of the paper on the concordance page."""

    def run(self):
        """Return the link."""
        try:
            place = named(self.text)
        except ValueError as problem:
            message = self.inliner.reporter.error(str(problem), line=self.lineno)
            return [self.inliner.problematic(self.rawtext, self.rawtext, message)], [message]
        shown = "\N{NO-BREAK SPACE}".join(self.text.split())
        hint = {"classes": ["paper-place"], "reftitle": f"in the paper: {place}"}
        return [nodes.reference("", shown, internal=True, paper_place=anchor(place), **hint)], []


class PaperItem(SphinxRole):
    """Name a place on the concordance page, where links to it lead."""

    def run(self):
        """Return the name with its anchor."""
        return [nodes.inline("", self.text, ids=[anchor(self.text)])], []


class Concordance(SphinxDirective):
    """Write the table of one kind of places: sections, equations, figures or appendices."""

    required_arguments = 1

    def run(self):
        """Return the table."""
        self.env.note_reread()  # it names labels of every chapter
        addresses = places(Path(self.env.srcdir) / "chapters")
        lines = ["| in the paper | what | in this book | ledger |", "|:--|:--|:--|:--|"]
        lines += [row(place, addresses) for place in TABLES[self.arguments[0]]]
        found = nodes.container(classes=["concordance"])
        source = self.get_source_info()[0]
        self.state.nested_parse(StringList(lines, source), self.content_offset, found)
        return [found]


def resolve(app, doctree, docname):
    """Point the links at the concordance page, from wherever they stand."""
    page = app.builder.get_relative_uri(docname, "chapters/concordance")
    for link in doctree.findall(nodes.reference):
        if "paper_place" in link:
            link["refuri"] = f"{page}#{link['paper_place']}"


def setup(app):
    """Register the extension."""
    app.add_role("paper", PaperPlace())
    app.add_role("paper-item", PaperItem())
    app.add_directive("concordance", Concordance)
    app.connect("doctree-resolved", resolve)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
