"""Tests of dlnlib.signal_propagation."""

from __future__ import annotations

import mpmath as mp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.special import erf

from dlnlib import signal_propagation
from dlnlib.random_matrices import (
    gaussian_factors,
    log_singular_value_cdf,
    log_singular_value_density,
    log_singular_values,
    orthogonal_factors,
)
from dlnlib.signal_propagation import (
    fixed_point,
    jacobian,
    jacobian_moments,
    jacobian_singular_values,
    jacobian_spectrum,
    layer_variances,
    propagate,
    stretch_factor,
    variance_map,
    variance_map_derivative,
)

# Rounding in sums of a few hundred terms, relative.
ROUNDING = 1e-12
# What the limiting law promises of itself, and differences and sums of it.
LAW = 1e-6
# A standard normal score exceeds this once in two million.
N_SIGMA = 5.0

VARIANCES = [1e-12, 1e-6, 1e-2, 0.3, 1.0, 30.0, 1e3, 1e6]
TANH = np.tanh, lambda x: 1 - np.tanh(x) ** 2


def exact_average(f, q):
    """Integrate f(sqrt(q) z) with 30 digits, in pieces on the scales of f and of the Gaussian."""
    with mp.workdps(30):
        root = mp.sqrt(mp.mpf(q))
        scales = [mp.mpf(10) ** k / root for k in range(-2, 3)]
        ends = sorted({mp.mpf(0), *(z for z in scales if z < 14), *map(mp.mpf, (1, 2, 4, 8, 14))})
        return float(2 * mp.quad(lambda z: f(root * z, z) * mp.npdf(z), ends))


# Variance


@pytest.mark.parametrize("q", VARIANCES)
def test_variance_map_of_tanh_is_the_gaussian_integral(q):
    exact = exact_average(lambda x, z: mp.tanh(x) ** 2, q)
    np.testing.assert_allclose(variance_map(q, gain=1.7), 1.7**2 * exact, rtol=ROUNDING)


@pytest.mark.parametrize("q", VARIANCES)
def test_derivative_and_stretch_of_tanh_are_the_gaussian_integrals(q):
    slope = exact_average(lambda x, z: z * mp.tanh(x) * mp.sech(x) ** 2, q) / np.sqrt(q)
    np.testing.assert_allclose(variance_map_derivative(q, gain=0.5), slope / 4, rtol=ROUNDING)
    stretch = exact_average(lambda x, z: mp.sech(x) ** 4, q)
    np.testing.assert_allclose(stretch_factor(q, gain=0.5), stretch / 4, rtol=ROUNDING)


@pytest.mark.parametrize(
    ("nonlinearity", "closed_form"),
    [
        ("erf", lambda q: 2 / np.pi * np.arcsin(np.pi * q / (2 + np.pi * q))),
        ("relu", lambda q: q / 2),
        ("linear", lambda q: q),
        (
            (lambda x: np.exp(-(x**2) / 2), lambda x: -x * np.exp(-(x**2) / 2)),
            lambda q: (1 + 2 * q) ** -0.5,
        ),
        ((lambda x: x + 1, np.ones_like), lambda q: q + 1),
    ],
)
def test_variance_map_has_closed_forms(nonlinearity, closed_form):
    q = np.array([0.0, 1e-12, 1e-4, 0.7, 20.0])
    mapped = variance_map(q, gain=1.3, nonlinearity=nonlinearity)
    np.testing.assert_allclose(mapped, 1.3**2 * closed_form(q), rtol=ROUNDING)


@pytest.mark.parametrize("nonlinearity", ["tanh", "erf", "relu", "linear", TANH])
@given(log_q=st.floats(-10, 10))
def test_derivative_is_the_slope_of_the_map(nonlinearity, log_q):
    q, h = np.exp(log_q), 1e-4
    up, down = (variance_map(q * np.exp(s), gain=1.0, nonlinearity=nonlinearity) for s in (h, -h))
    slope = variance_map_derivative(q, gain=1.0, nonlinearity=nonlinearity)
    # The central difference is good to h^2 of the value.
    np.testing.assert_allclose(slope, (up - down) / (2 * h * q), rtol=1e-7, atol=1e-8 * up / q)


