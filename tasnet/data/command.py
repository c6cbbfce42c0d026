"""Look at a corpus, or make one of the field's sets of mixtures.

    python -m tasnet.corpora show DIR
    python -m tasnet.corpora librimix --librispeech DIR --list libri2mix_test-clean.csv --out DIR
    python -m tasnet.corpora wsj0mix --wsj0 DIR --list mix_2_spk_tt.txt --out DIR
    python -m tasnet.corpora three MIXTURES --out DIR
    python -m tasnet.corpora check --librispeech DIR --list libri2mix_test-clean.csv --made DIR

    python -m tasnet.corpora layouts

prints which folders and lists of mixtures `show` and every other command read, how their parts may be named, and where
the files of a list that was moved are looked for.

The same command continues a build that was stopped. A line of a list that cannot be used (cut, a gain
that is no number, an id that is there twice or is no name of a file, a path that leads out of the corpus) is named and
left out.
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from tasnet.command_line import command_line, command_parser, progress_bar
from tasnet.sound_files import printable

from . import corpora, layouts, librimix, lists, names, people, sums, third_voice, wsj0mix
from .build import MODES, Report
from .corpora import SPLITS, explain_mixtures, holds_mixtures, open_mixtures
from .utterances import open_utterances

WORKERS = "processes; one for each core by default"
SAME = 1.5  # 16-bit steps: see `librimix.check_librimix`

MOST_NOTES = 5  # that are printed


@command_line()
def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit code."""
    parser = command_parser("tasnet.corpora", __doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    show = _command(commands, "show", show_corpus, "what lies in a folder, and what is wrong with it")
    show.add_argument("path", type=Path)
    show.add_argument("--split", default="test", choices=SPLITS)

    libri = _command(commands, "librimix", make_librimix, "make Libri2Mix or Libri3Mix")
    _add_librispeech(libri)
    libri.add_argument("--wham", type=Path, help="WHAM's noise, for mix_both and mix_single")
    libri.add_argument("--mixtures", nargs="+", default=["mix_clean"], choices=librimix.MIXTURES)
    _add_build(libri)

    wsj0 = _command(commands, "wsj0mix", make_wsj0mix, "make WSJ0-2mix or WSJ0-3mix")
    wsj0.add_argument("--wsj0", type=Path, required=True, help="the folder in which the list's paths begin")
    wsj0.add_argument("--list", type=Path, nargs="+", required=True, help="MERL's mix_2_spk_tr.txt, ...")
    wsj0.add_argument("--levels", type=Path, nargs="+", default=[], help="active powers as computed by MERL")
    _add_build(wsj0)

    three = _command(commands, "three", make_three, "make mixtures of three voices out of a set of two")
    three.add_argument("mixtures", type=Path)
    three.add_argument("--split", default="test", choices=SPLITS)
    three.add_argument("--out", type=Path, required=True)
    three.add_argument("--workers", type=int, help=WORKERS)

    check = _command(commands, "check", run_check, "compare a finished Libri2Mix with its sources")
    _add_librispeech(check)
    check.add_argument("--made", type=Path, required=True, help="the finished mixtures")

    _command(commands, "layouts", show_layouts, "which folders and lists of mixtures are read")

    options = parser.parse_args(arguments)
    return options.run(options)


def show_corpus(options: argparse.Namespace) -> int:
    """Prints what can be read at a path."""
    if holds_mixtures(options.path):
        mixtures = open_mixtures(options.path, split=options.split).checked()
        lengths = np.array([mixtures.length(k) for k in range(len(mixtures))])
        speakers = {speaker for row in mixtures.rows for speaker in row.speakers}
        print(
            f"{mixtures.name}: {len(mixtures)} mixtures of {len(mixtures[0].sources)} sources at "
            f"{mixtures.rate} Hz, {lengths.sum() / mixtures.rate / 3600:.2f} hours"
            + (f", {len(speakers)} speakers." if speakers else ".")
        )
        print(*explain_mixtures(mixtures), sep="\n")
        bad = mixtures.bad
    else:
        utterances = open_utterances(options.path)
        print(
            f"{utterances.name}: {len(utterances)} utterances of {len(set(utterances.speakers))} "
            f"speakers, {utterances.hours:.2f} hours."
        )
        for note in list(utterances.notes.values())[:MOST_NOTES]:
            print(note)
        if (more := len(utterances.notes) - MOST_NOTES) > 0:
            print(f"The like holds for {more} more files.")
        bad = utterances.bad
    return _tell_bad(bad)


def show_layouts(options: argparse.Namespace) -> int:
    """Prints the rules by which mixtures are found."""
    print(*(module.__doc__ for module in (corpora, layouts, names, lists, sums, people)), sep="\n")
    return 0


def make_librimix(options: argparse.Namespace) -> int:
    """Builds one set for each list."""
    return _build(
        options,
        lambda path, **how: librimix.build_librimix(
            path,
            options.librispeech,
            options.out,
            wham=options.wham,
            mixtures=tuple(options.mixtures),
            **how,
        ),
    )


def make_wsj0mix(options: argparse.Namespace) -> int:
    """Builds one set for each list."""
    levels = wsj0mix.read_levels(options.levels)
    return _build(
        options,
        lambda path, **how: wsj0mix.build_wsj0mix(path, options.wsj0, options.out, levels=levels, **how),
    )


def make_three(options: argparse.Namespace) -> int:
    """Adds a third voice to every mixture of a set."""
    mixtures = open_mixtures(options.mixtures, split=options.split)
    with progress_bar("mixture") as show:
        report = third_voice.build_third_voices(mixtures, options.out, workers=options.workers, on_progress=show)
    return _tell_built(report)


def run_check(options: argparse.Namespace) -> int:
    """Makes the sources of finished mixtures anew and compares them."""
    made = open_mixtures(options.made)
    same = total = 0
    for path in options.list:
        plans, _ = librimix.read_metadata(path, options.librispeech, rate=made.rate)
        differences = librimix.check_librimix(plans, made)
        total += len(differences)
        same += sum(difference <= SAME for difference in differences.values())
    print(f"{same} of {total} mixtures are the same within 16-bit rounding; {len(made)} lie in {options.made}.")
    return 0 if same == total > 0 else 1


def _command(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, run: Callable, text: str
) -> argparse.ArgumentParser:
    command = commands.add_parser(name, help=text, description=text)
    command.set_defaults(run=run)
    return command


def _add_librispeech(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--librispeech", type=Path, required=True, help="the folder that holds test-clean, ...")
    parser.add_argument("--list", type=Path, nargs="+", required=True, help="LibriMix's lists of gains (.csv)")


def _add_build(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--rate", type=int, default=8000, choices=(8000, 16000))
    parser.add_argument("--mode", default="min", choices=MODES, help="cut to the shortest or fill up")
    parser.add_argument("--workers", type=int, help=WORKERS)


def _build(options: argparse.Namespace, build: Callable[..., Report]) -> int:
    worst = 0
    for path in options.list:
        with progress_bar("mixture") as show:
            report = build(path, rate=options.rate, mode=options.mode, workers=options.workers, on_progress=show)
        worst = max(worst, _tell_built(report))
    return worst


def _tell_built(report: Report) -> int:
    print(f"{report.folder}: {report.made} made, {report.found} there already.")
    return _tell_bad(report.bad)


def _tell_bad(bad: dict[str, str]) -> int:
    if bad:
        print(f"{len(bad)} left out:")
    for name, reason in bad.items():
        print(f"{printable(name)}: {reason}")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
