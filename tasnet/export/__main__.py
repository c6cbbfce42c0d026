"""Write a model for ONNX Runtime.

    python -m tasnet.export MODEL -o model.onnx [--int8] [--step]

MODEL is a name from `python -m tasnet.separate --list`, a published model, or a file of weights. The graph takes
mixtures (batch, T) of any length at the model's sample rate and returns sources (batch, C, T), as the network does; the
caller scales the mixture to the level that is printed, and the sources back. --int8 stores the weights of the 1x1-convs
in 8 bits and rounds their inputs to 8 bits while it runs.

--step writes a causal model as one step of a stream: packets (streams, T), T any multiple of the hop, and the past in
states that start as zeros (step.py describes them). The output is one hop behind the packet:

    session = onnxruntime.InferenceSession("step.onnx")
    types = {"tensor(float)": "float32", "tensor(double)": "float64", "tensor(int64)": "int64"}
    state = {one.name: numpy.zeros([1, *one.shape[1:]], types[one.type]) for one in session.get_inputs()[1:]}
    voices = []
    for packet in packets:  # (1, T) float32; the last is filled up with zeros
        sources, *past = session.run(None, {"packet": packet, **state})  # (1, C, T)
        state = dict(zip(state, past))
        voices.append(sources)
    hop = int(session.get_modelmeta().custom_metadata_map["hop"])
    voices = numpy.concatenate([*voices, state["overlap"]], -1)[..., hop:]
"""

import importlib.util
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from tasnet.atomic import replacing
from tasnet.command_line import command_line, command_parser
from tasnet.errors import UserError
from tasnet.inference import Separator
from tasnet.model import ConvTasNet


@command_line()
def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit code: 2 where the model or a package is missing, or a step cannot be had."""
    parser = command_parser("tasnet.export", __doc__)
    parser.add_argument("model", help="a name or a file")
    parser.add_argument("-o", "--output", required=True, type=Path, metavar="FILE.onnx")
    parser.add_argument("--int8", action="store_true", help="quantise the matrix products dynamically")
    parser.add_argument("--step", action="store_true", help="one step of a stream, with its past as inputs and outputs")
    options = parser.parse_args(arguments)
    separator = Separator(options.model, device="cpu")
    if not isinstance(separator.model, ConvTasNet):
        raise UserError("Only Conv-TasNet can be written as ONNX.")
    opset = write_onnx(separator.model, options.output, int8=options.int8, step=options.step)
    config = separator.config
    size = f"{options.output}: opset {opset}, {options.output.stat().st_size / 1e6:.1f} MB"
    level = f"Bring the mixture to RMS {separator.level:.3g}."
    if options.step:
        print(
            f"{size}; packet (streams, T) at {config.sample_rate} Hz, T a multiple of {config.hop}, and states -> "
            f"sources (streams, {config.C}, T), {config.hop} samples behind, and states; latency {config.L} samples. "
            f"{level if config.hears_level else 'Any level will do.'}"
        )
    else:
        print(f"{size}; mixture (batch, T) at {config.sample_rate} Hz -> sources (batch, {config.C}, T). {level}")
    return 0


def write_onnx(model: ConvTasNet, path: Path, int8: bool = False, step: bool = False) -> int:
    """Writes `model`, or one step of its stream, to `path` and gives the opset.

    Raises UserError where onnx, or for int8 onnxruntime, is not installed, and for a step of a network that is not
    causal; PathError.
    """
    for package in ("onnx", "onnxruntime") if int8 else ("onnx",):  # not among what the app needs
        if importlib.util.find_spec(package) is None:
            raise UserError(f"This needs the package {package}: pip install onnx onnxruntime.")
    from .graph import onnx_graph
    from .parts import OPSET
    from .step import step_graph

    content = (step_graph if step else onnx_graph)(model).SerializeToString()
    with replacing(path) as unfinished:
        if not int8:
            unfinished.write_bytes(content)
        else:
            from onnxruntime.quantization import QuantType, quantize_dynamic
            from onnxruntime.quantization.shape_inference import quant_pre_process

            with TemporaryDirectory() as folder:
                whole, ready, small = (str(Path(folder) / f"{name}.onnx") for name in ("whole", "ready", "int8"))
                Path(whole).write_bytes(content)
                quant_pre_process(whole, ready, skip_optimization=True, skip_symbolic_shape=True)
                quantize_dynamic(ready, small, op_types_to_quantize=["MatMul"], weight_type=QuantType.QInt8)
                unfinished.write_bytes(Path(small).read_bytes())
    return OPSET


if __name__ == "__main__":
    sys.exit(main())
