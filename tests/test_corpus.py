"""The corpus benchmark: its numbers, a kill and a resume, bad rows, workers of every kind."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from analysis.corpus import engine as engines
from analysis.corpus import evaluation, evaluation_run, unaided
from analysis.corpus.__main__ import main
from analysis.corpus.results import ResultsError, read_results
from analysis.scores import ideal_masks, metrics
from analysis.scores.metrics import stoi
from tasnet import ConvTasNet, ConvTasNetConfig, Separator
from tasnet.checkpoint import save
from tasnet.data.corpora import CorpusError
from tasnet.training_facts import TrainingFacts

ROOT = Path(__file__).parents[1]
RATE = 8000
LENGTHS = [9000, 12000, 9000, 8000, 10000, 9000]


def voice(seed: int, length: int) -> np.ndarray:
    """Something like speech: a buzz of changing pitch in syllables, with breath; peak 0.4."""
    random = np.random.default_rng(seed)
    t = np.arange(length) / RATE
    pitch = random.uniform(90, 250) * (1 + 0.1 * np.sin(2 * np.pi * random.uniform(1, 3) * t))
    buzz = np.sin(40 * np.sin(np.cumsum(2 * np.pi * pitch / RATE)) / 8)
    syllables = np.clip(np.sin(2 * np.pi * random.uniform(2, 4) * t + random.uniform(0, 6)), 0, 1)
    x = syllables * (buzz + 0.05 * random.standard_normal(length))
    return 0.4 * x / np.abs(x).max()


def write_set(folder: Path, lengths: list[int], names: list[str] | None = None) -> Path:
    """s1, s2 of so many samples; the mixture is their sum."""
    for number, length in enumerate(lengths):
        name = names[number] if names else f"m{number:02d}"
        for speaker in (1, 2):
            path = folder / f"s{speaker}" / f"{name}.wav"
            path.parent.mkdir(parents=True, exist_ok=True)
            soundfile.write(path, voice(2 * number + speaker, length), RATE, subtype="PCM_16")
    return folder


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> str:
    """A tiny untrained network, on the disk as the workers need it."""
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("model") / "tiny.safetensors"
    save(
        path,
        ConvTasNet(ConvTasNetConfig(N=16, L=16, B=8, H=16, Sc=8, P=3, X=2, R=1)),
        TrainingFacts(training_data="none"),
    )
    return str(path)


@pytest.fixture(scope="module")
def mixtures(tmp_path_factory) -> Path:
    return write_set(tmp_path_factory.mktemp("set"), LENGTHS)


def evaluate(folder: Path, model: str, out: Path, **settings):
    settings = {"pesq": False, "workers": 1, "device": "cpu", **settings}
    return evaluation.score_set(folder, model, out, **settings)


@pytest.fixture(scope="module")
def whole(mixtures, model, tmp_path_factory) -> bytes:
    """The file of an evaluation that nothing disturbs."""
    out = tmp_path_factory.mktemp("whole") / "out.csv"
    evaluate(mixtures, model, out)
    return out.read_bytes()


# --- The numbers ---------------------------------------------------------------------------------


def test_scores_are_those_of_the_metrics(mixtures, model, tmp_path):
    results = evaluate(mixtures, model, tmp_path / "out.csv", limit=2, pesq=True)
    assert [row.mixture for row in results.good] == ["m00", "m05"]
    references = np.stack([soundfile.read(mixtures / s / "m05.wav", dtype="float32")[0] for s in ("s1", "s2")])
    mixture = references.sum(0)
    estimates = {
        "Conv-TasNet": Separator(model, "cpu").separate(mixture, RATE).sources,
        "IBM": ideal_masks.separate("IBM", mixture, references, RATE),
        "PSM": ideal_masks.separate("PSM", mixture, references, RATE),
    }
    for system, sources in estimates.items():
        expected = metrics.evaluate(sources, references, mixture, RATE)
        for measure in ("si_snri", "sdri", "pesq", "raw_pesq"):
            np.testing.assert_allclose(
                results.values(system, measure)[1], getattr(expected, measure), rtol=1e-4, atol=1e-4
            )
        ordered = sources[list(expected.permutation)]
        np.testing.assert_allclose(
            results.values(system, "stoi")[1],
            [stoi(s, s_hat, RATE) for s, s_hat in zip(references, ordered, strict=True)],
            atol=1e-5,
        )
    assert results.good[1].seconds == len(mixture) / RATE


def test_three_voices_are_scored_in_the_best_order(tmp_path):
    torch.manual_seed(0)
    path = tmp_path / "three.safetensors"
    save(path, ConvTasNet(ConvTasNetConfig(N=8, L=16, B=4, H=8, Sc=4, X=1, R=1, C=3)))
    folder = write_set(tmp_path / "set", [8000])
    (folder / "s3").mkdir()
    soundfile.write(folder / "s3" / "m00.wav", voice(9, 8000), RATE)
    results = evaluate(folder, str(path), tmp_path / "out.csv")
    references = np.stack([soundfile.read(folder / s / "m00.wav", dtype="float32")[0] for s in ("s1", "s2", "s3")])
    sources = Separator(path, "cpu").separate(references.sum(0), RATE).sources
    expected = metrics.evaluate(sources, references, references.sum(0), RATE, pesq=False)
    np.testing.assert_allclose(results.values("Conv-TasNet", "sdri"), [expected.sdri], rtol=1e-4, atol=1e-4)
    assert results.values("WFM", "stoi").shape == (1, 3)


def test_speech_and_noise_keep_their_order(tmp_path):
    """A model whose first output is the speech is not helped by the better of two orders."""
    torch.manual_seed(0)
    network = ConvTasNet(ConvTasNetConfig(N=16, L=16, B=8, H=16, Sc=8, X=2, R=1))
    folder = write_set(tmp_path / "set", [8000])
    for part, other in (("s1", "s2"), ("s2", "s1")):  # the same mixture with its voices in the other order
        (folder / part / "swapped.wav").write_bytes((folder / other / "m00.wav").read_bytes())
    found = {}
    for task in ("speakers", "speech from noise"):
        path = tmp_path / f"{task}.safetensors"
        save(path, network, TrainingFacts(task=task))
        found[task] = evaluate(folder, str(path), tmp_path / f"{task}.csv").values("Conv-TasNet", "si_snri")
    gains = found["speakers"].mean(1) - found["speech from noise"].mean(1)
    assert sorted(gains > 1e-3) == [False, True] and (gains >= 0).all(), gains


def test_stoi_is_one_for_the_signal_itself_and_undefined_without_speech():
    x = voice(1, 16000).astype(np.float32)
    noise = np.random.default_rng(0).standard_normal(16000).astype(np.float32)
    assert stoi(x, x, RATE) == pytest.approx(1, abs=1e-6)
    assert stoi(x, x + 0.02 * noise, RATE) > stoi(x, x + 0.2 * noise, RATE) + 0.05
    assert stoi(x, 0 * x, RATE) is None
    assert stoi(x[:1000], x[:1000], RATE) is None
    short = np.where(np.arange(16000) < 2000, x, 0)
    assert stoi(short, short, RATE) is None


def test_the_network_scores_as_in_an_independent_loop(voices, tmp_path):
    """Two mixtures, by hand: read, sum, separate, eq. 15, the better order."""
    folder, model = tmp_path / "voices", "convtasnet_small_gln_2spk_8k"
    for number, pair in enumerate(voices[:2]):
        for part, voice in zip(("s1", "s2"), pair, strict=True):
            (folder / part).mkdir(parents=True, exist_ok=True)
            soundfile.write(folder / part / f"{number}-1-1_{number + 5}-1-1.flac", voice, RATE)
    results = evaluate(folder, model, tmp_path / "out.csv")
    separator = Separator(model, "cpu")

    def ratio(s_hat: np.ndarray, s: np.ndarray) -> float:
        s_hat, s = (x.astype(np.float64) - x.mean(dtype=np.float64) for x in (s_hat, s))
        target = (s_hat @ s) / (s @ s) * s
        return 10 * np.log10((target @ target) / ((s_hat - target) @ (s_hat - target)))

    for row, scores in zip(results.good, results.values("Conv-TasNet", "si_snri"), strict=True):
        s = [soundfile.read(folder / part / f"{row.mixture}.flac", dtype="float32")[0] for part in ("s1", "s2")]
        separation = separator.separate(s[0] + s[1], RATE)
        estimates = separation.sources
        orders = [[ratio(estimates[p[i]], s[i]) - ratio(s[0] + s[1], s[i]) for i in (0, 1)] for p in ((0, 1), (1, 0))]
        np.testing.assert_allclose(scores, max(orders, key=sum), atol=2e-3)
        assert row.speakers == tuple(part.split("-")[0] for part in row.mixture.split("_"))
        # What is said without the clean voices is what the command line and the pages say.
        heard = [row.scores[f"{unaided.HEARD}.{name}.1"] for name in (*unaided.VOICES, "noise", "room")]
        said = separation.hearing
        np.testing.assert_allclose(heard, [*said.voices, said.noise, said.room], atol=1e-4)
        order = max(((0, 1), (1, 0)), key=lambda p: sum(ratio(estimates[p[i]], s[i]) for i in (0, 1)))
        guessed = [row.scores[f"{unaided.GUESSED}.median.{i + 1}"] for i in (0, 1)]
        np.testing.assert_allclose(guessed, [separation.expected[p].median for p in order], atol=0.05)


# --- The file ------------------------------------------------------------------------------------


def test_there_is_one_line_a_mixture_in_the_order_of_the_set(whole):
    comment, columns, *lines = whole.decode().splitlines()
    assert comment.startswith('# {"model": "tiny"')
    assert columns.startswith("index,mixture,seconds,speakers,genders,problem,Mixture.si_snr.1,")
    assert [line.split(",")[1] for line in lines] == [f"m{number:02d}" for number in range(6)]


def test_a_file_cut_off_anywhere_is_completed_to_the_same_bytes(whole, mixtures, model, tmp_path):
    """What a kill leaves: the header alone or a part of it, whole rows, a torn row."""
    ends = [k for k, byte in enumerate(whole) if byte == ord("\n")]
    out = tmp_path / "out.csv"
    for cut in (2, ends[0], ends[1] + 40, ends[5] + 3, ends[6] + 1, ends[7]):
        out.write_bytes(whole[:cut])
        already = []
        evaluate(mixtures, model, out, progress=lambda p, seen=already: seen.append(p.mixtures))
        assert out.read_bytes() == whole
        assert already[0] == max(0, whole[:cut].count(b"\n") - 2)  # whole rows are not done again


def test_a_killed_evaluation_goes_on_and_loses_nothing(model, tmp_path):
    """Its workers leave, too; and a single process then gets the same scores as they did."""
    psutil = pytest.importorskip("psutil", reason="psutil, which comes with dask[distributed], is not installed")
    folder = write_set(tmp_path / "set", [6000] * 16)
    out = tmp_path / "out.csv"
    command = [sys.executable, "-m", "analysis.corpus", str(folder), "--model", model, "-o", str(out)]
    command += ["--workers", "2", "--no-pesq", "--device", "cpu"]
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL, env={**os.environ, "OMP_NUM_THREADS": "1"})
    until = time.monotonic() + 600
    while not (out.is_file() and out.read_bytes().count(b"\n") >= 10):
        assert process.poll() is None and time.monotonic() < until
        time.sleep(0.01)
    workers = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert workers and not psutil.wait_procs(workers, timeout=120)[1]
    left = out.read_bytes()
    rows = left.count(b"\n") - 2
    assert 8 <= rows < 16

    seen = []
    evaluate(folder, model, out, progress=seen.append)
    assert seen[0].mixtures == rows
    undisturbed = tmp_path / "undisturbed.csv"
    evaluate(folder, model, undisturbed)
    assert out.read_bytes() == undisturbed.read_bytes()


@pytest.mark.parametrize("command", ["analysis.corpus", "tasnet.corpora"])
def test_a_kill_in_the_first_seconds_leaves_no_worker(command, model, tmp_path):
    """Whenever it falls: as soon as there is a child, when one parent's look would come too late; later: see above."""
    psutil = pytest.importorskip("psutil", reason="psutil, which comes with dask[distributed], is not installed")
    arguments = {
        "analysis.corpus": lambda: many_mixtures(tmp_path, model),
        "tasnet.corpora": lambda: many_plans(tmp_path),
    }[command]()
    for number, seconds in enumerate((0.0, 0.5) if command == "tasnet.corpora" else (0.0,)):
        mark = f"{tmp_path}/{number}"
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "OF_TEST": mark}
        process = subprocess.Popen(
            [sys.executable, "-m", command, *arguments],
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=environment,
        )
        until = time.monotonic() + 600
        while not psutil.Process(process.pid).children():
            assert process.poll() is None and time.monotonic() < until
            time.sleep(0.002)
        time.sleep(seconds)
        assert process.poll() is None
        process.send_signal(signal.SIGKILL)
        process.wait()
        workers = [one for one in psutil.process_iter() if environment_of(one).get("OF_TEST") == mark]
        assert not psutil.wait_procs(workers, timeout=120)[1]  # 10 s where the machine is idle


