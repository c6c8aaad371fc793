"""What takes seconds once is done when a layer's data are made, in a thread, and not when the window gets the layer."""

from __future__ import annotations

import subprocess
import sys

SCRIPT = """
import numpy as np
from numba.core import event
from napari.layers import Labels
from monai_attn.labels import LabelTable
from monai_attn.napari.layers.volumes import labels_layer
from monai_attn.volume import Volume
array = np.zeros((4, 5, 6), np.{dtype})
array[1:3] = {value}
made = labels_layer(Volume(array), name="mask", table=LabelTable.of_names({{1: "one", {value}: "many"}}))
with event.install_recorder("numba:compile") as compiled:
    Labels(made[0], **made[1])
assert not compiled.buffer, compiled.buffer
"""


def test_a_labels_layer_compiles_nothing_in_the_window():
    for dtype, value in (("uint8", 7), ("uint16", 300)):
        command = [sys.executable, "-W", "ignore", "-c", SCRIPT.format(dtype=dtype, value=value)]
        subprocess.run(command, check=True, timeout=300)
