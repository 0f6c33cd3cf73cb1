"""The few drawings that chapters share; each takes the axes to draw on.

Theory is drawn as lines, simulation as markers or thin traces, what the authors drew as a
pale band or open rings below both, and every thing keeps its colour throughout the book.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from dlnlib import _checks

try:
    import matplotlib.pyplot as plt
    from matplotlib.axes import Axes
    from matplotlib.cbook import normalize_kwargs
    from matplotlib.lines import Line2D
except ModuleNotFoundError as error:
    raise ImportError('dlnlib.plotting needs matplotlib: pip install "dlnlib[plot]"') from error

__all__ = [
    "LINEAR",
    "NEUTRAL",
    "PRINTED",
    "TANH",
    "THEORY",
    "mode_image",
    "network_diagram",
    "points",
    "printed_curve",
    "printed_points",
    "simulation",
    "theory",
    "use_style",
]

THEORY = "#D55E00"
LINEAR = "#0072B2"
TANH = "#009E73"
NEUTRAL = "#595959"
PRINTED = "#CC79A7"
_FROM_PAPER = "read from the paper's drawing"


def use_style() -> None:
    """Use the book's style for all figures from here on.

    Examples
    --------
    >>> from dlnlib import plotting
    >>> plotting.use_style()
    """
    plt.style.use("dlnlib.book")


def theory(ax: Axes, x: ArrayLike, y: ArrayLike, *, label: str | None = None, **line: Any) -> None:
    """Draw a prediction, or one a column, as lines.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Where to draw.
    x : array_like, shape (n,)
        Abscissae.
    y : array_like, shape (n,) or (n, n_curves)
        Predictions.
    label : str, optional
        Legend entry, one for all curves.
    **line : dict
        Properties of the lines.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from dlnlib import plotting
    >>> plotting.theory(plt.figure().gca(), [0, 1], [[0, 1], [1, 2]], label="theory")
    """
    _curves(ax, x, y, label, {"color": THEORY, "linewidth": 1.8, "zorder": 3}, line)


def simulation(
    ax: Axes, x: ArrayLike, y: ArrayLike, *, label: str | None = None, **line: Any
) -> None:
    """Draw a simulation, or one a column, as thin traces.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Where to draw.
    x : array_like, shape (n,)
        Abscissae.
    y : array_like, shape (n,) or (n, n_curves)
        Simulated values.
    label : str, optional
        Legend entry, one for all curves.
    **line : dict
        Properties of the traces, such as ``color=plotting.TANH`` for the tanh network.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from dlnlib import plotting
    >>> plotting.simulation(plt.figure().gca(), [0, 1], [0, 1], color=plotting.TANH)
    """
    _curves(ax, x, y, label, {"color": LINEAR, "linewidth": 0.9, "zorder": 2}, line)


def points(ax: Axes, x: ArrayLike, y: ArrayLike, *, label: str | None = None, **line: Any) -> None:
    """Draw a simulation, or one a column, as markers above the lines of theory.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Where to draw.
    x : array_like, shape (n,)
        Abscissae.
    y : array_like, shape (n,) or (n, n_sets)
        Simulated values.
    label : str, optional
        Legend entry, one for all sets.
    **line : dict
        Properties of the markers, such as ``color=plotting.TANH`` for the tanh network.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from dlnlib import plotting
    >>> plotting.points(plt.figure().gca(), [0, 1], [0, 1], label="gradient flow")
    """
    dots = {"color": LINEAR, "linestyle": "", "marker": "o", "markersize": 3, "zorder": 4}
    _curves(ax, x, y, label, dots, line)


def printed_points(
    ax: Axes, x: ArrayLike, y: ArrayLike, *, label: str | None = _FROM_PAPER, **line: Any
) -> None:
    """Draw points of the paper's own figure as open rings below everything else.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Where to draw.
    x : array_like, shape (n,)
        Abscissae.
    y : array_like, shape (n,) or (n, n_sets)
        What was read from the drawing.
    label : str, optional
        Legend entry, one for all; None for none.
    **line : dict
        Properties of the markers.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from dlnlib import plotting
    >>> plotting.printed_points(plt.figure().gca(), [3, 5, 8], [7, 24, 68])
    """
    rings = {"color": PRINTED, "linestyle": "", "marker": "o", "markersize": 8, "zorder": 1.5}
    rings |= {"markerfacecolor": "none", "markeredgewidth": 1.8}
    _curves(ax, x, y, label, rings, line)


def printed_curve(
    ax: Axes, x: ArrayLike, y: ArrayLike, *, label: str | None = _FROM_PAPER, **line: Any
) -> None:
    """Draw a curve of the paper's own figure as a pale band below everything else.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Where to draw.
    x : array_like, shape (n,)
        Abscissae.
    y : array_like, shape (n,) or (n, n_curves)
        What was read from the drawing.
    label : str, optional
        Legend entry, one for all; None for none.
    **line : dict
        Properties of the band, such as ``drawstyle="steps-mid"`` for a histogram.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from dlnlib import plotting
    >>> plotting.printed_curve(plt.figure().gca(), [0, 1], [0, 1])
    """
    band = {"color": PRINTED, "linewidth": 5, "alpha": 0.45, "zorder": 1.5}
    _curves(ax, x, y, label, band | {"solid_capstyle": "round"}, line)


def mode_image(ax: Axes, vector: ArrayLike, *, title: str | None = None) -> None:
    """Show a vector over a square of pixels, red positive and blue negative.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Where to draw.
    vector : array_like, shape (n_pixels,)
        Values; the number of pixels is a square.
    title : str, optional
        Title.

    Raises
    ------
    TypeError, ValueError
        If `vector` is no vector of finite numbers, a square of them.

    Examples
    --------
    >>> import matplotlib.pyplot as plt, numpy as np
    >>> from dlnlib import plotting
    >>> plotting.mode_image(plt.figure().gca(), np.eye(28).ravel())
    """
    vector = _checks.finite("vector", vector)
    side = round(vector.size**0.5)
    if side == 0 or vector.shape != (side**2,):
        raise ValueError(
            f"vector must have a square number of pixels along one axis, got shape {vector.shape}"
        )
    peak = np.abs(vector).max()
    ax.imshow(vector.reshape(side, side), vmin=-peak, vmax=peak)
    ax.set_axis_off()
    if title is not None:
        ax.set_title(title)


def network_diagram(
    ax: Axes, layer_sizes: Sequence[int], *, weights: Sequence[str], layers: Sequence[str]
) -> None:
    """Draw layers of units, left to right, with every connection.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Where to draw.
    layer_sizes : sequence of int
        Number of units to draw in every layer.
    weights : sequence of str
        Names of the weight matrices, one fewer than layers.
    layers : sequence of str
        Names of the layers.

    Raises
    ------
    TypeError, ValueError
        If `layer_sizes` are not two or more positive integers, or names are too few or many.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from dlnlib import plotting
    >>> plotting.network_diagram(plt.figure().gca(), (3, 2), weights=["W"], layers=["x", "y"])
    """
    layer_sizes = _checks.layer_sizes(layer_sizes)
    for name, words, n in (
        ("weights", weights, len(layer_sizes) - 1),
        ("layers", layers, len(layer_sizes)),
    ):
        if len(words) != n:
            raise ValueError(f"{name} must be {n} names to go with layer_sizes, got {words}")
    heights = [np.arange(n) - (n - 1) / 2 for n in layer_sizes]
    for i, (below, above) in enumerate(pairwise(heights)):
        for y in below:
            ax.plot(
                [np.full(len(above), i), np.full(len(above), i + 1)],
                [np.full(len(above), y), above],
                color=NEUTRAL,
                linewidth=0.5,
                zorder=1,
            )
        ax.text(i + 0.5, max(layer_sizes) / 2 + 0.2, weights[i], ha="center", va="bottom")
    for i, (units, name) in enumerate(zip(heights, layers, strict=True)):
        ax.plot(np.full(len(units), i), units, "o", color=LINEAR, markersize=11, zorder=2)
        ax.text(i, -max(layer_sizes) / 2 - 0.3, name, ha="center", va="top")
    ax.set_ylim(-max(layer_sizes) / 2 - 1, max(layer_sizes) / 2 + 1)
    ax.set_axis_off()


def _curves(
    ax: Axes,
    x: ArrayLike,
    y: ArrayLike,
    label: str | None,
    defaults: dict[str, Any],
    line: dict[str, Any],
) -> None:
    # Spelled out first, so that `lw` replaces the default `linewidth` and does not clash with it.
    style = defaults | normalize_kwargs(line, Line2D)
    for i, curve in enumerate(np.atleast_2d(np.asarray(y).T)):
        ax.plot(x, curve, label=label if i == 0 else None, **style)
