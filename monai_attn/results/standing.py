"""What stands where the results of a case are to go: nothing, the finished case, half of it, or something else.

A cohort can be run again after a crash, a full disk or one new case. Cases that are done are skipped, and nothing that
a person has corrected by hand is overwritten. This module decides that from names, hashes and provenance.
Nothing is written here. Masks are read only where a record is missing.
"""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

import numpy as np

from monai_attn.errors import AttnError
from monai_attn.io import read, stem
from monai_attn.io.names import suffix_of
from monai_attn.measure import from_csv
from monai_attn.results.record import FILES, INPUT, attested, is_broken, is_cut_off, read_manifest

__all__ = ["Standing", "State", "standing_of"]

OPTIONAL = frozenset({"config_sha256", "scripts_sha256"})
"""Keys of the provenance that records of earlier versions lack."""


class State(Enum):
    """What is to be done with a case.

    `TO_DO`: compute the case. `DONE`: all files stand and fit, nothing is computed. `STALE`: a finished case of ours,
    made in another way; `--redo stale` makes it again. `REFUSED`: files of somebody lie there, or files that a person
    has changed; only `--overwrite` replaces them.

    >>> [state.value for state in State]
    ['to do', 'done already', 'stale', 'left as it is']
    """

    TO_DO = "to do"
    DONE = "done already"
    STALE = "stale"
    REFUSED = "left as it is"


@dataclass(frozen=True)
class Standing:
    """The state of a case in a folder of results.

    `why` says in a sentence why a case is stale or refused. `replace` are files of this case that may be replaced. With
    `check_voxels`, the digests of the images that were segmented decide: the files of the images have changed since.
    `warnings` are those of the finished result.

    `why` and `warnings` are empty where there is nothing to say. `check_voxels` is None when the files of the images
    are the same as before, and maps the name of each image to its `voxels_digest` otherwise.
    """

    state: State
    why: str = ""
    replace: frozenset[Path] = frozenset()
    check_voxels: Mapping[str, str] | None = None
    warnings: tuple[str, ...] = ()


def standing_of(
    record: Path,
    wanted: Sequence[Path],
    made: Mapping[str, Any],
    files: str,
    *,
    asked: Mapping[str, str] | None = None,
    maps: Sequence[str] = (),
) -> Standing:
    """The state of the case whose record is `record` and whose results are to be `wanted`.

    `made` is the part of the provenance that decides whether a mask is the one asked for: bundle, weights, overrides,
    region. `files` is the `files_digest` of the images. `maps` are beginnings of names: one file of each is wanted too.
    `asked` are the back-end and precision that a user chose: a case fits that ran so, or for which the same was asked.

    A case is done when the record and all wanted files are there, the hashes hold, and both were made in this way.
    A case of which files are missing or broken is done again. A case that was made otherwise is stale. A case whose
    files a person has changed is refused, and so are files that no record of ours names. What an older record does not
    say of `OPTIONAL` keys is not compared.

    A record of an earlier version names no files: the case is done when the provenance fits and all wanted files stand.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     record = Path(folder) / "case_1_seg.json"
    ...     standing_of(record, [record], {}, "digest").state
    <State.TO_DO: 'to do'>
    """
    manifest, there = read_manifest(record), [path for path in wanted if os.path.lexists(path)]
    if manifest is None:
        return _without_record(record, there)
    hold = attested(record)
    changed = [path for path, holds in hold.items() if not holds and path.exists() and not is_broken(path)]
    foreign = [path for path in there if FILES in manifest and path != record and path not in hold]
    differs = [key for key, value in made.items() if _differs(key, value, manifest["provenance"])]
    differs += [key for key, value in (asked or {}).items() if not _ran(manifest["provenance"], key, value)]
    if changed:
        return _refused(f"{changed[0].name} was changed after it was written, or is cut off")
    if foreign:
        return _refused(f"{foreign[0].name} exists and does not belong to the case")
    replace = frozenset({record, *there, *(path for path in hold if os.path.lexists(path))})
    if differs:
        why = f"The case was segmented otherwise ({', '.join(_words(key) for key in differs)})."
        return Standing(State.STALE, why, replace)
    lacks = [path for path in wanted if path not in there or not hold.get(path, True)]
    lacks += [record.with_name(name) for name in maps if not any(path.name.startswith(name) for path in hold)]
    given = manifest.get(INPUT, {})
    same = not isinstance(given, dict) or given.get("files") in (None, files)
    voxels = None if same else {str(key): str(value) for key, value in dict(given.get("voxels", {})).items()}
    warnings = tuple(map(str, manifest["provenance"].get("warnings") or ()))
    return Standing(State.TO_DO if lacks else State.DONE, "", replace, voxels, warnings)


