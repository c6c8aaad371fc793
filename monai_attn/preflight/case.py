"""The checks before a run, for `Segmenter` and `monai.bundle run` alike: refusal, or warnings and notes.

`monai_attn.preflight.images` says what is wrong with images; this module turns "error" findings into a refusal.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from monai_attn.cases import ImageInput
from monai_attn.preflight.findings import refuse, texts
from monai_attn.preflight.images import check_images
from monai_attn.preflight.made_for import MadeFor
from monai_attn.volume import Box, Volume

__all__ = ["check_case"]


def check_case(
    made_for: MadeFor | None,
    inputs: Sequence[ImageInput],
    images: Mapping[str, Sequence[Volume]],
    *,
    region: Box | None = None,
    force: bool = False,
) -> tuple[list[str], list[str]]:
    """The warnings and the notes on the images of a case, which are cut to the region where there is one.

    Raises `InputError` for images of which no sensible mask can come; with `force` these sentences are warnings.
    See `check_images`.

    Without `made_for` both lists are empty. `images` maps the bundle's name of an image to its volumes, the
    reference image first; `region` is a box in mm (RAS+).

    >>> check_case(None, [], {})
    ([], [])
    """
    findings = check_images(made_for, inputs, images, region=region)
    refuse(findings, force=force)
    return texts(findings, "error", "warning"), texts(findings, "note")
