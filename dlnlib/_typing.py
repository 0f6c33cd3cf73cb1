"""Type aliases of the whole library."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["Array", "ComplexArray", "Rng", "Weights"]

Array = NDArray[np.float64]
ComplexArray = NDArray[np.complex128]
Weights = tuple[Array, ...]
# What numpy.random.default_rng makes a generator of (SPEC 7): a seed, a sequence of seeds, or one.
Rng = int | Sequence[int] | np.random.Generator
