"""Tests of dlnlib.exact.unbalanced: two unequal layers against the equations of the layers.

The oracles integrate the layers, or the time by quadrature.
"""

from __future__ import annotations

import mpmath as mp
import numpy as np
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from oracles import EPS, ODE, ROUNDING, TAU, by_mode, integral, layers_by_ode
from scipy.integrate import solve_ivp

from dlnlib import exact
from dlnlib.exact import (
    learning_time,
    mode_strength,
    unbalanced_layer_strengths,
    unbalanced_learning_time,
    unbalanced_mode_strength,
)

# Oracles


def unbalanced_time_by_quadrature(uf, a0, b0, s):
    """Integrate tau du / ((a**2 + b**2) (s-u)), where a**2 + b**2 = sqrt(c0**2 + 4 u**2)."""
    with mp.workdps(30):
        a0, b0, uf, s = mp.mpf(a0), mp.mpf(b0), mp.mpf(uf), mp.mpf(s)
        c0 = a0**2 - b0**2
        total = integral(
            lambda u: 1 / (mp.sqrt(c0**2 + 4 * u**2) * (s - u)), a0 * b0, uf, {mp.mpf(0), s}
        )
        return float(TAU * total)


def layers_by_sum_and_difference(t, s, start):
    """Integrate a + b and a - b, each to its own digits however small it is."""

    def velocity(_, z):
        rate = (s - (z[0] ** 2 - z[1] ** 2) / 4) / TAU
        return z[0] * rate, -z[1] * rate

    ends, span = (start[0] + start[1], start[0] - start[1]), (0, np.max(t))
    P, Q = solve_ivp(velocity, span, ends, "DOP853", t, rtol=1e-11, atol=1e-322).y
    return (P + Q) / 2, (P - Q) / 2


# One start in each octant of the plane, on both axes and both diagonals; the starts with
# a b < 0 cross u = 0, and two lie beyond the fixed points.
STARTS = [
    (1.0, 0.3), (0.3, 1.0), (-0.3, 1.0), (-1.0, 0.3), (-1.0, -0.3), (-0.3, -1.0), (0.3, -1.0),
    (1.0, -0.3), (0.7, 0.0), (0.0, -0.7), (0.6, 0.6), (-0.6, -0.6), (0.6, -0.6), (-0.6, 0.6),
    (1.0, -1.001), (3.0, 2.0), (-2.0, -4.0), (0.0, 0.0),
]  # fmt: skip


# Mode strengths


@pytest.mark.parametrize("s", [0.0, 1.3])
@pytest.mark.parametrize("start", STARTS, ids=str)
def test_unbalanced_mode_strength_solves_the_layers_equations(start, s):
    a0, b0 = start
    t = TAU * np.linspace(0, 6, 25)
    a, b = layers_by_ode(t, s, start)
    np.testing.assert_allclose(a**2 - b**2, a0**2 - b0**2, atol=ODE)
    u = unbalanced_mode_strength(t, a0=a0, b0=b0, s=s, tau=TAU)
    # Near u = 0, which some starts cross, only the distance to it can be asked for.
    np.testing.assert_allclose(u, a * b, rtol=ODE, atol=ODE)
    np.testing.assert_allclose(np.hypot(a0**2 - b0**2, 2 * u), a**2 + b**2, rtol=ODE, atol=ODE)
    assert u[0] == a0 * b0
    end = s if a0 != -b0 else 0.0
    assert np.all(np.diff(u) * np.sign(end - u[0]) >= -4 * EPS)
    assert np.all((u >= min(u[0], end)) & (u <= max(u[0], end)))
    late = unbalanced_mode_strength(1e6 * TAU, a0=a0, b0=b0, s=s, tau=TAU)
    limit = end if s > 0 and (a0, b0) != (0.0, 0.0) else 0.0
    np.testing.assert_allclose(late, limit, rtol=4 * EPS, atol=1e-6 if s == 0 else 4 * EPS)


