r"""Error on examples that a network was not trained on, in the limit of many inputs.

Two teachers. One gives a number for every random input, and one layer learns it from
:math:`P = \alpha N` noisy examples (Advani, Saxe & Sompolinsky 2020). The other is a map of low
rank, of which white inputs give a noisy version, and any number of layers learn that (Lampinen &
Ganguli 2019). Both need averages over a bulk of random eigenvalues between
:math:`(\sqrt\alpha \mp 1)^2`,

.. math:: \lambda = (\sqrt\alpha - 1)^2 + \sqrt\alpha\,x^2, \qquad
          \rho\,d\lambda = \frac{2\alpha}{\pi\lambda}\,x^2\sqrt{1 - x^2/4}\;dx, \qquad 0 < x < 2,

which is the Marchenko-Pastur law without its eigenvalues at zero. How they are computed: with
:math:`x = 2/(1 + e^{-v})`, by even steps in :math:`v`. All that is small next to the lower edge,
:math:`\sqrt\alpha - 1` or :math:`t^{-1/2}`, is then of the order of one in :math:`v`, however
small it is, and integrands are analytic in a strip of width :math:`\pi/2`, so that a step of 1/7
leaves no more than :math:`3\cdot 10^{-14}`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import brentq
from scipy.special import expit

from dlnlib import _checks
from dlnlib._checks import not_negative, positive
from dlnlib._docs import fill
from dlnlib._typing import Array
from dlnlib.exact._arguments import arguments, closed_form, each
from dlnlib.exact.time_course import mode_strength

__all__ = [
    "NoisyModes",
    "TeacherErrors",
    "generalisation_error",
    "noisy_modes",
    "noisy_teacher_errors",
    "optimal_stopping_time",
    "training_error",
]

# Times beyond this count as this. Only at load 1 does anything still move.
_FOREVER = 1e30
# Loads and variances between this and its inverse have squares and products in range.
_LARGEST = 1e100
# Steps of v, and what x = 2 expit(v) and its distance from 2 are there.
_STEP = 1 / 7
_V = np.arange(-46, 25, _STEP)
_SHARE, _REST = expit(_V), expit(-_V)
# Points that are integrated at once.
_BLOCK = 1024
_MOST_STEPS = 100

# The first three are filled in by `closed_form`.
_described = fill(
    t="%(t)s",
    tau="%(tau)s",
    raises="%(raises)s",
    load=r"""
    load : array_like
        Examples for each input, :math:`\alpha = P/N`, positive.""",
    noise_variance=r"""
    noise_variance : array_like
        Variance of the noise of a target over that of a teacher's weight, not negative:
        the inverse of the signal-to-noise ratio, 1/SNR.""",
    initial_variance=r"""
    initial_variance : array_like, optional
        Variance of a weight at the start over that of a teacher's weight, not negative: INR.""",
)


class NoisyModes(NamedTuple):
    """Hold what noise makes of the modes of a teacher.

    Attributes
    ----------
    s : ndarray
        Singular values of the noisy map.
    output_overlap : ndarray
        Scalar product of the noisy output mode with that of the teacher, from 0 to 1.
    input_overlap : ndarray
        The same for input modes.
    """

    s: Array
    output_overlap: Array
    input_overlap: Array


class TeacherErrors(NamedTuple):
    """Hold the errors of a student of a noisy teacher.

    Attributes
    ----------
    training : ndarray
        Squared distance from the noisy map, over that of zeros.
    generalisation : ndarray
        Squared distance from the teacher, over that of zeros.
    """

    training: Array
    generalisation: Array


