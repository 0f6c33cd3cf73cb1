"""Claims on deeper networks: Section 2, Appendices B and E."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import quad

from dlnlib import (
    correlations,
    datasets,
    exact,
    initial_conditions,
    networks,
    racing,
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
    relative_error,
    slope,
    whitened_mnist,
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
DEPTHS = np.array([3, 4, 5, 10, 30, 100])
QUADRATURE = Tolerance(1e-8, "adaptive quadrature")

# ---- Section 2: any number of layers


@claim(
    "eq-13",
    "Eq. 13",
    "At any depth a layer moves by the residual of the product, carried back through the layers "
    "above and paired with the inputs as the layers below pass them on.",
    section="2",
    kind=IDENTITY,
    equations=(13,),
)
def rule_at_any_depth() -> Check:
    rng = np.random.default_rng(SEED)
    data = correlations.from_data(rng.standard_normal((9, 3)), rng.standard_normal((9, 2)))
    sizes = (3, 4, 2, 5, 2)
    weights = [w / 2 for w in initial_conditions.small_random(sizes, scale=1.0, rng=rng)]
    uphill = slope(lambda z: networks.error(as_network(z, weights), data), as_vector(weights))
    found = as_vector(networks.gradient(weights, data))
    return equal(relative_error([found], [uphill]), 0, DIFFERENCES)


@claim(
    "sec-2-decoupled",
    "§2",
    "A decoupled start stays decoupled at any depth, with hidden layers of any width. Measured: "
    "the largest part off the diagonals in a network of widths 4, 9, 6, 7, 4.",
    section="2",
    kind=IDENTITY,
    label="eq-depth-decoupled",
)
def stays_decoupled() -> Check:
    R, weights = _unequal_depth()
    layers = zip(R[1:], weights, R[:-1], strict=True)
    off = [np.abs((up.T @ w @ down) * (1 - np.eye(4))).max() for up, w, down in layers]
    return equal(max(off), 0, FLOW)


@claim(
    "eq-14",
    "Eq. 14",
    "Each mode descends half the squared distance of the product of its layers from $s$. "
    "Measured: the error of such a network, and its slope, at random layer strengths.",
    section="2",
    kind=IDENTITY,
    equations=(14,),
)
def error_of_a_chain() -> Check:
    a, data = np.random.default_rng(SEED).uniform(0.5, 1.5, 6), diagonal([2.0])

    def E(layers: Array) -> Array:
        return np.asarray((2 - np.prod(layers, axis=-1)) ** 2 / 2)

    height = relative_error([networks.error(chain(a), data)], [E(a)])
    found = np.ravel(networks.gradient(chain(a), data))
    return equal(max(height, relative_error([found], [slope(E, a)])), 0, DIFFERENCES)


@claim(
    "eq-14-conserved",
    "§2, Eq. 14",
    "Every difference of squares of layer strengths is conserved. Measured: the largest drift, "
    "four layers of weights.",
    section="2",
    kind=IDENTITY,
    label="eq-depth-balance",
)
def differences_conserved() -> Check:
    _, weights = _unequal_depth()
    drifts = [np.abs(found - found[0]).max() for found in networks.imbalance(weights)]
    return equal(max(drifts), 0, FLOW)


@claim(
    "eq-15",
    "Eq. 15",
    r"With equal layers the strength obeys $\tau\dot{u} = L u^{2 - 2/L}(s - u)$, $L = N_l - 1$. "
    "Measured on networks of 3 to 100 layers.",
    section="2",
    kind=IDENTITY,
    equations=(15,),
)
def motion_of_equal_layers() -> Check:
    s, u, worst = 1.5, np.linspace(0.05, 2, 20), 0.0
    for L in DEPTHS - 1:
        a = u ** (1 / L)
        slopes = [networks.gradient(chain([x] * L), diagonal([s]))[0].item() for x in a]
        found = -L * a ** (L - 1) * slopes
        worst = max(worst, relative_error([found], [L * u ** (2 - 2 / L) * (s - u)]))
    return equal(worst, 0, ROUNDING)


@claim(
    "eq-15-time",
    "Eq. 15",
    "The integral of Eq. 15 is the learning time, which the paper leaves as it is. Measured: the "
    "library's closed form against quadrature, and against flow of networks of 3 to 30 layers.",
    section="2",
    kind=IDENTITY,
    source=OURS,
    label="eq-depth-time",
)
def time_at_any_depth() -> Check:
    s, u0, uf, worst = 2.0, 0.01, 1.9, 0.0
    for L in (2, 3, 4, 9, 29):
        t = exact.learning_time(u0, uf, s=s, tau=1.0, n_layers=L + 1)
        area = quad(lambda u, p=2 - 2 / L: u**-p / (s - u), u0, uf, epsrel=1e-10)[0]
        start = chain([u0 ** (1 / L)] * L)
        end = networks.product(
            [w[0] for w in training.gradient_flow(start, diagonal([s]), times=[t]).weights]
        )
        worst = max(worst, relative_error([t, end], [area / L, uf]))
    return equal(worst, 0, FLOW)


@claim(
    "eq-16",
    "Eq. 16",
    r"For infinitely many layers $\tau\dot{u} = N_l u^2 (s - u)$. Measured: how fast $N_l t$ of "
    "finite depth approaches the integral of that, as an exponent of depth (1,000 to 100,000 "
    "layers).",
    section="2",
    kind=SCALING,
    equations=(16,),
)
def infinite_depth() -> Check:
    limit = quad(lambda u: 1 / (u**2 * (1 - u)), 0.1, 0.9, epsrel=1e-12)[0]
    n = np.geomspace(1e3, 1e5, 5).astype(int)
    t = exact.learning_time(0.1, 0.9, s=1.0, tau=1.0, n_layers=n)
    off = Tolerance(0.01, "next order, 1/1000")
    return equal(exponent(n, np.abs(n * t / limit - 1)), -1, off)


@claim(
    "eq-17",
    "Eq. 17",
    "Eq. 16, integrated, gives the learning time in elementary functions. Measured: formula and "
    "library against quadrature.",
    section="2",
    kind=IDENTITY,
    equations=(17,),
)
def infinite_depth_time() -> Check:
    s, u0, uf = 2.0, 0.01, 1.9
    printed = np.log(uf * (u0 - s) / (u0 * (uf - s))) / s**2 + 1 / (s * u0) - 1 / (s * uf)
    library = exact.infinite_depth_learning_time(u0, uf, s=s, tau=1.0)
    area = quad(lambda u: 1 / (u**2 * (s - u)), u0, uf, epsrel=1e-12)[0]
    return equal(relative_error([printed, library], [area, area]), 0, QUADRATURE)


@claim(
    "sec-2-fixed-rate",
    "§2",
    "At a fixed learning rate learning time falls to zero with depth. Reading: like $1/N_l$. "
    "Measured: exponent of the steps of descent from 0.1 to 0.9, 300 to 10,000 layers, at the "
    "rate $10^{-6}$, which is stable for all.",
    section="2",
    kind=SCALING,
    label="eq-17",
)
def fixed_rate() -> Check:
    n = np.array([300, 1000, 3000, 10_000])
    steps = [_steps_needed(0.1, int(k), 1e-6) for k in n]
    return equal(exponent(n, steps), -1, Tolerance(0.01, "corrections of order 1/300"))


@claim(
    "sec-2-rate-depth",
    "§2",
    "Stable learning rates fall as $1/N_l$ for large $N_l$. Measured: exponent of the rate up to "
    "which descent of simulated chains settles, 20 to 100 layers, searched from $10^{-6}$ to 10.",
    section="2",
    kind=SCALING,
    label="fig-b-rate",
)
def stable_rate_and_depth() -> Check:
    n = np.array([20, 30, 50, 100])
    rates = [_largest_settling_rate(int(k), 1.0) for k in n]
    return equal(
        exponent(n, rates), -1, Tolerance(0.05, "it is the weights, $N_l - 1$, that count")
    )


@claim(
    "sec-2-rate-strength",
    "§2",
    "Stable learning rates fall as $1/s^2$ for large $N_l$. Measured: exponent of the rate up to "
    "which simulated chains settle, $s$ from 1/2 to 2, at 100 layers, searched from $10^{-6}$ to "
    "10.",
    section="2",
    kind=SCALING,
    label="fig-b-rate",
)
def stable_rate_and_strength() -> Check:
    s = np.array([0.5, 1.0, 2.0])
    rates = [_largest_settling_rate(100, x) for x in s]
    return equal(exponent(s, rates), -2, Tolerance(0.05, "$2/L$, which is 0.02, and 0.3 % of rate"))


@claim(
    "sec-2-rate-few",
    "§2",
    "At three layers stable learning rates fall as $1/s$ and not as $1/s^2$. Measured: exponent "
    "of the rate up to which simulated chains settle, $s$ from 1/2 to 2.",
    section="2",
    kind=SCALING,
    source=OURS,
    label="fig-b-rate",
)
def stable_rate_of_three_layers() -> Check:
    s = np.array([0.5, 1.0, 2.0])
    rates = [_largest_settling_rate(3, x) for x in s]
    return equal(exponent(s, rates), -1, Tolerance(0.01, "0.3 % of rate"))


@claim(
    "sec-2-finite",
    "§2",
    "At rates that fall as $1/N_l$ learning time stays finite at infinite depth. Measured: steps "
    "of descent from 0.01 to 0.99 at the rate $1/N_l$, a million layers over a thousand.",
    section="2",
    kind=QUALITATIVE,
    label="fig-b-time",
)
def finite_at_the_stable_rate() -> Check:
    few, many = (_steps_needed(0.01, n, 1 / n) for n in (1000, 1_000_000))
    reason = r"corrections of order 1/1000, times $\ln 100$; a power of depth would give more"
    return equal(many / few, 1, Tolerance(0.02, reason))


@claim(
    "sec-2-delay",
    "§2",
    r"What infinite depth costs over three layers is of order $s/\varepsilon$. Measured: exponent "
    r"of the extra steps of descent of 10,000 layers at the optimal rate, $s/\varepsilon$ from 30 "
    "to 1,000.",
    section="2",
    kind=SCALING,
    label="fig-b-time",
)
def delay_of_infinite_depth() -> Check:
    eps = 1 / np.geomspace(30, 1000, 4)
    extra = [_steps_needed(e, 10_000, 1 / 9999) - _steps_needed(e, 3, 1 / 2) for e in eps]
    return equal(exponent(1 / eps, extra), 1, Tolerance(0.05, "logarithms, and whole steps"))


# ---- Figure 4: MNIST

GRID = np.logspace(-4, -7, 20)
CHAOTIC = 54
# Where draws of the hidden bases disagree on the fastest rate: of 48 in single precision 1, 5, 1,
# 1 and 35 find another than was drawn; of 24 in double, on two kinds of processor, 1 and 8 do at
# the last two.
ROUNDED = (20, 28, 54, 64, 84)
STEP = GRID[0] / GRID[1]
COUNT = Tolerance(0, "a count")
NEARLY = "the reading, nine tenths; raw pixels have 0.79. Set knowing 0.93 and 0.94"


def _printed_4() -> NDArray[Any]:
    """Return what the authors drew, one row for each of 15 depths."""
    return read_table("printed/fig4.csv")


@shared
def _digits_in_krylov_space() -> correlations.Correlations:
    """Return MNIST, so prepared, in a Krylov space that learning does not leave, up to 1e-5."""
    return correlations.krylov(whitened_mnist(), n_blocks=6)


def _start(n_layers: int, rng: int = SEED, *, untargeted: bool = True) -> Weights:
    """Return the start of Fig. 4; hidden layers of more units move alike: see fig-4-width."""
    data = _digits_in_krylov_space()
    m, n_inputs = correlations.modes(data), len(data.sigma_xx)
    if untargeted:
        sizes = (*[n_inputs] * (n_layers - 1), 10)
        return initial_conditions.decoupled(m, sizes, u0=1e-3, rng=rng, untargeted=True)
    u0 = np.where(m.s > 1e-6 * m.s[0], 1e-3, 0.0)
    sizes = (n_inputs, *[9] * (n_layers - 2), 10)
    return initial_conditions.decoupled(m, sizes, u0=u0, rng=rng)


@shared
def _epochs_at_printed_rates(*, untargeted: bool) -> Array:
    """Count epochs, updates and one, at the drawn rates; the larger of the two at 3 layers."""
    epochs, points = [], _printed_4()
    for n, k in zip(points["n_layers"].tolist(), points["grid_index"].tolist(), strict=True):
        run = training.gradient_descent(
            _start(n, untargeted=untargeted),
            _digits_in_krylov_space(),
            learning_rate=GRID[max(k, 0)],
            n_steps=300,
            threshold=1.3e4,
            record_every=300,
            reduce=False,
        )
        epochs.append(1.0 + run.n_steps if run.status == "threshold" else np.inf)
    return np.array(epochs)


@shared
def _single_precision_epochs(n_layers: int, grid_index: int) -> Array:
    """Count epochs of twenty-four draws of the hidden bases; 300 updates at most."""
    starts = [_start(n_layers, seed) for seed in range(24)]
    run = training.gradient_descent(
        [np.array(w) for w in zip(*starts, strict=True)],
        _digits_in_krylov_space(),
        learning_rate=GRID[grid_index],
        n_steps=300,
        threshold=1.3e4,
        dtype=np.float32,
        record_every=300,
        reduce=False,
    )
    return np.where(run.status == "threshold", 1.0 + run.n_steps, np.inf)


@shared
def _figure_4() -> tuple[Array, Array]:
    """Race the 20 rates of Fig. 4 at its 15 depths; return epochs, and rates with ties averaged."""
    found, at_printed = [], _epochs_at_printed_rates(untargeted=True)
    for n, epochs in zip(_printed_4()["n_layers"].tolist(), at_printed, strict=True):
        race = racing.race(
            _start(n),
            _digits_in_krylov_space(),
            learning_rates=GRID,
            threshold=1.3e4,
            # The winner needs no more than the rate that was drawn.
            max_steps=int(min(epochs - 1, 300)),
            at_once=1,
            patience=2,
            reduce=False,
        )
        first = (race.status == "threshold") & (race.n_steps == race.learning_time)
        found.append((1 + race.learning_time, GRID[first].mean()))
    epochs, rates = np.array(found).T
    return epochs, rates


@claim(
    "fig-4-times",
    "Fig. 4 left",
    "The drawn learning times, to the epoch. Measured: number of depths, of 15, at which descent "
    "at the drawn rate takes the drawn number of epochs, updates and one.",
    section="2",
    kind=FIGURE,
    label="fig-4",
    tables=("printed/fig4.csv",),
)
def drawn_times() -> Finding:
    points = _printed_4()
    same = _epochs_at_printed_rates(untargeted=True) == points["epochs"]
    calm = points["n_layers"] != CHAOTIC
    others = equal(np.sum(same & calm), np.sum(calm), COUNT)
    return Finding(
        equal(np.sum(same), len(same), COUNT),
        condition=Amendment("but for 54 layers, where rounding decides (fig-4-spread)", others),
    )


@claim(
    "fig-4-spread",
    "Fig. 4 left",
    "The drawn time at 54 layers, 176 epochs, is one of those that rounding makes. Measured: its "
    "distance from the range of twenty-four draws of the hidden bases in single precision. Eight, "
    "which were tried first, miss it in one set of some 25.",
    section="2",
    kind=FIGURE,
    source=OURS,
    label="fig-4",
    tables=("printed/fig4.csv",),
)
def drawn_time_of_a_chaotic_depth() -> Check:
    points = _printed_4()
    (point,) = points[points["n_layers"] == CHAOTIC]
    epochs = _single_precision_epochs(CHAOTIC, int(point["grid_index"]))
    arrived = epochs[np.isfinite(epochs)]
    outside = max(arrived.min() - point["epochs"], point["epochs"] - arrived.max(), 0)
    return equal(outside, 0, Tolerance(0, "inside or not"))


@claim(
    "fig-4-rates",
    "Fig. 4 right",
    "The drawn rates are those at which learning is fastest. Measured: number of depths, of 15, "
    "at which our own race finds the drawn rate; 84 layers count only if no draw of "
    "fig-4-rate-spread is won by another.",
    section="2",
    kind=FIGURE,
    label="fig-4",
    tables=("printed/fig4.csv",),
)
def drawn_rates() -> Finding:
    rates, points = _figure_4()[1], _printed_4()
    inside = (rates >= points["rate_low"]) & (rates <= points["rate_high"])
    inside &= (points["n_layers"] != 84) | (_share_one_step_faster() == 0)
    calm = ~np.isin(points["n_layers"], ROUNDED)
    text = "but for 20, 28, 54, 64 and 84 layers, where rounding may decide: of the other ten"
    others = Amendment(text, equal(np.sum(inside & calm), calm.sum(), COUNT))
    return Finding(equal(np.sum(inside), len(inside), COUNT), condition=others)


@claim(
    "fig-4-rate-spread",
    "Fig. 4 right",
    "At 84 layers rounding decides which rate is fastest. Measured: of twenty-four draws of the "
    "hidden bases in single precision, the share that one step faster on the grid is done before "
    "the drawn 225 epochs, or the share that is not, whichever is less.",
    section="2",
    kind=FIGURE,
    source=OURS,
    label="fig-4",
    tables=("printed/fig4.csv",),
)
def drawn_rate_of_a_chaotic_depth() -> Check:
    share = _share_one_step_faster()
    return at_least(min(share, 1 - share), 1 / 24, "one of each at least")


@claim(
    "fig-4-tie",
    "Fig. 4 right",
    "Where rates tie, their mean is drawn. Measured: mean of the rates that need the fewest epochs "
    "at three layers, over the drawn one.",
    section="2",
    kind=FIGURE,
    source=OURS,
    label="fig-4",
    tables=("printed/fig4.csv",),
)
def drawn_tie() -> Check:
    low, high = _printed_4()[["rate_low", "rate_high"]][0]
    off = Tolerance((high - low) / (high + low), "half a step of the drawing's grid")
    return equal(_figure_4()[1][0] / ((low + high) / 2), 1, off)


@claim(
    "fig-4-inputs",
    "Fig. 4, Appendix C",
    "Hidden layers start with the modes that have a target and nothing else. Measured: number of "
    "depths but 54, of 14, at which the drawn time comes out to the epoch.",
    section="2",
    kind=FIGURE,
    source=OURS,
    label="appendix-c",
    tables=("printed/fig4.csv",),
)
def start_of_inputs_without_target() -> Finding:
    points = _printed_4()
    calm = points["n_layers"] != CHAOTIC
    same = (_epochs_at_printed_rates(untargeted=x) == points["epochs"] for x in (False, True))
    few, every = (equal(np.sum(found[calm]), calm.sum(), COUNT) for found in same)
    text = "if they start with all 784 inputs, each at the layer strength $0.001^{1/L}$"
    return Finding(few, condition=Amendment(text, every))


@claim(
    "fig-4-start",
    "Fig. 4",
    "Training error of a network that does nothing yet is 25,000, so that a threshold of "
    r"$1.3\cdot10^4$ must be of half the squared error summed over examples. Measured: error at "
    "$u_0 = 0.001$.",
    section="2",
    kind=NUMBER,
    source=OURS,
    label="fig-4",
)
def error_at_the_start() -> Check:
    off = Tolerance(250, "1 %: modes do not start at zero")
    return equal(networks.error(_start(3), _digits_in_krylov_space()), 25_000, off)


@claim(
    "fig-4-floor-raw",
    "Fig. 4",
    r"The least-squares floor of MNIST with pixels in $[0, 1]$ as they are is $9.86\cdot10^3$, "
    r"for which $1.3\cdot10^4$ would be four fifths of learning.",
    section="2",
    kind=NUMBER,
    source=OURS,
    label="fig-4",
)
def floor_raw() -> Check:
    return equal(networks.least_error(datasets.mnist()), 9.86e3, Tolerance(5, "three digits"))


@claim(
    "fig-4-floor",
    "Fig. 4",
    r"The least-squares floor of MNIST, each pixel centred, whitened or not, is $1.21\cdot10^4$. "
    "Measured on the whitened digits.",
    section="2",
    kind=NUMBER,
    source=OURS,
    label="fig-4",
)
def floor_centred() -> Check:
    return equal(networks.least_error(whitened_mnist()), 1.21e4, Tolerance(50, "three digits"))


@claim(
    "fig-4-threshold",
    "Fig. 4",
    r"An error of $1.3\cdot10^4$ is nearly complete learning. Reading: at least 90 % of what any "
    "linear map can do.",
    section="2",
    kind=QUALITATIVE,
    label="fig-4",
)
def nearly_complete() -> Check:
    return at_least(
        (25_000 - 1.3e4) / (25_000 - networks.least_error(whitened_mnist())), 0.9, NEARLY
    )


@claim(
    "fig-4-threshold-separate",
    "Fig. 4",
    r"$1.3\cdot10^4$ is nearly complete learning by the theory that the figure tests. Reading: at "
    "least 90 % of what modes can do that learn separately.",
    section="2",
    kind=QUALITATIVE,
    source=OURS,
    label="fig-4",
)
def nearly_complete_for_modes() -> Check:
    s, d = _strengths_and_variances()
    return at_least((25_000 - 1.3e4) / np.sum(s**2 / (2 * d)), 0.9, NEARLY)


@claim(
    "fig-4-width",
    "Fig. 4",
    "Hidden layers have 1000 units. Reading: from a decoupled start their number cannot matter, if "
    "they have room for all inputs. Measured: errors over 30 steps at five layers, 1000 units "
    "against 784, both stepped as they are, relative.",
    section="2",
    kind=IDENTITY,
    source=OURS,
    label="thm-reachable",
)
def width_does_not_matter() -> Check:
    m, courses = correlations.modes(whitened_mnist()), []
    for width in (1000, 784):
        sizes = (784, *[width] * 3, 10)
        start = initial_conditions.decoupled(m, sizes, u0=1e-3, rng=SEED, untargeted=True)
        problem = training.linear(start, whitened_mnist(), reduce=False)
        if [w.shape for w in problem.start] != [(up, down) for down, up in pairwise(sizes)]:
            raise RuntimeError(f"the network of {width} units was reduced")
        courses.append(training.descend(problem, learning_rate=1e-4, n_steps=30).errors)
    return equal(relative_error(courses[:1], courses[1:]), 0, ROUNDING)


@claim(
    "fig-4-saturates",
    "Fig. 4 left",
    "Learning time saturates with depth. Reading: from 20 to 100 layers it grows less than the "
    "root of depth does.",
    section="2",
    kind=QUALITATIVE,
    label="fig-4",
    tables=("printed/fig4.csv",),
)
def saturation() -> Check:
    epochs = dict(zip(_printed_4()["n_layers"].tolist(), _figure_4()[0], strict=True))
    reason = "the reading: half-way from constant to proportional, on log axes; set knowing 1.5"
    return at_most(epochs[100] / epochs[20], np.sqrt(5), reason)


@claim(
    "fig-4-rate-law",
    "Fig. 4 right",
    "The best learning rate falls as $1/N_l$. Measured: its exponent from 14 to 100 layers, of "
    "the drawn rates or of ours at 14, 36, 44, 74, 94 and 100 layers, where rounding does not "
    "decide, the farther from $-1$.",
    section="2",
    kind=SCALING,
    label="fig-4",
    tables=("printed/fig4.csv",),
)
def best_rate_and_depth() -> Check:
    n, drawn = _printed_4()["n_layers"], GRID[_printed_4()["grid_index"]]
    deep, calm = n >= 14, (n >= 14) & ~np.isin(n, ROUNDED)
    found = exponent(n[deep], drawn[deep]), exponent(n[calm], _figure_4()[1][calm])
    error = np.log(STEP) / np.sqrt(12) / np.sqrt(calm.sum()) / np.log(n[calm]).std()
    grid = (
        "twice the standard error that a grid of rates a factor of 1.44 apart makes; from 14 "
        "layers on, knowing that the drawn exponent from 8 on is $-0.91$"
    )
    return equal(max(found, key=lambda p: abs(p + 1)), -1, Tolerance(2 * float(error), grid))


@claim(
    "fig-4-rate-bound",
    "Fig. 4 right",
    "Best rates agree with the theory of optimal rates. Reading: from 5 layers on, within two "
    "steps of the grid of the steepest mode's optimal rate; the worst ratio.",
    section="2",
    kind=QUALITATIVE,
    label="fig-4",
    tables=("printed/fig4.csv",),
)
def best_rates_and_theory() -> Finding:
    s, d = _strengths_and_variances()
    n, best = _printed_4()["n_layers"][1:], _figure_4()[1][1:]
    reading = STEP**2, "the reading: two steps of the grid; set knowing 3.1 and 1.5"
    optimal, stable = (
        at_most(np.exp(np.abs(np.log(best / rate(s=s[0], d=d[0], n_layers=n))).max()), *reading)
        for rate in (exact.optimal_learning_rate, exact.stable_learning_rate)
    )
    text = "with the largest stable rate, twice the optimal one, in its place"
    return Finding(optimal, condition=Amendment(text, stable))


@claim(
    "fig-4-grid",
    "App. C",
    "The best rate lies inside the range from $10^{-4}$ to $10^{-7}$ at all depths. Measured: "
    "depths where a rate at an end is among the best.",
    section="2",
    kind=QUALITATIVE,
    label="fig-4",
    tables=("printed/fig4.csv",),
)
def best_rates_inside_the_grid() -> Finding:
    rates, deep = _figure_4()[1], _printed_4()["n_layers"] >= 8
    # A mean of ties lies above the second rate only if the first is one of them.
    at_an_end = (rates > GRID[1]) | (rates < GRID[-2])
    inside = equal(np.sum(at_an_end & deep), 0, COUNT)
    return Finding(
        equal(np.sum(at_an_end), 0, COUNT), condition=Amendment("from eight layers on", inside)
    )


# ---- Appendix B: how steep the valley is


@claim(
    "eq-27",
    "Eq. 27",
    r"The error of a mode is $(s - \prod_k a_k)/(2\tau)$. Measured: slope of that, relative to the "
    "gradient of a network of one unit a layer.",
    section="B",
    kind=SLIP,
    equations=(27,),
)
def missing_square() -> Finding:
    return _slopes_of_powers(np.array([0.8, 1.1, 1.3]))


@claim(
    "eq-32",
    "Eq. 32",
    r"With equal layers the error is $(s - a^L)/(2\tau)$. Measured: slope of that in all layers, "
    "relative to the gradient of a network of one unit a layer.",
    section="B",
    kind=SLIP,
    label="eq-27",
    equations=(32,),
)
def missing_square_equal_layers() -> Finding:
    return _slopes_of_powers(np.full(4, 0.7))


@claim(
    "eq-28",
    "Eqs. 28, 29",
    r"The gradient of a mode's error in layer $i$ is $-(s - \prod_k a_k)\prod_{k \ne i} a_k/\tau$.",
    section="B",
    kind=IDENTITY,
    equations=(28, 29),
)
def gradient_of_a_chain() -> Check:
    a = np.random.default_rng(SEED).uniform(0.5, 1.5, 6)
    printed = -(2 - a.prod()) * a.prod() / a
    found = np.ravel(networks.gradient(chain(a), diagonal([2.0])))
    return equal(relative_error([found], [printed]), 0, ROUNDING)


@claim(
    "eq-30",
    "Eq. 30",
    "Mixed second derivatives of a mode's error, product of others times product of others minus "
    "the residual times the product of all but two, agree with numerical ones.",
    section="B",
    kind=IDENTITY,
    equations=(30,),
)
def mixed_derivatives() -> Check:
    a, H = _curvature_at_random()
    u, s = a.prod(), 2.0
    printed = np.outer(u / a, u / a) - (s - u) * u / np.outer(a, a)
    off = ~np.eye(len(a), dtype=bool)
    return equal(relative_error([H[off]], [printed[off]]), 0, DIFFERENCES)


@claim(
    "eq-31",
    "Eq. 31",
    "Second derivatives of a mode's error in one layer are the squared products of the others.",
    section="B",
    kind=IDENTITY,
    equations=(31,),
)
def second_derivatives() -> Check:
    a, H = _curvature_at_random()
    return equal(relative_error([np.diag(H)], [(a.prod() / a) ** 2]), 0, DIFFERENCES)


@claim(
    "eq-33",
    "Eq. 33",
    r"With equal layers the gradient is $-(s - a^{N_l-1})a^{N_l-2}/\tau$ in each.",
    section="B",
    kind=IDENTITY,
    label="eq-28",
    equations=(33,),
)
def gradient_with_equal_layers() -> Check:
    a, s, worst = 0.9, 1.5, 0.0
    for n in DEPTHS:
        found = np.ravel(networks.gradient(chain([a] * (n - 1)), diagonal([s])))
        worst = max(
            worst,
            relative_error([found], [np.full(n - 1, -(s - a ** (n - 1)) * a ** (n - 2))]),
        )
    return equal(worst, 0, ROUNDING)


@claim(
    "eq-36",
    "Eqs. 34-36",
    r"With equal layers the Hessian has $h = a^{2N_l-4}/\tau$ on its diagonal, $g = (2a^{2N_l-4} "
    r"- sa^{N_l-3})/\tau$ off it, and $(1, \dots, 1)$ for an eigenvector.",
    section="B",
    kind=IDENTITY,
    label="eq-37",
    equations=(34, 35, 36),
)
def hessian_with_equal_layers() -> Check:
    a, s, worst = 0.9, 1.5, 0.0
    for n in (3, 4, 5, 10):
        L, h = n - 1, a ** (2 * n - 4)
        expected = np.full((L, L), 2 * h - s * a ** (n - 3)) + np.eye(L) * (s * a ** (n - 3) - h)
        H = hessian(chain([a] * L), diagonal([s]))
        along = H.sum(axis=1)
        worst = max(worst, relative_error([H, along], [expected, np.full(L, along.mean())]))
    return equal(worst, 0, DIFFERENCES)


@claim(
    "eq-37",
    "Eq. 37",
    r"Along equal layers the curvature is $[(2N_l-3)a^{2N_l-4} - (N_l-2)sa^{N_l-3}]/\tau$. "
    "Measured: formula and library against numerical Hessians, relative to the optimum's.",
    section="B",
    kind=IDENTITY,
    equations=(37,),
)
def curvature_along() -> Check:
    s, worst = 1.5, 0.0
    for n in (3, 4, 5, 10):
        a, end = _from_zero_to_the_optimum(n, s)
        printed = (2 * n - 3) * a ** (2 * n - 4) - (n - 2) * s * a ** (n - 3)
        library = exact.curvature_along_path(a, s=s, tau=1.0, n_layers=n)
        hessians = (hessian(chain([x] * (n - 1)), diagonal([s])) for x in a)
        found = [H.sum() / (n - 1) for H in hessians]
        worst = max(worst, *(np.abs(c - found).max() / end for c in (printed, library)))
    return equal(worst, 0, DIFFERENCES)


@claim(
    "eq-37-largest",
    "Eq. 37",
    "The curvature along equal layers is the largest eigenvalue of the Hessian. Measured: how far "
    "the largest numerical one lies above it on the way from zero to the optimum, relative to the "
    "optimum's.",
    section="B",
    kind=SLIP,
    label="fig-b-curvature",
)
def largest_curvature() -> Finding:
    s, above = 1.5, np.zeros(2)
    for n in (3, 4, 5, 10):
        a, end = _from_zero_to_the_optimum(n, s)
        hessians = (hessian(chain([x] * (n - 1)), diagonal([s])) for x in a)
        largest = [np.linalg.eigvalsh(H)[-1] for H in hessians]
        by = (
            f(a, s=s, tau=1.0, n_layers=n)
            for f in (exact.curvature_along_path, exact.largest_curvature)
        )
        above = np.maximum(above, [np.abs(largest - c).max() / end for c in by])
    text = r"only from half strength on; before, it is $a^{L-2}(s - a^L)/\tau$, across the path"
    right = Amendment(text, equal(above[1], 0, DIFFERENCES))
    return Finding(equal(above[0], 0, DIFFERENCES), correction=right)


@claim(
    "app-b-steepest",
    "App. B",
    "On the way from zero to the optimum curvature is greatest at the optimum. Measured: "
    "strength, in units of $s$, where the largest eigenvalue of numerical Hessians is greatest, "
    "the least of 3 to 10 layers.",
    section="B",
    kind=IDENTITY,
    label="fig-b-curvature",
)
def steepest_at_the_end() -> Check:
    at, s = [], 1.5
    for n in (3, 4, 5, 10):
        u = np.linspace(0.05, 1, 20) * s
        hessians = (hessian(chain([x ** (1 / (n - 1))] * (n - 1)), diagonal([s])) for x in u)
        at.append(u[np.argmax([np.linalg.eigvalsh(H)[-1] for H in hessians])] / s)
    return equal(min(at), 1, Tolerance(0, "the last of twenty points"))


@claim(
    "eq-40",
    "Eqs. 38-40",
    "Newton's step with equal layers, the inverse of the Hessian times all slopes, is the slope of "
    "one layer times the inverse's row sums, and so that slope over the curvature. Measured: these "
    "three forms and the library's step, with numerical Hessians.",
    section="B",
    kind=IDENTITY,
    equations=(38, 39, 40),
)
def newton() -> Check:
    s, worst = 1.5, 0.0
    for n in (3, 4, 5, 10):
        for u in (0.05, 0.3, 0.9, 1.2, 2.0):
            a = u ** (1 / (n - 1))
            f, H = -(s - u) * u / a, hessian(chain([a] * (n - 1)), diagonal([s]))
            slopes = np.ravel(networks.gradient(chain([a] * (n - 1)), diagonal([s])))
            eq_38, eq_39 = -np.linalg.solve(H, slopes), -f * np.linalg.solve(H, np.ones(n - 1))
            eq_40 = -f / ((2 * n - 3) * a ** (2 * n - 4) - (n - 2) * s * a ** (n - 3))
            steps = eq_38, eq_39, exact.newton_step(a, s=s, n_layers=n)
            worst = max(worst, *(np.abs(step / eq_40 - 1).max() for step in steps))
    return equal(worst, 0, Tolerance(1e-5, "central differences, divided by small curvatures"))


@claim(
    "eq-41",
    "Eq. 41",
    r"At the optimum the curvature is $(N_l-1)s^{(2N_l-4)/(N_l-1)}/\tau$. Measured: largest "
    "eigenvalue of the numerical Hessian, relative.",
    section="B",
    kind=IDENTITY,
    equations=(41,),
)
def curvature_at_the_optimum() -> Check:
    s, worst = 2.5, 0.0
    for n in (3, 4, 5, 10, 20):
        H = hessian(chain([s ** (1 / (n - 1))] * (n - 1)), diagonal([s]))
        printed = (n - 1) * s ** ((2 * n - 4) / (n - 1))
        library = 1 / exact.optimal_learning_rate(s, n_layers=n)
        worst = max(worst, relative_error([np.linalg.eigvalsh(H)[-1], library], [printed, printed]))
    return equal(worst, 0, DIFFERENCES)


@claim(
    "eq-42",
    "Eq. 42",
    "The optimal rate, inverse to the curvature at the optimum, scales as $1/(N_l s^2)$ for large "
    "$N_l$. Measured at 100 layers: $N_l s^2$ times half the largest rate at which simulated "
    "chains settle, the farthest from 1 of $s = 1/2$, 1 and 2.",
    section="B",
    kind=SCALING,
    equations=(42,),
)
def optimal_rate() -> Check:
    found = [100 * s**2 * _largest_settling_rate(100, s) / 2 for s in (0.5, 1.0, 2.0)]
    off = Tolerance(
        0.05, "$N_l/(N_l - 1)$, 1 %, and $s^{2/L}$, 1.4 %; at three layers it is $s$, 2"
    )
    return equal(max(found, key=lambda c: abs(c - 1)), 1, off)


@claim(
    "eq-42-exact",
    "Eq. 42",
    "At any depth the largest stable rate is $2/((N_l-1)s^{(2N_l-4)/(N_l-1)})$, twice the optimal "
    "one. Measured: largest rate at which simulated chains settle, over the library's: the worst "
    "of 3 to 100 layers and $s = 1/2$, 1, 2.",
    section="B",
    kind=NUMBER,
    source=OURS,
    label="eq-42",
)
def stable_rate() -> Check:
    cases = [(n, s) for n in (3, 5, 100) for s in (0.5, 1.0, 2.0)] + [(30, 1.0)]
    found = [
        _largest_settling_rate(n, s) / exact.stable_learning_rate(s, n_layers=n) for n, s in cases
    ]
    off = Tolerance(0.01, "the search, 0.3 %, and layers that are 0.1 % apart")
    return equal(max(found, key=lambda c: abs(c - 1)), 1, off)


@claim(
    "app-b-optimal",
    "App. B",
    r"The optimal rate is the fastest. Measured: the fastest rate from $0.01\,s$ to within 1 % of "
    "$s$ for good, in units of it; of 3, 5, 10 and 100 layers the farthest from 1.",
    section="B",
    kind=QUALITATIVE,
    label="fig-b-fast",
)
def fastest_rate() -> Finding:
    whole, last = ([_fastest_rate(n, u0) for n in (3, 5, 10, 100)] for u0 in (0.01, 0.97))
    off = Tolerance(0.2, "the reading: a fifth; set knowing 1.9 and 0.96")
    near = equal(max(last, key=lambda c: abs(c - 1)), 1, off)
    text = r"for the last part of the way, here from $0.97\,s$"
    return Finding(
        equal(max(whole, key=lambda c: abs(c - 1)), 1, off), condition=Amendment(text, near)
    )


@claim(
    "eq-43",
    "Eq. 43",
    r"At the optimal rate three layers take $\ln\frac{u_f(s - u_0)}{u_0(s - u_f)}$ steps. "
    "Measured: formula against the library and against flow at that rate.",
    section="B",
    kind=IDENTITY,
    equations=(43,),
)
def optimal_time_of_three_layers() -> Check:
    s, u0, uf = 2.0, 0.01, 1.9
    printed = np.log(uf * (s - u0) / (u0 * (s - uf)))
    library = exact.optimal_learning_time(u0, uf, s=s)
    tau = float(1 / exact.optimal_learning_rate(s))
    flow = training.gradient_flow(chain([u0**0.5] * 2), diagonal([s]), times=[printed], tau=tau)
    end = networks.product([w[0] for w in flow.weights])
    return equal(relative_error([library, end], [printed, uf]), 0, FLOW)


@claim(
    "eq-44",
    "Eq. 44",
    "At the optimal rate infinitely many layers take what three do and $s/u_0 - s/u_f$ more. "
    "Measured: formula against the library, and against quadrature at that rate.",
    section="B",
    kind=IDENTITY,
    equations=(44,),
)
def optimal_time_of_infinite_depth() -> Check:
    s, u0, uf = 2.0, 0.01, 1.9
    printed = np.log(uf * (u0 - s) / (u0 * (uf - s))) + s / u0 - s / uf
    library = exact.infinite_depth_optimal_learning_time(u0, uf, s=s)
    area = quad(lambda v: 1 / (v**2 * (1 - v)), u0 / s, uf / s, epsrel=1e-12)[0]
    return equal(relative_error([library, area], [printed, printed]), 0, QUADRATURE)


@claim(
    "eq-45",
    "Eq. 45",
    r"Infinite depth costs $s/\varepsilon$ steps more than three layers, from $\varepsilon$ to $s "
    r"- \varepsilon$. Measured: extra steps of descent of 100,000 layers at the optimal rate, "
    r"times $\varepsilon/s$, at $\varepsilon = 10^{-3}\,s$.",
    section="B",
    kind=SCALING,
    equations=(45,),
)
def cost_of_infinite_depth() -> Check:
    extra = _steps_needed(1e-3, 100_000, 1 / 99_999) - _steps_needed(1e-3, 3, 1 / 2)
    off = Tolerance(
        0.02,
        r"$\varepsilon/(s - \varepsilon)$, and some ten steps, as steps at that "
        "rate are not small",
    )
    return equal(extra * 1e-3, 1, off)


@claim(
    "app-b-finite",
    "App. B",
    "At the optimal rate descent of extremely deep networks needs finitely many steps. Measured: "
    r"steps of a chain of 10,000 layers from $\varepsilon = 0.01$, over Eq. 44.",
    section="B",
    kind=QUALITATIVE,
    label="fig-b-time",
)
def finite_at_the_optimal_rate() -> Check:
    theory = exact.infinite_depth_optimal_learning_time(0.01, 0.99, s=1.0)
    steps = _steps_needed(0.01, 10_000, 1 / 9999) / theory
    return equal(steps, 1, Tolerance(0.1, "steps of that size are not small"))


# ---- Appendix E: inputs that are not white


@claim(
    "eq-46",
    "Eq. 46",
    r"With $\Sigma^{11} = VDV^T$ the rule in the modes is that of white inputs with the product "
    "times $D$ in place of the product. Measured on random weights of three layers.",
    section="E",
    kind=IDENTITY,
    equations=(46,),
)
def aligned_inputs() -> Check:
    data, (U, s, Vt), d = _aligned()
    first, second = np.random.default_rng(SEED).standard_normal((2, 3, 3))
    moved = networks.gradient((first @ Vt, U @ second), data)
    residual = np.diag(s) - second @ first * d
    expected = -second.T @ residual, -residual @ first.T
    return equal(relative_error((moved[0] @ Vt.T, U.T @ moved[1]), expected), 0, ROUNDING)


@claim(
    "app-e-decoupled",
    "App. E",
    "With inputs whose principal components are the modes a decoupled start stays decoupled. "
    "Measured: the largest part of its gradients off the diagonals, five layers of widths 3, 4, "
    "5, 4, 3.",
    section="E",
    kind=IDENTITY,
    label="eq-46",
)
def aligned_inputs_stay_decoupled() -> Check:
    (data, m, _), a = _aligned(), np.tile([0.9, 0.5, 0.7], (4, 1))
    weights = initial_conditions.decoupled(m, (3, 4, 5, 4, 3), layer_strengths=a, rng=SEED)
    bases = pairwise(_bases(weights, m, a))
    moved = zip(networks.gradient(weights, data), bases, strict=True)
    in_modes = np.array([up.T @ g @ down for g, (down, up) in moved])
    return equal(np.abs(in_modes * (1 - np.eye(3))).max(), 0, ROUNDING)


@claim(
    "app-e-logistic",
    "App. E",
    "With such inputs, of variance $d$, a three-layer mode follows a logistic curve with the "
    "ceiling $s/d$. Measured: formula against simulated flow.",
    section="E",
    kind=IDENTITY,
    source=OURS,
    label="eq-e-three",
)
def logistic_with_ceiling() -> Check:
    s, d, u0 = 2.0, 4.0, 0.01
    t = np.linspace(0, 5, 30)
    growth = np.exp(2 * s * t)
    expected = s / d * growth / (growth - 1 + s / (d * u0))
    flow = training.gradient_flow(chain([u0**0.5] * 2), diagonal([s], d), times=t)
    return equal(relative_error([np.ravel(networks.product(flow.weights))], [expected]), 0, FLOW)


@claim(
    "app-e-depth",
    "App. E",
    r"With inputs of variance $d$ the equation at any depth is $\tau\dot{u} = L u^{2 - 2/L}(s - "
    "du)$. Measured: the library's solution against flow of 3, 5 and 10 layers, three modes with "
    "different $d$.",
    section="E",
    kind=IDENTITY,
    source=OURS,
    label="eq-e-mode",
)
def aligned_inputs_at_any_depth() -> Check:
    s, d, worst = np.array([2.0, 1.0, 0.5]), np.array([4.0, 0.3, 1.0]), 0.0
    data, t = diagonal(s, d), np.linspace(0, 20, 30)
    m = correlations.modes(data)
    for n in (3, 5, 10):
        start = initial_conditions.decoupled(m, (3, *[4] * (n - 2), 3), u0=0.05, rng=SEED)
        flow = training.gradient_flow(start, data, times=t, modes=m)
        u = exact.mode_strength(t[:, None], s=s, d=d, u0=0.05, tau=1.0, n_layers=n)
        worst = max(worst, relative_error([flow.mode_strengths], [u]))
    return equal(worst, 0, FLOW)


@claim(
    "app-e-kept",
    "App. E",
    r"A bottleneck ends at the best rank-$N_2$ approximation of $\Sigma^{31}(\Sigma^{11})^{-1}$, "
    "that is with the modes of largest $s/d$. Measured: of 20 networks with one hidden unit for "
    "three modes, how many.",
    section="E",
    kind=SLIP,
    label="fig-e-narrow",
)
def kept_by_a_bottleneck() -> Finding:
    s, d = np.array([3.0, 2.0, 1.0]), np.array([9.0, 2.0, 0.6])
    start = initial_conditions.small_random((3, 1, 3), scale=0.05, rng=SEED, n_starts=20)
    run = training.gradient_descent(start, diagonal(s, d), learning_rate=0.02, n_steps=5000)
    ends = networks.product(run.weights)
    maps = (np.diag(s / d * (np.arange(3) == np.argmax(worth))) for worth in (s / d, s**2 / d))
    kept = [np.sum(np.abs(ends - one).max(axis=(1, 2)) < 1e-3) for one in maps]
    every = Tolerance(0, "a count")
    right = Amendment(
        "with the modes of largest $s^2/d$, the best in error", equal(kept[1], 20, every)
    )
    return Finding(equal(kept[0], 20, every), correction=right)


# ---- What these share


def _aligned() -> tuple[correlations.Correlations, correlations.Modes, Array]:
    """Return data with aligned inputs of unequal variance d, and their modes."""
    s, d = np.array([2.0, 1.0, 0.5]), np.array([4.0, 0.3, 1.0])
    V, U = np.linalg.qr(np.random.default_rng(SEED).standard_normal((2, 3, 3)))[0]
    trace = float(np.sum(s**2 / d))
    data = correlations.Correlations(V * d @ V.T, U * s @ V.T, trace, n_examples=3)
    return data, correlations.Modes(U, s, V.T), d


@shared
def _unequal_depth() -> tuple[list[Array], Weights]:
    """Return the bases of a decoupled network and its weights over time."""
    data, rng = diagonal([2.5, 2.0, 1.0, 0.5]), np.random.default_rng(SEED)
    m, a = correlations.modes(data), rng.uniform(0.3, 0.9, (4, 4))
    start = initial_conditions.decoupled(m, (4, 9, 6, 7, 4), layer_strengths=a, rng=rng)
    flow = training.gradient_flow(start, data, times=np.linspace(0, 8, 40))
    return _bases(start, m, a), flow.weights


def _bases(weights: Weights, m: correlations.Modes, layer_strengths: Array) -> list[Array]:
    """Return the bases between which every layer of a decoupled network is diagonal."""
    found = [m.Vt.T]
    for w, a in zip(weights, layer_strengths, strict=True):
        found.append(w @ found[-1] / a)
    return found


@shared
def _largest_settling_rate(n_layers: int, s: float) -> float:
    """Return the largest rate up to which chains that start near the optimum come closer to it."""
    noise = 1 + 1e-3 * np.random.default_rng(SEED).standard_normal(n_layers - 1)
    a, low, high = s ** (1 / (n_layers - 1)), 1e-6, 10.0
    while high > 1.005 * low:
        rates = np.geomspace(low, high, 30)
        start = [np.full((len(rates), 1, 1), a * x) for x in noise]
        run = training.gradient_descent(start, diagonal([s]), learning_rate=rates, n_steps=200)
        fails = np.flatnonzero(~(run.errors[-1] < run.errors[0]))
        if fails.size == 0 or fails[0] == 0:
            return np.nan
        low, high = rates[fails[0] - 1], rates[fails[0]]
    return float(np.sqrt(low * high))


def _share_one_step_faster() -> float:
    """Return how often the rate above the drawn one wins at 84 layers."""
    (point,) = _printed_4()[_printed_4()["n_layers"] == 84]
    epochs = _single_precision_epochs(84, int(point["grid_index"]) - 1)
    return float(np.mean(epochs < point["epochs"]))


def _steps_needed(eps: float, n_layers: int, rate: float) -> int:
    """Count steps of descent from eps to 1 - eps at s = 1; equal layers stay equal."""
    L, steps = n_layers - 1, 0
    a, end = eps ** (1 / L), (1 - eps) ** (1 / L)
    while a < end:
        u_but_one = a ** (L - 1)
        a, steps = a + rate * u_but_one * (1 - u_but_one * a), steps + 1
    return steps


def _fastest_rate(n_layers: int, u0: float) -> float:
    """Return the rate, in units of the optimal one, that is first within 1 % of s for good."""
    L, c = n_layers - 1, np.linspace(0.2, 1.98, 90)
    a, off = np.full(len(c), u0 ** (1 / L)), []
    for _ in range(1200):
        a = a + c / L * a ** (L - 1) * (1 - a**L)
        off.append(np.abs(a**L - 1) > 0.01)
    arrival = len(off) - np.argmax(off[::-1], axis=0)
    return float(c[arrival == arrival.min()].mean())


def _strengths_and_variances() -> tuple[Array, Array]:
    """Return s of the nine modes of Fig. 4 and d of their inputs."""
    m = correlations.modes(whitened_mnist())
    return m.s[:9], correlations.input_strengths(whitened_mnist(), m)[:9]


def _slopes_of_powers(a: Array) -> Finding:
    """Compare slopes of the error without and with its square to a network's gradient."""
    found = np.ravel(networks.gradient(chain(a), diagonal([1.0])))

    def energy(power: int) -> Callable[[Array], Array]:
        return lambda z: np.asarray((1 - np.prod(z, axis=-1)) ** power / 2)

    printed, right = (relative_error([slope(energy(power), a)], [found]) for power in (1, 2))
    return Finding(
        equal(printed, 0, DIFFERENCES),
        correction=Amendment("the bracket is squared, as in Eq. 14", equal(right, 0, DIFFERENCES)),
    )


def _curvature_at_random() -> tuple[Array, Array]:
    a = np.random.default_rng(SEED).uniform(0.5, 1.5, 5)
    return a, hessian(chain(a), diagonal([2.0]))


def _from_zero_to_the_optimum(n_layers: int, s: float) -> tuple[Array, float]:
    """Return layer strengths from zero to the optimum, and the curvature there."""
    L = n_layers - 1
    return np.linspace(0.02, 1, 15) * s ** (1 / L), L * s ** (2 - 2 / L)


CLAIMS = claims_of(vars())
