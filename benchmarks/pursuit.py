"""Rows per second of matching pursuit, compared with scikit-learn's on the same rows and atoms in the same process.

784 inputs, 128 atoms, 12 coefficients: the size of the tutorial's network, whose code has about 12 active latents. Both
must find the same codes. Repeats are interleaved; the best of each is reported.
"""

import argparse
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import sklearn
import torch
from sklearn.decomposition import sparse_encode
from torch import Tensor
from torch.nn import functional

from sparse_coding.dictionaries import pursuit

TIMES_FASTER_GOAL = 5
CODE_TOLERANCE = 1e-8
INPUTS, ATOMS, COEFFICIENTS = 784, 128, 12


def main() -> None:
    options = _options()
    rows, atoms = made(options.rows)
    report_machine()
    report_codes(rows, atoms)
    report(measure(rows, atoms, options.repeats))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--repeats", type=int, default=5)
    return parser.parse_args()


def made(count: int) -> tuple[Tensor, Tensor]:
    """Random rows and atoms of uniform direction, in float64: no row is represented early, no two atoms are similar."""
    generator = torch.Generator().manual_seed(42)
    atoms = torch.randn(ATOMS, INPUTS, generator=generator, dtype=torch.float64)
    rows = torch.randn(count, INPUTS, generator=generator, dtype=torch.float64)
    return rows, functional.normalize(atoms)


def theirs(rows: np.ndarray, atoms: np.ndarray) -> np.ndarray:
    codes: np.ndarray = sparse_encode(rows, atoms, algorithm="omp", n_nonzero_coefs=COEFFICIENTS)
    return codes


def measure(rows: Tensor, atoms: Tensor, repeats: int) -> dict[str, list[float]]:
    """Method -> rows per second, one number per repeat."""
    single, arrays = (rows.float(), atoms.float()), (rows.numpy(), atoms.numpy())
    ways: dict[str, Callable[[], object]] = {
        "scikit-learn, float64": lambda: theirs(*arrays),
        "ours, float64": lambda: pursuit.omp(rows, atoms, COEFFICIENTS),
        "ours, float32": lambda: pursuit.omp(*single, COEFFICIENTS),
    }
    found: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(repeats):
        for name, way in ways.items():
            found[name].append(len(rows) / seconds(way))
    return found


def seconds(way: Callable[[], object]) -> float:
    begun = time.perf_counter()
    way()
    return time.perf_counter() - begun


# Output.


def report_machine() -> None:
    print(f"{_processor()}; {torch.get_num_threads()} threads, vectors {torch.backends.cpu.get_cpu_capability()}")
    print(f"Python {platform.python_version()}, torch {torch.__version__}, scikit-learn {sklearn.__version__}")
    print(f"{INPUTS} inputs, {ATOMS} atoms, {COEFFICIENTS} coefficients")


def _processor() -> str:
    path = Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def report_codes(rows: Tensor, atoms: Tensor) -> None:
    expected = torch.from_numpy(theirs(rows.numpy(), atoms.numpy()))
    double = pursuit.omp(rows, atoms, COEFFICIENTS)
    single = pursuit.omp(rows.float(), atoms.float(), COEFFICIENTS)
    difference = float((double - expected).abs().max())
    kept = "kept" if difference <= CODE_TOLERANCE else "MISSED"
    print(
        f"{'codes, largest difference from scikit-learn':52}{difference:12.3g}         goal {CODE_TOLERANCE:g}: {kept}"
    )
    same = ((single != 0) == (expected != 0)).all(1).double().mean()
    print(f"{'rows for which float32 chooses the same atoms':52}{float(same):12.3%}")


def report(found: dict[str, list[float]]) -> None:
    peer = max(found["scikit-learn, float64"])
    for name, rates in found.items():
        print(f"{name:52}{max(rates):12,.0f} rows/s   median {statistics.median(rates):,.0f} of {len(rates)}")
        if name.startswith("ours"):
            ratio = max(rates) / peer
            kept = "kept" if ratio >= TIMES_FASTER_GOAL else "MISSED"
            print(f"{'  times faster than scikit-learn':52}{ratio:12.3f}         goal {TIMES_FASTER_GOAL}: {kept}")


if __name__ == "__main__":
    main()
