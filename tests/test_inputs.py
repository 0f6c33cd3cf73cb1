"""What every public function does with equivalent inputs, and with hostile ones.

Equivalent inputs are the same numbers as lists, in another memory layout, byte order or exactly
representable precision, or read-only: the results are the same to the last bit, and no argument is
modified. A hostile input is answered by a value, or by an error that names an argument.
"""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import re
import warnings
from decimal import Decimal
from fractions import Fraction
from types import GeneratorType

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import dlnlib
from dlnlib import correlations, graded_products, reduction, training

# All numbers below are exactly representable in single precision.
X = np.array([[1, 0, 2], [0, 1, 1], [3, -1, 0], [1, 1, 1], [0, 2, -1], [2, 0, 0]], dtype=float)
Y = np.array([[1, 0], [0, 1], [2, -1], [0.5, 1], [-1, 1], [1, 0]])
DATA = correlations.from_data(X, Y)
MODES = correlations.modes(DATA)
OTHER = correlations.from_data(X[:4], Y[:4])
WEIGHTS = [np.array([[4, 0, 2], [1, -3, 0], [0, 2, 1], [2, 1, -1]]) / 8, np.ones((2, 4)) / 4]
SQUARES = [np.array([[4, 1, 0], [1, -3, 1], [0, 2, 4]]) / 4, np.eye(3) / 2]
SIZES = [3, 4, 2]
T, S, U0 = np.array([0.0, 1.0, 2.5]), np.array([3.0, 2.0, 1.0]), np.array([0.5, 0.25, 0.125])
Q = np.array([0.0, 0.25, 4.0])
PROBLEM = training.linear(WEIGHTS, DATA)
PRODUCT = graded_products.graded_product(SQUARES)
REDUCTION = reduction.reduce_width(WEIGHTS, DATA)
THREE_LAYERS = {
    "t": T,
    "weights": [np.array([[3, 4, 0], [-4, 3, 0]]) / 8, 0.75 * np.eye(2)],
    "sigma_yx": Y[:3].T / 2,
    "tau": 2.0,
}
DESCENT = {"learning_rate": 0.0625, "n_steps": 3}
RACE = {"learning_rates": np.array([0.125, 0.03125]), "threshold": 4.0, "max_steps": 20}


def square(*, x):
    """Return a number by a name, as sweeps want it."""
    return {"square": x * x}


