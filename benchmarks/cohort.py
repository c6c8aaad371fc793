"""Many small studies: studies per minute by executor, memory over the run, and kills at random moments.

    python benchmarks/cohort.py DATA --studies 1000 --kills 100 --work /tmp/cohort

DATA holds hippocampus/ of the Medical Segmentation Decathlon. The studies are its images and mirrored copies of them,
under other names. For the table each is a DICOM series of one flat folder, as an archive exports it. Memory and kills
ask about the handling of studies, not about the network. There each is a NIfTI file of `SMALL` voxels, cut from the
middle of the image. The bundle is the shipped hippocampus_mri with its own weights. For the small images it runs with
windows of `SMALL` voxels, and does not look at the mirrored image as well (`CHEAP`). What is printed:

- `--rows`: studies per minute, seconds of the processor and memory by executor, over the first `--compare` studies. A
  loop over the command loads torch for each study: three studies are measured, the rest is taken to be alike;
- `--memory`: one process over all studies, with its memory after 10, 100 ... studies;
- `--kill`: commands and workers are killed at random moments over all studies. Single commands, two commands in one
  folder, and two workers take turns. Then every study has one valid result that was made once, all hashes hold, nothing
  half is there, and a last run does nothing. These commands are forks of a process that has loaded torch, so that 100
  starts do not take most of the time; workers load torch themselves. With `--victims processes` or `--victims dask`
  only workers of this kind run and are killed.

Without any of the three, all are done.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from monai_attn import read, write
from monai_attn.io.digest import sha256
from monai_attn.volume import Volume

sys.path[:0] = [str(Path(__file__).parent.parent / "tests"), str(Path(__file__).parent.parent / "tests" / "io")]

BUNDLE = "hippocampus_mri"
ENDS = ("nii.gz", "csv", "json")
MODULE = "monai_attn.cli.main"

SMALL = (24, 32, 24)
CHEAP = ["--set", f"inferer::inferer::roi_size={list(SMALL)}", "--set", "inferer::axes=[]"]

ALONE: list[list[str]] = [[]]
BESIDE: list[list[str]] = [[], []]
WORKERS = [["--executor", "processes", "--workers", "2"]]
TURNS = (*[ALONE, BESIDE] * 4, WORKERS)
"""What runs between one kill of all commands and the next: the options of each command."""


def make_studies(data: Path, folder: Path, count: int, *, dicom: bool) -> None:
    """So many studies in one flat folder, one DICOM series or one NIfTI file each; kept where they are there."""
    from dicom_maker import slices_of
    from pydicom.uid import generate_uid

    sources = sorted((data / "hippocampus").rglob("*.nii.gz"))
    sources = [path for path in sources if "label" not in path.parent.name.lower()]
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        first = folder / (f"{number:05d}_0000" if dicom else f"{number:05d}.nii.gz")
        if first.exists():
            continue
        image = read(sources[number // 2 % len(sources)])
        array = np.asarray(image.array, np.float64)
        array = np.rint(array / max(array.max(), 1) * 4000).astype(np.int16)
        volume = Volume(np.ascontiguousarray(array[::-1] if number % 2 else array), image.affine)
        if not dicom:
            starts = [max(0, (edge - small) // 2) for edge, small in zip(volume.shape, SMALL, strict=True)]
            i, j, k = (slice(at, at + small) for at, small in zip(starts, SMALL, strict=True))
            write(volume.crop((i, j, k)), first)
            continue
        study = generate_uid()
        for place, dataset in reversed(list(enumerate(slices_of(volume)))):
            dataset.StudyInstanceUID = study
            dataset.save_as(folder / f"{number:05d}_{place:04d}", enforce_file_format=True)


def arguments(studies: Path, output: Path, *options: str) -> list[str]:
    """The command line of `segment`."""
    kind = {"dicom": ["--studies"], "small": CHEAP}.get(studies.name.partition("_")[0], [])
    return ["segment", str(studies), "-b", BUNDLE, "-o", str(output), "--quiet", *kind, *options]


def command(*line: str) -> list[str]:
    """A command line as a process of its own."""
    return [sys.executable, "-W", "ignore", "-m", MODULE, *line]


def finished(output: Path) -> int:
    """How many studies have a record."""
    return len(list(output.glob("*_seg.json")))


def stamps(output: Path) -> dict[str, int]:
    """When each file of the results was written, in nanoseconds."""
    files = [path for path in output.iterdir() if path.is_file()] if output.is_dir() else []
    return {path.name: path.stat().st_mtime_ns for path in files if path.suffix == ".json"}


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
    try:
        process = psutil.Process(pid)
        return [pid, *(child.pid for child in process.children(recursive=True))]
    except psutil.NoSuchProcess:
        return []


def workers_below(pid: int) -> list[int]:
    """The workers of a command, without the process by which Python keeps account of them."""
    found = []
    for one in tree(pid)[1:]:
        try:
            found += [one] if "spawn_main" in " ".join(psutil.Process(one).cmdline()) else []
        except psutil.NoSuchProcess:
            continue
    return found


def memory_mb(pid: int) -> float:
    """The memory of a process and its workers together."""
    total = 0
    for one in tree(pid):
        try:
            total += psutil.Process(one).memory_info().rss
        except psutil.NoSuchProcess:
            continue
    return total / 2**20


def processor_s() -> float:
    """Seconds of the processor of all commands that have ended, and of their workers."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


