"""`find_labelled`: the labelled cases at a path, in whichever of the usual layouts they lie."""

from __future__ import annotations

from pathlib import Path

from monai_attn.cases.labelled.case import LabelledSet
from monai_attn.cases.labelled.case_folders import case_folders, foldered_cases
from monai_attn.cases.labelled.contours import contoured_cases, structure_files
from monai_attn.cases.labelled.corrected import corrected_cases, masks_with_records
from monai_attn.cases.labelled.dataset import FILE, listed_cases
from monai_attn.cases.labelled.nnunet import holds_channels, numbered_cases
from monai_attn.cases.labelled.pairs import masks_beside, neighbouring_cases, paired_cases, paired_folders
from monai_attn.cases.labelled.tables import tabled_cases
from monai_attn.errors import FileError, InputError

__all__ = ["find_labelled"]

KNOWN = (
    "Known are a dataset.json (Decathlon or nnU-Net), folders images and labels, a folder for each case with its "
    "images and segmentation.nii.gz, images with a mask CASE_seg.nii.gz beside them, a table (.csv), corrected masks "
    "of monai-attn, and DICOM with SEG or RTSTRUCT. docs/training_data.md describes each."
)


def find_labelled(path: str | Path) -> LabelledSet:
    """The labelled cases at a path, for training and for scores.

    The path is one of these:

    - a folder with a `dataset.json` that lists the cases (Medical Segmentation Decathlon, or several named images);
    - a folder of nnU-Net v2 (`imagesTr/CASE_0000.nii.gz`);
    - a folder of images and a folder of masks of the same names, in one folder (`images` and `labels`, or `masks`);
    - a table (.csv) with a column for each image and one for the mask;
    - a folder of masks that were corrected in napari, with records that say where the images are;
    - a folder of DICOM series with a SEG or an RTSTRUCT each;
    - a folder with a subfolder for each case, which holds images and a mask, or a mask of each structure;
    - a folder of images, each with its mask beside it (`a.nii.gz` and `a_seg.nii.gz`).

    docs/training_data.md describes each. Images are not read here; masks are where nothing else says which structures
    they hold. Raises `FileError` for what does not exist, `InputError` where the layout is not known or an entry is not
    clear, and `LabelError` for labels that cannot be used.
    """
    place = Path(path)
    if not place.exists():
        raise FileError(f"{place.name or place} does not exist. Name the folder or the table of your labelled cases.")
    if place.is_file() and place.suffix.lower() in (".csv", ".tsv"):
        return tabled_cases(place)
    if place.is_file() and place.name != FILE:
        raise InputError(f"{place.name} is no table of cases. {KNOWN}")
    folder = place if place.is_dir() else place.parent
    if (folder / FILE).is_file():
        return numbered_cases(folder) if holds_channels(folder) else listed_cases(folder)
    pairs = paired_folders(folder)
    if pairs:
        return paired_cases(folder, pairs)
    masks = masks_with_records(folder)
    if masks:
        return corrected_cases(folder, masks)
    files = structure_files(folder)
    if files:
        return contoured_cases(folder, files)
    folders = case_folders(folder)
    if folders:
        return foldered_cases(folder, folders)
    beside = masks_beside(folder)
    if beside:
        return neighbouring_cases(folder, beside)
    raise InputError(f"{place.name} holds no labelled cases in a known layout. {KNOWN}")
