"""What the results say: intervals against theory, groups, extremes, sentences; the file's own rules."""

import dataclasses
import math
import multiprocessing
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import pytest

from analysis import paper
from analysis.corpus import failures, paired, report, summary, unaided
from analysis.corpus.published import LITERATURE, TRAINING_SETS, published
from analysis.corpus.results import Header, Results, ResultsError, ResultsFile, ScoredMixture, read_results
from analysis.corpus.scores import columns
from analysis.figures.corpus import against_masks, by_group, distributions
from analysis.figures.training import AXES, training_curves
from analysis.scores.metrics import leakage
from analysis.scores.systems import MEASURES, MIXTURE, NETWORK, SYSTEMS
from analysis.words.corpus import explain_failures, explain_pair, explain_set, explain_unaided
from tasnet.locks import Locked, WriterLock
from tasnet.published import CATALOGUE

HEADER = Header("m", "0" * 16, "/m", 1, "", "float32", "set", "/set", "test", "", "0" * 16, 60, 8000, 2, True)


def results(
    gains: dict[str, np.ndarray], inputs: np.ndarray | None = None, genders: list[str] | None = None
) -> Results:
    """Results whose every measure is the same: gains are (M, 2) by system, inputs (M, 2)."""
    count = len(gains[NETWORK])
    inputs = np.zeros((count, 2)) if inputs is None else inputs
    rows = []
    random = np.random.default_rng(7)
    for k in range(count):
        scores = {
            f"{system}.{measure}.{c + 1}": float(gains[system][k, c])
            for system in SYSTEMS
            for measure in MEASURES
            for c in (0, 1)
            if not np.isnan(gains[system][k, c])
        }
        scores |= {f"{MIXTURE}.si_snr.{c + 1}": float(inputs[k, c]) for c in (0, 1)}
        speakers = tuple(map(str, random.choice(30, 2, replace=False)))
        rows.append(ScoredMixture(k, f"m{k}", 1.0, speakers, genders[k] if genders else "", scores))
    return Results(HEADER, tuple(rows))


def same(network: np.ndarray, masks: float = 0.0) -> dict[str, np.ndarray]:
    return {system: network if system == NETWORK else np.full_like(network, masks) for system in SYSTEMS}


def test_the_network_has_its_systems_name_in_the_file_and_in_words(tmp_path):
    name = "DPCL"
    path, columns = tmp_path / "a.csv", [f"{system}.si_snri.{k}" for system in (NETWORK, "IBM") for k in (1, 2)]
    row = ScoredMixture(0, "m", 1.0, (), "", dict(zip(columns, (7.0, 8.0, 13.0, 12.0), strict=True)))
    header = dataclasses.replace(HEADER, system=name, mixtures=1)
    for _ in range(2):  # begun, and resumed
        with ResultsFile(path, header, columns) as file:
            file.append([row][len(file.done) :])
    heads = path.read_text().splitlines()[1]
    assert f"{name}.si_snri.1" in heads and NETWORK not in heads
    found = read_results(path)
    assert found.values(NETWORK, "si_snri").tolist() == [[7.0, 8.0]] and found.name_of(NETWORK) == name
    assert explain_set(found)[0].startswith(f"By SI-SNRi {name} ") and f"\n{name} " in summary.as_text(found)
    old = path.read_text().replace(f', "system": "{name}"', "").replace(name, NETWORK)  # before headers said it
    path.write_text(old)
    assert read_results(path).values(NETWORK, "si_snri").tolist() == [[7.0, 8.0]]


def test_a_mixture_counts_once_with_the_mean_of_its_speakers():
    gains = np.array([[0.0, 10.0], [4.0, 4.0], [np.nan, 100.0]])
    found = results(same(gains))
    np.testing.assert_array_equal(report.per_mixture(found, NETWORK, "sdri"), [5.0, 4.0, np.nan])
    assert report.set_means(found)[NETWORK]["sdri"].mean == 4.5
    assert report.set_means(found)[NETWORK]["sdri"].count == 2
    assert report.set_means(found)[MIXTURE]["sdri"] is None


