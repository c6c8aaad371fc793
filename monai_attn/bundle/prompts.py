"""What a bundle asks of a case besides images: which structures it is to look for (`label_prompt`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from monai_attn.bundle.config import mapping_at
from monai_attn.bundle.values import plain_value
from monai_attn.errors import InputError
from monai_attn.labels import LabelTable

__all__ = ["PROMPT", "asked_labels", "own_evaluator", "prompts_of"]

PROMPT = "label_prompt"
"""MONAI's key for the values of the structures that a case asks for."""

EVALUATORS = ("SupervisedEvaluator", "")
"""MONAI's evaluator, whose steps monai_attn takes itself."""


def prompts_of(config: Any) -> dict[str, Any]:
    """What the config's own case asks for, by key; empty where a case holds images alone.

    >>> prompts_of({"dataset": {"data": "$[@case]"}, "case": "${'image': 'ct.nii.gz', 'label_prompt': [3]}"})
    {'label_prompt': [3]}
    """
    cases = plain_value(mapping_at(config, "dataset").get("data"), config)
    case = cases[0] if isinstance(cases, list) and cases and isinstance(cases[0], dict) else {}
    values = case.get(PROMPT)
    return {PROMPT: values} if isinstance(values, list) and values else {}


def own_evaluator(config: Any) -> str:
    """The class of the bundle's own evaluator, which takes other steps than MONAI's; "" where there is none.

    >>> own_evaluator({"evaluator": {"_target_": "scripts.evaluator.Vista3dEvaluator"}})
    'scripts.evaluator.Vista3dEvaluator'
    """
    target = str(mapping_at(config, "evaluator").get("_target_", ""))
    return "" if target.rpartition(".")[2] in EVALUATORS else target


def asked_labels(names: Sequence[str], table: LabelTable, prompts: Mapping[str, Any], bundle: str) -> dict[str, Any]:
    """The prompts of a bundle with other structures in them, by name or by value.

    Raises `InputError` for a bundle that asks for no structures, and for a name that the bundle does not know.
    """
    if PROMPT not in prompts:
        raise InputError(
            f"The bundle {bundle} always gives all its labels; it cannot be asked for {', '.join(names)}. "
            "A file with names for the labels is given as --labels FILE."
        )
    values = {label.name.lower(): label.value for label in table} | {str(one.value): one.value for one in table}
    unknown = [name for name in names if name.strip().lower() not in values]
    if unknown:
        some = ", ".join(label.name for label in list(table)[:12])
        raise InputError(
            f"The bundle {bundle} knows no {', '.join(unknown)}. It knows {some} and more: monai-attn info BUNDLE."
        )
    return {**prompts, PROMPT: [values[name.strip().lower()] for name in names]}
