"""Tests of dlnlib.training."""

from __future__ import annotations

import functools
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

from dlnlib import _arithmetic, networks, training
from dlnlib.correlations import Correlations, Modes, diagonal, from_data, modes
from dlnlib.exact import mode_strength, unbalanced_mode_strength
from dlnlib.initial_conditions import decoupled, small_random
from dlnlib.networks import error, gradient, mode_strengths
from dlnlib.tanh_networks import correlation as tanh_correlation
from dlnlib.tanh_networks import error as tanh_error
from dlnlib.training import (
    Outcome,
    crossing_time,
    gradient_descent,
    gradient_flow,
    linear,
    tanh_gradient_descent,
)

# Two orders of the same sums, over some hundred steps of descent.
REORDERING = 1e-9
# Integration at the default tolerances, over the times used here.
INTEGRATION = 1e-8
# Rounding in sums of at most a few hundred terms, relative to the largest.
ROUNDING = 1e-12


def examples(n_inputs=4, n_outputs=3, n_examples=4, seed=10):
    """Return one-hot inputs, or Gaussian ones where there are more examples than inputs."""
    rng = np.random.default_rng(seed)
    one_hot = n_examples == n_inputs
    x = np.eye(n_inputs) if one_hot else rng.standard_normal((n_examples, n_inputs))
    return x, rng.standard_normal((n_examples, n_outputs))


def plain_loop(weights, x, y, *, learning_rate, n_steps, tanh=False):
    """Descend the error example by example, with nothing clever; return every step's outputs."""
    first, second = (np.array(w) for w in weights)
    correlations, errors = [], []
    for step in range(n_steps + 1):
        outputs = np.zeros_like(y)
        grow_first, grow_second = np.zeros_like(first), np.zeros_like(second)
        for mu in range(len(x)):
            hidden = np.tanh(first @ x[mu]) if tanh else first @ x[mu]
            outputs[mu] = second @ hidden
            miss = y[mu] - outputs[mu]
            slope = 1 - hidden**2 if tanh else 1.0
            grow_first += np.outer(slope * (second.T @ miss), x[mu])
            grow_second += np.outer(miss, hidden)
        correlations.append(outputs.T @ x)
        errors.append(0.5 * np.sum((y - outputs) ** 2))
        if step < n_steps:
            first += learning_rate * grow_first
            second += learning_rate * grow_second
    return (first, second), np.array(correlations), np.array(errors)


def descend(weights, x, y, *, tanh=False, **options):
    if tanh:
        return tanh_gradient_descent(weights, x, y, **options)
    return gradient_descent(weights, from_data(x, y), **options)


def assert_all_close(found, expected, tolerance):
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, atol=tolerance * max(1.0, np.abs(b).max()), rtol=0)


both_networks = pytest.mark.parametrize("tanh", [False, True], ids=["linear", "tanh"])


# Descent against a plain loop


@both_networks
@pytest.mark.parametrize("n_examples", [4, 9], ids=["one-hot", "general"])
@pytest.mark.parametrize("n_outputs", [2, 3, 1000])
def test_descent_is_the_plain_loop(tanh, n_examples, n_outputs):
    x, y = examples(n_outputs=n_outputs, n_examples=n_examples)
    start = small_random((4, 3, n_outputs), scale=0.1, rng=0)
    options = {"learning_rate": 0.01 / n_outputs, "n_steps": 300}
    m = modes(from_data(x, y))
    run = descend(start, x, y, tanh=tanh, modes=m, **options)
    weights, correlations, errors = plain_loop(start, x, y, tanh=tanh, **options)
    assert_all_close(run.weights, weights, REORDERING)
    np.testing.assert_allclose(run.errors, errors, rtol=REORDERING)
    diagonal = np.einsum("oa,toi,ai->ta", m.U, correlations, m.Vt)
    if not tanh:
        diagonal = np.array([mode_strengths(w, m) for w in intermediate(start, x, y, **options)])
    np.testing.assert_allclose(run.mode_strengths, diagonal, atol=REORDERING * m.s[0])
    assert run.status == "completed" and run.n_steps == 300
    np.testing.assert_array_equal(run.times, np.arange(301))


def intermediate(weights, x, y, *, learning_rate, n_steps):
    """Return the weights at every step, from the library's gradient."""
    data, path = from_data(x, y), [weights]
    for _ in range(n_steps):
        slopes = gradient(path[-1], data)
        path.append(tuple(w - learning_rate * g for w, g in zip(path[-1], slopes, strict=True)))
    return path


@pytest.mark.parametrize("sizes", [(4, 50), (4, 3, 50), (4, 5, 3, 50), (4, 2, 6, 2, 50)])
def test_deep_descent_is_repeated_gradient_steps(sizes):
    x, y = examples(n_outputs=50, n_examples=9)
    start = small_random(sizes, scale=0.4, rng=1)
    run = gradient_descent(start, from_data(x, y), learning_rate=1e-4, n_steps=100)
    path = intermediate(start, x, y, learning_rate=1e-4, n_steps=100)
    assert_all_close(run.weights, path[-1], REORDERING)
    expected = [error(w, from_data(x, y)) for w in path]
    np.testing.assert_allclose(run.errors, expected, rtol=REORDERING)


# Fewer outputs to compute


@both_networks
@pytest.mark.parametrize("degenerate", ["zero", "in span", "one column zero", "equal columns"])
def test_reduction_survives_degenerate_last_layers(tanh, degenerate):
    x, y = examples(n_outputs=40)
    first, second = small_random((4, 3, 40), scale=0.2, rng=2)
    second = {
        "zero": np.zeros_like(second),
        "in span": y.T[:, :3].copy(),
        "one column zero": second * [0.0, 1.0, 1.0],
        "equal columns": second[:, [0, 0, 1]],
    }[degenerate]
    options = {"learning_rate": 2e-3, "n_steps": 200}
    run = descend((first, second), x, y, tanh=tanh, **options)
    weights, _, errors = plain_loop((first, second), x, y, tanh=tanh, **options)
    assert_all_close(run.weights, weights, REORDERING)
    np.testing.assert_allclose(run.errors, errors, rtol=REORDERING)


@both_networks
def test_reduction_survives_targets_of_low_rank(tanh):
    x, y = examples(n_outputs=40)
    y[1] = y[0]
    y[2] = 0
    start = small_random((4, 3, 40), scale=0.2, rng=3)
    options = {"learning_rate": 2e-3, "n_steps": 200}
    run = descend(start, x, y, tanh=tanh, **options)
    assert_all_close(run.weights, plain_loop(start, x, y, tanh=tanh, **options)[0], REORDERING)


