"""The exception tree. Every message says what happened, with which value, and what to do next."""

from __future__ import annotations

__all__ = [
    "AttnError",
    "BackendError",
    "BundleError",
    "Cancelled",
    "FileError",
    "GeometryError",
    "InputError",
    "LabelError",
    "OverrideError",
    "TrustError",
]


class AttnError(Exception):
    """Whatever monai_attn refuses; the command line prints the message and exits with code 2."""


class InputError(AttnError, ValueError):
    """A value, a file or an option cannot be used."""


class FileError(InputError):
    """A file is missing, unreadable, truncated, of an unknown kind, or would be overwritten."""


class GeometryError(InputError):
    """Where the voxels lie is undefined, ambiguous, or differs from what is asked for."""


class LabelError(InputError):
    """Labels are not whole numbers, or not those of the label table."""


class BundleError(InputError):
    """A bundle is incomplete, or what it computes cannot be used as a segmentation."""


class BackendError(InputError):
    """A back-end cannot run a network."""


class OverrideError(BundleError):
    """An override names something the bundle's config does not have."""


class TrustError(BundleError):
    """A bundle from outside the package would run its code, and nobody said it may."""


class Cancelled(AttnError):  # noqa: N818 - a wish, not a failure
    """The user stopped the work; nothing was written."""
