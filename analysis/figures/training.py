"""Plotly figures of training runs: take the records of their logs, return a `go.Figure`."""

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from analysis.corpus.shipped import Training
from analysis.text import in_plot

from .palette import GRID, legend_below, style

RUN_COLOURS = ("#8a4fd3", "#1a9aa0", "#e08a1e", "#7d8492", "#b3578f", "#5c9e31")
AXES = {"hours": "Hours of training", "step": "Steps", "epoch": "Epochs"}


def training_curves(runs: dict[str, list[dict]], axis: str) -> go.Figure:
    """SI-SNRi on the validation set, loss and learning rate of runs (name -> records of `read_log`).

    axis: a key of `AXES`.
    """
    figure = make_subplots(
        rows=3,
        shared_xaxes=True,
        vertical_spacing=0.06,
        row_heights=[0.42, 0.36, 0.22],
        subplot_titles=["Validation: SI-SNRi", "Training: loss (negative SI-SNR)", "Learning rate"],
    )
    for number, (name, records) in enumerate((in_plot(name), records) for name, records in runs.items()):
        colour = RUN_COLOURS[number % len(RUN_COLOURS)]
        epochs = [record for record in records if record["event"] == "epoch"]
        steps = [record for record in records if record["event"] == "train"]
        x_epochs, x_steps = _axis(epochs, epochs, axis), _axis(steps, epochs, axis)
        hover = f"{name}<br>%{{y:.4g}}<extra></extra>"
        line = {"color": colour, "width": 2}
        group = {"legendgroup": name, "hovertemplate": hover}
        figure.add_trace(
            go.Scatter(
                x=x_epochs,
                y=[record["valid_si_snri"] for record in epochs],
                mode="lines+markers",
                name=name,
                line=line,
                marker={"size": 6},
                **group,
            ),
            row=1,
            col=1,
        )
        losses = {"x": x_steps, "y": [record["loss"] for record in steps], "showlegend": False}
        figure.add_trace(
            go.Scatter(**losses, mode="lines", line={"color": colour, "width": 1}, opacity=0.4, **group), row=2, col=1
        )
        losses = {"x": x_epochs, "y": [record["loss"] for record in epochs], "showlegend": False}
        figure.add_trace(go.Scatter(**losses, mode="lines", line=line, **group), row=2, col=1)
        rates = {"x": x_steps, "y": [record["learning_rate"] for record in steps], "showlegend": False}
        figure.add_trace(go.Scatter(**rates, mode="lines", line=line, **group), row=3, col=1)
    figure.update_yaxes(title_text="dB", gridcolor=GRID, zeroline=False, row=1)
    figure.update_yaxes(title_text="dB", gridcolor=GRID, zeroline=False, row=2)
    figure.update_yaxes(rangemode="tozero", gridcolor=GRID, exponentformat="power", row=3)
    figure.update_xaxes(gridcolor=GRID, zeroline=False)
    figure.update_xaxes(title_text=AXES[axis], row=3)
    return legend_below(style(figure, 760))


def validation_curves(runs: Mapping[str, Training]) -> go.Figure:
    """SI-SNRi on the validation set over the hours of mixtures that each run (name -> what is on record) has heard."""
    figure = go.Figure()
    for number, (name, run) in enumerate((in_plot(name), run) for name, run in runs.items()):
        colour = RUN_COLOURS[number % len(RUN_COLOURS)]
        figure.add_trace(
            go.Scatter(
                x=[point.hours for point in run.points],
                y=[point.si_snri for point in run.points],
                customdata=[[in_plot(point.what)] for point in run.points],
                mode="lines+markers",
                name=name,
                line={"color": colour, "width": 2},
                marker={"size": 8},
                cliponaxis=False,
                hovertemplate=f"{name}<br>%{{y:.2f}} dB after %{{x:g}} h<br>%{{customdata[0]}}<extra></extra>",
            )
        )
    figure.update_xaxes(title_text="Hours of mixtures heard in the run", gridcolor=GRID, rangemode="tozero")
    figure.update_yaxes(title_text="Validation: SI-SNRi (dB)", gridcolor=GRID, zeroline=False, rangemode="tozero")
    return legend_below(style(figure, 340))


def _axis(records: Sequence[dict], epochs: Sequence[dict], axis: str) -> list[float]:
    """Where records stand on the axis; a step counts as a share of the epochs that were logged."""
    if axis == "hours":
        return [record["seconds"] / 3600 for record in records]
    if axis == "step" or not epochs:
        return [record["step"] for record in records]
    ends, numbers = [0, *(e["step"] for e in epochs)], [0, *(e["epoch"] for e in epochs)]
    per_epoch = ends[1] / max(1, numbers[1])
    return [float(np.interp(r["step"], ends, numbers)) + max(0, r["step"] - ends[-1]) / per_epoch for r in records]