@dataclass
class Watched:
    """One command over studies: seconds in all and until the first result, and its memory after so many studies."""

    seconds: float
    first_s: float
    processor_s: float
    memory_mb: dict[int, float]
    largest_mb: float


def watched(studies: Path, output: Path, count: int, *options: str) -> Watched:
    """Run a command over studies, look at it four times in a second, and check the results."""
    shutil.rmtree(output, ignore_errors=True)
    start, before = time.monotonic(), processor_s()
    process = subprocess.Popen(command(*arguments(studies, output, *options)), stdout=subprocess.DEVNULL)
    first = peak = 0.0
    at: dict[int, float] = {}
    steps = [step for step in (10, 30, 100, 300, 1000, 3000) if step < count]
    while process.poll() is None:
        done, used = finished(output), memory_mb(process.pid)
        peak = max(peak, used)
        first = first or (time.monotonic() - start if done else 0.0)
        at |= {step: used for step in steps if step not in at and done >= step}
        at[count] = max(used, at.get(count, 0.0)) if done >= 0.95 * count else 0.0
        time.sleep(0.25)
    assert process.returncode == 0, process.returncode
    check(output, count)
    return Watched(time.monotonic() - start, first, processor_s() - before, at, peak)


def rows(studies: Path, output: Path, count: int, plan: Path) -> None:
    """The table of the executors, with a loop over the command first."""
    print(
        "| executor | studies/min | processor (s) for a study | first result (s) | largest memory (MB) |\n"
        "|---|---|---|---|---|"
    )
    lines, tries = plan.read_text().splitlines(), 3
    start, before = time.monotonic(), processor_s()
    shutil.rmtree(output, ignore_errors=True)
    for number in range(1, 1 + tries):
        line = plan.with_name("one.csv")
        line.write_text("\n".join([lines[0], lines[number]]) + "\n")
        subprocess.run(command(*arguments(line, output)), check=True, stdout=subprocess.DEVNULL)
    each, used = (time.monotonic() - start) / tries, (processor_s() - before) / tries
    print(f"| a loop over the command | {60 / each:.1f} | {used:.1f} | {each:.1f} | |", flush=True)
    for options in ([], ["--executor", "processes"], ["--executor", "dask"]):
        one = watched(studies, output, count, *options)
        speed = 60 * (count - 1) / (one.seconds - one.first_s)
        said = " ".join(options) or "one process"
        used = one.processor_s / count
        print(f"| {said} | {speed:.0f} | {used:.2f} | {one.first_s:.1f} | {one.largest_mb:.0f} |", flush=True)


def memory(studies: Path, output: Path, count: int) -> None:
    """One process over all studies: memory over the run, speed, and seconds of the processor for a study."""
    one = watched(studies, output, count)
    said = ", ".join(f"{used:.0f} MB after {done}" for done, used in sorted(one.memory_mb.items()))
    print(
        f"one process, {count} studies: {one.seconds:.0f} s, the first after {one.first_s:.0f} s; "
        f"{one.processor_s / count:.2f} s of the processor for a study; memory {said}; largest {one.largest_mb:.0f} MB",
        flush=True,
    )


def forked(line: list[str]) -> Any:
    """A command as a fork of a process that has loaded torch and MONAI."""
    from commands import LOADED, SERVER, _run

    SERVER.set_forkserver_preload(LOADED)
    printed = tempfile.gettempdir() + "/cohort_kills.txt"
    process = SERVER.Process(target=_run, args=(MODULE, line, str(Path.cwd()), dict(os.environ), printed))
    process.start()
    return process


