"""What the values of a DICOM series are."""

from __future__ import annotations

import numpy as np
import pytest
from dicom_maker import ENHANCED_CT, enhanced, item, save, series, set_pixels, slices_of
from phantoms import assert_same_in_patient, phantom
from pydicom import dcmread, dcmwrite
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian, RLELossless

from monai_attn.errors import FileError, InputError
from monai_attn.io import list_series, read
from monai_attn.volume import Volume, same_grid


def test_each_slice_has_its_own_slope_and_intercept(tmp_path):
    def scale(ds, k):
        ds.RescaleSlope, ds.RescaleIntercept = 0.5 + k, -k

    back = read(series(tmp_path / "x", phantom(), change=scale))
    k = np.arange(phantom().shape[2])
    assert back.array.dtype == np.float32
    np.testing.assert_array_equal(back.array, (phantom().array * (0.5 + k) - k).astype(np.float32))


@pytest.mark.parametrize(
    ("dtype", "intercept", "expected"),
    [(np.uint16, -1024, np.int16), (np.int16, -1024, np.int16), (np.uint16, 40000, np.int32), (np.uint8, 0, np.uint8)],
)
def test_whole_slopes_keep_whole_numbers_in_the_smallest_type(tmp_path, dtype, intercept, expected):
    volume = phantom(dtype=dtype)
    back = read(series(tmp_path / "x", volume, "CT", RescaleSlope=1, RescaleIntercept=intercept))
    assert back.array.dtype == expected
    np.testing.assert_array_equal(back.array, volume.array.astype(int) + intercept)
    assert (back.modality, back.unit) == ("CT", "HU")


def test_rescaling_is_exact_where_steps_on_the_way_exceed_the_type(tmp_path):
    volume = phantom(dtype=np.uint16)
    stored = Volume((volume.array + 60000).astype(np.uint16), volume.affine)
    back = read(series(tmp_path / "x", stored, "CT", RescaleSlope=3, RescaleIntercept=-180000))
    assert back.array.dtype == np.int16
    np.testing.assert_array_equal(back.array, volume.array.astype(int) * 3)


def test_a_slope_of_0_is_refused(tmp_path):
    with pytest.raises(InputError, match="RescaleSlope is 0, which erases all values"):
        read(series(tmp_path / "x", phantom(), RescaleSlope=0, RescaleIntercept=0))


def test_a_slope_that_is_not_one_number_is_refused_and_not_taken_as_1(tmp_path):
    with pytest.raises(FileError, match=r"RescaleSlope is '2(\.0)?\\+3(\.0)?', not one number"):
        read(series(tmp_path / "x", phantom(), RescaleSlope=[2, 3], RescaleIntercept=0))


def test_ct_values_of_another_kind_are_not_called_hounsfield(tmp_path):
    back = read(series(tmp_path / "x", phantom(), "CT", RescaleSlope=1, RescaleIntercept=0, RescaleType="US"))
    assert back.unit == ""
    assert back.notes == ("RescaleType is 'US', so the header does not say that these are Hounsfield units.",)


def test_the_letters_of_the_rescale_type_may_be_small(tmp_path):
    back = read(series(tmp_path / "x", phantom(), "CT", RescaleSlope=1, RescaleIntercept=0, RescaleType="hu"))
    assert (back.unit, back.notes) == ("HU", ())


def without_rescale(chosen):
    def change(ds, k):
        if k in chosen:
            del ds.RescaleSlope, ds.RescaleIntercept

    return change


@pytest.mark.parametrize("modality", ["CT", "PT"])
def test_values_without_rescale_tags_have_no_unit_and_a_note(tmp_path, modality):
    back = read(series(tmp_path / "x", phantom(), modality, without_rescale(range(7)), Units="BQML"))
    assert back.unit == ""
    assert back.notes[0].startswith("RescaleSlope and RescaleIntercept: missing, so the values are as stored")
    assert_same_in_patient(back, phantom())


def test_an_intercept_alone_has_no_silent_default(tmp_path):
    back = read(series(tmp_path / "x", phantom(), "CT", lambda ds, _: delattr(ds, "RescaleIntercept")))
    assert back.unit == ""
    assert back.notes[0].startswith("RescaleIntercept: missing")
    emptied = read(series(tmp_path / "y", phantom(), "CT", RescaleIntercept=None))
    assert emptied.notes[0].startswith("RescaleIntercept: missing")


