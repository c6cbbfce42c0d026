// Live: microphone -> audio thread (worklet.js), where the network runs, or a worker beside it -> headphones.

import { TasnetError } from "./weights.js";

const HERE = 0.5; // of a packet's length: a network that needs no more runs in the audio thread, which has precedence
const RESERVE = { least: 0.016, step: 0.004, most: 0.04 }; // s of sound in hand where a worker has to answer
const BUSY = { audio: 850, worker: 900 }; // ms of work a second from which on a thread has too much to do
const STEADY = { quiet: 0.3, most: 3 }; // s in time after which a worker is warm, and s that it may take
const LATE = 0.05; // share of late packets above which something is done
const WATCH = 2; // s over which they are counted
const LOUD = 0.35; // RMS re full scale over a second: not a voice, but feedback from loudspeakers
const GLIDE = 0.015; // s, from one signal to another

/** A worker that answers calls: open, separate, time, look, live (see worker.js). */
export class Background {
  constructor(address) {
    this.worker = new Worker(address, { type: "module" });
    this.calls = new Map();
    this.count = 0;
    this.worker.onmessage = ({ data: { id, result, news, error } }) => {
      const call = this.calls.get(id);
      if (news) return call.news?.(news);
      if (error) call.reject(new TasnetError(error));
      else call.resolve(result);
    };
    this.worker.onerror = (event) => {
      for (const call of this.calls.values()) call.reject(new TasnetError(`The network could not run: ${event.message ?? "its worker did not start"}.`));
    };
  }

  call(action, values = {}, { news, transfer = [] } = {}) {
    const id = ++this.count;
    return new Promise((resolve, reject) => {
      this.calls.set(id, { resolve, reject, news });
      this.worker.postMessage({ id, action, ...values }, transfer);
    });
  }

  close() {
    this.worker.terminate();
  }
}

/** The unprocessed microphone: what browsers do for calls would remove the second voice. Throws TasnetError. */
export async function openMicrophone() {
  if (!navigator.mediaDevices?.getUserMedia) {
    throw new TasnetError("A browser gives the microphone only to addresses with https:// and to this computer's own (localhost): open the page under such a one.");
  }
  const asItIs = { echoCancellation: false, noiseSuppression: false, autoGainControl: false, channelCount: 1 };
  try {
    return await navigator.mediaDevices.getUserMedia({ audio: asItIs });
  } catch (error) {
    const words = {
      NotAllowedError: "The microphone was refused: allow it for this page in the browser's address bar, and press Start again.",
      NotFoundError: "There is no microphone on this computer, or it is switched off.",
      NotReadableError: "The microphone cannot be used: another program may hold it.",
    };
    throw new TasnetError(words[error.name] ?? `The microphone cannot be used: ${error.message}.`);
  }
}

const release = (run) => run.stream?.getTracks().forEach((track) => track.stop());

export class Live {
  /** files: {engine: () => bytes, worklet, worker: addresses}; on: {report, slow, loud, lost}: callbacks. */
  constructor(files, on) {
    [this.files, this.on] = [files, on];
    this.heard = "sides";
    this.volume = 1;
  }

  /** Start listening with the model in `weights`; thread: "audio" or "worker", else what is fast enough. Throws TasnetError. */
  async start(weights, { thread, source } = {}) {
    this.stop();
    const run = (this.run = {});
    const background = (run.background = new Background(this.files.worker));
    const context = (run.context = new AudioContext({ latencyHint: "interactive" }));
    try {
      context.resume();
      run.stream = source ? null : await openMicrophone();
      if (this.run !== run) return release(run); // stopped while the browser asked
      run.stream?.getTracks().forEach((track) => track.addEventListener("ended", () => this.on.lost?.()));
      const engine = await this.files.engine();
      const { config, info } = await background.call("open", { engine, weights });
      run.info = info;
      if (!config.causal) throw new TasnetError("Only a causal network can separate a sound that is still arriving; this one is not.");
      const { undisturbed, length } = await background.call("time", { hops: 1 });
      if (this.run !== run) return;
      const here = thread ? thread === "audio" : undisturbed <= HERE * length;
      await context.audioWorklet.addModule(this.files.worklet);
      await this.#connect(run, { engine, weights: here ? weights : null, config }, source);
    } catch (error) {
      this.stop();
      throw error;
    }
  }

