"""Tests of dlnlib.exact.momentum, against descent with momentum and Newton's equation."""

from __future__ import annotations

import mpmath as mp
import numpy as np
import pytest
from oracles import EPS, ROUNDING, call
from scipy.integrate import solve_ivp

from dlnlib import exact

# A formula of a few operations on arguments that are exact.
FORMULA = 1e-14


def heavy_ball(a, s, rate, momentum, n_weights, n_steps):
    """Descend with momentum, from rest, in as many digits as asked for."""
    course, velocity = [a], 0
    for _ in range(n_steps):
        velocity = momentum * velocity + rate * a ** (n_weights - 1) * (s - a**n_weights)
        a = a + velocity
        course.append(a)
    return course


@pytest.mark.parametrize("momentum", [0.0, 0.5, 0.9, 0.99, 1.0])
@pytest.mark.parametrize("rate", [0.5, 0.01, 1e-4])
def test_a_small_mode_grows_at_the_rate_of_its_recursion(momentum, rate):
    n = 4000
    # So small that the cube stays below rounding; the slower root has died out by then.
    with mp.workdps(50):
        course = heavy_ball(mp.mpf("1e-3000"), 1, mp.mpf(rate), mp.mpf(momentum), 2, n)
        growth = 2 * float(mp.log(course[n] / course[n - 1]))
    found = exact.momentum_growth_rate(1.0, learning_rate=rate, momentum=momentum)
    assert found == pytest.approx(growth, rel=1e-9)


def test_growth_with_little_and_with_much_momentum_is_stable_in_rounding():
    s, rate = 1e-9, 1e-3
    with mp.workdps(40):
        for beta in (0.0, 0.5, 1 - 1e-9, 1.0):
            total = 1 + mp.mpf(beta) + mp.mpf(s) * rate
            root = (total + mp.sqrt(total**2 - 4 * mp.mpf(beta))) / 2
            expected = 2 * mp.log(root)
            found = exact.momentum_growth_rate(s, learning_rate=rate, momentum=beta)
            assert abs(found / expected - 1) < FORMULA


def exact_relaxation(step, beta):
    """Return decay rate and frequency of the slower root at the digits in force."""
    half = (1 + beta - step) / 2
    square = half**2 - beta
    if square < 0:
        return -mp.log(beta) / 2, mp.atan2(mp.sqrt(-square), half)
    slower = half + mp.sqrt(square) * (1 if half >= 0 else -1)
    return -mp.log(abs(slower)), 0 if half >= 0 else mp.pi


@pytest.mark.parametrize("beta", [0.0, 1e-200, 1e-9, 0.3, 0.9, 1 - 1e-9, 1 - 2**-53, 1.0])
@pytest.mark.parametrize(
    "rate",
    [1e-300, 1e-200, 1e-40, 1e-19, 1e-16, 1e-9, 1e-3, 0.02, 0.4, 1.3, 1.99, 2.7, 1e3, 1e20, 1e300],
)
def test_relaxation_keeps_its_digits_at_all_rates(rate, beta):
    """Of two layers, where the learning rate itself is the step; to rounding of the root."""
    decay, frequency = exact.momentum_relaxation(1.0, learning_rate=rate, momentum=beta, n_layers=2)
    with mp.workdps(700):
        expected = exact_relaxation(mp.mpf(rate), mp.mpf(beta))
        assert abs(decay - expected[0]) <= FORMULA * abs(expected[0])
        assert abs(frequency - expected[1]) <= FORMULA * abs(expected[1])


@pytest.mark.parametrize("n_layers", [3, 4, 10])
@pytest.mark.parametrize("s, rate", [(1e-150, 1e12), (1e100, 1e-300), (1e120, 1e150), (7.0, 1e-16)])
def test_relaxation_of_deep_modes_stays_in_range(n_layers, s, rate):
    L = n_layers - 1
    decay, frequency = exact.momentum_relaxation(
        s, learning_rate=rate, momentum=0.9, n_layers=n_layers
    )
    with mp.workdps(700):
        step = mp.mpf(rate) * L * mp.mpf(s) ** (2 - mp.mpf(2) / L)
        expected = exact_relaxation(step, mp.mpf(0.9))
    assert abs(decay - expected[0]) <= ROUNDING * abs(expected[0])
    assert abs(frequency - expected[1]) <= ROUNDING * abs(expected[1])


