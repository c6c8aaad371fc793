"""Cases over several workers: each once, whichever worker dies; with local processes and with a real Dask cluster."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from ones import Ones, OnesRecipe, make_cases

from monai_attn.cases import find_cases
from monai_attn.cohort import DaskWorkers, LocalProcesses, Recipe, spread_cases, workers_of
from monai_attn.cohort import executors as executors_module
from monai_attn.errors import InputError, TrustError
from monai_attn.io.digest import sha256

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")

KINDS = {"processes": LocalProcesses(2), "dask": DaskWorkers("", 2, 1)}


@pytest.fixture(params=["processes", pytest.param("dask", marks=pytest.mark.slow)])
def workers(request):
    if request.param == "dask":
        pytest.importorskip("distributed")
    return KINDS[request.param]


def run(root: Path, workers, count: int = 6, **more):
    there = (root / "in").is_dir()
    cases = find_cases([root / "in"]) if there else make_cases(root / "in", count)
    recipe = OnesRecipe(bundle="ones", output=root / "out", **more)
    return {row.case: row for row in spread_cases(recipe, cases, Ones().parts, workers)}


def assert_whole(folder: Path, numbers: list[int]) -> None:
    ends = ("nii.gz", "csv", "json")
    assert {path.name for path in folder.iterdir()} == {f"case_{n}_seg.{end}" for n in numbers for end in ends}
    for record in folder.glob("*.json"):
        files = json.loads(record.read_text())["files"]
        assert files == {name: sha256(record.with_name(name)) for name in files}


def test_each_case_has_its_row_and_a_worker_opens_the_bundle_once(tmp_path, workers):
    rows = run(tmp_path, workers, pause_s=0.05)
    assert [(row.error, row.done) for row in rows.values()] == [("", False)] * 6
    assert rows["case_3"].volume_ml["one"] == pytest.approx(0.018)
    assert_whole(tmp_path / "out", [1, 2, 3, 4, 5, 6])
    opened = [path.name.split("-")[1] for path in tmp_path.glob("opened-*")]
    assert len(opened) == len(set(opened)) <= 2
    assert str(os.getpid()) not in opened
    assert all(row.done for row in run(tmp_path, workers).values())


def test_a_case_that_kills_its_workers_is_set_aside_and_the_others_are_done_on_dask(tmp_path, caplog):
    pytest.importorskip("distributed")
    kill_by_case_2(tmp_path, KINDS["dask"])
    said = [record.getMessage() for record in caplog.records if record.name.startswith("distributed")]
    assert [text for text in said if "Scheduler at" in text or "Remove worker" in text] == []


@pytest.mark.slow
def test_a_case_that_kills_its_workers_is_set_aside_and_the_others_are_done(tmp_path):
    kill_by_case_2(tmp_path, KINDS["processes"])


def kill_by_case_2(tmp_path, workers) -> None:
    rows = run(tmp_path, workers, count=4, killers=(2,))
    assert {case for case, row in rows.items() if row.error} == {"case_2"}
    assert "2 processes died while they worked on the case, and it is set aside" in rows["case_2"].error
    assert_whole(tmp_path / "out", [1, 3, 4])


DRIVER = """
import os, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from ones import Ones, OnesRecipe
from monai_attn.cases import find_cases
from monai_attn.cohort import LocalProcesses, spread_cases
if __name__ == "__main__":
    root = Path(sys.argv[1])
    recipe = OnesRecipe(bundle="ones", output=root / "out", pause_s=float(sys.argv[3]))
    for row in spread_cases(recipe, find_cases([root / "in"]), Ones().parts, LocalProcesses(2)):
        print(row.case, row.error or "ok", flush=True)
