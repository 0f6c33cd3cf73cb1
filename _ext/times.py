"""Say how long a chapter takes to read and took to run, and with what it ran.

Under the title of each executed chapter stand its minutes and seconds. The role
{minutes}`section-1-1 section-2` gives the minutes of some chapters together; the directive
{executions} tabulates the seconds of all, the directive {versions} what they ran with.
"""

import os
import platform
from datetime import UTC, datetime
from importlib.metadata import version

from docutils import nodes
from myst_nb.sphinx_ import NbMetadataCollector
from sphinx.util.docutils import SphinxDirective, SphinxRole

WORDS_A_MINUTE = 200
EQUATIONS_A_MINUTE = 5
WORTH_SAYING = 300  # words
LIBRARIES = ("numpy", "scipy", "matplotlib", "joblib", "scikit-learn", "myst-nb", "sphinx")


class minutes(nodes.Inline, nodes.TextElement):
    """The minutes that some chapters take, known when all are read."""


class executions(nodes.General, nodes.Element):
    """The table of seconds, known when all chapters are read."""


def seconds_of(env, docname):
    """Return the seconds that a page took to run, or None."""
    data = NbMetadataCollector.get_doc_data(env).get(docname, {}).get("exec_data")
    return data and data.get("runtime")


def reading_minutes(doctree):
    """Return words and minutes of a page, without code and what is folded away."""
    skipped = (nodes.literal_block, nodes.math_block, nodes.math, nodes.raw, nodes.comment)
    words = equations = 0
    for node in doctree.findall():
        if isinstance(node, nodes.math_block):
            equations += 1
        elif isinstance(node, nodes.Text) and not isinstance(node.parent, skipped):
            words += len(node.split())
    return words, words / WORDS_A_MINUTE + equations / EQUATIONS_A_MINUTE


def duration(seconds):
    """Return seconds in words."""
    if seconds < 100:
        return f"{max(1, round(seconds))} s"
    return f"{round(seconds / 60)} min"


def place_line(app, doctree):
    """Put the line under the title of an executed chapter."""
    env, docname = app.env, app.env.docname
    words, needed = reading_minutes(doctree)
    if not hasattr(env, "reading_minutes"):
        env.reading_minutes = {}
    env.reading_minutes[docname] = needed
    seconds = seconds_of(env, docname)
    title = next(doctree.findall(nodes.title), None)
    if seconds is None or words < WORTH_SAYING or title is None or docname == env.config.root_doc:
        return
    said = f"{max(1, round(needed))} min read · {duration(seconds)} to run"
    title.parent.insert(title.parent.index(title) + 1, nodes.paragraph("", said, classes=["times"]))


def resolve(app, doctree, docname):
    """Fill in what is known when all pages are read."""
    known = getattr(app.env, "reading_minutes", {})
    for node in list(doctree.findall(minutes)):
        node.replace_self(nodes.Text(str(round(sum(known[name] for name in node["pages"])))))
    for node in list(doctree.findall(executions)):
        node.replace_self(table_of_seconds(app, docname))


def table_of_seconds(app, docname):
    """Return the table of what each page took, in the order of the book."""
    env, rows = app.env, []
    order = {name: i for i, name in enumerate(env.toctree_includes.get(app.config.root_doc, ()))}
    pages = [name for name in env.found_docs if seconds_of(env, name) is not None]
    for name in sorted(pages, key=lambda name: (order.get(name, len(order)), name)):
        uri = app.builder.get_relative_uri(docname, name)
        link = nodes.reference("", env.titles[name].astext(), internal=True, refuri=uri)
        rows.append((link, nodes.Text(f"{seconds_of(env, name):.1f}")))
    total = sum(seconds_of(env, name) for name in pages)
    rows.append((nodes.Text("all"), nodes.Text(f"{total:.1f}")))
    return table(("page", "seconds"), rows)


def table(heads, rows):
    """Return a table of inline nodes."""
    group = nodes.tgroup("", cols=len(heads))
    group += [nodes.colspec(colwidth=1) for _ in heads]
    parts = [nodes.thead(), nodes.tbody()]
    for part, lines in zip(parts, ([map(nodes.Text, heads)], rows), strict=True):
        for line in lines:
            part += nodes.row("", *(nodes.entry("", nodes.paragraph("", "", c)) for c in line))
    group += parts
    return nodes.table("", group, classes=["colwidths-auto"])


class Minutes(SphinxRole):
    """The minutes that it takes to read some chapters."""

    def run(self):
        """Return a node to be filled in."""
        return [minutes(pages=[f"chapters/{name}" for name in self.text.split()])], []


class Executions(SphinxDirective):
    """The seconds that each page took to run."""

    def run(self):
        """Return a node to be filled in."""
        self.env.note_reread()
        return [executions()]


class Versions(SphinxDirective):
    """What the chapters ran with."""

    def run(self):
        """Return a table."""
        self.env.note_reread()
        machine = f"{platform.system()}, {platform.machine()}, {os.cpu_count()} cores"
        facts = [
            ("Python", platform.python_version()),
            *((name, version(name)) for name in LIBRARIES),
            ("machine", machine),
            ("day", datetime.now(UTC).date().isoformat()),
        ]
        return [table(("what", "which"), [map(nodes.Text, fact) for fact in facts])]


def forget(app, env, docname):
    """Forget a page that is read anew."""
    getattr(env, "reading_minutes", {}).pop(docname, None)


def gather(app, env, docnames, other):
    """Take over what another process has read."""
    here = env.reading_minutes = getattr(env, "reading_minutes", {})
    here.update({name: other.reading_minutes[name] for name in docnames})


def unresolved(translator, node):
    """Refuse to write what was to be replaced."""
    raise nodes.SkipNode


def setup(app):
    """Register the extension."""
    app.add_node(minutes, html=(unresolved, None))
    app.add_node(executions, html=(unresolved, None))
    app.add_role("minutes", Minutes())
    app.add_directive("executions", Executions)
    app.add_directive("versions", Versions)
    app.connect("env-purge-doc", forget)
    app.connect("env-merge-info", gather)
    # After the badges, so as to stand above them.
    app.connect("doctree-read", place_line, priority=700)
    app.connect("doctree-resolved", resolve)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
