"""The command as a real process: a sentence and an exit code, whatever the console, the disk or the user does."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from monai_attn import Volume, write
from monai_attn.cli.main import main

COMMAND = [sys.executable, "-m", "monai_attn.cli.main"]


@pytest.fixture
def mask(tmp_path):
    array = np.zeros((6, 6, 6), np.uint8)
    array[2:4, 2:4, 2:4] = 1
    write(Volume(array), tmp_path / "m.nii.gz")
    return tmp_path / "m.nii.gz"


def run(*arguments, cwd=None, env=None, stdout=subprocess.PIPE) -> subprocess.CompletedProcess:
    settings = {**os.environ, **(env or {})}
    command = [*COMMAND, *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, env=settings, stdout=stdout, stderr=subprocess.PIPE, timeout=120)


def assert_one_sentence(stderr: bytes, *words: str) -> None:
    text = stderr.decode(errors="replace")
    assert "Traceback" not in text, text
    assert len(text.strip().splitlines()) == 1, text
    assert all(word in text for word in words), text


@pytest.mark.parametrize("place", [".", "./", "nowhere/.", "x" * 300, "\udcff.nii.gz"])
@pytest.mark.parametrize("command", ["measure", "info", "convert", "compare", "report"])
def test_a_place_that_is_no_mask_is_a_sentence(tmp_path, mask, command, place, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    if command == "info" and place in (".", "./"):
        pytest.skip("info describes a folder")
    more = {"convert": ["out.nii.gz"], "compare": [str(mask)], "report": [str(mask)]}.get(command, [])
    for arguments in ([place, *more], [*more, place][: 1 + len(more)]):
        code = main([command, *arguments])
        said = capsys.readouterr()
        assert code == 2, said
        assert said.err.startswith("monai-attn: ")
        assert "Unexpected" not in said.err
    assert [path.name for path in tmp_path.iterdir()] == ["m.nii.gz"]


@pytest.mark.parametrize("option", ["--csv", "--json"])
@pytest.mark.parametrize("place", [".", "/", "m.nii.gz/x.csv", "x" * 300])
def test_a_place_that_is_no_file_to_write_is_a_sentence(mask, option, place, capsys, monkeypatch):
    monkeypatch.chdir(mask.parent)
    assert main(["measure", "m.nii.gz", option, place, "--overwrite"]) == 2
    assert "Unexpected" not in capsys.readouterr().err
    assert [path.name for path in mask.parent.iterdir()] == ["m.nii.gz"]


@pytest.mark.parametrize("option", ["--csv", "--json"])
def test_a_pipe_is_not_replaced(mask, option, capsys):
    pipe = mask.parent / "pipe"  # never a node of /dev: a fault here would replace it for the whole computer
    os.mkfifo(pipe)
    assert main(["measure", str(mask), option, str(pipe), "--overwrite"]) == 2
    assert "pipe is no plain file" in capsys.readouterr().err
    assert pipe.is_fifo()


@pytest.mark.parametrize(
    "arguments",
    [
        ["measure", ""],
        ["measure", " "],
        ["info", ""],
        ["segment", "", "-b", "hippocampus_mri", "-o", "out"],
        ["segment", "x.nii.gz", "-b", "", "-o", "out"],
        ["segment", "x.nii.gz", "-b", "hippocampus_mri", "-o", ""],
        ["segment", "x.nii.gz", "-b", "hippocampus_mri", "--output="],
        ["segment", "x.nii.gz", "-b", "hippocampus_mri", "-o", "out", "--series", ""],
        ["compare", "a", ""],
        ["convert", "a", "b", "--source", ""],
        ["report", "a", "b", "-o", ""],
        ["demo", "-o", ""],
    ],
)
def test_an_empty_argument_is_never_the_current_folder(arguments, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    assert "is empty" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "utf-8"])
def test_a_console_of_few_letters_gets_all_rows(mask, tmp_path, encoding):
    (tmp_path / "m.json").write_text('{"labels": [{"value": 1, "name": "腫瘍 ä"}]}', encoding="utf-8")
    done = run("measure", mask, "--csv", tmp_path / "rows.csv", env={"PYTHONIOENCODING": encoding})
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"0.008" in done.stdout
    assert "腫瘍 ä" in (tmp_path / "rows.csv").read_text(encoding="utf-8")


def test_a_file_name_that_is_no_utf_8_can_be_printed(mask):
    odd = os.fsdecode(b"\xe9.nii.gz")
    mask.rename(mask.with_name(odd))
    done = run("measure", odd, cwd=mask.parent, env={"PYTHONIOENCODING": "utf-8"})
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux")
@pytest.mark.parametrize(
    "arguments",
    [["measure", "m.nii.gz"], ["bundles"], ["info", "m.nii.gz", "--json"], ["--help"], ["--version"], ["info", "-h"]],
)
def test_a_full_disk_behind_stdout_is_a_sentence(mask, arguments):
    with Path("/dev/full").open("wb") as full:
        done = run(*arguments, cwd=mask.parent, stdout=full)
    assert done.returncode == 2
    assert_one_sentence(done.stderr, "No space left on device")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux")
def test_a_full_disk_behind_stderr_keeps_the_exit_code(mask):
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run([*COMMAND, "measure", "nothing"], stdout=subprocess.PIPE, stderr=full, timeout=120)
    assert (done.returncode, done.stdout) == (2, b"")


@pytest.mark.parametrize("arguments", [["bundles"], ["--help"], ["measure", "m.nii.gz"]])
def test_a_reader_that_has_gone_is_no_error(mask, arguments):
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb") as pipe:
        done = run(*arguments, cwd=mask.parent, stdout=pipe)
    assert done.returncode in ((141, 0) if arguments == ["--help"] else (141,))
    assert done.stderr == b""


def test_closed_streams_are_no_error(mask):
    command = " ".join([*COMMAND, "measure", str(mask), ">&-", "2>&-", "<&-"])
    assert subprocess.run(["sh", "-c", command], timeout=120).returncode == 0


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("after_s", [0.05, 0.1, 0.2, 0.4])
def test_cancelling_at_the_start_gives_no_traceback(mask, how, after_s):
    code = f"print('started', flush=True)\nimport runpy, sys\nsys.argv = ['monai-attn', 'measure', {str(mask)!r}]\n"
    code += "runpy.run_module('monai_attn.cli.main', run_name='__main__')"
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert process.stdout is not None
    process.stdout.readline()
    time.sleep(after_s)
    process.send_signal(how)
    _, said = process.communicate(timeout=60)
    if process.returncode not in (0, -signal.SIGTERM):  # it had ended before, or Python had not begun with us
        assert process.returncode == 130
        assert_one_sentence(said, "cancelled")


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_within_a_callback_is_not_dropped(how):
    code = f"""
