"""Names of labels that other programs keep in text files beside a mask.

ITK-SNAP's label descriptions (`.txt`, `.label`), BIDS tables (`dseg.tsv`), FSL's atlases (`.xml`), and JSON with
`labels` as nnU-Net and the Decathlon write them.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from monai_attn.errors import FileError, LabelError
from monai_attn.io.dicomseg.codes import unique_table
from monai_attn.io.foreign import foreign_errors
from monai_attn.io.jsonfile import read_json_file
from monai_attn.io.names import stem
from monai_attn.io.plain import read_plain
from monai_attn.labels import MAX_VALUE, Label, LabelTable, default_colour

__all__ = ["PARSERS", "Named", "hex_of", "labels_beside", "safe_xml", "table_of"]

MAX_BYTES = 2**24
"""A text file of names is smaller than this; a larger one is something else."""

SHOWN = 5
"""At most so many regions are named in a note."""

Row = tuple[int, str, str]
"""Value, name, and colour as #rrggbb or empty."""


@dataclass(frozen=True)
class Named:
    """A table of labels, where it was found, notes on it, and whether the mask file itself holds it."""

    table: LabelTable
    source: str
    notes: tuple[str, ...] = ()
    within: bool = False


def labels_beside(mask: Path, within: Named | None = None) -> Named | None:
    """The names in files beside a mask that have the mask's name and another ending; None where there are none.

    Names within the mask itself, if given, come first, then the first file. A note says where another file gives a
    label another name. A file of another content is passed over, since many things are called `.txt` and `.xml`.
    Raises `FileError` when the file whose names would be used is damaged.
    """
    base, used = stem(mask), within
    for ending, parse in PARSERS.items():
        path = mask.with_name(base + ending)
        if not path.is_file() or path == mask or path.stat().st_size > MAX_BYTES:
            continue
        try:
            rows, notes = parse(path), _regions(path) if ending == ".json" else ()
            found = table_of(rows, path.name) if rows else None
            if notes:
                found = replace(found or Named(LabelTable(()), path.name), notes=notes)
        except (FileError, LabelError):
            if used is None:
                raise
            continue
        if found is None:
            continue
        if used is None or not len(used.table):  # regions alone name nothing
            used = replace(found, notes=(used.notes if used else ()) + found.notes)
        else:
            used = replace(used, notes=used.notes + _contradiction(used, found))
    return used


def _contradiction(used: Named, other: Named) -> tuple[str, ...]:
    """A note on the first label that two places of names call differently."""
    called = {label.value: label.name for label in used.table}
    for label in other.table:
        name = called.get(label.value, label.name)
        if name.casefold() != label.name.casefold():
            return (
                f"Label {label.value} is {name!r} in {used.source}, which is used, and {label.name!r} in "
                f"{other.source}. Correct or remove one of them.",
            )
    return ()


def table_of(rows: Sequence[Row], source: str, *, within: bool = False) -> Named | None:
    """A table from values and names; None where no row fits.

    The background, empty names and values that no label can have are left out. A row without colour gets
    `default_colour`. A name that stands twice gets a number, and a note says so. Raises `FileError` when one value
    has two names.

    >>> table_of([(0, "background", ""), (1, "liver", "#aa5500"), (2, " spleen ", "")], "ct.label").table[2].name
    'spleen'
    """
    fit = [(value, name.strip(), colour) for value, name, colour in rows if 0 < value <= MAX_VALUE and name.strip()]
    labels = {value: Label(value, name, colour or default_colour(value)) for value, name, colour in fit}
    twice = sorted({value for value, name, _ in fit if labels[value].name != name})
    if twice:
        raise FileError(f"{source} gives label {twice[0]} two names. Correct it.")
    if not labels:
        return None
    table, notes = unique_table(labels.values(), "labels")
    return Named(table, source, notes, within)


def safe_xml(data: bytes, name: str) -> ElementTree.Element:
    """The root of an XML text without entities of its own, which could grow without end. Raises `FileError`."""
    plain = data.replace(b"\0", b"")  # UTF-16 has a zero beside each letter
    if b"<!DOCTYPE" in plain or b"<!ENTITY" in plain:
        raise FileError(f"{name}: XML with definitions of its own (DOCTYPE) is not read. Remove them.")
    with foreign_errors(name, "It is no well-formed XML. Export it again."):
        return ElementTree.fromstring(data)


def hex_of(*parts: str | None, most: float = 1.0) -> str:
    """Red, green and blue between 0 and `most` as `#rrggbb`; empty where they are not that.

    >>> hex_of("255", "128", "0", most=255), hex_of("1", "0", "0"), hex_of("red", "0", "0")
    ('#ff8000', '#ff0000', '')
    """
    try:
        rgb = [float(part) / most for part in parts if part is not None]
    except ValueError:
        return ""
    if len(rgb) != 3 or not all(0 <= part <= 1 for part in rgb):
        return ""
    return "#" + "".join(f"{round(255 * part):02x}" for part in rgb)


