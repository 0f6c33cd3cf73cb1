"""Check the docstring of everything that dlnlib exports, that is, lists in an `__all__`."""

import importlib
import pkgutil
import sys

from numpydoc.validate import validate

import dlnlib

# Not asked of a docstring: an extended summary, a See Also section, and a summary that begins
# below its quotes.
WAIVED = {"ES01", "GL01", "SA01"}
# A record has attributes, where numpydoc looks for parameters, and is returned, never made.
WAIVED_OF_RECORDS = WAIVED | {"EX01", "PR01"}
WAIVED_OF_MODULES = WAIVED | {"EX01"}


def exports():
    """Return the modules, and what they export and can have a docstring, by dotted name."""
    for module in pkgutil.iter_modules(dlnlib.__path__, "dlnlib."):
        loaded = importlib.import_module(module.name)
        yield module.name, WAIVED_OF_MODULES
        for name in loaded.__all__:
            exported = getattr(loaded, name)
            if callable(exported):
                waived = WAIVED_OF_RECORDS if isinstance(exported, type) else WAIVED
                yield f"{module.name}.{name}", waived


def main():
    """Print what is wrong, one line each."""
    wrong = [
        f"{name}: {code} {message}"
        for name, waived in exports()
        for code, message in validate(name)["errors"]
        if code not in waived
    ]
    print(*wrong, sep="\n", end="\n" if wrong else "")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
