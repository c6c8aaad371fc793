"""What the labels of a mask are called, wherever the names are kept: within the file, or beside it.

`Segmentation.load` asks for the names of masks that other programs wrote.
"""

from __future__ import annotations

from pathlib import Path

from monai_attn.io.dicomseg.codes import unique_table
from monai_attn.io.foreign import no_foreign_errors
from monai_attn.io.label_text import Named, labels_beside
from monai_attn.io.names import suffix_of
from monai_attn.io.nifti_labels import labels_within
from monai_attn.io.segment_keys import read_segments
from monai_attn.labels import LabelTable

__all__ = ["label_names", "names_for"]


@no_foreign_errors
def label_names(mask: str | Path) -> Named | None:
    """The names that a mask file holds, else those in a file beside it; None where there are none.

    Within: the segments of a `.seg.nrrd` of 3D Slicer, and the label table of a NIfTI file (extension 30). Beside, a
    file of the mask's name: `.json`, `.tsv` (BIDS), `.label` or `.txt` (ITK-SNAP), `.xml` (FSL). A note says where two
    places contradict one another. Our own record, a JSON with a list of labels, is read by `Segmentation.load`. Raises
    `FileError` or `LabelError` for names that are damaged.
    """
    mask = Path(mask)
    suffix = suffix_of(mask)
    within = None
    if suffix in (".nrrd", ".nhdr"):
        within = _segments(mask)
    elif suffix in (".nii", ".nii.gz", ".hdr", ".img"):
        within = labels_within(mask)
    return labels_beside(mask, within)


def names_for(named: Named, values: set[int]) -> LabelTable:
    """A table for a label map that holds these values: names where there are some, "label N" for the others.

    Names from a file beside the mask are kept only for values that are there: such files list whole atlases. Names
    from within the mask file are all kept, and a structure may then have no voxel. The value 0 is background.

    >>> atlas = Named(LabelTable.of_names({1: "liver", 2: "spleen"}), "ct.label")
    >>> [label.name for label in names_for(atlas, {0, 1, 7})]
    ['liver', 'label 7']
    """
    known = {label.value: label for label in named.table if named.within or label.value in values}
    other = LabelTable.of_names({value: f"label {value}" for value in values - known.keys() - {0}})
    return LabelTable((*known.values(), *other))


def _segments(mask: Path) -> Named | None:
    """The segments of an NRRD file of 3D Slicer; None without segments, or where they lie in several layers."""
    segments = read_segments(mask)
    if not segments or len({segment.layer for segment in segments}) > 1:
        return None  # layers are read as masks of their own
    table, notes = unique_table((segment.label for segment in segments), "segments")
    return Named(table, "the header of the file", notes, within=True)
