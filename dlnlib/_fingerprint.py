"""One hash of code and data for every cache, so that none recalls what other code computed."""

from __future__ import annotations

import hashlib
import inspect
import pickle
import platform
import sysconfig
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

import numpy as np
import scipy

__all__ = ["of_files", "of_function", "of_library"]

_LIBRARY = Path(__file__).parent
# Code that is known by its file, or by the versions of `of_library`, and is not followed.
_INSTALLED = [_LIBRARY, *(Path(sysconfig.get_path(p)) for p in ("stdlib", "purelib", "platlib"))]


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
    """Return a hash of a function as it was imported, of what it uses, and of their files now."""
    return of_files([], _LIBRARY, *_told(function, []))


def _told(value: Any, before: list[Any]) -> list[str]:
    """Return what tells a value that code uses from others; of functions and modules, once."""
    if not isinstance(value, FunctionType | ModuleType):
        try:
            return [hashlib.sha256(pickle.dumps(value)).hexdigest()]
        except Exception:
            # Any object may refuse in its own way.
            return [repr(value)]
    if any(value is other for other in before):
        return []
    before.append(value)
    try:
        path = Path(inspect.getsourcefile(value) or "")
    except TypeError:
        path = Path()
    words = [value.__name__, of_files([path], path.parent)]
    if isinstance(value, ModuleType) or any(path.is_relative_to(p) for p in _INSTALLED):
        return words
    words += [value.__qualname__, *_words(value.__code__)]
    return words + [word for used in _used(value) for word in _told(used, before)]


def _used(function: FunctionType) -> list[Any]:
    """Return what a function holds, and what is global where it was made and bears its names."""
    cells = [cell.cell_contents for cell in function.__closure__ or ()]
    held = [*cells, *(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()]
    names = sorted(_names(function.__code__) & function.__globals__.keys())
    return held + [function.__globals__[name] for name in names]


def _names(code: CodeType) -> set[str]:
    inner = (_names(c) for c in code.co_consts if isinstance(c, CodeType))
    return set(code.co_names).union(*inner)


def _words(code: CodeType) -> list[str]:
    """Return what a piece of code does and names, that of functions inside it included."""
    inner = [c for c in code.co_consts if isinstance(c, CodeType)]
    # The order of a set of words differs between sessions.
    plain = [
        sorted(map(repr, c)) if isinstance(c, frozenset) else c
        for c in code.co_consts
        if not isinstance(c, CodeType)
    ]
    own = [code.co_code.hex(), repr(code.co_names), repr(code.co_varnames), repr(plain)]
    return own + [word for piece in inner for word in _words(piece)]
