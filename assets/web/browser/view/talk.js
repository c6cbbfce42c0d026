// The view of a live separation: levels, spectrograms and masks as they arrive, the figures, and a minute to keep.

import { Spectrogram } from "../../player/spectrogram.js";
import { cssColour, onGround, ramp, readTheme } from "../../player/theme.js";
import { fit } from "../../player/waveform.js";
import { Live } from "../live.js";
import { Minute } from "./minute.js";

const SPEAKERS = ["#d62f3c", "#2f6fde", "#2e9e5b"];
const MIXTURE = "#7d8492";
const COLUMN = 0.01; // s
const RANGE = { top: -18, floor: -78 }; // dB re full scale
const SMOOTH = 0.3; // share of the previous value in a level
const FIGURES = 1; // s between two looks at the figures
const LISTENING = "Listening. Say something together with somebody: each of you is heard alone.";
const WELCOME = "Put on headphones, press Start, and allow the microphone. Through loudspeakers it would hear the voices again.";

/** root: the element of live.html; files: as for `Live`; on: {kept(signals, rate, names)}. */
export class Talk {
  constructor(root, files, on = {}) {
    [this.root, this.files, this.on] = [root, files, on];
    this.find = (selector) => root.querySelector(selector);
    this.live = new Live(files, {
      report: (report) => this.#take(report),
      slow: (where) => this.#slow(where),
      loud: () => this.#loud(),
      lost: () => this.#lost(),
    });
    this.find("[data-do=start]").addEventListener("click", () => (this.running ? this.stop() : this.start()));
    this.find("[data-do=model]").addEventListener("change", () => this.running && this.start());
    this.find("[data-do=keep]").addEventListener("click", () => this.keep());
    this.find("[data-do=volume]").addEventListener("input", (event) => {
      this.live.volume = Number(event.target.value);
      this.live.hear(this.live.heard);
    });
    this.resize = new ResizeObserver(() => this.repaint());
    this.resize.observe(root);
    this.say(WELCOME);
    this.#arrange(["Mixture", "Voice 1", "Voice 2"]);
  }

  /** Call when the size or the theme has changed. */
  repaint() {
    this.rows?.forEach((row) => row.clear());
  }

  /** models: [{name, title, weights: () => bytes, cost}], the one to begin with first; `cost` orders them by work. */
  offer(models) {
    this.models = models;
    const select = this.find("[data-do=model]");
    const chosen = select.value;
    select.replaceChildren(...models.map(({ name, title }) => new Option(title, name)));
    if (models.some(({ name }) => name === chosen)) select.value = chosen;
  }

  choose(name) {
    this.find("[data-do=model]").value = name;
    if (this.running) return this.start();
  }

  get model() {
    return this.models.find(({ name }) => name === this.find("[data-do=model]").value);
  }

  say(words, kind = "word") {
    const status = this.find(".tt-status");
    status.dataset.kind = kind;
    if (status.textContent !== words) status.textContent = words;
  }

  /** options: as for `Live.start`; why: what is said instead of the usual once it listens, and meanwhile. */
  async start(options, why = null) {
    const model = this.model;
    this.#show(true);
    this.say(why ?? "Getting ready …", why ? "problem" : "word");
    try {
      const weights = await model.weights();
      await this.live.start(weights, options);
      const { config, info } = this.live.run ?? {};
      if (!config) return; // stopped in the meantime
      const voices = Array.from({ length: config.C }, (_, i) => `Voice ${i + 1}`);
      this.#arrange(["Mixture", ...(info?.task === "speech from noise" ? ["Speech", "Noise"] : voices)]);
      const goesOn = why && this.minute?.rate === config.sample_rate && this.minute.lines.length === 1 + config.C;
      if (!goesOn) this.minute = new Minute(config.sample_rate, 1 + config.C);
      this.counts = { packets: 0, late: 0, busy: 0, seconds: 0 };
      this.all = { packets: 0, late: 0 };
      if (!why) this.say(LISTENING);
    } catch (error) {
      this.#show(false);
      this.say(error.message, "problem");
    }
  }

  stop() {
    this.live.stop();
    this.#show(false);
    this.say(this.minute?.length ? "Stopped. What was heard last can be kept." : WELCOME);
  }

  destroy() {
    this.live.stop();
    this.resize.disconnect();
  }

  keep() {
    const signals = this.minute.signals();
    this.on.kept?.(signals, this.minute.rate, this.names);
  }

