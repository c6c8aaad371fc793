"""One sentence on an image, a mask or a bundle, and how much it matters.

All checks of this room give findings, so that one place decides what refuses a run and one what is shown.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from monai_attn.errors import InputError

__all__ = ["Finding", "refuse", "texts"]


@dataclass(frozen=True)
class Finding:
    """One sentence for the user; `severity` is "error" (the run is refused), "warning" or "note".

    `text` is a whole sentence with the value and the way out; it holds no identity of a patient.
    """

    severity: str
    text: str


def texts(findings: Iterable[Finding], *severities: str) -> list[str]:
    """The sentences of the findings of these severities, each sentence once, in their order.

    >>> unit, tilt = Finding("warning", "Check the unit."), Finding("note", "The grid is tilted.")
    >>> texts([unit, tilt, unit], "warning")
    ['Check the unit.']
    """
    return list(dict.fromkeys(one.text for one in findings if one.severity in severities))


def refuse(findings: Iterable[Finding], *, force: bool) -> None:
    """Raise `InputError` with every finding that is an error, unless `force` is set.

    Warnings and notes never refuse a run; neither does an empty list.
    """
    errors = texts(findings, "error")
    if errors and not force:
        raise InputError(f"{' '.join(errors)} To run all the same, with a warning on the result: --force (force=True).")
