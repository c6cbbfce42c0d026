"""What goes through the doors of a list and of a folder of mixtures: mixtures, or one sentence."""

import json
import shutil
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import soundfile
from atheris import FuzzedDataProvider

from tasnet.data import corpora, librimix, wsj0mix
from tasnet.data.mixture_sets import CorpusError, FileRow
from tasnet.data.utterances import open_utterances

SUFFIXES = (".csv", ".json", ".scp", ".txt", ".tsv")
PARTS = {".json": ("mix", "s1", "s2"), ".scp": ("wav", "spk1", "spk2")}
BETWEEN = b"\n%%\n"  # the lists of the parts of a mixture
NAMES = [
    *("mix", "mix_clean", "mix_both", "mix_single", "mix_both_reverb", "mixture", "noisy", "noise", "clean"),
    *("s1", "s2", "s3", "S1", "s0", "s9", "s99", "s1_anechoic", "s2_anechoic", "s1_reverb", "s2_reverb"),
    *("spk1", "spk2", "spk_1", "source1", "source2", "speaker1", "anna", "ben", "tt", "tr", "test", "a", "b"),
    *("a_mix", "a_s1", "a_s2", "a_s3", "s1_a", "s2_a", "b_mix", "1-2-3", "1-2-3_4-5-6", "x.y"),
    *("mix.json", "s1.json", "s2.json", "wav.scp", "spk1.scp", "spk2.scp", "tr_mix.scp"),
]


@cache
def root() -> Path:
    """A folder in memory, with a set of two mixtures for lists to name."""
    folder = Path(tempfile.mkdtemp(prefix="fuzz-", dir="/dev/shm" if Path("/dev/shm").is_dir() else None))
    rng = np.random.default_rng(0)
    parts = [rng.normal(0, 0.1, 400) for _ in range(2)]
    for part in ("mix", "s1", "s2"):
        (folder / "lists" / part).mkdir(parents=True)
        samples = sum(parts) if part == "mix" else parts[int(part[1]) - 1]
        for name in ("a", "b"):
            soundfile.write(folder / "lists" / part / f"{name}.wav", samples, 8000)
    return folder


@cache
def contents() -> list[bytes]:
    """Of files in folders: a mixture, its sources, and what is no sound."""
    sounds = [(root() / "lists" / part / "a.wav").read_bytes() for part in ("mix", "s1", "s2")]
    return [*sounds, b"", b"RIFF", sounds[0][:60]]


def check(act: Callable[[], object]) -> object:
    """What `act` returns; None where it says why not, in one sentence. Anything else is a finding."""
    try:
        return act()
    except CorpusError as error:
        said = str(error)
        if not said or "\n" in said or not said.isprintable() or said[-1] not in ".)" or len(said) > 5000:
            raise AssertionError(f"no sentence: {said!r}") from error
        said.encode()
        return None


def check_set(found: corpora.MixtureSet, within: Path) -> None:
    for row in found.rows:
        row.name.encode()
        if isinstance(row, FileRow):
            for clip in filter(None, (*row.sources, row.mixture, row.noise)):
                assert clip.path.resolve().is_relative_to(within), clip.path
    assert len({row.name for row in found.rows}) == len(found.rows)


def lists(data: bytes) -> None:
    """The first byte says which kind of list the others are."""
    if not data:
        return
    which, folder = data[0] % 8, root() / "lists"
    if which < len(SUFFIXES):
        suffix = SUFFIXES[which]
        if data[0] & 64 and suffix in PARTS:
            pieces = dict(zip(PARTS[suffix], data[1:].split(BETWEEN), strict=False))
        else:
            pieces = {"list": data[1:]}
        paths = [folder / f"{name}{suffix}" for name in pieces]
        for path, content in zip(paths, pieces.values(), strict=True):
            path.write_bytes(content)
        found = check(lambda: corpora.open_mixtures(paths[0], within=root()))
        if found is not None:
            check_set(found, root())
            check(found.checked)
        for path in paths:
            path.unlink()
        return
    path = folder / "gains_tt.csv"
    path.write_bytes(data[1:])
    if which == 5:
        kinds = ("mix_both",) if data[0] & 64 else ("mix_clean",)
        found = check(lambda: librimix.read_metadata(path, folder, wham=folder, mixtures=kinds))
    elif which == 6:
        found = check(lambda: wsj0mix.read_mixing_list(path, folder))
    else:
        check(lambda: wsj0mix.read_levels([path]))
        found = None
    path.unlink()
    for plan in found[0] if found else ():
        for source, gain in plan.sources:
            assert np.isfinite(gain) and not {"..", "."} & set(source.parts[1:]), source
        assert "/" not in plan.name and "\\" not in plan.name, plan.name


