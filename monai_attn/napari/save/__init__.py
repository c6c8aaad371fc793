"""Masks, measurements and reports of layers into files."""
