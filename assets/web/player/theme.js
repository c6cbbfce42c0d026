// Colours: a track's colour on the page's light or dark background, and the ramp of its spectrogram.

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

const CONTRAST = 4.6; // a little above WCAG's 4.5 for text: colours also stand on a tint of themselves

const linear = (value) => (value <= 10.31 ? value / 3294.6 : ((value / 255 + 0.055) / 1.055) ** 2.4);
const luminance = (colour) => [0.2126, 0.7152, 0.0722].reduce((sum, share, i) => sum + share * linear(colour[i]), 0);

/** The contrast of two colours, 1 to 21, as WCAG 2 defines it. */
export function contrast(a, b) {
  const [less, more] = [luminance(a), luminance(b)].sort((x, y) => x - y);
  return (more + 0.05) / (less + 0.05);
}

/** The page's colours as the component inherits them from Streamlit. */
export function readTheme(element) {
  const style = getComputedStyle(element);
  const read = (name, fallback) => parseColour(style.getPropertyValue(name).trim() || fallback);
  const ground = read("--st-background-color", "#fff");
  return {
    ground,
    ink: read("--st-text-color", "#31333f"),
    dark: luminance(ground) < 0.18,
    font: style.fontFamily,
  };
}

/** A track's colour, moved towards the text colour until it is legible on the page's background. */
export function onGround(colour, theme) {
  const own = parseColour(colour);
  for (let share = 0; share < 1; share += 0.04) {
    const shown = mix(own, theme.ink, share);
    if (contrast(shown, theme.ground) >= CONTRAST) return shown;
  }
  return theme.ink;
}

/** 256 steps from the background (quiet) through the track's colour to the opposite lightness (loud). */
export function ramp(colour, theme) {
  const end = mix(colour, theme.dark ? [255, 255, 255] : [0, 0, 0], theme.dark ? 0.93 : 0.82);
  const ground = mix(theme.ground, colour, 0.03);
  return Array.from({ length: 256 }, (_, i) => {
    const level = i / 255;
    return level < 0.62 ? mix(ground, colour, level / 0.62) : mix(colour, end, (level - 0.62) / 0.38);
  });
}