def test_variance_map_agrees_with_adaptive_quadrature_of_a_pair():
    def density(z):
        return np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi)

    soft = (lambda x: x / (1 + x**2), lambda x: (1 - x**2) / (1 + x**2) ** 2)
    for q in (0.1, 3.0):
        exact, _ = quad(lambda z: soft[0](np.sqrt(q) * z) ** 2 * density(z), -12, 12, epsabs=1e-13)  # noqa: B023
        assert variance_map(q, gain=1.0, nonlinearity=soft) == pytest.approx(exact, abs=1e-12)


@pytest.mark.parametrize("gain", [1.001, 1.05, 1.1, 2.0, 10.0, 300.0])
@pytest.mark.parametrize("nonlinearity", ["tanh", "erf"])
def test_fixed_point_is_fixed_and_attracts_from_both_sides(gain, nonlinearity):
    q = fixed_point(gain, nonlinearity=nonlinearity)
    assert variance_map(q, gain=gain, nonlinearity=nonlinearity) == pytest.approx(q, rel=1e-14)
    assert 0 <= variance_map_derivative(q, gain=gain, nonlinearity=nonlinearity) < 1
    assert variance_map(q / 2, gain=gain, nonlinearity=nonlinearity) > q / 2
    assert variance_map(2 * q, gain=gain, nonlinearity=nonlinearity) < 2 * q


@pytest.mark.parametrize("nonlinearity", ["tanh", "erf", TANH])
@pytest.mark.parametrize("gain", [0.0, 0.3, 0.999, 1.0])
def test_fixed_point_is_zero_up_to_the_critical_gain(gain, nonlinearity):
    assert fixed_point(gain, nonlinearity=nonlinearity) == 0.0


@pytest.mark.parametrize("excess", [1e-10, 1e-8, 1e-6, 1e-4])
def test_fixed_point_just_above_the_critical_gain(excess):
    # From q = g^2 (q - 2 q^2 + 17/3 q^3): with e = g^2 - 1, q = e/2 + e^2/4 (17/6 - 2) + ...
    e = (1 + excess) ** 2 - 1
    expansion = e / 2 * (1 + e * (17 / 12 - 1))
    # Rounding of the map over the distance to the critical gain, and the next term.
    assert fixed_point(1 + excess) == pytest.approx(expansion, rel=1e-15 / excess + 10 * e**2)


def test_fixed_point_of_a_nonlinearity_without_zero():
    q = fixed_point(0.5, nonlinearity=(lambda x: x + 1, np.ones_like))
    assert q == pytest.approx(1 / 3)  # q = (q + 1) / 4


def test_approach_at_the_critical_gain_is_slow():
    # 1/q grows by 2 - (5/3) q a layer, so that 1/q - 2 l + (5/6) ln l converges.
    q = layer_variances(1.0, 20_001, gain=1.0)
    layer = np.array([2_000, 20_000])
    rest = 1 / q[layer] - 2 * layer + 5 / 6 * np.log(layer)
    assert abs(rest[1] - rest[0]) < 5e-3
    assert q[-1] * 2 * 20_000 == pytest.approx(1, abs=1e-3)


def test_layer_variances_converge_at_the_rate_of_the_derivative():
    q = layer_variances([0.2, 4.0], 60, gain=1.3)
    limit = fixed_point(1.3)
    rate = variance_map_derivative(limit, gain=1.3)
    np.testing.assert_allclose((q[30] - limit) / (q[29] - limit), rate, rtol=1e-3)


def test_unbounded_growth_is_reported_as_infinite():
    q = layer_variances(1.0, 2000, gain=2.0, nonlinearity="linear")
    assert q[3] == 64 and q[-1] == np.inf


# Sampled networks


def test_propagate_follows_the_equation_for_one_input_and_many():
    weights = list(gaussian_factors(6, 3, rng=0))
    x = np.random.default_rng(1).standard_normal((2, 4, 6))
    all_layers = propagate(x, weights, gain=1.4, nonlinearity="erf")
    assert all_layers.shape == (4, 2, 4, 6)
    for layer, w in enumerate(weights):
        expected = 1.4 * w @ erf(np.sqrt(np.pi) / 2 * all_layers[layer, 1, 2])
        np.testing.assert_allclose(all_layers[layer + 1, 1, 2], expected, atol=ROUNDING)
    one = propagate(x[1, 2], weights, gain=1.4, nonlinearity="erf")
    np.testing.assert_allclose(one, all_layers[:, 1, 2], atol=ROUNDING)


