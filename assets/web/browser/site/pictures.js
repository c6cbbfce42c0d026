// Pictures of arrays: rows of numbers as colours, and the curves of one frame.

import { cssColour, mix, onGround, ramp, readTheme } from "./player/theme.js";
import { fit } from "./player/waveform.js";

export const SPEAKERS = ["#d62f3c", "#2f6fde", "#2e9e5b"];
export const MIXTURE = "#7d8492";

/** rows x columns of shares, value(row, column), the first row at the bottom; from 0 or, `signed`, from -1 to 1. */
export function drawMap(canvas, rows, columns, value, { colour, signed = false }) {
  const theme = readTheme(canvas);
  const own = onGround(colour, theme);
  const steps = ramp(own, theme);
  const other = onGround(SPEAKERS[0], theme);
  const paint = (share) => {
    if (!signed) return steps[Math.round(255 * Math.min(1, Math.max(0, share)))];
    return mix(theme.ground, share < 0 ? other : own, Math.min(1, Math.abs(share)));
  };
  const image = new ImageData(columns, rows);
  for (let r = 0; r < rows; r++) {
    for (let c = 0; c < columns; c++) image.data.set([...paint(value(r, c)), 255], 4 * ((rows - 1 - r) * columns + c));
  }
  const small = new OffscreenCanvas(columns, rows);
  small.getContext("2d").putImageData(image, 0, 0);
  const { context, width, height } = fit(canvas);
  context.imageSmoothingEnabled = false;
  context.drawImage(small, 0, 0, width, height);
}

/** Curves on one axis from -full to full: [{values, colour}]. */
export function drawCurves(canvas, curves, full) {
  const theme = readTheme(canvas);
  const { context, width, height } = fit(canvas);
  const middle = height / 2;
  context.fillStyle = cssColour(theme.ink, 0.18);
  context.fillRect(0, middle, width, 1);
  for (const { values, colour } of curves) {
    context.strokeStyle = cssColour(onGround(colour, theme));
    context.lineWidth = 2;
    context.beginPath();
    values.forEach((value, i) => context.lineTo((i / (values.length - 1)) * width, middle - (value / full) * (middle - 4)));
    context.stroke();
  }
}

/** Bars from the bottom, 0 to `full`, in stacks: [{values, colour}], each on top of those before it. */
export function drawBars(canvas, stacks, full) {
  const theme = readTheme(canvas);
  const { context, width, height } = fit(canvas);
  const count = stacks[0].values.length;
  const wide = width / count;
  const floor = new Float32Array(count);
  for (const { values, colour } of stacks) {
    context.fillStyle = cssColour(onGround(colour, theme));
    values.forEach((value, i) => {
      const high = Math.min(1, Math.abs(value) / full) * height;
      context.fillRect(i * wide, height - floor[i] - high, Math.max(wide - 0.4, 0.6), high);
      floor[i] += high;
    });
  }
}
