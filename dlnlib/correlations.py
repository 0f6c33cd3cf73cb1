"""The data as gradient descent sees it: second moments, summed over examples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dlnlib import _checks
from dlnlib._typing import Array

__all__ = [
    "Correlations",
    "Modes",
    "centred",
    "diagonal",
    "from_data",
    "input_strengths",
    "krylov",
    "modes",
    "whitened",
]

# Integers up to here are exact in float64, so BLAS may sum them.
_EXACT_FLOAT = 2**53
# Examples that are summed at once.
_CHUNK = 8192
# Modes weaker than this, relative to the strongest, are rounding errors.
_STRENGTH_TOLERANCE = 1e-12
# Modes that are further from orthonormal are none.
_ORTHONORMAL = 1e-8
# An eigenvalue this far below zero, relative to the largest, is no rounding error of a sum.
_NEGATIVE = 1e-9


class Modes(NamedTuple):
    """Hold the singular value decomposition of the input-output correlation.

    ``sigma_yx = U @ diag(s) @ Vt`` (Eq. 3), with ``s`` descending.

    Attributes
    ----------
    U : ndarray, shape (n_outputs, n_modes)
        Output modes, one a column.
    s : ndarray, shape (n_modes,)
        Singular values, descending.
    Vt : ndarray, shape (n_modes, n_inputs)
        Input modes, one a row.
    """

    U: Array
    s: Array
    Vt: Array

    @classmethod
    def of(cls, decomposition: Sequence[ArrayLike]) -> Modes:
        """Return modes from any (U, s, Vt), as `numpy.linalg.svd` returns it, checked.

        Parameters
        ----------
        decomposition : sequence of three array_like
            Output modes, one a column; singular values, descending; input modes, one a row.

        Returns
        -------
        Modes
            The same.

        Raises
        ------
        TypeError, ValueError
            If these are not three finite arrays of shapes that go together, a singular value is
            negative or larger than the one before, or modes are not orthonormal to 1e-8.

        Examples
        --------
        >>> import numpy as np
        >>> from dlnlib.correlations import Modes
        >>> Modes.of(np.linalg.svd(np.diag([3.0, 1.0]))).s
        array([3., 1.])
        """
        parts = tuple(_checks.iterated("modes", decomposition, "three arrays, U, s and Vt"))
        if len(parts) != 3:
            raise ValueError(f"modes must be three arrays, U, s and Vt, got {len(parts)}")
        U, s, Vt = (_checks.finite("modes", part) for part in parts)
        if s.ndim != 1 or U.ndim != 2 or Vt.ndim != 2 or not U.shape[1] == len(s) == len(Vt):
            raise ValueError(
                "modes must have U of shape (n_outputs, n_modes), s of (n_modes,) and Vt of "
                f"(n_modes, n_inputs), got shapes {U.shape}, {s.shape} and {Vt.shape}"
            )
        if np.any(s < 0) or np.any(np.diff(s) > _ORTHONORMAL * s.max(initial=0.0)):
            raise ValueError(f"modes must have singular values that descend to zero, got {s}")
        for frame in (U, Vt.T):
            off = np.abs(frame.T @ frame - np.eye(len(s))).max(initial=0.0)
            if off > _ORTHONORMAL:
                raise ValueError(f"modes must be orthonormal, got products that are off by {off}")
        return cls(U, s, Vt)

    @property
    def present(self) -> NDArray[np.bool_]:
        """Tell which modes the data determine: those above 1e-12 of the strongest."""
        return self.s > 1e-12 * self.s.max(initial=0.0)


@dataclass(frozen=True, eq=False)
class Correlations:
    r"""Hold the second moments that determine linear learning.

    .. math:: \Sigma^{11} = \sum_\mu x^\mu x^{\mu T}, \quad
              \Sigma^{31} = \sum_\mu y^\mu x^{\mu T}, \quad
              \operatorname{tr} \sum_\mu y^\mu y^{\mu T}.

    Parameters
    ----------
    sigma_xx : array_like, shape (n_inputs, n_inputs)
        Input correlation, symmetric.
    sigma_yx : array_like, shape (n_outputs, n_inputs)
        Input-output correlation.
    trace_yy : float
        Trace of the output correlation.
    n_examples : int
        Number of examples that were summed. Only means need it: `centred` and `whitened`.
    sum_x : array_like, shape (n_inputs,), optional
        Sum of the inputs. Only `centred` needs it.
    sum_y : array_like, shape (n_outputs,), optional
        Sum of the targets. Only `centred` needs it.

    Raises
    ------
    ValueError
        If shapes do not chain, an entry is not finite, ``sigma_xx`` is not symmetric,
        or ``trace_yy`` or ``n_examples`` is out of range.

    Examples
    --------
    >>> import numpy as np
    >>> from dlnlib.correlations import Correlations
    >>> c = Correlations(np.eye(2), [[3.0, 0.0], [0.0, 1.0]], trace_yy=10.0, n_examples=2)
    >>> c.sigma_yx.shape
    (2, 2)
    """

    # The one record that users make themselves, and so the one that checks itself.
    sigma_xx: Array
    sigma_yx: Array
    trace_yy: float
    n_examples: int
    sum_x: Array | None = None
    sum_y: Array | None = None

    def __post_init__(self) -> None:
        for name in ("sigma_xx", "sigma_yx"):
            object.__setattr__(self, name, _moments(name, getattr(self, name), 2))
        n_outputs, n_inputs = self.sigma_yx.shape
        if self.sigma_xx.shape != (n_inputs, n_inputs):
            raise ValueError(
                f"sigma_xx must have shape {(n_inputs, n_inputs)} to go with sigma_yx of shape "
                f"{self.sigma_yx.shape}, got {self.sigma_xx.shape}"
            )
        asymmetry = np.abs(self.sigma_xx - self.sigma_xx.T).max(initial=0.0)
        if asymmetry > 1e-9 * np.abs(self.sigma_xx).max(initial=0.0):
            raise ValueError(f"sigma_xx must be symmetric, got entries that differ by {asymmetry}")
        _checks.number("trace_yy", self.trace_yy, least=0)
        _checks.count("n_examples", self.n_examples)
        for name, size in (("sum_x", n_inputs), ("sum_y", n_outputs)):
            if getattr(self, name) is not None:
                total = _moments(name, getattr(self, name), 1)
                if total.shape != (size,):
                    raise ValueError(
                        f"{name} must have shape {(size,)} to go with sigma_yx of shape "
                        f"{self.sigma_yx.shape}, got shape {total.shape}"
                    )
                object.__setattr__(self, name, total)


def from_data(x: ArrayLike, y: ArrayLike) -> Correlations:
    r"""Sum the correlations of a data set.

    .. math:: \Sigma^{11} = \sum_\mu x^\mu x^{\mu T}, \qquad
              \Sigma^{31} = \sum_\mu y^\mu x^{\mu T}.

    Parameters
    ----------
    x : array_like, shape (n_examples, n_inputs)
        Inputs, one example a row. Memory-mapped arrays are read a chunk at a time.
    y : array_like, shape (n_examples, n_outputs)
        Targets, one example a row.

    Returns
    -------
    Correlations
        The moments, in float64. Sums of integers are exact up to 2**53.

    Raises
    ------
    ValueError
        If `x` and `y` are not matrices of equally many, at least one, finite real rows.

    Notes
    -----
    Definitions below Eqs. 1 and 2 of the paper: sums over examples, not means.

    Examples
    --------
    >>> import numpy as np
    >>> from dlnlib.correlations import from_data
    >>> from_data(np.eye(3), np.ones((3, 2))).sigma_yx
    array([[1., 1., 1.],
           [1., 1., 1.]])
    """
    x, y = _examples("x", x), _examples("y", y)
    if len(x) != len(y):
        raise ValueError(f"x and y must have equally many rows, got shapes {x.shape} and {y.shape}")
    sigma_xx = _sum_of_products(x, x)
    sigma_yx = _sum_of_products(y, x)
    trace_yy = _sum_of_squares(y)
    for name, total in (("x", sigma_xx), ("y", sigma_yx), ("y", np.array(trace_yy))):
        if not np.isfinite(total).all():
            raise ValueError(f"{name} must be finite with finite products, got sums that are not")
    ones = np.ones((len(x), 1), dtype=np.int64)
    sum_x, sum_y = (_sum_of_products(ones, a)[0] for a in (x, y))
    return Correlations(sigma_xx, sigma_yx, trace_yy, len(x), sum_x, sum_y)


def diagonal(s: ArrayLike, d: ArrayLike = 1.0) -> Correlations:
    r"""Return data whose modes are the coordinate axes.

    .. math:: \Sigma^{31} = \operatorname{diag}(s), \qquad \Sigma^{11} = \operatorname{diag}(d),
              \qquad \operatorname{tr} \sum_\mu y^\mu y^{\mu T} = \sum_\alpha s_\alpha^2/d_\alpha.

    Parameters
    ----------
    s : array_like, shape (n_modes,)
        Singular values of the modes, not negative.
    d : array_like, optional
        Input correlation along each mode, positive; broadcast to `s`. By default inputs are
        white.

    Returns
    -------
    Correlations
        The moments of as many examples as modes. A linear network can reach an error of zero.

    Raises
    ------
    ValueError
        If `s` is no vector of finite numbers that are not negative, or `d` is not positive.

    Notes
    -----
    The smallest task with given modes; with `d` that of Appendix E.

    Examples
    --------
    >>> from dlnlib.correlations import diagonal, modes
    >>> modes(diagonal([3.0, 1.0])).s
    array([3., 1.])
    """
    s, d = _checks.broadcast(s=_checks.not_negative("s", s), d=_checks.positive("d", d))
    if s.ndim != 1:
        raise ValueError(f"s must be a vector, got shape {s.shape}")
    return Correlations(np.diag(d), np.diag(s), float(np.sum(s**2 / d)), max(len(s), 1))


def input_strengths(correlations: Correlations, modes: Modes) -> Array:
    r"""Return how strongly the inputs vary along each input mode.

    .. math:: d_\alpha = v^{\alpha T} \Sigma^{11} v^\alpha.

    Parameters
    ----------
    correlations : Correlations
        The data.
    modes : Modes
        Modes of these, or of other data on the same inputs.

    Returns
    -------
    ndarray, shape (n_modes,)
        Input correlations; one everywhere if inputs are white.

    Raises
    ------
    ValueError
        If the modes have other inputs than the data.

    Notes
    -----
    The `d` of Eq. 46 and of `exact`, and the diagonal of `consistency.consistency`'s matrix.

    Examples
    --------
    >>> from dlnlib.correlations import diagonal, input_strengths, modes
    >>> data = diagonal([3.0, 1.0], d=[2.0, 0.5])
    >>> input_strengths(data, modes(data))
    array([2. , 0.5])
    """
    if modes.Vt.shape[1] != len(correlations.sigma_xx):
        raise ValueError(
            f"modes must have the {len(correlations.sigma_xx)} inputs of correlations, "
            f"got {modes.Vt.shape[1]}"
        )
    return np.einsum("ai,ij,aj->a", modes.Vt, correlations.sigma_xx, modes.Vt, optimize=True)


def centred(correlations: Correlations) -> Correlations:
    r"""Subtract the mean of every input.

    .. math:: \Sigma^{11} - \tfrac1P \sum_\mu x^\mu \sum_\mu x^{\mu T}, \qquad
              \Sigma^{31} - \tfrac1P \sum_\mu y^\mu \sum_\mu x^{\mu T}

    for :math:`P` examples. Targets stay as they are; centring them as well would change
    nothing but :math:`\operatorname{tr} \sum_\mu y^\mu y^{\mu T}`.

    Parameters
    ----------
    correlations : Correlations
        The data, with ``sum_x`` and ``sum_y``.

    Returns
    -------
    Correlations
        The moments of the centred inputs.

    Raises
    ------
    ValueError
        If the data lack their sums.

    Notes
    -----
    What the authors did to the pixels of Figs. 4, 6A and 5 right, by the points that they drew.

    Examples
    --------
    >>> from dlnlib.correlations import centred, from_data
    >>> centred(from_data([[1.0], [3.0]], [[0.0], [1.0]])).sigma_xx
    array([[2.]])
    """
    sum_x, sum_y = correlations.sum_x, correlations.sum_y
    if sum_x is None or sum_y is None:
        missing = [n for n, total in (("sum_x", sum_x), ("sum_y", sum_y)) if total is None]
        raise ValueError(
            "correlations must hold the sums of inputs and of targets to be centred, got none "
            f"for {' and '.join(missing)}; correlations.from_data keeps them"
        )
    mean = sum_x / correlations.n_examples
    return replace(
        correlations,
        sigma_xx=correlations.sigma_xx - np.outer(mean, sum_x),
        sigma_yx=correlations.sigma_yx - np.outer(sum_y, mean),
        sum_x=np.zeros_like(sum_x),
    )


def whitened(
    correlations: Correlations, *, epsilon: float = 0.0, rank: int | None = None
) -> Correlations:
    r"""Equalise the variances of the inputs, up to a regularisation.

    .. math:: x \to (C + \epsilon)^{-1/2} x, \qquad C = \tfrac1P \Sigma^{11} = Q w Q^T,
              \qquad \Sigma^{11} \to P\, Q\, \frac{w}{w + \epsilon}\, Q^T,

    with :math:`P` examples. At :math:`\epsilon = 0` this is the pseudo-inverse root, and
    :math:`\Sigma^{11}` becomes :math:`P` times a projector.

    Parameters
    ----------
    correlations : Correlations
        The data. Moments are taken as they are; for covariances apply `centred` before.
    epsilon : float, optional
        Added to every variance, in units of the mean squared input; not negative.
    rank : int, optional
        Number of principal components to keep, the strongest; the others become zero. By
        default all at a positive `epsilon`, and at zero the numerical rank, which is that
        of ``sigma_xx`` scaled to unit diagonal.

    Returns
    -------
    Correlations
        The moments of the whitened inputs.

    Raises
    ------
    ValueError
        If `epsilon` is negative or not finite, `rank` is no integer from 1 to the number
        of inputs, or ``sigma_xx`` is not positive semidefinite.

    Notes
    -----
    The symmetric root (ZCA) leaves pixels where they are. The other usual choice,
    :math:`(w + \epsilon)^{-1/2} Q^T` (PCA), differs from it by the rotation :math:`Q`, on which
    no error, learning time or mode strength depends. Figs. 4, 6A and 5 right are of centred
    pixels whitened with :math:`\epsilon = 0.01`, by the points that the authors drew.

    Examples
    --------
    >>> import numpy as np
    >>> from dlnlib.correlations import Correlations, whitened
    >>> data = Correlations(np.diag([8.0, 2.0]), [[4.0, 2.0]], 6.0, 2)
    >>> whitened(data).sigma_xx
    array([[2., 0.],
           [0., 2.]])
    >>> whitened(data, epsilon=1.0).sigma_xx.round(3)
    array([[1.6, 0. ],
           [0. , 1. ]])
    """
    sigma = correlations.sigma_xx
    epsilon = _checks.number("epsilon", epsilon, least=0)
    if rank is not None:
        rank = _checks.count("rank", rank, most=len(sigma))
    variances, Q = np.linalg.eigh(sigma / correlations.n_examples)
    if variances[0] < -_NEGATIVE * abs(variances[-1]):
        raise ValueError(
            "correlations.sigma_xx must be positive semidefinite to be whitened, got eigenvalues "
            f"from {variances[0]} to {variances[-1]}, divided by n_examples"
        )
    if rank is None and epsilon == 0:
        rank = _numerical_rank(sigma)
    kept = slice(0 if rank is None else len(sigma) - rank, None)
    w, Q = np.maximum(variances[kept], 0.0), Q[:, kept]
    root = (Q / np.sqrt(w + epsilon)) @ Q.T
    white = correlations.n_examples * (Q * (w / (w + epsilon))) @ Q.T
    return replace(
        correlations,
        sigma_xx=(white + white.T) / 2,
        sigma_yx=correlations.sigma_yx @ root,
        sum_x=None if correlations.sum_x is None else root @ correlations.sum_x,
    )


def krylov(correlations: Correlations, *, n_blocks: int) -> Correlations:
    r"""Express the inputs in the Krylov space of the input modes.

    .. math:: \operatorname{span}\{ V^{11}, \Sigma^{11} V^{11}, \dots,
              (\Sigma^{11})^{k-1} V^{11} \}

    for `k` blocks. From a start that treats all inputs alike (all layers multiples of
    rotations, the last one reading from :math:`V^{11}`), the error after `t` iterations of
    gradient descent depends on powers of :math:`\Sigma^{11}` in this space only, and on inputs
    of similar variance a few blocks exhaust it.

    Parameters
    ----------
    correlations : Correlations
        The data. Modes below :math:`10^{-12}` of the strongest are left out.
    n_blocks : int
        Number of powers, from 1; the space stops growing where it contains all inputs that
        the data connect with the targets.

    Returns
    -------
    Correlations
        The moments of the inputs in an orthonormal basis of the space, whose first vectors are
        the input modes. ``sigma_xx`` is block tridiagonal.

    Raises
    ------
    ValueError
        If `n_blocks` is no integer of at least 1, or there are no modes.

    Notes
    -----
    Exact if the space is invariant. Otherwise an approximation; two numbers of blocks that
    give the same learning curve, up to rounding, show that it suffices.

    Examples
    --------
    >>> import numpy as np
    >>> from dlnlib.correlations import Correlations, krylov
    >>> data = Correlations(np.diag([3.0, 2.0, 1.0, 1.0]), [[1.0, 1.0, 0.0, 0.0]], 2.0, 3)
    >>> krylov(data, n_blocks=5).sigma_xx.round(6)
    array([[2.5, 0.5],
           [0.5, 2.5]])
    """
    n_blocks = _checks.count("n_blocks", n_blocks)
    found = modes(correlations)
    block = found.Vt[found.present].T
    if block.size == 0:
        raise ValueError(f"correlations must have modes, got singular values {found.s}")
    basis = block
    for _ in range(n_blocks - 1):
        image = correlations.sigma_xx @ block
        # Twice: once leaves the rounding error of the first projection behind.
        outside = image - basis @ (basis.T @ image)
        left, sizes, _ = np.linalg.svd(outside - basis @ (basis.T @ outside), full_matrices=False)
        block = left[:, sizes > _STRENGTH_TOLERANCE * np.linalg.norm(image)]
        if block.shape[1] == 0:
            break
        basis = np.concatenate([basis, block], axis=1)
    inner = basis.T @ correlations.sigma_xx @ basis
    return replace(
        correlations,
        sigma_xx=(inner + inner.T) / 2,
        sigma_yx=correlations.sigma_yx @ basis,
        sum_x=None if correlations.sum_x is None else basis.T @ correlations.sum_x,
    )


def modes(correlations: Correlations) -> Modes:
    r"""Decompose the input-output correlation into its modes.

    .. math:: \Sigma^{31} = U^{33} S^{31} V^{11T}
              = \sum_\alpha s_\alpha u^\alpha v^{\alpha T}.

    The sign of each pair is fixed so that the entry of the input mode that is
    largest in magnitude is positive.

    Parameters
    ----------
    correlations : Correlations
        The data.

    Returns
    -------
    Modes
        ``U`` (n_outputs, n_modes), ``s`` (n_modes,) descending, ``Vt`` (n_modes, n_inputs)
        with ``n_modes = min(n_outputs, n_inputs)``.

    Notes
    -----
    Eq. 3 of the paper.

    Examples
    --------
    >>> import numpy as np
    >>> from dlnlib.correlations import Correlations, modes
    >>> modes(Correlations(np.eye(2), [[0.0, 1.0], [3.0, 0.0]], 10.0, 2)).s
    array([3., 1.])
    """
    U, s, Vt = np.linalg.svd(correlations.sigma_yx, full_matrices=False)
    peaks = Vt[np.arange(len(s)), np.abs(Vt).argmax(axis=1)]
    signs = np.where(peaks < 0, -1.0, 1.0)
    return Modes(U * signs, s, Vt * signs[:, None])


def _moments(name: str, value: ArrayLike, n_axes: int) -> Array:
    array, kind = np.asarray(value, dtype=np.float64), ("vector", "matrix")[n_axes - 1]
    if array.ndim != n_axes or not np.isfinite(array).all():
        raise ValueError(
            f"{name} must be a finite {kind}, got shape {array.shape} with "
            f"{np.count_nonzero(~np.isfinite(array))} non-finite entries"
        )
    return array


def _numerical_rank(sigma: Array) -> int:
    """Return the rank of a matrix of moments, whatever the units of each input."""
    # Unit diagonal: a pixel that is seldom on is then no rounding error of one that often is.
    size = np.sqrt(np.diagonal(sigma))
    size = np.where(size > 0, size, 1.0)
    return int(np.linalg.matrix_rank(sigma / np.outer(size, size), tol=1e-10, hermitian=True))


def _examples(name: str, value: ArrayLike) -> NDArray[np.generic]:
    array = value if isinstance(value, np.ndarray) else np.asarray(value)
    if array.ndim != 2 or array.dtype.kind not in "biuf" or 0 in array.shape:
        raise ValueError(
            f"{name} must be a non-empty real matrix with one example a row, "
            f"got shape {array.shape} and dtype {array.dtype}"
        )
    return array


def _magnitude(array: NDArray[np.generic]) -> int:
    chunks = (array[i : i + _CHUNK] for i in range(0, len(array), _CHUNK))
    return max(max(int(c.max()), -int(c.min())) for c in chunks)


def _working_dtype(
    a: NDArray[np.generic], b: NDArray[np.generic], n_terms: int
) -> type[np.float64] | type[np.int64] | type[object]:
    if "f" in a.dtype.kind + b.dtype.kind:
        return np.float64
    bound = _magnitude(a) * _magnitude(b) * n_terms
    if bound <= _EXACT_FLOAT:
        return np.float64
    return np.int64 if bound < 2**63 else object


def _sum_of_products(a: NDArray[np.generic], b: NDArray[np.generic]) -> Array:
    dtype = _working_dtype(a, b, len(a))
    total = np.zeros((a.shape[1], b.shape[1]), dtype=dtype)
    with np.errstate(over="ignore", invalid="ignore"):
        for i in range(0, len(a), _CHUNK):
            total += a[i : i + _CHUNK].astype(dtype).T @ b[i : i + _CHUNK].astype(dtype)
        return total.astype(np.float64)


def _sum_of_squares(y: NDArray[np.generic]) -> float:
    dtype = _working_dtype(y, y, y.size)
    with np.errstate(over="ignore", invalid="ignore"):
        squares = (y[i : i + _CHUNK].astype(dtype) ** 2 for i in range(0, len(y), _CHUNK))
        return float(sum(chunk.sum() for chunk in squares))
