"""What the points read off the paper's figures say of each other, and of the theory."""

import os
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy.optimize import least_squares

from dlnlib.book import table
from dlnlib.datasets import mnist
from dlnlib.exact import mode_strength
from dlnlib.mean_field import fixed_point, variance_map, variance_map_derivative
from dlnlib.spectra import log_singular_value_cdf

ROOT = Path(__file__).resolve().parents[1]
PRINTED = ROOT / "chapters" / "data" / "printed"
sys.path.insert(0, str(ROOT / "tools"))

import read_figures  # noqa: E402

# The tables have four decimals or five digits: differences of two may miss by so much.
DECIMALS = 1.01e-4
# Half a step of a drawing's grid, in the units of its axis.
HALF_OF_FIG2 = 0.5 * 4 / 2276
HALF_OF_FIG3_LEFT = 0.5 * 20 / 397.13
HALF_OF_FIG5 = 0.5 * 20_000 / 1209
STEP_OF_FIG3_RIGHT = 0.7 / 1743
# Fig. 8: half a cell of the grid, in g or q_in, and in q or q_out.
HALF_OF_G, HALF_OF_Q = 0.5 * 1.8 / 209, 0.5 * 2 / 203
HALF_OF_Q_IN, HALF_OF_Q_OUT = 0.5 * 2 / 208, 0.5 * 0.8 / 203
# A standard normal score exceeds this once in two million.
N_SIGMA = 5.0
PIXEL_OF_FIG6B = {1: 1e4 / 320, 5: 2e5 / 320, 100: 6e5 / 320}
RATES = 10 ** (-4 - 3 * np.arange(20) / 19)
N_LAYERS = [3, 5, 8, 10, 14, 20, 28, 36, 44, 54, 64, 74, 84, 94, 100]


def printed(name, **choice):
    """Return the rows of a table where columns have the given values."""
    rows = table(PRINTED / f"{name}.csv")
    for column, value in choice.items():
        rows = rows[rows[column] == value]
    assert len(rows)
    return rows


# Fig. 2


def field_line(kind):
    rows = printed("fig2", kind=kind)
    return rows["a"], rows["b"]


@pytest.mark.parametrize("kind", ["manifold lower", "manifold upper"])
def test_the_manifold_is_the_hyperbola(kind):
    a, b = field_line(kind)
    off = abs(a * b - 1)
    # Each coordinate by half a step, and by the last decimal.
    assert np.all(off < (HALF_OF_FIG2 + DECIMALS / 2) * (abs(a) + abs(b)) + HALF_OF_FIG2**2)
    # Half a step of shift in both, towards one branch, would show.
    assert abs(np.mean(a * b - 1)) < 0.1 * HALF_OF_FIG2


@pytest.mark.parametrize(
    "kind, start", [("trajectory 1", (0.1, 0.1)), ("trajectory 2", (1.5, -1.35))]
)
def test_trajectories_run_from_their_starts_to_the_manifold(kind, start):
    a, b = field_line(kind)
    assert (a[0], b[0]) == pytest.approx(start, abs=HALF_OF_FIG2 + DECIMALS / 2)
    assert np.all(np.diff(a * b)[:-1] > -4 * HALF_OF_FIG2)
    # They end where the next piece would be shorter than a few steps.
    assert a[-1] * b[-1] == pytest.approx(1, abs=3 * 2 * HALF_OF_FIG2)


def test_the_balanced_trajectory_stays_balanced():
    a, b = field_line("trajectory 1")
    np.testing.assert_allclose(a, b, atol=2 * HALF_OF_FIG2)


def test_the_unbalanced_trajectory_is_euler_s_and_loses_imbalance():
    a, b = field_line("trajectory 2")
    x, y = 1.5, -1.35
    for k in range(len(a)):
        # A step of the grid; the last piece, shorter than two, is rounded anew.
        tolerance = (2 if k < len(a) - 2 else 4) * HALF_OF_FIG2
        assert (a[k], b[k]) == pytest.approx((x, y), abs=tolerance)
        x, y = x + 0.1 * y * (1 - x * y), y + 0.1 * x * (1 - x * y)
    rounding = 2 * HALF_OF_FIG2 * (abs(a) + abs(b))
    imbalance = a**2 - b**2
    assert abs(imbalance[0] - (1.5**2 - 1.35**2)) < rounding[0]
    assert abs(imbalance[-1] - imbalance[0]) > 10 * rounding[-1]


# Fig. 3


def course(mode, curve):
    rows = printed("fig3_left", mode=mode, curve=curve)
    return rows["epoch"] - 1.0, rows["strength"]


def fitted_singular_value(mode):
    """Return the one that puts Eq. 12 through a drawn analytic curve."""
    t, strength = course(mode, "analytic")

    def residuals(s):
        return mode_strength(t, s=s[0], u0=1e-6, tau=2000.0) - strength

    fit = least_squares(residuals, [strength[-1] + 1.0])
    return fit.x[0], fit.fun


