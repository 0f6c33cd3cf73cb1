"""Tests of dlnlib.exact as a whole: arguments broadcast, and bad ones are named.

What the closed forms say is tested in a file for each room.
"""

from __future__ import annotations

import inspect
import itertools
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracles import EPS, TAU, call

from dlnlib import exact

FLOW = {"s": 2.0, "tau": TAU}
DEPTH = {"n_layers": [2, 3, 4, 10], "d": 1.0}
ARMS = {"a0": 0.1, "b0": -0.3}
# Arguments of all closed forms of one mode; those that are taken apart are not of one mode.
CALLS = {
    exact.mode_strength: {"t": 5.0, "u0": 0.1, **FLOW, **DEPTH},
    exact.learning_time: {"u0": 0.1, "uf": 1.5, **FLOW, **DEPTH},
    exact.half_learning_time: {"u0": 0.1, **FLOW, **DEPTH},
    exact.optimal_learning_time: {"u0": 0.1, "uf": 1.5, "s": 2.0, **DEPTH},
    exact.infinite_depth_mode_strength: {"scaled_t": 5.0, "u0": 0.1, "d": 1.0, **FLOW},
    exact.infinite_depth_learning_time: {"u0": 0.1, "uf": 1.5, "d": 1.0, **FLOW},
    exact.infinite_depth_optimal_learning_time: {"u0": 0.1, "uf": 1.5, "s": 2.0, "d": 1.0},
    exact.unbalanced_mode_strength: {"t": 5.0, "d": 1.0, **ARMS, **FLOW},
    exact.unbalanced_layer_strengths: {"t": 5.0, "d": 1.0, **ARMS, **FLOW},
    exact.unbalanced_learning_time: {"uf": 1.5, "d": 1.0, **ARMS, **FLOW},
    exact.curvature_along_path: {"a": 0.5, **FLOW, **DEPTH},
    exact.curvature_across_path: {"a": 0.5, **FLOW, **DEPTH, "n_layers": [3, 4, 10]},
    exact.largest_curvature: {"a": 0.5, **FLOW, **DEPTH},
    exact.newton_step: {"a": 0.5, "s": 2.0, **DEPTH},
    exact.stable_learning_rate: {"s": 2.0, **DEPTH},
    exact.optimal_learning_rate: {"s": 2.0, **DEPTH},
    exact.growth_per_step: {"u": 0.3, "s": 2.0, "learning_rate": 0.1, **DEPTH},
    exact.momentum_growth_rate: {"s": 2.0, "learning_rate": 0.1, "momentum": 0.5},
    exact.momentum_relaxation: {"s": 2.0, "learning_rate": 0.1, "momentum": 0.5, "n_layers": 3},
    exact.frictionless_mode_strength: {"t": 5.0, "u0": 0.1, **FLOW},
}
NOT_OF_ONE_MODE = {
    exact.LayerStrengths, exact.dropout_mode_strengths, exact.hierarchical_singular_values,
    exact.ThreeLayerGrams, exact.three_layer_grams, exact.three_layer_map,
    exact.chain_learning_time, exact.end_to_end_flow, exact.end_to_end_velocity,
    exact.NoisyModes, exact.TeacherErrors, exact.generalisation_error, exact.noisy_modes,
    exact.noisy_teacher_errors, exact.optimal_stopping_time, exact.training_error,
}  # fmt: skip

by_function = pytest.mark.parametrize("function", CALLS, ids=lambda f: f.__name__)


def test_all_functions_are_here():
    assert set(CALLS) | NOT_OF_ONE_MODE == {getattr(exact, name) for name in exact.__all__}


@by_function
def test_all_arguments_broadcast_and_scalars_give_scalars(function):
    """An array of each argument on an axis of its own is the scalar call at each point."""
    names = list(CALLS[function])
    axes = [
        np.atleast_1d(v if name == "n_layers" else [v, 1.1 * v])
        for name, v in CALLS[function].items()
    ]
    points = [dict(zip(names, point, strict=True)) for point in itertools.product(*axes)]
    each = [call(function, point) for point in points]
    results = call(function, dict(zip(names, np.ix_(*axes), strict=True)))
    if not isinstance(results, tuple):
        results, each = (results,), [(x,) for x in each]
    for result, scalars in zip(results, zip(*each, strict=True), strict=True):
        assert isinstance(result, np.ndarray) and result.shape == tuple(map(len, axes))
        assert all(isinstance(x, float) for x in scalars)
        np.testing.assert_allclose(result.ravel(), scalars, rtol=4 * EPS)
        # Every argument counts; of modes that ring, the decay rate depends on momentum alone.
        assert len(set(scalars)) > len(scalars) / 5
    empty = call(function, points[0] | {"s": []})
    assert all(x.shape == (0,) for x in (empty if isinstance(empty, tuple) else (empty,)))


