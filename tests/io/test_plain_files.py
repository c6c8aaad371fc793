from __future__ import annotations

import os

import numpy as np
import pytest

from monai_attn.errors import FileError
from monai_attn.io import holds_structures, is_dicom, read, read_masks, write
from monai_attn.io.digest import sha256
from monai_attn.io.jsonfile import read_json
from monai_attn.io.plain import read_plain
from monai_attn.segmentation import Segmentation
from monai_attn.volume import Volume

MAKERS = {"pipe": os.mkfifo, "device": lambda path: path.symlink_to("/dev/zero")}


@pytest.mark.parametrize("make", MAKERS.values(), ids=list(MAKERS))
@pytest.mark.parametrize("suffix", [".nii", ".nii.gz", ".nrrd", ".mha", ".dcm", ""])
@pytest.mark.parametrize("way", [read, Segmentation.load, read_masks, read_json])
def test_what_is_no_plain_file_is_refused_at_once(tmp_path, make, suffix, way):
    path = tmp_path / f"x{suffix}"
    make(path)
    with pytest.raises(FileError, match=r"(plain file|not there|pipe)"):
        way(path)


@pytest.mark.parametrize("make", MAKERS.values(), ids=list(MAKERS))
def test_pipes_and_devices_beside_a_mask_or_among_slices_are_passed_over(tmp_path, make):
    write(Volume(np.ones((2, 2, 2), np.uint8)), tmp_path / "x.nii.gz")
    for name in ("x.json", "x.txt", "x.tsv", "x.xml", "x.label", "IM0001", "y.dcm"):
        make(tmp_path / name)
    assert [label.name for label in Segmentation.load(tmp_path / "x.nii.gz").table] == ["label 1"]
    assert not is_dicom(tmp_path / "IM0001")
    assert not holds_structures(tmp_path / "y.dcm")
    with pytest.raises(FileError):
        read(tmp_path)


def test_the_content_of_a_plain_file_also_through_a_link(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    assert read_plain(tmp_path / "b") == b"abc"
    assert sha256(tmp_path / "b") == sha256(tmp_path / "a")
    with pytest.raises(OSError, match="no plain file"):
        read_plain(tmp_path)
