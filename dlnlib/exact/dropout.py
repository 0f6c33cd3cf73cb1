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
    the same, and is then a squared nuclear norm. Of :math:`s_\alpha - \theta`, where few units
    are kept, no digits would be left; with :math:`n` modes :math:`\beta` above zero it is

    .. math:: \frac{p N_2 s_\alpha - (1-p) \sum_\beta (s_\beta - s_\alpha)}{p N_2 + (1-p)\,n}.

    Examples
    --------
    >>> from dlnlib.exact import dropout_mode_strengths
    >>> print(dropout_mode_strengths([3.0, 2.0, 0.2], n_hidden=4, keep=0.5).round(4))
    [2.1667 1.1667 0.    ]
    """
    given = _checks.not_negative("s", s)
    if given.ndim != 1:
        raise ValueError(f"s must be a vector, got shape {given.shape}")
    # With fewer hidden units than modes not all modes could be learned.
    n_hidden = _checks.count("n_hidden", n_hidden, least=max(1, len(given)))
    keep = _checks.number("keep", keep, above=0, most=1)
    # In units of a power of two, from which no sum overflows: to halve and double is exact.
    exponent = np.frexp(np.max(given, initial=0.0))[1] - 1
    scaled = np.ldexp(given, -exponent)
    # What a mode lacks to the strongest: all that is left to compare when few units are kept.
    lack, least = np.max(scaled, initial=0.0) - scaled, keep * n_hidden
    ordered, n = np.sort(lack), np.arange(1, len(given) + 1)
    survive = least * np.sort(scaled)[::-1] > (1 - keep) * (n * ordered - np.cumsum(ordered))
    n_left = np.count_nonzero(survive)
    u = least * scaled + (1 - keep) * (ordered[:n_left].sum() - n_left * lack)
    return np.ldexp(np.maximum(u, 0.0) / (least + (1 - keep) * n_left), exponent)