  #show(running) {
    this.running = running;
    const button = this.find("[data-do=start]");
    button.querySelector("span").textContent = running ? "■" : "●";
    button.querySelector("b").textContent = running ? "Stop" : "Start";
    this.root.dataset.state = running ? "running" : "ended";
  }

  /** A row for each signal, and what can be heard. */
  #arrange(names) {
    if (this.names?.join() === names.join()) return;
    this.names = names;
    this.rows = names.map((name, i) => new Row(name, i ? SPEAKERS[(i - 1) % 3] : MIXTURE, i > 0, this.root));
    this.find(".tt-rows").replaceChildren(...this.rows.map((row) => row.element));
    const choices = [[0, names[0]], ...names.slice(1).map((name, i) => [i + 1, name])];
    if (names.length > 2) choices.push(["sides", "1 left, 2 right"]);
    choices.push(["none", "Nothing"]);
    const group = this.find(".tt-hear");
    group.replaceChildren(
      ...choices.map(([what, words]) => {
        const button = Object.assign(document.createElement("button"), { type: "button", textContent: words });
        button.setAttribute("role", "radio");
        button.dataset.what = what;
        button.addEventListener("click", () => this.hear(what));
        return button;
      }),
    );
    group.onkeydown = (event) => {
      const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
      if (!step) return;
      event.preventDefault();
      const now = choices.findIndex(([what]) => what === this.live.heard);
      this.hear(choices[(now + step + choices.length) % choices.length][0], true);
    };
    this.hear(choices.some(([what]) => what === this.live.heard) ? this.live.heard : choices[1][0]);
  }

  hear(what, focus = false) {
    this.live.hear(what);
    for (const button of this.find(".tt-hear").children) {
      const on = button.dataset.what === String(what);
      button.setAttribute("aria-checked", on);
      button.tabIndex = on ? 0 : -1;
      if (on && focus) button.focus();
    }
  }

  #take({ signals, film, counts, seconds, ...about }) {
    if (!this.counts) return;
    if (signals) {
      this.minute.add(signals);
      this.rows.forEach((row, i) => row.add(this.minute, i, film));
      this.find("[data-do=keep]").disabled = false;
    }
    if (!counts) return;
    for (const name of ["packets", "late", "busy"]) this.counts[name] += counts[name];
    this.counts.seconds += seconds;
    if (this.counts.seconds >= FIGURES) this.#figures(about);
  }

  #figures({ delay, device, algorithm, thread }) {
    const { packets, late, busy, seconds } = this.counts;
    this.all.packets += packets;
    this.all.late += late;
    this.counts = { packets: 0, late: 0, busy: 0, seconds: 0 };
    const show = (name, text, bad = false) => {
      this.find(`[data-show=${name}]`).textContent = text;
      this.find(`[data-show=${name}]`).classList.toggle("tt-bad", bad);
    };
    const inTime = 100 * Math.max(0, 1 - this.all.late / Math.max(1, this.all.packets));
    show("delay", `${(1000 * delay).toFixed(1)} ms`);
    show("delay-of", `${(1000 * algorithm).toFixed(1)} ms of it the frame, the rest buffers`);
    show("device", device ? `${(1000 * device).toFixed(0)} ms` : "unknown");
    show("in-time", `${inTime.toFixed(inTime < 99.95 && inTime > 90 ? 1 : 0)} %`, inTime < 95);
    show("packets", `${this.all.late} of ${this.all.packets} late`);
    show("work", `${Math.round((busy / seconds) / 10)} %`, busy / seconds > 900);
    show("thread", thread === "audio" ? "of the time, in the audio thread" : "of the time, in a worker");
  }

  /** Beside the audio thread, then the next smaller model, or none: it never stutters on. */
  #slow(where) {
    if (where === "audio") {
      return this.start({ thread: "worker" }, "The audio thread was not in time: the network goes on beside it, with more sound in hand.");
    }
    const { cost, title } = this.model;
    const smaller = this.models.filter((model) => model.cost < cost).sort((a, b) => b.cost - a.cost)[0];
    if (smaller) {
      this.find("[data-do=model]").value = smaller.name;
      return this.start({}, `This computer is too slow at present for ${title}: the smaller ${smaller.title} goes on.`);
    }
    this.stop();
    this.say("This computer is too slow at present for the smallest model, so it was stopped. Close other programs and try again, or separate a file.", "problem");
  }

  #lost() {
    this.stop();
    this.say("The microphone is gone: it was unplugged, or switched off for this page.", "problem");
  }

  #loud() {
    this.hear("none");
    this.say("It became very loud: the microphone may hear the loudspeakers. Nothing is played now; put on headphones and choose a voice again.", "problem");
  }
}