@pytest.mark.parametrize("factors", [orthogonal_factors, gaussian_factors])
def test_variance_of_sampled_networks_follows_the_map(factors):
    rng = np.random.default_rng(2)
    x = rng.standard_normal((40, 300))
    x /= np.sqrt(np.mean(x**2, axis=1, keepdims=True))
    q = np.array([np.mean(propagate(v, factors(300, 4, rng=rng), gain=1.2)[-1] ** 2) for v in x])
    expected = layer_variances(1.0, 5, gain=1.2)[-1]
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
        return propagate(x, weights, gain=1.1, nonlinearity=nonlinearity)[-1]

    numerical = np.array([last(x + h * e) - last(x - h * e) for e in np.eye(8)]).T / (2 * h)
    j = jacobian(x, weights, gain=1.1, nonlinearity=nonlinearity)
    product = j.Q @ (np.exp(j.log_scales)[:, None] * j.T)
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
    s = jacobian_singular_values(x, weights, gain=gain)
    assert exact[-1] < 1e-17 * exact[0]  # beyond what a product in double precision keeps
    # Rounding in activities, over ninety layers of a chaotic network.
    np.testing.assert_allclose(s, exact, rtol=1e-8)


def test_layers_are_multiplied_out_only_while_that_is_harmless(monkeypatch):
    weights = list(orthogonal_factors(30, 40, rng=7))
    x = 2 * np.random.default_rng(8).standard_normal(30)
    merged = log_singular_values(jacobian(x, weights, gain=1.1))
    monkeypatch.setattr(signal_propagation, "MAX_CONDITION", 0.0)
    np.testing.assert_allclose(
        merged, log_singular_values(jacobian(x, weights, gain=1.1)), atol=1e-9
    )


def test_linear_orthogonal_jacobian_is_an_isometry():
    weights = orthogonal_factors(50, 99, rng=9)
    s = jacobian_singular_values(np.ones(50), weights, gain=0.9, nonlinearity="linear")
    np.testing.assert_allclose(s, 0.9**99, rtol=ROUNDING)


# The limiting law


CASES = [
    {"q": 1.0, "n_layers": 100, "gain": 1.0},
    {"q": 4.0, "n_layers": 100, "gain": 1.1},
    {"q": 0.2, "n_layers": 100, "gain": 0.9},
    {"q": 1.0, "n_layers": 3, "gain": 1.0},
    {"q": 1.0, "n_layers": 20, "gain": 1.0, "nonlinearity": "erf"},
    {"q": 1.0, "n_layers": 5, "gain": 1.0, "ensemble": "gaussian"},
    {"q": 1.0, "n_layers": 4, "gain": 1.5, "nonlinearity": "relu"},
]


@pytest.mark.parametrize("case", CASES)
def test_law_has_mass_one_and_the_moments_in_closed_form(case):
    moments = jacobian_moments(**case)
    # In steps of ln s that shrink towards the upper edge.
    log_s = np.log(moments.mean) / 2 + 4 - 50 * np.linspace(1, 0, 400) ** 3
    law = jacobian_spectrum(log_s, **case)
    dead = 0.5 if case.get("nonlinearity") == "relu" else 0.0
    assert law.error.max() < LAW
    assert law.cdf[0] == pytest.approx(dead, abs=1e-4)
    assert law.cdf[-1] == pytest.approx(1, abs=LAW)
    assert np.diff(law.cdf).min() > -LAW
    share = np.diff(law.cdf)
    relative = np.exp(log_s[1:] + log_s[:-1]) / moments.mean
    # Errors of the midpoint rule, of the order of the square of the steps.
    assert share @ relative == pytest.approx(1, abs=3e-3)
    assert share @ relative**2 == pytest.approx(1 + moments.relative_variance, rel=1e-2)


@pytest.mark.parametrize("case", CASES)
def test_density_is_the_slope_of_the_distribution_function(case):
    centre, h = np.log(jacobian_moments(**case).mean) / 2, 1e-3
    log_s = centre + np.array([-1.5, -0.8, -0.3])[:, None] + h * np.array([-1, 0, 1])
    law = jacobian_spectrum(log_s, **case)
    slope = (law.cdf[:, 2] - law.cdf[:, 0]) / (2 * h)
    np.testing.assert_allclose(law.density[:, 1], slope, rtol=1e-3, atol=1e-4)


