"""Tests of modes whose layers start with any strengths, against the flow of the layers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

from dlnlib import exact
from dlnlib.exact import chain_learning_time

# An event of an integrator at a relative tolerance of 1e-12.
FLOW = 1e-8
# Sums of a few hundred terms of one sign, each to a few roundings.
ROUNDING = 2e-14


def others(a):
    """Return the product of all layers but one, for each, without a division."""
    return np.array([np.prod(np.delete(a, k)) for k in range(len(a))])


def time_of_flow(a0, uf, s, d=1.0):
    """Integrate the layers until their product is uf, and return when that was."""

    def flow(_, a):
        return others(a) * (s - d * a.prod())

    def arrived(_, a):
        return a.prod() - uf

    arrived.terminal = True
    run = solve_ivp(flow, (0, 1e9), np.array(a0), "DOP853", events=arrived, rtol=1e-12, atol=1e-14)
    return run.t_events[0][0]


@pytest.mark.parametrize("n_layers", [2, 3, 4, 6, 21, 101])
@pytest.mark.parametrize(("u0", "uf"), [(1e-6, 0.9), (1e-3, 1 - 1e-9), (3.0, 1.2), (1e-12, 1e-11)])
def test_equal_layers_take_the_time_of_the_closed_form(n_layers, u0, uf):
    a0 = np.full(n_layers - 1, u0 ** (1 / (n_layers - 1)))
    t = chain_learning_time(a0, uf, s=1.0, tau=2.0)
    expected = exact.learning_time(a0.prod(), uf, s=1.0, tau=2.0, n_layers=n_layers)
    assert t == pytest.approx(expected, rel=ROUNDING)


@pytest.mark.parametrize(
    ("a", "b", "uf"),
    [
        (1, -0.5, 0.5),
        (1e-4, 1, 0.99),
        (-1e-3, 1e-3 * (1 + 1e-6), 0.5),
        (-2, 1, -1),
        (0, 1, 0.5),
        (3, 1, 1.5),
        (1e-8, 1e-4, 0.99999),
        (-2, -3, 1.0000001),
    ],
)
def test_two_layers_take_the_time_of_the_closed_form(a, b, uf):
    t = chain_learning_time([a, b], uf, s=1.0, tau=3.0)
    expected = exact.unbalanced_learning_time(float(a), float(b), uf, s=1.0, tau=3.0)
    assert t == pytest.approx(expected, rel=ROUNDING)


@pytest.mark.parametrize(
    ("a0", "uf"),
    [
        ([0.1, 0.5, 0.9], 1.5),
        ([0.9, -0.2, 0.5, 1.1], 1.2),
        ([-0.9, 0.2, -0.5, -1.1], -0.02),
        ([0.0, 0.7, 0.8], 1.9),
        ([1.5, 1.2, -2.0, 1.1, -0.9], 2.5),
        ([1e-3, 1e-2, 1e-1, 1.0, 2.0, 0.3], 1.999),
    ],
)
def test_layers_take_the_time_of_their_flow(a0, uf):
    t = chain_learning_time(a0, uf, s=2.0, tau=1.0)
    assert t == pytest.approx(time_of_flow(a0, uf, 2.0), rel=FLOW)
    # Inputs that are not white, and another unit of time.
    slow = chain_learning_time(a0, uf / 4, s=2.0, tau=10.0, d=4.0)
    if np.prod(a0) < uf / 4:
        assert slow == pytest.approx(10 * time_of_flow(a0, uf / 4, 2.0, 4.0), rel=FLOW)


@given(
    st.lists(st.floats(-2, 2), min_size=2, max_size=6),
    st.floats(0.1, 3),
    st.floats(0.05, 0.95),
    st.floats(0.05, 0.95),
)
@settings(deadline=None, max_examples=100)
def test_parts_of_a_way_add_up(a0, s, part, end):
    """Stop on the way, and go on from where the layers are then."""
    a0 = np.array(a0)
    u0, sizes = a0.prod(), np.sort(np.abs(a0))
    if sizes[0] < 1e-3 or sizes[1] - sizes[0] < 1e-3 or abs(u0 - s) < 1e-3:
        return
    uf = u0 + end * (s - u0)
    middle = u0 + part * (uf - u0)
    whole = chain_learning_time(a0, uf, s=s, tau=1.0)
    first = chain_learning_time(a0, middle, s=s, tau=1.0)
    run = solve_ivp(
        lambda _, a: others(a) * (s - a.prod()), (0, first), a0, "DOP853", rtol=1e-12, atol=1e-13
    )
    rest = chain_learning_time(run.y[:, -1], uf, s=s, tau=1.0)
    assert first + rest == pytest.approx(whole, rel=1e-7, abs=1e-9)
    assert 0 < first < whole


def test_order_and_pairs_of_signs_do_not_count():
    a0 = np.array([0.1, 0.5, 0.9, 0.3])
    t = chain_learning_time(a0, 1.0, s=2.0, tau=1.0)
    for other in (a0[::-1], a0 * [-1, 1, -1, 1], -a0):
        assert chain_learning_time(other, 1.0, s=2.0, tau=1.0) == pytest.approx(t, rel=1e-15)


def test_it_never_arrives_at_its_end():
    assert chain_learning_time([0.5, 1.0, 2.0], 3.0, s=3.0, tau=1.0) == np.inf
    # Two layers of one size that have to change sign end in a saddle.
    assert chain_learning_time([-0.5, 0.5, 2.0], 0.0, s=3.0, tau=1.0) == np.inf
    assert chain_learning_time([-0.5, 0.5, 2.0], -0.5, s=3.0, tau=1.0) == 0
    with pytest.raises(ValueError, match=r"uf must lie between .* -0.5 and .* 0.0 .* got 0.1"):
        chain_learning_time([-0.5, 0.5, 2.0], 0.1, s=3.0, tau=1.0)
    # One that is smaller than all others comes through.
    assert np.isfinite(chain_learning_time([-0.4, 0.5, 2.0], 0.1, s=3.0, tau=1.0))


def test_arrays_broadcast_over_starts():
    a0 = np.random.default_rng(0).uniform(0.1, 0.5, (4, 1, 3))
    s = np.array([1.0, 2.0])
    t = chain_learning_time(a0, 0.5, s=s, tau=1.0)
    assert t.shape == (4, 2)
    assert t[2, 1] == pytest.approx(chain_learning_time(a0[2, 0], 0.5, s=2.0, tau=1.0), rel=1e-13)


@pytest.mark.parametrize(
    ("a0", "message"),
    [
        (0.5, r"a0 must have an axis of one or more layers, got shape \(\)"),
        (np.zeros((3, 0)), r"a0 must have an axis of one or more layers, got shape \(3, 0\)"),
        ([1e100, 1.0], "a0 must not be beyond 1e[+]75 in size, got 1e[+]100"),
        ([np.nan, 1.0], "a0 must be finite, got nan"),
    ],
)
def test_layers_that_are_none_are_refused(a0, message):
    with pytest.raises(ValueError, match=message):
        chain_learning_time(a0, 0.5, s=1.0, tau=1.0)
