// One clock for all tracks. Every track is a channel of ONE AudioBuffer played by ONE source node, so
// two tracks can never drift or start apart: switching only moves gains.

import { stretch } from "./stretch.js";

const FADE = 0.005; // s, the crossfade when gains change, and when play starts, jumps or stops
export const MAX_TRACKS = 32; // channels that every browser's AudioBuffer must support

export class Transport {
  /**
   * @param {Float32Array[]} tracks   equally long signals
   * @param {number} rate             Hz
   * @param {() => BaseAudioContext} openContext   called at the first play: browsers want a gesture first
   */
  constructor(tracks, rate, openContext) {
    this.tracks = tracks;
    this.rate = rate;
    this.length = tracks[0].length;
    this.duration = this.length / rate;
    this.openContext = openContext;
    this.context = null;
    this.source = null;
    this.playing = false;
    this.speed = 1;
    this.looping = false;
    this.region = null; // [first, last) in samples
    this.buffers = new Map(); // by speed
    this.gains = tracks.map(() => 0);
    this.anchor = { time: 0, position: 0 }; // context time (s) at which the source stood at position (s)
    this.onended = () => {};
  }

  /** Start at the present position; all tracks start at the same context time. */
  async play() {
    if (this.playing) return;
    this.#open();
    this.playing = true;
    if (this.context.state === "suspended" && this.context.resume) await this.context.resume();
    if (!this.playing) return; // paused, or left, while the device was opening
    this.#start(this.anchor.position);
  }

  pause() {
    if (!this.playing) return;
    const position = this.position();
    this.playing = false;
    this.#stop();
    this.anchor = { time: 0, position };
  }

  /** Jump to `position` (s), without a click. */
  seek(position) {
    const inside = Math.min(Math.max(position, 0), this.duration);
    if (this.playing && this.source) this.#start(inside);
    else this.anchor = { time: 0, position: inside };
  }

