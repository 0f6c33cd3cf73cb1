"""Tests of dlnlib.initial_conditions."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from scipy import stats

from dlnlib.correlations import Correlations, diagonal, from_data, modes
from dlnlib.initial_conditions import (
    balanced,
    decoupled,
    glorot_uniform,
    orthogonal,
    scaled_gaussian,
    small_random,
)
from dlnlib.networks import gradient, imbalance, mode_strengths, product
from dlnlib.random_matrices import haar
from dlnlib.training import gradient_flow

# Rounding in sums of at most a few hundred terms, relative to the largest.
ROUNDING = 1e-12
# Integration at the default tolerances, over the times used here.
INTEGRATION = 1e-8
# A standard normal score exceeds this once in two million.
N_SIGMA = 5.0

# Wider, narrower and as wide as the four modes, from two layers to six.
SIZES = [(5, 4), (5, 4, 4), (5, 9, 4), (5, 6, 3, 7, 4), (5, 2, 4), (5, 4, 1, 8, 4, 4)]


def data(n_outputs=4, n_inputs=5, seed=6):
    sigma_yx = np.random.default_rng(seed).standard_normal((n_outputs, n_inputs))
    return Correlations(np.eye(n_inputs), sigma_yx, 2 * np.sum(sigma_yx**2), n_inputs)


def off_diagonal(weights, m):
    in_modes = m.U.T @ product(weights) @ m.Vt.T
    return np.abs(in_modes * (1 - np.eye(len(m.s)))).max()


# Decoupled


@pytest.mark.parametrize("sizes", SIZES)
def test_every_mode_that_fits_starts_at_u0(sizes):
    m = modes(data())
    weights = decoupled(m, sizes, u0=0.3, rng=0)
    assert [w.shape for w in weights] == [(n_out, n_in) for n_in, n_out in pairwise(sizes)]
    expected = np.where(np.arange(4) < min(sizes), 0.3, 0.0)
    np.testing.assert_allclose(mode_strengths(weights, m), expected, atol=ROUNDING)
    assert off_diagonal(weights, m) < ROUNDING


@pytest.mark.parametrize("sizes", SIZES)
def test_layers_are_balanced(sizes):
    weights = decoupled(modes(data()), sizes, u0=0.3, rng=1)
    for down, up in pairwise(weights):
        np.testing.assert_allclose(up.T @ up, down @ down.T, atol=ROUNDING)


def test_every_mode_may_have_its_own_strength():
    m, u0 = modes(data()), np.array([0.1, 0.0, 0.5, 1e-300])
    weights = decoupled(m, (5, 3, 8, 4), u0=u0, rng=2)
    np.testing.assert_allclose(mode_strengths(weights, m)[:3], u0[:3], atol=ROUNDING)
    # The product rounds the smallest strength off against the others; a single layer does not.
    strengths = np.linalg.svd(weights[0], compute_uv=False)
    np.testing.assert_allclose(strengths, np.cbrt([0.5, 0.1, 1e-300]), rtol=0, atol=ROUNDING)
    alone = decoupled(m, (5, 3, 8, 4), u0=[1e-300, 0, 0, 0], rng=2)
    assert mode_strengths(alone, m)[0] == pytest.approx(1e-300, rel=ROUNDING)


def test_a_narrow_layer_carries_any_modes_one_asks_for():
    m, u0 = modes(data()), [0.0, 0.2, 0.0, 0.7]
    weights = decoupled(m, (5, 2, 4), u0=u0, rng=3)
    np.testing.assert_allclose(mode_strengths(weights, m), u0, atol=ROUNDING)


def test_modes_that_start_at_zero_have_no_weights():
    m = modes(data())
    weights = decoupled(m, (5, 6, 4), u0=[0.2, 0, 0, 0], rng=4)
    assert [np.linalg.matrix_rank(w) for w in weights] == [1, 1]
    assert all(not w.any() for w in decoupled(m, (5, 6, 4), u0=0.0, rng=4))


@pytest.mark.parametrize("sizes", SIZES)
def test_decoupled_stays_decoupled(sizes):
    correlations = data()
    m = modes(correlations)
    start = decoupled(m, sizes, u0=0.1, rng=5)
    flow = gradient_flow(start, correlations, times=[0.5, 2.0, 5.0])
    for i in range(3):
        assert off_diagonal([w[i] for w in flow.weights], m) < INTEGRATION


def test_hidden_bases_are_haar():
    # The first entry of a uniform unit vector in three dimensions is itself uniform.
    rng = np.random.default_rng(7)
    columns = np.array([haar(3, 2, rng=rng) for _ in range(2000)])
    gram = np.swapaxes(columns, 1, 2) @ columns
    np.testing.assert_allclose(gram, np.broadcast_to(np.eye(2), gram.shape), atol=ROUNDING)
    for i, j in np.ndindex(3, 2):
        assert stats.kstest(columns[:, i, j], stats.uniform(-1, 2).cdf).pvalue > 1e-4


# Small random


def test_small_random_weights_are_independent_gaussians():
    sizes, scale, n_starts = (20, 10, 15), 0.03, 200
    weights = small_random(sizes, scale=scale, rng=8, n_starts=n_starts)
    for w in weights:
        n = w.size
        assert abs(w.mean()) < N_SIGMA * scale / np.sqrt(n)
        assert abs(w.var() / scale**2 - 1) < N_SIGMA * np.sqrt(2 / n)
        # The kurtosis of a Gaussian sample has variance 24 / n.
        assert abs(stats.kurtosis(w, axis=None)) < N_SIGMA * np.sqrt(24 / n)
        neighbours = np.mean(w[..., 1:] * w[..., :-1]) / scale**2
        assert abs(neighbours) < N_SIGMA / np.sqrt(n * (1 - 1 / w.shape[-1]))
    across = np.mean(weights[0][:, :, 0] * weights[1][:, 0, :]) / scale**2
    assert abs(across) < N_SIGMA / np.sqrt(n_starts * sizes[1])


def test_a_random_start_is_worth_half_the_width_times_the_variance():
    m, width, scale, n_starts = modes(data()), 16, 0.1, 4000
    first, second = small_random((5, width, 4), scale=scale, rng=9, n_starts=n_starts)
    a, b = first @ m.Vt[0], np.swapaxes(second, 1, 2) @ m.U[:, 0]
    worth = np.sum((a + b) ** 2, axis=1) / 4
    error = worth.std() / np.sqrt(n_starts)
    assert abs(worth.mean() - width * scale**2 / 2) < N_SIGMA * error


def test_one_start_has_no_leading_axis():
    sizes = (4, 3, 2)
    assert [w.shape for w in small_random(sizes, scale=1.0, rng=0)] == [(3, 4), (2, 3)]
    batch = small_random(sizes, scale=1.0, rng=0, n_starts=1)
    assert [w.shape for w in batch] == [(1, 3, 4), (1, 2, 3)]


@pytest.mark.parametrize(
    "make",
    [
        lambda rng: small_random((4, 3, 2), scale=0.1, rng=rng),
        lambda rng: decoupled(modes(data()), (5, 6, 4), u0=0.1, rng=rng),
        lambda rng: scaled_gaussian((4, 3, 2), rng=rng),
        lambda rng: glorot_uniform((4, 3, 2), rng=rng),
        lambda rng: orthogonal((4, 3, 2), rng=rng),
    ],
)
def test_a_seed_and_its_generator_give_the_same_weights(make):
    for a, b in zip(make(11), make(np.random.default_rng(11)), strict=True):
        np.testing.assert_array_equal(a, b)
    assert not np.array_equal(make(11)[0], make(12)[0])
    generator = np.random.default_rng(11)
    assert not np.array_equal(make(generator)[0], make(generator)[0])


# Scaled and orthogonal starts


def test_a_scaled_gaussian_start_preserves_norms_on_average():
    rng = np.random.default_rng(5)
    v = rng.standard_normal(40)
    v /= np.linalg.norm(v)
    norms = [
        np.sum((w @ v) ** 2)
        for _ in range(4000)
        for w in scaled_gaussian((40, 40), rng=rng, gain=3)
    ]
    assert abs(np.mean(norms) - 9) < N_SIGMA * np.std(norms) / len(norms) ** 0.5


def test_a_glorot_start_is_uniform_with_the_variance_of_both_fans():
    for w in glorot_uniform((200, 300, 100), rng=3):
        edge = np.sqrt(6 / sum(w.shape))
        assert stats.kstest(w.ravel(), "uniform", args=(-edge, 2 * edge)).pvalue > 0.01
        assert np.abs(w).max() <= edge
        assert w.var() == pytest.approx(2 / sum(w.shape), rel=0.02)


def test_orthogonal_starts_have_one_singular_value_and_so_do_their_products():
    weights = orthogonal((20, 50, 50, 50, 30, 7), rng=0, gain=1.5)
    for w in weights:
        np.testing.assert_allclose(np.linalg.svd(w, compute_uv=False), 1.5, rtol=1e-12)
    square = np.linalg.multi_dot(orthogonal((30, 30, 30, 30), rng=1))
    np.testing.assert_allclose(np.linalg.svd(square, compute_uv=False), 1, rtol=1e-12)


def test_orthogonal_starts_are_haar_and_not_what_the_bare_qr_gives():
    # Over the Haar measure the trace has mean 0 and variance 1; LAPACK's Q alone leans to -1.
    rng = np.random.default_rng(8)
    traces = [np.trace(orthogonal((6, 6), rng=rng)[0]) for _ in range(4000)]
    assert abs(np.mean(traces)) < N_SIGMA / 4000**0.5
    assert abs(np.var(traces) - 1) < N_SIGMA * np.sqrt(2 / 4000)
    bare = [np.trace(np.linalg.qr(rng.standard_normal((6, 6)))[0]) for _ in range(400)]
    assert abs(np.mean(bare)) > N_SIGMA * np.std(bare) / 20


# What is refused


@pytest.mark.parametrize(
    ("sizes", "u0", "message"),
    [
        ((5, 6, 3), 0.1, r"begin with 5 inputs and end with 4 outputs .* got \(5, 6, 3\)"),
        ((4, 6, 4), 0.1, r"begin with 5 inputs and end with 4 outputs .* got \(4, 6, 4\)"),
        ((5,), 0.1, r"two or more positive integers, got \(5,\)"),
        ((5, 0, 4), 0.1, r"two or more positive integers, got \(5, 0, 4\)"),
        ((5, 2.5, 4), 0.1, r"two or more positive integers, got \(5, 2.5, 4\)"),
        ((5, 6, 4), -0.1, "u0 must not be negative, got -0.1"),
        ((5, 6, 4), np.nan, "u0 must be finite, got nan"),
        ((5, 6, 4), [0.1, 0.1, 0.1, np.inf], "u0 must be finite, got inf"),
        ((5, 6, 4), [0.1, 0.1], r"scalar or have shape \(4,\), got shape \(2,\)"),
        ((5, 2, 4), [0.1, 0.1, 0.1, 0.0], "at most 2 modes above zero.* got 3"),
    ],
)
def test_decoupled_refuses(sizes, u0, message):
    with pytest.raises(ValueError, match=message):
        decoupled(modes(data()), sizes, u0=u0, rng=0)


@pytest.mark.parametrize(
    ("sizes", "options", "message"),
    [
        ((5,), {}, r"two or more positive integers, got \(5,\)"),
        ((5, -1), {}, r"two or more positive integers, got \(5, -1\)"),
        ((5, 4), {"scale": -1.0}, "scale must not be negative, got -1.0"),
        ((5, 4), {"scale": np.inf}, "scale must be finite, got inf"),
        ((5, 4), {"scale": [0.1, 0.1]}, r"one for each of 1 layers of weights, got shape \(2,\)"),
        ((5, 4, 3), {"scale": [[0.1, 0.1]]}, r"scale must be one number .* got shape \(1, 2\)"),
        ((5, 4, 3), {"scale": [0.1, -0.1]}, "scale must not be negative, got -0.1"),
        ((5, 4), {"n_starts": 0}, "n_starts must be an integer of at least 1, got 0"),
    ],
)
def test_small_random_refuses(sizes, options, message):
    with pytest.raises(ValueError, match=message):
        small_random(sizes, **{"scale": 0.1, "rng": 0} | options)


@pytest.mark.parametrize("start", [scaled_gaussian, orthogonal])
@pytest.mark.parametrize("gain", [-1.0, np.nan, np.inf])
def test_a_gain_must_be_finite_and_not_negative(start, gain):
    with pytest.raises(ValueError, match=f"gain must be a finite number of at least 0, got {gain}"):
        start((5, 4), rng=0, gain=gain)


@pytest.mark.parametrize("start", [scaled_gaussian, glorot_uniform, orthogonal])
@pytest.mark.parametrize("sizes", [(5,), (5, 0), (5, 2.5)])
def test_scaled_starts_refuse_sizes_that_are_none(start, sizes):
    with pytest.raises(ValueError, match="layer_sizes must be two or more positive integers"):
        start(sizes, rng=0)


@pytest.mark.parametrize("start", [scaled_gaussian, glorot_uniform, orthogonal])
def test_sizes_are_a_sequence(start):
    with pytest.raises(TypeError, match="layer_sizes must be a sequence of integers, got 5"):
        start(5, rng=0)


@pytest.mark.parametrize(
    "make",
    [
        lambda rng: small_random((4, 3), scale=0.1, rng=rng),
        lambda rng: decoupled(modes(data()), (5, 4), u0=0.1, rng=rng),
        lambda rng: balanced(np.eye(2), (2, 2), rng=rng),
        lambda rng: scaled_gaussian((4, 3), rng=rng),
        lambda rng: glorot_uniform((4, 3), rng=rng),
        lambda rng: orthogonal((4, 3), rng=rng),
    ],
)
def test_there_is_no_default_randomness(make):
    for bad in (None, True, -1, "seed"):
        with pytest.raises((TypeError, ValueError), match=r"^rng must be a seed"):
            make(bad)


# Balanced layers of any product


@pytest.mark.parametrize("sizes", [(5, 4), (5, 4, 4), (5, 9, 4), (5, 6, 7, 6, 4), (4, 4, 4, 5)])
@pytest.mark.parametrize("scale", [1.0, 1e-6, 1e6])
def test_balanced_layers_have_the_product_that_was_asked_for(sizes, scale):
    M = scale * np.random.default_rng(11).standard_normal((sizes[-1], sizes[0]))
    start = balanced(M, sizes, rng=3)
    assert [w.shape for w in start] == [(n_out, n_in) for n_in, n_out in pairwise(sizes)]
    np.testing.assert_allclose(product(start), M, atol=ROUNDING * np.abs(M).max())
    strength = np.linalg.norm(M, 2) ** (2 / (len(sizes) - 1))
    for difference in imbalance(start):
        np.testing.assert_allclose(difference, 0, atol=ROUNDING * strength)


def test_a_narrow_layer_passes_a_matrix_of_its_rank():
    rng = np.random.default_rng(12)
    M = rng.standard_normal((6, 2)) @ rng.standard_normal((2, 7))
    start = balanced(M, (7, 4, 2, 5, 6), rng=4)
    np.testing.assert_allclose(product(start), M, atol=ROUNDING * np.abs(M).max())
    with pytest.raises(ValueError, match="matrix must have a rank of at most 1, the units of"):
        balanced(M, (7, 1, 6), rng=4)
    assert not any(w.any() for w in balanced(np.zeros((6, 7)), (7, 1, 6), rng=4))


def test_weak_directions_of_a_matrix_are_kept():
    start = balanced(np.diag([1.0, 1e-100]), (2, 3, 2), rng=5)
    alone = [w @ v for w, v in zip(start[:1], [np.array([0.0, 1.0])], strict=True)]
    assert np.linalg.norm(alone) == pytest.approx(1e-50, rel=1e-9)


@pytest.mark.parametrize(
    ("sizes", "difference"),
    [
        ((3, 2, 2), 0.5),
        ((3, 2, 5), 0.5),
        ((2, 5, 5), 3.0),
        ((3, 2, 4, 4, 6), 0.2),
        ((5, 3, 2), -0.5),
        ((5, 5, 3, 3, 4), -0.7),
        ((7, 3, 2, 2, 1), -2.0),
        ((3, 4, 5), 1e-12),
        ((3, 3, 3), 1e6),
        ((4, 3), 1.0),
    ],
)
@pytest.mark.parametrize("scale", [0.0, 1e-8, 1.0, 1e5])
def test_layers_are_apart_by_the_imbalance_asked_for(sizes, difference, scale):
    rng = np.random.default_rng(21)
    left, right = (
        rng.standard_normal(n) for n in ((sizes[-1], min(sizes)), (min(sizes), sizes[0]))
    )
    M = scale * left @ right
    start = balanced(M, sizes, rng=4, imbalance=difference)
    assert [w.shape for w in start] == [(n_out, n_in) for n_in, n_out in pairwise(sizes)]
    np.testing.assert_allclose(product(start), M, atol=ROUNDING * np.abs(M).max(initial=0))
    squares = max(np.sum(w**2) for w in start)
    # The sign, too: a positive imbalance is a stronger layer above.
    for found, n in zip(imbalance(start), sizes[1:-1], strict=True):
        np.testing.assert_allclose(found, difference * np.eye(n), atol=ROUNDING * squares)


def test_an_imbalance_keeps_weak_directions_of_the_product():
    start = balanced(np.diag([1.0, 1e-30]), (2, 2, 2), rng=5, imbalance=0.5)
    # The layer below passes 1e-30 / b, with b^2 = 0.5 above.
    assert np.linalg.norm(start[0][:, 1]) == pytest.approx(1e-30 / 0.5**0.5, rel=1e-9)


def test_without_imbalance_the_draws_are_what_they_were():
    M = np.random.default_rng(22).standard_normal((3, 2))
    same = balanced(M, (2, 4, 3), rng=9), balanced(M, (2, 4, 3), rng=9, imbalance=0.0)
    for a, b in zip(*same, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
    ("sizes", "difference", "order"),
    [
        ((2, 3, 2), 0.5, "not fall from the first hidden layer to the outputs"),
        ((2, 4, 3, 5), 0.5, "not fall from the first hidden layer to the outputs"),
        ((2, 3, 3), -0.5, "not rise from the inputs to the last hidden layer"),
    ],
)
def test_an_imbalance_without_room_is_refused(sizes, difference, order):
    zero = np.zeros((sizes[-1], sizes[0]))
    wanted = rf"layer_sizes must {order} to go with an imbalance of {difference}, got \(2, "
    with pytest.raises(ValueError, match=wanted):
        balanced(zero, sizes, rng=0, imbalance=difference)
    with pytest.raises(ValueError, match="imbalance must be a finite number"):
        balanced(zero, sizes, rng=0, imbalance=np.nan)


def test_hidden_bases_of_balanced_layers_are_drawn_evenly():
    # The direction that the first hidden unit reads from is uniform in sign and size.
    rng = np.random.default_rng(13)
    entries = [balanced(np.eye(1), (1, 3, 1), rng=rng)[0][0, 0] for _ in range(2000)]
    assert stats.kstest(entries, stats.uniform(-1, 2).cdf).pvalue > 1e-4


def test_flow_from_a_balanced_start_follows_the_equation_of_its_product():
    # Arora, Cohen and Hazan (2018), for three layers of weights and a product of full rank.
    rng = np.random.default_rng(14)
    M, sizes = rng.standard_normal((3, 3)), (3, 5, 4, 3)
    x = rng.standard_normal((20, 3))
    task = from_data(x, x @ rng.standard_normal((3, 3)) + 0.1 * rng.standard_normal((20, 3)))
    start = balanced(M, sizes, rng=6)
    slopes = gradient(start, task)
    h = 1e-6
    ends = [product([w - d * g for w, g in zip(start, slopes, strict=True)]) for d in (h, -h)]
    rate = (ends[0] - ends[1]) / (2 * h)
    loss_slope = M @ task.sigma_xx - task.sigma_yx
    U, s, Vt = np.linalg.svd(M)
    left, right = ([f.T * s ** (2 * k / 3) @ f for k in range(3)] for f in (U.T, Vt))
    expected = -sum(left[2 - j] @ loss_slope @ right[j] for j in range(3))
    np.testing.assert_allclose(rate, expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("matrix", "sizes", "message"),
    [
        (np.eye(2, 3), (2, 4, 3), r"matrix must have shape \(3, 2\), outputs by inputs"),
        (np.ones(3), (3, 3), r"matrix must have shape \(3, 3\).* got shape \(3,\)"),
        ([[np.nan]], (1, 1), "matrix must be finite, got nan"),
        (1j * np.eye(2), (2, 2), "matrix must be real numbers"),
        (np.eye(2), (2,), "layer_sizes must be two or more positive integers"),
    ],
)
def test_balanced_starts_refuse(matrix, sizes, message):
    with pytest.raises((TypeError, ValueError), match=message):
        balanced(matrix, sizes, rng=0)


def test_factors_that_no_weights_can_have_are_refused():
    for name, call in (
        ("scale", lambda: small_random((9, 9), scale=1e308, rng=0)),
        ("gain", lambda: scaled_gaussian((2, 9, 9), gain=1.7e308, rng=0)),
    ):
        with pytest.raises(ValueError, match=f"{name} must leave all weights finite"):
            call()
    # No entry of orthogonal weights is beyond their gain.
    (w,) = orthogonal((9, 9), gain=1.7e308, rng=0)
    assert np.isfinite(w).all()


# Layers that differ, and many starts


def test_each_layer_may_have_its_own_scale():
    sizes = (4, 3, 2)
    one = small_random(sizes, scale=1.0, rng=7, n_starts=3)
    each = small_random(sizes, scale=[0.5, 4.0], rng=7, n_starts=3)
    for w, full, scale in zip(each, one, (0.5, 4.0), strict=True):
        np.testing.assert_array_equal(w, scale * full)
    same = small_random(sizes, scale=[0.3, 0.3], rng=7)
    for a, b in zip(same, small_random(sizes, scale=0.3, rng=7), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("no", "modes", "here"), "^modes must be real numbers"),
        (None, "^modes must be a sequence of three arrays"),
        ((np.eye(2), [1.0, np.nan], np.eye(2)), "^modes must be finite, got nan"),
    ],
)
def test_decoupled_takes_any_decomposition_and_nothing_else(change, message):
    sigma = np.random.default_rng(15).standard_normal((2, 3))
    U, s, Vt = np.linalg.svd(sigma)
    start = decoupled((U, s, Vt), (3, 4, 2), u0=0.25, rng=0)
    np.testing.assert_allclose(product(start), 0.25 * U @ Vt[:2], atol=ROUNDING)
    with pytest.raises((TypeError, ValueError), match=message):
        decoupled(change, (2, 2), u0=0.25, rng=0)


def test_unequal_layers_have_the_strengths_that_they_were_given():
    m = modes(diagonal([3.0, 2.0, 1.0]))
    strengths = np.array([[0.1, 0.0, 0.3], [2.0, 0.0, -0.1], [0.5, 0.0, 0.7]])
    start = decoupled(m, (3, 5, 4, 3), layer_strengths=strengths, rng=0)
    np.testing.assert_allclose(mode_strengths(start, m), strengths.prod(axis=0), atol=1e-14)
    for w, given in zip(start, strengths, strict=True):
        sizes = np.linalg.svd(w, compute_uv=False)[:3]
        np.testing.assert_allclose(sizes, np.sort(np.abs(given))[::-1], atol=1e-14)


def test_equal_layers_are_a_balanced_start():
    m = modes(diagonal([3.0, 2.0]))
    u0 = np.array([0.2, 0.01])
    given = np.tile(u0 ** (1 / 3), (3, 1))
    pair = (
        decoupled(m, (2, 4, 3, 2), u0=u0, rng=1),
        decoupled(m, (2, 4, 3, 2), layer_strengths=given, rng=1),
    )
    for a, b in zip(*pair, strict=True):
        np.testing.assert_array_equal(a, b)


def test_modes_of_unequal_layers_stay_apart():
    data = diagonal([3.0, 2.0])
    m = modes(data)
    start = decoupled(m, (2, 4, 2), layer_strengths=[[0.3, -0.1], [0.1, 0.4]], rng=2)
    flow = gradient_flow(start, data, times=[0.0, 0.5, 1.0], modes=m)
    ends = np.swapaxes(m.U, -1, -2) @ product([w[-1] for w in flow.weights]) @ m.Vt.T
    np.testing.assert_allclose(ends, np.diag(flow.mode_strengths[-1]), atol=1e-9)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "u0 or layer_strengths must be given, and not both"),
        ({"u0": 0.1, "layer_strengths": np.ones((2, 2))}, "and not both"),
        ({"layer_strengths": np.ones((3, 2))}, r"shape \(2, 2\), .* got shape \(3, 2\)"),
        ({"layer_strengths": [[1.0, np.nan]] * 2}, "layer_strengths must be finite, got nan"),
        ({"layer_strengths": np.ones((2, 2)), "untargeted": True}, "u0 must be given"),
    ],
)
def test_layer_strengths_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        decoupled(modes(diagonal([3.0, 2.0])), (2, 4, 2), rng=0, **options)


def test_no_more_modes_start_than_the_narrowest_layer_has_units():
    with pytest.raises(ValueError, match=r"at most 1 modes, .* got 2"):
        decoupled(modes(diagonal([3.0, 2.0])), (2, 1, 2), layer_strengths=np.ones((2, 2)), rng=0)


@pytest.mark.parametrize("start", [scaled_gaussian, glorot_uniform, orthogonal])
def test_many_starts_are_independent_draws_of_one_law(start):
    many = start((5, 4, 6), rng=3, n_starts=400)
    assert [w.shape for w in many] == [(400, 4, 5), (400, 6, 4)]
    alone = np.array([start((5, 4, 6), rng=seed)[0] for seed in range(400)])
    spread = np.sqrt((many[0].std() ** 2 + alone.std() ** 2) / alone.size)
    assert abs(many[0].mean() - alone.mean()) < 5 * spread
    assert many[0].std() == pytest.approx(alone.std(), rel=0.05)
    assert len(np.unique(many[0][:, 0, 0])) == 400
    with pytest.raises(ValueError, match="n_starts must be an integer of at least 1, got 0"):
        start((5, 4), rng=0, n_starts=0)


def test_without_modes_nothing_is_untargeted():
    with pytest.raises(ValueError, match="modes must have strengths to go with untargeted"):
        decoupled(modes(diagonal([0.0, 0.0])), (2, 2, 2), u0=0.1, rng=0, untargeted=True)
