// In a listening test: what was heard, without which nothing can be rated, and whether the server is there.

const LONG_ENOUGH = 1; // s of a signal, or all of it, before it counts as heard
const LOOK = 100; // ms between two looks at what plays
const ASK = 2000; // ms between two questions to the server

/** Attend to a blind `player` until it shows another set of signals. */
export function attend(player) {
  const { data, transport, root } = player;
  const here = () => player.transport === transport && root.isConnected;
  root.focus({ preventScroll: true }); // a listening test goes on by keys alone
  const heard = data.tracks.map(() => 0);
  const enough = Math.min(LONG_ENOUGH, 0.8 * transport.duration);
  let told = { count: 0, at: 0 };
  let before = transport.position();
  const looking = setInterval(() => {
    if (!here()) return clearInterval(looking);
    const now = transport.position();
    // A jump is not listening; a loop's way back counts for nothing.
    const passed = transport.playing ? Math.min(Math.max(now - before, 0), (3 * LOOK) / 1000) : 0;
    before = now;
    player.mixer.gains().forEach((gain, i) => (heard[i] += gain > 0 ? passed : 0));
    const names = data.tracks.filter((_, i) => heard[i] >= enough).map((track) => track.name);
    data.tracks.forEach((_, i) => player.rows[i].classList.toggle("tp-heard", heard[i] >= enough));
    // Told once more where the page does not know it: its server was gone, or the word was lost on the way.
    const unknown = names.length > player.data.heard.length && performance.now() - told.at > ASK;
    if (names.length === told.count && !unknown) return;
    told = { count: names.length, at: performance.now() };
    player.report({
      set: data.set,
      time: now,
      region: player.region,
      active: data.tracks[player.mixer.active].name,
      gains: player.mixer.gains(),
      heard: names,
    });
  }, LOOK);
  const asking = setInterval(() => (here() ? ask(player) : clearInterval(asking)), ASK);
}

/** Say that the server is gone, or that it is there again. */
async function ask({ root, data }) {
  const base = new URL(data.tracks[0].src, location).href.split("/media/")[0];
  const there = await fetch(`${base}/_stcore/health`, { cache: "no-store" }).then((answer) => answer.ok, () => false);
  let sign = root.querySelector(".tp-lost");
  if (there) return sign?.remove();
  if (sign) return;
  sign = document.createElement("p");
  sign.className = "tp-lost";
  sign.setAttribute("role", "alert");
  sign.textContent = "Connection lost: no answer can be stored at present. What you answered before is safe.";
  root.prepend(sign);
}
