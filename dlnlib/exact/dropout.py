"""Where dropout of hidden units stops learning."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from dlnlib import _checks
from dlnlib._typing import Array

__all__ = ["dropout_mode_strengths"]


def dropout_mode_strengths(s: ArrayLike, *, n_hidden: int, keep: float) -> Array:
    r"""Return the mode strengths at which dropout of hidden units stops learning.

    .. math:: u_\alpha = (s_\alpha - \theta)_+, \qquad
              \theta = \frac{q}{N_2}\sum_\alpha u_\alpha, \quad q = \frac{1-p}{p}.

    Parameters
    ----------
    s : array_like, shape (n_modes,)
        Singular values of the modes, not negative.
    n_hidden : int
        Number :math:`N_2` of hidden units, at least the number of modes.
    keep : float
        Probability :math:`p` with which a hidden unit is kept, above 0 and up to 1.

    Returns
    -------
    ndarray, shape (n_modes,)
        Mode strengths at the minimum of the expected error.

    Raises
    ------
    TypeError
        If an argument is not made of real numbers.
    ValueError
        If an argument is not finite or out of range.

    Notes
    -----
    White inputs. The penalty that dropout amounts to is least where all hidden units carry
    the same, and is then a squared nuclear norm.

    Examples
    --------
    >>> from dlnlib.exact import dropout_mode_strengths
    >>> print(dropout_mode_strengths([3.0, 2.0, 0.2], n_hidden=4, keep=0.5).round(4))
    [2.1667 1.1667 0.    ]
    """
    s = _checks.not_negative("s", s)
    if s.ndim != 1:
        raise ValueError(f"s must be a vector, got shape {s.shape}")
    # With fewer hidden units than modes not all modes could be learned.
    n_hidden = _checks.count("n_hidden", n_hidden, least=max(1, len(s)))
    keep = _checks.number("keep", keep, above=0, most=1)
    q = (1 - keep) / keep
    ordered = np.sort(s)[::-1]
    # The threshold if the n strongest modes survive, for every n; the true one is the largest.
    n = np.arange(1, len(s) + 1)
    theta = np.max(q * np.cumsum(ordered) / (n_hidden + q * n), initial=0.0)
    return np.maximum(s - theta, 0.0)
