"""What a napari layer of ours is: its grid in the patient, its names, colours and changes."""
