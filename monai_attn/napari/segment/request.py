"""What to segment and how, as the window asks for it.

The panel makes a `Request` from its fields; `runner` gives the request to a `Segmenter`, and `preflight` checks it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from monai_attn.backends.execution import Execution
from monai_attn.bundle.describe import BundleDescription
from monai_attn.bundle.overrides import parse_override
from monai_attn.finders import Regions
from monai_attn.preflight.estimate import Estimate
from monai_attn.volume import Box, Volume

__all__ = ["Request", "overrides_of"]


@dataclass(frozen=True)
class Request:
    """What to segment and how; `images` by the names that the bundle gives them, the reference first.

    `name` is that of the reference image's layer, `made_from` the `image_key` of that layer. `region` is a box in
    RAS+ mm, None for the whole image or several `regions` by name. `overrides` change the bundle's config by id.
    `trust` says that a bundle from outside may run its code. `maps` are the maps of attention and uncertainty that are
    wanted. `expected` is what the check before the run has foretold.
    """

    bundle: BundleDescription
    images: Mapping[str, Volume]
    name: str
    region: Box | None = None
    execution: Execution = field(default_factory=Execution)
    overrides: Mapping[str, Any] = field(default_factory=dict)
    trust: bool = False
    maps: tuple[str, ...] = ()
    regions: Mapping[str, Box] = field(default_factory=dict)
    expected: Estimate | None = None
    made_from: str = ""

    @property
    def source(self) -> dict[str, Volume] | list[Volume]:
        """The images as a `Segmenter` takes them: by name, or a list where they are channels of one."""
        return list(self.images.values()) if self.bundle.joined else dict(self.images)

    @property
    def asked(self) -> Regions:
        """The region as a `Segmenter` takes it: a box, several boxes by name, or None for the whole image."""
        return self.regions if len(self.regions) > 1 else self.region

    @property
    def title(self) -> str:
        """What the layers of the run are called."""
        return f"{self.name} {self.bundle.name}".strip()

    @property
    def grid(self) -> Volume:
        """What is segmented of the reference image: all of it, or its part in the region."""
        whole = next(iter(self.images.values()))
        return whole.crop(whole.slices_of(self.region)) if self.region else whole


def overrides_of(text: str) -> dict[str, Any]:
    """Overrides as one writes them in a line, separated by semicolons; an empty line gives none.

    Raises `OverrideError` for a part that is not written key=value. Whether the bundle has the key is checked later.

    >>> overrides_of("inferer::overlap=0.5; amp=true;")
    {'inferer::overlap': 0.5, 'amp': True}
    """
    return dict(parse_override(part.strip()) for part in text.split(";") if part.strip())
