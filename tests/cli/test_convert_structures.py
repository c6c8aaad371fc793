"""`monai-attn convert` where structures overlap, or a mask has layers: the way out is on the command line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from contour_maker import box, structure_set
from phantoms import phantom
from segmented import with_labels

from monai_attn import Volume, read, write
from monai_attn.cli.convert import file_names
from monai_attn.cli.main import main
from monai_attn.cli.words import command_words
from monai_attn.errors import InputError
from monai_attn.io import read_masks
from monai_attn.segmentation import Segmentation


@pytest.fixture
def case(tmp_path) -> tuple[Path, Path]:
    """A series, and contours of two structures on it, one within the other."""
    image = with_labels(tmp_path / "series", phantom(np.diag([-1, -1, 1]), shape=(8, 8, 3)))
    drawn = {
        "GTV": [box(image, (2.5, 2.5), (4.5, 4.5), 1)],
        "PTV 5/7": [box(image, (1.5, 1.5), (6.5, 6.5), 1)],
    }
    return tmp_path / "series", structure_set(tmp_path / "rt.dcm", drawn)


def convert(*arguments) -> int:
    return main(["convert", *map(str, arguments)])


def test_overlapping_structures_are_refused_with_the_options_that_help(case, tmp_path, capsys):
    series, contours = case
    assert convert(contours, tmp_path / "mask.nii.gz", "--source", series) == 2
    assert capsys.readouterr().err == (
        "monai-attn: 'GTV' (value 1) and 'PTV 5/7' (value 2) share 4 voxels, which a label map cannot hold. Choose "
        "structures that do not overlap with --label, or write a file for each with --each.\n"
    )


def test_structures_are_chosen_by_name_or_value(case, tmp_path, capsys):
    series, contours = case
    for wanted, voxels in (("gtv", 4), ("2", 25)):
        out = tmp_path / f"{wanted}.nii.gz"
        assert convert(contours, out, "--source", series, "--label", wanted) == 0
        mask = Segmentation.load(out)
        assert len(mask.table) == 1
        assert np.count_nonzero(mask.labels.array) == voxels
    assert convert(contours, tmp_path / "x.nii.gz", "--source", series, "--label", "GTW") == 2
    assert "No label is called 'GTW'; there are 1 'GTV', 2 'PTV 5/7'. Did you mean 'GTV'?" in capsys.readouterr().err


def test_each_structure_becomes_a_file_of_its_own(case, tmp_path, capsys):
    series, contours = case
    assert convert(contours, tmp_path / "out" / "case.nii.gz", "--source", series, "--each") == 0
    files = sorted(path.name for path in (tmp_path / "out").glob("*.nii.gz"))
    assert files == ["case_GTV.nii.gz", "case_PTV_5_7.nii.gz"]
    assert [np.count_nonzero(read(tmp_path / "out" / name).array) for name in files] == [4, 25]
    assert [label.name for label in Segmentation.load(tmp_path / "out" / files[1]).table] == ["PTV 5/7"]
    assert "case_PTV_5_7.nii.gz" in capsys.readouterr().out
    assert convert(contours, tmp_path / "out" / "case.nii.gz", "--source", series, "--each") == 2  # they exist
    assert "case_GTV.nii.gz exists" in capsys.readouterr().err


def test_a_mask_is_not_converted_onto_itself(tmp_path, capsys):
    mask = tmp_path / "mask.nii.gz"
    write(Volume(np.arange(3, dtype=np.uint8).repeat(9).reshape(3, 3, 3)), mask)
    before = mask.read_bytes()
    assert convert(mask, mask, "--label", "1", "--overwrite") == 2
    assert "mask.nii.gz is an input; choose another name" in capsys.readouterr().err
    assert mask.read_bytes() == before


def test_of_an_empty_mask_there_is_no_structure_to_write(tmp_path, capsys):
    write(Volume(np.zeros((3, 3, 3), np.uint8)), tmp_path / "mask.nii.gz")
    assert convert(tmp_path / "mask.nii.gz", tmp_path / "out.nii.gz", "--each") == 2
    assert "mask.nii.gz holds no structure, of which --each could make a file." in capsys.readouterr().err


def test_no_two_structures_share_a_file():
    called = file_names({1: "GTV_3", 2: "gtv", 3: "GTV", 4: "gtv 3"})
    assert len({name.casefold() for name in called.values()}) == len(called)
    assert called[1] == "GTV_3"


def test_each_structure_becomes_a_dicom_seg_of_its_own(case, tmp_path):
    series, contours = case
    assert convert(contours, tmp_path / "case.dcm", "--source", series, "--each", "--label", "GTV") == 0
    assert read_masks(tmp_path / "case_GTV.dcm", like=read(series)).mask(1).array.sum() == 4


def test_labels_of_a_label_map_are_chosen_and_parted_too(tmp_path):
    array = np.zeros((4, 4, 4), np.uint8)
    array[0], array[1] = 1, 2
    write(Volume(array), tmp_path / "mask.nii.gz")
    assert convert(tmp_path / "mask.nii.gz", tmp_path / "two.nrrd", "--label", "2") == 0
    assert np.unique(read(tmp_path / "two.nrrd").array).tolist() == [0, 2]
    assert convert(tmp_path / "mask.nii.gz", tmp_path / "part.mha", "--each") == 0
    assert sorted(path.name for path in tmp_path.glob("*.mha")) == ["part_label_1.mha", "part_label_2.mha"]


def four_d(path) -> Path:
    import nibabel

    array = np.zeros((4, 4, 4, 2), np.uint8)
    array[0, ..., 0] = array[1:3, ..., 1] = 1
    nibabel.save(nibabel.Nifti1Image(array, np.eye(4)), path)
    return path


def test_a_mask_of_several_volumes_is_converted_one_by_one(tmp_path, capsys):
    mask = four_d(tmp_path / "four.nii.gz")
    assert convert(mask, tmp_path / "out.nii.gz") == 2
    assert "four.nii.gz holds 2 volumes, and a mask is one. Choose it with --volume 0 to --volume 1." in (
        capsys.readouterr().err
    )
    assert convert(mask, tmp_path / "out.nii.gz", "--volume", 1) == 0
    assert np.count_nonzero(read(tmp_path / "out.nii.gz").array) == 32


@pytest.mark.parametrize("command", [["measure", "MASK"], ["compare", "MASK", "MASK"]])
def test_other_commands_say_how_a_mask_of_several_volumes_becomes_one(tmp_path, capsys, command):
    mask = four_d(tmp_path / "four.nii.gz")
    assert main([str(mask) if word == "MASK" else word for word in command]) == 2
    err = capsys.readouterr().err
    assert "Make a mask of it with monai-attn convert MASK OUT.nii.gz --volume 0 (to 1)." in err
    assert "volume=" not in err


def test_the_library_names_its_own_words(tmp_path):
    mask = four_d(tmp_path / "four.nii.gz")
    with pytest.raises(InputError, match=r"Choose it with Segmentation\.load\(path, volume=0\) to volume=1\."):
        Segmentation.load(mask)
    assert np.count_nonzero(Segmentation.load(mask, volume=1).labels.array) == 32


def test_what_the_reader_decided_stands_on_the_screen_and_in_the_record(case, tmp_path, capsys):
    series, _ = case
    image = read(series)
    twice = structure_set(tmp_path / "twice.dcm", {"GTV": [box(image, (2.5, 2.5), (4.5, 4.5), 1)] * 2})
    assert convert(twice, tmp_path / "gtv.nii.gz", "--source", series) == 0
    note = "'GTV': 1 contour is in the file twice; each was used once."
    assert f"note: {note}" in capsys.readouterr().out
    assert Segmentation.load(tmp_path / "gtv.nii.gz").provenance["notes"] == [note]


@pytest.mark.parametrize(
    ("python", "command"),
    [
        ("x holds 3 volumes. Choose one with volume=0 to volume=2.", "Choose one with --volume 0 to --volume 2."),
        ("x holds 3 series. Choose one with series=...:\n#1", "Choose one with --series ...:\n#1"),
        ("No series of x fits series='T2'. There are:", "No series of x fits --series 'T2'. There are:"),
        ("which is no regular grid. Read it with like=image, the image it", "Name with --source the image it"),
        ("pixel spacing. Read it with like=image.", "Name its image with --source."),
        ("belongs to one, for example label_map(threshold=0.5).", "for example --threshold 0.5."),
        ("threshold=0.7 is for fractional structures", "--threshold 0.7 is for fractional structures"),
        ("with suv_factor=... (--suv-factor); ", "with --suv-factor; "),
        ("suv_factor=-1 is no factor.", "--suv-factor -1 is no factor."),
        ("suv_factor=-1 (--suv-factor) is for PET, and", "--suv-factor -1 is for PET, and"),
        ("x has no volume=-1.", "x has no --volume -1."),
        ("If you trust its source, say trust=True (or --trust).", "If you trust its source, say --trust."),
        ("with a warning on the result: --force (force=True).", "with a warning on the result: --force."),
        ("Choose another name, or set overwrite.", "Choose another name, or give --overwrite."),
        ("x holds no training to resume. Leave resume out, or", "Leave --resume out, or"),
    ],
)
def test_what_the_library_says_in_python_the_command_line_says_in_options(python, command):
    assert command_words(python, "convert").endswith(command) or command in command_words(python, "convert")
    assert command_words(python, "convert") != python


def test_two_readers_whose_numbers_are_exchanged_are_not_compared_by_number(tmp_path, capsys):
    image = with_labels(tmp_path / "series", phantom(np.diag([-1, -1, 1]), shape=(8, 8, 3)))
    liver, spleen = [box(image, (0.5, 0.5), (2.5, 2.5), 1)], [box(image, (4.5, 4.5), (6.5, 6.5), 1)]
    for reader, drawn in {
        "one": {"liver": liver, "spleen": spleen},
        "other": {"spleen": liver, "liver": spleen},
    }.items():
        contours = structure_set(tmp_path / f"{reader}.dcm", drawn)
        assert convert(contours, tmp_path / f"{reader}.nii.gz", "--source", tmp_path / "series") == 0
        assert (
            convert(tmp_path / f"{reader}.nii.gz", tmp_path / f"{reader}_seg.dcm", "--source", tmp_path / "series") == 0
        )
        assert convert(tmp_path / f"{reader}_seg.dcm", tmp_path / f"{reader}_of_seg.nrrd") == 0
    for first, second in (("one.nii.gz", "other.nii.gz"), ("one_of_seg.nrrd", "other_of_seg.nrrd")):
        assert main(["compare", str(tmp_path / first), str(tmp_path / second)]) == 2
        assert "Label 1 is 'liver' in the prediction and 'spleen' in the reference" in capsys.readouterr().err
