"""Where a bundle is to look in a whole image: named boxes, and one label map from the masks of several boxes.

A bundle that was trained on crops names a finder in its metadata. `RegistrationFinder` lays a small template over the
image. `find_in_mask` takes the mask of another bundle. `box_around` takes one point. None of them loads torch.
"""

from monai_attn.finders.entry import FinderEntry, RegionEntry
from monai_attn.finders.found import Finder, Found
from monai_attn.finders.joining import JoinedLabels, RegionLabels, Regions, region_labels, regions_json
from monai_attn.finders.masks import find_in_mask
from monai_attn.finders.parts import REGION_KEY, PartNote, collect_part
from monai_attn.finders.points import box_around, share_inside
from monai_attn.finders.registered import RegistrationFinder, finder_of

__all__ = [
    "REGION_KEY",
    "Finder",
    "FinderEntry",
    "Found",
    "JoinedLabels",
    "PartNote",
    "RegionEntry",
    "RegionLabels",
    "Regions",
    "RegistrationFinder",
    "box_around",
    "collect_part",
    "find_in_mask",
    "finder_of",
    "region_labels",
    "regions_json",
    "share_inside",
]