@by_mode
@pytest.mark.parametrize("start", [(1.0, 0.3), (-0.3, 1.0), (2.5, 4.0), (0.6, -0.6)], ids=str)
def test_unequal_layers_solve_their_equations(start, s, d):
    relaxation = TAU / np.hypot(d * (start[0] ** 2 - start[1] ** 2), 2 * s)
    t = relaxation * np.linspace(0, 5, 6)
    layers = solve_ivp(
        lambda _, a: a[::-1] * (s - d * a[0] * a[1]) / TAU, (0, t[-1]), start, "DOP853", t,
        rtol=1e-11, atol=1e-13,
    ).y  # fmt: skip
    case = {"a0": start[0], "b0": start[1], "s": s, "tau": TAU, "d": d}
    u = exact.unbalanced_mode_strength(t, **case)
    np.testing.assert_allclose(u, layers.prod(axis=0), rtol=ODE, atol=ODE)
    back = exact.unbalanced_learning_time(uf=u, **case)
    np.testing.assert_allclose(back, t, atol=ODE)


# Layer strengths


@pytest.mark.parametrize("s", [0.0, 1.3])
@pytest.mark.parametrize("start", STARTS, ids=str)
def test_layer_strengths_solve_the_layers_equations(start, s):
    a0, b0 = start
    t = TAU * np.linspace(0, 6, 25)
    found = unbalanced_layer_strengths(t, a0=a0, b0=b0, s=s, tau=TAU)
    np.testing.assert_allclose(found, layers_by_ode(t, s, start), rtol=ODE, atol=ODE)
    assert (found.a[0], found.b[0]) == start


@by_mode
@pytest.mark.parametrize("start", [(1.0, 0.3), (-0.3, 1.0), (2.5, 4.0), (0.6, -0.6)], ids=str)
def test_layer_strengths_of_inputs_that_are_not_white(start, s, d):
    t = TAU * np.linspace(0, 2, 9)
    found = unbalanced_layer_strengths(t, a0=start[0], b0=start[1], s=s, tau=TAU, d=d)
    np.testing.assert_allclose(found, layers_by_ode(t, s, start, d), rtol=ODE, atol=ODE)


HARD = {
    "one last place from the saddle": (0.6, np.nextafter(-0.6, -1)),
    "the other side": (-0.6, np.nextafter(0.6, 0)),
    "on the way to the saddle": (0.6, -0.6),
    "tiny": (1e-200, 3e-200),
    "tiny, one of them zero": (0.0, -1e-200),
    "tiny, of both signs": (1e-300, -0.5e-300),
}


@pytest.mark.parametrize("start", HARD.values(), ids=HARD)
def test_layer_strengths_of_hard_starts(start):
    """The relative error holds from 1e-300 to 1, and after s t of 1000 time constants."""
    s = 1.3
    # On the way to the saddle the layers are below all numbers in the end.
    last = 200 if start[0] == -start[1] else 1000
    t = TAU / s * np.concatenate([np.linspace(0, last / 2, 80), [0.7 * last, last]])
    found = unbalanced_layer_strengths(t, a0=start[0], b0=start[1], s=s, tau=TAU)
    expected = layers_by_sum_and_difference(t, s, start)
    np.testing.assert_allclose(found, expected, rtol=100 * ODE)
    u = unbalanced_mode_strength(t, a0=start[0], b0=start[1], s=s, tau=TAU)
    np.testing.assert_allclose(u, np.prod(found, axis=0), rtol=ROUNDING, atol=1e-300)


def test_layers_that_go_to_the_saddle_for_ever_arrive():
    case = {"a0": 0.6, "b0": -0.6, "s": [0.5, 1.3, 1e6], "tau": TAU}
    found = unbalanced_layer_strengths(1e4 * TAU, **case)
    np.testing.assert_allclose(found, 0, atol=1e-300)


