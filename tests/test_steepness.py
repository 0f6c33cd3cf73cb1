"""Tests of dlnlib.exact.steepness: curvatures, Newton steps and learning rates of Appendix B.

The oracles differentiate the error of the layer strengths at 60 digits, or run gradient descent on
them.
"""

from __future__ import annotations

import mpmath as mp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracles import ROUNDING, TAU, aligned_network, by_depth, by_mode, descend

from dlnlib import exact
from dlnlib.training import gradient_descent

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


# Curvature


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


# Learning rates


@by_mode
@by_depth
@pytest.mark.parametrize("factor, settles", [(0.97, True), (1.03, False)])
def test_descent_settles_up_to_the_stable_rate(n_layers, s, d, factor, settles):
    n_weights = n_layers - 1
    rate = factor * exact.stable_learning_rate(s, n_layers=n_layers, d=d)
    start = (s / d) ** (1 / n_weights) * (1 + 1e-3 * np.cos(np.arange(n_weights)))
    u = descend(start, s=s, d=d, rate=rate, n_steps=400).prod(axis=1)
    assert (abs(u[-1] * d / s - 1) < 1e-6) == settles


@pytest.mark.parametrize("n_layers", [3, 5])
@pytest.mark.parametrize("factor, settles", [(0.97, True), (1.03, False)])
def test_whole_network_of_white_inputs_is_bound_by_its_strongest_mode(n_layers, factor, settles):
    rng, s = np.random.default_rng(41), np.array([3.0, 2.0, 0.5])
    data, _, weights = aligned_network(n_layers, s, np.ones(3), s, rng)
    weights = [w + 1e-4 * rng.standard_normal(w.shape) for w in weights]
    rate = factor * exact.stable_learning_rate(s, n_layers=n_layers).min()
    run = gradient_descent(weights, data, learning_rate=float(rate), n_steps=300)
    assert (run.errors[-1] < run.errors[0]) == settles


@by_mode
@by_depth
def test_a_step_of_the_optimal_rate_reaches_the_optimum_to_second_order(n_layers, s, d):
    end = (s / d) ** (1 / (n_layers - 1))
    rate = exact.optimal_learning_rate(s, n_layers=n_layers, d=d)
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
    assert curvature >= 2 / exact.stable_learning_rate(2.0, n_layers=n_layers) * (1 - 1e-9)


def test_optimal_rate_falls_inversely_with_depth():
    """Eq. 42: N_l s**2 times the rate tends to one, at first order in 1/N_l."""
    n_layers, s = 1000 * 2 ** np.arange(5), 3.0
    error = exact.optimal_learning_rate(s, n_layers=n_layers) * n_layers * s**2 - 1
    np.testing.assert_allclose(np.diff(np.log(error)) / np.log(2), -1, atol=0.01)


def test_nothing_bounds_the_rate_of_a_deep_mode_without_signal():
    rate = exact.stable_learning_rate(0.0, n_layers=[2, 3, 5], d=4.0)
    np.testing.assert_array_equal(rate, [0.5, np.inf, np.inf])


# Newton's method


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


@pytest.mark.parametrize("n_layers", [3, 4, 10])
@pytest.mark.parametrize(
    "a, s",
    [(1e200, 1.0), (1e308, 0.0), (1e-200, 0.0), (1e-200, 1.0), (1e100, 1e250), (1e155, 1e308)],
)
def test_newton_step_where_the_mode_strength_is_no_double(a, s, n_layers):
    L = n_layers - 1
    with mp.workdps(50):
        u, s = mp.mpf(a) ** L, mp.mpf(s)
        expected = float(a * (s - u) / ((2 * L - 1) * u - (L - 1) * s))
    found = exact.newton_step(a, s=float(s), n_layers=n_layers)
    np.testing.assert_allclose(found, expected, rtol=ROUNDING)


@pytest.mark.parametrize(
    "a, s, tau", [(1e-150, 1e200, 1e-100), (1e15, 1.0, 1e250), (0.4, 1e280, 1.0)]
)
def test_curvature_that_is_a_double_though_its_factors_are_not(a, s, tau):
    for n_layers in (3, 6, 20):
        L = n_layers - 1
        case = {"s": s, "tau": tau, "n_layers": n_layers}
        with mp.workdps(50):
            pair, u = mp.mpf(a) ** (L - 2), mp.mpf(a) ** L
            along = float(pair * ((2 * L - 1) * u - (L - 1) * mp.mpf(s)) / tau)
            across = float(pair * (s - u) / tau)
        np.testing.assert_allclose(exact.curvature_along_path(a, **case), along, ROUNDING)
        np.testing.assert_allclose(exact.curvature_across_path(a, **case), across, ROUNDING)


def test_rate_that_is_a_double_though_its_factors_are_not():
    rate = exact.optimal_learning_rate(1e2, n_layers=101, d=1e300)
    assert rate == pytest.approx(
        float(mp.mpf(1e2) ** -1.98 * mp.mpf(1e300) ** 0.98) / 100, rel=1e-11
    )


def test_newton_step_of_special_points():
    assert exact.newton_step(1.0, s=3.0, n_layers=3) == np.inf
    assert exact.newton_step(0.0, s=3.0, n_layers=3) == 0
    np.testing.assert_array_equal(exact.newton_step([0.0, 1.0], s=3.0, n_layers=2), [3, 2])
