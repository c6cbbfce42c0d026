"""Pictures of all pages in both themes and at both widths, for docs/screenshots: as a headless Chromium shows them.

    python -m benchmarks.screenshots [docs/screenshots] [--pages separate corpus] [--address localhost:8501]

Each is a WebP of less than 100 kB, called PAGE-WIDTH-THEME.webp. Without an address a server is started.
"""

import argparse
import contextlib
import io
import time
from collections.abc import Sequence
from pathlib import Path

from PIL import Image
from selenium import webdriver

from benchmarks.pages import PAGES
from benchmarks.server_memory import started_server
from benchmarks.waits import AT_REST, browser, wait_for

VIEWS = {**PAGES, "separate-two": "?second=convtasnet_medium_gln_2spk_8k"}
SIZES = {1440: 1300, 390: 1500}  # CSS pixels: more than a screen is high, so that what stands below is seen too
THEMES = ("light", "dark")
LARGEST = 100_000  # bytes
QUALITIES = (75, 60, 45, 30)
MEASURED = "return !document.querySelector('[data-testid=stProgress], [data-testid=stSpinner]')"


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", nargs="?", type=Path, default=Path("docs/screenshots"))
    parser.add_argument("--pages", nargs="*", choices=VIEWS, default=list(VIEWS))
    parser.add_argument("--address", help="of a server that runs already")
    arguments = parser.parse_args(argv)
    arguments.folder.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as stack:
        address = arguments.address or stack.enter_context(started_server(60))[0]
        window = stack.enter_context(browser())
        for name in arguments.pages:
            show(window, *next(iter(SIZES.items())), THEMES[0])
            window.get(f"http://{address}/{VIEWS[name]}")
            wait_for(window, AT_REST, 300)
            with contextlib.suppress(TimeoutError):
                wait_for(window, MEASURED, 60)
            for width, height in SIZES.items():
                for theme in THEMES:
                    show(window, width, height, theme)
                    time.sleep(2)  # pictures are drawn anew
                    wait_for(window, AT_REST, 300)
                    path = arguments.folder / f"{name}-{width}-{theme}.webp"
                    path.write_bytes(compressed(window.get_screenshot_as_png()))
                    print(path, f"{path.stat().st_size / 1000:.0f} kB", flush=True)


def show(window: webdriver.Chrome, width: int, height: int, theme: str) -> None:
    """Let the window be of this size, and prefer this theme."""
    metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}
    window.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    scheme = [{"name": "prefers-color-scheme", "value": theme}]
    window.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": scheme})


def compressed(png: bytes) -> bytes:
    """The picture as WebP, of the best quality that is small enough."""
    picture = Image.open(io.BytesIO(png)).convert("RGB")
    for quality in QUALITIES:
        file = io.BytesIO()
        picture.save(file, "WEBP", quality=quality, method=6)
        if file.tell() < LARGEST:
            break
    return file.getvalue()


if __name__ == "__main__":
    main()
