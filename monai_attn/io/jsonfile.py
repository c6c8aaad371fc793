"""JSON files that people and other programs write: label tables, records, lists of cases.

Such a file may have been edited by hand, so each fault has a message of its own. The content is not judged here;
whoever asks for a file checks its entries.
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

from monai_attn.errors import FileError
from monai_attn.io.foreign import foreign_errors
from monai_attn.io.plain import read_plain

__all__ = ["read_json", "read_json_file"]


def read_json(path: str | Path) -> dict[str, Any]:
    """The object in a JSON file. Raises `FileError`, also for a list or a bare value; see `read_json_file`.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "dataset.json"
    ...     size = path.write_text('{"labels": {"1": "liver"}}')
    ...     read_json(path)
    {'labels': {'1': 'liver'}}
    """
    content = read_json_file(path)
    if not isinstance(content, dict):
        raise FileError(f"{_place(path)} must hold a JSON object, not a {type(content).__name__}.")
    return content


def read_json_file(path: str | Path) -> Any:
    """Whatever a JSON file holds. Raises `FileError` when it is missing, unreadable or no JSON.

    A byte order mark, as Windows editors write it, is passed over, in UTF-8 and UTF-16. Text in another encoding is
    refused. So are NaN and Infinity, which Python reads and JSON does not have, and half characters (lone
    surrogates), which cannot be written again. A key that stands twice is refused too: one value would be lost.
    """
    path = Path(path)
    if not path.is_file():
        raise FileError(f"{_place(path)} {'is no plain file' if path.exists() else 'does not exist'}. Check the path.")
    with foreign_errors(path, "It cannot be read as JSON. Open it in an editor and write it again."):
        data = read_plain(path)
        try:
            text = data.decode(_encoding(data))
            content = json.loads(text, parse_constant=_refuse, object_pairs_hook=_once)
            json.dumps(content, ensure_ascii=False).encode("utf-8")
        except UnicodeError as error:
            raise FileError(f"{_place(path)}: its text is not UTF-8. Save it as UTF-8 and try again.") from error
        except ValueError as error:
            raise FileError(f"{_place(path)} is not JSON: {_short(error)}. Correct it in an editor.") from error
    return content


def _place(path: str | Path) -> str:
    """The file and its folder: many files are called dataset.json."""
    path = Path(path)
    return f"{path.absolute().parent.name}/{path.name}"


def _encoding(data: bytes) -> str:
    """UTF-16 where the file begins with the byte order mark of UTF-16, else UTF-8 with or without a mark."""
    return "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The keys and values of an object. Raises `ValueError` for a key that stands twice."""
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = next(key for key, count in Counter(key for key, _ in pairs).items() if count > 1)
        raise ValueError(f"the key {twice[:60]!r} stands twice")
    return found


def _refuse(word: str) -> Any:
    """Called by Python's parser for NaN and Infinity, which JSON does not have."""
    raise ValueError(f"{word} is no number in JSON")


def _short(error: ValueError) -> str:
    """What the parser says; its text can quote a number of thousands of digits."""
    text = str(error)
    return text if len(text) < 200 else "it holds a number of too many digits"
