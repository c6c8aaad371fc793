"""Many small studies: studies per minute by executor, memory over the run, and kills at random moments.

    python benchmarks/cohort.py DATA --studies 1000 --kills 100 --work /tmp/cohort

DATA holds hippocampus/ of the Medical Segmentation Decathlon. The studies are its images and mirrored copies of them,
under other names, one DICOM series each in a flat folder as an archive exports it. What is printed:

- studies per minute by executor, and of a loop over the command, which loads torch for each study;
- the largest memory of the process after 10 studies and at the end;
- kills: the command and its workers are killed at random moments until all studies are done. Then every study has one
  valid result, all hashes hold, nothing half is there, and the last rerun does nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from monai_attn import read
from monai_attn.io.digest import sha256
from monai_attn.volume import Volume

sys.path.insert(0, str(Path(__file__).parent.parent / "tests" / "io"))

BUNDLE = "hippocampus_mri"
ENDS = ("nii.gz", "csv", "json")


def make_studies(data: Path, folder: Path, count: int) -> None:
    """So many studies of one series each, in one flat folder; left as they are where they are there."""
    from dicom_maker import slices_of
    from pydicom.uid import generate_uid

    sources = sorted((data / "hippocampus").rglob("*.nii.gz"))
    sources = [path for path in sources if "label" not in path.parent.name.lower()]
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        if (folder / f"{number:05d}_0000").exists():
            continue
        image = read(sources[number // 2 % len(sources)])
        array = np.asarray(image.array, np.float64)
        array = np.rint(array / max(array.max(), 1) * 4000).astype(np.int16)
        mirrored = array[::-1] if number % 2 else array
        study = generate_uid()
        for place, dataset in enumerate(slices_of(Volume(np.ascontiguousarray(mirrored), image.affine))):
            dataset.StudyInstanceUID = study
            dataset.save_as(folder / f"{number:05d}_{place:04d}", enforce_file_format=True)


def command(studies: Path, output: Path, *options: str) -> list[str]:
    call = [sys.executable, "-W", "ignore", "-m", "monai_attn.cli.main", "segment", str(studies), "-b", BUNDLE]
    return [*call, "-o", str(output), "--studies", "--quiet", *options]


def check(output: Path, count: int) -> None:
    """Every study has exactly one valid result, and nothing else is there."""
    records = sorted(output.glob("*_seg.json"))
    assert len(records) == count, f"{len(records)} records of {count}"
    for record in records:
        files = json.loads(record.read_text())["files"]
        assert files == {name: sha256(record.with_name(name)) for name in files}, record.name
    names = {f"{record.name.removesuffix('.json')}.{end}" for record in records for end in ENDS}
    there = {path.name for path in output.iterdir()}
    assert there == names, sorted(there ^ names)[:5]


def tree(pid: int) -> list[int]:
    """A process and all below it."""
    import psutil

    try:
        process = psutil.Process(pid)
        return [pid, *(child.pid for child in process.children(recursive=True))]
    except psutil.NoSuchProcess:
        return []


def memory_mb(pid: int) -> float:
    """The memory of a process and its workers together."""
    import psutil

    total = 0
    for one in tree(pid):
        try:
            total += psutil.Process(one).memory_info().rss
        except psutil.NoSuchProcess:
            continue
    return total / 2**20


def timed(studies: Path, output: Path, count: int, *options: str) -> None:
    """Studies per minute once the first result stands, the start, and memory after ten studies and at the end."""
    shutil.rmtree(output, ignore_errors=True)
    start = time.monotonic()
    process = subprocess.Popen(command(studies, output, *options), stdout=subprocess.DEVNULL)
    first = early = peak = 0.0
    while process.poll() is None:
        done = len(list(output.glob("*_seg.json"))) if output.is_dir() else 0
        used = memory_mb(process.pid)
        peak = max(peak, used)
        first = first or (time.monotonic() - start if done else 0.0)
        early = peak if done <= 10 else early
        time.sleep(0.1)
    seconds = time.monotonic() - start
    assert process.returncode == 0, process.returncode
    check(output, count)
    speed = 60 * (count - 1) / (seconds - first)
    said = " ".join(options) or "--executor here"
    print(f"| {said} | {speed:.0f} | {first:.1f} | {early:.0f} | {peak:.0f} |", flush=True)


def loop(output: Path, plan: Path, tries: int = 3) -> None:
    """The command once for each study, as a script would call it: a few, and studies per minute from these."""
    lines = plan.read_text().splitlines()
    start = time.monotonic()
    for number in range(1, 1 + tries):
        one = plan.with_name("one.csv")
        one.write_text("\n".join([lines[0], lines[number]]) + "\n")
        call = [sys.executable, "-W", "ignore", "-m", "monai_attn.cli.main", "segment", str(one), "-b", BUNDLE]
        subprocess.run([*call, "-o", str(output), "--quiet"], check=True, stdout=subprocess.DEVNULL)
    print(f"| a loop over the command | {60 * tries / (time.monotonic() - start):.0f} | | | |", flush=True)


def kill(studies: Path, output: Path, count: int, kills: int, *options: str) -> None:
    """Kill the command or one of its workers at random moments, and run it again, until all studies are done."""
    shutil.rmtree(output, ignore_errors=True)
    chance, done, runs = random.Random(20), 0, 0
    while True:
        process = subprocess.Popen(
            command(studies, output, *options), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        runs += 1
        while process.poll() is None and done < kills:
            time.sleep(chance.uniform(0.5, 12))
            below = tree(process.pid)
            if not below:
                break
            victim = chance.choice(below) if chance.random() < 0.7 else below[0]
            try:
                os.kill(victim, signal.SIGKILL)
                done += 1
            except ProcessLookupError:
                continue
        code = process.wait()
        if code == 0:
            break
        assert code in (-signal.SIGKILL, 1, 2), code
    last = {path.name: path.stat().st_mtime_ns for path in output.iterdir() if path.is_file()}
    subprocess.run(command(studies, output, *options), check=True, stdout=subprocess.DEVNULL)
    again = {path.name: path.stat().st_mtime_ns for path in output.iterdir() if path.is_file()}
    shutil.rmtree(output / ".monai_attn_claims", ignore_errors=True)  # of killed runs, within their lease
    check(output, count)
    assert last == again
    print(
        f"{done} kills in {runs} runs ({' '.join(options) or 'here'}): {count} studies, one valid result each.",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--studies", type=int, default=1000)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--work", type=Path, default=Path("/tmp/cohort"))
    parser.add_argument("--only", choices=("speed", "kills"))
    args = parser.parse_args()
    studies, output = args.work / f"studies_{args.studies}", args.work / "out"
    make_studies(args.data, studies, args.studies)
    plan = args.work / "plan.csv"
    start = time.monotonic()
    subprocess.run(
        command(studies, output, "--dry-run", "--plan", str(plan), "--overwrite"), check=True, stdout=subprocess.DEVNULL
    )
    print(f"dry run, with headers read: {time.monotonic() - start:.0f} s")
    if args.only != "kills":
        print(
            "| executor | studies/min | first result (s) | memory after 10 (MB) | largest memory (MB) |\n"
            "|---|---|---|---|---|"
        )
        loop(args.work / "loop", plan)
        shutil.rmtree(args.work / "loop", ignore_errors=True)
        for options in ([], ["--executor", "processes"], ["--executor", "dask"]):
            timed(studies, output, args.studies, *options)
    if args.only != "speed":
        for options in ([], ["--executor", "processes"]):
            kill(studies, output, args.studies, args.kills // 2, *options)


if __name__ == "__main__":
    main()
