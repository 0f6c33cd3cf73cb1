"""Tests of dlnlib.pretraining."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from dlnlib import exact
from dlnlib.correlations import Correlations
from dlnlib.initial_conditions import small_random
from dlnlib.networks import error, product
from dlnlib.pretraining import greedy_pretraining, orthogonal_pretraining
from dlnlib.random_matrices import haar
from dlnlib.training import gradient_descent

# Two orders of the same few hundred steps, relative to weights of order one.
ROUNDING = 1e-9
SPECTRUM = np.array([8.0, 4.0, 2.0, 1.0, 0.5, 0.25])
SETTINGS = {"scale": 1e-3, "explained": 0.99, "rng": 0}
ORTHOGONAL = {"u0": 0.01, "explained": 0.99, "rng": 0}


def data(spectrum=SPECTRUM, n_outputs=2):
    Q = haar(len(spectrum), len(spectrum), rng=np.random.default_rng(7))
    sigma = Q * spectrum @ Q.T
    sigma = (sigma + sigma.T) / 2
    return Correlations(sigma, np.ones((n_outputs, len(spectrum))) @ sigma, 99.0, 9), Q


def autoencoder(sigma):
    return Correlations((sigma + sigma.T) / 2, sigma, np.trace(sigma), 1)


# What it is: gradient descent on autoencoders, one upon the other


def test_every_layer_is_gradient_descent_on_an_autoencoder_of_the_one_below():
    correlations, _ = data()
    sizes = (6, 5, 4, 2)
    found = greedy_pretraining(correlations, sizes, scale=0.1, explained=0.9, rng=3)
    rng = np.random.default_rng(3)
    encoders, sigma = small_random(sizes, scale=0.1, rng=rng), correlations.sigma_xx
    for i in range(2):
        start = (encoders[i], 0.1 * rng.standard_normal(encoders[i].T.shape))
        run = gradient_descent(
            start,
            autoencoder(sigma),
            learning_rate=0.5 / np.linalg.eigvalsh(sigma)[-1],
            n_steps=1000,
            threshold=0.5 * (1 - 0.9) * np.trace(sigma),
        )
        assert found.n_steps[i] == run.n_steps > 5
        np.testing.assert_allclose(found.weights[i], run.weights[0], atol=ROUNDING)
        np.testing.assert_allclose(found.errors[i], run.errors, rtol=ROUNDING)
        sigma = run.weights[0] @ sigma @ run.weights[0].T
    np.testing.assert_array_equal(found.weights[2], encoders[2])


def test_it_stops_at_the_first_iteration_that_explains_enough():
    correlations, _ = data()
    found = greedy_pretraining(correlations, (6, 6, 6, 2), **SETTINGS)
    assert list(found.status) == ["threshold", "threshold"]
    assert [len(e) - 1 for e in found.errors] == list(found.n_steps)
    sigma = correlations.sigma_xx
    for w, errors in zip(found.weights, found.errors, strict=False):
        goal = 0.5 * 0.01 * np.trace(sigma)
        assert errors[-1] < goal <= errors[-2]
        sigma = w @ sigma @ w.T


def test_the_error_never_rises_below_the_stable_rate():
    correlations, _ = data()
    found = greedy_pretraining(correlations, (6, 5, 2), **SETTINGS | {"explained": 0.95})
    assert np.all(np.diff(found.errors[0]) <= ROUNDING * found.errors[0][0])


# Where it ends: W = R M^(1/2) Q^T with M near 1, on the strongest principal components


@pytest.mark.parametrize("n_hidden", [3, 6, 9])
def test_the_encoder_ends_as_a_rotation_of_the_strongest_principal_components(n_hidden):
    correlations, Q = data()
    k = min(n_hidden, 6)
    explained = SPECTRUM[:k].sum() / SPECTRUM.sum() - 1e-6
    found = greedy_pretraining(
        correlations, (6, n_hidden, 2), scale=1e-4, explained=explained, rng=1, relative_rate=0.9
    )
    W = found.weights[0]
    assert found.status == ["threshold"]
    # What the unlearned part may be: sqrt(error / eigenvalue), from the stopping rule itself.
    left = np.sqrt(1e-6 * SPECTRUM.sum() / SPECTRUM[k - 1])
    M = Q.T @ W.T @ W @ Q
    np.testing.assert_allclose(M, np.diag(np.arange(6) < k), atol=2 * left)


def test_modes_grow_as_three_layer_modes_with_equal_s_and_d():
    correlations, _ = data()
    n_hidden, rate = 50, 0.02 / SPECTRUM[0]
    found = greedy_pretraining(
        correlations, (6, n_hidden, 2), scale=1e-3, explained=0.99, rng=5, relative_rate=0.02
    )
    t = np.arange(len(found.errors[0]))[:, None]
    u = exact.mode_strength(
        t, s=SPECTRUM, d=SPECTRUM, u0=n_hidden * 1e-6 / 2, tau=1 / rate, n_layers=3
    )
    predicted = 0.5 * np.sum(SPECTRUM * (1 - u) ** 2, axis=1)
    # In 50 random units u0 scatters by 1/5, and times by ln(1.2) / ln(1 / u0) = 2 %.
    for share in (0.9, 0.5, 0.2, 0.05):
        times = [np.argmax(e < share * predicted[0]) for e in (found.errors[0], predicted)]
        assert times[0] == pytest.approx(times[1], rel=0.05)


def test_the_network_below_the_last_layer_passes_what_it_learned_unchanged():
    correlations, _ = data()
    found = greedy_pretraining(correlations, (6, 7, 8, 9, 2), **SETTINGS | {"explained": 0.9999})
    sizes = np.linalg.svd(product(found.weights[:-1]), compute_uv=False)
    assert np.abs(sizes[:5] - 1).max() < 0.05


# Data of every kind


def test_directions_without_variance_are_left_alone_on_a_singular_correlation():
    spectrum = np.array([2.0, 1.0, 0.0, 0.0])
    correlations, Q = data(spectrum)
    found = greedy_pretraining(correlations, (4, 4, 2), **SETTINGS)
    (start, _) = small_random((4, 4, 2), scale=1e-3, rng=0)
    assert found.status == ["threshold"]
    np.testing.assert_allclose(found.weights[0] @ Q[:, 2:], start @ Q[:, 2:], atol=1e-12)


def test_only_the_inputs_count():
    correlations, _ = data()
    other = Correlations(correlations.sigma_xx, -3 * correlations.sigma_yx, 1e3, 1)
    both = [greedy_pretraining(c, (6, 6, 2), **SETTINGS) for c in (correlations, other)]
    np.testing.assert_array_equal(both[0].weights[0], both[1].weights[0])


def test_fine_tuning_starts_without_a_plateau():
    correlations, _ = data()
    task = Correlations(correlations.sigma_xx, correlations.sigma_xx[:2], 99.0, 9)
    drops = []
    for start in (
        greedy_pretraining(task, (6, 6, 6, 6, 2), **SETTINGS).weights,
        small_random((6, 6, 6, 6, 2), scale=1e-3, rng=0),
    ):
        run = gradient_descent(start, task, learning_rate=0.02, n_steps=20)
        drops.append(1 - run.errors[-1] / error(start, task))
    assert drops[0] > 100 * abs(drops[1])


# From small orthogonal weights


@pytest.mark.parametrize("sizes", [(6, 6, 6, 2), (6, 8, 9, 2)])
def test_orthogonal_pretraining_is_gradient_descent_too(sizes):
    correlations, _ = data()
    found = orthogonal_pretraining(correlations, sizes, **ORTHOGONAL)
    rng, sigma = np.random.default_rng(0), correlations.sigma_xx
    encoders = [0.1 * haar(m, n, rng=rng) for n, m in pairwise(sizes[:-1])]
    for i, encoder in enumerate(encoders):
        run = gradient_descent(
            (encoder, encoder.T),
            autoencoder(sigma),
            learning_rate=0.5 / np.linalg.eigvalsh(sigma)[-1],
            n_steps=1000,
            threshold=0.5 * (1 - 0.99) * np.trace(sigma),
        )
        assert found.n_steps[i] == run.n_steps > 20
        np.testing.assert_allclose(found.weights[i], run.weights[0], atol=ROUNDING)
        np.testing.assert_allclose(found.errors[i], run.errors, rtol=ROUNDING)
        sigma = run.weights[0] @ sigma @ run.weights[0].T
    last = found.weights[-1]
    np.testing.assert_allclose(last @ last.T, np.eye(2), atol=ROUNDING)


def test_orthogonal_pretraining_decouples_a_deep_stack_from_the_principal_components():
    correlations, Q = data()
    found = orthogonal_pretraining(
        correlations, (6, *[7] * 30, 2), **ORTHOGONAL | {"explained": 1 - 1e-8}
    )
    C = product(found.weights[:-1]) @ Q
    gram = C.T @ C
    np.testing.assert_allclose(gram, np.diag(np.diag(gram)), atol=ROUNDING)
    # The stopping rule leaves each of 30 layers at most sqrt(1e-8 * 15.75 / 0.25) of a component.
    np.testing.assert_allclose(np.diag(gram), 1, atol=30 * 8e-4)


def test_orthogonal_pretraining_reports_too_few_steps():
    correlations, _ = data()
    found = orthogonal_pretraining(correlations, (6, 6, 6, 2), **ORTHOGONAL, max_steps=3)
    assert list(found.status) == ["completed", "completed"]
    assert list(found.n_steps) == [3, 3]


# Why it stopped


def test_too_few_steps_are_reported_and_the_next_layer_goes_on():
    correlations, _ = data()
    found = greedy_pretraining(correlations, (6, 6, 6, 2), **SETTINGS, max_steps=3)
    assert list(found.status) == ["completed", "completed"]
    assert list(found.n_steps) == [3, 3]


def test_divergence_is_reported_without_warnings_and_stops_the_stack():
    correlations, _ = data()
    found = greedy_pretraining(correlations, (6, 6, 6, 2), **SETTINGS, relative_rate=5.0)
    assert list(found.status) == ["diverged", "not started"]
    assert np.isnan(found.learning_rates[1]) and len(found.errors[1]) == found.n_steps[1] == 0
    assert found.n_steps[0] < 1000


# Bad input


@pytest.mark.parametrize(
    ("sizes", "changed", "message"),
    [
        ((6, 2), {}, "layer_sizes must have a hidden layer"),
        ((5, 4, 2), {}, "layer_sizes must have .* 6 inputs"),
        ((6, 4, 3), {}, "2 outputs"),
        ((6, 0, 2), {}, "positive integers"),
        ((6, 6, 2), {"scale": 0.0}, "scale must be a finite number above 0, got 0.0"),
        ((6, 6, 2), {"scale": np.nan}, "scale"),
        (
            (6, 6, 2),
            {"explained": 1.0},
            "explained must be .* above 0 and below 1, got 1.0",
        ),
        ((6, 6, 2), {"explained": np.nan}, "explained"),
        ((6, 6, 2), {"relative_rate": -1.0}, "relative_rate"),
        ((6, 6, 2), {"max_steps": 0}, "max_steps"),
        ((6, 2, 2), {"explained": 0.8}, "2 units of hidden layer 1 can explain 0.761905"),
        ((6, 6, 2, 2), {"explained": 0.8}, "2 units of hidden layer 2 can explain 0.761905"),
        ((6, 3, 2, 2), {"explained": 0.87}, "2 units of hidden layer 2 can explain 0.857143"),
    ],
)
def test_bad_settings_are_refused(sizes, changed, message):
    with pytest.raises(ValueError, match=message):
        greedy_pretraining(data()[0], sizes, **SETTINGS | changed)


@pytest.mark.parametrize(
    ("sizes", "changed", "message"),
    [
        ((6, 2), {}, "layer_sizes must have a hidden layer"),
        ((6, 5, 2), {"explained": 0.5}, "layer_sizes must not narrow before the outputs"),
        ((6, 6, 2), {"u0": 0.0}, "u0 must be .* above 0 and below 1, got 0.0"),
        ((6, 6, 2), {"u0": 1.0}, "u0 must be .* above 0 and below 1, got 1.0"),
        ((6, 6, 2), {"relative_rate": 1.0}, "relative_rate must be .* below 1, got 1.0"),
        (
            (6, 6, 2),
            {"explained": 0.0},
            "explained must be .* above 0 and below 1, got 0.0",
        ),
        ((6, 6, 2), {"max_steps": 0.5}, "max_steps"),
    ],
)
def test_bad_settings_of_orthogonal_pretraining_are_refused(sizes, changed, message):
    with pytest.raises(ValueError, match=message):
        orthogonal_pretraining(data()[0], sizes, **ORTHOGONAL | changed)


@pytest.mark.parametrize(
    ("pretraining", "settings"),
    [(greedy_pretraining, SETTINGS), (orthogonal_pretraining, ORTHOGONAL)],
)
def test_data_with_nothing_to_reconstruct_are_refused(pretraining, settings):
    with pytest.raises(ValueError, match=r"correlations\.sigma_xx must not be zero"):
        pretraining(data(np.zeros(3))[0], (3, 3, 2), **settings)
    for change, message in (
        ({"correlations": None}, "correlations must be a Correlations"),
        ({"rng": None}, "rng must be a seed"),
        ({"explained": [0.5, 0.9]}, r"explained must be one number, got shape \(2,\)"),
        ({"relative_rate": "0.5"}, "relative_rate must be real numbers, got '0.5'"),
        ({"max_steps": None}, "max_steps must be an integer of at least 1, got None"),
    ):
        arguments = {"correlations": data()[0], "layer_sizes": (6, 6, 2), **settings} | change
        with pytest.raises((TypeError, ValueError), match=message):
            pretraining(**arguments)


def test_inputs_whose_inverse_is_no_number_count_as_zero():
    tiny = Correlations(1e-310 * np.eye(2), np.zeros((2, 2)), 1.0, 1)
    settings = {"relative_rate": 0.1, "explained": 0.5, "max_steps": 5, "rng": 0}
    with pytest.raises(ValueError, match="sigma_xx must not be zero"):
        greedy_pretraining(tiny, (2, 2, 2), scale=0.1, **settings)
    with pytest.raises(ValueError, match="sigma_xx must not be zero"):
        orthogonal_pretraining(tiny, (2, 2, 2), u0=0.1, **settings)
