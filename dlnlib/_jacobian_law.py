r"""The equations behind the limiting law of a wide network's Jacobian, and their solution.

**What is solved.** A law of squared singular values :math:`\lambda` is known by
:math:`M(\zeta) = \langle\lambda/(\zeta - \lambda)\rangle`, and its S-transform is
:math:`S = (1+M)/(M\zeta)`, seen as a function of :math:`M`. With

.. math:: y = \ln\frac{1+M}{M}, \qquad w = \ln\zeta, \qquad \ln S = y - w.

S-transforms of free factors multiply. Here these are the squared slopes of :math:`L` layers, each
with a law :math:`M_l` of its own; the gain, :math:`L` times :math:`g^2`; and Gaussian weights,
:math:`S = 1/(1+M)` for each. All share one :math:`M`, and so one :math:`y`, at arguments
:math:`w_l` of their own:

.. math:: \ln\zeta = y + 2L\ln g + \sum_l (w_l - y) + n \ln(1+M), \qquad
          y = \ln\frac{1+M_l(w_l)}{M_l(w_l)}, \quad l = 1, \dots, L,

with :math:`n = L` for Gaussian and 0 for orthogonal weights. Unknown are :math:`y` and the
:math:`w_l`; and :math:`M = 1/(e^y - 1)`.

**Newton's method.** With :math:`t = \varphi'^2/\zeta_l`, averages over layer :math:`l` give
:math:`1 + M_l = \langle 1/(1-t)\rangle` and :math:`-dM_l/dw_l = \langle t/(1-t)^2\rangle`, hence
the stiffness

.. math:: \kappa_l = \frac{dw_l}{dy} = \frac{(1+M_l)\,M_l}{\langle t/(1-t)^2\rangle}.

Layers see each other only through :math:`y`. With the residuals
:math:`r_l = \ln\frac{1+M_l}{M_l} - y` a step is :math:`\delta w_l = \kappa_l(\delta y - r_l)`, and
the first equation leaves one linear equation for :math:`\delta y`.

**Where it starts.** For negative :math:`\zeta` all is real but for phases of :math:`\pi`, and a
law that is a single point has :math:`w_l = y + \ln\langle\varphi'^2\rangle`. From there the
solution is followed on a circle, :math:`\arg\zeta` from :math:`\pi` to just above 0, where
:math:`-\operatorname{Im} M/\pi` is the density of :math:`\ln\lambda`. On the way all of
:math:`\zeta`, :math:`\zeta_l` and :math:`e^y` stay in the upper half plane.

**The distribution function.** :math:`\Psi = \langle\ln(1 - \lambda/\zeta)\rangle` has the slope
:math:`d\Psi/d\ln\zeta = M`, and just above the real axis :math:`\operatorname{Im}\Psi/\pi` is the
share of :math:`\lambda` above :math:`\zeta`. Integrate :math:`M` over the first equation, term by
term: :math:`\int M\,dw_l = \Psi_l`, :math:`\int M\,dy = -\ln(1+M)`, and
:math:`\int M\,d\ln(1+M) = M - \ln(1+M)`, whence

.. math:: \Psi = \sum_l \Psi_l + (L-1)\ln(1+M) + n\,\big(M - \ln(1+M)\big).

**Averages over a layer** are sums over its Gaussian activities, by Gauss's rule between the kinks
of the slope. Close to the spectrum :math:`1/(1-t)` has poles close to real activities; for tanh,
erf, ELU and SELU the path runs through the complex plane and keeps away from them.
**Branches**: on these paths
:math:`\arg\varphi'^2` falls from 0 by 1.8 at most, so that :math:`t` never crosses the real
axis above 1, and :math:`\ln(1-t)` has arguments between -1.8 and :math:`\pi`.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dlnlib._typing import Array, ComplexArray
from dlnlib.nonlinearities import NONLINEARITIES, Function, Nonlinearity

__all__ = ["Network", "solve"]

# Layers of many variances act as a few of suitable ones do.
_N_EFFECTIVE = 12
# The solution is followed over these arguments of zeta, to just above the spectrum.
_ANGLES = np.array([*np.linspace(np.pi, 0.05, 12), 0.02, 5e-3, 1e-3, 1e-5, 1e-7])
_NEWTON_STEPS, _NEWTON_TOLERANCE = 100, 1e-10
# Largest change of a logarithm in one step.
_MAX_CHANGE = 2.0
# Nodes of the law of a layer, up to so many standard deviations, and until twice as many would
# change the result by no more than this.
_LAST_NODE, _N_NODES, _TOLERANCE = 10.0, (192, 768, 3072), 1e-7
# Nodes of Gauss's rule, on a panel between kinks.
_PANEL = 16


class Network(NamedTuple):
    """A wide network: variances and slopes of its layers, 2 L ln g, and its Gaussian matrices."""

    variances: Array
    nonlinearity: Nonlinearity
    log_gain: float
    n_gaussian: int


class _Layers(NamedTuple):
    """Squared slopes on the nodes of every layer, their weights, and how many layers are alike."""

    squares: ComplexArray
    p: ComplexArray
    counts: Array


def solve(log_x: Array, network: Network) -> tuple[ComplexArray, ComplexArray, Array]:
    """Return M, its antiderivative and the error of M just above squared singular values."""
    M, psi, error = np.empty(log_x.shape, complex), np.empty(log_x.shape, complex), log_x + np.inf
    for n_nodes in _N_NODES:
        left = ~(error <= _TOLERANCE)
        # What fails shows in its error, which is infinite or not a number.
        with np.errstate(all="ignore"):
            M[left], psi[left], error[left] = _solve_on(n_nodes, log_x[left], network)
    if not np.all(error <= _TOLERANCE):
        worst = np.argmin(error <= _TOLERANCE)
        raise RuntimeError(
            f"the law did not converge at {np.sum(~(error <= _TOLERANCE))} of {len(error)} "
            f"points, first at log_s = {log_x[worst] / 2:.6g}, with an error of {error[worst]:.3g}"
        )
    return M, psi, error


def _solve_on(
    n_nodes: int, log_x: Array, network: Network
) -> tuple[ComplexArray, ComplexArray, Array]:
    layers, finer = (_layers_on_nodes(n, network) for n in (n_nodes, 2 * n_nodes))
    y, w, residual = _follow_from_negative_axis(log_x, network, layers)
    M: Any = 1 / np.expm1(y)
    # The antiderivative.
    log_U = _log_one_plus_M(y)
    psi = layers.counts @ _average(_moved_cut(np.log1p(-_ratios(w, layers))), layers)
    psi += (layers.counts.sum() - 1) * log_U + network.n_gaussian * (M - log_U)
    # The error: what twice as many nodes would change.
    target = log_x + 1j * _ANGLES[-1]
    better, _, _ = _newton_step(y, w, target, network, finer)
    error = np.abs(1 / np.expm1(better) - M) / np.maximum(1, np.abs(M))
    return M, psi, np.where(_is_solved(w, residual), error, np.inf)


def _is_solved(w: ComplexArray, residual: Array) -> NDArray[np.bool_]:
    """Tell where equations hold, and all zeta_l are in the upper half plane, give or take 0.1."""
    # With few nodes far below the spectrum they may leave it for another solution.
    above = (w.imag > -0.1) & (w.imag < np.pi + 0.1)
    return (residual <= _NEWTON_TOLERANCE) & above.all(axis=0)


def _follow_from_negative_axis(
    log_x: Array, network: Network, layers: _Layers
) -> tuple[ComplexArray, ComplexArray, Array]:
    """Solve on circles of radius exp(log_x), from the negative axis to the positive one."""
    log_means = np.log(_average(layers.squares[:, None], layers).real)
    z = log_x - network.log_gain - layers.counts @ log_means
    # Exact for linear networks in both limits; ln(1 + M) is 0 in one and y in the other.
    y: ComplexArray = np.maximum(z, z / (1 + network.n_gaussian)) + 1j * np.pi
    w = y + log_means
    for angle in _ANGLES:
        residual = np.full(log_x.shape, np.inf)
        for _ in range(_NEWTON_STEPS):
            left = np.flatnonzero(~(residual <= _NEWTON_TOLERANCE))
            if len(left) == 0:
                break
            target = log_x[left] + 1j * angle
            y[left], w[:, left], residual[left] = _newton_step(
                y[left], w[:, left], target, network, layers
            )
    return y, w, residual


def _newton_step(
    y: ComplexArray, w: ComplexArray, target: ComplexArray, network: Network, layers: _Layers
) -> tuple[ComplexArray, ComplexArray, Array]:
    """Take a step to where y of all layers agree, and return the residual before it."""
    # Every layer: its y, and how its argument w follows y.
    t = _ratios(w, layers)
    u = 1 / (1 - t)
    U, M, slope = (_average(f, layers) for f in (u, t * u, t * u * u))
    errors = _moved_cut(np.log(U / M)) - y
    stiffness = U * M / slope
    # Their sum: one linear equation for y.
    total = y + network.log_gain + layers.counts @ (w - y) + network.n_gaussian * _log_one_plus_M(y)
    change = target - total + layers.counts @ (errors * stiffness)
    change /= 1 + layers.counts @ (stiffness - 1) - network.n_gaussian / np.expm1(y)
    changes = (change - errors) * stiffness
    # No logarithm changes by too much at once.
    damping = np.minimum(1.0, _MAX_CHANGE / np.abs(changes).max(axis=0))
    residual = np.maximum(np.abs(errors).max(axis=0), np.abs(total - target))
    return y + damping * change, w + damping * changes, residual


def _ratios(w: ComplexArray, layers: _Layers) -> ComplexArray:
    """Return t, the squared slopes over zeta of their layer."""
    return layers.squares[:, None] * np.exp(-w)[..., None]


def _average(f: ComplexArray, layers: _Layers) -> ComplexArray:
    return (f @ layers.p[..., None])[..., 0]


def _log_one_plus_M(y: ComplexArray) -> ComplexArray:
    return -np.log1p(-np.exp(-y))


def _moved_cut(log: ComplexArray) -> ComplexArray:
    """Move the cut of a logarithm to arguments of -2.4: at pi, rounding jumps over it."""
    return np.where(log.imag < -2.4, log + 2j * np.pi, log)


def _layers_on_nodes(n_nodes: int, network: Network) -> _Layers:
    """Put nodes on a path that keeps away from where a squared slope is zeta.

    That is close to real arguments, below the positive and above the negative ones, wherever the
    density of the spectrum is low.
    """
    f = network.nonlinearity
    effective, counts = _effective_variances(network.variances)
    root = np.sqrt(np.maximum(effective, 1e-20))[:, None]
    x: Any
    steps: Any
    path = next((path for name, path in _PATHS.items() if NONLINEARITIES[name] == f), None)
    if f.kinks or path is None:
        z, steps = _between_kinks(n_nodes, np.array(f.kinks) / root)
        x = root * z
    else:
        x = root * ((np.arange(n_nodes) + 0.5) / n_nodes * 2 * _LAST_NODE - _LAST_NODE)
        steps = 2 * _LAST_NODE / n_nodes
    if path is not None:
        height, climb = path
        x, steps = x + 1j * height(x), steps * (1 + 1j * climb(x))
    squares: Any = np.asarray(f.slope(x)) ** 2.0
    p: Any = steps * np.exp(-((x / root) ** 2) / 2) / np.sqrt(2 * np.pi)
    half = squares.shape[1] // 2
    if 2 * half == squares.shape[1] and np.array_equal(squares, squares[:, ::-1]):
        squares, p = squares[:, half:], 2 * p[:, half:]
    if np.all(squares == squares[0]) and np.all(p == p[0]):
        # Slopes that know no scale make all layers one, with no phase between them to lose.
        squares, p, counts = squares[:1], p[:1], counts.sum(keepdims=True)
    return _Layers(squares, p, counts)


def _between_kinks(n_nodes: int, kinks: Array) -> tuple[Array, Array]:
    """Return nodes and weights of Gauss's rule on panels that end at kinks, for every layer."""
    ends = np.linspace(-_LAST_NODE, _LAST_NODE, n_nodes // _PANEL + 1)
    inside = np.clip(kinks, -_LAST_NODE, _LAST_NODE)
    ends = np.sort(np.concatenate([np.tile(ends, (len(kinks), 1)), inside], axis=1), axis=1)
    x, p = np.polynomial.legendre.leggauss(_PANEL)
    half, middle = np.diff(ends)[..., None] / 2, (ends[:, 1:] + ends[:, :-1])[..., None] / 2
    return (middle + half * x).reshape(len(kinks), -1), (half * p).reshape(len(kinks), -1)


def _effective_variances(variances: Array) -> tuple[Array, Array]:
    """Return variances and counts that give smooth functions the same sum over layers.

    They are the nodes and weights of the Gauss rule of the layers, by Lanczos' method.
    """
    x = 1 - 1 / (1 + variances)
    basis, diagonal, beside = [np.full(len(x), len(x) ** -0.5)], [], []
    while True:
        v = x * basis[-1]
        diagonal.append(v @ basis[-1])
        for _ in range(2):
            v = v - sum((u @ v) * u for u in basis)
        size = np.linalg.norm(v)
        if len(diagonal) == _N_EFFECTIVE or size < 1e-12:
            break
        beside.append(size)
        basis.append(v / size)
    nodes, vectors = np.linalg.eigh(np.diag(diagonal) + np.diag(beside, 1) + np.diag(beside, -1))
    nodes = np.clip(nodes, 0, 1 - 1e-15)
    return nodes / (1 - nodes), len(x) * vectors[0] ** 2


def _left(x: Array) -> Array:
    return 0.45 * np.tanh(np.minimum(x, 0))


def _left_climb(x: Array) -> Array:
    return np.where(x < 0, 0.45 * (1 - np.tanh(x) ** 2), 0.0)


# Imaginary parts of paths along which the slopes are smooth, and their derivatives.
_PATHS: dict[str, tuple[Function, Function]] = {
    "tanh": (lambda x: 0.45 * np.tanh(x), lambda x: 0.45 * (1 - np.tanh(x) ** 2)),
    "erf": (lambda x: 0.5 * x / (1 + x**2), lambda x: 0.5 * (1 - x**2) / (1 + x**2) ** 2),
    "elu": (_left, _left_climb),
    "selu": (_left, _left_climb),
}
