"""Memory of the app's server with what it has started: 20 visitors at once, two uploads of a day of sound, all gone.

    python -m benchmarks.server_memory [--visitors 20] [--uploads 2] [--hours 24] [--grace 20]

The visitors speak Streamlit's own protocol over websockets, so no browser is needed. Each opens the page Separate on an
example at a level of its own and waits for its scores. The uploads are FLAC files of a few MB, which decode to
gigabytes unless the app stops reading at its limit. --grace is `server.disconnectedSessionTTL`: how long an upload
outlives its last tab.
"""

import argparse
import contextlib
import io
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlencode

import numpy as np
import psutil
import requests
import soundfile
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.Common_pb2 import FileURLs, UploadedFileInfo
from streamlit.proto.DownloadButton_pb2 import DownloadButton
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.sync.client import connect

from analysis.sounds import examples
from benchmarks.measured import write_measured

ROOT = Path(__file__).parents[1]
RATE = 8000
MB = 1e6


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--visitors", type=int, default=20)
    parser.add_argument("--uploads", type=int, default=2)
    parser.add_argument("--hours", type=float, default=24)
    parser.add_argument("--grace", type=int, default=20)
    parser.add_argument("--write", action="store_true", help="write docs/measured/server_memory.json")
    arguments = parser.parse_args(argv)
    huge = near_silence(arguments.hours)
    print(f"each upload: {arguments.hours:g} h, {len(huge) / MB:.1f} MB of FLAC")
    names = [e.id for e in examples.available_examples() if len(e.voices) == 2]
    with started_server(arguments.grace) as (address, process), watched(process) as most:
        rows: list[list[str]] = []

        def say(what: str) -> None:
            row = [what, f"{memory(process) / MB:.0f} MB", f"{most() / MB:.0f} MB"]
            print(f"{row[0]:48}{row[1]:>10}   most {row[2]:>10}", flush=True)
            rows.append(row)

        say("started")
        with Visitor(address, example=names[0]):
            say("one visitor has looked")
        with contextlib.ExitStack() as stack:
            began = time.perf_counter()
            everyone = at_once(
                lambda i: Visitor(address, example=names[i % len(names)], snr=f"{0.5 * i - 4:g}"), arguments.visitors
            )
            for one in everyone:
                stack.enter_context(one)
            say(f"{len(everyone)} visitors served in {time.perf_counter() - began:.1f} s")
            began = time.perf_counter()
            for one in at_once(lambda _: Visitor(address, sound="upload"), arguments.uploads):
                stack.enter_context(one).upload("mixture_file", ("day.flac", huge))
                say(f"an upload is on show after {time.perf_counter() - began:.1f} s")
        for wait in (arguments.grace + 15, 60):
            time.sleep(wait)
            say(f"{wait} s later, all tabs closed")
    if arguments.write:
        write_measured(
            "server_memory",
            order=8,
            title="Memory of the app's server",
            about=f"Of the server with all that it has started, what they share counted once. {arguments.visitors} "
            f"visitors come at once; then {arguments.uploads} uploads of {arguments.hours:g} hours of sound, "
            f"{len(huge) / MB:.1f} MB of FLAC each.",
            columns=("when", "memory", "at most since the line above"),
            rows=rows,
        )


def near_silence(hours: float) -> bytes:
    """A FLAC of sparse noise, one 16-bit step in height."""
    file, random = io.BytesIO(), np.random.default_rng(0)
    with soundfile.SoundFile(file, "w", RATE, 1, "PCM_16", format="FLAC") as out:
        minute = np.zeros(60 * RATE, np.int16)
        minute[random.integers(0, len(minute), 50)] = 1
        for _ in range(round(60 * hours)):
            out.write(minute)
    return file.getvalue()


