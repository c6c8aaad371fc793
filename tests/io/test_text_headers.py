"""NRRD and MetaImage headers: read as ITK reads them, refused before anything is allocated."""

from __future__ import annotations

import bz2
import gzip
import zlib

import numpy as np
import pytest
import SimpleITK

from monai_attn.errors import AttnError, FileError, GeometryError, InputError
from monai_attn.io import count_volumes, read
from monai_attn.io.metaimage import TYPES as META_TYPES
from monai_attn.io.nrrd_words import C_TYPES
from monai_attn.volume import RAS_TO_LPS

DATA = np.arange(24, dtype="<i2")
RAW = DATA.tobytes()
SIZES = "ElementSpacing = 1 2 3\n"
PLACE = "space: LPS\nspace directions: (1,0,0) (0,2,0) (0,0,3)\nspace origin: (10,20,30)\n"


def meta(path, head=SIZES, data=RAW, size="4 3 2", kind="MET_SHORT", axes=3, file="LOCAL"):
    text = f"ObjectType = Image\nNDims = {axes}\nBinaryData = True\n{head}DimSize = {size}\nElementType = {kind}\n"
    path.write_bytes(f"{text}ElementDataFile = {file}\n".encode() + data)
    return path


def nrrd(path, head=PLACE, data=RAW, sizes="4 3 2", kind="short", axes=3, encoding="raw", endian="little"):
    text = (
        f"NRRD0005\ntype: {kind}\ndimension: {axes}\nsizes: {sizes}\nencoding: {encoding}\nendian: {endian}\n{head}\n"
    )
    path.write_bytes(text.encode() + data)
    return path


def assert_as_itk_reads_it(path):
    """Every voxel has the value and the place that ITK gives it."""
    volume, image = read(path), SimpleITK.ReadImage(str(path))
    np.testing.assert_array_equal(volume.array, SimpleITK.GetArrayFromImage(image).T)
    kind = SimpleITK.GetArrayViewFromImage(image).dtype
    assert volume.array.dtype == (np.float32 if kind == np.float64 else kind)
    for index in ((0, 0, 0), (3, 1, 0), (1, 2, 1)):
        place = RAS_TO_LPS[:3, :3] @ np.array(image.TransformContinuousIndexToPhysicalPoint([float(i) for i in index]))
        np.testing.assert_allclose(volume.to_world(index), place, atol=1e-9)


HEADS = [
    "Offset = 5 6 7\n",
    "TransformMatrix = 0 1 0 0 0 1 1 0 0\nOffset = 5 6 7\nCenterOfRotation = 1 2 3\nAnatomicalOrientation = LPI\n",
    "Rotation = 0 1 0 0 0 1 1 0 0\nPosition = 5 6 7\n",
    "Orientation = 0 -1 0 0 0 1 1 0 0\nOrigin = 5 6 7\n",
    "TransformMatrix = 1 0 0 0 0.8 0.6 0 -0.6 0.8\n",
    "BinaryDataByteOrderMSB = True\n",
    "ElementByteOrderMSB = True\n",
    "HeaderSize = -1\n",
    "Comment = a = b\n",
    "ElementMin = 2\nElementSize = 9 9 9\n",
]


@pytest.mark.parametrize("head", HEADS)
def test_metaimage_headers_mean_what_itk_takes_them_to_mean(tmp_path, head):
    assert_as_itk_reads_it(meta(tmp_path / "x.mha", head + SIZES))


@pytest.mark.parametrize("spacing", ["ElementSize = 1 2 3\n", "ElementSpacing = -1 2 3\n"])
def test_metaimage_spacings_mean_what_itk_takes_them_to_mean(tmp_path, spacing):
    assert_as_itk_reads_it(meta(tmp_path / "x.mha", spacing))


