"""Tests of dlnlib.consistency.consistency."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlnlib.consistency import consistency
from dlnlib.correlations import Correlations, from_data
from dlnlib.datasets import hierarchical
from dlnlib.random_matrices import haar

# Rounding in products of matrices of at most a few dozen rows, relative to the largest.
ROUNDING = 1e-12
# Largest |z| of a mean that agrees: one in 15,000 seeds would exceed it, and the seed is fixed.
STANDARD_ERRORS = 4


# A trace of targets that any inputs here leave room for.
ROOM = 1e6


def turned(eigenvalues, frame, strengths):
    """Return data with given eigenvalues, in the frame's coordinates, and the frame as modes."""
    return Correlations(np.diag(eigenvalues), (frame * strengths).T, ROOM, 1)


def random_data(n_inputs, n_outputs, seed):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((40, n_inputs)) * np.arange(1, n_inputs + 1)
    return from_data(x, rng.standard_normal((40, n_outputs)))


# Limits


def test_principal_components_as_modes_are_perfectly_consistent():
    found = consistency(turned([5.0, 3.0, 2.0, 1.0], np.eye(4)[:, [2, 0]], [7.0, 6.0]))
    np.testing.assert_array_equal(found.matrix, np.diag([2.0, 5.0]))
    assert (found.off_diagonal, found.leakage) == (0.0, 0.0)
    np.testing.assert_array_equal(found.misalignment, [0.0, 0.0])
    assert found.off_diagonal_by_chance > 0.05
    assert found.leakage_by_chance > 0.05


@pytest.mark.parametrize("n_inputs", [1, 2, 6])
def test_white_inputs_are_consistent_with_any_task_and_so_is_chance(n_inputs):
    task = np.random.default_rng(n_inputs).standard_normal((3, n_inputs))
    found = consistency(Correlations(2 * np.eye(n_inputs), task, ROOM, 1))
    measures = [found.off_diagonal, found.leakage, *found.misalignment]
    measures += [found.off_diagonal_by_chance, found.leakage_by_chance]
    assert np.abs(measures).max() < ROUNDING


def test_modes_that_only_mix_among_themselves_do_not_leak():
    c, s = np.cos(0.3), np.sin(0.3)
    frame = np.array([[c, -s], [s, c], [0.0, 0.0]])
    found = consistency(turned([3.0, 1.0, 1.0], frame, [2.0, 1.0]))
    mixed = (c * s * 2) ** 2
    assert found.off_diagonal == pytest.approx(2 * mixed / (9 + 1), rel=ROUNDING)
    assert found.leakage < ROUNDING


def test_a_single_mode_only_leaks_by_the_angle_to_its_image():
    found = consistency(turned([3.0, 1.0], np.array([[0.6], [0.8]]), [1.0]))
    v, image = np.array([0.6, 0.8]), np.array([1.8, 0.8])
    sine_squared = 1 - (v @ image) ** 2 / (image @ image)
    assert found.off_diagonal == 0
    assert found.leakage == pytest.approx(sine_squared, rel=ROUNDING)
    assert found.misalignment == pytest.approx([sine_squared], rel=ROUNDING)


@pytest.mark.parametrize("as_inputs", [False, True])
def test_hierarchical_data_are_consistent_in_both_directions(as_inputs):
    x, y = hierarchical(n_levels=3, n_features=60, rng=0)
    found = consistency(from_data(y, x) if as_inputs else from_data(x, y))
    assert max(found.off_diagonal, found.leakage) < ROUNDING


# Invariance


