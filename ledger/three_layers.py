"""Claims on three-layer networks: Section 1 and Appendix A."""

from __future__ import annotations

from itertools import combinations
from math import comb
from typing import Any, NamedTuple

import numpy as np
from scipy.integrate import solve_ivp
from scipy.optimize import least_squares

from dlnlib import (
    correlations,
    datasets,
    exact,
    initial_conditions,
    networks,
    tanh_networks,
    training,
)
from dlnlib.correlations import diagonal
from ledger.numerics import (
    DIFFERENCES,
    FLOW,
    ROUNDING,
    Array,
    Weights,
    as_network,
    as_vector,
    chain,
    exponent,
    hessian,
    pair_flow,
    relative_error,
    slope,
)
from ledger.record import (
    FIGURE,
    IDENTITY,
    NUMBER,
    OURS,
    QUALITATIVE,
    SCALING,
    SLIP,
    Amendment,
    Check,
    Finding,
    Tolerance,
    at_least,
    at_most,
    claim,
    claims_of,
    equal,
    read_table,
    shared,
)

__all__ = ["CLAIMS"]

SEED = 1312

# ---- Section 1.1: modes


@claim(
    "eq-1",
    "Eq. 1",
    "In a batch step each layer moves by the rate times a sum over examples: error sent back "
    "through the layer above, times activity below.",
    section="1.1",
    kind=IDENTITY,
    equations=(1,),
)
def batch_rule() -> Check:
    rng = np.random.default_rng(SEED)
    x, y = rng.standard_normal((20, 4)), rng.standard_normal((20, 3))
    W1, W2 = initial_conditions.small_random((4, 5, 3), scale=0.5, rng=rng)
    errors = y - x @ W1.T @ W2.T
    examples = list(zip(errors, x, strict=True))
    dW1 = sum(np.outer(W2.T @ e, p) for e, p in examples)
    dW2 = sum(np.outer(e, W1 @ p) for e, p in examples)
    data = correlations.from_data(x, y)
    step = training.gradient_descent((W1, W2), data, learning_rate=1e-3, n_steps=1)
    moved = [(w - v) / 1e-3 for w, v in zip(step.weights, (W1, W2), strict=True)]
    return equal(relative_error(moved, (dW1, dW2)), 0, ROUNDING)


@claim(
    "eq-2",
    "Eq. 2",
    r"At small rates the batch rule follows its continuous limit with the time constant $\tau = "
    r"1/\lambda$. Reading: half the rate, half the difference at the same time.",
    section="1.1",
    kind=SCALING,
    equations=(2,),
)
def continuous_limit() -> Check:
    data = diagonal([3.0, 1.0])
    start = initial_conditions.small_random((2, 3, 2), scale=0.3, rng=SEED)
    end = training.gradient_flow(start, data, times=[1.0]).weights
    differences = []
    for n_steps in (2000, 4000):
        run = training.gradient_descent(start, data, learning_rate=1 / n_steps, n_steps=n_steps)
        differences.append(relative_error(run.weights, [w[0] for w in end]))
    off = Tolerance(0.01, "next order in the rate, 1/2000")
    return equal(differences[0] / differences[1], 2, off)


@claim(
    "eq-3",
    "Eq. 3",
    "The input-output correlation splits into output modes, singular values and input modes, "
    r"$\Sigma^{31} = USV^T$ with orthonormal $U$ and $V$. Measured on MNIST.",
    section="1.1",
    kind=IDENTITY,
    equations=(3,),
)
def modes_of_mnist() -> Check:
    data = datasets.mnist()
    U, s, Vt = correlations.modes(data)
    back = relative_error([U * s @ Vt], [data.sigma_yx])
    return equal(
        max(back, *(relative_error([q], [np.eye(10)]) for q in (U.T @ U, Vt @ Vt.T))),
        0,
        ROUNDING,
    )


@claim(
    "eq-4",
    "Eq. 4",
    "With white inputs, rotating both ends of a network into the modes turns the rule into that "
    "of the diagonal task $S$.",
    section="1.1",
    kind=IDENTITY,
    equations=(4,),
)
def change_of_variables() -> Check:
    data, (U, s, Vt) = _tree()
    first, second = initial_conditions.small_random((8, 5, 8), scale=0.5, rng=SEED)
    moved = networks.gradient((first @ Vt, U @ second), data)
    residual = np.diag(s) - second @ first
    expected = -second.T @ residual, -residual @ first.T
    return equal(relative_error((moved[0] @ Vt.T, U.T @ moved[1]), expected), 0, ROUNDING)


@claim(
    "eq-5",
    "Eq. 5",
    "Connectivity modes $a$, $b$ of one mode are driven by $s$ minus their own overlap, and "
    "pushed away from those of all others in proportion to the overlap with them.",
    section="1.1",
    kind=IDENTITY,
    equations=(5,),
)
def connectivity_modes() -> Check:
    A, B, s = _connectivity()
    da, db = np.zeros_like(A), np.zeros_like(B)
    for i in range(len(s)):
        others = [j for j in range(len(s)) if j != i]
        da[i] = (s[i] - A[i] @ B[i]) * B[i] - sum(B[j] * (A[i] @ B[j]) for j in others)
        db[i] = (s[i] - A[i] @ B[i]) * A[i] - sum(A[j] * (B[i] @ A[j]) for j in others)
    gradients = networks.gradient((A.T, B), diagonal(s))
    return equal(relative_error((-gradients[0].T, -gradients[1]), (da, db)), 0, ROUNDING)


@claim(
    "eq-6",
    "Eq. 6",
    "The motion of connectivity modes is steepest descent on half the squared misses of modes by "
    "themselves plus half the squared overlaps between them.",
    section="1.1",
    kind=IDENTITY,
    equations=(6,),
)
def energy() -> Check:
    A, B, s = _connectivity()

    def E(z: Array) -> Array:
        a, b = np.moveaxis(z.reshape(*z.shape[:-1], 2, *A.shape), -3, 0)
        overlap = a @ b.swapaxes(-1, -2)
        own = np.diagonal(overlap, axis1=-2, axis2=-1)
        between = np.sum(overlap**2, axis=(-2, -1)) - np.sum(own**2, axis=-1)
        return np.asarray(np.sum((s - own) ** 2, axis=-1) + between) / 2

    downhill = -slope(E, np.ravel([A, B])).reshape(2, *A.shape)
    gradients = networks.gradient((A.T, B), diagonal(s))
    return equal(relative_error((-gradients[0].T, -gradients[1]), downhill), 0, DIFFERENCES)


@claim(
    "sec-1.1-competition",
    "§1.1",
    "Connections of the same mode cooperate: they turn each other the same way. Those of different "
    "modes compete. Measured: of 100 small random starts of two modes and two hidden units, at how "
    "many the weaker mode does so when the other is taken out, and is learned later when it is in.",
    section="1.1",
    kind=QUALITATIVE,
    label="fig-overlaps",
)
def competition() -> Check:
    data, s = diagonal([3.0, 1.0]), np.array([3.0, 1.0])
    first, second = initial_conditions.small_random((2, 2, 2), scale=0.01, rng=SEED, n_starts=100)
    # A mode whose connections are all zero stays out: each layer's gradient has the other in it.
    without = first * [0, 1], second * [[0], [1]]
    descent: dict[str, Any] = {"n_steps": 800, "modes": correlations.modes(data)}
    beside, alone = (
        training.gradient_descent(start, data, learning_rate=0.02, **descent)
        for start in ((first, second), without)
    )
    later = _half_learned(beside, s)[:, 1] > _half_learned(alone, s)[:, 1]
    turned = _alignment(alone.weights) > np.maximum(_alignment(without), 0.999)
    reason = "judged: nearly all; set knowing 100, and 99 from two of twelve other seeds"
    return at_least(np.sum(later & turned), 95, reason)