# A call that is right for every public function.
CALLS = {
    "consistency.consistency": {"correlations": DATA},
    "correlations.Correlations": {
        "sigma_xx": np.diag([2.0, 1.0]),
        "sigma_yx": np.array([[3.0, 0.0]]),
        "trace_yy": 10.0,
        "n_examples": 4,
        "sum_x": np.array([1.0, 0.5]),
        "sum_y": np.array([2.0]),
    },
    "correlations.centred": {"correlations": DATA, "like": OTHER},
    "correlations.diagonal": {"s": S, "d": 2.0},
    "correlations.from_data": {"x": X, "y": Y},
    "correlations.input_strengths": {"correlations": DATA, "modes": MODES},
    "correlations.krylov": {"correlations": DATA, "n_blocks": 2, "like": OTHER},
    "correlations.modes": {"correlations": DATA},
    "correlations.whitened": {"correlations": DATA, "epsilon": 0.5, "rank": 2, "like": OTHER},
    "correlations.per_example": {"correlations": DATA},
    "correlations.summed": {"correlations": DATA, "n_examples": 6},
    "datasets.hierarchical": {
        "n_levels": 2,
        "n_features": 5,
        "flip_probability": 0.25,
        "branching": 3,
        "rng": 0,
    },
    "datasets.living_things": {},
    "datasets.mnist": {},
    "datasets.mnist_test": {},
    "datasets.read_idx": None,
    "exact.chain_learning_time": {
        "a0": np.array([[0.5, 0.25, 1.0], [1.0, -0.5, 2.0]]),
        "uf": np.array([0.25, 0.5]),
        "s": 2.0,
        "tau": 2.0,
        "d": 1.0,
    },
    "exact.curvature_across_path": {"a": U0, "s": S, "tau": 2.0, "n_layers": 4, "d": 1.0},
    "exact.curvature_along_path": {"a": U0, "s": S, "tau": 2.0, "n_layers": 4, "d": 1.0},
    "exact.dropout_mode_strengths": {"s": S, "n_hidden": 4, "keep": 0.5},
    "exact.end_to_end_flow": {
        "times": T,
        "start": np.array([[0.25, 0.0, -0.125], [0.0, 0.5, 0.25]]),
        "sigma_yx": DATA.sigma_yx,
        "sigma_xx": DATA.sigma_xx,
        "n_layers": 4,
        "tau": 8.0,
    },
    "exact.end_to_end_velocity": {
        "W": np.array([[0.25, 0.0, -0.125], [0.0, 0.5, 0.25]]),
        "gradient": DATA.sigma_yx,
        "n_layers": 4,
    },
    "exact.frictionless_mode_strength": {"t": T, "s": S, "u0": U0, "tau": 2.0},
    "exact.generalisation_error": {
        "t": T,
        "load": S,
        "noise_variance": 0.25,
        "initial_variance": 0.5,
        "tau": 2.0,
    },
    "exact.growth_per_step": {
        "u": U0,
        "s": S,
        "learning_rate": 0.125,
        "n_layers": 4,
        "d": 1.0,
    },
    "exact.half_learning_time": {"u0": U0, "s": S, "tau": 2.0, "n_layers": 4, "d": 1.0},
    "exact.hierarchical_singular_values": {
        "n_levels": 2,
        "n_features": 5,
        "flip_probability": 0.25,
        "branching": [2, 3],
    },
    "exact.infinite_depth_learning_time": {"u0": U0, "uf": 0.75, "s": S, "tau": 2.0, "d": 1.0},
    "exact.infinite_depth_mode_strength": {
        "scaled_t": T,
        "s": S,
        "u0": U0,
        "tau": 2.0,
        "d": 1.0,
    },
    "exact.infinite_depth_optimal_learning_time": {"u0": U0, "uf": 0.75, "s": S, "d": 1.0},
    "exact.largest_curvature": {"a": U0, "s": S, "tau": 2.0, "n_layers": 4, "d": 1.0},
    "exact.learning_time": {
        "u0": U0,
        "uf": 0.75,
        "s": S,
        "tau": 2.0,
        "n_layers": 4,
        "d": 1.0,
    },
    "exact.mode_strength": {"t": T, "s": S, "u0": U0, "tau": 2.0, "n_layers": 4, "d": 1.0},
    "exact.momentum_growth_rate": {"s": S, "learning_rate": 0.125, "momentum": 0.5},
    "exact.momentum_relaxation": {
        "s": S,
        "learning_rate": 0.125,
        "momentum": 0.5,
        "n_layers": 4,
    },
    "exact.newton_step": {"a": U0, "s": S, "n_layers": 4, "d": 1.0},
    "exact.noisy_modes": {"s": S, "scale": 0.5, "aspect": U0},
    "exact.noisy_teacher_errors": {
        "t": T,
        "s": S,
        "scale": 0.5,
        "u0": 0.25,
        "tau": 2.0,
        "layer_sizes": [6, 4, 5],
    },
    "exact.optimal_learning_rate": {"s": S, "n_layers": 4, "d": 1.0},
    "exact.optimal_learning_time": {"u0": U0, "uf": 0.75, "s": S, "n_layers": 4, "d": 1.0},
    "exact.optimal_stopping_time": {
        "load": S,
        "noise_variance": 0.25,
        "initial_variance": 0.5,
        "tau": 2.0,
    },
    "exact.stable_learning_rate": {"s": S, "n_layers": 4, "d": 1.0},
    "exact.three_layer_grams": {**THREE_LAYERS},
    "exact.three_layer_map": {**THREE_LAYERS},
    "exact.training_error": {
        "t": T,
        "load": S,
        "noise_variance": 0.25,
        "initial_variance": 0.5,
        "tau": 2.0,
    },
    "exact.unbalanced_layer_strengths": {
        "t": T,
        "s": S,
        "a0": U0,
        "b0": 0.75,
        "tau": 2.0,
        "d": 1.0,
    },
    "exact.unbalanced_learning_time": {
        "a0": U0,
        "b0": 0.5,
        "uf": 0.75,
        "s": S,
        "tau": 2.0,
        "d": 1.0,
    },
    "exact.unbalanced_mode_strength": {
        "t": T,
        "s": S,
        "a0": U0,
        "b0": 0.75,
        "tau": 2.0,
        "d": 1.0,
    },
    "graded_products.gaussian_product": {"size": 3, "n_factors": 2, "rng": 0},
    "graded_products.graded_product": {"factors": SQUARES},
    "graded_products.log_eigenvalues": {"product": PRODUCT},
    "graded_products.log_singular_values": {"product": PRODUCT},
    "initial_conditions.balanced": {
        "matrix": Y[:3],
        "layer_sizes": [2, 3, 3],
        "rng": 0,
        "imbalance": 0.5,
    },
    "initial_conditions.decoupled": {
        "modes": MODES,
        "layer_sizes": SIZES,
        "u0": U0[:2],
        "rng": 0,
        "untargeted": False,
    },
    "initial_conditions.decoupled unequally": {
        "modes": MODES,
        "layer_sizes": SIZES,
        "layer_strengths": WEIGHTS[1][:, :2] * [[1.0], [2.0]],
        "rng": 0,
    },
    "initial_conditions.glorot_uniform": {"layer_sizes": SIZES, "rng": 0, "n_starts": 2},
    "initial_conditions.orthogonal": {
        "layer_sizes": SIZES,
        "rng": 0,
        "gain": 0.5,
        "n_starts": 2,
    },
    "initial_conditions.scaled_gaussian": {
        "layer_sizes": SIZES,
        "rng": 0,
        "gain": 0.5,
        "n_starts": 2,
    },
    "initial_conditions.small_random": {
        "layer_sizes": SIZES,
        "scale": 0.5,
        "rng": 0,
        "n_starts": 2,
    },
    "mean_field.correlation_fixed_point": {
        "gain": np.array([0.5, 2.0]),
        "bias": 0.5,
        "nonlinearity": "erf",
    },
    "mean_field.correlation_map": {
        "c": np.array([-1.0, 0.5, 1.0]),
        "q": 0.25,
        "gain": 1.5,
        "bias": 0.5,
        "nonlinearity": "erf",
    },
    "mean_field.critical_gain": {"bias": np.array([0.0, 0.5]), "nonlinearity": "erf"},
    "mean_field.fixed_point": {
        "gain": np.array([0.5, 1.5]),
        "bias": 0.5,
        "nonlinearity": "erf",
    },
    "mean_field.jacobian_moments": {
        "q": Q,
        "n_layers": 3,
        "gain": 1.5,
        "bias": 0.5,
        "nonlinearity": "erf",
        "ensemble": "gaussian",
    },
    "mean_field.jacobian_spectrum": {
        "log_s": np.array([-1.0, 0.0]),
        "q": 1.0,
        "n_layers": 3,
        "gain": 1.5,
        "bias": 0.5,
        "nonlinearity": "erf",
        "ensemble": "gaussian",
    },
    "mean_field.layer_variances": {
        "q": Q,
        "n_layers": 3,
        "gain": 1.5,
        "bias": 0.5,
        "nonlinearity": "erf",
    },
    "mean_field.stretch_factor": {"q": Q, "gain": 1.5, "nonlinearity": "erf"},
    "mean_field.variance_map": {"q": Q, "gain": 1.5, "bias": 0.5, "nonlinearity": "erf"},
    "mean_field.variance_map_derivative": {"q": Q, "gain": 1.5, "nonlinearity": "erf"},
    "networks.error": {"weights": WEIGHTS, "correlations": DATA},
    "networks.gradient": {"weights": WEIGHTS, "correlations": DATA},
    "networks.imbalance": {"weights": WEIGHTS},
    "networks.least_error": {"correlations": DATA, "rank": 1},
    "networks.mode_strengths": {"weights": WEIGHTS, "modes": MODES},
    "networks.product": {"weights": WEIGHTS},
    "networks.tangent_kernel": {"weights": WEIGHTS, "x": X},
    "nonlinearities.function_and_slope": {"nonlinearity": "tanh"},
    "pretraining.greedy_pretraining": {
        "correlations": DATA,
        "layer_sizes": SIZES,
        "scale": 0.25,
        "explained": 0.5,
        "rng": 0,
        "relative_rate": 0.5,
        "max_steps": 50,
    },
    "pretraining.orthogonal_pretraining": {
        "correlations": DATA,
        "layer_sizes": SIZES,
        "u0": 0.25,
        "explained": 0.5,
        "rng": 0,
        "relative_rate": 0.5,
        "max_steps": 50,
    },
    "propagation.jacobian": {
        "weights": SQUARES,
        "x": X[0],
        "gain": 1.5,
        "biases": [X[1], X[2]],
        "nonlinearity": "erf",
    },
    "propagation.propagate": {
        "weights": SQUARES,
        "x": X,
        "gain": 1.5,
        "biases": [X[1], X[2]],
        "nonlinearity": "erf",
    },
    "racing.fastest": {"problem": PROBLEM, **RACE, "at_once": 1, "patience": 2},
    "racing.race": {
        "weights": WEIGHTS,
        "correlations": DATA,
        **RACE,
        "at_once": 1,
        "patience": 2,
        "dtype": np.float64,
        "reduce": True,
    },
    "racing.tanh_race": {"weights": WEIGHTS, "x": X, "y": Y, **RACE, "at_once": 1},
    "random_matrices.gaussian_factors": {"size": 3, "n_factors": 2, "rng": 0},
    "random_matrices.haar": {"n_rows": 3, "n_columns": 2, "rng": 0},
    "random_matrices.orthogonal_factors": {"size": 3, "n_factors": 2, "rng": 0, "gain": 0.5},
    "reduction.reduce_width": {"weights": WEIGHTS, "correlations": DATA},
    "reduction.restore_width": {
        "weights": REDUCTION.weights,
        "start": WEIGHTS,
        "reduction": REDUCTION,
    },
    "spectra.deep_log_singular_values": {"size": 3, "n_factors": 4},
    "spectra.eigenvalue_density": {"z": np.array([0.5, 0.25]), "n_factors": 3},
    "spectra.eigenvalue_mass_in_disc": {"radius": U0, "n_factors": 3},
    "spectra.eigenvalue_mass_in_square": {"side": U0, "n_factors": 3},
    "spectra.fuss_catalan_density": {"x": S, "n_factors": 3},
    "spectra.fuss_catalan_edge": {"n_factors": 3},
    "spectra.log_singular_value_cdf": {"log_s": T - 1, "n_factors": 3},
    "spectra.log_singular_value_density": {"log_s": T - 1, "n_factors": 3},
    "spectra.lyapunov_exponents": {"size": 3},
    "spectra.raney_density": {"x": S, "p": 2.5, "r": 0.5},
    "spectra.rectangular_edges": {"layer_sizes": SIZES},
    "spectra.rectangular_log_cdf": {"log_s": T - 1, "layer_sizes": SIZES},
    "spectra.rectangular_log_density": {"log_s": T - 1, "layer_sizes": SIZES},
    "spectra.singular_value_density": {"s": S, "n_factors": 3},
    "sweeps.sweep": {
        "function": square,
        "cases": [{"x": 2.0}],
        "folder": None,
        "n_jobs": 1,
        "progress": False,
    },
    "tanh_networks.correlation": {"weights": WEIGHTS, "x": X},
    "tanh_networks.error": {"weights": WEIGHTS, "x": X, "y": Y},
    "tanh_networks.gradient": {"weights": WEIGHTS, "x": X, "y": Y},
    "training.crossing_time": {"times": T, "values": S[::-1], "level": 2.0},
    "training.descend": {
        "problem": PROBLEM,
        **DESCENT,
        "threshold": 4.0,
        "record_every": 2,
        "momentum": 0.5,
        "until": "all stop",
    },
    "training.gradient_descent": {
        "weights": WEIGHTS,
        "correlations": DATA,
        **DESCENT,
        "threshold": 4.0,
        "modes": MODES,
        "record_every": 2,
        "momentum": 0.5,
        "dtype": np.float64,
        "reduce": True,
    },
    "training.gradient_flow": {
        "weights": WEIGHTS,
        "correlations": DATA,
        "times": T,
        "tau": 2.0,
        "modes": MODES,
        "rtol": 1e-8,
        "atol": 1e-8,
    },
    "training.linear": {
        "weights": WEIGHTS,
        "correlations": DATA,
        "modes": MODES,
        "dtype": np.float64,
        "reduce": True,
    },
    "training.tanh": {"weights": WEIGHTS, "x": X, "y": Y, "modes": MODES},
    "training.tanh_gradient_descent": {
        "weights": WEIGHTS,
        "x": X,
        "y": Y,
        **DESCENT,
        "threshold": 1.0,
        "modes": MODES,
        "record_every": 2,
        "momentum": 0.5,
    },
}
# What draws and what talks to the book hands its arguments on to matplotlib and MyST-NB.
FACE = {"plotting", "book"}
THEORY = {"exact", "spectra", "mean_field"}
# Where a right argument may have no answer, which is said as the docstring says.
NO_ANSWER = (RuntimeError, np.linalg.LinAlgError)


