// What lies below speech is taken out of a mixture before a network hears it: as tasnet/below_speech.py.

const LOWEST = 1; // Hz
const [EVIDENCE, CLEAR, FAINT, FADE] = [0.02, 4, 0.004, 0.005]; // s, ratio, of full scale, s
const [CUTOFF, ORDER] = [70, 8]; // Hz
const [STRONG, WEAK, TOLD, SHORTEST] = [0.25, 1e-4, 0.1, 0.05];

/** The offset of a sound that is arriving, taken out from the moment on at which there clearly is one. */
export class OffsetSoFar {
  constructor(rate) {
    this.gain = 1 - Math.exp((-2 * Math.PI * LOWEST) / rate);
    this.growing = Math.trunc(1 / this.gain); // samples over which the mean is that of all
    this.first = Math.round(EVIDENCE * rate);
    this.fade = Math.max(1, Math.round(FADE * rate));
    [this.heard, this.mean, this.square, this.since] = [0, 0, 0, Infinity];
  }

  push(samples) {
    return samples.map((x) => {
      const share = this.heard < this.growing ? 1 / (this.heard + 1) : this.gain;
      this.mean += share * (x - this.mean);
      this.square += share * (x * x - this.square);
      const place = this.heard++;
      if (this.since === Infinity && place >= this.first) {
        const power = this.mean ** 2;
        if (power > CLEAR * (this.square - power) && Math.abs(this.mean) > FAINT) this.since = place;
      }
      return this.since === Infinity ? x : x - Math.min(1, (place - this.since) / this.fade) * this.mean;
    });
  }
}

/** A whole mixture without what lies below speech, and notes where that is much. */
export function withoutWhatLiesBelow(mixture, rate, causal) {
  if (mixture.length < SHORTEST * rate) return [mixture, []];
  let [total, square] = [0, 0];
  for (const x of mixture) {
    total += x;
    square += x * x;
  }
  const mean = total / mixture.length;
  const rest = square / mixture.length - mean ** 2;
  const notes = mean ** 2 > TOLD * Math.max(rest, 0) ? ["The recording has an offset (DC), which was taken out."] : [];
  if (causal) return [new OffsetSoFar(rate).push(mixture), notes];
  const centred = mean ** 2 <= WEAK * rest ? mixture : mixture.map((x) => x - Math.fround(mean));
  if (rate <= 4 * CUTOFF) return [centred, notes];
  const high = highPassed(centred, rate);
  let [below, above] = [0, 0];
  high.forEach((kept, n) => {
    below += (centred[n] - kept) ** 2;
    above += kept * kept;
  });
  if (below <= STRONG * above) return [centred, notes];
  return [high, [...notes, `What lies below ${CUTOFF} Hz, rumble or hum, is strong and was taken out.`]];
}

/** Through a Butterworth high-pass forwards and then backwards, so that nothing is delayed. */
function highPassed(signal, rate) {
  const K = Math.tan((Math.PI * CUTOFF) / rate);
  const sections = Array.from({ length: ORDER / 2 }, (_, k) => {
    const damping = 2 * Math.sin((Math.PI * (2 * k + 1)) / (2 * ORDER));
    const norm = 1 / (1 + damping * K + K * K);
    return { b: norm, a1: 2 * (K * K - 1) * norm, a2: (1 - damping * K + K * K) * norm };
  });
  const through = (samples) => {
    let filtered = samples;
    let level = samples[0]; // as if it had always been there
    for (const { b, a1, a2 } of sections) {
      let [s1, s2] = [-b * level, b * level]; // at rest: nothing comes out
      level = 0;
      filtered = filtered.map((x) => {
        const y = b * x + s1;
        s1 = -2 * b * x - a1 * y + s2;
        s2 = b * x - a2 * y;
        return y;
      });
    }
    return filtered;
  };
  return Float32Array.from(through(through(Float64Array.from(signal)).map(Math.fround).reverse()).reverse());
}
