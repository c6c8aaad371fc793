"""The inputs of shared/data/trouble with structures: what each must give."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from monai_attn.cli.main import main
from monai_attn.errors import AttnError, FileError, GeometryError
from monai_attn.io import read, read_masks, write_rtstruct
from monai_attn.labels import LabelTable
from monai_attn.segmentation import Segmentation


@pytest.fixture(scope="module")
def trouble(shared_data) -> Path:
    folder = shared_data / "trouble"
    if not folder.is_dir():
        pytest.skip("the troublesome inputs are not among the shared data here")
    return folder


READ = {
    "02_rt_duplicate_contour/once.dcm": (4963, ""),
    "02_rt_duplicate_contour/one_twice.dcm": (4963, "1 contour is in the file twice"),
    "02_rt_duplicate_contour/all_twice.dcm": (4963, "7 contours are in the file twice"),
    "08_rt_every_second_slice/every.dcm": (4963, ""),
    "08_rt_every_second_slice/second.dcm": (4963, "3 slices between were interpolated"),
    "14_rt_contour_over_64k/implicit.dcm": (709, ""),
    "14_rt_contour_over_64k/explicit.dcm": (709, ""),
}
"""Voxels, and what a note says."""


@pytest.mark.parametrize("name", READ)
def test_contours_give_the_right_voxels(trouble, name):
    masks = read_masks(trouble / name, like=read((trouble / name).parent / "ct"))
    voxels, note = READ[name]
    assert masks.mask(1).array.sum() == voxels
    assert len(masks.notes) == bool(note)
    assert note in "".join(masks.notes)


REFUSED = {
    "22_rt_unclear_messages/count.dcm": (FileError, "'GTV' has a contour of 60 points whose NumberOfContourPoints"),
    "22_rt_unclear_messages/off.dcm": (GeometryError, "All are off by the same 0.40 mm"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_contours_that_cannot_be_read_say_why(trouble, name):
    error, text = REFUSED[name]
    with pytest.raises(error, match=text):
        read_masks(trouble / name, like=read((trouble / name).parent / "ct"))


def test_a_contour_above_64_kb_is_written_and_reads_back_equal(trouble, tmp_path):
    folder = trouble / "14_rt_contour_over_64k"
    labels, series = read(folder / "lung.nii.gz"), read(folder / "lung_ct")
    on_series = series.with_array(_on_grid(labels, series))
    table = LabelTable.of_names({1: "lung"})
    write_rtstruct(
        on_series, table, folder / "lung_ct", tmp_path / "lung.dcm", algorithm="by hand", algorithm_version="1"
    )
    back = read_masks(tmp_path / "lung.dcm", like=series)
    np.testing.assert_array_equal(back.label_map().array, on_series.array)


def _on_grid(labels, series) -> np.ndarray:
    """The labels at the voxels of the series; both hold the same points, their axes perhaps reversed."""
    index = labels.to_index(series.to_world(np.indices(series.shape).reshape(3, -1).T))
    i, j, k = np.rint(index).astype(int).T
    return labels.array[i, j, k].reshape(series.shape).astype(np.uint8)


def test_huge_label_numbers_are_two_structures(trouble):
    segmentation = Segmentation.load(trouble / "15_huge_label_ids" / "allen.nii.gz")
    assert sorted(structure.voxels for structure in segmentation.measure()) == [18, 90]


@pytest.mark.parametrize("name", ["rt.dcm", "two.seg.nrrd"])
def test_overlapping_structures_have_a_way_out_on_the_command_line(trouble, tmp_path, capsys, name):
    folder = trouble / "16_overlap_no_way_out_on_the_command_line"
    source = ["--source", str(folder / "ct")] if name == "rt.dcm" else []
    out = str(tmp_path / "mask.nii.gz")
    assert main(["convert", str(folder / name), out, *source]) == 2
    message = capsys.readouterr().err
    assert "Choose structures that do not overlap with --label, or write a file for each with --each." in message
    assert main(["convert", str(folder / name), out, *source, "--each"]) == 0
    assert len(list(tmp_path.glob("mask_*.nii.gz"))) == 2
    assert main(["convert", str(folder / name), out, *source, "--label", "GTV"]) == 0
    assert [label.name for label in Segmentation.load(out).table] == ["GTV"]


MUTATED = ("rt-", "seg-", "hang_seg", "lab")


@pytest.mark.timeout(120)
def test_mutated_files_are_read_or_refused_with_an_error_of_ours(trouble, shared_data):
    image = read(shared_data / "soft_tissue_sarcoma" / "STS_003" / "tumour.nii.gz")
    files = sorted(path for path in (trouble / "30_mutated").iterdir() if path.name.startswith(MUTATED))
    assert files
    for path in files:
        for like in (None, image):
            try:
                read_masks(path, like=like)
            except AttnError as error:
                assert path.name in str(error)  # noqa: PT017 - either is right
