"""The start point of a mixture, by itself and over a set; pauses."""

import json
from dataclasses import asdict
from types import SimpleNamespace

import mir_eval
import numpy as np
import pytest
import soundfile

from analysis.sounds.examples import available_examples, mix_example
from analysis.start_point import pauses, sets, shifts
from analysis.start_point.__main__ import main
from analysis.words import start_point as words
from tasnet import Separator, available
from tasnet.mixture import Mixture
from tasnet.training_facts import TrainingFacts

EXAMPLE = next(example.id for example in available_examples() if example.tier == "bundled" and len(example.voices) == 2)
RATE = 8000
STEREO = SimpleNamespace(C=2, causal=True)


class Stand:
    """A "network" that gives what `separate` is told to give; its outputs are known, so its scores are too."""

    def __init__(self, separate) -> None:
        self.config, self.facts, self.name = STEREO, TrainingFacts(), "stand"
        self.model = SimpleNamespace(state_dict=dict)
        self._separate, self.lengths = separate, []

    def separate(self, samples, rate):
        self.lengths.append(len(samples))
        return SimpleNamespace(sources=self._separate(samples))


@pytest.fixture(scope="module")
def sound() -> Mixture:
    return mix_example(EXAMPLE)


def test_every_range_meets_every_position_of_the_frames():
    for steps in (*shifts.RANGES.values(), sets.SHIFTS):
        for hop in (8, 20):
            assert len({shift % hop for shift in steps}) == min(hop, len(steps))


def test_the_start_is_what_is_cut_off_and_the_score_that_of_the_common_part(sound):
    steps = (0, 7, 400)
    mixture, references = sound.mixture[:16000], sound.references[:, :16000]

    def separate(samples):  # worse, the later it starts; the outputs in another order from shift 7 on
        start = len(mixture) - len(samples)
        found = references[:, start:] + 0.001 * (1 + start) * mixture[start:]
        return found[::-1] if start == 7 else found

    stand, done = Stand(separate), []
    curve = shifts.vary_start(stand, mixture, references, RATE, steps, done.append)
    assert sorted(stand.lengths) == [15600, 15993, 16000] and curve.shifts == steps
    assert done == pytest.approx([1 / 3, 2 / 3, 1])
    clean, heard = references[:, 400:], mixture[400:]
    expected = []
    for start in steps:
        estimates = clean + 0.001 * (1 + start) * heard
        scores = [
            mir_eval.separation.bss_eval_sources(clean, x, compute_permutation=False)[0]
            for x in (estimates, np.stack([heard, heard]))
        ]
        expected.append((scores[0] - scores[1]).mean())
    np.testing.assert_allclose(curve.sdri, expected, atol=0.01)
    assert curve.deviation == pytest.approx(np.std(curve.sdri, ddof=1))
    np.testing.assert_allclose(curve.milliseconds, [0, 0.875, 50])


def test_a_mixture_that_does_not_fit_is_refused_in_a_sentence(sound):
    stand = Stand(None)
    with pytest.raises(shifts.StartPointError, match=r"lasts 0\.50 s, too short to start up to 0\.10 s later"):
        shifts.vary_start(stand, sound.mixture[:4000], sound.references[:, :4000], RATE, (0, 800))
    with pytest.raises(shifts.StartPointError, match="separates 2 voices, but this mixture has 1"):
        shifts.vary_start(stand, sound.mixture, sound.references[:1], RATE, (0, 800))


@pytest.fixture
def mixtures(sound, tmp_path):
    """Three mixtures, the last of which lasts too short."""
    folder = tmp_path / "voices"
    for number, length in enumerate((6400, 6400, 4000)):
        for part, reference in zip(("s1", "s2"), sound.references, strict=True):
            (folder / part).mkdir(parents=True, exist_ok=True)
            soundfile.write(folder / part / f"{number}.wav", reference[4000:][:length], RATE)
    return folder


def test_a_set_is_measured_row_by_row_and_goes_on_after_a_stop(mixtures, tmp_path):
    separator, out = Separator(next(iter(available())), "cpu"), tmp_path / "one.jsonl"

    def stop(done: int, of: int) -> None:
        if done == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sets.vary_set(mixtures, separator, out, shifts=(0, 5), progress=stop)
    begun = out.read_text()
    assert len(begun.splitlines()) == 2
    out.write_text(begun + '{"mixture": "1", "sd')  # killed while it wrote
    assert len(sets.read_set(out).sdri) == 1
    reported = []
    results = sets.vary_set(
        mixtures, separator, out, shifts=(0, 5), progress=lambda done, of: reported.append((done, of))
    )
    assert reported == [(1, 3), (2, 3), (3, 3)]
    assert out.read_text().startswith(begun)
    sdri = next(iter(results.sdri.values()))
    assert len(results.sdri) == 2 and sdri.shape == (2,)
    assert results.deviations[0] == pytest.approx(abs(sdri[0] - sdri[1]) / np.sqrt(2))
    assert next(iter(results.problems.values())).startswith("The mixture lasts 0.50 s")
    again = []
    assert sets.vary_set(mixtures, separator, out, shifts=(0, 5), progress=lambda *n: again.append(n)).sdri.keys()
    assert again == [(3, 3)]
    with pytest.raises(shifts.StartPointError, match="other shifts"):
        sets.vary_set(mixtures, separator, out)
    other = json.loads(begun.splitlines()[0]) | {"model": "another"}
    out.write_text(json.dumps(other) + "\n")
    with pytest.raises(shifts.StartPointError, match="another model"):
        sets.vary_set(mixtures, separator, out, shifts=(0, 5))


