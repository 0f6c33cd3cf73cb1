"""Tests of dlnlib.exact: each closed form against the equation or the integral it solves.

The oracles integrate the layer strengths (Eqs. 8 and 14) or the time (Eq. 15) numerically;
none of them uses the formula it judges. Warnings are errors throughout.
"""

from __future__ import annotations

import ast
import inspect
import itertools

import mpmath as mp
import numpy as np
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

from dlnlib import exact
from dlnlib.exact import (
    half_learning_time,
    infinite_depth_learning_time,
    infinite_depth_mode_strength,
    learning_time,
    mode_strength,
    unbalanced_learning_time,
    unbalanced_mode_strength,
)

# Rounding: 1e-300 to a power rounded in its last place is off by 690 such places, 1e-13.
ROUNDING = 1e-12
# DOP853 keeps each step to 1e-11; the errors of its steps add up.
ODE = 1e-9
EPS = np.finfo(float).eps

DEPTHS = (2, 3, 4, 5, 10, 100)
TAU = 7.0


# Oracles


def layers_by_ode(t, s, start, d=1.0):
    """Integrate tau da_l/dt = (s - d prod a) prod_{i != l} a_i; a row for each layer."""

    def velocity(_, a):
        others = np.array([np.prod(np.delete(a, i)) for i in range(len(a))])
        return (s - d * np.prod(a)) * others / TAU

    span = (0, np.max(t))
    solution = solve_ivp(velocity, span, start, method="DOP853", rtol=1e-11, atol=1e-13, t_eval=t)
    return solution.y


def integral(f, start, end, marks):
    """Integrate f at 30 digits over pieces that shrink geometrically towards each mark."""
    grid = {start, end}
    for mark in marks:
        inside = (start - mark) * (end - mark) <= 0
        nearest = mp.mpf("1e-40") if inside else min(abs(start - mark), abs(end - mark))
        grid |= {mark + sign * nearest * 10**k for k in range(0, 320, 8) for sign in (-1, 1)}
    low, high = min(start, end), max(start, end)
    return mp.quad(f, sorted((x for x in grid if low <= x <= high), reverse=bool(end < start)))


def time_by_quadrature(u0, uf, s, n_layers):
    """Integrate Eq. 15; at infinite depth, the time multiplied by the number of layers."""
    with mp.workdps(30):
        u0, uf, s = mp.mpf(u0), mp.mpf(uf), mp.mpf(s)
        n_weights = 1 if n_layers == np.inf else n_layers - 1
        p = 2 if n_layers == np.inf else 2 - mp.mpf(2) / n_weights
        total = integral(lambda u: 1 / (u**p * (s - u)), u0, uf, {mp.mpf(0), s})
        return float(TAU * total / n_weights)


def unbalanced_time_by_quadrature(uf, a0, b0, s):
    """Integrate tau du / ((a**2 + b**2) (s-u)), where a**2 + b**2 = sqrt(c0**2 + 4 u**2)."""
    with mp.workdps(30):
        a0, b0, uf, s = mp.mpf(a0), mp.mpf(b0), mp.mpf(uf), mp.mpf(s)
        c0 = a0**2 - b0**2
        total = integral(
            lambda u: 1 / (mp.sqrt(c0**2 + 4 * u**2) * (s - u)), a0 * b0, uf, {mp.mpf(0), s}
        )
        return float(TAU * total)


def velocity(u, s, n_layers):
    """Return |du/dt| of Eq. 15."""
    n_weights = n_layers - 1
    return n_weights * u ** (2 - 2 / n_weights) * abs(s - u) / TAU


def strength_at_depth(t, *, s, u0, tau, n_layers):
    if n_layers == np.inf:
        return infinite_depth_mode_strength(t, s=s, u0=u0, tau=tau)
    return mode_strength(t, s=s, u0=u0, tau=tau, n_layers=n_layers)


