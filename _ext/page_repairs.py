"""Mend what the theme and other extensions leave in pages: names, ids, images, leftovers."""

import re

from docutils import nodes


def without_script(html, name):
    """Return HTML without the scripts whose address has some name."""
    return re.sub(rf'<script src="[^"]*{re.escape(name)}[^"]*"></script>', "", html)


def mend_page(app, pagename, templatename, context, doctree):
    """Name the sidebar's chevrons; drop a second viewport, an ad's place, empty heads."""
    context["without_script"] = without_script
    context["metatags"] = re.sub(r'<meta name="viewport"[^>]*>\s*', "", context.get("metatags", ""))
    context["theme_primary_sidebar_end"] = []
    # A column without a name has no head.
    empty = r"<th( [^>]*)?>((?:\s|</?p>)*)</th>"
    context["body"] = re.sub(empty, r"<td\1>\2</td>", context.get("body", ""))
    drawn = context["generate_toctree_html"]

    def named(kind, **options):
        tree = drawn(kind, **options)
        for summary in tree.select("summary") if hasattr(tree, "select") else ():
            summary["aria-label"] = "Sections of " + summary.find_parent("li").a.get_text().strip()
        return tree

    context["generate_toctree_html"] = named


def mend_document(app, doctree):
    """Number the ids that exercises share, and load an image when it is about to be seen."""
    for i, section in enumerate(doctree.findall(nodes.section), 1):
        if section["ids"][:1] in (["exercise-content"], ["solution-content"]):
            section["ids"] = [f"{section['ids'][0]}-{i}"]
    for image in doctree.findall(nodes.image):
        image["loading"] = "lazy"


def setup(app):
    """Register the extension."""
    app.connect("doctree-read", mend_document)
    app.connect("html-page-context", mend_page, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
