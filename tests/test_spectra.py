"""Tests of dlnlib.spectra."""

from __future__ import annotations

from functools import reduce
from itertools import pairwise
from math import comb

import mpmath as mp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.special import digamma, gammaln

from dlnlib.graded_products import (
    gaussian_product,
    graded_product,
    log_eigenvalues,
    log_singular_values,
)
from dlnlib.random_matrices import gaussian_factors, haar
from dlnlib.spectra import (
    deep_log_singular_values,
    eigenvalue_density,
    eigenvalue_mass_in_disc,
    eigenvalue_mass_in_square,
    fuss_catalan_density,
    fuss_catalan_edge,
    log_singular_value_cdf,
    log_singular_value_density,
    lyapunov_exponents,
    raney_density,
    rectangular_edges,
    rectangular_log_cdf,
    rectangular_log_density,
    singular_value_density,
)

# Rounding in sums and products of at most a hundred terms, relative to the largest.
ROUNDING = 1e-12


# Limiting laws of singular values


def fuss_catalan_number(k, m):
    return comb((m + 1) * k, k) // (m * k + 1)


@pytest.mark.parametrize("m", [1, 2, 3, 10, 100])
@pytest.mark.parametrize("k", [0, 1, 2, 3])
def test_moments_are_fuss_catalan_numbers(k, m):
    # Only what lies below this escapes, less than e^-40.
    bottom, top = -22.0 * (m + 1), np.log(fuss_catalan_edge(m)) / 2
    # In panels, over a variable in which the square root at the edge is smooth.
    panels = np.linspace(0, np.sqrt(top - bottom), 201)
    nodes, weights = np.polynomial.legendre.leggauss(10)
    v = panels[:-1, None] + (nodes + 1) / 2 * panels[1]
    density = log_singular_value_density(top - v**2, n_factors=m)
    moment = np.sum(np.exp(2 * k * (top - v**2)) * density * 2 * v @ weights) * panels[1] / 2
    assert moment == pytest.approx(fuss_catalan_number(k, m), rel=1e-9)


def test_one_factor_gives_marchenko_pastur_and_the_quarter_circle():
    x, s = np.linspace(1e-3, 3.999, 400), np.linspace(0, 2.5, 400)
    marchenko_pastur = np.sqrt(4 / x - 1) / (2 * np.pi)
    np.testing.assert_allclose(fuss_catalan_density(x, n_factors=1), marchenko_pastur, rtol=1e-10)
    circle = np.sqrt(np.maximum(4 - s**2, 0)) / np.pi
    np.testing.assert_allclose(
        singular_value_density(s, n_factors=1), circle, rtol=1e-10, atol=ROUNDING
    )


def test_two_factors_give_the_known_closed_form():
    x = np.geomspace(1e-8, 6.74, 300)
    root = np.cbrt(27 + 3 * np.sqrt(81 - 12 * x))
    expected = (np.cbrt(2) * root**2 - 6 * np.cbrt(x)) * np.cbrt(2) * np.sqrt(3)
    expected /= 12 * np.pi * np.cbrt(x) ** 2 * root
    np.testing.assert_allclose(fuss_catalan_density(x, n_factors=2), expected, rtol=1e-9)


@pytest.mark.parametrize("m", [1, 2, 7, 100])
def test_densities_are_one_law_in_three_variables(m):
    log_s = np.linspace(-3.0 * m, np.log(fuss_catalan_edge(m)) / 2 - 1e-3, 200)
    s = np.exp(log_s)
    expected = log_singular_value_density(log_s, n_factors=m)
    np.testing.assert_allclose(s * singular_value_density(s, n_factors=m), expected, rtol=1e-10)
    of_squares = fuss_catalan_density(s**2, n_factors=m)
    np.testing.assert_allclose(2 * s**2 * of_squares, expected, rtol=1e-10)


