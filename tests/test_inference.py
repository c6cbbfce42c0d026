"""The Separator: any length, level, rate and thread; long recordings without swaps or seams."""

import itertools
import threading

import numpy as np
import pytest
import torch

import tasnet
from tasnet import AudioError, CheckpointError, ConvTasNet, ConvTasNetConfig, DeviceError, Separator, checkpoint
from tasnet import inference as inference_module
from tasnet.disk import DiskArray
from tasnet.level import CausalLevel, level_gains
from tasnet.pauses import JoinedSpans, pauses_between, speech_spans
from tasnet.tracking import Stitcher, best_order, plan_chunks
from tasnet.training_facts import TrainingFacts

RATE = 8000


class Halves:
    """Stands in for a network: one output has the positive half waves, the other the negative ones.

    Exact at every sample, whatever surrounds it; `shuffle` gives each chunk its own order.
    """

    def __init__(self, C: int = 2, shuffle: bool = False) -> None:
        self.C = C
        self.shuffle = np.random.default_rng(1) if shuffle else None
        self.lengths = []

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        self.lengths.append(tuple(x.shape))
        edges = [-np.inf, *np.linspace(-0.5, 0.5, self.C - 1), np.inf] if self.C > 2 else [-np.inf, 0, np.inf]
        y = torch.stack([x * ((x > low) & (x <= high)) for low, high in itertools.pairwise(edges)], 1)
        if self.shuffle is not None:
            y = torch.stack([one[self.shuffle.permutation(self.C)] for one in y])
        return y


def tiny_network(**config) -> ConvTasNet:
    torch.manual_seed(0)
    return ConvTasNet(ConvTasNetConfig(**{**dict(N=16, L=16, B=8, H=16, Sc=8, X=3, R=2), **config}))


def separator_of(halves: Halves) -> Separator:
    """A separator with `halves` in the place of its network."""
    separator = Separator(tiny_network(C=halves.C), device="cpu")
    separator._forward = halves
    return separator


