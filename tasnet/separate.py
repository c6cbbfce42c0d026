"""Separate recordings from the command line: `python -m tasnet.separate MIX [MIX...] -o DIR`."""

from __future__ import annotations

import argparse
import contextlib
import errno
import io
import itertools
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from tqdm import tqdm

import tasnet  # for the names that load PyTorch, which --help need not wait for
from tasnet.command_line import command_line, complain, print_line, program

from . import audio
from .atomic import make_folder
from .errors import PathError, UserError
from .places import OF_A_RUN
from .recordings import SeparatedRecording, separate_recording
from .sound_files import SUFFIXES, printable

EACH = "each"  # channel, on its own

HEARD = 60.0  # s, from which the number of voices is estimated
LONGEST_NAME = 255  # bytes: the most that file systems accept
OF_ONE_NAME = (errno.ENAMETOOLONG, errno.EILSEQ, errno.EINVAL)  # errors that do not concern other files

BAR = "{desc}: {percentage:3.0f} %|{bar:30}| {remaining} left"


@command_line("Stopped; what was finished is kept.")
def main(argv: Sequence[str] | None = None) -> int:
    """Exit code 0; 2 where an input, the model or the device cannot be used; 130 after Ctrl-C."""
    parser = _parser()
    arguments = parser.parse_args(argv)
    if arguments.list:
        print(*tasnet.available(), *_runs_here(), sep="\n")
        return 0
    if not arguments.mixtures:
        return complain("Name at least one recording or folder; --help says more.")
    return _separate_all(arguments)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=program("tasnet.separate"),
        description="Separate recordings of several people who speak at the same time. "
        "Each MIX gives DIR/<name>_s1.wav, DIR/<name>_s2.wav, one file a speaker.",
    )
    parser.add_argument("mixtures", nargs="*", metavar="MIX", help="a recording or a folder of them")
    parser.add_argument("-o", "--output", type=Path, default=Path("separated"), metavar="DIR")
    parser.add_argument(
        "--model", metavar="NAME", help="a name from --list, a published model (python -m tasnet.published), or a file"
    )
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1 or mps")
    parser.add_argument("--precision", default="auto", help="auto, float32, bfloat16 or float16")
    parser.add_argument(
        "--channel",
        type=_channel,
        metavar="N",
        help="of a recording with several channels, such as a call, this one alone; 'each': one after the other "
        "(by default they are averaged, unless they would cancel each other)",
    )
    parser.add_argument("--causal-level", action="store_true", help="a level that knows nothing of what comes later")
    parser.add_argument("--list", action="store_true", help="print the models that are here")
    return parser


def _channel(text: str) -> int | str:
    """A channel's number, from 1 on, or EACH."""
    if text == EACH:
        return text
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r:.20} is neither the number of a channel nor '{EACH}'.")
    return int(text)


def _separate_all(arguments: argparse.Namespace) -> int:
    model = arguments.model or next(iter(tasnet.available()), "")
    separator = tasnet.Separator(model, arguments.device, arguments.precision)
    make_folder(arguments.output)
    code, paths = 0, []
    for mixture in arguments.mixtures:
        try:
            paths += _recordings(Path(mixture))
        except audio.AudioError as error:
            code = complain(error)
    taken = {_key(path) for path in paths}  # an output must not overwrite an input
    for path in paths:
        try:
            _separate_channels(separator, path, arguments, taken)
        except UserError as error:
            code = complain(error)
            if isinstance(error, PathError) and error.errno not in OF_ONE_NAME:  # the next one would fail as well
                return code
    return code


def _separate_channels(separator: tasnet.Separator, path: Path, arguments: argparse.Namespace, taken: set[str]) -> None:
    """The recording as one, or each of its channels, into files <name>_ch1_s1.wav ..."""
    if arguments.channel != EACH:
        _separate_one(separator, path, path.stem, arguments.channel, arguments, taken)
        return
    for channel in range(1, audio.count_channels(path) + 1):
        _separate_one(separator, path, f"{path.stem}_ch{channel}", channel, arguments, taken)


