"""A section of the page Ideal masks: what the phase costs the masks, and what MISI wins back, seen and heard."""

import streamlit as st

from analysis.figures.phase import phase_cost_bars as phase_figure
from analysis.scores import phase
from analysis.scores.comparison import Comparison
from analysis.scores.ideal_masks import MASKS
from analysis.scores.metrics import evaluate
from analysis.scores.systems import ScoredSystem
from analysis.words.ideal_masks import explain_phase
from pages.parts import listening, result_cache
from pages.parts.captions import caption
from pages.parts.handout import say
from pages.parts.pictures import picture
from pages.parts.player import Track, player
from tasnet.mixture import Mixture


@st.cache_data(max_entries=16, show_spinner="Iterating the phases ...")
def _costs(_sound: Mixture, fingerprint: str) -> tuple[phase.PhaseCost, ...]:
    return phase.phase_costs(_sound.mixture, _sound.references, _sound.rate)


@st.fragment
def show_phase_cost(found: Comparison) -> None:
    """The section for the sound of `found`."""
    sound = found.mixture
    st.markdown("##### What the phase costs")
    caption(
        "A mask sets magnitudes and keeps the mixture's phase. MISI (Gunawan and Sen 2010; WA-MISI-5 of Table IV) "
        "looks for phases that fit them and add up to the mixture. Dotted: with the clean voices' own phases."
    )
    with st.container(horizontal=True, vertical_alignment="bottom"):
        mask = st.segmented_control(
            "Mask", MASKS, default="IRM", required=True, key="phase_mask", bind="query-params", help="The one to hear."
        )
        iterations = st.slider("Iterations", 1, phase.ITERATIONS, 5, key="phase_iterations", width=240)
    costs = _costs(sound, result_cache.fingerprint(sound.mixture, sound.references))
    say(explain_phase(costs, iterations), key="phase_cost")
    network = found.network.score("si_snri")
    picture(
        phase_figure(costs, network),
        "SI-SNRi of every ideal mask over the iterations of MISI, and with the clean phase",
        key="phase_cost",
    )
    player(_tracks(sound, mask, iterations), key="phase_cost_player", spectrograms=False)


def _tracks(sound: Mixture, mask: str, iterations: int) -> list[Track]:
    """The mixture, and each voice by `mask` with the three kinds of phase and their scores."""
    magnitudes = phase.masked_magnitudes(mask, sound.mixture, sound.references, sound.rate)
    kept, *_, iterated = phase.misi(magnitudes, sound.mixture, sound.rate, iterations)
    clean = phase.with_phases_of(sound.references, magnitudes, sound.rate)
    rows = []
    for name, voices in {mask: kept, f"{mask}, MISI-{iterations}": iterated, f"{mask}, clean phase": clean}.items():
        scores = evaluate(voices, sound.references, sound.mixture, sound.rate, permute=False, pesq=False)
        rows.append(ScoredSystem(name, voices.astype(sound.mixture.dtype), None, scores))
    return listening.tracks_of(sound, rows)
