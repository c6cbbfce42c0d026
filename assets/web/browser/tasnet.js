// Conv-TasNet in the browser: the one module to import.
//
//   const engine = await (await fetch("engine.wasm")).arrayBuffer();
//   const network = await Network.open(engine, weights);      // the bytes of a .safetensors or .onnx file
//   const { sources } = new Separator(network).separate(samples, rate);
//   const stream = network.stream();                          // a causal network, while the sound arrives
//   const voices = stream.push(samples);
//
// `Background` does the same in a worker; `Live` goes from the microphone to the headphones.

export { Background, Live, openMicrophone } from "./live.js";
export { Network } from "./network.js";
export { Separator } from "./separator.js";
export { resample, Resampler } from "./sound.js";
export { readWeights, TasnetError } from "./weights.js";
