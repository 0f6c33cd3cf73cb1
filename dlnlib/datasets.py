"""The data sets of the paper, a tree of items and handwritten digits, and a toy of four items."""

from __future__ import annotations

import gzip
import math
import os
import zlib
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dlnlib import _checks, _second_moments
from dlnlib._typing import Array, Rng
from dlnlib.correlations import Correlations

__all__ = [
    "LivingThings",
    "hierarchical",
    "living_things",
    "mnist",
    "mnist_test",
    "read_idx",
]

# Inputs are a dense identity, of half a gigabyte for this many items.
_MOST_ITEMS = 2**13
# Entries of the targets, of two gigabytes.
_MOST_ENTRIES = 2**28
_WHITE = 255
_N_PIXELS = 784
_GZIP_MAGIC = b"\x1f\x8b"
_IDX_DTYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}


class LivingThings(NamedTuple):
    """Hold four items and their properties, one item a row.

    Attributes
    ----------
    x : ndarray, shape (4, 4)
        Inputs: the identity.
    y : ndarray, shape (4, 7)
        Properties: 1.0 where an item has it, else 0.0.
    items : tuple of str
        Names of the items.
    properties : tuple of str
        Names of the properties.
    """

    x: Array
    y: Array
    items: tuple[str, ...]
    properties: tuple[str, ...]


def hierarchical(
    *,
    n_levels: int | None = None,
    n_features: int = 1000,
    flip_probability: float = 0.1,
    branching: int | Sequence[int] = 2,
    rng: Rng,
) -> tuple[Array, Array]:
    r"""Draw items at the leaves of a tree, with features that diffuse down its branches.

    Each feature starts at the root as :math:`\pm 1` with equal chance. Every child copies
    its parent and flips the sign with probability :math:`p`, independently:

    .. math:: y_\text{child} = \xi\, y_\text{parent}, \qquad
              P(\xi = -1) = p = 1 - P(\xi = +1).

    Parameters
    ----------
    n_levels : int, optional
        Levels of branching below the root, at least 0. By default as many as `branching`
        gives, or 5.
    n_features : int, optional
        Number of independent features of every item, at least 1.
    flip_probability : float, optional
        Probability `p` in [0, 1] that a child differs from its parent. Above 1/2 a child
        is more often its parent's opposite; all leaves lie equally deep, so the items'
        correlations are those of ``1 - p``.
    branching : int or sequence of int, optional
        Children of every node, at least 1: one number, or one for each level, the root's
        first. By default the tree is binary. Its items are the product over all levels, at
        most 8192.
    rng : int, sequence of int or numpy.random.Generator
        Seed or source of randomness. There is no default: None is refused.

    Returns
    -------
    x : ndarray, shape (n_items, n_items)
        Inputs: the identity, one item a row.
    y : ndarray, shape (n_items, n_features)
        Features of the items, each -1.0 or 1.0, one item a row. Siblings are neighbours.

    Raises
    ------
    TypeError, ValueError
        If a parameter is not of the stated kind or range, `n_levels` and `branching` do not go
        together, or there are more than 8192 items or :math:`2^{28}` features of all items.

    See Also
    --------
    dlnlib.exact.hierarchical_singular_values : The expected spectrum of these data.

    Notes
    -----
    The data of Fig. 3 of the paper (Section 1.3), with its parameters as defaults; trees of any
    branching are those of Saxe, McClelland and Ganguli (2019).

    Examples
    --------
    >>> from dlnlib.datasets import hierarchical
    >>> x, y = hierarchical(n_levels=2, n_features=1000, rng=0)
    >>> x.shape, y.shape
    ((4, 4), (4, 1000))
    """
    per_level = _checks.branching(branching, n_levels, most=_MOST_ITEMS)
    n_features = _checks.count("n_features", n_features)
    p = _checks.number("flip_probability", flip_probability, least=0, most=1)
    n_items = math.prod(per_level)
    if n_items * n_features > _MOST_ENTRIES:
        most = _MOST_ENTRIES // n_items
        raise ValueError(f"n_features must be at most {most} for {n_items} items, got {n_features}")
    rng = _checks.generator("rng", rng)
    y = rng.choice([-1.0, 1.0], size=(1, n_features))
    for n_children in per_level:
        y = np.repeat(y, n_children, axis=0)
        y[rng.random(y.shape) < p] *= -1
    return np.eye(n_items), y


