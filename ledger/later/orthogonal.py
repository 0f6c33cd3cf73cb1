"""Claims on orthogonal and Gaussian starts: Hu, Xiao and Pennington, Du and Hu, Shamir."""

from __future__ import annotations

import numpy as np

from dlnlib import correlations, exact, initial_conditions, networks, training
from dlnlib.correlations import Correlations
from dlnlib.random_matrices import haar
from ledger.numerics import ROUNDING, Array, exponent, relative_error, whitened_mnist
from ledger.record import (
    FIGURE,
    IDENTITY,
    NUMBER,
    OURS,
    QUALITATIVE,
    SCALING,
    Check,
    Tolerance,
    at_most,
    claim,
    claims_of,
    equal,
    shared,
)

__all__ = ["CLAIMS"]

SEED = 2020
INPUTS, OUTPUTS = 3, 2
VARIANCES = np.array([4.0, 2.0, 1.0])
KAPPA = 4.0


def _data() -> Correlations:
    """Return data whose best map has the squared norm of the inputs' number, and a residual."""
    M = np.random.default_rng(SEED).standard_normal((OUTPUTS, INPUTS))
    M *= np.sqrt(INPUTS) / np.linalg.norm(M)
    residual = 5.0
    sigma_yx = M * VARIANCES
    return Correlations(np.diag(VARIANCES), sigma_yx, float(np.sum(sigma_yx * M)) + residual, 40)


def _gain(width: int, L: int) -> float:
    return float((width / OUTPUTS) ** (1 / (2 * L)))


def _rate(width: int, L: int, c: float = 0.5) -> float:
    return float(c / (L * _gain(width, L) ** (2 * L - 2) * VARIANCES[0]))


def _sizes(width: int, L: int) -> tuple[int, ...]:
    return (INPUTS, *[width] * (L - 1), OUTPUTS)


def _orthogonal(width: int, L: int, n_starts: int) -> list[Array]:
    return list(
        initial_conditions.orthogonal(
            _sizes(width, L), gain=_gain(width, L), rng=[SEED, width, L], n_starts=n_starts
        )
    )


def _of_corner(C: Array, width: int, L: int) -> list[Array]:
    """Return an orthogonal start in the coordinates in which its hidden layers are a number."""
    n, g = INPUTS + OUTPUTS, _gain(width, L)
    last = np.hstack([C, np.linalg.cholesky(np.eye(OUTPUTS) - C @ C.T)])
    return [g * np.eye(n, INPUTS), *[g * np.eye(n)] * (L - 2), g * last]


def _excess(start: list[Array], width: int, L: int, n_steps: int) -> Array:
    data = _data()
    run = training.gradient_descent(
        start, data, learning_rate=_rate(width, L), n_steps=n_steps, reduce=False
    )
    return run.errors - networks.least_error(data)


@claim(
    "rate",
    "Theorem 4.1",
    r"From a scaled orthogonal start, wide enough, with the rate $\eta = d_y/(2L\|X\|^2)$, the "
    r"error falls at least like $(1 - \eta L\sigma_{\min}^2(X)/2d_y)^t = (1 - 1/4\kappa)^t$ (our "
    "reading, from memory). Measured: the largest ratio of the error to that bound, over 40 steps, "
    "widths of 16 and 64, 2, 8 and 32 matrices, three starts each.",
    section="4",
    kind=QUALITATIVE,
    label="eq-since-orthogonal-rate",
    paper="hu2020",
)
def rate() -> Check:
    worst = 0.0
    for width in (16, 64):
        for L in (2, 8, 32):
            errors = _excess(_orthogonal(width, L, 3), width, L, 40)
            bound = errors[0] * (1 - 1 / (4 * KAPPA)) ** np.arange(41)[:, None]
            worst = max(worst, float((errors / bound)[1:].max()))
    return at_most(worst, 1, "a bound")


