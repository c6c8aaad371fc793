"""Where the voxels of a DICOM series lie, and which series are refused for it."""

from __future__ import annotations

import numpy as np
import pytest
from dicom_maker import empty, save, series, set_pixels, slices_of
from hypothesis import given, settings
from hypothesis import strategies as st
from phantoms import affine_of, assert_same_in_patient, phantom, signed_permutations

from monai_attn.errors import GeometryError, InputError
from monai_attn.io import list_series, read
from monai_attn.volume import Volume, same_grid


def test_a_column_further_on_lies_further_left_in_an_axial_slice(tmp_path):
    """Written out by hand: nothing here is computed by the reader's own formulas."""
    made = []
    for z in (10.0, 0.0, 5.0):
        ds = empty()
        ds.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]  # columns run to the left, rows to the back
        ds.ImagePositionPatient = [-40, -60, z]  # 40 mm to the right, 60 mm in front
        ds.PixelSpacing = [3, 2]  # rows are 3 mm apart, columns 2 mm
        ds.SeriesInstanceUID = "1.2.3"
        pixels = np.zeros((4, 6), np.uint16)  # 4 rows, 6 columns
        pixels[1, 5] = 100 + int(z)
        set_pixels(ds, pixels)
        made.append(ds)
    volume = read(save(tmp_path / "axial", made))
    assert volume.shape == (6, 4, 3)
    assert volume.orientation == "LPS"
    assert volume.spacing_mm == (2, 3, 5)
    for z in (0, 5, 10):
        (index,) = np.argwhere(volume.array == 100 + z)
        # Right 40 minus 5 columns of 2 mm; anterior 60 minus 1 row of 3 mm.
        np.testing.assert_allclose(volume.to_world(index), (30, 57, z))


@pytest.mark.parametrize(("rise", "share", "said"), [(2, 2, True), (2, 1, False), (1, 2, False)])
def test_every_second_slice_is_noted_where_numbers_and_thickness_say_so(tmp_path, rise, share, said):
    def change(ds, k):
        ds.InstanceNumber, ds.SliceThickness = 40 - rise * k, round(phantom().spacing_mm[2] / share, 4)

    notes = read(series(tmp_path / "x", phantom(), "CT", change)).notes
    assert any("only 1 of 2 slices seems to be there" in note for note in notes) == said


def test_a_series_in_each_of_the_48_orientations_has_its_voxels_where_they_were(tmp_path):
    for number, axes in enumerate(signed_permutations()):
        volume = phantom(axes)
        back = read(series(tmp_path / str(number), volume))
        assert np.linalg.det(back.affine) > 0  # DICOM's rows, columns and normal are right-handed
        assert_same_in_patient(volume, back, tolerance_mm=1e-6)
        assert back.notes == ()


@given(
    tilt=st.tuples(*[st.floats(-180, 180)] * 3),
    spacing_mm=st.tuples(*[st.floats(0.2, 9)] * 3),
    origin_mm=st.tuples(*[st.floats(-500, 500)] * 3),
    seed=st.integers(0, 99),
)
@settings(max_examples=20, deadline=None)
def test_any_oblique_series_has_its_voxels_where_they_were(tmp_path_factory, tilt, spacing_mm, origin_mm, seed):
    volume = phantom(tilt=tilt, spacing_mm=spacing_mm, origin_mm=origin_mm, shape=(2, 3, 4))
    folder = save(tmp_path_factory.mktemp("oblique"), slices_of(volume), seed=seed)
    assert same_grid(volume, read(folder))
    np.testing.assert_array_equal(read(folder).array, volume.array)


def test_a_missing_slice_is_refused_and_its_place_is_named(tmp_path):
    volume = phantom(tilt=(0, 0, 0), spacing_mm=(1, 1, 2.5), origin_mm=(0, 0, 0), shape=(3, 3, 8))
    slices = slices_of(volume)
    del slices[4]
    with pytest.raises(
        GeometryError,
        match=r"5\.00 mm apart after R 0\.0 A 0\.0 S 7\.5 mm, 2\.50 mm elsewhere: 1 slice is missing\. Export",
    ):
        read(save(tmp_path / "gap", slices))


def test_a_missing_slice_in_an_oblique_series_is_refused(tmp_path):
    slices = slices_of(phantom(tilt=(20, 30, 40)))
    del slices[2:4]
    with pytest.raises(GeometryError, match="2 slices are missing"):
        read(save(tmp_path / "gap", slices))


