"""`monai-attn segment --dry-run`: everything that can be checked without computing a mask.

Called by `monai_attn.cli.segment` before anything is computed. The bundle is opened and the images are read, because
only then all refusals of a real run can be found. Nothing is written, and the network does not run.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from monai_attn.cli.words import command_words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from monai_attn.cohort import Case, Recipe
    from monai_attn.preflight.estimate import Estimate
    from monai_attn.segmenter import Segmenter
    from monai_attn.volume import Volume

__all__ = ["dry_run"]


@dataclass(frozen=True)
class Look:
    """What a dry run found of one case. `estimate` is None where the case is done already, or cannot be segmented."""

    case: str
    mask: str = ""
    error: str = ""
    grids: dict[str, str] = field(default_factory=dict)  # "" is the grid of the mask, a name that of an image
    regions: dict[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    estimate: Estimate | None = None

    def lines(self) -> list[str]:
        """What the screen says of a case that can be segmented, or is done."""
        warnings = [f"  warning: {warning}" for warning in self.warnings]
        if self.estimate is None:
            return [f"{self.case}: done already -> {self.mask}", *warnings]
        lines = [f"{self.case}: {self.grids['']} -> {self.mask}"]
        lines += [f"  region {name}: {box}" for name, box in self.regions.items()]
        lines += [f"  {name}: {grid}" for name, grid in self.grids.items() if name]
        return [*lines, *(f"  note: {note}" for note in self.notes), *warnings, f"  {self.estimate}"]

    def to_json(self) -> dict[str, Any]:
        """The case as a JSON object, with the names that the cases of a run have."""
        return {
            "case": self.case,
            "error": self.error,
            "done_before": not self.error and self.estimate is None,
            "mask": self.mask,
            "regions": list(self.regions),
            "warnings": list(self.warnings),
            "notes": list(self.notes),
            "seconds": self.estimate and self.estimate.seconds,
            "bytes": self.estimate and self.estimate.bytes,
        }


def dry_run(recipe: Recipe, cases: Sequence[Case], segmenter: Segmenter, answer: dict[str, Any]) -> int:
    """Read and check each case, say what would be done, and write nothing; the exit code of the command.

    0 when every case could be segmented or is done already, 1 when some could not, 2 when none could.

    The lines on stdout say for each case: the grid, the mask's path, notes, warnings, time and memory. Errors go to
    stderr, one sentence for each case. `answer` gets the cases for `--json`.
    """
    from monai_attn.cohort.attempt import attempt

    looks: list[Look] = []
    for case in cases:
        with attempt() as work:
            looks.append(_look(recipe, case, segmenter))
        if work.error:
            looks.append(Look(case.name, error=command_words(str(work.error), "segment")))
            print(f"{case.name}: {looks[-1].error}", file=sys.stderr)
            continue
        for line in looks[-1].lines():
            print(line)
    answer["cases"] = [look.to_json() for look in looks]
    failed = sum(bool(look.error) for look in looks)
    expected = [look.estimate for look in looks if look.estimate is not None]
    if len(cases) > 1:
        print(_in_all(expected, len(cases) - failed - len(expected), failed))
    print(f"Dry run with {recipe.bundle}: nothing was segmented, and no result was written.")
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


def _look(recipe: Recipe, case: Case, segmenter: Segmenter) -> Look:
    """What would be done with a case. Raises what the run would raise."""
    from monai_attn.bundle.case import read_images
    from monai_attn.bundle.describe import describe_bundle
    from monai_attn.cohort.plan import decide, prepare
    from monai_attn.cohort.run import notes_of
    from monai_attn.inferers.maps import check_maps, extra_runs
    from monai_attn.preflight.estimate import estimate
    from monai_attn.results import State

    inputs, mask = segmenter.parts.inputs, str(recipe.files(case.name)[0])
    prepared = prepare(recipe, case, segmenter.parts)
    standing = prepared.standing
    done = Look(case.name, mask, warnings=tuple(standing.warnings))
    if standing.state is State.DONE and not standing.check_voxels:
        return done
    images = read_images(prepared.images, inputs, volume=recipe.volume, suv_factor=recipe.suv_factor)
    if decide(recipe, prepared, images).standing.state is State.DONE:
        return done
    check_maps(recipe.maps, segmenter.parts.network)
    plan = segmenter.plan(images, region=recipe.region, force=recipe.force)
    image = images[next(iter(images))]
    parts = {name: part.images[next(iter(part.images))][0] for name, part in plan.parts.items()}
    grids = {"": _grid(image if plan.joins else parts[""])}
    if len(inputs) > 1:
        grids |= {name: _grid(one) for name, one in images.items()}
    missing = [one.name for one in inputs if one.name not in images]
    description = describe_bundle(recipe.bundle, recipe.overrides)
    more = extra_runs(segmenter.parts.inferer, recipe.maps)
    return Look(
        case.name,
        mask,
        grids=grids,
        regions={name: str(plan.boxes[name]) for name in parts if plan.joins},
        notes=tuple(notes_of(images, missing)),
        warnings=tuple(plan.warnings),
        estimate=estimate(description, list(parts.values()), recipe.execution, extra_runs=more, maps=recipe.maps),
    )


def _grid(image: Volume) -> str:
    """Size in voxels, spacing in mm and orientation of an image, in one line."""
    size, spacing = " x ".join(map(str, image.shape)), " x ".join(f"{edge:.3g}" for edge in image.spacing_mm)
    return f"{size} voxels of {spacing} mm, {image.orientation}"
