"""`models/model.onnx`: the model with its preprocessing, for ONNX Runtime and its kin.

Made by ONNX's own helper, whose bytes depend on the model alone: PyTorch's exporter writes paths of its machine too.
"""

import numpy as np
from onnx import ModelProto, NodeProto, TensorProto, helper

from linear_classifier.exporting.model_facts import describe_model
from linear_classifier.model.model_file import SavedModel

OPSET, IR_VERSION = 17, 8  # of 2022: old enough for what is in use, new enough for every operator here


def format_onnx(saved: SavedModel) -> bytes:
    """The model file of ONNX: images uint8 `(n, channels, height, width)` to logits, probabilities and labels.

    `logits` and `probabilities` are float64 `(n, classes)`, `labels` int64 `(n,)`. Weights and table are float32 in the
    file, as in the model's own, and taken to float64 in the graph.
    """
    num_classes = len(saved.class_names)
    graph = helper.make_graph(
        _make_nodes(),
        "flatten_linear",
        [helper.make_tensor_value_info("images", TensorProto.UINT8, ["n", *saved.image_shape])],
        [
            helper.make_tensor_value_info("logits", TensorProto.DOUBLE, ["n", num_classes]),
            helper.make_tensor_value_info("probabilities", TensorProto.DOUBLE, ["n", num_classes]),
            helper.make_tensor_value_info("labels", TensorProto.INT64, ["n"]),
        ],
        _make_constants(saved),
    )
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION, producer_name="linear_classifier"
    )
    helper.set_model_props(model, describe_model(saved))
    return _serialize(model)


def _make_nodes() -> list[NodeProto]:
    """A channel's values stand in the table 256 after those of the channel before: `first_entries` leads there."""
    node = helper.make_node
    return [
        node("Cast", ["images"], ["values"], to=TensorProto.INT32),
        node("Add", ["values", "first_entries"], ["entries"]),
        node("Gather", ["pixel_table", "entries"], ["normalised"]),
        node("Flatten", ["normalised"], ["pixels"]),
        node("Cast", ["pixels"], ["inputs"], to=TensorProto.DOUBLE),
        node("Cast", ["weight"], ["weight_float64"], to=TensorProto.DOUBLE),
        node("Cast", ["bias"], ["bias_float64"], to=TensorProto.DOUBLE),
        node("Gemm", ["inputs", "weight_float64", "bias_float64"], ["logits"], transB=1),
        node("Softmax", ["logits"], ["probabilities"], axis=1),
        node("ArgMax", ["logits"], ["labels"], axis=1, keepdims=0),
    ]


def _make_constants(saved: SavedModel) -> list[TensorProto]:
    channels, num_classes = saved.image_shape[0], len(saved.class_names)
    num_pixels = len(saved.weight) // (4 * num_classes)
    first_entries = np.arange(0, 256 * channels, 256, dtype="<i4").tobytes()

    def tensor(name: str, kind: int, shape: list[int], data: bytes) -> TensorProto:
        return helper.make_tensor(name, kind, shape, data, raw=True)

    return [
        tensor("first_entries", TensorProto.INT32, [channels, 1, 1], first_entries),
        tensor("pixel_table", TensorProto.FLOAT, [256 * channels], saved.pixel_table),
        tensor("weight", TensorProto.FLOAT, [num_classes, num_pixels], saved.weight),
        tensor("bias", TensorProto.FLOAT, [num_classes], saved.bias),
    ]


def _serialize(model: ModelProto) -> bytes:
    content: bytes = model.SerializeToString(deterministic=True)
    return content
