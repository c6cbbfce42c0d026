// In the audio thread: microphone -> model's rate -> voices -> the context's rate -> out, all in one processor, whose
// samples in and out are counted on one clock. The network runs here where it is fast enough, else in a worker.

import { Chain, FILM } from "./chain.js";
import { Network } from "./network.js";
import { Resampler } from "./sound.js";

const TELL = 0.05; // s between two reports to the page
const FADE = 32; // samples of a fade where sound is missing
const SLACK = 2; // samples at the model's rate: rounding between the rates

/** A queue of samples that begins with so many zeros. */
class Ring {
  constructor(zeros) {
    this.samples = new Float32Array(1 << 13);
    [this.from, this.to] = [0, zeros];
  }

  push(samples) {
    for (let n = 0; n < samples.length; n++) this.samples[this.to++ & 8191] = samples[n];
  }

  take(out) {
    for (let n = 0; n < out.length; n++) out[n] = this.from < this.to ? this.samples[this.from++ & 8191] : 0;
  }
}

class Live extends AudioWorkletProcessor {
  constructor({ processorOptions: options }) {
    super();
    this.ready = this.ended = false;
    this.port.onmessage = ({ data, ports }) => this.#receive(data, ports);
    this.seconds = options.packet;
  }

  async #receive(data, ports) {
    if (data.open) await this.#open(data.open, ports[0]);
    if (data.end) this.ended = true;
    if (data.reserve !== undefined) this.#setReserve(data.reserve);
  }

  async #open({ engine, weights, config, reserve }, worker) {
    this.config = config;
    this.rate = config.sample_rate;
    this.packet = config.hop * Math.max(1, Math.round((this.seconds * this.rate) / config.hop));
    this.channels = 1 + config.C;
    if (worker) {
      this.worker = worker;
      worker.onmessage = ({ data }) => this.#arrived(data.signals, data.busy);
    } else {
      this.chain = new Chain(await Network.open(engine, weights));
    }
    this.down = new Resampler(sampleRate, this.rate);
    this.up = Array.from({ length: this.channels }, () => new Resampler(this.rate, sampleRate));
    this.pending = new Float32Array(0); // of a packet that is not yet full
    this.queue = Array.from({ length: this.channels }, () => new Float32Array(1 << 15)); // rings, at the model's rate
    this.written = 0; // samples at the model's rate, since the beginning
    this.wanted = config.L + this.packet - config.hop + SLACK + Math.round(reserve * this.rate);
    this.captured = 0;
    // At the context's rate, not yet played. A few samples stay in hand, as a quantum may bring fewer than it takes.
    this.hand = 2 * Math.ceil(sampleRate / this.rate);
    this.made = Array.from({ length: this.channels }, () => new Ring(this.hand));
    this.read = -this.wanted;
    this.silent = true; // what was played last
    this.counts = { packets: 0, late: 0, busy: 0 };
    this.slowest = Infinity;
    this.shots = Array.from({ length: this.channels }, () => []);
    this.told = currentTime;
    this.ready = true;
    this.port.postMessage({ ready: true, delay: this.#delay(), ...this.#frames() });
  }

  #frames() {
    return { rate: this.rate, channels: this.channels, film: FILM };
  }

  /** From the moment a sample is heard to the moment it is played, in s: all buffers and the frame, not the device. */
  #delay() {
    return this.down.delay + this.wanted / this.rate + this.up[0].delay + this.hand / sampleRate;
  }

  #setReserve(seconds) {
    const wanted = this.config.L + this.packet - this.config.hop + SLACK + Math.round(seconds * this.rate);
    this.read -= wanted - this.wanted; // a little is repeated or skipped
    this.wanted = wanted;
    this.silent = true;
  }

  process([input], [output]) {
    if (this.ended) return false;
    if (!this.ready) return true;
    const began = Date.now();
    const quiet = this.quiet?.length === output[0].length ? this.quiet : (this.quiet = new Float32Array(output[0].length));
    this.#hear(input[0] ?? quiet);
    this.#play(output);
    if (this.chain) this.counts.busy += Date.now() - began;
    this.#tell(began);
    return true;
  }

  /** Samples of the microphone, at the context's rate. */
  #hear(samples) {
    const arrived = this.down.push(samples);
    this.captured += arrived.length;
    const line = new Float32Array(this.pending.length + arrived.length);
    line.set(this.pending);
    line.set(arrived, this.pending.length);
    let begin = 0;
    for (; begin + this.packet <= line.length; begin += this.packet) {
      const packet = line.slice(begin, begin + this.packet);
      this.counts.packets += 1;
      if (this.chain) this.#arrived(this.chain.push(packet));
      else this.worker.postMessage({ packet }, [packet.buffer]);
    }
    this.pending = line.slice(begin);
  }

  /** The next samples [mixture, voices ...] from the network. What should have been played already is dropped. */
  #arrived(signals, busy = 0) {
    this.counts.busy += busy;
    const length = signals[0].length;
    if (this.written < this.read && length) this.counts.late += 1;
    signals.forEach((signal, channel) => {
      const ring = this.queue[channel];
      for (let n = 0; n < length; n++) ring[(this.written + n) % ring.length] = signal[n];
      if (!this.worker) this.shots[channel].push(signal);
    });
    this.written += length;
  }

  /** Writes what is `wanted` samples behind the microphone, at the context's rate, to all channels. */
  #play(output) {
    const count = this.captured - this.wanted - this.read;
    const there = Math.max(0, Math.min(count, this.written - this.read));
    for (let channel = 0; channel < this.channels; channel++) {
      const ring = this.queue[channel];
      const piece = new Float32Array(count);
      for (let n = Math.max(0, -this.read); n < there; n++) piece[n] = ring[(this.read + n) % ring.length];
      this.#fade(piece, there);
      this.made[channel].push(this.up[channel].push(piece));
      if (output[channel]) this.made[channel].take(output[channel]);
    }
    this.silent = there < count;
    this.read += count;
  }

  /** Avoids clicks where sound breaks off and where it resumes. */
  #fade(piece, there) {
    if (this.silent) for (let n = 0; n < Math.min(FADE, there); n++) piece[n] *= n / FADE;
    if (there < piece.length) for (let n = Math.max(0, there - FADE); n < there; n++) piece[n] *= (there - n) / FADE;
  }

  #tell(now) {
    // When the audio thread is late, the context's clock stands still and falls behind the computer's.
    this.slowest = Math.min(this.slowest, now / 1000 - currentTime);
    if (currentTime - this.told < TELL) return;
    const behind = this.slowest;
    this.slowest = Infinity;
    if (this.behind !== undefined && behind - this.behind > this.packet / this.rate) {
      this.counts.late += Math.round(((behind - this.behind) * this.rate) / this.packet);
    }
    this.behind = behind;
    const signals = this.shots.map((pieces) => {
      const shot = new Float32Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
      pieces.reduce((place, piece) => (shot.set(piece, place), place + piece.length), 0);
      return shot;
    });
    this.shots.forEach((pieces) => (pieces.length = 0));
    const seconds = currentTime - this.told;
    this.told = currentTime;
    const film = this.chain?.takeFilm() ?? [];
    const report = { counts: this.counts, seconds, delay: this.#delay() };
    if (this.chain) Object.assign(report, { signals, film });
    this.port.postMessage(report, this.chain ? signals.map((signal) => signal.buffer) : []);
    this.counts = { packets: 0, late: 0, busy: 0 };
  }
}

registerProcessor("tasnet-live", Live);
