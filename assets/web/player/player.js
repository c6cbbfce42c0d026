// The player: loads the signals, keeps picture and sound together, and responds to mouse, touch and keys.

import { putInAddress } from "./address.js";
import { listen } from "./gestures.js";
import { attend, showRating } from "./hearing.js";
import { livingIn } from "./lifetime.js";
import { fetchTrack, openContext } from "./media.js";
import { paint, placeCursors, showRegion, showTour } from "./picture.js";
import { Spectrogram } from "./spectrogram.js";
import { cssColour, onGround, readTheme } from "./theme.js";
import { createRow, Mixer, updateRow } from "./tracks.js";
import { Transport } from "./transport.js";
import { encodeWav } from "./wav.js";
import { formatTime, Peaks, timeUnit, View } from "./waveform.js";

const RANGE = 65; // dB from the loudest colour to the background
const STOP_SECONDS = 8; // how long a stop of the tour is heard, at most

class Player {
  constructor(root) {
    this.root = root;
    this.find = (selector) => root.querySelector(selector);
    this.rows = [];
    this.release = listen(this);
    this.resize = new ResizeObserver(() => this.invalidate());
    this.resize.observe(this.find(".tp-grid"));
  }

  /** Show `data` (see pages/parts/player.py); the same set of tracks plays on undisturbed, even while more of it arrives. */
  async update(data, report) {
    this.report = report;
    this.theme = readTheme(this.root);
    this.newest = data;
    // What has come is played as soon as it is loaded, however soon more of it comes.
    if (!this.#shows(data) && this.#isMore(data)) await this.loading;
    if (this.newest !== data) return;
    const known = this.#shows(data);
    const more = !known && this.transport && this.#isMore(data);
    this.data = data;
    if (known && this.mixer) this.mixer.tracks = data.tracks; // what is told of them may be new
    if (more) await this.#grow(data);
    else if (!known) await (this.loading = this.#load(data));
    if (this.#shows(data) && this.transport) this.refresh();
  }

  /** Whether `data` are what is shown, of which not all had come, with more of it. */
  #isMore(data) {
    return Boolean(this.data?.base === data.base && this.data?.tracks.some((track) => !track.src));
  }

  /** Whether these signals are still wanted: the page may have sent the same set again while they loaded. */
  #shows(data) {
    return this.data?.set === data.set;
  }

  async #load(data) {
    const { tracks, rate, length } = data;
    const old = this.transport;
    // The next tone goes on where one was playing, even if it comes while that one is still loading.
    this.playsOn = data.loop && (old?.playing ?? this.playsOn ?? false);
    const active = (data.loop && this.mixer?.tracks[this.mixer.active].name) || data.active;
    this.transport = null;
    old?.close();
    this.showPlaying();
    this.mixer = new Mixer(tracks);
    this.mixer.choose(Math.max(tracks.findIndex((track) => track.name === active), 0));
    this.view = new View(length / rate);
    this.region = data.region;
    this.looping = data.loop || Boolean(data.region);
    this.touring = null;
    this.rows = tracks.map(createRow);
    this.find(".tp-tracks").replaceChildren(...this.rows);
    this.heard = null;
    this.ratings = { ...data.ratings };
    this.root.classList.toggle("tp-faders", Boolean(data.faders));
    for (const row of this.rows) showRating(this, row);
    this.root.dataset.state = "loading";
    showTour(this); // at once, so that what is below it does not move later
    this.root.classList.toggle("tp-tone", data.loop); // at once: it is less tall
    this.say("Loading …", { stay: true, aloud: data.loop });
    this.rows.forEach((row, i) => updateRow(row, tracks[i], i, this.mixer));
    try {
      const found = await Promise.all(tracks.map((track) => fetchTrack(track, length)));
      if (!this.#shows(data)) return;
      this.found = found;
      const signals = found.map(({ samples }) => samples);
      this.peaks = signals.map((samples) => new Peaks(samples));
      this.differences = new Map();
      // A voice's strongest bins lie some 6 dB below its peak: one scale for all tracks.
      const peak = Math.max(...this.peaks.map((p) => p.peak), 1e-4);
      this.scale = { top: Math.round(20 * Math.log10(peak)) - 6 };
      this.scale.floor = this.scale.top - RANGE;
      this.spectrograms = signals.map((samples) => new Spectrogram(samples, rate, this.scale));
      this.transport = new Transport(signals, rate, () => openContext(rate));
      this.transport.onended = () => this.#paused();
      this.transport.seek(data.time);
      this.transport.setLoop(this.looping, this.region);
      this.#showState();
      if (data.blind) attend(this);
      this.say("");
      if (this.playsOn) this.start();
    } catch (error) {
      if (!this.#shows(data)) return;
      this.root.dataset.state = "failed";
      this.say(`The signals could not be loaded: ${error.message}.`, { stay: true });
    }
  }

  /** More of the same signals, or what replaces them, has arrived. */
  async #grow(data) {
    const before = this.found;
    let found;
    try {
      found = await Promise.all(data.tracks.map((track, i) => fetchTrack(track, data.length, before[i])));
    } catch (error) {
      if (this.#shows(data)) this.say(`The signals could not be loaded: ${error.message}.`, { stay: true });
      return;
    }
    if (!this.#shows(data) || !this.transport) return;
    this.found = found;
    this.mixer.tracks = data.tracks;
    found.forEach((one, i) => {
      if (one === before[i]) return;
      this.rows[i].dataset.src = data.tracks[i].src;
      this.peaks[i] = new Peaks(one.samples);
      this.spectrograms[i] = new Spectrogram(one.samples, data.rate, this.scale);
    });
    this.differences.clear();
    this.transport.replace(found.map(({ samples }) => samples));
    this.#showState();
  }

  /** What is "coming" can be played as far as it has arrived. */
  #showState() {
    this.root.dataset.state = this.data.tracks.every((track) => track.src) ? "ready" : "coming";
    showTour(this);
  }

  destroy() {
    this.release();
    this.resize.disconnect();
    cancelAnimationFrame(this.frame);
    this.transport?.close();
    this.transport = null;
    this.data = this.newest = null;
    delete this.root.dataset.state;
  }

  // --- what a user can do -------------------------------------------------------------------

  async toggle() {
    if (!this.transport) return;
    this.leaveTour();
    if (!this.transport.playing) return this.start();
    this.transport.pause();
    this.#paused();
  }

  /** Play on from where the cursor stands; every other player on the page stops. */
  async start() {
    if (!this.transport || this.transport.playing) return;
    document.dispatchEvent(new CustomEvent("tasnet-player-starts", { detail: this }));
    const playing = this.transport.play();
    this.showPlaying();
    await playing;
    this.#follow();
  }

  #paused() {
    if (this.touring) return this.#nextStop();
    this.showPlaying();
    placeCursors(this);
    this.tell();
  }

  pause() {
    if (this.transport?.playing) this.toggle();
  }

  /** Play the stops of the tour one after the other, or leave it. */
  toggleTour() {
    if (this.touring) return this.toggle();
    if (!this.transport || !this.data.tour) return;
    this.mixer.remix(false);
    this.looping = false;
    this.transport.setLoop(false, this.region);
    this.touring = { stop: -1 };
    this.#nextStop();
  }

  #nextStop() {
    const { transport, data, region, touring } = this;
    const step = data.tour.stops[++touring.stop];
    transport.pause();
    if (!step) {
      this.leaveTour();
      this.#paused();
      return;
    }
    touring.from = region?.[0] ?? 0;
    touring.to = region?.[1] ?? Math.min(transport.duration, STOP_SECONDS);
    this.mixer.choose(data.tracks.findIndex((track) => track.name === step.track));
    transport.seek(touring.from);
    this.refresh();
    showTour(this);
    this.start();
  }

