"""What an assistant may ask for, as plain functions on the files of a `Fence`; each answer can be written as JSON.

Answers hold no name, number or date of a patient. They hold paths relative to the folder, numbers, descriptions and
UIDs of series, and the sentences of the library. Nothing is replaced, and only bundles that come with the package run.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

from monai_attn.errors import InputError
from monai_attn.mcp_server.fence import Fence
from monai_attn.notice import RESEARCH_USE

if TYPE_CHECKING:
    from monai_attn.cohort import Row

__all__ = ["Tools"]

MAX_LISTED = 200
"""Files of the folder that `info` lists; of more the number is said."""


class Tools:
    """Info, segment, measure, compare and report, on the files of one folder.

    Every method raises `AttnError` with a sentence that says the way out. One method works at a time, since a
    segmentation needs much memory.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as place:
    ...     sorted(Tools(Fence(Path(place))).info()["bundles"])
    ['head_neck_ct', 'hippocampus_mri', 'soft_tissue_sarcoma']
    """

    def __init__(self, fence: Fence) -> None:
        self.fence = fence
        self._one_at_a_time = Lock()
        self._segmenters: dict[str, Any] = {}

    def info(self, path: str = "") -> dict[str, Any]:
        """What is in an image, a folder or a bundle; without a path, the files of the folder and the bundles.

        Gives sizes in voxels, spacing in mm, bounds in mm of the patient (RAS+), the series of a DICOM folder, and of a
        bundle its images and structures.
        """
        from monai_attn.bundle.describe import describe_bundle
        from monai_attn.bundle.locate import read_metadata, shipped
        from monai_attn.bundle.summary import rows_of_bundle
        from monai_attn.cases.description import folder_rows, volume_rows
        from monai_attn.io import read

        if not path:
            return {"files": self._files(), "bundles": list(shipped()), "notice": RESEARCH_USE}
        if path in shipped():
            rows = rows_of_bundle(describe_bundle(path), read_metadata(shipped()[path]))
            return {name: value for name, value in rows.items() if name != "folder"}
        place = self.fence.image(path)
        with self._one_at_a_time:
            return folder_rows(place) if place.is_dir() else volume_rows(read(place))

    def segment(self, images: Sequence[str], bundle: str, output: str) -> dict[str, Any]:
        """Masks of images, written with their tables and records into a new or an existing folder `output`.

        `images` are files, DICOM folders or folders of images, or NAME=PATH for each image of a bundle of several.
        `bundle` is the name of a bundle that comes with monai_attn. Finished cases are not done again, and no file is
        replaced. Gives for each case its files, volumes in ml, warnings, and an error where it failed.
        """
        from monai_attn.bundle.locate import shipped
        from monai_attn.cases import find_cases
        from monai_attn.cohort import Recipe, run_cases
        from monai_attn.results import check_folder

        if bundle not in shipped():
            raise InputError(
                f"{bundle!r} is no bundle that comes with monai_attn. Choose one of {', '.join(shipped())}."
            )
        recipe = Recipe(bundle, self.fence.new(output))
        if recipe.output.exists():  # what stands there is read, to see which cases are finished
            self.fence.all_inside([recipe.output])
        inputs = [self._named(text) for text in images]
        with self._one_at_a_time:
            segmenter = self._segmenters.get(bundle) or recipe.segmenter()
            self._segmenters[bundle] = segmenter
            cases = find_cases(inputs, [one.name for one in segmenter.parts.inputs])
            self.fence.all_inside(path for case in cases for path in case.paths)
            check_folder(recipe.output)
            rows = [self._row(row) for row in run_cases(recipe, cases, segmenter)]
        return {"cases": rows, "notice": RESEARCH_USE}

    def measure(self, mask: str, image: str = "", lesions: Sequence[str] = ()) -> dict[str, Any]:
        """Volumes (ml), surfaces (mm2) and places (mm, RAS+) of the structures of a mask; of lesions, one by one.

        `image` on the grid of the mask adds its intensities. `lesions` are labels, by name or number, of which each
        connected piece is measured.
        """
        from monai_attn.cohort import measure_case
        from monai_attn.io import read
        from monai_attn.segmentation import Segmentation, case_name

        place, picture = self.fence.mask(mask), self.fence.image(image) if image else None
        with self._one_at_a_time:
            volume = read(picture) if picture else None
            measured = measure_case(Segmentation.load(place), volume, case=case_name(place), lesions=list(lesions))
        return _plain(measured.rows(), unit=volume.unit if volume is not None else "")

    def compare(self, prediction: str, reference: str, tolerance_mm: float = 1.0) -> dict[str, Any]:
        """Dice, surface distances (mm) and volume differences (ml) of two masks, or of the masks of two folders.

        Masks of folders are paired by their file names. `tolerance_mm` belongs to the surface Dice. A case that cannot
        be compared is a row with its error.
        """
        from monai_attn.cohort import Criteria, compare_pair, comparison_rows, complete, find_pairs

        places = [self.fence.mask(text) for text in (prediction, reference)]
        criteria = Criteria(tolerance_mm=tolerance_mm)
        with self._one_at_a_time:
            pairs = find_pairs(*places)
            self.fence.all_inside(path for pair in pairs for path in (pair.prediction, pair.reference) if path)
            cases = complete([compare_pair(pair, criteria) for pair in pairs])
        if not places[0].is_dir() and cases[0].error:
            raise InputError(cases[0].error)
        return _plain(comparison_rows(cases, summary=places[0].is_dir()))

    def report(self, image: str, mask: str, output: str) -> dict[str, Any]:
        """An HTML page with pictures and measurements of a mask, written to the new file `output` (.html).

        The page holds no name, number or date of the patient. A file that exists is not replaced.
        """
        from monai_attn.io import read, write_bytes_atomic
        from monai_attn.io.atomic import check_free
        from monai_attn.report import anonymous_case, case_page, check_matplotlib, read_identity
        from monai_attn.segmentation import Segmentation, case_name

        check_matplotlib()
        picture, place, page = self.fence.image(image), self.fence.mask(mask), self.fence.new(output)
        if page.suffix != ".html":
            raise InputError(f"{page.name}: a report ends with .html.")
        check_free(page, overwrite=False)
        with self._one_at_a_time:
            case = anonymous_case(case_name(place), read_identity(picture))
            text = case_page(case, read(picture), Segmentation.load(place))
            write_bytes_atomic(page, text.encode(), overwrite=False)
        return {"written": self.fence.shown(page), "notice": RESEARCH_USE}

    def _files(self) -> list[str]:
        """What is in the folder, up to `MAX_LISTED` files and no hidden ones; links are not followed."""
        found = []
        for place, folders, files in os.walk(self.fence.root):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            here = Path(place).relative_to(self.fence.root)
            found += [(here / name).as_posix() for name in sorted(files) if not name.startswith(".")]
            if len(found) > MAX_LISTED:
                return [*found[:MAX_LISTED], "and more: name a folder"]
        return found

    def _named(self, text: str) -> str | Path:
        """An image, or `NAME=PATH`, with its path checked."""
        name, sign, path = text.partition("=")
        if sign and name.isidentifier():
            return f"{name}={self.fence.image(path)}"
        return self.fence.image(text)

    def _row(self, row: Row) -> dict[str, Any]:
        return {**row.to_json(), "files": [self.fence.shown(path) for path in row.files]}


def _plain(rows: list[dict[str, Any]], **about: Any) -> dict[str, Any]:
    """Rows as JSON knows them, without nan and infinity, and with the sentence on their use."""
    from monai_attn.measure import to_json

    content: dict[str, Any] = json.loads(to_json(rows, notice=RESEARCH_USE, **about))
    return content
