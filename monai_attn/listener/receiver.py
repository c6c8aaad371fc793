"""The part that speaks DICOM: takes images from allowed senders (C-STORE), and answers an echo.

No header is shown or logged. Of an image only the UIDs of its study and of itself are read.
"""

from __future__ import annotations

import logging
import threading
import time
import warnings
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from io import BytesIO
from typing import TYPE_CHECKING, Any, Self

from monai_attn.errors import FileError, InputError
from monai_attn.listener.inbox import MB, FullError, Inbox

if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["Receiver", "check_pynetdicom"]

SUCCESS, OUT_OF_RESOURCES, NOT_UNDERSTOOD = 0x0000, 0xA700, 0xC000
"""What a sender is answered (DICOM PS3.4, C-STORE)."""

IMAGES = (
    "1.2.840.10008.5.1.4.1.1.2",  # CT
    "1.2.840.10008.5.1.4.1.1.2.1",  # Enhanced CT
    "1.2.840.10008.5.1.4.1.1.2.2",  # Legacy Converted Enhanced CT
    "1.2.840.10008.5.1.4.1.1.4",  # MR
    "1.2.840.10008.5.1.4.1.1.4.1",  # Enhanced MR
    "1.2.840.10008.5.1.4.1.1.4.4",  # Legacy Converted Enhanced MR
    "1.2.840.10008.5.1.4.1.1.128",  # PET
    "1.2.840.10008.5.1.4.1.1.130",  # Enhanced PET
    "1.2.840.10008.5.1.4.1.1.128.1",  # Legacy Converted Enhanced PET
)
"""The storage classes that are taken. Reports, secondary captures and others are refused."""

SYNTAXES = (
    "1.2.840.10008.1.2",
    "1.2.840.10008.1.2.1",
    "1.2.840.10008.1.2.4.50",  # JPEG
    "1.2.840.10008.1.2.4.51",
    "1.2.840.10008.1.2.4.57",  # JPEG, lossless
    "1.2.840.10008.1.2.4.70",
    "1.2.840.10008.1.2.4.80",  # JPEG-LS
    "1.2.840.10008.1.2.4.81",
    "1.2.840.10008.1.2.4.90",  # JPEG 2000
    "1.2.840.10008.1.2.4.91",
    "1.2.840.10008.1.2.5",  # RLE
)
"""How the pixels may be written: what `monai_attn.io` reads."""


def check_pynetdicom() -> None:
    """Raise `InputError` where the package pynetdicom is missing, and say how to get it."""
    if find_spec("pynetdicom") is None:
        raise InputError('DICOM connections need pynetdicom. Install it with: pip install "monai_attn[listen]"')


