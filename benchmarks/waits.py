"""What a visitor waits for, and how far the layout jumps meanwhile: a headless Chromium on a server of its own.

    python -m benchmarks.waits [--visits 5] [--sessions 20] [--reruns 1000] [--only shift]

Times are seconds, medians of `--visits`: from a new server's address (whose port has opened) to the mixture that can
be played; on a warm server, from a click to another page's heading and back, a fresh tab's heading, the mixture, the
voices and all scores of an example that nobody has opened before. Shift is the cumulative layout shift (worst window
of five seconds, as browsers report it; above 0.1 people notice, above 0.25 is poor) of every page at 1440 and 390 px.
Sessions: so many at once on the page Separate, with Streamlit's collection after every run and without, in one run;
reruns: what the server's memory has grown by after so many of them.
"""

import argparse
import contextlib
import os
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import psutil
from selenium import webdriver
from selenium.webdriver.common.by import By

from analysis.sounds import examples
from benchmarks.pages import PAGES
from benchmarks.server_memory import MB, Visitor, started_server

WIDTHS = {1440: 900, 390: 844}
PARTS = ("shift", "visits", "sessions", "reruns")
# Runs in every new document: when what a visitor looks for is there, and what has moved under their eyes.
WATCH = """
window.seen = {};
window.shifts = [];
new PerformanceObserver((list) => {
  for (const one of list.getEntries()) if (!one.hadRecentInput) window.shifts.push({
    at: one.startTime, value: one.value,
    what: one.sources.map(({ node, previousRect, currentRect }) => {
      const element = node?.nodeType === 1 ? node : node?.parentElement;
      const name = element?.closest('[data-testid]')?.dataset.testid;
      const place = (box) => [box.x, box.y, box.width, box.height].map(Math.round);
      return `${name} .${element?.className} ${place(previousRect)} -> ${place(currentRect)}`;
    }),
  });
}).observe({ type: 'layout-shift', buffered: true });
const wanted = {
  heading: () => document.querySelector('h1'),
  mixture: () => document.querySelector('.tasnet-player')?.player?.transport,
  voices: () => {
    const player = document.querySelector('.tasnet-player')?.player;
    return player?.transport && player.data.tracks.length > 2 && player.root.dataset.state === 'ready';
  },
  scores: () => {
    const values = [...document.querySelectorAll('[data-testid=stMetricValue]')];
    return values.length >= 4 && values.every((one) => !one.textContent.includes('…'));
  },
};
const look = () => {
  for (const [name, there] of Object.entries(wanted)) if (!(name in window.seen) && there()) {
    window.seen[name] = performance.now() / 1000;
  }
  setTimeout(look, 5);
};
look();
"""
AT_REST = """
const app = document.querySelector('[data-testid=stApp]');
return Boolean(document.querySelector('h1')) && app?.dataset.testScriptState === 'notRunning'
  && !document.querySelector('[data-stale=true]');
"""


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--visits", type=int, default=5)
    parser.add_argument("--sessions", type=int, default=20)
    parser.add_argument("--reruns", type=int, default=1000)
    parser.add_argument("--only", choices=PARTS, nargs="*", default=PARTS)
    parser.add_argument("--pages", nargs="*", default=list(PAGES.values()), help="of which the shift is measured")
    arguments = parser.parse_args(argv)
    if "visits" in arguments.only:
        say("first visit to a new server: mixture", [first_visit() for _ in range(arguments.visits)])
        warm_visits(arguments.visits)
    if "shift" in arguments.only:
        layout_shift(arguments.pages)
    if "sessions" in arguments.only:
        for collects in ("true", "false"):
            many_sessions(arguments.sessions, collects)
    if "reruns" in arguments.only:
        grown(arguments.reruns)


def say(what: str, seconds: Sequence[float]) -> None:
    """A line: the median, and from where to where the single values go."""
    low, middle, high = min(seconds), statistics.median(seconds), max(seconds)
    print(f"{what:58}{middle:8.2f} s   ({low:.2f} to {high:.2f})", flush=True)


@contextlib.contextmanager
def browser(width: int = 1440) -> Iterator[webdriver.Chrome]:
    """A headless Chromium of this width whose documents are watched."""
    options = webdriver.ChromeOptions()
    flags = ("headless=new", "no-sandbox", "disable-gpu", "disable-dev-shm-usage", "no-first-run")
    for flag in (*flags, "disable-background-networking", "autoplay-policy=no-user-gesture-required"):
        options.add_argument(f"--{flag}")
    with tempfile.TemporaryDirectory() as profile:
        options.add_argument(f"--user-data-dir={profile}")
        window = webdriver.Chrome(options=options)
        try:
            window.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": WATCH})
            resize(window, width)
            yield window
        finally:
            window.quit()


def resize(window: webdriver.Chrome, width: int) -> None:
    metrics = {"width": width, "height": WIDTHS[width], "deviceScaleFactor": 1, "mobile": width < 500}
    window.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)