import os, time
from monai_attn.cli.interrupts import Interrupts

class Going:
    def __del__(self):
        os.kill(os.getpid(), {int(how)})

with Interrupts():
    try:
        Going()
        time.sleep(30)
    except KeyboardInterrupt:
        print("interrupted")
"""
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=20)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "interrupted\n", "")


class PanicException(BaseException):
    """As of a library in Rust: no subclass of `Exception`."""


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (KeyError("Doe^Jane"), "Unexpected KeyError in "),
        (MemoryError(), "not enough memory"),
        (RecursionError("deep"), "Unexpected RecursionError"),
        (PanicException("Doe^Jane"), "Unexpected PanicException"),
        (OSError(28, "No space left on device"), "No space left on device"),
        (UnicodeEncodeError("utf-8", "Doe\udcff", 3, 4, "no"), "cannot be written as UTF-8"),
    ],
    ids=lambda one: type(one).__name__,
)
def test_an_error_of_another_library_is_a_sentence_without_its_text(mask, monkeypatch, capsys, error, words):
    def fail(*args: object, **more: object) -> None:
        raise error

    monkeypatch.setattr("monai_attn.cohort.measure_case", fail)
    monkeypatch.delenv("MONAI_ATTN_DEBUG", raising=False)
    assert main(["measure", str(mask)]) == 2
    said = capsys.readouterr().err
    assert_one_sentence(said.encode(), words)
    assert "Doe" not in said
    monkeypatch.setenv("MONAI_ATTN_DEBUG", "1")
    assert main(["measure", str(mask)]) == 2
    assert "Traceback" in capsys.readouterr().err


def test_a_panic_in_a_real_process_is_a_sentence(mask):
    code = "import sys, monai_attn.io as io\nclass Panic(BaseException): pass\ndef no(*a, **k): raise Panic\n"
    code += f"io.read = no\nfrom monai_attn.cli.main import main\nsys.exit(main(['info', {str(mask)!r}]))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=120)
    assert done.returncode == 2
    assert_one_sentence(done.stderr, "Unexpected Panic")
