"""Tests of dlnlib.random_matrices."""

from __future__ import annotations

from math import comb

import mpmath as mp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from scipy.integrate import quad
from scipy.linalg import block_diag, hilbert
from scipy.special import polygamma, psi

from dlnlib.random_matrices import (
    GradedProduct,
    eigenvalue_density,
    eigenvalue_mass_in_disc,
    eigenvalue_mass_in_square,
    fuss_catalan_density,
    fuss_catalan_edge,
    gaussian_factors,
    gaussian_product,
    graded_product,
    log_eigenvalues,
    log_singular_value_cdf,
    log_singular_value_density,
    log_singular_values,
    orthogonal_factors,
    singular_value_density,
)

# Rounding in sums and products of at most a hundred terms, relative to the largest.
ROUNDING = 1e-12
# Rounding in the factors, amplified by their product: condition numbers up to a thousand.
SENSITIVITY = 1e-10
# A standard normal score exceeds this once in two million.
N_SIGMA = 5.0


def exact_product(factors):
    product = mp.eye(len(factors[0]))
    for factor in factors:
        product = mp.matrix(factor.tolist()) * product
    return product


def exact_log_singular_values(factors):
    values = mp.svd_r(exact_product(factors), compute_uv=False)
    return sorted((float(mp.log(value)) for value in values), reverse=True)


def exact_log_eigenvalues(factors):
    values = mp.eig(exact_product(factors), left=False, right=False)
    return np.array([complex(mp.log(value)) for value in values])


def multiplied_out(factors):
    return np.linalg.multi_dot([*factors[::-1], np.eye(len(factors[0]))])


def assert_same_log_eigenvalues(log_z, expected, tolerance):
    """Compare as sets, each with its nearest: order fails where moduli or signs tie."""
    assert len(log_z) == len(expected)
    relative = abs(np.expm1(np.subtract.outer(log_z, expected)))
    assert relative.min(axis=0).max() < tolerance
    assert relative.min(axis=1).max() < tolerance


# Samples


def test_gaussian_factors_preserve_norms_on_average():
    entries = np.array(list(gaussian_factors(30, 40, rng=0)))
    assert entries.shape == (40, 30, 30)
    assert abs(entries.mean()) < N_SIGMA / np.sqrt(30 * entries.size)
    assert abs(30 * np.mean(entries**2) - 1) < N_SIGMA * np.sqrt(2 / entries.size)


@pytest.mark.parametrize("gain", [0.9, 1.0, 3.0])
def test_orthogonal_factors_are_orthogonal_times_the_gain(gain):
    factors = list(orthogonal_factors(8, 3, gain=gain, rng=0))
    assert len(factors) == 3 and not np.allclose(factors[0], factors[1])
    for a in factors:
        np.testing.assert_allclose(a.T @ a, gain**2 * np.eye(8), atol=ROUNDING * gain**2)


def test_orthogonal_eigenvalues_lie_on_the_unit_circle_evenly():
    (a,) = orthogonal_factors(100, 1, rng=0)
    z = np.linalg.eigvals(a)
    np.testing.assert_allclose(abs(z), 1, rtol=ROUNDING)
    # They repel: the largest gap between neighbours is a few times the mean one.
    angles = np.sort(np.angle(z))
    assert np.diff(angles, append=angles[0] + 2 * np.pi).max() < 5 * 2 * np.pi / 100


@pytest.mark.parametrize("draw", [gaussian_factors, orthogonal_factors])
def test_a_seed_or_its_generator_repeats_the_factors(draw):
    once, again = (list(draw(3, 2, rng=rng)) for rng in (7, np.random.default_rng(7)))
    np.testing.assert_array_equal(once, again)


def test_a_seed_or_its_generator_repeats_the_product():
    once, again = (gaussian_product(3, 2, rng=rng) for rng in (7, np.random.default_rng(7)))
    np.testing.assert_array_equal(once.T, again.T)


# Products


@pytest.mark.parametrize("factors", [gaussian_factors(150, 3, rng=1)])
def test_a_short_product_is_what_multiplying_gives(factors):
    factors = list(factors)
    product = graded_product(factors)
    np.testing.assert_allclose(product.Q.T @ product.Q, np.eye(150), atol=ROUNDING)
    whole = product.Q @ np.diag(np.exp(product.log_scales)) @ product.T
    np.testing.assert_allclose(whole, multiplied_out(factors), atol=ROUNDING)


