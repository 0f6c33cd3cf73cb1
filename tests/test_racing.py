"""Tests of dlnlib.racing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from dlnlib import _arithmetic, racing
from dlnlib.correlations import Correlations, from_data, modes
from dlnlib.initial_conditions import decoupled, small_random
from dlnlib.racing import race, tanh_race
from dlnlib.training import gradient_descent, linear, tanh_gradient_descent


def data(n_inputs=5, n_outputs=3, seed=0):
    """Return correlations of inputs that are neither white nor aligned with the targets."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((30, n_inputs)) * np.linspace(0.5, 2, n_inputs)
    return from_data(x, x @ rng.standard_normal((n_inputs, n_outputs)))


def exhaustive(start, c, *, learning_rates, threshold, max_steps):
    """Run every rate by itself to its end, at full width."""
    return [
        gradient_descent(start, c, learning_rate=rate, n_steps=max_steps, threshold=threshold)
        for rate in learning_rates
    ]


def check_against_grid(start, c, at_once=None, **grid):
    """Require that a race finds what the grid contains, and return it."""
    result = race(start, c, at_once=at_once, **grid)
    runs = exhaustive(start, c, **grid)
    times = [float(r.n_steps) if r.status == "threshold" else np.inf for r in runs]
    best = min(times)
    assert result.learning_time == best
    if best < np.inf:
        winners = [r for r, t in zip(grid["learning_rates"], times, strict=True) if t == best]
        assert result.learning_rate == max(winners)
    else:
        assert np.isnan(result.learning_rate)
    for run, status, n_steps in zip(runs, result.status, result.n_steps, strict=True):
        # A rate may be given up whatever would have become of it; all else is as in the grid.
        if status == "given up":
            assert run.status != "threshold" or run.n_steps >= best
            assert n_steps <= run.n_steps
        else:
            assert (status, n_steps) == (run.status, run.n_steps)
    return result


def easy(n_layers=3, width=7, seed=0):
    c = data(seed=seed)
    return decoupled(modes(c), (5, *[width] * (n_layers - 2), 3), u0=0.01, rng=seed), c


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("n_layers", [2, 3, 5])
@pytest.mark.parametrize("at_once", [None, 1, 4])
def test_a_race_finds_what_the_whole_grid_finds(n_layers, seed, at_once):
    start, c = easy(n_layers, seed=seed)
    rates = np.logspace(-1, -5, 12)
    grid = dict(learning_rates=rates, threshold=0.05 * c.trace_yy, max_steps=300)
    result = check_against_grid(start, c, at_once, **grid)
    assert result.learning_time < np.inf
    assert set(result.status) >= {"threshold", "given up"}
    # The first step of two layers may win before any rate has had the time to diverge.
    assert "diverged" in result.status or n_layers == 2


@pytest.mark.parametrize("at_once", [None, 3])
def test_random_starts_race_too(at_once):
    c = data()
    start = small_random((5, 6, 4, 3), scale=0.3, rng=7)
    rates = np.logspace(-1.5, -4, 9)
    check_against_grid(
        start, c, at_once, learning_rates=rates, threshold=0.1 * c.trace_yy, max_steps=200
    )


@pytest.mark.parametrize("order", [[0, 1, 2, 3, 4], [4, 2, 0, 3, 1], [4, 3, 2, 1, 0]])
@pytest.mark.parametrize("at_once", [None, 1, 2])
def test_of_rates_that_tie_the_largest_wins(order, at_once):
    # A step of a single weight shrinks what is missing by one minus the rate: 0.5 to 0.6 all
    # need three.
    c = Correlations(np.eye(1), [[1.0]], 1.0, 1)
    rates = np.array([0.45, 0.5, 0.55, 0.6, 0.3])[order]
    grid = dict(learning_rates=rates, threshold=0.01, max_steps=20)
    result = check_against_grid((np.zeros((1, 1)),), c, at_once, **grid)
    assert (result.learning_time, result.learning_rate) == (3, 0.6)


def test_a_start_that_is_already_there_needs_no_steps():
    start, c = easy()
    grid = dict(learning_rates=[1e-4, 1e-3], threshold=c.trace_yy, max_steps=5)
    assert check_against_grid(start, c, **grid).learning_time == 0


@pytest.mark.parametrize("max_steps", [1, 31, 32, 33, 64, 65])
@pytest.mark.parametrize("at_once", [None, 2])
def test_when_none_arrives_all_are_run_to_the_end(max_steps, at_once):
    start, c = easy()
    grid = dict(learning_rates=[1e-6, 1e-5, 3e-6], threshold=1e-3, max_steps=max_steps)
    result = check_against_grid(start, c, at_once, **grid)
    assert result.learning_time == np.inf
    assert list(result.status) == ["completed"] * 3
    assert list(result.n_steps) == [max_steps] * 3


