"""Whether a mask is such as those of known cases: volumes, pieces, the border of the image, how sure the network is.

After the run: the mask is kept whatever is found, and the sentences become its warnings. A sentence does not say
that a mask is wrong: a large tumour may well lie outside the range of the training.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from monai_attn.labels import LabelTable
from monai_attn.preflight.figures import StructureFigures, structure_figures
from monai_attn.preflight.made_for import MadeFor, Range, StructureRange, choice_key
from monai_attn.volume import Volume

__all__ = ["check_mask"]

OUTSIDE = 1.25
"""A volume is unlikely below the smallest of the training divided by this, or above the largest times this."""

SCATTERED = 0.1
"""The largest piece may hold so much less of a structure than in any label of the training: networks leave specks."""

CUT = 0.005
"""So much more of a structure may lie at the border of the image or region than in any label of the training."""


UNSURE = 1.25
"""A network that doubts this much more than of any known case is unlikely to be right. Doubt is 1 - certainty."""


def check_mask(
    made_for: MadeFor | None,
    labels: Volume,
    table: LabelTable,
    *,
    certainty: Mapping[int, float] | None = None,
    images: Sequence[str] = (),
    region: bool = False,
) -> list[str]:
    """What makes a mask unlikely, one sentence each; empty without `made_for`, as for bundles of others.

    `labels` is the label map of what was segmented: the image, or the part of it in the region. A structure of which
    nothing was found is named, and an empty mask as a whole.

    `certainty` is how sure the network is of each structure, by label value, and `images` names the images that it saw;
    both are compared with `StructureRange.certainty`. Nothing is said where either side is not known.

    `region` only changes the words, "region" for "image". Volumes are compared in ml, pieces with 26 neighbours.

    >>> import numpy as np
    >>> check_mask(None, Volume(np.zeros((2, 2, 2), np.uint8)), LabelTable(()))
    []
    """
    if made_for is None:
        return []
    figures = structure_figures(labels, table)
    if not figures and made_for.structures:
        return ["Nothing was found: the mask is empty, and every training image held a structure."]
    warnings: list[str] = []
    for value, trained in made_for.structures.items():
        name = table[value].name
        if value not in figures:
            least = trained.volume_ml[0]
            warnings.append(f"No {name} was found, and the training images held at least {least:.3g} ml.")
        else:
            warnings += _structure(name, figures[value], trained, "region" if region else "image")
            warnings += _certainty(name, (certainty or {}).get(value), trained.certainty.get(choice_key(images)))
    return warnings


def _structure(name: str, found: StructureFigures, trained: StructureRange, where: str) -> Iterator[str]:
    """The sentences on one structure: volume in ml, share of border voxels, share of the largest piece."""
    least, most = trained.volume_ml
    if not least / OUTSIDE <= found.volume_ml <= most * OUTSIDE:
        yield (
            f"The {name} has {found.volume_ml:.3g} ml; in the training images it had {least:.3g} to {most:.3g} ml. "
            "The mask may show another structure."
        )
    if found.border > trained.border[1] + CUT:
        yield (
            f"The {name} touches the border of the {where} with {100 * found.border:.2g} % of its voxels; "
            "a part of it may lie beyond."
        )
    if found.largest_piece < trained.largest_piece[0] - SCATTERED:
        yield (
            f"The {name} is in pieces, of which the largest holds {100 * found.largest_piece:.0f} %; in the training "
            f"images it held at least {100 * trained.largest_piece[0]:.0f} %."
        )


def _certainty(name: str, found: float | None, known: Range | None) -> Iterator[str]:
    """A sentence on a structure of which the network is less sure than it is of known cases."""
    if found is None or known is None or 1 - found <= UNSURE * (1 - known[0]):
        return
    yield (
        f"The network is unsure of the {name}: the mean probability of its voxels is {100 * found:.0f} %; in known "
        f"cases it is {100 * known[0]:.0f} to {100 * known[1]:.0f} %."
    )
