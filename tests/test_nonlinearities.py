"""Tests of dlnlib.nonlinearities.

Theory and sampled networks of Section 4 share these functions and slopes. A wrong slope would
change both alike, so that it has to be seen here.
"""

from __future__ import annotations

from functools import cache

import mpmath as mp
import numpy as np
import pytest

from dlnlib import _jacobian_law
from dlnlib.nonlinearities import NONLINEARITIES, Nonlinearity, function_and_slope

# Rounding in the argument of an exponential of up to a few hundred.
ROUNDING = 1e-12

# As Klambauer et al. 2017 print them.
SCALE, ALPHA = "1.0507009873554804934193349852946", "1.6732632423543772848170429916717"


def exact_selu(x):
    return mp.mpf(SCALE) * (x if x > 0 else mp.mpf(ALPHA) * mp.expm1(x))


EXACT = {
    "tanh": mp.tanh,
    "erf": lambda x: mp.erf(mp.sqrt(mp.pi) / 2 * x),
    "relu": lambda x: max(x, mp.mpf(0)),
    "linear": lambda x: x,
    "hard tanh": lambda x: min(max(x, mp.mpf(-1)), mp.mpf(1)),
    "leaky relu": lambda x: x if x > 0 else x / 100,
    "elu": lambda x: x if x > 0 else mp.expm1(x),
    "selu": exact_selu,
    "softplus": lambda x: mp.log1p(mp.exp(x)),
    "logistic": lambda x: 1 / (1 + mp.exp(-x)),
    "gelu": lambda x: x * mp.erfc(-x / mp.sqrt(2)) / 2,
}
# These take complex arguments.
SMOOTH = ("tanh", "erf", "linear")
# From where tanh is its argument to where its slope is below all numbers, on both sides.
SIZES = np.array([1e-12, 1e-4, 0.1, 0.5, 0.99, 2.0, 5.0, 10.0, 19.0, 25.0, 100.0, 300.0, 1e3])
REAL = np.concatenate([-SIZES[::-1], SIZES])
# Around the paths on which the law of a Jacobian is averaged: imaginary parts up to 1/2.
COMPLEX = np.add.outer(np.arange(-12, 14, 3), 1j * np.array([-1.0, 0.2, 0.5])).ravel()


def exact(f, x, digits):
    with mp.workdps(digits):
        return np.array([complex(f(mp.mpmathify(z))) for z in x.tolist()])


@cache
def exact_slopes(name):
    """Differentiate with so many digits that differences of nearby values keep dozens."""

    def derivative(x):
        return mp.diff(EXACT[name], x)

    of_complex = exact(derivative, COMPLEX, 120) if name in SMOOTH else None
    return exact(derivative, REAL, 400).real, of_complex


def check_slope(name, slope):
    """Compare a slope with the derivative of the function that it should be the slope of."""
    of_real, of_complex = exact_slopes(name)
    np.testing.assert_allclose(slope(REAL), of_real, rtol=ROUNDING)
    if name in SMOOTH:
        np.testing.assert_allclose(slope(COMPLEX), of_complex, rtol=ROUNDING)


def test_every_nonlinearity_is_checked():
    assert set(EXACT) == set(NONLINEARITIES)
    assert set(_jacobian_law._PATHS) <= {*SMOOTH, "elu", "selu"}


@pytest.mark.parametrize("name", NONLINEARITIES)
def test_functions_are_what_they_are_called(name):
    phi, _ = function_and_slope(name)
    # With the digits of exp(1000), which logarithms of 1 + exp(-1000) need.
    np.testing.assert_allclose(phi(REAL), exact(EXACT[name], REAL, 500).real, rtol=ROUNDING)
    if name in SMOOTH:
        np.testing.assert_allclose(phi(COMPLEX), exact(EXACT[name], COMPLEX, 30), rtol=ROUNDING)


@pytest.mark.parametrize("name", NONLINEARITIES)
def test_every_slope_is_the_derivative_of_its_function(name):
    _, slope = function_and_slope(name)
    check_slope(name, slope)


