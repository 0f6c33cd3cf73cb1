"""What chapters need besides mathematics: figures and numbers that are shown, tables read."""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dlnlib import _checks

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["NARROW", "rows", "show", "spell", "table", "tell"]

NARROW = "application/vnd.dlnlib.narrow+svg"
_NUMBER = re.compile(r"(?P<minus>(?<!\w)-)?(?P<digits>\d[\d,]*(?:\.\d+)?)(?:e(?P<power>[+-]?\d+))?")
_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def show(fig: Figure, *, columns: int = 1) -> None:
    """Show a figure of a chapter as vector images, with the numbers that it draws.

    Parameters
    ----------
    fig : matplotlib.figure.Figure
        The figure, in constrained layout. It is narrowed, shown and closed.
    columns : int, optional
        How many panels stand side by side on a narrow screen.

    Raises
    ------
    TypeError, ValueError
        If `columns` is no positive integer.

    Notes
    -----
    The output holds the figure (``image/svg+xml``), the same with its panels under one another
    (`NARROW`), and its points (``text/csv``: panel, kind of drawing, series, x, y, value).

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from dlnlib import book, plotting
    >>> plotting.use_style()
    >>> fig, ax = plt.subplots()
    >>> plotting.theory(ax, [0, 1], [0, 1])
    >>> book.show(fig)
    a figure
    """
    columns = _checks.count("columns", columns)
    import matplotlib.pyplot as plt

    from dlnlib import _figures

    bundle = {"image/svg+xml": _figures.svg(fig), "text/csv": _figures.numbers(fig)}
    _figures.stack(fig, columns)
    bundle[NARROW] = _figures.svg(fig)
    plt.close(fig)
    _display(bundle | {"text/plain": "a figure"})


def rows(columns: Mapping[str, ArrayLike], *formats: str) -> None:
    r"""Show columns of numbers as a table.

    Parameters
    ----------
    columns : mapping of str to array_like, shape (n_rows,)
        Columns by their heads, which may hold TeX between dollar signs. Words stand left, numbers
        right; what is not a number is a dash.
    *formats : str
        How the entries of each column are written, such as ``".3f"``; the last one serves all
        further columns.

    Raises
    ------
    ValueError
        If columns differ in length.

    Examples
    --------
    >>> import numpy as np
    >>> from dlnlib import book
    >>> book.rows({"start": ["small", "none"], "$|t|$": [0.00125, np.nan]}, "", ".1e")
    | start | $\vert t\vert $ |
    | :-- | --: |
    | small | 1.3·10⁻³ |
    | none | – |
    """
    entries = [list(np.asarray(column).tolist()) for column in columns.values()]
    if len({len(column) for column in entries}) > 1:
        lengths = {name: len(column) for name, column in zip(columns, entries, strict=True)}
        raise ValueError(f"columns must have one length, got {lengths}")
    specs = [*formats, *[formats[-1] if formats else ""] * len(entries)]
    written = [
        [_entry(value, spec) for value in column]
        for column, spec in zip(entries, specs, strict=False)
    ]
    sides = [":--" if _is_text(column) else "--:" for column in entries]
    lines = [list(columns), sides, *map(list, zip(*written, strict=True))]
    text = "\n".join(f"| {' | '.join(map(_in_cell, line))} |" for line in lines)
    _display({"text/markdown": text, "text/plain": text})


def spell(text: str) -> str:
    """Write the numbers of a text as people do.

    Parameters
    ----------
    text : str
        Text with numbers as Python writes them.

    Returns
    -------
    str
        Text with minus signs and powers of ten.

    Examples
    --------
    >>> from dlnlib.book import spell
    >>> spell("3.8e-06, between -1.01 and 1e-10")
    '3.8·10⁻⁶, between −1.01 and 10⁻¹⁰'
    >>> spell("2.5e+00 to 1.0e+01")
    '2.5 to 10'
    """
    return _NUMBER.sub(_spell_number, text)


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


def _spell_number(found: re.Match[str]) -> str:
    sign = "−" if found["minus"] else ""
    digits = found["digits"]
    if found["power"] is None:
        return sign + digits
    power = int(found["power"])
    if power in {0, 1}:  # nobody writes 2.5·10⁰
        decimals = max(len(digits.partition(".")[2]) - power, 0)
        return f"{sign}{float(digits) * 10**power:.{decimals}f}"
    ten = "10" + str(power).translate(_SUPERSCRIPTS)
    return sign + (ten if float(digits) == 1 and "." not in digits else f"{digits}·{ten}")


def _entry(value: Any, spec: str) -> str:
    if isinstance(value, str):
        return value
    return "–" if np.isnan(value) else spell(format(value, spec))


def _is_text(column: list[Any]) -> bool:
    """Tell whether a column holds words, rather than numbers that are written out."""
    words = [value for value in column if isinstance(value, str)]
    return sum(not re.match(r"[−-]?[\d.]+$", word) for word in words) > len(column) / 2


def _in_cell(text: str) -> str:
    """Write the bars of a formula so that they are no borders of cells."""
    return re.sub(r"\$[^$]*\$", lambda tex: tex[0].replace("|", r"\vert "), text)


def _display(bundle: dict[str, str]) -> None:
    """Hand an output to the notebook, or print it where there is none."""
    try:
        from IPython import get_ipython
        from IPython.display import display
    except ModuleNotFoundError:
        print(bundle["text/plain"])
        return
    if get_ipython() is None:
        print(bundle["text/plain"])
    else:
        display(bundle, raw=True)  # type: ignore[no-untyped-call]
