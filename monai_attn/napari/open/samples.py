"""File > Open Sample: a brain, and a CT phantom with organs and lesions of known volume.

The manifest names these functions. They give layers to napari as a reader does, and use no network.
"""

from __future__ import annotations

from monai_attn.io import read
from monai_attn.io.phantom import GRIDS, TABLE, ct_phantom
from monai_attn.io.samples import brain_file
from monai_attn.napari.layers.volumes import LayerTuple, image_layer, labels_layer
from monai_attn.napari.look.looking import opening_window
from monai_attn.napari.open.activate import activate

__all__ = ["mni152", "phantom", "phantom_anisotropic", "phantom_oblique"]


def mni152() -> list[LayerTuple]:
    """The MNI152 T1 brain that nilearn carries. Raises `InputError` where nilearn is not installed.

    T1-weighted MR, an average of 152 adults (Fonov et al., NeuroImage 2011), opened in the window set for MR.
    """
    path = brain_file()
    activate()
    brain = read(path)
    window = opening_window(brain)
    return [image_layer(brain, name="mni152_t1", path=str(path), contrast_limits=(window.lower, window.upper))]


def phantom() -> list[LayerTuple]:
    """The CT phantom at 2 mm, and its labels.

    Cubes of 2 mm along the patient's axes: two layers, the image in HU and the label map.
    """
    return _phantom("ct_phantom")


def phantom_anisotropic() -> list[LayerTuple]:
    """The CT phantom in thick slices.

    0.9 mm in the slice and 5 mm between slices: what is measured of a small lesion depends on where the slices lie.
    """
    return _phantom("ct_phantom_anisotropic")


def phantom_oblique() -> list[LayerTuple]:
    """The CT phantom in oblique slices.

    1.4 mm in the slice and 3 mm between slices, turned by 12, -8 and 15 degrees about right, anterior and superior.
    """
    return _phantom("ct_phantom_oblique")


def _phantom(name: str) -> list[LayerTuple]:
    """The two layers of the phantom on one of its `GRIDS`."""
    activate()
    image, labels = ct_phantom(*GRIDS[name])
    window = opening_window(image)
    return [
        image_layer(image, name=name, contrast_limits=(window.lower, window.upper)),
        labels_layer(labels, name=f"{name}_labels", table=TABLE),
    ]
