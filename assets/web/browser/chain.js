// The path of one packet of live sound, at the model's rate: offset, network, level; and a moving picture of the masks.

import { SteadySoFar } from "./below_speech.js";
import { CausalLevel } from "./level.js";

const ROWS = 32; // of the masks' picture: neighbouring basis functions, lowest frequency at the bottom
const STEP = 0.01; // s, of one column of it

export class Chain {
  constructor(network) {
    const { C, sample_rate: rate, hop } = network.config;
    this.network = network;
    this.stream = network.stream();
    this.offset = new SteadySoFar(rate);
    this.level = new CausalLevel(C, rate);
    this.waiting = new Float32Array(0); // the mixture, until its voices are there
    this.columns = Math.max(1, Math.round((STEP * rate) / hop)); // frames in one column
    this.row = rowsByFrequency(network.frequencies());
    this.film = [];
    network.onframes = (...frames) => this.#watch(...frames);
    this.#open();
  }

  /** The next samples -> [mixture, voice 1, ...] as far as the voices are known, all of equal length. */
  push(samples) {
    const heard = this.offset.push(samples);
    const voices = this.stream.push(heard);
    const line = new Float32Array(this.waiting.length + heard.length);
    line.set(this.waiting);
    line.set(heard, this.waiting.length);
    const length = voices[0].length;
    const mixture = line.slice(0, length);
    this.waiting = line.slice(length);
    return [mixture, ...this.level.apply(voices, mixture)];
  }

  /** The masks' columns since the last call, each C x ROWS bytes: the share that each voice is given. */
  takeFilm() {
    const film = this.film;
    this.film = [];
    return film;
  }

  #open() {
    const { C } = this.network.config;
    this.frames = 0;
    this.given = new Float64Array(C * ROWS);
    this.there = new Float64Array(ROWS);
  }

  #watch(w, m, rows, N, width) {
    const { C } = this.network.config;
    for (let r = 0; r < rows; r++) {
      for (let n = 0; n < N; n++) {
        const row = this.row[n];
        const size = Math.abs(w[r * width + n]) + 1e-9;
        this.there[row] += size;
        for (let c = 0; c < C; c++) this.given[c * ROWS + row] += size * m[(r * C + c) * width + n];
      }
      if (++this.frames < this.columns) continue;
      this.film.push(Uint8Array.from(this.given, (value, i) => Math.min(255, (255 * value) / this.there[i % ROWS])));
      this.#open();
    }
  }
}

/** The row of the picture to which each basis function belongs. */
function rowsByFrequency(frequencies) {
  const order = [...frequencies.keys()].sort((a, b) => frequencies[a] - frequencies[b]);
  const row = new Uint8Array(order.length);
  order.forEach((n, rank) => (row[n] = Math.floor((rank * ROWS) / order.length)));
  return row;
}

export const FILM = { rows: ROWS, step: STEP };
