"""Tests of dlnlib.exact.generalisation: its averages against quadrature, drawn data and training.

Oracles integrate at 25 digits, draw matrices, or train a network on drawn examples.
"""

from __future__ import annotations

import mpmath as mp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracles import ROUNDING
from scipy.integrate import quad
from scipy.optimize import minimize_scalar

from dlnlib import networks
from dlnlib.correlations import Correlations, from_data, modes
from dlnlib.exact import (
    generalisation_error,
    mode_strength,
    noisy_modes,
    noisy_teacher_errors,
    optimal_stopping_time,
    training_error,
)
from dlnlib.initial_conditions import decoupled
from dlnlib.training import gradient_flow

LOADS = (0.01, 0.5, 0.999999, 1.0, 1.0001, 3.0, 100.0)
TEACHER = {"noise_variance": 0.3, "initial_variance": 0.7}


def over_bulk(f, load):
    """Integrate over the Marchenko-Pastur law without its zeros, at 25 digits."""
    with mp.workdps(25):
        load = mp.mpf(load)
        low = (mp.sqrt(load) - 1) ** 2

        def integrand(theta):
            lam = low + 4 * mp.sqrt(load) * mp.sin(theta / 2) ** 2
            return 2 * load / mp.pi * mp.sin(theta) ** 2 / lam * f(lam)

        pieces = [mp.mpf(10) ** k for k in range(-12, 0)]
        return mp.quad(integrand, [0, mp.mpf(10) ** -18, *pieces, 1, 2, mp.pi])


# One layer


@pytest.mark.parametrize("load", LOADS)
@pytest.mark.parametrize("t", [0.0, 0.1, 3.0, 1e5])
def test_errors_are_their_integrals(load, t):
    noise, initial = mp.mpf("0.3"), mp.mpf("0.7")

    def new(lam):
        return (1 + initial) * mp.exp(-2 * lam * t) + noise * (1 - mp.exp(-lam * t)) ** 2 / lam

    def old(lam):
        return ((1 + initial) * lam + noise) * mp.exp(-2 * lam * t)

    frozen = max(1 - load, 0) * (1 + initial)
    expected = over_bulk(new, load) + noise + frozen
    found = generalisation_error(7 * t, load=load, **TEACHER, tau=7.0)
    assert found == pytest.approx(float(expected), rel=ROUNDING)
    expected = over_bulk(old, load) / load + noise * max(1 - 1 / load, 0)
    found = training_error(7 * t, load=load, **TEACHER, tau=7.0)
    assert found == pytest.approx(float(expected), rel=ROUNDING, abs=1e-300)


@given(load=st.floats(1e-3, 1e3), noise=st.floats(0, 10), initial=st.floats(0, 10))
def test_a_start_that_knows_nothing_has_the_same_error_on_all_examples(load, noise, initial):
    known = {"load": load, "noise_variance": noise, "initial_variance": initial, "tau": 2.0}
    expected = pytest.approx(1 + initial + noise, rel=ROUNDING)
    assert generalisation_error(0.0, **known) == expected
    assert training_error(0.0, **known) == expected


@given(load=st.floats(1.05, 1e3), noise=st.floats(0, 10))
def test_the_end_is_that_of_least_squares(load, noise):
    # The mean of the inverse of a Wishart matrix is 1 / (load - 1).
    known = {"load": load, "noise_variance": noise, "initial_variance": 3.0, "tau": 1.0}
    late = generalisation_error(1e9, **known)
    assert late == pytest.approx(noise * load / (load - 1), rel=1e-11)
    assert training_error(1e9, **known) == pytest.approx(noise * (1 - 1 / load), abs=1e-12)
    # With fewer examples than inputs the part that is never seen stays as it was.
    known["load"] = 1 / load
    expected = noise + (1 - 1 / load) * 4 + noise / (load - 1)
    assert generalisation_error(1e9, **known) == pytest.approx(expected, rel=1e-11)
    assert training_error(1e9, **known) == pytest.approx(0, abs=1e-12)


