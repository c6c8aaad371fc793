"""Changes to a converted network, an OpenVINO model, that leave its results as they are."""

from __future__ import annotations

from typing import Any

import numpy as np

from monai_attn.backends.conversion import openvino_without_telemetry
from monai_attn.errors import BackendError

__all__ = ["with_concatenations_apart", "without_last_layer"]


def without_last_layer(model: Any) -> Any:
    """The model up to the convolution with which it ends. Raises `BackendError` where it does not end with one."""
    ends = [_before_slices(output.get_node().input_value(0)) for output in model.outputs]
    layer = ends[0].input_value(0).get_node() if ends[0].get_type_name() == "Add" else ends[0]  # its bias is added
    if len(ends) > 1 or layer.get_type_name() != "Convolution":
        raise BackendError("The converted network does not end with a convolution.")
    features = layer.input_value(0)
    if features.get_node().get_type_name() == "FakeQuantize":  # in int8 for this layer alone
        features = features.get_node().input_value(0)
    return openvino_without_telemetry().Model([features], model.get_parameters())


def _before_slices(output: Any) -> Any:
    """The node that gives an output, past slices that take everything: `AttnUNet` cuts off what it padded."""
    node = output.get_node()
    while node.get_type_name() == "Slice" and node.input_value(0).get_partial_shape() == output.get_partial_shape():
        node = node.input_value(0).get_node()
    return node


def with_concatenations_apart(model: Any) -> Any:
    """The model with each convolution of two concatenated tensors as a sum of two convolutions. Changes the model.

    U-Nets have such convolutions in their decoder. OpenVINO copies what it concatenates, while the sum is made in
    place. At full resolution, with 32 channels and a window of 128^3, the copy takes 537 MB in float32. For more than
    two tensors the sums would cost time, so they are left alone.
    """
    ops = openvino_without_telemetry().opset13
    for layer in model.get_ordered_ops():
        if layer.get_type_name() != "Convolution":
            continue
        joined, weights = (layer.input_value(port).get_node() for port in (0, 1))
        if weights.get_type_name() != "Constant" or weights.get_element_type().to_string() != "f32":
            continue
        if not _joins_channels_of_two(joined):
            continue
        given = layer.get_attributes()
        where = [given[name] for name in ("strides", "pads_begin", "pads_end", "dilations", "auto_pad")]
        parts = joined.input_values()
        own = np.split(weights.data, [parts[0].get_partial_shape()[1].get_length()], axis=1)
        one, other = (
            ops.convolution(part, ops.constant(np.ascontiguousarray(some)), *where)
            for part, some in zip(parts, own, strict=True)
        )
        layer.output(0).replace(ops.add(one, other).output(0))
    model.validate_nodes_and_infer_types()
    return model


def _joins_channels_of_two(node: Any) -> bool:
    """Whether it concatenates two tensors along the axis of channels, of known number, and for one layer only."""
    if node.get_type_name() != "Concat" or node.get_input_size() != 2 or len(node.output(0).get_target_inputs()) > 1:
        return False
    shapes = [part.get_partial_shape() for part in node.input_values()]
    axis = node.get_attributes()["axis"] % shapes[0].rank.get_length()
    return bool(axis == 1 and all(shape[1].is_static for shape in shapes))