@both_networks
def test_reduction_steps_few_outputs(tanh):
    x, y = examples(n_outputs=1000)
    start = small_random((4, 3, 1000), scale=0.1, rng=4, n_starts=2)
    if tanh:
        problem = training.tanh(start, x, y)
    else:
        problem = linear(start, from_data(x, y))
    assert problem.start[-1].shape[-2] <= 4 + 3 + len(x) * tanh
    assert_all_close(problem.restore(problem.start), start, ROUNDING)


@both_networks
def test_modes_outside_the_span_of_the_targets_are_recorded_all_the_same(tanh):
    x, y = examples(n_outputs=40)
    rng = np.random.default_rng(5)
    other = Modes(np.linalg.qr(rng.standard_normal((40, 2)))[0], np.array([2.0, 1.0]), np.eye(2, 4))
    start = small_random((4, 3, 40), scale=0.2, rng=rng)
    options = {"learning_rate": 2e-3, "n_steps": 50, "modes": other}
    run = descend(start, x, y, tanh=tanh, **options)
    final = tanh_correlation(run.weights, x) if tanh else networks.product(run.weights)
    expected = np.einsum("oa,oi,ai->a", other.U, final, other.Vt)
    np.testing.assert_allclose(run.mode_strengths[-1], expected, atol=1e2 * ROUNDING)
    assert np.abs(expected).max() > 1e-3


# Batches


@both_networks
@pytest.mark.parametrize("n_outputs", [3, 60])
@settings(max_examples=10)
@given(batch=st.sampled_from([(1,), (3,), (2, 2)]))
def test_a_batch_is_a_loop_over_starts(tanh, n_outputs, batch):
    x, y = examples(n_outputs=n_outputs)
    n_starts = int(np.prod(batch))
    flat = small_random((4, 3, n_outputs), scale=0.3, rng=6, n_starts=n_starts)
    start = [w.reshape(*batch, *w.shape[1:]) for w in flat]
    rates = (np.geomspace(1, 3, n_starts) * 1e-2 / n_outputs).reshape(batch)
    options = {"n_steps": 60, "modes": modes(from_data(x, y)), "record_every": 7}
    options["threshold"] = 0.45 * np.sum(y**2)
    run = descend(start, x, y, tanh=tanh, learning_rate=rates, **options)
    for i in np.ndindex(batch):
        one = descend([w[i] for w in start], x, y, tanh=tanh, learning_rate=rates[i], **options)
        assert_all_close([w[i] for w in run.weights], one.weights, REORDERING)
        assert run.status[i] == one.status and run.n_steps[i] == one.n_steps
        shared = run.times[:-1] < one.times[-1]
        np.testing.assert_allclose(
            run.errors[:-1][shared][(slice(None), *i)], one.errors[:-1], rtol=REORDERING
        )
        np.testing.assert_allclose(
            run.mode_strengths[-1][i], one.mode_strengths[-1], atol=REORDERING * 50
        )


def test_a_batch_in_gradient_flow_is_a_loop_over_starts():
    data = from_data(*examples())
    start = [
        w.reshape(2, 3, *w.shape[1:]) for w in small_random((4, 5, 3), scale=0.3, rng=7, n_starts=6)
    ]
    m, times = modes(data), [0.0, 0.7, 2.0]
    flow = gradient_flow(start, data, times=times, modes=m)
    assert [w.shape for w in flow.weights] == [(3, 2, 3, 5, 4), (3, 2, 3, 3, 5)]
    assert flow.errors.shape == (3, 2, 3) and flow.mode_strengths.shape == (3, 2, 3, 3)
    for i in np.ndindex(2, 3):
        one = gradient_flow([w[i] for w in start], data, times=times, modes=m)
        assert_all_close([w[(slice(None), *i)] for w in flow.weights], one.weights, ROUNDING)
        np.testing.assert_allclose(flow.errors[(slice(None), *i)], one.errors, rtol=ROUNDING)


# Theory


@pytest.mark.parametrize("n_layers", [2, 3, 4, 7])
def test_flow_from_a_decoupled_start_is_the_exact_solution(n_layers):
    s, u0, tau = np.array([3.0, 2.0, 0.5]), np.array([0.01, 0.1, 0.7]), 2.0
    data = Correlations(np.eye(4), rotated(s), 99.0, 4)
    m = modes(data)
    start = decoupled(m, (4, *[5] * (n_layers - 2), 3), u0=u0, rng=8)
    times = np.linspace(0, 12, 13)
    flow = gradient_flow(start, data, times=times, tau=tau, modes=m)
    exact = mode_strength(times[:, None], s=s, u0=u0, tau=tau, n_layers=n_layers)
    np.testing.assert_allclose(flow.mode_strengths, exact, atol=INTEGRATION)
    lost = 0.5 * (99.0 - np.sum(exact * (2 * s - exact), axis=1))
    np.testing.assert_allclose(flow.errors, lost, atol=10 * INTEGRATION)


def rotated(s):
    """Return a 3 x 4 matrix with these singular values."""
    rng = np.random.default_rng(9)
    left, right = (np.linalg.qr(rng.standard_normal((n, n)))[0] for n in (3, 4))
    return left * s @ right[:3]


def test_flow_from_unequal_layers_is_the_exact_solution():
    data = Correlations([[1.0]], [[2.0]], 4.0, 1)
    times = np.linspace(0, 4, 9)
    flow = gradient_flow(([[0.9]], [[-0.3]]), data, times=times, modes=modes(data))
    exact = unbalanced_mode_strength(times, a0=0.9, b0=-0.3, s=2.0, tau=1.0)
    np.testing.assert_allclose(flow.mode_strengths[:, 0], exact, atol=INTEGRATION)


@pytest.mark.parametrize("sizes", [(4, 5, 3), (4, 3, 6, 2, 3)])
def test_descent_approaches_flow_at_first_order(sizes):
    data = from_data(*examples(n_examples=9))
    start = small_random(sizes, scale=0.4, rng=10)
    flow = gradient_flow(start, data, times=[0.2])
    gaps = []
    for n_steps in (100, 200, 400, 800):
        run = gradient_descent(start, data, learning_rate=0.2 / n_steps, n_steps=n_steps)
        layers = zip(run.weights, flow.weights, strict=True)
        gaps.append(np.sqrt(sum(np.sum((w - v[0]) ** 2) for w, v in layers)))
    slope = np.polyfit(np.log([1, 2, 4, 8]), np.log(gaps), 1)[0]
    # One, and a second-order term that fades as steps shrink.
    assert slope == pytest.approx(-1, abs=0.05)


