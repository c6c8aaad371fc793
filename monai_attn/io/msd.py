"""Names that older configs of bundles use; what they name lies in `monai_attn.cases`."""

from monai_attn.cases import inference_cases, split_cases, unseen_cases

__all__ = ["inference_cases", "split_cases", "unseen_cases"]