@given(st.floats(-4, 4), st.floats(-4, 4), st.floats(0, 4), st.floats(-9, 4))
@example(1.0, -1.0, 1.0, 1.0)
@example(1e-150, 0.0, 1.0, 2.5)
def test_layers_keep_their_imbalance_and_multiply_to_the_mode(a0, b0, s, log_t):
    case = {"a0": a0, "b0": b0, "s": s, "tau": TAU}
    a, b = unbalanced_layer_strengths(TAU * 10**log_t, **case)
    u = unbalanced_mode_strength(TAU * 10**log_t, **case)
    size = max(a**2 + b**2, a0**2 + b0**2)
    assert abs((a - b) * (a + b) - (a0 - b0) * (a0 + b0)) <= 16 * EPS * size
    assert abs(a * b - u) <= 16 * EPS * (a**2 + b**2) + 1e-300


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("s", [0.0, 1e-3, 2.0])
def test_balanced_layers_stay_so_and_are_roots_of_the_balanced_case(s, sign):
    u0, t = np.array([1e-300, 1e-6, 0.5, 2.0, 7.0]), TAU * np.geomspace(1e-3, 1e3, 7)[:, None]
    root = sign * np.sqrt(u0)
    a, b = unbalanced_layer_strengths(t, a0=root, b0=root, s=s, tau=TAU)
    np.testing.assert_array_equal(a, b)
    np.testing.assert_allclose(a, sign * np.sqrt(mode_strength(t, s=s, u0=u0, tau=TAU)), ROUNDING)


@pytest.mark.parametrize("b0", [1e-20, -1e-20, 0.0])
def test_a_layer_far_smaller_than_the_other_keeps_its_digits(b0):
    """Against a Taylor series of the layers' equations at 30 digits."""
    times, s = [1e-22, 3e-20, 1e-15, 1e-9, 1e-6, 1e-3, 0.1], 2.0
    with mp.workdps(30):
        layers = mp.odefun(
            lambda _, z: [z[1] * (s - z[0] * z[1]), z[0] * (s - z[0] * z[1])], 0, [mp.mpf(1), b0]
        )
        expected = [[float(x) for x in layers(t)] for t in times]
    found = unbalanced_layer_strengths(TAU * np.array(times), a0=1.0, b0=b0, s=s, tau=TAU)
    np.testing.assert_allclose(np.transpose(found), expected, rtol=ROUNDING)


# Learning times


@pytest.mark.parametrize("s", [0.0, 1.3])
@pytest.mark.parametrize("start", [*STARTS[:-1], (0.7, -0.7 + 2**-40)], ids=str)
def test_unbalanced_learning_time_is_the_integral(start, s):
    a0, b0 = start
    u0, end = a0 * b0, s if a0 != -b0 else 0.0
    uf = u0 + (end - u0) * np.array([1e-9, 0.2, 0.5, 0.9, 1 - 1e-9])
    expected = [unbalanced_time_by_quadrature(u, a0, b0, s) for u in uf]
    t = unbalanced_learning_time(a0, b0, uf, s=s, tau=TAU)
    # The shortest way starts from a0 b0, which is rounded.
    np.testing.assert_allclose(t[1:], expected[1:], rtol=ROUNDING)
    np.testing.assert_allclose(t[0], expected[0], rtol=4 * EPS / 1e-9)


@given(st.floats(-4, 4), st.floats(-4, 4), st.floats(0, 4), st.floats(-3, 1))
@example(1.0, -1.0, 1.0, 1.0)
@example(0.7, -0.7 + 2**-40, 1.0, 1.45)
@example(1e-150, 0.0, 1.0, 2.5)
def test_unbalanced_learning_time_undoes_unbalanced_mode_strength(a0, b0, s, log_t):
    t, u0 = TAU * 10**log_t, a0 * b0
    u = unbalanced_mode_strength(t, a0=a0, b0=b0, s=s, tau=TAU)
    assume(abs(s - u) > 1e-12 * s and abs(u) > 1e-300 and u != u0)
    speed = np.hypot(a0**2 - b0**2, 2 * u) * abs(s - u) / TAU
    back = unbalanced_learning_time(a0, b0, u, s=s, tau=TAU)
    assert abs(back - t) <= ROUNDING * t + 8 * EPS * max(abs(u), abs(u0)) / speed


