"""Uploads, streamed to files below one folder and never held in memory.

The names that a client gives its files are passed on, to recognise MNIST's; no path is ever made from one.
"""

import fcntl
import shutil
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO, Final, Protocol

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from service.errors import Fault, InvalidRequest, UnsupportedMediaType
from sparse_coding.data.uploads import UploadedFile

MAX_FILES: Final = 8
"""Parts of one upload; MNIST's form has four."""
MAX_NAME: Final = 255
_PART: Final = "files"
_LOCK: Final = ".lock"
ACCEPTED: Final = (
    "multipart/form-data",
    "application/octet-stream",
    "application/x-npy",
    "application/vnd.safetensors",
)


@contextmanager
def own(parent: Path) -> Iterator[Path]:
    """A folder for the uploads of this process alone; folders of processes that have ended are removed.

    The lock file beside it is locked as long as this process runs, and before the folder is created: a folder whose
    lock is free belongs to a process that has ended.
    """
    path = parent / uuid.uuid4().hex
    parent.mkdir(parents=True, exist_ok=True)
    with _lock_of(path).open("x") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        path.mkdir()
        _sweep(parent)
        try:
            yield path
        finally:
            _remove(path)


@contextmanager
def folder(parent: Path) -> Iterator[Path]:
    """A folder for one upload, removed afterwards with its contents, however the upload ends."""
    path = parent / uuid.uuid4().hex
    path.mkdir(parents=True)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def _sweep(parent: Path) -> None:
    """Remove folders and files of processes that have ended."""
    for left in list(parent.iterdir()):
        if left.is_dir() and not left.is_symlink():
            with suppress(OSError), _lock_of(left).open("a") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # raises while its owner runs
                _remove(left)
        elif left.suffix != _LOCK:
            left.unlink(missing_ok=True)


def _remove(path: Path) -> None:
    shutil.rmtree(path, ignore_errors=True)
    _lock_of(path).unlink(missing_ok=True)


def _lock_of(path: Path) -> Path:
    return path.with_suffix(_LOCK)


async def receive(request: Request, into: Path) -> list[UploadedFile]:
    """The files of a request: the parts named `files` of a multipart body, or the body itself.

    Raises `InvalidRequest` for an invalid multipart body, and for parts of another name, too many parts or none;
    `UnsupportedMediaType` without a Content-Type.
    """
    media_type, options = parse_options_header(request.headers.get("content-type", ""))
    if not media_type:
        raise UnsupportedMediaType("an upload needs a Content-Type: multipart/form-data, or that of the file", ACCEPTED)
    with _Files(into) as files:
        body: _Body
        if media_type == b"multipart/form-data":
            body = _Multipart(files, options.get(b"boundary", b""))
        else:
            body = _SingleFile(files, media_type.decode("latin-1"))
        async for chunk in request.stream():
            if chunk:
                await run_in_threadpool(body.write, chunk)
        await run_in_threadpool(files.close)
        body.finish()
        return files.received


class _Files(ExitStack):
    """Files of one upload that are being written; closed in any case."""

    def __init__(self, into: Path) -> None:
        super().__init__()
        self._into = into
        self.received: list[UploadedFile] = []

    def open(self, name: str, media_type: str | None) -> IO[bytes]:
        path = self._into / str(len(self.received))
        self.received.append(UploadedFile(name=name, media_type=media_type, path=path))
        return self.enter_context(path.open("xb"))


class _Body(Protocol):
    """A body that arrives in chunks."""

    def write(self, chunk: bytes) -> None:
        """Process the next chunk. Raises `InvalidRequest`."""

    def finish(self) -> None:
        """Check that the body is complete. Raises `InvalidRequest`."""


class _SingleFile:
    """A body that is itself the one file."""

    def __init__(self, files: _Files, media_type: str) -> None:
        self._file = files.open("", media_type)

    def write(self, chunk: bytes) -> None:
        self._file.write(chunk)

    def finish(self) -> None:
        """Every body is complete."""


class _Multipart:
    """A multipart body; each part named `files` is one file."""

    def __init__(self, files: _Files, boundary: bytes) -> None:
        if not boundary:
            raise InvalidRequest("a multipart body needs the boundary of its parts in its Content-Type")
        self._files = files
        self._field = bytearray()
        self._value = bytearray()
        self._headers: dict[bytes, bytes] = {}
        self._file: IO[bytes] | None = None
        self._ended = False
        self._parser = _parser(boundary, self)

    def write(self, chunk: bytes) -> None:
        try:
            self._parser.write(chunk)
        except FormParserError as error:
            raise InvalidRequest("the body is not a multipart body, although its Content-Type says so") from error

    def finish(self) -> None:
        if not self._ended:
            raise InvalidRequest("the multipart body ends before its last boundary")

    def on_part_begin(self) -> None:
        self._headers.clear()

    def on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._field += data[start:end]

    def on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def on_header_end(self) -> None:
        self._headers[bytes(self._field).lower()] = bytes(self._value)
        self._field.clear()
        self._value.clear()

    def on_headers_finished(self) -> None:
        _, options = parse_options_header(self._headers.get(b"content-disposition", b""))
        if options.get(b"name") != _PART.encode():
            raise _wrong_parts(f"every part of an upload is named `{_PART}`")
        if len(self._files.received) == MAX_FILES:
            raise _wrong_parts(f"an upload has at most {MAX_FILES} files")
        media_type, _ = parse_options_header(self._headers.get(b"content-type", b""))
        name = options.get(b"filename", b"").decode("utf-8", "replace")[:MAX_NAME]
        self._file = self._files.open(name, media_type.decode("latin-1") or None)

    def on_part_data(self, data: bytes, start: int, end: int) -> None:
        assert self._file is not None
        self._file.write(memoryview(data)[start:end])

    def on_part_end(self) -> None:
        assert self._file is not None
        self._file.close()

    def on_end(self) -> None:
        self._ended = True


def _parser(boundary: bytes, parts: _Multipart) -> MultipartParser:
    """A parser that calls the methods of `parts`."""
    try:
        return MultipartParser(
            boundary,
            {
                "on_part_begin": parts.on_part_begin,
                "on_header_field": parts.on_header_field,
                "on_header_value": parts.on_header_value,
                "on_header_end": parts.on_header_end,
                "on_headers_finished": parts.on_headers_finished,
                "on_part_data": parts.on_part_data,
                "on_part_end": parts.on_part_end,
                "on_end": parts.on_end,
            },
        )
    except FormParserError as error:
        raise InvalidRequest("the boundary in the Content-Type is too long") from error


def _wrong_parts(detail: str) -> InvalidRequest:
    return InvalidRequest(detail, [Fault(f"/{_PART}", detail)])
