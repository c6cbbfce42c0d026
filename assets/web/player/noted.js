// Stretches that the page points out, such as swapped voices: shaded in the lanes of the tracks and of the whole signal.

/** Bring the shades of `stretches` ([from, to] in s) into their lanes; `place(element, stretch, lane)` puts one there. */
export function showNoted(root, stretches, place) {
  for (const lane of root.querySelectorAll("[data-lane=overview], .tp-track .tp-lane")) {
    const shades = [...lane.querySelectorAll(".tp-noted")];
    shades.slice(stretches.length).forEach((shade) => shade.remove());
    stretches.forEach((stretch, i) => {
      const shade = shades[i] ?? lane.appendChild(document.createElement("i"));
      shade.className = "tp-noted";
      place(shade, stretch, lane);
    });
  }
}