@closed_form
@_described
def generalisation_error(
    t: ArrayLike,
    *,
    load: ArrayLike,
    noise_variance: ArrayLike,
    initial_variance: ArrayLike = 0.0,
    tau: ArrayLike,
) -> Array:
    r"""Return the mean squared error of one layer on new examples, during learning.

    .. math:: E_g(t) = \int \rho(\lambda) \left[ (1 + \mathrm{INR})\, e^{-2\lambda t/\tau}
              + \frac{(1 - e^{-\lambda t/\tau})^2}{\lambda\,\mathrm{SNR}} \right] d\lambda
              + \frac{1}{\mathrm{SNR}},

    with the Marchenko-Pastur law :math:`\rho` of the load :math:`\alpha`, which for
    :math:`\alpha < 1` has a share :math:`1 - \alpha` of eigenvalues zero.

    Parameters
    ----------
    %(t)s
    %(load)s
    %(noise_variance)s
    %(initial_variance)s
    %(tau)s

    Returns
    -------
    ndarray
        Error in units of the variance of a teacher's weight; a teacher that answers zeros has
        ``1 + noise_variance``.

    Raises
    ------
    %(raises)s

    Notes
    -----
    Advani, Saxe and Sompolinsky (2020), the limit of many inputs at fixed load. Inputs are
    Gaussian of variance :math:`1/N`, targets :math:`y = \bar w \cdot x + \epsilon`, and gradient
    flow is that of half the squared error summed over examples. Along a principal axis of the
    inputs with the sum of squares :math:`\lambda`, the distance :math:`z` from the teacher obeys
    :math:`\tau\dot z = -\lambda z + \sqrt\lambda\,\tilde\epsilon`, where :math:`\tilde\epsilon`
    has the variance of the noise. Its mean square is the bracket. At load 1 the error grows like
    :math:`\sqrt t` without end; times are counted up to :math:`10^{30}\tau`.

    Examples
    --------
    >>> from dlnlib.exact import generalisation_error
    >>> print(generalisation_error([0, 3, 50], load=2.0, noise_variance=0.2, tau=1.0).round(3))
    [1.2   0.356 0.4  ]
    """
    time, load, noise, initial = _teacher(t, load, noise_variance, initial_variance, tau)

    def bracket(lam: Array, time: Array, noise: Array, initial: Array) -> Array:
        learned = -np.expm1(-lam * time)
        return (1 + initial) * np.exp(-2 * lam * time) + noise * learned * (learned / lam)

    frozen = np.maximum(1 - load, 0) * (1 + initial)
    return (noise + (frozen + _over_bulk(bracket, load, time, noise, initial)))[()]


@closed_form
@_described
def training_error(
    t: ArrayLike,
    *,
    load: ArrayLike,
    noise_variance: ArrayLike,
    initial_variance: ArrayLike = 0.0,
    tau: ArrayLike,
) -> Array:
    r"""Return the mean squared error of one layer on the examples that it learns.

    .. math:: E_t(t) = \frac1\alpha \int_{\lambda > 0} \rho(\lambda)
              \left[ (1 + \mathrm{INR})\,\lambda + \frac{1}{\mathrm{SNR}} \right]
              e^{-2\lambda t/\tau}\, d\lambda
              + \frac{1}{\mathrm{SNR}} \max\!\left(1 - \frac1\alpha,\, 0\right).

    Parameters
    ----------
    %(t)s
    %(load)s
    %(noise_variance)s
    %(initial_variance)s
    %(tau)s

    Returns
    -------
    ndarray
        Error for each example, in units of the variance of a teacher's weight.

    Raises
    ------
    %(raises)s

    See Also
    --------
    generalisation_error : The error on new examples, with the derivation.

    Notes
    -----
    Advani, Saxe and Sompolinsky (2020). A residual along a principal axis of the examples is
    :math:`(\tilde\epsilon - \sqrt\lambda\,z_0)\,e^{-\lambda t/\tau}`; examples that
    outnumber inputs have :math:`P - N` further residuals, which stay.

    Examples
    --------
    >>> from dlnlib.exact import training_error
    >>> print(training_error([0, 3, 50], load=2.0, noise_variance=0.2, tau=1.0).round(3))
    [1.2   0.106 0.1  ]
    """
    time, load, noise, initial = _teacher(t, load, noise_variance, initial_variance, tau)

    def bracket(lam: Array, time: Array, noise: Array, initial: Array) -> Array:
        return ((1 + initial) * lam + noise) * np.exp(-2 * lam * time)

    rest = noise * np.maximum(load - 1, 0)
    return ((_over_bulk(bracket, load, time, noise, initial) + rest) / load)[()]


