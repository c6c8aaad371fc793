"""What lies in a tree of DICOM files, as an archive exports it: the place of every image, from headers alone.

A tree of a thousand studies has some hundred thousand files. Each header is read once, up to the size of the image.
What was read is kept in the cache of the package, so that a second look reads only files that are new or changed.
Nothing of a patient is kept: neither name nor number nor date, and of the paths only a hash. What the description of a
series says is kept as it is, since series are chosen by it. So nobody else may look into the folder of the cache.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from monai_attn.errors import FileError
from monai_attn.folders import cache_folder, files_in
from monai_attn.io.atomic import write_bytes_atomic
from monai_attn.io.dicom.files import number, numbers, quiet, text
from monai_attn.io.dicom.folders import begins_like_dicom
from monai_attn.io.foreign import is_foreign

if TYPE_CHECKING:
    from pydicom import Dataset

__all__ = ["Catalogue", "ImageHeader", "catalogue"]

FORMAT = 2
"""The number of the layout of the cache; another number is read anew."""

LAST_TAG = 0x00280030
"""PixelSpacing: behind this tag no header is read."""

KEYWORDS = [
    *(
        "SpecificCharacterSet",
        "ImageType",
        "SOPInstanceUID",
        "Modality",
        "SeriesDescription",
        "SliceThickness",
        "StudyInstanceUID",
    ),
    *("SeriesInstanceUID", "SeriesNumber", "ImagePositionPatient", "ImageOrientationPatient", "NumberOfFrames"),
    *("Rows", "Columns", "PixelSpacing"),
]


@dataclass(frozen=True)
class ImageHeader:
    """What one image file says of itself: study, series, and where the image lies.

    `position` (mm) and `orientation` are those of DICOM (LPS+), empty where the header does not say them, as in
    enhanced files. `spacing` is between rows and between columns, in mm.
    """

    study: str
    series: str
    instance: str
    modality: str
    description: str
    number: str
    image_type: str
    frames: int
    rows: int
    columns: int
    spacing: tuple[float, ...]
    thickness: float
    position: tuple[float, ...]
    orientation: tuple[float, ...]


@dataclass(frozen=True)
class Catalogue:
    """The images of a tree by their files; and the files that look like DICOM and cannot be read.

    `read` is the number of headers that were read now; the others were known.
    """

    images: dict[Path, ImageHeader]
    damaged: tuple[Path, ...]
    read: int


@quiet()
def catalogue(folder: Path, *, cache: Path | None = None) -> Catalogue:
    """The image files of a folder and its subfolders, from their headers.

    Files that are not DICOM, and DICOM objects without an image such as contours and reports, are left out. `cache`
    is the folder for what was read, by default that of the package. A cache that cannot be written is done without.

    Raises `FileError` when the folder is missing.
    """
    if not folder.is_dir():
        raise FileError(f"{folder.name} is not a folder. Check the path.")
    home = folder.resolve()
    place = (cache or cache_folder()) / "dicom" / f"{_hash(str(home))}.json"
    known, fresh, read = _load(place), {}, 0
    images, damaged = {}, []
    for path in sorted(files_in(folder)):
        try:
            status = path.stat()
            name, stamp = _hash(path.relative_to(folder).as_posix()), [status.st_size, status.st_mtime_ns]
            entry = known.get(name)
            if entry is None or entry[0] != stamp:
                read += 1
                entry = [stamp, _read(path)]
        except OSError:
            damaged.append(path)
            continue
        fresh[name] = entry
        if entry[1] == DAMAGED:
            damaged.append(path)
        elif entry[1] is not None:
            images[path] = _header(entry[1])
    if read or len(fresh) != len(known):
        _save(place, fresh)
    return Catalogue(images, tuple(damaged), read)


DAMAGED = "damaged"
"""Stands in the cache for a file that begins like DICOM and cannot be read."""


def _read(path: Path) -> Any:
    """What a file says of itself, as the cache keeps it; None for a file without an image."""
    from pydicom.datadict import tag_for_keyword
    from pydicom.filereader import read_partial

    if not path.is_file() or not begins_like_dicom(path):
        return None
    try:
        with path.open("rb") as stream:
            wanted: list[Any] = [tag_for_keyword(keyword) for keyword in KEYWORDS]
            header = read_partial(stream, lambda tag, *_: tag > LAST_TAG, force=True, specific_tags=wanted)
        return _entry(header)
    except BaseException as error:
        if not is_foreign(error):
            raise
        return DAMAGED


def _entry(header: Dataset) -> dict[str, Any] | None:
    rows, columns = (number(header, keyword) for keyword in ("Rows", "Columns"))
    if not rows or not columns:
        return None
    found = ImageHeader(
        study=text(header, "StudyInstanceUID"),
        series=text(header, "SeriesInstanceUID"),
        instance=text(header, "SOPInstanceUID"),
        modality=text(header, "Modality"),
        description=text(header, "SeriesDescription"),
        number=text(header, "SeriesNumber"),
        image_type=text(header, "ImageType"),
        frames=int(number(header, "NumberOfFrames") or 1),
        rows=int(rows),
        columns=int(columns),
        spacing=numbers(header, "PixelSpacing", 2) or (),
        thickness=number(header, "SliceThickness") or 0.0,
        position=numbers(header, "ImagePositionPatient", 3) or (),
        orientation=numbers(header, "ImageOrientationPatient", 6) or (),
    )
    return asdict(found)


def _header(entry: dict[str, Any]) -> ImageHeader:
    lists = {name: tuple(entry[name]) for name in ("spacing", "position", "orientation")}
    return ImageHeader(**{**entry, **lists})


def _hash(path: str) -> str:
    """What stands for a path in the cache, since a path may hold a name."""
    return hashlib.sha256(path.encode(errors="surrogateescape")).hexdigest()[:24]


def _load(place: Path) -> dict[str, Any]:
    """What is known of the files of a folder; nothing where the cache is missing, damaged or of another layout."""
    try:
        content = json.loads(place.read_text(encoding="utf-8"))
        files = content["files"] if content["format"] == FORMAT else {}
        entries: Iterable[Any] = files.values()
        for _, entry in entries:
            if isinstance(entry, dict):
                _header(entry)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}
    return dict(files)


def _save(place: Path, files: dict[str, Any]) -> None:
    content = json.dumps({"format": FORMAT, "files": files})
    with suppress(FileError, OSError):
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_bytes_atomic(place, content.encode(), overwrite=True)
