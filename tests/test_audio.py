"""The door for sound: what comes through, what is said, and what is refused."""

import io
import shutil
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tasnet import audio
from tasnet.audio import AudioError

RATE = 8000
needs_ffmpeg = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed")


@pytest.fixture(scope="module")
def tone() -> np.ndarray:
    """A second of two tones and some noise, peak below 0.5."""
    t = np.arange(RATE) / RATE
    noise = np.random.default_rng(0).standard_normal(RATE)
    return (0.2 * np.sin(2 * np.pi * 440 * t) + 0.1 * np.sin(2 * np.pi * 700 * t) + 0.01 * noise).astype(np.float32)


def wav_bytes(samples: np.ndarray, rate: int = RATE, **kind: str) -> bytes:
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, rate, **{"format": "WAV", "subtype": "FLOAT", **kind})
    return buffer.getvalue()


def refused(source, *words: str, label: str | None = None) -> None:
    """`source` is refused in one sentence that holds all of `words`."""
    with pytest.raises(AudioError) as caught:
        audio.read(source, label)
    message = str(caught.value)
    assert message.endswith(".") and "\n" not in message
    for word in words:
        assert word in message


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ({"format": "WAV", "subtype": "PCM_16"}, 2**-15),
        ({"format": "WAV", "subtype": "PCM_24"}, 2**-23),
        ({"format": "WAV", "subtype": "PCM_32"}, 2**-23),
        ({"format": "WAV", "subtype": "PCM_U8"}, 2**-6),
        ({"format": "WAV", "subtype": "FLOAT"}, 0),
        ({"format": "WAV", "subtype": "DOUBLE"}, 0),
        ({"format": "FLAC", "subtype": "PCM_16"}, 2**-15),
        ({"format": "AIFF", "subtype": "PCM_16"}, 2**-15),
        ({"format": "OGG", "subtype": "VORBIS"}, 0.1),
        ({"format": "OGG", "subtype": "OPUS"}, 0.1),
    ],
)
@pytest.mark.parametrize("way", ["path", "bytes", "file"])
def test_formats_and_ways_in(tone, tmp_path, kind, error, way):
    data = wav_bytes(tone, **kind)
    path = tmp_path / "tone.bin"
    path.write_bytes(data)
    source = {"path": path, "bytes": data, "file": io.BytesIO(data)}[way]
    sound = audio.read(source, "tone")
    assert (sound.rate, sound.label, sound.notes) == (RATE, "tone", ())
    assert sound.samples.dtype == np.float32 and sound.samples.shape == tone.shape
    assert np.abs(sound.samples - tone).max() <= error
    assert sound.seconds == 1.0


def test_mp3(tone):
    sound = audio.read(wav_bytes(tone, format="MP3", subtype="MPEG_LAYER_III"))
    assert sound.rate == RATE and np.corrcoef(sound.samples[: len(tone)], tone)[0, 1] > 0.95


@needs_ffmpeg
@pytest.mark.parametrize("suffix", ["m4a", "aac", "webm"])
@pytest.mark.parametrize("in_memory", [False, True])
def test_other_formats_through_ffmpeg(tone, tmp_path, suffix, in_memory):
    plain, path = tmp_path / "in.wav", tmp_path / f"-tone.{suffix}"  # a name that looks like an option
    soundfile.write(plain, np.stack([tone, tone], axis=1), RATE)
    codec = ["-c:a", "libopus"] if suffix == "webm" else []
    command = ["ffmpeg", "-v", "error", "-i", str(plain), *codec, f"file:{path}"]
    if subprocess.run(command, check=False, capture_output=True).returncode:
        pytest.skip(f"this ffmpeg cannot write {suffix}")
    sound = audio.read(path.read_bytes() if in_memory else path, "tone")
    again = audio.resample(sound.samples, sound.rate, RATE)
    delay = np.argmax(np.correlate(again, tone[2000:4000], "valid")) - 2000
    assert sound.notes == ("The 2 channels of tone were mixed down to one.",)
    assert np.corrcoef(again[2000 + delay : 6000 + delay], tone[2000:6000])[0, 1] > 0.95


@needs_ffmpeg
def test_a_playlist_opens_no_other_file(tone, tmp_path):
    soundfile.write(tmp_path / "secret.wav", tone, RATE)
    playlist = tmp_path / "list.m4a"
    playlist.write_text(f"#EXTM3U\n#EXTINF:1,\nfile:{tmp_path}/secret.wav\n#EXT-X-ENDLIST\n")
    refused(playlist, "list.m4a", "cannot be read")


def test_without_ffmpeg_other_formats_say_so(monkeypatch, tmp_path):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    path = tmp_path / "voice.m4a"
    path.write_bytes(b"\0\0\0 ftypM4A " + bytes(100))
    refused(path, "voice.m4a", "ffmpeg must be installed")
    path.write_bytes(b"Dear Sir or Madam, " * 100)  # no sound: nothing that one could install helps
    with pytest.raises(audio.AudioError, match="is not a sound file that can be read here") as refusal:
        audio.read(path)
    assert "ffmpeg" not in str(refusal.value)


