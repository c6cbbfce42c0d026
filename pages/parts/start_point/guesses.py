"""How far the SI-SNR that is guessed without the clean voices can be trusted: its calibration on sounds never heard."""

from collections.abc import Sequence

import streamlit as st

from analysis.conditions.quality_results import by_kind, read_quality
from analysis.figures import quality as figures
from analysis.words.start_point import explain_guesses
from pages.parts.captions import caption
from pages.parts.models import by_title
from pages.parts.pictures import picture, show_rows
from pages.parts.text import plain


def show_guesses(models: Sequence[str]) -> None:
    """The guesses for the first of `models` that they are known for, beside what was measured."""
    rows = read_quality()
    known = [model for model in models if any(row.model == model for row in rows)]
    if not known:
        return
    st.markdown("## Guessed without the clean voices")
    if not st.toggle("Show how far a guess can be trusted", key="start_guesses", bind="query-params"):
        return
    title, model = next(iter(by_title({model: model for model in known}).items()))
    own = [row for row in rows if row.model == model]
    summary = by_kind(own)
    told = explain_guesses(title, summary["all"])
    caption(plain(told))
    picture(figures.guesses(own), f"Measured over guessed SI-SNR. {told}", key="guesses", chosen=False)
    lines = [
        {
            "Sounds": kind,
            "Outputs": of.outputs,
            "Mean error (dB)": of.error,
            "Within the interval (%)": of.held,
            "Its width (dB)": of.width,
        }
        for kind, of in summary.items()
    ]
    decimals = {"Mean error (dB)": 2, "Within the interval (%)": 1, "Its width (dB)": 1}
    show_rows("SI-SNR guessed without the clean voices", lines, decimals, key="guesses_table")
