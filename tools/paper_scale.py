"""Compute what takes too long for the book, into the tables of chapters/data.

    python tools/paper_scale.py [TASK ...]

Without a task it does all. An interrupted run resumes from _build/paper. Where the environment
variable SCHEDULER is the address of a Dask scheduler, tcp://host:8786 say, its workers compute.
"""

from __future__ import annotations

import csv
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from dlnlib import datasets, initial_conditions, pretraining
from dlnlib.correlations import Correlations, centred, whitened
from dlnlib.graded_products import gaussian_product, log_eigenvalues, log_singular_values
from dlnlib.racing import race, tanh_race
from dlnlib.sweeps import sweep

ROOT = Path(__file__).resolve().parents[1]
KEPT, TABLES = ROOT / "_build" / "paper", ROOT / "chapters" / "data"

# ---- Fig. 6B, 6C: spectra of products of Gaussian matrices

SIZE, N_REALISATIONS, N_FIRST = 1000, 500, 2
# For every number of layers, the ends of the bins of s and of ln s: none falls outside.
RANGES = {2: ((0, 2.5), (-19, 1)), 6: ((0, 5), (-40, 2)), 101: ((0, 25), (-495, 5))}
N_BINS = {"s": 50, "ln_s": 100}
# In the complex plane, bins of 0.1, one of them centred at the origin.
Z, Z_EDGES = np.arange(-20, 21) / 10, np.arange(-20.5, 21) / 10
NUMBERS = "in_origin_bin", "n_real", "ln_s_max", "ln_s_min", "ln_abs_z_max"


def bin_edges(n_layers: int) -> dict[str, np.ndarray]:
    """Return the edges of the bins of singular values and of their logarithms."""
    ranges = zip(N_BINS.items(), RANGES[n_layers], strict=True)
    return {variable: np.linspace(*ends, n + 1) for (variable, n), ends in ranges}


def spectra(n_layers: int, realisation: int) -> dict[str, Any]:
    """Draw one product and count its singular values and eigenvalues in bins."""
    rng = np.random.default_rng([6, n_layers, realisation])
    product = gaussian_product(SIZE, n_layers - 1, rng=rng)
    log_s, log_z = log_singular_values(product), log_eigenvalues(product)
    values, z = {"s": np.exp(log_s), "ln_s": log_s}, np.exp(log_z)
    edges = bin_edges(n_layers)
    in_plane = np.histogram2d(z.real, z.imag, bins=[Z_EDGES, Z_EDGES])[0].astype(int)
    return {
        **{name: np.histogram(values[name], edges[name])[0].tolist() for name in edges},
        # Eigenvalues come in conjugate pairs: the upper half plane, with its axis, is all.
        "z": in_plane[:, 20:].tolist(),
        "in_origin_bin": int(in_plane[20, 20]),
        "n_real": int(np.sum(np.abs(np.sin(log_z.imag)) < 1e-12)),
        "ln_s_max": float(log_s[0]),
        "ln_s_min": float(log_s[-1]),
        "ln_abs_z_max": float(log_z[0].real),
    }


def figure_6bc() -> None:
    """Write histograms, and a few numbers of every realisation."""
    cases = [{"n_layers": n, "realisation": i} for n in RANGES for i in range(N_REALISATIONS)]
    records = sweep(spectra, cases, folder=KEPT / "figure_6bc", n_jobs=-1, progress=True)
    parameters = {
        "size": SIZE,
        "n_realisations": N_REALISATIONS,
        "rng": "default_rng([6, n_layers, realisation])",
        "versions": versions(records),
    }
    counts = f"count_{N_FIRST}", f"count_{N_REALISATIONS}"
    singular_values, eigenvalues = [], []
    for n in RANGES:
        results = [r["result"] for r in records if r["case"]["n_layers"] == n]
        # Summed over the first few realisations, which a test repeats, and over all.
        sums = {
            name: [np.sum([r[name] for r in some], axis=0) for some in (results[:N_FIRST], results)]
            for name in ("s", "ln_s", "z")
        }
        for name, edges in bin_edges(n).items():
            ends = [f"{edge:.6g}" for edge in edges]
            singular_values += [
                (n, name, *row) for row in zip(ends[:-1], ends[1:], *sums[name], strict=True)
            ]
        for i, j in np.argwhere(sums["z"][1]):
            eigenvalues.append((n, Z[i], Z[20 + j], *(total[i, j] for total in sums["z"])))
    write_table(
        "figure_6bc_singular_values",
        {"what": "singular values of Gaussian products, counted in bins", **parameters},
        ("n_layers", "variable", "low", "high", *counts),
        singular_values,
    )
    write_table(
        "figure_6bc_eigenvalues",
        {"what": "eigenvalues counted in bins of 0.1 about re, im; im < 0 is alike", **parameters},
        ("n_layers", "re", "im", *counts),
        eigenvalues,
    )
    write_table(
        "figure_6bc_realisations",
        {
            "what": "numbers of every product; in_origin_bin and n_real count eigenvalues",
            **parameters,
        },
        ("n_layers", "realisation", *NUMBERS),
        [(*r["case"].values(), *(f"{r['result'][x]:.14g}" for x in NUMBERS)) for r in records],
    )


