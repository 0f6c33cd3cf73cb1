"""Put an explorable on a page: ```{explorable} plateaus```.

Its first state, drawn at build time, stands there as HTML: where scripts are off, in print and in
a single page. The script that brings it to life is loaded only by pages that have one. The body of
the directive is text for those who can't move anything.
"""

import shutil
import sys
from hashlib import sha256
from pathlib import Path

from docutils import nodes
from sphinx.errors import ExtensionError
from sphinx.util.docutils import SphinxDirective

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tools"))

from build_explorables import BUNDLE, LICENCES, NAMES, build


class explorable(nodes.General, nodes.Element):
    """The place of an explorable."""


class Explorable(SphinxDirective):
    """Place an explorable, by its name."""

    required_arguments = 1
    has_content = True

    def run(self):
        """Return its place, with what the body says."""
        name = self.arguments[0]
        if name not in NAMES:
            raise self.error(f"no explorable {name!r}: there are {', '.join(NAMES)}")
        number = self.env.new_serialno("explorable")
        prefix = f"static-{self.env.docname.replace('/', '-')}-{number}"
        return [explorable("", *self.parse_content_to_nodes(), name=name, prefix=prefix)]


def prepare(app, config):
    """Build what changed; an edited source makes all pages be written again."""
    try:
        made = build(app.srcdir)
    except RuntimeError as error:
        raise ExtensionError(str(error)) from error
    files = [made / BUNDLE, *(made / f"{name}.html" for name in NAMES)]
    config.explorables = sha256(b"".join(path.read_bytes() for path in files)).hexdigest()


def copy_script(app):
    """Copy the script, which no page has to load."""
    if app.builder.format == "html":
        static = Path(app.outdir) / "_static"
        static.mkdir(parents=True, exist_ok=True)
        for name in (BUNDLE, LICENCES):
            shutil.copy(Path(app.srcdir) / "_build" / "explore" / name, static)


def is_live(builder):
    """Tell whether pages are for a screen: a single page is there to be printed."""
    return builder.name in {"html", "dirhtml"}


def load_script(app, pagename, templatename, context, doctree):
    """Load the script where there is something to bring to life."""
    if doctree is not None and is_live(app.builder) and any(doctree.findall(explorable)):
        app.add_js_file(BUNDLE, loading_method="defer")


def visit_html(self, node):
    """Write the first state."""
    path = Path(self.builder.srcdir) / "_build" / "explore" / f"{node['name']}.html"
    live = " live" if is_live(self.builder) else ""
    first = path.read_text("utf8").replace("PREFIX", node["prefix"])
    self.body.append(f'<div class="explorable{live}" data-name="{node["name"]}">{first}</div>\n')
    self.body.append('<div class="explorable-still">')


def depart_html(self, node):
    """Close the text for those who can't move anything."""
    self.body.append("</div>\n")


def leave_out(self, node):
    """Write nothing but the body."""


def setup(app):
    """Register the extension."""
    app.add_config_value("explorables", "", "html", str)
    app.add_node(explorable, html=(visit_html, depart_html), latex=(leave_out, leave_out))
    app.add_directive("explorable", Explorable)
    app.connect("config-inited", prepare)
    app.connect("builder-inited", copy_script)
    app.connect("html-page-context", load_script)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
