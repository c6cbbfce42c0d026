"""Hostile files, uploaded by visitors to a server of their own: what each one is told, and what it costs.

    python -m benchmarks.attacks [--only NAME ...] [--crowd 16]

Each should end in one sentence, within 10 s and under 500 MB above the idle server, counting all that it started. The
first time is that of the first words about the file, the second that of the whole page: a long sound is separated on
it. At last `--crowd` visitors come at once, each with another of the files that are no sound, among them weights that
unfold to 380 MB; beside them one more visitor brings what is honest, and is told how long that took.
"""

import argparse
import io
import json
import pickle
import struct
import threading
import time
import zipfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import soundfile

import tasnet
from benchmarks.measured import write_measured
from benchmarks.server_memory import MB, Visitor, near_silence, started_server, watched

SMALL = tasnet.available()["convtasnet_small_gln_2spk_8k"]
Files = list[tuple[str, bytes]]
WEIGHTS, SOUND, TABLE = "own_weights", "mixture_file", "corpus_upload"
GRACE = 5
HEADER = {
    **dict.fromkeys(("model", "weights", "file", "set", "folder", "kind", "names", "training_data"), "x"),
    **{"parameters": 1, "precision": "float32", "split": "test", "mixtures": 200_000, "rate": 8000, "speakers": 2},
    "pesq": False,
}


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--only", nargs="*", choices=ATTACKS, default=list(ATTACKS), metavar="NAME")
    parser.add_argument("--crowd", type=int, default=16)
    parser.add_argument("--write", action="store_true", help="write docs/measured/attacks.json")
    arguments = parser.parse_args(argv)
    with started_server(GRACE) as (address, process), watched(process) as most:
        with Visitor(address) as visitor:
            visitor.upload(WEIGHTS, ("a.pth", zeros(8)))  # what children need is there
        time.sleep(1)
        most()
        time.sleep(1)
        idle = most()
        print(f"idle: {idle / MB:.0f} MB", flush=True)
        rows: list[list[str]] = []
        for name in arguments.only:
            widget, make = ATTACKS[name]
            files = make()
            with attacker(address, widget) as visitor:
                most()
                began = time.perf_counter()
                visitor.upload(widget, *files)
                seconds = time.perf_counter() - began
                rows.append(_say(name, files, visitor.told - began, seconds, most() - idle, visitor.alerts))
        if arguments.crowd:
            rows += _crowd(address, arguments.crowd, most, idle)
    if arguments.write:
        write_measured(
            "attacks",
            order=8.4,
            title="Hostile files",
            about="Each is uploaded to a server of its own by a visitor. In time, until the page says something of the "
            f"file and until it is complete; in memory above the {idle / MB:.0f} MB of the idle server, at most.",
            columns=("what is brought", "size", "first words", "page", "memory"),
            rows=rows,
        )


def _crowd(address: str, size: int, most: Callable[[], int], idle: int) -> list[list[str]]:
    kinds = [(widget, make()) for widget, make in ATTACKS.values() if widget != SOUND]
    honest = [(SMALL.name, SMALL.read_bytes())]
    comes = threading.Barrier(size + 1)

    def one(widget: str, files: Files, *, alone: bool = False) -> tuple[float, float, list[str]]:
        with attacker(address, widget) as visitor:
            if not alone:
                comes.wait()
            began = time.perf_counter()
            visitor.upload(widget, *files)
            return visitor.told - began, time.perf_counter() - began, list(visitor.alerts)

    told, seconds, alerts = one(WEIGHTS, honest, alone=True)
    rows = [_say("an honest one alone, separation and all", honest, told, seconds, most() - idle, alerts)]
    with ThreadPoolExecutor(size + 1) as pool:
        asked = [pool.submit(one, *kinds[k % len(kinds)]) for k in range(size)]
        beside = pool.submit(one, WEIGHTS, honest)
        found = [future.result() for future in asked]
    for _, seconds, alerts in sorted(found):
        print(f"    {seconds:6.1f} s  {' | '.join(alerts)[:120]}")
    all_files = [file for k in range(size) for file in kinds[k % len(kinds)][1]]
    slowest = [max(one[k] for one in found) for k in (0, 1)]
    rows.append(_say(f"{size} at once", all_files, *slowest, most() - idle, []))
    told, seconds, alerts = beside.result()
    return [*rows, _say("an honest one beside them", honest, told, seconds, 0, alerts)]


def attacker(address: str, widget: str) -> Visitor:
    """A tab in which the file widget is."""
    if widget == TABLE:
        return Visitor(address, page="corpus")
    return Visitor(address, sound="upload") if widget == SOUND else Visitor(address)


def _say(name: str, files: Files, told: float, seconds: float, above: int, alerts: list[str]) -> list[str]:
    """Print what a file cost; the same as a row of a table. told: below 0 where the page said nothing of it."""
    size = f"{sum(len(content) for _, content in files) / 1000:.0f} kB"
    row = [f"{told:.1f} s" if told > 0 else "–", f"{seconds:.1f} s", f"{above / MB:+.0f} MB"]
    print(f"{name:40}{size:>12}{''.join(f'{one:>10}' for one in row)}  {' | '.join(alerts)[:160]}", flush=True)
    return [name, size, *row]


