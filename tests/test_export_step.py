"""A stream by ONNX Runtime, step by step, against the network as it streams here and as it stands in `model.py`."""

import itertools
import textwrap

import numpy as np
import onnx
import pytest
import torch
from test_model import tiny
from test_streaming import CAUSAL, CHANNELS, a_day_of_features, noise

from analysis.sounds import examples
from tasnet import Separator
from tasnet.export import __main__ as export
from tasnet.norms import EPS, CumulativeLayerNorm
from tasnet.streaming import StreamingConvTasNet

onnxruntime = pytest.importorskip("onnxruntime")
step = pytest.importorskip("tasnet.export.step")

TYPES = {"tensor(float)": np.float32, "tensor(double)": np.float64, "tensor(int64)": np.int64}
CLN = "convtasnet_small_cln_2spk_8k"


class Stream:
    """Steps of a written model, one after another."""

    def __init__(self, path, streams=1):
        self.session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        self.about = self.session.get_modelmeta().custom_metadata_map
        states = self.session.get_inputs()[1:]
        self.state = {one.name: np.zeros([streams, *one.shape[1:]], TYPES[one.type]) for one in states}

    def push(self, packet):
        sources, *after = self.session.run(None, {"packet": np.asarray(packet, np.float32), **self.state})
        assert [x.shape for x in after] == [x.shape for x in self.state.values()]
        self.state = dict(zip(self.state, after, strict=True))
        return sources

    def whole(self, mixtures, hops):
        """All sources (streams, C, T) of mixtures in packets of these numbers of hops, over and over."""
        hop, T, parts, begin = int(self.about["hop"]), mixtures.shape[1], [], 0
        x = np.pad(mixtures, ((0, 0), (0, -T % hop)))
        while begin < x.shape[1]:
            size = hops[len(parts) % len(hops)] * hop
            parts.append(self.push(x[:, begin : begin + size]))
            begin += size
        return np.concatenate([*parts, self.state["overlap"]], -1)[..., int(self.about["delay"]) :][..., :T]


def written(model, path):
    export.write_onnx(model, path, step=True)
    return path


def streamed(model, mixtures):
    stream = StreamingConvTasNet(model, len(mixtures))
    x = torch.from_numpy(mixtures)
    return torch.cat([stream.push(x), stream.flush()], -1).numpy()


@pytest.mark.parametrize("name", CAUSAL)
def test_every_causal_network_in_packets_of_any_size(tmp_path, name):
    model = tiny(causal=True, **CAUSAL[name])
    path = written(model, tmp_path / "step.onnx")
    mixtures = noise(2, 61 * model.config.hop + (model.config.edges == "fill")).numpy()
    expected = streamed(model, mixtures)
    for hops in ([1], [7], [100], [2, 1, 30]):
        found = Stream(path, 2).whole(mixtures, hops)
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-4 * max(1.0, np.abs(expected).max()))


def test_the_bundled_causal_model_over_a_whole_example(tmp_path):
    model = Separator(CLN, "cpu").model
    path = written(model, tmp_path / "step.onnx")
    example = next(e.id for e in examples.available_examples() if e.tier == "bundled" and len(e.voices) == 2)
    mixture = examples.mix_example(example).mixture[None, :40001]
    assert mixture.shape[1] > 4 * 8000
    expected = streamed(model, mixture)
    for hops in ([8], [1, 400]):
        np.testing.assert_allclose(Stream(path).whole(mixture, hops), expected, rtol=0, atol=1e-4)


def test_a_stream_may_begin_beside_another(tmp_path):
    model = tiny(causal=True, norm="cLN")
    hop, stream = model.config.hop, Stream(written(model, tmp_path / "step.onnx"), 2)
    first, second = noise(1, 40 * hop).numpy(), noise(1, 20 * hop, seed=1).numpy()
    for begin in range(0, 20 * hop, hop):
        stream.push(np.concatenate([first[:, begin : begin + hop], 1 + noise(1, hop).numpy()]))
    for value in stream.state.values():
        value[1] = 0
    sources = stream.push(np.concatenate([first[:, 20 * hop :], second]))
    for found, mixture in zip(sources, (first, second), strict=True):
        expected = streamed(model, mixture)[..., -21 * hop : -hop] if mixture is first else streamed(model, mixture)
        found = found if mixture is first else found[:, hop:]
        np.testing.assert_allclose(found, expected[0, :, : found.shape[1]], rtol=0, atol=1e-4)


