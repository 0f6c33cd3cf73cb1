"""Tests of dlnlib.correlations."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlnlib import correlations
from dlnlib.correlations import (
    Correlations,
    Modes,
    centred,
    diagonal,
    from_data,
    input_strengths,
    modes,
    per_example,
    summed,
    whitened,
)
from dlnlib.datasets import living_things, mnist
from dlnlib.initial_conditions import small_random
from dlnlib.networks import least_error
from dlnlib.training import gradient_descent, gradient_flow

# Rounding in sums of at most a few hundred terms, relative to the largest.
ROUNDING = 1e-12

INTEGERS = [np.bool_, np.uint8, np.int8, np.uint16, np.int32, np.int64, np.uint64]


def python_sums(x, y):
    """Sum the correlations in Python's integers, which never round, and round once."""
    x, y = x.astype(object), y.astype(object)
    trace = sum(int(v) ** 2 for v in y.ravel())
    return (x.T @ x).astype(float), (y.T @ x).astype(float), float(trace)


def assert_equals_python_sums(x, y):
    found = from_data(x, y)
    sigma_xx, sigma_yx, trace_yy = python_sums(x, y)
    np.testing.assert_array_equal(found.sigma_xx, sigma_xx)
    np.testing.assert_array_equal(found.sigma_yx, sigma_yx)
    assert found.trace_yy == trace_yy
    assert found.n_examples == len(x)


# Sums over examples


def test_is_the_sum_over_examples():
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((20, 4)), rng.standard_normal((20, 3))
    correlations = from_data(x, y)
    pairs = list(zip(x, y, strict=True))
    sigma_xx = sum(np.outer(a, a) for a, _ in pairs)
    sigma_yx = sum(np.outer(b, a) for a, b in pairs)
    np.testing.assert_allclose(correlations.sigma_xx, sigma_xx, atol=20 * ROUNDING)
    np.testing.assert_allclose(correlations.sigma_yx, sigma_yx, atol=20 * ROUNDING)
    assert correlations.trace_yy == pytest.approx(sum(b @ b for _, b in pairs), rel=ROUNDING)
    assert correlations.n_examples == 20


def test_takes_lists_and_leaves_arrays_as_they_were():
    x, y = np.arange(6.0).reshape(3, 2), np.ones((3, 1))
    before = x.copy()
    from_arrays, from_lists = from_data(x, y), from_data(x.tolist(), y.tolist())
    np.testing.assert_array_equal(from_arrays.sigma_xx, from_lists.sigma_xx)
    np.testing.assert_array_equal(x, before)


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_narrow_floats_are_summed_in_double_precision(dtype):
    x = np.full((1000, 1), 0.1, dtype=dtype)
    exact = 1000 * float(x[0, 0]) ** 2
    assert from_data(x, x).sigma_xx[0, 0] == pytest.approx(exact, rel=ROUNDING)


# Integers


@pytest.mark.parametrize("dtype", INTEGERS)
def test_integers_do_not_wrap_around(dtype):
    rng = np.random.default_rng(1)
    limits = (0, 2) if dtype is np.bool_ else (np.iinfo(dtype).min, np.iinfo(dtype).max)
    x, y = (rng.integers(*limits, (7, n), dtype=dtype) for n in (3, 2))
    assert_equals_python_sums(x, y)


@pytest.mark.parametrize("largest", [2**26, 2**27, 2**30, 2**31, 2**32, 2**62])
def test_integers_are_rounded_once_at_every_magnitude(largest):
    # Sums up to 2**53 go through float64, up to 2**63 through int64, then through Python.
    rng = np.random.default_rng(largest)
    x, y = (rng.integers(largest - 99, largest, (3, n)) for n in (2, 2))
    assert_equals_python_sums(x, -y)


def test_trace_of_many_large_outputs_does_not_wrap_around():
    assert from_data(np.ones((1, 1), int), np.full((1, 4), 2**31)).trace_yy == 2.0**64


def test_sums_that_floats_would_round_are_exact():
    x = np.array([[2**53], [1], [1]])
    ones = np.ones((3, 1), dtype=int)
    assert from_data(x, ones).sigma_yx[0, 0] == 2.0**53 + 2
    assert from_data(x.astype(float), ones).sigma_yx[0, 0] == 2.0**53


