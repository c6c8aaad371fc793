"""Images that come with installed packages."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from monai_attn.errors import InputError

__all__ = ["brain_file"]

BRAIN = "datasets/data/mni_icbm152_t1_tal_nlin_sym_09a_converted.nii.gz"
"""The ICBM 2009a nonlinear symmetric T1 brain, an average of 152 people at 1 mm, as nilearn ships it."""


def brain_file() -> Path:
    """The MNI152 T1 brain in the installed nilearn, found without importing it.

    An average of 152 people, so that no patient can be recognised: napari offers it as a sample, and `monai-attn
    demo` uses it. Raises `InputError` where nilearn is not installed, with the command that installs it.
    """
    spec = find_spec("nilearn")
    path = Path(spec.origin).parent / BRAIN if spec and spec.origin else None
    if path is None or not path.is_file():
        raise InputError(
            'The MNI152 brain comes with nilearn. Install it with: pip install "monai_attn[demo]", then try again.'
        )
    return path
