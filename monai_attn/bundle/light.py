"""MONAI in a third of its time, for a command that runs a shipped bundle and then ends.

`import monai` loads every part of MONAI, and with them what a few parts can use: ignite (and by it torch.distributed
and sympy), matplotlib, pandas, scikit-learn, TensorBoard and others. None of these has a part in a segmentation by a
shipped bundle. MONAI can do without each: its minimal installation has none of them.

Importing this module loads neither torch nor MONAI.
"""

from __future__ import annotations

import pkgutil
import sys
from importlib import import_module

from monai_attn.bundle.later import load_later

__all__ = ["leave_for_later", "load_monai_lightly"]

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
    "tifffile",
    "torch.utils.tensorboard",
)
"""Packages that MONAI uses where they are installed: for training, plots, tables, readers and transforms of its own.

Ours read DICOM with pydicom all the same: it is imported when a DICOM file is read.
"""


LATER = (
    "numpy.f2py",
    "torch._meta_registrations",
    "torch.distributions",
    "torch.export",
    "torch.hub",
)
"""What NumPy, SciPy and torch import beforehand: a compiler, operations without numbers."""

DESCRIBING = ("torch._dynamo", "torch._inductor", "torch._decomp", "torch._functorch", "torch._export", "torch.export")
"""Who needs the descriptions; they are loaded before."""


PARTS = ("monai.bundle", "monai.data", "monai.inferers", "monai.transforms")
"""The parts of MONAI that the inference configs of shipped bundles name without a path."""


def load_monai_lightly() -> bool:
    """Import the parts of MONAI that a shipped bundle needs; False where MONAI is loaded already.

    - Only `PARTS` are loaded, and what these need. Others can be imported as ever. `import monai` on its own runs the
      code of every file, of packages twice.
    - MONAI is loaded as if the packages of `NOT_NEEDED` were not installed. Afterwards they can be imported as ever,
      and our own reports use them. Only MONAI's own use of them is gone for this process: MONAI then raises its
      `OptionalImportError`.
    - Of torch and NumPy, `LATER` is loaded when it is used.

    So this is for a process of our own, such as a command. It is never for a library, a window, a bundle of somebody
    else, or a config that a user has changed.
    """
    if "monai" in sys.modules:
        return False
    leave_for_later()
    import torch  # noqa: F401 - the walk below is MONAI's alone

    hidden = [name for name in NOT_NEEDED if name not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]  # Python's own way to say: not there
    walk, pkgutil.walk_packages = pkgutil.walk_packages, lambda *_, **__: iter(())
    try:
        import monai.utils.module

        for part in PARTS:
            import_module(part)
        monai.utils.module.walk_packages = walk
    finally:
        pkgutil.walk_packages = walk
        for name in hidden:
            if sys.modules.get(name, name) is None:
                del sys.modules[name]
    return True


def leave_for_later() -> None:
    """See `LATER`. It helps only what is imported afterwards, so it may be called before `load_monai_lightly`."""
    load_later([name for name in LATER if name not in sys.modules], before=DESCRIBING)
