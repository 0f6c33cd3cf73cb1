"""Tests of chapters/data/works.csv: every work has its row, its place and its entry."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import numpy as np
import pytest

from dlnlib.book import table
from ledger.page import cited, places

ROOT = Path(__file__).resolve().parents[1]
WORKS = table(ROOT / "chapters" / "data" / "works.csv")
ENTRIES = dict(
    re.findall(r"@\w+\{([\w-]+),(.*?)\n\}", (ROOT / "references.bib").read_text("utf8"), re.S)
)
IDEAS = {
    "saddles and plateaus": "built-saddles",
    "conserved quantities": "built-conserved",
    "spectral bias": "built-spectral-bias",
    "large steps and noise": "built-noise",
    "starts and isometry": "built-isometry",
    "recurrent networks": "built-recurrent",
    "optimisers and kernels": "built-optimisers",
    "generative models and brains": "built-energies",
}
LINES = {"one line: learning", "one line: applications"}
# Of these the list that we had gives the subject only.
UNKNOWN = {"unidentified-mpo", "unidentified-spin"}


def test_there_are_forty_two_works_each_once_and_every_field_is_filled():
    assert len(WORKS) == 42 and len(set(WORKS["key"])) == 42 and len(set(WORKS["title"])) == 42
    for work in WORKS:
        assert all(str(field).strip() == str(field) != "" for field in work), work["key"]
        assert work["relation"].endswith("."), work["key"]
        assert "|" not in work["relation"]


def test_what_is_executed_is_counted():
    kinds, counts = np.unique(WORKS["done"], return_counts=True)
    assert dict(zip(kinds, counts, strict=True)) == {"executed": 18, "stand-in": 8, "line only": 16}


def test_works_of_an_idea_stand_together_and_all_ideas_are_known():
    order = WORKS["group"]
    assert set(order) == set(IDEAS) | LINES
    assert 1 + np.count_nonzero(order[1:] != order[:-1]) == len(IDEAS) + len(LINES)
    for work in WORKS:
        only = work["done"] == "line only"
        assert only == (work["group"] in LINES) == (work["extends"] == "none"), work["key"]


@pytest.mark.parametrize("work", WORKS, ids=WORKS["key"])
def test_a_work_has_its_entry_in_the_bibliography(work):
    key, number = work["key"], work["arxiv"]
    assert (key in ENTRIES) == (number != "not known") == (key not in UNKNOWN)
    if key in UNKNOWN:
        assert work["authors"] == "not known"
        return
    assert f"url    = {{https://arxiv.org/abs/{number}}}" in ENTRIES[key]
    # The key, which rows of the ledger show, is the first author's name and the year.
    family = work["authors"].split()[0]
    assert f"author = {{{family}, " in ENTRIES[key]
    assert cited(key) == f"{family} 20{number[:2]}"


@pytest.mark.parametrize("label", sorted({*WORKS["place"], *IDEAS.values()}))
def test_its_place_is_a_label_of_a_chapter(label):
    assert label in places(ROOT / "chapters")


def test_a_work_is_treated_in_the_chapter_of_its_idea():
    found = places(ROOT / "chapters")
    for work in WORKS:
        if work["group"] in IDEAS:
            assert work["place"] == f"built-{work['key']}"
            chapter = IDEAS[work["group"]]
            assert found[work["place"]].partition("#")[0] == f"{chapter}.html", work["key"]
        else:
            assert work["place"] == "built"


def test_places_of_the_paper_exist():
    pytest.importorskip("sphinx")
    sys.path.insert(0, str(ROOT / "_ext"))
    from paper_places import PLACES

    assert set(WORKS["extends"]) - {"none"} <= set(PLACES)


def test_the_front_page_lists_the_chapters_in_the_order_of_the_table():
    page = (ROOT / "chapters" / "built.md").read_text("utf8")
    rows = re.findall(r"^\| ([\w ]+) \| .*\? \| \{ref\}`([\w-]+)` \|$", page, re.M)
    assert rows == list(IDEAS.items())
    assert list(dict.fromkeys(WORKS["group"]))[: len(IDEAS)] == list(IDEAS)