def test_integers_with_floats_are_floats():
    correlations = from_data(np.array([[200], [100]], np.uint8), np.array([[0.5], [2.0]]))
    assert correlations.sigma_yx[0, 0] == 300.0


# Chunks


@given(n_examples=st.integers(1, 30), chunk_size=st.integers(1, 40))
def test_chunks_make_no_difference_to_integers(n_examples, chunk_size):
    rng = np.random.default_rng(n_examples)
    x, y = (rng.integers(-200, 200, (n_examples, n), dtype=np.int16) for n in (3, 2))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(correlations, "_CHUNK", chunk_size)
        assert_equals_python_sums(x, y)


@pytest.mark.parametrize("chunk_size", [1, 7, 8, 100])
def test_chunks_make_only_rounding_to_floats(monkeypatch, chunk_size):
    rng = np.random.default_rng(2)
    x, y = rng.standard_normal((40, 5)), rng.standard_normal((40, 3))
    whole = from_data(x, y)
    monkeypatch.setattr(correlations, "_CHUNK", chunk_size)
    chunked = from_data(x, y)
    np.testing.assert_allclose(chunked.sigma_xx, whole.sigma_xx, atol=50 * ROUNDING)
    np.testing.assert_allclose(chunked.sigma_yx, whole.sigma_yx, atol=50 * ROUNDING)
    assert chunked.trace_yy == pytest.approx(whole.trace_yy, rel=ROUNDING)


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_memory_mapped_arrays_are_read_a_chunk_at_a_time(tmp_path, dtype, monkeypatch):
    x = np.arange(200_000).reshape(100_000, 2).astype(dtype)
    y = np.ones((100_000, 1), dtype)
    mapped = {}
    for name, array in (("x", x), ("y", y)):
        np.save(tmp_path / f"{name}.npy", array)
        mapped[name] = np.load(tmp_path / f"{name}.npy", mmap_mode="r")
    whole = from_data(x, y)
    monkeypatch.setattr(correlations, "_CHUNK", 1000)
    tracemalloc.start()
    read = from_data(mapped["x"], mapped["y"])
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    np.testing.assert_allclose(read.sigma_xx, whole.sigma_xx, rtol=ROUNDING)
    np.testing.assert_allclose(read.sigma_yx, whole.sigma_yx, rtol=ROUNDING)
    # All of x in double precision is 1.6 MB, and a column of ones as long is 0.8.
    assert peak < 1.2e6


# What is refused


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        (np.ones(3), np.ones((3, 1)), r"x must be a non-empty real matrix.*shape \(3,\)"),
        (np.ones((3, 1)), np.ones((3, 1, 1)), r"y must be a non-empty real matrix.*\(3, 1, 1\)"),
        (np.ones((0, 1)), np.ones((0, 1)), r"x must be a non-empty real matrix.*\(0, 1\)"),
        (np.ones((2, 0)), np.ones((2, 1)), r"x must be a non-empty real matrix.*\(2, 0\)"),
        (np.ones((2, 1)), np.ones((3, 1)), r"equally many rows, got shapes \(2, 1\) and \(3, 1\)"),
        ([[np.nan]], [[1.0]], "x must be finite"),
        ([[1.0]], [[np.inf]], "y must be finite"),
        ([[1e200]], [[1.0]], "x must be finite with finite products"),
        ([[1e-200]], [[1e200]], "y must be finite with finite products"),
    ],
)
def test_refuses_what_is_not_data(x, y, message):
    with pytest.raises(ValueError, match=message):
        from_data(x, y)


