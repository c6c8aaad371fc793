"""What a reader decides on each mask of a cohort: accept, fix or reject, in a file beside the results. Knows no window.

Each reader has a file, so that a second reader does not see what the first decided. A verdict belongs to the mask that
was seen: when the mask changes afterwards, the case is to be read again.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from monai_attn.cases import checked_name
from monai_attn.cohort.review import Review
from monai_attn.errors import FileError, InputError
from monai_attn.io import write_bytes_atomic
from monai_attn.io.digest import sha256
from monai_attn.io.jsonfile import read_json_file

__all__ = [
    "VERDICTS",
    "Agreement",
    "Verdict",
    "agreement_of",
    "read_verdicts",
    "reading_list",
    "record_verdict",
    "restore_verdict",
]

VERDICTS = ("accept", "fix", "reject")
"""What a reader can decide: the mask is good; it was or will be corrected; it is of no use."""


@dataclass(frozen=True)
class Verdict:
    """The decision on one case, when it was made (ISO 8601, UTC), and the SHA-256 of the mask that was seen.

    Raises `InputError` for another decision than those of `VERDICTS`.
    """

    case: str
    decision: str
    when: str = ""
    mask_sha256: str = ""

    def __post_init__(self) -> None:
        if self.decision not in VERDICTS:
            raise InputError(f"{self.decision!r} is no decision. Choose one of {', '.join(VERDICTS)}.")


def read_verdicts(folder: Path, reader: str = "") -> dict[str, Verdict]:
    """What a reader decided so far, by case; nothing where the reader has no file.

    A verdict on a mask that has changed since is left out. Raises `FileError` for a file that is damaged.
    """
    found = _written(folder, reader)
    return {case: one for case, one in found.items() if one.mask_sha256 == _digest(folder, case)}


def record_verdict(folder: Path, case: str, decision: str, reader: str = "") -> Verdict:
    """Decide on a case; a former verdict of the reader on the case is replaced. Gives the verdict.

    Raises `FileError` for a case without a mask, and `InputError` for another decision.
    """
    digest = _digest(folder, case)
    if not digest:
        raise FileError(f"{case} has no mask in {folder.name}, so there is nothing to decide.")
    verdict = Verdict(case, decision, datetime.now(UTC).isoformat(timespec="seconds"), digest)
    _write(folder, reader, _written(folder, reader) | {case: verdict})
    return verdict


def restore_verdict(folder: Path, case: str, verdict: Verdict | None, reader: str = "") -> None:
    """Take back what a reader decided last on a case: `verdict` is written in its place, None leaves nothing.

    Raises `FileError` where the file of the reader cannot be written.
    """
    kept = {name: one for name, one in _written(folder, reader).items() if name != case}
    _write(folder, reader, kept | {case: verdict} if verdict is not None else kept)


def reading_list(review: Review, verdicts: Iterable[str]) -> list[str]:
    """The cases that a reader has yet to decide on, those with most doubt first; cases without a mask are left out."""
    decided = set(verdicts)
    return [case.case for case in review.cases if not case.error and case.case not in decided]


@dataclass(frozen=True)
class Agreement:
    """How far two readers agree on the cases that both decided on; `kappa` is nan where chance alone explains all.

    `differ` are the cases on which they do not agree.
    """

    cases: int
    observed: float
    kappa: float
    differ: tuple[str, ...]


def agreement_of(one: Mapping[str, Verdict], other: Mapping[str, Verdict]) -> Agreement:
    """Cohen's kappa of two readers over `VERDICTS` (Cohen 1960). No common case: nan.

    >>> yes, no = Verdict("a", "accept"), Verdict("b", "reject")
    >>> agreement_of({"a": yes, "b": no}, {"a": yes, "b": no}).kappa
    1.0
    """
    both = [case for case in one if case in other]
    if not both:
        return Agreement(0, float("nan"), float("nan"), ())
    pairs = [(one[case].decision, other[case].decision) for case in both]
    observed = sum(first == second for first, second in pairs) / len(pairs)
    expected = sum(_share(pairs, 0, decision) * _share(pairs, 1, decision) for decision in VERDICTS)
    kappa = (observed - expected) / (1 - expected) if expected < 1 else float("nan")
    differ = tuple(case for case, (first, second) in zip(both, pairs, strict=True) if first != second)
    return Agreement(len(both), observed, kappa, differ)


def _written(folder: Path, reader: str) -> dict[str, Verdict]:
    """What stands in the file of a reader, also on masks that have changed since. Raises `FileError`."""
    path = _file(folder, reader)
    if not path.is_file():
        return {}
    content = read_json_file(path)
    try:
        found = [Verdict(**one) for one in content["verdicts"]]
    except (TypeError, KeyError, InputError) as error:
        raise FileError(f"{path.name} is damaged. Restore it from a copy, or remove it to begin again.") from error
    return {one.case: one for one in found}


def _write(folder: Path, reader: str, verdicts: Mapping[str, Verdict]) -> None:
    content = {"reader": reader, "verdicts": [asdict(one) for one in verdicts.values()]}
    write_bytes_atomic(_file(folder, reader), (json.dumps(content, indent=2) + "\n").encode(), overwrite=True)


def _share(pairs: Sequence[tuple[str, str]], reader: int, decision: str) -> float:
    return sum(pair[reader] == decision for pair in pairs) / len(pairs)


def _file(folder: Path, reader: str) -> Path:
    """The file of a reader: `review.json`, or `review_NAME.json` for a reader with a name."""
    return folder / (f"review_{checked_name(reader)}.json" if reader else "review.json")


def _digest(folder: Path, case: str) -> str:
    """The SHA-256 of the mask of a case; "" where there is no mask."""
    mask = folder / f"{case}_seg.nii.gz"
    return sha256(mask) if mask.is_file() else ""
