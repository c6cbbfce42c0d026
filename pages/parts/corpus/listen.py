"""The mixtures of a test set by ear: the worst and best by a click, separated again and played."""

from dataclasses import replace

import streamlit as st

import tasnet
from analysis import of_networks
from analysis.corpus.paired import Pair
from analysis.corpus.report import digits, per_mixture, ranked
from analysis.corpus.results import Header, Results
from analysis.scores.comparison import Comparison
from analysis.scores.systems import NETWORK, SYSTEMS
from analysis.words.say import number
from pages.parts import folders, listening, models, result_cache, workspace
from pages.parts.captions import caption
from pages.parts.player import player
from pages.parts.score_table import score_table
from pages.parts.text import plain
from tasnet.data.mixture_sets import CorpusError
from tasnet.errors import UserError
from tasnet.mixture import Mixture

COUNT = 10
LIST_WIDTH = 440  # pixels: two lists side by side, or one below the other on a small screen


def set_mixture(mixture: str) -> None:
    """Make `mixture` the one to listen to; for callbacks, before the page is drawn."""
    st.session_state.corpus_mixture = mixture


def point_hint(results: Results) -> str:
    """What a click on a mixture's point does."""
    return f"Click a point to {'hear it below' if results.header.folder else 'mark it'}."


def show_extremes(results: Results, measure: str) -> None:
    """The ten worst and best mixtures; each a button where it can be played."""
    order, values = ranked(results, measure), per_mixture(results, NETWORK, measure)
    count = min(COUNT, len(order) // 2)
    lists = {f"The {count} worst": order[:count], f"The {count} best": order[::-1][:count]}
    if not results.header.folder:
        caption("The scores came without their mixtures, so rows stay silent until the folder is named.")
    with st.container(horizontal=True):
        for title, positions in lists.items():
            list_mixtures(
                title,
                {results.good[k].mixture: number(values[k], digits(measure)) for k in positions},
                playable=bool(results.header.folder),
            )


def choose_mixture(results: Results, measure: str) -> int | None:
    """The mixture to listen to as a position in `results.good`, from a list that begins with the worst."""
    by_name = {results.good[position].mixture: position for position in ranked(results, measure)}
    return by_name.get(choose_among(list(by_name), "a mixture, from the worst to the best"))


def choose_among(names: list[str], order: str) -> str | None:
    """One of the mixtures' names, from a list; `order` says how it is ordered."""
    if st.session_state.get("corpus_mixture") not in [None, *names]:
        st.session_state.corpus_mixture = None  # of other results
    return st.selectbox("Listen to", names, index=None, placeholder=order, key="corpus_mixture", bind="query-params")


def list_mixtures(head: str, lines: dict[str, str], *, playable: bool) -> None:
    """Mixtures as buttons that choose them, under a head in Markdown; lines: {mixture: what is said before its name}.

    The icon shows before the click whether it will be played, or only marked in the pictures.
    """
    with st.container(border=True, gap=None, width=LIST_WIDTH):
        st.markdown(f"**{head}**")
        for name, value in lines.items():
            st.button(
                f"**{value}** · {plain(name)}",
                icon=":material/play_circle:" if playable else ":material/my_location:",
                help=None if playable else "Marks it in the picture.",
                type="tertiary",
                key=f"{head} {name}",
                on_click=set_mixture,
                args=(name,),
            )


def listen_to_both(both: Pair, position: int) -> None:
    """One mixture separated by both models again, in one player with the clean voices."""
    if not both.first.header.folder:
        _tell_silent()
        return
    measured = [_model(results.header) for results in (both.first, both.second)]
    if None in measured:
        return
    row = both.first.good[position]
    try:
        sound = _read(both.first.header, row.index, row.mixture)
    except UserError as problem:
        st.warning(f"This mixture cannot be played: {plain(problem)}", icon=":material/volume_off:")
        return
    found = []
    for model, results in zip(measured, (both.first, both.second), strict=True):
        if (scored := _scored(sound, model, results.header, row.mixture)) is None:
            return
        found.append(scored)
    player(
        listening.models_tracks(dict(zip(map(models.with_titles, both.names), found, strict=True))),
        key="corpus_pair_player",
    )


def listen(results: Results, position: int) -> None:
    """One mixture: separated and scored again, as a table and in the player."""
    row, header = results.good[position], results.header
    if not header.folder:
        _tell_silent()
        return
    if (model := _model(header)) is None:
        return
    try:
        sound = _read(header, row.index, row.mixture)
    except UserError as problem:
        st.warning(f"This mixture cannot be played: {plain(problem)}", icon=":material/volume_off:")
        return
    found = _scored(sound, model, header, row.mixture)
    if found is not None:
        score_table(found)
        player(listening.compared_tracks(found), key="corpus_player")


def _tell_silent() -> None:
    """Say why a mixture cannot be played where the results have no folder."""
    st.info("To hear it, name the folder of these mixtures above the lists.", icon=":material/volume_off:")


def _read(header: Header, index: int, name: str) -> Mixture:
    """Mixture `index` of the set that was measured. Raises CorpusError where it is no longer there."""
    mixtures = folders.mixtures_below_root(header.folder, split=header.split, kind=header.kind)
    if index >= len(mixtures) or mixtures.rows[index].name != name:
        raise CorpusError("That folder holds another set now.")
    one = mixtures[index]
    speakers = one.speakers or tuple(str(number) for number in range(1, len(one.sources) + 1))
    return replace(one, labels=tuple(f"Speaker {name}" for name in speakers))


def _model(header: Header) -> str | None:
    """The model that was measured; where it is gone the page says so."""
    try:
        model = header.model if header.model in tasnet.available() else str(folders.file_below_root(header.file))
        workspace.separator(model)
    except UserError as problem:
        st.warning(f"The model that was measured is not here: {plain(problem)}", icon=":material/volume_off:")
        return None
    return model


def _scored(sound: Mixture, model: str, header: Header, name: str) -> Comparison | None:
    """The mixture `name` separated and scored again; None where it was cancelled."""
    seconds, hashes = len(sound.mixture) / sound.rate, result_cache.fingerprint(sound.mixture, sound.references)
    return workspace.with_progress(
        ("corpus", hashes, header.weights, str(workspace.separator(model).device)),
        f"Separating {plain(name)}",
        seconds,
        workspace.apart(of_networks.separate_and_compare, [model], sound, seconds=seconds * len(SYSTEMS)),
        stays=True,
    )
