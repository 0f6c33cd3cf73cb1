"""Tests of dlnlib.correlations."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlnlib import correlations
from dlnlib.correlations import Correlations, diagonal, from_data, input_strengths, modes

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
    x, y = np.arange(120).reshape(60, 2).astype(dtype), np.eye(60, 3).astype(dtype)
    largest = []

    class Watched(np.memmap):
        def astype(self, *arguments, **keywords):
            largest.append(len(self))
            return super().astype(*arguments, **keywords)

    mapped = {}
    for name, array in (("x", x), ("y", y)):
        np.save(tmp_path / f"{name}.npy", array)
        mapped[name] = np.load(tmp_path / f"{name}.npy", mmap_mode="r").view(Watched)
    whole = from_data(x, y)
    monkeypatch.setattr(correlations, "_CHUNK", 8)
    read = from_data(mapped["x"], mapped["y"])
    np.testing.assert_array_equal(read.sigma_xx, whole.sigma_xx)
    np.testing.assert_array_equal(read.sigma_yx, whole.sigma_yx)
    assert max(largest) == 8


# What is refused


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        (np.ones(3), np.ones((3, 1)), r"x must be a non-empty real matrix.*shape \(3,\)"),
        (np.ones((3, 1)), np.ones((3, 1, 1)), r"y must be a non-empty real matrix.*\(3, 1, 1\)"),
        (np.ones((0, 1)), np.ones((0, 1)), r"x must be a non-empty real matrix.*\(0, 1\)"),
        (np.ones((2, 0)), np.ones((2, 1)), r"x must be a non-empty real matrix.*\(2, 0\)"),
        (np.ones((2, 1), complex), np.ones((2, 1)), "x must be .* dtype complex128"),
        ([["a"], ["b"]], np.ones((2, 1)), "x must be .* dtype <U1"),
        (np.ones((2, 1)), np.ones((2, 1), object), "y must be .* dtype object"),
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
    ("arguments", "message"),
    [
        ((np.ones(2), np.ones((1, 2)), 1.0, 1), r"sigma_xx must be a finite matrix.*\(2,\)"),
        ((np.eye(2), [[1.0, np.nan]], 1.0, 1), r"sigma_yx must be a finite matrix.*1 non-finite"),
        ((np.eye(3), np.ones((1, 2)), 1.0, 1), r"shape \(2, 2\) to go with .* got \(3, 3\)"),
        (([[1.0, 0.1], [0.2, 1.0]], np.ones((1, 2)), 1.0, 1), "must be symmetric.*0.1"),
        ((np.eye(2), np.ones((1, 2)), -1.0, 1), "trace_yy must be a finite number of at least 0"),
        ((np.eye(2), np.ones((1, 2)), np.nan, 1), "trace_yy must be a finite number of at least 0"),
        (
            (np.eye(2), np.ones((1, 2)), 1.0, 0),
            "n_examples must be an integer of at least 1, got 0",
        ),
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


def test_modes_of_other_inputs_have_no_strengths_here():
    with pytest.raises(ValueError, match="modes must have the 3 inputs of correlations, got 2"):
        input_strengths(diagonal([1.0, 2.0, 3.0]), modes(diagonal([1.0, 2.0])))
