"""Plotly figure of network designs: the paper's rows by size, score and receptive field, and one's own among them."""

import re
from collections.abc import Sequence

import plotly.graph_objects as go

from analysis.network.designs import LaterSystem, PrintedDesign

from .palette import GRID, MARKED_COLOUR, MIXTURE_COLOUR, style

KINDS = {"non-causal": "circle", "causal": "diamond", "Table III": "square"}
LABELLED_RIGHT = ("DPRNN-TasNet", "TIGER (large)")  # which would lie on each other, or beyond the edge
LATER_SYMBOLS = {"WSJ0-2mix": "star", "Libri2Mix": "star-open"}


def size_and_score(
    designs: Sequence[PrintedDesign], size: float, chosen: str | None, later: Sequence[LaterSystem] = ()
) -> go.Figure:
    """SI-SNRi over model size, coloured by receptive field; a point's customdata is (position in `designs`, ...).

    Of the systems that came `later` it is (-1, ...). size: million parameters of the user's design, drawn as a line,
    since nobody knows its score. chosen: the recipe of the row that is to be ringed.
    """
    figure = go.Figure()
    groups: dict[str, list[int]] = {kind: [] for kind in KINDS}
    for position, row in enumerate(designs):
        kind = "Table III" if row.receptive_field is None else "causal" if row.config.causal else "non-causal"
        groups[kind].append(position)
    for kind, positions in groups.items():
        rows = [designs[position] for position in positions]
        figure.add_scatter(
            x=[row.model_size for row in rows],
            y=[row.si_snri for row in rows],
            customdata=[(place, f"{designs[place].table}: {designs[place].title}") for place in positions],
            mode="markers",
            name=kind,
            marker={
                "symbol": KINDS[kind],
                "size": 14 if kind != "Table III" else 11,
                "color": [row.config.receptive_field for row in rows],
                "coloraxis": "coloraxis",
                "line": {"width": 1, "color": MIXTURE_COLOUR},
            },
            unselected={"marker": {"opacity": 1}},
            hovertemplate="%{customdata[1]}<br>%{x} M parameters, %{y} dB SI-SNRi<br>"
            "receptive field %{marker.color:.2f} s<extra></extra>",
            showlegend=False,
        )
        # In the legend in a colour that is seen on every page: those above have one of their own each, and black there.
        marker = {"symbol": KINDS[kind], "size": 12, "color": MIXTURE_COLOUR}
        figure.add_scatter(x=[None], y=[None], mode="markers", name=kind, marker=marker)
    for corpus in dict.fromkeys(system.corpus for system in later):
        systems = [system for system in later if system.corpus == corpus]
        figure.add_scatter(
            x=[system.model_size for system in systems],
            y=[system.si_snri for system in systems],
            customdata=[(-1, f"{system.name} ({system.year}), {corpus}") for system in systems],
            text=[re.split(r",| \(|-TasNet", system.name)[0] for system in systems],
            textposition=[f"middle {'right' if one.name in LABELLED_RIGHT else 'left'}" for one in systems],
            cliponaxis=False,
            mode="markers+text",
            name=f"later, {corpus}",
            marker={"symbol": LATER_SYMBOLS.get(corpus, "star"), "size": 13, "color": MIXTURE_COLOUR},
            unselected={"marker": {"opacity": 1}},
            hovertemplate="%{customdata[1]}<br>%{x} M parameters, %{y} dB SI-SNRi<extra></extra>",
        )
    for row in designs:
        if row.recipe == chosen:
            figure.add_scatter(
                x=[row.model_size],
                y=[row.si_snri],
                mode="markers",
                marker={"symbol": "circle-open", "size": 24, "color": MARKED_COLOUR, "line": {"width": 3}},
                hoverinfo="skip",
                showlegend=False,
            )
    figure.add_vline(x=size, line={"color": MARKED_COLOUR, "width": 2, "dash": "dot"})
    style(figure, 480)
    figure.update_xaxes(
        title_text="Model size (million parameters)",
        type="log",
        tickvals=[digit * 10**power for power in range(-2, 3) for digit in (1, 1.5, 2, 3, 4, 5, 6, 8)],
        gridcolor=GRID,
        zeroline=False,
    )
    figure.update_yaxes(title_text="SI-SNRi (dB)", gridcolor=GRID, zeroline=False)
    figure.update_layout(
        coloraxis={
            "colorscale": "Viridis",
            "cmin": 0,
            "cmax": 4,
            "colorbar": {
                "title": {"text": "Receptive field (s)", "side": "top"},
                "orientation": "h",
                "x": 0,
                "xanchor": "left",
                "y": 1.02,
                "yanchor": "bottom",
                "len": 0.5,
                "thickness": 10,
                "dtick": 1,
                "outlinewidth": 0,
            },
        },
        showlegend=True,
        legend={"orientation": "h", "yanchor": "top", "y": -0.18, "x": 0},
        margin_t=60,
        margin_b=84,
    )
    return figure
