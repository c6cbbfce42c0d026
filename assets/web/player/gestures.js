// Mouse, touch, wheel and keys of a player.

import { rate } from "./hearing.js";
import { formatTime, timeUnit } from "./waveform.js";

const DRAG = 4; // px a press may move and still be a click
const EDGE = 7; // px around an edge of the marked stretch within which it can be dragged
const OTHER_USES_OF_SPACE =
  "input, textarea, select, button, summary, audio, video, [contenteditable=true], " +
  "[role=button], [role=slider], [role=combobox], [role=listbox], [role=menu], [role=dialog], [role=radio], [role=tab]";
const BLIND_KEYS = [" ", "ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown", "Home", "End", "l", "[", "]", "Escape"];

const TONE_KEYS = /^( |Arrow(Up|Down)|[1-9lemsLEMS])$/;

/** Attach all listeners to `player`; returns the function that removes them. */
export function listen(player) {
  const stop = new AbortController();
  const on = (target, type, handler, options) =>
    target.addEventListener(type, handler, { signal: stop.signal, ...options });
  const { root } = player;

  on(root, "click", (event) => {
    if ("rate" in event.target.dataset && player.transport) {
      return rate(player, event.target.closest("[data-index]"), Number(event.target.value));
    }
    const button = event.target.closest("button[data-do]");
    if (!button) return;
    act(player, button.dataset.do, button.closest("[data-index]"));
    // After a mouse click the keys belong to the player again, not to the button.
    if (event.detail > 0) root.focus({ preventScroll: true });
  });
  on(root, "input", (event) => {
    const row = event.target.closest("[data-index]");
    if (!row || !player.transport) return;
    if ("rate" in event.target.dataset) return rate(player, row, Number(event.target.value));
    player.mixer.faders[row.dataset.index] = Number(event.target.value);
    player.apply();
  });
  on(root, "change", (event) => {
    if (event.target.dataset.do === "speed") player.setSpeed(Number(event.target.value));
  });
  on(root, "keydown", (event) => {
    if (!player.transport || event.ctrlKey || event.metaKey || event.altKey) return;
    const own = event.target.closest("input, select, button");
    if (own && (own.matches("input, select") || " Enter".includes(event.key))) return;
    if (!press(player, event)) return;
    event.preventDefault();
    event.stopPropagation();
  });
  // Space starts the first player wherever the page has no other use for it.
  on(document, "keydown", (event) => {
    if (event.key !== " " || event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest?.(OTHER_USES_OF_SPACE) || !player.transport) return;
    if (document.querySelector(".tasnet-player") !== root) return;
    player.toggle();
    event.preventDefault();
  });
  on(document, "tasnet-player-starts", (event) => event.detail !== player && player.pause());
  listenToLanes(player, on);
  return () => stop.abort();
}

/** Run the action of a button; `row` is the track's row, if the button is in one. */
function act(player, action, row) {
  if (action === "help") return help(player);
  if (action === "more") return more(player);
  if (!player.transport) return;
  const { mixer } = player;
  const index = row ? Number(row.dataset.index) : mixer.active;
  const actions = {
    start: () => player.seek(player.region?.[0] ?? 0),
    play: () => player.toggle(),
    tour: () => player.toggleTour(),
    loop: () => player.toggleLoop(),
    clear: () => player.setRegion(null),
    in: () => player.zoom(2),
    out: () => player.zoom(0.5),
    fit: () => player.zoom(0),
    export: () => player.save(),
    choose: () => player.choose(index),
    match: () => (mixer.matching = !mixer.matching, player.apply()),
    remix: () => mixer.system().length && (mixer.remix(!mixer.remixing), player.apply()),
    solo: () => (mixer.toggle(mixer.soloed, index), player.apply()),
    mute: () => (mixer.toggle(mixer.muted, index), player.apply()),
    difference: () => {
      if (mixer.reference(index) < 0) return;
      mixer.toggle(mixer.differences, index);
      // What was asked for is heard at once.
      const heard = mixer.differences.has(index) && !mixer.remixing;
      if (heard) mixer.choose(index);
      player.apply();
      if (heard) player.start();
    },
  };
  actions[action]?.();
}

/** On a narrow screen the bar is one line; the other buttons unfold below it. */
function more(player) {
  const button = player.find("[data-do=more]");
  button.setAttribute("aria-expanded", button.getAttribute("aria-expanded") === "false");
}

function help(player) {
  const panel = player.find(".tp-help");
  panel.hidden = !panel.hidden;
  player.find("[data-do=help]").setAttribute("aria-expanded", !panel.hidden);
}

/** The action of a key; false where it has none. */
function press(player, { key, shiftKey }) {
  const { transport, mixer } = player;
  if (player.data.blind && !BLIND_KEYS.includes(key)) return false;
  if (player.data.loop && !TONE_KEYS.test(key)) return false;
  const step = shiftKey ? 0.1 : 1;
  const keys = {
    " ": () => player.toggle(),
    ArrowLeft: () => player.seek(transport.position() - step),
    ArrowRight: () => player.seek(transport.position() + step),
    ArrowUp: () => player.choose(mixer.active - 1),
    ArrowDown: () => player.choose(mixer.active + 1),
    Home: () => player.seek(0),
    End: () => player.seek(transport.duration),
    l: () => player.toggleLoop(),
    s: () => act(player, "solo"),
    m: () => act(player, "mute"),
    d: () => act(player, "difference"),
    r: () => act(player, "remix"),
    e: () => player.save(),
    "[": () => player.markHere("from"),
    "]": () => player.markHere("to"),
    Escape: () => player.setRegion(null),
    "+": () => player.zoom(2),
    "=": () => player.zoom(2),
    "-": () => player.zoom(0.5),
    0: () => player.zoom(0),
    z: () => player.region && player.show(...player.region),
    "?": () => help(player),
  };
  const action = /^[1-9]$/.test(key)
    ? () => player.choose(Number(key) - 1)
    : (keys[key] ?? keys[key.toLowerCase()]);
  action?.();
  return Boolean(action);
}

