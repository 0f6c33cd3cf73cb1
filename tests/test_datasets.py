"""Tests of dlnlib.datasets."""

from __future__ import annotations

import gzip
import importlib.util
import itertools
import math
import os
import pickle
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from dlnlib import datasets
from dlnlib.correlations import centred, from_data, modes
from dlnlib.datasets import hierarchical, living_things, mnist, mnist_test, read_idx
from dlnlib.exact import hierarchical_singular_values

# Rounding in sums of at most a thousand terms, relative to the largest.
ROUNDING = 1e-12
# The largest of a few hundred standard normal scores is below this but once in a thousand.
N_SIGMA = 5.0

TREES = {"n_levels": st.integers(0, 6), "flip_probability": st.floats(0, 1)}


# Hierarchical data


def leaf_correlation(n_levels, flip_probability, branching=2):
    """Grow the correlation of the leaves level by level, by the rule that makes the data."""
    correlation = np.ones((1, 1))
    for n in [branching] * n_levels if np.ndim(branching) == 0 else branching:
        copies = np.kron(correlation, np.ones((n, n)))
        correlation = (1 - 2 * flip_probability) ** 2 * copies
        np.fill_diagonal(correlation, 1.0)
    return correlation


def test_hierarchical_has_one_hot_inputs_and_sign_features():
    x, y = hierarchical(rng=0)
    np.testing.assert_array_equal(x, np.eye(32))
    assert y.shape == (32, 1000) and y.dtype == np.float64
    assert set(np.unique(y)) == {-1.0, 1.0}


@pytest.mark.parametrize("flip_probability", [0.1, 0.5, 0.8])
def test_hierarchical_leaves_correlate_as_the_tree_says(flip_probability):
    n_features = 200_000
    _, y = hierarchical(n_levels=4, n_features=n_features, flip_probability=flip_probability, rng=1)
    expected = leaf_correlation(4, flip_probability)
    standard_error = np.sqrt((1 - expected**2) / n_features)
    off_diagonal = ~np.eye(16, dtype=bool)
    scores = ((y @ y.T / n_features - expected)[off_diagonal]) / standard_error[off_diagonal]
    assert np.abs(scores).max() < N_SIGMA


def test_hierarchical_features_are_fair_and_independent():
    n_seeds, n_features = 2000, 20
    y = np.array(
        [hierarchical(n_levels=2, n_features=n_features, rng=seed)[1] for seed in range(n_seeds)]
    )
    assert np.abs(y.mean(axis=0)).max() * math.sqrt(n_seeds) < N_SIGMA
    leaf = y[:, 0]
    scores = leaf.T @ leaf / math.sqrt(n_seeds)
    assert np.abs(scores[~np.eye(n_features, dtype=bool)]).max() < N_SIGMA


@given(n_levels=st.integers(0, 5), flip_probability=st.sampled_from([0.0, 1.0]))
def test_hierarchical_without_chance_gives_equal_leaves(n_levels, flip_probability):
    _, y = hierarchical(n_levels=n_levels, n_features=30, flip_probability=flip_probability, rng=2)
    assert y.shape == (2**n_levels, 30)
    np.testing.assert_array_equal(y, np.tile(y[0], (2**n_levels, 1)))


def test_hierarchical_takes_a_seed_or_a_generator():
    _, y = hierarchical(rng=3)
    np.testing.assert_array_equal(hierarchical(rng=np.random.default_rng(3))[1], y)
    generator = np.random.default_rng(3)
    first, second = hierarchical(rng=generator)[1], hierarchical(rng=generator)[1]
    np.testing.assert_array_equal(first, y)
    assert (second != first).any()
    with pytest.raises(TypeError, match="rng"):
        hierarchical()


@given(**TREES)
def test_spectrum_is_that_of_the_leaf_correlation(n_levels, flip_probability):
    s = hierarchical_singular_values(
        n_levels=n_levels, n_features=7, flip_probability=flip_probability
    )
    expected = 7 * np.linalg.eigvalsh(leaf_correlation(n_levels, flip_probability))[::-1]
    np.testing.assert_allclose(s**2, expected, rtol=0, atol=ROUNDING * expected[0])


def ultrametric(branching, flip_probability):
    """Return the correlation of leaves by the copies between each two, up the tree and down."""

    def copies(a, b):
        shared = np.cumprod([i == j for i, j in zip(a, b, strict=True)]).sum()
        return 2 * (len(branching) - shared)

    leaves = list(itertools.product(*map(range, branching)))
    return (1 - 2 * flip_probability) ** np.array([[copies(a, b) for b in leaves] for a in leaves])


