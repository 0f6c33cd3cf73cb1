"""Tests of the matrix Riccati solution: three layers from any start with balanced layers."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

from dlnlib.exact import three_layer_grams, three_layer_map, unbalanced_mode_strength
from dlnlib.exact.riccati import _over_root
from dlnlib.initial_conditions import balanced

# What the integrator of the oracle, at a relative tolerance of 1e-12, gets wrong.
INTEGRATION = 1e-10
# A few hundred roundings.
ROUNDING = 1e-13


def draw(sizes, imbalance, *, scale=0.3, seed=0):
    """Return a random balanced start, and a random target."""
    rng = np.random.default_rng(seed)
    n_in, _, n_out = sizes
    rank = min(sizes)
    left, right = rng.standard_normal((n_out, rank)), rng.standard_normal((rank, n_in))
    start = balanced(scale * left @ right, sizes, rng=rng, imbalance=imbalance)
    return start, rng.standard_normal((n_out, n_in))


def integrated(t, start, sigma):
    """Integrate both layers, without any of the theory."""
    split, shapes = start[0].size, [w.shape for w in start]

    def velocity(_, z):
        first, last = z[:split].reshape(shapes[0]), z[split:].reshape(shapes[1])
        miss = sigma - last @ first
        return np.concatenate([(last.T @ miss).ravel(), (miss @ first.T).ravel()])

    z = np.concatenate([w.ravel() for w in start])
    z = solve_ivp(velocity, (0, t), z, method="DOP853", rtol=1e-12, atol=1e-14).y[:, -1]
    return z[:split].reshape(shapes[0]), z[split:].reshape(shapes[1])


def in_many_digits(t, start, sigma):
    """Evaluate the printed solution with so many digits that nothing is lost."""
    with mpmath.workdps(200 + int(6 * t * np.linalg.norm(sigma, 2))):
        first, last, target = (mpmath.matrix(a.tolist()) for a in (*start, sigma))
        n_hidden, n_in, n_out = first.rows, first.cols, last.rows
        F = mpmath.zeros(n_in + n_out)
        Q = mpmath.zeros(n_in + n_out, n_hidden)
        difference = last.T * last - first * first.T
        imbalance = sum(difference[i, i] for i in range(n_hidden)) / n_hidden
        for i in range(n_in):
            F[i, i] = -imbalance / 2
            Q[i, :] = first[:, i].T
        for i in range(n_out):
            F[n_in + i, n_in + i] = imbalance / 2
            Q[n_in + i, :] = last[i, :]
            for j in range(n_in):
                F[n_in + i, j] = F[j, n_in + i] = target[i, j]
        f, vectors = mpmath.eigsy(F)
        zero = mpmath.mpf(10) ** -100
        area = [mpmath.expm1(2 * x * t) / (2 * x) if abs(x) > zero else mpmath.mpf(t) for x in f]
        tall = vectors.T * Q
        grown = vectors * mpmath.diag([mpmath.exp(x * t) for x in f]) * tall
        inner = mpmath.eye(n_hidden) + tall.T * mpmath.diag(area) * tall
        found = grown * inner**-1 * grown.T
        size = [mpmath.sqrt(found[i, i]) for i in range(n_in + n_out)]
        rows, columns = range(n_in, n_in + n_out), range(n_in)
        product = [[found[i, j] for j in columns] for i in rows]
        sizes = [[size[i] * size[j] for j in columns] for i in rows]
        return product, sizes


def in_blocks(grams):
    across = np.swapaxes(grams.product, -1, -2)
    return np.block([[grams.first, across], [grams.product, grams.last]])


SHAPES = [
    ((5, 3, 4), 0.0),
    ((5, 3, 4), 0.7),
    ((5, 3, 4), -0.4),
    ((4, 6, 3), 0.0),
    ((3, 2, 6), 2.0),
    ((6, 5, 2), -1.5),
    ((2, 9, 4), 0.0),
    ((1, 1, 1), 0.3),
    ((1, 4, 4), 1.0),
    ((3, 3, 3), -3.0),
]


@pytest.mark.parametrize(("sizes", "imbalance"), SHAPES)
@pytest.mark.parametrize("t", [0.01, 0.5, 3.0, 12.0])
def test_all_blocks_are_those_of_the_integrated_layers(sizes, imbalance, t):
    start, sigma = draw(sizes, imbalance)
    first, last = integrated(t, start, sigma)
    found = three_layer_grams(5 * t, start, sigma_yx=sigma, tau=5.0)
    np.testing.assert_allclose(found.first, first.T @ first, atol=INTEGRATION)
    np.testing.assert_allclose(found.product, last @ first, atol=INTEGRATION)
    np.testing.assert_allclose(found.last, last @ last.T, atol=INTEGRATION)


@pytest.mark.parametrize("imbalance", [0.0, 0.6, -0.6])
@pytest.mark.parametrize("rank", [0, 1, 2])
def test_singular_targets(imbalance, rank):
    start, sigma = draw((4, 3, 4), imbalance, seed=1)
    U, s, Vt = np.linalg.svd(sigma)
    sigma = U[:, :rank] * s[:rank] @ Vt[:rank]
    first, last = integrated(4.0, start, sigma)
    found = three_layer_map(4.0, start, sigma_yx=sigma, tau=1.0)
    np.testing.assert_allclose(found, last @ first, atol=INTEGRATION)


def test_layers_far_apart():
    start, sigma = draw((3, 2, 4), 1e4, scale=1.0)
    for t in (1e-6, 1e-4, 1e-3):
        first, last = integrated(t, start, sigma)
        found = three_layer_map(t, start, sigma_yx=sigma, tau=1.0)
        np.testing.assert_allclose(found, last @ first, atol=INTEGRATION)


@pytest.mark.parametrize(
    ("n_hidden", "gains"),
    [(1, np.ones(3)), (2, np.ones(3)), (3, np.ones(3)), (2, [1e-12, 1e-6, 1.0])],
)
@pytest.mark.parametrize("t", [1.0, 20.0, 90.0])
def test_every_entry_keeps_its_digits_in_one_long_step(n_hidden, gains, t):
    # In the modes of the data strengths may differ by hundreds of orders of magnitude.
    X = 0.01 * np.random.default_rng(2).standard_normal((n_hidden, 3)) * gains
    start, sigma = (X, X.T), np.diag([3.0, 2.9, 1.0])
    found = three_layer_map(t, start, sigma_yx=sigma, tau=1.0)
    expected, sizes = in_many_digits(t, start, sigma)
    for i in range(3):
        for j in range(3):
            assert abs(mpmath.mpf(found[i, j]) - expected[i][j]) < ROUNDING * sizes[i][j]


def test_a_time_of_hundreds_of_learning_times():
    start, sigma = draw((3, 2, 4), 0.5, seed=3)
    expected, _ = in_many_digits(100.0, start, sigma)
    found = three_layer_map(100.0, start, sigma_yx=sigma, tau=1.0)
    np.testing.assert_allclose(found, np.array(expected, dtype=float), atol=1e-12)


@pytest.mark.parametrize(("sizes", "imbalance"), SHAPES)
def test_two_steps_are_one(sizes, imbalance):
    start, sigma = draw(sizes, imbalance, seed=4)
    way = in_blocks(three_layer_grams(1.5, start, sigma_yx=sigma, tau=1.0))
    # Any Q with this QQ^T goes on alike; one as wide as the hidden layer was.
    values, vectors = np.linalg.eigh(way)
    Q = np.zeros((len(way), sizes[1]))
    kept = min(Q.shape)
    values[values < 1e-14 * values[-1]] = 0  # whose roots would be 1e-8
    Q[:, :kept] = (vectors * np.sqrt(values))[:, -kept:]
    again = (Q[: sizes[0]].T, Q[sizes[0] :])
    found = in_blocks(three_layer_grams(1.5, again, sigma_yx=sigma, tau=1.0))
    expected = in_blocks(three_layer_grams(3.0, start, sigma_yx=sigma, tau=1.0))
    np.testing.assert_allclose(found, expected, atol=1e-11)


@pytest.mark.parametrize(("sizes", "imbalance"), SHAPES)
def test_at_the_start_and_at_the_end(sizes, imbalance):
    start, sigma = draw(sizes, imbalance, seed=5)
    found = three_layer_grams([0.0, np.inf], start, sigma_yx=sigma, tau=1.0)
    first, last = start
    np.testing.assert_allclose(found.first[0], first.T @ first, atol=ROUNDING)
    np.testing.assert_allclose(found.product[0], last @ first, atol=ROUNDING)
    np.testing.assert_allclose(found.last[0], last @ last.T, atol=ROUNDING)
    U, s, Vt = np.linalg.svd(sigma)
    k = min(sizes)
    np.testing.assert_allclose(found.product[1], U[:, :k] * s[:k] @ Vt[:k], atol=ROUNDING)
    # Layer strengths of a mode differ by the imbalance still.
    strong = np.linalg.eigvalsh(found.last[1])[::-1][: min(k, sizes[1])]
    np.testing.assert_allclose(strong, imbalance / 2 + np.hypot(s[:k], imbalance / 2), atol=1e-12)


def test_modes_that_do_not_meet_are_learned_as_unequal_layers_are():
    s, imbalance = np.array([3.0, 2.0, 0.5]), 0.02
    a0 = np.array([0.1, 1e-3, 1e-9])
    b0 = np.sqrt(a0**2 + imbalance)
    R = np.linalg.qr(np.random.default_rng(6).standard_normal((3, 3)))[0]
    t = np.array([0.0, 0.5, 3.0, 40.0, 1e4])
    found = three_layer_map(t, (R * a0, (R * b0).T), sigma_yx=np.diag(s), tau=2.0)
    expected = unbalanced_mode_strength(t[:, None], s=s, a0=a0, b0=b0, tau=2.0)
    np.testing.assert_allclose(np.diagonal(found, axis1=1, axis2=2), expected, atol=1e-12)
    assert np.abs(found * (1 - np.eye(3))).max() < ROUNDING


def test_equal_singular_values_share_the_hidden_layer_for_ever():
    rng = np.random.default_rng(7)
    turn, x = np.linalg.qr(rng.standard_normal((4, 4)))[0], 0.1 * rng.standard_normal((4, 1))
    # The target is a rotation of all inputs: one hidden unit keeps the direction that it has.
    found = three_layer_map(np.inf, (x.T, turn @ x), sigma_yx=2 * turn, tau=1.0)
    np.testing.assert_allclose(found, 2 * turn @ x @ x.T / (x.T @ x), atol=ROUNDING)


def test_directions_without_a_mode_decay_as_one_over_time():
    first = np.array([[0.0, 0.5]])
    start = (first, np.array([[0.5]]))
    t = np.array([1.0, 10.0, 1e6])
    found = three_layer_grams(t, start, sigma_yx=[[0.0, 0.0]], tau=1.0)
    # tau da/dt = -a b^2 from a = b.
    np.testing.assert_allclose(found.last[:, 0, 0], 1 / (4 + 2 * t), rtol=1e-13)


def test_axes_are_those_of_times_and_then_of_starts():
    starts, sigma = [draw((3, 2, 2), 0.2, seed=seed)[0] for seed in range(6)], draw((3, 2, 2), 0)[1]
    starts[4] = balanced(np.diag([1e-9, 1.0]) @ np.eye(2, 3), (3, 2, 2), rng=1)  # graded
    starts[5] = tuple(0 * w for w in starts[5])
    weights = [
        np.stack(layer).reshape(2, 3, *layer[0].shape) for layer in zip(*starts, strict=True)
    ]
    t = np.array([[0.0, 1.0], [7.0, np.inf]])
    found = three_layer_grams(t, weights, sigma_yx=sigma, tau=1.0)
    assert [a.shape[:4] for a in found] == [(2, 2, 2, 3)] * 3
    assert [a.shape[4:] for a in found] == [(3, 3), (2, 3), (2, 2)]
    for i, start in enumerate(starts):
        for j, time in enumerate(t.flat):
            alone = three_layer_grams(time, start, sigma_yx=sigma, tau=1.0)
            for some, one in zip(found, alone, strict=True):
                np.testing.assert_allclose(some[j // 2, j % 2, i // 3, i % 3], one, atol=ROUNDING)
    assert not found.product[:, :, 1, 2].any()
    assert three_layer_map(np.zeros((0,)), starts[0], sigma_yx=sigma, tau=1.0).shape == (0, 2, 3)


def test_many_times_are_worked_on_in_pieces():
    start, sigma = draw((20, 20, 20), 0.0, seed=8)
    t = np.linspace(0, 9, 400)
    found = three_layer_map(t, start, sigma_yx=sigma, tau=1.0)
    for i in (0, 150, 399):
        alone = three_layer_map(t[i], start, sigma_yx=sigma, tau=1.0)
        np.testing.assert_allclose(found[i], alone, atol=1e-12)


@given(
    st.tuples(*[st.integers(1, 5)] * 3),
    st.sampled_from([0.0, 1e-3, 1.0, 50.0]),
    st.floats(-12, 1),
    st.integers(0, 99),
)
@settings(max_examples=60, deadline=None)
def test_the_error_never_rises_and_the_imbalance_stays(sizes, imbalance, log_scale, seed):
    n_in, n_hidden, n_out = sizes
    sign = 1 if n_out >= n_hidden else -1
    if imbalance and min(n_hidden - n_in, n_hidden - n_out) > 0:
        imbalance = 0.0
    start, sigma = draw(sizes, sign * imbalance, scale=10**log_scale, seed=seed)
    t = np.concatenate([[0], np.geomspace(1e-3, 1e5, 30), [np.inf]])
    found = three_layer_grams(t, start, sigma_yx=sigma, tau=1.0)
    assert np.diff(np.linalg.norm(sigma - found.product, axis=(1, 2))).max() < 1e-9
    traces = [np.trace(a, axis1=1, axis2=2) for a in (found.last, found.first)]
    size = np.max(traces)
    expected = sign * imbalance * n_hidden
    np.testing.assert_allclose(traces[0] - traces[1], expected, atol=1e-11 * size)


def test_all_but_parallel_columns_fall_back_on_a_slower_way():
    rng = np.random.default_rng(9)
    rows, ones = rng.standard_normal((3, 2)), np.array([1e-9, 1e-9])
    rows[:, 1] = rows[:, 0] + 1e-7 * rows[:, 1]
    found = _over_root(rows, np.ones((3, 1)), ones)
    with mpmath.workdps(60):
        exact = mpmath.matrix(rows.tolist())
        gram = exact.T * exact + mpmath.diag([mpmath.mpf(x) ** 2 for x in ones])
        expected = np.array((exact * gram**-1 * exact.T).tolist(), dtype=float)
    found = found @ found.T
    np.testing.assert_allclose(found, expected, atol=1e-8)


GOOD = {
    "t": 1.0,
    "weights": (np.eye(2), np.eye(2)),
    "sigma_yx": np.eye(2),
    "tau": 1.0,
}


@pytest.mark.parametrize("function", [three_layer_map, three_layer_grams])
@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"t": -1.0}, "t must not be negative, got -1.0"),
        ({"t": np.nan}, "t must not be negative, got nan"),
        ({"t": "now"}, "t must be real numbers"),
        ({"weights": (np.eye(2),)}, r"weights must be two matrices \(three layers\), got 1"),
        ({"weights": (np.eye(2),) * 3}, "weights must be two matrices"),
        (
            {"weights": (np.eye(2), np.diag([1.0, 2.0]))},
            "weights must be balanced.* to 1e-10 of the sum of their squares, got 1.5 times the "
            "identity and 1.5 beside it",
        ),
        ({"weights": (np.eye(2), 1e200 * np.eye(2))}, r"weights must not be beyond 1e\+150"),
        ({"sigma_yx": np.eye(3)}, r"sigma_yx must have shape \(2, 2\).* got \(3, 3\)"),
        ({"sigma_yx": [[np.inf, 0], [0, 1]]}, "sigma_yx must be finite, got inf"),
        ({"tau": 0.0}, "tau must be a finite number above 0, got 0"),
    ],
)
def test_what_is_refused(function, changes, message):
    arguments = GOOD | changes
    with pytest.raises((TypeError, ValueError), match=message):
        function(arguments.pop("t"), arguments.pop("weights"), **arguments)


def test_rounding_of_a_start_is_no_imbalance():
    first, last = (w.copy() for w in draw((3, 2, 2), 0.2)[0])
    last[0, 0] += 1e-12
    three_layer_map(1.0, (first, last), sigma_yx=np.ones((2, 3)), tau=1.0)
    last[0, 0] += 1e-6
    with pytest.raises(ValueError, match=r"weights must be balanced.* got 0\.2 times"):
        three_layer_map(1.0, (first, last), sigma_yx=np.ones((2, 3)), tau=1.0)
