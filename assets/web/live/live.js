// A live separation: plays what has arrived, draws it as it grows, and counts what arrived too late.

import { livingIn } from "../player/lifetime.js";
import { openContext } from "../player/media.js";
import { cssColour, onGround, readTheme } from "../player/theme.js";
import { drawRuler, drawWaveform, fit, Peaks, View } from "../player/waveform.js";

const RESERVE = 0.6; // s of sound in hand before playback begins: the server sends a few times a second
const WINDOW = 10; // s on show
const GLIDE = 0.015; // s from one signal to another, so that switching does not click

const quantile = (values, share) => {
  const sorted = Float64Array.from(values).sort();
  return sorted[Math.min(Math.floor(share * sorted.length), sorted.length - 1)];
};

const milliseconds = (value) => `${value < 1 ? value.toFixed(2) : value < 10 ? value.toFixed(1) : value.toFixed(0)} ms`;

function decode(text, scale) {
  const bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  return Float32Array.from(new Int16Array(bytes.buffer), (value) => value * scale);
}

class Live {
  constructor(root) {
    this.root = root;
    this.find = (selector) => root.querySelector(selector);
    this.chosen = 1; // the first voice
    this.resize = new ResizeObserver(() => this.draw());
    this.resize.observe(root);
  }

  destroy() {
    this.resize.disconnect();
    cancelAnimationFrame(this.frame);
    this.context?.close();
    this.context = null;
  }

  /** Take what is new in `data` (see pages/parts/live_player.py). */
  update(data) {
    if (data.run !== this.data?.run) this.#begin(data);
    this.data = data;
    if (data.stopped) this.context?.suspend();
    if (data.length) {
      // Take everything that came, even what should be here already: a busy browser may have missed it.
      data.signals.forEach((text, i) => this.signals[i].set(decode(text, data.scale), data.first));
      const [from, last] = [Math.max(data.first, this.have), data.first + data.length];
      if (this.heard && last > from) this.#play(from, last);
      this.have = Math.max(last, this.have);
      this.peaks = this.signals.map((samples) => new Peaks(samples.subarray(0, this.have)));
    }
    data.milliseconds.forEach((value, i) => (this.times[data.packet + i] = value));
    data.delays.forEach((value, i) => (this.delays[data.packet + i] = value));
    this.root.dataset.have = this.have;
    this.root.dataset.state = data.running ? "running" : "ended";
    this.draw();
  }

