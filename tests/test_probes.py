"""The probes: what each changes and what it leaves, against independent measurements; their curves over a set."""

import json
import math

import numpy as np
import pytest
import soundfile
from scipy.signal import welch

from analysis.corpus.intervals import Estimate
from analysis.figures.probes import probe_curves
from analysis.scores.metrics import si_snr
from analysis.sounds.examples import available_examples, mix_example
from analysis.start_point import probe_set
from analysis.start_point.pitch import flattened, jittered, track
from analysis.start_point.probe_set import ProbeCurve, ProbeError, curve, known_results, measure_probes, read_probes
from analysis.start_point.probes import PROBES, alternate_tones, delay_onset, interrupt, set_level, stop_band
from analysis.words.probe import explain_curve, explain_printed
from tasnet import Separator
from tasnet.data.speech_level import active_speech_level
from tasnet.mixture import Mixture
from tasnet.training_facts import TrainingFacts

RATE = 8000
EXAMPLE = next(one.id for one in available_examples() if one.tier == "bundled" and len(one.voices) == 2)


def vowel(f0: np.ndarray) -> np.ndarray:
    """Partials of falling strength and scattered phases over the pitch f0 (T,)."""
    phase = 2 * np.pi * np.cumsum(f0) / RATE
    return sum(np.cos(k * phase + k * k) / k for k in range(1, 25)).astype(np.float32)


@pytest.fixture(scope="module")
def sound() -> Mixture:
    whole = mix_example(EXAMPLE)
    part = slice(2 * whole.rate)
    return Mixture(whole.mixture[part], whole.references[:, part], whole.rate, whole.labels, 0.0)


def test_the_pitch_of_a_glide_is_followed():
    f0 = np.linspace(90, 240, 2 * RATE)
    found = track(np.r_[vowel(f0), np.zeros(4000)], RATE)
    middle = slice(1000, 2 * RATE - 1000)
    assert np.abs(found.f0[middle] / f0[middle] - 1).max() < 0.02
    assert found.voiced[middle].min() == 1 and found.voiced[2 * RATE + 1000 :].max() == 0
    assert np.isnan(track(np.random.default_rng(0).normal(size=RATE), RATE).middle), "noise has none"


@pytest.mark.parametrize("share", [0.03, 0.3])
def test_partials_move_by_the_stated_share_of_the_fundamental(share):
    f0 = 120.0
    voice = vowel(np.full(3 * RATE, f0))
    assert np.array_equal(jittered(voice, RATE, 0.0), voice), "no jitter is the identity"
    moved = jittered(voice, RATE, share)
    draws = np.random.default_rng(0).uniform(-1, 1, 160)
    spectrum = np.abs(np.fft.rfft(moved * np.hanning(len(moved)), 8 * len(moved)))
    hz = np.fft.rfftfreq(8 * len(moved), 1 / RATE)
    shifts = []
    for partial in range(1, 20):
        near = (hz > f0 * (partial - 0.5)) & (hz < f0 * (partial + 0.5))
        shifts.append(hz[near][spectrum[near].argmax()] / f0 - partial)
    assert shifts[0] == pytest.approx(0, abs=2e-3), "the fundamental stays"
    assert shifts[1:] == pytest.approx(share * draws[2:20], abs=3e-3)
    assert np.abs(shifts).max() <= share + 3e-3


def test_noise_is_left_in_tune(sound):
    noise = np.random.default_rng(1).normal(size=RATE).astype(np.float32)
    assert np.array_equal(jittered(noise, RATE, 0.1), noise)


def test_a_flat_pitch_is_flat_and_keeps_the_level():
    voice = vowel(np.linspace(100, 150, 2 * RATE))
    flat = flattened(voice, RATE, 160.0)
    peaks = np.fft.rfftfreq(2 * RATE, 1 / RATE)[np.abs(np.fft.rfft(flat * np.hanning(len(flat)))).argmax()]
    assert peaks % 160 == pytest.approx(0, abs=1.5) or peaks % 160 == pytest.approx(160, abs=1.5)
    assert np.sum(flat**2) == pytest.approx(np.sum(voice**2), rel=1e-3)


