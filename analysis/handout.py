"""A page for a class: what is on screen as one HTML file, with the sound inside and a style sheet for printing."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import plotly.graph_objects as go
import soundfile

from analysis.text import unescaped

WIDTH = 640  # pixels of a figure: what fits between the margins of A4 and Letter
STYLE = """
:root { color-scheme: light; }
body { font: 16px/1.5 system-ui, sans-serif; color: #1c2130; background: #fff; max-width: 720px; margin: 2rem auto; }
body { padding: 0 1rem; }
h1 { font-size: 1.6rem; margin-bottom: .2rem; } h2 { font-size: 1.1rem; margin: 1.6rem 0 .4rem; }
p, li { margin: .25rem 0; } .facts, footer { color: #4a5266; font-size: .85rem; }
figure { margin: 1rem 0; } figcaption { font-size: .8rem; color: #4a5266; }
table { border-collapse: collapse; font-size: .8rem; font-variant-numeric: tabular-nums; }
th, td { padding: .25rem .5rem; border-bottom: 1px solid #d5d9e2; text-align: right; } tbody th { text-align: left; }
.scrolls { overflow-x: auto; } .sound { display: flex; align-items: center; gap: .8rem; margin: .3rem 0; }
.sound span { flex: 1; } audio { width: 320px; height: 34px; }
@page { margin: 16mm; }
@media print {
  body { margin: 0; padding: 0; max-width: none; font-size: 10.5pt; }
  audio { display: none; } figure, table, .sound, li { break-inside: avoid; } h2 { break-after: avoid; }
  a { color: inherit; text-decoration: none; } .scrolls { overflow: visible; }
  .scrolls table { width: 100%; }
  .scrolls th, .scrolls td { font-size: 6.5pt !important; padding: 1pt 2pt !important; white-space: normal !important; }
}
"""


@dataclass
class Handout:
    """What a page shows in words, pictures, tables and sounds, each part under its own key.

    pictures: {key: (what it shows, figure)}; tables: {title: HTML of a table}; sounds: {name: (what it is, samples
    (T,), rate)}.
    """

    title: str
    question: str
    said: dict[str, Sequence[str]] = field(default_factory=dict)
    pictures: dict[str, tuple[str, go.Figure]] = field(default_factory=dict)
    tables: dict[str, str] = field(default_factory=dict)
    sounds: dict[str, tuple[str, np.ndarray, int]] = field(default_factory=dict)


def handout_page(shown: Handout, facts: Mapping[str, str], credits: Sequence[str], link: str = "") -> str:
    """One HTML page that needs nothing else, neither files nor network; pictures are SVG, drawn as it is opened.

    facts: of model, sound and settings; credits: whole sentences, licences among them; link: to the view.
    """
    parts = [f"<h1>{_text(shown.title)}</h1>", f"<p>{_text(shown.question)}</p>"]
    parts.append("".join(f'<p class="facts"><b>{_text(name)}:</b> {_text(value)}</p>' for name, value in facts.items()))
    if shown.sounds:
        parts += ["<h2>Hear it</h2>", *_sounds(shown.sounds)]
    said = [unescaped(sentence) for sentences in shown.said.values() for sentence in sentences]
    if said:
        parts += [
            "<h2>What it shows</h2>",
            "<ul>",
            *(f"<li>{_text(sentence)}</li>" for sentence in said),
            "</ul>",
        ]
    for title, table in shown.tables.items():
        parts += [f"<h2>{_text(title)}</h2>", f'<div class="scrolls">{table}</div>']
    for number, (about, figure) in enumerate(shown.pictures.values()):
        parts.append(f"<figure>{_drawn(figure, first=not number)}<figcaption>{_text(about)}</figcaption></figure>")
    where = f'<p>The view: <a href="{html.escape(link, quote=True)}">{_text(link)}</a></p>' if link else ""
    parts.append(
        f"<footer>{where}{''.join(f'<p>{_text(one)}</p>' for one in credits)}<p>Made with TasNet Lens.</p></footer>"
    )
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{_text(shown.title)}</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{STYLE}</style></head>\n'
        f"<body>{''.join(parts)}</body></html>\n"
    )


def _text(words: str) -> str:
    """Words without Markdown's bold, safe in HTML."""
    return html.escape(str(words).replace("**", ""))


def _sounds(sounds: Mapping[str, tuple[str, np.ndarray, int]]) -> list[str]:
    """A line for each sound; all at one gain, so that none clips and levels can be compared."""
    peak = max(float(np.abs(samples).max(initial=0)) for _, samples, _ in sounds.values())
    gain = min(1.0, 0.99 / peak) if peak else 1.0
    lines = []
    for name, (about, samples, rate) in sounds.items():
        file = io.BytesIO()
        soundfile.write(file, gain * samples, rate, format="FLAC", subtype="PCM_16")
        source = f"data:audio/flac;base64,{base64.b64encode(file.getvalue()).decode()}"
        about = f"<br><small>{_text(about)}</small>" if about else ""
        lines.append(
            f'<div class="sound"><span>{_text(name)}{about}</span><audio controls src="{source}"></audio></div>'
        )
    return lines


def _drawn(figure: go.Figure, *, first: bool) -> str:
    """The figure; with the `first` one also the script that draws them."""
    sized = go.Figure(figure).update_layout(width=WIDTH, autosize=False, font={"color": "#1c2130"})
    return sized.to_html(full_html=False, include_plotlyjs=first, config={"staticPlot": True, "responsive": False})