@claim(
    "own-scaling",
    "Section 3",
    r"The network $\alpha W^L\cdots W^1$ with $\alpha = (m^{L-1}d_y)^{-1/2}$, singular values "
    r"$\sqrt m$ and the rate $\eta$ learns like one without $\alpha$, with the gain "
    r"$g = (m/d_y)^{1/2L}$ and the rate $\eta g^2/m$. Measured: the largest relative difference of "
    "the errors of 30 steps, taken in both ways, for 5 matrices and a width of 12.",
    section="3",
    kind=IDENTITY,
    label="eq-since-orthogonal-gain",
    source=OURS,
    paper="hu2020",
)
def own_scaling() -> Check:
    width, L, data = 12, 5, _data()
    alpha = (width ** (L - 1) * OUTPUTS) ** -0.5
    eta = OUTPUTS / (2 * L * VARIANCES[0])
    start = [w[0] for w in _orthogonal(width, L, 1)]
    weights = [w / _gain(width, L) * np.sqrt(width) for w in start]
    errors = []
    for _ in range(31):
        W = alpha * networks.product(weights)
        difference = W @ data.sigma_xx - data.sigma_yx
        errors.append(np.sum((W @ data.sigma_xx - 2 * data.sigma_yx) * W) / 2 + data.trace_yy / 2)
        above = [np.eye(OUTPUTS)]
        for w in weights[:0:-1]:
            above.insert(0, above[0] @ w)
        below = [np.eye(INPUTS)]
        for w in weights[:-1]:
            below.append(w @ below[-1])
        steps = [alpha * a.T @ difference @ b.T for a, b in zip(above, below, strict=True)]
        weights = [w - eta * step for w, step in zip(weights, steps, strict=True)]
    found = _excess(start, width, L, 30)
    return equal(relative_error([found + networks.least_error(data)], [errors]), 0, ROUNDING)


@claim(
    "corner",
    "Theorem 4.1",
    "An orthogonal start of any width learns like one of as many hidden units as there are inputs "
    "and outputs, whose hidden layers are a number and whose last layer holds a corner of a random "
    "orthogonal matrix. Measured: the largest relative difference of the errors of 40 steps, for "
    "16 matrices and a width of 48.",
    section="4",
    kind=IDENTITY,
    label="eq-since-orthogonal-kernel",
    source=OURS,
    paper="hu2020",
)
def corner() -> Check:
    width, L = 48, 16
    start = [w[0] for w in _orthogonal(width, L, 1)]
    C = networks.product(start) / _gain(width, L) ** L
    found = _excess(_of_corner(C, width, L), width, L, 40)
    return equal(relative_error([found], [_excess(start, width, L, 40)]), 0, ROUNDING)


def _drawn_corner(width: int, n_starts: int) -> list[Array]:
    rng = np.random.default_rng([SEED, width])
    return [haar(width, INPUTS, rng=rng)[:OUTPUTS] for _ in range(n_starts)]


def _course(width: int, L: int, n_starts: int) -> tuple[Array, Array, Array]:
    """Return errors, how far the products begin from the best map, and how far layers moved."""
    data = _data()
    starts = [_of_corner(C, width, L) for C in _drawn_corner(width, n_starts)]
    start = [np.stack(layer) for layer in zip(*starts, strict=True)]
    run = training.gradient_descent(start, data, learning_rate=_rate(width, L), n_steps=60)
    away = networks.product(start) - data.sigma_yx / VARIANCES
    pairs = zip(run.weights, start, strict=True)
    moved = np.max([np.linalg.norm(a - b, 2, axis=(1, 2)) for a, b in pairs], axis=0)
    return run.errors - networks.least_error(data), away, moved


@claim(
    "linear-regime",
    "Theorem 4.1",
    "As width grows, the error follows that of linear regression. Measured: the power of the width "
    "in the mean over 60 starts of the largest difference, relative to the first error, widths "
    "from 256 to 4096, 8 matrices; derived here, $-1$.",
    section="4",
    kind=SCALING,
    label="eq-since-orthogonal-linear",
    source=OURS,
    paper="hu2020",
)
def linear_regime() -> Check:
    widths, off = [256, 1024, 4096], []
    for width in widths:
        errors, away, _ = _course(width, 8, 60)
        factor = (1 - VARIANCES / VARIANCES[0] / 2) ** np.arange(61)[:, None]
        parts = np.sum(away**2, axis=1) * VARIANCES / 2
        off.append(np.mean(np.abs(errors - factor**2 @ parts.T).max(axis=0) / errors[0]))
    reason = "60 starts at each width"
    return equal(exponent(widths, off), -1, Tolerance(0.1, reason))


