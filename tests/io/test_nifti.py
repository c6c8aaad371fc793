from __future__ import annotations

import gzip
import logging
import struct

import nibabel
import numpy as np
import pytest
from phantoms import SHAPE, affine_of, assert_same_in_patient, phantom

from monai_attn.errors import FileError, GeometryError, InputError
from monai_attn.io import read
from monai_attn.volume import Volume, same_grid


def image(volume=None, kind=nibabel.Nifti1Image, sform=1, qform=1):
    """A nibabel image of a phantom, saved without our writer."""
    volume = volume or phantom()
    made = kind(np.asarray(volume.array), volume.affine)
    made.set_sform(volume.affine if sform else None, sform)
    made.set_qform(volume.affine if qform else None, qform)
    return made


def patched(path, offset, data):
    """A file with some bytes of its header replaced."""
    raw = bytearray(path.read_bytes())
    raw[offset : offset + len(data)] = data
    path.write_bytes(raw)
    return path


def saved(made, path):
    nibabel.save(made, path)
    return path


@pytest.mark.parametrize("kind", [nibabel.Nifti1Image, nibabel.Nifti2Image])
@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
def test_nifti_1_and_2_are_read_as_nibabel_wrote_them(tmp_path, kind, suffix):
    volume = read(saved(image(kind=kind), tmp_path / f"x{suffix}"))
    assert same_grid(volume, phantom())
    np.testing.assert_array_equal(volume.array, phantom().array)
    assert volume.array.dtype == np.int16
    assert volume.notes == ()


@pytest.mark.parametrize("kind", [nibabel.Nifti1Pair, nibabel.Nifti2Pair])
@pytest.mark.parametrize("suffix", [".hdr", ".img"])
def test_a_pair_of_header_and_voxels_is_read_by_either_name(tmp_path, kind, suffix):
    saved(image(kind=kind), tmp_path / "x[1].img")
    assert_same_in_patient(read(tmp_path / f"x[1]{suffix}"), phantom())


def test_half_a_pair_is_refused(tmp_path):
    saved(image(kind=nibabel.Nifti1Pair), tmp_path / "x.img")
    (tmp_path / "x.img").unlink()
    with pytest.raises(FileError, match=r"x\.hdr: the \.img file that belongs to it is not beside it"):
        read(tmp_path / "x.hdr")


def test_big_endian_files_are_read(tmp_path):
    made = image()
    swapped = nibabel.Nifti1Image(np.asarray(made.dataobj), made.affine, made.header.as_byteswapped(">"))
    volume = read(saved(swapped, tmp_path / "x.nii"))
    assert_same_in_patient(volume, phantom())
    assert volume.array.dtype.isnative


def test_gzip_is_known_by_its_content_not_by_its_name(tmp_path):
    saved(image(), tmp_path / "a.nii.gz").rename(tmp_path / "a.nii")
    saved(image(), tmp_path / "b.nii").rename(tmp_path / "b.nii.gz")
    for name in ("a.nii", "b.nii.gz"):
        assert_same_in_patient(read(tmp_path / name), phantom())


def test_the_left_of_the_patient_is_at_negative_x(tmp_path):
    array = np.zeros((3, 3, 3), np.uint8)
    array[0, 1, 1] = 7
    las = np.diag([-2.0, 2, 2, 1])
    las[0, 3] = 2.0
    volume = read(saved(image(Volume(array, las)), tmp_path / "x.nii"))
    (index,) = np.argwhere(volume.array == 7)
    assert volume.to_world(index)[0] == 2.0  # voxel axis I runs to the left: its first voxel is on the right
    assert volume.orientation == "LAS"


def test_the_sform_wins_over_the_qform_and_a_note_says_by_how_much(tmp_path):
    made = image()
    moved = phantom().affine.copy()
    moved[0, 3] += 5
    made.set_sform(moved, 4)
    volume = read(saved(made, tmp_path / "x.nii"))
    np.testing.assert_allclose(volume.affine, moved, atol=1e-4)
    assert volume.notes == (
        "sform and qform of the header disagree by up to 5.0 mm; the sform is used. "
        "Other programs may use the qform and show the image elsewhere.",
    )


@pytest.mark.parametrize(("sform", "qform"), [(0, 1), (2, 0)])
def test_the_only_form_with_a_code_is_used(tmp_path, sform, qform):
    volume = read(saved(image(sform=sform, qform=qform), tmp_path / "x.nii"))
    assert same_grid(volume, phantom())
    assert volume.notes == ()


