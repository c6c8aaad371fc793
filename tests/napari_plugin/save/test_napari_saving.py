"""Mask, measurements and report of a layer: all of it in the folder, as the command line writes it, or nothing."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from corrected import TABLE, opened, phantom
from dicom_maker import series
from napari.components import ViewerModel
from napari.layers import Image, Labels
from pydicom import dcmread
from pydicom.uid import generate_uid

from monai_attn.cases.labelled import find_labelled
from monai_attn.errors import FileError, GeometryError, InputError
from monai_attn.io import read, read_dicom_seg, write
from monai_attn.napari.layers.provenance import EDITED, PROVENANCE
from monai_attn.napari.layers.volumes import image_layer, labels_layer, volume_of
from monai_attn.napari.save.saving import Saving, free_of_identity, save_all
from monai_attn.napari.save.writer import write_seg
from monai_attn.segmentation import Segmentation
from monai_attn.volume import Volume, same_grid

TURN = (20, -35, 50)
NAMES = ["case_1_measurements.json", "case_1_report.html", "case_1_seg.csv", "case_1_seg.json", "case_1_seg.nii.gz"]


@pytest.fixture
def no_drawing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the report is not the point: its pictures take seconds."""
    monkeypatch.setattr("monai_attn.napari.save.saving.case_page", lambda *page: "<html>")  # noqa: ARG005


def finish(saving: Saving) -> dict[str, Path]:
    steps = save_all(saving)
    said = []
    while True:
        try:
            said.append(next(steps))
        except StopIteration as end:
            assert said[-1] == "writing"
            files: dict[str, Path] = end.value
            return files


def phantom_saving(folder: Path, **choices: Any) -> tuple[Volume, Saving]:
    mask = phantom(turn_deg=TURN)
    viewer, image, layer = opened(mask)
    layer.metadata[PROVENANCE] = {"bundle": "liver_ct", "bundle_version": "1.0"}
    return mask, Saving.of(layer, image, folder, "case_1", layers=viewer.layers, **choices)


@pytest.mark.parametrize("form", ["NIfTI", "NRRD"])
def test_everything_is_saved_and_says_the_same(tmp_path: Path, form: str) -> None:
    mask, saving = phantom_saving(tmp_path / "out", form=form, lesions=[2])
    files = finish(saving)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted(path.name for path in files.values())
    again = Segmentation.load(files["mask"])
    assert np.array_equal(again.labels.array, mask.array)
    assert same_grid(again.labels, mask)
    assert again.table == TABLE
    assert again.provenance["bundle"] == "liver_ct"
    rows = list(csv.DictReader(files["table"].read_text().splitlines()))
    assert [row["name"] for row in rows if row["kind"] == "structure"] == ["liver", "tumour", "vein"]
    assert [row["label"] for row in rows if row["kind"] == "lesion"] == ["tumour"]
    numbers = json.loads(files["measurements"].read_text())
    assert numbers["rows"][1]["volume_ml"] == pytest.approx(np.count_nonzero(mask.array == 2) * mask.voxel_ml)
    page = files["report"].read_text()
    assert "tumour" in page
    assert "liver_ct" in page
    assert "window 50/100" in page


@pytest.mark.usefixtures("no_drawing")
def test_the_files_bear_the_names_that_the_command_line_gives_them(tmp_path: Path) -> None:
    _, saving = phantom_saving(tmp_path)
    assert sorted(path.name for path in finish(saving).values()) == NAMES


def test_a_mask_painted_by_hand_says_so(tmp_path: Path) -> None:
    viewer, image, layer = opened(phantom())
    layer.metadata[EDITED] = True
    files = finish(Saving.of(layer, image, tmp_path, "case_1", layers=viewer.layers))
    assert json.loads(files["record"].read_text())["provenance"] == {"edited_by_hand": True}
    assert "edited by hand" in files["report"].read_text()


@pytest.mark.usefixtures("no_drawing")
def test_painting_on_while_it_is_saved_changes_nothing_in_the_files(tmp_path: Path) -> None:
    viewer, image, layer = opened(phantom())
    before = volume_of(layer).array.copy()
    saving = Saving.of(layer, image, tmp_path, "case_1", layers=viewer.layers)
    layer.data[:] = 3
    assert np.array_equal(Segmentation.load(finish(saving)["mask"]).labels.array, before)


