// A button that copies the page's address, including the choices that the address omits because they are defaults.

export default function mount({ parentElement, data }) {
  const button = parentElement.querySelector(".tasnet-link");
  button.hidden = !Object.keys(data).length;
  const words = button.querySelector("span");
  const copy = async () => {
    const parameters = new URLSearchParams(location.search);
    for (const [name, value] of Object.entries(data)) if (!parameters.has(name)) parameters.set(name, value);
    const link = `${location.origin}${location.pathname}?${parameters}`;
    button.dataset.link = link;
    words.textContent = (await toClipboard(link)) ? "Copied" : "Copy it from the address bar";
    clearTimeout(button.timer);
    button.timer = setTimeout(() => (words.textContent = "Copy link"), 2500);
  };
  button.onclick = copy;
}

/** Browsers give only secure pages access to the clipboard; elsewhere the old way still works. */
async function toClipboard(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const field = Object.assign(document.createElement("textarea"), { value: text, style: "position: fixed; opacity: 0" });
    document.body.append(field);
    field.select();
    const done = document.execCommand("copy");
    field.remove();
    return done;
  }
}
