"""What the build, the packaging and the sources of the book promise."""

import json
import os
import pkgutil
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import jupytext
import numpy
import pytest
import scipy
import yaml
from jupyter_cache import get_cache
from myst_nb.core.read import myst_nb_reader_plugin
from sphinx_external_toc.parsing import parse_toc_yaml

import dlnlib

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tools"))

import chapter_cache  # noqa: E402
import execute_chapters  # noqa: E402

NOTEBOOKS = chapter_cache.notebooks(ROOT)
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf8"))
CHAPTER = """\
---
jupytext:
  text_representation:
    extension: .md
    format_name: myst
kernelspec:
  display_name: Python 3
  language: python
  name: python3
---

# A title

```{code-cell}
---
mystnb:
  figure:
    caption: a caption
    name: fig-one
---
1 + 1
```
"""


def git_files():
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    return [path for name in listed.stdout.splitlines() if (path := ROOT / name).is_file()]


def text_files():
    binary = {".npz", ".npy", ".png", ".gz", ".ico", ".woff2"}
    return [path for path in git_files() if path.suffix not in binary]


def book(root):
    """Lay out a book with a library, data, a lock and one chapter."""
    for name, content in {
        "dlnlib/exact.py": "u = 1\n",
        "dlnlib/data/mnist.npz": "data",
        "ledger/claims.json": "{}",
        "requirements.lock": "numpy==1\n",
        "chapters/data/runs.csv": "1,2\n",
        "_toc.yml": "format: jb-book\nroot: intro\nchapters:\n- file: chapters/one\n",
        "intro.md": "# Welcome\n",
        "chapters/one.md": CHAPTER,
    }.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(content)
    return root


# ---- the cache of executed chapters


@pytest.mark.parametrize(
    "name",
    [
        "dlnlib/exact.py",
        "dlnlib/data/mnist.npz",
        "ledger/claims.json",
        "requirements.lock",
        "chapters/data/runs.csv",
    ],
)
def test_cache_key_follows_what_the_results_depend_on(tmp_path, name):
    root = book(tmp_path)
    before = chapter_cache.cache_folder(root)
    path = root / name
    path.write_bytes(path.read_bytes() + b"#")
    assert chapter_cache.cache_folder(root) != before


def test_cache_key_follows_added_renamed_and_removed_files(tmp_path):
    root = book(tmp_path)
    keys = [chapter_cache.cache_key(root)]
    (root / "dlnlib" / "new.py").touch()
    keys.append(chapter_cache.cache_key(root))
    (root / "dlnlib" / "new.py").rename(root / "dlnlib" / "newer.py")
    keys.append(chapter_cache.cache_key(root))
    assert len(set(keys)) == 3
    (root / "dlnlib" / "newer.py").unlink()
    assert chapter_cache.cache_key(root) == keys[0]


def test_cache_key_ignores_prose_and_compiled_modules(tmp_path):
    root = book(tmp_path)
    before = chapter_cache.cache_key(root)
    (root / "chapters/one.md").write_text(CHAPTER.replace("A title", "Another title"))
    (root / "dlnlib/__pycache__").mkdir()
    (root / "dlnlib/__pycache__/exact.cpython-311.pyc").write_text("compiled")
    assert chapter_cache.cache_key(root) == before


@pytest.fixture
def cache(tmp_path):
    """An empty cache, whose database is closed in the end."""
    cache = get_cache(tmp_path / "cache")
    yield cache
    cache.db.dispose()


@pytest.fixture
def executed(tmp_path, cache):
    """A chapter whose results are in the cache."""
    page = book(tmp_path) / "chapters/one.md"
    chapter_cache.store(cache, myst_nb_reader_plugin(str(page)), page, 1.0)
    return page


@pytest.mark.parametrize(
    ("old", "new", "cached", "adopted"),
    [
        ("A title", "Another title", True, True),
        ("a caption", "another caption", False, True),
        ("1 + 1", "1 + 2", False, False),
        ("name: fig-one\n", "name: fig-one\ntags: [raises-exception]\n", False, False),
    ],
)
def test_only_edited_code_is_executed_again(cache, executed, old, new, cached, adopted):
    executed.write_text(CHAPTER.replace(old, new))
    notebook = myst_nb_reader_plugin(str(executed))
    assert chapter_cache.is_cached(cache, notebook) == cached
    assert chapter_cache.adopt(cache, notebook, executed) == adopted
    assert chapter_cache.is_cached(cache, notebook) == adopted


def test_the_longest_chapters_begin_first():
    assert set(execute_chapters.SECONDS) <= {page.stem for page in NOTEBOOKS}
    quick, slow, longest = (Path(f"{name}.md") for name in ("quick", "slow", "section-3-2"))
    found = execute_chapters.longest_first([quick, longest, slow], {slow: 30, quick: 5})
    assert found == [longest, slow, quick]


