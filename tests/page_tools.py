"""What tests need to drive pages: the app in memory, what it says, and waiting for what a browser shows."""

import io
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from streamlit.testing.v1 import AppTest

APP = Path(__file__).parents[1] / "app.py"
QUIET_PAGE = """
const app = document.querySelector('[data-testid=stApp]'); // its state changes at once, the sign for people later
const busy = app?.dataset.testScriptState !== 'notRunning' || app.dataset.testConnectionState !== 'CONNECTED'
  || document.querySelector('[data-testid=stStatusWidget], [data-testid=stSkeleton], [data-stale=true]');
const places = [...document.querySelectorAll('.js-plotly-plot, .tasnet-player')].map(one => {
  const box = one.getBoundingClientRect();
  return [box.x, box.y, box.width, box.height].map(Math.round).join();
});
return busy ? null : places.join(';') + '|' + document.body.scrollHeight;
"""


def open_page(page: str = "pages/separate.py", **query: str) -> AppTest:
    """The app on `page`, opened by a link with the parameters `query`; it must show no traceback."""
    app = AppTest.from_file(str(APP), default_timeout=240)
    for name, value in query.items():
        app.query_params[name] = value
    if page == "pages/separate.py":
        app.run()
    else:
        app.switch_page(page).run()
    assert not app.exception
    return app


def texts(app: AppTest) -> str:
    """Everything that the page says in words."""
    parts = [*app.markdown, *app.caption, *app.info, *app.warning, *app.error, *app.success, *app.expander]
    return "\n".join(getattr(part, "value", "") or part.label for part in parts)


def wav_file(samples: np.ndarray, rate: int = 8000, subtype: str = "FLOAT") -> bytes:
    """A WAV file by soundfile: not by the code under test."""
    file = io.BytesIO()
    soundfile.write(file, samples, rate, format="WAV", subtype=subtype)
    return file.getvalue()


def upload(app: AppTest, key: str, *files: tuple[str, bytes]) -> AppTest:
    """Bring `files` (name, content) through the file widget `key`, or the one that took its place after it was used."""
    named = [(name, data, "audio/wav") for name, data in files]
    door = next(one for one in app.file_uploader if one.key == key or one.key.startswith(f"{key}_"))
    door.set_value(named if key != "mixture_file" else named[0]).run()
    assert not app.exception
    return app


def wait_for(condition: Callable[[], Any], what: str = "the page's answer", seconds: float = 180) -> Any:
    """The first true value of `condition()`; the test fails where `what` does not come."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if value := condition():
            return value
        time.sleep(0.05)
    return pytest.fail(f"waited {seconds:.0f} s in vain for {what}")


def wait_until_settled(browser) -> None:
    """Wait until the server is done with the page and nothing on it has moved for half a second."""
    last, since = None, time.monotonic()

    def settled() -> bool:
        nonlocal last, since
        now = browser.execute_script(QUIET_PAGE)
        if now is None or now != last:
            last, since = now, time.monotonic()
        return now is not None and time.monotonic() - since > 0.5

    wait_for(settled, "the page to come to rest")
