"""Tests of dlnlib.mean_field."""

from __future__ import annotations

from itertools import pairwise

import mpmath as mp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.special import erf, erfc

from dlnlib import _jacobian_law
from dlnlib.graded_products import log_singular_values
from dlnlib.mean_field import (
    fixed_point,
    jacobian_moments,
    jacobian_spectrum,
    layer_variances,
    stretch_factor,
    variance_map,
    variance_map_derivative,
)
from dlnlib.nonlinearities import NONLINEARITIES, Nonlinearity
from dlnlib.propagation import jacobian
from dlnlib.random_matrices import gaussian_factors, orthogonal_factors
from dlnlib.spectra import log_singular_value_cdf, log_singular_value_density

# Rounding in sums of a few hundred terms, relative.
ROUNDING = 1e-12
# What the limiting law promises of itself, and differences and sums of it.
LAW = 1e-6
# A standard normal score exceeds this once in two million.
N_SIGMA = 5.0

VARIANCES = [1e-12, 1e-6, 1e-2, 0.3, 1.0, 30.0, 1e3, 1e6]
# As Klambauer et al. 2017 print them.
SCALE, ALPHA = "1.0507009873554804934193349852946", "1.6732632423543772848170429916717"
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


HARD = (lambda x: np.clip(x, -1, 1), lambda x: np.abs(x) < 1)


@pytest.mark.parametrize("nonlinearity", ["hard tanh", HARD, (*HARD, (1, -1)), (*HARD, [-1, 0, 1])])
def test_averages_over_hard_tanh_have_closed_forms(nonlinearity):
    q = np.array([1e-300, 1e-3, 0.3, 1.0, 7.0, 1e6, 1e17, 1e100])
    a = 1 / np.sqrt(q)
    inside = erf(a / np.sqrt(2))
    stretch = stretch_factor(q, gain=1.0, nonlinearity=nonlinearity)
    np.testing.assert_allclose(stretch, inside, rtol=ROUNDING)
    assert stretch[3] == pytest.approx(0.6826894921370859, rel=ROUNDING)
    edge = np.sqrt(2 / np.pi) * a * np.exp(-(a**2) / 2)
    square = 4 * (q * (inside - edge) + erfc(a / np.sqrt(2)))
    found = variance_map(q, gain=2.0, nonlinearity=nonlinearity)
    # Of larger variances the difference loses all digits.
    np.testing.assert_allclose(found[:5], square[:5], rtol=ROUNDING)
    np.testing.assert_allclose(found[6:], 4, rtol=1e-8)
    rise = variance_map_derivative(q, gain=1.0, nonlinearity=nonlinearity)
    np.testing.assert_allclose(rise[:5], (inside - edge)[:5], rtol=ROUNDING)


# With many digits: function, slope, where to cut the integral.
BENT = {
    "hard tanh": (lambda x: mp.sign(x) * min(abs(x), 1), lambda x: mp.mpf(abs(x) < 1), 1),
    "leaky relu": (lambda x: max(x, x / 100), lambda x: mp.mpf(1) if x > 0 else mp.mpf("0.01"), 0),
    "elu": (lambda x: x if x > 0 else mp.expm1(x), lambda x: mp.exp(min(x, 0)), 0),
    "selu": (
        lambda x: mp.mpf(SCALE) * (x if x > 0 else mp.mpf(ALPHA) * mp.expm1(x)),
        lambda x: mp.mpf(SCALE) * (1 if x > 0 else mp.mpf(ALPHA) * mp.exp(x)),
        0,
    ),
    "softplus": (lambda x: mp.log1p(mp.exp(x)), lambda x: 1 / (1 + mp.exp(-x)), 0),
    "logistic": (lambda x: 1 / (1 + mp.exp(-x)), lambda x: 1 / (2 * mp.cosh(x / 2)) ** 2, 0),
    "gelu": (lambda x: x * mp.ncdf(x), lambda x: mp.ncdf(x) + x * mp.npdf(x), 0),
}


def exact_sided_average(f, q, kink):
    """Integrate f(sqrt(q) z, z) over both sides, in pieces on its scales and between kinks."""
    root = mp.sqrt(mp.mpf(q))
    scales = [mp.mpf(10) ** (k / mp.mpf(2)) / root for k in range(-3, 6)] + [kink / root]
    ends = sorted({mp.mpf(0), *(z for z in scales if z < 14), *map(mp.mpf, (1, 2, 4, 8, 14))})
    both = lambda z: (f(root * z, z) + f(-root * z, -z)) * mp.npdf(z)  # noqa: E731
    return float(mp.fsum(mp.quad(both, [a, b]) for a, b in pairwise(ends)))