def _without_record(record: Path, there: Sequence[Path]) -> Standing:
    """Files without a whole record: half of a case of ours, or somebody's files.

    A mask is ours where a part of its record is there, and our table describes it. Without any record a person may have
    drawn the mask, and measured it with our commands.
    """
    cut = [path for path in there if path == record and is_cut_off(path)]
    there = [path for path in there if path not in cut]
    if not there:
        return Standing(State.TO_DO, replace=frozenset(cut))
    table = record.with_suffix(".csv")
    masks = [path for path in there if stem(path) == record.stem and suffix_of(path)]
    voxels = _voxels_of_our_table(table) if table in there else None
    whole = there == [table] or (masks and all(_voxels_of_mask(mask) == voxels for mask in masks))
    if voxels is not None and record not in there and whole and (cut or not masks):
        return Standing(State.TO_DO, replace=frozenset([*there, *cut]))
    return _refused(f"{there[0].name} exists already, without the record of a finished case")


def _refused(what: str) -> Standing:
    """The standing of a case that is left alone, with the reason and the option that replaces the files."""
    return Standing(State.REFUSED, f"{what}. It is left as it is; --overwrite segments the case again.")


def _voxels_of_our_table(path: Path) -> dict[int, int] | None:
    """How many voxels each label has by a table of ours; None for another file."""
    try:
        rows = [row for row in from_csv(path.read_text(encoding="utf-8")) if row["kind"] == "structure"]
        ours = all(row["schema"].startswith("monai_attn.") for row in rows)
        counts = {int(row["value"]): int(row["voxels"]) for row in rows}
        return {value: count for value, count in counts.items() if count} if ours and rows else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError, csv.Error):
        return None


def _voxels_of_mask(path: Path) -> dict[int, int]:
    """How many voxels each label of a mask has; nothing for a file that is no mask."""
    try:
        values, counts = np.unique(read(path).array, return_counts=True)
    except (AttnError, MemoryError):
        return {}
    return {int(value): int(count) for value, count in zip(values, counts, strict=True) if value}


def _differs(key: str, value: Any, provenance: Mapping[str, Any]) -> bool:
    """Whether a key of the provenance says another way than is asked for."""
    if key in OPTIONAL and key not in provenance:
        return False
    return bool(_plain(provenance.get(key)) != _plain(value))


def _ran(provenance: Mapping[str, Any], key: str, value: str) -> bool:
    """Whether a case ran with this back-end or precision, or was asked to; True where its record does not say."""
    asked = provenance.get("asked")
    used = str(provenance.get(key, value)).split(", ")
    return used == [value] or (isinstance(asked, Mapping) and asked.get(key) == value)


def _plain(value: Any) -> Any:
    """A value as the record holds it after JSON: tuples are lists, paths are text."""
    return json.loads(json.dumps(value, default=str))


def _words(key: str) -> str:
    """A key of the provenance in words: "weights_sha256" is "weights"."""
    if key == "scripts_sha256":
        return "scripts, names of labels or finder"
    return key.replace("_", " ").removesuffix(" sha256").removesuffix(" mm")
