// The arithmetic around the network in the browser; that all of it computes what Python does, `test_browser_engine.py` sees.

import assert from "node:assert/strict";
import test from "node:test";

import { CausalLevel, levelGains } from "../../assets/web/browser/level.js";
import { openMicrophone } from "../../assets/web/browser/live.js";
import { joined, pausesBetween, speechSpans, spread } from "../../assets/web/browser/pauses.js";
import { resample, Resampler, roundHalfToEven } from "../../assets/web/browser/sound.js";
import { Minute } from "../../assets/web/browser/view/minute.js";
import { readWeights, TasnetError } from "../../assets/web/browser/weights.js";

const RATE = 8000;
const sine = (frequency, rate, length) => Float32Array.from({ length }, (_, n) => Math.sin((2 * Math.PI * frequency * n) / rate));
const furthest = (a, b) => a.reduce((most, value, n) => Math.max(most, Math.abs(value - b[n])), 0);

test("numbers are rounded as in Python", () => {
  assert.deepEqual([0.5, 1.5, 2.5, 2.6, -0.4].map(roundHalfToEven).map((value) => value + 0), [0, 2, 2, 3, 0]);
});

test("a tone stays itself at another rate", () => {
  const found = resample(sine(440, 44100, 44100), 44100, RATE);
  assert.equal(found.length, RATE);
  assert.ok(furthest(found.slice(500, -500), sine(440, RATE, RATE).slice(500, -500)) < 2e-3);
  assert.equal(resample(found, RATE, RATE), found);
});

test("in packets the rate changes as it does at once, and a constant stays one", () => {
  const samples = sine(300, 48000, 9600).map((value) => value + 1);
  const whole = new Resampler(48000, RATE).push(samples);
  const pieces = new Resampler(48000, RATE);
  const found = [];
  for (let n = 0; n < samples.length; n += 128) found.push(...pieces.push(samples.subarray(n, n + 128)));
  assert.deepEqual(found, [...whole]);
  const constant = new Resampler(48000, RATE).push(new Float32Array(4800).fill(1));
  assert.ok(furthest(constant.slice(100), new Float32Array(constant.length - 100).fill(1)) < 1e-5);
});

test("long pauses are cut out and put back", () => {
  const signal = new Float32Array(10 * RATE);
  signal.set(sine(200, RATE, RATE), RATE);
  signal.set(sine(200, RATE, RATE), 6 * RATE);
  const spans = speechSpans(signal, RATE);
  assert.equal(spans.length, 2);
  assert.deepEqual([spans[0][0], spans[1][1]], [0, signal.length - (3 - 0.25) * RATE]);
  const back = new Float32Array(signal.length);
  spread(joined(signal, spans), spans, back);
  assert.deepEqual(back, signal);
  assert.deepEqual(pausesBetween([[0, 10], [20, 30]], 40, 2), [[8, 22], [28, 40]]);
});

test("gains bring the sources to where they fit the mixture best", () => {
  const [a, b] = [sine(200, RATE, RATE), sine(310, RATE, RATE)];
  const mixture = a.map((value, n) => 3 * value + 0.5 * b[n]);
  const [first, second] = levelGains([a, b], mixture);
  assert.ok(Math.abs(first - 3) < 1e-4 && Math.abs(second - 0.5) < 1e-4);
  const level = new CausalLevel(1, RATE);
  const late = level.apply([a.slice()], mixture.map((_, n) => 2 * a[n]))[0];
  assert.ok(Math.abs(late.at(-20) - 2 * a.at(-20)) < 1e-4);
});

test("a minute is kept, of which the oldest goes", () => {
  const minute = new Minute(10, 1);
  for (let second = 0; second < 70; second++) minute.add([new Float32Array(10).fill(second)]);
  const [kept] = minute.signals();
  assert.deepEqual([kept.length, kept[0], kept.at(-1)], [600, 10, 69]);
});

test("bytes that are no weights are refused in a sentence", () => {
  assert.throws(() => readWeights(new ArrayBuffer(4)), TasnetError);
  assert.throws(() => readWeights(new Uint8Array(100).fill(255).buffer), TasnetError);
  const onnx = (...bytes) => () => readWeights(Uint8Array.of(8, 8, ...bytes).buffer); // protobuf
  assert.throws(onnx(58, 100, 0, 0, 0, 0, 0, 0), /damaged, or incomplete/);
  assert.throws(onnx(18, 5, 1, 2, 3, 4, 5), /another program/);
});

test("what keeps the microphone away is said in plain words", async () => {
  const refused = (name) => ({ getUserMedia: () => Promise.reject(Object.assign(new Error("why"), { name })) });
  const words = [
    [undefined, /https/],
    [refused("NotAllowedError"), /was refused/],
    [refused("NotFoundError"), /no microphone/],
    [refused("NotReadableError"), /another program/],
    [refused("AbortError"), /cannot be used: why/],
  ];
  for (const [mediaDevices, expected] of words) {
    Object.defineProperty(globalThis, "navigator", { value: { mediaDevices }, configurable: true });
    await assert.rejects(openMicrophone(), (error) => error instanceof TasnetError && expected.test(error.message));
  }
  let asked = null;
  const mediaDevices = { getUserMedia: (wanted) => Promise.resolve((asked = wanted)) };
  Object.defineProperty(globalThis, "navigator", { value: { mediaDevices }, configurable: true });
  await openMicrophone();
  const { echoCancellation, noiseSuppression, autoGainControl } = asked.audio;
  assert.deepEqual([echoCancellation, noiseSuppression, autoGainControl], [false, false, false]);
});
