"""Tests of dlnlib.exact: Appendix B (curvature, learning rates) and Appendix E (aligned inputs).

The oracles differentiate the error of the layer strengths at 60 digits, integrate their
equations, or run gradient descent on them; none uses the formula it judges.
"""

from __future__ import annotations

import mpmath as mp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad, solve_ivp

from dlnlib import exact
from dlnlib.correlations import Correlations, modes
from dlnlib.initial_conditions import decoupled
from dlnlib.training import gradient_descent, gradient_flow

# A handful of roundings.
ROUNDING = 1e-12
# DOP853 keeps each step to 1e-11, and gradient_flow to 1e-10; the errors of steps add up.
ODE = 1e-8

TAU = 7.0
DEPTHS = (2, 3, 4, 5, 10)
MODES = [(2.0, 1.0), (2.0, 0.25), (0.7, 4.0)]

by_depth = pytest.mark.parametrize("n_layers", DEPTHS)
by_mode = pytest.mark.parametrize("s, d", MODES, ids=str)


# Oracles


def error(layers, s, d):
    """Return the error of one mode: half of y**2 - 2 s u + d u**2, with the square completed."""
    return (s - d * mp.fprod(layers)) ** 2 / (2 * TAU * mp.mpf(d))


def gradient_and_hessian(error, layers):
    """Differentiate twice by central differences, exact to double precision at 60 digits."""
    with mp.workdps(60):
        h, x = mp.mpf("1e-20"), [mp.mpf(v) for v in layers]
        n = len(x)

        def at(*moves):
            y = list(x)
            for i, step in moves:
                y[i] += step * h
            return error(y)

        first = [(at((i, 1)) - at((i, -1))) / (2 * h) for i in range(n)]
        corners = [(1, 1), (1, -1), (-1, 1), (-1, -1)]
        second = [
            [sum(p * q * at((i, p), (j, q)) for p, q in corners) / (4 * h**2) for j in range(n)]
            for i in range(n)
        ]
        return np.array(first, dtype=float), np.array(second, dtype=float)


def descend(layers, *, s, d, rate, n_steps):
    """Run gradient descent on the strengths of the layers of one mode; a row for each step."""
    layers = np.array(layers, dtype=float)
    path = [layers]
    for _ in range(n_steps):
        others = np.array([np.prod(np.delete(layers, i)) for i in range(len(layers))])
        layers = layers + rate * others * (s - d * np.prod(layers))
        path.append(layers)
    return np.array(path)


def aligned_network(n_layers, s, d, u0, rng):
    """Return correlations with sigma_xx = V D V^T, their modes, and a decoupled start."""
    n = len(s)
    V, U = np.linalg.qr(rng.standard_normal((2, n, n)))[0]
    # Without noise, tr sigma_yy is what the optimum explains.
    data = Correlations(V * d @ V.T, U * s @ V.T, float(np.sum(s**2 / d)), n_examples=n)
    m = modes(data)
    return data, m, decoupled(m, (n, *[n + 2] * (n_layers - 2), n), u0=u0, rng=rng)


# Appendix B: curvature


@by_mode
@by_depth
def test_curvatures_are_the_eigenvalues_of_the_hessian(n_layers, s, d):
    n_weights = n_layers - 1
    end = (s / d) ** (1 / n_weights)
    for a in np.array([0.1, 0.5, 0.8, 0.95, 1.0, 1.2]) * end:
        _, H = gradient_and_hessian(lambda x: error(x, s, d), [a] * n_weights)
        case = {"s": s, "tau": TAU, "n_layers": n_layers, "d": d}
        scale = np.abs(H).sum()
        along = exact.curvature_along_path(a, **case)
        np.testing.assert_allclose(H.sum(axis=1), along, atol=ROUNDING * scale)
        values = np.linalg.eigvalsh(H)
        np.testing.assert_allclose(
            exact.largest_curvature(a, **case), values[-1], atol=ROUNDING * scale
        )
        if n_layers > 2:
            across = exact.curvature_across_path(a, **case)
            expected = np.sort([along] + [across] * (n_weights - 1))
            np.testing.assert_allclose(values, expected, atol=ROUNDING * scale)


