"""What a small study of a cohort costs beside the network, step by step, in CPU milliseconds.

    python benchmarks/beside_network.py DATA [--count 40] [--dicom] [--profile FILE]

One process segments many small studies one after another. The steps are those of `monai-attn segment FOLDER`, which
reads and writes in threads of their own. The bundle is the shipped hippocampus_mri. For NIfTI files of 24 x 32 x 24
voxels it looks at one window, without mirror images. Four studies run before, to warm up. Prints the median and the
quartiles of each step. `--profile` writes where the time goes, for `python -m pstats`.
"""

from __future__ import annotations

import argparse
import cProfile
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any

from cohort import BUNDLE, SMALL, make_studies

from monai_attn.cases import choose_series, find_cases, find_studies, study_case
from monai_attn.cohort import Recipe
from monai_attn.cohort.run import CaseRun
from monai_attn.results import Claims

WARM_UP = 4
OVERRIDES = {"inferer::inferer::roi_size": list(SMALL), "inferer::axes": []}
STEPS = ("check and read", "transforms and labels", "network", "measure, write, read back, record")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--count", type=int, default=40)
    parser.add_argument("--dicom", action="store_true", help="whole DICOM series in place of small NIfTI files")
    parser.add_argument("--profile", type=Path)
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "beside_network")
    args = parser.parse_args()
    studies, output = args.work / f"{'dicom' if args.dicom else 'small'}_{args.count}", args.work / "out"
    make_studies(args.data, studies, args.count + WARM_UP, dicom=args.dicom)
    shutil.rmtree(output, ignore_errors=True)
    recipe = Recipe(BUNDLE, output, {} if args.dicom else OVERRIDES)
    segmenter = recipe.segmenter()
    inputs = segmenter.parts.inputs
    if args.dicom:
        found = find_studies(studies).studies
        cases = [study_case(one, choose_series(one, inputs, {})) for one in found]
    else:
        cases = find_cases([studies], [one.name for one in inputs])
    watch = Watch(segmenter._network)
    profile = cProfile.Profile() if args.profile else None
    rows = []
    with Claims(output) as claims:
        for number, case in enumerate(cases):
            with profile if profile and number >= WARM_UP else nullcontext():
                run = CaseRun(recipe, case, claims)
                read = cpu_ms(partial(run.read, segmenter))
                watch.ms = 0.0
                segment = cpu_ms(partial(run.segment, segmenter))
                finish = cpu_ms(run.finish)
            assert not run.error, run.error
            rows.append((read, segment - watch.ms, watch.ms, finish))
    if profile:
        profile.dump_stats(args.profile)
    for name, times in zip((*STEPS, "all beside the network"), columns(rows[WARM_UP:]), strict=True):
        lower, middle, upper = statistics.quantiles(times, n=4)
        print(f"{name}: {middle:.1f} ms ({lower:.1f} to {upper:.1f})")


class Watch:
    """The CPU milliseconds of a network, added up."""

    def __init__(self, network: Any) -> None:
        self.ms = self.start = 0.0
        network.register_forward_pre_hook(self.begin)
        network.register_forward_hook(self.end)

    def begin(self, *_: Any) -> None:
        self.start = time.process_time()

    def end(self, *_: Any) -> None:
        self.ms += 1000 * (time.process_time() - self.start)


def cpu_ms(work: Callable[[], object]) -> float:
    """The CPU milliseconds of the process, all threads, while something is done."""
    start = time.process_time()
    work()
    return 1000 * (time.process_time() - start)


def columns(rows: Sequence[tuple[float, ...]]) -> list[tuple[float, ...]]:
    """The times of each step, and the sums without the network."""
    steps = list(zip(*rows, strict=True))
    return [*steps, tuple(read + beside + finish for read, beside, _, finish in rows)]


if __name__ == "__main__":
    main()