@pytest.mark.parametrize("sizes", [(4, 5, 3), (4, 2, 6, 3)])
def test_flow_conserves_the_balance_of_layers(sizes):
    data = from_data(*examples(n_examples=9))
    start = small_random(sizes, scale=0.5, rng=11)
    weights = gradient_flow(start, data, times=[0.0, 0.1, 1.0, 3.0]).weights
    for down, up in pairwise(weights):
        balance = np.swapaxes(up, 1, 2) @ up - down @ np.swapaxes(down, 1, 2)
        np.testing.assert_allclose(balance, np.broadcast_to(balance[0], balance.shape), atol=1e-7)


@both_networks
def test_error_never_rises_at_a_stable_rate(tanh):
    x, y = examples()
    s = modes(from_data(x, y)).s[0]
    start = small_random((4, 5, 3), scale=0.1, rng=12, n_starts=8)
    # The curvature at the balanced end of the strongest mode is 2 s; a step is stable below 1 / s.
    run = descend(start, x, y, tanh=tanh, learning_rate=0.4 / s, n_steps=400)
    assert np.diff(run.errors, axis=0).max() < ROUNDING * run.errors[0].max()
    assert np.all(run.status == "completed")


def test_error_oscillates_above_the_stable_rate():
    data = Correlations(np.eye(1), [[2.0]], 4.0, 1)
    start = ([[1.4]], [[1.4]])
    below, above = (
        gradient_descent(start, data, learning_rate=rate, n_steps=200) for rate in (0.49, 0.51)
    )
    assert below.errors[-1] < 1e-3 * below.errors[0] and above.errors[-1] > above.errors[0]


def test_flow_gives_the_start_at_time_zero_and_slows_with_tau():
    data = from_data(*examples())
    start = small_random((4, 5, 3), scale=0.3, rng=13)
    assert_all_close(gradient_flow(start, data, times=[0.0]).weights, [w[None] for w in start], 0)
    slow = gradient_flow(start, data, times=[0.0, 100.0], tau=100.0)
    assert_all_close(slow.weights, gradient_flow(start, data, times=[0, 1]).weights, INTEGRATION)
    assert slow.mode_strengths is None


# Stopping


@both_networks
def test_threshold_stops_at_the_first_step_below_it(tanh):
    x, y = examples()
    start = small_random((4, 5, 3), scale=0.2, rng=14, n_starts=5)
    options = {"learning_rate": 0.02, "n_steps": 400}
    full = descend(start, x, y, tanh=tanh, **options)
    threshold = 0.5 * (full.errors[0].mean() + full.errors[-1].mean())
    run = descend(start, x, y, tanh=tanh, threshold=threshold, record_every=1000, **options)
    first = (full.errors < threshold).argmax(axis=0)
    assert len(set(first)) > 1
    np.testing.assert_array_equal(run.n_steps, first)
    assert np.all(run.status == "threshold")
    np.testing.assert_array_equal(run.times, [0, first.max()])
    # Every start stays where it stopped while the slower ones go on.
    np.testing.assert_allclose(run.errors[-1], full.errors[first, np.arange(5)], rtol=REORDERING)


def test_a_start_below_the_threshold_takes_no_step():
    data = Correlations(np.eye(1), [[2.0]], 4.0, 1)
    run = gradient_descent(
        ([[1.0]], [[1.9]]), data, learning_rate=0.1, n_steps=9, threshold=0.1, modes=modes(data)
    )
    assert run.status == "threshold" and run.n_steps == 0
    assert run.errors.shape == (1,) and run.mode_strengths.shape == (1, 1)
    assert_all_close(run.weights, ([[1.0]], [[1.9]]), 0)


def test_a_threshold_that_is_not_reached():
    data = from_data(*examples())
    start = small_random((4, 5, 3), scale=0.1, rng=15)
    run = gradient_descent(start, data, learning_rate=1e-3, n_steps=5, threshold=1e-9)
    assert run.status == "completed" and run.n_steps == 5


def test_a_threshold_has_to_be_passed():
    data = Correlations(np.eye(1), [[1.0]], 1.0, 1)
    run = gradient_descent([[[0.0]]], data, learning_rate=0.1, n_steps=0, threshold=0.5)
    assert run.errors[0] == 0.5 and run.status == "completed"


def test_a_good_start_may_lose_all_that_it_had_before_it_counts_as_diverged():
    # Off by 1e-9, the error grows 10**4-fold a step: small beside that of putting out zeros.
    data = Correlations(np.eye(1), [[1.0]], 1.0, 1)
    run = gradient_descent([[[1.0 + 1e-9]]], data, learning_rate=101.0, n_steps=3)
    assert run.errors[-1] > 1e6 * 1e-18 and run.status == "completed"


def test_rounding_below_zero_is_not_a_threshold():
    # Seeds for which the error from correlations ends at some -1e-15.
    for seed in (3, 4):
        rng = np.random.default_rng(seed)
        data = from_data(np.eye(3), rng.standard_normal((3, 3)))
        start = 0.3 * rng.standard_normal((2, 3, 3))
        run = gradient_descent(start, data, learning_rate=0.05, n_steps=3000, record_every=3000)
        assert run.status == "completed" and run.n_steps == 3000


def test_no_steps_at_all():
    data, start = from_data(*examples()), small_random((4, 5, 3), scale=0.1, rng=16)
    run = gradient_descent(start, data, learning_rate=0.1, n_steps=0)
    assert run.status == "completed" and run.errors.shape == (1,)
    assert_all_close(run.weights, start, 0)


@pytest.mark.parametrize(
    ("n_steps", "every", "times"), [(10, 4, [0, 4, 8, 10]), (8, 4, [0, 4, 8]), (3, 9, [0, 3])]
)
def test_records_the_start_the_end_and_every_so_often(n_steps, every, times):
    data, start = from_data(*examples()), small_random((4, 5, 3), scale=0.1, rng=17)
    options = {"learning_rate": 0.1, "n_steps": n_steps, "modes": modes(data)}
    run = gradient_descent(start, data, record_every=every, **options)
    full = gradient_descent(start, data, **options)
    np.testing.assert_array_equal(run.times, times)
    np.testing.assert_array_equal(run.errors, full.errors[times])
    np.testing.assert_array_equal(run.mode_strengths, full.mode_strengths[times])


def test_starts_are_left_as_they_were():
    x, y = examples()
    start = small_random((4, 5, 3), scale=0.1, rng=18)
    before = [w.copy() for w in start]
    for tanh in (False, True):
        descend(start, x, y, tanh=tanh, learning_rate=0.1, n_steps=5)
    gradient_flow(start, from_data(x, y), times=[0, 1])
    assert_all_close(start, before, 0)


# Divergence


