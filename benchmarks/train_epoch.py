"""Duration of one epoch of the tutorial's network, compared with the tutorial's code and the machine's limit.

Everything is measured in one process on the same files in MNIST's format: 60,000 images of 28 x 28,
784-256-128-256-784, batch 128, float32, KL. Repeats are interleaved; the best of each is reported, because
the others include other load.
"""

import argparse
import json
import math
import os
import platform
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

os.environ.setdefault("GOMP_SPINCOUNT", "10000")  # before torch is loaded: what the worker gives its trainers

import numpy as np
import torch
import torchvision
from PIL import Image
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader
from torchvision.transforms import ToTensor

from sparse_coding.data import builtin_datasets, datasets, preprocessing
from sparse_coding.models import matrix_products
from sparse_coding.specs import runs as run_specs
from sparse_coding.specs.training import TrainSpec
from sparse_coding.training import loop
from sparse_coding.training.loop import EpochRecord, Pulse, TrainingData

TIMES_FASTER_GOAL = 3.5
RATE_SHARE_GOAL = 0.6
MEMORY_GOAL_GIB = 1.5
CURVE_TOLERANCE = 0.01
ROWS = {"train": 60_000, "t10k": 10_000}
LAYERS = ((784, 256), (256, 128), (128, 256), (256, 784))
BATCH = 128
LARGE_SQUARE = 2048
WINDOW_STEPS = 48
"""Steps timed together: about 60 ms, in which rows are gathered at least once."""
WINDOWS = 9
"""Number of windows of matrix products, compared with the nine of an epoch."""


def main() -> None:
    options = _options()
    if options.only_ours:
        return only_ours(Path(options.only_ours))
    with tempfile.TemporaryDirectory() as folder:
        write_mnist(Path(folder))
        stored = builtin_datasets.materialise("mnist", Path(folder), Path(folder) / "sources")
        report_machine(options.device)
        report(measure(Path(folder), stored, options))
        if options.device == "cuda":
            report_curves(stored)
        report_memory(stored)
    return None


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=1, help="epochs of ours in one repeat")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu", help="where both ways train")
    parser.add_argument("--only-ours", metavar="DATASET", help=argparse.SUPPRESS)
    return parser.parse_args()


# Files: scikit-learn's digits, enlarged and shifted; test and training images come from different digits.


def write_mnist(folder: Path) -> None:
    """Write the four IDX files where torchvision and a data folder's sources expect them."""
    raw = folder / "MNIST" / "raw"
    raw.mkdir(parents=True)
    (folder / "sources").mkdir()
    (folder / "sources" / "mnist").symlink_to(raw, target_is_directory=True)
    digits = load_digits()
    sources = {"train": slice(0, 1437), "t10k": slice(1437, None)}
    for seed, (name, rows) in enumerate(ROWS.items()):
        images, labels = _shifted(digits.images[sources[name]], digits.target[sources[name]], rows, seed)
        (raw / f"{name}-images-idx3-ubyte").write_bytes(struct.pack(">4I", 2051, *images.shape) + images.tobytes())
        (raw / f"{name}-labels-idx1-ubyte").write_bytes(struct.pack(">2I", 2049, len(labels)) + labels.tobytes())