@pytest.mark.parametrize(
    "bad",
    [
        np.ones((2, 1), complex),
        [["a"], ["b"]],
        np.ones((2, 1), object),
        np.ma.masked_equal([[1.0], [2.0]], 2.0),
        np.array([["2020-01-01"], ["2020-01-02"]], dtype="datetime64[D]"),
    ],
)
def test_refuses_what_is_no_real_numbers(bad):
    good = np.ones((2, 1))
    with pytest.raises(TypeError, match=r"^x must be real numbers"):
        from_data(bad, good)
    with pytest.raises(TypeError, match=r"^y must be real numbers"):
        from_data(good, bad)
    with pytest.raises(TypeError, match=r"^sigma_xx must be real numbers"):
        Correlations(bad[:1], [[1.0]], 1.0, 1)
    with pytest.raises(TypeError, match=r"^sum_x must be real numbers"):
        Correlations([[1.0]], [[1.0]], 1.0, 1, sum_x=bad[0])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((np.ones(2), np.ones((1, 2)), 1.0, 1), r"sigma_xx must be a finite matrix.*\(2,\)"),
        ((np.eye(2), [[1.0, np.nan]], 1.0, 1), r"sigma_yx must be a finite matrix.*1 non-finite"),
        ((np.eye(3), np.ones((1, 2)), 1.0, 1), r"shape \(2, 2\) to go with .* got shape \(3, 3\)"),
        (([[1.0, 0.1], [0.2, 1.0]], np.ones((1, 2)), 1.0, 1), "must be symmetric.*0.1"),
        ((np.eye(2), np.ones((1, 2)), -1.0, 1), "trace_yy must be a finite number of at least 0"),
        ((np.eye(2), np.ones((1, 2)), np.nan, 1), "trace_yy must be a finite number of at least 0"),
        (
            (np.eye(2), np.ones((1, 2)), 1.0, 0),
            "n_examples must be an integer of at least 1, got 0",
        ),
        ((np.eye(2), np.ones((1, 2)), 2.0, 1.5), "n_examples must be an integer .* got 1.5"),
        ((np.eye(2), np.ones((1, 2)), 2.0, np.nan), "n_examples must be an integer .* got nan"),
    ],
)
def test_refuses_what_cannot_be_correlations(arguments, message):
    with pytest.raises(ValueError, match=message):
        Correlations(*arguments)


def test_correlations_are_frozen_arrays_of_doubles():
    correlations = Correlations([[1]], [[2]], 4, 1)
    assert correlations.sigma_xx.dtype == correlations.sigma_yx.dtype == np.float64
    with pytest.raises(AttributeError):
        correlations.trace_yy = 5.0


# Moments that some data have, and others


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((np.diag([1.0, -0.1]), np.zeros((1, 2)), 1.0, 1), "^sigma_xx must be positive semidef"),
        (([[1.0, 2.0], [2.0, 1.0]], np.zeros((1, 2)), 1.0, 1), "semidefinite.* from -1"),
        (([[1.0, 1e-3], [1e-3, 0.0]], np.zeros((1, 2)), 1.0, 1), "^sigma_xx must be positive"),
        ((-np.eye(2), np.zeros((1, 2)), 1.0, 1), "^sigma_xx must be positive semidefinite"),
        # One trace would make the error negative: 9 + 1 is the least that there is.
        ((np.eye(2), np.diag([3.0, 1.0]), 1.0, 2), r"^trace_yy must be at least (10\.0|9\.9999)"),
        ((np.eye(2), np.diag([3.0, 1.0]), 10 * (1 - 1e-7), 2), "^trace_yy must be at least"),
        # The same in other units of the second input.
        ((np.diag([1.0, 1e-10]), np.diag([3.0, 1e-5]), 9.5, 2), "^trace_yy must be at least"),
        ((np.diag([1.0, 1e10]), np.diag([3.0, 1e5]), 9.5, 2), "^trace_yy must be at least"),
        # An output that varies with an input that does not.
        ((np.diag([1.0, 0.0]), [[0.5, 0.1]], 1.0, 1), "^sigma_yx must lie in the range"),
        ((np.ones((2, 2)), [[0.5, 0.4]], 1.0, 1), "^sigma_yx must lie in the range"),
        ((np.zeros((2, 2)), [[0.0, 1e-200]], 1.0, 1), "^sigma_yx must lie in the range"),
        # Two examples, whose means would be larger than their mean squares.
        ((np.eye(1), np.eye(1), 1.0, 2, [1.5], [1.0]), "^sum_x and sum_y must be sums over 2"),
        ((np.eye(1), np.eye(1), 1.0, 2, [1.0], [1.5]), "^sum_x and sum_y must be sums over 2"),
    ],
)
def test_moments_that_no_data_have_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        Correlations(*arguments)


