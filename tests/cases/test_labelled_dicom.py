"""Labelled cases in DICOM: image series with a SEG or RTSTRUCT each."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from dicom_maker import series
from pydicom import dcmread
from pydicom.uid import generate_uid

from monai_attn.cases.images import ImageFile
from monai_attn.cases.labelled import find_labelled
from monai_attn.cases.patients import patient_of
from monai_attn.errors import InputError
from monai_attn.io import write_dicom_seg, write_rtstruct
from monai_attn.io.dicom.files import patient_digest
from monai_attn.labels import LabelTable
from monai_attn.volume import Volume

GRID = np.array([[1.5, 0, 0, -9], [0, 1.5, 0, 4], [0, 0, 3, -7], [0, 0, 0, 1.0]])
IMAGE = Volume(np.arange(9 * 8 * 6, dtype=np.int16).reshape(9, 8, 6), GRID)


def masks() -> np.ndarray:
    array = np.zeros(IMAGE.shape, np.uint8)
    array[1:4, 2:6, 1:5], array[5:8, 2:6, 1:5] = 1, 2
    return array


def study(folder: Path, patient: str, names: dict[int, str], *, seg: bool = False, modality: str = "CT") -> np.ndarray:
    """A CT series, and structures of these names that were drawn on it; gives their label map."""
    frame = generate_uid()
    series(
        folder / "ct", IMAGE, modality, PatientID=patient, FrameOfReferenceUID=frame, StudyInstanceUID=generate_uid()
    )
    array = np.where(np.isin(masks(), list(names)), masks(), 0).astype(np.uint8)
    labels, table = IMAGE.with_array(array), LabelTable.of_names(names)
    if seg:
        write_dicom_seg(labels, table, folder / "ct", folder / "seg.dcm", algorithm="hand", algorithm_version="1")
    else:
        write_rtstruct(labels, table, folder / "ct", folder / "rt.dcm", algorithm="hand", algorithm_version="1")
    return array


@pytest.mark.parametrize("seg", [True, False])
def test_each_series_with_structures_is_a_case_and_what_a_file_lacks_was_not_drawn(tmp_path, seg):
    first = study(tmp_path / "p1", "Doe", {1: "GTV", 2: "Cord"}, seg=seg)
    study(tmp_path / "p2", "Roe", {2: "cord"}, seg=seg)
    found = find_labelled(tmp_path)
    assert [case.name for case in found] == ["p1", "p2"]
    assert [(label.value, label.name) for label in found.labels] == [(1, "GTV"), (2, "Cord")]
    assert [case.drawn for case in found] == [{1, 2}, {2}]
    assert [(one.name, one.modality) for one in found.images] == [("image", "CT")]
    read = found["p1"].label.read()
    assert read.array.tolist() == first.tolist()
    assert read.affine == pytest.approx(GRID)
    assert found["p1"].images["image"].read().array.tolist() == IMAGE.array.tolist()
    assert set(np.unique(found["p2"].label.read().array)) == {0, 2}


def test_cases_of_one_patient_share_a_digest_that_names_nobody(tmp_path):
    for case, patient in (("a", "Doe"), ("b", "Doe"), ("c", "Roe")):
        study(tmp_path / case, patient, {1: "GTV"})
    digests = [case.patient for case in find_labelled(tmp_path)]
    assert digests[0] == digests[1] != digests[2]
    assert "Doe" not in "".join(digests)


def test_a_file_of_labels_chooses_among_the_structures(tmp_path):
    study(tmp_path / "p1", "Doe", {1: "Body", 2: "Cord"})
    study(tmp_path / "p2", "Roe", {1: "Body"})
    (tmp_path / "labels.json").write_text(json.dumps({"labels": {"1": "cord"}}))
    found = find_labelled(tmp_path)
    assert [case.name for case in found] == ["p1"]
    assert set(np.unique(found["p1"].label.read().array)) == {0, 1}
    assert found.notes == ("1 files hold none of the structures and are left out.",)
    (tmp_path / "labels.json").write_text(json.dumps({"labels": {"1": "liver"}}))
    with pytest.raises(InputError, match=r"'liver', which no file holds. The files hold: Body, Cord"):
        find_labelled(tmp_path)


def test_structures_without_their_series_and_two_files_on_one_series_are_refused(tmp_path):
    study(tmp_path / "p1", "Doe", {1: "GTV"})
    series(tmp_path / "p2/ct", IMAGE, "CT", FrameOfReferenceUID=generate_uid())
    (tmp_path / "p2/rt.dcm").write_bytes((tmp_path / "p1/rt.dcm").read_bytes())
    with pytest.raises(InputError, match=r"2 files of structures were drawn on one series: p1/rt.dcm, p2/rt.dcm"):
        find_labelled(tmp_path)
    (tmp_path / "p1/ct").rename(tmp_path.parent / "elsewhere")
    (tmp_path / "p1/rt.dcm").unlink()
    with pytest.raises(InputError, match=r"p2/rt\.dcm was drawn on a series that is not in the folder"):
        find_labelled(tmp_path)


def test_a_table_may_name_dicom_series_and_their_structures(tmp_path):
    first = study(tmp_path / "p1", "Doe", {1: "GTV", 2: "Cord"})
    study(tmp_path / "p2", "Roe", {2: "cord"})
    (tmp_path / "cases.csv").write_text("case,ct,label\na,p1/ct,p1/rt.dcm\nb,p2/ct,p2/rt.dcm\n")
    found = find_labelled(tmp_path / "cases.csv")
    assert [(case.name, case.drawn) for case in found] == [("a", {1, 2}), ("b", {2})]
    assert found["a"].label.read().array.tolist() == first.tolist()


@pytest.mark.parametrize("seg", [True, False])
def test_segments_of_one_name_are_one_structure(tmp_path, seg):
    """Of two lesions the second had become background: the reader calls it "Lesion (2)"."""
    drawn = study(tmp_path / "p1", "Doe", {1: "Lesion", 2: "lesion x"}, seg=seg)
    path = tmp_path / "p1" / ("seg.dcm" if seg else "rt.dcm")
    file = dcmread(path)
    for item in file.SegmentSequence if seg else file.StructureSetROISequence:
        setattr(item, "SegmentLabel" if seg else "ROIName", "Lesion")
    file.save_as(path)
    found = find_labelled(tmp_path)
    assert [label.name for label in found.labels] == ["Lesion"]
    assert (found["p1"].label.read().array == (drawn > 0)).all()


def test_a_number_that_is_part_of_a_name_tells_two_structures_apart(tmp_path):
    drawn = study(tmp_path / "p1", "Doe", {1: "Node", 2: "Node (2)"})
    (tmp_path / "labels.json").write_text(json.dumps({"labels": {"1": "Node"}}))
    assert (find_labelled(tmp_path)["p1"].label.read().array == (drawn == 1)).all()


def test_dicom_images_of_a_table_say_which_cases_are_of_one_patient(tmp_path):
    for case, patient in (("a", "Doe"), ("b", "Doe"), ("c", "Roe"), ("d", "")):
        study(tmp_path / case, patient, {1: "GTV"})
    rows = [*(f"{case},{case}/ct,{case}/rt.dcm," for case in "abcd"), "e,a/ct,a/rt.dcm,test"]
    (tmp_path / "cases.csv").write_text("\n".join(["case,ct,label,part", *rows]))
    a, b, c, d, e = (case.patient for case in find_labelled(tmp_path / "cases.csv"))
    assert a == b != c
    assert "" not in (a, c)
    assert "Doe" not in a
    assert (d, e) == ("", "")  # the patient has no number; the table gives the part


def test_one_series_of_a_folder_of_two_patients_names_none(tmp_path):
    for folder, patient in (("one", "Doe"), ("one", "Doe"), ("two", "Doe"), ("two", "Roe")):
        series(
            tmp_path / folder / str(generate_uid()), IMAGE, "CT", PatientID=patient, SeriesInstanceUID=generate_uid()
        )
    assert patient_of(ImageFile(tmp_path / "one", series="#1")) == patient_digest("Doe")
    assert patient_of(ImageFile(tmp_path / "two", series="#1")) == ""
