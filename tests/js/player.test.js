// The player's modules that need no page: files, views, gains, time, addresses, spectra.

import assert from "node:assert/strict";
import test from "node:test";

import { Camera } from "../../assets/web/pdf/pdf.js";
import { putInAddress } from "../../assets/web/player/address.js";
import { livingIn } from "../../assets/web/player/lifetime.js";
import { Spectrogram } from "../../assets/web/player/spectrogram.js";
import { stretch } from "../../assets/web/player/stretch.js";
import { contrast, mix, ramp } from "../../assets/web/player/theme.js";
import { Mixer } from "../../assets/web/player/tracks.js";
import { Transport } from "../../assets/web/player/transport.js";
import { decodeWav, encodeWav } from "../../assets/web/player/wav.js";
import { formatTime, Peaks, ticks, View } from "../../assets/web/player/waveform.js";

const sine = (frequency, rate, length) => Float32Array.from({ length }, (_, n) => Math.sin((2 * Math.PI * frequency * n) / rate));
const near = (found, expected, error) => assert.ok(Math.abs(found - expected) <= error, `${found} is not ${expected}`);

test("a WAV file gives back what was put into it", async () => {
  const samples = Float32Array.of(0, 0.5, -0.5, 1, -1);
  const found = decodeWav(await encodeWav(samples, 8000).arrayBuffer());
  assert.equal(found.rate, 8000);
  samples.forEach((value, n) => near(found.samples[n], value, 1 / 32768));
});

test("a WAV file that would clip is scaled down as a whole", async () => {
  const { samples } = decodeWav(await encodeWav(Float32Array.of(1, -4), 8000).arrayBuffer());
  near(samples[1], -1, 1 / 32768);
  near(samples[0], 0.25, 1 / 32768);
});

test("what is not a WAV file is refused", async () => {
  assert.throws(() => decodeWav(new ArrayBuffer(100)), /not a WAV file/);
  assert.throws(() => decodeWav(new ArrayBuffer(3)), /not a WAV file/);
  const whole = await encodeWav(new Float32Array(4), 8000).arrayBuffer();
  assert.throws(() => decodeWav(whole.slice(0, 36)), /no samples/);
});

test("a view stays within its sound and keeps the moment that it zooms on", () => {
  const view = new View(10);
  assert.ok(view.whole);
  view.zoom(4, 6);
  near(view.span, 2.5, 1e-12);
  near(view.time(view.share(6)), 6, 1e-12);
  near(view.share(6), 0.6, 1e-12);
  view.pan(100);
  assert.deepEqual([view.from, view.to], [7.5, 10]);
  view.set(3, 3);
  near(view.span, 0.02, 1e-12);
});

test("peaks are the extremes of any stretch, however long", () => {
  const samples = sine(13, 8000, 5000);
  samples[4321] = 3;
  const peaks = new Peaks(samples);
  assert.equal(peaks.peak, 3);
  assert.deepEqual(peaks.extremes(4300, 4330), [Math.min(...samples.subarray(4300, 4330)), 3]);
  assert.deepEqual(peaks.extremes(0, 5000), [Math.min(...samples), 3]);
});

test("ticks stand on round numbers, and on those of a clock in long sounds", () => {
  const short = ticks(new View(1), 5);
  assert.equal(short.decimals, 1);
  assert.deepEqual(short.times.map((time) => time.toFixed(1)), ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]);
  assert.deepEqual(ticks(new View(600), 5).times.map((time) => time + 0), [0, 120, 240, 360, 480, 600]);
});

test("a time has minutes where the sound lasts one", () => {
  assert.equal(formatTime(12.3456, 30), "12.346");
  assert.equal(formatTime(62.3456, 90), "1:02.346");
  assert.equal(formatTime(59.9996, 90), "1:00.000");
  assert.equal(formatTime(61, 90, 0), "1:01");
});

