"""Claims of later papers, one module for each chapter of the part "Since then"."""

from ledger.later import (
    any_depth,
    any_start,
    bias,
    generalisation,
    large_steps,
    learning_time,
    orthogonal,
    products,
    rich_and_lazy,
    structure,
)

__all__ = ["CLAIMS"]

CLAIMS = (
    *any_start.CLAIMS,
    *rich_and_lazy.CLAIMS,
    *any_depth.CLAIMS,
    *learning_time.CLAIMS,
    *large_steps.CLAIMS,
    *products.CLAIMS,
    *bias.CLAIMS,
    *orthogonal.CLAIMS,
    *generalisation.CLAIMS,
    *structure.CLAIMS,
)
