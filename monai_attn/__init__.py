"""3-D attention U-Nets for MRI and CT. Research use only; not a medical device.

One import brings what a script needs:

>>> import monai_attn
>>> t1 = monai_attn.read("t1.nii.gz")  # doctest: +SKIP
>>> segmenter = monai_attn.Segmenter.from_bundle("hippocampus_mri")  # doctest: +SKIP
>>> segmenter(t1).measure(t1)  # doctest: +SKIP

Each public name is loaded when it is first used, so that `import monai_attn` loads neither torch nor MONAI.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import lazy_loader

if TYPE_CHECKING:
    from monai_attn import measure
    from monai_attn.errors import (
        AttnError,
        BackendError,
        BundleError,
        Cancelled,
        FileError,
        GeometryError,
        InputError,
        LabelError,
        OverrideError,
        TrustError,
    )
    from monai_attn.io import list_series, read, write
    from monai_attn.labels import Code, Label, LabelTable
    from monai_attn.measure import compare
    from monai_attn.networks import AttnUNet
    from monai_attn.segmentation import Segmentation
    from monai_attn.segmenter import Segmenter
    from monai_attn.volume import Box, Volume

__all__ = [
    "AttnError",
    "AttnUNet",
    "BackendError",
    "Box",
    "BundleError",
    "Cancelled",
    "Code",
    "FileError",
    "GeometryError",
    "InputError",
    "Label",
    "LabelError",
    "LabelTable",
    "OverrideError",
    "Segmentation",
    "Segmenter",
    "TrustError",
    "Volume",
    "compare",
    "list_series",
    "measure",
    "read",
    "write",
]

__version__ = "0.2.0"

_ROOMS = {
    "errors": (
        "AttnError BackendError BundleError Cancelled FileError GeometryError InputError LabelError "
        "OverrideError TrustError"
    ),
    "io": "list_series read write",
    "labels": "Code Label LabelTable",
    "measure": "compare",
    "networks": "AttnUNet",
    "segmentation": "Segmentation",
    "segmenter": "Segmenter",
    "volume": "Box Volume",
}
"""Where each public name stands."""

__getattr__, __dir__, _ = lazy_loader.attach(
    __name__, ["measure"], {room: names.split() for room, names in _ROOMS.items()}
)
