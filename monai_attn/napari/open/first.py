"""Our kinds of files first in napari's dialog of saving, so that a typed "mask.nii.gz" reaches our writer.

napari takes the first entry of the dialog's list whatever ending is typed, and lists its own TIFF first. There a mask
would lose its place in the patient, and any other ending fails.
"""

from __future__ import annotations

import logging

from monai_attn.napari.settings import PLUGIN

__all__ = ["put_first"]


def put_first() -> bool:
    """Put the plugin's writers before those of napari and others; whether that could be done.

    The order is that of a private list of npe2: where it is gone, the user chooses our entry in the dialog by hand.
    """
    from npe2 import PluginManager

    try:
        PluginManager.instance()._contrib._writers.sort(key=lambda one: one[-1].plugin_name != PLUGIN)
    except (AttributeError, TypeError, IndexError) as error:
        logging.getLogger(__name__).info("napari lists its own kinds of files first: %s", error)
        return False
    return True