def time_at_depth(u0, uf, *, s, tau, n_layers):
    if n_layers == np.inf:
        return infinite_depth_learning_time(u0, uf, s=s, tau=tau)
    return learning_time(u0, uf, s=s, tau=tau, n_layers=n_layers)


# Balanced layers against the differential equation


@pytest.mark.parametrize("n_layers", DEPTHS)
@pytest.mark.parametrize(
    "s, u0", [(2.0, 1e-2), (2.0, 1.4), (0.5, 3.0), (1.5, 1.5), (0.0, 1.5)], ids=str
)
def test_mode_strength_solves_the_layers_equations(s, u0, n_layers):
    """Compare at times spread over the passage; the oracle is stiff after its end."""
    n_weights = n_layers - 1
    passage = u0 + (s - u0) * np.array([0.0, 0.01, 0.1, 0.5, 0.9, 0.99])
    t = learning_time(u0, passage, s=s, tau=TAU, n_layers=n_layers)
    if u0 == s:
        t = np.linspace(0, TAU / n_weights, 6)
    layers = layers_by_ode(t, s, np.full(n_weights, u0 ** (1 / n_weights)))
    u = mode_strength(t, s=s, u0=u0, tau=TAU, n_layers=n_layers)
    np.testing.assert_allclose(u, layers.prod(axis=0), rtol=ODE)
    assert u[0] == u0


@pytest.mark.parametrize("start", [(0.1,), (0.3, 0.3), (0.9, -0.2), (0.5,) * 4], ids=str)
def test_inputs_that_are_not_white_only_rescale(start):
    """The layers' equations of inputs with correlation d (Eq. 46) end at s / d."""
    s, d, u0, t = 1.2, 3.0, np.prod(start), TAU * np.linspace(0, 2, 9)
    layers = layers_by_ode(t, s, start, d)
    if len(set(start)) == 1:
        common = {"s": s, "tau": TAU, "n_layers": len(start) + 1, "d": d}
        u = mode_strength(t, u0=u0, **common)
        back = learning_time(u0, u[1:4], **common)
    else:
        common = {"a0": start[0], "b0": start[1], "s": s, "tau": TAU, "d": d}
        u = unbalanced_mode_strength(t, **common)
        back = unbalanced_learning_time(u[1:4], **common)
    np.testing.assert_allclose(u, layers.prod(axis=0), rtol=ODE)
    np.testing.assert_allclose(back, t[1:4], rtol=ODE)


@pytest.mark.parametrize("s, u0", [(2.0, 1e-2), (0.5, 3.0), (1.5, 1.5), (0.0, 1.5)], ids=str)
def test_infinite_depth_mode_strength_solves_its_equation(s, u0):
    scaled_t = np.linspace(0, 60 * TAU, 13)
    flow = solve_ivp(
        lambda _, u: u**2 * (s - u) / TAU, (0, scaled_t[-1]), [u0],
        method="DOP853", rtol=1e-11, atol=1e-13, t_eval=scaled_t,
    )  # fmt: skip
    u = infinite_depth_mode_strength(scaled_t, s=s, u0=u0, tau=TAU)
    np.testing.assert_allclose(u, flow.y[0], rtol=ODE)
    assert u[0] == u0


@pytest.mark.parametrize("n_layers", [3, 4, 100, np.inf])
def test_a_mode_at_zero_stays_and_one_without_signal_decays(n_layers):
    still = strength_at_depth([0, 1e9], s=[[0.0], [1.0]], u0=0.0, tau=TAU, n_layers=n_layers)
    assert np.all(still == 0)
    assert time_at_depth(0.0, 0.5, s=1.0, tau=TAU, n_layers=n_layers) == np.inf
    assert time_at_depth(0.0, 0.0, s=1.0, tau=TAU, n_layers=n_layers) == 0
    decayed = strength_at_depth(1e30, s=0.0, u0=1.0, tau=TAU, n_layers=n_layers)
    assert 0 < decayed < 1e-14


