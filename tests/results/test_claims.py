"""Several processes in one folder: one has a case, the others wait; the dead block nobody."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import time

import pytest

from monai_attn.results import Claims, claim_files, claims, sweep_claims
from monai_attn.results.claims import FOLDER


@pytest.fixture
def elsewhere(monkeypatch):
    """Claims that are made now seem to be of another computer afterwards."""

    def move() -> None:
        monkeypatch.setattr(claim_files, "machine", lambda: "another")
        monkeypatch.setattr(claims, "machine", lambda: "another")

    return move


def test_a_case_has_one_owner_until_it_is_released(tmp_path):
    with Claims(tmp_path) as mine, Claims(tmp_path) as other:
        claim = mine.take("case_1")
        assert claim.holds()
        assert other.take("case_1") is None
        assert other.take("case_2").holds()
        mine.release(claim)
        assert not claim.holds()
        assert other.take("case_1").holds()
    assert list(tmp_path.iterdir()) == []


DYING = """
import os, sys
from pathlib import Path
from monai_attn.results import Claims
claims = Claims(Path(sys.argv[1]), run=sys.argv[2])
print(claims.take("case_1").number, flush=True)
os.kill(os.getpid(), 9)
"""


def die(folder, run="") -> str:
    """The number of the claim of a process that takes case_1 and is killed."""
    return subprocess.run(
        [sys.executable, "-c", DYING, str(folder), run], capture_output=True, text=True, check=False
    ).stdout.strip()


def test_the_claim_of_a_killed_process_is_passed_over_at_once_on_the_same_computer(tmp_path):
    assert [die(tmp_path), die(tmp_path)] == ["0", "1"]
    with Claims(tmp_path) as mine:
        claim = mine.take("case_1")
        assert (claim.number, claim.deaths) == (2, 0)
    assert list(tmp_path.iterdir()) == []


def test_the_deaths_of_a_run_are_counted_for_that_run(tmp_path):
    die(tmp_path, "r")
    die(tmp_path, "r")
    sweep_claims(tmp_path)  # of another run: what is young stays
    with Claims(tmp_path, run="r") as mine:
        assert mine.take("case_1").deaths == 2
    die(tmp_path, "r")
    sweep_claims(tmp_path, run="r")
    assert list(tmp_path.iterdir()) == []


def test_the_claim_of_another_computer_holds_for_its_lease(tmp_path, elsewhere):
    die(tmp_path)
    elsewhere()
    with Claims(tmp_path) as mine:
        assert mine.take("case_1") is None
    (path,) = (tmp_path / FOLDER).iterdir()
    past = time.time() - claims.LEASE_S - 5
    os.utime(path, (past, past))
    with Claims(tmp_path) as mine:
        assert mine.take("case_1").number == 1
    assert list(tmp_path.iterdir()) == []


def test_a_claim_is_touched_while_its_owner_lives(tmp_path, elsewhere):
    with Claims(tmp_path, lease_s=0.6) as mine:
        mine.take("case_1")
        elsewhere()
        time.sleep(1.2)
        with Claims(tmp_path, lease_s=0.6) as other:
            assert other.take("case_1") is None


def test_an_owner_who_was_passed_over_knows(tmp_path, elsewhere):
    with Claims(tmp_path, lease_s=100) as mine, Claims(tmp_path, lease_s=0) as other:
        claim = mine.take("case_1")
        elsewhere()
        taken = other.take("case_1")
        assert (claim.holds(), taken.holds()) == (False, True)
        other.release(taken)
        assert not claim.holds()


def test_a_claim_that_is_being_written_counts_as_alive(tmp_path):
    (tmp_path / FOLDER).mkdir()
    (tmp_path / FOLDER / "case_1.0").touch()
    with Claims(tmp_path) as mine:
        assert mine.take("case_1") is None


@pytest.mark.parametrize("code", [errno.EOPNOTSUPP, errno.EPERM])  # of most file systems; of FAT and exFAT on Linux
def test_without_hard_links_a_case_has_one_owner_too(tmp_path, monkeypatch, code):
    def refuse(*_: object) -> None:
        raise OSError(code, "Operation not supported")

    monkeypatch.setattr(claim_files.os, "link", refuse)
    with Claims(tmp_path) as mine, Claims(tmp_path) as other:
        claim = mine.take("case_1")
        assert claim.holds()
        assert other.take("case_1") is None
    assert list(tmp_path.iterdir()) == []


def test_a_claim_names_no_case_or_person_in_its_text(tmp_path):
    with Claims(tmp_path) as mine:
        content = json.loads(mine.take("case_1").path.read_text())
    assert set(content) == {"machine", "host", "pid", "run"}


SHARING = """
import os, sys, time
from pathlib import Path
from monai_attn.results import Claims
root, name = Path(sys.argv[1]), sys.argv[2]
with Claims(root) as claims:
    for number in range(60):
        if (root / f"{number}.done").exists():
            continue
        claim = claims.take(f"case.{number}")
        if claim is None:
            continue
        if not (root / f"{number}.done").exists():
            with open(root / f"{number}.log", "a") as stream:
                stream.write(name)
            time.sleep(0.001)
            (root / f"{number}.done").touch()
        claims.release(claim)
"""


def test_four_processes_that_share_cases_do_each_once(tmp_path):
    started = [subprocess.Popen([sys.executable, "-c", SHARING, str(tmp_path), name]) for name in "abcd"]
    assert [process.wait() for process in started] == [0] * 4
    logs = [path.read_text() for path in tmp_path.glob("*.log")]
    assert len(logs) == 60
    assert max(map(len, logs)) == 1
    assert not (tmp_path / FOLDER).exists()


def test_folders_that_were_made_for_claims_alone_go(tmp_path):
    with Claims(tmp_path / "deep" / "out") as mine:
        mine.release(mine.take("case_1"))
        assert (tmp_path / "deep" / "out").is_dir()
    assert list(tmp_path.iterdir()) == []


def test_a_claim_of_a_process_that_died_before_it_wrote_anything_goes(tmp_path):
    path, lock = Claims(tmp_path)._fresh()
    lock.release()
    path.write_bytes(b"")
    sweep_claims(tmp_path)
    assert list(tmp_path.iterdir()) == []