/** One signal: its level, its scrolling spectrogram and, for a voice, the masks. */
class Row {
  constructor(name, colour, masked, root) {
    [this.colour, this.masked, this.root] = [colour, masked, root];
    this.element = document.createElement("div");
    this.element.className = "tt-row";
    this.element.innerHTML = `
      <header><b></b> <output></output><div class="tt-level" aria-hidden="true"><i></i></div></header>
      <div><span class="tt-axis">4 kHz</span><canvas class="tt-spectrogram" role="img"></canvas>${masked ? '<canvas class="tt-mask" role="img"></canvas>' : ""}</div>`;
    this.element.querySelector("b").textContent = name;
    this.spectrogramCanvas = this.element.querySelector(".tt-spectrogram");
    this.spectrogramCanvas.setAttribute("aria-label", `Spectrogram of ${name}, the present at the right`);
    this.maskCanvas = this.element.querySelector(".tt-mask");
    this.maskCanvas?.setAttribute("aria-label", `Mask of ${name}: how much of every part of the mixture it is given`);
    this.level = -80;
  }

  clear() {
    this.theme = null;
  }

  #begin() {
    this.theme = readTheme(this.root);
    const colour = onGround(this.colour, this.theme);
    this.element.style.setProperty("--tt-colour", cssColour(colour));
    this.ramp = ramp(colour, this.theme);
    for (const canvas of [this.spectrogramCanvas, this.maskCanvas]) if (canvas) fit(canvas);
  }

  /** The latest samples, at the end of `minute`. */
  add(minute, index, film) {
    if (!this.theme) this.#begin();
    const { rate } = minute;
    const samples = minute.lines[index];
    const end = minute.length;
    if (this.spectrogram?.samples !== samples) {
      [this.spectrogram, this.drawn] = [new Spectrogram(samples, rate, RANGE), end / rate];
    }
    if (minute.moved) this.drawn -= minute.moved / rate;
    let power = 0;
    const last = Math.max(0, end - Math.round(0.1 * rate));
    for (let n = last; n < end; n++) power += samples[n] ** 2;
    const level = 10 * Math.log10(power / Math.max(1, end - last) + 1e-8);
    this.level = SMOOTH * this.level + (1 - SMOOTH) * level;
    this.element.querySelector("i").style.width = `${Math.max(0, Math.min(100, (100 * (this.level + 60)) / 60))}%`;
    this.element.querySelector("output").textContent = this.level < -75 ? "silent" : `${this.level.toFixed(0)} dB`.replace("-", "−");
    const latest = end / rate - 0.016;
    const columns = [];
    for (; this.drawn + COLUMN < latest; this.drawn += COLUMN) {
      const decibels = this.spectrogram.spectrum(this.drawn + COLUMN / 2);
      columns.push(Array.from(decibels, (value) => Math.min(1, Math.max(0, (value - RANGE.floor) / (RANGE.top - RANGE.floor)))));
    }
    this.#scroll(this.spectrogramCanvas, columns);
    if (this.maskCanvas && film) {
      const rows = 32;
      const from = (index - 1) * rows;
      this.#scroll(this.maskCanvas, film.map((column) => Array.from(column.subarray(from, from + rows), (value) => value / 255)));
    }
  }

  /** Add columns of shares (0..1), lowest frequency first, at the right end; the rest moves to the left. */
  #scroll(canvas, columns) {
    if (!columns.length || !canvas.width) return;
    const context = canvas.getContext("2d");
    context.setTransform(1, 0, 0, 1, 0, 0);
    const wide = Math.max(1, Math.round(canvas.width / canvas.clientWidth));
    const by = columns.length * wide;
    context.drawImage(canvas, -by, 0);
    const high = columns[0].length;
    const image = new ImageData(columns.length, high);
    columns.forEach((column, x) => {
      column.forEach((share, row) => {
        const [r, g, b] = this.ramp[Math.round(255 * share)];
        image.data.set([r, g, b, 255], 4 * ((high - 1 - row) * columns.length + x));
      });
    });
    const strip = new OffscreenCanvas(columns.length, high);
    strip.getContext("2d").putImageData(image, 0, 0);
    context.imageSmoothingEnabled = false;
    context.drawImage(strip, canvas.width - by, 0, by, canvas.height);
  }
}