def test_two_layers_leave_zero():
    """A single weight matrix has no saddle: u approaches s exponentially."""
    t = TAU * np.array([1e-9, 0.5, 3.0])
    np.testing.assert_allclose(
        mode_strength(t, s=2.0, u0=0.0, tau=TAU, n_layers=2), -2 * np.expm1(-t / TAU), ROUNDING
    )
    np.testing.assert_allclose(
        learning_time(0.0, -2 * np.expm1(-t / TAU), s=2.0, tau=TAU, n_layers=2), t, ROUNDING
    )


# Learning times against quadrature

PASSAGES = {
    "typical": (1e-3, 0.5, 1.0),
    "tiny start": (1e-300, 0.5, 1.0),
    "tiny to tiny": (1e-300, 1.5e-300, 20.0),
    "nearly all the way": (1e-6, 20 * (1 - 1e-14), 20.0),
    "near the end": (1 - 1e-9, 1 - 1e-12, 1.0),
    "from just above": (1 + 1e-9, 1 + 1e-12, 1.0),
    "from far above": (1e6, 3.0, 2.0),
    "from above to the end": (5.0, 2 * (1 + 1e-13), 2.0),
    "one last place": (0.3, np.nextafter(0.3, 1), 1.0),
    "one last place near s": (0.95, np.nextafter(0.95, 1), 1.0),
    "a short step": (0.6, 0.6 * (1 + 1e-9), 0.7),
    "a short step from above": (1.9, 1.9 * (1 - 1e-9), 1.8),
    "no singular value": (3.0, 1e-8, 0.0),
}


@pytest.mark.parametrize("n_layers", [*DEPTHS, np.inf])
@pytest.mark.parametrize("u0, uf, s", PASSAGES.values(), ids=PASSAGES)
def test_learning_time_is_the_integral(u0, uf, s, n_layers):
    expected = time_by_quadrature(u0, uf, s, n_layers)
    t = time_at_depth(u0, uf, s=s, tau=TAU, n_layers=n_layers)
    np.testing.assert_allclose(t, expected, rtol=ROUNDING)


@pytest.mark.parametrize("n_layers", [4, 5, 10, 100])
def test_learning_time_is_the_hypergeometric_function_of_its_docstring(n_layers):
    s, n_weights = mp.mpf(2), n_layers - 1
    b = mp.mpf(2) / n_weights

    def antiderivative(u):
        v = mp.mpf(u) / s
        series = v**b / b * mp.hyp2f1(1, b, 1 + b, v)
        return s ** (b - 2) * (v ** (b - 1) / (b - 1) + series)

    expected = float((antiderivative(1.8) - antiderivative(1e-4)) / n_weights)
    t = learning_time(1e-4, 1.8, s=2.0, tau=1.0, n_layers=n_layers)
    np.testing.assert_allclose(t, expected, rtol=ROUNDING)


def test_three_layers_are_equation_11():
    u0, uf, s = np.array([1e-3, 0.1, 6.0]), np.array([0.5, 1.9, 3.0]), 2.0
    printed = TAU / (2 * s) * np.log(uf * (s - u0) / (u0 * (s - uf)))
    np.testing.assert_allclose(learning_time(u0, uf, s=s, tau=TAU), printed, rtol=ROUNDING)


def test_stronger_modes_are_learned_sooner():
    """From e to s - e takes (tau/s) ln(s/e - 1): inversely proportional to s."""
    s, e = np.array([0.5, 1.0, 2.0, 20.0]), 1e-6
    t = learning_time(e, s - e, s=s, tau=TAU)
    np.testing.assert_allclose(t, TAU / s * np.log(s / e - 1), rtol=1e-10)  # s - e is rounded
    for n_layers in DEPTHS[1:]:
        assert np.all(np.diff(half_learning_time(e, s=s, tau=TAU, n_layers=n_layers)) < 0)


