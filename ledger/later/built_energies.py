"""Claims on energies and brains: Tulinski et al., Lewis et al."""

from __future__ import annotations

import numpy as np
from scipy.integrate import solve_ivp
from scipy.optimize import brentq

from dlnlib import exact, random_matrices
from ledger.numerics import Array
from ledger.record import (
    NUMBER,
    OURS,
    QUALITATIVE,
    Check,
    Tolerance,
    at_most,
    claim,
    claims_of,
    equal,
    shared,
)

__all__ = ["CLAIMS"]

SEED = 2605

# ---- a Boltzmann machine on a sphere


@claim(
    "outlier",
    "authors' code, Fig. 2",
    r"A mode of strength $w$ in noise of scale $\sigma$ is seen as an eigenvalue if $w > \sigma$, "
    r"at $w + \sigma^2/w$. Measured: the largest difference of the mean of 4 largest eigenvalues, "
    "500 units, three strengths, from it or from the edge of the noise.",
    section="2",
    kind=NUMBER,
    label="eq-built-detached",
    paper="tulinski2026",
)
def outlier() -> Check:
    rng, n, sigma, worst = np.random.default_rng(SEED), 500, 0.5, 0.0
    for w in (0.3, 0.8, 1.2):
        top = []
        for _ in range(4):
            G = rng.standard_normal((n, n))
            W = sigma * (G + G.T) / np.sqrt(2 * n)
            W[7, 7] += w
            top.append(np.linalg.eigvalsh(W)[-1])
        expected = w + sigma**2 / w if w > sigma else 2 * sigma
        worst = max(worst, abs(float(np.mean(top)) - expected))
    return equal(worst, 0, Tolerance(0.06, "chance, three standard errors, and $n^{-2/3}$"))


def _share_of_the_second(gamma: float, c: Array, n: float = 1e5) -> float:
    """Return the share of the second of two modes at rest, with n units and exact sums."""

    def variances(w: Array) -> Array:
        def excess(z: float) -> float:
            return float(np.sum(1 / (z - w)) + (n - 2) / z - n)

        top = max(w.max(), 0.0)
        z = brentq(excess, top + 1e-3 / n, top + 2.0, xtol=1e-14)
        return np.asarray(1 / (z - w) / n)

    def speed(_: float, w: Array) -> Array:
        return (c - 2 * variances(w) - gamma * w) / 2

    end = solve_ivp(speed, (0, 40 / gamma), [0.0, 0.0], method="LSODA", rtol=1e-7, atol=1e-9)
    return float(variances(end.y[:, -1])[1])


@claim(
    "cascade",
    "abstract",
    r"Modes condense one after another, also as a parameter changes. For weights $c_1 + c_2 = 2$ "
    r"the second mode has the share $(c_2 - \sqrt{\gamma})/2$ at rest for $\gamma < c_2^2$, and "
    "none beyond. Measured: the largest difference, three weight decays, sums over 100 000 units.",
    section="-",
    kind=NUMBER,
    label="built-tulinski2026",
    source=OURS,
    paper="tulinski2026",
)
def cascade() -> Check:
    c, worst = np.array([1.3, 0.7]), 0.0
    for gamma in (0.2, 0.3, 0.6):
        expected = max(c[1] - np.sqrt(gamma), 0) / 2
        worst = max(worst, abs(_share_of_the_second(gamma, c) - expected))
    reason = "terms of the order of one over the units, and over a gap of two strengths"
    return equal(worst, 0, Tolerance(3e-4, reason))


# ---- recordings from a brain

SIZES, MISSED, NOISE, TAU = (200, 100, 3), 0.02, 0.7, 3.0


@shared
def _errors(n_recordings: int, n_examples: int) -> tuple[float, float]:
    """Return the error on new data with the space from recordings, and what the space misses."""
    rng, (d, p, k) = np.random.default_rng(SEED), SIZES
    found = []
    for _ in range(6):
        Q, A = random_matrices.haar(d, k + 1, rng=rng), random_matrices.haar(p, k, rng=rng)
        w = np.sqrt((1 - MISSED) / k) * Q[:, :k].sum(axis=1) + np.sqrt(MISSED) * Q[:, k]
        x = np.tile(np.sqrt(d) * random_matrices.haar(d, d, rng=rng), (n_recordings // d, 1))
        z = x @ Q[:, :k] @ A.T + TAU * rng.standard_normal((len(x), p))
        V = np.linalg.svd(z.T @ x / len(x))[2][:k].T
        for _ in range(100):
            x = rng.standard_normal((n_examples, d))
            y = x @ w + NOISE * rng.standard_normal(n_examples)
            learned = V @ np.linalg.lstsq(x @ V, y)[0]
            found.append((((learned - w) ** 2).sum(), 1 - ((w @ V) ** 2).sum()))
    error, missed = np.mean(found, axis=0)
    return float(error), float(missed)


@claim(
    "exchange",
    "abstract",
    "Recordings replace examples of a task. Measured, in our linear model with 200 inputs: the "
    "error with 40 examples and 12 000 recordings, over that of 400 examples alone (our reading).",
    section="-",
    kind=QUALITATIVE,
    label="eq-built-exchange",
    paper="lewis2026",
)
def recordings_replace_examples() -> Check:
    rng, d = np.random.default_rng(SEED), SIZES[0]
    alone = []
    for _ in range(10):
        x = rng.standard_normal((400, d))
        off = np.linalg.lstsq(x, NOISE * rng.standard_normal(400))[0]
        alone.append((off**2).sum())
    return at_most(_errors(12_000, 40)[0] / float(np.mean(alone)), 1, "less error with them")


@claim(
    "error",
    "abstract",
    r"The error on new data is $(\sigma^2 + \mu^2)(1 + \frac{k}{n - k - 1}) - \sigma^2$, where "
    r"$\mu^2$ is what the learned space misses of the task. Measured: the largest relative "
    "difference, 6000 and 12 000 recordings, 20 examples, 600 draws.",
    section="-",
    kind=NUMBER,
    label="eq-built-worth",
    source=OURS,
    paper="lewis2026",
)
def error_with_recordings() -> Check:
    k, worst = SIZES[2], 0.0
    for n in (6000, 12_000):
        found, missed = _errors(n, 20)
        error = (NOISE**2 + missed) * (1 + k / (20 - k - 1)) - NOISE**2
        worst = max(worst, abs(found / error - 1))
    return equal(worst, 0, Tolerance(0.05, "chance, three standard errors"))


@claim(
    "missed",
    "abstract",
    r"A space that is learned from recordings misses $\mu^2 = 1 - (1 - m^2)\,O^2$ of the task, "
    "where $O$ is the overlap of learned and true modes for many inputs. Measured: the largest "
    "difference, 6000 and 12 000 recordings, 200 inputs, six draws.",
    section="-",
    kind=NUMBER,
    label="eq-built-worth",
    source=OURS,
    paper="lewis2026",
)
def missed_by_the_space() -> Check:
    (d, p, _), worst = SIZES, 0.0
    for n in (6000, 12_000):
        modes = exact.noisy_modes(1.0, scale=TAU * np.sqrt(d / n), aspect=p / d)
        expected = 1 - (1 - MISSED) * float(modes.input_overlap) ** 2
        worst = max(worst, abs(_errors(n, 20)[1] - expected))
    return equal(worst, 0, Tolerance(0.045, "three standard errors of six draws, and 200 inputs"))


CLAIMS = claims_of(vars())
