"""The files of one case: written together, with a record of what they are and what they were made from."""

from monai_attn.results.commit import Writer, commit, text_writer
from monai_attn.results.fingerprint import files_digest, voxels_digest
from monai_attn.results.folder import replace_folder
from monai_attn.results.recovery import recover
from monai_attn.results.staging import check_folder
from monai_attn.results.standing import Standing, State, standing_of

__all__ = [
    "Standing",
    "State",
    "Writer",
    "check_folder",
    "commit",
    "files_digest",
    "recover",
    "replace_folder",
    "standing_of",
    "text_writer",
    "voxels_digest",
]