BRANCHINGS = [(), (1,), (7,), (2, 3), (3, 2), (4, 1, 2), (1, 1, 5), (3, 3, 3), (2, 5, 2, 2)]


@pytest.mark.parametrize("branching", BRANCHINGS)
@pytest.mark.parametrize("flip_probability", [0.0, 1e-9, 0.1, 0.5, 0.83, 1.0])
def test_spectrum_of_any_tree_is_that_of_its_ultrametric_correlation(branching, flip_probability):
    found = hierarchical_singular_values(
        branching=branching, n_features=3, flip_probability=flip_probability
    )
    expected = 3 * np.linalg.eigvalsh(ultrametric(branching, flip_probability))[::-1]
    np.testing.assert_allclose(found**2, expected, rtol=0, atol=10 * ROUNDING * expected[0])
    assert np.all(np.diff(found) <= 0)


def test_spectra_of_trees_are_those_of_2019():
    # Roots of eigenvalues, with multiplicities 1, 1, 2, 4 and 1, 2, 6, from drawn features
    # (20,000 of them, to which three digits belong) and from the formula of 2019.
    binary = hierarchical_singular_values(branching=2, n_levels=3, n_features=1)
    expected = np.repeat([1.873, 1.188, 0.906, 0.6], [1, 1, 2, 4])
    np.testing.assert_allclose(binary, expected, atol=5e-4)
    ternary = hierarchical_singular_values(
        branching=3, n_levels=2, n_features=1, flip_probability=0.15
    )
    np.testing.assert_allclose(ternary, np.repeat([1.849, 1.122, 0.714], [1, 2, 6]), atol=5e-4)


@pytest.mark.parametrize("branching", [(3, 2), (1, 4), (2, 1, 3)])
def test_leaves_of_any_tree_correlate_as_it_says(branching):
    n_features = 200_000
    x, y = hierarchical(branching=branching, n_features=n_features, flip_probability=0.2, rng=6)
    expected = ultrametric(branching, 0.2)
    np.testing.assert_array_equal(x, np.eye(len(expected)))
    standard_error = np.sqrt((1 - expected**2) / n_features)
    apart = ~np.eye(len(expected), dtype=bool)
    scores = (y @ y.T / n_features - expected)[apart] / standard_error[apart]
    assert np.abs(scores).max() < N_SIGMA


def test_a_binary_tree_is_drawn_as_ever():
    _, y = hierarchical(n_levels=3, n_features=4, rng=0)
    # What this seed drew when all trees were binary.
    leaves = ["-+++", "-+++", "--+-", "--+-", "++--", "+++-", "++++", "+++-"]
    np.testing.assert_array_equal(y, [[1 if c == "+" else -1 for c in leaf] for leaf in leaves])
    for same in ({"branching": 2}, {"branching": [2, 2, 2]}, {"branching": np.array([2, 2, 2])}):
        np.testing.assert_array_equal(hierarchical(n_levels=3, n_features=4, rng=0, **same)[1], y)
    by_levels = hierarchical(branching=(2, 2, 2), n_features=4, rng=0)[1]
    np.testing.assert_array_equal(by_levels, y)
    assert len(hierarchical(n_features=1, rng=0)[0]) == 32


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"branching": 0}, "branching must be an integer of at least 1, got 0"),
        ({"branching": [2, 0]}, "branching must be an integer of at least 1, got 0"),
        ({"branching": [2, 2.5]}, "branching must be an integer of at least 1, got 2.5"),
        ({"branching": "23"}, "branching must be a sequence of integers, got '23'"),
        ({"branching": None}, "branching must be an integer of at least 1, got None"),
        ({"branching": [[2], [2, 3]]}, r"branching must be an integer .* got \[2\]"),
        ({"branching": [2, 3], "n_levels": 3}, "branching must be of the 3 levels of n_levels"),
        ({"branching": [1] * 1001}, "branching must have at most 1000 levels, got 1001"),
        ({"branching": 1, "n_levels": 10**9}, "n_levels must be at most 1000"),
        ({"n_levels": 40}, "n_levels and branching must give at most .* got 1099511627776"),
        ({"branching": 2**40, "n_levels": 1000}, "must give at most .* got more than 2"),
    ],
)
def test_trees_that_no_memory_holds_or_no_levels_have_are_refused(arguments, message):
    with pytest.raises((TypeError, ValueError), match=message):
        hierarchical(**arguments, rng=0)
    with pytest.raises((TypeError, ValueError), match=message):
        hierarchical_singular_values(**arguments)


