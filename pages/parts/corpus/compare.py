"""Two models on one test set: their difference mixture by mixture, and the mixtures where they differ most, by ear."""

from dataclasses import replace

import numpy as np
import streamlit as st

from analysis.corpus.intervals import cautions
from analysis.corpus.paired import Pair, ahead_on, differences, extremes, furthest, mean_difference, pair
from analysis.corpus.report import digits, per_mixture, who_speaks
from analysis.corpus.results import ResultsError
from analysis.figures.corpus import against_each_other
from analysis.scores.systems import NETWORK
from analysis.words.corpus import explain_pair
from analysis.words.say import share_text, signed
from pages.parts import models
from pages.parts.captions import caption
from pages.parts.pictures import data_table, picture, save_table
from pages.parts.text import bullets, plain

from .files import choose_other, choose_results
from .listen import choose_among, list_mixtures, listen_to_both, point_hint, set_mixture
from .place import located

COUNT = 8


def show_comparison() -> None:
    """Choose two files of results; what they say together."""
    first = choose_results()
    second = choose_other() if first is not None else None
    if first is None or second is None:
        if first is not None:
            st.info(
                "Choose the results of a second model on the same mixtures: what makes a mixture hard is the same for "
                "both, so small differences show.",
                icon=":material/info:",
            )
        return
    try:
        both = pair(first, second)
    except ResultsError as problem:
        st.error(plain(problem), icon=":material/error:")
        return
    first_name, second_name = map(models.with_titles, both.names)
    names = (first_name, second_name)
    shown, (one, other) = both.measures, map(plain, names)
    measure = st.segmented_control(
        "Measure",
        list(shown),
        default=next(iter(shown)),
        format_func=shown.__getitem__,
        required=True,
        key="corpus_pair_measure",
    )
    for caution in cautions(who_speaks(both.first)):
        st.warning(caution, icon=":material/groups:")
    st.markdown(bullets([plain(models.with_titles(sentence)) for sentence in explain_pair(both)]))
    data_table([_row(both, name, title) for name, title in shown.items()], height="content")
    caption(
        f"{one} minus {other} on the {len(both.mixtures)} mixtures that both were measured on. Intervals of 95 % by "
        "the two-way cluster bootstrap over speakers; the naive one takes every mixture for one of other speakers."
    )
    scatter = st.container()
    scores = [per_mixture(results, NETWORK, measure) for results in (both.first, both.second)]
    values = differences(both, measure)
    save_table(
        "Differences (CSV)",
        lambda: {"mixture": both.mixtures, "first": scores[0], "second": scores[1], "difference": values},
        key=f"corpus_pair_{measure}",
    )
    st.markdown("## Where they differ most")
    both = replace(both, first=located(both.first))
    with st.container(horizontal=True):
        for better, positions in zip((one, other), extremes(both, measure, COUNT), strict=True):
            if positions:
                lines = {both.mixtures[k]: signed(values[k], digits(measure)) for k in positions}
                list_mixtures(f"{better} ahead", lines, playable=bool(both.first.header.folder))
    by_name = {both.mixtures[k]: k for k in furthest(both, measure)}
    chosen = by_name.get(choose_among(list(by_name), f"a mixture, from the best to the worst for {names[0]}"))
    with scatter:
        caption(f"A point is a mixture: above the line {one} is better. {point_hint(both.first)}")
        picture(
            against_each_other(scores[0], scores[1], names, both.mixtures, shown[measure], chosen),
            f"{shown[measure]} of {names[0]} over that of {names[1]}, a point for each of "
            f"{len(both.mixtures)} mixtures.",
            key="corpus_pair",
            on_click=lambda point: set_mixture(both.mixtures[point["customdata"][0]]),
        )
    if chosen is not None:
        listen_to_both(both, chosen)


def _row(both: Pair, measure: str, title: str) -> dict[str, object]:
    found, n, values = mean_difference(both, measure), digits(measure), differences(both, measure)
    if found is None:
        return {"Measure": title}
    better, ties, count = ahead_on(values)
    return {
        "Measure": title,
        "Difference": signed(found.mean, n),
        "Interval": "–" if np.isnan(found.low) else f"{signed(found.low, n)} to {signed(found.high, n)}",
        "Naive interval": "–"
        if np.isnan(found.naive_low)
        else f"{signed(found.naive_low, n)} to {signed(found.naive_high, n)}",
        "Better on": share_text(better / count, 0),
        "Level on": share_text(ties / count, 0),
    }
