"""Claims on recurrent networks: overlaps, learning rules, kernels at a bifurcation, gates."""

from __future__ import annotations

import numpy as np
from scipy.integrate import solve_ivp

from dlnlib import random_matrices
from ledger.numerics import DIFFERENCES, ROUNDING, Array, exponent, jacobian, relative_error
from ledger.record import (
    IDENTITY,
    NUMBER,
    OURS,
    QUALITATIVE,
    SCALING,
    Amendment,
    Check,
    Finding,
    Tolerance,
    at_least,
    at_most,
    claim,
    claims_of,
    equal,
    shared,
)

__all__ = ["CLAIMS"]

SEED = 2026
SERIES = Tolerance(0.03, "the next order at the parameters that are fitted")

# ---- low-rank recurrent networks, as vectors m, u, z, v in the rows of a matrix

STEP, N_STEPS = 0.1, 60
TARGET = np.exp(-0.2 * STEP * np.arange(N_STEPS))


def _output(vectors: Array) -> Array:
    """Return the response to an impulse, by running the neurons; one network or many."""
    m, u, z, v = np.moveaxis(vectors, -2, 0)
    h, y = m, []
    for _ in range(N_STEPS):
        y.append(np.vecdot(z, h) / h.shape[-1])
        h = h + STEP * (u * np.vecdot(v, h)[..., None] / h.shape[-1] - h)
    return np.stack(y, axis=-1)


def _loss(vectors: Array, target: Array = TARGET) -> Array:
    return STEP / 2 * ((_output(vectors) - target) ** 2).sum(axis=-1)


def _slope(vectors: Array) -> Array:
    """Return the slope of the loss by all weights, from errors sent back through time."""
    (m, u, z, v), N = vectors, vectors.shape[1]
    h = [m]
    for _ in range(N_STEPS - 1):
        h.append(h[-1] + STEP * (u * (v @ h[-1]) / N - h[-1]))
    e = STEP * (np.array(h) @ z / N - TARGET)
    by_u, by_v, p = np.zeros(N), np.zeros(N), e[-1] * z / N
    for k in range(N_STEPS - 2, -1, -1):
        by_u, by_v = by_u + STEP * p * (v @ h[k]) / N, by_v + STEP * h[k] * (u @ p) / N
        p = p + STEP * (v * (u @ p) / N - p) + e[k] * z / N
    return np.array([p, by_u, e @ np.array(h) / N, by_v])


def _response(S: Array) -> Array:
    """Return the same by the equation in four overlaps; S has the shape (2, 2, ...)."""
    (zm, zu), (vm, vu) = S[..., None]
    k = np.arange(N_STEPS)
    own = (1 - STEP) ** k
    return np.asarray(zm * own + zu * vm * ((1 - STEP + STEP * vu) ** k - own) / vu)


def _by_visible(S: Array, target: Array = TARGET) -> Array:
    """Return the slope of the loss by the visible overlaps, by complex steps."""
    steps = S.reshape(4, 1) + 1e-20j * np.eye(4)
    loss = STEP / 2 * ((_response(steps.reshape(2, 2, 4)) - target) ** 2).sum(axis=-1)
    return np.asarray(loss.imag.reshape(2, 2) / 1e-20)


def _speeds(S: Array, GA: Array, GB: Array, target: Array = TARGET) -> Array:
    """Return how fast the overlaps move."""
    g = _by_visible(S, target)
    return -np.array([GB @ g + g @ GA, S.T @ g + g.T @ S, S @ g.T + g @ S.T])


def _blocks(vectors: Array) -> Array:
    """Return the overlaps of a network: visible, of the senders, of the receivers."""
    gram = vectors @ vectors.T / vectors.shape[1]
    return np.array([gram[2:, :2], gram[:2, :2], gram[2:, 2:]])


def _learned(overlaps: Array, target: Array) -> Array:
    def flow(_: float, x: Array) -> Array:
        S, GA, GB = x.reshape(3, 2, 2)
        return _speeds(S, GA, GB, target).ravel()

    run = solve_ivp(flow, (0, 80), overlaps.ravel(), method="LSODA", rtol=1e-9, atol=1e-11)
    return np.asarray(run.y[:, -1].reshape(3, 2, 2))