/** Click: jump there and hear that row. Drag: mark a stretch. Two fingers, Ctrl and wheel: zoom. */
function listenToLanes(player, on) {
  const grid = player.find(".tp-grid");
  const fingers = new Map();
  let drag = null;
  let pinch = null;

  const share = (lane, clientX) => {
    const box = lane.getBoundingClientRect();
    return Math.min(Math.max((clientX - box.left) / box.width, 0), 1);
  };
  const isOverview = (lane) => lane.dataset.lane === "overview";
  const timeAt = (lane, clientX) =>
    isOverview(lane)
      ? share(lane, clientX) * player.transport.duration
      : player.view.time(share(lane, clientX));

  /** The far edge of the marked stretch if `clientX` grabs the near one. */
  const heldEdge = (lane, clientX) => {
    if (!player.region || isOverview(lane)) return null;
    const box = lane.getBoundingClientRect();
    const at = player.region.map((t) => box.left + player.view.share(t) * box.width);
    if (Math.abs(at[0] - clientX) < EDGE) return player.region[1];
    if (Math.abs(at[1] - clientX) < EDGE) return player.region[0];
    return null;
  };

  on(grid, "pointerdown", (event) => {
    const lane = event.target.closest(".tp-lane");
    if (!lane || !player.transport || event.button > 0) return;
    player.root.focus({ preventScroll: true });
    event.preventDefault();
    lane.setPointerCapture(event.pointerId);
    fingers.set(event.pointerId, event.clientX);
    if (fingers.size === 2) {
      const [a, b] = fingers.values();
      pinch = { lane, apart: Math.max(Math.abs(a - b), 10), middle: (a + b) / 2 };
      drag = null;
      return;
    }
    const held = heldEdge(lane, event.clientX);
    const from = held ?? timeAt(lane, event.clientX);
    drag = { lane, x: event.clientX, from, moved: held !== null, before: player.region };
    player.dragging = true;
  });

  on(grid, "pointermove", (event) => {
    const lane = event.target.closest(".tp-lane");
    if (lane && player.transport) hover(player, lane, event, timeAt(lane, event.clientX));
    if (lane) lane.classList.toggle("tp-edge", !drag && heldEdge(lane, event.clientX) !== null);
    if (!fingers.has(event.pointerId)) return;
    fingers.set(event.pointerId, event.clientX);
    if (pinch && fingers.size === 2) {
      const [a, b] = fingers.values();
      const apart = Math.max(Math.abs(a - b), 10);
      const middle = (a + b) / 2;
      player.pan(((pinch.middle - middle) / pinch.lane.clientWidth) * player.view.span);
      player.zoom(apart / pinch.apart, timeAt(pinch.lane, middle));
      Object.assign(pinch, { apart, middle });
      return;
    }
    if (!drag) return;
    drag.moved ||= Math.abs(event.clientX - drag.x) > DRAG;
    if (!drag.moved) return;
    const time = timeAt(drag.lane, event.clientX);
    if (isOverview(drag.lane) && !player.view.whole) {
      player.show(time - player.view.span / 2, time + player.view.span / 2);
    } else {
      player.setRegion([Math.min(drag.from, time), Math.max(drag.from, time)], false);
    }
  });

  const lift = (event) => {
    fingers.delete(event.pointerId);
    if (pinch) {
      if (fingers.size === 0) pinch = null;
      return;
    }
    if (!drag || !player.transport) return;
    const { lane, from, moved, before } = drag;
    drag = null;
    player.dragging = false;
    if (event.type === "pointercancel") {
      player.setRegion(before);
    } else if (moved) {
      const region = player.region;
      if (region) player.setRegion(region[1] - region[0] < 0.005 ? null : region);
    } else {
      const row = lane.closest("[data-index]");
      if (row && !player.mixer.remixing) player.choose(Number(row.dataset.index));
      player.seek(from);
    }
  };
  on(grid, "pointerup", lift);
  on(grid, "pointercancel", lift);
  on(grid, "pointerleave", () => (player.find("[data-show=pointer]").textContent = "\u00a0"));

  on(
    grid,
    "wheel",
    (event) => {
      const lane = event.target.closest(".tp-lane");
      if (!lane || !player.transport) return;
      const sideways = event.shiftKey ? event.deltaY || event.deltaX : event.deltaX;
      if (event.ctrlKey || event.metaKey) {
        player.zoom(Math.exp(-event.deltaY / 180), timeAt(lane, event.clientX));
      } else if (sideways && Math.abs(sideways) >= Math.abs(event.shiftKey ? 0 : event.deltaY)) {
        player.pan((sideways / lane.clientWidth) * player.view.span);
      } else {
        return; // the page scrolls
      }
      event.preventDefault();
    },
    { passive: false },
  );
}

/** The values under the pointer. */
function hover(player, lane, event, time) {
  const { duration } = player.transport;
  let text = formatTime(time, duration) + timeUnit(duration);
  if (lane.dataset.lane === "spectrogram") {
    const box = lane.getBoundingClientRect();
    const frequency = (1 - (event.clientY - box.top) / box.height) * (player.data.rate / 2);
    const level = player.shown(player.mixer.active).spectrogram.level(time, frequency);
    text += ` · ${(frequency / 1000).toFixed(2)} kHz · ${level.toFixed(0)} dB`;
  }
  player.find("[data-show=pointer]").textContent = text.replace("-", "−");
}
