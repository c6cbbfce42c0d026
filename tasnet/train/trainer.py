"""The trainer: steps, validation, the learning rate, and a state that survives a kill.

Everything random is a function of (seed, step), so the state of a run is its weights, the
optimiser's moments and a few counters. It is written atomically: a run that is killed at any moment
goes on from its last state exactly as it would have gone on, had it not been killed.
"""

import dataclasses
import io
import json
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import torch
from torch import Tensor, nn

from tasnet import checkpoint
from tasnet.atomic import replacing
from tasnet.facts import SPEAKERS, SPEECH_FROM_NOISE, VALID, TrainingFacts
from tasnet.networks import make_network

from .batches import open_data, validation_batches
from .lock import FolderLock
from .log import Log
from .losses import best_si_snr, fixed_si_snr, separation_loss, si_snr_of
from .machine import Machine, StopSignal, compile_blocks, find_machine
from .recipe import Recipe, RecipeError
from .state import not_a_state, read_state

READ_EVERY = 1.0  # seconds between looks at the loss, for which a GPU has to be waited for
RECORD_EVERY = 10.0  # seconds between records in the log
# Settings that may change when a run is resumed.
FREE = (
    *("name", "train", "noise", "valid", "epochs", "total_seconds"),
    *("learning_rate", "clip", "compile", "precision"),
)


class TrainingError(ValueError):
    """Training that cannot go on, said in one sentence."""


@dataclass
class Counters:
    """Where a run is, beside its weights."""

    step: int = 0
    seconds: float = 0.0  # spent in steps and validation, over all starts
    best: float | None = None  # SI-SNRi of the best epoch, dB
    stale: int = 0  # epochs since then, or since the learning rate was halved
    halvings: int = 0
    loss_sum: float = 0.0  # of the epoch so far, dB
    validated: int = 0  # the step of the last validation


@dataclass(frozen=True)
class TrainingProgress:
    """What a progress bar shows."""

    share: float  # of the run, 0 ... 1
    epoch: int
    step: int
    loss: float  # dB
    rate: float  # seconds of mixtures a second
    best: float | None  # dB


