"""`python -m registry gc` on a real data folder: what it prints, and that a dry run changes nothing."""

import os
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from registry import artifacts, checkpoints, datasets, workers
from registry.__main__ import main
from registry.database.tables import Artifact
from registry.errors import ArtifactMissing
from registry.settings import RegistrySettings
from registry.stores.directory import DirectoryStore
from registry.stores.protocol import Stored
from testing.registry_harness import RegistryHarness

FACTS = datasets.Facts("images", (1, 8, 8), 64, 80, 20)


def test_a_dry_run_lists_what_the_next_one_removes(
    harness: RegistryHarness,
    settings: RegistrySettings,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SAE_DATA_DIR", str(settings.data_dir))
    monkeypatch.setenv("SAE_KEEP_LAST", "1")
    if settings.database_url:
        monkeypatch.setenv("SAE_DATABASE_URL", settings.database_url)
    store = DirectoryStore(settings.artifacts_dir)
    made = [_put(store, settings.data_dir, content) for content in ("one", "two", "three", "orphan", "dataset")]
    run = harness.running()
    for epoch, stored in enumerate(made[:3], start=1):
        harness.write(checkpoints.add, run.id, run.fence, epoch=epoch, stored=stored)
    harness.write(datasets.enter, name="digits", stored=made[4], facts=FACTS)
    harness.write(
        lambda session: session.execute(update(Artifact).values(touched_at=run.created_at.replace(year=2000)))
    )
    for stored in made:
        os.utime(store.path(stored.sha256), (1, 1))

    assert main(["gc", "--dry-run"]) == 0
    listed = capsys.readouterr().out.splitlines()
    assert listed[-1] == "12 bytes would be freed: 3 files"
    assert {line.split()[0] for line in listed[:-1]} == {made[0].sha256, made[1].sha256, made[3].sha256}
    assert f"the checkpoint after epoch 2 of the run {run.id}" in "\n".join(listed)
    assert [store.path(stored.sha256).exists() for stored in made] == [True] * 5
    assert len(harness.read(checkpoints.of_run, run.id)) == 3

    assert main(["gc"]) == 0
    assert sorted(capsys.readouterr().out.splitlines()[:-1]) == sorted(listed[:-1])
    assert [row.epoch for row in harness.read(checkpoints.of_run, run.id)] == [3]
    assert main(["gc"]) == 0
    assert capsys.readouterr().out == "0 bytes freed: 0 files\n"


def test_when_nothing_else_runs_no_file_is_too_young(
    harness: RegistryHarness,
    settings: RegistrySettings,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SAE_DATA_DIR", str(settings.data_dir))
    if settings.database_url:
        monkeypatch.setenv("SAE_DATABASE_URL", settings.database_url)
    store = DirectoryStore(settings.artifacts_dir)
    needed, unneeded = (_put(store, settings.data_dir, content) for content in ("needed", "unneeded"))
    harness.write(datasets.enter, name="digits", stored=needed, facts=FACTS)
    harness.write(artifacts.register, unneeded)
    harness.write(workers.heartbeat, "a-worker", workers.Identity("host", 1, "cpu", "0"))
    assert main(["gc"]) == 0
    assert capsys.readouterr().out == "0 bytes freed: 0 files\n"
    assert main(["gc", "--stopped"]) == 1
    assert "the worker a-worker sent a heartbeat" in capsys.readouterr().err
    harness.write(workers.remove, "a-worker")
    assert main(["gc", "--stopped"]) == 0
    assert capsys.readouterr().out.endswith("8 bytes freed: 1 files\n")
    assert store.path(needed.sha256).exists()
    with pytest.raises(ArtifactMissing):
        store.path(unneeded.sha256)


def test_it_asks_for_a_schema(empty: RegistrySettings, capsys: pytest.CaptureFixture[str], monkeypatch: Any) -> None:
    monkeypatch.setenv("SAE_DATA_DIR", str(empty.data_dir))
    if empty.database_url:
        monkeypatch.setenv("SAE_DATABASE_URL", empty.database_url)
    assert main(["gc"]) == 1
    assert "python -m registry migrate" in capsys.readouterr().err
    assert not empty.artifacts_dir.exists()


def _put(store: DirectoryStore, folder: Path, content: str) -> Stored:
    source = folder / "source"
    source.write_text(content)
    return store.put(source)
