"""Which file or series of a case is which image of a bundle; in doubt it asks."""

from __future__ import annotations

import dicom_maker
import numpy as np
import pytest
import three_grids

from monai_attn import Volume, read, write
from monai_attn.bundle.inputs import image_inputs
from monai_attn.cases import ImageFile, ImageInput, find_images
from monai_attn.errors import FileError, GeometryError, InputError
from monai_attn.io import list_series

THREE = (ImageInput("t1", "MR", series="t1"), ImageInput("ct", "CT"), ImageInput("pet", "PT"))
ONE = (ImageInput("image", "MR"),)


def coarse(name: str) -> Volume:
    """Few and small slices with whole numbers, as DICOM holds."""
    return Volume((three_grids.image(name).array[:12, :10, :4] * 100).astype(np.int16), three_grids.grid(name).affine)


@pytest.fixture
def study(tmp_path):
    """A DICOM folder with an MR, a CT and a PET series."""
    for name, modality in three_grids.MODALITIES.items():
        dicom_maker.series(tmp_path / "study" / name, coarse(name), modality, SeriesDescription=f"{name} axial")
    return tmp_path / "study"


def modalities(files: dict[str, ImageFile]) -> dict[str, str]:
    return {name: read(one.path, series=one.series).modality for name, one in files.items()}


def test_each_image_takes_the_series_of_its_modality(study):
    files = find_images(study, THREE)
    assert list(files) == ["t1", "ct", "pet"]
    assert modalities(files) == three_grids.MODALITIES


def test_a_series_that_is_not_there_is_a_missing_image(study):
    for slice_file in (study / "ct").iterdir():
        slice_file.unlink()
    assert modalities(find_images(study, THREE)) == {"t1": "MR", "pet": "PT"}


def test_the_description_tells_two_series_of_a_modality_apart(study):
    dicom_maker.series(study / "other", coarse("t1"), "MR", SeriesDescription="STIR")
    (wanted,) = [one.uid for one in list_series(study) if one.description == "t1 axial"]
    assert find_images(study, THREE)["t1"].series == wanted


def test_two_series_that_could_be_meant_are_listed_and_one_is_chosen_by_name(study):
    dicom_maker.series(study / "other", coarse("t1"), "MR", SeriesDescription="T1 fat sat")
    with pytest.raises(InputError) as asked:
        find_images(study, THREE)
    said = str(asked.value)
    assert "study holds 2 series that could be t1 (MR). Choose one by name, for example --series t1=#" in said
    assert "'t1 axial'" in said
    assert "'T1 fat sat'" in said
    assert "Doe" not in said
    files = find_images(study, THREE, {"t1": "T1 fat sat"})
    assert files["t1"].series == "T1 fat sat"
    assert modalities(files) == three_grids.MODALITIES


def test_the_series_of_a_named_folder_is_told_in_the_same_way(study):
    dicom_maker.series(study / "other", coarse("t1"), "MR", SeriesDescription="STIR")
    files = find_images({"t1": study, "pet": study}, THREE)
    assert modalities(files) == {"t1": "MR", "pet": "PT"}
    with pytest.raises(InputError, match=r"holds 2 series that could be scan \(MR\)"):
        find_images({"scan": study}, (ImageInput("scan", "MR"), ImageInput("ct", "CT")))
    assert find_images({"t1": study}, THREE, {"t1": "STIR"})["t1"] == ImageFile(study, "STIR")


def test_a_series_that_cannot_be_read_is_no_missing_image(study):
    """Its absence would go unnoticed, and another image become the reference."""
    gap = sorted((study / "t1").iterdir(), key=lambda path: read_position(path))[1]
    gap.unlink()
    files = find_images(study, THREE)
    assert "t1" in files
    with pytest.raises(GeometryError, match="slices are"):
        read(files["t1"].path, series=files["t1"].series)


def read_position(path) -> float:
    import pydicom

    return float(pydicom.dcmread(path).ImagePositionPatient[2])


