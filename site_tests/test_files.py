"""The files of the built site: links, heads, images, what search engines ask for."""

import importlib
import inspect
import re
from collections import Counter
from functools import cache
from pathlib import Path
from urllib.parse import unquote, urlsplit
from xml.etree import ElementTree

import pytest
from bs4 import BeautifulSoup
from sphinx_external_toc.parsing import parse_toc_yaml

import dlnlib
from conftest import BASE, ROOT, SITE, pages

WRITTEN = [f"{name}.html" for name in parse_toc_yaml(ROOT / "_toc.yml")]
# What we know no address of.
ON_PAPER = (
    "Effect of batch learning in multilayer neural networks",
    "Stability of Householder QR factorization for weighted least squares problems",
)
FALLBACK = re.compile(r"\.\.\.$|…$")


@cache
def soup(name):
    """Return a page of the site as a tree."""
    return BeautifulSoup((SITE / name).read_text("utf8"), "html.parser")


def meta(page, **which):
    """Return what a page's head says."""
    found = soup(page).head.find_all("meta", attrs=which)
    assert len(found) == 1, f"{page}: {len(found)} of {which}"
    return found[0]["content"]


@pytest.mark.parametrize("page", WRITTEN)
def test_a_page_describes_itself_by_hand(page):
    said = meta(page, name="description")
    assert 40 <= len(said) <= 200, f"{page}: description of {len(said)} letters: {said!r}"
    assert not FALLBACK.search(said), f"{page}: no description in its front matter: {said!r}"
    assert meta(page, property="og:description") == said


@pytest.mark.parametrize("page", WRITTEN)
def test_a_page_says_where_it_is_and_what_stands_for_it(page):
    links = {tuple(link["rel"]): link["href"] for link in soup(page).head.find_all("link")}
    assert links["canonical",] == BASE + page
    assert (SITE / page).parent.joinpath(links["icon",].split("?")[0]).resolve().is_file()
    assert (SITE / meta(page, property="og:image").removeprefix(BASE)).is_file()
    assert meta(page, property="og:image:alt")


def test_the_card_has_the_size_that_previews_of_links_show():
    from PIL import Image

    with Image.open(SITE / "_static" / "card.png") as card:
        assert card.size == (1200, 630)
    assert (SITE / "_static" / "card.png").stat().st_size < 300_000


def test_the_map_of_the_site_lists_the_pages_of_the_book():
    tree = ElementTree.parse(SITE / "sitemap.xml")
    listed = [place.text for place in tree.iter("{http://www.sitemaps.org/schemas/sitemap/0.9}loc")]
    assert sorted(listed) == sorted(BASE + page for page in WRITTEN)
    assert f"Sitemap: {BASE}sitemap.xml" in (SITE / "robots.txt").read_text("utf8")


def test_a_page_has_one_viewport_no_id_twice_and_no_advertisement(name):
    page = soup(name)
    if name != "index.html":
        assert len(page.find_all("meta", attrs={"name": "viewport"})) == 1
    ids = Counter(part["id"] for part in page.find_all(id=True))
    assert {which: n for which, n in ids.items() if n > 1} == {}
    assert page.find(id="ethical-ad-placement") is None


def test_images_have_words_and_load_when_they_are_seen(name):
    trouble = []
    for image in soup(name).select("article img:not(.toggler)"):
        source = image.get("src", "")
        if len(image.get("alt", "")) < 20:
            trouble.append(f"{source}: alt {image.get('alt')!r}")
        if image.get("loading") != "lazy":
            trouble.append(f"{source}: loads at once")
    assert trouble == []


def test_figures_have_their_variants(name):
    trouble = []
    for link in soup(name).select("a.enlarge"):
        for theme in ("light", "dark"):
            found = link.select(f"picture.only-{theme}")
            if len(found) != 1:
                trouble.append(f"{link['href']}: {len(found)} pictures for {theme}")
                continue
            files = [found[0].img["src"], *(part["srcset"] for part in found[0].find_all("source"))]
            if len(files) < 2:
                trouble.append(f"{link['href']}: no narrow variant, {theme}")
            places = (((SITE / name).parent / unquote(file)).resolve() for file in files)
            trouble += [f"{path}: no such file" for path in places if not path.is_file()]
    assert trouble == []


