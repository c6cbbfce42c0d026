// The list of signals, one row each, and how loud each of them is heard.

const SILENT = -60; // dB: the fader's lower end is silence

const ROW = `
  <div class="tp-head">
    <button type="button" class="tp-name" data-do="choose"><kbd></kbd><span></span></button>
    <span class="tp-buttons">
      <button type="button" class="tp-square" data-do="difference" aria-pressed="false">Δ</button>
      <button type="button" class="tp-square" data-do="solo" aria-pressed="false">S</button>
      <button type="button" class="tp-square" data-do="mute" aria-pressed="false">M</button>
    </span>
    <span class="tp-note"></span>
    <label class="tp-fader"><input type="range" min="${SILENT}" max="0" step="1" value="0"><output>0 dB</output></label>
  </div>
  <div class="tp-lane" data-lane="track"><canvas aria-hidden="true"></canvas><i class="tp-region"></i><i class="tp-cursor"></i></div>
  <label class="tp-rate" hidden><input type="range" min="0" max="100" step="1" value="0" data-rate class="tp-unset" aria-orientation="vertical"><output>–</output></label>`;

/** Which tracks are heard, and the gain of each in the sum. */
export class Mixer {
  constructor(tracks) {
    this.tracks = tracks;
    this.active = 0; // the track on show; heard alone unless others are soloed or a remix is on
    this.soloed = new Set();
    this.muted = new Set();
    this.differences = new Set();
    this.faders = tracks.map(() => 0); // dB, in a remix
    this.matching = true;
    this.members = []; // the tracks of a remix
  }

  get remixing() {
    return this.members.length > 0;
  }

  /** The tracks that play: the soloed ones, else the remix, else the one on show. */
  get heard() {
    const base = this.remixing ? this.members : [this.active];
    return (this.soloed.size ? [...this.soloed] : base).filter((i) => !this.muted.has(i));
  }

  /** Show track `i`, and outside a remix hear it alone. */
  choose(i) {
    this.active = i;
    if (!this.remixing) this.soloed.clear();
  }

  toggle(set, i) {
    if (!set.delete(i)) set.add(i);
  }

  /** The index of the clean signal that track `i` should equal, or -1. */
  reference(i) {
    return this.tracks.findIndex((track) => track.name === this.tracks[i].reference);
  }

  /** The tracks of the system whose speakers a remix mixes: the shown one's, else the first with two. */
  system() {
    const members = (name) => this.tracks.flatMap((t, i) => (name && t.system === name ? [i] : []));
    const candidates = [this.tracks[this.active], ...this.tracks];
    return candidates.map((t) => members(t.system)).find((indices) => indices.length > 1) ?? [];
  }

  remix(on) {
    this.members = on ? this.system() : [];
    if (on && !this.members.includes(this.active)) this.active = this.members[0];
    for (const set of [this.soloed, this.muted, this.differences]) set.clear();
  }

  /** The factor on track `i` when it is heard: matched loudness alone, true proportions together. */
  level(i) {
    if (!this.matching) return 1;
    const matched = (index) => 10 ** (this.tracks[index].gain_db / 20);
    if (this.remixing) return Math.min(1, ...this.members.map(matched));
    if (this.soloed.size > 1) return Math.min(1, ...[...this.soloed].map(matched));
    return matched(i);
  }

  fader(i) {
    if (!this.remixing) return 1;
    return this.faders[i] <= SILENT ? 0 : 10 ** (this.faders[i] / 20);
  }

  /** What is heard is sum_i gains[i] * tracks[i]; a difference takes its clean signal away. */
  gains() {
    const gains = this.tracks.map(() => 0);
    for (const i of this.heard) {
      const gain = this.level(i) * this.fader(i);
      gains[i] += gain;
      if (this.differences.has(i)) gains[this.reference(i)] -= gain;
    }
    return gains;
  }
}

/** The row of a track, as DOM. */
export function createRow(track, index) {
  const row = document.createElement("div");
  row.className = "tp-line tp-track";
  row.setAttribute("role", "listitem");
  row.innerHTML = ROW;
  row.dataset.index = index;
  row.dataset.trackName = track.name;
  row.dataset.src = track.src;
  const find = (selector) => row.querySelector(selector);
  find("kbd").textContent = index < 9 ? index + 1 : "";
  return row;
}

/** Show a track's texts and state in its row. */
export function updateRow(row, track, index, mixer) {
  const find = (selector) => row.querySelector(selector);
  find("[data-do=difference]").hidden = !track.reference;
  row.classList.toggle("tp-coming", !track.src);
  const differs = mixer.differences.has(index);
  const shown = differs ? `${track.name} − ${track.reference}` : track.name;
  const heard = mixer.heard.includes(index);
  row.classList.toggle("tp-active", index === mixer.active);
  row.classList.toggle("tp-heard", heard);
  row.classList.toggle("tp-differs", differs);
  row.classList.toggle("tp-mixing", mixer.members.includes(index));
  row.setAttribute("aria-current", index === mixer.active);
  find(".tp-name span").textContent = shown;
  find(".tp-name").title = shown;
  find(".tp-note").textContent = find(".tp-note").title = track.description;
  const press = (action, on, label) => {
    const button = find(`[data-do=${action}]`);
    button.setAttribute("aria-pressed", on);
    button.setAttribute("aria-label", label);
    button.title = label;
  };
  press("choose", heard, `Hear ${shown}`);
  press("solo", mixer.soloed.has(index), `Solo ${track.name}`);
  press("mute", mixer.muted.has(index), `Mute ${track.name}`);
  press("difference", differs, `Difference: ${track.name} minus ${track.reference}`);
  const fader = find("input");
  const text = mixer.faders[index] <= SILENT ? "off" : `${mixer.faders[index]} dB`;
  fader.value = mixer.faders[index];
  fader.setAttribute("aria-label", `Level of ${track.name}`);
  fader.setAttribute("aria-valuetext", text);
  find("output").textContent = text.replace("-", "−");
}
