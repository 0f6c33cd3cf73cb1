r"""Integrate gradient flow, at a cost that does not grow once it has all but come to rest.

An explicit method takes steps of about :math:`6 / \lambda` for the largest curvature
:math:`\lambda` of the error, however long nothing has moved, and there the weights jitter by about
the tolerance. So now and then the flow is asked for its point of rest. With the velocity
:math:`v = -\nabla E` and the Hessian :math:`H = Q \Lambda Q^T`, Newton's step

.. math:: w \to w + \sum_{\lambda_i > \epsilon} q_i\, \frac{q_i^T v}{\lambda_i}

goes where the linearised flow ends. Directions in which the error is flat are left alone: the
minima of a network are no points but whole manifolds, and the flow is orthogonal to them. The first
step is the distance from rest, the second by how much the flow is not linear in between. Where the
second is within tolerance the rest of the course is that of the linear flow,

.. math:: w(t) = w_\infty + Q\, e^{-\Lambda t} Q^T (w - w_\infty).

A small velocity is no rest: a saddle is left from any distance, after a time that grows like its
logarithm. What tells the two apart is the sign of the least eigenvalue at the point of rest: if it
is not below zero, beyond rounding, the flow stays. The saddles of deeper networks can be flat to
second order too; at a small distance the eigenvalue is then of the order of the inverse time to
leave, so that one which rounding hides is not left before :math:`t = 10^{13}/\lambda`. Where the
error falls in a flat direction like a power of time, there is no rest, and steps stay short.

Weights that have not moved at all since the start, and do not move now, count as absent. They are
zeros which a symmetry protects: a mode that is missing from the start remains so forever, though
its direction is one in which the error would fall.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import DOP853

from dlnlib import _arithmetic
from dlnlib._typing import Array, Weights
from dlnlib.correlations import Correlations

__all__ = ["integrate"]

_Velocity = Callable[[Array], Array]
_Course = Callable[[Array], Array]

_EPS = float(np.finfo(float).eps)
# Steps before the first look for a point of rest; then twice as many, and so on.
_FIRST_LOOK = 100
# What moves further in a step, relative to its size, is not asked.
_SLOW = 1e-3
# Weights whose Hessian is worth its n**3.
_MOST_WEIGHTS = 1000
# Steps at the limit of stability keep weights a few tolerances from rest.
_JITTER = 10.0
# A step squares the distance from rest, relative to where the flow ceases to be linear.
_NEWTON = 5


def integrate(
    start: Weights, correlations: Correlations, times: Array, tau: float, rtol: float, atol: float
) -> Weights:
    """Return each layer of one start at all times."""
    splits = np.cumsum([w.size for w in start])[:-1]

    def unpack(flat: Array) -> Weights:
        pieces = zip(np.split(flat, splits, axis=-1), start, strict=True)
        return tuple(p.reshape(*flat.shape[:-1], *w.shape) for p, w in pieces)

    def velocity(flat: Array) -> Array:
        slopes = _arithmetic.gradient(unpack(flat), correlations)
        return np.concatenate([-g.reshape(*flat.shape[:-1], -1) for g in slopes], axis=-1) / tau

    initial = np.concatenate([w.ravel() for w in start])
    # A trial step may overflow; it is then repeated with a shorter one.
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        if not np.isfinite(velocity(initial)).all():
            raise ValueError("weights must be so small that their velocity is finite, got NaN")
        # An integrator needs a span of time, even where only t = 0 is asked for.
        return unpack(_course(velocity, initial, times, times[-1] or tau, rtol, atol))


def _course(
    velocity: _Velocity, initial: Array, times: Array, end: float, rtol: float, atol: float
) -> Array:
    """Return all weights, one row for each time."""
    solver = DOP853(lambda _, flat: velocity(flat), 0.0, initial, end, rtol=rtol, atol=atol)
    course, done = np.empty((len(times), initial.size)), 0
    steps, look = 0, max(_FIRST_LOOK, initial.size)
    while done < len(times):
        before, message = solver.y, solver.step()
        if solver.status == "failed":
            raise RuntimeError(f"integration stopped before t = {times[-1]}: {message}")
        passed = int(np.searchsorted(times, solver.t, side="right"))
        if passed > done:
            course[done:passed] = solver.dense_output()(times[done:passed]).T
        steps, done = steps + 1, passed
        if steps < look or done == len(times):
            continue
        look, size = 2 * look, float(np.linalg.norm(solver.y))
        if np.linalg.norm(solver.y - before) <= _SLOW * size:
            near = _JITTER * (atol + rtol * size)
            ending = _ending(velocity, solver.y, initial, near, end - solver.t)
            if ending is not None:
                course[done:] = ending(times[done:] - solver.t)
                break
    return course


def _ending(
    velocity: _Velocity, flat: Array, initial: Array, near: float, left: float
) -> _Course | None:
    """Return how a flow comes to rest and stays for the time left; nothing if it does not yet."""
    rest, moving = flat.copy(), np.flatnonzero((flat != initial) | (velocity(flat) != 0))
    if moving.size > _MOST_WEIGHTS:
        return None
    rounding, linear = 4 * moving.size * _EPS, flat
    for i in range(_NEWTON):
        hessian = _hessian(velocity, rest, moving)
        if not np.isfinite(hessian).all():
            return None
        rates, Q = np.linalg.eigh(hessian)
        fastest = rates.max(initial=0.0)
        # What is not at rest yet bends flat directions a little, down or up.
        firm = rates > max(rounding * fastest, -10 * rates.min(initial=0.0))
        rest[moving] += Q[:, firm] @ (Q[:, firm].T @ velocity(rest)[moving] / rates[firm])
        if i == 0:
            linear = rest.copy()
            continue
        if not np.linalg.norm(rest - linear) <= near:
            return None
        drift = np.linalg.norm(Q[:, ~firm].T @ velocity(rest)[moving])
        still = max(near / left, 4 * _EPS * fastest * np.linalg.norm(rest))
        if drift <= still and rates.min(initial=0.0) >= -rounding * fastest:
            return _relaxation(rest, flat, moving, np.where(firm, rates, 0.0), Q)
    return None


def _relaxation(
    rest: Array, flat: Array, moving: NDArray[np.intp], rates: Array, Q: Array
) -> _Course:
    """Return the linear motion towards a point of rest."""
    apart = Q.T @ (flat - rest)[moving]

    def course(t: Array) -> Array:
        found = np.tile(rest, (len(t), 1))
        found[:, moving] += (apart * np.exp(-rates * t[:, None])) @ Q.T
        return found

    return course


def _hessian(velocity: _Velocity, flat: Array, moving: NDArray[np.intp]) -> Array:
    """Return the second derivatives of the error with respect to the weights that move."""
    # An imaginary step has no difference that would cancel: exact, as velocities are polynomials.
    steps = flat + 1e-30j * np.eye(flat.size)[moving]
    hessian: Array = -velocity(steps).imag[:, moving] / 1e-30
    return (hessian + hessian.T) / 2
