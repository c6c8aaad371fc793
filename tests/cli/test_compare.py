"""`monai-attn compare`, as a user meets it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
from measured import SHAPE, TABLE, VOXEL_ML, affine, csv_rows, heavy_modules, prediction, reference, save, strict_json

from monai_attn import LabelTable, Segmentation, Volume, read, write
from monai_attn.cli.main import main
from monai_attn.measure import ERRORS, compare


@pytest.fixture
def pair(tmp_path):
    """As segment writes a prediction, and as somebody keeps a reference: another format, no names."""
    write(reference(), tmp_path / "labels" / "case_1.nrrd")
    return save(prediction(found=False), tmp_path / "out", "case_1"), tmp_path / "labels" / "case_1.nrrd"


@pytest.fixture
def folders(tmp_path):
    for number in (1, 2, 3):
        save(prediction(number, found=number != 3), tmp_path / "out", f"case_{number}")
        write(reference(), tmp_path / "labels" / f"case_{number}.nii.gz")
    return tmp_path / "out", tmp_path / "labels"


def run(*arguments) -> int:
    return main(["compare", *map(str, arguments)])


def test_two_files_give_a_row_per_structure_with_units(pair, capsys):
    assert run(*pair) == 0
    printed = capsys.readouterr().out.splitlines()
    assert printed[0].split() == [
        "case", "structure", "prediction", "reference", "difference", "Dice", "Jaccard", "sensitivity", "precision",
        "HD", "HD95", "ASSD", "NSD",
    ]  # fmt: skip
    assert printed[1].split() == ["ml", "ml", "ml", "mm", "mm", "mm"]
    liver, tumour = (line.split() for line in printed[3:5])
    assert liver[:4] == ["case_1", "liver", f"{(1734 - 120 + 18) * VOXEL_ML:.3f}", f"{1734 * VOXEL_ML:.3f}"]
    assert tumour[5] == f"{2 * 48 / (48 + 66):.3f}"
    assert "NSD at 1 mm" in printed[6]
    assert printed[-1] == "Research use only; not a medical device."


def test_csv_and_json_hold_what_the_python_api_gives(pair, tmp_path):
    assert run(*pair, "--csv", tmp_path / "c.csv", "--json", tmp_path / "c.json", "--tolerance-mm", "2") == 0
    content = strict_json(tmp_path / "c.json")
    expected = compare(prediction(found=False), reference(), TABLE, tolerance_mm=2)
    assert [row["kind"] for row in content["rows"]] == ["comparison"] * 2
    for row, from_file, from_python in zip(csv_rows(tmp_path / "c.csv"), content["rows"], expected, strict=True):
        for name in ("dice", "jaccard", "hd_mm", "hd95_mm", "assd_mm", "nsd", "volume_difference_ml"):
            assert float(row[name]) == from_file[name] == pytest.approx(getattr(from_python, name), rel=1e-4)
    assert content["settings"]["tolerance_mm"] == 2
    assert content["files"] == {"prediction": "case_1_seg.nii.gz", "reference": "case_1.nrrd"}


def test_folders_are_paired_by_name_and_summarised_with_intervals(folders, tmp_path, capsys):
    assert run(*folders, "--lesion", "tumour", "--json", tmp_path / "c.json", "--csv", tmp_path / "c.csv") == 0
    printed = capsys.readouterr().out
    assert "Summary over 3 of 3 cases, with 95 % bootstrap intervals" in printed
    content = strict_json(tmp_path / "c.json")
    liver = [row["dice"] for row in content["rows"] if row["kind"] == "comparison" and row["name"] == "liver"]
    summary = {(row["name"], row["score"]): row for row in content["rows"] if row["kind"] == "summary"}
    assert summary["liver", "dice"]["mean"] == pytest.approx(np.mean(liver))
    assert (
        summary["liver", "dice"]["mean_low"] < summary["liver", "dice"]["mean"] < summary["liver", "dice"]["mean_high"]
    )
    assert summary["tumour", "lesion_f1"]["mean"] == pytest.approx((1 + 1 + 2 / 3) / 3)
    assert summary["tumour", "lesion_f1"]["cases"] == 3
    assert "lesion_f1" in printed
    assert [row["kind"] for row in csv_rows(tmp_path / "c.csv")] == [row["kind"] for row in content["rows"]]


def test_the_same_masks_give_the_same_bytes(folders, tmp_path):
    for name in ("a", "b"):
        assert run(*folders, "--lesion", "2", "--json", tmp_path / f"{name}.json") == 0
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()


def test_lesions_are_matched_one_by_one(pair, tmp_path, capsys):
    assert run(*pair, "--lesion", "tumour", "--csv", tmp_path / "c.csv") == 0
    (row,) = csv_rows(tmp_path / "c.csv", "detection")
    assert (row["name"], row["matched"], row["missed"], row["extra"]) == ("tumour", "1", "1", "0")
    assert float(row["sensitivity"]) == 0.5
    assert float(row["f1"]) == pytest.approx(2 / 3)
    assert "lesions of" in capsys.readouterr().out
    assert run(*pair, "--lesion", "2", "--min-ml", "0.1", "--csv", tmp_path / "c.csv", "--overwrite") == 0
    (row,) = csv_rows(tmp_path / "c.csv", "detection")
    assert (row["matched"], row["missed"]) == ("1", "0")


@pytest.mark.parametrize("side", ["prediction", "reference"])
def test_a_case_without_its_partner_is_a_row_and_the_exit_code_1(folders, tmp_path, capsys, side):
    (folders[1] / "case_2.nii.gz" if side == "reference" else folders[0] / "case_2_seg.nii.gz").unlink()
    assert run(*folders, "--csv", tmp_path / "c.csv", "--json", tmp_path / "c.json") == 1
    captured = capsys.readouterr()
    assert f"case_2: There is no {side} of this case" in captured.err
    assert "1 of 3 cases failed" in captured.err
    assert "Summary over 2 of 3 cases" in captured.out
    (row,) = csv_rows(tmp_path / "c.csv", "error")
    assert (row["case"], row["error"][:12]) == ("case_2", "There is no ")
    content = strict_json(tmp_path / "c.json")
    assert (content["cases"], content["failed"]) == (3, 1)
    assert {row["cases"] for row in content["rows"] if row["kind"] == "summary"} == {2}


def test_a_damaged_file_is_a_row_too(folders, tmp_path, capsys):
    path = folders[1] / "case_1.nii.gz"
    path.write_bytes(path.read_bytes()[:100])
    assert run(*folders, "--csv", tmp_path / "c.csv") == 1
    assert "case_1: case_1.nii.gz" in capsys.readouterr().err
    assert [row["case"] for row in csv_rows(tmp_path / "c.csv", "error")] == ["case_1"]


def test_when_no_case_can_be_compared_nothing_is_written(folders, tmp_path, capsys):
    for path in folders[1].iterdir():
        path.rename(path.with_name(f"other_{path.name}"))
    assert run(*folders, "--csv", tmp_path / "c.csv", "--json", "-", "--error-map", tmp_path / "errors") == 2
    printed = capsys.readouterr()
    assert "None of 6 cases could be compared" in printed.err
    assert printed.out == ""
    assert not (tmp_path / "c.csv").exists()
    assert not (tmp_path / "errors").exists()


def test_a_label_that_only_one_case_has_is_compared_in_all(tmp_path):
    only_liver = reference().with_array(np.minimum(reference().array, 1))
    for case, volume in (("a", reference()), ("b", only_liver)):
        for side in ("out", "labels"):
            write(volume, tmp_path / side / f"{case}.nii.gz")
    assert run(tmp_path / "out", tmp_path / "labels", "--csv", tmp_path / "c.csv", "--json", tmp_path / "c.json") == 0
    rows = strict_json(tmp_path / "c.json")["rows"]
    (nothing,) = [row for row in rows if row["kind"] == "comparison" and (row["case"], row["value"]) == ("b", 2)]
    assert (nothing["name"], nothing["dice"], nothing["hd_mm"]) == ("label 2", None, None)
    assert nothing["volume_difference_ml"] == 0
    (summary,) = [row for row in rows if (row.get("score"), row.get("name")) == ("dice", "label 2")]
    assert (summary["cases"], summary["undefined"], summary["mean"]) == (2, 1, 1.0)


def test_a_missed_structure_is_zero_and_infinitely_far(tmp_path, capsys, measure_schema):
    missed = save(reference().with_array(np.minimum(reference().array, 1)), tmp_path, "case_1")
    write(reference(), tmp_path / "reference.nii.gz")
    assert run(missed, tmp_path / "reference.nii.gz", "--json", tmp_path / "c.json", "--csv", tmp_path / "c.csv") == 0
    content = strict_json(tmp_path / "c.json")
    tumour = content["rows"][1]
    assert (tumour["dice"], tumour["nsd"], tumour["precision"]) == (0, 0, None)
    assert tumour["hd_mm"] == tumour["hd95_mm"] == tumour["assd_mm"] == "inf"
    assert csv_rows(tmp_path / "c.csv")[1]["hd_mm"] == "inf"
    assert capsys.readouterr().out.splitlines()[4].split()[-4:] == ["inf", "inf", "inf", "0.000"]
    jsonschema.validate(content, measure_schema)


def test_the_json_follows_its_published_schema(folders, tmp_path, measure_schema):
    (folders[1] / "case_2.nii.gz").unlink()
    assert run(*folders, "--lesion", "2", "--json", tmp_path / "c.json") == 1
    content = strict_json(tmp_path / "c.json")
    jsonschema.validate(content, measure_schema)
    content["rows"][0]["dice"] = "much"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(content, measure_schema)


def test_an_error_map_shows_where_and_names_what(pair, tmp_path, capsys):
    assert run(*pair, "--error-map", tmp_path / "errors.nrrd") == 0
    assert "errors.nrrd" in capsys.readouterr().out
    errors = Segmentation.load(tmp_path / "errors.nrrd")
    assert errors.table == ERRORS
    array = errors.labels.array
    assert [int(np.count_nonzero(array == value)) for value in (1, 2, 3, 4)] == [1734 + 48 - 120, 0, 120, 18]
    assert (array[5] == 3).sum() == 120
    np.testing.assert_allclose(errors.labels.affine, affine(), atol=1e-4)


def test_folders_give_an_error_map_per_case(folders, tmp_path):
    assert run(*folders, "--error-map", tmp_path / "errors") == 0
    assert sorted(path.name for path in (tmp_path / "errors").iterdir()) == [
        f"case_{number}_errors.{ending}" for number in (1, 2, 3) for ending in ("json", "nii.gz")
    ]
    assert read(tmp_path / "errors" / "case_3_errors.nii.gz").array.max() == 4


def test_grids_that_differ_are_refused_or_resampled_when_told(pair, tmp_path, capsys):
    fine = affine() @ np.diag([0.5, 0.5, 0.5, 1.0])
    fine[:3, 3] -= affine()[:3, :3] @ np.full(3, 0.25)
    array = np.array(prediction().array).repeat(2, 0).repeat(2, 1).repeat(2, 2)
    path = save(Volume(array, fine), tmp_path, "fine")
    assert run(path, pair[1]) == 2
    assert "The prediction and the reference lie on different grids" in capsys.readouterr().err
    maps = "--error-map", tmp_path / "e.nii.gz"
    assert run(path, pair[1], "--resample", "--lesion", "2", "--csv", tmp_path / "c.csv", *maps) == 0
    liver, tumour = csv_rows(tmp_path / "c.csv", "comparison")
    assert float(tumour["dice"]) == 1
    assert float(liver["sensitivity"]) == pytest.approx((1734 - 120) / 1734)
    assert read(tmp_path / "e.nii.gz").shape == SHAPE


def test_two_names_for_one_label_are_refused(tmp_path, capsys):
    other = LabelTable.of_names({1: "spleen", 2: "tumour"})
    one, two = save(reference(), tmp_path / "out", "a"), Segmentation(reference(), other).save(tmp_path, stem="a")[0]
    assert run(one, two) == 2
    assert "Label 1 is 'liver' in the prediction and 'spleen' in the reference" in capsys.readouterr().err
    assert run(one, two, "--bundle", "hippocampus_mri") == 0
    assert "anterior hippocampus" in capsys.readouterr().out


def test_a_case_with_other_names_than_the_cases_before_is_a_row_with_its_error(folders, tmp_path, capsys):
    other = LabelTable.of_names({1: "spleen", 2: "tumour"})
    Segmentation(reference(), other).save(folders[0], stem="case_2", overwrite=True)
    assert run(*folders, "--csv", tmp_path / "c.csv") == 1
    assert "case_2: Label 1 is 'spleen' here and 'liver' in the cases before" in capsys.readouterr().err
    assert [row["case"] for row in csv_rows(tmp_path / "c.csv", "error")] == ["case_2"]


def test_a_name_in_one_case_names_the_label_in_all(tmp_path):
    write(reference(), tmp_path / "out" / "a.nii.gz")
    save(reference(), tmp_path / "out", "b")
    for case in "ab":
        write(reference(), tmp_path / "labels" / f"{case}.nii.gz")
    out, labels = tmp_path / "out", tmp_path / "labels"
    assert run(out, labels, "--lesion", "2", "--csv", tmp_path / "c.csv") == 0
    assert {row["name"] for row in csv_rows(tmp_path / "c.csv")} == {"liver", "tumour"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere", "REFERENCES"], "nowhere does not exist"),
        (["FILE", "REFERENCES"], "two files, or two folders"),
        (["EMPTY", "REFERENCES"], "empty holds no mask"),
        (["TWICE", "REFERENCES"], "twice holds two masks of the case 'a': a.nii.gz and a_seg.nii.gz"),
        (["FILE", "FILE", "--lesion", "tumor"], "Did you mean 'tumour'"),
        (["PREDICTIONS", "REFERENCES", "--tolerance-mm", "-1"], "0 or more, not -1.0"),
        (["PREDICTIONS", "REFERENCES", "--min-ml", "nan"], "0 or more, not nan"),
        (["PREDICTIONS", "REFERENCES", "--min-iou", "1"], "0 to less than 1, not 1.0"),
        (["PREDICTIONS", "REFERENCES", "--error-map", "e.nii.gz"], "name a folder for them, not e.nii.gz"),
        (["FILE", "FILE", "--error-map", "e.dcm"], "e.dcm: an error map is written as .nii"),
        (["BACKGROUND", "BACKGROUND"], "only background and nothing names labels"),
    ],
)
def test_bad_use_is_said_exits_with_2_and_writes_nothing(folders, tmp_path, monkeypatch, capsys, arguments, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "notes.txt").touch()
    for name in ("a", "a_seg"):
        write(reference(), tmp_path / "twice" / f"{name}.nii.gz")
    write(Volume(np.zeros(SHAPE, np.uint8), affine()), tmp_path / "background.nii.gz")
    named = {
        "PREDICTIONS": folders[0], "REFERENCES": folders[1], "FILE": folders[0] / "case_1_seg.nii.gz",
        "EMPTY": "empty", "TWICE": "twice", "BACKGROUND": "background.nii.gz",
    }  # fmt: skip
    assert run(*(named.get(argument, argument) for argument in arguments), "--csv", tmp_path / "c.csv") == 2
    captured = capsys.readouterr()
    assert message in captured.err
    assert captured.out == ""
    assert not (tmp_path / "c.csv").exists()


def test_every_target_is_checked_before_the_work(folders, tmp_path, monkeypatch, capsys):
    (tmp_path / "errors").mkdir()
    (tmp_path / "errors" / "case_3_errors.json").write_text("mine")
    monkeypatch.setattr(Segmentation, "load", lambda *_, **__: pytest.fail("the work has begun"))
    assert run(*folders, "--error-map", tmp_path / "errors") == 2
    assert "case_3_errors.json exists and is not overwritten" in capsys.readouterr().err
    assert run(*folders, "--csv", folders[1] / "case_2.nii.gz", "--overwrite") == 2
    assert "case_2.nii.gz is an input" in capsys.readouterr().err


def test_neither_torch_nor_monai_is_loaded(folders):
    assert heavy_modules("compare", *folders, "--lesion", "2", "--bundle", "hippocampus_mri") == "[]"


def labelled(folder: Path, **drawn: Any) -> Path:
    """A data set of these cases with the reference mask each, and what their entries say besides."""
    rows = []
    for case, more in drawn.items():
        write(reference(), folder / "masks" / f"{case}.nii.gz")
        rows.append({"image": f"masks/{case}.nii.gz", "label": f"masks/{case}.nii.gz", **more})
    labels = {"0": "background", **{str(label.value): label.name for label in TABLE}}
    (folder / "dataset.json").write_text(json.dumps({"modality": {"0": "CT"}, "labels": labels, "training": rows}))
    return folder


def test_of_a_data_set_only_structures_that_are_to_be_scored_are_compared(folders, tmp_path):
    data = labelled(tmp_path / "data", case_1={"drawn": ["liver"]}, case_2={"cut": ["tumour"]}, case_3={}, other={})
    assert run(folders[0], data, "--json", tmp_path / "c.json") == 1
    rows = strict_json(tmp_path / "c.json")["rows"]
    dice = [(row["case"], row["name"]) for row in rows if row["kind"] == "comparison"]
    assert dice == [
        ("case_1", "liver"), ("case_2", "liver"), ("case_3", "liver"), ("case_3", "tumour")]  # fmt: skip
    assert [(row["case"], row["error"]) for row in rows if row["kind"] == "error"] == [
        ("other", "There is no prediction of this case, so there is nothing to compare.")]  # fmt: skip
    tumour = next(row for row in rows if row["kind"] == "summary" and (row["name"], row["score"]) == ("tumour", "dice"))
    assert (tumour["cases"], tumour["undefined"]) == (1, 0)


def test_of_a_data_set_with_parts_those_of_the_predictions_are_expected(folders, tmp_path):
    parts = {f"case_{number}": {"part": "test"} for number in (1, 2, 3)}
    data = labelled(tmp_path / "data", **parts, other={"part": "train"})
    assert run(folders[0], data) == 0
    assert run(folders[0] / "case_2_seg.nii.gz", data) == 0


def test_the_table_of_the_references_is_not_replaced_by_the_scores(pair, tmp_path, capsys):
    table = tmp_path / "cases.csv"
    table.write_text("case,image,label\ncase_1,out/case_1_seg.nii.gz,labels/case_1.nrrd\n")
    before = table.read_text()
    assert run(pair[0], table, "--csv", table, "--overwrite") == 2
    assert "cases.csv is an input; choose another name" in capsys.readouterr().err
    assert table.read_text() == before
