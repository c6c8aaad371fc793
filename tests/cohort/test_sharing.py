"""Several processes segment the same cases into one folder: each case once, whatever dies."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from ones import Ones, make_cases

from monai_attn.cohort import Recipe, run_cases
from monai_attn.cohort import run as run_module
from monai_attn.io.digest import sha256
from monai_attn.results import Claims

RUN = """
import sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from ones import Ones
from monai_attn.cases import find_cases
from monai_attn.cohort import Recipe, run_cases
root, pause = Path(sys.argv[1]), float(sys.argv[3])
recipe = Recipe(bundle="ones", output=root / "out", overwrite="overwrite" in sys.argv)
for row in run_cases(recipe, find_cases([root / "in"]), Ones(lambda _: time.sleep(pause))):
    print(row.case, row.error or ("done" if row.done else "made"), flush=True)
"""


def start(root: Path, pause: float = 0.05, *options: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", RUN, str(root), str(Path(__file__).parent), str(pause), *options]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def rows_of(process: subprocess.Popen[str]) -> dict[str, str]:
    text, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    return dict(line.split(" ", 1) for line in text.splitlines())


def assert_whole(folder: Path, count: int) -> None:
    ends = ("nii.gz", "csv", "json")
    names = {f"case_{number}_seg.{end}" for number in range(1, count + 1) for end in ends}
    assert {path.name for path in folder.iterdir()} == names
    for record in folder.glob("*.json"):
        files = json.loads(record.read_text())["files"]
        assert files == {name: sha256(record.with_name(name)) for name in files}


@pytest.mark.parametrize("options", [(), ("overwrite",)])
def test_two_processes_share_the_cases_and_do_none_twice(tmp_path, options):
    make_cases(tmp_path / "in", 8)
    one, other = [rows_of(process) for process in [start(tmp_path, 0.1, *options) for _ in range(2)]]
    assert [sorted((one[case], other[case])) for case in one] == [["done", "made"]] * 8
    assert "made" in one.values()
    assert "made" in other.values()
    assert_whole(tmp_path / "out", 8)


def test_the_case_of_a_killed_process_goes_on_in_the_other(tmp_path):
    make_cases(tmp_path / "in", 2)
    dying = start(tmp_path, 60)
    while not list((tmp_path / "out" / ".monai_attn_claims").glob("case_1.*")):
        time.sleep(0.02)
    other = start(tmp_path, 0)
    time.sleep(1)
    dying.send_signal(signal.SIGKILL)
    dying.communicate()
    assert rows_of(other) == {"case_1": "made", "case_2": "made"}
    assert_whole(tmp_path / "out", 2)


def test_a_case_in_work_elsewhere_comes_last(tmp_path, monkeypatch):
    cases, recipe = make_cases(tmp_path / "in", 3), Recipe(bundle="ones", output=tmp_path / "out")
    monkeypatch.setattr(run_module, "POLL_S", 0.01)
    other = Claims(recipe.output)
    claim = other.take("case_1")
    rows = run_cases(recipe, cases, Ones())
    assert [next(rows).case, next(rows).case] == ["case_2", "case_3"]
    other.release(claim)
    assert [(row.case, row.done) for row in rows] == [("case_1", False)]


def test_who_lost_the_claim_writes_nothing(tmp_path, monkeypatch):
    cases, recipe = make_cases(tmp_path / "in", 1), Recipe(bundle="ones", output=tmp_path / "out")

    def lose(_: int) -> None:
        (path,) = (recipe.output / ".monai_attn_claims").iterdir()
        path.rename(path.with_name("case_1.1"))  # as of another process

    (row,) = run_cases(replace(recipe), cases, Ones(lose))
    assert "Another process has taken over the case" in row.error
    assert not list(recipe.output.glob("case_1*"))


def test_a_case_of_which_two_processes_died_is_set_aside(tmp_path, monkeypatch):
    claim = Claims(tmp_path).take("case_1")
    with pytest.raises(Exception, match="2 processes died while they worked on the case, and it is set aside"):
        run_module.check_deaths(replace(claim, deaths=2))


KILLED = """
import os, random, signal, sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from ones import Ones, make_cases
from monai_attn.cohort import Recipe, run_cases
root, count, wanted = Path(sys.argv[1]), int(sys.argv[3]), int(sys.argv[4])
cases, recipe = make_cases(root / "in", count), Recipe(bundle="ones", output=root / "out")
chance, kills, running = random.Random(11), 0, set()

def start():
    child = os.fork()
    if child == 0:
        rows = list(run_cases(recipe, cases, Ones(lambda _: time.sleep(0.02))))
        os._exit(any(row.error for row in rows))
    running.add(child)

start()
start()
while running:
    time.sleep(chance.uniform(0.01, 0.4))
    if kills < wanted and not all((recipe.output / f"{case.name}_seg.json").exists() for case in cases):
        victim = chance.choice(sorted(running))
        os.kill(victim, signal.SIGKILL)
    for child in list(running):
        ended, status = os.waitpid(child, os.WNOHANG)
        if not ended:
            continue
        running.remove(child)
        code = os.waitstatus_to_exitcode(status)
        if code < 0:
            kills += 1
            start()
        elif code:
            sys.exit(f"a process ended with {code}")
print(kills)
"""


@pytest.mark.slow
def test_two_processes_that_are_killed_a_hundred_times_give_each_case_one_whole_result(tmp_path):
    command = [sys.executable, "-c", KILLED, str(tmp_path), str(Path(__file__).parent), "200", "100"]
    kills = int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    assert kills >= 20
    assert_whole(tmp_path / "out", 200)
