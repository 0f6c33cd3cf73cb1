"""Tests of dlnlib.plotting: what is drawn, not how it looks."""

from __future__ import annotations

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_hex

from dlnlib import plotting


@pytest.fixture
def ax():
    with plt.rc_context():
        yield plt.figure().gca()
    plt.close("all")


def luminance(colour):
    """Return the relative luminance of the web accessibility guidelines."""
    channels = np.array(matplotlib.colors.to_rgb(colour))
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    return linear @ [0.2126, 0.7152, 0.0722]


@pytest.mark.parametrize(
    ("draw", "colour"), [(plotting.theory, plotting.THEORY), (plotting.simulation, plotting.LINEAR)]
)
def test_curves_are_columns_with_one_legend_entry(ax, draw, colour):
    x, y = np.arange(4.0), np.arange(12.0).reshape(4, 3)
    draw(ax, x, y, label="many")
    draw(ax, x, x)
    assert len(ax.lines) == 4
    for line, values in zip(ax.lines, [*y.T, x], strict=True):
        np.testing.assert_array_equal(line.get_xydata(), np.stack([x, values], axis=1))
        assert to_hex(line.get_color()) == colour.lower()
    assert ax.get_legend_handles_labels()[1] == ["many"]


def test_a_caller_may_change_the_line(ax):
    plotting.simulation(ax, [0, 1], [0, 1], color=plotting.TANH, ls="--", lw=3)
    assert to_hex(ax.lines[0].get_color()) == plotting.TANH.lower()
    assert ax.lines[0].get_linestyle() == "--" and ax.lines[0].get_linewidth() == 3


def test_theory_is_drawn_above_simulation(ax):
    plotting.theory(ax, [0, 1], [0, 1])
    plotting.simulation(ax, [0, 1], [0, 1])
    assert ax.lines[0].get_zorder() > ax.lines[1].get_zorder()
    assert ax.lines[0].get_linewidth() > ax.lines[1].get_linewidth()


def test_colours_stand_out_from_white():
    # Three to one is what the guidelines ask of graphics.
    for name in ("THEORY", "LINEAR", "TANH", "NEUTRAL"):
        assert 1.05 / (luminance(getattr(plotting, name)) + 0.05) > 3, name


def test_mode_image_is_square_with_zero_in_the_middle(ax):
    vector = np.arange(9.0) - 2
    plotting.mode_image(ax, vector, title="mode")
    image = ax.images[0]
    np.testing.assert_array_equal(image.get_array(), vector.reshape(3, 3))
    assert image.get_clim() == (-6.0, 6.0)
    assert ax.get_title() == "mode"


def test_mode_image_refuses_what_is_not_a_square(ax):
    for vector in (np.ones(8), np.ones((4, 4)), [], 1.0):
        with pytest.raises(ValueError, match="vector must have a square number of pixels"):
            plotting.mode_image(ax, vector)
    with pytest.raises(ValueError, match="vector must be finite"):
        plotting.mode_image(ax, [1.0, 2.0, 3.0, np.nan])


def test_network_diagram_has_every_unit_and_connection(ax):
    plotting.network_diagram(ax, (3, 4, 2), weights=["A", "B"], layers=["x", "h", "y"])
    units = sum(len(line.get_xdata()) for line in ax.lines if line.get_marker() == "o")
    connections = [line for line in ax.lines if line.get_marker() != "o"]
    assert units == 3 + 4 + 2
    assert len(connections) == 3 * 4 + 4 * 2
    assert sorted(text.get_text() for text in ax.texts) == ["A", "B", "h", "x", "y"]


def test_network_diagram_refuses_too_few_names(ax):
    for change, message in (
        ({"weights": []}, r"weights must be 1 names .*, got \[\]"),
        ({"layers": ["x"]}, r"layers must be 2 names .*, got \['x'\]"),
        ({"layer_sizes": [3]}, "layer_sizes must be two or more positive integers"),
    ):
        named = {"layer_sizes": (3, 2), "weights": ["W"], "layers": ["x", "y"]} | change
        with pytest.raises(ValueError, match=message):
            plotting.network_diagram(ax, **named)


def test_style_is_opaque_white(ax):
    plotting.use_style()
    assert plt.rcParams["figure.facecolor"] == "white"
    assert not plt.rcParams["savefig.transparent"]
