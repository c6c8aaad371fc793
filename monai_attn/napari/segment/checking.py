"""The check before a run, of what the window asks for."""

from __future__ import annotations

from monai_attn.napari.segment.request import Request
from monai_attn.preflight.outlook import Outlook, outlook

__all__ = ["outlook_of"]


def outlook_of(request: Request, *, cold: bool = False) -> Outlook:
    """What is known of a request before it runs: see `monai_attn.preflight.outlook.outlook`.

    `cold`: the bundle has not been opened yet, which takes its time too.
    """
    return outlook(
        request.bundle,
        request.images,
        region=request.asked,
        execution=request.execution,
        extra_runs=request.maps.count("flip_variance"),
        maps=request.maps,
        cold=cold,
    )