def test_curvature_along_the_path_is_equation_37():
    a, s, n_layers = np.array([0.3, 0.9, 1.1]), 2.0, np.array([[3], [5], [10]])
    printed = (2 * n_layers - 3) * a ** (2 * n_layers - 4.0)
    printed -= (n_layers - 2) * s * a ** (n_layers - 3.0)
    along = exact.curvature_along_path(a, s=s, tau=TAU, n_layers=n_layers)
    np.testing.assert_allclose(along, printed / TAU, rtol=ROUNDING)
    optimum = exact.curvature_along_path(s ** (1 / (n_layers - 1)), s=s, tau=TAU, n_layers=n_layers)
    equation_41 = (n_layers - 1) * s ** ((2 * n_layers - 4) / (n_layers - 1)) / TAU
    np.testing.assert_allclose(optimum, equation_41, rtol=ROUNDING)


@pytest.mark.parametrize("n_layers", [3, 4, 5, 10, 100])
def test_printed_eigenvalue_is_the_largest_from_half_of_the_strength_on(n_layers):
    """Below, it is smaller than the others, and below (L-1)/(2L-1) of the strength negative."""
    n_weights, case = n_layers - 1, {"s": 2.0, "tau": TAU, "n_layers": n_layers}
    u = 2.0 * np.array([0.01, 0.2, 0.499, 0.501, 0.8, 1.0])
    a = u ** (1 / n_weights)
    along, across = exact.curvature_along_path(a, **case), exact.curvature_across_path(a, **case)
    assert np.all((along > across) == (u > 1))
    assert np.all(exact.largest_curvature(a, **case) == np.maximum(along, across))
    node = (2.0 * (n_weights - 1) / (2 * n_weights - 1) * np.array([0.999, 1.001])) ** (
        1 / n_weights
    )
    assert np.all(np.sign(exact.curvature_along_path(node, **case)) == [-1, 1])


@given(st.integers(2, 200), st.floats(0.01, 100), st.floats(0.01, 100), st.floats(0, 1))
def test_curvature_is_nowhere_greater_than_at_the_optimum(n_layers, s, d, x):
    """In magnitude too, so that the rate that is stable at the end is safe all the way."""
    end = (s / d) ** (1 / (n_layers - 1))
    case = {"s": s, "tau": TAU, "n_layers": n_layers, "d": d}
    bound = exact.curvature_along_path(end, **case) * (1 + 1e-9)
    assert abs(exact.curvature_along_path(x * end, **case)) <= bound
    assert abs(exact.largest_curvature(x * end, **case)) <= bound


def test_curvature_of_one_weight_is_the_input_correlation():
    case = {"s": 2.0, "tau": TAU, "n_layers": 2, "d": 3.0}
    for curvature in (exact.curvature_along_path, exact.largest_curvature):
        np.testing.assert_allclose(curvature([0.0, 1.0, 5.0], **case), 3 / TAU, rtol=ROUNDING)


def test_printed_energies_lack_a_square():
    """Eqs. 27 and 32 have no minimum; with the square, Eqs. 28 and 33 are their gradients."""
    s, layers = 2.0, [0.8, 1.1, 1.3]
    optimum = [s ** (1 / 3)] * 3

    def printed(x):
        return (s - mp.fprod(x)) / (2 * TAU)

    equation_28 = [-(s - np.prod(layers)) * np.prod(layers) / a / TAU for a in layers]
    slope, _ = gradient_and_hessian(printed, layers)
    assert np.all(np.abs(slope / equation_28 - 1) > 0.4)
    assert np.all(gradient_and_hessian(printed, optimum)[0] < -0.1)
    assert printed([1e6] * 3) < -1e15

    slope, _ = gradient_and_hessian(lambda x: error(x, s, 1.0), layers)
    np.testing.assert_allclose(slope, equation_28, rtol=ROUNDING)
    slope, _ = gradient_and_hessian(lambda x: error(x, s, 1.0), optimum)
    np.testing.assert_allclose(slope, 0, atol=ROUNDING)


