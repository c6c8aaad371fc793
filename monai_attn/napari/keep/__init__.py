"""Masks that were painted or computed and not saved: kept from a crash, asked about before they go."""
