"""What is in the URL, so that the page's address restores the view, and the browser's Back the previous one.

Choices at their defaults are left out: the first view is the bare address, and returning to it adds no step of its own.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from . import internals

PLAYER = ("region", "track", "t")


def choices(
    name: str, options: Sequence[Any], default: Any = None, *, aliases: Mapping[str, str] | None = None
) -> Sequence[Any]:
    """`options` of the widget `name`, which starts at what the URL says, else at `default` (or the first).

    aliases: earlier names of options, which links may still use.
    """
    default = options[0] if default is None else default
    st.session_state.setdefault("link_defaults", {})[name] = default
    if st.session_state.get(name) not in options:
        wanted = {str(option): option for option in options}
        asked = st.query_params.get(name)
        st.session_state[name] = wanted.get((aliases or {}).get(asked, asked), default)
    return options


def follow_address(names: Sequence[str], page: str) -> bool:
    """Forget the choices `names` where Back or Forward changed the address since the last run: `choices` reads it anew.

    It was the browser if the address differs from what was put there, nobody chose anything, and the page is the same:
    a new page's address is bare.
    """
    last = st.session_state.get("link_last")
    address = {name: st.query_params.get(name) for name in (*names, "upload")}
    here = st.session_state.setdefault("link_first_page", page)
    chosen = {name: st.session_state[name] for name in names if name in st.session_state}
    if last is None or last["page"] != page or last["address"] == address or last["chosen"] != chosen:
        return False
    if not any(address.values()) and here != page:
        return False  # the bare address of a page that was reached from another
    for name in chosen:
        del st.session_state[name]
    return True


def put_choices(names: Sequence[str], page: str, others: dict[str, str | None]) -> None:
    """Put the choices `names`, as they are chosen now, and `others` into the URL, in one step."""
    defaults = st.session_state.get("link_defaults", {})
    kept = st.session_state.get("link_complete", {})
    chosen = {name: st.session_state[name] for name in names if name in st.session_state}
    # What a page does not ask for stays in the address, for the next page.
    complete = {
        name: str(chosen[name]) if name in chosen else kept.get(name) or st.query_params.get(name) for name in names
    }
    address = {
        name: value if value != str(defaults.get(name)) or name in st.query_params else None
        for name, value in complete.items()
    }
    # On the same page the player has put its part there itself; Streamlit's front end does not report that to a run.
    if (last := st.session_state.get("link_last")) and last["page"] == page and others.get("t"):
        internals.note_address({name: others[name] for name in PLAYER})
    st.session_state.link_complete = {**complete, "upload": others.get("upload")}
    put(address | others)
    now = {name: st.query_params.get(name) for name in (*names, "upload")}
    st.session_state.link_last = {"page": page, "address": now, "chosen": chosen}


def choose_view(key: str, views: Sequence[str], aliases: Mapping[str, str] | None = None) -> str:
    """One of a page's `views`, the first at the bare address; every change is a step of the browser's history.

    aliases: earlier names of views, which links may still use.
    """
    address, last = st.query_params.get(key), st.session_state.get("view_last", {}).get(key)
    if last is not None and last["address"] != address and st.session_state.get(key) == last["chosen"]:
        st.session_state.pop(key)  # Back or Forward: nobody chose anything, but the address differs
    choices(key, views, aliases=aliases)
    chosen = st.segmented_control("View", views, required=True, key=key, label_visibility="collapsed")
    chosen = chosen if chosen in views else views[0]
    put({key: address if chosen == (address or views[0]) else chosen if chosen != views[0] else None})
    seen = {"address": st.query_params.get(key), "chosen": chosen}
    st.session_state.view_last = st.session_state.get("view_last", {}) | {key: seen}
    return chosen


def complete() -> dict[str, str]:
    """Every choice, including those that the address leaves out: for a link to pass on."""
    return {name: value for name, value in st.session_state.get("link_complete", {}).items() if value}


def put(values: dict[str, str | None]) -> None:
    """Set the URL's parameters to `values`, None meaning absent; others stay.

    Nothing is sent if nothing changes, and all changes are sent at once: for the browser every new address is a step
    in its history.
    """
    changed: dict[str, str | list[str]] = {
        name: value or [] for name, value in values.items() if (st.query_params.get(name) or None) != value
    }
    if changed:
        st.query_params.update(changed)


def put_player(state: dict[str, str]) -> None:
    """Keep `state` of the player, as it stands in the URL, for the next page too: another one about the same sound."""
    st.session_state.linked_player = {name: state.get(name) for name in PLAYER}
    internals.note_address(st.session_state.linked_player)  # where the player itself has put it


def player_state(sound: list[str | None]) -> dict[str, str | None]:
    """The URL's parameters of the player: what it last reported, and nothing once there is another `sound`."""
    if "linked_sound" not in st.session_state:
        st.session_state.linked_sound = sound
        st.session_state.linked_player = {name: st.query_params.get(name) for name in PLAYER}
    if st.session_state.linked_sound != sound:
        st.session_state.linked_sound = sound
        st.session_state.linked_player = dict.fromkeys(PLAYER)
    return st.session_state.linked_player


def moment(name: str) -> float:
    """The time (s) in the parameter `name`; 0 where there is none or it is not a time."""
    return _seconds(st.query_params.get(name, "")) or 0.0


def stretch(name: str) -> tuple[float, float] | None:
    """The stretch of time (s) in the parameter `name`, written 1.2-3.4; None where there is none or it is not one."""
    ends = [_seconds(part) for part in st.query_params.get(name, "").split("-")]
    if len(ends) != 2 or None in ends or ends[0] >= ends[1]:
        return None
    return ends[0], ends[1]


def _seconds(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if 0 <= value < float("inf") else None
