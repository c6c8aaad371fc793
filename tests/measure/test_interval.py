"""The interval of a volume goes from the record of a mask into its table, its page and its rows."""

from __future__ import annotations

import numpy as np

from monai_attn.labels import LabelTable
from monai_attn.measure import rows
from monai_attn.report.tables import structure_table
from monai_attn.segmentation import Segmentation
from monai_attn.volume import Volume


def cube(**provenance) -> Segmentation:
    array = np.zeros((20, 20, 20), np.uint8)
    array[5:15, 5:15, 5:15] = 1
    array[0, 0, 0] = 2
    names = LabelTable.of_names({1: "tumour", 2: "cyst", 3: "nothing"})
    return Segmentation(Volume(array, np.eye(4), modality="SEG"), names, provenance)


def test_a_volume_times_its_factors():
    tumour, cyst, nothing = cube(volume_interval={1: [0.8, 1.5], 3: [0.5, 2.0]}).measure()
    assert (tumour.volume_ml, tumour.volume_low_ml, tumour.volume_high_ml) == (1.0, 0.8, 1.5)
    assert cyst.volume_low_ml is None
    assert nothing.volume_low_ml is None
    first, second, _ = rows([tumour, cyst, nothing])
    assert first["volume_high_ml"] == 1.5
    assert "volume_high_ml" not in second


def test_the_page_has_the_interval_in_a_column():
    made = cube(volume_interval={"1": [0.8, 1.5]})
    page = structure_table(made.measure(), made.table)
    assert "90 % interval (ml)" in page
    assert "0.8 to 1.5" in page
    assert "interval" not in structure_table(cube().measure(), made.table)


def test_a_mask_with_a_warning_has_no_interval():
    unlikely = cube(volume_interval={1: [0.8, 1.5]}, warnings=["The image is far larger than those of the training."])
    assert unlikely.measure()[0].volume_low_ml is None


def test_a_mask_that_a_hand_changed_has_no_interval():
    assert cube(volume_interval={1: [0.8, 1.5]}, edited_by_hand=True).measure()[0].volume_low_ml is None