@pytest.mark.parametrize("m", [1, 2, 7, 100])
def test_cdf_integrates_the_density(m):
    top = np.log(fuss_catalan_edge(m)) / 2
    log_s = np.linspace(-3.0 * m, top - 0.05, 50)
    step = 1e-4
    ahead, behind = (log_singular_value_cdf(log_s + h, n_factors=m) for h in (step, -step))
    slope = (ahead - behind) / (2 * step)
    np.testing.assert_allclose(
        slope, log_singular_value_density(log_s, n_factors=m), rtol=1e-5, atol=1e-11 / step
    )
    assert log_singular_value_cdf(top + 1e-9, n_factors=m) == pytest.approx(1, abs=ROUNDING)
    assert log_singular_value_cdf(-700.0 * (m + 1) / 2, n_factors=m) < 1e-290


@given(st.integers(1, 1000), st.lists(st.floats(-1e4, 1e4), min_size=2, max_size=10, unique=True))
def test_cdf_rises_from_zero_to_one(m, log_s):
    share = log_singular_value_cdf(np.sort(log_s), n_factors=m)
    density = log_singular_value_density(np.sort(log_s), n_factors=m)
    assert np.all((share >= 0) & (share <= 1 + ROUNDING)) and np.all(np.diff(share) >= -ROUNDING)
    assert np.all((density >= 0) & (density < 1))


@pytest.mark.parametrize("m", [1, 4, 60])
def test_densities_end_at_the_edge(m):
    edge = fuss_catalan_edge(m)
    assert edge == pytest.approx((m + 1.0) ** (m + 1) / float(m) ** m, rel=ROUNDING)
    np.testing.assert_array_equal(fuss_catalan_density([edge * 1.001, 1e9], n_factors=m), 0)
    assert fuss_catalan_density(edge * 0.999, n_factors=m) > 0
    # The square root with which the density ends.
    near, nearer = fuss_catalan_density(edge * (1 - np.array([4e-8, 1e-8])), n_factors=m)
    assert near / nearer == pytest.approx(2, rel=1e-4)


def test_densities_at_zero_are_their_limits():
    assert fuss_catalan_density(0.0, n_factors=1) == np.inf
    assert singular_value_density(0.0, n_factors=1) == pytest.approx(2 / np.pi, rel=ROUNDING)
    assert singular_value_density(0.0, n_factors=2) == np.inf


@pytest.mark.parametrize("m", [1, 5, 30])
def test_samples_follow_the_law_of_singular_values(m):
    size = 300
    log_s = np.sort(log_singular_values(gaussian_product(size, m, rng=15)))
    share = log_singular_value_cdf(log_s, n_factors=m)
    # Singular values repel: each stays within a few of its place, not within sqrt(size).
    np.testing.assert_allclose(share, (np.arange(size) + 0.5) / size, atol=3 / size)


def exact_law(log_s, m):
    """Return the density of ln s and the share below, by a root in the angle at 60 digits."""
    end = mp.pi / (m + 1)

    def log_x(phi):
        sines = mp.sin((m + 1) * phi), mp.sin(phi), mp.sin(m * phi)
        return (m + 1) * mp.log(sines[0]) - mp.log(sines[1]) - m * mp.log(sines[2])

    low, high = mp.mpf(10) ** -30 * end, end * (1 - mp.mpf(10) ** -200)
    # Bisection in the logit, which is all but straight in ln s.
    low, high = (mp.log(phi / (end - phi)) for phi in (low, high))
    for _ in range(240):
        middle = (low + high) / 2
        above = log_x(end / (1 + mp.exp(-middle))) > 2 * mp.mpf(log_s)
        low, high = (middle, high) if above else (low, middle)
    phi = end / (1 + mp.exp(-low))
    strength = mp.sin(phi) * mp.sin((m + 1) * phi) / (mp.pi * mp.sin(m * phi))
    return 2 * strength, 1 - (m + 1) * phi / mp.pi + m * strength


@pytest.mark.parametrize("m", [1, 2, 5, 100, 1000])
@pytest.mark.parametrize("share", [-80, -10, -3, -1, 0.0, 0.5, 0.9, 0.999])
def test_law_of_singular_values_at_high_precision(m, share):
    """From far below to near the edge, to what rounding of the distance to it leaves."""
    log_edge = np.log(fuss_catalan_edge(m)) / 2
    log_s = share * log_edge if share >= 0 else share * (m + 1)
    with mp.workdps(260):
        density, below = exact_law(log_s, m)
    # The density ends as a root of the distance, of which the logarithm of s leaves some digits.
    room = ROUNDING / 10 * (1 + log_edge / (log_edge - log_s))
    assert abs(log_singular_value_density(log_s, n_factors=m) / density - 1) < room
    assert abs(log_singular_value_cdf(log_s, n_factors=m) / below - 1) < room


