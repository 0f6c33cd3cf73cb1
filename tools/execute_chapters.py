"""Execute the chapters whose results are not in the cache, as many at a time as there are cores.

Each chapter is cached as it finishes, so an interrupted run loses only what was under way.
"""

import asyncio
import os
import re
import shutil
import signal
import sys
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from time import perf_counter

import yaml
from chapter_cache import adopt, cache_folder, is_cached, notebooks, store
from jupyter_cache import get_cache
from myst_nb.core.read import myst_nb_reader_plugin
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

ROOT = Path(__file__).resolve().parents[1]
CONFIG = yaml.safe_load((ROOT / "_config.yml").read_text("utf8"))
CELL_TIMEOUT = CONFIG["execute"]["timeout"]  # seconds
# Seconds that the longest take where nothing is cached, not even the measurements of the ledger.
SECONDS = {"ledger": 120, "section-3-2": 110, "section-4-1": 100, "section-2": 60}


def report(state, page, detail=""):
    """Print one line about a chapter."""
    name = os.path.relpath(page.with_suffix(""), ROOT)
    print(f"  {state:<9} {name:<32} {detail}", flush=True)


def execute(client, page):
    """Run one chapter in a kernel of its own; return the seconds taken and what went wrong."""
    report("executing", page)
    start, trouble = perf_counter(), ""
    try:
        asyncio.run(client.async_execute(cwd=str(page.parent)))
    except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
        trouble = re.sub(r"\x1b\[[\d;]*m", "", str(error))  # without IPython's colours
    outputs = (output for cell in client.nb.cells for output in cell.get("outputs", ()))
    trouble = trouble or "".join(o.text for o in outputs if o.get("name") == "stderr")
    return perf_counter() - start, trouble


def execute_all(cache, stale, n_parallel):
    """Execute and cache the stale chapters; return those that failed or wrote to stderr."""
    # Cell timings, which NotebookClient records by default, would enter the cache's hash.
    options = {"timeout": CELL_TIMEOUT, "record_timing": False}
    clients = {page: NotebookClient(notebook, **options) for page, notebook in stale.items()}
    failed = []
    with ThreadPoolExecutor(n_parallel) as pool:
        running = {pool.submit(execute, client, page): page for page, client in clients.items()}
        try:
            for future in as_completed(running):
                page, (seconds, trouble) = running[future], future.result()
                if trouble:
                    failed.append(page)
                    report("FAILED", page, f"{seconds:.1f} s\n{trouble}")
                else:
                    store(cache, stale[page], page, seconds)
                    report("done", page, f"{seconds:.1f} s")
        except KeyboardInterrupt:
            # A kernel leads a session of its own, which the terminal's Ctrl-C does not reach.
            pool.shutdown(wait=False, cancel_futures=True)
            for client in clients.values():
                if client.km is not None and client.km.has_kernel:
                    os.killpg(client.km.provisioner.pid, signal.SIGKILL)
            print("interrupted; finished chapters are kept", flush=True)
            os._exit(130)
    return failed


def last_seconds(folder):
    """Return how long each chapter took when it was last executed, with any library."""
    caches = [get_cache(old.parent) for old in folder.parent.glob("*/global.db")]
    records = [record for cache in caches for record in cache.list_cache_records()]
    return {Path(record.uri): record.data["execution_seconds"] for record in records}


def longest_first(pages, seconds):
    """Sort pages by what they take, or took last."""
    return sorted(pages, key=lambda page: -SECONDS.get(page.stem, seconds.get(page, 0)))


def main():
    """Bring the cache up to date."""
    folder = cache_folder(ROOT)
    seconds = last_seconds(folder)
    folder.mkdir(parents=True, exist_ok=True)
    cache = get_cache(folder)
    for old in folder.parent.iterdir():
        if old != folder:
            shutil.rmtree(old)
    stale = {}
    for page in longest_first(notebooks(ROOT), seconds):
        notebook = myst_nb_reader_plugin(str(page))
        if is_cached(cache, notebook) or adopt(cache, notebook, page):
            report("cached", page)
        else:
            stale[page] = notebook
    n_parallel = min(os.cpu_count() or 1, len(stale)) or 1
    # One thread for each, however many there are: with more, BLAS sums in another order, and runs
    # at the edge of stability take another course.
    os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    return 1 if execute_all(cache, stale, n_parallel) else 0


if __name__ == "__main__":
    sys.exit(main())
