"""Before a run: do these images suit this bundle, how long will it take, will it fit into memory.

The napari panel calls `outlook`, so that a user sees refusal, time and memory before the run. A run checks the same
again: the outlook promises nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from monai_attn.backends.execution import Execution
from monai_attn.bundle.case import cut_case
from monai_attn.bundle.describe import BundleDescription
from monai_attn.errors import GeometryError
from monai_attn.preflight.chosen import check_chosen
from monai_attn.preflight.estimate import DEFAULT, Estimate, estimate
from monai_attn.preflight.findings import Finding
from monai_attn.preflight.images import check_images
from monai_attn.preflight.look import check_look
from monai_attn.preflight.made_for import MadeFor
from monai_attn.preflight.memory import available_bytes
from monai_attn.volume import Box, Volume

__all__ = ["Outlook", "outlook"]


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
    region: Box | None = None,
    execution: Execution = DEFAULT,
    extra_runs: int = 0,
    speeds: Path | None = None,
    memory: int | None = None,
) -> Outlook:
    """The outlook for segmenting a region of these images; the whole images without a region.

    `images` go by the names that the bundle gives them, the reference image first. `extra_runs` and `speeds`: see
    `estimate`. `memory`: free bytes, by default what the system has free. What a run would refuse is an "error".
    Nothing of the bundle runs.

    `region` is a box in mm (RAS+). A region outside the image gives an "error", and no estimate. No image at all
    gives the findings of `check_chosen` alone.
    """
    findings = check_chosen(bundle, images)
    if not images:
        return Outlook(tuple(findings))
    case = {name: [image] for name, image in images.items()}
    try:
        case = cut_case(case, region) if region else case
    except GeometryError as error:
        return Outlook((*findings, Finding("error", str(error))))
    made_for = MadeFor.from_json(bundle.made_for)
    findings += check_images(made_for, bundle.images, case, region=region)
    findings += check_look(bundle, {name: one for name, (one,) in case.items()}, trained=made_for is not None)
    part = case[next(iter(case))][0]
    expected = estimate(bundle, part, execution, extra_runs=extra_runs, speeds=speeds)
    findings += _memory(expected.bytes, available_bytes() if memory is None else memory)
    findings += [Finding("note", f"{name}: {note}") for name, image in images.items() for note in image.notes]
    return Outlook(tuple(findings), expected)


def _memory(needed: int, free: int | None) -> Iterator[Finding]:
    """A warning when a run needs more memory than is free; nothing where that is not known."""
    if free is not None and needed > free:
        yield Finding(
            "warning",
            f"About {needed / 2**30:.1f} GiB of memory are needed and {free / 2**30:.1f} GiB are free. "
            "Draw a region, or close other programs.",
        )
