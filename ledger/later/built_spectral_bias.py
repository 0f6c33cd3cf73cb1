"""Claims of works that build on spectral bias: diffusion, circulant layers, and stand-ins."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.integrate import quad, solve_ivp
from scipy.linalg import circulant, expm
from scipy.special import expi

from dlnlib import correlations, networks, random_matrices, training
from ledger.numerics import FLOW, ROUNDING, Array, exponent, relative_error
from ledger.record import (
    IDENTITY,
    NUMBER,
    OURS,
    SCALING,
    SLIP,
    Amendment,
    Check,
    Finding,
    Tolerance,
    at_most,
    claim,
    claims_of,
    equal,
)

__all__ = ["CLAIMS"]

SEED = 2026
# Start of all weights, and the noise levels between which is generated, as in the authors' code.
Q, HIGH, LOW = 0.1, 80.0, 0.002
QUADRATURE = Tolerance(1e-6, "adaptive quadrature over eleven units of the logarithm of noise")


def _weight(sigma: Array | float, lam: float, t: float) -> Array:
    """Return the weight of a symmetric network for a mode."""
    best = lam / (lam + sigma**2)
    return np.asarray(best * Q / ((best - Q) * np.exp(-8 * lam * t) + Q))


def _flow(sigma: float, lam: Array, times: Array, *, symmetric: bool) -> Array:
    """Train full matrices on noisy data in a rotated basis, and return their weights of modes."""
    U = random_matrices.haar(len(lam), len(lam), rng=SEED)
    Sigma = U * lam @ U.T
    noisy = Sigma + sigma**2 * np.eye(len(lam))
    data = correlations.Correlations(noisy, Sigma, float(lam.sum()), 1)
    P = np.sqrt(Q) * random_matrices.haar(len(lam), len(lam), rng=SEED + 1)
    start, tau = ((P.T, P), 1 / 4) if symmetric else ((Q * np.eye(len(lam)),), 1 / 2)
    run = training.gradient_flow(start, data, times=times, tau=tau)
    return np.asarray(np.einsum("ik,tij,jk->tk", U, networks.product(run.weights), U))


@claim(
    "one-layer",
    "Eq. 7",
    r"The weights of a linear denoiser of one layer relax to $\lambda/(\lambda + \sigma^2)$, at "
    r"$2(\lambda + \sigma^2)$ times the learning rate. Measured: the largest difference from "
    "a matrix that is trained in a rotated basis, for two noise levels and three modes.",
    section="4",
    kind=IDENTITY,
    label="built-wang2025",
    paper="wang2025",
)
def weights_of_one_layer() -> Check:
    lam, times = np.array([2.0, 0.5, 0.1]), np.linspace(0, 3, 7)
    off = 0.0
    for sigma in (0.3, 1.5):
        d = lam + sigma**2
        expected = lam / d + (Q - lam / d) * np.exp(-2 * d * times[:, None])
        off = max(off, np.abs(_flow(sigma, lam, times, symmetric=False) - expected).max())
    return equal(off, 0, FLOW)


@claim(
    "weights",
    "Eq. 8",
    r"The weights of a symmetric denoiser $PP^T$ with an aligned start at $Q$ follow "
    r"$wQ/[(w - Q)e^{-8\lambda t} + Q]$, where $w = \lambda/(\lambda + \sigma^2)$ and the learning "
    r"rate is 1. Measured: the largest difference from matrices that are trained "
    "in a rotated basis, for two noise levels and three modes.",
    section="5",
    kind=IDENTITY,
    label="eq-built-wang2025-weight",
    paper="wang2025",
)
def weights_of_the_symmetric_network() -> Check:
    lam, times = np.array([2.0, 0.5, 0.1]), np.linspace(0, 8, 7)
    off = 0.0
    for sigma in (0.3, 1.5):
        found = _flow(sigma, lam, times, symmetric=True)
        expected = [[_weight(sigma, value, t) for value in lam] for t in times]
        off = max(off, np.abs(found - expected).max())
    return equal(off, 0, FLOW)


@claim(
    "harmonic-mean",
    "main text",
    r"At the time $\ln 2/(8\lambda)$, with a learning rate of 1, a weight of a symmetric denoiser "
    "is at the harmonic mean of its start and its end, at every noise level. Measured: the largest "
    "relative difference from that mean of trained matrices, at three noise levels.",
    section="5",
    kind=IDENTITY,
    label="eq-built-wang2025-weight",
    paper="wang2025",
)
def harmonic_mean() -> Check:
    lam, off = np.array([2.0, 0.5, 0.1]), 0.0
    for sigma in (0.1, 0.7, 3.0):
        best = lam / (lam + sigma**2)
        found = np.diag(_flow(sigma, lam, np.log(2) / (8 * lam), symmetric=True))
        off = max(off, relative_error([found], [2 * Q * best / (Q + best)]))
    return equal(off, 0, FLOW)


def _generated(one_minus_w: Callable[[float], float], sign: int = -1) -> float:
    """Return the variance that the sampler generates, by quadrature of its flow."""
    integral = quad(
        lambda x: one_minus_w(np.exp(x)), np.log(LOW), np.log(HIGH), epsabs=1e-11, limit=200
    )[0]
    return float(HIGH**2 * np.exp(sign * 2 * integral))


@claim(
    "prop-4.2",
    "Prop. 4.2",
    "The variance that a diffusion model with denoisers of one layer generates is a closed form "
    "with two exponential integrals. Measured: the largest relative difference from quadrature of "
    "the sampler's flow, for three modes and three times of training.",
    section="4",
    kind=IDENTITY,
    label="eq-built-wang2025-variance",
    paper="wang2025",
)
def variance_of_one_layer() -> Check:
    def phi2(sigma: float, lam: float, t: float) -> float:
        d = sigma**2 + lam
        first = (1 - Q) * expi(-2 * t * sigma**2) * np.exp(-2 * t * lam)
        return float(d * np.exp(first - expi(-2 * t * d)))

    off = 0.0
    for lam in (1.0, 0.1, 0.01):
        for t in (0.1 / lam, 1 / lam, 5 / lam):

            def rest(sigma: float, lam: float = lam, t: float = t) -> float:
                d = lam + sigma**2
                return float(1 - lam / d - (Q - lam / d) * np.exp(-2 * t * d))

            expected = HIGH**2 * phi2(LOW, lam, t) / phi2(HIGH, lam, t)
            off = max(off, abs(_generated(rest) / expected - 1))
    return equal(off, 0, QUADRATURE)


def _variance(lam: Array | float, t: Array | float) -> Array:
    """Return the closed form for the symmetric network."""
    E = np.exp(-8 * np.asarray(lam) * t)
    k = Q + (1 - Q) * E

    def phi2(sigma: float) -> Array:
        inner = lam * E + Q * (1 - E) * (lam + sigma**2)
        return np.asarray(sigma ** (2 * (1 - Q) * E / k) * inner ** (Q / k))

    return HIGH**2 * phi2(LOW) / phi2(HIGH)


@claim(
    "prop-5.1",
    "Prop. 5.1",
    "The variance that a diffusion model with symmetric denoisers $PP^T$ generates is a closed "
    "form of powers. Measured: the largest relative difference from quadrature of the sampler's "
    "flow, for three modes and three times of training.",
    section="5",
    kind=IDENTITY,
    label="eq-built-wang2025-variance",
    paper="wang2025",
)
def variance_of_the_symmetric_network() -> Check:
    off = 0.0
    for lam in (1.0, 0.1, 0.01):
        for t in (0.1 / lam, 0.4 / lam, 2 / lam):

            def rest(sigma: float, lam: float = lam, t: float = t) -> float:
                return float(1 - _weight(sigma, lam, t))

            off = max(off, float(abs(_generated(rest) / _variance(lam, t) - 1)))
    return equal(off, 0, QUADRATURE)


@claim(
    "emergence",
    "main text",
    r"The time at which a generated variance emerges falls with the variance of the data like "
    r"$\lambda^{-p}$ with $p$ about 1. Measured: $p$ from $\lambda = 10^{-3}$ to 10 for "
    "symmetric denoisers; emergence is the geometric mean of start and end.",
    section="5",
    kind=SCALING,
    label="fig-built-wang2025",
    paper="wang2025",
)
def emergence() -> Check:
    lam, t = np.geomspace(1e-3, 10, 9), np.geomspace(1e-3, 1e4, 2001)
    v = np.log(_variance(lam, t[:, None]))
    first = np.argmax(v >= (v[0] + v[-1]) / 2, axis=0)
    reason = "corrections that are logarithmic in the range of noise"
    return equal(-exponent(lam, t[first]), 1, Tolerance(0.05, reason))


@claim(
    "lemma-4.1",
    "Lemma 4.1",
    "The sampler multiplies noise by $e^{-I}$, where $I$ is the integral of $(W - 1)/s$ over the "
    "noise levels $s$, from the lowest to the highest. Measured: the variance "
    "that a perfect denoiser generates from data of variance 1 in this way.",
    section="4",
    kind=SLIP,
    label="built-wang2025",
    paper="wang2025",
)
def sign_of_the_exponent() -> Finding:
    def rest(sigma: float) -> float:
        return sigma**2 / (1 + sigma**2)

    near = Tolerance(1e-3, "noise at the start is not infinite")
    text = "the factor is $e^{I}$"
    return Finding(
        equal(_generated(rest, sign=1), 1, near),
        correction=Amendment(text, equal(_sampled(rest), 1, near)),
    )


def _sampled(one_minus_w: Callable[[float], float]) -> float:
    """Return the variance that is generated, by integrating the sampler."""
    run = solve_ivp(
        lambda s, x: one_minus_w(s) * x / s, (HIGH, LOW), [HIGH], "DOP853", rtol=1e-9, atol=1e-12
    )
    return float(run.y[0, -1] ** 2)


@claim(
    "prop-5.3",
    "Prop. 5.3",
    "A denoiser that is a circular convolution of full width moves like one layer, with Fourier "
    r"variances in place of $\lambda$ and at $N$ times the learning rate. Measured: the largest "
    "difference of Fourier coefficients of a filter of $N = 8$ that is trained by flow on data "
    "without symmetry.",
    section="5",
    kind=IDENTITY,
    label="built-wang2025",
    paper="wang2025",
)
def circular_convolution() -> Check:
    n, sigma = 8, 0.6
    Sigma, start, times, found = _trained_filter(list(range(n)), n, sigma)
    F = np.fft.fft(np.eye(n)) / np.sqrt(n)
    lam = np.real(np.diag(F @ Sigma @ F.conj().T))
    d, first = lam + sigma**2, np.fft.fft(start)
    decay = np.exp(-2 * n * d * times[:, None])
    expected = lam / d + (first - lam / d) * decay
    return equal(np.abs(np.fft.fft(found) - expected).max(), 0, FLOW)


@claim(
    "prop-5.4",
    "Prop. 5.4",
    "A denoiser that is a convolution with a short filter relaxes by the factor "
    r"$e^{-2N\eta t(\sigma^2 + \Sigma)}$ with the covariance of patches, averaged over places. "
    "Measured: the largest difference for a filter of three numbers that is trained by flow on "
    "data of $N = 8$ without symmetry.",
    section="5",
    kind=IDENTITY,
    label="built-wang2025",
    paper="wang2025",
)
def short_filter() -> Check:
    n, sigma = 8, 0.6
    Sigma, start, times, found = _trained_filter([-1, 0, 1], n, sigma)
    wide = np.tile(Sigma, (3, 3))
    P = np.mean([wide[i - 1 : i + 2, i - 1 : i + 2] for i in range(n, 2 * n)], axis=0)
    noisy = P + sigma**2 * np.eye(3)
    best = np.linalg.solve(noisy, P[:, 1])
    expected = [best + expm(-2 * n * t * noisy) @ (start - best) for t in times]
    return equal(np.abs(found - expected).max(), 0, FLOW)


def _trained_filter(taps: list[int], n: int, sigma: float) -> tuple[Array, Array, Array, Array]:
    """Train a filter by flow; return the covariance of data, its start, times and its course."""
    rng = np.random.default_rng(SEED)
    root = rng.standard_normal((n, n)) / 3
    Sigma = root @ root.T
    noisy = Sigma + sigma**2 * np.eye(n)
    shifts = [circulant(e) for e in np.eye(n)[taps]]

    def downhill(t: float, c: Array) -> Array:
        uphill = 2 * (sum(a * s for a, s in zip(c, shifts, strict=True)) @ noisy - Sigma)
        return -np.array([np.sum(uphill * s) for s in shifts])

    start, times = rng.standard_normal(len(shifts)) / n, np.array([0.02, 0.1])
    run = solve_ivp(downhill, (0, 0.1), start, "DOP853", times, rtol=1e-10, atol=1e-12)
    return Sigma, start, times, run.y.T


def _second_differences(blocks: Array) -> Array:
    """Return the Hessian of the error of one output of a circulant layer, from its values."""
    m, size = blocks.shape

    def error(c: Array) -> Array:
        y = np.fft.ifft((np.fft.fft(c) * np.fft.fft(blocks)).sum(axis=-2)).real
        return 0.5 * np.sum((y - 1) ** 2, axis=-1)

    e = np.eye(m * size).reshape(-1, m, size)
    alone = error(e)
    found = error(e[:, None] + e) - alone[:, None] - alone + error(np.zeros((m, size)))
    return np.asarray(found.reshape(m, size, m, size).swapaxes(1, 2))


@claim(
    "thm-1-spectrum",
    "Thm. 1",
    "The Hessian of a circulant layer has circulant blocks with the eigenvalues $|F_j(k)|^2$, "
    "where $F_j$ is the Fourier transform of an input block. Measured: the "
    "largest difference of the blocks on the diagonal, from values of the error for one sample.",
    section="-",
    kind=IDENTITY,
    label="eq-built-pan2026-hessian",
    paper="pan2026",
)
def blocks_on_the_diagonal() -> Check:
    X = np.random.default_rng(SEED).standard_normal((3, 5))
    found, F = _second_differences(X), np.fft.fft(X)
    expected = [circulant(np.fft.ifft(np.abs(f) ** 2).real) for f in F]
    return equal(max(np.abs(found[j, j] - expected[j]).max() for j in range(3)), 0, ROUNDING)


@claim(
    "thm-1-diagonal",
    "Thm. 1",
    "The Hessian of a circulant layer is block-diagonal over pairs of an output and an input "
    "block. Measured: the largest entry beside the diagonal blocks of one output, for one sample.",
    section="-",
    kind=SLIP,
    label="eq-built-pan2026-hessian",
    paper="pan2026",
)
def blocks_beside_the_diagonal() -> Finding:
    X = np.random.default_rng(SEED).standard_normal((3, 5))
    found, F = _second_differences(X), np.fft.fft(X)
    pairs = [(i, j) for i in range(3) for j in range(3) if i != j]
    off = max(
        np.abs(found[i, j] - circulant(np.fft.ifft(F[i].conj() * F[j]).real)).max()
        for i, j in pairs
    )
    text = (
        "it is block-diagonal over outputs; between input blocks it is circulant, with the "
        "product of their Fourier transforms, one conjugated, and zero only on average"
    )
    return Finding(
        equal(max(np.abs(found[i, j]).max() for i, j in pairs), 0, ROUNDING),
        correction=Amendment(text, equal(off, 0, ROUNDING)),
    )


def _mean_hessian(x: Array, size: int) -> Array:
    """Return the Hessian of one output of a circulant layer, the mean over samples in rows."""
    shift = (np.arange(size)[:, None] - np.arange(size)) % size
    lines = x.reshape(len(x), -1, size)[..., shift].swapaxes(1, 2).reshape(len(x) * size, -1)
    return np.asarray(lines.T @ lines / len(x))


@claim(
    "thm-2-population",
    "Thm. 2",
    "With whitened inputs the Hessian of a circulant layer has the condition number 1 in the "
    "population. Measured: the condition number less 1 for samples whose correlation is the "
    "identity.",
    section="-",
    kind=IDENTITY,
    label="built-pan2026",
    paper="pan2026",
)
def condition_in_the_population() -> Check:
    x = np.sqrt(12) * random_matrices.haar(12, 12, rng=SEED)
    return equal(np.linalg.cond(_mean_hessian(x, 4)) - 1, 0, ROUNDING)


@claim(
    "thm-2-samples",
    "Thm. 2",
    "With $N$ samples of white inputs the condition number of a circulant layer exceeds 1 by the "
    "order of $N^{-1/2}$. Measured: the exponent of the excess between 2048 and 16384 samples, 16 "
    "inputs in blocks of 4, mean of eight draws.",
    section="-",
    kind=SCALING,
    label="eq-built-pan2026-edge",
    paper="pan2026",
)
def condition_with_samples() -> Check:
    n, excess = 2 ** np.arange(11, 15), np.zeros(4)
    for seed in range(8):
        x = np.random.default_rng(SEED + seed).standard_normal((n[-1], 16))
        excess += [np.linalg.cond(_mean_hessian(x[:k], 4)) - 1 for k in n]
    reason = "the next order adds 0.02 here; the rest is the scatter of eight draws"
    return equal(-exponent(n, excess), 0.5, Tolerance(0.06, reason))


@claim(
    "thm-2-blocks",
    "Thm. 2",
    "For white Gaussian inputs the condition number of a circulant layer is that of Marchenko and "
    r"Pastur's edges, $[(1 + \sqrt{r})/(1 - \sqrt{r})]^2$ with $r$ the number of input blocks over "
    "that of samples. Measured: the largest relative difference for 32 and 64 blocks of 4 "
    "and 2048 samples.",
    section="-",
    kind=NUMBER,
    label="eq-built-pan2026-edge",
    source=OURS,
    paper="pan2026",
)
def condition_and_blocks() -> Check:
    off = []
    for m in (32, 64):
        x = np.random.default_rng(SEED).standard_normal((2048, 4 * m))
        root = np.sqrt(m / 2048)
        law = ((1 + root) / (1 - root)) ** 2
        off.append(np.linalg.cond(_mean_hessian(x, 4)) / law - 1)
    return equal(np.abs(off).max(), 0, Tolerance(0.06, "matrices of 32 and 64 rows"))


@claim(
    "dense-hessian",
    "main text",
    r"A dense layer $y = Wx$ has the Hessian $W^TW$. Measured: the largest entry of its "
    "difference from the Hessian for one output, from values of the error on whitened inputs.",
    section="-",
    kind=SLIP,
    label="built-pan2026",
    paper="pan2026",
)
def dense_hessian() -> Finding:
    rng = np.random.default_rng(SEED)
    x, W = 2 * random_matrices.haar(4, 4, rng=rng), rng.standard_normal((4, 4))

    def error(w: Array) -> Array:
        return 0.5 * np.mean((w @ x.T - 1) ** 2, axis=-1)

    e, w = np.eye(4), W[0]
    found = error(w + e[:, None] + e) - error(w + e)[:, None] - error(w + e) + error(w)
    text = (
        "the Hessian is the correlation of the inputs, so that its condition number is 1 for "
        "whitened inputs"
    )
    return Finding(
        equal(np.abs(found - W.T @ W).max(), 0, ROUNDING),
        correction=Amendment(text, equal(np.linalg.cond(found) - 1, 0, ROUNDING)),
    )


@claim(
    "graph",
    "notes by others",
    "Embeddings with a squared error on the adjacency matrix of a graph learn its eigenvectors "
    r"one by one, $q = \lambda/[1 + (\lambda/q_0 - 1)e^{-2\lambda t}]$, the largest first. "
    "Measured: the largest difference for the path of six nodes. A stand-in for embeddings that "
    "are trained with a cross-entropy.",
    section="-",
    kind=IDENTITY,
    label="eq-built-noroozizadeh2025",
    source=OURS,
    paper="noroozizadeh2025",
)
def geometry_of_a_graph() -> Check:
    A = np.diag(np.ones(5), 1) + np.diag(np.ones(5), -1)
    lam, vectors = np.linalg.eigh(A)
    q0, times = 1e-3, np.linspace(0, 8, 9)
    start = np.sqrt(q0) * random_matrices.haar(6, 6, rng=SEED)

    def learn(t: float, v: Array) -> Array:
        V = v.reshape(6, 6)
        return ((A - V @ V.T) @ V).ravel()

    run = solve_ivp(learn, (0, 8), start.ravel(), "DOP853", times, rtol=1e-10, atol=1e-12)
    found = np.sum((vectors.T @ run.y.T.reshape(-1, 6, 6)) ** 2, axis=-1)
    expected = lam / (1 + (lam / q0 - 1) * np.exp(-2 * lam * times[:, None]))
    return equal(np.abs(found - expected).max(), 0, FLOW)


@claim(
    "tikhonov",
    "abstract",
    "The best linear estimate from measurements with a random operator is Tikhonov's, with the "
    "operator's spread counted as noise. Measured: the largest difference between Tikhonov's "
    "estimate, by least squares, and the one that ten equally likely operators give.",
    section="-",
    kind=IDENTITY,
    label="eq-built-buskulic2025",
    paper="buskulic2025",
)
def tikhonov() -> Check:
    rng = np.random.default_rng(SEED)
    operators, Sigma, sd = rng.standard_normal((10, 5, 3)), np.diag([1.0, 0.5, 0.2]), 0.3
    # The estimate from second moments of the mixture.
    Sy = np.mean([A @ Sigma @ A.T for A in operators], axis=0) + sd**2 * np.eye(5)
    Sxy = np.mean([Sigma @ A.T for A in operators], axis=0)
    best = np.linalg.solve(Sy, Sxy.T).T
    mean = operators.mean(axis=0)
    R = np.mean([(A - mean) @ Sigma @ (A - mean).T for A in operators], axis=0)
    half = np.linalg.inv(np.linalg.cholesky(R + sd**2 * np.eye(5)))
    stacked = np.vstack([half @ mean, np.diag(np.diag(Sigma) ** -0.5)])
    target = np.vstack([half, np.zeros((3, 5))])
    found = np.linalg.lstsq(stacked, target, rcond=None)[0]
    return equal(np.abs(found - best).max(), 0, ROUNDING)


@claim(
    "transient",
    "abstract",
    r"For phases of $x(t) = e^{Kt}\,x(0)$ the exponent of a transient is the logarithm of the "
    r"largest singular value of $\mathrm{Re}[(e^{Kt})_{ij}\,x_j(0)/x_i(t)]$, over $t$. Measured: "
    "the largest relative difference from differences of integrated flows, at three times. The "
    "definition is our reading.",
    section="-",
    kind=IDENTITY,
    label="eq-built-powanwe2026",
    source=OURS,
    paper="powanwe2026",
)
def transient() -> Check:
    rng, n, step, times = np.random.default_rng(SEED), 5, 1e-4, [0.5, 1.5, 3.0]
    K = (rng.standard_normal((n, n)) + 1j * rng.standard_normal((n, n))) / np.sqrt(2 * n)
    theta = rng.uniform(0, 2 * np.pi, n)
    starts = np.exp(1j * (theta + step * np.vstack([np.eye(n), -np.eye(n)]))).T

    def move(t: float, x: Array) -> Array:
        return (K @ x.reshape(n, -1)).ravel()

    run = solve_ivp(move, (0, 3), starts.ravel(), "DOP853", times, rtol=1e-12, atol=1e-14)
    ends = run.y.reshape(n, 2, n, -1)
    J = np.moveaxis(np.angle(ends[:, 0] / ends[:, 1]), -1, 0) / (2 * step)
    x = np.exp(1j * theta)
    maps = [expm(K * t) for t in times]
    expected = [np.log(np.linalg.norm((E * x / (E @ x)[:, None]).real, 2)) for E in maps]
    found = np.log(np.linalg.norm(J, 2, axis=(1, 2)))
    return at_most(np.abs(found / expected - 1).max(), 1e-5, "central differences of steps of 1e-4")


CLAIMS = claims_of(vars())