@by_function
def test_variables_come_by_position_and_the_rest_by_name(function):
    """In the one order that the package states; a mode comes first where it is all there is."""
    order = ("s", "u0", "a0", "b0", "tau", "learning_rate", "momentum", "n_layers", "d")
    parameters = inspect.signature(function).parameters.values()
    first = [p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]
    named = [p.name for p in parameters if p.kind is p.KEYWORD_ONLY]
    assert first and named == sorted(named, key=order.index)
    assert ("s" in first) == (first == ["s"])


# From the least to the largest double, and what lies between.
SIZES = st.floats(0, allow_infinity=False) | st.floats(-323, 308).map(lambda x: 10.0**x)


@by_function
@given(data=st.data())
def test_every_argument_gives_a_value_or_a_refusal(function, data):
    """Never NaN, and never a warning, which here is an error."""
    drawn = {name: data.draw(SIZES, name) for name in CALLS[function]}
    drawn |= {"n_layers": data.draw(st.integers(2, 10**6))} if "n_layers" in drawn else {}
    if "momentum" in drawn:
        drawn["momentum"] = data.draw(st.floats(0, 1))
    for name in {"a0", "b0"} & set(drawn):
        drawn[name] *= data.draw(st.sampled_from([1, -1]))
    if "uf" in drawn:
        low = drawn["u0"] if "u0" in drawn else np.clip(drawn["a0"] * drawn["b0"], -1e308, 1e308)
        drawn["uf"] = low + data.draw(st.floats(0, 1)) * (drawn["s"] - low)
    try:
        found = call(function, drawn)
    except ValueError as refusal:
        assert re.search("must|broadcast", str(refusal))
    else:
        assert not np.isnan(found).any()


# Bad input

ANY_SIGN = {"a0", "b0"}
POSITIVE = {"tau", "d", "learning_rate"}


@by_function
def test_bad_input_is_named(function):
    good = {k: np.min(v) for k, v in CALLS[function].items()}
    bad = {name: [(np.nan, "finite"), (-np.inf, "finite")] for name in good}
    for name in good:
        if name in POSITIVE or (name == "s" and "optimal_learning_time" in function.__name__):
            bad[name] += [(0.0, "positive"), (-2.0, "positive")]
        elif name == "n_layers":
            bad[name] += [(n, "integer of at least 2") for n in (1, 0, -3, 2.5)]
        elif name == "momentum":
            bad[name] += [(x, "from 0 to 1") for x in (-0.1, 1.5)]
        elif name not in ANY_SIGN and not (name == "uf" and "a0" in good):
            bad[name] += [(-0.5, "not be negative")]
    for name, cases in bad.items():
        for value, requirement in cases:
            with pytest.raises(ValueError, match=rf"^{name} must .*{requirement}.*got {value}"):
                call(function, good | {name: np.array([good[name], value])})


@by_function
def test_shapes_that_do_not_broadcast_are_named(function):
    good = {k: np.min(v) for k, v in CALLS[function].items()}
    last = list(good)[-1] if list(good)[-1] != "s" else next(iter(good))
    values = {"s": np.ones(2) * good["s"], last: np.ones(3) * good[last]}
    with pytest.raises(ValueError, match=r"^shapes must broadcast together, got .*\(2,\)"):
        call(function, good | values)


@by_function
@pytest.mark.parametrize("not_a_number", ["1", None, 1j, [object()]])
def test_what_is_no_number_is_a_type_error(function, not_a_number):
    good = {k: np.min(v) for k, v in CALLS[function].items()}
    for name in good:
        with pytest.raises(TypeError, match=f"^{name} must be real numbers, got "):
            call(function, good | {name: not_a_number})


RESCALED = [f for f in CALLS if "d" in CALLS[f] and f is not exact.growth_per_step]


