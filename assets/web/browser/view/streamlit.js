// The live view as a component of the app.

import { livingIn } from "../../player/lifetime.js";
import { encodeWav } from "../../player/wav.js";
import { load } from "../load.js";
import { Talk } from "./talk.js";

const GONE = "The model could not be loaded: is the server still there? Open the page anew.";
const beside = (name) => new URL(`../${name}`, import.meta.url).href;
const FILES = { engine: () => load(beside("engine.wasm"), GONE), worklet: beside("worklet.js"), worker: beside("worker.js") };

/** Shows the last minute's files to save, and a button that takes the mixture into the app. */
function offer(root, signals, rate, names, take) {
  const place = root.querySelector(".tt-kept");
  const sounds = signals.map((signal) => encodeWav(signal, rate));
  const saves = sounds.map((sound, i) => {
    const name = `${names[i]}.wav`;
    return Object.assign(document.createElement("a"), { href: URL.createObjectURL(sound), download: name, textContent: `Save ${names[i]}` });
  });
  const button = Object.assign(document.createElement("button"), { type: "button", textContent: "Send the mixture to the other pages" });
  button.addEventListener("click", () => {
    const reader = new FileReader();
    reader.onload = () => take(reader.result.split(",")[1]);
    reader.readAsDataURL(sounds[0]);
  });
  place.replaceChildren(button, ...saves);
  place.hidden = false;
}

/** Streamlit's entry point: called first, and whenever data or theme change; returns the clean-up. */
export default function mount({ parentElement, data, setTriggerValue }) {
  const root = parentElement.querySelector(".tasnet-talk");
  const kept = (...minute) => offer(root, ...minute, (wav) => setTriggerValue("taken", wav));
  const [talk, cleanUp] = livingIn(root, () => (root.talk = new Talk(root, FILES, { kept })));
  talk.offer(data.models.map((model) => ({ ...model, title: model.label, weights: () => load(model.file, GONE) })));
  talk.repaint();
  return cleanUp;
}
