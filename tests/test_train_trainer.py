"""The trainer: exact resume, two processes like one, schedules, averages, what is kept."""

import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import safetensors.torch
import soundfile
import torch

from tasnet import checkpoint
from tasnet.config import ConvTasNetConfig
from tasnet.train import trainer
from tasnet.train.__main__ import main
from tasnet.train.batches import open_data
from tasnet.train.engines import FASTEST_FIRST, choose_engine, why_not
from tasnet.train.legs import finished
from tasnet.train.log import read_log
from tasnet.train.machine import find_machine
from tasnet.train.mixing import Mixing
from tasnet.train.recipe import RecipeError
from tasnet.train.recipes import load_recipe
from tasnet.train.trainer import Trainer, TrainingError
from tasnet.training_facts import VALID, TrainingFacts

ROOT = Path(__file__).parents[1]
RATE = 8000
TINY = {"N": 16, "L": 16, "B": 8, "H": 16, "Sc": 8, "X": 2, "R": 1}
SIXTEENS = {**TINY, "B": 16, "Sc": 16}  # as every engine can have them
SETTINGS = {
    "model": TINY,
    "batch": 4,
    "segment": 0.25,
    "epoch_hours": 6 / 3600,  # 6 steps
    "epochs": 4,
    "warmup": 0,
    "hold_out": 0.3,
    "compile": False,
    "precision": "float32",
    "engine": "autograd",
}


@pytest.fixture(scope="module")
def speech(tmp_path_factory) -> Path:
    """Seven "speakers": tones of their own, with some noise."""
    root = tmp_path_factory.mktemp("speech")
    rng = np.random.default_rng(0)
    for speaker in range(7):
        (root / f"speaker{speaker}").mkdir()
        for k in range(2):
            t = np.arange(4000) / RATE
            x = 0.1 * np.sin(2 * np.pi * 150 * (speaker + 1) * t) + rng.normal(0, 0.02, len(t))
            soundfile.write(root / f"speaker{speaker}" / f"{k}.wav", x, RATE)
    return root


def skip_unless_here(engine: str) -> None:
    """Asked in a test: the answer may take a compiler half a minute."""
    reason = why_not(engine, ConvTasNetConfig(**SIXTEENS), find_machine("cpu", "float32"))
    if reason:
        pytest.skip(f"the engine {engine} does not work here: {reason}")


def recipe(speech: Path, base: str = "short", **changes):
    return load_recipe(base).changed({**SETTINGS, "train": [str(speech)], **changes})


def weights(run: Path, name: str = "last") -> dict[str, torch.Tensor]:
    return safetensors.torch.load_file(run / f"{name}.safetensors")


def assert_same(one: dict, other: dict) -> None:
    assert one.keys() == other.keys()
    for name in one:
        assert torch.equal(one[name], other[name]), name


def write_config(path: Path, recipe) -> Path:
    path.write_text(json.dumps(recipe.to_dict()))
    return path


def fork(target, *arguments) -> multiprocessing.Process:
    """A process of its own, begun without importing everything anew."""
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload(["tasnet.train.trainer", "torch._dynamo"])  # Adam imports the latter
    process = processes.Process(target=target, args=arguments)
    process.start()
    return process


def main_and_exit(arguments: list[str]) -> None:
    sys.exit(main(arguments))


def train_saving_always(recipe, out: Path) -> None:
    Trainer(recipe, out, save_every=0).run()


@pytest.mark.parametrize("engine", FASTEST_FIRST)
def test_a_killed_run_ends_bit_for_bit_like_one_that_was_not(speech, tmp_path, engine):
    skip_unless_here(engine)
    long = recipe(speech, epochs=8, seed=3, engine=engine, model=SIXTEENS, optimiser="muon", coder_decay=0.1)
    assert Trainer(long, tmp_path / "whole").run()
    log = tmp_path / "killed/log.jsonl"
    for kill in range(4):
        process = fork(train_saving_always, long, tmp_path / "killed")
        before = len(read_log(log))
        while process.is_alive() and len(read_log(log)) < before + 2:
            time.sleep(0.001)
        time.sleep(0.01 * kill)  # while weights, the state or the log are written, or a step is made
        process.kill()
        process.join()
        assert process.exitcode == -signal.SIGKILL
    assert Trainer(long, tmp_path / "killed").run()
    assert_same(weights(tmp_path / "whole"), weights(tmp_path / "killed"))
    assert_same(weights(tmp_path / "whole", "best"), weights(tmp_path / "killed", "best"))
    whole, killed = (
        [r for r in read_log(tmp_path / run / "log.jsonl") if r["event"] == "epoch"] for run in ("whole", "killed")
    )
    assert [r["epoch"] for r in killed] == list(range(1, 9))
    for a, b in zip(whole, killed, strict=True):
        assert a["valid_si_snri"] == b["valid_si_snri"]
        assert a["loss"] == pytest.approx(b["loss"], abs=1e-9)