def half_time(t, strength, s):
    k = np.argmax(strength > s / 2)
    return np.interp(s / 2, strength[k - 1 : k + 1], t[k - 1 : k + 1])


MODES = [1, 2, 3, 5, 12, 18, 31]


@pytest.mark.parametrize("mode", MODES)
def test_analytic_curves_are_equation_12(mode):
    s, off = fitted_singular_value(mode)
    # Half a step, the last decimal, and 0.03 % of scale.
    assert abs(off).max() < HALF_OF_FIG3_LEFT + DECIMALS + 3e-4 * s
    # Even rounding has this scatter: the drawing adds nothing to it.
    assert off.std() == pytest.approx(2 * HALF_OF_FIG3_LEFT / np.sqrt(12), rel=0.2)


def test_singular_values_fall_from_mode_to_mode():
    values = [fitted_singular_value(mode)[0] for mode in MODES]
    assert np.all(np.diff(values) < -2 * HALF_OF_FIG3_LEFT)


@pytest.mark.parametrize("curve", ["analytic", "linear", "tanh"])
@pytest.mark.parametrize("mode", MODES)
def test_courses_hold_every_bend_from_first_epoch_to_last(mode, curve):
    t, strength = course(mode, curve)
    assert (t[0], t[-1]) == (0, 1300) and np.all(np.diff(t) > 0)
    # Half a step below zero at most.
    assert strength.min() >= -HALF_OF_FIG3_LEFT - DECIMALS
    # A linear network's only rise; a nonlinear one's may fall, and do by a step at a time.
    largest_fall = 2 * HALF_OF_FIG3_LEFT if curve == "tanh" else 0
    assert np.all(np.diff(strength) >= -largest_fall - DECIMALS)


def test_courses_are_of_seven_modes():
    assert set(printed("fig3_left")["mode"]) == set(MODES)


@pytest.mark.parametrize("curve", ["linear", "tanh"])
@pytest.mark.parametrize("mode", MODES)
def test_the_drawn_run_is_delayed_as_runs_were_on_average(mode, curve):
    s, _ = fitted_singular_value(mode)
    analytic = half_time(*course(mode, "analytic"), s)
    delay = half_time(*course(mode, curve), s) / analytic - 1
    (row,) = printed("fig3_right", mode=mode, curve=curve)
    # One of 14 normal scores exceeds 3 in a drawing of 25.
    assert abs(delay - row["mean"]) < 3 * row["sd"]


@pytest.mark.parametrize("curve", ["linear", "tanh"])
def test_error_bars_reach_one_standard_deviation_either_way(curve):
    rows = printed("fig3_right", curve=curve)
    np.testing.assert_array_equal(rows["mode"], np.arange(1, 33))
    np.testing.assert_allclose(rows["upper"] - rows["lower"], 2 * rows["sd"], atol=2 * DECIMALS)
    # Ends and middle are each rounded to a step.
    middle = (rows["upper"] + rows["lower"]) / 2
    np.testing.assert_allclose(middle, rows["mean"], atol=STEP_OF_FIG3_RIGHT + DECIMALS)


# Figs 4 and 6A


def test_rates_of_fig4_lie_on_the_grid_or_between_two_points_of_it():
    rows = printed("fig4")
    on_grid = rows[rows["grid_index"] >= 0]
    rates = RATES[on_grid["grid_index"]]
    assert np.all((on_grid["rate_low"] <= rates) & (rates <= on_grid["rate_high"]))
    np.testing.assert_allclose(on_grid["rate"], rates, rtol=1e-4)
    (off_grid,) = rows[rows["grid_index"] < 0]
    assert off_grid["n_layers"] == 3
    # The mean of the two best, which tie.
    assert off_grid["rate_low"] <= RATES[:2].mean() <= off_grid["rate_high"]


def test_bounds_of_fig4_are_one_step_apart():
    rows = printed("fig4")
    # Less than the grid's finest spacing where a rate lies, so that one index fits.
    np.testing.assert_allclose(rows["rate_high"] - rows["rate_low"], 1.2e-4 / 1586, atol=5e-9)
    assert np.all(rows["rate_high"] - rows["rate_low"] < rows["rate"] * (1 - 10 ** (-3 / 19)))


def test_best_rates_fall_with_depth_and_the_depths_are_the_paper_s():
    np.testing.assert_array_equal(printed("fig4")["n_layers"], N_LAYERS)
    np.testing.assert_array_equal(printed("fig6a")["n_layers"], N_LAYERS)
    assert np.all(np.diff(printed("fig4")["grid_index"][1:]) >= 0)


