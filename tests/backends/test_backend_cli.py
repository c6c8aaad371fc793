"""`monai-attn segment --backend --precision --threads --calibrate`."""

from __future__ import annotations

import json
from importlib.util import find_spec

import numpy as np
import pytest
from tiny_bundle import make_bundle

from monai_attn import Volume, read, write
from monai_attn.cli.main import main
from monai_attn.cohort.executors import cores
from monai_attn.folders import CACHE_VARIABLE


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    return make_bundle(tmp_path_factory.mktemp("bundles") / "somebodys")


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    noise = np.random.default_rng(1).normal(size=(20, 22, 18)).cumsum(axis=0).cumsum(axis=1)
    path = tmp_path_factory.mktemp("images") / "case.nii.gz"
    write(Volume(noise.astype(np.float32), np.diag([1.5, 1.5, 1.5, 1.0])), path)
    return path


def segment(bundle, image, out, *options) -> dict[str, object]:
    code = main(["segment", str(image), "-b", str(bundle), "-o", str(out), "--trust", "--quiet", *map(str, options)])
    assert code == 0
    return json.loads((out / "case_seg.json").read_text())["provenance"]


def test_the_provenance_tells_what_ran_and_the_masks_are_alike(bundle, image, tmp_path):
    torch = segment(bundle, image, tmp_path / "torch", "--backend", "torch", "--threads", 1)
    assert (torch["backend"], torch["precision"], torch["threads"]) == ("torch", "f32", 1)
    openvino = segment(bundle, image, tmp_path / "openvino", "--backend", "openvino", "--threads", 2)
    assert (openvino["backend"], openvino["precision"]) == ("openvino", "f32")
    assert openvino["threads"] == min(2, cores())  # of the processors that this process may use
    assert openvino["fallbacks"] == []
    one, other = (read(tmp_path / name / "case_seg.nii.gz").array for name in ("torch", "openvino"))
    assert np.mean(one == other) > 0.999


def test_a_reduced_precision_is_used_or_what_replaced_it_is_told(bundle, image, tmp_path):
    made_by = segment(bundle, image, tmp_path, "--backend", "torch", "--precision", "bf16")
    assert (made_by["precision"] == "bf16") == (made_by["fallbacks"] == [])


@pytest.mark.skipif(find_spec("nncf") is None, reason="the extra int8 is not installed")
def test_int8_wants_images_once(bundle, image, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    options = ["segment", str(image), "-b", str(bundle), "-o", str(tmp_path), "--trust", "--precision", "int8"]
    assert main(options) == 2
    assert "Name them once (--calibrate)" in capsys.readouterr().err
    made_by = segment(bundle, image, tmp_path, "--precision", "int8", "--calibrate", image)
    assert (made_by["precision"] == "int8") == (made_by["fallbacks"] == [])
    segment(bundle, image, tmp_path, "--precision", "int8", "--overwrite")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--threads", "0"], "argument --threads: '0' is no whole number from 1 on."),
        (["--backend", "abacus"], "Unknown backend 'abacus'. Choose one of auto, torch, openvino, torch-compile."),
        (["--backend", "openvino", "--precision", "f16"], "The openvino backend has no precision 'f16'."),
    ],
)
def test_what_does_not_exist_is_refused_with_exit_code_2(bundle, image, tmp_path, capsys, options, message):
    try:
        code = main(["segment", str(image), "-b", str(bundle), "-o", str(tmp_path), "--trust", *options])
    except SystemExit as end:  # the parser's way
        code = end.code
    assert code == 2
    assert message in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