def test_items_and_features_have_a_limit():
    with pytest.raises(ValueError, match="n_levels and branching must give at most 8192 items"):
        hierarchical(n_levels=16, n_features=10, rng=0)
    with pytest.raises(ValueError, match="n_features must be at most 67108864 for 4 items"):
        hierarchical(n_levels=2, n_features=10**8, rng=0)
    assert len(hierarchical_singular_values(n_levels=16)) == 2**16
    with pytest.raises(TypeError, match=r"rng must be a seed.*got None"):
        hierarchical(rng=None)


def test_living_things_split_as_kinds_do():
    toy = living_things()
    assert toy.x.shape == (4, 4) and toy.y.shape == (len(toy.items), len(toy.properties)) == (4, 7)
    expected = [[1, 1, 1, 1], [1, 1, 0, 0], [0, 0, 1, 1], *np.eye(4).tolist()]
    np.testing.assert_array_equal(toy.y.T, expected)
    said = {"salmon": "can grow can move can swim", "rose": "can grow has roots has petals"}
    for item, has in said.items():
        row = toy.y[toy.items.index(item)]
        assert " ".join(np.array(toy.properties)[row == 1]) == has
    U, s, Vt = modes(from_data(toy.x, toy.y))
    np.testing.assert_allclose(s**2, [7, 3, 1, 1], rtol=ROUNDING)
    animals = np.array([item in {"canary", "salmon"} for item in toy.items])
    np.testing.assert_allclose(Vt[1], np.where(animals, 0.5, -0.5), atol=ROUNDING)
    # Of the properties, those of a kind alone tell animals from plants.
    assert U[toy.properties.index("can grow"), 1] == pytest.approx(0, abs=ROUNDING)
    toy.y[:] = 0
    assert living_things().y.sum() == 12


@given(**TREES)
def test_spectrum_descends_and_sums_to_the_variance(n_levels, flip_probability):
    s = hierarchical_singular_values(
        n_levels=n_levels, n_features=10, flip_probability=flip_probability
    )
    assert s.shape == (2**n_levels,) and (np.diff(s) <= 0).all()
    np.testing.assert_allclose((s**2).sum(), 10 * 2**n_levels, rtol=ROUNDING)


@pytest.mark.parametrize("p", [1e-300, 1e-12, 1 - 2**-53])
def test_weakest_mode_keeps_its_digits_near_certainty(p):
    # Differences of powers of (1 - 2p)**2 would leave none of them.
    weakest = hierarchical_singular_values(n_features=1, flip_probability=p)[-1]
    assert weakest == pytest.approx(2 * math.sqrt(p) * math.sqrt(1 - p), rel=ROUNDING, abs=0)


def test_spectrum_is_the_mean_of_samples():
    # Along the eigenvectors of the expectation, the mean of y y^T over seeds is s**2.
    n_seeds = 400
    _, vectors = np.linalg.eigh(leaf_correlation(5, 0.1))
    samples = np.array(
        [((vectors.T @ hierarchical(rng=seed)[1]) ** 2).sum(axis=1) for seed in range(n_seeds)]
    )
    standard_error = samples.std(axis=0, ddof=1) / math.sqrt(n_seeds)
    expected = hierarchical_singular_values()[::-1] ** 2
    assert np.abs((samples.mean(axis=0) - expected) / standard_error).max() < N_SIGMA


def test_singular_values_of_a_sample_approach_the_spectrum_with_more_features():
    deviations = []
    for n_features in (1_000, 100_000):
        s = modes(from_data(*hierarchical(n_features=n_features, rng=4))).s
        expected = hierarchical_singular_values(n_features=n_features)
        deviations.append(np.sqrt(np.mean((s / expected - 1) ** 2)))
    # The scatter falls as one over the root of the number of features: tenfold here.
    assert deviations[0] / deviations[1] == pytest.approx(10, rel=0.4)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n_levels": -1}, "n_levels must be an integer of at least 0, got -1"),
        ({"n_levels": 2.5}, "n_levels must be an integer of at least 0, got 2.5"),
        ({"n_levels": True}, "n_levels must be an integer of at least 0, got True"),
        ({"n_features": 0}, "n_features must be an integer of at least 1, got 0"),
        ({"n_features": "9"}, "n_features must be an integer of at least 1, got '9'"),
        (
            {"flip_probability": -0.1},
            "flip_probability must be .* from 0 to 1, got -0.1",
        ),
        (
            {"flip_probability": 1.5},
            "flip_probability must be .* from 0 to 1, got 1.5",
        ),
        ({"flip_probability": math.nan}, "flip_probability must be .* from 0 to 1, got nan"),
        ({"flip_probability": None}, "flip_probability must be real numbers, got None"),
    ],
)
def test_trees_reject_bad_input(arguments, message):
    with pytest.raises((TypeError, ValueError), match=message):
        hierarchical(**arguments, rng=0)
    with pytest.raises((TypeError, ValueError), match=message):
        hierarchical_singular_values(**arguments)


