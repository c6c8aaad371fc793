"""Labelled cases before a training: what is wrong stops it, what is doubtful is marked."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest

from monai_attn.cases.labelled import LabelledSet, find_labelled
from monai_attn.errors import InputError
from monai_attn.io import write
from monai_attn.preflight.labelled_checks import check_labelled, findings_text, refuse_training
from monai_attn.preflight.labelled_figures import read_cases
from monai_attn.preflight.labelled_sets import with_modalities
from monai_attn.volume import Volume

GRID = np.array([[-2.0, 0, 0, 30], [0, 2, 0.2, -20], [0, -0.2, 3, 5], [0, 0, 0, 1]])
"""Oblique, anisotropic, and its first axis runs to the left: the label 1 in the first planes lies on the right."""

SHIFTED = GRID.copy()
SHIFTED[0, 3] += 0.02

ORGANS = {"0": "background", "1": "right kidney", "2": "left kidney", "3": "spleen"}

Case = dict[str, Any]


def case(seed: int = 0, *, ct: bool = True, **more: Any) -> Case:
    """An image of 12 x 10 x 8 voxels, a mask with the three organs, and what the entry says besides."""
    noise = np.random.default_rng(seed).normal(0, 20, (12, 10, 8))
    image = np.where(np.arange(12)[:, None, None] < 3, -1000, 40) + noise if ct else 300 + noise
    labels = np.zeros((12, 10, 8), np.uint8)
    labels[3:5, 3:6, 2:6], labels[8:10, 3:6, 2:6], labels[6, 7:9, 1:7] = 1, 2, 3
    return {"image": Volume(image.astype(np.float32), GRID), "label": Volume(labels, GRID), **more}


def labelled(folder: Path, *cases: Case, modality: str = "CT") -> LabelledSet:
    rows = []
    for number, one in enumerate(cases):
        row = dict(one)
        for key in ("image", "label"):
            row[key] = f"{key}/{number}.nii.gz"
            (folder / key).mkdir(exist_ok=True)
            write(one[key], folder / row[key])
        rows.append(row)
    content = {"modality": {"0": modality}, "labels": ORGANS, "training": rows}
    (folder / "dataset.json").write_text(json.dumps(content))
    return find_labelled(folder)


def found(labelled_set: LabelledSet) -> list[tuple[str, str, str]]:
    """Severity, case and sentence of each finding."""
    figures = read_cases(labelled_set.cases, labelled_set.labels)
    return [(one.severity, one.case, one.text) for one in check_labelled(labelled_set, figures, pairs=[(2, 1)])]


def changed(one: Case, key: str, change: Any) -> Case:
    array = one[key].array.copy()
    change(array)
    return {**one, key: one[key].with_array(array)}


def set_at(place: Any, value: float) -> Any:
    def change(array: np.ndarray) -> None:
        array[place] = value

    return change


def test_sound_cases_pass_and_are_described(tmp_path):
    cases = labelled(tmp_path, *(case(seed) for seed in range(6)))
    seen, steps = [], []
    figures = read_cases(
        cases.cases,
        cases.labels,
        progress=lambda done, total: steps.append((done, total)),
        visit=lambda one, images, labels: seen.append((one.name, list(images), labels.shape)),
    )
    assert check_labelled(cases, figures, pairs=[(2, 1)]) == []
    assert findings_text([]) == "Nothing speaks against these cases."
    assert steps == [(number, 6) for number in range(1, 7)]
    assert seen == [(str(number), ["image"], (12, 10, 8)) for number in range(6)]
    first = figures[0]
    voxel_ml = abs(np.linalg.det(GRID[:3, :3])) / 1000
    assert first.structures[1].voxels == 24
    assert first.structures[1].volume_ml == pytest.approx(24 * voxel_ml)
    assert first.structures[1].middle_mm == pytest.approx(tuple(GRID[:3, :3] @ [3.5, 4, 3.5] + GRID[:3, 3]), rel=1e-5)
    assert 0 < first.structures[1].values["p50"] < 80
    assert first.images["image"].values["p5"] < -900
    assert (first.on_grid, first.apart < 1e-3, first.structures[3].at_end) == (("image",), True, False)


WRONG = {
    "nan": (changed(case(1), "image", set_at((0, 0, 0), np.nan)), "has 1 voxels that are no finite numbers"),
    "blank": (changed(case(1), "image", set_at(slice(None), 7.0)), "is blank: 100 % of its voxels have the value 7"),
    "value": (changed(case(1), "label", set_at((0, 0, 0), 9)), "holds the values 9, which the data set does not name"),
    "fraction": ({**case(1), "label": Volume(np.full((12, 10, 8), 0.5, np.float32), GRID)}, "whole numbers"),
    "grid": ({**case(1), "label": Volume(case(1)["label"].array[:, :, :7], GRID)},
             "The mask lies on another grid (12 x 10 x 7 voxels of 2 x 2.01 x 3.007 mm) than the image 'image'"),
    "place": ({**case(1), "label": Volume(case(1)["label"].array, np.eye(4))},
              "Only 0 % of the mask lie within the image 'image'"),
}  # fmt: skip


@pytest.mark.parametrize("what", WRONG)
def test_a_wrong_case_is_an_error_that_stops_the_training(tmp_path, what):
    bad, sentence = WRONG[what]
    cases = labelled(tmp_path, case(0), bad, case(2))
    errors = [(name, text) for severity, name, text in found(cases) if severity == "error"]
    assert {name for name, _ in errors} == {"1"}
    assert any(sentence in text for _, text in errors), errors
    with pytest.raises(InputError, match=r"The data cannot be trained on as they are(.|\n)*error +1 "):
        refuse_training(check_labelled(cases, read_cases(cases.cases, cases.labels)))


def test_a_damaged_file_is_an_error_of_its_case(tmp_path):
    cases = labelled(tmp_path, case(0), case(1))
    (tmp_path / "image/1.nii.gz").write_bytes((tmp_path / "image/1.nii.gz").read_bytes()[:200])
    [(severity, name, text)] = found(cases)
    assert (severity, name) == ("error", "1")
    assert "1.nii.gz" in text


DOUBTFUL = {
    "empty": (changed(case(1), "label", set_at(slice(None), 0)), "The mask is empty."),
    "drawn": (changed(case(1, drawn=[1, 2, 3]), "label", set_at((6, slice(None)), 0)),
              "spleen is said to be drawn and has no voxel"),
    "undrawn": (case(1, drawn=[1, 2]), "spleen has 12 voxels and is not said to be drawn"),
    "mirrored": ({**case(1), "label": Volume(case(1)["label"].array[::-1], GRID)},
                 "left kidney lies 10 mm to the right of right kidney"),
    "rounded": ({**case(1), "label": Volume(case(1)["label"].array, SHIFTED)},
                "The mask lies 0.01 voxels off the image"),
    "not ct": (case(1, ct=False), "has no value near -1000"),
    "coarse": ({key: Volume(case(1)[key].array, GRID @ np.diag([4.0, 4, 4, 1])) for key in ("image", "label")},
               "has voxels of 8 x 8.04 x 12 mm; the median case has 2 x 2.01 x 3.01 mm"),
    "large": ({**case(1), "label": Volume(np.full((12, 10, 8), 3, np.uint8), GRID)}, "spleen has"),
    "twice": (case(0), "has the same voxels as an image of 0"),
}  # fmt: skip


@pytest.mark.parametrize("what", DOUBTFUL)
def test_a_doubtful_case_is_a_warning_that_names_it(tmp_path, what):
    bad, sentence = DOUBTFUL[what]
    findings = found(labelled(tmp_path, case(0), bad, *(case(seed) for seed in range(2, 8))))
    assert [severity for severity, _, _ in findings if severity == "error"] == []
    assert any(name == "1" and sentence in text for _, name, text in findings), findings
    assert {name for _, name, _ in findings} == {"1"}


def test_a_ct_among_mr_images_is_named(tmp_path):
    cases = [case(seed, ct=seed == 2) for seed in range(7)]
    [(severity, name, text)] = found(labelled(tmp_path, *cases, modality="T1"))
    assert (severity, name) == ("warning", "2")
    assert "as CT has them in air; the data set says MR" in text


def stored(seed: int) -> Case:
    """A CT of stored values: air at 0 and water at 1024."""
    return changed(case(seed), "image", lambda array: np.clip(array + 1024, 0, None, out=array))


@pytest.mark.parametrize("cases", [1, 6])
def test_cts_of_stored_values_are_refused(tmp_path, cases):
    """All soft tissue would become one grey value of the network."""
    [(severity, name, text)] = found(labelled(tmp_path, *map(stored, range(cases))))
    assert (severity, name) == ("error", "")
    assert "No case has values near -1000 in the image 'image'" in text
    assert "the median of the structures is 106" in text
    assert "Store Hounsfield units, or do not call the image CT" in text


def test_cts_of_stored_values_are_refused_where_another_image_is_the_first(tmp_path):
    rows = ["case,mr,ct,label"]
    for number in range(3):
        one = stored(number)
        files = {"mr": case(number, ct=False)["image"], "ct": one["image"], "label": one["label"]}
        rows.append(",".join([str(number), *(f"{key}{number}.nii.gz" for key in files)]))
        for key, volume in files.items():
            write(volume, tmp_path / f"{key}{number}.nii.gz")
    (tmp_path / "cases.csv").write_text("\n".join(rows) + "\n")
    [(severity, name, text)] = found(find_labelled(tmp_path / "cases.csv"))
    assert (severity, name) == ("error", "")
    assert "in the image 'ct'" in text
    assert "a quarter of the values lie above 107" in text


def test_a_ct_without_air_in_any_case_is_a_warning(tmp_path):
    cases = [changed(case(seed), "image", lambda array: np.clip(array, -200, None, out=array)) for seed in range(6)]
    [(severity, name, text)] = found(labelled(tmp_path, *cases))
    assert (severity, name) == ("warning", "")
    assert "No case has values near -1000 in the image 'image'" in text
    assert "Check that they are Hounsfield units" in text


def test_what_was_left_out_and_what_readers_decided_are_notes(tmp_path):
    cases = labelled(tmp_path, *(case(seed) for seed in range(3)))
    cases = replace(cases, notes=("2 images have no mask.",))
    figures = [
        replace(one, notes=(f"The directions differ by {number} degrees.",) if number else ())
        for number, one in enumerate(read_cases(cases.cases, cases.labels))
    ]
    notes = [(one.severity, one.case, one.text) for one in check_labelled(cases, figures)]
    assert notes == [
        ("note", "", "2 images have no mask."),
        ("note", "", "2 cases, 1 first: The directions differ by 1 degrees."),
    ]
    refuse_training(check_labelled(cases, figures))


def test_the_notes_of_a_reader_reach_the_findings(tmp_path):
    cases = labelled(tmp_path, case(0), case(1))
    image = nibabel.load(tmp_path / "image/0.nii.gz")
    image.set_qform(np.diag([2.0, 2, 3, 1]), code=1)
    nibabel.save(image, tmp_path / "image/0.nii.gz")
    assert any(severity == "note" and name == "0" for severity, name, _ in found(cases))


def test_values_that_no_mask_shares_may_be_one_structure(tmp_path):
    for number, value in enumerate((1, 255, 1)):
        one = case(number, ct=False)
        write(one["image"], tmp_path / f"images/{number}.nii.gz")
        write(
            one["label"].with_array(np.where(one["label"].array, value, 0).astype(np.uint8)),
            tmp_path / f"masks/{number}.nii.gz",
        )
    sentences = [text for severity, _, text in found(find_labelled(tmp_path)) if severity == "warning"]
    assert any(
        text.startswith("Each mask holds one value, and they differ (structure 1, structure 255)") for text in sentences
    )


def test_channels_that_the_data_set_does_not_name_are_an_error(tmp_path):
    four = np.random.default_rng(0).normal(300, 20, (12, 10, 8, 4)).astype(np.float32)
    (tmp_path / "image").mkdir()
    nibabel.save(nibabel.Nifti1Image(four, GRID), tmp_path / "image/0.nii.gz")
    write(case(0)["label"], tmp_path / "label/0.nii.gz")
    rows = [{"image": "image/0.nii.gz", "label": "label/0.nii.gz"}]
    content = {"modality": {"0": "FLAIR", "1": "T1"}, "labels": ORGANS, "training": rows}
    (tmp_path / "dataset.json").write_text(json.dumps(content))
    [(severity, _, text)] = found(find_labelled(tmp_path))
    assert (severity, text) == ("error", "0.nii.gz has 4 channels, and the data set names 2. Name all of them.")


def test_one_image_or_one_patient_in_training_and_test_is_an_error(tmp_path):
    cases = [case(0, part="train", patient="a"), case(1, part="test", patient="a"), case(0, part="test", patient="b")]
    findings = found(labelled(tmp_path, *cases))
    assert [(severity, name) for severity, name, _ in findings] == [("error", "2"), ("error", "1")]
    assert "which is in the part train; this case is in the part test" in findings[0][2]
    assert "Give all cases of a patient to one part" in findings[1][2]


@pytest.mark.parametrize(("patients", "said"), [("aaab", True), ("aabbccdd", False), ("abcd", False)])
def test_many_cases_of_one_patient_are_said(tmp_path, patients, said):
    cases = [case(seed, patient=patient) for seed, patient in enumerate(patients)]
    findings = found(labelled(tmp_path, *cases))
    assert [(severity, name) for severity, name, _ in findings] == ([("warning", "")] if said else [])
    assert not said or "3 of 4 cases are said to be of one patient" in findings[0][2]


def test_a_structure_that_no_case_has_is_said_once(tmp_path):
    cases = [changed(case(seed), "label", set_at((6, slice(None)), 0)) for seed in range(3)]
    [(severity, name, text)] = found(labelled(tmp_path, *cases))
    assert (severity, name) == ("warning", "")
    assert "No case has a drawn voxel of spleen" in text


def test_the_findings_are_a_table(tmp_path):
    cases = labelled(tmp_path, case(0), changed(case(1), "label", set_at((0, 0, 0), 9)), case(0))
    findings = check_labelled(cases, read_cases(cases.cases, cases.labels))
    text = findings_text(findings).splitlines()
    assert text[0].startswith("error    1  The mask holds")
    assert text[1].startswith("warning  2  The image")
    assert [list(one.row()) for one in findings] == [["severity", "case", "finding"]] * 2


@pytest.mark.parametrize(("ct", "modality", "unit"), [(True, "CT", "HU"), (False, "", "")])
def test_an_unknown_modality_is_taken_from_the_values_of_air(tmp_path, ct, modality, unit):
    cases = labelled(tmp_path, *(case(seed, ct=ct) for seed in range(3)), modality="scan")
    assert cases.images[0].modality == ""
    known = with_modalities(cases, read_cases(cases.cases, cases.labels))
    assert (known.images[0].modality, known.images[0].unit) == (modality, unit)
    assert known.cases == cases.cases


def test_images_of_one_case_with_different_frames_of_reference_are_an_error(tmp_path):
    """The training ended with it, after the cases were read and the time of a step was measured."""
    cases = labelled(tmp_path, case())
    (one,) = read_cases(cases.cases, cases.labels)
    for second, expected in (("1.3", ["error"]), ("1.2", []), ("", [])):
        frames = {"ct": "1.2", "mr": second}
        images = {name: replace(one.images["image"], frame_of_reference=frame) for name, frame in frames.items()}
        findings = check_labelled(cases, [replace(one, images=images, on_grid=("ct", "mr"))])
        said = [found.severity for found in findings if "different frames of reference" in found.text]
        assert said == expected
