"""Fig. 7 two ways: the library, and the plain computation one would write for it.

One panel, a tanh network of 100 layers and 1000 units. The Haar sampler is timed against QR alone,
without the signs that make it uniform, and against `scipy.stats.ortho_group`; the Jacobian spectrum
that keeps small singular values against multiplying the Jacobian out, and against a QR for each
factor, without multiplying out what is well conditioned.

    python benchmarks/jacobian.py [number of units, 1000 by default]
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from scipy.stats import ortho_group

from dlnlib.graded_products import graded_product, log_singular_values
from dlnlib.propagation import jacobian
from dlnlib.random_matrices import gaussian_factors, haar, orthogonal_factors

N_FACTORS = 99


def timed(function: Callable[..., Any], *args: Any, **options: Any) -> tuple[Any, float]:
    """Return a result, and the seconds that it took."""
    begin = time.perf_counter()
    result = function(*args, **options)
    return result, time.perf_counter() - begin


def accurate(x, weights, gain):
    """Return the logarithms of the singular values by the library."""
    return log_singular_values(jacobian(weights, x, gain=gain))


def plain(x, weights, gain):
    """Return them from the Jacobian multiplied out."""
    product = np.eye(len(x))
    for w in weights:
        product = gain * w @ ((1 - np.tanh(x) ** 2)[:, None] * product)
        x = gain * w @ np.tanh(x)
    with np.errstate(divide="ignore"):
        return np.log(np.linalg.svd(product, compute_uv=False))


def one_by_one(x, weights, gain):
    """Return them from a graded product with one QR for each factor."""
    factors = []
    for w in weights:
        factors.append(gain * w * (1 - np.tanh(x) ** 2))
        x = gain * w @ np.tanh(x)
    return log_singular_values(graded_product(factors))


def main():
    size = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    rng = np.random.default_rng(1312)
    gaussian = rng.standard_normal((size, size))
    haar(size, size, rng=rng)  # the first call also starts the threads of BLAS
    seconds = {
        "QR alone": min(timed(np.linalg.qr, gaussian)[1] for _ in range(3)),
        "haar": min(timed(partial(haar, rng=rng), size, size)[1] for _ in range(3)),
        "scipy.stats.ortho_group": timed(ortho_group.rvs, size, 1, rng)[1],
    }
    for name, t in seconds.items():
        print(f"{name:>24}: {t:7.3f} s, {t / seconds['haar']:5.2f} of haar")
    x = 2 * rng.standard_normal(size)
    cases = {
        "orthogonal weights, g = 1.1": (orthogonal_factors, 1.1),
        "Gaussian weights, g = 1": (gaussian_factors, 1.0),
    }
    for name, (factors, gain) in cases.items():
        weights = list(factors(size, N_FACTORS, rng=rng))
        print(f"{name}, {N_FACTORS} factors of {size} rows")
        right, library = timed(accurate, x, weights, gain)
        for way in (accurate, plain, one_by_one):
            log_s, t = (right, library) if way is accurate else timed(way, x, weights, gain)
            lost = np.sum(~(np.abs(log_s - right) <= 0.01))
            print(
                f"{way.__name__:>24}: {t:7.2f} s, {t / library:5.2f} of the library, "
                f"{lost} values off by more than 1 %"
            )
        if np.abs(one_by_one(x, weights, gain) - right).max() > 1e-6:
            sys.exit("two accurate ways do not agree to 1e-6")


if __name__ == "__main__":
    main()