@pytest.mark.parametrize(("base", "engine"), [("short", engine) for engine in FASTEST_FIRST] + [("paper", "autograd")])
def test_stopped_anywhere_within_an_epoch_a_run_goes_on_exactly(speech, tmp_path, base, engine):
    skip_unless_here(engine)
    same = recipe(speech, base, engine=engine, model=SIXTEENS)
    Trainer(same, tmp_path / "whole").run()
    starts = 0
    while not Trainer(same, tmp_path / "parts").run(max_seconds=0):
        starts += 1  # one step each
    assert starts == 24
    assert_same(weights(tmp_path / "whole"), weights(tmp_path / "parts"))
    state = [torch.load(tmp_path / run / "last.pt", weights_only=True) for run in ("whole", "parts")]
    for moments in zip(*(s["optimiser"]["adam"]["state"].values() for s in state), strict=True):
        assert torch.equal(moments[0]["exp_avg_sq"], moments[1]["exp_avg_sq"])


def test_a_request_to_terminate_saves_the_state(speech, tmp_path):
    config = write_config(tmp_path / "endless.json", recipe(speech, epochs=100000))
    process = fork(main_and_exit, [str(config), "--out", str(tmp_path / "run"), "--quiet"])
    while not (tmp_path / "run/best.safetensors").exists() and process.is_alive():
        time.sleep(0.01)
    process.terminate()
    process.join()
    assert process.exitcode == 3
    state = torch.load(tmp_path / "run/last.pt", weights_only=True)
    last = read_log(tmp_path / "run/log.jsonl")[-1]
    assert state["counters"]["step"] >= last["step"] > 0