def run_chapter(cache, tmp_path, source, capsys):
    """Execute a one-cell chapter as `make book` does; return what failed and was printed."""
    page = tmp_path / "one.md"
    page.write_text(CHAPTER.replace("1 + 1", source))
    failed = execute_chapters.execute_all(cache, {page: myst_nb_reader_plugin(str(page))}, 1)
    cached = chapter_cache.is_cached(cache, myst_nb_reader_plugin(str(page)))
    return failed == [page], cached, capsys.readouterr().out


def test_a_chapter_that_runs_is_cached(cache, tmp_path, capsys):
    assert run_chapter(cache, tmp_path, "print('fine')", capsys)[:2] == (False, True)


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("import warnings; warnings.warn('too slow')", "UserWarning: too slow"),
    ],
)
def test_a_chapter_that_fails_or_warns_is_shown_and_not_cached(
    cache, tmp_path, capsys, source, shown
):
    failed, cached, printed = run_chapter(cache, tmp_path, source, capsys)
    assert failed
    assert not cached
    assert shown in printed


# ---- the sources of the book


def test_the_contents_list_every_chapter_and_no_more():
    listed = {name for name in parse_toc_yaml(ROOT / "_toc.yml") if name.startswith("chapters/")}
    found = (path.relative_to(ROOT) for path in (ROOT / "chapters").rglob("*.md"))
    written = {path.with_suffix("").as_posix() for path in found if "data" not in path.parts}
    assert listed == written


def test_no_executed_notebook_is_committed():
    assert [path for path in git_files() if path.suffix == ".ipynb"] == []


@pytest.mark.parametrize("page", NOTEBOOKS, ids=lambda page: page.stem)
def test_chapters_are_canonical_jupytext(page):
    assert jupytext.writes(jupytext.read(page), fmt="md:myst") == page.read_text("utf8")


@pytest.mark.parametrize("page", NOTEBOOKS, ids=lambda page: page.stem)
def test_figures_are_named_captioned_described_and_their_code_hidden(page):
    wanting, names = [], []
    for cell in jupytext.read(page).cells:
        if cell.cell_type == "code" and re.search(r"\bplt\.(figure|subplot)", cell.source):
            options = cell.metadata.get("mystnb", {})
            figure, image = options.get("figure", {}), options.get("image", {})
            names.append(figure.get("name"))
            has = (figure.get("name"), figure.get("caption"), image.get("alt"))
            if not all(has) or "hide-input" not in cell.metadata.get("tags", []):
                wanting.append(cell.source)
    assert wanting == []
    assert len(set(names)) == len(names)


def test_no_file_names_a_machine_path_or_a_package_registry():
    # Character classes keep this pattern from matching itself.
    machine = r"(?<![\w.:/])/(home|root|Users|tmp|work)/\w"
    registry = r"pyp[i]\.org|pythonhoste[d]\.org|npmj[s]\.(org|com)|anacond[a]\.(org|com)"
    pattern = re.compile(f"{machine}|{registry}")
    found = [
        f"{path.relative_to(ROOT)}: {match.group()}"
        for path in text_files()
        for match in pattern.finditer(path.read_text("utf8"))
    ]
    assert found == []


# ---- packaging


def test_conda_environment_agrees_with_the_package():
    project = PYPROJECT["project"]
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    conda = [item for item in environment["dependencies"] if isinstance(item, str)]
    pip = [item["pip"] for item in environment["dependencies"] if isinstance(item, dict)]
    assert sorted(item.split()[0] for item in conda) == ["pip", "python"]
    assert f"python {project['requires-python']},<3.14" in conda
    assert pip == [["-r requirements.lock"]]
    # Binder runs postBuild, and needs jupytext to open a chapter as a notebook.
    assert os.access(ROOT / "postBuild", os.X_OK)
    assert "--no-build-isolation --no-deps -e ." in (ROOT / "postBuild").read_text()
    assert re.search(r"^jupytext==", (ROOT / "requirements.lock").read_text(), re.MULTILINE)


def test_lock_pins_every_direct_dependency():
    project = PYPROJECT["project"]
    asked = project["dependencies"] + PYPROJECT["build-system"]["requires"]
    for extra in project["optional-dependencies"].values():
        asked += extra
    names = {re.match(r"[\w.-]+", item).group().lower().replace("_", "-") for item in asked}
    lock = (ROOT / "requirements.lock").read_text()
    assert names - {"dlnlib"} <= set(re.findall(r"(?m)^([a-z0-9-]+)(?:\[.*\])?==", lock))
    requirements = re.findall(r"(?m)^\S+==.*\\\n((?:    --hash=sha256:[0-9a-f]{64}.*\n)+)", lock)
    assert len(requirements) == len(re.findall(r"(?m)^\S+==", lock))


def test_the_citation_has_the_version_of_the_library():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf8"))
    assert citation["version"] == dlnlib.__version__


@pytest.fixture(scope="module")
def archives(tmp_path_factory):
    """The source archive, and the wheel that it gives."""
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True)
    (source,), (wheel,) = folder.glob("*.tar.gz"), folder.glob("*.whl")
    return source, wheel


@pytest.fixture(scope="module")
def wheel(archives, tmp_path_factory):
    """The wheel, unpacked."""
    folder = tmp_path_factory.mktemp("wheel")
    with zipfile.ZipFile(archives[1]) as archive:
        archive.extractall(folder)
    return folder


