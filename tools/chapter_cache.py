"""Where the results of executed chapters are kept: a Sphinx extension, and its key.

jupyter-cache knows an executed chapter by its code cells alone, so by itself it would serve
figures made with an older `dlnlib`. The cache folder is therefore named after everything else
that the results depend on.
"""

import sys
from pathlib import Path

from jupyter_cache import get_cache
from jupyter_cache.base import CacheBundleIn
from myst_nb.core.read import is_myst_markdown_notebook
from sphinx.util.logging import getLogger
from sphinx_external_toc.parsing import parse_toc_yaml

from dlnlib._fingerprint import of_files

INPUTS = (
    "requirements.lock",
    "dlnlib/**/*",
    "ledger/**/*",
    "chapters/data/**/*",
    "benchmarks/*.csv",
)


def cache_key(root):
    """Return a hash of the library, its data, the data beside the chapters, the lock and Python."""
    root = Path(root)
    paths = [path for pattern in INPUTS for path in root.glob(pattern)]
    return of_files(paths, root, sys.version)


def cache_folder(root):
    """Return the folder that holds the results valid for the present key."""
    return Path(root) / "_build" / "executed" / cache_key(root)


def notebooks(root):
    """Return the pages of the table of contents that have code to execute."""
    pages = [Path(root) / f"{name}.md" for name in parse_toc_yaml(Path(root) / "_toc.yml")]
    written = (page for page in pages if page.is_file())  # of others the build itself complains
    return [page for page in written if is_myst_markdown_notebook(page.read_text("utf8"))]


def is_cached(cache, notebook):
    """Tell whether the cache holds a notebook's results."""
    try:
        return cache.match_cache_notebook(notebook) is not None
    except KeyError:
        return False


def adopt(cache, notebook, page):
    """Reuse the results of a notebook that differs only in captions and the like."""

    def essence(candidate):
        return cache.create_hashed_notebook(candidate, cell_metadata=("tags",))[1]

    for record in cache.list_cache_records():
        cached = cache.get_cache_bundle(record.pk).nb
        if essence(cached) == essence(notebook):
            code = [cell for cell in notebook.cells if cell.cell_type == "code"]
            for cell, done in zip(code, cached.cells, strict=True):
                cell.outputs, cell.execution_count = done.outputs, done.execution_count
            store(cache, notebook, page, record.data["execution_seconds"])
            return True
    return False


def store(cache, notebook, page, seconds):
    """Put executed results where the build will look for them."""
    bundle = CacheBundleIn(notebook, str(page), data={"execution_seconds": seconds})
    cache.cache_notebook_bundle(bundle, check_validity=False, overwrite=True)


def use_cache(app, config):
    """Point MyST-NB at the present folder; a new one makes Sphinx read every page again."""
    config.nb_execution_cache_path = str(cache_folder(app.srcdir))


def forget_executions(app):
    """Empty jupyter-cache's list of notebooks to execute, which only a build fills."""
    cache = get_cache(app.config.nb_execution_cache_path)
    for record in cache.list_project_records():
        cache.remove_nb_from_project(record.pk)


def report_executions(app, env):
    """Warn of chapters that this build had to execute because `make book` had not."""
    for record in get_cache(app.config.nb_execution_cache_path).list_project_records():
        getLogger(__name__).warning("executed during the build: %s", record.uri)


def setup(app):
    """Register the extension."""
    app.connect("config-inited", use_cache)
    app.connect("builder-inited", forget_executions)
    app.connect("env-updated", report_executions)
    return {"parallel_read_safe": True}
