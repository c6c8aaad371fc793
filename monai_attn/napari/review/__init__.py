"""Reading a cohort in the order of doubt: accept, fix or reject each mask, by keys; thin over `monai_attn.cohort`."""
