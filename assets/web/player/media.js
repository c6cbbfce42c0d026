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

/**
 * A track of `length` samples as far as it has arrived: its file `src`, or `parts` ([{ from, src }]) of one that is
 * still coming. What is `known` already is not fetched again. Returns { samples, src, had }.
 */
export async function fetchTrack({ src, parts = [] }, length, known = null) {
  if (src) return known?.src === src ? known : { samples: await fetchSamples(src, length), src, had: [] };
  const had = known?.src === "" ? known.had : [];
  const fresh = parts.filter((part) => !had.includes(part.src));
  if (known?.src === "" && !fresh.length) return known;
  const samples = had.length ? known.samples : new Float32Array(length);
  const pieces = await Promise.all(fresh.map((part) => fetchSamples(part.src)));
  pieces.forEach((piece, i) => samples.set(piece.subarray(0, length - fresh[i].from), fresh[i].from));
  return { samples, src: "", had: parts.map((part) => part.src) };
}

/** The samples of a file, followed by silence up to `length` if that is given. */
export async function fetchSamples(src, length) {
  let response;
  for (let attempt = 0; attempt < 4; attempt++) {
    response = await fetch(src);
    if (response.ok) break;
    // Streamlit may be between two runs of the script: the second brings the file back.
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
  if (!response.ok) throw new Error(`the server answered ${response.status}`);
  const { samples } = decodeWav(await response.arrayBuffer());
  if (length === undefined || samples.length === length) return samples;
  const padded = new Float32Array(length);
  padded.set(samples.subarray(0, length));
  return padded;
}