@pytest.mark.parametrize(
    "arguments",
    [
        (np.eye(2), np.diag([3.0, 1.0]), 10 * (1 - 1e-9), 2),
        (np.ones((2, 2)), [[0.5, 0.5]], 0.25, 1),
        (np.zeros((2, 2)), np.zeros((1, 2)), 0.0, 1),
        (np.diag([1.0, -1e-13]), np.zeros((1, 2)), 1.0, 1),
        (np.eye(1), np.eye(1), 1.0, 2, [1.0], [1.0]),
        (1e300 * np.eye(2), 1e300 * np.eye(2), 1e307, 2),
        (1e-300 * np.eye(2), 1e-300 * np.eye(2), 1e-290, 2),
    ],
)
def test_rounding_does_not_make_moments_impossible(arguments):
    assert Correlations(*arguments).trace_yy == arguments[2]


@given(
    seed=st.integers(0, 2**32 - 1),
    n_examples=st.integers(1, 40),
    n_inputs=st.integers(1, 25),
    spread=st.integers(0, 8),
    mean=st.sampled_from([0.0, 1.0, 1e4]),
)
def test_moments_of_data_pass_in_any_units_and_bases(seed, n_examples, n_inputs, spread, mean):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n_examples, n_inputs)) + mean
    x *= 10.0 ** rng.uniform(-spread, spread, n_inputs)
    # Targets without noise: their trace is all explained.
    y = x @ rng.standard_normal((n_inputs, 3))
    Q = np.linalg.qr(rng.standard_normal((n_inputs, n_inputs)))[0]
    for inputs in (x, x @ Q):
        c = from_data(inputs, y)
        again = Correlations(
            c.sigma_xx, c.sigma_yx, c.trace_yy, c.n_examples, sum_x=c.sum_x, sum_y=c.sum_y
        )
        assert again.trace_yy == c.trace_yy


def test_moments_of_pixels_pass_and_say_what_trace_they_need():
    digits = mnist()
    assert replace(digits, sum_x=None).sum_x is None
    with pytest.raises(ValueError, match=r"^trace_yy must be at least 30288.9"):
        replace(digits, trace_yy=30_288.0)


def test_counts_and_traces_are_plain_numbers():
    c = Correlations(np.eye(1), [[1.0]], np.array(1), np.float32(3.0))
    assert type(c.trace_yy) is float and type(c.n_examples) is int
    assert (c.trace_yy, c.n_examples) == (1.0, 3)


def test_a_matrix_squares_its_entries():
    x, y = np.eye(3), np.array([[2, 2, 0], [0, 2, 0], [0, 0, 2]])
    with pytest.warns(PendingDeprecationWarning):
        matrices = np.asmatrix(x), np.asmatrix(y)
    assert from_data(*matrices).trace_yy == 16.0
    np.testing.assert_array_equal(from_data(*matrices).sigma_yx, y.T)


@pytest.mark.parametrize(
    "call",
    [modes, centred, per_example, whitened, lambda c: summed(c, n_examples=3)],
)
@pytest.mark.parametrize("other", [None, 3.0, np.eye(2), (np.eye(2), np.eye(2))])
def test_what_is_no_correlations_is_refused(call, other):
    with pytest.raises(TypeError, match=r"^correlations must be a Correlations.*from_data"):
        call(other)


# Means over examples


@pytest.mark.parametrize("n_examples", [32, 20])
def test_means_learn_alike_at_the_rate_times_the_number_of_examples(n_examples):
    rng = np.random.default_rng(8)
    x, y = rng.standard_normal((n_examples, 4)), rng.standard_normal((n_examples, 3))
    sums, means = from_data(x, y), per_example(from_data(x, y))
    np.testing.assert_allclose(means.sigma_xx, np.mean(x[:, :, None] * x[:, None], axis=0))
    start, m = small_random((4, 5, 3), scale=0.3, rng=1), modes(sums)
    run = gradient_descent(start, sums, learning_rate=2e-3, n_steps=300, modes=m)
    other = gradient_descent(start, means, learning_rate=2e-3 * n_examples, n_steps=300, modes=m)
    # A power of two changes exponents alone.
    tolerance = 0 if n_examples == 32 else 1e-10
    np.testing.assert_allclose(other.mode_strengths, run.mode_strengths, rtol=tolerance)
    np.testing.assert_allclose(n_examples * other.errors, run.errors, rtol=tolerance)
    assert run.errors[-1] < 0.8 * run.errors[0]
    flow = gradient_flow(start, sums, times=[0.0, 0.3], modes=m)
    slow = gradient_flow(start, means, times=[0.0, 0.3], tau=1 / n_examples, modes=m)
    np.testing.assert_allclose(slow.mode_strengths, flow.mode_strengths, atol=1e-7)