def environment_of(process) -> dict[str, str]:
    import psutil

    try:
        return process.environ()
    except psutil.Error:  # gone, or another user's
        return {}


def many_mixtures(folder: Path, model: str) -> list[str]:
    path = write_set(folder / "set", [24000] * 40)
    return [
        str(path),
        "--model",
        model,
        "-o",
        str(folder / "out.csv"),
        "--workers",
        "2",
        "--no-pesq",
        "--device",
        "cpu",
    ]


def many_plans(folder: Path) -> list[str]:
    """LibriMix's list of 400 mixtures of 20 speakers, each of whom says one thing."""
    lines = ["mixture_ID,source_1_path,source_1_gain,source_2_path,source_2_gain,noise_path,noise_gain"]
    for speaker in range(20):
        path = folder / f"LibriSpeech/test-clean/{speaker}/1/{speaker}-1-0000.flac"
        path.parent.mkdir(parents=True)
        soundfile.write(path, voice(speaker, 64000), 16000)
    for one in range(20):
        for other in range(20):
            parts = [f"test-clean/{k}/1/{k}-1-0000.flac,1.0" for k in (one, other)]
            lines.append(f"{one}-1-0000_{other}-1-0000,{','.join(parts)},x,1.0")
    (folder / "libri2mix_test-clean.csv").write_text("\n".join(lines) + "\n")
    sources = ["--librispeech", str(folder / "LibriSpeech"), "--list", str(folder / "libri2mix_test-clean.csv")]
    return ["librimix", *sources, "--out", str(folder / "made"), "--workers", "2"]