def test_the_source_archive_has_all_that_the_tests_need(archives):
    with tarfile.open(archives[0]) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    wanted = {path.relative_to(ROOT).as_posix() for path in git_files()}
    assert {name for name in wanted - names if not name.startswith((".ci/", ".github/"))} == set()


def test_wheel_has_the_library_and_the_ledger_with_their_data_and_nothing_else(wheel):
    def packages(root):
        return {
            path.relative_to(root).as_posix()
            for package in ("dlnlib", "ledger")
            for path in (root / package).rglob("*")
            if path.is_file() and "__pycache__" not in path.parts
        }

    data = {"dlnlib/data/mnist.npz", "dlnlib/book.mplstyle", "dlnlib/py.typed"}
    assert data | {"ledger/claims.json"} <= packages(wheel)
    assert packages(wheel) == packages(ROOT)
    about = f"dlnlib-{dlnlib.__version__}.dist-info"
    assert {path.name for path in wheel.iterdir()} == {"dlnlib", "ledger", about}


@pytest.fixture(scope="module")
def numpy_and_scipy(tmp_path_factory):
    """A folder with links to numpy and scipy, to import these alone."""
    links = tmp_path_factory.mktemp("links")
    for package in (numpy, scipy):
        for folder in Path(package.__file__).parents[1].glob(f"{package.__name__}*"):
            (links / folder.name).symlink_to(folder)
    return links


def test_wheel_imports_with_numpy_and_scipy_alone(wheel, numpy_and_scipy):
    # -I and -S leave only the standard library, the wheel and these links to import from.
    rooms = {module.name for module in pkgutil.iter_modules([wheel / "dlnlib"])}
    core = sorted(rooms - {"plotting", "sweeps", "_figures"})  # these may ask for an extra
    code = f"""
import importlib, sys
sys.path[:0] = {[str(wheel), str(numpy_and_scipy)]!r}
for name in {core!r}:
    importlib.import_module("dlnlib." + name)
import dlnlib.datasets
assert dlnlib.__file__.startswith({str(wheel)!r}), dlnlib.__file__
print(dlnlib.datasets.mnist().n_examples)
"""
    command = [sys.executable, "-I", "-S", "-W", "error", "-c", code]
    result = subprocess.run(command, cwd=wheel, capture_output=True, check=False, text=True)
    assert (result.returncode, result.stdout.strip()) == (0, "50000"), result.stderr


def test_the_ledger_is_found_from_anywhere_where_the_project_is_installed(tmp_path):
    command = [sys.executable, "-c", "import ledger; print(ledger.__file__)"]
    found = subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, text=True)
    assert Path(found.stdout.strip()) == ROOT / "ledger" / "__init__.py"


@pytest.fixture
def installed_ledger(wheel, numpy_and_scipy, tmp_path):
    """A command that starts the ledger of the wheel in an empty folder, on an ASCII terminal."""
    folders = os.pathsep.join(map(str, (wheel, numpy_and_scipy)))
    bare = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "LC_", "LANG"))}
    env = {**bare, "PYTHONPATH": folders, "PYTHONIOENCODING": "ascii", "PYTHONWARNINGS": "error"}

    def start(*arguments):
        # -S leaves out what is installed here.
        line = [sys.executable, "-S", "-B", "-m", "ledger", *arguments]
        pipe = subprocess.PIPE
        return subprocess.Popen(line, cwd=tmp_path, env=env, stdout=pipe, stderr=pipe, text=True)

    return start


def test_the_installed_ledger_measures_what_needs_no_tables(installed_ledger, tmp_path):
    process = installed_ledger("--cache", "kept", "--id", "eq-25", "fig-2-first")
    printed, told = process.communicate()
    assert (process.returncode, told) == (0, "")
    assert printed.isascii() and "right form: tau dtheta/dt = 2s - c0 sinh theta" in printed
    assert "needs chapters/data/printed/fig2.csv, which a checkout" in " ".join(printed.split())
    (kept,) = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert kept.name == "eq-25.json"


def test_json_of_the_installed_ledger_says_what_was_not_measured(installed_ledger):
    process = installed_ledger("--json", "--id", "fig-2-first")
    printed, told = process.communicate()
    (row,) = json.loads(printed)
    assert (process.returncode, told, row["verdict"]) == (3, "", "not measured")
    assert row["reason"].startswith("needs chapters/data/printed/fig2.csv")


def test_the_installed_ledger_has_no_record_to_write(installed_ledger):
    process = installed_ledger("--record", "--id", "eq-23")
    assert "the record is kept in a checkout" in process.communicate()[1]
    assert process.returncode == 2


def test_the_installed_ledger_ends_quietly_where_its_reader_does(installed_ledger):
    process = installed_ledger("--section", "A")
    assert process.stdout.readline().startswith("claim ")
    process.stdout.close()
    told = process.stderr.read()
    process.stderr.close()
    assert (process.wait(), told) == (141, "")