def test_the_first_factor_acts_first():
    first, second = np.array([[1.0, 2.0], [0.0, 1.0]]), np.diag([3.0, 1.0])
    product = graded_product([first, second])
    whole = product.Q @ np.diag(np.exp(product.log_scales)) @ product.T
    np.testing.assert_allclose(whole, [[3.0, 6.0], [0.0, 1.0]], atol=ROUNDING)


def test_small_singular_values_survive_where_multiplying_out_loses_them():
    factors = list(gaussian_factors(6, 60, rng=2))
    with mp.workdps(120):
        expected = exact_log_singular_values(factors)
    assert expected[0] - expected[-1] > 60
    log_s = log_singular_values(graded_product(factors))
    np.testing.assert_allclose(log_s, expected, atol=SENSITIVITY)
    naive = np.log(np.linalg.svd(multiplied_out(factors), compute_uv=False))
    assert abs(naive[0] - expected[0]) < SENSITIVITY
    assert naive[-1] - expected[-1] > 10


@pytest.mark.parametrize("size, n_factors", [(2, 1), (5, 3), (12, 40), (6, 60), (4, 400)])
def test_eigenvalues_of_all_sizes_are_accurate(size, n_factors):
    factors = list(gaussian_factors(size, n_factors, rng=3))
    with mp.workdps(400):
        expected = exact_log_eigenvalues(factors)
    log_z = log_eigenvalues(graded_product(factors))
    assert np.all(np.diff(log_z.real) <= 0)
    assert_same_log_eigenvalues(log_z, expected, SENSITIVITY)


def test_singular_values_may_leave_double_precision():
    factors = list(gaussian_factors(4, 1000, rng=4))
    with mp.workdps(900):
        expected = exact_log_singular_values(factors)
    assert expected[0] - expected[-1] > 1000
    log_s = log_singular_values(graded_product(factors))
    np.testing.assert_allclose(log_s, expected, atol=SENSITIVITY)


def test_scales_that_change_their_order_are_followed():
    growing = [np.diag([1e-2, 1.0, 1e2])] * 10 + [np.diag([1e3, 1.0, 1e-3])] * 20
    turned = zip(orthogonal_factors(3, 30, rng=5), growing, strict=True)
    factors = [factor for pair in turned for factor in pair]
    with mp.workdps(300):
        expected = exact_log_singular_values(factors)
    np.testing.assert_allclose(
        log_singular_values(graded_product(factors)), expected, atol=SENSITIVITY
    )


@pytest.mark.parametrize("exponent", [4, 12])
def test_diagonal_factors_may_be_as_steep_as_they_like(exponent):
    rising = np.diag(10.0 ** np.linspace(-exponent, exponent, 5))
    falling = rising[::-1, ::-1]
    turns = list(orthogonal_factors(5, 4, rng=6))
    factors = [rising, turns[0], rising, turns[1], falling, turns[2], rising, turns[3]]
    with mp.workdps(300):
        expected = exact_log_singular_values(factors)
    log_s = log_singular_values(graded_product(factors))
    np.testing.assert_allclose(log_s, expected, atol=SENSITIVITY)


def test_eigenvalues_are_powers_of_those_of_the_cyclic_matrix():
    size, n_factors = 40, 4
    factors = list(gaussian_factors(size, n_factors, rng=6))
    cyclic = np.roll(block_diag(*factors), size, axis=0)
    expected = np.log(np.linalg.eigvals(cyclic)) * n_factors
    powers = log_eigenvalues(graded_product(factors))
    assert_same_log_eigenvalues(np.repeat(powers, n_factors), expected, SENSITIVITY)


def test_logarithms_sum_to_those_of_the_determinants():
    factors = list(gaussian_factors(200, 100, rng=7))
    product = graded_product(factors)
    log_det = sum(np.linalg.slogdet(a)[1] for a in factors)
    log_s, log_z = log_singular_values(product), log_eigenvalues(product)
    assert log_s[0] - log_s[-1] > 250
    np.testing.assert_allclose([log_s.sum(), log_z.real.sum()], log_det, rtol=ROUNDING)
    # Eigenvalues come in conjugate pairs, and the largest singular value bounds them.
    np.testing.assert_allclose(np.sin(log_z.imag).sum(), 0, atol=SENSITIVITY)
    assert log_z[0].real <= log_s[0]
    # Weyl: every partial sum as well.
    assert np.all(np.cumsum(log_z.real) <= np.cumsum(log_s) + SENSITIVITY)


