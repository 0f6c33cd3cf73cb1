"""Claims on where learning starts: Section 3."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dlnlib import correlations, datasets, initial_conditions, networks, sweeps, training
from dlnlib import random_matrices as rm
from dlnlib.claims.ledger import (
    IDENTITY,
    NUMBER,
    QUALITATIVE,
    SCALING,
    SLIP,
    TABLES,
    Amendment,
    Check,
    Finding,
    Tolerance,
    at_least,
    at_most,
    claim,
    equal,
)
from dlnlib.claims.numerics import ROUNDING, Array, distance, exponent

SEED = 1312

# ---- Greediness


@claim(
    "sec-3-fixed-point",
    "§3",
    "Learning ends at the product Σ31 (Σ31)^-1. Measured: the largest distance from it of a "
    "network that was trained to the end, on a task in which Σ31 and Σ11 differ.",
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
    run = training.gradient_descent(start, data, learning_rate=2e-3, n_steps=8000)
    end = networks.product(run.weights)
    off = [
        np.abs(end - data.sigma_yx @ np.linalg.inv(s)).max() for s in (data.sigma_yx, data.sigma_xx)
    ]
    printed, right = (equal(distance, 0, ROUNDING) for distance in off)
    return Finding(printed, correction=Amendment("Σ31 (Σ11)^-1", right))


@claim(
    "sec-3-criterion",
    "§3",
    "The criterion is that V11 Σ11 V11^T be diagonal. Measured: its off-diagonal share on inputs "
    "whose principal components are the columns of V11, where it should be.",
    section="3",
    kind=SLIP,
    label="section-3-1",
)
def criterion() -> Finding:
    V = initial_conditions.haar_columns(4, 4, np.random.default_rng(SEED))
    sigma = V * np.array([4.0, 3.0, 2.0, 1.0]) @ V.T
    printed, right = (
        equal(_off_diagonal_share(M), 0, ROUNDING) for M in (V @ sigma @ V.T, V.T @ sigma @ V)
    )
    return Finding(printed, correction=Amendment("V11^T Σ11 V11, by Eq. 3", right))


@claim(
    "sec-3-modes",
    "§3",
    "Σ31 = U33 S31 V11. Measured: the relative distance from it of a random Σ31, with the modes "
    "of Eq. 3.",
    section="3",
    kind=SLIP,
    label="section-3-1",
)
def decomposition() -> Finding:
    sigma = np.random.default_rng(SEED).standard_normal((4, 4))
    U, s, Vt = correlations.modes(correlations.Correlations(np.eye(4), sigma, 16.0, 4))
    printed, right = (equal(distance([U * s @ V], [sigma]), 0, ROUNDING) for V in (Vt.T, Vt))
    return Finding(printed, correction=Amendment("U33 S31 V11^T", right))


@claim(
    "sec-3-encoder",
    "§3",
    "From small weights an autoencoder's first layer ends near R M^(1/2) Q^T, R with orthonormal "
    "columns and M close to 1. Measured: distance of Q^T W^T W Q from 1, six components learned.",
    section="3",
    kind=QUALITATIVE,
    label="eq-3-auto",
)
def pretrained_encoder() -> Check:
    data, Q = _inputs()
    stack = initial_conditions.greedy_pretraining(
        data, (6, 10, 6), scale=1e-3, explained=1 - 1e-8, rng=SEED
    )
    encoder = stack.weights[0] @ Q
    reason = "the share left unexplained, 1e-8 of the variance, is mostly that of the last"
    return equal(distance([encoder.T @ encoder], [np.eye(6)]), 0, Tolerance(0.01, reason))


@claim(
    "eq-18",
    "Eq. 18",
    "Pretrained layers are a decoupled start for a task if its input modes are the principal "
    "components, V11 = Q. Measured: off-diagonal share of the stack in such modes, half trained.",
    section="3",
    kind=QUALITATIVE,
    equations=(18,),
)
def decoupled_by_pretraining() -> Check:
    data, Q = _inputs()
    stack = initial_conditions.greedy_pretraining(
        data, (6, 10, 10, 6), scale=1e-4, explained=0.9, rng=SEED
    )
    C = networks.product(stack.weights[:-1]) @ Q
    return equal(_off_diagonal_share(C.T @ C), 0, Tolerance(0.01, "a random start, s.d. 1e-4"))


@claim(
    "eq-18-otherwise",
    "Eq. 18",
    "If they are other directions it is not. Measured: the same share in ten random frames, the "
    "least.",
    section="3",
    kind=QUALITATIVE,
    label="eq-18",
)
def coupled_otherwise() -> Check:
    data, _ = _inputs()
    stack = initial_conditions.greedy_pretraining(
        data, (6, 10, 10, 6), scale=1e-4, explained=0.9, rng=SEED
    )
    rng, C = np.random.default_rng(18), networks.product(stack.weights[:-1])
    frames = [C @ initial_conditions.haar_columns(6, 6, rng) for _ in range(10)]
    return at_least(min(_off_diagonal_share(F.T @ F) for F in frames), 0.1, "the reading")


@claim(
    "fig-5-left",
    "Fig. 5 left",
    "The raw input correlation of MNIST is far from diagonal. Reading: at least nine tenths of "
    "its square sum lie off the diagonal.",
    section="3",
    kind=QUALITATIVE,
    label="fig-5-matrices",
)
def raw_correlation() -> Check:
    return at_least(_off_diagonal_share(datasets.mnist().sigma_xx), 0.9, "the reading")


@claim(
    "fig-5-centre",
    "Fig. 5 centre",
    "V11^T Σ11 V11 of MNIST is nearly diagonal. Reading: at most one per cent of its square sum "
    "lies off the diagonal, with pixels as they are, or centred; the larger share.",
    section="3",
    kind=QUALITATIVE,
    label="fig-5-matrices",
)
def nearly_diagonal() -> Finding:
    raw, centred = (
        correlations.consistency(data).off_diagonal
        for data in (datasets.mnist(), correlations.centred(datasets.mnist()))
    )
    as_they_are = at_most(raw, 0.01, "the reading")
    text = "with pixels as they are, where the mean image takes most of the square sum"
    return Finding(
        at_most(max(raw, centred), 0.01, "the reading"), condition=Amendment(text, as_they_are)
    )


@claim(
    "fig-5-chance",
    "Fig. 5 centre",
    "That is a property of the task. Reading: the off-diagonal share, with pixels as they are or "
    "centred, is at most half of a random frame's mean; the larger ratio.",
    section="3",
    kind=QUALITATIVE,
    label="eq-3-consistency",
)
def consistent_beyond_chance() -> Check:
    digits = datasets.mnist()
    found = [correlations.consistency(d) for d in (digits, correlations.centred(digits))]
    ratios = [f.off_diagonal / f.off_diagonal_by_chance for f in found]
    return at_most(max(ratios), 0.5, "the reading")


class Learned(NamedTuple):
    """Hold iterations from a start to an error of 1.3e4 on MNIST, and those spent before."""

    before: int
    one_rate: float
    best_rate: float


@cache
def figure_5(explained: float | None) -> Learned:
    """Train five layers of 200 hidden units, after pretraining up to a share of variance."""
    data, sizes = datasets.mnist(), (784, 200, 200, 200, 10)
    start, before = initial_conditions.small_random(sizes, scale=0.01, rng=SEED), 0
    if explained is not None:
        stack = initial_conditions.greedy_pretraining(
            data, sizes, scale=0.01, explained=explained, relative_rate=0.9, rng=SEED
        )
        start, before = stack.weights, int(stack.n_steps.sum())
    common = np.array([0.9 / np.linalg.eigvalsh(data.sigma_xx)[-1]])
    one, best = (
        sweeps.race(start, data, learning_rates=rates, threshold=1.3e4, max_steps=n).learning_time
        for rates, n in ((common, 20_000), (np.geomspace(1.6e-6, 6.4e-5, 10), 2_000))
    )
    return Learned(before, one, best)


@claim(
    "fig-5-right",
    "Fig. 5 right",
    "On MNIST pretraining makes learning faster even with its own time counted. Reading: "
    "iterations to 1.3e4, over those from small random weights, each at its best of ten rates.",
    section="3",
    kind=QUALITATIVE,
    label="fig-5-learning",
)
def faster_with_pretraining() -> Finding:
    alone, greedy = figure_5(None), figure_5(0.8)
    best = at_most((greedy.before + greedy.best_rate) / alone.best_rate, 1, "faster is below 1")
    one = at_most((greedy.before + greedy.one_rate) / alone.one_rate, 1, "faster is below 1")
    text = "at one learning rate for all phases, 0.9 of the largest that autoencoders tolerate"
    return Finding(best, condition=Amendment(text, one))


@claim(
    "fig-5-after",
    "Fig. 5 right",
    "With its own time left out pretraining makes learning faster. Measured: iterations to 1.3e4 "
    "over those from small random weights, each at its best of ten rates.",
    section="3",
    kind=QUALITATIVE,
    label="fig-5-learning",
)
def faster_after_pretraining() -> Finding:
    short, long = (
        at_most(figure_5(share).best_rate / figure_5(None).best_rate, 1, "faster is below 1")
        for share in (0.8, 0.95)
    )
    text = "if autoencoders are trained until they explain 95 % of the variance, not 80 %"
    return Finding(short, condition=Amendment(text, long))


# ---- Randomness


@claim(
    "eq-19",
    "Eq. 19",
    "Scaled Gaussian weights keep the squared length of a vector on average, <v^T W^T W v> = "
    "v^T v. Measured: its mean over 1000 products of five matrices of 100 rows.",
    section="3",
    kind=NUMBER,
    label="eq-random-norm",
    equations=(19,),
)
def norm_on_average() -> Check:
    rng, squares = np.random.default_rng(SEED), []
    for _ in range(1000):
        v = np.ones(100) / 10
        for W in rm.gaussian_factors(100, 5, rng=rng):
            v = W @ v
        squares.append(v @ v)
    errors = Tolerance(3 * float(np.sqrt((1.02**5 - 1) / 1000)), "three standard errors")
    return equal(np.mean(squares), 1, errors)


@claim(
    "sec-3-not-isometric",
    "§3",
    "Yet they are no isometry: a few directions are amplified, the rest crushed. Reading: of 1000 "
    "directions of 100 factors at most a tenth are amplified, and half shrink by 1e10 or more.",
    section="3",
    kind=QUALITATIVE,
    label="fig-random-norms",
)
def not_isometric() -> Check:
    log_s = _spectra(100)[0]
    amplified = np.mean(log_s > 0)
    return at_most(amplified if np.median(log_s) < -10 * np.log(10) else 1, 0.1, "the reading")


GRID = np.logspace(-4, -7, 20)
LOWER = np.logspace(-7, -7.6, 4)[1:]


def learning_time(weights: Sequence[Array], *, rates: Array = GRID, max_steps: int = 1500) -> float:
    """Race the rates of Fig. 6A on MNIST to an error of 1.3e4, from one start."""
    return sweeps.race(
        weights,
        datasets.mnist(),
        learning_rates=rates,
        threshold=1.3e4,
        max_steps=max_steps,
        at_once=1,
    ).learning_time


@cache
def figure_6a(start: str, n_layers: int) -> float:
    """Return the learning time with 1000 hidden units a layer, at the best of the rates."""
    sizes = (784, *[1000] * (n_layers - 2), 10)
    if start == "orthogonal":
        return learning_time(initial_conditions.orthogonal(sizes, rng=SEED))
    rates = LOWER if start == "scaled, lower rates" else GRID
    return learning_time(initial_conditions.glorot_uniform(sizes, rng=SEED), rates=rates)


@claim(
    "fig-6a-orthogonal",
    "Fig. 6A left",
    "From random orthogonal matrices learning time does not grow with depth. Measured: iterations "
    "to 1.3e4 on MNIST at 50 layers of 1000 units over those at 5, each at its best rate.",
    section="3",
    kind=QUALITATIVE,
    label="fig-6a",
)
def orthogonal_times() -> Check:
    ratio = figure_6a("orthogonal", 50) / figure_6a("orthogonal", 5)
    return at_most(ratio, 1.5, "the reading: by less than half")


@claim(
    "fig-6a-scaled",
    "Fig. 6A left",
    "Scaled random weights learn more slowly than orthogonal ones. Measured: ratio of their "
    "iterations to 1.3e4 at 5 layers of 1000 units, each at its best rate.",
    section="3",
    kind=QUALITATIVE,
    label="fig-6a",
)
def scaled_is_slower() -> Check:
    ratio = figure_6a("scaled", 5) / figure_6a("orthogonal", 5)
    return at_least(ratio, 1.5, "the reading: by half at least")


@claim(
    "fig-6a-grows",
    "Fig. 6A left",
    "From scaled random weights learning time grows with depth. Measured: mean of five seeds at "
    "100 layers over that at 20, each at its best rate, from the table of `make paper`.",
    section="3",
    kind=QUALITATIVE,
    label="fig-6a",
)
def scaled_grows() -> Check:
    times = _table_6a("glorot_uniform", "learning_time")
    return at_least(times[100].mean() / times[20].mean(), 1.5, "the reading: by half at least")


@claim(
    "fig-6a-flat",
    "Fig. 6A left",
    "From greedy pretraining and from orthogonal matrices it does not. Measured: exponent of mean "
    "learning time against depth, 20 to 100 layers, the larger of both, from the same table.",
    section="3",
    kind=SCALING,
    label="fig-6a",
)
def others_do_not_grow() -> Check:
    exponents = []
    for start in ("greedy", "orthogonal"):
        times = _table_6a(start, "learning_time")
        deep = [n for n in times if n >= 20]
        exponents.append(exponent(deep, [times[n].mean() for n in deep]))
    return at_most(max(exponents), 0.1, "the reading: hardly at all")


@claim(
    "fig-6a-rates",
    "Fig. 6A middle",
    "The best rate falls with depth from every start, fastest from scaled weights. Measured: its "
    "exponent there less the steeper of the others', 20 to 100 layers, from the same table.",
    section="3",
    kind=SCALING,
    label="fig-6a",
)
def best_rates_fall() -> Check:
    found = {}
    for start in ("glorot_uniform", "greedy", "orthogonal"):
        rates = _table_6a(start, "learning_rate")
        deep = [n for n in rates if n >= 20]
        found[start] = exponent(deep, [np.exp(np.log(rates[n]).mean()) for n in deep])
    scaled = found.pop("glorot_uniform")
    falling = max(found.values()) < 0
    reason = "the reading: clearly, and all of them fall"
    return at_most(scaled - min(found.values()) if falling else np.inf, -0.3, reason)


@claim(
    "fig-6a-grid",
    "Fig. 6A",
    "The grid of rates from 1e-4 to 1e-7 serves all starts. Reading: scaled uniform weights of 20 "
    "layers of 1000 units learn at its best rate. Measured: their iterations to 1.3e4.",
    section="3",
    kind=QUALITATIVE,
    label="fig-6a",
)
def grid_for_scaled_weights() -> Finding:
    printed, lower = (
        at_most(figure_6a(start, 20), 1500, "the most that a run is given")
        for start in ("scaled", "scaled, lower rates")
    )
    text = "at lower rates than the grid has, here of 6e-8 to 2.5e-8"
    return Finding(printed, condition=Amendment(text, lower))


@claim(
    "fig-6a-on-top",
    "Fig. 6A left",
    "Greedy pretraining leads to the learning times of orthogonal matrices. Reading: within a "
    "factor of 2, 3 to 100 layers. Measured: the largest factor between the means of five seeds, "
    "from the same table.",
    section="3",
    kind=QUALITATIVE,
    label="fig-6a",
)
def red_on_green() -> Finding:
    orthogonal, greedy = (_table_6a(start, "learning_time") for start in ("orthogonal", "greedy"))
    logs = {n: abs(np.log(orthogonal[n].mean() / greedy[n].mean())) for n in orthogonal}
    every, few = (np.exp(max(logs[n] for n in logs if n <= most)) for most in (100, 20))
    text = "up to 20 layers; in deeper networks pretrained weights are the faster ones"
    return Finding(
        at_most(every, 2, "the reading"), condition=Amendment(text, at_most(few, 2, "the reading"))
    )


@claim(
    "fig-6a-right",
    "Fig. 6A right",
    "Eigenvalues of a random orthogonal matrix of 100 rows lie on the unit circle. Measured: the "
    "largest distance from it.",
    section="3",
    kind=IDENTITY,
    label="fig-random-orthogonal",
)
def on_the_unit_circle() -> Check:
    (W,) = rm.orthogonal_factors(100, 1, rng=SEED)
    return equal(np.abs(np.abs(np.linalg.eigvals(W)) - 1).max(), 0, ROUNDING)


@claim(
    "sec-3-orthogonal",
    "§3",
    "A product of orthogonal matrices keeps every direction's length. Measured: the largest "
    "|ln σ| of 100 factors of 100 rows.",
    section="3",
    kind=IDENTITY,
    label="section-3-2",
)
def orthogonal_products() -> Check:
    product = rm.graded_product(rm.orthogonal_factors(100, 100, rng=SEED))
    return equal(np.abs(rm.log_singular_values(product)).max(), 0, ROUNDING)


@claim(
    "fig-6b-anisotropy",
    "Fig. 6B",
    "Singular values of a Gaussian product spread with depth. Measured: ratio of the standard "
    "deviations of ln σ at 101 and at 2 layers, 1000 rows.",
    section="3",
    kind=QUALITATIVE,
    label="fig-random-singular",
)
def spread_of_singular_values() -> Check:
    return at_least(_spectra(100)[0].std() / _spectra(1)[0].std(), 10, "the reading")


@claim(
    "fig-6c-middle",
    "Fig. 6C middle",
    "The bin of width 0.1 at the origin holds 32 % of the eigenvalues of 5 factors of 1000 rows. "
    "Measured: mean of two products, in per cent.",
    section="3",
    kind=NUMBER,
    label="fig-random-eigenvalues",
)
def origin_bin_of_five() -> Check:
    return equal(
        100 * _in_origin_bin(5), 32, Tolerance(1.2, "two digits, and three s.d. of two products")
    )


@claim(
    "fig-6c-right",
    "Fig. 6C right",
    "It holds 94 % of those of 100 factors. Measured: mean of two products, in per cent.",
    section="3",
    kind=NUMBER,
    label="fig-random-eigenvalues",
)
def origin_bin_of_a_hundred() -> Check:
    return equal(
        100 * _in_origin_bin(100), 94, Tolerance(0.9, "two digits, and three s.d. of two products")
    )


@claim(
    "fig-6c-depth",
    "Fig. 6C middle",
    "The printed 32 % identifies the middle panel's depth, N_l = 6. Measured: layers at which the "
    "limiting law of the eigenvalues rounds to it.",
    section="3",
    kind=NUMBER,
    label="fig-random-eigenvalues",
)
def depth_of_the_middle_panel() -> Check:
    law = {m: 100 * rm.eigenvalue_mass_in_square(0.1, n_factors=m) for m in range(1, 200)}
    layers = [m + 1 for m, mass in law.items() if round(float(mass)) == 32]
    return equal(sum(layers), 6, Tolerance(0, "a count: one depth, and this one"))


@claim(
    "fig-6c-disc",
    "Fig. 6C",
    "Eigenvalues fill the unit disc and crowd at its centre as depth grows. Measured: share of 100 "
    "factors' eigenvalues with |z|^(1/100) below one half, which is one half squared.",
    section="3",
    kind=NUMBER,
    label="fig-random-eigenvalues",
)
def radial_law() -> Check:
    log_moduli = np.concatenate([_spectra(100, i)[1].real for i in range(2)])
    share = np.mean(np.exp(log_moduli / 100) < 0.5)
    return equal(share, 0.25, Tolerance(0.01, "fluctuation of two products of 1000 rows"))


# ---- What these share


def _table_6a(start: str, column: str) -> dict[int, Array]:
    """Return a column of the table of Fig. 6A for every number of layers, one entry a seed."""
    lines = (TABLES / "figure_6a.csv").read_text("utf8").splitlines()
    found: dict[int, list[float]] = {}
    for row in csv.DictReader(line for line in lines if not line.startswith("#")):
        if row["start"] == start:
            found.setdefault(int(row["n_layers"]), []).append(float(row[column]))
    return {n: np.array(values) for n, values in found.items()}


def _off_diagonal_share(M: Array) -> float:
    return float(1 - np.sum(np.diagonal(M) ** 2) / np.sum(M**2))


def _inputs() -> tuple[correlations.Correlations, Array]:
    """Return an autoencoder's data with six components of halving variance, and these."""
    Q = initial_conditions.haar_columns(6, 6, np.random.default_rng(SEED + 1))
    sigma = Q * 0.5 ** np.arange(6) @ Q.T
    sigma = (sigma + sigma.T) / 2
    return correlations.Correlations(sigma, sigma, float(np.trace(sigma)), 6), Q


@cache
def _spectra(n_factors: int, realisation: int = 0) -> tuple[Array, NDArray[np.complex128]]:
    """Return logarithms of the singular values and eigenvalues of a product of 1000 rows."""
    rng = np.random.default_rng([SEED, n_factors, realisation])
    product = rm.gaussian_product(1000, n_factors, rng=rng)
    return rm.log_singular_values(product), rm.log_eigenvalues(product)


def _in_origin_bin(n_factors: int) -> float:
    z = np.exp([_spectra(n_factors, i)[1] for i in range(2)])
    return float(np.mean((np.abs(z.real) < 0.05) & (np.abs(z.imag) < 0.05)))
