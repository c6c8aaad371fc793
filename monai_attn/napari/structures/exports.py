"""Tables and pictures into files: asked for in a dialog, never over an existing file without a question.

For the panels "Structures" and "Compare". What stands in a table is computed elsewhere. Each file is written whole or
not at all.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari.utils.notifications import show_error, show_info
from qtpy.QtWidgets import QFileDialog, QMessageBox, QWidget

from monai_attn.errors import AttnError
from monai_attn.io.atomic import write_bytes_atomic
from monai_attn.measure import to_csv
from monai_attn.napari.layers.volumes import origin_of
from monai_attn.napari.look.legend import CanvasPicture, png_bytes
from monai_attn.segmentation import case_name

if TYPE_CHECKING:
    from napari.layers import Layer

__all__ = ["ask_and_save", "ask_folder", "case_of", "save_png", "save_rows"]


def case_of(layer: Layer) -> str:
    """What a table calls the case of a layer: as the command line does, by its file; else by the layer's name.

    A file name may name the patient, so look at the column before a table is passed on.
    """
    origin = origin_of(layer)
    return case_name(origin.path) if origin is not None and origin.path else str(layer.name)


def save_rows(rows: Sequence[dict[str, Any]], path: Path, overwrite: bool = False) -> None:
    """Write rows as CSV, in UTF-8, with a header line of the rows' keys.

    Missing folders are made. Raises `FileError` where a file is and may not be replaced.
    """
    write_bytes_atomic(path, to_csv(rows).encode(), overwrite=overwrite)


def save_png(picture: CanvasPicture, path: Path, overwrite: bool = False) -> None:
    """Write a picture as PNG. Raises `FileError` where a file is and may not be replaced."""
    write_bytes_atomic(path, png_bytes(picture), overwrite=overwrite)


def ask_and_save(parent: QWidget, title: str, suggested: str, save: Callable[[Path, bool], None]) -> None:
    """Ask for a file, and whether one of that name may be replaced; then `save(path, overwrite)`. Says how it went.

    The kind of file is that of `suggested`, for example "measurements.csv"; a name without the suffix gets it. Nothing
    happens when the user turns back. A refusal of ours (`AttnError`) is shown, any other error is raised.
    """
    suffix = Path(suggested).suffix
    kinds = f"{suffix[1:].upper()} (*{suffix})"
    options = QFileDialog.Option.DontConfirmOverwrite  # we ask, for the name with its suffix
    chosen, _ = QFileDialog.getSaveFileName(parent, title, suggested, kinds, options=options)
    if not chosen:
        return
    path = Path(chosen) if chosen.lower().endswith(suffix) else Path(chosen + suffix)
    overwrite = path.exists()
    if overwrite and not may_replace(parent, path.name):
        return
    try:
        save(path, overwrite)
        show_info(f"{path.name} was saved.")
    except AttnError as error:
        show_error(str(error))


def ask_folder(parent: QWidget, title: str, names: Sequence[str]) -> tuple[Path, bool] | None:
    """Ask for a folder, and whether files of these names in it may be replaced; None when the user turned back.

    Gives the folder, and whether files in it are to be replaced: False where none of the names exists there.
    """
    chosen = QFileDialog.getExistingDirectory(parent, title)
    if not chosen:
        return None
    there = [name for name in names if (Path(chosen) / name).exists()]
    if there and not may_replace(parent, ", ".join(there[:3]) + (" …" if len(there) > 3 else "")):
        return None
    return Path(chosen), bool(there)


def may_replace(parent: QWidget, names: str) -> bool:
    """Ask whether files may be replaced; only a click on Yes allows it."""
    answer = QMessageBox.question(parent, "Replace?", f"{names} exists already. Replace it?")
    return bool(answer == QMessageBox.StandardButton.Yes)