SNAP = re.compile(r'\s*(\d{1,10})\s+(\d+)\s+(\d+)\s+(\d+)\s+[\d.eE+-]+\s+[01]\s+[01]\s+"(.*)"\s*')
"""ITK-SNAP: index, red, green, blue (0 to 255), opacity, visible, meshed, "name"."""


def _snap(path: Path) -> list[Row]:
    """The lines of ITK-SNAP's label descriptions. Lines that begin with # are comments.

    One line of another form makes the whole file another kind of text: then no row is given.
    """
    lines = [line for line in _text(path).splitlines() if line.strip() and not line.lstrip().startswith("#")]
    found = [SNAP.fullmatch(line) for line in lines]
    if not lines or None in found:
        return []
    return [(int(row[1]), row[5], hex_of(row[2], row[3], row[4], most=255)) for row in found if row is not None]


def _bids(path: Path) -> list[Row]:
    """The columns index and name, and color where it is there (BIDS, derivatives, segmentations).

    No row where these two columns are missing. Raises `FileError` for an index that is no whole number.
    """
    with foreign_errors(path, "It is no table with tabs between its columns. Correct it."):
        rows = list(csv.DictReader(io.StringIO(_text(path)), delimiter="\t"))
    if not rows or not {"index", "name"} <= set(rows[0]):
        return []
    with foreign_errors(path, "Its column 'index' must hold whole numbers. Correct it."):
        return [(int(row["index"]), row["name"] or "", _colour(row.get("color"))) for row in rows]


def _fsl(path: Path) -> list[Row]:
    """The labels of an atlas. In one of type Label the index is the value; else the value is one more."""
    data = read_plain(path)
    if b"<atlas" not in data[:4096]:
        return []
    root = safe_xml(data, path.name)
    kind = (root.findtext(".//header/type") or "Label").strip().lower()
    with foreign_errors(path, "A label of it has no whole number as its index. Correct it."):
        return [
            (int(row.get("index", "")) + (kind != "label"), "".join(row.itertext()), "") for row in root.iter("label")
        ]


def _json(path: Path) -> list[Row]:
    """`labels` as {"1": "liver"} (Decathlon) or {"liver": 1} (nnU-Net). A list is ours, and read elsewhere.

    nnU-Net's regions, {"whole tumour": [1, 2, 3]}, name a value only where they have a single one.
    """
    rows: list[Row] = []
    for key, value in _labels_in(path).items():
        values = value if isinstance(value, list) else [value]
        if isinstance(value, str) and key.strip().isdecimal() and len(key) < 12:
            rows.append((int(key), value, ""))
        elif not all(isinstance(one, int) and not isinstance(one, bool) for one in values):
            return []
        elif len(values) == 1:
            rows.append((values[0], key, ""))
    return rows


def _labels_in(path: Path) -> dict[str, Any]:
    """The object `labels` of a JSON file; empty where there is none, or the file is damaged."""
    try:
        content = read_json_file(path)
    except FileError:
        return {}  # a mask's own record is read, and refused, by Segmentation.load
    labels = content.get("labels") if isinstance(content, dict) else None
    return labels if isinstance(labels, dict) else {}


def _regions(path: Path) -> tuple[str, ...]:
    """A note on nnU-Net's regions of several values, which cannot name any of these values."""
    regions = [f"{name!r} {value}" for name, value in _labels_in(path).items() if _is_region(value)]
    if not regions:
        return ()
    more = "" if len(regions) <= SHOWN else ", ..."
    return (
        f"{path.name} names regions of several labels ({', '.join(regions[:SHOWN])}{more}). A region names none of its "
        'labels, which are called "label N" where nothing else names them.',
    )


def _is_region(value: Any) -> bool:
    """Whether an entry of `labels` lists several values."""
    return isinstance(value, list) and len(value) > 1 and all(isinstance(one, int) for one in value)


PARSERS: dict[str, Callable[[Path], list[Row]]] = {
    ".json": _json,
    ".tsv": _bids,
    ".label": _snap,
    ".txt": _snap,
    ".xml": _fsl,
}
"""What reads the rows of each ending, in the order in which the endings are tried. No rows: the next one is tried."""


def _text(path: Path) -> str:
    """The text of a file in UTF-8, with or without byte order mark, or else in Latin-1."""
    data = read_plain(path)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def _colour(text: str | None) -> str:
    """A colour that is written `#rrggbb`, as it is; empty for anything else."""
    return text if text and re.fullmatch(r"#[0-9a-fA-F]{6}", text) else ""
