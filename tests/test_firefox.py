"""The player in Firefox: it plays, switches and loops to the sample, and follows the keyboard.

Without a sound device Firefox starts no AudioContext, so what is heard is rendered offline, by the player's own code.
"""

import pytest
from conftest import open_server
from firefox import Firefox, open_firefox
from page_tools import wait_for
from test_player_browser import APP, FADE, PLAYER, RATE

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
    return [error, furthest(looped, (n) => tracks[1][first + (n % (last - first))]), furthest(switched, () => 0)];
    """
    switched, looped, loudest = firefox.ask(PLAYER + RENDER + script)
    assert switched < 1e-4 and looped == 0 and loudest > 0.1