@shared
def _after_two_targets() -> Array:
    """Return the overlaps of a network that has learned one target and then the other."""
    return _learned(_learned(TILTED, LONGER), TARGET)


def _four(overlaps: Array) -> Array:
    S, GA, GB = overlaps
    return np.sort(np.linalg.eigvals(np.block([[GA, S.T], [-S, -GB]])).real)


SMALL_LOOP = np.array([[0.1, 0.2], [0.2, 0.3]])
TILTED = np.array([SMALL_LOOP, [[1, 0.6], [0.6, 1]], [[1, 0.6], [0.6, 1]]])
ROUND = np.array([SMALL_LOOP, np.eye(2), np.eye(2)])
LONGER = 3 * np.exp(-0.05 * STEP * np.arange(N_STEPS))


@claim(
    "visible",
    "code, linear.ipynb",
    "The loss of a linear network of rank one depends only on four overlaps. Measured: the "
    "largest difference between the response of 40 neurons and the equation in these four.",
    section="-",
    kind=IDENTITY,
    label="eq-built-response",
    paper="ger2026",
)
def visible() -> Check:
    vectors = np.random.default_rng(SEED).standard_normal((4, 40))
    found = _output(vectors) - _response(_blocks(vectors)[0])
    return equal(np.abs(found).max(), 0, ROUNDING)


@claim(
    "closed",
    "code, linear.ipynb",
    "Gradient flow closes on ten overlaps. Measured: the largest relative difference between "
    "their speeds in a network of 40 neurons, with a gradient by differences in all weights, "
    "and the equations, in the form of a three-layer network.",
    section="-",
    kind=IDENTITY,
    label="eq-built-overlaps",
    paper="ger2026",
)
def closed() -> Check:
    vectors = np.random.default_rng(SEED).standard_normal((4, 40))

    slope = jacobian(lambda z: _loss(z.reshape(*z.shape[:-1], 4, 40))[..., None], vectors.ravel())[
        0
    ].reshape(4, 40)
    gram = -(slope @ vectors.T + vectors @ slope.T)
    found = gram[2:, :2], gram[:2, :2], gram[2:, 2:]
    return equal(relative_error(found, _speeds(*_blocks(vectors))), 0, DIFFERENCES)


@claim(
    "exposed",
    "abstract",
    "Learning tells networks apart that compute the same. Measured: the ratio of the losses of "
    "two networks of 40 neurons with equal visible overlaps after a time of 0.5 of learning.",
    section="-",
    kind=QUALITATIVE,
    label="fig-built-ger2026",
    paper="ger2026",
)
def exposed() -> Check:
    frame = random_matrices.haar(40, 4, rng=SEED).T
    ends = []
    for S, GA, GB in (ROUND, TILTED):
        gram = np.block([[GA, S.T], [S, GB]])
        vectors = np.sqrt(40) * np.linalg.cholesky(gram) @ frame
        for _ in range(100):  # steps of 0.005 at the rate N
            vectors = vectors - 0.005 * 40 * _slope(vectors)
        ends.append(_loss(vectors))
    return at_least(ends[0] / ends[1], 2, "they start with one and the same loss")


@claim(
    "memory",
    "abstract",
    "Overlaps that the loss does not see can remember what was learned before. Measured: the "
    "largest difference of such overlaps between a network that learned a target at once and one "
    "that learned another target first, over the largest difference of their responses.",
    section="-",
    kind=QUALITATIVE,
    label="built-ger2026",
    paper="ger2026",
)
def memory() -> Check:
    at_once = _learned(TILTED, TARGET)
    by_way = _after_two_targets()
    apart = np.abs(at_once - by_way)[1:].max()
    seen = np.abs(_response(at_once[0]) - _response(by_way[0])).max()
    return at_least(apart / seen, 1e4, "responses agree within the integrator's error")