# ---- Fig. 6A: learning times on MNIST from three starts

ALL_DEPTHS = (3, 5, 8, 10, 14, 20, 28, 36, 44, 54, 64, 74, 84, 94, 100)
# What a spread over seeds is computed for, beside the first seed at all depths.
SEEDED = "scaled", ALL_DEPTHS[:6], range(1, 5)
RATES = np.logspace(-4, -7, 20)
RACE = {"threshold": 1.3e4, "dtype": "float32", "reduce": False}
# How many steps, and how many rates, to try: few where the best time is two to six epochs.
NEAR_ZERO = {"max_steps": 20, "patience": 2}
NEAR_ZERO_SCALED = {"max_steps": 300, "patience": 2}
FULL_STRENGTH, FULL_DEPTHS = {"max_steps": 8}, (*ALL_DEPTHS[:8], 100)
PRETRAINING = {"u0": 1e-3, "relative_rate": 0.8, "max_steps": 60, "explained": 0.9999}


def digits_whitened() -> Correlations:
    """Return the data of Figs. 4 and 6A."""
    return whitened(centred(datasets.mnist()), epsilon=0.01)


def draw_mnist(start: str, n_layers: int, seed: int) -> dict[str, Sequence[np.ndarray]]:
    """Draw a network of 1000 hidden units a layer, with two output layers to choose from."""
    sizes, rng = (784, *[1000] * (n_layers - 2), 10), np.random.default_rng([6, n_layers, seed])
    if start == "pretrained":
        weights = pretraining.orthogonal_pretraining(
            digits_whitened(), sizes, rng=rng, **PRETRAINING
        ).weights
    else:
        names = {"scaled": "glorot_uniform"}
        weights = getattr(initial_conditions, names.get(start, start))(sizes, rng=rng)
    near_zero = 1e-3 * rng.standard_normal(weights[-1].shape)
    return {"near zero": (*weights[:-1], near_zero), "full strength": weights}


def learn_mnist(start: str, n_layers: int, seed: int) -> dict[str, Any]:
    """Race the rates; return epochs, counted from 1, and the positions k of those that tie."""
    networks = draw_mnist(start, n_layers, seed)
    limits = {"near zero": NEAR_ZERO_SCALED if start == "scaled" else NEAR_ZERO}
    if start != "scaled" and n_layers in FULL_DEPTHS:
        limits["full strength"] = FULL_STRENGTH
    found = {}
    for output, limit in limits.items():
        options = RACE | limit | {"learning_rates": RATES}
        result = race(networks[output], digits_whitened(), **options)
        arrived = (result.status == "threshold") & (result.n_steps == result.learning_time)
        found[output] = [1 + result.learning_time, np.flatnonzero(arrived).tolist()]
    return found


def figure_6a() -> None:
    """Write epochs and best rates for every start and depth."""
    cases = [
        {"start": start, "n_layers": n, "seed": 0}
        for n in ALL_DEPTHS[::-1]
        for start in ("scaled", "orthogonal", "pretrained")
    ]
    start, depths, seeds = SEEDED
    cases += [{"start": start, "n_layers": n, "seed": seed} for n in depths for seed in seeds]
    records = sweep(learn_mnist, cases, folder=KEPT / "figure_6a", n_jobs=-1, progress=True)
    rows = [
        (*record["case"].values(), output, f"{epochs:.0f}", "-".join(map(str, k)))
        for record in records
        for output, (epochs, k) in record["result"].items()
    ]
    write_table(
        "figure_6a",
        {
            "what": "epochs, 1 + updates, to the threshold, at the best rates 10**(-4-3k/19)",
            "data": "whitened(centred(mnist()), epsilon=0.01)",
            "width": 1000,
            **RACE,
            "scaled": NEAR_ZERO_SCALED,
            "others": NEAR_ZERO,
            "others at full strength": FULL_STRENGTH,
            "pretraining": ", ".join(f"{name} {value}" for name, value in PRETRAINING.items()),
            "rng": "default_rng([6, n_layers, seed])",
            "versions": versions(records),
        },
        ("start", "n_layers", "seed", "output", "epochs", "k"),
        sorted(rows, key=lambda row: (row[0], row[3], row[2], row[1])),
    )