def test_two_processes_train_like_one_with_the_joint_batch(speech, tmp_path):
    together = recipe(speech, epochs=2)
    Trainer(together, tmp_path / "one").run()
    config = write_config(tmp_path / "c.json", together)
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    done = subprocess.run(
        [*torchrun, "-m", "tasnet.train", config, "--out", tmp_path / "two", "--quiet"],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    one, two = weights(tmp_path / "one"), weights(tmp_path / "two")
    assert one.keys() == two.keys()
    for name in one:
        torch.testing.assert_close(one[name], two[name], rtol=1e-4, atol=2e-6)
    scores = [
        [r["valid_si_snri"] for r in read_log(tmp_path / run / "log.jsonl") if r["event"] == "epoch"]
        for run in ("one", "two")
    ]
    np.testing.assert_allclose(scores[0], scores[1], atol=1e-3)


def test_training_lowers_the_loss_and_the_kept_weights_load(speech, tmp_path):
    run = Trainer(recipe(speech, epochs=20, learning_rate=0.01), tmp_path)
    run.run()
    epochs = [r for r in read_log(tmp_path / "log.jsonl") if r["event"] == "epoch"]
    assert epochs[-1]["loss"] < epochs[0]["loss"] - 5
    model, info = checkpoint.load(tmp_path / "best.safetensors")
    assert model.config == run.recipe.model
    # The weights that may ship are stored in 16 bits, the state from which the run goes on exactly in 32.
    exact = torch.load(tmp_path / "last.pt", weights_only=True)["kept"]
    assert {value.dtype for value in exact.values()} == {torch.float32}
    assert_same(weights(tmp_path), {name: value.half() for name, value in exact.items()})
    assert info.valid_si_snri == max(r["valid_si_snri"] for r in epochs) == run.counters.best
    assert info.more["data"]["speakers"] == 5 and info.more["settings"]["ema"] == 0.999
    assert str(speech) not in json.dumps(info.to_dict())


def test_fresh_weights_are_ranked_by_their_own_score(speech, tmp_path, monkeypatch):
    run = Trainer(recipe(speech, epochs=2), tmp_path / "run")
    monkeypatch.setattr(run, "_validate", lambda: 15.0)
    run.run()
    weights = tmp_path / "weights"
    weights.mkdir()
    (tmp_path / "run" / "best.safetensors").rename(weights / "fresh.safetensors")
    network = checkpoint.load(weights / "fresh.safetensors")[0]
    for name, score in (("a_weak", 2.0), ("z_strong", 16.0)):
        checkpoint.save(weights / f"{name}.safetensors", network, TrainingFacts(scores={VALID: score}))
    monkeypatch.setattr(checkpoint, "WEIGHTS", weights)
    assert list(checkpoint.bundled()) == ["z_strong", "fresh", "a_weak"]
    # A file that is written anew is ranked anew.
    checkpoint.save(weights / "a_weak.safetensors", network, TrainingFacts(scores={VALID: 17.25}))
    assert list(checkpoint.bundled()) == ["a_weak", "z_strong", "fresh"]


def test_the_weights_tell_the_level_of_the_mixtures(speech, tmp_path):
    run = Trainer(recipe(speech, epochs=1, mixing=Mixing(loudness=(-31.0, -31.0))), tmp_path)
    run.run()
    assert checkpoint.load(tmp_path / "last.safetensors")[1].level_dbfs == pytest.approx(-31, abs=0.5)


def test_the_learning_rate_halves_after_three_epochs_without_improvement(speech, tmp_path, monkeypatch):
    run = Trainer(recipe(speech, "paper", epochs=12, epoch_hours=1 / 3600), tmp_path)
    scores = iter([1.0, 2.0, 1.5, 2.0, 1.9, 1.9, 2.1, 2.0, 2.0, 2.0, 2.0, 2.0])
    monkeypatch.setattr(run, "_validate", lambda: next(scores))
    run.run()
    rates = [r["learning_rate"] for r in read_log(tmp_path / "log.jsonl") if r["event"] == "epoch"]
    #        1.0   2.0   stale stale halve 1.9   2.1   stale stale halve
    assert rates == [1e-3] * 4 + [5e-4] * 4 + [5e-4] + [2.5e-4] * 3
    assert checkpoint.load(tmp_path / "best.safetensors")[1].more["epoch"] == 7


def test_cosine_goes_from_warm_up_to_zero(speech, tmp_path):
    run = Trainer(recipe(speech, warmup=10), tmp_path)
    rates = []
    while run.share_done < 1:
        rates.append(run.learning_rate)
        run._step()
    steps = np.arange(24)
    cosine = 0.5 * (1 + np.cos(np.pi * steps / 24))
    np.testing.assert_allclose(rates, 1e-3 * np.minimum(1, (steps + 1) / 10) * cosine)
    assert run.learning_rate == 0


def test_a_run_by_the_clock_starts_it_after_compiling_and_ends_in_time_with_its_weights(speech, tmp_path, monkeypatch):
    now = [0.0]
    monkeypatch.setattr("tasnet.train.clock.time", SimpleNamespace(monotonic=lambda: now[0]))
    run = Trainer(recipe(speech, total_seconds=1.0, epoch_hours=100.0), tmp_path)
    compute = run.engine.loss_and_gradient

    def slow_at_first(*batch):
        now[0] += 0.25 if now[0] else 1000.0
        return compute(*batch)

    monkeypatch.setattr(run.engine, "loss_and_gradient", slow_at_first)
    assert run.run() and (run.counters.step, run.counters.seconds) == (4, 1.0)
    assert run.share_done == 1 and run.learning_rate == 0 and (tmp_path / "best.safetensors").is_file()
    again = Trainer(recipe(speech, total_seconds=1.0, epoch_hours=100.0), tmp_path)
    assert again.run() and again.counters.step == 4


def test_a_line_comes_before_anything_that_takes_long_and_the_last_names_files_that_are_there(
    speech, tmp_path, capsys, monkeypatch
):
    config, out, said = write_config(tmp_path / "mine.json", recipe(speech, epochs=1)), tmp_path / "run", []
    monkeypatch.setattr(trainer, "open_data", lambda *a: (said.append(capsys.readouterr().out), open_data(*a))[1])
    while (code := main([str(config), "--out", str(out), "--quiet", "--max-seconds", "0"])) in (0, 3):
        assert said[-1].splitlines()[1:] == [f"{recipe(speech).name}: reading the data ..."]
        last = capsys.readouterr().out.splitlines()[-1]
        kept = last.partition(f" In {out}: ")[2].removesuffix(".").split(", ")
        assert "last.pt" in kept and all((out / name).is_file() for name in kept), last
        if code == 0:
            break
    assert code == 0 and {"best.safetensors", "last.safetensors"} <= set(kept)


def test_the_average_follows_the_weights(speech, tmp_path):
    run = Trainer(recipe(speech, ema=0.5), tmp_path)
    expected = run.model.U.detach().double().clone()
    for step in range(1, 6):
        run._step()
        decay = min(0.5, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * run.model.U.detach().double()
    torch.testing.assert_close(run.kept.U.double(), expected, rtol=1e-5, atol=1e-7)


def test_init_takes_weights_and_their_network(speech, tmp_path):
    Trainer(recipe(speech, epochs=1), tmp_path / "first").run()
    path = tmp_path / "first/last.safetensors"
    other = recipe(speech, model={**TINY, "N": 99}).changed({"begin_from": str(path)})
    run = Trainer(other, tmp_path / "second")
    assert run.recipe.model.N == 16
    assert torch.equal(run.model.U, checkpoint.load(path)[0].U)


def test_another_recipe_in_the_same_folder_is_refused(speech, tmp_path):
    Trainer(recipe(speech), tmp_path).run(max_seconds=0)
    with pytest.raises(RecipeError, match="batch"):
        Trainer(recipe(speech, batch=2), tmp_path)
    assert Trainer(recipe(speech, epochs=9), tmp_path).counters.step == 1


def test_a_loss_that_is_no_number_ends_the_run_and_spares_the_state(speech, tmp_path):
    Trainer(recipe(speech), tmp_path).run(max_seconds=0)
    before = (tmp_path / "last.pt").read_bytes()
    run = Trainer(recipe(speech), tmp_path)
    with torch.no_grad():
        run.model.decoder.V.fill_(float("nan"))
    with pytest.raises(TrainingError, match=r"More than 20 gradients .* lower learning rate"):
        run.run()
    assert run.counters.skipped == 21
    assert (tmp_path / "last.pt").read_bytes() == before


def test_three_speakers_and_speech_from_noise(speech, tmp_path):
    three = recipe(speech, "short-3speakers", epochs=1, hold_out=0.5, model={**TINY, "C": 3})
    assert Trainer(three, tmp_path / "three").run()
    noise = tmp_path / "noise/street"
    noise.mkdir(parents=True)
    for k in range(8):
        x = np.random.default_rng(k).normal(0, 0.1, 4000)
        soundfile.write(noise / f"{k}.wav", x, RATE)
    denoise = recipe(speech, "denoise", noise=[str(noise.parent)], epochs=20, learning_rate=0.01)
    run = Trainer(denoise, tmp_path / "denoise")
    run.run()
    assert run.facts()["task"] == "speech from noise"
    # The order is learned: the first output is the speech.
    mixture, sources = run.valid.batch(0)
    from tasnet.train.losses import fixed_si_snr

    with torch.no_grad():
        estimates = run.kept(mixture)
    assert (fixed_si_snr(estimates, sources) > fixed_si_snr(estimates.flip(1), sources)).all()
    with pytest.raises(RecipeError, match="--noise"):
        Trainer(recipe(speech, "denoise"), tmp_path / "no")


def test_static_mixtures_train_and_validate(speech, tmp_path):
    rng = np.random.default_rng(1)
    for split, count in (("tr", 5), ("cv", 3)):
        for k in range(count):
            sources = rng.normal(0, 0.05, (2, 3000 + 500 * k))
            for part, x in (("s1", sources[0]), ("s2", sources[1]), ("mix", sources.sum(0))):
                (tmp_path / split / part).mkdir(parents=True, exist_ok=True)
                soundfile.write(tmp_path / split / part / f"{k}.wav", x, RATE)
    changes = {"train": [str(tmp_path)], "valid": str(tmp_path), "hold_out": 0.0, "epochs": 1}
    run = Trainer(recipe(speech, "paper", **changes), tmp_path / "run")
    assert run.run() and run.train.facts()["mixtures"] == 5 and run.valid.facts()["mixtures"] == 3
    with pytest.raises(RecipeError, match="3 outputs"):
        three = {**changes, "model": {**TINY, "C": 3}}
        Trainer(recipe(speech, "paper", **three), tmp_path / "three")
    with pytest.raises(RecipeError, match="--valid"):
        Trainer(recipe(speech, "paper", **{**changes, "valid": ""}), tmp_path / "none")


def test_a_broken_last_line_of_the_log_is_left_out(tmp_path):
    (tmp_path / "log.jsonl").write_text('{"event": "epoch", "step": 1}\n{"event": "tra')
    assert read_log(tmp_path / "log.jsonl") == [{"event": "epoch", "step": 1}]
    assert read_log(tmp_path / "nothing.jsonl") == []


def test_without_a_compiler_training_goes_on_and_says_so(speech, tmp_path, monkeypatch):
    def broken(*_, **__):
        raise RuntimeError("no C++ compiler\nfound")

    monkeypatch.setattr(torch, "compile", broken)
    run = Trainer(recipe(speech, compile=True), tmp_path)
    assert run.engine.note == "Not compiled, so slower: no C++ compiler"
    assert not run.run(max_seconds=0) and run.counters.step == 1


def test_bfloat16_keeps_weights_norms_and_loss_in_float32(speech, tmp_path):
    run = Trainer(recipe(speech, precision="bfloat16"), tmp_path)
    seen = {}
    run.model.separator.bottleneck.register_forward_hook(lambda m, i, o: seen.update(product=o.dtype))
    loss = run._step()
    assert seen["product"] == torch.bfloat16 and loss.dtype == torch.float32
    assert all(p.dtype == p.grad.dtype == torch.float32 for p in run.model.parameters())
    plain = Trainer(recipe(speech), tmp_path / "plain")
    assert loss.item() == pytest.approx(plain._step().item(), abs=0.5) and loss.item() != 0


def test_another_engine_is_taken_and_said_or_refused_by_name(speech, tmp_path, monkeypatch):
    monkeypatch.setattr("tasnet.train.engines.FASTEST_FIRST", ("abacus", "autograd"))
    run = Trainer(recipe(speech, engine="auto"), tmp_path)
    assert run.engine.name == "autograd"
    assert run.engine.note == "not abacus: It is not part of this installation"
    with pytest.raises(RecipeError, match="engine abacus does not work here: It is not part"):
        choose_engine("abacus", run.model, run.machine, run.engine.loss)


def test_a_compiled_network_that_cannot_be_loaded_is_left_alone(speech, tmp_path):
    run = Trainer(recipe(speech), tmp_path)
    expected = run.engine.loss_and_gradient(*run.train.batch(0))

    def broken(*_):
        raise OSError("main.so: file too short")

    for block in run.model.blocks():
        block._compiled_call_impl = broken  # as `compile` leaves it, with a file that a killed compiler has left
    run.engine.tried = False
    assert torch.equal(run.engine.loss_and_gradient(*run.train.batch(0)), expected)
    assert run.engine.note == "Not compiled, so slower: main.so: file too short"


def test_legs_follow_each_other_and_keep_nothing_but_weights(speech, tmp_path, capsys):
    Trainer(recipe(speech, epochs=1), tmp_path / "first").run()
    start = tmp_path / "first/best.safetensors"
    settings = {k: v for k, v in SETTINGS.items() if k != "model"} | {"schedule": "linear", "warmup": 2, "ema": 0.9}
    legs = [{"hours": 8 / 3600, "learning_rate": 0.01}, {"hours": 4 / 3600, "learning_rate": 0.003, "batch": 2}]
    told = {"begin_from": str(start), "model": {"X": 3}, "train": [str(speech)], "legs": legs, **settings}
    config = tmp_path / "legs.json"
    config.write_text(json.dumps(told))
    out = tmp_path / "run"
    command = [str(config), "--out", str(out), "--quiet", "--max-seconds", "0"]
    starts = 0
    while main(command) == 3:
        starts += 1
        assert starts < 40
    said = capsys.readouterr().out
    assert "leg 1 of 2" in said and "leg 2 of 2" in said and finished(out / "leg-1") and finished(out / "leg-2")
    first, second = (read_log(out / f"leg-{number}/log.jsonl") for number in (1, 2))
    assert first[-1]["step"] == 8 and second[-1]["step"] == 8 and starts >= 14
    scores = [r["valid_si_snri"] for r in first if r["event"] in ("begin", "epoch")]
    assert len(scores) == 3 and first[-1]["best_si_snri"] == max(scores)
    # The second begins with the best weights of the first, whose score it finds again.
    begun = next(r for r in second if r["event"] == "begin")["valid_si_snri"]
    assert begun == pytest.approx(max(scores), abs=0.02)  # in other batches, from a file
    model, facts = checkpoint.load(out / "leg-2/best.safetensors")
    assert model.config.X == 3 and facts.valid_si_snri >= begun
    assert not any(str(tmp_path) in json.dumps(r["recipe"]) for r in first + second if "recipe" in r)
    hours = checkpoint.load(out / "leg-2/last.safetensors")[1].hours_of_mixtures
    assert hours == pytest.approx((6 + 8 + 4) / 3600)
    assert main(command) == 0 and "All 2 legs" in capsys.readouterr().out


def test_a_leg_takes_its_rate_linearly_to_zero(speech, tmp_path):
    run = Trainer(recipe(speech, schedule="linear", hours=20 / 3600, warmup=5, epoch_hours=1.0), tmp_path)
    rates = []
    while run.share_done < 1:
        rates.append(run.learning_rate)
        run._step()
    steps = np.arange(20)
    np.testing.assert_allclose(rates, 1e-3 * np.minimum(1, (steps + 1) / 5) * (1 - steps / 20))
    assert run.learning_rate == 0


def test_a_gradient_that_is_not_finite_is_left_out(speech, tmp_path):
    run, usual = (Trainer(recipe(speech, epochs=1), tmp_path / name) for name in ("odd", "usual"))
    compute = run.engine.loss_and_gradient
    calls = iter(range(100))

    def odd(mixture, sources):
        loss = compute(mixture, sources)
        if next(calls) in (2, 4):  # the first call warms up
            run.flat.gradient[3] = float("inf")
        return loss

    run.engine.loss_and_gradient = odd
    assert run.run() and usual.run() and run.counters.skipped == 2
    last = read_log(tmp_path / "odd/log.jsonl")[-2]
    assert np.isfinite(last["loss"]) and abs(last["loss"] - read_log(tmp_path / "usual/log.jsonl")[-2]["loss"]) < 5


def test_the_state_of_an_earlier_version_goes_on(speech, tmp_path):
    """Before engines, legs and Muon: fewer settings, and Adam's moments parameter by parameter."""
    once = recipe(speech, epochs=2)
    Trainer(once, tmp_path / "whole").run()
    run = Trainer(once, tmp_path / "old")
    for _ in range(3):
        run._step()
    run._save()
    run._let_go()
    state = torch.load(tmp_path / "old/last.pt", weights_only=True)
    whole = state["optimiser"]["adam"]
    names = dict(run.model.named_parameters())
    moments = {key: run.flat.views(whole["state"][0][key]) for key in ("exp_avg", "exp_avg_sq")}
    state["optimiser"] = {
        "state": {
            index: {"step": whole["state"][0]["step"], **{key: moments[key][name].clone() for key in moments}}
            for index, name in enumerate(names)
        },
        "param_groups": [{**whole["param_groups"][0], "params": list(range(len(names)))}],
    }
    known = json.loads(state["recipe"])
    new = (
        "begin_from",
        "legs",
        "hours",
        "optimiser",
        "matrix_rate",
        "momentum",
        "matrix_decay",
        "coder_decay",
        "engine",
    )
    known = {name: value for name, value in known.items() if name not in new}
    known["mixing"] = {name: known["mixing"][name] for name in ("level", "loudness", "speed")}
    state["recipe"] = json.dumps(known)
    for name in ("skipped", "hours_before"):
        del state["counters"][name]
    torch.save(state, tmp_path / "old/last.pt")
    again = Trainer(once, tmp_path / "old")
    assert again.resumed and again.counters.step == 3 and again.run()
    assert_same(weights(tmp_path / "whole"), weights(tmp_path / "old"))


def test_a_device_that_is_not_there_is_refused():
    with pytest.raises(RecipeError, match="cuda:99"):
        find_machine("cuda:99")
