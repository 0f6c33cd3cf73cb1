"""Claims on products of random matrices: any widths, depths above the width, the way between."""

from __future__ import annotations

from functools import reduce
from itertools import pairwise

import numpy as np
from scipy.special import comb

from dlnlib import spectra
from dlnlib.graded_products import gaussian_product, graded_product, log_singular_values
from dlnlib.random_matrices import gaussian_factors
from ledger.numerics import ROUNDING, Array
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
    shared,
)

__all__ = ["CLAIMS"]

SEED = 1986
SCORE = "four standard errors, of which the largest of a few is chosen"
RIGID = "singular values repel: each stays within a few of its place"


def _plain(sizes: tuple[int, ...], rng: np.random.Generator) -> Array:
    """Multiply Gaussian factors and return the logarithms of singular values, ascending."""
    factors = [
        rng.standard_normal((n_out, n_in)) / np.sqrt(n_in) for n_in, n_out in pairwise(sizes)
    ]
    product = reduce(lambda W, A: A @ W, factors)
    return np.log(np.linalg.svd(product, compute_uv=False)[: min(sizes)])[::-1]


def _integral(sizes: tuple[int, ...], weight: str) -> float:
    """Integrate x, x**2, ln s or its square over the limiting law by Gauss-Chebyshev points."""
    low, high = spectra.rectangular_edges(sizes)
    top = np.log(high) / 2
    bottom = np.log(low) / 2 if low > 0 else -20.0 * len(sizes)
    theta = (np.arange(20_000) + 0.5) / 20_000 * np.pi
    half = (top - bottom) / 2
    ln_s = bottom + half * (1 + np.cos(theta))
    density = spectra.rectangular_log_density(ln_s, layer_sizes=sizes)
    values = {"x": np.exp(2 * ln_s), "x2": np.exp(4 * ln_s), "ln": ln_s, "ln2": ln_s**2}[weight]
    return float(np.sum(values * density * half * np.sin(theta)) * np.pi / 20_000)


@claim(
    "rectangular",
    "the abstract",
    r"The law of singular values of a product of rectangular Gaussian matrices is known in the "
    r"limit of large dimensions, for any ratios of these. Measured: for three sets of widths, the "
    r"largest distance between a drawn product's share of singular values and the law's, times "
    r"their number.",
    section="1",
    kind=NUMBER,
    label="eq-since-rectangular",
    paper="burda2010rectangular",
)
def rectangular() -> Check:
    rng, off = np.random.default_rng(SEED), []
    for sizes in ((200, 300, 250, 200), (150, 400, 60, 400), (60, 300, 200)):
        ln_s = _plain(sizes, rng)
        share = spectra.rectangular_log_cdf(ln_s, layer_sizes=sizes)
        off.append(np.abs(share * len(ln_s) - np.arange(len(ln_s)) - 0.5).max())
    return at_most(max(off), 3, RIGID)


@claim(
    "spread",
    "our reading",
    r"The relative variance of $\sigma^2$ is the sum of $n/N_l$ over all layers but one of the "
    r"narrowest, which have the width $n$. Measured: relative error against the integral of the "
    r"density, for the paper's network on MNIST with 100 layers.",
    section="1",
    kind=IDENTITY,
    label="eq-since-spread",
    source=OURS,
    paper="burda2010rectangular",
)
def spread() -> Check:
    sizes = (784, *[1000] * 98, 10)
    found = _integral(sizes, "x2") / _integral(sizes, "x") ** 2 - 1
    return equal(found / (10 / 784 + 98 * 10 / 1000), 1, ROUNDING)


@claim(
    "moments",
    "the abstract",
    r"Raney's laws have the moments $\frac{r}{kp+r}\binom{kp+r}{k}$, and exist for $p$ from 1 on "
    r"and $r$ up to $p$. Measured: largest relative error of the moments 0 to 3 of the density by "
    r"its angle, for four pairs of $p$ and $r$.",
    section="1",
    kind=IDENTITY,
    label="eq-since-raney",
    paper="mlotkowski2013",
)
def raney_moments() -> Check:
    off = []
    for p, r in ((2.5, 0.5), (4, 4), (3, 2), (1.5, 1)):
        top = p * np.log(p) - (p - 1) * np.log(p - 1)
        v = (np.arange(20_000) + 0.5) / 20_000 * np.sqrt(top + 45 * p / r)
        x = np.exp(top - v**2)
        weight = x * spectra.raney_density(x, p=p, r=r) * 2 * v * v[0] * 2
        for k in range(4):
            expected = comb(k * p + r, k) * r / (k * p + r)
            off.append(abs(np.sum(weight * x**k) / expected - 1))
    return equal(max(off), 0, ROUNDING)


@claim(
    "exponents",
    "our reading",
    r"The exponents of products of Gaussian matrices are known exactly for every width, here "
    r"$2\lambda_i = \psi((N-i+1)/2) - \ln(N/2)$. Measured: largest difference of "
    r"$\ln\sigma_i/m$ from it in standard errors, for one product of 3000 factors of 5 rows.",
    section="1",
    kind=NUMBER,
    label="eq-since-lyapunov",
    paper="newman1986",
)
def exponents() -> Check:
    m = 3000
    factors = gaussian_factors(5, m, rng=np.random.default_rng(SEED + 1))
    deep = spectra.deep_log_singular_values(5, m)
    off = log_singular_values(graded_product(factors)) - m * spectra.lyapunov_exponents(5)
    return at_most(np.abs(off / np.sqrt(deep.variance)).max(), 4, SCORE)