@pytest.mark.parametrize("name", BENT)
@pytest.mark.parametrize("q", [0.7, 3e3])
def test_averages_of_named_nonlinearities_are_the_gaussian_integrals(name, q):
    phi, slope, kink = BENT[name]
    with mp.workdps(18):
        square = exact_sided_average(lambda x, z: phi(x) ** 2, q, kink)
        stretch = exact_sided_average(lambda x, z: slope(x) ** 2, q, kink)
        rise = exact_sided_average(lambda x, z: z * phi(x) * slope(x), q, kink) / np.sqrt(q)
    options = {"gain": 1.0, "nonlinearity": name}
    np.testing.assert_allclose(variance_map(q, **options), square, rtol=ROUNDING)
    np.testing.assert_allclose(stretch_factor(q, **options), stretch, rtol=ROUNDING)
    np.testing.assert_allclose(variance_map_derivative(q, **options), rise, rtol=ROUNDING)


def test_selu_keeps_a_standard_normal_input_as_it_is():
    # Klambauer et al. 2017 chose its constants so; the mean is not needed here.
    assert variance_map(1.0, gain=1.0, nonlinearity="selu") == pytest.approx(1, rel=ROUNDING)


@pytest.mark.parametrize("q", 10.0 ** np.array([-300, -20, 0, 6, 12, 17, 20, 100, 300]))
def test_averages_over_erf_have_closed_forms_at_all_variances(q):
    options = {"gain": 1.0, "nonlinearity": "erf"}
    with mp.workdps(700):
        w = mp.pi * mp.mpf(q)
        square, stretch = 2 / mp.pi * mp.asin(w / (2 + w)), 1 / mp.sqrt(1 + w)
        # The derivative of the first.
        rise = 2 / ((2 + w) * mp.sqrt(1 + w))
    np.testing.assert_allclose(variance_map(q, **options), float(square), rtol=ROUNDING)
    np.testing.assert_allclose(stretch_factor(q, **options), float(stretch), rtol=ROUNDING)
    np.testing.assert_allclose(variance_map_derivative(q, **options), float(rise), rtol=ROUNDING)


@pytest.mark.parametrize("q", [1e12, 1e17, 1e20])
def test_averages_over_tanh_are_the_integrals_at_large_variances(q):
    with mp.workdps(30):
        ends = [mp.mpf(0), *(mp.mpf(2) ** k for k in range(-2, 8))]

        def over_all(f):
            # Beyond the last end f is nothing, and the Gaussian before it all but flat.
            density = lambda x: mp.exp(-(x**2) / (2 * mp.mpf(q))) / mp.sqrt(2 * mp.pi * mp.mpf(q))  # noqa: E731
            return float(2 * mp.quad(lambda x: f(x) * density(x), ends))

        lost, stretch = over_all(lambda x: mp.sech(x) ** 2), over_all(lambda x: mp.sech(x) ** 4)
        rise = over_all(lambda x: x * mp.tanh(x) * mp.sech(x) ** 2) / q
    np.testing.assert_allclose(variance_map(q, gain=1.0), 1 - lost, rtol=ROUNDING)
    np.testing.assert_allclose(stretch_factor(q, gain=1.0), stretch, rtol=ROUNDING)
    np.testing.assert_allclose(variance_map_derivative(q, gain=1.0), rise, rtol=ROUNDING)


@pytest.mark.parametrize("q", [1e30, 1e100, 1e200])
def test_averages_over_tanh_follow_their_powers_at_the_largest_variances(q):
    # Integrals of sech^4 and of x tanh x sech^2 over the line are 4/3 and 1; corrections are 1/q.
    np.testing.assert_allclose(
        stretch_factor(q, gain=1.0), 4 / 3 / np.sqrt(2 * np.pi * q), rtol=ROUNDING
    )
    rise = variance_map_derivative(q, gain=1.0)
    np.testing.assert_allclose(rise, 1 / np.sqrt(2 * np.pi) / q**1.5, rtol=ROUNDING)


