"""Tests of wide networks with biases: variances, correlations, and the boundary of chaos."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from scipy.integrate import dblquad, quad
from scipy.stats import norm

from dlnlib import mean_field
from dlnlib.graded_products import log_singular_values
from dlnlib.nonlinearities import NONLINEARITIES
from dlnlib.propagation import jacobian, propagate
from dlnlib.random_matrices import gaussian_factors, orthogonal_factors

# Adaptive quadrature, asked for 1e-12.
QUADRATURE = 1e-10
NAMED = ("tanh", "erf", "hard tanh", "relu", "selu")


def average(f, q):
    """Average a function of a normal number of variance q, piece by piece."""
    ends = [-12, -1 / q**0.5, 0, 1 / q**0.5, 12]
    ends = sorted({*np.clip(ends, -12, 12)})
    return sum(
        quad(lambda z: np.exp(-z * z / 2) * f(np.array(q**0.5 * z)), a, b, epsabs=1e-13)[0]
        for a, b in pairwise(ends)
    ) / np.sqrt(2 * np.pi)


@pytest.mark.parametrize("name", NAMED)
def test_biases_add_their_variance(name):
    f = NONLINEARITIES[name]
    found = mean_field.variance_map(0.7, gain=1.3, bias=0.4, nonlinearity=name)
    expected = 1.69 * average(lambda x: f.function(x) ** 2, 0.7) + 0.16
    assert found == pytest.approx(expected, rel=QUADRATURE)
    layers = mean_field.layer_variances(0.7, n_layers=3, gain=1.3, bias=0.4, nonlinearity=name)
    assert layers[1] == found
    again = mean_field.variance_map(found, gain=1.3, bias=0.4, nonlinearity=name)
    assert layers[2] == again


@pytest.mark.parametrize("name", NAMED)
@pytest.mark.parametrize("bias", [1e-9, 0.3, 5.0])
def test_a_fixed_point_with_biases_is_one(name, bias):
    gain = np.array([0.0, 0.3, 0.9])
    q = mean_field.fixed_point(gain=gain, bias=bias, nonlinearity=name)
    mapped = mean_field.variance_map(q, gain=gain, bias=bias, nonlinearity=name)
    np.testing.assert_allclose(mapped, q, rtol=1e-13)
    assert q[0] == pytest.approx(bias**2, rel=1e-13) and np.all(np.diff(q) > 0)


def test_rectifiers_settle_where_algebra_says():
    # Half of the activities pass: q = g^2 q / 2 + b^2.
    q = mean_field.fixed_point(gain=1.2, bias=0.5, nonlinearity="relu")
    assert q == pytest.approx(0.25 / (1 - 0.72), rel=1e-13)
    with pytest.raises(RuntimeError, match=r"no fixed point for gain 1\.5"):
        mean_field.fixed_point(gain=1.5, bias=0.5, nonlinearity="relu")


@pytest.mark.parametrize("q", [1e-3, 1.0, 30.0, 1e4])
@pytest.mark.parametrize("c", [-1.0, -0.9, 0.0, 0.3, 0.99, 1 - 1e-9, 1.0])
def test_correlations_of_erf_and_rectifiers_are_arcs(q, c):
    """Williams 1997 for erf, Cho and Saul 2009 for rectifiers."""
    a, angle = np.pi / 4 * q, np.arccos(c)
    product = {
        "erf": 2 / np.pi * np.arcsin(2 * a * c / (1 + 2 * a)),
        "relu": q * (np.sin(angle) + (np.pi - angle) * c) / (2 * np.pi),
    }
    squares = {"erf": 2 / np.pi * np.arcsin(2 * a / (1 + 2 * a)), "relu": q / 2}
    for name, mean in product.items():
        expected = (2.89 * mean + 0.16) / (2.89 * squares[name] + 0.16)
        found = mean_field.correlation_map(c, q=q, gain=1.7, bias=0.4, nonlinearity=name)
        assert found == pytest.approx(expected, abs=1e-10)


def conditional_mean(name, mean, sd):
    """Average hard tanh or SELU over a normal number, in closed form."""

    def rectified(m):
        return m * norm.cdf(m / sd) + sd * norm.pdf(m / sd)

    if name == "hard tanh":
        return rectified(mean + 1) - rectified(mean - 1) - 1
    scale, alpha = 1.0507009873554805, 1.6732632423543772
    tilted = np.exp(mean + sd**2 / 2) * norm.cdf(-(mean + sd**2) / sd)
    return scale * (rectified(mean) + alpha * (tilted - norm.cdf(-mean / sd)))


@pytest.mark.parametrize("name", ["hard tanh", "selu"])
@pytest.mark.parametrize("q", [0.1, 1.5, 30.0])
@pytest.mark.parametrize("c", [-0.9, -0.3, 0.6, 0.99])
def test_correlations_with_kinks_are_averages_of_conditional_means(name, q, c):
    """The one input given the other is normal; kinks of both cross at radii of their own."""
    f, root = NONLINEARITIES[name].function, q**0.5
    product = average(lambda x: f(x) * conditional_mean(name, c * x, root * (1 - c * c) ** 0.5), q)
    square = average(lambda x: f(x) ** 2, q)
    expected = (1.44 * product + 0.09) / (1.44 * square + 0.09)
    found = mean_field.correlation_map(c, q=q, gain=1.2, bias=0.3, nonlinearity=name)
    assert found == pytest.approx(expected, abs=QUADRATURE)


def test_correlations_of_tanh_are_averages_over_the_plane():
    q, c = 1.5, 0.6

    def integrand(y, x):
        u, v = q**0.5 * x, q**0.5 * (c * x + (1 - c * c) ** 0.5 * y)
        return np.tanh(u) * np.tanh(v) * np.exp(-(x * x + y * y) / 2) / (2 * np.pi)

    product = dblquad(integrand, -9, 9, -9, 9, epsabs=1e-9)[0]
    square = average(lambda x: np.tanh(x) ** 2, q)
    expected = (1.44 * product + 0.09) / (1.44 * square + 0.09)
    found = mean_field.correlation_map(c, q=q, gain=1.2, bias=0.3)
    assert found == pytest.approx(expected, abs=1e-8)


@pytest.mark.parametrize("d", [1e-3, 1e-6, 1e-9])
def test_close_to_one_the_distance_from_it_is_accurate(d):
    """A rectifier's 1 - c goes on as 1 - c less (2 (1 - c))**1.5 / (3 pi), without a bias."""
    c = 1 - d
    found = 1 - mean_field.correlation_map(c, q=1.0, gain=1.0, nonlinearity="relu")
    expected = (1 - c) - (2 * (1 - c)) ** 1.5 / (3 * np.pi)
    # The next term is of order d**2.5; one rounding is of 1 itself.
    assert found == pytest.approx(expected, rel=d**1.5, abs=4e-16)


