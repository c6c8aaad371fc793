"""Labelled cases compared with one another: the same image twice, one person in two parts, the odd one out."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from monai_attn.cases import ImageInput
from monai_attn.cases.labelled import LabelledSet
from monai_attn.cases.split import holds_most
from monai_attn.preflight.labelled_figures import CaseFigures, ImageFigures

__all__ = ["check_set", "with_modalities"]

AIR_HU = -500.0
"""A CT has many values below this in air; images of other modalities have none."""

STORED_HU = 800.0
"""Soft tissue lies far below. Where the values of a CT are stored without the rescaling to HU, it lies near 1000."""

MOST = 0.8
"""Where this share of the cases is alike, a case that differs is named."""

COARSE = 3.0
"""Voxels so many times as long or as short as the median of the cases are named."""

ODD_VOLUME = 10.0
"""A structure so many times as large or as small as its median is named, among at least `ENOUGH` cases."""

ENOUGH = 5

UNNAMED = re.compile(r"structure \d+")
"""What structures are called of which only the value is known."""

Said = tuple[str, str, str]
"""Severity, sentence, and the case, "" for the whole data set."""


def check_set(labelled: LabelledSet, figures: Sequence[CaseFigures]) -> Iterator[Said]:
    """Findings that only a comparison of the cases gives. Cases that could not be read are passed over."""
    read = [one for one in figures if not one.problem]
    yield from _twice(labelled, read)
    yield from _patients(labelled, read)
    yield from _never_drawn(labelled, read)
    yield from _never_together(labelled, read)
    for image in labelled.images:
        mine = {one.name: one.images[image.name] for one in read if image.name in one.images}
        yield from _modalities(image.name, mine)
        yield from _ct(image.name, image.modality, mine)
        if image.modality == "CT":
            yield from _no_air(image.name, read)
        yield from _spacings(image.name, mine)
    yield from _volumes(labelled, read)


def with_modalities(labelled: LabelledSet, figures: Sequence[CaseFigures]) -> LabelledSet:
    """The data set with the modality of each image of which it does not say one.

    It is what most files say (DICOM), else CT in HU where most cases have the values of air. Otherwise the modality
    stays unknown.
    """
    read = [one for one in figures if not one.problem]
    images = (
        _known(one, [case.images[one.name] for case in read if one.name in case.images]) for one in labelled.images
    )
    return replace(labelled, images=tuple(images))


def _known(image: ImageInput, mine: Sequence[ImageFigures]) -> ImageInput:
    """The image with modality and unit as its cases suggest."""
    if image.modality or not mine:
        return image
    said = [(one.modality, one.unit) for one in mine if one.modality]
    if len(said) >= MOST * len(mine):
        modality, unit = max(set(said), key=said.count)
        return replace(image, modality=modality, unit=unit)
    air = sum(_has_air(one) for one in mine)
    return replace(image, modality="CT", unit="HU") if air >= MOST * len(mine) else image


def _has_air(image: ImageFigures) -> bool:
    """Whether an image has the values of air in CT."""
    return bool(image.values) and image.values["p1"] < AIR_HU


def _twice(labelled: LabelledSet, read: Sequence[CaseFigures]) -> Iterator[Said]:
    """One image in two cases: an error across parts of the data set, where a score would count a case of training."""
    first: dict[str, str] = {}
    for one in read:
        for name, image in one.images.items():
            other = first.setdefault(image.digest, one.name)
            if other == one.name:
                continue
            parts = [labelled[case].part for case in (other, one.name)]
            across = None not in parts and parts[0] != parts[1]
            yield (
                "error" if across else "warning",
                f"The image {name!r} has the same voxels as an image of {other}"
                + (f", which is in the part {parts[0]}; this case is in the part {parts[1]}" if across else "")
                + ". Keep one of the two.",
                one.name,
            )


def _patients(labelled: LabelledSet, read: Sequence[CaseFigures]) -> Iterator[Said]:
    """One person in two parts of the data set."""
    first: dict[str, str] = {}
    for one in read:
        case = labelled[one.name]
        if not case.patient or case.part is None:
            continue
        other = labelled[first.setdefault(case.patient, case.name)]
        if other.part != case.part:
            yield (
                "error",
                f"The patient of this case (part {case.part}) is also that of {other.name} (part {other.part}). Give "
                "all cases of a patient to one part.",
                case.name,
            )
    free = [labelled[one.name].patient for one in read if labelled[one.name].part is None]
    count = max(Counter(filter(None, free)).values(), default=0)
    if holds_most(count, len(free)):
        yield (
            "warning",
            f"{count} of {len(free)} cases are said to be of one patient, so they all go to the training. Where an "
            "anonymiser gave all patients one number, list the cases in a table with a column patient.",
            "",
        )


def _never_drawn(labelled: LabelledSet, read: Sequence[CaseFigures]) -> Iterator[Said]:
    """Structures of the table that no case has."""
    for label in labelled.labels if read else ():
        having = [one for one in read if label.value in one.structures]
        drawn = [one for one in having if label.value in labelled[one.name].known(labelled.labels)]
        if not drawn:
            yield (
                "warning",
                f"No case has a drawn voxel of {label.name}. The network cannot learn it; take it out of the labels.",
                "",
            )


def _never_together(labelled: LabelledSet, read: Sequence[CaseFigures]) -> Iterator[Said]:
    """Values without names that no two masks share: often one structure, written as 1 here and as 255 there."""
    names = [label.name for label in labelled.labels]
    single = all(len(one.structures) <= 1 for one in read)
    if single and len(names) > 1 and all(UNNAMED.fullmatch(name) for name in names):
        yield (
            "warning",
            f"Each mask holds one value, and they differ ({', '.join(names[:3])}). Where all are the same structure, "
            "write every mask with one value. Else name the structures in a file labels.json.",
            "",
        )


def _modalities(name: str, mine: Mapping[str, ImageFigures]) -> Iterator[Said]:
    """Other modalities or units than most cases have, by what the files say."""
    said = {case: " in ".join(filter(None, (image.modality, image.unit))) for case, image in mine.items()}
    known = [words for words in said.values() if words]
    most = max(set(known), key=known.count, default="")
    for case, words in said.items():
        if words and words != most:
            yield "warning", f"The image {name!r} is {words}; most cases have {most}. Check that it belongs here.", case


def _ct(name: str, modality: str, mine: Mapping[str, ImageFigures]) -> Iterator[Said]:
    """A CT among images of another modality by its grey values, and the reverse."""
    like = {
        case: image.values["p5"] < AIR_HU or image.values["p1"] < AIR_HU for case, image in mine.items() if image.values
    }
    share = sum(like.values()) / len(like) if like else 0.0
    for case, is_ct in like.items():
        low = mine[case].values["p1"]
        if is_ct and (modality not in ("", "CT") or share <= 1 - MOST):
            yield (
                "warning",
                f"The image {name!r} has values of {low:.0f} and below, as CT has them in air; "
                f"{'the data set says ' + modality if modality not in ('', 'CT') else 'most cases have none'}.",
                case,
            )
        elif not is_ct and share >= MOST:
            yield (
                "warning",
                f"The image {name!r} has no value near -1000 (1 % lie below {low:.4g}), and most cases have them in "
                "air. Check modality and unit: stored values of a CT may lack the rescaling to HU.",
                case,
            )


def _no_air(name: str, read: Sequence[CaseFigures]) -> Iterator[Said]:
    """A CT without the values of air in any case: an error where soft tissue cannot have such values in HU."""
    mine = [one for one in read if name in one.images and one.images[name].values]
    if not mine or any(_has_air(one.images[name]) for one in mine):
        return
    inside = [
        structure.values["p50"]
        for one in mine
        for structure in one.structures.values()
        if structure.values and next(iter(one.images)) == name  # the figures inside structures are of the first image
    ]
    median = float(np.median(inside or [one.images[name].values["p75"] for one in mine]))
    said = f"No case has values near -1000 in the image {name!r}, as CT has them in air"
    if median > STORED_HU:
        what = "the median of the structures is" if inside else "a quarter of the values lie above"
        yield (
            "error",
            f"{said}, and {what} {median:.0f}. Stored values of a CT lack the rescaling to HU, often by 1024. Store "
            "Hounsfield units, or do not call the image CT.",
            "",
        )
    else:
        yield (
            "warning",
            f"{said}. Check that they are Hounsfield units. Images cropped to the inside of the body have no air.",
            "",
        )


def _spacings(name: str, mine: Mapping[str, ImageFigures]) -> Iterator[Said]:
    """Voxels far longer or shorter than those of most cases."""
    if len(mine) < ENOUGH:
        return
    edges = {case: sorted(image.spacing_mm) for case, image in mine.items()}
    usual = np.median(list(edges.values()), axis=0)
    for case, edge in edges.items():
        ratio = np.array(edge) / usual
        if ratio.max() > COARSE or ratio.min() < 1 / COARSE:
            words, most = (" x ".join(f"{one:.3g}" for one in row) for row in (edge, usual))
            yield "warning", f"The image {name!r} has voxels of {words} mm; the median case has {most} mm.", case


def _volumes(labelled: LabelledSet, read: Sequence[CaseFigures]) -> Iterator[Said]:
    """Structures far larger or smaller than in most cases: a sign of exchanged labels or of a wrong unit."""
    for label in labelled.labels:
        mine = {
            one.name: one.structures[label.value].volume_ml
            for one in read
            if label.value in one.structures and label.value in labelled[one.name].scored(labelled.labels)
        }
        if len(mine) < ENOUGH:
            continue
        usual = float(np.median(list(mine.values())))
        spread = np.percentile(list(mine.values()), [5, 95])
        for case, volume in mine.items():
            odd = volume > ODD_VOLUME * usual or volume < usual / ODD_VOLUME
            if odd and not spread[0] <= volume <= spread[1]:
                yield "warning", f"{label.name} has {volume:.3g} ml; in the median case it has {usual:.3g} ml.", case