# ---- Section 1.2: the outcome


@claim(
    "eq-7",
    "Eq. 7",
    "A network with $N_2$ hidden units ends at the best rank-$N_2$ approximation of "
    r"$\Sigma^{31}$. Measured over 50 random starts, two hidden units for four modes.",
    section="1.2",
    kind=IDENTITY,
    equations=(7,),
)
def outcome() -> Check:
    start = initial_conditions.small_random((4, 2, 4), scale=0.3, rng=SEED, n_starts=50)
    run = training.gradient_descent(
        start, diagonal(SINGULAR_VALUES), learning_rate=0.1, n_steps=3000
    )
    best = np.diag([4.0, 3.0, 0.0, 0.0])
    return equal(relative_error([networks.product(run.weights)], [best]), 0, FLOW)


@claim(
    "sec-1.2-saddles",
    "§1.2",
    "Of all fixed points only the one that keeps the $N_2$ strongest modes is stable; the others "
    "are saddles. Measured: fixed points where the sign of the least curvature says otherwise.",
    section="1.2",
    kind=IDENTITY,
    label="fig-saddles-spectrum",
)
def saddles() -> Check:
    wrong = 0
    for kept, weights in _fixed_points().items():
        least = np.linalg.eigvalsh(hessian(weights, diagonal(SINGULAR_VALUES)))[0]
        wrong += (least < -1e-3) == (kept == (0, 1))
    return equal(wrong, 0, Tolerance(0, "a count"))


@claim(
    "sec-1.2-rest",
    "§1.2",
    "A network that keeps any set of at most $N_2$ whole modes is at rest. Measured: the steepest "
    "slope at all of them.",
    section="1.2",
    kind=IDENTITY,
    label="section-1-2",
)
def rest() -> Check:
    slopes = [networks.gradient(w, diagonal(SINGULAR_VALUES)) for w in _fixed_points().values()]
    return equal(max(np.abs(g).max() for pair in slopes for g in pair), 0, ROUNDING)


@claim(
    "sec-1.2-count",
    "§1.2",
    r"With $r$ modes there are $\binom{r}{N_2}$ families of fixed points. Measured: the products "
    "at which 200 root searches of the gradient end, $r = 3$ and $N_2 = 1$.",
    section="1.2",
    kind=SLIP,
    label="section-1-2",
)
def count_of_fixed_points() -> Finding:
    data, rng = diagonal([3.0, 2.0, 1.0]), np.random.default_rng(SEED)

    def residual(z: Array) -> Array:
        return as_vector(networks.gradient(_column(z), data))

    def slopes(z: Array) -> Array:
        step = 1e-6 * np.eye(6)
        return (residual(z + step) - residual(z - step)).T / 2e-6

    starts = rng.uniform(0.1, 2, (200, 1)) * rng.standard_normal((200, 6))
    ends = [least_squares(residual, z, slopes, method="lm", xtol=1e-15) for z in starts]
    products = [networks.product(_column(e.x)) for e in ends if np.abs(e.fun).max() < 1e-8]
    found = len({tuple(np.round(np.ravel(p), 3) + 0.0) for p in products})
    exactly = Tolerance(0, "a count")
    right = Amendment(
        r"with at most $N_2$ modes the count is $\sum_{k=0}^{N_2}\binom{r}{k}$",
        equal(found, sum(comb(3, k) for k in (0, 1)), exactly),
    )
    return Finding(equal(found, comb(3, 1), exactly), correction=right)


# ---- Section 1.3: the time course


@claim(
    "eq-8",
    "Eq. 8",
    r"From a decoupled start each mode is a pair of numbers, $\tau\dot{a} = b(s - ab)$ and "
    r"$\tau\dot{b} = a(s - ab)$. Measured: a network of eight modes against those pairs.",
    section="1.3",
    kind=IDENTITY,
    equations=(8,),
)
def pairs() -> Check:
    s, R, start, times = _unequal_layers()
    W1, W2 = training.gradient_flow(start, diagonal(s), times=times).weights
    found = [np.diagonal(R.T @ W1, axis1=1, axis2=2), np.diagonal(W2 @ R, axis1=1, axis2=2)]

    def velocity(_: float, z: Array) -> Array:
        a, b = z.reshape(2, -1)
        return np.concatenate([b * (s - a * b), a * (s - a * b)])

    begin, span = np.ravel([f[0] for f in found]), (0, times[-1])
    pair = solve_ivp(velocity, span, begin, "DOP853", t_eval=times, rtol=1e-11, atol=1e-13)
    return equal(relative_error(found, pair.y.reshape(2, len(s), -1).swapaxes(1, 2)), 0, FLOW)


@claim(
    "sec-1.3-manifold",
    "§1.3",
    "Decoupled starts are an invariant manifold: modes never come to interact. Measured: the "
    "largest part of the weights off the diagonals.",
    section="1.3",
    kind=IDENTITY,
    label="section-1-3",
)
def manifold() -> Check:
    s, R, start, times = _unequal_layers()
    W1, W2 = training.gradient_flow(start, diagonal(s), times=times).weights
    off = 1 - np.eye(len(s))
    return equal(max(np.abs(off * (R.T @ W1)).max(), np.abs(off * (W2 @ R)).max()), 0, FLOW)


@claim(
    "eq-9",
    "Eq. 9",
    "The pair descends half the squared distance of its product from $s$.",
    section="1.3",
    kind=IDENTITY,
    equations=(9,),
)
def error_of_a_pair() -> Check:
    data, points = diagonal([1.5]), np.random.default_rng(SEED).uniform(-2, 2, (20, 2))
    found = [networks.error(chain(p), data) for p in points]
    downhill = [-np.ravel(networks.gradient(chain(p), data)) for p in points]
    by_eq_8 = [p[::-1] * (1.5 - p.prod()) for p in points]
    worst = max(
        relative_error([found], [(1.5 - points.prod(1)) ** 2 / 2]),
        relative_error(downhill, by_eq_8),
    )
    return equal(worst, 0, ROUNDING)


@claim(
    "sec-1.3-conserved",
    "§1.3",
    "$a^2 - b^2$ is conserved: paths of learning are hyperbolas. Measured: the largest drift.",
    section="1.3",
    kind=IDENTITY,
    label="fig-2",
)
def conserved() -> Check:
    a0, b0 = np.random.default_rng(SEED).uniform(-2, 2, (2, 20))
    a, b = pair_flow(a0, b0, np.linspace(0, 8, 40))
    difference = a**2 - b**2
    return equal(np.abs(difference - difference[0]).max(), 0, FLOW)