# Limits


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("s", [0.0, 1e-3, 2.0])
def test_balanced_layers_are_the_balanced_case(s, sign):
    u0, t = np.array([1e-300, 1e-6, 0.5, 2.0, 7.0]), TAU * np.geomspace(1e-3, 1e3, 7)[:, None]
    root = sign * np.sqrt(u0)
    u = unbalanced_mode_strength(t, a0=root, b0=root, s=s, tau=TAU)
    np.testing.assert_allclose(u, mode_strength(t, s=s, u0=u0, tau=TAU), rtol=ROUNDING)
    uf = (u0 + s) / 2
    np.testing.assert_allclose(
        unbalanced_learning_time(root, root, uf, s=s, tau=TAU),
        learning_time(root**2, uf, s=s, tau=TAU),
        rtol=ROUNDING,
    )


@pytest.mark.parametrize("a0, b0", [(1.0, np.nextafter(1, 2)), (0.3, 0.3 * (1 + 1e-13))])
def test_almost_balanced_layers_are_almost_the_balanced_case(a0, b0):
    """The hyperbolic coordinates of Appendix A divide by c0 = a**2 - b**2, here 1e-16 to 1e-14."""
    t = TAU * np.geomspace(1e-3, 1e3, 7)
    u = unbalanced_mode_strength(t, a0=a0, b0=b0, s=2.0, tau=TAU)
    np.testing.assert_allclose(u, mode_strength(t, s=2.0, u0=a0 * b0, tau=TAU), rtol=ROUNDING)


@pytest.mark.parametrize("small", [1e-6, 1e-100, 1e-150])
def test_one_small_layer_behaves_as_balanced_at_a_quarter_of_its_square(small):
    """Near the saddle a - b decays and a + b grows, so u0 acts as (a0 + b0)**2 / 4."""
    t = TAU * np.array([20.0, 100.0, 230.5, 400.0])
    u = unbalanced_mode_strength(t, a0=small, b0=0.0, s=1.0, tau=TAU)
    balanced = mode_strength(t, s=1.0, u0=small**2 / 4, tau=TAU)
    np.testing.assert_allclose(u, balanced, rtol=2 * small**2 + ROUNDING)
    uf = np.array([0.5, 1 - 1e-15])
    t = unbalanced_learning_time(small, 0.0, uf, s=1.0, tau=TAU)
    balanced = learning_time(small**2 / 4, uf, s=1.0, tau=TAU)
    np.testing.assert_allclose(t, balanced, rtol=ROUNDING)


def test_opposite_layers_decay_to_the_saddle_and_all_others_leave_it():
    t = TAU * np.array([0.0, 1.0, 10.0, 1e3])
    scale = np.linspace(0.1, 3, 300)
    u = unbalanced_mode_strength(t, a0=0.6, b0=[[-0.6], [-0.6 - 1e-15]], s=1.3, tau=TAU)
    # x = -u is a logistic too: tau dx/dt = -2 x (s + x).
    x = 0.36 * np.exp(-2 * 1.3 * t / TAU)
    np.testing.assert_allclose(u[0], -1.3 * x / (1.3 + 0.36 - x), rtol=ROUNDING, atol=EPS)
    assert np.all(unbalanced_mode_strength(t[3], a0=scale, b0=-scale, s=1.3, tau=TAU) <= 0)
    assert abs(u[1, 2]) < 1e-6 and u[1, 3] == pytest.approx(1.3, rel=ROUNDING)
    assert unbalanced_learning_time(0.6, -0.6, 0.0, s=1.3, tau=TAU) == np.inf
    assert unbalanced_learning_time(0.6, -0.6 - 1e-15, 0.0, s=1.3, tau=TAU) < 30 * TAU


