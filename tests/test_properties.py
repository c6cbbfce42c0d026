"""Whatever comes in is used or refused in one short sentence: properties that are searched for a counterexample.

The suite tries a fixed, small number of inputs, the same each time. A longer search with new ones each time:

    FUZZ=5000 python -m pytest tests/test_properties.py
"""

import argparse
import contextlib
import io
import json
import os

import numpy as np
import pytest
import safetensors.torch
import soundfile
import torch
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import tasnet
from analysis.corpus.results import FACTS, LARGEST_SCORE, ResultsError, read_results
from pages.parts import folders, links, text
from tasnet import audio, checkpoint
from tasnet.below_speech import without
from tasnet.channels import Channels
from tasnet.config import HIGHEST_RATE, LOWEST_RATE, ConvTasNetConfig
from tasnet.convert.files import decode, imported
from tasnet.train.recipe import Recipe
from tasnet.training_facts import TrainingFacts

TRIES = int(os.environ.get("FUZZ", "0"))
search = settings(
    max_examples=TRIES or 60,
    derandomize=not TRIES,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.just(10**30),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(max_size=8), children, max_size=3),
    max_leaves=8,
)
TINY = dict(N=6, L=4, B=4, H=5, Sc=3, P=3, X=2, R=2)


def is_one_sentence(problem: Exception) -> bool:
    """Whether a user can be shown it."""
    said = str(problem)
    return 0 < len(said) < 600 and "\n" not in said.strip() and said.endswith((".", ")"))


# Decoders


def encode(kind: str, subtype: str | None) -> bytes:
    file = io.BytesIO()
    samples = 0.1 * np.random.default_rng(0).standard_normal((3000, 2))
    soundfile.write(file, samples, 8000, format=kind, subtype=subtype)
    return file.getvalue()


KINDS = [("WAV", "PCM_16"), ("WAV", "FLOAT"), ("FLAC", None), ("OGG", "VORBIS"), ("OGG", "OPUS"), ("MP3", None)]
KINDS += [("AIFF", "PCM_16"), ("AU", "PCM_16"), ("CAF", "PCM_16"), ("W64", "PCM_24"), ("RF64", "PCM_16")]
FILES = [encode(*kind) for kind in KINDS]


@st.composite
def damaged_files(draw) -> bytes:
    """A sound file with some bytes changed, cut off, put in or left out."""
    data = bytearray(draw(st.sampled_from(FILES)))
    for _ in range(draw(st.integers(0, 4))):
        # Headers are at the beginning, and there the most can go wrong.
        place = draw(st.integers(0, min(len(data), 120)) | st.integers(0, len(data)))
        piece = draw(st.binary(max_size=8))
        data[place : place + draw(st.integers(0, 8))] = piece
    return bytes(data[: draw(st.integers(0, len(data)) | st.just(len(data)))])


@search
@given(damaged_files() | st.binary(max_size=300))
def test_a_damaged_sound_is_read_or_refused(data):
    try:
        sound = audio.read(data, "a.wav", seconds=60)
    except audio.AudioError as problem:
        assert is_one_sentence(problem)
        return
    assert sound.samples.dtype == np.float32 and sound.samples.ndim == 1
    assert np.isfinite(sound.samples).all() and 0 < len(sound.samples) <= 60 * 48_000
    assert LOWEST_RATE <= sound.rate <= HIGHEST_RATE


@search
@given(st.lists(st.floats(width=32), min_size=1, max_size=50), st.integers(-10, 10**7) | st.floats())
def test_samples_in_memory_are_taken_or_refused(samples, rate):
    try:
        sound = audio.check_samples(np.array(samples, np.float32), rate, "the sound")
    except audio.AudioError as problem:
        assert is_one_sentence(problem)
    else:
        assert np.isfinite(sound.samples).all() and np.isfinite(np.square(sound.samples, dtype=np.float64).sum())


@pytest.fixture(scope="module")
def separator() -> tasnet.Separator:
    torch.manual_seed(0)
    return tasnet.Separator(tasnet.ConvTasNet(ConvTasNetConfig(**TINY)), "cpu")


@search
@given(st.lists(st.floats(-(2.0**31), 2.0**31, width=32), min_size=1, max_size=60))
def test_what_is_taken_gives_numbers(separator, samples):
    try:
        found = separator.separate(np.array(samples, np.float32), 8000)
    except audio.AudioError as problem:
        assert is_one_sentence(problem)
    else:
        assert np.isfinite(found.sources).all() and found.sources.shape == (2, len(samples))


# Networks