"""


def drive(root: Path, pause_s: float) -> subprocess.Popen[str]:
    (root / "driver.py").write_text(DRIVER)
    command = [sys.executable, str(root / "driver.py"), str(root), str(Path(__file__).parent), str(pause_s)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z" if Path("/proc").is_dir() else True


@pytest.mark.slow
def test_workers_end_with_a_killed_driver_and_the_rerun_goes_on(tmp_path):
    make_cases(tmp_path / "in", 8)
    driver = drive(tmp_path, 0.3)
    assert driver.stdout.readline().endswith("ok\n")
    pids = [int(path.name.split("-")[1]) for path in tmp_path.glob("opened-*")]
    driver.send_signal(signal.SIGKILL)
    driver.wait()
    end = time.monotonic() + 20
    while any(map(alive, pids)) and time.monotonic() < end:
        time.sleep(0.05)
    assert not any(map(alive, pids))
    again = drive(tmp_path, 0)
    text, _ = again.communicate(timeout=60)
    assert sorted(line.split()[1] for line in text.splitlines()) == ["ok"] * 8
    ends = ("nii.gz", "csv", "json")
    names = {path.name for path in (tmp_path / "out").iterdir()} - {".monai_attn_claims"}
    assert names == {f"case_{n}_seg.{end}" for n in range(1, 9) for end in ends}


@pytest.mark.slow
def test_a_worker_that_is_killed_from_outside_loses_no_case(tmp_path, workers):
    cases, recipe = make_cases(tmp_path / "in", 8), OnesRecipe(bundle="ones", output=tmp_path / "out", pause_s=0.2)
    rows = []
    for row in spread_cases(recipe, cases, Ones().parts, workers):
        rows.append(row)
        if len(rows) == 2:
            os.kill(int(next(tmp_path.glob("opened-*")).name.split("-")[1]), signal.SIGKILL)
    assert sorted((row.case, row.error) for row in rows) == [(case.name, "") for case in cases]
    assert_whole(tmp_path / "out", list(range(1, 9)))


def test_what_cannot_be_sent_is_refused_before_anything_is_sent(tmp_path, monkeypatch):
    def never(self):
        raise AssertionError("sent")

    monkeypatch.setattr(LocalProcesses, "executor", never)
    with pytest.raises(InputError, match="cannot be sent to another process"):
        run(tmp_path, LocalProcesses(2), overrides={"inferer": lambda: 1})


@pytest.mark.slow
def test_another_bundle_on_the_worker_is_refused(tmp_path):
    cases, recipe = make_cases(tmp_path / "in", 1), OnesRecipe(bundle="ones", output=tmp_path / "out")
    (row,) = spread_cases(recipe, cases, Ones(weights_sha256="1").parts, LocalProcesses(1))
    assert "of the worker differs from that of the sender (weights_sha256)" in row.error


def test_a_foreign_bundle_is_refused_by_the_command_before_anything_is_sent(tmp_path, monkeypatch, capsys):
    from tiny_bundle import make_bundle

    from monai_attn.cli.main import main

    make_bundle(tmp_path / "theirs")
    monkeypatch.setattr(LocalProcesses, "executor", lambda _: pytest.fail("sent"))
    make_cases(tmp_path / "in", 1)
    command = ["segment", str(tmp_path / "in"), "-b", str(tmp_path / "theirs"), "-o", str(tmp_path / "out")]
    assert main([*command, "--executor", "processes"]) == 2
    assert "did not come with monai_attn" in capsys.readouterr().err
    assert issubclass(TrustError, InputError)


def test_workers_by_name(monkeypatch):
    monkeypatch.setattr(executors_module, "cores", lambda: 8)
    assert workers_of("here") is None
    assert workers_of("processes") == LocalProcesses(8, 1)
    assert workers_of("processes", threads=4) == LocalProcesses(2, 4)
    assert workers_of("processes", 2) == LocalProcesses(2, 4)
    assert workers_of("dask") == DaskWorkers("", 8, 1)
    assert workers_of("dask=tcp://head:8786") == DaskWorkers("tcp://head:8786", 8, None)
    for name in ("ray", "processes=3"):
        with pytest.raises(InputError, match="is not known"):
            workers_of(name)
    with pytest.raises(InputError, match="--workers is for"):
        workers_of("here", 3)
    with pytest.raises(InputError, match="for a cluster that is started here; tcp://head:8786 has its own"):
        workers_of("dask=tcp://head:8786", 3)


@pytest.mark.slow
def test_workers_that_cannot_begin_are_said(tmp_path):
    cases = make_cases(tmp_path / "in", 2)
    recipe = Suicidal(bundle="ones", output=tmp_path / "out")
    with pytest.raises(InputError, match="The workers ended 8 times before they finished a case"):
        list(spread_cases(recipe, cases, Ones().parts, LocalProcesses(1)))


class Suicidal(Recipe):
    """A recipe whose bundle ends the process when it is opened."""

    def segmenter(self):
        os._exit(1)