@claim(
    "normal",
    "the abstract",
    r"For many factors each log singular value is normal, with a variance that grows with their "
    r"number; for real matrices as $(m/4)\psi'((N-i+1)/2)$. Measured: mean ratio of the "
    r"variances of 100 products of 100 factors of 3 rows to that.",
    section="1",
    kind=NUMBER,
    label="eq-since-lyapunov",
    paper="akemann2014",
)
def normal() -> Check:
    rng = np.random.default_rng(SEED + 4)
    ln_s = [log_singular_values(gaussian_product(3, 100, rng=rng)) for _ in range(100)]
    ratio = np.var(ln_s, axis=0, ddof=1) / spectra.deep_log_singular_values(3, 100).variance
    return equal(ratio.mean(), 1, Tolerance(0.25, "three standard errors of a mean of three"))


@claim(
    "offset",
    "our reading",
    r"The mean of $\ln\sigma_i$ exceeds $m\lambda_i$ by "
    r"$[\psi((N-i+1)/2) - \psi(i/2)]/2$. Measured: of $\ln\sigma_1$, against the "
    r"mean logarithm of columns, for 60 products of 100 factors of 5 rows.",
    section="1",
    kind=NUMBER,
    label="eq-since-offset",
    source=OURS,
    paper="newman1986",
)
def offset() -> Check:
    rng, found = np.random.default_rng(SEED + 2), []
    for _ in range(60):
        product = gaussian_product(5, 100, rng=rng)
        shift = product.log_scales.max()
        rows = np.exp(product.log_scales - shift)[:, None] * product.rows
        columns = shift + np.log(np.linalg.norm(rows, axis=0)).mean()
        found.append(log_singular_values(product)[0] - columns)
    law = spectra.deep_log_singular_values(5, 100).mean[0]
    expected = law - 100 * spectra.lyapunov_exponents(5)[0]
    error = 3 * float(np.std(found)) / 60**0.5
    return equal(np.mean(found), expected, Tolerance(error, "three standard errors"))


@shared
def _distances(size: int, m: int) -> Array:
    """Return for each pair of neighbours the scatter of their distance over its mean."""
    rng = np.random.default_rng(SEED + 3)
    ln_s = np.array([log_singular_values(gaussian_product(size, m, rng=rng)) for _ in range(40)])
    gaps = -np.diff(ln_s, axis=1)
    return np.asarray(gaps.std(axis=0, ddof=1) / gaps.mean(axis=0))


@claim(
    "deterministic",
    "the abstract",
    r"The smallest singular values of a long product are deterministic, while others are random "
    r"when depth and width are comparable. Reading, for real matrices: distances of neighbours, "
    r"in units of their mean, scatter less at the lower end. Measured: scatter of the first five "
    r"distances over that of the last five, for 48 factors of 24 rows.",
    section="1",
    kind=QUALITATIVE,
    label="eq-since-spacing",
    paper="akemann2019",
)
def deterministic() -> Check:
    scatter = _distances(24, 48)
    reason = "judged: clearly random against clearly less so; set with 1.4 known"
    return at_least(scatter[:5].mean() / scatter[-5:].mean(), 1.15, reason)


@claim(
    "crossover",
    "the abstract",
    r"Local statistics go from those of random matrices to Gaussian ones as $m/N$ goes from 0 to "
    r"infinity. Reading, for real matrices: for $m$ far below $N$ a distance scatters as in "
    r"Wigner's surmise, by $\sqrt{4/\pi-1}$ of its mean. Measured: mean ratio to it of the 12 "
    r"upper distances, for two factors of 24 rows.",
    section="1",
    kind=NUMBER,
    label="eq-since-spacing",
    paper="liu2023",
)
def crossover() -> Check:
    found = _distances(24, 2)[:12].mean() / np.sqrt(4 / np.pi - 1)
    return equal(found, 1, Tolerance(0.12, "three standard errors, and 2 % of the surmise"))


@claim(
    "even",
    "the abstract",
    r"For $m$ far above $N$ fluctuations are Gaussian. Reading, for real matrices: log singular "
    r"values are nearly independent, so that a distance scatters by $2/\sqrt{a_i}$ of its mean, up "
    r"to terms that fall with $m$. Measured: mean ratio of seven distances to the same from means "
    r"and variances derived here, for 250 factors of 8 rows.",
    section="1",
    kind=NUMBER,
    label="eq-since-spacing",
    source=OURS,
    paper="liu2023",
)
def even() -> Check:
    mean, variance = spectra.deep_log_singular_values(8, 250)
    expected = np.sqrt(variance[1:] + variance[:-1]) / -np.diff(mean)
    ratio = np.mean(_distances(8, 250) / expected)
    return equal(ratio, 1, Tolerance(0.15, "four standard errors, which neighbours share"))


@claim(
    "no-isometry",
    "our reading",
    r"For $m$ square factors $\langle\ln\sigma\rangle=-m/2$ and "
    r"$4\mathrm{Var}\ln\sigma=m^2+\pi^2m/3$, whatever the gain. Measured: largest "
    r"relative error of mean and variance against integrals of the density, for 1, 5 and 100 "
    r"factors.",
    section="1",
    kind=IDENTITY,
    label="eq-since-no-isometry",
    source=OURS,
    paper="penson2011",
)
def no_isometry() -> Check:
    off = []
    for m in (1, 5, 100):
        mean, square = (_integral((9,) * (m + 1), weight) for weight in ("ln", "ln2"))
        variance = (m**2 + np.pi**2 * m / 3) / 4
        off += [abs(mean / (-m / 2) - 1), abs((square - mean**2) / variance - 1)]
    return equal(max(off), 0, Tolerance(1e-7, "quadrature"))


CLAIMS = claims_of(vars())
