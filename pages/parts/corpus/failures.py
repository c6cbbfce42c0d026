"""Where the network fails on a test set: by which threshold, on whose voices, leakage; a block for model cards."""

from typing import Any

import streamlit as st

from analysis.corpus.failures import (
    THRESHOLDS,
    FailureShare,
    Threshold,
    failure_shares,
    failures_by_threshold,
    speaker_scores,
)
from analysis.corpus.intervals import Estimate
from analysis.corpus.results import Results
from analysis.corpus.summary import as_markdown
from analysis.figures.palette import MARKED_COLOUR
from analysis.words.corpus import explain_failures, explain_unaided
from analysis.words.say import share_text, span
from pages.parts.captions import caption
from pages.parts.pictures import data_table, with_decimals
from pages.parts.text import bullets

SHARE: dict[str, Any] = {"format": "percent", "min_value": 0.0, "max_value": 1.0}


def show_failures(results: Results) -> None:
    """The counts by all thresholds; for the chosen one the shares by sex and the speakers."""
    st.markdown("## Where it fails")
    counts = failures_by_threshold(results)
    threshold = _choose_threshold(list(counts) or [THRESHOLDS[0]])
    st.markdown(bullets(explain_failures(results, threshold) + explain_unaided(results)))
    if not counts:
        return
    data_table(
        [{"A voice or a mixture fails": one.title, **_counted(found)} for one, found in counts.items()],
        height="content",
        key="corpus_thresholds",
    )
    caption(
        f"Of {next(iter(counts.values())).count} mixtures. At no or all of them the interval is Clopper and Pearson's."
    )
    title = threshold.title[0].upper() + threshold.title[1:]
    rows = [
        {"Mixtures": one.name, "Count": one.count, "SI-SNRi (dB)": one.gain.mean, **_shares(one, title)}
        for one in failure_shares(results, threshold)
    ]
    gain = {"SI-SNRi (dB)": 2}
    columns = {
        title: st.column_config.ProgressColumn(**SHARE, color=MARKED_COLOUR),
        "With such a voice": st.column_config.ProgressColumn(**SHARE, color=MARKED_COLOUR),
    }
    shown = with_decimals(rows, gain)
    data_table(shown, height="content", column_config=columns, key="corpus_failures")
    speakers = speaker_scores(results, threshold)
    if speakers:
        with st.expander(f"The {len(speakers)} speakers, the hardest first", icon=":material/record_voice_over:"):
            each = [
                {
                    "Speaker": one.speaker,
                    "Sex": one.gender or "unknown",
                    "Mixtures": one.mixtures,
                    "SI-SNRi (dB)": one.gain,
                    title: one.failed,
                }
                for one in speakers
            ]
            data_table(with_decimals(each, gain), column_config=columns)
    with st.expander("As Markdown, for a model's card", icon=":material/content_copy:"):
        st.code(as_markdown(results), language="markdown", wrap_lines=True)


def _choose_threshold(thresholds: list[Threshold]) -> Threshold:
    by_title = {one.title: one for one in thresholds}
    if st.session_state.get("corpus_fails") not in [None, *by_title]:
        st.session_state.corpus_fails = thresholds[0].title  # of results without such a mask
    chosen = st.segmented_control(
        "Fails: SI-SNRi",
        list(by_title),
        default=thresholds[0].title,
        required=True,
        key="corpus_fails",
        bind="query-params",
        help="When a voice, or the mean of a mixture's voices, counts as failed. 0 dB: worse than the mixture itself.",
    )
    return by_title[chosen]


def _counted(found: FailureShare) -> dict[str, object]:
    mixtures, voices = found.failed
    return {
        "Mixtures": mixtures,
        "Share": share_text(found.mixtures.mean),
        "95 % interval": _interval(found.mixtures),
        "With such a voice": voices,
        "Share of these": share_text(found.voices.mean),
        "95 % interval of these": _interval(found.voices),
    }


def _shares(one: FailureShare, title: str) -> dict[str, object]:
    return {
        title: one.mixtures.mean,
        "95 % interval": _interval(one.mixtures),
        "With such a voice": one.voices.mean,
        "95 % interval of these": _interval(one.voices),
    }


def _interval(found: Estimate) -> str:
    return "–" if found.low != found.low else span((100 * found.low, 100 * found.high), 1, " %")