def test_gains_and_variances_of_any_size_give_the_value():
    options = {"nonlinearity": "linear"}
    assert variance_map(1e-300, gain=1e200) == pytest.approx(1e100, rel=1e-14)
    assert variance_map(1.7e308, gain=1e-150, **options) == pytest.approx(1.7e8, rel=1e-14)
    assert variance_map(1e-320, gain=1e160, **options) == pytest.approx(1e-320 * 1e160 * 1e160)
    assert variance_map(1.0, gain=1e200) == np.inf
    assert stretch_factor(1e300, gain=1e100) == pytest.approx(4 / 3 / np.sqrt(2 * np.pi) * 1e50)
    q = layer_variances(1e-320, n_layers=3, gain=1e-320)
    np.testing.assert_array_equal(q, [1e-320, 0, 0])
    assert layer_variances(1.0, n_layers=3, gain=1e200)[-1] == np.inf


def test_functions_that_bend_where_no_kink_was_found_are_refused():
    hinge = (lambda x: np.maximum(x - 1, 0) ** 2 / 2, lambda x: np.maximum(x - 1, 0))
    with pytest.raises(ValueError, match=r"nonlinearity must have a slope that is smooth.*third"):
        stretch_factor(1.0, gain=1.0, nonlinearity=hinge)
    exact, _ = quad(lambda z: (z - 1) ** 2 * np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi), 1, 12)
    found = stretch_factor(1.0, gain=1.0, nonlinearity=(*hinge, [1.0]))
    assert found == pytest.approx(exact, rel=1e-10)


def test_layers_below_a_kink_do_not_hide_it_from_those_above():
    f = Nonlinearity(*NONLINEARITIES["hard tanh"][:2])
    assert layer_variances(1e-4, n_layers=2, gain=2, nonlinearity=f)[-1] < 1e-3
    with pytest.raises(ValueError, match="must have a function that is smooth"):
        layer_variances(1e-4, n_layers=12, gain=2, nonlinearity=f)


def test_functions_that_grow_too_fast_are_refused():
    with pytest.raises(ValueError, match=r"nonlinearity must .*grow.* variance is 100"):
        variance_map([1.0, 100.0], gain=1.0, nonlinearity=(np.exp, np.exp))


@pytest.mark.parametrize("nonlinearity", ["tanh", "erf", "relu", "linear", "selu", TANH])
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


@pytest.mark.parametrize("gain", [1.001, 1.05, 1.1, 2.0, 10.0, 300.0, 1e7, 1e60])
@pytest.mark.parametrize("nonlinearity", ["tanh", "erf"])
def test_fixed_point_is_fixed_and_attracts_from_both_sides(gain, nonlinearity):
    q = fixed_point(gain=gain, nonlinearity=nonlinearity)
    assert variance_map(q, gain=gain, nonlinearity=nonlinearity) == pytest.approx(q, rel=1e-14)
    assert 0 <= variance_map_derivative(q, gain=gain, nonlinearity=nonlinearity) < 1
    assert variance_map(q / 2, gain=gain, nonlinearity=nonlinearity) > q / 2
    assert variance_map(2 * q, gain=gain, nonlinearity=nonlinearity) < 2 * q


@pytest.mark.parametrize("nonlinearity", ["tanh", "erf", TANH])
@pytest.mark.parametrize("gain", [0.0, 0.3, 0.999, 1.0])
def test_fixed_point_is_zero_up_to_the_critical_gain(gain, nonlinearity):
    assert fixed_point(gain=gain, nonlinearity=nonlinearity) == 0.0


@pytest.mark.parametrize("excess", [1e-10, 1e-8, 1e-6, 1e-4])
def test_fixed_point_just_above_the_critical_gain(excess):
    # From q = g^2 (q - 2 q^2 + 17/3 q^3): with e = g^2 - 1, q = e/2 + e^2/4 (17/6 - 2) + ...
    e = (1 + excess) ** 2 - 1
    expansion = e / 2 * (1 + e * (17 / 12 - 1))
    # Rounding of the map over the distance to the critical gain, and the next term.
    assert fixed_point(gain=1 + excess) == pytest.approx(expansion, rel=1e-15 / excess + 10 * e**2)


def test_fixed_point_of_a_nonlinearity_without_zero():
    q = fixed_point(gain=0.5, nonlinearity=(lambda x: x + 1, np.ones_like))
    assert q == pytest.approx(1 / 3)  # q = (q + 1) / 4


