r"""Nonlinearities with their slopes: what theory and sampled networks share, and no more.

Both wings of Section 4 take :math:`\varphi` and :math:`\varphi'` from here, so that their
agreement cannot show a wrong slope. A test of this room alone does: every slope is the derivative
of its function.

``NONLINEARITIES`` maps a name to the pair :math:`(\varphi, \varphi')`:

========== ===================================== ==========================================
name       function :math:`\varphi(x)`           slope :math:`\varphi'(x)`
========== ===================================== ==========================================
``tanh``   :math:`\tanh x`                       :math:`1/\cosh^2 x`
``erf``    :math:`\mathrm{erf}(\sqrt\pi\,x/2)`   :math:`e^{-\pi x^2/4}`
``relu``   :math:`\max(x, 0)`                    1 for :math:`x > 0`, 0 elsewhere
``linear`` :math:`x`                             1
========== ===================================== ==========================================

Smooth ones take complex arguments as well. Wherever a nonlinearity is asked for, a pair of
functions of arrays may be given in place of a name.

Examples
--------
>>> import numpy as np
>>> from dlnlib.nonlinearities import NONLINEARITIES
>>> phi, slope = NONLINEARITIES["tanh"]
>>> print(phi(20.0), round(slope(np.float64(20.0)) * 1e17, 6))
1.0 1.699342
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.special import erf

from dlnlib._typing import Array

__all__ = ["NONLINEARITIES", "Function", "Nonlinearity", "function_and_slope"]

Function = Callable[[Array], Array]
# A name, or a function and its slope.
Nonlinearity = str | tuple[Function, Function]


def _sech2(x: Array) -> Array:
    # 1 - tanh^2 would lose its digits where it is small.
    e = np.exp(-2 * x * np.copysign(1.0, x.real))
    return 4 * e / (1 + e) ** 2


NONLINEARITIES: dict[str, tuple[Function, Function]] = {
    "tanh": (np.tanh, _sech2),
    "erf": (lambda x: erf(np.sqrt(np.pi) / 2 * x), lambda x: np.exp(-np.pi / 4 * x**2)),
    "relu": (lambda x: np.maximum(x, 0.0), lambda x: np.where(x > 0, 1.0, 0.0)),
    "linear": (lambda x: x, np.ones_like),
}


def function_and_slope(nonlinearity: Nonlinearity) -> tuple[Function, Function]:
    r"""Return a nonlinearity and its derivative, by name or as they were given.

    .. math:: \varphi, \qquad \varphi' = \frac{d\varphi}{dx}.

    Parameters
    ----------
    nonlinearity : str or pair of callable
        A name from ``NONLINEARITIES``, or :math:`(\varphi, \varphi')`. Both take and return
        arrays of one shape.

    Returns
    -------
    phi : callable
        The function :math:`\varphi`.
    slope : callable
        Its derivative :math:`\varphi'`.

    Raises
    ------
    ValueError
        If `nonlinearity` is neither a known name nor a pair of functions that return finite
        arrays of the shape of their argument.

    Notes
    -----
    Whether a given slope is the derivative of its function is not checked.

    Examples
    --------
    >>> import numpy as np
    >>> from dlnlib.nonlinearities import function_and_slope
    >>> x = np.array([-1.0, 0.0, 2.0])
    >>> for f in function_and_slope("relu"):
    ...     print(f(x))
    [0. 0. 2.]
    [0. 0. 1.]
    >>> phi, slope = function_and_slope((np.sin, np.cos))
    >>> print(slope(x).round(3))
    [ 0.54   1.    -0.416]
    """
    if isinstance(nonlinearity, str):
        if nonlinearity not in NONLINEARITIES:
            raise ValueError(
                f"nonlinearity must be one of {', '.join(NONLINEARITIES)} or a pair of functions, "
                f"got {nonlinearity!r}"
            )
        return NONLINEARITIES[nonlinearity]
    try:
        phi, slope = nonlinearity
        trials = [np.asarray(f(np.array([-1.0, 0.0, 1.0])), dtype=np.float64) for f in (phi, slope)]
    except (TypeError, ValueError) as error:
        raise ValueError(
            "nonlinearity must be a name or a pair (phi, derivative) of functions of arrays, "
            f"got {nonlinearity!r}"
        ) from error
    if any(y.shape != (3,) or not np.isfinite(y).all() for y in trials):
        raise ValueError(
            f"nonlinearity must return finite arrays of its argument's shape, got {trials}"
        )
    return phi, slope
