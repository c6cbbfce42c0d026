// Removes what lies below speech from a mixture before a network hears it, as tasnet/below_speech.py does.

const LOWEST = 1; // Hz
const [EVIDENCE, CLEAR, FAINT, FADE] = [0.02, 4, 0.004, 0.005]; // s, ratio, of full scale, s
const [HUMS, HUM_CLEAR, HUM_FAINT] = [[50, 60], 2, 0.01]; // Hz, ratio, of full scale
const [CUTOFF, ORDER] = [70, 8]; // Hz
const [STRONG, WEAK, TOLD, SHORTEST] = [0.25, 1e-4, 0.1, 0.05];

/** The offset and the mains hum in a sound that is arriving, from the moment when there clearly is one. */
export class SteadySoFar {
  constructor(rate) {
    this.rate = rate;
    this.gain = 1 - Math.exp((-2 * Math.PI * LOWEST) / rate);
    this.growing = Math.trunc(1 / this.gain); // samples during which the mean is that of all samples so far
    this.first = Math.round(EVIDENCE * rate);
    this.fade = Math.max(1, Math.round(FADE * rate));
    [this.heard, this.mean, this.square] = [0, 0, 0];
    [this.offsetSince, this.humSince] = [Infinity, Infinity];
    // Means of the sound, and of 1, times exp(-2 pi i f t), each as a real and an imaginary part.
    this.lines = HUMS.map((hertz) => ({ hertz, sound: [0, 0], one: [0, 0] }));
    this.hum = this.lines[0];
  }

  push(samples) {
    return samples.map((x) => {
      const share = this.heard < this.growing ? 1 / (this.heard + 1) : this.gain;
      this.mean += share * (x - this.mean);
      this.square += share * (x * x - this.square);
      let strongest = -1;
      let hum = 0;
      for (const line of this.lines) {
        const angle = (-2 * Math.PI * line.hertz * (this.heard % this.rate)) / this.rate;
        const turn = [Math.cos(angle), Math.sin(angle)];
        const around = turn.map((part, k) => {
          line.sound[k] += share * (x * part - line.sound[k]);
          line.one[k] += share * (part - line.one[k]);
          return line.sound[k] - this.mean * line.one[k]; // of the deviation from the mean
        });
        const strength = 2 * (around[0] ** 2 + around[1] ** 2);
        if (strength > strongest) {
          [strongest, this.hum] = [strength, line];
          hum = 2 * (around[0] * turn[0] + around[1] * turn[1]);
        }
      }
      const place = this.heard++;
      const power = this.mean ** 2;
      const rest = this.square - power;
      if (place >= this.first) {
        if (this.humSince === Infinity && strongest > HUM_CLEAR * (rest - strongest) && strongest > HUM_FAINT ** 2) {
          this.humSince = place;
        }
        const still = this.humSince === Infinity ? rest : rest - strongest;
        if (this.offsetSince === Infinity && power > CLEAR * still && Math.abs(this.mean) > FAINT) {
          this.offsetSince = place;
        }
      }
      const taken = (since) => (since === Infinity ? 0 : Math.min(1, (place - since) / this.fade));
      return x - taken(this.offsetSince) * this.mean - taken(this.humSince) * hum;
    });
  }

  get notes() {
    if (this.humSince === Infinity) return [];
    return [`The recording has a hum of the mains (${this.hum.hertz} Hz), which was taken out.`];
  }
}

/** A whole mixture without what lies below speech, with notes where that is a lot. */
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
  if (causal) {
    const steady = new SteadySoFar(rate);
    const left = steady.push(mixture);
    return [left, [...notes, ...steady.notes]];
  }
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

/** A Butterworth high-pass, forwards and then backwards, so that nothing is delayed. */
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
      let [s1, s2] = [-b * level, b * level]; // the steady state, in which nothing comes out
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