@pytest.mark.parametrize("beta", [0.0, 0.5, 0.999, 1.0])
@pytest.mark.parametrize(
    "s, rate",
    [(1e200, 1.0), (1e155, 1.0), (1e300, 1e300), (1e-300, 1.0), (1e-200, 1e-80), (1e9, 1e-300)],
)
def test_growth_keeps_its_digits_at_all_rates(s, rate, beta):
    with mp.workdps(700):
        step, momentum = mp.mpf(s) * mp.mpf(rate), mp.mpf(beta)
        total = 1 + momentum + step
        expected = 2 * mp.log((total + mp.sqrt(total**2 - 4 * momentum)) / 2)
    found = exact.momentum_growth_rate(s, learning_rate=rate, momentum=beta)
    assert abs(found - expected) <= FORMULA * expected


@pytest.mark.parametrize("n_layers", [2, 3, 4, 9])
@pytest.mark.parametrize("momentum", [0.0, 0.3, 0.9])
@pytest.mark.parametrize("share", [0.02, 0.5, 1.3, 2.1, 2.7])
def test_a_mode_settles_at_the_rate_of_its_recursion(n_layers, momentum, share):
    s, L = 1.7, n_layers - 1
    rate = share / (L * s ** (2 - 2 / L))
    decay, frequency = exact.momentum_relaxation(
        s, learning_rate=rate, momentum=momentum, n_layers=n_layers
    )
    # Distances obey x'' = p x' - beta x: p from three successive ones.
    with mp.workdps(60):
        optimum = mp.mpf(s) ** (mp.mpf(1) / L)
        a = heavy_ball(optimum * (1 + mp.mpf("1e-25")), s, mp.mpf(rate), mp.mpf(momentum), L, 3)
        x = [v - optimum for v in a]
        p = float((x[3] + momentum * x[1]) / x[2])
    slower = max(np.roots([1, -p, momentum]), key=abs)
    assert decay == pytest.approx(-np.log(abs(slower)), abs=1e-9)
    assert frequency == pytest.approx(abs(np.angle(slower)), abs=1e-6)
    stable = rate < 2 * (1 + momentum) / (L * s ** (2 - 2 / L))
    assert (decay > 0) == stable


@pytest.mark.parametrize("u0", [1e-12, 1e-3, 0.5, 1.0, 2.0])
def test_without_friction_a_mode_swings_as_newton_says(u0):
    s, tau = 2.0, 3.0
    t = np.linspace(0, 36, 61)
    path = solve_ivp(
        lambda _, z: (z[1], z[0] * (s - z[0] ** 2) / tau),
        (0, 36),
        (u0**0.5, 0.0),
        "DOP853",
        t_eval=t,
        rtol=1e-12,
        atol=1e-20,
    )
    found = exact.frictionless_mode_strength(t, s=s, u0=u0, tau=tau)
    # On its way back to a saddle the integrator's errors grow as the start did before.
    np.testing.assert_allclose(found, path.y[0] ** 2, rtol=1e-8, atol=1e-8)
    assert found[0] == pytest.approx(u0, rel=ROUNDING)


def delta_amplitude(x, root):
    """Return Jacobi's dn(x) for k' = root by the arithmetic-geometric mean, at 350 digits."""
    means, differences = [(mp.mpf(1), root)], [mp.sqrt(1 - root**2)]
    while abs(differences[-1]) > mp.mpf(10) ** -340:
        a, b = means[-1]
        means.append(((a + b) / 2, mp.sqrt(a * b)))
        differences.append((a - b) / 2)
    n = len(means) - 1
    phi = before = 2**n * means[n][0] * x
    for i in range(n, 0, -1):
        before, phi = phi, (mp.asin(differences[i] / means[i][0] * mp.sin(phi)) + phi) / 2
    return mp.cos(phi) / mp.cos(before - phi)


