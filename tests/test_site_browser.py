"""The static site in a real browser: a microphone's two voices, and everything once more without a connection."""

import base64
import functools
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
from page_tools import wait_for
from test_browser_engine import CLOSE, apart, heard_live

import tasnet
from analysis import site
from analysis.scores.metrics import si_snr
from analysis.sounds import examples
from tasnet import audio, checkpoint

pytestmark = pytest.mark.browser

MEDIUM = "convtasnet_medium_cln_2spk_8k"
# In the audio thread: what the live view's processor hears, and what is on its way to the loudspeakers. Both are
# counted by the processor's calls: a busy browser leaves some out, whatever its clock says.
RECORDER = """
const [heard, played] = [[], []];
const register = globalThis.registerProcessor;
globalThis.registerProcessor = (name, Live) => register(name, class extends Live {
  process(inputs, outputs) {
    const on = super.process(inputs, outputs);
    if (this.ready) heard.push((inputs[0][0] ?? new Float32Array(128)).slice());
    return on;
  }
});
register("ears", class extends AudioWorkletProcessor {
  constructor() {
    super();
    this.port.onmessage = () => this.port.postMessage({ heard, played });
  }
  process([ears]) {
    if (ears.length) played[heard.length - 1] = ears.map((one) => one.slice());
    return true;
  }
});
"""
LISTEN = """
const own = AudioWorklet.prototype.addModule;
AudioWorklet.prototype.addModule = async function (file) {
  await own.call(this, "recorder.js");
  await own.call(this, file);
};
window.slow = site.talk.live.on.slow;
site.talk.live.on.slow = () => {}; // nothing here minds a slow machine
site.talk.start({ thread: "audio" }).then(() => {
  const { context, output, delay } = site.talk.live.run;
  window.ears = new AudioWorkletNode(context, "ears", { channelCount: 2, channelCountMode: "explicit" });
  output.connect(ears);
  arguments[0]({ rate: context.sampleRate, delay });
});
"""
TAKE = """
const text = (bytes) => {
  let made = "";
  for (let n = 0; n < bytes.length; n += 8192) made += String.fromCharCode(...bytes.subarray(n, n + 8192));
  return btoa(made);
};
const joined = (pieces) => {
  const made = new Float32Array(128 * pieces.length);
  pieces.forEach((piece, k) => made.set(piece, 128 * k));
  return text(new Uint8Array(made.buffer));
};
ears.port.onmessage = ({ data: { heard, played } }) => arguments[0]({
  late: 128 * played.findIndex(Boolean),
  sounds: [heard, ...[0, 1].map((ear) => played.map((piece) => piece[ear]))].map(joined),
});
ears.port.postMessage("give");
"""
OUTSIDE = """
document.addEventListener("securitypolicyviolation", (event) => arguments[0](event.effectiveDirective), { once: true });
fetch("http://127.0.0.1:9/").catch(() => {});
"""


class Served:
    """A folder behind a server of its own, which counts what it is asked for."""

    def __init__(self, folder: Path) -> None:
        self.requests: list[str] = []

        class Handler(http.server.SimpleHTTPRequestHandler):
            def log_message(handler, _format, *about):
                self.requests.append(str(about[0]))

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=folder))
        self.address = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def served(tmp_path) -> Iterator[Served]:
    site.write_site(tmp_path / "site")
    (tmp_path / "site" / "recorder.js").write_text(RECORDER)
    server = Served(tmp_path / "site")
    yield server
    server.close()


@pytest.fixture
def page(served, browser):
    """The site, loaded and kept by the browser for a visit without a connection."""
    browser.get(served.address)
    wait_for(lambda: "without a connection now" in said(browser, "[data-show=offline]"), "the site to be kept")
    return browser


def said(browser, css: str) -> str:
    return browser.execute_script(f"return document.querySelector({css!r})?.textContent ?? ''")