@pytest.mark.parametrize("name", NAMED)
def test_the_slope_at_one_is_the_stretch_factor(name):
    q, d = 0.8, 1e-10
    known = dict(gain=1.1, nonlinearity=name)
    after = mean_field.variance_map(q, bias=0.3, **known)
    found = mean_field.correlation_map(1 - d, q=q, bias=0.3, **known)
    expected = mean_field.stretch_factor(q, **known) * q / after
    # A kink changes the slope by the root of the distance.
    assert (1 - found) / d == pytest.approx(expected, rel=3e-5)


@pytest.mark.parametrize("name", ["tanh", "erf", "hard tanh"])
def test_two_inputs_settle_at_the_fixed_point_in_either_phase(name):
    for gain, bias in ((1.0, 0.5), (2.0, 0.3)):
        known = dict(gain=gain, bias=bias, nonlinearity=name)
        q, found = mean_field.fixed_point(**known), mean_field.correlation_fixed_point(**known)
        c = 0.5
        for _ in range(110):
            c = mean_field.correlation_map(c, q=q, **known)
        assert found == pytest.approx(c, abs=1e-6)
        chaotic = mean_field.stretch_factor(q, gain=gain, nonlinearity=name) > 1
        assert (found < 1 - 1e-6) == chaotic
    assert mean_field.correlation_fixed_point(gain=2.0, nonlinearity=name) == 0


