"""A section of the page Ideal masks: what the phase costs the masks, and what MISI wins back, seen and heard."""

from collections.abc import Callable
from typing import Any

import streamlit as st

from analysis import of_networks
from analysis.figures.phase import phase_cost_bars as phase_figure
from analysis.scores import phase
from analysis.scores.comparison import Comparison
from analysis.scores.ideal_masks import MASKS
from analysis.words.ideal_masks import explain_phase
from pages.parts import listening, result_cache, workspace
from pages.parts.budgeted import still_wanted
from pages.parts.captions import caption
from pages.parts.handout import say
from pages.parts.pictures import picture
from pages.parts.player import player
from tasnet.mixture import Mixture

RUNS = 5  # as much computing as so many separations


def _kept(what: str, sound: Mixture, function: Callable[..., Any], *arguments: Any) -> Any:
    """`function(networks, sound, *arguments)`, computed once, apart."""
    key = ("phase", what, result_cache.fingerprint(sound.mixture, sound.references), *arguments)
    if (found := result_cache.find_result(key)) is None:
        with st.spinner("Iterating the phases ..."):
            compute = workspace.apart(function, [], sound, *arguments, seconds=RUNS * len(sound.mixture) / sound.rate)
            found = result_cache.keep_result(key, compute(lambda *_: still_wanted()))
    return found


@st.fragment
def show_phase_cost(found: Comparison) -> None:
    """The section for the sound of `found`."""
    sound = found.mixture
    st.markdown("## What the phase costs")
    caption(
        "A mask sets magnitudes and keeps the mixture's phase. MISI (Gunawan and Sen 2010; WA-MISI-5 of Table IV) "
        "looks for phases that fit them and add up to the mixture. Dotted: with the clean voices' own phases."
    )
    with st.container(horizontal=True, vertical_alignment="bottom"):
        mask = st.segmented_control(
            "Mask", MASKS, default="IRM", required=True, key="phase_mask", bind="query-params", help="The one to hear."
        )
        iterations = st.slider("Iterations", 1, phase.ITERATIONS, 5, key="phase_iterations", width=240)
    costs = _kept("costs", sound, of_networks.costs_of_phase)
    say(explain_phase(costs, iterations), key="phase_cost")
    picture(
        phase_figure(costs, found.network),
        "SI-SNRi of every ideal mask over the iterations of MISI, and with the clean phase",
        key="phase_cost",
    )
    rows = _kept("rows", sound, of_networks.phase_rows, mask, iterations)
    player(listening.tracks_of(sound, rows), key="phase_cost_player", spectrograms=False)