def test_a_part_of_the_set_is_completed_later(whole, mixtures, model, tmp_path):
    out = tmp_path / "out.csv"
    part = evaluate(mixtures, model, out, limit=3)
    assert [row.index for row in part.good] == [0, 2, 5]
    evaluate(mixtures, model, out)
    assert out.read_bytes() == whole


def test_a_file_of_another_model_or_set_is_refused(whole, mixtures, model, tmp_path, capsys):
    out = tmp_path / "out.csv"
    out.write_bytes(whole)
    torch.manual_seed(1)
    (tmp_path / "other").mkdir()
    retrained = tmp_path / "other" / "tiny.safetensors"
    save(retrained, ConvTasNet(Separator(model, "cpu").config))
    with pytest.raises(ResultsError, match="another version of the weights"):
        evaluate(mixtures, str(retrained), out)
    with pytest.raises(ResultsError, match="another choice of scores"):
        evaluate(mixtures, model, out, pesq=True)
    other = write_set(tmp_path / "set", [8000], ["another"])
    with pytest.raises(ResultsError, match="another set of mixtures"):
        evaluate(other, model, out)
    longer = write_set(tmp_path / "longer", [LENGTHS[0], LENGTHS[1] + 1, *LENGTHS[2:]])
    with pytest.raises(CorpusError, match="m01 had another length"):
        evaluate(longer, model, out)
    assert out.read_bytes() == whole
    out.write_text("name,score\nx,1\n")
    code = main([str(mixtures), "--model", model, "-o", str(out), "--workers", "1", "--device", "cpu"])
    said = capsys.readouterr().err.strip().splitlines()
    assert code == 2 and len(said) == 1 and "not a file of results" in said[0]
    assert out.read_text() == "name,score\nx,1\n"