  #begin(data) {
    this.context?.close();
    this.context = this.next = null;
    this.have = this.gaps = 0;
    this.heard = data.running; // what ended before is shown but not played
    [this.times, this.delays, this.peaks] = [[], [], []];
    this.signals = data.names.map(() => new Float32Array(data.total));
    this.chosen = Math.min(this.chosen, data.names.length - 1);
    const tracks = data.names.map((name, i) => {
      const track = document.createElement("button");
      Object.assign(track, { type: "button", className: "tl-row tl-track" });
      track.setAttribute("role", "radio");
      track.innerHTML = "<span><b></b><i></i></span><canvas></canvas>";
      track.querySelector("b").textContent = name;
      track.addEventListener("click", () => this.choose(i));
      return track;
    });
    this.find(".tl-rows").replaceChildren(...tracks);
    this.tracks = tracks;
    this.choose(this.chosen);
  }

  choose(index) {
    this.chosen = index;
    this.tracks.forEach((track, i) => {
      track.setAttribute("aria-checked", i === index);
      track.querySelector("i").textContent = i === index ? "heard" : "click to hear";
    });
    this.gains?.forEach((gain, i) => {
      gain.gain.setTargetAtTime(i === index ? 1 : 0, this.context.currentTime, GLIDE / 3);
    });
  }

  #open(rate) {
    this.context = openContext(rate);
    this.context.resume();
    this.splitter = this.context.createChannelSplitter(this.signals.length);
    this.gains = this.signals.map((_, i) => {
      const gain = new GainNode(this.context, { gain: i === this.chosen ? 1 : 0 });
      this.splitter.connect(gain, i);
      gain.connect(this.context.destination);
      return gain;
    });
  }

  /** All signals from sample `from` to `last` right after what is being played; where that has ended, there is a gap. */
  #play(from, last) {
    if (!this.context) this.#open(this.data.rate);
    const now = this.context.currentTime;
    if (this.next === null || this.next < now) {
      this.gaps += this.next === null ? 0 : 1;
      this.next = now + RESERVE;
    }
    const buffer = this.context.createBuffer(this.signals.length, last - from, this.data.rate);
    this.signals.forEach((samples, i) => buffer.copyToChannel(samples.subarray(from, last), i));
    const source = new AudioBufferSourceNode(this.context, { buffer });
    source.connect(this.splitter);
    source.start(this.next);
    this.next += buffer.duration;
  }

  /** The time in the sound that is being heard, in s. */
  #position() {
    return this.context && this.next !== null ? this.have / this.data.rate - (this.next - this.context.currentTime) : null;
  }

  draw() {
    this.frame ??= requestAnimationFrame(() => {
      this.frame = null;
      if (!this.data) return;
      this.#paint();
      const playing = this.context?.state === "running" && this.next > this.context.currentTime;
      if (playing) this.draw();
    });
  }

  #paint() {
    const { data } = this;
    const theme = readTheme(this.root);
    const view = new View(data.total / data.rate);
    const now = this.have / data.rate;
    view.set(now - WINDOW, Math.max(now, WINDOW));
    const axis = cssColour(theme.ink, 0.14);
    const position = this.#position();
    this.tracks.forEach((track, i) => {
      const colour = cssColour(onGround(data.colours[i], theme));
      track.style.setProperty("--tl-colour", colour);
      const canvas = track.querySelector("canvas");
      if (!this.peaks[i]) return fit(canvas);
      drawWaveform(canvas, this.peaks[i], data.rate, view, { gain: 1, full: data.full, colour, axis });
      if (position !== null && position < now) this.#cursor(canvas, view.share(position), theme);
    });
    drawRuler(this.find("[data-lane=ruler]"), view, theme);
    this.#chart(view, theme);
    this.#figures(now);
  }

  #cursor(canvas, share, theme) {
    const context = canvas.getContext("2d");
    context.fillStyle = cssColour(theme.ink, 0.8);
    context.fillRect(share * canvas.clientWidth, 0, 1.5, canvas.clientHeight);
  }

  /** Every packet's time on a logarithmic scale, with the packet's own length as the line it must stay under. */
  #chart(view, theme) {
    const { context, width, height } = fit(this.find("[data-lane=chart]"));
    const budget = (1000 * this.data.size) / this.data.rate;
    const [low, high] = [Math.log10(Math.min(0.1, budget / 40)), Math.log10(budget * 20)];
    const y = (value) => height - 6 - ((Math.log10(value) - low) / (high - low)) * (height - 12);
    context.font = `11px ${theme.font}`;
    context.textBaseline = "bottom";
    for (let power = Math.ceil(low); power <= high; power++) {
      context.fillStyle = cssColour(theme.ink, 0.1);
      context.fillRect(0, y(10 ** power), width, 1);
      context.fillStyle = cssColour(theme.ink, 0.6);
      context.fillText(`${10 ** power} ms`, 4, y(10 ** power) - 1);
    }
    const length = this.data.size / this.data.rate;
    const first = Math.max(0, Math.floor(view.from / length));
    for (let packet = first; packet < this.times.length; packet++) {
      const value = this.times[packet];
      if (value === undefined) continue;
      context.fillStyle = value > budget ? "#d62f3c" : cssColour(onGround("#2e9e5b", theme));
      const at = y(Math.min(Math.max(value, 10 ** low), 10 ** high));
      context.fillRect(view.share((packet + 1) * length) * width - 1, at - 1.25, 2.5, 2.5);
    }
    context.fillStyle = cssColour(theme.ink, 0.75);
    for (let x = 0; x < width; x += 8) context.fillRect(x, y(budget), 4, 1);
    context.textAlign = "right";
    context.fillText(`${budget.toPrecision(2) * 1} ms: the packet's own length`, width - 6, y(budget) - 2);
    context.textAlign = "left";
    this.find("[data-show=budget]").textContent = `${this.data.size} samples, log scale`;
  }

  #figures(now) {
    const show = (name, text, bad = false) => {
      const element = this.find(`[data-show=${name}]`);
      element.textContent = text;
      element.classList.toggle("tl-bad", bad);
    };
    const times = this.times.filter((value) => value !== undefined);
    show("time", `${now.toFixed(1)} s`);
    show("median", times.length ? milliseconds(quantile(times, 0.5)) : "–");
    show("p99", times.length ? milliseconds(quantile(times, 0.99)) : "–");
    show("delay", times.length ? milliseconds(quantile(this.delays.filter((value) => value !== undefined), 0.5)) : "–");
    show("late", String(this.data.late), this.data.late > 0);
    show("gaps", String(this.gaps), this.gaps > 0);
  }
}

/** Streamlit's entry point: called first, and whenever data or theme change; returns the clean-up. */
export default function mount({ parentElement, data }) {
  const root = parentElement.querySelector(".tasnet-live");
  const [live, cleanUp] = livingIn(root, () => (root.live = new Live(root)));
  live.update(data);
  return cleanUp;
}
