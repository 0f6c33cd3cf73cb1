"""Read the points of the paper's vector drawings anew, as chapters/data/printed holds them.

    python tools/read_figures.py PAPER.pdf [--output FOLDER]

PAPER.pdf is arXiv:1312.6120v3, which is no part of this project. A table is written for each
panel but those of Fig. 6, which is an image. pypdf is needed, and no requirement of this
project: `pip install pypdf`.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

PRINTED = Path(__file__).resolve().parents[1] / "chapters" / "data" / "printed"
# The two grids that vertices lie on, 1/12 pt and 1/73 in, in the drawings' tenths of a point.
FINE, COARSE = 10 / 12, 720 / 73
WHITE, BLACK, RED, GREEN, BLUE = (1.0,), (0.0,), (1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)
DARK_BLUE = (0.0, 0.0, 0.5625)
# Coordinates have six digits: grid positions are known to this part of an epoch or layer.
SLACK = 0.01
MODES = (1, 2, 3, 5, 12, 18, 31)
RATES = 10 ** (-4 - 3 * np.arange(20) / 19)
# Fig. 7 in the order of its panels: gain, variance, and the last ticks of both axes.
HISTOGRAMS = [
    *[(0.9, 0.2, 3e-5, 100), (0.95, 0.2, 6e-3, 60), (1, 0.2, 0.4, 40)],
    *[(1.05, 0.2, 2, 100), (1.1, 0.2, 6, 400)],
    *[(0.9, 1, 3e-5, 40), (0.95, 1, 4e-3, 40), (1, 1, 0.4, 40), (1.05, 1, 1.5, 100)],
    *[(1.1, 1, 4, 400), (0.9, 4, 3e-5, 40), (0.95, 4, 4e-3, 30), (1, 4, 0.4, 40)],
    *[(1.05, 4, 1.5, 150), (1.1, 4, 3, 600)],
]

Array = NDArray[Any]
Row = tuple[Any, ...]


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
    names = [Path(form.get("/PTEX.FileName", "")).stem for form in forms]
    return dict(zip(names, forms, strict=True))


def strokes(form: Any) -> list[Stroke]:
    """Return what a drawing paints, in its own coordinates."""
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
            painted.append(Stroke(operator, line if operator == "S" else fill, np.array(points)))
            points = []
    return painted


def of(painted: Iterable[Stroke], operator: str, colour: tuple[float, ...]) -> list[Array]:
    """Return the points of the paths of one kind."""
    return [s.points for s in painted if (s.operator, s.colour) == (operator, colour)]


def boxes(painted: list[Stroke]) -> list[Array]:
    """Return the corners, lower left and upper right, of each pair of axes."""
    corners = [points for points in of(painted, "S", WHITE) if len(points) == 5]
    return [np.sort([points[0], points[2]], axis=0) for points in corners]


def curves(painted: list[Stroke], colour: tuple[float, ...]) -> list[Array]:
    """Return the curves of a colour: each is drawn in pieces, the last piece first."""
    joined: list[Array] = []
    for points in of(painted, "S", colour):
        if joined and abs(points[-1] - joined[-1][0]).max() < 0.1 * FINE:
            joined[-1] = np.concatenate([points[:-1], joined[-1]])
        else:
            joined.append(points)
    # What is shorter is a tick, an error bar or a line of the legend.
    return [points for points in joined if len(points) > 12]


def dots(painted: list[Stroke], colour: tuple[float, ...]) -> Array:
    """Return the centres of the discs of a colour."""
    return np.array([(p.min(axis=0) + p.max(axis=0)) / 2 for p in of(painted, "f", colour)])


def scaled(points: Array, box: Array, low: Any, high: Any, shift: Any = 0) -> Array:
    """Return data, from those at the box's corners and a shift of the points."""
    return low + (points + shift - box[0]) / (box[1] - box[0]) * np.subtract(high, low)


# Axes to the right and upwards: MATLAB rounds a vertex towards the left and the top.
CENTRE = np.array([0.5, -0.5])


def figure_2(form: Any) -> Iterator[Row]:
    painted = strokes(form)
    # Each is drawn five times over.
    manifold, trajectories = (curves(painted, colour)[:2] for colour in (RED, GREEN))
    names = ("manifold lower", "manifold upper", "trajectory 1", "trajectory 2")
    for name, points in zip(names, manifold + trajectories, strict=True):
        # No shift: this drawing alone rounds to the nearest step, as the hyperbola shows.
        for a, b in scaled(points, boxes(painted)[0], -2, 2):
            yield name, a, b


