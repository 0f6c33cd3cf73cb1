"""Tests of dlnlib.exact.dropout, against the expected error."""

from __future__ import annotations

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
