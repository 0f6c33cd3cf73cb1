"""Recompute the sums over MNIST in dlnlib/data from the original files.

    python tools/build_mnist_correlations.py [FOLDER] [--output FOLDER]

FOLDER holds the images and labels, train-images-idx3-ubyte, train-labels-idx1-ubyte and the
same of t10k, each with or without .gz; by default it is the one that the environment variable
DLNLIB_MNIST names.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from dlnlib.correlations import from_data
from dlnlib.datasets import read_idx

BUNDLED = Path(__file__).resolve().parents[1] / "dlnlib" / "data"


class Set(NamedTuple):
    """Name the files of a set of examples, how many they hold, and how many are summed."""

    images: str
    labels: str
    n_given: int
    n_summed: int


SETS = {
    "mnist.npz": Set("train-images-idx3-ubyte", "train-labels-idx1-ubyte", 60_000, 50_000),
    "mnist_test.npz": Set("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte", 10_000, 10_000),
}


def find(folder: Path, name: str) -> Path:
    """Return the path of a raw file, compressed or not."""
    for path in (folder / name, folder / f"{name}.gz"):
        if path.is_file():
            return path
    raise FileNotFoundError(f"{folder} must contain {name} or {name}.gz")


def sums(folder: Path, name: str = "mnist.npz") -> dict[str, Any]:
    """Sum the examples of a bundled file as integers, pixels from 0 to 255."""
    chosen = SETS[name]
    images, labels = (read_idx(find(folder, raw)) for raw in (chosen.images, chosen.labels))
    for raw, array, shape in (
        (chosen.images, images, (chosen.n_given, 28, 28)),
        (chosen.labels, labels, (chosen.n_given,)),
    ):
        if array.shape != shape or array.dtype != np.uint8:
            raise ValueError(
                f"{raw} must hold uint8 of shape {shape}, got {array.dtype} of {array.shape}"
            )
    n = chosen.n_summed
    pixels, digits = images[:n].reshape(n, -1), labels[:n]
    correlations = from_data(pixels, np.eye(10, dtype=np.uint8)[digits])
    # No sum exceeds 50,000 * 255**2 < 2**32, and from_data sums integers exactly.
    return {
        "pixel_products": correlations.sigma_xx[np.triu_indices(784)].astype(np.uint32),
        "class_pixel_sums": correlations.sigma_yx.astype(np.uint32),
        "label_counts": np.bincount(digits, minlength=10).astype(np.uint32),
    }


def main() -> None:
    """Write the files."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    default = os.environ.get("DLNLIB_MNIST") or None
    parser.add_argument("folder", nargs="?", default=default, type=Path)
    parser.add_argument("--output", default=BUNDLED, type=Path)
    arguments = parser.parse_args()
    if arguments.folder is None:
        parser.error("name the folder of the MNIST files, or set DLNLIB_MNIST")
    for name in SETS:
        np.savez_compressed(arguments.output / name, **sums(arguments.folder, name))
        print(f"{name}: {(arguments.output / name).stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