@pytest.mark.parametrize("determinant", [1, -1])
def test_left_handed_voxel_axes_are_read_from_the_qform(tmp_path, determinant):
    flipped = phantom(np.diag([determinant, 1.0, 1.0]))
    volume = read(saved(image(flipped, sform=0), tmp_path / "x.nii"))
    assert np.sign(np.linalg.det(volume.affine)) == determinant
    assert same_grid(volume, flipped)


def test_a_qfac_of_0_counts_as_1_without_a_word_from_nibabel(tmp_path, caplog):
    path = patched(saved(image(sform=0), tmp_path / "x.nii"), 76, struct.pack("<f", 0))
    with caplog.at_level(logging.DEBUG):
        assert same_grid(read(path), phantom())
    assert caplog.text == ""


@pytest.mark.parametrize(("qfac", "sign"), [(3, 1), (0.5, 1), (-2, -1)])
def test_only_the_sign_of_qfac_counts(tmp_path, qfac, sign):
    path = patched(saved(image(sform=0), tmp_path / "x.nii"), 76, struct.pack("<f", sign))
    right = read(path)
    assert same_grid(read(patched(path, 76, struct.pack("<f", qfac))), right)
    both = read(patched(saved(image(), tmp_path / "y.nii"), 76, struct.pack("<f", 3)))
    assert not any("not a rotation" in note for note in both.notes)


@pytest.mark.parametrize("size", [-2, 0, float("nan")])
def test_voxel_sizes_of_a_qform_that_are_not_positive_are_named(tmp_path, size):
    with pytest.raises(GeometryError, match=rf"the qform has voxel sizes that are not positive \({size:g}, "):
        read(patched(saved(image(sform=0), tmp_path / "a.nii"), 80, struct.pack("<f", size)))
    volume = read(patched(saved(image(), tmp_path / "b.nii"), 80, struct.pack("<f", size)))
    assert same_grid(volume, phantom())
    assert len(volume.notes) == 1
    assert volume.notes[0].startswith(f"The qform of the header has voxel sizes that are not positive ({size:g}, ")


def test_a_header_without_orientation_is_read_with_a_note(tmp_path):
    volume = read(saved(image(sform=0, qform=0), tmp_path / "x.nii"))
    np.testing.assert_allclose(volume.spacing_mm, phantom().spacing_mm, rtol=1e-6)
    np.testing.assert_allclose(volume.to_world((np.array(SHAPE) - 1) / 2), 0, atol=1e-6)
    assert volume.notes[0].startswith("The header has no orientation (sform and qform codes are 0)")


def test_a_qform_that_is_no_rotation_is_refused_unless_there_is_an_sform(tmp_path):
    broken = struct.pack("<fff", 0.9, 0.9, 0.9)
    with pytest.raises(GeometryError, match="the qform is not a rotation"):
        read(patched(saved(image(sform=0), tmp_path / "a.nii"), 256, broken))
    volume = read(patched(saved(image(), tmp_path / "b.nii"), 256, broken))
    assert same_grid(volume, phantom())
    assert volume.notes == ("The qform of the header is not a rotation; the sform is used.",)


def test_an_sform_of_zeros_gives_way_to_the_qform(tmp_path):
    back = read(patched(saved(image(), tmp_path / "x.nii"), 280, b"\0" * 48))
    assert same_grid(back, phantom())
    assert back.notes == ("The sform of the header spans no volume; the qform is used.",)


def test_an_sform_that_is_flat_is_refused_where_no_qform_replaces_it(tmp_path):
    path = patched(saved(image(qform=0), tmp_path / "x.nii"), 280, b"\0" * 48)
    with pytest.raises(GeometryError, match=r"x\.nii: .* its axes do not span space"):
        read(path)


@pytest.mark.parametrize(("unit", "scale", "word"), [("meter", 1000, "metres"), ("micron", 1e-3, "microns")])
def test_metres_and_microns_become_millimetres(tmp_path, unit, scale, word):
    made = image()
    made.header.set_xyzt_units(unit)
    volume = read(saved(made, tmp_path / "x.nii"))
    np.testing.assert_allclose(volume.spacing_mm, np.array(phantom().spacing_mm) * scale, rtol=1e-6)
    np.testing.assert_allclose(volume.affine[:3, 3], phantom().affine[:3, 3] * scale, rtol=1e-5)
    assert volume.notes == (f"The header is in {word}; it was converted to millimetres.",)


