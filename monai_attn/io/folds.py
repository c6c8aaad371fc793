"""Names that older configs of bundles use; what they name lies in `monai_attn.cases`."""

from monai_attn.cases import fold_cases, named_images, several_image_cases

__all__ = ["fold_cases", "named_images", "several_image_cases"]
