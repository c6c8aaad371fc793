"""Words of other people that MONAI would run or replace, if they stood in a config.

MONAI evaluates a text that begins with "$", replaces one that begins with "@" by what it refers to, and loads a file
for one that begins with "%". It does so wherever the text stands: also in the name of a structure. A data set and the
bundle to begin with must run nothing, so such words are refused.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from monai_attn.cases.labelled import LabelledSet
from monai_attn.errors import InputError

__all__ = ["SIGNS", "check_words", "expressions_in"]

SIGNS = ("$", "@", "%")
"""How such a text begins."""


def check_words(root: Path, labelled: LabelledSet) -> None:
    """Raise `InputError` for a word of a data set, or a name of the new bundle, that a config would run or replace."""
    images = [(one.name, one.description, one.series) for one in labelled.images]
    said = {
        "The name of the data set": [labelled.name],
        "The licence of the data set": [labelled.licence],
        "The reference of the data set": [labelled.reference],
        "A structure": [asdict(label) for label in labelled.labels],
        "An image": images,
        "The folder of the bundle": [root.name],
    }
    for what, words in said.items():
        for word in expressions_in(words):
            raise InputError(
                f"{what} is called {word[:80]!r}. A text that begins with {SIGNS[0]}, {SIGNS[1]} or {SIGNS[2]} would "
                "be run or replaced where a bundle's config holds it. Give it another name."
            )


def expressions_in(node: Any) -> Iterator[str]:
    """The texts within lists and mappings that a config would run or replace, and names of what it would make.

    >>> list(expressions_in(["instance", {"affine": "$print()"}])), list(expressions_in({"_target_": "os.system"}))
    (['$print()'], ['os.system'])
    """
    if isinstance(node, str):
        yield from [node] if node.startswith(SIGNS) else []
    elif isinstance(node, Mapping):
        for key, value in node.items():
            yield from [str(value)] if key == "_target_" else expressions_in(value)
    elif isinstance(node, Sequence):
        for value in node:
            yield from expressions_in(value)