def test_spectra_stay_under_transposition_and_cyclic_exchange():
    factors = list(gaussian_factors(80, 60, rng=8))
    product = graded_product(factors)
    transposed = graded_product([a.T for a in factors[::-1]])
    exchanged = graded_product(factors[17:] + factors[:17])
    np.testing.assert_allclose(
        log_singular_values(product), log_singular_values(transposed), atol=SENSITIVITY
    )
    log_z = log_eigenvalues(product)
    assert_same_log_eigenvalues(log_eigenvalues(transposed), log_z, SENSITIVITY)
    assert_same_log_eigenvalues(log_eigenvalues(exchanged), log_z, SENSITIVITY)


def test_orthogonal_products_have_unit_singular_values():
    product = graded_product(orthogonal_factors(60, 100, rng=9))
    np.testing.assert_allclose(log_singular_values(product), 0, atol=ROUNDING)
    np.testing.assert_allclose(log_eigenvalues(product).real, 0, atol=ROUNDING)


def test_a_gain_multiplies_once_a_factor():
    product = graded_product(orthogonal_factors(20, 1000, gain=0.1, rng=10))
    np.testing.assert_allclose(log_singular_values(product), 1000 * np.log(0.1), rtol=ROUNDING)


def test_widely_separated_scales_leave_no_window_empty_handed():
    logs = np.array([0.0, -60.0, -61.0, -300.0, -325.0])
    product = graded_product([np.diag(np.exp(logs / 2))] * 2)
    np.testing.assert_allclose(log_singular_values(product), logs, atol=ROUNDING * 300)
    np.testing.assert_allclose(log_eigenvalues(product), logs, atol=ROUNDING * 300)


def test_scales_may_ascend_beyond_double_precision():
    product = graded_product([np.diag([1e-100, 1.0, 1e100])] * 4)
    expected = 400 * np.log(10) * np.array([1.0, 0.0, -1.0])
    np.testing.assert_allclose(log_singular_values(product), expected, atol=SENSITIVITY)


def test_a_singular_product_has_a_singular_value_of_zero():
    product = graded_product([np.diag([2.0, 0.0]), np.diag([3.0, 1.0])])
    np.testing.assert_allclose(log_singular_values(product), [np.log(6), -np.inf])
    with pytest.raises(ValueError, match=r"span a factor of at most e\^650"):
        log_eigenvalues(product)


@pytest.mark.parametrize(
    "matrix",
    [[[0.0, 1.0], [1e-30, 0.0]], [[1e-9, 1e5, 0], [0, 1e-9, 1e5], [0, 0, 1e-9]]],
    ids=["permutation", "nearly nilpotent"],
)
def test_eigenvalues_are_right_or_refused(matrix):
    product = graded_product([matrix])
    try:
        log_z = log_eigenvalues(product)
    except np.linalg.LinAlgError as error:
        assert "the scales of the product" in str(error)
    else:
        assert abs(log_z.sum().real - np.linalg.slogdet(matrix)[1]) < 1e-5


def test_eigenvalues_that_do_not_follow_the_scales_are_refused():
    with pytest.raises(np.linalg.LinAlgError, match="does not follow the scales"):
        log_eigenvalues(graded_product([[[0.0, 1.0], [1e-30, 0.0]]]))


def test_eigenvalues_that_miss_the_determinant_are_refused():
    product = GradedProduct(np.eye(14), np.zeros(14), hilbert(14))
    with pytest.raises(np.linalg.LinAlgError, match=r"but ln \|det\| is"):
        log_eigenvalues(product)


# Gaussian products without their factors


def log_det_moments(size, n_factors):
    """Return mean and variance of ln |det|: independent chi variables on each diagonal."""
    degrees = np.arange(1, size + 1)
    mean = np.sum(psi(degrees / 2) + np.log(2 / size)) / 2
    return n_factors * mean, n_factors * np.sum(polygamma(1, degrees / 2)) / 4


