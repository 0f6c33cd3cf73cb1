"""Offer each chapter as an executed notebook that runs anywhere.

The text of a notebook is written from the page as Sphinx has resolved it, so that numbers, titles,
equations and links are those of the site; the code and its outputs are those of the executed
chapter. Readers find the notebook in the page's menus: to download, and to open in Colab, which
reads it from the branch that the workflow fills, or in JupyterLite.
"""

import ast
import base64
import json
import re
from functools import singledispatch
from html import escape
from pathlib import Path
from urllib.parse import urljoin

import nbformat
from docutils import nodes
from figures import executed
from myst_nb.core.read import myst_nb_reader_plugin

FOLDER = "notebooks"
BRANCH = "notebooks"
# What the first cell installs, beside the library: distributions by the modules that they bring.
DISTRIBUTIONS = {"sklearn": "scikit-learn", "dask": "dask[distributed]"}
SETUP = """\
# Needed once, where the library is not installed.
try:
    import dlnlib
except ModuleNotFoundError:
    %pip install -q {packages}
"""
DATA = """\
# The tables that the chapter reads are in the book's repository.
import os

if not os.path.isdir("{wanted}"):
    if not os.path.isdir("{name}"):
        !git clone -q --depth 1 {url}
    os.chdir("{name}/{folder}")
"""
# What notebooks show without being trusted, and what they show best.
KINDS = ("image/svg+xml", "image/png", "text/html", "text/markdown", "text/latex", "text/plain")
SILENT = (
    nodes.Invisible, nodes.raw, nodes.docinfo, nodes.problematic, nodes.system_message,
    nodes.legend, nodes.image, nodes.target,
)  # fmt: skip
MARKS = {
    nodes.emphasis: ("*", "*"),
    nodes.strong: ("**", "**"),
    nodes.superscript: ("<sup>", "</sup>"),
    nodes.subscript: ("<sub>", "</sub>"),
    nodes.footnote_reference: ("<sup>", "</sup>"),
}

# ---- text in a line: how a node is written, on a page whose address and numbers are given


@singledispatch
def inline(node, page):
    """Return the text of a node as Markdown in one line."""
    text = "".join(inline(child, page) for child in node.children)
    before, after = MARKS.get(type(node), ("", "")) if text.strip() else ("", "")
    return before + text + after


@inline.register
def _(node: nodes.Text, page):
    return re.sub(r"([\\*_$<\[\]`])", r"\\\1", re.sub(r"\s+", " ", node.astext()))


@inline.register
def _(node: nodes.math, page):
    return f"${node.astext().strip()}$"


@inline.register
def _(node: nodes.literal, page):
    return f"`{node.astext()}`"


@inline.register
def _(node: nodes.reference, page):
    text = "".join(inline(child, page) for child in node.children)
    address = urljoin(page["url"], node.get("refuri") or "#" + node.get("refid", ""))
    return f"[{text}]({address.replace(' ', '%20').replace(')', '%29')})" if text else ""


def number(page, kind, node):
    """Return the number of a figure, equation or exercise, or nothing."""
    numbers = page["numbers"].get(kind, {})
    found = next((numbers[name] for name in node.get("ids", ()) if name in numbers), ())
    return ".".join(map(str, found))


def captions(node, page):
    """Return the captions of figures, with their numbers."""
    return [
        f"*Fig. {number(page, 'figure', figure)}.* {inline(caption, page)}"
        for figure in node.findall(nodes.figure)
        for caption in figure.children
        if isinstance(caption, nodes.caption)
    ]


# ---- blocks of text, and the numbers of the cells between them


@singledispatch
def parts(node, page, depth=0):
    """Return the blocks of Markdown of a node, and, as numbers, the cells between them."""
    if node.get("nb_element") == "cell_code":
        return [node["cell_index"], *captions(node, page)]
    if node.tagname == "explorable":
        return [f"*Here [the page of the book]({page['url']}) has a drawing that can be moved.*"]
    return [part for child in node.children for part in parts(child, page, depth)]


within = parts.dispatch(object)


