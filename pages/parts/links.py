"""What stands in the URL, so that the page's address restores the view."""

import streamlit as st

PLAYER = ("region", "track", "t")


def put(values: dict[str, str | None]) -> None:
    """Let the URL's parameters be `values`, None meaning absent; others stay.

    Nothing is sent where nothing changes, and all changes at once: the browser takes every new address for a step of
    its history.
    """
    changed = {name: value or [] for name, value in values.items() if (st.query_params.get(name) or None) != value}
    if changed:
        st.query_params.update(changed)


def put_player(state: dict[str, str]) -> None:
    """Let the URL say `state` of the player, on this page and the next: another page about the same sound."""
    st.session_state.linked_player = {name: state.get(name) for name in PLAYER}
    put(st.session_state.linked_player)


def player_state(sound: list[str | None]) -> dict[str, str | None]:
    """What the URL is to say of the player: what it said last, and nothing once there is another `sound`."""
    if "linked_sound" not in st.session_state:
        st.session_state.linked_sound = sound
        st.session_state.linked_player = {name: st.query_params.get(name) for name in PLAYER}
    if st.session_state.linked_sound != sound:
        st.session_state.linked_sound = sound
        st.session_state.linked_player = dict.fromkeys(PLAYER)
    return st.session_state.linked_player


def number(name: str) -> float:
    """The time (s) in the parameter `name`; 0 where there is none or it is no time."""
    return _seconds(st.query_params.get(name, "")) or 0.0


def stretch(name: str) -> tuple[float, float] | None:
    """The stretch of time (s) in the parameter `name`, written 1.2-3.4; None where there is none or it is none."""
    ends = [_seconds(part) for part in st.query_params.get(name, "").split("-")]
    return tuple(ends) if len(ends) == 2 and None not in ends and ends[0] < ends[1] else None


def _seconds(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if 0 <= value < float("inf") else None