def test_when_all_diverge_none_wins():
    start, c = easy()
    result = check_against_grid(
        start, c, learning_rates=[10.0, 1.0, 3.0], threshold=1e-3, max_steps=100
    )
    assert list(result.status) == ["diverged"] * 3


@pytest.mark.parametrize("steps_short", [0, 1])
@pytest.mark.parametrize("at_once", [None, 1])
def test_the_last_step_counts(steps_short, at_once):
    start, c = easy()
    rates = [2e-3, 1e-3]
    grid = dict(learning_rates=rates, threshold=0.05 * c.trace_yy)
    needed = int(race(start, c, max_steps=1000, **grid).learning_time)
    result = check_against_grid(start, c, at_once, max_steps=needed - steps_short, **grid)
    assert result.learning_time == (np.inf if steps_short else needed)


def test_divergence_is_measured_from_the_start_however_slow_it_is():
    # The residual of a single weight grows by 5 % a step: a factor of 10**6 takes 142 steps, in
    # none of which a short stretch looks alarming.
    c = Correlations(np.eye(1), [[1.0]], 1.0, 1)
    for rates in ([2.05], [2.05, 2.051]):
        grid = dict(learning_rates=rates, threshold=1e-9, max_steps=1000)
        result = check_against_grid((np.zeros((1, 1)),), c, **grid)
        assert set(result.status) == {"diverged"}
        assert 100 < result.n_steps[0] < 200


def test_slower_rates_are_given_up():
    start, c = easy()
    rates = [2e-3, 1e-5, 1e-6]
    result = race(start, c, learning_rates=rates, threshold=0.05 * c.trace_yy, max_steps=10**9)
    assert list(result.status) == ["threshold", "given up", "given up"]
    assert result.n_steps.max() == result.learning_time


@pytest.mark.parametrize(("width", "reduce"), [(3, True), (200, True), (200, False)])
def test_width_does_not_matter(width, reduce):
    start, c = easy(4, width)
    grid = dict(learning_rates=np.logspace(-2, -4, 6), threshold=0.05 * c.trace_yy, max_steps=500)
    narrow = race(easy(4, 5)[0], c, **grid)
    wide = race(start, c, reduce=reduce, **grid)
    assert wide.learning_time == narrow.learning_time
    assert wide.learning_rate == narrow.learning_rate


def test_ctrl_c_is_pythons_own(monkeypatch):
    def interrupted(*arguments, **keywords):
        raise KeyboardInterrupt

    monkeypatch.setattr(_arithmetic, "add_product", interrupted)
    start, c = easy()
    with pytest.raises(KeyboardInterrupt):
        race(start, c, learning_rates=[1e-3, 1e-4], threshold=0.05 * c.trace_yy, max_steps=100)


def random_wide(width=210, seed=3):
    """Return a network so wide, and so random, that it is run at its own width."""
    c = data()
    return small_random((5, width, width, 3), scale=width**-0.5, rng=seed), c


def test_wide_networks_race_one_rate_at_a_time():
    start, c = random_wide()
    assert racing._is_wide(linear(start, c))
    grid = dict(learning_rates=np.logspace(-1, -4, 10), threshold=0.1 * c.trace_yy, max_steps=200)
    ranks, above = set(), _arithmetic.above

    def watched(weights):
        ranks.add(weights[0].ndim)
        return above(weights)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_arithmetic, "above", watched)
        result = race(start, c, **grid)
    assert ranks == {2}  # stepped in place, not as a batch of one
    assert set(result.status) == {"diverged", "threshold", "given up"}
    check_against_grid(start, c, **grid)


@pytest.mark.parametrize("at_once", [1, 2, None])
@pytest.mark.parametrize("patience", [1, 2, 5])
def test_an_impatient_race_gives_up_smaller_rates_untried(patience, at_once):
    start, c = easy()
    grid = dict(learning_rates=np.logspace(-1, -6, 20), threshold=0.05 * c.trace_yy, max_steps=999)
    whole = check_against_grid(start, c, **grid)
    result = race(start, c, patience=patience, at_once=at_once, **grid)
    assert result[:2] == whole[:2]
    tried = np.flatnonzero(result.n_steps)
    winner = np.argmax(np.asarray(grid["learning_rates"]) == whole.learning_rate)
    step = 20 if at_once is None else at_once
    assert winner + patience <= tried.max() < winner + patience + step
    assert np.all(result.status[tried.max() + 1 :] == "given up")


def test_rates_that_tie_do_not_lose():
    # Rates of 0.6 to 0.5 all need three steps, 0.45 needs more.
    c = Correlations(np.eye(1), [[1.0]], 1.0, 1)
    grid = dict(learning_rates=[0.6, 0.55, 0.5, 0.45, 0.4], threshold=0.01, max_steps=20)
    result = race((np.zeros((1, 1)),), c, patience=1, at_once=1, **grid)
    assert list(result.status) == ["threshold"] * 3 + ["given up"] * 2
    assert list(result.n_steps) == [3, 3, 3, 3, 0] and result.learning_rate == 0.6


