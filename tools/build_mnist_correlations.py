"""Recompute dlnlib/data/mnist.npz from the original MNIST files.

    python tools/build_mnist_correlations.py [FOLDER] [--output FILE]

FOLDER holds train-images-idx3-ubyte and train-labels-idx1-ubyte, each with or without
.gz; by default it is the one that the environment variable DLNLIB_MNIST names.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

import numpy as np

from dlnlib.correlations import from_data
from dlnlib.datasets import read_idx

N_EXAMPLES = 50_000
IMAGES, LABELS = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"
BUNDLED = Path(__file__).resolve().parents[1] / "dlnlib" / "data" / "mnist.npz"


def find(folder: Path, name: str) -> Path:
    """Return the path of a raw file, compressed or not."""
    for path in (folder / name, folder / f"{name}.gz"):
        if path.is_file():
            return path
    raise FileNotFoundError(f"{folder} must contain {name} or {name}.gz")


def sums(folder: Path) -> dict[str, Any]:
    """Sum the first 50,000 training examples as integers, pixels from 0 to 255."""
    images, labels = read_idx(find(folder, IMAGES)), read_idx(find(folder, LABELS))
    for name, array, shape in (
        (IMAGES, images, (60_000, 28, 28)),
        (LABELS, labels, (60_000,)),
    ):
        if array.shape != shape or array.dtype != np.uint8:
            raise ValueError(
                f"{name} must hold uint8 of shape {shape}, got {array.dtype} of {array.shape}"
            )
    pixels, digits = images[:N_EXAMPLES].reshape(N_EXAMPLES, -1), labels[:N_EXAMPLES]
    correlations = from_data(pixels, np.eye(10, dtype=np.uint8)[digits])
    # No sum exceeds 50,000 * 255**2 < 2**32, and from_data sums integers exactly.
    return {
        "pixel_products": correlations.sigma_xx[np.triu_indices(784)].astype(np.uint32),
        "class_pixel_sums": correlations.sigma_yx.astype(np.uint32),
        "label_counts": np.bincount(digits, minlength=10).astype(np.uint32),
    }


def main() -> None:
    """Write the file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    default = os.environ.get("DLNLIB_MNIST") or None
    parser.add_argument("folder", nargs="?", default=default, type=Path)
    parser.add_argument("--output", default=BUNDLED, type=Path)
    arguments = parser.parse_args()
    if arguments.folder is None:
        parser.error("name the folder of the MNIST files, or set DLNLIB_MNIST")
    np.savez_compressed(arguments.output, **sums(arguments.folder))
    print(f"{arguments.output}: {arguments.output.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
