"""Let the book be built as one page, which is printed."""


def share_writers(app):
    """Write nodes on one page as on many: some extensions speak of the latter alone."""
    writers = app.registry.translation_handlers
    writers["singlehtml"] = writers.get("html", {}) | writers.get("singlehtml", {})


def setup(app):
    """Register the extension."""
    app.connect("builder-inited", share_writers)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