@contextlib.contextmanager
def started_server(grace: int, root: Path | None = None) -> Iterator[tuple[str, psutil.Process]]:
    """The app on a free port: its address and its process. root: the folder that its pages may read."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = {"port": port, "disconnectedSessionTTL": grace, "enableXsrfProtection": "false"}
    command = [sys.executable, "-m", "streamlit", "run", "app.py"]
    command += [f"--server.{name}={value}" for name, value in options.items()]
    environment = os.environ | ({"TASNET_LENS_ROOT": str(root)} if root else {})
    with (
        tempfile.TemporaryFile() as log,
        subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log, env=environment) as process,
    ):
        try:
            for _ in range(1200):
                with contextlib.suppress(OSError):
                    urllib.request.urlopen(f"http://localhost:{port}/_stcore/health", timeout=2).close()
                    break
                time.sleep(0.25)
            yield f"localhost:{port}", psutil.Process(process.pid)
        finally:
            process.terminate()


def memory(process: psutil.Process) -> int:
    """Bytes that `process` and what it has started have in memory; what they share counts once (Pss)."""
    total = 0
    with contextlib.suppress(psutil.Error):
        for one in (process, *process.children(recursive=True)):
            with contextlib.suppress(OSError, StopIteration):
                lines = Path(f"/proc/{one.pid}/smaps_rollup").read_text().splitlines()
                total += 1024 * int(next(line.split()[1] for line in lines if line.startswith("Pss:")))
    return total


@contextlib.contextmanager
def watched(process: psutil.Process) -> Iterator[Callable[[], int]]:
    """A function that returns the peak `memory` of `process` since its last call."""
    ended, most = threading.Event(), [0]

    def watch() -> None:
        while not ended.wait(0.05):
            now = memory(process)
            most[0] = max(most[0], now)

    def take() -> int:
        found, most[0] = most[0], 0
        return max(found, memory(process))

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield take
    finally:
        ended.set()
        thread.join()


def at_once(make: Callable[[int], "Visitor"], count: int) -> list["Visitor"]:
    """`count` visitors that come at the same time; raises what the first failing one raised."""
    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(make, range(count)))


class Visitor:
    """A tab: the app opened with the parameters `query`, once its page is complete. Raises if the page does."""

    def __init__(self, address: str, page: str = "", **query: str) -> None:
        self.address, self.page, self.query = address, page, urlencode(query)
        self.closing = contextlib.ExitStack()
        self.socket = self.closing.enter_context(
            connect(
                f"ws://{address}/_stcore/stream",
                subprotocols=["streamlit"],
                max_size=None,
                ping_interval=None,
                close_timeout=1,
            )
        )
        self.session, self.widgets, self.errors, self.alerts = "", {}, [], []
        self.downloads: dict[str, DownloadButton] = {}  # by label
        self.codes: list[str] = []  # what stands in boxes to be copied
        self.marked: list[str] = []  # Markdown
        self.buttons: dict[str, str] = {}  # {label: id}
        self.told = 0.0  # when the page first said something of what was brought (`time.perf_counter`)
        self.awaited = ""  # the name that it is known by then
        self.run()

    def __enter__(self) -> "Visitor":
        return self

    def __exit__(self, *_) -> None:
        self.closing.close()

    def run(self, message: BackMsg | None = None) -> None:
        """Ask for the page, with the widgets' states in `message`, and read it."""
        message = message or BackMsg()
        message.rerun_script.query_string, message.rerun_script.page_name = self.query, self.page
        self.socket.send(message.SerializeToString())
        for found in (self.errors, self.codes, self.marked, self.buttons, self.downloads):
            found.clear()
        self.told = 0.0
        self.alerts.clear()
        while self.receive().WhichOneof("type") != "script_finished":
            pass
        if self.errors:
            raise RuntimeError("; ".join(self.errors))

    def receive(self) -> ForwardMsg:
        message = ForwardMsg.FromString(self.socket.recv(timeout=600))
        if message.WhichOneof("type") == "new_session":
            self.session = message.new_session.initialize.session_id
        element = message.delta.new_element
        kind = element.WhichOneof("type")
        if kind in ("file_uploader", "text_input", "checkbox"):
            self.widgets[getattr(element, kind).label] = getattr(element, kind).id
        if kind == "exception":
            self.errors.append(element.exception.message)
        if kind == "alert":
            self.alerts.append(element.alert.body)
        if kind == "markdown":
            self.marked.append(element.markdown.body)
        if kind == "code":
            self.codes.append(element.code.code_text)
        if kind == "button":
            self.buttons[element.button.label] = element.button.id
        if kind == "download_button":
            self.downloads[element.download_button.label] = element.download_button
        known = kind == "markdown" and self.awaited and self.awaited in element.markdown.body
        if not self.told and (known or kind == "alert"):
            self.told = time.perf_counter()
        return message

    def submit(self, label: str, **values: str | bool) -> None:
        """Fill the widgets whose keys are given, press the button `label`, and read the page that follows."""
        message = BackMsg()
        for key, value in values.items():
            state = message.rerun_script.widget_states.widgets.add()
            state.id = next(widget for widget in self.widgets.values() if widget.endswith(f"-{key}"))
            setattr(state, "bool_value" if isinstance(value, bool) else "string_value", value)
        pressed = message.rerun_script.widget_states.widgets.add()
        pressed.id, pressed.trigger_value = self.buttons[label], True
        self.run(message)

    def upload(self, key: str, *files: tuple[str, bytes]) -> None:
        """Upload files (name, content) through the file widget `key`, and read the page that follows."""
        self.awaited = files[0][0] if files else ""
        asked = BackMsg()
        asked.file_urls_request.request_id = key
        asked.file_urls_request.file_names.extend(name for name, _ in files)
        asked.file_urls_request.session_id = self.session
        self.socket.send(asked.SerializeToString())
        while (answer := self.receive()).WhichOneof("type") != "file_urls_response":
            pass
        message = BackMsg()
        state = message.rerun_script.widget_states.widgets.add()
        state.id = next(widget for widget in self.widgets.values() if key in widget)
        urls: FileURLs
        for (name, content), urls in zip(files, answer.file_urls_response.file_urls, strict=True):
            file = {"file": (name, content)}
            requests.put(f"http://{self.address}{urls.upload_url}", files=file, timeout=600).raise_for_status()
            info = UploadedFileInfo(name=name, size=len(content), file_id=urls.file_id, file_urls=urls)
            state.file_uploader_state_value.uploaded_file_info.append(info)
        self.run(message)


if __name__ == "__main__":
    main()
