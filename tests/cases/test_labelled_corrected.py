"""Masks that a hand corrected in napari are labelled cases."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from monai_attn.cases import ImageFile
from monai_attn.cases.labelled import IMAGES, find_labelled, image_record
from monai_attn.errors import FileError, InputError, LabelError
from monai_attn.io import write
from monai_attn.volume import Volume

TABLE = [{"value": 1, "name": "tumour"}]


def corrected(folder: Path, case: str, *, hand: bool = True, table: Any = TABLE, **more: Any) -> Path:
    """A mask with its record, as napari saves them."""
    folder.mkdir(exist_ok=True)
    write(Volume(np.ones((2, 3, 4), np.uint8)), folder / f"{case}_seg.nii.gz")
    made = {"bundle": "hippocampus_mri", "source": {"modality": "MR"}, **({"edited_by_hand": True} if hand else {})}
    made |= more.pop("provenance", {})
    record = folder / f"{case}_seg.json"
    record.write_text(json.dumps({"notice": "research", "labels": table, "provenance": made, **more}))
    return folder


def image(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    write(Volume(np.zeros((2, 3, 4), np.int16)), path)
    return path


def test_corrected_masks_are_learned_from_and_the_others_are_left_out(tmp_path):
    out = tmp_path / "out"
    for case, hand in (("a", True), ("b", False)):
        scan = image(tmp_path / f"scans/{case}.nii.gz")
        corrected(out, case, hand=hand, **{IMAGES: image_record(ImageFile(scan), out)})
    found = find_labelled(out)
    assert [case.name for case in found] == ["a"]
    assert found["a"].images["image"].path.resolve() == (tmp_path / "scans/a.nii.gz").resolve()
    assert (found["a"].drawn, [label.name for label in found.labels]) == (None, ["tumour"])
    assert [(one.name, one.modality) for one in found.images] == [("image", "MR")]
    assert found.notes == ("1 masks that no hand has changed are left out.",)


def test_an_older_record_without_a_place_finds_the_image_of_the_case_beside_it(tmp_path):
    out = corrected(tmp_path / "out", "a")
    image(tmp_path / "a.nrrd")
    assert find_labelled(out)["a"].images["image"].path.name == "a.nrrd"
    image(out / "a.nii.gz")
    assert find_labelled(out)["a"].images["image"].path == out / "a.nii.gz"


def test_the_images_of_a_bundle_of_several_lie_beside_the_first(tmp_path):
    sources = {"images": {"t1": {"modality": "MR"}, "ct": {"modality": "CT"}}, "missing": ["pet"]}
    scan = image(tmp_path / "p1/t1.nii.gz")
    image(tmp_path / "p1/ct.nii.gz")
    out = corrected(
        tmp_path / "out", "a", provenance=sources, **{IMAGES: image_record(ImageFile(scan), tmp_path / "out", "t1")}
    )
    found = find_labelled(out)
    assert [(one.name, one.modality) for one in found.images] == [("t1", "MR"), ("ct", "CT"), ("pet", "PT")]
    assert list(found["a"].images) == ["t1", "ct"]


def test_a_structure_that_is_not_in_the_table_of_a_mask_is_unknown_there(tmp_path):
    """It had counted as background where another mask has it, say of another bundle."""
    out = tmp_path / "out"
    for case, table in (("a", TABLE), ("b", [*TABLE, {"value": 2, "name": "oedema"}])):
        corrected(out, case, table=table)
        image(out / f"{case}.nii.gz")
    found = find_labelled(out)
    assert [case.drawn for case in found] == [{1}, None]
    assert found.notes == ("1 masks lack structures in their tables that others have; these are unknown there.",)


def test_series_and_volume_of_an_image_are_kept(tmp_path):
    scan = image(tmp_path / "scan.nii.gz")
    said = image_record(ImageFile(scan, "1.2.3", 4), tmp_path / "out")
    assert said == {"image": {"path": "../scan.nii.gz", "series": "1.2.3", "volume": 4}}
    place = find_labelled(corrected(tmp_path / "out", "a", **{IMAGES: said}))["a"].images["image"]
    assert (place.series, place.volume) == ("1.2.3", 4)


def test_masks_without_a_correction_or_an_image_or_with_two_tables_are_refused(tmp_path):
    with pytest.raises(InputError, match="None of the 1 masks in plain was changed by a hand"):
        find_labelled(corrected(tmp_path / "plain", "a", hand=False))
    with pytest.raises(FileError, match=r"The record of a_seg.nii.gz does not say where its image is"):
        find_labelled(corrected(tmp_path / "lost", "a"))
    out = corrected(tmp_path / "two", "a")
    corrected(out, "b", table=[{"value": 1, "name": "node"}])
    image(out / "a.nii.gz")
    image(out / "b.nii.gz")
    with pytest.raises(LabelError, match="calls the value 1 'node', and another mask calls it 'tumour'"):
        find_labelled(out)
