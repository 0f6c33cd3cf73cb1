"""Tests that the ledger can fail: a library broken on purpose changes verdicts."""

from __future__ import annotations

import numpy as np
import pytest

import ledger
from dlnlib import (
    _arithmetic,
    consistency,
    correlations,
    datasets,
    exact,
    initial_conditions,
    mean_field,
    networks,
    pretraining,
    propagation,
    random_matrices,
    spectra,
    tanh_networks,
    training,
)
from ledger import record, three_layers


def times(factor):
    """Return a mutation that scales what a function returns."""

    def mutate(function):
        def wrong(*args, **kwargs):
            result = function(*args, **kwargs)
            return [factor * r for r in result] if isinstance(result, tuple) else factor * result

        return wrong

    return mutate


def given(**changes):
    """Return a mutation that changes keyword arguments of a function."""

    def mutate(function):
        def wrong(*args, **kwargs):
            changed = {name: change(kwargs.get(name)) for name, change in changes.items()}
            return function(*args, **{**kwargs, **changed})

        return wrong

    return mutate


def half(x):
    return x / 2


def one_more(n):
    return n + 1


def one_per_cent_more(x):
    return 1.01 * x


def without_competition(weights, data):
    """Drop the overlaps between modes from the gradient of a three-layer network."""
    first, second = weights
    residual = np.diag(np.diag(data.sigma_yx - second @ first))
    return -second.T @ residual, -residual @ first.T


def shuffled(function):
    """Pretrain on other inputs."""

    def wrong(data, sizes, **kwargs):
        sigma = data.sigma_xx[::-1, ::-1].copy()
        return function(correlations.Correlations(sigma, sigma, data.trace_yy, 6), sizes, **kwargs)

    return wrong


def wider(function):
    return lambda *args, **kwargs: (1.05 * W for W in function(*args, **kwargs))


def qr_as_it_is(n_rows, n_columns, *, rng):
    """Draw orthonormal columns with the signs that the algorithm prefers."""
    return np.linalg.qr(np.random.default_rng(rng).standard_normal((n_rows, n_columns)))[0]


def likelier(function):
    """Report a quarter of the share that a random frame has."""

    def wrong(data):
        found = function(data)
        return found._replace(off_diagonal_by_chance=found.off_diagonal_by_chance / 4)

    return wrong


def louder(function):
    """Multiply the graded product that a function returns by a factor."""

    def wrong(*args, **kwargs):
        product = function(*args, **kwargs)
        return product._replace(log_scales=product.log_scales + np.log(1.001))

    return wrong


def drive_of_each_mode_alone(function):
    """Leave out what modes do to one another."""

    def wrong(weights, above, drive):
        return function(weights, above, drive * np.eye(drive.shape[-1]))

    return wrong


def reverse_of(function):
    """Exchange the blocks of the two layers."""

    def wrong(*args, **kwargs):
        return function(*args, **kwargs)._replace(first=function(*args, **kwargs).last)

    return wrong


def slope_of_another_function(function):
    """Send errors back through 1 - h in place of the slope of tanh, 1 - h²."""

    def wrong(weights, layers, errors):
        return function(weights, [np.sqrt(np.abs(h)) for h in layers], errors)

    return wrong


def as_recorded(function):
    """Cross a level at the first record beyond it."""
    return lambda times, values, level: times[np.argmax(np.asarray(values) >= level, axis=0)]


def children_of_others(function):
    """Give children to parents in turn, so that siblings are far apart."""

    def wrong(**kwargs):
        x, y = function(**kwargs)
        n_levels = len(y).bit_length() - 1
        tree = y.reshape(*[2] * n_levels, -1)
        return x, tree.transpose(*range(n_levels)[::-1], n_levels).reshape(y.shape)

    return wrong


def rate_times(factor):
    """Descend at a rate that is off by a factor of the number of weight matrices and of s."""

    def mutate(function):
        def wrong(weights, data, *, learning_rate, **kwargs):
            off = factor(len(weights), data.sigma_yx.max())
            return function(weights, data, learning_rate=off * learning_rate, **kwargs)

        return wrong

    return mutate


