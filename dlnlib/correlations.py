"""The data as gradient descent sees it: second moments, summed over examples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dlnlib import _checks, _second_moments
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
    "per_example",
    "summed",
    "whitened",
]

# Integers up to here are exact in float64, so BLAS may sum them.
_EXACT_FLOAT = 2**53
# Examples that are summed at once.
_CHUNK = 8192
# Modes weaker than this, relative to the strongest, are rounding errors.
_STRENGTH_TOLERANCE = 1e-12
# Modes that are further from orthonormal are none.
_ORTHONORMAL = 1e-5
# An eigenvalue this far below zero, relative to the largest, is no rounding error of a sum.
_NEGATIVE = 1e-9
# Variances below this, of inputs in units of their own, may be rounding errors of sums of floats.
_NUMERICAL_RANK = 1e-10
# What is left of a square when its mean is taken out, where all of it is rounding.
_CONSTANT = 8 * np.finfo(np.float64).eps
# Entries of a mode that differ by less, relative to the largest, tie.
_TIE = 1e-8
# Targets need not vary less than inputs explain, but for rounding.
_EXPLAINED = 1e-8


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
            Columns and rows beyond the singular values, of full matrices, are left out.

        Returns
        -------
        Modes
            The same.

        Raises
        ------
        TypeError, ValueError
            If these are not three finite arrays of shapes that go together, a singular value is
            negative or larger than the one before, by more than 1e-5 of the largest, or modes
            are not orthonormal to 1e-5, as those in single precision are.

        Examples
        --------
        >>> import numpy as np
        >>> from dlnlib.correlations import Modes
        >>> U, s, Vt = Modes.of(np.linalg.svd([[3.0, 0.0, 0.0], [0.0, 1.0, 0.0]]))
        >>> s, Vt.shape
        (array([3., 1.]), (2, 3))
        """
        parts = tuple(_checks.iterated("modes", decomposition, "three arrays, U, s and Vt"))
        if len(parts) != 3:
            raise ValueError(f"modes must be three arrays, U, s and Vt, got {len(parts)}")
        U, s, Vt = (_checks.finite("modes", part) for part in parts)
        if U.ndim == Vt.ndim == 2 and s.ndim == 1:
            U, Vt = U[:, : len(s)], Vt[: len(s)]
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
        return self.s > _STRENGTH_TOLERANCE * self.s.max(initial=0.0)


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
    TypeError
        If an entry is no real number, or ``n_examples`` no number.
    ValueError
        If shapes do not chain, an entry is not finite, ``sigma_xx`` is not symmetric, or no data
        have these moments: ``sigma_xx`` has a negative eigenvalue, outputs vary with inputs that
        do not, ``trace_yy`` is less than
        :math:`\operatorname{tr} \Sigma^{31} (\Sigma^{11})^{-1} \Sigma^{13}`, which inputs
        explain, the sums are not those of ``n_examples`` examples, or that is no whole number
        from 1.

    Notes
    -----
    Rounding is allowed for: :math:`\Sigma^{11}` may lack, in any direction, :math:`10^{-9}` of
    each input's own second moment and :math:`10^{-12}` of their sum, and ``trace_yy``
    :math:`10^{-8}` of itself. Moments that are summed or whitened here follow from data or from
    checked moments, and are not checked again.

    Means over examples do as well as sums, with one for ``n_examples``: see `per_example`.

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
        changed: dict[str, object] = {
            "sigma_xx": _entries("sigma_xx", self.sigma_xx, 2),
            "sigma_yx": _entries("sigma_yx", self.sigma_yx, 2),
            "trace_yy": _checks.number("trace_yy", self.trace_yy, least=0),
            "n_examples": _checks.count("n_examples", self.n_examples),
        }
        for name in ("sum_x", "sum_y"):
            if getattr(self, name) is not None:
                changed[name] = _entries(name, getattr(self, name), 1)
        for name, value in changed.items():
            object.__setattr__(self, name, value)
        _require_shapes(self)
        _require_data(self)


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
    TypeError
        If `x` or `y` is complex, masked, or not of numbers; bools count as 0 and 1.
    ValueError
        If `x` and `y` are not matrices of equally many, at least one, finite rows, or products
        leave the range of doubles.

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
    return _second_moments.known(
        Correlations,
        sigma_xx=sigma_xx,
        sigma_yx=sigma_yx,
        trace_yy=trace_yy,
        n_examples=len(x),
        sum_x=sum_x,
        sum_y=sum_y,
    )


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
    TypeError, ValueError
        If `s` is no vector of finite numbers that are not negative, `d` is not positive, or
        their trace leaves the range of doubles.

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
    with np.errstate(over="ignore"):
        trace_yy = float(np.sum(s**2 / d))
    if not np.isfinite(trace_yy):
        raise ValueError(f"s must have a finite sum of s**2 / d, got s up to {s.max()}")
    return _second_moments.known(
        Correlations,
        sigma_xx=np.diag(d),
        sigma_yx=np.diag(s),
        trace_yy=trace_yy,
        n_examples=max(len(s), 1),
    )