@both_networks
@pytest.mark.parametrize("learning_rate", [3.0, 1e5, 1e200])
@pytest.mark.parametrize("n_outputs", [3, 60])
@pytest.mark.parametrize("n_examples", [4, 9], ids=["one-hot", "general"])
def test_divergence_is_reported_with_finite_weights(tanh, learning_rate, n_outputs, n_examples):
    x, y = examples(n_outputs=n_outputs, n_examples=n_examples)
    start = small_random((4, 5, n_outputs), scale=0.5, rng=19)
    m = modes(from_data(x, y))
    run = descend(start, x, y, tanh=tanh, learning_rate=learning_rate, n_steps=500, modes=m)
    assert run.status == "diverged"
    assert 0 < run.n_steps < 500 and run.times[-1] == run.n_steps
    assert all(np.isfinite(w).all() for w in run.weights)
    assert np.isfinite(run.mode_strengths).all()
    limit = 1e6 * max(run.errors[0], 0.5 * np.sum(y**2))
    assert np.all(run.errors[:-1] <= limit) and run.errors[-1] > limit


@both_networks
def test_others_go_on_when_some_diverge(tanh):
    x, y = examples()
    start = small_random((4, 5, 3), scale=0.3, rng=20, n_starts=4)
    rates = np.array([0.02, 50.0, 0.02, 1e150])
    options = {"n_steps": 300, "modes": modes(from_data(x, y))}
    run = descend(start, x, y, tanh=tanh, learning_rate=rates, **options)
    np.testing.assert_array_equal(run.status, ["completed", "diverged"] * 2)
    assert run.n_steps[0] == run.n_steps[2] == 300 > run.n_steps[1] >= run.n_steps[3]
    assert all(np.isfinite(w).all() for w in run.weights)
    for i in (0, 2):
        alone = descend([w[i] for w in start], x, y, tanh=tanh, learning_rate=0.02, **options)
        assert_all_close([w[i] for w in run.weights], alone.weights, REORDERING)
        np.testing.assert_allclose(run.errors[:, i], alone.errors, atol=1e2 * ROUNDING)


@pytest.mark.parametrize("size", [1e80, 1e120, 1e160])
def test_a_start_whose_error_overflows_has_diverged(size):
    data = from_data(*examples())
    start = [np.full(shape, size) for shape in [(3, 4), (3, 3), (3, 3)]]
    run = gradient_descent(start, data, learning_rate=0.1, n_steps=10)
    assert run.status == "diverged" and run.n_steps == 0
    assert_all_close(run.weights, start, 0)


def test_a_large_start_that_learns_has_not_diverged():
    data = Correlations(np.eye(1), [[2.0]], 4.0, 1)
    run = gradient_descent(([[1e4]], [[1e4]]), data, learning_rate=1e-9, n_steps=100)
    assert run.status == "completed" and run.errors[-1] < run.errors[0]


def test_a_flow_that_cannot_be_integrated_says_so():
    # The weights fall by 10**80 at once: no step is that short.
    with pytest.raises(RuntimeError, match=r"stopped before t = 9.0: Required step size"):
        gradient_flow([1e80 * np.eye(2)] * 2, diagonal([3.0, 1.0]), times=[1.0, 9.0])
    with pytest.raises(ValueError, match="weights must be so small that their velocity is finite"):
        gradient_flow([1e200 * np.eye(2)] * 2, diagonal([3.0, 1.0]), times=[1.0, 9.0])


# Flows that have come to rest


def tightly(start, data, times):
    """Integrate gradient flow at a hundredth of the library's tolerances, to the end."""
    sizes = np.cumsum([w.size for w in start])

    def layers(flat):
        pieces = zip(np.split(flat, sizes[:-1]), start, strict=True)
        return [p.reshape(w.shape) for p, w in pieces]

    def velocity(_, flat):
        return np.concatenate([-g.ravel() for g in gradient(layers(flat), data)])

    flat = np.concatenate([w.ravel() for w in start])
    span, tolerances = (0, times[-1]), {"rtol": 1e-12, "atol": 1e-14}
    path = solve_ivp(velocity, span, flat, "DOP853", times, max_step=0.2, **tolerances)
    return [layers(column) for column in path.y.T]


@pytest.fixture
def evaluations(monkeypatch):
    """Count how often flows ask for their velocity."""
    calls, slopes = [], _arithmetic.gradient

    def counted(weights, data):
        calls.append(1)
        return slopes(weights, data)

    monkeypatch.setattr(_arithmetic, "gradient", counted)
    return calls


def resting():
    """Return starts that come to rest: at minima of several kinds, and at a saddle."""
    rng, x, y = np.random.default_rng(41), *examples(n_examples=9)
    general, plain = from_data(x, y), diagonal([3.0, 1.0])
    yield "two modes", [0.1 * np.eye(2)] * 2, plain
    yield "six layers", [0.6 * np.eye(2)] * 6, plain
    yield "one layer", [rng.standard_normal((3, 4))], general
    yield "wide", small_random((4, 6, 6, 3), scale=0.4, rng=rng), general
    yield "less rank than the data", small_random((4, 2, 3), scale=0.4, rng=rng), general
    yield "less data than outputs", small_random((2, 3, 2), scale=0.7, rng=rng), diagonal([3, 0.0])
    yield "a mode that is missing", [np.diag([0.1, 0.0])] * 2, plain


@pytest.mark.parametrize(("start", "data"), [pytest.param(*c, id=n) for n, *c in resting()])
def test_what_has_come_to_rest_costs_nothing_more(evaluations, start, data):
    costs = []
    for end in (1e3, 1e6, 1e9):
        evaluations.clear()
        flow = gradient_flow(start, data, times=[end])
        costs.append(len(evaluations))
        slopes = gradient([w[0] for w in flow.weights], data)
        assert max(np.abs(g).max() for g in slopes) < INTEGRATION
    assert costs[0] == costs[1] == costs[2]


@pytest.mark.parametrize(("start", "data"), [pytest.param(*c, id=n) for n, *c in resting()])
def test_the_way_to_rest_is_that_of_a_tighter_integrator(start, data):
    times = np.linspace(0, 20, 9)
    flow = gradient_flow(start, data, times=[*times, 1e9])
    # Which of all minima it is, the balance of the layers says, which flow conserves.
    assert_all_close(
        networks.imbalance([w[-1] for w in flow.weights]), networks.imbalance(start), INTEGRATION
    )
    for i, weights in enumerate(tightly(start, data, times)):
        # Between steps at the limit of stability the integrator loses digits: 2.5e-7 was seen.
        assert_all_close([w[i] for w in flow.weights], weights, 1e-6)


