"""Tabulate the works that cite the paper: the directive {works}, from chapters/data/works.csv."""

from pathlib import Path

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.util.docutils import SphinxDirective

from dlnlib.book import table

TABLE = "chapters/data/works.csv"
HEADS = ("work", "idea", "relation to the paper", "in this book", "text we had")
# The marks of the picture.
MARKS = {"executed": "●", "stand-in": "○", "line only": "–"}
UNKNOWN = "not known"


def row(work):
    """Return the row of a work, as Markdown."""
    known = f", {{cite:t}}`{work['key']}`, [arXiv:{work['arxiv']}](https://arxiv.org/abs/{work['arxiv']})"
    place = "" if work["extends"] == "none" else f"{{paper}}`{work['extends']}`. "
    here = f"{MARKS[work['done']]} {work['done']}"
    if work["done"] != "line only":
        here += f": {{ref}}`{work['place']}`"
    cells = (
        work["title"] + (", not identified" if work["arxiv"] == UNKNOWN else known),
        work["group"],
        place + work["relation"],
        here,
        work["read"],
    )
    return f"| {' | '.join(cells)} |"


class Works(SphinxDirective):
    """Write the table of works."""

    def run(self):
        """Return the table."""
        path = Path(self.env.srcdir) / TABLE
        self.env.note_dependency(str(path))
        lines = [f"| {' | '.join(HEADS)} |", "|" + ":--|" * len(HEADS), *map(row, table(path))]
        found = nodes.container(classes=["works"])
        self.state.nested_parse(
            StringList(lines, self.get_source_info()[0]), self.content_offset, found
        )
        return [found]


def setup(app):
    """Register the extension."""
    app.add_directive("works", Works)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