@pytest.mark.usefixtures("no_drawing")
def test_a_label_without_a_name_gets_one(tmp_path: Path) -> None:
    viewer, image, layer = opened(phantom())
    layer.data_setitem((np.array([2]),) * 3, 7)
    files = finish(Saving.of(layer, image, tmp_path, "case_1", layers=viewer.layers))
    assert [label.name for label in Segmentation.load(files["mask"]).table] == ["liver", "tumour", "vein", "label 7"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.usefixtures("no_drawing")
def test_nothing_is_written_when_one_file_exists(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("mine")
    _, saving = phantom_saving(tmp_path)
    with pytest.raises(FileError, match=f"{name} exists and is not overwritten"):
        finish(saving)
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_text() == "mine"


@pytest.mark.usefixtures("no_drawing")
def test_existing_files_are_replaced_when_allowed(tmp_path: Path) -> None:
    for name in NAMES:
        (tmp_path / name).write_text("old")
    _, saving = phantom_saving(tmp_path, overwrite=True)
    finish(saving)
    assert sorted(path.name for path in tmp_path.iterdir()) == NAMES
    assert all(path.read_bytes() != b"old" for path in tmp_path.iterdir())


@pytest.mark.parametrize("fails_at", range(5))
@pytest.mark.usefixtures("no_drawing")
def test_when_a_file_cannot_get_its_place_all_is_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fails_at: int
) -> None:
    (tmp_path / NAMES[0]).write_text("mine")
    _, saving = phantom_saving(tmp_path, overwrite=True)
    placed = []

    def take(temporary: Path, path: Path, *, overwrite: bool) -> None:
        if len(placed) == fails_at:
            raise OSError(28, "No space left on device")
        placed.append(path)
        temporary.rename(path)

    monkeypatch.setattr("monai_attn.results.staging.take_name", take)
    with pytest.raises(FileError, match="cannot be written to: No space left on device"):
        finish(saving)
    assert [path.name for path in tmp_path.iterdir()] == NAMES[:1]
    assert (tmp_path / NAMES[0]).read_text() == "mine"


@pytest.mark.usefixtures("no_drawing")
def test_a_failure_while_writing_leaves_no_new_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, saving = phantom_saving(tmp_path / "new")

    def fail(*args: Any, **more: Any) -> None:
        raise InputError("no")

    monkeypatch.setattr("monai_attn.napari.save.saving.to_json", fail)
    with pytest.raises(InputError, match="no"):
        finish(saving)
    assert not (tmp_path / "new").exists()


@pytest.mark.usefixtures("no_drawing")
def test_stopping_before_the_writing_writes_nothing(tmp_path: Path) -> None:
    _, saving = phantom_saving(tmp_path)
    steps = save_all(saving)
    for step in steps:
        if step == "writing":
            steps.close()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("case", ["", "  ", "../up", "a/b"])
def test_a_case_whose_name_cannot_be_part_of_a_file_name_is_refused(tmp_path: Path, case: str) -> None:
    viewer, image, layer = opened(phantom())
    with pytest.raises(InputError, match="becomes part of file names"):
        Saving.of(layer, image, tmp_path, case, layers=viewer.layers)


def test_an_image_without_a_place_in_the_patient_is_refused(tmp_path: Path) -> None:
    viewer, image, layer = opened(phantom())
    plain = viewer.add_image(np.zeros(image.data.shape), name="plain")
    with pytest.raises(GeometryError, match="plain was not opened with monai-attn or was resliced"):
        Saving.of(layer, plain, tmp_path, "case_1", layers=viewer.layers)


def dicom_case(folder: Path) -> tuple[ViewerModel, Image, Labels, Volume]:
    grid = Volume(np.zeros((8, 9, 5), np.int16), np.diag([-0.8, -0.8, 2.5, 1]))
    series(folder, grid, StudyInstanceUID=generate_uid(), SliceThickness=2.5)
    volume = read(folder)
    viewer = ViewerModel()
    image = viewer._add_layer_from_data(*image_layer(volume, name="ct", path=str(folder)))[0]
    array = np.zeros(volume.shape, np.uint8)
    array[2:5, 3:6, 1:3], array[3, 4, 1] = 1, 2
    mask = volume.with_array(array)
    layer = viewer._add_layer_from_data(*labels_layer(mask, name="mask", table=TABLE))[0]
    assert isinstance(image, Image)
    assert isinstance(layer, Labels)
    return viewer, image, layer, mask


@pytest.mark.usefixtures("no_drawing")
def test_a_mask_of_a_dicom_series_is_saved_as_dicom_seg(tmp_path: Path) -> None:
    viewer, image, layer, mask = dicom_case(tmp_path / "series")
    files = finish(Saving.of(layer, image, tmp_path / "out", "case_1", layers=viewer.layers, form="DICOM SEG"))
    again = read_dicom_seg(files["mask"], like=mask).label_map()
    assert np.array_equal(again.array, mask.array)
    assert "record" not in files
    assert sorted(path.suffix for path in files.values()) == [".csv", ".dcm", ".html", ".json"]


@pytest.mark.parametrize(
    ("made", "edited", "said"),
    [({"bundle": "b"}, False, "AUTOMATIC"), ({"bundle": "b"}, True, "SEMIAUTOMATIC"), ({}, True, "MANUAL")],
)
@pytest.mark.usefixtures("no_drawing")
def test_a_dicom_seg_says_whether_a_hand_corrected_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, made: dict[str, str], edited: bool, said: str
) -> None:
    viewer, image, layer, _ = dicom_case(tmp_path / "series")
    layer.metadata[PROVENANCE], layer.metadata[EDITED] = made, edited
    files = finish(Saving.of(layer, image, tmp_path / "out", "case_1", layers=viewer.layers, form="DICOM SEG"))
    assert {one.SegmentAlgorithmType for one in dcmread(files["mask"]).SegmentSequence} == {said}
    monkeypatch.setattr("napari.current_viewer", lambda: viewer)
    (alone,) = write_seg(str(tmp_path / "mask.dcm"), layer.data, {})
    assert {one.SegmentAlgorithmType for one in dcmread(alone).SegmentSequence} == {said}