@claim(
    "fig-2-minima",
    "Fig. 2",
    "Starts on either side of the line $a = -b$ end on the hyperbola $ab = s$. Measured: the "
    "largest distance of $ab$ from $s = 1$.",
    section="1.3",
    kind=QUALITATIVE,
    label="fig-2",
)
def minima() -> Check:
    a0, b0 = np.random.default_rng(SEED).uniform(-2, 2, (2, 20))
    a, b = pair_flow(a0, b0, [40.0])
    return equal(np.abs(a * b - 1).max(), 0, FLOW)


@claim(
    "fig-2-stable-manifold",
    "Fig. 2",
    "On the line $a = -b$ alone learning fails: it ends in the saddle at the origin. Measured: "
    "$|ab|$ after 15 time constants, from ten starts.",
    section="1.3",
    kind=QUALITATIVE,
    label="fig-2",
)
def stable_manifold() -> Check:
    a0 = np.linspace(0.2, 2, 10)
    a, b = pair_flow(a0, -a0, [15.0])
    return equal(np.abs(a * b).max(), 0, Tolerance(1e-10, "$e^{-30}$, to which it decays"))


@claim(
    "fig-2-saddle",
    "Fig. 2",
    "The origin is a saddle that is left along $a = b$ and approached along $a = -b$, both at the "
    r"rate $s/\tau$. Measured: the worst misfit of both curvatures, in units of $s$, and of the "
    "direction.",
    section="1.3",
    kind=IDENTITY,
    label="fig-2",
)
def saddle() -> Check:
    values, vectors = np.linalg.eigh(hessian(chain([0.0, 0.0]), diagonal([1.5])))
    alignment = abs(vectors[:, 0].sum()) / np.sqrt(2)
    found = np.array([values[0] / 1.5, values[1] / 1.5, alignment])
    return equal(np.abs(found - [-1, 1, 1]).max(), 0, DIFFERENCES)


VERTEX = Tolerance(
    0.002, "half a step of the drawing grid in both coordinates, 0.0013, and 0.05 % of scale"
)


@claim(
    "fig-2-first",
    "Fig. 2",
    "The first drawn trajectory is explicit Euler from $(0.1, 0.1)$ with the step 0.1. Measured: "
    "the largest distance of a drawn vertex from the nearest step.",
    section="1.3",
    kind=FIGURE,
    source=OURS,
    label="fig-2",
    tables=("printed/fig2.csv",),
)
def first_trajectory() -> Check:
    return equal(_from_steps(_drawn_trajectory(1), _euler((0.1, 0.1), 0.1, 200)), 0, VERTEX)


@claim(
    "fig-2-second",
    "Fig. 2",
    "The second drawn trajectory is explicit Euler from $(1.5, -1.35)$ with the step 0.1. "
    "Measured: the largest distance of a drawn vertex from the nearest step.",
    section="1.3",
    kind=FIGURE,
    source=OURS,
    label="fig-2",
    tables=("printed/fig2.csv",),
)
def second_trajectory() -> Check:
    return equal(_from_steps(_drawn_trajectory(2), _euler(SECOND, 0.1, 200)), 0, VERTEX)


@claim(
    "fig-2-end",
    "Fig. 2",
    "The second drawn trajectory ends where explicit Euler with the step 0.1 does. Measured: $a^2 "
    "- b^2$ over its last four vertices, against that of Euler's limit.",
    section="1.3",
    kind=FIGURE,
    source=OURS,
    label="fig-2",
    tables=("printed/fig2.csv",),
)
def end_of_second_trajectory() -> Check:
    limit = _imbalance(_euler(SECOND, 0.1, 400))[-1]
    return equal(_imbalance(_drawn_trajectory(2)[-4:]).mean(), limit, IMBALANCE)


@claim(
    "fig-2-drift",
    "Fig. 2",
    "The drawn trajectories keep $a^2 - b^2$. Measured on the drawing: its change along the "
    "second.",
    section="1.3",
    kind=SLIP,
    label="fig-2",
    tables=("printed/fig2.csv",),
)
def drift_of_second_trajectory() -> Finding:
    drawn, fine = _imbalance(_drawn_trajectory(2)), _imbalance(_euler(SECOND, 0.001, 20_000))
    text = "with steps of 0.001 in place of 0.1, from the same start, it is kept"
    right = Amendment(text, equal(fine[0] - fine[-1], 0, IMBALANCE))
    return Finding(equal(drawn[0] - drawn[-4:].mean(), 0, IMBALANCE), correction=right)


@claim(
    "eq-10",
    "Eq. 10",
    r"With equal layers the strength $u = ab$ obeys $\tau\dot{u} = 2u(s - u)$.",
    section="1.3",
    kind=IDENTITY,
    equations=(10,),
)
def logistic() -> Check:
    s, data, u = 1.5, diagonal([1.5]), np.linspace(0.01, 2, 50)
    gradients = [np.ravel(networks.gradient(chain([x**0.5, x**0.5]), data)) for x in u]
    found = [-(x**0.5) * g.sum() for x, g in zip(u, gradients, strict=True)]
    return equal(relative_error([found], [2 * u * (s - u)]), 0, ROUNDING)


@claim(
    "eq-11",
    "Eq. 11",
    r"The time from one strength to another is $\frac{\tau}{2s}\ln\frac{u_f(s - u_0)}{u_0(s - "
    "u_f)}$. Measured: formula against the library, and against simulated crossings.",
    section="1.3",
    kind=IDENTITY,
    equations=(11,),
)
def time_between_strengths() -> Check:
    s, tau, u0, uf = 1.5, 2.0, 1e-3, np.array([0.01, 0.1, 0.7, 1.4, 1.49])
    printed = tau / (2 * s) * np.log(uf * (s - u0) / (u0 * (s - uf)))
    library = exact.learning_time(u0, uf, s=s, tau=tau)
    start = chain([u0**0.5] * 2)
    flow = training.gradient_flow(start, diagonal([s]), times=printed, tau=tau)
    simulated = np.ravel(networks.product(flow.weights))
    return equal(
        max(relative_error([library], [printed]), relative_error([simulated], [uf])),
        0,
        FLOW,
    )


@claim(
    "eq-12",
    "Eq. 12",
    r"Eq. 10, solved for the strength, is the sigmoid $s e^{2st/\tau} / (e^{2st/\tau} - 1 + "
    "s/u_0)$. Measured: formula and library against simulated flow of eight modes.",
    section="1.3",
    kind=IDENTITY,
    equations=(12,),
)
def sigmoid() -> Check:
    data, m = _tree()
    t, u0 = np.linspace(0, 1, 50)[:, None], 1e-3
    growth = np.exp(2 * m.s * t)
    printed = m.s * growth / (growth - 1 + m.s / u0)
    library = exact.mode_strength(t, s=m.s, u0=u0, tau=1.0)
    start = initial_conditions.decoupled(m, (8, 9, 40), u0=u0, rng=SEED)
    flow = training.gradient_flow(start, data, times=t[:, 0], modes=m)
    found = library, flow.mode_strengths
    return equal(relative_error(found, (printed, printed)), 0, FLOW)


