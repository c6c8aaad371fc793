"""An oblique image on a grid along the patient's axes: for the eye only.

Two scans at different angles do not overlay in napari's 2-D view, because a grid is drawn upright. Resliced, they do.
Interpolated voxels are never saved, measured or segmented: the layers are `display_only`.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from monai_attn.napari.layers.volumes import META, LayerTuple, Origin, compatible, image_layer, labels_layer, to_native
from monai_attn.volume import RAS_TO_LPS, Volume

__all__ = ["along_patient_axes", "resliced_layer"]


def along_patient_axes(volume: Volume, *, order: int = 1) -> Volume:
    """The image on a grid along left, posterior, superior around all of it, with its smallest spacings.

    `order` 1 interpolates linearly, 0 takes the nearest voxel, as labels need. Outside, the lowest value.

    The grid holds all voxel centres of the image, and keeps modality, unit and notes. Each patient axis gets the
    spacing of the voxel axis closest to it, in mm. `scipy.ndimage.affine_transform` does the work.
    """
    axes = [int(np.argmax(np.abs(row))) for row in volume.directions]  # of right, anterior, superior
    spacing_mm = [volume.spacing_mm[axis] for axis in axes]
    lower, upper = (np.array(corner) for corner in (volume.bounds.lower_mm, volume.bounds.upper_mm))
    shape = tuple(int(n) for n in np.ceil((upper - lower) / spacing_mm - 1e-6) + 1)
    affine = RAS_TO_LPS @ np.diag([*spacing_mm, 1.0])
    affine[:3, 3] = upper[0], upper[1], lower[2]  # the right, front, lower corner
    step = np.linalg.solve(volume.affine, affine)
    lowest = volume.array.min() if order else 0
    array: NDArray[np.generic] = ndimage.affine_transform(
        volume.array, step[:3, :3], step[:3, 3], shape, order=order, mode="constant", cval=lowest
    )
    return replace(volume, array=array, affine=affine)


def resliced_layer(layer: LayerTuple) -> LayerTuple:
    """A layer as it is along the patient's axes, `display_only`; unchanged where its grid lies along them.

    Images are interpolated linearly; labels take the nearest voxel, so that no new label arises. The name gets
    "(resliced)", and a note says by which angle the grid was turned.
    """
    data, keywords, kind = layer
    origin: Origin = keywords["metadata"][META]
    grid = origin.grid
    upright = Volume(np.broadcast_to(np.uint8(0), (1, 1, 1)), np.diag([*grid.spacing_mm, 1.0]))
    if compatible(grid, upright):
        return layer
    shown = replace(grid, array=to_native(np.asarray(data), grid))
    notes = (*grid.notes, f"Resliced from {grid.oblique_deg:.1f} degrees for display: not for saving or segmenting.")
    resliced = replace(along_patient_axes(shown, order=int(kind == "image")), notes=notes)
    name = f"{keywords['name']} (resliced)"
    if kind == "labels":
        return labels_layer(resliced, name=name, table=origin.table, path=origin.path, display_only=True)
    look = {key: keywords[key] for key in ("contrast_limits", "colormap", "blending") if key in keywords}
    return image_layer(resliced, name=name, path=origin.path, role=origin.role, display_only=True, **look)