@pytest.mark.parametrize("function", RESCALED, ids=lambda f: f.__name__)
def test_an_input_correlation_must_leave_the_mode_in_range(function):
    """Of s / d, tau / d and 1 / d, which results depend on, none may overflow or vanish."""
    good = {k: np.min(v) for k, v in CALLS[function].items()}
    for s, d in ((1e10, 1e-308), (1e10, 5e-324), (1e-5, 1e-310)):
        with pytest.raises(ValueError, match=f"^d must not take s / d .*out of range, got {d}$"):
            call(function, good | {"s": s, "d": d})
    if "tau" in good:
        with pytest.raises(ValueError, match=r"^d must not take s / d or tau / d out of range"):
            call(function, good | {"tau": 1e-300, "d": 1e100})


unbalanced = exact.unbalanced_learning_time


@pytest.mark.parametrize(
    "function, arguments, got",
    [
        (exact.learning_time, {"u0": 0.1, "uf": 1.5, "s": 1.0}, (0.1, 1.0, 1.5)),
        (exact.learning_time, {"u0": 0.1, "uf": [0.5, 0.01], "s": 1.0}, (0.1, 1.0, 0.01)),
        (exact.learning_time, {"u0": 3.0, "uf": 0.9, "s": 1.0}, (3.0, 1.0, 0.9)),
        (exact.learning_time, {"u0": 3.0, "uf": 3.5, "s": 1.0}, (3.0, 1.0, 3.5)),
        (exact.infinite_depth_learning_time, {"u0": 0.1, "uf": 1.5, "s": 1.0}, (0.1, 1.0, 1.5)),
        (
            exact.unbalanced_learning_time,
            {"uf": 1.5, "a0": 1, "b0": 0.5, "s": 1},
            (0.5, 1.0, 1.5),
        ),
        (
            exact.unbalanced_learning_time,
            {"uf": -0.7, "a0": 1, "b0": -0.5, "s": 1},
            (-0.5, 1.0, -0.7),
        ),
        (
            exact.unbalanced_learning_time,
            {"uf": 0.1, "a0": 1, "b0": -1, "s": 1},
            (-1.0, 0.0, 0.1),
        ),
    ],
)
def test_a_strength_that_is_never_reached_is_refused(function, arguments, got):
    message = "uf must lie between .* {} and .* {} .*got {}$".format(*got)
    with pytest.raises(ValueError, match=message):
        call(function, arguments | {"tau": TAU})


def test_half_of_the_strength_must_lie_ahead():
    with pytest.raises(ValueError, match=r"^u0 must be at most s / .*, got 0\.6$"):
        exact.half_learning_time([0.4, 0.6], s=1.0, tau=TAU)


ONE = {"s": 1.0, "n_layers": 3}


MODE = {"s": 1.0, "n_layers": 3}
BAD = {
    "a must not be negative": lambda: exact.largest_curvature(-0.1, tau=1.0, **MODE),
    "a must be finite": lambda: exact.newton_step(np.nan, **MODE),
    "s must not be negative": lambda: exact.stable_learning_rate(-1.0),
    "tau must be positive": lambda: exact.curvature_along_path(0.5, tau=0.0, **MODE),
    "n_layers must be an integer": lambda: exact.optimal_learning_rate(1.0, n_layers=2.5),
    "n_layers must be at least 3": lambda: exact.curvature_across_path(
        0.5, s=1.0, tau=1.0, n_layers=2
    ),
    "d must be finite": lambda: exact.newton_step(0.5, d=np.inf, **MODE),
    "d must not take s / d": lambda: exact.stable_learning_rate(1e200, d=1e-200),
    r"u0 must be at most s / \(2 d\)": lambda: exact.half_learning_time(0.3, s=1.0, tau=1.0, d=2.0),
    r"final strength 0\.5": lambda: exact.learning_time(0.1, 0.7, s=1.0, tau=1.0, d=2.0),
    "uf must lie between": lambda: exact.optimal_learning_time(0.1, 0.7, d=2.0, **MODE),
    "s must be positive": lambda: exact.optimal_learning_time(0.1, 0.05, s=0.0),
    "shapes must broadcast together, got a": lambda: exact.newton_step([0.1, 0.2], s=[1, 2, 3]),
}  # fmt: skip


@pytest.mark.parametrize("message, call", BAD.items(), ids=BAD)
def test_bad_arguments_are_named(message, call):
    with pytest.raises(ValueError, match=message):
        call()