class Receiver:
    """A server that fills an `Inbox`; a context, which ends all connections at its end.

    - `title`: the own AE title, which senders must call. `allowed`: the AE titles that may send.
    - `port` 0 takes a free one; `Receiver.port` says which.
    - `say` gets a sentence about what happens, without any word of a header.

    Raises `InputError` without pynetdicom, without an allowed title, or where the port is taken.
    """

    def __init__(
        self, inbox: Inbox, title: str, allowed: Sequence[str], address: tuple[str, int], say: Callable[[str], None]
    ) -> None:
        check_pynetdicom()
        if not allowed:
            raise InputError("Nobody may send. Name the AE title of each sender.")
        self.inbox = inbox
        self._say = say
        self._unfinished: dict[int, int] = {}
        self._pace = _Pace(inbox.limits.per_second)
        silence()
        from pynetdicom import AE, evt

        made = AE(ae_title=title)
        made.require_called_aet = True
        made.require_calling_aet = list(allowed)
        made.maximum_associations = inbox.limits.associations
        made.network_timeout = made.acse_timeout = made.dimse_timeout = 60
        for kind in IMAGES:
            made.add_supported_context(kind, list(SYNTAXES))
        made.add_supported_context("1.2.840.10008.1.1")  # echo
        handlers = [
            (evt.EVT_C_STORE, self._store),
            (evt.EVT_PDU_RECV, self._measure),
            (evt.EVT_REJECTED, self._rejected),
            (evt.EVT_RELEASED, self._released),
            (evt.EVT_ABORTED, self._broken),
            (evt.EVT_CONN_CLOSE, self._broken),
        ]
        try:
            self._server: Any = made.start_server(address, block=False, evt_handlers=handlers)
        except (OSError, OverflowError) as error:
            why = error.strerror if isinstance(error, OSError) else "a port is a number from 0 to 65535"
            raise InputError(f"Port {address[1]} of {address[0]} cannot be used: {why}.") from error
        self.port: int = self._server.server_address[1]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()

    def _store(self, event: Any) -> int:
        """Take one image; what cannot be taken is answered with DICOM's code for it."""
        sender = id(event.assoc)
        self._unfinished.pop(sender, None)
        self._pace.wait()
        data = event.encoded_dataset()
        uids = _uids(data)
        if uids is None:
            return NOT_UNDERSTOOD
        try:
            self.inbox.take(*uids, data, sender=sender)
        except FullError as error:
            self._say(f"refused: {error}")
            return OUT_OF_RESOURCES
        except (FileError, OSError):
            self._say("refused: an image could not be written to the disk")
            return OUT_OF_RESOURCES
        return SUCCESS

    def _measure(self, event: Any) -> None:
        """End a connection whose message outgrows the limit before it is whole, since it is kept in memory."""
        if event.pdu.pdu_type != 0x04:  # P-DATA-TF
            return
        sender = id(event.assoc)
        self._unfinished[sender] = self._unfinished.get(sender, 0) + event.pdu.pdu_length
        if self._unfinished[sender] > self.inbox.limits.instance_mb * MB * 1.05:
            self._say("a connection was ended: an image is larger than the limit")
            self._unfinished[sender] = 0
            threading.Thread(target=event.assoc.abort, daemon=True).start()

    def _rejected(self, _: Any) -> None:
        self._say("a connection was refused: AE titles that are not allowed, or too many connections")

    def _released(self, event: Any) -> None:
        self._unfinished.pop(id(event.assoc), None)
        for name in self.inbox.goodbye(id(event.assoc)):
            self._say(f"{name}: some images were refused or not sent; it waits to be sent again")

    def _broken(self, event: Any) -> None:
        """The end of a connection; after a proper goodbye there is nothing left to say."""
        self._unfinished.pop(id(event.assoc), None)
        for name in self.inbox.goodbye(id(event.assoc), properly=False):
            self._say(f"{name}: the connection broke; it waits to be sent again")


class _Pace:
    """At most so many images in a second, over all senders: who sends faster waits."""

    def __init__(self, per_second: float) -> None:
        self._step = 1 / per_second
        self._next = 0.0
        self._lock = threading.Lock()

    def wait(self) -> None:
        with self._lock:
            now = time.monotonic()
            self._next = max(self._next, now - 1) + self._step  # a pause allows a second's worth at once
            ahead = self._next - now
        if ahead > 0:
            time.sleep(ahead)


def silence() -> None:
    """Keep the words of pynetdicom and pydicom out of all logs: they may quote headers."""
    for name in ("pynetdicom", "pydicom"):
        logging.getLogger(name).addHandler(logging.NullHandler())
        logging.getLogger(name).propagate = False
    warnings.filterwarnings("ignore", module="py(net)?dicom")


def _uids(data: bytes) -> tuple[str, str] | None:
    """The UIDs of study and image in the bytes of a DICOM file; None where it lacks one or cannot be read."""
    from pydicom import dcmread

    from monai_attn.io.foreign import foreign_errors

    try:
        with foreign_errors("image", "It cannot be read."):
            header = dcmread(
                BytesIO(data), stop_before_pixels=True, specific_tags=["StudyInstanceUID", "SOPInstanceUID"]
            )
            uids = str(header.get("StudyInstanceUID", "")), str(header.get("SOPInstanceUID", ""))
    except FileError:
        return None
    return uids if all(uids) else None