@claim(
    "sec-1.3-timescale",
    "§1.3",
    r"From $\varepsilon$ to $s - \varepsilon$ takes $(\tau/s)\ln(s/\varepsilon)$. Measured: "
    r"simulated time times $s/\tau$, over the logarithm, at $\varepsilon = 10^{-4}\,s$, from 300 "
    "points in time: the worst of four $s$.",
    section="1.3",
    kind=SCALING,
    label="section-1-3",
)
def timescale() -> Check:
    ratios = []
    for s in (0.5, 1.0, 2.0, 8.0):
        eps = 1e-4 * s
        times = np.linspace(0, 30 / s, 301)
        a, b = pair_flow(eps**0.5, eps**0.5, times, s=s)
        t = training.crossing_time(times, a * b, np.array([s - eps]))[0]
        ratios.append(t * s / np.log(s / eps))
    worst = max(ratios, key=lambda r: abs(r - 1))
    return equal(
        worst,
        1,
        Tolerance(
            1e-3,
            r"$\varepsilon/s$, which is $10^{-4}$, and "
            "interpolation",
        ),
    )


@claim(
    "sec-1.3-inverse",
    "§1.3",
    "Learning time is inverse to the singular value. Measured: the exponent of simulated "
    "half-learning times against $s$ from 1 to 100; of the starts $10^{-6}$ and $10^{-3}$ the "
    "farther from $-1$.",
    section="1.3",
    kind=SCALING,
    label="section-1-3",
)
def inverse_singular_value() -> Finding:
    s, plain, without_log = np.geomspace(1, 100, 5), [], []
    for u0 in (1e-6, 1e-3):
        times = np.array([_half_time(u0, value) for value in s])
        plain.append(exponent(s, times))
        without_log.append(exponent(s, times / np.log(s / u0 - 1)))
    fit = Tolerance(0.02, "a tenth over the range; times are exact to $10^{-4}$")
    up_to = equal(max(without_log, key=lambda p: abs(p + 1)), -1, fit)
    text = (
        r"up to the logarithm $\ln(s/u_0 - 1)$, which grows with $s$ and which the paper calls "
        "weak"
    )
    return Finding(
        equal(max(plain, key=lambda p: abs(p + 1)), -1, fit), condition=Amendment(text, up_to)
    )


@claim(
    "sec-1.3-plateau",
    "§1.3",
    "Each mode stays on a plateau and then rises rapidly. Reading: from $u_0 = 10^{-6}$ the rise "
    "from 10 to 90 % takes less than half of the time to half strength.",
    section="1.3",
    kind=QUALITATIVE,
    label="section-1-3",
)
def plateau() -> Check:
    times = np.linspace(0, 15, 3001)
    a, b = pair_flow(1e-3, 1e-3, times)
    low, half, high = training.crossing_time(times, np.tile(a * b, 3), np.array([0.1, 0.5, 0.9]))
    reason = (
        "the reading: a straight line has 1.6, relaxation without a plateau 3.2; set knowing that "
        r"Eq. 12 has $\ln 81/\ln(s/u_0 - 1)$, so that from $u_0 = 10^{-3}$ it would be missed"
    )
    return at_most((high - low) / half, 1 / 2, reason)


# ---- Figure 3


class _Figure3(NamedTuple):
    """Hold what a hundred linear and a hundred tanh networks did, as in Fig. 3.

    Attributes
    ----------
    half : ndarray, shape (n_modes,)
        Half-learning times by Eq. 11, from the mean initial strength.
    linear, tanh : ndarray, shape (n_starts, n_modes)
        Those of the networks that were trained.
    own : ndarray, shape (n_starts, n_modes)
        By Eq. 11, from each network's own initial strengths.
    shape : ndarray, shape (n_times, n_starts, 7)
        Distance of the linear curves that are drawn from Eq. 12, moved to their own times.
    """

    half: Array
    linear: Array
    tanh: Array
    own: Array
    shape: Array


@shared
def _figure_3() -> _Figure3:
    """Train the networks of Fig. 3, from N2 σ²/2 = 1e-6."""
    x, y = datasets.hierarchical(rng=SEED)
    data, u0, tau = correlations.from_data(x, y), 1e-6, 2000.0
    m = correlations.modes(data)
    half = exact.half_learning_time(u0, s=m.s, tau=tau)
    scale = np.sqrt(2 * u0 / 32)
    rng = np.random.default_rng(SEED + 1)
    starts = initial_conditions.small_random((32, 32, 1000), scale=scale, rng=rng, n_starts=100)
    # The last mode of the slowest network is half learned by 1.7 and 2.1 times the last half time,
    # and by 1.9 and 2.4 from other seeds.
    run = _descent(starts, data, m, 2.4 * half.max())
    linear = _half_learned(run, m.s)
    assert run.mode_strengths is not None
    moved = run.times[:, None, None] - (linear - half)[:, SHOWN]
    eq_12 = exact.mode_strength(np.maximum(moved, 0), s=m.s[SHOWN], u0=u0, tau=tau)
    shape = (run.mode_strengths[..., SHOWN] - eq_12) / m.s[SHOWN]
    tanh = _half_learned(_tanh_descent(starts, x, y, m, 2.8 * half.max()), m.s)
    p = starts[0] @ m.Vt.T + (m.U.T @ starts[1]).swapaxes(1, 2)
    own = exact.half_learning_time(np.sum(p**2, axis=1) / 4, s=m.s, tau=tau)
    return _Figure3(half, linear, tanh, own, shape)


SHOWN = np.array([1, 2, 3, 5, 12, 18, 31]) - 1


@claim(
    "fig-3-left-order",
    "Fig. 3 left",
    "Linear and tanh networks learn modes 1, 2, 3, 5, 12, 18, 31 in the order of their singular "
    "values. Measured: pairs out of order among the half-learning times of each of a hundred "
    "networks of either kind.",
    section="1.3",
    kind=QUALITATIVE,
    label="fig-3-left",
)
def order_of_modes() -> Check:
    times = np.concatenate([_figure_3().linear, _figure_3().tanh])[:, SHOWN]
    inversions = sum(np.sum(times[:, i] >= times[:, j]) for i, j in combinations(range(7), 2))
    return equal(inversions, 0, Tolerance(0, "a count"))


@claim(
    "fig-3-linear",
    "Fig. 3",
    "From small random weights a linear network learns its modes at the times of Eq. 11. "
    "Reading: the mean delay over 100 starts is at most 5 % for every mode.",
    section="1.3",
    kind=QUALITATIVE,
    label="fig-3-right",
)
def linear_delay() -> Finding:
    f = _figure_3()
    late = np.abs((f.linear / f.half - 1).mean(axis=0))
    reading = "the reading, half of the delay of tanh; set knowing 4 and 19 %"
    strong = Amendment(
        "for the stronger half of the modes; the hidden layer has been used up when weaker ones "
        "are learned",
        at_most(late[:16].max(), 0.05, reading),
    )
    return Finding(at_most(late.max(), 0.05, reading), condition=strong)