def test_voices_are_grouped_by_their_own_input_snr():
    inputs = np.array([[3.0, -3.0], [0.0, -0.1], [-7.0, 7.0], [5.0, -5.0]])
    gains = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0], [7.0, 8.0]])
    groups = report.by_input_snr(results(same(gains), inputs), "si_snri")
    found = {group.name: (group.count, group.estimates[NETWORK].mean) for group in groups}
    assert found == {
        "below −5": (1, 5.0),
        "−5 to −2.5": (2, 5.0),
        "−2.5 to 0": (1, 4.0),
        "0 to 2.5": (1, 3.0),
        "2.5 to 5": (1, 1.0),
        "from 5": (2, 6.5),
    }


def test_mixtures_are_grouped_by_gender_where_it_is_known():
    gains = np.array([[1.0, 1.0], [2.0, 2.0], [3.0, 3.0], [4.0, 4.0]])
    groups = report.by_gender(results(same(gains), genders=["FM", "FF", "MF", ""]), "si_snri")
    assert {group.name: (group.count, group.estimates[NETWORK].mean) for group in groups} == {
        "different": (2, 2.0),
        "same: women": (1, 2.0),
    }
    assert report.by_gender(results(same(gains)), "si_snri") == []


def test_mixtures_are_ranked_from_the_worst_and_undefined_ones_left_out():
    gains = np.array([[5.0, 5.0], [-2.0, -2.0], [np.nan, 1.0], [9.0, 9.0]])
    assert report.ranked(results(same(gains)), "si_snri") == [1, 0, 3]


def test_published_scores_are_there_for_two_and_three_speakers():
    """As the model cards and README of their makers have them."""
    two, three = ([(one.si_snri, one.sdri) for one in published(count)] for count in (2, 3))
    assert two == [(13.0, 13.4), (14.764, 15.114), (15.3, 15.6)] and three == [(11.98, 12.39)]
    assert published(5) == ()
    assert all(one.training_set in TRAINING_SETS for count in (2, 3) for one in published(count))


def test_no_published_score_stands_twice():
    """What can be downloaded stands in the catalogue, the rest beside it, the paper's in `analysis.paper`."""
    for speakers, own in LITERATURE.items():
        shown = published(speakers)
        assert len({(one.name.split("/")[0], one.training_set) for one in shown}) == len(shown)
        catalogue = {(round(model.si_snri, 1), round(model.sdri, 1)) for model in CATALOGUE.values()}
        printed = {(row.si_snri, row.sdri) for table in (paper.TABLE_IV, paper.TABLE_V) for row in table.rows}
        assert not {(one.si_snri, one.sdri) for one in own} & (catalogue | printed)


def test_rows_survive_the_file(tmp_path):
    """Commas and quotes in names, undefined scores, perfect ones, a problem; the later of two rows counts."""
    path = tmp_path / "results.csv"
    names = columns(2, pesq=False)
    odd = ScoredMixture(3, 'a, "b"; c', 1.5, ("61", "121"), "FM", {"IBM.sdri.1": math.inf, "IBM.sdri.2": -0.25})
    with ResultsFile(path, HEADER, names) as file:
        file.append([odd, ScoredMixture(1, "bad", 0.0, (), "", {}, "It is missing.")])
        file.append([ScoredMixture(1, "bad", 2.0, (), "", {"IBM.stoi.1": 0.5})])
        found = file.finish()
    assert found == read_results(path)
    assert found.rows == read_results(path.read_bytes()).rows
    assert found.header == HEADER
    assert [row.index for row in found.rows] == [1, 3]
    assert found.rows[1] == odd
    assert found.problems == {}
    assert np.isnan(found.values("IBM", "stoi")).tolist() == [[False, True], [True, True]]


def test_what_is_said_without_the_clean_voices_is_held_against_them():
    """Three mixtures: two heard as two voices; guesses 1 dB too low, two outputs of six outside their limits."""
    found = results(same(np.full((3, 2), 9.0)), inputs=np.ones((3, 2)))
    assert explain_unaided(found) == []
    for k, row in enumerate(found.rows):
        row.scores.update(dict.fromkeys((f"{unaided.HEARD}.{name}.1" for name in unaided.VOICES), 0.1))
        row.scores[f"{unaided.HEARD}.voices_{2 if k else 1}.1"] = 0.7
        for c in (1, 2):
            limits = {"low": 8.0, "median": 9.0, "high": 9.5 if k == 2 else 11.0}
            row.scores.update({f"{unaided.GUESSED}.{name}.{c}": value for name, value in limits.items()})
    guesses = unaided.guessed_scores(found)
    assert (guesses.outputs, guesses.error) == (6, pytest.approx(1.0))
    assert guesses.held.mean == pytest.approx(2 / 3) == unaided.counted_right(found).mean
    said = explain_unaided(found)
    assert said[0].startswith("Two voices are heard in 66.7 % of the mixtures") and "1.00 dB" in said[1]