class Trainer:
    """One run in the folder `out`, new or resumed.

    out/last.pt: the state; best.safetensors and last.safetensors: the weights of the best and of
    the last epoch; log.jsonl: the diary (see `read_log`).
    """

    def __init__(
        self,
        recipe: Recipe,
        out: str | Path,
        *,
        machine: Machine | None = None,
        init: str | Path | None = None,
        save_every: float = 300.0,
    ):
        """init: weights to begin with; their network replaces the recipe's. save_every: seconds.

        The folder belongs to this trainer until its `run` ends or the process does, however it dies.
        Raises RecipeError, CorpusError, CheckpointError (all ValueErrors), and OSError.
        """
        self.out, self.save_every = Path(out), save_every
        self.machine = machine or find_machine(precision=recipe.precision)
        self.lock = FolderLock(self.out) if self.machine.leads else None
        self._hold()
        try:
            self._prepare(recipe, init)
        except BaseException:
            self._let_go()
            raise

    def _prepare(self, recipe: Recipe, init: str | Path | None) -> None:
        device = self.machine.device
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(recipe.seed)
            self.model = checkpoint.load(init)[0] if init else make_network(recipe.model)
        self.model.to(device).train()
        self.recipe = recipe = dataclasses.replace(recipe, model=self.model.config)
        # The weights that are validated and kept: those of the model, or their moving average.
        self.kept = make_network(recipe.model).to(device).eval().requires_grad_(False)
        self.kept.load_state_dict(self.model.state_dict())
        self.optimiser = torch.optim.Adam(
            self.model.parameters(),
            recipe.learning_rate,
            recipe.betas,
            fused=device.type == "cuda",
        )
        self.counters = Counters()
        self.resumed = self._load()
        self.train, self.valid = open_data(recipe, device, self.machine.share)
        self.note = compile_blocks(self.model, device) if recipe.compile else ""
        self.network: nn.Module = self.machine.parallel(self.model)

    @property
    def share_done(self) -> float:
        """Of the run, 0 ... 1."""
        if self.recipe.total_seconds:
            return min(1.0, self.counters.seconds / self.recipe.total_seconds)
        return min(1.0, self.counters.step / (self.recipe.epochs * self.train.steps_per_epoch))

    @property
    def learning_rate(self) -> float:
        """Of the next step."""
        rate = self.recipe.learning_rate * min(1.0, (self.counters.step + 1) / max(1, self.recipe.warmup))
        if self.recipe.schedule == "cosine":
            return rate * 0.5 * (1 + math.cos(math.pi * self.share_done))
        return rate * 0.5**self.counters.halvings

    def run(
        self,
        max_seconds: float = math.inf,
        on_progress: Callable[[TrainingProgress], None] = lambda progress: None,
    ) -> bool:
        """Trains until the run is through (True), or until `max_seconds` or a signal to terminate
        (False); a new Trainer of the same folder then goes on. Raises TrainingError and OSError."""
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
        log = None
        if self.machine.leads:
            log = Log(self.out / "log.jsonl", self.counters.step)
            log.write("resume" if self.resumed else "start", self.counters.step, **self.facts())
        before, clock = self.counters.seconds, Clock(max_seconds)
        saving, reading, recording = Clock(self.save_every), Clock(READ_EVERY), Clock(RECORD_EVERY)
        losses: list[Tensor] = []
        with StopSignal() as stop:
            while self.share_done < 1:
                losses.append(self._step())
                ends = self.counters.step % self.train.steps_per_epoch == 0
                self.counters.seconds, stops, saves, reads = self.machine.agree(
                    [before + clock.seconds, clock.due or stop.asked, saving.due, reading.due]
                )
                if reads or saves or ends or stops:
                    loss = self._mean_loss(losses)
                    rate = len(losses) * self.recipe.batch * self.recipe.segment / reading.seconds
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
                    return False
            if self.counters.validated < self.counters.step:  # the clock has ended the run within an epoch
                self._end_epoch(log)
                self._save()
        return True

    @property
    def epoch(self) -> int:
        """The epoch of the last step, from 1 on."""
        return max(0, self.counters.step - 1) // self.train.steps_per_epoch + 1

    def facts(self) -> dict:
        """What the run is, for the diary and the header of its weights; no paths. Everything JSON can hold."""
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
            "recipe": {k: v for k, v in settings.items() if k not in ("train", "noise", "valid")},
        }

    def _step(self) -> Tensor:
        """One step of the optimiser; the loss of this process' share of the batch."""
        mixture, sources = self.train.batch(self.counters.step)
        for group in self.optimiser.param_groups:
            group["lr"] = self.learning_rate
        with self.machine.autocast():
            estimates = self.network(mixture)
        loss = separation_loss(estimates, sources, permute=not self.recipe.fixed_order)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        self.gradient_norm = nn.utils.clip_grad_norm_(self.model.parameters(), self.recipe.clip)
        self.optimiser.step()
        self.counters.step += 1
        if self.recipe.ema:
            decay = min(self.recipe.ema, (1 + self.counters.step) / (10 + self.counters.step))
            average, now = list(self.kept.parameters()), list(self.model.parameters())
            with torch.no_grad():
                torch._foreach_lerp_(average, now, 1 - decay)
        return loss.detach()

    def _mean_loss(self, losses: list[Tensor]) -> float:
        """The mean over these steps and all processes, in dB. Raises TrainingError."""
        total = torch.stack(losses).cpu().double().sum().item()
        total = self.machine.sum([total])[0] / self.machine.share.world
        if not math.isfinite(total):
            raise TrainingError(
                f"The loss was no longer a number at step {self.counters.step}: start again from the last "
                "state with a lower learning rate."
            )
        self.counters.loss_sum += total
        return total / len(losses)

    def _record(self, loss: float, rate: float) -> dict:
        return {
            "loss": loss,
            "learning_rate": self.learning_rate,
            "gradient_norm": float(self.gradient_norm),
            "audio_seconds_per_second": rate,
            "seconds": self.counters.seconds,
        }

    def _end_epoch(self, log: Log | None) -> None:
        """Validates, follows the schedule, keeps the weights."""
        if not self.recipe.ema:
            self.kept.load_state_dict(self.model.state_dict())
        for mine, theirs in zip(self.kept.buffers(), self.model.buffers(), strict=True):
            mine.copy_(theirs)  # the running statistics of BN
        score = self._validate() if self.valid else None
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
            checkpoint.save(self.out / "best.safetensors", self.kept, facts)

    def _training_facts(self, score: float | None) -> TrainingFacts:
        """For the header of weights that scored `score` dB SI-SNRi on the validation set."""
        known = self.facts()
        data = known["data"]
        return TrainingFacts(
            name=known.pop("name"),
            task=known.pop("task"),
            training_data=f"{data['hours']} h of {', '.join(data['corpora'])}, {data['mixing']} mixing",
            hours_of_mixtures=self.counters.step * self.recipe.batch * self.recipe.segment / 3600,
            steps=self.counters.step,
            level_dbfs=self.level_dbfs,
            scores={} if score is None else {VALID: score},
            more={**known, "settings": known.pop("recipe"), "epoch": self.epoch, "seconds": self.counters.seconds},
        )

    @cached_property
    def level_dbfs(self) -> float:
        """RMS of the mixtures of the first batch, in dB re full scale: the level at which the network hears."""
        mixture, _ = self.train.batch(0)
        return round(10 * math.log10(max(1e-12, mixture.double().square().mean().item())), 2)

    @torch.no_grad()
    def _validate(self) -> float:
        """Mean SI-SNRi in dB of the kept weights, in float32."""
        score = fixed_si_snr if self.recipe.fixed_order else best_si_snr
        gain = count = 0.0
        for mixture, sources in validation_batches(self.valid, self.machine.share):
            estimates = self.kept(mixture)
            unprocessed = si_snr_of(mixture[:, None], sources).mean(-1)
            gain += (score(estimates, sources) - unprocessed).double().sum().item()
            count += len(mixture)
        gain, count = self.machine.sum([gain, count])
        return gain / count

    def _save(self) -> None:
        if not self.machine.leads:
            return
        state = {
            "recipe": json.dumps(self.recipe.to_dict()),
            "counters": dataclasses.asdict(self.counters),
            "model": self.model.state_dict(),
            "kept": self.kept.state_dict(),
            "optimiser": self.optimiser.state_dict(),
        }
        content = io.BytesIO()  # not into the file: torch.save does not tell why a disk takes no more
        torch.save(state, content)
        with replacing(self.out / "last.pt") as unfinished:
            unfinished.write_bytes(content.getbuffer())

    def _load(self) -> bool:
        """Goes on from the folder's last state, if it has one. Raises RecipeError."""
        path, state = self.out / "last.pt", None
        if self.machine.leads and path.is_file():
            state = read_state(path)
        state = self.machine.from_leader(state)
        if state is None:
            return False
        old, new = json.loads(state["recipe"]), json.loads(json.dumps(self.recipe.to_dict()))
        changed = [name for name in new if name not in FREE and new[name] != old.get(name)]
        if changed:
            raise RecipeError(
                f"{self.out} holds a run with another {changed[0]}: "
                "choose another folder with --out, or go on with the same recipe."
            )
        try:
            checkpoint.check_tensors(state["model"], self.model, str(path))
            checkpoint.check_tensors(state["kept"], self.kept, str(path))
            self.model.load_state_dict(state["model"])
            self.kept.load_state_dict(state["kept"])
            self.optimiser.load_state_dict(state["optimiser"])
            self.counters = Counters(**state["counters"])
        except (AttributeError, KeyError, TypeError, RuntimeError, ValueError):
            raise RecipeError(not_a_state(path)) from None
        return True


class Clock:
    """Seconds since it was started, and whether they are `limit` or more."""

    def __init__(self, limit: float):
        self.limit = limit
        self.restart()

    def restart(self) -> None:
        self.started = time.monotonic()

    @property
    def seconds(self) -> float:
        return max(1e-9, time.monotonic() - self.started)

    @property
    def due(self) -> bool:
        return self.seconds >= self.limit