const TRACKS = [
  { name: "Mixture", gain_db: 0 },
  { name: "One", gain_db: -6, system: "A" },
  { name: "Two", gain_db: 6, system: "A", reference: "Clean" },
  { name: "Clean", gain_db: 0 },
];

test("outside a remix the chosen track is heard alone, at the matched loudness", () => {
  const mixer = new Mixer(TRACKS);
  mixer.choose(1);
  assert.deepEqual(mixer.gains(), [0, 10 ** (-6 / 20), 0, 0]);
  mixer.matching = false;
  assert.deepEqual(mixer.gains(), [0, 1, 0, 0]);
  mixer.toggle(mixer.muted, 1);
  assert.deepEqual(mixer.gains(), [0, 0, 0, 0]);
});

test("a remix mixes one system's voices in their proportions, by the faders", () => {
  const mixer = new Mixer(TRACKS);
  mixer.remix(true);
  assert.deepEqual(mixer.members, [1, 2]);
  mixer.faders[1] = -60; // silence
  mixer.faders[2] = -20;
  const gains = mixer.gains();
  assert.equal(gains[1], 0);
  near(gains[2], 0.1 * 10 ** (-6 / 20), 1e-12);
});

test("a difference takes the clean voice away", () => {
  const mixer = new Mixer(TRACKS);
  mixer.choose(2);
  mixer.toggle(mixer.differences, 2);
  const gains = mixer.gains();
  assert.equal(gains[3], -gains[2]);
  assert.ok(gains[2] > 1);
});

/** A transport whose audio context is a clock that the test sets. */
function playing(position) {
  const transport = new Transport([new Float32Array(8000).fill(1), new Float32Array(8000).fill(2)], 1000, null);
  Object.assign(transport, { context: { currentTime: 0 }, playing: true, source: {} });
  transport.anchor = { time: 0, position };
  return transport;
}

test("the position follows the clock, the speed and the loop", () => {
  const transport = playing(1);
  transport.context.currentTime = 3;
  assert.equal(transport.position(), 4);
  transport.speed = 0.5;
  assert.equal(transport.position(), 2.5);
  transport.speed = 4;
  assert.equal(transport.position(), 8);
  Object.assign(transport, { speed: 1, looping: true, region: [1000, 3000] });
  transport.context.currentTime = 7;
  assert.equal(transport.position(), 2);
  transport.context.outputLatency = 0.5;
  assert.equal(transport.position(true), 1.5);
});

test("at rest a jump stays within the sound, and a mixdown is the sum that is heard", () => {
  const transport = new Transport([new Float32Array(8000).fill(1), new Float32Array(8000).fill(2)], 1000, null);
  transport.seek(100);
  assert.equal(transport.position(), 8);
  transport.seek(-1);
  assert.equal(transport.position(), 0);
  transport.setGains([1, -0.25]);
  assert.deepEqual([...transport.mixdown([0.001, 0.004])], [0.5, 0.5, 0.5]);
  assert.equal(transport.mixdown().length, 8000);
});
/** What browsers have to play sound, written down: sources that have started, and what was scheduled for a gain. */
function silentDevice(t, state) {
  const started = [], ramps = [];
  class Node {
    constructor(_context, options = {}) {
      Object.assign(this, options);
      const note = (kind) => (value, time) => ramps.push({ kind, value, time, node: this });
      this.gain = { cancelScheduledValues() {}, setValueAtTime: note("hold"), linearRampToValueAtTime: note("ramp") };
    }
    connect(next) { return next; }
    disconnect() {}
    start(when, offset) { started.push({ when, offset }); }
    stop() {}
  }
  const names = ["GainNode", "ChannelSplitterNode", "AudioBufferSourceNode", "AudioBuffer", "OfflineAudioContext"];
  for (const name of names) globalThis[name] = class extends Node {};
  globalThis.AudioBuffer = class {
    constructor({ numberOfChannels, length }) {
      this.channels = Array.from({ length: numberOfChannels }, () => new Float32Array(length));
    }
    copyToChannel(samples, i) { this.channels[i].set(samples); }
    getChannelData(i) { return this.channels[i]; }
  };
  t.after(() => names.forEach((name) => delete globalThis[name]));
  let wake;
  const awake = new Promise((resolve) => (wake = resolve));
  const context = { state, currentTime: 0, resume: async () => { await awake; context.state = "running"; }, close() {} };
  return { context, started, ramps, wake };
}

