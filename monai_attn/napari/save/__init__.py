"""Masks, measurements and reports of layers into files.

`panel` is the panel "Save all", `saving` does its work without a window, and `writer` serves napari's File > Save.
"""
