"""What the ONNX graphs of a Conv-TasNet have in common: nodes, layers, and the path from w to d.

A graph is written operation by operation, in parallel to `tcn.py` and `coders.py`, instead of being traced: a trace
would freeze what depends on the length. Its 1x1-convs are matrix products of named weights, which can be quantised.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

from tasnet.coders import coder_biases
from tasnet.model import ConvTasNet
from tasnet.norms import AnyNorm, BatchNorm, ChannelLayerNorm, LayerNorm, NoNorm
from tasnet.tcn import Block, DepthwiseConv

OPSET = 17
IR_VERSION = 8  # of the ONNX release that introduced the opset: older runtimes read it too
FLOAT, DOUBLE, INT64 = TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.INT64

Value = onnx.ValueInfoProto  # of an input or output: name, type, shape
NormGraph = Callable[["Graph", str, AnyNorm], str]
ConvGraph = Callable[["Graph", str, DepthwiseConv], str]


class Graph:
    """Nodes and weights in the order of creation; calling it adds a node and returns its output's name.

    What is a parameter of `model` keeps its name there, by which others find it: the browser's `onnx.js` does.
    """

    def __init__(self, model: ConvTasNet) -> None:
        self._parameters = {values.data_ptr(): name for name, values in model.named_parameters()}
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[TensorProto] = []

    def __call__(self, operation: str, *inputs: str, **attributes: object) -> str:
        return self.last(operation, *inputs, f"v{len(self.nodes)}", **attributes)

    def last(self, operation: str, *inputs_and_output: str, **attributes: object) -> str:
        """Add a node whose output gets the name that is given last."""
        *inputs, output = inputs_and_output
        node = helper.make_node(operation, inputs, [output])
        node.attribute.extend(helper.make_attribute(*one) for one in sorted(attributes.items()))
        self.nodes.append(node)
        return output

    def weight(self, values: Tensor | np.ndarray | float) -> str:
        """float32 weights."""
        name = self._parameters.pop(values.data_ptr(), "") if isinstance(values, Tensor) else ""
        values = values.detach().cpu().numpy() if isinstance(values, Tensor) else values
        return self._constant(np.ascontiguousarray(values, dtype=np.float32), name)

    def double(self, value: float) -> str:
        """A number in float64."""
        return self._constant(np.array(value, dtype=np.float64))

    def whole(self, values: int | Sequence[int]) -> str:
        """Whole numbers, for shapes and places."""
        return self._constant(np.array(values, dtype=np.int64))

    def _constant(self, values: np.ndarray, name: str = "") -> str:
        name = name or f"w{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(values, name))
        return name

    def length(self, of: str, axis: int) -> str:
        """The length of an axis, as a list of one whole number."""
        return self("Gather", self("Shape", of), self.whole([axis]))

    def cut(self, x: str, axis: int, begin: int | str, end: int | str) -> str:
        """x[begin:end] on one axis."""
        places = [place if isinstance(place, str) else self.whole([place]) for place in (begin, end)]
        return self("Slice", x, *places, self.whole([axis]))

    def finished(
        self, name: str, inputs: Sequence[Value], outputs: Sequence[Value], about: dict[str, object]
    ) -> onnx.ModelProto:
        """The checked model, with `about` in its metadata."""
        graph = helper.make_graph(self.nodes, name, inputs, outputs, self.weights)
        made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
        helper.set_model_props(made, {key: str(value) for key, value in about.items()})
        onnx.checker.check_model(made, full_check=True)
        return made


def value(name: str, shape: Sequence[int | str], kind: int = FLOAT) -> Value:
    """An input or output of a graph; a word in the shape stands for any length."""
    return helper.make_tensor_value_info(name, kind, shape)


def masked(g: Graph, model: ConvTasNet, w: str, norm: NormGraph, convolve: ConvGraph) -> str:
    """SeparationModule and eq. 4: w (batch, K, N) -> d (batch, C, K, N); `norm` and `convolve` make these layers."""
    config = model.config
    y = linear(g, norm(g, w, model.separator.norm), model.separator.bottleneck)
    skip_sum = ""
    for block in model.blocks():
        y, skip = _block(g, y, block, norm, convolve)
        if skip:
            skip_sum = g("Add", skip_sum, skip) if skip_sum else skip
    m = prelu(g, skip_sum or y, model.separator.prelu)
    m = g("Reshape", linear(g, m, model.separator.conv_mask), g.whole([0, 0, config.C, config.N]))
    m = g("Transpose", m, perm=[0, 2, 1, 3])
    limits = {"sigmoid": ("Sigmoid", {}), "relu": ("Relu", {}), "softmax": ("Softmax", {"axis": 1})}
    operation, attributes = limits[config.mask]
    return g("Mul", g(operation, m, **attributes), g("Unsqueeze", w, g.whole([1])))


def _block(g: Graph, y: str, block: Block, norm: NormGraph, convolve: ConvGraph) -> tuple[str, str]:
    """Block.forward, without the sum of the skip paths: y, and "" where there is no skip path."""
    B, Sc = block.widths
    u = norm(g, prelu(g, linear(g, y, block.conv_in), block.prelu1), block.norm1)
    v = norm(g, prelu(g, convolve(g, u, block.depthwise), block.prelu2), block.norm2)
    out = linear(g, v, block.conv_out)
    if not Sc:
        return g("Add", y, out), ""
    return g("Add", y, g.cut(out, 2, 0, B)), g.cut(out, 2, B, B + Sc)


def encode(g: Graph, model: ConvTasNet, x: str) -> str:
    """Encoder: the samples of whole frames (batch, 1, (K+1) hop) -> w (batch, K, N), eq. 2."""
    bias = [g.weight(coder_biases(model.encoder, model.decoder)[0])] if model.config.coder_bias else []
    w = g("Conv", x, g.weight(model.U[:, None]), *bias, strides=[model.config.hop])
    if model.config.encoder == "relu":
        w = g("Relu", w)
    return g("Transpose", w, perm=[0, 2, 1])


def decoder_nodes(g: Graph, model: ConvTasNet, d: str, batch: str) -> str:
    """Decoder: d (batch, C, K, N) -> (batch, C, (K+1) hop), eq. 5."""
    config = model.config
    flat = g("Concat", g.whole([-1]), g.length(d, 2), g.whole([config.N]), axis=0)
    d = g("Transpose", g("Reshape", d, flat), perm=[0, 2, 1])
    bias = [] if model.decoder.bias is None else [g.weight(model.decoder.bias)]
    s = g("ConvTranspose", d, g.weight(model.V[:, None]), *bias, strides=[config.hop])
    return g("Reshape", s, g("Concat", batch, g.whole([config.C, -1]), axis=0))


def linear(g: Graph, x: str, layer: nn.Linear) -> str:
    """A 1x1-conv."""
    return g("Add", g("MatMul", x, g.weight(layer.weight.T)), g.weight(layer.bias))


def prelu(g: Graph, x: str, layer: nn.PReLU) -> str:
    """Eq. 8."""
    return g("PRelu", x, g.weight(layer.weight))


def depthwise_nodes(g: Graph, x: str, conv: DepthwiseConv, pads: Sequence[int]) -> str:
    """The D-conv on (batch, H, frames): ONNX convolves the last axis."""
    taps = len(conv.offsets)
    return g(
        "Conv",
        x,
        g.weight(conv.weight.T[:, None]),
        g.weight(conv.bias),
        pads=list(pads),
        dilations=[(conv.offsets[-1] - conv.offsets[0]) // (taps - 1) if taps > 1 else 1],
        group=conv.weight.shape[1],
    )


def plain_norm(g: Graph, f: str, norm: AnyNorm) -> str:
    """The norms of norms.py but cLN, on (batch, K, channels)."""
    if isinstance(norm, NoNorm):
        return f
    if isinstance(norm, BatchNorm):
        scale = norm.weight / (norm.running_var + norm.eps).sqrt()
        return g("Add", g("Mul", f, g.weight(scale)), g.weight(norm.bias - norm.running_mean * scale))

    def mean(x: str) -> str:
        of_frames = g("ReduceMean", x, axes=[2])
        # Eqs. 10 and 11 frame by frame, as in `GlobalLayerNorm`: one long float32 sum over both loses two digits.
        return of_frames if isinstance(norm, ChannelLayerNorm) else g("ReduceMean", of_frames, axes=[1])

    centred = g("Sub", f, mean(f))
    return scaled(g, centred, mean(g("Mul", centred, centred)), norm)


def scaled(g: Graph, centred: str, variance: str, norm: LayerNorm) -> str:
    """Eq. 9 or 12 of features from which the mean has been taken."""
    deviation = g("Sqrt", g("Add", variance, g.weight(norm.eps)))
    return g("Add", g("Mul", g("Div", centred, deviation), g.weight(norm.gamma)), g.weight(norm.beta))
