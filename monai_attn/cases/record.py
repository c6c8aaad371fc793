"""Which cases the weights of a network have seen: a record that lies beside the weights and names them."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from monai_attn.cases.naming import safe_name, same_name
from monai_attn.errors import FileError
from monai_attn.io import stem, write_bytes_atomic
from monai_attn.io.digest import sha256
from monai_attn.io.jsonfile import read_json

__all__ = ["SplitRecord", "begin_record", "join_records", "save_record", "split_record_of", "training_record"]

logger = logging.getLogger(__name__)

FILE = "split.json"

ENDING = "*split.json"
"""Records beside weights: `split.json`, or `fold0_split.json` for several weights in one folder."""

WEIGHTS = "weights_sha256"

DESCRIPTION = (
    "Which cases the weights with these SHA-256 have seen. train: they learned from these. validation: these chose "
    "them. before: the weights that the training began with had seen these. Keep this file beside the weights."
)

Seen = Literal["yes", "no", "unknown"]


@dataclass(frozen=True)
class SplitRecord:
    """Which cases some weights have seen, by case name, and the SHA-256 of the weights.

    - `train`: cases that the weights learned from; `validation`: cases that stopped the training or chose the weights.
    - `before`: cases that the weights had seen with which the training began.
    - `complete`: false when the training began with weights whose cases are not known.
    """

    train: tuple[str, ...] = ()
    validation: tuple[str, ...] = ()
    before: tuple[str, ...] = ()
    complete: bool = True
    weights_sha256: tuple[str, ...] = ()

    def has_seen(self, case: str) -> Seen:
        """Whether the weights have seen a case of this name; "unknown" where the record is not complete.

        Capital and small letters are the same here, as file systems may exchange them.
        """
        return "yes" if same_name(case) in self._known else "no" if self.complete else "unknown"

    @cached_property
    def _known(self) -> frozenset[str]:
        return frozenset(same_name(name) for name in (*self.train, *self.validation, *self.before))

    def joined(self, other: SplitRecord) -> SplitRecord:
        """What two weights have seen together, such as the networks of a mean."""
        return SplitRecord(
            _union(self.train, other.train),
            _union(self.validation, other.validation),
            _union(self.before, other.before),
            self.complete and other.complete,
            _union(self.weights_sha256, other.weights_sha256),
        )


def training_record(
    train: Iterable[Mapping[str, Any]],
    validation: Iterable[Mapping[str, Any]] = (),
    *,
    initial_weights: str | Path | None = None,
) -> SplitRecord:
    """The record of a training on these cases: rows with a `case`, or MONAI data sets of such rows.

    A row without `case` is called by the file of its first image. `validation` are the cases that stop the training
    or choose the weights; leave them out where they do neither. `initial_weights` is the file of weights that the
    training begins with: what these have seen counts too. Where their record is missing, a warning is logged and the
    new record is not complete.
    """
    record = SplitRecord(tuple(_names(train)), tuple(_names(validation)))
    if initial_weights is None:
        return record
    before = split_record_of(initial_weights)
    if before is None:
        logger.warning(
            "Which cases %s has seen is not known: no split.json belongs to it. Scores of the new weights cannot count "
            "cases as unseen.",
            Path(initial_weights).name,
        )
        return replace(record, complete=False)
    return replace(record, before=_union(before.train, before.validation, before.before), complete=before.complete)


def split_record_of(weights: str | Path) -> SplitRecord | None:
    """The record that belongs to a file of weights, None where there is none.

    Looked for beside the weights, and in `configs` when the weights lie in the `models` of a bundle. A record belongs
    to the weights when it holds their SHA-256, so that a record of other weights is never taken. Raises `FileError`
    when the weights do not exist, or for a `split.json` that is no JSON.
    """
    path = Path(weights)
    if not path.is_file():
        raise FileError(f"The weights {path.name} do not exist. Check the path.")
    folders = [path.parent, *([path.parent.parent / "configs"] if path.absolute().parent.name == "models" else [])]
    digest = ""
    for file in (file for folder in folders for file in sorted(folder.glob(ENDING))):
        content = read_json(file)
        digest = digest or sha256(path)
        if digest in (content.get(WEIGHTS) or ()):
            return _of_json(content)
    return None


def begin_record(record: SplitRecord, folder: str | Path, *, resume: bool = False) -> None:
    """Write the record of a training that begins into its folder, before there are weights.

    With `resume` the cases of an earlier record in the folder are kept.
    """
    file = Path(folder) / FILE
    _write(record.joined(_of_json(read_json(file))) if resume and file.is_file() else record, file)


def save_record(record: SplitRecord, weights: str | Path, digest: str) -> None:
    """Write the record beside `weights`, a file that is about to have the SHA-256 `digest`.

    Cases of a record that is there already stay in it. The record also names the weights that are there now, so it
    fits whichever weights a crash leaves.
    """
    path = Path(weights)
    file = path.with_name(FILE if path.name == "model.pt" else f"{path.stem}_{FILE}")
    there = (sha256(path),) if path.is_file() else ()
    earlier = _of_json(read_json(file)) if file.is_file() else SplitRecord()
    kept = tuple(one for one in there if one in earlier.weights_sha256)
    _write(replace(record.joined(earlier), weights_sha256=_union((digest,), kept)), file)


def join_records(weights: Iterable[str | Path]) -> SplitRecord:
    """What several weights have seen together; not complete where the record of one is missing."""
    joined = SplitRecord()
    for path in weights:
        joined = joined.joined(split_record_of(path) or SplitRecord(complete=False))
    return joined


def _names(rows: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    for row in getattr(rows, "data", rows):  # of a MONAI data set: before its transforms
        place = next((value for value in row.values() if isinstance(value, str | Path)), "")
        yield str(row["case"]) if "case" in row else safe_name(stem(place))


def _union(*names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for some in names for name in some))


def _of_json(content: Mapping[str, Any]) -> SplitRecord:
    train, validation, before, weights = (
        tuple(map(str, content.get(key) or ())) for key in ("train", "validation", "before", WEIGHTS)
    )
    return SplitRecord(train, validation, before, content.get("complete", True) is True, weights)


def _write(record: SplitRecord, file: Path) -> None:
    content = {
        "description": DESCRIPTION,
        "train": record.train,
        "validation": record.validation,
        "before": record.before,
        "complete": record.complete,
        WEIGHTS: record.weights_sha256,
    }
    write_bytes_atomic(file, (json.dumps(content, indent=1, ensure_ascii=False) + "\n").encode(), overwrite=True)
