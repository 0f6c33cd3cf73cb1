"""What all tests share."""

from hypothesis import settings

# The same examples on each run, and no clock: a loaded machine must not fail a proof.
settings.register_profile("dlnlib", derandomize=True, deadline=None, max_examples=100)
settings.load_profile("dlnlib")