def test_at_load_one_the_error_grows_with_the_root_of_time():
    # Close to zero rho is 1 / (pi sqrt(lambda)); the integral of (1 - exp(-z))^2 z^(-3/2) is known.
    t = np.array([1e8, 1e20, 1e28])
    rate = quad(lambda x: 2 * (np.expm1(-x * x) / x) ** 2, 0, np.inf, limit=200)[0]
    found = generalisation_error(t, load=1.0, noise_variance=2.0, tau=1.0)
    np.testing.assert_allclose(found / np.sqrt(t), 2 * rate / np.pi, rtol=1e-4)
    at_most = generalisation_error([1e30, 1e200], load=1.0, noise_variance=2.0, tau=1.0)
    assert at_most[0] == at_most[1]


@pytest.mark.parametrize("load", [0.5, 1.0, 2.0])
def test_one_layer_learns_drawn_examples_as_the_theory_says(load):
    rng, n, n_teachers, noise, initial = np.random.default_rng(5), 250, 60, 0.2, 0.5
    x = rng.standard_normal((int(load * n), n)) / np.sqrt(n)
    teachers = rng.standard_normal((n_teachers, n))
    y = x @ teachers.T + np.sqrt(noise) * rng.standard_normal((len(x), n_teachers))
    start = [np.sqrt(initial) * rng.standard_normal(teachers.shape)]
    times = np.array([0.0, 0.5, 1, 3, 10, 30])
    run = gradient_flow(start, from_data(x, y), times=times, tau=1.0)
    new = ((run.weights[0] - teachers) ** 2).mean(axis=(1, 2)) + noise
    known = {"load": load, "noise_variance": noise, "initial_variance": initial, "tau": 1.0}
    # The law of 250 eigenvalues is off by a few over 250, most at load 1, where they reach 0.
    np.testing.assert_allclose(new, generalisation_error(times, **known), rtol=0.05)
    old = 2 * run.errors / y.size
    np.testing.assert_allclose(old, training_error(times, **known), rtol=0.05, atol=0.005)


@pytest.mark.parametrize("load", LOADS)
@pytest.mark.parametrize("noise", [1e-2, 0.2, 1.0, 50.0])
def test_stopping_time_is_where_the_error_is_least(load, noise):
    known = {"noise_variance": noise, "initial_variance": 0.3, "tau": 2.0}
    t = optimal_stopping_time(load, **known)

    def error(z):
        return generalisation_error(np.exp(z), load=load, **known)

    found = minimize_scalar(error, bracket=(np.log(t) - 0.5, np.log(t) + 0.5), tol=1e-9)
    # A minimum is known to the root of the rounding of a value.
    assert np.exp(found.x) == pytest.approx(t, rel=1e-5)
    # And there is no other: it falls up to there, and rises afterwards.
    around = t * np.geomspace(1e-5, 1e5, 2001)
    errors = generalisation_error(around, load=load, **known)
    rises = np.diff(errors)[np.abs(np.diff(errors)) > 1e-13 * errors[1:]] > 0
    assert np.all(np.diff(rises.astype(int)) >= 0) and rises.any() and not rises.all()


@given(load=st.floats(1e-6, 1e6), noise=st.floats(-9, 9).map(lambda x: 10.0**x))
def test_stopping_time_solves_its_equation(load, noise):
    t = optimal_stopping_time(load, noise_variance=noise, tau=1.0)
    # Neighbours that differ by a per cent: by rounding, errors next to a minimum are equal.
    near = t * np.array([0.9, 1.0, 1.1])
    errors = generalisation_error(near, load=load, noise_variance=noise, tau=1.0)
    assert errors[1] <= errors[[0, 2]].min() * (1 + 1e-13)


def test_one_eigenvalue_is_stopped_when_it_is_best():
    # Of a tiny load all eigenvalues are one, of a huge one all are the load.
    for load in (1e-12, 1e12):
        lam = max(load, 1.0)
        t = optimal_stopping_time(load, noise_variance=0.5, initial_variance=1.0, tau=3.0)
        assert t == pytest.approx(3 * np.log1p(lam * 4) / lam, rel=1e-5)
    assert optimal_stopping_time(0.5, noise_variance=0.0, tau=1.0) == np.inf


