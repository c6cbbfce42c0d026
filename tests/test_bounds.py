"""What comes from outside has bounds: decoded sound, networks and their weights, files of results, Python arguments."""

import io
import json
import resource
import struct

import numpy as np
import pytest
import soundfile
import torch

import tasnet
from analysis.corpus.results import Header, ResultsError, read_results
from analysis.scores import comparison, ideal_masks, metrics
from analysis.sounds import inputs
from pages.parts import internals, memory, uploads
from tasnet import audio, checkpoint
from tasnet.config import ConvTasNetConfig
from tasnet.inference import SeparationError
from tasnet.mixture import Mixture
from tasnet.training_facts import TrainingFacts

RATE = 8000
TINY = dict(N=6, L=4, B=4, H=5, Sc=3, P=3, X=2, R=2)


def encoded(samples: np.ndarray, kind: str, subtype: str | None = None) -> bytearray:
    file = io.BytesIO()
    soundfile.write(file, samples, RATE, format=kind, subtype=subtype)
    return bytearray(file.getvalue())


@pytest.fixture(scope="module")
def voice() -> np.ndarray:
    """Ten seconds of noise."""
    return (0.1 * np.random.default_rng(0).standard_normal(10 * RATE)).astype(np.float32)


@pytest.fixture(scope="module")
def hours() -> bytes:
    """Two hours of near-silence in some hundred kilobytes."""
    file = io.BytesIO()
    with soundfile.SoundFile(file, "w", RATE, 1, "PCM_16", format="FLAC") as sound:
        minute = np.zeros(60 * RATE, np.int16)
        minute[0] = 100
        for _ in range(2 * 60):
            sound.write(minute)
    return file.getvalue()


# Decoded sound


def test_decoding_stops_at_the_limit_and_keeps_no_more_memory(hours):
    assert len(hours) < 2**21
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    sound = inputs.decode_upload(hours, "hours.flac")
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    assert sound.seconds == inputs.MAX_SECONDS
    assert sound.notes == (
        "hours.flac is long: only its first 10 minutes are used here; python -m tasnet.separate takes the whole file.",
    )
    assert memory.size_of(sound) < 1.2 * sound.samples.nbytes
    assert grown < 100  # MB; all of it is 230 MB


def test_two_channels_that_cancel_are_bounded_too(voice):
    sound = audio.read(bytes(encoded(np.stack([voice, -voice], 1), "WAV")), "a.wav", seconds=2)
    assert sound.seconds == 2 and "only channel 1" in sound.notes[0] and "first 2 s" in sound.notes[1]


def test_what_is_sampled_fast_has_no_more_room(voice):
    file = io.BytesIO()
    soundfile.write(file, np.tile(voice, 40), 384_000, format="WAV")
    sound = audio.read(file.getvalue(), "fast.wav", seconds=10)
    assert len(sound.samples) == 10 * 48_000


def test_minutes_in_memory_are_kept_as_a_copy():
    long = audio.Audio(np.full(1200 * RATE, 0.1, np.float32), RATE, "long.wav")
    made = inputs.from_mixture(long)
    assert not np.shares_memory(made.mixture, long.samples)
    assert memory.size_of(made) < 1.1 * inputs.MAX_SECONDS * RATE * 4


def test_uploads_count_what_is_made_from_them(voice):
    store = uploads.UploadStore(max_size=2_000_000)
    content = bytes(encoded(voice, "WAV", "PCM_16"))
    tokens = [store.put({"mixture_file": [(f"{k}.wav", content)]}, "ana") for k in range(3)]
    held = [store.get(token, "ana") for token in tokens]
    for upload in held:
        upload.audio("mixture_file")
        upload.results.put("key", np.zeros(100_000))
    assert held[0].size == len(content) + 4 * len(voice) + 800_000
    store.make_room()
    assert sum(upload.size for upload in held) <= 2_000_000
    assert held[2].results.get("key") is not None and held[0].results.get("key") is None
    assert len(store) == 3  # only what can be made again is gone


def test_more_files_than_voices_are_not_decoded(voice):
    store = uploads.UploadStore(max_size=10**9)
    files = [(f"{k}.wav", b"no sound") for k in range(9)]
    with pytest.raises(uploads.UploadError, match="9 files are too many"):
        store.get(store.put({"voice_files": files}, "ana"), "ana").audio("voice_files")


