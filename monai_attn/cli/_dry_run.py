"""`monai-attn segment --dry-run`: everything that can be checked without computing a mask.

Called by `monai_attn.cli.segment` before anything is computed. The bundle is opened and the images are read, because
only then all refusals of a real run can be found. Nothing is written, and the network does not run.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from monai_attn.cli.words import command_words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from monai_attn.cohort import Case, Recipe
    from monai_attn.preflight.estimate import Estimate
    from monai_attn.segmenter import Segmenter
    from monai_attn.volume import Volume

__all__ = ["dry_run"]


def dry_run(recipe: Recipe, cases: Sequence[Case], segmenter: Segmenter) -> int:
    """Read and check each case, say what would be done, and write nothing; the exit code of the command.

    0 when every case could be segmented or is done already, 1 when some could not, 2 when none could.

    The lines on stdout say for each case: the grid, the mask's path, notes, warnings, time and memory. Errors go to
    stderr, one sentence for each case.
    """
    from monai_attn.cohort.attempt import attempt

    failed = 0
    expected: list[Estimate] = []
    for case in cases:
        lines: list[str] = []
        with attempt() as work:
            lines = _look(recipe, case, segmenter, expected)
        if work.error:
            print(f"{case.name}: {command_words(str(work.error), 'segment')}", file=sys.stderr)
            failed += 1
        for line in lines:
            print(line)
    if len(cases) > 1:
        print(_in_all(expected, len(cases) - failed - len(expected), failed))
    print(f"Dry run with {recipe.bundle}: nothing was segmented, nothing written.")
    return 0 if failed == 0 else 1 if failed < len(cases) else 2


def _in_all(expected: Sequence[Estimate], done: int, failed: int) -> str:
    """One line on all cases: how many of each kind, and the time and memory of those that would be segmented."""
    from monai_attn.preflight.estimate import duration

    counts = f"{done} done, {len(expected)} to do, {failed} with a problem."
    if not expected:
        return counts
    seconds = [one.seconds for one in expected if one.seconds is not None]
    time = f"about {duration(sum(seconds))} one after the other" if len(seconds) == len(expected) else "time not known"
    return f"{counts} In all {time}; {max(one.bytes for one in expected) / 2**30:.1f} GiB of memory for the largest."


def _look(recipe: Recipe, case: Case, segmenter: Segmenter, expected: list[Estimate]) -> list[str]:
    """What would be done with a case. Raises what the run would raise.

    The lines begin with the grid and the mask's path; a case that is done already has one line. The estimate of a case
    to do is added to `expected`.
    """
    from monai_attn.bundle.case import read_images
    from monai_attn.bundle.describe import describe_bundle
    from monai_attn.cohort.plan import decide, prepare
    from monai_attn.cohort.run import notes_of
    from monai_attn.preflight.estimate import estimate
    from monai_attn.results import State

    inputs, mask = segmenter.parts.inputs, recipe.files(case.name)[0]
    prepared = prepare(recipe, case, segmenter.parts)
    standing = prepared.standing
    done = [f"{case.name}: done already -> {mask}", *(f"  warning: {warning}" for warning in standing.warnings)]
    if standing.state is State.DONE and not standing.check_voxels:
        return done
    images = read_images(prepared.images, inputs, volume=recipe.volume, suv_factor=recipe.suv_factor)
    if decide(recipe, prepared, images).standing.state is State.DONE:
        return done
    plan = segmenter.plan(images, region=recipe.region, force=recipe.force)
    image = images[next(iter(images))]
    parts = {name: part.images[next(iter(part.images))][0] for name, part in plan.parts.items()}
    lines = [f"{case.name}: {_grid(image if plan.joins else parts[''])} -> {mask}"]
    lines += [f"  region {name}: {plan.boxes[name]}" for name in parts if plan.joins]
    if len(inputs) > 1:
        lines += [f"  {name}: {_grid(one)}" for name, one in images.items()]
    missing = [one.name for one in inputs if one.name not in images]
    lines += [f"  note: {note}" for note in notes_of(images, missing)]
    lines += [f"  warning: {warning}" for warning in plan.warnings]
    description = describe_bundle(recipe.bundle, recipe.overrides)
    expected.append(estimate(description, list(parts.values()), recipe.execution))
    return [*lines, f"  {expected[-1]}"]


def _grid(image: Volume) -> str:
    """Size in voxels, spacing in mm and orientation of an image, in one line."""
    size, spacing = " x ".join(map(str, image.shape)), " x ".join(f"{edge:.3g}" for edge in image.spacing_mm)
    return f"{size} voxels of {spacing} mm, {image.orientation}"
