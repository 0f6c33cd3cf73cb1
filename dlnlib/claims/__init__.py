"""The ledger: every checkable statement of the paper, measured.

A claim is a small function that measures a statement and returns what it found beside what
was expected. ``python -m dlnlib.claims`` measures them all; a verdict is never typed in.
"""

import dlnlib.claims.depth
import dlnlib.claims.signals
import dlnlib.claims.starts
import dlnlib.claims.three_layers  # noqa: F401 - importing them enters their claims
from dlnlib.claims.ledger import (
    CLAIMS,
    VERDICTS,
    Amendment,
    Check,
    Claim,
    Finding,
    Result,
    Tolerance,
    at_least,
    at_most,
    claim,
    equal,
    evaluate,
    passes,
    recorded_verdicts,
    summary,
    verdict,
)

__all__ = [
    "CLAIMS",
    "VERDICTS",
    "Amendment",
    "Check",
    "Claim",
    "Finding",
    "Result",
    "Tolerance",
    "at_least",
    "at_most",
    "claim",
    "equal",
    "evaluate",
    "passes",
    "recorded_verdicts",
    "summary",
    "verdict",
]


def _put_in_order() -> None:
    """Put claims in the order of the paper, not that of the imports."""
    for name, entered in sorted(CLAIMS.items(), key=lambda item: item[1].section):
        del CLAIMS[name]
        CLAIMS[name] = entered


_put_in_order()