def test_a_unit_that_does_not_exist_is_refused(tmp_path):
    with pytest.raises(GeometryError, match="xyzt_units is 5"):
        read(patched(saved(image(), tmp_path / "x.nii"), 123, b"\x05"))


def four_d(path, count=3, **kwargs):
    array = np.stack([phantom().array + 1000 * n for n in range(count)], axis=-1)
    return saved(nibabel.Nifti1Image(array, phantom().affine, **kwargs), path)


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
def test_one_volume_of_a_4d_file_is_chosen_by_number(tmp_path, suffix):
    path = four_d(tmp_path / f"x{suffix}")
    with pytest.raises(InputError, match=r"holds 3 volumes\. Choose one with volume=0 to volume=2"):
        read(path)
    np.testing.assert_array_equal(read(path, volume=2).array, phantom().array + 2000)
    for wrong in (3, -1):
        with pytest.raises(InputError, match=rf"has no volume {wrong}: it holds 3, counted from 0"):
            read(path, volume=wrong)


def test_a_4d_file_of_one_volume_needs_no_choice(tmp_path):
    assert_same_in_patient(read(four_d(tmp_path / "x.nii", 1)), phantom())


def test_the_channels_of_a_5d_vector_image_count_as_volumes(tmp_path):
    array = np.arange(2 * 3 * 4 * 1 * 3, dtype=np.float32).reshape(2, 3, 4, 1, 3)
    path = saved(nibabel.Nifti1Image(array, np.eye(4)), tmp_path / "x.nii")
    np.testing.assert_array_equal(read(path, volume=1).array, array[..., 0, 1])


def test_a_2d_image_is_one_slice_and_says_so(tmp_path):
    path = saved(nibabel.Nifti1Image(np.ones((4, 5), np.uint8), np.eye(4)), tmp_path / "x.nii")
    volume = read(path)
    assert volume.shape == (4, 5, 1)
    assert volume.notes == ("The file holds a 2-D image; it is read as a volume of one slice.",)


def test_scaled_integers_become_float32(tmp_path):
    path = patched(saved(image(), tmp_path / "x.nii"), 112, struct.pack("<ff", 0.5, -3))
    volume = read(path)
    assert volume.array.dtype == np.float32
    np.testing.assert_array_equal(volume.array, phantom().array * np.float32(0.5) - 3)
    with pytest.raises(FileError, match=r"scl_slope is 0\.5 but scl_inter is nan\. Repair the header"):
        read(patched(path, 116, struct.pack("<f", np.nan)))


@pytest.mark.parametrize("slope", [0, np.nan, np.inf])
def test_a_slope_of_0_or_not_finite_means_no_scaling(tmp_path, slope):
    path = patched(saved(image(), tmp_path / "x.nii"), 112, struct.pack("<ff", slope, 5))
    volume = read(path)
    assert volume.array.dtype == np.int16
    np.testing.assert_array_equal(volume.array, phantom().array)


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        ([0.1, 0.2], np.float32),
        ([1.0, 16777216.0], np.float32),
        ([1.0, 16777217.0], np.float64),  # a whole number that 32 bit would change
        ([1.0, 1e300], np.float64),
        ([np.nan, 1.0], np.float32),
    ],
)
def test_float64_becomes_float32_unless_that_loses_labels_or_magnitude(tmp_path, values, dtype):
    array = np.array(values).reshape(2, 1, 1)
    volume = read(saved(nibabel.Nifti1Image(array, np.eye(4)), tmp_path / "x.nii"))
    assert volume.array.dtype == dtype
    np.testing.assert_allclose(volume.array, array, rtol=1e-7)


def test_int64_keeps_its_type(tmp_path):
    array = np.array([0, 2**40]).reshape(2, 1, 1)
    volume = read(saved(nibabel.Nifti1Image(array, np.eye(4), dtype=np.int64), tmp_path / "x.nii"))
    assert volume.array.dtype == np.int64
    assert volume.array.max() == 2**40


def test_colours_and_complex_numbers_are_refused(tmp_path):
    rgb = np.zeros((2, 2, 2), [("R", "u1"), ("G", "u1"), ("B", "u1")])
    with pytest.raises(InputError, match=r"rgb\.nii holds colours \(R, G, B\), not measured values"):
        read(saved(nibabel.Nifti1Image(rgb, np.eye(4)), tmp_path / "rgb.nii"))
    with pytest.raises(InputError, match=r"holds complex numbers\. Export magnitude or phase"):
        read(saved(nibabel.Nifti1Image(np.zeros((2, 2, 2), np.complex64), np.eye(4)), tmp_path / "c.nii"))


