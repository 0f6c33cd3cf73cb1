"""Serve each figure light and dark, wide and narrow, with what a reader may take away.

The cell that draws a figure leaves, among its outputs, two vector images and the numbers that they
show (`dlnlib.book.show`). Under the caption go links to these, to the code up to the figure, and to
the functions of the library that the code calls.
"""

import ast
import re
from colorsys import hls_to_rgb, rgb_to_hls
from html import escape
from pathlib import Path

from chapter_cache import cache_folder
from docutils import nodes
from jupyter_cache import get_cache
from myst_nb.core.read import myst_nb_reader_plugin
from sphinx import addnodes

from dlnlib.book import NARROW

FOLDER = "figures"
KINDS = {"svg": "image/svg+xml", "narrow.svg": NARROW, "csv": "text/csv"}
# What the lightness of black and of white becomes on a dark page.
INK, PAGE = 0.9, 0.07
WORDS = {"csv": "data (CSV)", "svg": "SVG", "py": "code"}


class picture(nodes.General, nodes.Element):
    """A figure in all its variants."""


class files(nodes.General, nodes.Element):
    """Links to the files of a figure."""


def darkened(svg):
    """Return an image with the lightness of its colours inverted."""

    def invert(found):
        red, green, blue = (int(found[2][i : i + 2], 16) / 255 for i in (0, 2, 4))
        hue, light, saturation = rgb_to_hls(red, green, blue)
        dark = hls_to_rgb(hue, inverted_lightness(light, saturation), saturation)
        return found[1] + "#" + "".join(f"{round(255 * part):02x}" for part in dark)

    # Text, which has no colour of its own when it is black, takes that of the whole.
    # What is translucent is fainter on black.
    svg = re.sub(r"opacity: (0\.\d+)", lambda found: f"opacity: {float(found[1]) ** 0.6:.2f}", svg)
    inverted = re.sub(r"((?:fill|stroke): ?)#([0-9a-f]{6})", invert, without_ground(svg))
    return inverted.replace("<svg ", f'<svg style="fill: {grey(INK)}" ', 1)


def inverted_lightness(light, saturation):
    """Return the lightness of a colour on a dark page."""
    if saturation < 0.2 or light < 0.5:
        return INK + (PAGE - INK) * light
    # Light colours, such as the authors' purple, would be hard to see; only pale tints sink.
    return PAGE + (INK - PAGE) / 2 * (1 - (2 * light - 1) ** 3)


def grey(light):
    """Return a grey as CSS writes it."""
    return "#" + 3 * f"{round(255 * light):02x}"


def without_ground(svg):
    """Return an image without the white rectangle that matplotlib lays below everything."""
    return re.sub(r'<g id="patch_1">.*?</g>', "", svg, count=1, flags=re.DOTALL)


def executed(app, docname):
    """Return the executed notebook of a page, or None."""
    page = Path(app.env.doc2path(docname))
    try:
        cache = get_cache(cache_folder(app.srcdir))
        record = cache.match_cache_notebook(myst_nb_reader_plugin(str(page)))
    except (KeyError, ValueError):
        return None
    return cache.get_cache_bundle(record.pk).nb


def figures_of(notebook):
    """Yield name, outputs, script and called functions of every figure of a notebook."""
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    since = 0
    for i, cell in enumerate(cells):
        name = cell.metadata.get("mystnb", {}).get("figure", {}).get("name")
        if name:
            shown = [out.data for out in cell.outputs if NARROW in out.get("data", ())]
            kept = (c for c in cells[: i + 1] if "remove-cell" not in c.metadata.get("tags", ()))
            sources = [c.source for c in kept]
            called = functions(sources, [c.source for c in cells[since : i + 1]])
            yield name, shown, "\n\n\n".join(sources) + "\n", called
            since = i + 1


def functions(script, cells):
    """Return the public functions of the library that some cells of a script call."""
    imported = {}
    for statement in ast.walk(ast.parse(_plain(script))):
        if isinstance(statement, ast.ImportFrom) and (statement.module or "").startswith("dlnlib"):
            for alias in statement.names:
                imported[alias.asname or alias.name] = f"{statement.module}.{alias.name}"
    found = {}
    for node in ast.walk(ast.parse(_plain(cells))):
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            head, _, rest = name.partition(".")
            if head in imported:
                found[imported[head] + ("." + rest if rest else "")] = None
    return [name for name in found if not name.startswith(("dlnlib.book", "dlnlib.plotting"))]


