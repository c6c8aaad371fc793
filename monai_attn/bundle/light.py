"""MONAI in half of its time, for a command that runs a shipped bundle and then ends.

`import monai` loads every part of MONAI, and with them what a few parts can use: ignite (and by it torch.distributed
and sympy), matplotlib, pandas, scikit-learn, TensorBoard and others. None of these has a part in a segmentation by a
shipped bundle. MONAI can do without each: its minimal installation has none of them.

Importing this module loads neither torch nor MONAI.
"""

from __future__ import annotations

import sys

__all__ = ["load_monai_lightly"]

NOT_NEEDED = (
    "ignite",
    "jsonschema",
    "matplotlib",
    "pandas",
    "psutil",
    "pydicom",
    "requests",
    "scipy.signal",
    "skimage",
    "sklearn",
    "tensorboard",
    "tensorboardX",
    "torch.utils.tensorboard",
)
"""Packages that MONAI uses where they are installed: for training, plots, tables, readers and transforms of its own.

Ours read DICOM with pydicom all the same: it is imported when a DICOM file is read.
"""


def load_monai_lightly() -> bool:
    """Import MONAI as if the packages of `NOT_NEEDED` were not installed; False where MONAI is loaded already.

    Afterwards they can be imported as ever, and our own reports use them. Only MONAI's own use of them is gone for
    this process: MONAI then raises its `OptionalImportError`. So this is for a process of our own, such as a command.
    It is never for a library, a window, a bundle of somebody else, or a config that a user has changed.
    """
    if "monai" in sys.modules:
        return False
    hidden = [name for name in NOT_NEEDED if name not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]  # Python's own way to say: not there
    try:
        import monai  # noqa: F401
    finally:
        for name in hidden:
            if sys.modules.get(name, name) is None:
                del sys.modules[name]
    return True