def function_of(name):
    """Return a public function by its room and name, after which may stand how it is called."""
    room, function = name.split(" ")[0].split(".")
    return getattr(importlib.import_module(f"dlnlib.{room}"), function)


def call(name, arguments):
    """Call a public function, and draw what it would draw later."""
    result = function_of(name)(**arguments)
    return list(result) if isinstance(result, GeneratorType) else result


def names_in(name):
    return list(inspect.signature(function_of(name)).parameters)


def test_every_public_function_has_a_right_call():
    found = set()
    for room in set(dlnlib.__all__) - FACE:
        module = importlib.import_module(f"dlnlib.{room}")
        functions = (n for n in module.__all__ if inspect.isfunction(getattr(module, n)))
        found |= {f"{room}.{name}" for name in functions}
    assert found | {"correlations.Correlations"} == {name.split(" ")[0] for name in CALLS}


@pytest.mark.parametrize("name", CALLS)
def test_a_right_call_has_every_argument(name):
    others = [CALLS[n] or {} for n in CALLS if n.split(" ")[0] == name.split(" ")[0]]
    assert CALLS[name] is None or set(names_in(name)) == {key for call in others for key in call}


CALLED = sorted(name for name, arguments in CALLS.items() if arguments is not None)


# ---- equivalent inputs


