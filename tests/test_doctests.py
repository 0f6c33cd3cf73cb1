"""The examples in the docstrings of all modules."""

from __future__ import annotations

import doctest
import importlib
import inspect
import pkgutil

import matplotlib
import pytest

import dlnlib

MODULES = [f"dlnlib.{module.name}" for module in pkgutil.iter_modules(dlnlib.__path__)]


@pytest.fixture(autouse=True)
def figures():
    """Draw off screen, and leave style and figures as they were."""
    matplotlib.use("Agg")
    plt = importlib.import_module("matplotlib.pyplot")
    with plt.rc_context():
        yield
    plt.close("all")


@pytest.mark.parametrize("name", MODULES)
def test_examples_of_the_docstrings(name):
    assert doctest.testmod(importlib.import_module(name)).failed == 0


@pytest.mark.parametrize("name", MODULES)
def test_every_public_function_has_an_example(name):
    module = importlib.import_module(name)
    for public in getattr(module, "__all__", []):
        if inspect.isfunction(getattr(module, public)):
            assert ">>>" in getattr(module, public).__doc__, public
