"""Which file or DICOM series of a case is which image of a bundle."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from monai_attn.cases.folders import named_images
from monai_attn.errors import FileError, InputError
from monai_attn.io import Series, count_volumes, list_series, read, read_slices, stem
from monai_attn.volume import Volume

__all__ = ["ImageFile", "ImageInput", "choice_of", "find_images"]


@dataclass(frozen=True)
class ImageInput:
    """One image that a bundle takes, as the bundle's metadata describe it.

    `modality` is DICOM's code (MR, CT, PT) and `unit` the unit of the grey values ("HU", "g/ml" for SUV), each "" where
    the metadata do not say. `description` is for a person. `series` is a part of the series description, which tells
    the image from others of its modality.
    """

    name: str
    modality: str = ""
    description: str = ""
    series: str = ""
    unit: str = ""

    def is_said_in(self, description: str) -> bool:
        """Whether the description of a series holds the words of `series`; capital letters do not matter."""
        return self.series.casefold() in description.casefold()

    def alike(self, inputs: Sequence[ImageInput]) -> list[ImageInput]:
        """The other images of the same modality among the images of a bundle."""
        return [other for other in inputs if other is not self and other.modality == self.modality]


@dataclass(frozen=True)
class ImageFile:
    """Where an image is: a file or DICOM folder, which series of the folder, and which volume of the file, from 0.

    `files` are the slices, where they are known: the folder is not searched then.

    >>> ImageFile(Path("t1.nii.gz")).place, ImageFile(Path("t1_and_flair.nii.gz"), volume=1).place
    ('t1.nii.gz', ImageFile(path=PosixPath('t1_and_flair.nii.gz'), series=None, volume=1))
    """

    path: Path
    series: str | None = None
    volume: int | None = None
    files: tuple[Path, ...] = field(default=(), repr=False)

    @property
    def place(self) -> str | ImageFile:
        """The path where it says all, as configs take it; else the value itself, which `LoadVolumed` reads."""
        return str(self.path) if self.series is None and self.volume is None else self

    def read(self, *, suv_factor: float | None = None) -> Volume:
        """The image, as `monai_attn.io.read` gives it and with the errors of that function.

        `suv_factor` is the factor from the values of a PET to SUV.
        """
        if self.files:
            return read_slices(self.files, self.path.name, volume=self.volume, suv_factor=suv_factor)
        return read(self.path, series=self.series, volume=self.volume, suv_factor=suv_factor)


def find_images(
    source: str | Path | Mapping[str, str | Path],
    inputs: Sequence[ImageInput],
    series: str | Mapping[str, str] | None = None,
    *,
    joined: bool = False,
) -> dict[str, ImageFile]:
    """Where the images of one case are, in the order of `inputs`; an image that is not there is left out.

    `source` is a mapping of image names to paths, or one path. A bundle of one image takes any path. For several
    images the path is a file called like one of them, or a folder of either of these kinds:

    - with a file of each name (`t1.nii.gz`);
    - with DICOM series. Each image takes the series of its modality; of several, the series whose description holds
      `ImageInput.series`.

    With `joined` the inputs are the channels of one image. Then a file of as many volumes holds all of them, in the
    order of `inputs`.

    `series` chooses within DICOM folders, by the names of the images where there are several. Raises `InputError` for
    an unknown name, when nothing is found, and with a list of the series when several could be meant. Raises
    `FileError` for a path that does not exist.
    """
    names = [one.name for one in inputs]
    chosen = _chosen(series, names)
    if isinstance(source, Mapping):
        return _of_names(source, inputs, chosen)
    path = Path(source)
    if len(inputs) == 1:
        return {names[0]: ImageFile(path, chosen.get(names[0]))}
    if not path.exists():
        raise FileError(f"{path.name or path} does not exist. Check the path.")
    if not path.is_dir():
        name = next((name for name in names if name.lower() == stem(path).lower()), None)
        if name is None and joined:
            return _of_volumes(path, names)
        if name is None:
            raise InputError(f"Which of {', '.join(names)} is {path.name}? Write {names[0]}=..., or give a folder.")
        return {name: ImageFile(path, chosen.get(name))}
    named = named_images(path, names)
    if named:
        return {name: ImageFile(file, chosen.get(name)) for name, file in named.items()}
    return _of_series(path, inputs, chosen)


def _of_volumes(path: Path, names: Sequence[str]) -> dict[str, ImageFile]:
    """The volumes of a file as the channels of an image, in their order."""
    count = count_volumes(path)
    if count != len(names):
        raise InputError(
            f"{path.name} holds {count} volume{'s' if count > 1 else ''}, and the bundle takes {len(names)} channels: "
            f"{', '.join(names)}. Give a file of {len(names)} volumes in this order, or name the images: {names[0]}=..."
        )
    return {name: ImageFile(path, volume=number) for number, name in enumerate(names)}


def _of_names(
    source: Mapping[str, str | Path], inputs: Sequence[ImageInput], chosen: Mapping[str, str]
) -> dict[str, ImageFile]:
    names = [one.name for one in inputs]
    _check_names(source, names)
    if not source:
        raise InputError(f"The case names no image. Give at least one of {', '.join(names)}.")
    files = {}
    for one in inputs:
        if one.name in source:
            path = Path(source[one.name])
            several = len(inputs) > 1 and one.name not in chosen and path.is_dir()
            found = list_series(path) if several else []
            # Of a folder with one series the reader takes that; the modality is checked when it is read.
            files[one.name] = ImageFile(
                path, chosen.get(one.name) or (_series_of(found, one, [], path.name) if len(found) > 1 else None)
            )
    return files


def _of_series(path: Path, inputs: Sequence[ImageInput], chosen: Mapping[str, str]) -> dict[str, ImageFile]:
    """A series of a DICOM folder for each input, as far as they are there."""
    found = list_series(path)
    told: dict[str, str | None] = dict(chosen)
    for one in inputs:
        if one.name not in chosen:
            told[one.name] = _series_of(found, one, one.alike(inputs), path.name)
    files = {name: ImageFile(path, told[name]) for name in (one.name for one in inputs) if told.get(name) is not None}
    taken = Counter(image.series for image in files.values())
    twice = [name for name, image in files.items() if taken[image.series] > 1]
    if twice:
        raise InputError(
            f"{path.resolve().name} holds one series that could be {' or '.join(twice)}. Say which it is, and leave "
            f"the others out: {twice[0]}={path.name}"
        )
    if not files:
        names = [one.name for one in inputs]
        raise InputError(
            f"{path.resolve().name} holds neither a file called like one of {', '.join(names)} nor a DICOM series of "
            f"their modalities. Name the images: {names[0]}=..."
        )
    return files


def _series_of(found: Sequence[Series], one: ImageInput, others: Sequence[ImageInput], folder: str) -> str | None:
    """The series that an input takes, for `read`; None when there is none.

    Where there are `others` of its modality, the description has to tell the input from them. A lone series that cannot
    be read is taken, so that reading it says why.
    """
    fits = [series for series in found if one.modality and series.modality == one.modality]
    if one.series and (others or len(fits) > 1):
        told = [series for series in fits if one.is_said_in(series.description)]
        fits = told if others else told or fits
    fits = [series for series in fits if not series.problem] or fits
    if len(fits) > 1:
        raise InputError(
            f"{folder} holds {len(fits)} series that could be {one.name} ({one.modality}). Choose one by name, for "
            f"example --series {one.name}={fits[0].key}:\n" + "\n".join(f"  {series}" for series in fits)
        )
    if not fits:
        return None
    return choice_of(fits[0], found)


def choice_of(series: Series, found: Sequence[Series]) -> str:
    """What chooses one series among those found together, for `read`: its UID, or its key where others share the UID.

    Series of one UID exist: the parts of a localizer have several orientations.
    """
    alone = [one.uid for one in found].count(series.uid) == 1
    return series.uid if alone else series.key


def _chosen(series: str | Mapping[str, str] | None, names: Sequence[str]) -> dict[str, str]:
    """`series` by the names of the inputs. "t1=#2" names one; a description may hold such a sign as well."""
    if series is None:
        return {}
    if isinstance(series, Mapping):
        _check_names(series, names)
        return dict(series)
    name, sign, wanted = series.partition("=")
    if sign and name in names:
        return {name: wanted}
    if len(names) > 1:
        raise InputError(f"This bundle takes {', '.join(names)}: say which of them {series!r} is ({names[0]}=...).")
    return {names[0]: series}


def _check_names(given: Mapping[str, object], names: Sequence[str]) -> None:
    unknown = [name for name in given if name not in names]
    if unknown:
        what = f"one image, {names[0]!r}" if len(names) == 1 else f"the images {', '.join(names)}"
        raise InputError(f"This bundle takes {what}, not {', '.join(unknown)}.")