def hostile(path, sizes, kind=nibabel.Nifti1Header, offset=352):
    header = kind()
    header["dim"][:4] = [3, *sizes]
    header["datatype"], header["bitpix"], header["vox_offset"], header["magic"] = 64, 64, offset, header["magic"]
    raw = header.binaryblock + b"\0" * 4
    path.write_bytes(gzip.compress(raw) if path.suffix == ".gz" else raw)
    return path


def test_a_tiny_file_that_asks_for_18_gigabytes_is_refused_before_any_memory_is_taken(tmp_path):
    path = hostile(tmp_path / "x.nii.gz", (1500, 1500, 1000))
    assert path.stat().st_size < 377
    with pytest.raises(FileError, match=r"asks for 1500 x 1500 x 1000 voxels, 16\.8 GiB; at most 8 GiB are read"):
        read(path)


def test_a_compressed_file_that_cannot_hold_what_it_asks_for_is_refused(tmp_path):
    with pytest.raises(
        FileError, match=r"asks for 500 x 500 x 500 voxels.*bytes of compressed data in the file cannot"
    ):
        read(hostile(tmp_path / "x.nii.gz", (500, 500, 500)))


def test_sizes_that_are_not_positive_are_refused(tmp_path):
    for sizes in ((0, 3, 3), (3, -3, 3)):
        with pytest.raises(FileError, match="the header gives the size"):
            read(hostile(tmp_path / "x.nii", sizes))


@pytest.mark.parametrize("share", [0.05, 0.5, 0.99])
@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
def test_a_truncated_file_is_refused(tmp_path, suffix, share):
    noise = np.random.default_rng(0).integers(0, 30000, (9, 9, 9)).astype(np.int16)
    path = saved(image(Volume(noise)), tmp_path / f"x{suffix}")
    raw = path.read_bytes()
    path.write_bytes(raw[: int(len(raw) * share)])
    with pytest.raises(FileError, match=r"x\.nii.*(truncated|damaged|cut off)"):
        read(path)


def test_a_flipped_bit_in_a_compressed_file_is_noticed(tmp_path):
    path = saved(image(), tmp_path / "x.nii.gz")
    raw = bytearray(path.read_bytes())
    raw[-8] ^= 1  # the checksum
    path.write_bytes(raw)
    with pytest.raises(FileError, match="truncated or damaged"):
        read(path)


def test_analyze_files_are_refused_because_left_and_right_are_not_known(tmp_path):
    saved(nibabel.AnalyzeImage(np.zeros((2, 2, 2), np.int16), np.eye(4)), tmp_path / "x.img")
    with pytest.raises(FileError, match=r"x\.hdr is an ANALYZE 7\.5 file, which does not tell left from right"):
        read(tmp_path / "x.img")


@pytest.mark.parametrize("content", [b"", b"abc", b"not an image" * 60, gzip.compress(b"abc", mtime=0)])
def test_something_else_with_the_name_of_a_nifti_is_refused(tmp_path, content):
    path = tmp_path / "x.nii.gz"
    path.write_bytes(content)
    with pytest.raises(FileError, match=r"x\.nii\.gz"):
        read(path)


def test_damaged_header_fields_are_refused(tmp_path):
    with pytest.raises(FileError, match="the header is damaged"):
        read(patched(saved(image(), tmp_path / "a.nii"), 70, struct.pack("<h", 7777)))  # datatype
    with pytest.raises(FileError, match="the voxels begin at byte 12"):
        read(patched(saved(image(), tmp_path / "b.nii"), 108, struct.pack("<f", 12)))  # vox_offset


def test_messages_name_the_file_but_not_its_folders(tmp_path):
    folder = tmp_path / "Doe_John"
    folder.mkdir()
    for name, content in (("a.nii", b"x" * 400), ("b.nrrd", b"NRRD0004\nfoo\n"), ("c.mha", b"ObjectType = Image\n")):
        (folder / name).write_bytes(content)
        with pytest.raises(FileError, match=name) as caught:
            read(folder / name)
        assert "Doe" not in str(caught.value)


