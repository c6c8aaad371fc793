"""Files, folders and samples into layers: what is offered, and what is chosen."""
