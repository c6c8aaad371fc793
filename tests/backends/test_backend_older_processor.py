"""The shipped bundle on a processor without AVX-512, bf16 and AMX, for which oneDNN's own limit stands in."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from monai_attn import Box, read, write
from monai_attn.errors import InputError
from monai_attn.io.samples import brain_file

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(find_spec("openvino") is None, reason="OpenVINO is not made for this processor"),
    pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="the limit is of x86 processors"),
]

RIGHT = Box.around((27, -21, -14), (36, 52, 36))
"""Around the right hippocampus of the MNI152 brain, mm RAS+."""


def segment(image: Path, output: Path, backend: str, precision: str, **environment: str) -> tuple[np.ndarray, dict]:
    """The labels and the record of the command in a process of its own, with a cache of its own."""
    command = [sys.executable, "-m", "monai_attn.cli.main", "segment", image, "-b", "hippocampus_mri", "-o", output]
    command += ["--quiet", "--device", "cpu", "--backend", backend, "--precision", precision]
    cache = {"MONAI_ATTN_CACHE": str(output / "cache")}
    subprocess.run(list(map(str, command)), check=True, capture_output=True, env={**os.environ, **cache, **environment})
    record = json.loads((output / "right_seg.json").read_text())
    return read(output / "right_seg.nii.gz").array, record


@pytest.fixture(scope="module")
def image(tmp_path_factory) -> Path:
    try:
        brain = read(brain_file())
    except InputError as error:
        pytest.skip(str(error))
    path = tmp_path_factory.mktemp("older") / "right.nii.gz"
    write(brain.crop(brain.slices_of(RIGHT)), path)
    return path


@pytest.fixture(scope="module")
def expected(image) -> np.ndarray:
    """Of PyTorch in f32, without a limit."""
    return segment(image, image.parent / "expected", "torch", "f32")[0]


@pytest.mark.parametrize("backend", ["openvino", "torch"])
@pytest.mark.parametrize(("precision", "least_dice"), [("f32", 0.9995), ("bf16", 0.99)])
def test_the_hippocampus_bundle_is_right_without_avx512_and_amx(
    backend, precision, least_dice, image, expected, tmp_path
):
    labels, record = segment(image, tmp_path, backend, precision, ONEDNN_MAX_CPU_ISA="AVX2")
    assert set(np.unique(expected)) == {0, 1, 2}
    for value in (1, 2):
        one, other = labels == value, expected == value
        assert 2 * np.sum(one & other) / (one.sum() + other.sum()) >= least_dice
    refused = backend == "openvino" and precision == "bf16"  # it takes the processor for one that has bf16, and fails
    assert bool(record["provenance"]["fallbacks"]) == refused
    assert record["provenance"]["precision"] == ("f32" if refused else precision)
