"""`benchmarks/zoo.py` on a small zoo of our own: right, refused well and cured, refused well and not to be cured."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import tiny_bundle
from zoo_bundle import config, write_bundle

BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "zoo.py"


def runnable(**changes) -> dict:
    """A config that `monai.bundle run` runs too."""
    return config(**{key: tiny_bundle.config()[key] for key in ("dataloader", "evaluator", "run")}, **changes)


@pytest.mark.slow
def test_the_table_counts_what_is_right_or_refused_well(tmp_path):
    write_bundle(tmp_path / "models" / "right", runnable())
    needing = runnable()
    needing["preprocessing"]["transforms"][0]["keys"] = ["image", "label"]
    write_bundle(tmp_path / "models" / "cured", needing)
    write_bundle(tmp_path / "models" / "lacking", runnable(imports=["$import no_such_package"]))
    names = ["right", "cured", "lacking"]
    run = subprocess.run(
        [sys.executable, str(BENCHMARK), str(tmp_path), "--only", *names], capture_output=True, text=True, check=False
    )
    lines = run.stdout.splitlines()
    assert lines[-1] == "3 of 3 right or refused well.", run
    cells = {line.split("|")[1].strip(): [cell.strip() for cell in line.split("|")[2:-1]] for line in lines[2:5]}
    assert cells["right"][1].startswith("mask in")
    assert cells["right"][3] == cells["cured"][3] == "yes"
    assert cells["cured"][1].startswith("refused: It expects a label")
    assert cells["cured"][2].endswith("1 overrides")
    assert cells["cured"][5] == cells["lacking"][5] == "refuses in the same words"
    assert cells["lacking"][1].startswith("refused: The config imports no_such_package")