def layout(data: bytes) -> None:
    source = FuzzedDataProvider(data)
    top = root() / "tree"
    for _ in range(source.ConsumeIntInRange(1, 14)):
        depth = source.ConsumeIntInRange(0, 3)
        folder = top.joinpath(*(source.PickValueInList(NAMES) for _ in range(depth)))
        file = folder / (source.PickValueInList(NAMES) + source.PickValueInList([".wav", ".wav", ".WAV", "", ".flac"]))
        try:
            folder.mkdir(parents=True, exist_ok=True)
            file.write_bytes(source.PickValueInList(contents()))
        except OSError:
            continue
    split, kind = source.PickValueInList(["test", "train"]), source.PickValueInList([None, None, "mix_both", "mix"])
    found = check(lambda: corpora.open_mixtures(top, split=split, mixture=kind, within=root()))
    if found is not None:
        check_set(found, root())
        check(lambda: corpora.explain_mixtures(found))
        check(found.checked)
    check(lambda: corpora.holds_mixtures(top))
    check(lambda: open_utterances(top))
    shutil.rmtree(top, ignore_errors=True)


def written_lists() -> list[bytes]:
    """One of each recipe's, of the two mixtures that are there, in some of the ways to write them."""
    names = ("a", "b")
    librimix_ = "mixture_ID,mixture_path,source_1_path,source_2_path,noise_path,length\n" + "".join(
        f"{n},/old/mix/{n}.wav,/old/s1/{n}.wav,s2/{n}.wav,,400\n" for n in names
    )
    parts = ("mix", "s1", "s2")
    speechbrain = {n: {"duration": 0.05, **{f"{p}_wav": f"$root/{p}/{n}.wav" for p in parts}} for n in names}
    records = [{"id": name, **record} for name, record in speechbrain.items()]
    gains = "mixture_ID,source_1_path,source_1_gain,source_2_path,source_2_gain,noise_path,noise_gain\n" + "".join(
        f"{n},s1/{n}.wav,0.5,s2/{n}.wav,1.5,s1/a.wav,0.1\n" for n in names
    )
    of_parts = {
        ".json": [json.dumps([[f"/old/{p}/{n}.wav", 400] for n in names]) for p in parts],
        ".scp": ["".join(f"{n} /old/{p}/{n}.wav\n" for n in names) for p in parts],
    }
    windows = librimix_.replace("/", "\\").replace("\n", "\r\n").replace(",", ";")
    return [
        b"\0" + librimix_.encode(),
        b"\0\xef\xbb\xbfsep=;\n" + windows.encode(),
        b"\0" + librimix_.encode("utf-16"),
        b"\4" + librimix_.replace(",", "\t").encode(),
        b"\1" + json.dumps(speechbrain).encode(),
        b"\1" + json.dumps(records).encode(),
        b"\1" + b'{"rate": 8000, "lengths": [400]}',
        *(bytes([64 + SUFFIXES.index(s)]) + BETWEEN.join(p.encode() for p in of) for s, of in of_parts.items()),
        b"\5" + gains.encode(),
        b"\x45" + gains.encode(),
        b"\6s1/a.wav 1.2 s2/a.wav -1.2\ns1/b.wav 0 s2/b.wav 0\n",
        b"\7a.wav 0.1\nb 1e-3\n",
    ]


DOORS = {"list": (lists, written_lists), "layout": (layout, lambda: [bytes(range(60)), bytes(range(255, 100, -2))])}
