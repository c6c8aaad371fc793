"""A mask against a reference: scores, the map of errors, and the list of errors."""
