"""A causal Conv-TasNet as one step of a stream: an ONNX graph that takes and returns its past as tensors.

    packet (streams, T)      -> sources (streams, C, T), `delay` samples behind the packet
    and every state `name`   -> `next_name`, of the same shape and type

T is any multiple of the hop, and may differ from step to step. A stream begins with states of zeros, wherever the
streams beside it are:

    frames  (streams)              int64    hops so far
    samples (streams, hop)         float32  the last hop, first half of the next frame
    sums    (streams, norms, 2)    float64  of each cLN: the sums of its features and of their squares
    past_b  (streams, H, (P-1)2^x) float32  of the block b: what its D-conv reaches back to
    overlap (streams, C, hop)      float32  of the last frame with the next

A stream's first hop of sources lies before the sound and is to be dropped. At the end the last packet is padded with
zeros, and `next_overlap` is the last hop of the sources.
"""

from __future__ import annotations

import onnx

from tasnet.errors import UserError
from tasnet.model import ConvTasNet
from tasnet.norms import AnyNorm, CumulativeLayerNorm
from tasnet.tcn import DepthwiseConv

from .parts import DOUBLE, FLOAT, INT64, Graph, Value, decoder_nodes, depthwise_nodes, encode, masked, plain_norm, value

END = 2**62  # of any axis


def step_graph(model: ConvTasNet) -> onnx.ModelProto:
    """The network's step in evaluation mode, float32; the metadata hold its configuration, delay and latency.

    It computes what `streaming.StreamingConvTasNet` does. Raises UserError for a network that is not causal.
    """
    config = model.config
    if not config.causal:
        raise UserError("Only a causal network can be written as a step of a stream; this one is not.")
    return _Step(model).graph()


class _Step:
    """The graph and the states that its layers need."""

    def __init__(self, model: ConvTasNet) -> None:
        self.model, self.g = model, Graph(model)
        self.inputs: list[Value] = []  # of the states
        self.outputs: list[Value] = []
        self.convolutions = 0
        self.sums: list[str] = []  # (streams, 1, 2): of each cLN in order, after this step

    def graph(self) -> onnx.ModelProto:
        g, model, config = self.g, self.model, self.model.config
        hop, C = config.hop, config.C
        self.number_frames(g("Reshape", "packet", g.whole([0, -1, hop])))  # fails where T is not a multiple
        x = g("Concat", self.state("samples", [hop]), "packet", axis=1)
        self.next("samples", g.cut(x, 1, -hop, END))
        w = g("Mul", encode(g, model, g("Unsqueeze", x, g.whole([1]))), self.known)
        d = masked(g, model, w, self.norm, self.convolve)
        s = decoder_nodes(g, model, d, g.length("packet", 0))
        overlap = self.state("overlap", [C, hop])
        T = g.length("packet", 1)
        if model.decoder.bias is not None:  # is on both
            overlap = g("Sub", overlap, g.weight(model.decoder.bias))
        s = g("Add", s, g("Pad", overlap, g("Concat", g.whole([0, 0, 0, 0, 0]), T, axis=0)))
        g.last("Slice", s, g.whole([0]), T, g.whole([2]), "sources")
        self.next("overlap", g.cut(s, 2, T, END))
        if self.sums:
            self.next("sums", g("Concat", *self.sums, axis=1))
        return g.finished(
            "Conv-TasNet, a step",
            [value("packet", ["streams", "T"]), *self.inputs],
            [value("sources", ["streams", C, "T"]), *self.outputs],
            config.to_dict() | {"hop": hop, "delay": hop, "latency": config.L},
        )

    def number_frames(self, hops: str) -> None:
        """Count the frames that these hops (streams, K, ...) complete.

        Frame 0, which ends with the first hop, does not belong to the network: what it would leave behind is set to
        zero.
        """
        g, K, before = self.g, self.g.length(hops, 1), self.state("frames", [], INT64)
        place = g("Range", g.whole(0), g("Squeeze", K), g.whole(1))
        number = g("Unsqueeze", g("Add", g("Unsqueeze", before, g.whole([1])), place), g.whole([2]))
        self.known = g("Cast", g("Min", number, g.whole(1)), to=FLOAT)  # (streams, K, 1): 0 or 1
        self.count = g("Cast", g("Max", number, g.whole(1)), to=DOUBLE)  # k of eqs. 13 and 14
        self.next("frames", g("Add", before, K))

    def state(self, name: str, shape: list[int], kind: int = FLOAT) -> str:
        """Declare a state tensor of this shape for each stream; return the name of its input."""
        self.inputs.append(value(name, ["streams", *shape], kind))
        self.outputs.append(value(f"next_{name}", ["streams", *shape], kind))
        return name

    def next(self, name: str, made: str) -> None:
        """Let `made` be the state's value in the next step."""
        self.g.last("Identity", made, f"next_{name}")

    def convolve(self, g: Graph, u: str, conv: DepthwiseConv) -> str:
        """The D-conv of (streams, K, H) after the frames in its state."""
        x, span, number = g("Transpose", g("Mul", u, self.known), perm=[0, 2, 1]), -min(conv.offsets), self.convolutions
        self.convolutions += 1
        if span:
            x = g("Concat", self.state(f"past_{number}", [conv.weight.shape[1], span]), x, axis=2)
            self.next(f"past_{number}", g.cut(x, 2, -span, END))
        return g("Transpose", depthwise_nodes(g, x, conv, (0, 0)), perm=[0, 2, 1])

    def norm(self, g: Graph, f: str, norm: AnyNorm) -> str:
        """cLN with the sums in its state; other norms of causal networks have no past. See streaming.StreamingNorm."""
        if not isinstance(norm, CumulativeLayerNorm):
            return plain_norm(g, f, norm)
        channels, place = len(norm.gamma), len(self.sums)
        if not place:
            self.state("sums", [sum(isinstance(one, CumulativeLayerNorm) for one in self.model.modules()), 2], DOUBLE)
        exact = g("Cast", f, to=DOUBLE)
        now = g("Concat", g("ReduceSum", exact, g.whole([2])), g("ReduceSumSquare", exact, axes=[2]), axis=2)
        now = g("Mul", now, g("Cast", self.known, to=DOUBLE))
        sums = g("Add", g("CumSum", now, g.whole(1)), g.cut("sums", 1, place, place + 1))  # (streams, K, 2)
        self.sums.append(g.cut(sums, 1, -1, END))
        mean_and_square = g("Div", sums, g("Mul", self.count, g.double(channels)))  # eqs. 13, 14
        mean, square = g.cut(mean_and_square, 2, 0, 1), g.cut(mean_and_square, 2, 1, 2)
        variance = g("Max", g("Sub", square, g("Mul", mean, mean)), g.double(0))
        deviation = g("Sqrt", g("Add", variance, g.double(norm.eps)))
        centred = g("Sub", f, g("Cast", mean, to=FLOAT))
        normed = g("Div", centred, g("Cast", deviation, to=FLOAT))
        return g("Add", g("Mul", normed, g.weight(norm.gamma)), g.weight(norm.beta))  # eq. 12
