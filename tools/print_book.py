"""Print the whole book, as one tagged PDF, into _build/dlnbook.pdf.

    python tools/print_book.py

Needs Chromium or Chrome, which no package brings: one on the path, or the one that the environment
variable CHROMIUM names. The chapters are taken from the cache of executed ones, as `make book`
takes them.
"""

import os
import subprocess
import sys
from pathlib import Path

from browser import MISSING, browser
from playwright.sync_api import sync_playwright

ROOT = Path(__file__).resolve().parents[1]
PAGE, PDF = ROOT / "_build" / "singlehtml" / "intro.html", ROOT / "_build" / "dlnbook.pdf"
MINUTES = 10
# One tree of headings: the front page, then each part with its chapters. Sphinx puts these, and not
# the names of parts, where the front page has its table of contents.
ORDER = """() => {
  const front = document.querySelector("article section");
  const parts = [...front.querySelectorAll(".toctree-wrapper")].filter(
    (part) => !part.parentElement.closest(".toctree-wrapper"));
  const names = document.querySelectorAll(".bd-sidebar-primary p.caption");
  if (parts.length !== names.length) throw new Error("parts and their names do not match");
  parts.forEach((part, i) => {
    const head = document.createElement("h2");
    head.textContent = names[i].textContent;
    part.prepend(head);
    front.append(part);
  });
}"""
# Light, nothing cut or folded, every image there, all formulas set.
PREPARE = """async () => {
  for (const image of document.images) image.loading = "eager";
  for (const fold of document.querySelectorAll("details")) fold.open = true;
  await MathJax.startup.promise;
  await Promise.all([...document.images].filter(i => i.offsetParent).map(i => i.decode()));
}"""
STYLE = """
* { animation: none !important; transition: none !important; }
pre, code { white-space: pre-wrap !important; overflow-wrap: anywhere; }
div.highlight, div.cell_output, table { overflow: visible !important; }
figure, tr, mjx-container[display], div.cell_input, div.admonition { break-inside: avoid; }
h1, h2, h3, h4 { break-after: avoid; }
/* A space where a title breaks is kept in the outline. */
h1, h2, h3, h4, h5, h6 { white-space: break-spaces; }
.only-dark, .prev-next-footer, .headerlink, .copybtn, iframe { display: none !important; }
"""


def build():
    """Write the book as one page."""
    here = Path(sys.executable).parent
    command = [here / "jupyter-book", "build", "-q", "--builder", "singlehtml", ROOT]
    env = os.environ | {"PATH": f"{here}{os.pathsep}{os.environ['PATH']}"}
    built = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    if built.returncode:
        sys.exit(built.stdout + built.stderr)


def main():
    """Build the page and print it."""
    path = browser()
    if path is None:
        sys.exit(f"make pdf needs Chromium or Chrome ({MISSING})")
    build()
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        page = chromium.new_page(color_scheme="light")
        page.set_default_timeout(MINUTES * 60_000)
        page.add_init_script("for (const key of ['mode', 'theme']) localStorage[key] = 'light'")
        page.route("http*://**", lambda route: route.abort())  # all that is printed is here
        page.goto(PAGE.as_uri())
        page.add_style_tag(content=STYLE)
        page.evaluate(ORDER)
        page.evaluate(PREPARE)
        page.pdf(
            path=PDF,
            format="A4",
            margin=dict.fromkeys(("top", "bottom", "left", "right"), "18mm"),
            scale=0.72,
            print_background=True,
            tagged=True,
            outline=True,
        )
        chromium.close()
    print(f"{PDF.relative_to(ROOT)}: {PDF.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
