"""The figures of the site: dark variants, and what a reader may take away."""

import re
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import nbformat
import pytest

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "_ext"), str(ROOT / "tools")]

import figures  # noqa: E402

from dlnlib import _figures, plotting  # noqa: E402
from dlnlib.book import NARROW  # noqa: E402


def luminance(colour):
    """Return the relative luminance of the web accessibility guidelines."""
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return sum(w * c for w, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def dark(colour):
    """Return what a colour of a line becomes."""
    return re.search("stroke: (#.{6})", figures.darkened(f'<svg style="stroke: {colour}"/>'))[1]


def test_colours_of_the_book_stand_out_from_a_dark_page_and_keep_their_hue():
    page = luminance(dark("#ffffff"))
    for name in ("THEORY", "LINEAR", "TANH", "NEUTRAL", "PRINTED"):
        found = dark(getattr(plotting, name).lower())
        assert (luminance(found) + 0.05) / (page + 0.05) > 3, f"{name} becomes {found}"
        hue, was = (
            figures.rgb_to_hls(*(int(c[i : i + 2], 16) / 255 for i in (1, 3, 5)))[::2]
            for c in (found, getattr(plotting, name))
        )
        assert was[1] == 0 or hue[0] == pytest.approx(was[0], abs=0.02), name


def test_black_white_and_greys_change_places():
    greys = [dark(f"#{level:02x}{level:02x}{level:02x}") for level in range(0, 256, 15)]
    assert sorted(greys, reverse=True) == greys and len(set(greys)) == len(greys)
    assert luminance(greys[0]) > 0.7 and luminance(greys[-1]) < 0.02


def test_a_dark_figure_has_no_ground_light_text_and_stronger_veils():
    fig, ax = plt.subplots()
    ax.fill_between([0, 1], [0, 1], alpha=0.3)
    ax.set_title("black on white")
    svg = _figures.svg(fig)
    plt.close(fig)
    assert 'id="patch_1"' in svg and "opacity: 0.3" in svg
    found = figures.darkened(svg)
    assert 'id="patch_1"' not in found and 'id="patch_2"' in found
    ink = re.match('<svg style="fill: (#.{6})"', found)[1]
    assert luminance(ink) > 0.7
    assert 0.3 < float(re.search(r"opacity: (0\.\d+)", found)[1]) < 0.7
    width, height = re.search(r'width="([\d.]+)pt" height="([\d.]+)pt"', svg).groups()
    shown = f'width="{float(width) * 96 / 72:.0f}" height="{float(height) * 96 / 72:.0f}"'
    assert figures.size(svg) == shown


def cell(source, *tags, name=None, shown=()):
    """Return a cell that has run."""
    made = nbformat.v4.new_code_cell(source, metadata={"tags": list(tags)})
    made.outputs = [nbformat.v4.new_output("display_data", data=data) for data in shown]
    if name:
        made.metadata["mystnb"] = {"figure": {"name": name}}
    return made


def test_a_figure_gives_away_the_code_before_it_and_names_the_functions_since_the_last():
    image = {NARROW: "<svg/>", "image/svg+xml": "<svg/>"}
    notebook = nbformat.v4.new_notebook(
        cells=[
            cell("%matplotlib inline\nfrom dlnlib import exact, plotting\nimport numpy as np"),
            nbformat.v4.new_markdown_cell("A text."),
            cell("from dlnlib.training import train as run\nrun(np.ones(3))\nexact.a(exact.b())"),
            cell("tell(x=exact.hidden())", "remove-cell"),
            cell("plotting.theory(ax)", name="fig-one", shown=[image, {"text/plain": "x"}]),
            cell("exact.b()"),
            cell("exact.c()", name="fig-two", shown=[image]),
            cell("exact.d()"),
        ]
    )
    (one, shown, script, called), two = figures.figures_of(notebook)
    assert (one, shown, two[0]) == ("fig-one", [image], "fig-two")
    assert "tell(" not in script and "A text." not in script and "exact.c" not in script
    assert script.startswith("%matplotlib inline\n") and script.endswith("plotting.theory(ax)\n")
    assert {*called} - {"dlnlib.exact.hidden"} == {
        "dlnlib.training.train",
        "dlnlib.exact.a",
        "dlnlib.exact.b",
    }
    assert two[3] == ["dlnlib.exact.b", "dlnlib.exact.c"]
    assert two[2].startswith(script.rstrip("\n")) and "exact.d" not in two[2]
