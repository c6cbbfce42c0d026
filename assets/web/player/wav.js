// Reading and writing WAV files: mono, 16-bit PCM or 32-bit float.

/** Samples (Float32Array, full scale 1) and rate (Hz) of a mono WAV file in an ArrayBuffer. */
export function decodeWav(bytes) {
  const view = new DataView(bytes);
  const tag = (at) => String.fromCharCode(...new Uint8Array(bytes, at, 4));
  if (bytes.byteLength < 12 || tag(0) !== "RIFF" || tag(8) !== "WAVE") {
    throw new Error("this is not a WAV file");
  }
  let format = 0;
  let rate = 0;
  for (let at = 12; at + 8 <= bytes.byteLength; ) {
    const size = view.getUint32(at + 4, true);
    const body = at + 8;
    if (tag(at) === "fmt ") {
      format = view.getUint16(body, true);
      rate = view.getUint32(body + 4, true);
    } else if (tag(at) === "data") {
      if (format === 3) return { rate, samples: new Float32Array(bytes.slice(body, body + size)) };
      const integers = new Int16Array(bytes.slice(body, body + size));
      const samples = new Float32Array(integers.length);
      // A plain loop: Float32Array.from with a function takes most of a second for ten minutes of sound.
      for (let n = 0; n < samples.length; n++) samples[n] = integers[n] / 32768;
      return { rate, samples };
    }
    at = body + size + (size % 2);
  }
  throw new Error("this WAV file holds no samples");
}

/** A 16-bit mono WAV file of `samples`; scaled down as a whole where it would clip. */
export function encodeWav(samples, rate) {
  const view = new DataView(new ArrayBuffer(44 + 2 * samples.length));
  const text = (at, value) => [...value].forEach((c, i) => view.setUint8(at + i, c.charCodeAt(0)));
  text(0, "RIFF");
  view.setUint32(4, 36 + 2 * samples.length, true);
  text(8, "WAVEfmt ");
  view.setUint32(16, 16, true);
  view.setUint16(20, 1, true); // PCM
  view.setUint16(22, 1, true); // mono
  view.setUint32(24, rate, true);
  view.setUint32(28, 2 * rate, true);
  view.setUint16(32, 2, true);
  view.setUint16(34, 16, true);
  text(36, "data");
  view.setUint32(40, 2 * samples.length, true);
  const peak = samples.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const scale = 32767 / Math.max(peak, 1);
  samples.forEach((value, i) => view.setInt16(44 + 2 * i, Math.round(value * scale), true));
  return new Blob([view], { type: "audio/wav" });
}