def test_a_lone_image_of_a_bundle_takes_any_path_and_asks_the_reader(study):
    assert find_images(study, ONE) == {"image": ImageFile(study)}
    assert find_images(study, ONE, "#2") == {"image": ImageFile(study, "#2")}
    assert find_images({"image": study}, ONE, {"image": "#2"}) == {"image": ImageFile(study, "#2")}
    assert find_images(study, ONE, "image=#2") == {"image": ImageFile(study, "#2")}
    assert find_images(study, ONE, "b=1000") == {"image": ImageFile(study, "b=1000")}  # a description
    assert find_images({"t1": study}, THREE, "t1=b=1000") == {"t1": ImageFile(study, "b=1000")}


def files_in(folder, *names):
    folder.mkdir()
    for name in names:
        write(three_grids.image("pet"), folder / "made.nii.gz", overwrite=True)
        (folder / "made.nii.gz").rename(folder / name)
    return folder


def test_a_folder_of_named_files_whatever_the_case_of_their_letters(tmp_path):
    folder = files_in(tmp_path / "case", "PET.nii.gz", "t1.nii.gz", "tumour.nii.gz")
    files = find_images(folder, THREE)
    assert files == {"t1": ImageFile(folder / "t1.nii.gz"), "pet": ImageFile(folder / "PET.nii.gz")}
    assert list(files) == ["t1", "pet"]
    assert find_images(folder / "PET.nii.gz", THREE) == {"pet": ImageFile(folder / "PET.nii.gz")}


def test_two_files_of_one_name_are_refused(tmp_path):
    folder = files_in(tmp_path / "case", "t1.nii", "T1.nii.gz")
    with pytest.raises(InputError, match=r"Which is t1 of 'case': (t1\.nii or T1\.nii\.gz|T1\.nii\.gz or t1\.nii)"):
        find_images(folder, THREE)


@pytest.mark.parametrize(
    ("source", "series", "error", "message"),
    [
        ("nowhere", None, FileError, r"nowhere does not exist"),
        ("case/tumour.nii.gz", None, InputError, r"Which of t1, ct, pet is tumour\.nii\.gz\? Write t1=..., or give a"),
        ("case", None, InputError, r"case holds neither a file called like one of t1, ct, pet nor a DICOM series"),
        ("case", "#1", InputError, r"takes t1, ct, pet: say which of them '#1' is \(t1=\.\.\.\)"),
        ("case", {"t2": "#1"}, InputError, r"takes the images t1, ct, pet, not t2"),
        ({}, None, InputError, r"names no image\. Give at least one of t1, ct, pet"),
        ({"t2": "case"}, None, InputError, r"takes the images t1, ct, pet, not t2"),
    ],
)
def test_what_is_not_clear_is_refused_with_the_way_out(tmp_path, source, series, error, message):
    files_in(tmp_path / "case", "tumour.nii.gz")
    given = tmp_path / source if isinstance(source, str) else source
    with pytest.raises(error, match=message):
        find_images(given, THREE, series)


def test_a_series_chosen_for_a_file_is_refused_when_it_is_read(tmp_path):
    files = find_images(files_in(tmp_path / "case", "t1.nii.gz"), THREE, {"t1": "#2"})
    with pytest.raises(InputError, match=r"a file of one image; series='#2' chooses within a DICOM folder"):
        read(files["t1"].path, series=files["t1"].series)


def test_what_the_metadata_say_of_the_images_of_a_bundle():
    metadata = {
        "images": [
            {"name": "t1", "modality": "MRI", "description": "T1-weighted MRI", "series": "t1"},
            {"name": "pet", "modality": "pet"},
        ]
    }
    assert image_inputs(metadata, ["t1", "pet", "ct"]) == (
        ImageInput("t1", "MR", "T1-weighted MRI", "t1"),
        ImageInput("pet", "PT"),
        ImageInput("ct"),
    )
    lone = {"network_data_format": {"inputs": {"image": {"modality": "CT"}}}}
    assert image_inputs(lone, ["image"]) == (ImageInput("image", "CT"),)
    assert image_inputs({}, ["image"]) == (ImageInput("image"),)
