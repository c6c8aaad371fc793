"""The images that the cases of a data set have: their names, modalities and units, from the words of the data set."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from monai_attn.cases.images import ImageInput
from monai_attn.errors import InputError

__all__ = ["RESERVED", "channel_names", "image_inputs", "modality_of"]

RESERVED = {"case", "label", "drawn", "scored", "pred", "left_out", "part", "patient"}
"""Names that the rows of cases use for something else than an image."""

WORDS = (
    ("CT", r"\bct\b|\bcta\b|\bcect\b|hounsfield|\bhu\b|computed tomo"),
    ("PT", r"\bpet\b|\bpt\b|\bsuv\b|\bfdg\b"),
    ("MR", r"\bmri?\b|\bt[12](?!\d)|flair|\badc\b|\bdwi\b|\bcine|\bswi\b|\bpd\b|magnetic"),
)
"""Words of a data set by which DICOM's code of the modality is known. T11 and T12 are vertebrae."""

UNITS = {"CT": "HU"}
"""The unit of the grey values by modality; that of PET only where the data set says SUV."""


def modality_of(words: str) -> str:
    """DICOM's code of a modality (MR, CT, PT) from the words of a data set, "" where they do not say one.

    Words of two modalities say none: an "MRI registered to CT" has no Hounsfield units.

    >>> modality_of("MRI, N4-corrected"), modality_of("T1w"), modality_of("PET, SUV"), modality_of("ultrasound")
    ('MR', 'MR', 'PT', '')
    """
    found = [code for code, pattern in WORDS if re.search(pattern, words.lower())]
    return found[0] if len(found) == 1 else ""


def image_inputs(described: Mapping[str, str]) -> tuple[ImageInput, ...]:
    """The images of a data set, from each image's name to the words on it, in their order.

    Raises `InputError` for a name that a config cannot hold.
    """
    return tuple(_input(name, words) for name, words in _checked(described.items()))


def channel_names(words: Sequence[str]) -> dict[str, str]:
    """A name for each channel, with the words on it: "image" where there is one, else the words themselves.

    >>> channel_names(["CT"]), channel_names(["T1w (contrast)", "FLAIR"])
    ({'image': 'CT'}, {'t1w_contrast': 'T1w (contrast)', 'flair': 'FLAIR'})
    """
    if len(words) < 2:
        return {"image": words[0] if words else ""}
    named = {_called(one): one for one in words}
    if len(named) < len(words):
        raise InputError(f"Two channels have one name: {', '.join(words)}. Give each a name of its own.")
    return named


def _called(words: str) -> str:
    """A channel's words as the name of an image."""
    name = re.sub(r"[^a-z0-9]+", "_", words.lower()).strip("_") or "image"
    return name if name[0].isalpha() and name not in RESERVED else f"image_{name}"


def _checked(described: Iterable[tuple[str, str]]) -> Iterable[tuple[str, str]]:
    for name, words in described:
        if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name) or name in RESERVED:
            raise InputError(
                f"An image cannot be called {name!r}. Use letters, digits and _, a letter first, and none of "
                f"{', '.join(sorted(RESERVED))}."
            )
        yield name, words


def _input(name: str, words: str) -> ImageInput:
    modality = modality_of(words) or modality_of(name.replace("_", " "))
    unit = "g/ml" if modality == "PT" and "suv" in words.lower() else UNITS.get(modality, "")
    return ImageInput(name, modality, words if words != name else "", unit=unit)
