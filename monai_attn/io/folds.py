"""Names in the configs of bundles that were made before 0.2.0; they now lie in `monai_attn.cases`."""

from monai_attn.cases import fold_cases, named_images, several_image_cases

__all__ = ["fold_cases", "named_images", "several_image_cases"]
