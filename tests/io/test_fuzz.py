"""Some hundred damaged files of fixed seeds; `python tests/io/fuzz.py --minutes 60` reads as many as there is time."""

from __future__ import annotations

import shutil
import subprocess
import sys

import fuzz
import pytest
from fuzz import KINDS, run


def test_every_damaged_file_is_read_or_refused_with_an_error_of_ours(tmp_path):
    found = run(tmp_path, kinds=KINDS, first=0, count=60, base=1)
    assert found.wrong == []
    for kind in KINDS:
        assert found.counts[kind, "read"] + found.counts[kind, "refused"] == 60
        assert found.counts[kind, "refused"] > 10  # the damages are not harmless


def test_files_that_once_broke_a_reader_are_read_or_refused_within_seconds_and_a_gibibyte(shared_data, tmp_path):
    given = sorted((shared_data / "trouble" / "30_mutated").glob("*"))
    if not given:
        pytest.skip("the damaged files are not among the shared data")
    paths = []
    for path in given:  # each alone, since a DICOM file stands for its series
        (tmp_path / path.stem).mkdir()
        paths.append(shutil.copy(path, tmp_path / path.stem))
    child = [sys.executable, str(fuzz.HERE / "fuzz_child.py"), "--given", *map(str, paths)]
    run_it = subprocess.run(child, capture_output=True, text=True, timeout=300, check=True, env=fuzz.environment())
    rows = [line.split(" ", 3) for line in run_it.stdout.splitlines()]
    assert [row[0] for row in rows] == [path.name for path in given]
    for name, seconds, gibibytes, said in rows:
        assert said in ("read", "refused"), (name, said)
        assert float(seconds) < 20, name
        assert float(gibibytes) < 1, name
