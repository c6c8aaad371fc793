"""The page of one case: key images, tables, provenance.

The page holds tables of the structures, and of the lesions and the agreement with a reference where these are asked
for. Pictures are drawn by `monai_attn.report.pictures`. Nothing is written here: the caller saves the text.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from monai_attn.errors import InputError
from monai_attn.measure import Lesion, Sides, Structure, compare, detect_lesions, measure_lesions
from monai_attn.measure.blocks import check_grid, label_array
from monai_attn.measure.lesions import find_lesions
from monai_attn.report.drawing import Scene
from monai_attn.report.page import facts, html_page, notice, paragraph, picture, section
from monai_attn.report.pictures import Target, key_picture, overview
from monai_attn.report.tables import (
    comparison_table,
    detection_table,
    lesion_table,
    place,
    sides_table,
    structure_table,
)
from monai_attn.report.window import window_of
from monai_attn.segmentation import Segmentation
from monai_attn.volume import Volume
from monai_attn.wording import counted

__all__ = ["CaseOptions", "case_page"]

OBLIQUE_DEG = 0.5
"""The page says that the planes are tilted from this angle on."""


@dataclass(frozen=True)
class CaseOptions:
    """What goes into a page besides image and segmentation.

    `reference` is a label map to compare with. `lesions` are label values whose connected components are reported one
    by one, when they have at least `min_ml`; `connectivity` is the number of neighbours (6, 18 or 26). `window` is
    (centre, width). `identity` is printed as it is given, so leave it empty. The largest `pictures` lesions of a label
    have key images; the tables hold all lesions. `head_size` adds volumes scaled to the size of the head.

    `min_ml` is in ml. Window and intensities have the unit of the image, for example HU. The reference has the same
    label values as the segmentation.

    >>> CaseOptions(lesions=[2], window=(40.0, 400.0)).pictures
    20
    """

    reference: Volume | None = None
    lesions: Sequence[int] = ()
    connectivity: int = 26
    min_ml: float = 0.0
    window: tuple[float, float] | None = None
    identity: Mapping[str, str] = field(default_factory=dict)
    pictures: int = 20
    head_size: bool = False


def case_page(case: str, image: Volume, segmentation: Segmentation, options: CaseOptions | None = None) -> str:
    """The HTML page of one case, complete in itself; the same input gives the same page.

    The warnings on the mask stand at the top. An empty label map gives a page that says so. Raises `GeometryError` when
    image, segmentation and reference do not lie on one grid, and `InputError` without matplotlib.

    `case` is the name in the title, printed as it is given; `anonymous_case` keeps a patient's name out. Volumes are
    in ml, diameters in mm, positions in mm of the patient (RAS+, with letters). Raises `InputError` also for a
    negative number of pictures, and `LabelError` for a lesion label that the table does not have.
    """
    options = options or CaseOptions()
    check_grid(segmentation.labels, image, "The mask and the image")
    reference = options.reference
    if reference is not None:
        check_grid(segmentation.labels, reference, "The mask and the reference")
        reference = reference.with_array(label_array(reference))
    if options.pictures < 0:
        raise InputError(f"The number of pictures is 0 or more, not {options.pictures}.")
    scene = Scene.of(image, segmentation.labels, segmentation.table, window_of(image, options.window), reference)
    measured = segmentation.measure(image)
    return html_page(
        f"Segmentation report: {case}",
        [
            *_warnings(segmentation),
            section("Patient", facts(options.identity)) if options.identity else "",
            section("Image", facts(_of_image(image, scene))),
            section("Overview", *_overview(scene, measured)),
            section("Structures", *_structures(scene, segmentation, measured)),
            *_sides(segmentation.sides(head_size=options.head_size, measured=measured)),
            *_lesions(scene, segmentation, image, options),
            section("Comparison with the reference", *_comparison(segmentation, reference, options)),
            section("Provenance", facts(segmentation.provenance) or paragraph("The mask came without provenance.")),
            section("How to read this report", *HOW_TO_READ),
        ],
    )


def _warnings(segmentation: Segmentation) -> Iterator[str]:
    """The warnings on the mask, for the top of the page; nothing where there are none."""
    if segmentation.warnings:
        yield notice("Check this mask before it is used.", segmentation.warnings)


HOW_TO_READ = (
    paragraph(
        "Radiological convention: axial planes are seen from the feet, coronal ones from the front, so that the "
        "patient's right is on the left; sagittal ones from the patient's left. The letters at the edges are the "
        "patient's right, left, anterior, posterior, superior and inferior. Positions are in millimetres of the "
        "image's own patient space. Planes are those of the voxel grid, never resampled; where the grid is tilted, "
        "letters name the closest direction and the angle is written in the picture."
    ),
    paragraph(
        "A window of centre/width shows values from centre - width/2 (black) to centre + width/2 (white). "
        "Contours run along the edges of voxels. Volumes are voxel counts times the voxel volume. "
        "Diameters of lesions run from outline to outline in the slices closest to axial (RECIST 1.1, WHO)."
    ),
)


def _of_image(image: Volume, scene: Scene) -> dict[str, str]:
    """What the section "Image" says: modality, grid, tilt, grey values and the readers' notes, as names and texts."""
    spacing = " x ".join(f"{edge:.4g}" for edge in image.spacing_mm)
    grid = f"{' x '.join(map(str, image.shape))} voxels of {spacing} mm, {image.orientation}"
    oblique = f"{image.oblique_deg:.1f}° to the patient's axes" if image.oblique_deg >= OBLIQUE_DEG else "none"
    if image.is_sheared:
        oblique += "; the voxel axes are not at right angles (gantry tilt): reformatted planes are not to scale"
    described = {
        "modality": image.modality or "not known",
        "grid": grid,
        "tilt": oblique,
        "grey values": f"{scene.window.text}: {scene.window.lower:.4g} is black, {scene.window.upper:.4g} is white",
    }
    return described | ({"notes": " ".join(image.notes)} if image.notes else {})


