"""Scenes by what comes out of the mixer: silence, one voice, late and early, noise, rooms, a telephone, clipping."""

import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile
import torch

from tasnet.config import ConvTasNetConfig
from tasnet.data.corpora import UtteranceSet
from tasnet.data.disturbed import DisturbedRow
from tasnet.data.mixture_sets import CorpusError
from tasnet.data.noise import coloured_noise, open_noise
from tasnet.data.rooms import HELD_OUT_ROOMS, Room, measured_rooms, shoe_box
from tasnet.data.speech_level import active_speech_level
from tasnet.mixture import Mixture
from tasnet.train.mixing import DynamicMixtures, Mixing, Pool, Share
from tasnet.train.recipe import Recipe, RecipeError
from tasnet.train.scenes import Scenes, Stage

RATE, T = 8000, 8000
LEVELS = Mixing(level=(0.0, 0.0))


def pool(count: int, seed: int, low: float = 0.0, high: float = 4000.0) -> Pool:
    """Recordings of noise between `low` and `high` Hz, a speaker each."""
    rng, spectrum = np.random.default_rng(seed), np.fft.rfftfreq(3 * T, 1 / RATE)
    parts = []
    for _ in range(count):
        noise = np.fft.irfft(np.fft.rfft(rng.standard_normal(3 * T)) * ((spectrum >= low) & (spectrum <= high)))
        parts.append(3000 * noise / noise.std())
    pcm = np.concatenate(parts).clip(-32768, 32767).astype(np.int16)
    names = tuple(f"s:{k:02d}" for k in range(count))
    return Pool(UtteranceSet("s", RATE, pcm, np.full(count, 3 * T), names, {}))


VOICES, NOISE = pool(12, 1, 200, 1800), pool(4, 2, 2200, 3800)
ROOM = Room(
    "hall", 0.5, tuple(np.eye(1, 4000, at, dtype=np.float32)[0] + np.eye(1, 4000)[0] for at in (200, 800)), RATE
)
ROOM = replace(ROOM, responses=tuple(x.astype(np.float32) for x in ROOM.responses))


def drawn(scenes: Scenes, batch: int = 40, speech: int = 2, mixing: Mixing = LEVELS, share: Share | None = None):
    """mixture (batch, T) and targets (batch, 2, T)."""
    stage = Stage(scenes, VOICES, NOISE, [ROOM], [], speech)
    pools = [VOICES, VOICES] if speech == 2 else [VOICES, NOISE]
    more = {"share": share} if share else {}
    mixed = DynamicMixtures(pools, mixing, batch=batch, segment=T, steps_per_epoch=3, seed=4, stage=stage, **more)
    return mixed.batch(7)


def power(x: torch.Tensor) -> np.ndarray:
    return x.double().square().mean(-1).numpy()


def test_without_scenes_the_mixture_is_the_sum_as_before():
    plain = DynamicMixtures([VOICES] * 2, LEVELS, batch=40, segment=T, steps_per_epoch=3, seed=4).batch(7)
    staged = drawn(Scenes())
    for a, b in zip(plain, staged, strict=True):
        torch.testing.assert_close(a, b, atol=1e-6, rtol=1e-5)
    assert not Scenes().any and Scenes(one=0.1).any


def test_one_voice_and_none():
    mixture, targets = drawn(Scenes(one=0.5, silent=0.25), batch=200)
    heard = (power(targets) > 0).sum(1)
    shares = np.bincount(heard, minlength=3) / 200
    np.testing.assert_allclose(shares, [0.25, 0.5, 0.25], atol=0.08)
    assert (power(targets[heard == 1])[:, 0] > 0).mean() == pytest.approx(0.5, abs=0.15)  # on either place
    torch.testing.assert_close(mixture[heard == 1], targets[heard == 1].sum(1), atol=1e-6, rtol=1e-5)
    assert (power(mixture[heard == 0]) > 1e-5).all()  # where nobody speaks there is noise


def test_voices_begin_late_and_stop_early():
    _, targets = drawn(Scenes(partial=1.0))
    sounding = (targets != 0).numpy()
    first, last = sounding.argmax(-1), T - sounding[..., ::-1].argmax(-1)
    assert (first < T / 2 + 2).all() and (last > T / 2 - 2).all()
    assert first.std() > T / 10 and last.std() > T / 10
    assert (drawn(Scenes(partial=0.5))[1][..., :2] != 0).numpy().any(-1).mean() == pytest.approx(0.5, abs=0.15)


def test_noise_is_as_far_below_the_voices_as_drawn_and_not_asked_for():
    mixture, targets = drawn(Scenes(noise=1.0, snr=(5.0, 15.0)))
    rest = mixture - targets.sum(1)
    snr = 10 * np.log10(power(targets.sum(1)) / power(rest))
    assert 4 < snr.min() < 7 and 13 < snr.max() < 16
    spectrum = np.abs(np.fft.rfft(rest.numpy())) ** 2
    assert spectrum[:, 2000:].sum() > 0.99 * spectrum.sum()  # it is that of the pool of noise
    half = drawn(Scenes(noise=0.5))
    noisy = power(half[0] - half[1].sum(1)) > 1e-9
    assert noisy.mean() == pytest.approx(0.5, abs=0.2)