def intact(heard: np.ndarray, file: np.ndarray, length: int) -> tuple[int, int] | None:
    """Where `length` samples of what was heard are the file's, without a gap: their places in both."""
    long = np.tile(file, 2 + length // len(file))
    size = len(long) + length
    spectrum = np.fft.rfft(long, size)
    for begin in range(0, len(heard) - length, length // 2):
        piece = heard[begin : begin + length]
        place = int(np.fft.irfft(spectrum * np.fft.rfft(piece, size).conj(), size)[: len(file)].argmax())
        if np.corrcoef(long[place : place + length], piece)[0, 1] > 0.999:
            return begin, place
    return None


def test_two_people_at_the_microphone_are_heard_as_from_the_stream(page, served, microphone, voices):
    status = "document.querySelector('.tt-status').textContent"
    page.execute_async_script("site.talk.start().then(arguments[0])")
    assert "microphone was refused" in page.execute_script(f"return {status}")
    soundfile.write(microphone, audio.resample(0.5 * voices[0].sum(0), 8000, 48_000), 48_000, subtype="FLOAT")
    page.execute_cdp_cmd("Browser.grantPermissions", {"origin": served.address, "permissions": ["audioCapture"]})
    before = len(served.requests)
    about = page.execute_async_script(LISTEN)
    rate, delay = about["rate"], about["delay"]
    assert delay <= 0.02
    references = audio.resample(voices[0], 8000, rate)
    file, length = references.sum(0), rate

    def recorded():
        taken = page.execute_async_script(TAKE)
        heard, *ears = [np.frombuffer(base64.b64decode(one), "<f4") for one in taken["sounds"]]
        late = taken["late"]
        found = intact(heard[late : len(heard) - rate // 4], file, length)
        return found and (heard, np.stack(ears)[:, late:], late, *found)

    wait_for(lambda: page.execute_script("return site.talk.live.run.context.currentTime > 3"), "some seconds of sound")
    heard, ears, late, begin, place = wait_for(recorded, "a second of the microphone without a gap")
    weights = checkpoint.bundled()[site.FIRST[1]]
    heard = heard[: late + begin + length]
    mixture, *stream = heard_live(weights, heard, rate, delay)[:, -length:]
    played = ears[:, begin : begin + length]
    assert apart(played, np.stack(stream)) < CLOSE
    shift = round(delay * rate)
    clean = np.stack([np.roll(np.tile(one, 2), shift - place)[:length] for one in references])
    gained = [
        max(np.mean(si_snr(voices, order) - si_snr(mixture, order)) for order in (clean, clean[::-1]))
        for voices in (played, np.stack(stream))
    ]
    assert abs(gained[0] - gained[1]) < 0.2 and gained[1] > 1

    # What a computer that is too slow brings about, and feedback from loudspeakers.
    page.execute_script("document.querySelector('.tt-model select').value = arguments[0]", MEDIUM)
    page.execute_async_script("Promise.resolve(slow('worker')).then(arguments[0])")
    assert "too slow at present" in (words := said(page, ".tt-status")) and words.endswith("goes on.")
    assert page.execute_script("return [site.talk.model.name, site.talk.running]") == [site.FIRST[1], True]
    page.execute_script("slow('worker')")
    assert "it was stopped" in said(page, ".tt-status") and not page.execute_script("return site.talk.running")
    soundfile.write(microphone, np.sin(np.arange(48_000) / 10), 48_000)
    page.execute_async_script("site.talk.start({ thread: 'audio' }).then(arguments[0])")
    wait_for(lambda: "put on headphones" in said(page, ".tt-status"), "the feedback to be noticed")
    assert page.execute_script("return site.talk.live.heard") == "none"

    page.execute_script("site.talk.stop(); site.talk.keep()")
    wait_for(lambda: page.execute_script("return document.querySelectorAll('[data-track-name]').length") == 3, "player")
    assert "The last minute" in said(page, "[data-show=progress]")
    # The browser itself looks whether there is another sw.js.
    assert {one.split()[1] for one in served.requests[before:]} <= {"/recorder.js", "/sw.js"}


def test_after_the_first_visit_no_connection_is_needed_and_none_is_allowed_elsewhere(page, served):
    served.close()
    page.refresh()
    wait_for(lambda: page.execute_script("return document.body.dataset.state") == "ready", "the site from the cache")
    page.execute_script("document.querySelector('.examples button').click()")
    link = "document.querySelector('[data-show=downloads] a:nth-of-type(2)')"
    wait_for(lambda: page.execute_script(f"return !!{link}"), "the voices")
    wave = page.execute_async_script(
        f"fetch({link}.href).then(answer => answer.bytes()).then(bytes => arguments[0]([...bytes]))"
    )
    one = next(e for e in examples.available_examples() if e.tier == "bundled" and len(e.voices) == 2)
    sound = examples.mix_example(one.id)
    expected = tasnet.Separator(site.FIRST[0], device="cpu").separate(sound.mixture, sound.rate).sources
    found = audio.read(bytes(wave)).samples
    assert min(apart(found, voice) for voice in expected) < 5e-3  # both mixture and voice were rounded to 16 bits

    assert not [entry for entry in page.get_log("browser") if "Uncaught" in entry["message"]]

    page.execute_script(  # a larger model, which was not loaded before
        "const choice = document.querySelector('#file [data-do=model]');"
        "choice.value = site.models.at(-1).name; choice.dispatchEvent(new Event('change'))"
    )
    wait_for(lambda: "is there a connection" in said(page, "[data-show=progress]"), "the reason")
    assert page.execute_script("return document.querySelector('#file [data-do=model]').value") == site.FIRST[0]
    assert page.execute_async_script(OUTSIDE) == "connect-src"