@claim(
    "four-invariants",
    "code, linear.ipynb",
    "Four numbers made of overlaps are conserved, the eigenvalues of a matrix of four rows. "
    "Measured: their largest change while two targets are learned one after the other.",
    section="-",
    kind=IDENTITY,
    label="eq-built-four",
    source=OURS,
    paper="ger2026",
)
def four_invariants() -> Check:
    return equal(
        np.abs(_four(_after_two_targets()) - _four(TILTED)).max(),
        0,
        Tolerance(1e-6, "two runs with a relative tolerance of $10^{-9}$, of up to 2000 steps"),
    )


@claim(
    "fifth-invariant",
    "code, linear.ipynb",
    "The squared length of $u$ less that of $v$ is conserved too, apart from that of four numbers. "
    "Measured: its speed over the largest speed of an overlap, in a network of 40 neurons with "
    "errors sent back through time.",
    section="-",
    kind=IDENTITY,
    label="built-ger2026",
    source=OURS,
    paper="ger2026",
)
def fifth_invariant() -> Check:
    vectors = np.random.default_rng(SEED).standard_normal((4, 40))
    slope = _slope(vectors)
    speeds = slope @ vectors.T + vectors @ slope.T
    return equal(abs(speeds[1, 1] - speeds[3, 3]) / np.abs(speeds).max(), 0, ROUNDING)


@claim(
    "no-memory",
    "abstract",
    "Balanced networks, $AA^T = BB^T$, have no memory: their invisible overlaps follow from the "
    r"visible ones, $G_A^2 = S^TS$. Measured: the largest difference at the end of learning two "
    "targets one after the other.",
    section="-",
    kind=IDENTITY,
    label="built-ger2026",
    source=OURS,
    paper="ger2026",
)
def no_memory() -> Check:
    S = np.array([[0.2, 0.1], [0.15, 0.3]])
    left, s, right = np.linalg.svd(S)
    start = np.array([S, (right.T * s) @ right, (left * s) @ left.T])
    S, GA, _ = _learned(_learned(start, LONGER), TARGET)
    return equal(
        np.abs(GA @ GA - S.T @ S).max(),
        0,
        Tolerance(1e-6, "two runs with a relative tolerance of $10^{-9}$, of up to 2000 steps"),
    )


# ---- learning rules for linear recurrent networks

TEACHER = np.array([0.9, 1.4, 0.6])
FEEDBACK, DECAY = 0.7, 0.3


def _mode_speeds(
    rule: str,
    modes: Array,
    feedback: float = FEEDBACK,
    decay: float = DECAY,
    teacher: Array = TEACHER,
) -> Array:
    """Return the speeds of a, b, w in one mode, by the equations."""
    (a, b, w), (a1, b1, w1) = modes, teacher
    P, P1, D, M = a * b, a1 * b1, 1 - w**2, 1 - w * w1
    by_a = b * (P / D - P1 / M)
    if rule == "BPTT":
        return -np.array(
            [by_a, a * (P / D - P1 / M), P * (P * w / D**2 - P1 * w1 / M**2)],
        )
    f, d = (a, 0.0) if rule == "one step" else (feedback, decay)
    E, E1 = 1 - d * w, 1 - d * w1
    return -np.array([by_a, f * (P / E - P1 / E1), f * b * (P * w / (D * E) - P1 * w1 / (M * E1))])


def _impulses(n_inputs: int, n_steps: int) -> Array:
    """Return inputs with the second moments of white noise: all impulses, at all times."""
    return np.eye(n_steps * n_inputs).reshape(-1, n_steps, n_inputs)


def _states(B: Array, W: Array, x: Array) -> list[Array]:
    h = [np.zeros((len(x), len(W)))]
    for t in range(x.shape[1]):
        h.append(h[-1] @ W.T + x[:, t] @ B.T)
    return h


def _network_speeds(
    rule: str, network: tuple[Array, Array, Array], x: Array, y: Array, R: Array
) -> tuple[Array, Array, Array]:
    """Return the speeds of matrices A, B, W under a learning rule, by running the network."""
    A, B, W = network
    h = _states(B, W, x)
    e = h[-1] @ A.T - y
    by_B, by_W, d, p, q = np.zeros_like(B), np.zeros_like(W), e @ A, 0 * x[:, 0], 0 * h[0]
    if rule == "RFLO":
        for t in range(x.shape[1]):
            p, q = DECAY * p + x[:, t], DECAY * q + h[t]
        return -e.T @ h[-1], -R @ e.T @ p, -R @ e.T @ q
    for t in reversed(range(0 if rule == "BPTT" else x.shape[1] - 1, x.shape[1])):
        by_B, by_W, d = by_B + d.T @ x[:, t], by_W + d.T @ h[t], d @ W
    return -e.T @ h[-1], -by_B, -by_W


