"""The network in a browser: time and size beside onnxruntime-web, and the live view with a file for a microphone.

    npm install onnxruntime-web@1.30.0
    python -m benchmarks.browser_speed --ort node_modules/onnxruntime-web/dist [--rounds 30]
    python -m benchmarks.browser_speed --live 20 [--model NAME ...] [--thread worker] [--throttle 2]

In headless Chromium, on one thread each: the two run in one page, in turns, round after round, and what is given is the
median of a packet's or a sound's time. The models are the bundled ones, for onnxruntime-web as `tasnet.export` writes
them (`--step` for a stream). How much is loaded is that of the files, as they are and compressed by gzip.

--live opens the static site and lets its live view hear a bundled example for so many seconds with each causal model:
where the network runs, the delay from a sample heard to the sample played (all buffers, without the sound card), the
packets in time, the share of the time that the network works, and what the page's memory has grown by after the first
quarter of the time. --throttle slows the page itself down so many times
(not the audio thread, which Chromium does not throttle).
"""

import argparse
import contextlib
import functools
import gzip
import http.server
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import soundfile
from selenium import webdriver

from analysis import site
from analysis.sounds import examples
from tasnet import ConvTasNet, checkpoint
from tasnet.audio import resample
from tasnet.export.__main__ import write_onnx
from tasnet.places import WEB

CAUSAL = ("convtasnet_small_cln_2spk_8k", "convtasnet_medium_cln_2spk_8k")
WHOLE = ("convtasnet_small_gln_2spk_8k", "convtasnet_medium_gln_2spk_8k")
ENGINES = {"ours": ("browser/*.js", "browser/engine.wasm"), "theirs": ("ort/*.mjs", "ort/*.wasm")}
ORT = ("ort.wasm.min.mjs", "ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm")
FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-dev-shm-usage",
    "--autoplay-policy=no-user-gesture-required",
    "--enable-precise-memory-info",
)
COMPARE = """
import("./browser_speed.mjs").then((one) => one.run(arguments[0]))
  .then(arguments[1], (error) => arguments[1](String(error)));
"""
FIGURES = """
const said = (css) => document.querySelector(css).textContent;
const names = ["delay", "in-time", "packets", "work"];
const figures = Object.fromEntries(names.map((name) => [name, said(`[data-show=${name}]`)]));
return { ...figures, thread: site.talk.live.run?.thread, model: site.talk.model.name, says: said(".tt-status") };
"""


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--ort", type=Path, metavar="DIST", help="the folder dist of the npm package onnxruntime-web")
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--live", type=float, metavar="SECONDS")
    parser.add_argument("--model", nargs="+", default=CAUSAL, metavar="NAME", help="for --live: causal models")
    parser.add_argument("--thread", choices=("audio", "worker"), help="where the network runs live; else as it chooses")
    parser.add_argument("--throttle", type=float, default=1)
    arguments = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if arguments.ort:
            compare(folder, arguments.ort, arguments.rounds)
        if arguments.live:
            listen(folder / "site", arguments.live, arguments.model, arguments.thread, arguments.throttle)


