"""Offsets, rumble and hum before a network: what they cost then, and that speech pays nothing for it."""

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from conftest import node
from scipy.signal import butter, sosfiltfilt

from analysis.scores.metrics import evaluate
from analysis.sounds.inputs import decode_upload, from_mixture
from tasnet import ConvTasNet, ConvTasNetConfig, Separator, below_speech, checkpoint
from tasnet.audio import read, resample
from tasnet.below_speech import SteadySoFar, without
from tasnet.disk import DiskArray
from tasnet.recordings import separate_recording
from tasnet.training_facts import SPEAKERS, SPEECH_FROM_NOISE, TrainingFacts

RATE, ROOT = 8000, Path(__file__).parents[1]
MODELS = {False: "convtasnet_small_gln_2spk_8k", True: "convtasnet_small_cln_2spk_8k"}


@pytest.fixture(scope="module", params=[False, True], ids=["not causal", "causal"])
def separator(request):
    return Separator(MODELS[request.param], "cpu")


def si_snri(separator, voices, added):
    mixture = (voices.sum(0) + added).astype(np.float32)
    sources = separator.separate(mixture, RATE).sources
    assert np.abs(sources.mean(1)).max() < 0.05 * voices.sum(0).std()  # it comes back nowhere
    return evaluate(sources, voices, voices.sum(0), RATE, pesq=False).mean("si_snri")


def test_an_offset_as_large_as_the_speech_costs_little(separator, voices):
    offset = voices[0].sum(0).std()
    plain = si_snri(separator, voices[0], 0)
    for sign in (1, -1):
        assert si_snri(separator, voices[0], sign * offset) > plain - 0.5
    noted = separator.separate((voices[0].sum(0) + offset) / 2, RATE).notes
    assert noted == ("The recording has an offset (DC), which was taken out.",)


@pytest.mark.parametrize("frequency", [50, 60.05])
def test_hum_of_the_mains_as_loud_as_the_speech_costs_a_causal_network_little(voices, frequency):
    separator, t = Separator(MODELS[True], "cpu"), np.arange(voices[0].shape[1]) / RATE
    hum = np.sqrt(2) * voices[0].sum(0).std() * np.sin(2 * np.pi * frequency * t + 1)
    assert si_snri(separator, voices[0], hum) > si_snri(separator, voices[0], 0) - 0.5
    noted = separator.separate((voices[0].sum(0) + hum + 0.1) / 4, RATE).notes
    assert noted == (
        "The recording has an offset (DC), which was taken out.",
        f"The recording has a hum of the mains ({frequency:.0f} Hz), which was taken out.",
    )


@pytest.mark.parametrize("frequency", [20, 50])
def test_hum_as_loud_as_the_speech_costs_little(voices, frequency):
    separator, t = Separator(MODELS[False], "cpu"), np.arange(voices[0].shape[1]) / RATE
    hum = np.sqrt(2) * voices[0].sum(0).std() * np.sin(2 * np.pi * frequency * t)
    assert si_snri(separator, voices[0], hum) > si_snri(separator, voices[0], 0) - 0.5
    noted = separator.separate((voices[0].sum(0) + hum) / 3, RATE).notes
    assert noted == ("What lies below 70 Hz, rumble or hum, is strong and was taken out.",)


def test_speech_without_an_offset_stays_as_it_is(voices):
    for pair in voices:
        mixture = pair.sum(0)
        for causal, heard in ((True, mixture), (False, mixture - mixture.mean())):
            kept, notes = without(heard, RATE, causal=causal)
            assert np.array_equal(kept, heard) and not notes


def test_the_offset_so_far_knows_nothing_of_what_comes_later(voices):
    mixture = voices[0].sum(0) + np.float32(0.05)
    mixture[4000:] += 0.1 * np.sin(2 * np.pi * 60 / RATE * np.arange(len(mixture) - 4000)).astype(np.float32)
    whole = SteadySoFar(RATE).push(mixture)
    assert np.array_equal(SteadySoFar(RATE).push(mixture[:9000]), whole[:9000])
    for size in (1, 7, 400, 5000):
        stream = SteadySoFar(RATE)
        parts = [stream.push(mixture[k : k + size]) for k in range(0, 9000, size)]
        np.testing.assert_allclose(np.concatenate(parts)[:9000], whole[:9000], atol=1e-7)
    both = SteadySoFar(RATE).push(np.stack([mixture, -2 * mixture]))
    np.testing.assert_allclose(both, [whole, -2 * whole], atol=1e-6)
    np.testing.assert_allclose(SteadySoFar(RATE).push(np.full(3000, 0.3, np.float32))[200:], 0, atol=1e-7)
    stream.reset()
    assert np.array_equal(stream.push(mixture[:100]), whole[:100])


def test_the_mean_so_far_is_the_mean():
    """Against the sum that defines it, until the memory ends; from then on one pole at 1 Hz. Before it is clear: 0."""
    x = np.random.default_rng(0).standard_normal(4000) + 3
    cleaned, mean = SteadySoFar(RATE).push(x), 0.0
    gain = 1 - np.exp(-2 * np.pi / RATE)
    for n, value in enumerate(x):
        mean += (value - mean) / (n + 1) if n < int(1 / gain) else gain * (value - mean)
        if not 160 < n < 200:  # where it fades in
            assert abs(cleaned[n] - (value - mean * (n >= 200))) < 1e-9


