"""Coverage-guided search for lists and folders that end in anything but mixtures or one sentence.

    pip install atheris; python tests/fuzz/corpora.py lists CORPUS_FOLDER -runs=1000000    # or layouts

What it finds becomes a case of `tests/test_lists.py`. The rest of the options are libFuzzer's.
"""

import os
import shutil
import sys
import tempfile
from pathlib import Path

import atheris
import numpy as np
import soundfile

sys.path.insert(0, str(Path(__file__).parents[2]))
import tasnet  # noqa: F401  loaded before, so that only what is tried is instrumented

with atheris.instrument_imports(include=["tasnet.data"]):
    from tasnet.data import corpora, librimix, wsj0mix
    from tasnet.data.mixture_sets import CorpusError, FileRow
    from tasnet.data.utterances import open_utterances

ROOT = Path(tempfile.mkdtemp(dir="/dev/shm" if Path("/dev/shm").is_dir() else None))
SUFFIXES = (".csv", ".json", ".scp", ".txt", ".tsv")
NAMES = [
    *("mix", "mix_clean", "mix_both", "mix_single", "mix_both_reverb", "mixture", "noisy", "noise", "clean"),
    *("s1", "s2", "s3", "S1", "s0", "s9", "s99", "s1_anechoic", "s2_anechoic", "s1_reverb", "s2_reverb"),
    *("spk1", "spk2", "spk_1", "source1", "source2", "speaker1", "anna", "ben", "tt", "tr", "test", "a", "b"),
    *("a_mix", "a_s1", "a_s2", "a_s3", "s1_a", "s2_a", "b_mix", "1-2-3", "1-2-3_4-5-6", "x.y"),
    *("mix.json", "s1.json", "s2.json", "wav.scp", "spk1.scp", "spk2.scp", "tr_mix.scp"),
]
SOUNDS: list[bytes] = []


def check(act) -> object:
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


def try_list(data: bytes) -> None:
    if not data:
        return
    which, folder = data[0] % 8, ROOT / "lists"
    if which < 5:
        name = ("mix" if data[0] & 64 else "list") + SUFFIXES[which]
        path = folder / name
        path.write_bytes(data[1:])
        found = check(lambda: corpora.open_mixtures(path, within=ROOT))
        if found is not None:
            check_set(found, ROOT)
            check(found.checked)
        path.unlink()
        return
    path = folder / "gains_tt.csv"
    path.write_bytes(data[1:])
    if which == 5:
        noise = ("mix_both",) if data[0] & 64 else ("mix_clean",)
        found = check(lambda: librimix.read_metadata(path, folder, wham=folder, mixtures=noise))
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


def try_layout(data: bytes) -> None:
    source = atheris.FuzzedDataProvider(data)
    top = ROOT / "tree"
    for _ in range(source.ConsumeIntInRange(1, 14)):
        depth = source.ConsumeIntInRange(0, 3)
        folder = top.joinpath(*(source.PickValueInList(NAMES) for _ in range(depth)))
        file = folder / (source.PickValueInList(NAMES) + source.PickValueInList([".wav", ".wav", ".WAV", "", ".flac"]))
        try:
            folder.mkdir(parents=True, exist_ok=True)
            file.write_bytes(source.PickValueInList(SOUNDS))
        except OSError:
            continue
    split, kind = source.PickValueInList(["test", "train"]), source.PickValueInList([None, None, "mix_both", "mix"])
    found = check(lambda: corpora.open_mixtures(top, split=split, mixture=kind, within=ROOT))
    if found is not None:
        check_set(found, ROOT)
        check(lambda: corpora.explain_mixtures(found))
        check(found.checked)
    check(lambda: corpora.holds_mixtures(top))
    check(lambda: open_utterances(top))
    shutil.rmtree(top, ignore_errors=True)


def main() -> None:
    rng = np.random.default_rng(0)
    parts = [rng.normal(0, 0.1, 400) for _ in range(2)]
    for part in ("mix", "s1", "s2"):
        (ROOT / "lists" / part).mkdir(parents=True)
        samples = sum(parts) if part == "mix" else parts[int(part[1]) - 1]
        for name in ("a", "b"):
            soundfile.write(ROOT / "lists" / part / f"{name}.wav", samples, 8000)
        SOUNDS.append((ROOT / "lists" / part / "a.wav").read_bytes())
    SOUNDS.extend([b"", b"RIFF", SOUNDS[0][:60]])
    what = sys.argv.pop(1)
    atheris.Setup(sys.argv, {"lists": try_list, "layouts": try_layout}[what])
    try:
        atheris.Fuzz()
    finally:
        shutil.rmtree(ROOT, ignore_errors=True)


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main()