def compare(folder: Path, ort: Path, rounds: int) -> None:
    """Print the times and sizes of both engines."""
    shutil.copytree(WEB / "browser", folder / "browser", ignore=shutil.ignore_patterns("site", "view"))
    shutil.copy(Path(__file__).with_suffix(".mjs"), folder)
    (folder / "ort").mkdir()
    for name in ORT:
        shutil.copy(ort / name, folder / "ort")
    for name in (*CAUSAL, *WHOLE):
        path = checkpoint.bundled()[name]
        shutil.copy(path, folder / f"{name}.safetensors")
        write_onnx(ConvTasNet.from_pretrained(path), folder / f"{name}.onnx", step=name in CAUSAL)
    (folder / "index.html").write_text("<!doctype html><title>Times</title>")
    with served(folder) as address, opened(folder / "profile") as window:
        window.get(address)
        found = window.execute_async_script(COMPARE, {"causal": CAUSAL, "whole": WHOLE, "rounds": rounds})
    if isinstance(found, str):
        raise SystemExit(found)
    for row in found["rows"]:
        print(
            f"{row['name']:32} {row['milliseconds']:6g} ms of sound: ours {row['ours']:8.3f} ms, onnxruntime-web "
            f"{row['theirs']:8.3f} ms, ratio {row['theirs'] / row['ours']:5.2f}; {row['apart']:.0e} apart"
        )
    print(f"a GPU for WebGPU: {'yes' if found['gpu'] else 'none'}")
    for engine, patterns in ENGINES.items():
        loaded = [path.read_bytes() for pattern in patterns for path in sorted(folder.glob(pattern))]
        sizes = sum(map(len, loaded)), sum(len(gzip.compress(one)) for one in loaded)
        print(f"{engine}: {sizes[0] / 1e6:.2f} MB, compressed {sizes[1] / 1e6:.2f} MB")
    for kind in ("safetensors", "onnx"):
        print(*(f"{path.name}: {path.stat().st_size / 1e6:.2f} MB" for path in sorted(folder.glob(f"*.{kind}"))))


def listen(folder: Path, seconds: float, models: Sequence[str], thread: str | None, throttle: float) -> None:
    """Print what the live view says of itself after hearing an example with each of the models."""
    site.write_site(folder)
    example = next(one for one in examples.available_examples() if one.tier == "bundled" and len(one.voices) == 2)
    sound = examples.mix_example(example.id)
    microphone = folder.parent / "microphone.wav"
    soundfile.write(microphone, resample(sound.mixture, sound.rate, 48_000), 48_000, subtype="FLOAT")
    hears = ("--use-fake-device-for-media-stream", f"--use-file-for-fake-audio-capture={microphone}")
    with served(folder) as address, opened(folder.parent / "profile", *hears) as window:
        window.execute_cdp_cmd("Browser.grantPermissions", {"origin": address, "permissions": ["audioCapture"]})
        window.get(address)
        while window.execute_script("return document.body.dataset.state") != "ready":
            time.sleep(0.1)
        window.execute_cdp_cmd("Emulation.setCPUThrottlingRate", {"rate": throttle})
        for model in models:
            window.execute_async_script(
                "site.talk.choose(arguments[0]); site.talk.start({ thread: arguments[1] }).then(arguments[2])",
                model,
                thread,
            )
            time.sleep(seconds / 4)
            before = heap(window)
            time.sleep(seconds * 3 / 4)
            found = window.execute_script(FIGURES)
            grown = heap(window) - before
            window.execute_script("site.talk.stop()")
            print(model, found, f"page's memory {before / 1e6:.1f} MB and {grown / 1e6:+.1f} MB", flush=True)


def heap(window: webdriver.Chrome) -> int:
    """Bytes of the page's objects and arrays that are still in use."""
    window.execute_cdp_cmd("HeapProfiler.collectGarbage", {})
    return window.execute_script("return performance.memory.usedJSHeapSize")


@contextlib.contextmanager
def served(folder: Path) -> Iterator[str]:
    """The address of a server of `folder`."""

    class Handler(http.server.SimpleHTTPRequestHandler):
        def guess_type(self, path: str | os.PathLike[str]) -> str:
            return "text/javascript" if str(path).endswith((".js", ".mjs")) else super().guess_type(path)

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=folder))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


@contextlib.contextmanager
def opened(profile: Path, *flags: str) -> Iterator[webdriver.Chrome]:
    """A headless Chromium."""
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or ""
    for flag in (*FLAGS, *flags, f"--user-data-dir={profile}"):
        options.add_argument(flag)
    window = webdriver.Chrome(options=options, service=webdriver.ChromeService(shutil.which("chromedriver")))
    window.set_script_timeout(600)
    try:
        yield window
    finally:
        window.quit()


if __name__ == "__main__":
    main()
