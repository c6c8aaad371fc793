"""Slices to a grid: order, spacing, tilt, gaps. All in DICOM's LPS+ until the last line.

Where a slice lies is read from ImagePositionPatient and ImageOrientationPatient. Instance numbers and slice locations
are not used: they contradict the positions in too many real series. They only give a note where slices seem left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import cast

import numpy as np
from numpy.typing import NDArray

from monai_attn.errors import GeometryError
from monai_attn.io.dicom.files import number
from monai_attn.io.dicom.frames import Frame
from monai_attn.volume import ORTHOGONAL_TOLERANCE, RAS_TO_LPS

__all__ = ["SAME_PLACE_MM", "check_plane", "sorted_along_normal", "stack_affine"]

SAME_PLACE_MM = 0.01
"""Slices closer than this lie at one place; no scanner steps so finely."""

EVEN_SHARE, EVEN_MM = 0.02, 0.06
"""How far a slice may lie from its even place: 2 % of the step or 0.06 mm, whichever is more.

Headers round to 0.1 mm. It is never more than a tenth of the step, and past a thousandth of the step a note says so."""

ROUNDING_MM = 0.02
"""A sideways drift of the whole stack below this is rounding of the header, not a tilt."""

UNIT_TOLERANCE = 0.01
"""How far the direction cosines may be from unit length and a right angle."""


def sorted_along_normal(frames: Sequence[Frame]) -> list[Frame]:
    """The slices by their place along the normal of the first slice, in millimetres.

    Instance numbers, slice locations and file names are not looked at.

    The frames must have a position and an orientation, as `check_plane` ensures. Slices in one place keep their order.
    """
    normal = frames[0].normal
    return sorted(frames, key=lambda frame: float(np.dot(normal, cast("tuple[float, ...]", frame.position))))


def check_plane(frame: Frame, name: str) -> None:
    """Refuse a slice that does not say where it lies in the patient.

    Raises `GeometryError` when position, orientation or pixel spacing is missing or not positive, or when the two
    directions are no unit vectors at a right angle.
    """
    for value, what in (
        (frame.position, "ImagePositionPatient"),
        (frame.orientation, "ImageOrientationPatient"),
        (frame.spacing_mm, "PixelSpacing"),
    ):
        if value is None:
            raise GeometryError(
                f"{name}: the images have no usable {what}, so where they lie is not known. "
                "They are a screenshot, a projection or a damaged export; export the original slices."
            )
    row, column = np.array(frame.orientation).reshape(2, 3)
    apart = max(abs(np.linalg.norm(row) - 1), abs(np.linalg.norm(column) - 1), abs(row @ column))
    if apart > UNIT_TOLERANCE:
        raise GeometryError(
            f"{name}: ImageOrientationPatient {frame.orientation} is not two unit vectors at a right angle. "
            "The header is damaged; export the series again."
        )
    if min(cast("tuple[float, ...]", frame.spacing_mm)) <= 0:
        raise GeometryError(f"{name}: PixelSpacing is {frame.spacing_mm} mm. Export the series again.")


def stack_affine(frames: Sequence[Frame], name: str) -> tuple[NDArray[np.float64], tuple[str, ...]]:
    """The affine `(4, 4)` of sorted slices, (column, row, slice) index to millimetres RAS+, and notes.

    A tilted gantry gives a sheared affine, so that every voxel keeps its place; a note gives the angle. One slice takes
    its thickness from the header. Notes also tell of two slices only, and of places rounded by the scanner.

    Raises `GeometryError` where slices have no place, share a place, are missing, or are unevenly spaced. The message
    gives the place and the distances.

    The frames must be of one volume, in the order that `sorted_along_normal` gives. The first frame is index 0 of the
    third axis.

    The affine maps the centre of voxel (0, 0, 0) to the centre of the first pixel, as DICOM defines
    ImagePositionPatient (PS3.3 C.7.6.2.1.1).
    """
    first = frames[0]
    check_plane(first, name)
    row, column = np.array(first.orientation).reshape(2, 3)
    between_rows, between_columns = cast("tuple[float, ...]", first.spacing_mm)
    step, notes = _single_step(first, name) if len(frames) == 1 else _step(frames, name)
    lps = np.eye(4)
    # The first triple is the direction along a row, so of rising column index (PS3.3 C.7.6.2.1.1);
    # its step is the distance between columns, the second value of PixelSpacing (10.7.1.3).
    lps[:3, 0] = row / np.linalg.norm(row) * between_columns
    lps[:3, 1] = column / np.linalg.norm(column) * between_rows
    lps[:3, 2] = step
    lps[:3, 3] = cast("tuple[float, ...]", first.position)
    return RAS_TO_LPS @ lps, notes


def _single_step(frame: Frame, name: str) -> tuple[NDArray[np.float64], tuple[str, ...]]:
    """The step of a stack of one slice, along its normal in LPS+ mm, and a note. SpacingBetweenSlices is taken first,
    then SliceThickness; `GeometryError` where both are missing.
    """
    for value, what in ((frame.spacing_between_mm, "SpacingBetweenSlices"), (frame.thickness_mm, "SliceThickness")):
        if value is not None and abs(value) > 0:
            return abs(value) * frame.normal, (f"One slice only: its thickness of {abs(value):g} mm is {what}.",)
    raise GeometryError(
        f"{name}: one slice only, and the header has neither SliceThickness nor SpacingBetweenSlices. "
        "Add the other slices of the series."
    )


def _step(frames: Sequence[Frame], name: str) -> tuple[NDArray[np.float64], tuple[str, ...]]:
    """From one slice to the next, and notes; refuses duplicates, gaps and uneven steps."""
    normal = frames[0].normal
    positions = np.array([frame.position for frame in frames])  # (K, 3)
    along = positions @ normal
    gaps = np.diff(along)
    if gaps.min() < SAME_PLACE_MM:
        where = positions[int(gaps.argmin())]
        raise GeometryError(
            f"{name}: several images lie at one place, at {_point(where)}, and nothing in their headers tells them "
            "apart. Remove the duplicates, or export one acquisition."
        )
    step = (positions[-1] - positions[0]) / (len(frames) - 1)
    usual = float(np.median(gaps))
    off = _off_line(positions)
    mean = float(gaps.mean())
    allowed = min(max(EVEN_SHARE * mean, EVEN_MM), 0.1 * mean)
    if off > allowed:
        raise GeometryError(_uneven(positions, gaps, usual, normal, name))
    notes: list[str] = []
    if off > 1e-3 * mean:
        notes.append(f"Slices lie up to {off:.3f} mm from even places; the grid is even, with {mean:.3f} mm steps.")
    if len(frames) == 2:
        notes.append(f"Two slices only: that they are {usual:.3f} mm apart, and none is missing, cannot be checked.")
    between = frames[0].spacing_between_mm
    if between is not None and abs(abs(between) - usual) > max(EVEN_SHARE * usual, EVEN_MM):
        notes.append(f"The positions give a slice spacing of {usual:.3f} mm, SpacingBetweenSlices says {between:g} mm.")
    notes += _left_out(frames, usual) if between is None else ()
    sideways = step - (step @ normal) * normal
    angle = np.degrees(np.arctan2(np.linalg.norm(sideways), step @ normal))
    if np.linalg.norm(sideways) * (len(frames) - 1) <= ROUNDING_MM:
        step = step if np.sin(np.radians(angle)) <= ORTHOGONAL_TOLERANCE else (step @ normal) * normal
    elif np.sin(np.radians(angle)) > ORTHOGONAL_TOLERANCE:
        notes.append(
            f"The slices are stacked {angle:.1f} degrees off their normal (gantry tilt); the affine is sheared, "
            "so every voxel keeps its place. Resample before using tools that assume right angles."
        )
    return step, tuple(notes)


def _left_out(frames: Sequence[Frame], step_mm: float) -> tuple[str, ...]:
    """A note where only every n-th slice seems to be there: by the numbers of the images and their thickness."""
    numbers = [number(frame.header, "InstanceNumber") or 0.0 for frame in frames]
    steps = {abs(high - low) for low, high in pairwise(numbers)}
    every, thick = next(iter(steps)), frames[0].thickness_mm or 0.0
    if len(frames) < 3 or len(steps) > 1 or every < 2 or abs(step_mm - every * thick) > 0.1 * step_mm:
        return ()
    return (
        f"The slices are {step_mm:.3f} mm apart and {thick:g} mm thick, and their InstanceNumber rises by {every:g}: "
        f"only 1 of {every:g} slices seems to be there. Export the series again if slices were left out.",
    )


def _off_line(positions: NDArray[np.float64]) -> float:
    """How far, in mm, a slice lies at most from its place on the best even row through all of them."""
    count = np.arange(len(positions)) - (len(positions) - 1) / 2
    slope = count @ positions / (count @ count)
    return float(np.linalg.norm(positions - positions.mean(axis=0) - np.outer(count, slope), axis=1).max())


def _uneven(
    positions: NDArray[np.float64], gaps: NDArray[np.float64], usual: float, normal: NDArray[np.float64], name: str
) -> str:
    """The message for slices on no even grid: a sideways shift, missing slices, or uneven steps, with place and
    distance.
    """
    odd = int(np.abs(gaps - usual).argmax())
    where, gap = _point(positions[odd]), float(gaps[odd])
    if abs(gap - usual) <= 0.01 * usual:
        drift = positions - np.outer(positions @ normal, normal)
        shift = np.linalg.norm(np.diff(drift, axis=0), axis=1)
        odd = int(shift.argmax())
        return (
            f"{name}: slices shift sideways by up to {shift[odd]:.2f} mm unevenly, first at {_point(positions[odd])}. "
            "The series mixes acquisitions; export one of them."
        )
    missing = round(gap / usual) - 1
    whole = missing >= 1 and abs(gap / usual - missing - 1) < 0.1
    guess = f"{missing} {'slice is' if missing == 1 else 'slices are'} missing" if whole else "the steps are uneven"
    return (
        f"{name}: slices are {gap:.2f} mm apart after {where}, {usual:.2f} mm elsewhere: {guess}. "
        "Export the series again with all its slices, or resample it to even steps first."
    )


def _point(lps: NDArray[np.float64]) -> str:
    """A place in LPS+ mm as words in RAS+, as in "R 10.0 A -20.0 S 30.0 mm".

    >>> _point(np.array([-10.0, 20.0, 30.0]))
    'R 10.0 A -20.0 S 30.0 mm'
    """
    return "R {:.1f} A {:.1f} S {:.1f} mm".format(*(RAS_TO_LPS[:3, :3] @ lps))