def test_noise_is_coloured_or_of_many_voices():
    for kind, low in (("coloured", 0.2), ("babble", 0.99)):
        mixture, targets = drawn(Scenes(noise=1.0, **{kind: 1.0}))
        spectrum = np.abs(np.fft.rfft((mixture - targets.sum(1)).numpy())) ** 2
        share = spectrum[:, 200:1801].sum(1) / spectrum.sum(1)  # of the voices' band
        assert share.min() > low * (kind == "babble") and (kind == "babble" or share.min() < 0.6)
    noise = coloured_noise(np.random.default_rng(0), 1 << 16, 3.0)
    octaves = [np.sum(np.abs(np.fft.rfft(noise)[n : 2 * n]) ** 2) for n in (1000, 4000, 16000)]
    np.testing.assert_allclose(10 * np.log10(np.array(octaves) / octaves[0]), 0, atol=0.7)  # pink: alike


def test_in_a_room_the_voice_with_its_first_50_ms_is_asked_for():
    dry_mixture, dry = drawn(Scenes())
    mixture, targets = drawn(Scenes(room=1.0, measured=1.0))
    for row in range(len(mixture)):
        heard = targets[row].double() / dry[row].double().norm() * dry_mixture[row].norm()
        places = []
        for voice in range(2):
            x = dry[row, voice].double()
            for place, at in enumerate((200, 800)):  # within and past 50 ms
                late = torch.cat([torch.zeros(at), x[:-at]]) * (at <= 400)
                cosine = torch.cosine_similarity(heard[voice], x + late, dim=0)
                if cosine > 0.999:
                    places.append(place)
        assert sorted(places) == [0, 1]
    late = mixture - targets.sum(1)
    assert (power(late) > 0.1 * power(mixture)).all()


def test_a_telephone_has_its_band_and_clipping_its_ceiling():
    wide = pool(6, 3)
    stage = Stage(Scenes(telephone=1.0), wide, None, [], [], 2)
    mixture, targets = DynamicMixtures(
        [wide, wide], LEVELS, batch=10, segment=T, steps_per_epoch=1, seed=0, stage=stage
    ).batch(0)
    for sound, least in ((targets[:, 0], 25), (mixture, 15)):  # the mixture has the noise of 8 bits
        spectrum = (np.abs(np.fft.rfft(sound.numpy())) ** 2).mean(0)
        assert 10 * np.log10(spectrum[500:3000].mean() / spectrum[:150].mean()) > least
    mixture, targets = drawn(Scenes(clipping=1.0))
    whole = targets.sum(1)
    share = (mixture.abs().amax(1) / whole.abs().amax(1)).numpy()
    assert 0.2 <= share.min() < 0.35 and 0.65 < share.max() <= 0.8
    limit = mixture.abs().amax(1, keepdim=True)
    torch.testing.assert_close(mixture, torch.clamp(whole, -limit, limit), atol=1e-6, rtol=1e-5)


def test_speech_from_noise_has_the_noise_as_second_source():
    scenes = Scenes(one=0.3, silent=0.3, coloured=0.3)
    mixture, targets = drawn(scenes, batch=200, speech=1)
    torch.testing.assert_close(mixture, targets.sum(1), atol=1e-6, rtol=1e-5)
    silent = power(targets) == 0
    np.testing.assert_allclose(silent.mean(0), [0.3, 0.3], atol=0.1)
    assert not silent.all(1).any()


def test_scenes_depend_on_seed_step_and_row_only():
    scenes = Scenes(one=0.2, silent=0.1, partial=0.3, noise=0.5, coloured=0.2, babble=0.2, room=0.5, telephone=0.2)
    mixing = Mixing(loudness=(-40.0, -5.0))
    whole, again = drawn(scenes, 8, mixing=mixing), drawn(scenes, 8, mixing=mixing)
    parts = [drawn(scenes, 8, mixing=mixing, share=Share(rank, 2)) for rank in (0, 1)]
    for k in (0, 1):
        assert torch.equal(whole[k], again[k]) and torch.equal(whole[k], torch.cat([part[k] for part in parts]))
        assert torch.isfinite(whole[k]).all() and whole[k].abs().max() <= 1 + 1e-6


def test_a_recipe_says_what_scenes_cannot_be():
    for scenes, words in (
        ({"one": 1.5}, "share"),
        ({"one": 0.6, "silent": 0.6}, "together"),
        ({"noise": "much"}, "cannot be"),
    ):
        with pytest.raises(RecipeError, match=words):
            Recipe(loss="snr").changed({"scenes": scenes})
    with pytest.raises(RecipeError, match="no SI-SNR"):
        Recipe().changed({"scenes": {"one": 0.1}})


