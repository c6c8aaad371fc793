"""`python -m monai_attn` is `monai-attn`."""

from __future__ import annotations

import subprocess
import sys


def python(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, check=False)


def test_the_package_runs_as_a_module():
    run = python("-m", "monai_attn", "--help")
    assert (run.returncode, run.stderr) == (0, "")
    assert run.stdout.startswith("usage: monai-attn ")
    assert python("-m", "monai_attn", "info", "nowhere.nii.gz").returncode == 2


def test_the_help_of_the_module_loads_neither_torch_nor_monai():
    code = (
        "import runpy, sys\nsys.argv = ['monai_attn', '--help']\n"
        "try:\n    runpy.run_module('monai_attn', run_name='__main__')\n"
        "except SystemExit as end:\n    print('loaded:', end.code, *{'torch', 'monai'} & set(sys.modules))"
    )
    assert python("-c", code).stdout.splitlines()[-1] == "loaded: 0"
