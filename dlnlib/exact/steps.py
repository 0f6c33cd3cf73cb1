"""Learning in steps that are not small, where gradient flow is no guide."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from dlnlib._checks import not_negative, positive
from dlnlib._typing import Array
from dlnlib.exact._arguments import arguments, described, each, layers, ratio

__all__ = ["growth_per_step"]


@described
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
    n_weights = n_layers - 1
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        step = learning_rate * ratio(s - d * u, u ** (2 / n_weights - 1))
        # A layer that steps past zero is multiplied by 1 + step < 0.
        logarithm = np.where(step > -1, np.log1p(step), np.log(np.abs(1 + step)))
    return (n_weights * logarithm)[()]