@pytest.mark.parametrize(
    "u0", [1e-300, 1e-100, 1e-30, 1e-20, 1e-16, 1e-12, 1e-4, 0.019, 0.02, 0.3, 0.99, 1 - 1e-12]
)
@pytest.mark.parametrize("s, tau", [(1.0, 1.0), (3.7, 7.0)])
def test_the_frictionless_mode_is_accurate_at_every_size_of_start(u0, s, tau):
    """To 1e-13, and to what rounding of the time moves a mode that grows as exp(2 phase)."""
    shares = [0, 1e-9, 1e-3, 0.1, 0.4, 0.499, 0.501, 0.7, 0.9, 0.99, 1, 1.2, 1.9, 2, 2.7]
    with mp.workdps(350):
        u0 = float(u0 * s)
        top = 2 * mp.mpf(s) - mp.mpf(u0)
        root, rate = mp.sqrt(mp.mpf(u0) / top), mp.sqrt(top / 2 / mp.mpf(tau))
        quarter = mp.pi / 2 / mp.agm(1, root)
        for share in shares:
            t = float(share * quarter / rate)
            expected = mp.mpf(u0) / delta_amplitude(rate * t, root) ** 2
            found = exact.frictionless_mode_strength(t, s=s, u0=u0, tau=tau)
            assert abs(found / expected - 1) <= 1e-13 + 2 * EPS * float(rate * t), share


def test_without_friction_a_mode_at_rest_stays_there():
    np.testing.assert_array_equal(
        exact.frictionless_mode_strength([0, 1, 9], s=1.0, u0=0.0, tau=1.0), 0
    )
    np.testing.assert_allclose(
        exact.frictionless_mode_strength([0, 1, 9], s=1.0, u0=1.0, tau=1.0), 1, rtol=ROUNDING
    )


def test_momentum_one_swings_like_the_frictionless_mode():
    # Descent from rest is the leapfrog integrator half a step later: second order in its step.
    gaps = []
    for rate in (0.01, 0.0025):
        n_steps = int(12 / rate**0.5)
        u = np.array(heavy_ball(0.1, 1.0, rate, 1.0, 2, n_steps)) ** 2
        curve = exact.frictionless_mode_strength(
            np.arange(n_steps + 1) + 0.5, s=1.0, u0=0.01, tau=1 / rate
        )
        gaps.append(np.abs(u - curve).max())
    assert gaps[0] / gaps[1] == pytest.approx(4, rel=0.1)


BALL = {"s": 1.0, "learning_rate": 1.0, "momentum": 0.5}
BAD = [
    (exact.momentum_growth_rate, {"momentum": 1.1}, "momentum must be from 0 to 1, got 1.1"),
    (exact.momentum_growth_rate, {"momentum": -0.1}, "momentum must be from 0 to 1, got -0.1"),
    (exact.momentum_growth_rate, {"learning_rate": 0.0}, "learning_rate must be positive, got 0.0"),
    (exact.momentum_relaxation, {"n_layers": 1}, "n_layers must be an integer of at least 2"),
    (exact.momentum_relaxation, {"momentum": np.nan}, "momentum must be finite, got nan"),
    (exact.momentum_relaxation, {"s": -1.0}, "s must not be negative, got -1.0"),
]


@pytest.mark.parametrize("function, changed, message", BAD)
def test_momentum_is_a_fraction_and_rates_are_positive(function, changed, message):
    with pytest.raises(ValueError, match=message):
        call(function, BALL | changed)


def test_a_frictionless_mode_starts_below_its_end():
    with pytest.raises(ValueError, match=r"u0 must not exceed s, got 3\.0"):
        exact.frictionless_mode_strength(1.0, s=1.0, u0=3.0, tau=1.0)