# Appendix B: learning rates


@by_mode
@by_depth
@pytest.mark.parametrize("factor, settles", [(0.97, True), (1.03, False)])
def test_descent_settles_up_to_the_stable_rate(n_layers, s, d, factor, settles):
    n_weights = n_layers - 1
    rate = factor * exact.stable_learning_rate(s=s, n_layers=n_layers, d=d)
    start = (s / d) ** (1 / n_weights) * (1 + 1e-3 * np.cos(np.arange(n_weights)))
    u = descend(start, s=s, d=d, rate=rate, n_steps=400).prod(axis=1)
    assert (abs(u[-1] * d / s - 1) < 1e-6) == settles


@pytest.mark.parametrize("n_layers", [3, 5])
@pytest.mark.parametrize("factor, settles", [(0.97, True), (1.03, False)])
def test_whole_network_of_white_inputs_is_bound_by_its_strongest_mode(n_layers, factor, settles):
    rng, s = np.random.default_rng(41), np.array([3.0, 2.0, 0.5])
    data, _, weights = aligned_network(n_layers, s, np.ones(3), s, rng)
    weights = [w + 1e-4 * rng.standard_normal(w.shape) for w in weights]
    rate = factor * exact.stable_learning_rate(s=s, n_layers=n_layers).min()
    run = gradient_descent(weights, data, learning_rate=float(rate), n_steps=300)
    assert (run.errors[-1] < run.errors[0]) == settles


@by_mode
@by_depth
def test_a_step_of_the_optimal_rate_reaches_the_optimum_to_second_order(n_layers, s, d):
    end = (s / d) ** (1 / (n_layers - 1))
    rate = exact.optimal_learning_rate(s=s, n_layers=n_layers, d=d)
    for distance in (1e-3, 1e-4):
        start = np.full(n_layers - 1, end * (1 + distance))
        after = descend(start, s=s, d=d, rate=rate, n_steps=1)[-1] / end - 1
        assert np.all(np.abs(after) < 2 * n_layers * distance**2 + ROUNDING)


@given(st.integers(3, 12), st.integers(0, 2**32 - 1))
def test_equal_layers_are_the_flattest_minimum(n_layers, seed):
    """Beyond the stable rate no minimum is stable: at every other the curvature is greater."""
    layers = np.random.default_rng(seed).lognormal(size=n_layers - 1)
    layers *= (2.0 / np.prod(layers)) ** (1 / (n_layers - 1))
    # At a minimum the Hessian is that of the Jacobian, of rank one.
    curvature = np.sum((2.0 / layers) ** 2)
    assert curvature >= 2 / exact.stable_learning_rate(s=2.0, n_layers=n_layers) * (1 - 1e-9)


def test_optimal_rate_falls_inversely_with_depth():
    """Eq. 42: N_l s**2 times the rate tends to one, at first order in 1/N_l."""
    n_layers, s = 1000 * 2 ** np.arange(5), 3.0
    error = exact.optimal_learning_rate(s=s, n_layers=n_layers) * n_layers * s**2 - 1
    np.testing.assert_allclose(np.diff(np.log(error)) / np.log(2), -1, atol=0.01)


def test_nothing_bounds_the_rate_of_a_deep_mode_without_signal():
    rate = exact.stable_learning_rate(s=0.0, n_layers=[2, 3, 5], d=4.0)
    np.testing.assert_array_equal(rate, [0.5, np.inf, np.inf])