def test_approach_at_the_critical_gain_is_slow():
    # 1/q grows by 2 - (5/3) q a layer, so that 1/q - 2 l + (5/6) ln l converges.
    q = layer_variances(1.0, n_layers=20_001, gain=1.0)
    layer = np.array([2_000, 20_000])
    rest = 1 / q[layer] - 2 * layer + 5 / 6 * np.log(layer)
    assert abs(rest[1] - rest[0]) < 5e-3
    assert q[-1] * 2 * 20_000 == pytest.approx(1, abs=1e-3)


def test_layer_variances_converge_at_the_rate_of_the_derivative():
    q = layer_variances([0.2, 4.0], n_layers=60, gain=1.3)
    limit = fixed_point(gain=1.3)
    rate = variance_map_derivative(limit, gain=1.3)
    np.testing.assert_allclose((q[30] - limit) / (q[29] - limit), rate, rtol=1e-3)


def test_unbounded_growth_is_reported_as_infinite():
    q = layer_variances(1.0, n_layers=2000, gain=2.0, nonlinearity="linear")
    assert q[3] == pytest.approx(64, rel=1e-15) and q[-1] == np.inf


# The limiting law


CASES = [
    {"q": 1.0, "n_layers": 100, "gain": 1.0},
    {"q": 4.0, "n_layers": 100, "gain": 1.1},
    {"q": 0.2, "n_layers": 100, "gain": 0.9},
    {"q": 1.0, "n_layers": 3, "gain": 1.0},
    {"q": 1.0, "n_layers": 20, "gain": 1.0, "nonlinearity": "erf"},
    {"q": 1.0, "n_layers": 5, "gain": 1.0, "ensemble": "gaussian"},
    {"q": 1.0, "n_layers": 4, "gain": 1.5, "nonlinearity": "relu"},
    {"q": 4.0, "n_layers": 4, "gain": 1.5, "nonlinearity": "hard tanh"},
    {"q": 1.0, "n_layers": 5, "gain": 1.0, "nonlinearity": "selu"},
]


@pytest.mark.parametrize("case", CASES)
def test_law_has_mass_one_and_the_moments_in_closed_form(case):
    moments = jacobian_moments(**case)
    # In steps of ln s that shrink towards the upper edge.
    depth = 12 if case.get("nonlinearity") in BENT else 50
    log_s = np.log(moments.mean) / 2 + 4 - depth * np.linspace(1, 0, 400) ** 3
    law = jacobian_spectrum(log_s, **case)
    # The first layer of hard units is the deadest here.
    dead = {"relu": 0.5, "hard tanh": erfc(0.5 / np.sqrt(2))}.get(case.get("nonlinearity"), 0.0)
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


def expanded(roots):
    """Return the coefficients of a polynomial, with many digits."""
    c = [mp.mpf(1)]
    for r in roots:
        c = [a - r * b for a, b in zip([*c, 0], [0, *c], strict=True)]
    return c


@pytest.mark.parametrize("case", [(5, 4.0, 1.2), (4, 0.3, 1.05), (2, 1.0, 0.7)])
@pytest.mark.parametrize("ensemble", ["orthogonal", "gaussian"])
def test_law_of_hard_tanh_solves_a_polynomial(case, ensemble):
    # Slopes are projections, of rank p: S = (1 + M) / (p + M) each, and 1 / (1 + M) for a Gaussian.
    n_layers, q, gain = case
    n = n_layers - 1
    options = {"gain": gain, "nonlinearity": "hard tanh"}
    p = erf(1 / np.sqrt(2 * layer_variances(q, n_layers=n, **options)))
    log_s = np.log(gain) * n + np.array([-2.5, -1.2, -0.7, -0.3, -0.05])
    law = jacobian_spectrum(log_s, q=q, n_layers=n_layers, ensemble=ensemble, **options)
    assert law.error.max() < LAW
    # zeta M (1 + M)^(n - 1) = g^(2n) prod (p + M), and for Gaussians (1 + M)^n on the right.
    left, right = (0, *[-1] * (n - 1)), [*map(mp.mpf, -p)]
    if ensemble == "gaussian":
        left, right = (0,), [*right, -1]
    for log_x, density in zip(2 * log_s, law.density, strict=True):
        with mp.workdps(60):
            rest = [-(mp.mpf(gain) ** (2 * n)) * c for c in expanded(right)]
            for k, c in enumerate(expanded(left)):
                rest[len(rest) - len(left) - 1 + k] += mp.exp(log_x) * c
        roots = np.roots([float(c) for c in rest])
        # The law is smoothed over a share of 1e-7 of zeta; its root, next to an edge.
        assert np.abs(-2 / np.pi * roots.imag - density).min() < 1e-5