  async #connect(run, model, source) {
    const { context, background } = run;
    const { config } = model;
    const here = model.weights !== null;
    const channels = 1 + config.C;
    run.config = config;
    run.thread = here ? "audio" : "worker";
    run.reserve = here ? 0 : RESERVE.least;
    run.counted = { packets: 0, late: 0, busy: 0, seconds: 0 };
    const packet = ((here ? 1 : 2) * config.hop) / config.sample_rate;
    run.node = new AudioWorkletNode(context, "tasnet-live", {
      outputChannelCount: [channels],
      channelCount: 1,
      channelCountMode: "explicit",
      processorOptions: { packet },
    });
    run.node.onprocessorerror = () => this.on.slow?.("broken");
    const open = { ...model, reserve: run.reserve };
    const ready = new Promise((resolve) => {
      run.node.port.onmessage = ({ data }) => (data.ready ? resolve(data) : this.#report(run, data));
    });
    if (here) {
      run.node.port.postMessage({ open });
    } else {
      const { port1, port2 } = new MessageChannel();
      // Once it is ready for packets: those that had to wait for it would all be late, and with them what follows.
      const news = (film) => run.source && this.on.report?.(this.#told(run, film)); // not of the silence before it
      await background.call("live", {}, { news, transfer: [port1] });
      run.node.port.postMessage({ open }, [port2]);
    }
    const about = await ready;
    if (this.run !== run) return;
    Object.assign(run, { delay: about.delay, film: about.film, rate: about.rate });
    if (!here && !(await this.#warm(run))) return;
    run.source = source ? source(context) : context.createMediaStreamSource(run.stream);
    this.#mix(run, channels);
    run.source.connect(run.node);
  }

  /** The worker answers its first packets late, while its code is still being compiled: they are of silence. */
  async #warm(run) {
    const end = performance.now() + 1000 * STEADY.most;
    while (this.run === run && performance.now() < end && (run.quiet ?? 0) < STEADY.quiet) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    return this.run === run;
  }

  /** Send each signal to either ear with its own gain. */
  #mix(run, channels) {
    const { context } = run;
    const splitter = context.createChannelSplitter(channels);
    const ears = context.createChannelMerger(2);
    run.node.connect(splitter);
    run.gains = Array.from({ length: channels }, (_, i) => {
      return [0, 1].map((ear) => {
        const gain = new GainNode(context, { gain: 0 });
        splitter.connect(gain, i);
        gain.connect(ears, 0, ear);
        return gain;
      });
    });
    run.output = ears;
    ears.connect(context.destination);
    this.hear(this.heard);
  }

  /** What is heard: "sides" (voice 1 left, voice 2 right), "none", or the number of a signal, 0 the mixture. */
  hear(what) {
    this.heard = what;
    const { gains, context } = this.run ?? {};
    gains?.forEach((ears, i) => {
      ears.forEach((gain, ear) => {
        const on = what === "sides" ? i === ear + 1 || (i > 2 && gains.length > 3) : i === what;
        gain.gain.setTargetAtTime(on ? this.volume : 0, context.currentTime, GLIDE / 3);
      });
    });
  }

  #report(run, data) {
    if (this.run !== run) return;
    run.delay = data.delay;
    if (!run.source) {
      const { packets, late } = data.counts;
      return (run.quiet = packets > 0 && late === 0 ? (run.quiet ?? 0) + data.seconds : 0);
    }
    for (const [name, value] of Object.entries(data.counts)) run.counted[name] += value;
    run.counted.seconds += data.seconds;
    this.on.report?.(this.#told(run, data));
    if (run.counted.seconds >= WATCH) this.#judge(run);
  }

  #told(run, { signals, film, counts, seconds }) {
    const { context, delay, config, thread, rate } = run;
    const device = (context.outputLatency || context.baseLatency || 0) + 0;
    if (signals) this.#guard(signals[0], rate ?? config.sample_rate);
    return { signals, film, counts, seconds, delay, algorithm: config.L / config.sample_rate, device, thread, rate: config.sample_rate };
  }

  /** When packets are late, keep more in hand or let the worker take over; when nothing helps, call `slow`. */
  #judge(run) {
    const { packets, late, busy, seconds } = run.counted;
    run.counted = { packets: 0, late: 0, busy: 0, seconds: 0 };
    if (late <= LATE * packets && busy < BUSY[run.thread] * seconds) return;
    if (!run.spared) return (run.spared = true); // the first seconds of a run, while everything is still loading
    if (run.thread === "audio") return this.on.slow?.("audio");
    if (busy >= BUSY.worker * seconds || run.reserve >= RESERVE.most) return this.on.slow?.("worker");
    run.reserve += RESERVE.step;
    run.node.port.postMessage({ reserve: run.reserve });
  }

  /** Feedback from the loudspeakers builds up within a moment: silence it. */
  #guard(signal, rate) {
    const run = this.run;
    const power = signal.reduce((sum, x) => sum + x * x, 0) / Math.max(1, signal.length);
    const share = Math.min(1, signal.length / rate);
    run.loudness = (run.loudness ?? 0) + share * (power - (run.loudness ?? 0));
    if (Math.sqrt(run.loudness) < LOUD || this.heard === "none") return;
    run.loudness = 0;
    this.hear("none");
    this.on.loud?.();
  }

  stop() {
    const run = this.run;
    this.run = null;
    if (!run) return;
    run.node?.port.postMessage({ end: true });
    release(run);
    run.background?.close();
    run.context?.close();
  }
}