def wait_for(window: webdriver.Chrome, script: str, seconds: float = 120.0) -> object:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := window.execute_script(script):
            return found
        time.sleep(0.02)
    raise TimeoutError(f"waited {seconds:g} s for {script}")


def first_visit() -> float:
    """From the address of a server that has just started to answer, to a mixture that can be played."""
    with started_server(20) as (address, _), browser() as window:
        window.get(f"http://{address}")
        return wait_for(window, "return window.seen?.mixture")


def warm_visits(count: int) -> None:
    """Fresh tabs and switches between pages on a server that has shown all of them before."""
    with started_server(20) as (address, _), browser() as window:
        for page in ("", "filters", ""):
            window.get(f"http://{address}/{page}")
            wait_for(window, AT_REST)
        switches = []
        for index in range(2 * count):
            link = window.find_elements(By.CSS_SELECTOR, "[data-testid=stSidebarNavLink]")[(index + 1) % 2]
            before = window.find_element(By.TAG_NAME, "h1").text
            began = time.perf_counter()
            link.click()
            wait_for(window, f"const h = document.querySelector('h1'); return h && h.textContent !== {before!r}")
            switches.append(time.perf_counter() - began)
            wait_for(window, AT_REST)
        say("warm: another page's heading, inside the app", switches)
        tabs: dict[str, list[float]] = {"heading": [], "mixture": [], "voices": [], "scores": []}
        pairs = [one.id for one in examples.available_examples() if len(one.voices) == 2]
        for index in range(count):  # a level that nobody has asked for: nothing of it is there yet
            window.get(f"http://{address}/?example={pairs[index % len(pairs)]}&snr={-4.5 + index}")
            wait_for(window, "return window.seen?.scores")
            for name, seconds in window.execute_script("return window.seen").items():
                tabs[name].append(seconds)
        say("warm: a fresh tab's heading", tabs["heading"])
        say("warm: mixture, after the heading", [b - a for a, b in zip(tabs["heading"], tabs["mixture"], strict=True)])
        say("warm: voices of an example, in all", tabs["voices"])
        say("warm: all scores, in all", tabs["scores"])


def layout_shift(pages: Sequence[str]) -> None:
    """Print every page's shift at both widths, and for those above 0.1 what moved most."""
    with started_server(20) as (address, _), browser() as window:
        for page in pages:
            for width in WIDTHS:
                resize(window, width)
                window.get(f"http://{address}/{page}")
                wait_for(window, AT_REST)
                time.sleep(2)
                wait_for(window, AT_REST)
                shifts = window.execute_script("return window.shifts")
                total = worst_window(shifts)
                print(f"shift {page or 'separate':32}{width:6} px {total:8.3f}", flush=True)
                if total > 0.1:
                    for one in sorted(shifts, key=lambda one: -one["value"])[:3]:
                        print(f"    {one['value']:.3f} at {one['at']:.0f} ms: {'; '.join(one['what'])[:400]}")


def worst_window(shifts: Sequence[dict]) -> float:
    """The largest sum of shifts less than 1 s apart within 5 s: the cumulative layout shift."""
    worst = total = 0.0
    start = last = -1e9
    for one in shifts:
        if one["at"] - last > 1000 or one["at"] - start > 5000:
            start, total = one["at"], 0.0
        total, last = total + one["value"], one["at"]
        worst = max(worst, total)
    return worst


def many_sessions(count: int, collects: str) -> None:
    """So many tabs at once, each on an example of its own level; then each looks at another page."""
    os.environ["STREAMLIT_RUNNER_POST_SCRIPT_GC"] = collects
    pairs = [one.id for one in examples.available_examples() if len(one.voices) == 2]
    with started_server(20) as (address, process):

        def visit(index: int) -> tuple[float, float]:
            began = time.perf_counter()
            with Visitor(address, example=pairs[index % len(pairs)], snr=f"{0.5 * (index % 20) - 4.5:g}") as one:
                complete = time.perf_counter() - began
                began = time.perf_counter()
                one.run()
                return complete, time.perf_counter() - began

        visit(0)
        with ThreadPoolExecutor(count) as pool:
            times = list(pool.map(visit, range(count)))
        say(f"{count} sessions, collecting after runs: {collects}; complete", [one for one, _ in times])
        say(f"{count} sessions, collecting after runs: {collects}; again", [one for _, one in times])
        print(f"    memory {process.memory_info().rss / MB:.0f} MB")
    del os.environ["STREAMLIT_RUNNER_POST_SCRIPT_GC"]


def grown(reruns: int) -> None:
    """The server's memory while one tab asks for the same page again and again."""
    with started_server(20) as (address, process), Visitor(address) as visitor:
        for index in range(reruns + 1):
            if index % max(reruns // 5, 1) == 0:
                memory = psutil.Process(process.pid).memory_info().rss / MB
                print(f"after {index:5} reruns {memory:8.0f} MB", flush=True)
            visitor.run()


if __name__ == "__main__":
    main()
