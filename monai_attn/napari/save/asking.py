"""The dialog that asks for the file of a mask: NIfTI first, and any of our endings may be typed."""

from __future__ import annotations

from pathlib import Path

from qtpy.QtWidgets import QFileDialog, QWidget

from monai_attn.io.names import suffix_of

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

    `start` is what the dialog suggests. A name without one of our endings gets that of the chosen kind. Whether an
    existing file may be replaced is asked by the dialog.
    """
    chosen, kind = QFileDialog.getSaveFileName(parent, "Save mask", str(start), ";;".join(FILE_KINDS))
    if not chosen:
        return None
    known = suffix_of(chosen) or chosen.lower().endswith(".dcm")
    return Path(chosen if known else chosen + FILE_KINDS.get(kind, ".nii.gz"))
