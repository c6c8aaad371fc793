"""Which image files of a folder are masks of its other files, and so no cases to segment."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from pathlib import Path

from monai_attn.cases.folders import entries, image_files
from monai_attn.cases.naming import same_name
from monai_attn.cases.provenance import FILES, named_files, read_manifest
from monai_attn.io.names import stem

__all__ = ["MASK", "masks_among"]

MASK = re.compile(r"[ _.\-](seg|segmentation|mask|labels?|labelmap|gt|gtv)$", re.IGNORECASE)
"""What the name of a mask may have behind the name of the case."""

logger = logging.getLogger(__name__)


def masks_among(folder: Path) -> set[Path]:
    """The image files of a folder that are masks or other results, and no images of cases.

    A record of ours names the file; or the file is called like an image beside it, with `_seg`, `_mask`, `_label` or
    the like behind the name. Such a name is a guess, so a warning is logged. Raises `FileError` for a folder that may
    not be read.
    """
    files = image_files(folder)
    ours = set(_recorded(folder, files))
    names = {same_name(stem(path)) for path in files}
    called = [path for path in files if path not in ours and _image_name(path) in names]
    if called:
        logger.warning(
            "%d files in %s are taken for masks and left out, %s first. To segment such a file, name the file itself.",
            len(called),
            folder.resolve().name,
            called[0].name,
        )
    return ours.union(called)


def _recorded(folder: Path, files: list[Path]) -> Iterator[Path]:
    """The files of a folder that a record of ours names; the record of an earlier version is called like its mask."""
    for record in entries(folder):
        said = read_manifest(record) if record.suffix.lower() == ".json" else None
        if said is not None:
            names, earlier = named_files(record), FILES not in said
            yield from (path for path in files if path.name in names or (earlier and stem(path) == record.stem))


def _image_name(path: Path) -> str | None:
    """What the image of a mask would be called; None for a file that is not called like a mask."""
    name, changed = MASK.subn("", stem(path))
    return same_name(name) if changed else None