@pytest.mark.parametrize("u0", [1e-12, 1e-30, 1e-60])
def test_a_plateau_is_no_rest(u0):
    # A hundred steps along the first mode's plateau, the second grows unseen.
    s, data = np.array([3.0, 1.0]), diagonal([3.0, 1.0])
    start = [np.diag([0.1, np.sqrt(u0)])] * 2
    times = [*np.linspace(0, 200, 41), 1e6]
    flow = gradient_flow(start, data, times=times, modes=modes(data), atol=1e-60)
    exact = mode_strength(np.array(times)[:, None], s=s, u0=np.array([0.01, u0]), tau=1.0)
    np.testing.assert_allclose(flow.mode_strengths, exact, atol=10 * INTEGRATION)


def test_a_saddle_flat_to_second_order_is_left():
    # Of five layers: the second mode's matrices grow like s a**3, and leave at 1 / (2 s a**2).
    s, u0 = np.array([3.0, 0.5]), np.array([0.7, 0.1]) ** 4
    data, times = diagonal(s), np.array([80.0, 1e6])
    flow = gradient_flow([np.diag(u0**0.25)] * 4, data, times=times, modes=modes(data))
    exact = mode_strength(times[:, None], s=s, u0=u0, tau=1.0, n_layers=5)
    assert 2 * u0[1] < exact[0, 1] < 0.1
    np.testing.assert_allclose(flow.mode_strengths, exact, rtol=1e-6)


def test_a_start_at_a_saddle_stays_and_one_beside_it_does_not():
    data = diagonal([3.0, 1.0])
    saddle = np.diag([np.sqrt(3.0), 0.0])
    stays, leaves = (
        gradient_flow([saddle + np.diag([0.0, a])] * 2, data, times=[1e6], modes=modes(data))
        for a in (0.0, 1e-9)
    )
    np.testing.assert_allclose(stays.mode_strengths, [[3.0, 0.0]], atol=INTEGRATION)
    np.testing.assert_allclose(leaves.mode_strengths, [[3.0, 1.0]], atol=INTEGRATION)


def test_a_slow_direction_relaxes_at_its_own_rate(evaluations):
    # Without hidden units w = (1 - exp(-d t)) s / d; steps that follow d = 1 would be thousands.
    d, times = np.array([1.0, 1e-4]), np.array([1e3, 1e4, 3e4, 1e6])
    flow = gradient_flow([np.zeros((2, 2))], diagonal([1.0, 1e-4], d), times=times)
    assert len(evaluations) < 2000
    for w, t in zip(flow.weights[0], times, strict=True):
        np.testing.assert_allclose(w, np.diag(1 - np.exp(-d * t)), atol=INTEGRATION)


def test_what_moves_where_the_error_is_flat_is_not_at_rest():
    # The second input varies by 1e-16 of the first, beyond rounding of any curvature.
    data = Correlations(np.diag([1.0, 1e-16]), np.diag([1.0, 1e-9]), 2.0, 2)
    (weights,) = gradient_flow([np.zeros((2, 2))], data, times=[1e4]).weights
    np.testing.assert_allclose(weights[0], np.diag([1.0, 1e-5]), rtol=1e-6, atol=1e-9)


def test_weights_that_decay_like_a_power_of_time_are_not_at_rest():
    # A mode without target: a' = -a**3, so that a = a0 / sqrt(1 + 2 a0**2 t).
    data, times = diagonal([0.0]), np.array([1.0, 1e2, 1e4])
    flow = gradient_flow([[[0.5]], [[0.5]]], data, times=times)
    exact = 0.5 / np.sqrt(1 + 0.5 * times)
    np.testing.assert_allclose(flow.weights[0][:, 0, 0], exact, atol=INTEGRATION)


# Interruption


@both_networks
def test_ctrl_c_is_pythons_own_and_leaves_the_start_as_it_was(monkeypatch, tanh):
    x, y = examples()
    start = small_random((4, 5, 3), scale=0.2, rng=21)
    before = [w.copy() for w in start]
    add, calls = _arithmetic.add_product, []

    def interrupted(*arguments, **keywords):
        calls.append(1)
        if len(calls) == 7:
            raise KeyboardInterrupt
        add(*arguments, **keywords)

    monkeypatch.setattr(_arithmetic, "add_product", interrupted)
    with pytest.raises(KeyboardInterrupt):
        descend(start, x, y, tanh=tanh, learning_rate=1e-3, n_steps=1000)
    assert len(calls) == 7
    assert_all_close(start, before, 0)


def test_a_run_in_legs_is_the_whole_run():
    data, start = from_data(*examples()), small_random((4, 5, 3), scale=0.2, rng=22)
    whole = gradient_descent(start, data, learning_rate=0.01, n_steps=60)
    leg = gradient_descent(start, data, learning_rate=0.01, n_steps=25)
    leg = gradient_descent(leg.weights, data, learning_rate=0.01, n_steps=35)
    assert_all_close(leg.weights, whole.weights, REORDERING)


# Problems of one's own


def parabola(dtype=np.float64, batch=()):
    """Return a problem that is no network: half the square of a single number."""

    def evaluate(current):
        (w,) = current
        return training.Evaluation(
            0.5 * w[..., 0, 0] ** 2, np.zeros((0, 0)), lambda: [(0, None, -w)]
        )

    start = np.ones((*batch, 1, 1), dtype=dtype)
    return training.Problem((start,), evaluate, 0.5, lambda: 0.0)


@pytest.mark.parametrize("batch", [(), (3,), (2, 2)])
def test_anything_that_can_be_evaluated_is_descended(batch):
    run = training.descend(parabola(batch=batch), learning_rate=0.5, n_steps=9, threshold=1e-3)
    assert np.all(run.n_steps == 5) and np.all(run.status == "threshold")
    np.testing.assert_array_equal(run.weights[0], np.full((*batch, 1, 1), 0.5**5))


def test_a_start_that_could_not_move_is_refused():
    for dtype in (np.int64, np.float16, np.longdouble):
        with pytest.raises(ValueError, match=r"dtype must be numpy\.float64 or numpy\.float32"):
            training.descend(parabola(dtype), learning_rate=0.5, n_steps=1)


def test_a_batch_of_no_starts_has_no_results():
    data = from_data(*examples())
    none = [np.zeros((0, 5, 4)), np.zeros((0, 3, 5))]
    run = gradient_descent(none, data, learning_rate=0.1, n_steps=4, modes=modes(data))
    assert run.errors.shape[1:] == (0,) and run.mode_strengths.shape[1:] == (0, 3)


