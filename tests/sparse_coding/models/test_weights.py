"""A model's file holds all that its use needs, has the same bytes everywhere, and is believed in nothing."""

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors
import safetensors.torch
import torch

from sparse_coding import errors
from sparse_coding.data import datasets
from sparse_coding.data.datasets import Dataset
from sparse_coding.models import weights
from sparse_coding.models.weights import TrainedModel
from sparse_coding.specs import runs as run_specs
from sparse_coding.specs.training import TrainSpec
from sparse_coding.training import loop
from testing.core_library import Prepare

Ask = Callable[..., TrainSpec]

SCRIPT = """
import hashlib, pathlib, sys
from sparse_coding.data import datasets, preprocessing
from sparse_coding.models import weights
from sparse_coding.specs import runs as run_specs
from sparse_coding.training import loop
folder = pathlib.Path(sys.argv[1])
network = {"hidden": [9], "n_latents": 5}
asked = run_specs.parse({"dataset": {"name": "digits"}, "training": {"epochs": 1}, "model": network})
dataset = datasets.open(folder / "rows")
fitted = preprocessing.fit(asked.dataset, dataset)
data = loop.load(dataset, fitted, asked, "cpu")
state = loop.start(asked, fitted.n_inputs, "cpu")
list(loop.epochs(state, data, asked))
weights.write(folder / "w", state.autoencoder, asked, fitted)
print(hashlib.sha256((folder / "w").read_bytes()).hexdigest())
"""


def test_the_same_run_gives_the_same_file_in_every_process(tmp_path: Path) -> None:
    rows, digests = np.random.default_rng(0).integers(0, 256, (300, 1, 6, 6), dtype=np.uint8), set()
    for hash_seed in ("1", "2"):
        folder = tmp_path / hash_seed
        folder.mkdir()
        datasets.write(folder / "rows", train=rows, test=rows)
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
        found = subprocess.run(
            [sys.executable, "-c", SCRIPT, str(folder)], env=environment, check=True, capture_output=True, text=True
        )
        digests.add(found.stdout.strip())
        assert found.stdout.strip() == hashlib.sha256((folder / "w").read_bytes()).hexdigest()
    assert len(digests) == 1


def metadata(path: Path) -> dict[str, str]:
    with safetensors.safe_open(path, "pt") as file:
        return dict(file.metadata())


@pytest.fixture
def written(trained: TrainedModel, tmp_path: Path) -> Path:
    weights.write(tmp_path / "w", trained.autoencoder, trained.spec, trained.preprocessing)
    return tmp_path / "w"


def test_metadata_are_one_key_of_canonical_json_that_says_all(written: Path, trained: TrainedModel) -> None:
    said = metadata(written)
    assert said.keys() == {"sae"}
    document = json.loads(said["sae"])
    assert said["sae"] == run_specs.canonical_json(document)
    assert document == {
        "format": "sae.model/1",
        "spec_version": run_specs.SPEC_VERSION,
        "spec": run_specs.document(trained.spec),
        "n_inputs": 64,
        "image_shape": [1, 8, 8],
        "preprocessing": {"image_size": None, "scaling": "none"},
        "formulas": {"reconstruction": "mse.mean", "sparsity": "kl.batch"},
    }


