"""Datasets by name, immutable. Stores facts such as their shape, and never opens their files."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeVar

from sqlalchemy import Select, exists, select
from sqlalchemy import delete as delete_rows
from sqlalchemy.orm import Session

from registry import artifacts
from registry.database import identifiers, pages, sessions
from registry.database.tables import LIVE, Dataset, ModelVersion, Run, RunInput
from registry.errors import DatasetExists, DatasetInUse, DatasetNotFound, shown
from registry.stores.protocol import Stored

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")

Item = TypeVar("Item")


@dataclass(frozen=True)
class Facts:
    """Facts about a dataset that are known without opening it.

    `image_shape` is [channels, height, width], None for vectors; `minimum` and `maximum` span all vectors, None for
    images; `classes` are the names of the labels, None without labels.
    """

    kind: Literal["images", "vectors"]
    image_shape: tuple[int, int, int] | None
    n_inputs: int
    train_rows: int
    test_rows: int
    minimum: float | None = None
    maximum: float | None = None
    classes: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Entered:
    """A dataset in the registry; `created` is False if it already existed."""

    dataset: Dataset
    created: bool


def enter(session: Session, *, name: str, stored: Stored, facts: Facts, builtin: bool = False) -> Entered:
    """Add a stored dataset file under a name. Raises DatasetExists if the name has another digest."""
    artifacts.register(session, stored)
    row = {**vars(facts), "image_shape": _list(facts.image_shape), "classes": _list(facts.classes)}
    row |= {"id": identifiers.new_id(), "name": name, "digest": stored.sha256, "bytes": stored.bytes}
    insert = sessions.insert(session, Dataset).values(builtin=builtin, **row)
    statement = insert.on_conflict_do_nothing(index_elements=["name"]).returning(Dataset.id)
    while True:
        created = session.scalar(statement)
        dataset = session.scalar(select(Dataset).where(Dataset.name == name).with_for_update(read=True))
        if dataset is not None:
            break  # else the existing one has just been deleted, and the name is free
    if dataset.digest != stored.sha256:
        raise DatasetExists(
            f"a dataset named {shown(name)} with other content exists, and datasets never change: "
            "use another name, or delete it first"
        )
    return Entered(dataset, created is not None)


def get(session: Session, name: str) -> Dataset:
    """The dataset of this name. Raises DatasetNotFound."""
    return _found(session, name, select(Dataset))


def hold(session: Session, name: str) -> Dataset:
    """The dataset of this name; nobody deletes it until this transaction ends. Raises DatasetNotFound."""
    return _found(session, name, select(Dataset).with_for_update(read=True))


def by_digest(session: Session, digest: str) -> Dataset | None:
    """A dataset with this file; the oldest one if it has several names."""
    return session.scalars(select(Dataset).where(Dataset.digest == digest).order_by(Dataset.id).limit(1)).first()


def page(session: Session, *, kind: str | None = None, limit: int, cursor: str | None = None) -> pages.Page[Dataset]:
    """Datasets, newest first: all, or those of `kind` images or vectors. Raises InvalidCursor."""
    query = pages.matching(select(Dataset), {Dataset.kind: kind})
    return pages.newest_first(session, query, Dataset.id, limit=limit, cursor=cursor)


def delete(session: Session, name: str) -> int:
    """Delete the dataset. Raises DatasetNotFound, and DatasetInUse if a run or a model needs it.

    This removes the last references to its blob; `collection` deletes row and file later. Returns the blob's bytes, or
    0 if the same data has another name too.
    """
    dataset = _found(session, name, select(Dataset).with_for_update())
    if session.scalar(select(exists().where(Run.dataset_name == name, Run.state.in_(LIVE)))):
        raise DatasetInUse(
            f"an unfinished run uses the dataset {shown(name)}: cancel it, or wait until it has finished"
        )
    trained = exists().where(ModelVersion.dataset_name == name, ModelVersion.dataset_digest == dataset.digest)
    if session.scalar(select(trained)):
        raise DatasetInUse(f"a model was trained on the dataset {shown(name)}: delete the model's versions first")
    session.delete(dataset)
    session.flush()
    _unpin(session, dataset.digest)
    return artifacts.freed(session, [dataset.digest])


def _found(session: Session, name: str, query: Select[Dataset]) -> Dataset:
    found = session.scalar(query.where(Dataset.name == name)) if _NAME.fullmatch(name) else None
    if found is None:
        raise DatasetNotFound(f"there is no dataset named {shown(name)}")
    return found


def _unpin(session: Session, digest: str) -> None:
    """Release the blob from finished runs, which only keep its digest, unless it has another name too."""
    if by_digest(session, digest) is None:
        session.execute(delete_rows(RunInput).where(RunInput.role == "dataset", RunInput.sha256 == digest))


def _list(values: Sequence[Item] | None) -> list[Item] | None:
    return None if values is None else list(values)
