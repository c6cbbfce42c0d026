"""Recordings as programs and people make them: unfinished headers, WSJ0's SPHERE, calls, channels that cancel."""

import io
import shutil
import struct

import numpy as np
import pytest
import soundfile

from tasnet import audio, separate
from tasnet.audio import AudioError
from tasnet.recordings import read_to_disk

RATE = 8000
needs_ffmpeg = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed")


def speech_like(seconds: float, seed: int) -> np.ndarray:
    """Noise whose level moves at the pace of syllables, with pauses."""
    rng, samples = np.random.default_rng(seed), round(seconds * RATE)
    levels = np.maximum(rng.standard_normal(samples // 1600 + 2), 0)
    return (0.1 * rng.standard_normal(samples) * np.repeat(levels, 1600)[:samples]).astype(np.float32)


def wav_bytes(samples: np.ndarray, subtype: str = "FLOAT") -> bytes:
    file = io.BytesIO()
    soundfile.write(file, samples, RATE, format="WAV", subtype=subtype)
    return file.getvalue()


# Headers


def without_size(samples: np.ndarray, riff: int | None = None, chunk: bytes = b"") -> bytes:
    """A WAV file of 16 bits as a recorder leaves it that was not stopped: its data have a size of 0."""
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, RATE, 2 * RATE, 2, 16)
    data = b"data\0\0\0\0" + np.rint(samples * 32768).astype("<i2").tobytes()
    size = 4 + len(form) + len(chunk) + len(data) if riff is None else riff
    return b"RIFF" + struct.pack("<I", size) + b"WAVE" + form + chunk + data


@pytest.mark.parametrize("riff", [0, None, 36], ids=["nothing", "the file", "an empty file"])
@pytest.mark.parametrize("chunk", [b"", b"LIST\4\0\0\0INFO"], ids=["plain", "with a list"])
def test_a_wav_file_that_was_not_finished_is_read_to_its_end(riff, chunk):
    voice = np.clip(speech_like(3, 0), -0.9, 0.9)
    sound = audio.read(without_size(voice, riff, chunk), "a.wav")
    assert np.abs(sound.samples - voice).max() <= 2**-15 and len(sound.samples) == len(voice)
    assert sound.notes == ("The header of a.wav says there are no samples, so it was read to its end: 3.0 s.",)


def test_a_wav_file_without_samples_has_none():
    for rest in (b"", b"LIST\4\0\0\0INFO"):
        with pytest.raises(AudioError, match="holds no samples"):
            audio.read(without_size(np.zeros(0)) + rest, "a.wav")


def test_a_sphere_file_that_is_cut_off_is_said_to_be():
    fields = ("sample_count -i 16000", "sample_n_bytes -i 2", "channel_count -i 1", "sample_byte_format -s2 01")
    lines = ["NIST_1A", "   1024", *fields, "sample_rate -i 8000", "sample_coding -s3 pcm", "end_head", ""]
    header = "\n".join(lines).encode().ljust(1024)
    voice = np.rint(32768 * speech_like(2, 0)).astype("<i2").tobytes()
    assert audio.read(header + voice, "a.wv1").notes == ()
    sound = audio.read(header + voice[:16000], "a.wv1")
    assert len(sound.samples) == 8000
    assert sound.notes == ("a.wv1 is damaged or cut off: the first 1.0 s were read.",)


def test_an_au_file_whose_size_is_negative_is_refused_in_a_sentence():
    """Found by tests/fuzz: its log has "Data Size : -64336"."""
    voice = np.rint(32768 * speech_like(1, 0)).astype(">i2")
    header = struct.pack(">4s5I", b".snd", 24, 0xFFFF04B0, 3, RATE, 1)
    with pytest.raises(AudioError, match=r"^a\.au holds no samples\.$"):
        audio.read(header + voice.tobytes(), "a.au")


class Bits:
    """The numbers of shorten: `low` bits behind as many ones as the rest counts."""

    def __init__(self) -> None:
        self.bits: list[int] = []

    def put(self, value: int, low: int) -> None:
        self.bits += [0] * (value >> low) + [1] + [value >> place & 1 for place in range(low - 1, -1, -1)]

    def put_any(self, value: int) -> None:
        self.put(value.bit_length(), 2)
        self.put(value, value.bit_length())


def sphere_with_shorten(samples: np.ndarray) -> bytes:
    """As WSJ0 has it: a SPHERE header, and 16 bits by shorten 2 without prediction."""
    out = Bits()
    for setting in (5, 1, 256, 0, 0, 0):  # 16 bits, channels, samples a block, and what is not used
        out.put_any(setting)
    for begin in range(0, len(samples), 256):
        block = samples[begin : begin + 256]
        if len(block) < 256:
            out.put(5, 2)
            out.put_any(len(block))
        out.put(0, 2)
        out.put(9, 3)
        for value in map(int, block):
            out.put(2 * value if value >= 0 else -2 * value - 1, 10)
    out.put(4, 2)
    body = b"ajkg\2" + np.packbits(out.bits + [0] * (-len(out.bits) % 32)).tobytes()
    header = f"NIST_1A\n   1024\nsample_count -i {len(samples)}\nsample_rate -i {RATE}\nchannel_count -i 1\n"
    header += (
        "sample_n_bytes -i 2\nsample_byte_format -s2 10\nsample_coding -s26 pcm,embedded-shorten-v2.00\nend_head\n"
    )
    return header.encode().ljust(1024) + body


@needs_ffmpeg
@pytest.mark.parametrize("in_memory", [True, False])
def test_sphere_with_shorten_is_read(tmp_path, in_memory):
    pcm = np.rint(32768 * np.clip(speech_like(2, 1), -0.9, 0.9)).astype(np.int16)
    content, path = sphere_with_shorten(pcm), tmp_path / "011a0101.wv1"
    path.write_bytes(content)
    sound = audio.read(content if in_memory else path, "011a0101.wv1")
    assert (sound.rate, sound.notes) == (RATE, ()) and np.array_equal(sound.samples * 32768, pcm)
    cut = audio.read(content[: len(content) // 2], "011a0101.wv1")
    whole = len(cut.samples) - 512  # but for the block at the cut
    assert "damaged or cut off" in cut.notes[0] and np.array_equal(cut.samples[:whole] * 32768, pcm[:whole])


def test_without_ffmpeg_shorten_is_named(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(AudioError, match=r"^a\.wv1 is a SPHERE file whose sound is compressed .*shorten.* ffmpeg"):
        audio.read(sphere_with_shorten(np.zeros(300, np.int16)), "a.wv1")


# Channels: the same rule for files and for samples in memory


def one_channel(channels: np.ndarray, tmp_path, channel: int | None = None) -> audio.Audio:
    """What all three ways in make of the channels (T, channels); they must agree."""
    path = tmp_path / "x"
    path.write_bytes(wav_bytes(channels))
    sound = audio.read(path, "x", channel=channel)
    on_disk = read_to_disk(path, tmp_path, channel)
    assert np.array_equal(on_disk.samples[..., : len(channels)], sound.samples) and on_disk.notes == sound.notes
    if channel is None:
        for samples in (channels, channels.T):
            checked = audio.check_samples(samples, RATE, "x")
            assert np.array_equal(checked.samples, sound.samples)
            assert (checked.notes, checked.people) == (sound.notes, sound.people)
    return sound


def test_the_two_ends_of_a_call_are_said_to_be_two(tmp_path):
    call = np.stack([speech_like(6, 1), speech_like(6, 2)], 1)
    call += 0.1 * call[:, ::-1]  # each hears a little of the other
    sound = one_channel(call, tmp_path)
    assert sound.people and sound.channels == 2 and "two different sounds, as the two ends of a call" in sound.notes[0]
    for channel in (1, 2):
        alone = one_channel(call, tmp_path, channel)
        assert np.array_equal(alone.samples, call[:, channel - 1])
        assert alone.notes == (f"Of the 2 channels of x channel {channel} was used.",)
    with pytest.raises(AudioError, match=r"^x has 2 channels, so there is no channel 3\.$"):
        one_channel(call, tmp_path, 3)


@pytest.mark.parametrize("gains", [(1, 1), (1, 0.2), (0.3, 1)])
def test_two_microphones_in_one_room_are_no_call(tmp_path, gains):
    rng, voices = np.random.default_rng(3), speech_like(6, 1) + speech_like(6, 2)
    room = np.stack([gain * voices + 0.01 * rng.standard_normal(len(voices)) for gain in gains], 1).astype(np.float32)
    sound = one_channel(room, tmp_path)
    assert not sound.people and sound.notes == ("The 2 channels of x were mixed down to one.",)
    np.testing.assert_allclose(sound.samples, room.mean(1), atol=1e-7)


@pytest.mark.parametrize(
    ("sign", "later", "words"),
    [
        (-1, 0, "Channel 2 of x is channel 1 turned round"),
        (-1, 20, "Channel 2 of x is channel 1 turned round and 2.5 ms later"),
        (1, 40, "Channel 2 of x is channel 1 5 ms later"),
        (1, -40, "Channel 2 of x is channel 1 5 ms earlier"),
    ],
)
def test_a_channel_that_would_cancel_another_is_left_out(tmp_path, sign, later, words):
    voice, noise = speech_like(6, 1), np.random.default_rng(0).standard_normal((48000, 2))
    both = np.stack([voice, sign * 0.9 * np.roll(voice, later)], 1) + 0.003 * noise
    sound = one_channel(both.astype(np.float32), tmp_path)
    assert np.array_equal(sound.samples, both[:, 0].astype(np.float32)) and not sound.people
    assert sound.notes == (f"{words}: mixed they would cancel each other, so only channel 1 was used.",)


# Folders


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.wav").write_bytes(wav_bytes(speech_like(1, 1)))
    return tmp_path / "in"


def test_what_lies_beside_recordings_and_is_none_is_left_out(folder):
    for name in ("._a.wav", ".DS_Store", "notes.txt", "a.json", "Thumbs.db"):
        (folder / name).write_bytes(b"\0\5\x16\7")
    (folder / "b.WV1").write_bytes(sphere_with_shorten(np.zeros(300, np.int16)))
    assert [path.name for path in separate._recordings(folder)] == ["a.wav", "b.WV1"]


def test_two_recordings_of_one_name_in_a_folder_are_refused(folder, capsys):
    (folder / "a.flac").write_bytes(wav_bytes(speech_like(1, 2)))
    assert separate.main([str(folder), "-o", str(folder / "out")]) == 2
    assert "a.flac and a.wav in" in capsys.readouterr().err and not any((folder / "out").iterdir())


def test_each_channel_on_the_command_line(folder, capsys):
    call = np.stack([speech_like(2, 1), speech_like(2, 2)], 1)
    (folder / "a.wav").write_bytes(wav_bytes(call))
    small = ["--model", "convtasnet_small_gln_2spk_8k", "-o", str(folder / "out")]
    assert separate.main([str(folder / "a.wav"), *small, "--channel", "each"]) == 0
    written = sorted(path.name for path in (folder / "out").iterdir())
    assert written == ["a_ch1_s1.wav", "a_ch1_s2.wav", "a_ch2_s1.wav", "a_ch2_s2.wav"]
    assert separate.main([str(folder / "a.wav"), *small, "--channel", "3"]) == 2
    assert "a.wav has 2 channels, so there is no channel 3." in capsys.readouterr().err
    with pytest.raises(SystemExit):
        separate.main([str(folder / "a.wav"), "--channel", "left"])
    assert "neither the number of a channel nor 'each'" in capsys.readouterr().err