def _mode_error(rules: tuple[str, ...], entries: slice) -> float:
    """Compare the equations of a mode with a network of three modes, off its teacher."""
    rng = np.random.default_rng(SEED)
    U, Q, Q1, V = (random_matrices.haar(3, 3, rng=rng) for _ in range(4))
    x = _impulses(3, 60)

    def network(modes: Array, Q: Array) -> tuple[Array, Array, Array]:
        a, b, w = modes
        return U * a @ Q.T, Q * b @ V.T, Q * w @ Q.T

    modes = np.array([[0.5, -0.3, 0.8], [0.4, 0.6, 0.9], [0.3, -0.5, 0.7]])
    A1, B1, W1 = network(np.repeat(TEACHER[:, None], 3, axis=1), Q1)
    y, R = _states(B1, W1, x)[-1] @ A1.T, FEEDBACK * Q @ U.T
    errors = []
    for rule in rules:
        A, B, W = _network_speeds(rule, network(modes, Q), x, y, R)
        found = np.stack([U.T @ A @ Q, Q.T @ B @ V, Q.T @ W @ Q])
        expected = _mode_speeds(rule, modes)[:, :, None] * np.eye(3)
        errors.append(relative_error(found[entries], expected[entries]))
    return max(errors)


@claim(
    "mode-a-b",
    "note",
    "The equations of an output strength and of RFLO's input strength, in aligned linear "
    "networks. Measured: their largest relative difference from a network of three modes, white "
    "inputs, and an error at the end of 60 steps.",
    section="-",
    kind=IDENTITY,
    label="eq-built-readout",
    paper="williams2026",
)
def mode_a_b() -> Check:
    return equal(_mode_error(("RFLO",), slice(0, 2)), 0, ROUNDING)


@claim(
    "mode-rules",
    "note",
    "The equations of all three strengths under BPTT, its one-step form and RFLO. Measured: "
    "their largest relative difference from networks in which errors are sent back through time, "
    "or traces forward.",
    section="-",
    kind=IDENTITY,
    label="eq-built-rules",
    source=OURS,
    paper="williams2026",
)
def mode_rules() -> Check:
    return equal(_mode_error(("BPTT", "one step", "RFLO"), slice(None)), 0, ROUNDING)


@claim(
    "no-saddle",
    "note",
    "Where outputs and inputs are zero both kinds of BPTT rest, and RFLO does not. Measured: the "
    "largest speed of RFLO's input matrix there, in a network without alignment, where those of "
    "the others are zero.",
    section="-",
    kind=QUALITATIVE,
    label="built-williams2026",
    paper="williams2026",
)
def no_saddle() -> Check:
    rng = np.random.default_rng(SEED)
    x = _impulses(3, 20)
    A, B, W, W1 = (0.4 * rng.standard_normal(shape) for shape in ((2, 5), (5, 3), (5, 5), (5, 5)))
    y, R = _states(B, W, x)[-1] @ A.T, rng.standard_normal((5, 2))
    at_rest = 0 * A, 0 * B, W1
    speeds = {
        rule: max(np.abs(s).max() for s in _network_speeds(rule, at_rest, x, y, R))
        for rule in ("BPTT", "one step", "RFLO")
    }
    rest = speeds["BPTT"] == speeds["one step"] == 0
    return at_least(speeds["RFLO"] if rest else np.nan, 0.1, "of the order of the teacher's")


