"""Conv-TasNet as an ONNX graph: mixture (batch, T) -> sources (batch, C, T), for any batch and any T >= 1."""

from __future__ import annotations

import onnx

from tasnet.model import ConvTasNet
from tasnet.norms import AnyNorm, CumulativeLayerNorm
from tasnet.tcn import DepthwiseConv

from .parts import Graph, decoder_nodes, depthwise_nodes, encode, masked, plain_norm, scaled, value


def onnx_graph(model: ConvTasNet) -> onnx.ModelProto:
    """The network in evaluation, float32; its configuration stands in the metadata."""
    g = Graph(model)
    config = model.config
    T = g.length("mixture", 1)
    w = encode(g, model, _covered(g, model, T))
    d = masked(g, model, w, _norm, _convolve)
    _cut(g, model, decoder_nodes(g, model, d, g.length("mixture", 0)), T)
    inputs, outputs = [value("mixture", ["batch", "T"])], [value("sources", ["batch", config.C, "T"])]
    return g.finished("Conv-TasNet", inputs, outputs, config.to_dict())


def _covered(g: Graph, model: ConvTasNet, T: str) -> str:
    """coders.cover: the mixture -> the samples of all frames (batch, 1, (K+1) hop)."""
    config = model.config
    hop, zero = g.whole([config.hop]), g.whole([0])
    if config.edges == "cut":  # a convolution itself leaves out what does not fill a frame
        end = g("Max", g("Sub", g.whole([config.L]), T), zero)
    else:
        beyond = g("Max", g("Sub", T, g.whole([config.L])), zero) if config.edges == "fill" else T
        steps = g("Div", g("Add", beyond, g.whole([config.hop - 1])), hop)
        covered = g("Add", g("Mul", steps, hop), g.whole([config.L]))  # L = 2 hops, one at either end for "pad"
        end = g("Sub", g("Sub", covered, T), g.whole([config.lead]))
    pads = g("Concat", zero, g.whole([config.lead]), zero, end, axis=0)
    return g("Unsqueeze", g("Pad", "mixture", pads), g.whole([1]))


def _cut(g: Graph, model: ConvTasNet, s: str, T: str) -> None:
    """What coders.overlap_add makes of the length: s (batch, C, (K+1) hop) -> sources (batch, C, T)."""
    config = model.config
    if config.edges == "cut":
        missing = g("Max", g("Sub", T, g.length(s, 2)), g.whole([0]))
        s = g("Pad", s, g("Concat", g.whole([0, 0, 0, 0, 0]), missing, axis=0))
    start = g.whole([config.lead])
    g.last("Slice", s, start, g("Add", start, T), g.whole([2]), "sources")


def _convolve(g: Graph, u: str, conv: DepthwiseConv) -> str:
    """DepthwiseConv.forward on (batch, K, H)."""
    x = g("Transpose", u, perm=[0, 2, 1])
    pads = -min(conv.offsets), max(conv.offsets)
    if conv.reflect:
        x = g("Pad", x, g.whole([0, 0, pads[0], 0, 0, pads[1]]), mode="reflect")
        pads = 0, 0
    return g("Transpose", depthwise_nodes(g, x, conv, pads), perm=[0, 2, 1])


def _norm(g: Graph, f: str, norm: AnyNorm) -> str:
    """The norms of norms.py, on (batch, K, channels)."""
    if not isinstance(norm, CumulativeLayerNorm):
        return plain_norm(g, f, norm)
    # Eqs. 13 and 14 as in `CumulativeLayerNorm`: the mean so far, and the variance so far.
    axis = g.whole(1)
    frame_mean = g("ReduceMean", f, axes=[2])  # (batch, K, 1)
    k = g("CumSum", g("Exp", g("Mul", frame_mean, g.weight(0.0))), axis)  # of ones
    mean = g("Div", g("CumSum", frame_mean, axis), k)
    before = g("Concat", g.cut(mean, 1, 0, 1), g.cut(mean, 1, 0, -1), axis=1)
    centred = g("Sub", f, mean)
    power = g("ReduceMean", g("Mul", centred, centred), axes=[2])
    moved = g("Mul", g("Sub", frame_mean, mean), g("Sub", mean, before))
    return scaled(g, centred, g("Div", g("CumSum", g("Add", power, moved), axis), k), norm)