@search
@given(st.dictionaries(st.sampled_from([*ConvTasNetConfig().to_dict(), "more"]), JSON | st.integers(-1, 10**9)) | JSON)
@example({"X": 16, "R": 16, "N": 8192})
def test_a_configuration_is_a_network_or_refused(values):
    try:
        config = ConvTasNetConfig.from_dict(values)
    except ValueError as problem:
        assert is_one_sentence(problem)
    else:
        assert config.receptive_field < 10**9 and len(config.dilations) <= 256


@search
@given(
    st.dictionaries(st.sampled_from([*TrainingFacts().to_dict(), "scores", "steps", "level_dbfs", "more"]), JSON) | JSON
)
def test_facts_are_plain_or_refused(values):
    with contextlib.suppress(ValueError):
        facts = TrainingFacts.from_dict(values)
        assert np.isfinite(10 ** (facts.level_dbfs / 20))
        assert facts.valid_si_snri is None or np.isfinite(facts.valid_si_snri)


def checkpoint_bytes() -> bytes:
    model = tasnet.ConvTasNet(ConvTasNetConfig(**TINY))
    header = json.dumps({"config": model.config.to_dict(), "info": {}})
    return safetensors.torch.save(model.state_dict(), {checkpoint.HEADER: header})


GOOD = checkpoint_bytes()
HEADER_END = 8 + int.from_bytes(GOOD[:8], "little")


@st.composite
def damaged_weights(draw) -> bytes:
    data = bytearray(GOOD)
    for _ in range(draw(st.integers(1, 4))):
        place = draw(st.integers(0, HEADER_END) | st.integers(0, len(data)))
        data[place : place + draw(st.integers(0, 6))] = draw(st.binary(max_size=6))
    return bytes(data)


@st.composite
def odd_headers(draw) -> bytes:
    header = draw(
        JSON.map(json.dumps)
        | st.fixed_dictionaries({"config": JSON, "info": JSON}).map(json.dumps)
        | st.dictionaries(st.sampled_from([*TINY, "sample_rate", "norm"]), JSON | st.integers(-1, 10**12)).map(
            lambda change: json.dumps({"config": {**TINY, **change}, "info": {}})
        )
        | st.text(max_size=30)
    )
    return safetensors.torch.save({"x": torch.zeros(2)}, {checkpoint.HEADER: header})


@search
@given(damaged_weights() | odd_headers() | st.binary(max_size=100))
def test_weights_are_loaded_or_refused(tmp_path_factory, data):
    path = tmp_path_factory.getbasetemp() / "fuzzed.safetensors"
    path.write_bytes(data)
    try:
        model, _ = checkpoint.load(path)
    except checkpoint.CheckpointError as problem:
        assert is_one_sentence(problem)
    else:
        assert all(torch.isfinite(value).all() for value in model.state_dict().values())


@search
@given(
    st.dictionaries(st.sampled_from(["model_args", "state_dict", "enc.weight", "x"]), JSON | st.just(torch.zeros(2))),
    JSON,
)
def test_foreign_weights_are_converted_or_refused(content, config):
    try:
        imported(content, config)
    except ValueError as problem:
        assert is_one_sentence(problem)
    else:
        raise AssertionError("that was no network")


def foreign_bytes(zipped: bool) -> bytes:
    """A checkpoint of another program with an object beside its tensors."""
    file = io.BytesIO()
    mark = {"masker.mask_net.1.weight": torch.zeros(2, 3), "masker.bottleneck.0.gamma": torch.ones(3)}
    content = {"state_dict": mark, "args": argparse.Namespace(n_src=2), "ema": dict(mark)}
    torch.save(content, file, _use_new_zipfile_serialization=zipped)
    return file.getvalue()


OPCODES = [b"c", b"R", b"b", b"0", b"}"]  # of pickles: a name, a call, a state ...
FOREIGN = [foreign_bytes(True), foreign_bytes(False)]


@st.composite
def damaged_pickles(draw) -> bytes:
    data = bytearray(draw(st.sampled_from(FOREIGN)))
    for _ in range(draw(st.integers(0, 4))):
        place = draw(st.integers(0, min(len(data), 700)) | st.integers(0, len(data)))
        data[place : place + draw(st.integers(0, 6))] = draw(
            st.binary(max_size=6) | st.sampled_from([b"c", b"R", b"b"])
        )
    return bytes(data[: draw(st.integers(0, len(data)) | st.just(len(data)))])


@search
@given(damaged_pickles(), st.sampled_from(["a.pth", "A.SAFETENSORS"]))
def test_a_damaged_checkpoint_is_read_or_refused(data, name):
    with pytest.raises(ValueError) as caught:  # whole it lacks most of a network
        imported(decode(data, name))
    assert is_one_sentence(caught.value)


