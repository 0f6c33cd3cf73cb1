r"""Closed forms for the learning dynamics of deep linear networks.

A mode of a network with ``n_layers`` layers of units that starts decoupled and, unless a
function says otherwise, balanced obeys :math:`\tau\dot u = L\,u^{2-2/L}(s-d\,u)`,
:math:`L` = ``n_layers - 1``. Inputs that are not white, :math:`d \ne 1`, rescale `s` and `tau`
and do no more.
Nothing here is simulated, and nothing that simulates is imported.
A new solution gets a file of its own here, on plain arrays.

By position come the variables that a result is a function of: a time, a strength, a start and
an end, or, where the mode is all that there is, its `s`. All else is named, in this order: `s`, the
start, `tau` of gradient flow or `learning_rate` of steps, `momentum`, `n_layers`, `d`. Arrays
broadcast; of numbers alone the result is a number.
"""

from dlnlib.exact.chain import chain_learning_time
from dlnlib.exact.dropout import dropout_mode_strengths
from dlnlib.exact.end_to_end import end_to_end_flow, end_to_end_velocity
from dlnlib.exact.generalisation import (
    NoisyModes,
    TeacherErrors,
    generalisation_error,
    noisy_modes,
    noisy_teacher_errors,
    optimal_stopping_time,
    training_error,
)
from dlnlib.exact.hierarchy import hierarchical_singular_values
from dlnlib.exact.momentum import (
    frictionless_mode_strength,
    momentum_growth_rate,
    momentum_relaxation,
)
from dlnlib.exact.riccati import ThreeLayerGrams, three_layer_grams, three_layer_map
from dlnlib.exact.steepness import (
    curvature_across_path,
    curvature_along_path,
    largest_curvature,
    newton_step,
    optimal_learning_rate,
    stable_learning_rate,
)
from dlnlib.exact.steps import growth_per_step
from dlnlib.exact.time_course import (
    half_learning_time,
    infinite_depth_learning_time,
    infinite_depth_mode_strength,
    infinite_depth_optimal_learning_time,
    learning_time,
    mode_strength,
    optimal_learning_time,
)
from dlnlib.exact.unbalanced import (
    LayerStrengths,
    unbalanced_layer_strengths,
    unbalanced_learning_time,
    unbalanced_mode_strength,
)

__all__ = [
    "LayerStrengths",
    "NoisyModes",
    "TeacherErrors",
    "ThreeLayerGrams",
    "chain_learning_time",
    "curvature_across_path",
    "curvature_along_path",
    "dropout_mode_strengths",
    "end_to_end_flow",
    "end_to_end_velocity",
    "frictionless_mode_strength",
    "generalisation_error",
    "growth_per_step",
    "half_learning_time",
    "hierarchical_singular_values",
    "infinite_depth_learning_time",
    "infinite_depth_mode_strength",
    "infinite_depth_optimal_learning_time",
    "largest_curvature",
    "learning_time",
    "mode_strength",
    "momentum_growth_rate",
    "momentum_relaxation",
    "newton_step",
    "noisy_modes",
    "noisy_teacher_errors",
    "optimal_learning_rate",
    "optimal_learning_time",
    "optimal_stopping_time",
    "stable_learning_rate",
    "three_layer_grams",
    "three_layer_map",
    "training_error",
    "unbalanced_layer_strengths",
    "unbalanced_learning_time",
    "unbalanced_mode_strength",
]