def test_a_matrix_that_can_not_be_changed_in_place_is_not():
    p, d = np.ones((2, 3)), np.ones((2, 4))
    sealed = np.zeros((3, 4))
    sealed.flags.writeable = False
    with pytest.raises(ValueError, match="read-only"):
        _arithmetic.add_product(sealed, p, d)
    for w in (np.zeros((3, 4), order="F"), np.zeros((6, 8))[::2, ::2]):
        _arithmetic.add_product(w, p, d)
        np.testing.assert_array_equal(w, np.full((3, 4), 2.0))


# Outcomes


def test_every_outcome_has_its_sentence():
    for outcome in Outcome:
        assert outcome.sentence.endswith(".") and outcome == str(outcome)
        assert list(Outcome.DIVERGED.for_all(2)) == ["diverged"] * 2
        room = Outcome.DIVERGED.for_all(1)
        room[:] = outcome
        assert room[0] == outcome


def test_a_batch_ends_with_the_first_to_arrive_if_told_to():
    data, start = from_data(*examples()), small_random((4, 5, 3), scale=0.2, rng=23)
    starts = [np.stack([w] * 3) for w in start]
    goal = 0.5 * error(start, data)
    options = dict(learning_rate=[1e-4, 1e-2, 1e3], n_steps=4000, threshold=goal)
    first = training.descend(linear(starts, data), until="one arrives", **options)
    alone = gradient_descent(start, data, **options | {"learning_rate": 1e-2})
    assert list(first.status) == ["completed", "threshold", "diverged"]
    assert first.n_steps[0] == first.n_steps[1] == alone.n_steps > first.n_steps[2]
    assert_all_close([w[1] for w in first.weights], alone.weights, REORDERING)
    slow = gradient_descent(start, data, learning_rate=1e-4, n_steps=int(alone.n_steps))
    assert_all_close([w[0] for w in first.weights], slow.weights, REORDERING)


@pytest.mark.parametrize("n_steps", [5, 150])
def test_outputs_are_rotated_however_short_the_run(monkeypatch, n_steps):
    sizes, above = set(), _arithmetic.above

    def watched(weights):
        sizes.add(weights[-1].shape[-2])
        return above(weights)

    monkeypatch.setattr(_arithmetic, "above", watched)
    x, y = examples(n_outputs=200)
    start = small_random((4, 3, 200), scale=0.1, rng=4)
    gradient_descent(start, from_data(x, y), learning_rate=1e-5, n_steps=n_steps)
    assert sizes == {7}


def test_what_is_no_problem_is_not_descended():
    problem = linear(START, DATA)
    for other in (None, START, tuple(problem)):
        with pytest.raises(TypeError, match=r"problem must be a Problem, as training\.linear"):
            training.descend(other, **RATE)


def test_until_is_one_of_two():
    problem = linear(START, DATA)
    with pytest.raises(ValueError, match="'all stop', 'one arrives', got 'soon'"):
        training.descend(problem, until="soon", **RATE)


# Crossing times


def test_crossing_time_inverts_a_recorded_course():
    s, u0, times = np.array([4.0, 1.0]), 1e-3, np.linspace(0, 12, 4001)
    u = mode_strength(times[:, None], s=s, u0=u0, tau=1.0)
    crossing = crossing_time(times, u, s / 2)
    exact = np.log((s - u0) / u0) / (2 * s)
    # Linear interpolation errs by an eighth of curvature times spacing squared, over the slope.
    np.testing.assert_allclose(crossing, exact, atol=1e-5)


def test_crossing_time_of_starts_and_modes():
    values = np.array([[[0.0, 2.0], [0.0, 0.0]], [[1.0, 2.0], [0.0, 0.5]], [[0.0, 2.0], [0, 1.5]]])
    expected = [[2.0, 1.0], [np.inf, 4.0]]
    np.testing.assert_allclose(
        crossing_time([1, 3, 5], values, 0.5 * np.ones(2)), [[2, 1], [np.inf, 3]]
    )
    np.testing.assert_allclose(crossing_time([1, 3, 5], values, [0.5, 1.0]), expected)


def test_crossing_time_of_one_course_is_a_number():
    assert crossing_time([0, 1, 2], [0.0, 1.0, 4.0], 2.5) == 1.5
    assert crossing_time([0, 1, 2], [0.0, 1.0, 4.0], 1.0) == 1.0
    assert crossing_time([0, 1, 2], [3.0, 1.0, 4.0], 2.5) == 0.0
    assert crossing_time([0, 1, 2], [0.0, 1.0, 4.0], 4.0) == 2.0
    assert crossing_time([0, 1, 2], [0.0, 1.0, np.inf], 2.5) == 1.0
    assert crossing_time([0], [0.0], 1.0) == np.inf


# What is refused

DATA = from_data(*examples())
START = small_random((4, 5, 3), scale=0.1, rng=24, n_starts=2)
RATE = {"learning_rate": 0.1, "n_steps": 1}