@parts.register
def _(node: nodes.section, page, depth=0):
    found = within(node, page, depth + 1)
    # A table of contents leaves a title with nothing below it.
    return [] if len(found) == 1 and isinstance(node[0], nodes.title) else found


@parts.register
def _(node: nodes.title, page, depth=0):
    anchors = ["", *(f"#{name}" for name in node.parent.get("ids", ()))][depth > 1 :]
    found = next((page["sections"][a] for a in anchors if page["sections"].get(a)), ())
    return [" ".join(["#" * depth, *[".".join(map(str, found))][: len(found)], inline(node, page)])]


@parts.register
def _(node: nodes.TextElement, page, depth=0):
    text = inline(node, page).strip()
    if "claims" in node.get("classes", ()):
        text = "In the ledger: " + ", ".join(inline(child, page) for child in node.children)
    return [text] if text else []


@parts.register
def _(node: nodes.math_block, page, depth=0):
    # In one line, which stays whole inside a quotation; aligned as Sphinx does it.
    tex = node.astext()
    if not node.get("no-wrap", node.get("nowrap")):
        lines = [part.strip() for part in tex.split("\n\n") if part.strip()]
        tex = r" \\ ".join(lines)
        if r"\\" in tex:
            tex = rf"\begin{{aligned}} {tex} \end{{aligned}}"
    label = number(page, "displaymath", node) or str(node.get("number") or "")
    return [f"$${' '.join(tex.split())}" + (rf" \tag{{{label}}}" if label else "") + "$$"]


@parts.register
def _(node: nodes.literal_block, page, depth=0):
    return [f"```{node.get('language', '')}\n{node.astext()}\n```"]


@parts.register
def _(node: nodes.bullet_list, page, depth=0):
    return ["\n".join(item("- ", within(child, page, depth)) for child in node.children)]


@parts.register
def _(node: nodes.enumerated_list, page, depth=0):
    found = enumerate(node.children, start=node.get("start", 1))
    return ["\n".join(item(f"{i}. ", within(child, page, depth)) for i, child in found)]


@parts.register
def _(node: nodes.definition_list_item, page, depth=0):
    term, *rest = node.children
    body = [part for child in rest for part in parts(child, page, depth)]
    return [item("- ", [f"**{inline(term, page)}**", *body])]


def item(bullet, blocks):
    """Return blocks as one item of a list."""
    lines = "\n\n".join(blocks).splitlines() or [""]
    return "\n".join([bullet + lines[0], *(f"{' ' * len(bullet)}{x}".rstrip() for x in lines[1:])])


@parts.register
def _(node: nodes.block_quote, page, depth=0):
    return [quoted(within(node, page, depth))]


def quoted(blocks):
    """Return blocks as one quotation."""
    return "\n".join(f"> {line}".rstrip() for line in "\n\n".join(blocks).splitlines())


@parts.register
def _(node: nodes.table, page, depth=0):
    def written(row):
        cells = (" ".join(inline(part, page) for part in entry.children) for entry in row.children)
        return (
            "| " + " | ".join(re.sub(r"\$[^$]*\$|\|", without_bars, cell) for cell in cells) + " |"
        )

    head, *body = node.findall(nodes.row)
    return ["\n".join([written(head), "|" + " --- |" * len(head), *map(written, body)])]


def without_bars(found):
    """Return a formula, or a bar, without what would end a column."""
    if found[0] == "|":
        return r"\|"
    return found[0].replace(r"\|", r"\Vert ").replace("|", r"\vert ")


@parts.register
def _(node: nodes.figure, page, depth=0):
    return captions(node, page)


@parts.register
def _(node: nodes.footnote, page, depth=0):
    label, *rest = within(node, page, depth)
    return [f"<sup>{label}</sup> " + " ".join(rest)]


