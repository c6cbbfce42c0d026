// Conv-TasNet in WebAssembly (tasnet/kernels/wasm): a whole sound at once, or a stream while it arrives.

import { transposed } from "./matrix.js";
import { readWeights, TasnetError } from "./weights.js";

const PIECE = 64; // frames of a stream processed at a time, which bounds its memory
const KINDS = { BN: 0, none: 0, cLN: 1, chLN: 2, gLN: 3 };
const LIMITS = ["sigmoid", "softmax", "relu"];

export class Network {
  /** engine: a compiled WebAssembly.Module, or its bytes; weights: the bytes of a model's file. Throws TasnetError. */
  static async open(engine, weights) {
    const { config, info, tensors } = readWeights(weights);
    const module = engine instanceof WebAssembly.Module ? engine : await WebAssembly.compile(engine);
    const network = new Network(config, info);
    const instance = await WebAssembly.instantiate(module, { tasnet: { seen: (...frames) => network.#seen(...frames) } });
    network.engine = instance.exports;
    [network.U, network.V] = new Filler(network.engine, config, tensors).fill();
    network.base = network.engine.mark();
    return network;
  }

  constructor(config, info) {
    [this.config, this.info] = [config, info];
    this.onframes = null; // (w, m, rows, N, width): views of the masks of `rows` frames, valid only during the call
  }

  /** The voices of a whole mixture, C arrays of its length; as `ConvTasNet.forward`, at the network's own level. */
  separate(mixture) {
    const { C, L, hop, edges, causal } = this.config;
    const T = mixture.length;
    const lead = edges === "pad" ? hop : 0;
    const beyond = Math.max(0, T - L);
    const K = edges === "pad" ? Math.ceil(T / hop) + 1 : 1 + (edges === "cut" ? Math.floor(beyond / hop) : Math.ceil(beyond / hop));
    const covered = new Float32Array((K + 1) * hop);
    covered.set(mixture.subarray(0, Math.min(T, covered.length - lead)), lead);
    const made = Array.from({ length: C }, () => new Float32Array((K + 1) * hop));
    if (causal) {
      this.engine.reset();
      for (let k = 0; k < K; k += PIECE) {
        const last = Math.min(k + PIECE, K);
        this.#run("push", covered.subarray(k * hop, (last + 1) * hop), last - k).forEach((piece, c) => made[c].set(piece, k * hop));
      }
    } else {
      this.#run("separate", covered, K).forEach((voice, c) => made[c].set(voice));
    }
    this.#overlap().forEach((rest, c) => made[c].set(rest, K * hop));
    return made.map((voice) => {
      const source = new Float32Array(T);
      source.set(voice.subarray(lead, Math.min(lead + T, voice.length)));
      return source;
    });
  }

  /** A new stream; a network has one at a time. Throws TasnetError if it is not causal. */
  stream() {
    if (!this.config.causal) {
      throw new TasnetError("Only a causal network can separate a sound that is still arriving; this one is not.");
    }
    return new Stream(this, (...frames) => this.#run("push", ...frames), () => this.#overlap());
  }

  /** Magnitudes (N, 2 L + 1) of the basis functions' spectra, from 0 Hz to half the rate; of: "U" or "V". */
  magnitudes(of) {
    const { N, L } = this.config;
    const bins = 2 * L + 1;
    const made = new Float32Array(N * bins);
    for (let n = 0; n < N; n++) {
      for (let k = 0; k < bins; k++) {
        let [re, im] = [0, 0];
        for (let l = 0; l < L; l++) {
          re += this[of][n * L + l] * Math.cos((Math.PI * k * l) / (bins - 1));
          im += this[of][n * L + l] * Math.sin((Math.PI * k * l) / (bins - 1));
        }
        made[n * bins + k] = Math.hypot(re, im);
      }
    }
    return made;
  }

  /** The frequency in Hz at which the spectrum of every basis function of the encoder is strongest. */
  frequencies() {
    const { N, L, sample_rate: rate } = this.config;
    const bins = 2 * L + 1;
    const magnitudes = this.magnitudes("U");
    return Float32Array.from({ length: N }, (_, n) => {
      const row = magnitudes.subarray(n * bins, (n + 1) * bins);
      return (row.indexOf(Math.max(...row)) / (bins - 1)) * (rate / 2);
    });
  }

  #run(what, samples, K) {
    const { engine } = this;
    const { C, hop } = this.config;
    const [x, out] = [samples.length, C * K * hop].map((count) => engine.room(count));
    new Float32Array(engine.memory.buffer, x, samples.length).set(samples);
    engine[what](x, K, out);
    const voices = Array.from({ length: C }, (_, c) => new Float32Array(engine.memory.buffer, out + 4 * c * K * hop, K * hop).slice());
    engine.give_back(this.base);
    return voices;
  }

  #overlap() {
    const { C, hop } = this.config;
    const place = this.engine.overlap();
    return Array.from({ length: C }, (_, c) => new Float32Array(this.engine.memory.buffer, place + 4 * c * hop, hop).slice());
  }

  #seen(rows, w, m) {
    if (!this.onframes) return;
    const { N, C } = this.config;
    const width = this.engine.width(N);
    const view = (place, count) => new Float32Array(this.engine.memory.buffer, place, count);
    this.onframes(view(w, rows * width), view(m, rows * C * width), rows, N, width);
  }
}

/** As `tasnet.streaming.StreamingConvTasNet` of one stream. */
class Stream {
  #network; #push; #overlap; #waiting; #begun;