@claim(
    "fig-3-left-shape",
    "Fig. 3 left",
    "Learning curves of linear networks from random starts are those of Eq. 12. Measured: largest "
    "distance of a curve from Eq. 12, moved in time so that the halves agree, in units of $s$, "
    "over modes 1, 2, 3, 5, 12, 18, 31 of 100 simulated networks: its root mean square over "
    "networks.",
    section="1.3",
    kind=QUALITATIVE,
    label="fig-3-left",
)
def shape_of_curves() -> Finding:
    apart = np.sqrt(np.mean(_figure_3().shape ** 2, axis=1)).max(axis=0)
    reading = "the reading: a twentieth of $s$; set knowing 2 and 12 %"
    text = "for the stronger of them, up to mode 12; weaker ones rise less steeply"
    strong = Amendment(text, at_most(apart[:5].max(), 0.05, reading))
    return Finding(at_most(apart.max(), 0.05, reading), condition=strong)


@claim(
    "fig-3-tanh",
    "Fig. 3",
    "A tanh network learns its modes at times comparable to Eq. 11. Reading: the mean delay over "
    "100 starts is positive and at most the time itself, for every mode.",
    section="1.3",
    kind=QUALITATIVE,
    label="fig-3-right",
)
def tanh_delay() -> Check:
    late = (_figure_3().tanh / _figure_3().half - 1).mean(axis=0)
    reason = "the reading, a factor of two; set knowing 41 %. fig-3-tanh-rule is sharper"
    return at_most(late.max() if late.min() > 0 else np.inf, 1, reason)


@claim(
    "fig-3-tanh-rule",
    "Fig. 3",
    "The tanh network descends the squared error of linear outputs of hidden units "
    r"$\tanh(W^{21}x)$. Measured: a step at large weights against numerical slopes of that error.",
    section="1.3",
    kind=IDENTITY,
    source=OURS,
    label="fig-3-left",
)
def tanh_rule() -> Check:
    rng = np.random.default_rng(SEED)
    x, y = rng.standard_normal((6, 3)), rng.standard_normal((6, 2))
    start = initial_conditions.small_random((3, 4, 2), scale=1.0, rng=rng)

    def E(z: Array) -> Array:
        first, second = as_network(z, start)
        return np.asarray(np.sum((y.T - second @ np.tanh(first @ x.T)) ** 2, axis=(-2, -1)) / 2)

    step = training.tanh_gradient_descent(start, x, y, learning_rate=1e-3, n_steps=1).weights
    moved = (as_vector(start) - as_vector(step)) / 1e-3
    return equal(relative_error([moved], [slope(E, as_vector(start))]), 0, DIFFERENCES)


@claim(
    "fig-3-tanh-strength",
    "Fig. 3 left",
    "The mode strengths of a tanh network are the diagonal of "
    r"$U^{33T}\Sigma^{31}_{\tanh}V^{11}$, where $\Sigma^{31}_{\tanh}$ is its own input-output "
    "correlation. Measured: the library's, in training and alone, against a sum over examples, "
    "one by one.",
    section="1.3",
    kind=IDENTITY,
    label="fig-3-left",
)
def tanh_strengths() -> Check:
    rng = np.random.default_rng(SEED)
    x, y = rng.standard_normal((6, 3)), rng.standard_normal((6, 2))
    first, second = start = initial_conditions.small_random((3, 4, 2), scale=1.0, rng=rng)
    m = correlations.modes(correlations.from_data(x, y))
    own = sum(np.outer(second @ np.tanh(first @ each), each) for each in x)
    expected = np.diag(m.U.T @ own @ m.Vt.T)
    run = training.tanh_gradient_descent(start, x, y, learning_rate=1e-3, n_steps=1, modes=m)
    assert run.mode_strengths is not None
    alone = np.diag(m.U.T @ tanh_networks.correlation(start, x) @ m.Vt.T)
    found = [run.mode_strengths[0], alone]
    return equal(relative_error(found, [expected, expected]), 0, ROUNDING)


@claim(
    "fig-3-u0",
    "Fig. 3, Eq. 12",
    "A random start behaves like a balanced one of $u_0 = |a + b|^2/4$. Measured: scatter of mode "
    "1's half-learning time about its own prediction, as a share of that about a common $u_0$.",
    section="1.3",
    kind=QUALITATIVE,
    source=OURS,
    label="fig-1-3-effective",
)
def own_initial_strength() -> Check:
    f = _figure_3()
    spread = [(f.linear / t)[:, 0].std() for t in (f.own, f.half)]
    return at_most(spread[0] / spread[1], 0.1, "the reading: all but a hundredth of the variance")


@claim(
    "fig-3-mean-u0",
    "Fig. 3, Eq. 12",
    r"Weights of s.d. $\sigma$ give $u_0 = N_2\sigma^2/2$ on average. Measured over 1000 starts "
    "of 32 hidden units, in that unit.",
    section="1.3",
    kind=NUMBER,
    source=OURS,
    label="fig-1-3-effective",
)
def mean_initial_strength() -> Check:
    a, b = initial_conditions.small_random((1, 32, 1), scale=1e-3, rng=SEED, n_starts=1000)
    u0 = np.sum((a[..., 0] + b[:, 0]) ** 2, axis=1) / 4 / (32 * 1e-6 / 2)
    errors = Tolerance(3 * np.sqrt(2 / 32 / 1000), "three standard errors")
    return equal(u0.mean(), 1, errors)


@claim(
    "fig-3-tree",
    "Fig. 3",
    "Features that diffuse down a binary tree have one mode for all items and one for each "
    "branching, equally strong within a level. Measured: the library's spectrum against that of "
    "items whose correlation is $0.8^2$ per level up to their common ancestor.",
    section="1.3",
    kind=IDENTITY,
    source=OURS,
    label="fig-hierarchical-spectrum",
)
def tree_spectrum() -> Check:
    squares = np.linalg.eigvalsh(1000 * _likeness())[::-1]
    expected = exact.hierarchical_singular_values(n_levels=5, n_features=1000, flip_probability=0.1)
    return equal(relative_error([np.sqrt(squares)], [expected]), 0, ROUNDING)


@claim(
    "fig-3-relatives",
    "Fig. 3",
    "Features diffuse down a binary tree of five levels, at each of which they flip with "
    "probability 0.1. Measured: correlations of all pairs of 32 sampled items, against $0.8^2$ "
    "per level up to their common ancestor; the largest difference in standard errors.",
    section="1.3",
    kind=NUMBER,
    label="section-1-1",
)
def relatives() -> Check:
    n, expected = 20_000, _likeness()[np.triu_indices(32, 1)]
    _, y = datasets.hierarchical(n_features=n, rng=SEED)
    found = (y @ y.T / n)[np.triu_indices(32, 1)]
    off = np.abs(found - expected) / np.sqrt((1 - expected**2) / n)
    return at_most(off.max(), 4.5, "one in three hundred samples has a pair of 496 beyond it")


@claim(
    "fig-3-flips",
    "Fig. 3",
    "A child differs from its parent with probability 0.1. Measured: disagreement of siblings, "
    r"which is $2 \cdot 0.1 \cdot 0.9$, over $10^6$ features.",
    section="1.3",
    kind=NUMBER,
    label="section-1-1",
)
def flip_probability() -> Check:
    _, y = datasets.hierarchical(n_levels=1, n_features=1_000_000, rng=SEED)
    return equal(np.mean(y[0] != y[1]), 0.18, Tolerance(3 * np.sqrt(0.18 * 0.82e-6), "three s.e."))


# ---- Figure 3, as drawn


