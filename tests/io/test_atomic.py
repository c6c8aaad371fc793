from __future__ import annotations

import os
import socket
import stat
from pathlib import Path

import pytest

from monai_attn.errors import FileError
from monai_attn.io import atomic_path, stem, write_bytes_atomic


def everything_in(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def test_a_file_appears_only_when_the_block_has_ended(tmp_path):
    with atomic_path(tmp_path / "report.json") as temporary:
        assert temporary.parent == tmp_path
        assert temporary.suffix == ".json"
        temporary.write_text("{}")
        assert not (tmp_path / "report.json").exists()
    assert (tmp_path / "report.json").read_text() == "{}"
    assert everything_in(tmp_path) == ["report.json"]


def test_a_failed_write_leaves_neither_file_nor_folder(tmp_path):
    def fail():
        with atomic_path(tmp_path / "a/b/report.json") as temporary:
            temporary.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert everything_in(tmp_path) == []


def test_a_failed_write_keeps_the_old_file(tmp_path):
    path = tmp_path / "report.json"
    path.write_text("old")

    def fail():
        with atomic_path(path, overwrite=True) as temporary:
            temporary.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert path.read_text() == "old"
    assert everything_in(tmp_path) == ["report.json"]


def test_parent_folders_are_made(tmp_path):
    write_bytes_atomic(tmp_path / "a/b/c.bin", b"123")
    assert (tmp_path / "a/b/c.bin").read_bytes() == b"123"


def test_an_existing_file_is_not_overwritten_unless_asked(tmp_path):
    path = tmp_path / "x.bin"
    write_bytes_atomic(path, b"1")
    with pytest.raises(
        FileError, match=r"x\.bin exists and is not overwritten\. Choose another name, or set overwrite"
    ):
        write_bytes_atomic(path, b"2")
    assert path.read_bytes() == b"1"
    write_bytes_atomic(path, b"2", overwrite=True)
    assert path.read_bytes() == b"2"


def test_a_file_that_appears_meanwhile_is_not_overwritten(tmp_path):
    path = tmp_path / "x.bin"

    def race():
        with atomic_path(path) as temporary:
            temporary.write_bytes(b"mine")
            path.write_bytes(b"theirs")

    with pytest.raises(FileError, match=r"x\.bin exists"):
        race()
    assert path.read_bytes() == b"theirs"
    assert everything_in(tmp_path) == ["x.bin"]


def test_a_folder_is_not_replaced_by_a_file(tmp_path):
    (tmp_path / "out").mkdir()
    with pytest.raises(FileError, match="out is a folder"):
        write_bytes_atomic(tmp_path / "out", b"", overwrite=True)


def test_nothing_written_is_an_error(tmp_path):
    def forget():
        with atomic_path(tmp_path / "x.bin"):
            pass

    with pytest.raises(FileError, match=r"x\.bin: nothing was written"):
        forget()


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(FileError, match="below is a file, or lies in one"):
        write_bytes_atomic(tmp_path / "file" / "below" / "x.bin", b"")


@pytest.mark.parametrize(
    ("name", "short"),
    [
        ("t1.nii.gz", "t1"),
        ("T1.NII.GZ", "T1"),
        ("a.b.nrrd", "a.b"),
        ("1.2.840.1", "1.2.840.1"),
        ("slice.dcm", "slice"),
        (".nii", ".nii"),
        ("plain", "plain"),
    ],
)
def test_a_stem_is_the_name_without_the_imaging_suffix(name, short):
    assert stem(f"some/where/{name}") == short


def test_the_stem_of_a_folder_is_its_name(tmp_path):
    folder = tmp_path / "case.nii"
    folder.mkdir()
    assert stem(folder) == "case.nii"


def links_and_devices(folder):
    """Things that are no plain files, by name."""
    (folder / "target").write_text("kept")
    (folder / "link").symlink_to(folder / "target")
    (folder / "dangling").symlink_to(folder / "nowhere")
    os.mkfifo(folder / "pipe")
    (folder / "folder").mkdir()
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(folder / "socket"))
    listener.close()
    return ["link", "dangling", "pipe", "folder", "socket"]


@pytest.mark.parametrize("overwrite", [False, True])
def test_only_plain_files_are_ever_replaced(tmp_path, overwrite):
    for name in links_and_devices(tmp_path):
        before = os.lstat(tmp_path / name)
        with pytest.raises(FileError, match=rf"^{name} (is|exists)"):
            write_bytes_atomic(tmp_path / name, b"new", overwrite=overwrite)
        after = os.lstat(tmp_path / name)
        assert (before.st_mode, before.st_ino) == (after.st_mode, after.st_ino)
    assert (tmp_path / "target").read_text() == "kept"
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        ["target", "link", "dangling", "pipe", "folder", "socket"]
    )


def test_devices_are_not_replaced(tmp_path):
    path = tmp_path / "null"  # one of our own: a test that fails must not replace that of the machine
    try:
        os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(1, 3))
    except OSError:
        pytest.skip("device nodes cannot be made here")
    with pytest.raises(FileError, match="null is no plain file but a pipe, a device or a socket"):
        write_bytes_atomic(path, b"", overwrite=True)
    assert stat.S_ISCHR(os.lstat(path).st_mode)


def test_a_link_that_appears_meanwhile_is_not_replaced(tmp_path):
    def race():
        with atomic_path(tmp_path / "x.bin", overwrite=True) as temporary:
            temporary.write_bytes(b"mine")
            (tmp_path / "x.bin").symlink_to(tmp_path / "nowhere")

    with pytest.raises(FileError, match=r"x\.bin is a link"):
        race()
    assert everything_in(tmp_path) == ["x.bin"]


@pytest.mark.parametrize("length", [200, 250, 255])
def test_a_long_name_is_written(tmp_path, length):
    for letter in ("x", "ü"):
        name = letter * ((length - 4) // len(letter.encode())) + ".csv"
        write_bytes_atomic(tmp_path / name, b"1")
        assert (tmp_path / name).read_bytes() == b"1"


def test_what_the_disk_refuses_is_said_with_the_name_of_the_file_only(tmp_path):
    def full():
        with atomic_path(tmp_path / "x.bin") as temporary:
            raise OSError(28, "No space left on device", str(temporary))

    with pytest.raises(FileError, match=r"^x\.bin cannot be written: No space left on device\.") as caught:
        full()
    assert str(tmp_path) not in str(caught.value)
    assert everything_in(tmp_path) == []


def test_a_system_that_opens_no_folder_still_writes(tmp_path, monkeypatch):
    """Windows opens no folder, and so cannot confirm that a name is on the disk."""
    opened = os.open

    def without_folders(path, *rest, **more):
        if Path(path).is_dir():
            raise PermissionError(13, "Permission denied", str(path))
        return opened(path, *rest, **more)

    monkeypatch.setattr(os, "open", without_folders)
    write_bytes_atomic(tmp_path / "a.txt", b"mask")
    assert (tmp_path / "a.txt").read_bytes() == b"mask"
