"""Several images of one patient, each on its own grid, joined to the channels of one image by patient coordinates.

A CT and a PET of one examination have different voxels in the same patient space. `AlignImagesd` interpolates all
images on one grid; the two random transforms teach a network to do without some images. Nothing here registers
images: where a patient has moved between two series, the images stay apart.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from copy import deepcopy
from typing import Any

import torch
from monai.config import KeysCollection
from monai.data import MetaTensor
from monai.transforms import (
    InvertibleTransform,
    MapTransform,
    Orientation,
    RandomizableTransform,
    ResampleToMatch,
    Spacing,
)
from torch import Tensor

from monai_attn.errors import GeometryError, InputError

__all__ = ["AlignImagesd", "RandCutImagesd", "RandDropImagesd"]


class AlignImagesd(MapTransform, InvertibleTransform):  # type: ignore[misc]  # MONAI has no type hints
    """Joins the images at `keys` to one tensor on one grid, and takes the single images away.

    - The first key that is there is the reference. It is brought to RAS and to the spacing `pixdim` (mm).
    - The other images are interpolated at the patient coordinates of the reference's voxels.
    - With M keys, `output_key` becomes `(M, I, J, K)` float32. `presence_key` becomes as many masks, 1 where that image
      was measured. A missing image is 0 in both, and so is what lies outside an image.
    - Both keep the metadata of the reference, and what was done to the reference. So `Invertd` brings a prediction back
      to the reference's own grid. `meta["images"]` and `meta["missing"]` name the images, separated by commas.

    Raises `InputError` when none of the keys is there. Raises `GeometryError` for an image that has no voxel in common
    with the reference. It does so too for another frame of reference (as far as DICOM says), unless `ignore_frames` is
    set.

    `pixdim` are the voxel edges in mm along right, anterior and superior. Interpolation is linear. An image repeats
    its outermost voxels only as far as its own mask reaches; the mask ends half a voxel beyond the outermost
    centres.
    """

    def __init__(
        self,
        keys: KeysCollection,
        pixdim: Sequence[float],
        *,
        output_key: str = "image",
        presence_key: str = "presence",
        ignore_frames: bool = False,
    ) -> None:
        super().__init__(keys, allow_missing_keys=True)
        self.output_key = output_key
        self.presence_key = presence_key
        self.ignore_frames = ignore_frames
        self._orient = Orientation(axcodes="RAS", labels=None)
        self._space = Spacing(pixdim=list(pixdim), mode="bilinear")
        self._match = ResampleToMatch(mode="bilinear", padding_mode="border")  # no fading to 0 in the outermost voxels
        self._match_mask = ResampleToMatch(mode="bilinear", padding_mode="zeros")

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """The case with the joined image and its masks, without the single images."""
        out = dict(data)
        names = [str(key) for key in self.keys]
        images = {name: image for name in names if (image := out.pop(name, None)) is not None}
        if not images:
            raise InputError(f"A case needs at least one of the images {', '.join(names)}; it has none.")
        self._check_frames(images)
        first = next(iter(images))
        reference = self._space(self._orient(images[first]))
        done = reference.applied_operations[len(images[first].applied_operations) :]  # here, and not to values before
        nothing = torch.zeros_like(_plain(reference))
        pairs = {first: (_plain(reference), torch.ones_like(nothing))}
        for name, image in images.items():
            if name != first:
                pairs[name] = self._onto(image, reference, name, first)
        joined = [pairs.get(name, (nothing, nothing)) for name in names]
        said = {"images": ", ".join(images), "missing": ", ".join(name for name in names if name not in images)}
        for key, channels in zip((self.output_key, self.presence_key), zip(*joined, strict=True), strict=True):
            out[key] = MetaTensor(
                torch.cat(channels),
                meta=deepcopy({**reference.meta, **said}),  # the affine is among them
                applied_operations=deepcopy(done),
            )
        return out

    def inverse(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """The case with what lies at `output_key` on the reference's own grid; the single images stay joined."""
        out = dict(data)
        out[self.output_key] = self._orient.inverse(self._space.inverse(out[self.output_key]))
        return out

    def _onto(self, image: MetaTensor, reference: MetaTensor, name: str, first: str) -> tuple[Tensor, Tensor]:
        """An image and where it was measured, on the grid of the reference.

        Both tensors have the shape `(1, I, J, K)`; values are 0 where nothing was measured.
        """
        everywhere = MetaTensor(torch.ones_like(_plain(image)), affine=image.affine)
        measured = _plain(self._match_mask(everywhere, reference)) > 0.5
        if not measured.any():
            raise GeometryError(
                f"The images {name!r} and {first!r} have no place in common: they show different parts of the body, "
                "or different patients. Give images of one examination, or leave one out."
            )
        values = _plain(self._match(image, reference))
        return torch.where(measured, values, torch.zeros_like(values)), measured.float()

    def _check_frames(self, images: Mapping[str, MetaTensor]) -> None:
        """Refuse images of different frames of reference (DICOM), which do not share patient coordinates."""
        frames = {name: image.meta.get("frame_of_reference", "") for name, image in images.items()}
        known = {name: frame for name, frame in frames.items() if frame}
        if len(set(known.values())) > 1 and not self.ignore_frames:
            said = ", ".join(f"{name} {frame}" for name, frame in known.items())
            raise GeometryError(
                f"The images have different frames of reference ({said}), so their coordinates need not agree. Give "
                "images of one examination, or register them; if they are registered, set ignore_frames=true."
            )