@claim(
    "fig-3-left-u0",
    "Fig. 3 left",
    "The seven drawn analytic curves are Eq. 12 from $u_0 = 10^{-6}$. Measured: $u_0$ of the "
    "common fit, in $10^{-6}$.",
    section="1.3",
    kind=FIGURE,
    label="fig-3-left",
    tables=("printed/fig3_left.csv",),
)
def drawn_initial_strength() -> Check:
    grid = "half a step of the drawing grid on the weakest curve, 0.6 %, and 0.03 % of scale"
    return equal(_drawn_sigmoids()[7], 1, Tolerance(0.01, grid))


@claim(
    "fig-3-left-tau",
    "Fig. 3 left",
    r"The seven drawn analytic curves are Eq. 12 with $\tau = 1/\lambda = 2000$. Measured: $\tau$ "
    "of the common fit.",
    section="1.3",
    kind=FIGURE,
    label="fig-3-left",
    tables=("printed/fig3_left.csv",),
)
def drawn_time_constant() -> Check:
    grid = "half a step of the drawing grid on the weakest curve, 0.04 %, and 0.03 % of scale"
    return equal(1000 * _drawn_sigmoids()[8], 2000, Tolerance(1.4, grid))


@claim(
    "fig-3-left-curves",
    "Fig. 3 left",
    "The drawn linear curves lie on the analytic ones. Measured: the largest distance of seven "
    "drawn curves from Eq. 12 with the parameters of the drawn analytic ones, in units of $s$.",
    section="1.3",
    kind=FIGURE,
    label="fig-3-left",
    tables=("printed/fig3_left.csv",),
)
def drawn_curves() -> Finding:
    s, t, drawn = _drawn_sigmoids()[:7], np.arange(1301), _drawn_strengths("linear")
    late = training.crossing_time(t, drawn, s / 2) - exact.half_learning_time(1e-6, s=s, tau=2000.0)
    apart = [
        np.abs(drawn - exact.mode_strength(moved, s=s, u0=1e-6, tau=2000.0)).max(axis=0) / s
        for moved in (t[:, None], np.maximum(t[:, None] - late, 0))
    ]
    reading = "the reading: a twentieth of $s$; set knowing 22 and 4 %"
    text = "up to mode 18, if each is moved in time, by 1 to 5 % of its half-learning time"
    moved_on = Amendment(text, at_most(apart[1][:6].max(), 0.05, reading))
    return Finding(at_most(apart[0].max(), 0.05, reading), condition=moved_on)


@claim(
    "fig-3-left-runs",
    "Fig. 3 left and right",
    "The drawn single runs are ordinary among the drawn hundred. Measured: the largest distance "
    "of 14 half-learning times from the mean delay of their mode, in its standard deviations.",
    section="1.3",
    kind=FIGURE,
    source=OURS,
    label="fig-3-left",
    tables=("printed/fig3_left.csv", "printed/fig3_right.csv"),
)
def drawn_single_runs() -> Check:
    s, worst = _drawn_sigmoids()[:7], 0.0
    half = exact.half_learning_time(1e-6, s=s, tau=2000.0)
    for name in ("linear", "tanh"):
        time = training.crossing_time(np.arange(1301), _drawn_strengths(name), s / 2)
        hundred = _drawn_delays(name)[SHOWN]
        worst = max(worst, np.abs((time / half - 1 - hundred["mean"]) / hundred["sd"]).max())
    return at_most(worst, 3, "three standard deviations")


@claim(
    "fig-3-right-u0",
    "Fig. 3 right",
    "The drawn linear networks start from mode strengths $u_0 = 10^{-6}$. Measured: the mean "
    r"strength that grows, $N_2\sigma^2/2$, in $10^{-6}$, at the s.d. $\sigma$ of weights whose "
    "delays by the matrix form of Eq. 12 are nearest to the 32 drawn ones.",
    section="1.3",
    kind=FIGURE,
    label="fig-1-3-authors",
    tables=("printed/fig3_left.csv", "printed/fig3_right.csv"),
)
def drawn_weights() -> Finding:
    sd = _nearest_weights()
    errors = Tolerance(
        0.05, "twice the standard error, from starts and trees; set knowing other draws"
    )
    text = (
        r"if $u_0$ is the root mean square of the strength $a \cdot b$ at the start, "
        r"$\sqrt{N_2}\,\sigma^2$"
    )
    rms = Amendment(text, equal(1e6 * np.sqrt(32) * sd**2, 1, errors))
    return Finding(equal(1e6 * 16 * sd**2, 1, errors), condition=rms)


@claim(
    "fig-3-right-linear",
    "Fig. 3 right",
    r"Weights of s.d. $4.2\cdot10^{-4}$ reproduce the drawn delays of linear networks. Measured: "
    "root mean square over 32 modes of the difference of mean delays, 100 starts.",
    section="1.3",
    kind=FIGURE,
    source=OURS,
    label="fig-1-3-authors",
    tables=("printed/fig3_left.csv", "printed/fig3_right.csv"),
)
def drawn_linear_delays() -> Check:
    return _against_drawn("linear", _linear_at_drawn_weights())


@claim(
    "fig-3-right-tanh",
    "Fig. 3 right",
    r"Weights of s.d. $4.2\cdot10^{-4}$ also reproduce the drawn delays of tanh networks with "
    "linear outputs. Measured: root mean square over 32 modes of the difference of mean delays, "
    "40 starts.",
    section="1.3",
    kind=FIGURE,
    source=OURS,
    label="fig-1-3-authors",
    tables=("printed/fig3_left.csv", "printed/fig3_right.csv"),
)
def drawn_tanh_delays() -> Check:
    return _against_drawn("tanh", _tanh_at_drawn_weights())


@claim(
    "fig-3-right-bars",
    "Fig. 3 right",
    r"Weights of s.d. $4.2\cdot10^{-4}$ reproduce the drawn error bars, the standard deviation "
    "over 100 starts. Measured: mean over 32 modes of our bar over the drawn one, for linear "
    "networks from 100 starts of ours, for tanh from 40; the farther from 1.",
    section="1.3",
    kind=FIGURE,
    source=OURS,
    label="fig-1-3-authors",
    tables=("printed/fig3_left.csv", "printed/fig3_right.csv"),
)
def drawn_bars() -> Check:
    runs = {"linear": _linear_at_drawn_weights(), "tanh": _tanh_at_drawn_weights()}
    ratios = [np.mean(_delays(t).std(axis=0) / _drawn_delays(c)["sd"]) for c, t in runs.items()]
    one = "standard error of one mode's ratio, linear; the mean of 32 has no more"
    return equal(max(ratios, key=lambda r: abs(r - 1)), 1, Tolerance(0.1, one))


# ---- Appendix A: unbalanced starts

C0, THETA = 0.3, 1.7


@claim(
    "eq-23",
    "Eq. 23",
    r"In the coordinates $a = \sqrt{c_0}\cosh(\theta/2)$, $b = \sqrt{c_0}\sinh(\theta/2)$ the "
    r"strength is $ab = c_0\sinh\theta$.",
    section="A",
    kind=SLIP,
    equations=(23,),
)
def hyperbolic_coordinates() -> Finding:
    a, b = _hyperbolic(THETA)
    right = Amendment(r"$ab = (c_0/2)\sinh\theta$", equal(a * b, C0 / 2 * np.sinh(THETA), ROUNDING))
    return Finding(equal(a * b, C0 * np.sinh(THETA), ROUNDING), correction=right)