@claim(
    "low-rank",
    "Prop. 3.1",
    "RFLO changes the recurrent matrix by one whose rank is at most the number of outputs, in any "
    "linear network. Measured: the third singular value of the change with two outputs, over the "
    "second, after 200 steps.",
    section="3",
    kind=IDENTITY,
    label="built-williams2026",
    paper="williams2026",
)
def low_rank() -> Check:
    rng = np.random.default_rng(SEED)
    x = _impulses(3, 15)

    def draw() -> tuple[Array, Array, Array]:
        A, B, W = (0.2 * rng.standard_normal(shape) for shape in ((2, 8), (8, 3), (8, 8)))
        return A, B, W

    (A, B, W), first = draw(), draw()
    y, network = _states(B, W, x)[-1] @ A.T, first
    for _ in range(200):
        dA, dB, dW = _network_speeds("RFLO", network, x, y, first[0].T)
        A, B, W = network
        network = A + 0.1 * dA, B + 0.1 * dB, W + 0.1 * dW
    s = np.linalg.svd(network[2] - first[2])[1]
    return equal(s[2] / s[1], 0, ROUNDING)


def _rates(rule: str, teacher: Array, feedback: float = FEEDBACK, decay: float = DECAY) -> Array:
    """Return the two rates at the teacher's strengths that are not zero."""

    def speeds(z: Array) -> Array:
        found = _mode_speeds(rule, np.moveaxis(z, -1, 0), feedback, decay, teacher)
        return np.moveaxis(found, 0, -1)

    return np.asarray(sorted(np.linalg.eigvals(jacobian(speeds, teacher)), key=abs)[1:])


@claim(
    "stability",
    "note",
    r"Near a solution the product of RFLO's two rates is $a\hat a b^2(b^2 + a\hat a)/(DE)^2$. "
    "Measured: the largest relative difference at four feedbacks of both signs.",
    section="-",
    kind=IDENTITY,
    label="eq-built-determinant",
    source=OURS,
    paper="williams2026",
)
def stability() -> Check:
    a, b, w = TEACHER
    D, E = 1 - w**2, 1 - DECAY * w
    errors = []
    for f in (-3.0, -0.5, 0.5, 2.0):
        rates = _rates("RFLO", TEACHER, f)
        expected = a * f * b**2 * (b**2 + a * f) / (D * E) ** 2
        errors.append(abs(np.prod(rates) / expected - 1))
    return equal(max(errors), 0, DIFFERENCES)


@claim(
    "signs",
    "note",
    "The stability of RFLO's solutions depends on signs: they are stable where feedback and output "
    "have equal signs. Measured: the largest real part of their rates, at 100 solutions, feedbacks "
    "and decays that are drawn with equal signs.",
    section="-",
    kind=QUALITATIVE,
    label="eq-built-determinant",
    paper="williams2026",
)
def signs() -> Check:
    rng, largest = np.random.default_rng(SEED), []
    for _ in range(100):
        (a, b), (w, decay) = rng.uniform(-2, 2, 2), rng.uniform(-0.9, 0.9, 2)
        f = np.sign(a) * rng.uniform(0.1, 3)
        largest.append(_rates("RFLO", np.array([a, b, w]), f, decay).real.max())
    return at_most(max(largest), 0, "a rate above zero leads away")


@claim(
    "slower",
    "note",
    "RFLO converges more slowly than BPTT. Measured: the largest ratio of their rates near a "
    "solution, as geometric means, with the output's strength as feedback and decays of 0, 0.3 and "
    "0.9.",
    section="-",
    kind=QUALITATIVE,
    label="built-williams2026",
    paper="williams2026",
)
def slower() -> Finding:
    full = _rates("BPTT", TEACHER)
    ratios = [
        np.sqrt(abs(np.prod(_rates("RFLO", TEACHER, TEACHER[0], decay)) / np.prod(full)))
        for decay in (0.0, 0.3, 0.9)
    ]
    return Finding(
        at_most(max(ratios), 1, "equal speed"),
        condition=Amendment(
            r"the decay is below the recurrent strength, here 0.6; the ratio is $D/E$",
            at_most(max(ratios[:2]), 1, "equal speed"),
        ),
    )


# ---- kernels at a bifurcation

MUS = np.array([0.008, 0.012, 0.016])


