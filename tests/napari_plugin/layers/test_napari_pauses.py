"""A labels layer needs no compiler in the window, and has the colours that napari would find with it."""

from __future__ import annotations

import subprocess
import sys

SCRIPT = """
import numpy as np
from numba.core import event
from napari.layers import Labels
from monai_attn.labels import LabelTable
from monai_attn.napari.layers.styles import restyle
from monai_attn.napari.layers.volumes import META, label_colormap, labels_layer
from monai_attn.volume import Volume
array = np.zeros((4, 5, 6), np.{dtype})
array[1:3] = {value}
made = labels_layer(Volume(array), name="mask", table=LabelTable.of_names({{1: "one", {value}: "many"}}))
with event.install_recorder("numba:compile") as compiled:
    layer = Labels(made[0], **made[1])
    restyle(layer, 1, visible=False)
assert not compiled.buffer, compiled.buffer
values = np.arange(np.iinfo(made[0].dtype).max + 1, dtype=made[0].dtype)
fresh = label_colormap(made[1]["metadata"][META].table)
assert (made[1]["colormap"].map(values) == fresh.map(values)).all()
"""


def test_a_labels_layer_compiles_nothing_in_the_window():
    for dtype, value in (("uint8", 7), ("uint16", 300)):
        command = [sys.executable, "-W", "ignore", "-c", SCRIPT.format(dtype=dtype, value=value)]
        subprocess.run(command, check=True, timeout=300)