@pytest.mark.parametrize("m", [2, 3, 10])
def test_the_density_at_the_smallest_numbers_is_its_power_law(m):
    """rho tends to sin(pi/(m+1)) / pi x**(-m/(m+1)), and doubles go down to 5e-324."""
    x = np.array([1e-305, 1e-310, 5e-324])
    density = fuss_catalan_density(x, n_factors=m)
    expected = np.sin(np.pi / (m + 1)) / np.pi * x ** (-m / (m + 1))
    np.testing.assert_allclose(density, expected, rtol=1e-5)


# Limiting laws of eigenvalues


@pytest.mark.parametrize("m", [1, 2, 5, 100])
@pytest.mark.parametrize("radius", [0.01, 0.5, 1.0])
def test_mass_in_disc_integrates_the_density(radius, m):
    def ring(log_r):
        r = np.exp(log_r)
        return 2 * np.pi * r**2 * eigenvalue_density(r * np.exp(0.7j), n_factors=m)

    inner = 1e-8
    mass = quad(ring, np.log(inner), np.log(radius), epsabs=0, epsrel=1e-10)[0]
    expected = eigenvalue_mass_in_disc([inner, radius], n_factors=m)
    assert mass == pytest.approx(np.diff(expected)[0], rel=1e-9)


def angle_in_square(r, half):
    """Return the angle for which a circle about the origin runs inside a square."""
    return 2 * np.pi - 8 * np.arccos(np.clip(half / r, np.sqrt(0.5), 1.0))


@pytest.mark.parametrize("m", [1, 2, 5, 100])
@pytest.mark.parametrize("side", [0.1, 1.0, 1.5, 1.9])
def test_mass_in_square_integrates_the_density(side, m):
    half = side / 2

    def ring(r):
        return r * angle_in_square(r, half) * eigenvalue_density(r, n_factors=m)

    corner = min(half * np.sqrt(2), 1.0)
    mass = quad(ring, half, corner, epsabs=1e-13)[0]
    mass += eigenvalue_mass_in_disc(half, n_factors=m)
    # Square roots end the integrand.
    assert eigenvalue_mass_in_square(side, n_factors=m) == pytest.approx(mass, rel=1e-9)


def test_one_factor_fills_the_disc_evenly():
    np.testing.assert_allclose(
        eigenvalue_density([0, 0.3, -0.9j, 1.01], n_factors=1), [1 / np.pi] * 3 + [0]
    )
    side = np.array([0.0, 0.1, 1.0, np.sqrt(2)])
    np.testing.assert_allclose(
        eigenvalue_mass_in_square(side, n_factors=1), side**2 / np.pi, rtol=ROUNDING
    )
    assert eigenvalue_mass_in_square([2.0, 5.0], n_factors=3) == pytest.approx(1, rel=ROUNDING)
    assert eigenvalue_mass_in_disc(7.0, n_factors=3) == 1
    assert eigenvalue_density(0.0, n_factors=2) == np.inf


@pytest.mark.parametrize("side", [1e-150, 1e-8, 1e-3, 1.3, 1.5, 1.99])
@pytest.mark.parametrize("m", [1, 2, 5, 100])
def test_mass_in_a_small_square_keeps_its_digits(side, m):
    half = mp.mpf(side) / 2
    with mp.workdps(40):
        crossing = mp.acos(half) if half > mp.sqrt(0.5) else mp.pi / 4
        inside = mp.quad(lambda x: mp.cos(x) ** (-mp.mpf(2) / m), [0, crossing])
        inside *= half ** (mp.mpf(2) / m)
        outside = mp.pi / 4 - crossing if half > mp.sqrt(0.5) else 0
        expected = 4 / mp.pi * (inside + outside)
    assert abs(eigenvalue_mass_in_square(side, n_factors=m) / expected - 1) < ROUNDING


def test_the_law_explains_the_bins_that_the_paper_removes():
    """Fig. 6C leaves out the bin at the origin: 32 % of 5 factors and 94 % of 100."""
    percent = [100 * eigenvalue_mass_in_square(0.1, n_factors=m) for m in (5, 100)]
    np.testing.assert_array_equal(np.round(percent), [32, 94])


