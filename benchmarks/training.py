"""A step of gradient descent on MNIST's scale: the library, the machine, and three peers.

The peers do the same step in other ways: the same algorithm written plainly in NumPy; PyTorch's
autograd on the correlations; PyTorch's autograd on 50,000 images, in either precision. What the
machine could do at best is measured in the same run: how fast it reads weights, how fast it changes
them where they are, and how fast it multiplies matrices. Correlations are those of MNIST, centred
and whitened as the authors did; images are random, in the shape of MNIST, since times do not depend
on values.

    python benchmarks/training.py

PyTorch is not a dependency: where it is missing, its rows are left out and the table that the book
shows, benchmarks/training.csv, is not written. `pip install torch==2.13.0` brings it.
"""

from __future__ import annotations

import csv
import importlib.util
import os
import platform
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from scipy.linalg import blas

from dlnlib.correlations import Correlations, centred, from_data, whitened
from dlnlib.datasets import mnist
from dlnlib.initial_conditions import scaled_gaussian
from dlnlib.training import gradient_descent

N_INPUTS, N_OUTPUTS, N_EXAMPLES, WIDTH = 784, 10, 50_000, 1000
DEPTHS, WIDTHS, EXAMPLES = (3, 10, 30, 100), (250, 500, 2000), (1_000, 10_000)
# So small that no run diverges, whatever the random weights do.
RATE = 1e-12
HAS_TORCH = importlib.util.find_spec("torch") is not None


def fastest(function: Callable[[], object], n: int = 3) -> float:
    """Return the least seconds of some calls."""
    times = []
    for _ in range(n):
        begin = time.perf_counter()
        function()
        times.append(time.perf_counter() - begin)
    return min(times)


# What is to be done


