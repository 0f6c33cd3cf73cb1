"""What chapters need besides mathematics: tables that are read, numbers that are told."""

from __future__ import annotations

import csv
import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["table", "tell"]


def table(path: str | os.PathLike[str]) -> NDArray[Any]:
    """Read a table of comma-separated values below comments.

    Parameters
    ----------
    path : path-like
        The file: comment lines that begin with ``#``, a line of column names, then rows.

    Returns
    -------
    ndarray, shape (n_rows,)
        The rows, with the columns by name: integers, else floats, else text.

    Raises
    ------
    ValueError
        If a row has not as many columns as there are names.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> from dlnlib.book import table
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "times.csv"
    >>> _ = path.write_text("# iterations\\nn_layers,time\\n3,7.5\\n5,24\\n")
    >>> table(path)["time"]
    array([ 7.5, 24. ])
    """
    lines = [line for line in Path(path).read_text("utf8").splitlines() if line[:1] != "#"]
    names, *rows = csv.reader(lines)
    if any(len(row) != len(names) for row in rows):
        short = next(row for row in rows if len(row) != len(names))
        raise ValueError(f"path must hold rows of {len(names)} columns, {names}, got {short}")
    columns = [_column(words) for words in zip(*rows, strict=True)]
    found = np.empty(len(rows), dtype=[(n, c.dtype) for n, c in zip(names, columns, strict=True)])
    for name, column in zip(names, columns, strict=True):
        found[name] = column
    return found


def tell(**values: float) -> None:
    """Make numbers available to the text of a chapter, without showing them here.

    Parameters
    ----------
    **values : float
        Numbers by the name under which the text calls for them.

    Raises
    ------
    TypeError
        If a value is no number.
    ImportError
        If MyST-NB is missing.

    Notes
    -----
    MyST-NB's ``glue``; needs the extra ``dlnlib[book]``.

    Examples
    --------
    >>> from dlnlib.book import tell
    >>> tell(half=0.5)
    """
    try:
        from myst_nb import glue
    except ModuleNotFoundError as error:
        raise ImportError(
            f'dlnlib.book.tell needs {error.name}: pip install "dlnlib[book]"'
        ) from error
    for name, value in values.items():
        try:
            number = float(value)
        except (TypeError, ValueError) as error:
            raise TypeError(f"{name} must be a number, got {value!r}") from error
        glue(name, number, display=False)


def _column(words: tuple[str, ...]) -> NDArray[Any]:
    for kind in (np.int64, np.float64):
        try:
            return np.array(words).astype(kind)
        except ValueError:
            continue
    return np.array(words)
