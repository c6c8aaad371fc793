"""The same checks under `python -m monai.bundle run`: components that the config of a bundle names.

A mask of `monai.bundle run` is refused or marked as one of the segmenter is. Who changes a rule changes
`monai_attn.preflight.images` or `masks`, never this module.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from monai_attn.bundle.case import check_kinds
from monai_attn.bundle.inputs import image_inputs
from monai_attn.bundle.locate import label_table
from monai_attn.errors import InputError
from monai_attn.finders import REGION_KEY, PartNote, RegionLabels, finder_of, region_labels
from monai_attn.io import read
from monai_attn.labels import LabelTable
from monai_attn.preflight.made_for import MadeFor
from monai_attn.preflight.masks import check_mask
from monai_attn.preflight.regions import Plan, plan_case
from monai_attn.preflight.sides import check_sides
from monai_attn.volume import Volume

__all__ = ["CheckedImages", "mask_warnings", "side_warnings"]

WARNINGS_KEY = "warnings"
"""Where the meta data of the network's image hold the warnings of its case, one a line."""


class CheckedImages:
    """The preprocessing of a bundle, which first checks the images of each case against the bundle's metadata.

    A config names it as the `transform` of its dataset, with `"metadata": "@_meta_"` and `"preprocessing":
    "@preprocessing"`. The paths at the keys that the metadata call images are read, and `preprocessing` gets the
    volumes. Warnings go into the meta data of `output_key`, and `SaveSegmentationd` writes them beside the mask.

    With `bundle_root`, images far larger than the training images go to the finder of the metadata, if there is one. A
    case then has several items, which `regions` gives and `monai_attn.transforms.RegionDataset` passes on. `centroid`,
    such as `monai_attn.transforms.MaskCentroid`, says where the network sees its structures in a prepared region; the
    region is moved by that.

    `keys` names the images; without it they are those that the metadata describe under `images`. Raises `InputError`
    as `plan_case` and `check_kinds` do; with `force` unlikely images are run, with a warning.
    """

    def __init__(
        self,
        preprocessing: Callable[[dict[str, Any]], dict[str, Any]],
        metadata: Mapping[str, Any],
        *,
        keys: list[str] | None = None,
        output_key: str = "image",
        force: bool = False,
        bundle_root: str | None = None,
        centroid: Callable[[Mapping[str, Any]], NDArray[np.float64] | None] | None = None,
    ) -> None:
        self.preprocessing = preprocessing
        self.inputs = image_inputs(metadata, keys or [row["name"] for row in metadata.get("images", [])] or ["image"])
        self.made_for = MadeFor.from_json(metadata.get("made_for") or {})
        self.finder = None if bundle_root is None else finder_of(metadata.get("finder") or {}, Path(bundle_root))
        self.table = _table(metadata)
        self.name = str(metadata.get("name", ""))
        self.output_key = output_key
        self.force = force
        self.centroid = centroid

    def __call__(self, case: Mapping[str, Any]) -> dict[str, Any]:
        """The case as `preprocessing` leaves it. Raises `InputError` for a case of several regions; see `regions`.

        Values may be paths or volumes, or lists of these; other keys pass unchanged. With several images some may be
        missing, as far as `check_kinds` allows.
        """
        items = list(self.regions(case))
        if len(items) > 1:
            raise InputError(
                "The image is segmented in several regions. Let the config name monai_attn.transforms.RegionDataset as "
                "its dataset, which gives an item for each region."
            )
        return items[0]

    def regions(self, case: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        """The case as `preprocessing` leaves it, one item for each region, or one item for the whole image.

        Values are those of a call. The first item holds the warnings on the images.
        """
        names = [one.name for one in self.inputs if case.get(one.name) is not None]
        sources = {name: case[name] if isinstance(case[name], list) else [case[name]] for name in names}
        images = {
            name: [one if isinstance(one, Volume) else read(one) for one in given] for name, given in sources.items()
        }
        check_kinds(images, self.inputs, bundle=self.name, partial=len(self.inputs) > 1)
        seen = None if self.centroid is None else partial(self._centroid, case, self.centroid)
        plan = plan_case(self.made_for, self.inputs, images, finder=self.finder, force=self.force, centroid=seen)
        warnings = plan.warnings
        for name, part in plan.parts.items():
            prepared = self._prepared(case, part.images)
            meta = prepared[self.output_key].meta
            meta[WARNINGS_KEY], warnings = "\n".join(warnings), []
            if plan.joins:
                meta[REGION_KEY] = self._note(name, plan, images[names[0]][0])
            first = sources[names[0]][0]
            if not isinstance(first, Volume):
                meta["filename_or_obj"] = str(first)  # the reader was not asked, so it could not say it
            yield prepared

    def _prepared(self, case: Mapping[str, Any], images: Mapping[str, list[Volume]]) -> dict[str, Any]:
        """A case with these images in place of its own, as the bundle's preprocessing leaves it."""
        cut = {key: found if isinstance(case[key], list) else found[0] for key, found in images.items()}
        return self.preprocessing({**case, **cut})

    def _centroid(
        self, case: Mapping[str, Any], of_prepared: Callable[..., Any], images: Mapping[str, list[Volume]]
    ) -> NDArray[np.float64] | None:
        """Where the network sees its structures in the images of a region, `(3,)` in mm (RAS+)."""
        centroid: NDArray[np.float64] | None = of_prepared(self._prepared(case, images))
        return centroid

    def _note(self, name: str, plan: Plan, whole: Volume) -> str:
        """What the saver must know of a region, as text."""
        labels = region_labels(list(plan.parts), self.table, None if self.finder is None else self.finder.entry)
        about = {} if plan.found is None else {"finder": plan.found.to_json()}
        return PartNote(name, plan.boxes, labels, whole.shape, whole.affine, about).to_text()


def mask_warnings(
    labels: Volume,
    metadata: Mapping[str, Any],
    *,
    certainty: Mapping[int, float] | None = None,
    images: Sequence[str] = (),
    region: bool = False,
) -> list[str]:
    """What makes a mask unlikely, by the metadata of its bundle; see `check_mask`.

    `labels` is the label map `(I, J, K)` on the grid of the image, or of its part in a `region`. `images` names the
    images that the network saw, in the order of the metadata; empty stands for a bundle of one image. Without
    `made_for` the list is empty. Raises `BundleError` for a `made_for` that cannot be read.
    """
    made_for = MadeFor.from_json(metadata.get("made_for") or {})
    seen = images or [row["name"] for row in metadata.get("images", [])] or ["image"]
    return check_mask(made_for, labels, _table(metadata), certainty=certainty, images=seen, region=region)


def side_warnings(
    labels: Volume, joined: RegionLabels, metadata: Mapping[str, Any], *, force: bool = False
) -> list[str]:
    """What makes the joined mask of found regions unlikely, by the metadata of its bundle; see `check_sides`.

    `joined` holds the labels of each region. Raises `InputError` for a mask that is not given without `force`.
    """
    return check_sides(MadeFor.from_json(metadata.get("made_for") or {}), labels, joined, force=force)


def _table(metadata: Mapping[str, Any]) -> LabelTable:
    """Values and names only: MONAI turns the "#" of colours into "::" in the metadata of a running config."""
    rows = metadata.get("labels")
    if not rows:
        return label_table(metadata)
    return LabelTable.of_names({int(row["value"]): str(row["name"]) for row in rows})