@pytest.mark.parametrize("a0, b0", [(1.0, -1e-9), (1.0, -0.5), (1.0, -1 + 2**-30), (1e-17, -3e-17)])
def test_a_mode_that_crosses_zero_is_off_by_rounding_of_time(a0, b0):
    """Its error is that of a start and a time off by some last places, not less and not more."""
    s, crossing = 1.3, unbalanced_learning_time(a0, b0, 0.0, s=1.3, tau=1.0)
    t = crossing * np.array([0.1, 0.9, 1 - 1e-6, 1 - 1e-12, 1.0, 1 + 1e-12, 1 + 1e-6, 1.1, 2.0])
    found = unbalanced_mode_strength(t, a0=a0, b0=b0, s=s, tau=1.0)
    with mp.workdps(60):
        P, Q = (mp.mpf(a0) + mp.mpf(b0)) ** 2, (mp.mpf(a0) - mp.mpf(b0)) ** 2
        D = mp.sqrt(P * Q + 4 * mp.mpf(s) ** 2)
        for time, u in zip(t, found, strict=True):
            h = mp.exp(-D * mp.mpf(float(time)))
            f = (1 - h) / D
            p, q = h + f * (P + D - 2 * s) / 2, h + f * (Q + D + 2 * s) / 2
            sums, differences = P * q / p, Q * p / q
            speed = (sums + differences) / 2 * abs(s - (sums - differences) / 4)
            room = 8 * EPS * (abs(a0 * b0) + (1 + time * D) / D * float(speed))
            assert abs(u - (sums - differences) / 4) <= room


@pytest.mark.parametrize(
    "t, tau, start",
    [(1.0, 1e-320, (1.0, 0.5)), (1e308, 1e-3, (-10.0, 0.0)), (1.0, 1.0, (1e5, 1.0))],
)
def test_for_ever_and_strong_layers_are_at_the_end(t, tau, start):
    case = {"a0": start[0], "b0": start[1], "s": 1.0, "tau": tau}
    assert unbalanced_mode_strength(t, **case) == pytest.approx(1, rel=ROUNDING)
    a, b = unbalanced_layer_strengths(t, **case)
    assert a * b == pytest.approx(1, rel=ROUNDING)


@pytest.mark.parametrize("a0, b0", [(1e5, 1.0), (-1e140, 3e-3), (2e-6, 4e7)])
def test_a_layer_that_ends_far_smaller_than_the_other_keeps_its_digits(a0, b0):
    a, b = unbalanced_layer_strengths([1.0, 1e9], a0=a0, b0=b0, s=1.3, tau=1.0)
    ends = (a, b) if abs(a0) > abs(b0) else (b, a)
    np.testing.assert_allclose(ends[0] * ends[1], 1.3, rtol=ROUNDING)
    np.testing.assert_allclose(np.abs(ends[0]), max(abs(a0), abs(b0)), rtol=1e-9)


def test_layers_whose_squares_are_no_doubles_are_refused():
    message = r"^a0 must not be beyond 1e\+150 in size, got 1e\+200$"
    for function in (unbalanced_mode_strength, unbalanced_layer_strengths):
        with pytest.raises(ValueError, match=message):
            function(1.0, a0=1e200, b0=1.0, s=1.0, tau=1.0)
    with pytest.raises(ValueError, match=message):
        unbalanced_learning_time(1e200, 1.0, 2.0, s=1.0, tau=1.0)


def equation_26(uf, a0, b0, s):
    """Return the time of Eq. 26 in the coordinate a b = (c0/2) sinh(theta), for a0 > |b0|."""
    c0 = a0**2 - b0**2
    root = np.sqrt(c0**2 + s**2)
    w = c0 + s * np.tanh(np.arcsinh(2 * np.array([a0 * b0, uf]) / c0) / 2)
    start, end = np.log((root + w) / (root - w))
    return TAU / root * (end - start)


@pytest.mark.parametrize("a0, b0", [(1.2, 0.1), (0.9, -0.5)])
def test_equation_26_holds_with_twice_the_printed_singular_value(a0, b0):
    s, near_end = 1.3, 1.2
    right = unbalanced_learning_time(a0, b0, near_end, s=s, tau=TAU)
    np.testing.assert_allclose(equation_26(near_end, a0, b0, 2 * s), right, rtol=ROUNDING)
    # As printed it tends to s / 2, and is no real number beyond.
    early = unbalanced_learning_time(a0, b0, 0.3, s=s, tau=TAU)
    assert equation_26(0.3, a0, b0, s) > 1.5 * early
    with np.errstate(invalid="ignore"):
        assert np.isnan(equation_26(near_end, a0, b0, s))