@by_mode
@by_depth
def test_newton_step_solves_with_the_hessian(n_layers, s, d):
    end = (s / d) ** (1 / (n_layers - 1))
    for a in np.array([0.2, 0.7, 0.97, 1.3]) * end:
        slope, H = gradient_and_hessian(lambda x: error(x, s, d), [a] * (n_layers - 1))
        step = exact.newton_step(a, s=s, n_layers=n_layers, d=d)
        np.testing.assert_allclose(-np.linalg.solve(H, slope), step, rtol=1e-10)


@pytest.mark.parametrize("n_layers", [3, 5, 10])
def test_newton_finds_the_optimum_above_the_node_and_the_saddle_near_zero(n_layers):
    n_weights, s = n_layers - 1, 2.0
    end, node = s ** (1 / n_weights), (s * (n_weights - 1) / (2 * n_weights - 1)) ** (1 / n_weights)
    a = np.array([0.1, 0.5, 1.01, 1.1, 3.0]) * node
    for _ in range(200):
        step = exact.newton_step(np.abs(a), s=s, n_layers=n_layers)
        a = a + np.sign(a) * step
    np.testing.assert_allclose(a, [0, 0, end, end, end], atol=1e-6)
    below, above = exact.newton_step(
        node * np.array([1 - 1e-12, 1 + 1e-12]), s=s, n_layers=n_layers
    )
    assert below < -1e9 and above > 1e9


def test_newton_step_of_special_points():
    assert exact.newton_step(1.0, s=3.0, n_layers=3) == np.inf
    assert exact.newton_step(0.0, s=3.0, n_layers=3) == 0
    np.testing.assert_array_equal(exact.newton_step([0.0, 1.0], s=3.0, n_layers=2), [3, 2])


# Appendix B: learning times at the optimal rate


@by_mode
@pytest.mark.parametrize("n_layers", [*DEPTHS, 100])
def test_optimal_learning_time_is_the_time_at_the_optimal_rate(n_layers, s, d):
    u0, uf = 1e-2 * s / d, 0.9 * s / d
    t = exact.optimal_learning_time(u0, uf, s=s, n_layers=n_layers, d=d)
    n_weights, rate = n_layers - 1, exact.optimal_learning_rate(s=s, n_layers=n_layers, d=d)
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
    rate = share * exact.optimal_learning_rate(s=s, n_layers=n_layers)
    t = exact.optimal_learning_time(u0, s / 2, s=s, n_layers=n_layers)
    start = np.full(n_layers - 1, u0 ** (1 / (n_layers - 1)))
    path = descend(start, s=s, d=1.0, rate=rate, n_steps=int(1.1 * t / share))
    steps = np.argmax(path.prod(axis=1) >= s / 2)
    np.testing.assert_allclose(share * steps, t, rtol=2 * share)


# Appendix E: aligned inputs


def time_passages(u0, end):
    return u0 + (end - u0) * np.array([0.0, 0.01, 0.3, 0.5, 0.9, 0.99])


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
    np.testing.assert_allclose(flow.mode_strengths, u, atol=ODE)
    expected = np.sum((s - d * u) ** 2 / (2 * d), axis=1)
    np.testing.assert_allclose(flow.errors, expected, atol=ODE)


@by_mode
def test_half_of_the_ceiling_is_reached_at_the_half_learning_time(s, d):
    n_layers, u0 = np.array(DEPTHS), 1e-3
    t = exact.half_learning_time(u0, s=s, tau=TAU, n_layers=n_layers, d=d)
    u = exact.mode_strength(t, s=s, u0=u0, tau=TAU, n_layers=n_layers, d=d)
    np.testing.assert_allclose(u, s / (2 * d), rtol=1e-10)


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
    back = exact.unbalanced_learning_time(u, **case)
    np.testing.assert_allclose(back, t, atol=ODE)


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


RATES = {
    exact.curvature_along_path: {"a": 0.5, "tau": 2.0},
    exact.curvature_across_path: {"a": 0.5, "tau": 2.0},
    exact.largest_curvature: {"a": 0.5, "tau": 2.0},
    exact.newton_step: {"a": 0.5},
    exact.stable_learning_rate: {},
    exact.optimal_learning_rate: {},
    exact.optimal_learning_time: {"u0": 0.1, "uf": 0.4},
    exact.infinite_depth_optimal_learning_time: {"u0": 0.1, "uf": 0.4},
}