def big_endian(a):
    return a.astype(a.dtype.newbyteorder(">"))


def read_only(a):
    copy = a.copy()
    copy.flags.writeable = False
    return copy


def strided(a):
    wide = np.zeros((*a.shape[:-1], 2 * a.shape[-1]), dtype=a.dtype)
    wide[..., ::2] = a
    return wide[..., ::2]


SAME = {
    "a list": lambda a: a.tolist(),
    "Fortran order": np.asfortranarray,
    "every other entry": strided,
    "read-only": read_only,
    "big-endian": big_endian,
    "single precision": lambda a: a.astype(np.float32),
    "half precision": lambda a: a.astype(np.float16),
    "long double": lambda a: a.astype(np.longdouble),
    "np.matrix": lambda a: np.matrix(a) if a.ndim == 2 else a,
    "an array of no axes": lambda a: a,
}


def changed(value, how):
    """Return arrays, and lists of them, in another form; numbers as arrays of no axes."""
    if isinstance(value, np.ndarray):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", PendingDeprecationWarning)  # of np.matrix
            other = SAME[how](value)
        return other if np.array_equal(other, value) else value
    if isinstance(value, list | tuple) and value and isinstance(value[0], np.ndarray):
        return [changed(v, how) for v in value]
    if how == "an array of no axes" and isinstance(value, int | float):
        return np.array(value)
    return value


