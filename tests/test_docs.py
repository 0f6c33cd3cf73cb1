"""Tests of dlnlib._docs: texts go where they are asked for, and nothing else changes."""

from __future__ import annotations

import inspect
import subprocess
import sys

import pytest

from dlnlib import exact
from dlnlib._docs import fill

TEXTS = {
    "t": """
        t : float
            Time,
            in iterations.""",
    "s": "s : float\n    Strength.",
}


def documented(t: float, *, s: float = 1.0) -> float:
    """Return a product.

    Parameters
    ----------
    %(t)s
    %(s)s

    Notes
    -----
    100 % of it; %(s)s within a line stays.
    """
    return t * s


def test_a_text_takes_the_indentation_of_its_place():
    lines = inspect.getdoc(fill(**TEXTS)(documented)).split("\n")
    assert lines[2:9] == [
        "Parameters", "----------",
        "t : float", "    Time,", "    in iterations.", "s : float", "    Strength.",
    ]  # fmt: skip
    assert lines[-1] == "100 % of it; %(s)s within a line stays."


def test_the_function_stays_what_it_is():
    signature = inspect.signature(documented)
    assert fill(**TEXTS)(documented) is documented
    assert inspect.signature(documented) == signature


def test_without_a_docstring_nothing_is_filled():
    def bare():
        pass

    assert fill(**TEXTS)(bare) is bare and bare.__doc__ is None


def test_a_text_that_is_not_there_is_an_error():
    def wanting():
        """Ask for more.

        %(more)s
        """

    with pytest.raises(KeyError, match="more"):
        fill(**TEXTS)(wanting)


def test_closed_forms_work_without_docstrings():
    code = "from dlnlib.exact import mode_strength as f; print(f.__doc__, f(0, s=1, u0=0.5, tau=1))"
    run = [sys.executable, "-OO", "-c", code]
    out = subprocess.run(run, capture_output=True, text=True, check=True).stdout
    assert out.split() == ["None", "0.5"]


@pytest.mark.parametrize("name", exact.__all__)
def test_no_place_in_exact_is_left_open(name):
    assert "%(" not in getattr(exact, name).__doc__
