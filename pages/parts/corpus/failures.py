"""Where the network fails on a test set: shares of mixtures below 0 dB, speakers, leakage; a block for model cards."""

import streamlit as st

from analysis.corpus.failures import explain_failures, failure_shares, speaker_scores
from analysis.corpus.intervals import Estimate
from analysis.corpus.results import Results
from analysis.corpus.summary import as_markdown
from analysis.figures.palette import MARKED_COLOUR

SHARE = {"format": "percent", "min_value": 0.0, "max_value": 1.0}


def show_failures(results: Results) -> None:
    """The shares by sex and the speakers, side by side."""
    st.markdown("##### Where it fails")
    st.caption(explain_failures(results))
    rows = [
        {
            "Mixtures": one.name,
            "Count": one.count,
            "SI-SNRi (dB)": one.gain.mean,
            "Below 0 dB": one.mixtures.mean,
            "Interval": _interval(one.mixtures),
            "A voice below 0 dB": one.voices.mean,
        }
        for one in failure_shares(results)
    ]
    columns = {
        "SI-SNRi (dB)": st.column_config.NumberColumn(format="%.2f"),
        "Below 0 dB": st.column_config.ProgressColumn(**SHARE, color=MARKED_COLOUR),
        "A voice below 0 dB": st.column_config.ProgressColumn(**SHARE, color=MARKED_COLOUR),
    }
    st.dataframe(rows, hide_index=True, height="content", column_config=columns)
    speakers = speaker_scores(results)
    if speakers:
        with st.expander(f"The {len(speakers)} speakers, the hardest first", icon=":material/record_voice_over:"):
            st.dataframe(
                [
                    {
                        "Speaker": one.speaker,
                        "Sex": one.gender or "unknown",
                        "Mixtures": one.mixtures,
                        "SI-SNRi (dB)": one.gain,
                        "Below 0 dB": one.failed,
                    }
                    for one in speakers
                ],
                hide_index=True,
                column_config=columns,
            )
    with st.expander("As Markdown, for a model's card", icon=":material/content_copy:"):
        st.code(as_markdown(results), language="markdown", wrap_lines=True)


def _interval(found: Estimate) -> str:
    return "–" if found.low != found.low else f"{found.low:.1%} to {found.high:.1%}"
