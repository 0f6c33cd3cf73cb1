"""Give links something to show before they are followed: the equation, the entry, the caption.

What a link leads to on its own page, `_static/previews.js` finds there. Of other pages, each page
carries what its links lead to, in `<template>` elements, since pages must work without a server.
"""

import re
from html import escape

from docutils import nodes
from pybtex.plugin import find_plugin

LINK = re.compile(r'<a class="reference internal" href="([^"#]+)#([^"]+)"')


def note_targets(app, doctree):
    """Keep what previews show of a page: its equations, and the captions of its figures."""
    if not hasattr(app.env, "previews"):
        app.env.previews = {}
    found = {}
    for block in doctree.findall(nodes.math_block):
        for name in block.get("ids", ()) or [f"equation-{block.get('label')}"]:
            found[name] = f"<p>\\[{escape(block.astext())}\\]</p>"
    for figure in doctree.findall(nodes.figure):
        for caption in figure.findall(nodes.caption):
            found.update({name: f"<p>{escape(caption.astext())}</p>" for name in figure["ids"]})
    app.env.previews[app.env.docname] = found


def forget(app, env, docname):
    """Forget a page that is read anew."""
    getattr(env, "previews", {}).pop(docname, None)


def gather(app, env, docnames, other):
    """Take over what another process has read."""
    here = env.previews = getattr(env, "previews", {})
    here.update({name: other.previews[name] for name in docnames})


def entries(app):
    """Return the entries of the bibliography by their anchors."""
    backend = find_plugin("pybtex.backends", "html")()
    cited = app.env.get_domain("cite").citations
    return {
        entry.citation_id: f"<p>{entry.formatted_entry.text.render(backend)}</p>" for entry in cited
    }


def carry_previews(app, pagename, templatename, context, doctree):
    """Append to a page what its links to other pages lead to."""
    if doctree is None:
        return
    shown, cited = {}, entries(app)
    by_file = {app.builder.get_target_uri(name): name for name in app.env.found_docs}
    for page, anchor in LINK.findall(context["body"]):
        name = by_file.get(re.sub(r"^(\.\./)+", "", page)) or by_file.get(f"chapters/{page}")
        found = app.env.previews.get(name, {}).get(anchor) or cited.get(anchor)
        if found:
            shown[f"{page}#{anchor}"] = found
    context["body"] += "".join(
        f'<template data-preview="{escape(link)}">{html}</template>\n'
        for link, html in shown.items()
    )


def setup(app):
    """Register the extension."""
    app.connect("doctree-read", note_targets, priority=800)
    app.connect("env-purge-doc", forget)
    app.connect("env-merge-info", gather)
    app.connect("html-page-context", carry_previews)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
