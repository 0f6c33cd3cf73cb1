r"""The product of the layers of a network of any depth that starts balanced.

Gradient flow keeps :math:`W^{l+1\,T}W^{l+1} = W^lW^{l\,T}` where it holds at the start. All layers
then have the singular values :math:`\sigma^{1/L}` of their product :math:`W = U\sigma V^T`, with
singular vectors that fit, and :math:`W` alone tells how it moves.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.integrate import DOP853

from dlnlib import _checks
from dlnlib._typing import Array

__all__ = ["end_to_end_flow", "end_to_end_velocity"]

# Relative tolerance of the integrator, and the absolute one relative to the largest entry.
_RTOL, _ATOL = 1e-10, 1e-13
_MOST_STEPS = 2_000


def end_to_end_velocity(W: ArrayLike, gradient: ArrayLike, *, n_layers: int) -> Array:
    r"""Return the velocity of the product of balanced layers under gradient flow.

    .. math:: \tau\dot W = -\sum_{j=1}^{L} (WW^T)^{(L-j)/L} \; \nabla E \; (W^TW)^{(j-1)/L},
              \qquad L = N_l - 1.

    Parameters
    ----------
    W : array_like, shape (..., n_out, n_in)
        Product of the layers, first layer rightmost.
    gradient : array_like, shape (..., n_out, n_in)
        Gradient :math:`\nabla E` of an error, any error, with respect to `W`.
    n_layers : int
        Number of layers of units, at least 2.

    Returns
    -------
    ndarray, shape (..., n_out, n_in)
        Velocity :math:`\tau\dot W`.

    Raises
    ------
    TypeError, ValueError
        If `W` or `gradient` is no finite real matrix, their shapes differ, or `n_layers` is no
        integer of at least 2.

    See Also
    --------
    end_to_end_flow : Integrate it for the squared error.
    dlnlib.initial_conditions.balanced : Balanced layers for any product.

    Notes
    -----
    Arora, Cohen and Hazan (2018). Balance makes :math:`W^L\cdots W^{l+1}` the power
    :math:`(L-l)/L` of `W` up to a rotation of hidden units, which drops out. In the singular
    vectors of `W` the sum multiplies entry :math:`rq` of :math:`U^T\nabla E\,V` by
    :math:`\sum_j \sigma_r^{2(L-j)/L}\sigma_q^{2(j-1)/L}`. On the diagonal that is
    :math:`L\sigma_r^{2-2/L}`: the speed of a singular value (Arora et al. 2019), and the
    preconditioner of Eq. 15. What `W` maps to zero, or never reaches, is moved by the first and
    the last of the layers alone.

    Examples
    --------
    >>> import numpy as np
    >>> from dlnlib.exact import end_to_end_velocity
    >>> W, sigma_yx = np.diag([0.04, 0.01]), np.diag([3.0, 1.0])
    >>> print(end_to_end_velocity(W, W - sigma_yx, n_layers=3).round(6) + 0.0)
    [[0.2368 0.    ]
     [0.     0.0198]]
    """
    W, gradient = _checks.finite("W", W), _checks.finite("gradient", gradient)
    if W.ndim < 2 or gradient.shape[-2:] != W.shape[-2:]:
        raise ValueError(
            f"gradient must be matrices of the shape of those of W, got {gradient.shape} for "
            f"W of shape {W.shape}"
        )
    return _velocity(W, gradient, _checks.count("n_layers", n_layers, least=2) - 1)


def end_to_end_flow(
    times: ArrayLike,
    start: ArrayLike,
    *,
    sigma_yx: ArrayLike,
    sigma_xx: ArrayLike | None = None,
    n_layers: int,
    tau: float,
) -> Array:
    r"""Return the product of balanced layers at times of gradient flow.

    .. math:: \tau\dot W = \sum_{j=1}^{L} (WW^T)^{(L-j)/L}
              \left[\Sigma^{31} - W\Sigma^{11}\right] (W^TW)^{(j-1)/L}, \qquad L = N_l - 1,

    integrated with a relative tolerance of :math:`10^{-10}`.

    Parameters
    ----------
    times : array_like, shape (n_times,)
        Ascending times in iterations, from 0 or later.
    start : array_like, shape (n_out, n_in)
        Product of the layers at time 0.
    sigma_yx : array_like, shape (n_out, n_in)
        Input-output correlation.
    sigma_xx : array_like, shape (n_in, n_in), optional
        Input correlation, symmetric. By default inputs are white.
    n_layers : int
        Number of layers of units, at least 2. Hidden layers must be wide enough for the rank that
        the product takes, or these are not the dynamics of a network.
    tau : float
        Time constant in iterations, the inverse of the learning rate.

    Returns
    -------
    ndarray, shape (n_times, n_out, n_in)
        The product.

    Raises
    ------
    TypeError, ValueError
        If an argument is not finite, out of range, or of another shape, or times are too long to be
        followed.

    See Also
    --------
    end_to_end_velocity : The velocity that is integrated.
    three_layer_map : In closed form for three layers and white inputs.
    dlnlib.training.gradient_flow : All layers, from any start.

    Notes
    -----
    Arora, Cohen and Hazan (2018). The cost of a step does not grow with depth or width: it is that
    of one singular value decomposition of the product.

    Examples
    --------
    >>> import numpy as np
    >>> from dlnlib.exact import end_to_end_flow, mode_strength
    >>> start, sigma_yx = 0.01 * np.eye(2), np.diag([3.0, 1.0])
    >>> W = end_to_end_flow([0, 2, 4], start, sigma_yx=sigma_yx, n_layers=4, tau=1.0)
    >>> print(W[:, 0, 0].round(4))
    [0.01   2.9992 3.    ]
    >>> print(mode_strength([0, 2, 4], s=3, u0=0.01, tau=1, n_layers=4).round(4))
    [0.01   2.9992 3.    ]
    """
    times, start = _checks.times(times), _checks.finite("start", start)
    sigma_yx = _checks.finite("sigma_yx", sigma_yx)
    if start.ndim != 2 or sigma_yx.shape != start.shape:
        raise ValueError(
            f"sigma_yx must be a matrix of the shape of start, got {sigma_yx.shape} for a start of "
            f"shape {start.shape}"
        )
    square = (start.shape[1],) * 2
    sigma_xx = np.eye(square[0]) if sigma_xx is None else _checks.finite("sigma_xx", sigma_xx)
    if sigma_xx.shape != square or not np.allclose(sigma_xx, sigma_xx.T, rtol=1e-12, atol=0):
        raise ValueError(f"sigma_xx must be symmetric, of shape {square}, got {sigma_xx.shape}")
    L = _checks.count("n_layers", n_layers, least=2) - 1
    tau = _checks.number("tau", tau, above=0.0)

    with np.errstate(all="ignore"):
        return _integrated(times / tau, start, sigma_xx, sigma_yx, L)


def _integrated(times: Array, start: Array, sigma_xx: Array, sigma_yx: Array, L: int) -> Array:
    """Integrate in units of tau, until the last of times or until nothing is left to be learned."""

    def slope(flat: Array) -> Array:
        return flat.reshape(start.shape) @ sigma_xx - sigma_yx

    def velocity(_: float, flat: Array) -> Array:
        return _velocity(flat.reshape(start.shape), slope(flat), L).ravel()

    initial, scale = velocity(0.0, start.ravel()), np.abs(sigma_yx).max(initial=0)
    if not np.isfinite(initial).all() or not np.isfinite(times[-1]):
        raise ValueError("start, sigma_yx and tau must not take velocities or times out of range")
    found = np.broadcast_to(start, (len(times), *start.shape)).copy()
    atol = _ATOL * max(np.abs(start).max(), scale, np.finfo(float).tiny)
    if not initial.any() or times[-1] == 0:
        return found
    run = DOP853(velocity, 0.0, start.ravel(), times[-1], rtol=_RTOL, atol=atol)
    for _ in range(_MOST_STEPS):
        run.step()
        here = (run.t_old < times) & (times <= run.t)
        found[here] = run.dense_output()(times[here]).T.reshape(-1, *start.shape)
        if run.status != "running":
            break
        if np.abs(slope(run.y)).max() <= _RTOL * scale:
            found[times > run.t] = run.y.reshape(start.shape)
            return found
    if run.status != "finished":
        raise ValueError(
            f"times must be within what {_MOST_STEPS} steps reach, {run.t:g} times tau, got "
            f"{times[-1]:g} times tau"
        )
    return found


def _velocity(W: Array, gradient: Array, L: int) -> Array:
    """Return minus the gradient, weighted by powers of the singular values of W."""
    if L == 1:
        return -gradient
    U, s, Vt = np.linalg.svd(W, full_matrices=False)
    Ut, V = np.swapaxes(U, -1, -2), np.swapaxes(Vt, -1, -2)
    # The first and the last term reach beyond the singular vectors; the sum between does not.
    powers = s[..., None, :] ** (2 * np.arange(1, L)[:, None] / L)
    most, inner = powers[..., -1, :], powers[..., :-1, :]
    between = np.einsum("...jr,...jq->...rq", inner[..., ::-1, :], inner)
    first = (U * most[..., None, :]) @ (Ut @ gradient)
    last = (gradient @ V * most[..., None, :]) @ Vt
    velocity: Array = -(first + last + U @ (between * (Ut @ gradient @ V)) @ Vt)
    return velocity