@claim(
    "eq-24",
    "Eqs. 23, 24",
    "The coordinates of Eq. 23, and the reverse ones where $b$ is the larger, keep to the "
    "hyperbola $|a^2 - b^2| = c_0$ along simulated paths. Measured: the largest misfit of the "
    "larger layer.",
    section="A",
    kind=IDENTITY,
    equations=(24,),
    label="eq-24",
)
def both_branches() -> Check:
    a0, b0 = _hyperbolic(0.2)
    a, b = pair_flow([a0, b0], [b0, a0], np.linspace(0, 8, 30))
    theta = 2 * np.arcsinh(np.array([b[:, 0], a[:, 1]]) / np.sqrt(C0))
    large = np.array([a[:, 0], b[:, 1]])
    return equal(relative_error([large], [np.sqrt(C0) * np.cosh(theta / 2)]), 0, FLOW)


@claim(
    "eq-25",
    "Eq. 25",
    r"In the coordinates of Eq. 23 the motion is $\tau\dot{\theta} = s - c_0\sinh\theta$. "
    r"Measured: $\dot{\theta}$ at $\theta = 1.7$, $c_0 = 0.3$, $s = 1$.",
    section="A",
    kind=SLIP,
    equations=(25,),
)
def hyperbolic_motion() -> Finding:
    a, b = _hyperbolic(THETA)
    db = -networks.gradient(chain([a, b]), diagonal([1.0]))[1].item()
    speed = 2 * db / a
    right = equal(speed, 2 - C0 * np.sinh(THETA), ROUNDING)
    return Finding(
        equal(speed, 1 - C0 * np.sinh(THETA), ROUNDING),
        correction=Amendment(r"$\tau\dot{\theta} = 2s - c_0\sinh\theta$", right),
    )


@claim(
    "eq-26",
    "Eq. 26",
    "Eq. 25, integrated, gives the time between two angles in closed form. Measured: the time of "
    "the formula at a simulated angle, $t = 0.5$, $c_0 = 0.3$, $s = 1$.",
    section="A",
    kind=SLIP,
    equations=(26,),
)
def hyperbolic_time() -> Finding:
    theta = _simulated_angles([0.0, 0.5])
    printed, right = (_eq_26(theta[0], theta[1], s) for s in (1.0, 2.0))
    a, b = _hyperbolic(theta)
    library = exact.unbalanced_learning_time(a[0], b[0], a[1] * b[1], s=1.0, tau=1.0)
    worse = max(right, float(library), key=lambda t: abs(t - 0.5))
    text = "with $2s$ in place of $s$; the library's form, which has no sign cases, agrees"
    return Finding(equal(printed, 0.5, FLOW), correction=Amendment(text, equal(worse, 0.5, FLOW)))


@claim(
    "eq-26-reach",
    "Eq. 26",
    "The logarithm of Eq. 26 is real up to the end of learning. Measured: the fraction of $s$ at "
    "which it ceases to be.",
    section="A",
    kind=SLIP,
    label="eq-26",
)
def hyperbolic_reach() -> Finding:
    u = np.linspace(0.01, 0.999, 1000)
    theta = np.arcsinh(2 * u / C0)
    with np.errstate(invalid="ignore"):
        real = [np.isfinite([_eq_26(theta[0], x, s) for x in theta]) for s in (1.0, 2.0)]
    reach = [u[r].max() for r in real]
    right = Amendment(
        "with $2s$ in place of $s$ it is", at_least(reach[1], 0.999, "end of the grid")
    )
    return Finding(at_least(reach[0], 0.999, "end of the grid"), correction=right)


@claim(
    "eq-25-end",
    "Eq. 25",
    r"The fixed point of Eq. 25, $\sinh\theta = s/c_0$, is where the mode is learned. Measured: "
    r"simulated $\sinh\theta$ at the end, times $c_0/s$.",
    section="A",
    kind=SLIP,
    label="eq-25",
)
def hyperbolic_end() -> Finding:
    end = np.sinh(_simulated_angles([0.0, 30.0])[1]) * C0
    right = Amendment(r"$\sinh\theta = 2s/c_0$", equal(end, 2, FLOW))
    return Finding(equal(end, 1, FLOW), correction=right)


@claim(
    "app-a-every-start",
    "App. A",
    "Unequal layers are solved in closed form on every hyperbola, whatever the signs. Measured: "
    "the library's formula against flow from 50 starts.",
    section="A",
    kind=IDENTITY,
    source=OURS,
    label="fig-a-quadrants",
)
def every_start() -> Check:
    a0, b0 = np.random.default_rng(SEED).uniform(-2, 2, (2, 50))
    times = np.linspace(0, 6, 31)
    a, b = pair_flow(a0, b0, times)
    u = exact.unbalanced_mode_strength(times[:, None], a0=a0, b0=b0, s=1.0, tau=1.0)
    return equal(np.abs(u - a * b).max(), 0, FLOW)


# ---- What these share

SECOND = (1.5, -1.35)
IMBALANCE = Tolerance(0.004, "0.001 in each of $a$ and $b$, near $(1.08, 0.93)$")


def _drawn_trajectory(number: int) -> Array:
    rows = read_table("printed/fig2.csv")
    rows = rows[rows["kind"] == f"trajectory {number}"]
    return np.array([rows["a"], rows["b"]]).T


def _euler(start: tuple[float, float], step: float, n_steps: int) -> Array:
    path = [np.array(start)]
    for _ in range(n_steps):
        path.append(path[-1] + step * (1 - path[-1].prod()) * path[-1][::-1])
    return np.array(path)


def _imbalance(path: Array) -> Array:
    return np.asarray(path[:, 0] ** 2 - path[:, 1] ** 2)


def _from_steps(vertices: Array, steps: Array) -> float:
    apart = np.linalg.norm(vertices[:, None] - steps, axis=2)
    return float(apart.min(axis=1).max())


def _drawn_strengths(curve: str) -> Array:
    rows = read_table("printed/fig3_left.csv")
    rows = rows[rows["curve"] == curve]
    lines = [rows[rows["mode"] == i + 1] for i in SHOWN]
    return np.array([np.interp(np.arange(1, 1302), r["epoch"], r["strength"]) for r in lines]).T


def _drawn_delays(curve: str) -> Any:
    rows = read_table("printed/fig3_right.csv")
    return rows[rows["curve"] == curve]


@shared
def _drawn_sigmoids() -> Array:
    """Fit Eq. 12 to the seven drawn curves: singular values, u0 in 1e-6, tau in 1000."""
    u, t = _drawn_strengths("analytic"), np.arange(1301)[:, None]

    def misfit(z: Array) -> Array:
        found = exact.mode_strength(t, s=z[:7], u0=1e-6 * z[7], tau=1000 * z[8])
        return np.ravel(found - u)

    return np.asarray(least_squares(misfit, [*u[-1], 1.0, 2.0]).x)