@parts.register
def _(node: nodes.Admonition, page, depth=0):
    """Quote an admonition, theorem or exercise; fold a solution; lay open what has cells."""
    title = next((child for child in node.children if isinstance(child, nodes.title)), None)
    rest = [child for child in node.children if child is not title]
    found = [part for child in rest for part in parts(child, page, depth)]
    heading = f"**{name(node, title, page)}.**"
    if any(isinstance(part, int) for part in found):
        return [heading, *found]
    if "solution" in node.tagname or "dropdown" in node.get("classes", ()):
        summary = "" if title is None else escape(title.astext())
        return ["\n\n".join([f"<details><summary>{summary}</summary>", *found, "</details>"])]
    return [quoted([heading, *found])]


def name(node, title, page):
    """Return what stands above an admonition: of theorems and exercises, kind and number first."""
    words = node.tagname.capitalize() if title is None else inline(title, page)
    kind = node.get("realtype") or ("exercise" if "exercise" in node.tagname else "")
    if own := number(page, node.get("countertype") or kind, node):
        words = f"{kind.capitalize()} {own} {words}"
    return " ".join(words.replace("%s", "").split())


def silent(node, page, depth=0):
    """Write nothing."""
    return []


for kind in SILENT:
    parts.register(kind, silent)
    inline.register(kind, lambda node, page: "")


# ---- cells


def outputs(cell):
    """Return what a cell shows, without what only the site uses."""
    kept = []
    for output in cell.outputs:
        if "data" in output:
            if "scrapbook" in output.metadata:
                continue
            data = {kind: output.data[kind] for kind in KINDS if kind in output.data}
            if svg := data.get("image/svg+xml"):
                # Jupyter draws SVG only in notebooks that are trusted, but images in any.
                code = base64.b64encode(svg.encode()).decode()
                data["text/html"] = f'<img src="data:image/svg+xml;base64,{code}">'
            output = nbformat.NotebookNode({**output, "data": data, "metadata": {}})
            if not data:
                continue
        kept.append(output)
    return kept


def told(source):
    """Return code without the numbers that it tells the text of the site."""
    if "tell(" not in source:
        return source
    lines = source.splitlines()
    for statement in reversed(ast.parse(re.sub(r"^[%!]", "#", source, flags=re.MULTILINE)).body):
        if isinstance(statement, ast.Expr) and ast.unparse(statement).startswith("tell("):
            del lines[statement.lineno - 1 : statement.end_lineno]
    return "\n".join(lines).strip("\n")


def code_cell(cell):
    """Return a code cell of a page as one of a notebook, or None if nothing of it is left."""
    tags = set(cell.metadata.get("tags", ()))
    hidden = {
        "source_hidden": tags & {"hide-input", "hide-cell", "remove-input", "remove-cell"},
        "outputs_hidden": tags & {"hide-output", "hide-cell", "remove-output", "remove-cell"},
    }
    source = told(cell.source)
    if not source:
        return None
    found = nbformat.v4.new_code_cell(
        source, execution_count=cell.execution_count, outputs=outputs(cell)
    )
    if jupyter := {name: True for name, why in hidden.items() if why}:
        found.metadata["jupyter"] = jupyter
    if tags:
        found.metadata["tags"] = sorted(tags)
    return found


def setup_cell(app, docname, sources):
    """Return the cell that makes a notebook run anywhere."""
    url = app.config.html_theme_options["repository_url"]
    modules = {
        name.split(".")[0]
        for source in sources
        for name in re.findall(r"^(?:from|import) ([\w.]+)", source, re.MULTILINE)
    }
    others = [DISTRIBUTIONS[name] for name in sorted(modules & DISTRIBUTIONS.keys())]
    packages = [f"dlnlib[plot,sweeps] @ git+{url}", *others]
    text = SETUP.format(packages=" ".join(f'"{package}"' for package in packages))
    read = {
        Path(app.srcdir, docname).parent / folder
        for source in sources
        for folder in re.findall(r"""["'](data|\.\./benchmarks)/""", source)
    }
    if read:
        folder = Path(docname).parent.as_posix()
        wanted = "data" if any(path.name == "data" for path in read) else "../benchmarks"
        name = url.rsplit("/", 1)[1]
        text += "\n" + DATA.format(wanted=wanted, name=name, url=url, folder=folder)
    return nbformat.v4.new_code_cell(text.rstrip(), metadata={"tags": ["setup"]})


