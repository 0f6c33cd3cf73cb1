"""Every page in a browser, desktop and phone, light and dark: what a reader meets, and loads."""

import gzip
import re
from contextlib import contextmanager

import pytest

from conftest import SITE, pages

DESKTOP = {"width": 1400, "height": 900}
PHONE = {"width": 390, "height": 844}
FIRST_LOAD = 700  # kB, compressed
# Findings about what the theme, docutils and MathJax write, by rule and by the elements that have
# them.
KNOWN = {
    # The name of the search button is not among its words, which show a key.
    "label-content-name-mismatch": ".search-button-field",
    # The logo stands outside the landmarks.
    "region": ".sidebar-primary-item:first-child, .navbar-brand",
    # docutils marks up a bibliography with roles that are no longer used.
    "aria-allowed-role": "div.citation",
    "aria-deprecated-role": "div.citation",
    "aria-required-children": "div.citation-list",
    # axe does not read the MathML of a formula, which is all that some heads are.
    "empty-table-header": "th:has(span.math)",
}
MATHS_IS_SET = """async () => {
  await window.MathJax?.startup?.promise;
  await document.fonts.ready;
}"""
# Axe takes its time for each element. Three quarters are boxes of formulas and words of code: of
# the first it sees the frame, of the second those of a few cells. Colours on their way from one
# theme to the other are neither's.
THIN = """() => {
  const still = document.head.appendChild(document.createElement("style"));
  still.textContent = "* { transition: none !important; }";
  for (const part of document.querySelectorAll("mjx-container")) part.replaceChildren();
  for (const part of [...document.querySelectorAll(".highlight pre")].slice(6)) {
    part.replaceChildren(part.textContent);
  }
}"""
# Most of it goes to contrast, which follows from ink, size and grounds: of all texts that look the
# same one is measured, and in another theme or window only looks that are new.
LOOKS = """() => {
  const seen = (window.looks ??= new Set()), grounds = new Map();
  for (const part of document.querySelectorAll("*")) {
    const style = getComputedStyle(part);
    const own = [style.backgroundColor, style.backgroundImage, style.opacity, style.filter].join();
    const below = grounds.get(part.parentElement) ?? "";
    grounds.set(part, own === "rgba(0, 0, 0, 0),none,1,none" ? below : `${below}/${own}`);
    part.removeAttribute("data-look");
    const writes = [...part.childNodes].some((child) => child.nodeType === 3 && child.data.trim());
    if (!(writes || part.matches("input, select, textarea")) || !part.checkVisibility()) continue;
    const look = [grounds.get(part), style.color, style.fontSize, style.fontWeight,
      style.textShadow, style.visibility, style.position, part.matches(":disabled")].join();
    if (!seen.has(look)) part.dataset.look = seen.add(look).size;
  }
  axe.configure({ rules: [{ id: "color-contrast", selector: "[data-look]" }] });
}"""
# When a window has kept its size for 0.3 s, the theme looks for what has to be scrolled in it.
SETTLED = "new Promise((done) => requestAnimationFrame(() => setTimeout(done, 400)))"
HIGHLIGHTS = """async () => {
  const links = [...document.querySelectorAll("nav.page-toc a.nav-link")];
  const seen = [];
  const step = Math.max(1, Math.ceil(links.length / 5));
  for (let i = 0; i < links.length; i += step) {
    const target = document.getElementById(decodeURIComponent(links[i].hash.slice(1)));
    if (!target?.checkVisibility()) continue;
    const top = target.getBoundingClientRect().top + scrollY - 150;
    scrollTo({ top, behavior: "instant" });
    await new Promise((done) => setTimeout(done, 150));
    const active = links.filter((link) => link.classList.contains("active"));
    seen.push([links[i].hash, active.map((link) => link.hash)]);
  }
  scrollTo({ top: 0, behavior: "instant" });
  return seen;
}"""


