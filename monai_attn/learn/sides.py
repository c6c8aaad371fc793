"""Left and right: the axes along which an image may be mirrored."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from monai_attn.labels import without_side

__all__ = ["mirror_axes"]

FREE = r"tumou?r|lesion|metasta|nodule|cyst|gtv|infarct|bleed|haemorr|hemorr"
"""Names of structures that lie anywhere, so that all mirror images are possible."""

HEART = r"^(?!.*(lateral|cerebr|third|fourth|3rd|4th)).*(ventricle|atrium|myocard|heart)"
"""Names of parts of the heart, whose left and right ones are no mirror images. The brain has other ventricles."""


def mirror_axes(
    names: Mapping[int, str], pairs: Sequence[tuple[int, int]], sides: Mapping[int, str]
) -> tuple[tuple[int, ...], str]:
    """The axes that are mirrored at random, and the sentence for the plan.

    `names` are those of the structures by label value, and `pairs` the values of left and right structures. `sides` has
    "left" or "right" for a structure that always lies to this side of the image's middle, as the spleen does.
    """
    heart = [name for name in names.values() if re.search(HEART, name.lower())]
    if heart:
        return (), f"Nothing is mirrored: the mirror image of a heart ({heart[0]}) is no anatomy."
    paired = {value for pair in pairs for value in pair}
    single = [name for value, name in names.items() if value not in paired and without_side(name)[1]]
    if single:
        return (), f"Nothing is mirrored: {single[0]} is on one side, and its counterpart has no label."
    if all(re.search(FREE, name.lower()) for name in names.values()):
        return (0, 1, 2), "All axes are mirrored: such structures lie anywhere, in any direction."
    aside = [value for value in names if value not in paired and sides.get(value)]
    if aside:
        name, side = names[aside[0]], sides[aside[0]]
        return (), f"Nothing is mirrored: {name} always lies {side} of the middle; its mirror image is no anatomy."
    return (0,), "Left and right are mirrored, which doubles the patients; other mirror images are no anatomy."
