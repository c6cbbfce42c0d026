"""The synchronised player (assets/web/player/): one transport for all signals of a comparison."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import streamlit as st

from analysis.figures.palette import MIXTURE_COLOUR, speaker_colour
from analysis.sounds.loudness import loudness, matching_gains
from tasnet.audio import wav
from tasnet.errors import UserError

from . import internals, links, result_cache
from .handout import shown

MAX_TRACKS = 32  # channels every browser's AudioBuffer supports: each track is one


class PlayerError(UserError):
    """The tracks cannot be played together."""


@dataclass(frozen=True)
class Track:
    """One signal of a comparison.

    `samples` is float32 (T,) at `rate` Hz. `group` ("mixture", "speaker 1", ...) gives the colour where
    `colour` is empty. `system` names what made the signal: the tracks of one system can be remixed.
    `reference` is the name of the track with the clean signal; the player then offers the difference.
    `parts` is None where the whole signal is there; otherwise it is what has arrived of it.
    """

    name: str
    samples: np.ndarray
    rate: int
    colour: str = ""
    group: str = "mixture"
    description: str = ""
    system: str = ""
    reference: str = ""
    parts: "tuple[TrackPart, ...] | None" = None


@dataclass(frozen=True)
class TrackPart:
    """A part of a track: where it begins, in samples, and the address of its file (`serve_part`)."""

    begin: int
    src: str


@dataclass(frozen=True)
class Tour:
    """A tour of the tracks at one press: `words` invite to it; each stop is a track's name and what to say of it."""

    words: str
    stops: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class PlayerState:
    """What the player last told the page: what a user has done, and where the cursor came to rest (`follow=True`)."""

    time: float = 0.0  # s
    region: tuple[float, float] | None = None  # s
    active: str = ""  # name of the chosen track
    gains: tuple[float, ...] = ()  # factor on every track in what is heard
    heard: tuple[str, ...] = ()  # names of the tracks that a listening test's listener played for long enough
    ratings: tuple[tuple[str, int], ...] = ()  # name and value, 0 to 100, of every fader that was moved


def player(
    tracks: Sequence[Track],
    *,
    key: str,
    spectrograms: bool = True,
    follow: bool = False,
    link: bool = False,
    blind: bool = False,
    loop: bool = False,
    faders: str = "",
    start: PlayerState | None = None,
    tour: Tour | None = None,
    noted: Sequence[tuple[float, float]] = (),
) -> PlayerState:
    """Show a player of `tracks` (one rate; shorter ones end in silence).

    With `follow`, the page reruns with the new state whenever the cursor is placed or comes to rest, or the chosen
    track or the marked stretch changes. With `link`, these are in the URL, and a new set of tracks starts as the URL
    says; where it says nothing, and without `link`, it starts at `start`. `blind` is for listening tests: only names
    and time are shown, levels stay as they are, and equal tracks do not share an address; the page reruns when a track
    was heard. `faders`, in a blind player: every track except the one of this name has a fader from 0 to 100. `loop` is
    for tones: the tracks repeat end to end, so their length is a whole number of periods; no time axis is shown, and if
    one was playing, the next set plays on. Stretches (s) that are `noted` are shaded in every lane. Raises PlayerError
    for no tracks, too many, or tracks of different rates.
    """
    _check(tracks)
    start = start or PlayerState()
    if link:
        start = _linked(max(len(track.samples) for track in tracks) / tracks[0].rate, start)
    media = [_encode(track) if track.parts is None else None for track in tracks]
    if not (blind or loop):
        complete = [track for track in tracks if track.parts is None]
        shown().sounds.update({track.name: (track.description, track.samples, track.rate) for track in complete})
    gains = [0.0] * len(media) if blind else _gains(media)
    rows = [
        {
            "name": track.name,
            "src": _serve(m, f"player.{key}.{index}", blind) if m else "",
            "parts": [{"from": part.begin, "src": part.src} for part in track.parts or ()],
            "colour": track.colour or _colour(track.group),
            "group": track.group,
            "description": track.description,
            "system": track.system,
            "reference": track.reference,
            "gain_db": gain,
        }
        for index, (track, m, gain) in enumerate(zip(tracks, media, gains, strict=True))
    ]
    length = max(len(track.samples) for track in tracks)
    identity = _hash(f"{row['name']}{row['src']}{row['parts']}" for row in rows)
    # The same while more of a set arrives: its first track is there from the beginning.
    base = _hash([rows[0]["src"], length, *(row["name"] for row in rows)])
    before = (st.session_state.get(key) or {}).get("state")
    data = {
        "set": identity,
        "base": base,
        "heard": before.get("heard", []) if before and before["set"] == identity else [],
        "tracks": rows,
        "rate": tracks[0].rate,
        "length": length,
        "spectrograms": spectrograms,
        "blind": blind,
        "loop": loop,
        "faders": faders,
        "ratings": before.get("ratings", {}) if before and before["set"] == identity else {},
        "follow": follow,
        "link": link,
        "tour": tour and {"words": tour.words, "stops": [{"track": t, "words": w} for t, w in tour.stops]},
        "noted": [list(one) for one in noted],
        "time": start.time,
        "region": start.region,
        "active": start.active or tracks[0].name,
    }
    # Its space is reserved before it appears: see `first_paint`.
    parts = f"{'_tour' if tour else ''}{'' if spectrograms else '_plain'}"
    with st.container(key=None if blind or loop else f"signals{len(tracks)}{parts}_{key}"):
        show = internals.web_component("player", "player/player.js", "player/player", framed=True)
        state = show(key=key, data=data, on_state_change=lambda: None).state
    if not state or state["set"] != identity:
        return start
    if link:
        links.put_player(state["link"])
    region = state["region"]
    return PlayerState(
        state["time"],
        tuple(region) if region else None,
        state["active"],
        tuple(state["gains"]),
        tuple(state.get("heard", ())),
        tuple((state.get("ratings") or {}).items()),
    )