def test_infinite_depth_is_equation_17():
    u0, uf, s = np.array([1e-3, 0.1, 6.0]), np.array([0.5, 1.9, 3.0]), 2.0
    printed = np.log(uf * (u0 - s) / (u0 * (uf - s))) / s**2 + 1 / (s * u0) - 1 / (s * uf)
    t = infinite_depth_learning_time(u0, uf, s=s, tau=TAU)
    np.testing.assert_allclose(t, TAU * printed, rtol=ROUNDING)


def test_many_layers_approach_infinite_depth_at_first_order():
    n_layers = 1000 * 2 ** np.arange(5)

    def slopes(error):
        return np.diff(np.log(np.abs(error))) / np.diff(np.log(n_layers))

    t = n_layers * learning_time(1e-2, 0.7, s=1.0, tau=TAU, n_layers=n_layers)
    limit = infinite_depth_learning_time(1e-2, 0.7, s=1.0, tau=TAU)
    np.testing.assert_allclose(slopes(t - limit), -1, atol=0.02)

    u = mode_strength(limit / n_layers, s=1.0, u0=1e-2, tau=TAU, n_layers=n_layers)
    np.testing.assert_allclose(slopes(u - 0.7), -1, atol=0.15)


# Limits, in time and in precision


def test_printed_equation_12_overflows_where_ours_does_not():
    t = TAU * np.array([0.0, 1.0, 10.0, 400.0, 1e6])
    with np.errstate(over="ignore", invalid="ignore"):
        growth = np.exp(2 * t / TAU)
        printed = growth / (growth - 1 + 1 / 1e-6)
    u = mode_strength(t, s=1.0, u0=1e-6, tau=TAU)
    np.testing.assert_allclose(u[:3], printed[:3], rtol=ROUNDING)
    assert np.all(np.isnan(printed[3:]))
    assert np.all(u[3:] == 1)


@pytest.mark.parametrize("n_layers", [*DEPTHS, np.inf])
@pytest.mark.parametrize("v0", [1e-300, 1e-20, 0.3, 0.999, 1 - EPS, 1.0, 1 + EPS, 1.001, 3.0])
def test_mode_strength_from_beginning_to_end(v0, n_layers):
    """Exact at t = 0, s after a million half-times, and always on the way between."""
    s, u0 = 20.0, 20 * v0
    half = time_at_depth(u0, (u0 + s) / 2, s=s, tau=TAU, n_layers=n_layers)
    if half in (0, np.inf):  # there is no number between u0 and s
        half = TAU
    t = half * np.array([0.0, 1e-12, 1e-3, 0.5, 0.9, 1.0, 1.1, 2.0, 10.0, 1e3, 1e6])
    u = strength_at_depth(t, s=s, u0=u0, tau=TAU, n_layers=n_layers)
    assert u[0] == u0
    np.testing.assert_allclose(u[-1], s, rtol=4 * EPS)
    assert np.all(np.diff(u) * np.sign(s - u0) >= -4 * EPS * u[1:])
    assert np.all((u >= min(u0, s)) & (u <= max(u0, s)))


@pytest.mark.parametrize("n_layers", [*DEPTHS, np.inf])
def test_an_end_that_is_only_tended_to_takes_for_ever(n_layers):
    u0 = np.array([1e-300, 0.5, 3.0, 1.0])
    t = time_at_depth(u0, 1.0, s=1.0, tau=TAU, n_layers=n_layers)
    np.testing.assert_array_equal(t, [np.inf, np.inf, np.inf, 0])
    assert time_at_depth(1.0, 0.0, s=0.0, tau=TAU, n_layers=n_layers) == np.inf
    t = unbalanced_learning_time(
        1.0, a0=[0.7, -0.7, 3.0, -1.0], b0=[0.7, 0.1, 2.0, -1.0], s=1, tau=TAU
    )
    np.testing.assert_array_equal(t, [np.inf, np.inf, np.inf, 0])


# Inverse pairs


