"""Sessions with mixed work at once, each result beside the command line's: equal bit for bit, or by how much not.

    python -m benchmarks.sessions [--sessions 20] [--write]

The sessions take turns in what they do: separate a short sound, separate one that is long enough to go through the
network in chunks and take all files as a zip, or evaluate a set of mixtures, each with another model. An evaluation is
started, its tab closed, and its job found again by its link. What the page gives is in 32-bit floats, and is rounded as
the command line's files are before they are compared.
"""

import argparse
import io
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import numpy as np
import requests
import soundfile
from streamlit.proto.BackMsg_pb2 import BackMsg

import tasnet
from analysis.corpus.results import read_results
from analysis.sounds.examples import available_examples, mix_example
from benchmarks.measured import write_measured
from benchmarks.server_memory import MB, ROOT, Visitor, started_server, watched
from tasnet import audio

RATE = 8000
SHORT, LONG = 6, 45  # s of sound: from 30 s on it goes through the network in chunks
MIXTURES, MIXTURE_SECONDS = 4, 2
PATIENCE = 3600  # s for an evaluation behind all others


@dataclass(frozen=True)
class Work:
    """What one session does: of which kind, with which model, on which recording or set."""

    kind: str
    model: str
    sound: Path


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--sessions", type=int, default=20)
    parser.add_argument("--write", action="store_true", help="write docs/measured/sessions.json")
    arguments = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        works = _works(arguments.sessions, root)
        _write_sounds(root)
        with started_server(20, root) as (address, process), watched(process) as most:
            began = time.perf_counter()
            before = most()
            with ThreadPoolExecutor(len(works)) as pool:
                given = list(pool.map(lambda work: KINDS[work.kind](address, work), works))
            seconds, peak = time.perf_counter() - began, most()
        (root / "line").mkdir()
        found = [_difference(work, result, root) for work, result in zip(works, given, strict=True)]
    for work, differs in zip(works, found, strict=True):
        print(f"{work.kind:12}{work.model:36}{_in_words(differs)}")
    print(f"{len(works)} sessions in {seconds:.0f} s; {before / MB:.0f} MB before, at most {peak / MB:.0f} MB")
    if arguments.write:
        write_measured(
            "sessions",
            order=8.2,
            title="Sessions at once beside the command line",
            about=f"{len(works)} sessions began at the same time with mixed work, all of which was done "
            f"after {seconds:.0f} s; the server took {before / MB:.0f} MB before and {peak / MB:.0f} MB at most.",
            columns=("what the sessions did", "sessions", "results", "the command line's"),
            rows=[_row(kind, works, found) for kind in KINDS],
        )


def _row(kind: str, works: Sequence[Work], found: Sequence[float]) -> tuple[str, ...]:
    of_kind = [differs for work, differs in zip(works, found, strict=True) if work.kind == kind]
    return kind, str(len(of_kind)), str(sum(differs == 0 for differs in of_kind)) + " equal", _in_words(max(of_kind))


def _in_words(differs: float) -> str:
    return "bit for bit" if differs == 0 else f"differs by up to {differs:.1e} of full scale or dB"