@contextmanager
def opened(browser, url, *, home, viewport=DESKTOP, **options):
    """Open a page as at a first visit; yield it, what went wrong and what was asked for."""
    context = browser.new_context(viewport=viewport, reduced_motion="reduce", **options)
    page, trouble, answers = context.new_page(), [], {}
    page.on("pageerror", lambda error: trouble.append(f"uncaught error: {error}"))
    page.on(
        "console",
        lambda said: trouble.append(f"console: {said.text}") if said.type == "error" else None,
    )
    page.on(
        "request",
        lambda asked: (
            None
            if asked.url.startswith((home, "data:", "blob:"))
            else trouble.append(f"leaves the site: {asked.url}")
        ),
    )
    page.on("requestfailed", lambda asked: trouble.append(f"request failed: {asked.url}"))
    page.on("response", lambda answer: answers.setdefault(answer.url, answer))
    page.goto(url, wait_until="load")
    page.evaluate(MATHS_IS_SET)
    try:
        yield page, trouble, answers
    finally:
        context.close()


def in_theme(page, theme):
    """Change between light and dark, as the theme's button does."""
    page.evaluate(
        "(theme) => Object.assign(document.documentElement.dataset, { theme, mode: theme })", theme
    )


def compressed(answers):
    """Return the size of each answer when compressed, in bytes."""
    done = [answer for answer in list(answers.values()) if 200 <= answer.status < 300]
    return {answer.url: len(gzip.compress(answer.body())) for answer in done}


def findings(page, rules=None, within="html"):
    """Return what axe finds beyond what is known of the theme."""
    from axe_playwright_python.base import AXE_SCRIPT

    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE_SCRIPT)
    page.evaluate(LOOKS)
    # Its own look at stylesheets would ask for some at wrong addresses.
    options = {"resultTypes": ["violations"], "preload": False}
    if rules:
        options["runOnly"] = {"type": "rule", "values": rules}
    run = "async ([within, options]) => (await axe.run(within, options)).violations"
    violations = page.evaluate(run, [within, options])
    found = []
    for violation in violations:
        for node in violation["nodes"]:
            target = node["target"][0]
            known = KNOWN.get(violation["id"], ":not(*)")
            if not page.eval_on_selector(target, "(part, known) => part.matches(known)", known):
                summary = node.get("failureSummary", "").split("\n")[-1].strip()
                found.append(f"{violation['id']} at {target}, {node['html'][:80]}: {summary}")
    return found


def contents_trouble(page):
    """Return what is wrong with the highlights of "Contents" as one scrolls."""
    seen = page.evaluate(HIGHLIGHTS)
    trouble = [f"Contents: nothing is highlighted at {place}" for place, on in seen if not on]
    if len(seen) > 2 and len({tuple(on) for _, on in seen}) < 2:
        trouble.append("Contents: the highlight does not move")
    if page.locator(".bd-article a.active").count():
        trouble.append("Contents: a link of the text is highlighted")
    return trouble


def sideways_trouble(page):
    """Return by how much a page is wider than the window."""
    wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    return [f"scrolls sideways on a phone, by {wide} px"] if wide > 0 else []


def report(name, trouble):
    """Fail with a line for each trouble."""
    assert not trouble, f"{name}:\n  " + "\n  ".join(dict.fromkeys(trouble))


def test_a_page_is_light_quiet_and_accessible(browser, address, name):
    if name in ("index.html", "404.html"):  # the first leads on; the second is looked at below
        return
    with opened(browser, address + name, home=address) as (page, trouble, answers):
        page.wait_for_load_state("networkidle")
        sizes = compressed(answers)
        total = sum(sizes.values()) / 1000
        if total > FIRST_LOAD:
            largest = sorted(sizes.items(), key=lambda item: -item[1])[:6]
            which = ", ".join(f"{url.removeprefix(address)} {n // 1000}" for url, n in largest)
            trouble.append(f"first load {total:.0f} kB, more than {FIRST_LOAD}: {which}")
        trouble += contents_trouble(page)
        page.set_viewport_size(PHONE)
        trouble += sideways_trouble(page)
        page.set_viewport_size(DESKTOP)
        page.evaluate(THIN)
        trouble += [f"axe, desktop, light: {each}" for each in findings(page)]
        in_theme(page, "dark")
        trouble += [f"axe, desktop, dark: {each}" for each in findings(page, ["color-contrast"])]
        page.set_viewport_size(PHONE)
        page.evaluate(SETTLED)
        trouble += [f"axe, phone, dark: {each}" for each in findings(page, ["color-contrast"])]
        in_theme(page, "light")
        trouble += [f"axe, phone, light: {each}" for each in findings(page)]
        for i, root in enumerate(page.locator(".explorable.live").all(), 1):
            if not root.locator("svg").count() or not root.locator("input, button").count():
                trouble.append(f"explorable {i} has no chart or no control")
    report(name, trouble)


