"""The words of a label table in DICOM's: codes, categories, colours.

DICOM names a structure by a code of a public list such as SNOMED CT, a category and a colour in CIELab. A label has a
name, perhaps a code, and a colour in sRGB. The readers and the writers of SEG and RTSTRUCT translate here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from monai_attn.io.dicom.files import numbers, text
from monai_attn.labels import Code, Label, LabelTable, default_colour

if TYPE_CHECKING:
    from pydicom import Dataset

__all__ = [
    "category_of",
    "code_of",
    "hex_of_lab",
    "lab_of",
    "read_code",
    "read_laterality",
    "roi_type",
    "sided",
    "unique_table",
]

PRIVATE_SCHEME = "99MONAIATTN"
"""Where the codes of structures without a code come from. DICOM wants private schemes to begin with 99."""

TISSUE = Code("85756007", "SCT", "Tissue")
ANATOMY = Code("123037004", "SCT", "Anatomical Structure")
ALTERED = Code("49755003", "SCT", "Morphologically Altered Structure")
"""Categories of CID 7150: of what nothing is known, of organs, and of what does not belong there."""

SIDES = {"left": Code("7771000", "SCT", "Left"), "right": Code("24028007", "SCT", "Right")}
"""The modifier of a paired structure, by the laterality of its label (DICOM PS3.16 CID 244)."""

MODIFIER = "SegmentedPropertyTypeModifierCodeSequence"

TUMOURS = {"4147007", "108369006", "86049000", "14799000", "86251006"}
"""SNOMED CT: mass; neoplasm; malignant, primary; metastatic; in situ."""

ALTERATIONS = TUMOURS | {"49755003", "52988006", "79654002", "6574001", "55342001", "41796003", "27925004"}
"""And abnormal structure, lesion, oedema, necrosis, neoplastic disease, enhancing, nodule."""


def code_of(label: Label) -> Code:
    """The code of the label, or one of our own, the same for the same name.

    A label without a code gets a private one in the scheme `PRIVATE_SCHEME`, made from a hash of the name. `read_code`
    drops such a code again.

    >>> code_of(Label(1, "Liver", "#a00000", Code("10200004", "SCT", "Liver"))).value
    '10200004'
    >>> code_of(Label(1, "Liver", "#a00000")) == code_of(Label(2, "Liver", "#00a000"))
    True
    """
    if label.code is not None:
        return label.code
    return Code("N" + hashlib.sha256(label.name.encode()).hexdigest()[:12].upper(), PRIVATE_SCHEME, label.name)


def category_of(label: Label) -> Code:
    """What kind of thing the code names (Segmented Property Category).

    Tissue where the label has no code, Morphologically Altered Structure for the codes of `ALTERATIONS`, else
    Anatomical Structure. Source: DICOM PS3.16 CID 7150.
    """
    if label.code is None:
        return TISSUE
    return ALTERED if label.code.value in ALTERATIONS else ANATOMY


def roi_type(label: Label) -> str:
    """RT ROI Interpreted Type: GTV for tumours, ORGAN for other coded structures, "" where there is no code.

    >>> roi_type(Label(1, "Tumour", "#a00000", Code("108369006", "SCT", "Neoplasm")))
    'GTV'
    >>> roi_type(Label(1, "Liver", "#a00000"))
    ''
    """
    if label.code is None:
        return ""
    return "GTV" if label.code.value in TUMOURS else "ORGAN"


def read_code(item: Dataset, sequence: str) -> Code | None:
    """The first code of a sequence; None when there is none, it is incomplete, or one of our own.

    `sequence` is a keyword such as "SegmentedPropertyTypeCodeSequence". A code counts as incomplete without its value
    or its scheme; the meaning may be empty. Long codes and codes written as URN are read too (PS3.3 8.1).
    """
    if not item.get(sequence):
        return None
    found = item[sequence].value[0]
    value = next((v for key in ("CodeValue", "LongCodeValue", "URNCodeValue") if (v := text(found, key))), "")
    scheme, meaning = text(found, "CodingSchemeDesignator"), text(found, "CodeMeaning")
    return Code(value, scheme, meaning) if value and scheme and scheme != PRIVATE_SCHEME else None


def sided(type_item: Dataset, label: Label) -> None:
    """Add the laterality of a label to the item of its type, as a modifier (PS3.3 C.8.20.4); nothing without one."""
    from pydicom import Dataset
    from pydicom.sequence import Sequence

    if label.laterality:
        code, item = SIDES[label.laterality], Dataset()
        item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = code.value, code.scheme, code.meaning
        setattr(type_item, MODIFIER, Sequence([item]))


def read_laterality(item: Dataset) -> str:
    """The laterality of a segment: "left", "right", or "" where its modifier says neither.

    The modifier stands in the item of the segment's type, or beside it, where some programs write it.
    """
    types = item.get("SegmentedPropertyTypeCodeSequence") or []
    found = [read_code(one, MODIFIER) for one in (*list(types)[:1], item)]
    values = {code.value for code in found if code is not None and code.scheme == "SCT"}
    return next((side for side, code in SIDES.items() if code.value in values), "")


def lab_of(label: Label) -> tuple[int, int, int]:
    """The colour in CIELab as DICOM stores it.

    Three whole numbers of 16 bits: L*, a*, b* (PS3.3 C.10.7.1.1). The package highdicom computes them.
    """
    from highdicom.color import CIELabColor

    red, green, blue = (255 * part for part in label.rgb)
    return CIELabColor.from_rgb(red, green, blue).value


def hex_of_lab(item: Dataset, value: int) -> str:
    """`#rrggbb` from the CIELab colour of a segment; a colour of ours where it has none.

    CIELab has colours that no screen shows: each channel that leaves sRGB becomes its nearest value.

    `value` is the label value, which chooses our colour. It is ours too where the stored colour is not three numbers
    from 0 to 65535.
    """
    from highdicom.color import CIELabColor

    parts = numbers(item, "RecommendedDisplayCIELabValue", 3)
    if parts is None or not all(0 <= part <= 0xFFFF for part in parts):
        return default_colour(value)
    rgb = CIELabColor.from_dicom_value([round(part) for part in parts]).to_rgb(clip=True)
    return "#" + "".join(f"{round(part):02x}" for part in rgb)


def unique_table(labels: Iterable[Label], what: str) -> tuple[LabelTable, tuple[str, ...]]:
    """A table of labels whose names may repeat: the second "Liver" becomes "Liver (2)", and a note says so.

    `what` is the plural for the note, "segments" or "regions". Values, colours and codes stay as they are. The note is
    empty where no name repeats; no labels give an empty table.

    >>> table, notes = unique_table([Label(1, "Node", "#a00000"), Label(2, "Node", "#00a000")], "regions")
    >>> [label.name for label in table]
    ['Node', 'Node (2)']
    """
    seen: set[str] = set()
    renamed, table = [], []
    for label in labels:
        name, count = label.name, 1
        while name in seen:
            count += 1
            name = f"{label.name} ({count})"
        if name != label.name:
            renamed.append(name)
        seen.add(name)
        table.append(replace(label, name=name))
    note = (f"Several {what} have one name; read as {', '.join(repr(name) for name in renamed)}.",) if renamed else ()
    return LabelTable(tuple(table)), note