def test_means_of_squared_errors_over_outputs_take_half_of_them_more():
    rng = np.random.default_rng(9)
    x, y = rng.standard_normal((20, 4)), rng.standard_normal((20, 3))
    w, rate = rng.standard_normal((3, 4)), 0.05
    # The gradient of the mean over all entries of (y - w x)^2.
    expected = w + rate * 2 * (y - x @ w.T).T @ x / y.size
    run = gradient_descent(
        [w], from_data(x, y), learning_rate=rate / (20 * 3 / 2), n_steps=1, reduce=False
    )
    np.testing.assert_allclose(run.weights[0], expected, rtol=1e-12)


def test_sums_come_back_and_preparations_commute_with_means():
    rng = np.random.default_rng(10)
    data = from_data(rng.standard_normal((20, 4)) + 1, rng.standard_normal((20, 3)))
    pairs = [(summed(per_example(data), n_examples=20), data)]
    for prepare in (centred, whitened, lambda c: whitened(centred(c), epsilon=0.1)):
        pairs.append((prepare(per_example(data)), per_example(prepare(data))))
    for found, expected in pairs:
        assert found.n_examples == expected.n_examples
        for name in ("sigma_xx", "sigma_yx", "trace_yy", "sum_x", "sum_y"):
            np.testing.assert_allclose(
                getattr(found, name), getattr(expected, name), rtol=1e-10, atol=1e-12
            )
    assert per_example(diagonal([1.0])).sum_x is None
    with pytest.raises(ValueError, match=r"n_examples must be an integer .* got 0"):
        summed(data, n_examples=0)
    with pytest.raises(ValueError, match="n_examples must leave all moments finite"):
        summed(diagonal([1e150]), n_examples=2**53)


# Constant inputs


def test_an_input_that_is_constant_is_zero_when_centred():
    # A background pixel of images that were standardised: its square is no exact number.
    rng = np.random.default_rng(11)
    x, y = rng.standard_normal((1000, 4)), rng.standard_normal((1000, 2))
    x[:, 1] = -0.42421296
    without = from_data(x[:, [0, 2, 3]], y)
    found = centred(from_data(x, y))
    assert not found.sigma_xx[1].any() and not found.sigma_yx[:, 1].any()
    np.testing.assert_allclose(
        whitened(found).sigma_yx[:, [0, 2, 3]], whitened(centred(without)).sigma_yx, rtol=1e-10
    )


# Whitening in any units


def test_whitening_without_regularisation_keeps_inputs_of_small_units():
    # By hand: a correlation of 3/5 between two inputs in units that differ by twelve orders.
    mpmath = pytest.importorskip("mpmath")
    with mpmath.workdps(80):
        small = mpmath.mpf("1e-12")
        S = mpmath.matrix([[1, 3 * small / 5], [3 * small / 5, small**2]])
        root = mpmath.inverse(mpmath.sqrtm(S))
        expected = np.array([[float(mpmath.re(x)) for x in row] for row in root.tolist()])
    data = Correlations([[1.0, 0.6e-12], [0.6e-12, 1e-24]], [[1.0, 0.0], [0.0, 1e-12]], 9.0, 1)
    found = whitened(data)
    np.testing.assert_allclose(found.sigma_xx, np.eye(2), atol=1e-14)
    np.testing.assert_allclose(found.sigma_yx, np.diag([1, 1e-12]) @ expected, rtol=1e-12)
    assert least_error(found) == pytest.approx(least_error(data), rel=1e-12)


def test_whitening_refuses_components_that_are_not_there():
    rng = np.random.default_rng(12)
    x = rng.standard_normal((20, 3)) @ rng.standard_normal((3, 5))
    data = from_data(x, rng.standard_normal((20, 2)))
    with pytest.raises(ValueError, match=r"^rank must not exceed 3, the numerical rank"):
        whitened(data, rank=4)
    assert np.linalg.matrix_rank(whitened(data, rank=3).sigma_xx) == 3
    assert np.isfinite(whitened(data, rank=4, epsilon=1e-3).sigma_yx).all()
    nothing = whitened(Correlations(np.zeros((2, 2)), np.zeros((1, 2)), 1.0, 1))
    assert not nothing.sigma_xx.any() and not nothing.sigma_yx.any()