def _works(count: int, root: Path) -> list[Work]:
    """The sessions' work, in turns, each kind with every model of two voices in turn."""
    names = sorted(name for name in tasnet.available() if "_2spk_8k" in name)
    sounds = {"separation": root / "short.wav", "chunked": root / "long.wav", "evaluation": root / "set"}
    kinds = list(KINDS)
    return [
        Work(kind := kinds[k % len(kinds)], names[(k // len(kinds)) % len(names)], sounds[kind]) for k in range(count)
    ]


def _write_sounds(root: Path) -> None:
    """Two recordings, and a set of mixtures, of the bundled examples."""
    chosen = [one.id for one in available_examples() if len(one.voices) == 2 and one.tier == "bundled"]
    first = mix_example(chosen[0], 0.0)
    for name, seconds in (("short", SHORT), ("long", LONG)):
        soundfile.write(root / f"{name}.wav", np.resize(first.mixture, seconds * RATE), RATE)
    for number in range(MIXTURES):
        one, start = mix_example(chosen[number % len(chosen)], 0.0), number * RATE // 4
        for part, samples in (("mix", one.mixture), ("s1", one.references[0]), ("s2", one.references[1])):
            path = root / "set" / part / f"{number}.wav"
            path.parent.mkdir(parents=True, exist_ok=True)
            soundfile.write(path, samples[start : start + MIXTURE_SECONDS * RATE], RATE)


# What sessions do, and get


def _separate(address: str, work: Work) -> dict[str, bytes]:
    """{file's name: WAV} of the voices, saved one by one."""
    with Visitor(address, sound="upload", model=work.model) as visitor:
        visitor.upload("mixture_file", (work.sound.name, work.sound.read_bytes()))
        return {f"s{k}": _saved(visitor, f"Speaker {k}") for k in (1, 2)}


def _separate_in_chunks(address: str, work: Work) -> dict[str, bytes]:
    """The same, out of the zip of all files."""
    with Visitor(address, sound="upload", model=work.model) as visitor:
        visitor.upload("mixture_file", (work.sound.name, work.sound.read_bytes()))
        with zipfile.ZipFile(io.BytesIO(_saved(visitor, "All (zip)"))) as files:
            names = {k: next(one for one in files.namelist() if one.startswith(f"speaker_{k}")) for k in (1, 2)}
            return {f"s{k}": files.read(name) for k, name in names.items()}


def _saved(visitor: Visitor, label: str) -> bytes:
    """The file behind the button `label`, made on the click."""
    ask = BackMsg()
    button = next(one for name, one in visitor.downloads.items() if name == label or name.startswith(f"{label} "))
    ask.backend_operation_request.request_id = ask.backend_operation_request.session_id = visitor.session
    ask.backend_operation_request.deferred_file.file_id = button.deferred_file_id
    visitor.socket.send(ask.SerializeToString())
    while (answer := visitor.receive()).WhichOneof("type") != "backend_operation_response":
        pass
    url = answer.backend_operation_response.deferred_file.url
    found = requests.get(f"http://{visitor.address}{url}", timeout=600)
    found.raise_for_status()
    return found.content


def _evaluate(address: str, work: Work) -> dict[str, bytes]:
    """The file of results: of a job whose tab was closed, found again by its link alone."""
    with Visitor(address, page="corpus", corpus_view="Evaluate", model=work.model) as visitor:
        visitor.submit("Evaluate", corpus_set=work.sound.name, corpus_pesq=False)
        link = next(one for one in visitor.codes if "job=" in one)
    job = parse_qs(urlsplit(link).query)["job"][0]
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        with Visitor(address, page="corpus", corpus_view="Evaluate", job=job) as found:
            if any("Done." in one for one in found.marked):
                results = work.sound.parent / "runs" / "corpus" / f"set_{work.model}_no_pesq.csv"
                return {"results": results.read_bytes()}
            if "Cancel" in found.buttons:
                raise RuntimeError("a link alone may not cancel a job")
        time.sleep(2)
    raise TimeoutError("the evaluation did not end")


KINDS: dict[str, Callable[[str, Work], dict[str, bytes]]] = {
    "separation": _separate,
    "chunked": _separate_in_chunks,
    "evaluation": _evaluate,
}


# What the command line gives


def _difference(work: Work, given: dict[str, bytes], root: Path) -> float:
    """By how much the result differs from the command line's at most; 0 where it is equal bit for bit."""
    if work.kind == "evaluation":
        out = root / "line" / f"{work.model}.csv"
        if not out.exists():
            _run("analysis.corpus", root / "set", "--model", work.model, "--no-pesq", "--workers", "1", "-o", out)
        mine, theirs = read_results(given["results"]), read_results(out)
        rows = [{row.mixture: row.scores for row in found.good} for found in (mine, theirs)]
        scored, also_scored = ({name: set(row) for name, row in found.items()} for found in rows)
        if scored != also_scored or not scored:
            return float("inf")
        return max(abs(value - rows[1][name][column]) for name, row in rows[0].items() for column, value in row.items())
    folder = root / "line" / work.model
    files = {name: folder / f"{work.sound.stem}_{name}.wav" for name in given}
    if not all(path.is_file() for path in files.values()):
        _run("tasnet.separate", work.sound, "-o", folder, "--model", work.model)
    return max(_far_apart(given[name], path.read_bytes()) for name, path in files.items())


def _run(module: str, *arguments: object) -> None:
    subprocess.run([sys.executable, "-m", module, *map(str, arguments)], cwd=ROOT, check=True, capture_output=True)


def _far_apart(given: bytes, line: bytes) -> float:
    samples, rate = soundfile.read(io.BytesIO(given), dtype="float32")
    if (rounded := audio.wav(samples, rate)) == line:
        return 0.0
    return max(
        2.0**-15,  # other bytes: at least one step of 16 bits
        float(np.abs(soundfile.read(io.BytesIO(rounded))[0] - soundfile.read(io.BytesIO(line))[0]).max()),
    )


if __name__ == "__main__":
    main()
