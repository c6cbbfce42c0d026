// The plots of the page follow the player: its cursor and its marked stretch are drawn over them; a click moves the
// cursor and a drag the stretch. During playback only the cursor moves; the page is asked for new plots when the cursor
// leaves the present ones.

import { livingIn } from "../player/lifetime.js";

const DRAG = 4; // px a press may move and still be a click
const FILLED = 0.98; // of a plot: a stretch that fills it needs no mark
const LEAST = 0.005; // s, the shortest stretch
const PATIENCE = 5000; // ms to wait for the page before it is asked again

const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

class View {
  constructor(root) {
    this.root = root;
    this.find = (selector) => root.querySelector(selector);
    this.hint = this.find("[data-show=pointer]").textContent;
    this.marks = new Map(); // key of a picture -> { layer, widths } of its axes of time
    this.asked = { number: 0, at: -PATIENCE, open: false };
    const stop = (this.stop = new AbortController());
    const on = (target, type, handler) => target.addEventListener(type, handler, { signal: stop.signal });
    on(document, "tasnet-player-moves", () => this.draw());
    on(root, "click", (event) => this.#act(event.target.closest("button")?.dataset.do));
    this.#listen(on);
    // The plots come, go and move whenever Streamlit and Plotly have drawn them.
    this.observer = new MutationObserver((changes) => {
      if (changes.some(({ target }) => !target.closest?.(".tasnet-player, .tasnet-view"))) this.#later();
    });
    this.observer.observe(document.querySelector("[data-testid=stMain]") ?? document.body, {
      childList: true,
      subtree: true,
    });
    this.resize = new ResizeObserver(() => this.#later());
  }

  get player() {
    const player = document.querySelector(".tasnet-player")?.player;
    return player?.transport ? player : null;
  }

  update(data, report) {
    this.data = data;
    this.report = report;
    if (data.answered === this.asked.number) this.asked.open = false;
    this.#later();
  }

  destroy() {
    this.stop.abort();
    this.observer.disconnect();
    this.resize.disconnect();
    cancelAnimationFrame(this.frame);
    for (const { layer } of this.marks.values()) layer.remove();
  }

  #act(action) {
    const { player, data } = this;
    if (!player || !action) return;
    const { first, step, count } = data.frames;
    const frame = Math.round((player.transport.position() - first) / step);
    const at = (k) => clamp(first + step * clamp(k, 0, count - 1), 0, player.transport.duration);
    const whole = [0, player.transport.duration];
    const actions = {
      back: () => player.seek(at(frame - 1)),
      on: () => player.seek(at(frame + 1)),
      loudest: () => {
        const { loudest } = data;
        if (player.region && (loudest < player.region[0] || loudest > player.region[1])) player.setRegion(null);
        player.seek(loudest);
      },
      whole: () => player.setRegion(this.#isWhole(player) ? null : whole),
    };
    actions[action]();
  }

  #isWhole({ region, transport }) {
    return Boolean(region) && region[0] < LEAST && region[1] > transport.duration - LEAST;
  }

  // --- mouse and touch ------------------------------------------------------------------------

  /** What of a picture `event` points at: its stretch, its place on the screen, the time there; null if nothing. */
  #under(event) {
    const drag = event.target.closest?.(".nsewdrag");
    if (!drag) return null;
    for (const picture of this.data?.pictures ?? []) {
      const host = document.querySelector(`.st-key-${picture.key}`);
      if (!host?.contains(drag) || !picture.time.includes(drag.dataset.subplot)) continue;
      const [from, to] = picture.stretch;
      const { duration } = this.player?.transport ?? { duration: to };
      const time = (clientX) => {
        const box = drag.getBoundingClientRect(); // again: the page may have scrolled
        return clamp(from + clamp((clientX - box.left) / box.width, 0, 1) * (to - from), 0, duration);
      };
      const box = drag.getBoundingClientRect();
      const filters = picture.filters?.includes(drag.dataset.subplot);
      return { filters, time, down: (event.clientY - box.top) / box.height };
    }
    return null;
  }

