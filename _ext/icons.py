"""Serve icons as fonts of those that the pages use: some kilobytes instead of a megabyte.

The theme brings each icon of a set of 2,000 twice, as a glyph of a font and as a drawing in a
script that replaces the glyph. A page needs about twenty. The script goes; the fonts, and the
rules that name their glyphs, are cut to what the pages and their scripts mention. Source maps and
translations, which nothing loads, go too.
"""

import re
import shutil
from pathlib import Path

from fontTools import subset
from fontTools.ttLib import TTFont

NAMES = re.compile(r"\bfa-[a-z0-9-]+")
RULE = re.compile(r'((?:\.fa-[\w-]+:{1,2}before,?)+)\{content:"(?:\\([0-9a-f]+)|[^"]*)"\}')
COMPRESSED = re.compile(r'url\([^)]*fontawesome[^)]*\.woff2\) format\("woff2"\),')


def used_icons(folder):
    """Return the names of icons that pages, our scripts and the theme's mention."""
    files = [*folder.rglob("*.html"), *folder.glob("_static/**/*.js")]
    return {name for path in files for name in NAMES.findall(path.read_text("utf8", "replace"))}


def cut_rules(css, names):
    """Return a stylesheet with the glyphs of some icons only, and the code points it names."""

    def keep(rule):
        return rule[0] if names & set(NAMES.findall(rule[1])) else ""

    css = COMPRESSED.sub("", RULE.sub(keep, css))
    return css, {int(point, 16) for point in re.findall(r'"\\([0-9a-f]{4})"', css)}


def cut_font(path, points):
    """Leave in a font the glyphs of some code points."""
    with TTFont(path) as font:
        cutter = subset.Subsetter(subset.Options(hinting=False, layout_features=[]))
        cutter.populate(unicodes=points)
        cutter.subset(font)
        font.save(path)


def cut(app, exception):
    """Cut the fonts and the stylesheet of a site."""
    static = Path(app.outdir) / "_static"
    sheet = static / "styles" / "pydata-sphinx-theme.css"
    if exception or app.builder.format != "html" or not sheet.exists():
        return
    css, points = cut_rules(sheet.read_text("utf8"), used_icons(Path(app.outdir)))
    sheet.write_text(css, "utf8")
    for font in static.glob("vendor/fontawesome/webfonts/*.ttf"):
        cut_font(font, points)
    for path in (*static.glob("vendor/fontawesome/webfonts/*.woff2"), *static.rglob("*.map")):
        path.unlink()
    for path in static.glob("scripts/fontawesome.js*"):
        path.unlink()
    shutil.rmtree(static / "locales", ignore_errors=True)


def setup(app):
    """Register the extension."""
    app.connect("build-finished", cut)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