# Modes of a noisy map


@pytest.mark.parametrize("sizes", [(600, 150), (400, 400), (150, 600)])
def test_modes_turn_as_in_drawn_matrices(sizes):
    rng, (n, m), s, scale = np.random.default_rng(8), sizes, np.array([9.0, 6.0, 1.0]), 1.5
    U, V = (np.linalg.qr(rng.standard_normal((k, 3)))[0] for k in (m, n))
    noise = scale / np.sqrt(n) * rng.standard_normal((m, n))
    u, found, vt = np.linalg.svd(U * s @ V.T + noise, full_matrices=False)
    expected = noisy_modes(s, scale=scale, aspect=m / n)
    np.testing.assert_allclose(found[:3], expected.s, rtol=0.02)
    overlaps = np.abs(np.diag(U.T @ u)), np.abs(np.diag(V.T @ vt.T))
    # The third mode is below the threshold: what is left falls as a root of the size.
    np.testing.assert_allclose(overlaps[0][:2], expected.output_overlap[:2], atol=0.02)
    np.testing.assert_allclose(overlaps[1][:2], expected.input_overlap[:2], atol=0.02)
    # Just below its threshold, what is left of the third mode falls slowly with size.
    assert overlaps[0][2] * overlaps[1][2] < 0.2
    assert expected.output_overlap[2] == expected.input_overlap[2] == 0


def resolvents(x, aspect):
    """Return the means of x / (x^2 - lambda) over inputs and outputs of unit noise."""
    bulk = float(over_bulk(lambda lam: x / (x**2 - lam), aspect))
    return bulk + max(1 - aspect, 0) / x, (bulk + max(aspect - 1, 0) / x) / aspect


@pytest.mark.parametrize("aspect", [0.1, 0.5, 1.0, 3.0])
@pytest.mark.parametrize("above", [1.01, 1.5, 10.0])
def test_modes_are_poles_of_resolvents(aspect, above):
    s = above * aspect**0.25
    found = noisy_modes(s, scale=1.0, aspect=aspect)
    of_inputs, of_outputs = resolvents(float(found.s), aspect)
    assert s**2 * of_inputs * of_outputs == pytest.approx(1, rel=1e-10)
    # Overlaps are residues: of outputs, -2 phi_out / (s^2 d(phi_in phi_out)/dx).
    h = 1e-4 * (found.s - 1 - np.sqrt(aspect))
    slope = np.subtract(*(np.prod(resolvents(float(found.s + e), aspect)) for e in (h, -h))) / (
        2 * h
    )
    expected = -2 * np.array([of_outputs, of_inputs]) / (s**2 * slope)
    overlaps = np.array([found.output_overlap, found.input_overlap]) ** 2
    np.testing.assert_allclose(overlaps, expected, rtol=1e-6)


@given(s=st.floats(1e-3, 1e3), scale=st.floats(1e-3, 1e3), aspect=st.floats(1e-3, 1e3))
def test_inputs_and_outputs_can_be_exchanged(s, scale, aspect):
    one = noisy_modes(s, scale=scale, aspect=aspect)
    other = noisy_modes(s, scale=scale * np.sqrt(aspect), aspect=1 / aspect)
    np.testing.assert_allclose(other.s, one.s, rtol=ROUNDING)
    # At the threshold the overlap is the root of a difference.
    turned = one.input_overlap, one.output_overlap
    np.testing.assert_allclose([other.output_overlap, other.input_overlap], turned, atol=1e-6)
    assert one.s >= max(s, (1 + np.sqrt(aspect)) * scale * (1 - ROUNDING))


