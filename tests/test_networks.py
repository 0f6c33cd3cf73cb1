"""Tests of dlnlib.networks."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.linalg import lapack, solve_triangular

from dlnlib.correlations import from_data, modes
from dlnlib.datasets import mnist
from dlnlib.networks import (
    error,
    gradient,
    imbalance,
    least_error,
    mode_strengths,
    product,
    tangent_kernel,
)
from dlnlib.tanh_networks import (
    correlation as tanh_correlation,
)
from dlnlib.tanh_networks import (
    error as tanh_error,
)
from dlnlib.tanh_networks import (
    gradient as tanh_gradient,
)
from dlnlib.training import gradient_descent

# Rounding in sums of at most a few hundred terms, relative to the largest.
ROUNDING = 1e-12
# Central differences at this step err by the step squared and by rounding over the step.
STEP = 1e-5
DIFFERENCES = 1e-8

SIZES = [(3, 2), (3, 4, 2), (3, 2, 5, 2), (3, 4, 1, 4, 5, 2)]


def examples(n_inputs=3, n_outputs=2, n_examples=6):
    rng = np.random.default_rng(4)
    return rng.standard_normal((n_examples, n_inputs)), rng.standard_normal((n_examples, n_outputs))


def random_weights(sizes, batch=(), seed=5):
    rng = np.random.default_rng(seed)
    ends = pairwise(sizes)
    return tuple(rng.standard_normal((*batch, n_out, n_in)) for n_in, n_out in ends)


def forward(weights, x, function=lambda h: h):
    """Pass one example after another through the network."""
    outputs = []
    for example in x:
        for w in weights[:-1]:
            example = function(w @ example)
        outputs.append(weights[-1] @ example)
    return np.array(outputs)


def differences(function, weights):
    """Differentiate a function of the weights, entry by entry, by central differences."""
    gradients = [np.zeros_like(w) for w in weights]
    for layer, w in enumerate(weights):
        for index in np.ndindex(w.shape):
            values = []
            for step in (STEP, -STEP):
                moved = [v.copy() for v in weights]
                moved[layer][index] += step
                values.append(function(moved))
            gradients[layer][index] = (values[0] - values[1]) / (2 * STEP)
    return gradients


def assert_all_close(found, expected, tolerance):
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, atol=tolerance * max(1.0, np.abs(b).max()), rtol=0)


# The linear network


@pytest.mark.parametrize("sizes", SIZES)
def test_product_is_the_map_of_the_network(sizes):
    weights, (x, _) = random_weights(sizes), examples()
    np.testing.assert_allclose(x @ product(weights).T, forward(weights, x), atol=1e3 * ROUNDING)


@pytest.mark.parametrize("sizes", SIZES)
def test_error_from_correlations_is_error_from_examples(sizes):
    weights, (x, y) = random_weights(sizes), examples()
    from_examples = 0.5 * np.sum((y - forward(weights, x)) ** 2)
    assert error(weights, from_data(x, y)) == pytest.approx(from_examples, rel=ROUNDING)


@pytest.mark.parametrize("sizes", SIZES)
def test_gradient_is_the_slope_of_the_error(sizes):
    weights, data = random_weights(sizes), from_data(*examples())
    slopes = differences(lambda w: error(w, data), weights)
    assert_all_close(gradient(weights, data), slopes, DIFFERENCES)


def test_gradient_vanishes_where_the_error_is_least():
    x, y = examples()
    fit = np.linalg.lstsq(x, y)[0].T
    for g in gradient((fit, np.eye(2)), from_data(x, y)):
        np.testing.assert_allclose(g, 0, atol=1e2 * ROUNDING)


# The least error


@pytest.mark.parametrize("n_inputs", [3, 30])
def test_least_error_is_that_of_least_squares(n_inputs):
    # With more inputs than examples the correlation is singular, and every target can be met.
    rng = np.random.default_rng(6)
    x, y = rng.standard_normal((20, n_inputs)), rng.standard_normal((20, 4))
    misses = y - x @ np.linalg.lstsq(x, y)[0]
    expected = 0.5 * np.sum(misses**2)
    assert least_error(from_data(x, y)) == pytest.approx(expected, abs=1e-10)


def explained_by_cholesky(sigma_xx, sigma_yx):
    """Return what inputs explain, and their rank, by elimination with pivots, no eigenvalues."""
    size = np.sqrt(np.diagonal(sigma_xx))
    seen = size > 0
    A = sigma_xx[np.ix_(seen, seen)] / np.outer(size[seen], size[seen])
    B = sigma_yx[:, seen] / size[seen]
    factor, pivots, rank, _ = lapack.dpstrf(A, tol=1e-10, lower=1)
    first = pivots[:rank] - 1
    white = solve_triangular(np.tril(factor[:rank, :rank]), B[:, first].T, lower=True)
    return np.sum(white**2), rank


@pytest.fixture(scope="module")
def digits():
    return mnist()


def test_least_error_of_the_digits_misses_no_direction(digits):
    # The integer matrix of pixels has rank 711; a cut on its own eigenvalues found 710.
    explained, rank = explained_by_cholesky(digits.sigma_xx, digits.sigma_yx)
    assert rank == 711
    found = least_error(digits)
    assert found == pytest.approx((digits.trace_yy - explained) / 2, rel=1e-10)
    assert found == pytest.approx(9855.5224, abs=5e-5)


def test_thresholds_down_to_the_least_error_are_accepted(digits):
    start = [np.zeros((10, 784))]
    options = {"learning_rate": 1e-6, "n_steps": 1}
    run = gradient_descent(start, digits, threshold=9855.6, **options)
    assert run.status == "completed"
    with pytest.raises(ValueError, match=r"threshold must not be below 9855\.52"):
        gradient_descent(start, digits, threshold=9855.5, **options)


@pytest.mark.parametrize("n_examples", [12, 60])
def test_units_of_inputs_make_no_difference_to_the_least_error(n_examples):
    rng = np.random.default_rng(16)
    x, y = rng.standard_normal((n_examples, 20)) + 0.5, rng.standard_normal((n_examples, 3))
    x[:, 5] = x[:, 4] + 1e-3 * x[:, 6]
    expected = 0.5 * np.sum((y - x @ np.linalg.lstsq(x, y)[0]) ** 2)
    for units in (1.0, 10.0 ** rng.uniform(-6, 6, 20), 1e6 ** rng.choice([-1.0, 1.0], 20)):
        found = least_error(from_data(units * x, y))
        assert found == pytest.approx(expected, rel=1e-9, abs=1e-9)


def test_a_weak_direction_that_explains_much_is_not_cut():
    # Two inputs that differ by 1e-5 of themselves, and a target that is their difference.
    rng = np.random.default_rng(17)
    base, difference = rng.standard_normal((2, 50))
    x = np.stack([base, base + 1e-5 * difference], axis=1)
    target = difference[:, None] + 0.1 * rng.standard_normal((50, 1))
    best = np.stack([base, difference], axis=1)
    expected = 0.5 * np.sum((target - best @ np.linalg.lstsq(best, target)[0]) ** 2)
    # Moments keep 16 - 10 digits of it.
    assert least_error(from_data(x, target)) == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize("rank", [0, 1, 2, 3, 9])
def test_least_error_of_a_bottleneck_is_where_descent_ends(rank):
    rng = np.random.default_rng(7)
    x = rng.standard_normal((20, 5)) * [3, 2, 1, 0.5, 0.3]
    data = from_data(x, x @ rng.standard_normal((5, 3)) + rng.standard_normal((20, 3)))
    start = [0.3 * rng.standard_normal(shape) for shape in ((rank, 5), (3, rank))]
    run = gradient_descent(start, data, learning_rate=2e-3, n_steps=20_000, record_every=10**6)
    assert run.errors[-1] == pytest.approx(least_error(data, rank=rank), rel=1e-9)


@pytest.mark.parametrize("rank", [-1, 1.5])
def test_a_rank_is_a_count(rank):
    with pytest.raises(ValueError, match=f"rank must be an integer of at least 0, got {rank}"):
        least_error(from_data(*examples()), rank=rank)


# What flow conserves


@pytest.mark.parametrize("sizes", [(3, 2), (3, 4, 2), (3, 4, 5, 2)])
def test_imbalance_is_layer_above_minus_layer_below(sizes):
    rng = np.random.default_rng(8)
    weights = [rng.standard_normal((7, m, n)) for n, m in pairwise(sizes)]
    found = imbalance(weights)
    assert len(found) == len(sizes) - 2
    for matrix, (down, up) in zip(found, pairwise(weights), strict=True):
        for i in range(7):
            np.testing.assert_allclose(matrix[i], up[i].T @ up[i] - down[i] @ down[i].T)


@given(seed=st.integers(0, 2**32 - 1), n_layers=st.integers(3, 6))
def test_the_rate_of_imbalance_vanishes_along_the_gradient(seed, n_layers):
    rng = np.random.default_rng(seed)
    sizes = [int(n) for n in rng.integers(1, 5, n_layers)]
    weights = [rng.standard_normal((m, n)) for n, m in pairwise(sizes)]
    x = rng.standard_normal((6, sizes[0]))
    slopes = gradient(weights, from_data(x, rng.standard_normal((6, sizes[-1]))))
    sides = [imbalance([w + h * g for w, g in zip(weights, slopes, strict=True)]) for h in (1, -1)]
    size = sum(np.linalg.norm(w) * np.linalg.norm(g) for w, g in zip(weights, slopes, strict=True))
    # Quadratic in the step, so that the two sides differ by twice the rate and nothing else.
    for up, down in zip(*sides, strict=True):
        assert np.abs(up - down).max() <= 1e-10 * (1 + size + np.abs(up).max())


# The tanh network


TANH_SIZES = [(3, 4, 2), (3, 4, 5, 2), (3, 2, 4, 3, 5, 2)]


@pytest.mark.parametrize("sizes", TANH_SIZES)
def test_tanh_error_is_error_from_examples(sizes):
    weights, (x, y) = random_weights(sizes), examples()
    from_examples = 0.5 * np.sum((y - forward(weights, x, np.tanh)) ** 2)
    assert tanh_error(weights, x, y) == pytest.approx(from_examples, rel=ROUNDING)


@pytest.mark.parametrize("sizes", TANH_SIZES)
def test_tanh_gradient_is_the_slope_of_the_error(sizes):
    weights, (x, y) = random_weights(sizes), examples()
    slopes = differences(lambda w: tanh_error(w, x, y), weights)
    assert_all_close(tanh_gradient(weights, x, y), slopes, DIFFERENCES)


@pytest.mark.parametrize("sizes", TANH_SIZES)
def test_tanh_correlation_is_that_of_its_outputs(sizes):
    weights, (x, _) = random_weights(sizes), examples()
    expected = from_data(x, forward(weights, x, np.tanh)).sigma_yx
    np.testing.assert_allclose(tanh_correlation(weights, x), expected, atol=1e2 * ROUNDING)


def test_a_tanh_network_with_small_weights_is_linear():
    x, y = examples()
    data = from_data(x, y)
    first, second = random_weights((3, 4, 2))
    # The cubic term of tanh is the first difference: a tenth of the weights, a thousandth of it.
    gaps = [
        np.abs(tanh_correlation((w * first, second), x) - second @ (w * first) @ data.sigma_xx)
        for w in (1e-2, 1e-3)
    ]
    np.testing.assert_allclose(gaps[0] / gaps[1], 1000, rtol=0.01)


# Mode strengths


def test_mode_strengths_are_the_diagonal_in_the_modes():
    m = modes(from_data(*examples()))
    weights = (m.Vt, np.diag([5.0, 7.0]), m.U)
    np.testing.assert_allclose(mode_strengths(weights, m), [5.0, 7.0], rtol=ROUNDING)


def test_off_diagonal_entries_do_not_count():
    m = modes(from_data(*examples()))
    weights = (np.array([[5.0, 1.0], [2.0, 7.0]]) @ m.Vt, m.U)
    np.testing.assert_allclose(mode_strengths(weights, m), [5.0, 7.0], rtol=ROUNDING)


# Batches


@given(batch=st.lists(st.integers(1, 3), min_size=0, max_size=3).map(tuple))
def test_a_batch_is_a_loop_over_starts(batch):
    weights, (x, y) = random_weights((3, 4, 2), batch), examples()
    data = from_data(x, y)
    m = modes(data)
    functions = {
        product: (),
        error: (data,),
        gradient: (data,),
        mode_strengths: (m,),
        tanh_correlation: (x,),
        tanh_error: (x, y),
        tanh_gradient: (x, y),
    }
    for function, arguments in functions.items():
        whole = function(weights, *arguments)
        whole = whole if isinstance(whole, tuple) else (whole,)
        for index in np.ndindex(batch):
            one = function(tuple(w[index] for w in weights), *arguments)
            one = one if isinstance(one, tuple) else (one,)
            assert_all_close([part[index] for part in whole], one, 1e2 * ROUNDING)


@pytest.mark.parametrize("sizes", SIZES)
def test_a_batch_of_deep_networks_is_a_loop(sizes):
    weights, data = random_weights(sizes, (4,)), from_data(*examples())
    for i in range(4):
        one = gradient([w[i] for w in weights], data)
        assert_all_close([g[i] for g in gradient(weights, data)], one, 1e2 * ROUNDING)


# What is refused

DATA = from_data(*examples())
GOOD = random_weights((3, 4, 2))


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ((), r"one or more matrices, got shapes \[\]"),
        ((np.ones(3),), r"one or more matrices, got shapes \[\(3,\)\]"),
        ((np.ones((4, 3)), np.ones((2, 5))), r"must chain.*\[\(4, 3\), \(2, 5\)\]"),
        ((np.ones((2, 4, 3)), np.ones((2, 4))), r"must chain.*\[\(2, 4, 3\), \(2, 4\)\]"),
        ((np.full((2, 3), np.nan),), "must be finite"),
        ((np.full((2, 3), np.inf),), "must be finite"),
    ],
)
def test_refuses_what_is_not_a_network(weights, message):
    for call in (
        product,
        lambda w: error(w, DATA),
        lambda w: gradient(w, DATA),
        lambda w: mode_strengths(w, modes(DATA)),
        lambda w: tanh_error(w, *examples()),
    ):
        with pytest.raises(ValueError, match=message):
            call(weights)


@pytest.mark.parametrize("other", [None, 1.0, DATA.sigma_yx])
def test_refuses_what_is_no_data(other):
    for call in (lambda c: error(GOOD, c), lambda c: gradient(GOOD, c), least_error):
        with pytest.raises(TypeError, match=r"^correlations must be a Correlations"):
            call(other)
    with pytest.raises((TypeError, ValueError), match=r"^modes must be"):
        mode_strengths(GOOD, other)


def test_refuses_weights_of_which_something_overflows():
    x, y = examples(3, 3)
    data, huge = from_data(x, y), [1e200 * np.eye(3), 1e200 * np.eye(3)]
    large = [np.eye(3), 1e308 * np.eye(3)]
    for call in (
        lambda: product(huge),
        lambda: error(huge, data),
        lambda: gradient(huge, data),
        lambda: imbalance(huge),
        lambda: mode_strengths(huge, modes(data)),
        lambda: tanh_correlation(large, 10 * x),
        lambda: tanh_error(large, x, y),
        lambda: tanh_gradient(large, 10 * x, y),
    ):
        with pytest.raises(ValueError, match="weights must be so small that nothing leaves"):
            call()


def test_any_decomposition_has_mode_strengths():
    m = modes(DATA)
    found = mode_strengths(GOOD, (m.U.tolist(), m.s.tolist(), m.Vt.tolist()))
    np.testing.assert_array_equal(found, mode_strengths(GOOD, m))
    with pytest.raises(ValueError, match=r"^modes must be finite"):
        mode_strengths(GOOD, (m.U, np.nan * m.s, m.Vt))


def test_refuses_a_network_that_does_not_fit_the_data():
    wrong = random_weights((4, 4, 2))
    for call in (error, gradient):
        with pytest.raises(ValueError, match=r"map the 3 inputs .* 2 outputs, got .*\(2, 4\)"):
            call(wrong, DATA)
    with pytest.raises(ValueError, match=r"3 inputs to 2 outputs to go with modes.*\(2, 4\)"):
        mode_strengths(wrong, modes(DATA))


@pytest.mark.parametrize(
    ("weights", "x", "y", "message"),
    [
        (GOOD[:1], *examples(), r"two matrices \(three layers\), got 1"),
        (
            GOOD,
            np.ones((6, 4)),
            examples()[1],
            r"x must be a finite matrix with 3 columns.*\(6, 4\)",
        ),
        (
            GOOD,
            examples()[0],
            np.ones((6, 3)),
            r"y must be a finite matrix with 2 columns.*\(6, 3\)",
        ),
        (GOOD, np.full((6, 3), np.nan), examples()[1], "x must be a finite matrix"),
        (
            GOOD,
            examples()[0],
            np.ones((5, 2)),
            r"equally many rows, got shapes \(6, 3\) and \(5, 2\)",
        ),
    ],
)
def test_refuses_examples_that_do_not_fit_a_tanh_network(weights, x, y, message):
    for call in (tanh_error, tanh_gradient):
        with pytest.raises(ValueError, match=message):
            call(weights, x, y)


def outputs_as_a_function(shapes, x):
    """Return the outputs of a network for inputs in rows, as a function of all weights in a row."""

    def outputs(flat):
        pieces = np.split(flat, np.cumsum([np.prod(shape) for shape in shapes])[:-1])
        return (product([p.reshape(s) for p, s in zip(pieces, shapes, strict=True)]) @ x.T).ravel()

    return outputs


@pytest.mark.parametrize("sizes", [(3, 2), (3, 4, 2), (2, 3, 1, 4)])
def test_the_tangent_kernel_is_that_of_the_derivatives(sizes):
    rng = np.random.default_rng(31)
    weights = [rng.standard_normal((n_out, n_in)) for n_in, n_out in pairwise(sizes)]
    flat = np.concatenate([w.ravel() for w in weights])
    for x in (None, rng.standard_normal((5, sizes[0]))):
        inputs = np.eye(sizes[0]) if x is None else x
        outputs = outputs_as_a_function([w.shape for w in weights], inputs)
        # Outputs are at most of third order, so that central differences are all but exact.
        h = 1e-4
        slopes = np.array(
            [(outputs(flat + h * e) - outputs(flat - h * e)) / (2 * h) for e in np.eye(len(flat))]
        )
        kernel = tangent_kernel(weights, x)
        assert kernel.shape == (sizes[-1], len(inputs)) * 2
        n = sizes[-1] * len(inputs)
        np.testing.assert_allclose(kernel.reshape(n, n), slopes.T @ slopes, rtol=1e-6, atol=1e-6)


def test_the_tangent_kernel_takes_batches():
    rng = np.random.default_rng(32)
    weights = [rng.standard_normal((2, 3, 4, 3)), rng.standard_normal((2, 3, 2, 4))]
    kernel = tangent_kernel(weights)
    assert kernel.shape == (2, 3, 2, 3, 2, 3)
    alone = tangent_kernel([w[1, 2] for w in weights])
    np.testing.assert_allclose(kernel[1, 2], alone, rtol=1e-12, atol=1e-12)


def test_the_tangent_kernel_refuses_other_inputs():
    with pytest.raises(ValueError, match=r"x must be a matrix with 2 columns.* got shape \(3, 3\)"):
        tangent_kernel([np.eye(2)], np.eye(3))
    with pytest.raises(ValueError, match="x must be finite, got nan"):
        tangent_kernel([np.eye(2)], np.full((1, 2), np.nan))
