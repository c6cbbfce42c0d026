// Colours: a track's colour on the page's light or dark ground, and the ramp of its spectrogram.

/** [r, g, b], 0..255, of any CSS colour. */
export function parseColour(css) {
  const context = parseColour.context ??= new OffscreenCanvas(1, 1).getContext("2d", {
    willReadFrequently: true,
  });
  context.fillStyle = "#000";
  context.fillStyle = css;
  context.fillRect(0, 0, 1, 1);
  return [...context.getImageData(0, 0, 1, 1).data.slice(0, 3)];
}

export const mix = (a, b, share) => a.map((value, i) => Math.round(value + (b[i] - value) * share));

export const cssColour = ([r, g, b], alpha = 1) => `rgb(${r} ${g} ${b} / ${alpha})`;

const luminance = ([r, g, b]) => (0.2126 * r + 0.7152 * g + 0.0722 * b) / 255;

/** The page's colours as the component inherits them from Streamlit. */
export function readTheme(element) {
  const style = getComputedStyle(element);
  const read = (name, fallback) => parseColour(style.getPropertyValue(name).trim() || fallback);
  const ground = read("--st-background-color", "#fff");
  return {
    ground,
    ink: read("--st-text-color", "#31333f"),
    dark: luminance(ground) < 0.5,
    font: style.fontFamily,
  };
}

/** A track's colour, lifted towards the ink on a dark ground so that it keeps its contrast. */
export function onGround(colour, theme) {
  return theme.dark ? mix(parseColour(colour), [255, 255, 255], 0.22) : parseColour(colour);
}

/** 256 steps from the ground (quiet) through the track's colour to the far end of lightness (loud). */
export function ramp(colour, theme) {
  const end = mix(colour, theme.dark ? [255, 255, 255] : [0, 0, 0], theme.dark ? 0.93 : 0.82);
  const ground = mix(theme.ground, colour, 0.03);
  return Array.from({ length: 256 }, (_, i) => {
    const level = i / 255;
    return level < 0.62 ? mix(ground, colour, level / 0.62) : mix(colour, end, (level - 0.62) / 0.38);
  });
}