def test_limits_of_noise():
    found = noisy_modes([2.0, 0.0], scale=0.0, aspect=0.3)
    assert found.s.tolist() == [2, 0] and found.output_overlap[0] == found.input_overlap[0] == 1
    at = noisy_modes(0.3**0.25 * np.array([1 - 1e-9, 1 + 1e-9]), scale=1.0, aspect=0.3)
    np.testing.assert_allclose(at.s, 1 + np.sqrt(0.3), rtol=1e-9)
    assert at.output_overlap[0] == 0 < at.output_overlap[1] < 1e-4
    extreme = noisy_modes([1e-300, 1e300], scale=[1e-301, 1e299], aspect=1.0)
    np.testing.assert_allclose(extreme.input_overlap, np.sqrt(0.99), rtol=ROUNDING)


# Deep networks


def drawn(sizes, s, scale, rng):
    """Return a noisy map and a map, as correlations of white inputs, of one draw."""
    n, m, r = sizes[0], sizes[-1], len(s)
    U, V = (np.linalg.qr(rng.standard_normal((k, r)))[0] for k in (m, n))
    W = U * s @ V.T
    S = W + scale / np.sqrt(n) * rng.standard_normal((m, n))
    return [Correlations(np.eye(n), map_, np.sum(map_**2), n) for map_ in (S, W)]


@pytest.mark.parametrize(
    "sizes", [(80, 40, 40), (80, 10, 40), (40, 40, 40), (40, 15, 80), (60, 12, 12, 30), (60, 30)]
)
def test_trained_networks_have_these_errors(sizes):
    rng, s, scale = np.random.default_rng(21), [5.0, 3.0], 0.8
    noisy, clean = drawn(sizes, s, scale, rng)
    times = np.linspace(0, 4, 9)
    start = decoupled(modes(noisy), sizes, u0=1e-2, rng=rng)
    run = gradient_flow(start, noisy, times=times, tau=1.0)
    found = noisy_teacher_errors(times, s=s, scale=scale, u0=1e-2, tau=1.0, layer_sizes=sizes)
    # Few inputs: modes take from the bulk what the limit does not count, and draws differ.
    np.testing.assert_allclose(2 * run.errors / noisy.trace_yy, found.training, atol=0.06)
    test = 2 * networks.error(run.weights, clean) / clean.trace_yy
    np.testing.assert_allclose(test, found.generalisation, atol=0.15)


@pytest.mark.parametrize("sizes", [(800, 400, 400), (800, 80, 400), (300, 100, 900)])
def test_errors_of_large_networks(sizes):
    # A decoupled network is its modes, so that large ones need not be trained.
    rng, s = np.random.default_rng(4), np.array([20.0, 8.0, 1.5])
    noisy, clean = drawn(sizes, s, 1.0, rng)
    U, found, Vt = modes(noisy)
    times = np.array([0.0, 0.2, 0.4, 1, 2, 3, 5, 20])
    u = mode_strength(times[:, None], s=found, u0=1e-3, tau=1.0)
    u[:, min(sizes) :] = 0
    overlap = np.einsum("ia,ij,aj->a", U, clean.sigma_yx, Vt)
    theory = noisy_teacher_errors(times, s=s, scale=1.0, u0=1e-3, tau=1.0, layer_sizes=sizes)
    old = ((u - found) ** 2).sum(axis=1) / np.sum(found**2)
    np.testing.assert_allclose(old, theory.training, atol=0.01)
    new = ((u**2 - 2 * u * overlap).sum(axis=1) + np.sum(s**2)) / np.sum(s**2)
    np.testing.assert_allclose(new, theory.generalisation, atol=0.02)


@pytest.mark.parametrize("aspect", [0.5, 1.0, 2.0])
def test_what_is_left_of_finite_size_is_known_at_the_end(aspect):
    # All is learned then, and the distance from the teacher is the noise, N3 scale^2. The theory
    # has more by what modes that grow push the bulk down.
    s, scale, n = np.array([4.0, 2.5]), 0.9, 400
    sizes = (n, 1000, int(aspect * n))
    late = noisy_teacher_errors(1e6, s=s, scale=scale, u0=1e-3, tau=1.0, layer_sizes=sizes)
    excess = np.sum(s**2) * late.generalisation - sizes[-1] * scale**2
    # ... for the mean over the bulk counts what is taken from it by two modes as well.
    whole = max(1.0, aspect) * scale**2
    expected = np.sum((1 + aspect) * scale**2 + 3 * aspect * scale**4 / s**2) - 2 * whole
    assert excess == pytest.approx(expected, rel=1e-9)
    assert late.training == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.97, 1.0])
