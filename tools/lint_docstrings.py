"""Check the docstring of everything that dlnlib exports, that is, lists in an `__all__`.

`numpydoc lint` would do if it imported what it reads: texts that docstrings share are filled in
at import. The configuration is numpydoc's own, in pyproject.toml.
"""

import importlib
import inspect
import pkgutil
import sys
from pathlib import Path

from numpydoc.hooks.validate_docstrings import parse_config
from numpydoc.validate import validate

import dlnlib


def exports():
    """Return the rooms, and what each exports and can have a docstring, by dotted name."""
    for room in pkgutil.walk_packages(dlnlib.__path__, "dlnlib."):
        loaded = importlib.import_module(room.name)
        if not room.ispkg:  # numpydoc looks for a definition, which a package of imports lacks
            yield room.name, loaded
        for name in loaded.__all__:
            exported = getattr(loaded, name)
            # What a package exports is its modules'.
            if callable(exported) and exported.__module__ == room.name:
                yield f"{room.name}.{name}", exported


def findings():
    """Return what is wrong, a line for each finding."""
    config = parse_config(Path(__file__).parents[1])
    for name, exported in exports():
        if not config["exclude"].search(name):
            summary = inspect.getdoc(exported) or ""
            for code, message in validate(name)["errors"]:
                waived = config["overrides"].get(code)
                if code in config["checks"] and not (waived and waived.search(summary)):
                    yield f"{name}: {code} {message}"


if __name__ == "__main__":
    found = list(findings())
    print(*found, sep="\n", end="\n" if found else "")
    sys.exit(bool(found))
