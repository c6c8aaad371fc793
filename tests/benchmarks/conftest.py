"""The benchmarks are scripts that import each other: their folder is looked into last, so that it hides no test."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))
