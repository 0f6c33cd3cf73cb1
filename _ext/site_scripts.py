"""Serve every script from the site itself, drop those no page uses, notice edited assets."""

import re
import shutil
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path

ASSETS = ("_static/*.*", "_ext/*.py", "_templates/*.html")
# Of MathJax, what its loader asks for: TeX in, HTML and MathML for screen readers out, and the
# fonts. Its menu, which brings a speech engine, would be half of what a page loads.
MATHJAX = (
    "startup.js",
    "core.js",
    "input/tex.js",
    "input/tex/extensions",
    "output/chtml.js",
    "output/chtml/fonts",
    "a11y/assistive-mml.js",
)


def note_assets(app, config):
    """Make an edited stylesheet or extension a changed setting: pages alone are watched."""
    root = Path(app.srcdir)
    files = sorted(path for kind in ASSETS for path in root.glob(kind))
    config.site_assets = sha256(b"".join(path.read_bytes() for path in files)).hexdigest()


def copy_mathjax(app):
    """Copy MathJax from the package that carries it."""
    if app.builder.format == "html":
        source = Path(find_spec("sphinx-mathjax-offline").origin).parent / "static" / "mathjax"
        target = Path(app.outdir) / "_static" / "mathjax"
        for name in MATHJAX:
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            if (source / name).is_dir():
                shutil.copytree(source / name, target / name, dirs_exist_ok=True)
            else:
                shutil.copy2(source / name, target / name)


def drop_scripts(app, pagename, templatename, context, doctree):
    """Remove what sphinx-thebe loads even when off, and MathJax where no formula is."""
    unused = ["thebe"]
    if not re.search(r'class="[^"]*\bmath\b|\\[(\[]', context.get("body", "")):
        unused.append("mathjax/")
    context["script_files"] = [
        script
        for script in context["script_files"]
        if not any(name in f"{script.filename} {script.attributes.get('body')}" for name in unused)
    ]


def setup(app):
    """Register the extension."""
    app.add_config_value("site_assets", "", "html", str)
    app.connect("config-inited", note_assets)
    app.connect("builder-inited", copy_mathjax)
    app.connect("html-page-context", drop_scripts, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
