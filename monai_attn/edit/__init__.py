"""Corrections of masks in millimetres. NumPy only."""