@given(seed=st.integers(0, 10**6), n_inputs=st.integers(2, 7), n_outputs=st.integers(1, 7))
def test_units_and_rotations_make_no_difference(seed, n_inputs, n_outputs):
    data = random_data(n_inputs, n_outputs, seed)
    R = haar(n_inputs, n_inputs, rng=np.random.default_rng(seed))
    rotated = 9.0 * R @ data.sigma_xx @ R.T
    other = Correlations((rotated + rotated.T) / 2, -2.0 * data.sigma_yx @ R.T, ROOM, 1)
    for name in ("off_diagonal", "leakage", "off_diagonal_by_chance", "leakage_by_chance"):
        values = getattr(consistency(data), name), getattr(consistency(other), name)
        assert values[0] == pytest.approx(values[1], abs=1e-9)
        assert -ROUNDING < values[0] < 1


def test_modes_without_strength_do_not_count():
    data = random_data(5, 2, 0)
    doubled = Correlations(data.sigma_xx, np.repeat(data.sigma_yx, 2, axis=0), ROOM, 1)
    assert consistency(doubled).matrix.shape == (2, 2)
    assert consistency(doubled).leakage == pytest.approx(consistency(data).leakage, rel=1e-9)


# Chance


@pytest.mark.parametrize(("n_inputs", "n_modes"), [(2, 1), (3, 3), (9, 4)])
def test_chance_is_the_mean_over_uniform_frames(n_inputs, n_modes):
    rng = np.random.default_rng(n_inputs)
    eigenvalues = np.arange(1.0, n_inputs + 1) ** 2
    n_draws = 4000
    frames = [haar(n_inputs, n_modes, rng=rng) for _ in range(n_draws)]
    images = np.array([eigenvalues[:, None] * v for v in frames])
    within = np.array([v.T @ image for v, image in zip(frames, images, strict=True)]) ** 2
    diagonal = np.trace(within, axis1=1, axis2=2)
    found = consistency(turned(eigenvalues, frames[0], np.arange(n_modes, 0.0, -1)))
    # A ratio of means r = <a>/<b> is right where a - r b has the mean zero.
    total, squares = within.sum(axis=(1, 2)), (images**2).sum(axis=(1, 2))
    for share, part, whole in (
        (found.off_diagonal_by_chance, total - diagonal, total),
        (found.leakage_by_chance, squares - total, squares),
    ):
        excess = part - share * whole
        error = excess.std(ddof=1) / n_draws**0.5
        assert abs(excess.mean()) <= STANDARD_ERRORS * error + ROUNDING * whole.mean()


def test_one_mode_has_no_off_diagonal_by_chance_either():
    assert consistency(random_data(4, 1, 0)).off_diagonal_by_chance == 0


# Bad input


@pytest.mark.parametrize(
    ("sigma_xx", "sigma_yx", "message"),
    [
        (np.eye(2), np.zeros((1, 2)), "got 0 modes"),
        # An output that varies, but for rounding, with an input that does not.
        (np.diag([1.0, 0.0]), np.diag([1.0, 1e-9]), "vary along each.*got 2 modes"),
    ],
)
def test_data_without_modes_or_variance_are_refused(sigma_xx, sigma_yx, message):
    with pytest.raises(ValueError, match=message):
        consistency(Correlations(sigma_xx, sigma_yx, ROOM, 1))


@pytest.mark.parametrize("other", [None, 2.0, np.eye(2)])
def test_what_is_no_correlations_is_refused(other):
    with pytest.raises(TypeError, match=r"^correlations must be a Correlations"):
        consistency(other)


@pytest.mark.parametrize("size", [2.0**-500, 2.0**500])
def test_inputs_of_any_size_are_measured_alike(size):
    data = random_data(4, 2, 3)
    one, other = (
        consistency(data),
        consistency(
            Correlations(
                size**2 * data.sigma_xx, data.sigma_yx * size, data.trace_yy, data.n_examples
            )
        ),
    )
    assert other.leakage == pytest.approx(one.leakage, rel=1e-12)
    assert other.off_diagonal == pytest.approx(one.off_diagonal, rel=1e-12)
    assert other.matrix == pytest.approx(size**2 * one.matrix, rel=1e-9, abs=0)
