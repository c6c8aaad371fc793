"""The segmenter: images in, a segmentation out, with the transforms, inferer and network of a bundle."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from monai.data.utils import decollate_batch, list_data_collate
from numpy.typing import NDArray

from monai_attn.backends import Execution, load_network
from monai_attn.backends.calibration import WindowRecorder
from monai_attn.backends.execution import CalibrationImage
from monai_attn.bundle import Parts, open_bundle
from monai_attn.bundle.case import case_images, read_case
from monai_attn.errors import InputError
from monai_attn.finders import Regions, region_labels
from monai_attn.inferers.maps import check_maps, extra_runs
from monai_attn.inferers.watching import RunWatch, watch_inferer
from monai_attn.labels import LabelTable
from monai_attn.preflight import MadeFor, Plan, check_mask, check_sides, plan_case
from monai_attn.preflight.regions import named
from monai_attn.progress import Finished, Progress
from monai_attn.segmentation import Segmentation
from monai_attn.segmenter.canvas import Canvas
from monai_attn.segmenter.evaluating import evaluated
from monai_attn.segmenter.failing import failing_on_this_image
from monai_attn.segmenter.grid import checked_labels
from monai_attn.segmenter.mapping import with_maps
from monai_attn.segmenter.naming import found_table
from monai_attn.segmenter.overlapping import one_map
from monai_attn.segmenter.provenance import describe_run
from monai_attn.segmenter.steps import inferred, prepared, seen_centroid_mm
from monai_attn.transforms.certainty import certainty_of
from monai_attn.transforms.on_source import classes_exclude
from monai_attn.volume import ImageSource, Volume

__all__ = ["Segmenter"]

IN_TORCH = Execution(device="cpu", backend="torch")


class Segmenter:
    """Makes a `Segmentation` of an image, with the transforms, inferer and network of a bundle.

    The network is loaded once and used for every image. `execution` says how it runs: device, back-end, precision,
    threads, and the images on which an int8 network is calibrated. Without it the network runs in PyTorch on the CPU.

    >>> segmenter = Segmenter.from_bundle("hippocampus_mri")  # doctest: +SKIP
    >>> segmentation = segmenter("case_017/t1.nii.gz")  # doctest: +SKIP
    >>> segmentation.save("out", stem="case_017")  # doctest: +SKIP
    """

    def __init__(self, parts: Parts, execution: Execution = IN_TORCH) -> None:
        self.parts = parts
        if parts.evaluator is not None:  # it holds the network itself
            execution = replace(execution, backend="torch", precision="f32")
        self.execution = execution
        self.device = execution.resolved().device
        self._made_for = MadeFor.from_json(parts.made_for)
        recorder = WindowRecorder(parts.network)
        for source in execution.calibration:
            inferred(parts, case_images(source, parts), recorder, parts.inferer, self.device)
        regions = not classes_exclude(parts.postprocessing)
        self._network = load_network(parts.network, execution, windows=recorder.windows, regions=regions)

    @property
    def backend(self) -> str:
        """The back-end that ran the last image; before the first image, the back-end that will be tried."""
        return self._network.record.backend

    @classmethod
    def from_bundle(
        cls,
        name_or_path: str | Path,
        *,
        overrides: Mapping[str, Any] | None = None,
        device: str = "auto",
        backend: str = "auto",
        precision: str = "auto",
        threads: int | None = None,
        calibration: Sequence[CalibrationImage] = (),
        execution: Execution | None = None,
        trust: bool = False,
        labels: LabelTable | Sequence[str] = (),
    ) -> Segmenter:
        """The segmenter of a shipped bundle, by its name, or of any MONAI bundle, by its folder.

        - `overrides`: change the bundle's config by id, for example `{"inferer::inferer::overlap": 0.25}`.
        - `device`, `backend`, `precision`, `threads`, `calibration`: see `monai_attn.backends.Execution`. `execution`
          gives all of them as one value.
        - `trust`: let the code of a bundle run that did not come with the package; without it such a bundle is refused.
        - `labels`: names of the labels, in place of the bundle's. For a bundle that is asked for structures, such as
          VISTA3D, it is a list of the names or values of these structures.

        Raises `BundleError`, `OverrideError` or `TrustError` for the bundle, and `LabelError` for `labels` that lack
        one of its labels. Raises `InputError` for a device, back-end or precision that does not exist, or for
        `execution` together with one of these.
        """
        given = Execution(device, backend, precision, threads, tuple(calibration))
        if execution is not None and given != Execution():
            raise InputError("Give execution, or device, backend, precision, threads and calibration; not both.")
        execution = execution or given
        device = execution.resolved().device
        parts = open_bundle(name_or_path, overrides=overrides, device=device, trust=trust)
        if labels:
            parts = parts.named(labels) if isinstance(labels, LabelTable) else parts.asking(labels)
        return cls(parts, execution)

    def __call__(
        self,
        source: ImageSource | Sequence[ImageSource] | Mapping[str, ImageSource],
        *,
        region: Regions = None,
        progress: Progress | None = None,
        finished: Finished | None = None,
        maps: Sequence[str] = (),
        force: bool = False,
    ) -> Segmentation:
        """Segment one case; the mask lies on the grid of the reference image, the first of the bundle's images given.

        - `source`: a path, a DICOM folder, a `Volume`, a list of images on one grid, or a mapping by name. For a bundle
          of several images: `{"t1": ..., "ct": ...}`, or a folder in which the images can be told apart (see `read`).
          The provenance says which images were missing.
        - `region`: a box in mm (RAS+), or several by name, as in `{"left": Box(...), "right": Box(...)}`. Only the
          boxes are preprocessed and segmented, each by itself, and the rest is background. Several boxes give one
          label map (docs/regions.md). Without a region, a far too large image is given to the bundle's finder.
        - `progress(done, total)`: called with the number of windows done and the number of all windows, None where the
          inferer does not say it. An exception that it raises stops the run and reaches the caller; the segmenter stays
          usable.
        - `finished(labels, box)`: called by bundles that make labels slab by slab. `labels` is the label map so far, of
          the part that is segmented or, with several regions, of the whole image. `box` are the voxels that have just
          been finished. The bundle's last steps are still to come, so this is not the mask yet.
        - `maps`: "attention", "entropy", "flip_variance", "probabilities"; see `monai_attn.inferers.maps`.
        - `force`: segment images of which no sensible mask can come; without it they are refused.

        Images and mask are compared with what the bundle was made for (docs/bundles.md). What is unlikely is in
        `Segmentation.warnings`.

        Raises `FileError` or `GeometryError` for an image that cannot be read or has no part in the region. Raises
        `InputError` for an image that is refused, for an image that DICOM says is of another modality or unit, and for
        maps that the network does not have. Raises `BundleError` when what the bundle computes is no label map.
        """
        start = time.perf_counter()
        images = case_images(source, self.parts)
        plan = self._plan(images, region=region, force=force, centroid=self._centroid)
        whole = images[next(iter(images))][0]
        joined = region_labels(list(plan.parts), self.parts.table, self.parts.entry)
        canvas, warnings = Canvas(whole, plan, self.parts.table, joined), list(plan.warnings)
        certainty: dict[int, float] = {}
        spans: dict[int, tuple[float, float]] = {}
        for name, part in plan.parts.items():
            shown: dict[str, NDArray[np.generic]] = {}
            watch = RunWatch(canvas.progress_of(name, progress), canvas.finished_of(name, finished))
            array, sure, table = self._labels(part.images, watch, maps, shown)
            if canvas.joined is None:
                canvas.table = table
            grid = part.images[next(iter(part.images))][0].with_array(array)
            seen, boxed = list(part.images), part.box is not None
            said = check_mask(self._made_for, grid, self.parts.table, certainty=sure, images=seen, region=boxed)
            warnings += [named(name, text) for text in said]
            canvas.add(name, array, shown)
            certainty |= {canvas.value_of(name, value): share for value, share in sure.items()}
            factors = self._made_for.volume_factors(seen) if self._made_for is not None else {}
            spans |= {canvas.value_of(name, value): span for value, span in factors.items()}
        labels = Volume(canvas.array, whole.affine, modality="SEG", frame_of_reference=whole.frame_of_reference)
        if plan.found is not None:
            warnings += check_sides(self._made_for, labels, joined, force=force)
        ran, seconds = self._network.record.provenance(), time.perf_counter() - start
        provenance = describe_run(self.parts, self.execution, ran, images, region, seconds)
        provenance |= plan.about() | {"certainty": certainty, "warnings": warnings}
        provenance |= {"volume_interval": {value: list(span) for value, span in spans.items()}} if spans else {}
        volumes = {name: replace(labels, array=one, modality="") for name, one in canvas.maps.items()}
        return Segmentation(labels, canvas.table, provenance, volumes)

    def read(
        self,
        source: str | Path | Mapping[str, str | Path],
        *,
        series: str | Mapping[str, str] | None = None,
        volume: int | None = None,
        suv_factor: float | None = None,
    ) -> dict[str, Volume]:
        """The images of a case that this bundle takes, by name, the reference image first.

        - `source`: a path, a folder with a file or a DICOM series for each image, or a mapping of names to paths.
        - `series`: chooses among DICOM series, by name where there are several images; see
          `monai_attn.cases.find_images`.
        - `volume`: chooses among the volumes of a 4-D file, from 0.
        - `suv_factor`: for PET, the factor from stored values to SUV; see `monai_attn.io.read`.

        Raises `InputError`, `FileError` or `GeometryError`.
        """
        return read_case(source, self.parts, series=series, volume=volume, suv_factor=suv_factor)

    def check(self, images: Mapping[str, Volume], *, region: Regions = None, force: bool = False) -> tuple[str, ...]:
        """The warnings on the images of a case, which are prepared as for a run; see `plan`."""
        return tuple(self.plan(images, region=region, force=force).warnings)

    def plan(self, images: Mapping[str, Volume], *, region: Regions = None, force: bool = False) -> Plan:
        """What a run would segment: the parts of a case, with boxes in mm, and warnings; images are prepared.

        Refused are images of another modality or unit, images that do not meet in space, and a region beside them.
        Unless `force` is set, images of which no sensible mask can come are refused too. Raises as a call does.
        """
        plan = self._plan(case_images(images, self.parts), region=region, force=force)
        with failing_on_this_image(self.parts.name):
            for part in plan.parts.values():
                prepared(self.parts, part.images)
        return plan

    def _plan(self, images: Mapping[str, list[Volume]], **options: Any) -> Plan:
        """The plan of a case; `options` are those of `plan_case`."""
        return plan_case(self._made_for, self.parts.inputs, images, finder=self.parts.finder, **options)

    def _centroid(self, images: Mapping[str, list[Volume]]) -> NDArray[np.float64] | None:
        """Where the network sees its structures in the images of a region, `(3,)` in mm (RAS+)."""
        with failing_on_this_image(self.parts.name):
            return seen_centroid_mm(self.parts, images, self._network, self.device)

    def _labels(
        self,
        images: Mapping[str, list[Volume]],
        watch: RunWatch,
        maps: Sequence[str],
        shown: dict[str, NDArray[np.generic]],
    ) -> tuple[NDArray[np.generic], dict[int, float], LabelTable]:
        """The bundle's own pipeline, as MONAI's evaluator runs it, for one case; maps are left in `shown`.

        Gives the labels, how sure the network is of each, and the names of the labels. Regions that overlap are joined
        to a label map with a value for each set of regions.
        """
        self._network.record.used.clear()
        if maps:
            check_maps(maps, self.parts.network)
            watch.runs += extra_runs(self.parts.inferer, maps)
        inferer = watch_inferer(self.parts.inferer, watch)
        with failing_on_this_image(self.parts.name, watch):
            if self.parts.evaluator is not None:
                prediction = evaluated(self.parts.evaluator, list_data_collate([prepared(self.parts, images)]), watch)
            else:
                runs = with_maps(inferer, self.parts, maps, shown) if maps else inferer
                (result, *_) = decollate_batch(inferred(self.parts, images, self._network, runs, self.device))
                prediction = self.parts.postprocessing(result)["pred"]
            sure = certainty_of(prediction)
            prediction, table = one_map(prediction, self.parts.table, self.parts.channels)
            labels = checked_labels(prediction, images[next(iter(images))][0], self.parts.name)
        return labels, sure, found_table(table, self.parts.prompts, labels)
