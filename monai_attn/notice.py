"""The sentence that stands on every result."""

__all__ = ["RESEARCH_USE"]

RESEARCH_USE = "Research use only; not a medical device."
"""Stands wherever a mask is shown, written or reported."""
