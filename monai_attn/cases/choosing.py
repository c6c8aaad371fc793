"""Which series of a study is which image of a bundle: by rules, with a reason for every series that is not taken."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from monai_attn.cases.case import Case
from monai_attn.cases.images import ImageFile, ImageInput
from monai_attn.cases.studies import Study, StudySeries
from monai_attn.errors import InputError

__all__ = ["Judged", "SeriesRules", "choose_series", "study_case"]

IMAGES = ("MR", "CT", "PT", "NM")
"""The modalities that an image may have whose bundle names none."""

PLANES = ("axial", "coronal", "sagittal")

FEWEST = 3
"""A series of fewer slices is no volume."""


@dataclass(frozen=True)
class SeriesRules:
    """What the series of an image must be like. What is left out comes from the bundle, or does not matter.

    `modality` is DICOM's code. `descriptions` are patterns such as `*T1*`, the best first, in which capital letters do
    not matter; a series must fit one of them. `plane` is axial, coronal or sagittal. Raises `InputError` for another
    plane.

    >>> SeriesRules("MR", ("*mprage*", "*t1*"), "sagittal").plane
    'sagittal'
    """

    modality: str = ""
    descriptions: tuple[str, ...] = ()
    plane: str = ""

    def __post_init__(self) -> None:
        if self.plane not in ("", *PLANES):
            raise InputError(f"The orientation {self.plane!r} is not known. Choose one of {', '.join(PLANES)}.")


@dataclass(frozen=True)
class Judged:
    """A series, the image of the bundle for which it is taken ("" for none), and why."""

    series: StudySeries
    image: str
    why: str


def choose_series(study: Study, inputs: Sequence[ImageInput], rules: Mapping[str, SeriesRules]) -> list[Judged]:
    """Every series of a study, with the image for which it is taken or the reason why it is not.

    Among the series that fit the rules of an image the best is taken. It fits the first pattern, then the bundle's own
    series description; it has the fewest gaps, one volume, the thinnest slices, and the lowest number.

    >>> choose_series(Study("study-1", ()), [ImageInput("t1", "MR")], {})
    []
    """
    judged: dict[int, Judged] = {}
    for one in inputs:
        rule = rules.get(one.name, SeriesRules())
        fits = []
        others = one.alike(inputs)
        for number, series in enumerate(study.series):
            why = "; ".join(_against(series, one, rule, others))
            if number in judged and judged[number].image:
                continue
            if why:
                judged.setdefault(number, Judged(series, "", why))
            else:
                fits.append((_rank(series, one, rule), number))
        for place, (_, number) in enumerate(sorted(fits)):
            series, best = study.series[number], study.series[sorted(fits)[0][1]]
            why = "the best that fits" if len(fits) > 1 else "the only one that fits"
            if place:
                why = f"series {best.number or '?'} fits better"
            judged[number] = Judged(series, "" if place else one.name, why)
    return [judged[number] for number in range(len(study.series)) if number in judged]


def study_case(study: Study, judged: Sequence[Judged]) -> Case:
    """The case of a study with the series that were taken; with a problem where none was."""
    taken = {one.image: one.series for one in judged if one.image}
    images = {name: ImageFile(series.folder, series.uid or None, files=series.files) for name, series in taken.items()}
    source = {name: image.path for name, image in images.items()}
    if taken:
        return Case(study.name, source, images=images)
    why = " ".join(f"{one.series}: {one.why}." for one in judged) or "It holds no image."
    return Case(study.name, {}, problem=f"No series fits. {why}")


def _against(series: StudySeries, wanted: ImageInput, rule: SeriesRules, others: Sequence[ImageInput]) -> Iterator[str]:
    """What speaks against a series, in words; nothing for a series that fits.

    `others` are the other images of the modality: without a rule, the bundle's own words tell the image from them.
    """
    modality = rule.modality or wanted.modality
    if series.modality not in ([modality] if modality else IMAGES):
        yield f"{series.modality or 'no modality'}, not {modality or 'an image'}"
    if series.localizer:
        yield "a localizer, made for planning"
    if series.slices < FEWEST:
        yield f"{series.slices} slices"
    if rule.plane and series.plane and series.plane != rule.plane:
        yield f"{series.plane}, not {rule.plane}"
    if rule.descriptions and _fit(series, rule.descriptions) is None:
        yield f"the description fits none of {', '.join(rule.descriptions)}"
    if others and wanted.series and not rule.descriptions and not wanted.is_said_in(series.description):
        yield f"the description does not say {wanted.series!r}"
    if series.same_as:
        yield f"the same images as series {series.same_as}"


def _fit(series: StudySeries, patterns: Sequence[str]) -> int | None:
    """The place of the first pattern that the description fits; None for none."""
    text = series.description.casefold()
    return next((place for place, one in enumerate(patterns) if fnmatchcase(text, one.casefold())), None)


def _rank(series: StudySeries, wanted: ImageInput, rule: SeriesRules) -> tuple[float, ...]:
    """What orders the series that fit, the best first."""
    pattern = _fit(series, rule.descriptions) if rule.descriptions else 0
    hinted = bool(wanted.series) and wanted.is_said_in(series.description)
    number = int(series.number) if series.number.isdigit() else 0
    return (float(pattern or 0), not hinted, series.gaps, series.volumes, series.step_mm, -series.slices, number)
