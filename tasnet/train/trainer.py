"""The trainer: steps, validation, the learning rate, and a state that survives a kill.

Everything random is a function of (seed, step), so the state of a run is its weights, the
optimiser's moments and a few counters. It is written atomically: a run that is killed at any moment
continues from its last state exactly as if it had not been killed.
"""

import dataclasses
import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import torch
from torch import Tensor

from tasnet import checkpoint
from tasnet.errors import UserError
from tasnet.networks import make_network
from tasnet.training_facts import SPEAKERS, SPEECH_FROM_NOISE, VALID, TrainingFacts

from .batches import open_data
from .clock import Clock
from .engines import choose_engine
from .flat import flatten
from .initial_network import initial_network
from .legs import BEST
from .lock import FolderLock
from .log import END, Log
from .machine import Machine, StopSignal, find_machine
from .objective import objective
from .optimiser import Optimiser
from .recipe import Recipe, RecipeError
from .state import Counters, check_same_run, not_a_state, read_state, write_state
from .validation import forward_of, improvement

READ_EVERY = 1.0  # seconds between reads of the loss, which have to wait for the GPU
RECORD_EVERY = 10.0  # seconds between records in the log
# Settings that stay in the run's folder.
PLACES = ("train", "noise", "background", "rooms", "valid", "begin_from", "legs")
MOST_SKIPPED = 20  # steps whose gradient is not finite, before a run ends


class TrainingError(UserError):
    """Training that cannot go on, said in one sentence."""


@dataclass(frozen=True)
class TrainingProgress:
    """What a progress bar shows."""

    share: float  # of the run, 0 ... 1
    epoch: int
    step: int
    loss: float  # in the recipe's unit, see `Recipe.loss_unit`
    rate: float  # seconds of mixtures a second
    best: float | None  # dB


