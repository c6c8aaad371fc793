"""The dialog that asks for the file of a mask: NIfTI first, and any of our endings may be typed."""

from __future__ import annotations

from pathlib import Path

from qtpy.QtWidgets import QFileDialog, QWidget

from monai_attn.io.names import suffix_of
from monai_attn.napari.structures.exports import may_replace

__all__ = ["FILE_KINDS", "ask_mask_file"]

FILE_KINDS = {
    "NIfTI (*.nii.gz *.nii)": ".nii.gz",
    "NRRD (*.nrrd)": ".nrrd",
    "MetaImage (*.mha)": ".mha",
    "DICOM SEG (*.dcm)": ".dcm",
}
"""The kinds of files that a mask is saved as, the usual one first, and the ending of each."""


def ask_mask_file(parent: QWidget, start: Path) -> Path | None:
    """The file that the user chooses for a mask; None when the user turns back.

    `start` is what the dialog suggests. A name without one of our endings gets that of the chosen kind. It is asked
    whether an existing file of that name may be replaced.
    """
    options = QFileDialog.Option.DontConfirmOverwrite  # we ask, for the name with its ending
    kinds = ";;".join(FILE_KINDS)
    chosen, kind = QFileDialog.getSaveFileName(parent, "Save mask", str(start), kinds, options=options)
    if not chosen:
        return None
    known = suffix_of(chosen) or chosen.lower().endswith(".dcm")
    path = Path(chosen if known else chosen + FILE_KINDS.get(kind, ".nii.gz"))
    return path if not path.exists() or may_replace(parent, path.name) else None