def test_a_page_works_without_a_server(browser, name):
    if name in ("index.html", "404.html") or re.match("chapters/api/[^e]", name):
        return  # one room of the library stands for all
    home = SITE.as_uri()
    with opened(browser, f"{home}/{name}", home=home, viewport=PHONE) as (page, trouble, _):
        trouble += sideways_trouble(page)
        if (
            page.locator("span.math, div.math").count()
            and not page.locator("mjx-container").count()
        ):
            trouble.append("formulas are not set")
    report(name, trouble)


@pytest.mark.parametrize("missing", ["nowhere.html", "chapters/api/deep/nowhere.html"])
def test_the_page_for_what_there_is_not_works_at_any_depth(browser, address, missing):
    with opened(browser, address + missing, home=address) as (page, trouble, answers):
        failed = [answer.url for answer in answers.values() if answer.status >= 400]
        assert failed == [address + missing]
        # The answer itself is an error, as it should be.
        trouble = [said for said in trouble if "404" not in said]
        trouble += findings(page) + sideways_trouble(page)
        report(missing, trouble)
        page.locator(".bd-article a").first.click()
        assert page.url.startswith(address) and page.title() != "There is no such page"


def test_search_finds_and_can_be_read_in_the_dark(browser, address):
    url = f"{address}search.html?q=momentum"
    with opened(browser, url, home=address) as (page, trouble, _):
        page.wait_for_selector("#search-results li")
        page.wait_for_selector("#search-results .highlighted")
        for theme in ("light", "dark"):
            in_theme(page, theme)
            trouble += [f"{theme}: {each}" for each in findings(page, ["color-contrast"])]
        report("search", trouble)


def test_the_ledger_takes_filters_from_its_address(browser, address):
    ledger = f"{address}chapters/ledger.html"
    count = "(t) => [...t.tBodies].filter((b) => !b.hidden).map((b) => b.dataset.verdict)"
    with opened(browser, ledger, home=address) as (page, *_):
        everything = page.eval_on_selector("table.ledger", count)
        place = page.get_attribute("table.ledger tbody[data-verdict=confirmed]", "id")
    with opened(browser, f"{ledger}?verdict=corrected", home=address) as (page, *_):
        corrected = page.eval_on_selector("table.ledger", count)
        assert set(corrected) == {"corrected"}
        assert len(corrected) == everything.count("corrected") < len(everything)
    with opened(browser, f"{ledger}?verdict=corrected#{place}", home=address) as (page, *_):
        assert page.locator(f"[id='{place}']").is_visible()


def test_the_table_of_works_is_filtered_and_its_address_keeps_that(browser, address):
    url = f"{address}chapters/built.html"
    rows = ".works tbody tr"
    with opened(browser, url, home=address, viewport=PHONE) as (page, trouble, _):
        everything = page.locator(rows).count()
        page.get_by_label("every idea").select_option("spectral bias")
        page.get_by_label("executed or not").select_option("stand-in")
        shown = page.locator(f"{rows}:visible").all_inner_texts()
        assert 0 < len(shown) < everything
        assert all("spectral bias" in row and "stand-in" in row for row in shown)
        assert page.locator(".ledger-filter output").inner_text() == f"{len(shown)} of {everything}"
        kept = page.url
        trouble += sideways_trouble(page)
        report("works", trouble)
    with opened(browser, kept, home=address) as (page, *_):
        assert page.locator(f"{rows}:visible").count() == len(shown)
        page.get_by_label("filter by words").fill("graph nowhere")
        assert page.locator(f"{rows}:visible").count() == 0
        page.get_by_role("button", name="show all").click()
        assert page.locator(f"{rows}:visible").count() == everything
        assert page.url == url


