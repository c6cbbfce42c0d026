"""Charts and their files: every picture as SVG, PNG or PDF, its numbers as CSV or NPZ."""

import io
from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import streamlit as st
from pandas.io.formats.style import Styler
from streamlit.components.v2.types import ComponentRenderer

from analysis.figures.pdf import pdf_of
from analysis.text import csv_line, in_table, unescaped
from analysis.words.say import number

from .handout import file_stem, note_picture, note_table
from .picture_format import MIME, PDF, PNG, SVG, chosen_format, why_no_pdf


def sentences(said: Sequence[str]) -> str:
    """What `said` puts in Markdown, for readers of an `alt` text."""
    return unescaped(" ".join(said))


def picture(
    figure: go.Figure,
    alt: str,
    *,
    key: str,
    on_click: Callable[[dict[str, Any]], None] | None = None,
    chosen: bool = True,
) -> None:
    """Show `figure`; its camera button saves it under `key` with the names of sound and model.

    `alt` says what it shows to those who cannot see it. Before the page runs again, `on_click` is called with the
    point that was clicked. chosen: whether it shows anything of the sound and the model that the sidebar has chosen.
    """

    def selected() -> None:
        if points := st.session_state[key].selection.points:
            on_click(points[0])

    note_picture(key, alt, figure)
    config = {
        "displaylogo": False,
        "toImageButtonOptions": {
            "format": "png" if chosen_format() == PNG else "svg",  # of which a PDF is made
            "filename": file_stem(key) if chosen else key,
            "scale": 2,
        },
    }
    if on_click is None:
        st.plotly_chart(figure, key=key, config=config, alt=alt)
        return
    st.plotly_chart(figure, key=key, config=config, alt=alt, on_select=selected, selection_mode=("points",))


def data_table(rows: Sequence[Mapping[str, Any]] | Styler, **how: Any) -> Any:
    """Show `rows` {column: value}, as `st.dataframe`, whose button for a CSV takes what stands here as it is."""
    return st.dataframe(rows if isinstance(rows, Styler) else in_table(rows), hide_index=True, **how)


def show_rows(
    title: str,
    rows: Sequence[dict[str, Any]],
    decimals: dict[str, int],
    *,
    key: str,
    on_click: Callable[[int], None] | None = None,
) -> None:
    """Show `rows` as a table, its columns of numbers with so many `decimals`, and keep it for the handout.

    Before the page runs again, `on_click` is called with the number of the row that was clicked.
    """

    def selected() -> None:
        if on_click and (chosen := st.session_state[key].selection.rows):
            on_click(chosen[0])

    show = partial(data_table, with_decimals(rows, decimals), key=key)
    if on_click is None:
        show()
    else:
        show(on_select=selected, selection_mode="single-row")
    note_table(title, rows, decimals)


def with_decimals(rows: Sequence[Mapping[str, Any]], decimals: Mapping[str, int]) -> Styler:
    """`rows` {column: value} as a table whose columns of numbers have so many `decimals`, and a real minus sign.

    What is undefined stays empty.
    """
    known = pd.DataFrame(in_table(rows)).astype(dict.fromkeys(decimals, float))
    return known.style.format({name: partial(number, decimals=n) for name, n in decimals.items()}, na_rep="")


def drawing(svg: str, file: Callable[[], str], name: str, *, key: str) -> None:
    """Show an SVG element that takes the page's text colour; where it is wider than the page it scrolls.

    A button saves what `file` gives, the same for paper, under `name`.
    """
    _drawing()(key=key, data=svg)
    kind = PDF if chosen_format() == PDF and why_no_pdf() is None else SVG
    st.download_button(
        f"Drawing ({kind})",
        lambda: pdf_of(file().encode()) if kind == PDF else file(),
        f"{name}.{kind.lower()}",
        MIME[kind],
        icon=":material/photo_camera:",
        key=f"{key}_file",
        on_click="ignore",
    )


@cache
def _drawing() -> ComponentRenderer:
    return st.components.v2.component(
        "tasnet_drawing",
        html='<div class="tasnet-drawing scrolls" style="overflow-x: auto" tabindex="0" role="region" '
        'aria-label="Drawing"></div>',
        js="export default ({ data, parentElement }) => "
        "{ parentElement.querySelector('.tasnet-drawing').innerHTML = data }",
        isolate_styles=False,
    )


def _csv(columns: Mapping[str, Sequence | np.ndarray]) -> str:
    rows = zip(*(np.asarray(values).tolist() for values in columns.values()), strict=True)
    return "".join(csv_line(row) for row in (columns, *rows))


def _npz(arrays: dict[str, Any]) -> bytes:
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)
    return file.getvalue()


def save_table(label: str, columns: Callable[[], Mapping[str, Sequence | np.ndarray]], *, key: str) -> None:
    """A button that saves columns of one length as CSV; they are made on the click."""
    st.download_button(
        label,
        lambda: _csv(columns()),
        file_name=f"{file_stem(key)}.csv",
        mime="text/csv",
        icon=":material/table:",
        key=f"{key}_csv",
        on_click="ignore",
    )


def save_arrays(label: str, arrays: Callable[[], dict[str, np.ndarray]], *, key: str) -> None:
    """A button that saves named arrays as NPZ; they are made on the click."""
    st.download_button(
        label,
        lambda: _npz(arrays()),
        file_name=f"{file_stem(key)}.npz",
        mime="application/octet-stream",
        icon=":material/deployed_code:",
        key=f"{key}_npz",
        on_click="ignore",
    )
