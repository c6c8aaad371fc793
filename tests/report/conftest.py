"""The DICOM writer and the phantoms of tests/io are of use here too."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

pytest.importorskip("matplotlib", reason="the extra report is not installed")

sys.path.insert(0, str(Path(__file__).parents[1] / "io"))