class _RandHide(RandomizableTransform, MapTransform):  # type: ignore[misc]
    """Multiplies images that `AlignImagesd` joined, and their masks, by 0 somewhere.

    The masks come last of the keys.

    The two subclasses say what is hidden by their `_weight`. A case with fewer than two images passes unchanged.
    """

    def __init__(self, keys: KeysCollection, prob: float) -> None:
        MapTransform.__init__(self, keys)
        RandomizableTransform.__init__(self, prob)

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """`data`, with something hidden; a lone image never is."""
        out = dict(data)
        self.randomize(None)
        masks = out[self.keys[-1]]
        present = [index for index, mask in enumerate(masks) if mask.any()]
        if not self._do_transform or len(present) < 2:
            return out
        weight = self._weight(present, tuple(masks.shape))
        for key in self.key_iterator(out):
            out[key] = out[key] * weight.to(out[key])
        return out

    def _weight(self, present: list[int], shape: tuple[int, ...]) -> Tensor:
        """0 for what is hidden, else 1; broadcasts to `shape`."""
        raise NotImplementedError


class RandDropImagesd(_RandHide):
    """Hides some of the images that `AlignImagesd` joined, so that a network learns to do without them.

    - With probability `prob` a subset of the images is kept, neither empty nor all, each subset as likely as the
      others. The channels of the other images become 0 at every key: the images, and their masks, which come last.
    - A share `first_alone` of these times the first image alone is kept, if it is there: the image that people have
      most often.

    A case of one image stays as it is. Modality dropout: Neverova et al. 2015, arXiv 1501.00102.
    """

    def __init__(self, keys: KeysCollection, prob: float = 0.5, *, first_alone: float = 0.0) -> None:
        super().__init__(keys, prob)
        self.first_alone = first_alone

    def _weight(self, present: list[int], shape: tuple[int, ...]) -> Tensor:
        """0 for each image that is dropped, else 1; `present` are the images of the case.

        The shape is `(M, 1, 1, 1)`, float32.
        """
        subset = int(self.R.randint(1, 2 ** len(present) - 1))  # a bit for each image: not none, not all
        kept = {index for bit, index in enumerate(present) if subset >> bit & 1}
        if self.R.random() < self.first_alone and present[0] == 0:
            kept = {0}
        return torch.tensor([float(index in kept) for index in range(shape[0])])[:, None, None, None]


class RandCutImagesd(_RandHide):
    """Lets one of the images that `AlignImagesd` joined end within the others, as scans of one patient do.

    With probability `prob` one image after the first was measured on one side of a plane only. The plane is square to a
    random axis, and the image keeps a share of its voxels drawn from `kept`. Beyond the plane the image's channel is 0
    at every key: the images, and their masks, which come last.

    Without this, networks take the empty end of a PET for a finding. A case of one image stays as it is.

    `kept` holds the smallest and the largest share of the voxels along the axis, drawn evenly.
    """

    def __init__(self, keys: KeysCollection, prob: float = 0.3, *, kept: tuple[float, float] = (0.2, 0.9)) -> None:
        super().__init__(keys, prob)
        self.kept = kept

    def _weight(self, present: list[int], shape: tuple[int, ...]) -> Tensor:
        """0 beyond the plane for the image that is cut, else 1; `present` are the images of the case.

        The shape is `(M, I, J, K)`, float32. At least two images are present, so that there is one after the first.
        """
        index, axis = int(self.R.choice(present[1:])), int(self.R.randint(3))
        size = shape[axis + 1]
        cut = round(float(self.R.uniform(*self.kept)) * size)
        beyond = slice(cut, size) if self.R.random() < 0.5 else slice(0, size - cut)
        weight = torch.ones(shape)
        weight[(index, *(beyond if one == axis else slice(None) for one in range(3)))] = 0.0
        return weight


def _plain(image: Any) -> Tensor:
    """The values of an image, without its metadata."""
    tensor: Tensor = image.as_tensor() if isinstance(image, MetaTensor) else torch.as_tensor(image)
    return tensor