@pytest.mark.parametrize("page", [p for p in WRITTEN if re.search("section-|appendix-", p)])
def test_a_chapter_says_how_long_it_takes(page):
    if not soup(page).select("div.cell"):
        return
    line = soup(page).select_one("article p.times")
    assert line is not None, f"{page}: no line under the title"
    assert re.fullmatch(r"\d+.min read · \d+.(s|min) to run", line.get_text())


@pytest.mark.parametrize("page", WRITTEN)
def test_the_foot_of_a_page_names_version_day_and_licences(page):
    said = soup(page).select_one("footer.bd-footer-content").get_text()
    assert re.search(rf"[Vv]ersion {re.escape(dlnlib.__version__)}.* of \d{{4}}-\d\d-\d\d", said)
    assert "CC BY 4.0" in said and "BSD-3-Clause" in said


def test_the_table_of_seconds_has_all_pages_with_code():
    shown = {row.td.a["href"] for row in soup("chapters/status.html").select("tbody tr") if row.a}
    chapters = {page for page in WRITTEN if soup(page).select("div.cell")}
    assert {Path("chapters", href).as_posix() for href in shown} >= {
        page for page in chapters if page.startswith("chapters/")
    }


def test_every_public_name_has_a_place_in_the_reference():
    places = {
        part["id"]
        for page in WRITTEN
        if page.startswith("chapters/api/")
        for part in soup(page).find_all("dt", id=True)
    }
    for room in dlnlib.__all__:
        module = importlib.import_module(f"dlnlib.{room}")
        kept = {n for n in module.__all__ if inspect.isroutine(getattr(module, n))}
        assert {f"dlnlib.{room}.{n}" for n in kept} - places == set()


def test_entries_of_the_bibliography_lead_to_what_they_name():
    entries = soup("references.html").select("div.citation")
    assert entries
    bare = [entry.get_text() for entry in entries if not entry.select("a.external")]
    assert [text for text in bare if not any(title in text for title in ON_PAPER)] == []


def test_nothing_is_shipped_that_no_page_loads():
    names = [path.relative_to(SITE).as_posix() for path in (SITE / "_static").rglob("*")]
    heavy = [
        n for n in names if n.endswith((".map", ".woff2", ".mo", ".po")) or "fontawesome.js" in n
    ]
    assert heavy == []
    fonts = list((SITE / "_static/vendor/fontawesome/webfonts").glob("*.ttf"))
    assert fonts and sum(font.stat().st_size for font in fonts) < 30_000


def test_the_icons_that_pages_show_are_left_in_their_fonts():
    from fontTools.ttLib import TTFont

    css = (SITE / "_static/styles/pydata-sphinx-theme.css").read_text("utf8")
    fonts = (SITE / "_static/vendor/fontawesome/webfonts").glob("*.ttf")
    points = {point for font in fonts for point in TTFont(font).getBestCmap() or ()}
    shown = {
        icon
        for page in pages()
        for part in soup(page).select("i[class*=fa-]")
        for icon in part["class"]
        if re.fullmatch(r"fa-(?!solid|brands|regular|lg|fw|sm|xs|\dx)[a-z-]+", icon)
    }
    assert shown
    for icon in sorted(shown):
        rule = re.search(rf'\.{icon}:{{1,2}}before[^{{]*{{content:"\\([0-9a-f]+)"', css)
        assert rule and int(rule[1], 16) in points, icon


@cache
def anchors(path):
    """Return what can be linked to in a file of the site, or None if there is no such file."""
    if not path.is_file():
        return None
    if path.suffix != ".html":
        return {""}
    page = soup(path.relative_to(SITE).as_posix())
    return {"", *(part["id"] for part in page.find_all(id=True))}


def test_links_inside_the_site_lead_somewhere(name):
    trouble = []
    for link in soup(name).find_all(["a", "link", "script", "img", "source"]):
        target = link.get("href") or link.get("src") or link.get("srcset") or "#"
        parts = urlsplit(target)
        if parts.scheme or parts.netloc or parts.path.startswith("/") or name == "404.html":
            continue
        base = (SITE / name).parent if parts.path else SITE
        path = (base / unquote(parts.path or name)).resolve()
        if path.relative_to(SITE).parts[:1] == ("lite",):
            continue
        found = anchors(path / "index.html" if path.is_dir() else path)
        if found is None:
            trouble.append(f"{target}: no such file")
        elif unquote(parts.fragment) not in found:
            trouble.append(f"{target}: no such place")
    assert trouble == []