def test_results_go_by_bytes():
    kept = memory.SizedCache(1000)
    for key in range(4):
        kept.put(key, {"array": np.zeros(50), "again": (np.zeros(0), b"12345")})
    assert list(kept) == [2, 3] and kept.size == 810
    kept.put("huge", np.zeros(1000))
    assert "huge" not in kept and 3 in kept


def test_a_view_counts_what_it_keeps_alive():
    whole = np.zeros(1000, np.float32)
    assert memory.size_of([whole[:10], whole[10:20], np.broadcast_to(whole, (5, 1000))]) == whole.nbytes


def test_a_closed_tabs_session_ends_though_no_other_tab_stirs(monkeypatch):
    from streamlit.runtime.memory_session_storage import MemorySessionStorage
    from streamlit.runtime.session_manager import SessionInfo
    from streamlit.runtime.websocket_session_manager import WebsocketSessionManager

    class Session:
        id, ended = "ana", False

        def shutdown(self):
            self.ended = True

    storage, session = MemorySessionStorage(ttl_seconds=1e-9), Session()
    manager = WebsocketSessionManager(storage, None, None, None)
    storage.save(SessionInfo(client=None, session=session))
    internals.close_expired_sessions(manager)
    assert session.ended and not storage.list()


def test_ten_minutes_of_masks_take_a_byte_a_bin(voice):
    references = np.stack([voice, voice[::-1]])[:, :4000]
    sound = Mixture(references.sum(0), references, RATE, ("a", "b"), None)
    found = comparison.compare_systems(sound, references)
    bins = ideal_masks.stft(references, RATE).size
    assert {row.masks.nbytes for row in found.rows} == {bins}
    exact = ideal_masks.ideal_mask("IRM", references, RATE)
    row = next(row for row in found.rows if row.name == "IRM")
    np.testing.assert_allclose(row.masks / 100, exact, atol=0.005 + 1e-9)


# Headers that are wrong about their sound


def ogg_pages(data: bytes) -> list[bytes]:
    return [b"OggS" + page for page in bytes(data).split(b"OggS")[1:]]


@pytest.mark.parametrize("kind, subtype", [("OGG", "VORBIS"), ("OGG", "OPUS")])
def test_a_truncated_ogg_is_told(voice, kind, subtype):
    data = encoded(voice, kind, subtype)
    assert audio.read(bytes(data), "a.ogg").notes == ()
    cut = audio.read(b"".join(ogg_pages(data)[:-1]), "a.ogg")
    assert 8 < cut.seconds < 10 and "damaged or cut off" in cut.notes[0]


def flac_of_length(voice: np.ndarray, samples: int) -> bytes:
    """A FLAC whose header says another number of samples (36 bits from the middle of byte 21 on)."""
    data = encoded(voice, "FLAC")
    data[21] &= 0xF0
    data[22:26] = struct.pack(">I", samples)
    return bytes(data)


def test_a_flac_of_unknown_length_is_fine(voice):
    sound = audio.read(flac_of_length(voice, 0), "stream.flac")
    assert len(sound.samples) == len(voice) and sound.notes == ()


def shorter_wav(voice: np.ndarray) -> bytes:
    data = encoded(voice, "WAV", "PCM_16")
    struct.pack_into("<I", data, data.find(b"data") + 4, 40_000)
    return bytes(data)


def shorter_au(voice: np.ndarray) -> bytes:
    data = encoded(voice, "AU", "PCM_16")
    struct.pack_into(">I", data, 8, 40_000)
    return bytes(data)


@pytest.mark.parametrize("make", [lambda v: flac_of_length(v, 20_000), shorter_wav, shorter_au])
def test_a_header_that_claims_less_is_told(voice, make):
    sound = audio.read(make(voice), "less")
    assert len(sound.samples) == 20_000
    assert sound.notes == ("less holds more than its header says: the first 2.5 s were read.",)


def test_a_tag_behind_the_sound_is_no_sound(voice):
    for data in (encoded(voice, "FLAC") + b"TAG" + bytes(125), encoded(voice, "WAV") + b"LIST\4\0\0\0INFO"):
        assert audio.read(bytes(data), "tagged").notes == ()