@closed_form
@_described
def optimal_stopping_time(
    load: ArrayLike,
    *,
    noise_variance: ArrayLike,
    initial_variance: ArrayLike = 0.0,
    tau: ArrayLike,
) -> Array:
    r"""Return the time at which one layer has its least error on new examples.

    Solves :math:`\dot E_g = 0`, which is

    .. math:: \int_{\lambda > 0} \rho(\lambda)\, e^{-\lambda t/\tau}\, d\lambda
              = \int_{\lambda > 0} \rho(\lambda)\, e^{-2\lambda t/\tau}
              \left[ 1 + \lambda\,\mathrm{SNR}\,(1 + \mathrm{INR}) \right] d\lambda .

    Parameters
    ----------
    %(load)s
    %(noise_variance)s
    %(initial_variance)s
    %(tau)s

    Returns
    -------
    ndarray
        Time in iterations; infinite without noise.

    Raises
    ------
    %(raises)s

    See Also
    --------
    generalisation_error : The error that is least then.

    Notes
    -----
    There is one such time. A single eigenvalue is best stopped at
    :math:`t_\lambda = \tau \ln(1 + \lambda\,\mathrm{SNR}\,(1 + \mathrm{INR}))/\lambda`, which
    falls with :math:`\lambda`, so that a zero lies between the times of both edges. And the left
    side over the right one grows: :math:`\lambda\rho` is log-concave in :math:`\ln\lambda`, hence
    so is its integral :math:`A(t)` with :math:`e^{-\lambda t}` in :math:`\ln t` (Prékopa), and the
    mean of :math:`\lambda t` at :math:`t` is at most that at :math:`2t`, which the bracket raises.
    The error is that of Advani, Saxe and Sompolinsky (2020), who discuss its best time; that there
    is only one is derived here.

    Examples
    --------
    >>> from dlnlib.exact import optimal_stopping_time
    >>> print(optimal_stopping_time([0.5, 1, 2], noise_variance=0.2, tau=1.0).round(3))
    [2.707 3.067 2.394]
    """
    load, noise, initial, tau = arguments(
        each(positive, load=load),
        each(not_negative, noise_variance=noise_variance, initial_variance=initial_variance),
        each(positive, tau=tau),
    )
    _require_size(load, noise, initial)
    flat = [np.ravel(a) for a in (load, (1 + initial) / np.maximum(noise, 1 / _LARGEST))]
    parts = range(0, load.size, _BLOCK)
    times = [_stopping_time(*(a[i : i + _BLOCK, None] for a in flat)) for i in parts]
    found = np.concatenate([*times, np.empty(0)]).reshape(load.shape)
    return (tau * np.where(noise > 0, found, np.inf))[()]


@closed_form
def noisy_modes(s: ArrayLike, *, scale: ArrayLike, aspect: ArrayLike) -> NoisyModes:
    r"""Return the singular values of a low-rank map with noise, and how its modes turn.

    .. math:: \hat s = \frac{\sqrt{(\bar s^2 + \sigma^2)(\bar s^2 + A\sigma^2)}}{\bar s},
              \qquad (\hat u \cdot \bar u)^2 = \frac{\bar s^4 - A\sigma^4}
              {\bar s^2(\bar s^2 + A\sigma^2)}, \qquad
              (\hat v \cdot \bar v)^2 = \frac{\bar s^4 - A\sigma^4}{\bar s^2(\bar s^2 + \sigma^2)}

    for :math:`\bar s > A^{1/4}\sigma`. Weaker modes are lost in the noise: their overlaps are
    zero, and :math:`\hat s = (1 + \sqrt A)\,\sigma` is its largest singular value.

    Parameters
    ----------
    s : array_like
        Singular values :math:`\bar s` of the teacher, not negative.
    scale : array_like
        Standard deviation :math:`\sigma` of the noise on an entry, times the root of the number of
        inputs; not negative.
    aspect : array_like
        Outputs for each input, :math:`A = N_3/N_1`, positive.

    Returns
    -------
    s : ndarray
        Singular values of the noisy map.
    output_overlap : ndarray
        Overlap of output modes, :math:`|\hat u \cdot \bar u|`.
    input_overlap : ndarray
        Overlap of input modes, :math:`|\hat v \cdot \bar v|`.

    Raises
    ------
    %(raises)s

    Notes
    -----
    Benaych-Georges and Nadakuditi (2012), as used by Lampinen and Ganguli (2019), written here
    without differences that cancel. The limit of many inputs and outputs at a fixed number of
    modes. Let :math:`\varphi(x)` be the mean of :math:`x/(x^2 - \lambda)` over the bulk, as inputs
    see it and as outputs do. A mode :math:`\bar s \bar u \bar v^T` adds a pole where
    :math:`\bar s^2 \varphi_1(\hat s)\,\varphi_3(\hat s) = 1`, and its residues are the overlaps.
    Exchanging inputs and outputs leaves :math:`\hat s` as it is, so that `aspect` may be above one.

    Examples
    --------
    >>> from dlnlib.exact import noisy_modes
    >>> s, output, inputs = noisy_modes([3.0, 1.0, 0.5], scale=1.0, aspect=0.25)
    >>> print(s.round(3), output.round(3), inputs.round(3))
    [3.206 1.581 1.5  ] [0.985 0.775 0.   ] [0.947 0.612 0.   ]
    """
    s, scale, aspect = arguments(
        each(not_negative, s=s, scale=scale), each(positive, aspect=aspect)
    )
    _checks.require("aspect", aspect, aspect <= _LARGEST, f"must not be beyond {_LARGEST:g}")
    _checks.require("aspect", aspect, aspect >= 1 / _LARGEST, f"must not be below {1 / _LARGEST:g}")
    root = np.sqrt(aspect)
    # Relative to the signal, so that squares stay in range; at the threshold root * r**2 is one.
    r = np.where(s > 0, scale / s, np.inf)
    seen = root * r * r < 1
    r = np.where(seen, r, 0.0)
    left = np.sqrt((1 - root * r * r) * (1 + root * r * r))
    grown = s * np.hypot(1, r) * np.hypot(1, root * r)
    return NoisyModes(
        np.where(seen, grown, (1 + root) * scale)[()],
        np.where(seen, left / np.hypot(1, root * r), 0.0)[()],
        np.where(seen, left / np.hypot(1, r), 0.0)[()],
    )