def living_things() -> LivingThings:
    r"""Return the four items, two animals and two plants, of a smallest taxonomy.

    Each item has one property that all share, one that its kin share, and one of its own:

    .. math:: \begin{array}{l|ccccccc}
              & \text{grow} & \text{move} & \text{roots} & \text{fly} & \text{swim}
              & \text{leaves} & \text{petals} \\ \hline
              \text{canary} & 1 & 1 & & 1 & & & \\
              \text{salmon} & 1 & 1 & & & 1 & & \\
              \text{oak} & 1 & & 1 & & & 1 & \\
              \text{rose} & 1 & & 1 & & & & 1
              \end{array}

    Returns
    -------
    LivingThings
        Inputs ``x`` (4, 4), properties ``y`` (4, 7), and the names of both.

    See Also
    --------
    hierarchical : Trees of any size, with features that are drawn.

    Notes
    -----
    The example of Saxe, McClelland and Ganguli (2019). Two items share three properties if they
    are the same, two if kin, else one, so that the singular values are the roots of
    :math:`3 + 2 + 1 + 1 = 7`, :math:`3 + 2 - 1 - 1 = 3` and twice :math:`3 - 2 = 1`: all living
    things, animals against plants, and each pair of kin. The order is that of learning. The paper
    of 2019 takes means over its items: see `correlations.per_example`.

    Examples
    --------
    >>> from dlnlib.correlations import from_data, modes
    >>> from dlnlib.datasets import living_things
    >>> x, y, items, properties = living_things()
    >>> items[0], [p for p, has in zip(properties, y[0]) if has]
    ('canary', ['can grow', 'can move', 'can fly'])
    >>> (modes(from_data(x, y)).s ** 2).round(12)
    array([7., 3., 1., 1.])
    """
    y = np.array(
        [
            [1.0, 1.0, 0.0, 1.0, 0.0, 0.0, 0.0],
            [1.0, 1.0, 0.0, 0.0, 1.0, 0.0, 0.0],
            [1.0, 0.0, 1.0, 0.0, 0.0, 1.0, 0.0],
            [1.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0],
        ]
    )
    shared, own = ("can grow", "can move", "has roots"), ("can fly", "can swim")
    properties = (*shared, *own, "has leaves", "has petals")
    return LivingThings(np.eye(4), y, ("canary", "salmon", "oak", "rose"), properties)


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
    return _mnist("mnist.npz")


def mnist_test() -> Correlations:
    r"""Load the correlations of the 10,000 MNIST test images.

    .. math:: \Sigma^{11} = \sum_\mu x^\mu x^{\mu T}, \qquad
              \Sigma^{31} = \sum_\mu y^\mu x^{\mu T}

    over all of them. Inputs and targets are as in `mnist`.

    Returns
    -------
    Correlations
        ``sigma_xx`` (784, 784), ``sigma_yx`` (10, 784), correctly rounded from sums of
        integers, with ``sum_x`` and ``sum_y``; ``trace_yy`` and ``n_examples`` are 10,000.
        A fresh copy on every call.

    See Also
    --------
    dlnlib.correlations.centred, dlnlib.correlations.whitened :
        Prepare these images by the mean and the covariance of those of training, with `like`.

    Notes
    -----
    The error of a linear network on examples that it was not trained on is a function of
    their moments alone: ``networks.error(weights, mnist_test())``. MNIST is by Y. LeCun and
    C. Cortes, under CC BY-SA 3.0; so is the file of sums bundled here.

    Examples
    --------
    >>> from dlnlib.datasets import mnist_test
    >>> correlations = mnist_test()
    >>> correlations.sigma_yx.shape, correlations.n_examples
    ((10, 784), 10000)
    """
    return _mnist("mnist_test.npz")


def _mnist(name: str) -> Correlations:
    sums = _mnist_sums(name)
    n_examples = int(sums.label_counts.sum())
    return _second_moments.known(
        Correlations,
        sigma_xx=sums.pixel_products / _WHITE**2,
        sigma_yx=sums.class_pixel_sums / _WHITE,
        trace_yy=float(n_examples),
        n_examples=n_examples,
        sum_x=sums.class_pixel_sums.sum(axis=0) / _WHITE,
        sum_y=sums.label_counts.astype(np.float64),
    )


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


def _mnist_sums(name: str = "mnist.npz") -> _MnistSums:
    """Return sums over examples with pixels as integers from 0 to 255."""
    with (
        files("dlnlib").joinpath("data", name).open("rb") as file,
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
