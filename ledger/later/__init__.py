"""Claims of later papers, a module for each chapter of "Since then" and "What was built on it"."""

from ledger.later import (
    any_depth,
    any_start,
    bias,
    built_conserved,
    built_energies,
    built_isometry,
    built_noise,
    built_optimisers,
    built_recurrent,
    built_saddles,
    built_spectral_bias,
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
    *built_saddles.CLAIMS,
    *built_conserved.CLAIMS,
    *built_spectral_bias.CLAIMS,
    *built_noise.CLAIMS,
    *built_isometry.CLAIMS,
    *built_recurrent.CLAIMS,
    *built_optimisers.CLAIMS,
    *built_energies.CLAIMS,
)
