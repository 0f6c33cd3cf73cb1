"""Claims on generalisation: one layer with noise, noisy maps, and the digits of the test set."""

from __future__ import annotations

import numpy as np

from dlnlib import correlations, datasets, exact, initial_conditions, networks, training
from ledger.numerics import Array, whitened_mnist
from ledger.record import (
    IDENTITY,
    NUMBER,
    OURS,
    QUALITATIVE,
    Check,
    Tolerance,
    at_least,
    at_most,
    claim,
    claims_of,
    equal,
)

__all__ = ["CLAIMS"]

SEED = 1710


def _errors_of_drawn_layers(load: float, times: Array, noise: float) -> Array:
    """Return the errors on new examples of one layer with 200 inputs, a mean over 60 teachers."""
    rng, n = np.random.default_rng(SEED), 200
    x = rng.standard_normal((int(load * n), n)) / np.sqrt(n)
    teachers = rng.standard_normal((60, n))
    y = x @ teachers.T + np.sqrt(noise) * rng.standard_normal((len(x), 60))
    data = correlations.from_data(x, y)
    flow = training.gradient_flow([0 * teachers], data, times=times, tau=1.0)
    found: Array = ((flow.weights[0] - teachers) ** 2).mean(axis=(1, 2)) + noise
    return found


@claim(
    "generalisation-error",
    "test error",
    r"The error of one layer on new examples is an average of $(1+\mathrm{INR})\,"
    r"e^{-2\lambda t/\tau} + (1-e^{-\lambda t/\tau})^2/(\lambda\,\mathrm{SNR})$ over the "
    "Marchenko–Pastur law, plus the noise. Measured: the largest relative difference from gradient "
    r"flow on drawn examples with 200 inputs, at $\alpha$ of 0.5, 1 and 2. The formula is our "
    "reading of the paper, derived again.",
    section="2",
    kind=IDENTITY,
    label="eq-since-generalisation",
    paper="advani2020",
)
def generalisation_error() -> Check:
    times, noise = np.array([0.5, 1.0, 3.0, 10.0]), 0.2
    gaps = [
        _errors_of_drawn_layers(load, times, noise)
        / exact.generalisation_error(times, load=load, noise_variance=noise, tau=1.0)
        - 1
        for load in (0.5, 1.0, 2.0)
    ]
    reason = "the scatter of 60 teachers and of the eigenvalues of 200 inputs"
    return equal(np.abs(gaps).max(), 0, Tolerance(0.04, reason))


@claim(
    "overtraining",
    "abstract",
    "Overtraining is worst where there are as many examples as weights. Measured: the number of "
    "examples for each of 200 weights, out of 1/2, 3/4, 1, 4/3 and 2, at which the error of a "
    "trained layer at a late time is largest over its least.",
    section="2",
    kind=QUALITATIVE,
    label="fig-since-stopping",
    paper="advani2020",
)
def overtraining() -> Check:
    loads, times = np.array([0.5, 0.75, 1.0, 4 / 3, 2.0]), np.array([1.0, 2, 3, 4, 6, 20])
    errors = np.array([_errors_of_drawn_layers(load, times, 0.2) for load in loads])
    worst = loads[(errors[:, -1] / errors.min(axis=1)).argmax()]
    return equal(worst, 1, Tolerance(0, "one of five"))


@claim(
    "one-stopping-time",
    "early stopping",
    "The error of one layer on new examples falls to one minimum and then rises, at any number of "
    "examples and any noise. Measured: the largest number of changes between falling and "
    "rising over ten decades of time, for 35 pairs of both.",
    section="2",
    kind=QUALITATIVE,
    label="eq-since-stopping",
    source=OURS,
    paper="advani2020",
)
def one_stopping_time() -> Check:
    load, noise = np.meshgrid([0.1, 0.5, 0.9, 1, 1.1, 2, 10], [0.01, 0.1, 0.3, 1, 10])
    t = np.geomspace(1e-5, 1e5, 1001)[:, None, None]
    errors = exact.generalisation_error(t, load=load, noise_variance=noise, tau=1.0)
    steps = np.diff(errors, axis=0)
    rising = np.where(np.abs(steps) > 1e-13 * errors[1:], np.sign(steps), 0)
    changes = [np.count_nonzero(np.diff(r[r != 0])) for r in rising.reshape(len(rising), -1).T]
    assert min(changes) > 0
    return at_most(max(changes), 1, "a minimum is one change")


