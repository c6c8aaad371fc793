"""Transforms that bundles name in their configs; all other transforms of a bundle are MONAI's own."""

from monai_attn.transforms.align import AlignImagesd, RandCutImagesd, RandDropImagesd
from monai_attn.transforms.cleanup import DropSmallComponentsd
from monai_attn.transforms.labels_on_source import LabelsOnSourced
from monai_attn.transforms.load import LoadVolumed
from monai_attn.transforms.save import SaveSegmentationd
from monai_attn.transforms.source_labels import SourceLabels

__all__ = [
    "AlignImagesd",
    "DropSmallComponentsd",
    "LabelsOnSourced",
    "LoadVolumed",
    "RandCutImagesd",
    "RandDropImagesd",
    "SaveSegmentationd",
    "SourceLabels",
]