def examples(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Return random images and one-hot labels."""
    rng = np.random.default_rng(n)
    return rng.random((n, N_INPUTS)), np.eye(N_OUTPUTS)[rng.integers(N_OUTPUTS, size=n)]


def network(n_layers: int, width: int = WIDTH) -> list[np.ndarray]:
    """Return random weights of 784, then the width, then 10 units."""
    sizes = (N_INPUTS, *[width] * (n_layers - 2), N_OUTPUTS)
    return list(scaled_gaussian(sizes, rng=1))


# Ways to do it


def library(weights: list[np.ndarray], data: Correlations) -> float:
    """Return the seconds of a step: the difference of two runs, without what they share."""
    few, many = 16, 16 + 48

    def run(n_steps: int) -> float:
        options = {"learning_rate": RATE, "record_every": 1000, "reduce": False}
        return fastest(lambda: gradient_descent(weights, data, n_steps=n_steps, **options), 2)

    return (run(many) - run(few)) / (many - few)


def plain(weights: list[np.ndarray], data: Correlations) -> float:
    """Return the seconds of a step of the same algorithm, written plainly."""
    weights = [w.copy() for w in weights]

    def step() -> None:
        above = [np.eye(N_OUTPUTS)]
        for w in reversed(weights):
            above.append(above[-1] @ w)
        product = above.pop()
        below = (data.sigma_yx - product @ data.sigma_xx).T
        for w, p in zip(weights, reversed(above), strict=True):
            # In this order: the transpose of the other product is added at half the speed.
            update = RATE * (p.T @ below.T)
            below = w @ below
            w += update

    return fastest(step)


def autograd_on_correlations(weights: list[np.ndarray], data: Correlations) -> float:
    """Return the seconds of a step in PyTorch, products taken in the cheapest order."""
    import torch

    layers = [torch.tensor(w, requires_grad=True) for w in weights]
    sigma_xx, sigma_yx = torch.tensor(data.sigma_xx), torch.tensor(data.sigma_yx)

    def step() -> None:
        product = layers[-1]
        for w in reversed(layers[:-1]):
            product = product @ w
        ((product @ sigma_xx - 2 * sigma_yx) * product).sum().div(2).backward()
        descend(layers)

    return fastest(step)


def autograd_on_images(
    weights: list[np.ndarray], x: np.ndarray, y: np.ndarray, precision: str
) -> float:
    """Return the seconds of a step in PyTorch, on all examples at once."""
    import torch

    kind = getattr(torch, precision)
    layers = [torch.tensor(w, dtype=kind, requires_grad=True) for w in weights]
    x, y = (torch.tensor(a, dtype=kind) for a in (x, y))

    def step() -> None:
        h = x
        for w in layers:
            h = h @ w.T
        (y - h).square().sum().div(2).backward()
        descend(layers)

    return fastest(step, 2)


def descend(layers: list) -> None:
    """Take a step and forget the gradients."""
    import torch

    with torch.no_grad():
        for w in layers:
            w -= RATE * w.grad
            w.grad = None


# What the machine could do


def reading_rate(weights: list[np.ndarray]) -> float:
    """Return the bytes per second of the fastest of two ways to read some matrices once."""
    ones = [np.ones(w.shape[1]) for w in weights]
    seconds = min(
        fastest(lambda: [w @ v for w, v in zip(weights, ones, strict=True)]),
        fastest(lambda: [w.sum() for w in weights]),
    )
    return sum(w.nbytes for w in weights) / seconds


def changing_rate(weights: list[np.ndarray]) -> float:
    """Return the bytes per second of the fastest of three ways to change matrices in place."""
    ends = [(np.zeros(len(w)), np.zeros(w.shape[1])) for w in weights]
    seconds = min(
        fastest(lambda: [np.negative(w, out=w) for w in weights]),
        fastest(lambda: [blas.dscal(-1.0, w.reshape(-1)) for w in weights]),
        fastest(
            lambda: [
                blas.dger(1.0, x, y, a=w.T, overwrite_a=True)
                for w, (y, x) in zip(weights, ends, strict=True)
            ]
        ),
    )
    return sum(w.nbytes for w in weights) / seconds


def multiplying_rate(n: int = 2000) -> float:
    """Return the operations per second of a large product of matrices."""
    a = np.random.default_rng(0).standard_normal((n, n))
    return 2 * n**3 / fastest(lambda: a @ a)


def least_seconds(
    weights: list[np.ndarray], reading: float, changing: float, multiplying: float
) -> dict[str, float]:
    """Return what two passes over the weights, or the three products of a step, must take.

    The first pass, down, reads them. The second, up, reads a matrix once more and changes it before
    the next, while it may still be in the cache: no step can do with less.
    """
    n_weights = sum(w.size for w in weights)
    return {
        "memory": 8 * n_weights / reading + 8 * n_weights / changing,
        "multiplications": 3 * 2 * N_OUTPUTS * n_weights / multiplying,
    }


def rates_of_machine(weights: list[np.ndarray]) -> tuple[float, float, float]:
    """Return, and print, how fast this machine reads, changes and multiplies, and its load."""
    copies = [w.copy() for w in weights]
    found = reading_rate(copies), changing_rate(copies), multiplying_rate()
    reading, changing, multiplying = (rate / 1e9 for rate in found)
    print(
        f"this machine reads {reading:.1f} GB/s, changes {changing:.1f} GB/s in place, multiplies "
        f"{multiplying:.0f} GFLOP/s, at a load of {os.getloadavg()[0]:.1f}"
    )
    return found


def peak_memory(n_layers: int) -> float:
    """Return the MiB that a run of its own needs at most, its data and start included."""
    code = (
        "from dlnlib import correlations, datasets, initial_conditions, training;"
        f"w = initial_conditions.glorot_uniform((784, *[1000] * {n_layers - 2}, 10), rng=0);"
        "data = correlations.whitened(correlations.centred(datasets.mnist()), epsilon=0.01);"
        "training.gradient_descent(w, data, learning_rate=1e-12, n_steps=20);"
        "print(open('/proc/self/status').read())"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    # Not getrusage: what it counts begins with the process that started this one.
    return int(re.search(r"VmHWM:\s+(\d+) kB", shown.stdout)[1]) / 1024


def main() -> None:
    """Measure, print and, with PyTorch, write the table."""
    x, y = examples(N_EXAMPLES)
    data, rows = whitened(centred(mnist()), epsilon=0.01), []

    def note(
        way: str, n_layers: int, seconds: float, *, width=WIDTH, n_examples=N_EXAMPLES
    ) -> float:
        rows.append((way, n_layers, width, n_examples, f"{1000 * seconds:.4g}"))
        print(
            f"{way:>28}, N_l = {n_layers:3}, width {width:4}: {1000 * seconds:10.2f} ms", flush=True
        )
        return seconds

    deep = network(100)
    # Before and after what they bound, the better one counts: a machine has other things to do.
    rates = [rates_of_machine(deep)]
    seconds = {n: note("library", n, library(network(n), data)) for n in DEPTHS}
    for width in WIDTHS:
        note("library", 10, library(network(10, width), data), width=width)
    for n in EXAMPLES:
        note("library", 10, library(network(10), from_data(*examples(n))), n_examples=n)
    rates.append(rates_of_machine(deep))
    reading, changing, multiplying = (max(both) for both in zip(*rates, strict=True))
    bounds = least_seconds(deep, reading, changing, multiplying)
    for name, bound in bounds.items():
        note(f"least by {name}", 100, bound)
    peers = {n: {"plain": note("plain NumPy", n, plain(network(n), data))} for n in (10, 100)}
    if HAS_TORCH:
        for n, found in peers.items():
            found["correlations"] = note(
                "autograd on correlations", n, autograd_on_correlations(network(n), data)
            )
        for precision in ("float64", "float32"):
            way = f"autograd on images, {precision}"
            found = autograd_on_images(network(10), x, y, precision)
            peers[10][way] = note(way, 10, found)
    memory = peak_memory(100)
    print(f"peak memory of a run at 100 layers: {memory:.0f} MiB")
    print(f"100 layers: {seconds[100] / max(bounds.values()):.2f} of the larger bound")
    for n, found in peers.items():
        for name, t in found.items():
            print(f"{n} layers: {name} takes {t / seconds[n]:.3g} times as long as the library")
    if not HAS_TORCH:
        print("PyTorch is missing: its rows are left out, and no table is written")
        return
    write(rows, (reading, changing, multiplying), memory)


def write(rows: list, rates: tuple[float, float, float], memory: float) -> None:
    """Write the table below what it was measured with."""
    import torch

    reading, changing, multiplying = rates
    facts = {
        "what": "milliseconds of a step of gradient descent, MNIST or data of its shape",
        "reads": f"{reading / 1e9:.3g} GB/s",
        "changes_in_place": f"{changing / 1e9:.3g} GB/s",
        "multiplies": f"{multiplying / 1e9:.3g} GFLOP/s",
        "peak_memory_100_layers": f"{memory:.0f} MiB",
        "cores": os.cpu_count(),
        "versions": f"numpy {np.__version__}, torch {torch.__version__}, "
        f"python {platform.python_version()}",
    }
    path = Path(__file__).with_suffix(".csv")
    with path.open("w", encoding="utf8", newline="\n") as file:
        file.writelines(f"# {key}: {value}\n" for key, value in facts.items())
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("way", "n_layers", "width", "n_examples", "milliseconds"))
        writer.writerows(rows)
    print(f"wrote {path.name}")


if __name__ == "__main__":
    main()