@pytest.mark.parametrize("causal", [False, True])
def test_on_the_disk_it_is_the_same(tmp_path, monkeypatch, causal, voices):
    t = np.arange(voices[0].shape[1]) / RATE
    mixture = (voices[0].sum(0) + 0.2 + np.sin(2 * np.pi * 30 * t)).astype(np.float32)
    expected, notes = without(mixture, RATE, causal=causal)
    monkeypatch.setattr(below_speech, "BLOCK", 5000)
    stored = DiskArray(mixture.shape, tmp_path)
    stored[..., 0 : len(mixture)] = mixture
    found, again = without(stored, RATE, causal=causal)
    np.testing.assert_allclose(found[..., 0 : len(mixture)], expected, atol=1e-5)
    assert again == notes
    if not causal:  # scipy's, forwards and backwards
        sections = butter(below_speech.ORDER, below_speech.CUTOFF, "highpass", fs=RATE, output="sos")
        right = sosfiltfilt(sections, mixture - mixture.mean(), padlen=0)
        np.testing.assert_allclose(expected[4000:-4000], right[4000:-4000], atol=1e-4)


def test_a_file_is_separated_as_in_memory_and_on_a_page(tmp_path, separator, voices):
    """In two channels, at another rate than the model's and with an offset: each is prepared once, the same way."""
    both = resample(0.5 * voices[0] + 0.1, RATE, 2 * RATE)
    soundfile.write(tmp_path / "a.wav", both.T, 2 * RATE, subtype="FLOAT")
    found, sound = separate_recording(separator, tmp_path / "a.wav", tmp_path), read(tmp_path / "a.wav")
    expected = separator.separate(sound.samples, sound.rate)
    np.testing.assert_allclose(found.sources[..., 0 : both.shape[1]], expected.sources, atol=1e-5)
    assert found.notes == sound.notes + expected.notes and below_speech.OFFSET_NOTE in found.notes
    upload = from_mixture(decode_upload((tmp_path / "a.wav").read_bytes(), "a.wav"), rate=RATE)
    shown = resample(separator.separate(upload.mixture, upload.rate).sources, RATE, 2 * RATE)
    np.testing.assert_allclose(shown[:, : both.shape[1]], expected.sources, atol=1e-5)


def test_rumble_is_noise_and_comes_back_where_noise_is_asked_for(tmp_path, voices):
    config, found = ConvTasNetConfig(N=8, L=16, B=8, H=8, Sc=8, P=3, X=1, R=1), {}
    torch.manual_seed(0)
    model, t = ConvTasNet(config), np.arange(voices[0].shape[1]) / RATE
    mixture = (voices[0].sum(0) + 0.3 * np.sin(2 * np.pi * 30 * t) + 0.05).astype(np.float32)
    soundfile.write(tmp_path / "a.wav", mixture, RATE, subtype="FLOAT")
    for task in (SPEAKERS, SPEECH_FROM_NOISE):
        checkpoint.save(tmp_path / "m.safetensors", model, TrainingFacts(task=task, keeps_level=True))
        separator = Separator(str(tmp_path / "m.safetensors"), device="cpu")
        found[task] = separator.separate(mixture, RATE).sources
        on_disk = separate_recording(separator, tmp_path / "a.wav", tmp_path).sources[..., 0 : len(mixture)]
        np.testing.assert_allclose(on_disk, found[task], atol=1e-5)
        np.testing.assert_allclose(separator.separate_batch(mixture[None], RATE)[0], found[task], atol=1e-5)
    speech, noise = found[SPEECH_FROM_NOISE] - found[SPEAKERS]
    rumble = sosfiltfilt(butter(4, 60, fs=RATE, output="sos"), mixture - mixture.mean())
    assert not speech.any() and np.corrcoef(noise, rumble)[0, 1] > 0.99 and abs(noise.mean()) < 1e-4


@pytest.mark.parametrize("causal", [False, True])
def test_in_the_visitors_browser_it_is_the_same(tmp_path, causal, voices):
    t = np.arange(voices[0].shape[1]) / RATE
    mixture = (voices[0].sum(0) + 0.1 + 0.2 * np.sin(2 * np.pi * 60 * t)).astype("<f4")
    (tmp_path / "mixture").write_bytes(mixture.tobytes())
    script = tmp_path / "run.mjs"
    script.write_text(f"""
        import {{ readFileSync, writeFileSync }} from "node:fs";
        import {{ withoutWhatLiesBelow }} from "{ROOT}/assets/web/browser/below_speech.js";
        const mixture = new Float32Array(new Uint8Array(readFileSync("{tmp_path}/mixture")).buffer);
        const [left, notes] = withoutWhatLiesBelow(mixture, {RATE}, {str(causal).lower()});
        writeFileSync("{tmp_path}/left", new Uint8Array(left.buffer));
        console.log(JSON.stringify(notes));
    """)
    done = subprocess.run([node(), script], capture_output=True, text=True, check=True)
    left, notes = without(mixture, RATE, causal=causal)
    np.testing.assert_allclose(np.frombuffer((tmp_path / "left").read_bytes(), "<f4"), left, atol=2e-5)
    assert tuple(json.loads(done.stdout)) == notes