@pytest.mark.parametrize("m", [1, 5, 100])
def test_samples_follow_the_law_of_eigenvalues(m):
    size, n_samples = 200, 4
    rng = np.random.default_rng(16)
    log_z = np.array(
        [log_eigenvalues(gaussian_product(size, m, rng=rng)) for _ in range(n_samples)]
    )
    z = np.exp(log_z)
    in_bin = np.mean((abs(z.real) < 0.05) & (abs(z.imag) < 0.05))
    expected = eigenvalue_mass_in_square(0.1, n_factors=m)
    # The excess of real eigenvalues is of order 1 / sqrt(size), and falls on the origin's bin.
    assert abs(in_bin - expected) < 0.2 / np.sqrt(size)
    moduli = np.sort(np.exp(log_z.real / m).ravel())
    share = eigenvalue_mass_in_disc(moduli**m, n_factors=m)
    places = (np.arange(len(moduli)) + 0.5) / len(moduli)
    np.testing.assert_allclose(share, places, atol=0.5 / np.sqrt(size))


# Raney laws


def raney_number(k, p, r):
    return r * np.exp(gammaln(k * p + r) - gammaln(k + 1) - gammaln(k * (p - 1) + r + 1))


def raney_edge(p):
    return np.exp(p * np.log(p) - (p - 1) * np.log(p - 1))


PARAMETERS = [(2, 1), (2, 2), (1.5, 0.5), (3.5, 2.2), (1.05, 1.05), (1.01, 0.3), (6, 6), (101, 1)]


@pytest.mark.parametrize("p, r", PARAMETERS)
@pytest.mark.parametrize("k", [0, 1, 2, 3])
def test_moments_are_raney_numbers(k, p, r):
    # What lies below this is less than e^-40, for the distribution falls as x**(r/p).
    top = np.log(raney_edge(p))
    bottom = -42.0 * p / r
    panels = np.linspace(0, np.sqrt(top - bottom), 401)
    nodes, weights = np.polynomial.legendre.leggauss(10)
    v = panels[:-1, None] + (nodes + 1) / 2 * panels[1]
    log_x = top - v**2
    seen = log_x > -700
    x = np.exp(np.maximum(log_x, -700))
    integrand = np.where(seen, x ** (k + 1) * raney_density(x, p=p, r=r), 0) * 2 * v
    moment = np.sum(integrand @ weights) * panels[1] / 2
    lost = np.exp(-700 * r / p) if k == 0 and bottom < -700 else 0
    assert moment == pytest.approx(raney_number(k, p, r), rel=1e-9, abs=2 * lost)


def exact_raney(x, p, r):
    """Return the density by the angle at 260 digits, which must solve the equation of B."""
    with mp.workdps(260):
        p, r, x = mp.mpf(p), mp.mpf(r), mp.mpf(x)
        low, high = mp.mpf(-500), mp.mpf(500)
        # Bisection in the logit, which is all but straight in ln x.
        for _ in range(400):
            middle = (low + high) / 2
            phi = mp.pi / p / (1 + mp.exp(-middle))
            value = p * mp.log(mp.sin(p * phi)) - mp.log(mp.sin(phi))
            value -= (p - 1) * mp.log(mp.sin((p - 1) * phi))
            low, high = (middle, high) if value > mp.log(x) else (low, middle)
        B = mp.sin(p * phi) / mp.sin((p - 1) * phi) * mp.expj(phi)
        assert abs(B**p / x - (B - 1)) < mp.mpf(10) ** -50
        return float((B**r).imag / (mp.pi * x))


@pytest.mark.parametrize("p, r", [*PARAMETERS, (1.001, 0.7), (300.5, 300.5)])
@pytest.mark.parametrize("share", [1e-200, 1e-9, 0.01, 0.5, 0.99])
def test_raney_laws_at_high_precision(p, r, share):
    """By a root of B = 1 + B**p / x, of which the density is the imaginary part of a power."""
    x = share * raney_edge(p)
    assert raney_density(x, p=p, r=r) == pytest.approx(exact_raney(x, p, r), rel=1e-11)


