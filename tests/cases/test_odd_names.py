"""Files with odd names through the command line: each is a case of its own, and one that fails stops no other."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from tiny_bundle import make_bundle

from monai_attn import Volume, write
from monai_attn.cli.main import main


@pytest.fixture
def folder(tmp_path) -> Path:
    """Images with names that trouble file systems and consoles, a link that leads nowhere, a leftover of macOS."""
    images = tmp_path / "images"
    image = np.random.default_rng(0).normal(size=(20, 18, 16)).astype(np.float32)
    write(Volume(image, np.diag([1.5, 1.5, 1.5, 1.0])), images / "plain.nii.gz")
    data = (images / "plain.nii.gz").read_bytes()
    for name in (b"caf\xe9.nii.gz", b"n" * 243 + b".nii.gz", b"line\nbreak.nii.gz", b"=1+1.nii.gz"):
        Path(os.fsdecode(os.fsencode(images) + b"/" + name)).write_bytes(data)
    (images / "._plain.nii.gz").write_bytes(b"\0\x05\x16\x07")
    (images / "gone.nii.gz").symlink_to("nowhere.nii.gz")
    return images


def test_odd_names_are_cases_with_safe_names_and_one_that_fails_stops_no_other(folder, tmp_path, capsys):
    bundle = make_bundle(tmp_path / "bundle")
    out = tmp_path / "out"
    command = ["segment", str(folder), "-b", str(bundle), "--trust", "--quiet", "--backend", "torch", "-o", str(out)]
    assert main(command) == 1
    assert "gone: " in capsys.readouterr().err
    masks = sorted(path.name.removesuffix("_seg.nii.gz") for path in out.glob("*_seg.nii.gz"))
    assert [name for name in masks if not name.startswith("nnn")] == ["=1+1", "caf%E9", "line_break", "plain"]
    assert len(masks) == 5
    for path in out.iterdir():
        path.name.encode("utf-8")
        assert len(os.fsencode(path.name)) <= 255
