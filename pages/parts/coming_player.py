"""A player that is there before the voices: the mixture plays at once, the voices come in as they are separated."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import streamlit as st

from analysis.scores.metrics import best_permutation
from analysis.scores.systems import ScoredSystem
from tasnet.mixture import Mixture

from . import internals, listening
from .player import Tour, Track, TrackPart, linked_player, serve_part

COMING, COMPARING = "being separated …", "being scored …"


class ComingPlayer:
    """One place on the page, drawn anew whenever more is there; what plays in it plays on.

    systems: {name: how many voices it gives}, the first one's come in parts (`take`); `tour`: the way through all of
    them, which stands there from the beginning, so that nothing moves, and can be taken once they are there.
    """

    def __init__(self, sound: Mixture, systems: dict[str, int], *, key: str, tour: Tour | None = None) -> None:
        self._sound, self._key, self._tour = sound, key, tour
        self._place, self._drawn = st.empty(), False
        rows = [ScoredSystem(name, np.zeros((count, 0)), None, None) for name, count in systems.items()]
        self._tracks = listening.tracks_of(sound, rows)
        self._first = rows[0].name
        self._order: list[int] | None = None
        self._parts: dict[str, tuple[TrackPart, ...]] = {}
        self._end = 0

    def show_mixture(self, *, coming: bool = True) -> None:
        """Show what is available before any voice; with `coming`, also the rows of the voices to come."""
        waiting = {track.name: replace(track, parts=(), description=COMING) for track in self._tracks if track.system}
        self.show([waiting.get(one.name, one) for one in self._tracks if coming or not one.system])

    def take(self, begin: int, voices: np.ndarray) -> None:
        """More of the first system's voices (C, t), from sample `begin` on."""
        self._end = begin + voices.shape[1]
        if self._order is None:
            self._order = self._order_of(voices)
        for speaker, samples in enumerate(voices[self._order]):
            name = listening.estimate_name(self._first, speaker)
            part = serve_part(samples, self._sound.rate, begin, f"coming.{self._key}.{speaker}")
            self._parts[name] = (*self._parts.get(name, ()), part)
        seconds = int(self._end / self._sound.rate)
        so_far = f"separated up to {seconds // 60}:{seconds % 60:02d} …"
        self.show(
            [
                replace(
                    one, parts=self._parts.get(one.name, ()), description=so_far if one.name in self._parts else COMING
                )
                if one.system
                else one
                for one in self._tracks
            ]
        )

    def show_voices(self, row: ScoredSystem) -> None:
        """The voices of the first system `row`, which are there before they are scored; others' are still to come."""
        here = {track.name: replace(track, description=COMPARING) for track in listening.tracks_of(self._sound, [row])}
        coming = [replace(one, parts=(), description=COMING) if one.system else one for one in self._tracks]
        self.show([here[one.name] if one.system and one.name in here else one for one in coming])

    def show(self, tracks: Sequence[Track]) -> None:
        """`tracks` in this place."""
        tour = self._tour if any(track.system for track in tracks) else None
        if not self._drawn:
            self._drawn = True
            with self._place:
                linked_player(tracks, key=self._key, tour=tour)
            return
        with internals.drawn_anew(), self._place:
            linked_player(tracks, key=self._key, tour=tour)

    def _order_of(self, voices: np.ndarray) -> list[int]:
        """The order in which they will be once they are scored, as far as it can be predicted."""
        references = self._sound.references
        if references is None or len(references) != len(voices):
            return list(range(len(voices)))
        return list(best_permutation(voices, references[:, self._end - voices.shape[1] : self._end]))
