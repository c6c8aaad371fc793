"""What SEG and RTSTRUCT copy from the series: the patient's identity, byte for byte where it cannot be decoded."""

from __future__ import annotations

import numpy as np
import pytest
from phantoms import phantom
from pydicom import DataElement, dcmread
from pydicom.config import IGNORE
from pydicom.datadict import dictionary_VR
from pydicom.tag import Tag
from segmented import BY, with_labels

from monai_attn.errors import InputError
from monai_attn.io.dicomseg import read_masks, write_dicom_seg, write_rtstruct
from monai_attn.labels import Label, LabelTable
from monai_attn.volume import Volume

ONE = LabelTable((Label(1, "lesion", "#d02020"),))
WRITERS = (write_dicom_seg, write_rtstruct)

NOT_UTF8 = b"M\xfcller^Ren\xe9\xff"
"""Latin-1 letters in a file that says it is UTF-8, and a byte that no character set has here."""


def made_series(tmp_path, charset: str | None = None, **stored: bytes) -> Volume:
    """A series whose headers hold these bytes, in a character set that they may not be of; and labels on it."""
    labels = with_labels(tmp_path / "series", phantom(shape=(5, 4, 3)))
    for path in (tmp_path / "series").iterdir():
        ds = dcmread(path)
        if charset is not None:
            ds.SpecificCharacterSet = charset
        for number, keyword in enumerate(stored):
            text, kind = place(number, stored[keyword]), dictionary_VR(keyword)
            ds[keyword] = DataElement(Tag(keyword), "LO" if kind == "DS" else kind, text, validation_mode=IGNORE)
        ds.save_as(path)
        content = path.read_bytes()
        for number, value in enumerate(stored.values()):
            content = content.replace(place(number, value).encode(), value)
        for keyword in stored:  # pydicom makes no decimal string of letters
            tag = Tag(keyword).group.to_bytes(2, "little") + Tag(keyword).elem.to_bytes(2, "little")
            content = content.replace(tag + b"LO", tag + dictionary_VR(keyword).encode())
        path.write_bytes(content)
    return labels.with_array((labels.array % 2).astype(np.uint8))


