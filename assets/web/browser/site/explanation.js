// One frame of a sound on its way through the paper's Fig. 1, and what happens to it in words.

import { drawBars, drawCurves, MIXTURE, SPEAKERS } from "./pictures.js";

export class Explanation {
  /** root: the section; background: () => the worker that holds the model. */
  constructor(root, background) {
    [this.root, this.background] = [root, background];
    this.find = (selector) => root.querySelector(selector);
    this.find("input").addEventListener("input", () => this.#ask());
  }

  /** The chosen model, the order of its filters, and a sound at its rate, if there is one. */
  async about(model, order, samples = null) {
    Object.assign(this, { model, order, samples, frame: null });
    const { N, L, B, H, Sc, P, X, R, C, sample_rate: rate, hop, norm } = model.config;
    const field = ((1 + R * (P - 1) * (2 ** X - 1) - 1) * hop + L) / rate;
    const ms = (1000 * L) / rate;
    this.#say("frame", `The sound is cut into frames of ${L} samples (${ms} ms), a new one every ${hop}. A Fourier transform of speech would take 32 ms.`);
    this.#say("w", `Each frame is measured against ${N} learned waveforms: ${N} numbers, one bar each (eq. 2), in the order of the filters above.`);
    this.#say("masks", `${X * R} blocks of convolutions (${R} times ${X}, ${H} channels wide between ${B}, skip paths of ${Sc}, ${norm}) look at ${field.toFixed(2)} s of such frames and give each of ${C} voices a share of every number, between 0 and 1 (eqs. 3 to 8).`);
    this.#say("voices", `Each voice's share is turned into sound again with ${N} more learned waveforms (eq. 5), and the frames are added where they overlap.`);
    const slider = this.find("input");
    slider.disabled = !samples;
    if (!samples) return (this.find("output").textContent = "separate a recording above first");
    const frames = Math.max(1, Math.floor((samples.length - L) / hop));
    slider.max = frames;
    slider.value = this.#loudest(hop, L, frames);
    await this.#ask();
  }

  #say(name, words) {
    this.find(`[data-say=${name}]`).textContent = words;
  }

  /** A frame in which something is heard. */
  #loudest(hop, L, frames) {
    let [best, most] = [0, -1];
    for (let k = 0; k < Math.min(frames, 1200); k++) {
      let power = 0;
      for (let n = k * hop; n < k * hop + L; n++) power += this.samples[n] ** 2;
      if (power > most) [best, most] = [k, power];
    }
    return best;
  }

  async #ask() {
    if (!this.samples) return;
    const number = Number(this.find("input").value);
    const { hop, sample_rate: rate, causal } = this.model.config;
    this.find("output").textContent = `${((number * hop) / rate).toFixed(3)} s`;
    if (this.asking) return; // the latest frame is requested once this one has arrived
    this.asking = true;
    try {
      const begin = Math.max(0, number - 800); // some seconds around it are enough to see it
      const end = causal ? this.samples.length : (number + 800) * hop;
      const around = this.samples.subarray(begin * hop, Math.min(this.samples.length, end));
      this.frame = await this.background().call("frame", { samples: around, number: number - begin });
      this.draw();
    } finally {
      this.asking = false;
    }
    if (Number(this.find("input").value) !== number) await this.#ask();
  }

  draw() {
    if (!this.frame) return;
    const { samples, w, masks, voices } = this.frame;
    const canvas = (name) => this.find(`[data-step=${name}]`);
    const full = [samples, ...voices].reduce((most, one) => one.reduce((m, x) => Math.max(m, Math.abs(x)), most), 1e-9);
    const most = w.reduce((m, x) => Math.max(m, Math.abs(x)), 1e-9);
    const ordered = (values) => Float32Array.from(this.order, (n) => values[n]);
    drawCurves(canvas("frame"), [{ values: samples, colour: MIXTURE }], full);
    drawBars(canvas("w"), [{ values: ordered(w), colour: MIXTURE }], most);
    const stacked = masks.reduce((m, mask) => m.map((x, n) => x + mask[n]), new Float32Array(w.length));
    const top = Math.max(1, ...stacked);
    drawBars(canvas("masks"), masks.map((mask, c) => ({ values: ordered(mask), colour: SPEAKERS[c % 3] })), top);
    drawCurves(canvas("voices"), voices.map((values, c) => ({ values, colour: SPEAKERS[c % 3] })), full);
  }
}
