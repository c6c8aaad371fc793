"""The header of an NRRD file, checked before any memory is taken.

The header is lines of text, `field: value` and `key:=value`, up to the first empty line; the voxels follow, or lie in
a file of their own (`.nhdr`). Here the text becomes an `NrrdHeader`; `monai_attn.io.nrrd` interprets its grid.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import numpy as np

from monai_attn.errors import FileError
from monai_attn.io.budget import MAX_BYTES
from monai_attn.io.header_text import MAX_AXES, as_text, whole_number_in, whole_numbers_in
from monai_attn.io.nrrd_words import ENCODINGS, TYPES
from monai_attn.io.plain import open_plain
from monai_attn.io.stored import Stored, beside

__all__ = ["NrrdHeader", "read_nrrd_header"]

MAX_HEADER = 2**22
"""The empty line behind the header is looked for in this many bytes: a Slicer header grows with its segments."""

Vector = tuple[float, ...]


@dataclass(frozen=True)
class NrrdHeader:
    """What an NRRD header says. Lists have an entry for each axis of the file, the fastest first.

    `directions` holds None for an axis that does not run through space. `keys` are the pairs `name:=value` that
    programs add, as Slicer does for the names of segments.
    """

    name: str
    shape: tuple[int, ...]
    stored: Stored
    space: str = ""
    kinds: tuple[str, ...] = ()
    directions: tuple[Vector | None, ...] | None = None
    origin: Vector | None = None
    spacings: Vector | None = None
    minima: Vector | None = None
    centres: tuple[str, ...] = ()
    space_units: tuple[str, ...] = ()
    units: tuple[str, ...] = ()
    keys: dict[str, str] = field(default_factory=dict)

    def first_centre(self, axis: int) -> float:
        """Where the first voxel of an axis has its centre, for a header without a space. 0 where it does not say.

        `axis mins` is the centre of the first voxel for samples at nodes, else its edge, half a voxel before the
        centre.

        >>> stored = Stored("t1.nrrd", Path("t1.nrrd"), np.dtype("<i2"), (4,))
        >>> NrrdHeader("t1.nrrd", (4,), stored, spacings=(2.0,), minima=(10.0,)).first_centre(0)
        11.0
        """
        if self.minima is None or self.spacings is None or not math.isfinite(self.minima[axis]):
            return 0.0
        half = 0.0 if self.centres and self.centres[axis] == "node" else 0.5
        return self.minima[axis] + half * self.spacings[axis]


def read_nrrd_header(path: Path) -> NrrdHeader:
    """The header of an NRRD file; the voxels are not read.

    Raises `FileError` for fields that are missing, cannot be, or contradict, and for voxels in several files.
    """
    with open_plain(path) as stream:
        fields, keys, end = _fields(stream, path)
    name = path.name
    axes = whole_number_in(fields, "dimension", name, least=1, most=MAX_AXES)
    shape = whole_numbers_in(fields, "sizes", name, axes)
    return NrrdHeader(
        name,
        shape,
        _stored(fields, path, shape, end),
        space=fields.get("space", ""),
        kinds=_words(fields, "kinds", name, axes) or ("",) * axes,
        directions=_directions(fields, name, axes),
        origin=_vector(fields["spaceorigin"], name) if "spaceorigin" in fields else None,
        spacings=_floats(fields, "spacings", name, axes),
        minima=_floats(fields, "axismins", name, axes),
        centres=_words(fields, "centers", name, axes) or _words(fields, "centerings", name, axes),
        space_units=_space_units(fields, name),
        units=_quoted(fields, "units", name, axes),
        keys=keys,
    )


def _fields(stream: IO[bytes], path: Path) -> tuple[dict[str, str], dict[str, str], int]:
    """Fields, names in small letters without blanks; key-value pairs; and the bytes of the header.

    Raises `FileError` for a file of another kind, a field that stands twice, and a header without end. A header whose
    voxels lie in another file needs no empty line at its end.
    """
    block = stream.read(MAX_HEADER + 1)
    if not re.match(rb"NRRD000\d\r?\n", block):
        raise FileError(f"{path.name} is not an NRRD file. Check what it is, or export it again.")
    fields: dict[str, str] = {}
    keys: dict[str, str] = {}
    end = 0
    closed = False
    for line in block.split(b"\n"):
        end += len(line) + 1
        text = as_text(line)
        if not text:
            closed = end <= len(block)
            break
        pair, name = text.find(":="), text.partition(":")[0].strip().lower().replace(" ", "")
        if text.startswith("#"):
            continue
        if pair >= 0 and pair == text.find(":"):
            keys[text[:pair]] = text[pair + 2 :].replace("\\n", "\n").replace("\\\\", "\\")
        elif ":" in text:
            if name in fields:
                raise FileError(f"{path.name}: the header cannot be interpreted. It has {name!r} twice. Correct it.")
            fields[name] = text.partition(":")[2].strip()
        if end > MAX_HEADER:
            break
    if not closed and not fields.keys() & {"datafile"}:
        raise FileError(f"{path.name}: the header cannot be interpreted; it has no end. Export the image again.")
    return fields, keys, end


def _stored(fields: dict[str, str], path: Path, shape: tuple[int, ...], end: int) -> Stored:
    """Where the voxels lie and how they are stored. Voxels of more than one byte need the field `endian`."""
    name = path.name
    kind, encoding = _known(fields, "type", TYPES, name), _known(fields, "encoding", ENCODINGS, name)
    order = {"little": "<", "big": ">"}.get(fields.get("endian", "").lower(), "")
    if not order and np.dtype(kind).itemsize > 1 and encoding != "text":
        raise FileError(
            f"{name}: the header does not say whether the voxels are little or big endian. Export it again."
        )
    lines = whole_number_in(fields, "lineskip", name, least=0, most=2**20, default=0)
    skip = whole_number_in(fields, "byteskip", name, least=-1, most=MAX_BYTES, default=0)
    data_file = fields.get("datafile", "LOCAL")
    local = data_file.upper() == "LOCAL"
    data = path if local else beside(path, data_file)
    if skip < 0 and encoding != "raw":
        raise FileError(f"{name}: 'byte skip: -1' needs raw voxels, not {encoding}. Export the image again.")
    start = _after_lines(data, end if local else 0, lines) if lines else (end if local else 0)
    if encoding == "raw":
        start, skip = (-1 if skip < 0 else start + skip), 0
    return Stored(name, data, np.dtype((order or "=") + kind), shape, encoding, start=start, skip=skip)


def _known(fields: dict[str, str], key: str, table: dict[str, str], name: str) -> str:
    """The entry of a table for a field's value. Raises `FileError` for a value that is not in the table."""
    value = fields.get(key, "missing")
    if value.lower() not in table:
        raise FileError(
            f"{name}: the header cannot be interpreted. Its {key} is {value[:60]!r}, which is not read here. "
            "Export the image again."
        )
    return table[value.lower()]


