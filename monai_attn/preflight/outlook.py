"""Before a run: do these images suit this bundle, how long will it take, will it fit into memory.

The napari panel calls `outlook`, so that a user sees refusal, time and memory before the run. A run checks the same
again: the outlook promises nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from monai_attn.backends.execution import Execution
from monai_attn.bundle.case import cut_case
from monai_attn.bundle.describe import BundleDescription
from monai_attn.errors import GeometryError
from monai_attn.finders import Regions, box_around
from monai_attn.preflight.chosen import check_chosen
from monai_attn.preflight.estimate import DEFAULT, Estimate, estimate
from monai_attn.preflight.findings import Finding
from monai_attn.preflight.images import check_images
from monai_attn.preflight.look import check_look
from monai_attn.preflight.made_for import MadeFor
from monai_attn.preflight.memory import available_bytes
from monai_attn.preflight.regions import check_unsized, finds_regions
from monai_attn.volume import Volume

__all__ = ["Outlook", "outlook"]


SEEKS = "The image shows more than the network was trained on: the regions {} will be found in it first."
"""What a user is told where a finder will be asked."""


@dataclass(frozen=True)
class Outlook:
    """What is known before a run: findings, and the estimate; None where there is nothing to estimate.

    >>> Outlook().ready
    False
    """

    findings: tuple[Finding, ...] = ()
    estimate: Estimate | None = None

    @property
    def ready(self) -> bool:
        """Whether the run can start: there is an image, and no finding is an error."""
        return self.estimate is not None and all(finding.severity != "error" for finding in self.findings)


def outlook(
    bundle: BundleDescription,
    images: Mapping[str, Volume],
    *,
    region: Regions = None,
    execution: Execution = DEFAULT,
    extra_runs: int = 0,
    maps: Sequence[str] = (),
    cold: bool = False,
    speeds: Path | None = None,
    memory: int | None = None,
) -> Outlook:
    """The outlook for segmenting a region of these images; the whole images without a region.

    `images` go by the names that the bundle gives them, the reference image first. `extra_runs`, `maps`, `cold` and
    `speeds`: see `estimate`. `memory`: free bytes, by default what the system has free. What a run would refuse is an
    "error".
    Nothing of the bundle runs.

    `region` is a box in mm (RAS+), or several by name. A region outside the image gives an "error", and no estimate.
    Without one, an image that the bundle's finder is asked about gives a "note". No image at all gives the findings of
    `check_chosen` alone.
    """
    findings = check_chosen(bundle, images)
    if not images:
        return Outlook(tuple(findings))
    case = {name: [image] for name, image in images.items()}
    made_for = MadeFor.from_json(bundle.made_for)
    seeks = region is None and bundle.finder is not None and finds_regions(made_for, case)
    boxes = list(region.values()) if isinstance(region, Mapping) else [region]
    parts = []
    for box in boxes:
        try:
            cut = cut_case(case, box) if box else case
        except GeometryError as error:
            return Outlook((*findings, Finding("error", str(error))))
        if seeks:
            findings += check_unsized(made_for, bundle.images, cut)
        else:
            findings += check_images(made_for, bundle.images, cut, region=box)
        findings += check_look(bundle, {name: one for name, (one,) in cut.items()}, trained=made_for is not None)
        parts.append(cut[next(iter(cut))][0])
    if seeks and bundle.finder is not None:
        entry = bundle.finder.entry
        findings.append(Finding("note", SEEKS.format(" and ".join(entry.regions))))
        parts = [middle_of(parts[0], entry.size_mm)] * len(entry.regions)
    expected = estimate(bundle, parts, execution, extra_runs=extra_runs, maps=maps, cold=cold, speeds=speeds)
    findings += _memory(expected.bytes, available_bytes() if memory is None else memory)
    findings += [Finding("note", f"{name}: {note}") for name, image in images.items() for note in image.notes]
    return Outlook(tuple(findings), expected)


def middle_of(image: Volume, size_mm: Sequence[float]) -> Volume:
    """The middle of an image, of a size in mm along R, A and S: for an estimate before the place is known.

    A size larger than the image gives the whole image.
    """
    bounds = image.bounds
    middle = [(low + high) / 2 for low, high in zip(bounds.lower_mm, bounds.upper_mm, strict=True)]
    return image.crop(image.slices_of(box_around(middle, size_mm)))


def _memory(needed: int, free: int | None) -> Iterator[Finding]:
    """A warning when a run needs more memory than is free; nothing where that is not known."""
    if free is not None and needed > free:
        yield Finding(
            "warning",
            f"About {needed / 2**30:.1f} GiB of memory are needed and {free / 2**30:.1f} GiB are free. "
            "Draw a region, or close other programs.",
        )