def test_a_file_of_results_has_one_writer(tmp_path):
    """Two evaluations of one set would lose rows: the second is told, in one process and from another."""
    path = tmp_path / "one.csv"
    names = columns(2, pesq=False)
    with ResultsFile(path, HEADER, names):
        with pytest.raises(Locked, match=r"writing one\.csv"):
            ResultsFile(path, HEADER, names)
        with (
            ProcessPoolExecutor(1, multiprocessing.get_context("fork")) as other,
            pytest.raises(Locked, match=r"writing one\.csv"),
        ):
            other.submit(WriterLock, path).result(timeout=60)
        with ResultsFile(tmp_path / "other.csv", HEADER, names):
            pass
    with ResultsFile(path, HEADER, names) as file:
        file.finish()
    with ResultsFile(path, HEADER, names):
        pass
    with pytest.raises(ResultsError, match="of another"):
        ResultsFile(path, dataclasses.replace(HEADER, model="other"), names)
    with ResultsFile(path, HEADER, names):  # a file that was refused is not locked
        pass


def test_a_damaged_row_counts_as_not_measured(tmp_path):
    path = tmp_path / "results.csv"
    with ResultsFile(path, HEADER, columns(2, pesq=False)) as file:
        file.append(ScoredMixture(k, f"m{k}", 1.0, (), "", {"IBM.stoi.1": 0.5}) for k in range(3))
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join([*lines[:3], "1,m1,\x00\x00\n", lines[4]]))
    with ResultsFile(path, HEADER, columns(2, pesq=False)) as file:
        assert [row.index for row in file.done] == [0, 2]


@pytest.mark.parametrize("content", [b"", b"# {}\nindex\n", b"a,b\n1,2\n", b"\xff\xfe\x00", b"# {\n"])
def test_what_is_no_file_of_results_is_told_in_one_sentence(content):
    with pytest.raises(ResultsError, match=r"^x\.csv is not a file of results"):
        read_results(content, "x.csv")


def test_the_text_names_model_set_and_means():
    text = summary.as_text(results(same(np.full((4, 2), 3.0), 8.0)))
    assert "m (0000000000000000, float32) on set: 4 of 60 mixtures of 8 speakers." in text
    line = next(line for line in text.splitlines() if line.startswith("Conv-TasNet"))
    assert "3.00 [3.00, 3.00]" in line


def test_figures_hold_the_numbers():
    gains = np.array([[1.0, 3.0], [5.0, 7.0], [np.nan, 1.0]])
    found = results(same(gains, 4.0))
    network = report.per_mixture(found, NETWORK, "si_snri")
    masks = {"IBM": report.per_mixture(found, "IBM", "si_snri")}
    figure = against_masks(network, masks, ["a", "b", "c"], "SI-SNRi (dB)", 1, "DPCL")
    points = figure.data[1]
    assert points.customdata == ([0, "a"], [1, "b"]) and points.y.tolist() == [2.0, 6.0]
    assert figure.layout.annotations[0].text == "IBM · above on 50%<br>mean difference 0.00"
    assert figure.data[2].x == (4.0,) and figure.data[2].y == (6.0,)
    spread = distributions({NETWORK: network}, "SI-SNRi (dB)", {NETWORK: 15.3}, "WSJ0-2mix")
    assert spread.data[0].y.tolist() == [2.0, 6.0] and spread.data[1].y == (15.3,)
    groups = report.by_input_snr(found, "si_snri")
    bars = by_group(groups, "SI-SNRi (dB)", "input", NETWORK).data[0]
    one = groups[0].estimates[NETWORK]
    assert bars.y == (one.mean,)
    assert bars.error_y.array[0] == pytest.approx(one.high - one.mean)
    assert bars.error_y.arrayminus[0] == pytest.approx(one.mean - one.low)


