"""An upload on its way in: streamed to files below one folder, never held in memory.

The names that a client gives its files are carried along, to recognise MNIST's; no path is ever made from one.
Knows neither what the files hold nor what becomes of them.
"""

import fcntl
import shutil
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO, Final

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
    """A folder for the uploads of this process alone; what dead processes have left beside it is removed.

    The lock file next to it is locked as long as this process lives. It is so before the folder is made: whoever sees
    a folder whose lock is free knows that its owner is dead.
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
    """A folder of its own for one upload, gone afterwards with all that is in it, however the upload ends."""
    path = parent / uuid.uuid4().hex
    path.mkdir(parents=True)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def _sweep(parent: Path) -> None:
    """Remove what belongs to no process that lives."""
    for left in list(parent.iterdir()):
        if left.is_dir() and not left.is_symlink():
            with suppress(OSError), _lock_of(left).open("a") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # raises while its owner lives
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

    Raises `InvalidRequest` for a body that is no multipart body though it says so, for parts of another name, too
    many parts or none, and `UnsupportedMediaType` without a Content-Type.
    """
    media_type, options = parse_options_header(request.headers.get("content-type", ""))
    if not media_type:
        raise UnsupportedMediaType("an upload needs a Content-Type: multipart/form-data, or that of the file", ACCEPTED)
    if media_type != b"multipart/form-data":
        taker: _Taker = _Whole(into, media_type.decode("latin-1"))
    else:
        taker = _Parts(into, options.get(b"boundary", b""))
    with taker:
        async for chunk in request.stream():
            if chunk:
                await run_in_threadpool(taker.take, chunk)
        return await run_in_threadpool(taker.finish)


class _Taker(ExitStack):
    """Files that are being written; closed in any case."""

    def __init__(self, into: Path) -> None:
        super().__init__()
        self.into = into
        self.files: list[UploadedFile] = []

    def take(self, chunk: bytes) -> None:
        raise NotImplementedError

    def finish(self) -> list[UploadedFile]:
        raise NotImplementedError

    def open(self, name: str, media_type: str | None) -> IO[bytes]:
        path = self.into / str(len(self.files))
        self.files.append(UploadedFile(name=name, media_type=media_type, path=path))
        return self.enter_context(path.open("xb"))


class _Whole(_Taker):
    """A body that is itself the one file."""

    def __init__(self, into: Path, media_type: str) -> None:
        super().__init__(into)
        self._file = self.open("", media_type)

    def take(self, chunk: bytes) -> None:
        self._file.write(chunk)

    def finish(self) -> list[UploadedFile]:
        self.close()
        return self.files


class _Parts(_Taker):
    """A multipart body; each part named `files` is one file."""

    def __init__(self, into: Path, boundary: bytes) -> None:
        super().__init__(into)
        if not boundary:
            raise InvalidRequest("a multipart body needs the boundary of its parts in its Content-Type")
        self._field = bytearray()
        self._value = bytearray()
        self._headers: dict[bytes, bytes] = {}
        self._file: IO[bytes] | None = None
        self._ended = False
        self._parser = _parser(boundary, self)

    def take(self, chunk: bytes) -> None:
        try:
            self._parser.write(chunk)
        except FormParserError as error:
            raise InvalidRequest("the body is not the multipart body that its Content-Type promises") from error

    def finish(self) -> list[UploadedFile]:
        self.close()
        if not self._ended:
            raise InvalidRequest("the multipart body ends before its last boundary")
        return self.files

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
        if len(self.files) == MAX_FILES:
            raise _wrong_parts(f"an upload has at most {MAX_FILES} files")
        media_type, _ = parse_options_header(self._headers.get(b"content-type", b""))
        name = options.get(b"filename", b"").decode("utf-8", "replace")[:MAX_NAME]
        self._file = self.open(name, media_type.decode("latin-1") or None)

    def on_part_data(self, data: bytes, start: int, end: int) -> None:
        assert self._file is not None
        self._file.write(memoryview(data)[start:end])

    def on_part_end(self) -> None:
        assert self._file is not None
        self._file.close()

    def on_end(self) -> None:
        self._ended = True


def _parser(boundary: bytes, parts: _Parts) -> MultipartParser:
    """A parser that tells `parts` what it finds."""
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
        raise InvalidRequest("the boundary in the Content-Type is longer than any may be") from error


def _wrong_parts(detail: str) -> InvalidRequest:
    return InvalidRequest(detail, [Fault(f"/{_PART}", detail)])
