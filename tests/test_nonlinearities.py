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
from dlnlib.nonlinearities import NONLINEARITIES, function_and_slope

# Rounding in the argument of an exponential of up to a few hundred.
ROUNDING = 1e-12

EXACT = {
    "tanh": mp.tanh,
    "erf": lambda x: mp.erf(mp.sqrt(mp.pi) / 2 * x),
    "relu": lambda x: max(x, mp.mpf(0)),
    "linear": lambda x: x,
}
SMOOTH = ("tanh", "erf", "linear")
# From where tanh is its argument to where its slope is below all numbers, on both sides.
SIZES = np.array([1e-12, 1e-4, 0.1, 0.5, 1.0, 2.0, 5.0, 10.0, 19.0, 25.0, 100.0, 300.0, 1e3])
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
    assert set(_jacobian_law._PATHS) <= set(SMOOTH)


@pytest.mark.parametrize("name", NONLINEARITIES)
def test_functions_are_what_they_are_called(name):
    phi, _ = function_and_slope(name)
    np.testing.assert_allclose(phi(REAL), exact(EXACT[name], REAL, 30).real, rtol=ROUNDING)
    if name in SMOOTH:
        np.testing.assert_allclose(phi(COMPLEX), exact(EXACT[name], COMPLEX, 30), rtol=ROUNDING)


@pytest.mark.parametrize("name", NONLINEARITIES)
def test_every_slope_is_the_derivative_of_its_function(name):
    _, slope = function_and_slope(name)
    check_slope(name, slope)


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


@pytest.mark.parametrize(
    "nonlinearity",
    [
        *("softsign", np.tanh, (np.tanh,), 3, (np.tanh, 1.0), (np.tanh, lambda x: 1.0)),
        (lambda x: np.full(3, np.nan), np.cos),
    ],
)
def test_nonlinearity_must_be_known_or_a_pair_of_functions(nonlinearity):
    with pytest.raises(ValueError, match="nonlinearity must"):
        function_and_slope(nonlinearity)