# --- Bad rows ------------------------------------------------------------------------------------


@pytest.fixture
def damaged(tmp_path) -> Path:
    """Six mixtures of which two are sound."""
    folder = write_set(tmp_path / "damaged", [8000] * 6, ["good1", "missing", "rate", "unequal", "silent", "good2"])
    (folder / "s2" / "missing.wav").unlink()
    for part in ("s1", "s2"):
        soundfile.write(folder / part / "rate.wav", voice(1, 16000), 16000)
        soundfile.write(folder / part / "silent.wav", np.zeros(8000), RATE)
    soundfile.write(folder / "s2" / "unequal.wav", voice(1, 7000), RATE)
    return folder


def test_bad_rows_are_reported_counted_and_skipped(damaged, model, tmp_path, capsys):
    out = tmp_path / "out.csv"
    code = main([str(damaged), "--model", model, "-o", str(out), "--workers", "1", "--no-pesq", "--device", "cpu"])
    told = capsys.readouterr()
    assert code == 0
    assert "2 of 6 mixtures; 4 could not be used" in told.out
    for name, reason in {
        "missing": "is missing",
        "rate": "16000 Hz",
        "unequal": "unequal lengths",
        "silent": "silent",
    }.items():
        (line,) = [line for line in told.err.splitlines() if line.startswith(f"{name}: ")]
        assert reason in line
    results = read_results(out)
    assert [row.mixture for row in results.good] == ["good1", "good2"]
    assert set(results.problems) == {"missing", "rate", "unequal", "silent"}