def assembled(first, blocks, notebook):
    """Return the cells of a notebook: text, and between it those cells that the page shows."""
    code = [i for i, cell in enumerate(notebook.cells) if cell.cell_type == "code"]
    cells, text = [], []

    def flush():
        if text:
            cells.append(nbformat.v4.new_markdown_cell("\n\n".join(text)))
            text.clear()

    for block in [*blocks, len(notebook.cells)]:
        if isinstance(block, str):
            text.append(block)
            continue
        flush()
        # With it, those before it that the page doesn't show.
        while code and code[0] <= block:
            if (cell := code_cell(notebook.cells[code.pop(0)])) is not None:
                cells.append(cell)
    cells.insert(1 if cells[0].cell_type == "markdown" else 0, first)
    for i, cell in enumerate(cells):
        cell["id"] = f"cell-{i}"
    return cells


def write_notebook(app, doctree, docname):
    """Write the notebook of a page."""
    if app.builder.name != "html" or "kernelspec" not in app.env.metadata[docname]:
        return
    if (done := executed(app, docname)) is None:
        return
    # The cache keeps code alone; a page counts its cells with the text between them.
    notebook = myst_nb_reader_plugin(app.env.doc2path(docname))
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    for cell, ran in zip(code, done.cells, strict=True):
        cell.outputs, cell.execution_count = ran.outputs, ran.execution_count
    page = {
        "url": urljoin(app.config.ogp_site_url, app.builder.get_target_uri(docname)),
        "numbers": app.env.toc_fignumbers.get(docname, {}),
        "sections": app.env.toc_secnumbers.get(docname, {}),
    }
    sources = [cell.source for cell in code]
    blocks = [*within(doctree, page, 0), f"---\n\n*From [{app.config.html_title}]({page['url']}).*"]
    cells = assembled(setup_cell(app, docname, sources), blocks, notebook)
    made = nbformat.v4.new_notebook(
        cells=cells,
        metadata={
            "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"},
            "language_info": {"name": "python"},
        },
    )
    target = Path(app.outdir) / FOLDER / f"{Path(docname).name}.ipynb"
    target.parent.mkdir(exist_ok=True)
    target.write_text(json.dumps(made, indent=1, ensure_ascii=False) + "\n", "utf8")


# ---- menus


def offer(app, pagename, templatename, context, doctree):
    """Let the menus of a page lead to its notebook."""
    name = f"{Path(pagename).name}.ipynb"
    path = Path(app.outdir) / FOLDER / name
    if doctree is None or not path.is_file():
        return
    groups = {group.get("label"): group for group in context["header_buttons"]}
    if downloads := groups.get("download-buttons"):
        for button in downloads["buttons"]:
            if button["label"] == "download-notebook-button":
                button["url"] = f"{context['pathto'](FOLDER, 1)}/{name}"
                button["tooltip"] = "Download the executed notebook"
    if launch := groups.get("launch-buttons"):
        repository = app.config.html_theme_options["repository_url"].split("/", 3)[3]
        places = {
            "Colab": (
                f"https://colab.research.google.com/github/{repository}/blob/{BRANCH}/{name}",
                "_static/images/logo_colab.png",
            ),
            "JupyterLite": (
                urljoin(app.config.ogp_site_url, f"lite/lab/index.html?path=chapters/{name}"),
                "_static/images/logo_jupyterlite.svg",
            ),
        }
        # No browser starts processes, or opens the sockets between them.
        if "from dask" in path.read_text("utf8"):
            del places["JupyterLite"]
        for text, (url, icon) in places.items():
            tooltip = f"Open the notebook in {text}"
            launch["buttons"].append(
                {"type": "link", "text": text, "tooltip": tooltip, "icon": icon, "url": url}
            )


def setup(app):
    """Register the extension."""
    app.connect("doctree-resolved", write_notebook, priority=900)
    app.connect("html-page-context", offer, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
