"""A real sender of DICOM for the tests (pynetdicom), and studies of small images with a name to be kept secret."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from pydicom import Dataset, dcmread
from pynetdicom import AE

from monai_attn import Volume
from monai_attn.io.dicom.writing import write_series

SECRETS = ("Really^Somebody", "Really", "48151623", "19420108")
"""Name, number and day of birth in the headers; they must stand in no line and no file name."""

MR = "1.2.840.10008.5.1.4.1.1.4"


def study(folder: Path, name: str, volume: Volume | None = None) -> list[Dataset]:
    """The images of a study, 100 by default, each with the same patient."""
    volume = volume or Volume(np.zeros((4, 5, 100), np.int16))
    images = [dcmread(path) for path in write_series(volume, folder / name, modality="MR", description=name)]
    for image in images:
        image.PatientName, image.PatientID, image.PatientBirthDate = SECRETS[0], SECRETS[2], SECRETS[3]
        image.file_meta.ImplementationVersionName = "TEST"
    return images


def interleaved(*studies: list[Dataset]) -> list[Dataset]:
    """Images of several studies in turn."""
    longest = max(map(len, studies))
    return [one[number] for number in range(longest) for one in studies if number < len(one)]


def send_at_once(port: int, whole: list[Dataset], broken: list[Dataset]) -> list[int]:
    """Send two studies in turn, each over its own connection; the first says goodbye, the other breaks off."""
    sender = AE(ae_title="SCANNER")
    sender.add_requested_context(MR)
    links = [sender.associate("127.0.0.1", port, ae_title="MONAI_ATTN") for _ in range(2)]
    pairs = zip(whole, broken, strict=True)
    answers = [link.send_c_store(image).Status for pair in pairs for link, image in zip(links, pair, strict=True)]
    links[0].release()
    links[1].abort()
    return answers


def send(images: Iterable[Dataset], port: int, *, title: str = "SCANNER", called: str = "MONAI_ATTN"):
    """Send images over one connection; the answers, or None where the connection was refused."""
    sender = AE(ae_title=title)
    sender.add_requested_context(MR)
    link = sender.associate("127.0.0.1", port, ae_title=called)
    if not link.is_established:
        return None
    answers = [getattr(link.send_c_store(image), "Status", None) for image in images if link.is_established]
    if link.is_established:
        link.release()
    return answers
