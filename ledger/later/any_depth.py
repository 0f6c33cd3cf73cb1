"""Claims on the product of balanced layers of any depth."""

from __future__ import annotations

import numpy as np

from dlnlib import correlations, exact, initial_conditions, networks, training
from dlnlib.correlations import Correlations
from ledger.numerics import DIFFERENCES, FLOW, ROUNDING, Array, Weights, relative_error
from ledger.record import IDENTITY, QUALITATIVE, Check, at_most, claim, claims_of, equal, shared

__all__ = ["CLAIMS"]

SEED = 2018


@shared
def _balanced(n_layers: int) -> tuple[Correlations, Weights]:
    """Return data whose inputs are not white, and balanced layers that do not fit them."""
    rng = np.random.default_rng(SEED)
    x = rng.standard_normal((20, 4)) * [2.0, 1.0, 0.7, 0.5]
    data = correlations.from_data(x, x @ rng.standard_normal((4, 3)))
    W = rng.standard_normal((3, 4))
    sizes = (4, *[6] * (n_layers - 2), 3)
    return data, initial_conditions.balanced(W, sizes, rng=rng)


def _moved(weights: Weights, data: Correlations) -> Array:
    """Move every layer against its gradient, and return the velocity of their product."""
    down = networks.gradient(weights, data)
    changed = [
        networks.product((*weights[:k], -down[k], *weights[k + 1 :])) for k in range(len(weights))
    ]
    return np.sum(changed, axis=0)


@claim(
    "end-to-end",
    "Theorem 1",
    r"The product of balanced layers moves by $-\sum_j (WW^T)^{(L-j)/L} \nabla E "
    r"(W^TW)^{(j-1)/L}$, whatever the layers. Measured: the largest relative difference from the "
    "velocity that the gradients of all layers give their product, for 3, 4, 6 and 12 layers.",
    section="4",
    kind=IDENTITY,
    label="eq-since-end-to-end",
    paper="arora2018",
)
def end_to_end() -> Check:
    found, expected = [], []
    for n_layers in (3, 4, 6, 12):
        data, weights = _balanced(n_layers)
        W = networks.product(weights)
        gradient = W @ data.sigma_xx - data.sigma_yx
        found.append(exact.end_to_end_velocity(W, gradient, n_layers=n_layers))
        expected.append(_moved(weights, data))
    return equal(max(map(relative_error, zip(found), zip(expected))), 0, ROUNDING)


@claim(
    "end-to-end-course",
    "Theorem 1",
    "Integrated, the same equation gives the course of the network. Measured: the largest "
    "difference of the product of five layers under gradient flow, over its largest entry.",
    section="4",
    kind=IDENTITY,
    label="eq-since-end-to-end",
    paper="arora2018",
)
def end_to_end_course() -> Check:
    data, weights = _balanced(5)
    times = np.linspace(0, 30, 13)
    run = training.gradient_flow(weights, data, times=times, tau=100.0)
    W = exact.end_to_end_flow(
        times,
        networks.product(weights),
        sigma_yx=data.sigma_yx,
        sigma_xx=data.sigma_xx,
        n_layers=5,
        tau=100.0,
    )
    return equal(relative_error([W], [networks.product(run.weights)]), 0, FLOW)


@claim(
    "singular-values",
    "Theorem 3",
    r"A singular value of the product moves at the speed $-L\sigma^{2-2/L} u^T \nabla E\, v$. "
    "Measured: the largest relative difference from central differences of the singular values "
    "along the velocity of a network of five layers.",
    section="3",
    kind=IDENTITY,
    label="eq-since-values",
    paper="arora2019a",
)
def singular_values() -> Check:
    data, weights = _balanced(5)
    W, velocity = networks.product(weights), _moved(weights, data)
    U, s, Vt = np.linalg.svd(W, full_matrices=False)
    up, down = (np.linalg.svd(W + h * velocity, compute_uv=False) for h in (1e-6, -1e-6))
    gradient = W @ data.sigma_xx - data.sigma_yx
    expected = -4 * s**1.5 * np.einsum("ir,ij,rj->r", U, gradient, Vt)
    return equal(relative_error([(up - down) / 2e-6], [expected]), 0, DIFFERENCES)


@claim(
    "singular-vectors",
    "Lemma 2",
    r"A left singular vector $r$ turns towards another, $q$, at the speed "
    r"$(\sigma_r \kappa_{qr} M_{qr} + \sigma_q \kappa_{rq} M_{rq})/(\sigma_r^2 - \sigma_q^2)$. "
    "Measured: as for `singular-values`, of all three pairs; the form with $\\kappa$ is our "
    "derivation.",
    section="3",
    kind=IDENTITY,
    label="eq-since-vectors",
    paper="arora2019a",
)
def singular_vectors() -> Check:
    data, weights = _balanced(5)
    W, velocity = networks.product(weights), _moved(weights, data)
    U, s, Vt = np.linalg.svd(W, full_matrices=False)
    turned = []
    for h in (1e-6, -1e-6):
        V = np.linalg.svd(W + h * velocity, full_matrices=False)[0]
        turned.append(V * np.sign(np.sum(V * U, axis=0)))
    found = U.T @ (turned[0] - turned[1]) / 2e-6
    M = -U.T @ (W @ data.sigma_xx - data.sigma_yx) @ Vt.T
    kappa = sum(np.outer(s ** (2 * (4 - j) / 4), s ** (2 * (j - 1) / 4)) for j in range(1, 5))
    drive = kappa * M
    pairs = [(0, 1), (0, 2), (1, 2)]
    expected = [
        (s[r] * drive[q, r] + s[q] * drive[r, q]) / (s[r] ** 2 - s[q] ** 2) for r, q in pairs
    ]
    return equal(relative_error([[found[q, r] for r, q in pairs]], [expected]), 0, DIFFERENCES)


@claim(
    "deficiency-margin",
    "Theorem 1",
    r"From a balanced start with a deficiency margin $c$ the error falls at least like "
    r"$e^{-2Lc^{2-2/L}t/\tau}$. Measured: the largest ratio of the error of five layers to that "
    "bound, over 20 starts and their courses; the limit of small steps of a statement about "
    "steps, derived by us.",
    section="3",
    kind=QUALITATIVE,
    label="eq-since-margin",
    paper="arora2019",
)
def deficiency_margin() -> Check:
    rng, worst = np.random.default_rng(SEED), 0.0
    times = np.array([0.0, 0.01, 0.1, 0.5, 1.0, 2.0])
    for k in range(20):
        target = np.linalg.qr(rng.standard_normal((3, 3)))[0] * [2.0, 1.5, 1.0]
        # Half of them have lost strength in the least mode alone, which is the worst case.
        away = rng.standard_normal((3, 3)) if k % 2 else -target * [0.0, 0.0, 1.0]
        W = target + rng.uniform(0.1, 0.9) * away / np.linalg.norm(away)
        c = np.linalg.svd(target, compute_uv=False).min() - np.linalg.norm(W - target)
        data = Correlations(np.eye(3), target, float((target**2).sum()), 3)
        start = initial_conditions.balanced(W, (3, 3, 3, 3, 3), rng=rng)
        run = training.gradient_flow(start, data, times=times)
        E = ((networks.product(run.weights) - target) ** 2).sum(axis=(1, 2)) / 2
        bound = E[0] * np.exp(-8 * c**1.5 * times)
        worst = max(worst, float((E / bound)[1:].max()))
    return at_most(worst, 1, "a bound")


CLAIMS = claims_of(vars())
