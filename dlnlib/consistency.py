"""How nearly the modes of a task are principal axes of its inputs: the criterion of Eq. 18."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dlnlib import _checks, _second_moments
from dlnlib.correlations import Correlations, modes

__all__ = ["Consistency", "consistency"]


class Consistency(NamedTuple):
    """Hold how nearly the modes of a task are principal axes of its inputs.

    Attributes
    ----------
    matrix : ndarray, shape (n_modes, n_modes)
        The input correlation between the input modes.
    off_diagonal : float
        Share of the squared entries of `matrix` that lie off its diagonal.
    leakage : float
        Share of the squared correlations of the modes with all directions that lies outside
        the span of the modes.
    misalignment : ndarray, shape (n_modes,)
        For each mode, the squared sine of the angle between it and its image under the input
        correlation; zero for a principal axis.
    off_diagonal_by_chance : float
        `off_diagonal` of a random orthonormal frame, as a ratio of means.
    leakage_by_chance : float
        `leakage` of a random orthonormal frame, as a ratio of means.
    """

    matrix: NDArray[np.float64]
    off_diagonal: float
    leakage: float
    misalignment: NDArray[np.float64]
    off_diagonal_by_chance: float
    leakage_by_chance: float


def consistency(correlations: Correlations) -> Consistency:
    r"""Measure how nearly the modes of the task are principal axes of the inputs.

    .. math:: M = V^{11T} \Sigma^{11} V^{11}, \qquad
              o = \frac{\sum_{\alpha\ne\beta} M_{\alpha\beta}^2}{\|M\|_F^2}, \qquad
              \ell = 1 - \frac{\|M\|_F^2}{\|\Sigma^{11} V^{11}\|_F^2},

    which both vanish if and only if :math:`\Sigma^{11} v^\alpha \propto v^\alpha` for all modes.

    Parameters
    ----------
    correlations : Correlations
        The data. Modes of no strength (below :math:`10^{-12}` of the strongest) are left out,
        as the data do not determine them.

    Returns
    -------
    Consistency
        The matrix, its off-diagonal share, its leakage, and both by chance.

    Raises
    ------
    TypeError, ValueError
        If these are no `Correlations`, there are no modes, or the inputs have no variance along
        them.

    Notes
    -----
    Eq. 18 and the criterion below it. Chance is an orthonormal frame that is uniformly
    distributed in the `n` dimensions of the inputs, for which

    .. math:: \langle M_{\alpha\beta}^2 \rangle
              &= \frac{n \operatorname{tr}\Sigma^2 - (\operatorname{tr}\Sigma)^2}{n(n-1)(n+2)},
              \quad \alpha \ne \beta, \\
              \langle M_{\alpha\alpha}^2 \rangle
              &= \frac{2\operatorname{tr}\Sigma^2 + (\operatorname{tr}\Sigma)^2}{n(n+2)}, \qquad
              \langle \|\Sigma v\|^2 \rangle = \frac{\operatorname{tr}\Sigma^2}{n}.

    Examples
    --------
    >>> import numpy as np
    >>> from dlnlib.consistency import consistency
    >>> from dlnlib.correlations import Correlations
    >>> found = consistency(Correlations(np.diag([3.0, 2.0, 1.0]), [[1.0, 1.0, 0.0]], 2.0, 3))
    >>> found.matrix, round(found.leakage, 4)
    (array([[2.5]]), 0.0385)
    """
    found = modes(_checks.correlations(correlations))
    V = found.Vt[found.present].T
    # All but the matrix itself are shares, which have no unit.
    sigma = _second_moments.near_one(correlations.sigma_xx)
    image = sigma @ V
    sizes = np.sum(image**2, axis=0)
    if V.size == 0 or not sizes.all():
        raise ValueError(
            "correlations must have modes, and inputs that vary along each of them, got "
            f"{V.shape[1]} modes with squared correlations {sizes}"
        )
    matrix = V.T @ image
    within, diagonal = np.sum(matrix**2), np.diagonal(matrix)
    chance_within, chance_diagonal = _chance(sigma, V.shape[1])
    chance_total = V.shape[1] * np.mean(np.sum(sigma**2, axis=0))
    # Removed from the image rather than subtracted from 1: small angles stay accurate.
    outside = image - V @ matrix
    return Consistency(
        matrix=V.T @ (correlations.sigma_xx @ V),
        off_diagonal=float(np.sum((matrix - np.diag(diagonal)) ** 2) / within),
        leakage=float(np.sum(outside**2) / sizes.sum()),
        misalignment=np.sum((image - V * diagonal) ** 2, axis=0) / sizes,
        off_diagonal_by_chance=float(1 - chance_diagonal / chance_within),
        leakage_by_chance=float(1 - chance_within / chance_total),
    )


def _chance(sigma: NDArray[np.float64], n_modes: int) -> tuple[float, float]:
    """Return the mean squared entries of a random frame's matrix, all and on the diagonal."""
    n, trace, square = len(sigma), np.trace(sigma), np.sum(sigma**2)
    diagonal = n_modes * (2 * square + trace**2) / (n * (n + 2))
    # In one dimension there is no second vector.
    pairs = n_modes * (n_modes - 1) / (n * max(n - 1, 1) * (n + 2))
    return float(diagonal + pairs * (n * square - trace**2)), float(diagonal)