@pytest.mark.parametrize("kind", META_TYPES)
def test_every_metaimage_type_has_the_size_it_has_in_itk(tmp_path, kind):
    data = np.arange(24).astype(META_TYPES[kind]).tobytes()
    volume = read(meta(tmp_path / "x.mha", SIZES, data, kind=kind))
    image = SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(str(tmp_path / "x.mha")))
    np.testing.assert_array_equal(volume.array, image.T)


@pytest.mark.parametrize("pack", [zlib.compress, gzip.compress])
@pytest.mark.parametrize("sized", [True, False])
def test_compressed_metaimage_is_read_also_without_its_size(tmp_path, pack, sized):
    data = pack(RAW)
    head = "CompressedData = True\n" + (f"CompressedDataSize = {len(data)}\n" if sized else "")
    np.testing.assert_array_equal(read(meta(tmp_path / "x.mha", head + SIZES, data)).array.ravel("F"), DATA)


def test_metaimage_voxels_beside_the_header_may_begin_behind_a_header_of_their_own(tmp_path):
    (tmp_path / "x.raw").write_bytes(b"1234567" + RAW)
    for before in (7, -1):
        path = meta(tmp_path / "x.mhd", f"HeaderSize = {before}\n{SIZES}", b"", file="x.raw")
        assert_as_itk_reads_it(path)


def test_channels_and_time_of_a_metaimage_count_as_volumes(tmp_path):
    head = "ElementSpacing = 1 2 3 4\nElementNumberOfChannels = 2\n"
    path = meta(tmp_path / "x.mha", head, size="2 1 2 3", axes=4)
    assert count_volumes(path) == 6
    expected = DATA.reshape(2, 2, 1, 2, 3, order="F")
    for chosen, (channel, time) in enumerate((c, t) for c in range(2) for t in range(3)):
        np.testing.assert_array_equal(read(path, volume=chosen).array, expected[channel, ..., time])


DAMAGED_META = {
    "axes of 100": ("NDims = 3", "NDims = 100"),
    "negative axes": ("NDims = 3", "NDims = -3"),
    "axes beyond 32 bits": ("NDims = 3", "NDims = 2147483648"),
    "axes of many digits": ("NDims = 3", f"NDims = {'9' * 400}"),
    "axes twice": ("NDims = 3", "NDims = 3\nNDims = 100"),
    "no axes": ("NDims = 3\n", ""),
    "two sizes": ("DimSize = 4 3 2", "DimSize = 4 3"),
    "size of 0": ("DimSize = 4 3 2", "DimSize = 4 0 2"),
    "negative size": ("DimSize = 4 3 2", "DimSize = 4 -3 2"),
    "size of a word": ("DimSize = 4 3 2", "DimSize = 4 x 2"),
    "huge sizes": ("DimSize = 4 3 2", "DimSize = 999999999 999999999 999999999"),
    "type of strings": ("MET_SHORT", "MET_STRING"),
    "type of arrays": ("MET_SHORT", "MET_SHORT_ARRAY"),
    "channels of 0": ("DimSize", "ElementNumberOfChannels = 0\nDimSize"),
    "channels of a billion": ("DimSize", "ElementNumberOfChannels = 1000000000\nDimSize"),
    "spacing of a word": ("ElementSpacing = 1 2 3", "ElementSpacing = 1 x 3"),
    "spacing that is no number": ("ElementSpacing = 1 2 3", "ElementSpacing = nan 2 3"),
    "spacing of 0": ("ElementSpacing = 1 2 3", "ElementSpacing = 0 2 3"),
    "long matrix": ("DimSize", f"TransformMatrix = {'1 ' * 10000}\nDimSize"),
    "flat matrix": ("DimSize", "TransformMatrix = 1 0 0 1 0 0 0 0 1\nDimSize"),
    "compressed size beyond the file": ("DimSize", "CompressedData = True\nCompressedDataSize = 99999\nDimSize"),
    "compressed rubbish": ("DimSize", "CompressedData = True\nDimSize"),
    "text": ("BinaryData = True", "BinaryData = False"),
    "header size": ("DimSize", "HeaderSize = 7\nDimSize"),
    "a list": ("LOCAL", "LIST 2\na.raw\nb.raw"),
    "a pattern": ("LOCAL", "slice%03d.raw 1 9 1"),
    "another folder": ("LOCAL", "../x.raw"),
    "itself a folder": ("LOCAL", "."),
    "no end": ("ElementDataFile = LOCAL", "x"),
    "not an image": ("ObjectType = Image", "ObjectType = Tube"),
}


