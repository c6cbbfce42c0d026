// On a phone the sidebar, with sound, model and upload, hides behind a sign that nobody looks for: this opens it.

export default function mount({ parentElement, data }) {
  const button = parentElement.querySelector(".tasnet-choices");
  for (const [name, value] of Object.entries(data)) button.querySelector(`[data-show=${name}]`).textContent = value;
  button.onclick = () => document.querySelector("[data-testid=stExpandSidebarButton]")?.click();
}
