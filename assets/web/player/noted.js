// Stretches that the page points out, such as swapped voices, shaded in the tracks' lanes and the overview.

/** Shade `stretches` ([from, to] in s) in their lanes; `place(element, stretch, lane)` positions one. */
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