def _after_lines(path: Path, start: int, lines: int) -> int:
    """The byte at which the voxels begin, behind the lines that `line skip` passes over."""
    with open_plain(path) as stream:
        stream.seek(start)
        for _ in range(lines):
            if not stream.readline(MAX_HEADER):
                break
        return stream.tell()


def _words(fields: dict[str, str], key: str, name: str, count: int) -> tuple[str, ...]:
    """A field of `count` words, in small letters; () where it is missing. Raises `FileError` for another count."""
    words = tuple(fields.get(key, "").lower().split())
    if words and len(words) != count:
        raise FileError(f"{name}: the header cannot be interpreted. {key!r} has {len(words)} entries, not {count}.")
    return words


def _quoted(fields: dict[str, str], key: str, name: str, count: int) -> tuple[str, ...]:
    """A field of `count` words, each with or without quotation marks, as units have."""
    words = tuple(quoted or bare for quoted, bare in re.findall(r'"([^"]*)"|([^\s"]+)', fields.get(key, "")))
    if words and len(words) != count:
        raise FileError(f"{name}: the header cannot be interpreted. {key!r} has {len(words)} entries, not {count}.")
    return words


def _space_units(fields: dict[str, str], name: str) -> tuple[str, ...]:
    """The units of the axes of space, of which there are three, or four with time."""
    words = tuple(quoted or bare for quoted, bare in re.findall(r'"([^"]*)"|([^\s"]+)', fields.get("spaceunits", "")))
    if words and len(words) not in (3, 4):
        raise FileError(
            f"{name}: the header cannot be interpreted. 'space units' has {len(words)} entries, not one for each of "
            "three axes. Write the header in millimetres."
        )
    return words


def _floats(fields: dict[str, str], key: str, name: str, count: int) -> Vector | None:
    """A field of `count` numbers, NaN where an axis has none; None where the field is missing."""
    words = _words(fields, key, name, count)
    try:
        return tuple(float(word) for word in words) or None
    except ValueError as error:
        raise FileError(f"{name}: the header cannot be interpreted. {key!r} holds {words}. Export it again.") from error


def _vector(text: str, name: str) -> Vector:
    """A point or direction of two to four numbers, in parentheses. The first three must be finite.

    >>> _vector("(0, 0, 2.5)", "t1.nrrd")
    (0.0, 0.0, 2.5)
    """
    try:
        values = tuple(float(part) for part in text.strip().removeprefix("(").removesuffix(")").split(","))
    except ValueError:
        values = ()
    if len(values) not in (2, 3, 4) or not all(math.isfinite(value) for value in values[:3]):
        raise FileError(
            f"{name}: the header cannot be interpreted. {text[:60]!r} is no point in space. Export it again."
        )
    return values


def _directions(fields: dict[str, str], name: str, count: int) -> tuple[Vector | None, ...] | None:
    """The direction of each axis, its length the spacing; None for an axis that does not run through space."""
    words = re.findall(r"none|\([^()]*\)", fields.get("spacedirections", ""), re.IGNORECASE)
    if "spacedirections" not in fields:
        return None
    if len(words) != count:
        raise FileError(f"{name}: the header has {len(words)} space directions for {count} axes. Export it again.")
    return tuple(None if word.lower() == "none" or "nan" in word.lower() else _vector(word, name) for word in words)