@pytest.mark.parametrize("name", ["hard tanh", "selu", "elu", "softplus"])
def test_law_of_named_nonlinearities_is_that_of_sampled_networks(name):
    rng, size, n_layers, gain = np.random.default_rng(21), 500, 5, 1.2
    spectra = []
    for _ in range(3):
        x = rng.standard_normal(size)
        weights = orthogonal_factors(size, n_layers - 1, rng=rng)
        x /= np.sqrt(np.mean(x**2))
        spectra.append(log_singular_values(jacobian(weights, x, gain=gain, nonlinearity=name)))
    log_s = np.quantile(np.concatenate(spectra), [0.5, 0.7, 0.8, 0.9, 0.97])
    law = jacobian_spectrum(log_s, q=1.0, n_layers=n_layers, gain=gain, nonlinearity=name)
    # Variances of a finite network stray by 1/sqrt(N) from those of the map: seen to be 0.014.
    np.testing.assert_allclose(law.cdf, [0.5, 0.7, 0.8, 0.9, 0.97], atol=0.03)


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
    monkeypatch.setattr(_jacobian_law, "_N_EFFECTIVE", 59)
    np.testing.assert_allclose(few.density, jacobian_spectrum(log_s, **case).density, atol=LAW)


@pytest.mark.parametrize(
    "case",
    [
        {"q": 1.0, "n_layers": 100, "gain": 1.0},
        {"q": 4.0, "n_layers": 30, "gain": 1.1},
        {"q": 1.0, "n_layers": 20, "gain": 1.0, "nonlinearity": "erf"},
    ],
)
def test_far_down_the_share_of_a_gaussian_law_falls_to_nothing(case):
    h = 0.1
    log_s = np.linspace(-600, -20, 30)[:, None] + h * np.array([-1, 0, 1])
    law = jacobian_spectrum(log_s, ensemble="gaussian", **case)
    assert law.error.max() < LAW
    assert np.all((law.cdf >= 0) & (law.cdf <= 1)) and law.cdf[0, 0] < 1e-5
    assert np.diff(law.cdf.ravel()).min() > -LAW
    slope = (law.cdf[:, 2] - law.cdf[:, 0]) / (2 * h)
    np.testing.assert_allclose(law.density[:, 1], slope, rtol=1e-2, atol=LAW)


@pytest.mark.parametrize("name", _jacobian_law._PATHS)
def test_squared_slopes_stay_off_the_cut_along_the_paths(name):
    height, climb = _jacobian_law._PATHS[name]
    slope = NONLINEARITIES[name].slope
    for x in (np.linspace(1e-9, 15, 10_001), np.linspace(-1e-9, -15, 10_001)):
        argument = np.unwrap(np.angle(slope(x + 1j * height(x)) ** 2))
        assert -1.8 - ROUNDING <= argument.min() and argument.max() <= ROUNDING
    x = np.linspace(-15, 15, 1_000)
    # The speed is the slope of the path: central differences, good to h^2.
    h = 1e-5
    np.testing.assert_allclose((height(x + h) - height(x - h)) / (2 * h), climb(x), atol=1e-9)


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
        s = log_singular_values(jacobian(factors(size, n_factors, rng=rng), x, **options))
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
        J = jacobian(orthogonal_factors(100, 8, rng=rng), x, gain=1.1)
        squares = np.exp(2 * log_singular_values(J))
        means.append(squares.mean())
        variances.append(squares.var() / squares.mean() ** 2)
    for sample, expected in zip((means, variances), moments, strict=True):
        error = np.std(sample, ddof=1) / np.sqrt(60)
        assert abs(np.mean(sample) - expected) < N_SIGMA * error + 3 * expected / 100


# Arguments


