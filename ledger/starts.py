"""Claims on where learning starts: Section 3."""

from __future__ import annotations

import itertools
from functools import reduce
from typing import Any

import numpy as np

from dlnlib import (
    consistency,
    correlations,
    datasets,
    graded_products,
    initial_conditions,
    networks,
    pretraining,
    racing,
    random_matrices,
    spectra,
    training,
)
from ledger.numerics import (
    ROUNDING,
    Array,
    Weights,
    exponent,
    gaussian_spectrum,
    gaussian_spread,
    relative_error,
    whitened_mnist,
)
from ledger.record import (
    FIGURE,
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

# ---- Greediness


@claim(
    "sec-3-fixed-point",
    "§3",
    r"Learning ends at the product $\Sigma^{31}(\Sigma^{31})^{-1}$. Measured: the largest "
    r"distance from it of a network that was trained to the end, on a task in which $\Sigma^{31}$ "
    r"and $\Sigma^{11}$ differ.",
    section="3",
    kind=SLIP,
    label="section-3-1",
)
def fixed_point_of_learning() -> Finding:
    rng = np.random.default_rng(SEED)
    x = rng.standard_normal((30, 4))
    y = x @ rng.standard_normal((4, 4)) + rng.standard_normal((30, 4))
    data = correlations.from_data(x, y)
    start = initial_conditions.small_random((4, 6, 4), scale=0.1, rng=rng)
    run = training.gradient_descent(start, data, learning_rate=2e-3, n_steps=20_000)
    end = networks.product(run.weights)
    off = [
        np.abs(end - data.sigma_yx @ np.linalg.inv(s)).max() for s in (data.sigma_yx, data.sigma_xx)
    ]
    printed, right = (equal(largest, 0, ROUNDING) for largest in off)
    return Finding(printed, correction=Amendment(r"$\Sigma^{31}(\Sigma^{11})^{-1}$", right))


@claim(
    "sec-3-criterion",
    "§3",
    r"The criterion is that $V^{11}\Sigma^{11}V^{11T}$ be diagonal. Measured: its off-diagonal "
    "share on inputs whose principal components are the columns of $V^{11}$, where it should be.",
    section="3",
    kind=SLIP,
    label="section-3-1",
)
def criterion() -> Finding:
    V = random_matrices.haar(4, 4, rng=np.random.default_rng(SEED))
    sigma = V * np.array([4.0, 3.0, 2.0, 1.0]) @ V.T
    printed, right = (equal(_off_diagonal_share(sigma, frame), 0, ROUNDING) for frame in (V.T, V))
    return Finding(printed, correction=Amendment(r"$V^{11T}\Sigma^{11}V^{11}$, by Eq. 3", right))


@claim(
    "sec-3-modes",
    "§3",
    r"The modes are given as $\Sigma^{31} = U^{33}S^{31}V^{11}$. Measured: the relative distance "
    r"from it of a random $\Sigma^{31}$, with the modes of Eq. 3.",
    section="3",
    kind=SLIP,
    label="section-3-1",
)
def decomposition() -> Finding:
    sigma = np.random.default_rng(SEED).standard_normal((4, 4))
    task = correlations.Correlations(np.eye(4), sigma, np.sum(sigma**2), 4)
    U, s, Vt = correlations.modes(task)
    printed, right = (equal(relative_error([U * s @ V], [sigma]), 0, ROUNDING) for V in (Vt.T, Vt))
    return Finding(printed, correction=Amendment("$U^{33}S^{31}V^{11T}$", right))


@claim(
    "sec-3-encoder",
    "§3",
    "From small weights an autoencoder's first layer ends near $RM^{1/2}Q^T$, $R$ with "
    "orthonormal columns and $M$ close to 1. Measured: distance of $Q^TW^TWQ$ from 1, six "
    "components learned.",
    section="3",
    kind=QUALITATIVE,
    label="eq-3-auto",
)
def pretrained_encoder() -> Check:
    data, Q = _autoencoder_data()
    stack = pretraining.greedy_pretraining(
        data, (6, 10, 6), scale=1e-3, explained=1 - 1e-8, rng=SEED
    )
    encoder = stack.weights[0] @ Q
    reason = "the share left unexplained, $10^{-8}$ of the variance, is mostly that of the last"
    return equal(relative_error([encoder.T @ encoder], [np.eye(6)]), 0, Tolerance(0.01, reason))


@claim(
    "eq-18",
    "Eq. 18",
    "Pretrained layers are a decoupled start for a task if its input modes are the principal "
    "components, $V^{11} = Q$. Measured: off-diagonal share of the stack in such modes, half "
    "trained.",
    section="3",
    kind=QUALITATIVE,
    equations=(18,),
)
def decoupled_by_pretraining() -> Check:
    data, Q = _autoencoder_data()
    C = networks.product(_encoders(data, 0.9))
    return equal(
        _off_diagonal_share(C.T @ C, Q), 0, Tolerance(0.01, "a random start, s.d. $10^{-4}$")
    )


@claim(
    "eq-18-learned",
    "Eq. 18",
    "On top of such layers a task is learned mode by mode, without interaction. Measured: the "
    "largest off-diagonal share of the map, in the modes of a random task with $V^{11} = Q$, in "
    "the course of learning it from an output layer of zeros.",
    section="3",
    kind=QUALITATIVE,
    label="eq-18",
)
def learned_without_interaction() -> Check:
    data, Q = _autoencoder_data()
    U = random_matrices.haar(6, 6, rng=SEED)
    sigma_yx = U * np.arange(1, 7) / 3 @ Q.T @ data.sigma_xx
    start = (*_encoders(data, 0.9), np.zeros((6, 10)))
    task = _task(data.sigma_xx, sigma_yx)
    course = training.gradient_flow(start, task, times=np.geomspace(0.1, 100, 30)).weights
    maps = U.T @ networks.product(course) @ Q
    off = 1 - np.sum(np.diagonal(maps, axis1=1, axis2=2) ** 2, axis=1) / np.sum(maps**2, (1, 2))
    return equal(off.max(), 0, Tolerance(0.01, "a random start, s.d. $10^{-4}$"))


@claim(
    "eq-18-otherwise",
    "Eq. 18",
    "Pretrained layers are a decoupled start for a task only if $V^{11} = Q$: in other directions "
    "modes are coupled. Measured: off-diagonal share of the stack in ten random frames, the "
    "least, where autoencoders are trained to the end, so that all components have the strength "
    "$M = 1$.",
    section="3",
    kind=QUALITATIVE,
    label="eq-18",
)
def coupled_otherwise() -> Finding:
    data, _ = _autoencoder_data()
    rng = np.random.default_rng(18)
    frames = [random_matrices.haar(6, 6, rng=rng) for _ in range(10)]

    def least(explained: float) -> Check:
        C = networks.product(_encoders(data, explained))
        shares = [_off_diagonal_share(C.T @ C, F) for F in frames]
        return at_least(min(shares), 0.1, "judged: a tenth is coupled; set with 0.46 known at 0.9")

    text = "while pretraining is unfinished, here at 0.9 of the variance, not where $M$ reaches 1"
    return Finding(least(1 - 1e-8), condition=Amendment(text, least(0.9)))


@claim(
    "fig-5-left",
    "Fig. 5 left",
    "The matrix drawn is a submatrix of the input correlation, of raw pixels. Measured: how many "
    "of 100 colours, of 64, agree, for pixels 10 to 19 of the image's column 7, counted from 0.",
    section="3",
    kind=FIGURE,
    label="fig-5-matrices",
    tables=("printed/fig5_left.csv",),
)
def drawn_pixels() -> Check:
    neighbours = 28 * np.arange(10, 20) + 7
    sigma = datasets.mnist().sigma_xx[np.ix_(neighbours, neighbours)]
    return equal(_colours_that_agree(sigma, "printed/fig5_left.csv"), 100, EVERY_COLOUR)


@claim(
    "fig-5-centre",
    "Fig. 5 centre",
    r"The matrix drawn is $V^{11T}\Sigma^{11}V^{11}$ of all ten modes, of raw pixels. Measured: "
    "how many of 100 colours, of 64, agree, with the signs of modes, which an SVD leaves free, "
    "that serve best.",
    section="3",
    kind=FIGURE,
    label="fig-5-matrices",
    tables=("printed/fig5_centre.csv",),
)
def drawn_modes() -> Check:
    matrix = consistency.consistency(datasets.mnist()).matrix
    signs = (np.array((1, *s)) for s in itertools.product((1, -1), repeat=9))
    agree = (_colours_that_agree(matrix * np.outer(s, s), "printed/fig5_centre.csv") for s in signs)
    return equal(max(agree), 100, EVERY_COLOUR)


@claim(
    "fig-5-diagonal",
    "Fig. 5 centre",
    r"$V^{11T}\Sigma^{11}V^{11}$ of MNIST is nearly diagonal. Reading: at most one per cent of "
    "its square sum lies off the diagonal, of raw pixels, as drawn, and whitened, as trained on; "
    "the larger.",
    section="3",
    kind=QUALITATIVE,
    label="fig-5-matrices",
)
def nearly_diagonal() -> Check:
    found = (consistency.consistency(d) for d in (datasets.mnist(), whitened_mnist()))
    return at_most(max(f.off_diagonal for f in found), 0.01, "judged: nearly is one per cent")


@claim(
    "fig-5-chance",
    "Fig. 5 centre",
    r"That $V^{11T}\Sigma^{11}V^{11}$ is nearly diagonal is a property of the task. Reading: the "
    "off-diagonal share, of pixels raw, centred or whitened, is at most half of a random frame's "
    "mean; the largest ratio.",
    section="3",
    kind=QUALITATIVE,
    label="eq-3-consistency",
    source=OURS,
)
def consistent_beyond_chance() -> Check:
    digits = datasets.mnist()
    prepared = (digits, correlations.centred(digits), whitened_mnist())
    found = [consistency.consistency(d) for d in prepared]
    ratios = [f.off_diagonal / f.off_diagonal_by_chance for f in found]
    return at_most(max(ratios), 0.5, "judged: half is beyond chance")


@claim(
    "fig-5-chance-level",
    "Fig. 5 centre",
    "A random frame's shares are those of moments over the sphere. Measured: off-diagonal share of "
    "the mean squares of 200 frames of ten directions, on raw pixels; expected: the formula.",
    section="3",
    kind=NUMBER,
    label="eq-3-consistency",
    source=OURS,
)
def level_of_chance() -> Check:
    digits, rng = datasets.mnist(), np.random.default_rng(SEED)
    squares = []
    for _ in range(200):
        V = random_matrices.haar(784, 10, rng=rng)
        squares.append((V.T @ digits.sigma_xx @ V) ** 2)
    mean = np.mean(squares, axis=0)
    expected = consistency.consistency(digits).off_diagonal_by_chance
    errors = Tolerance(0.03, "four standard errors, from frames in groups of ten")
    return equal(1 - np.trace(mean) / mean.sum(), expected, errors)


SIZES_5 = (784, 200, 200, 200, 10)
DRAWN_STEP = 8.3


@shared
def _figure_5_random() -> Array:
    """Return errors by epoch from eight small random starts, at the authors' settings."""
    starts = (initial_conditions.small_random(SIZES_5, scale=0.01, rng=seed) for seed in range(8))
    return np.array([_errors_at_one_rate(start, 499) for start in starts])


@shared
def _figure_5_pretrained() -> Array:
    """Return errors from epoch 91 on, after three times 30 iterations, for four seeds."""
    starts = (_pretrained(30, 1e-5, seed) for seed in range(4))
    return np.array([_errors_at_one_rate(start, 409) for start in starts])


@shared
def _figure_5_best(n_steps: int) -> float:
    """Return iterations to 1.3e4 at the best of 20 rates, pretraining not counted."""
    start = (
        _pretrained(n_steps, 1.8e-5, SEED)
        if n_steps
        else initial_conditions.small_random(SIZES_5, scale=0.01, rng=SEED)
    )
    return racing.race(
        start,
        whitened_mnist(),
        learning_rates=np.logspace(-4, -7, 20),
        threshold=1.3e4,
        max_steps=1000,
        at_once=1,
        patience=4,
    ).learning_time


@claim(
    "fig-5-right-random",
    "Fig. 5 right",
    "The black curve starts from small random weights. Measured: the error of five layers at "
    "epoch 500, at the rate $10^{-5}$ on the whitened pixels, mean of eight seeds, against the "
    "drawn one.",
    section="3",
    kind=FIGURE,
    label="fig-5-learning",
    tables=("printed/fig5_right.csv",),
)
def drawn_random_start() -> Check:
    ends = _figure_5_random()[:, -1]
    reason = "half a step of the drawing, and two standard deviations for its one seed"
    tolerance = Tolerance(DRAWN_STEP + 2 * float(ends.std(ddof=1)), reason)
    return equal(ends.mean(), _printed_5("random")[-1], tolerance)


@claim(
    "fig-5-right-descent",
    "Fig. 5 right",
    "The black curve is one more seed. Measured: at how many of nine errors, 24,500 to 12,500, the "
    "epoch at which it falls below lies outside the range of eight seeds.",
    section="3",
    kind=FIGURE,
    label="fig-5-learning",
    tables=("printed/fig5_right.csv",),
    source=OURS,
)
def drawn_descent() -> Check:
    levels = (24500, 24000, 22000, 20000, 18000, 16000, 14000, 13000, 12500)
    ours = np.array([_first_below(level, _figure_5_random()) for level in levels]).T
    drawn = np.array([_first_below(level, _printed_5("random")) for level in levels])
    outside = np.sum((drawn < ours.min(axis=0)) | (drawn > ours.max(axis=0)))
    reason = "2 of 9 are expected of a ninth seed; twice that, a bound set with the number known"
    return at_most(outside, 4, reason)


@claim(
    "fig-5-right-readout",
    "Fig. 5 right",
    "The red curve begins at epoch 91, after three times 30 of pretraining, with a random readout "
    "of s.d. 0.01. Measured: the first error, mean of four seeds.",
    section="3",
    kind=FIGURE,
    label="fig-5-learning",
    tables=("printed/fig5_right.csv",),
    source=OURS,
)
def drawn_readout() -> Check:
    first = _figure_5_pretrained()[:, 0]
    reason = "half a step of the drawing, and two standard deviations for its one seed"
    tolerance = Tolerance(DRAWN_STEP + 2 * float(first.std(ddof=1)), reason)
    return equal(first.mean(), _printed_5("pretrained")[0], tolerance)


@claim(
    "fig-5-right-pretrained",
    "Fig. 5 right",
    "The red curve is learning after three times 30 iterations of pretraining, all at the rate "
    "$10^{-5}$. Measured: its largest distance, in error, from the mean of four seeds, epochs 111 "
    "to 217, where seeds differ little.",
    section="3",
    kind=FIGURE,
    label="fig-5-learning",
    tables=("printed/fig5_right.csv",),
    source=OURS,
)
def drawn_pretrained_start() -> Check:
    span = slice(111 - 91, 218 - 91)
    ours = _figure_5_pretrained()[:, span]
    off = np.abs(ours.mean(axis=0) - _printed_5("pretrained")[span]).max()
    spread = float(ours.std(axis=0, ddof=1).max())
    reason = "half a step of the drawing, and two standard deviations for its one seed"
    return equal(off, 0, Tolerance(DRAWN_STEP + 2 * spread, reason))


@claim(
    "fig-5-flat",
    "Fig. 5 right",
    "From epoch 218 on the pretrained network learns no more: the red curve stays at one level of "
    "the drawing to epoch 500. Measured: the error there, mean of four seeds. Not confirmed, as "
    "the same settings go on to fall, and why the drawn curve does not is unknown.",
    section="3",
    kind=FIGURE,
    label="fig-5-learning",
    tables=("printed/fig5_right.csv",),
)
def drawn_flat_end() -> Check:
    half_step = Tolerance(DRAWN_STEP, "half a step of the drawing")
    return equal(_figure_5_pretrained()[:, -1].mean(), _printed_5("pretrained")[-1], half_step)


@claim(
    "fig-5-right",
    "Fig. 5 right",
    "On MNIST pretraining makes learning faster even with its own time counted. Measured: epochs "
    r"to $1.3\cdot10^4$ at the authors' settings over those from random weights, means over seeds.",
    section="3",
    kind=QUALITATIVE,
    label="fig-5-learning",
)
def faster_with_pretraining() -> Check:
    alone, greedy = (
        np.mean(_first_below(1.3e4, errors))
        for errors in (_figure_5_random(), _figure_5_pretrained())
    )
    return at_most((90 + greedy) / alone, 1, "faster is below 1")


@claim(
    "fig-5-right-best",
    "Fig. 5 right",
    "Pretraining makes learning faster, its own time counted, with each start at its best of 20 "
    r"rates. Measured: iterations to $1.3\cdot10^4$ over those from random weights, encoders of "
    "30 iterations each counted, as many as the authors took, at 0.9 of the largest stable rate. "
    "Not confirmed, as the random start is done before these are.",
    section="3",
    kind=QUALITATIVE,
    label="fig-5-learning",
    source=OURS,
)
def faster_at_best_rates() -> Check:
    return at_most((90 + _figure_5_best(30)) / _figure_5_best(0), 1, "faster is below 1")


@claim(
    "fig-5-right-short",
    "Fig. 5 right",
    "With each start at its best rate pretraining is faster, its own time counted, if it takes "
    "six iterations an encoder, a number chosen in hindsight. Measured: iterations to "
    r"$1.3\cdot10^4$ over those from random weights, the encoders' counted.",
    section="3",
    kind=QUALITATIVE,
    label="fig-5-learning",
    source=OURS,
)
def faster_with_short_pretraining() -> Check:
    return at_most((18 + _figure_5_best(6)) / _figure_5_best(0), 1, "faster is below 1")


@claim(
    "fig-5-after",
    "Fig. 5 right",
    "With its own time left out pretraining makes learning faster. Measured: iterations to "
    r"$1.3\cdot10^4$ after 30 iterations an encoder, none of which is counted, over those from "
    "random weights.",
    section="3",
    kind=QUALITATIVE,
    label="fig-5-learning",
)
def faster_after_pretraining() -> Check:
    return at_most(_figure_5_best(30) / _figure_5_best(0), 1, "faster is below 1")


def _pretrained(n_steps: int, learning_rate: float, seed: int) -> Weights:
    """Return three encoders, each trained by itself, below a small random layer."""
    rng, sigma, weights = np.random.default_rng(seed), whitened_mnist().sigma_xx, []
    for _ in range(3):
        itself = correlations.Correlations(sigma, sigma, float(np.trace(sigma)), 50_000)
        n = len(sigma)
        start = initial_conditions.small_random((n, 200, n), scale=0.01, rng=rng)
        run = training.gradient_descent(start, itself, learning_rate=learning_rate, n_steps=n_steps)
        weights.append(run.weights[0])
        sigma = weights[-1] @ sigma @ weights[-1].T
    return (*weights, 0.01 * rng.standard_normal((10, 200)))


def _errors_at_one_rate(start: Weights, n_steps: int) -> Array:
    return training.gradient_descent(
        start, whitened_mnist(), learning_rate=1e-5, n_steps=n_steps
    ).errors


def _first_below(level: float, errors: Array) -> Array:
    """Return the index of the first error below a level, infinite where none is."""
    below = errors < level
    return np.where(below.any(axis=-1), below.argmax(axis=-1), np.inf)


def _printed_5(name: str) -> Array:
    """Return a curve of the drawing at every epoch, up to 500."""
    read = read_table("printed/fig5_right.csv")
    read = read[read["curve"] == name]
    return np.interp(np.arange(read["epoch"][0], 501), read["epoch"], read["error"])


EVERY_COLOUR = Tolerance(0, "a colour agrees or not")


def _colours_that_agree(matrix: Array, table: str) -> int:
    """Count the entries whose level, of 64 from the least to the largest, is the one drawn."""
    levels = np.minimum(np.floor(64 * (matrix - matrix.min()) / np.ptp(matrix)) + 1, 64)
    drawn = read_table(table)["colour_index"]
    return int(np.sum(levels.ravel() == drawn))


# ---- Randomness


@claim(
    "eq-19",
    "Eq. 19",
    r"Scaled Gaussian weights keep the squared length of a vector on average, $\langle "
    r"v^TW^TWv\rangle = v^Tv$. Measured: its mean over 400 products of five matrices of 100 rows.",
    section="3",
    kind=NUMBER,
    label="eq-random-norm",
    equations=(19,),
)
def norm_on_average() -> Check:
    rng, squares = np.random.default_rng(SEED), []
    for _ in range(400):
        v = np.ones(100) / 10
        for W in random_matrices.gaussian_factors(100, 5, rng=rng):
            v = W @ v
        squares.append(v @ v)
    errors = Tolerance(3 * float(np.sqrt((1.02**5 - 1) / 400)), "three standard errors")
    return equal(np.mean(squares), 1, errors)


@claim(
    "sec-3-not-isometric",
    "§3",
    "Scaled Gaussian weights are no isometry: a few directions are amplified, the rest crushed. "
    "Reading: of 100 factors' directions at most a tenth are amplified, and half shrink by "
    r"$e^{25}$, which is $7\cdot10^{10}$, or more. Measured: share amplified of 500 products of "
    "1000 rows.",
    section="3",
    kind=QUALITATIVE,
    label="fig-random-norms",
    tables=("figure_6bc_singular_values.csv",),
)
def not_isometric() -> Check:
    rows, share = gaussian_spectrum(101)
    amplified, crushed = share[rows["low"] >= 0].sum(), share[rows["high"] <= -25].sum()
    reason = "judged: a tenth is few; set with 0.03 known, and 0.60 for the crushed ones"
    return at_most(amplified if crushed >= 0.5 else 1, 0.1, reason)


@claim(
    "sec-3-isometry",
    "§3",
    "A product of orthogonal matrices is a dynamical isometry, all singular values near one "
    "constant, where one of Gaussian matrices is not. Measured: share of singular values within a "
    "factor of 2 of one, 100 factors of 100 rows multiplied out, less the same of Gaussian ones.",
    section="3",
    kind=QUALITATIVE,
    label="section-3-2",
)
def orthogonal_products() -> Check:
    rng = np.random.default_rng(SEED)
    shares = []
    for draw in (random_matrices.orthogonal_factors, random_matrices.gaussian_factors):
        product = reduce(lambda product, a: a @ product, draw(100, 100, rng=rng))
        s = np.linalg.svd(product, compute_uv=False)
        shares.append(np.mean((s > 0.5) & (s < 2)))
    return at_least(shares[0] - shares[1], 0.9, "judged: all less few; set with 0.97 known")


GRID = np.logspace(-4, -7, 20)


@shared
def _epochs_at_full_strength(start: str, n_layers: int) -> float:
    """Return the epochs that 1000 hidden units a layer take to 1.3e4, all layers at full strength.

    Scaled weights have their output layer near zero, without which they are slower still.
    """
    sizes, rng = (784, *[1000] * (n_layers - 2), 10), np.random.default_rng(SEED)
    if start == "orthogonal":
        weights = initial_conditions.orthogonal(sizes, rng=rng)
    else:
        weights = initial_conditions.glorot_uniform(sizes, rng=rng)
        weights = (*weights[:-1], 1e-3 * rng.standard_normal((10, 1000)))
    race = racing.race(
        weights,
        whitened_mnist(),
        learning_rates=GRID,
        threshold=1.3e4,
        max_steps=60,
        dtype=np.float32,
        reduce=False,
        patience=2,
    )
    return 1 + race.learning_time


@claim(
    "fig-6a-scaled",
    "Fig. 6A left",
    "Scaled random weights learn more slowly than orthogonal ones. Measured: ratio of their "
    r"epochs to $1.3\cdot10^4$ on MNIST at 5 layers of 1000 units, each at its best rate, the "
    "latter with every layer at full strength.",
    section="3",
    kind=QUALITATIVE,
    label="fig-6a",
)
def scaled_is_slower() -> Check:
    ratio = _epochs_at_full_strength("scaled", 5) / _epochs_at_full_strength("orthogonal", 5)
    # A start that never arrives is not a slow one.
    arrived = ratio if np.isfinite(ratio) else 0
    return at_least(arrived, 1.5, "judged: slower by half at least")


@claim(
    "fig-6a-blue",
    "Fig. 6A left",
    "From scaled random weights it takes 5, 13, 20, 21, 28 and 34 epochs at 3 to 20 layers. "
    "Measured: the largest distance of the drawn epochs from the range of five seeds, all of "
    "whose output layers start near zero, from the table of `make paper`.",
    section="3",
    kind=FIGURE,
    label="fig-6a",
    tables=("figure_6a.csv", "printed/fig6a.csv"),
)
def drawn_times() -> Check:
    drawn, found = _printed_6a("glorot_epochs_int"), _table_6a("scaled")
    ranges = {n: [epochs for epochs, _ in found[n]] for n in drawn if len(found[n]) > 1}
    off = [max(min(r) - drawn[n], drawn[n] - max(r), 0) for n, r in ranges.items()]
    return equal(max(off), 0, Tolerance(0.5, "the drawing: a pixel is 0.62 epochs"))


@claim(
    "fig-6a-grows",
    "Fig. 6A left",
    "From scaled random weights learning time grows with depth as drawn, from 5 to 169 epochs. "
    "Measured: exponent of epochs against depth, 3 to 100 layers, one seed of the table of `make "
    "paper`; expected: that of the drawn points.",
    section="3",
    kind=FIGURE,
    label="fig-6a",
    tables=("figure_6a.csv", "printed/fig6a.csv"),
)
def scaled_grows() -> Check:
    drawn = _printed_6a("glorot_epochs_int")
    ours = {n: found[0][0] for n, found in _table_6a("scaled").items()}
    measured, expected = (exponent(list(x), list(x.values())) for x in (ours, drawn))
    return equal(
        measured, expected, Tolerance(0.05, "a tenth of scatter between seeds at either end")
    )


@claim(
    "fig-6a-rates",
    "Fig. 6A middle",
    "The best rate of scaled random weights is the drawn one of the grid $10^{-4-3k/19}$ at every "
    "depth. Measured: of 15 depths, those at which ours, or one that ties, is one of theirs, one "
    "seed of the table of `make paper`. Not confirmed, as at 54, 64, 74 and 84 layers another "
    "rate is faster.",
    section="3",
    kind=FIGURE,
    label="fig-6a",
    tables=("figure_6a.csv", "printed/fig6a.csv"),
)
def drawn_rates() -> Check:
    drawn, found = _printed_6a("glorot_k"), _table_6a("scaled")
    agree = [not set(_whole(drawn[n])).isdisjoint(found[n][0][1]) for n in drawn]
    return equal(sum(agree), 15, Tolerance(0, "a count"))


@claim(
    "fig-6a-rates-fall",
    "Fig. 6A middle",
    "The best rate of scaled random weights falls with depth as drawn. Measured: its exponent "
    "against depth, 3 to 100 layers, one seed of the table of `make paper`; expected: that of the "
    "drawn points.",
    section="3",
    kind=FIGURE,
    label="fig-6a",
    tables=("figure_6a.csv", "printed/fig6a.csv"),
)
def drawn_rates_fall() -> Check:
    drawn, found = _printed_6a("glorot_rate_grid"), _table_6a("scaled")
    ours = [GRID[found[n][0][1]].mean() for n in drawn]
    reason = "half a step of the grid at either end, over the range of depths"
    step = float(np.log(GRID[0] / GRID[1]) / np.log(100 / 3))
    return equal(
        exponent(list(drawn), ours),
        exponent(list(drawn), list(drawn.values())),
        Tolerance(step, reason),
    )


@claim(
    "fig-6a-flat",
    "Fig. 6A left",
    "From greedy pretraining and from orthogonal matrices it takes 2 epochs at every depth. "
    "Measured: of both starts at 15 depths, those that take 2, with an output layer near zero, "
    "from the table of `make paper`. Pretraining there begins at small orthogonal weights, $u_0 = "
    "10^{-3}$, and its 60 iterations for each of up to 98 layers are not counted.",
    section="3",
    kind=FIGURE,
    label="fig-6a",
    tables=("figure_6a.csv",),
)
def two_epochs() -> Check:
    starts = ("orthogonal", "pretrained")
    two = [found[0][0] == 2 for start in starts for found in _table_6a(start).values()]
    return equal(sum(two), 30, Tolerance(0, "a count"))


@claim(
    "fig-6a-on-top",
    "Fig. 6A middle",
    r"After greedy pretraining and from orthogonal matrices the best rate is $1.98\cdot10^{-5}$ "
    "at every depth, one line on top of the other. Measured: the mean of the rates that tie, at "
    "the one of 30 cases, two starts at 15 depths, that is farthest from it, from the table of "
    "`make paper`; pretraining from small orthogonal weights.",
    section="3",
    kind=FIGURE,
    label="fig-6a",
    tables=("figure_6a.csv", "printed/fig6a.csv"),
)
def red_on_green() -> Check:
    starts = ("orthogonal", "pretrained")
    rates = [GRID[found[0][1]].mean() for s in starts for found in _table_6a(s).values()]
    drawn = _printed_6a("red_rate")[3]
    reason = "the drawing: a pixel"
    return equal(max(rates, key=lambda rate: abs(rate - drawn)), drawn, Tolerance(6e-8, reason))


@claim(
    "fig-6a-one-update",
    "Fig. 6A",
    "The flat lines are what one update of an output layer that starts at zero does, above layers "
    "that are isometric. Measured: mean of the rates whose error after it is below "
    r"$1.3\cdot10^4$, in closed form.",
    section="3",
    kind=FIGURE,
    label="eq-one-update",
    tables=("printed/fig6a.csv",),
    source=OURS,
)
def one_update() -> Check:
    data = whitened_mnist()
    fall, bend = np.sum(data.sigma_yx**2), np.sum((data.sigma_yx @ data.sigma_xx) * data.sigma_yx)
    errors = data.trace_yy / 2 - GRID * fall + GRID**2 * bend / 2
    reason = "the drawing: a pixel; another rate more or less moves the mean by a tenth"
    return equal(GRID[errors < 1.3e4].mean(), _printed_6a("red_rate")[3], Tolerance(6e-8, reason))


@claim(
    "fig-6a-kept-up",
    "Fig. 6A middle",
    "The rates of the flat lines are optimal for deep networks. Reading: kept up, they hold the "
    "error below the threshold. Measured: the largest after 50 to 100 updates of 36 orthogonal "
    r"layers, at $2.3\cdot10^{-5}$ or $1.6\cdot10^{-5}$, the two rates that need one update from "
    "an output layer near zero.",
    section="3",
    kind=QUALITATIVE,
    label="fig-6a-kept-up",
)
def rates_kept_up() -> Finding:
    few = correlations.krylov(whitened_mnist(), n_blocks=8)
    m = len(few.sigma_xx)

    def largest(n_layers: int) -> float:
        start = (*[np.eye(m)] * (n_layers - 2), np.zeros((10, m)))
        runs = [
            training.gradient_descent(start, few, learning_rate=GRID[k], n_steps=100, reduce=False)
            for k in (4, 5)
        ]
        return max(run.errors[50:].max() for run in runs)

    deep, shallow = (at_most(largest(n), 1.3e4, "the threshold") for n in (36, 10))
    return Finding(deep, condition=Amendment("at ten layers", shallow))


@claim(
    "fig-6a-orthogonal",
    "Fig. 6A left",
    "From random orthogonal matrices learning time does not grow with depth. Measured: epochs at "
    "100 layers of 1000 units over those at 5, every layer at full strength, from the table of "
    "`make paper`.",
    section="3",
    kind=QUALITATIVE,
    label="fig-6a",
    tables=("figure_6a.csv",),
)
def orthogonal_times() -> Check:
    found = _table_6a("orthogonal", "full strength")
    return at_most(found[100][0][0] / found[5][0][0], 1.5, "judged: by less than half")


@claim(
    "fig-6a-falling",
    "Fig. 6A middle",
    "The best rate of orthogonal networks does not fall with depth. Measured: exponent of the "
    "rate against depth, 3 to 100 layers, every layer at full strength, from the table of `make "
    "paper`.",
    section="3",
    kind=SCALING,
    label="fig-6a",
    tables=("figure_6a.csv",),
)
def orthogonal_rates() -> Finding:
    exponents = []
    for output in ("full strength", "near zero"):
        found = _table_6a("orthogonal", output)
        exponents.append(exponent(list(found), [GRID[f[0][1]].mean() for f in found.values()]))
    strong, near_zero = (at_least(p, -0.1, "judged: hardly at all") for p in exponents)
    text = "for the first update of an output layer near zero, as drawn"
    return Finding(strong, condition=Amendment(text, near_zero))


@claim(
    "fig-6a-grid",
    "Fig. 6A",
    "The grid of rates from $10^{-4}$ to $10^{-7}$ serves all starts at all depths. Measured: "
    "steps of the grid between a best rate and its ends, the fewest of 45 cases, from the table "
    "of `make paper`.",
    section="3",
    kind=QUALITATIVE,
    label="fig-6a",
    tables=("figure_6a.csv",),
    source=OURS,
)
def grid_for_all_starts() -> Check:
    starts = ("scaled", "orthogonal", "pretrained")
    ks = [k for start in starts for found in _table_6a(start).values() for k in found[0][1]]
    return at_least(min(*ks, 19 - max(ks)), 1, "a best rate at an end is none")


@claim(
    "fig-6a-right",
    "Fig. 6A right",
    "Eigenvalues of a random orthogonal matrix of 100 rows lie on the unit circle, evenly. "
    "Measured: root mean square of their sum, 30 matrices, where all are on the circle; expected: "
    "1, by the invariance of the law, where independent angles would have 10.",
    section="3",
    kind=NUMBER,
    label="fig-random-orthogonal",
)
def on_the_unit_circle() -> Check:
    z = np.linalg.eigvals(np.array(list(random_matrices.orthogonal_factors(100, 30, rng=SEED))))
    sums = np.sqrt(np.mean(np.abs(z.sum(axis=1)) ** 2))
    errors = Tolerance(3 / np.sqrt(2 * 30), "three standard errors of 30 normal numbers")
    on_circle = np.abs(np.abs(z) - 1).max() < ROUNDING.size
    return equal(sums if on_circle else np.inf, 1, errors)


@claim(
    "fig-6b-anisotropy",
    "Fig. 6B",
    "Singular values of a Gaussian product spread with depth. Measured: ratio of the standard "
    r"deviations of $\ln\sigma$ at 101 and at 2 layers, of 500 products of 1000 rows.",
    section="3",
    kind=QUALITATIVE,
    label="fig-random-singular",
    tables=("figure_6bc_singular_values.csv",),
)
def spread_of_singular_values() -> Check:
    ratio = gaussian_spread(101) / gaussian_spread(2)
    return at_least(ratio, 10, "judged: a tenth of the number of factors; set with 49 known")


@claim(
    "fig-6b-bars",
    "Fig. 6B",
    "The histograms of 1, 5 and 100 factors follow the Fuss-Catalan density. Measured: by how much "
    "a count is farther above or below it than a bar that is rounded up to a pixel may be, the "
    "most of 300 bars but the first of one factor.",
    section="3",
    kind=FIGURE,
    label="eq-random-angle",
    tables=("printed/fig6b.csv",),
    source=OURS,
)
def drawn_bars() -> Check:
    above = np.concatenate([_above_law(m)[m == 1 :] for m in PIXELS])
    pixel = np.concatenate([np.full(100 - (m == 1), PIXELS[m]) for m in PIXELS])
    off = np.maximum(np.maximum(-above, above - pixel), 0).max()
    return equal(off, 0, Tolerance(100, "five times a bin's scatter; set with bars known"))


@claim(
    "fig-6b-first",
    "Fig. 6B left",
    "The first bar of one factor is higher than the law, by a quarter of a singular value for "
    "every matrix. Measured: the drawn bar less half a pixel; expected: the first bin of 500 "
    "products of ours; both less the law, over 500.",
    section="3",
    kind=FIGURE,
    label="fig-random-singular",
    tables=("figure_6bc_singular_values.csv", "printed/fig6b.csv"),
    source=OURS,
)
def first_bar() -> Check:
    rows = read_table("figure_6bc_singular_values.csv")
    first = rows[(rows["n_layers"] == 2) & (rows["variable"] == "s")][0]
    law = 5e5 * float(spectra.log_singular_value_cdf(np.log(first["high"]), n_factors=1))
    drawn = (_above_law(1)[0] - PIXELS[1] / 2) / 500
    reason = "half a pixel, and a scatter of 20 counts; set with the number known"
    return equal(drawn, (first["count_500"] - law) / 500, Tolerance(0.07, reason))


@claim(
    "fig-6b-largest",
    "Fig. 6B",
    "The largest singular values of all are 2.03, 4.00 and 19.87. Measured: the most by which "
    "those of 500 products of ours differ, in standard deviations of a single product's largest.",
    section="3",
    kind=FIGURE,
    label="fig-random-singular",
    tables=("figure_6bc_realisations.csv", "printed/fig6b.csv"),
)
def largest_of_all() -> Check:
    rows = read_table("figure_6bc_realisations.csv")
    scores = []
    for m in PIXELS:
        top = np.exp(rows["ln_s_max"][rows["n_layers"] == m + 1])
        scores.append(abs(_bars(m)[1][-1] - top.max()) / top.std())
    return at_most(max(scores), 3, "judged: three standard deviations; set with 1.96 known")


@claim(
    "fig-6c-middle",
    "Fig. 6C middle",
    "The bin of width 0.1 at the origin holds 32 % of the eigenvalues of 5 factors of 1000 rows. "
    "Measured: mean of our 500 products, in per cent.",
    section="3",
    kind=NUMBER,
    label="fig-random-eigenvalues",
    tables=("figure_6bc_realisations.csv",),
)
def origin_bin_of_five() -> Check:
    return equal(_in_origin_bin(6), 32, Tolerance(0.5, "two digits are printed"))


@claim(
    "fig-6c-right",
    "Fig. 6C right",
    "The bin of width 0.1 at the origin holds 94 % of the eigenvalues of 100 factors of 1000 "
    "rows. Measured: mean of our 500 products, in per cent.",
    section="3",
    kind=NUMBER,
    label="fig-random-eigenvalues",
    tables=("figure_6bc_realisations.csv",),
)
def origin_bin_of_a_hundred() -> Check:
    return equal(_in_origin_bin(101), 94, Tolerance(0.5, "two digits are printed"))


@claim(
    "fig-6c-depth",
    "Fig. 6C",
    "A printed share identifies its panel's depth. Measured: how many numbers of factors have a "
    "limiting law that rounds to the printed 94 %; expected: one.",
    section="3",
    kind=NUMBER,
    label="fig-random-eigenvalues",
    source=OURS,
)
def depths_of_the_panels() -> Finding:
    m = np.arange(1, 200)
    law = [float(spectra.eigenvalue_mass_in_square(0.1, n_factors=int(k))) for k in m]
    right, middle = (m[np.round(np.multiply(law, 100)) == percent] for percent in (94, 32))
    text = "in the middle panel, where it is five factors alone that have 32 %"
    found = middle[0] if len(middle) == 1 else np.inf
    five = equal(found, 5, Tolerance(0, "a count: one number, and this one"))
    return Finding(equal(len(right), 1, Tolerance(0, "a count")), condition=Amendment(text, five))


@claim(
    "fig-6c-disc",
    "Fig. 6C",
    "Eigenvalues fill the unit disc and crowd at its centre as depth grows. Measured: share of 5 "
    "factors' eigenvalues $z$ with $|z|^{1/5}$ below one half, which is one half squared in the "
    "limit; one product of 1000 rows.",
    section="3",
    kind=NUMBER,
    label="eq-random-radial",
    source=OURS,
)
def radial_law() -> Check:
    product = graded_products.gaussian_product(1000, 5, rng=SEED)
    share = np.mean(graded_products.log_eigenvalues(product).real / 5 < np.log(0.5))
    reason = "twice the fluctuation of a product of 1000 rows"
    return equal(share, 0.25, Tolerance(0.01, reason))


@claim(
    "fig-6c-top",
    "Fig. 6C left",
    "The eigenvalues of one factor fill the disc evenly, about 1,600 a bin. Measured: mean count "
    "of the bins off the axis within 0.9, from our 500 products.",
    section="3",
    kind=FIGURE,
    label="fig-random-eigenvalues",
    tables=("figure_6bc_eigenvalues.csv",),
)
def flat_top() -> Check:
    rows = read_table("figure_6bc_eigenvalues.csv")
    inside = (rows["n_layers"] == 2) & (rows["im"] > 0) & (np.hypot(rows["re"], rows["im"]) < 0.9)
    reason = "drawn in perspective, with no label but 2,000; set with the number known"
    return equal(rows["count_500"][inside].mean(), 1600, Tolerance(100, reason))


# ---- What these share


@shared
def _table_6a(start: str, output: str = "near zero") -> dict[int, list[tuple[float, list[int]]]]:
    """Return epochs and best rates k for every number of layers, the first seed first."""
    rows = read_table("figure_6a.csv")
    rows = rows[(rows["start"] == start) & (rows["output"] == output)]
    return {
        int(n): [(float(r["epochs"]), _whole(r["k"])) for r in rows[rows["n_layers"] == n]]
        for n in np.unique(rows["n_layers"])
    }


def _printed_6a(column: str) -> dict[int, Any]:
    """Return a column of what the authors drew, for every number of layers."""
    rows = read_table("printed/fig6a.csv")
    return dict(zip(rows["n_layers"].tolist(), rows[column].tolist(), strict=True))


def _whole(ks: Any) -> list[int]:
    return [int(k) for k in str(ks).split("-")]


def _off_diagonal_share(sigma: Array, V: Array) -> float:
    """Return the criterion of Eq. 18 for inputs of a correlation and a task with the modes V."""
    n = len(V)
    sigma_yx = np.arange(n, 0, -1)[:, None] * V.T
    return consistency.consistency(_task(sigma, sigma_yx)).off_diagonal


def _task(sigma_xx: Array, sigma_yx: Array) -> correlations.Correlations:
    """Return a task that some examples have, half of whose outputs are noise."""
    of_inputs = np.trace(sigma_yx @ np.linalg.solve(sigma_xx, sigma_yx.T))
    return correlations.Correlations(sigma_xx, sigma_yx, 2 * float(of_inputs), len(sigma_xx))


def _autoencoder_data() -> tuple[correlations.Correlations, Array]:
    """Return an autoencoder's data with six components of halving variance, and these."""
    Q = random_matrices.haar(6, 6, rng=np.random.default_rng(SEED + 1))
    sigma = Q * 0.5 ** np.arange(6) @ Q.T
    sigma = (sigma + sigma.T) / 2
    return correlations.Correlations(sigma, sigma, float(np.trace(sigma)), 6), Q


@shared
def _encoders(data: correlations.Correlations, explained: float) -> Weights:
    """Return three pretrained layers of ten units, without a readout."""
    sizes = (6, 10, 10, 6)
    stack = pretraining.greedy_pretraining(data, sizes, scale=1e-4, explained=explained, rng=SEED)
    return stack.weights[:-1]


# Counts to a pixel of the drawing of Fig. 6B.
PIXELS = {1: 31.25, 5: 625.0, 100: 1875.0}


def _bars(n_factors: int) -> tuple[Array, Array]:
    """Return the heights of the drawn bars, and the edges between them."""
    rows = read_table("printed/fig6b.csv")
    rows = rows[rows["factors"] == n_factors]
    return rows["height"], np.ptp(rows["x"]) / 99 * np.arange(101)


@shared
def _above_law(n_factors: int) -> Array:
    """Return by how much the drawn bars exceed the integral of the density over them."""
    heights, edges = _bars(n_factors)
    nodes, weights = np.polynomial.legendre.leggauss(20)
    # The first bar, in which the density is singular, is what the others leave.
    middle, half = (edges[2:] + edges[1:-1]) / 2, edges[1] / 2
    s = middle[:, None] + half * nodes
    density = 2 * s * spectra.fuss_catalan_density(s**2, n_factors=n_factors)
    others = half * density @ weights
    return heights - 5e5 * np.r_[1 - others.sum(), others]


def _in_origin_bin(n_layers: int) -> float:
    rows = read_table("figure_6bc_realisations.csv")
    return float(rows["in_origin_bin"][rows["n_layers"] == n_layers].mean() / 10)


CLAIMS = claims_of(vars())