@search
@given(
    st.integers(1, 4),
    st.lists(st.floats(-1, 1, width=32), min_size=1, max_size=40),
    st.integers(0, 3),
    st.sampled_from([8000, 44100]),
)
def test_channels_become_one_of_them_or_their_average(channels, samples, turned, rate):
    rows = np.outer(np.array(samples, np.float32), np.linspace(1, 0.5, channels, dtype=np.float32))
    rows[:, turned % channels] *= -1
    heard = Channels(channels, rate, 16)
    mean = heard.add(rows)
    relation = heard.relation("a.wav")
    assert np.allclose(mean, rows.mean(1), atol=1e-6) and (relation.only is None or 0 <= relation.only < channels)
    assert not relation.sentence or is_one_sentence(ValueError(relation.sentence))


@search
@given(st.lists(st.floats(-1, 1, width=32), min_size=1, max_size=600), st.booleans())
def test_what_is_left_without_what_lies_below_speech_are_numbers(samples, causal):
    mixture = np.array(samples, np.float32)
    left, notes = without(mixture, 8000, causal=causal)
    assert left.shape == mixture.shape and np.isfinite(left[..., 0 : len(mixture)]).all()
    assert all(is_one_sentence(ValueError(note)) for note in notes)


@search
@given(st.dictionaries(st.sampled_from([*Recipe().to_dict(), "more"]), JSON))
def test_a_recipe_is_followed_or_refused(changes):
    try:
        Recipe().changed(changes)
    except ValueError as problem:  # of the network's configuration, or a RecipeError
        assert is_one_sentence(problem)


# Tables

HEADER = dict(
    model="m", weights="w", file="f", parameters=1, training_data="", precision="float32", set="s", folder="f",
    split="test", kind="", names="n", mixtures=3, rate=8000, speakers=2, pesq=False,
)  # fmt: skip
CELLS = st.text(max_size=6) | st.integers(-3, 10**9).map(str) | st.floats().map(str) | st.just("")


@st.composite
def tables(draw) -> bytes:
    header = {**HEADER, **draw(st.dictionaries(st.sampled_from([*HEADER, "more"]), JSON, max_size=2))}
    columns = [
        *FACTS,
        "Conv-TasNet.si_snri.1",
        "Conv-TasNet.si_snri.2",
        *draw(st.lists(st.text(max_size=6), max_size=2)),
    ]
    rows = draw(st.lists(st.lists(CELLS, min_size=len(columns) - 1, max_size=len(columns)), max_size=4))
    lines = ["# " + json.dumps(header), *(",".join(row) for row in [columns, *rows])]
    return ("\n".join(lines) + "\n").encode(errors="backslashreplace")


@search
@given(tables() | st.binary(max_size=300))
@example(b"# " + json.dumps({**HEADER, "speakers": 10**9}).encode() + b"\n" + ",".join(FACTS).encode() + b"\n")
def test_a_table_is_data_or_refused(content):
    try:
        found = read_results(content, "mine.csv")
    except ResultsError as problem:
        assert is_one_sentence(problem)
        return
    assert 1 <= found.header.speakers <= 9 and found.header.file == ""
    for row in found.rows:
        assert 0 <= row.index < found.header.mixtures and np.isfinite(row.seconds)
        assert all(abs(score) <= LARGEST_SCORE or np.isinf(score) for score in row.scores.values())
    assert found.values("Conv-TasNet", "si_snri").shape == (len(found.good), found.header.speakers)


# Addresses


@search
@given(st.text(max_size=30) | st.floats().map(str) | st.tuples(st.floats(), st.floats()).map("{0[0]}-{0[1]}".format))
def test_times_in_an_address_are_times_or_nothing(monkeypatch_module, value):
    monkeypatch_module.setattr(links.st, "query_params", {"t": value, "region": value})
    assert 0 <= links.moment("t") < np.inf
    region = links.stretch("region")
    assert region is None or 0 <= region[0] < region[1] < np.inf


@pytest.fixture(scope="module")
def monkeypatch_module():
    with pytest.MonkeyPatch.context() as patch:
        yield patch


@search
@given(st.text(max_size=40) | st.lists(st.sampled_from(["..", "/", "~", "a", "\0", "."]), max_size=8).map("/".join))
def test_a_folder_in_an_address_is_below_the_root_or_refused(name):
    try:
        path = folders.below_root(name)
    except folders.FolderError:
        return
    assert path == folders.reading_root() or folders.reading_root() in path.parents


SPECIAL = set("`*[]<>#|~$&@")


@search
@given(st.text() | st.text("`*[]()<>#|~$&@!_\\ a1-."))
def test_no_text_is_markdown(words):
    shown = text.plain(words)
    assert shown.isprintable()
    assert all(shown[n - 1] == "\\" for n, letter in enumerate(shown) if letter in SPECIAL)
