"""Tests of dlnlib.random_matrices."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from dlnlib.random_matrices import gaussian_factors, haar, orthogonal_factors

# Rounding in sums and products of at most a hundred terms, relative to the largest.
ROUNDING = 1e-12
# A standard normal score exceeds this once in two million.
N_SIGMA = 5.0


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


@pytest.mark.parametrize("n_columns", [0, 1, 4, 7])
def test_haar_columns_are_orthonormal(n_columns):
    q = haar(7, n_columns, rng=1)
    assert q.shape == (7, n_columns)
    np.testing.assert_allclose(q.T @ q, np.eye(n_columns), atol=ROUNDING)


def test_haar_matrices_have_the_law_of_scipy():
    rng = np.random.default_rng(2)
    ours = np.array([haar(4, 4, rng=rng) for _ in range(2000)])
    theirs = stats.ortho_group.rvs(4, 2000, random_state=rng)
    for statistic in (lambda q: q[:, 0, 0], lambda q: q[:, 3, 2], lambda q: np.trace(q, 0, 1, 2)):
        assert stats.ks_2samp(statistic(ours), statistic(theirs)).pvalue > 1e-4
    # Rectangles are their first columns.
    tall = np.array([haar(4, 2, rng=rng) for _ in range(2000)])
    for row, column in ((0, 0), (2, 1)):
        assert stats.ks_2samp(tall[:, row, column], theirs[:, row, column]).pvalue > 1e-4
    assert abs(np.mean(np.linalg.det(ours))) < N_SIGMA / np.sqrt(2000)


@pytest.mark.parametrize("draw", [gaussian_factors, orthogonal_factors])
def test_a_seed_or_its_generator_repeats_the_factors(draw):
    once, again = (list(draw(3, 2, rng=rng)) for rng in (7, np.random.default_rng(7)))
    np.testing.assert_array_equal(once, again)


def test_seeds_may_be_sequences():
    np.testing.assert_array_equal(haar(3, 2, rng=[4, 2]), haar(3, 2, rng=(4, 2)))
    assert not np.allclose(haar(3, 2, rng=[4, 2]), haar(3, 2, rng=[4, 3]))


# Bad input


@pytest.mark.parametrize("draw", [gaussian_factors, orthogonal_factors])
@pytest.mark.parametrize("size", [0, 2.5])
def test_sizes_must_be_positive_integers(draw, size):
    with pytest.raises(ValueError, match=f"size must be an integer of at least 1, got {size}"):
        draw(size, 1, rng=0)
    with pytest.raises(ValueError, match="n_factors must be an integer of at least 1, got 0"):
        draw(3, 0, rng=0)


def test_haar_refuses_more_columns_than_rows():
    with pytest.raises(ValueError, match="n_columns must be an integer from 0 to 3, got 4"):
        haar(3, 4, rng=0)
    with pytest.raises(ValueError, match="n_rows must be an integer of at least 1, got 0"):
        haar(0, 0, rng=0)


@pytest.mark.parametrize("rng", [None, True, -1, 0.5, "seed"])
def test_there_is_no_default_randomness(rng):
    for draw in (gaussian_factors, orthogonal_factors, haar):
        with pytest.raises((TypeError, ValueError), match=r"^rng must be a seed"):
            draw(3, 2, rng=rng)


@pytest.mark.parametrize("gain", [0.0, -1.0, np.nan, np.inf])
def test_gain_must_be_positive(gain):
    with pytest.raises(ValueError, match="gain must be a finite number above 0"):
        orthogonal_factors(3, 1, gain=gain, rng=0)