test("two quick clicks on play start one sound, and the first page waits until the device is awake", async (t) => {
  const { context, started, wake } = silentDevice(t, "suspended"); // as browsers open it before the first gesture
  let opened = 0;
  const transport = new Transport([new Float32Array(8000)], 8000, () => { opened += 1; return context; });
  const both = [transport.play(), transport.play()];
  assert.deepEqual(started, []); // else its beginning would be lost
  wake();
  await Promise.all(both);
  assert.deepEqual([opened, started.length, context.state], [1, 1, "running"]);
  await transport.play();
  assert.equal(started.length, 1);
});

test("who pauses before the device is awake hears nothing", async (t) => {
  const { context, started, wake } = silentDevice(t, "suspended");
  const transport = new Transport([new Float32Array(8000)], 8000, () => context);
  const asked = transport.play();
  transport.pause();
  wake();
  await asked;
  assert.deepEqual([started.length, transport.playing], [0, false]);
});

test("a switch, a jump and a stop fade: none of them clicks", async (t) => {
  const { context, ramps } = silentDevice(t, "running");
  const transport = new Transport([new Float32Array(8000), new Float32Array(8000)], 8000, () => context);
  transport.setGains([1, 0]);
  await transport.play();
  const fades = (act) => {
    ramps.length = 0;
    act();
    return ramps.filter(({ kind }) => kind === "ramp").map(({ value, time, node }) => {
      const held = ramps.find((one) => one.kind === "hold" && one.node === node);
      near(time - held.time, 0.005, 1e-9);
      return [held.value, value];
    });
  };
  context.currentTime = 0.1;
  assert.deepEqual(fades(() => transport.setGains([0, 1])), [[1, 0], [0, 1]]);
  context.currentTime = 0.2;
  assert.deepEqual(fades(() => transport.seek(0.5)), [[1, 0], [0, 1]]); // the old place fades out, the new one in
  context.currentTime = 0.3;
  assert.deepEqual(fades(() => transport.pause()), [[1, 0]]);
});

test("a marked stretch repeats without a click: its end leads into what stands before its beginning", async (t) => {
  const { context, started } = silentDevice(t, "running");
  const rising = Float32Array.from({ length: 8000 }, (_, n) => n);
  const transport = new Transport([rising], 8000, () => context);
  transport.setLoop(true, [0.25, 0.5]);
  transport.seek(0.3);
  await transport.play();
  const { node } = transport.source;
  const turn = node.buffer.getChannelData(0);
  assert.deepEqual([node.loop, turn.length, started[0].offset], [true, 2000, 0.05]);
  assert.deepEqual(turn.subarray(0, 1960), rising.subarray(2000, 3960)); // as it is
  assert.equal(turn[1999], 1999); // and on with 2000, the first again
  turn.subarray(1961).forEach((value, n) => near(Math.abs(value - turn[1960 + n]), 49, 1)); // no step on the way
});

test("another speed keeps the pitch and cuts all tracks at the same places", () => {
  const tone = sine(200, 8000, 8000);
  const [slow, twice] = stretch([tone, tone.map((value) => 2 * value)], 8000, 0.5);
  assert.equal(slow.length, 16000);
  let crossings = 0;
  for (let n = 4001; n < 12000; n++) crossings += slow[n - 1] < 0 && slow[n] >= 0;
  near(crossings, 200, 2);
  slow.forEach((value, n) => near(twice[n], 2 * value, 1e-5));
});

