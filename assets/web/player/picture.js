// The player's picture: waveforms, ruler, spectrogram, cursors, the marked stretch and the tour's words.

import { showNoted } from "./noted.js";
import { cssColour, onGround, ramp } from "./theme.js";
import { drawRuler, drawWaveform, fit, timeUnit, View } from "./waveform.js";

/** Draw every waveform, the ruler and the spectrogram for the present mixer, theme and view. */
export function paint(player) {
  player.dirty = false;
  const { theme, view, mixer, data, transport } = player;
  const full = Math.max(...player.peaks.map((p, i) => p.peak * mixer.level(i)), 1e-6);
  const axis = cssColour(theme.ink, 0.14);
  const wave = (canvas, i, over) => {
    const gain = mixer.level(i) * mixer.fader(i);
    const colour = cssColour(onGround(data.tracks[i].colour, theme));
    drawWaveform(canvas, player.shown(i).peaks, data.rate, over, { gain, full, colour, axis });
  };
  if (!data.blind) {
    player.rows.forEach((row, i) => wave(row.querySelector("canvas"), i, view));
    wave(player.find("[data-lane=overview] canvas"), mixer.active, new View(transport.duration));
  }
  drawRuler(player.find("[data-lane=ruler] canvas"), view, theme);
  paintSpectrogram(player);
  showRegion(player);
}

function paintSpectrogram(player) {
  if (!player.data.spectrograms || player.data.blind || player.data.loop) return;
  const { theme, mixer, data } = player;
  const track = data.tracks[mixer.active];
  const key = `${track.colour}${theme.ground}`;
  player.ramps ??= new Map();
  if (!player.ramps.has(key)) player.ramps.set(key, ramp(onGround(track.colour, theme), theme));
  const { spectrogram } = player.shown(mixer.active);
  spectrogram.ramp = player.ramps.get(key);
  const lane = player.find("[data-lane=spectrogram]");
  const name = player.rows[mixer.active].querySelector(".tp-name span").textContent;
  lane.setAttribute("aria-label", `Spectrogram of ${name}, 0 to ${data.rate / 2000} kHz`);
  if (!spectrogram.draw(lane.querySelector("canvas"), player.view)) player.invalidate();
  player.find("[data-show=active]").textContent = name;
  player.find("[data-show=top]").textContent = `${player.scale.top} dB`.replace("-", "−");
  player.find("[data-show=floor]").textContent = `${player.scale.floor}`.replace("-", "−");
  const legend = fit(player.find(".tp-legend canvas"));
  for (let x = 0; x < legend.width; x++) {
    legend.context.fillStyle = cssColour(spectrogram.colours[Math.floor((256 * x) / legend.width)]);
    legend.context.fillRect(x, 0, 1, legend.height);
  }
  labelFrequencies(player);
}

function labelFrequencies(player) {
  const top = player.data.rate / 2000;
  const step = [0.5, 1, 2, 5, 10].find((value) => top / value <= 5) ?? 20;
  const labels = [];
  for (let f = 0; f <= top + 1e-9; f += step) {
    const label = document.createElement("span");
    label.style.bottom = `${(100 * f) / top}%`;
    label.textContent = f + step > top + 1e-9 ? `${f} kHz` : f;
    labels.push(label);
  }
  player.find(".tp-kilohertz").replaceChildren(...labels);
}

/** Move every cursor to the present time; plots elsewhere on the page may follow. */
export function placeCursors(player) {
  document.dispatchEvent(new CustomEvent("tasnet-player-moves", { detail: player }));
  const time = player.transport.position(true);
  player.find("[data-show=time]").textContent = player.clock(time);
  const slider = player.find("[data-lane=overview]");
  slider.setAttribute("aria-valuemax", player.transport.duration.toFixed(3));
  slider.setAttribute("aria-valuenow", time.toFixed(3));
  slider.setAttribute("aria-valuetext", `${time.toFixed(1)} seconds`);
  for (const cursor of player.root.querySelectorAll(".tp-cursor")) {
    const lane = cursor.parentElement;
    const share = lane === slider ? time / player.transport.duration : player.view.share(time);
    cursor.style.transform = `translateX(${share * lane.clientWidth}px)`;
    cursor.hidden = share < 0 || share > 1;
  }
}

/** Show the marked stretch and, on the overview, what the view shows. */
export function showRegion(player) {
  const { region, view, transport } = player;
  const whole = new View(transport.duration);
  const stretch = (element, [from, to], over) => {
    const [left, right] = [from, to].map((t) => 100 * Math.min(Math.max(over.share(t), 0), 1));
    Object.assign(element.style, { left: `${left}%`, width: `${right - left}%` });
    element.hidden = right <= left;
  };
  for (const element of player.root.querySelectorAll(".tp-region")) {
    const overview = element.parentElement.dataset.lane === "overview";
    if (region) stretch(element, region, overview ? whole : view);
    else element.hidden = true;
  }
  showNoted(player.root, player.data.noted, (shade, noted, lane) =>
    stretch(shade, noted, lane.dataset.lane === "overview" ? whole : view));
  stretch(player.find(".tp-window"), [view.from, view.to], whole);
  player.find(".tp-window").hidden = view.whole;
  player.find("[data-do=loop]").setAttribute("aria-pressed", player.looping);
  player.root.classList.toggle("tp-looping", player.looping);
  const chip = player.find("[data-do=clear]");
  chip.hidden = !region;
  document.dispatchEvent(new CustomEvent("tasnet-player-moves", { detail: player }));
  if (region) player.find("[data-show=region]").textContent = `${player.clock(region[0])}–${player.clock(region[1])}${timeUnit(transport.duration)}`;
}

/** The words of the tour, or of its present stop. */
export function showTour(player) {
  const { tour } = player.data;
  player.find(".tp-tour").hidden = !tour;
  if (!tour) return;
  const stop = player.touring && tour.stops[player.touring.stop];
  const count = stop ? `${player.touring.stop + 1} of ${tour.stops.length} · ` : "";
  const words = stop ? count + stop.words : tour.words;
  if (player.find("[data-show=tour]").textContent !== words) player.find("[data-show=tour]").textContent = words;
  player.find("[data-do=tour]").disabled = player.root.dataset.state !== "ready"; // not all of its stops have arrived
  player.find("[data-do=tour]").textContent = stop ? "■ Stop" : "▶ Hear it in turn";
}