@claim(
    "movement",
    "Theorem 4.1",
    r"Every layer moves by $\delta/L$ relative to its gain, "
    r"$\delta = \sqrt{d_y/m}\,\|W(0) - W_*\|$. Measured: the largest relative difference of the "
    "layer that moves most, over ten starts, width 4096, with 2, 8 and 64 matrices.",
    section="4",
    kind=NUMBER,
    label="eq-since-orthogonal-drift",
    source=OURS,
    paper="hu2020",
)
def movement() -> Check:
    width, off = 4096, []
    for L in (2, 8, 64):
        _, away, moved = _course(width, L, 10)
        delta = np.sqrt(OUTPUTS / width) * np.linalg.norm(away, 2, axis=(1, 2))
        off.append(np.abs(L * moved / _gain(width, L) / delta - 1).max())
    return equal(max(off), 0, Tolerance(0.01, r"terms of higher order in $\delta \approx 0.05$"))


def _median_steps(start: list[Array], width: int, L: int) -> float:
    """Return the median of the steps to one per cent of the error that can be removed."""
    data = _data()
    least = networks.least_error(data)
    run = training.gradient_descent(
        start,
        data,
        learning_rate=_rate(width, L, 1.0),
        n_steps=40,
        threshold=least + 0.01 * (data.trace_yy / 2 - least),
    )
    return float(np.median(np.where(run.status == "threshold", run.n_steps, np.inf)))


@shared
def _gaussian_steps(width: int, L: int) -> float:
    scale = _gain(width, L) / np.sqrt(width)
    start = initial_conditions.small_random(
        _sizes(width, L), scale=scale, rng=[SEED, width, L], n_starts=45
    )
    return _median_steps(list(start), width, L)


@claim(
    "depth-alone",
    "abstract",
    "From orthogonal starts, the width that is needed does not depend on depth. Measured: the "
    "power of depth in the steps to one per cent of the error, at a width of 16 and from 2 to 64 "
    "matrices, medians of 31 starts.",
    section="1",
    kind=SCALING,
    label="eq-since-orthogonal-rate",
    paper="hu2020",
)
def depth_alone() -> Check:
    depths, steps = [2, 4, 8, 16, 32, 64], []
    for L in depths:
        starts = [_of_corner(C, 16, L) for C in _drawn_corner(16, 31)]
        start = [np.stack(layer) for layer in zip(*starts, strict=True)]
        steps.append(_median_steps(start, 16, L))
    return equal(exponent(depths, steps), 0, Tolerance(0.06, "steps are whole numbers near five"))


