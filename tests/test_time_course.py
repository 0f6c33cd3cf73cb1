"""Tests of dlnlib.exact.time_course: each closed form against the equation or integral it solves.

The oracles integrate the layer strengths (Eqs. 8 and 14) or the time (Eq. 15) numerically, at worst
with gradient flow of a network; none of them uses the formula it judges. Warnings are errors.
"""

from __future__ import annotations

import mpmath as mp
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from oracles import (
    DEPTHS,
    EPS,
    ODE,
    ROUNDING,
    TAU,
    aligned_network,
    by_depth,
    by_mode,
    descend,
    integral,
    layers_by_ode,
)
from scipy.integrate import quad, solve_ivp

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
from dlnlib.training import gradient_flow

# gradient_flow keeps each step to 1e-10; the errors of its steps add up.
FLOW = 1e-8


# Oracles


def time_by_quadrature(u0, uf, s, n_layers):
    """Integrate Eq. 15; at infinite depth, the time multiplied by the number of layers."""
    with mp.workdps(30):
        u0, uf, s = mp.mpf(u0), mp.mpf(uf), mp.mpf(s)
        n_weights = 1 if n_layers == np.inf else n_layers - 1
        p = 2 if n_layers == np.inf else 2 - mp.mpf(2) / n_weights
        total = integral(lambda u: 1 / (u**p * (s - u)), u0, uf, {mp.mpf(0), s})
        return float(TAU * total / n_weights)


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


def time_passages(u0, end):
    return u0 + (end - u0) * np.array([0.0, 0.01, 0.3, 0.5, 0.9, 0.99])


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
        back = unbalanced_learning_time(start[0], start[1], u[1:4], s=s, tau=TAU, d=d)
    np.testing.assert_allclose(u, layers.prod(axis=0), rtol=ODE)
    np.testing.assert_allclose(back, t[1:4], rtol=ODE)


@by_mode
@by_depth
@pytest.mark.parametrize("relative_start", [1e-3, 0.4, 3.0])
def test_closed_form_solves_the_equations_of_the_layers(n_layers, s, d, relative_start):
    n_weights, u0 = n_layers - 1, relative_start * s / d
    passage = time_passages(u0, s / d)
    t = exact.learning_time(u0, passage, s=s, tau=TAU, n_layers=n_layers, d=d)

    def velocity(_, a):
        others = np.array([np.prod(np.delete(a, i)) for i in range(n_weights)])
        return others * (s - d * np.prod(a)) / TAU

    start = np.full(n_weights, u0 ** (1 / n_weights))
    layers = solve_ivp(velocity, (0, t[-1]), start, "DOP853", t, rtol=1e-11, atol=1e-13).y
    np.testing.assert_allclose(layers.prod(axis=0), passage, rtol=ODE)
    u = exact.mode_strength(t, s=s, u0=u0, tau=TAU, n_layers=n_layers, d=d)
    np.testing.assert_allclose(u, passage, rtol=ROUNDING)


@by_depth
def test_closed_form_is_gradient_flow_of_a_network(n_layers):
    """Modes that disagree in s, s/d and s**2/d, and one that is not in the task."""
    rng = np.random.default_rng(46)
    s, d, u0 = np.array([2.0, 1.0, 0.5]), np.array([4.0, 0.5, 1.0]), np.array([0.02, 0.1, 0.05])
    data, m, start = aligned_network(n_layers, s, d, u0, rng)
    times = np.linspace(0, 12, 40)
    flow = gradient_flow(start, data, times=times, tau=0.5, modes=m)
    u = exact.mode_strength(times[:, None], s=s, u0=u0, tau=0.5, n_layers=n_layers, d=d)
    np.testing.assert_allclose(flow.mode_strengths, u, atol=FLOW)
    expected = np.sum((s - d * u) ** 2 / (2 * d), axis=1)
    np.testing.assert_allclose(flow.errors, expected, atol=FLOW)


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


