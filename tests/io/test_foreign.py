from __future__ import annotations

import json
import struct
import zlib

import pytest

import monai_attn.io.reading as reading
from monai_attn.errors import BundleError, Cancelled, FileError, GeometryError
from monai_attn.io import read
from monai_attn.io.foreign import foreign_errors, is_foreign, no_foreign_errors
from monai_attn.io.jsonfile import read_json, read_json_file


class PanicException(BaseException):
    """As pyo3 has it: no Exception."""


FOREIGN = [KeyError("x"), RuntimeError("/folder/doe/x"), struct.error(), StopIteration(), OverflowError(), zlib.error()]
FOREIGN += [EOFError(), UnicodeDecodeError("utf-8", b"", 0, 1, ""), TypeError(), AssertionError(), PanicException()]


@pytest.mark.parametrize("error", FOREIGN, ids=lambda error: type(error).__name__)
def test_whatever_a_foreign_reader_raises_names_the_file_and_not_its_folders(error):
    with (
        pytest.raises(FileError, match=r"^t1\.nii: It is damaged or truncated") as caught,
        foreign_errors("doe/t1.nii"),
    ):
        raise error
    assert caught.value.__cause__ is error
    assert "doe" not in str(caught.value)


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(), GeometryError("ours"), Cancelled("ours")])
def test_errors_of_ours_and_wishes_to_stop_pass(error):
    with pytest.raises(type(error)) as caught, foreign_errors("x"):
        raise error
    assert caught.value is error
    assert not is_foreign(error)


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (PermissionError(13, "x"), "It may not be read: permission denied"),
        (OSError(5, "x", "/folder/doe/x"), "It cannot be read: Input/output error"),
        (OSError("not a gzip file"), "It is damaged"),
        (MemoryError(), "It needs more memory than there is"),
        (RecursionError(), "It is nested too deeply"),
        (FileNotFoundError(2, "x"), "It is not there"),
    ],
)
def test_the_cause_is_said(error, cause):
    with pytest.raises(FileError, match=f"x: {cause}"), foreign_errors("x"):
        raise error


def test_the_innermost_block_names_the_file_and_another_kind_can_be_asked_for():
    with pytest.raises(BundleError, match=r"^inner\.yaml: No YAML\.$"), foreign_errors("outer"):  # noqa: SIM117
        with foreign_errors("inner.yaml", "No YAML.", kind=BundleError):
            raise KeyError


def test_a_name_that_is_not_utf_8_can_be_printed():
    with pytest.raises(FileError) as caught, foreign_errors("a\udcff.nii"):
        raise KeyError
    assert str(caught.value).encode("utf-8").startswith(rb"a\udcff.nii: ")


def test_a_guarded_function_takes_its_path_by_place_or_by_name():
    @no_foreign_errors
    def open_it(path):
        raise KeyError(path)

    for give in (lambda: open_it("a/b.nii"), lambda: open_it(path="a/b.nii")):
        with pytest.raises(FileError, match=r"^b\.nii: "):
            give()


def test_a_panic_of_a_reader_is_refused_by_read(tmp_path, monkeypatch):
    def panics(path, *, volume=None):
        raise PanicException

    monkeypatch.setitem(reading.READERS, ".nii", panics)
    (tmp_path / "x.nii").write_bytes(b"")
    with pytest.raises(FileError, match=r"x\.nii: It is damaged"):
        read(tmp_path / "x.nii")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_json_with_a_byte_order_mark_is_read(tmp_path, encoding):
    path = tmp_path / "x.json"
    path.write_text('{"a": "ü"}', encoding=encoding)
    assert read_json(path) == {"a": "ü"}


STRANGE = {
    "deep": b"[" * 200_000,
    "infinity": b'{"a": Infinity}',
    "minus infinity": b'{"a": -Infinity}',
    "nan": b"[NaN]",
    "digits": b"[" + b"1" * 5000 + b"]",
    "surrogate": b'{"a": "\\ud800"}',
    "latin-1": b'{"a": "\xfc"}',
    "cut": b'{"a": ',
    "empty": b"",
    "nul": b"\0\0\0\0",
    "bare mark": b"\xff\xfe",
}


@pytest.mark.parametrize("content", STRANGE.values(), ids=list(STRANGE))
def test_strange_json_is_refused_by_name(tmp_path, content):
    path = tmp_path / "x.json"
    path.write_bytes(content)
    with pytest.raises(FileError, match=r"x\.json") as caught:
        read_json_file(path)
    assert len(str(caught.value)) < 300


def test_json_of_another_kind_or_no_file_is_refused(tmp_path):
    (tmp_path / "x.json").write_text(json.dumps([1]))
    with pytest.raises(FileError, match=r"x\.json must hold a JSON object, not a list"):
        read_json(tmp_path / "x.json")
    with pytest.raises(FileError, match=r"y\.json does not exist"):
        read_json(tmp_path / "y.json")
    with pytest.raises(FileError, match="is no plain file"):
        read_json(tmp_path)