  constructor(network, push, overlap) {
    [this.#network, this.#push, this.#overlap] = [network, push, overlap];
    this.latency = network.config.L;
    this.reset();
  }

  /** Forget everything: the next sample is the first of a new mixture. */
  reset() {
    this.#network.engine.reset();
    this.#waiting = new Float32Array(0);
    this.#begun = false;
  }

  /** The next samples -> the voices as far as they are complete, C arrays of equal length. */
  push(samples) {
    const { C, L, hop } = this.#network.config;
    const x = new Float32Array(this.#waiting.length + samples.length);
    x.set(this.#waiting);
    x.set(samples, this.#waiting.length);
    const K = Math.max(0, Math.floor((x.length - L) / hop) + 1);
    this.#waiting = x.slice(K * hop);
    this.#begun ||= K > 0;
    const made = Array.from({ length: C }, () => new Float32Array(K * hop));
    for (let k = 0; k < K; k += PIECE) {
      const last = Math.min(k + PIECE, K);
      this.#push(x.subarray(k * hop, (last + 1) * hop), last - k).forEach((piece, c) => made[c].set(piece, k * hop));
    }
    return made;
  }

  /** The end of the mixture: returns the rest of its voices; then as after `reset`. */
  flush() {
    const { L, hop, edges } = this.#network.config;
    const left = this.#waiting.length;
    let rest = this.#overlap();
    if (!this.#begun || (left > hop && edges === "fill")) {
      const last = new Float32Array(L);
      last.set(this.#waiting);
      const first = this.#push(last, 1);
      rest = this.#overlap().map((second, c) => Float32Array.of(...first[c], ...second));
    }
    this.reset();
    return rest.map((voice) => {
      const source = new Float32Array(left);
      source.set(voice.subarray(0, left));
      return source;
    });
  }
}

/** Puts a file's tensors where the engine expects them. */
class Filler {
  constructor(engine, config, tensors) {
    [this.engine, this.config, this.tensors] = [engine, config, tensors];
  }

  fill() {
    const { N, L, B, H, Sc, P, X, R, C, norm, norm_in, second_norm, encoder, mask, causal, padding, norm_eps } = this.config;
    const { engine } = this;
    const kinds = [norm_in || norm, norm, second_norm ? norm : "none"];
    const limit = LIMITS.indexOf(mask);
    engine.make(N, L, B, H, Sc, P, X, R, C, ...kinds.map((kind) => KINDS[kind]), encoder === "relu", limit, causal, padding === "reflect", norm_eps);
    const V = this.#tensor("decoder.V", [N, L]);
    const U = encoder === "pinv" ? pseudoInverse(V, N, L) : this.#tensor("encoder.U", [N, L]);
    const biased = this.config.coder_bias;
    this.#matrix(0, 0, U, biased ? this.#tensor("encoder.bias", [N]) : null);
    this.#matrix(5, 0, transposed(V, N, L), null);
    const constant = biased ? this.#tensor("decoder.bias", [1])[0] : 0;
    engine.numbers(-1, this.#tensor("separator.prelu.weight", [1])[0], constant);
    this.#norm("separator.norm", kinds[0], N, 0, 0);
    this.#linear("separator.bottleneck", 1, 0, B, N);
    this.#linear("separator.conv_mask", 4, 0, C * N, Sc || B);
    for (let i = 0; i < X * R; i++) {
      const name = `separator.blocks.${i}`;
      this.#linear(`${name}.conv_in`, 2, i, H, B);
      this.#linear(`${name}.conv_out`, 3, i, B + Sc, H);
      this.#norm(`${name}.norm1`, kinds[1], H, 2, i);
      this.#norm(`${name}.norm2`, kinds[2], H, 4, i);
      const slopes = ["prelu1", "prelu2"].map((one) => this.#tensor(`${name}.${one}.weight`, [1])[0]);
      engine.numbers(i, ...slopes);
      this.#vectors(6, i, this.#tensor(`${name}.depthwise.weight`, [P, H]), H);
      this.#vectors(7, i, this.#tensor(`${name}.depthwise.bias`, [H]), H);
    }
    engine.reset();
    return [U, V];
  }

  #tensor(name, shape) {
    const found = this.tensors.get(name);
    if (!found || found.shape.join() !== shape.join()) {
      throw new TasnetError(`The file does not fit its configuration: ${found ? `${name} is of another size` : `it lacks ${name}`}.`);
    }
    if (!found.values.every(Number.isFinite)) {
      throw new TasnetError(`The file is damaged: ${name} holds values that are not numbers (NaN or infinity).`);
    }
    return found.values;
  }

  #linear(name, which, block, outs, inputs) {
    this.#matrix(which, block, this.#tensor(`${name}.weight`, [outs, inputs]), this.#tensor(`${name}.bias`, [outs]));
  }

  #matrix(which, block, raw, bias) {
    // The raw weights lie behind the packed ones, which then move to where the raw ones began.
    this.engine.matrix(which, block, this.#scratch(0, raw), bias ? this.#scratch(raw.length, bias) : 0);
  }

  #norm(name, kind, channels, which, block) {
    let [gain, shift] = [new Float32Array(channels).fill(1), new Float32Array(channels)];
    if (kind === "BN") {
      const [weight, bias, mean, variance] = ["weight", "bias", "running_mean", "running_var"].map((one) => this.#tensor(`${name}.${one}`, [channels]));
      gain = weight.map((value, i) => value / Math.sqrt(variance[i] + this.config.norm_eps));
      shift = bias.map((value, i) => value - mean[i] * gain[i]);
    } else if (kind !== "none") {
      [gain, shift] = ["gamma", "beta"].map((one) => this.#tensor(`${name}.${one}`, [channels]));
    }
    this.#vectors(which, block, gain, channels);
    this.#vectors(which + 1, block, shift, channels);
  }

  #vectors(which, block, values, channels) {
    const [place, width] = [this.engine.vector(which, block), this.engine.width(channels)];
    const there = new Float32Array(this.engine.memory.buffer, place, (values.length / channels) * width);
    for (let row = 0; row * channels < values.length; row++) {
      there.set(values.subarray(row * channels, (row + 1) * channels), row * width);
    }
  }

  /** Memory for raw values that stays valid while the network is being filled. */
  #scratch(offset, values) {
    if (!this.raw) {
      const sizes = [...this.tensors.values()].map((tensor) => tensor.values.length);
      this.raw = this.engine.room(2 * Math.max(...sizes, this.config.N * this.config.L));
    }
    const place = this.raw + 4 * offset;
    new Float32Array(this.engine.memory.buffer, place, values.length).set(values);
    return place;
  }
}

/** U (N, L) of the pinv encoder: V (V^T V)^-1, where V (N, L) has full rank. */
function pseudoInverse(V, N, L) {
  const rows = Array.from({ length: L }, (_, a) => {
    const row = new Float64Array(2 * L);
    for (let b = 0; b < L; b++) for (let n = 0; n < N; n++) row[b] += V[n * L + a] * V[n * L + b];
    row[L + a] = 1;
    return row;
  });
  for (let k = 0; k < L; k++) {
    let best = k;
    for (let r = k; r < L; r++) if (Math.abs(rows[r][k]) > Math.abs(rows[best][k])) best = r;
    [rows[k], rows[best]] = [rows[best], rows[k]];
    const pivot = rows[k][k];
    if (!pivot) throw new TasnetError("The decoder's basis functions do not span a frame, which the pinv encoder needs.");
    for (let c = 0; c < 2 * L; c++) rows[k][c] /= pivot;
    for (let r = 0; r < L; r++) {
      const factor = r === k ? 0 : rows[r][k];
      if (factor) for (let c = 0; c < 2 * L; c++) rows[r][c] -= factor * rows[k][c];
    }
  }
  const made = new Float32Array(N * L);
  for (let n = 0; n < N; n++) {
    for (let l = 0; l < L; l++) {
      let total = 0;
      for (let a = 0; a < L; a++) total += V[n * L + a] * rows[a][L + l];
      made[n * L + l] = total;
    }
  }
  return made;
}