def linked(page, kind):
    """Return a visible link of the text to an equation, a figure or an entry."""
    links = page.locator(f".bd-article a.reference.internal[href*='{kind}']")
    return next((link for link in links.all() if link.is_visible()), None)


def test_links_show_what_they_lead_to(browser, address):
    shown = {"#equation-": 0, "#fig-": 0, "references.html#": 0}
    chapters = [name for name in pages() if name.startswith("chapters/section-1-")]
    for name in chapters:
        with opened(browser, address + name, home=address) as (page, trouble, _):
            preview = page.locator("#preview")
            for kind in shown:
                if (link := linked(page, kind)) is None:
                    continue
                link.scroll_into_view_if_needed()
                link.focus()
                page.keyboard.press("Shift+Tab")
                page.keyboard.press("Tab")
                preview.wait_for(state="visible")
                assert preview.inner_text().strip() or preview.locator("mjx-container, img").count()
                assert link.get_attribute("aria-describedby") == "preview"
                trouble += findings(page, within="#preview")
                page.keyboard.press("Escape")
                preview.wait_for(state="hidden")
                link.hover()
                preview.wait_for(state="visible")
                page.keyboard.press("Escape")
                shown[kind] += 1
            report(name, trouble)
    assert all(shown.values()), shown


def test_fingers_see_no_previews(browser, address):
    url = f"{address}chapters/section-1-1.html"
    with opened(browser, url, home=address, has_touch=True, is_mobile=True) as (page, *_):
        assert page.locator("#preview").count() == 0


def test_a_wide_equation_on_a_phone_can_be_reached_and_says_that_it_goes_on(browser, address):
    wide = """(all) => all
      .filter((part) => part.scrollWidth > part.clientWidth + 1)
      .map((part) => [part.tabIndex, part.getAttribute("role"),
        getComputedStyle(part).maskImage])"""
    found = []
    for name in pages():
        if name.startswith("chapters/section-1-"):
            url = address + name
            with opened(browser, url, home=address, viewport=PHONE) as (page, *_):
                found += page.eval_on_selector_all("div.math mjx-container[display]", wide)
    assert found, "no equation is wide: nothing was tested"
    for tab, role, mask in found:
        assert (tab, role) == (0, "group") and mask != "none"


def test_paper_shows_a_chapter_as_it_is(browser, address):
    url = f"{address}chapters/section-1-3.html"
    with opened(browser, url, home=address) as (page, *_):
        in_theme(page, "dark")
        page.emulate_media(media="print")
        page.evaluate("dispatchEvent(new Event('beforeprint'))")
        for gone in ("#pst-primary-sidebar", "#pst-secondary-sidebar", ".bd-header-article"):
            assert not page.locator(gone).is_visible(), gone
        wrap = "(part) => getComputedStyle(part).whiteSpace"
        assert page.eval_on_selector(".bd-article pre", wrap) == "pre-wrap"
        ink = page.eval_on_selector(
            ".bd-article p", "(part) => getComputedStyle(part).color.match(/\\d+/g).map(Number)"
        )
        assert max(ink[:3]) < 80, f"text is printed in {ink}"
        ground = "getComputedStyle(document.body).backgroundColor"
        assert page.evaluate(ground) in ("rgb(255, 255, 255)", "rgba(0, 0, 0, 0)")
        folded = "(all) => all.filter((part) => !part.open).length"
        assert page.eval_on_selector_all(".bd-article details", folded) == 0
        assert page.locator("h1 .section-number").first.is_visible()