def input_strengths(correlations: Correlations, modes: Modes) -> Array:
    r"""Return how strongly the inputs vary along each input mode.

    .. math:: d_\alpha = v^{\alpha T} \Sigma^{11} v^\alpha.

    Parameters
    ----------
    correlations : Correlations
        The data.
    modes : Modes
        Modes of these, or of other data on the same inputs; any (U, s, Vt).

    Returns
    -------
    ndarray, shape (n_modes,)
        Input correlations; one everywhere if inputs are white.

    Raises
    ------
    TypeError, ValueError
        If these are no `Correlations` or no modes, or the modes have other inputs.

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
    correlations, modes = _checks.correlations(correlations), Modes.of(modes)
    if modes.Vt.shape[1] != len(correlations.sigma_xx):
        raise ValueError(
            f"modes must have the {len(correlations.sigma_xx)} inputs of correlations, "
            f"got {modes.Vt.shape[1]}"
        )
    return np.einsum("ai,ij,aj->a", modes.Vt, correlations.sigma_xx, modes.Vt, optimize=True)


def centred(correlations: Correlations, *, like: Correlations | None = None) -> Correlations:
    r"""Subtract the mean of every input.

    .. math:: \Sigma^{11} - \tfrac1P \sum_\mu x^\mu \sum_\mu x^{\mu T}, \qquad
              \Sigma^{31} - \tfrac1P \sum_\mu y^\mu \sum_\mu x^{\mu T}

    for :math:`P` examples. Targets stay as they are; centring them as well would change
    nothing but :math:`\operatorname{tr} \sum_\mu y^\mu y^{\mu T}`. Inputs that are constant to
    rounding (of whose second moment less than :math:`2\cdot 10^{-15}` is left) become zero.

    Parameters
    ----------
    correlations : Correlations
        The data, with ``sum_x`` and ``sum_y``.
    like : Correlations, optional
        Data whose mean is subtracted, with ``sum_x``: examples that are kept for a test are
        centred as those of training are. By default it is the data's own mean.

    Returns
    -------
    Correlations
        The moments of the centred inputs.

    Raises
    ------
    TypeError
        If these are no `Correlations`.
    ValueError
        If the data lack their sums, or `like` has other inputs.

    Notes
    -----
    What the authors did to the pixels of Figs. 4, 6A and 5 right, by the points that they drew.

    Examples
    --------
    >>> from dlnlib.correlations import centred, from_data
    >>> centred(from_data([[1.0], [3.0]], [[0.0], [1.0]])).sigma_xx
    array([[2.]])
    """
    _checks.correlations(correlations)
    sum_x, sum_y = _sums(correlations)
    if like is not None:
        sum_like, _ = _sums(_of_same_inputs(like, correlations), "like")
        return _shifted(correlations, sum_like / like.n_examples)
    mean = sum_x / correlations.n_examples
    sigma_xx = correlations.sigma_xx - np.outer(mean, sum_x)
    varies = np.diagonal(sigma_xx) > _CONSTANT * np.diagonal(correlations.sigma_xx)
    return _second_moments.derived(
        correlations,
        sigma_xx=np.where(np.outer(varies, varies), sigma_xx, 0.0),
        sigma_yx=np.where(varies, correlations.sigma_yx - np.outer(sum_y, mean), 0.0),
        sum_x=np.zeros_like(sum_x),
    )


def per_example(correlations: Correlations) -> Correlations:
    r"""Turn sums over examples into means.

    .. math:: \Sigma^{11} \to \tfrac1P \Sigma^{11}, \qquad \Sigma^{31} \to \tfrac1P \Sigma^{31},
              \qquad \operatorname{tr}\Sigma^{33} \to \tfrac1P \operatorname{tr}\Sigma^{33}

    for :math:`P` examples, so that the error is its mean over examples, :math:`E/P`.

    Parameters
    ----------
    correlations : Correlations
        The data, as sums over examples.

    Returns
    -------
    Correlations
        The same data as one average example: ``n_examples`` is 1.

    Raises
    ------
    TypeError
        If these are no `Correlations`.

    See Also
    --------
    summed : The way back.

    Notes
    -----
    The paper sums over examples, and so does this library. The gradient of a mean is smaller by
    :math:`P`: weights take the same course at the learning rate :math:`P \lambda`, or the time
    constant :math:`\tau / P`, and errors, singular values :math:`s` and input strengths :math:`d`
    are smaller by :math:`P`. Where a loss is the mean over :math:`N_3` outputs as well, without
    the half, as the mean squared error of most libraries, the rate is
    :math:`P N_3 \lambda / 2`.

    Means that come from elsewhere can be used as they are, in
    ``Correlations(sigma_xx, sigma_yx, trace_yy, n_examples=1)``. `centred` and `whitened`
    commute with this function.

    Examples
    --------
    >>> from dlnlib.correlations import from_data, per_example
    >>> per_example(from_data([[1.0], [3.0]], [[0.0], [1.0]])).sigma_xx
    array([[5.]])
    """
    return _weighted(_checks.correlations(correlations), 1)


def summed(correlations: Correlations, *, n_examples: int) -> Correlations:
    r"""Turn means over examples, or sums over fewer of them, into sums.

    .. math:: \Sigma \to \frac{P}{P_0} \Sigma

    for all moments, from :math:`P_0` examples, or one average example, to :math:`P`.

    Parameters
    ----------
    correlations : Correlations
        The data, as means, of one example, or as sums over their ``n_examples``.
    n_examples : int
        Number of examples :math:`P` that they shall count as.

    Returns
    -------
    Correlations
        The moments of that many examples.

    Raises
    ------
    TypeError, ValueError
        If these are no `Correlations`, `n_examples` is no whole number from 1, or a moment
        leaves the range of doubles.

    See Also
    --------
    per_example : The other way, and what it does to learning rates.

    Examples
    --------
    >>> from dlnlib.correlations import Correlations, summed
    >>> means = Correlations([[5.0]], [[1.5]], trace_yy=0.5, n_examples=1)
    >>> summed(means, n_examples=2).sigma_xx
    array([[10.]])
    """
    correlations = _checks.correlations(correlations)
    return _weighted(correlations, _checks.count("n_examples", n_examples))


def whitened(
    correlations: Correlations,
    *,
    epsilon: float = 0.0,
    rank: int | None = None,
    like: Correlations | None = None,
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
        default all at a positive `epsilon`, and at zero the numerical rank, the most that
        there are: the number of eigenvalues above :math:`10^{-10}` of ``sigma_xx`` scaled to
        unit diagonal.
    like : Correlations, optional
        Data whose :math:`C` is taken: examples that are kept for a test are whitened as those
        of training are. By default it is the data's own.

    Returns
    -------
    Correlations
        The moments of the whitened inputs.

    Raises
    ------
    TypeError, ValueError
        If these are no `Correlations`, `epsilon` is negative or not finite, `rank` is no
        integer from 1 to the number of inputs or, at zero `epsilon`, exceeds the numerical
        rank, ``sigma_xx`` is not positive semidefinite, or `like` has other inputs.

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
    sigma = _checks.correlations(correlations).sigma_xx
    source = correlations if like is None else _of_same_inputs(like, correlations)
    epsilon = _checks.number("epsilon", epsilon, least=0)
    if rank is not None:
        rank = _checks.count("rank", rank, most=len(sigma))
    sizes, shares, Q = _regularised(source, rank, epsilon) if epsilon else _equalised(source, rank)
    root = (Q / sizes) @ Q.T
    if like is not None:
        return _multiplied(correlations, root)
    white = correlations.n_examples * (Q * shares) @ Q.T
    # Rounding errors of inputs that do not vary would pass for inputs in small units.
    varies = np.diagonal(sigma) > 0
    return _second_moments.derived(
        correlations,
        sigma_xx=np.where(np.outer(varies, varies), (white + white.T) / 2, 0.0),
        sigma_yx=np.where(varies, correlations.sigma_yx @ root, 0.0),
        sum_x=None if correlations.sum_x is None else root @ correlations.sum_x,
    )


def krylov(
    correlations: Correlations, *, n_blocks: int, like: Correlations | None = None
) -> Correlations:
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
    like : Correlations, optional
        Data whose space is taken: examples that are kept for a test are expressed in that of
        training. By default it is the data's own.

    Returns
    -------
    Correlations
        The moments of the inputs in an orthonormal basis of the space, whose first vectors are
        the input modes. ``sigma_xx`` is block tridiagonal.

    Raises
    ------
    TypeError, ValueError
        If these are no `Correlations`, `n_blocks` is no integer of at least 1, there are no
        modes, or `like` has other inputs.

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
    _checks.correlations(correlations)
    source = correlations if like is None else _of_same_inputs(like, correlations)
    found = modes(source)
    block = found.Vt[found.present].T
    if block.size == 0:
        name = "correlations" if like is None else "like"
        raise ValueError(f"{name} must have modes, got singular values {found.s}")
    basis, sigma = block, _second_moments.near_one(source.sigma_xx)
    for _ in range(n_blocks - 1):
        image = sigma @ block
        # Twice: once leaves the rounding error of the first projection behind.
        outside = image - basis @ (basis.T @ image)
        left, sizes, _ = np.linalg.svd(outside - basis @ (basis.T @ outside), full_matrices=False)
        block = left[:, sizes > _STRENGTH_TOLERANCE * np.linalg.norm(image)]
        if block.shape[1] == 0:
            break
        basis = np.concatenate([basis, block], axis=1)
    inner = basis.T @ correlations.sigma_xx @ basis
    return _second_moments.derived(
        correlations,
        sigma_xx=(inner + inner.T) / 2,
        sigma_yx=correlations.sigma_yx @ basis,
        sum_x=None if correlations.sum_x is None else basis.T @ correlations.sum_x,
    )


def modes(correlations: Correlations) -> Modes:
    r"""Decompose the input-output correlation into its modes.

    .. math:: \Sigma^{31} = U^{33} S^{31} V^{11T}
              = \sum_\alpha s_\alpha u^\alpha v^{\alpha T}.

    The sign of each pair is fixed: of the entries of the input mode that are largest in
    magnitude, to a relative :math:`10^{-8}`, the first is positive.

    Parameters
    ----------
    correlations : Correlations
        The data.

    Returns
    -------
    Modes
        ``U`` (n_outputs, n_modes), ``s`` (n_modes,) descending, ``Vt`` (n_modes, n_inputs)
        with ``n_modes = min(n_outputs, n_inputs)``.

    Raises
    ------
    TypeError
        If these are no `Correlations`.

    Notes
    -----
    Eq. 3 of the paper. Modes of equal singular values are any orthonormal basis of the space
    that they share, and so are those without strength of what the others leave: data do not
    determine it, and which one LAPACK returns may differ between versions.

    Examples
    --------
    >>> import numpy as np
    >>> from dlnlib.correlations import Correlations, modes
    >>> modes(Correlations(np.eye(2), [[0.0, 1.0], [3.0, 0.0]], 10.0, 2)).s
    array([3., 1.])
    """
    U, s, Vt = np.linalg.svd(_checks.correlations(correlations).sigma_yx, full_matrices=False)
    sizes = np.abs(Vt)
    first = np.argmax(sizes >= (1 - _TIE) * sizes.max(axis=1, keepdims=True), axis=1)
    signs = np.where(Vt[np.arange(len(s)), first] < 0, -1.0, 1.0)
    return Modes(U * signs, s, Vt * signs[:, None])


def _entries(name: str, value: ArrayLike, n_axes: int) -> Array:
    # In rows, so that the same numbers round alike whatever their layout was.
    array = np.asarray(_checks.real(name, value), dtype=np.float64, order="C")
    if array.ndim != n_axes or not np.isfinite(array).all():
        raise ValueError(
            f"{name} must be a finite {('vector', 'matrix')[n_axes - 1]}, got shape {array.shape} "
            f"with {np.count_nonzero(~np.isfinite(array))} non-finite entries"
        )
    return array


def _require_shapes(given: Correlations) -> None:
    n_outputs, n_inputs = given.sigma_yx.shape
    expected = {"sigma_xx": (n_inputs, n_inputs), "sum_x": (n_inputs,), "sum_y": (n_outputs,)}
    for name, shape in expected.items():
        value = getattr(given, name)
        if value is not None and value.shape != shape:
            raise ValueError(
                f"{name} must have shape {shape} to go with sigma_yx of shape "
                f"{given.sigma_yx.shape}, got shape {value.shape}"
            )


def _require_data(given: Correlations) -> None:
    """Require that some data have these moments, but for rounding."""
    sigma_xx, sigma_yx = given.sigma_xx, given.sigma_yx
    with np.errstate(over="ignore"):
        asymmetry = np.abs(sigma_xx - sigma_xx.T).max(initial=0.0)
    if asymmetry > 1e-9 * np.abs(sigma_xx).max(initial=0.0):
        raise ValueError(f"sigma_xx must be symmetric, got entries that differ by {asymmetry}")
    most = given.trace_yy * (1 + _EXPLAINED)
    least = _second_moments.least_trace(*_with_sums(given))
    if least is not None and least <= most:
        return
    least = _second_moments.least_trace(sigma_xx, sigma_yx)
    if least is None:
        raise ValueError(
            "sigma_xx must be positive semidefinite, to 1e-9 of each diagonal entry and 1e-12 of "
            f"their sum, got eigenvalues from {np.linalg.eigvalsh(sigma_xx)[0]}"
        )
    if least <= most:
        raise ValueError(
            f"sum_x and sum_y must be sums over {given.n_examples} examples, n_examples, with "
            "these moments, got sums that are too large"
        )
    _refuse_targets(given, most)


def _with_sums(given: Correlations) -> tuple[Array, Array]:
    """Return moments with one more input: to sum is to correlate with what is constant."""
    if given.sum_x is None or given.sum_y is None:
        return given.sigma_xx, given.sigma_yx
    # In the unit of the others, as rounding is allowed for relative to their sum.
    square = np.diagonal(given.sigma_xx).max(initial=0.0)
    unit = np.sqrt(square / given.n_examples) if square > 0 else 1.0
    sum_x = unit * given.sum_x[:, None]
    corner = np.full((1, 1), unit**2 * given.n_examples)
    sigma_xx: Array = np.block([[given.sigma_xx, sum_x], [sum_x.T, corner]])
    return sigma_xx, np.concatenate([given.sigma_yx, unit * given.sum_y[:, None]], axis=1)


def _refuse_targets(given: Correlations, most: float) -> None:
    """Say whether targets vary too little, or with inputs that do not vary."""
    found = _second_moments.axes(given.sigma_xx, least=_NUMERICAL_RANK)
    within = float(np.sum(_second_moments.explained(found, given.sigma_yx) ** 2))
    if within > most:
        raise ValueError(
            f"trace_yy must be at least {within}, to 1e-8 of itself, as sigma_yx takes that much "
            f"of inputs with sigma_xx, got {given.trace_yy}"
        )
    raise ValueError(
        "sigma_yx must lie in the range of sigma_xx, as outputs cannot vary with inputs that do "
        f"not, got entries that no trace_yy of {given.trace_yy} leaves room for"
    )


def _sums(correlations: Correlations, name: str = "correlations") -> tuple[Array, Array]:
    """Return the sums of inputs and targets."""
    sum_x, sum_y = correlations.sum_x, correlations.sum_y
    if sum_x is None or sum_y is None:
        missing = [n for n, total in (("sum_x", sum_x), ("sum_y", sum_y)) if total is None]
        raise ValueError(
            f"{name} must hold the sums of inputs and of targets to be centred, got none "
            f"for {' and '.join(missing)}; correlations.from_data keeps them"
        )
    return sum_x, sum_y


def _of_same_inputs(like: Correlations, correlations: Correlations) -> Correlations:
    """Return other data of as many inputs."""
    given, expected = _checks.correlations(like, "like"), len(correlations.sigma_xx)
    if len(given.sigma_xx) != expected:
        raise ValueError(
            f"like must have the {expected} inputs of correlations, got {len(given.sigma_xx)}"
        )
    return given


def _shifted(correlations: Correlations, mean: Array) -> Correlations:
    """Return the moments of inputs less any vector."""
    sum_x, sum_y = _sums(correlations)
    rest = sum_x - correlations.n_examples * mean
    sigma_xx = correlations.sigma_xx - np.outer(mean, sum_x) - np.outer(rest, mean)
    return _second_moments.derived(
        correlations,
        sigma_xx=(sigma_xx + sigma_xx.T) / 2,
        sigma_yx=correlations.sigma_yx - np.outer(sum_y, mean),
        sum_x=rest,
    )


def _multiplied(correlations: Correlations, root: Array) -> Correlations:
    """Return the moments of inputs that a symmetric matrix takes elsewhere."""
    sigma_xx = root @ correlations.sigma_xx @ root
    return _second_moments.derived(
        correlations,
        sigma_xx=(sigma_xx + sigma_xx.T) / 2,
        sigma_yx=correlations.sigma_yx @ root,
        sum_x=None if correlations.sum_x is None else root @ correlations.sum_x,
    )


def _weighted(correlations: Correlations, n_examples: int) -> Correlations:
    """Return all moments as those of a number of examples."""
    with np.errstate(over="ignore"):
        changes = {
            name: getattr(correlations, name) * n_examples / correlations.n_examples
            for name in ("sigma_xx", "sigma_yx", "trace_yy", "sum_x", "sum_y")
            if getattr(correlations, name) is not None
        }
    if not all(np.isfinite(value).all() for value in changes.values()):
        raise ValueError(f"n_examples must leave all moments finite, got {n_examples}")
    return _second_moments.derived(correlations, **changes, n_examples=n_examples)


def _regularised(
    correlations: Correlations, rank: int | None, epsilon: float
) -> tuple[Array, Array, Array]:
    """Return what to divide principal components by, what is left of variances, and the axes."""
    sigma = correlations.sigma_xx
    variances, Q = np.linalg.eigh(sigma / correlations.n_examples)
    if variances[0] < -_NEGATIVE * abs(variances[-1]):
        raise ValueError(
            "correlations.sigma_xx must be positive semidefinite to be whitened, got eigenvalues "
            f"from {variances[0]} to {variances[-1]}, divided by n_examples"
        )
    kept = slice(0 if rank is None else len(sigma) - rank, None)
    w = np.maximum(variances[kept], 0.0)
    return np.sqrt(w + epsilon), w / (w + epsilon), Q[:, kept]


def _equalised(correlations: Correlations, rank: int | None) -> tuple[Array, Array, Array]:
    """Return the same without regularisation, which must not meet a component that is zero."""
    found = _second_moments.axes(correlations.sigma_xx, least=_NUMERICAL_RANK)
    if rank is not None and rank > len(found.w):
        raise ValueError(
            f"rank must not exceed {len(found.w)}, the numerical rank of correlations.sigma_xx, "
            f"where epsilon is 0, got {rank}"
        )
    Q, sizes = _second_moments.principal_components(found)
    kept = sizes[:rank] / np.sqrt(correlations.n_examples)
    return kept, np.ones(len(kept)), Q[:, :rank]


def _examples(name: str, value: ArrayLike) -> NDArray[np.generic]:
    # No subclass: a matrix multiplies where an array squares.
    array = np.asarray(_checks.real(name, value, kinds="biuf"))
    if array.ndim != 2 or 0 in array.shape:
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
            left, right = (c[i : i + _CHUNK].astype(dtype, order="C") for c in (a, b))
            total += left.T @ right
        return total.astype(np.float64)


def _sum_of_squares(y: NDArray[np.generic]) -> float:
    dtype = _working_dtype(y, y, y.size)
    with np.errstate(over="ignore", invalid="ignore"):
        chunks = (y[i : i + _CHUNK].astype(dtype, order="C") for i in range(0, len(y), _CHUNK))
        return float(sum((chunk**2).sum() for chunk in chunks))
