"""The first transform of a bundle: a path or a volume in memory becomes a tensor with its geometry.

`monai_attn` puts this transform in place of `LoadImaged` when a bundle is opened, so that a bundle takes files and
volumes in memory alike. Under `python -m monai.bundle run` a config may name the transform itself.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from monai.config import KeysCollection
from monai.data import MetaTensor
from monai.transforms import MapTransform
from monai.utils import SpaceKeys, ensure_tuple, ensure_tuple_rep
from numpy.typing import NDArray
from torch.utils.data._utils.collate import default_collate_fn_map

from monai_attn.cases import ImageFile
from monai_attn.cases.labelled import LabelFile
from monai_attn.errors import GeometryError, InputError
from monai_attn.io import read
from monai_attn.volume import ImageSource, Volume, same_grid

__all__ = ["CarriedFile", "LoadVolumed"]

Source = ImageSource | ImageFile | LabelFile
"""One image: a path, a volume, or a place that says which series or volume of a path, or which values of a mask."""


class CarriedFile(str):
    """The place of a reference mask in a batch, with the `LabelFile` that is read for the score.

    MONAI takes batches apart again, and passes on texts and numbers alone. A mask whose values have gaps, a DICOM SEG
    and a folder of masks are read by more than a path.
    """

    file: LabelFile

    def __new__(cls, file: LabelFile) -> CarriedFile:
        """The path of the mask as a text, with the file."""
        text = super().__new__(cls, file.path)
        text.file = file
        return text

    def __reduce__(self) -> tuple[type[CarriedFile], tuple[LabelFile]]:
        return CarriedFile, (self.file,)


def _carried(batch: Sequence[LabelFile], *, collate_fn_map: object = None) -> list[CarriedFile]:
    """The masks of the cases of a batch, as torch asks for them."""
    del collate_fn_map
    return [CarriedFile(file) for file in batch]


default_collate_fn_map[LabelFile] = _carried


class LoadVolumed(MapTransform):  # type: ignore[misc]
    """Reads the image at each key to a `MetaTensor` with its affine: voxel index to millimetres, RAS+.

    A key holds a path (NIfTI, NRRD, MHA, DICOM folder), a `Volume`, or a list of these on one grid. A labelled case
    may also hold an `ImageFile` or a `LabelFile` (`monai_attn.cases`), where a path does not say all. The tensor is
    `(I, J, K)`, or `(1, I, J, K)` with `ensure_channel_first`. A list becomes `(channels, I, J, K)`.

    It takes the place of MONAI's `LoadImaged` and reads with `monai_attn.io`, which refuses where it would have to
    guess. Raises `FileError` or `GeometryError` as `monai_attn.io.read` does.

    With `image_only=False` the metadata are also at `meta_keys`, by default `KEY_meta_dict`, as older bundles expect.

    With `colour` the list holds the red, green and blue of a picture, each `(I, J, 1)`. The tensor is `(I, J, 3)`, as
    MONAI's reader of pictures gives it, or `(3, I, J)` with `ensure_channel_first`.

    The metadata say where the image came from: `original_affine`, `spatial_shape`, `filename_or_obj` ("memory" for a
    `Volume`) and `frame_of_reference` (DICOM, else empty). `Invertd` and `LabelsOnSourced` need the first two. An
    empty list raises `InputError`.
    """

    def __init__(
        self,
        keys: KeysCollection,
        *,
        dtype: Any = np.float32,
        ensure_channel_first: bool = False,
        allow_missing_keys: bool = False,
        image_only: bool = True,
        meta_keys: KeysCollection | None = None,
        meta_key_postfix: str = "meta_dict",
        colour: bool = False,
    ) -> None:
        super().__init__(keys, allow_missing_keys)
        self.image_only = image_only
        self.meta_keys = ensure_tuple_rep(meta_keys, len(self.keys)) if meta_keys is None else ensure_tuple(meta_keys)
        self.meta_key_postfix = meta_key_postfix
        self.dtype = np.dtype(dtype)
        self.colour = colour
        self.ensure_channel_first = ensure_channel_first

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """The case with a tensor at each key."""
        out = dict(data)
        for key, meta_key in self.key_iterator(out, self.meta_keys):
            out[key] = self._tensor(out[key])
            if not self.image_only:
                out[meta_key or f"{key}_{self.meta_key_postfix}"] = dict(out[key].meta)
        return out

    def _tensor(self, source: Source | Sequence[Source]) -> MetaTensor:
        """One image, or several on one grid, as a tensor with affine and notes.

        Raises `GeometryError` for images on other grids.
        """
        several = isinstance(source, Sequence) and not isinstance(source, str)
        sources: list[Any] = list(source) if several else [source]  # type: ignore[arg-type]
        if not sources:
            raise InputError("A case needs at least one image; its list of images is empty.")
        volumes = [_volume(one) for one in sources]
        first = volumes[0]
        for number, volume in enumerate(volumes[1:], start=2):
            if not same_grid(first, volume):
                raise GeometryError(
                    f"Image {number} of the case has the grid {volume.shape} at {volume.spacing_mm} mm, "
                    f"image 1 {first.shape} at {first.spacing_mm} mm. Channels of one case must share a grid; "
                    "resample them to one first."
                )
        arrays = [np.asarray(volume.array, dtype=self.dtype) for volume in volumes]
        if self.colour:
            return self._picture(np.concatenate(arrays, axis=-1), _name(sources[0]))
        channels = several or self.ensure_channel_first
        array = np.stack(arrays) if channels else arrays[0].copy()
        meta = {
            "filename_or_obj": _name(sources[0]),
            "original_affine": first.affine.copy(),
            "spatial_shape": np.array(first.shape),
            "original_channel_dim": 0 if channels else float("nan"),  # MONAI's word for "no channel"
            "space": SpaceKeys.RAS,
            "frame_of_reference": first.frame_of_reference,
        }
        return MetaTensor(torch.from_numpy(array), affine=torch.from_numpy(first.affine.copy()), meta=meta)

    def _picture(self, array: NDArray[Any], name: str) -> MetaTensor:
        """A picture `(I, J, colours)` in pixels: it has no place in a patient."""
        meta = {
            "filename_or_obj": name,
            "original_affine": np.eye(3),
            "spatial_shape": np.array(array.shape[:2]),
            "original_channel_dim": -1,
        }
        if self.ensure_channel_first:
            array, meta["original_channel_dim"] = np.moveaxis(array, -1, 0), 0
        return MetaTensor(torch.from_numpy(np.ascontiguousarray(array)), affine=torch.eye(3), meta=meta)


def _volume(source: Source) -> Volume:
    """The image of a source, read where it is not in memory."""
    if isinstance(source, Volume):
        return source
    return source.read() if isinstance(source, ImageFile | LabelFile) else read(source)


def _name(source: Source) -> str:
    """The path of a source as text, "memory" for a volume."""
    if isinstance(source, Volume):
        return "memory"
    return str(source.path if isinstance(source, ImageFile | LabelFile) else source)