@pytest.mark.parametrize("size, n_factors", [(1, 3), (7, 4), (130, 2)])
def test_determinants_have_the_exact_moments(size, n_factors):
    rng = np.random.default_rng(11)
    samples = [
        log_singular_values(gaussian_product(size, n_factors, rng=rng)).sum() for _ in range(200)
    ]
    mean, variance = log_det_moments(size, n_factors)
    assert abs(np.mean(samples) - mean) < N_SIGMA * np.sqrt(variance / 200)
    # The distribution has nearly normal tails: its variance scatters by sqrt(2 / 200).
    assert abs(np.var(samples) / variance - 1) < N_SIGMA * np.sqrt(3 / 200)


def test_products_with_and_without_factors_have_one_law():
    rng = np.random.default_rng(12)
    whole = [graded_product(gaussian_factors(4, 3, rng=rng)) for _ in range(600)]
    drawn = [gaussian_product(4, 3, rng=rng) for _ in range(600)]
    for spectrum in (log_singular_values, lambda product: log_eigenvalues(product).real):
        a, b = (np.array([spectrum(p) for p in products]) for products in (whole, drawn))
        for k in range(4):
            assert stats.ks_2samp(a[:, k], b[:, k]).pvalue > 1e-4
    # Whether all eigenvalues are real depends on Q, which the singular values do not see.
    counts = [
        np.sum([abs(np.sin(log_eigenvalues(p).imag)).max() < ROUNDING for p in products])
        for products in (whole, drawn)
    ]
    assert 100 < min(counts) < 500
    assert abs(counts[0] - counts[1]) < N_SIGMA * np.sqrt(2 * 600 / 4)


def test_singular_values_approach_lyapunov_exponents():
    size, n_factors = 5, 4000
    log_s = log_singular_values(gaussian_product(size, n_factors, rng=13))
    degrees = np.arange(size, 0, -1)
    exponents = (psi(degrees / 2) + np.log(2 / size)) / 2
    standard_errors = np.sqrt(polygamma(1, degrees / 2) / 4 / n_factors)
    # The start costs each a constant, which 4000 factors have diluted.
    assert np.all(abs(log_s / n_factors - exponents) < N_SIGMA * standard_errors)


def test_scales_and_rows_of_a_gaussian_product_are_well_conditioned():
    product = gaussian_product(150, 60, rng=14)
    np.testing.assert_allclose(abs(product.T).max(axis=1), 1, rtol=ROUNDING)
    # It multiplies rounding.
    assert np.linalg.cond(product.T) < 1e5
    assert np.ptp(product.log_scales) > 100


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


# Bad input


@pytest.mark.parametrize("draw", [gaussian_factors, orthogonal_factors, gaussian_product])
@pytest.mark.parametrize("size, n_factors, name", [(0, 1, "size"), (2.5, 1, "size")])
def test_sizes_must_be_positive_integers(draw, size, n_factors, name):
    with pytest.raises(ValueError, match=f"{name} must be a positive integer"):
        draw(size, n_factors, rng=0)
    with pytest.raises(ValueError, match="n_factors must be a positive integer, got 0"):
        draw(3, 0, rng=0)


@pytest.mark.parametrize("gain", [0.0, -1.0, np.nan, np.inf])
def test_gain_must_be_positive(gain):
    with pytest.raises(ValueError, match="gain must be finite and positive"):
        orthogonal_factors(3, 1, gain=gain, rng=0)


@pytest.mark.parametrize(
    "factors, message",
    [
        ([], "at least one matrix"),
        ([np.ones((2, 3))], r"square matrices, got shape \(2, 3\)"),
        ([np.ones(4)], r"square matrices, got shape \(4,\)"),
        ([np.ones((0, 0))], "square matrices"),
        ([np.eye(2), np.eye(3)], r"one shape, got \(2, 2\) and then \(3, 3\)"),
        ([np.array([[1.0, np.nan], [0.0, 1.0]])], "finite"),
    ],
)
def test_factors_must_chain(factors, message):
    with pytest.raises(ValueError, match=message):
        graded_product(factors)


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
    with pytest.raises(ValueError, match="n_factors must be a positive integer"):
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


def test_edge_refuses_no_factors():
    with pytest.raises(ValueError, match="n_factors must be a positive integer"):
        fuss_catalan_edge(0)
