// Pictures as PDF. The camera over a picture gives the browser an SVG file to save: the server gets it instead, and the
// browser saves what the server makes of it.

import { livingIn } from "../player/lifetime.js";

const FROM_CAMERA = 'a[download$=".svg"][href^="blob:"]';

export class Camera {
  constructor() {
    this.saved = 0;
    this.clicked = (event) => this.#take(event);
    window.addEventListener("click", this.clicked, true);
  }

  /** What the page says: `made` is the newest PDF, if any; `send` gives a picture to the server. */
  update({ made }, send) {
    this.send = send;
    if (!made || made.number === this.saved) return;
    this.saved = made.number;
    const link = Object.assign(document.createElement("a"), { href: made.address, download: made.name });
    document.body.append(link);
    link.click();
    link.remove();
  }

  async #take(event) {
    if (!event.target.matches?.(FROM_CAMERA)) return;
    event.preventDefault();
    const name = event.target.download;
    const file = fetch(event.target.href); // begun at once: the address is revoked after the click
    this.send({ name, svg: await (await file).text() });
  }

  destroy() {
    window.removeEventListener("click", this.clicked, true);
  }
}

/** Streamlit's entry point: called first, and whenever the data change; returns the clean-up. */
export default function mount({ parentElement, data, setTriggerValue }) {
  const [camera, cleanUp] = livingIn(parentElement.querySelector(".tasnet-pdf"), () => new Camera());
  camera.update(data, (picture) => setTriggerValue("picture", picture));
  return cleanUp;
}