  /** Anything else that a user does ends the tour; the sound goes on. */
  leaveTour() {
    this.touring = null;
    showTour(this);
  }

  seek(time, settled = true) {
    this.leaveTour();
    this.transport.seek(time);
    if (time < this.view.from || time > this.view.to) {
      this.show(time - this.view.span / 2, time + this.view.span / 2);
    }
    placeCursors(this);
    if (settled) this.tell();
  }

  choose(index) {
    if (index < 0 || index >= this.data.tracks.length) return;
    this.leaveTour();
    this.mixer.choose(index);
    this.apply();
    this.say(this.data.tracks[index].name, { aloud: true });
  }

  /** After any change of the mixer: sound, picture and page follow. */
  apply() {
    this.refresh();
    this.tell();
  }

  setRegion(region, settled = true) {
    this.region = region;
    this.looping = region ? true : this.looping;
    showRegion(this);
    if (!settled) return;
    this.transport.setLoop(this.looping, this.region);
    this.tell();
  }

  markHere(edge) {
    const here = this.transport.position();
    const [from, to] = this.region ?? [0, this.transport.duration];
    const region = edge === "from" ? [here, to > here ? to : this.transport.duration] : [from < here ? from : 0, here];
    if (region[1] > region[0]) this.setRegion(region);
  }

  toggleLoop() {
    this.looping = !this.looping;
    this.transport.setLoop(this.looping, this.region);
    showRegion(this);
  }

  zoom(factor, time = this.transport.position()) {
    this.view.zoom(factor, time >= this.view.from && time <= this.view.to ? time : this.view.time(0.5));
    this.invalidate();
  }

  show(from, to) {
    this.view.set(from, to);
    this.invalidate();
  }

