"""Leave the fields of records to their docstrings, which describe them under Attributes."""


def skip(app, what, name, member, skipped, options):
    """Skip what a NamedTuple makes of its fields: an alias for a number."""
    return True if type(member).__name__ == "_tuplegetter" else None


def setup(app):
    """Register the extension."""
    app.connect("autodoc-skip-member", skip)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
