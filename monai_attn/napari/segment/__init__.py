"""A bundle run on open images: choices, the check before a run, the run, and the layers that it gives."""
