"""How far two readers of a cohort agree: Cohen's kappa of their decisions, and Dice between their masks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean
from typing import Any

from monai_attn.cohort.corrections import corrected_mask
from monai_attn.cohort.verdicts import Agreement, Verdict, agreement_of, read_verdicts
from monai_attn.errors import InputError
from monai_attn.measure import compare
from monai_attn.segmentation import Segmentation, result_files

__all__ = ["ReaderAgreement", "agreement_of_readers"]


@dataclass(frozen=True)
class ReaderAgreement:
    """Two readers, by name: their decisions, and their masks.

    `decisions` counts accept, fix and reject as three. `accepted` counts accept against the rest. `rows` has a row for
    each case that both decided on, and for each structure where their masks can be compared: `dice` and the volumes in
    ml. A mask that a reader accepted is the mask of the network; a mask that a reader is to fix is the corrected one.
    """

    readers: tuple[str, str]
    decisions: Agreement
    accepted: Agreement
    rows: tuple[dict[str, Any], ...]

    @property
    def dice(self) -> dict[str, tuple[float, int]]:
        """The mean Dice of each structure, and of how many cases; a structure that is empty in both masks is left out.

        Only cases count that one of the readers corrected at least: two readers who accept have one mask.
        """
        found: dict[str, list[float]] = {}
        for row in self.rows:
            if row["structure"] and row["dice"] == row["dice"]:
                found.setdefault(row["structure"], []).append(row["dice"])
        return {name: (fmean(values), len(values)) for name, values in found.items()}


def agreement_of_readers(folder: Path, one: str, other: str) -> ReaderAgreement:
    """How far two readers of a folder of results agree; "" is the reader without a name.

    Raises `InputError` when they have no case in common or are one reader, and `FileError` for a damaged file of
    verdicts.
    """
    if one == other:
        raise InputError(f"{_called(one)} is one reader. Name two, as in anna,ben.")
    first, second = read_verdicts(folder, one), read_verdicts(folder, other)
    decisions = agreement_of(first, second)
    if not decisions.cases:
        said = " and ".join(f"{_called(name)} ({len(found)} cases)" for name, found in ((one, first), (other, second)))
        raise InputError(f"No case of {folder.resolve().name} was decided on by both: {said}. Read the same cases.")
    accepted = agreement_of(_accepted(first), _accepted(second))
    common = sorted(case for case in first if case in second)
    rows = [row for case in common for row in _rows(folder, case, {one: first[case], other: second[case]})]
    return ReaderAgreement((_called(one), _called(other)), decisions, accepted, tuple(rows))


def _called(reader: str) -> str:
    return reader or "the reader without a name"


def _accepted(verdicts: Mapping[str, Verdict]) -> dict[str, Verdict]:
    """The same verdicts with two decisions: accept, and reject for all that was not accepted."""
    return {
        case: one if one.decision == "accept" else replace(one, decision="reject") for case, one in verdicts.items()
    }


def _rows(folder: Path, case: str, verdicts: Mapping[str, Verdict]) -> Iterator[dict[str, Any]]:
    """The row of a case, or of each structure where the masks of both readers are there and not the same file."""
    decisions = [verdict.decision for verdict in verdicts.values()]
    about = {"case": case, "decision_1": decisions[0], "decision_2": decisions[1]}
    masks = [_mask(folder, case, reader, verdict) for reader, verdict in verdicts.items()]
    nothing = {"structure": "", "dice": float("nan"), "volume_1_ml": "", "volume_2_ml": ""}
    if None in masks or masks[0] == masks[1]:
        yield {**about, **nothing}
        return
    one, other = (Segmentation.load(mask) for mask in masks if mask is not None)
    for found in compare(one.labels, other.labels, one.table):
        yield {
            **about,
            "structure": found.name,
            "dice": found.dice,
            "volume_1_ml": found.prediction_ml,
            "volume_2_ml": found.reference_ml,
        }


def _mask(folder: Path, case: str, reader: str, verdict: Verdict) -> Path | None:
    """The mask that a reader stands for; None for a rejected case, and for one that is not corrected yet."""
    if verdict.decision == "accept":
        return result_files(folder, case)[0]
    return corrected_mask(folder, case, reader) if verdict.decision == "fix" else None
