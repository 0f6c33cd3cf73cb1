"""Tests of dlnlib.book."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dlnlib.book import table


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