def kill(studies: Path, output: Path, count: int, kills: int, victims: str = "") -> None:
    """Kill commands and workers at random moments, and start commands again, until all studies are done.

    `victims` is the executor whose workers alone are killed, "" for commands and workers in turn.
    """
    shutil.rmtree(output, ignore_errors=True)
    only = ([["--executor", victims, "--workers", "2"]],) if victims else ()
    chance, starts, turns = random.Random(20), 0, cycle(only or TURNS)
    seen: dict[str, int] = {}
    killed = {"commands": 0, "workers": 0}
    while finished(output) < count or sum(killed.values()) < kills:
        left, to_kill = count - finished(output), kills - sum(killed.values())
        if not left:
            break
        seen |= stamps(output)
        running = [forked(arguments(studies, output, *options)) for options in next(turns)]
        starts += len(running)
        while any(process.is_alive() for process in running):
            to_kill = kills - sum(killed.values())
            pace = (count - finished(output)) / max(to_kill, 1)
            goal = finished(output) + chance.uniform(0, 2 * pace) if to_kill > 0 else count + 1
            while finished(output) < goal and any(process.is_alive() for process in running):
                time.sleep(0.1)
            time.sleep(chance.uniform(0, 1))
            alive = [process.pid for process in running if process.is_alive()]
            below = [pid for process in alive for pid in workers_below(process)]
            if to_kill <= 0 or not alive or (victims and not below):
                continue
            worker = bool(below) and (bool(victims) or chance.random() < 0.6)
            victim = chance.choice(below if worker else alive)
            try:
                os.kill(victim, signal.SIGKILL)
                killed["workers" if worker else "commands"] += 1
            except ProcessLookupError:
                continue
            for process in running:
                process.join(60 if process.pid == victim else 0)  # so that none is killed twice
            if sum(killed.values()) % 10 == 0:
                print(f"  {killed}, {finished(output)} of {count} done", file=sys.stderr, flush=True)
    before, start = stamps(output), time.monotonic()
    last = subprocess.run(command(*arguments(studies, output)), check=True, capture_output=True, text=True)
    assert f"{count} done, 0 to do" in last.stdout, last.stdout[-500:]
    assert before == stamps(output)
    again = [name for name, stamp in seen.items() if before[name] != stamp]
    assert not again, again
    shutil.rmtree(output / ".monai_attn_claims", ignore_errors=True)  # of killed runs, within their lease
    check(output, count)
    print(
        f"{killed['commands']} commands and {killed['workers']} workers killed in {starts} starts: {count} studies "
        f"have one valid result each, made once; a last run does nothing ({time.monotonic() - start:.0f} s).",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--studies", type=int, default=1000)
    parser.add_argument("--compare", type=int, default=100, help="studies for the table of executors")
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--work", type=Path, default=Path("/tmp/cohort"))
    parser.add_argument("--victims", choices=["processes", "dask"], default="", help="kill only workers of this kind")
    for part in ("rows", "memory", "kill"):
        parser.add_argument(f"--{part}", action="store_true", help=f"only this: {part}")
    args = parser.parse_args()
    chosen = {part for part in ("rows", "memory", "kill") if getattr(args, part)} or {"rows", "memory", "kill"}
    few = min(args.compare, args.studies)
    compared, studies = args.work / f"dicom_{few}", args.work / f"small_{args.studies}"
    output, plan = args.work / f"out_{'_'.join(sorted(chosen))}", args.work / "plan.csv"
    if "rows" in chosen:
        make_studies(args.data, compared, few, dicom=True)
        start, before = time.monotonic(), processor_s()
        dry = command(*arguments(compared, output, "--dry-run", "--plan", str(plan), "--overwrite"))
        subprocess.run(dry, check=True, stdout=subprocess.DEVNULL)
        said = f"{time.monotonic() - start:.0f} s, {processor_s() - before:.0f} s of the processor"
        print(f"dry run of {few} studies, with headers read: {said}")
        rows(compared, output, few, plan)
    if "memory" in chosen:
        make_studies(args.data, studies, args.studies, dicom=False)
        memory(studies, output, args.studies)
    if "kill" in chosen:
        make_studies(args.data, studies, args.studies, dicom=False)
        kill(studies, output, args.studies, args.kills, args.victims)


if __name__ == "__main__":
    main()
