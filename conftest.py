"""What all tests, and the examples of the docstrings, share."""

import os

import pytest
from hypothesis import settings

# Figures are drawn off screen.
os.environ["MPLBACKEND"] = "Agg"

# The same examples on each run, and no clock: a loaded machine must not fail a proof.
settings.register_profile("dlnlib", derandomize=True, deadline=None, max_examples=100)
settings.load_profile("dlnlib")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Give the tests of a file to one worker; claims by section, whose rows share long runs."""
    from xdist.scheduler import LoadScopeScheduling

    from ledger import CLAIMS

    class Shared(LoadScopeScheduling):
        def _split_scope(self, nodeid):
            file, _, test = nodeid.partition("::")
            _, _, case = test.rstrip("]").partition("[")
            return f"{file} {CLAIMS[case].section}" if case in CLAIMS else file

    return Shared(config, log)


@pytest.fixture(autouse=True)
def figures(request):
    """Leave style and figures as they were before an example."""
    if not isinstance(request.node, pytest.DoctestItem):
        yield
        return
    plt = pytest.importorskip("matplotlib.pyplot")
    with plt.rc_context():
        yield
    plt.close("all")
