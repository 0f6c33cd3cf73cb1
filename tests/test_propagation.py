"""Tests of dlnlib.propagation."""

from __future__ import annotations

import mpmath as mp
import numpy as np
import pytest
from scipy.special import erf

from dlnlib import propagation
from dlnlib.graded_products import log_singular_values
from dlnlib.mean_field import layer_variances
from dlnlib.propagation import jacobian, propagate
from dlnlib.random_matrices import gaussian_factors, orthogonal_factors

# Rounding in sums of a few hundred terms, relative.
ROUNDING = 1e-12
# A standard normal score exceeds this once in two million.
N_SIGMA = 5.0

TANH = np.tanh, lambda x: 1 - np.tanh(x) ** 2


def test_propagate_follows_the_equation_for_one_input_and_many():
    weights = list(gaussian_factors(6, 3, rng=0))
    x = np.random.default_rng(1).standard_normal((2, 4, 6))
    all_layers = propagate(weights, x, gain=1.4, nonlinearity="erf")
    assert all_layers.shape == (4, 2, 4, 6)
    for layer, w in enumerate(weights):
        expected = 1.4 * w @ erf(np.sqrt(np.pi) / 2 * all_layers[layer, 1, 2])
        np.testing.assert_allclose(all_layers[layer + 1, 1, 2], expected, atol=ROUNDING)
    one = propagate(weights, x[1, 2], gain=1.4, nonlinearity="erf")
    np.testing.assert_allclose(one, all_layers[:, 1, 2], atol=ROUNDING)


@pytest.mark.parametrize("factors", [orthogonal_factors, gaussian_factors])
def test_variance_of_sampled_networks_follows_the_map(factors):
    rng = np.random.default_rng(2)
    x = rng.standard_normal((40, 300))
    x /= np.sqrt(np.mean(x**2, axis=1, keepdims=True))
    q = np.array([np.mean(propagate(factors(300, 4, rng=rng), v, gain=1.2)[-1] ** 2) for v in x])
    expected = layer_variances(1.0, n_layers=5, gain=1.2)[-1]
    error = q.std(ddof=1) / np.sqrt(len(q))
    # The map is right to order 1/N.
    assert abs(q.mean() - expected) < N_SIGMA * error + 3 * expected / 300


@pytest.mark.parametrize("nonlinearity", ["tanh", "erf", "relu", "linear", TANH])
@pytest.mark.parametrize("factors", [orthogonal_factors, gaussian_factors])
def test_jacobian_is_the_derivative_of_propagate(factors, nonlinearity):
    weights = list(factors(8, 5, rng=3))
    x = np.random.default_rng(4).standard_normal(8)
    h = 1e-5

    def last(x):
        return propagate(weights, x, gain=1.1, nonlinearity=nonlinearity)[-1]

    numerical = np.array([last(x + h * e) - last(x - h * e) for e in np.eye(8)]).T / (2 * h)
    j = jacobian(weights, x, gain=1.1, nonlinearity=nonlinearity)
    product = j.Q @ (np.exp(j.log_scales)[:, None] * j.rows)
    np.testing.assert_allclose(product, numerical, atol=1e-8)


@pytest.mark.parametrize("factors", [orthogonal_factors, gaussian_factors])
def test_small_singular_values_are_as_accurate_as_in_exact_arithmetic(factors):
    size, gain = 6, 1.2
    weights = list(factors(size, 90, rng=5))
    x = 3 * np.random.default_rng(6).standard_normal(size)
    with mp.workdps(120):
        product, y = mp.eye(size), mp.matrix(x.tolist())
        for w in weights:
            w = gain * mp.matrix(w.tolist())
            product = w * mp.diag([mp.sech(v) ** 2 for v in y]) * product
            y = w * y.apply(mp.tanh)
        exact = sorted(map(float, mp.svd_r(product, compute_uv=False)), reverse=True)
    s = np.exp(log_singular_values(jacobian(weights, x, gain=gain)))
    assert exact[-1] < 1e-17 * exact[0]  # beyond what a product in double precision keeps
    # Rounding in activities, over ninety layers of a chaotic network.
    np.testing.assert_allclose(s, exact, rtol=1e-8)


