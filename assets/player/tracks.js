// The list of signals: one row each, and which of them are heard how loud.

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
  <div class="tp-lane" data-lane="track"><canvas aria-hidden="true"></canvas><i class="tp-region"></i><i class="tp-cursor"></i></div>`;

/** Which tracks are heard, and the gain of each in the sum. */
export class Mixer {
  constructor(tracks) {
    this.tracks = tracks;
    this.active = 0;
    this.heard = new Set([0]);
    this.muted = new Set();
    this.differences = new Set();
    this.faders = tracks.map(() => 0);
    this.matching = true;
    this.remixing = false;
  }

  /** Hear track `i` alone; in a remix it only becomes the one on show. */
  choose(i) {
    this.active = i;
    if (!this.remixing) this.heard = new Set([i]);
  }

  /** Add track `i` to what is heard, or take it away; one always stays. */
  toggleSolo(i) {
    if (this.heard.has(i) && this.heard.size > 1) this.heard.delete(i);
    else if (this.heard.has(i)) this.heard = new Set([this.active]);
    else this.heard.add(i);
  }

  toggleMute(i) {
    if (!this.muted.delete(i)) this.muted.add(i);
  }

  toggleDifference(i) {
    if (this.reference(i) < 0) return;
    if (!this.differences.delete(i)) this.differences.add(i);
  }

  /** The index of the clean signal that track `i` should equal, or -1. */
  reference(i) {
    return this.tracks.findIndex((track) => track.name === this.tracks[i].reference);
  }

  /** The tracks of the system whose speakers a remix mixes; empty where no system has two. */
  system() {
    const members = (name) => this.tracks.flatMap((t, i) => (name && t.system === name ? [i] : []));
    const chosen = [this.tracks[this.active], ...this.tracks].map((track) => members(track.system));
    return chosen.find((indices) => indices.length > 1) ?? [];
  }

  remix(on) {
    this.remixing = on;
    const members = this.system();
    this.heard = new Set(on ? members : [this.active]);
    if (on && !members.includes(this.active)) this.active = members[0];
    this.muted.clear();
    this.differences.clear();
  }

  /** The factor on track `i` when it is heard: loudness matching alone, true proportions together. */
  level(i) {
    const matched = (track) => 10 ** (track.gain_db / 20);
    if (!this.matching) return 1;
    if (this.heard.size === 1) return matched(this.tracks[i]);
    return Math.min(1, ...[...this.heard].map((index) => matched(this.tracks[index])));
  }

  fader(i) {
    if (!this.remixing) return 1;
    return this.faders[i] <= SILENT ? 0 : 10 ** (this.faders[i] / 20);
  }

  /** What is heard is sum_i gains[i] * tracks[i]; a difference takes its clean signal away. */
  gains() {
    const gains = this.tracks.map(() => 0);
    for (const i of this.heard) {
      if (this.muted.has(i)) continue;
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
  find("[data-do=difference]").hidden = !track.reference;
  return row;
}

/** Show a track's texts and state in its row. */
export function updateRow(row, track, index, mixer) {
  const find = (selector) => row.querySelector(selector);
  const differs = mixer.differences.has(index);
  const shown = differs ? `${track.name} − ${track.reference}` : track.name;
  const heard = mixer.heard.has(index) && !mixer.muted.has(index);
  row.classList.toggle("tp-active", index === mixer.active);
  row.classList.toggle("tp-heard", heard);
  row.classList.toggle("tp-differs", differs);
  row.classList.toggle("tp-mixing", mixer.remixing && mixer.heard.has(index));
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
  press("choose", mixer.heard.has(index), `Hear ${shown}`);
  press("solo", mixer.heard.has(index), `Hear ${track.name} too`);
  press("mute", mixer.muted.has(index), `Mute ${track.name}`);
  press("difference", differs, `Difference: ${track.name} minus ${track.reference}`);
  const fader = find("input");
  const text = mixer.faders[index] <= SILENT ? "off" : `${mixer.faders[index]} dB`;
  fader.value = mixer.faders[index];
  fader.setAttribute("aria-label", `Level of ${track.name}`);
  fader.setAttribute("aria-valuetext", text);
  find("output").textContent = text.replace("-", "−");
}