@shared
def _matched_tree() -> tuple[Array, Array, correlations.Modes]:
    """Draw a tree and stretch its spectrum to the seven drawn singular values."""
    x, y = datasets.hierarchical(rng=SEED)
    U, s, Vt = correlations.modes(correlations.from_data(x, y))
    stretch = np.interp(np.arange(32), SHOWN, _drawn_sigmoids()[:7] / s[SHOWN])
    y = (U * (s * stretch) @ Vt).T
    return x, y, correlations.modes(correlations.from_data(x, y))


def _nearest_weights() -> float:
    """Return the s.d. of weights at which the matrix form of Eq. 12 is nearest to the drawing."""
    s, tau, scan = _matched_tree()[2].s, 2000.0, np.array([3.5, 4.0, 4.2, 4.3, 5.0]) * 1e-4
    sums = np.random.default_rng(SEED).standard_normal((2, 100, 32, 32)).sum(axis=0)
    inverse = np.linalg.inv(sums.swapaxes(1, 2) @ sums / 4)
    half = exact.half_learning_time(1e-6, s=s, tau=tau)
    times, squares = np.linspace(1, 3000, 200), []
    for sd in scan:
        strengths = []
        for t in times:
            f, g = np.sqrt(s / np.expm1(2 * s * t / tau)), np.sqrt(s / -np.expm1(-2 * s * t / tau))
            bracket = np.linalg.inv(np.eye(32) + f[:, None] * inverse / sd**2 * f)
            strengths.append(g**2 * np.diagonal(bracket, axis1=1, axis2=2))
        late = training.crossing_time(times, np.array(strengths), s / 2).mean(axis=0)
        late = (late + np.log(s / (128 * sd**2)) / 4) / half - 1
        squares.append(np.mean((late - _drawn_delays("linear")["mean"]) ** 2))
    square, slope_, _ = np.polyfit(np.log(scan), squares, 2)
    return float(np.exp(-slope_ / square / 2))


@shared
def _linear_at_drawn_weights() -> Array:
    data, rng = diagonal(_matched_tree()[2].s), np.random.default_rng(SEED)
    start = initial_conditions.small_random((32, 32, 32), scale=4.2e-4, rng=rng, n_starts=100)
    m = correlations.modes(data)
    return _half_learned(_descent(start, data, m, 3000), m.s)


@shared
def _tanh_at_drawn_weights() -> Array:
    x, y, m = _matched_tree()
    rng = np.random.default_rng(SEED + 1)
    start = initial_conditions.small_random((32, 32, 1000), scale=4.2e-4, rng=rng, n_starts=40)
    return _half_learned(_tanh_descent(start, x, y, m, 3000), m.s)


def _delays(times: Array) -> Array:
    return times / exact.half_learning_time(1e-6, s=_matched_tree()[2].s, tau=2000.0) - 1


def _against_drawn(curve: str, times: Array) -> Check:
    drawn, late = _drawn_delays(curve), _delays(times)
    chance = np.sqrt(np.mean(drawn["sd"] ** 2 / 100 + late.var(axis=0) / len(late)))
    reason = (
        "twice the standard error of both means, as 25 of 32 singular values are not known; "
        "set knowing that other trees gave 0.9 to 1.8 times"
    )
    off = np.sqrt(np.mean((late.mean(axis=0) - drawn["mean"]) ** 2))
    return equal(off, 0, Tolerance(2 * float(chance), reason))


SINGULAR_VALUES = np.array([4.0, 3.0, 2.0, 1.0])


@shared
def _tree() -> tuple[correlations.Correlations, correlations.Modes]:
    data = correlations.from_data(*datasets.hierarchical(n_levels=3, n_features=40, rng=SEED))
    return data, correlations.modes(data)


def _likeness() -> Array:
    """Return the correlations of 32 items whose features flip with probability 0.1 a level."""
    levels_up = np.array([[(i ^ j).bit_length() for j in range(32)] for i in range(32)])
    return np.asarray(0.8 ** (2.0 * levels_up))


def _alignment(weights: Weights) -> Array:
    """Return the cosine of the angle between the two vectors of the second mode."""
    a, b = weights[0][..., 1], weights[1][..., 1, :]
    lengths = np.linalg.norm(a, axis=-1) * np.linalg.norm(b, axis=-1)
    return np.asarray(np.sum(a * b, axis=-1) / lengths)


def _half_time(u0: float, s: float) -> float:
    """Return when a simulated mode has half of its strength."""
    times = np.linspace(0, 20 / s, 801)
    a, b = pair_flow(u0**0.5, u0**0.5, times, s=s)
    return float(training.crossing_time(times, a * b, np.array([s / 2]))[0])


# A curve is nearly straight where it is half-way: from every fifth iteration half-learning times
# are right to a tenth of one.
_DESCENT: dict[str, Any] = {"learning_rate": 0.5e-3, "record_every": 5}


def _descent(
    start: Weights, data: correlations.Correlations, m: correlations.Modes, n_steps: float
) -> training.Run:
    return training.gradient_descent(start, data, modes=m, n_steps=int(n_steps), **_DESCENT)


def _tanh_descent(
    start: Weights, x: Array, y: Array, m: correlations.Modes, n_steps: float
) -> training.Run:
    return training.tanh_gradient_descent(start, x, y, modes=m, n_steps=int(n_steps), **_DESCENT)


def _half_learned(run: training.Run, s: Array) -> Array:
    assert run.mode_strengths is not None
    return training.crossing_time(run.times, run.mode_strengths, s / 2)


def _connectivity() -> tuple[Array, Array, Array]:
    A, B = np.random.default_rng(SEED).standard_normal((2, 4, 3))
    return A, B, SINGULAR_VALUES


def _fixed_points() -> dict[tuple[int, ...], Weights]:
    m = correlations.modes(diagonal(SINGULAR_VALUES))
    kept = [c for k in range(3) for c in combinations(range(4), k)]
    start = initial_conditions.decoupled
    return {
        c: start(m, (4, 2, 4), u0=SINGULAR_VALUES * np.isin(range(4), c), rng=SEED) for c in kept
    }


def _column(z: Array) -> Weights:
    return z[..., None, :3], z[..., 3:, None]


def _unequal_layers() -> tuple[Array, Array, Weights, Array]:
    s, rng = np.arange(8.0, 0, -1) / 2, np.random.default_rng(SEED)
    m, a = correlations.modes(diagonal(s)), rng.uniform(0.05, 0.6, (2, 8))
    start = initial_conditions.decoupled(m, (8, 10, 8), layer_strengths=a, rng=rng)
    return s, start[0] / a[0], start, np.linspace(0, 4, 30)


def _hyperbolic(theta: float | Array) -> tuple[Array, Array]:
    half = np.asarray(theta) / 2
    return np.sqrt(C0) * np.cosh(half), np.sqrt(C0) * np.sinh(half)


def _simulated_angles(times: list[float]) -> Array:
    a, b = pair_flow(*_hyperbolic(0.2), times)
    return 2 * np.arctanh(b[:, 0] / a[:, 0])


def _eq_26(begin: float, end: float, s: float) -> float:
    D, z = np.hypot(C0, s), s * np.tanh(np.array([begin, end]) / 2)
    with np.errstate(invalid="ignore"):
        logs = np.log((D + C0 + z) / (D - C0 - z))
    return float((logs[1] - logs[0]) / D)


CLAIMS = claims_of(vars())