def test_raney_laws_contain_the_laws_of_products_and_of_squared_length():
    x = np.geomspace(1e-6, 15, 200)
    fuss_catalan = fuss_catalan_density(x, n_factors=5)
    np.testing.assert_allclose(raney_density(x, p=6, r=1), fuss_catalan, rtol=1e-12)
    np.testing.assert_allclose(raney_density(x, p=6, r=6), x * fuss_catalan, rtol=1e-12)


def test_half_of_an_orthogonal_matrix_among_gaussian_ones_follows_a_raney_law():
    """S-transforms multiply: (2 + w) / (1 + w) of a corner of half the size, 1 / (1 + w) each."""
    size, m, rng = 200, 3, np.random.default_rng(1)
    corner = haar(2 * size, 2 * size, rng=rng)[:size, :size]
    factors = [corner, *gaussian_factors(size, m, rng=rng)]
    x = np.linalg.svd(reduce(np.matmul, factors), compute_uv=False) ** 2
    ends = np.quantile(x, [0.2, 0.5, 0.8])
    law = [
        quad(lambda v: 2 * v * raney_density(v**2, p=1 + m / 2, r=0.5), 0, np.sqrt(end))[0]
        for end in ends
    ]
    np.testing.assert_allclose(law, [0.2, 0.5, 0.8], atol=3 / size)


@given(st.floats(1, 1e15, exclude_min=True), st.floats(1e-3, 1), st.floats(0, 1e300))
def test_raney_laws_have_a_value_for_all_numbers(p, share, x):
    density = raney_density(x, p=p, r=p * share)
    assert density >= 0


def test_raney_laws_at_zero_and_beyond_the_edge():
    assert raney_density(0.0, p=3, r=1.5) == np.inf
    assert raney_density(0.0, p=3, r=3) == 0
    np.testing.assert_array_equal(raney_density([6.76, 1e300], p=3, r=2), 0)
    assert raney_density(6.74, p=3, r=2) > 0


@pytest.mark.parametrize(
    "wrong, message",
    [
        ({"p": 1, "r": 1}, "p must be a finite number above 1 and of at most 1e\\+15, got 1"),
        ({"p": 2, "r": 0}, "r must be a finite number above 0 and of at most 2, got 0"),
        ({"p": 2, "r": 2.5}, "r must be a finite number above 0 and of at most 2, got 2.5"),
    ],
)
def test_raney_laws_refuse_parameters_that_have_none(wrong, message):
    with pytest.raises(ValueError, match=message):
        raney_density(0.5, **wrong)


# Factors of unequal sizes


UNEQUAL = [
    (100, 400),
    (400, 100),
    (784, 1000, 1000, 10),
    (784, *[1000] * 98, 10),
    (100, 150, 100, 300, 200),
    (10, 11, 12, 13),
    (1000, 1001),
    (50, 1000, 60),
    (7, 7, 7),
]


def in_panels(sizes, n=400):
    """Return nodes in ln s and weights over the support, dense at both ends."""
    low, high = rectangular_edges(sizes)
    top = np.log(high) / 2
    bottom = np.log(low) / 2 if low > 0 else -20.0 * len(sizes)
    theta = (np.arange(40 * n) + 0.5) / (40 * n) * np.pi
    half = (top - bottom) / 2
    return bottom + half * (1 + np.cos(theta)), half * np.sin(theta) * np.pi / (40 * n)


def moment_by_series(k, sizes):
    """Return a moment by Lagrange's inversion of the polynomial."""
    b = np.array(sizes) / min(sizes)
    series = reduce(np.convolve, [[1, 1 / c] for c in b for _ in range(k)])
    return b[-1] ** k * series[k - 1] / k


@pytest.mark.parametrize("sizes", UNEQUAL)
@pytest.mark.parametrize("k", [0, 1, 2, 3])
def test_moments_of_unequal_factors(sizes, k):
    log_s, weights = in_panels(sizes)
    density = rectangular_log_density(log_s, layer_sizes=sizes)
    expected = moment_by_series(k, sizes) if k else 1.0
    assert np.sum(weights * density * np.exp(2 * k * log_s)) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("sizes", UNEQUAL)
