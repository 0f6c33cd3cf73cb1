"""Tests of dlnlib.graded_products."""

from __future__ import annotations

import mpmath as mp
import numpy as np
import pytest
from scipy import stats
from scipy.linalg import block_diag, hilbert
from scipy.special import polygamma, psi

from dlnlib.graded_products import (
    GradedProduct,
    gaussian_product,
    graded_product,
    log_eigenvalues,
    log_singular_values,
)
from dlnlib.random_matrices import gaussian_factors, orthogonal_factors

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


def whole(product):
    return product.Q @ np.diag(np.exp(product.log_scales)) @ product.rows


def assert_same_log_eigenvalues(log_z, expected, tolerance):
    """Compare as sets, each with its nearest: order fails where moduli or signs tie."""
    assert len(log_z) == len(expected)
    relative = abs(np.expm1(np.subtract.outer(log_z, expected)))
    assert relative.min(axis=0).max() < tolerance
    assert relative.min(axis=1).max() < tolerance


# Products


@pytest.mark.parametrize("factors", [gaussian_factors(150, 3, rng=1)])
def test_a_short_product_is_what_multiplying_gives(factors):
    factors = list(factors)
    product = graded_product(factors)
    np.testing.assert_allclose(product.Q.T @ product.Q, np.eye(150), atol=ROUNDING)
    np.testing.assert_allclose(whole(product), multiplied_out(factors), atol=ROUNDING)


def test_the_first_factor_acts_first():
    first, second = np.array([[1.0, 2.0], [0.0, 1.0]]), np.diag([3.0, 1.0])
    product = graded_product([first, second])
    np.testing.assert_allclose(whole(product), [[3.0, 6.0], [0.0, 1.0]], atol=ROUNDING)


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


@pytest.mark.parametrize("size", [1e-320, 1e-300, 1e300, 1.7e308])
def test_factors_of_any_size_stay_in_range(size):
    factors = [size * w for w in orthogonal_factors(5, 30, rng=1)]
    log_s = log_singular_values(graded_product(factors))
    # Subnormal numbers have few digits.
    digits = 1e-2 if size < 1e-310 else ROUNDING
    np.testing.assert_allclose(log_s, 30 * np.log(size), rtol=digits)


def test_large_and_small_factors_meet():
    factors = [size * w for w in orthogonal_factors(5, 6, rng=1) for size in (1e-300, 1e300)]
    np.testing.assert_allclose(log_singular_values(graded_product(factors)), 0, atol=1e-11)


def test_directions_that_zeros_take_away_stay_away():
    turns = list(orthogonal_factors(6, 4, rng=1))
    cuts = [np.diag([1, 1, 1, 1, 1, 0]), np.diag([0, 1, 1, 1, 0, 1]), np.diag([1, 1, 1, 0, 1, 0])]
    factors = [a for pair in zip(turns, [*cuts, np.eye(6)], strict=True) for a in pair]
    log_s = log_singular_values(graded_product(factors))
    exact = np.linalg.svd(multiplied_out(factors), compute_uv=False)
    rank = int(np.sum(exact > 1e-12))
    assert rank == 4
    np.testing.assert_allclose(np.exp(log_s[:rank]), exact[:rank], rtol=1e-12)
    np.testing.assert_array_equal(log_s[rank:], -np.inf)


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


def test_a_seed_or_its_generator_repeats_the_product():
    once, again = (gaussian_product(3, 2, rng=rng) for rng in (7, np.random.default_rng(7)))
    np.testing.assert_array_equal(once.rows, again.rows)


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
    np.testing.assert_allclose(abs(product.rows).max(axis=1), 1, rtol=ROUNDING)
    # It multiplies rounding.
    assert np.linalg.cond(product.rows) < 1e5
    assert np.ptp(product.log_scales) > 100


# Bad input


@pytest.mark.parametrize("size", [0, 2.5])
def test_sizes_must_be_positive_integers(size):
    with pytest.raises(ValueError, match=f"size must be an integer of at least 1, got {size}"):
        gaussian_product(size, 1, rng=0)
    with pytest.raises(ValueError, match="n_factors must be an integer of at least 1, got 0"):
        gaussian_product(3, 0, rng=0)


@pytest.mark.parametrize(
    "factors, message",
    [
        ([], "at least one matrix"),
        ([np.ones((2, 3))], r"square matrices, got shape \(2, 3\)"),
        ([np.ones(4)], r"square matrices, got shape \(4,\)"),
        ([np.ones((0, 0))], "square matrices"),
        ([np.eye(2), np.eye(3)], r"one shape, got \(2, 2\) and then \(3, 3\)"),
        ([np.array([[1.0, np.nan], [0.0, 1.0]])], "factors must be finite"),
    ],
)
def test_factors_must_chain(factors, message):
    with pytest.raises(ValueError, match=message):
        graded_product(factors)


@pytest.mark.parametrize("factors", [3, None, "A", {}, [np.eye(2) * 1j], [[["1"]]]])
def test_factors_must_be_a_sequence_of_real_matrices(factors):
    with pytest.raises((TypeError, ValueError), match="factors must"):
        graded_product(factors)


@pytest.mark.parametrize("spectrum_of", [log_singular_values, log_eigenvalues])
@pytest.mark.parametrize(
    "product",
    [
        *(np.eye(2), 3, None, (np.eye(2), [0.0, 0.0])),
        *((np.eye(2), [0.0], np.eye(2)), (np.eye(2), [0.0, np.nan], np.eye(2))),
        (np.ones((2, 3)), [0.0, 0.0], np.eye(2)),
    ],
)
def test_spectra_are_of_graded_products(spectrum_of, product):
    with pytest.raises((TypeError, ValueError), match="product"):
        spectrum_of(product)


def test_there_is_no_default_seed():
    with pytest.raises(TypeError, match="rng must be a seed"):
        gaussian_product(3, 2, rng=None)
