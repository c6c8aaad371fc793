from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

SCHEMA = Path(__file__).parents[2] / "docs" / "measure-1.schema.json"


@pytest.fixture(scope="session")
def measure_schema() -> Any:
    """The JSON Schema of what `measure --json` and `compare --json` write."""
    return json.loads(SCHEMA.read_text(encoding="utf-8"))