def test_gaussian_linear_law_is_the_fuss_catalan_one():
    log_s = np.linspace(-60, 2.5, 50)
    law = jacobian_spectrum(
        log_s, q=1.0, n_layers=51, gain=1.0, nonlinearity="linear", ensemble="gaussian"
    )
    np.testing.assert_allclose(
        law.density, log_singular_value_density(log_s, n_factors=50), atol=LAW
    )
    np.testing.assert_allclose(law.cdf, log_singular_value_cdf(log_s, n_factors=50), atol=LAW)


def test_linear_orthogonal_law_is_a_point_mass():
    log_s = 99 * np.log(0.9) + np.array([-1.0, -1e-3, 1e-3, 1.0])
    law = jacobian_spectrum(log_s, q=1.0, n_layers=100, gain=0.9, nonlinearity="linear")
    np.testing.assert_allclose(law.cdf, [0, 0, 1, 1], atol=1e-4)
    np.testing.assert_allclose(law.density, 0, atol=1e-1)


def test_law_of_one_layer_is_that_of_the_slopes():
    # sigma = g sech^2(sqrt(q) z) < s outside of |z| = arcosh(sqrt(g/s)) / sqrt(q).
    s = 1.3 * np.array([0.05, 0.3, 0.7, 0.95])
    law = jacobian_spectrum(np.log(s), q=2.0, n_layers=2, gain=1.3)
    z = np.arccosh(np.sqrt(1.3 / s)) / np.sqrt(2)
    np.testing.assert_allclose(law.cdf, 1 - erf(z / np.sqrt(2)), atol=1e-5)


def test_known_names_and_pairs_of_the_same_functions_agree():
    case = {"q": 1.0, "n_layers": 30, "gain": 1.05}
    log_s = np.linspace(-2.5, -0.2, 6)
    named, pair = (jacobian_spectrum(log_s, nonlinearity=f, **case) for f in ("tanh", TANH))
    np.testing.assert_allclose(named.density, pair.density, atol=LAW)
    np.testing.assert_allclose(named.cdf, pair.cdf, atol=LAW)


def test_a_few_effective_layers_act_as_all(monkeypatch):
    case = {"q": 4.0, "n_layers": 60, "gain": 1.0}
    log_s = np.linspace(-6, -1.5, 12)
    few = jacobian_spectrum(log_s, **case)
    monkeypatch.setattr(signal_propagation, "N_EFFECTIVE", 59)
    np.testing.assert_allclose(few.density, jacobian_spectrum(log_s, **case).density, atol=LAW)


@pytest.mark.parametrize(
    ("factors", "case"),
    [
        (orthogonal_factors, {"q": 1.0, "gain": 1.0, "nonlinearity": "tanh"}),
        (orthogonal_factors, {"q": 4.0, "gain": 1.1, "nonlinearity": "tanh"}),
        (orthogonal_factors, {"q": 1.0, "gain": 1.4, "nonlinearity": "relu"}),
        (gaussian_factors, {"q": 1.0, "gain": 1.0, "nonlinearity": "tanh"}),
    ],
)
def test_samples_follow_the_law(factors, case):
    size, n_factors, n_networks = 100, 10, 60
    options = {"gain": case["gain"], "nonlinearity": case["nonlinearity"]}
    ensemble = "gaussian" if factors is gaussian_factors else "orthogonal"
    centre = np.log(jacobian_moments(n_layers=11, ensemble=ensemble, **case).mean) / 2
    log_s = centre + np.array([-3.0, -2.0, -1.0, -0.5, 0.0, 0.5, 1.0])
    law = jacobian_spectrum(log_s, n_layers=11, ensemble=ensemble, **case)
    rng, shares = np.random.default_rng(10), []
    for _ in range(n_networks):
        x = rng.standard_normal(size)
        x *= np.sqrt(case["q"] / np.mean(x**2))
        s = log_singular_values(jacobian(x, factors(size, n_factors, rng=rng), **options))
        shares.append(np.mean(s[:, None] <= log_s, axis=0))
    errors = np.std(shares, axis=0, ddof=1) / np.sqrt(n_networks)
    # The limit is right to order 1/N.
    assert np.all(np.abs(np.mean(shares, axis=0) - law.cdf) < N_SIGMA * errors + 1 / size)


