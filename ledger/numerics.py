"""What several claims measure with, and the tolerances that they share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import differentiate
from scipy.optimize import brentq

from dlnlib import correlations, datasets, networks, training
from dlnlib._typing import Array, Weights
from ledger.record import Tolerance, read_table, shared

__all__ = [
    "DIFFERENCES",
    "FLOW",
    "ROUNDING",
    "Array",
    "Weights",
    "as_network",
    "as_vector",
    "chain",
    "exponent",
    "gaussian_spectrum",
    "gaussian_spread",
    "hessian",
    "jacobian",
    "least_rate_of_loss",
    "pair_flow",
    "relative_error",
    "slope",
    "whitened_mnist",
]

ROUNDING = Tolerance(1e-10, "rounding in double precision")
FLOW = Tolerance(1e-7, "integrator with a relative tolerance of $10^{-10}$")
DIFFERENCES = Tolerance(1e-6, "central differences in double precision")


def relative_error(found: Iterable[Any], expected: Iterable[Any]) -> float:
    """Return the largest difference between arrays, relative to the largest entry expected."""
    pairs = [(np.asarray(a), np.asarray(b)) for a, b in zip(found, expected, strict=True)]
    for a, b in pairs:
        if np.broadcast_shapes(a.shape, b.shape) != a.shape:
            raise ValueError(f"{b.shape} expected of what has the shape {a.shape}")
    size = max(np.abs(b).max() for _, b in pairs)
    return float(max(np.abs(a - b).max() for a, b in pairs) / size)


def jacobian(function: Callable[[Array], Array], at: Array) -> Array:
    """Differentiate a function that maps vectors, stacked in rows, to vectors."""

    def of_columns(z: Array) -> Array:
        return np.moveaxis(function(np.moveaxis(z, 0, -1)), -1, 0)

    return np.asarray(differentiate.jacobian(of_columns, at).df)


def slope(function: Callable[[Array], Array], at: Array) -> Array:
    """Differentiate a function that maps vectors, stacked in rows, to numbers."""
    return jacobian(lambda z: function(z)[..., None], at)[0]


def hessian(weights: Sequence[Array], data: correlations.Correlations) -> Array:
    """Differentiate the gradient of a network."""

    def uphill(z: Array) -> Array:
        return as_vector(networks.gradient(as_network(z, weights), data))

    return jacobian(uphill, as_vector(weights))


def as_vector(weights: Sequence[Array]) -> Array:
    """List the weights of a network in a vector, those of many networks in rows."""
    return np.concatenate([w.reshape(*w.shape[:-2], -1) for w in weights], axis=-1)


def as_network(z: Array, like: Sequence[Array]) -> Weights:
    """Return the network whose weights a vector lists, of the shapes of another."""
    parts = np.split(z, np.cumsum([w.size for w in like])[:-1], axis=-1)
    pairs = zip(parts, like, strict=True)
    return tuple(part.reshape(*z.shape[:-1], *w.shape) for part, w in pairs)


def chain(layers: ArrayLike) -> Weights:
    """Return a network of one unit a layer."""
    return tuple(np.array([[a]]) for a in np.asarray(layers, dtype=np.float64))


def exponent(x: ArrayLike, y: ArrayLike) -> float:
    """Fit a power law."""
    return float(np.polyfit(np.log(x), np.log(y), 1)[0])


def least_rate_of_loss(n_matrices: float) -> float:
    """Return the least rate, over 1 / curvature, at which a step from below overshoots to zero.

    The highest point that the map of a mode of equal layers reaches from [0, 1] has to be mapped
    to zero. It is reached from a distance to 1 of the order of 1 / `n_matrices`.
    """
    L, x = n_matrices, 1 - np.linspace(0, min(2, n_matrices), 20_001) / n_matrices

    def step(x: Any, rate: float) -> Any:
        return x + rate / L * x ** (L - 1) * (1 - x**L)

    return float(brentq(lambda rate: step(step(x, rate).max(), rate), 2, 60))


def pair_flow(
    a0: ArrayLike, b0: ArrayLike, times: ArrayLike, s: float = 1.0
) -> tuple[Array, Array]:
    """Return the layers of networks of one unit each under gradient flow, one start a column."""
    start = [np.reshape(w, (-1, 1, 1)).astype(float) for w in (a0, b0)]
    a, b = training.gradient_flow(start, correlations.diagonal([s]), times=times).weights
    return a[..., 0, 0], b[..., 0, 0]


def gaussian_spectrum(n_layers: int) -> tuple[NDArray[Any], Array]:
    """Return bins of ln σ of 500 products of Gaussian matrices of 1000 rows, and their shares."""
    rows = read_table("figure_6bc_singular_values.csv")
    rows = rows[(rows["n_layers"] == n_layers) & (rows["variable"] == "ln_s")]
    return rows, rows["count_500"] / rows["count_500"].sum()


def gaussian_spread(n_layers: int) -> float:
    """Return the standard deviation of their ln σ."""
    rows, share = gaussian_spectrum(n_layers)
    middle = (rows["low"] + rows["high"]) / 2
    return float(np.sqrt(share @ (middle - share @ middle) ** 2))


@shared
def whitened_mnist() -> correlations.Correlations:
    """Return MNIST as the authors of Figs. 4, 5 and 6A prepared it, by the points they drew."""
    return correlations.whitened(correlations.centred(datasets.mnist()), epsilon=0.01)
