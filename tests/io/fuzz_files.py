"""Small valid files of every kind that is read, and ways to damage them. The same seed damages the same bytes."""

from __future__ import annotations

import gzip
import json
import re
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
from dicom_maker import series
from phantoms import phantom
from pydicom.uid import generate_uid
from segmented import TABLE, six_sided, with_labels

from monai_attn.io import Masks, holds_structures, read, read_masks, write, write_dicom_seg, write_rtstruct
from monai_attn.io.label_names import label_names
from monai_attn.labels import LabelTable
from monai_attn.segmentation import Segmentation
from monai_attn.volume import Volume

Read = Callable[[Path], object]


def make_all(folder: Path) -> dict[str, tuple[list[Path], Read]]:
    """For each kind, valid files and what reads one of them; all files are made in a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    image = phantom(shape=(9, 8, 7))
    labels = Volume((np.asarray(image.array) % 3).astype(np.uint8), image.affine)
    names = LabelTable.of_names({1: "liver", 2: "spleen"})
    kinds: dict[str, tuple[list[Path], Read]] = {}
    for kind, suffixes in {
        "nifti": (".nii", ".nii.gz"),
        "nrrd": (".nrrd", ".seg.nrrd"),
        "metaimage": (".mha",),
    }.items():
        paths = []
        for suffix in suffixes:
            for name, volume, table in (("image", image, None), ("labels", labels, names)):
                paths.append(folder / f"{name}{suffix}")
                write(volume, paths[-1], table=table)
        kinds[kind] = (paths, _read_mask)
    kinds["nifti"][0].append(_scaled(folder / "scaled.nii", image))
    kinds["nrrd"][0].append(_raw_nrrd(folder / "raw.nrrd"))
    kinds["metaimage"][0].append(_raw_meta(folder / "raw.mha"))
    made = six_sided(np.eye(3))
    source = with_labels(folder / "source", made, FrameOfReferenceUID=generate_uid())
    write_dicom_seg(source, TABLE, folder / "source", folder / "seg.dcm", algorithm="a", algorithm_version="1")
    write_rtstruct(source, TABLE, folder / "source", folder / "rt.dcm", algorithm="a", algorithm_version="1")
    kinds["seg"] = ([folder / "seg.dcm"], lambda path: _each(read_masks(path)))
    kinds["rtstruct"] = ([folder / "rt.dcm"], lambda path: _each(read_masks(path, like=source)))
    slices = series(folder / "series", image, SliceThickness=2)
    kinds["dicom"] = ([*sorted(slices.iterdir())[:1], *_compressed(folder / "packed")], read)
    beside = folder / "record.json"
    beside.write_text(json.dumps({"labels": names.to_json(), "provenance": {"bundle": "x"}}))
    kinds["json"] = ([beside], lambda path: _with_record(folder / "labels.mha", path))
    return kinds


def _read_mask(path: Path) -> object:
    label_names(path)
    return _each(read_masks(path)) if holds_structures(path) else read(path)


def _each(masks: Masks) -> object:
    return [masks.mask(label.value) for label in masks.table]


def _with_record(mask: Path, record: Path) -> object:
    copy = record.with_suffix(".mha")
    copy.write_bytes(mask.read_bytes())
    return Segmentation.load(copy)


def _scaled(path: Path, image: Volume) -> Path:
    write(image, path)
    raw = bytearray(path.read_bytes())
    raw[112:120] = struct.pack("<ff", 0.5, 3)
    path.write_bytes(raw)
    return path


def _raw_nrrd(path: Path) -> Path:
    head = "NRRD0005\ntype: short\ndimension: 4\nspace: LPS\nsizes: 2 4 3 2\n"
    head += "space directions: none (1,0,0) (0,2,0) (0,0,3)\n"
    head += 'kinds: list domain domain domain\nendian: little\nencoding: raw\nspace units: "mm" "mm" "mm"\n'
    head += "space origin: (1,2,3)\nSegment0_Name:=a\nSegment0_Layer:=0\nSegment1_Name:=b\nSegment1_Layer:=1\n\n"
    path.write_bytes(head.encode() + np.arange(48, dtype="<i2").tobytes())
    return path


def _raw_meta(path: Path) -> Path:
    head = "ObjectType = Image\nNDims = 3\nBinaryData = True\nBinaryDataByteOrderMSB = False\nCompressedData = False\n"
    head += "TransformMatrix = 1 0 0 0 1 0 0 0 1\nOffset = 1 2 3\nElementSpacing = 1 2 3\nDimSize = 4 3 2\n"
    head += "ElementNumberOfChannels = 1\nElementType = MET_SHORT\nElementDataFile = LOCAL\n"
    path.write_bytes(head.encode() + np.arange(24, dtype="<i2").tobytes())
    return path


def _compressed(folder: Path) -> list[Path]:
    from pydicom import dcmread
    from pydicom.uid import RLELossless

    path = sorted(series(folder, phantom(shape=(16, 12, 2)), SliceThickness=2).iterdir())[0]
    dataset = dcmread(path)
    dataset.compress(RLELossless)
    dataset.save_as(folder / "rle.dcm")
    return [folder / "rle.dcm"]


NUMBERS = [b"0", b"-1", b"1", b"2", b"3", b"100", b"65536", b"2147483648", b"-2147483648", b"1e308", b"nan", b"inf"]
NUMBERS += [b"4294967295", b"9" * 30, b"1e-10", b"0.5", b"x", b"", b" ", b"1 1", b'"', b"\xff", b"\0"]
BYTES = [0, 1, 2, 3, 4, 5, 7, 8, 16, 32, 64, 100, 127, 128, 200, 254, 255]


def damaged(data: bytes, seed: int) -> bytes:
    """The bytes with one to three damages; within the header more often than behind it."""
    rng = np.random.default_rng(seed)
    packed = data[:2] == b"\x1f\x8b" and rng.random() < 0.8
    raw = bytearray(gzip.decompress(data) if packed else data)
    for _ in range(int(rng.integers(1, 4))):
        raw = DAMAGES[int(rng.integers(len(DAMAGES)))](raw, rng)
    return gzip.compress(bytes(raw), 1, mtime=0) if packed else bytes(raw)


def _place(raw: bytearray, rng: np.random.Generator) -> int:
    size = max(len(raw), 1)
    return int(rng.integers(min(size, 600))) if rng.random() < 0.5 else int(rng.integers(size))


def _flip(raw: bytearray, rng: np.random.Generator) -> bytearray:
    if raw:
        raw[_place(raw, rng) % len(raw)] ^= 1 << int(rng.integers(8))
    return raw


def _byte(raw: bytearray, rng: np.random.Generator) -> bytearray:
    if raw:
        raw[_place(raw, rng) % len(raw)] = BYTES[int(rng.integers(len(BYTES)))]
    return raw


def _word(raw: bytearray, rng: np.random.Generator) -> bytearray:
    value = int(rng.choice([0, 1, 2**15, 2**16 - 1, 2**31 - 1, 2**31, 2**32 - 1, 2**20]))
    start = _place(raw, rng) // 2 * 2
    raw[start : start + 4] = struct.pack("<I", value)
    return raw


def _cut(raw: bytearray, rng: np.random.Generator) -> bytearray:
    return raw[: _place(raw, rng)]


def _lose(raw: bytearray, rng: np.random.Generator) -> bytearray:
    start = _place(raw, rng)
    del raw[start : start + int(rng.integers(1, 40))]
    return raw


def _repeat(raw: bytearray, rng: np.random.Generator) -> bytearray:
    start, length = _place(raw, rng), int(rng.integers(1, 200))
    raw[start:start] = raw[start : start + length]
    return raw


def _number(raw: bytearray, rng: np.random.Generator) -> bytearray:
    """Another number in a text, as in the headers of NRRD and MetaImage, in JSON and in DICOM's decimal strings."""
    found = list(re.finditer(rb"-?\d+(\.\d+)?", bytes(raw[:20000])))
    if found:
        match = found[int(rng.integers(len(found)))]
        raw[match.start() : match.end()] = NUMBERS[int(rng.integers(len(NUMBERS)))]
    return raw