  pan(seconds) {
    this.view.pan(seconds);
    this.invalidate();
  }

  setSpeed(speed) {
    this.transport.setSpeed(speed);
  }

  save() {
    const names = this.mixer.heard.map((i) => this.data.tracks[i].name);
    const link = document.createElement("a");
    link.href = URL.createObjectURL(encodeWav(this.transport.mixdown(this.region), this.data.rate));
    link.download = `${this.mixer.remixing ? "remix" : names.join(" + ")}.wav`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
    this.say(`Saved ${link.download}.`);
  }

  /** Tell the page where the cursor is when the user acts or the sound stops, not 60 times a second. */
  tell() {
    const { follow, link } = this.data;
    if (!follow && !link) return;
    clearTimeout(this.telling);
    this.telling = setTimeout(() => {
      if (!this.transport) return;
      const state = {
        set: this.data.set,
        time: this.transport.position(),
        region: this.region,
        active: this.data.tracks[this.mixer.active].name,
        gains: this.mixer.gains(),
      };
      if (link) state.link = putInAddress(state);
      this.report(state);
    }, 150);
  }

  /** A message to the user: shown for a moment, or only `aloud`, to a screen reader. */
  say(message, { aloud = false, stay = false } = {}) {
    const status = this.find(".tp-status");
    status.textContent = message;
    status.classList.toggle("tp-hidden", aloud);
    clearTimeout(this.saying);
    if (!stay) this.saying = setTimeout(() => (status.textContent = ""), 3000);
  }

  // --- picture ------------------------------------------------------------------------------

  /** Everything that depends on the mixer, the theme or the view. */
  refresh() {
    const { tracks } = this.data;
    this.transport.setGains(this.mixer.gains());
    this.rows.forEach((row, i) => {
      row.style.setProperty("--tp-colour", cssColour(onGround(tracks[i].colour, this.theme)));
      updateRow(row, tracks[i], i, this.mixer);
    });
    const press = (action, on) => this.find(`[data-do=${action}]`).setAttribute("aria-pressed", on);
    press("match", this.mixer.matching);
    press("remix", this.mixer.remixing);
    this.find("[data-do=remix]").hidden = !this.mixer.system().length;
    this.find("[data-show=duration]").textContent = this.clock(this.transport.duration);
    this.find("[data-show=unit]").textContent = timeUnit(this.transport.duration);
    showTour(this);
    this.root.classList.toggle("tp-many", tracks.length > 7);
    this.root.classList.toggle("tp-no-spectrogram", !this.data.spectrograms || this.data.blind || this.data.loop);
    this.root.classList.toggle("tp-blind", this.data.blind);
    this.showPlaying();
    showRegion(this);
    this.invalidate();
  }

  showPlaying() {
    const playing = Boolean(this.transport?.playing);
    this.root.classList.toggle("tp-playing", playing);
    this.find("[data-do=play]").setAttribute("aria-label", playing ? "Pause" : "Play");
  }

  invalidate() {
    this.dirty = true;
    this.frame ??= requestAnimationFrame(() => this.#draw());
  }

  #draw() {
    this.frame = null;
    if (!this.transport) return;
    if (this.dirty) paint(this);
    placeCursors(this);
    if (this.transport.playing) this.#follow();
  }

  #follow() {
    if (!this.transport?.playing) return;
    const time = this.transport.position(true);
    if (this.touring && time >= this.touring.to) return this.#nextStop();
    const { view } = this;
    if (!view.whole && !this.dragging && (time > view.to || time < view.from)) {
      view.set(time, time + view.span);
      this.dirty = true;
    }
    this.frame ??= requestAnimationFrame(() => this.#draw());
  }

  /** The peaks and spectrogram of what row `i` shows: the track, or its difference from the clean one. */
  shown(i) {
    if (!this.mixer.differences.has(i)) {
      return { peaks: this.peaks[i], spectrogram: this.spectrograms[i] };
    }
    if (!this.differences.has(i)) {
      const clean = this.peaks[this.mixer.reference(i)].samples;
      const samples = this.peaks[i].samples.map((value, n) => value - clean[n]);
      const spectrogram = new Spectrogram(samples, this.data.rate, this.scale);
      this.differences.set(i, { peaks: new Peaks(samples), spectrogram });
    }
    return this.differences.get(i);
  }

  /** `time` as clock, ruler and marked stretch show it. */
  clock(time) {
    return formatTime(time, this.transport.duration);
  }
}

/** Streamlit's entry point: called first, and whenever data or theme change; returns the clean-up. */
export default function mount({ parentElement, data, setStateValue }) {
  const root = parentElement.querySelector(".tasnet-player");
  const [player, cleanUp] = livingIn(root, () => (root.player = new Player(root)));
  player.update(data, (state) => setStateValue("state", state));
  return cleanUp;
}
