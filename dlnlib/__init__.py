r"""Learning dynamics of deep linear networks: exact solutions and fast simulation.

Two wings stand on one ground floor. Theory never imports simulation, nor the other way round,
so that agreement between them means something.

===============  =========================  ====================================================
wing             room                       what it holds
===============  =========================  ====================================================
ground           `nonlinearities`           functions with their slopes
ground           `random_matrices`          draws: Haar, Gaussian and orthogonal factors
theory           `exact`                    solutions of learning, one file for each kind: time
                                            courses, unbalanced and coupled starts, products of
                                            layers, curvature and rates, steps, momentum,
                                            dropout, hierarchies, generalisation
theory           `spectra`                  limiting laws of products of random matrices
theory           `mean_field`               wide networks: variance maps, law of the Jacobian
simulation       `correlations`             the data as gradient descent sees it
simulation       `consistency`              whether modes are principal axes of the inputs
simulation       `datasets`                 trees of items, four living things, MNIST
simulation       `networks`                 linear networks: error, gradient, mode strengths
simulation       `tanh_networks`            the same for tanh hidden units
simulation       `initial_conditions`       where learning starts
simulation       `reduction`                exact reduction to the units that learning reaches
simulation       `training`                 the problem, the one loop, descent and flow
simulation       `pretraining`              greedy autoencoders
simulation       `racing`                   which learning rate is fastest
simulation       `graded_products`          accurate spectra of long products
simulation       `propagation`              signals and Jacobians of sampled networks
simulation       `sweeps`                   a parallel map that resumes
face             `plotting`                 what the book's figures are drawn with
face             `book`                     what its chapters need besides mathematics
===============  =========================  ====================================================

Rooms are imported when they are first used: ``import dlnlib; dlnlib.exact.mode_strength``.
"""

import importlib
from types import ModuleType

__version__ = "0.1.0"

__all__ = [
    "book",
    "consistency",
    "correlations",
    "datasets",
    "exact",
    "graded_products",
    "initial_conditions",
    "mean_field",
    "networks",
    "nonlinearities",
    "plotting",
    "pretraining",
    "propagation",
    "racing",
    "random_matrices",
    "reduction",
    "spectra",
    "sweeps",
    "tanh_networks",
    "training",
]


def __getattr__(name: str) -> ModuleType:
    """Import a room at its first use."""
    if name in __all__:
        return importlib.import_module(f"dlnlib.{name}")
    raise AttributeError(f"module 'dlnlib' has no attribute {name!r}")


def __dir__() -> list[str]:
    """Return the rooms beside what is there already."""
    return sorted({*globals(), *__all__})
