"""Cases: what one is, where its images are, and what it is called. The same answers for every way in.

No image is read to find a case, and neither torch nor MONAI is loaded. Labelled cases, for training and for scores,
are found by `monai_attn.cases.labelled`.
"""

from monai_attn.cases.case import Case
from monai_attn.cases.choosing import Judged, SeriesRules, choose_series, study_case
from monai_attn.cases.datasets import dataset_cases, labelled_cases
from monai_attn.cases.finding import check_paths, find_cases
from monai_attn.cases.folders import image_files, named_images
from monai_attn.cases.folds import fold_cases
from monai_attn.cases.images import ImageFile, ImageInput, find_images
from monai_attn.cases.lists import inference_cases, several_image_cases
from monai_attn.cases.naming import checked_name, names_of, safe_name
from monai_attn.cases.record import (
    SplitRecord,
    begin_record,
    join_records,
    save_record,
    split_record_of,
    training_record,
)
from monai_attn.cases.series_table import series_table
from monai_attn.cases.split import all_cases, split_cases, unseen_cases, unseen_of
from monai_attn.cases.studies import Studies, Study, StudySeries, find_studies
from monai_attn.cases.table import read_table, table_cases

__all__ = [
    "Case",
    "ImageFile",
    "ImageInput",
    "Judged",
    "SeriesRules",
    "SplitRecord",
    "Studies",
    "Study",
    "StudySeries",
    "all_cases",
    "begin_record",
    "check_paths",
    "checked_name",
    "choose_series",
    "dataset_cases",
    "find_cases",
    "find_images",
    "find_studies",
    "fold_cases",
    "image_files",
    "inference_cases",
    "join_records",
    "labelled_cases",
    "named_images",
    "names_of",
    "read_table",
    "safe_name",
    "save_record",
    "series_table",
    "several_image_cases",
    "split_cases",
    "split_record_of",
    "study_case",
    "table_cases",
    "training_record",
    "unseen_cases",
    "unseen_of",
]
