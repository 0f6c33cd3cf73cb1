"""Tests of dlnlib.exact.dropout, against the expected error."""

from __future__ import annotations

import mpmath as mp
import numpy as np
import pytest
from oracles import call

from dlnlib import exact


@pytest.mark.parametrize("keep", [0.2, 0.5, 0.9, 1.0])
def test_dropout_stops_at_the_least_expected_error(keep):
    s, n_hidden = np.array([3.0, 2.0, 1.0, 0.2]), 6
    q = (1 - keep) / keep

    def expected_error(u):
        return 0.5 * np.sum((s - u) ** 2) + q / (2 * n_hidden) * np.sum(u) ** 2

    found = exact.dropout_mode_strengths(s, n_hidden=n_hidden, keep=keep)
    least = expected_error(found)
    # A convex function of strengths that are not negative: no feasible move may lower it.
    for move in np.concatenate([np.eye(4), -np.eye(4)]):
        assert expected_error(np.maximum(found + 1e-4 * move, 0)) >= least
    np.testing.assert_array_equal(
        found[::-1], exact.dropout_mode_strengths(s[::-1], n_hidden=n_hidden, keep=keep)
    )
    assert keep < 1 or np.allclose(found, s)


def least_expected_error(s, n_hidden, keep):
    """Solve for the strengths at 700 digits: the threshold that agrees with what it leaves."""
    q = (1 - mp.mpf(keep)) / mp.mpf(keep)
    s = [mp.mpf(float(x)) for x in s]
    for n in range(len(s), 0, -1):
        theta = q * sum(sorted(s)[-n:]) / (n_hidden + q * n)
        if sorted(s)[-n] > theta:
            return [max(x - theta, mp.mpf(0)) for x in s]
    return [mp.mpf(0)] * len(s)


@pytest.mark.parametrize("keep", [1.0, 0.3, 1e-10, 1e-14, 1e-300])
@pytest.mark.parametrize(
    "s",
    [
        [3.0, 2.0, 0.2],
        [2.0, 2.0, 2.0],
        [1.0, 1 - 2e-10, 1 - 6e-10],
        [1.0, 1 - 2e-14, 0.0],
        [1e308, 1.5e308],
        [1e-300, 2e-300],
        [0.0, 0.0],
    ],
)
def test_strengths_keep_their_digits_when_few_units_are_kept(s, keep):
    found = exact.dropout_mode_strengths(s, n_hidden=6, keep=keep)
    with mp.workdps(700):
        for u, expected in zip(found, least_expected_error(s, 6, keep), strict=True):
            assert abs(u - expected) <= 1e-14 * expected + mp.mpf(10) ** -307


def test_the_least_of_all_probabilities_leaves_the_least_of_all_strengths():
    found = exact.dropout_mode_strengths([3.0, 2.0, 0.2], n_hidden=4, keep=5e-324)
    assert np.all(found[1:] == 0) and 0 < found[0] < 1e-322


BAD = [
    ({"keep": 0.0}, "keep must be a finite number above 0 and of at most 1, got 0"),
    ({"keep": 1.1}, "keep must be a finite number above 0 and of at most 1, got 1.1"),
    ({"n_hidden": 1}, "n_hidden must be an integer of at least 2, got 1"),
    ({"n_hidden": 2.5}, "n_hidden must be an integer of at least 2, got 2.5"),
    ({"s": 2.0}, r"s must be a vector, got shape \(\)"),
    ({"s": [1.0, -2.0]}, "s must not be negative, got -2.0"),
]


@pytest.mark.parametrize("changed, message", BAD)
def test_dropout_keeps_some_units(changed, message):
    with pytest.raises(ValueError, match=message):
        call(exact.dropout_mode_strengths, {"s": [2.0, 1.0], "n_hidden": 3, "keep": 0.5} | changed)
