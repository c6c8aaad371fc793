"""What a bundle's own code raises on an image, as one error of ours."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from monai_attn.bundle import why
from monai_attn.errors import AttnError
from monai_attn.inferers.watching import RunWatch

__all__ = ["failing_on_this_image"]


@contextmanager
def failing_on_this_image(bundle: str, watch: RunWatch | None = None) -> Iterator[None]:
    """Within this block, what MONAI, torch or a bundle's own code raises becomes a `BundleError` with the first cause.

    Errors of ours, missing memory, and what a callback of the `watch` has raised pass as they are.
    """
    try:
        yield
    except (AttnError, MemoryError):
        raise
    except Exception as error:  # foreign code raises TypeError, ValueError, KeyError and more
        if watch is not None and error is watch.raised:
            raise
        raise why(error, f"The bundle {bundle} failed on this image") from error