def test_values_with_an_intercept_and_no_slope_are_not_called_as_stored(tmp_path):
    back = read(series(tmp_path / "x", phantom(), "CT", RescaleSlope=None, RescaleIntercept=-1024))
    np.testing.assert_array_equal(back.array, np.asarray(phantom().array, int) - 1024)
    assert (back.unit, back.notes) == (
        "",
        ("RescaleSlope: missing; 1 is taken for it, and the unit of the values is not known.",),
    )


@pytest.mark.parametrize(("modality", "slope"), [("CT", 1), ("PT", 1), ("MR", 2)])
def test_slices_with_and_without_rescale_tags_are_refused(tmp_path, modality, slope):
    def some(ds, k):
        if k in (2, 5):
            ds.RescaleSlope, ds.RescaleIntercept = slope, 0
        elif "RescaleSlope" in ds:
            del ds.RescaleSlope, ds.RescaleIntercept

    with pytest.raises(InputError, match="5 of 7 slices lack RescaleSlope and RescaleIntercept, for example IM"):
        read(series(tmp_path / "x", phantom(), modality, some))


def test_slices_of_two_kinds_of_values_are_refused(tmp_path):
    def mixed(ds, k):
        ds.RescaleType = "US" if k == 3 else "HU"

    with pytest.raises(InputError, match=r"RescaleType is HU in IM\d+ and US in IM\d+"):
        read(series(tmp_path / "x", phantom(), "CT", mixed))
    back = read(series(tmp_path / "y", phantom(), "CT", lambda ds, k: setattr(ds, "RescaleType", "HU" if k else None)))
    assert back.unit == "HU"


def test_a_slice_that_is_inverted_against_the_others_is_refused(tmp_path):
    def change(ds, k):
        ds.PhotometricInterpretation = "MONOCHROME1" if k == 2 else "MONOCHROME2"

    with pytest.raises(InputError, match=r"PhotometricInterpretation is MONOCHROME\d in IM"):
        read(series(tmp_path / "x", phantom(), change=change))


@pytest.mark.parametrize("keyword", ["SamplesPerPixel", "BitsAllocated", "BitsStored", "PixelRepresentation"])
def test_a_missing_tag_of_the_pixels_is_named(tmp_path, keyword):
    with pytest.raises(FileError, match=f"{keyword} is missing, without which the pixels cannot be decoded"):
        read(series(tmp_path / "x", phantom(), change=lambda ds, _: delattr(ds, keyword)))


def test_a_missing_photometric_interpretation_is_not_called_colour(tmp_path):
    with pytest.raises(InputError, match="PhotometricInterpretation is missing"):
        read(series(tmp_path / "x", phantom(), change=lambda ds, _: delattr(ds, "PhotometricInterpretation")))


def test_a_missing_modality_is_noted_and_refused_in_some_slices(tmp_path):
    back = read(series(tmp_path / "x", phantom(), "CT", Modality=""))
    assert (back.unit, back.notes) == ("", ("Modality is missing, so the unit of the values is not known.",))
    with pytest.raises(InputError, match=r"Modality is (CT|missing) in IM"):
        read(series(tmp_path / "y", phantom(), "CT", lambda ds, k: setattr(ds, "Modality", "" if k == 6 else "CT")))


def test_signed_values_of_12_bits_keep_their_sign(tmp_path):
    array = np.array([-2048, -1, 0, 2047] * 6, np.int16).reshape(2, 3, 4)
    volume = Volume(array, phantom().affine)

    def twelve(ds, k):
        # The upper four bits are left 0, as old scanners do: the sign is in bit 11.
        stored = (array[:, :, k].T & 0x0FFF).astype(np.uint16)
        ds.PixelData, ds.BitsStored, ds.HighBit = np.ascontiguousarray(stored).tobytes(), 12, 11

    back = read(series(tmp_path / "x", volume, change=twelve))
    np.testing.assert_array_equal(back.array, array)


def test_an_overlay_in_the_unused_bits_is_no_part_of_the_values(tmp_path):
    def overlay(ds, k):
        stored = phantom().array[:, :, k].T.astype(np.uint16) | 0xF000
        ds.PixelData, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = stored.tobytes(), 12, 11, 0

    back = read(series(tmp_path / "x", phantom(), change=overlay))
    np.testing.assert_array_equal(back.array, phantom().array)