test("the address holds what the player shows, beside what others put there", () => {
  globalThis.location = { search: "?model=small&region=1-2" };
  globalThis.history = { state: null, replaceState: (_state, _title, address) => (globalThis.location = { search: address }) };
  assert.deepEqual(putInAddress({ time: 1.23456, region: null, active: "Speaker 1" }), { track: "Speaker 1", t: "1.2346" });
  assert.equal(globalThis.location.search, "?model=small&track=Speaker+1&t=1.2346");
  putInAddress({ time: 0, region: [0.5, 1.25], active: "Mixture" });
  assert.equal(new URLSearchParams(globalThis.location.search).get("region"), "0.5-1.25");
});

test("a full-scale sine reads 0 dB at its frequency and little elsewhere", () => {
  const spectrogram = new Spectrogram(sine(1000, 8000, 8000), 8000, { top: 0, floor: -60 });
  near(spectrogram.level(0.5, 1000), 0, 0.01);
  assert.ok(spectrogram.level(0.5, 3000) < -90);
  assert.equal(spectrogram.spectrum(0.5).length, 129);
});

test("contrast is WCAG's, and a ramp leads from the ground through the colour", () => {
  near(contrast([255, 255, 255], [0, 0, 0]), 21, 1e-9);
  near(contrast([119, 119, 119], [255, 255, 255]), 4.48, 0.01);
  assert.deepEqual(mix([0, 0, 0], [10, 20, 30], 0.5), [5, 10, 15]);
  const steps = ramp([200, 0, 0], { ground: [255, 255, 255], dark: false });
  assert.equal(steps.length, 256);
  assert.deepEqual(steps[0], mix([255, 255, 255], [200, 0, 0], 0.03));
  assert.deepEqual(steps[158], [200, 0, 0]);
});

test("what an element shows outlives a clean-up, and ends once the element is gone", async () => {
  const root = { isConnected: true };
  const ended = [];
  const show = () => livingIn(root, () => ({ destroy: () => ended.push(root) }));
  const later = () => new Promise((resolve) => setTimeout(resolve));
  const [first, cleanUp] = show();
  cleanUp();
  await later();
  const [second, cleanUpAgain] = show();
  assert.equal(second, first);
  root.isConnected = false;
  cleanUpAgain();
  cleanUp(); // the outdated one may come late
  await later();
  assert.deepEqual(ended, [root]);
  assert.notEqual(show()[0], first);
});

test("a camera's SVG goes to the server, and only that; each PDF that comes back is saved once", async (t) => {
  const saved = [], sent = [], listeners = new Map();
  t.mock.method(globalThis, "fetch", async (address) => ({ text: async () => `<svg>${address}</svg>` }));
  globalThis.window = { addEventListener: (name, one) => listeners.set(name, one), removeEventListener: (name) => listeners.delete(name) };
  globalThis.document = {
    body: { append() {} },
    createElement: () => ({ click() { saved.push(`${this.href} ${this.download}`); }, remove() {} }),
  };
  t.after(() => { delete globalThis.window; delete globalThis.document; });
  const camera = new Camera();
  const made = { number: 1, address: "/media/1", name: "a.pdf" };
  camera.update({ made: null }, (picture) => sent.push(picture));
  camera.update({ made }, (picture) => sent.push(picture));
  camera.update({ made }, (picture) => sent.push(picture));
  assert.deepEqual(saved, ["/media/1 a.pdf"]);
  const click = async (matches) => {
    let stopped = false;
    listeners.get("click")({ target: { matches: () => matches, href: "blob:1", download: "a.svg" }, preventDefault: () => (stopped = true) });
    await new Promise((done) => setTimeout(done));
    return stopped;
  };
  assert.equal(await click(false), false);
  assert.equal(await click(true), true);
  assert.deepEqual(sent, [{ name: "a.svg", svg: "<svg>blob:1</svg>" }]);
  camera.destroy();
  assert.equal(listeners.size, 0);
});