def test_mean_logarithm_of_unequal_factors_is_that_of_their_determinants(sizes):
    """The logarithm of a determinant adds up, from chi variables of N_l - i + 1 degrees."""
    log_s, weights = in_panels(sizes)
    found = np.sum(weights * rectangular_log_density(log_s, layer_sizes=sizes) * 2 * log_s)
    # At a million times the widths, where sums are integrals.
    n, i = 1e6 * np.array(sizes), (np.arange(10_000) + 0.5) / 10_000 * 1e6 * min(sizes)
    others = np.delete(n, np.argmin(n))
    expected = sum(np.mean(digamma((c - i) / 2) - np.log(c / 2)) for c in others)
    expected += np.log(sizes[-1] / min(sizes))
    assert found == pytest.approx(expected, abs=2e-4 * len(sizes))


@pytest.mark.parametrize("sizes", UNEQUAL)
def test_the_share_of_unequal_factors_integrates_their_density(sizes):
    log_s, weights = in_panels(sizes)
    pieces = weights * rectangular_log_density(log_s, layer_sizes=sizes)
    above = np.cumsum(pieces) - pieces / 2
    share = rectangular_log_cdf(log_s, layer_sizes=sizes)
    np.testing.assert_allclose(share, 1 - above, atol=2e-6)
    assert rectangular_log_cdf(log_s[0] + 1, layer_sizes=sizes) == 1
    assert rectangular_log_cdf(-1e4, layer_sizes=sizes) < 1e-60


@pytest.mark.parametrize("m", [1, 2, 5, 100])
def test_equal_sizes_are_the_square_law(m):
    sizes, x = [9] * (m + 1), np.linspace(-60, 1, 300)
    expected = log_singular_value_density(x, n_factors=m)
    np.testing.assert_allclose(
        rectangular_log_density(x, layer_sizes=sizes), expected, rtol=1e-11, atol=1e-300
    )
    expected = log_singular_value_cdf(x, n_factors=m)
    np.testing.assert_allclose(rectangular_log_cdf(x, layer_sizes=sizes), expected, rtol=1e-11)
    assert rectangular_edges(sizes) == (0, pytest.approx(fuss_catalan_edge(m), rel=1e-12))


@pytest.mark.parametrize("c", [1.0001, 2.0, 50.0])
def test_one_unequal_factor_gives_marchenko_pastur(c):
    n = 10_000
    low, high = (np.sqrt(c) - 1) ** 2, (np.sqrt(c) + 1) ** 2
    found = rectangular_edges([n, round(c * n)])
    assert found == pytest.approx((low, high), rel=1e-8)
    x = np.linspace(low, high, 52)[1:-1]
    density = np.sqrt((high - x) * (x - low)) / (2 * np.pi * x)
    law = rectangular_log_density(np.log(x) / 2, layer_sizes=[n, round(c * n)])
    np.testing.assert_allclose(law, 2 * x * density, rtol=1e-9)


@pytest.mark.parametrize("sizes", [(200, 300, 250, 200), (150, 400, 60, 400), (50, 300, 200)])
def test_samples_follow_the_law_of_unequal_factors(sizes):
    rng, rank = np.random.default_rng(4), min(sizes)
    factors = [
        rng.standard_normal((n_out, n_in)) / np.sqrt(n_in) for n_in, n_out in pairwise(sizes)
    ]
    s = np.linalg.svd(reduce(lambda W, A: A @ W, factors), compute_uv=False)[:rank][::-1]
    share = rectangular_log_cdf(np.log(s), layer_sizes=sizes)
    np.testing.assert_allclose(share, (np.arange(rank) + 0.5) / rank, atol=3 / rank)


@given(
    st.lists(st.integers(1, 10**6), min_size=2, max_size=30),
    st.lists(st.floats(-1e4, 1e4) | st.floats(-3, 3), min_size=2, max_size=10, unique=True),
)
def test_shares_of_unequal_factors_rise_from_zero_to_one(sizes, log_s):
    share = rectangular_log_cdf(np.sort(log_s), layer_sizes=sizes)
    density = rectangular_log_density(np.sort(log_s), layer_sizes=sizes)
    assert np.all((share >= 0) & (share <= 1)) and np.all(np.diff(share) >= -1e-10)
    assert np.all(density >= 0) and np.all(np.isfinite(density))
    low, high = rectangular_edges(sizes)
    assert low < high and (low == 0) == (sizes.count(min(sizes)) > 1)


