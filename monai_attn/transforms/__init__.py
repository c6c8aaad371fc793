"""Transforms that bundles name in their configs; all other transforms of a bundle are MONAI's own.

MONAI calls a transform with a dictionary of one case and goes on with the dictionary that the transform gives back.
The names end in `d`, as MONAI's do, where a transform works on the keys of that dictionary. These transforms exist
because MONAI's have no counterpart: reading that refuses to guess, joining images by patient coordinates, and labels
without a float volume for each class. Importing this room loads torch and MONAI.
"""

from monai_attn.transforms.align import AlignImagesd, RandCutImagesd, RandDropImagesd
from monai_attn.transforms.calibration import CalibrateLesiond
from monai_attn.transforms.centroid import MaskCentroid
from monai_attn.transforms.cleanup import DropSmallComponentsd
from monai_attn.transforms.labels_on_source import LabelsOnSourced
from monai_attn.transforms.load import LoadVolumed
from monai_attn.transforms.mirror import RandMirrorPairsd
from monai_attn.transforms.patches import LabelPlacesd, RandPatchd
from monai_attn.transforms.region_dataset import RegionDataset
from monai_attn.transforms.save import SaveSegmentationd
from monai_attn.transforms.source_labels import SourceLabels

__all__ = [
    "AlignImagesd",
    "CalibrateLesiond",
    "DropSmallComponentsd",
    "LabelPlacesd",
    "LabelsOnSourced",
    "LoadVolumed",
    "MaskCentroid",
    "RandCutImagesd",
    "RandDropImagesd",
    "RandMirrorPairsd",
    "RandPatchd",
    "RegionDataset",
    "SaveSegmentationd",
    "SourceLabels",
]