def test_values_that_do_not_begin_at_bit_0_are_refused(tmp_path):
    with pytest.raises(FileError, match="HighBit is 15 with 12 BitsStored, an encoding retired from DICOM"):
        read(series(tmp_path / "x", phantom(), BitsStored=12, HighBit=15))


def test_padding_is_kept_and_counted(tmp_path):
    array = np.array(phantom().array)
    array[:2, :2] = -2000
    volume = phantom().with_array(array)
    back = read(series(tmp_path / "x", volume, "CT", RescaleSlope=1, RescaleIntercept=-1000, PixelPaddingValue=-2000))
    assert back.notes == (
        "28 voxels hold the padding value, -3000 after rescaling, and are kept: nothing was measured.",
    )
    assert back.array.min() == -3000


def test_monochrome1_keeps_its_values_with_a_note(tmp_path):
    back = read(series(tmp_path / "x", phantom(), PhotometricInterpretation="MONOCHROME1"))
    np.testing.assert_array_equal(back.array, phantom().array)
    assert back.notes == ("MONOCHROME1: viewers show low values bright. The values are kept as they are.",)


def test_loss_in_compression_is_noted(tmp_path):
    assert "compressed with loss" in read(series(tmp_path / "x", phantom(), LossyImageCompression="01")).notes[0]


def test_colour_is_refused_with_its_name(tmp_path):
    def colour(ds, k):
        ds.SamplesPerPixel, ds.PhotometricInterpretation, ds.PlanarConfiguration = 3, "YBR_FULL", 0

    folder = series(tmp_path / "x", phantom(), change=colour)
    with pytest.raises(
        InputError, match=r"images are in colour \(PhotometricInterpretation YBR_FULL\).*Choose the origin"
    ):
        read(folder)
    assert list_series(folder)[0].problem.startswith("the images are in colour")


def test_a_siemens_mosaic_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"Siemens mosaics, many slices tiled.*convert them with dcm2niix"):
        read(series(tmp_path / "x", phantom(), ImageType=["ORIGINAL", "PRIMARY", "M", "ND", "MOSAIC"]))


def test_rle_deflated_and_big_endian_files_are_read(tmp_path):
    def rle(ds, k):
        ds.compress(RLELossless)

    def deflated(ds, k):
        ds.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian

    for change in (rle, deflated):
        back = read(series(tmp_path / change.__name__, phantom(), change=change))
        assert_same_in_patient(back, phantom())
    (tmp_path / "big").mkdir()
    for k, ds in enumerate(slices_of(phantom())):
        ds.file_meta.TransferSyntaxUID = ExplicitVRBigEndian
        ds.PixelData = np.frombuffer(ds.PixelData, "<i2").astype(">i2").tobytes()
        dcmwrite(tmp_path / "big" / str(k), ds, implicit_vr=False, little_endian=False, force_encoding=True)
    back = read(tmp_path / "big")
    assert_same_in_patient(back, phantom())
    assert back.array.dtype.isnative


def test_a_compression_nobody_knows_is_named(tmp_path):
    folder = series(tmp_path / "x", phantom())
    for path in folder.iterdir():
        ds = dcmread(path)
        ds.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.4.102"
        ds["PixelData"].is_undefined_length = True
        ds.PixelData = b"\xfe\xff\x00\xe0\0\0\0\0\xfe\xff\x00\xe0\x04\0\0\0abcd\xfe\xff\xdd\xe0\0\0\0\0"
        ds.save_as(path)
    with pytest.raises(FileError, match=r"the pixels cannot be decoded \(MPEG-4 AVC.*export it uncompressed"):
        read(folder)


def test_a_modality_table_is_applied(tmp_path):
    def table(ds, k):
        lut = item(LUTDescriptor=[256, 0, 16], ModalityLUTType="HU", LUTData=[3 * n for n in range(256)])
        lut["LUTDescriptor"].VR, lut["LUTData"].VR = "US", "US"
        ds.ModalityLUTSequence = [lut]

    back = read(series(tmp_path / "x", phantom(dtype=np.uint8), change=table))
    np.testing.assert_array_equal(back.array, phantom().array * 3)


@pytest.mark.parametrize(("kind", "unit"), [("HU", "HU"), ("US", "")])
def test_a_modality_table_says_whether_its_values_are_hounsfield_units(tmp_path, kind, unit):
    def table(ds, k):
        lut = item(LUTDescriptor=[256, 0, 16], ModalityLUTType=kind, LUTData=[3 * n for n in range(256)])
        lut["LUTDescriptor"].VR, lut["LUTData"].VR = "US", "US"
        ds.ModalityLUTSequence = [lut]
        del ds.RescaleSlope, ds.RescaleIntercept

    assert read(series(tmp_path / "x", phantom(dtype=np.uint8), "CT", table)).unit == unit