@by_mode
@pytest.mark.parametrize("u0", [1e-2, 9.0])
def test_infinite_depth_solves_its_equation(u0, s, d):
    passage = time_passages(u0, s / d)
    t = exact.infinite_depth_learning_time(u0, passage, s=s, tau=TAU, d=d)
    flow = solve_ivp(
        lambda _, u: u**2 * (s - d * u) / TAU, (0, t[-1]), [u0], "DOP853", t,
        rtol=1e-11, atol=1e-13,
    )  # fmt: skip
    np.testing.assert_allclose(flow.y[0], passage, rtol=ODE)
    u = exact.infinite_depth_mode_strength(t, s=s, u0=u0, tau=TAU, d=d)
    np.testing.assert_allclose(u, passage, rtol=ROUNDING)


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
    t = unbalanced_learning_time([0.7, -0.7, 3, -1], [0.7, 0.1, 2, -1], 1.0, s=1.0, tau=TAU)
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


@by_mode
def test_half_of_the_ceiling_is_reached_at_the_half_learning_time(s, d):
    n_layers, u0 = np.array(DEPTHS), 1e-3
    t = exact.half_learning_time(u0, s=s, tau=TAU, n_layers=n_layers, d=d)
    u = exact.mode_strength(t, s=s, u0=u0, tau=TAU, n_layers=n_layers, d=d)
    np.testing.assert_allclose(u, s / (2 * d), rtol=1e-10)


@pytest.mark.parametrize("u0", [1e-300, 1e-6, 0.5, 3.0])
def test_infinite_depth_pair_is_inverse(u0):
    uf = u0 + (1 - u0) * np.array([1e-9, 0.1, 0.5, 0.9])
    scaled_t = infinite_depth_learning_time(u0, uf, s=1.0, tau=TAU)
    u = infinite_depth_mode_strength(scaled_t, s=1.0, u0=u0, tau=TAU)
    back = infinite_depth_learning_time(u0, u, s=1.0, tau=TAU)
    np.testing.assert_allclose(back, scaled_t, rtol=ROUNDING)


# Input correlations


def test_white_inputs_are_the_default():
    case = {"s": 2.0, "tau": TAU, "n_layers": [2, 3, 10]}
    assert np.all(
        exact.mode_strength(3.0, u0=0.1, **case) == exact.mode_strength(3.0, u0=0.1, d=1, **case)
    )
    assert np.all(
        exact.learning_time(0.1, 1.0, **case) == exact.learning_time(0.1, 1.0, d=1, **case)
    )


def test_input_correlation_matters_less_the_deeper_the_network():
    """From small starts, s sets the pace of three layers and more, d that of two."""
    t = exact.half_learning_time(1e-6, s=1.0, tau=TAU, n_layers=[[2], [3], [10]], d=[0.5, 4.0])
    ratio = t[:, 1] / t[:, 0]
    np.testing.assert_allclose(ratio[0], 1 / 8, rtol=1e-4)
    assert 0.8 < ratio[1] < 1 and abs(ratio[2] - 1) < 1e-3


# Beyond all doubles


@pytest.mark.parametrize("n_layers", [2, 3, 4, 100, np.inf])
def test_a_time_beyond_all_doubles_is_for_ever(n_layers):
    for u0, s in ((0.1, 2.0), (3.0, 2.0), (1e-150, 1e150), (1e-100, 1e-100)):
        assert strength_at_depth(1.0, s=s, u0=u0, tau=1e-320, n_layers=n_layers) == s
    assert strength_at_depth(1.0, s=0.0, u0=3.0, tau=1e-320, n_layers=n_layers) < 1e-150


def test_a_mode_far_above_its_end_is_never_below_it():
    u = mode_strength([0, 1e-300, 1.0], s=1e-100, u0=1e200, tau=1.0)
    np.testing.assert_allclose(u, [1e200, 1e200 / (1 + 2e-100), 0.5], rtol=ROUNDING)


