"""A rule of integration for functions that bend at the ends of an interval."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from dlnlib._typing import Array

__all__ = ["tanh_sinh"]


@lru_cache(maxsize=8)
def tanh_sinh(n: int, reach: float) -> tuple[Array, NDArray[np.bool_], Array]:
    """Return a rule on [0, 1]: distances to the nearer end, whether that is 1, and weights.

    With `n` nodes for each unit of the variable in which they are evenly spaced, which goes as far
    as `reach` to either side. A distance keeps its digits where a position close to 1 has none.
    """
    last = int(n * reach)
    x = np.arange(-last, last + 1) / n
    q = np.exp(-np.pi * np.abs(np.sinh(x)))
    near = q / (1 + q)
    return near, x > 0, np.pi / n * np.cosh(x) * near / (1 + q)
