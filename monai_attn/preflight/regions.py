"""Which parts of an image are segmented: the regions that the user gave, those that a finder sees, or all of it.

An image of the size of the training images is segmented as a whole, as it always was. A far larger image is given to
the bundle's finder; a bundle without a finder refuses the image. `Segmenter` and `monai.bundle run` both ask here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from monai_attn.bundle.case import cut_case
from monai_attn.cases import ImageInput
from monai_attn.errors import InputError
from monai_attn.finders import Finder, Found, Regions
from monai_attn.preflight.case import check_case
from monai_attn.preflight.centring import Centroid, centred
from monai_attn.preflight.findings import Finding, refuse, texts
from monai_attn.preflight.images import check_images, is_far_too_large
from monai_attn.preflight.made_for import MadeFor
from monai_attn.volume import Box, Volume

__all__ = ["Part", "Plan", "finds_regions", "plan_case", "trained_size_mm"]

WAY_OUT = "Choose a region for each structure: --region NAME=R0,A0,S0,R1,A1,S1 for each of {}."


@dataclass(frozen=True)
class Part:
    """One part of a case that is segmented by itself: its box in mm (RAS+), None for all, and its images cut to it."""

    box: Box | None
    images: Mapping[str, list[Volume]]


@dataclass(frozen=True)
class Plan:
    """The parts of a case by the name of their region, and what was found out before the run.

    The name of the only part is "" where the user did not name it: a single box, or the whole image. `found` is what
    the finder gave, and None where no finder was asked.
    """

    parts: Mapping[str, Part]
    warnings: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    found: Found | None = None

    @property
    def joins(self) -> bool:
        """Whether the parts have names, so that their labels are joined in one label map."""
        return "" not in self.parts

    @property
    def boxes(self) -> dict[str, Box]:
        """The boxes of the parts that have one, by name."""
        return {name: part.box for name, part in self.parts.items() if part.box is not None}

    def about(self) -> dict[str, Any]:
        """What the record of the mask keeps: what the finder gave, and the notes; nothing where there is neither."""
        finder = {} if self.found is None else {"finder": self.found.to_json()}
        return {**finder, **({"notes": self.notes} if self.notes else {})}


def plan_case(
    made_for: MadeFor | None,
    inputs: Sequence[ImageInput],
    images: Mapping[str, list[Volume]],
    *,
    finder: Finder | None = None,
    region: Regions = None,
    force: bool = False,
    centroid: Centroid | None = None,
) -> Plan:
    """The parts of a case, with warnings and notes on the images of each; warnings begin with the part's name.

    Raises `InputError` for images of which no sensible mask can come, and for a finder that is not sure of its boxes;
    with `force` these sentences are warnings. With `force`, an image in which a region does not lie is segmented as a
    whole. Raises `GeometryError` for a region beside the image.

    `images` maps the bundle's name of an image to its volumes, the reference image first; boxes are in mm (RAS+). With
    `centroid`, the regions that a finder saw are moved to the structures; see `monai_attn.preflight.centring`.
    """
    if isinstance(region, Mapping):
        if not region or not all(region):
            raise InputError("Regions need a name each, and there is none. Give a box, or boxes by name.")
        boxes: dict[str, Box | None] = dict(region)
        return _planned(made_for, inputs, images, boxes, force=force)
    if region is not None or finder is None or not finds_regions(made_for, images):
        return _planned(made_for, inputs, images, {"": region}, force=force)
    blank = check_unsized(made_for, inputs, images)
    refuse(blank, force=force)
    found = finder.find(images[next(iter(images))][0])
    wanted = ", ".join(finder.entry.regions)
    problems = [Finding("error", f"The regions {wanted} were not found for certain. {text}") for text in found.problems]
    way_out = WAY_OUT.format(wanted)
    if problems:
        problems[-1] = Finding("error", f"{problems[-1].text} {way_out}")
    refuse(problems, force=force)
    if centroid is not None:
        found = centred(found, finder.entry, images, centroid)
    whole = set(found.regions) != set(finder.entry.regions)  # forced, and a region lies beside the image
    plan = _planned(made_for, inputs, images, {"": None} if whole else dict(found.regions), force=force)
    return Plan(plan.parts, [*texts(problems, "error"), *plan.warnings], plan.notes, None if whole else found)


def finds_regions(made_for: MadeFor | None, images: Mapping[str, Sequence[Volume]]) -> bool:
    """Whether the reference image is so much larger than the training images that a finder is to be asked.

    False without `made_for`: then nothing is known of the training images.
    """
    name = next(iter(images))
    trained = None if made_for is None else made_for.images.get(name)
    return trained is not None and is_far_too_large(images[name][0], trained)


def trained_size_mm(made_for: MadeFor | None, finder: Finder | None = None) -> tuple[float, float, float] | None:
    """The edges along R, A and S of a region as the network was trained on, in mm; None where that is not known.

    They are those of the bundle's finder, else the middle of the range of the training images. For
    `monai_attn.finders.box_around`, after a click on the structure.

    >>> trained_size_mm(None) is None
    True
    """
    if finder is not None:
        return finder.entry.size_mm
    if made_for is None or not made_for.images:
        return None
    least, most = next(iter(made_for.images.values())).size_mm
    r, a, s = ((low + high) / 2 for low, high in zip(least, most, strict=True))
    return r, a, s


def _planned(
    made_for: MadeFor | None,
    inputs: Sequence[ImageInput],
    images: Mapping[str, list[Volume]],
    boxes: Mapping[str, Box | None],
    *,
    force: bool,
) -> Plan:
    """The images cut to each box and checked. Raises as `plan_case`."""
    parts, warnings, notes = {}, [], []
    for name, box in boxes.items():
        cut = dict(images) if box is None else cut_case(images, box)
        said, noted = check_case(made_for, inputs, cut, region=box, force=force)
        parts[name] = Part(box, cut)
        warnings += [named(name, text) for text in said]
        notes += [text for text in noted if text not in notes]
    return Plan(parts, warnings, notes)


def named(region: str, text: str) -> str:
    """A sentence on one of several regions.

    >>> named("left", "The image is blank."), named("", "The image is blank.")
    ('left: The image is blank.', 'The image is blank.')
    """
    return f"{region}: {text}" if region else text


def check_unsized(
    made_for: MadeFor | None, inputs: Sequence[ImageInput], images: Mapping[str, Sequence[Volume]]
) -> list[Finding]:
    """What speaks against images before a finder is asked: only that they are blank or damaged, whatever their size."""
    return check_images(None if made_for is None else MadeFor(made_for.cases, {}, {}), inputs, images)
