"""One picture per lesion, as the user sees it, with what it is beside it.

The button "Key images" of the Structures panel calls `take_key_images`. The pictures show the canvas as it is on the
screen, with a strip that names the structures and the lesion.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from monai_attn.errors import InputError
from monai_attn.io.atomic import check_free, write_bytes_atomic
from monai_attn.measure import Lesion
from monai_attn.napari.layers.styles import layer_table
from monai_attn.napari.layers.volumes import oblique_degrees
from monai_attn.napari.layers.windows import centre_width
from monai_attn.napari.look.legend import CanvasPicture, png_bytes, with_legend
from monai_attn.napari.look.seen import legend_of, values_seen
from monai_attn.napari.structures.diameters import DiameterLines, show_lesion
from monai_attn.napari.structures.inspection import Inspection
from monai_attn.report.page import number

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image

__all__ = [
    "key_image_names",
    "lesion_sentence",
    "sentences_of",
    "take_key_images",
]

Shoot = Callable[[], CanvasPicture]
"""Gives the canvas as it is now."""

TILTED_DEG = 0.5
"""From what angle on a picture says that its slices are tilted."""


def key_image_names(inspection: Inspection) -> dict[tuple[int, int], str]:
    """For each lesion, (label, number), the name of its file: structure and number, nothing of the patient.

    Characters other than letters, digits and hyphens become "_". Structures whose names then agree get their label
    behind it: "tumour_2_lesion_1.png". Empty without lesions.
    """
    table, names = layer_table(inspection.layer), {}
    for value, finding in inspection.findings.items():
        slug = re.sub(r"[^\w-]+", "_", table[value].name).strip("_") or "label"
        twins = [label for label in table if re.sub(r"[^\w-]+", "_", label.name).strip("_").lower() == slug.lower()]
        slug += f"_{value}" if len(twins) > 1 else ""
        names.update({(value, one.number): f"{slug}_lesion_{one.number}.png" for one in finding.lesions})
    return names


def lesion_sentence(name: str, lesion: Lesion) -> str:
    """What is known of a lesion, in one line: volume in ml, axial diameters in mm, mean of the image.

    The diameters are the longest in an axial slice (RECIST 1.1) and the longest at right angles to it. Without an image
    the mean is left out.
    """
    sizes = f"{number(lesion.axial_diameter_mm, 1)} x {number(lesion.perpendicular_diameter_mm, 1)} mm axial"
    text = f"{name}, lesion {lesion.number}: {number(lesion.volume_ml, 2)} ml, {sizes}"
    if lesion.intensity is None:
        return text
    return f"{text}, mean {number(lesion.intensity.mean, 1)} {lesion.intensity.unit}".rstrip()


def window_sentence(image: Image, unit: str) -> str:
    """The window an image is drawn in, centre and width: "window 40/400 HU"."""
    centre, width = centre_width(*image.contrast_limits)
    return f"window {centre:.4g}/{width:.4g} {unit}".rstrip()


def sentences_of(inspection: Inspection) -> list[str]:
    """What a picture says of the image: its window, and the tilt of oblique slices.

    The tilt is named from 0.5 degrees on. Empty for a grid that is not tilted, without an image.
    """
    said = [window_sentence(inspection.image, inspection.unit)] if inspection.image is not None else []
    angle_deg = oblique_degrees(inspection.grid)
    return [*said, f"oblique: tilted by {angle_deg:.1f}° against the patient"] if angle_deg >= TILTED_DEG else said


def take_key_images(
    viewer: ViewerModel, inspection: Inspection, folder: str | Path, shoot: Shoot, *, overwrite: bool = False
) -> Iterator[Path]:
    """Show each lesion with its axial diameters, write its picture, and go back; each path as it is done.

    `shoot` gives the canvas as a picture. The pictures are made while the result is iterated over. A place and a camera
    that were shown before come back, also after an error.

    Raises `InputError` when there is no lesion and `FileError` when a file of such a name is there, both before
    anything is written.
    """
    names = key_image_names(inspection)
    if not names:
        raise InputError("There is no lesion to take a picture of. Tick Lesions for a structure that has some.")
    for name in names.values():
        check_free(Path(folder) / name, overwrite=overwrite)
    return _taken(viewer, inspection, Path(folder), shoot, names, overwrite=overwrite)


def _taken(
    viewer: ViewerModel,
    inspection: Inspection,
    folder: Path,
    shoot: Shoot,
    names: dict[tuple[int, int], str],
    *,
    overwrite: bool,
) -> Iterator[Path]:
    """The pictures one after another; nothing is checked here."""
    camera = viewer.scene.camera
    place, centre, zoom = viewer.dims.point, camera.center, camera.zoom
    layer, table = inspection.layer, layer_table(inspection.layer)
    lines = DiameterLines(viewer, inspection.grid)
    try:
        for (value, which), name in names.items():
            lesion = inspection.findings[value].lesions[which - 1]
            show_lesion(viewer, lesion, inspection.grid)
            lines.show(lesion)
            said = [lesion_sentence(table[value].name, lesion), *sentences_of(inspection)]
            picture = with_legend(shoot(), legend_of(layer, values_seen(layer, viewer.dims)), said)
            write_bytes_atomic(folder / name, png_bytes(picture), overwrite=overwrite)
            yield folder / name
    finally:
        lines.close()
        viewer.dims.point, camera.center, camera.zoom = place, centre, zoom
