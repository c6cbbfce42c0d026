"""Results as text for a terminal, or as Markdown for a model's card.

    python -m analysis.corpus.summary RESULTS.csv [OTHER.csv] [--markdown] [--speakers SPEAKERS.TXT]

With two files, the second model is compared with the first on the mixtures that both have.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from analysis.scores.systems import CLEAN, LEAKAGE, MEASURES, MIXTURE, NETWORK
from analysis.words.corpus import explain_pair, explain_set, explain_unaided
from tasnet.command_line import command_line, command_parser
from tasnet.data.mixture_sets import read_genders
from tasnet.errors import opening

from .failures import (
    FailureShare,
    SpeakerScore,
    failure_shares,
    failures_by_threshold,
    leakages,
    speaker_scores,
    with_genders,
)
from .intervals import Estimate, cautions
from .paired import Pair, ahead_on, differences, extremes, mean_difference, pair
from .report import digits, mean, measures, set_means, who_speaks
from .results import Results, ResultsError, read_results

HOW = (
    "95 % intervals: two-way cluster bootstrap over the speakers of the mixtures. Naive ones take every mixture for "
    "one of other speakers."
)
SPEAKERS_SHOWN = 5  # the lowest and the highest
MIXTURES_SHOWN = 5

Table = tuple[Sequence[str], Sequence[Sequence[str]]]  # heads and rows


@command_line()
def main(arguments: Sequence[str] | None = None) -> int:
    """The command line. Exit code 0; 2 where a file cannot be used."""
    parser = command_parser("analysis.corpus.summary", __doc__)
    parser.add_argument("results", nargs="+", metavar="CSV", help="one or two files of `python -m analysis.corpus`")
    parser.add_argument("--markdown", action="store_true", help="for a model's card")
    parser.add_argument("--speakers", type=Path, metavar="FILE", help="LibriSpeech's SPEAKERS.TXT or an *_info.csv")
    options = parser.parse_args(arguments)
    if len(options.results) > 2:
        raise ResultsError("Two results can be compared, not more.")
    found = [read_results(path) for path in options.results]
    if options.speakers:
        genders = _genders(options.speakers)
        found = [with_genders(results, genders) for results in found]
    for path, results in zip(options.results, found, strict=True):
        if not results.good:
            raise ResultsError(f"{path} holds no scores yet.")
    written = as_markdown if options.markdown else as_text
    texts = [written(results) for results in found]
    if len(found) == 2:
        texts.append(pair_as_text(pair(*found), markdown=options.markdown))
    print("\n\n".join(texts))
    return 0


def _genders(path: Path) -> dict[str, str]:
    with opening(path):
        found = read_genders(path) if path.is_file() or not path.exists() else {}
    if not found:
        raise ResultsError(f"{path} is no list of speakers: give LibriSpeech's SPEAKERS.TXT or LibriMix's *_info.csv.")
    return found


def as_text(results: Results) -> str:
    """Means, failures and speakers for the command line."""
    shown = measures(results)
    heads = ["", *shown.values()]
    rows = [
        [results.name_of(system), *(_interval(row[name], digits(name)) for name in shown)]
        for system, row in set_means(results).items()
    ]
    return _document(
        results, [("Means", _aligned(heads, rows)), *((t, _aligned(*table)) for t, table in _more(results))]
    )


def as_markdown(results: Results) -> str:
    """The network's scores and failures as a section that a model's card can take."""
    shown = measures(results)
    rows = []
    for name, title in shown.items():
        one, mixture = mean(results, NETWORK, name), mean(results, MIXTURE, MEASURES[name].unprocessed or name)
        n = digits(name)
        rows.append([title, _interval(one, n), _naive(one, n), f"{mixture.mean:.{n}f}" if mixture else "-"])
    heads = ["measure", "mean [95 % interval]", "naive interval", "unprocessed"]
    return _document(results, [("", _markdown(heads, rows)), *((t, _markdown(*table)) for t, table in _more(results))])


def pair_as_text(both: Pair, *, markdown: bool = False) -> str:
    """The paired comparison of two models."""
    one, other = both.names
    layout = _markdown if markdown else _aligned
    heads = ["", "difference [95 % interval]", "naive interval", "better on", "level on"]
    rows = []
    for name, title in both.measures.items():
        values, found = differences(both, name), mean_difference(both, name)
        better, ties, count = ahead_on(values)
        shares = [f"{part / count:.0%}" if count else "-" for part in (better, ties)]
        rows.append([title, _interval(found, digits(name)), _naive(found, digits(name)), *shares])
    ahead, behind = extremes(both, "si_snri", MIXTURES_SHOWN)
    values = differences(both, "si_snri")
    furthest = [[both.mixtures[k], f"{values[k]:+.1f}"] for k in (*ahead, *behind[::-1])]
    return "\n\n".join(
        [
            f"{one} minus {other}, on {len(both.mixtures)} mixtures of {both.first.header.set}:",
            layout(heads, rows),
            _list(explain_pair(both)),
            "Where they differ most (SI-SNRi, dB):",
            layout(["mixture", "difference"], furthest),
            *cautions(who_speaks(both.first)),
        ]
    )


def _document(results: Results, parts: Sequence[tuple[str, str]]) -> str:
    header = results.header
    unusable = f"; {len(results.problems)} could not be used" if results.problems else ""
    known = {name for one in who_speaks(results) for name in one}
    speakers = f" of {len(known)} speakers" if known else ""
    head = (
        f"{header.model} ({header.weights}, {header.precision}) on {header.set}: "
        f"{len(results.good)} of {header.mixtures} mixtures{speakers}{unusable}."
    )
    body = [f"{title}:\n\n{table}" if title else table for title, table in parts]
    said = _list(explain_set(results) + explain_unaided(results))
    return "\n\n".join([head, said, *body, HOW, *cautions(who_speaks(results))])


def _more(results: Results) -> list[tuple[str, Table]]:
    """Failures, leakage and speakers, where there are any."""
    parts: list[tuple[str, Table]] = []
    if shares := failure_shares(results):
        heads = ["mixtures", "count", "SI-SNRi (dB)", "below 0 dB", "a voice below 0 dB"]
        parts.append(("Failures", (heads, [_failure_row(one) for one in shares])))
    if counts := failures_by_threshold(results):
        heads = ["SI-SNRi", "mixtures", "share", "with such a voice", "share"]
        rows = [
            [one.title, str(found.failed[0]), _share(found.mixtures), str(found.failed[1]), _share(found.voices)]
            for one, found in counts.items()
        ]
        parts.append((f"Failures by other thresholds, of {next(iter(counts.values())).count}", (heads, rows)))
    if leaks := leakages(results):
        rows = [
            [{NETWORK: "outputs", CLEAN: "clean voices"}[system], _interval(one, 2)] for system, one in leaks.items()
        ]
        parts.append((f"{LEAKAGE.capitalize()} (correlation of the energies)", (["", "mean [95 % interval]"], rows)))
    speakers = speaker_scores(results)
    if speakers:
        ends = (
            speakers if len(speakers) <= 2 * SPEAKERS_SHOWN else speakers[:SPEAKERS_SHOWN] + speakers[-SPEAKERS_SHOWN:]
        )
        title = (
            f"Speakers, the {SPEAKERS_SHOWN} lowest and highest of {len(speakers)}" if ends != speakers else "Speakers"
        )
        parts.append(
            (title, (["speaker", "sex", "mixtures", "SI-SNRi (dB)", "below 0 dB"], [*map(_speaker_row, ends)]))
        )
    return parts


def _failure_row(one: FailureShare) -> list[str]:
    return [one.name, str(one.count), _interval(one.gain, 2), _share(one.mixtures), _share(one.voices)]


def _speaker_row(one: SpeakerScore) -> list[str]:
    return [one.speaker, one.gender or "-", str(one.mixtures), f"{one.gain:.2f}", f"{one.failed:.1%}"]


def _interval(found: Estimate | None, n: int) -> str:
    if found is None:
        return "-"
    return f"{found.mean:.{n}f}" + ("" if np.isnan(found.low) else f" [{found.low:.{n}f}, {found.high:.{n}f}]")


def _naive(found: Estimate | None, n: int) -> str:
    if found is None or np.isnan(found.naive_low):
        return "-"
    return f"[{found.naive_low:.{n}f}, {found.naive_high:.{n}f}]"


def _share(found: Estimate) -> str:
    interval = "" if np.isnan(found.low) else f" [{found.low:.1%}, {found.high:.1%}]"
    return f"{found.mean:.1%}{interval}"


def _list(said: Sequence[str]) -> str:
    return "\n".join(f"- {sentence}" for sentence in said)


def _aligned(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    table = [heads, *rows]
    widths = [max(len(line[column]) for line in table) for column in range(len(heads))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in table
    )


def _markdown(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', '/') for cell in line)} |" for line in lines)


if __name__ == "__main__":
    sys.exit(main())
