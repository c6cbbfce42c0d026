// Rates: of whole sounds as tasnet/audio.py converts them, and of sounds that are still arriving.

// The low-pass of soxr's quality HQ, which Python uses: a windowed sinc, in Hz and s for a band that ends at 4 kHz;
// fitted to soxr's impulse response. Between rates without a whole ratio soxr adds a droop of 0.1 % at the band's end.
const SHAPES = {
  2: { cutoff: 3827.4873, half: 0.0121563, beta: 13.04 },
  whole: { cutoff: 3827.4873, half: 0.0126876, beta: 13.711 },
  other: {
    cutoff: 3827.4553, half: 0.0135352, beta: 14.78374,
    droop: [0.99980252, 1.7798520e-4, -1.3127089e-4, 8.1078448e-5, -4.3449276e-5],
  },
}; // prettier-ignore

// A sound that is still arriving: shorter, as half of it is delay. From 3.3 to 4.1 kHz it falls by 60 dB.
const LIVE = { cutoff: 3700, half: 0.0025, beta: 5.65 };

/** The modified Bessel function I0. */
function bessel(x) {
  let [total, term] = [1, 1];
  for (let k = 1; term > 1e-17 * total; k++) total += term *= (x / (2 * k)) ** 2;
  return total;
}

/** Samples of a Kaiser-windowed sinc at times in s; `rate` is that of the samples that it weighs. */
function kernel(cutoff, half, beta, rate) {
  const whole = bessel(beta);
  return (time) => {
    const place = time / half;
    if (Math.abs(place) >= 1) return 0;
    const angle = 2 * Math.PI * cutoff * time;
    const sinc = angle ? Math.sin(angle) / angle : 1;
    return ((2 * cutoff) / rate) * sinc * (bessel(beta * Math.sqrt(1 - place * place)) / whole);
  };
}

const divisor = (a, b) => (b ? divisor(b, a % b) : a);

/** The weights of every phase in which output samples lie between input samples, and how the phases follow. */
function phases(from, to, { cutoff, half, beta, droop = [1] }) {
  const shared = divisor(from, to);
  const [up, down] = [to / shared, from / shared];
  const step = 0.5 / ((cutoff / SHAPES.whole.cutoff) * 4000); // s, from one weight of the droop to the next
  const reach = Math.ceil((half + (droop.length - 1) * step) * from);
  const plain = kernel(cutoff, half, beta, from);
  const weigh = (time) => {
    return droop.reduce((sum, a, k) => sum + a * (k ? plain(time - k * step) + plain(time + k * step) : plain(time)), 0);
  };
  // Phase p: an output sample that lies p/up of an input sample after one.
  const taps = Array.from({ length: up }, (_, p) => {
    return Float64Array.from({ length: 2 * reach + 1 }, (_, i) => weigh((i - reach - p / up) / from));
  });
  return { up, down, reach, taps };
}

/** A whole sound at another rate, round(T to / from) samples, at least one; without delay. */
export function resample(samples, from, to) {
  if (from === to) return samples;
  const [low, ratio] = [Math.min(from, to) / 2, Math.max(from, to) / Math.min(from, to)];
  const shape = SHAPES[ratio] ?? SHAPES[Number.isInteger(ratio) ? "whole" : "other"];
  const narrower = 4000 / low;
  const fitting = { ...shape, cutoff: shape.cutoff / narrower, half: shape.half * narrower };
  const { up, down, reach, taps } = phases(from, to, fitting);
  const made = new Float32Array(Math.max(1, roundHalfToEven((samples.length * to) / from)));
  for (let n = 0; n < made.length; n++) {
    const place = n * down;
    const first = Math.floor(place / up) - reach;
    const weights = taps[place % up];
    const [begin, end] = [Math.max(0, -first), Math.min(weights.length, samples.length - first)];
    let total = 0;
    for (let i = begin; i < end; i++) total += weights[i] * samples[first + i];
    made[n] = total;
  }
  return made;
}

/** As Python rounds. */
export function roundHalfToEven(value) {
  const below = Math.floor(value);
  if (value - below !== 0.5) return Math.round(value);
  return below % 2 ? below + 1 : below;
}

/** A sound that is still arriving, at another rate; `delay` s behind. */
export class Resampler {
  constructor(from, to) {
    const narrower = 8000 / Math.min(from, to);
    this.same = from === to;
    const shape = { cutoff: LIVE.cutoff / narrower, half: LIVE.half * narrower, beta: LIVE.beta };
    Object.assign(this, this.same ? {} : phases(from, to, shape));
    this.delay = this.same ? 0 : this.reach / from;
    // The sum of each phase is one: a constant stays one, whatever the phase.
    this.taps = this.taps?.map((taps) => Float32Array.from(taps, (tap) => tap / taps.reduce((a, b) => a + b, 0)));
    this.reset();
  }

  reset() {
    this.kept = new Float32Array(2 * (this.reach ?? 0)); // before the next input sample
    this.phase = 0; // of the next output sample, in input samples / up, counted from the middle of what it weighs
  }

  /** The next samples -> what they complete. */
  push(samples) {
    if (this.same) return samples;
    const { up, down, reach, taps, kept } = this;
    const line = new Float32Array(kept.length + samples.length);
    line.set(kept);
    line.set(samples, kept.length);
    const made = [];
    let place = this.phase; // the first tap of output n meets line[floor(place / up)]
    for (; Math.floor(place / up) + 2 * reach < line.length; place += down) {
      const first = Math.floor(place / up);
      const weights = taps[place % up];
      let total = 0;
      for (let i = 0; i < weights.length; i++) total += weights[i] * line[first + i];
      made.push(total);
    }
    this.kept = line.slice(samples.length);
    this.phase = place - samples.length * up;
    return Float32Array.from(made);
  }
}
