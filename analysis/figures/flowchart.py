"""Fig. 1 for any configuration: the network drawn with its sizes, as SVG in the colours of the page around it."""

import math
import re
from html import escape

from plotly.colors import sample_colorscale

from tasnet import ConvTasNetConfig

from .palette import MIXTURE_COLOUR, speaker_colour

WIDTH, HEIGHT = 1000, 560
INK = "#1c2130"  # on paper
DILATION_SCALE = "Teal"  # a colour for each dilation factor, as in the paper's figure
BOX = 'fill="currentColor" fill-opacity="0.06" stroke="currentColor" stroke-opacity="0.45" rx="8"'
LINE = 'fill="none" stroke="currentColor" stroke-opacity="0.6" stroke-width="1.5"'


def network(config: ConvTasNetConfig) -> str:
    """An SVG element: the flowchart (Fig. 1 B) with every layer's sizes, and one 1-D conv block (Fig. 1 C)."""
    c = config
    alt = (
        f"Conv-TasNet: an encoder of {c.N} filters of {c.L} samples, a separation module of {c.R} repeats of {c.X} "
        f"blocks with {c.B}, {c.H} and {c.Sc} channels, masks for {c.C} speakers, a decoder."
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-label="{escape(alt)}" font-family="inherit" style="width:100%;min-width:820px;max-width:1200px">'
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        '<path d="M0 0 L8 4 L0 8 z" fill="currentColor" fill-opacity="0.7"/></marker></defs>'
        f"{_coders(c)}{_separator(c)}{_block(c)}</svg>"
    )


def on_paper(drawn: str) -> str:
    """What `network` has drawn as a file of its own: of a fixed size, in ink, in a font that every system has."""
    figure = re.sub(r' style="width:[^"]*"', f' width="{WIDTH}" height="{HEIGHT}"', drawn, count=1)
    return figure.replace("currentColor", INK).replace('font-family="inherit"', 'font-family="sans-serif"')


def _coders(c: ConvTasNetConfig) -> str:
    milliseconds = 1000 * c.L / c.sample_rate
    encoder = {"linear": "1-D conv", "relu": "1-D conv, ReLU", "pinv": "decoder's inverse"}[c.encoder]
    sources = "".join(
        _wave(900, 62 + 34 * (speaker - (c.C - 1) / 2), 76, speaker_colour(speaker), 1.5 + speaker)
        for speaker in range(c.C)
    )
    return (
        _wave(20, 62, 76, MIXTURE_COLOUR, 2.3)
        + _text(58, 108, "mixture", small=True)
        + _arrow((100, 62), (140, 62))
        + _box(140, 32, 150, "Encoder", f"{encoder}, {c.N} × {c.L}")
        + _text(215, 108, f"{c.N} filters of {milliseconds:g} ms, every {milliseconds / 2:g} ms", small=True)
        + _arrow((290, 62), (653, 62))
        + _text(420, 54, f"w: {c.N} channels, {c.sample_rate / c.hop:g} frames a second", small=True)
        + f'<circle cx="667" cy="62" r="13" {LINE}/>'
        + _text(667, 67, "×")
        + _arrow((680, 62), (730, 62))
        + _box(730, 32, 130, "Decoder", f"1-D conv, {c.N} × {c.L}")
        + _arrow((860, 62), (896, 62))
        + sources
        + _text(938, 62 + 34 * (c.C - 1) / 2 + 36, f"{c.C} source{'s' * (c.C > 1)}", small=True)
        + _arrow((320, 62), (320, 126), (77, 126), (77, 217))
        + _arrow((929, 217), (929, 126), (667, 126), (667, 75))
        + _text(790, 119, f"{c.C} mask{'s' * (c.C > 1)} of {c.N} channels", small=True)
    )


