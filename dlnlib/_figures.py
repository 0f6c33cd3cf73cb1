"""Figures as files: vector images wide and narrow, and the numbers that they draw."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import Collection, PathCollection, QuadMesh
from matplotlib.container import BarContainer
from matplotlib.figure import Figure
from matplotlib.gridspec import GridSpec
from matplotlib.legend import Legend
from matplotlib.ticker import AutoLocator
from numpy.typing import NDArray

__all__ = ["NARROW", "numbers", "stack", "svg"]

NARROW = 3.6  # inches: a column of text on a phone
_Row = tuple[str, str, str, object, object, object]


def svg(fig: Figure) -> str:
    """Return a figure as SVG, the same for the same figure."""
    out = io.StringIO()
    with mpl.rc_context({"svg.hashsalt": "dlnlib", "svg.fonttype": "path"}):
        fig.savefig(out, format="svg", metadata={"Date": None, "Creator": None})
    text = out.getvalue()
    return text[text.index("<svg") :]


def stack(fig: Figure, columns: int) -> None:
    """Put the panels of a figure under one another, in a figure as narrow as a phone."""
    panels = _panels(fig)
    n_rows = -(-len(panels) // columns)
    width, height = fig.get_size_inches()
    shapes = [_shape(axes[0], width, height) for axes in panels]
    narrowed = [tall * min(1.0, NARROW / columns / wide) for wide, tall in shapes]
    # A wide panel keeps some of its height: as narrow as it gets, it would be flat.
    tall = [
        max(h, min(s[1], 0.75 * NARROW / columns)) for h, s in zip(narrowed, shapes, strict=True)
    ]
    ratios = [max(tall[i : i + columns]) for i in range(0, len(tall), columns)]
    grid = GridSpec(n_rows, columns, figure=fig, height_ratios=ratios)
    _label_alone([axes[0] for axes in panels])
    for i, axes in enumerate(panels):
        for ax in axes:
            ax.set_subplotspec(grid[i // columns, i % columns])
            if isinstance(ax.xaxis.get_major_locator(), AutoLocator):
                ax.locator_params(axis="x", nbins=4)
    legends = sum(_narrow_legend(fig, legend) for legend in list(fig.legends))
    fig.set_size_inches(NARROW, sum(ratios) * 1.12 + legends)


def numbers(fig: Figure) -> str:
    """Return what a figure draws as comma-separated values, one point in a row."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(("panel", "drawn as", "series", "x", "y", "value"))
    writer.writerows(_drawn(fig))
    return out.getvalue()


def _panels(fig: Figure) -> list[list[Axes]]:
    """Return the axes of a grid by place; twins share one."""
    found: dict[tuple[int, int], list[Axes]] = {}
    for ax in fig.axes:
        spec = ax.get_subplotspec()
        if spec is not None:
            found.setdefault((spec.rowspan.start, spec.colspan.start), []).append(ax)
    return [found[place] for place in sorted(found)]


def _shape(ax: Axes, width: float, height: float) -> tuple[float, float]:
    """Return width and height in inches of the cells that a panel takes."""
    spec = ax.get_subplotspec()
    assert spec is not None
    figure = ax.get_figure(root=True)
    assert figure is not None
    place = spec.get_position(figure)
    return place.width * width, place.height * height


def _label_alone(panels: list[Axes]) -> None:
    """Give panels the ticks and labels that they left to the first of a row, the last below."""
    places = {ax: spec for ax in panels if ax.axison and (spec := ax.get_subplotspec())}
    for ax, spec in places.items():
        ax.tick_params(axis="x", labelbottom=True)
        ax.tick_params(axis="y", labelleft=True)
        row = [other for other, at in places.items() if at.rowspan.start == spec.rowspan.start]
        column = [other for other, at in places.items() if at.colspan.start == spec.colspan.start]
        ax.set_ylabel(ax.get_ylabel() or row[0].get_ylabel())
        ax.set_xlabel(ax.get_xlabel() or column[-1].get_xlabel())


def _narrow_legend(fig: Figure, legend: Legend) -> float:
    """Set a legend of a figure in two columns or, if names are long, one; return its inches."""
    names = [text.get_text() for text in legend.get_texts()]
    columns = 1 if max(map(len, names)) > 20 else 2
    handles = [handle for handle in legend.legend_handles if handle is not None]
    legend.remove()
    fig.legend(handles, names, loc="outside upper left", ncols=columns)
    return 0.19 * -(-len(names) // columns)


def _drawn(fig: Figure) -> Iterator[_Row]:
    """Yield the points of all lines, markers, bars, bands and images, panel by panel."""
    for i, ax in enumerate(fig.axes):
        panel = ax.get_title() or ax.get_ylabel() or str(i + 1)
        for kind, series, x, y, value in _artists(ax):
            for row in zip(x, y, value, strict=True):
                yield (panel, kind, series, *row)


def _artists(ax: Axes) -> Iterator[tuple[str, str, Any, Any, Any]]:
    """Yield kind, name and columns of everything that carries data."""
    for line in ax.lines:
        x, y = _short(line.get_xdata()), _short(line.get_ydata())
        # Others, such as a zero, span the axes.
        if line.get_transform() == ax.transData:
            kind = "markers" if line.get_linestyle() == "None" else "line"
            yield kind, _name(line), x, y, [""] * len(x)
    for item in ax.collections:
        yield from _collection(item)
    for bars in ax.containers:
        if isinstance(bars, BarContainer):
            x = _short([bar.get_x() + bar.get_width() / 2 for bar in bars])
            y = _short([bar.get_y() + bar.get_height() for bar in bars])
            yield "bars", _name(bars), x, y, [""] * len(x)
    for image in ax.images:
        values: NDArray[Any] = np.ma.asarray(image.get_array())
        if values.ndim == 2:  # others are pictures
            across, along = np.indices(values.shape).reshape(2, -1)
            yield "image", _name(image), along, across, _short(values)


def _collection(item: Collection) -> Iterator[tuple[str, str, Any, Any, Any]]:
    """Yield what a mesh, a set of markers, or a set of outlines such as a band holds."""
    if isinstance(item, QuadMesh):
        corners = np.asarray(item.get_coordinates())
        x, y = ((corners[:-1, :-1] + corners[1:, 1:]) / 2).reshape(-1, 2).T
        yield "mesh", _name(item), _short(x), _short(y), _short(item.get_array())
    elif isinstance(item, PathCollection):
        x, y = np.ma.asarray(item.get_offsets()).T
        values = item.get_array()
        shown = [""] * len(x) if values is None else _short(values)
        yield "markers", _name(item), _short(x), _short(y), shown
    else:
        for path in item.get_paths():
            x, y = np.asarray(path.vertices).T
            yield "outline", _name(item), _short(x), _short(y), [""] * len(x)


def _name(artist: Any) -> str:
    """Return the label of an artist, empty if it has none of its own."""
    label = str(artist.get_label())
    return "" if label.startswith("_") else label


def _short(x: Any) -> list[str]:
    """Write numbers with seven digits, more than a figure shows."""
    values: NDArray[Any] = np.ma.filled(np.ma.asarray(x, dtype=float), np.nan)
    return [f"{value:.7g}" for value in np.ravel(values)]