# MNIST: bundled sums


def least_squares_floor(correlations):
    # Directions that hold less than 1e-10 of the largest variance explain under one unit.
    variances, directions = np.linalg.eigh(correlations.sigma_xx)
    kept = variances > 1e-10 * variances[-1]
    explained = (correlations.sigma_yx @ directions[:, kept]) ** 2 / variances[kept]
    return (correlations.trace_yy - explained.sum()) / 2


def mnist_centred():
    return centred(mnist())


def pixel_sums(correlations):
    return correlations.sigma_yx.sum(axis=0)


@pytest.mark.parametrize("load", [mnist, mnist_centred])
def test_mnist_is_ten_digits_of_784_pixels(load):
    correlations = load()
    assert correlations.sigma_xx.shape == (784, 784)
    assert correlations.sigma_yx.shape == (10, 784)
    assert correlations.n_examples == 50_000
    assert correlations.trace_yy / 2 == 25_000


def test_mnist_pixels_have_the_published_mean_and_deviation():
    # 0.1304 and 0.3073 are quoted for this split with pixels divided by 256, not 255.
    correlations = mnist()
    n = 784 * correlations.n_examples
    mean = pixel_sums(correlations).sum() / n
    deviation = math.sqrt(np.trace(correlations.sigma_xx) / n - mean**2)
    assert mean * 255 / 256 == pytest.approx(0.1304, abs=5e-5)
    assert deviation * 255 / 256 == pytest.approx(0.3073, abs=5e-5)


def test_mnist_sums_are_consistent_moments():
    # The second moments of (pixels, one-hot digit) have no negative eigenvalue.
    correlations = mnist()
    counts = datasets._mnist_sums().label_counts
    joint = np.block(
        [
            [correlations.sigma_xx, correlations.sigma_yx.T],
            [correlations.sigma_yx, np.diag(counts).astype(float)],
        ]
    )
    eigenvalues = np.linalg.eigvalsh(joint)
    assert eigenvalues[0] > -ROUNDING * eigenvalues[-1]


def test_mnist_pixels_lie_between_zero_and_one():
    correlations = mnist()
    counts = datasets._mnist_sums().label_counts
    assert counts.sum() == 50_000
    assert (correlations.sigma_yx >= 0).all()
    assert (correlations.sigma_yx <= counts[:, None]).all()
    squares = np.diag(correlations.sigma_xx)
    assert (squares <= pixel_sums(correlations) * (1 + ROUNDING)).all()
    assert (correlations.sigma_xx >= 0).all()


def test_mnist_centred_is_the_raw_moment_less_the_mean():
    raw, centred = mnist(), mnist_centred()
    mean = pixel_sums(raw) / raw.n_examples
    counts = datasets._mnist_sums().label_counts
    np.testing.assert_allclose(
        centred.sigma_xx,
        raw.sigma_xx - raw.n_examples * np.outer(mean, mean),
        rtol=0,
        atol=ROUNDING * raw.sigma_xx.max(),
    )
    np.testing.assert_allclose(
        centred.sigma_yx,
        raw.sigma_yx - np.outer(counts, mean),
        rtol=0,
        atol=ROUNDING * raw.sigma_yx.max(),
    )


@pytest.mark.parametrize(
    ("load", "floor", "half_digit"), [(mnist, 9.86e3, 5), (mnist_centred, 1.21e4, 50)]
)
def test_mnist_least_squares_floor(load, floor, half_digit):
    assert least_squares_floor(load()) == pytest.approx(floor, abs=half_digit)


def test_mnist_centred_has_nine_modes():
    # One-hot digits sum to one, so centred correlations sum to zero over digits.
    s = modes(mnist_centred()).s
    assert s[8] > 1000 and s[9] < ROUNDING * s[0]


