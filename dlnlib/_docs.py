"""Texts that several docstrings share, said once."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable
from typing import TypeVar

__all__ = ["fill"]

_Documented = TypeVar("_Documented", bound=Callable[..., object])

# A place to fill is a line of its own.
_PLACE = re.compile(r"^([ \t]*)%\((\w+)\)s[ \t]*$", re.MULTILINE)


def fill(**texts: str) -> Callable[[_Documented], _Documented]:
    """Return a decorator that fills texts into a docstring.

    A line ``%(name)s`` gives way to the text of that name, at the same indentation. Function or
    class stay what they are, so that signature and types do.

    Parameters
    ----------
    **texts : str
        Texts by name; how far they are indented as a whole does not matter.

    Returns
    -------
    callable
        Decorator. Without docstrings, under ``python -OO``, it does nothing.

    Raises
    ------
    KeyError
        If the docstring asks for a text that is not there; by the decorator.

    Examples
    --------
    >>> import inspect
    >>> from dlnlib._docs import fill
    >>> @fill(t="t : float\\n    Time.")
    ... def double(t):
    ...     '''Return twice the time.
    ...
    ...     %(t)s
    ...     '''
    >>> "t : float\\n    Time." in inspect.getdoc(double)
    True
    """
    clean = {name: textwrap.dedent(text).strip() for name, text in texts.items()}

    def decorate(documented: _Documented) -> _Documented:
        if documented.__doc__:
            documented.__doc__ = _PLACE.sub(
                lambda place: textwrap.indent(clean[place[2]], place[1]), documented.__doc__
            )
        return documented

    return decorate
