"""Bytes from outside: a valid file gives its array, any other one of our errors, without the memory it promises."""

import ast
import gzip
import io
import json
import struct
import zipfile
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import sparse_coding
from sparse_coding import errors
from sparse_coding.data import untrusted

MIB = 2**20
NAMES = ("train_images", "train_labels")
NpyBytes = Callable[..., bytes]
AllocatingAtMost = Callable[[int], AbstractContextManager[None]]

dtypes = st.sampled_from([f"{order}{kind}" for order in "<>" for kind in ("u1", "i2", "u4", "i8", "f2", "f4", "f8")])
shapes = hnp.array_shapes(min_dims=1, max_dims=5, max_side=5)


def read_npy(data: bytes) -> np.ndarray:
    return untrusted.read_npy(data, max_elements=10**6)


def tensor_file(header: dict[str, Any] | bytes, data: bytes = b"") -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def tensor(shape: list[Any], begin: int, end: int, dtype: str = "U8") -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


def saved(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    return buffer.getvalue()


def zipped(members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as zip_file:
        for name, data in members.items():
            zip_file.writestr(name, data)
    return buffer.getvalue()


class TestNpy:
    @settings(deadline=None)
    @given(array=hnp.arrays(dtypes, shapes), fortran=st.booleans())
    def test_whatever_numpy_saves_is_read_back_in_native_order(self, array: np.ndarray, fortran: bool) -> None:
        found = read_npy(saved(np.asfortranarray(array) if fortran else array))
        np.testing.assert_array_equal(found, array)
        assert found.dtype == array.dtype.newbyteorder("=")
        assert found.dtype.isnative

    def test_a_file_is_viewed_in_place(self, tmp_path: Path, allocating_at_most: AllocatingAtMost) -> None:
        np.save(tmp_path / "a.npy", np.zeros((1000, 4096), np.float32))
        with allocating_at_most(MIB):
            found = untrusted.read_npy(tmp_path / "a.npy", max_elements=2**30)
            assert float(found[999, 4095]) == 0

    @pytest.mark.parametrize(
        "header",
        [
            b"{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }",
            b"{'shape':(2,),'descr':'<f4','fortran_order':False}",
            b'{"descr": "<f4", "fortran_order": False, "shape": (2,)}   \n',
            b"{ 'fortran_order' : False , 'shape' : ( 2 , ) , 'descr' : 'f4' }",
        ],
    )
    @pytest.mark.parametrize("version", [1, 2])
    def test_headers_of_other_writers_are_read(self, header: bytes, version: int) -> None:
        length = struct.pack("<H" if version == 1 else "<I", len(header))
        data = b"\x93NUMPY" + bytes([version, 0]) + length + header + struct.pack("<2f", 1, -2)
        assert read_npy(data).tolist() == np.load(io.BytesIO(data)).tolist() == [1, -2]

    @pytest.mark.parametrize(
        ("shape", "descr", "error"),
        [
            ("(4194304, 1048576)", "'<f4'", errors.UnreadableFile),
            ("(4294967296, 4294967296)", "'<f4'", errors.UnreadableFile),
            ("(65536, 65536)", "'<f8'", errors.UnreadableFile),
            ("(-1, 64)", "'<f4'", errors.UnreadableFile),
            ("(-2, -8)", "'<f4'", errors.UnreadableFile),
            ("()", "'<f4'", errors.UnreadableFile),
            ("(0, 64)", "'<f4'", errors.EmptyInput),
            (f"({'1, ' * 9})", "'<f4'", errors.UnreadableFile),
            (f"({'9' * 500},)", "'<f4'", errors.UnreadableFile),
            ("(15,)", "'<f4'", errors.UnreadableFile),
            ("(17,)", "'<f4'", errors.UnreadableFile),
            ("(1,)", "'|O'", errors.UnsupportedDtype),
            ("(1,)", "'O'", errors.UnsupportedDtype),
            ("(16,)", "'<U1'", errors.UnsupportedDtype),
            ("(64,)", "'|b1'", errors.UnsupportedDtype),
            ("(8,)", "'<c8'", errors.UnsupportedDtype),
            ("(8,)", "'<M8[s]'", errors.UnsupportedDtype),
            ("(4,)", "'<f16'", errors.UnsupportedDtype),
            ("(16,)", "[('a', '<f4')]", errors.UnsupportedDtype),
            ("(16,)", "__import__('os')", errors.UnreadableFile),
            ("(1 16)", "'<f4'", errors.UnreadableFile),
            ("16", "'<f4'", errors.UnreadableFile),
            ("True", "'<f4'", errors.UnreadableFile),
            ("(16,), 'more': 1", "'<f4'", errors.UnreadableFile),
        ],
    )
    def test_a_header_that_does_not_describe_the_64_bytes_after_it_is_refused(
        self,
        npy_bytes: NpyBytes,
        allocating_at_most: AllocatingAtMost,
        shape: str,
        descr: str,
        error: type[errors.SparseCodingError],
    ) -> None:
        data = npy_bytes(shape, descr, bytes(64))
        with allocating_at_most(MIB // 4), pytest.raises(error) as raised:
            read_npy(data)
        assert len(str(raised.value)) < 200

    @pytest.mark.parametrize("order", ["1", "None", "(1,)", "'True'"])
    def test_fortran_order_is_true_or_false(self, npy_bytes: NpyBytes, order: str) -> None:
        with pytest.raises(errors.UnreadableFile):
            read_npy(npy_bytes("(16,)", body=bytes(64), fortran_order=order))

    @pytest.mark.parametrize(
        "data",
        [
            b"",
            b"\x93NUMPY",
            b"\x93NUMPY\1\0",
            b"\x93NUMPY\3\0" + bytes(64),
            b"\x93NUMPY\x09\0" + bytes(64),
            b"\x93NUMPY\1\0\0\0" + bytes(64),
            b"\x93NUMPY\2\0" + struct.pack("<I", 2**32 - 1) + b"{",
            b"NUMPY\x93\1\0" + bytes(64),
        ],
    )
    def test_a_broken_start_is_refused(self, data: bytes, allocating_at_most: AllocatingAtMost) -> None:
        with allocating_at_most(MIB // 4), pytest.raises(errors.UnreadableFile):
            read_npy(data)

    @pytest.mark.parametrize(
        "items",
        [
            b"'descr': '<f4', 'fortran_order': False",
            b"'descr': '<f4', 'shape': (1,)",
            b"'fortran_order': False, 'shape': (1,)",
            b"'descr': '<f4', 'fortran_order': False, 'shape': (1,), 'shape': (1,)",
            b"",
        ],
    )
    def test_a_header_has_each_of_its_three_items_once(self, items: bytes) -> None:
        header = b"{" + items + b"}"
        with pytest.raises(errors.UnreadableFile, match="descr, fortran_order and shape"):
            read_npy(b"\x93NUMPY\1\0" + struct.pack("<H", len(header)) + header + bytes(4))

    def test_a_header_has_at_most_a_kibibyte(self) -> None:
        def padded(length: int) -> bytes:
            text = b"{'descr': '<f4', 'fortran_order': False, 'shape': (1,), }".ljust(length)
            return b"\x93NUMPY\2\0" + struct.pack("<I", length) + text + bytes(4)

        assert read_npy(padded(1024)).tolist() == [0]
        with pytest.raises(errors.UnreadableFile, match="1024"):
            read_npy(padded(1025))

    def test_more_values_than_allowed_are_refused(self) -> None:
        data = saved(np.zeros((4, 5)))
        assert untrusted.read_npy(data, max_elements=20).shape == (4, 5)
        with pytest.raises(errors.TooLarge, match=r"19.*20"):
            untrusted.read_npy(data, max_elements=19)

    def test_an_empty_file_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "a.npy").touch()
        with pytest.raises(errors.UnreadableFile, match="empty"):
            untrusted.read_npy(tmp_path / "a.npy", max_elements=1)


class TestSafetensors:
    @pytest.mark.slow
    @settings(deadline=None)
    @given(
        tensors=st.dictionaries(
            st.text(max_size=9), hnp.arrays(dtypes.filter(lambda name: name[0] == "<"), shapes), min_size=1
        ),
        metadata=st.none() | st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=2),
    )
    def test_whatever_the_library_saves_is_read_back(
        self, tensors: dict[str, np.ndarray], metadata: dict[str, str] | None
    ) -> None:
        tensors.pop("__metadata__", None)
        found, texts = untrusted.open_safetensors(safetensors.numpy.save(tensors, metadata))
        assert found.keys() == tensors.keys()
        for name, array in tensors.items():
            np.testing.assert_array_equal(found[name], array)
            assert found[name].dtype == array.dtype
        assert texts == (metadata or {})

    def test_tensors_at_odd_offsets_are_aligned(self) -> None:
        data = tensor_file(
            {"a": tensor([1], 0, 1), "b": tensor([2], 1, 9, "F32")}, b"\7" + np.float32([1, -2]).tobytes()
        )
        found = untrusted.read_safetensors(data)["b"]
        assert found.tolist() == [1, -2]
        assert found.flags.aligned

    @pytest.mark.parametrize(
        ("data", "error"),
        [
            (b"", errors.UnreadableFile),
            (b"\2\0\0\0\0\0\0", errors.UnreadableFile),
            (struct.pack("<Q", 2**63) + b"{}", errors.UnreadableFile),
            (struct.pack("<Q", 2**64 - 1) + b"{}", errors.UnreadableFile),
            (tensor_file(b"{" + b" " * MIB + b"}"), errors.UnreadableFile),
            (tensor_file(b' {"a": 1}'), errors.UnreadableFile),
            (tensor_file(b"[]"), errors.UnreadableFile),
            (tensor_file(b"{"), errors.UnreadableFile),
            (tensor_file(b'{"\xff": 1}'), errors.UnreadableFile),
            (tensor_file(b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}"), errors.UnreadableFile),
            (tensor_file(b'{"a":{"shape":[' + b"9" * 5000 + b"]}}"), errors.UnreadableFile),
            (tensor_file(b'{"__metadata__":{},"__metadata__":{}}'), errors.UnreadableFile),
            (tensor_file({"__metadata__": {"sae": 1}}), errors.UnreadableFile),
            (tensor_file({"__metadata__": []}), errors.UnreadableFile),
            (tensor_file({"a": 1}), errors.UnreadableFile),
            (tensor_file({"a": {**tensor([1], 0, 1), "more": 1}}, b"1"), errors.UnreadableFile),
            (tensor_file({"a": {"dtype": "U8", "shape": [1]}}, b"1"), errors.UnreadableFile),
            (tensor_file({"a": tensor([1], 0, 1, "BF16")}, b"1"), errors.UnsupportedDtype),
            (tensor_file({"a": {**tensor([1], 0, 1), "dtype": ["U8"]}}, b"1"), errors.UnsupportedDtype),
            (tensor_file({"a": tensor([2**40, 2**20], 0, 2**62, "F32")}, bytes(64)), errors.UnreadableFile),
            (tensor_file({"a": tensor([2**62], 0, 2**62)}, bytes(64)), errors.UnreadableFile),
            (tensor_file({"a": tensor([2**32, 2**32], 0, 0, "F32")}), errors.UnreadableFile),
            (tensor_file({"a": tensor([-1], 0, 1)}, b"1"), errors.UnreadableFile),
            (tensor_file({"a": tensor([1.0], 0, 1)}, b"1"), errors.UnreadableFile),
            (tensor_file({"a": tensor([True], 0, 1)}, b"1"), errors.UnreadableFile),
            (tensor_file({"a": tensor([], 0, 1)}, b"1"), errors.UnreadableFile),
            (tensor_file({"a": tensor([1] * 9, 0, 1)}, b"1"), errors.UnreadableFile),
            (tensor_file({"a": tensor([0], 0, 0)}), errors.EmptyInput),
            (tensor_file({"a": {**tensor([1], 0, 1), "data_offsets": [0, 1, 1]}}, b"1"), errors.UnreadableFile),
            (tensor_file({"a": tensor([1], 1, 0)}, b"1"), errors.UnreadableFile),
            (tensor_file({"a": tensor([2], 0, 1)}, b"1"), errors.UnreadableFile),
            (tensor_file({"a": tensor([1], 1, 2)}, b"12"), errors.UnreadableFile),
            (tensor_file({"a": tensor([1], 0, 1), "b": tensor([1], 2, 3)}, b"123"), errors.UnreadableFile),
            (tensor_file({"a": tensor([2], 0, 2), "b": tensor([2], 1, 3)}, b"123"), errors.UnreadableFile),
            (tensor_file({"a": tensor([1], 0, 1)}, b"12"), errors.UnreadableFile),
            (tensor_file({"a": tensor([1], 0, 1)}, b""), errors.UnreadableFile),
        ],
    )  # fmt: skip
    def test_a_header_that_is_not_exactly_the_file_is_refused(
        self, data: bytes, error: type[errors.SparseCodingError], allocating_at_most: AllocatingAtMost
    ) -> None:
        with allocating_at_most(3 * MIB), pytest.raises(error) as raised:
            untrusted.read_safetensors(data)
        assert len(str(raised.value)) < 200


class TestIdx:
    @given(array=hnp.arrays(np.uint8, hnp.array_shapes(min_dims=1, max_dims=4)))
    def test_what_the_format_describes_is_read(
        self, idx_bytes: Callable[[np.ndarray], bytes], array: np.ndarray
    ) -> None:
        np.testing.assert_array_equal(untrusted.read_idx(idx_bytes(array)), array)

    @pytest.mark.parametrize(
        ("data", "error"),
        [
            (b"", errors.UnreadableFile),
            (b"\0\0\x08", errors.UnreadableFile),
            (b"\0\1\x08\1" + struct.pack(">I", 4) + bytes(4), errors.UnreadableFile),
            (b"\0\0\x0d\1" + struct.pack(">I", 1) + bytes(4), errors.UnsupportedDtype),
            (struct.pack(">IIII", 2051, 2**32 - 1, 512, 512), errors.UnreadableFile),
            (struct.pack(">IIII", 2051, 2**32 - 1, 2**32 - 1, 2**32 - 1) + bytes(64), errors.UnreadableFile),
            (struct.pack(">IIII", 2051, 0, 28, 28), errors.EmptyInput),
            (struct.pack(">I", 2048), errors.UnreadableFile),
            (b"\0\0\x08\xff" + bytes(2000), errors.UnreadableFile),
            (struct.pack(">III", 2051, 1, 1), errors.UnreadableFile),
            (struct.pack(">II", 2049, 4) + bytes(3), errors.UnreadableFile),
            (struct.pack(">II", 2049, 4) + bytes(5), errors.UnreadableFile),
        ],
    )
    def test_dimensions_that_are_not_exactly_the_file_are_refused(
        self, data: bytes, error: type[errors.SparseCodingError], allocating_at_most: AllocatingAtMost
    ) -> None:
        with allocating_at_most(MIB // 4), pytest.raises(error):
            untrusted.read_idx(data)


class TestGzip:
    def unpack(self, folder: Path, data: bytes, max_bytes: int = 2**40) -> bytes:
        (folder / "packed").write_bytes(data)
        untrusted.gunzip(folder / "packed", folder / "plain", max_bytes=max_bytes)
        return (folder / "plain").read_bytes()

    @pytest.mark.parametrize("size", [0, 1, MIB - 1, MIB, MIB + 1, 3 * MIB])
    @pytest.mark.parametrize("alphabet", [1, 256])
    def test_one_member_is_unpacked(self, tmp_path: Path, size: int, alphabet: int) -> None:
        data = np.random.default_rng(size).integers(0, alphabet, size, dtype=np.uint8).tobytes()
        assert self.unpack(tmp_path, gzip.compress(data)) == data

    def test_a_bomb_is_refused_before_it_fills_memory_or_disk(
        self, tmp_path: Path, allocating_at_most: AllocatingAtMost
    ) -> None:
        bomb = gzip.compress(bytes(256 * MIB), 9)
        with allocating_at_most(8 * MIB), pytest.raises(errors.TooLarge):
            self.unpack(tmp_path, bomb)
        assert (tmp_path / "plain").stat().st_size <= max(untrusted.FREE_BYTES, untrusted.MAX_RATIO * len(bomb))

    def test_the_absolute_limit_holds_for_data_that_hardly_pack(self, tmp_path: Path) -> None:
        data = np.random.default_rng(0).bytes(1000)
        assert self.unpack(tmp_path, gzip.compress(data), max_bytes=1000) == data
        with pytest.raises(errors.TooLarge, match="999"):
            self.unpack(tmp_path, gzip.compress(data), max_bytes=999)

    def test_a_file_cut_short_anywhere_is_refused(self, tmp_path: Path) -> None:
        whole = gzip.compress(bytes(range(200)))
        for length in range(len(whole)):
            with pytest.raises(errors.UnreadableFile):
                self.unpack(tmp_path, whole[:length])

    @pytest.mark.parametrize("more", [b"\0", b"garbage", gzip.compress(b"second")], ids=["zero", "text", "member"])
    def test_anything_after_the_first_member_is_refused(self, tmp_path: Path, more: bytes) -> None:
        with pytest.raises(errors.UnreadableFile, match="first member"):
            self.unpack(tmp_path, gzip.compress(b"first") + more)

    def test_bytes_are_missed_by_no_reading_in_pieces(self, tmp_path: Path) -> None:
        packed = gzip.compress(np.random.default_rng(1).bytes(2**16 - 23), 0)
        assert len(packed) == 2**16, "the member ends where a piece ends"
        with pytest.raises(errors.UnreadableFile, match="first member"):
            self.unpack(tmp_path, packed + b"\0")


class TestNpz:
    def unpack(self, folder: Path, data: bytes, max_bytes: int = 2**40) -> dict[str, Path]:
        (folder / "packed").write_bytes(data)
        (folder / "members").mkdir(exist_ok=True)
        return untrusted.unpack_npz(folder / "packed", folder / "members", names=NAMES, max_bytes=max_bytes)

    @pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
    def test_what_numpy_saves_is_unpacked(self, tmp_path: Path, save: Callable[..., None]) -> None:
        arrays = {"train_images": np.arange(3 * MIB, dtype=np.uint8).reshape(3, -1), "train_labels": np.arange(3)}
        buffer = io.BytesIO()
        save(buffer, **arrays)
        paths = self.unpack(tmp_path, buffer.getvalue())
        assert paths.keys() == arrays.keys()
        for name, path in paths.items():
            np.testing.assert_array_equal(np.load(path), arrays[name])

    @pytest.mark.parametrize(
        "name",
        ["other.npy", "train_images", "../train_images.npy", "/train_images.npy", "train_images.npy/",
         "a/train_images.npy", "train_images.npz", ".npy", "train_images.npy.npy"],
    )  # fmt: skip
    def test_a_member_of_another_name_is_refused(self, tmp_path: Path, name: str) -> None:
        with pytest.raises(errors.UnsupportedFormat):
            self.unpack(tmp_path, zipped({name: b"x"}))
        assert list((tmp_path / "members").iterdir()) == []

    @pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
    def test_other_methods_than_stored_and_deflated_are_refused(self, tmp_path: Path, method: int) -> None:
        with pytest.raises(errors.UnsupportedFormat, match="deflated"):
            self.unpack(tmp_path, zipped({"train_images.npy": b"x" * 99}, method))

    def test_an_encrypted_member_is_refused(self, tmp_path: Path) -> None:
        data = bytearray(zipped({"train_images.npy": b"x" * 99}))
        data[data.index(b"PK\1\2") + 8] |= 1
        with pytest.raises(errors.UnsupportedFormat, match="encrypted"):
            self.unpack(tmp_path, bytes(data))

    def test_a_member_that_stands_twice_is_refused(self, tmp_path: Path) -> None:
        data = zipped({"train_images.npy": b"a", "train_labels.npy": b"b"})
        with pytest.raises(errors.UnreadableFile):
            self.unpack(tmp_path, data.replace(b"train_labels", b"train_images"))

    def test_many_members_are_refused_before_they_are_listed(
        self, tmp_path: Path, allocating_at_most: AllocatingAtMost
    ) -> None:
        data = zipped({f"{number}.npy": b"" for number in range(60_000)})
        with allocating_at_most(2 * len(data)), pytest.raises(errors.UnsupportedFormat, match="At most 2"):
            self.unpack(tmp_path, data)
        lying = data[:-14] + struct.pack("<2H", 1, 1) + data[-10:]
        with pytest.raises(errors.UnsupportedFormat, match="At most 2"):
            self.unpack(tmp_path, lying)

    @pytest.mark.parametrize("extra", [b"\0", b"PK\5\6" + bytes(18)])
    @pytest.mark.parametrize("before", [True, False])
    def test_bytes_around_the_zip_file_are_refused(self, tmp_path: Path, extra: bytes, before: bool) -> None:
        data = zipped({"train_images.npy": b"x"})
        with pytest.raises(errors.InvalidFile):
            self.unpack(tmp_path, extra + data if before else data + extra)

    def test_a_comment_is_refused(self, tmp_path: Path) -> None:
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as zip_file:
            zip_file.writestr("train_images.npy", b"x")
            zip_file.comment = b"hello"
        with pytest.raises(errors.UnreadableFile, match="comment"):
            self.unpack(tmp_path, buffer.getvalue())

    def test_a_large_zip_directory_is_refused_even_behind_a_small_one(self, tmp_path: Path) -> None:
        data = zipped({"train_images.npy": b"x"})
        locator = struct.pack("<4sLQL", b"PK\6\7", 0, 0, 1)
        with pytest.raises(errors.UnsupportedFormat, match="4 GiB"):
            self.unpack(tmp_path, data[:-22] + locator + data[-22:])

    def test_a_bomb_is_refused_before_anything_is_unpacked(
        self, tmp_path: Path, allocating_at_most: AllocatingAtMost
    ) -> None:
        bomb = zipped({"train_images.npy": bytes(64 * MIB)})
        with allocating_at_most(MIB), pytest.raises(errors.TooLarge):
            self.unpack(tmp_path, bomb)
        assert list((tmp_path / "members").iterdir()) == []

    def test_a_bomb_that_lies_about_its_size_is_cut_there(
        self, tmp_path: Path, allocating_at_most: AllocatingAtMost
    ) -> None:
        bomb = zipped({"train_images.npy": bytes(64 * MIB)}).replace(
            struct.pack("<L", 64 * MIB), struct.pack("<L", 1000)
        )
        with allocating_at_most(4 * MIB), pytest.raises(errors.UnreadableFile):
            self.unpack(tmp_path, bomb)

    @pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
    def test_a_member_shorter_than_its_directory_says_is_refused(self, tmp_path: Path, method: int) -> None:
        data = bytearray(zipped({"train_images.npy": bytes(1000)}, method))
        entry = data.index(b"PK\1\2")
        data[entry + 24 : entry + 28] = struct.pack("<L", 1001)
        with pytest.raises(errors.UnreadableFile):
            self.unpack(tmp_path, bytes(data))

    def test_the_absolute_limit_is_for_all_members_together(self, tmp_path: Path) -> None:
        data = zipped({"train_images.npy": bytes(600), "train_labels.npy": bytes(400)})
        assert len(self.unpack(tmp_path, data, max_bytes=1000)) == 2
        with pytest.raises(errors.TooLarge):
            self.unpack(tmp_path, data, max_bytes=999)


ARRAY = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
VALID = {
    "npy": saved(ARRAY),
    "safetensors": safetensors.numpy.save({"a": ARRAY, "b": np.arange(3)}, {"sae": "{}"}),
    "idx": struct.pack(">4I", 2051, 2, 3, 4) + bytes(range(24)),
    "gzip": gzip.compress(saved(ARRAY), mtime=0),
    "npz": zipped({"train_images.npy": saved(ARRAY), "train_labels.npy": saved(np.arange(2))}),
}


@pytest.fixture(scope="session")
def read(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, bytes], list[np.ndarray]]:
    """The arrays in a file of one of the five formats."""
    folder = tmp_path_factory.mktemp("read")
    source, target = folder / "source", folder / "target"

    def arrays(form: str, data: bytes) -> list[np.ndarray]:
        source.write_bytes(data)
        if form == "npy":
            return [untrusted.read_npy(source, max_elements=1000)]
        if form == "safetensors":
            return list(untrusted.read_safetensors(source).values())
        if form == "idx":
            return [untrusted.read_idx(source)]
        if form == "gzip":
            untrusted.gunzip(source, target, max_bytes=10**6)
            return [untrusted.read_npy(target.read_bytes(), max_elements=1000)]
        members = untrusted.unpack_npz(source, folder, names=NAMES, max_bytes=10**6)
        return [untrusted.read_npy(path.read_bytes(), max_elements=1000) for path in members.values()]

    return arrays


Read = Callable[[str, bytes], list[np.ndarray]]


@pytest.mark.parametrize("form", VALID)
def test_every_file_cut_short_is_refused(read: Read, form: str) -> None:
    assert read(form, VALID[form])
    for length in range(len(VALID[form])):
        with pytest.raises(errors.SparseCodingError):
            read(form, VALID[form][:length])


@pytest.mark.parametrize("form", VALID)
@pytest.mark.parametrize("more", [b"\0", b"}", b"\n", bytes(64)])
def test_every_file_with_bytes_after_it_is_refused(read: Read, form: str, more: bytes) -> None:
    with pytest.raises(errors.SparseCodingError):
        read(form, VALID[form] + more)


@pytest.mark.slow
@pytest.mark.parametrize("form", VALID)
@settings(max_examples=600, deadline=None)
@given(data=st.data())
def test_a_file_with_changed_bytes_gives_arrays_or_one_of_our_errors(
    read: Read, form: str, data: st.DataObject
) -> None:
    changed = bytearray(VALID[form])
    for _ in range(data.draw(st.integers(1, 3))):
        changed[data.draw(st.integers(0, len(changed) - 1))] = data.draw(st.integers(0, 255))
    try:
        arrays, sentence = read(form, bytes(changed)), "none needed, it was still valid"
    except errors.SparseCodingError as error:
        arrays, sentence = [], str(error)
    assert 20 < len(sentence) < 250
    assert all(array.size <= len(changed) for array in arrays)


@pytest.mark.slow
@pytest.mark.parametrize("form", VALID)
def test_every_single_byte_may_be_anything(read: Read, form: str) -> None:
    for position in range(len(VALID[form])):
        for value in (0, 1, 0x7F, 0x80, 0xFF):
            changed = bytearray(VALID[form])
            changed[position] = value
            try:
                read(form, bytes(changed))
            except errors.SparseCodingError:
                continue


@pytest.mark.parametrize("form", VALID)
@given(data=st.binary(max_size=200))
def test_noise_is_refused(read: Read, form: str, data: bytes) -> None:
    with pytest.raises(errors.SparseCodingError):
        read(form, data)


@pytest.mark.parametrize("form", VALID)
def test_a_pickle_is_refused_and_not_executed(read: Read, canary: bytes, form: str) -> None:
    with pytest.raises(errors.SparseCodingError):
        read(form, canary)


def test_an_object_array_is_refused_and_not_executed(read: Read, npy_bytes: NpyBytes, canary: bytes) -> None:
    objects = npy_bytes("(1,)", "'|O'", canary)
    for form, data in {
        "npy": objects,
        "npz": zipped({"train_images.npy": objects}),
        "gzip": gzip.compress(objects),
    }.items():
        with pytest.raises(errors.UnsupportedDtype, match="pickles"):
            read(form, data)


def test_no_line_of_the_core_library_can_execute_code_from_a_file() -> None:
    forbidden = {"pickle", "dill", "joblib", "shelve", "marshal", "cloudpickle", "yaml"}
    for path in Path(sparse_coding.__path__[0]).glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import | ast.ImportFrom):
                module = node.module if isinstance(node, ast.ImportFrom) else None
                names = {alias.name.split(".")[0] for alias in node.names} | {str(module).split(".")[0]}
                assert not names & forbidden, path.name
            if isinstance(node, ast.Call):
                assert ast.unparse(node.func) not in {"eval", "exec", "np.load", "numpy.load", "torch.load"}, path.name
