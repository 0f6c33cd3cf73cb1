"""Tests of dlnlib.book."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest

from dlnlib import _figures
from dlnlib.book import rows, spell, table


def write(folder: Path, text: str) -> Path:
    path = folder / "table.csv"
    path.write_text(text, "utf8")
    return path


def test_columns_are_integers_floats_or_text(tmp_path):
    found = table(write(tmp_path, "# a comment\nn,t,k\n3,1.5,5\n5,inf,6-7\n"))
    assert found.dtype.names == ("n", "t", "k")
    assert found["n"].dtype == np.int64 and found["n"].tolist() == [3, 5]
    assert found["t"].tolist() == [1.5, np.inf]
    assert found["k"].tolist() == ["5", "6-7"]


def test_one_row_is_a_table_too(tmp_path):
    assert table(write(tmp_path, "n\n3\n")).shape == (1,)


def test_a_row_that_is_too_short_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"rows of 2 columns, \['n', 't'\], got \['5'\]"):
        table(write(tmp_path, "n,t\n3,1\n5\n"))


@pytest.mark.parametrize(
    "path",
    sorted((Path(__file__).parents[1] / "chapters" / "data").rglob("*.csv")),
    ids=lambda p: p.stem,
)
def test_every_table_of_the_book_can_be_read(path):
    found = table(path)
    assert len(found) > 1 and len(found.dtype.names) > 1


def drawn(fig):
    """Return what a figure draws, as rows of the file that a reader takes away."""
    return list(csv.DictReader(io.StringIO(_figures.numbers(fig))))


def test_a_figure_gives_away_all_points_that_it_draws():
    fig, (left, right) = plt.subplots(1, 2)
    left.plot([0, 1], [2.5, 3], label="a curve")
    left.axhline(1)  # spans the panel, and is no data
    left.set_title("first")
    right.scatter([4], [5], c=[6])
    right.bar([7], [8])
    right.plot([9], [1.234567], "o", label="dots")
    found = [
        (r["panel"], r["drawn as"], r["series"], r["x"], r["y"], r["value"]) for r in drawn(fig)
    ]
    assert found == [
        ("first", "line", "a curve", "0", "2.5", ""),
        ("first", "line", "a curve", "1", "3", ""),
        ("2", "markers", "dots", "9", "1.234567", ""),
        ("2", "markers", "", "4", "5", "6"),
        ("2", "bars", "", "7", "8", ""),
    ]


def test_images_meshes_and_bands_are_given_away_where_they_are_drawn():
    fig, (image, mesh, band) = plt.subplots(1, 3)
    image.imshow([[1, 2, 3], [4, 5, 6]])
    mesh.pcolormesh([0, 2, 4], [0, 1], [[7, 8]])
    band.fill_between([0, 1], [0, 0], [2, 3], label="a band")
    found = [(r["drawn as"], r["x"], r["y"], r["value"]) for r in drawn(fig)]
    assert found[:6] == [
        ("image", str(x), str(y), str(1 + x + 3 * y)) for y in range(2) for x in range(3)
    ]
    assert found[6:8] == [("mesh", "1", "0.5", "7"), ("mesh", "3", "0.5", "8")]
    corners = {(x, y) for kind, x, y, _ in found[8:] if kind == "outline"}
    assert corners == {("0", "0"), ("0", "2"), ("1", "0"), ("1", "3")}
    assert {r["series"] for r in drawn(fig)[8:]} == {"a band"}


@pytest.mark.parametrize(("columns", "places"), [(1, [(0, 0), (1, 0)]), (2, [(0, 0), (0, 1)])])
def test_panels_are_stacked_and_labelled_alone(columns, places):
    fig, axes = plt.subplots(1, 2, sharey=True, layout="constrained")
    axes[0].set_ylabel("error")
    _figures.stack(fig, columns)
    assert fig.get_size_inches()[0] == _figures.NARROW
    specs = [ax.get_subplotspec() for ax in axes]
    assert [(s.rowspan.start, s.colspan.start) for s in specs] == places
    fig.canvas.draw()
    assert axes[1].get_ylabel() == "error"
    assert all(label.get_visible() for label in axes[1].get_yticklabels())


def test_a_narrow_figure_keeps_twins_together_and_wide_panels_high():
    fig, (wide, high) = plt.subplots(2, 1, figsize=(7.2, 4), layout="constrained")
    twin = wide.twinx()
    _figures.stack(fig, 1)
    specs = [ax.get_subplotspec() for ax in (wide, twin, high)]
    assert len({id(spec.get_gridspec()) for spec in specs}) == 1
    assert [spec.rowspan.start for spec in specs] == [0, 0, 1]
    fig.canvas.draw()
    boxes = [ax.get_window_extent() for ax in (wide, high)]
    assert all(box.height > 0.4 * box.width for box in boxes)


@pytest.mark.parametrize(("names", "columns"), [(["a", "b"], 2), (["a", "b " * 15], 1)])
def test_a_legend_of_a_narrow_figure_has_room_above_its_panels(names, columns):
    fig, ax = plt.subplots(figsize=(7.2, 2), layout="constrained")
    lines = ax.plot([0, 1], [[0, 1], [1, 0]])
    fig.legend(lines, names, loc="outside upper center", ncols=2)
    bare, other = plt.subplots(figsize=(7.2, 2), layout="constrained")
    other.plot([0, 1], [[0, 1], [1, 0]])
    for each in (fig, bare):
        _figures.stack(each, 1)
        each.canvas.draw()
    (legend,) = fig.legends
    left = {round(text.get_window_extent().x0) for text in legend.get_texts()}
    assert len(left) == columns
    assert legend.get_window_extent().y0 >= ax.get_window_extent().y1
    assert fig.get_size_inches()[1] > bare.get_size_inches()[1]
    assert len(ax.get_xticks()) <= 6
    box = legend.get_window_extent()
    assert box.x0 >= 0 and box.x1 <= fig.bbox.width


def test_letters_are_drawn_so_that_they_look_the_same_anywhere():
    fig = plt.figure()
    fig.gca().set_title("words")
    assert "<text" not in _figures.svg(fig) and "<!-- words -->" in _figures.svg(fig)


def test_the_same_figure_is_the_same_file():
    fig = plt.figure()
    fig.gca().plot([0, 1], [0, 1])
    assert _figures.svg(fig) == _figures.svg(fig)
    assert _figures.svg(fig).startswith("<svg")


def test_columns_of_unequal_length_are_refused():
    with pytest.raises(ValueError, match=r"one length, got \{'n': 2, 't': 1\}"):
        rows({"n": [1, 2], "t": [3]}, "d")


@pytest.mark.parametrize(
    ("written", "spelled"),
    [("-0.82", "−0.82"), ("3e-08", "3·10⁻⁸"), ("-1e+12", "−10¹²"), ("2.50e+01", "25.0")],
)
def test_numbers_are_spelled_as_people_write_them(written, spelled):
    assert spell(written) == spelled
