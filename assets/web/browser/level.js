// The level of separated voices that fits the mixture best, as in tasnet/level.py.

const FRAME = 0.01; // s, in which a causal level changes

/** Gains (C) for whole sources and their mixture. */
export function levelGains(sources, mixture) {
  const sums = new Sums(sources.length);
  sums.add(sources, mixture, 0, mixture.length);
  return sums.fit();
}

/** The same from what has been heard so far: the gains of each 10 ms frame come from everything before it. */
export class CausalLevel {
  constructor(speakers, rate) {
    this.sums = new Sums(speakers);
    this.before = new Float64Array(speakers);
    this.now = new Float64Array(speakers);
    this.frame = Math.max(1, Math.round(FRAME * rate));
    this.heard = 0;
  }

  /** The next stretch of sources (C, T) at the level that fits the mixture (T) up to then, in place. */
  apply(sources, mixture) {
    const length = sources[0].length;
    for (let begin = 0, end; begin < length; begin = end) {
      end = Math.min(begin + this.frame - this.heard, length);
      this.sums.add(sources, mixture, begin, end);
      sources.forEach((source, c) => {
        const [from, by] = [this.before[c], (this.now[c] - this.before[c]) / this.frame];
        for (let n = begin; n < end; n++) source[n] *= from + by * (this.heard + n - begin + 1);
      });
      this.heard += end - begin;
      if (this.heard === this.frame) [this.before, this.now, this.heard] = [this.now, this.sums.fit(), 0];
    }
    return sources;
  }
}

/** The sources' inner products with each other and with the mixture. */
class Sums {
  constructor(C) {
    this.gram = Array.from({ length: C }, () => new Float64Array(C));
    this.match = new Float64Array(C);
  }

  add(sources, mixture, begin, end) {
    sources.forEach((a, i) => {
      for (let j = 0; j <= i; j++) {
        let total = 0;
        for (let n = begin; n < end; n++) total += a[n] * sources[j][n];
        this.gram[i][j] += total;
        if (j < i) this.gram[j][i] += total;
      }
      let total = 0;
      for (let n = begin; n < end; n++) total += a[n] * mixture[n];
      this.match[i] += total;
    });
  }

  fit() {
    const { gram, match } = this;
    const sign = Array.from(match, (value) => (value < 0 ? -1 : 1));
    const power = gram.reduce((sum, row, i) => sum + row.reduce((part, g, j) => part + sign[i] * sign[j] * g, 0), 0);
    const shared = match.reduce((sum, value) => sum + Math.abs(value), 0) / Math.max(power, 2.2e-308);
    const gains = Float64Array.from(sign, (s) => shared * s);
    const length = gram.map((row, i) => Math.sqrt(row[i]));
    const heard = [...length.keys()].filter((i) => length[i] > 1e-6 * Math.max(...length));
    if (!heard.length) return gains;
    const cosines = heard.map((i) => heard.map((j) => gram[i][j] / (length[i] * length[j])));
    const solved = leastSquares(cosines, heard.map((i) => match[i] / length[i])).map((x, k) => x / length[heard[k]]);
    if (solved.every((x, k) => x * sign[heard[k]] > 0)) solved.forEach((x, k) => (gains[heard[k]] = x));
    return gains;
  }
}

/** The shortest x that minimises |A x - b|, A symmetric; directions weaker than 1e-6 of the strongest count as none. */
function leastSquares(A, b) {
  const n = b.length;
  const a = A.map((row) => [...row]);
  const v = a.map((_, i) => a.map((_, j) => Number(i === j)));
  for (let sweep = 0; sweep < 30; sweep++) {
    let off = 0;
    for (let p = 0; p < n; p++) {
      for (let q = p + 1; q < n; q++) {
        off += a[p][q] ** 2;
        if (Math.abs(a[p][q]) < 1e-300) continue;
        const theta = (a[q][q] - a[p][p]) / (2 * a[p][q]);
        const t = (theta < 0 ? -1 : 1) / (Math.abs(theta) + Math.hypot(theta, 1));
        const c = 1 / Math.hypot(t, 1);
        const s = t * c;
        const turn = (rows, i, j) => ([rows[i], rows[j]] = [c * rows[i] - s * rows[j], s * rows[i] + c * rows[j]]);
        for (const row of a) turn(row, p, q);
        for (let k = 0; k < n; k++) [a[p][k], a[q][k]] = [c * a[p][k] - s * a[q][k], s * a[p][k] + c * a[q][k]];
        for (const row of v) turn(row, p, q);
      }
    }
    if (off < 1e-30) break;
  }
  const strongest = Math.max(...a.map((row, i) => Math.abs(row[i])));
  const x = new Array(n).fill(0);
  for (let k = 0; k < n; k++) {
    if (Math.abs(a[k][k]) <= 1e-6 * strongest) continue;
    const along = b.reduce((sum, value, i) => sum + value * v[i][k], 0) / a[k][k];
    for (let i = 0; i < n; i++) x[i] += along * v[i][k];
  }
  return x;
}
