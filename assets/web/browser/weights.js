// A model's file, `.safetensors` as tasnet/checkpoint.py writes it, or `.onnx` as tasnet.export does: its configuration,
// training facts and tensors.

import { TasnetError } from "./errors.js";
import { looksLikeOnnx, readOnnx } from "./onnx.js";

const LONGEST_HEADER = 1 << 22; // bytes
const MOST_BLOCKS = 256;
const NUMBERS = { N: 8192, L: 8192, B: 4096, H: 8192, P: 255, X: 16, R: 64, C: 16 }; // as in tasnet/config.py
const CHOICES = {
  norm: ["gLN", "cLN", "BN", "chLN"],
  norm_in: ["", "gLN", "cLN", "BN", "chLN"],
  encoder: ["linear", "relu", "pinv"],
  mask: ["sigmoid", "softmax", "relu"],
  padding: ["zeros", "reflect"],
  edges: ["fill", "cut", "pad"],
};
const DEFAULTS = {
  N: 512, L: 16, B: 128, H: 512, Sc: 128, P: 3, X: 8, R: 3, C: 2, norm: "gLN", causal: false, encoder: "linear",
  mask: "sigmoid", sample_rate: 8000, norm_in: "", norm_eps: 1e-8, second_norm: true, padding: "zeros", edges: "fill",
  coder_bias: false,
}; // prettier-ignore

export { TasnetError };

/** The bytes of a file -> {config, info, tensors: Map of name -> {shape, values}}. Throws TasnetError. */
export function readWeights(bytes) {
  if (looksLikeOnnx(new Uint8Array(bytes))) {
    const { values, tensors } = readOnnx(new Uint8Array(bytes), decodeText);
    return { config: checkedConfig(fromText(values)), info: {}, tensors };
  }
  const view = new DataView(bytes);
  const length = bytes.byteLength >= 8 ? Number(view.getBigUint64(0, true)) : Infinity;
  if (length > Math.min(LONGEST_HEADER, bytes.byteLength - 8)) {
    throw new TasnetError("This is not a model's file: a .safetensors or .onnx file written by tasnet is needed.");
  }
  let header, about;
  try {
    header = JSON.parse(decodeText(new Uint8Array(bytes, 8, length)));
    about = JSON.parse(header.__metadata__.tasnet);
  } catch {
    throw new TasnetError("The file holds no description of a Conv-TasNet: it is of another program.");
  }
  const config = checkedConfig(about.config);
  const tensors = new Map();
  for (const [name, { dtype, shape, data_offsets: ends }] of Object.entries(header)) {
    if (name === "__metadata__") continue;
    const [begin, end] = ends.map((place) => place + 8 + length);
    const kind = READERS[dtype];
    const count = shape.reduce((product, size) => product * size, 1);
    if (!kind || begin < 8 || end > bytes.byteLength || end - begin !== count * kind.size) {
      throw new TasnetError(`The file is damaged, or incomplete: ${name} cannot be read.`);
    }
    tensors.set(name, { shape, values: kind.read(bytes.slice(begin, end)) });
  }
  return { config, info: about.info ?? {}, tensors };
}

/** A configuration whose values are as Python prints them. */
function fromText(values) {
  const read = { number: Number, boolean: (text) => text === "True", string: String };
  const known = Object.entries(DEFAULTS).filter(([name]) => name in values);
  return Object.fromEntries(known.map(([name, usual]) => [name, read[typeof usual](values[name])]));
}

function checkedConfig(values) {
  if (values?.network) throw new TasnetError("Only Conv-TasNet runs in the browser; this is another network.");
  const config = { ...DEFAULTS, ...values };
  const whole = (name, least, most) => Number.isInteger(config[name]) && config[name] >= least && config[name] <= most;
  const fits =
    Object.keys(config).length === Object.keys(DEFAULTS).length &&
    Object.entries(NUMBERS).every(([name, most]) => whole(name, 1, most)) &&
    Object.entries(CHOICES).every(([name, known]) => known.includes(config[name])) &&
    whole("Sc", 0, 4096) && whole("sample_rate", 1000, 384_000) && config.L % 2 === 0 && config.X * config.R <= MOST_BLOCKS;
  if (!fits) throw new TasnetError("The file describes its network in a way that cannot be understood.");
  config.hop = config.L / 2;
  config.hearsLevel = config.norm === "BN" || config.coder_bias || config.norm_eps > 1e-6;
  return config;
}

const READERS = {
  F32: { size: 4, read: (bytes) => new Float32Array(bytes) },
  F16: { size: 2, read: (bytes) => Float32Array.from(new Uint16Array(bytes), fromHalf) },
  BF16: { size: 2, read: (bytes) => new Float32Array(Uint32Array.from(new Uint16Array(bytes), (half) => half << 16).buffer) },
  I64: { size: 8, read: (bytes) => Float32Array.from(new BigInt64Array(bytes), Number) },
}; // prettier-ignore

/** UTF-8 -> text; an audio thread has no TextDecoder. */
function decodeText(bytes) {
  if (typeof TextDecoder !== "undefined") return new TextDecoder().decode(bytes);
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return decodeURIComponent(escape(text));
}

/** The number that 16 bits stand for in IEEE half precision. */
function fromHalf(bits) {
  const [sign, exponent, fraction] = [bits & 0x8000 ? -1 : 1, (bits >> 10) & 31, bits & 1023];
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return sign * (exponent ? 2 ** (exponent - 15) * (1 + fraction / 1024) : 2 ** -14 * (fraction / 1024));
}
