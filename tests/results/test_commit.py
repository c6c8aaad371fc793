"""Several files of one case: all of them or none, whatever dies."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from monai_attn.errors import FileError, InputError
from monai_attn.io.digest import sha256
from monai_attn.results import commit, recover, replace_folder, text_writer
from monai_attn.results import staging as staging_room
from monai_attn.results.staging import PREFIX, staged

NAMES = ["a_seg.nii", "a_seg.csv", "a_report.html"]


def files(folder: Path, text: str = "new", names: list[str] | None = None) -> dict:
    return {folder / name: text_writer(f"{text} {name}") for name in names or NAMES}


def save(folder: Path, text: str = "new", names: list[str] | None = None, **options) -> list[Path]:
    return commit(
        files(folder, text, names), record=folder / "a_seg.json", about={"labels": [], "provenance": {}}, **options
    )


def held(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in folder.iterdir()}


def test_all_files_are_there_and_the_record_holds_their_hashes(tmp_path):
    written = save(tmp_path / "deep" / "out")
    assert [path.name for path in written] == [*NAMES, "a_seg.json"]
    assert set(written) == set((tmp_path / "deep" / "out").iterdir())
    record = json.loads(written[-1].read_text())
    assert record == {"labels": [], "provenance": {}, "files": {path.name: sha256(path) for path in written[:-1]}}


@pytest.mark.parametrize("name", [*NAMES, "a_seg.json"])
def test_one_file_in_the_way_leaves_all_as_it_was(tmp_path, name):
    (tmp_path / name).write_text("mine")
    with pytest.raises(FileError, match=f"{name} exists and is not overwritten"):
        save(tmp_path)
    assert held(tmp_path) == {name: "mine"}


def test_a_file_that_appears_meanwhile_is_not_replaced(tmp_path):
    (tmp_path / "b").mkdir()
    meanwhile = {
        tmp_path / "b" / "last": lambda path: (path.write_text("new"), (tmp_path / "b" / NAMES[1]).write_text("theirs"))
    }
    with pytest.raises(FileError, match=f"{NAMES[1]} exists"):
        commit({**files(tmp_path / "b"), **meanwhile})
    assert held(tmp_path / "b") == {NAMES[1]: "theirs"}


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, MemoryError])
def test_a_writer_that_fails_leaves_neither_file_nor_folder(tmp_path, error):
    def fail(path: Path) -> None:
        path.write_text("half")
        raise error

    with pytest.raises(error):
        commit({**files(tmp_path / "x" / "y"), tmp_path / "x" / "y" / "last": fail})
    assert list(tmp_path.iterdir()) == []


def test_a_writer_that_leaves_nothing_is_an_error_unless_its_file_is_optional(tmp_path):
    nothing = {tmp_path / "z": lambda path: None}  # noqa: ARG005
    with pytest.raises(FileError, match="z: nothing was written"):
        commit({**files(tmp_path), **nothing})
    assert [path.name for path in commit({**files(tmp_path), **nothing}, optional=[tmp_path / "z"])] == NAMES


def test_files_of_two_folders_or_of_one_name_are_refused(tmp_path):
    with pytest.raises(InputError, match="names of their own in one folder"):
        commit({tmp_path / "a": text_writer(""), tmp_path / "b" / "a": text_writer("")})


@pytest.mark.parametrize("fails_at", range(4))
def test_when_a_place_cannot_be_taken_the_former_files_are_back(tmp_path, monkeypatch, fails_at):
    save(tmp_path, "old")
    before = held(tmp_path)
    placed = []

    def take(temporary: Path, path: Path, *, overwrite: bool) -> None:
        if len(placed) == fails_at:
            raise OSError(28, "No space left on device")
        placed.append(path)
        temporary.rename(path)

    monkeypatch.setattr(staging_room, "take_name", take)
    with pytest.raises(FileError, match="cannot be written to: No space left on device"):
        save(tmp_path, overwrite=True)
    assert held(tmp_path) == before


def test_a_file_of_the_former_set_that_is_not_made_again_goes(tmp_path):
    save(tmp_path, "old")
    (tmp_path / "a_notes.txt").write_text("mine")
    save(tmp_path, names=NAMES[:2], overwrite=True)
    assert sorted(held(tmp_path)) == sorted([*NAMES[:2], "a_seg.json", "a_notes.txt"])


def test_a_former_file_that_somebody_changed_stays_unless_it_is_made_again(tmp_path):
    save(tmp_path, "old")
    (tmp_path / NAMES[2]).write_text("corrected")
    save(tmp_path, names=NAMES[:2], overwrite=True)
    assert held(tmp_path)[NAMES[2]] == "corrected"


def test_without_overwrite_only_the_files_that_are_named_are_replaced(tmp_path):
    save(tmp_path, "old", names=NAMES[:1])
    again = [tmp_path / NAMES[0], tmp_path / "a_seg.json"]
    save(tmp_path, replace=again)
    assert held(tmp_path)[NAMES[0]] == f"new {NAMES[0]}"


def test_an_output_that_is_a_file_is_said(tmp_path):
    (tmp_path / "out").write_text("")
    for folder in (tmp_path / "out", tmp_path / "out" / "below"):
        with pytest.raises(FileError, match="is a file, or lies in one"):
            save(folder)


DYING = """
import json, os, sys
from pathlib import Path
from monai_attn.results import commit, recover, staging, text_writer