@both_networks
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"learning_rate": 0.0}, "learning_rate must be positive, got 0.0"),
        ({"learning_rate": -1.0}, "learning_rate must be positive"),
        ({"learning_rate": np.nan}, "learning_rate must be finite"),
        ({"learning_rate": [0.1, np.inf]}, "learning_rate must be finite"),
        ({"learning_rate": np.ones(3)}, r"shape \(3,\) must broadcast to .* \(2,\)"),
        ({"n_steps": -1}, "n_steps must be an integer of at least 0, got -1"),
        ({"n_steps": 1.5}, "n_steps must be an integer of at least 0, got 1.5"),
        ({"n_steps": None}, "n_steps must be an integer of at least 0, got None"),
        ({"record_every": 0}, "record_every must be an integer of at least 1, got 0"),
        ({"threshold": 0.0}, "threshold must be a finite number above 0, got 0.0"),
        ({"threshold": np.nan}, "threshold must be a finite number above 0, got nan"),
        ({"modes": modes(from_data(*examples(5, 3, 5)))}, "5 inputs to 3 outputs to go with modes"),
        ({"modes": modes(from_data(*examples(4, 9)))}, "4 inputs to 9 outputs to go with modes"),
    ],
)
def test_descent_refuses(tanh, options, message):
    with pytest.raises((TypeError, ValueError), match=message):
        descend(START, *examples(), tanh=tanh, **RATE | options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"times": []}, r"finite, non-empty vector, got shape \(0,\)"),
        ({"times": 1.0}, r"finite, non-empty vector, got shape \(\)"),
        ({"times": [0.0, np.nan]}, "times must be finite, got nan"),
        ({"times": [-1.0, 1.0]}, "must ascend from 0 or later"),
        ({"times": [1.0, 0.5]}, "must ascend from 0 or later"),
        ({"times": [1.0, 1.0]}, "must ascend from 0 or later"),
        ({"tau": 0.0}, "tau must be a finite number above 0, got 0.0"),
        ({"tau": np.inf}, "tau must be a finite number above 0, got inf"),
        ({"modes": modes(from_data(*examples(5, 3, 5)))}, "5 inputs to 3 outputs to go with modes"),
        ({"rtol": 1e-15}, "rtol must be a finite number of at least 2.2.*got 1e-15"),
        ({"rtol": -1.0}, "rtol must be a finite number"),
        ({"rtol": 1.0}, "rtol must be a finite number"),
        ({"rtol": np.nan}, "rtol must be a finite number"),
        ({"rtol": np.inf}, "rtol must be a finite number"),
        ({"atol": 0.0}, "atol must be a finite number above 0, got 0.0"),
        ({"atol": np.nan}, "atol must be a finite number above 0, got nan"),
        ({"atol": [1e-12, 1e-12]}, r"atol must be one number, got shape \(2,\)"),
    ],
)
def test_flow_refuses(options, message):
    with pytest.raises(ValueError, match=message):
        gradient_flow(START, DATA, **{"times": [0.0, 1.0]} | options)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"correlations": None}, "correlations must be a Correlations, as correlations.from_data"),
        ({"correlations": (DATA.sigma_xx, DATA.sigma_yx)}, "correlations must be a Correlations"),
        ({"modes": "abc"}, "modes must be a sequence of three arrays, U, s and Vt, got 'abc'"),
        ({"modes": (np.eye(3), [np.nan] * 3, np.eye(3, 4))}, "modes must be finite, got nan"),
        ({"modes": (np.ones((3, 3)), [3, 2, 1], np.eye(3, 4))}, "modes must be orthonormal"),
        ({"modes": modes(from_data(*examples(4, 9)))}, "4 inputs to 9 outputs to go with modes"),
        ({"weights": None}, "weights must be a sequence of matrices, got None"),
        ({"weights": [np.ones((3, 4), dtype=complex)]}, "weights must be real numbers"),
    ],
)
def test_every_way_to_learn_refuses_what_is_no_data(change, message):
    ways = (
        (linear, {}),
        (gradient_descent, RATE),
        (gradient_flow, {"times": [0.0, 1.0]}),
    )
    for learn, options in ways:
        with pytest.raises((TypeError, ValueError), match=message):
            learn(**{"weights": START, "correlations": DATA, **options} | change)


def test_modes_are_any_decomposition():
    U, s, Vt = np.linalg.svd(DATA.sigma_yx, full_matrices=False)
    for svd in ((U, s, Vt), [U.tolist(), s.tolist(), Vt.tolist()], Modes(U, s, Vt)):
        flow = gradient_flow(START, DATA, times=[1.0], modes=svd)
        run = gradient_descent(START, DATA, modes=svd, **RATE)
        np.testing.assert_array_equal(
            flow.mode_strengths[0], mode_strengths([w[0] for w in flow.weights], Modes(U, s, Vt))
        )
        np.testing.assert_allclose(
            run.mode_strengths[-1], mode_strengths(run.weights, Modes(U, s, Vt)), rtol=REORDERING
        )


def test_whole_floats_are_steps():
    floats = gradient_descent(START, DATA, learning_rate=0.1, n_steps=1e1, record_every=5.0)
    whole = gradient_descent(START, DATA, learning_rate=0.1, n_steps=10, record_every=5)
    assert_all_close(floats.weights, whole.weights, 0)
    np.testing.assert_array_equal(floats.times, whole.times)


def test_networks_that_do_not_fit_are_refused():
    wrong = small_random((5, 5, 3), scale=0.1, rng=25)
    for call in (
        lambda: gradient_descent(wrong, DATA, **RATE),
        lambda: gradient_flow(wrong, DATA, times=[1.0]),
    ):
        with pytest.raises(
            ValueError, match=r"map the 4 inputs .* to its 3 outputs, got .*\(3, 5\)"
        ):
            call()
    with pytest.raises(ValueError, match="x must be a finite matrix with 5 columns"):
        tanh_gradient_descent(wrong, *examples(), **RATE)
    with pytest.raises(ValueError, match="two matrices"):
        tanh_gradient_descent((np.ones((3, 4)),), *examples(), **RATE)


@pytest.mark.parametrize(
    ("times", "values", "message"),
    [
        ([0, 1, 2], [[1.0], [2.0]], r"one entry for each of the 3 times.*got shape \(2, 1\)"),
        ([0, 2, 1], [1.0, 2.0, 3.0], "must ascend"),
        ([], [], "non-empty vector"),
        ([0, 1, np.nan], [1.0, 2.0, 3.0], "times must be finite, got nan"),
        ([0, 1, 2], [0.0, np.nan, 3.0], "values must be numbers, or infinite, got nan"),
        ([0, 1, 2], [-np.inf, 1.0, 3.0], "values must be numbers, or infinite, got -inf"),
        ([0, 1, 2], [0.0, 1j, 3.0], "values must be real numbers"),
        ([0, 1, 2], ["0", "1", "2"], "values must be real numbers"),
        ([0, 1, 2], None, "values must be real numbers, got None"),
    ],
)
def test_crossing_time_refuses(times, values, message):
    with pytest.raises((TypeError, ValueError), match=message):
        crossing_time(times, values, 0.5)


@pytest.mark.parametrize(
    ("level", "message"),
    [
        (np.nan, "level must be finite, got nan"),
        ("0.5", "level must be real numbers, got '0.5'"),
        ([0.5, 0.5, 0.5], r"level must broadcast to the shape \(2,\) .*, got shape \(3,\)"),
        ([[0.5], [0.5]], r"level must broadcast to the shape \(2,\) .*, got shape \(2, 1\)"),
    ],
)
def test_crossing_time_refuses_levels(level, message):
    with pytest.raises((TypeError, ValueError), match=message):
        crossing_time([0, 1], [[0.0, 0.0], [1.0, 1.0]], level)


def test_crossing_time_does_not_overflow():
    assert crossing_time([0, 2], [-1.5e308, 1.5e308], 0.0) == 1.0


def test_tanh_error_is_that_of_the_run():
    x, y = examples(n_outputs=60)
    run = tanh_gradient_descent(
        small_random((4, 5, 60), scale=0.2, rng=26), x, y, learning_rate=1e-3, n_steps=20
    )
    assert run.errors[-1] == pytest.approx(tanh_error(run.weights, x, y), rel=ROUNDING)


# Wide layers, whose gradients are added in place


