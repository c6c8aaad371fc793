"""Masks that were painted and not saved, kept from a crash."""