@pytest.mark.parametrize("aspect", [0.3, 1.0, 2.5])
def test_the_bulk_that_is_learned_is_its_upper_part(aspect, share):
    # At the end of learning only modes that there is no room for are left.
    n, s, scale = 1000, [10.0], 1.0
    smaller = int(min(aspect, 1.0) * n)
    k = 1 + round(share * (smaller - 1))
    found = noisy_teacher_errors(
        1e7, s=s, scale=scale, u0=1e-2, tau=1.0, layer_sizes=(n, k, int(aspect * n))
    )
    rng = np.random.default_rng(2)
    noise = np.linalg.svd(rng.standard_normal((int(aspect * n), n)) / np.sqrt(n), compute_uv=False)
    squares = np.sort(noise**2)[::-1]
    strongest = float(noisy_modes(10.0, scale=1.0, aspect=aspect).s) ** 2
    whole = strongest + (smaller - 1) * max(aspect, 1.0)
    assert found.training * whole == pytest.approx(squares[k:].sum(), rel=0.02, abs=0.01)
    learned = squares[: k - 1].sum() / 100
    own = noisy_teacher_errors(
        1e7, s=s, scale=scale, u0=1e-2, tau=1.0, layer_sizes=(n, 1, int(aspect * n))
    )
    assert found.generalisation - own.generalisation == pytest.approx(learned, rel=0.02, abs=0.02)


def test_without_noise_the_test_is_the_training():
    t, s = np.linspace(0, 5, 7), np.array([3.0, 1.0])
    both = noisy_teacher_errors(t, s=s, scale=0.0, u0=1e-2, tau=1.0, layer_sizes=(9, 2, 5))
    u = mode_strength(t[:, None], s=s, u0=1e-2, tau=1.0)
    expected = ((u - s) ** 2).sum(axis=1) / 10
    np.testing.assert_allclose(both.training, expected, rtol=ROUNDING, atol=1e-16)
    np.testing.assert_allclose(both.generalisation, expected, rtol=ROUNDING, atol=1e-16)


def test_a_student_with_little_room_learns_the_strongest_modes():
    known = {"scale": 0.0, "u0": 1e-3, "tau": 1.0}
    found = noisy_teacher_errors(1e3, s=[1.0, 3.0, 2.0], layer_sizes=(9, 2, 5), **known)
    assert found.generalisation == pytest.approx(1 / 14, rel=ROUNDING)
    shaped = noisy_teacher_errors(np.ones((2, 3)), s=[1.0], layer_sizes=(9, 2, 5), **known)
    assert shaped.training.shape == shaped.generalisation.shape == (2, 3)


# Arguments


SIZES = st.floats(0, allow_infinity=False) | st.floats(-323, 308).map(lambda x: 10.0**x)
LAYER = ["t", "load", "noise_variance", "initial_variance", "tau"]


@given(values=st.tuples(*[SIZES] * 5))
def test_every_argument_gives_a_value_or_a_refusal(values):
    """Never NaN, and never a warning, which here is an error."""
    given_values = dict(zip(LAYER, values, strict=True))
    rest = {name: given_values[name] for name in LAYER[1:]}
    for function, arguments in (
        (generalisation_error, given_values),
        (training_error, given_values),
        (optimal_stopping_time, rest),
        (noisy_modes, dict(zip(("s", "scale", "aspect"), values, strict=False))),
    ):
        try:
            found = function(**arguments)
        except ValueError as refusal:
            assert "must" in str(refusal)
        else:
            assert not np.isnan(found).any()