def save(folder, text, names=("a_seg.nii", "a_seg.csv", "a_report.html")):
    files = {folder / name: text_writer(f"{text} {name}") for name in names}
    commit(files, record=folder / "a_seg.json", about={"labels": [], "provenance": {}}, overwrite=True)

def dying(function):
    def call(*args, **options):
        global left
        left -= 1
        if left == 0:
            os._exit(9)  # as a kill: nothing is cleaned up
        return function(*args, **options)
    return call

def held(folder):
    return {path.name: path.read_text() for path in folder.iterdir() if path.is_file()}

root, before, found = Path(sys.argv[1]), sys.argv[2], []
calls = [(Path, name) for name in ("rename", "unlink", "replace", "mkdir", "write_bytes")]
for stop in range(1, 100):
    folder = root / str(stop)
    folder.mkdir()
    if before == "old":
        save(folder, "old")
    was, child = held(folder), os.fork()
    if child == 0:
        left = stop
        for owner, name in [*calls, (os, "link"), (staging, "flush"), (staging.shutil, "rmtree")]:
            setattr(owner, name, dying(getattr(owner, name)))
        save(folder, "new")
        os._exit(0)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    killed = held(folder)
    if len(sys.argv) > 3 and len(killed) == 2:  # half of the files: a file of somebody else comes into the way
        (folder / "a_report.html").write_text("mine")
    recover(folder)
    found.append([was, killed, held(folder), sorted(path.name for path in folder.iterdir() if path.is_dir())])
    if code == 0:
        break
print(json.dumps(found))
"""


def states_after_death(tmp_path: Path, *arguments: str) -> list[list]:
    """What stood in a folder, what a process that died at each step left there, and what `recover` made of that."""
    command = [sys.executable, "-c", DYING, str(tmp_path), *arguments]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


@pytest.mark.parametrize("before", ["nothing", "old"])
def test_a_process_that_dies_at_any_step_leaves_all_or_nothing_after_the_next_run(tmp_path, before):
    states = states_after_death(tmp_path, before)
    ends = set()
    for was, _, now, hidden in states:
        new = set(now) == {*NAMES, "a_seg.json"} and all(now[name] == f"new {name}" for name in NAMES)
        assert new or now == was
        assert hidden == []
        ends.add(new)
    assert ends == {True, False}
    assert len(states) > 20
    assert any(len(killed) not in (0, 4) for _, killed, _, _ in states)  # some died in the middle of it


def test_a_file_of_somebody_else_is_not_replaced_when_a_dead_commit_is_settled(tmp_path):
    states = states_after_death(tmp_path, "nothing", "in the way")
    ends = [now for _, killed, now, _ in states if len(killed) == 2]
    assert ends
    assert all(now == {"a_report.html": "mine"} for now in ends)


def test_what_a_living_process_works_on_is_left_alone(tmp_path):
    with staged(tmp_path) as staging:
        (staging.new / "x").write_text("half")
        assert recover(tmp_path) == []
        assert (staging.new / "x").exists()
    assert list(tmp_path.iterdir()) == []


def test_a_hidden_folder_without_a_lock_goes_when_it_is_empty_or_old(tmp_path):
    empty, filled = tmp_path / f"{PREFIX}empty", tmp_path / f"{PREFIX}filled"
    empty.mkdir()
    (filled / "new").mkdir(parents=True)
    recover(tmp_path)
    assert list(tmp_path.iterdir()) == [filled]
    os.utime(filled, (0, 0))
    recover(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_hidden_folder_that_goes_before_it_has_a_lock_is_made_again(tmp_path, monkeypatch):
    made = staging_room.tempfile.mkdtemp
    gone = []

    def taken_away(**options) -> str:
        name = made(**options)
        if not gone:
            gone.append(name)
            Path(name).rmdir()
        return name

    monkeypatch.setattr(staging_room.tempfile, "mkdtemp", taken_away)
    save(tmp_path)
    assert sorted(held(tmp_path)) == sorted([*NAMES, "a_seg.json"])


def test_old_temporary_files_of_the_cases_go_and_all_others_stay(tmp_path):
    old = [".0123456789ab-a_seg.nii.gz", ".0123456789ab-b_seg.nii.gz", ".0123-a_seg.nii.gz", ".hidden"]
    for name in (*old, ".ba9876543210-a_seg.csv"):
        (tmp_path / name).touch()
    for name in old:
        os.utime(tmp_path / name, (time.time() - 3600,) * 2)
    recover(tmp_path, ["a"])
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*old[1:], ".ba9876543210-a_seg.csv"])


def test_a_folder_is_replaced_whole(tmp_path):
    for text in ("one", "two"):
        replace_folder(tmp_path / "entry", lambda fresh, text=text: (fresh / text).write_text(text))
        assert held(tmp_path / "entry") == {text: text}
    assert [path.name for path in tmp_path.iterdir()] == ["entry"]


def test_a_folder_whose_place_is_refused_is_back(tmp_path, monkeypatch):
    replace_folder(tmp_path / "entry", lambda fresh: (fresh / "one").write_text("one"))
    rename = Path.rename

    def refuse(path, target):
        if path.name == "fresh":
            raise PermissionError(13, "Permission denied")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", refuse)
    with pytest.raises(PermissionError):
        replace_folder(tmp_path / "entry", lambda fresh: (fresh / "two").write_text("two"))
    assert held(tmp_path / "entry") == {"one": "one"}
    assert [path.name for path in tmp_path.iterdir()] == ["entry"]
