// Drawing signals against time: the view, waveforms and the ruler.

const BLOCK = 64; // samples summed up in one pair of extremes

/** The stretch of time on show: [from, to] in s, within [0, duration]. */
export class View {
  constructor(duration) {
    this.duration = duration;
    this.shortest = Math.min(0.02, duration);
    this.set(0, duration);
  }

  set(from, to) {
    const span = Math.min(Math.max(to - from, this.shortest), this.duration);
    this.from = Math.min(Math.max(from, 0), this.duration - span);
    this.to = this.from + span;
  }

  get span() {
    return this.to - this.from;
  }

  get whole() {
    return this.span >= this.duration;
  }

  /** Shares of the width, 0..1 inside the view. */
  share(time) {
    return (time - this.from) / this.span;
  }

  time(share) {
    return this.from + share * this.span;
  }

  /** Show 1 / `factor` of the present span, `time` staying where it is. */
  zoom(factor, time) {
    const span = Math.min(Math.max(this.span / factor, this.shortest), this.duration);
    const from = time - this.share(time) * span;
    this.set(from, from + span);
  }

  pan(seconds) {
    this.set(this.from + seconds, this.to + seconds);
  }
}

/** Extremes of any stretch of a signal, in time independent of the stretch's length. */
export class Peaks {
  constructor(samples) {
    this.samples = samples;
    const blocks = Math.ceil(samples.length / BLOCK);
    this.low = new Float32Array(blocks);
    this.high = new Float32Array(blocks);
    this.peak = 0;
    for (let block = 0; block < blocks; block++) {
      const [low, high] = this.#scan(block * BLOCK, (block + 1) * BLOCK);
      this.low[block] = low;
      this.high[block] = high;
      this.peak = Math.max(this.peak, high, -low);
    }
  }

  /** [lowest, highest] of samples first .. last-1; a block that is only partly inside counts when there are many. */
  extremes(first, last) {
    if (last - first < 4 * BLOCK) return this.#scan(first, last);
    let low = Infinity;
    let high = -Infinity;
    const end = Math.min(Math.ceil(last / BLOCK), this.low.length);
    for (let block = Math.floor(Math.max(first, 0) / BLOCK); block < end; block++) {
      if (this.low[block] < low) low = this.low[block];
      if (this.high[block] > high) high = this.high[block];
    }
    return [low, high];
  }

  #scan(first, last) {
    let low = Infinity;
    let high = -Infinity;
    for (let n = Math.max(first, 0); n < Math.min(last, this.samples.length); n++) {
      const value = this.samples[n];
      if (value < low) low = value;
      if (value > high) high = value;
    }
    return [low, high];
  }
}

/** Fit a canvas to its box in device pixels; returns its context and size in CSS pixels. */
export function fit(canvas) {
  const ratio = window.devicePixelRatio || 1;
  const width = canvas.clientWidth;
  const height = canvas.clientHeight;
  const [w, h] = [Math.round(width * ratio), Math.round(height * ratio)];
  if (canvas.width !== w || canvas.height !== h) Object.assign(canvas, { width: w, height: h });
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  return { context, width, height };
}

/** A waveform filling the canvas: amplitude `full` reaches its edges. */
export function drawWaveform(canvas, peaks, rate, view, { gain, full, colour, axis }) {
  const { context, width, height } = fit(canvas);
  const middle = height / 2;
  const scale = (gain / full) * (middle - 1.5);
  context.fillStyle = axis;
  context.fillRect(0, middle - 0.5, width, 1);
  context.fillStyle = context.strokeStyle = colour;
  const perPixel = (view.span * rate) / width;
  if (perPixel < 2) return drawSamples(context, peaks.samples, rate, view, width, middle, scale);
  const step = 1 / (window.devicePixelRatio || 1);
  for (let x = 0; x < width; x += step) {
    const first = Math.floor(view.time(x / width) * rate);
    const last = Math.max(Math.floor(view.time((x + step) / width) * rate), first + 1);
    const [low, high] = peaks.extremes(first, last + 1);
    if (low > high) continue;
    const top = middle - high * scale;
    context.fillRect(x, top - 0.3, step, Math.max((high - low) * scale, 0) + 0.6);
  }
}

function drawSamples(context, samples, rate, view, width, middle, scale) {
  const first = Math.max(Math.floor(view.from * rate), 0);
  const last = Math.min(Math.ceil(view.to * rate), samples.length - 1);
  const x = (n) => view.share(n / rate) * width;
  context.lineWidth = 1.4;
  context.lineJoin = "round";
  context.beginPath();
  for (let n = first; n <= last; n++) context.lineTo(x(n), middle - samples[n] * scale);
  context.stroke();
  if (width / (last - first) < 7) return;
  for (let n = first; n <= last; n++) {
    context.beginPath();
    context.arc(x(n), middle - samples[n] * scale, 2, 0, 2 * Math.PI);
    context.fill();
  }
}

const CLOCK_STEPS = [2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600]; // s

/** Tick positions (s) at round numbers, one for about every `target` of the width, and their decimals. */
export function ticks(view, count) {
  const rough = view.span / Math.max(count, 1);
  const power = 10 ** Math.floor(Math.log10(rough));
  const clock = view.duration >= 60 && rough > 1; // minutes and seconds: even steps of these
  const step = (clock && CLOCK_STEPS.find((s) => s >= rough)) || [1, 2, 5, 10].map((m) => m * power).find((s) => s >= rough);
  const decimals = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  const times = [];
  for (let i = Math.ceil(view.from / step - 1e-9); i * step <= view.to + 1e-9; i++) {
    times.push(i * step);
  }
  return { times, decimals };
}

/** A time in a sound of `duration` s as text: 12.345, or 1:02.345 if the sound lasts a minute. */
export function formatTime(time, duration, decimals = 3) {
  if (duration < 60) return time.toFixed(decimals);
  const unit = 10 ** decimals;
  const rounded = Math.round(time * unit) / unit; // first: 59.9996 is 1:00.000
  const minutes = Math.floor(rounded / 60);
  const seconds = (rounded - 60 * minutes).toFixed(decimals);
  return `${minutes}:${seconds.padStart(decimals ? decimals + 3 : 2, "0")}`;
}

/** What follows a time: nothing after minutes and seconds. */
export const timeUnit = (duration) => (duration < 60 ? " s" : "");

/** The time axis: ticks and times, as the clock has them. */
export function drawRuler(canvas, view, theme) {
  const { duration } = view;
  const { context, width, height } = fit(canvas);
  const { times, decimals } = ticks(view, width / 90);
  const [r, g, b] = theme.ink;
  context.font = `11px ${theme.font}`;
  context.textBaseline = "middle";
  times.forEach((time) => {
    const x = Math.round(view.share(time) * width);
    context.fillStyle = `rgb(${r} ${g} ${b} / 0.25)`;
    context.fillRect(Math.min(x, width - 1), 0, 1, height);
    const label = formatTime(time, duration, decimals) + timeUnit(duration);
    context.fillStyle = `rgb(${r} ${g} ${b} / 0.8)`;
    if (x + context.measureText(label).width + 5 < width) context.fillText(label, x + 5, height / 2 + 1);
  });
}
