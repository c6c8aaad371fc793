"""What is said of a study that cannot be segmented: the reason, and no word of a header."""

from __future__ import annotations

import io

import numpy as np
from dicom_sender import SECRETS, study

from monai_attn import Volume
from monai_attn.cohort import Recipe
from monai_attn.listener import Inbox
from monai_attn.listener.work import StudyWork


def test_a_study_without_a_series_that_fits_is_said_without_its_description(tmp_path):
    said: list[str] = []
    inbox = Inbox(tmp_path / "inbox")
    for image in study(tmp_path, SECRETS[0], Volume(np.zeros((4, 5, 2), np.int16))):
        image.SeriesDescription = f"Thorax {SECRETS[0]} {SECRETS[3]}"
        data = io.BytesIO()
        image.save_as(data)
        inbox.take(image.StudyInstanceUID, image.SOPInstanceUID, data.getvalue(), sender=1)
    inbox.goodbye(1)
    recipe = Recipe("hippocampus_mri", tmp_path / "out", dicom_seg=True)
    StudyWork(inbox, recipe, recipe.segmenter(), None, "MONAI_ATTN", said.append).step(0)
    assert said[-1].endswith("not segmented: No series fits. Series 1: 2 slices.")
    assert [secret for secret in SECRETS if secret in "".join(said)] == []
