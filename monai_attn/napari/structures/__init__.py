"""Structures and lesions of a mask, in a table that follows what is painted.

`panel` and `form` are the window's part. `inspection`, `lesions` and `watch` hold the measurements without Qt.
`measuring` runs them in time, `tree` shows them as rows. `keyimages`, `pictures` and `exports` make files of them.
"""