@pytest.mark.parametrize("gain", [0.1, 10.0, 1e-200, 1e200])
@pytest.mark.parametrize("nonlinearity", ["linear", "relu", (lambda x: 1 * x, np.ones_like)])
def test_jacobians_of_any_length_and_gain_stay_in_range(gain, nonlinearity):
    weights = list(orthogonal_factors(50, 400, rng=1))
    x = np.random.default_rng(2).standard_normal(50)
    found, one = (
        log_singular_values(jacobian(weights, x, gain=g, nonlinearity=nonlinearity))
        for g in (gain, 1.0)
    )
    if nonlinearity != "relu":
        assert np.abs(one).max() < ROUNDING
    some = np.isfinite(one)
    np.testing.assert_array_equal(np.isfinite(found), some)
    np.testing.assert_allclose(found[some], one[some] + 400 * np.log(gain), rtol=ROUNDING)
    if nonlinearity == "linear" and gain == 0.1:
        np.testing.assert_allclose(found, -921.0340371976183, rtol=ROUNDING)


def test_five_thousand_layers_lose_nothing():
    weights = list(orthogonal_factors(20, 50, rng=1)) * 100
    log_s = log_singular_values(jacobian(weights, np.ones(20), gain=0.1, nonlinearity="linear"))
    np.testing.assert_allclose(log_s, 5000 * np.log(0.1), rtol=ROUNDING)


def test_activities_that_fade_leave_the_slope_at_zero():
    log_s = log_singular_values(jacobian([np.eye(3)] * 400, [1.0, -1.0, 2.0], gain=0.1))
    assert np.all(log_s < 400 * np.log(0.1) - 0.1)
    np.testing.assert_allclose(log_s, 400 * np.log(0.1), atol=3)


@pytest.mark.parametrize("scale", [1e-300, 1e300])
def test_weights_of_any_size_stay_in_range(scale):
    weights = [scale * w for w in orthogonal_factors(6, 30, rng=1)]
    log_s = log_singular_values(jacobian(weights, np.ones(6), gain=1.0, nonlinearity="linear"))
    np.testing.assert_allclose(log_s, 30 * np.log(scale), rtol=ROUNDING)


def test_activities_behind_the_last_layer_do_not_matter():
    soft = (lambda x: x + np.sin(x), lambda x: 1 + np.cos(x))
    log_s = log_singular_values(
        jacobian([1e300 * np.eye(2)], [1.0, 1.0], gain=1e300, nonlinearity=soft)
    )
    np.testing.assert_allclose(log_s, 600 * np.log(10) + np.log1p(np.cos(1)), rtol=ROUNDING)


def test_activities_beyond_all_numbers_are_refused_where_their_size_matters():
    soft = (lambda x: x + np.sin(x), lambda x: 1 + np.cos(x))
    for call in (propagate, jacobian):
        with pytest.raises(ValueError, match=r"gain and weights must keep activities finite.* 5"):
            call([np.eye(2)] * 9, [1.0, 2.0], gain=1e99, nonlinearity=soft)


@pytest.mark.parametrize("factors", [orthogonal_factors, gaussian_factors])
def test_dead_directions_have_singular_values_of_zero(factors):
    size = 12
    weights = list(factors(size, 7, rng=5))
    x = np.random.default_rng(6).standard_normal(size)
    with mp.workdps(60):
        product, y = mp.eye(size), mp.matrix(x.tolist())
        for w in weights:
            w = mp.matrix(w.tolist())
            product = w * mp.diag([mp.mpf(v > 0) for v in y]) * product
            y = w * y.apply(lambda v: max(v, mp.mpf(0)))
        values = sorted(mp.svd_r(product, compute_uv=False), reverse=True)
        exact = np.array([float(mp.log(v)) if v > 1e-40 else -np.inf for v in values])
    log_s = log_singular_values(jacobian(weights, x, gain=1.0, nonlinearity="relu"))
    assert 2 < np.sum(np.isfinite(exact)) < size // 2
    np.testing.assert_allclose(log_s, exact, atol=1e-10)


