"""3-D attention U-Nets for MRI and CT. Research use, not a medical device.

The public names are loaded when they are first used: `import monai_attn` brings neither torch nor MONAI.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from monai_attn.io import list_series, read, write
    from monai_attn.labels import Code, Label, LabelTable
    from monai_attn.segmentation import Segmentation
    from monai_attn.segmenter import Segmenter
    from monai_attn.volume import Box, Volume

__all__ = [
    "Box",
    "Code",
    "Label",
    "LabelTable",
    "Segmentation",
    "Segmenter",
    "Volume",
    "list_series",
    "read",
    "write",
]

__version__ = "0.1.0"

_HOMES = {
    "Box": "volume",
    "Code": "labels",
    "Label": "labels",
    "LabelTable": "labels",
    "Segmentation": "segmentation",
    "Segmenter": "segmenter",
    "Volume": "volume",
    "list_series": "io",
    "read": "io",
    "write": "io",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"monai_attn.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'monai_attn' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
