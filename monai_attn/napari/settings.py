"""What the user set for the plugin under Preferences > Plugins > monai-attn.

The manifest `napari.yaml` names, explains and bounds each value. Panels and readers call `settings` whenever they need
a value, so that a change holds at once. Nothing is cached here, and nothing is checked that the manifest bounds.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from monai_attn.errors import InputError
from monai_attn.napari.layers.windows import parse_percentiles
from monai_attn.report.window import parse_window

__all__ = ["PLUGIN", "Settings", "remember_window", "settings"]

PLUGIN = "monai_attn"
"""Our name among napari's plugins: npe2 wants that of the package. The menus say monai-attn."""

WINDOWS = {"CT": "window_ct", "PT": "window_pet"}
"""The setting of each kind of image; all others share `window_mr`."""


@dataclass(frozen=True)
class Settings:
    """The settings, with the defaults of the manifest.

    `radiological` puts the patient's right on the left of the screen, `legend` names the structures seen on the canvas.
    Windows are texts such as "40/400" (centre/width in HU or SUV) or "1-99 %" (percentiles of the image). `threads` 0
    means all cores. A folder is None where the user is to be asked; whether it exists is checked where it is used, by
    `images`, `results` and `bundles`.

        >>> Settings().window_of("CT"), Settings().window_of("PT"), Settings().window_of("")
        ('40/400', '5/10', '1-99 %')
    """

    radiological: bool = True
    legend: bool = True
    window_ct: str = "40/400"
    window_pet: str = "5/10"
    window_mr: str = "1-99 %"
    device: str = "auto"
    threads: int = 0
    images_folder: Path | None = None
    results_folder: Path | None = None
    bundles_folder: Path | None = None

    @property
    def images(self) -> Path | None:
        """Where images are looked for first. Raises `InputError` where there is no such folder."""
        return _existing(self.images_folder, "Images")

    @property
    def results(self) -> Path | None:
        """Where results are saved. Raises `InputError` where there is no such folder."""
        return _existing(self.results_folder, "Results")

    @property
    def bundles(self) -> Path | None:
        """Where bundles of the user are found. Raises `InputError` where there is no such folder."""
        return _existing(self.bundles_folder, "Bundles (models)")

    def window_of(self, kind: str) -> str:
        """The window that an image of a kind, "CT", "PT" or "" (see `_windows.kind_of`), opens with.

        Any other kind gives `window_mr`, whose percentiles need no fixed scale of grey values.
        """
        return str(getattr(self, WINDOWS.get(kind, "window_mr")))


def settings() -> Settings:
    """The settings as they are now; the defaults where napari does not know the plugin.

    Raises `InputError`, naming the setting, for a window that is none.

    Folders may begin with `~`. The message of the error names the place in the preferences where the value is changed.
    """
    from napari.settings import get_plugin_settings

    try:
        given: Any = get_plugin_settings(PLUGIN)
    except KeyError:
        return Settings()
    display, computing, folders = given.display, given.computing, given.folders
    return Settings(
        radiological=display.convention == "radiological",
        legend=display.legend,
        window_ct=_window(display.window_ct, "Window of CT"),
        window_pet=_window(display.window_pet, "Window of PET"),
        window_mr=_window(display.window_mr, "Window of MR and other images"),
        device=computing.device.strip() or "auto",
        threads=computing.threads,
        images_folder=_folder(folders.images),
        results_folder=_folder(folders.results),
        bundles_folder=_folder(folders.bundles),
    )


def remember_window(kind: str, text: str) -> None:
    """Make a window the one that images of a kind open with from now on, unless napari does not know the plugin.

    `text` is a window that was applied already, such as "40/400"; its form is not checked again here.
    """
    from napari.settings import get_plugin_settings

    try:
        given: Any = get_plugin_settings(PLUGIN)
    except KeyError:
        return
    setattr(given.display, WINDOWS.get(kind, "window_mr"), text)


def _window(text: str, title: str) -> str:
    """The text of a window without surrounding blanks, once it could be read."""
    try:
        if text.rstrip().endswith("%"):
            parse_percentiles(text)
        else:
            parse_window(text)
    except InputError as error:
        raise _in_preferences(title, str(error)) from error
    return text.strip()


def _folder(text: str) -> Path | None:
    """The folder that a setting names; None where the setting is empty."""
    return Path(text.strip()).expanduser() if text.strip() else None


def _existing(folder: Path | None, title: str) -> Path | None:
    """A folder of a setting, once it is known to be there; None where the setting is empty."""
    if folder is not None and not folder.is_dir():
        raise _in_preferences(title, f"There is no folder {folder.name!r}.")
    return folder


def _in_preferences(title: str, reason: str) -> InputError:
    """The error of one setting, with the place where the user mends it."""
    return InputError(f"{title!r} in Preferences > Plugins > monai-attn: {reason} Change or empty it there.")
