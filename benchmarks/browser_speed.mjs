// Runs in the page that browser_speed.py serves: this project's engine and onnxruntime-web in turns, each on one thread.

import { Network } from "./browser/tasnet.js";

const BLOCK = 20; // packets timed together: a page's clock is coarse
const bytesOf = async (address) => (await fetch(address)).arrayBuffer();
const median = (values) => [...values].sort((a, b) => a - b)[values.length >> 1];

async function opened(ort, address) {
  return ort.InferenceSession.create(address, { executionProviders: ["wasm"], graphOptimizationLevel: "all" });
}

/** A stream by the exported step: push(samples), a multiple of the hop -> the first voice. */
function stepped(ort, session) {
  const empty = { float32: Float32Array, float64: Float64Array, int64: BigInt64Array };
  const [, ...states] = session.inputMetadata;
  let past = Object.fromEntries(
    states.map(({ name, type, shape }) => {
      const sizes = shape.map((size) => (typeof size === "number" ? size : 1));
      return [name, new ort.Tensor(type, new empty[type](sizes.reduce((a, b) => a * b, 1)), sizes)];
    }),
  );
  const order = session.outputNames.slice(1);
  return async (samples) => {
    const found = await session.run({ packet: new ort.Tensor("float32", samples, [1, samples.length]), ...past });
    past = Object.fromEntries(states.map(({ name }, k) => [name, found[order[k]]]));
    return found.sources.data;
  };
}

/** ms of one call of each of `contenders`, in turns: name -> the median. */
async function measure(contenders, calls, rounds) {
  const times = new Map(Object.keys(contenders).map((name) => [name, []]));
  for (let round = 0; round <= rounds; round++) {
    for (const [name, call] of Object.entries(contenders)) {
      const began = performance.now();
      for (let k = 0; k < calls; k++) await call(k);
      if (round) times.get(name).push((performance.now() - began) / calls); // the first does not count
    }
  }
  return Object.fromEntries([...times].map(([name, values]) => [name, median(values)]));
}

/** The largest difference of two sounds, of the second's RMS. */
function apart(found, wanted) {
  const rms = Math.sqrt(wanted.reduce((sum, x) => sum + x * x, 0) / wanted.length);
  return wanted.reduce((most, x, n) => Math.max(most, Math.abs(x - found[n])), 0) / rms;
}

/** {causal, whole: names of models; rounds}: a row of times for every model and packet. */
export async function run({ causal, whole, rounds }) {
  const ort = await import("./ort/ort.wasm.min.mjs");
  ort.env.wasm.numThreads = 1;
  ort.env.wasm.wasmPaths = new URL("ort/", location.href).href;
  const engine = await bytesOf("browser/engine.wasm");
  const rows = [];
  for (const name of causal) {
    const network = await Network.open(engine, await bytesOf(`${name}.safetensors`));
    const session = await opened(ort, `${name}.onnx`);
    const { hop, sample_rate: rate } = network.config;
    for (const hops of [1, 3]) {
      const sound = Float32Array.from({ length: 40 * hops * hop }, (_, n) => Math.sin(n * n * 1e-4));
      const [stream, push] = [network.stream(), stepped(ort, session)];
      const [ours, theirs] = [[], []];
      for (let n = 0; n < sound.length; n += hops * hop) {
        const packet = sound.slice(n, n + hops * hop);
        ours.push(...stream.push(packet)[0]);
        theirs.push(...(await push(packet)).slice(0, packet.length));
      }
      const packet = sound.slice(0, hops * hop);
      const times = await measure({ ours: () => stream.push(packet), theirs: () => push(packet) }, BLOCK, rounds);
      rows.push({ name, milliseconds: (1000 * hops * hop) / rate, ...times, apart: apart(theirs.slice(hop), ours) });
    }
  }
  for (const name of whole) {
    const network = await Network.open(engine, await bytesOf(`${name}.safetensors`));
    const session = await opened(ort, `${name}.onnx`);
    const { sample_rate: rate } = network.config;
    const sound = Float32Array.from({ length: 4 * rate }, (_, n) => Math.sin(n * n * 1e-4));
    const theirs = async () => (await session.run({ mixture: new ort.Tensor("float32", sound, [1, sound.length]) })).sources.data;
    const times = await measure({ ours: () => network.separate(sound), theirs }, 1, Math.max(3, rounds >> 2));
    const found = (await theirs()).slice(0, sound.length);
    rows.push({ name, milliseconds: 4000, ...times, apart: apart(found, network.separate(sound)[0]) });
  }
  return { rows, gpu: Boolean(await navigator.gpu?.requestAdapter()) };
}
