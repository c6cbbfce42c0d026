"""The colours of every picture and page, and what all figures share.

Speaker 1 is red and speaker 2 blue, as in the paper's Fig. 2; a third is green. A system has one colour on every page.
Backgrounds are transparent, so that a figure sits on a light and on a dark page alike.
"""

from collections.abc import Iterable
from itertools import cycle

import plotly.graph_objects as go
from plotly.colors import sequential

from analysis.scores.systems import ANCHOR, CLEAN, MIXTURE, NETWORK

SPEAKER_COLOURS = ("#d62f3c", "#2f6fde", "#2e9e5b")
# The same speakers as a second and a third model have them, beside the first's.
OTHER_MODELS = (("#e07b1a", "#0f9aa8", "#8f8a1f"), ("#b0489a", "#9a62f0", "#7fc241"))
MIXTURE_COLOUR = "#7d8492"
# None of them is a speaker's colour; Conv-TasNet's stands out.
SYSTEM_COLOURS = {
    NETWORK: "#8a4fd3",
    "LSTM-TasNet": "#d2a5ff",
    "BLSTM-TasNet": "#694b87",
    "DPRNN-TasNet": "#5fd700",
    "Chimera++": "#00d287",
    "Chimera++ with MISI-5": "#00693c",
    "DPCL": "#a5c396",
    "uPIT-BLSTM": "#ff9696",
    "uPIT-BLSTM with MISI-5": "#a50f2d",
    "IBM": "#d07a10",
    "IRM": "#00a3ab",
    "WFM": "#9a6b3f",
    "PSM": "#c2519a",
    CLEAN: "#7f8f1f",
    MIXTURE: MIXTURE_COLOUR,
    ANCHOR: "#0f7fd0",
}
OTHER_COLOURS = ("#8a4fd3", "#d07a10", "#00a3ab", "#c2519a", "#9a6b3f", "#0f9aa8")  # of systems of others
MARKED_COLOUR = "#e0a100"  # a point that the user chose
GRID = "rgba(125,132,146,0.22)"
# Magma with a first colour of its own: Streamlit's theme takes #000004 for a placeholder and repaints it.
LEVEL_SCALE = ["#020108", *sequential.Magma[1:]]
MASK_SCALE = "Viridis"


def speaker_colour(speaker: int) -> str:
    """The colour of speaker 0, 1, ...; colours repeat after the third."""
    return SPEAKER_COLOURS[speaker % len(SPEAKER_COLOURS)]


def system_colour(system: str) -> str:
    """The colour of a system; that of Conv-TasNet for a network that nobody here knows."""
    return SYSTEM_COLOURS.get(system, SYSTEM_COLOURS[NETWORK])


def colour_by_model(speaker: int, model: int) -> str:
    """The colour of speaker 0, 1, ... by the first (0), second or third of several models."""
    colours = (SPEAKER_COLOURS, *OTHER_MODELS)[model % (1 + len(OTHER_MODELS))]
    return colours[speaker % len(colours)]


def paper_marker(size: float = 11) -> dict:
    """How every figure marks a value that the paper prints: an open diamond."""
    return {"symbol": "diamond-open", "size": size, "color": MIXTURE_COLOUR, "line": {"width": 2}}


def system_colours(systems: Iterable[str]) -> dict[str, str]:
    """{system: its colour}; those of others, in their order, get what is left."""
    others = cycle(OTHER_COLOURS)
    return {system: SYSTEM_COLOURS.get(system) or next(others) for system in systems}


def style(figure: go.Figure, height: int) -> go.Figure:
    """What all figures share: margins, transparent ground, no legend unless the caller asks for one."""
    figure.update_layout(
        height=height,
        margin={"l": 56, "r": 16, "t": 28, "b": 44},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        hovermode="closest",
        showlegend=False,
        # By default Plotly takes the transparent background for black and paints the buttons white.
        modebar={"bgcolor": "rgba(0,0,0,0)", "color": "rgba(125,132,146,0.75)", "activecolor": "#7d8492"},
    )
    figure.update_annotations(font_size=13)
    return figure


def titles_below_tools(figure: go.Figure, lines: int = 1) -> go.Figure:
    """A styled figure with room for so many lines of title above its plots, and above them for Plotly's tools."""
    return figure.update_layout(margin_t=40 + 18 * lines)


def legend_below(figure: go.Figure) -> go.Figure:
    """A styled figure with room for a legend below it: above lie Plotly's tools."""
    return figure.update_layout(
        height=figure.layout.height + 40,
        showlegend=True,
        legend={"orientation": "h", "yref": "container", "y": 0.0, "yanchor": "bottom", "x": 0},
        margin_t=max(figure.layout.margin.t, 34),
        margin_b=84,
    )
