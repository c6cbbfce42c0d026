"""The curves of the probes over a test set: what each costs a model, with intervals over the mixtures.

    python -m analysis.start_point.probe_set DIR --model NAME [NAME ...] [--limit 30] [--probe jitter ...]

DIR is anything that `python -m tasnet.corpora layouts` lists. Every mixture is separated at every value of every
probe (`analysis/start_point/probes.py`) and scored by SI-SNR. The rows go to a file a model (NAME.probes.jsonl), from
which the view "Probe" of the page "Start point" draws; the same command continues it. Those of the bundled models
are in assets/results; `-o assets/results` measures them anew.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from analysis.corpus.evaluation import spread_evenly
from analysis.corpus.intervals import Estimate, estimate
from analysis.scores.metrics import output_order, si_snr
from analysis.set_command import set_parser
from tasnet import Separator
from tasnet.atomic import make_folder, replacing
from tasnet.command_line import command_line, progress_bar
from tasnet.data.corpora import BadRow, explain_mixtures, open_mixtures
from tasnet.errors import PathError, UserError, opening
from tasnet.mixture import Mixture
from tasnet.typed import from_plain, json_lines

from .probes import PROBES, Probe
from .sets import weights_name

SHIPPED = Path(__file__).parents[2] / "assets" / "results"
FOLDER = Path("runs") / "probes"
SUFFIX = ".probes.jsonl"
LIMIT, SECONDS = 30, 4.0
DECIMALS = 2


class ProbeError(UserError):
    """A measurement that cannot be made or read, said in one sentence."""


@dataclass(frozen=True)
class ProbeHeader:
    """Which model was measured on which set, at which values {probe: values}."""

    model: str
    weights: str
    set: str
    mixtures: int  # in the whole set
    seconds: float  # so much of each mixture, from its beginning
    values: dict[str, tuple[float, ...]]


@dataclass(frozen=True)
class _Row:
    """One mixture: the scores in dB by probe and value, None where undefined."""

    mixture: str
    speakers: tuple[str, ...]
    network: dict[str, tuple[float | None, ...]]
    unprocessed: dict[str, tuple[float | None, ...]]


@dataclass(frozen=True)
class ProbeResults:
    """The mean SI-SNR (dB) over the voices, by mixture and value.

    network, unprocessed: {probe: (mixtures, values)}, nan where undefined; speakers, mixtures: whose, and their names.
    """

    header: ProbeHeader
    network: dict[str, np.ndarray]
    unprocessed: dict[str, np.ndarray]
    speakers: tuple[tuple[str, ...], ...]
    mixtures: tuple[str, ...]

    def only(self, mixtures: Collection[str]) -> ProbeResults:
        """Those of some of the mixtures."""
        kept = [k for k, name in enumerate(self.mixtures) if name in mixtures]
        network, unprocessed = (
            {name: of[kept] for name, of in each.items()} for each in (self.network, self.unprocessed)
        )
        speakers, names = tuple(self.speakers[k] for k in kept), tuple(self.mixtures[k] for k in kept)
        return ProbeResults(self.header, network, unprocessed, speakers, names)


@dataclass(frozen=True)
class ProbeCurve:
    """A probe's curve: at each of `values` the mean over the mixtures and its 95 % interval.

    costs: the mean over the mixtures of what a value takes from the first one's SI-SNR, paired, with its interval.
    """

    values: tuple[float, ...]
    network: tuple[Estimate | None, ...]
    unprocessed: tuple[Estimate | None, ...]
    costs: tuple[Estimate | None, ...]


def score_probe(separator: Separator, probe: Probe, sound: Mixture) -> float:
    """The mean SI-SNR (dB) of the voices that `separator` gives of a `sound` that a probe has made."""
    return score_voices(separator.separate(sound.mixture, sound.rate).sources, probe, sound, separator.facts.task)


def score_voices(sources: np.ndarray, probe: Probe, sound: Mixture, task: str) -> float:
    """The mean SI-SNR (dB) of `sources` (C, T) of a network for `task`, without what the probe does not score."""
    sources, references = (probe.scored(signals, sound.rate) for signals in (sources, sound.sources))
    return float(np.mean(si_snr(sources[output_order(task, sources, references)], references)))


def measure_probes(
    folder: str | Path,
    separators: Sequence[Separator],
    out: str | Path = FOLDER,
    *,
    split: str = "test",
    limit: int | None = LIMIT,
    seconds: float = SECONDS,
    probes: Mapping[str, Probe] = PROBES,
    suffix: str = SUFFIX,
    progress: Callable[[int, int], None] = lambda done, of: None,
    say: Callable[[str], None] = lambda sentence: None,
) -> list[ProbeResults]:
    """Measure all `separators`, of one number of voices, on `limit` mixtures of `folder`; a file each in `out`.

    Of each mixture the first `seconds` are taken. What the files hold already is left. progress: called with the
    mixtures done and their number. Raises CorpusError or ProbeError (UserErrors).
    """
    voices = {separator.config.C for separator in separators}
    if len(voices) != 1:
        raise ProbeError("The models separate different numbers of voices: measure them apart.")
    mixtures = open_mixtures(folder, split=split, speakers=voices.pop())
    for sentence in explain_mixtures(mixtures):
        say(sentence)
    values = {name: probe.values for name, probe in probes.items()}
    paths, done = [], []
    for separator in separators:
        header = ProbeHeader(separator.name, weights_name(separator), mixtures.name, len(mixtures), seconds, values)
        path = Path(out) / f"{separator.name.replace('/', '-')}{suffix}"
        paths.append(path)
        done.append(_begin(path, header))
    chosen = spread_evenly(len(mixtures), limit)
    for number, index in enumerate(chosen):
        progress(number, len(chosen))
        left = [k for k, known in enumerate(done) if mixtures.rows[index].name not in known]
        if not left:
            continue
        try:
            one = mixtures[index]
        except BadRow as problem:
            say(str(problem))
            continue
        part = slice(round(seconds * one.rate))
        sound = replace(one, mixture=one.mixture[part], references=one.sources[:, part], labels=one.speakers)
        for k, row in zip(left, _rows([separators[k] for k in left], probes, sound), strict=True):
            with opening(paths[k], "be written"), paths[k].open("a") as file:
                file.write(json.dumps({"mixture": one.name, "speakers": list(one.speakers)} | row) + "\n")
    progress(len(chosen), len(chosen))
    return [read_probes(path) for path in paths]


def _rows(separators: Sequence[Separator], probes: Mapping[str, Probe], sound: Mixture) -> list[dict]:
    """What each of `separators` scores at every value of `probes`, as a row of its file has it."""
    rows: list[dict] = [{"network": {}, "unprocessed": {}} for _ in separators]
    for name, probe in probes.items():
        for value in probe.values:
            made = probe.apply(sound, value)
            plain = score_voices(np.broadcast_to(made.mixture, made.sources.shape), probe, made, made.task)
            for separator, row in zip(separators, rows, strict=True):
                row["network"].setdefault(name, []).append(_short(score_probe(separator, probe, made)))
                row["unprocessed"].setdefault(name, []).append(_short(plain))
    return rows


def _short(value: float) -> float | None:
    return round(value, DECIMALS) if np.isfinite(value) else None


def _begin(path: Path, header: ProbeHeader) -> set[str]:
    """The mixtures that the file at `path` already has; it is created where missing. Raises ProbeError."""
    if not path.exists():
        make_folder(path.parent)
        with replacing(path) as unfinished:
            unfinished.write_text(json.dumps(asdict(header)) + "\n")
        return set()
    found, rows = _read(path)
    if found != header:
        raise ProbeError(
            f"{path} holds results of other weights, values or mixtures: give these a folder of their own."
        )
    with replacing(path) as unfinished:  # without an unfinished last line
        unfinished.write_text("".join(json.dumps(line) + "\n" for line in (asdict(header), *map(asdict, rows))))
    return {row.mixture for row in rows}


def _read(path: Path) -> tuple[ProbeHeader, list[_Row]]:
    with opening(path):
        text = path.read_text(errors="replace")
    try:
        header, *rows = json_lines(text)
        return from_plain(ProbeHeader, header), [from_plain(_Row, row) for row in rows]
    except ValueError:
        raise ProbeError(f"{path} is not a file of results of `python -m analysis.start_point.probe_set`.") from None


def read_probes(path: str | Path) -> ProbeResults:
    """The results in a file of `measure_probes`. Raises ProbeError, and PathError where it cannot be read."""
    header, rows = _read(Path(path))
    wanted = {name: len(values) for name, values in header.values.items()}
    found = [
        {name: len(scores) for name, scores in table.items()}
        for row in rows
        for table in (row.network, row.unprocessed)
    ]
    if not rows or any(one != wanted for one in found):
        raise ProbeError(f"{path} is not a file of results of `python -m analysis.start_point.probe_set`.")
    network, unprocessed = (
        {name: np.array([getattr(row, kind)[name] for row in rows], float) for name in wanted}
        for kind in ("network", "unprocessed")
    )
    speakers, mixtures = tuple(row.speakers for row in rows), tuple(row.mixture for row in rows)
    return ProbeResults(header, network, unprocessed, speakers, mixtures)


def known_results(folders: Sequence[Path] = (SHIPPED, FOLDER), suffix: str = SUFFIX) -> dict[str, ProbeResults]:
    """{model: results} of the files in `folders`; of a model that is in several, those of the first."""
    found: dict[str, ProbeResults] = {}
    for path in (path for folder in folders for path in sorted(folder.glob(f"*{suffix}"))):
        try:
            results = read_probes(path)
        except (ProbeError, PathError):
            continue
        found.setdefault(results.header.model, results)
    return found


def of_one_set(results: Mapping[str, ProbeResults]) -> dict[str, ProbeResults]:
    """Those of {model: results} that were measured on the same set as the first, on the mixtures that all of them have.

    Those that have none in common with the ones before them are left out.
    """
    kept: dict[str, ProbeResults] = {}
    common: set[str] = set()
    for model, found in results.items():
        first = next(iter(kept.values()), found)
        both = common & set(found.mixtures) if kept else set(found.mixtures)
        if found.header.set == first.header.set and both:
            kept[model], common = found, both
    return {model: found.only(common) for model, found in kept.items()}


def curve(results: ProbeResults, probe: str) -> ProbeCurve:
    """The curve of a probe that the results have."""
    network, unprocessed = results.network[probe], results.unprocessed[probe]

    def of(table: np.ndarray) -> tuple[Estimate | None, ...]:
        return tuple(estimate(column, results.speakers) for column in table.T)

    return ProbeCurve(results.header.values[probe], of(network), of(unprocessed), of(network[:, :1] - network))


@command_line("Stopped: the same command goes on from here.")
def main(arguments: Sequence[str] | None = None) -> int:
    """The command line. Exit code 0; 2 where something cannot be used; 130 after Ctrl-C."""
    from analysis.words.probe import explain_curve

    options = _parser().parse_args(arguments)
    separators = [Separator(model, options.device, "float32") for model in options.model]
    with progress_bar("mixture") as show:
        found = measure_probes(
            options.folder,
            separators,
            options.out,
            split=options.split,
            limit=options.limit,
            seconds=options.seconds,
            probes={name: PROBES[name] for name in options.probe},
            progress=show,
            say=print,
        )
    for results in found:
        for name in options.probe:
            print(PROBES[name].title, explain_curve(results.header.model, PROBES[name], curve(results, name)), sep=": ")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = set_parser("analysis.start_point.probe_set", __doc__, LIMIT)
    add = parser.add_argument
    add("--model", required=True, nargs="+", metavar="NAME", help="names from `tasnet.separate --list`, or files")
    add("--seconds", type=float, default=SECONDS, help=f"of each mixture, by default {SECONDS:g}")
    add("--probe", nargs="+", choices=PROBES, default=list(PROBES), metavar="NAME", help=f"of {', '.join(PROBES)}")
    add("-o", "--out", type=Path, default=FOLDER, metavar="FOLDER", help=f"for the results, by default {FOLDER}")
    add("--device", default="auto", help="auto, cpu, cuda, cuda:1 or mps")
    return parser


if __name__ == "__main__":
    sys.exit(main())
