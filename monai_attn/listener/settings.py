"""Who may send how much, and where results go: plain values that are checked where they are made."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from typing import Self

from monai_attn.errors import InputError

__all__ = ["Limits", "Peer", "checked_title"]

TITLE = re.compile(r"[!-\[\]-~](?:[ -\[\]-~]{0,14}[!-\[\]-~])?")
"""An AE title: 1 to 16 letters of ASCII without a backslash, no space at either end (DICOM PS3.5, VR AE)."""


def checked_title(text: str) -> str:
    """An AE title, checked. Raises `InputError` for a text that DICOM does not allow.

    >>> checked_title("ARCHIVE")
    'ARCHIVE'
    """
    if not TITLE.fullmatch(text):
        raise InputError(f"{text!r} is no AE title: 1 to 16 letters without a backslash, no space at either end.")
    return text


@dataclass(frozen=True)
class Limits:
    """What is taken from senders; more is refused or slowed down, so that the disk and memory of this computer last.

    Sizes are in MB of a million bytes. `per_second` slows all senders together down to so many images.

    Raises `InputError` for a limit that is not above 0.

    >>> Limits().instance_mb
    100
    """

    instance_mb: float = 100
    study_mb: float = 10_000
    inbox_mb: float = 50_000
    study_instances: int = 20_000
    per_second: float = 500
    associations: int = 4

    def __post_init__(self) -> None:
        for one in fields(self):
            if not getattr(self, one.name) > 0:
                raise InputError(f"{one.name} must be above 0, not {getattr(self, one.name)}.")


@dataclass(frozen=True)
class Peer:
    """Where results are sent: an AE title, a host and a port.

    >>> Peer.of("ARCHIVE@127.0.0.1:4242").port
    4242
    """

    title: str
    host: str
    port: int

    @classmethod
    def of(cls, text: str) -> Self:
        """The place that `TITLE@HOST:PORT` names. Raises `InputError` for another form."""
        title, _, place = text.rpartition("@")
        host, _, port = place.rpartition(":")
        if not host or not port.isdecimal() or not 0 < int(port) < 65536:
            raise InputError(f"{text!r} is no place to send to. Write TITLE@HOST:PORT, as in ARCHIVE@127.0.0.1:4242.")
        return cls(checked_title(title), host, int(port))
