"""The colours of every picture and page, and what all figures share.

Speaker 1 is red and speaker 2 blue, as in the paper's Fig. 2; a third is green. Backgrounds are transparent, so
that a figure sits on a light and on a dark page alike.
"""

import plotly.graph_objects as go
from plotly.colors import sequential

SPEAKER_COLOURS = ("#d62f3c", "#2f6fde", "#2e9e5b")
MIXTURE_COLOUR = "#7d8492"
# Magma with a first colour of its own: Streamlit's theme takes #000004 for a placeholder and repaints it.
LEVEL_SCALE = ["#020108", *sequential.Magma[1:]]
MASK_SCALE = "Viridis"


def speaker_colour(speaker: int) -> str:
    """The colour of speaker 0, 1, ...; colours repeat after the third."""
    return SPEAKER_COLOURS[speaker % len(SPEAKER_COLOURS)]


def style(figure: go.Figure, height: int) -> go.Figure:
    """What all figures share: margins, transparent ground, no legend unless the caller asks for one."""
    figure.update_layout(
        height=height,
        margin={"l": 56, "r": 16, "t": 28, "b": 44},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        hovermode="closest",
        showlegend=False,
        modebar={"bgcolor": "rgba(0,0,0,0)"},
    )
    figure.update_annotations(font_size=13)
    return figure