@pytest.mark.parametrize("change", DAMAGED_META.values(), ids=list(DAMAGED_META))
def test_a_metaimage_header_that_cannot_be_is_refused(tmp_path, change):
    path = meta(tmp_path / "x.mha")
    old, new = (text.encode() for text in change)
    assert old in path.read_bytes()
    path.write_bytes(path.read_bytes().replace(old, new, 1))
    with pytest.raises(AttnError, match=r"x\.mha") as caught:
        read(path)
    assert len(str(caught.value)) < 400


def test_voxels_without_a_size_are_refused_with_the_line_to_add(tmp_path):
    with pytest.raises(GeometryError, match=r"x\.mha: the header has no ElementSpacing.* Add the line"):
        read(meta(tmp_path / "x.mha", ""))
    with pytest.raises(GeometryError, match=r"x\.nrrd: .* neither space directions nor spacings.* Add the line"):
        read(nrrd(tmp_path / "x.nrrd", ""))


UNITS = [("cm", 10), ("m", 1000), ("um", 1e-3), ("µm", 1e-3), ("micron", 1e-3), ("inch", 25.4), ("Inches", 25.4)]
UNITS += [("centimeters", 10), ("metre", 1000), ("mm", 1), ("millimeter", 1), ("", 1)]


@pytest.mark.parametrize(("unit", "scale"), UNITS)
def test_units_of_length_become_millimetres_and_that_is_said(tmp_path, unit, scale):
    three = " ".join([f'"{unit}"'] * 3)
    paths = [
        nrrd(tmp_path / "space.nrrd", f"{PLACE}space units: {three}\n"),
        nrrd(tmp_path / "axes.nrrd", f"spacings: 1 2 3\nunits: {three}\n"),
        meta(
            tmp_path / "x.mha",
            f"Offset = 10 20 30\nTransformMatrix = 1 0 0 0 1 0 0 0 1\nDistanceUnits = {unit}\n{SIZES}",
        ),
    ]
    for path in paths:
        volume = read(path)
        np.testing.assert_allclose(volume.spacing_mm, np.array([1, 2, 3]) * scale)
        said = f"The header is in {unit}; it was converted to millimetres."
        assert (said in volume.notes) == (scale != 1)
    np.testing.assert_allclose(read(paths[0]).affine[:3, 3], np.array([-10, -20, 30]) * scale)
    np.testing.assert_allclose(read(paths[2]).affine[:3, 3], np.array([-10, -20, 30]) * scale)


def test_space_units_without_quotation_marks_count_and_too_few_are_refused(tmp_path):
    volume = read(nrrd(tmp_path / "x.nrrd", f"{PLACE}space units: cm cm cm\n"))
    np.testing.assert_allclose(volume.spacing_mm, (10, 20, 30))
    for units in ('"cm" "cm"', "cm", '"cm" "cm" "cm" "s" "s"'):
        with pytest.raises(FileError, match=r"x\.nrrd: .*'space units' has \d entries"):
            read(nrrd(tmp_path / "x.nrrd", f"{PLACE}space units: {units}\n"))


@pytest.mark.parametrize("unit", ["parsec", "s", "pixel"])
def test_a_unit_that_is_no_length_is_refused(tmp_path, unit):
    three = " ".join([f'"{unit}"'] * 3)
    for path in (
        nrrd(tmp_path / "x.nrrd", f"{PLACE}space units: {three}\n"),
        meta(tmp_path / "x.mha", f"DistanceUnits = {unit}\n{SIZES}"),
    ):
        with pytest.raises(GeometryError, match=f"lengths in '{unit}', which is no known unit"):
            read(path)


