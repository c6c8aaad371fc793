from __future__ import annotations

import nibabel
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from phantoms import SHAPE, affine_of, assert_same_in_patient, phantom, signed_permutations

import monai_attn.io.writing as writing
from monai_attn.errors import FileError, GeometryError, InputError
from monai_attn.io import read, write
from monai_attn.volume import Volume, same_grid

SUFFIXES = [".nii", ".nii.gz", ".nrrd", ".mha", ".mhd"]
TYPES = [np.uint8, np.int8, np.int16, np.uint16, np.int32, np.uint32, np.float32]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_every_one_of_the_48_orientations_is_written_and_read_back_exactly(tmp_path, suffix):
    for number, axes in enumerate(signed_permutations()):
        volume = phantom(axes)
        path = tmp_path / f"{number}{suffix}"
        write(volume, path)
        back = read(path)
        assert back.notes == ()
        assert same_grid(volume, back)
        assert back.orientation == volume.orientation
        np.testing.assert_array_equal(back.array, volume.array)


@given(
    axes=st.sampled_from(signed_permutations()),
    tilt=st.tuples(*[st.floats(-180, 180)] * 3),
    spacing_mm=st.tuples(*[st.floats(0.05, 20)] * 3),
    origin_mm=st.tuples(*[st.floats(-900, 900)] * 3),
)
@settings(max_examples=15, deadline=None)
def test_all_formats_agree_on_where_every_voxel_lies(tmp_path_factory, axes, tilt, spacing_mm, origin_mm):
    folder = tmp_path_factory.mktemp("formats")
    volume = phantom(axes, tilt=tilt, spacing_mm=spacing_mm, origin_mm=origin_mm, shape=(2, 3, 4))
    for suffix in SUFFIXES:
        write(volume, folder / f"x{suffix}")
        assert_same_in_patient(volume, read(folder / f"x{suffix}"), tolerance_mm=2e-3)


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_type_of_values_is_kept(tmp_path, suffix, dtype):
    write(phantom(dtype=dtype), tmp_path / f"x{suffix}")
    back = read(tmp_path / f"x{suffix}")
    assert back.array.dtype == dtype
    np.testing.assert_array_equal(back.array, phantom(dtype=dtype).array)


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        (np.array([0, 1], bool), np.uint8),
        (np.array([0, 255]), np.uint8),
        (np.array([0, 256]), np.int16),
        (np.array([-1, 3]), np.int16),
        (np.array([0, 40000], np.uint64), np.uint16),
        (np.array([-1, 40000]), np.int32),
        (np.array([0, 2**31]), np.uint32),
        (np.array([0.5, 2], np.float16), np.float32),
    ],
)
@pytest.mark.parametrize("suffix", [".nii.gz", ".nrrd"])
def test_types_that_files_lack_become_the_smallest_that_holds_the_values(tmp_path, values, dtype, suffix):
    write(Volume(values.reshape(2, 1, 1), affine_of(np.eye(3))), tmp_path / f"x{suffix}")
    back = read(tmp_path / f"x{suffix}").array
    assert back.dtype == dtype
    np.testing.assert_array_equal(back.ravel(), values)


def test_whole_numbers_beyond_32_bit_are_refused(tmp_path):
    volume = Volume(np.array([-1, 2**40]).reshape(2, 1, 1))
    with pytest.raises(InputError, match="Whole numbers from -1 to 1099511627776 fit no 32-bit type"):
        write(volume, tmp_path / "x.nii.gz")
    assert list(tmp_path.iterdir()) == []


def test_float64_is_written_as_it_is(tmp_path):
    volume = Volume(np.random.default_rng(0).random(SHAPE), affine_of(np.eye(3)))
    write(volume, tmp_path / "x.nii.gz")
    np.testing.assert_array_equal(np.asarray(nibabel.load(tmp_path / "x.nii.gz").dataobj), volume.array)


def test_nan_and_infinity_survive(tmp_path):
    array = np.zeros(SHAPE, np.float32)
    array[0, 0, 0], array[1, 1, 1] = np.nan, np.inf
    write(Volume(array), tmp_path / "x.nii.gz")
    back = read(tmp_path / "x.nii.gz")
    np.testing.assert_array_equal(back.array, array)
    assert back.notes == ("2 of 210 voxels are not finite numbers (NaN or infinite); they are kept.",)


def test_a_nifti_says_scanner_coordinates_in_both_forms_and_millimetres(tmp_path):
    write(phantom(), tmp_path / "x.nii.gz")
    header = nibabel.load(tmp_path / "x.nii.gz").header
    assert (int(header["sform_code"]), int(header["qform_code"])) == (1, 1)
    assert header.get_xyzt_units()[0] == "mm"
    np.testing.assert_allclose(header.get_qform(), phantom().affine, atol=1e-4)


