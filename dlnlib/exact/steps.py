"""Learning in steps that are not small, where gradient flow is no guide."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from dlnlib._checks import not_negative, positive, require
from dlnlib._typing import Array
from dlnlib.exact._arguments import arguments, closed_form, each, layers

__all__ = ["growth_per_step"]


@closed_form
def growth_per_step(
    u: ArrayLike,
    *,
    s: ArrayLike,
    learning_rate: ArrayLike,
    n_layers: ArrayLike = 3,
    d: ArrayLike = 1.0,
) -> Array:
    r"""Return by how much one step of gradient descent changes the logarithm of a mode strength.

    .. math:: \ln\frac{u_{t+1}}{u_t} = L \ln\left[1 + \lambda\, u^{1-2/L} (s - d\,u)\right],
              \qquad L = N_l - 1.

    Parameters
    ----------
    u : array_like
        Mode strength before the step, not negative; 0 for the limit of small modes.
    %(s)s
    %(learning_rate)s
    %(n_layers)s
    %(d)s

    Returns
    -------
    ndarray
        Growth in one iteration, exact for balanced layers; where the step goes past zero, that
        of the magnitude.

    Raises
    ------
    %(raises)s

    Notes
    -----
    Each of :math:`L` equal layers :math:`a`, with :math:`a^L = u`, is multiplied by the bracket,
    as Eq. 14 in steps of :math:`\lambda` says. A small mode of three layers grows by
    :math:`2\ln(1 + \lambda s)`, more slowly than the :math:`2\lambda s` of gradient flow.

    Examples
    --------
    >>> from dlnlib.exact import growth_per_step
    >>> print(growth_per_step([0.0, 0.5, 1.0], s=1.0, learning_rate=0.5).round(4))
    [0.8109 0.4463 0.    ]
    """
    u, s, learning_rate, n_layers, d = arguments(
        each(not_negative, u=u, s=s),
        each(positive, learning_rate=learning_rate),
        each(layers, n_layers=n_layers),
        each(positive, d=d),
    )
    require("d", d, np.isfinite(d * u), "must not take d * u out of range")
    n_weights = n_layers - 1
    drive, p = s - d * u, 1 - 2 / n_weights
    step = learning_rate * drive * u**p
    # What leaves the range of doubles on the way, or even at the end, goes by logarithms.
    log_step = np.log(learning_rate) + np.log(np.abs(drive)) + p * np.log(u)
    log_step = np.where(p == 0, np.log(learning_rate) + np.log(np.abs(drive)), log_step)
    step = np.where(np.isfinite(step), step, np.sign(drive) * np.exp(log_step))
    # A layer that steps past zero is multiplied by 1 + step < 0.
    logarithm = np.where(step > -1, np.log1p(step), np.log(np.abs(1 + step)))
    logarithm = np.where(np.isinf(step), log_step, logarithm)
    return np.where(drive == 0, 0.0, n_weights * logarithm)[()]
