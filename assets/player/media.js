// From the server's files to samples, and from samples to the loudspeaker.

import { decodeWav } from "./wav.js";

/** A context at the tracks' own rate, so that samples reach the output as they are. */
export function openContext(rate) {
  try {
    return new AudioContext({ sampleRate: rate, latencyHint: "interactive" });
  } catch {
    return new AudioContext({ latencyHint: "interactive" }); // the browser resamples
  }
}

/** A track's samples, followed by silence up to `length`. */
export async function fetchSamples(src, length) {
  let response;
  for (let attempt = 0; attempt < 4; attempt++) {
    response = await fetch(src);
    if (response.ok) break;
    // Streamlit may be between two runs of the script: the file comes back with the second.
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
  if (!response.ok) throw new Error(`the server answered ${response.status}`);
  const { samples } = decodeWav(await response.arrayBuffer());
  if (samples.length === length) return samples;
  const padded = new Float32Array(length);
  padded.set(samples.subarray(0, length));
  return padded;
}
