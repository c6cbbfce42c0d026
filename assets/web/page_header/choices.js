// On a phone the sidebar (sound, model, upload) is hidden behind an icon that nobody notices: this button opens it.

export default function mount({ parentElement, data }) {
  const button = parentElement.querySelector(".tasnet-choices");
  for (const [name, value] of Object.entries(data)) button.querySelector(`[data-show=${name}]`).textContent = value;
  button.onclick = () => document.querySelector("[data-testid=stExpandSidebarButton]")?.click();
}