def test_uneven_steps_are_refused(tmp_path):
    def shift(ds, k):
        if k > 3:
            ds.ImagePositionPatient = [0, 0, k * 3.0 + 1]

    volume = phantom(tilt=(0, 0, 0), spacing_mm=(1, 1, 3), origin_mm=(0, 0, 0))
    folder = series(tmp_path / "uneven", volume, change=shift)
    with pytest.raises(GeometryError, match=r"4\.00 mm apart after .* 3\.00 mm elsewhere: the steps are uneven"):
        read(folder)
    (listed,) = list_series(folder)
    assert "the steps are uneven" in listed.problem
    assert listed.shape == ()


def test_positions_rounded_by_the_scanner_are_read_with_a_note(tmp_path):
    volume = phantom(tilt=(0, 0, 0), spacing_mm=(1, 1, 0.625), origin_mm=(0, 0, 0), shape=(3, 3, 40))

    def to_tenths(ds, k):
        ds.ImagePositionPatient = [0, 0, round(k * 0.625, 1)]

    back = read(series(tmp_path / "rounded", volume, change=to_tenths))
    np.testing.assert_allclose(back.spacing_mm[2], 0.625, atol=0.002)
    assert back.notes[0].startswith("Slices lie up to 0.0")


def test_a_tilted_gantry_gives_a_sheared_affine_and_a_note(tmp_path):
    straight = affine_of(np.eye(3), spacing_mm=(0.5, 0.5, 5))
    straight[:3, 2] += np.tan(np.radians(14)) * 5 * straight[:3, 1] / 0.5
    volume = Volume(phantom().array, straight)
    back = read(series(tmp_path / "tilt", volume))
    assert back.is_sheared
    assert same_grid(volume, back)
    assert back.notes[0].startswith("The slices are stacked 14.0 degrees off their normal (gantry tilt); the affine is")


def test_a_slice_shifted_sideways_is_refused(tmp_path):
    def shift(ds, k):
        if k == 3:
            ds.ImagePositionPatient = [9, 0, k * 3.0]

    folder = series(tmp_path / "x", phantom(tilt=(0, 0, 0), spacing_mm=(1, 1, 3), origin_mm=(0, 0, 0)), change=shift)
    with pytest.raises(GeometryError, match="slices shift sideways by up to 9"):
        read(folder)


def test_images_at_one_place_are_refused(tmp_path):
    def stay(ds, k):
        ds.ImagePositionPatient = [0, 0, 0]

    with pytest.raises(GeometryError, match=r"several images lie at one place, at R .* Remove the duplicates"):
        read(series(tmp_path / "x", phantom(), change=stay))


def test_repeats_of_one_slice_are_no_volume_but_can_be_chosen(tmp_path):
    def stay(ds, k):
        ds.ImagePositionPatient, ds.AcquisitionNumber, ds.SliceThickness = [0, 0, 0], k + 1, 4

    folder = series(tmp_path / "x", phantom(), change=stay)
    with pytest.raises(
        GeometryError, match=r"all 7 images lie at one place: .*choose one slice with volume=0 to volume=6"
    ):
        read(folder)
    np.testing.assert_array_equal(read(folder, volume=2).array[:, :, 0], phantom().array[:, :, 2])


def test_one_duplicate_slice_is_refused(tmp_path):
    slices = slices_of(phantom())
    slices.append(slices_of(phantom(), series_uid=slices[0].SeriesInstanceUID)[2])
    with pytest.raises(GeometryError, match="several images lie at one place"):
        read(save(tmp_path / "x", slices))


def test_a_file_that_is_there_twice_counts_once(tmp_path):
    slices = slices_of(phantom())
    save(tmp_path / "x/a", slices)
    save(tmp_path / "x/b", slices[:2])
    back = read(tmp_path / "x")
    assert_same_in_patient(back, phantom())
    assert back.notes == ("2 images are in the folder more than once; the copies were left out.",)


def test_a_single_slice_takes_its_thickness_from_the_header_with_a_note(tmp_path):
    one = phantom(shape=(5, 6, 1))
    with pytest.raises(GeometryError, match=r"neither SliceThickness nor SpacingBetweenSlices. Add the other slices"):
        read(series(tmp_path / "a", one))
    back = read(series(tmp_path / "b", one, SliceThickness=2.9))
    assert same_grid(one, back)
    assert back.notes == ("One slice only: its thickness of 2.9 mm is SliceThickness.",)


def test_two_slices_are_read_with_a_note(tmp_path):
    back = read(series(tmp_path / "x", phantom(shape=(5, 6, 2))))
    assert back.notes == ("Two slices only: that they are 2.900 mm apart, and none is missing, cannot be checked.",)


def test_a_slice_spacing_in_the_header_that_contradicts_the_positions_is_noted(tmp_path):
    back = read(series(tmp_path / "x", phantom(), SpacingBetweenSlices=4))
    assert back.notes == ("The positions give a slice spacing of 2.900 mm, SpacingBetweenSlices says 4 mm.",)


