"""Buttons, boxes, tables and keys that every panel shares."""
