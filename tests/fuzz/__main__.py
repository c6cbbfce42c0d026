"""Coverage-guided search, by Atheris, for what ends in anything but a result or one sentence.

    python tests/fuzz DOOR [CORPUS_FOLDER] [libFuzzer's options, as -runs=1000000 or -max_total_time=1800]

DOOR: sound, checkpoint, list, link, layout, or all, where the first byte of an input says which. The search begins with
what `kept.zip` holds, which earlier ones have found to lead somewhere new. What it finds lies beside as crash-*, and
becomes a test. What has been run is in README.md.
"""

import os
import shutil
import sys
import tempfile
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path

import atheris

HERE = Path(__file__).parent
KEPT = HERE / "kept.zip"
SECONDS_EACH = 30  # an input that takes longer is a finding
WATCHED = [
    *("tasnet.data", "tasnet.convert", "tasnet.audio", "tasnet.sound_files", "tasnet.channels", "tasnet.config"),
    *("pages.parts.links", "pickle", "zipfile", "yaml"),
]


def doors() -> dict[str, tuple[Callable[[bytes], None], Callable[[], list[bytes]]]]:
    """{door: (what tries an input, what gives some to begin with)}, by modules whose branches are watched."""
    sys.path[:0] = [str(HERE.parents[1])]
    for module in ("pickle", "zipfile"):  # loaded already, and not watched
        sys.modules.pop(module, None)
    with atheris.instrument_imports(include=WATCHED):
        import corpora
        import inputs
    return inputs.DOORS | corpora.DOORS


def kept(door: str) -> list[bytes]:
    with zipfile.ZipFile(KEPT) as archive:
        return [archive.read(name) for name in archive.namelist() if name.startswith(f"{door}/")]


def main() -> None:
    found = doors()
    names = list(found)
    which = sys.argv[1]
    shutil.which = lambda name: None  # ffmpeg is another process, of which nothing is seen
    warnings.simplefilter("ignore")
    if which == "all":
        begin = [bytes([n]) + data for n, name in enumerate(names) for data in (*found[name][1](), *kept(name))]

        def act(data: bytes) -> None:
            if data:
                found[names[data[0] % len(names)]][0](data[1:])
    else:
        act, begin = found[which][0], [*found[which][1](), *kept(which)]
    folder = Path(tempfile.mkdtemp(prefix="fuzz-seeds-"))
    for number, content in enumerate(begin):
        (folder / str(number)).write_bytes(content)
    options = ["-rss_limit_mb=4096", f"-timeout={SECONDS_EACH}", "-detect_leaks=0"]
    atheris.Setup([sys.argv[0], *options, *sys.argv[2:], str(folder)], act)
    atheris.Fuzz()


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main()