def figure_3_left(form: Any) -> Iterator[Row]:
    painted = strokes(form)
    box = boxes(painted)[0]
    # The ticks round to where they are drawn at 397.13 steps to 20, and not at the box's 397.33.
    box[1, 1] = box[0, 1] + 397.13 * FINE / 20 * 90
    for name, colour in (("analytic", RED), ("linear", BLUE), ("tanh", GREEN)):
        for mode, points in zip(MODES, curves(painted, colour), strict=True):
            epochs = np.ceil(scaled(points, box, 0, (1300, 90))[:, 0] - SLACK)
            strengths = scaled(points, box, 0, (1300, 90), CENTRE * FINE)[:, 1]
            for epoch, strength in zip(epochs, strengths, strict=True):
                yield mode, name, epoch, strength


def figure_3_right(form: Any) -> Iterator[Row]:
    painted = strokes(form)
    box, low, high = boxes(painted)[0], (0, -0.1), (32, 0.6)
    for name, colour in (("linear", BLUE), ("tanh", GREEN)):
        means = scaled(curves(painted, colour)[0], box, low, high)[:, 1]
        bars = [p for p in of(painted, "S", colour) if len(p) == 2 and np.ptp(p[:, 0]) < SLACK]
        for k, (mean, bar) in enumerate(zip(means, bars, strict=True), start=1):
            lower, upper = np.sort(scaled(bar, box, low, high)[:, 1])
            yield name, k, mean, (upper - lower) / 2, lower, upper


def figure_4(form: Any) -> Iterator[Row]:
    painted = strokes(form)
    (left, right), points = boxes(painted)[:2], dots(painted, BLUE)
    times = scaled(points[:15], left, 0, (100, 250))
    bounds = [scaled(points[15:], right, 0, (100, 1.2e-4), (0, y))[:, 1] for y in (-FINE, 0)]
    for (layers, epochs), lowest, highest in zip(times, *bounds, strict=True):
        inside = np.flatnonzero((lowest <= RATES) & (highest >= RATES))
        rate = RATES[inside[0]] if len(inside) else (lowest + highest) / 2
        index = inside[0] if len(inside) else -1
        layers, epochs = np.ceil(layers - SLACK), np.floor(epochs + SLACK)
        yield layers, epochs, lowest, highest, rate, index


def bar_limits(bar: Array, painted: list[Stroke], step: float, first: int) -> Array:
    """Return the ends of a colour bar whose ticks are the multiples of a step from the first."""
    black = [points for points in of(painted, "S", BLACK) if len(points) == 2]
    inwards = [p for p in black if abs(p[0] - p[1])[1] < SLACK and p[0, 0] == bar[0, 0]]
    ticks = sorted({p[0, 1] for p in inwards if 0.1 < p[1, 0] - p[0, 0] < np.ptp(bar[:, 0]) / 2})
    value_of = np.polynomial.Polynomial.fit(ticks, step * (first + np.arange(len(ticks))), 1)
    return value_of(bar[:, 1])


def colour_levels(form: Any, image: str, bar: int, step: float, first: int) -> Iterator[Row]:
    painted = strokes(form)
    low, high = bar_limits(boxes(painted)[bar], painted, step, first)
    pixels = form["/Resources"]["/XObject"][image].get_object().get_data()
    cells = np.frombuffer(pixels, np.uint8).reshape(10, 100, 10, 100, 3)[:, 50, :, 50]
    # MATLAB's jet in 64 levels: a trapezium for each of red, green and blue.
    level = np.arange(1, 65)
    jet = [np.clip(1.5 - abs(level - centre) / 16, 0, 1) for centre in (48, 32, 16)]
    distance = abs(cells[:, :, None] - 255 * np.transpose(jet)).sum(axis=-1)
    for (row, column), index in np.ndenumerate(distance.argmin(axis=-1)):
        yield row + 1, column + 1, index + 1, low + (high - low) * (index + 0.5) / 64


def figure_5_left(form: Any) -> Iterator[Row]:
    return colour_levels(form, "/R9", bar=3, step=2000, first=1)


def figure_5_centre(form: Any) -> Iterator[Row]:
    return colour_levels(form, "/R10", bar=5, step=5e5, first=0)


def figure_5_right(form: Any) -> Iterator[Row]:
    painted = strokes(form)
    box, low, high = boxes(painted)[0], (0, 1e4), (500, 3e4)
    for name, colour in (("random", BLACK), ("pretrained", RED)):
        (points,) = curves(painted, colour)
        epochs = np.ceil(scaled(points, box, low, high)[:, 0] - SLACK)
        errors = scaled(points, box, low, high, CENTRE * FINE)[:, 1]
        for epoch, error in zip(epochs, errors, strict=True):
            yield name, epoch, error


