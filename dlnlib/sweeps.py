"""A parallel map that keeps its results: it resumes where it was, unless the code has changed."""

from __future__ import annotations

import hashlib
import inspect
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
from dlnlib import _checks, _fingerprint

__all__ = ["sweep"]

_MOST_JOBS = 1024


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
    made from its case, `dlnlib`, the function with its file, and what it uses: functions and
    values by their names, and the files of modules that it imports, though not what these import.
    It is then never computed again until one of them changes.

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
        Number of parallel workers, as joblib understands it: -1 for all processors.
    progress : bool, optional
        Whether to show a progress bar.

    Returns
    -------
    list of dict
        For every case, in order: ``case``, ``result`` and ``versions``.

    Raises
    ------
    ValueError
        If a case, or a result that is to be kept, can not be written as JSON.
    TypeError
        If `function` is no plain function, such as a partial one, does not take the names of a
        case, or returns no mapping.
    ImportError
        If joblib or tqdm is missing.

    Notes
    -----
    Used for Figs. 4 and 6A. Needs the extra ``dlnlib[sweeps]``.

    Examples
    --------
    >>> from dlnlib.sweeps import sweep
    >>> [r["result"] for r in sweep(lambda n: {"square": n * n}, [{"n": 2}, {"n": 3}])]
    [{'square': 4}, {'square': 9}]
    """
    try:
        from joblib import Parallel, delayed
        from tqdm import tqdm
    except ModuleNotFoundError as error:
        raise ImportError(
            f'dlnlib.sweeps.sweep needs {error.name}: pip install "dlnlib[sweeps]"'
        ) from error

    code = _code(function, told=folder is not None)
    hidden = not _checks.flag("progress", progress)
    if n_jobs is not None:
        n_jobs = _checks.count("n_jobs", n_jobs, least=-_MOST_JOBS, most=_MOST_JOBS)
    cases = [_case(function, case) for case in _checks.iterated("cases", cases, "mappings")]
    names = [_name(code, case) for case in cases]
    store = None if folder is None else _store(folder)
    found = {} if store is None else _load(store, names)
    open_cases = {n: c for n, c in zip(names, cases, strict=True) if n not in found}
    tasks = (delayed(_evaluate)(function, name, case) for name, case in open_cases.items())
    # Unordered: an interruption then keeps every result that had arrived.
    arriving = Parallel(n_jobs=n_jobs, return_as="generator_unordered")(tasks)
    with warnings.catch_warnings():
        # A worker whose memory has grown by more than loky likes is replaced, its jobs redone.
        warnings.filterwarnings("ignore", "A worker stopped while some jobs", UserWarning)
        for name, record in tqdm(arriving, total=len(open_cases), disable=hidden):
            found[name] = record
            if store is not None:
                _save(store / name, record)
    return [found[name] for name in names]


def _case(function: Callable[..., Any], case: Mapping[str, Any]) -> dict[str, Any]:
    """Return a copy of a case that is one, and that the function takes."""
    if not isinstance(case, Mapping):
        raise TypeError(f"cases must be mappings of names to values, got {case!r}")
    try:
        inspect.signature(function).bind(**case)
    except TypeError as error:
        raise TypeError(f"function must take the names of cases, got {case}: {error}") from error
    return dict(case)


def _store(folder: str | os.PathLike[str]) -> Path:
    try:
        store = Path(folder)
    except TypeError as error:
        raise TypeError(f"folder must be a path, got {folder!r}") from error
    store.mkdir(parents=True, exist_ok=True)
    return store


def _code(function: Callable[..., Any], *, told: bool) -> list[str]:
    """Return what names a function, and if it shall tell it from others, what it is now."""
    if not isinstance(function, FunctionType):
        raise TypeError(f"function must be one that is known by its code, got {function!r}")
    name = f"{function.__module__}.{function.__qualname__}"
    # Where nothing is recalled nothing is told apart: what a function uses may be gigabytes.
    known = (_fingerprint.of_library(), _fingerprint.of_function(function)) if told else ()
    return [name, *known]


def _name(code: list[str], case: Mapping[str, Any]) -> str:
    try:
        text = json.dumps({"case": case, "code": code}, sort_keys=True)
    except (TypeError, ValueError) as error:
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
    result = function(**case)
    if not isinstance(result, Mapping):
        raise TypeError(f"function must return a mapping, got {result!r} for {case}")
    return name, {"case": dict(case), "result": dict(result), "versions": versions}


def _load(store: Path, names: Iterable[str]) -> dict[str, dict[str, Any]]:
    paths = {name: store / name for name in names}
    return {n: json.loads(path.read_text("utf8")) for n, path in paths.items() if path.exists()}


def _save(path: Path, record: dict[str, Any]) -> None:
    try:
        text = json.dumps(record, indent=1)
    except (TypeError, ValueError) as error:
        raise ValueError(
            "function must return plain numbers, strings and lists where a folder is to keep "
            f"them, got {record['result']}"
        ) from error
    # Written aside and renamed, so that an interruption leaves no half a file.
    scratch = path.with_suffix(".part")
    scratch.write_text(text, "utf8")
    scratch.replace(path)
