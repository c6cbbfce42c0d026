// Short-time spectra in dB re full scale: 32 ms Hann windows, 8 ms hop, as the paper's.

import { fit } from "./waveform.js";

const WINDOW = 0.032; // s
const HOP = 0.008; // s
const COLUMNS = 128; // frames in a tile
const TILES = 512; // tiles kept
const BUDGET = 14; // ms of computing before the browser may draw

class FFT {
  constructor(size) {
    this.size = size;
    this.cos = Float64Array.from({ length: size / 2 }, (_, k) => Math.cos((2 * Math.PI * k) / size));
    this.sin = Float64Array.from({ length: size / 2 }, (_, k) => -Math.sin((2 * Math.PI * k) / size));
    const bits = Math.log2(size);
    this.reversed = Uint32Array.from({ length: size }, (_, n) => {
      let r = 0;
      for (let bit = 0; bit < bits; bit++) r |= ((n >> bit) & 1) << (bits - 1 - bit);
      return r;
    });
    this.re = new Float64Array(size);
    this.im = new Float64Array(size);
  }

  /** Power |X_k|^2, k = 0 .. size / 2, of the real frame `read(n)`. */
  power(read, out) {
    const { size, re, im, cos, sin, reversed } = this;
    for (let n = 0; n < size; n++) {
      re[reversed[n]] = read(n);
      im[n] = 0;
    }
    for (let half = 1; half < size; half *= 2) {
      const stride = size / (2 * half);
      for (let start = 0; start < size; start += 2 * half) {
        for (let k = 0; k < half; k++) {
          const a = start + k;
          const b = a + half;
          const c = cos[k * stride];
          const s = sin[k * stride];
          const x = re[b] * c - im[b] * s;
          const y = re[b] * s + im[b] * c;
          re[b] = re[a] - x;
          im[b] = im[a] - y;
          re[a] += x;
          im[a] += y;
        }
      }
    }
    for (let k = 0; k <= size / 2; k++) out[k] += re[k] * re[k] + im[k] * im[k];
  }
}

export class Spectrogram {
  /** `top` and `floor`: the dB at the ends of the colour scale. */
  constructor(samples, rate, { top, floor }) {
    Object.assign(this, { samples, rate, top, floor });
    const window = Math.round(WINDOW * rate);
    this.fft = new FFT(2 ** Math.ceil(Math.log2(window)));
    this.bins = this.fft.size / 2 + 1;
    this.window = Float64Array.from(
      { length: window },
      (_, n) => 0.5 - 0.5 * Math.cos((2 * Math.PI * n) / window),
    );
    // A full-scale sine reads 0 dB.
    this.fullScale = (this.window.reduce((sum, value) => sum + value, 0) / 2) ** 2;
    this.sum = new Float64Array(this.bins);
    this.tiles = new Map();
  }

  /** Colours of the scale's 256 steps. */
  set ramp(colours) {
    if (this.colours === colours) return;
    this.colours = colours;
    this.tiles.clear();
  }

  /** dB of every bin, the mean power of `frames` frames over `spread` seconds about `time`. */
  spectrum(time, frames = 1, spread = 0) {
    const { samples, window, sum } = this;
    sum.fill(0);
    for (let i = 0; i < frames; i++) {
      const centre = time + ((i + 0.5) / frames - 0.5) * spread;
      const start = Math.round(centre * this.rate - window.length / 2);
      this.fft.power((n) => (n < window.length ? window[n] * (samples[start + n] ?? 0) : 0), sum);
    }
    return Float32Array.from(sum, (p) => 10 * Math.log10(p / frames / this.fullScale + 1e-15));
  }

  /** dB at a time (s) and frequency (Hz). */
  level(time, frequency) {
    const bin = Math.round((frequency / this.rate) * this.fft.size);
    return this.spectrum(time)[Math.min(bin, this.bins - 1)];
  }

  /** Draw the view; false if the time was up before everything was drawn (call again). */
  draw(canvas, view) {
    const { context, width, height } = fit(canvas);
    const level = Math.max(0, Math.floor(Math.log2((0.75 * view.span) / width / HOP)));
    const hop = HOP * 2 ** level;
    const first = Math.floor((view.from / hop + 0.5) / COLUMNS);
    const last = Math.floor((view.to / hop + 0.5) / COLUMNS);
    const until = performance.now() + BUDGET;
    context.imageSmoothingQuality = "high";
    let complete = true;
    for (let index = first; index <= last; index++) {
      const key = `${level}:${index}`;
      if (!this.tiles.has(key)) {
        if (performance.now() > until) {
          complete = false;
          continue;
        }
        if (this.tiles.size >= TILES) this.tiles.delete(this.tiles.keys().next().value);
        this.tiles.set(key, this.#paint(index, hop, level));
      }
      const from = (index * COLUMNS - 0.5) * hop;
      const x = view.share(from) * width;
      const wide = ((COLUMNS * hop) / view.span) * width;
      // Half a bin hangs over at 0 Hz and at the Nyquist frequency.
      const bin = height / (this.bins - 1);
      context.drawImage(this.tiles.get(key), x, -bin / 2, wide + 0.5, height + bin);
    }
    return complete;
  }

  #paint(index, hop, level) {
    const canvas = new OffscreenCanvas(COLUMNS, this.bins);
    const context = canvas.getContext("2d");
    const image = context.createImageData(COLUMNS, this.bins);
    const pixels = new Uint32Array(image.data.buffer);
    this.packed = this.packedFor === this.colours ? this.packed : this.#pack();
    const scale = 255 / (this.top - this.floor);
    const frames = level === 0 ? 1 : 3;
    for (let column = 0; column < COLUMNS; column++) {
      const decibels = this.spectrum((index * COLUMNS + column) * hop, frames, hop);
      for (let bin = 0; bin < this.bins; bin++) {
        const step = Math.min(Math.max((decibels[bin] - this.floor) * scale, 0), 255) | 0;
        pixels[(this.bins - 1 - bin) * COLUMNS + column] = this.packed[step];
      }
    }
    context.putImageData(image, 0, 0);
    return canvas;
  }

  #pack() {
    this.packedFor = this.colours;
    return Uint32Array.from(this.colours, ([r, g, b]) => ((255 << 24) | (b << 16) | (g << 8) | r) >>> 0);
  }
}
