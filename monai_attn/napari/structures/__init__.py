"""Structures and lesions of a mask, in a table that follows what is painted."""
