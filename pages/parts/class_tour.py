"""A two-minute tour of the pages for a class: what the network hears, what it makes of it, how close the ideal is."""

from dataclasses import dataclass

import streamlit as st

from .text import plain

STOP = "tour"  # the parameter of the address, and the state: which stop, from 1 on


@dataclass(frozen=True)
class ClassStop:
    """A page and what to do on it."""

    page: str  # its file
    title: str
    words: str


STOPS = (
    ClassStop("pages/separate.py", "The mixture", "Press play: people speak at once, on one microphone."),
    ClassStop("pages/separate.py", "The voices", "Press 2 and 3 while it plays: the same moment, each voice alone."),
    ClassStop(
        "pages/filters.py", "The filters", "The network hears through these short waveforms: click one, hear it."
    ),
    ClassStop(
        "pages/inside.py",
        "The masks",
        "Play and follow the cursor: each filter is let through or shut, voice by voice.",
    ),
    ClassStop(
        "pages/ideal_masks.py", "The ideal", "Masks made of the clean voices, beside the network's: listen to both."
    ),
)


def invite() -> None:
    """A button that begins the tour."""
    if _stop() is None:
        st.button("Two-minute tour", icon=":material/tour:", type="tertiary", key="tour_begin", on_click=_go, args=(1,))


def show_stop() -> None:
    """Where the tour is, if one is being taken: what to do here, and the button that leads on."""
    number = _stop()
    if number is None:
        return
    stop = STOPS[number - 1]
    st.query_params[STOP] = str(number)
    with st.container(border=True, horizontal=True, vertical_alignment="center", key="class_tour"):
        st.markdown(f"**{number} of {len(STOPS)} · {plain(stop.title)}.** {stop.words}", width="stretch")
        with st.container(horizontal=True, width="content", gap="small"):
            if number > 1:
                _way("Back", number - 1)
            if number < len(STOPS):
                _way("Next", number + 1, first=True)
            st.button("End", key="tour_end", on_click=_end)


def _stop() -> int | None:
    asked = st.session_state.get(STOP) or st.query_params.get(STOP)
    numbers = {str(number): number for number in range(1, len(STOPS) + 1)}
    found = numbers.get(str(asked))
    st.session_state[STOP] = found
    return found


def _way(label: str, number: int, *, first: bool = False) -> None:
    if st.button(label, key=f"tour_{label}", type="primary" if first else "secondary", on_click=_go, args=(number,)):
        st.switch_page(STOPS[number - 1].page, query_params={STOP: str(number)})


def _go(number: int) -> None:
    st.session_state[STOP] = number


def _end() -> None:
    st.session_state[STOP] = None
    if STOP in st.query_params:
        del st.query_params[STOP]