def _shifted(digits: np.ndarray, labels: np.ndarray, rows: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    sizes = range(18, 25)
    large = {size: [_enlarged(digit, size) for digit in digits] for size in sizes}
    chosen = generator.integers(0, len(digits), rows)
    images = np.zeros((rows, 28, 28), np.uint8)
    for image, digit, size in zip(images, chosen, generator.integers(min(sizes), max(sizes) + 1, rows), strict=True):
        top, left = generator.integers(0, 29 - size, 2)
        image[top : top + size, left : left + size] = large[size][digit]
    return images, labels[chosen].astype(np.uint8)


def _enlarged(digit: np.ndarray, size: int) -> np.ndarray:
    image = Image.fromarray(np.rint(digit * 255 / 16).astype(np.uint8))
    return np.asarray(image.resize((size, size), Image.Resampling.BICUBIC))


# The tutorial's code: a DataLoader over torchvision's MNIST, autograd, Adam, every loss read.


def tutorial_epochs(folder: Path, device: str) -> Iterator[float]:
    """Seconds of successive epochs."""
    torch.manual_seed(42)
    images = torchvision.datasets.MNIST(str(folder), train=True, download=False, transform=ToTensor())
    loader = DataLoader(images, batch_size=BATCH, shuffle=True)
    encoder, decoder, adam = _tutorial_network(device)
    while True:
        begun = time.perf_counter()
        sums = np.zeros(3)
        for batch, _ in loader:
            sums += _tutorial_step(encoder, decoder, adam, batch.view(len(batch), -1).to(device))
        yield time.perf_counter() - begun


def _tutorial_network(device: str) -> tuple[nn.Module, nn.Module, torch.optim.Adam]:
    linear = [nn.Linear(*widths) for widths in LAYERS]
    encoder = nn.Sequential(linear[0], nn.ReLU(), linear[1], nn.Sigmoid()).to(device)
    decoder = nn.Sequential(linear[2], nn.ReLU(), linear[3], nn.Sigmoid()).to(device)
    return encoder, decoder, torch.optim.Adam([*encoder.parameters(), *decoder.parameters()], lr=1e-3)


def _tutorial_step(encoder: nn.Module, decoder: nn.Module, adam: torch.optim.Adam, x: torch.Tensor) -> list[float]:
    adam.zero_grad()
    h = encoder(x)
    reconstruction = nn.functional.mse_loss(decoder(h), x)
    rate, rho = h.mean(0).clamp(1e-8, 1 - 1e-8), 0.05
    penalty = (rho * torch.log(rho / rate) + (1 - rho) * torch.log((1 - rho) / (1 - rate))).sum()
    loss = reconstruction + 0.01 * penalty
    loss.backward()
    adam.step()
    return [loss.item(), reconstruction.item(), penalty.item()]


def plain_epochs(data: TrainingData, device: str) -> Iterator[float]:
    """The same loop over tensors in memory: the tutorial's code without its DataLoader."""
    torch.manual_seed(42)
    encoder, decoder, adam = _tutorial_network(device)
    x = data.train.float() / 255
    while True:
        begun = time.perf_counter()
        sums = np.zeros(3)
        for rows in torch.randperm(len(x), device=device).split(BATCH):
            sums += _tutorial_step(encoder, decoder, adam, x[rows])
        yield time.perf_counter() - begun


# The service's code.


def asked(epochs: int) -> TrainSpec:
    parsed = run_specs.parse({"dataset": {"name": "mnist"}, "training": {"epochs": epochs}})
    assert isinstance(parsed, TrainSpec)
    return parsed


def load(stored: Path, epochs: int, device: str) -> TrainingData:
    dataset = datasets.open(stored)
    wanted = asked(epochs)
    return loop.load(dataset, preprocessing.fit(wanted.dataset, dataset), wanted, device)


def our_moments(data: TrainingData, epochs: int, device: str) -> Iterator[Pulse | EpochRecord]:
    wanted = asked(epochs)
    yield from loop.epochs(loop.start(wanted, 784, device), data, wanted)


def our_epochs(data: TrainingData, device: str, epochs: int) -> Iterator[tuple[float, float]]:
    """Seconds of successive epochs, including held-out evaluation, and of one step in its best window."""
    begun = time.perf_counter()
    window, best = (0, begun), math.inf
    for moment in our_moments(data, epochs, device):
        now = time.perf_counter()
        if isinstance(moment, EpochRecord):
            yield now - begun, best
            begun = time.perf_counter()
            window, best = (0, begun), math.inf
        elif moment.rows - window[0] >= WINDOW_STEPS * BATCH:
            best = min(best, (now - window[1]) * BATCH / (moment.rows - window[0]))
            window = (moment.rows, now)


# The machine's limit: the step's eleven matrix products alone, and a large square product.

Product = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


@dataclass(frozen=True)
class Products:
    """The matrix products of one step; the gradient with respect to the input is not needed."""

    pairs: list[tuple[torch.Tensor, torch.Tensor]]
    flops: int

    def rate(self, product: Product, times: int) -> float:
        """Floating-point operations per second."""
        device = self.pairs[0][0].device
        synchronise(device)
        begun = time.perf_counter()
        for _ in range(times):
            for left, right in self.pairs:
                product(left, right)
        synchronise(device)
        return times * self.flops / (time.perf_counter() - begun)


def synchronise(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize()


def step_products(device: str) -> Products:
    """Per layer: rows x weight.T, gradient.T x rows and, except in the first, gradient x weight."""
    pairs = []
    for index, (inputs, outputs) in enumerate(LAYERS):
        rows, gradient = torch.rand(BATCH, inputs, device=device), torch.rand(BATCH, outputs, device=device)
        weight = torch.rand(outputs, inputs, device=device)
        pairs += [(rows, weight.t()), (gradient.t(), rows)] + [(gradient, weight)] * (index > 0)
    return products_of(pairs)


def products_of(pairs: list[tuple[torch.Tensor, torch.Tensor]]) -> Products:
    return Products(pairs, sum(2 * len(left) * left.shape[1] * right.shape[1] for left, right in pairs))


@dataclass
class Figures:
    """One number per repeat."""

    tutorial: list[float] = field(default_factory=list)
    plain: list[float] = field(default_factory=list)
    ours: list[float] = field(default_factory=list)
    step: list[float] = field(default_factory=list)
    rates: dict[str, list[float]] = field(default_factory=dict)
    step_flops: int = 0


@torch.no_grad()
def measure_rates(products: dict[str, Products], figures: Figures) -> None:
    ways: dict[str, Product] = {"torch.mm": torch.mm, "ours": matrix_products.product}
    for shape, batch in products.items():
        for way, product in ways.items():
            times = max(1, WINDOW_STEPS * figures.step_flops // batch.flops)
            rates = [batch.rate(product, times) for _ in range(WINDOWS)]
            figures.rates.setdefault(f"{way}, {shape}", []).append(max(rates))


def measure(folder: Path, stored: Path, options: argparse.Namespace) -> Figures:
    square = torch.rand(LARGE_SQUARE, LARGE_SQUARE, device=options.device)
    products = {"the step's shapes": step_products(options.device), "a large square": products_of([(square, square)])}
    figures = Figures(step_flops=products["the step's shapes"].flops)
    total = 1 + options.epochs * options.repeats
    data = load(stored, total, options.device)
    theirs, plain = tutorial_epochs(folder, options.device), plain_epochs(data, options.device)
    ours = our_epochs(data, options.device, total)
    next(ours)  # the first epoch includes the start of threads and the choice of kernels
    for _ in range(options.repeats):
        figures.tutorial.append(next(theirs))
        figures.plain.append(next(plain))
        epochs = [next(ours) for _ in range(options.epochs)]
        figures.ours.append(min(epoch for epoch, _ in epochs))
        figures.step.append(min(step for _, step in epochs))
        measure_rates(products, figures)
    return figures


# Output.


def report_machine(device: str) -> None:
    where = torch.cuda.get_device_name() if device == "cuda" else f"{_processor()}, {os.cpu_count()} cores"
    print(f"{where}; {torch.get_num_threads()} threads, vectors {torch.backends.cpu.get_cpu_capability()}")
    print(f"Python {platform.python_version()}, torch {torch.__version__}, torchvision {torchvision.__version__}")


def _processor() -> str:
    path = Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def report(figures: Figures) -> None:
    line("epoch, the tutorial's way", figures.tutorial, "s")
    line("epoch, the same loop over tensors in memory", figures.plain, "s")
    line("epoch, ours, with its held-out evaluation", figures.ours, "s")
    verdict("times faster than the tutorial's way", min(figures.tutorial) / min(figures.ours), TIMES_FASTER_GOAL)
    verdict("times faster than the plain loop", min(figures.plain) / min(figures.ours))
    line(f"step, ours ({figures.step_flops / 1e6:.1f} MFLOP in matrix products)", figures.step, "s")
    rate = figures.step_flops / min(figures.step)
    for name, rates in figures.rates.items():
        line(f"matrix products, {name}", [each / 1e9 for each in rates], "GFLOP/s", best=max)
        goal = RATE_SHARE_GOAL if name.endswith("shapes") else None
        verdict("  share that our step reaches", rate / max(rates), goal)


def line(what: str, values: list[float], unit: str, best: Callable[[list[float]], float] = min) -> None:
    print(f"{what:52}{best(values):12.5g} {unit:8} median {statistics.median(values):.5g} of {len(values)}")


def verdict(what: str, value: float, goal: float | None = None) -> None:
    kept = "" if goal is None else f"         goal {goal:g}: {'kept' if value >= goal else 'MISSED'}"
    print(f"{what:52}{value:12.3f}{kept}")


def report_memory(stored: Path) -> None:
    """Measured in a separate process, because this one also has the tutorial's data."""
    command = [sys.executable, __file__, "--only-ours", str(stored)]
    found: dict[str, Any] = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    peak = found["peak_kib"] / 2**20
    kept = "kept" if peak < MEMORY_GOAL_GIB else "MISSED"
    print(f"{'peak memory, ours alone':52}{peak:12.3f} GiB     goal {MEMORY_GOAL_GIB:g}: {kept}")
    print(f"{'  of which torch and the other imports':52}{found['imports_kib'] / 2**20:12.3f} GiB")


def only_ours(stored: Path) -> None:
    imports = _peak_kib()
    for _ in our_moments(load(stored, 2, "cpu"), 2, "cpu"):
        pass
    print(json.dumps({"imports_kib": imports, "peak_kib": _peak_kib()}))


def _peak_kib() -> int:
    """The kernel's high-water mark; getrusage would include the parent's memory."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0])


def report_curves(stored: Path) -> None:
    """Losses of the first epochs on both devices, which should differ in rounding only."""
    curves = [_curve(stored, device) for device in ("cpu", "cuda")]
    worst = max(abs(a - b) / a for a, b in zip(*curves, strict=True))
    kept = "kept" if worst < CURVE_TOLERANCE else "MISSED"
    print(
        f"{'loss curves, CPU and CUDA, largest difference':52}{worst:12.3%}         goal {CURVE_TOLERANCE:.0%}: {kept}"
    )


def _curve(stored: Path, device: str) -> list[float]:
    moments = our_moments(load(stored, 3, device), 3, device)
    return [moment.loss for moment in moments if isinstance(moment, EpochRecord)]


if __name__ == "__main__":
    main()