@claim(
    "gaussian-width",
    "abstract",
    "From Gaussian starts, the width that is needed grows in proportion to depth. Measured: the "
    "power of depth in the width at which a median of 45 starts takes 20 steps, with 6, 12 and 24 "
    "matrices.",
    section="1",
    kind=SCALING,
    label="fig-since-orthogonal-map",
    paper="hu2020",
)
def gaussian_width() -> Check:
    depths, needed = [6, 12, 24], []
    for L in depths:
        widths = np.array([L, 3 * L // 2, 2 * L])
        steps = np.array([_gaussian_steps(int(width), L) for width in widths])
        # Outside of these widths there is nothing to read off.
        at = np.log(steps[::-1]), np.log(widths[::-1])
        log_width = np.interp(np.log(20), *at, left=np.nan, right=np.nan)
        needed.append(np.exp(log_width))
    reason = "medians of whole numbers, at three depths"
    return equal(exponent(depths, needed), 1, Tolerance(0.2, reason))


@claim(
    "width-with-depth",
    "abstract",
    "From Gaussian starts whose width grows in proportion to depth, the number of steps does not "
    "depend on depth. Measured: the power of depth in the median steps of 45 starts, at eight "
    "times as many units as matrices, with 2, 4 and 8 matrices.",
    section="1",
    kind=SCALING,
    label="fig-since-orthogonal-map",
    paper="du2019",
)
def width_with_depth() -> Check:
    depths = [2, 4, 8]
    power = exponent(depths, [_gaussian_steps(8 * L, L) for L in depths])
    return equal(power, 0, Tolerance(0.15, "steps are whole numbers between five and ten"))


@shared
def _width_one(L: int) -> tuple[Array, Array]:
    """Return products of normal numbers of the right sign, and the times that flow takes."""
    w = np.abs(np.random.default_rng(SEED).standard_normal((18, 300)))[:L].T
    w = w[np.all(np.cumprod(w, axis=1)[:, 5::6] < 0.25, axis=1)]
    return w.prod(axis=1), exact.chain_learning_time(w, 0.5, s=1.0, tau=1.0)


@claim(
    "exponential",
    "abstract",
    "At width one, learning from a random start takes a time that grows exponentially with depth. "
    "Measured: the power of depth by which the mean of $\\ln(t L^2)$ grows, from the steps between "
    "6, 12 and 18 matrices; 1 is an exponential, 0 a power law (our reading, for gradient flow).",
    section="1",
    kind=SCALING,
    label="eq-since-orthogonal-one",
    paper="shamir2019",
)
def exponential() -> Check:
    first, middle, last = (np.mean(np.log(_width_one(L)[1] * L**2)) for L in (6, 12, 18))
    power = np.log((last - first) / (middle - first)) / np.log(2)
    return equal(power, 1, Tolerance(0.15, "two standard errors"))


@claim(
    "one-unit",
    "abstract",
    r"At width one the time from a start of the right sign is $\pi\tau/2sL^2$ over the product of "
    "its numbers, on average and for great depth. Measured: the mean, times the product and $L^2$, "
    "over 300 starts of 18 matrices.",
    section="1",
    kind=NUMBER,
    label="eq-since-orthogonal-one",
    source=OURS,
    paper="shamir2019",
)
def one_unit() -> Check:
    u0, t = _width_one(18)
    reason = "two standard errors of 0.1, and a correction of order $1/L$"
    return equal(np.mean(t * u0) * 18**2, np.pi / 2, Tolerance(0.25, reason))


@claim(
    "fig-6a-edge",
    "Fig. 6A, right",
    r"The two rates behind the level lines are stable for "
    r"$\lambda\|X\|^2[1 + (L-1)\|W\|^2] < 2$, up to 9 and 18 matrices. Measured: by how many "
    "matrices the depth at which the error first fails to come to rest lies from that edge, "
    "the larger of both.",
    section="3",
    kind=FIGURE,
    label="eq-since-orthogonal-readout",
    source=OURS,
)
def edge_of_the_level_lines() -> Check:
    digits = whitened_mnist()
    few = correlations.krylov(digits, n_blocks=2)
    steepest = np.linalg.eigvalsh(digits.sigma_xx)[-1]
    strength = np.linalg.norm(np.linalg.solve(few.sigma_xx, few.sigma_yx.T), 2)
    off = []
    for k, depths in ((4, range(8, 14)), (5, range(15, 22))):
        learning_rate = 10 ** (-4 - 3 * k / 19)
        edge = 1 + (2 / (learning_rate * steepest) - 1) / strength**2
        unstable = [L for L in depths if _wander(few, L, learning_rate) > 1e-3]
        off.append(abs(min(unstable) - edge))
    return equal(max(off), 0, Tolerance(2, "weights move a little before they rest"))


def _wander(few: Correlations, L: int, learning_rate: float) -> float:
    """Return the range of the last errors of an orthogonal start below an empty output layer."""
    n = len(few.sigma_xx)
    start = [*[np.eye(n)] * (L - 1), np.zeros((len(few.sigma_yx), n))]
    run = training.gradient_descent(start, few, learning_rate=learning_rate, n_steps=200)
    return float(np.ptp(run.errors[150:]))


CLAIMS = claims_of(vars())
