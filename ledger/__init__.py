"""The ledger: every checkable statement of the paper, measured.

A claim is a small function that measures a statement and returns what it found beside what
was expected. ``python -m ledger`` measures them all; a verdict is never typed in.
"""

import difflib

from ledger import depth, later, practices, signals, starts, three_layers
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
    on_record,
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
    "find",
    "on_record",
    "passes",
    "recorded_verdicts",
    "summary",
    "verdict",
]

CLAIMS = in_order(
    *three_layers.CLAIMS,
    *depth.CLAIMS,
    *starts.CLAIMS,
    *signals.CLAIMS,
    *practices.CLAIMS,
    *later.CLAIMS,
)


def find(name: str) -> Claim:
    """Return a claim by its id, or by its name alone if one paper has it.

    Parameters
    ----------
    name : str
        Its id, such as ``saxe2014/eq-12``, or its name, such as ``eq-12``.

    Returns
    -------
    Claim
        The claim.

    Raises
    ------
    ValueError
        If there is no such claim, or several papers have one of that name.

    Examples
    --------
    >>> from ledger import find
    >>> find("eq-12").id
    'saxe2014/eq-12'
    """
    found = [claim for claim in CLAIMS.values() if name in (claim.id, claim.name)]
    if len(found) > 1:
        raise ValueError(f"{name} is in several papers: {', '.join(c.id for c in found)}")
    if not found:
        names = [claim.name for claim in CLAIMS.values()] + list(CLAIMS)
        near = difflib.get_close_matches(name.lower(), names, n=1)
        raise ValueError(f"no such claim: {name}" + "".join(f"; perhaps {n}?" for n in near))
    return found[0]