# No NaN


@pytest.mark.parametrize("level", [1e30, 3e38])
def test_absurd_levels_are_refused(level):
    samples = np.array([level, -level, 0, level], np.float32)
    with pytest.raises(audio.AudioError, match="that is no sound"):
        audio.read(bytes(encoded(samples, "WAV", "FLOAT")), "loud.wav")


def test_the_loudest_sound_that_is_taken_gives_finite_voices(voice):
    torch.manual_seed(0)
    loud = voice / np.abs(voice).max() * audio.LOUDEST
    found = tasnet.Separator(tasnet.ConvTasNet(ConvTasNetConfig(**TINY)), "cpu").separate(loud, RATE)
    assert np.isfinite(found.sources).all() and np.abs(found.sources).max() > 1e6


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_weights_that_are_no_numbers_are_refused(tmp_path, value):
    model = tasnet.ConvTasNet(ConvTasNetConfig(**TINY))
    with torch.no_grad():
        model.separator.bottleneck.bias[1] = value
    checkpoint.save(tmp_path / "bad.safetensors", model)
    with pytest.raises(checkpoint.CheckpointError, match=r"bad\.safetensors is damaged: .* not numbers"):
        checkpoint.load(tmp_path / "bad.safetensors")


def test_a_network_that_overflows_says_so(voice):
    model = tasnet.ConvTasNet(ConvTasNetConfig(**TINY))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.fill_(3e38)
    with pytest.raises(SeparationError, match="samples that are not numbers"):
        tasnet.Separator(model, "cpu").separate(voice[:800], RATE)


# Networks and their headers


@pytest.mark.parametrize(
    "change",
    [
        {"N": 10**30},
        {"sample_rate": 10**9},
        {"sample_rate": 1},
        {"R": 10**6},
        {"X": 40},
        {"X": 16, "R": 64},
        {"L": 2**40},
        {"N": [1] * 10**5},
        {"norm": ["gLN"] * 10**5},
        {"causal": "x" * 10**6},
        {"x" * 10**6: 1},
    ],
    ids=lambda change: str(change)[:30],
)
def test_absurd_networks_are_refused_in_a_short_sentence(change):
    with pytest.raises(ValueError) as problem:
        ConvTasNetConfig.from_dict(change)
    assert len(str(problem.value)) < 300 and "\n" not in str(problem.value)


HEADERS = {
    "deep": "[" * 200_000 + "]" * 200_000,
    "list": "[]",
    "huge": json.dumps({"config": TINY, "info": {"credits": "x" * 2**21}}),
    "config list": json.dumps({"config": [], "info": {}}),
    "NaN level": '{"config": {}, "info": {"level_dbfs": NaN}}',
    "infinite level": '{"config": {}, "info": {"level_dbfs": 1e999}}',
    "loud level": '{"config": {}, "info": {"level_dbfs": 1e9}}',
    "steps": '{"config": {}, "info": {"steps": 1%s}}' % ("0" * 400),
    "score": '{"config": {}, "info": {"scores": {"valid_si_snri_db": NaN}}}',
}


@pytest.mark.parametrize("header", HEADERS.values(), ids=HEADERS)
def test_odd_headers_get_one_sentence(tmp_path, header):
    import safetensors.torch

    path = tmp_path / "odd.safetensors"
    safetensors.torch.save_file({"x": torch.zeros(1)}, path, {checkpoint.HEADER: header})
    with pytest.raises(checkpoint.CheckpointError, match=r"^odd\.safetensors describes its network") as problem:
        checkpoint.load(path)
    assert len(str(problem.value)) < 400
    assert checkpoint.validation_score(path) == -np.inf


def test_the_facts_of_a_training_are_finite():
    with pytest.raises(ValueError, match="hours_of_mixtures cannot be"):
        TrainingFacts(hours_of_mixtures=float("inf"))


# Files of results

GOOD = dict(
    model="m", weights="w", file="/etc/passwd", parameters=1, training_data="", precision="float32", set="s",
    folder="/etc", split="test", kind="", names="n", mixtures=3, rate=8000, speakers=2, pesq=False,
)  # fmt: skip
COLUMNS = "index,mixture,seconds,speakers,genders,problem,Conv-TasNet.si_snri.1,Conv-TasNet.si_snri.2"


