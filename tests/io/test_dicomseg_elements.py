"""SEG and RTSTRUCT whose elements are missing, empty or of another kind: read, or refused with an error of ours.

By hand, for as many files as there is time: `python tests/io/test_dicomseg_elements.py 60` (minutes).
"""

from __future__ import annotations

import random
import sys
import tempfile
import time
import warnings
from copy import deepcopy
from pathlib import Path

import pytest
from pydicom import Dataset, config, dcmread
from pydicom.dataelem import DataElement
from segmented import BY, TABLE, VIEWS, six_sided, with_labels

from monai_attn.errors import AttnError
from monai_attn.io import read_masks, write_dicom_seg, write_rtstruct
from monai_attn.volume import Volume

NUMBERS = ["0", "-1", "1", "65535", "2147483647", "-2147483648", "1e308", "nan", "1e-10", "", "x", "9" * 20, "1\\2"]
FILES = ("seg.dcm", "rt.dcm")
PATIENCE_S = 10


def made(folder: Path) -> Volume:
    """A SEG and an RTSTRUCT in a folder, and the image they belong to."""
    image = with_labels(folder / "series", six_sided(VIEWS["axial"]))
    write_dicom_seg(image, TABLE, folder / "series", folder / "seg.dcm", **BY)
    write_rtstruct(image, TABLE, folder / "series", folder / "rt.dcm", **BY)
    return image


def places(ds: Dataset) -> list[tuple[Dataset, int]]:
    """Every element, with the item of the sequence that it stands in."""
    found = []
    for element in ds:
        found.append((ds, element.tag))
        if element.VR == "SQ":
            for item in element.value:
                found += places(item)
    return found


def damage(ds: Dataset, chance: random.Random) -> None:
    """One element is lost, emptied, given another kind or number, or repeated."""
    item, tag = chance.choice(places(ds))
    element = item[tag]
    how = chance.choice(["lost", "empty", "number", "kind", "twice"])
    if how == "lost":
        del item[tag]
    elif how == "empty":
        item[tag] = DataElement(tag, element.VR, [] if element.VR == "SQ" else None)
    elif how == "twice" and element.VR == "SQ" and element.value:
        element.value.append(deepcopy(chance.choice(list(element.value))))
    elif how == "number" and element.VR in ("US", "UL"):
        item[tag] = DataElement(tag, element.VR, chance.choice([0, 1, 2, 255, 65535]))
    elif how in ("number", "kind") and element.VR != "SQ":
        values = [str(part) for part in element.value] if element.VM > 1 else [str(element.value)]
        values[chance.randrange(len(values))] = chance.choice(NUMBERS)
        item[tag] = DataElement(tag, "LO", "\\".join(values), validation_mode=config.IGNORE)
    elif how == "kind":
        item[tag] = DataElement(tag, "LO", "x")


def outcome(folder: Path, image: Volume, seed: int) -> str:
    """ "read", "refused", "not written", or what went wrong."""
    chance = random.Random(seed)
    name = FILES[seed % 2]
    ds = dcmread(folder / name)
    for _ in range(chance.randint(1, 3)):
        damage(ds, chance)
    path = folder / f"damaged_{name}"
    try:
        ds.save_as(path)
    except Exception:  # noqa: BLE001 - pydicom writes not every nonsense
        return "not written"
    before = time.monotonic()
    try:
        masks = read_masks(path, like=image if name == "rt.dcm" or seed % 3 else None)
        for label in masks.table:
            masks.mask(label.value)
    except AttnError:
        return "refused"
    except BaseException as error:  # noqa: BLE001 - what this is about
        return f"seed {seed}: {error!r}"
    seconds = time.monotonic() - before
    return "read" if seconds < PATIENCE_S else f"seed {seed}: {seconds:.0f} s"


@pytest.mark.filterwarnings("ignore")
def test_damaged_elements_are_read_or_refused(tmp_path):
    image = made(tmp_path)
    found = [outcome(tmp_path, image, seed) for seed in range(40)]
    assert set(found) <= {"read", "refused", "not written"}
    assert found.count("read") > 10
    assert found.count("refused") > 2


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    until, first = time.monotonic() + 60 * float(sys.argv[1]), int(time.time()) * 1000
    with tempfile.TemporaryDirectory() as name:
        counts: dict[str, int] = {}
        of = made(Path(name))
        while time.monotonic() < until:
            said = outcome(Path(name), of, first)
            counts[said], first = counts.get(said, 0) + 1, first + 1
    sys.stdout.write("\n".join(f"{count:6} {said}" for said, count in counts.items()) + "\n")