@pytest.mark.parametrize("u0, uf, s", [(1e-200, 1e-150, 1e-100), (1e155, 1e100, 1.0)])
def test_infinite_depth_where_squares_are_no_doubles(u0, uf, s):
    with mp.workdps(400):
        u0_, uf_, s_ = mp.mpf(u0), mp.mpf(uf), mp.mpf(s)
        way = mp.log(uf_ * (s_ - u0_) / (u0_ * (s_ - uf_))) / s_**2 + 1 / s_ / u0_ - 1 / s_ / uf_
        t = infinite_depth_learning_time(u0, uf, s=s, tau=1e-50)
        assert abs(t / (way * mp.mpf(1e-50)) - 1) < 1e-11


def test_a_result_beyond_all_doubles_is_refused_with_what_was_given():
    message = r"^u0, uf and s must not take the result out of range, got u0 1e-320, uf 0.5, s 1.0$"
    with pytest.raises(ValueError, match=message):
        exact.infinite_depth_optimal_learning_time(1e-320, 0.5, s=1.0)


# Learning times at the optimal rate


@by_mode
@pytest.mark.parametrize("n_layers", DEPTHS)
def test_optimal_learning_time_is_the_time_at_the_optimal_rate(n_layers, s, d):
    u0, uf = 1e-2 * s / d, 0.9 * s / d
    t = exact.optimal_learning_time(u0, uf, s=s, n_layers=n_layers, d=d)
    n_weights, rate = n_layers - 1, exact.optimal_learning_rate(s, n_layers=n_layers, d=d)
    expected = quad(
        lambda u: 1 / (rate * n_weights * u ** (2 - 2 / n_weights) * (s - d * u)), u0, uf,
        epsabs=0, epsrel=1e-11, limit=200,
    )[0]  # fmt: skip
    np.testing.assert_allclose(t, expected, rtol=1e-10)


def test_three_and_infinitely_many_layers_are_equations_43_to_45():
    u0, uf, s = np.array([1e-3, 0.1, 6.0]), np.array([0.5, 1.9, 3.0]), 2.0
    t3 = exact.optimal_learning_time(u0, uf, s=s, n_layers=3)
    t_infinite = exact.infinite_depth_optimal_learning_time(u0, uf, s=s)
    log = np.log(uf * (u0 - s) / (u0 * (uf - s)))
    np.testing.assert_allclose(t3, log, rtol=ROUNDING)
    np.testing.assert_allclose(t_infinite, log + s / u0 - s / uf, rtol=ROUNDING)


def test_infinite_depth_costs_s_over_epsilon():
    s, eps = 3.0, np.logspace(-2, -6, 5)
    cost = exact.infinite_depth_optimal_learning_time(eps, s - eps, s=s)
    cost -= exact.optimal_learning_time(eps, s - eps, s=s, n_layers=3)
    np.testing.assert_allclose(cost * eps / s, 1 - eps / (s - eps), rtol=1e-9)


def test_learning_time_saturates_with_depth():
    n_layers = np.array([2, 3, 5, 10, 100, 1000, 2000])
    t = exact.optimal_learning_time(1e-2, 0.99, s=1.0, n_layers=n_layers)
    limit = exact.infinite_depth_optimal_learning_time(1e-2, 0.99, s=1.0)
    assert np.all(np.diff(t) > 0) and t[-1] < limit
    np.testing.assert_allclose((limit - t[-2]) / (limit - t[-1]), 2, rtol=0.02)


@pytest.mark.parametrize("n_layers", [3, 5, 10])
def test_slow_descent_takes_the_optimal_time_over_its_fraction_of_the_rate(n_layers):
    s, u0, share = 2.0, 0.1, 1e-3
    rate = share * exact.optimal_learning_rate(s, n_layers=n_layers)
    t = exact.optimal_learning_time(u0, s / 2, s=s, n_layers=n_layers)
    start = np.full(n_layers - 1, u0 ** (1 / (n_layers - 1)))
    path = descend(start, s=s, d=1.0, rate=rate, n_steps=int(1.1 * t / share))
    steps = np.argmax(path.prod(axis=1) >= s / 2)
    np.testing.assert_allclose(share * steps, t, rtol=2 * share)
