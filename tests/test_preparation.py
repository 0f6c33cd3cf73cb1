"""Tests of what is done to inputs by their moments: centring, whitening, Krylov spaces."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dlnlib import _arithmetic
from dlnlib.correlations import Correlations, centred, from_data, krylov, modes, whitened
from dlnlib.datasets import mnist, mnist_test, read_idx
from dlnlib.initial_conditions import decoupled, small_random
from dlnlib.networks import error, least_error, product
from dlnlib.racing import race
from dlnlib.reduction import reduce_width
from dlnlib.training import gradient_descent

# Rounding of a few hundred operations.
ROUNDING = 1e-12
GRID = np.logspace(-4, -7, 20)


@pytest.fixture(scope="module")
def examples():
    rng = np.random.default_rng(9)
    x = rng.standard_normal((40, 6)) @ rng.standard_normal((6, 6)) + [1, 2, 3, 4, 5, 6]
    y = x @ rng.standard_normal((6, 3)) + rng.standard_normal((40, 3))
    return x, y


@pytest.fixture(scope="module")
def authors():
    return whitened(centred(mnist()), epsilon=0.01)


def assert_same_moments(found, expected, atol=1e-9):
    for name in ("sigma_xx", "sigma_yx", "trace_yy", "sum_x", "sum_y"):
        np.testing.assert_allclose(getattr(found, name), getattr(expected, name), atol=atol)


# Centring


def test_centring_moments_is_centring_examples(examples):
    x, y = examples
    assert_same_moments(centred(from_data(x, y)), from_data(x - x.mean(axis=0), y))


def test_centring_twice_changes_nothing(examples):
    once = centred(from_data(*examples))
    assert_same_moments(centred(once), once, atol=0)


def test_centring_needs_the_sums():
    bare = Correlations(np.eye(2), np.eye(2), 2.0, 2)
    with pytest.raises(ValueError, match="got none for sum_x and sum_y"):
        centred(bare)
    with pytest.raises(ValueError, match="got none for sum_y"):
        centred(replace(bare, sum_x=np.zeros(2)))


@pytest.mark.parametrize("bad", [np.zeros(3), np.array([0.0, np.nan]), np.zeros((2, 1))])
@pytest.mark.parametrize("name", ["sum_x", "sum_y"])
def test_sums_must_fit(name, bad):
    with pytest.raises(ValueError, match=rf"{name} must (have shape \(2,\)|be a finite vector)"):
        Correlations(np.eye(2), np.eye(2), 2.0, 2, **{name: bad})


# Whitening


@pytest.mark.parametrize("epsilon", [0.0, 1e-6, 0.01, 3.0])
def test_whitening_moments_is_whitening_examples(examples, epsilon):
    x, y = examples
    variances, Q = np.linalg.eigh(x.T @ x / len(x))
    root = Q @ np.diag((variances + epsilon) ** -0.5) @ Q.T
    found = whitened(from_data(x, y), epsilon=epsilon)
    assert_same_moments(found, from_data(x @ root, y))
    if epsilon == 0:
        np.testing.assert_allclose(found.sigma_xx, len(x) * np.eye(6), atol=1e-9)


@pytest.mark.parametrize("epsilon", [0.0, 0.01])
def test_whitening_of_singular_inputs_is_that_of_their_span(examples, epsilon):
    x, y = examples
    rng = np.random.default_rng(3)
    into = np.linalg.qr(rng.standard_normal((9, 6)))[0]
    # A pixel that is a thousand times fainter than the rest is no rounding error.
    x = x * [1, 1, 1, 1, 1, 1e-3]
    small, large = (whitened(from_data(z, y), epsilon=epsilon) for z in (x, x @ into.T))
    np.testing.assert_allclose(large.sigma_xx, into @ small.sigma_xx @ into.T, atol=1e-5)
    np.testing.assert_allclose(large.sigma_yx, small.sigma_yx @ into.T, atol=1e-5)
    assert least_error(large) == pytest.approx(least_error(from_data(x, y)), rel=1e-6)


def test_rank_keeps_the_strongest_components(examples):
    x, y = examples
    found = whitened(from_data(x, y), rank=2)
    axes = np.linalg.eigh(x.T @ x)[1][:, -2:]
    np.testing.assert_allclose(found.sigma_xx, len(x) * axes @ axes.T, atol=1e-9)


def test_the_two_usual_whitenings_learn_alike(examples):
    x, y = examples
    variances, Q = np.linalg.eigh(x.T @ x / len(x))
    pca = from_data(x @ Q / np.sqrt(variances + 0.01), y)
    zca = whitened(from_data(x, y), epsilon=0.01)
    start = small_random((6, 5, 3), scale=0.1, rng=1)
    turned = (start[0] @ Q, start[1])
    options = dict(learning_rate=1e-4, n_steps=200)
    runs = [
        gradient_descent(w, c, modes=modes(c), **options) for w, c in ((start, zca), (turned, pca))
    ]
    np.testing.assert_allclose(runs[0].errors, runs[1].errors, rtol=1e-10)
    np.testing.assert_allclose(
        np.abs(runs[0].mode_strengths), np.abs(runs[1].mode_strengths), atol=1e-9
    )


@pytest.mark.parametrize("epsilon", [-1e-3, np.nan, np.inf])
def test_epsilon_must_be_finite_and_not_negative(epsilon):
    with pytest.raises(
        ValueError, match=f"epsilon must be a finite number of at least 0, got {epsilon}"
    ):
        whitened(mnist(), epsilon=epsilon)


@pytest.mark.parametrize("rank", [0, 3, 1.5])
def test_rank_must_be_a_whole_number_of_inputs(rank):
    with pytest.raises(ValueError, match=f"rank must be an integer from 1 to 2, got {rank}"):
        whitened(Correlations(np.eye(2), np.eye(2), 2.0, 2), rank=rank)


def test_inputs_that_do_not_vary_stay_zero_when_whitened():
    # Their rounding errors would pass for inputs in small units.
    digits = mnist()
    never = np.diagonal(digits.sigma_xx) == 0
    assert np.sum(never) == 67
    for epsilon in (0.0, 0.01):
        found = whitened(digits, epsilon=epsilon)
        assert not found.sigma_xx[never].any() and not found.sigma_yx[:, never].any()
        # Inputs that can be had back have the same least error.
        assert least_error(found) == pytest.approx(least_error(digits), rel=1e-7)


@pytest.mark.skipif("DLNLIB_MNIST" not in os.environ, reason="needs DLNLIB_MNIST, the raw images")
def test_the_authors_inputs_are_those_of_the_images(authors):
    folder = Path(os.environ["DLNLIB_MNIST"])
    x = read_idx(folder / "train-images-idx3-ubyte.gz")[:50_000].reshape(50_000, 784) / 255
    y = np.eye(10)[read_idx(folder / "train-labels-idx1-ubyte.gz")[:50_000]]
    x -= x.mean(axis=0)
    variances, Q = np.linalg.eigh(x.T @ x / 50_000)
    x = x @ (Q / np.sqrt(np.maximum(variances, 0) + 0.01) @ Q.T)
    np.testing.assert_allclose(authors.sigma_xx, x.T @ x, atol=1e-5)
    np.testing.assert_allclose(authors.sigma_yx, y.T @ x, atol=1e-5)


# Examples that are kept for a test


@pytest.fixture(scope="module")
def kept(examples):
    rng = np.random.default_rng(10)
    x = rng.standard_normal((25, 6)) + np.array([0, 3, 1, 0, 2, 9])
    return x, x @ rng.standard_normal((6, 3)) + rng.standard_normal((25, 3))


def test_test_examples_are_centred_as_those_of_training(examples, kept):
    train, test = from_data(*examples), from_data(*kept)
    found = centred(test, like=train)
    assert_same_moments(found, from_data(kept[0] - examples[0].mean(axis=0), kept[1]))
    assert_same_moments(centred(train, like=train), centred(train))
    assert_same_moments(centred(test, like=centred(train)), test)


@pytest.mark.parametrize("options", [{}, {"epsilon": 0.01}, {"epsilon": 3.0}, {"rank": 2}])
def test_test_examples_are_whitened_as_those_of_training(examples, kept, options):
    train, test = from_data(*examples), from_data(*kept)
    variances, Q = np.linalg.eigh(examples[0].T @ examples[0] / 40)
    chosen = slice(-options.get("rank", 6), None)
    sizes = np.sqrt(variances[chosen] + options.get("epsilon", 0.0))
    root = Q[:, chosen] / sizes @ Q[:, chosen].T
    found = whitened(test, like=train, **options)
    assert_same_moments(found, from_data(kept[0] @ root, kept[1]))
    assert_same_moments(whitened(train, like=train, **options), whitened(train, **options))


@pytest.mark.parametrize("n_blocks", [1, 2])
def test_test_errors_are_the_same_in_the_krylov_space_of_training(examples, kept, n_blocks):
    train = whitened(from_data(*examples), epsilon=0.5)
    test = whitened(from_data(*kept), epsilon=0.5, like=from_data(*examples))
    small = krylov(train, n_blocks=n_blocks), krylov(test, n_blocks=n_blocks, like=train)
    # The map of the modes, in both coordinates: the first inputs of the small one are the modes.
    m, n = modes(train), modes(small[0])
    for data, few in zip((train, test), small, strict=True):
        assert few.sigma_xx.shape == (3 * n_blocks,) * 2
        whole = error([m.U / 30 @ m.Vt], data)
        assert error([n.U / 30 @ n.Vt], few) == pytest.approx(whole, rel=1e-10)
    assert_same_moments(krylov(train, n_blocks=2, like=train), krylov(train, n_blocks=2))


def test_data_to_be_like_must_have_these_inputs_and_their_sums():
    data, other = (Correlations(np.eye(n), np.eye(n), 4.0, 3) for n in (2, 3))
    summed = replace(data, sum_x=np.zeros(2), sum_y=np.zeros(2))
    for prepare, options in ((whitened, {}), (krylov, {"n_blocks": 1})):
        with pytest.raises(ValueError, match="like must have the 2 inputs of correlations, got 3"):
            prepare(data, like=other, **options)
        with pytest.raises(TypeError, match="like must be a Correlations"):
            prepare(data, like=np.eye(2), **options)
    with pytest.raises(ValueError, match="like must have the 2 inputs"):
        centred(summed, like=other)
    with pytest.raises(ValueError, match="like must hold the sums of inputs"):
        centred(summed, like=data)
    with pytest.raises(ValueError, match="like must have modes"):
        krylov(data, n_blocks=1, like=Correlations(np.eye(2), np.zeros((2, 2)), 1.0, 3))


@pytest.mark.skipif("DLNLIB_MNIST" not in os.environ, reason="needs DLNLIB_MNIST, the raw images")
def test_test_images_are_prepared_as_those_of_training(authors):
    folder = Path(os.environ["DLNLIB_MNIST"])
    train = read_idx(folder / "train-images-idx3-ubyte.gz")[:50_000].reshape(50_000, 784) / 255
    x = read_idx(folder / "t10k-images-idx3-ubyte.gz").reshape(10_000, 784) / 255
    y = np.eye(10)[read_idx(folder / "t10k-labels-idx1-ubyte.gz")]
    mean = train.mean(axis=0)
    variances, Q = np.linalg.eigh((train - mean).T @ (train - mean) / 50_000)
    x = (x - mean) @ (Q / np.sqrt(np.maximum(variances, 0) + 0.01) @ Q.T)
    test = whitened(centred(mnist_test(), like=mnist()), epsilon=0.01, like=centred(mnist()))
    np.testing.assert_allclose(test.sigma_xx, x.T @ x, atol=1e-5)
    np.testing.assert_allclose(test.sigma_yx, y.T @ x, atol=1e-5)
    # And so a test error is what a map of these images misses of their targets.
    m = modes(authors)
    W = m.U * 0.2 @ m.Vt
    assert error([W], test) == pytest.approx(np.sum((y - x @ W.T) ** 2) / 2, rel=1e-9)


# Krylov spaces


def test_krylov_space_that_is_invariant_is_exact(examples):
    data = whitened(from_data(*examples), epsilon=0.5)
    whole = krylov(data, n_blocks=6)
    assert whole.sigma_xx.shape == (6, 6)
    np.testing.assert_allclose(
        np.linalg.eigvalsh(whole.sigma_xx), np.linalg.eigvalsh(data.sigma_xx), atol=1e-9
    )
    assert least_error(whole) == pytest.approx(least_error(data), rel=ROUNDING)


def test_krylov_basis_is_block_tridiagonal_and_begins_with_the_modes(authors):
    space = krylov(authors, n_blocks=4)
    np.testing.assert_allclose(
        np.linalg.svd(space.sigma_yx[:, :9], compute_uv=False)[:9], modes(authors).s[:9]
    )
    assert np.abs(space.sigma_yx[:, 9:]).max() < 1e-6
    assert np.abs(space.sigma_xx[:9, 18:]).max() < 1e-6 < np.abs(space.sigma_xx[:9, 9:18]).max()


@pytest.mark.parametrize(
    ("n_layers", "n_steps", "n_blocks", "accuracy"), [(3, 6, 6, 1e-13), (5, 23, 8, 1e-10)]
)
def test_few_blocks_learn_like_all_pixels_at_the_paper_s_width(
    authors, n_layers, n_steps, n_blocks, accuracy
):
    courses = []
    for data, width in ((authors, 1000), (krylov(authors, n_blocks=n_blocks), None)):
        n_inputs = len(data.sigma_xx)
        sizes = (n_inputs, *[width or n_inputs] * (n_layers - 2), 10)
        start = decoupled(modes(data), sizes, u0=1e-3, rng=1, untargeted=True)
        run = gradient_descent(start, data, learning_rate=GRID[0], n_steps=n_steps, reduce=False)
        assert [w.shape[0] for w in run.weights] == list(sizes[1:])
        courses.append(run.errors)
    np.testing.assert_allclose(courses[1], courses[0], rtol=accuracy)


@pytest.mark.parametrize("n_blocks", [0, -1, 1.5])
def test_number_of_blocks_is_a_whole_number(n_blocks):
    data = Correlations(np.eye(2), np.eye(2), 2.0, 2)
    with pytest.raises(ValueError, match=f"n_blocks must be an integer .* got {n_blocks}"):
        krylov(data, n_blocks=n_blocks)


def test_krylov_space_needs_a_mode():
    with pytest.raises(ValueError, match="correlations must have modes"):
        krylov(Correlations(np.eye(2), np.zeros((1, 2)), 2.0, 2), n_blocks=2)


# The start that carries all inputs


def test_inputs_without_a_target_start_with_the_same_layer_strength(examples):
    data = from_data(*examples)
    start = decoupled(modes(data), (6, 8, 7, 3), u0=1e-3, rng=2, untargeted=True)
    for w in start[:2]:
        np.testing.assert_allclose(np.linalg.svd(w, compute_uv=False)[:6], 0.1)
    few = decoupled(modes(data), (6, 8, 7, 3), u0=1e-3, rng=2)
    np.testing.assert_allclose(product(start), product(few), atol=1e-15)


def test_inputs_without_a_target_matter_only_if_inputs_are_not_white(examples):
    colour = whitened(from_data(*examples), epsilon=0.5)
    white = replace(colour, sigma_xx=30 * np.eye(6), trace_yy=1e5, sum_x=None, sum_y=None)
    for data, differ in ((white, False), (colour, True)):
        runs = [
            gradient_descent(
                decoupled(modes(data), (6, 8, 3), u0=0.1, rng=2, untargeted=carried),
                data,
                learning_rate=1e-4,
                n_steps=300,
            )
            for carried in (False, True)
        ]
        gap = np.abs(runs[0].errors / runs[1].errors - 1).max()
        assert (gap > 1e-4) == differ and (gap > 1e-10) == differ


def test_carrying_all_inputs_needs_room_and_one_strength():
    m = modes(Correlations(np.eye(4), np.eye(2, 4), 2.0, 2))
    with pytest.raises(ValueError, match=r"hidden layers of 4 units or more.*got \(4, 3, 2\)"):
        decoupled(m, (4, 3, 2), u0=0.1, rng=0, untargeted=True)
    with pytest.raises(ValueError, match=r"u0 must be a scalar .* got shape \(2,\)"):
        decoupled(m, (4, 4, 2), u0=[0.1, 0.1], rng=0, untargeted=True)


# Precision and width of a descent


def test_width_is_that_of_the_start_unless_it_is_reduced(examples):
    data = from_data(*examples)
    start = decoupled(modes(data), (6, 100, 100, 3), u0=1e-3, rng=2)
    assert reduce_width(start, data).weights[1].shape == (3, 3)
    options = dict(learning_rate=1e-5, n_steps=150)
    wide, narrow = (gradient_descent(start, data, reduce=r, **options) for r in (False, True))
    np.testing.assert_allclose(wide.errors, narrow.errors, rtol=ROUNDING)


def test_modes_of_inputs_that_learning_never_sees_are_recorded_all_the_same():
    rng = np.random.default_rng(3)
    x = rng.standard_normal((20, 2)) @ rng.standard_normal((2, 5))
    data = from_data(x, rng.standard_normal((20, 2)))
    other = modes(from_data(rng.standard_normal((9, 5)), rng.standard_normal((9, 2))))
    # A few hidden directions read from all inputs, those without variance included.
    inner = small_random((5, 3, 2), scale=0.3, rng=4)
    wide = np.linalg.qr(rng.standard_normal((200, 3)))[0]
    start = (wide @ inner[0], inner[1] @ wide.T)
    assert reduce_width(start, data).weights[0].shape[1] == 2
    options = dict(learning_rate=1e-3, n_steps=150, modes=other)
    found, expected = (gradient_descent(start, data, reduce=r, **options) for r in (True, False))
    np.testing.assert_allclose(found.mode_strengths, expected.mode_strengths, rtol=ROUNDING)


@pytest.mark.parametrize(("reduce", "stepped"), [(False, 100), (True, 3)])
def test_layers_are_stepped_at_the_width_that_was_asked_for(examples, monkeypatch, reduce, stepped):
    # Weights come back at full width in either case, so that what is multiplied has to be seen.
    data, widths, multiply = from_data(*examples), set(), _arithmetic.above

    def watched(weights):
        widths.add(weights[0].shape[-2])
        return multiply(weights)

    start = decoupled(modes(data), (6, 100, 100, 3), u0=1e-3, rng=2)
    monkeypatch.setattr(_arithmetic, "above", watched)
    gradient_descent(start, data, reduce=reduce, learning_rate=1e-5, n_steps=150)
    race(start, data, reduce=reduce, learning_rates=[1e-5, 2e-5], threshold=9e3, max_steps=5)
    assert widths == {stepped}


def test_single_precision_rounds_more(examples):
    data = whitened(from_data(*examples), epsilon=0.5)
    start = small_random((6, 5, 3), scale=0.1, rng=1)
    options = dict(learning_rate=1e-4, n_steps=50)
    double = gradient_descent(start, data, **options)
    single = gradient_descent(start, data, dtype=np.float32, **options)
    assert single.weights[0].dtype == np.float32 and single.errors.dtype == np.float64
    gap = np.abs(single.errors / double.errors - 1).max()
    assert 1e-9 < gap < 1e-4


def test_precision_is_single_or_double():
    data = Correlations(np.eye(2), np.eye(2), 2.0, 2)
    with pytest.raises(ValueError, match=r"dtype must be numpy\.float64 or numpy\.float32"):
        gradient_descent([np.eye(2)], data, learning_rate=0.1, n_steps=1, dtype=np.float16)
