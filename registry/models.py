"""Named models, their numbered versions, and aliases. Weights are known by their digest only.

A number is used once: deleting a version leaves a gap, and `name` alone means the highest existing version.
"""

import re
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Select, bindparam, func, select, update
from sqlalchemy import delete as delete_rows
from sqlalchemy.orm import Session, aliased

from registry import artifacts
from registry.database import identifiers, pages, sessions
from registry.database.clock import now_ms
from registry.database.tables import TERMINAL, Alias, Model, ModelVersion, Run, RunInput, RunOutput
from registry.errors import (
    AliasNotFound,
    InvalidAlias,
    InvalidReference,
    ModelNotFound,
    ReservedName,
    VersionInUse,
    VersionNotFound,
    shown,
)
from registry.stores.protocol import Stored

RESERVED_NAMES: Final = frozenset({"stats"})
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")
_NUMBER: Final = re.compile(r"[1-9][0-9]{0,8}")
_ALIAS: Final = re.compile(r"[a-z][a-z0-9-]{0,30}")


@dataclass(frozen=True)
class Publication:
    """The next version of the model `name`."""

    name: str
    spec: dict[str, Any]
    spec_version: int
    result: dict[str, Any]
    weights: Stored
    dataset_name: str
    dataset_digest: str
    member: int = 0
    """Index of the model among the models of its run."""


def require_name(name: str) -> None:
    """Raises ReservedName or InvalidReference unless this is a valid model name; to be called before training."""
    if name in RESERVED_NAMES:
        raise ReservedName(f"{shown(name)} is reserved and cannot be used as a model's name")
    if not _NAME.fullmatch(name):
        raise InvalidReference(f"a model's name must match {_NAME.pattern}, got {shown(name)}")


def publish(session: Session, run_id: str, publication: Publication) -> ModelVersion:
    """Create the next version. Raises ReservedName and InvalidReference."""
    require_name(publication.name)
    artifacts.register(session, publication.weights)
    version = ModelVersion(
        name=publication.name,
        version=_next_number(session, publication.name),
        id=identifiers.new_id(),
        run_id=run_id,
        member=publication.member,
        digest=publication.weights.sha256,
        dataset_name=publication.dataset_name,
        dataset_digest=publication.dataset_digest,
        spec=publication.spec,
        spec_version=publication.spec_version,
        result=publication.result,
    )
    session.add(version)
    session.flush()
    return version


def resolve(session: Session, reference: str) -> ModelVersion:
    """The version that `name` (the latest), `name@3` or `name@alias` refers to.

    Raises InvalidReference, ModelNotFound, VersionNotFound, AliasNotFound.
    """
    name, at, which = reference.partition("@")
    if not _NAME.fullmatch(name) or (at and not _NUMBER.fullmatch(which) and not _ALIAS.fullmatch(which)):
        raise InvalidReference(f"a model is name, name@version or name@alias, got {shown(reference)}")
    if not at:
        return _one(session, _LATEST_OF, name, which)
    if _NUMBER.fullmatch(which):
        return _one(session, _NUMBERED, name, which, number=_in_range(int(which)))
    return _one(session, _POINTED_TO, name, which, alias=which)


def hold(session: Session, reference: str) -> ModelVersion:
    """Like `resolve`, and lock the version against deletion until this transaction ends."""
    while True:
        found = resolve(session, reference)
        if session.scalar(_numbered(found.name, found.version).with_for_update(read=True)) is not None:
            return found  # else it has just been deleted, and the reference means another version or none


def page(
    session: Session,
    *,
    run_id: str | None = None,
    dataset: str | None = None,
    limit: int,
    cursor: str | None = None,
) -> pages.Page[ModelVersion]:
    """The latest version of every model, or all versions that a run published, newest first; optionally of one dataset.

    Raises InvalidCursor.
    """
    all_of = _latest() if run_id is None else select(ModelVersion).where(ModelVersion.run_id == run_id)
    query = pages.matching(all_of, {ModelVersion.dataset_name: dataset})
    return pages.newest_first(session, query, ModelVersion.id, limit=limit, cursor=cursor)


def versions(
    session: Session,
    name: str,
    *,
    run_id: str | None = None,
    dataset: str | None = None,
    limit: int,
    cursor: str | None = None,
) -> pages.Page[ModelVersion]:
    """All versions of one model, the highest number first; optionally of one run or dataset.

    Raises ModelNotFound and InvalidCursor.
    """
    _require_model(session, name)
    query = select(ModelVersion).where(ModelVersion.name == name)
    query = pages.matching(query, {ModelVersion.run_id: run_id, ModelVersion.dataset_name: dataset})
    return pages.newest_first(session, query, ModelVersion.version, limit=limit, cursor=cursor)


def of_run(session: Session, run_id: str) -> list[ModelVersion]:
    """The existing model versions that a run has published, by ascending member."""
    query = select(ModelVersion).where(ModelVersion.run_id == run_id).order_by(ModelVersion.member)
    return list(session.scalars(query))


