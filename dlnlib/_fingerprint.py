"""One hash of code and data for every cache, so that none recalls what other code computed."""

from __future__ import annotations

import hashlib
import inspect
import platform
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from types import CodeType
from typing import Any

import numpy as np
import scipy

__all__ = ["of_files", "of_function", "of_library"]

_LIBRARY = Path(__file__).parent


def of_files(paths: Iterable[Path], root: Path, *words: str) -> str:
    """Return a hash of some words, and of names below a root and contents of files."""
    digest = hashlib.sha256(repr(words).encode())
    for path in sorted(set(paths)):
        if path.is_file() and "__pycache__" not in path.parts:
            name, content = path.relative_to(root).as_posix(), path.read_bytes()
            digest.update(f"{name} {len(content)} ".encode() + content)
    return digest.hexdigest()[:16]


@cache
def of_library() -> str:
    """Return a hash of the library, its data, and what it runs on."""
    versions = platform.python_version(), np.__version__, scipy.__version__
    return of_files(_LIBRARY.rglob("*"), _LIBRARY, *versions)


def of_function(function: Callable[..., Any]) -> str:
    """Return a hash of a function with all that its file holds; without a file, of itself."""
    try:
        path = Path(inspect.getsourcefile(function) or "")
    except TypeError:
        path = Path()
    if path.is_file():
        return of_files([path], path.parent, function.__qualname__)
    cells = [cell.cell_contents for cell in function.__closure__ or ()]
    given = repr((function.__defaults__, function.__kwdefaults__, cells))
    return of_files([], _LIBRARY, function.__qualname__, given, *_words(function.__code__))


def _words(code: CodeType) -> list[str]:
    """Return what a piece of code does and names, that of functions inside it included."""
    inner = [c for c in code.co_consts if isinstance(c, CodeType)]
    plain = [c for c in code.co_consts if not isinstance(c, CodeType)]
    own = [code.co_code.hex(), repr(code.co_names), repr(code.co_varnames), repr(plain)]
    return own + [word for piece in inner for word in _words(piece)]
