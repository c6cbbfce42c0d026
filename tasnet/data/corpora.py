"""Test and training sets of mixtures, whatever their layout on the disk.

`open_mixtures(path)` recognises the layout by itself:

    wsj0-mix       {tr,cv,tt}/{mix,s1,s2[,s3]}, at any depth (2speakers/wav8k/min/tt)
    LibriMix       wav8k/min/{train-100,train-360,dev,test}/{mix_clean,mix_both,s1,s2,noise,...}
                   or one of its metadata files (mixture_test_mix_clean.csv)
    sources only   {s1,s2[,s3]}: the mixture is the sum of the sources
    a pack         NAME.json with {"rate", "lengths"} and NAME.flac: one channel a source
    speakers       one folder of recordings a speaker: mixed on the fly, the same way each time

Every row is read when it is asked for. A row that cannot be read (missing file, other sampling
rate, unequal lengths) raises `BadRow`; iterating over a set skips such rows and keeps the reasons
in `set.bad`.
"""

import csv
import json
import os
import re
from pathlib import Path

import numpy as np
import soundfile

from tasnet.sound_files import printable

from .rows import SUFFIXES, BadRow, Clip, CorpusError, CorpusMixture, FileRow, MixtureSet
from .utterances import UtteranceSet, mixed_rows, open_utterances

__all__ = [
    "BadRow",
    "CorpusError",
    "CorpusMixture",
    "MixtureSet",
    "UtteranceSet",
    "open_mixtures",
    "open_utterances",
]

SPLITS = {
    "train": ("tr", "train", "train-100", "train-360"),
    "valid": ("cv", "dev", "valid"),
    "test": ("tt", "test"),
}
MIXTURE_FOLDERS = ("mix", "mix_clean", "mix_both", "mix_single")


def open_mixtures(
    path: str | Path,
    *,
    split: str = "test",
    mixture: str | None = None,
    rate: int | None = None,
    speakers: int = 2,
) -> MixtureSet:
    """The mixtures at `path`, whose layout (see the module's head) is recognised.

    split: "train", "valid" or "test", where the folder holds several.
    mixture: the folder of the mixtures ("mix_both"); the first of mix, mix_clean, mix_both,
        mix_single, or the sum of the sources by default. With mix_single the sources are s1, noise.
    rate: rows of another sampling rate in Hz are bad rows; the first row's rate by default.
    speakers: how many people to mix where the folder holds single speakers' recordings.
    Raises CorpusError.
    """
    path = Path(path)
    if not path.exists():
        raise CorpusError(f"There is nothing at {path}.")
    if not (path.is_dir() or path.is_file()):
        raise CorpusError(f"{path} is a pipe or a device, neither a folder nor a list of mixtures (.csv, .json).")
    if path.is_file() and path.suffix == ".csv":
        return MixtureSet(path.stem, _metadata_rows(path), rate, path.parent)
    if path.is_file() and path.suffix == ".json":
        return MixtureSet(path.stem, _pack_rows(path), rate, path.parent)
    if not path.is_dir():
        raise CorpusError(f"{path} is neither a folder nor a list of mixtures (.csv, .json).")
    folders = _split_folders(path, split)
    if folders:
        rows = [row for folder in folders for row in _folder_rows(folder, mixture)]
        return MixtureSet(folders[0].name, rows, rate, folders[0])
    packs = [file for file in sorted(path.glob("*.json")) if file.is_file() and file.with_suffix(".flac").is_file()]
    if packs:
        rows = [row for file in packs for row in _pack_rows(file)]
        return MixtureSet(path.name, rows, rate, path)
    rows = mixed_rows(path, speakers)
    if not rows:
        raise CorpusError(
            f"{path} holds none of the known layouts: s1, s2 (with or without mix), a LibriMix or "
            "wsj0-mix folder, a pack, or one folder of recordings for each speaker."
        )
    return MixtureSet(path.name, rows, rate, path)


def holds_mixtures(path: str | Path) -> bool:
    """Whether mixtures lie at `path`, made beforehand; otherwise it may hold utterances."""
    path = Path(path)
    if path.is_dir():
        if _splits(path):
            return True
        packs = [file for file in path.glob("*.json") if file.with_suffix(".flac").is_file()]
        return any("lengths" in json.loads(file.read_text()) for file in packs)
    if path.suffix == ".json" and path.is_file():
        return "lengths" in json.loads(path.read_text())
    return path.suffix == ".csv"


def _is_split(folder: Path) -> bool:
    return (folder / "s1").is_dir() and ((folder / "s2").is_dir() or (folder / "noise").is_dir())


