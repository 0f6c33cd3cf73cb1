"""Build JupyterLite with the executed notebooks of the book, into _build/html/lite.

    python tools/notebook_lite.py

The notebooks then run in the reader's browser. What is built here is complete but for Python
itself with NumPy, SciPy and matplotlib, which a reader's browser fetches from Pyodide's own site
when a notebook starts.
"""

import json
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS, LITE = ROOT / "_build" / "html" / "notebooks", ROOT / "_build" / "lite"
TARGET = ROOT / "_build" / "html" / "lite"
FILES = TARGET / "files"
# The library comes as a wheel with the site, what else is needed from Pyodide.
SETUP = "%pip install -q dlnlib matplotlib joblib tqdm scikit-learn"


def runs_in_a_browser(notebook):
    """Tell whether a notebook needs neither processes nor sockets."""
    return not any("from dask" in "".join(cell["source"]) for cell in notebook["cells"])


def lay_out():
    """Write the notebooks, each with the setup for a browser, beside the tables that they read."""
    shutil.copytree(ROOT / "chapters" / "data", FILES / "chapters" / "data")
    (FILES / "benchmarks").mkdir()
    for path in ROOT.glob("benchmarks/*.csv"):
        shutil.copy(path, FILES / "benchmarks")
    for path in sorted(NOTEBOOKS.glob("*.ipynb")):
        notebook = json.loads(path.read_text("utf8"))
        if runs_in_a_browser(notebook):
            for cell in notebook["cells"]:
                if "setup" in cell["metadata"].get("tags", ()):
                    cell["source"] = SETUP
            text = json.dumps(notebook, ensure_ascii=False)
            (FILES / "chapters" / path.name).write_text(text, "utf8")


def index(folder):
    """List what a folder of contents holds, as JupyterLite asks for it.

    Its own builder would, with jupyter-server, which nothing else here needs.
    """
    told = []
    for path in sorted(folder.iterdir()):
        kind = "directory" if path.is_dir() else "notebook" if path.suffix == ".ipynb" else "file"
        time = datetime.fromtimestamp(path.stat().st_mtime, UTC).isoformat()
        about = {"name": path.name, "path": path.relative_to(FILES).as_posix(), "type": kind}
        size = path.stat().st_size if path.is_file() else None
        told.append(
            {**about, "created": time, "last_modified": time, "size": size, "writable": True}
            | dict.fromkeys(("content", "format", "mimetype"))
        )
        if path.is_dir():
            index(path)
    listed = TARGET / "api" / "contents" / folder.relative_to(FILES) / "all.json"
    listed.parent.mkdir(parents=True, exist_ok=True)
    here = folder.relative_to(FILES).as_posix().lstrip(".")
    about = {"name": Path(here).name, "path": here, "type": "directory", "format": "json"}
    about |= {"size": None, "writable": True, "mimetype": None, "content": told}
    time = datetime.fromtimestamp(folder.stat().st_mtime, UTC).isoformat()
    listed.write_text(json.dumps(about | {"created": time, "last_modified": time}), "utf8")


def main():
    """Build JupyterLite, and lay its contents out."""
    if not any(NOTEBOOKS.glob("*.ipynb")):
        sys.exit("make lite needs the notebooks that make book writes")
    for folder in (LITE, TARGET):
        shutil.rmtree(folder, ignore_errors=True)
    python = [sys.executable, "-m"]
    wheel = ["build", "--wheel", "--no-isolation", "--outdir", LITE / "pypi", ROOT]
    lite = ["jupyterlite_core", "build", "--lite-dir", LITE, "--output-dir", TARGET]
    for command in (wheel, lite):
        ran = subprocess.run([*python, *command], capture_output=True, text=True, check=False)
        if ran.returncode:
            sys.exit(ran.stdout + ran.stderr)
    lay_out()
    index(FILES)
    settings = json.loads((TARGET / "jupyter-lite.json").read_text("utf8"))
    settings["jupyter-config-data"]["contentsAllJsonFile"] = "all.json"
    (TARGET / "jupyter-lite.json").write_text(json.dumps(settings, indent=2) + "\n", "utf8")
    print(f"built {TARGET.relative_to(ROOT)}: make serve, then open /lite/lab/index.html")


if __name__ == "__main__":
    main()