@pytest.mark.parametrize("name", ["tanh", "erf", "hard tanh", "selu"])
def test_at_the_critical_gain_small_changes_keep_their_size(name):
    bias = np.array([0.05, 0.5, 2.0])
    gain = mean_field.critical_gain(bias, nonlinearity=name)
    q = mean_field.fixed_point(gain=gain, bias=bias, nonlinearity=name)
    chi = mean_field.stretch_factor(q, gain=gain, nonlinearity=name)
    np.testing.assert_allclose(chi, 1, rtol=1e-9)
    assert np.all(np.diff(gain) > 0)


@pytest.mark.parametrize(
    ("name", "square"),
    [("tanh", 1), ("erf", 1), ("hard tanh", 1), ("elu", 1), ("relu", 0.5), ("gelu", 0.25)],
)
def test_critical_gains_without_bias_are_the_slopes_at_zero(name, square):
    found = mean_field.critical_gain(nonlinearity=name)
    assert found == pytest.approx(square**-0.5, rel=1e-13)


def test_rectifiers_have_one_critical_gain_at_every_bias():
    found = mean_field.critical_gain([0.0, 3.0], nonlinearity="relu")
    np.testing.assert_allclose(found, 2**0.5, rtol=1e-13)


def test_a_function_that_revives_activities_needs_no_bias_for_its_boundary():
    known = dict(gain=mean_field.critical_gain(nonlinearity="logistic"), nonlinearity="logistic")
    q = mean_field.fixed_point(**known)
    assert q > 10 and mean_field.stretch_factor(q, **known) == pytest.approx(1, rel=1e-9)


@pytest.mark.parametrize("bias", [0.0, 0.5])
def test_without_a_boundary_there_is_no_critical_gain(bias):
    with pytest.raises(ValueError, match=r"bias must have a boundary between order and chaos, got"):
        mean_field.critical_gain(bias, nonlinearity="softplus")


@pytest.mark.parametrize("name", ["tanh", "hard tanh"])
def test_next_to_the_boundary_inputs_part_a_little(name):
    gain = mean_field.critical_gain(0.3, nonlinearity=name)
    gains = gain * (1 + np.array([-1e-4, 1e-4, 1e-3, 1e-2]))
    c = mean_field.correlation_fixed_point(gain=gains, bias=0.3, nonlinearity=name)
    assert c[0] == 1 and 1 > c[1] > c[2] > c[3] > 0.95


def test_selu_keeps_one_input_and_parts_two():
    """Mean 0 and variance 1 stay (Klambauer et al. 2017); the slopes are too steep for order."""
    known = dict(gain=1.0, nonlinearity="selu")
    assert mean_field.fixed_point(**known) == pytest.approx(1, rel=1e-14)
    assert mean_field.variance_map_derivative(1.0, **known) == pytest.approx(0.782648, abs=1e-6)
    chi = average(lambda x: NONLINEARITIES["selu"].slope(x) ** 2, 1.0)
    assert mean_field.stretch_factor(1.0, **known) == pytest.approx(chi, rel=QUADRATURE) and chi > 1
    assert mean_field.correlation_fixed_point(**known) == pytest.approx(0, abs=1e-12)


def test_sampled_networks_follow_both_maps():
    """To the scatter of a width of 1000, which is about three per cent of a variance."""
    size, n, gain, bias = 1000, 8, 1.4, 0.4
    rng = np.random.default_rng(5)
    x = rng.standard_normal((2, size))
    x[1] = 0.6 * x[0] + 0.8 * x[1]
    biases = bias * rng.standard_normal((n, size))
    layers = propagate(gaussian_factors(size, n, rng=rng), x, gain=gain, biases=biases)
    q = (layers**2).mean(axis=2)
    expected = mean_field.layer_variances(1.0, n_layers=n + 1, gain=gain, bias=bias)
    np.testing.assert_allclose(q, np.stack([expected] * 2, axis=1), rtol=0.15)
    c, seen = 0.6, (layers[:, 0] * layers[:, 1]).mean(axis=1) / np.sqrt(q.prod(axis=1))
    for k in range(n):
        c = mean_field.correlation_map(c, q=expected[k], gain=gain, bias=bias)
        assert seen[k + 1] == pytest.approx(c, abs=0.06)