@claim(
    "best-time",
    "early stopping",
    r"The best time solves $\int\rho\,e^{-\lambda t/\tau} = \int\rho\,e^{-2\lambda t/\tau}"
    r"[1+\lambda\,\mathrm{SNR}\,(1+\mathrm{INR})]$ over $\lambda > 0$. Measured: the least "
    "relative difference of the error one or two per cent earlier or later, for 20 pairs of load "
    "and noise.",
    section="2",
    kind=IDENTITY,
    label="eq-since-stopping",
    source=OURS,
    paper="advani2020",
)
def best_time() -> Check:
    load, noise = np.meshgrid([0.1, 0.5, 1, 2, 10], [0.01, 0.1, 1, 10])
    t = exact.optimal_stopping_time(load, noise_variance=noise, initial_variance=0.5, tau=1.0)
    near = np.array([1.0, 0.98, 0.99, 1.01, 1.02])[:, None, None]
    at, *around = exact.generalisation_error(
        near * t, load=load, noise_variance=noise, initial_variance=0.5, tau=1.0
    )
    return at_least((np.array(around) / at - 1).min(), 0, "a minimum")


def _noisy(sizes: tuple[int, int], s: Array, rng: np.random.Generator) -> tuple[Array, Array]:
    """Return a map along the first axes, and the map with noise of scale 1."""
    n, m = sizes
    W = np.zeros((m, n))
    W[range(len(s)), range(len(s))] = s
    return W, W + rng.standard_normal(W.shape) / np.sqrt(n)


@claim(
    "noisy-modes",
    "noisy teacher",
    r"Noise of variance $\sigma^2/N_1$ takes a mode of strength $s > A^{1/4}\sigma$ to "
    r"$S = \sqrt{(s^2+\sigma^2)(s^2+A\sigma^2)}/s$ and turns it by the overlap "
    r"$O = (s^4 - A\sigma^4)/(s^3S)$. Measured: the largest difference, of "
    r"strengths and of overlaps, from six drawn maps with 500 inputs, $A = 1/2$. The formulas are "
    "our reading, derived again; they hold for $A > 1$ as well.",
    section="3",
    kind=IDENTITY,
    label="eq-since-noisy-modes",
    paper="lampinen2019",
)
def noisy_modes() -> Check:
    rng, s = np.random.default_rng(SEED), np.array([5.0, 3.0, 1.6])
    found = []
    for _ in range(6):
        U, values, Vt = np.linalg.svd(_noisy((500, 250), s, rng)[1], full_matrices=False)
        overlaps = np.diag(U)[:3] * np.diag(Vt)[:3]
        found.append([values[:3], overlaps])
    theory = exact.noisy_modes(s, scale=1.0, aspect=0.5)
    expected = np.array([theory.s, theory.output_overlap * theory.input_overlap])
    reason = r"of the order of $1/\sqrt{500}$ over the root of six maps"
    return equal(np.abs(np.mean(found, axis=0) - expected).max(), 0, Tolerance(0.04, reason))