@pytest.mark.parametrize("axis", AXES)
def test_training_curves_hold_the_diary(axis):
    records = [{"event": "start", "step": 0}]
    for epoch in (1, 2):
        steps = {"learning_rate": 1e-3, "seconds": 1800.0 * epoch}
        records.append({"event": "train", "step": 10 * epoch, "loss": -epoch, **steps})
        records.append(
            {
                "event": "epoch",
                "step": 10 * epoch,
                "epoch": epoch,
                "loss": -epoch,
                "valid_si_snri": 2.0 * epoch,
                **steps,
            }
        )
    records.append({"event": "train", "step": 25, "loss": -3.0, "learning_rate": 5e-4, "seconds": 4500.0})
    figure = training_curves({"mine": records}, axis)
    valid, loss, mean, rate = figure.data
    expected = {"hours": [0.5, 1.0, 1.25], "step": [10, 20, 25], "epoch": [1.0, 2.0, 2.5]}[axis]
    assert list(valid.x) == expected[:2] and list(valid.y) == [2.0, 4.0]
    assert list(loss.x) == list(rate.x) == expected and list(loss.y) == [-1, -2, -3]
    assert list(mean.x) == expected[:2] and list(rate.y) == [1e-3, 1e-3, 5e-4]


def test_no_measure_is_shown_that_was_not_taken():
    found = results(same(np.ones((2, 2))))
    assert list(report.measures(found)) == list(MEASURES)
    without = [
        dataclasses.replace(row, scores={k: v for k, v in row.scores.items() if "pesq" not in k}) for row in found.rows
    ]
    assert list(report.measures(Results(HEADER, tuple(without)))) == ["si_snri", "sdri", "stoi"]


# --- Failures ------------------------------------------------------------------------------------


def test_failures_are_counted_by_sex_and_speaker():
    gains = np.array([[-1.0, -3.0], [5.0, -1.0], [2.0, 2.0], [-9.0, 1.0]])
    found = results(same(gains), genders=["FF", "FM", "MF", "MM"])
    shares = {one.name: (one.count, one.mixtures.mean, one.voices.mean) for one in failures.failure_shares(found)}
    assert shares == {
        "all": (4, 0.5, 0.75),
        "different sex": (2, 0.0, 0.5),
        "same sex": (2, 1.0, 1.0),
        "same sex: women": (1, 1.0, 1.0),
        "same sex: men": (1, 1.0, 1.0),
    }
    rows = tuple(dataclasses.replace(row, speakers=("a", "b" if k else "c")) for k, row in enumerate(found.rows))
    own = {one.speaker: one for one in failures.speaker_scores(Results(HEADER, rows))}
    assert (own["a"].mixtures, own["a"].gain, own["a"].failed) == (4, -0.75, 0.5)
    assert (own["c"].mixtures, own["c"].gain, own["b"].mixtures) == (1, -3.0, 3)
    assert explain_failures(found)[0].startswith("2 of the 4 mixtures come out worse")


def test_genders_can_be_told_later():
    found = results(same(np.ones((3, 2))))
    names = {name for row in found.rows for name in row.speakers}
    assert {one.name for one in failures.failure_shares(found)} == {"all"}
    told = failures.with_genders(found, dict.fromkeys(names, "F"))
    assert {one.name for one in failures.failure_shares(told)} == {"all", "same sex", "same sex: women"}


def test_leakage_is_the_correlation_of_energies():
    """0 for voices that know nothing of each other, high where each output holds some of the other voice."""
    random = np.random.default_rng(0)
    levels = np.repeat(10 ** random.uniform(-2, 0, (2, 400)), 256, axis=1)
    clean = levels * random.standard_normal(levels.shape)
    mixed = clean + 0.5 * clean[::-1]
    energies = np.log(np.square(mixed).reshape(2, 400, 256).mean(2))
    assert abs(leakage(clean, 8000)).max() < 0.15
    np.testing.assert_allclose(leakage(mixed, 8000), np.corrcoef(energies)[0, 1], atol=1e-6)
    assert leakage(mixed, 8000).min() > 0.5
    assert np.isnan(leakage(np.zeros((2, 4000)), 8000)).all() and np.isnan(leakage(clean[:, :9], 8000)).all()


