"""What the library says in Python, in the words of the command line.

`main` and the modules that print rows send every message through `command_words`. So the library can speak of
`volume=0` to people who write Python, and the command of `--volume 0`.
"""

from __future__ import annotations

import re

__all__ = ["command_words"]

OVERLAP = (
    "Choose structures that do not overlap with --label, or write a file for each with --each.",
    "Take them apart with monai-attn convert MASK OUT.nii.gz --source IMAGE --each.",
)
SEVERAL = (
    r"Choose it with --volume \1 to --volume \2.",
    r"Make a mask of it with monai-attn convert MASK OUT.nii.gz --volume \1 (to \2).",
)
"""For `convert`, which reads such a mask, and for all other commands, which do not."""

PHRASES = (
    (r"Take them one by one with mask\(\d+\) and mask\(\d+\), or choose .* label_map\(values=\[\.\.\.\]\)\.", OVERLAP),
    (r"Choose it with Segmentation\.load\(path, volume=(\d+)\) to volume=(\d+)\.", SEVERAL),
    (r"label_map\(threshold=([\d.]+)\)", r"--threshold \1"),
    (r"Read it with like=image, the image", "Name with --source the image"),
    (r"Read it with like=image\.", "Name its image with --source."),
    (r"suv_factor=\.\.\. \(--suv-factor\)", "--suv-factor"),
    (r"suv_factor=(\S+) \(--suv-factor\)", r"--suv-factor \1"),
    (r"trust=True \(or --trust\)", "--trust"),
    (r"--force \(force=True\)", "--force"),
    (r"or set overwrite\.", "or give --overwrite."),
    (r"Leave resume out", "Leave --resume out"),
    (r"\(--resume true\)", "(--resume)"),  # of `monai.bundle run`, as the next one
    (r"\(--amp false\)", "(--set amp=false)"),
    (r"\b(series|volume|threshold)=([-+\w.]+|'[^']*'|\"[^\"]*\")", r"--\1 \2"),
    (r"\bsuv_factor=([-+\w.]+)", r"--suv-factor \1"),
)
"""A phrase of a message, and what a command says for it: one text, or one for `convert` and one for the others."""


def command_words(message: str, command: str) -> str:
    """A message of the library as `command` says it: options for arguments of Python.

    >>> command_words("t1.nii holds 3 volumes. Choose one with volume=0 to volume=2.", "segment")
    't1.nii holds 3 volumes. Choose one with --volume 0 to --volume 2.'

    `command` is the name of the subcommand. A message without such a phrase comes back as it is.
    """
    for pattern, said in PHRASES:
        text = said if isinstance(said, str) else said[command != "convert"]
        message = re.sub(pattern, text, message)
    return message
