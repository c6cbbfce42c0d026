"""Separation as the sound arrives, against the offline network in float64: any cut, any causal network, a whole day."""

import copy
import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from test_model import tiny

from analysis.sounds import examples
from tasnet import checkpoint, streaming
from tasnet.kernels import fused
from tasnet.norms import EPS, CumulativeLayerNorm
from tasnet.streaming import StreamingConvTasNet, StreamingNorm

CAUSAL = {
    "cLN": {"norm": "cLN"},
    "BN": {"norm": "BN"},
    "relu, softmax, three speakers": {"norm": "cLN", "encoder": "relu", "mask": "softmax", "C": 3},
    "pinv, relu mask": {"norm": "cLN", "encoder": "pinv", "mask": "relu"},
    "BN, pinv, softmax": {"norm": "BN", "encoder": "pinv", "mask": "softmax"},
    "P = 1": {"norm": "cLN", "P": 1},
    "P = 2, L = 2": {"norm": "cLN", "P": 2, "L": 2},
    "no skip path, chLN": {"norm": "chLN", "Sc": 0},
    "chLN before cLN, one norm": {"norm": "cLN", "norm_in": "chLN", "second_norm": False, "norm_eps": 1e-5},
    "cut, biases": {"norm": "cLN", "edges": "cut", "coder_bias": True},
    "filled, biases": {"norm": "BN", "coder_bias": True},
    "P = 4, one block": {"norm": "cLN", "P": 4, "X": 1, "R": 1, "C": 1},
}
BOTH = pytest.mark.parametrize("compiled", [False, True], ids=["plain", "fused"])


def network(name):
    return tiny(causal=True, **CAUSAL[name])


def offline(model, mixtures):
    """The reference: the network as it stands in `model.py`, in float64."""
    with torch.no_grad():
        return copy.deepcopy(model).double()(mixtures.double())


def noise(streams, T, seed=0):
    return torch.randn(streams, T, generator=torch.Generator().manual_seed(seed))


def in_packets(stream, mixtures, sizes):
    """All that a stream returns when it gets packets of these sizes, over and over, and then the end."""
    parts, begin = [], 0
    for size in itertools.cycle(sizes):
        if begin >= mixtures.shape[-1]:
            return torch.cat([*parts, stream.flush()], -1)
        parts.append(stream.push(mixtures[:, begin : begin + size]))
        begin += size


def assert_equal(found, expected):
    assert found.shape == expected.shape
    scale = max(1.0, float(expected.abs().max())) if expected.numel() else 1.0
    torch.testing.assert_close(found.double(), expected, rtol=0, atol=1e-5 * scale)


@pytest.mark.parametrize("name", CAUSAL)
@settings(max_examples=4, deadline=None)
@given(data=st.data())
def test_however_it_is_cut_the_sources_are_those_of_the_whole(name, data):
    model = network(name)
    T = data.draw(st.integers(1, 120))
    sizes = data.draw(st.lists(st.integers(0, 60), min_size=1, max_size=8).filter(any))
    mixtures = noise(data.draw(st.integers(1, 3)), T, seed=T)
    expected = offline(model, mixtures)
    for compiled in (False, True):
        assert_equal(in_packets(StreamingConvTasNet(model, len(mixtures), fused=compiled), mixtures, sizes), expected)


@BOTH
def test_sample_by_sample_and_much_at_once(compiled, monkeypatch):
    monkeypatch.setattr(streaming, "PIECE", 16)  # frames of a long push that are worked on at a time
    model = network("cLN")
    mixtures = noise(2, 3 * 16 * model.config.hop + 5)
    expected = offline(model, mixtures)
    for sizes in ([1], [mixtures.shape[-1]], [1, 150, 7]):
        assert_equal(in_packets(StreamingConvTasNet(model, 2, fused=compiled), mixtures, sizes), expected)


@BOTH
def test_the_bundled_causal_model_on_an_example(compiled):
    model, _ = checkpoint.load(checkpoint.bundled()["convtasnet_small_cln_2spk_8k"])
    example = next(e.id for e in examples.available_examples() if e.tier == "bundled" and len(e.voices) == 2)
    mixture = torch.from_numpy(examples.mix_example(example).mixture)[None]
    packet = 64 if compiled else 3200  # 8 and 400 ms
    found = in_packets(StreamingConvTasNet(model, fused=compiled), mixture, [packet])
    assert_equal(found, offline(model, mixture))


@BOTH
@pytest.mark.parametrize("name", ["cLN", "BN", "P = 2, L = 2"])
def test_latency_is_the_length_of_a_frame(name, compiled):
    model = network(name)
    stream, L, hop = StreamingConvTasNet(model, fused=compiled), model.config.L, model.config.hop
    assert stream.latency == L
    mixture, out = noise(1, 10 * L), 0
    for n in range(1, 10 * L + 1):
        out += stream.push(mixture[:, n - 1 : n]).shape[-1]
        assert out >= n - (L - 1)  # sample n - L has come out with the L samples from it on
        assert out == max(0, n - L + hop) // hop * hop  # and nothing earlier than its frame is known


@BOTH
def test_what_has_come_out_does_not_depend_on_what_follows(compiled):
    model, mixture = network("cLN"), noise(1, 200)
    begun = StreamingConvTasNet(model, fused=compiled).push(mixture[:, :100])
    for rest in (noise(1, 100, seed=1), torch.zeros(1, 100)):
        whole = offline(model, torch.cat([mixture[:, :100], rest], -1))
        assert_equal(begun, whole[..., : begun.shape[-1]])