def test_moments_are_those_of_samples():
    case = {"q": 1.0, "gain": 1.1}
    moments = jacobian_moments(n_layers=9, **case)
    rng, means, variances = np.random.default_rng(11), [], []
    for _ in range(60):
        x = rng.standard_normal(100)
        x /= np.sqrt(np.mean(x**2))
        squares = jacobian_singular_values(x, orthogonal_factors(100, 8, rng=rng), gain=1.1) ** 2
        means.append(squares.mean())
        variances.append(squares.var() / squares.mean() ** 2)
    for sample, expected in zip((means, variances), moments, strict=True):
        error = np.std(sample, ddof=1) / np.sqrt(60)
        assert abs(np.mean(sample) - expected) < N_SIGMA * error + 3 * expected / 100


# Bad input


@pytest.mark.parametrize("function", [variance_map, variance_map_derivative, stretch_factor])
@pytest.mark.parametrize("q", [-0.1, np.nan, np.inf, [1.0, -1.0]])
def test_variances_must_be_finite_and_not_negative(function, q):
    with pytest.raises(ValueError, match="q must"):
        function(q, gain=1.0)


@pytest.mark.parametrize("gain", [-1.0, np.nan, np.inf, [1.0, 2.0]])
def test_gains_must_be_one_finite_number_not_negative(gain):
    network = {"q": 1.0, "n_layers": 3, "gain": gain}
    for call in (
        lambda: variance_map(1.0, gain=gain),
        lambda: fixed_point(gain),
        lambda: layer_variances(1.0, 3, gain=gain),
        lambda: propagate([1.0], [[[1.0]]], gain=gain),
        lambda: jacobian([1.0], [[[1.0]]], gain=gain),
        lambda: jacobian_moments(**network),
        lambda: jacobian_spectrum(0.0, **network),
    ):
        with pytest.raises(ValueError, match="gain must"):
            call()


@pytest.mark.parametrize(
    "nonlinearity",
    [
        *("softsign", np.tanh, (np.tanh,), 3, (np.tanh, 1.0), (np.tanh, lambda x: 1.0)),
        (lambda x: np.full(3, np.nan), np.cos),
    ],
)
def test_nonlinearity_must_be_known_or_a_pair_of_functions(nonlinearity):
    with pytest.raises(ValueError, match="nonlinearity must"):
        variance_map(1.0, gain=1.0, nonlinearity=nonlinearity)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"q": -1.0}, "q must not be negative"),
        ({"q": [1.0, 2.0]}, "q must be one number"),
        ({"n_layers": 1}, "n_layers must be at least 2"),
        ({"n_layers": 2.5}, "n_layers must be a positive integer"),
        ({"gain": 0.0}, "gain must be positive"),
        ({"ensemble": "haar"}, "ensemble must be"),
        ({"log_s": [0.0, np.nan]}, "log_s must be finite"),
    ],
)
def test_arguments_of_the_law(change, message):
    with pytest.raises(ValueError, match=message):
        jacobian_spectrum(**({"log_s": 0.0, "q": 1.0, "n_layers": 3, "gain": 1.0} | change))


@pytest.mark.parametrize("call", [propagate, jacobian, jacobian_singular_values])
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
        call(x, weights, gain=1.0)


def test_jacobian_is_of_one_input_and_at_least_one_layer():
    with pytest.raises(ValueError, match=r"one input.*\(3, 2\)"):
        jacobian(np.ones((3, 2)), [np.eye(2)], gain=1.0)
    with pytest.raises(ValueError, match="at least one"):
        jacobian([1.0], [], gain=1.0)


def test_fixed_point_says_why_there_is_none():
    with pytest.raises(ValueError, match="every variance a fixed point"):
        fixed_point(1.0, nonlinearity="linear")
    with pytest.raises(RuntimeError, match="at q = 1e\\+12 a layer still multiplies it by 4"):
        fixed_point(2.0, nonlinearity="linear")
    rng = np.random.default_rng(12)
    noise = (lambda x: np.tanh(x) * rng.uniform(0.999, 1.001), np.ones_like)
    with pytest.raises(RuntimeError, match="the best found"):
        fixed_point(1.5, nonlinearity=noise)


def test_a_law_that_was_not_resolved_is_reported_with_place_and_error(monkeypatch):
    monkeypatch.setattr(signal_propagation, "N_NODES", (96,))
    with pytest.raises(RuntimeError, match=r"not converge at . of 2 points, first at log_s = -6"):
        jacobian_spectrum([-6.0, 2.0], q=4.0, n_layers=3, gain=1.0)
