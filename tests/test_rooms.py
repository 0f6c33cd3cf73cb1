"""The rooms of dlnlib: each in its wing, found at once, imported when they are first used."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import dlnlib

ROOT = Path(__file__).resolve().parents[1]
MODULES = sorted((ROOT / "dlnlib").rglob("*.py"))
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf8"))
CONTRACTS = {c["id"]: c for c in PYPROJECT["tool"]["importlinter"]["contracts"]}
# Drawing needs matplotlib and chapters MyST-NB; nothing else may load either.
HEAVY = {"matplotlib", "joblib", "myst_nb"}


def fresh(code: str) -> str:
    """Run code in an interpreter of its own, and return what it printed."""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return run.stdout.strip()


def wing(name):
    """Return the rooms of theory or of simulation, as the import contracts have them."""
    return {room.removeprefix("dlnlib.") for room in CONTRACTS[name]["source_modules"]}


def test_the_wings_are_the_same_in_both_contracts():
    for name, other in (("theory", "simulation"), ("simulation", "theory")):
        assert CONTRACTS[name]["forbidden_modules"] == CONTRACTS[other]["source_modules"]


def test_every_room_has_a_floor_and_the_wing_that_the_library_says():
    rooms = {module.name for module in pkgutil.iter_modules(dlnlib.__path__)}
    floors = re.findall(r"\w+", " ".join(CONTRACTS["floors"]["layers"]))
    assert sorted(floors) == sorted(rooms)
    table = re.findall(r"^(\w+) +`(\w+)` ", dlnlib.__doc__, re.MULTILINE)
    public = {name for name in rooms if not name.startswith("_")}
    assert sorted(room for _, room in table) == sorted(public) == sorted(dlnlib.__all__)
    for name in ("theory", "simulation"):
        assert {room for said, room in table if said == name} == wing(name) & public
    # Of the private rooms these alone are ground floor, and one draws.
    private = rooms - public - wing("theory") - wing("simulation")
    assert private == {"_checks", "_docs", "_figures", "_fingerprint", "_quadrature", "_typing"}


def test_rooms_are_imported_at_their_first_use():
    code = "import sys, dlnlib; print('numpy' in sys.modules, dlnlib.exact.mode_strength.__name__)"
    assert fresh(code) == "False mode_strength"


@pytest.mark.parametrize("room", sorted({*dlnlib.__all__} - {"plotting", "book"}))
def test_rooms_of_mathematics_load_nothing_heavy(room):
    code = f"import sys, dlnlib.{room}; print(*sys.modules)"
    assert not HEAVY & set(fresh(code).split())


@pytest.mark.parametrize(
    ("module", "use", "extra"),
    [
        ("matplotlib", "import dlnlib.plotting", "plot"),
        ("joblib", "from dlnlib.sweeps import sweep; sweep(lambda: {}, [{}])", "sweeps"),
        ("tqdm", "from dlnlib.sweeps import sweep; sweep(lambda: {}, [{}])", "sweeps"),
        ("myst_nb", "from dlnlib.book import tell; tell(a=1)", "book"),
    ],
)
def test_a_missing_extra_is_named(module, use, extra):
    code = (
        f"import sys; sys.modules[{module!r}] = None\n"
        f"try:\n    {use}\nexcept ImportError as error:\n    print(error)"
    )
    assert f'needs {module}: pip install "dlnlib[{extra}]"' in fresh(code)


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_texts_can_be_shown_on_any_terminal(module):
    # Names of authors are spelled right in docstrings; what is printed is not among them. What
    # dlnlib.book spells, pages show.
    if module.name == "book.py":
        return
    nodes = list(ast.walk(ast.parse(module.read_text("utf8"))))
    said = {id(n.value) for n in nodes if isinstance(n, ast.Expr)}
    texts = [n.value for n in nodes if isinstance(n, ast.Constant) and id(n) not in said]
    assert [text for text in texts if isinstance(text, str) and not text.isascii()] == []


def test_a_room_that_there_is_not_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'dlnlib' has no attribute 'attic'"):
        _ = dlnlib.attic


def names_defined(module):
    """Return the names that a module defines at its top level, but for special ones."""
    for node in ast.parse(module.read_text("utf8")).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names = (n for t in targets for n in ast.walk(t) if isinstance(n, ast.Name))
            yield from (n.id for n in names if not re.fullmatch(r"__\w+__", n.id))


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_public_is_what_all_lists(module):
    name = ".".join(module.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    listed = importlib.import_module(name).__all__
    defined = names_defined(module)
    assert [n for n in defined if not n.startswith("_") and n not in listed] == []
    assert [n for n in listed if n.startswith("_")] == []
