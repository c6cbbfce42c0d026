// A user's file -> one channel of samples at its own rate.

import { decodeWav } from "./player/wav.js";
import { TasnetError } from "./browser/tasnet.js";

const COMMON_RATE = 48_000; // Hz, for a file whose own rate is not found

/** {samples, rate, notes}. Throws TasnetError. */
export async function readSound(bytes, name) {
  const known = header(bytes);
  if (known?.plain) return { ...decodeWav(bytes), notes: [] };
  const rate = known?.rate >= 8000 && known.rate <= 96_000 ? known.rate : COMMON_RATE;
  let buffer;
  try {
    buffer = await new OfflineAudioContext(1, 1, rate).decodeAudioData(bytes.slice(0));
  } catch {
    throw new TasnetError(`${name} could not be decoded: this browser does not know the format, or the file is damaged.`);
  }
  const channels = Array.from({ length: buffer.numberOfChannels }, (_, i) => buffer.getChannelData(i));
  if (channels.length === 1) return { samples: channels[0], rate, notes: [] };
  const samples = channels[0].map((_, n) => channels.reduce((sum, channel) => sum + channel[n], 0) / channels.length);
  return { samples, rate, notes: [`Of the ${channels.length} channels of ${name} the mean was taken.`] };
}

/** The rate that a WAV or FLAC file states; plain: whether the WAV is mono, in a format that is read directly. */
function header(bytes) {
  if (bytes.byteLength < 44) return null;
  const view = new DataView(bytes);
  const tag = (at) => String.fromCharCode(...new Uint8Array(bytes, at, 4));
  if (tag(0) === "fLaC") return { rate: (view.getUint16(18) << 4) | (view.getUint8(20) >> 4) };
  if (tag(0) !== "RIFF" || tag(8) !== "WAVE") return null;
  for (let at = 12; at + 24 <= bytes.byteLength; at += 8 + view.getUint32(at + 4, true)) {
    if (tag(at) !== "fmt ") continue;
    const [format, channels, rate, bits] = [view.getUint16(at + 8, true), view.getUint16(at + 10, true), view.getUint32(at + 12, true), view.getUint16(at + 22, true)];
    return { rate, plain: channels === 1 && ((format === 1 && bits === 16) || (format === 3 && bits === 32)) };
  }
  return null;
}
