"""Read the points of the paper's vector drawings anew, as chapters/data/printed holds them.

    python tools/read_figures.py PAPER.pdf [--output FOLDER]

PAPER.pdf is arXiv:1312.6120v3, which is no part of this project. A table is written for each
panel but those of Fig. 6, which is an image. pypdf is needed, and no requirement of this
project: `pip install pypdf`.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

PRINTED = Path(__file__).resolve().parents[1] / "chapters" / "data" / "printed"
# Vertices lie on a grid of 1/12 pt or, in Figs 7 and 8, of 1/73 in; files count tenths of pt.
FINE, COARSE = 10 / 12, 720 / 73
# MATLAB rounds a vertex to the grid towards the left and the top: to the middle of its cell.
MIDDLE = np.array([0.5, -0.5])
# Six digits of a coordinate, in epochs or layers.
ROUNDING = 0.01
WHITE, BLACK, RED, GREEN, BLUE = (1.0,), (0.0,), (1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)
DARK_BLUE = (0.0, 0.0, 0.5625)
MODES = (1, 2, 3, 5, 12, 18, 31)
RATES = 10 ** (-4 - 3 * np.arange(20) / 19)
# The last ticks of both axes of Fig. 7: a column of panels for each variance, top to bottom.
GAINS, VARIANCES = (0.9, 0.95, 1, 1.05, 1.1), (0.2, 1, 4)
LAST_VALUES = [3e-5, 6e-3, 0.4, 2, 6, 3e-5, 4e-3, 0.4, 1.5, 4, 3e-5, 4e-3, 0.4, 1.5, 3]
LAST_COUNTS = [100, 60, 40, 100, 400, 40, 40, 40, 100, 400, 40, 30, 40, 150, 600]

Array = NDArray[Any]
Rows = Iterator[tuple[Any, ...]]


class Stroke(NamedTuple):
    """A painted path: along it by the operator S, within it by f or f*."""

    operator: str
    colour: tuple[float, ...]
    points: Array


def embedded(pdf: Path) -> dict[str, Any]:
    """Return the drawings inside the paper, by the names of the files they were."""
    try:
        from pypdf import PdfReader
    except ImportError:
        raise SystemExit("reading a PDF needs pypdf: pip install pypdf") from None
    pages = [page["/Resources"].get("/XObject", {}) for page in PdfReader(pdf).pages]
    forms = [reference.get_object() for page in pages for reference in page.values()]
    found = {Path(form.get("/PTEX.FileName", "")).stem: form for form in forms}
    missing = {drawing for _, drawing, _ in TABLES.values()} - found.keys()
    if missing:
        raise SystemExit(f"{pdf} is not arXiv:1312.6120v3: it lacks {', '.join(sorted(missing))}")
    return found


def strokes(form: Any, step: float = FINE) -> list[Stroke]:
    """Return what a drawing paints, in steps of its grid."""
    from pypdf.generic import ContentStream

    painted, points, stack = [], [], []
    line = fill = BLACK
    for operands, name in ContentStream(form, None).operations:
        operator = name.decode()
        if operator == "q":
            stack.append((line, fill))
        elif operator == "Q":
            line, fill = stack.pop()
        elif operator in ("G", "RG"):
            line = tuple(map(float, operands))
        elif operator in ("g", "rg"):
            fill = tuple(map(float, operands))
        elif operator in ("m", "l", "c"):
            points.append([float(x) for x in operands[-2:]])
        elif operator == "re":
            x, y, width, height = map(float, operands)
            points += [[x, y], [x + width, y + height]]
        elif operator in ("S", "f", "f*", "n"):
            colour = line if operator == "S" else fill
            painted.append(Stroke(operator, colour, np.array(points) / step))
            points = []
    return painted


def of(painted: list[Stroke], operator: str, colour: tuple[float, ...]) -> list[Array]:
    """Return the points of the paths of one kind."""
    return [s.points for s in painted if (s.operator, s.colour) == (operator, colour)]


def segments(painted: list[Stroke], colour: tuple[float, ...], along: int) -> list[Array]:
    """Return the ends, in order, of lines along an axis: ticks and error bars."""
    lines = [np.sort(p, axis=0).round() for p in of(painted, "S", colour) if len(p) == 2]
    return [p for p in lines if p[0, along] < p[1, along] and p[0, 1 - along] == p[1, 1 - along]]


def boxes(painted: list[Stroke]) -> list[Array]:
    """Return the corners, lower left and upper right, of each pair of axes."""
    corners = [points for points in of(painted, "S", WHITE) if len(points) == 5]
    return [np.sort(points[[0, 2]], axis=0).round() for points in corners]


def curves(painted: list[Stroke], colour: tuple[float, ...]) -> list[Array]:
    """Return the curves of a colour: each is drawn in pieces, the last piece first."""
    joined: list[Array] = []
    for points in map(np.round, of(painted, "S", colour)):
        if joined and np.array_equal(points[-1], joined[-1][0]):
            joined[-1] = np.concatenate([points[:-1], joined[-1]])
        else:
            joined.append(points)
    # What is shorter is a tick, an error bar or a line of the legend.
    return [points for points in joined if len(points) > 12]


def dots(painted: list[Stroke], colour: tuple[float, ...]) -> Array:
    """Return the centres of the discs of a colour."""
    return np.round([(p.min(axis=0) + p.max(axis=0)) / 2 for p in of(painted, "f", colour)])


def scaled(points: Array, box: Array, low: Any, high: Any) -> Array:
    """Return data, from those at the corners of the axes."""
    return low + (points - box[0]) / (box[1] - box[0]) * np.subtract(high, low)


def figure_2(form: Any) -> Rows:
    """Trajectories, and the hyperbola where they end."""
    painted = strokes(form)
    # Each is drawn five times over.
    trajectories, manifold = (curves(painted, colour)[:2] for colour in (GREEN, RED))
    kinds = ("trajectory 1", "trajectory 2", "manifold lower", "manifold upper")
    # This drawing rounds to the nearest: all ticks, and the hyperbola ab = 1, lie where they
    # should if the axes begin and end half a step further inside.
    box = boxes(painted)[0] + [[0.5], [-0.5]]
    for kind, points in zip(kinds, trajectories + manifold, strict=True):
        for a, b in scaled(points, box, -2, 2):
            yield kind, a, b


def courses(box: Array, high: tuple[float, float], points: Array, bottom: float = 0) -> Rows:
    """Return epochs, which are whole, and what is drawn against them."""
    epochs = scaled(points, box, (0, bottom), high)[:, 0]
    heights = scaled(points + MIDDLE, box, (0, bottom), high)[:, 1]
    yield from zip(np.ceil(epochs - ROUNDING), heights, strict=True)


def figure_3_left(form: Any) -> Rows:
    """Strengths of seven modes."""
    painted = strokes(form)
    (box,) = boxes(painted)
    # All ticks round to where they are drawn at 397.13 steps to 20; the box gives 397.33.
    box[1, 1] = box[0, 1] + 397.13 * 90 / 20
    for name, colour in (("analytic", RED), ("linear", BLUE), ("tanh", GREEN)):
        for mode, points in zip(MODES, curves(painted, colour), strict=True):
            for epoch, strength in courses(box, (1300, 90), points):
                yield mode, name, epoch, strength


def figure_3_right(form: Any) -> Rows:
    """Delays of half-learning times."""
    painted = strokes(form)
    place = partial(scaled, box=boxes(painted)[0], low=(0, -0.1), high=(32, 0.6))
    for name, colour in (("linear", BLUE), ("tanh", GREEN)):
        means = place(curves(painted, colour)[0])[:, 1]
        bars = segments(painted, colour, along=1)
        for k, (mean, bar) in enumerate(zip(means, bars, strict=True), start=1):
            lower, upper = place(bar)[:, 1]
            yield name, k, mean, (upper - lower) / 2, lower, upper


def figure_4(form: Any) -> Rows:
    """Learning times and best rates on the grid, or between the bounds that a step leaves."""
    painted = strokes(form)
    (left, right), points = boxes(painted), dots(painted, BLUE)
    times = scaled(points[:15], left, 0, (100, 250))
    bounds = [scaled(points[15:] + y, right, 0, (100, 1.2e-4))[:, 1] for y in (-1, 0)]
    for (layers, epochs), low, high in zip(times, *bounds, strict=True):
        k = next((k for k, rate in enumerate(RATES) if low <= rate <= high), -1)
        rate = (low + high) / 2 if k < 0 else RATES[k]
        yield np.ceil(layers - ROUNDING), np.floor(epochs + ROUNDING), low, high, rate, k


def figure_5_matrix(form: Any, image: str, bar: int, step: float, first: int) -> Rows:
    """Levels of colour; a bar has its ticks at multiples of a step from the first."""
    painted = strokes(form)
    box = boxes(painted)[bar]
    lines = [p for p in segments(painted, BLACK, along=0) if p[0, 0] == box[0, 0]]
    ticks = sorted(p[0, 1] for p in lines if p[1, 0] < box[1, 0])
    values = step * (first + np.arange(len(ticks)))
    low, high = np.polynomial.Polynomial.fit(ticks, values, 1)(box[:, 1])
    pixels = form["/Resources"]["/XObject"][image].get_object().get_data()
    cells = np.frombuffer(pixels, np.uint8).reshape(10, 100, 10, 100, 3)[:, 50, :, 50]
    # MATLAB's jet in 64 levels: a trapezium for each of red, green and blue.
    jet = [np.clip(1.5 - abs(np.arange(1, 65) - peak) / 16, 0, 1) for peak in (48, 32, 16)]
    distance = abs(cells[:, :, None] - 255 * np.transpose(jet)).sum(axis=-1)
    for (row, column), level in np.ndenumerate(distance.argmin(axis=-1)):
        yield row + 1, column + 1, level + 1, low + (high - low) * (level + 0.5) / 64


def figure_5_right(form: Any) -> Rows:
    """Errors from two starts."""
    painted = strokes(form)
    for name, colour in (("random", BLACK), ("pretrained", RED)):
        (points,) = curves(painted, colour)
        for epoch, error in courses(boxes(painted)[0], (500, 3e4), points, bottom=1e4):
            yield name, epoch, error


def figure_7(form: Any) -> Rows:
    """Histograms of 40 equal bins."""
    painted = strokes(form, COARSE)
    bars = np.round(of(painted, "f*", DARK_BLUE)).reshape(3, 5, 40, 2, 2)
    axes = np.reshape(boxes(painted), (3, 5, 2, 2))
    tops = np.transpose([LAST_VALUES, LAST_COUNTS]).reshape(3, 5, 2)
    for (i, g), (j, q) in ((a, b) for a in enumerate(GAINS) for b in enumerate(VARIANCES)):
        width, height = tops[j, i] / np.ptp(axes[j, i], axis=0)
        ends = bars[j, i, [0, -1], [0, 1], 0] - axes[j, i, 0, 0]
        edges = width * np.linspace(*np.where(ends > 0, ends + 0.5, 0), 41)
        steps = bars[j, i, :, 1, 1] - axes[j, i, 0, 1]
        counts = np.maximum(np.round((steps - 0.5) * height), 0)
        error = 0 if height < 1 else np.ceil(height / 2)
        for k, count in enumerate(counts):
            yield g, q, k + 1, edges[k], edges[k + 1], width, count, error


def figure_8_left(form: Any) -> Rows:
    """The variance map."""
    painted = strokes(form, COARSE)
    (points,) = curves(painted, BLUE)
    yield from map(tuple, scaled(points + MIDDLE, boxes(painted)[0], 0, (2, 0.8)))


def figure_8_right(form: Any) -> Rows:
    """Its fixed points."""
    painted = strokes(form, COARSE)
    place = partial(scaled, box=boxes(painted)[1], low=0, high=(1.8, 2))
    (points,) = curves(painted, RED)
    yield from (("theory", f"{g:.4f}", q) for g, q in place(points + MIDDLE))
    for g, q in place(dots(painted, BLUE) + MIDDLE):
        yield "simulation", f"{g:.1f}", max(q, 0)


MATRIX_LEFT = partial(figure_5_matrix, image="/R9", bar=3, step=2000, first=1)
MATRIX_CENTRE = partial(figure_5_matrix, image="/R10", bar=5, step=5e5, first=0)
TABLES = {
    "fig2": (figure_2, "vector_field", "%s,%.4f,%.4f"),
    "fig3_left": (figure_3_left, "mode_strength_trajectory_three_layer", "%d,%s,%d,%.4f"),
    "fig3_right": (figure_3_right, "fractional_delay", "%s,%d,%.4f,%.4f,%.4f,%.4f"),
    "fig4": (figure_4, "mnist_depth_dependence", "%d,%d,%.4e,%.4e,%.4e,%d"),
    "fig5_left": (MATRIX_LEFT, "mnist_pretrain_fig", "%d,%d,%d,%.0f"),
    "fig5_centre": (MATRIX_CENTRE, "mnist_pretrain_fig", "%d,%d,%d,%.0f"),
    "fig5_right": (figure_5_right, "mnist_pretrain_fig", "%s,%d,%.0f"),
    "fig7": (figure_7, "FigNonSingVal", "%g,%g,%d,%.5g,%.5g,%.2g,%d,%d"),
    "fig8_left": (figure_8_left, "FigNLmft", "%.4f,%.4f"),
    "fig8_right": (figure_8_right, "FigNLmft", "%s,%s,%.4f"),
}


def head(table: str) -> list[str]:
    """Return the comments and the names of a table in chapters/data/printed."""
    lines = (PRINTED / f"{table}.csv").read_text("utf8").splitlines()
    n_comments = sum(line.startswith("#") for line in lines)
    return lines[: n_comments + 1]


def write(pdf: Path, folder: Path) -> None:
    """Write the tables."""
    forms = embedded(pdf)
    for table, (rows, drawing, layout) in TABLES.items():
        lines = [*head(table), *(layout % row for row in rows(forms[drawing]))]
        (folder / f"{table}.csv").write_text("\n".join(lines) + "\n", "utf8")


def main() -> None:
    """Read the arguments."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pdf", type=Path)
    parser.add_argument("--output", default=PRINTED, type=Path)
    arguments = parser.parse_args()
    arguments.output.mkdir(parents=True, exist_ok=True)
    write(arguments.pdf, arguments.output)
    print(f"{arguments.output}: {len(TABLES)} tables")


if __name__ == "__main__":
    main()
