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
    found = [
        (r["panel"], r["drawn as"], r["series"], r["x"], r["y"], r["value"]) for r in drawn(fig)
    ]
    assert found == [
        ("first", "line", "a curve", "0", "2.5", ""),
        ("first", "line", "a curve", "1", "3", ""),
        ("2", "markers", "", "4", "5", "6"),
        ("2", "bars", "", "7", "8", ""),
    ]


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
