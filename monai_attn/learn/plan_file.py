"""A plan as the file `plan.json`: each decision with its value and the reason."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from monai_attn.errors import InputError
from monai_attn.io import write_bytes_atomic
from monai_attn.io.jsonfile import read_json
from monai_attn.learn.normalisation import Normalisation
from monai_attn.learn.plan import Plan

__all__ = ["read_plan", "write_plan"]


def write_plan(plan: Plan, path: str | Path) -> None:
    """Write `plan.json`; an earlier file is replaced."""
    text = json.dumps(plan.to_json(), indent=2, ensure_ascii=False)
    write_bytes_atomic(path, f"{text}\n".encode(), overwrite=True)


def read_plan(path: str | Path) -> Plan:
    """The plan that `write_plan` wrote. Raises `InputError` for a file that holds no plan."""
    rows = read_json(Path(path))
    try:
        values = {name: _tuples(row["value"]) for name, row in rows.items()}
        values["norm"] = rows["norm"]["value"]
        values["normalisation"] = tuple(
            Normalisation(one["image"], one["unit"], tuple(one["transforms"])) for one in rows["normalisation"]["value"]
        )
        return Plan(**values, why={name: row["why"] for name, row in rows.items() if row["why"]})
    except (KeyError, TypeError) as error:
        raise InputError(f"{Path(path).name} holds no plan of this version of monai_attn: {error}.") from error


def _tuples(value: Any) -> Any:
    return tuple(_tuples(one) for one in value) if isinstance(value, list) else value