@claim(
    "noisy-errors",
    "student errors",
    r"The generalisation error of three layers that learn a noisy map is $\sum[(u-s)^2 + "
    r"2us(1-O)] + (k-r)\langle u^2\rangle$ over $\sum s^2$, where the mean is over the $k-r$ "
    "largest singular values of the bulk of noise. Measured: the "
    "largest difference from gradient flow, up to the best time, in the mean of four networks with "
    "80 inputs and 10 hidden units. The formula is our reading, derived again.",
    section="3",
    kind=IDENTITY,
    label="eq-since-noisy-errors",
    paper="lampinen2019",
)
def noisy_errors() -> Check:
    rng, s, sizes = np.random.default_rng(SEED), np.array([5.0, 3.0]), (80, 10, 40)
    times = np.linspace(0.2, 1.4, 7)
    theory = exact.noisy_teacher_errors(times, s=s, scale=1.0, u0=1e-3, tau=1.0, layer_sizes=sizes)
    errors = []
    for _ in range(4):
        W, S = _noisy((80, 40), s, rng)
        noisy, task = (
            correlations.Correlations(np.eye(80), map_, np.sum(map_**2), 80) for map_ in (S, W)
        )
        start = initial_conditions.decoupled(correlations.modes(noisy), sizes, u0=1e-3, rng=rng)
        flow = training.gradient_flow(start, noisy, times=times, tau=1.0)
        errors.append(2 * networks.error(flow.weights, task) / np.sum(s**2))
    gap = np.abs(np.mean(errors, axis=0) - theory.generalisation).max()
    return equal(gap, 0, Tolerance(0.02, "two modes among 40, and four networks"))


@claim(
    "noisy-errors-end",
    "student errors",
    r"At the end of learning that formula is too large by "
    r"$\sigma^2A\sum(1 + 3\sigma^2/s^2)$ over $\sum s^2$, if $A \le 1$ and there is room "
    "for all modes: it counts the bulk as if modes that stand out had taken nothing from it. "
    "Measured: the excess over the mean of 200 drawn maps, in units of that value.",
    section="3",
    kind=NUMBER,
    label="eq-since-noisy-errors",
    source=OURS,
    paper="lampinen2019",
)
def noisy_errors_at_the_end() -> Check:
    rng, s = np.random.default_rng(SEED), np.array([4.0, 2.5, 1.5])
    theory = exact.noisy_teacher_errors(
        1e6, s=s, scale=1.0, u0=1e-3, tau=1.0, layer_sizes=(100, 60, 60)
    )
    maps = [_noisy((100, 60), s, rng) for _ in range(200)]
    left = np.array([np.sum((S - W) ** 2) for W, S in maps])
    excess = np.sum(s**2) * float(theory.generalisation) - left.mean()
    value = 0.6 * np.sum(1 + 3 / s**2)
    scatter = 4 * left.std() / np.sqrt(200) / value
    return equal(excess / value, 1, Tolerance(scatter, "four standard errors of 200 maps"))


@claim(
    "digits-test-error",
    "Fig. 4",
    "Where the runs of Fig. 4 stop, the best time to stop has not come yet. "
    "Measured: the time at which gradient flow of three layers has its least error on the 10,000 "
    r"test images over that at which its error on training images reaches $1.3\cdot10^4$.",
    section="2",
    kind=QUALITATIVE,
    label="fig-since-noisy",
    source=OURS,
)
def best_time_of_the_digits() -> Check:
    raw = datasets.mnist()
    test = correlations.centred(datasets.mnist_test(), like=raw)
    test = correlations.whitened(test, epsilon=0.01, like=correlations.centred(raw))
    train = whitened_mnist()
    few = correlations.krylov(train, n_blocks=8)
    few_test = correlations.krylov(test, n_blocks=8, like=train)
    n, times = len(few.sigma_xx), np.linspace(1, 12, 89)
    start = initial_conditions.decoupled(
        correlations.modes(few), (n, n, 10), u0=1e-3, rng=SEED, untargeted=True
    )
    flow = training.gradient_flow(start, few, times=times, tau=1e4)
    best = times[networks.error(flow.weights, few_test).argmin()]
    stopped = training.crossing_time(times, -flow.errors, -1.3e4)
    return at_least(best / stopped, 1, "later is larger")


CLAIMS = claims_of(vars())