def _overview(scene: Scene, measured: Sequence[Structure]) -> Iterator[str]:
    """The three planes of the whole case, and which structures have no voxel."""
    absent = [one.name for one in measured if one.voxels == 0]
    if len(absent) == len(measured):
        yield paragraph("The label map is empty: no structure was found. The pictures show the middle of the image.")
    elif absent:
        yield paragraph(f"Not found, without a voxel: {', '.join(absent)}.")
    names = ", ".join(one.name for one in measured if one.voxels) or "no structure"
    caption = f"Whole planes above, enlarged below, where the labels cover most; {scene.window.text}."
    yield picture(overview(scene), f"Three planes with the contours of {names}", caption)


def _structures(scene: Scene, segmentation: Segmentation, measured: Sequence[Structure]) -> Iterator[str]:
    """The table of all structures, then a key image of each structure that has a voxel."""
    if measured:
        yield structure_table(measured, segmentation.table)
    for one in measured:
        if one.block is None:
            continue
        mask = np.asarray(segmentation.labels.array[one.block] == one.value)
        target = Target.of(scene, segmentation.labels, one.block, mask, one)
        caption = f"{one.name}: {one.volume_ml:.3f} ml, centroid {place(one.centroid_mm)} mm."
        yield section(one.name, _key_image(scene, target, one.name, caption), level=3)


def _sides(sides: Sequence[Sides]) -> Iterator[str]:
    """The section that compares left and right; nothing where the label map has no pair of sides."""
    if sides:
        text = "Asymmetry index: 100 (R - L) / ((R + L) / 2), positive where the right side is larger."
        if any(one.head_scale is not None for one in sides):
            text += (
                " Scaled volumes are those in a head of the template's size; see docs/measurements.md for the error."
            )
        yield section("Left and right", sides_table(sides), paragraph(f"{text} No normal values are given."))


def _lesions(scene: Scene, segmentation: Segmentation, image: Volume, options: CaseOptions) -> Iterator[str]:
    """A section for each lesion label: table, what counts as a lesion, and key images of the largest lesions."""
    for value in dict.fromkeys(options.lesions):
        name, labels = segmentation.table[value].name, segmentation.labels
        lesions = measure_lesions(
            labels,
            value,
            image=image,
            organs=segmentation,
            connectivity=options.connectivity,
            min_ml=options.min_ml,
        )
        masks = find_lesions(labels, value, connectivity=options.connectivity, min_ml=options.min_ml)
        parts = [lesion_table(lesions) if lesions else paragraph("No lesion was found.")]
        parts.append(_counted(options))
        if len(lesions) > options.pictures:
            parts.append(paragraph(f"Pictures: the {options.pictures} largest of {counted(len(lesions), 'lesion')}."))
        for lesion, (block, mask) in list(zip(lesions, masks, strict=True))[: options.pictures]:
            target = Target.of(scene, labels, block, mask, lesion)
            title = f"{name}, lesion {lesion.number}"
            parts.append(section(title, _key_image(scene, target, title, _of_lesion(lesion)), level=3))
        yield section(f"Lesions: {name}", *parts)


def _counted(options: CaseOptions) -> str:
    """What counts as a lesion, in a sentence: the number of neighbours, and the smallest volume where there is one."""
    smallest = f" Components below {options.min_ml:g} ml are left out." if options.min_ml > 0 else ""
    return paragraph(f"A lesion is one connected component, of {options.connectivity} neighbours.{smallest}")


def _of_lesion(lesion: Lesion) -> str:
    """The caption of a lesion: volume in ml, diameters in mm, section in mm², centroid in mm."""
    tilt = f" in slices tilted {lesion.slice_tilt_deg:.0f}°" if lesion.slice_tilt_deg >= OBLIQUE_DEG else ""
    return (
        f"Lesion {lesion.number}: {lesion.volume_ml:.3f} ml, {lesion.axial_diameter_mm:.1f} x "
        f"{lesion.perpendicular_diameter_mm:.1f} mm{tilt}, longest in 3-D {lesion.diameter_3d_mm:.1f} mm, "
        f"largest section {lesion.largest_section_mm2:.0f} mm², centroid {place(lesion.centroid_mm)} mm."
        " White lines: the diameters, where they lie in the slice shown."
    )


def _key_image(scene: Scene, target: Target, name: str, caption: str) -> str:
    """The picture of one target, with a caption that explains its lines."""
    lines = "Thick: this one; thin: other contours" + ("; dashed white: reference." if scene.reference else ".")
    text = f"{caption} Each plane where its section is largest, {scene.window.text}. {lines}"
    return picture(key_picture(scene, target), f"Axial, coronal and sagittal plane with the contour of {name}", text)


def _comparison(segmentation: Segmentation, reference: Volume | None, options: CaseOptions) -> Iterator[str]:
    """The scores of each structure, and lesions found, missed and extra; nothing without a reference."""
    if reference is None:
        return
    table = segmentation.table
    yield comparison_table(compare(segmentation.labels, reference, table), table)
    found = [
        detect_lesions(segmentation.labels, reference, value, connectivity=options.connectivity, min_ml=options.min_ml)
        for value in dict.fromkeys(options.lesions)
    ]
    if found:
        yield detection_table(found, table)
        yield paragraph(
            f"A lesion counts as found when its best partner overlaps by an IoU above {found[0].min_iou:g}."
        )
