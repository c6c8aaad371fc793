"""What `monai-attn segment` of a shipped bundle does not load, so that the first mask is soon there."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
from tiny_bundle import make_bundle

from monai_attn import Volume, write
from monai_attn.bundle.light import NOT_NEEDED, load_monai_lightly

RUN = """
import sys
from monai_attn.cli.main import main
code = main()
print(code, *sorted(name for name in {names!r} if name in sys.modules))
"""

NEVER = (
    *NOT_NEEDED,
    "sympy",
    "torch._dynamo",
    "torch._inductor",
    "torch.distributed.optim",
    "nncf",
    "SimpleITK",
    "napari",
)
"""Each costs a tenth of a second or more, and a segmentation has no use for it."""


@pytest.fixture
def image(tmp_path):
    noise = np.random.default_rng(5).normal(100, 20, (36, 50, 36)).astype(np.float32)
    write(Volume(noise), tmp_path / "case.nii.gz")
    return tmp_path / "case.nii.gz"


def segment(image, bundle, *more: str) -> list[str]:
    """The exit code, and which of `NEVER` the command has loaded."""
    arguments = ["segment", str(image), "-b", str(bundle), "-o", str(image.parent / "out"), "--quiet", *more]
    done = subprocess.run(
        [sys.executable, "-c", RUN.format(names=NEVER), *arguments], capture_output=True, text=True, env={**os.environ}
    )
    return done.stdout.splitlines()[-1].split()


def test_a_shipped_bundle_runs_without_what_it_does_not_need(image):
    assert segment(image, "hippocampus_mri", "--backend", "torch") == ["0"]  # a conversion needs more, once


@pytest.mark.slow
def test_a_config_that_the_user_has_changed_has_the_whole_of_monai(image):
    code, *loaded = segment(image, "hippocampus_mri", "--dry-run", "--set", "inferer::inferer::overlap=0.25")
    assert code == "0"
    assert "ignite" in loaded


def test_a_bundle_of_somebody_else_has_the_whole_of_monai(image, tmp_path):
    code, *loaded = segment(image, make_bundle(tmp_path / "theirs"), "--trust", "--dry-run")
    assert code == "0"
    assert "ignite" in loaded


def test_what_was_left_out_can_be_imported_afterwards_and_monai_says_what_it_misses():
    code = (
        "from monai_attn.bundle.light import load_monai_lightly as load\n"
        "assert load() and not load()\n"
        "import ignite.engine, pandas, monai.transforms\n"
        "from monai.utils import OptionalImportError\n"
        "try: monai.utils.enums.EventEnum.x\n"
        "except (OptionalImportError, AttributeError): print('said')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_process_that_has_monai_keeps_it():
    import monai  # noqa: F401

    assert not load_monai_lightly()