@st.composite
def modes(draw):
    """Draw s and u0, from 1e-12 s to 100 s, and a number of layers."""
    s = 10 ** draw(st.floats(-2, 2))
    u0 = s * 10 ** draw(st.floats(-12, 2))
    assume(abs(u0 - s) > 1e-6 * s)
    return s, u0, draw(st.sampled_from(DEPTHS))


@given(modes(), st.floats(-6, 1))
def test_learning_time_undoes_mode_strength(mode, log_halves):
    """The time comes back, to what rounding of the strength leaves of it."""
    s, u0, n_layers = mode
    t = 10**log_halves * learning_time(u0, (u0 + s) / 2, s=s, tau=TAU, n_layers=n_layers)
    u = mode_strength(t, s=s, u0=u0, tau=TAU, n_layers=n_layers)
    assume(abs(s - u) > 1e-12 * s)  # closer, u no longer tells the time
    speed = velocity(u, s, n_layers)
    back = learning_time(u0, u, s=s, tau=TAU, n_layers=n_layers)
    assert abs(back - t) <= ROUNDING * t + 8 * EPS * u / speed


@given(modes(), st.floats(0, 1), st.floats(0, 1))
def test_learning_times_add_up(mode, x, y):
    s, u0, n_layers = mode
    x, y = sorted((x, y))
    um, uf = u0 * (s / u0) ** x, u0 * (s / u0) ** y
    assume(len({u0, um, uf, s}) == 4)
    assume(min(u0, s) < min(um, uf) and max(um, uf) < max(u0, s))
    first, second, whole = learning_time(
        [u0, um, u0], [um, uf, uf], s=s, tau=TAU, n_layers=n_layers
    )
    assert 0 < first and 0 < second
    np.testing.assert_allclose(first + second, whole, rtol=ROUNDING)


@given(modes())
def test_half_learning_time_is_when_half_is_learned(mode):
    s, u0, n_layers = mode
    assume(u0 < s / 2)
    t = half_learning_time(u0, s=s, tau=TAU, n_layers=n_layers)
    assert t == learning_time(u0, s / 2, s=s, tau=TAU, n_layers=n_layers)
    u = mode_strength(t, s=s, u0=u0, tau=TAU, n_layers=n_layers)
    assert abs(u - s / 2) <= ROUNDING * t * velocity(s / 2, s, n_layers) + ROUNDING * s


@pytest.mark.parametrize("u0", [1e-300, 1e-6, 0.5, 3.0])
def test_infinite_depth_pair_is_inverse(u0):
    uf = u0 + (1 - u0) * np.array([1e-9, 0.1, 0.5, 0.9])
    scaled_t = infinite_depth_learning_time(u0, uf, s=1.0, tau=TAU)
    u = infinite_depth_mode_strength(scaled_t, s=1.0, u0=u0, tau=TAU)
    back = infinite_depth_learning_time(u0, u, s=1.0, tau=TAU)
    np.testing.assert_allclose(back, scaled_t, rtol=ROUNDING)


# Unbalanced layers

# One start in each octant of the plane, on both axes and both diagonals; the starts with
# a b < 0 cross u = 0, and two lie beyond the fixed points.
STARTS = [
    (1.0, 0.3), (0.3, 1.0), (-0.3, 1.0), (-1.0, 0.3), (-1.0, -0.3), (-0.3, -1.0), (0.3, -1.0),
    (1.0, -0.3), (0.7, 0.0), (0.0, -0.7), (0.6, 0.6), (-0.6, -0.6), (0.6, -0.6), (-0.6, 0.6),
    (1.0, -1.001), (3.0, 2.0), (-2.0, -4.0), (0.0, 0.0),
]  # fmt: skip


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