@np.errstate(over="ignore")
def noisy_teacher_errors(
    t: ArrayLike,
    *,
    s: ArrayLike,
    scale: float,
    u0: float,
    tau: float,
    layer_sizes: Sequence[int],
) -> TeacherErrors:
    r"""Return training and generalisation error of a deep network that learns a noisy map.

    .. math:: E_t &= \frac{\sum_\alpha (u_\alpha - \hat s_\alpha)^2
              + (k - r)\,\langle (u(\hat s) - \hat s)^2 \rangle_\text{in}
              + (n - k)\,\langle \hat s^2 \rangle_\text{out}}
              {\sum_\alpha \hat s_\alpha^2 + (n - r)\,\langle \hat s^2 \rangle}, \\
              E_g &= \frac{\sum_\alpha \left[ (u_\alpha - \bar s_\alpha)^2
              + 2 u_\alpha \bar s_\alpha (1 - O_\alpha) \right]
              + (k - r)\,\langle u(\hat s)^2 \rangle_\text{in}}{\sum_\alpha \bar s_\alpha^2}.

    The teacher has :math:`r` modes, the noisy map :math:`n = \min(N_1, N_3)`, and the student
    room for :math:`k`, its narrowest layer. Averages are over the bulk of noise:
    :math:`\langle\rangle_\text{in}` over the share :math:`(k-r)/(n-r)` of its largest singular
    values, and :math:`\langle\rangle_\text{out}` over the others.

    Parameters
    ----------
    t : array_like
        Time in iterations, not negative.
    s : array_like, shape (n_modes,)
        Singular values of the teacher's map, not negative, not all zero.
    scale : float
        Standard deviation of the noise on an entry of the map, times the root of the number of
        inputs; not negative.
    u0 : float
        Initial strength of all modes of the noisy map, positive.
    tau : float
        Time constant in iterations, the inverse of the learning rate.
    layer_sizes : sequence of int
        Units in every layer, inputs first.

    Returns
    -------
    training : ndarray
        Error on the noisy map, of the shape of `t`.
    generalisation : ndarray
        Error on the teacher's map.

    Raises
    ------
    TypeError
        If an argument is not made of real numbers.
    ValueError
        If an argument is not finite or out of range, or there are more modes than inputs or
        outputs.

    See Also
    --------
    noisy_modes : What noise makes of the teacher's modes, with the overlaps :math:`O`.
    mode_strength : The course :math:`u(t)` of a mode.

    Notes
    -----
    Lampinen and Ganguli (2019), here for any number of layers and any ratio of outputs to inputs.
    Training inputs are white, :math:`\Sigma^{11} = 1`, so that
    :math:`\Sigma^{31} = \bar W + Z`, and the student starts decoupled, in the modes of
    :math:`\Sigma^{31}`. In the limit of large layers only the two modes that belong to each other
    overlap, by :math:`O_\alpha`, so that
    :math:`\|W - \bar W\|^2 = \sum u^2 - 2\sum_\alpha u_\alpha \bar s_\alpha O_\alpha +
    \sum_\alpha \bar s_\alpha^2`. Corrections are of the order of the number of modes over the
    number of inputs. If there is room for fewer modes than the teacher has, the strongest are
    learned.

    Examples
    --------
    >>> from dlnlib.exact import noisy_teacher_errors
    >>> training, generalisation = noisy_teacher_errors(
    ...     [0, 2, 20], s=[3.0], scale=1.0, u0=1e-3, tau=1.0, layer_sizes=(100, 100, 50)
    ... )
    >>> print(training.round(3), generalisation.round(3))
    [0.998 0.643 0.   ] [0.999 0.302 5.63 ]
    """
    t, s, scale, u0, tau, sizes = _student(t, s, scale, u0, tau, layer_sizes)
    n, r, k = min(sizes[0], sizes[-1]), s.size, min(sizes)
    aspect = sizes[-1] / sizes[0]
    found, left, right = noisy_modes(s, scale=scale, aspect=aspect)
    lam, weight, inside = _bulk_of_noise(aspect, max(k - r, 0) / max(n - r, 1))
    x = scale * np.sqrt(lam)
    modes = np.concatenate([found, x])
    course = mode_strength(t[..., None], s=modes, u0=u0, tau=tau, n_layers=len(sizes))
    u, v = course[..., :r] * (np.arange(r) < k), course[..., r:]
    left_out = np.sum((weight - inside) * x**2)
    training = np.sum((u - found) ** 2, axis=-1) + (n - r) * (
        np.sum(inside * (v - x) ** 2, axis=-1) + left_out
    )
    whole = np.sum(found**2) + (n - r) * np.sum(weight * x**2)
    missed = np.sum((u - s) ** 2 + 2 * u * s * (1 - left * right), axis=-1)
    test = missed + (n - r) * np.sum(inside * v**2, axis=-1)
    return TeacherErrors((training / whole)[()], (test / np.sum(s**2))[()])