def set_alias(session: Session, name: str, alias: str, version: int) -> ModelVersion:
    """Point the alias to the version, creating or moving it.

    Raises InvalidAlias, ModelNotFound, VersionNotFound.
    """
    if not _ALIAS.fullmatch(alias):
        raise InvalidAlias(f"an alias must match {_ALIAS.pattern}, got {shown(alias)}")
    _one(session, _numbered(name, version).with_for_update(read=True), name, str(version))
    statement = sessions.insert(session, Alias).values(name=name, alias=alias, version=version)
    session.execute(
        statement.on_conflict_do_update(
            index_elements=["name", "alias"], set_={"version": version, "updated_at": now_ms()}
        )
    )
    return _one(session, _numbered(name, version), name, str(version))


def delete_alias(session: Session, name: str, alias: str) -> None:
    """Delete the alias. Raises ModelNotFound and AliasNotFound."""
    statement = delete_rows(Alias).where(Alias.name == name, Alias.alias == alias).returning(Alias.alias)
    if not _NAME.fullmatch(name) or not _ALIAS.fullmatch(alias) or session.scalar(statement) is None:
        _require_model(session, name)
        raise AliasNotFound(f"the model {shown(name)} has no alias {shown(alias)}")


def delete_version(session: Session, name: str, version: int) -> int:
    """Delete the version; its number is not used again. Raises ModelNotFound, VersionNotFound, VersionInUse.

    This removes the last references to its weights; `collection` deletes row and file later. Returns their bytes, or 0
    if the weights are kept because an unfinished run reads them or another version has the same weights.
    """
    found = _one(session, _numbered(name, version).with_for_update(), name, str(version))
    if found.aliases:
        raise VersionInUse(
            f"the alias {found.aliases[0]!r} points to {found.reference}: move or delete the alias first"
        )
    session.execute(
        update(Run)
        .where(Run.model_name == name, Run.model_version == version)
        .values(model_name=None, model_version=None)
    )
    session.execute(
        delete_rows(RunOutput).where(
            RunOutput.run_id == found.run_id, RunOutput.member == found.member, RunOutput.sha256 == found.digest
        )
    )
    session.delete(found)
    session.flush()
    _unpin(session, found.digest)
    return artifacts.freed(session, [found.digest])


def _unpin(session: Session, digest: str) -> None:
    """Release the weights from finished runs that have read them, unless another version has the same weights."""
    ended = select(Run.id).where(Run.state.in_(TERMINAL))
    read = delete_rows(RunInput).where(RunInput.role == "model", RunInput.sha256 == digest, RunInput.run_id.in_(ended))
    if session.scalar(select(ModelVersion.id).where(ModelVersion.digest == digest).limit(1)) is None:
        session.execute(read)


def _next_number(session: Session, name: str) -> int:
    """The next version number, in one statement, so that two runs that publish at the same time get two numbers."""
    statement = sessions.insert(session, Model).values(name=name, last_version=1)
    numbered = statement.on_conflict_do_update(
        index_elements=["name"], set_={"last_version": Model.last_version + 1}
    ).returning(Model.last_version)
    return session.execute(numbered).scalar_one()


def _latest() -> Select[ModelVersion]:
    other = aliased(ModelVersion)
    highest = select(func.max(other.version)).where(other.name == ModelVersion.name).scalar_subquery()
    return select(ModelVersion).where(ModelVersion.version == highest)


def _numbered(name: str, version: int) -> Select[ModelVersion]:
    return select(ModelVersion).where(ModelVersion.name == name, ModelVersion.version == _in_range(version))


def _in_range(version: int) -> int:
    """The number in the range of the column; no version has a larger one."""
    return max(0, min(version, 2**31 - 1))


# Made once: to build such a query takes longer than to run it.
_OF_NAME: Final = ModelVersion.name == bindparam("name")
_LATEST_OF: Final = _latest().where(_OF_NAME)
_NUMBERED: Final = select(ModelVersion).where(_OF_NAME, ModelVersion.version == bindparam("number"))
_POINTED_TO: Final = select(ModelVersion).where(
    _OF_NAME,
    ModelVersion.version
    == select(Alias.version)
    .where(Alias.name == bindparam("name"), Alias.alias == bindparam("alias"))
    .scalar_subquery(),
)


def _one(session: Session, query: Select[ModelVersion], name: str, which: str, **values: str | int) -> ModelVersion:
    """The version with its current aliases; `which` is empty, a number or an alias, for the error message.

    `values` are those of the query's parameters, beside the name.
    """
    found = None
    if _NAME.fullmatch(name):
        found = session.scalar(query.execution_options(populate_existing=True), {"name": name, **values})
    if found is not None:
        return found
    _require_model(session, name)
    if _ALIAS.fullmatch(which):
        raise AliasNotFound(f"the model {shown(name)} has no alias {shown(which)}")
    raise VersionNotFound(f"the model {shown(name)} has no version {which}")


def _require_model(session: Session, name: str) -> None:
    """Raises ModelNotFound, also if all versions of the model have been deleted."""
    query = select(ModelVersion.name).where(ModelVersion.name == name).limit(1)
    if not _NAME.fullmatch(name) or session.scalar(query) is None:
        raise ModelNotFound(f"there is no model named {shown(name)}")