@pytest.mark.parametrize("s", [0.0, 1.3])
@pytest.mark.parametrize("start", [*STARTS[:-1], (0.7, -0.7 + 2**-40)], ids=str)
def test_unbalanced_learning_time_is_the_integral(start, s):
    a0, b0 = start
    u0, end = a0 * b0, s if a0 != -b0 else 0.0
    uf = u0 + (end - u0) * np.array([1e-9, 0.2, 0.5, 0.9, 1 - 1e-9])
    expected = [unbalanced_time_by_quadrature(u, a0, b0, s) for u in uf]
    t = unbalanced_learning_time(uf, a0=a0, b0=b0, s=s, tau=TAU)
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
    back = unbalanced_learning_time(u, a0=a0, b0=b0, s=s, tau=TAU)
    assert abs(back - t) <= ROUNDING * t + 8 * EPS * max(abs(u), abs(u0)) / speed


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("s", [0.0, 1e-3, 2.0])
def test_balanced_layers_are_the_balanced_case(s, sign):
    u0, t = np.array([1e-300, 1e-6, 0.5, 2.0, 7.0]), TAU * np.geomspace(1e-3, 1e3, 7)[:, None]
    root = sign * np.sqrt(u0)
    u = unbalanced_mode_strength(t, a0=root, b0=root, s=s, tau=TAU)
    np.testing.assert_allclose(u, mode_strength(t, s=s, u0=u0, tau=TAU), rtol=ROUNDING)
    uf = (u0 + s) / 2
    np.testing.assert_allclose(
        unbalanced_learning_time(uf, a0=root, b0=root, s=s, tau=TAU),
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
    t = unbalanced_learning_time(uf, a0=small, b0=0.0, s=1.0, tau=TAU)
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
    assert unbalanced_learning_time(0.0, a0=0.6, b0=-0.6, s=1.3, tau=TAU) == np.inf
    assert unbalanced_learning_time(0.0, a0=0.6, b0=-0.6 - 1e-15, s=1.3, tau=TAU) < 30 * TAU


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
    right = unbalanced_learning_time(near_end, a0=a0, b0=b0, s=s, tau=TAU)
    np.testing.assert_allclose(equation_26(near_end, a0, b0, 2 * s), right, rtol=ROUNDING)
    # As printed it tends to s / 2, and is no real number beyond.
    early = unbalanced_learning_time(0.3, a0=a0, b0=b0, s=s, tau=TAU)
    assert equation_26(0.3, a0, b0, s) > 1.5 * early
    with np.errstate(invalid="ignore"):
        assert np.isnan(equation_26(near_end, a0, b0, s))


# Shapes

MODE = {"s": 2.0, "tau": TAU, "d": 1.0}
DEEP = {**MODE, "n_layers": [2, 3, 4, 10]}
CALLS = {
    mode_strength: {"t": 5.0, "u0": 0.1, **DEEP},
    learning_time: {"u0": 0.1, "uf": 1.5, **DEEP},
    half_learning_time: {"u0": 0.1, **DEEP},
    infinite_depth_mode_strength: {"scaled_t": 5.0, "u0": 0.1, **MODE},
    infinite_depth_learning_time: {"u0": 0.1, "uf": 1.5, **MODE},
    unbalanced_mode_strength: {"t": 5.0, "a0": 0.1, "b0": -0.3, **MODE},
    unbalanced_learning_time: {"uf": 1.5, "a0": 0.1, "b0": -0.3, **MODE},
}


def call(function, arguments):
    """Call with the data by position and the rest by keyword."""
    kinds = inspect.signature(function).parameters
    data = [v for k, v in arguments.items() if kinds[k].kind is not kinds[k].KEYWORD_ONLY]
    named = {k: v for k, v in arguments.items() if kinds[k].kind is kinds[k].KEYWORD_ONLY}
    return function(*data, **named)


@pytest.mark.parametrize("function", CALLS, ids=lambda f: f.__name__)
def test_all_arguments_broadcast_and_scalars_give_scalars(function):
    """An array of each argument on an axis of its own is the scalar call at each point."""
    names = list(CALLS[function])
    axes = [
        np.array(v if name == "n_layers" else [v, 1.1 * v]) for name, v in CALLS[function].items()
    ]
    result = call(function, dict(zip(names, np.ix_(*axes), strict=True)))
    points = [dict(zip(names, point, strict=True)) for point in itertools.product(*axes)]
    each = [call(function, point) for point in points]
    assert isinstance(result, np.ndarray) and result.shape == tuple(map(len, axes))
    assert all(isinstance(x, float) for x in each)
    np.testing.assert_allclose(result.ravel(), each, rtol=4 * EPS)
    assert len(set(each)) > len(each) / 2
    empty = call(function, points[0] | {"tau": []})
    assert empty.shape == (0,)


# Bad input


@pytest.mark.parametrize("function", CALLS, ids=lambda f: f.__name__)
def test_bad_input_is_named(function):
    good = {k: np.min(v) for k, v in CALLS[function].items()}
    bad = {name: [(np.nan, "finite"), (-np.inf, "finite")] for name in good}
    for name in good.keys() - {"a0", "b0", "tau", "n_layers", "d"}:
        if not (name == "uf" and "a0" in good):
            bad[name] += [(-0.5, "not be negative")]
    for name in ("tau", "d"):
        bad[name] += [(0.0, "positive"), (-2.0, "positive")]
    if "n_layers" in good:
        bad["n_layers"] += [(n, "integer of at least 2") for n in (1, 0, -3, 2.5)]
    for name, cases in bad.items():
        for value, requirement in cases:
            with pytest.raises(ValueError, match=rf"^{name} must .*{requirement}.*got {value}"):
                call(function, good | {name: np.array([good[name], value])})
    with pytest.raises(
        ValueError, match=r"^shapes must broadcast together.* s \(2,\).* tau \(3,\)"
    ):
        call(function, good | {"s": np.ones(2), "tau": np.ones(3)})


@pytest.mark.parametrize(
    "function, arguments, got",
    [
        (learning_time, {"u0": 0.1, "uf": 1.5, "s": 1.0}, (0.1, 1.0, 1.5)),
        (learning_time, {"u0": 0.1, "uf": [0.5, 0.01], "s": 1.0}, (0.1, 1.0, 0.01)),
        (learning_time, {"u0": 3.0, "uf": 0.9, "s": 1.0}, (3.0, 1.0, 0.9)),
        (learning_time, {"u0": 3.0, "uf": 3.5, "s": 1.0}, (3.0, 1.0, 3.5)),
        (infinite_depth_learning_time, {"u0": 0.1, "uf": 1.5, "s": 1.0}, (0.1, 1.0, 1.5)),
        (unbalanced_learning_time, {"uf": 1.5, "a0": 1.0, "b0": 0.5, "s": 1.0}, (0.5, 1.0, 1.5)),
        (unbalanced_learning_time, {"uf": -0.7, "a0": 1.0, "b0": -0.5, "s": 1}, (-0.5, 1.0, -0.7)),
        (unbalanced_learning_time, {"uf": 0.1, "a0": 1.0, "b0": -1.0, "s": 1}, (-1.0, 0.0, 0.1)),
    ],
)
def test_a_strength_that_is_never_reached_is_refused(function, arguments, got):
    message = "uf must lie between .* {} and .* {} .*got {}$".format(*got)
    with pytest.raises(ValueError, match=message):
        call(function, arguments | {"tau": TAU})


def test_half_of_the_strength_must_lie_ahead():
    with pytest.raises(ValueError, match=r"^u0 must be at most s / .*, got 0\.6$"):
        half_learning_time([0.4, 0.6], s=1.0, tau=TAU)


# The module


def test_theory_shares_no_code_with_simulation():
    tree = ast.parse(inspect.getsource(exact))
    nodes = list(ast.walk(tree))
    modules = {alias.name for n in nodes if isinstance(n, ast.Import) for alias in n.names}
    imports = [n for n in nodes if isinstance(n, ast.ImportFrom)]
    modules |= {n.module or "." for n in imports}
    assert all(n.level == 0 for n in imports)
    assert {module.split(".")[0] for module in modules} == {"__future__", "numpy", "scipy"}
