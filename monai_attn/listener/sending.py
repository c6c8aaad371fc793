"""Sends a DICOM SEG to the archive (C-STORE), and says whether the archive has taken it."""

from __future__ import annotations

from pathlib import Path

from monai_attn.errors import FileError
from monai_attn.io.foreign import foreign_errors
from monai_attn.listener.receiver import check_pynetdicom, silence
from monai_attn.listener.settings import Peer

__all__ = ["send_seg"]

SEGMENTATION = "1.2.840.10008.5.1.4.1.1.66.4"

EXPLICIT = "1.2.840.10008.1.2.1"
"""How `write_dicom_seg` writes: Explicit VR Little Endian."""

WAIT_S = 30


def send_seg(path: Path, peer: Peer, own_title: str) -> None:
    """Send one DICOM SEG. Raises `FileError` where the archive cannot be reached or refuses the file.

    `own_title` is the AE title by which this computer calls itself. No word of the header stands in a message.
    """
    check_pynetdicom()
    silence()
    from pydicom import dcmread
    from pynetdicom import AE

    made = AE(ae_title=own_title)
    made.connection_timeout = made.acse_timeout = made.dimse_timeout = made.network_timeout = WAIT_S
    made.add_requested_context(SEGMENTATION, EXPLICIT)
    with foreign_errors(path):
        content = dcmread(path)
    link = made.associate(peer.host, peer.port, ae_title=peer.title)
    if not link.is_established:
        raise FileError(f"{peer.title} at {peer.host}:{peer.port} does not answer, or does not take a DICOM SEG.")
    try:
        with foreign_errors(path, "It could not be sent."):
            status = link.send_c_store(content)
    finally:
        link.release()
    code = getattr(status, "Status", None)
    if code is None or code not in {0x0000, 0xB000, 0xB006, 0xB007}:
        answer = "no answer" if code is None else f"code {code:04X}"
        raise FileError(f"{peer.title} did not take {path.name}: {answer}.")
