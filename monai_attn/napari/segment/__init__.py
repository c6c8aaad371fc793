"""A bundle run on open images: choices, the check before a run, the run, and the layers that it gives.

`panel` and `form` are the window's part. `request` says what is asked for, `running`, `runner` and `work` run the
request in a thread. `produced`, `overlays` and `growing` make layers of the result.
"""
