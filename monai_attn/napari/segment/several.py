"""Several regions of one image, such as left and right, in one mask: the check before the run, and the run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from monai_attn.io.dicomseg.masks import smallest_type
from monai_attn.labels import Label, LabelTable, default_colour
from monai_attn.napari.segment.request import Request
from monai_attn.preflight.estimate import Estimate
from monai_attn.preflight.findings import Finding
from monai_attn.preflight.outlook import Outlook, outlook
from monai_attn.segmentation import Segmentation
from monai_attn.volume import Box

if TYPE_CHECKING:
    from monai_attn.segmenter import Segmenter

__all__ = ["outlook_of", "segment_several"]


def outlook_of(request: Request) -> Outlook:
    """The check before a run, of each region: what concerns one region alone begins with the region's name.

    Patches and seconds are summed; the memory is that of the largest region.
    """
    extra = request.maps.count("flip_variance")
    regions: dict[str, Box | None] = {**request.regions} or {"": request.region}
    parts = {
        name: outlook(request.bundle, request.images, region=region, execution=request.execution, extra_runs=extra)
        for name, region in regions.items()
    }
    if len(parts) == 1:
        return next(iter(parts.values()))
    shared = set.intersection(*(set(part.findings) for part in parts.values()))
    findings = list(dict.fromkeys(one for part in parts.values() for one in part.findings if one in shared))
    findings += [
        Finding(one.severity, f"{name}: {one.text}")
        for name, part in parts.items()
        for one in part.findings
        if one not in shared
    ]
    return Outlook(tuple(findings), _sum([part.estimate for part in parts.values()]))


def _sum(estimates: list[Estimate | None]) -> Estimate | None:
    """One estimate for runs after each other; None where one of them is not known."""
    known = [one for one in estimates if one is not None]
    if len(known) < len(estimates):
        return None
    windows = [one.windows for one in known if one.windows is not None]
    seconds = [one.seconds for one in known if one.seconds is not None]
    return Estimate(
        sum(windows) if len(windows) == len(known) else None,
        sum(seconds) if len(seconds) == len(known) else None,
        all(one.measured for one in known),
        max(one.bytes for one in known),
        any(one.at_most for one in known),
    )


def segment_several(
    segmenter: Segmenter, request: Request, progress: Callable[[int, int | None], None]
) -> Segmentation:
    """One mask of all regions of a request: a label for each region and structure, on the image's grid.

    The names of the labels begin with the region's name, and so do warnings that concern one region. The regions are
    segmented one after the other; where two overlap, the later one holds. No map is made.
    """
    done_before, parts = 0, {}
    for name, region in request.regions.items():
        last = 0

        def tell(done: int, total: int | None, before: int = done_before) -> None:
            nonlocal last
            last = done
            progress(before + done, total * len(request.regions) if total is not None else None)

        parts[name] = segmenter(request.source, region=region, progress=tell)
        done_before += last
    first = next(iter(parts.values()))
    labels: list[Label] = []
    count = sum(len(part.table) for part in parts.values())
    merged = np.zeros(first.labels.shape, smallest_type(count))
    for name, part in parts.items():
        for label in part.table:
            value = len(labels) + 1
            merged[part.labels.array == label.value] = value
            colour = label.colour if part is first else default_colour(value)
            labels.append(replace(label, value=value, name=f"{name} {label.name}", colour=colour))
    provenance = {
        **first.provenance,
        "region_mm": None,
        "regions_mm": {name: [list(box.lower_mm), list(box.upper_mm)] for name, box in request.regions.items()},
        "seconds": sum(float(part.provenance["seconds"]) for part in parts.values()),
        "warnings": [f"{name}: {text}" for name, part in parts.items() for text in part.warnings],
    }
    return Segmentation(first.labels.with_array(merged), LabelTable(tuple(labels)), provenance)
