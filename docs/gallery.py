"""The first picture of README and gallery: both hippocampi of the brain that nilearn carries.

    python docs/gallery.py [FOLDER]

Writes demo.png into FOLDER, by default docs/images. The pictures of the window are made by docs/napari_tour.py.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from monai_attn.cli.main import main

IMAGES = Path(__file__).parent / "images"


def gallery(folder: Path) -> Path:
    """Run the demo aside, and copy its picture."""
    with tempfile.TemporaryDirectory() as place:
        if main(["demo", "--out", place, "--overwrite"]) != 0:
            raise SystemExit("The demo did not make its picture.")
        (picture,) = Path(place).glob("*.png")
        folder.mkdir(parents=True, exist_ok=True)
        return Path(shutil.copy(picture, folder / "demo.png"))


if __name__ == "__main__":
    print(gallery(Path(sys.argv[1]) if len(sys.argv) > 1 else IMAGES))
