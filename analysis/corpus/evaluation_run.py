"""An evaluation in progress: which mixtures are left, how they are separated, what has been written."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tasnet import Separator, checkpoint
from tasnet.data.corpora import BadRow, CorpusError, MixtureSet
from tasnet.errors import UserError
from tasnet.inference import find_checkpoint
from tasnet.mixture import Mixture
from tasnet.model_titles import voices_in_words
from tasnet.training_facts import any_order

from .engine import Run
from .results import Header, ResultsFile, ScoredMixture
from .scores import Task


@dataclass(frozen=True)
class Progress:
    """How far an evaluation has got; seconds are those of sound, to which the work is proportional."""

    mixtures: int  # done, including those that could not be used
    of_mixtures: int
    seconds: float
    of_seconds: float
    unusable: int

    @property
    def share(self) -> float:
        """0 ... 1."""
        return self.seconds / self.of_seconds if self.of_seconds else 1.0


class EvaluationRun:
    """Mixtures of a set, the network, and the file in which the rows collect."""

    def __init__(
        self, mixtures: MixtureSet, separator: Separator, model: str | Path, file: ResultsFile, chosen: Sequence[int]
    ) -> None:
        """chosen: the mixtures to be scored, by index. Raises CorpusError."""
        self.mixtures, self.separator, self.file, self.header = mixtures, separator, file, file.header
        self.model = str(model)
        self.genders = mixtures.genders
        self.lengths, problems = self._lengths(chosen)
        file.append(self._row(index, problem) for index, problem in problems.items())
        done = [row for row in file.done if row.index in self.lengths]
        for row in done:
            if round(row.seconds * self.header.rate) != self.lengths[row.index]:
                raise CorpusError(
                    f"{row.mixture} had another length when {file.path} was begun: "
                    "give this evaluation a file of its own."
                )
        self.todo = sorted(self.lengths.keys() - {row.index for row in done})
        self.progress = Progress(
            len(done) + len(problems),
            len(chosen),
            sum(row.seconds for row in done),
            sum(self.lengths.values()) / self.header.rate,
            len(problems),
        )

    def batches(self, size: int) -> Iterator[list[int]]:
        """The mixtures left, `size` at a time: in order, but those of equal length moved up to the first of them."""
        by_length: dict[int, list[int]] = {}
        for index in self.todo:
            by_length.setdefault(self.lengths[index], []).append(index)
        order = itertools.chain.from_iterable(by_length.values())
        while batch := list(itertools.islice(order, size)):
            yield batch

    def score_batch(self, batch: Sequence[int], run: Run) -> None:
        """Separate and score a batch and put its rows on the disk."""
        read, problems = self._read(batch)
        estimates = self._separated(read, problems) if separates_ahead(self.separator) else {}
        # The longest first, so that no worker is left alone with it at the end of the batch.
        order = sorted(read.keys() - problems.keys(), key=self.lengths.__getitem__, reverse=True)
        scores = run([self._task(read[index], estimates.get(index)) for index in order])
        found = {**problems, **dict(zip(order, scores, strict=True))}
        rows = [self._row(index, found[index]) for index in sorted(found)]
        self.file.append(rows)
        before = self.progress
        self.progress = Progress(
            before.mixtures + len(rows),
            before.of_mixtures,
            before.seconds + sum(row.seconds for row in rows),
            before.of_seconds,
            before.unusable + sum(bool(row.problem) for row in rows),
        )

    def _lengths(self, chosen: Sequence[int]) -> tuple[dict[int, int], dict[int, str]]:
        """{index: length in samples} from the files' headers, and {index: problem}."""
        lengths, problems = {}, {}
        for index in chosen:
            try:
                lengths[index] = self.mixtures.length(index)
            except BadRow as problem:
                problems[index] = str(problem)
        return lengths, problems

    def _read(self, batch: Sequence[int]) -> tuple[dict[int, Mixture], dict[int, str]]:
        read, problems = {}, {}
        for index in batch:
            try:
                read[index] = self.mixtures[index]
            except BadRow as problem:
                problems[index] = str(problem)
        return read, problems

    def _separated(self, read: dict[int, Mixture], problems: dict[int, str]) -> dict[int, np.ndarray]:
        """{index: estimates (C, T)}, those of equal length made together; what fails goes to `problems`."""
        estimates: dict[int, np.ndarray] = {}
        length = self.lengths.__getitem__
        groups = [list(group) for _, group in itertools.groupby(sorted(read, key=length), length)]
        while groups:
            group = groups.pop()
            try:
                stacked = np.stack([read[index].mixture for index in group])
                sources = self.separator.separate_batch(stacked, self.header.rate)
            except UserError as problem:
                if len(group) == 1:
                    problems[group[0]] = str(problem)
                else:
                    groups += [[index] for index in group]
            else:
                estimates.update(zip(group, sources, strict=True))
        return estimates

    def _task(self, mixture: Mixture, estimates: np.ndarray | None) -> Task:
        permute = any_order(self.separator.facts.task)
        header = self.header
        known = self.separator.bundled
        return Task(mixture, self.model, header.weights, header.precision, permute, header.pesq, known, estimates)

    def _row(self, index: int, found: dict[str, float] | str) -> ScoredMixture:
        """found: its scores, or why it has none."""
        scores, problem = ({}, found) if isinstance(found, str) else (found, "")
        source = self.mixtures.rows[index]
        genders = [self.genders.get(speaker, "") for speaker in source.speakers]
        seconds = self.lengths.get(index, 0) / self.header.rate
        known = "".join(genders) if all(genders) else ""
        return ScoredMixture(index, source.name, seconds, source.speakers, known, scores, problem)


def separates_ahead(separator: Separator) -> bool:
    """Whether this process separates for all workers: on a GPU, which they do not have."""
    return separator.device.type != "cpu"


def describe_run(
    mixtures: MixtureSet, separator: Separator, model: str | Path, *, split: str, kind: str, pesq: bool
) -> Header:
    """The header of the results of `separator`, loaded from `model`, on `mixtures`. Raises CorpusError."""
    path, names = find_checkpoint(model), "\n".join(row.name for row in mixtures.rows)
    speakers = mixtures.voices
    if speakers != separator.config.C:
        raise CorpusError(
            f"{separator.name} {voices_in_words(separator.config.C)}, "
            f"but the mixtures of {mixtures.name} have {speakers}: choose another model."
        )
    return Header(
        model=separator.name,
        weights=checkpoint.weights_hash(path),
        file=str(path.resolve()),
        parameters=separator.model.num_parameters(),
        training_data=separator.facts.training_data,
        precision=separator.precision,
        set=mixtures.name,
        folder=str(mixtures.root.resolve()),
        split=split,
        kind=kind,
        names=hashlib.sha256(names.encode()).hexdigest()[:16],
        mixtures=len(mixtures),
        rate=mixtures.rate,
        speakers=speakers,
        pesq=pesq,
        system=separator.config.system,
    )