def test_hidden_layers_may_change_places():
    log_s = np.linspace(-3, 2, 30)
    one, other = ([50, *hidden, 70] for hidden in ([60, 40, 300], [300, 60, 40]))
    expected = rectangular_log_density(log_s, layer_sizes=one)
    np.testing.assert_allclose(
        rectangular_log_density(log_s, layer_sizes=other), expected, rtol=1e-10, atol=1e-13
    )


def test_unequal_factors_of_any_shape():
    log_s = np.array([[0.2, 0.5, -0.9], [0.1, -2.0, 0.3]])
    for law in (rectangular_log_density, rectangular_log_cdf):
        found = law(log_s, layer_sizes=(30, 20, 40))
        assert found.shape == log_s.shape
        assert law(-2.0, layer_sizes=(30, 20, 40)) == pytest.approx(found[1, 1], rel=ROUNDING)
        with pytest.raises(ValueError, match="log_s must be finite"):
            law(np.inf, layer_sizes=(30, 20, 40))
        with pytest.raises(ValueError, match="layer_sizes must be two or more positive integers"):
            law(0.0, layer_sizes=(30,))
    with pytest.raises(ValueError, match="layer_sizes must be two or more positive integers"):
        rectangular_edges([30, 0])


# Deeper than wide


@pytest.mark.parametrize("size", [1, 2, 7, 40, 41, 1000, 10**6])
def test_lyapunov_exponents_at_high_precision(size):
    found, some = lyapunov_exponents(size), np.unique(np.geomspace(1, size, 9).astype(int))
    with mp.workdps(40):
        expected = [
            float((mp.digamma(mp.mpf(size - int(i) + 1) / 2) - mp.log(mp.mpf(size) / 2)) / 2)
            for i in some
        ]
    np.testing.assert_allclose(found[some - 1], expected, rtol=1e-13)
    assert np.all(np.diff(found) < 0)


def test_exponents_of_one_number_are_those_of_a_normal_one():
    """The mean of ln|x| for a standard normal x."""
    integral = quad(lambda x: np.log(x) * np.exp(-(x**2) / 2) * np.sqrt(2 / np.pi), 0, 20)[0]
    assert lyapunov_exponents(1)[0] == pytest.approx(integral, rel=1e-8)
    law = deep_log_singular_values(1, 7)
    assert law.mean[0] == pytest.approx(7 * integral, rel=1e-8)
    square = quad(lambda x: np.log(x) ** 2 * np.exp(-(x**2) / 2) * np.sqrt(2 / np.pi), 0, 20)[0]
    assert law.variance[0] == pytest.approx(7 * (square - integral**2), rel=1e-7)


def test_deep_products_of_multiplied_factors():
    """Means, with the term that does not grow, and variances; in standard errors."""
    size, m, n = 3, 40, 100
    rng = np.random.default_rng(8)
    log_s = np.array(
        [log_singular_values(graded_product(gaussian_factors(size, m, rng=rng))) for _ in range(n)]
    )
    law = deep_log_singular_values(size, m)
    score = (log_s.mean(axis=0) - law.mean) / np.sqrt(law.variance / n)
    assert np.all(np.abs(score) < 3)
    assert np.all(np.abs(log_s.var(axis=0) / law.variance - 1) < 4 * np.sqrt(2 / n))
    # It moves the ends apart, and leaves the determinant as it is.
    off = law.mean - m * lyapunov_exponents(size)
    assert off.sum() == pytest.approx(0, abs=1e-12)
    assert off[0] == pytest.approx(-off[-1], rel=1e-12) and off[0] > 0.8