def figure_7(form: Any) -> Iterator[Row]:
    painted = strokes(form)
    rectangles = np.split(np.array(of(painted, "f*", DARK_BLUE)), len(HISTOGRAMS))
    panels = zip(HISTOGRAMS, rectangles, boxes(painted), strict=True)
    for (g, q, *tops), bars, box in sorted(panels, key=lambda panel: panel[0][:2]):
        x_step, step = COARSE / (box[1] - box[0]) * tops
        ends = bars[[0, -1], [0, 1], 0]
        ends = ends + np.where(ends > box[0, 0], COARSE / 2, 0)
        edges = np.linspace(*scaled(ends[:, None], box[:, :1], 0, tops[0]).ravel(), 41)
        heights = (bars[:, 1, 1] - box[0, 1]) / COARSE * step
        counts = np.maximum(np.round(heights - step / 2), 0)
        error = 0 if step < 1 else np.ceil(step / 2)
        for k, count in enumerate(counts):
            yield g, q, k + 1, edges[k], edges[k + 1], x_step, count, error


def figure_8_left(form: Any) -> Iterator[Row]:
    painted = strokes(form)
    (points,) = curves(painted, BLUE)
    yield from map(tuple, scaled(points, boxes(painted)[0], 0, (2, 0.8), CENTRE * COARSE))


def figure_8_right(form: Any) -> Iterator[Row]:
    painted = strokes(form)
    box, high = boxes(painted)[1], (1.8, 2)
    (points,) = curves(painted, RED)
    for g, q in scaled(points, box, 0, high, CENTRE * COARSE):
        yield "theory", f"{g:.4f}", q
    for g, q in scaled(dots(painted, BLUE), box, 0, high, CENTRE * COARSE):
        yield "simulation", f"{g:.1f}", max(q, 0)


# Of each table its drawing, the form of its rows, its names and its reader.
TABLES = {
    "fig2": ("vector_field", "%s,%.4f,%.4f", "kind,a,b", figure_2),
    "fig3_left": (
        "mode_strength_trajectory_three_layer",
        "%d,%s,%d,%.4f",
        "mode,curve,epoch,strength",
        figure_3_left,
    ),
    "fig3_right": (
        "fractional_delay",
        "%s,%d,%.4f,%.4f,%.4f,%.4f",
        "curve,mode,mean,sd,lower,upper",
        figure_3_right,
    ),
    "fig4": (
        "mnist_depth_dependence",
        "%d,%d,%.4e,%.4e,%.4e,%d",
        "n_layers,epochs,rate_low,rate_high,rate,grid_index",
        figure_4,
    ),
    "fig5_left": (
        "mnist_pretrain_fig",
        "%d,%d,%d,%.0f",
        "row,col,colour_index,value",
        figure_5_left,
    ),
    "fig5_centre": (
        "mnist_pretrain_fig",
        "%d,%d,%d,%.0f",
        "row,col,colour_index,value",
        figure_5_centre,
    ),
    "fig5_right": ("mnist_pretrain_fig", "%s,%d,%.0f", "curve,epoch,error", figure_5_right),
    "fig7": (
        "FigNonSingVal",
        "%g,%g,%d,%.5g,%.5g,%.2g,%d,%d",
        "g,q,bin,edge_low,edge_high,xres,count,count_err",
        figure_7,
    ),
    "fig8_left": ("FigNLmft", "%.4f,%.4f", "q_in,q_out", figure_8_left),
    "fig8_right": ("FigNLmft", "%s,%s,%.4f", "kind,g,q", figure_8_right),
}


def read(pdf: Path) -> dict[str, list[str]]:
    """Return the lines of each table, its names in the first."""
    forms = embedded(pdf)
    return {
        table: [names, *(form % row for row in reader(forms[drawing]))]
        for table, (drawing, form, names, reader) in TABLES.items()
    }


def comments(table: str) -> list[str]:
    """Return the lines that explain a table's columns in chapters/data/printed."""
    lines = (PRINTED / f"{table}.csv").read_text("utf8").splitlines()
    return [line for line in lines if line.startswith("#")]


def main() -> None:
    """Write the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pdf", type=Path)
    parser.add_argument("--output", default=PRINTED, type=Path)
    arguments = parser.parse_args()
    arguments.output.mkdir(parents=True, exist_ok=True)
    for table, lines in read(arguments.pdf).items():
        path = arguments.output / f"{table}.csv"
        path.write_text("\n".join([*comments(table), *lines, ""]), "utf8")
        print(f"{path}: {len(lines) - 1} rows")


if __name__ == "__main__":
    main()