  #listen(on) {
    let press = null;
    on(document, "pointerdown", (event) => {
      const { player } = this;
      const under = player && event.button === 0 && event.isPrimary ? this.#under(event) : null;
      if (!under) return;
      press = { player, time: under.time, x: event.clientX, from: under.time(event.clientX), before: player.region };
    });
    on(document, "pointermove", (event) => {
      if (!press) return this.#tell(this.#under(event), event.clientX);
      press.moved ||= Math.abs(event.clientX - press.x) > DRAG;
      if (!press.moved) return;
      press.player.dragging = true;
      const to = press.time(event.clientX);
      press.player.setRegion([Math.min(press.from, to), Math.max(press.from, to)], false);
    });
    const lift = (event) => {
      if (!press) return;
      const { player, from, moved, before } = press;
      press = null;
      player.dragging = false;
      if (event.type === "pointercancel") return moved && player.setRegion(before);
      if (!moved) return player.seek(from);
      const [left, right] = player.region;
      if (right - left < LEAST) return player.setRegion(before);
      player.setRegion(player.region);
      const time = player.transport.position();
      if (time < left || time > right) player.seek(left);
    };
    on(document, "pointerup", lift);
    on(document, "pointercancel", lift);
  }

  /** The values under the pointer. */
  #tell(under, clientX) {
    let text = this.hint;
    if (under) {
      const { first, step, count } = this.data.frames;
      const time = under.time(clientX);
      text = `${time.toFixed(3)} s · frame ${clamp(Math.round((time - first) / step), 0, count - 1)}`;
      const { filters } = this.data;
      if (filters && under.filters) {
        const row = clamp(Math.floor((1 - under.down) * filters.order.length), 0, filters.order.length - 1);
        const peak = filters.peaks[row];
        text += ` · filter ${filters.order[row]}${peak === null ? "" : `, tuned to ${peak} Hz`}`;
      }
    }
    const place = this.find("[data-show=pointer]");
    if (place.textContent !== text) place.textContent = text;
  }

  // --- picture --------------------------------------------------------------------------------

  #later() {
    this.frame ??= requestAnimationFrame(() => {
      this.frame = null;
      for (const picture of this.data.pictures) this.#place(picture);
      this.draw();
    });
  }

  /** Lay a cursor and a marked stretch over every axis of time of a picture, where it is now. */
  #place({ key, time: subplots }) {
    const host = document.querySelector(`.st-key-${key}`);
    const layer = this.marks.get(key)?.layer ?? document.createElement("div");
    if (!host) return this.marks.delete(key);
    if (layer.parentElement !== host) {
      layer.className = "tasnet-marks";
      host.append(layer);
      this.resize.observe(host);
    }
    host.classList.add("tasnet-pictured");
    const place = host.getBoundingClientRect();
    const areas = [...host.querySelectorAll(".nsewdrag")]
      .filter((one) => subplots.includes(one.dataset.subplot))
      .map((one) => one.getBoundingClientRect());
    while (layer.children.length > areas.length) layer.lastChild.remove();
    while (layer.children.length < areas.length) {
      const area = document.createElement("div");
      area.innerHTML = '<i class="tv-region"></i><i class="tv-cursor"></i>';
      layer.append(area);
    }
    areas.forEach((box, i) => {
      Object.assign(layer.children[i].style, {
        left: `${box.left - place.left}px`,
        top: `${box.top - place.top}px`,
        width: `${box.width}px`,
        height: `${box.height}px`,
      });
    });
    this.marks.set(key, { layer, widths: areas.map((box) => box.width) });
  }

  draw() {
    const { player, data } = this;
    if (!player || !data) return;
    const time = player.transport.position(true);
    const { first, step, count } = data.frames;
    const at = clamp(Math.round((time - first) / step), 0, count - 1);
    this.find("[data-show=frame]").textContent = `Frame ${at} · ${(first + step * at).toFixed(3)} s`;
    this.find("[data-do=whole]").setAttribute("aria-pressed", this.#isWhole(player));
    for (const { key, stretch } of data.pictures) {
      const marks = this.marks.get(key);
      if (marks) this.#mark(marks, stretch, time, player.region);
    }
    if (player.transport.playing) this.#ask(time);
  }

  #mark({ layer, widths }, [from, to], time, region) {
    const share = (t) => (t - from) / (to - from);
    const [left, right] = region ? region.map((t) => clamp(share(t), 0, 1)) : [0, 0];
    const marked = right > left && right - left < FILLED;
    widths.forEach((width, i) => {
      const [shade, cursor] = layer.children[i].children;
      cursor.hidden = time < from || time > to;
      cursor.style.transform = `translateX(${share(time) * width}px)`;
      shade.hidden = !marked;
      if (marked) Object.assign(shade.style, { left: `${100 * left}%`, width: `${100 * (right - left)}%` });
    });
  }

  /** Ask for the plots of what the sound has reached. */
  #ask(time) {
    const { asked, data } = this;
    const [from, to] = data.shown;
    const now = performance.now();
    if (!data.turning || data.region || (asked.open && now - asked.at < PATIENCE)) return;
    if (data.wide && time >= from && time < to) return;
    Object.assign(asked, { number: asked.number + 1, at: now, open: true });
    this.report({ number: asked.number, rest: data.rest, time });
  }
}

/** Streamlit's entry point: called first, and whenever data or theme change; returns the clean-up. */
export default function mount({ parentElement, data, setStateValue }) {
  const root = parentElement.querySelector(".tasnet-view");
  const [view, cleanUp] = livingIn(root, () => new View(root));
  view.update(data, (state) => setStateValue("state", state));
  return cleanUp;
}
