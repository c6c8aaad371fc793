"""`monai-attn measure`, as a user meets it."""

from __future__ import annotations

import json
import sys

import jsonschema
import numpy as np
import pytest
from measured import SHAPE, TABLE, VOXEL_ML, affine, csv_rows, heavy_modules, image, reference, save, strict_json

from monai_attn import LabelTable, Segmentation, Volume, write
from monai_attn.cli.main import main
from monai_attn.cohort import measure_case
from monai_attn.errors import InputError
from monai_attn.measure import measure_structures, rows, to_frame


@pytest.fixture
def mask(tmp_path):
    return save(reference(), tmp_path / "out", "case_1")


@pytest.fixture
def ct(tmp_path):
    write(image(), tmp_path / "case_1.nii.gz")
    return tmp_path / "case_1.nii.gz"


def measure(*arguments) -> int:
    return main(["measure", *map(str, arguments)])


def test_structures_are_printed_with_the_names_beside_the_mask_and_units(mask, capsys):
    assert measure(mask) == 0
    titles, units, _, liver, tumour, notice = capsys.readouterr().out.splitlines()
    assert titles.split() == ["structure", "voxels", "volume", "surface", "R", "A", "S", "at", "border"]
    assert units.split() == ["ml", "mm²", "mm", "mm", "mm"]
    assert liver.split()[:3] == ["liver", "1734", "4.162"]
    assert tumour.split()[:3] == ["tumour", "66", "0.158"]
    assert notice == "Research use only; not a medical device."


def test_an_image_in_the_place_of_the_mask_is_doubted(mask, tmp_path, capsys):
    assert measure(mask) == 0
    assert "Is it an image" not in capsys.readouterr().out
    write(Volume(np.arange(216, dtype=np.int16).reshape(6, 6, 6)), tmp_path / "image.nii.gz")
    assert measure(tmp_path / "image.nii.gz") == 0
    assert "note: The mask holds 215 values without names. Is it an image, and not a mask?" in capsys.readouterr().out


def test_csv_and_json_hold_the_rows_of_the_python_api(mask, ct, tmp_path):
    assert measure(mask, ct, "--lesion", "Tumour", "--csv", tmp_path / "m.csv", "--json", tmp_path / "m.json") == 0
    segmentation = Segmentation.load(mask)
    expected = measure_case(segmentation, image(), case="case_1", lesions=["2"]).rows()
    content = strict_json(tmp_path / "m.json")
    assert [row["kind"] for row in content["rows"]] == ["structure", "structure", "lesion", "lesion"]
    assert [(row["voxels"], row.get("organ"), row.get("label")) for row in content["rows"]] == [
        (1734, None, None), (66, None, None), (48, "liver", "tumour"), (18, "liver", "tumour"),
    ]  # fmt: skip
    for row, from_file, from_python in zip(csv_rows(tmp_path / "m.csv"), content["rows"], expected, strict=True):
        assert list(from_file) == list(from_python)
        for name, value in from_python.items():
            assert from_file[name] == (pytest.approx(value, rel=1e-4) if isinstance(value, float) else value)
        assert {name for name, text in row.items() if text} == {k for k, v in from_file.items() if v != ""}
        assert float(row["volume_ml"]) == from_file["volume_ml"] == pytest.approx(from_file["voxels"] * VOXEL_ML)
        assert from_file["intensity_mean"] == pytest.approx(40, abs=3)
    assert content["schema"] == "monai_attn.measure/1"
    assert content["files"] == {"mask": "case_1_seg.nii.gz", "image": "case_1.nii.gz"}
    assert content["labels"] == TABLE.to_json()
    assert "not a medical device" in content["notice"]


def test_the_json_follows_its_published_schema(mask, ct, tmp_path, measure_schema):
    assert measure(mask, ct, "--lesion", "2", "--json", tmp_path / "m.json") == 0
    jsonschema.validate(strict_json(tmp_path / "m.json"), measure_schema)


def test_lesions_are_counted_as_told(mask, tmp_path, capsys):
    assert measure(mask, "--lesion", "tumour", "--min-ml", "0.1", "--csv", tmp_path / "m.csv") == 0
    assert "Lesions of tumour, 26 neighbours, from 0.1 ml: 1" in capsys.readouterr().out
    assert len(csv_rows(tmp_path / "m.csv", "lesion")) == 1
    assert measure(mask, "--lesion", "tumour", "--min-ml", "5") == 0
    assert "from 5 ml: 0" in capsys.readouterr().out


