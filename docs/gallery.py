"""The pictures of README and gallery that show no window, from images of no patient.

    python docs/gallery.py [FOLDER]

Writes demo.png (both hippocampi of the brain that nilearn carries) and report.png (pictures of a report of a computed
CT) into FOLDER, by default docs/images. The pictures of the window are made by docs/napari_tour.py.
"""

from __future__ import annotations

import base64
import io
import re
import shutil
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

from monai_attn.cli.main import main
from monai_attn.io.phantom import GRIDS, TABLE, ct_phantom
from monai_attn.report import CaseOptions, case_page
from monai_attn.segmentation import Segmentation

IMAGES = Path(__file__).parent / "images"
LESION = 6
WIDE = 900


def demo_picture(folder: Path) -> Path:
    """The picture of the demo, which is run aside."""
    with tempfile.TemporaryDirectory() as place:
        if main(["demo", "--out", place, "--overwrite"]) != 0:
            raise SystemExit("The demo did not make its picture.")
        (picture,) = Path(place).glob("*.png")
        return Path(shutil.copy(picture, folder / "demo.png"))


def report_picture(folder: Path) -> Path:
    """The first pictures of a report, one above the other; the reference is the mask, moved by one voxel."""
    ct, labels = ct_phantom(*GRIDS["ct_phantom"])
    reference = labels.with_array(np.roll(labels.array, 1, axis=0))
    page = case_page("computed CT", ct, Segmentation(labels, TABLE), CaseOptions(reference=reference, lesions=[LESION]))
    found = re.findall(r"data:image/png;base64,([A-Za-z0-9+/=]+)", page)
    parts = [Image.open(io.BytesIO(base64.b64decode(text))).convert("RGB") for text in found]
    overview, lesion = parts[0], parts[1 + len(TABLE)]  # between them lies a picture for each structure
    shown = [part.resize((WIDE, round(part.height * WIDE / part.width))) for part in (overview, lesion)]
    whole = Image.new("RGB", (WIDE, sum(part.height for part in shown)), "white")
    for number, part in enumerate(shown):
        whole.paste(part, (0, sum(one.height for one in shown[:number])))
    whole.save(folder / "report.png", optimize=True)
    return folder / "report.png"


if __name__ == "__main__":
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else IMAGES
    folder.mkdir(parents=True, exist_ok=True)
    for make in (report_picture, demo_picture):
        print(make(folder))
