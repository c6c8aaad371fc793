"""From what a user names to a list of cases: files, DICOM folders, folders of images, named images, a table."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from monai_attn.errors import FileError, InputError
from monai_attn.io import stem
from monai_attn.io.names import VOLUME_SUFFIXES

__all__ = ["Case", "find_cases"]


@dataclass(frozen=True)
class Case:
    """One study to segment: the name its results bear, and where its image is, or its images by name are."""

    name: str
    source: Path | Mapping[str, Path]

    @property
    def paths(self) -> tuple[Path, ...]:
        """Every path of it."""
        return (self.source,) if isinstance(self.source, Path) else tuple(self.source.values())


def find_cases(inputs: Sequence[str | Path], names: Sequence[str] = ("image",)) -> list[Case]:
    """The cases of a bundle whose images are called `names`.

    For one image, a file is a case; a folder is one DICOM case, or holds image files that are a case each. For
    several, a folder is a case, and `t1=PATH ct=PATH` together are one. A table (.csv) lists cases in rows: a column
    `case`, and one for each image, relative to the table; an empty cell is a missing image.

    Named by the file without its suffix, by the folder, or by the folder of an image that is called like the image.
    Raises `FileError` for a path that does not exist and `InputError` when two cases would bear one name.
    """
    cases: dict[str, Case] = {}
    named, others = _named(inputs, names)
    for case in [
        *([_joined(named)] if named else []),
        *(case for given in others for case in _cases(Path(given), names)),
    ]:
        for path in case.paths:
            if not path.exists():
                raise FileError(f"{path.name or path} does not exist.")
        if case.name in cases and not _same(cases[case.name], case):
            raise InputError(
                f"Two inputs would both be called {case.name!r}, and one result would overwrite the other. "
                "Segment them into different folders."
            )
        cases[case.name] = case
    if not cases:
        raise InputError("There is no image to segment: name a file, a DICOM folder or a folder of images.")
    return list(cases.values())


def _named(inputs: Sequence[str | Path], names: Sequence[str]) -> tuple[dict[str, Path], list[str | Path]]:
    """`t1=PATH` apart from the rest."""
    named: dict[str, Path] = {}
    others: list[str | Path] = []
    for given in inputs:
        name, sign, path = str(given).partition("=")
        if not sign or Path(given).exists() or Path(name).name != name:
            others.append(given)
        elif name not in names:
            raise InputError(f"The bundle takes {', '.join(names)}, not {name!r}.")
        elif not path:
            raise InputError(f"{name}= names no image. Write {name}=PATH, or leave it out.")
        elif name in named:
            raise InputError(f"{name} is given twice. One command line names the images of one case; use a table.")
        else:
            named[name] = Path(path)
    return named, others


def _joined(named: Mapping[str, Path]) -> Case:
    name, path = next(iter(named.items()))
    inside = stem(path).lower() == name.lower() and path.absolute().parent.name
    return Case(inside or stem(path), dict(named))


def _cases(path: Path, names: Sequence[str]) -> list[Case]:
    if not path.exists():
        raise FileError(f"{path.name or path} does not exist.")
    if path.suffix.lower() == ".csv":
        return _table(path, names)
    if path.is_dir() and len(names) == 1:
        images = sorted(entry for entry in path.iterdir() if entry.name.lower().endswith(VOLUME_SUFFIXES))
        return [Case(stem(image), image) for image in images or [path]]
    return [Case(stem(path), path)]


def _table(path: Path, names: Sequence[str]) -> list[Case]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            rows = csv.DictReader(stream)
            header = list(rows.fieldnames or [])
            lines = [(rows.line_num, row) for row in rows]
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path.name} is no table of comma-separated text in UTF-8: {error}.") from error
    columns = [name for name in header if name in names]
    if sorted(header) != sorted({"case", *columns}) or not columns:
        raise InputError(f"{path.name} needs the columns case and {', '.join(names)}; it has {', '.join(header)}.")
    cases: list[Case] = []
    for number, row in lines:
        images = {name: path.parent / row[name].strip() for name in columns if (row[name] or "").strip()}
        case = (row["case"] or "").strip()
        if not case or not images or Path(case).name != case:
            raise InputError(f"Line {number} of {path.name} needs a case, which names its files, and an image.")
        if case in (other.name for other in cases):
            raise InputError(f"{path.name} lists the case {case!r} twice.")
        for name, image in images.items():
            if not image.exists():
                raise FileError(f"Line {number} of {path.name}: {row[name].strip()} does not exist.")
        cases.append(Case(case, images if len(names) > 1 else images[names[0]]))
    return cases


def _same(one: Case, other: Case) -> bool:
    return [path.resolve() for path in one.paths] == [path.resolve() for path in other.paths]