def sheared() -> Volume:
    affine = affine_of(np.eye(3))
    affine[:3, 2] += 0.3 * affine[:3, 1]
    return Volume(phantom().array, affine)


def test_a_sheared_volume_keeps_its_shear_in_nifti(tmp_path):
    write(sheared(), tmp_path / "x.nii.gz")
    assert same_grid(read(tmp_path / "x.nii.gz"), sheared())
    header = nibabel.load(tmp_path / "x.nii.gz").header
    assert (int(header["sform_code"]), int(header["qform_code"])) == (1, 0)


@pytest.mark.parametrize("suffix", [".nrrd", ".mha", ".mhd"])
def test_a_sheared_volume_is_refused_by_the_other_formats(tmp_path, suffix):
    with pytest.raises(GeometryError, match=r"the voxel axes are not at right angles.*Write \.nii\.gz, or resample"):
        write(sheared(), tmp_path / f"x{suffix}")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_an_existing_file_is_kept_without_overwrite(tmp_path, suffix):
    path = tmp_path / f"x{suffix}"
    write(phantom(), path)
    with pytest.raises(FileError, match="exists and is not overwritten"):
        write(phantom(dtype=np.float32), path)
    assert read(path).array.dtype == np.int16
    write(phantom(dtype=np.float32), path, overwrite=True)
    assert read(path).array.dtype == np.float32


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_nothing_is_left_when_the_file_reads_back_differently(tmp_path, suffix, monkeypatch):
    flipped = phantom().with_array(phantom().array[::-1])
    moved = Volume(phantom().array, affine_of(np.eye(3), origin_mm=(0, 0, 0)))
    for back, what in ((flipped, "values"), (moved, "geometry")):
        monkeypatch.setattr(writing, "read", lambda _, back=back: back)
        with pytest.raises(FileError, match=f"the {what} read back differ"):
            write(phantom(), tmp_path / "new" / f"x{suffix}")
        assert list(tmp_path.iterdir()) == []


def test_the_same_image_gives_the_same_bytes_whatever_it_is_called(tmp_path):
    write(phantom(), tmp_path / "a.nii.gz")
    write(phantom(), tmp_path / "b.nii.gz")
    assert (tmp_path / "a.nii.gz").read_bytes() == (tmp_path / "b.nii.gz").read_bytes()


def test_an_unknown_ending_is_refused_with_those_that_are_known(tmp_path):
    with pytest.raises(FileError, match=r"a volume is written as \.nii, \.nii\.gz, \.nrrd, \.mha, \.mhd"):
        write(phantom(), tmp_path / "x.png")


def test_an_image_of_more_than_32767_slices_is_written_as_nifti_2(tmp_path):
    volume = Volume(np.zeros((1, 1, 40000), np.uint8))
    write(volume, tmp_path / "x.nii.gz")
    assert isinstance(nibabel.load(tmp_path / "x.nii.gz"), nibabel.Nifti2Image)
    assert read(tmp_path / "x.nii.gz").shape == (1, 1, 40000)


@pytest.mark.parametrize("suffix", [".nrrd", ".mha", ".mhd"])
def test_messages_name_the_file_and_never_the_temporary_one(tmp_path, suffix):
    sheared = np.eye(4)
    sheared[0, 1] = 0.5
    with pytest.raises(GeometryError, match=rf"^x\{suffix}: the voxel axes are not at right angles"):
        write(Volume(np.zeros((2, 2, 2), np.uint8), sheared), tmp_path / f"x{suffix}")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["Y.MHA", "Y.MHD", "Y.NRRD"])
def test_an_ending_in_capital_letters_is_written(tmp_path, name):
    volume = Volume(np.arange(24, dtype=np.int16).reshape(2, 3, 4), np.eye(4))
    write(volume, tmp_path / name)
    assert not [path.name for path in tmp_path.iterdir() if path.name.startswith(".")]
    np.testing.assert_array_equal(read(tmp_path / name).array, volume.array)


@pytest.mark.parametrize("name", ["a.nii.gz", "a.nrrd", "a.mha"])
def test_an_array_in_the_byte_order_of_another_computer_is_written(tmp_path, name):
    array = np.arange(24).reshape(2, 3, 4).astype(">i2")
    write(Volume(array, np.eye(4)), tmp_path / name)
    np.testing.assert_array_equal(read(tmp_path / name).array, array)
