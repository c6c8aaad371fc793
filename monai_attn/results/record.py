"""The record of a case: labels, provenance, what the case was made from, and a hash of every other file of it.

The record is `CASE_seg.json` beside the mask. Its keys `labels` and `provenance` come from the Segmentation; `files`
and `input` are written here and by `monai_attn.cohort.output`. A damaged record is treated as no record: the case is
then judged by its other files, see `monai_attn.results.standing`.
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from monai_attn.cases.provenance import FILES, named_files, read_manifest
from monai_attn.errors import FileError
from monai_attn.io.digest import sha256
from monai_attn.io.jsonfile import read_json_file
from monai_attn.io.plain import read_plain

__all__ = [
    "FILES",
    "INPUT",
    "attested",
    "is_broken",
    "is_cut_off",
    "named_files",
    "read_labels_record",
    "read_manifest",
    "with_files",
]

INPUT = "input"
"""The key of the record under which the fingerprints of the images stand."""

GZIP = b"\x1f\x8b"
"""The first bytes of every compressed file. A computer that lost its power may leave zeros in their place."""

BEGINNING = b'{\n  "notice": "'
"""The first bytes of every record, see `Segmentation.about`."""


def with_files(about: Mapping[str, Any], paths: Iterable[Path]) -> bytes:
    """The text of a record: what is `about` the case, and the hashes of its files.

    JSON in UTF-8 with an indent of two spaces. `about` must not bring a key "files" of its own: that key is
    replaced. Values that JSON does not know, such as paths, are written as text. Raises `OSError` when a file cannot
    be read.

    >>> json.loads(with_files({"labels": []}, []))
    {'labels': [], 'files': {}}
    """
    content = {**about, FILES: {path.name: sha256(path) for path in paths}}
    return (json.dumps(content, indent=2, default=str) + "\n").encode()


def read_labels_record(path: Path) -> dict[str, Any]:
    """What a record beside a mask says; nothing when there is no such file, or one without a list of labels: not ours.

    Raises `FileError` for a file that is there and cannot be read: the names of the labels would be lost unsaid.
    """
    if not path.is_file():
        return {}
    try:
        content = read_json_file(path)
    except FileError as error:
        raise FileError(
            f"{path.name}, which names the labels of the mask beside it, cannot be read: {error}"
        ) from error
    ours = isinstance(content, dict) and isinstance(content.get("labels"), list)
    return content if ours else {}


def attested(record: Path) -> dict[Path, bool]:
    """The files that a record names, and whether each is there as it was written; none without a record of ours.

    A record of an earlier version names no files; nothing is attested then.

    True stands for a file whose SHA-256 is the noted one; False for a missing, changed or unreadable file. Names
    that contain a folder are left out, so that a record cannot point outside its own folder; see `named_files`.
    """
    return {
        record.with_name(name): _holds(record.with_name(name), digest) for name, digest in named_files(record).items()
    }


def is_broken(path: Path) -> bool:
    """Whether a file is empty, or a compressed file that is cut off or damaged: nothing that a person has saved.

    A file that is not compressed is broken only when it is empty, whatever its ending. A compressed one is read to its
    end, four megabytes at a time. A missing file counts as broken; one that may not be read does not.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "case_1_seg.nii.gz"
    ...     _ = path.write_bytes(gzip.compress(b"voxels")[:-4])
    ...     is_broken(path)
    True
    """
    try:
        if path.stat().st_size == 0:
            return True
        if not path.name.endswith(".gz"):
            return False
        with path.open("rb") as stream:
            head = stream.read(len(GZIP))
        if not GZIP.startswith(head) and any(head):
            return False  # somebody's mask that is not compressed, in spite of its ending
        with gzip.open(path) as stream:
            while stream.read(1 << 22):
                pass
    except (FileNotFoundError, gzip.BadGzipFile, EOFError, zlib.error):
        return True
    except OSError:
        return False
    return False


def is_cut_off(record: Path) -> bool:
    """Whether a record is empty, or begins as a record of ours and ends too early to be JSON."""
    try:
        text = read_plain(record)
    except OSError:
        return False
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return not text or text.startswith(BEGINNING)
    return False


def _holds(path: Path, digest: Any) -> bool:
    """Whether a file is there with this SHA-256; False also for a file that cannot be read."""
    try:
        return path.is_file() and sha256(path) == digest
    except OSError:
        return False