  /** Repeat `region` ([from, to] in s, or null for everything) while `looping`. */
  setLoop(looping, region) {
    const position = this.position();
    this.looping = looping;
    this.region = region && region.map((time) => this.#frame(time));
    if (this.region && this.region[1] <= this.region[0]) this.region = null;
    if (this.playing && this.source) this.#start(position);
  }

  /** Replace the samples by others of the same length; playback goes on. */
  replace(tracks) {
    const position = this.position();
    this.tracks = tracks;
    this.buffers.clear();
    if (this.playing && this.source) this.#start(position);
  }

  /** Play at `speed` times the pace, at the same pitch. */
  setSpeed(speed) {
    const position = this.position();
    this.speed = speed;
    if (this.playing && this.source) this.#start(position);
  }

  /** What is heard becomes sum_i gains[i] * tracks[i], over a linear crossfade. */
  setGains(gains) {
    this.gains = gains;
    if (!this.context) return;
    const now = this.context.currentTime + this.lead;
    this.faders.forEach((fader, i) => {
      const { from, to, start } = fader.ramp;
      const done = Math.min(Math.max((now - start) / FADE, 0), 1);
      const held = from + (to - from) * done;
      fader.ramp = { from: held, to: gains[i], start: now };
      fader.node.gain.cancelScheduledValues(now);
      fader.node.gain.setValueAtTime(held, now);
      fader.node.gain.linearRampToValueAtTime(gains[i], now + FADE);
    });
  }

  /** The position in the tracks in s; with `heard`, that of what is leaving the loudspeaker now. */
  position(heard = false) {
    if (!this.playing || !this.source) return this.anchor.position;
    const late = heard ? (this.context.outputLatency ?? 0) : 0;
    const elapsed = Math.max(this.context.currentTime - late - this.anchor.time, 0) * this.speed;
    const position = this.anchor.position + elapsed;
    if (!this.looping) return Math.min(position, this.duration);
    const [from, to] = this.#loopBounds();
    if (position < to) return position;
    return from + ((position - from) % (to - from));
  }

  /** What is heard as one signal, over `region` ([from, to] in s) or everything. */
  mixdown(region = null) {
    const [from, to] = region ? region.map((time) => this.#frame(time)) : [0, this.length];
    const sum = new Float32Array(to - from);
    this.gains.forEach((gain, i) => {
      if (gain === 0) return;
      const track = this.tracks[i];
      for (let n = 0; n < sum.length; n++) sum[n] += gain * track[from + n];
    });
    return sum;
  }

  async close() {
    this.playing = false;
    this.source?.node.stop();
    this.source = null;
    const context = this.context;
    this.context = null;
    await context?.close?.();
  }

  #open() {
    if (this.context) return;
    const context = this.openContext();
    this.context = context;
    // A live context renders in the background: schedule a moment ahead so that all gains move at once.
    this.lead = context instanceof OfflineAudioContext ? 0 : 0.01;
    this.splitter = new ChannelSplitterNode(context, { numberOfOutputs: this.tracks.length });
    this.output = new GainNode(context);
    this.output.connect(context.destination);
    this.faders = this.gains.map((gain, i) => {
      const node = new GainNode(context, { gain });
      this.splitter.connect(node, i);
      node.connect(this.output);
      return { node, ramp: { from: gain, to: gain, start: 0 } };
    });
  }

  /** All tracks at the present speed, as the channels of one buffer; the last speed's is kept beside the true one. */
  #buffer() {
    if (!this.buffers.has(this.speed)) {
      const tracks = this.speed === 1 ? this.tracks : stretch(this.tracks, this.rate, this.speed);
      for (const speed of this.buffers.keys()) if (speed !== 1) this.buffers.delete(speed);
      this.buffers.set(this.speed, this.#filled(tracks));
    }
    return this.buffers.get(this.speed);
  }

  /** All tracks between two frames of `#buffer`, to be repeated: the end fades into what stands before the beginning. */
  #turn(first, last) {
    const whole = this.#buffer();
    const kept = this.turned;
    if (kept?.whole === whole && kept.first === first && kept.last === last) return kept.buffer;
    const fade = Math.min(Math.round(FADE * this.rate), last - first);
    const buffer = this.#filled(this.tracks.map((_, i) => {
      const track = whole.getChannelData(i);
      const turn = track.slice(first, last);
      for (let n = 1; n <= fade; n++) {
        const share = n / fade;
        turn[turn.length - 1 - fade + n] = (1 - share) * track[last - 1 - fade + n] + share * (track[first - 1 - fade + n] ?? 0);
      }
      return turn;
    }));
    this.turned = { whole, first, last, buffer };
    return buffer;
  }

  #filled(tracks) {
    const { length } = tracks[0];
    const buffer = new AudioBuffer({ numberOfChannels: tracks.length, length, sampleRate: this.rate });
    tracks.forEach((track, i) => buffer.copyToChannel(track, i));
    return buffer;
  }

  /** The frame's position in the buffer of the present speed. */
  #stretched(frame) {
    return Math.round(frame / this.speed);
  }

  #start(position) {
    const when = this.context.currentTime + this.lead;
    const old = this.source;
    this.#stop(when);
    let frame = this.#frame(position);
    let begin = 0; // of what the source plays, in frames
    let buffer;
    if (this.looping) {
      const [first, last] = this.region ?? [0, this.length];
      if (frame < first || frame >= last) frame = first;
      if (this.region) {
        begin = this.#stretched(first);
        buffer = this.#turn(begin, this.#stretched(last));
      }
    } else if (frame >= this.length) {
      frame = 0;
    }
    const node = new AudioBufferSourceNode(this.context, { buffer: buffer ?? this.#buffer(), loop: this.looping });
    // A first start needs no fade: it would dull the first 5 ms. A jump fades from the old place to the new.
    const envelope = new GainNode(this.context, {
      gain: old ? 0 : 1,
      channelInterpretation: "discrete",
    });
    if (old) {
      envelope.gain.setValueAtTime(0, when);
      envelope.gain.linearRampToValueAtTime(1, when + FADE);
    }
    node.connect(envelope).connect(this.splitter);
    node.start(when, this.#seconds(this.#stretched(frame) - begin));
    this.source = { node, envelope };
    this.anchor = { time: when, position: frame / this.rate };
    node.onended = () => {
      envelope.disconnect();
      if (this.source?.node !== node || !this.playing) return;
      this.source = null;
      this.playing = false;
      this.anchor = { time: 0, position: this.duration };
      this.onended();
    };
  }

  #stop(when = this.context.currentTime + this.lead) {
    if (!this.source) return;
    const { node, envelope } = this.source;
    this.source = null;
    envelope.gain.setValueAtTime(1, when);
    envelope.gain.linearRampToValueAtTime(0, when + FADE);
    node.stop(when + FADE);
  }

  #loopBounds() {
    return (this.region ?? [0, this.length]).map((frame) => frame / this.rate);
  }

  #frame(time) {
    return Math.min(Math.max(Math.round(time * this.rate), 0), this.length);
  }

  /** The time whose product with the rate is the whole number `frame`, so that nothing is interpolated. */
  #seconds(frame) {
    const time = frame / this.rate;
    for (const nudged of [time, time * (1 + 2 ** -52), time * (1 - 2 ** -52)]) {
      if (nudged * this.rate === frame) return nudged;
    }
    return time;
  }
}
