// The last minute of several signals.

const SECONDS = 60;
const EXTRA = 5; // s beyond what is kept, so that not every packet has to move everything

export class Minute {
  constructor(rate, channels) {
    this.rate = rate;
    this.most = SECONDS * rate;
    this.lines = Array.from({ length: channels }, () => new Float32Array(this.most + EXTRA * rate));
    this.length = 0;
    this.moved = 0; // samples by which the last call of `add` moved what was there
  }

  add(signals) {
    const count = signals[0].length;
    this.moved = 0;
    if (this.length + count > this.lines[0].length) {
      this.moved = this.length - (this.most - count);
      this.lines.forEach((line) => line.copyWithin(0, this.moved, this.length));
      this.length -= this.moved;
    }
    this.lines.forEach((line, i) => line.set(signals[i], this.length));
    this.length += count;
  }

  /** The signals as far as they go, a minute at most. */
  signals() {
    return this.lines.map((line) => line.slice(Math.max(0, this.length - this.most), this.length));
  }
}