def table(header: dict, *lines: str) -> bytes:
    return "\n".join([f"# {json.dumps(header)}", COLUMNS, *lines, ""]).encode()


def test_an_uploaded_table_is_read_without_its_paths():
    found = read_results(table(GOOD, "0,a,1.5,1;2,FM,,3,4"), "mine.csv")
    assert found.values("Conv-TasNet", "si_snri").tolist() == [[3, 4]]
    assert found.header.file == found.header.folder == ""


@pytest.mark.parametrize(
    "change",
    [
        *({"speakers": value} for value in (10**9, 0, -1, 2.0, True, "2")),
        *({"rate": 0}, {"rate": 10**9}, {"mixtures": 10**12}, {"mixtures": None}, {"parameters": 10**30}, {"pesq": 1}),
        *({"model": 1}, {"set": ["s"]}, {"model": "x" * 10**5}, {"more": 1}),
    ],
    ids=str,
)
def test_a_header_of_other_types_or_ranges_is_refused(change):
    with pytest.raises(ResultsError, match=r"^mine\.csv is not a file of results") as problem:
        read_results(table({**GOOD, **change}), "mine.csv")
    assert len(str(problem.value)) < 200


@pytest.mark.parametrize(
    "line",
    [
        *("3,a,1,,,,1,2", "-1,a,1,,,,1,2", "0,a,nan,,,,1,2", "0,a,-1,,,,1,2", "0,a,inf,,,,1,2", "0,a,1,,,,nan,2"),
        *("0,a,1,,,,1e300,2", "0,a,1,,,,1", f"0,{'a' * 9999},1,,,,1,2", "9" * 5000 + ",a,1,,,,1,2"),
    ],
    ids=lambda line: line[:20],
)
def test_a_row_that_nothing_measured_is_left_out(line):
    assert [row.index for row in read_results(table(GOOD, "1,b,1,,,,1,2", line)).rows] == [1]


@pytest.mark.parametrize("body", ["x" * 200_000 + "\n", '"' + "\n" * 200_000, "# " + "[" * 100_000 + "\n"])
def test_what_is_no_table_is_refused(body):
    with pytest.raises(ResultsError):
        read_results(f"# {json.dumps(GOOD)}\n{body}".encode(), "mine.csv")
    with pytest.raises(ResultsError):
        read_results(body.encode(), "mine.csv")


def test_a_table_is_not_endless(monkeypatch):
    from analysis.corpus import results

    monkeypatch.setattr(results, "LARGEST_FILE", 1000)
    with pytest.raises(ResultsError, match="too large"):
        read_results(table(GOOD, *["0,a,1,,,,1,2"] * 100), "mine.csv")


def test_the_header_says_what_was_measured():
    assert Header(**GOOD).speakers == 2


# Python


def test_python_is_told_what_is_wrong(voice):
    references = np.stack([voice, voice[::-1]])
    mixture = references.sum(0)
    with pytest.raises(ValueError, match="Without the clean voices"):
        comparison.compare_systems(Mixture(mixture, None, RATE, (), None), references)
    for call in (
        lambda: metrics.evaluate(references, references, mixture, 0),
        lambda: metrics.pesq(voice, voice, 0),
        lambda: ideal_masks.stft(voice, 0),
        lambda: ideal_masks.ideal_mask("IRM", references, 0),
        lambda: audio.resample(voice, 0, 8000),
        lambda: audio.resample(voice, 8000, 0),
    ):
        with pytest.raises(ValueError, match="0 Hz"):
            call()
    masks = ideal_masks.ideal_mask("IBM", references, RATE)
    with pytest.raises(ValueError, match="do not fit a mixture"):
        ideal_masks.apply(masks[..., :-3], mixture, RATE)
    broken = references.copy()
    broken[0, 5] = np.nan
    for kind in ideal_masks.MASKS:
        with pytest.raises(ValueError, match="not finite"):
            ideal_masks.ideal_mask(kind, broken, RATE)
    with pytest.raises(ValueError, match="not finite"):
        ideal_masks.ideal_mask("PSM", references, RATE, broken[0])