MUTATIONS = {
    "a gradient of the wrong sign": (networks, "gradient", times(-1), "eq-5"),
    "a gradient half as large": (networks, "gradient", times(0.5), "eq-28"),
    "no competition": (networks, "gradient", lambda _: without_competition, "eq-6"),
    "an error without its half": (networks, "error", times(2), "eq-9"),
    "a sigmoid twice as fast": (exact, "mode_strength", given(tau=half), "eq-12"),
    "a time without its factor 2": (exact, "learning_time", times(2), "eq-11"),
    "a chain 1 % too slow": (exact, "chain_learning_time", times(1.01), "chain-time"),
    "a product 1 per mille too fast": (exact, "end_to_end_velocity", times(1.001), "end-to-end"),
    "a product of more layers": (
        exact,
        "end_to_end_flow",
        given(n_layers=one_more),
        "end-to-end-course",
    ),
    "a depth off by one": (exact, "learning_time", given(n_layers=one_more), "eq-15-time"),
    "a limit off by a per cent": (exact, "infinite_depth_learning_time", times(0.99), "eq-17"),
    "s for 2s": (exact, "unbalanced_learning_time", given(s=half), "eq-26"),
    "another curvature": (exact, "curvature_along_path", given(n_layers=one_more), "eq-37"),
    "a Riccati solution 1 % too slow": (
        exact,
        "three_layer_map",
        given(tau=one_per_cent_more),
        "riccati",
    ),
    "an overlap of the other layer": (exact, "three_layer_grams", reverse_of, "domine2024/kernel"),
    "a kernel without one layer": (networks, "tangent_kernel", times(0.5), "domine2024/kernel"),
    "a Newton step backwards": (exact, "newton_step", times(-1), "eq-40"),
    "a rate too high": (exact, "optimal_learning_rate", times(1.5), "eq-41"),
    "white inputs": (exact, "mode_strength", given(d=lambda _: 1.0), "app-e-depth"),
    "a loose integrator": (training, "gradient_flow", given(rtol=lambda _: 1e-3), "eq-8"),
    "flow 1 % too slow": (training, "gradient_flow", given(tau=lambda x: 1.01 * x), "eq-11"),
    "too few steps": (training, "gradient_descent", given(n_steps=lambda n: n // 100), "eq-7"),
    "steps half as large": (training, "gradient_descent", given(learning_rate=half), "eq-42"),
    "wide weights": (
        initial_conditions,
        "small_random",
        given(scale=lambda x: 1.1 * x),
        "fig-3-mean-u0",
    ),
    "a tree that flips more often": (
        datasets,
        "hierarchical",
        given(flip_probability=lambda _: 0.12),
        "fig-3-flips",
    ),
    "another tree": (exact, "hierarchical_singular_values", times(1.001), "fig-3-tree"),
    "centred pixels": (
        datasets,
        "mnist",
        lambda load: lambda: correlations.centred(load()),
        "fig-4-floor-raw",
    ),
    "a wrong end": (networks, "product", times(1.001), "sec-3-fixed-point"),
    "a task out of line": (pretraining, "greedy_pretraining", shuffled, "eq-18"),
    "larger variances": (random_matrices, "gaussian_factors", wider, "eq-19"),
    "a law of other moduli": (
        spectra,
        "eigenvalue_mass_in_square",
        given(n_factors=one_more),
        "fig-6c-depth",
    ),
    "orthogonal but for a gain": (
        random_matrices,
        "orthogonal_factors",
        given(gain=lambda _: 1.001),
        "fig-6a-right",
    ),
    "a map off by a per mille": (mean_field, "variance_map", times(1.001), "eq-48"),
    "correlations off by a tenth": (mean_field, "correlation_map", times(0.9), "correlation-map"),
    "a wider ordered phase": (mean_field, "critical_gain", times(1.2), "two-phases"),
    "another critical gain": (
        mean_field,
        "fixed_point",
        lambda f: lambda *, gain: f(gain=gain / 1.001),
        "sec-4-critical",
    ),
    "a Jacobian of other weights": (
        propagation,
        "jacobian",
        louder,
        "eq-22",
    ),
    "a stack out of line": (pretraining, "greedy_pretraining", shuffled, "eq-18-learned"),
    "more by chance": (consistency, "consistency", likelier, "fig-5-chance-level"),
    "rotations that QR prefers": (random_matrices, "haar", lambda _: qr_as_it_is, "fig-6a-right"),
    "a density 2 % too high": (spectra, "fuss_catalan_density", times(1.02), "fig-6b-bars"),
    "rectangular factors of one width more": (
        spectra,
        "rectangular_log_density",
        given(layer_sizes=lambda sizes: (*sizes, sizes[0])),
        "no-isometry",
    ),
    "exponents a tenth too large": (
        spectra,
        "lyapunov_exponents",
        times(1.1),
        "newman1986/exponents",
    ),
    "a stretch 1 % too large": (mean_field, "stretch_factor", times(1.01), "fig-7-mean"),
    "moments of another gain": (
        mean_field,
        "jacobian_moments",
        given(gain=one_per_cent_more),
        "fig-7-critical-root",
    ),
    "moments of Gaussian weights": (
        mean_field,
        "jacobian_moments",
        given(ensemble=lambda _: "gaussian"),
        "fig-7-variance",
    ),
    "a law of another gain": (
        mean_field,
        "jacobian_spectrum",
        given(gain=one_per_cent_more),
        "fig-7-network",
    ),
    "Jacobians of another gain": (
        propagation,
        "jacobian",
        given(gain=one_per_cent_more),
        "fig-7-network",
    ),
    "a map 1 % too steep": (
        mean_field,
        "variance_map_derivative",
        times(1.01),
        "app-g-approach",
    ),
    "a correlation 1 % too large": (
        tanh_networks,
        "correlation",
        times(1.01),
        "fig-3-tanh-strength",
    ),
    "no competition in descent": (
        _arithmetic,
        "pairs",
        drive_of_each_mode_alone,
        "sec-1.1-competition",
    ),
    "a slope that is not that of tanh": (
        _arithmetic,
        "tanh_pairs",
        slope_of_another_function,
        "fig-3-tanh-rule",
    ),
    "times as recorded": (training, "crossing_time", as_recorded, "sec-1.3-timescale"),
    "children of other parents": (
        datasets,
        "hierarchical",
        children_of_others,
        "fig-3-relatives",
    ),
    "descent that bears the root of depth": (
        training,
        "gradient_descent",
        rate_times(lambda L, s: L**-0.5),
        "sec-2-rate-depth",
    ),
    "descent that bears any depth": (
        training,
        "gradient_descent",
        rate_times(lambda L, s: 1 / L),
        "sec-2-rate-depth",
    ),
    "descent that bears stronger modes": (
        training,
        "gradient_descent",
        rate_times(lambda L, s: 1 / s),
        "sec-2-rate-strength",
    ),
    "descent at a tenth of its rate": (
        training,
        "gradient_descent",
        rate_times(lambda L, s: 0.1),
        "eq-42",
    ),
    "another stable rate": (exact, "stable_learning_rate", times(1.5), "eq-42-exact"),
    "slower growth with momentum": (exact, "momentum_growth_rate", times(0.5), "sec-5-growth"),
    "faster relaxation with momentum": (
        exact,
        "momentum_relaxation",
        times(1.01),
        "sec-5-relaxation",
    ),
    "descent with less momentum": (
        training,
        "gradient_descent",
        given(momentum=lambda b: 0.99 * b),
        "sec-5-relaxation",
    ),
    "curvatures of the wrong sign": (networks, "gradient", times(-1), "app-b-steepest"),
    "a pendulum 1 % too slow": (
        exact,
        "frictionless_mode_strength",
        given(tau=one_per_cent_more),
        "sec-5-frictionless",
    ),
    "a noise 5 % larger": (
        exact,
        "generalisation_error",
        given(noise_variance=lambda x: 1.05 * x),
        "advani2020/best-time",
    ),
    "a best time 1 % late": (
        exact,
        "optimal_stopping_time",
        times(1.01),
        "advani2020/best-time",
    ),
    "modes of a larger noise": (
        exact,
        "noisy_modes",
        given(scale=lambda x: 1.05 * x),
        "lampinen2019/noisy-modes",
    ),
    "another threshold of dropout": (
        exact,
        "dropout_mode_strengths",
        given(keep=one_per_cent_more),
        "sec-5-dropout",
    ),
}


@pytest.mark.parametrize(
    ("module", "function", "mutate", "name"), MUTATIONS.values(), ids=MUTATIONS
)
def test_a_broken_library_changes_the_verdict(monkeypatch, module, function, mutate, name):
    claim = ledger.find(name)
    # That the unbroken library has the verdict on record is for the tests of the ledger.
    assert ledger.recorded_verdicts()[claim.id] != "not confirmed"
    monkeypatch.setattr(module, function, mutate(getattr(module, function)))
    with record.afresh():
        assert ledger.evaluate(claim).verdict == "not confirmed"


def test_the_right_form_in_place_of_the_printed_one_is_confirmed(monkeypatch):
    eq_26 = three_layers._eq_26
    monkeypatch.setattr(three_layers, "_eq_26", lambda begin, end, s: eq_26(begin, end, 2.0))
    assert ledger.evaluate(ledger.find("eq-26")).verdict == "confirmed"