def _separate_one(
    separator: tasnet.Separator,
    path: Path,
    stem: str,
    channel: int | None,
    arguments: argparse.Namespace,
    taken: set[str],
) -> None:
    folder = arguments.output
    # On a terminal only, and gone when the work is done.
    with tqdm(desc=printable(path.name)[:30], total=1.0, leave=False, disable=None, bar_format=BAR) as bar:
        found = separate_recording(
            separator,
            path,
            folder,
            causal_level=arguments.causal_level,
            channel=channel,
            progress=lambda done: bar.update(done - bar.n),
        )
    targets = _targets(folder, stem, separator.names, taken)
    for number, target in enumerate(targets):
        audio.write(target, found.sources.row(number), found.rate)
    print_line(
        f"{path} -> {', '.join(map(str, targets))} ({found.seconds:.1f} s on {separator.device}, "
        f"{1 / found.real_time_factor:.1f} times as fast as it plays)"
    )
    notes = list(dict.fromkeys(found.notes))
    if found.peak > 1:
        notes.append("Peaks above full scale are kept: such a file holds 32-bit floats.")
    notes += _heard(path, channel, separator, found)
    for note in notes:
        print_line(f"  {note}")


def _heard(path: Path, channel: int | None, separator: tasnet.Separator, found: SeparatedRecording) -> list[str]:
    """What the recording seems to be, and how good its separation, from its first minute; nothing where unknown."""
    try:
        sound = audio.read(path, path.name, seconds=HEARD, channel=channel)
        heard = tasnet.hear(sound.samples, sound.rate)
    except (tasnet.HearingError, audio.AudioError, MemoryError):
        return []
    said = [heard.sentence(separator.names)]
    if heard.count > 1:
        sources = found.sources[..., : len(sound.samples)]
        with contextlib.suppress(tasnet.quality.QualityError, audio.AudioError, MemoryError):
            expected = tasnet.quality.expected_quality(sound.samples, sources, sound.rate, separator.bundled)
            said.append(tasnet.quality.in_words(expected, separator.names))
    return said


def _runs_here() -> list[str]:
    """The folders of trainings below `runs` that hold weights."""
    return sorted({str(file.parent) for name in OF_A_RUN for file in Path("runs").glob(f"*/{name}")})


def _recordings(path: Path) -> list[Path]:
    """The path itself, or the recordings in the folder, except hidden files, which other systems leave there.

    Raises AudioError for a folder without any, and where two differ only in their suffix, which is ambiguous.
    """
    if not path.is_dir():
        return [path]
    try:
        files = (p for p in path.iterdir() if not p.name.startswith("."))
        found = sorted(p for p in files if p.is_file() and p.suffix.lower() in SUFFIXES)
    except PermissionError:
        raise audio.AudioError(f"You have no permission to read {path}.") from None
    if not found:
        raise audio.AudioError(f"There is no recording in the folder {path}.")
    for first, second in itertools.pairwise(found):
        if first.stem == second.stem:
            raise audio.AudioError(
                f"{first.name} and {second.name} in {path} have one name: which is meant cannot be told, so name "
                "the files that you mean."
            )
    return found


def file_ending(output: str) -> str:
    """How the file of an output of this name ends: _s1.wav, or what it is where it is no speaker: _noise.wav."""
    return f"_{output.lower().replace('speaker ', 's')}.wav"


def _targets(folder: Path, stem: str, outputs: Sequence[str], taken: set[str]) -> list[Path]:
    """folder/<stem>_s1.wav ..., or <stem>-2_s1.wav ... where two inputs have one name; marks them as taken."""
    ends = [file_ending(output) for output in outputs]
    longest = LONGEST_NAME - max(map(len, ends))

    def numbered(number: int) -> list[Path]:
        tail = f"-{number}" if number > 1 else ""
        name = _shortened(stem, longest - len(tail)) + tail
        return [folder / f"{name}{end}" for end in ends]

    targets = next(free for free in map(numbered, itertools.count(1)) if taken.isdisjoint(map(_key, free)))
    taken.update(map(_key, targets))
    return targets


def _shortened(name: str, length: int) -> str:
    """As much of the beginning of `name` as takes `length` bytes."""
    while len(os.fsencode(name)) > length:
        name = name[:-1]
    return name


def _key(path: Path) -> str:
    """Equal for two names of one file, even where file systems ignore case."""
    return str(path.resolve()).casefold()


if __name__ == "__main__":
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a name that the terminal cannot show
    sys.exit(main())
