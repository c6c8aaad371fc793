"""How soon a first mask is there: `monai-attn segment` of one hippocampus, and the files after it in one session.

    python benchmarks/first_mask.py [runs]

The crops are those of `monai-attn samples`. The command is a process of its own, from the start of Python to its end,
after one run that converts the network. Of a session in Python each file is timed from reading to the last written
file; the first one loads the bundle. CPU seconds are user and system, of all threads.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from whole_process import cpu_seconds, take

COMMAND = [sys.executable, "-W", "ignore", "-m", "monai_attn"]

SESSION = """
import sys, time
from pathlib import Path
from monai_attn.cases import find_cases
from monai_attn.cohort import Recipe, run_cases
out, *files = map(Path, sys.argv[1:])
recipe = Recipe("hippocampus_mri", out, overwrite=True)
segmenter = recipe.segmenter()
print("loaded", time.process_time())
for file in files:
    cpu, wall = time.process_time(), time.perf_counter()
    (row,) = run_cases(recipe, find_cases([str(file)]), segmenter)
    assert not row.error, row.error
    print(file.name, round(time.process_time() - cpu, 2), round(time.perf_counter() - wall, 2))
"""


def main(runs: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        subprocess.run([*COMMAND, "samples", str(work / "samples")], check=True, stdout=subprocess.DEVNULL)
        left, right = (work / "samples" / "hippocampi" / f"{side}.nii.gz" for side in ("left", "right"))
        command = [*COMMAND, "segment", str(left), "-b", "hippocampus_mri", "-o", str(work / "out"), "--overwrite"]
        taken = [take([*command, "--quiet"], work / "log") for _ in range(runs + 1)][1:]
        walls = sorted(one.wall_s for one in taken)
        peak = max(one.peak_gib for one in taken)
        print(f"command: {cpu_seconds(taken)} CPU s, {walls[runs // 2]:.1f} s by the clock, {peak:.2f} GiB")
        given = [str(work / "out"), *map(str, (left, right, left, right))]
        print(
            subprocess.run([sys.executable, "-c", SESSION, *given], check=True, capture_output=True, text=True).stdout
        )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 7)