@pytest.mark.parametrize("function", RATES, ids=lambda f: f.__name__)
def test_arguments_broadcast_and_scalars_give_scalars(function):
    """A mode and a depth on axes of their own are the scalar calls."""

    def call(s, d, n_layers):
        named = {"s": s, "d": d, "n_layers": n_layers} | RATES[function]
        if function is exact.infinite_depth_optimal_learning_time:
            del named["n_layers"]
        data = [named.pop(name) for name in ("a", "u0", "uf") if name in named]
        return function(*data, **named)

    depths = np.array([3, 4, 10])
    table = np.broadcast_to(
        call(np.array([[1.0], [2.0]]), np.array([[2.0], [1.5]]), depths), (2, 3)
    )
    for row, mode in zip(table, ((1.0, 2.0), (2.0, 1.5)), strict=True):
        each = [call(*mode, n_layers) for n_layers in depths]
        assert all(isinstance(x, float) for x in each)
        np.testing.assert_allclose(row, each, rtol=ROUNDING)
    assert call(np.ones(0), 1.0, 3).shape == (0,)


# Bad input


MODE = {"s": 1.0, "n_layers": 3}


@pytest.mark.parametrize("d", [0.0, -1.0])
def test_input_correlation_must_be_positive(d):
    calls = [
        lambda: exact.mode_strength(1.0, u0=0.1, tau=1.0, d=d, **MODE),
        lambda: exact.learning_time(0.1, 0.5, tau=1.0, d=d, **MODE),
        lambda: exact.half_learning_time(0.1, tau=1.0, d=d, **MODE),
        lambda: exact.infinite_depth_mode_strength(1.0, u0=0.1, s=1.0, tau=1.0, d=d),
        lambda: exact.infinite_depth_learning_time(0.1, 0.5, s=1.0, tau=1.0, d=d),
        lambda: exact.unbalanced_mode_strength(1.0, a0=1.0, b0=0.2, s=1.0, tau=1.0, d=d),
        lambda: exact.unbalanced_learning_time(0.5, a0=1.0, b0=0.2, s=1.0, tau=1.0, d=d),
        lambda: exact.curvature_along_path(0.5, tau=1.0, d=d, **MODE),
        lambda: exact.curvature_across_path(0.5, tau=1.0, d=d, **MODE),
        lambda: exact.largest_curvature(0.5, tau=1.0, d=d, **MODE),
        lambda: exact.newton_step(0.5, d=d, **MODE),
        lambda: exact.stable_learning_rate(d=d, **MODE),
        lambda: exact.optimal_learning_rate(d=d, **MODE),
        lambda: exact.optimal_learning_time(0.1, 0.5, d=d, **MODE),
        lambda: exact.infinite_depth_optimal_learning_time(0.1, 0.5, s=1.0, d=d),
    ]
    for call in calls:
        with pytest.raises(ValueError, match=f"^d must be positive, got {d}$"):
            call()


BAD = {
    "a must not be negative": lambda: exact.largest_curvature(-0.1, tau=1.0, **MODE),
    "a must be finite": lambda: exact.newton_step(np.nan, **MODE),
    "s must not be negative": lambda: exact.stable_learning_rate(s=-1.0),
    "tau must be positive": lambda: exact.curvature_along_path(0.5, tau=0.0, **MODE),
    "n_layers must be an integer": lambda: exact.optimal_learning_rate(s=1.0, n_layers=2.5),
    "n_layers must be at least 3": lambda: exact.curvature_across_path(
        0.5, s=1.0, tau=1.0, n_layers=2
    ),
    "d must be finite": lambda: exact.newton_step(0.5, d=np.inf, **MODE),
    "d must not take s / d": lambda: exact.stable_learning_rate(s=1e200, d=1e-200),
    r"u0 must be at most s / \(2 d\)": lambda: exact.half_learning_time(0.3, s=1.0, tau=1.0, d=2.0),
    r"final strength 0\.5": lambda: exact.learning_time(0.1, 0.7, s=1.0, tau=1.0, d=2.0),
    "uf must lie between": lambda: exact.optimal_learning_time(0.1, 0.7, d=2.0, **MODE),
    "s must be positive": lambda: exact.optimal_learning_time(0.1, 0.05, s=0.0),
    "shapes must broadcast together, got a": lambda: exact.newton_step([0.1, 0.2], s=[1, 2, 3]),
}  # fmt: skip