@pytest.mark.parametrize("kind", [(code, word) for code, words in C_TYPES.items() for word in words.split(", ")])
@pytest.mark.parametrize("endian", ["little", "big"])
def test_every_nrrd_type_is_what_it_is_in_itk(tmp_path, kind, endian):
    code, word = kind
    data = np.arange(24).astype(np.dtype(code).newbyteorder("<" if endian == "little" else ">")).tobytes()
    assert_as_itk_reads_it(nrrd(tmp_path / "x.nrrd", data=data, kind=word, endian=endian))


ENCODED = {
    "raw": RAW,
    "gzip": gzip.compress(RAW),
    "gz": gzip.compress(RAW),
    "ascii": " ".join(map(str, DATA)).encode(),
    "text": "\n".join(map(str, DATA)).encode(),
    "hex": RAW.hex().encode(),
    "bzip2": bz2.compress(RAW),
}


@pytest.mark.parametrize("encoding", ENCODED)
def test_every_nrrd_encoding_is_read(tmp_path, encoding):
    path = nrrd(tmp_path / "x.nrrd", data=ENCODED[encoding], encoding=encoding)
    np.testing.assert_array_equal(read(path).array.ravel("F"), DATA)
    assert read(path).array.dtype == np.int16
    if encoding not in ("bzip2",):  # ITK is built without it
        assert_as_itk_reads_it(path)


NRRD_HEADS = [
    "space: RAS\nspace directions: (1,0,0) (0,0.8,0.6) (0,-0.6,0.8)\nspace origin: (1,2,3)\n",
    "space: left-anterior-superior\nspace directions: (0,1,0) (0,0,2) (3,0,0)\nspace origin: (1,2,3)\n",
    "space dimension: 3\nspace directions: (1,0,0) (0,2,0) (0,0,3)\nspace origin: (1,2,3)\n",
    "space: LPS\nspace directions: (1,0,0) (0,2,0) (0,0,3)\n",
    "spacings: 1 2 3\n",
    "spacings: 1 2 3\naxis mins: 4 5 6\ncenterings: cell cell cell\n",
    "spacings: 1 2 3\naxis mins: 4 5 6\ncenterings: node node node\n",
    f"# a remark: with a colon\nkinds: domain domain domain\n{PLACE}key:=value: 1\n",
]


@pytest.mark.parametrize("head", NRRD_HEADS)
def test_nrrd_headers_mean_what_itk_takes_them_to_mean(tmp_path, head):
    assert_as_itk_reads_it(nrrd(tmp_path / "x.nrrd", head))


def test_voxels_beside_the_header_may_be_named_with_this_folder(tmp_path):
    (tmp_path / "x.raw").write_bytes(RAW)
    assert_as_itk_reads_it(nrrd(tmp_path / "x.nhdr", f"{PLACE}data file: ./x.raw\n", b""))
    assert_as_itk_reads_it(meta(tmp_path / "x.mhd", data=b"", file="./x.raw"))


def test_values_that_a_metaimage_asks_to_scale_are_kept_with_a_note(tmp_path):
    path = meta(
        tmp_path / "x.mha", f"ElementToIntensityFunctionSlope = 2\nElementToIntensityFunctionOffset = -1024\n{SIZES}"
    )
    assert_as_itk_reads_it(path)
    assert any("ElementToIntensityFunction" in note for note in read(path).notes)
    plain = meta(
        tmp_path / "y.mha", f"ElementToIntensityFunctionSlope = 1\nElementToIntensityFunctionOffset = 0\n{SIZES}"
    )
    assert not any("ElementToIntensityFunction" in note for note in read(plain).notes)


def test_nrrd_voxels_may_begin_behind_lines_and_bytes(tmp_path):
    (tmp_path / "x.raw").write_bytes(b"one\ntwo\n12345" + RAW)
    assert_as_itk_reads_it(nrrd(tmp_path / "x.nhdr", f"{PLACE}data file: x.raw\nline skip: 2\nbyte skip: 5\n", b""))
    assert_as_itk_reads_it(nrrd(tmp_path / "y.nhdr", f"{PLACE}data file: x.raw\nbyte skip: -1\n", b""))


