"""Tests of the flow of the product, against networks whose layers are moved one by one."""

from __future__ import annotations

import numpy as np
import pytest

from dlnlib import exact, initial_conditions, networks, training
from dlnlib.correlations import Correlations, from_data
from dlnlib.exact import end_to_end_flow, end_to_end_velocity

ROUNDING = 1e-12
# Two integrators, each with a relative tolerance of 1e-10.
FLOW = 1e-8


def drawn(n_out, n_in, seed=0):
    """Return data with inputs that are not white, and the product of a start."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((30, n_in)) * np.linspace(0.5, 1.5, n_in)
    data = from_data(x, x @ rng.standard_normal((n_in, n_out)) + rng.standard_normal((30, n_out)))
    return data, 0.3 * rng.standard_normal((n_out, n_in)), rng


@pytest.mark.parametrize("n_layers", [2, 3, 4, 8, 31])
@pytest.mark.parametrize("shape", [(3, 3), (2, 5), (5, 2), (1, 4)])
def test_the_velocity_is_that_of_layers_moved_one_by_one(n_layers, shape):
    """Move every layer against its gradient, and differentiate their product."""
    data, W, rng = drawn(*shape)
    sizes = (shape[1], *[6] * (n_layers - 2), shape[0])
    layers = initial_conditions.balanced(W, sizes, rng=rng) if n_layers > 2 else (W,)
    slopes = networks.gradient(layers, data)
    moved = sum(
        networks.product((*layers[:k], -slopes[k], *layers[k + 1 :])) for k in range(len(layers))
    )
    found = end_to_end_velocity(W, W @ data.sigma_xx - data.sigma_yx, n_layers=n_layers)
    np.testing.assert_allclose(found, moved, rtol=0, atol=ROUNDING * np.abs(moved).max() * n_layers)


def test_a_start_of_low_rank_gains_rank_at_two_matrices_and_not_beyond():
    """What the product does not reach is moved by the first and last layer, if at all."""
    W = np.outer([1.0, 2.0], [1.0, 0.0, 1.0])
    gradient = np.array([[0.0, 1.0, 0.0], [0.5, 0.0, 0.0]])
    for n_layers in (3, 4, 9):
        layers = initial_conditions.balanced(W, (3, *[4] * (n_layers - 2), 2), rng=1)
        moved = np.zeros_like(W)
        for k in range(len(layers)):
            above = networks.product(layers[k + 1 :]) if k + 1 < len(layers) else np.eye(2)
            below = networks.product(layers[:k]) if k else np.eye(3)
            moved -= above @ above.T @ gradient @ below.T @ below
        found = end_to_end_velocity(W, gradient, n_layers=n_layers)
        np.testing.assert_allclose(
            found, moved, rtol=0, atol=1e-12 * n_layers * np.abs(moved).max()
        )


@pytest.mark.parametrize(
    ("n_layers", "shape"), [(2, (2, 3)), (3, (3, 4)), (4, (2, 5)), (6, (3, 3))]
)
def test_the_flow_is_that_of_the_network(n_layers, shape):
    data, W, rng = drawn(*shape, seed=n_layers)
    layers = (W,)
    if n_layers > 2:
        layers = initial_conditions.balanced(
            W, (shape[1], *[6] * (n_layers - 2), shape[0]), rng=rng
        )
    times = np.linspace(0, 40, 9)
    run = training.gradient_flow(layers, data, times=times, tau=100.0)
    found = end_to_end_flow(
        times, W, sigma_yx=data.sigma_yx, sigma_xx=data.sigma_xx, n_layers=n_layers, tau=100.0
    )
    assert np.abs(found[-1] - W).max() > 0.1
    np.testing.assert_allclose(found, networks.product(run.weights), rtol=0, atol=FLOW)


def test_decoupled_modes_take_the_course_of_the_closed_form():
    s, times = np.array([3.0, 1.0]), np.linspace(0, 20, 11)
    W = end_to_end_flow(times, 0.01 * np.eye(2), sigma_yx=np.diag(s), n_layers=5, tau=2.0)
    u = exact.mode_strength(times[:, None], s=s, u0=0.01, tau=2.0, n_layers=5)
    np.testing.assert_allclose(np.diagonal(W, axis1=1, axis2=2), u, rtol=0, atol=FLOW)
    assert np.abs(W[:, 0, 1]).max() == 0


def test_singular_values_move_at_the_speed_of_their_slope():
    """Arora et al. 2019: L s**(2 - 2/L) times the slope along the mode, by finite differences."""
    data, W, _ = drawn(3, 4)
    gradient = W @ data.sigma_xx - data.sigma_yx
    U, s, Vt = np.linalg.svd(W, full_matrices=False)
    step = 1e-6 * end_to_end_velocity(W, gradient, n_layers=5)
    up, down = (np.linalg.svd(W + sign * step, compute_uv=False) for sign in (1, -1))
    expected = -4 * s**1.5 * np.einsum("ir,ij,rj->r", U, gradient, Vt)
    np.testing.assert_allclose((up - down) / 2e-6, expected, rtol=1e-6)


def test_products_can_be_stacked():
    rng = np.random.default_rng(0)
    W, gradient = rng.standard_normal((2, 4, 3, 5))
    found = end_to_end_velocity(W, gradient, n_layers=4)
    one = end_to_end_velocity(W[2], gradient[2], n_layers=4)
    np.testing.assert_allclose(found[2], one, rtol=1e-13)


def test_the_start_is_the_first_of_times():
    W = np.diag([0.5, 0.2])
    for times in ([0.0], [0.0, 1.0]):
        found = end_to_end_flow(times, W, sigma_yx=np.eye(2), n_layers=3, tau=1.0)
        assert np.array_equal(found[0], W) and len(found) == len(times)


def test_wrong_shapes_are_refused():
    with pytest.raises(ValueError, match=r"gradient must .* got \(3, 2\) for W of shape \(2, 3\)"):
        end_to_end_velocity(np.zeros((2, 3)), np.zeros((3, 2)), n_layers=3)
    case = dict(n_layers=3, tau=1.0)
    with pytest.raises(ValueError, match=r"sigma_yx must .* got \(3, 2\) for a start of"):
        end_to_end_flow([0, 1], np.zeros((2, 3)), sigma_yx=np.zeros((3, 2)), **case)
    lopsided = Correlations(np.eye(3), np.zeros((2, 3)), 0.0, 1).sigma_xx + np.eye(3, k=1)
    with pytest.raises(ValueError, match=r"sigma_xx must be symmetric, of shape \(3, 3\)"):
        end_to_end_flow(
            [0, 1], np.zeros((2, 3)), sigma_yx=np.zeros((2, 3)), sigma_xx=lopsided, **case
        )


def test_a_flow_that_has_ended_stays_and_one_that_cannot_be_followed_is_refused():
    case = dict(sigma_yx=np.diag([3.0, 1.0]), n_layers=4, tau=1.0)
    found = end_to_end_flow([1e3, 1e300], 0.1 * np.eye(2), **case)
    np.testing.assert_allclose(found, np.array([case["sigma_yx"]] * 2), rtol=1e-9, atol=1e-9)
    # The second mode is missing from the start, and so it remains to be learned for ever.
    with pytest.raises(ValueError, match=r"times must be within what 2000 steps reach"):
        end_to_end_flow([1e300], np.diag([0.1, 0.0]), **case)
