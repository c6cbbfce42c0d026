"""The synchronised player (assets/player/): one transport for all signals of a comparison."""

import hashlib
import io
import re
import wave
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import soundfile
import streamlit as st
from streamlit import runtime

from analysis.figures import MIXTURE_COLOUR, speaker_colour
from analysis.levels import loudness

ASSETS = Path(__file__).parents[2] / "assets" / "player"
MODULES = ("wav", "transport", "waveform", "spectrogram", "theme", "tracks", "gestures", "player")
MAX_TRACKS = 32  # channels every browser's AudioBuffer supports: each track is one
HEADROOM = 0.98  # no signal peaks higher after loudness matching
QUIETEST = -70.0  # LUFS: the absolute gate of BS.1770, below which a signal counts as silent


class PlayerError(ValueError):
    """The tracks cannot be played together."""


@dataclass(frozen=True)
class Track:
    """One signal of a comparison.

    `samples` is float32 (T,) at `rate` Hz. `group` ("mixture", "speaker 1", ...) gives the colour where
    `colour` is empty. `system` names what made the signal: the tracks of one system can be remixed.
    `reference` is the name of the track with the clean signal; the player then offers the difference.
    """

    name: str
    samples: np.ndarray
    rate: int
    colour: str = ""
    group: str = "mixture"
    description: str = ""
    system: str = ""
    reference: str = ""


@dataclass(frozen=True)
class PlayerState:
    """What the player last told the page: it does so when the cursor comes to rest (`follow=True`)."""

    time: float = 0.0  # s
    region: tuple[float, float] | None = None  # s
    active: str = ""  # name of the chosen track
    gains: tuple[float, ...] = ()  # factor on every track in what is heard


def player(
    tracks: Sequence[Track],
    *,
    key: str,
    spectrograms: bool = True,
    follow: bool = False,
    start: PlayerState | None = None,
) -> PlayerState:
    """Show a player of `tracks` (one rate; shorter ones end in silence).

    With `follow`, the page reruns with the new state whenever the cursor comes to rest, the chosen track
    or the marked stretch changes. `start` is where a new set of tracks begins (to restore a link).
    Raises PlayerError for no tracks, too many, or tracks of different rates.
    """
    _check(tracks)
    start = start or PlayerState()
    media = [_encode(_digest(track), track.samples, track.rate) for track in tracks]
    gains = _matching_gains([m.loudness for m in media], [m.peak for m in media])
    rows = [
        {
            "name": track.name,
            "src": _serve(m, f"{key}.{index}"),
            "colour": track.colour or _colour(track.group),
            "group": track.group,
            "description": track.description,
            "system": track.system,
            "reference": track.reference,
            "gain_db": gain,
        }
        for index, (track, m, gain) in enumerate(zip(tracks, media, gains, strict=True))
    ]
    identity = hashlib.blake2b("".join(f"{r['name']}{r['src']}" for r in rows).encode()).hexdigest()
    data = {
        "set": identity,
        "tracks": rows,
        "rate": tracks[0].rate,
        "length": max(len(track.samples) for track in tracks),
        "spectrograms": spectrograms,
        "follow": follow,
        "time": start.time,
        "region": start.region,
        "active": start.active or tracks[0].name,
    }
    told = _component()(key=key, data=data, on_state_change=lambda: None).state
    if not told or told["set"] != identity:
        return start
    region = told["region"]
    return PlayerState(told["time"], tuple(region) if region else None, told["active"], tuple(told["gains"]))


def _check(tracks: Sequence[Track]) -> None:
    if not tracks:
        raise PlayerError("There is nothing to play: the list of signals is empty.")
    if len(tracks) > MAX_TRACKS:
        raise PlayerError(f"The player takes {MAX_TRACKS} signals at most, not {len(tracks)}.")
    if len({track.rate for track in tracks}) > 1:
        raise PlayerError("Signals with different sampling rates cannot play together.")
    if len({track.name for track in tracks}) < len(tracks):
        raise PlayerError("Every signal in the player needs a name of its own.")


def _colour(group: str) -> str:
    """The palette's colour of "speaker 1", "speaker 2", ...; of anything else the mixture's."""
    kind, _, number = group.partition(" ")
    return speaker_colour(int(number) - 1) if kind == "speaker" else MIXTURE_COLOUR


@dataclass(frozen=True)
class _Media:
    wav: bytes
    file_name: str
    loudness: float  # LUFS
    peak: float


def _digest(track: Track) -> str:
    samples = np.ascontiguousarray(track.samples, dtype=np.float32)
    return hashlib.blake2b(samples.tobytes(), digest_size=16).hexdigest()


@st.cache_data(max_entries=128, show_spinner=False)
def _encode(digest: str, _samples: np.ndarray, rate: int) -> _Media:
    peak = float(np.max(np.abs(_samples), initial=0.0))
    # Streamlit fingerprints large media by parts of them only; the name makes the address unique.
    name = f"{digest}.wav"
    return _Media(_wav(_samples, peak, rate), name, loudness(_samples, rate), peak)


def _wav(samples: np.ndarray, peak: float, rate: int) -> bytes:
    """A WAV file of the true samples: 16-bit, or 32-bit float where those would clip."""
    file = io.BytesIO()
    if peak >= 1:
        soundfile.write(file, samples, rate, format="WAV", subtype="FLOAT")
        return file.getvalue()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(rate)
        out.writeframes(np.clip(np.round(samples * 32768), -32768, 32767).astype("<i2").tobytes())
    return file.getvalue()


def _matching_gains(levels: Sequence[float], peaks: Sequence[float]) -> list[float]:
    """Gains (dB) that bring all signals to one loudness, the highest at which none clips."""
    audible = [(level, peak) for level, peak in zip(levels, peaks, strict=True) if level > QUIETEST]
    target = min((lv + 20 * np.log10(HEADROOM / pk) for lv, pk in audible), default=0.0)
    return [float(target - level) if level > QUIETEST else 0.0 for level in levels]


def _serve(media: _Media, coordinates: str) -> str:
    """The address the browser fetches the file from; added on every run, or Streamlit drops the file."""
    url = runtime.get_instance().media_file_mgr.add(
        media.wav, "audio/wav", f"player.{coordinates}", file_name=media.file_name
    )
    base = st.get_option("server.baseUrlPath").strip("/")
    return f"/{base}{url}" if base else url


@cache
def _component():
    return st.components.v2.component(
        "tasnet_player",
        html=(ASSETS / "player.html").read_text(),
        css=(ASSETS / "player.css").read_text(),
        js=bundle(),
        isolate_styles=False,
    )


def bundle() -> str:
    """The player's ES modules as the one module that Streamlit takes: imports and exports dropped."""
    source = "\n".join((ASSETS / f"{name}.js").read_text() for name in MODULES)
    source = re.sub(r"^import .*?;\n", "", source, flags=re.MULTILINE)
    return re.sub(r"^export (?!default)", "", source, flags=re.MULTILINE)