def test_the_loop_in_the_commands_help_gives_the_offline_sources(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert export.main([CLN, "-o", "step.onnx", "--step"]) == 0
    said = capsys.readouterr().out
    assert "T a multiple of 20" in said and "latency 40 samples" in said
    mixture = noise(1, 8000)
    names = {"numpy": np, "onnxruntime": onnxruntime, "packets": np.split(mixture.numpy(), 50, axis=1)}
    exec(textwrap.dedent(export.__doc__[export.__doc__.index("    session =") :]), names)
    with torch.no_grad():
        expected = Separator(CLN, "cpu").model(mixture).numpy()
    np.testing.assert_allclose(names["voices"], expected, rtol=0, atol=1e-4)


def test_in_int8_it_is_smaller_and_still_the_same_voices(tmp_path):
    whole, small = tmp_path / "step.onnx", tmp_path / "int8.onnx"
    assert export.main([CLN, "-o", str(whole), "--step"]) == 0
    assert export.main([CLN, "-o", str(small), "--step", "--int8"]) == 0
    assert small.stat().st_size < 0.6 * whole.stat().st_size
    mixture = noise(1, 8000).numpy()
    exact, rough = (Stream(path).whole(mixture, [8]) for path in (whole, small))
    assert 10 * np.log10(np.sum(exact**2) / np.sum((rough - exact) ** 2)) > 10


def test_what_cannot_be_a_step_gets_one_sentence(tmp_path, capsys):
    path = tmp_path / "step.onnx"
    assert export.main(["convtasnet_small_gln_2spk_8k", "-o", str(path), "--step"]) == 2
    said = capsys.readouterr().err.strip()
    assert said == "Only a causal network can be written as a step of a stream; this one is not."
    assert not path.exists()
    stream = Stream(written(tiny(causal=True, norm="cLN"), path))
    with pytest.raises(Exception, match=r"Reshape|reshape"):  # not wrong sources
        stream.push(np.zeros((1, int(stream.about["hop"]) + 1)))


def test_after_hours_the_sums_are_still_exact():
    """The norm's part of a step over every frame of 17 times 11 minutes, of features as in `test_streaming`."""
    norm = CumulativeLayerNorm(CHANNELS)
    session = onnxruntime.InferenceSession(norm_alone(norm).SerializeToString(), providers=["CPUExecutionProvider"])
    frames, sums = np.ones(1, np.int64), np.zeros((1, 1, 2))  # as after the frame 0
    total = power = np.longdouble(0)
    for piece in itertools.islice(a_day_of_features(), 17):
        exact = piece.numpy().astype(np.float64)
        total, power = total + exact.sum(), power + np.square(exact).sum()
        normed, frames, sums = session.run(None, {"f": piece.numpy()[None], "frames": frames, "sums": sums})
    assert frames == 17 * len(piece) + 1
    assert np.spacing(np.float32(power)) > 5  # in float32 a frame's 20 would be rounded to 16 or 24
    np.testing.assert_allclose(sums[0, 0], np.array([total, power], float), rtol=1e-12)
    count = (frames[0] - 1) * CHANNELS
    mean, square = total / count, power / count
    expected = (exact[-1] - mean) / np.sqrt(square - mean**2 + EPS)  # eqs. 12-14
    np.testing.assert_allclose(normed[0, -1], expected.astype(float), atol=1e-6)


def norm_alone(norm):
    """A graph of what `step._Step.norm` and the count of frames do to features f (streams, K, channels)."""
    one = step._Step(torch.nn.Sequential(norm))
    one.number_frames("f")
    one.g.last("Identity", one.norm(one.g, "f", norm), "normed")
    one.next("sums", one.sums[0])
    features = [onnx.helper.make_tensor_value_info(name, 1, ["streams", "K", CHANNELS]) for name in ("f", "normed")]
    return one.g.finished("norm", [features[0], *one.inputs], [features[1], *one.outputs], {})


def test_a_stream_wound_forward_by_a_week_goes_on_as_exactly(tmp_path):
    """All counters as after a week of the same sound: sums and frames times 10^5; against float64."""
    model = tiny(causal=True, norm="cLN")
    torch.nn.init.constant_(model.separator.bottleneck.bias, 30.0)  # means far beyond the deviations
    hop, times = model.config.hop, 100_000
    begun, rest = noise(1, 2000 * hop), noise(1, 50 * hop, seed=1)
    stream = Stream(written(model, tmp_path / "step.onnx"))
    stream.push(begun.numpy())
    exact = StreamingConvTasNet(model.double(), fused=False)
    exact.push(begun.double())
    known = exact._frames.before  # frames
    stream.state["frames"] = np.array([1 + known * times])
    stream.state["sums"] = stream.state["sums"] * times
    exact._frames.before = known * times
    norms = [exact._frames.norm, *(norm for block in exact._frames.blocks for norm in (block.norm1, block.norm2))]
    for norm in norms:
        norm.sums *= times
    before = stream.state["sums"], np.array([norm.sums[:, 0, 0].numpy() for norm in norms])
    sources = stream.push(rest.numpy())
    expected = exact.push(rest.double()).numpy()
    np.testing.assert_allclose(sources, expected, rtol=0, atol=1e-4 * max(1.0, np.abs(expected).max()))
    # What 50 frames add to sums of 10^8 is there: in float32 most of it would be lost.
    added = np.array([norm.sums[:, 0, 0].numpy() for norm in norms]) - before[1]
    np.testing.assert_allclose(stream.state["sums"][0] - before[0][0], added, rtol=1e-3, atol=1e-3)
    assert np.spacing(np.float32(before[0].max())) > 50