def test_channels_are_mixed_and_said(tone):
    stereo = audio.read(wav_bytes(np.stack([tone, np.zeros_like(tone)], axis=1)), "a.wav")
    assert np.allclose(stereo.samples, tone / 2)
    assert stereo.notes == ("The 2 channels of a.wav were mixed down to one.",)
    five = audio.read(wav_bytes(np.stack([tone * gain for gain in (1, 2, 0, 0.5, 1.5)], axis=1)), "b.wav")
    assert np.allclose(five.samples, tone, atol=1e-7)
    assert five.notes == ("The 5 channels of b.wav were mixed down to one.",)


def test_channels_that_cancel(tone):
    sound = audio.read(wav_bytes(np.stack([tone, -tone], axis=1)), "a.wav")
    assert np.array_equal(sound.samples, tone)
    assert sound.notes == ("The 2 channels of a.wav cancel each other when mixed, so only channel 1 was used.",)


def test_long_files_are_read_in_blocks(tone):
    many = np.tile(tone, 40)  # several blocks, the last one not full
    assert np.array_equal(audio.read(wav_bytes(many)).samples, many)


def test_truncated_wav_gives_what_is_there(tone):
    data = wav_bytes(tone)
    sound = audio.read(data[: len(data) - 16000], "cut.wav")
    assert np.array_equal(sound.samples, tone[: len(sound.samples)]) and len(sound.samples) == RATE - 4000
    assert sound.notes == ("cut.wav is damaged or cut off: the first 0.5 s were read.",)