# Enhanced multi-frame


@pytest.mark.parametrize("shared", [True, False])
def test_an_enhanced_object_is_read_whatever_the_order_of_its_frames(tmp_path, shared):
    ds = enhanced([phantom()], shared=shared, order=[3, 1, 6, 0, 5, 2, 4])
    folder = save(tmp_path / "x", [ds])
    for path in (folder, next(folder.iterdir())):
        back = read(path)
        assert same_grid(back, phantom())
        np.testing.assert_array_equal(back.array, phantom().array)


def test_each_frame_of_an_enhanced_object_has_its_own_slope(tmp_path):
    slopes = [1, 2, 0.5, 3, 4, 5, 6]
    back = read(save(tmp_path / "x", [enhanced([phantom()], slopes=slopes)]))
    np.testing.assert_array_equal(back.array, phantom().array * np.array(slopes, np.float32) + 1)


def test_the_time_points_of_an_enhanced_object_are_chosen_by_number(tmp_path):
    later = phantom().with_array(phantom().array + 5000)
    folder = save(tmp_path / "x", [enhanced([phantom(), later])])
    with pytest.raises(InputError, match="holds 2 volumes at the same places, told apart by TemporalPositionIndex"):
        read(folder)
    np.testing.assert_array_equal(read(folder, volume=1).array, later.array)


def test_time_points_in_one_enhanced_file_each_are_chosen_by_number(tmp_path):
    files = [enhanced([phantom().with_array(phantom().array + n)]) for n in (0, 1000)]
    for n, ds in enumerate(files):
        ds.SeriesInstanceUID, ds.InstanceNumber = "1.2.3", n + 1
    folder = save(tmp_path / "x", files)
    np.testing.assert_array_equal(read(folder, volume=1).array, phantom().array + 1000)


def test_the_stacks_of_an_enhanced_object_are_series_to_choose_from(tmp_path):
    other = phantom(np.eye(3)[:, [1, 2, 0]])
    path = next(save(tmp_path / "x", [enhanced([phantom(), other], shared=False, stacks=True)]).iterdir())
    with pytest.raises(InputError, match=r"holds 2 series"):
        read(path)
    assert_same_in_patient(read(path, series="#2"), other)


def test_slabs_of_an_enhanced_object_say_that_there_are_others(tmp_path):
    shift = np.eye(4)
    shift[2, 3] = 40
    upper = Volume(phantom().array, shift @ phantom().affine)
    folder = save(tmp_path / "x", [enhanced([phantom(), upper], stacks=True)])
    assert "This is one of 2 stacks of the series (StackID)" in read(folder, series="#2").notes[0]


def test_a_gap_in_an_enhanced_object_is_refused(tmp_path):
    with pytest.raises(InputError, match="1 slice is missing"):
        read(save(tmp_path / "x", [enhanced([phantom()], order=[0, 1, 2, 4, 5, 6])]))


def test_a_multi_frame_object_without_places_is_refused(tmp_path):
    ds = slices_of(phantom())[0]
    set_pixels(ds, np.zeros((5, 4, 4), np.uint16))
    with pytest.raises(InputError, match="a multi-frame image of 5 frames that does not say where each one lies"):
        read(save(tmp_path / "x", [ds]))


def test_an_enhanced_object_whose_number_of_frames_is_wrong_is_refused(tmp_path):
    ds = enhanced([phantom()])
    ds.NumberOfFrames = 10**9
    with pytest.raises(FileError, match="says it has 1000000000 frames but describes 7"):
        read(save(tmp_path / "x", [ds]))


def test_an_enhanced_ct_is_in_hounsfield_units(tmp_path):
    ds = enhanced([phantom()])
    ds.SOPClassUID, ds.Modality = ENHANCED_CT, "CT"
    ds.SharedFunctionalGroupsSequence[0].PixelValueTransformationSequence = [
        item(RescaleSlope=1, RescaleIntercept=-1024, RescaleType="HU")
    ]
    back = read(save(tmp_path / "x", [ds]))
    assert back.unit == "HU"
    np.testing.assert_array_equal(back.array, phantom().array - 1024)
