// Slower or faster at the same pitch: overlapping frames, each taken from where it best continues the last one (WSOLA,
// Verhelst and Roelands 1993).

const FRAME = 0.032; // s
const REACH = 0.01; // s by which a frame may lie off its nominal place

/** `tracks` at `speed` times their pace. All are cut at the same places, so that they stay aligned. */
export function stretch(tracks, rate, speed) {
  const hop = Math.round((FRAME * rate) / 2);
  const size = 2 * hop;
  const reach = Math.round(REACH * rate);
  const room = 2 * size + 2 * reach; // silence on either side of the range that is searched
  const length = Math.round(tracks[0].length / speed);
  const guide = new Float32Array(tracks[0].length + 2 * room);
  for (const track of tracks) for (let n = 0; n < track.length; n++) guide[room + n] += track[n];
  const window = Float32Array.from({ length: size }, (_, n) => 0.5 - 0.5 * Math.cos((2 * Math.PI * n) / size));
  const stretched = tracks.map(() => new Float32Array(length));
  let next = -hop; // where the last frame goes on in the tracks
  for (let to = -hop; to < length; to += hop) {
    const from = bestStart(guide, room + Math.round(to * speed), room + next, size, reach) - room;
    const last = Math.min(size, length - to, tracks[0].length - from);
    for (let i = 0; i < tracks.length; i++) {
      const [source, target] = [tracks[i], stretched[i]];
      for (let n = Math.max(0, -to, -from); n < last; n++) target[to + n] += window[n] * source[from + n];
    }
    next = from + hop;
  }
  return stretched;
}

/** The start within `reach` of `nominal` where `signal` is most like what follows at `next`. */
function bestStart(signal, nominal, next, size, reach) {
  const step = Math.max(1, Math.round(reach / 20));
  let best = nominal;
  let least = Infinity;
  const search = (from, to, stride) => {
    for (let start = from; start <= to; start += stride) {
      let sum = 0;
      for (let n = 0; n < size && sum < least; n += step) sum += Math.abs(signal[start + n] - signal[next + n]);
      if (sum < least) [best, least] = [start, sum];
    }
  };
  search(nominal - reach, nominal + reach, step);
  search(best - step + 1, best + step - 1, 1);
  return best;
}