def test_patience_waits_for_a_winner():
    # What has only been lost to divergence, or to slowness, is no reason to stop.
    start, c = easy()
    rates = [10.0, 5.0, 3.0, 2e-3, 1e-3]
    grid = dict(learning_rates=rates, threshold=0.05 * c.trace_yy, max_steps=999)
    assert race(start, c, patience=1, at_once=1, **grid)[:2] == race(start, c, **grid)[:2]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"learning_rates": []}, "non-empty vector"),
        ({"learning_rates": 1e-3}, "non-empty vector"),
        ({"learning_rates": [1e-3, 0.0]}, "learning_rates must be positive, got 0.0"),
        ({"learning_rates": [1e-3, np.nan]}, "learning_rates must be finite, got nan"),
        ({"threshold": -1.0}, "threshold must be a finite number above 0"),
        ({"max_steps": 0}, "max_steps must be an integer of at least 1"),
        ({"max_steps": 1.5}, "max_steps must be an integer of at least 1"),
        ({"at_once": 0}, "at_once must be an integer of at least 1"),
        ({"patience": 0}, "patience must be an integer of at least 1"),
    ],
)
def test_a_race_refuses_what_makes_no_sense(change, message):
    start, c = easy()
    arguments = dict(learning_rates=[1e-3], threshold=1.0, max_steps=10) | change
    with pytest.raises(ValueError, match=message):
        race(start, c, **arguments)


def test_what_is_no_problem_does_not_race():
    start, c = easy()
    for problem in (None, start, tuple(linear(start, c))):
        with pytest.raises(TypeError, match=r"problem must be a Problem, as training\.linear"):
            racing.fastest(problem, learning_rates=[1e-3], threshold=1.0, max_steps=10)
    with pytest.raises(TypeError, match="correlations must be a Correlations"):
        race(start, None, learning_rates=[1e-3], threshold=1.0, max_steps=10)


def test_whole_floats_count():
    start, c = easy()
    grid = dict(learning_rates=[1e-2, 1e-3, 1e-4], threshold=0.05 * c.trace_yy)
    floats = race(start, c, max_steps=1e3, at_once=np.float64(2), patience=2.0, **grid)
    assert floats[:2] == race(start, c, max_steps=1000, at_once=2, patience=2, **grid)[:2]


def test_a_race_names_the_least_error_that_there_is():
    start, c = easy()
    noisy = replace(c, trace_yy=c.trace_yy + 2)  # targets that no input knows of: a floor of 1
    with pytest.raises(ValueError, match=r"threshold must not be below 1\.?.*, got 0\.9"):
        race(start, noisy, learning_rates=[1e-3], threshold=0.9, max_steps=10)


def test_a_race_has_one_start():
    c = data()
    starts = small_random((5, 4, 3), scale=0.1, rng=0, n_starts=2)
    with pytest.raises(ValueError, match="without batch axes"):
        race(starts, c, learning_rates=[1e-3], threshold=1.0, max_steps=10)


@pytest.mark.parametrize("at_once", [None, 1, 2])
def test_a_race_of_tanh_networks_finds_what_the_whole_grid_finds(at_once):
    rng = np.random.default_rng(8)
    x, y = rng.standard_normal((12, 4)), rng.standard_normal((12, 2))
    start = small_random((4, 9, 9, 2), scale=0.4, rng=rng)
    grid = dict(learning_rates=np.logspace(0, -3, 9), threshold=8.0, max_steps=300)
    result = tanh_race(start, x, y, at_once=at_once, **grid)
    times = []
    for rate in grid["learning_rates"]:
        run = tanh_gradient_descent(start, x, y, learning_rate=rate, threshold=8.0, n_steps=300)
        times.append(run.n_steps if run.status == "threshold" else np.inf)
    assert np.isfinite(times).sum() > 1 and np.isinf(times).any()
    assert result.learning_time == min(times)
    assert result.learning_rate == grid["learning_rates"][np.argmin(times)]


def test_only_one_start_races():
    starts = small_random((5, 4, 3), scale=0.1, rng=0, n_starts=2)
    with pytest.raises(ValueError, match=r"problem must be one start .* got shape \(2, 4, 5\)"):
        racing.fastest(linear(starts, data()), learning_rates=[1e-3], threshold=9.0, max_steps=5)


def test_wide_tanh_networks_race_all_at_once(monkeypatch):
    sizes, original = set(), racing._repeated

    def watched(problem, n):
        sizes.add(n)
        return original(problem, n)

    monkeypatch.setattr(racing, "_repeated", watched)
    start = small_random((4, 220, 2), scale=0.1, rng=1)
    x, y = np.eye(4), np.ones((4, 2))
    tanh_race(start, x, y, learning_rates=[1e-2, 1e-3, 1e-4], threshold=1e-3, max_steps=3)
    assert sizes == {3}