@pytest.mark.parametrize("name", PROBES)
def test_every_probe_gives_a_mixture_of_its_voices_twice_the_same(name, sound):
    probe = PROBES[name]
    for value in (probe.values[0], probe.values[-1]):
        made, again = probe.apply(sound, value), probe.apply(sound, value)
        assert np.array_equal(made.mixture, again.mixture) and np.isfinite(made.mixture).all()
        assert made.mixture.shape == sound.mixture.shape and made.references.shape == sound.references.shape
        assert np.abs(made.mixture - made.references.sum(0)).max() < 1e-5
    if name not in ("pitch", "tones", "level"):
        assert np.abs(probe.apply(sound, probe.values[0]).mixture - sound.mixture).max() < 1e-5


def test_what_is_turned_is_turned_as_far_as_it_says(sound):
    louder, softer = (active_speech_level(voice, RATE) for voice in set_level(sound, 15).references)
    assert louder - softer == pytest.approx(15, abs=0.1)
    hz, before = welch(sound.references[0], RATE, nperseg=1024)
    _, after = welch(stop_band(sound, 1000).references[0], RATE, nperseg=1024)
    missing = (hz > 800) & (hz < 1250)
    assert (after[missing] / before[missing]).max() < 1e-3
    assert after[hz < 500].sum() == pytest.approx(before[hz < 500].sum(), rel=0.02)
    gaps = interrupt(sound, 100).references == 0
    assert gaps.mean() == pytest.approx(0.4, abs=0.05) and (gaps[0] == gaps[1]).mean() > 0.95
    late = delay_onset(sound, 0.5).references
    assert not late[1][: RATE // 2 - 100].any() and np.array_equal(
        late[1][RATE // 2 + 100 :], sound.references[1][4100:]
    )
    assert np.array_equal(late[0], sound.references[0])
    tones = alternate_tones(sound, 12).references
    peaks = [np.abs(np.fft.rfft(one)).argmax() for one in tones]
    assert peaks[1] / peaks[0] == pytest.approx(2, rel=0.02)
    assert (np.minimum(*np.abs(tones)) > 0.1 * np.abs(tones).max()).mean() < 0.03, "in turn"


class Sum:
    """A "network" that gives the mixture for every voice, or the half of it less: worse by nothing."""

    config = type("Config", (), {"C": 2})()
    facts = TrainingFacts()

    def __init__(self, name: str) -> None:
        self.name, self.model = name, type("Model", (), {"state_dict": staticmethod(dict)})()

    def separate(self, samples, rate):
        return type("Separation", (), {"sources": np.stack([samples, samples[::-1]])})()


def test_a_set_is_measured_taken_up_again_and_refused_where_it_is_another(tmp_path, sound):
    for part, voice in zip(("s1", "s2"), sound.references, strict=True):
        (tmp_path / "set" / part).mkdir(parents=True)
        for number in range(3):
            soundfile.write(tmp_path / "set" / part / f"{number}.wav", voice[2000 * number :][:8000], RATE)
    few = {name: PROBES[name] for name in ("level", "gaps")}
    made = {"probes": few, "seconds": 0.75, "out": tmp_path / "out"}
    (first,) = measure_probes(tmp_path / "set", [Sum("a")], limit=1, **made)
    path = tmp_path / "out" / "a.probes.jsonl"
    with path.open("a") as file:
        file.write('{"mixture": "1", "netw')  # a run that was ended
    results = measure_probes(tmp_path / "set", [Sum("a"), Sum("b")], limit=3, **made)
    assert [len(one.network["gaps"]) for one in results] == [3, 3]
    assert np.array_equal(results[0].network["level"][:1], first.network["level"])
    one = Mixture(sound.mixture[:6000], sound.references[:, :6000], RATE, sound.labels, None)
    plain = si_snr(np.stack([one.references.sum(0)] * 2), one.references).mean()
    assert results[1].unprocessed["gaps"][0, 0] == pytest.approx(plain, abs=0.02)
    with pytest.raises(ProbeError, match="other weights, values or mixtures"):
        wanted = {"gaps": PROBES["gaps"]}
        measure_probes(tmp_path / "set", [Sum("a")], probes=wanted, seconds=0.75, out=tmp_path / "out")
    header, row = path.read_text().splitlines()[:2]
    odd = {"network": {"gaps": [1.0]}}, {"network": {"level": ["a"]}}, {"speakers": 1}, {"more": 1}, {"network": None}
    for text in ('{"model": "a"}\n', header, *(f"{header}\n{json.dumps(json.loads(row) | one)}\n" for one in odd)):
        path.write_text(text)
        with pytest.raises(ProbeError, match="not a file of results"):
            read_probes(path)
    assert list(known_results([tmp_path / "out"])) == ["b"]


def test_the_command_line_refuses_what_it_cannot_use(capsys):
    assert probe_set.main(["no/such/folder", "--model", "no-such-model"]) == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1


def estimates(means: list[float], half: float = 0.5) -> tuple[Estimate, ...]:
    return tuple(Estimate(mean, mean - half, mean + half, 30, mean - half, mean + half) for mean in means)


@pytest.mark.parametrize(
    ("means", "costs", "says", "never"),
    [
        (
            [10, 9, 5, 1],
            [0, 1, 5, 9],
            ["clearly lower everywhere else", "most at 3 %, by 9.0 dB", "has 1.0 dB"],
            "higher",
        ),
        ([10, 10, 10, 1], [0, 0.1, 0.2, 9], ["clearly lower at 3 %"], "everywhere"),
        ([10, 10, 9.9, 10], [0, 0, 0.1, 0], ["nowhere clearly lower or higher"], "most"),
        ([10, 12, 10, 13], [0, -2, 0, -3], ["clearly higher at 1 and 3 %", "most at 3 %, by 3.0 dB"], "lower"),
        ([10, 5, 10, 12], [0, 5, 0, -2], ["clearly lower at 1 %", "clearly higher at 3 %", "most at 1 %"], "nowhere"),
    ],
)
def test_the_words_follow_the_curve(means, costs, says, never):
    probe = PROBES["jitter"]
    found = ProbeCurve((0, 1, 2, 3), estimates(means), estimates([0] * 4), estimates(costs))
    said = explain_curve("m", probe, found)
    assert all(part in said for part in says) and never not in said and "over 30 mixtures" in said
    printed = explain_printed("m", found)
    change = {0: "shows no clear difference (0.0 dB, 95 % interval −0.5 to +0.5)", 1: "loses", -1: "gains"}
    assert printed.startswith(f"At 3 % m {change[np.sign(costs[-1])]}")
    assert (f"{abs(costs[-1]):.1f} dB (95 % interval {abs(costs[-1]) - 0.5:.1f} to" in printed) == bool(costs[-1])
    assert printed.endswith("the network of arXiv:2203.04420 loses 14.7 dB (from 15.4 to 0.7).")
    figure = probe_curves({"m": found}, probe, 3, {"m": {0: 1.0}}, ["m"])
    assert {trace.name for trace in figure.data} >= {"m, the set", "m, this sound", "unprocessed, the set"}


def test_without_intervals_no_curve_is_called_lower():
    """As of fewer than five speakers."""
    found = ProbeCurve((0, 1, 2, 3), estimates([9] * 4), estimates([0] * 4), estimates([0, 5, 5, 5], math.nan))
    said = explain_curve("m", PROBES["jitter"], found)
    assert "no interval says where it is lower or higher" in said and "clearly" not in said
    assert "shows no clear difference (−5.0 dB, without an interval)" in explain_printed("m", found)


def test_shipped_curves_are_of_the_bundled_weights_and_the_present_probes():
    found = known_results([probe_set.SHIPPED])
    assert found, "the bundled models' curves come along"
    for name, results in found.items():
        assert probe_set.weights_name(Separator(name, "cpu")) == results.header.weights
        assert set(results.header.values) == set(PROBES)
        for probe, values in results.header.values.items():
            assert values == tuple(PROBES[probe].values)
            assert len(curve(results, probe).network) == len(values)
        assert "/" not in json.dumps(results.header.set)
