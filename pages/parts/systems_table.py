"""A section of the page Ideal masks: Table IV of every system that runs here, on paper, on a set and on this sound."""

from dataclasses import replace

import numpy as np
import pandas as pd
import streamlit as st

from analysis.corpus.report import per_mixture
from analysis.corpus.results import ResultsError
from analysis.corpus.shipped import is_current, read_shipped, shipped
from analysis.network.systems_table import SystemRow, mask_row, network_row
from analysis.scores.comparison import Comparison
from analysis.scores.ideal_masks import MASKS
from analysis.scores.systems import NETWORK, SYSTEMS, ScoredSystem
from analysis.words.say import number, quantity
from analysis.words.systems_table import explain_systems
from pages.parts import listening, models, own_model, workspace
from pages.parts.captions import caption
from pages.parts.handout import say
from pages.parts.player import player
from pages.parts.score_table import PRINTED, TABLE_CSS, show_table
from tasnet import checkpoint

MOST = 6  # systems on this sound at once: more are too many lanes to compare
NONE = "–"


def show_systems_table(found: Comparison) -> None:
    """The section for the sound of `found`, whose network and masks ran already."""
    sound, chosen = found.mixture, workspace.selection().model
    voices = len(sound.references)
    names = [name for name in checkpoint.bundled() if models.label(name).voices == voices]
    if voices < 2 or not names:
        return
    st.markdown("## Every system here")
    titles = models.plain_titles([*dict.fromkeys([*names, chosen])])
    titles = {name: _full(name, title) for name, title in titles.items()}
    if chosen == own_model.path():
        titles[chosen] = own_model.own_label(chosen)
    others = {name: titles[name] for name in names if name != chosen}
    asked = [models.linked(one, others) for one in st.query_params.get_all("systems")]
    held = st.session_state.get("systems", asked)  # which may now be the sidebar's, or of other voices
    st.session_state.systems = [name for name in held if name in others][:MOST]
    wanted = st.multiselect(
        "Also on this sound",
        others,
        format_func=titles.__getitem__,
        max_selections=MOST,
        placeholder="choose systems to run and hear",
        key="systems",
        bind="query-params",
        help="The sidebar's model and the ideal masks run anyway.",
    )
    scored = _run(found, wanted, titles)
    rows = _rows(names, titles, voices)
    if chosen not in names:
        rows.insert(0, network_row(chosen, titles[chosen], workspace.separator().config, None))
    here = {name: value for name, row in scored.items() if (value := row.score("si_snri")) is not None}
    say(explain_systems(rows, here), key="systems")
    show_table(_styled(rows, here, voices).set_table_styles(TABLE_CSS), "Systems")
    caption(
        "SI-SNRi in dB. The paper's figures are of the published systems, trained on WSJ0: the row names which one; "
        "what differs here stands in each model's card. Measured: the mean over the set whose results come along; a "
        "dash where it was not measured. Multiply-adds: of matrices and convolutions, FFTs and k-means apart. Latency: "
        "what a system has to hear before the first sample can come out."
    )
    if wanted:
        networks = [row for name, row in scored.items() if name not in MASKS]
        player(listening.tracks_of(sound, networks), key="systems_player", spectrograms=False)


def _full(name: str, title: str) -> str:
    """A title with the system's name, which titles of Conv-TasNets leave out."""
    system = models.label(name).system
    return title if title.startswith(system) else f"{system}, {title[:1].lower()}{title[1:]}"


def _run(found: Comparison, wanted: list[str], titles: dict[str, str]) -> dict[str, ScoredSystem]:
    """{name: what it made of the sound}, the sidebar's model, then those `wanted`, then the masks."""
    chosen = workspace.selection().model
    scored = {chosen: replace(found.network, name=titles[chosen])}
    for name in wanted:
        separation = workspace.separation(found.mixture, name)
        compared = workspace.compared(found.mixture, separation, name, ideal=False, pesq=False) if separation else None
        if compared is None:
            break
        scored[name] = replace(compared.network, name=titles[name])
    return scored | {row.name: row for row in found.ideal}


def _rows(names: list[str], titles: dict[str, str], voices: int) -> list[SystemRow]:
    files = {name: file for name, file in shipped().items() if name in names}
    means = {name: _means(name, file.stat().st_mtime) for name, file in files.items()}
    rows = []
    for name in names:
        config, _ = checkpoint.describe(checkpoint.bundled()[name])
        rows.append(network_row(name, titles[name], config, means.get(name, {}).get(NETWORK)))
    of_masks = next(iter(means.values()), {})  # which are the same beside every network
    return [*rows, *(mask_row(mask, voices, of_masks.get(mask)) for mask in MASKS)]


@st.cache_data(max_entries=16, show_spinner=False)
def _means(name: str, _changed: float) -> dict[str, float]:
    """{system: SI-SNRi (dB)} over the set whose results of the present weights come along."""
    try:
        results = read_shipped(name)
    except ResultsError:
        return {}
    if not is_current(name, results.header.weights):
        return {}
    scores = {system: per_mixture(results, system, "si_snri") for system in SYSTEMS}
    return {system: float(own[np.isfinite(own)].mean()) for system, own in scores.items() if np.isfinite(own).any()}


def _styled(rows: list[SystemRow], here: dict[str, float], voices: int) -> pd.io.formats.style.Styler:
    printed, measured = f"The paper · WSJ0-{voices}mix", f"Here · Libri{voices}Mix"
    texts = [
        {
            printed: _printed(row),
            measured: NONE if row.measured is None else number(row.measured, 2),
            "This sound": number(here[row.name], 1) if row.name in here else NONE,
            "Parameters": NONE if row.parameters is None else quantity(row.parameters),
            "Multiply-adds / s": NONE if row.multiply_adds is None else quantity(row.multiply_adds),
            "Causal": {None: NONE, True: "yes", False: "no"}[row.causal],
            "Latency": _latency(row),
        }
        for row in rows
    ]
    frame = pd.DataFrame(texts, [row.title for row in rows])
    return frame.style.format(escape="html").map(lambda _: PRINTED, subset=[printed])


def _printed(row: SystemRow) -> str:
    if row.printed is None:
        return NONE
    score = row.printed.si_snri
    text = f"{score:.1f}" if score is not None else f"SDRi {row.printed.sdri:.1f}"
    return text if row.printed.method == row.name else f"{row.printed.method} {text}"


def _latency(row: SystemRow) -> str:
    if row.causal is None:
        return NONE
    return "the whole sound" if row.latency is None else f"{number(1000 * row.latency, 0)} ms"
