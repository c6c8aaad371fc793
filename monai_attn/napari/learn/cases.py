"""The masks that are open, each with its image, as labelled cases on the disk for a training."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from monai_attn.errors import FileError, InputError
from monai_attn.io import write, write_bytes_atomic
from monai_attn.labels import LabelTable
from monai_attn.napari.layers.images import by_preference
from monai_attn.napari.layers.made_from import made_from
from monai_attn.napari.layers.styles import extended, layer_table
from monai_attn.napari.layers.volumes import origin_of, values_in, volume_of
from monai_attn.napari.qt.choices import is_mask, on_its_grid
from monai_attn.volume import Volume

if TYPE_CHECKING:
    from napari.layers import Labels, Layer

__all__ = ["OpenCase", "open_cases", "open_masks", "structures_of", "write_cases"]


@dataclass(frozen=True, eq=False)
class OpenCase:
    """A mask that is open, and the image it lies on: volumes `(I, J, K)` of one grid, and the names of the labels."""

    image: Volume
    labels: Volume
    table: LabelTable


def open_masks(layers: Iterable[Layer], only: Layer | None = None) -> list[Labels]:
    """The visible masks with an image on their grid; [] for none. With `only` that mask alone, seen or not.

    A mask that holds only background is left out.
    """
    known = list(layers)
    wanted = [mask for mask in known if (mask is only if only is not None else mask.visible)]
    return [mask for mask in wanted if _image_of(mask, known) is not None]


def structures_of(masks: Iterable[Labels]) -> list[str]:
    """The names of the structures that masks hold, each once."""
    tables = [extended(layer_table(mask), values_in(mask.data)) for mask in masks]
    return list(dict.fromkeys(label.name for table in tables for label in table))


def open_cases(masks: Iterable[Labels], layers: Iterable[Layer]) -> list[OpenCase]:
    """The masks as they are now, each with its image among `layers`.

    Of several images on one grid that counts from which the mask was made, else the topmost visible one. The masks are
    copied, so that painting may go on.

    Raises `InputError` for a mask that was closed or emptied, or whose image was closed.
    """
    known = list(layers)
    cases = []
    for mask in masks:
        image = _image_of(mask, known)
        if image is None:
            raise InputError(f"{mask.name} is empty, or the mask or its image was closed. Choose the masks again.")
        labels = volume_of(mask, known)
        copied = labels.with_array(labels.array.copy(order="K"))
        cases.append(OpenCase(volume_of(image, known), copied, extended(layer_table(mask), values_in(mask.data))))
    return cases


def write_cases(cases: Sequence[OpenCase], folder: Path) -> Path:
    """Write cases as a data set with a `dataset.json` into a new folder, which is given back.

    The cases are numbered: no name of a patient, a file or a layer is kept. Labels are joined by their numbers. What
    stands in the tables of other masks alone was not drawn in a mask, and is unknown there.

    Raises `InputError` for no case, for a number that has two names, and for images of two modalities. Raises
    `FileError` for a folder that exists.
    """
    if not cases:
        raise InputError("No mask with an image on its grid is open. Open or draw one first.")
    if folder.exists():
        raise FileError(f"{folder.name} exists already. Choose another name for the bundle (model).")
    names: dict[int, str] = {}
    for case in cases:
        for label in case.table:
            if names.setdefault(label.value, label.name) != label.name:
                raise InputError(
                    f"Label {label.value} is {names[label.value]!r} in one mask and {label.name!r} in another. "
                    "Give it one name in the tab Structures, or hide the mask that does not belong to the others."
                )
    modality = {"0": _words_on(cases) or "unknown"}
    rows = []
    for number, case in enumerate(cases, 1):
        row = {"image": f"images/case_{number}.nii.gz", "label": f"labels/case_{number}.nii.gz"}
        for name, volume in ((row["image"], case.image), (row["label"], case.labels)):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            write(replace(volume, notes=()), folder / name)
        drawn = {"drawn": [label.value for label in case.table]} if len(case.table) < len(names) else {}
        rows.append({**row, **drawn})
    labels = {"0": "background", **{str(value): name for value, name in sorted(names.items())}}
    content = {"name": "masks of a viewer", "modality": modality, "labels": labels, "training": rows}
    write_bytes_atomic(folder / "dataset.json", (json.dumps(content, indent=2) + "\n").encode())
    return folder


def _words_on(cases: Sequence[OpenCase]) -> str:
    """The modality of the images, with SUV where a PET has it; "" where none is known."""
    known = sorted({case.image.modality for case in cases if case.image.modality})
    if len(known) > 1:
        raise InputError(
            f"The masks lie on images of {' and '.join(known)}, and a network learns from one. Hide the masks of the "
            "others, or list several images for each case in a table."
        )
    suv = bool(known) and all(case.image.unit == "g/ml" for case in cases)
    return f"{known[0]}, SUV" if suv else "".join(known)


def _image_of(mask: Layer, known: Sequence[Layer]) -> Layer | None:
    """The image that an open mask was made from, else the topmost visible one on its grid.

    None without such an image, and for what is no mask or is empty.
    """
    if mask not in known or not is_mask(mask) or mask.ndim != 3 or not values_in(mask.data):
        return None
    images = by_preference(layer for layer in known if layer._type_string == "image" and _is_source(layer))
    fits = [layer for layer in images if on_its_grid(mask, layer, known)]
    return made_from(mask, fits) or next(iter(fits), None)


def _is_source(layer: Layer) -> bool:
    """Whether a layer is an image as it was read, and no map."""
    origin = origin_of(layer)
    return origin is not None and origin.role == "image" and not origin.display_only