DAMAGED_NRRD = {
    "dimension of 100": ("dimension: 3", "dimension: 100"),
    "dimension of 0": ("dimension: 3", "dimension: 0"),
    "no dimension": ("dimension: 3\n", ""),
    "sizes twice": ("sizes: 4 3 2", "sizes: 4 3 2\nsizes: 4 3 3"),
    "two sizes": ("sizes: 4 3 2", "sizes: 4 3"),
    "negative size": ("sizes: 4 3 2", "sizes: 4 -3 2"),
    "huge sizes": ("sizes: 4 3 2", "sizes: 99999999 99999999 99999999"),
    "a type of blocks": ("type: short", "type: block"),
    "an unknown encoding": ("encoding: raw", "encoding: zip"),
    "no endian": ("endian: little\n", ""),
    "a byte skip beyond the file": ("space:", "byte skip: 4000\nspace:"),
    "a negative byte skip": ("space:", "byte skip: -2\nspace:"),
    "a line skip beyond the file": ("space:", "line skip: 4000\nspace:"),
    "directions of words": ("(0,2,0)", "(0,x,0)"),
    "two directions": (" (0,2,0)", ""),
    "infinite directions": ("(0,2,0)", "(0,inf,0)"),
    "flat directions": ("(0,2,0)", "(2,0,0)"),
    "an origin of words": ("(10,20,30)", "here"),
    "no end": ("\n\n", "\n"),
    "no magic": ("NRRD0005", "NRRDX"),
}


@pytest.mark.parametrize("change", DAMAGED_NRRD.values(), ids=list(DAMAGED_NRRD))
def test_an_nrrd_header_that_cannot_be_is_refused(tmp_path, change):
    path = nrrd(tmp_path / "x.nrrd")
    old, new = (text.encode() for text in change)
    assert old in path.read_bytes()
    path.write_bytes(path.read_bytes().replace(old, new, 1))
    with pytest.raises((FileError, GeometryError, InputError), match=r"x\.nrrd") as caught:
        read(path)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize("place", [-1, 20, 30])
def test_a_flipped_bit_in_compressed_voxels_is_noticed(tmp_path, place):
    noise = np.random.default_rng(0).integers(0, 999, 24).astype("<i2").tobytes()
    packed = {"mha": bytearray(zlib.compress(noise)), "nrrd": bytearray(gzip.compress(noise, mtime=0))}
    for kind, data in packed.items():
        data[place if place >= 0 else {"mha": -1, "nrrd": -5}[kind]] ^= 1  # the checksum
    meta(tmp_path / "x.mha", f"CompressedData = True\n{SIZES}", bytes(packed["mha"]))
    nrrd(tmp_path / "x.nrrd", data=bytes(packed["nrrd"]), encoding="gzip")
    for name in ("x.mha", "x.nrrd"):
        with pytest.raises(FileError, match=f"{name}.*truncated or damaged"):
            read(tmp_path / name)


def test_compressed_voxels_are_decoded_in_parts(tmp_path, monkeypatch):
    monkeypatch.setattr("monai_attn.io.stored.STEP", 7)
    values = np.arange(24, dtype="<i2")
    for name, path in {
        "zlib": meta(tmp_path / "x.mha", f"CompressedData = True\n{SIZES}", zlib.compress(RAW)),
        "more": meta(tmp_path / "y.mha", f"CompressedData = True\n{SIZES}", zlib.compress(RAW + RAW)),
        "gzip": nrrd(tmp_path / "x.nrrd", data=gzip.compress(RAW), encoding="gzip"),
        "raw": nrrd(tmp_path / "y.nrrd"),
    }.items():
        np.testing.assert_array_equal(read(path).array.ravel("F"), values, err_msg=name)
