// A recording of any length and rate -> its voices, as tasnet/inference.py separates it.

import { withoutWhatLiesBelow } from "./below_speech.js";
import { levelGains } from "./level.js";
import { joined, pausesBetween, speechSpans, spread } from "./pauses.js";
import { resample } from "./sound.js";
import { TasnetError } from "./weights.js";

const [WHOLE, CHUNK, OVERLAP, FADE] = [30, 20, 4, 0.1]; // s
const SPEECH_FROM_NOISE = "speech from noise";
const SILENCE = 1e-7;

export class Separator {
  constructor(network) {
    this.network = network;
    const { config, info } = network;
    this.level = config.hearsLevel ? 10 ** ((info.level_dbfs ?? -26) / 20) : 1;
    this.fixedOrder = info.task === SPEECH_FROM_NOISE;
    this.keepsLevel = Boolean(info.keeps_level);
  }

  /** A mixture at `rate` Hz -> {sources: C arrays of its length, notes}; progress(fraction). Throws TasnetError. */
  separate(samples, rate, progress = () => {}) {
    const peak = samples.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
    if (!samples.length) throw new TasnetError("The sound holds no samples.");
    if (!Number.isFinite(peak)) throw new TasnetError("The sound holds samples that are not numbers (NaN or infinity).");
    if (peak < SILENCE) throw new TasnetError("The sound is silent, so there is nothing to separate.");
    const own = this.network.config.sample_rate;
    const whole = resample(samples, rate, own);
    const [mixture, notes] = withoutWhatLiesBelow(whole, own, this.network.config.causal);
    const sources = this.separateAtOwnRate(mixture, progress);
    const gains = this.keepsLevel ? sources.map(() => 1) : levelGains(sources, mixture);
    const level = sources.map((source, c) => source.map((x) => x * gains[c]));
    if (this.fixedOrder && level.length === 2) giveRumbleToNoise(level[1], whole, mixture);
    const voices = level.map((source) => {
      const there = resample(source, own, rate);
      const voice = new Float32Array(samples.length);
      voice.set(there.subarray(0, samples.length));
      return voice;
    });
    return { sources: voices, notes };
  }

  /** A mixture at the model's rate -> its sources at the network's level. */
  separateAtOwnRate(mixture, progress) {
    const { C, sample_rate: rate } = this.network.config;
    const spans = speechSpans(mixture, rate);
    const speech = joined(mixture, spans);
    const whole = speech.length <= WHOLE * rate;
    const overlap = OVERLAP * rate;
    const voices = Array.from({ length: C }, () => new Float32Array(speech.length));
    let done = 0;
    for (const [begin, end] of planChunks(speech.length, whole ? speech.length : CHUNK * rate, overlap)) {
      this.#stitch(voices, done, begin, this.#run(speech.subarray(begin, end)), overlap);
      done = end;
      progress(done / mixture.length);
    }
    const sources = voices.map((voice) => {
      const source = new Float32Array(mixture.length);
      spread(voice, spans, source);
      return source;
    });
    if (speech.length < mixture.length) this.#separatePauses(sources, mixture, spans, speech, voices, progress);
    return sources;
  }

  /** Adds the chunk that begins at `start` to the first `done` samples of the voices, in the order that fits best. */
  #stitch(voices, done, start, separated, overlap) {
    const begin = Math.max(start, done - overlap);
    const shared = done - begin;
    const cut = separated.map((voice) => voice.subarray(begin - start));
    const order = this.fixedOrder ? [...cut.keys()] : bestOrder(cut, voices.map((voice) => voice.subarray(begin, done)), shared);
    const late = this.network.config.causal ? 0.5 : 0.25;
    voices.forEach((voice, c) => {
      const one = cut[order[c]];
      for (let n = 0; n < shared; n++) {
        const weight = Math.min(1, Math.max(0, ((shared > 1 ? n / (shared - 1) : 0) - late) / 0.5));
        voice[begin + n] += weight * (one[n] - voice[begin + n]);
      }
      voice.set(one.subarray(shared), done);
    });
  }

  /** What lies between the spans of speech: each piece behind the beginning of the speech, for level and order. */
  #separatePauses(sources, mixture, spans, speech, voices, progress) {
    const { sample_rate: rate } = this.network.config;
    const fade = Math.round(FADE * rate);
    const context = Math.min(OVERLAP * rate, speech.length);
    const pauses = pausesBetween(spans, mixture.length, fade);
    const quiet = joined(mixture, pauses);
    const found = sources.map((source) => joined(source, pauses));
    const weights = new Float32Array(quiet.length);
    let place = 0;
    pauses.forEach(([a, b], k) => {
      for (let n = 0; n < b - a; n++) {
        const rising = k === 0 && a === 0 ? 1 : n / fade;
        const falling = k === pauses.length - 1 && b === mixture.length ? 1 : (b - a - n) / fade;
        weights[place + n] = Math.min(1, rising, falling);
      }
      place += b - a;
    });
    for (const [begin, end] of planChunks(quiet.length, (CHUNK - OVERLAP) * rate, fade)) {
      const heard = new Float32Array(context + end - begin);
      heard.set(speech.subarray(0, context));
      heard.set(quiet.subarray(begin, end), context);
      const separated = this.#run(heard);
      const order = this.fixedOrder ? [...separated.keys()] : bestOrder(separated, voices, context);
      found.forEach((voice, c) => {
        const one = separated[order[c]].subarray(context);
        for (let n = 0; n < end - begin; n++) {
          const weight = weights[begin + n] * (begin && n < fade ? n / fade : 1);
          voice[begin + n] += weight * (one[n] - voice[begin + n]);
        }
      });
      progress(1 - (quiet.length - end) / mixture.length);
    }
    sources.forEach((source, c) => spread(found[c], pauses, source));
  }

  /** Scaled to the RMS `level` inside the network. */
  #run(mixture) {
    const power = mixture.reduce((sum, x) => sum + x * x, 0) / mixture.length;
    const scale = Math.sqrt(Math.max(power, 1e-30)) / this.level;
    const sources = this.network.separate(mixture.map((x) => x / scale));
    if (!sources.every((source) => source.every(Number.isFinite))) {
      throw new TasnetError("The network gave samples that are not numbers: its weights are damaged.");
    }
    return sources.map((source) => source.map((x) => x * scale));
  }
}

/** As tasnet/tracking.py: chunks of `length`, each at least `overlap` into the last, which is as long as the others. */
function* planChunks(samples, length, overlap) {
  if (samples <= length) return yield [0, samples];
  for (let start = 0; start < samples - overlap; start += length - overlap) {
    yield [Math.min(start, samples - length), Math.min(start + length, samples)];
  }
}

/** The order of the voices in `separated` that has the largest sum of inner products with `known`. */
function bestOrder(separated, known, samples) {
  const match = known.map((voice) => {
    return separated.map((one) => {
      let total = 0;
      for (let n = 0; n < samples; n++) total += voice[n] * one[n];
      return total;
    });
  });
  let best = { score: -Infinity, order: [] };
  const extend = (order, score) => {
    if (order.length === match.length) {
      if (score > best.score) best = { score, order };
      return;
    }
    match[order.length].forEach((value, i) => order.includes(i) || extend([...order, i], score + value));
  };
  extend([], 0);
  return best.order;
}

/** What the network has not heard of the mixture counts as noise; an offset is no sound at all. */
function giveRumbleToNoise(noise, whole, heard) {
  const below = whole.map((x, t) => x - heard[t]);
  const mean = below.reduce((sum, x) => sum + x, 0) / below.length;
  below.forEach((x, t) => (noise[t] += x - mean));
}
