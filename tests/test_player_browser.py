"""The player in a real browser: what is heard, when, and what keys and pages do."""

import base64
import io
import urllib.request
from collections import Counter

import numpy as np
import pytest
import soundfile
from conftest import open_browser, open_server
from page_tools import wait_for
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

pytestmark = pytest.mark.browser

RATE = 8000
FADE = round(0.005 * RATE)  # samples of a crossfade

APP = """
import time
from pathlib import Path

import numpy as np
import streamlit as st

from tasnet.mixture import Mixture
from pages.parts import listening
from pages.parts.coming_player import ComingPlayer
from pages.parts.player import PlayerState, Tour, Track, player

RATE = 8000


def noise(seconds, seed):
    rng = np.random.default_rng(seed)
    return (0.1 * rng.standard_normal(round(seconds * RATE))).astype(np.float32).clip(-0.9, 0.9)


def listen():
    kind = st.radio("Set", ["short", "long", "linked", "coming"])
    st.button("Again")
    if kind == "long":
        tracks = [Track(f"Track {i}", noise(60, i), RATE) for i in range(10)]
        player(tracks, key="player")
        return
    if kind == "coming":
        come()
        return
    clean = [noise(4, 10 + i) for i in range(2)]
    parts = [(clean[i] + 0.1 * noise(4, 20 + i)).astype(np.float32) for i in range(2)]
    tracks = [Track("Mixture", (0.5 * sum(clean)).astype(np.float32), RATE)]
    for i, group in enumerate(("speaker 1", "speaker 2")):
        tracks += [
            Track(f"Voice {i + 1}", parts[i], RATE, group=group, system="Net", reference=f"Clean {i + 1}"),
            Track(f"Clean {i + 1}", clean[i], RATE, group=group, system="Clean"),
        ]
    start = PlayerState(1.5, (1.0, 2.0), "Clean 2") if kind == "linked" else None
    state = player(tracks, key="linked" if start else "player", follow=True, start=start)
    st.markdown(f"STATE {state.time:.3f} {state.region} {state.active}")


def come():
    voices = np.stack([noise(60, i) for i in range(2)])
    sound = Mixture(voices.sum(0), None, RATE, (), None)
    tour = Tour("All in turn.", (("Mixture", "Both at once."),))
    coming = ComingPlayer(sound, {"Conv-TasNet": 2}, key="coming", tour=tour)
    coming.show_mixture()
    for begin in (0, 2):
        told(f"part {begin}")
        coming.take(begin * RATE, 0.5 * voices[:, begin * RATE : (begin + 2) * RATE])
    told("end")
    coming.show(listening.separated_tracks(sound, voices, "Conv-TasNet"))


def told(what):
    while not (Path(__file__).parent / what).exists():
        time.sleep(0.05)


other = st.Page(lambda: st.title("Other"), title="Other", url_path="other")
st.navigation([st.Page(listen, title="Listen", default=True), other]).run()
"""

ROOT = "document.querySelector('.tasnet-player')"
PLAYER = f"const player = {ROOT}?.player, transport = player?.transport, mixer = player?.mixer;"