def test_centred_sums_of_rounding_errors_are_not_whitened():
    rng = np.random.default_rng(13)
    x = 1e9 + 100 * rng.standard_normal((50, 2)) @ rng.standard_normal((2, 8))
    data = centred(from_data(x, rng.standard_normal((50, 2))))
    assert np.linalg.eigvalsh(data.sigma_xx)[0] < 0
    with pytest.raises(ValueError, match="sigma_xx must be positive semidefinite to be whitened"):
        whitened(data, epsilon=1e-3)


# Modes


@pytest.mark.parametrize(("n_outputs", "n_inputs"), [(3, 5), (5, 3), (4, 4), (1, 3), (3, 1)])
def test_modes_rebuild_the_correlation(n_outputs, n_inputs):
    rng = np.random.default_rng(3)
    data = from_data(rng.standard_normal((9, n_inputs)), rng.standard_normal((9, n_outputs)))
    U, s, Vt = modes(data)
    n_modes = min(n_outputs, n_inputs)
    assert U.shape == (n_outputs, n_modes) and Vt.shape == (n_modes, n_inputs)
    np.testing.assert_allclose(U * s @ Vt, data.sigma_yx, atol=20 * ROUNDING)
    np.testing.assert_allclose(U.T @ U, np.eye(n_modes), atol=ROUNDING)
    np.testing.assert_allclose(Vt @ Vt.T, np.eye(n_modes), atol=ROUNDING)
    assert np.all(np.diff(s) <= 0) and np.all(s >= 0)


@pytest.mark.parametrize("seed", range(5))
def test_the_largest_entry_of_an_input_mode_is_positive(seed):
    data = Correlations(np.eye(4), np.random.default_rng(seed).standard_normal((6, 4)), 99.0, 4)
    flipped = Correlations(np.eye(4), -data.sigma_yx, 99.0, 4)
    for m in (modes(data), modes(flipped)):
        peaks = np.abs(m.Vt).argmax(axis=1)
        assert np.all(m.Vt[np.arange(4), peaks] > 0)
    np.testing.assert_allclose(modes(data).U, -modes(flipped).U, atol=1e3 * ROUNDING)


@pytest.mark.parametrize("factor", [1.0, 3.0, 1 / 3, -1.0, 1e-9])
@pytest.mark.parametrize("order", ["C", "F"])
def test_ties_do_not_decide_signs(factor, order):
    toy = living_things()
    U, s, Vt = modes(from_data(toy.x, np.asarray(factor * toy.y, order=order)))
    np.testing.assert_allclose(s, abs(factor) * np.sqrt([7, 3, 1, 1]), rtol=ROUNDING)
    # All living things, and animals against plants: every entry ties with every other.
    expected = np.array([[1, 1, 1, 1], [1, 1, -1, -1]]) / 2
    np.testing.assert_allclose(Vt[:2], expected, atol=ROUNDING)
    np.testing.assert_allclose(U[:, :2] * s[:2], factor * toy.y.T @ expected.T, atol=ROUNDING)
    # The last two share a singular value: LAPACK chooses the basis, but no signs.
    for v in Vt[2:]:
        assert v[np.abs(v) >= (1 - 1e-8) * np.abs(v).max()][0] > 0


def test_entries_that_differ_by_more_than_a_tie_decide_signs():
    for gap, first in ((1e-6, -1), (1e-10, 1)):
        v = np.array([1.0, -(1.0 + gap)])
        found = modes(Correlations(np.eye(2), [v], 9.0, 1)).Vt[0]
        assert np.sign(found[0]) == first


