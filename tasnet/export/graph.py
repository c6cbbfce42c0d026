"""Conv-TasNet as an ONNX graph: mixture (batch, T) -> sources (batch, C, T), for any batch and any T >= 1.

The graph is written down here operation by operation, beside `tcn.py` and `coders.py`, and not traced: a trace would
fix what depends on the length. Its 1x1-convs are matrix products of named weights, which can be quantised.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

from tasnet.model import ConvTasNet
from tasnet.norms import BatchNorm, ChannelLayerNorm, CumulativeLayerNorm, NoNorm
from tasnet.tcn import Block, DepthwiseConv

OPSET = 17
IR_VERSION = 8  # of the ONNX release that brought the opset: older run times read it too


def onnx_graph(model: ConvTasNet) -> onnx.ModelProto:
    """The network in evaluation, float32; its configuration stands in the metadata."""
    g = _Graph()
    config = model.config
    T = g.length("mixture", 1)
    w = _encode(g, model, T)
    y = _linear(g, _norm(g, w, model.separator.norm), model.separator.bottleneck)
    skip_sum = None
    for block in model.blocks():
        y, skip = _block(g, y, block)
        if config.Sc:
            skip_sum = skip if skip_sum is None else g("Add", skip_sum, skip)
    m = _prelu(g, skip_sum if config.Sc else y, model.separator.prelu)
    m = g("Reshape", _linear(g, m, model.separator.conv_mask), g.whole([0, 0, config.C, config.N]))
    m = g("Transpose", m, perm=[0, 2, 1, 3])  # (batch, C, K, N)
    limits = {"sigmoid": ("Sigmoid", {}), "relu": ("Relu", {}), "softmax": ("Softmax", {"axis": 1})}
    operation, attributes = limits[config.mask]
    d = g("Mul", g(operation, m, **attributes), g("Unsqueeze", w, g.whole([1])))  # eq. 4
    g.last("Identity", _decode(g, model, d, T), "sources")
    graph = helper.make_graph(
        g.nodes,
        "Conv-TasNet",
        [helper.make_tensor_value_info("mixture", TensorProto.FLOAT, ["batch", "T"])],
        [helper.make_tensor_value_info("sources", TensorProto.FLOAT, ["batch", config.C, "T"])],
        g.weights,
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
    helper.set_model_props(made, {name: str(value) for name, value in config.to_dict().items()})
    onnx.checker.check_model(made)
    return made


class _Graph:
    """Nodes and weights in the order in which they are made; calling it adds a node and gives its output's name."""

    def __init__(self) -> None:
        self.nodes, self.weights = [], []

    def __call__(self, operation: str, *inputs: str, **attributes: object) -> str:
        return self.last(operation, *inputs, f"v{len(self.nodes)}", **attributes)

    def last(self, operation: str, *inputs_and_output: str, **attributes: object) -> str:
        *inputs, output = inputs_and_output
        self.nodes.append(helper.make_node(operation, inputs, [output], **attributes))
        return output

    def weight(self, values: Tensor | np.ndarray | float) -> str:
        """float32 weights."""
        values = values.detach().cpu().numpy() if isinstance(values, Tensor) else values
        return self._constant(np.ascontiguousarray(values, dtype=np.float32))

    def whole(self, values: Sequence[int]) -> str:
        """Whole numbers, for shapes and places."""
        return self._constant(np.array(values, dtype=np.int64))

    def _constant(self, values: np.ndarray) -> str:
        name = f"w{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(values, name))
        return name

    def length(self, of: str, axis: int) -> str:
        """The length of an axis, as a list of one whole number."""
        return self("Gather", self("Shape", of), self.whole([axis]))


def _encode(g: _Graph, model: ConvTasNet, T: str) -> str:
    """coders.cover and Encoder: the mixture -> w (batch, K, N)."""
    config = model.config
    hop, zero = g.whole([config.hop]), g.whole([0])
    if config.edges == "cut":  # a convolution leaves out by itself what does not fill a frame
        end = g("Max", g("Sub", g.whole([config.L]), T), zero)
    else:
        beyond = g("Max", g("Sub", T, g.whole([config.L])), zero) if config.edges == "fill" else T
        steps = g("Div", g("Add", beyond, g.whole([config.hop - 1])), hop)
        covered = g("Add", g("Mul", steps, hop), g.whole([config.L]))  # L = 2 hops, one at either end for "pad"
        end = g("Sub", g("Sub", covered, T), g.whole([config.lead]))
    pads = g("Concat", zero, g.whole([config.lead]), zero, end, axis=0)
    x = g("Unsqueeze", g("Pad", "mixture", pads), g.whole([1]))
    bias = [] if getattr(model.encoder, "bias", None) is None else [g.weight(model.encoder.bias)]
    w = g("Conv", x, g.weight(model.U[:, None]), *bias, strides=[config.hop])
    if config.encoder == "relu":
        w = g("Relu", w)
    return g("Transpose", w, perm=[0, 2, 1])