def parts(value):
    """Return all arrays and words in a result, one after the other."""
    if dataclasses.is_dataclass(value):
        value = [getattr(value, field.name) for field in dataclasses.fields(value)]
    if isinstance(value, list | tuple):
        return [part for v in value for part in parts(v)]
    return [] if callable(value) else [np.asarray(value)]


@pytest.mark.parametrize("name", CALLED)
def test_equivalent_inputs_give_the_same_and_stay_as_they_are(name):
    expected = parts(call(name, CALLS[name]))
    for how in SAME:
        arguments = {key: changed(value, how) for key, value in CALLS[name].items()}
        before = [a.copy() for a in parts(list(arguments.values()))]
        for found, right in zip(parts(call(name, arguments)), expected, strict=True):
            np.testing.assert_array_equal(found, right, err_msg=how)
            assert found.dtype == right.dtype, how
        for after, a in zip(parts(list(arguments.values())), before, strict=True):
            np.testing.assert_array_equal(after, a, err_msg=how)


@pytest.mark.parametrize("name", CALLED)
def test_whole_floats_count(name):
    whole = {
        key: float(value) if type(value) is int and key != "rng" else value
        for key, value in CALLS[name].items()
    }
    for found, right in zip(parts(call(name, whole)), parts(call(name, CALLS[name])), strict=True):
        np.testing.assert_array_equal(found, right)