def test_what_comes_off_the_variance_is_that_of_minors_of_a_rotation():
    size, n = 5, 3000
    rng = np.random.default_rng(10)
    minors = np.array(
        [
            [np.linalg.slogdet(Q[:i, :i])[1] for i in range(size + 1)]
            for Q in (haar(size, size, rng=rng) for _ in range(n))
        ]
    )
    ratios = np.diff(minors, axis=1)
    law = deep_log_singular_values(size, 100)
    grown = 100 * (deep_log_singular_values(size, 201).variance - law.variance) / 101
    # Tails of logarithms are those of exponentials, whose squares scatter more than normal ones.
    np.testing.assert_allclose(ratios.var(axis=0), grown - law.variance, rtol=0.2)
    mean = 100 * lyapunov_exponents(size) - law.mean
    np.testing.assert_allclose(ratios.mean(axis=0), mean, atol=4 * np.sqrt(2.5 / n))
    assert deep_log_singular_values(9, 1).variance[0] == 0


def test_a_term_that_does_not_grow():
    """Of the largest singular value, against the mean logarithm of columns, whose law is exact.

    Both scatter together, which leaves a hundredth of either's variance.
    """
    size, m, n = 5, 100, 50
    rng = np.random.default_rng(9)
    found = []
    for _ in range(n):
        product = gaussian_product(size, m, rng=rng)
        rows = np.exp(product.log_scales - product.log_scales.max())[:, None] * product.rows
        columns = np.log(np.linalg.norm(rows, axis=0)) + product.log_scales.max()
        found.append(log_singular_values(product)[0] - columns.mean())
    expected = (deep_log_singular_values(size, m).mean - m * lyapunov_exponents(size))[0]
    assert abs(np.mean(found) - expected) < 4 * np.std(found) / np.sqrt(n)
    assert np.std(found) / np.sqrt(n) < 0.1


@pytest.mark.parametrize("law", [lyapunov_exponents, lambda n: deep_log_singular_values(n, 3)])
def test_deep_laws_refuse_no_size(law):
    with pytest.raises(ValueError, match="size must be an integer of at least 1"):
        law(0)


# Arguments


LAWS = [
    (fuss_catalan_density, "x"),
    (singular_value_density, "s"),
    (log_singular_value_density, "log_s"),
    (log_singular_value_cdf, "log_s"),
    (eigenvalue_density, "z"),
    (eigenvalue_mass_in_disc, "radius"),
    (eigenvalue_mass_in_square, "side"),
]


@pytest.mark.parametrize("law, name", LAWS)
def test_laws_refuse_what_is_not_finite(law, name):
    for value in (np.nan, np.inf):
        with pytest.raises(ValueError, match=f"{name} must be finite"):
            law([0.5, value], n_factors=2)
    with pytest.raises(ValueError, match="n_factors must be an integer of at least 1"):
        law(0.5, n_factors=0)


@pytest.mark.parametrize("law, name", [LAWS[0], LAWS[1], LAWS[5], LAWS[6]])
def test_laws_of_sizes_refuse_negative_ones(law, name):
    with pytest.raises(ValueError, match=f"{name} must not be negative"):
        law(-0.5, n_factors=2)


@pytest.mark.parametrize("law, name", LAWS)
def test_laws_take_arrays_of_any_shape(law, name):
    value = np.array([[0.2, 0.5, 0.9], [0.1, 0.6, 0.3]])
    of_array = law(value, n_factors=3)
    assert of_array.shape == value.shape
    assert law(0.6, n_factors=3) == pytest.approx(of_array[1, 1], rel=ROUNDING)
    assert np.ndim(law(0.6, n_factors=3)) == 0


@pytest.mark.parametrize("law, name", LAWS)
def test_laws_refuse_what_is_no_number(law, name):
    for value in ("0.5", True, None, np.ma.array([0.5], mask=[True]), b"1"):
        with pytest.raises(TypeError, match=f"^{name} must be real numbers"):
            law(value, n_factors=2)


EXTREMES = st.floats(0, allow_infinity=False) | st.sampled_from([0.0, 5e-324, 1e-308, 1.7e308])


@pytest.mark.parametrize("law, name", LAWS)
@given(value=EXTREMES, m=st.integers(1, 2**53), sign=st.sampled_from([1, -1]))
def test_laws_have_a_value_for_all_numbers(law, name, value, m, sign):
    signed = {"log_s": sign * value, "z": complex(sign * value, value)}.get(name, value)
    assert law(signed, n_factors=m) >= 0


def test_edge_refuses_no_factors():
    with pytest.raises(ValueError, match="n_factors must be an integer of at least 1"):
        fuss_catalan_edge(0)