@st.fragment
def linked_player(tracks: Sequence[Track], *, key: str, tour: Tour | None = None) -> None:
    """A player whose state is in the URL; putting it there reruns nothing else on the page."""
    player(tracks, key=key, link=True, tour=tour)


def serve_part(samples: np.ndarray, rate: int, begin: int, coordinates: str) -> TrackPart:
    """A part of a signal, from sample `begin` on, for the browser to fetch (`internals.serve`)."""
    name = f"{_digest(samples)}.wav"
    return TrackPart(begin, internals.serve(wav(samples, rate), "audio/wav", f"{coordinates}.{begin}", name))


def _gains(media: "Sequence[_Media | None]") -> list[float]:
    """Gains in dB that make the signals equally loud; one still arriving is assumed to be as loud as the first."""
    here = [one for one in media if one]
    gains = iter(matching_gains([one.loudness for one in here], [one.peak for one in here]))
    found = [next(gains) if one else None for one in media]
    return [found[0] if gain is None else gain for gain in found]


def _hash(parts: Iterable[object]) -> str:
    return hashlib.blake2b("\n".join(map(str, parts)).encode()).hexdigest()


def _linked(duration: float, start: PlayerState = PlayerState()) -> PlayerState:
    """The player's state in the URL, for sounds of `duration` s; what the URL does not say is as in `start`."""
    region = links.stretch("region")
    if region:
        region = (region[0], min(region[1], duration)) if region[0] < duration else None
    track = st.query_params.get("track") or start.active
    if st.query_params.get("t"):
        return PlayerState(min(links.moment("t"), duration), region, track)
    return PlayerState(region[0] if region else start.time, region or start.region, track)


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
    digest: str
    loudness: float  # LUFS
    peak: float


def _digest(samples: np.ndarray) -> str:
    samples = np.ascontiguousarray(samples, dtype=np.float32)
    return hashlib.blake2b(samples.tobytes(), digest_size=16).hexdigest()


def _encode(track: Track) -> _Media:
    """The media of a track: made once, and kept as long as the results it belongs to."""
    digest = _digest(track.samples)
    key = ("media", digest, track.rate)
    return result_cache.find_result(key) or result_cache.keep_result(key, _media(digest, track.samples, track.rate))


def _media(digest: str, samples: np.ndarray, rate: int) -> _Media:
    return _Media(wav(samples, rate), digest, loudness(samples, rate), float(np.max(np.abs(samples), initial=0.0)))


def _serve(media: _Media, coordinates: str, blind: bool) -> str:
    """The address the browser fetches the file from; added on every run, or Streamlit drops the file."""
    # Streamlit derives the address from the name and, for large files, only from parts of them: the name must differ.
    name = f"{coordinates}.{media.digest}.wav" if blind else f"{media.digest}.wav"
    return internals.serve(media.wav, "audio/wav", coordinates, name)