# ---- Learning times of deep tanh networks on digits

DEPTHS, GAINS, SEEDS, WIDTH = (3, 5, 10, 20, 40), (0.9, 1.0, 1.1), (0, 1, 2), 64
DIGIT_RATES = np.logspace(-5.25, -2.75, 11)
DIGIT_RACE = {"threshold": 225.0, "max_steps": 400, "at_once": 1}


def digits() -> tuple[np.ndarray, np.ndarray]:
    """Return centred images of unit mean square pixel, and one-hot labels."""
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    x = images - images.mean(axis=0)
    return x / np.sqrt(np.mean(x**2)), np.eye(10)[labels]


def learn_digits(start: str, gain: float, n_layers: int, seed: int) -> dict[str, Any]:
    """Race the rates from one start."""
    draw, rng = getattr(initial_conditions, start), np.random.default_rng([4, n_layers, seed])
    sizes = (64, *[WIDTH] * (n_layers - 2), 10)
    weights = draw(sizes, gain=gain, rng=rng)
    result = tanh_race(weights, *digits(), learning_rates=DIGIT_RATES, **DIGIT_RACE)
    return {
        "learning_time": result.learning_time,
        "learning_rate": result.learning_rate,
        "n_diverged": int(np.sum(result.status == "diverged")),
    }


def deep_tanh_digits() -> None:
    """Write learning times and best rates for every start, gain and depth."""
    cases = [
        {"start": start, "gain": gain, "n_layers": n, "seed": seed}
        for n in DEPTHS
        for start in ("orthogonal", "scaled_gaussian")
        for gain in GAINS
        for seed in SEEDS
    ]
    records = sweep(learn_digits, cases, folder=KEPT / "deep_tanh_digits", n_jobs=-1, progress=True)
    write_table(
        "deep_tanh_digits",
        {
            "what": "learning time of tanh networks at the best of some rates, on 1797 digits",
            "width": WIDTH,
            "learning_rates": " ".join(f"{rate:.4g}" for rate in DIGIT_RATES),
            **DIGIT_RACE,
            "rng": "default_rng([4, n_layers, seed])",
            "versions": versions(records),
        },
        (*cases[0], *records[0]["result"]),
        [(*r["case"].values(), *r["result"].values()) for r in records],
    )


# ---- workers


@contextmanager
def workers() -> Iterator[None]:
    """Give sweeps to the Dask cluster that SCHEDULER names, or else to this machine."""
    if not (address := os.environ.get("SCHEDULER")):
        yield
        return
    from distributed import Client
    from joblib import parallel_config

    with Client(address), parallel_config(backend="dask"):
        yield


# ---- tables


def versions(records: Iterable[Mapping[str, Any]]) -> str:
    """Return which versions of what computed some results."""
    found = {", ".join(f"{k} {v}" for k, v in record["versions"].items()) for record in records}
    return "; ".join(sorted(found))


def write_table(
    name: str,
    parameters: Mapping[str, Any],
    columns: Iterable[str],
    rows: Iterable[Iterable[Any]],
) -> None:
    """Write a table below commented lines that say what it is and where it came from."""
    path = TABLES / f"{name}.csv"
    path.parent.mkdir(exist_ok=True)
    with path.open("w", encoding="utf8", newline="\n") as file:
        file.writelines(f"# {key}: {value}\n" for key, value in parameters.items())
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)
    print(f"{os.path.relpath(path, ROOT)}: {path.stat().st_size:,} bytes")


TASKS: dict[str, Callable[[], None]] = {
    "figure_6a": figure_6a,
    "figure_6bc": figure_6bc,
    "deep_tanh_digits": deep_tanh_digits,
}


def main() -> None:
    """Do the tasks that the command line names, or all."""
    names = sys.argv[1:] or list(TASKS)
    if unknown := [name for name in names if name not in TASKS]:
        sys.exit(f"unknown task {unknown[0]!r}: choose from {', '.join(TASKS)}")
    with workers():
        for name in names:
            TASKS[name]()


if __name__ == "__main__":
    main()