# Plays through the player's own Transport into an OfflineAudioContext, calling steps[i] at given times.
OFFLINE = (
    PLAYER
    + """
const done = arguments[arguments.length - 1];
async function render(tracks, rate, seconds, prepare, steps = []) {
  const offline = new OfflineAudioContext(1, Math.round(seconds * rate), rate);
  const sound = new transport.constructor(tracks, rate, () => offline);
  // An offline context counts as suspended until it renders; it must not wait for a device.
  offline.resume = undefined;
  prepare(sound);
  await sound.play();
  delete offline.resume;
  for (const [quantum, step] of steps) {
    offline.suspend((quantum * 128) / rate).then(() => { step(sound); offline.resume(); });
  }
  const rendered = await offline.startRendering();
  return Array.from(rendered.getChannelData(0));
}
"""
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("app")


@pytest.fixture(scope="module")
def address(folder):
    (folder / "app.py").write_text(APP)
    with open_server(folder / "app.py", folder / "log", "--client.showSidebarNavigation", "true") as address:
        yield address


@pytest.fixture(scope="module")
def opened(tmp_path_factory):
    with open_browser(tmp_path_factory.mktemp("profile")) as browser:
        yield browser


@pytest.fixture
def browser(opened, address):
    """The browser on the page with the short tracks, ready to play; the console must stay clean."""
    opened.get(address)
    ready(opened)
    errors(opened)
    yield opened
    assert errors(opened) == []


def errors(browser):
    """What the browser's console has complained about since the last call."""
    return [entry["message"] for entry in browser.get_log("browser") if entry["level"] == "SEVERE"]


def ask(browser, expression):
    return browser.execute_script(f"{PLAYER} return {expression};")


def ready(browser, tracks=5):
    expression = f"player?.root.dataset.state === 'ready' && player.data.tracks.length === {tracks}"
    wait_for(lambda: ask(browser, expression), "the player to be ready")


def choose(browser, label):
    """Pick a set of tracks with the page's radio buttons."""
    browser.find_element(By.XPATH, f"//label[contains(., '{label}')]").click()


def press(browser, *keys):
    ask(browser, "player.root.focus()")
    for key in keys:
        browser.switch_to.active_element.send_keys(key)


def state(browser):
    lines = browser.find_elements(By.XPATH, "//p[starts-with(., 'STATE')]")
    return lines[0].text if lines else ""


def track_samples(browser, address, index):
    row = browser.find_elements(By.CSS_SELECTOR, "[data-track-name]")[index]
    with urllib.request.urlopen(address + row.get_attribute("data-src")) as response:
        samples, rate = soundfile.read(io.BytesIO(response.read()), dtype="float32")
    assert rate == RATE
    return samples


def test_media_hold_the_true_samples(browser, address):
    rng = np.random.default_rng(10)
    clean = (0.1 * rng.standard_normal(4 * RATE)).astype(np.float32).clip(-0.9, 0.9)
    names = [r.get_attribute("data-track-name") for r in browser.find_elements(By.CSS_SELECTOR, "[data-src]")]
    assert names == ["Mixture", "Voice 1", "Clean 1", "Voice 2", "Clean 2"]
    assert np.abs(track_samples(browser, address, 2) - clean).max() <= 0.5 / 32768 + 1e-7
    held = np.array(ask(browser, "Array.from(player.peaks[2].samples)"))
    assert np.array_equal(held, track_samples(browser, address, 2))


def test_fifty_switches_leave_no_offset(browser):
    """Rendered offline: every stretch between two crossfades is the right track at the right sample."""
    rng = np.random.default_rng(0)
    tracks = (0.1 * rng.standard_normal((4, 8 * RATE))).astype(np.float32)
    order = [0, *rng.integers(0, 4, 50).tolist()]
    quanta = np.cumsum([0, *rng.integers(3, 9, 50)]).tolist()
    output = np.array(
        browser.execute_async_script(
            OFFLINE
            + """
            const [tracks, order, quanta] = arguments;
            const only = (k) => tracks.map((_, i) => Number(i === k));
            const steps = order.slice(1).map((k, i) => [quanta[i + 1], (s) => s.setGains(only(k))]);
            const arrays = tracks.map((t) => Float32Array.from(t));
            render(arrays, 8000, 8, (s) => s.setGains(only(order[0])), steps).then(done);
            """,
            tracks.tolist(),
            order,
            quanta,
        )
    )
    starts = [128 * q for q in quanta]
    for k, first, last in zip(order, starts, [*starts[1:], 8 * RATE], strict=True):
        steady = slice(first + FADE + 1, last)
        assert np.abs(output[steady] - tracks[k, steady]).max() < 1e-6
    for before, after, first in zip(order, order[1:], starts[1:], strict=False):
        n = np.arange(first, first + FADE)
        share = (n - first) / FADE
        expected = (1 - share) * tracks[before, n] + share * tracks[after, n]
        assert np.abs(output[n] - expected).max() < 1e-5


RECORD = (
    PLAYER
    + """
const done = arguments[arguments.length - 1];
const code = `registerProcessor("tape", class extends AudioWorkletProcessor {
  process(inputs) { if (inputs[0][0]) this.port.postMessage([currentFrame, inputs[0][0]]); return true; }
});`;
(async () => {
  if (mixer.matching) player.find("[data-do=match]").click();
  player.find("[data-do=loop]").click();
  player.find("[data-do=play]").click();
  while (!transport.context || transport.context.state !== "running") await new Promise((r) => setTimeout(r, 20));
  const context = transport.context;
  await context.audioWorklet.addModule(URL.createObjectURL(new Blob([code], { type: "text/javascript" })));
  const tape = new AudioWorkletNode(context, "tape", { channelCount: 1, channelCountMode: "explicit" });
  const blocks = [];
  tape.port.onmessage = ({ data }) => blocks.push([data[0], Array.from(data[1])]);
  transport.output.connect(tape);
  const names = [...document.querySelectorAll(".tp-name")];
  for (let i = 1; i <= 50; i++) {
    names[i % 5].click();
    await new Promise((r) => setTimeout(r, 50));
  }
  player.find("[data-do=play]").click();
  await new Promise((r) => setTimeout(r, 200));
  done(blocks);
})();
"""
)


def test_fifty_clicks_while_playing_leave_no_offset(browser, address):
    """Recorded from the live graph: wherever a track is heard alone, it is the same moment of all tracks."""
    tracks = np.stack([track_samples(browser, address, i) for i in range(5)])
    blocks = browser.execute_async_script(RECORD)
    blocks = [(frame, np.float32(block)) for frame, block in blocks if np.any(block)]
    lags = Counter(lag_of(tracks, *block) for block in blocks[::10])
    lag = max(lags.keys() - {None}, key=lags.get)
    heard = []  # the track of every block, None where it fades or the loop turns
    for frame, block in blocks:
        at = (frame - lag) % (4 * RATE)
        same = [k for k in range(5) if np.array_equal(np.resize(tracks[k, at : at + 128], 128), block)]
        heard.append(same[0] if same else None)
    stretches = [k for k, before in zip(heard[1:], heard, strict=False) if k is not None and before != k]
    assert set(stretches) == set(range(5))
    assert len(stretches) >= 50
    assert heard.count(None) <= 2 * 50 + 4


def lag_of(tracks, frame, block):
    """At which context frame all tracks of 4 s started, by the first track that holds `block`; else None."""
    for track in tracks:
        at = int(np.correlate(track, block).argmax())
        if np.array_equal(track[at : at + 128], block):
            return (frame - at) % (4 * RATE)  # they are looped
    return None


@pytest.mark.parametrize("rate", [8000, 16000, 44100])
def test_a_loop_repeats_its_region_and_ends_in_what_leads_to_its_beginning(browser, rate):
    rng = np.random.default_rng(rate)
    signal = (0.1 * rng.standard_normal(rate)).astype(np.float32)
    regions = [sorted(rng.integers(0, rate, 2).tolist()) for _ in range(12)]
    regions = [[a, max(b, a + 100)] for a, b in regions if a < rate - 100]
    outputs = browser.execute_async_script(
        OFFLINE
        + """
        const [signal, rate, regions] = arguments;
        const track = Float32Array.from(signal);
        (async () => {
          const outputs = [];
          for (const [a, b] of regions) {
            const loop = (s) => { s.setLoop(true, [a / rate, b / rate]); s.setGains([1]); s.seek(a / rate); };
            outputs.push((await render([track], rate, 0.5, loop)).slice(0, rate / 2));
          }
          done(outputs);
        })();
        """,
        signal.tolist(),
        rate,
        regions,
    )
    for (first, last), output in zip(regions, outputs, strict=True):
        n = np.arange(len(output))
        fade = min(int(0.005 * rate + 0.5), last - first)  # as JavaScript rounds
        before = np.concatenate([np.zeros(fade), signal])[first : first + fade]  # nothing before the sound
        share = np.arange(1, fade + 1) / fade
        turn = signal[first:last].astype(float)
        turn[-fade:] = (1 - share) * turn[-fade:] + share * before
        assert np.allclose(output, turn[n % (last - first)], rtol=0, atol=1e-7)


def test_a_jump_fades_and_lands_on_its_sample(browser):
    signal = (0.1 * np.random.default_rng(3).standard_normal(2 * RATE)).astype(np.float32)
    output = np.array(
        browser.execute_async_script(
            OFFLINE
            + """
            const track = Float32Array.from(arguments[0]);
            render([track], 8000, 1, (s) => s.setGains([1]), [[20, (s) => s.seek(1.25)]]).then(done);
            """,
            signal.tolist(),
        )
    )
    jump, target = 20 * 128, round(1.25 * RATE)
    assert np.array_equal(np.float32(output[:jump]), signal[:jump])
    after = np.arange(jump + FADE + 1, RATE)
    assert np.array_equal(np.float32(output[after]), signal[target + after - jump])
    step = np.abs(np.diff(output[jump - 1 : jump + FADE])).max()
    assert step < np.abs(np.diff(signal)).max() + 0.05


@pytest.mark.parametrize("speed", [0.5, 1.5])
def test_another_speed_keeps_the_pitch_and_the_tracks_together(browser, speed):
    """Played through the offline graph: a tone lasts longer or shorter at its frequency, and the gains still add up."""
    n = np.arange(2 * RATE)
    tone = (0.3 * np.sin(2 * np.pi * 220 * n / RATE)).astype(np.float32)
    noise = (0.02 * np.random.default_rng(4).standard_normal(len(n))).astype(np.float32)
    script = """
        const [tone, noise, speed] = arguments;
        const tracks = [tone, noise].map((t) => Float32Array.from(t));
        const play = (gains) => render(tracks, 8000, 4, (s) => { s.setSpeed(speed); s.setGains(gains); });
        (async () => done([await play([1, 0]), await play([0, 1]), await play([1, 1])]))();
    """
    arguments = (tone.tolist(), noise.tolist(), speed)
    alone, other, both = np.array(browser.execute_async_script(OFFLINE + script, *arguments))
    lasting = round(2 * RATE / speed)
    assert np.abs(alone[lasting + FADE :]).max(initial=0) == 0
    spectrum = np.abs(np.fft.rfft(alone[:lasting]))
    assert np.argmax(spectrum) * RATE / lasting == pytest.approx(220, abs=2)
    assert np.std(alone[:lasting]) == pytest.approx(np.std(tone), rel=0.03)
    assert np.abs(both - alone - other).max() < 1e-6


def test_keys(browser):
    press(browser, "3")
    assert ask(browser, "player.data.tracks[mixer.active].name") == "Clean 1"
    assert ask(browser, "mixer.gains().filter((g) => g !== 0).length") == 1
    press(browser, Keys.ARROW_DOWN)
    assert ask(browser, "mixer.active") == 3
    press(browser, "l", " ")  # a sound that plays round and round has not come to its end where the machine is busy
    wait_for(lambda: ask(browser, "transport.position() > 0.3"), "the sound to go on")
    press(browser, " ")
    assert ask(browser, "transport.playing") is False
    press(browser, Keys.HOME, Keys.ARROW_RIGHT, Keys.ARROW_RIGHT)
    assert ask(browser, "transport.position()") == 2
    press(browser, "[", Keys.ARROW_RIGHT, "]")
    assert ask(browser, "player.region") == [2, 3]
    assert ask(browser, "player.looping") is True
    press(browser, "l")
    assert ask(browser, "transport.looping") is False
    press(browser, "z")
    assert ask(browser, "[player.view.from, player.view.to]") == [2, 3]
    press(browser, "-", "-")
    assert ask(browser, "player.view.whole") is True
    press(browser, "+")
    assert ask(browser, "player.view.span") == 2
    press(browser, Keys.ESCAPE)
    assert ask(browser, "player.region") is None
    press(browser, "m")
    assert ask(browser, "mixer.gains().every((g) => g === 0)") is True
    press(browser, "m", "r")
    assert ask(browser, "mixer.heard") == [1, 3]
    press(browser, "s")
    assert ask(browser, "mixer.heard") == [3]
    press(browser, "s", "r", "?")
    assert browser.find_element(By.CSS_SELECTOR, ".tp-help").is_displayed()


def test_a_difference_is_the_estimate_minus_the_clean_voice(browser, address):
    press(browser, "2", "d")
    output = np.array(ask(browser, "Array.from(transport.mixdown())"))
    gain = 10 ** (ask(browser, "player.data.tracks[1].gain_db") / 20)
    voice, clean = track_samples(browser, address, 1), track_samples(browser, address, 2)
    assert np.abs(output - gain * (voice - clean)).max() < 1e-6
    shown = np.array(ask(browser, "Array.from(player.shown(1).peaks.samples)"))
    assert np.abs(shown - (voice - clean)).max() < 1e-7
    assert browser.find_element(By.CSS_SELECTOR, ".tp-active .tp-name").text.endswith("Voice 1 − Clean 1")


def test_a_remix_is_saved_as_it_is_heard(browser, address):
    press(browser, "r")
    ask(browser, "player.setRegion([0.5, 1.5])")
    fader = browser.find_elements(By.CSS_SELECTOR, ".tp-mixing .tp-fader input")[1]
    for _ in range(20):
        fader.send_keys(Keys.ARROW_LEFT)
    saved = browser.execute_async_script(
        PLAYER
        + """
        const done = arguments[0];
        const make = URL.createObjectURL;
        URL.createObjectURL = (blob) => {
          URL.createObjectURL = make;
          const reader = new FileReader();
          reader.onload = () => done(reader.result.split(",")[1]);
          reader.readAsDataURL(blob);
          return make.call(URL, blob);
        };
        player.find("[data-do=export]").click();
        """
    )
    samples, rate = soundfile.read(io.BytesIO(base64.b64decode(saved)), dtype="float64")
    gain = min(10 ** (ask(browser, f"player.data.tracks[{i}].gain_db") / 20) for i in (1, 3))
    voices = [track_samples(browser, address, i)[RATE // 2 : RATE * 3 // 2] for i in (1, 3)]
    assert rate == RATE
    expected = min(gain, 1) * (voices[0] + 0.1 * voices[1])
    assert np.abs(samples - expected).max() < 1.01 / 32768


def test_mouse_marks_a_stretch_and_jumps(browser):
    lane = browser.find_elements(By.CSS_SELECTOR, "[data-lane=track]")[1]
    width = lane.size["width"]

    def drag(start, end):
        actions = ActionChains(browser, duration=20)
        actions.move_to_element_with_offset(lane, round((start - 0.5) * width), 0).click_and_hold()
        actions.move_by_offset(round((end - start) * width / 2), 0)
        actions.move_to_element_with_offset(lane, round((end - 0.5) * width), 0).release().perform()

    drag(0.25, 0.75)
    assert np.allclose(ask(browser, "player.region"), [1, 3], atol=0.02)
    drag(0.75, 0.5)
    assert np.allclose(ask(browser, "player.region"), [1, 2], atol=0.03)
    ActionChains(browser, duration=20).move_to_element_with_offset(lane, round(0.4 * width), 0).click().perform()
    assert ask(browser, "transport.position()") == pytest.approx(3.6, abs=0.02)
    assert ask(browser, "mixer.active") == 1


def test_the_page_reads_the_cursor_when_it_rests(browser):
    assert state(browser) == "STATE 0.000 None"
    press(browser, Keys.ARROW_RIGHT)
    wait_for(lambda: state(browser).startswith("STATE 1.000 None Mixture"), "the page to learn the time")
    ask(browser, "player.setRegion([0.5, 1.25])")
    wait_for(lambda: "(0.5, 1.25)" in state(browser), "the page to learn the region")


def test_a_rerun_leaves_the_sound_alone(browser):
    ask(browser, "player.setRegion([0, 4])")
    press(browser, " ")
    wait_for(lambda: ask(browser, "transport.position() > 0.1"), "the sound to start")
    browser.execute_script(f"window.before = {ROOT}.player.transport")
    browser.find_element(By.XPATH, "//button[contains(., 'Again')]").click()
    wait_for(lambda: ask(browser, "transport.position() > 1"), "the sound to go on")
    assert ask(browser, "transport === window.before && transport.playing") is True
    assert ask(browser, "transport.context.state") == "running"


def test_other_tracks_and_other_pages_end_the_sound(browser):
    press(browser, " ")
    wait_for(lambda: ask(browser, "transport.position() > 0.1"), "the sound to start")
    browser.execute_script(f"window.old = {ROOT}.player.transport.context")
    choose(browser, "long")
    ready(browser, tracks=10)
    assert browser.execute_script("return window.old.state") == "closed"
    press(browser, " ")
    wait_for(lambda: ask(browser, "transport.position() > 0.1"), "the sound to start")
    browser.execute_script(f"window.old = {ROOT}.player.transport.context")
    browser.find_element(By.XPATH, "//a[contains(., 'Other')]").click()
    wait_for(lambda: browser.execute_script(f"return {ROOT} === null"), "the player to go")
    wait_for(lambda: browser.execute_script("return window.old.state") == "closed", "the sound to end")


def test_ten_minutes_of_sound_travel_as_binary(browser):
    choose(browser, "long")
    ready(browser, tracks=10)
    assert ask(browser, "player.peaks.map((p) => p.samples.length)") == [60 * RATE] * 10
    assert ask(browser, "player.peaks.every((p) => p.peak > 0.3)") is True
    assert browser.execute_script(f"return {ROOT}.outerHTML.length") < 60_000
    assert "data:" not in browser.execute_script(f"return {ROOT}.outerHTML")


def test_a_link_restores_time_region_and_track(browser):
    choose(browser, "linked")
    wait_for(lambda: ask(browser, "mixer?.active") == 4, "the linked state")
    ready(browser)
    assert ask(browser, "transport.position()") == 1.5
    assert ask(browser, "player.region") == [1, 2]


def test_everything_has_a_name_for_screen_readers(browser):
    unnamed = ask(
        browser,
        """[...player.root.querySelectorAll("button, input, select, [role=slider], [role=img]")]
        .filter((e) => !(e.getAttribute("aria-label") || e.textContent.trim() || e.labels?.length))
        .map((e) => e.outerHTML)""",
    )
    assert unnamed == []


def test_it_fits_a_phone(browser):
    size = dict(width=390, height=800, deviceScaleFactor=2, mobile=True)
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    try:
        wait_for(lambda: ask(browser, "player.root.clientWidth < 390"), "the narrow layout")
        assert ask(browser, "player.root.scrollWidth - player.root.clientWidth") <= 0
        lanes = ask(browser, "[...player.root.querySelectorAll('.tp-lane')].map((l) => l.clientWidth)")
        assert min(lanes) > 300
        height = ask(browser, "player.root.offsetHeight")
        ask(browser, "player.setRegion([0.5, 1.5])")
        press(browser, "d", "2", "m", "r")
        assert ask(browser, "player.root.offsetHeight") == height
    finally:
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_voices_come_in_while_the_mixture_plays_on(browser, folder):
    note = "[data-index='1'] .tp-note"
    here = "[1, 3, 5].map((second) => player.found[1].samples[second * 8000 + 17] !== 0)"
    choose(browser, "coming")
    wait_for(lambda: ask(browser, f"{ROOT}?.dataset.state === 'coming' && player.data.tracks.length === 3"))
    assert ask(browser, "player.data.tracks.map((track) => Boolean(track.src))") == [True, False, False]
    assert "being separated" in browser.find_element(By.CSS_SELECTOR, note).text
    tour = browser.find_element(By.CSS_SELECTOR, "[data-do=tour]")
    assert tour.is_displayed() and not tour.is_enabled()
    ask(browser, "player.seek(0.5), player.start(), player.marked = transport, null")
    for k, begin in enumerate((0, 2)):
        (folder / f"part {begin}").touch()
        wait_for(lambda k=k: ask(browser, here) == [True, k > 0, False], "so much of a voice")
        until = f"up to 0:0{begin + 2}"  # is said a moment after the samples are there
        wait_for(lambda until=until: until in browser.find_element(By.CSS_SELECTOR, note).text, until)
    (folder / "end").touch()
    ready(browser, tracks=3)
    assert ask(browser, here) == [True, True, True]
    assert tour.is_enabled()
    assert ask(browser, "player.marked === transport && transport.playing && transport.position() > 0.5")
    ask(browser, "player.pause()")


def test_the_same_tracks_said_again_while_they_load_do_not_stop_them(browser):
    state = browser.execute_async_script(
        PLAYER
        + """
const done = arguments[arguments.length - 1];
const data = { ...player.data, set: player.data.set + " anew" };
const report = () => null;
const both = [player.update(data, report), player.update({ ...data }, report)];
Promise.all(both).then(() => done(player.root.dataset.state));
"""
    )
    assert state == "ready"


def test_what_comes_in_is_not_heard_where_it_takes_the_place_of_the_same(browser):
    rendered, track = browser.execute_async_script(
        OFFLINE
        + """
const tracks = player.found.slice(0, 2).map(({ samples }) => samples);
const prepare = (sound) => sound.setGains([1, 0]);
const step = (sound) => sound.replace([tracks[0], tracks[1].map((value) => -value)]);
render(tracks, 8000, 2, prepare, [[40, step], [80, step]]).then((out) => done([out, Array.from(tracks[0])]));
"""
    )
    assert np.abs(np.array(rendered) - np.array(track)[: len(rendered)]).max() < 1e-5
