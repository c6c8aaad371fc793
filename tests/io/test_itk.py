from __future__ import annotations

import gzip

import numpy as np
import pytest
import SimpleITK
from phantoms import phantom

from monai_attn.errors import FileError, InputError
from monai_attn.io import read

DATA = np.arange(24, dtype=np.int16)
BYTES = DATA.tobytes()
PLACE = "space directions: (1,0,0) (0,2,0) (0,0,3)\nspace origin: (10,20,30)\n"


def nrrd(path, head, data=BYTES, sizes="4 3 2", dimension=3, encoding="raw"):
    text = (
        f"NRRD0004\ntype: short\ndimension: {dimension}\nsizes: {sizes}\nendian: little\nencoding: {encoding}\n{head}\n"
    )
    path.write_bytes(text.encode() + data)
    return path


def meta(path, head="", data=BYTES, sizes="4 3 2", axes=3):
    text = f"ObjectType = Image\nNDims = {axes}\nBinaryData = True\n{head}DimSize = {sizes}\nElementType = MET_SHORT\n"
    path.write_bytes(text.encode() + b"ElementDataFile = LOCAL\n" + data)
    return path


@pytest.mark.parametrize(
    ("space", "signs"),
    [
        ("right-anterior-superior", (1, 1, 1)),
        ("RAS", (1, 1, 1)),
        ("left-anterior-superior", (-1, 1, 1)),
        ("left-posterior-superior", (-1, -1, 1)),
    ],
)
def test_the_spaces_of_nrrd_become_ras(tmp_path, space, signs):
    volume = read(nrrd(tmp_path / "x.nrrd", f"space: {space}\n{PLACE}"))
    np.testing.assert_allclose(
        volume.affine, np.diag([*signs, 1]) @ [[1, 0, 0, 10], [0, 2, 0, 20], [0, 0, 3, 30], [0, 0, 0, 1]]
    )
    np.testing.assert_array_equal(volume.array, DATA.reshape(2, 3, 4).T)
    assert volume.notes == ()


@pytest.mark.parametrize(
    ("head", "what"), [("spacings: 1 2 3\n", "no space"), (f"space: scanner-xyz\n{PLACE}", "the space 'scanner-xyz'")]
)
def test_an_nrrd_outside_patient_space_is_read_with_a_note(tmp_path, head, what):
    volume = read(nrrd(tmp_path / "x.nrrd", head))
    assert volume.notes[0].startswith(f"The header has {what}")
    assert "left and right are not known" in volume.notes[0]
    assert volume.spacing_mm == (1, 2, 3)


def test_a_sheared_nrrd_keeps_its_shear(tmp_path):
    volume = read(
        nrrd(tmp_path / "x.nrrd", "space: RAS\nspace directions: (1,0,0) (0,2,0) (0,1,3)\nspace origin: (0,0,0)\n")
    )
    np.testing.assert_allclose(volume.affine[:3, 2], [0, 1, 3])
    assert volume.is_sheared


@pytest.mark.parametrize("suffix", ["nrrd", "mha"])
def test_channels_and_time_points_are_chosen_by_number(tmp_path, suffix):
    vectors = np.arange(2 * 3 * 4 * 5, dtype=np.float32).reshape(2, 3, 4, 5)  # (K, J, I, channel)
    SimpleITK.WriteImage(SimpleITK.GetImageFromArray(vectors, isVector=True), str(tmp_path / f"v.{suffix}"))
    SimpleITK.WriteImage(SimpleITK.GetImageFromArray(vectors, isVector=False), str(tmp_path / f"t.{suffix}"))
    with pytest.raises(InputError, match=r"holds 5 values per voxel or volumes\. Choose one with volume=0 to volume=4"):
        read(tmp_path / f"v.{suffix}")
    np.testing.assert_array_equal(read(tmp_path / f"v.{suffix}", volume=3).array, vectors[..., 3].T)
    np.testing.assert_array_equal(read(tmp_path / f"t.{suffix}", volume=1).array, vectors[1].T)  # (K, J, I) of time 1


def test_an_nrrd_whose_channel_axis_is_first_or_last_is_the_same(tmp_path):
    first = nrrd(
        tmp_path / "f.nrrd",
        f"kinds: vector domain domain domain\nspace: RAS\nspace directions: none {PLACE[18:]}",
        sizes="2 3 2 2",
        dimension=4,
    )
    np.testing.assert_array_equal(read(first, volume=1).array, DATA.reshape(2, 2, 3, 2)[..., 1].T)
    directions = "space directions: (1,0,0) (0,2,0) (0,0,3) none\nspace origin: (0,0,0)\n"
    last = nrrd(
        tmp_path / "l.nrrd", f"kinds: domain domain domain list\nspace: RAS\n{directions}", sizes="3 2 2 2", dimension=4
    )
    np.testing.assert_array_equal(read(last, volume=1).array, DATA.reshape(2, 2, 2, 3)[1].T)


