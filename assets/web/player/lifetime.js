// How long what a component shows lives: as long as its element is on the page.

const shown = new WeakMap();

/**
 * What shows itself in `root`, made by `make(root)` at the first call, and the clean-up to return to Streamlit.
 *
 * Streamlit calls a component anew for every change of its data or theme. The clean-up of the call before comes first, or
 * late; between the two a busy browser lets seconds pass. So a clean-up ends nothing that is still on the page.
 */
export function livingIn(root, make) {
  if (!shown.has(root)) shown.set(root, make(root));
  const one = shown.get(root);
  const cleanUp = () => {
    setTimeout(() => {
      if (root.isConnected || shown.get(root) !== one) return;
      one.destroy();
      shown.delete(root);
    });
  };
  return [one, cleanUp];
}