@BOTH
def test_streams_side_by_side_do_not_hear_each_other(compiled):
    model, mixtures = network("cLN"), noise(4, 150)
    mixtures[1] *= 100
    together = in_packets(StreamingConvTasNet(model, 4, fused=compiled), mixtures, [13])
    for mixture, sources in zip(mixtures, together, strict=True):
        alone = in_packets(StreamingConvTasNet(model, fused=compiled), mixture[None], [13])
        torch.testing.assert_close(sources[None], alone, rtol=1e-5, atol=1e-5)


@BOTH
def test_after_an_end_and_after_a_reset_a_new_mixture_begins(compiled):
    model, mixture = network("cLN"), noise(1, 101)
    stream = StreamingConvTasNet(model, fused=compiled)
    assert stream.flush().shape == (1, 2, 0)
    for begin_anew in (stream.flush, stream.reset):
        stream.push(10 + noise(1, 77, seed=3))
        begin_anew()
        assert_equal(in_packets(stream, mixture, [10]), offline(model, mixture))


@BOTH
def test_silence_then_sound_and_numbers_that_are_none(compiled):
    model = network("cLN")
    mixture = torch.cat([torch.zeros(1, 90), noise(1, 90)], -1)
    assert_equal(in_packets(StreamingConvTasNet(model, fused=compiled), mixture, [11]), offline(model, mixture))
    stream = StreamingConvTasNet(model, fused=compiled)
    broken = torch.cat([stream.push(torch.full((1, 40), torch.nan)), stream.flush()], -1)
    assert broken.isnan().all()  # not hidden


def test_float64_networks_stream_too():
    model, mixture = network("cLN").double(), noise(1, 300).double()
    found = in_packets(StreamingConvTasNet(model), mixture, [17])
    torch.testing.assert_close(found, offline(model, mixture), rtol=0, atol=1e-12)


def test_refusals_are_one_sentence():
    with pytest.raises(ValueError, match="causal"):
        StreamingConvTasNet(tiny())
    with pytest.raises(ValueError, match="float32"):
        StreamingConvTasNet(network("cLN").double(), fused=True)
    stream = StreamingConvTasNet(network("cLN"), 2)
    for shape in ((2,), (1, 5), (2, 1, 5)):
        with pytest.raises(ValueError, match="shape"):
            stream.push(torch.zeros(shape))


def held(stream):
    """Bytes of every tensor and array that a stream reaches."""
    found, todo = {}, [stream]
    while todo:
        value = todo.pop()
        if isinstance(value, torch.nn.Module) or id(value) in found:
            continue
        size = value.nbytes if isinstance(value, np.ndarray) else 0
        found[id(value)] = value.untyped_storage().nbytes() if isinstance(value, torch.Tensor) else size
        if isinstance(value, list | tuple):
            todo += value
        elif hasattr(value, "__dict__") and type(value).__module__.startswith("tasnet"):
            todo += vars(value).values()
    return sum(found.values())


@BOTH
def test_what_a_stream_holds_does_not_grow(compiled):
    model = network("cLN")
    stream = StreamingConvTasNet(model, fused=compiled)
    packet, sizes = noise(1, 10 * model.config.hop), []
    for _ in range(100):
        stream.push(packet)
        sizes.append(held(stream))
    assert len(set(sizes[1:])) == 1 and sizes[-1] > 1000


DAY = 24 * 3600 * 8000 // 20  # frames of 24 hours with the bundled causal model: a hop of 2.5 ms
CHANNELS = 2


def a_day_of_features():
    """Pieces (frames, channels) float32, at a level and mean as hard on sums as speech with an offset."""
    piece = 3.0 + torch.randn(1 << 18, CHANNELS, generator=torch.Generator().manual_seed(0))
    for begin in range(0, DAY, len(piece)):
        yield piece[: min(len(piece), DAY - begin)] * (1 + begin / DAY)


def run_plain(norm):
    streaming, before = StreamingNorm(norm), 0
    for piece in a_day_of_features():
        normed = streaming(piece[None].clone(), before)[0]
        before += len(piece)
    return streaming.sums.flatten().numpy(), normed.numpy()


def run_fused(norm):
    gamma, beta = norm.gamma.detach().numpy(), norm.beta.detach().numpy()
    sums, before = np.zeros((1, 2)), 0
    for piece in a_day_of_features():
        normed = piece.numpy().copy()
        fused._prelu_norm(normed, np.float32(1), gamma, beta, sums, fused.CUMULATIVE, EPS, before)
        before += len(normed)
    return sums[0], normed


@pytest.fixture(scope="module")
def a_days_sums():
    """Sum and power of the day's features in extended precision, and its last frame in float64."""
    total = power = np.longdouble(0)
    for piece in a_day_of_features():
        exact = piece.numpy().astype(np.float64)
        total += exact.sum()
        power += np.square(exact).sum()
    return total, power, exact[-1]


@pytest.mark.parametrize("run", [run_plain, run_fused])
def test_after_24_hours_the_sums_are_still_exact(run, a_days_sums):
    total, power, last = a_days_sums
    with torch.no_grad():
        sums, normed = run(CumulativeLayerNorm(CHANNELS))
    # Each frame is summed up in float32, which rounds by 6e-8; over many frames that averages out.
    np.testing.assert_allclose(sums, np.array([total, power], float), rtol=1e-8)
    mean, square = total / (DAY * CHANNELS), power / (DAY * CHANNELS)
    expected = (last - mean) / np.sqrt(square - mean**2 + EPS)  # eqs. 12-14
    np.testing.assert_allclose(normed[-1], expected.astype(float), atol=1e-6)