def test_a_repaired_row_is_scored_when_the_evaluation_goes_on(damaged, model, tmp_path):
    out = tmp_path / "out.csv"
    assert "missing" in evaluate(damaged, model, out).problems
    soundfile.write(damaged / "s2" / "missing.wav", voice(9, 8000), RATE)
    results = evaluate(damaged, model, out)
    assert "missing" not in results.problems and len(results.good) == 3
    assert len(out.read_bytes().splitlines()) == 2 + 6


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"model": "no-such-model"}, "There is no model named no-such-model"),
        ({"folder": "/no/such/folder"}, "There is nothing at"),
        ({"device": "abacus"}, "no device named abacus"),
        ({"backend": "pigeon"}, "no backend named pigeon"),
        ({"limit": 0}, "at least one mixture"),
        ({"workers": 0}, "at least one worker"),
        ({"kind": "mix_both"}, "no mixtures mix_both"),
    ],
)
def test_what_cannot_be_used_gets_one_sentence(change, said, mixtures, model, tmp_path):
    settings = {"folder": mixtures, "model": model, "out": tmp_path / "out.csv", **change}
    with pytest.raises(ValueError, match=said) as error:
        evaluate(**settings)
    assert "\n" not in str(error.value) and str(error.value).endswith(".")
    assert not (tmp_path / "out.csv").exists()


def test_a_model_for_another_number_of_voices_is_refused(mixtures, tmp_path):
    path = tmp_path / "three.safetensors"
    save(path, ConvTasNet(ConvTasNetConfig(N=8, L=16, B=4, H=8, Sc=4, X=1, R=1, C=3)))
    with pytest.raises(CorpusError, match=r"three separates 3 voices, but the mixtures of .* have 2"):
        evaluate(mixtures, str(path), tmp_path / "out.csv")


def test_an_exception_in_progress_cancels_and_keeps_what_was_done(whole, mixtures, model, tmp_path):
    out = tmp_path / "out.csv"

    def cancel(progress) -> None:
        if progress.mixtures == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        evaluate(mixtures, model, out, progress=cancel)
    assert len(out.read_bytes().splitlines()) == 2 + 2
    evaluate(mixtures, model, out)
    assert out.read_bytes() == whole


# --- Workers -------------------------------------------------------------------------------------