def test_the_shared_nifti_images_are_read_as_nibabel_reads_them(shared_data):
    for path in sorted((shared_data / "images").glob("*.nii.gz")):
        volume, expected = read(path), nibabel.load(path)
        np.testing.assert_array_equal(volume.array, np.asanyarray(expected.dataobj))
        np.testing.assert_allclose(volume.affine, expected.affine)


def test_an_oblique_phantom_agrees_with_nibabel(tmp_path):
    path = saved(image(phantom(tilt=(31, 12, -44))), tmp_path / "x.nii")
    np.testing.assert_allclose(read(path).affine, nibabel.load(path).affine)
    assert not np.allclose(affine_of(np.eye(3)), read(path).affine)


@pytest.mark.parametrize(("slope", "inter"), [(0.1, 0), (2, -1000.5), (1, 7), (1e-38, 0), (3e38, 3e38)])
@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint32, np.float32, np.float64])
def test_scaled_values_are_those_of_nibabel(tmp_path, monkeypatch, slope, inter, dtype):
    monkeypatch.setattr("monai_attn.io.nifti.STEP", 50)
    array = np.random.default_rng(1).integers(0, 256, SHAPE).astype(dtype)
    path = patched(
        saved(nibabel.Nifti1Image(array, np.eye(4)), tmp_path / "x.nii"), 112, struct.pack("<ff", slope, inter)
    )
    expected = np.asanyarray(nibabel.load(path).dataobj)
    with np.errstate(over="ignore"):
        np.testing.assert_array_equal(read(path).array, expected.astype(np.float32))


def test_scaled_voxels_take_the_memory_of_32_bits_and_no_more(tmp_path):
    import tracemalloc

    array = np.ones((256, 256, 256), np.uint8)
    path = saved(nibabel.Nifti1Image(array, np.eye(4)), tmp_path / "x.nii")
    raw = bytearray(path.read_bytes())
    raw[112:120] = struct.pack("<ff", 0.5, 0)
    (tmp_path / "x.nii.gz").write_bytes(gzip.compress(bytes(raw)))
    tracemalloc.start()
    volume = read(tmp_path / "x.nii.gz")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert volume.array.dtype == np.float32
    assert peak < 64 * 2**20 + 130 * 2**20  # the voxels, and parts of some millions of them


def test_the_memory_of_scaled_voxels_is_within_the_budget_too(tmp_path):
    path = hostile(tmp_path / "x.nii", (1000, 1000, 1000))
    header = nibabel.Nifti1Header(path.read_bytes()[:348], check=False)
    header["datatype"], header["bitpix"], header["scl_slope"] = 2, 8, 0.5
    header["dim"][1:4] = 2**10, 2**11, 2**11
    with path.open("wb") as stream:
        stream.write(header.binaryblock)
        stream.truncate(352 + 2**32)  # a sparse file
    with pytest.raises(FileError, match=r"1024 x 2048 x 2048 voxels take 16\.0 GiB of memory; at most 8 GiB"):
        read(path)


def test_a_header_whose_byte_order_contradicts_itself_is_refused_plainly(tmp_path):
    path = patched(saved(image(), tmp_path / "x.nii"), 40, struct.pack(">h", 3))
    with pytest.raises(FileError, match=r"x\.nii: the header is damaged"):
        read(path)


def test_a_file_that_may_not_be_read_is_not_called_damaged(tmp_path, monkeypatch):
    path = saved(image(), tmp_path / "x.nii")

    def forbidden(name, *args, **kwargs):
        raise PermissionError(13, "Permission denied", str(name))

    monkeypatch.setattr("monai_attn.io.plain.os.open", forbidden)
    with pytest.raises(FileError, match=r"^x\.nii: It may not be read: permission denied\. Ask for access to it\.$"):
        read(path)


def test_the_voxels_of_a_pair_are_those_of_its_own_name(tmp_path):
    """The voxels of pat.seg.img were read for pat.hdr, by chance."""
    for number, name in enumerate(("pat", "pat.seg", "pat.x")):
        image = nibabel.Nifti1Image(np.full((2, 3, 4), number, np.int16), np.eye(4))
        nibabel.save(nibabel.Nifti1Pair(image.dataobj, image.affine), tmp_path / f"{name}.hdr")
    for number, name in enumerate(("pat", "pat.seg", "pat.x")):
        for ending in (".hdr", ".img"):
            assert (read(tmp_path / f"{name}{ending}").array == number).all()
