"""What the tests of closed forms share: one mode, integrated and descended without them."""

from __future__ import annotations

import inspect

import mpmath as mp
import numpy as np
import pytest
from scipy.integrate import solve_ivp

from dlnlib.correlations import Correlations, modes
from dlnlib.initial_conditions import decoupled

# Rounding: 1e-300 to a power rounded in its last place is off by 690 such places, 1e-13.
ROUNDING = 1e-12
# DOP853 keeps each step to 1e-11; the errors of its steps add up.
ODE = 1e-9
EPS = np.finfo(float).eps

TAU = 7.0
DEPTHS = (2, 3, 4, 5, 10, 100)
# Modes of inputs that are white, weakly and strongly correlated: (s, d).
MODES = [(2.0, 1.0), (2.0, 0.25), (0.7, 4.0)]

by_depth = pytest.mark.parametrize("n_layers", DEPTHS[:-1])
by_mode = pytest.mark.parametrize("s, d", MODES, ids=str)


def layers_by_ode(t, s, start, d=1.0):
    """Integrate tau da_l/dt = (s - d prod a) prod_{i != l} a_i; a row for each layer."""

    def velocity(_, a):
        others = np.array([np.prod(np.delete(a, i)) for i in range(len(a))])
        return (s - d * np.prod(a)) * others / TAU

    span = (0, np.max(t))
    solution = solve_ivp(velocity, span, start, method="DOP853", rtol=1e-11, atol=1e-13, t_eval=t)
    return solution.y


def integral(f, start, end, marks):
    """Integrate f at 30 digits over pieces that shrink geometrically towards each mark."""
    grid = {start, end}
    for mark in marks:
        inside = (start - mark) * (end - mark) <= 0
        nearest = mp.mpf("1e-40") if inside else min(abs(start - mark), abs(end - mark))
        grid |= {mark + sign * nearest * 10**k for k in range(0, 320, 8) for sign in (-1, 1)}
    low, high = min(start, end), max(start, end)
    return mp.quad(f, sorted((x for x in grid if low <= x <= high), reverse=bool(end < start)))


def descend(layers, *, s, d, rate, n_steps):
    """Run gradient descent on the strengths of the layers of one mode; a row for each step."""
    layers = np.array(layers, dtype=float)
    path = [layers]
    for _ in range(n_steps):
        others = np.array([np.prod(np.delete(layers, i)) for i in range(len(layers))])
        layers = layers + rate * others * (s - d * np.prod(layers))
        path.append(layers)
    return np.array(path)


def aligned_network(n_layers, s, d, u0, rng):
    """Return correlations with sigma_xx = V D V^T, their modes, and a decoupled start."""
    n = len(s)
    V, U = np.linalg.qr(rng.standard_normal((2, n, n)))[0]
    # Without noise, tr sigma_yy is what the optimum explains.
    data = Correlations(V * d @ V.T, U * s @ V.T, float(np.sum(s**2 / d)), n_examples=n)
    m = modes(data)
    return data, m, decoupled(m, (n, *[n + 2] * (n_layers - 2), n), u0=u0, rng=rng)


def call(function, arguments):
    """Call with the variables by position and the rest by name."""
    kinds = inspect.signature(function).parameters
    data = [arguments[k] for k, p in kinds.items() if p.kind is not p.KEYWORD_ONLY]
    named = {k: v for k, v in arguments.items() if kinds[k].kind is kinds[k].KEYWORD_ONLY}
    return function(*data, **named)
