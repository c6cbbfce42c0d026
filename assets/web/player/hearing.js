// For listening tests: what has been heard, which must come before any rating, and whether the server still answers.

const LONG_ENOUGH = 1; // s of a signal, or all of it, before it counts as heard
const LOOK = 100; // ms between two checks of what is playing
const ASK = 2000; // ms between two requests to the server

/** Attend to a blind `player` until it shows another set of signals. */
export function attend(player) {
  const { data, transport, root } = player;
  const here = () => player.transport === transport && root.isConnected;
  root.focus({ preventScroll: true }); // a listening test can be done with the keyboard alone
  const heard = data.tracks.map(() => 0);
  const enough = Math.min(LONG_ENOUGH, 0.8 * transport.duration);
  let told = { count: 0, at: 0 };
  let before = transport.position();
  const looking = setInterval(() => {
    if (!here()) return clearInterval(looking);
    const now = transport.position();
    // A jump is not listening, nor is a loop's return to its start.
    const passed = transport.playing ? Math.min(Math.max(now - before, 0), (3 * LOOK) / 1000) : 0;
    before = now;
    player.mixer.gains().forEach((gain, i) => (heard[i] += gain > 0 ? passed : 0));
    const names = data.tracks.filter((_, i) => heard[i] >= enough).map((track) => track.name);
    data.tracks.forEach((_, i) => player.rows[i].classList.toggle("tp-heard", heard[i] >= enough));
    // Sent again if the page does not know it: the server was gone, or the message was lost.
    const unknown = names.length > player.data.heard.length && performance.now() - told.at > ASK;
    if (names.length === told.count && !unknown) return;
    told = { count: names.length, at: performance.now() };
    player.heard = names;
    tellTest(player);
  }, LOOK);
  const asking = setInterval(() => (here() ? ask(player) : clearInterval(asking)), ASK);
}

/** Tell the page what was heard and rated. */
export function tellTest(player) {
  player.report({
    set: player.data.set,
    time: player.transport.position(),
    region: player.region,
    active: player.data.tracks[player.mixer.active].name,
    gains: player.mixer.gains(),
    heard: player.heard ?? player.data.heard,
    ratings: player.ratings,
  });
}

/** Give the track in `row` a value from 0 to 100; until its fader is moved it has none. */
export function rate(player, row, value) {
  player.ratings[player.data.tracks[row.dataset.index].name] = value;
  showRating(player, row);
  clearTimeout(player.rating);
  player.rating = setTimeout(() => player.transport && tellTest(player), 150);
}

/** Restore the fader of `row`, or leave it without a value. */
export function showRating(player, row) {
  const { name } = player.data.tracks[row.dataset.index];
  const value = player.ratings[name];
  const fader = row.querySelector("[data-rate]");
  row.querySelector(".tp-rate").hidden = !player.data.faders || name === player.data.faders;
  fader.setAttribute("aria-label", `Rating of ${name}`);
  fader.setAttribute("aria-valuetext", value === undefined ? "not rated" : String(value));
  fader.classList.toggle("tp-unset", value === undefined);
  if (value !== undefined) fader.value = value;
  row.querySelector(".tp-rate output").textContent = value ?? "–";
}

/** Say that the server is gone, or that it is back. */
async function ask({ root, data }) {
  const base = new URL(data.tracks[0].src, location).href.split("/media/")[0];
  // The server answers before Streamlit has found it again: till then what is pressed does not arrive.
  const { testConnectionState: state = "CONNECTED" } = document.querySelector("[data-testid=stApp]")?.dataset ?? {};
  const health = () => fetch(`${base}/_stcore/health`, { cache: "no-store" }).then((answer) => answer.ok, () => false);
  const there = state === "CONNECTED" && (await health());
  let sign = root.querySelector(".tp-lost");
  if (there) return sign?.remove();
  if (sign) return;
  sign = document.createElement("p");
  sign.className = "tp-lost";
  sign.setAttribute("role", "alert");
  sign.textContent = "Connection lost: no answer can be stored at present. What you answered before is safe.";
  root.prepend(sign);
}
