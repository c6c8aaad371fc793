"""Labelled cases for training and for scores: found in a folder or table as people have it."""

from monai_attn.cases.labelled.case import PARTS, LabelledCase, LabelledSet, Part
from monai_attn.cases.labelled.corrected import IMAGES, image_record
from monai_attn.cases.labelled.files import LabelFile
from monai_attn.cases.labelled.finding import find_labelled

__all__ = [
    "IMAGES",
    "PARTS",
    "LabelFile",
    "LabelledCase",
    "LabelledSet",
    "Part",
    "find_labelled",
    "image_record",
]
