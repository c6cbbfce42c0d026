// A model as `tasnet.export` writes it (.onnx, whole or one step): its configuration and weights; the graph is not needed.

import { TasnetError } from "./errors.js";
import { transposed } from "./matrix.js";

const FLOAT = 1; // TensorProto.DataType
const [MODEL, GRAPH, TENSOR, ENTRY] = [
  { graph: 7, metadata: 14 },
  { initializer: 5 },
  { dims: 1, type: 2, name: 8, raw: 9 },
  { key: 1, value: 2 },
]; // numbers of the fields in onnx.proto
const DAMAGED = "The .onnx file is damaged, or incomplete.";

export const looksLikeOnnx = (bytes) => bytes.byteLength > 8 && bytes[0] === 0x08 && bytes[8] !== 0x7b; // not "{"

/** The bytes of a file -> {values: the configuration as text, tensors}. Throws TasnetError. */
export function readOnnx(bytes, decodeText) {
  const metadata = new Map();
  const tensors = new Map();
  for (const [field, part] of fields(bytes)) {
    if (field === MODEL.metadata) {
      const entry = new Map(fields(part));
      const [key, value] = [ENTRY.key, ENTRY.value].map((one) => decodeText(entry.get(one) ?? new Uint8Array(0)));
      metadata.set(key, value);
    }
    if (field !== MODEL.graph) continue;
    for (const [inner, tensor] of fields(part)) {
      if (inner === GRAPH.initializer) keep(tensors, tensor, decodeText);
    }
  }
  if (!metadata.has("sample_rate")) throw new TasnetError("The .onnx file is of another program: only those of tasnet.export are understood.");
  if ([...tensors.values()].includes(null)) {
    throw new TasnetError("A model in 8 bits does not run in the browser: export it without --int8.");
  }
  if (metadata.get("norm") === "BN") throw new TasnetError("A model with batch norms is not read from .onnx: bring its .safetensors file.");
  if (!tensors.has("decoder.V")) throw new TasnetError("The .onnx file was written by an older tasnet.export: write it anew.");
  return { values: Object.fromEntries(metadata), tensors };
}

/** A named float tensor, as the network has it: the graph multiplies from the right, and convolves rows. */
function keep(tensors, bytes, decodeText) {
  const dims = [];
  let [name, type, raw] = ["", 0, null];
  for (const [field, value] of fields(bytes)) {
    if (field === TENSOR.dims) dims.push(...(typeof value === "number" ? [value] : varints(value)));
    if (field === TENSOR.type) type = value;
    if (field === TENSOR.name) name = decodeText(value);
    if (field === TENSOR.raw) raw = value;
  }
  if (!name.includes(".")) return; // shapes, places, and what has no name in the network
  if (type !== FLOAT) return tensors.set(name, null);
  const shape = dims.length === 3 && dims[1] === 1 ? [dims[0], dims[2]] : dims;
  if (!raw) return; // a number of the graph itself
  if (raw.length !== 4 * shape.reduce((a, b) => a * b, 1)) throw new TasnetError(DAMAGED);
  const values = new Float32Array(raw.slice().buffer);
  const turned = shape.length === 2 && !/\.[UV]$/.test(name);
  tensors.set(name, turned ? { shape: [shape[1], shape[0]], values: transposed(values, ...shape) } : { shape, values });
}

/** The fields of a protobuf message: [number, whole number or bytes]. */
function* fields(bytes) {
  const place = { at: 0 };
  while (place.at < bytes.length) {
    const tag = varint(bytes, place);
    const [number, wire] = [Math.floor(tag / 8), tag % 8];
    if (wire === 0) {
      yield [number, varint(bytes, place)];
      continue;
    }
    const size = { 1: 8, 5: 4 }[wire] ?? (wire === 2 ? varint(bytes, place) : NaN);
    if (!(place.at + size <= bytes.length)) throw new TasnetError(DAMAGED);
    place.at += size;
    yield [number, bytes.subarray(place.at - size, place.at)];
  }
}

function varint(bytes, place) {
  let [value, scale] = [0, 1];
  for (let k = 0; k < 10; k++, scale *= 128) {
    const byte = bytes[place.at++];
    if (byte === undefined) break;
    value += (byte & 127) * scale;
    if (byte < 128) return value;
  }
  throw new TasnetError(DAMAGED);
}

function* varints(bytes) {
  const place = { at: 0 };
  while (place.at < bytes.length) yield varint(bytes, place);
}
