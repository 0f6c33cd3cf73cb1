"""Number appendices by their letters in the paper, figures of other pages by letters of theirs."""

from functools import wraps

from docutils import nodes
from sphinx_external_toc.collectors import TocTreeCollectorWithStyles as Collector

APPENDIX = "chapters/appendix-"


def lettered(assign):
    """Let numbers of chapters skip the appendices, which have letters."""

    @wraps(assign)
    def wrapped(self, env):
        changed = assign(self, env)
        # In the order of the table of contents.
        new, count = {}, 0
        for page, numbers in env.toc_secnumbers.items():
            old = numbers[""][0]
            if old not in new:
                appendix = page.startswith(APPENDIX)
                count += not appendix
                new[old] = page.removeprefix(APPENDIX).upper() if appendix else count
        for page, numbers in env.toc_secnumbers.items():
            for place in [env.titles[page], *env.tocs[page].findall(nodes.reference)]:
                if place.get("secnumber"):
                    place["secnumber"] = [new[place["secnumber"][0]], *place["secnumber"][1:]]
            for anchor, number in numbers.items():
                numbers[anchor] = (new[number[0]], *number[1:])
        return changed

    return wrapped


def with_pages(assign):
    """Let figures of an unnumbered page begin with its first letters, 0 on the front page."""

    @wraps(assign)
    def wrapped(self, env):
        changed = assign(self, env)
        kinds = {page: found for page, found in env.toc_fignumbers.items() if any(found.values())}
        bare = {page: page.rpartition("/")[2] for page in kinds if page not in env.toc_secnumbers}
        letters = (p.removeprefix(APPENDIX) for p in env.toc_secnumbers if p.startswith(APPENDIX))
        names = {*bare.values(), *letters}
        for page, name in bare.items():
            first = 0 if page == env.config.root_doc else shortest(name, names)
            for numbers in kinds[page].values():
                for k, anchor in enumerate(numbers, 1):
                    numbers[anchor] = (first, k)
        return changed

    return wrapped


def shortest(name, names):
    """Return the fewest letters with which one name begins and no other does."""
    others = names - {name}
    starts = (name[:n] for n in range(1, len(name)))
    alone = (start for start in starts if not any(x.startswith(start) for x in others))
    return next(alone, name).capitalize()


def setup(app):
    """Register the extension."""
    Collector.assign_section_numbers = lettered(Collector.assign_section_numbers)
    Collector.assign_figure_numbers = with_pages(Collector.assign_figure_numbers)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
