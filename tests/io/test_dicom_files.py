"""Which files and series are found, and how one is chosen."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from dicom_maker import empty, enhanced, item, save, series, slices_of
from phantoms import assert_same_in_patient, phantom
from pydicom.uid import ImplicitVRLittleEndian

from monai_attn.errors import FileError, InputError
from monai_attn.io import list_series, read


@pytest.fixture
def study(tmp_path):
    """A CT, two MR, a structure set, a table of contents and rubbish, in nested folders without suffixes."""
    folder = tmp_path / "study"
    series(folder / "S1", phantom(), SeriesDescription="T1 axial", SeriesInstanceUID="1.2.3.1", SeriesNumber=11)
    series(folder / "S2", phantom(), SeriesDescription="T2 axial", SeriesInstanceUID="1.2.3.2", SeriesNumber=12)
    series(folder / "deep/er", phantom(), "CT", SeriesDescription="Thorax", SeriesInstanceUID="1.2.4.1", SeriesNumber=2)
    contours = empty("1.2.840.10008.5.1.4.1.1.481.3", "RTSTRUCT")
    save(folder / "S1", [contours], prefix="RS")
    contents = empty("1.2.840.10008.1.3.10")
    save(folder, [contents], prefix="DICOMDIR")
    (folder / "readme.txt").write_text("not DICOM")
    (folder / "empty").write_bytes(b"")
    (folder / "random").write_bytes(np.random.default_rng(0).bytes(4000))
    (folder / "S2" / "looks_alike").write_bytes(b"\x08\x00\x00\x00" + b"\xff" * 400)
    return folder


def test_the_series_of_a_folder_are_listed_without_names_or_dates(study):
    listed = list_series(study)
    assert [(one.key, one.modality, one.description, one.count) for one in listed] == [
        ("#1", "MR", "T1 axial", 7),
        ("#2", "MR", "T2 axial", 7),
        ("#3", "CT", "Thorax", 7),
    ]
    assert {one.shape for one in listed} == {phantom().shape}
    np.testing.assert_allclose(listed[0].spacing_mm, phantom().spacing_mm)
    assert str(listed[2]) == "#3, CT, 'Thorax', 5 x 6 x 7, 0.7 x 1.3 x 2.9 mm, RAS, 7 images, UID 1.2.4.1"
    for secret in ("Doe", "ID-4711", "19991231"):
        assert secret not in "".join(map(repr, listed))


def test_several_series_and_none_chosen_is_an_error_that_lists_them(study):
    with pytest.raises(
        InputError, match=r"study holds 3 series\. Choose one with series=\.\.\.:\n  #1, MR, 'T1 axial'"
    ):
        read(study)


@pytest.mark.parametrize("wanted", ["#3", "1.2.4.1", "1.2.4", "Thorax", "thor", "2", "CT", "ct"])
def test_a_series_is_chosen_by_place_uid_description_number_or_modality(study, wanted):
    back = read(study, series=wanted)
    assert (back.modality, back.unit) == ("CT", "HU")
    assert_same_in_patient(back, phantom())
    assert "The folder also holds 1 RTSTRUCT, left out." in back.notes


def test_a_choice_that_fits_several_or_none_lists_them(study):
    with pytest.raises(InputError, match="series='axial' fits 2 series of study"):
        read(study, series="axial")
    with pytest.raises(InputError, match=r"No series of study fits series='nope'\. There are:\n  #1"):
        read(study, series="nope")


def test_one_file_stands_for_its_series(study):
    one = next((study / "S2").glob("IM*"))
    assert_same_in_patient(read(one), phantom())
    assert read(study / "S2").shape == phantom().shape


def test_a_dicomdir_stands_for_its_folder(study):
    with pytest.raises(InputError, match="holds 3 series"):
        read(next(study.glob("DICOMDIR*")))


def test_a_folder_without_images_is_refused(tmp_path, study):
    (tmp_path / "none").mkdir()
    with pytest.raises(FileError, match=r"none holds no DICOM images\. Choose the folder with the slices"):
        read(tmp_path / "none")
    with pytest.raises(FileError, match=r"holds no DICOM images\. It holds 1 RTSTRUCT, which are no images"):
        read(save(tmp_path / "contours", [empty("1.2.840.10008.5.1.4.1.1.481.3", "RTSTRUCT")]))
    assert list_series(tmp_path / "none") == []
    with pytest.raises(FileError, match="gone does not exist"):
        read(tmp_path / "gone")
    with pytest.raises(FileError, match="gone is not a folder"):
        list_series(tmp_path / "gone")
    with pytest.raises(FileError, match=r"readme\.txt is neither DICOM nor one of \.nii"):
        read(study / "readme.txt")


def test_a_segmentation_is_no_image(tmp_path):
    ds = enhanced([phantom()])
    ds.Modality = "SEG"
    with pytest.raises(FileError, match="It holds 1 SEG, which are no images"):
        read(save(tmp_path / "x", [ds]))


def test_files_without_preamble_and_meta_information_are_read(tmp_path):
    folder = tmp_path / "x"
    folder.mkdir()
    for k, ds in enumerate(slices_of(phantom())):
        del ds.file_meta
        ds.preamble = None
        ds.save_as(folder / f"{k}", implicit_vr=bool(k % 2), little_endian=True, enforce_file_format=False)
    assert_same_in_patient(read(folder), phantom())


@pytest.mark.parametrize("share", [0.3, 0.6, 0.97])
def test_a_truncated_file_is_refused(tmp_path, share):
    folder = series(tmp_path / "x", phantom(shape=(64, 64, 3)), LossyImageCompression="00")
    path = sorted(folder.iterdir())[1]
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    with pytest.raises(FileError, match=rf"{path.name}.*(truncated|cut off)"):
        read(folder)


def test_a_file_cut_off_within_its_header_is_refused_and_not_passed_over(tmp_path):
    folder = series(tmp_path / "x", phantom())
    path = sorted(folder.iterdir())[0]
    for size in (500, 700):
        path.write_bytes(path.read_bytes()[:size])
        with pytest.raises(FileError, match=rf"{path.name} is a .*(truncated|cut off)"):
            read(folder)


def test_flipped_bytes_are_refused_or_harmless_but_never_crash(tmp_path):
    folder = series(tmp_path / "x", phantom())
    path = sorted(folder.iterdir())[0]
    whole, random = path.read_bytes(), np.random.default_rng(5)
    for place in random.integers(128, len(whole) - 420, 30):
        damaged = bytearray(whole)
        damaged[place] ^= random.integers(1, 256)
        path.write_bytes(damaged)
        try:
            read(folder)
        except InputError as error:
            assert len(str(error)) > 20  # noqa: PT017 - most bytes are refused, some are in a description


@pytest.mark.parametrize("fault", ["frames", "slope"])
def test_an_image_that_contradicts_itself_is_refused_and_leaves_its_neighbours_alone(tmp_path, fault):
    good, bad = enhanced([phantom()]), enhanced([phantom()])
    save(tmp_path, [good], "good")
    if fault == "frames":
        bad.NumberOfFrames = 6
    else:
        bad.PerFrameFunctionalGroupsSequence[2].PixelValueTransformationSequence = [
            item(RescaleSlope=[1, 2], RescaleIntercept=0)
        ]
    save(tmp_path, [bad], "bad")
    why = "says it has 6 frames but describes 7" if fault == "frames" else "RescaleSlope is .*, not one number"
    back = read(tmp_path)
    assert_same_in_patient(back, phantom())
    assert any(note.startswith("Left out: bad0000") for note in back.notes)
    assert_same_in_patient(read(tmp_path / "good0000"), phantom())
    with pytest.raises(FileError, match=f"bad0000.*{why}"):
        read(tmp_path / "bad0000")
    (tmp_path / "good0000").unlink()
    with pytest.raises(FileError, match=f"bad0000.*{why}"):
        read(tmp_path)


def test_copies_that_differ_are_refused(tmp_path):
    slices = slices_of(phantom())
    save(tmp_path / "x/a", slices)
    slices[0].PixelData = b"\1" + slices[0].PixelData[1:]
    save(tmp_path / "x/b", slices[:1])
    with pytest.raises(FileError, match="claim to be the same image but differ"):
        read(tmp_path / "x")


def test_a_choice_of_series_is_refused_for_other_files(tmp_path):
    from monai_attn.io import write

    write(phantom(), tmp_path / "x.nii")
    with pytest.raises(InputError, match=r"series='a' chooses within a DICOM folder"):
        read(tmp_path / "x.nii", series="a")


def test_no_message_and_no_note_holds_a_name_a_number_or_a_date(tmp_path):
    refused = []
    for n, tags in enumerate(
        [{"PhotometricInterpretation": "RGB"}, {"ImageType": ["ORIGINAL", "PRIMARY", "MOSAIC"]}, {"PixelSpacing": None}]
    ):
        with pytest.raises(InputError) as caught:
            read(series(tmp_path / "Doe" / str(n), phantom(), **tags))
        refused.append(str(caught.value))
    for secret in ("Doe", "ID-4711", "19991231"):
        assert secret not in "".join(refused)


def test_values_of_a_bad_form_make_no_noise(tmp_path, caplog):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the phantom is malformed on purpose
        folder = series(tmp_path / "x", phantom(), SeriesDescription="x" * 80, PatientName="y" * 80)
    caplog.clear()
    assert_same_in_patient(read(folder), phantom())  # any warning would be an error here
    assert caplog.text == ""


def test_implicit_encoding_is_read(tmp_path):
    def implicit(ds, k):
        ds.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian

    assert_same_in_patient(read(series(tmp_path / "x", phantom(), change=implicit)), phantom())


def test_copies_with_another_slope_are_refused(tmp_path):
    slices = slices_of(phantom())
    save(tmp_path / "x/a", slices)
    slices[0].RescaleSlope, slices[0].RescaleIntercept = 2, -1024
    save(tmp_path / "x/b", slices[:1])
    with pytest.raises(FileError, match="claim to be the same image but differ"):
        read(tmp_path / "x")
