"""What chapters need besides mathematics: tables that are read."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["table"]


def table(path: str | os.PathLike[str]) -> NDArray[Any]:
    """Read a table of comma-separated values below comments.

    Parameters
    ----------
    path : path-like
        The file: comment lines that begin with ``#``, a line of column names, then rows.

    Returns
    -------
    ndarray, shape (n_rows,)
        The rows, with the columns by name; whole numbers as integers, other words as text.

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
    return np.atleast_1d(np.genfromtxt(lines, delimiter=",", names=True, dtype=None))
