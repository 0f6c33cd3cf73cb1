"""A parallel map that keeps its results: it resumes where it was, unless the code has changed."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import warnings
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import FunctionType
from typing import Any

import numpy as np
import scipy

import dlnlib
from dlnlib import _fingerprint

__all__ = ["sweep"]


def sweep(
    function: Callable[..., Mapping[str, Any]],
    cases: Iterable[Mapping[str, Any]],
    *,
    folder: str | os.PathLike[str] | None = None,
    n_jobs: int | None = None,
    progress: bool = False,
) -> list[dict[str, Any]]:
    """Evaluate a function over many cases, in parallel and resumably.

    Work is given to joblib, so that ``joblib.parallel_config(backend="dask")`` runs the
    same sweep on a Dask cluster. Each result is written to disk as it arrives, under a name
    made from its case, the function's file and `dlnlib`'s; it is then never computed again
    until one of them changes.

    Parameters
    ----------
    function : callable
        Called with a case as keyword arguments; returns a mapping of plain numbers,
        strings and lists. It must be importable by worker processes.
    cases : iterable of mapping
        Keyword arguments of every call: plain numbers, strings and lists, any seed included.
    folder : path, optional
        Where results are kept. By default nothing is written.
    n_jobs : int, optional
        Number of parallel workers, as joblib understands it.
    progress : bool, optional
        Whether to show a progress bar.

    Returns
    -------
    list of dict
        For every case, in order: ``case``, ``result`` and ``versions``.

    Raises
    ------
    ValueError
        If a case can not be written as JSON.
    TypeError
        If `function` is no plain function, such as a partial one.

    Notes
    -----
    Used for Figs. 4 and 6A. Needs the extra ``dlnlib[sweeps]``.

    Examples
    --------
    >>> from dlnlib.sweeps import sweep
    >>> [r["result"] for r in sweep(lambda n: {"square": n * n}, [{"n": 2}, {"n": 3}])]
    [{'square': 4}, {'square': 9}]
    """
    from joblib import Parallel, delayed
    from tqdm import tqdm

    cases = [dict(case) for case in cases]
    code = _code(function)
    names = [_name(code, case) for case in cases]
    store = None if folder is None else Path(folder)
    if store is not None:
        store.mkdir(parents=True, exist_ok=True)
    found = {} if store is None else _load(store, names)
    open_cases = {n: c for n, c in zip(names, cases, strict=True) if n not in found}
    tasks = (delayed(_evaluate)(function, name, case) for name, case in open_cases.items())
    # Unordered: an interruption then keeps every result that had arrived.
    arriving = Parallel(n_jobs=n_jobs, return_as="generator_unordered")(tasks)
    with warnings.catch_warnings():
        # A worker whose memory has grown by more than loky likes is replaced, its jobs redone.
        warnings.filterwarnings("ignore", "A worker stopped while some jobs", UserWarning)
        for name, record in tqdm(arriving, total=len(open_cases), disable=not progress):
            found[name] = record
            if store is not None:
                _save(store / name, record)
    return [found[name] for name in names]


def _code(function: Callable[..., Any]) -> list[str]:
    """Return what names a function as it is now, and the library that it calls."""
    if not isinstance(function, FunctionType):
        raise TypeError(f"function must be one that is known by its code, got {function!r}")
    name = f"{function.__module__}.{function.__qualname__}"
    return [name, _fingerprint.of_library(), _fingerprint.of_function(function)]


def _name(code: list[str], case: Mapping[str, Any]) -> str:
    try:
        text = json.dumps({"case": case, "code": code}, sort_keys=True)
    except TypeError as error:
        raise ValueError(f"cases must be plain numbers, strings and lists, got {case}") from error
    return hashlib.sha256(text.encode()).hexdigest()[:16] + ".json"


def _evaluate(
    function: Callable[..., Mapping[str, Any]], name: str, case: Mapping[str, Any]
) -> tuple[str, dict[str, Any]]:
    versions = {
        "dlnlib": dlnlib.__version__,
        "numpy": np.__version__,
        "scipy": scipy.__version__,
        "python": platform.python_version(),
    }
    return name, {"case": dict(case), "result": dict(function(**case)), "versions": versions}


def _load(store: Path, names: Iterable[str]) -> dict[str, dict[str, Any]]:
    paths = {name: store / name for name in names}
    return {n: json.loads(path.read_text("utf8")) for n, path in paths.items() if path.exists()}


def _save(path: Path, record: dict[str, Any]) -> None:
    # Written aside and renamed, so that an interruption leaves no half a file.
    scratch = path.with_suffix(".part")
    scratch.write_text(json.dumps(record, indent=1), "utf8")
    scratch.replace(path)
