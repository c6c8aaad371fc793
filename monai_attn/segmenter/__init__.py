"""Images in, a segmentation out: image -> preprocessing -> inferer(., network) -> postprocessing -> Segmentation."""

from monai_attn.segmenter.segmenter import Segmenter

__all__ = ["Segmenter"]