@pytest.mark.parametrize("message, call", BAD.items(), ids=BAD)
def test_bad_arguments_are_named(message, call):
    with pytest.raises(ValueError, match=message):
        call()


# Momentum, dropout (Section 5)


def heavy_ball(a, s, rate, momentum, n_weights, n_steps):
    """Descend with momentum, from rest, in as many digits as asked for."""
    course, velocity = [a], 0
    for _ in range(n_steps):
        velocity = momentum * velocity + rate * a ** (n_weights - 1) * (s - a**n_weights)
        a = a + velocity
        course.append(a)
    return course


@pytest.mark.parametrize("momentum", [0.0, 0.5, 0.9, 0.99, 1.0])
@pytest.mark.parametrize("tau", [2.0, 100.0, 1e4])
def test_a_small_mode_grows_at_the_rate_of_its_recursion(momentum, tau):
    n = 4000
    # So small that the cube stays below rounding; the slower root has died out by then.
    with mp.workdps(50):
        course = heavy_ball(mp.mpf("1e-3000"), 1, 1 / mp.mpf(tau), mp.mpf(momentum), 2, n)
        growth = 2 * float(mp.log(course[n] / course[n - 1]))
    found = exact.momentum_growth_rate(s=1.0, tau=tau, momentum=momentum)
    assert found == pytest.approx(growth, rel=1e-9)


def test_growth_with_little_and_with_much_momentum_is_stable_in_rounding():
    s, tau = 1e-9, 1e3
    with mp.workdps(40):
        for beta in (0.0, 0.5, 1 - 1e-9, 1.0):
            total = 1 + mp.mpf(beta) + mp.mpf(s) / tau
            root = (total + mp.sqrt(total**2 - 4 * mp.mpf(beta))) / 2
            expected = 2 * mp.log(root)
            found = exact.momentum_growth_rate(s=s, tau=tau, momentum=beta)
            assert abs(found / expected - 1) < 1e-9


@pytest.mark.parametrize("n_layers", [2, 3, 4, 9])
@pytest.mark.parametrize("momentum", [0.0, 0.3, 0.9])
@pytest.mark.parametrize("share", [0.02, 0.5, 1.3, 2.1, 2.7])
def test_a_mode_settles_at_the_rate_of_its_recursion(n_layers, momentum, share):
    s, L = 1.7, n_layers - 1
    tau = L * s ** (2 - 2 / L) / share
    decay, frequency = exact.momentum_relaxation(s=s, tau=tau, momentum=momentum, n_layers=n_layers)
    # Distances obey x'' = p x' - beta x: p from three successive ones.
    with mp.workdps(60):
        optimum = mp.mpf(s) ** (mp.mpf(1) / L)
        a = heavy_ball(optimum * (1 + mp.mpf("1e-25")), s, 1 / mp.mpf(tau), mp.mpf(momentum), L, 3)
        x = [v - optimum for v in a]
        p = float((x[3] + momentum * x[1]) / x[2])
    slower = max(np.roots([1, -p, momentum]), key=abs)
    assert decay == pytest.approx(-np.log(abs(slower)), abs=1e-9)
    assert frequency == pytest.approx(abs(np.angle(slower)), abs=1e-6)
    stable = 1 / tau < 2 * (1 + momentum) / (L * s ** (2 - 2 / L))
    assert (decay > 0) == stable


