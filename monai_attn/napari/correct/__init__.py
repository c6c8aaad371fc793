"""Corrections of a mask by hand, each one step of undo."""