# --- Two models ----------------------------------------------------------------------------------


def of_model(found: Results, name: str, rows: slice = slice(None), **facts) -> Results:
    return Results(dataclasses.replace(found.header, model=name, **facts), found.rows[rows])


def test_a_small_difference_shows_where_each_models_own_interval_hides_it():
    random = np.random.default_rng(5)
    hard = random.normal(8, 6, (80, 2))
    one = of_model(results(same(hard + 0.5 + random.normal(0, 0.3, (80, 2)))), "one")
    other = of_model(results(same(hard)), "other")
    alone = [report.mean(each, NETWORK, "si_snri") for each in (one, other)]
    assert alone[0].low < alone[1].high
    both = paired.pair(one, other)
    found = paired.mean_difference(both, "si_snri")
    assert 0 < found.low < 0.5 < found.high < 1
    assert "one is better than other by 0.5" in explain_pair(both)[0]
    assert "other is better" not in explain_pair(both)[0]
    assert "no clear difference" in explain_pair(paired.pair(one, of_model(one, "twin")))[0]


def test_only_common_mixtures_are_compared_and_the_furthest_named():
    gains = np.array([[1.0, 1.0], [4.0, 4.0], [np.nan, 1.0], [9.0, 9.0], [2.0, 2.0]])
    one, other = of_model(results(same(gains)), "one"), of_model(results(same(gains[::-1].copy())), "other", slice(4))
    both = paired.pair(one, other)
    assert both.mixtures == ["m0", "m1", "m2", "m3"] and both.names == ("one", "other")
    np.testing.assert_array_equal(paired.differences(both, "sdri"), [-1, -5, np.nan, 5])
    assert paired.extremes(both, "sdri", 2) == ([3], [1, 0])
    text = summary.pair_as_text(both)
    assert "one minus other, on 4 mixtures" in text and "m3" in text


@pytest.mark.parametrize(
    ("facts", "said"),
    [({"rate": 16000}, "sampling rates"), ({"speakers": 3}, "voices"), ({"kind": "mix_both"}, "kinds")],
)
def test_results_of_different_kinds_are_not_compared(facts, said):
    found = results(same(np.ones((3, 2))))
    with pytest.raises(ResultsError, match=said):
        paired.pair(found, of_model(found, "other", **facts))
    with pytest.raises(ResultsError, match="no mixture in common"):
        paired.pair(of_model(found, "one", slice(1)), of_model(found, "other", slice(1, 3)))


def test_the_summary_command(tmp_path, capsys):
    paths = []
    for name, gain in (("one", 3.0), ("other", 1.0)):
        found = of_model(results(same(np.full((40, 2), gain))), name)
        path = tmp_path / f"{name}.csv"
        with ResultsFile(path, found.header, columns(2, pesq=True)) as file:
            file.append(found.rows)
        paths.append(str(path))
    assert summary.main([*paths, "--markdown"]) == 0
    said = capsys.readouterr().out
    assert "| SI-SNRi (dB) | 3.00 [3.00, 3.00] | [3.00, 3.00] |" in said and "one is better than other by 2.00" in said
    for wrong in ([*paths, paths[0]], [str(tmp_path / "none.csv")], [*paths, "--speakers", paths[0]]):
        assert summary.main(wrong) == 2
        assert len(capsys.readouterr().err.splitlines()) == 1


def test_a_file_of_an_earlier_version_goes_on_with_the_new_columns(tmp_path):
    path = tmp_path / "results.csv"
    old = [name for name in columns(2, pesq=False) if "leakage" not in name]
    with ResultsFile(path, HEADER, old) as file:
        file.append([ScoredMixture(0, "m0", 1.0, (), "", {"IBM.stoi.1": 0.5})])
    with ResultsFile(path, HEADER, columns(2, pesq=False)) as file:
        assert [row.index for row in file.done] == [0]
        file.append([ScoredMixture(1, "m1", 1.0, (), "", {"Conv-TasNet.leakage.1": 0.25})])
        found = file.finish()
    assert [row.scores for row in found.rows] == [{"IBM.stoi.1": 0.5}, {"Conv-TasNet.leakage.1": 0.25}]