def _separator(c: ConvTasNetConfig) -> str:
    left, right, top, bottom = 330.0, 650.0, 182.0, 330.0
    wide, high = (right - left) / c.X, min((bottom - top) / c.R, 40)
    top = (top + bottom - high * c.R) / 2
    colours = sample_colorscale(DILATION_SCALE, [0.15 + 0.7 * i / max(1, c.X - 1) for i in range(c.X)])
    cells = "".join(
        f'<rect class="block" x="{left + x * wide + 2:.1f}" y="{top + r * high + 2:.1f}" width="{wide - 4:.1f}" '
        f'height="{high - 4:.1f}" rx="4" fill="{colours[x]}"/>'
        for r in range(c.R)
        for x in range(c.X)
    )
    dilations = "".join(
        _text(left + (x + 0.5) * wide, top - 6, str(2**x), small=True) for x in range(c.X) if wide > 22 or x % 2 == 0
    )
    limit = {"sigmoid": "Sigmoid", "softmax": "Softmax", "relu": "ReLU"}[c.mask]
    return (
        f'<rect x="10" y="142" width="980" height="232" {BOX} stroke-dasharray="5 4"/>'
        + _text(30, 166, "Separation module", anchor="start", bold=True)
        + _box(22, 217, 110, c.norm, f"{c.N} channels")
        + _arrow((132, 247), (162, 247))
        + _box(162, 217, 120, "1×1-conv", f"{c.N} → {c.B}")
        + _arrow((282, 247), (left, 247))
        + dilations
        + _text(left - 6, top - 6, "dilation", small=True, anchor="end")
        + cells
        + _text(
            (left + right) / 2,
            356,
            f"{c.R} repeat{'s' * (c.R > 1)} of {c.X} 1-D conv block{'s' * (c.X > 1)}, row after row: "
            f"{c.receptive_field_frames} frames, {c.receptive_field:.2f} s in view",
            small=True,
        )
        + _arrow((right, 247), (677, 247))
        + f'<circle cx="691" cy="247" r="13" {LINE}/>'
        + _text(691, 252, "Σ")
        + _text(691, 282, "skip paths", small=True)
        + _arrow((704, 247), (724, 247))
        + _box(724, 217, 140, "PReLU, 1×1-conv", f"{c.Sc} → {c.C} · {c.N}")
        + _arrow((864, 247), (884, 247))
        + _box(884, 217, 90, limit, "masks")
    )


def _block(c: ConvTasNetConfig) -> str:
    future = "past frames only" if c.causal else "past and future"
    layers = [
        ("1×1-conv", f"{c.B} → {c.H}", 110),
        ("PReLU", c.norm, 78),
        ("D-conv", f"{c.H} channels, {c.P} taps", 168),
        ("PReLU", c.norm, 78),
    ]
    x, drawn = 96, ""
    for title, size, width in layers:
        drawn += _arrow((x - 26, 466), (x, 466)) + _box(x, 436, width, title, size)
        if title == "D-conv":
            drawn += _text(x + width / 2, 518, f"dilation 1 to {2 ** (c.X - 1)}, {future}", small=True)
        x += width + 26
    return (
        f'<rect x="10" y="388" width="980" height="160" {BOX} stroke-dasharray="5 4"/>'
        + _text(30, 412, f"One of the {c.X * c.R} 1-D conv blocks", anchor="start", bold=True)
        + _text(46, 471, f"{c.B} ch.", small=True)
        + drawn
        + _arrow((x - 26, 466), (x, 466), (x, 440), (x + 24, 440))
        + _arrow((x, 466), (x, 512), (x + 24, 512))
        + _box(x + 24, 410, 168, "1×1-conv, residual", f"{c.H} → {c.B}")
        + _box(x + 24, 482, 168, "1×1-conv, skip", f"{c.H} → {c.Sc}")
        + _arrow((x + 192, 440), (x + 222, 440))
        + _arrow((x + 192, 512), (x + 222, 512))
        + _text(x + 228, 445, "+ its input: next block", small=True, anchor="start")
        + _text(x + 228, 517, "to Σ", small=True, anchor="start")
    )


def _box(x: float, y: float, width: float, title: str, size: str) -> str:
    middle = x + width / 2
    return (
        f'<rect x="{x}" y="{y}" width="{width}" height="60" {BOX}/>'
        + _text(middle, y + 26, title, bold=True)
        + _text(middle, y + 46, size, small=True)
    )


def _text(x: float, y: float, text: str, *, small: bool = False, anchor: str = "middle", bold: bool = False) -> str:
    weight = ' font-weight="600"' if bold else ""
    size = 12.5 if small else 14
    return f'<text x="{x}" y="{y}" font-size="{size}" text-anchor="{anchor}"{weight} fill="currentColor">{text}</text>'


def _arrow(*points: tuple[float, float]) -> str:
    path = " ".join(f"{x},{y}" for x, y in points)
    return f'<polyline points="{path}" {LINE} marker-end="url(#tip)"/>'


def _wave(x: float, y: float, width: float, colour: str, rate: float) -> str:
    """A sketch of a sound, so that a mixture looks like one."""
    steps = 38
    points = " ".join(
        f"{x + width * i / steps:.1f},"
        f"{y + 13 * math.sin(rate * i) * math.sin(math.pi * i / steps) * (0.5 + 0.5 * math.sin(0.35 * rate * i)):.1f}"
        for i in range(steps + 1)
    )
    return f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.8"/>'
