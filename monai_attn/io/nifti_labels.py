"""Names of labels within a NIfTI file: the table that Connectome Workbench keeps there (extension code 30).

The extension is XML: `<CaretExtension><VolumeInformation Index="0"><LabelTable><Label Key="1" Red="1" Green="0"
Blue="0" Alpha="1">Liver</Label>`, with GIFTI's table of labels within.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal
from xml.etree import ElementTree

from monai_attn.io.foreign import foreign_errors
from monai_attn.io.label_text import Named, hex_of, safe_xml, table_of
from monai_attn.io.nifti_header import nifti_header, nifti_pair, opened, voxel_offset
from monai_attn.labels import Label, LabelTable

__all__ = ["CARET", "label_extension", "labels_within"]

CARET = 30
"""The registered code of the extension (NIFTI_ECODE_CARET)."""

MAX_EXTENSIONS = 2**24
"""More bytes of extensions than any table of labels needs."""


def labels_within(path: Path) -> Named | None:
    """The names that a NIfTI file itself holds; None where it holds none. Raises `FileError` for a damaged table.

    Extensions stand between header and voxels, each with its size, its code and its data (nifti1.h, "extended
    header"). Other programs' extensions are passed over. The first table with a name counts.
    """
    header_path, _ = nifti_pair(path)
    header = nifti_header(header_path)
    begin = int(header["sizeof_hdr"])
    end = voxel_offset(header, path.name) if b"+" in bytes(header["magic"]) else header_path.stat().st_size
    with foreign_errors(path), opened(header_path) as (stream, _):
        stream.seek(begin)
        block = stream.read(min(max(end - begin, 0), MAX_EXTENSIONS))
    order: Literal["little", "big"] = "big" if header.endianness == ">" else "little"
    if len(block) < 12 or block[0] == 0:
        return None
    at = 4
    while at + 8 <= len(block):
        size, code = (int.from_bytes(block[at + place : at + place + 4], order) for place in (0, 4))
        if size < 8 or at + size > len(block):
            return None
        data = block[at + 8 : at + size].rstrip(b"\0 \n") if code == CARET else b""
        found = _parsed(data, path.name) if data else None
        if found is not None:
            return found
        at += size
    return None


def _parsed(data: bytes, name: str) -> Named | None:
    """The table in the XML of one extension; None where it lists no structure. Damaged XML raises `FileError`."""
    root = safe_xml(data, f"{name}, the table of labels within")
    table = root.find(".//LabelTable")
    rows = [] if table is None else list(table.iter("Label"))
    with foreign_errors(name, "The table of labels within is damaged. Export the file again."):
        labels = [
            (int(row.get("Key", "0")), row.text or "", hex_of(row.get("Red"), row.get("Green"), row.get("Blue")))
            for row in rows
        ]
    return table_of(labels, "the header of the file", within=True) if labels else None


def label_extension(table: LabelTable) -> bytes:
    """The extension's text for a table, UTF-8.

    The background is listed as "???" with the key 0, as Connectome Workbench lists it.

    >>> text = label_extension(LabelTable.of_names({1: "Left hippocampus"})).decode()
    >>> "Left hippocampus" in text, 'Key="1"' in text
    (True, True)
    """
    root = ElementTree.Element("CaretExtension")
    about = ElementTree.SubElement(root, "VolumeInformation", Index="0")
    rows = ElementTree.SubElement(about, "LabelTable")
    background = Label(1, "???", "#000000")
    _row(rows, background, key=0, alpha=0)
    for label in table:
        _row(rows, label, key=label.value, alpha=1)
    ElementTree.SubElement(about, "VolumeType").text = "LABEL"
    text: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return text


def _row(rows: ElementTree.Element, label: Label, *, key: int, alpha: int) -> None:
    """Append one label: its value as Key, its colour and opacity between 0 and 1, and its name."""
    red, green, blue = (f"{part:.6g}" for part in label.rgb)
    row = ElementTree.SubElement(rows, "Label", Key=str(key), Red=red, Green=green, Blue=blue, Alpha=str(alpha))
    row.text = label.name
