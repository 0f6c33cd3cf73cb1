"""Say in each page's head and foot what it is: description, card, icon, version, licence.

Beside the pages go `404.html`, which finds its way from any depth, `robots.txt`, `sitemap.xml` and
the picture that a link to the book shows elsewhere.
"""

import re
from datetime import UTC, datetime
from html import escape, unescape
from pathlib import Path
from subprocess import DEVNULL, CalledProcessError, check_output
from urllib.parse import urlsplit
from xml.sax.saxutils import escape as escape_xml

import dlnlib

CARD = "_static/card.png"
LICENCES = (
    ("LICENSE-text", "text and figures CC BY 4.0"),
    ("LICENSE", "code BSD-3-Clause"),
)
MISSING = """<h1>There is no such page</h1>
<p>It may have moved. The <a href="{home}">front page</a> lists all chapters, and
the <a href="search.html">search</a> looks through them.</p>"""


def commit(root):
    """Return the commit of a checkout and its day, or nothing and today."""
    try:
        ask = ["git", "-C", root, "show", "-s", "--format=%h %cs", "HEAD"]
        code, day = check_output(ask, text=True, stderr=DEVNULL).split()
        return code, day
    except (OSError, CalledProcessError):
        return "", datetime.now(UTC).date().isoformat()


def note_commit(app, config):
    """Make a new commit a changed setting, since every page names it."""
    config.site_commit = list(commit(app.srcdir))


def footer(app):
    """Return what stands at the foot of each page."""
    code, day = app.config.site_commit
    repository = app.config.html_theme_options["repository_url"]
    version = f'<a href="{{changelog}}">version {dlnlib.__version__}</a>'
    if code:
        version += f', <a href="{repository}/commit/{code}">commit {code}</a>'
    terms = (f'<a href="{repository}/blob/main/{file}">{said}</a>' for file, said in LICENCES)
    return f"<p>{version.capitalize()} of {day}; {', '.join(terms)}.</p>".replace("<A", "<a")


def describe(app, pagename, templatename, context, doctree):
    """Give a page the description of its front matter wherever one is asked for, and a foot."""
    found = re.search(r'<meta content="([^"]*)" name="description"', context.get("metatags", ""))
    if found:
        context["meta"] = {**(context.get("meta") or {}), "og:description": unescape(found[1])}
    where = context["pathto"]("chapters/changelog")
    context["theme_extra_footer"] = footer(app).replace("{changelog}", where)
    if pagename == "404":
        # Links must lead home from any address that there is not.
        base = escape(urlsplit(app.config.html_baseurl).path)
        context["metatags"] = f'<base href="{base}">\n<meta name="robots" content="noindex">\n'


def missing_page(app):
    """Return the page that stands for those that there are not."""
    text = MISSING.format(home=app.builder.get_target_uri(app.config.root_doc))
    return [("404", {"title": "There is no such page", "body": text}, "page.html")]


def write_files(app, exception):
    """Write what robots, search engines and previews of links ask for."""
    if exception or app.builder.name != "html":
        return
    out, base = Path(app.outdir), app.config.html_baseurl
    # sphinx-sitemap lists the pages that a build writes, so after a small edit only these.
    pages = (base + app.builder.get_target_uri(name) for name in sorted(app.env.found_docs))
    urls = "".join(f"<url><loc>{escape_xml(page)}</loc></url>\n" for page in pages)
    space = "http://www.sitemaps.org/schemas/sitemap/0.9"
    head = '<?xml version="1.0" encoding="utf-8"?>\n'
    (out / "sitemap.xml").write_text(f'{head}<urlset xmlns="{space}">\n{urls}</urlset>\n', "utf8")
    (out / "robots.txt").write_text(f"User-agent: *\nSitemap: {base}sitemap.xml\n", "utf8")
    if not (out / CARD).exists():
        draw_card(out / CARD, app.config.html_title)


def draw_card(path, title):
    """Draw learning in stages, 1200 by 630 pixels: the error of five modes, exactly."""
    import numpy as np
    from matplotlib.figure import Figure

    from dlnlib import exact
    from dlnlib.plotting import LINEAR, THEORY

    t, s = np.linspace(0, 10, 800)[:, None], 4.0 / 2 ** np.arange(5)
    modes = exact.mode_strength(t, s=s, u0=1e-4, tau=1.0)
    error = np.sum((s - modes) ** 2, axis=1)
    fig = Figure(figsize=(12, 6.3), dpi=100)
    ax = fig.add_axes([0.05, 0.08, 0.9, 0.5])
    ax.plot(t, modes * error[0] / s[0], color=LINEAR, linewidth=2, alpha=0.5)
    ax.plot(t, error, color=THEORY, linewidth=6)
    ax.set(xticks=[], yticks=[])
    ax.spines[["top", "right"]].set_visible(False)
    first, second = title.split(" of ", 1)
    fig.text(0.05, 0.83, f"{first}\nof {second}", size=38, va="center", weight="bold")
    fig.text(
        0.05, 0.66, "An executable edition of Saxe, McClelland & Ganguli", size=24, va="center"
    )
    fig.savefig(path)


def setup(app):
    """Register the extension."""
    app.add_config_value("site_commit", [], "html", list)
    app.connect("config-inited", note_commit)
    # Before sphinxext.opengraph, which reads these.
    app.connect("html-page-context", describe, priority=400)
    app.connect("html-collect-pages", missing_page)
    app.connect("build-finished", write_files)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