@shared
def _critical() -> tuple[Array, Array, Array]:
    """Return a matrix with the eigenvalue 1, and its two vectors, whose product is 1."""
    rng = np.random.default_rng(SEED)
    v = random_matrices.haar(12, 1, rng=rng)
    W = v @ v.T + 0.3 * rng.standard_normal((12, 12)) / np.sqrt(12)
    values, right = np.linalg.eig(W)
    top = np.argmax(values.real)
    r, ell = right[:, top].real, np.linalg.inv(right)[top].real
    return W / values[top].real, r, ell / (ell @ r)


@shared
def _spectra() -> Array:
    """Return the spectra of kernels, by iterating networks and their derivatives."""
    W0, r, _ = _critical()
    n, found = len(r), []
    for mu in MUS:
        W, h, by_W = (1 + mu) * W0, 0.1 * r, np.zeros((n, n, n))
        for _ in range(int(12 / mu)):
            f = np.tanh(h)
            by_W = np.tensordot(W * (1 - f**2), by_W, 1)
            by_W[range(n), range(n)] += f
            h = W @ f
        found.append(np.linalg.eigvalsh(np.tensordot(by_W, by_W, ((1, 2), (1, 2))))[::-1])
    return np.array(found)


@claim(
    "amplified",
    "abstract",
    "Near a bifurcation one direction of the kernel of the states is strongly amplified. "
    r"Measured, at the fixed point beyond a pitchfork: the power of the distance $\mu$ with which "
    "the largest eigenvalue grows.",
    section="-",
    kind=SCALING,
    label="eq-built-collapse",
    paper="hazelden2026a",
)
def amplified() -> Check:
    return equal(exponent(MUS, _spectra()[:, 0]), -1, SERIES)


@claim(
    "rank-one",
    "abstract",
    "The kernel comes down to an operator of rank one. Measured, at the fixed point beyond a "
    r"pitchfork: the power of the distance $\mu$ with which the effective rank tends to one.",
    section="-",
    kind=SCALING,
    label="built-hazelden2026a",
    paper="hazelden2026a",
)
def rank_one() -> Check:
    K = _spectra()
    excess = K.sum(axis=1) ** 2 / (K**2).sum(axis=1) - 1
    return equal(exponent(MUS, excess), 2, Tolerance(0.06, "the next order, of two eigenvalues"))


@claim(
    "pitchfork",
    "abstract",
    "The kernel near the bifurcation can be told from the normal form. Measured: the largest "
    r"eigenvalue times $\mu$, extrapolated to $\mu = 0$, over $3|r|^4|\ell|^2/4\kappa$. The "
    "formula is our derivation.",
    section="-",
    kind=NUMBER,
    label="eq-built-collapse",
    paper="hazelden2026a",
)
def normal_form() -> Check:
    _, r, ell = _critical()
    limit = np.polyfit(MUS, MUS * _spectra()[:, 0], 2)[-1]
    expected = 3 * (r @ r) ** 2 * (ell @ ell) / (4 * (ell @ r**3))
    return equal(limit / expected, 1, Tolerance(1e-3, "extrapolation through three points"))


# ---- gates


@claim(
    "gates",
    "readme, appendix",
    "With weak coupling, a gate passes an error on with its own factor for each lag, and the "
    "first order of the coupling leaves a remainder of second order. Measured: the power of the "
    "coupling in what the first order leaves of the Jacobian over 20 steps.",
    section="-",
    kind=SCALING,
    label="eq-built-gate",
    paper="livi2025",
)
def gates() -> Check:
    rng = np.random.default_rng(SEED)
    W, h0 = rng.standard_normal((10, 10)) / np.sqrt(10), rng.standard_normal(10)
    sizes, alpha, rests = np.array([1e-3, 2e-3, 4e-3]), 0.1, []
    for size in sizes:
        h, expected = h0 + 1e-20j * np.eye(10), (1 - alpha) ** 20 * np.eye(10)
        for _ in range(20):
            D = 1 - np.tanh(size * W @ h[0].real) ** 2
            expected += alpha * (1 - alpha) ** 19 * size * D[:, None] * W
            h = (1 - alpha) * h + alpha * np.tanh(size * h @ W.T)
        rests.append(np.linalg.norm(h.imag.T / 1e-20 - expected))
    return equal(exponent(sizes, rests), 2, SERIES)


CLAIMS = claims_of(vars())