def test_noise_packs_keep_their_split(tmp_path):
    parts = [("a", 800, "train", 0), ("b", 1600, "valid", 0), ("c", 400, "train", 0), ("d", 80, "test", 0)]
    pcm = np.concatenate([np.full(n, 100 * (k + 1), np.int16) for k, (_, n, *_) in enumerate(parts)])
    soundfile.write(tmp_path / "hum.flac", pcm, RATE)
    (tmp_path / "hum.json").write_text(json.dumps({"rate": RATE, "recordings": parts}))
    for split, names in (("train", ("hum:a", "hum:c")), ("valid", ("hum:b",)), ("test", ("hum:d",))):
        found = open_noise([tmp_path], RATE, split)
        assert found.speakers == names
        assert {x for k in range(len(found)) for x in found.samples(k)} == {
            100 * (1 + "abcd".index(name[-1])) / 32768 for name in names
        }
    soundfile.write(tmp_path / "hum.flac", pcm[:-1], RATE)
    with pytest.raises(CorpusError, match="not what"):
        open_noise([tmp_path], RATE)


def test_measured_rooms_begin_with_their_direct_sound(tmp_path):
    response = np.zeros(1000)
    response[20], response[220], response[900] = 0.8, 0.6, 0.1
    soundfile.write(tmp_path / "rooms.flac", np.tile(response, 2), RATE, subtype="PCM_24")
    rirs = [[f"x/{k}", 1000, "train", "x", 0.3 + 0.1 * k, 1.0, 20, "MIT"] for k in range(2)]
    (tmp_path / "rooms.json").write_text(json.dumps({"rate": RATE, "rirs": rirs}))
    (room,) = measured_rooms(tmp_path, RATE)
    assert room.name == "x" and room.t60 == pytest.approx(0.35) and len(room.responses) == 2
    np.testing.assert_allclose(room.responses[0][[0, 200, 880]], [0.8, 0.6, 0.1], atol=1e-5)
    assert np.sum(room.early(0) ** 2) == pytest.approx(1, abs=1e-5) and len(room.early(0)) == 401
    with pytest.raises(CorpusError, match="at 8000 Hz"):
        measured_rooms(tmp_path, 16000)


def test_simulated_rooms_have_the_reverberation_time_asked_for():
    pytest.importorskip("pyroomacoustics", reason="pyroomacoustics simulates rooms")
    voices = [np.array([1.0, 1.2, 1.5]), np.array([3.5, 2.5, 1.2])]
    room = shoe_box("box", (4.5, 3.5, 2.6), 0.3, voices, np.array([2.4, 1.8, 1.3]), RATE)
    for response in room.responses:
        assert response[0] > 0.3  # the direct sound
        decay = np.cumsum(np.square(response[::-1], dtype=np.float64))[::-1]
        level = 10 * np.log10(decay / decay[0])
        begin, end = np.argmax(level < -5), np.argmax(level < -25)
        assert 3 * (end - begin) / RATE == pytest.approx(0.3, rel=0.35)  # Sabine's formula is one for large rooms
    assert len(HELD_OUT_ROOMS) == 3


def test_disturbed_rows_have_the_ratio_and_the_room_they_name():
    rng = np.random.default_rng(5)
    sources = rng.normal(0, 0.1, (2, T)).astype(np.float32)
    row = SimpleNamespace(
        name="m", speakers=("a", "b"), header=(T, RATE), read=lambda: Mixture(sources.sum(0), sources, RATE)
    )
    noise = rng.normal(0, 3, T // 2).astype(np.float32)
    clean = DisturbedRow(row, (0, 1)).read()
    np.testing.assert_array_equal(clean.sources, sources)
    noisy = DisturbedRow(row, (1,), noise, 5.0, noise_is_source=True).read()
    assert noisy.speakers == ("b",)
    np.testing.assert_allclose(noisy.mixture, noisy.sources.sum(0), atol=1e-6)
    level = 10 * np.log10(np.mean(noisy.sources[1] ** 2, dtype=np.float64))
    assert active_speech_level(sources[1], RATE) - level == pytest.approx(5, abs=0.01)
    in_room = DisturbedRow(row, (0, 1), room=ROOM).read(100, 50)
    delayed = np.concatenate([np.zeros(200), sources[0][:-200]])
    np.testing.assert_allclose(in_room.sources[0], (sources[0] + delayed)[100:150], atol=1e-5)
    np.testing.assert_allclose(in_room.sources[1], sources[1][100:150], atol=1e-5)  # its echo comes after 50 ms


def test_speech_from_noise_needs_two_outputs_in_this_order():
    assert Recipe(noise=("n",), loss="snr").fixed_order
    assert not Recipe(background=("n",)).fixed_order
    with pytest.raises(RecipeError):
        Recipe(noise=("n",), model=ConvTasNetConfig(C=3))