def zeros(elements: int) -> bytes:
    """A PyTorch file of so many zeros (float32), which compress to almost nothing."""
    import torch

    file, packed = io.BytesIO(), io.BytesIO()
    torch.save({"encoder.filterbank._filters": torch.zeros(8)}, file)
    with zipfile.ZipFile(file) as old, zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            if not name.endswith("/data/0"):
                new.writestr(name, old.read(name))
                continue
            with new.open(name, "w", force_zip64=True) as out:
                for start in range(0, elements * 4, 1 << 20):
                    out.write(bytes(min(1 << 20, elements * 4 - start)))
    return packed.getvalue()


def expanded(elements: int) -> bytes:
    """A PyTorch file of one number, which it says to be repeated so many times."""
    import torch

    file = io.BytesIO()
    torch.save({"encoder.filterbank._filters": torch.zeros(1, dtype=torch.float16).expand(elements)}, file)
    return file.getvalue()


def beside(name: str, content: str) -> Files:
    """A file of settings, and a file that only claims to hold weights."""
    return [(name, content.encode()), ("a.pth", zeros(8))]


def aliases(merge: bool) -> str:
    """YAML of lists, or of mappings merged, each of nine times the one before."""
    if merge:
        lines = ["a0: &a0 {x: 1}"]
        lines += [f"a{k}: &a{k} {{<<: [{', '.join([f'*a{k - 1}'] * 9)}]}}" for k in range(1, 12)]
    else:
        lines = ["a0: &a0 [x,x,x,x,x,x,x,x,x]"]
        lines += [f"a{k}: &a{k} [{','.join([f'*a{k - 1}'] * 9)}]" for k in range(1, 40)]
    return "\n".join(lines) + "\n"


def bomb_of_pickle() -> bytes:
    """A pickle that doubles a tuple fifty times."""
    code = b"\x80\x02K\x01q\x00"
    for number in range(60):
        code += b"h" + bytes([number]) + b"h" + bytes([number]) + b"\x86q" + bytes([number + 1]) + b"0"
        code += b"h" + bytes([number + 1])
    return code + b"."


def safetensors_claiming(length: int) -> bytes:
    """A file that declares a header of this length."""
    return struct.pack("<Q", length) + b"{" * 1000


def table(*rows: str) -> Files:
    """A file of results."""
    columns = "index,mixture,seconds,speakers,genders,problem,Conv-TasNet.si_snri.1,Conv-TasNet.si_snri.2"
    return [("many.csv", "\n".join([f"# {json.dumps(HEADER)}", columns, *rows]).encode())]


def wav_claiming(length: int) -> bytes:
    """A WAV of one second whose header declares another length."""
    file = io.BytesIO()
    soundfile.write(file, np.zeros(8000), 8000, format="WAV")
    content = bytearray(file.getvalue())
    content[40:44] = struct.pack("<I", length)
    return bytes(content)


def packed_zeros(size: int) -> bytes:
    """A zip of a file of zeros."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as out:
        out.writestr("archive/data.pkl", bytes(size))
    return file.getvalue()


PLAYLIST = "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nfile:///dev/zero\n#EXT-X-ENDLIST\n"
ATTACKS: dict[str, tuple[str, Callable[[], Files]]] = {
    "YAML of nested aliases": (WEIGHTS, lambda: beside("conf.yml", aliases(False))),
    "YAML of nested merges": (WEIGHTS, lambda: beside("conf.yml", aliases(True))),
    "YAML of nested lists": (WEIGHTS, lambda: beside("conf.yml", "[" * 300_000)),
    "JSON, nested": (WEIGHTS, lambda: beside("conf.json", '{"a":' * 200_000)),
    "JSON with a number of 4 MB": (WEIGHTS, lambda: beside("conf.json", f'{{"N": {"9" * (4 << 20)}}}')),
    "weights that unfold to 380 MB": (WEIGHTS, lambda: [("a.pth", zeros(95 << 20))]),
    "weights that repeat a number": (WEIGHTS, lambda: [("a.pth", expanded(95 << 20))]),
    "weights that unfold to 1 GB": (WEIGHTS, lambda: [("a.pth", zeros(1 << 28))]),
    "a pickle that unfolds to 1 GB": (WEIGHTS, lambda: [("a.pt", packed_zeros(1 << 30))]),
    "a pickle that doubles itself": (WEIGHTS, lambda: [("a.pt", bomb_of_pickle())]),
    "a pickle that calls os.system": (WEIGHTS, lambda: [("a.pt", pickle.dumps(print))]),
    "weights with a header of 1 TB": (WEIGHTS, lambda: [("a.safetensors", safetensors_claiming(1 << 40))]),
    "a table of 60,000 speakers": (TABLE, lambda: table(*(f"{k},m{k},1,a{k};b{k},,,1,2" for k in range(30_000)))),
    "a table of one row of 4 MB": (TABLE, lambda: table("0,a,1," + ";".join(map(str, range(600_000))) + ",,,1,2")),
    "8 h of sound": (SOUND, lambda: [("day.flac", near_silence(8))]),
    "a WAV that claims 4 GB": (SOUND, lambda: [("a.wav", wav_claiming(0xFFFFFFF0))]),
    "a playlist of a device": (SOUND, lambda: [("a.mp3", PLAYLIST.encode())]),
}


if __name__ == "__main__":
    main()
