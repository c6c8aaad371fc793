"""`monai-attn convert`, and the DICOM files that `segment` writes beside a mask."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from segmented import TABLE, TILTS, VIEWS, six_sided, with_labels
from tiny_bundle import make_bundle

from monai_attn import Volume, read, write
from monai_attn.cli.main import main
from monai_attn.io import read_dicom_seg, read_masks
from monai_attn.segmentation import Segmentation


@pytest.fixture(scope="module")
def case(tmp_path_factory) -> tuple[Path, Segmentation]:
    """An oblique sagittal series, and labels on its grid."""
    folder = tmp_path_factory.mktemp("case")
    series = folder / "series"
    labels = with_labels(series, six_sided(VIEWS["sagittal"], TILTS["oblique"]))
    segmentation = Segmentation(labels, TABLE, {"bundle": "a bundle", "bundle_version": "1.2"})
    segmentation.write(folder / "case_seg.nii.gz")
    return series, segmentation


def convert(*arguments) -> int:
    return main(["convert", *map(str, arguments)])


@pytest.mark.parametrize("kind", [[], ["--rtstruct"]], ids=["seg", "rtstruct"])
def test_a_mask_goes_to_dicom_and_back_to_the_same_voxels_and_names(case, tmp_path, capsys, kind):
    series, segmentation = case
    mask = series.parent / "case_seg.nii.gz"
    assert convert(mask, tmp_path / "case.dcm", "--source", series, *kind) == 0
    assert convert(tmp_path / "case.dcm", tmp_path / "back.nii.gz", "--source", series) == 0
    assert "not a medical device" in capsys.readouterr().out
    back = Segmentation.load(tmp_path / "back.nii.gz")
    grid = read(series)
    assert [label.name for label in back.table] == [label.name for label in TABLE]
    for label in TABLE:
        there = segmentation.labels.to_world(np.argwhere(segmentation.labels.array == label.value))
        here = grid.to_world(np.argwhere(back.labels.array == label.value))
        assert len(there) == len(here) > 0
        np.testing.assert_allclose(here.mean(axis=0), there.mean(axis=0), atol=1e-3)


def test_the_algorithm_is_that_of_the_provenance(case, tmp_path):
    from pydicom import dcmread

    series, _ = case
    assert convert(series.parent / "case_seg.nii.gz", tmp_path / "case.dcm", "--source", series) == 0
    segment = dcmread(tmp_path / "case.dcm").SegmentSequence[0]
    assert segment.SegmentAlgorithmName == "a bundle"


@pytest.mark.parametrize(
    ("provenance", "kind"),
    [({"bundle": "b"}, "AUTOMATIC"), ({"bundle": "b", "edited_by_hand": True}, "SEMIAUTOMATIC"),
     ({"edited_by_hand": True}, "MANUAL"), ({}, "SEMIAUTOMATIC")],
)  # fmt: skip
def test_a_mask_that_a_hand_corrected_says_so_in_dicom(case, tmp_path, provenance, kind):
    from pydicom import dcmread

    series, segmentation = case
    replace(segmentation, provenance=provenance).write(tmp_path / "mask.nii.gz")
    assert convert(tmp_path / "mask.nii.gz", tmp_path / "seg.dcm", "--source", series) == 0
    assert convert(tmp_path / "mask.nii.gz", tmp_path / "rt.dcm", "--source", series, "--rtstruct") == 0
    assert {one.SegmentAlgorithmType for one in dcmread(tmp_path / "seg.dcm").SegmentSequence} == {kind}
    regions = dcmread(tmp_path / "rt.dcm").StructureSetROISequence
    assert {one.ROIGenerationAlgorithm for one in regions} == {kind}


def test_how_a_mask_was_made_can_be_said(case, tmp_path, capsys):
    from pydicom import dcmread

    series, segmentation = case
    write(segmentation.labels, tmp_path / "hand.nii.gz")
    assert convert(tmp_path / "hand.nii.gz", tmp_path / "one.dcm", "--source", series) == 0
    assert "Nothing says how the mask was made" in capsys.readouterr().out
    said = ("--source", series, "--algorithm-type", "manual")
    assert convert(tmp_path / "hand.nii.gz", tmp_path / "two.dcm", *said) == 0
    assert "Nothing says" not in capsys.readouterr().out
    kinds = [dcmread(tmp_path / name).SegmentSequence[0].SegmentAlgorithmType for name in ("one.dcm", "two.dcm")]
    assert kinds == ["SEMIAUTOMATIC", "MANUAL"]


def test_a_label_map_beside_its_source_keeps_the_source(case, tmp_path, capsys):
    _, segmentation = case
    segmentation.write(tmp_path / "a.nii.gz")
    for more in ([], ["--overwrite"]):
        assert convert(tmp_path / "a.nii.gz", tmp_path / "a.nrrd", *more) == 2
        assert "another name or another folder" in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.json", "a.nii.gz"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["MASK", "OUT.dcm"], "name its folder with --source"),
        (["MASK", "OUT.nii.gz", "--rtstruct"], "--rtstruct writes a .dcm file"),
        (["MASK", "OUT.nii.gz", "--algorithm-type", "MANUAL"], "--algorithm-type is for a .dcm file"),
        (["MASK", "OUT.nii.gz", "--threshold", "0.5"], "--threshold is for a fractional DICOM SEG"),
        (["NOTHING", "OUT.nii.gz"], "nothing.nii.gz"),
    ],
)
def test_bad_use_is_said_and_nothing_is_written(case, tmp_path, capsys, arguments, message):
    places = {"MASK": case[0].parent / "case_seg.nii.gz", "NOTHING": tmp_path / "nothing.nii.gz"}
    arguments = [places.get(argument, argument.replace("OUT", str(tmp_path / "out"))) for argument in arguments]
    assert convert(*arguments) == 2
    assert message in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_measuring_a_dicom_seg_says_how_to_convert_it(case, tmp_path, capsys):
    assert convert(case[0].parent / "case_seg.nii.gz", tmp_path / "case.dcm", "--source", case[0]) == 0
    assert main(["measure", str(tmp_path / "case.dcm")]) == 2
    assert "Make a label map of it first: monai-attn convert" in capsys.readouterr().err


def test_contours_without_their_image_are_refused(case, tmp_path, capsys):
    series, _ = case
    assert convert(series.parent / "case_seg.nii.gz", tmp_path / "rt.dcm", "--source", series, "--rtstruct") == 0
    assert convert(tmp_path / "rt.dcm", tmp_path / "back.nii.gz") == 2
    assert "contours, which have no grid" in capsys.readouterr().err


def test_an_existing_file_is_not_replaced(case, tmp_path, capsys):
    (tmp_path / "case.dcm").write_text("mine")
    assert convert(case[0].parent / "case_seg.nii.gz", tmp_path / "case.dcm", "--source", case[0]) == 2
    assert "case.dcm exists" in capsys.readouterr().err
    assert (tmp_path / "case.dcm").read_text() == "mine"


def test_segment_writes_seg_and_rtstruct_of_a_series_and_refuses_to_for_a_file(case, tmp_path, capsys):
    bundle = make_bundle(tmp_path / "somebodys")
    series, _ = case
    command = ["segment", "-b", str(bundle), "-o", str(tmp_path / "out"), "--trust", "--quiet", "--dicom-seg"]
    assert main([*command, "--rtstruct", str(series)]) == 0
    labels = read(tmp_path / "out" / "series_seg.nii.gz")
    seg = read_dicom_seg(tmp_path / "out" / "series_seg.dcm", like=read(series))
    np.testing.assert_array_equal(seg.label_map().array, labels.array)
    contours = read_masks(tmp_path / "out" / "series_rtstruct.dcm", like=read(series))
    np.testing.assert_array_equal(contours.label_map().array, labels.array)
    write(Volume(np.zeros((9, 9, 9), np.float32)), tmp_path / "file.nii.gz")
    assert main([*command, str(tmp_path / "file.nii.gz")]) == 2
    assert "file.nii.gz is no DICOM series" in capsys.readouterr().err
    assert not (tmp_path / "out" / "file_seg.nii.gz").exists()