def test_truncated_flac_gives_what_is_there_or_says_why():
    noise = np.random.default_rng(1).uniform(-0.5, 0.5, 10 * RATE).astype(np.float32)
    data = wav_bytes(noise, format="FLAC", subtype="PCM_16")
    sound = audio.read(data[: len(data) // 2], "cut.flac")
    assert 3 < sound.seconds < 6 and "cut off" in sound.notes[0]
    assert np.abs(sound.samples - noise[: len(sound.samples)]).max() <= 2**-15
    refused(data[:200], "cut.flac", "damaged or cut off", label="cut.flac")


def test_streamed_wav_is_not_called_damaged(tone):
    """Programs that write to a pipe leave the greatest size in the header."""
    data = bytearray(wav_bytes(tone, subtype="PCM_16"))
    data[4:8] = struct.pack("<I", 0xFFFFFFFF)
    data[data.index(b"data") + 4 : data.index(b"data") + 8] = struct.pack("<I", 0xFFFFFFFF)
    sound = audio.read(bytes(data))
    assert len(sound.samples) == RATE and sound.notes == ()


def test_refused_files(tmp_path, tone):
    refused(tmp_path / "none.wav", "There is no file", "none.wav")
    refused(tmp_path, "is a folder")
    for name, content in (("text.wav", b"Dear diary, today I heard two people. " * 50), ("noise.wav", bytes(3000))):
        (tmp_path / name).write_bytes(content)
        refused(tmp_path / name, name)
    (tmp_path / "raw.raw").write_bytes(b"abc" * 1000)
    refused(tmp_path / "raw.raw", "raw.raw")
    (tmp_path / "empty.wav").touch()
    refused(tmp_path / "empty.wav", "empty.wav is empty")
    refused(b"", "The sound is empty")
    refused(io.StringIO("text"), "The sound was opened as text")
    refused(wav_bytes(tone[:0]), "The sound holds no samples")
    refused("\0.wav", "could not be opened")


def test_no_permission(tmp_path, tone, monkeypatch):
    path = tmp_path / "mine.wav"
    path.write_bytes(wav_bytes(tone))

    def closed(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("builtins.open", closed)  # the user who runs the tests may be allowed everything
    refused(path, "no permission", "mine.wav")


@pytest.mark.parametrize(
    ("samples", "word"),
    [
        (np.zeros(RATE), "is silent"),
        (np.full(RATE, 1e-9), "is silent"),
        (np.full(RATE, 0.3), "every sample has the same value"),
        (np.r_[np.ones(5), np.nan, np.ones(5)], "not numbers"),
        (np.r_[0.1, np.inf], "not numbers"),
        (np.r_[0.1, -np.inf], "not numbers"),
        (np.r_[0.1, 1e300], "not numbers"),
        (np.zeros(0), "no samples"),
        (np.zeros((2, 3, 4)), "3 dimensions"),
        (np.array(0.5), "0 dimensions"),
        (np.array(["a", "b"]), "real numbers"),
        (np.array([1j, 2]), "real numbers"),
        ([[1.0], [1.0, 2.0]], "real numbers"),
        (np.broadcast_to(np.float32(1), audio.LONGEST + 1), "longer than 24 hours"),
    ],
)
def test_refused_samples(samples, word):
    with pytest.raises(AudioError, match=f"^x .*{word}"):
        audio.check_samples(samples, RATE, "x")


@pytest.mark.parametrize("rate", [0, -8000, 999, 384_001, 8000.5, np.nan, np.inf, None, "8000"])
def test_refused_rates(rate, tone):
    with pytest.raises(AudioError, match=r"sample rate of .* Hz"):
        audio.check_samples(tone, rate, "x")


def test_refused_rate_in_a_file(tone):
    refused(wav_bytes(tone, rate=500), "500 Hz")


def test_checked_samples(tone):
    assert np.array_equal(audio.check_samples(tone, 8000.0, "x").samples, tone)
    assert audio.check_samples(tone, np.int64(8000), "x").rate == 8000
    assert audio.check_samples([0.5], RATE, "x").samples.shape == (1,)  # one sample is a sound
    assert np.array_equal(audio.check_samples(np.int16([-32768, 16384]), RATE, "x").samples, np.float32([-1, 0.5]))
    assert np.array_equal(audio.check_samples(np.int32([-(2**31), 2**30]), RATE, "x").samples, np.float32([-1, 0.5]))
    assert np.array_equal(audio.check_samples(np.uint8([0, 192]), RATE, "x").samples, np.float32([-1, 0.5]))
    assert audio.check_samples(tone * 10, RATE, "x").notes[0].startswith("The loudest sample of x is ")
    for stereo in (np.stack([tone, tone]), np.stack([tone, tone], axis=1)):
        sound = audio.check_samples(stereo, RATE, "x")
        assert np.array_equal(sound.samples, tone)
        assert sound.notes == ("The 2 channels of x were mixed down to one.",)


@pytest.mark.parametrize(("there", "back"), [(8000, 44100), (44100, 8000), (8000, 16000), (384000, 8000)])
@pytest.mark.parametrize("length", [1, 2, 80, 4001])
def test_resampled_length(there, back, length):
    samples = np.random.default_rng(2).standard_normal((2, 3, length))
    resampled = audio.resample(samples, there, back)
    assert resampled.shape == (2, 3, max(1, round(length * back / there))) and resampled.dtype == np.float32
    assert np.isfinite(resampled).all() and resampled.any()


def test_resampling_keeps_a_tone():
    t = np.arange(44100) / 44100
    resampled = audio.resample(np.sin(2 * np.pi * 1000 * t), 44100, 8000)
    expected = np.sin(2 * np.pi * 1000 * np.arange(8000) / 8000)
    assert np.abs(resampled - expected)[400:-400].max() < 1e-3


@pytest.mark.parametrize("rate", [44_100, 48_000])
def test_a_sound_that_sets_in_at_once_is_resampled_as_behind_silence(rate):
    samples = np.ones(800, np.float32)
    late = audio.resample(np.concatenate([np.zeros(800, np.float32), samples]), 8000, rate)
    np.testing.assert_allclose(audio.resample(samples, 8000, rate), late[rate // 10 :], atol=1e-5)


def test_written_files(tmp_path, tone):
    path = tmp_path / "out.wav"
    audio.write(path, tone, RATE)
    assert soundfile.info(path).subtype == "PCM_16"
    assert np.abs(soundfile.read(path, dtype="float32")[0] - tone).max() <= 0.5 / 32768
    for gain in (1e-4, 10):  # too quiet for 16 bits, and louder than they hold
        audio.write(path, tone * gain, RATE)
        samples, rate = soundfile.read(path, dtype="float32")
        assert np.array_equal(samples, tone * np.float32(gain)) and rate == RATE
    audio.write(path, np.zeros(10), RATE)
    assert not soundfile.read(path)[0].any()
    buffer = io.BytesIO()
    audio.write(buffer, tone, RATE)
    assert np.abs(audio.read(buffer).samples - tone).max() <= 0.5 / 32768
    assert [p.name for p in tmp_path.iterdir()] == ["out.wav"]


def test_failed_write_leaves_the_old_file(tmp_path, tone, monkeypatch):
    path = tmp_path / "out.wav"
    audio.write(path, tone, RATE)
    before = path.read_bytes()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(audio, "_write_wav", full)
    with pytest.raises(OSError, match="No space"):
        audio.write(path, tone, RATE)
    assert path.read_bytes() == before and len(list(tmp_path.iterdir())) == 1


def test_names_that_are_not_ascii(tmp_path, tone):
    path = tmp_path / "Gespräch 日本 №1.wav"
    audio.write(path, tone, RATE)
    assert audio.read(path).label == path.name


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such files")
def test_special_files_are_refused():
    refused(Path("/dev/null"), "empty")