def _split_folders(root: Path, split: str) -> list[Path]:
    """The folders of `split` below `root` that belong together, 8 kHz and min preferred."""
    found = _splits(root)
    found.sort(key=lambda folder: ("wav16k" in folder.parts, "max" in folder.parts, str(folder)))
    chosen = [folder for folder in found if folder.name in SPLITS[split]] or found[:1]
    if len(found) > 1 and chosen[0].name not in SPLITS[split]:
        names = ", ".join(sorted({folder.name for folder in found}))
        raise CorpusError(f"{root} has no mixtures to {split} with, only the folders {names}.")
    return [folder for folder in chosen if folder.parent == chosen[0].parent]


def _splits(root: Path) -> list[Path]:
    """Every folder of mixtures at most five levels below `root`, or `root` itself."""
    found, level = [], [root]
    for _ in range(6):
        found += [folder for folder in level if _is_split(folder)]
        level = [child for f in level if not _is_split(f) for child in _subfolders(f)]
    return found


def _subfolders(folder: Path) -> list[Path]:
    with os.scandir(folder) as entries:  # asks for no file's properties, of which there may be many
        return sorted(Path(entry.path) for entry in entries if entry.is_dir())


def _sounds(folder: Path) -> dict[str, Path]:
    """{name without suffix: file}."""
    return {printable(file.stem): file for file in folder.iterdir() if file.suffix.lower() in SUFFIXES}


def _folder_rows(folder: Path, mixture: str | None) -> list[FileRow]:
    if mixture is None:
        present = [name for name in MIXTURE_FOLDERS if (folder / name).is_dir()]
        mixture = present[0] if present else None
    elif not (folder / mixture).is_dir():
        raise CorpusError(f"There is no folder {mixture} in {folder}.")
    if mixture == "mix_single":
        parts = ["s1", "noise"]
    else:
        parts = [f"s{i}" for i in range(1, 10) if (folder / f"s{i}").is_dir()]
    files = {part: _sounds(folder / part) for part in parts + ([mixture] if mixture else [])}
    names = sorted(set().union(*files.values()))

    def clip(part: str, name: str) -> Clip:
        # A file that is not there stays in the row, which then tells that it is missing.
        return Clip(files[part].get(name, folder / part / f"{name}.wav"))

    return [
        FileRow(
            name,
            tuple(clip(part, name) for part in parts),
            clip(mixture, name) if mixture else None,
        )
        for name in names
    ]


def _pack_rows(path: Path) -> list[FileRow]:
    """{"rate", "lengths"} beside a FLAC: the mixtures' sources end to end, one channel a source."""
    lengths = json.loads(path.read_text()).get("lengths")
    sound = path.with_suffix(".flac")
    if lengths is None or not sound.is_file():
        raise CorpusError(f"{path} is not the list of a pack of mixtures with a .flac beside it.")
    channels = soundfile.info(sound).channels
    starts = np.cumsum([0, *lengths[:-1]]).tolist()
    return [
        FileRow(
            f"{path.stem}-{index:04d}",
            tuple(Clip(sound, start, length, channel) for channel in range(channels)),
        )
        for index, (start, length) in enumerate(zip(starts, lengths, strict=True))
    ]


def _metadata_rows(path: Path) -> list[FileRow]:
    """LibriMix's metadata of finished mixtures: mixture_ID, mixture_path, source_1_path, ..."""
    with path.open(newline="") as file:
        table = list(csv.DictReader(file))
    if not table or "mixture_path" not in table[0]:
        raise CorpusError(
            f"{path} does not list finished mixtures; if it lists gains, build the mixtures first "
            "with `python -m tasnet.corpora`."
        )
    columns = [column for column in table[0] if re.fullmatch(r"source_\d+_path", column)]
    if len(columns) == 1:
        columns.append("noise_path")
    moved = _moved_root(path, table[0]["mixture_path"])

    def clip(written: str) -> Clip:
        return Clip(Path(written.replace(*moved, 1)) if moved else Path(written))

    return [
        FileRow(
            line["mixture_ID"],
            tuple(clip(line[column]) for column in columns),
            clip(line["mixture_path"]),
        )
        for line in table
    ]


def _moved_root(path: Path, written: str) -> tuple[str, str] | None:
    """(root written in the metadata, root now): the paths are those of the machine that made it."""
    if Path(written).is_file():
        return None
    parts = Path(written).parts
    for above in path.resolve().parents:
        for k in range(1, len(parts)):
            if above.joinpath(*parts[k:]).is_file():
                return str(Path(*parts[:k])), str(above)
    return None