@pytest.mark.parametrize("tag", ["ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing"])
def test_images_without_a_place_are_refused(tmp_path, tag):
    def drop(ds, k):
        delattr(ds, tag)

    with pytest.raises(GeometryError, match=f"the images have no usable {tag}, so where they lie is not known"):
        read(series(tmp_path / "x", phantom(), change=drop))


def test_directions_that_are_no_unit_vectors_are_refused(tmp_path):
    folder = series(tmp_path / "x", phantom(), ImageOrientationPatient=[1, 0, 0, 0.5, 0.5, 0])
    with pytest.raises(GeometryError, match="is not two unit vectors at a right angle"):
        read(folder)


def test_a_localizer_of_three_orientations_is_refused_and_each_can_be_chosen(tmp_path):
    uid, slices = "1.2.3.4", []
    planes = [np.eye(3), np.eye(3)[:, [1, 2, 0]], np.eye(3)[:, [0, 2, 1]] * (1, -1, 1)]
    volumes = [phantom(axes, shape=(4, 4, 3), tilt=(0, 0, 0)) for axes in planes]
    for volume in volumes:
        slices += slices_of(volume, series_uid=uid)
    for ds in slices:
        ds.ImageType = ["ORIGINAL", "PRIMARY", "LOCALIZER"]
    folder = save(tmp_path / "scout", slices)
    with pytest.raises(InputError, match=r"scout holds 3 series\. Choose one with series=\.\.\.:\n  #1, MR"):
        read(folder)
    with pytest.raises(InputError, match=r"series='1\.2\.3\.4' fits 3 series"):
        read(folder, series=uid)
    read_back = {read(folder, series=one.key).orientation: read(folder, series=one.key) for one in list_series(folder)}
    assert len(read_back) == 3
    for back in read_back.values():
        assert back.notes[0] == "The images are a localizer, made for planning."
    matched = [any(same_place(volume, back) for back in read_back.values()) for volume in volumes]
    assert matched == [True] * 3


def same_place(one, other):
    try:
        assert_same_in_patient(one, other)
    except AssertionError:
        return False
    return True


def test_slices_of_two_frames_of_reference_are_not_mixed(tmp_path):
    def half(ds, k):
        ds.FrameOfReferenceUID = "1.2.3" if k < 3 else "1.2.4"

    with pytest.raises(InputError, match="holds 2 series"):
        read(series(tmp_path / "x", phantom(), change=half))


def test_echoes_at_the_same_places_are_volumes_to_choose_from(tmp_path):
    uid = "1.2.3"
    slices = []
    for echo in (30, 4):
        for ds in slices_of(phantom().with_array(phantom().array + echo * 100), series_uid=uid):
            ds.EchoTime = echo
            slices.append(ds)
    folder = save(tmp_path / "echoes", slices)
    (listed,) = list_series(folder)
    assert (listed.volumes, listed.count, listed.shape) == (2, 14, phantom().shape)
    with pytest.raises(
        InputError, match=r"holds 2 volumes at the same places, told apart by EchoTime. Choose one with volume=0"
    ):
        read(folder)
    back = read(folder, volume=0)  # the shorter echo first, by number and not by letters
    assert_same_in_patient(back, phantom().with_array(phantom().array + 400))
    assert back.notes == ("Volume 0 of 2, told apart by EchoTime.",)


def test_two_interleaved_acquisitions_are_told_apart(tmp_path):
    first = phantom(tilt=(0, 0, 0), spacing_mm=(1, 1, 4), origin_mm=(0, 0, 0))
    second = phantom(tilt=(0, 0, 0), spacing_mm=(1, 1, 4), origin_mm=(0, 0, 1))
    slices = slices_of(first, series_uid="1.2.3") + slices_of(second, series_uid="1.2.3")
    for n, ds in enumerate(slices):
        ds.AcquisitionNumber = 1 + n // 7
    folder = save(tmp_path / "x", slices)
    with pytest.raises(InputError, match="told apart by AcquisitionNumber"):
        read(folder)
    assert_same_in_patient(read(folder, volume=1), second)


def test_the_malformed_shared_series(shared_data):
    folder = shared_data / "dicom/malformed"
    assert "stacked 14.0 degrees off" in read(folder / "gantrytilting").notes[0]
    with pytest.raises(
        GeometryError, match=r"slices are 10\.00 mm apart after .*5\.00 mm elsewhere: 1 slice is missing"
    ):
        read(folder / "sliceincrement")
    with pytest.raises(GeometryError, match="all 4 images lie at one place"):
        read(folder / "notavolume")
