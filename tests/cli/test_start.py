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
    "torch._decomp",
    "torch.distributed.optim",
    "monai.apps.pathology",
    "monai.engines",
    "numba",
    "numpy.f2py.f2py2e",
    "scipy.optimize",
    "scipy.spatial",
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


def run(code: str) -> list[str]:
    """What a process of its own prints, in words; the last word is its exit code."""
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=False)
    return [*done.stdout.split(), str(done.returncode)]


def test_every_shipped_bundle_finds_what_its_config_names_in_the_parts_of_monai():
    code = (
        "from monai_attn.bundle.light import load_monai_lightly\n"
        "load_monai_lightly()\n"
        "from monai_attn.bundle.locate import shipped\n"
        "from monai_attn.bundle.parts import open_bundle\n"
        "for root in shipped().values(): print(open_bundle(root) is not None)\n"
    )
    assert set(run(code)) == {"True", "0"}


def test_what_torch_registers_for_its_compiler_is_there_when_the_compiler_is():
    code = (
        "import sys\n"
        "from monai_attn.bundle.light import leave_for_later\n"
        "leave_for_later()\n"
        "import torch\n"
        "before = 'torch._decomp' in sys.modules\n"
        "import torch._dynamo\n"
        "print(before, 'torch._decomp' in sys.modules, torch.empty(2, 3, device='meta').matmul(torch.empty(3, 1, "
        "device='meta')).shape[1], torch.export.export.__name__, torch.distributions.Normal(0, 1).mean.item())\n"
    )
    assert run(code) == ["False", "True", "1", "export", "0.0", "0"]


@pytest.mark.parametrize("code", [0, 2, 130])
def test_a_command_leaves_with_its_code_after_all_that_is_to_be_done_at_an_end(code, tmp_path):
    told = tmp_path / "told"
    script = (
        "import atexit, pathlib, sys, threading, time\n"
        "import monai_attn.cli.main as command\n"
        f"def late(): time.sleep(0.1); pathlib.Path({str(told)!r}).write_text('thread')\n"
        "def main():\n"
        "    atexit.register(print, 'said')\n"
        "    threading.Thread(target=late).start()\n"
        "    print('written', end=' ')\n"
        f"    return {code}\n"
        "command.main = main\n"
        "command.command()\n"
    )
    assert run(script) == ["written", "said", str(code)]
    assert told.read_text() == "thread"


def test_an_error_of_python_itself_still_ends_in_a_traceback():
    script = "import monai_attn.cli.main as command\ncommand.main = lambda: 1 / 0\ncommand.command()\n"
    assert run(script) == ["1"]
