"""The data sets of the paper: a binary tree of items, and handwritten digits."""

from __future__ import annotations

import gzip
import importlib
import math
import os
import zlib
from importlib.resources import files
from numbers import Integral, Real
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dlnlib.correlations import Correlations

__all__ = [
    "fetch_mnist",
    "hierarchical",
    "hierarchical_singular_values",
    "mnist",
    "read_idx",
]

_WHITE = 255
_N_PIXELS = 784
_N_DIGITS = 10
_N_MNIST = 70_000
_GZIP_MAGIC = b"\x1f\x8b"
_IDX_DTYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}


def hierarchical(
    n_levels: int = 5,
    n_features: int = 1000,
    flip_probability: float = 0.1,
    *,
    rng: int | np.random.Generator,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    r"""Draw items at the leaves of a binary tree, with features that diffuse down its branches.

    Each feature starts at the root as :math:`\pm 1` with equal chance. Every child copies
    its parent and flips the sign with probability :math:`p`, independently:

    .. math:: y_\text{child} = \xi\, y_\text{parent}, \qquad
              P(\xi = -1) = p = 1 - P(\xi = +1).

    Parameters
    ----------
    n_levels : int, optional
        Levels of branching below the root, at least 0; the tree has ``2**n_levels`` items.
    n_features : int, optional
        Number of independent features of every item, at least 1.
    flip_probability : float, optional
        Probability `p` in [0, 1] that a child differs from its parent. Above 1/2 a child
        is more often its parent's opposite; all leaves lie equally deep, so the items'
        correlations are those of ``1 - p``.
    rng : int or numpy.random.Generator
        Seed, or generator to draw from; there is no default.

    Returns
    -------
    x : ndarray, shape (2**n_levels, 2**n_levels)
        Inputs: the identity, one item a row.
    y : ndarray, shape (2**n_levels, n_features)
        Features of the items, each -1.0 or 1.0, one item a row. Siblings are neighbours.

    Raises
    ------
    ValueError
        If a parameter is not of the stated kind or range.

    See Also
    --------
    hierarchical_singular_values : The expected spectrum of these data.

    Notes
    -----
    The data of Fig. 3 of the paper (Section 1.3), with its parameters as defaults.

    Examples
    --------
    >>> from dlnlib.datasets import hierarchical
    >>> x, y = hierarchical(n_levels=2, n_features=1000, rng=0)
    >>> x.shape, y.shape
    ((4, 4), (4, 1000))
    """
    _check_tree(n_levels, n_features, flip_probability)
    rng = np.random.default_rng(rng)
    y = rng.choice([-1.0, 1.0], size=(1, n_features))
    for _ in range(n_levels):
        y = np.repeat(y, 2, axis=0)
        y[rng.random(y.shape) < flip_probability] *= -1
    return np.eye(len(y)), y


def hierarchical_singular_values(
    n_levels: int = 5, n_features: int = 1000, flip_probability: float = 0.1
) -> NDArray[np.float64]:
    r"""Return the expected singular values of the input-output correlation of a binary tree.

    With :math:`\rho = (1 - 2p)^2` and :math:`L` levels they are, for one global mode and
    for the :math:`2^{L-k}` branchings that have :math:`2^k` leaves each,

    .. math:: s_\text{global}^2 &= n_\text{features} \Big[
                  4p(1-p) \sum_{j=0}^{L-1} (2\rho)^j + (2\rho)^L \Big], \\
              s_k^2 &= n_\text{features}\, 4p(1-p) \sum_{j=0}^{k-1} (2\rho)^j,
              \quad k = 1, \dots, L.

    Parameters
    ----------
    n_levels : int, optional
        Levels of branching :math:`L` below the root, at least 0.
    n_features : int, optional
        Number of features, at least 1.
    flip_probability : float, optional
        Probability `p` in [0, 1] that a child differs from its parent.

    Returns
    -------
    ndarray, shape (2**n_levels,)
        Singular values, descending, each as often as its multiplicity.

    Raises
    ------
    ValueError
        If a parameter is not of the stated kind or range.

    See Also
    --------
    hierarchical : Draw such data.

    Notes
    -----
    One-hot inputs give :math:`\Sigma^{31T} \Sigma^{31} = y y^T`, whose expectation is
    :math:`n_\text{features} C`. Two leaves whose nearest common ancestor lies :math:`k`
    levels above them are :math:`2k` copies apart, and a copy correlates with its original
    by :math:`1 - 2p`: hence :math:`C_{ij} = \rho^k`.

    By symmetry the eigenvectors of `C` are the constant vector and, for every branching,
    the vector that is +1 on the leaves of one child, -1 on those of the other and 0
    elsewhere. A row of `C` holds :math:`2^{k-1}` entries :math:`\rho^k`, so the constant
    vector has the eigenvalue :math:`1 + \sum_{k=1}^{L} 2^{k-1} \rho^k`, and a branching
    with :math:`2^k` leaves :math:`1 + \sum_{j=1}^{k-1} 2^{j-1} \rho^j - 2^{k-1} \rho^k`.
    The latter is :math:`(1 - \rho) \sum_{j<k} (2\rho)^j`, a sum without cancellation, and
    the former exceeds it at :math:`k = L` by :math:`(2\rho)^L`.

    These are the roots of the eigenvalues of the expectation of
    :math:`\Sigma^{31T} \Sigma^{31}`. The singular values of one sample scatter about them
    and the equal ones split, less so with more features.

    Section 1.3 and Fig. 3 of the paper, which does not derive them.

    Examples
    --------
    >>> from dlnlib.datasets import hierarchical_singular_values
    >>> hierarchical_singular_values(n_levels=2, n_features=100, flip_probability=0.5)
    array([10., 10., 10., 10.])
    >>> hierarchical_singular_values(n_levels=2, n_features=100, flip_probability=0.0)
    array([20.,  0.,  0.,  0.])
    """
    _check_tree(n_levels, n_features, flip_probability)
    p = float(flip_probability)
    rho = (1 - 2 * p) ** 2
    branchings = 4 * p * (1 - p) * np.cumsum((2 * rho) ** np.arange(n_levels))
    whole = branchings[-1:].sum() + (2 * rho) ** n_levels
    descending = np.repeat(branchings[::-1], 2 ** np.arange(n_levels))
    squares: NDArray[np.float64] = n_features * np.concatenate([[whole], descending])
    return np.sqrt(squares)


def mnist() -> Correlations:
    r"""Load the correlations of the 50,000-example MNIST training set.

    .. math:: \Sigma^{11} = \sum_\mu x^\mu x^{\mu T}, \qquad
              \Sigma^{31} = \sum_\mu y^\mu x^{\mu T}

    over the first 50,000 of the 60,000 training images. Inputs :math:`x` are the 784
    pixels, row by row, in [0, 1]; targets :math:`y` are one-hot digits 0 to 9.

    Returns
    -------
    Correlations
        ``sigma_xx`` (784, 784), ``sigma_yx`` (10, 784), correctly rounded from sums of
        integers, with ``sum_x`` and ``sum_y``; ``trace_yy`` and ``n_examples`` are 50,000.
        A fresh copy on every call.

    Notes
    -----
    The two matrices of Fig. 5 are of these raw pixels. The networks of Figs. 4, 5 and 6A
    learned from ``whitened(centred(mnist()), epsilon=0.01)``, with `centred` and `whitened`
    of `dlnlib.correlations`: the paper does not say so, its points do. MNIST is by Y. LeCun
    and C. Cortes, under CC BY-SA 3.0; so is the file of sums bundled here.

    Examples
    --------
    >>> from dlnlib.datasets import mnist
    >>> correlations = mnist()
    >>> correlations.sigma_yx.shape, correlations.n_examples
    ((10, 784), 50000)
    """
    sums = _mnist_sums()
    n_examples = int(sums.label_counts.sum())
    return Correlations(
        sigma_xx=sums.pixel_products / _WHITE**2,
        sigma_yx=sums.class_pixel_sums / _WHITE,
        trace_yy=float(n_examples),
        n_examples=n_examples,
        sum_x=sums.class_pixel_sums.sum(axis=0) / _WHITE,
        sum_y=sums.label_counts.astype(np.float64),
    )


def fetch_mnist(
    *, n_examples: int = 50_000, data_home: str | os.PathLike[str] | None = None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    r"""Fetch MNIST images and labels from OpenML through scikit-learn.

    The examples keep their published order: 60,000 for training, then 10,000 for testing.

    Parameters
    ----------
    n_examples : int, optional
        How many examples to return, counted from the first; from 1 to 70,000.
    data_home : path-like, optional
        Folder where scikit-learn keeps what it has downloaded; its own choice by default.

    Returns
    -------
    x : ndarray, shape (n_examples, 784)
        Pixels in [0, 1], row by row, one image a row.
    y : ndarray, shape (n_examples, 10)
        One-hot digits, one example a row.

    Raises
    ------
    ValueError
        If `n_examples` is not an integer from 1 to 70,000.
    ImportError
        If scikit-learn is not installed.

    See Also
    --------
    mnist : The correlations of the first 50,000, bundled.
    read_idx : Read the original files.

    Notes
    -----
    ``dlnlib.correlations.from_data(*fetch_mnist())`` is `mnist` up to rounding.

    Examples
    --------
    >>> from dlnlib.datasets import fetch_mnist
    >>> x, y = fetch_mnist()  # doctest: +SKIP
    >>> x.shape, y.shape  # doctest: +SKIP
    ((50000, 784), (50000, 10))
    """
    if not (_is_integer(n_examples) and 1 <= n_examples <= _N_MNIST):
        raise ValueError(f"n_examples must be an integer from 1 to {_N_MNIST}, got {n_examples!r}")
    try:
        sklearn_datasets = importlib.import_module("sklearn.datasets")
    except ImportError as error:
        raise ImportError('fetch_mnist needs scikit-learn: pip install "dlnlib[mnist]"') from error
    # The default parser needs pandas; this one needs nothing more.
    bunch = sklearn_datasets.fetch_openml(
        "mnist_784", version=1, as_frame=False, parser="liac-arff", data_home=data_home
    )
    labels = bunch.target[:n_examples].astype(np.int64)
    return bunch.data[:n_examples] / _WHITE, np.eye(_N_DIGITS)[labels]


def read_idx(path: str | os.PathLike[str]) -> NDArray[Any]:
    """Read an array from an IDX file, gzip-compressed or not.

    The format of the original MNIST files: two zero bytes, a type code, the number of
    dimensions, each dimension as a big-endian 32-bit integer, then the entries, big-endian
    with the last index fastest.

    Parameters
    ----------
    path : path-like
        The file. Its content tells whether it is compressed, not its name.

    Returns
    -------
    ndarray
        A writable array of the declared shape in native byte order: uint8, int8, int16,
        int32, float32 or float64, as declared.

    Raises
    ------
    ValueError
        If the file is not IDX, is truncated, has bytes to spare, or is corrupt gzip.
    OSError
        If the file cannot be read; FileNotFoundError if there is none.

    See Also
    --------
    fetch_mnist : Fetch the images when there are no files.

    Notes
    -----
    The format is described with the MNIST database of Y. LeCun and C. Cortes. Entries are
    only ever read as numbers: no file can make this function execute code.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from dlnlib.datasets import read_idx
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "labels")
    ...     _ = path.write_bytes(bytes([0, 0, 8, 1, 0, 0, 0, 3, 5, 0, 4]))
    ...     read_idx(path)
    array([5, 0, 4], dtype=uint8)
    """
    content = _decompressed(path)
    dtype, shape = _idx_header(path, content)
    start = 4 + 4 * len(shape)
    n_found, n_required = len(content) - start, math.prod(shape) * dtype.itemsize
    if n_found != n_required:
        raise ValueError(
            f"{path}: found {n_found} bytes of entries, but shape {shape} of "
            f"{dtype.name} requires {n_required}"
        )
    try:
        entries = np.frombuffer(content, dtype, offset=start).reshape(shape)
    except ValueError as error:
        raise ValueError(f"{path}: found shape {shape}, which no array can have") from error
    return entries.astype(dtype.newbyteorder("="))


class _MnistSums(NamedTuple):
    pixel_products: NDArray[np.int64]
    class_pixel_sums: NDArray[np.int64]
    label_counts: NDArray[np.int64]


def _mnist_sums() -> _MnistSums:
    """Return sums over examples with pixels as integers from 0 to 255."""
    with (
        files("dlnlib").joinpath("data", "mnist.npz").open("rb") as file,
        np.load(file, allow_pickle=False) as stored,
    ):
        upper, class_pixel_sums, label_counts = (
            stored[name].astype(np.int64)
            for name in ("pixel_products", "class_pixel_sums", "label_counts")
        )
    products = np.zeros((_N_PIXELS, _N_PIXELS), dtype=np.int64)
    rows, columns = np.triu_indices(_N_PIXELS)
    products[rows, columns] = products[columns, rows] = upper
    return _MnistSums(products, class_pixel_sums, label_counts)


def _is_integer(value: object) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool)


def _is_probability(value: Any) -> bool:
    return isinstance(value, Real) and 0 <= float(value) <= 1


def _check_tree(n_levels: int, n_features: int, flip_probability: float) -> None:
    for name, value, least in (("n_levels", n_levels, 0), ("n_features", n_features, 1)):
        if not (_is_integer(value) and value >= least):
            raise ValueError(f"{name} must be an integer of at least {least}, got {value!r}")
    if not _is_probability(flip_probability):
        raise ValueError(f"flip_probability must be a number from 0 to 1, got {flip_probability!r}")


def _decompressed(path: str | os.PathLike[str]) -> bytes:
    content = Path(path).read_bytes()
    if not content.startswith(_GZIP_MAGIC):
        return content
    try:
        return gzip.decompress(content)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise ValueError(
            f"{path}: found {len(content)} bytes that start as gzip but do not decompress "
            f"({error}); a complete gzip file is required"
        ) from error


def _idx_header(
    path: str | os.PathLike[str], content: bytes
) -> tuple[np.dtype[np.generic], tuple[int, ...]]:
    magic = content[:4]
    if len(magic) < 4 or magic[:2] != b"\0\0" or magic[2] not in _IDX_DTYPES or magic[3] == 0:
        codes = ", ".join(f"{code:02x}" for code in _IDX_DTYPES)
        raise ValueError(
            f"{path}: found the first bytes {magic.hex(' ') or 'none'}, but IDX requires 00 00, "
            f"a type code out of {codes}, and at least 1 dimension"
        )
    n_dimensions = magic[3]
    header = content[4 : 4 + 4 * n_dimensions]
    if len(header) < 4 * n_dimensions:
        raise ValueError(
            f"{path}: found {len(content)} bytes, but the header of {n_dimensions} "
            f"dimensions requires {4 + 4 * n_dimensions}"
        )
    shape = tuple(int(n) for n in np.frombuffer(header, ">u4"))
    return np.dtype(_IDX_DTYPES[magic[2]]), shape
