"""The napari plugin: widgets that collect choices, start a worker and show what comes back."""
