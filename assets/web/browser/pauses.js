// A recording without its long pauses, as tasnet/pauses.py finds them: what a network hears of it.

const FRAME = 0.02; // s
const LONGEST = 2; // s of a pause that stays
const MARGIN = 0.25; // s of a longer one that stay with the speech on either side
const [QUIET, ABOVE_FLOOR, AT_MOST] = [1e-4, 4, 1e-2];

/** The parts [begin, end] that long pauses leave, in order; all of the signal where there are none. */
export function speechSpans(signal, rate) {
  const frame = Math.max(1, Math.round(FRAME * rate));
  const active = activeFrames(signal, frame);
  if (!active.length) return [[0, signal.length]];
  const [longest, margin] = [Math.round(LONGEST / FRAME), Math.round(MARGIN * rate)];
  const spans = [[active[0] * frame - margin, 0]];
  active.forEach((one, i) => {
    if (i + 1 < active.length && active[i + 1] - one <= longest) return;
    spans.at(-1)[1] = (one + 1) * frame + margin;
    if (i + 1 < active.length) spans.push([active[i + 1] * frame - margin, 0]);
  });
  if (spans[0][0] <= longest * frame) spans[0][0] = 0;
  if (spans.at(-1)[1] >= signal.length - longest * frame) spans.at(-1)[1] = signal.length;
  return spans;
}

function activeFrames(signal, frame) {
  const power = Float32Array.from({ length: Math.floor(signal.length / frame) }, (_, k) => {
    let total = 0;
    for (let n = k * frame; n < (k + 1) * frame; n++) total += signal[n] ** 2;
    return total / frame;
  });
  if (!power.length) return [];
  const mean = power.reduce((a, b) => a + b, 0) / power.length;
  const loud = quantile(power.filter((value) => value >= Math.fround(mean)), 0.5);
  const least = Math.max(QUIET * loud, Math.min(ABOVE_FLOOR * quantile(power, 0.1), AT_MOST * loud));
  return [...power.keys()].filter((k) => power[k] > least);
}

/** With linear interpolation. */
function quantile(values, share) {
  const sorted = Float32Array.from(values).sort();
  const place = share * (sorted.length - 1);
  const below = Math.floor(place);
  return sorted[below] + (place - below) * ((sorted[below + 1] ?? sorted[below]) - sorted[below]);
}

/** What spans leave of a signal of so many samples, each with `edge` samples of the spans beside it. */
export function pausesBetween(spans, samples, edge) {
  const ends = [0, ...spans.flat(), samples];
  const between = [];
  for (let k = 0; k < ends.length; k += 2) {
    if (ends[k + 1] > ends[k]) between.push([Math.max(0, ends[k] - edge), Math.min(ends[k + 1] + edge, samples)]);
  }
  return between;
}

/** The spans of an array, joined. */
export function joined(array, spans) {
  const made = new Float32Array(spans.reduce((sum, [a, b]) => sum + b - a, 0));
  let place = 0;
  for (const [a, b] of spans) {
    made.set(array.subarray(a, b), place);
    place += b - a;
  }
  return made;
}

/** The inverse: what was joined, put where it came from. */
export function spread(samples, spans, array) {
  let place = 0;
  for (const [a, b] of spans) {
    array.set(samples.subarray(place, place + b - a), a);
    place += b - a;
  }
}
