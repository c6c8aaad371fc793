"""Names of the labels of a bundle: in its metadata, in its inference config, or in a file that a user gives."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from monai_attn.bundle.config import mapping_at
from monai_attn.bundle.locate import label_table
from monai_attn.bundle.region_rules import region_names
from monai_attn.bundle.values import plain_value
from monai_attn.errors import LabelError
from monai_attn.labels import LabelTable

__all__ = ["channel_names", "labels_of"]

KEYS = ("labels", "label_names", "class_names", "output_labels", "label_dict", "channel_def")
"""What bundles of the model zoo call the names of the labels in their inference config."""

BACKGROUND = "background"


def labels_of(metadata: Mapping[str, Any], config: Any) -> LabelTable:
    """The labels of a bundle as far as it names them: in the metadata, else in its inference config.

    Where the config joins overlapping regions to one label map, its rule and the names of the channels name the values.
    The config has names as `{"liver": 1}`, as `{"1": "liver"}`, or as a list that begins with the background. An empty
    table where nothing names the labels.

    >>> [label.name for label in labels_of({}, {"labels": {"background": 0, "liver": 1}})]
    ['liver']
    """
    table = label_table(metadata)
    if table or not isinstance(config, dict):
        return table
    for place in (config, *(config[part] for part in ("postprocessing",) if isinstance(config.get(part), dict))):
        for key in KEYS:
            names = _names(plain_value(place.get(key), config))
            try:
                found = LabelTable.of_names(names)
            except LabelError:  # one name for two values: no names of labels
                continue
            if found:
                return found
    return LabelTable.of_names(region_names(config, channel_names(metadata)))


def channel_names(metadata: Mapping[str, Any]) -> dict[str, str]:
    """The names of the channels of the network's output, by number as text; empty where the metadata do not say them.

    >>> channel_names({"network_data_format": {"outputs": {"pred": {"channel_def": {"0": "Tumor core"}}}}})
    {'0': 'Tumor core'}
    """
    said = mapping_at(metadata, "network_data_format::outputs::pred::channel_def")
    return {str(key): str(name) for key, name in said.items()}


def _names(said: Any) -> dict[int, str]:
    """Names by value; empty for what is not that."""
    if isinstance(said, list) and said and str(said[0]).lower() == BACKGROUND:
        said = dict(enumerate(said))
    if not isinstance(said, dict):
        return {}
    names = {}
    for key, value in said.items():
        pair = (key, value) if str(key).isdecimal() else (value, key)
        if not str(pair[0]).isdecimal() or not isinstance(pair[1], str) or isinstance(pair[0], bool):
            return {}
        names[int(pair[0])] = pair[1]
    return names if str(names.get(0, BACKGROUND)).lower() == BACKGROUND else {}