def _plain(sources):
    """Return sources as Python, without the magics of notebooks."""
    return "\n".join(re.sub(r"^%.*", "", source, flags=re.MULTILINE) for source in sources)


def place_pictures(app, doctree):
    """Replace the image in each figure that a cell drew, and add what there is to take away."""
    figures = {
        name: figure
        for figure in doctree.findall(nodes.figure)
        for name in figure.get("names", ())
        if any(True for _ in figure.findall(nodes.image))
    }
    if not figures or (notebook := executed(app, app.env.docname)) is None:
        return
    folder = Path(app.doctreedir) / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    for name, shown, script, called in figures_of(notebook):
        if name not in figures or len(shown) != 1:
            continue
        for suffix, kind in KINDS.items():
            (folder / f"{name}.{suffix}").write_text(shown[0][kind], "utf8")
        (folder / f"{name}.py").write_text(script, "utf8")
        image = next(figures[name].findall(nodes.image))
        image.replace_self(picture(name=name, alt=image.get("alt", "")))
        figures[name] += nodes.legend("", take_away(name, called))


def take_away(name, called):
    """Return the line below a caption."""
    line = nodes.paragraph(classes=["take-away"])
    line += files(name=name)
    for i, target in enumerate(called):
        short = ".".join(target.split(".")[-2:])
        line += nodes.Text(" · " if i == 0 else ", ")
        line += addnodes.pending_xref(
            "", nodes.literal("", short), refdomain="py", reftype="obj", reftarget=target
        )
    return line


def home(translator):
    """Return the way from the page that is written to the folder of figures."""
    builder = translator.builder
    return "../" * builder.current_docname.count("/") * (builder.name == "html") + FOLDER


def size(svg):
    """Return the width and height of an image in points, as HTML's attributes in pixels."""
    points = re.search(r'width="([\d.]+)pt" height="([\d.]+)pt"', svg).groups()
    width, height = (round(float(length) * 4 / 3) for length in points)
    return f'width="{width}" height="{height}"'


def visit_picture(self, node):
    """Write the four variants; a click opens the figure alone, to be enlarged."""
    here, name, alt = home(self), node["name"], escape(node["alt"])
    folder = Path(self.builder.app.doctreedir) / FOLDER
    wide, narrow = (size((folder / f"{name}{k}.svg").read_text("utf8")) for k in ("", ".narrow"))
    self.body.append(f'<a class="enlarge" href="{here}/{name}.svg" title="enlarge">')
    for theme, dark in (("light", ""), ("dark", ".dark")):
        self.body.append(
            f'<picture class="only-{theme}"><source media="(max-width: 600px)" '
            f'srcset="{here}/{name}{dark}.narrow.svg" {narrow}><img '
            f'src="{here}/{name}{dark}.svg" alt="{alt}" {wide} loading="lazy"></picture>'
        )
    self.body.append("</a>")
    raise nodes.SkipNode


def visit_files(self, node):
    """Write the links to the files."""
    here, name = home(self), node["name"]
    links = (f'<a href="{here}/{name}.{kind}" download>{word}</a>' for kind, word in WORDS.items())
    self.body.append(" · ".join(links))
    raise nodes.SkipNode


def write_files(app, problem):
    """Copy the files of all figures, and the dark variants of the images."""
    source, target = Path(app.doctreedir) / FOLDER, Path(app.outdir) / FOLDER
    if problem or app.builder.format != "html" or not source.is_dir():
        return
    target.mkdir(exist_ok=True)
    for path in source.iterdir():
        text = path.read_text("utf8")
        (target / path.name).write_text(text, "utf8")
        if path.suffix == ".svg":
            name, rest = path.name.split(".", 1)
            (target / f"{name}.dark.{rest}").write_text(darkened(text), "utf8")


def setup(app):
    """Register the extension."""
    app.add_node(picture, html=(visit_picture, None))
    app.add_node(files, html=(visit_files, None))
    # Before Sphinx collects the images of a page, of which these are none any more.
    app.connect("doctree-read", place_pictures, priority=100)
    app.connect("build-finished", write_files)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
