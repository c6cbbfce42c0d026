"""Small inputs rebuilt from public reports of what went wrong for others, by kind; each is understood or refused.

They lie beside the project; where they do not, these tests skip.
"""

from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from corpus_tools import noise, write_split
from test_sound_inputs import needs_ffmpeg

from analysis.sounds.inputs import decode_upload, from_mixture
from tasnet import Separator, audio
from tasnet.checkpoint import CheckpointError
from tasnet.convert import trials
from tasnet.convert.files import imported, read_tensors
from tasnet.convert.proof import prove
from tasnet.data.corpora import explain_mixtures, open_mixtures
from tasnet.train.losses import best_si_snr

NAMES = ["1089-134686-0000_121-127105-0031", "1089-134686-0007_1995-1836-0000", "1089-134686-0015_5142-33396-0067"]


@pytest.fixture
def cases(shared) -> Path:
    if not (shared / "cases").is_dir():
        pytest.skip("the cases are not beside the project")
    return shared / "cases"


@pytest.mark.parametrize(("name", "seconds"), [("size0", 10.435), ("unfinished", 3.0)])
def test_headers_of_recordings_that_were_not_finished(cases, name, seconds):
    sound = audio.read(cases / f"headers/{name}.wav")
    assert len(sound.samples) / sound.rate == pytest.approx(seconds)
    assert "was read to its end" in sound.notes[0]


@needs_ffmpeg
def test_sphere_of_wsj0_is_read_and_a_shorten_file_without_a_rate_is_named(cases):
    assert len(audio.read(cases / "sphere/011a0101.wv1").samples) == 40000
    with pytest.raises(audio.AudioError, match=r"x\.shn is a shorten file, but"):
        audio.read(cases / "sphere/x.shn")


def test_channels_that_would_cancel_each_other(cases):
    sound = audio.read(cases / "channels/near_inverse_delay.wav")
    both, _ = soundfile.read(cases / "channels/near_inverse_delay.wav", dtype="float32")
    np.testing.assert_array_equal(sound.samples, both[:, 0])
    assert "turned round" in sound.notes[0]


def test_references_that_a_codec_has_moved_are_put_under_the_mixture(cases):
    files = [cases / f"references/{name}" for name in ("mix.wav", "s1_noxing.mp3", "s2_noxing.mp3")]
    mixture, *references = (decode_upload(file.read_bytes(), file.name) for file in files)
    made = from_mixture(mixture, references)
    error = made.references.sum(0) - made.mixture
    assert 10 * np.log10(np.square(made.mixture).sum() / np.square(error).sum()) > 20
    assert len(made.notes) == 2 and all("ms later than in the mixture" in note for note in made.notes)


def test_an_offset_costs_next_to_nothing(cases):
    small = Separator("convtasnet_small_gln_2spk_8k", "cpu")
    mixture, offset, *voices = (
        soundfile.read(cases / f"references/{name}.wav", dtype="float32")[0] for name in ("mix", "dc", "s1", "s2")
    )
    scores = [
        float(best_si_snr(torch.tensor(small.separate(x, 8000).sources)[None], torch.tensor(np.stack(voices))[None]))
        for x in (mixture, offset)
    ]
    assert scores[1] > scores[0] - 0.5


@pytest.mark.parametrize(
    ("name", "kind"), [("perfolder", "a folder a mixture"), ("stereo", "mix_clean"), ("whamr", "mix_both_anechoic")]
)
def test_layouts(cases, name, kind):
    mixtures = open_mixtures(cases / "layouts" / name)
    assert len(list(mixtures)) == len(mixtures) >= 2 and mixtures.voices == 2
    said = explain_mixtures(mixtures)
    assert kind in said[0] and "the mixture is the sum of its sources" in said[-1]


@pytest.fixture(scope="module")
def moved(tmp_path_factory) -> Path:
    """Where the set now lies that the lists were written for."""
    root = tmp_path_factory.mktemp("moved")
    write_split(root / "Libri2Mix/wav8k/min/test", "mix_clean", NAMES)
    return root


@pytest.mark.parametrize("name", ["bom", "utf16", "semi", "win", "speechbrain", "short", "moved_first_gone"])
def test_lists(cases, moved, name):
    path = moved / f"{name}.csv"
    path.write_bytes((cases / "lists" / path.name).read_bytes())
    mixtures = open_mixtures(path)
    found = [(mixture.name, mixture.sources[0]) for mixture in mixtures]
    names = ["0", "1", "2"] if name == "speechbrain" else NAMES
    gone = name == "moved_first_gone"
    assert [one for one, _ in found] == names[gone:]
    np.testing.assert_array_equal(found[-1][1], noise(20).astype("f4"))
    assert len(mixtures.bad) == (name in ("short", "moved_first_gone"))
    if mixtures.bad:
        assert ("_gone.wav is missing" if gone else "line 5 of short.csv") in next(iter(mixtures.bad.values()))


CHECKPOINTS = {
    **dict.fromkeys(("a.pth", "gen.pth", "nest.pth"), ("sigmoid", 8000)),
    **dict.fromkeys(("flatte.ckpt", "nested.ckpt"), ("relu", 16000)),
}
OBJECTS = {
    **{"ns.pth": "argparse.Namespace", "pl_.pth": "pathlib.PosixPath", "dd.pth": "collections.defaultdict"},
    **{"plold.ckpt": "ModelCheckpoint", "np.pth": ""},
}


@pytest.mark.parametrize("name", CHECKPOINTS)
def test_checkpoints_tell_their_settings(cases, name):
    found = imported(read_tensors([cases / "checkpoints" / name]))
    config = found.model.config
    assert (found.program, config.X, config.R, found.used) == ("asteroid", 3, 2, 93)
    assert (config.mask, config.sample_rate) == CHECKPOINTS[name]
    assert "mask" not in found.assumed and "sample_rate" not in found.assumed
    assert prove(found).startswith("All 93 tensors have a place in the network. On 4 s of two example voices it gains")


@pytest.mark.parametrize("name", OBJECTS)
def test_checkpoints_with_objects_are_read_and_what_they_do_not_tell_is_asked_for(cases, name, monkeypatch):
    content = read_tensors([cases / "checkpoints" / name])
    found = imported(content, {"n_blocks": 3})
    assert (found.model.config.X, found.used) == (3, 93) and OBJECTS[name] in " ".join(found.notes)
    monkeypatch.setattr(trials, "speech_gain", lambda *_: 0.0)  # the weights are not trained: speech shows nothing
    with pytest.raises(CheckpointError, match=r"how many of its 6 blocks make a .* X \(1, 2, 3, 6\)") as error:
        imported(content)
    assert OBJECTS[name] in str(error.value)
