"""Claims on data with structure: trees, stages, and beliefs that are wrong for a while."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from dlnlib import correlations, datasets, exact, initial_conditions, networks, training
from ledger.numerics import FLOW, ROUNDING
from ledger.record import (
    IDENTITY,
    NUMBER,
    OURS,
    QUALITATIVE,
    Check,
    Tolerance,
    at_least,
    claim,
    claims_of,
    equal,
)

__all__ = ["CLAIMS"]

SEED = 2019


@claim(
    "tree-spectrum",
    "Supplement",
    r"A tree of $B$ children at every node has the eigenvalues $\sum_{k \ge l} \Delta_k B^{D-k}$, "
    r"with $\Delta_k$ the steps of the covariance $(1 - 2p)^{2(D-k)}$ from level to level. "
    "Measured: the largest relative difference from the eigenvalues of the covariance matrix of "
    "the leaves, filled in pair by pair, for $B = D = 3$, $p = 0.1$; and the library's.",
    section="1",
    kind=IDENTITY,
    label="eq-since-tree",
    paper="saxe2019",
)
def spectrum_of_a_tree() -> Check:
    B, D, p = 3, 3, 0.1
    steps = np.diff((1 - 2 * p) ** (2 * (D - np.arange(D + 1))), prepend=0)
    printed = (steps * float(B) ** (D - np.arange(D + 1)))[::-1].cumsum()[::-1]
    leaves = np.arange(B**D)
    apart = sum((leaves[:, None] // B**k != leaves // B**k).astype(int) for k in range(D))
    filled = np.linalg.eigvalsh((1 - 2 * p) ** (2 * apart))[::-1]
    printed = np.repeat(printed, [1, 2, 6, 18])
    library = exact.hierarchical_singular_values(
        branching=[B] * D, n_features=1, flip_probability=p
    )
    off = max(np.abs(other / filled - 1).max() for other in (printed, library**2))
    return equal(off, 0, ROUNDING)


@claim(
    "coarse-to-fine",
    "Main text",
    "Broad distinctions are learned before finer ones. Measured: the least ratio between the "
    "half-learning times of neighbouring levels, in closed form for the singular values of drawn "
    "features, of trees with two to four children and two to four levels.",
    section="2",
    kind=QUALITATIVE,
    label="since-structure",
    paper="saxe2019",
)
def coarse_to_fine() -> Check:
    rng, ratios = np.random.default_rng(SEED), []
    for branching in ([2, 2], [3, 3], [4, 2, 3], [2, 2, 2, 2], [2, 3, 4]):
        _, y = datasets.hierarchical(
            branching=branching, n_features=4000, flip_probability=0.1, rng=rng
        )
        s = np.linalg.svd(y, compute_uv=False)
        t = exact.half_learning_time(1e-3, s=s, tau=1.0)
        counts = np.cumprod([1, *branching])
        levels = np.split(t, counts[:-1])
        ratios += [b.min() / a.max() for a, b in pairwise(levels[1:])]
    return at_least(min(ratios), 1, "a later level comes later")


@claim(
    "illusory-belief",
    "Main text",
    "On the way to the right answer a network holds beliefs that no example supports. Measured: "
    "the largest answer of a network that learns four items, from a decoupled start, to whether a "
    "canary can swim, against the sum of three closed forms.",
    section="3",
    kind=NUMBER,
    label="eq-since-illusion",
    paper="saxe2019",
)
def illusory_belief() -> Check:
    things = datasets.living_things()
    data = correlations.from_data(things.x, things.y)
    m = correlations.modes(data)
    start = initial_conditions.decoupled(m, (4, 8, 7), u0=1e-3, rng=SEED)
    times = np.linspace(0, 8, 200)
    flow = training.gradient_flow(start, data, times=times)
    row, column = things.properties.index("can swim"), things.items.index("canary")
    found = networks.product(flow.weights)[:, row, column]
    u = exact.mode_strength(times[:, None], s=np.sqrt([7.0, 3.0, 1.0]), u0=1e-3, tau=1.0)
    expected = u / np.sqrt([7.0, 3.0, 1.0]) @ [0.25, 0.25, -0.5]
    right = np.abs(found - expected).max() < FLOW.size
    tolerance = Tolerance(FLOW.size, FLOW.reason)
    return equal(found.max() if right else np.nan, expected.max(), tolerance)


@claim(
    "distances",
    "Fig. 3",
    "In a hidden layer two items of a tree part when the level of their nearest common ancestor is "
    "learned, and their distance is a sum over the levels below. Measured: the largest difference "
    "from the distances of a network whose targets have the expected spectrum exactly, relative "
    "to the largest.",
    section="1.3",
    kind=IDENTITY,
    label="eq-since-distance",
    source=OURS,
)
def distances_in_a_tree() -> Check:
    branching, p, n = [2, 3, 2], 0.1, 100
    m_k, leaves = np.array([1, 2, 6, 12]), np.arange(12)
    apart = sum((leaves[:, None] // k != leaves // k).astype(int) for k in m_k)
    # The root of the covariance gives targets that are not drawn.
    values, vectors = np.linalg.eigh(n * (1 - 2 * p) ** (2 * apart))
    target = np.sqrt(values) * vectors
    data = correlations.Correlations(np.eye(12), target.T, values.sum(), 12)
    m = correlations.modes(data)
    start = initial_conditions.decoupled(m, (12, 15, 12), u0=1e-3, rng=SEED)
    times = np.linspace(0, 1.5, 12)
    h = training.gradient_flow(start, data, times=times).weights[0].swapaxes(1, 2)
    found = ((h[:, :, None] - h[:, None]) ** 2).sum(axis=-1)
    s = exact.hierarchical_singular_values(branching=branching, n_features=n, flip_probability=p)
    u = exact.mode_strength(times[:, None], s=s[[6, 2, 1]], u0=1e-3, tau=1.0)
    rest = np.cumsum(u * (1 / m_k[:-1] - 1 / m_k[1:]), axis=1)
    by_level = 2 * (u / m_k[:-1] + np.column_stack([np.zeros(12), rest[:, :-1]]))
    expected = np.column_stack([np.zeros(12), by_level])[:, apart]
    return equal(np.abs(found - expected).max() / expected.max(), 0, FLOW)


CLAIMS = claims_of(vars())
