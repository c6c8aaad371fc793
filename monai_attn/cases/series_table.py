"""A table of the series of many studies: written by a plan, changed in a spreadsheet, read as the cases to segment."""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from monai_attn.cases.case import Case
from monai_attn.cases.choosing import Judged
from monai_attn.cases.images import ImageFile
from monai_attn.cases.naming import checked_name, same_name
from monai_attn.cases.studies import Study, find_studies
from monai_attn.errors import FileError, InputError
from monai_attn.measure import to_csv

__all__ = ["holds_series_table", "series_table", "series_table_cases", "slices_in_shared_folders"]

COLUMNS = ("case", "image", "folder", "series", "chosen")
"""The columns of a table of series that are read; the others are for the reader."""

YES = ("yes", "y", "1", "true", "x")
NO = ("no", "n", "0", "false", "")
"""What the column `chosen` may say, in capital or small letters."""


def series_table(studies: Sequence[tuple[Study, Sequence[Judged]]], names: Sequence[str], home: Path) -> str:
    """A table (CSV) of every series of these studies: whether it was chosen, why, and what it is like.

    `names` are those of the bundle's images and `home` is the folder in which the table will lie: paths are relative to
    it. A series that was not chosen names the first image, so that a "yes" in `chosen` takes the series.
    """
    return to_csv([row for study, judged in studies for row in _rows(study, judged, names, home)])


def _rows(study: Study, judged: Sequence[Judged], names: Sequence[str], home: Path) -> Iterator[dict[str, Any]]:
    for one in judged:
        series = one.series
        yield {
            "case": study.name,
            "image": one.image or names[0],
            "folder": Path(os.path.relpath(series.folder, home)).as_posix(),
            "series": series.uid,
            "chosen": "yes" if one.image else "no",
            "why": one.why,
            "number": series.number,
            "modality": series.modality,
            "description": series.description,
            "orientation": series.plane,
            "slices": series.slices,
            "volumes": series.volumes,
            "rows": series.size[0],
            "columns": series.size[1],
            "pixel_mm": " x ".join(f"{edge:.4g}" for edge in series.pixel_mm),
            "step_mm": round(series.step_mm, 4),
            "gaps": series.gaps,
            "copies": series.copies,
        }


def holds_series_table(header: Sequence[str]) -> bool:
    """Whether the columns of a table are those of a table of series; one of them may have been lost."""
    return len({"folder", "series", "chosen"} & set(header)) > 1


def series_table_cases(
    path: Path, names: Sequence[str], header: Sequence[str], lines: Sequence[tuple[int, Mapping[str, str]]]
) -> list[Case]:
    """The cases of a table of series: of each row with "yes" in `chosen`, its series is that image of its case.

    `header` and `lines` are what `read_table` gives. Raises `InputError` for a missing column, another word than `YES`
    and `NO` in `chosen`, an unknown image, or an image that a case has twice. Raises `FileError` for a folder that does
    not exist.
    """
    missing = [name for name in COLUMNS if name not in header]
    if missing:
        raise InputError(f"{path.name} lacks the column {missing[0]!r} of a table of series. Write the table again.")
    found: dict[str, dict[str, ImageFile]] = {}
    called: dict[str, str] = {}
    for line, cells in lines:
        row = {key: cell.removeprefix("'") for key, cell in cells.items()}  # which `to_csv` puts before formulas
        where, folder = f"Line {line} of {path.name}", path.parent / row["folder"]
        if not _is_chosen(row["chosen"], where):
            continue
        name = checked_name(row["case"])
        if (first := called.setdefault(same_name(name), name)) != name:
            raise InputError(f"{where}: the cases {first!r} and {name!r} differ in capital letters alone. Rename one.")
        images = found.setdefault(name, {})
        if row["image"] not in names:
            raise InputError(f"{where}: the bundle takes {', '.join(names)}, not {row['image']!r}.")
        if row["image"] in images:
            raise InputError(f"{where}: {row['case']} has {row['image']} twice. Write no for one of them.")
        if not folder.is_dir():
            raise FileError(f"{where}: the folder {row['folder']} does not exist.")
        images[row["image"]] = ImageFile(folder, row["series"] or None)
    slices = slices_in_shared_folders([image for images in found.values() for image in images.values()])
    cases = {
        name: {key: replace(image, files=slices.get((image.path, image.series), ())) for key, image in images.items()}
        for name, images in found.items()
    }
    return [
        Case(name, {key: image.path for key, image in images.items()}, images=images) for name, images in cases.items()
    ]


def _is_chosen(word: str, where: str) -> bool:
    """What a word in the column `chosen` says. Raises `InputError` for a word that is neither yes nor no."""
    if word.casefold() not in (*YES, *NO):
        raise InputError(
            f"{where}: {word!r} in the column 'chosen' is neither yes nor no. Write one of {', '.join(YES)} to take "
            f"the series, or one of {', '.join(filter(None, NO))} or nothing to leave it out."
        )
    return word.casefold() in YES


def slices_in_shared_folders(images: Sequence[ImageFile]) -> dict[tuple[Path, str | None], tuple[Path, ...]]:
    """The files of each series, by folder and UID, in folders that several images share; read once for all of them.

    A UID under which a folder holds images of several kinds is left out: reading such a series says what is wrong.
    """
    found: dict[tuple[Path, str | None], list[tuple[Path, ...]]] = defaultdict(list)
    for folder in [folder for folder, count in Counter(image.path for image in images).items() if count > 1]:
        for study in find_studies(folder).studies:
            for series in study.series:
                found[folder, series.uid].append(series.files)
    return {key: files[0] for key, files in found.items() if len(files) == 1}
