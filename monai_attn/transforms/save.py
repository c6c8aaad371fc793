"""The last transform of a bundle: the label map of a case to a file on the grid of its image.

For `python -m monai.bundle run`; the segmenter of `monai_attn` switches savers off and writes through
`monai_attn.cohort`. Mask and record are committed together by `monai_attn.results.commit`.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Hashable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from monai.config import KeysCollection
from monai.transforms import MapTransform
from numpy.typing import NDArray

from monai_attn.cases import checked_name, names_of
from monai_attn.errors import FileError, GeometryError, LabelError
from monai_attn.finders import REGION_KEY, PartNote, RegionLabels, collect_part
from monai_attn.io import stem
from monai_attn.io.writing import write_aside
from monai_attn.labels import LabelTable
from monai_attn.results import Writer, commit, text_writer
from monai_attn.transforms.certainty import certainty_of
from monai_attn.volume import Volume, same_grid

__all__ = ["SaveSegmentationd", "label_map"]

logger = logging.getLogger(__name__)


class SaveSegmentationd(MapTransform):  # type: ignore[misc]
    """Writes the label map at each key as `output_dir/<case>_<postfix>.nii.gz`, uint8 or uint16.

    The case is named by `data["case"]`, else by the file it was loaded from (`monai_attn.cases.names_of`). The map must
    lie on the grid that the image at `source_key` was loaded with. `data` is passed on unchanged.

    Beside the map, `<case>_<postfix>.json` holds what `provenance()` gives, if that is given, and which images
    `AlignImagesd` joined and which were missing. With `warnings` it holds the warnings of
    `monai_attn.preflight.CheckedImages` on the images, and what `warnings(mask, certainty=..., images=...)` gives. They
    are logged too. `certainty` is that of `certainty_of`, and goes into the JSON. `images` are the names of the images
    that were joined, empty for one image.

    Raises `LabelError` for values that are no labels, `GeometryError` for another grid, and `InputError` for a name
    that would lead out of the folder. Raises `FileError` when the file exists and `overwrite` is not set, or when two
    cases of one run have the same name.

    An item that is one region of a case waits for the other regions. Then their labels are joined on the grid of the
    whole image, and `sides(mask, labels)` may refuse the joined mask or warn.

    With several keys the key is added to the file name, as in `case_1_seg_pred.nii.gz`. The JSON gets its provenance
    once for a run, and images and warnings for each case. No patient name comes into the log: masks are numbered.
    """

    def __init__(
        self,
        keys: KeysCollection,
        output_dir: str | Path,
        *,
        source_key: str = "image",
        postfix: str = "seg",
        overwrite: bool = False,
        provenance: Callable[[], Mapping[str, Any]] | None = None,
        warnings: Callable[..., Sequence[str]] | None = None,
        sides: Callable[[Volume, RegionLabels], Sequence[str]] | None = None,
    ) -> None:
        super().__init__(keys)
        self.output_dir = Path(output_dir)
        self.source_key = source_key
        self.postfix = postfix
        self.overwrite = overwrite
        self.provenance = provenance
        self.warnings = warnings
        self.sides = sides
        self._open: dict[Path, dict[str, NDArray[np.generic]]] = {}
        self._said: dict[Path, list[str]] = {}
        self._sure: dict[Path, dict[int, float]] = {}
        self._made_by: dict[str, Any] | None = None
        self._written: set[Path] = set()

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """The case, unchanged."""
        for key in self.key_iterator(dict(data)):
            self._save(data[key], data[self.source_key], self._path(data, key))
        return dict(data)

    def _path(self, data: Mapping[Hashable, Any], key: Hashable) -> Path:
        """The file of a case.

        Raises `InputError` for a name that would lead out of the folder, and `FileError` for a second case of one name.
        """
        given = data.get("case")
        (found,) = names_of([Path(data[self.source_key].meta["filename_or_obj"])])
        case = checked_name(str(given)) if given else found
        postfix = self.postfix if len(self.keys) == 1 else f"{self.postfix}_{key!s}"
        path = self.output_dir / f"{case}_{postfix}.nii.gz"
        if path in self._written:
            raise FileError(
                f"Two cases of this run are called {case!r}, so their masks would have one name. "
                "Rename one, or list them in a dataset.json."
            )
        return path

    def _save(self, prediction: Any, source: Any, path: Path) -> None:
        """Check the grid of a label map and write the map, with its JSON where there is provenance.

        `source` is the image with the metadata of its loading. Raises `GeometryError`, `LabelError` or `FileError`.
        """
        labels = label_map(np.asarray(prediction.cpu() if hasattr(prediction, "cpu") else prediction))
        affine = np.asarray(source.meta["original_affine"], dtype=np.float64)
        shape = tuple(int(size) for size in source.meta["spatial_shape"])
        mask = Volume(labels, affine)
        inverted = Volume(labels, np.asarray(getattr(prediction, "affine", affine), dtype=np.float64))
        if labels.shape != shape or not same_grid(mask, inverted):
            raise GeometryError(
                f"The label map has the grid {labels.shape}, the image {shape}. Bring it back to the image's grid "
                "with Invertd before it is saved."
            )
        text = source.meta.get(REGION_KEY)
        said = self._said.setdefault(path, [])
        said += str(source.meta.get("warnings") or "").splitlines()
        sure, seen = certainty_of(prediction), _images_of(source).get("images", [])
        if not text:
            said += self.warnings(mask, certainty=sure, images=seen) if self.warnings is not None else []
            self._write(mask, path, source, {"certainty": sure} if sure else {})
            return
        note = PartNote.from_text(str(text))
        if self.warnings is not None:
            found = self.warnings(mask, certainty=sure, images=seen, region=True)
            said += [f"{note.name}: {sentence}" for sentence in found]
        shares = self._sure.setdefault(path, {})
        shares |= {note.labels[note.name][value].value: share for value, share in sure.items()}
        joined = collect_part(self._open.setdefault(path, {}), note, labels)
        if joined is not None:
            del self._open[path]
            if self.sides is not None and "finder" in note.about:
                said += self.sides(joined, note.labels)
            table = LabelTable(tuple(label for name in note.boxes for label in note.labels[name].values()))
            about = {"certainty": self._sure.pop(path), "labels": table.to_json()}
            self._write(joined, path, source, {**note.about, **about})

    def _write(self, mask: Volume, path: Path, source: Any, about: Mapping[str, Any]) -> None:
        """Write a label map, and its JSON where there is provenance, with what is to be said about this case."""
        said, number = self._said.pop(path), len(self._written)
        files: dict[Path, Writer] = {path: partial(write_aside, mask)}
        warned = {"warnings": said} if self.warnings is not None else {}
        for sentence in said if warned else ():
            logger.warning("Mask %d: %s", number, sentence)
        if self.provenance is not None:
            if self._made_by is None:
                self._made_by = dict(self.provenance())
            content = {**self._made_by, **_images_of(source), **about, **warned}
            text = json.dumps(content, indent=2, default=str) + "\n"
            files[path.with_name(stem(path) + ".json")] = text_writer(text)
        commit(files, overwrite=self.overwrite)
        self._written.add(path)
        logger.info("Mask %d is written.", len(self._written))


def _images_of(source: Any) -> dict[str, list[str]]:
    """What `AlignImagesd` noted in the image: the names of those given, and of those missing."""
    said = {key: source.meta.get(key) for key in ("images", "missing")}
    return {key: [name for name in text.split(", ") if name] for key, text in said.items() if isinstance(text, str)}


def label_map(values: NDArray[Any]) -> NDArray[np.generic]:
    """Whole numbers `(1, I, J, K)` or `(I, J, K)` to a label map `(I, J, K)`, uint8, or uint16 for values above 255.

    Raises `LabelError` for several channels, NaN, fractions, negative numbers, and numbers above 65535.

    >>> label_map(np.array([[[[0.0, 2.0]]]])).tolist()
    [[[0, 2]]]
    >>> label_map(np.array([[[0, 300]]])).dtype
    dtype('uint16')
    """
    values = np.asarray(values)
    if values.ndim == 4 and values.shape[0] == 1:
        values = values[0]
    if values.ndim != 3:
        raise LabelError(
            f"A label map has one channel and three axes, not the shape {values.shape}. "
            "Reduce the classes with AsDiscreted(argmax=true) before it is saved."
        )
    whole = values if values.dtype.kind in "bui" else np.rint(values)
    if whole is not values and not np.array_equal(values, whole):  # NaN differs from itself, so it is refused as well
        wrong = values[values != whole].flat[0]
        raise LabelError(
            f"The label map holds {wrong}, which is no whole number. Invert the logits before AsDiscreted, "
            "or let Invertd use nearest_interp=true."
        )
    if values.min(initial=0) < 0 or values.max(initial=0) > np.iinfo(np.uint16).max:
        raise LabelError(f"Labels run from {values.min()} to {values.max()}; 0 to 65535 can be saved.")
    labels: NDArray[np.generic] = whole.astype(
        np.uint8 if whole.max(initial=0) <= np.iinfo(np.uint8).max else np.uint16
    )
    return labels