def test_a_2d_image_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"is 2-D, \(6, 4\)\. A volume has three axes"):
        read(nrrd(tmp_path / "x.nrrd", "spacings: 1 2\n", sizes="6 4", dimension=2))


def test_a_metaimage_without_orientation_is_read_with_a_note(tmp_path):
    volume = read(meta(tmp_path / "x.mha", "ElementSpacing = 1 2 3\nOffset = 5 6 7\n"))
    np.testing.assert_allclose(volume.affine, [[-1, 0, 0, -5], [0, -2, 0, -6], [0, 0, 3, 7], [0, 0, 0, 1]])
    assert volume.notes[0].startswith("The header has no TransformMatrix")


def test_voxels_in_a_file_of_their_own_must_lie_beside_the_header(tmp_path):
    head = f"space: RAS\n{PLACE}data file: "
    (tmp_path / "x.raw").write_bytes(DATA.tobytes())
    assert read(nrrd(tmp_path / "x.nhdr", f"{head}x.raw\n", b"")).shape == (4, 3, 2)
    with pytest.raises(FileError, match="must lie beside the header"):
        read(nrrd(tmp_path / "y.nhdr", f"{head}/etc/passwd\n", b""))
    with pytest.raises(FileError, match=r"is not beside it\. Copy both files"):
        read(nrrd(tmp_path / "z.nhdr", f"{head}gone.raw\n", b""))
    with pytest.raises(FileError, match="spread over several files"):
        read(nrrd(tmp_path / "w.nhdr", f"{head}LIST\nx.raw\n", b""))


@pytest.mark.parametrize("make", [nrrd, meta])
def test_a_header_that_asks_for_absurd_memory_is_refused(tmp_path, make):
    suffix = {nrrd: "nrrd", meta: "mha"}[make]
    head = f"space: RAS\n{PLACE}" if make is nrrd else "ElementSpacing = 1 2 3\n"
    absurd = make(tmp_path / f"x.{suffix}", head, sizes="40000 30000 20000")
    with pytest.raises(FileError, match=r"asks for 40000 x 30000 x 20000 voxels.* at most 8 GiB are read"):
        read(absurd)
    too_large = make(tmp_path / f"y.{suffix}", head, sizes="400 300 200")
    with pytest.raises(FileError, match="bytes in the file cannot hold"):
        read(too_large)


@pytest.mark.parametrize("make", [nrrd, meta])
def test_a_truncated_file_is_refused(tmp_path, make):
    suffix = {nrrd: "nrrd", meta: "mha"}[make]
    head = f"space: RAS\n{PLACE}" if make is nrrd else "ElementSpacing = 1 2 3\n"
    make(tmp_path / f"x.{suffix}", head, DATA.tobytes()[:-2])
    with pytest.raises(FileError, match="truncated or damaged"):
        read(tmp_path / f"x.{suffix}")


def test_a_truncated_compressed_nrrd_is_refused(tmp_path):
    whole = gzip.compress(DATA.tobytes())
    path = nrrd(tmp_path / "x.nrrd", f"space: RAS\n{PLACE}", whole[:-12], encoding="gzip")
    with pytest.raises(FileError, match=r"x\.nrrd: It is truncated or damaged: its voxels cannot be read"):
        read(path)


def test_incomplete_and_foreign_files_are_refused(tmp_path):
    for name in ("a.nrrd", "b.mha", "c.mhd", "d.nhdr"):
        for content in (b"", b"something else", b"NRRD0004\ntype: short\n\n"):
            (tmp_path / name).write_bytes(content)
            with pytest.raises(FileError, match=rf"{name}.*(xport|Check)"):
                read(tmp_path / name)


def test_the_shared_brain_is_left_handed_and_stays_so(shared_data):
    volume, label = read(shared_data / "images/brain1_image.nrrd"), read(shared_data / "images/brain1_label.nrrd")
    assert volume.orientation == label.orientation == "LAS"
    assert np.linalg.det(volume.affine) < 0
    image = SimpleITK.ReadImage(str(shared_data / "images/brain1_image.nrrd"))
    for index in ((0, 0, 0), (17, 200, 3)):
        x, y, z = image.TransformIndexToPhysicalPoint(index)
        np.testing.assert_allclose(volume.to_world(index), (-x, -y, z))
        assert volume.array[index] == image[index]
    assert label.array.dtype.kind in "iu"


def test_a_written_phantom_lies_where_itk_says(tmp_path):
    from monai_attn.io import write

    write(phantom(), tmp_path / "x.nrrd")
    image = SimpleITK.ReadImage(str(tmp_path / "x.nrrd"))
    x, y, z = image.TransformIndexToPhysicalPoint((4, 2, 5))
    np.testing.assert_allclose(phantom().to_world((4, 2, 5)), (-x, -y, z))
    assert image[4, 2, 5] == phantom().array[4, 2, 5]
