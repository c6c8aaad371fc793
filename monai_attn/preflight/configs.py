"""The same checks under `python -m monai.bundle run`: components that the config of a bundle names.

A mask of `monai.bundle run` is refused or marked as one of the segmenter is. Who changes a rule changes
`monai_attn.preflight.images` or `masks`, never this module.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from monai_attn.bundle.case import check_kinds
from monai_attn.bundle.inputs import image_inputs
from monai_attn.bundle.locate import label_table
from monai_attn.io import read
from monai_attn.labels import LabelTable
from monai_attn.preflight.case import check_case
from monai_attn.preflight.made_for import MadeFor
from monai_attn.preflight.masks import check_mask
from monai_attn.volume import Volume

__all__ = ["CheckedImages", "mask_warnings"]

WARNINGS_KEY = "warnings"
"""Where the meta data of the network's image hold the warnings of its case, one a line."""


class CheckedImages:
    """The preprocessing of a bundle, which first checks the images of each case against the bundle's metadata.

    A config names it as the `transform` of its dataset, with `"metadata": "@_meta_"` and `"preprocessing":
    "@preprocessing"`. The paths at the keys that the metadata call images are read, and `preprocessing` gets the
    volumes. Warnings go into the meta data of `output_key`, and `SaveSegmentationd` writes them beside the mask.

    `keys` names the images; without it they are those that the metadata describe under `images`. Raises `InputError`
    as `check_case` and `check_kinds` do; with `force` unlikely images are run, with a warning.
    """

    def __init__(
        self,
        preprocessing: Callable[[dict[str, Any]], dict[str, Any]],
        metadata: Mapping[str, Any],
        *,
        keys: list[str] | None = None,
        output_key: str = "image",
        force: bool = False,
    ) -> None:
        self.preprocessing = preprocessing
        self.inputs = image_inputs(metadata, keys or [row["name"] for row in metadata.get("images", [])] or ["image"])
        self.made_for = MadeFor.from_json(metadata.get("made_for") or {})
        self.name = str(metadata.get("name", ""))
        self.output_key = output_key
        self.force = force

    def __call__(self, case: Mapping[str, Any]) -> dict[str, Any]:
        """The case as `preprocessing` leaves it.

        Values may be paths or volumes, or lists of these; other keys pass unchanged. With several images some may be
        missing, as far as `check_kinds` allows.
        """
        names = [one.name for one in self.inputs if case.get(one.name) is not None]
        sources = {name: case[name] if isinstance(case[name], list) else [case[name]] for name in names}
        images = {
            name: [one if isinstance(one, Volume) else read(one) for one in given] for name, given in sources.items()
        }
        check_kinds(images, self.inputs, bundle=self.name, partial=len(self.inputs) > 1)
        warnings, _ = check_case(self.made_for, self.inputs, images, force=self.force)
        volumes = {name: found if isinstance(case[name], list) else found[0] for name, found in images.items()}
        prepared = self.preprocessing({**case, **volumes})
        meta = prepared[self.output_key].meta
        meta[WARNINGS_KEY] = "\n".join(warnings)
        first = sources[names[0]][0]
        if not isinstance(first, Volume):
            meta["filename_or_obj"] = str(first)  # the reader was not asked, so it could not say it
        return prepared


def mask_warnings(
    labels: Volume,
    metadata: Mapping[str, Any],
    *,
    certainty: Mapping[int, float] | None = None,
    images: Sequence[str] = (),
) -> list[str]:
    """What makes a mask unlikely, by the metadata of its bundle; see `check_mask`.

    `labels` is the label map `(I, J, K)` on the grid of the image. `images` names the images that the network saw, in
    the order of the metadata; empty stands for a bundle of one image. Without `made_for` the list is empty. Raises
    `BundleError` for a `made_for` that cannot be read.
    """
    made_for = MadeFor.from_json(metadata.get("made_for") or {})
    seen = images or [row["name"] for row in metadata.get("images", [])] or ["image"]
    return check_mask(made_for, labels, _table(metadata), certainty=certainty, images=seen)


def _table(metadata: Mapping[str, Any]) -> LabelTable:
    """Values and names only: MONAI turns the "#" of colours into "::" in the metadata of a running config."""
    rows = metadata.get("labels")
    if not rows:
        return label_table(metadata)
    return LabelTable.of_names({int(row["value"]): str(row["name"]) for row in rows})