def test_the_result_does_not_depend_on_the_workers(whole, mixtures, model, tmp_path):
    """In threads; processes are in the test of a kill."""
    out = tmp_path / "out.csv"
    evaluate(mixtures, model, out, workers=2, backend="threading")
    assert out.read_bytes() == whole


def test_a_cluster_gives_the_same_result(whole, mixtures, model, tmp_path):
    """A scheduler and two workers in processes of their own, found by the scheduler's address."""
    distributed = pytest.importorskip("distributed", reason="dask[distributed] is not installed")
    dask = pytest.importorskip("dask")
    out = tmp_path / "out.csv"
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        dask.config.set({"scheduler-address": cluster.scheduler_address}),
    ):
        evaluate(mixtures, model, out, backend="dask")
        assert len(cluster.scheduler_info["workers"]) == 2
    assert out.read_bytes() == whole


def test_a_worker_that_dies_gets_one_sentence(monkeypatch):
    # A lambda travels by value: the worker need not import this file.
    monkeypatch.setattr(engines, "score_task", lambda task: os._exit(1))
    with pytest.raises(CorpusError, match="worker process died"), engines.start("loky", 2) as engine:
        engine.run([None, None])


def test_a_cluster_that_cannot_import_the_project_gets_one_sentence(monkeypatch):
    distributed = pytest.importorskip("distributed", reason="dask[distributed] is not installed")
    dask = pytest.importorskip("dask")
    monkeypatch.setattr(engines, "_answer", _no_such_module)
    with (
        distributed.LocalCluster(n_workers=1, processes=False, dashboard_address=None) as cluster,
        dask.config.set({"scheduler-address": cluster.scheduler_address}),
        pytest.raises(CorpusError, match="cannot run this project"),
        engines.start("dask", None),
    ):
        pass


def _no_such_module() -> None:
    raise ModuleNotFoundError("No module named 'analysis'")


def test_equal_lengths_are_batched_together_for_a_gpu(whole, mixtures, model, tmp_path, monkeypatch):
    """The GPU's way, walked on the CPU: separated ahead, in batches of one length, with the same scores."""
    batches = []
    ahead = Separator.separate_batch

    def watch(self, mixtures, rate):
        batches.append(mixtures.shape)
        return ahead(self, mixtures, rate)

    monkeypatch.setattr(Separator, "separate_batch", watch)
    monkeypatch.setattr(evaluation, "separates_ahead", lambda separator: True)
    monkeypatch.setattr(evaluation_run, "separates_ahead", lambda separator: True)
    results = evaluate(mixtures, model, tmp_path / "out.csv")
    assert sorted(batches) == [(1, 8000), (1, 10000), (1, 12000), (3, 9000)]
    undisturbed = read_results(whole)
    assert [row.mixture for row in results.good] == [row.mixture for row in undisturbed.good]
    for measure in ("si_snri", "sdri", "stoi"):
        np.testing.assert_allclose(
            results.values("Conv-TasNet", measure), undisturbed.values("Conv-TasNet", measure), atol=2e-3
        )


def test_a_silent_mixture_does_not_spoil_its_batch(model, tmp_path, monkeypatch):
    monkeypatch.setattr(evaluation, "separates_ahead", lambda separator: True)
    monkeypatch.setattr(evaluation_run, "separates_ahead", lambda separator: True)
    folder = write_set(tmp_path / "set", [8000] * 3)
    for part in ("s1", "s2"):
        soundfile.write(folder / part / "m01.wav", np.zeros(8000), RATE)
    results = evaluate(folder, model, tmp_path / "out.csv")
    assert [row.mixture for row in results.good] == ["m00", "m02"]
    assert "silent" in results.problems["m01"]


@pytest.mark.parametrize("rate", [8000, 16000])
def test_a_batch_is_separated_as_its_mixtures_alone(model, rate):
    separator = Separator(model, "cpu")
    batch = np.stack([voice(seed, 9001) for seed in (1, 2, 3)]).astype(np.float32)
    together = separator.separate_batch(batch, rate)
    alone = np.stack([separator.separate(mixture, rate).sources for mixture in batch])
    assert together.shape == (3, 2, 9001)
    np.testing.assert_allclose(together, alone, atol=1e-5)
