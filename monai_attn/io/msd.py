"""Names in the configs of bundles that were made before 0.2.0; they now lie in `monai_attn.cases`."""

from monai_attn.cases import inference_cases, split_cases, unseen_cases

__all__ = ["inference_cases", "split_cases", "unseen_cases"]
