"""From labelled cases to a bundle, in the minutes that are given: fingerprint, plan, training, scores, model card."""

from monai_attn.learn.learned import Learned, Now
from monai_attn.learn.rows import part_cases
from monai_attn.learn.run import learn

__all__ = ["Learned", "Now", "learn", "part_cases"]
