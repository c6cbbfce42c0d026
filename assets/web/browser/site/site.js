// The static site: live, a recording, what the network made of it, its filters, and one moment on its way through.

import { Background, readWeights, resample, TasnetError } from "./browser/tasnet.js";
import { load } from "./browser/load.js";
import { Talk } from "./browser/view/talk.js";
import mountPlayer from "./player/player.js";
import { encodeWav } from "./player/wav.js";
import { Explanation } from "./explanation.js";
import { drawMap, MIXTURE, SPEAKERS } from "./pictures.js";
import { readSound } from "./sound_file.js";

const MODEL = /\.(safetensors|onnx)$/i; // files that are models
const COLUMNS = 700; // of the picture of a sound
const find = (selector) => document.querySelector(selector);
const show = (name) => find(`[data-show=${name}]`);
const modelChoice = () => find("#file [data-do=model]");
const bytesOf = (address) => load(address, `${address} could not be loaded: is there a connection?`);

class Site {
  async open() {
    this.known = await (await fetch("site.json")).json();
    this.models = this.known.models.map((model) => ({ ...model, weights: () => bytesOf(model.file) }));
    this.engine = await bytesOf("browser/engine.wasm");
    this.files = { engine: () => this.engine, worklet: "browser/worklet.js", worker: "browser/worker.js" };
    this.talk = new Talk(find(".tasnet-talk"), this.files, { kept: (...kept) => this.#keep(...kept) });
    find(".tasnet-talk").talk = this.talk;
    this.explanation = new Explanation(find("#how"), () => this.background);
    this.#offer();
    this.#limits();
    modelChoice().addEventListener("change", () => this.#guarded(() => this.#chooseModel()));
    find("[data-do=sound]").addEventListener("change", ({ target }) => this.#bring(target.files[0]));
    find("[data-do=own]").addEventListener("change", ({ target }) => this.#bring(target.files[0]));
    this.#dropping();
    for (const { title, file } of this.known.examples) {
      const button = Object.assign(document.createElement("button"), { type: "button", className: "plain", textContent: title });
      button.addEventListener("click", async () => this.#guarded(async () => this.#separate(await bytesOf(file), `${title}.wav`)));
      find(".examples").append(button);
    }
    await this.#guarded(() => this.#chooseModel());
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
      this.talk.repaint();
      this.playing?.();
      this.#redraw();
    });
    addEventListener("resize", () => this.#redraw());
    document.body.dataset.state = "ready";
  }

  #offer() {
    const select = modelChoice();
    const chosen = select.value;
    select.replaceChildren(...this.models.map(({ name, label }) => new Option(label, name)));
    if (chosen) select.value = chosen;
    this.talk.offer(this.models.filter((model) => model.causal).map((model) => ({ ...model, title: model.label })));
  }

  /** Opens the chosen model in a worker of its own, and draws its filters; the one before stays where that fails. */
  async #chooseModel() {
    const name = modelChoice().value;
    const model = this.models.find((one) => one.name === name);
    const background = new Background(this.files.worker);
    let opened;
    try {
      opened = await background.call("open", { engine: this.engine, weights: await model.weights() });
    } catch (error) {
      background.close();
      if (this.model && modelChoice().value === name) modelChoice().value = this.model.name;
      throw error;
    }
    if (modelChoice().value !== name) return background.close();
    this.background?.close();
    this.background = background;
    this.model = { ...model, ...opened };
    show("model").textContent = model.about;
    this.order = model.order ?? [...opened.frequencies.keys()].sort((a, b) => opened.frequencies[a] - opened.frequencies[b]);
    this.#drawFilters();
    if (this.sound) await this.#run();
    else this.explanation.about(this.model, this.order);
  }

  #dropping() {
    const place = find("[data-drop=sound]");
    for (const kind of ["dragenter", "dragover"]) {
      addEventListener(kind, (event) => {
        event.preventDefault();
        place.dataset.over = "";
      });
    }
    addEventListener("dragleave", (event) => event.relatedTarget || delete place.dataset.over);
    addEventListener("drop", (event) => {
      event.preventDefault();
      delete place.dataset.over;
      this.#bring(event.dataTransfer.files[0]);
    });
  }

  /** The user's own sound or model. */
  #bring(file) {
    if (!file) return;
    return this.#guarded(async () => {
      const bytes = await file.arrayBuffer();
      if (MODEL.test(file.name)) await this.#own(bytes, file.name);
      else await this.#separate(bytes, file.name);
    });
  }

  async #own(bytes, name) {
    const { config } = readWeights(bytes);
    const label = name.replace(MODEL, "");
    const about = `${label}: a model of your own, ${config.C} voices, ${config.causal ? "causal" : "not causal"}, ${config.sample_rate} Hz.`;
    const own = { name: label, label, about, causal: config.causal, cost: config.X * config.R * config.H * (2 * config.B + config.Sc), weights: async () => bytes };
    this.models = [...this.models.filter((model) => model.name !== label), own];
    this.#offer();
    modelChoice().value = label;
    try {
      await this.#chooseModel();
    } catch (error) {
      this.models = this.models.filter((model) => model !== own);
      this.#offer();
      throw error;
    }
    if (config.causal && !this.talk.running) this.talk.choose(label);
  }

  async #guarded(work) {
    const place = show("progress");
    try {
      if (place.classList.contains("problem")) place.textContent = "";
      place.classList.remove("problem");
      await work();
    } catch (error) {
      place.classList.add("problem");
      place.textContent = error instanceof TasnetError ? error.message : `That did not work: ${error.message}.`;
      find("progress").hidden = true;
    }
  }

  async #separate(bytes, name) {
    const sound = await readSound(bytes, name);
    this.sound = { ...sound, name: name.replace(/\.[^.]*$/, "") };
    await this.#run();
  }

  async #run() {
    const { sound, background } = this;
    const [place, bar] = [show("progress"), find("progress")];
    bar.hidden = false;
    bar.value = 0;
    place.textContent = `Separating ${sound.name} …`;
    const { sources, notes, seconds } = await background.call("separate", { samples: sound.samples, rate: sound.rate }, { news: ({ done }) => (bar.value = done) });
    if (this.background !== background || this.sound !== sound) return;
    bar.hidden = true;
    const length = sound.samples.length / sound.rate;
    place.textContent = [`${length.toFixed(1)} s of sound in ${seconds.toFixed(1)} s, ${(length / seconds).toFixed(0)} times as fast as it lasts.`, ...sound.notes, ...notes].join(" ");
    this.#play([sound.samples, ...sources], sound.rate, this.#names(sources.length), sound.name);
    await this.#look();
  }

  #names(C) {
    return ["Mixture", ...(this.model.info.task === "speech from noise" ? ["Speech", "Noise"] : Array.from({ length: C }, (_, i) => `Voice ${i + 1}`))];
  }

  /** Shows signals in the player, each with a WAV file to download. */
  #play(signals, rate, names, title) {
    this.addresses?.forEach((address) => URL.revokeObjectURL(address));
    this.addresses = signals.map((signal) => URL.createObjectURL(encodeWav(signal, rate)));
    const loudness = signals.map((signal) => 10 * Math.log10(signal.reduce((sum, x) => sum + x * x, 0) / signal.length + 1e-12));
    const peaks = signals.map((signal) => signal.reduce((most, x) => Math.max(most, Math.abs(x)), 1e-6));
    const target = Math.min(...loudness.map((own, i) => own - 20 * Math.log10(peaks[i])));
    const tracks = signals.map((_, i) => ({
      name: names[i],
      src: this.addresses[i],
      parts: [],
      colour: i ? SPEAKERS[(i - 1) % 3] : MIXTURE,
      group: i ? `speaker ${i}` : "mixture",
      description: i ? this.model.label : title,
      system: i ? "Conv-TasNet" : "",
      reference: "",
      gain_db: target - loudness[i],
    }));
    const data = {
      set: this.addresses[0], base: this.addresses[0], faders: "", ratings: {}, noted: [], tracks, rate, length: signals[0].length, spectrograms: true, blind: false, loop: false,
      follow: false, link: false, tour: null, time: 0, region: null, active: names[1], heard: [],
    }; // prettier-ignore
    find(".player-place").hidden = false;
    this.playing = () => mountPlayer({ parentElement: find(".player-place"), data, setStateValue: () => {} });
    this.playing();
    const downloads = signals.map((_, i) => {
      return Object.assign(document.createElement("a"), { href: this.addresses[i], download: `${title} ${names[i]}.wav`, textContent: `Download ${names[i]}` });
    });
    show("downloads").replaceChildren(...downloads);
  }

  async #look() {
    const { model, sound, background } = this;
    const own = resample(sound.samples, sound.rate, model.config.sample_rate);
    const looked = await background.call("look", { samples: own.subarray(0, 10 * model.config.sample_rate), columns: COLUMNS });
    if (this.background !== background) return;
    this.looked = looked;
    this.#drawInside();
    await this.explanation.about(model, this.order, own);
  }

  #drawInside() {
    const { pictures, columns, seconds } = this.looked;
    const { N } = this.model.config;
    const names = this.#names(pictures.length - 1);
    const most = Math.sqrt([...pictures[0]].sort((a, b) => a - b)[Math.floor(0.995 * pictures[0].length)]) || 1;
    this.#figures("inside", pictures.length, (canvas, i) => {
      canvas.setAttribute("aria-label", i ? `Mask of ${names[i]}` : "Representation of the mixture");
      const value = (row, column) => pictures[i][column * N + this.order[row]];
      const share = i ? value : (row, column) => Math.sqrt(value(row, column)) / most;
      drawMap(canvas, N, columns, share, { colour: i ? SPEAKERS[(i - 1) % 3] : MIXTURE });
      return i ? `The mask of ${names[i]}: what it takes of every filter, from nothing to all` : `The mixture in ${N} filters, ${(columns * seconds).toFixed(1)} s`;
    });
  }

  #drawFilters() {
    const { config, U, V, spectra } = this.model;
    const { N, L } = config;
    show("N").textContent = N;
    show("L").textContent = `${L} samples (${(1000 * L) / config.sample_rate} ms)`;
    const bins = spectra[0].length / N;
    const words = ["Encoder's waveforms", "their spectra", "Decoder's waveforms", "their spectra"];
    this.#figures("filters", 4, (canvas, i) => {
      canvas.setAttribute("aria-label", `${i < 2 ? "Encoder" : "Decoder"}: ${i % 2 ? "spectra" : "waveforms"}`);
      const values = i % 2 ? spectra[i >> 1] : i ? V : U;
      const wide = i % 2 ? bins : L;
      const most = values.reduce((m, x) => Math.max(m, Math.abs(x)), 0);
      drawMap(canvas, N, wide, (row, column) => Math.sign(values[this.order[row] * wide + column]) * Math.sqrt(Math.abs(values[this.order[row] * wide + column]) / most), { colour: SPEAKERS[1], signed: i % 2 === 0 });
      return words[i];
    });
  }

  /** `count` pictures, created once and drawn by `draw(canvas, i)`, which returns the caption. */
  #figures(name, count, draw) {
    const place = show(name);
    if (place.querySelectorAll("figure").length !== count) {
      place.replaceChildren(...Array.from({ length: count }, () => {
        const figure = document.createElement("figure");
        const canvas = document.createElement("canvas");
        canvas.setAttribute("role", "img");
        figure.append(canvas, document.createElement("figcaption"));
        return figure;
      }));
    }
    place.querySelectorAll("figure").forEach((figure, i) => (figure.querySelector("figcaption").textContent = draw(figure.querySelector("canvas"), i)));
  }

  #redraw() {
    cancelAnimationFrame(this.frame);
    this.frame = requestAnimationFrame(() => {
      if (this.model) this.#drawFilters();
      if (this.looked) this.#drawInside();
      this.explanation.draw();
    });
  }

  /** The last minute of the microphone, as a recording. */
  #keep(signals, rate, names) {
    this.sound = { samples: signals[0], rate, name: "The last minute", notes: [] };
    show("progress").textContent = "The last minute as it was heard live; choose a model to separate it anew.";
    this.#play(signals, rate, names, this.sound.name);
    find("#file").scrollIntoView();
    this.#guarded(() => this.#look());
  }

  #limits() {
    show("limits").replaceChildren(...this.known.limits.map((words) => Object.assign(document.createElement("li"), { textContent: words })));
    show("credits").textContent = this.known.credits;
  }
}

async function keepForLater() {
  if (!("serviceWorker" in navigator)) return;
  await navigator.serviceWorker.register("sw.js");
  await navigator.serviceWorker.ready;
  show("offline").textContent = "Kept in this browser: the page works without a connection now.";
}

window.site = new Site();
window.site.open().then(keepForLater).catch((error) => {
  show("offline").textContent = `The page could not be opened: ${error.message}.`;
});