def test_rates_of_fig6a_are_means_of_the_rates_that_tie():
    rows = printed("fig6a")
    tied = [[int(k) for k in str(ks).split("-")] for ks in rows["glorot_k"]]
    means = np.array([RATES[ks].mean() for ks in tied])
    np.testing.assert_allclose(rows["glorot_rate_grid"], means, rtol=1e-4)
    # A pixel.
    np.testing.assert_allclose(rows["glorot_rate"], means, atol=6e-8)
    np.testing.assert_allclose(rows["red_rate"], RATES[[4, 5]].mean(), rtol=1e-4)


def test_epochs_of_fig6a_are_the_nearest_whole_ones_and_grow_with_depth():
    rows = printed("fig6a")
    # A pixel is 0.62 epochs.
    np.testing.assert_allclose(rows["glorot_epochs"], rows["glorot_epochs_int"], atol=0.5)
    assert np.all(np.diff(rows["glorot_epochs_int"]) > 0) and set(rows["red_epochs"]) == {2}


# Fig. 5


def levels(name, low, high):
    """Return a matrix of colour indices, whose values must be the middles of the levels."""
    rows = printed(name)
    np.testing.assert_array_equal(rows["row"], np.repeat(np.arange(1, 11), 10))
    np.testing.assert_array_equal(rows["col"], np.tile(np.arange(1, 11), 10))
    middles = low + (high - low) * (rows["colour_index"] - 0.5) / 64
    np.testing.assert_allclose(rows["value"], middles, atol=0.5 + 1e-6)
    return rows["colour_index"].reshape(10, 10), rows["value"].reshape(10, 10)


def test_neighbouring_pixels_of_mnist_have_the_colours_of_fig5():
    index, _ = levels("fig5_left", 1365, 8600)
    np.testing.assert_array_equal(index, index.T)
    # Pixels 207 to 216, counted along columns from 1; ours are in rows.
    column, row = np.divmod(np.arange(206, 216), 28)
    pixels = 28 * row + column
    products = mnist().sigma_xx[np.ix_(pixels, pixels)]
    expected = np.ceil((products - 1365) / (8600 - 1365) * 64)
    np.testing.assert_array_equal(index, np.clip(expected, 1, 64))


def test_modes_of_mnist_have_the_colours_of_fig5():
    low, high = -1.29e4, 1.9131e6
    index, value = levels("fig5_centre", low, high)
    np.testing.assert_array_equal(index, index.T)
    _, _, modes = np.linalg.svd(mnist().sigma_yx, full_matrices=False)
    rotated = modes @ mnist().sigma_xx @ modes.T
    # Half a level, and the ends of the colour bar. The sign of each mode is free.
    np.testing.assert_allclose(abs(value), abs(rotated), atol=(high - low) / 128 + 4e3)


@pytest.mark.parametrize(
    "curve, first, error, last", [("random", 1, 25_000, 12_126), ("pretrained", 91, 28_950, 12_175)]
)
def test_errors_of_fig5_only_fall(curve, first, error, last):
    rows = printed("fig5_right", curve=curve)
    assert (rows["epoch"][0], rows["epoch"][-1]) == (first, 500)
    assert np.all(np.diff(rows["epoch"]) > 0) and np.all(np.diff(rows["error"]) <= 0)
    ends = rows["error"][[0, -1]]
    np.testing.assert_allclose(ends, [error, last], atol=HALF_OF_FIG5 + 0.5)


# Figs 6B and 7


@pytest.mark.parametrize("factors", [1, 5, 100])
def test_bars_of_fig6b_are_their_counts_rounded_up_to_a_pixel(factors):
    rows, pixel = printed("fig6b", factors=factors), PIXEL_OF_FIG6B[factors]
    np.testing.assert_allclose(rows["height"] / pixel, np.round(rows["height"] / pixel), atol=0.02)
    n_bars = np.count_nonzero(rows["height"])
    assert rows["height"].sum() - n_bars * pixel <= 500_000 <= rows["height"].sum()


def test_bars_of_one_factor_add_up_to_all_singular_values():
    heights, pixel = printed("fig6b", factors=1)["height"], PIXEL_OF_FIG6B[1]
    # Each bar stands for a count that is half a pixel lower, give or take pixel / sqrt(12).
    total = np.sum(heights - pixel / 2)
    assert abs(total - 500_000) < N_SIGMA * pixel * np.sqrt(100 / 12)