@pytest.mark.parametrize("content", ["", "[1]\n", "a,b\n", '{"a": 1}\n'])
def test_a_foreign_file_is_no_result_and_stays_as_it_is(content, mixtures, tmp_path):
    path = tmp_path / "foreign.jsonl"
    path.write_text(content)
    with pytest.raises(shifts.StartPointError, match="is not a file of results"):
        sets.read_set(path)
    assert sets.results_by_set(tmp_path) == {}
    if content:
        with pytest.raises(shifts.StartPointError):
            sets.vary_set(mixtures, Separator(next(iter(available())), "cpu"), path)
        assert path.read_text() == content


@pytest.mark.parametrize(
    "row",
    [
        '{"mixture": "1", "sdri": [1.0]}',
        '{"mixture": "1", "sdri": [1.0, true]}',
        '{"mixture": "1", "sdri": [1.0, Infinity]}',
        '{"mixture": "1", "sdri": [1.0, 1' + 400 * "0" + "]}",
        '{"mixture": "1", "sdri": "1.0", "problem": "none"}',
        '{"mixture": ["1"], "sdri": [1.0, 2.0]}',
        '{"sdri": [1.0, 2.0]}',
        "7",
    ],
)
def test_a_row_that_cannot_be_is_refused_in_a_sentence_and_skipped_by_the_page(row, tmp_path, monkeypatch):
    monkeypatch.setattr(sets, "SHIFTS", (0, 61))
    header = sets.SetHeader("a", "0", False, "set", "0", 3, (0, 61))
    path, whole = tmp_path / "a.jsonl", '{"mixture": "0", "sdri": [1, null]}'
    path.write_text("\n".join([json.dumps(asdict(header)), whole, row, whole]) + "\n")
    with pytest.raises(shifts.StartPointError, match="is not a file of results"):
        sets.read_set(path)
    assert sets.results_by_set(tmp_path) == {}
    path.write_text("\n".join([json.dumps(asdict(header)), whole, 100_000 * "["]))  # not whole: what is before counts
    assert list(sets.results_by_set(tmp_path)["set"]["a"].sdri) == ["0"]


def test_the_command_line(mixtures, tmp_path, capsys):
    model = next(iter(available()))
    assert main([str(mixtures), "--model", model, "--limit", "1", "-o", str(tmp_path / "out"), "--device", "cpu"]) == 0
    said = capsys.readouterr().out
    assert model in said and "over 1 mixture " in said
    assert sets.results_by_set(tmp_path / "out")["voices"].keys() == {model}
    assert main([str(tmp_path / "nothing"), "--model", model]) == 2
    assert "There is nothing at" in capsys.readouterr().err
    assert main([str(mixtures), "--model", "no-such"]) == 2


def test_a_pause_silences_one_voice_while_the_other_goes_on(sound):
    paused, begin, end = pauses.pause_speaker(sound, 0.5)
    assert end - begin == 4000 and begin == len(sound.mixture) // 2
    assert not paused.references[1, begin:end].any()
    assert np.abs(paused.references[0, begin:end]).max() > 0.01
    for place in (slice(0, begin - 100), slice(end + 100, None)):
        original = sound.references[:, place if place.stop else slice(begin + 100, None)]
        np.testing.assert_array_equal(paused.references[:, place], original)
    np.testing.assert_allclose(paused.mixture, paused.references.sum(0), atol=1e-6)
    assert pauses.pause_speaker(sound, 0)[0] is sound


def test_a_swap_after_the_pause_is_seen(sound):
    def separate(samples):
        paused, begin, end = pauses.pause_speaker(sound, (len(samples) - len(sound.mixture)) / RATE)
        found = paused.references + 0.01 * paused.mixture
        if end - begin == 8000:  # this network forgets after a second who is who
            found[:, end:] = found[::-1, end:]
        return found

    curve = pauses.measure_pauses(Stand(separate), [sound], (0, 0.5, 1))
    assert curve.swapped.tolist() == [[False, False, True]]
    assert curve.sdr[0, 1] > 20 and curve.sdr[0, 2] < 0 and curve.best[0, 2] > 20
    (said,) = words.explain_pauses({"stand": curve})
    assert "swapped after 1 of 3 pauses" in said


def test_pauses_need_known_voices(sound):
    with pytest.raises(pauses.PauseError, match="needs a mixture of 2 voices"):
        pauses.measure_pauses(Stand(lambda samples: samples), [Mixture(sound.mixture, None, RATE, (), None)])
