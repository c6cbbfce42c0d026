"""Firefox: the player plays, switches and loops to the sample and follows the keyboard; the static site separates.

Without a sound device Firefox starts no AudioContext, so what is heard is rendered offline, by the player's own code.
"""

import base64

import numpy as np
import pytest
from conftest import open_server
from firefox import Firefox, open_firefox
from page_tools import wait_for
from test_browser_engine import CLOSE, apart, heard_live
from test_player_browser import APP, FADE, PLAYER, RATE
from test_site_browser import Served

from analysis import site
from tasnet import ConvTasNet, audio, checkpoint
from tasnet.export.__main__ import write_onnx

pytestmark = pytest.mark.browser

# Renders what the player's transport makes of calls at given times: Firefox cannot stop an offline context in between,
# but everything is scheduled, so all calls can be made beforehand under a clock of our own.
RENDER = """
const tracks = player.peaks.map((one) => one.samples), only = (k) => tracks.map((_, i) => Number(i === k));
async function render(seconds, prepare, steps = []) {
  const offline = new OfflineAudioContext(1, seconds * player.data.rate, player.data.rate);
  let now = 0;
  Object.defineProperty(offline, "currentTime", { get: () => now });
  const sound = new transport.constructor(tracks, player.data.rate, () => offline);
  offline.resume = undefined; // it counts as suspended until it renders
  prepare(sound);
  await sound.play();
  for (const [time, step] of steps) { now = time; step(sound); }
  return (await offline.startRendering()).getChannelData(0);
}
const furthest = (heard, wanted) => heard.reduce((most, value, n) => Math.max(most, Math.abs(value - wanted(n))), 0);
"""


@pytest.fixture(scope="module")
def firefox(tmp_path_factory):
    folder = tmp_path_factory.mktemp("app")
    (folder / "app.py").write_text(APP)
    with (
        open_firefox(tmp_path_factory.mktemp("firefox")) as firefox,
        open_server(folder / "app.py", folder / "log") as address,
    ):
        firefox.open(address)
        wait_for(lambda: ask(firefox, "player?.root.dataset.state === 'ready'"), "the player to be ready")
        yield firefox
        assert firefox.errors == []


def ask(firefox: Firefox, expression: str):
    return firefox.ask(f"{PLAYER} return {expression};")


def test_keys_choose_mark_and_loop(firefox):
    ask(firefox, "player.root.focus()")
    firefox.press("3")
    assert ask(firefox, "player.data.tracks[mixer.active].name") == "Clean 1"
    firefox.press("ArrowDown")
    assert ask(firefox, "[mixer.active, mixer.gains().filter((gain) => gain !== 0).length]") == [3, 1]
    firefox.press("Home", "ArrowRight", "[", "ArrowRight", "]")
    assert ask(firefox, "[player.region, player.looping, transport.position()]") == [[1, 2], True, 2]
    firefox.press("z")
    assert ask(firefox, "[player.view.from, player.view.to]") == [1, 2]


def test_fifty_switches_and_a_loop_are_exact(firefox):
    script = f"""
    const order = Array.from({{ length: 51 }}, (_, k) => (3 * k) % tracks.length);
    const starts = order.map((_, k) => 517 * k), fade = {FADE};
    const steps = order.slice(1).map((k, i) => [starts[i + 1] / {RATE}, (sound) => sound.setGains(only(k))]);
    const switched = await render(4, (sound) => sound.setGains(only(order[0])), steps);
    const error = furthest(switched, (n) => {{
      const k = Math.min(Math.floor(n / 517), 50), share = k ? Math.min((n - starts[k]) / fade, 1) : 1;
      return share * tracks[order[k]][n] + (1 - share) * tracks[order[Math.max(k - 1, 0)]][n];
    }});
    const [first, last] = [8123, 9001];
    const looped = await render(2, (sound) => {{
      sound.setGains(only(1));
      sound.setLoop(true, [first / {RATE}, last / {RATE}]);
      sound.seek(first / {RATE});
    }});
    const turned = furthest(looped, (n) => {{ // the end fades into what leads to the beginning
      const at = n % (last - first), share = Math.max(0, at + 1 - (last - first - fade)) / fade;
      return (1 - share) * tracks[1][first + at] + share * tracks[1][2 * first - last + at];
    }});
    return [error, turned, furthest(switched, () => 0)];
    """
    switched, looped, loudest = firefox.ask(PLAYER + RENDER + script)
    assert switched < 1e-4 and looped < 1e-6 and loudest > 0.1


# The live view's own graph, from the microphone's place to the ears, in an offline context.
LIVE = """
const context = new OfflineAudioContext(2, sound.length, rate);
Object.assign(context, { resume() {}, close() {} });
window.AudioContext = function () { return context; };
const buffer = context.createBuffer(1, sound.length, rate);
buffer.copyToChannel(sound, 0);
const live = new site.talk.live.constructor(site.files, {});
await live.start(await site.talk.model.weights(), {
  thread: "audio",
  source: () => {
    const node = new AudioBufferSourceNode(context, { buffer });
    node.start();
    return node;
  },
});
const made = await context.startRendering();
return { ears: [0, 1].map((ear) => [...made.getChannelData(ear)]), delay: live.run.delay, name: site.talk.model.name };
"""
DROP = """
const bytes = await (await fetch("own.onnx")).arrayBuffer();
const files = new DataTransfer();
files.items.add(new File([bytes], "own.onnx"));
dispatchEvent(Object.assign(new Event("drop", { cancelable: true }), { dataTransfer: files }));
"""


def test_the_site_separates_live_and_takes_a_model_that_is_dropped(firefox, voices, tmp_path):
    site.write_site(tmp_path)
    write_onnx(ConvTasNet.from_pretrained(checkpoint.bundled()[site.FIRST[1]]), tmp_path / "own.onnx", step=True)
    served = Served(tmp_path)
    firefox.open(served.address)
    wait_for(lambda: firefox.ask("return document.body.dataset.state") == "ready", "the site")
    rate = 44_100
    sound = (0.5 * audio.resample(voices[0].sum(0)[:8000], 8000, rate)).astype("<f4")
    text = base64.b64encode(sound.tobytes()).decode()
    given = f"""
    const rate = {rate};
    const sound = new Float32Array(Uint8Array.from(atob("{text}"), (one) => one.charCodeAt(0)).buffer);
    """
    found = firefox.ask(given + LIVE)
    expected = heard_live(checkpoint.bundled()[found["name"]], sound, rate, found["delay"])
    glided = rate // 10  # by then nothing is left of how the ears are opened
    assert found["delay"] <= 0.02
    assert apart(np.array(found["ears"])[:, glided:], expected[1:3, glided:]) < CLOSE

    def said(name: str) -> str:
        return firefox.ask(f"return document.querySelector('[data-show={name}]').textContent")

    firefox.ask(DROP)
    own = "own: a model of your own, 2 voices, causal"
    wait_for(lambda: said("model").startswith(own), "the dropped model")
    assert firefox.ask("return site.talk.model.name") == "own"
    firefox.ask("document.querySelector('.examples button').click()")
    links = "return document.querySelectorAll('[data-show=downloads] a').length"
    wait_for(lambda: firefox.ask(links) == 3, "the mixture and the voices")
    assert "times as fast as it lasts" in said("progress")
    served.close()