def wide_start(seed=31):
    """Return a network wide enough to be cut into blocks, of widths that no block divides."""
    x, y = examples(n_inputs=31, n_outputs=3, n_examples=50, seed=seed)
    rng = np.random.default_rng(seed)
    sizes = (31, 363, 390, 311, 3)
    weights = [rng.standard_normal((m, n)) / np.sqrt(n) for n, m in pairwise(sizes)]
    return tuple(weights), from_data(x, y)


def plainly(weights, data):
    """Return map, error and gradients of a network, multiplied out with nothing clever."""

    def chain(matrices, size):
        return functools.reduce(lambda below, w: w @ below, matrices, np.eye(size))

    sizes = [weights[0].shape[1], *(len(w) for w in weights)]
    whole = chain(weights, sizes[0])
    missing = data.sigma_yx - whole @ data.sigma_xx
    error = 0.5 * (data.trace_yy - np.sum(whole * (missing + data.sigma_yx)))
    slopes = [
        -chain(weights[i + 1 :], sizes[i + 1]).T @ missing @ chain(weights[:i], sizes[0]).T
        for i in range(len(weights))
    ]
    return whole, error, slopes


@pytest.mark.parametrize("n_steps", [0, 1, 25])
@pytest.mark.parametrize("fortran", [False, True])
def test_steps_in_place_are_steps(n_steps, fortran):
    start, data = wide_start()
    if fortran:
        start = tuple(np.asfortranarray(w) for w in start)
    before = [w.copy() for w in start]
    rate = 0.05 / np.linalg.norm(data.sigma_xx, 2)
    run = gradient_descent(
        start, data, learning_rate=rate, n_steps=n_steps, modes=modes(data), record_every=7
    )
    weights, errors = start, []
    for _ in range(n_steps + 1):
        whole, missed, slopes = plainly(weights, data)
        errors.append(missed)
        last, weights = weights, [w - rate * g for w, g in zip(weights, slopes, strict=True)]
    assert_all_close(run.weights, last, REORDERING)
    np.testing.assert_allclose(run.errors, np.array(errors)[run.times.astype(int)], rtol=REORDERING)
    U, _, Vt = modes(data)
    np.testing.assert_allclose(run.mode_strengths[-1], np.diag(U.T @ whole @ Vt.T), atol=REORDERING)
    assert n_steps < 20 or errors[-1] < errors[0] / 2
    assert_all_close(start, before, 0)


def test_a_batch_sees_many_inputs_that_are_not_white():
    x, y = examples(n_inputs=400, n_outputs=3, n_examples=500, seed=7)
    data, starts = from_data(x, y), small_random((400, 6, 3), scale=0.1, rng=8, n_starts=4)
    rate = 0.05 / np.linalg.norm(data.sigma_xx, 2)
    run = gradient_descent(starts, data, learning_rate=rate, n_steps=3)
    for i in range(4):
        weights = [w[i] for w in starts]
        for _ in range(3):
            weights = [
                w - rate * g for w, g in zip(weights, plainly(weights, data)[2], strict=True)
            ]
        assert_all_close([w[i] for w in run.weights], weights, REORDERING)


def test_a_batch_that_shrinks_sees_the_same():
    x, y = examples(n_inputs=100, n_outputs=3, n_examples=130, seed=9)
    data, starts = from_data(x, y), small_random((100, 6, 3), scale=0.1, rng=10, n_starts=50)
    rates = np.where(np.arange(50) < 15, 1e3, 0.05 / np.linalg.norm(data.sigma_xx, 2))
    run = gradient_descent(starts, data, learning_rate=rates, n_steps=6)
    assert list(run.status) == ["diverged"] * 15 + ["completed"] * 35
    alone = gradient_descent([w[49] for w in starts], data, learning_rate=rates[49], n_steps=6)
    assert_all_close([w[49] for w in run.weights], alone.weights, REORDERING)


def test_large_layers_have_the_gradients_of_small_ones():
    start, data = wide_start()
    assert all(_arithmetic._is_thin(start[-1], w) for w in start[1:-1])
    assert not any(_arithmetic._is_thin(w, w) for w in start[1:-1])
    _, missed, slopes = plainly(start, data)
    assert error(start, data) == pytest.approx(missed, rel=ROUNDING)
    assert_all_close(gradient(start, data), slopes, REORDERING)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("keep", [None, 0.3])
def test_a_product_is_added_where_the_matrix_lies(dtype, keep):
    rng = np.random.default_rng(33)
    w, p, d = (rng.standard_normal(shape).astype(dtype) for shape in ((7, 5), (3, 7), (3, 5)))
    expected = (1.0 if keep is None else keep) * w + 0.5 * p.T @ d
    for factors in ((p, d), (np.asfortranarray(p), np.asfortranarray(d))):
        moved = w.copy()
        _arithmetic.add_product(moved, *factors, scale=0.5, keep=keep)
        np.testing.assert_allclose(moved, expected, rtol=100 * np.finfo(dtype).eps)
        batch = np.stack([w, w])
        _arithmetic.add_product(batch, *factors, scale=np.full((2, 1, 1), 0.5), keep=keep)
        np.testing.assert_allclose(batch[1], expected, rtol=100 * np.finfo(dtype).eps)


def test_momentum_reaches_wide_layers():
    start, data = wide_start()
    rate = 0.02 / np.linalg.norm(data.sigma_xx, 2)
    run = gradient_descent(start, data, learning_rate=rate, n_steps=3, momentum=0.5)
    weights, velocity = start, [0.0] * len(start)
    for _ in range(3):
        _, _, slopes = plainly(weights, data)
        velocity = [0.5 * v - rate * g for v, g in zip(velocity, slopes, strict=True)]
        weights = [w + v for w, v in zip(weights, velocity, strict=True)]
    assert_all_close(run.weights, weights, REORDERING)


def test_thresholds_below_the_least_error_are_refused():
    start, data = wide_start()
    floor = networks.least_error(data)
    options = {"learning_rate": 1e-5, "n_steps": 1}
    with pytest.raises(ValueError, match=r"threshold must not be below .*, got"):
        gradient_descent(start, data, threshold=0.9 * floor, **options)
    assert gradient_descent(start, data, threshold=floor, **options).status == "completed"


def test_single_precision_must_hold_weights_and_data():
    start, data = [1e30 * np.eye(2), np.eye(2)], diagonal([3.0, 1.0])
    assert training.linear(start, data, dtype=np.float32).start[0].dtype == np.float32
    for weights, moments in (([1e39 * np.eye(2)] * 2, data), (start, diagonal([1e39, 1.0]))):
        training.linear(weights, moments)
        with pytest.raises(ValueError, match="dtype must be one that holds all weights"):
            training.linear(weights, moments, dtype=np.float32)