def test_mnist_test_is_ten_digits_of_784_pixels_of_10_000_images():
    test, counts = mnist_test(), datasets._mnist_sums("mnist_test.npz").label_counts
    assert test.sigma_xx.shape == (784, 784) and test.sigma_yx.shape == (10, 784)
    assert test.n_examples == test.trace_yy == 10_000
    # Images of each digit, as they are published.
    published = [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert counts.tolist() == test.sum_y.tolist() == published
    np.testing.assert_allclose(test.sum_x, pixel_sums(test), rtol=ROUNDING)
    joint = np.block([[test.sigma_xx, test.sigma_yx.T], [test.sigma_yx, np.diag(test.sum_y)]])
    eigenvalues = np.linalg.eigvalsh(joint)
    assert eigenvalues[0] > -ROUNDING * eigenvalues[-1]
    assert (test.sigma_yx >= 0).all() and (test.sigma_yx <= counts[:, None]).all()
    # Of its own, not of those of training: 0.1325 and 0.3105 are quoted for these images.
    n = 784 * test.n_examples
    mean = pixel_sums(test).sum() / n
    assert mean == pytest.approx(0.1325, abs=5e-5)
    assert math.sqrt(np.trace(test.sigma_xx) / n - mean**2) == pytest.approx(0.3105, abs=5e-5)


@pytest.mark.parametrize("load", [mnist, mnist_centred, mnist_test])
def test_mnist_cannot_be_spoiled_by_a_caller(load):
    before = load()
    expected = before.sigma_xx.copy()
    before.sigma_xx[:] = -1
    np.testing.assert_array_equal(load().sigma_xx, expected)


@pytest.mark.parametrize("load", [mnist, mnist_test])
def test_mnist_refuses_pickled_arrays(tmp_path, monkeypatch, load):
    (tmp_path / "data").mkdir()
    pickled = np.array([{}], dtype=object)
    np.savez(tmp_path / "data" / f"{load.__name__}.npz", pixel_products=pickled)
    monkeypatch.setattr(datasets, "files", lambda package: tmp_path)
    with pytest.raises(ValueError, match="allow_pickle=False"):
        load()


# MNIST: the script that makes the bundled file


@pytest.fixture(scope="module")
def build():
    path = Path(__file__).parents[1] / "tools" / "build_mnist_correlations.py"
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", ["mnist.npz", "mnist_test.npz"])
def test_bundled_file_is_what_the_raw_files_give(build, name):
    folder = os.environ.get("DLNLIB_MNIST")
    if not folder:
        pytest.skip("DLNLIB_MNIST does not name a folder with the raw MNIST files")
    try:
        recomputed = build.sums(Path(folder), name)
    except FileNotFoundError as error:
        pytest.skip(f"DLNLIB_MNIST is set, but: {error}")
    with np.load(build.BUNDLED / name, allow_pickle=False) as bundled:
        assert set(bundled.files) == set(recomputed)
        for entry, array in recomputed.items():
            np.testing.assert_array_equal(bundled[entry], array, strict=True)


@pytest.mark.parametrize(("name", "n"), [("mnist.npz", 60_000), ("mnist_test.npz", 10_000)])
def test_build_script_requires_the_raw_files(build, tmp_path, name, n):
    raw = build.SETS[name]
    with pytest.raises(FileNotFoundError, match=f"must contain {raw.images} or"):
        build.sums(tmp_path, name)
    write_idx(tmp_path / raw.images, np.zeros((3, 28, 28), np.uint8))
    write_idx(tmp_path / f"{raw.labels}.gz", np.zeros(3, np.uint8), compress=True)
    message = rf"must hold uint8 of shape \({n}, 28, 28\), got uint8 of \(3, 28, 28\)"
    with pytest.raises(ValueError, match=message):
        build.sums(tmp_path, name)


# IDX files

IDX_CODES = {"u1": 0x08, "i1": 0x09, "i2": 0x0B, "i4": 0x0C, "f4": 0x0D, "f8": 0x0E}


def idx_bytes(array):
    dtype = array.dtype.newbyteorder(">")
    header = struct.pack(">HBB", 0, IDX_CODES[dtype.str[1:]], array.ndim)
    return header + struct.pack(f">{array.ndim}I", *array.shape) + array.astype(dtype).tobytes()


def gzipped(content):
    return gzip.compress(content, mtime=0)


def write_idx(path, array, *, compress=False):
    content = idx_bytes(array)
    path.write_bytes(gzipped(content) if compress else content)


@pytest.fixture(scope="session")
def idx_path(tmp_path_factory):
    return tmp_path_factory.mktemp("idx") / "array.gz"


IDX_ARRAYS = st.sampled_from(sorted(IDX_CODES)).flatmap(
    lambda code: hnp.arrays(code, hnp.array_shapes(max_dims=4, min_side=0, max_side=5))
)


@given(array=IDX_ARRAYS, compress=st.booleans())
def test_read_idx_returns_what_was_written(idx_path, array, compress):
    write_idx(idx_path, array, compress=compress)
    result = read_idx(idx_path)
    assert result.dtype == array.dtype and result.dtype.isnative
    assert result.flags.writeable
    assert result.shape == array.shape
    assert result.tobytes() == array.tobytes()


@given(array=IDX_ARRAYS, compress=st.booleans(), data=st.data())
def test_read_idx_rejects_every_truncation(idx_path, array, compress, data):
    content = gzipped(idx_bytes(array)) if compress else idx_bytes(array)
    n_kept = data.draw(st.integers(0, len(content) - 1))
    idx_path.write_bytes(content[:n_kept])
    with pytest.raises(ValueError, match=r"array\.gz: found .* require"):
        read_idx(idx_path)


@given(array=IDX_ARRAYS, data=st.data())
def test_read_idx_never_returns_other_numbers_from_corrupt_gzip(idx_path, array, data):
    content = bytearray(gzipped(idx_bytes(array)))
    content[data.draw(st.integers(0, len(content) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    idx_path.write_bytes(content)
    try:
        result = read_idx(idx_path)
    except ValueError as error:
        assert str(error).startswith(str(idx_path))
    else:
        # Some header bits, such as the time of compression, mean nothing.
        assert result.tobytes() == array.tobytes()


@given(content=st.binary(max_size=60))
def test_read_idx_meets_arbitrary_bytes_with_value_errors_only(idx_path, content):
    idx_path.write_bytes(content)
    try:
        result = read_idx(idx_path)
    except ValueError:
        return
    assert idx_bytes(result) == content


VALID = idx_bytes(np.arange(6, dtype=np.uint8).reshape(2, 3))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "found the first bytes none, but IDX requires 00 00"),
        (b"\0\0\x08", "found the first bytes 00 00 08, but IDX requires 00 00"),
        (b"\1" + VALID[1:], "found the first bytes 01 00 08 02, but IDX requires 00 00"),
        (b"\0\0\x0a\1" + VALID[4:], "0a 01, .* a type code out of 08, 09, 0b, 0c, 0d, 0e"),
        (b"\0\0\x08\0\7", "first bytes 00 00 08 00, .* at least 1 dimension"),
        (VALID[:9], "found 9 bytes, but the header of 2 dimensions requires 12"),
        (VALID[:-1], r"found 5 bytes of entries, but shape \(2, 3\) of uint8 requires 6"),
        (VALID + b"\0", r"found 7 bytes of entries, but shape \(2, 3\) of uint8 requires 6"),
        (b"\0\0\x0e\1\0\0\0\1" + bytes(7), r"found 7 .* shape \(1,\) of float64 requires 8"),
        (b"\0\0\x08\1\xff\xff\xff\xff", "found 0 bytes of entries, .* requires 4294967295"),
        (b"\0\0\x08\x04" + b"\xff" * 12 + bytes(4), "found shape .*, which no array can have"),
        (b"\0\0\x08\xff" + b"\0\0\0\1" * 255 + b"\7", "found shape .*, which no array can have"),
        (gzipped(VALID)[:-9], "that start as gzip but do not decompress"),
        (gzipped(VALID) + b"garbage", "that start as gzip but do not decompress"),
        (gzipped(VALID) * 2, "found 24 bytes of entries, but .* requires 6"),
        (pickle.dumps([1], protocol=4), "first bytes 80 04 95 .*, but IDX requires"),
    ],
    ids=[
        "empty",
        "short magic",
        "first byte",
        "type code",
        "no dimension",
        "short header",
        "short entries",
        "trailing byte",
        "short float64",
        "huge and absent",
        "too large",
        "too many dimensions",
        "gzip cut",
        "gzip and garbage",
        "gzip twice",
        "pickle",
    ],
)
def test_read_idx_says_what_is_wrong(tmp_path, content, message):
    path = tmp_path / "labels"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=f"labels: .*{message}"):
        read_idx(path)


def test_read_idx_leaves_a_missing_file_to_the_system(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        read_idx(tmp_path / "nowhere")