def test_a_forward_pass_from_the_file_alone_gives_the_same_codes(
    written: Path, trained: TrainedModel, digits: Dataset
) -> None:
    tensors = {name: tensor.double().numpy() for name, tensor in safetensors.torch.load_file(written).items()}
    x = digits.split("test").rows[:50].reshape(50, 64) / 255
    hidden = np.maximum(x @ tensors["encoder.0.weight"].T + tensors["encoder.0.bias"], 0)
    codes = 1 / (1 + np.exp(-(hidden @ tensors["encoder.2.weight"].T + tensors["encoder.2.bias"])))
    found = trained.encode(trained.prepare(digits.split("test").rows[:50]))
    np.testing.assert_allclose(found, codes, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("size", [1, 7, 359])
def test_a_row_has_the_same_code_whatever_it_was_batched_with(
    trained: TrainedModel, digits: Dataset, size: int
) -> None:
    rows = trained.prepare(digits.split("test").rows)
    whole = trained.encode(rows)
    pieces = [trained.encode(rows[start : start + size]) for start in range(0, len(rows), size)]
    np.testing.assert_allclose(np.concatenate(pieces), whole, rtol=1e-5, atol=1e-5)


def test_a_file_read_back_is_the_same_model(written: Path, trained: TrainedModel, digits: Dataset) -> None:
    again = weights.read(written)
    assert again.spec == trained.spec
    assert again.formulas == trained.formulas
    rows = trained.prepare(digits.split("test").rows)
    np.testing.assert_array_equal(again.encode(rows), trained.encode(rows))


@pytest.fixture
def scaled(
    dataset_of: Callable[..., Dataset], ask: Ask, prepare: Prepare, tmp_path: Path
) -> tuple[TrainedModel, np.ndarray]:
    rows = np.random.default_rng(3).normal(20, 5, (200, 4)).astype(np.float32)
    asked = ask(dataset={"scaling": "minmax"}, model={"output": "identity"}, training={"epochs": 1})
    state, data = prepare(asked, dataset_of(rows))
    list(loop.epochs(state, data, asked))
    weights.write(tmp_path / "scaled", state.autoencoder, asked, data.preprocessing)
    return weights.read(tmp_path / "scaled"), rows


def test_scaling_travels_in_the_file_and_reconstructions_are_in_raw_units(
    scaled: tuple[TrainedModel, np.ndarray],
) -> None:
    model, rows = scaled
    low, span = rows.min(0), rows.max(0) - rows.min(0)
    x = torch.from_numpy((rows - low) / span)
    with torch.no_grad():
        r, h = model.autoencoder(x)
    np.testing.assert_allclose(model.encode(rows), h, rtol=1e-5, atol=1e-5)
    reconstructions, mse = model.reconstruct(rows)
    np.testing.assert_allclose(reconstructions, r.numpy() * span + low, rtol=1e-5, atol=1e-4)
    np.testing.assert_allclose(mse, ((r - x) ** 2).mean(1), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(model.decode(h.numpy()), reconstructions, rtol=1e-5, atol=1e-4)


def test_dataset_rows_are_prepared_as_they_are_stored(trained: TrainedModel, digits: Dataset) -> None:
    stored = digits.split("test").rows[:3]
    prepared = trained.prepare(stored)
    assert prepared.dtype == np.float32
    np.testing.assert_array_equal(prepared, stored.reshape(3, 64).astype(np.float32) / np.float32(255))


@pytest.mark.parametrize("method", ["encode", "decode", "reconstruct"])
def test_rows_of_another_width_are_refused(trained: TrainedModel, method: str) -> None:
    with pytest.raises(errors.WrongWidth, match="the rows have 5 values"):
        getattr(trained, method)(np.zeros((2, 5), np.float32))


def rewritten(path: Path, tensors: dict[str, Any], said: dict[str, Any]) -> None:
    """The file with other tensors and another document; what is None is left out."""
    parts = ({**safetensors.torch.load_file(path), **tensors}, {**json.loads(metadata(path)["sae"]), **said})
    kept, document = ({name: value for name, value in part.items() if value is not None} for part in parts)
    safetensors.torch.save_file(kept, path, {"sae": json.dumps(document)})


@pytest.mark.parametrize(
    "tensors",
    [
        {"encoder.0.bias": None},
        {"extra": torch.zeros(1)},
        {"encoder.0.bias": torch.zeros(25)},
        {"encoder.0.bias": torch.zeros(24, dtype=torch.float64)},
        {"encoder.0.bias": torch.full((24,), torch.nan)},
        {"encoder.2.bias": torch.full((12,), torch.inf)},
        {"scaling.minimum": torch.zeros(64), "scaling.span": torch.ones(64)},
    ],
)
def test_tensors_that_are_not_those_of_the_spec_are_refused(written: Path, tensors: dict[str, Any]) -> None:
    rewritten(written, tensors, {})
    with pytest.raises(errors.UnreadableFile):
        weights.read(written)


def other_spec(**changes: Any) -> dict[str, Any]:
    return {"kind": "train", "dataset": {"name": "digits"}, "model": {"hidden": [24], "n_latents": 12}, **changes}


@pytest.mark.parametrize(
    ("said", "error"),
    [
        ({"n_inputs": 65}, errors.UnreadableFile),
        ({"n_inputs": "64"}, errors.UnreadableFile),
        ({"n_inputs": None}, errors.UnreadableFile),
        ({"image_shape": [1, 8, 9]}, errors.UnreadableFile),
        ({"image_shape": [64]}, errors.UnreadableFile),
        ({"image_shape": None, "n_inputs": 10**9}, errors.UnreadableFile),
        ({"preprocessing": {}}, errors.UnreadableFile),
        ({"spec": other_spec(extra=1)}, errors.UnreadableFile),
        ({"spec": other_spec(model={"hidden": [24], "n_latents": 13})}, errors.UnreadableFile),
        ({"spec": {"kind": "import", "dataset": "digits"}}, errors.UnreadableFile),
        ({"spec": None}, errors.UnreadableFile),
        ({"spec_version": 0}, errors.UnreadableFile),
        ({"spec_version": run_specs.SPEC_VERSION + 1}, errors.UnsupportedFormat),
        ({"format": "sae.model/2"}, errors.UnsupportedFormat),
        ({"format": None}, errors.UnsupportedFormat),
    ],
    ids=str,
)
def test_metadata_that_do_not_fit_the_tensors_are_refused(
    written: Path, said: dict[str, Any], error: type[errors.InvalidFile]
) -> None:
    rewritten(written, {}, said)
    with pytest.raises(error):
        weights.read(written)


@pytest.mark.parametrize("span", [0.0, -1.0])
def test_a_span_that_nothing_can_be_divided_by_is_refused(
    scaled: tuple[TrainedModel, np.ndarray], tmp_path: Path, span: float
) -> None:
    rewritten(tmp_path / "scaled", {"scaling.span": torch.full((4,), span)}, {})
    with pytest.raises(errors.UnreadableFile):
        weights.read(tmp_path / "scaled")


@pytest.mark.parametrize("text", ["", "null", "[1]", "{", '"sae.model/1"'])
def test_metadata_that_are_no_object_are_another_format(written: Path, text: str) -> None:
    safetensors.torch.save_file(safetensors.torch.load_file(written), written, {"sae": text})
    with pytest.raises(errors.UnsupportedFormat):
        weights.read(written)


@pytest.mark.parametrize("cut", [0, 5, 100, -1])
def test_a_file_cut_short_is_refused(written: Path, cut: int) -> None:
    content = written.read_bytes()[:cut]
    written.write_bytes(content)
    with pytest.raises(errors.UnreadableFile):
        weights.read(written)


def test_nothing_is_left_behind_where_writing_fails(trained: TrainedModel, tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    with pytest.raises(OSError, match="taken"):
        weights.write(tmp_path / "taken", trained.autoencoder, trained.spec, trained.preprocessing)
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]
