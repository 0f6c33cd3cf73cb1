"""Tests of dlnlib.spectra."""

from __future__ import annotations

from math import comb

import mpmath as mp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad

from dlnlib.graded_products import gaussian_product, log_eigenvalues, log_singular_values
from dlnlib.spectra import (
    eigenvalue_density,
    eigenvalue_mass_in_disc,
    eigenvalue_mass_in_square,
    fuss_catalan_density,
    fuss_catalan_edge,
    log_singular_value_cdf,
    log_singular_value_density,
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