def test_arrays_broadcast_to_what_scalars_give():
    t, load, noise = np.linspace(0, 9, 5), np.array([[0.5], [1], [2]]), np.array([[[0.1]], [[1.0]]])
    for function in (generalisation_error, training_error):
        found = function(t, load=load, noise_variance=noise, tau=2.0)
        assert found.shape == (2, 3, 5)
        for i in np.ndindex(found.shape):
            alone = function(t[i[2]], load=load[i[1], 0], noise_variance=noise[i[0], 0, 0], tau=2.0)
            assert isinstance(alone, float) and alone == pytest.approx(found[i], rel=ROUNDING)
    found = optimal_stopping_time(load[:, 0], noise_variance=noise[:, 0], tau=2.0)
    alone = optimal_stopping_time(2.0, noise_variance=1.0, tau=2.0)
    assert found.shape == (2, 3) and alone == pytest.approx(found[1, 2], rel=1e-11)
    assert optimal_stopping_time([], noise_variance=1.0, tau=1.0).shape == (0,)
    t = np.linspace(0, 1, 3001)
    many = generalisation_error(t, load=1.0, noise_variance=1.0, tau=1.0)
    best = optimal_stopping_time(1.0, noise_variance=1.0, tau=1.0)
    assert many.shape == (3001,) and abs(t[many.argmin()] - best) < 1 / 3000


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"t": -1.0}, "t must not be negative, got -1.0"),
        ({"load": 0.0}, "load must be positive, got 0.0"),
        ({"load": 1e-200}, "load must not be below 1e-100, got 1e-200"),
        ({"noise_variance": -0.1}, "noise_variance must not be negative, got -0.1"),
        ({"noise_variance": 1e101}, r"noise_variance must not be beyond 1e\+100, got 1e\+101"),
        ({"initial_variance": np.nan}, "initial_variance must be finite, got nan"),
        ({"tau": 0.0}, "tau must be positive, got 0.0"),
        ({"load": [1.0, 2.0], "t": [1.0, 2.0, 3.0]}, "shapes must broadcast together"),
    ],
)
def test_bad_arguments_of_one_layer_are_named(change, message):
    good = {"t": 1.0, "load": 0.5, "noise_variance": 0.1, "initial_variance": 0.0, "tau": 1.0}
    for function in (generalisation_error, training_error):
        with pytest.raises(ValueError, match=message):
            function(**(good | change))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"s": 3.0}, r"s must be a vector that is not all zero, got shape \(\)"),
        ({"s": [0.0]}, "s must be a vector that is not all zero"),
        ({"s": [1.0] * 6}, "s must have at most 5 modes, .* in layer_sizes, got 6"),
        ({"s": [1e200]}, r"s must not be beyond 1e\+100, got 1e\+200"),
        ({"s": [1e-200, 0.0]}, "s must not be below 1e-100 throughout, got 1e-200"),
        ({"scale": 1e101}, r"scale must not be beyond 1e\+100, got 1e\+101"),
        ({"u0": 1e200}, r"u0 must not be beyond 1e\+100, got 1e\+200"),
        ({"scale": -1}, "scale must be a finite number of at least 0, got -1"),
        ({"u0": 0}, "u0 must be a finite number above 0, got 0"),
        ({"tau": [1.0, 2.0]}, "tau must be one number"),
        ({"layer_sizes": (9,)}, "layer_sizes must be two or more positive integers"),
        ({"t": [-1.0]}, "t must not be negative"),
    ],
)
def test_bad_arguments_of_deep_networks_are_named(change, message):
    good = {"t": 1.0, "s": [2.0], "scale": 1.0, "u0": 1e-3, "tau": 1.0, "layer_sizes": (9, 4, 5)}
    with pytest.raises(ValueError, match=message):
        noisy_teacher_errors(**(good | change))
    with pytest.raises(ValueError, match=r"aspect must not be beyond 1e\+100"):
        noisy_modes(1.0, scale=1.0, aspect=1e101)