def test_the_jacobian_is_that_of_the_activities_with_biases():
    size, n = 5, 3
    rng = np.random.default_rng(1)
    weights, x = list(orthogonal_factors(size, n, rng=rng)), rng.standard_normal(size)
    biases, h = rng.standard_normal((n, size)), 1e-6

    def last(x):
        return propagate(weights, x, gain=1.3, biases=biases)[-1]

    columns = [(last(x + h * e) - last(x - h * e)) / (2 * h) for e in np.eye(size)]
    expected = np.log(np.linalg.svd(np.array(columns).T, compute_uv=False))
    found = log_singular_values(jacobian(weights, x, gain=1.3, biases=biases))
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-7)
    rectified = dict(gain=1.3, biases=1e-150 * biases, nonlinearity="relu")
    both = (log_singular_values(jacobian(weights, s * x, **rectified)) for s in (1e-150, 1e-149))
    assert not np.array_equal(*both)


@pytest.mark.parametrize("ensemble", ["orthogonal", "gaussian"])
def test_the_law_of_the_jacobian_is_that_of_a_sampled_network_with_biases(ensemble):
    """On the boundary, where the mean keeps its size; to the scatter of a width of 200."""
    size, n, bias = 200, 10, 0.4
    gain = float(mean_field.critical_gain(bias))
    q = float(mean_field.fixed_point(gain=gain, bias=bias))
    rng = np.random.default_rng(3)
    drawn = {"orthogonal": orthogonal_factors, "gaussian": gaussian_factors}[ensemble]
    x, biases = q**0.5 * rng.standard_normal(size), bias * rng.standard_normal((n, size))
    found = log_singular_values(jacobian(drawn(size, n, rng=rng), x, gain=gain, biases=biases))
    known = dict(q=q, gain=gain, n_layers=n + 1, ensemble=ensemble)
    share = 1 - (np.arange(size) + 0.5) / size
    right, wrong = (
        np.abs(mean_field.jacobian_spectrum(found, bias=b, **known).cdf - share).max()
        for b in (bias, 0.0)
    )
    assert right < 0.05 and wrong > 2 * right
    moments = mean_field.jacobian_moments(bias=bias, **known)
    squares = np.exp(2 * found)
    error = (moments.relative_variance / size) ** 0.5
    assert moments.mean == pytest.approx(1, rel=1e-9)
    assert squares.mean() == pytest.approx(1, abs=4 * error)


@pytest.mark.parametrize("count", [2, 4])
def test_biases_must_be_as_many_as_weights(count):
    weights = list(orthogonal_factors(3, 3, rng=0))
    few = "fewer" if count < 3 else "more"
    with pytest.raises(ValueError, match=f"biases must be as many as weights, got {few}"):
        propagate(weights, np.ones(3), gain=1.0, biases=np.zeros((count, 3)))
    with pytest.raises(ValueError, match=r"biases must have shape \(3,\), as x has, got \(2,\)"):
        propagate(weights, np.ones(3), gain=1.0, biases=np.zeros((3, 2)))


def test_out_of_range_is_refused_by_name():
    with pytest.raises(ValueError, match=r"c must be from -1 to 1, got 1\.5"):
        mean_field.correlation_map(1.5, q=1.0, gain=1.0)
    with pytest.raises(ValueError, match="q must be mapped to a positive number"):
        mean_field.correlation_map(0.5, q=1.0, gain=0.0)
    with pytest.raises(ValueError, match="gain must let activities live, or bias be positive, got"):
        mean_field.correlation_fixed_point(gain=0.5)
    with pytest.raises(ValueError, match="bias must not be negative, got -1"):
        mean_field.fixed_point(gain=1.0, bias=-1.0)