@pytest.mark.parametrize("u0", [1e-12, 1e-3, 0.5, 1.0, 2.0])
def test_without_friction_a_mode_swings_as_newton_says(u0):
    s, tau = 2.0, 3.0
    t = np.linspace(0, 36, 61)
    path = solve_ivp(
        lambda _, z: (z[1], z[0] * (s - z[0] ** 2) / tau),
        (0, 36),
        (u0**0.5, 0.0),
        "DOP853",
        t_eval=t,
        rtol=1e-12,
        atol=1e-20,
    )
    found = exact.frictionless_mode_strength(t, s=s, u0=u0, tau=tau)
    # On its way back to a saddle the integrator's errors grow as the start did before.
    np.testing.assert_allclose(found, path.y[0] ** 2, rtol=1e-8, atol=1e-8)
    assert found[0] == pytest.approx(u0, rel=ROUNDING)


@pytest.mark.parametrize("u0", [1e-30, 1e-12, 1e-4, 0.3])
def test_the_frictionless_mode_is_accurate_at_every_size_of_start(u0):
    t = np.linspace(0, 1.2 * np.log(16 / u0), 40)
    with mp.workdps(50):
        m = 1 - mp.mpf(u0) / (2 - mp.mpf(u0))
        exactly = [u0 / mp.ellipfun("dn", mp.sqrt((2 - mp.mpf(u0)) / 2) * x, m=m) ** 2 for x in t]
    found = exact.frictionless_mode_strength(t, s=1.0, u0=u0, tau=1.0)
    np.testing.assert_allclose(found, np.array(exactly, dtype=float), rtol=1e-8)


def test_without_friction_a_mode_at_rest_stays_there():
    np.testing.assert_array_equal(
        exact.frictionless_mode_strength([0, 1, 9], s=1.0, u0=0.0, tau=1.0), 0
    )
    np.testing.assert_allclose(
        exact.frictionless_mode_strength([0, 1, 9], s=1.0, u0=1.0, tau=1.0), 1, rtol=ROUNDING
    )


def test_momentum_one_swings_like_the_frictionless_mode():
    # Descent from rest is the leapfrog integrator half a step later: second order in its step.
    gaps = []
    for rate in (0.01, 0.0025):
        n_steps = int(12 / rate**0.5)
        u = np.array(heavy_ball(0.1, 1.0, rate, 1.0, 2, n_steps)) ** 2
        curve = exact.frictionless_mode_strength(
            np.arange(n_steps + 1) + 0.5, s=1.0, u0=0.01, tau=1 / rate
        )
        gaps.append(np.abs(u - curve).max())
    assert gaps[0] / gaps[1] == pytest.approx(4, rel=0.1)


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


@pytest.mark.parametrize(
    ("function", "arguments", "message"),
    [
        (exact.momentum_growth_rate, {"momentum": 1.1}, "momentum must be from 0 to 1, got 1.1"),
        (exact.momentum_growth_rate, {"momentum": -0.1}, "momentum"),
        (exact.momentum_relaxation, {"momentum": 0.5, "n_layers": 1}, "n_layers"),
        (exact.momentum_relaxation, {"momentum": np.nan}, "momentum"),
        (exact.frictionless_mode_strength, {"t": 1.0, "u0": 3.0}, "u0 must not exceed s"),
    ],
)
def test_momentum_is_a_fraction(function, arguments, message):
    with pytest.raises(ValueError, match=message):
        function(**{"s": 1.0, "tau": 1.0} | arguments)


@pytest.mark.parametrize(
    "changed", [{"keep": 0.0}, {"keep": 1.1}, {"n_hidden": 1}, {"n_hidden": 2.5}]
)
def test_dropout_keeps_some_units(changed):
    with pytest.raises(ValueError, match="s must be a vector, n_hidden an integer"):
        exact.dropout_mode_strengths([2.0, 1.0], **{"n_hidden": 3, "keep": 0.5} | changed)