def test_a_lesion_lies_in_the_organ_of_another_mask(mask, tmp_path, capsys):
    array = np.zeros(SHAPE, np.uint8)
    array[:12], array[12:] = 4, 7
    organs = LabelTable.of_names({4: "segment IV", 7: "segment VII"})
    path = Segmentation(Volume(array, affine()), organs).save(tmp_path, stem="organs")[0]
    assert measure(mask, "--lesion", "2", "--organs", path, "--csv", tmp_path / "m.csv") == 0
    assert [row["organ"] for row in csv_rows(tmp_path / "m.csv", "lesion")] == ["segment IV", "segment VII"]

    coarse = affine() @ np.diag([2.0, 2.0, 2.0, 1.0])
    Segmentation(Volume(array[::2, ::2, ::2], coarse), organs).save(tmp_path, stem="organs", overwrite=True)
    arguments = (mask, "--lesion", "2", "--organs", path, "--csv", tmp_path / "m.csv", "--overwrite")
    assert measure(*arguments) == 2
    assert "The lesions and the organs lie on different grids" in capsys.readouterr().err
    assert measure(*arguments, "--resample") == 0
    assert [row["organ"] for row in csv_rows(tmp_path / "m.csv", "lesion")] == ["segment IV", "segment VII"]


@pytest.mark.parametrize("ending", ["nii.gz", "nrrd", "mha"])
def test_a_mask_without_names_has_labels_with_numbers(tmp_path, ending, capsys):
    write(reference(), tmp_path / f"somebodys.{ending}")
    assert measure(tmp_path / f"somebodys.{ending}", "--csv", tmp_path / "m.csv") == 0
    found = [(row["case"], row["name"], row["voxels"]) for row in csv_rows(tmp_path / "m.csv")]
    assert found == [("somebodys", "label 1", "1734"), ("somebodys", "label 2", "66")]


def test_a_json_of_another_kind_beside_a_mask_names_nothing(tmp_path, capsys):
    write(reference(), tmp_path / "mask.nii.gz")
    (tmp_path / "mask.json").write_text('{"Manufacturer": "somebody"}')
    assert measure(tmp_path / "mask.nii.gz") == 0
    assert "label 1" in capsys.readouterr().out


def test_a_bundle_names_the_labels_without_running(mask, capsys):
    assert measure(mask, "--bundle", "hippocampus_mri") == 0
    assert "anterior hippocampus" in capsys.readouterr().out


def test_a_structure_without_a_voxel_is_a_row_of_nothing_and_its_nan_null(tmp_path, capsys):
    path = save(Volume(np.zeros(SHAPE, np.uint8), affine()), tmp_path, "empty")
    assert measure(path, "--csv", tmp_path / "m.csv", "--json", tmp_path / "m.json") == 0
    liver = strict_json(tmp_path / "m.json")["rows"][0]
    assert (liver["name"], liver["voxels"], liver["volume_ml"], liver["centroid_r_mm"]) == ("liver", 0, 0.0, None)
    assert csv_rows(tmp_path / "m.csv")[0]["centroid_r_mm"] == "nan"
    assert capsys.readouterr().out.splitlines()[3].split() == ["liver", "0", "0.000", "0.0", "-", "-", "-"]


BAD = [
    (["nowhere.nii.gz"], "nowhere.nii.gz does not exist"),
    (["MASK", "SHIFTED"], "The label map and the image lie on different grids"),
    (["IMAGE"], "case_1.nii.gz: A label map holds 0 and whole numbers above"),
    (["EMPTY"], "only background and nothing names its labels"),
    (["DAMAGED"], "damaged_seg.json, which names the labels of the mask beside it, cannot be read"),
    (["UNNAMED"], "unnamed_seg.nii.gz: The label map holds [2], which the label table [0, 1] does not name"),
    (["MASK", "--lesion", "tumor"], "No label is called 'tumor'; there are 1 'liver', 2 'tumour'. Did you mean"),
    (["MASK", "--lesion", "7"], "No label has the value 7; the table knows [1, 2]"),
    (["MASK", "--lesion", "2", "--min-ml", "-1"], "0 ml or more, not -1.0"),
    (["MASK", "--bundle", "hippocampus_mir"], "There is no bundle 'hippocampus_mir'"),
    (["MASK", "--organs", "MASK"], "say which label with --lesion"),
    (["MASK", "--resample"], "--resample is for --organs"),
    (["MASK", "--min-ml", "1"], "--min-ml is for lesions"),
    (["MASK", "--connectivity", "6"], "--connectivity is for lesions"),
    (["MASK", "--series", "2"], "--series chooses in an image"),
    (["MASK", "--volume", "0"], "--volume chooses in an image"),
    (["MASK", "--suv-factor", "2"], "--suv-factor is for an image"),
]  # fmt: skip