def speech_like(seconds: float, seed: int = 0) -> np.ndarray:
    """Noise whose level moves at the pace of syllables."""
    samples, rng = round(seconds * RATE), np.random.default_rng(seed)
    levels = np.abs(rng.standard_normal(samples // 800 + 2))
    syllables = np.interp(np.arange(samples) / 800, np.arange(len(levels)), levels)
    return (0.1 * rng.standard_normal(samples) * syllables).astype(np.float32)


@pytest.fixture(scope="module")
def tiny() -> Separator:
    return Separator(tiny_network(), device="cpu")


@pytest.fixture(scope="module")
def trained() -> Separator:
    models = tasnet.available()
    if not models:
        pytest.skip("no weights in assets/weights")
    return Separator(next(iter(models)), device="cpu")


# Shapes, lengths, rates


@pytest.mark.parametrize("samples", [1, 2, 7, 15, 16, 17, 80, 4001])
def test_any_length(tiny, samples):
    mixture = speech_like(1)[:samples]
    separation = tiny.separate(mixture, RATE)
    assert separation.sources.shape == (2, samples) and separation.sources.dtype == np.float32
    assert np.isfinite(separation.sources).all()
    assert separation.rate == RATE and (separation.device, separation.precision) == ("cpu", "float32")
    assert separation.real_time_factor == pytest.approx(separation.seconds * RATE / samples)
    assert separation.notes == ()


@pytest.mark.parametrize("rate", [1000, 7999, 11025, 16000, 44100, 48000, 384000])
@pytest.mark.parametrize("samples", [1, 441, 30001])
def test_any_rate(tiny, rate, samples):
    separation = tiny.separate(speech_like(4)[:samples], rate)
    assert separation.sources.shape == (2, samples) and np.isfinite(separation.sources).all()
    assert separation.rate == rate and f"{rate} Hz" in separation.notes[0]


def test_converted_rates_keep_the_sound():
    """What a mask of one lets through comes back as it was, in time and level."""
    t = np.arange(44100) / 44100
    mixture = 0.3 * np.sin(2 * np.pi * 300 * t) + 0.2 * np.sin(2 * np.pi * 900 * t)
    separation = separator_of(Halves()).separate(mixture, 44100)
    assert np.abs(separation.sources.sum(0) - mixture)[500:-500].max() < 1e-3


def test_the_input_is_left_alone(tiny):
    mixture = speech_like(1)
    before = mixture.copy()
    tiny.separate(mixture, RATE)
    assert np.array_equal(mixture, before)


@pytest.mark.parametrize(
    ("samples", "rate"),
    [(np.zeros(800), RATE), (np.zeros(0), RATE), (np.array([0.1, np.nan]), RATE), (np.ones(9), 10), ("text", RATE)],
)
def test_bad_samples(tiny, samples, rate):
    with pytest.raises(AudioError, match=r"\.$"):
        tiny.separate(samples, rate)


# Level


@pytest.mark.parametrize("gain", [1e-4, 100])
def test_the_level_of_the_input_does_not_matter(tiny, gain):
    mixture = speech_like(1)
    plain, scaled = tiny.separate(mixture, RATE).sources, tiny.separate(mixture * gain, RATE).sources
    assert np.abs(scaled / gain - plain).max() < 1e-4 * np.abs(plain).max()


def test_sources_fit_the_mixture(trained, voices):
    """No other gains of the sources come closer to the mixture (least squares, numpy's)."""
    mixture, _ = trained.without_what_lies_below(voices[0].sum(0))
    sources = trained.separate(mixture, RATE).sources.astype(np.float64)
    best = np.linalg.lstsq(sources.T, mixture, rcond=None)[0]
    assert np.abs(best - 1).max() < 1e-4
    assert np.square(mixture - sources.sum(0)).sum() < 0.2 * np.square(mixture).sum()


@pytest.mark.parametrize("scale", [(1, 1), (0.01, 30), (-2, 5), (1e-5, -1e-5)])
def test_gains_undo_level_and_sign(scale):
    voices = np.stack([speech_like(3, seed) for seed in (1, 2)])
    gains = level_gains((voices * np.array(scale)[:, None]).astype(np.float32), voices.sum(0))
    assert np.allclose(gains * scale, 1, atol=0.02)


def test_gains_of_three():
    voices = np.stack([speech_like(3, seed) for seed in (1, 2, 3)])
    mixed = (np.array([[1, 0.2, 0.1], [0, 1, 0.1], [0.1, 0, 1]]) @ voices).astype(np.float32)
    mixture = voices.sum(0)
    assert np.allclose(level_gains(mixed, mixture), np.linalg.lstsq(mixed.T, mixture, rcond=None)[0], atol=1e-4)


def test_gains_where_least_squares_has_no_answer():
    voice, zero = speech_like(3), np.zeros(3 * RATE, np.float32)
    twice = level_gains(np.stack([voice, voice]), voice)
    assert np.allclose(twice, 0.5)
    assert np.allclose(level_gains(np.stack([voice / 4, zero]), voice)[0], 4)
    assert np.isfinite(level_gains(np.stack([zero, zero]), voice)).all()
    # The exact solution would turn the second voice round, g = (4.3, -3.3).
    other = np.roll(voice[::-1], 99)
    gains = level_gains(np.stack([voice, voice - 0.3 * other]), voice + other)
    assert gains[0] == gains[1] > 0.4


def test_a_causal_level_knows_nothing_of_what_comes_later():
    """The same until the mixtures differ; in the end the gains are those of the whole."""
    mixture, other = speech_like(3), 9 * speech_like(1, 5)
    mixture[2 * RATE :] -= mixture.sum() / RATE  # so that neither has an offset, which would be taken out
    other = np.concatenate([mixture[: 2 * RATE], other - (other.sum() + mixture[: 2 * RATE].sum()) / RATE])
    separator = separator_of(Halves())
    for causal in (True, False):
        one, two = (separator.separate(each, RATE, causal_level=causal).sources for each in (mixture, other))
        same = np.abs(one - two)[:, : 2 * RATE].max() < 1e-6 * np.abs(one).max()
        assert same == (causal or np.allclose(one, [np.minimum(mixture, 0), np.maximum(mixture, 0)], atol=1e-6))
    level = CausalLevel(2, RATE)
    voices = np.stack([speech_like(3, seed) for seed in (1, 2)])
    weak = (voices * np.array([[0.01], [-7.0]])).astype(np.float32)
    levelled = np.concatenate(
        [level.apply(weak[:, a : a + 777], voices.sum(0)[a : a + 777]) for a in range(0, 24000, 777)], 1
    )
    assert not levelled[:, :80].any()
    assert np.abs(levelled - voices)[:, RATE:].max() < 0.1 * np.abs(voices).max()
    whole = CausalLevel(2, RATE).apply(weak, voices.sum(0))
    np.testing.assert_allclose(levelled, whole, atol=1e-6)


def test_nothing_is_clipped():
    mixture = 20 * speech_like(2)
    sources = separator_of(Halves()).separate(mixture, RATE).sources
    assert np.abs(sources.sum(0) - mixture).max() < 1e-4 and np.abs(sources).max() > 1.5


# Long recordings


@pytest.mark.parametrize("speakers", [2, 3])
@pytest.mark.parametrize("seconds", [31, 100.1234])
def test_shuffled_chunks_are_put_in_order(speakers, seconds):
    mixture = speech_like(seconds)
    shuffled = Halves(speakers, shuffle=True)
    sources = separator_of(shuffled).separate(mixture, RATE).sources
    expected = separator_of(Halves(speakers)).separate(mixture, RATE).sources
    assert len(shuffled.lengths) > 1
    order = best_order(expected, sources)
    assert np.abs(sources - expected[order]).max() < 1e-6


@pytest.mark.parametrize("pause", [5, 21, 45])
def test_order_is_kept_across_a_pause(pause):
    """A pause longer than the overlap, than a chunk: the sound before it goes with the chunk after."""
    silence = np.zeros(pause * RATE, np.float32)
    mixture = np.concatenate([speech_like(18), silence, speech_like(25, 1), silence[:9000], speech_like(20, 2)])
    expected = np.stack([np.minimum(mixture, 0), np.maximum(mixture, 0)])
    for _ in range(3):  # a coin that falls right by chance would pass once
        sources = separator_of(Halves(shuffle=True)).separate(mixture, RATE).sources
        assert np.abs(sources - expected[best_order(expected, sources)]).max() < 1e-6


@pytest.mark.parametrize("samples", [1, 20 * RATE, 20 * RATE + 1, 36 * RATE, 200 * RATE + 7])
def test_chunks_cover_everything_in_equal_lengths(samples):
    chunks = list(plan_chunks(samples, 20 * RATE, 4 * RATE))
    assert chunks[0].start == 0 and chunks[-1].stop == samples
    for last, chunk in itertools.pairwise(chunks):
        assert chunk.start <= last.stop - 4 * RATE and chunk.start < last.stop < chunk.stop
    assert {chunk.stop - chunk.start for chunk in chunks} == {min(samples, 20 * RATE)}


# Pauses


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("room", [0, 3e-3])
def test_long_pauses_are_found(seed, room):
    """Sound and silence of random lengths: what is cut out is silence, longer than a breath; the rest stays."""
    rng = np.random.default_rng(seed)
    parts = [speech_like(seconds, seed) * (i % 2) for i, seconds in enumerate(rng.exponential(15, 12))]
    clean = np.concatenate(parts)
    signal = (clean + room * rng.standard_normal(len(clean))).astype(np.float32)
    spans = speech_spans(signal, RATE)
    pauses = pauses_between(spans, len(signal), 0)
    assert sum(span.stop - span.start for span in (*spans, *pauses)) == len(signal)
    assert all(pause.stop - pause.start >= RATE for pause in pauses)
    assert sum(np.square(clean[pause]).sum() for pause in pauses) < 1e-4 * np.square(clean).sum()
    silent = sum(len(part) / RATE for i, part in enumerate(parts) if i % 2 == 0 and len(part) > 2.5 * RATE)
    assert abs(sum(pause.stop - pause.start for pause in pauses) / RATE - silent) < 1 + 0.6 * len(spans)


@pytest.mark.parametrize("kind", ["speech", "noise", "tone", "short", "silence", "falling"])
def test_where_there_is_no_pause_everything_stays(kind):
    rng, t = np.random.default_rng(0), np.arange(30 * RATE) / RATE
    signal = {
        "speech": speech_like(30),
        "noise": rng.standard_normal(30 * RATE),
        "tone": np.sin(440 * t),
        "short": np.ones(5),
        "silence": np.zeros(30 * RATE),
        "falling": speech_like(30) * 10 ** (-t / 40),
    }[kind]
    assert speech_spans(signal.astype(np.float32), RATE) == [slice(0, len(signal))]


def test_a_little_speech_in_a_long_silence_is_found():
    signal = 1e-4 * np.random.default_rng(0).standard_normal(600 * RATE).astype(np.float32)
    signal[300 * RATE : 303 * RATE] += speech_like(3)
    (span,) = speech_spans(signal, RATE)
    assert 299.5 * RATE < span.start <= 300 * RATE and 302.5 * RATE < span.stop < 303.5 * RATE


@pytest.mark.parametrize("where", ["memory", "disk"])
def test_joined_spans_are_read_and_written_as_one(where, tmp_path):
    array = np.arange(40, dtype=np.float32).reshape(2, 20)
    spans = [slice(1, 4), slice(6, 7), slice(10, 20)]
    store = array.copy()
    if where == "disk":
        store = DiskArray(array.shape, tmp_path)
        store[..., 0:20] = array
    joined, expected = JoinedSpans(store, spans), np.concatenate([array[:, span] for span in spans], axis=1)
    assert joined.shape == (2, 14) and [joined.place(k) for k in (0, 2, 3, 4, 13)] == [1, 3, 6, 10, 19]
    for a, b in itertools.combinations_with_replacement(range(15), 2):
        assert np.array_equal(joined[..., a:b], expected[:, a:b])
    joined[..., 2:6] = -expected[:, 2:6]
    array[:, [3, 6, 10, 11]] *= -1
    assert np.array_equal(store[..., 0:20], array)


def test_the_network_does_not_hear_long_pauses():
    """Speech joined; what lies in the pauses goes through behind speech, and nothing of it is lost."""
    rng = np.random.default_rng(0)
    mixture = np.concatenate([speech_like(8), np.zeros(30 * RATE), speech_like(9, 1), np.zeros(5 * RATE)])
    mixture = (mixture + 1e-4 * rng.standard_normal(len(mixture))).astype(np.float32)
    halves, seen = Halves(), []
    sources = separator_of(halves).separate(mixture, RATE, progress=seen.append).sources
    assert np.abs(sources - [np.minimum(mixture, 0), np.maximum(mixture, 0)]).max() < 1e-6
    assert seen == sorted(seen) and seen[-1] == 1
    speech, *pauses = [shape[1] / RATE for shape in halves.lengths]
    assert 17 <= speech < 18.1 and len(pauses) == 3 and all(6 < length <= 20 for length in pauses)


def test_between_speech_and_pause_there_is_no_step():
    """A network that gives the voices another level in every piece: the change is spread over a tenth of a second."""
    mixture = np.full(40 * RATE, 1e-4, np.float32)
    for begin in (0, 30):
        mixture[begin * RATE : (begin + 10) * RATE] = 0.1
    levels, separator = itertools.count(1), separator_of(Halves())
    separator._network = lambda x: np.stack([-np.ones_like(x), next(levels) * np.ones_like(x)], 1)
    sources = np.zeros((2, len(mixture)), np.float32)
    separator.separate_into(sources, mixture, lambda fraction: None)
    assert set(sources[1]) > {1, 2, 3} and np.abs(np.diff(sources[1])).max() < 2.01 / (0.1 * RATE)
    assert np.abs(sources[0] + 1).max() < 1e-6


def voice_like(pitch: float, formant: float, seconds: float, seed: int) -> np.ndarray:
    """A buzz of this pitch through a resonance, in syllables."""
    rng, t = np.random.default_rng(seed), np.arange(round(seconds * RATE)) / RATE
    phase = (
        2
        * np.pi
        * pitch
        * np.cumsum(1 + 0.02 * np.interp(t, np.arange(0, seconds + 1), rng.standard_normal(int(seconds) + 1)))
        / RATE
    )
    harmonics = range(1, int(3600 / pitch))
    buzz = sum(np.cos(k * phase) / (1 + ((k * pitch - formant) / 200) ** 2) for k in harmonics)
    syllables = np.interp(
        t, np.arange(0, seconds + 0.2, 0.2), rng.uniform(0, 1, len(np.arange(0, seconds + 0.2, 0.2))) ** 2
    )
    return (0.1 * buzz * syllables).astype(np.float32)


def conversation(*talks: tuple[int, int]) -> tuple[np.ndarray, list[int]]:
    """Two voices (2, T) of 12 s for each pair of seeds, and where the pauses between were cut out."""
    parts = [np.stack([voice_like(100, 500, 12, a), voice_like(210, 1500, 12, b)]) for a, b in talks]
    return np.concatenate(parts, axis=1), [12 * RATE * k for k in range(1, len(talks))]


def stitched(separated: np.ndarray, pauses: list[int], fixed_order: bool = False) -> Stitcher:
    stitcher = Stitcher(np.zeros_like(separated), RATE, 4 * RATE, pauses, fixed_order=fixed_order)
    for chunk in plan_chunks(separated.shape[1], 20 * RATE, 4 * RATE):
        stitcher.add(chunk, separated[:, chunk])
    return stitcher


@pytest.mark.parametrize("fixed", [False, True])
def test_a_swap_over_a_pause_is_noted(fixed):
    """Where the voices do not go on after a pause, and only there; not of outputs with an order of their own."""
    clean, pauses = conversation((1, 51), (2, 52), (3, 53))
    assert stitched(clean, pauses).doubts == []
    swapped = np.concatenate([clean[:, : pauses[1]], clean[::-1, pauses[1] :]], axis=1)
    assert stitched(swapped, pauses, fixed).doubts == ([] if fixed else [pauses[1]])


@pytest.mark.parametrize("speaker", [0, 1])
def test_one_voice_alone_on_the_other_output_is_noted(speaker):
    clean, pauses = conversation((1, 51), (2, 52))
    clean[1 - speaker, pauses[0] :] = 0
    assert stitched(clean, pauses).doubts == []
    assert stitched(np.concatenate([clean[:, : pauses[0]], clean[::-1, pauses[0] :]], 1), pauses).doubts == pauses


def test_the_note_says_where_the_voices_may_have_changed_places():
    """Two outputs of one voice: after a pause nobody knows."""
    talk = np.stack([voice_like(120, 500, 25, seed) for seed in (1, 2)])
    mixed = np.concatenate([talk, np.zeros((2, 21 * RATE), np.float32), talk[:, ::-1]], axis=1)
    mixture, separator = mixed.sum(0), separator_of(Halves())
    separator._network = lambda x: np.stack([x * (np.arange(x.shape[1]) // 4000 % 2 == k) for k in (0, 1)], 1)
    (note,) = separator.separate(mixture, RATE).notes
    assert "0:4" in note and "may have changed places" in note


def test_crossfade_has_no_step():
    """Two chunks that differ: the change is spread over the overlap, not a click."""
    for causal in (False, True):
        stitcher = Stitcher(np.zeros((1, 300), np.float32), 100, 100, causal=causal)
        stitcher.add(slice(0, 200), np.ones((1, 200), np.float32))
        stitcher.add(slice(50, 300), np.full((1, 250), 2, np.float32))  # more overlap than is used
        steps = np.diff(stitcher.sources[0])
        assert steps.min() >= 0 and steps.max() < 0.03
        assert stitcher.sources[0, 124] == 1 and stitcher.sources[0, -1] == 2
        assert (stitcher.sources[0, 149] == 1) == causal  # a causal network's new chunk comes in later


def test_a_silent_speaker_has_no_vote():
    speech, residue = speech_like(2), 1e-3 * speech_like(2, 1)
    known = np.stack([speech, residue])
    separated = np.stack([0.9 * speech + residue, -1e-2 * residue])
    assert best_order(separated, known) == [0, 1] and best_order(separated[::-1], known) == [1, 0]


@pytest.mark.parametrize("seconds", [2, 70])
def test_progress_rises_to_one(tiny, seconds):
    seen = []
    tiny.separate(speech_like(seconds), RATE, progress=seen.append)
    assert seen == sorted(seen) and seen[-1] == 1 and len(seen) == (1 if seconds == 2 else 5)


def test_cancelling(tiny):
    """An exception out of the progress callback ends the work, and the next work begins."""

    class Cancelled(Exception):
        pass

    def cancel(fraction: float) -> None:
        raise Cancelled

    mixture = speech_like(70)
    with pytest.raises(Cancelled):
        tiny.separate(mixture, RATE, progress=cancel)
    assert tiny.separate(mixture[:RATE], RATE).sources.shape == (2, RATE)


def test_speech_in_chunks_is_as_in_one_piece(voices, monkeypatch):
    """A mixture of two people, repeated to 70 s: no swap at any seam, the same sound."""
    trained = Separator("convtasnet_small_gln_2spk_8k", device="cpu")
    for pair in voices[:1]:
        mixture = np.resize(pair.sum(0), 70 * RATE)
        shuffled, coins = Separator(trained.model, device="cpu"), np.random.default_rng(3)
        with monkeypatch.context() as patch:
            patch.setattr(shuffled, "_forward", lambda x: trained._forward(x)[:, coins.permutation(2)])  # noqa: B023
            chunked = shuffled.separate(mixture, RATE).sources
        with monkeypatch.context() as patch:
            patch.setattr(inference_module, "WHOLE", 1000)
            whole = trained.separate(mixture, RATE).sources
        chunked = chunked[best_order(chunked, whole)]
        for second in range(70):
            now = slice(second * RATE, (second + 1) * RATE)
            if np.square(mixture[now]).mean() > 1e-5:
                assert best_order(chunked[:, now], whole[:, now]) == [0, 1], f"swapped at {second} s"
        error = np.square(chunked - whole).sum(1) / np.square(whole).sum(1)
        assert 10 * np.log10(error.max()) < -15


def test_causal_chunks(monkeypatch):
    separator = Separator(tiny_network(norm="cLN", causal=True), device="cpu")
    mixture = speech_like(45)
    chunked = separator.separate(mixture, RATE).sources
    monkeypatch.setattr(inference_module, "WHOLE", 1000)
    whole = separator.separate(mixture, RATE).sources
    assert np.square(chunked - whole).sum() < 0.01 * np.square(whole).sum()


def test_a_batch_with_a_pause_is_as_one_by_one(tiny):
    pause = np.concatenate([speech_like(4), np.zeros(5 * RATE), speech_like(4, 1)]).astype(np.float32)
    mixtures = np.stack([pause, speech_like(13, 2)])
    expected = np.stack([tiny.separate(mixture, RATE).sources for mixture in mixtures])
    assert np.abs(tiny.separate_batch(mixtures, RATE) - expected).max() < 1e-6


# One separator, many users


def test_threads_get_the_same_as_one_alone(tiny):
    mixtures = [speech_like(1 + i / 10, i) for i in range(6)]
    alone = [tiny.separate(mixture, RATE).sources for mixture in mixtures]
    together = [None] * len(mixtures)

    def work(i: int) -> None:
        together[i] = tiny.separate(mixtures[i], RATE).sources

    threads = [threading.Thread(target=work, args=(i,)) for i in range(len(mixtures))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for one, other in zip(alone, together, strict=True):
        assert np.array_equal(one, other)


def test_twice_the_same(tiny):
    mixture = speech_like(3)
    assert np.array_equal(tiny.separate(mixture, RATE).sources, tiny.separate(mixture, RATE).sources)


def test_a_separator_keeps_its_own_copy():
    network = tiny_network().train()
    separator = Separator(network, device="cpu")
    assert network.training and not separator.model.training and separator.model is not network
    assert next(network.parameters()).requires_grad
    assert (separator.name, separator.facts, separator.config) == ("ConvTasNet", TrainingFacts(), network.config)


@pytest.mark.parametrize("level_dbfs", [-26.0, -40.0])
def test_bn_hears_the_level_of_its_training(tmp_path, level_dbfs):
    """Batch normalisation keeps the statistics of training: at another level its network is another one."""
    network = tiny_network(norm="BN").train()
    level = 10 ** (level_dbfs / 20)
    with torch.no_grad():
        for seed in range(30):  # the running statistics of such mixtures
            x = torch.randn(4, 2000, generator=torch.Generator().manual_seed(seed))
            network(level * x)
    network.eval()
    checkpoint.save(tmp_path / "bn.safetensors", network, TrainingFacts(level_dbfs=level_dbfs))
    separator = Separator(tmp_path / "bn.safetensors", "cpu")
    mixture = speech_like(2)
    at_level = torch.from_numpy(mixture * level / np.sqrt(np.mean(mixture**2)))[None].float()
    with torch.no_grad():
        expected, elsewhere = network(at_level)[0].numpy(), network(at_level / level)[0].numpy()
    for loud in (1e-3, 1.0):
        found = separator.separate(loud * mixture, RATE).sources
        for voice, right, wrong in zip(found, expected, elsewhere, strict=True):
            assert abs(np.corrcoef(voice, right)[0, 1]) > 1 - 1e-6
            assert abs(np.corrcoef(voice, wrong)[0, 1]) < 0.999


def test_no_graph_is_kept(tiny):
    assert not any(parameter.requires_grad for parameter in tiny.model.parameters())


# Models, devices, precisions


def test_a_model_by_name_and_by_path(trained):
    by_path = Separator(str(tasnet.available()[trained.name]), device="cpu")
    mixture = speech_like(1)
    assert np.array_equal(by_path.separate(mixture, RATE).sources, trained.separate(mixture, RATE).sources)
    assert by_path.name == trained.name and by_path.facts == trained.facts


@pytest.mark.parametrize("model", ["nobody", "gone.safetensors", "folder/gone", ""])
def test_unknown_models(model):
    with pytest.raises(CheckpointError, match=r"\.$"):
        Separator(model)


@pytest.mark.parametrize("device", ["tpu", "", "meta", "cuda:x", "cuda:99", "cpu!", "xpu"])
def test_unknown_devices(device):
    with pytest.raises(DeviceError, match=r"\.$"):
        Separator(tiny_network(), device=device)


@pytest.mark.parametrize("device", ["cuda", "mps"])
def test_devices_that_are_not_here(device):
    backend = {"cuda": torch.cuda, "mps": torch.backends.mps}[device]
    if backend.is_available():
        pytest.skip(f"{device} is here")
    with pytest.raises(DeviceError, match=f"^{device} is not there"):
        Separator(tiny_network(), device=device)


@pytest.mark.parametrize(("precision", "word"), [("int8", "no precision named int8"), ("float16", "needs a GPU")])
def test_unknown_precisions(precision, word):
    with pytest.raises(DeviceError, match=word):
        Separator(tiny_network(), device="cpu", precision=precision)


def test_half_precision_is_close(tiny):
    half = Separator(tiny.model, device="cpu", precision="bfloat16")
    mixture = speech_like(1)
    exact, close = tiny.separate(mixture, RATE).sources, half.separate(mixture, RATE)
    assert close.precision == "bfloat16"
    assert 0 < np.square(close.sources - exact).sum() < 1e-3 * np.square(exact).sum()


def test_too_little_memory_on_a_gpu_halves_the_batch(monkeypatch):
    """Chunks go in smaller batches until they fit; where one does not, there is a sentence."""
    halves, most = Halves(), 2

    def limited(x: torch.Tensor) -> torch.Tensor:
        if len(x) > most:
            raise torch.OutOfMemoryError("out of memory")
        return halves(x)

    separator = separator_of(halves)
    monkeypatch.setattr(separator, "_forward", limited)
    mixtures = np.stack([speech_like(1, seed) for seed in range(8)])
    assert np.allclose(separator._network(mixtures).sum(1), mixtures, atol=1e-6)
    most = 0
    with pytest.raises(DeviceError, match="memory"):
        separator._network(mixtures)


def test_voices_are_heard_before_all_are_there():
    """What is told of a long recording is one stretch after the other, and all but the level of what comes out."""
    torch.manual_seed(0)
    separator = tasnet.Separator(ConvTasNet(ConvTasNetConfig(N=16, L=16, B=8, H=16, Sc=8, X=2, R=1)), "cpu")
    samples = (0.1 * np.random.default_rng(3).standard_normal(50 * 8000)).astype(np.float32)
    told = []
    found = separator.separate(samples, 8000, heard=lambda begin, voices: told.append((begin, voices)))
    assert [begin for begin, _ in told] == [0, 16 * 8000] and told[1][1].shape == (2, 16 * 8000)
    heard = np.concatenate([voices for _, voices in told], axis=1)
    there = found.sources[:, : heard.shape[1]]
    assert 10 * np.log10(np.sum(there**2) / np.sum((there - heard) ** 2)) > 20
    told.clear()
    separator.separate(samples[: 20 * 8000], 8000, heard=lambda *part: told.append(part))
    assert not told  # short enough to come at once
