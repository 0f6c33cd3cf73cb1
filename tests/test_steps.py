"""Tests of dlnlib.exact.steps, against steps of gradient descent on the layers."""

from __future__ import annotations

import mpmath as mp
import numpy as np
import pytest
from oracles import DEPTHS, ROUNDING, aligned_network, by_depth, by_mode, descend

from dlnlib import exact
from dlnlib.training import gradient_descent


def one_step(u, s, d, rate, n_layers):
    """Step equal layers once and return ln|u'/u|, with digits for steps of 1e-300."""
    with mp.workdps(350):
        u, s, d, rate, L = mp.mpf(u), mp.mpf(s), mp.mpf(d), mp.mpf(rate), n_layers - 1
        a = u ** (mp.mpf(1) / L)
        after = a + rate * a ** (L - 1) * (s - d * a**L)
        return float(L * mp.log(abs(after / a)))


@by_mode
@pytest.mark.parametrize("n_layers", DEPTHS)
@pytest.mark.parametrize("rate", [1e-9, 0.01, 0.3, 5.0])
def test_growth_is_that_of_a_step_of_equal_layers(n_layers, rate, s, d):
    """At a rate of 5 some of these steps go past zero, and some diverge."""
    u = np.array([1e-300, 1e-6, 0.1, 0.9, 1.1, 3.0]) * s / d
    expected = [one_step(x, s, d, rate, n_layers) for x in u]
    found = exact.growth_per_step(u, s=s, learning_rate=rate, n_layers=n_layers, d=d)
    np.testing.assert_allclose(found, expected, rtol=ROUNDING)


@by_mode
@by_depth
def test_growth_adds_up_along_descent(n_layers, s, d):
    rate = 0.3 * exact.optimal_learning_rate(s, n_layers=n_layers, d=d)
    start = np.full(n_layers - 1, (0.01 * s / d) ** (1 / (n_layers - 1)))
    u = descend(start, s=s, d=d, rate=rate, n_steps=200).prod(axis=1)
    growth = exact.growth_per_step(u[:-1], s=s, learning_rate=rate, n_layers=n_layers, d=d)
    np.testing.assert_allclose(np.cumsum(growth), np.log(u[1:] / u[0]), rtol=ROUNDING)


@pytest.mark.parametrize("step", [0.03, 0.2, 0.5])
def test_growth_predicts_the_epochs_of_a_network(step):
    """Three layers, at rates where gradient flow counts too few epochs."""
    rng, s, u0 = np.random.default_rng(5), np.array([3.0, 1.0]), np.array([1e-4, 1e-3])
    data, m, start = aligned_network(3, s, np.ones(2), u0, rng)
    rate = float(step / s[0])
    run = gradient_descent(start, data, learning_rate=rate, n_steps=600, modes=m)
    u, epochs = u0, np.zeros(2, dtype=int)
    while np.any(u < s / 2):
        growing = u < s / 2
        growth = exact.growth_per_step(u, s=s, learning_rate=rate)
        u, epochs = np.where(growing, u * np.exp(growth), u), epochs + growing
    simulated = np.argmax(run.mode_strengths >= s / 2, axis=0)
    np.testing.assert_array_equal(epochs, simulated)
    # What flow would say, in epochs, is too early by a share of half the step.
    flow = exact.half_learning_time(u0, s=s, tau=1 / rate)
    assert flow[0] < simulated[0] * (1 - step / 4)


@pytest.mark.parametrize(
    "u, s, rate, n_layers",
    [(1e113, 1.0, 3.0, 100), (1e-200, 1e300, 1e300, 3), (7e-252, 3e-267, 5e272, 1000)],
)
def test_growth_where_the_step_is_no_double(u, s, rate, n_layers):
    with mp.workdps(700):
        L = mp.mpf(n_layers - 1)
        step = mp.mpf(rate) * mp.mpf(u) ** (1 - 2 / L) * (mp.mpf(s) - mp.mpf(u))
        expected = float(L * mp.log(abs(1 + step)))
    found = exact.growth_per_step(u, s=s, learning_rate=rate, n_layers=n_layers)
    np.testing.assert_allclose(found, expected, rtol=ROUNDING)


@pytest.mark.parametrize("rate", [1e-12, 0.01, 0.5])
def test_a_small_mode_of_three_layers_is_momentum_without_momentum(rate):
    growth = exact.growth_per_step(0.0, s=2.0, learning_rate=rate)
    np.testing.assert_allclose(growth, 2 * np.log1p(2 * rate), rtol=ROUNDING)
    ball = exact.momentum_growth_rate(2.0, learning_rate=rate, momentum=0.0)
    np.testing.assert_allclose(growth, ball, rtol=ROUNDING)
    np.testing.assert_allclose(one_step(1e-300, 2.0, 1.0, rate, 3), growth, rtol=ROUNDING)


@by_depth
def test_small_steps_are_gradient_flow_to_first_order(n_layers):
    u, s, rate = 0.3, 2.0, 1e-3 / 2.0 ** np.arange(4)
    n_weights = n_layers - 1
    flow = n_weights * u ** (1 - 2 / n_weights) * (s - u)
    growth = exact.growth_per_step(u, s=s, learning_rate=rate, n_layers=n_layers)
    np.testing.assert_allclose(np.diff(np.log2(np.abs(growth / rate - flow))), -1, atol=0.01)


def test_growth_at_special_points():
    case = {"s": 2.0, "learning_rate": 0.1}
    at_zero = exact.growth_per_step(0.0, n_layers=[2, 3, 4, 100], **case)
    np.testing.assert_array_equal(at_zero, [np.inf, 2 * np.log1p(0.2), 0, 0])
    at_end = exact.growth_per_step(0.5, n_layers=DEPTHS, d=4.0, **case)
    np.testing.assert_array_equal(at_end, 0)
    assert exact.growth_per_step(0.0, s=0.0, learning_rate=0.1, n_layers=2) == 0
    # 1 + 0.5 (2 - 4) = 0: the layers land on the saddle.
    assert exact.growth_per_step(4.0, s=2.0, learning_rate=0.5) == -np.inf