# ---- hostile inputs

HOSTILE = {
    "None": None,
    "True": True,
    "a numeric string": "3",
    "another word": "sigmoidal",
    "bytes": b"3",
    "a complex number": 1j,
    "a complex array": np.ones((2, 2), dtype=complex),
    "NaN": np.nan,
    "infinity": np.inf,
    "minus infinity": -np.inf,
    "minus one": -1,
    "zero": 0,
    "one and a half": 1.5,
    "huge": 1e200,
    "hugely negative": -1e200,
    "subnormal": 1e-320,
    "beyond all floats": 10**400,
    "a fraction": Fraction(1, 3),
    "a decimal": Decimal("0.5"),
    "an empty list": [],
    "an empty matrix": [[]],
    "a ragged list": [1.0, [2.0, 3.0]],
    "a dictionary": {"a": 1},
    "a set": {1, 2},
    "an object": object(),
    "a function": lambda: None,
    "a date": np.datetime64("2014-02-19"),
    "a duration": np.timedelta64(3, "s"),
    "a masked array": np.ma.array([1.0, 2.0], mask=[True, False]),
    "an array of words": np.array(["1", "2"]),
    "an array of objects": np.array([1.0, None]),
    "an array of bools": np.array([True, False]),
    "a vector": np.array([0.5, 2.0]),
    "a matrix of NaN": np.full((2, 2), np.nan),
    "an array of four axes": np.ones((1, 1, 1, 1)),
    "an array of no entries": np.zeros((2, 0)),
    "a record": np.zeros(2, dtype=[("a", float)]),
}


def answer(name, arguments, key):
    """Return what a function answers: a value, or nothing after an error that names an argument."""
    try:
        return call(name, arguments)
    except (ValueError, TypeError) as error:
        named = [p for p in names_in(name) if re.search(rf"\b{p}\b", str(error))]
        assert named, f"{key}: {type(error).__name__} names no argument: {error}"
        assert str(error).isascii(), str(error)
    except NO_ANSWER as error:
        documented = function_of(name).__doc__
        assert type(error).__name__ in documented, f"{type(error).__name__} is not documented"
    return None


def is_without_nan(result):
    arrays = [a for a in parts(result) if a.dtype.kind in "fc"]
    return not any(np.isnan(a).any() for a in arrays)


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """Stand where a word that is taken for a folder does no harm."""
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("name", CALLED)
@pytest.mark.usefixtures("elsewhere")
def test_hostile_inputs_are_answered_or_refused_by_name(name):
    for key in CALLS[name]:
        for kind, value in HOSTILE.items():
            result = answer(name, CALLS[name] | {key: value}, f"{key} = {kind}")
            if name.split(".")[0] in THEORY:
                assert is_without_nan(result), f"{key} = {kind}"


ANY = st.floats(allow_subnormal=True) | st.integers(-3, 40)
# A count may be as large as anyone has time for.
SMALL = st.integers(-3, 12) | st.floats(-5, 12)


@pytest.mark.parametrize("name", [n for n in CALLED if CALLS[n]])
@settings(max_examples=25)
@given(data=st.data())
def test_any_numbers_are_answered_or_refused_by_name(name, data):
    # But for one that counts processes, which take a second each to start.
    numbers = {k: v for k, v in CALLS[name].items() if k != "n_jobs" and not isinstance(v, bool)}
    numeric = [k for k, v in numbers.items() if isinstance(v, float | int | np.ndarray)]
    if not numeric:
        return
    values = {}
    for key in data.draw(st.lists(st.sampled_from(numeric), min_size=1, max_size=2, unique=True)):
        numbers = SMALL if isinstance(CALLS[name][key], int) else ANY
        values[key] = data.draw(numbers | st.lists(numbers, min_size=1, max_size=3), label=key)
    result = answer(name, CALLS[name] | values, str(values))
    if name.split(".")[0] in THEORY:
        assert is_without_nan(result), values
