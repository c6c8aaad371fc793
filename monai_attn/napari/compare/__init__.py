"""A mask against a reference: scores, the map of errors, and the list of errors.

`panel` is the window's part, `comparing` the work without a window, `columns` the columns of the two tables. A
prediction is the mask to be judged, the reference the mask it is judged by. Exchanging them exchanges sensitivity and
precision.
"""
