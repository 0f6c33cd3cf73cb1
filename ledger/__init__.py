"""The ledger: every checkable statement of the paper, measured.

A claim is a small function that measures a statement and returns what it found beside what
was expected. ``python -m ledger`` measures them all; a verdict is never typed in.
"""

from ledger import depth, signals, starts, three_layers
from ledger.record import (
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
    in_order,
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

CLAIMS = in_order(*three_layers.CLAIMS, *depth.CLAIMS, *starts.CLAIMS, *signals.CLAIMS)