def _student(
    t: ArrayLike, s: ArrayLike, scale: float, u0: float, tau: float, layer_sizes: Sequence[int]
) -> tuple[Array, Array, float, float, float, tuple[int, ...]]:
    """Check the arguments of a student, and return them, modes of the teacher descending."""
    t, s = not_negative("t", t), not_negative("s", s)
    scale, u0 = _checks.number("scale", scale, least=0), _checks.number("u0", u0, above=0)
    for name, value in {"scale": scale, "u0": u0}.items():
        bound = value <= _LARGEST
        _checks.require(name, np.array(value), bound, f"must not be beyond {_LARGEST:g}")
    tau, sizes = _checks.number("tau", tau, above=0), _checks.layer_sizes(layer_sizes)
    _require_teacher(s, min(sizes[0], sizes[-1]))
    return t, np.sort(s)[::-1], scale, u0, tau, sizes


def _teacher(
    t: ArrayLike,
    load: ArrayLike,
    noise_variance: ArrayLike,
    initial_variance: ArrayLike,
    tau: ArrayLike,
) -> tuple[Array, ...]:
    """Check the arguments of a course, and return them with time in units of tau."""
    t, load, noise, initial, tau = arguments(
        each(not_negative, t=t),
        each(positive, load=load),
        each(not_negative, noise_variance=noise_variance, initial_variance=initial_variance),
        each(positive, tau=tau),
    )
    _require_size(load, noise, initial)
    return np.minimum(t / tau, _FOREVER), load, noise, initial


def _require_size(load: Array, noise: Array, initial: Array) -> None:
    """Require that squares and products stay in range."""
    given = {"load": load, "noise_variance": noise, "initial_variance": initial}
    for name, value in given.items():
        _checks.require(name, value, value <= _LARGEST, f"must not be beyond {_LARGEST:g}")
    _checks.require("load", load, load >= 1 / _LARGEST, f"must not be below {1 / _LARGEST:g}")