@pytest.mark.parametrize(
    "function",
    [
        variance_map,
        variance_map_derivative,
        stretch_factor,
        lambda q, gain: layer_variances(q, n_layers=7, gain=gain)[-1],
        lambda q, gain: jacobian_moments(q, n_layers=7, gain=gain, ensemble="gaussian").mean,
        lambda q, gain: jacobian_moments(q, n_layers=7, gain=gain).relative_variance,
    ],
)
def test_variances_and_gains_broadcast(function):
    q, gain = np.array([[0.1], [1.0], [5.0]]), np.array([0.5, 1.0, 1.5, 2.0])
    of_arrays = function(q, gain=gain)
    one_by_one = [[function(float(a), gain=g) for g in gain] for a in q[:, 0]]
    np.testing.assert_allclose(of_arrays, one_by_one, rtol=ROUNDING)
    assert np.ndim(function(1.0, gain=1.0)) == 0
    with pytest.raises(ValueError, match=r"broadcast together, got q \(3,\), gain \(2,\)"):
        function([1.0, 2.0, 3.0], gain=[1.0, 2.0])


def test_fixed_points_of_many_gains_are_those_of_each():
    gain = np.array([[0.0, 0.9, 1.0], [1.01, 1.5, 30.0]])
    one_by_one = [[fixed_point(gain=g) for g in row] for row in gain]
    np.testing.assert_allclose(fixed_point(gain=gain), one_by_one, rtol=ROUNDING)
    assert np.ndim(fixed_point(gain=1.5)) == 0
    assert fixed_point(gain=[]).shape == (0,)


@pytest.mark.parametrize("function", [variance_map, variance_map_derivative, stretch_factor])
@pytest.mark.parametrize("q", [-0.1, np.nan, np.inf, [1.0, -1.0]])
def test_variances_must_be_finite_and_not_negative(function, q):
    with pytest.raises(ValueError, match="q must"):
        function(q, gain=1.0)


@pytest.mark.parametrize("gain", [-1.0, np.nan, np.inf, [1.0, -2.0]])
def test_gains_must_be_finite_and_not_negative(gain):
    network = {"q": 1.0, "n_layers": 3, "gain": gain}
    for call in (
        lambda: variance_map(1.0, gain=gain),
        lambda: variance_map_derivative(1.0, gain=gain),
        lambda: stretch_factor(1.0, gain=gain),
        lambda: fixed_point(gain=gain),
        lambda: layer_variances(**network),
        lambda: jacobian_moments(**network),
        lambda: jacobian_spectrum(0.0, **network),
    ):
        with pytest.raises(ValueError, match="gain must"):
            call()


def test_moments_need_a_gain_that_lets_something_through():
    with pytest.raises(ValueError, match=r"gain must be positive, got 0\.0"):
        jacobian_moments(1.0, n_layers=3, gain=[1.0, 0.0])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"q": -1.0}, "q must be a finite number of at least 0, got -1"),
        ({"q": [1.0, 2.0]}, "q must be one number"),
        ({"n_layers": 1}, "n_layers must be an integer of at least 2, got 1"),
        ({"n_layers": 2.5}, "n_layers must be an integer of at least 2, got 2.5"),
        ({"gain": 0.0}, "gain must be a finite number above 0, got 0"),
        ({"gain": [1.0, 2.0]}, "gain must be one number"),
        ({"ensemble": "haar"}, "ensemble must be"),
        ({"log_s": [0.0, np.nan]}, "log_s must be finite"),
    ],
)
def test_arguments_of_the_law(change, message):
    with pytest.raises(ValueError, match=message):
        jacobian_spectrum(**({"log_s": 0.0, "q": 1.0, "n_layers": 3, "gain": 1.0} | change))


def test_fixed_point_says_why_there_is_none():
    with pytest.raises(ValueError, match="every variance a fixed point"):
        fixed_point(gain=1.0, nonlinearity="linear")
    with pytest.raises(
        RuntimeError, match="gain 2: at q = 1e\\+300 a layer still multiplies it by 4"
    ):
        fixed_point(gain=[0.5, 2.0], nonlinearity="linear")
    rng = np.random.default_rng(12)
    noise = (lambda x: np.tanh(x) * (1 + 1e-9 * rng.standard_normal()), np.ones_like)
    with pytest.raises(RuntimeError, match="the best found"):
        fixed_point(gain=1.5, nonlinearity=noise)


def test_a_law_that_was_not_resolved_is_reported_with_place_and_error(monkeypatch):
    monkeypatch.setattr(_jacobian_law, "_N_NODES", (96,))
    with pytest.raises(RuntimeError, match=r"not converge at . of 2 points, first at log_s = -6"):
        jacobian_spectrum([-6.0, 2.0], q=4.0, n_layers=3, gain=1.0)
