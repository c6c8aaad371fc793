"""Corrections of a mask by hand, each one step of undo.

`panel` is the window's part, `brush` the brush in millimetres, `editing` the operations on a whole label.
"""
