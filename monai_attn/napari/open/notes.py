"""What a user should know about layers that were opened: what the reader decided, and what does not overlay.

Only sentences are made here; the reader and the Open panel show them as warnings.
"""

from __future__ import annotations

from collections.abc import Sequence

from monai_attn.cases.offers import UPRIGHT_DEG
from monai_attn.napari.layers.volumes import META, LayerTuple, Origin, compatible, oblique_degrees
from monai_attn.napari.look.looking import looks_like_ct
from monai_attn.napari.open.dicomseg import OpenImage
from monai_attn.volume import Volume, same_grid

__all__ = ["layer_notes", "overlay_warnings"]


def layer_notes(layers: Sequence[LayerTuple]) -> list[str]:
    """What the reader had to decide, a sentence or more for each layer that has any, with its name before it.

    What was said of one layer is not said again of a mask on the same grid.

    `layers` must be ours, with an `Origin`. An angle of at least `UPRIGHT_DEG` degrees is worth a sentence; a resliced
    layer says itself that it was resliced. [] where there is nothing to say.
    """
    found: list[str] = []
    said: list[tuple[Volume, list[str]]] = []
    for _, keywords, _ in layers:
        origin: Origin = keywords["metadata"][META]
        notes = list(origin.grid.notes)
        if origin.role == "image" and looks_like_ct(origin.grid):
            notes.append("Its values look like those of a CT in HU: it is drawn in the window of CT.")
        angle = oblique_degrees(origin.grid)
        if angle >= UPRIGHT_DEG and not origin.display_only:
            notes.append(f"Oblique by {angle:.1f} degrees: drawn upright, in the planes of the scan.")
        if origin.role == "labels":
            before = [one for grid, those in said if same_grid(grid, origin.grid) for one in those]
            notes = [one for one in notes if one not in before]
        said.append((origin.grid, notes))
        if notes:
            found.append(f"{keywords['name']}: {' '.join(notes)}")
    return found


def overlay_warnings(images: Sequence[OpenImage]) -> list[str]:
    """What keeps layers from lying over each other correctly in one view.

    Each image is compared with those before it, and gives at most one sentence. Frames of reference are DICOM's
    (0020,0052); where one of two images has none, only the directions of the grids are compared. [] for no or one
    image.
    """
    found = []
    for place, (name, grid, _) in enumerate(images):
        for other_name, other, _ in images[:place]:
            known = grid.frame_of_reference, other.frame_of_reference
            if all(known) and known[0] != known[1]:
                found.append(
                    f"{name} and {other_name} have different frames of reference: equal coordinates may be different "
                    "places in the patient. Register them before comparing."
                )
            elif not compatible(grid, other):
                found.append(
                    f"{name} and {other_name} were scanned at different angles: they do not lie over each other in "
                    "2-D. Open the oblique one resliced to the patient's axes to compare."
                )
            else:
                continue
            break
    return found