def test_modes_are_any_decomposition():
    sigma = np.random.default_rng(14).standard_normal((3, 5))
    m = Modes.of(np.linalg.svd(sigma))
    assert (m.U.shape, m.Vt.shape) == ((3, 3), (3, 5))
    np.testing.assert_allclose(m.U * m.s @ m.Vt, sigma, atol=ROUNDING)
    data = Correlations(np.eye(5), sigma, 99.0, 5)
    np.testing.assert_allclose(input_strengths(data, np.linalg.svd(sigma)), 1, rtol=ROUNDING)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"s": [1.0, np.nan]}, "^modes must be finite, got nan"),
        ({"s": [1.0, 2.0]}, "^modes must have singular values that descend"),
        ({"U": 2 * np.eye(2)}, "^modes must be orthonormal"),
        ({"Vt": np.eye(1, 2)}, "^modes must have U of shape"),
    ],
)
def test_what_are_no_modes_is_refused(change, message):
    good = {"U": np.eye(2), "s": [2.0, 1.0], "Vt": np.eye(2)}
    with pytest.raises(ValueError, match=message):
        input_strengths(diagonal([2.0, 1.0]), tuple((good | change).values()))


# Small data with given modes


def test_diagonal_data_have_the_modes_that_were_asked_for():
    data = diagonal([3.0, 2.0, 0.5], d=[1.0, 0.25, 4.0])
    np.testing.assert_array_equal(modes(data).s, [3.0, 2.0, 0.5])
    np.testing.assert_array_equal(input_strengths(data, modes(data)), [1.0, 0.25, 4.0])
    # Two examples along each axis, one for each sign, fit exactly.
    x = np.sqrt(np.array([1.0, 0.25, 4.0]) / 2)[:, None] * np.eye(3)
    y = x * (np.array([3.0, 2.0, 0.5]) / np.array([1.0, 0.25, 4.0]))[:, None]
    drawn = from_data(np.concatenate([x, -x]), np.concatenate([y, -y]))
    np.testing.assert_allclose(drawn.sigma_xx, data.sigma_xx, atol=ROUNDING)
    np.testing.assert_allclose(drawn.sigma_yx, data.sigma_yx, atol=ROUNDING)
    assert drawn.trace_yy == pytest.approx(data.trace_yy, rel=ROUNDING)


def test_input_strengths_are_variances_along_the_modes():
    rng = np.random.default_rng(5)
    x, y = rng.standard_normal((30, 6)) * np.arange(1, 7), rng.standard_normal((30, 4))
    data = from_data(x, y)
    m = modes(data)
    np.testing.assert_allclose(input_strengths(data, m), np.sum((x @ m.Vt.T) ** 2, axis=0))


@pytest.mark.parametrize(
    ("s", "d", "message"),
    [
        ([1.0, -1.0], 1.0, "s must not be negative, got -1.0"),
        ([1.0, 2.0], [1.0, 0.0], "d must be positive, got 0.0"),
        (1.0, 1.0, r"s must be a vector, got shape \(\)"),
        ([1.0, 2.0], [1.0, 2.0, 3.0], r"s \(2,\), d \(3,\)"),
    ],
)
def test_diagonal_data_refuse(s, d, message):
    with pytest.raises(ValueError, match=message):
        diagonal(s, d)


def test_diagonal_data_stay_in_range():
    with pytest.raises(ValueError, match=r"^s must have a finite sum"):
        diagonal([1e200, 1.0])
    assert diagonal([0.0, 1e-200], [1e-300, 1e300]).trace_yy == 0.0


def test_modes_in_single_precision_are_modes():
    sigma = np.random.default_rng(3).standard_normal((10, 200)).astype(np.float32)
    U, s, Vt = Modes.of(np.linalg.svd(sigma, full_matrices=False))
    np.testing.assert_allclose(U * s @ Vt, sigma, atol=1e-4)


def test_modes_of_other_inputs_have_no_strengths_here():
    with pytest.raises(ValueError, match="modes must have the 3 inputs of correlations, got 2"):
        input_strengths(diagonal([1.0, 2.0, 3.0]), modes(diagonal([1.0, 2.0])))


def test_krylov_does_not_depend_on_the_unit_of_inputs():
    data, size = from_data([[1.0, 2, 0], [0, 1, 1], [2, 0, 1]], [[1.0], [0], [2]]), 2.0**500
    large = Correlations(size**2 * data.sigma_xx, size * data.sigma_yx, data.trace_yy, 3)
    found, expected = (correlations.krylov(c, n_blocks=3).sigma_xx for c in (large, data))
    assert found / size**2 == pytest.approx(expected, abs=1e-12)
