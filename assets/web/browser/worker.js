// Runs beside the page: separates files, measures speed, and takes live sound when the audio thread is too slow.

import { Chain } from "./chain.js";
import { Network } from "./network.js";
import { Separator } from "./separator.js";
import { TasnetError } from "./weights.js";

const TELL = 50; // ms between two reports of a live sound
const TRIAL = 120; // packets

let network = null;

const actions = {
  async open({ engine, weights }) {
    network = await Network.open(engine, weights);
    const { config, info } = network;
    const { U, V } = network;
    return { config, info, U, V, frequencies: network.frequencies(), spectra: ["U", "V"].map((of) => network.magnitudes(of)) };
  },

  separate({ samples, rate }, tell) {
    const began = performance.now();
    const { sources, notes } = new Separator(network).separate(samples, rate, (done) => tell({ done }));
    return { sources, notes, seconds: (performance.now() - began) / 1000 };
  },

  /** ms that a packet of `hops` hops takes where nothing comes between (a quartile of many), and ms that it lasts. */
  time({ hops }) {
    const { hop, sample_rate: rate } = network.config;
    const chain = new Chain(network);
    const packet = Float32Array.from({ length: hops * hop }, (_, n) => 0.1 * Math.sin(n));
    const times = Array.from({ length: TRIAL }, () => {
      const began = performance.now();
      chain.push(packet.slice());
      return performance.now() - began;
    }).sort((a, b) => a - b);
    network.onframes = null;
    return { undisturbed: times[TRIAL / 4], length: (1000 * hops * hop) / rate };
  },

  /** Mean masks and representation of a sound, `columns` frames of the picture: see Inside in the app. */
  look({ samples, columns }) {
    const { config, engine } = network;
    const { N, C } = config;
    const K = Math.max(1, Math.ceil((samples.length - config.L) / config.hop) + 1);
    const per = Math.max(1, Math.ceil(K / columns));
    const count = Math.ceil(K / per);
    const pictures = Array.from({ length: 1 + C }, () => new Float32Array(count * N));
    let frame = 0;
    network.onframes = (w, m, rows, _, width) => {
      for (let r = 0; r < rows; r++, frame++) {
        const column = Math.floor(frame / per);
        for (let n = 0; n < N; n++) {
          pictures[0][column * N + n] += Math.abs(w[r * width + n]) / per;
          for (let c = 0; c < C; c++) pictures[1 + c][column * N + n] += m[(r * C + c) * width + n] / per;
        }
      }
    };
    const power = samples.reduce((sum, x) => sum + x * x, 0) / samples.length;
    network.separate(samples.map((x) => x / Math.sqrt(Math.max(power, 1e-30))));
    network.onframes = null;
    return { pictures, columns: count, seconds: (per * config.hop) / config.sample_rate, memory: engine.memory.buffer.byteLength };
  },

  /** One frame on its way through Fig. 1: its samples, w, the masks, and what the decoder makes of each product. */
  frame({ samples, number }) {
    const { N, L, C, hop } = network.config;
    const found = {};
    let frame = 0;
    network.onframes = (w, m, rows, _, width) => {
      for (let r = 0; r < rows; r++, frame++) {
        if (frame !== number) continue;
        found.w = w.slice(r * width, r * width + N);
        found.masks = Array.from({ length: C }, (_, c) => m.slice((r * C + c) * width, (r * C + c) * width + N));
      }
    };
    network.separate(samples.subarray(0, network.config.causal ? (number + 2) * hop : samples.length));
    network.onframes = null;
    const voices = found.masks.map((mask) => {
      const voice = new Float32Array(L);
      for (let n = 0; n < N; n++) for (let l = 0; l < L; l++) voice[l] += mask[n] * found.w[n] * network.V[n * L + l];
      return voice;
    });
    return { ...found, voices, samples: samples.slice(number * hop, number * hop + L) };
  },

  /** Packets arrive and voices leave through this port; what the page draws goes to the page. */
  live(_, tell, [port]) {
    const chain = new Chain(network);
    let [signals, told] = [null, performance.now()];
    port.onmessage = ({ data: { packet } }) => {
      const began = performance.now();
      const made = chain.push(packet);
      const now = performance.now();
      signals = made.map((signal, i) => (signals ? joinedTo(signals[i], signal) : signal));
      port.postMessage({ signals: made, busy: now - began });
      if (now - told < TELL) return;
      tell({ signals, film: chain.takeFilm() });
      [signals, told] = [null, now];
    };
    return {};
  },
};

function joinedTo(first, second) {
  const both = new Float32Array(first.length + second.length);
  both.set(first);
  both.set(second, first.length);
  return both;
}

self.onmessage = async ({ data: { id, action, ...values }, ports }) => {
  try {
    const result = await actions[action](values, (news) => self.postMessage({ id, news }), ports);
    self.postMessage({ id, result });
  } catch (error) {
    const known = error instanceof TasnetError;
    self.postMessage({ id, error: known ? error.message : `The network could not run: ${error.message}.` });
  }
};