class Trainer:
    """One run in the folder `out`, new or resumed.

    out/last.pt: the state; best.safetensors and last.safetensors: the weights of the best and of
    the last epoch; log.jsonl: the log (see `read_log`).
    """

    def __init__(
        self,
        recipe: Recipe,
        out: str | Path,
        *,
        machine: Machine | None = None,
        save_every: float = 300.0,
        say: Callable[[str], None] = lambda sentence: None,
        within: Path | None = None,
    ):
        """save_every: seconds. say: called with a sentence where something takes long. within: see `open_mixtures`.

        The folder belongs to this trainer until its `run` ends or the process does, however it dies.
        Raises RecipeError, CorpusError, CheckpointError and PathError (all UserErrors).
        """
        self.out, self.save_every, self.say, self.within = Path(out), save_every, say, within
        self.machine = machine or find_machine(precision=recipe.precision)
        self.lock = FolderLock(self.out) if self.machine.leads else None
        self._hold()
        try:
            self._prepare(recipe)
        except BaseException:
            self._let_go()
            raise

    def _prepare(self, recipe: Recipe) -> None:
        device = self.machine.device
        self.recipe = recipe
        self.train, self.valid = open_data(recipe, device, self.machine.share, self.say, self.within)
        state = self._read_state()
        self.resumed, self.counters, self.skipped, self.warm = state is not None, Counters(), 0, False
        self.model, before = initial_network(recipe.changed({"begin_from": ""}) if state else recipe, self.train)
        self.counters.hours_before = before.hours_of_mixtures
        self.model.to(device).train()
        self.flat = flatten(self.model)
        # The weights that are validated and kept: those of the model, or their moving average.
        self.kept = make_network(recipe.model).to(device).eval().requires_grad_(False)
        self.kept.load_state_dict(self.model.state_dict())
        self.average = flatten(self.kept)
        self.optimiser = Optimiser(self.model, recipe, self.machine.precision)
        if state:
            self._go_on(state)
        loss = objective(recipe)
        self.engine = choose_engine(recipe.engine, self.model, self.machine, loss, compiled=recipe.compile)
        self.engine.weights_changed()

    @property
    def share_done(self) -> float:
        """Of the run, 0 ... 1."""
        if self.recipe.total_seconds:
            return min(1.0, self.counters.seconds / self.recipe.total_seconds)
        steps = self.recipe.epochs * self.train.steps_per_epoch
        if self.recipe.hours:
            steps = max(1, round(self.recipe.hours * 3600 / self._seconds_a_step))
        return min(1.0, self.counters.step / steps)

    @property
    def _seconds_a_step(self) -> float:
        """Of mixtures, over all processes."""
        return self.recipe.batch * self.recipe.segment

    @property
    def share_of_rate(self) -> float:
        """What share of the recipe's learning rates the next step has."""
        share = min(1.0, (self.counters.step + 1) / max(1, self.recipe.warmup))
        if self.recipe.schedule == "cosine":
            return share * 0.5 * (1 + math.cos(math.pi * self.share_done))
        if self.recipe.schedule == "linear":
            return share * (1 - self.share_done)
        return share * 0.5**self.counters.halvings

    @property
    def learning_rate(self) -> float:
        """Of Adam in the next step."""
        return self.recipe.learning_rate * self.share_of_rate

    def run(
        self,
        max_seconds: float = math.inf,
        on_progress: Callable[[TrainingProgress], None] = lambda progress: None,
    ) -> bool:
        """Train until the run is complete (True), or until `max_seconds` or a signal to terminate
        (False); a new Trainer of the same folder then continues. Raises TrainingError and PathError."""
        self._hold()
        try:
            return self._run(max_seconds, on_progress)
        finally:
            self._let_go()

    def _hold(self) -> None:
        if self.lock:
            self.lock.acquire()

    def _let_go(self) -> None:
        if self.lock:
            self.lock.release()

    def _run(self, max_seconds: float, on_progress: Callable[[TrainingProgress], None]) -> bool:
        clock, log = Clock(max_seconds), None
        if self.machine.leads:
            log = Log(self.out / "log.jsonl", self.counters.step)
            log.write("resume" if self.resumed else "start", self.counters.step, **self.facts())
        if self.recipe.begin_from and not self.counters.step:
            self._begin(log)
        self.warm_up()
        before, spent = self.counters.seconds, Clock(math.inf)
        saving, reading, recording = Clock(self.save_every), Clock(READ_EVERY), Clock(RECORD_EVERY)
        losses: list[Tensor] = []
        with StopSignal() as stop:
            while self.share_done < 1:
                losses.append(self._step())
                ends = self.counters.step % self.train.steps_per_epoch == 0
                self.counters.seconds, stops, saves, reads = self.machine.agree(
                    [before + spent.seconds, clock.due or stop.asked, saving.due, reading.due]
                )
                if reads or saves or ends or stops:
                    loss = self._mean_loss(losses)
                    rate = len(losses) * self._seconds_a_step / reading.seconds
                    losses = []
                    reading.restart()
                    if log and (recording.due or ends):
                        recording.restart()
                        log.write("train", self.counters.step, **self._record(loss, rate))
                    on_progress(
                        TrainingProgress(
                            self.share_done, self.epoch, self.counters.step, loss, rate, self.counters.best
                        )
                    )
                if ends:
                    self._end_epoch(log)
                    reading.restart()
                if saves or ends or stops:
                    self._save()
                    saving.restart()
                if stops:
                    if log:
                        log.close()
                    return False
            if self.counters.validated < self.counters.step:  # the clock has ended the run within an epoch
                self._end_epoch(log)
                self._save()
        if log:
            log.write(END, self.counters.step, best_si_snri=self.counters.best, seconds=self.counters.seconds)
            log.close()
        return True

    def warm_up(self) -> None:
        """Let the engine compile what it needs, before the run's clock starts and before its first step."""
        if self.warm:
            return
        buffers = {name: value.clone() for name, value in self.model.named_buffers()}  # BN has running statistics
        self.engine.loss_and_gradient(*self.train.batch(self.counters.step))
        for name, value in self.model.named_buffers():
            value.copy_(buffers[name])
        self.warm = True

    def _begin(self, log: Log | None) -> None:
        """Score the weights that the run begins from: they are its best so far."""
        if self.valid:
            self.say("Scoring the weights to begin with ...")
            self.counters.best = self._validate()
            self.say(f"They have {self.counters.best:.2f} dB SI-SNRi.")
        if log:
            log.write("begin", 0, valid_si_snri=self.counters.best)
            checkpoint.save(self.out / BEST, self.kept, self._training_facts(self.counters.best))

    @property
    def epoch(self) -> int:
        """The epoch of the last step, from 1 on."""
        return max(0, self.counters.step - 1) // self.train.steps_per_epoch + 1

    def facts(self) -> dict:
        """What the run is, as JSON without paths, for the log and the header of its weights."""
        settings = self.recipe.to_dict()
        return {
            "name": self.recipe.name,
            "task": SPEECH_FROM_NOISE if self.recipe.fixed_order else SPEAKERS,
            "data": self.train.facts(),
            "validation": self.valid.facts() if self.valid else None,
            "parameters": self.model.num_parameters(),
            "device": self.machine.name,
            "processes": self.machine.share.world,
            "precision": str(self.machine.precision).removeprefix("torch."),
            "engine": self.engine.name,
            "begun from": Path(self.recipe.begin_from).stem,
            "recipe": {k: v for k, v in settings.items() if k not in PLACES},
        }

    def _step(self) -> Tensor:
        """One step of the optimiser; the loss of this process's share of the batch. Raises TrainingError."""
        mixture, sources = self.train.batch(self.counters.step)
        loss = self.engine.loss_and_gradient(mixture, sources)
        self.machine.average(self.flat.gradient)
        self.gradient_norm = self.optimiser.step(self.share_of_rate, self.recipe.clip)
        self.counters.step += 1
        if not math.isfinite(self.gradient_norm):
            self._skip()
            return torch.full_like(loss, math.nan)
        self.engine.weights_changed()
        if self.recipe.ema:
            decay = min(self.recipe.ema, (1 + self.counters.step) / (10 + self.counters.step))
            self.average.values.lerp_(self.flat.values, 1 - decay)
        return loss

    def _skip(self) -> None:
        self.counters.skipped += 1
        self.skipped += 1
        if self.skipped > MOST_SKIPPED:
            raise TrainingError(
                f"More than {MOST_SKIPPED} gradients were not finite, the last at step {self.counters.step}: "
                "start again from the last state with a lower learning rate."
            )

    def _mean_loss(self, losses: list[Tensor]) -> float:
        """The mean over these steps and all processes, in dB, without those that were skipped."""
        values = torch.stack(losses).cpu().double()
        total, count = self.machine.sum([values.nansum().item(), (~values.isnan()).sum().item()])
        self.counters.loss_sum += total / max(1, count) * len(losses)
        return total / count if count else math.nan

    def _record(self, loss: float, rate: float) -> dict:
        return {
            "loss": loss,
            "learning_rate": self.learning_rate,
            "gradient_norm": self.gradient_norm,
            "skipped": self.counters.skipped,
            "audio_seconds_per_second": rate,
            "seconds": self.counters.seconds,
        }

    def _end_epoch(self, log: Log | None) -> None:
        """Validates, follows the schedule, keeps the weights."""
        if not self.recipe.ema:
            self.kept.load_state_dict(self.model.state_dict())
        for mine, theirs in zip(self.kept.buffers(), self.model.buffers(), strict=True):
            mine.copy_(theirs)  # the running statistics of BN
        score = self._validate()
        improved = score is None or self.counters.best is None or score > self.counters.best
        if improved:
            self.counters.best, self.counters.stale = score, 0
        else:
            self.counters.stale += 1
            if self.counters.stale == self.recipe.patience:
                self.counters.halvings, self.counters.stale = self.counters.halvings + 1, 0
        steps = (self.counters.step - 1) % self.train.steps_per_epoch + 1
        loss, self.counters.loss_sum = self.counters.loss_sum / steps, 0.0
        self.counters.validated = self.counters.step
        if log is None:
            return
        log.write(
            "epoch",
            self.counters.step,
            epoch=self.epoch,
            loss=loss,
            valid_si_snri=score,
            best_si_snri=self.counters.best,
            learning_rate=self.learning_rate,
            seconds=self.counters.seconds,
        )
        facts = self._training_facts(score)
        checkpoint.save(self.out / "last.safetensors", self.kept, facts)
        if improved:
            checkpoint.save(self.out / BEST, self.kept, facts)

    def _training_facts(self, score: float | None) -> TrainingFacts:
        """For the header of weights that scored `score` dB SI-SNRi on the validation set."""
        known = self.facts()
        data = known["data"]
        return TrainingFacts(
            name=known.pop("name"),
            task=known.pop("task"),
            training_data=f"{data['hours']} h of {', '.join(data['corpora'])}, {data['mixing']} mixing",
            hours_of_mixtures=self.counters.hours_before + self.counters.step * self._seconds_a_step / 3600,
            steps=self.counters.step,
            level_dbfs=self.level_dbfs,
            keeps_level=self.recipe.loss == "snr",
            any_sound=self.recipe.any_sound,
            scores={} if score is None else {VALID: score},
            more={**known, "settings": known.pop("recipe"), "epoch": self.epoch, "seconds": self.counters.seconds},
        )

    @cached_property
    def level_dbfs(self) -> float:
        """RMS of the mixtures of the first batch, in dB re full scale: the level at which the network hears."""
        mixture, _ = self.train.batch(0)
        return round(10 * math.log10(max(1e-12, mixture.double().square().mean().item())), 2)

    def _validate(self) -> float | None:
        """SI-SNRi in dB of the kept weights; None without a validation set."""
        if self.valid is None:
            return None
        network = forward_of(self.kept, self.engine.name)
        return improvement(network, self.valid, self.machine, self.recipe.fixed_order)

    def _save(self) -> None:
        if not self.machine.leads or not torch.isfinite(self.flat.values).all():
            return
        state = {
            "recipe": json.dumps(self.recipe.to_dict()),
            "counters": dataclasses.asdict(self.counters),
            "model": self.model.state_dict(),
            "kept": self.kept.state_dict(),
            "optimiser": self.optimiser.state_dict(),
        }
        write_state(self.out / "last.pt", state)

    def _read_state(self) -> dict | None:
        """The folder's last state, if it has one. Raises RecipeError where it is not of this run."""
        path, state = self.out / "last.pt", None
        if self.machine.leads and path.is_file():
            state = read_state(path)
        state = self.machine.from_leader(state)
        if state is not None:
            check_same_run(state, self.recipe, self.out)
        return state

    def _go_on(self, state: dict) -> None:
        """Resume from such a state. Raises RecipeError."""
        path = self.out / "last.pt"
        for name, network in (("model", self.model), ("kept", self.kept)):
            try:
                checkpoint.check_tensors(state[name], network, str(path))
            except checkpoint.CheckpointError:
                raise RecipeError(not_a_state(path)) from None
            network.load_state_dict(state[name])
        try:
            self.optimiser.load_state_dict(state["optimiser"])
        except (AttributeError, KeyError, TypeError, ValueError, RuntimeError):  # of another optimiser
            raise RecipeError(not_a_state(path)) from None
        self.counters = state["counters"]
