// Choosing one of many: a click on a point in a plot chooses it, and a mark in every plot shows where it is.
//
// Streamlit rebuilds a plot whenever its figure changes, which loses the zoom. So the figures stay as they are, the
// marks are drawn on top, and they are placed again when a plot has been zoomed or rebuilt.

import { livingIn } from "../player/lifetime.js";

const SVG = "http://www.w3.org/2000/svg";
const OUTSIDE = 2; // px from a row to the middle of its frame: the row itself stays in sight
const REACH = 9; // px, the radius of the ring around a point

class Marks {
  constructor() {
    this.heard = new Map(); // Plotly's element -> its listeners
    this.watch = new MutationObserver(() => this.later());
    this.watch.observe(document.body, { childList: true, subtree: true });
  }

  update(data, choose) {
    if (this.data && this.data.name !== data.name) this.remove();
    this.data = data;
    this.choose = choose;
    this.place();
  }

  later() {
    this.frame ??= requestAnimationFrame(() => this.place());
  }

  place() {
    this.frame = null;
    for (const mark of this.data.marks) {
      const plot = document.querySelector(`.st-key-${mark.picture} .js-plotly-plot`);
      const flat = plot?._fullLayout?.xaxis?._length;
      if (!flat && !plot?._fullLayout?.scene) continue;
      this.#hear(plot, mark.picture);
      if (flat) draw(this.#layer(plot), plot._fullLayout, mark);  // what turns in space is marked in its figure
    }
    for (const [plot, listener] of this.heard) if (!plot.isConnected) this.#forget(plot, listener);
  }

  #hear(plot, picture) {
    if (this.heard.has(plot)) return;
    const clicked = ({ points: [point] }) => {
      if (!point?.customdata || ![undefined, this.data.model].includes(point.data.meta)) return;
      // The mark under the click moves at once; the others move when the server answers.
      const mark = this.data.marks.find((one) => one.picture === picture);
      if (mark.row != null) mark.row = point.y;
      else if (mark.x != null) Object.assign(mark, { x: point.x, y: point.y });
      this.place();
      this.choose(point.customdata[0]);
    };
    const moved = () => this.place();
    plot.on("plotly_click", clicked);
    for (const event of ["plotly_afterplot", "plotly_relayouting"]) plot.on(event, moved);
    this.heard.set(plot, { clicked, moved });
  }

  #forget(plot, { clicked, moved }) {
    plot.removeListener?.("plotly_click", clicked);
    for (const event of ["plotly_afterplot", "plotly_relayouting"]) plot.removeListener?.(event, moved);
    plot.querySelector(`[data-marks="${this.data.name}"]`)?.remove();
    this.heard.delete(plot);
  }

  #layer(plot) {
    const container = plot.querySelector(".svg-container");
    const known = container.querySelector(`[data-marks="${this.data.name}"]`);
    if (known) return known;
    const layer = document.createElementNS(SVG, "svg");
    layer.setAttribute("class", "tasnet-mark");
    layer.dataset.marks = this.data.name;
    layer.style.color = this.data.colour;
    // Drawn twice, so that it stands out on dark and on bright colours.
    for (const part of ["ground", "line"]) {
      const path = document.createElementNS(SVG, "path");
      path.setAttribute("class", `tasnet-mark-${part}`);
      layer.append(path);
    }
    container.append(layer);
    return layer;
  }

  remove() {
    for (const [plot, listener] of this.heard) this.#forget(plot, listener);
  }

  destroy() {
    cancelAnimationFrame(this.frame);
    this.watch.disconnect();
    this.remove();
  }
}

/** Draw `mark` at its place in a plot with this layout: a frame around a row, or a ring around a point. */
function draw(layer, layout, { row, x, y, axes }) {
  const path = row == null ? ring(layout, x, y, axes) : frame(layout, row);
  for (const part of layer.children) part.setAttribute("d", path);
}

/** Around row `row` of all panels, which share their rows. */
function frame(layout, row) {
  const panels = Object.keys(layout).filter((name) => /^xaxis\d*$/.test(name)).map((name) => layout[name]);
  const left = Math.min(...panels.map((axis) => axis._offset));
  const right = Math.max(...panels.map((axis) => axis._offset + axis._length));
  const { _offset: top, _length: height } = layout.yaxis;
  const [below, above] = [row - 0.5, row + 0.5].map((value) => top + layout.yaxis.l2p(value));
  const middle = (below + above) / 2;
  if (!(middle >= top && middle <= top + height)) return "";
  return `M${left - OUTSIDE},${above - OUTSIDE}H${right + OUTSIDE}V${below + OUTSIDE}H${left - OUTSIDE}Z`;
}

function ring(layout, x, y, [horizontal, vertical] = ["xaxis", "yaxis"]) {
  if (x == null || y == null) return "";
  const place = (axis, value) => {
    const at = axis.l2p(value);
    return at >= 0 && at <= axis._length ? axis._offset + at : NaN;
  };
  const [cx, cy] = [place(layout[horizontal], x), place(layout[vertical], y)];
  if (!(Number.isFinite(cx) && Number.isFinite(cy))) return "";
  return `M${cx - REACH},${cy}a${REACH},${REACH} 0 1,0 ${2 * REACH},0a${REACH},${REACH} 0 1,0 ${-2 * REACH},0`;
}

/** Streamlit's entry point: called first, and whenever the data change; returns the clean-up. */
export default function mount({ parentElement, data, setTriggerValue }) {
  const root = parentElement.querySelector(".tasnet-marks");
  const [marks, cleanUp] = livingIn(root, () => new Marks());
  marks.update(data, (number) => setTriggerValue("chosen", number));
  return cleanUp;
}