def _require_teacher(s: Array, n: int) -> None:
    """Require the singular values of a map."""
    if s.ndim != 1 or not s.any():
        raise ValueError(f"s must be a vector that is not all zero, got shape {s.shape}")
    if s.size > n:
        raise ValueError(
            f"s must have at most {n} modes, the least of inputs and outputs in layer_sizes, "
            f"got {s.size}"
        )
    _checks.require("s", s, s <= _LARGEST, f"must not be beyond {_LARGEST:g}")
    most = np.full(s.shape, s.max())
    _checks.require("s", s, most >= 1 / _LARGEST, f"must not be below {1 / _LARGEST:g} throughout")


def _eigenvalues(load: Array, start: float = 0.0, end: float = 2.0) -> tuple[Array, Array]:
    """Return eigenvalues that are not zero, between two x, and their weights.

    Between 0 and 2, all of them, weights add up to min(1, load).
    """
    root = np.sqrt(load)
    below = (load - 1) / (root + 1)  # the root of the lower edge, without cancellation
    x, rest = start + (end - start) * _SHARE, 2 - end + (end - start) * _REST
    dx = _STEP * (end - start) * _SHARE * _REST
    lam = below * below + root * x * x
    return lam, load * (x * x / lam) * np.sqrt(rest * (2 + x)) / np.pi * dx


def _over_bulk(function: Callable[..., Array], load: Array, *values: Array) -> Array:
    """Integrate a function of eigenvalues and values over eigenvalues that are not zero."""
    flat, found = [np.ravel(a) for a in (load, *values)], np.empty(load.size)
    for i in range(0, load.size, _BLOCK):
        part, *others = (a[i : i + _BLOCK, None] for a in flat)
        lam, weight = _eigenvalues(part)
        found[i : i + _BLOCK] = np.sum(weight * function(lam, *others), axis=-1)
    return found.reshape(load.shape)


def _stopping_time(load: Array, kappa: Array) -> Array:
    """Solve for the logarithm of time by Newton's method, kept between the times of both edges."""
    lam, weight = _eigenvalues(load)
    edges = [((load - 1) / (np.sqrt(load) + 1)) ** 2, (1 + np.sqrt(load)) ** 2]
    high, low = (np.log(_alone(edge, kappa)) for edge in edges)
    above = lam - edges[0]
    z = np.log(_alone(np.clip(load, *edges), kappa))
    for _ in range(_MOST_STEPS):
        time = np.exp(z)
        a = weight * np.exp(-above * time)
        b = weight * np.exp(-2 * above * time) * (1 + kappa * lam)
        A, B = a.sum(-1, keepdims=True), b.sum(-1, keepdims=True)
        excess = edges[0] * time + np.log(A / B)
        slope = time * (
            2 * (b * lam).sum(-1, keepdims=True) / B - (a * lam).sum(-1, keepdims=True) / A
        )
        low, high = np.where(excess < 0, z, low), np.where(excess < 0, high, z)
        new = z - excess / slope
        new = np.where((new > low) & (new < high), new, (low + high) / 2)
        step, z = np.abs(new - z).max(initial=0.0), new
        if step < 1e-12:
            break
    return np.exp(z[:, 0])


def _alone(lam: Array, kappa: Array) -> Array:
    """Return the time at which one eigenvalue is best stopped."""
    x = lam * kappa
    return kappa * np.where(x > 0, np.log1p(x) / np.where(x > 0, x, 1.0), 1.0)


@lru_cache(maxsize=64)
def _bulk_of_noise(aspect: float, share: float) -> tuple[Array, Array, Array]:
    """Return eigenvalues of noise, weights of a mean over all, and over a share of the largest.

    The latter add up to the share.
    """
    load, mass = np.array(aspect), min(1.0, aspect)
    x = 2.0 * (share == 0)
    if 0 < share < 1:
        x = brentq(lambda x: _eigenvalues(load, x)[1].sum() / mass - share, 0, 2, xtol=1e-14)
    parts = [_eigenvalues(load, *ends) for ends in ((0.0, x), (x, 2.0)) if ends[0] < ends[1]]
    lam, weight = (np.concatenate(both) for both in zip(*parts, strict=True))
    inside = np.arange(lam.size) >= lam.size - _V.size * (share > 0)
    return lam, weight / mass, np.where(inside, weight, 0.0) / mass
