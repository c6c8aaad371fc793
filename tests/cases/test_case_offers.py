"""What a folder offers to open: each image once, nothing hidden, folders behind links too."""

from __future__ import annotations

import numpy as np
from dicom_maker import save, slices_of
from phantoms import phantom

from monai_attn import Volume, write
from monai_attn.cases.offers import offers_in


def test_a_folder_offers_its_files_and_those_behind_links_but_nothing_hidden(tmp_path):
    image = Volume(np.arange(24, dtype=np.int16).reshape(2, 3, 4))
    study, elsewhere = tmp_path / "study", tmp_path / "elsewhere"
    for folder in (study, study / ".cache", elsewhere):
        folder.mkdir(parents=True)
    for path in (study / "t1.nii.gz", study / "._t1.nii.gz", study / ".cache" / "old.nrrd", elsewhere / "t2.nrrd"):
        write(image, path)
    (study / "linked").symlink_to(elsewhere)
    (elsewhere / "round").symlink_to(study)
    assert [offer.name for offer in offers_in(study)] == ["t1", "t2"]


def test_a_link_that_leads_nowhere_is_offered_with_its_problem(tmp_path):
    (tmp_path / "t1.nii.gz").symlink_to(tmp_path / "gone.nii.gz")
    (offer,) = offers_in(tmp_path)
    assert (offer.chosen, "t1.nii.gz" in offer.problem) == (False, True)


def test_one_file_of_a_series_over_several_folders_offers_the_whole_series(tmp_path):
    slices = slices_of(phantom())
    for number in (0, 1):
        save(tmp_path / f"D{number}", slices[number::2])
    (offer,) = offers_in(next((tmp_path / "D0").iterdir()))
    assert offer.size == "5 x 6 x 7"
