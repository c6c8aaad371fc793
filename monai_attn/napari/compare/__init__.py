"""A mask against a reference: scores, the map of errors, and the list of errors.

`panel` is the window's part, `comparing` the work without a window, `columns` the columns of the two tables.
"""