def test_a_gain_of_zero_lets_nothing_through():
    log_s = log_singular_values(jacobian([np.eye(3)] * 2, np.ones(3), gain=0))
    np.testing.assert_array_equal(log_s, -np.inf)


def test_saturated_layers_keep_all_digits():
    size, gain = 6, 30.0
    weights = list(orthogonal_factors(size, 5, rng=3))
    x = 50 * np.random.default_rng(0).standard_normal(size)
    with mp.workdps(400):
        product, y = mp.eye(size), mp.matrix(x.tolist())
        for w in weights:
            w = gain * mp.matrix(w.tolist())
            product = w * mp.diag([mp.sech(v) ** 2 for v in y]) * product
            y = w * y.apply(mp.tanh)
        exact = sorted(map(float, map(mp.log, mp.svd_r(product, compute_uv=False))), reverse=True)
    assert exact[0] - exact[-1] > 300
    # Activities of fifty and rounding in them.
    np.testing.assert_allclose(
        log_singular_values(jacobian(weights, x, gain=gain)), exact, atol=1e-10
    )


def test_the_condition_of_a_product_is_estimated():
    rng, size = np.random.default_rng(11), 60
    for seed in range(20):
        first, second = orthogonal_factors(size, 2, rng=seed)
        a, b = np.exp(-rng.uniform(0, 5, size)), np.exp(-rng.uniform(0, 5, size))
        chain = second @ propagation._begun(first, a, True)  # noqa: FBT003
        estimate, _ = propagation._scale_rows(chain, b)
        s = np.linalg.svd(b[:, None] * (second @ first * a), compute_uv=False)
        true = np.sqrt(np.mean(s**2)) / s[-1]
        # It adds up what is small, and chance may hide some of it.
        assert 0.3 * true < estimate < 10 * true


def test_layers_are_multiplied_out_only_while_that_is_harmless(monkeypatch):
    weights = list(orthogonal_factors(30, 40, rng=7))
    x = 2 * np.random.default_rng(8).standard_normal(30)
    merged = log_singular_values(jacobian(weights, x, gain=1.1))
    monkeypatch.setattr(propagation, "_MAX_CONDITION", 0.0)
    np.testing.assert_allclose(
        merged, log_singular_values(jacobian(weights, x, gain=1.1)), atol=1e-9
    )


def test_linear_orthogonal_jacobian_is_an_isometry():
    weights = orthogonal_factors(50, 99, rng=9)
    J = jacobian(weights, np.ones(50), gain=0.9, nonlinearity="linear")
    np.testing.assert_allclose(np.exp(log_singular_values(J)), 0.9**99, rtol=ROUNDING)


# Bad input


@pytest.mark.parametrize("call", [propagate, jacobian])
@pytest.mark.parametrize("gain", [-1.0, np.nan, np.inf, [1.0, 2.0]])
def test_gains_must_be_one_finite_number_not_negative(call, gain):
    with pytest.raises(ValueError, match="gain must"):
        call([[[1.0]]], [1.0], gain=gain)


@pytest.mark.parametrize("call", [propagate, jacobian])
@pytest.mark.parametrize(
    ("x", "weights", "message"),
    [
        ([1.0, np.nan], [np.eye(2)], "x must be finite"),
        (1.0, [np.eye(1)], "x must"),
        ([1.0, 2.0], [np.eye(3)], r"weights must have shape \(2, 2\)"),
        ([1.0, 2.0], [np.full((2, 2), np.inf)], "weights must be finite"),
    ],
)
def test_inputs_and_weights_must_be_finite_and_fit(call, x, weights, message):
    with pytest.raises(ValueError, match=message):
        call(weights, x, gain=1.0)


def test_jacobian_is_of_one_input_and_at_least_one_layer():
    with pytest.raises(ValueError, match=r"one input.*\(3, 2\)"):
        jacobian([np.eye(2)], np.ones((3, 2)), gain=1.0)
    with pytest.raises(ValueError, match="weights must hold at least one matrix"):
        jacobian([], [1.0], gain=1.0)