def place(number: int, value: bytes) -> str:
    """Letters of the same length, which stand for a value until the file is written."""
    return ("QZ", "WX", "VK", "JY")[number] * (len(value) // 2)


def stored(path, keyword: str) -> bytes:
    """The bytes of a value in a file, whose length stands in two bytes before."""
    content = path.read_bytes()
    tag = Tag(keyword)
    start = content.index(tag.group.to_bytes(2, "little") + tag.elem.to_bytes(2, "little"))
    length = int.from_bytes(content[start + 6 : start + 8], "little")
    return content[start + 8 : start + 8 + length]


@pytest.mark.parametrize("write", WRITERS)
@pytest.mark.parametrize(
    "charset", ["ISO_IR 192", "", "\\ISO 2022 IR 87"], ids=["utf-8", "none said", "Japanese with escapes"]
)
def test_a_name_that_cannot_be_decoded_is_copied_byte_for_byte(tmp_path, write, charset):
    labels = made_series(tmp_path, charset=charset, PatientName=NOT_UTF8, PatientID=b"K\xf6ln 7")
    write(labels, ONE, tmp_path / "series", tmp_path / "out.dcm", **BY)
    assert stored(tmp_path / "out.dcm", "PatientName") == NOT_UTF8
    assert stored(tmp_path / "out.dcm", "PatientID") == b"K\xf6ln 7"
    assert stored(tmp_path / "out.dcm", "SpecificCharacterSet").strip() == charset.encode()
    back = read_masks(tmp_path / "out.dcm", like=labels)
    np.testing.assert_array_equal(back.label_map().array, labels.array)


def test_other_texts_are_copied_too_and_those_of_ours_stay(tmp_path):
    more = {"StudyDescription": b"Kn\xf6chel", "SeriesDescription": b"sp\xe4t", "Manufacturer": b"K\xf6ln"}
    labels = made_series(
        tmp_path, charset="ISO_IR 192", PatientName=NOT_UTF8, **{k: v + b" " * (len(v) % 2) for k, v in more.items()}
    )
    write_dicom_seg(labels, ONE, tmp_path / "series", tmp_path / "out.dcm", **BY)
    assert stored(tmp_path / "out.dcm", "PatientName") == NOT_UTF8
    assert stored(tmp_path / "out.dcm", "StudyDescription").strip() == more["StudyDescription"]
    assert stored(tmp_path / "out.dcm", "SeriesDescription").startswith(b"Segmentation by")
    assert stored(tmp_path / "out.dcm", "Manufacturer").strip() == b"monai_attn"


@pytest.mark.parametrize("write", WRITERS)
def test_a_name_of_another_character_set_is_written_as_utf_8(tmp_path, write):
    labels = made_series(tmp_path, charset="ISO_IR 100", PatientName=b"M\xfcller^Eva")
    write(labels, ONE, tmp_path / "series", tmp_path / "out.dcm", **BY)
    assert stored(tmp_path / "out.dcm", "PatientName").strip() == "Müller^Eva".encode()
    assert stored(tmp_path / "out.dcm", "SpecificCharacterSet").strip() == b"ISO_IR 192"


@pytest.mark.parametrize("write", WRITERS)
def test_labels_beyond_ascii_beside_such_a_name_are_refused(tmp_path, write):
    labels = made_series(tmp_path, charset="ISO_IR 192", PatientName=NOT_UTF8)
    table = LabelTable((Label(1, "Höhle", "#d02020"),))
    with pytest.raises(InputError) as caught:
        write(labels, table, tmp_path / "series", tmp_path / "out.dcm", **BY)
    assert str(caught.value) == (
        "The name of label 1 is 'Höhle'. The series holds texts that its own character set cannot decode; they are "
        "copied byte for byte, and beside them only ASCII is written. Give the label a name in ASCII."
    )
    assert not (tmp_path / "out.dcm").exists()


@pytest.mark.parametrize("write", WRITERS)
@pytest.mark.parametrize(
    "header",
    [
        {"StudyDate": b"20190229"},
        {"StudyDate": b"00000000"},
        {"StudyTime": b"256199"},
        {"PatientSize": b"1,80"},
        {"PatientAge": b"old "},
        {"StudyID": b"longer than sixteen letters "},
    ],
    ids=str,
)
def test_values_that_dicom_forbids_are_left_empty_and_the_mask_is_written(tmp_path, write, header):
    labels = made_series(tmp_path, **header)
    write(labels, ONE, tmp_path / "series", tmp_path / "out.dcm", **BY)
    (keyword,) = header
    assert not dcmread(tmp_path / "out.dcm").get(keyword)


@pytest.mark.parametrize("write", WRITERS)
@pytest.mark.parametrize("thickness", [None, ""])
def test_a_series_without_slice_thickness_can_be_segmented(tmp_path, write, thickness):
    labels = with_labels(tmp_path / "series", phantom(shape=(5, 4, 3)), SliceThickness=thickness)
    labels = labels.with_array((labels.array % 2).astype(np.uint8))
    write(labels, ONE, tmp_path / "series", tmp_path / "out.dcm", **BY)
    np.testing.assert_array_equal(read_masks(tmp_path / "out.dcm", like=labels).label_map().array, labels.array)


@pytest.mark.parametrize("write", WRITERS)
@pytest.mark.parametrize(("number", "ours"), [(3, 1003), (-(2**31), 1000), (2**31 - 1, 1000)])
def test_the_number_of_our_series_fits_whatever_that_of_the_images_is(tmp_path, write, number, ours):
    labels = with_labels(tmp_path / "series", phantom(shape=(5, 4, 3)), SeriesNumber=number)
    labels = labels.with_array((labels.array % 2).astype(np.uint8))
    write(labels, ONE, tmp_path / "series", tmp_path / "out.dcm", **BY)
    assert dcmread(tmp_path / "out.dcm").SeriesNumber == ours


@pytest.mark.parametrize("write", WRITERS)
def test_what_cannot_be_written_is_an_error_of_ours_and_leaves_no_file(tmp_path, write, monkeypatch):
    import pydicom

    labels = made_series(tmp_path)

    def fail(*_, **__):
        raise OverflowError("a value")

    monkeypatch.setattr(pydicom.Dataset, "save_as", fail)
    with pytest.raises(InputError, match=r"out\.dcm: It cannot be written: the headers of the series lack or"):
        write(labels, ONE, tmp_path / "series", tmp_path / "out.dcm", **BY)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["series"]


@pytest.mark.parametrize("syntax", ["1.2.840.10008.1.2.1", "1.2.840.10008.1.2"])
def test_a_contour_above_64_kb_is_written_and_read_back(tmp_path, syntax):
    """A comb, whose outline has more corners than 64 kB of decimals hold; any program reads implicit kinds."""
    labels = with_labels(tmp_path / "series", phantom(shape=(90, 90, 1)))
    array = np.zeros(labels.shape, np.uint8)
    array[::2, 1:] = array[:, 1] = 1
    array[1::4, 3::4] = 1
    labels = labels.with_array(array)
    write_rtstruct(labels, ONE, tmp_path / "series", tmp_path / "rs.dcm", **BY)
    ds = dcmread(tmp_path / "rs.dcm")
    (line,) = ds.ROIContourSequence[0].ContourSequence
    assert len("\\".join(map(str, line.ContourData))) > 2**16
    assert ds.file_meta.TransferSyntaxUID == "1.2.840.10008.1.2"
    ds.file_meta.TransferSyntaxUID = syntax  # in explicit kinds, pydicom writes it as UN
    with pytest.warns() if syntax.endswith("1.2.1") else pytest.MonkeyPatch.context():
        ds.save_as(tmp_path / "other.dcm", implicit_vr=syntax.endswith("1.2"), little_endian=True)
    back = read_masks(tmp_path / "other.dcm", like=labels)
    np.testing.assert_array_equal(back.label_map().array, array)
