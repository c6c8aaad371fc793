"""Cases through a real SLURM, where this computer has one; docs/cohorts.md has the command."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest
from ones import Ones, OnesRecipe, make_cases

from monai_attn.cohort import spread_cases, workers_of


def has_slurm() -> bool:
    if shutil.which("sinfo") is None:
        return False
    answer = subprocess.run(["sinfo", "-h", "-o", "%a"], capture_output=True, text=True, check=False)
    return "up" in answer.stdout


@pytest.mark.slow
@pytest.mark.skipif(not has_slurm(), reason="there is no SLURM that answers")
@pytest.mark.filterwarnings("ignore")
def test_jobs_of_slurm_do_each_case_once_though_a_worker_is_killed(tmp_path, monkeypatch):
    dask = pytest.importorskip("dask")
    pytest.importorskip("dask_jobqueue")
    cases = make_cases(tmp_path / "in", 12)
    recipe = OnesRecipe(bundle="ones", output=tmp_path / "out", pause_s=0.3)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(Path(__file__).parents[2]), str(Path(__file__).parent)]))
    rows = []
    job = {"cores": 1, "memory": "1GB", "walltime": "00:10:00", "log-directory": str(tmp_path / "logs")}
    with dask.config.set({f"jobqueue.slurm.{key}": value for key, value in job.items()}):
        for row in spread_cases(recipe, cases, Ones().parts, workers_of("dask=slurm", 2)):
            rows.append(row)
            if len(rows) == 3:
                os.kill(int(next(tmp_path.glob("opened-*")).name.split("-")[1]), signal.SIGKILL)
    assert sorted((row.case, row.error) for row in rows) == sorted((case.name, "") for case in cases)
    assert len(list((tmp_path / "out").iterdir())) == 36