@pytest.mark.parametrize("command", ["measure", "compare"])
def test_a_table_is_no_text_for_stdout(command, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as stopped:
        main([command, "a.nii.gz", "b.nii.gz", "--csv", "-"])
    assert stopped.value.code == 2
    assert "argument --csv: - is no file. Name one, or print the rows by --json -." in capsys.readouterr().err


@pytest.mark.parametrize(("arguments", "message"), BAD)
def test_bad_use_is_said_exits_with_2_and_writes_nothing(mask, ct, tmp_path, capsys, arguments, message):
    shifted = affine()
    shifted[0, 3] += 1
    write(Volume(image().array, shifted), tmp_path / "shifted.nii.gz")
    write(Volume(np.zeros(SHAPE, np.uint8), affine()), tmp_path / "empty.nii.gz")
    damaged, unnamed = (save(reference(), tmp_path, name) for name in ("damaged", "unnamed"))
    damaged.with_name("damaged_seg.json").write_text('{"labels": ')
    unnamed.with_name("unnamed_seg.json").write_text('{"labels": [{"value": 1, "name": "liver"}]}')
    files = {
        "MASK": mask, "IMAGE": ct, "SHIFTED": tmp_path / "shifted.nii.gz", "EMPTY": tmp_path / "empty.nii.gz",
        "DAMAGED": damaged, "UNNAMED": unnamed,
    }  # fmt: skip
    arguments = [files.get(argument, argument) for argument in arguments]
    assert measure(*arguments, "--csv", tmp_path / "new" / "m.csv") == 2
    captured = capsys.readouterr()
    assert message in captured.err
    assert captured.out == ""
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--csv", "there.csv"], "there.csv exists and is not overwritten"),
        (["--json", "folder", "--overwrite"], "folder is a folder"),
        (["--csv", "m.txt", "--json", "m.txt"], "m.txt is written already"),
        (["--csv", "MASK", "--overwrite"], "case_1_seg.nii.gz is an input"),
        (["--json", "RECORD", "--overwrite"], "case_1_seg.json is an input"),
        (["--csv", "circle"], "circle is a link, and links are not replaced"),
        (["--csv", "m.csv", "--json", "there.csv/m.json"], "m.json cannot be written: there.csv is no folder"),
    ],
)
def test_what_cannot_be_written_is_refused_before_the_work(mask, tmp_path, monkeypatch, capsys, options, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    (tmp_path / "circle").symlink_to("circle")
    (tmp_path / "there.csv").write_text("mine")
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    named = {"MASK": mask, "RECORD": mask.with_name("case_1_seg.json")}
    monkeypatch.setattr(Segmentation, "load", lambda *_, **__: pytest.fail("the work has begun"))
    assert measure(mask, *(named.get(option, option) for option in options)) == 2
    assert message in capsys.readouterr().err
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_files_are_replaced_when_told(mask, tmp_path):
    (tmp_path / "m.csv").write_text("old")
    assert measure(mask, "--csv", tmp_path / "m.csv", "--overwrite") == 0
    assert len(csv_rows(tmp_path / "m.csv")) == 2


def test_neither_torch_nor_monai_is_loaded(mask, tmp_path):
    assert heavy_modules("measure", mask, "--lesion", "2", "-b", "hippocampus_mri", "--json", tmp_path / "m") == "[]"


def test_rows_make_a_data_frame_where_pandas_is_there(monkeypatch):
    pandas = pytest.importorskip("pandas")
    table = rows(measure_structures(reference(), TABLE))
    frame = to_frame(table)
    assert isinstance(frame, pandas.DataFrame)
    assert frame.set_index("name").loc["tumour", "voxels"] == 66
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(InputError, match=r"needs pandas\. Install it with: pip install pandas"):
        to_frame(table)


def test_numbers_that_json_lacks_are_null_and_text():
    from monai_attn.measure import to_json

    content = json.loads(to_json([{"a": float("nan"), "b": float("inf"), "c": -float("inf"), "d": 1.5}], of=["x"]))
    assert content == {
        "schema": "monai_attn.measure/1", "of": ["x"], "rows": [{"a": None, "b": "inf", "c": "-inf", "d": 1.5}],
    }  # fmt: skip
