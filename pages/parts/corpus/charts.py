"""Charts of a test set: how scores spread, Conv-TasNet against each mask, by input SNR and by sex."""

import numpy as np
import streamlit as st

from analysis.corpus.report import Group, by_gender, by_input_snr, measures, papers_own, per_mixture
from analysis.corpus.results import Results
from analysis.figures import corpus as figures_corpus
from analysis.scores.systems import NETWORK, SYSTEMS
from analysis.words.say import number
from pages.parts.captions import caption
from pages.parts.pictures import picture, save_table
from pages.parts.text import plain

from .listen import point_hint, set_mixture

PRINTED = {"si_snri": "si_snri", "sdri": "sdri", "raw_pesq": "pesq"}  # measure -> the paper's


def choose_measure(results: Results) -> str:
    """The measure that all charts below show."""
    shown = measures(results)
    return st.segmented_control(
        "Measure",
        list(shown),
        default="si_snri",
        format_func=shown.__getitem__,
        required=True,
        key="corpus_measure",
        bind="query-params",
    )


def show_spread(results: Results, measure: str) -> None:
    """A violin for each system, the paper's means marked."""
    printed = {
        system: getattr(row, PRINTED[measure])
        for system, row in papers_own(results.header.speakers).items()
        if measure in PRINTED
    }
    values = {results.name_of(system): per_mixture(results, system, measure) for system in SYSTEMS}
    title, source = measures(results)[measure], f"WSJ0-{results.header.speakers}mix"
    known = {system: scores[~np.isnan(scores)] for system, scores in values.items()}
    medians = ", ".join(f"{system} {number(np.median(own), 2)}" for system, own in known.items() if len(own))
    picture(
        figures_corpus.distributions(values, title, printed, source),
        f"Violins of {title} over the mixtures; medians: {medians or 'none'}.",
        key="corpus_spread",
    )


def show_scatter(results: Results, measure: str, chosen: int | None) -> None:
    """The network over each mask; a click on a point chooses its mixture."""
    system = results.name_of(NETWORK)
    caption(f"A point is a mixture: above the line {plain(system)} is better. {point_hint(results)}")
    names = [row.mixture for row in results.good]
    network = per_mixture(results, NETWORK, measure)
    masks = {system: per_mixture(results, system, measure) for system in SYSTEMS if system != NETWORK}
    title = measures(results)[measure]
    picture(
        figures_corpus.against_masks(network, masks, names, title, chosen, system),
        f"{system}'s {title} over that of each ideal mask, a point for each of {len(names)} mixtures.",
        key="corpus_scatter",
        on_click=lambda point: set_mixture(names[point["customdata"][0]]),
    )
    save_table(
        "Points (CSV)",
        lambda: {"mixture": names, system: network, **masks},
        key=f"corpus_{measure}",
    )


def show_groups(results: Results, measure: str) -> None:
    """Means by the input SNR of a voice, and by the speakers' genders where these are known."""
    title, genders = measures(results)[measure], by_gender(results, measure)
    system = results.name_of(NETWORK)
    left, right = st.columns([3, 2]) if genders else (st.container(), st.container())
    with left:
        st.markdown("## By input SNR")
        caption("Each voice counts by itself: its SI-SNR in the unprocessed mixture.")
        _show_groups(
            by_input_snr(results, measure), title, "SI-SNR of the voice in the mixture (dB)", "corpus_snr", system
        )
    with right:
        if genders:
            st.markdown("## By sex")
            caption("Whether the mixture's speakers are of the same sex.")
            _show_groups(genders, title, "Speakers' sex", "corpus_gender", system)
        else:
            caption(
                "By sex: unknown for these speakers. With LibriSpeech's SPEAKERS.TXT or LibriMix's *_info.csv "
                "beside or above the mixtures, an evaluation notes it."
            )


def _show_groups(groups: list[Group], title: str, axis: str, key: str, system: str) -> None:
    network = [(group.name, group.estimates[NETWORK]) for group in groups]
    means = ", ".join(f"{name} {number(found.mean, 2)}" for name, found in network if found)
    picture(figures_corpus.by_group(groups, title, axis, system), f"Mean {title} of {system}: {means}.", key=key)
