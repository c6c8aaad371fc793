"""A training in the window: labelled cases and minutes in, a bundle (model) out.

`panel`, `form` and `curve` are the window's part, `training` runs `monai_attn.learn` in a thread, `cases` makes a data
set of the masks that are open. Nothing is decided here: `monai_attn.learn` plans, trains and scores.
"""
