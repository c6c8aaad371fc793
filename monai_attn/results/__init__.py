"""The files of one case: written together, with a record of what they are and what they were made from.

`cohort` writes every case through this room, and `monai-attn demo`, `SaveSegmentationd` and the tables of the
command line do too. A case has a mask, a record (JSON) and often a table, a report and DICOM files. A record that
stands, and whose hashes hold, says that the case is complete. What a mask means and how an image is read is not
decided here; the atomic write of one single file is `monai_attn.io.atomic`.
"""

from monai_attn.results.claims import Claim, Claims, now_ns, sweep_claims
from monai_attn.results.commit import Writer, commit, text_writer
from monai_attn.results.fingerprint import files_digest, voxels_digest
from monai_attn.results.folder import replace_folder
from monai_attn.results.recovery import recover
from monai_attn.results.staging import check_folder
from monai_attn.results.standing import Standing, State, standing_of

__all__ = [
    "Claim",
    "Claims",
    "Standing",
    "State",
    "Writer",
    "check_folder",
    "commit",
    "files_digest",
    "now_ns",
    "recover",
    "replace_folder",
    "standing_of",
    "sweep_claims",
    "text_writer",
    "voxels_digest",
]