def _decode(g: _Graph, model: ConvTasNet, d: str, T: str) -> str:
    """Decoder and coders.overlap_add: d (batch, C, K, N) -> (batch, C, T)."""
    config = model.config
    flat = g("Concat", g.whole([-1]), g.length(d, 2), g.whole([config.N]), axis=0)
    d = g("Transpose", g("Reshape", d, flat), perm=[0, 2, 1])
    bias = [] if model.decoder.bias is None else [g.weight(model.decoder.bias)]
    s = g("ConvTranspose", d, g.weight(model.V[:, None]), *bias, strides=[config.hop])
    s = g("Reshape", s, g("Concat", g.length("mixture", 0), g.whole([config.C, -1]), axis=0))
    if config.edges == "cut":
        zero = g.whole([0])
        missing = g("Max", g("Sub", T, g.length(s, 2)), zero)
        s = g("Pad", s, g("Concat", g.whole([0, 0, 0, 0, 0]), missing, axis=0))
    start = g.whole([config.lead])
    return g("Slice", s, start, g("Add", start, T), g.whole([2]))


def _block(g: _Graph, y: str, block: Block) -> tuple[str, str | None]:
    """Block.forward, without the sum of the skip paths."""
    B, Sc = block.widths
    u = _norm(g, _prelu(g, _linear(g, y, block.conv_in), block.prelu1), block.norm1)
    v = _norm(g, _prelu(g, _depthwise(g, u, block.depthwise), block.prelu2), block.norm2)
    out = _linear(g, v, block.conv_out)
    if not Sc:
        return g("Add", y, out), None
    residual = g("Slice", out, g.whole([0]), g.whole([B]), g.whole([2]))
    return g("Add", y, residual), g("Slice", out, g.whole([B]), g.whole([B + Sc]), g.whole([2]))


def _linear(g: _Graph, x: str, linear: nn.Linear) -> str:
    return g("Add", g("MatMul", x, g.weight(linear.weight.T)), g.weight(linear.bias))


def _prelu(g: _Graph, x: str, prelu: nn.PReLU) -> str:
    return g("PRelu", x, g.weight(prelu.weight))


def _depthwise(g: _Graph, x: str, conv: DepthwiseConv) -> str:
    """DepthwiseConv.forward, between two transpositions: ONNX convolves the last axis."""
    x = g("Transpose", x, perm=[0, 2, 1])
    before, after = -min(conv.offsets), max(conv.offsets)
    if conv.reflect:
        x = g("Pad", x, g.whole([0, 0, before, 0, 0, after]), mode="reflect")
        before = after = 0
    dilation = abs(conv.offsets[0] - conv.offsets[-1]) // max(1, len(conv.offsets) - 1) or 1
    x = g(
        "Conv",
        x,
        g.weight(conv.weight.T[:, None]),
        g.weight(conv.bias),
        pads=[before, after],
        dilations=[dilation],
        group=conv.weight.shape[1],
    )
    return g("Transpose", x, perm=[0, 2, 1])


def _norm(g: _Graph, f: str, norm: nn.Module) -> str:
    """The norms of norms.py, on (batch, K, channels)."""
    if isinstance(norm, NoNorm):
        return f
    if isinstance(norm, BatchNorm):
        scale = norm.weight / (norm.running_var + norm.eps).sqrt()
        return g("Add", g("Mul", f, g.weight(scale)), g.weight(norm.bias - norm.running_mean * scale))
    if isinstance(norm, CumulativeLayerNorm):
        centred, variance = _cumulative(g, f)
    else:
        axes = [2] if isinstance(norm, ChannelLayerNorm) else [1, 2]
        centred = g("Sub", f, g("ReduceMean", f, axes=axes))
        variance = g("ReduceMean", g("Mul", centred, centred), axes=axes)
    deviation = g("Sqrt", g("Add", variance, g.weight(norm.eps)))
    return g("Add", g("Mul", g("Div", centred, deviation), g.weight(norm.gamma)), g.weight(norm.beta))


def _cumulative(g: _Graph, f: str) -> tuple[str, str]:
    """Eqs. 13 and 14 as in `CumulativeLayerNorm`: features less the mean so far, and the variance so far."""
    axis = g.whole(1)
    frame_mean = g("ReduceMean", f, axes=[2])  # (batch, K, 1)
    k = g("CumSum", g("Exp", g("Mul", frame_mean, g.weight(0.0))), axis)  # of ones
    mean = g("Div", g("CumSum", frame_mean, axis), k)
    first = g("Slice", mean, g.whole([0]), g.whole([1]), g.whole([1]))
    before = g("Concat", first, g("Slice", mean, g.whole([0]), g.whole([-1]), g.whole([1])), axis=1)
    centred = g("Sub", f, mean)
    power = g("ReduceMean", g("Mul", centred, centred), axes=[2])
    moved = g("Mul", g("Sub", frame_mean, mean), g("Sub", mean, before))
    return centred, g("Div", g("CumSum", g("Add", power, moved), axis), k)