def _line(raw: bytearray, rng: np.random.Generator) -> bytearray:
    """A line of a text twice, missing, or elsewhere."""
    lines = bytes(raw[:4000]).split(b"\n")
    at, to = int(rng.integers(len(lines))), int(rng.integers(len(lines)))
    line = lines.pop(at) if rng.random() < 0.5 else lines[at]
    if rng.random() < 0.7:
        lines.insert(to, line)
    return bytearray(b"\n".join(lines)) + raw[4000:]


ELEMENT = re.compile(
    rb"(AE|AS|AT|CS|DA|DS|DT|FD|FL|IS|LO|LT|OB|OW|PN|SH|SL|SQ|SS|ST|TM|UI|UL|UN|US|UT)([^\0]\0|\0\0)", re.DOTALL
)
"""A kind of value in DICOM with explicit kinds, and a length below 256, or 0 before a long length."""


def _element(raw: bytearray, rng: np.random.Generator) -> bytearray:
    """In DICOM, another value, another length or another kind of one element."""
    found = list(ELEMENT.finditer(bytes(raw[:60000])))
    if not found:
        return _number(raw, rng)
    match = found[int(rng.integers(len(found)))]
    length, choice = raw[match.start() + 2], rng.random()
    if choice < 0.6 and length:
        value = NUMBERS[int(rng.integers(len(NUMBERS)))][:length].ljust(length, b" ")
        raw[match.end() : match.end() + length] = value
    elif choice < 0.8:
        raw[match.start() + 2] = int(rng.choice([0, 1, 2, 3, 7, 200, 254]))
    else:
        raw[match.start() : match.start() + 2] = found[int(rng.integers(len(found)))][1]
    return raw


DAMAGES = [_flip, _byte, _word, _cut, _lose, _repeat, _number, _number, _line, _element, _element, _element]