@pytest.mark.usefixtures("no_drawing")
def test_a_dicom_seg_of_an_image_that_is_none_is_refused(tmp_path: Path) -> None:
    _, saving = phantom_saving(tmp_path / "out", form="DICOM SEG")
    with pytest.raises((FileError, InputError)):
        finish(saving)
    assert not (tmp_path / "out").exists()


def test_the_name_of_a_case_tells_no_patients_name(tmp_path: Path) -> None:
    _, image, _, _ = dicom_case(tmp_path / "doe_mr")
    assert free_of_identity(image) == "case"
    _, image, _, _ = dicom_case(tmp_path / "case_9")
    assert free_of_identity(image) == "case_9"
    _, image, _ = opened(phantom(), path="scans/case_7.nii.gz")
    assert free_of_identity(image) == "case_7"


@pytest.mark.usefixtures("no_drawing")
def test_a_corrected_mask_is_a_labelled_case_that_knows_its_image(tmp_path: Path) -> None:
    mask = phantom()
    scan = tmp_path / "scans" / "case_1.nii.gz"
    scan.parent.mkdir()
    write(mask.with_array(np.where(mask.array > 0, 100, 0).astype(np.int16)), scan)
    viewer, image, layer = opened(mask, path=str(scan))
    layer.metadata[EDITED] = True
    finish(Saving.of(layer, image, tmp_path / "out", "case_1", layers=viewer.layers))
    found = find_labelled(tmp_path / "out")
    assert [case.name for case in found] == ["case_1"]
    assert same_grid(found["case_1"].images["image"].read(), found["case_1"].label.read())
    assert [label.name for label in found.labels] == ["liver", "tumour", "vein"]


@pytest.mark.usefixtures("no_drawing")
def test_a_record_does_not_hold_a_path_that_names_the_patient(tmp_path: Path) -> None:
    mask = phantom()
    scan = series(tmp_path / "doe_ct", mask.with_array(mask.array.astype(np.int16)), "CT")
    viewer, image, layer = opened(mask, path=str(scan))
    files = finish(Saving.of(layer, image, tmp_path / "out", "case_1", layers=viewer.layers))
    assert "doe" not in files["record"].read_text().lower()