@pytest.mark.parametrize("name, factor", [("elu", 1.0), ("selu", float(SCALE) * float(ALPHA))])
def test_exponential_slopes_take_complex_arguments(name, factor):
    _, slope = function_and_slope(name)
    z = COMPLEX[COMPLEX.real < 0]
    np.testing.assert_allclose(slope(z), factor * np.exp(z), rtol=ROUNDING)


@pytest.mark.parametrize("name", SMOOTH)
def test_slopes_at_zero_are_one(name):
    _, slope = function_and_slope(name)
    np.testing.assert_array_equal(slope(np.array([0.0, -0.0])), 1)


def test_the_kink_of_a_rectifier_has_slope_zero():
    _, slope = function_and_slope("relu")
    np.testing.assert_array_equal(slope(np.array([0.0, -0.0])), 0)


@pytest.mark.parametrize("name", NONLINEARITIES)
def test_a_slope_wrong_by_five_per_cent_is_caught(name):
    _, slope = function_and_slope(name)
    with pytest.raises(AssertionError, match="Not equal to tolerance"):
        check_slope(name, lambda x: 1.05 * slope(x))


def test_a_slope_that_cancels_is_caught():
    with pytest.raises(AssertionError, match="Not equal to tolerance"):
        check_slope("tanh", lambda x: 1 - np.tanh(x) ** 2)


def test_pairs_are_returned_as_they_were_given():
    pair = np.sin, np.cos
    assert function_and_slope(pair) == pair
    assert Nonlinearity.of((*pair, [2, 1.0])) == Nonlinearity(*pair, (1.0, 2.0))
    assert Nonlinearity.of("selu") is not None and Nonlinearity.of("selu").kinks == (0.0,)


@pytest.mark.parametrize("name", NONLINEARITIES)
def test_jumps_of_slopes_are_found(name):
    phi, slope, kinks = NONLINEARITIES[name]
    # That of ELU bends without a jump.
    expected = () if name == "elu" else kinks
    assert Nonlinearity.of((phi, slope)).kinks == expected


def test_kinks_may_be_any_sequence():
    phi, slope, _ = NONLINEARITIES["tanh"]
    for kinks in ([1.0, 0.0], np.array([0.0, 1.0]), (1, 0, 1)):
        assert Nonlinearity.of(Nonlinearity(phi, slope, kinks)).kinks == (0.0, 1.0)


def test_jumps_are_found_wherever_they_are():
    def slope(x):
        return np.where(x < -3, 0, np.where(x < 1 / 3, 0.5, np.where(x < 1e3, 0.501, -2)))

    assert Nonlinearity.of((np.sin, slope)).kinks == pytest.approx((-3, 1 / 3, 1e3), rel=1e-15)


def test_rounding_of_single_precision_is_no_jump():
    def slope(x):
        return 1 - np.tanh(x.astype(np.float32)) ** 2

    assert Nonlinearity.of((np.tanh, slope)).kinks == ()


def test_too_many_jumps_are_refused():
    with pytest.raises(ValueError, match="nonlinearity must be smooth but for at most 32 kinks"):
        Nonlinearity.of((np.sin, np.floor))


@pytest.mark.parametrize(
    "nonlinearity",
    [
        *("softsign", np.tanh, (np.tanh,), 3, None, {}, (np.tanh, 1.0), (np.tanh, lambda x: 1.0)),
        *((lambda x: np.full(3, np.nan), np.cos), (lambda x: x + 1j, np.cos)),
        *((np.sin, np.cos, [np.nan]), (np.sin, np.cos, "0"), (np.sin, np.cos, [0], [1])),
        np.array([[1.0, 2.0]]),
    ],
)
def test_nonlinearity_must_be_known_or_a_pair_of_functions(nonlinearity):
    with pytest.raises((TypeError, ValueError), match="nonlinearity"):
        function_and_slope(nonlinearity)
