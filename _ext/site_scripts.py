"""Serve every script from the site itself, drop those no page uses, notice edited assets."""

import shutil
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path

# Of MathJax, what a page may ask for: the TeX-to-HTML component, its fonts, the packages that a
# formula or the reader's menu loads. The other combined components are left out (14 of 24 MB).
UNUSED = ("*svg*", "mml*", "node-main.js", "tex-chtml*", "tex-full.js", "asciimath*")


def note_assets(app, config):
    """Make an edited stylesheet or extension a changed setting: pages alone are watched."""
    root = Path(app.srcdir)
    files = sorted([*root.glob("_static/*.*"), *root.glob("_ext/*.py")])
    config.site_assets = sha256(b"".join(path.read_bytes() for path in files)).hexdigest()


def copy_mathjax(app):
    """Copy MathJax from the package that carries it."""
    if app.builder.format == "html":
        source = Path(find_spec("sphinx-mathjax-offline").origin).parent / "static" / "mathjax"
        target = Path(app.outdir) / "_static" / "mathjax"
        shutil.copytree(source, target, ignore=shutil.ignore_patterns(*UNUSED), dirs_exist_ok=True)


def drop_thebe(app, pagename, templatename, context, doctree):
    """Remove the scripts that sphinx-thebe adds from a CDN to every page, even when it is off."""
    context["script_files"] = [
        script
        for script in context["script_files"]
        if "thebe" not in f"{script.filename} {script.attributes.get('body')}"
    ]


def setup(app):
    """Register the extension."""
    app.add_config_value("site_assets", "", "html", str)
    app.connect("config-inited", note_assets)
    app.connect("builder-inited", copy_mathjax)
    app.connect("html-page-context", drop_thebe, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