@pytest.mark.parametrize("factors", [1, 5, 100])
def test_bars_of_fig6b_follow_the_limiting_law(factors):
    rows = printed("fig6b", factors=factors)
    np.testing.assert_array_equal(rows["bin"], np.arange(1, 101))
    width = (rows["x"][-1] - rows["x"][0]) / 99
    np.testing.assert_allclose(rows["x"], width * (np.arange(100) + 0.5), atol=2 * DECIMALS)
    share = log_singular_value_cdf(np.log(width * np.arange(1, 101)), n_factors=factors)
    excess = rows["height"] - 500_000 * np.diff(share, prepend=0)
    # Repulsion leaves each bin of 500 matrices a scatter of about 20; the edge at zero adds a
    # quarter of a singular value to the first.
    slack = np.where(np.arange(100) == 0, 100 + 500 / 4, 100)
    assert np.all((excess > -slack) & (excess < PIXEL_OF_FIG6B[factors] + slack))


GAINS, VARIANCES = [0.9, 0.95, 1.0, 1.05, 1.1], [0.2, 1.0, 4.0]


@pytest.mark.parametrize("q", VARIANCES)
@pytest.mark.parametrize("g", GAINS)
def test_histograms_of_fig7_hold_a_thousand_values_in_equal_bins(g, q):
    rows = printed("fig7", g=g, q=q)
    np.testing.assert_array_equal(rows["bin"], np.arange(1, 41))
    np.testing.assert_array_equal(rows["edge_low"][1:], rows["edge_high"][:-1])
    edges = np.append(rows["edge_low"], rows["edge_high"][-1])
    # Five digits of the largest edge.
    np.testing.assert_allclose(edges, np.linspace(*edges[[0, -1]], 41), atol=1e-4 * edges[-1])
    # Rounded to whole counts, and where that is exact to none else.
    error = rows["count_err"][0]
    assert np.all(rows["count_err"] == error) and np.ptp(rows["xres"]) == 0
    assert abs(rows["count"].sum() - 1000) <= N_SIGMA * error * np.sqrt(40 / 3)
    assert rows["count"][0] > 0 and (rows["count"][-1] > 0 or error)


@pytest.mark.parametrize("q", VARIANCES)
def test_singular_values_of_fig7_grow_with_the_gain(q):
    panels = [printed("fig7", g=g, q=q) for g in GAINS]
    assert np.all(np.diff([panel["edge_high"][-1] for panel in panels]) > panels[0]["xres"][0])


# Fig. 8


def test_the_drawn_variance_map_is_equation_48():
    rows = printed("fig8_left")
    slope = variance_map_derivative(rows["q_in"], gain=1.0)
    off = variance_map(rows["q_in"], gain=1.0) - rows["q_out"]
    # Half a cell across and half a cell up. The first slopes fall fast within a cell.
    assert np.all(abs(off) < HALF_OF_Q_OUT + HALF_OF_Q_IN * slope + 2 * DECIMALS)


def test_the_drawn_fixed_points_are_equation_49():
    rows = printed("fig8_right", kind="theory")
    below, above = (
        fixed_point(gain=np.maximum(rows["g"] + shift, 0.01))
        for shift in (-HALF_OF_G - DECIMALS, HALF_OF_G + DECIMALS)
    )
    half = HALF_OF_Q + DECIMALS
    assert np.all((below - half < rows["q"]) & (rows["q"] < above + half))


def test_sampled_networks_lie_near_the_fixed_points():
    rows = printed("fig8_right", kind="simulation")
    np.testing.assert_allclose(rows["g"], np.arange(1, 19) / 10, rtol=1e-12)
    expected = fixed_point(gain=rows["g"])
    # A mean over N = 1000 units and some layers scatters by up to 0.013 at the largest gains.
    np.testing.assert_allclose(rows["q"], expected, atol=HALF_OF_Q + 0.013)


# The drawings themselves


@pytest.fixture(scope="module")
def read_again(tmp_path_factory):
    pytest.importorskip("pypdf", reason="reading a PDF needs pypdf")
    if not os.environ.get("DLNLIB_PAPER"):
        pytest.skip("DLNLIB_PAPER does not name arXiv:1312.6120v3")
    folder = tmp_path_factory.mktemp("printed")
    read_figures.write(Path(os.environ["DLNLIB_PAPER"]), folder)
    return folder


def uncertainty(rows, column):
    """Return what two readings may differ by where an end or a tie was chosen by hand."""
    if column == "count":
        return rows["count_err"]
    if column in ("edge_low", "edge_high"):
        return 0.01 * rows["xres"]
    if column == "value":
        # What the ends of the colour bars are known to.
        return 15 if rows["value"].max() < 1e5 else 4e3
    return 0


@pytest.mark.parametrize("name", read_figures.TABLES)
def test_the_paper_gives_the_same_points_again(name, read_again):
    again, rows = table(read_again / f"{name}.csv"), printed(name)
    assert again.dtype == rows.dtype and len(again) == len(rows)
    for column in rows.dtype.names:
        if rows[column].dtype.kind in "if":
            off = abs(again[column] - rows[column])
            assert np.all(off <= uncertainty(rows, column) + 1e-15), column
        else:
            np.testing.assert_array_equal(again[column], rows[column])
